//! Where to connect to, or listen: the words a user writes, parsed.

mod reading;

pub use reading::ParseEndpointError;
pub(crate) use reading::in_ascii;

use reading::{Reading, read, read_os, read_two};
use socket2::Type;
use std::ffi::{OsStr, OsString};
use std::net::SocketAddr;
use std::{fmt, path::PathBuf, str::FromStr};

/// One end of a connection, as a user writes it: `host:port`, `[::1]:port`, `tcp://host:port`, `tls://host:port`,
/// `udp://host:port`, `unix:path`, `unix:@name`.
///
/// A name is not resolved here; [`connect`](crate::connect()) does that. A name that is not ASCII becomes its `xn--` form
/// (RFC 5891), but for one of multicast DNS, below `.local`, which is asked for as it is (RFC 6762, section 16).
///
/// Parsing asks the system for nothing, so the port is a number, and it is the same text for connecting and for listening.
/// [`for_connecting`](Self::for_connecting) and [`for_listening`](Self::for_listening) take what people write on a command line:
/// `host:http`, and where to listen also `:9000` or `9000`.
///
/// # Examples
///
/// ```
/// use adieu::Endpoint;
///
/// let endpoint: Endpoint = "[::1]:27015".parse()?;
/// assert_eq!(endpoint, Endpoint::tcp("::1", 27015));
/// assert!("::1:27015".parse::<Endpoint>().is_err());
/// # Ok::<(), adieu::ParseEndpointError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Endpoint {
    /// A TCP port of a host: a name, an IPv4 or an IPv6 address (without brackets).
    Tcp {
        /// The name or address. Empty, it is every address of this machine, which can only be listened on: of IPv6 and IPv4, or
        /// of the version that the system has. Shown as `:port`.
        host: String,
        /// The port; 0 lets the system choose one to listen on.
        port: u16,
    },
    /// A TCP port on which TLS is spoken, as `tls://host:port`.
    Tls {
        /// The name or address, or empty, as of [`Tcp`](Self::Tcp).
        host: String,
        /// The port.
        port: u16,
    },
    /// A UDP port, as `udp://host:port`. It is for the module [`datagram`](crate::datagram) alone, because it has no
    /// connections. RFC 768.
    Udp {
        /// The name or address, or empty, as of [`Tcp`](Self::Tcp).
        host: String,
        /// The port; 0 lets the system choose one to receive on.
        port: u16,
    },
    /// A Unix socket in the file system: of streams, or for the module [`datagram`](crate::datagram) of datagrams.
    Unix {
        /// Its path.
        path: PathBuf,
    },
    /// A Unix socket with an abstract name, which is no file: it goes with its socket.
    ///
    /// # Platforms
    ///
    /// Linux. Elsewhere connecting and listening say that there is no such thing. unix(7).
    UnixAbstract {
        /// The name, without the zero byte before it.
        name: String,
    },
    /// A listening socket that the service manager passed to this process: socket activation. It is only for listening, and is
    /// not parsed from text, because a text is also what is connected to. Shown as `fd:NAME`.
    ///
    /// # Platforms
    ///
    /// Unix. Elsewhere listening says that nothing was passed. sd_listen_fds(3).
    Passed {
        /// Its name (systemd's `FileDescriptorName=`), or its number, from 3 on.
        name: String,
    },
}

impl Endpoint {
    /// A TCP endpoint.
    pub fn tcp(host: impl Into<String>, port: u16) -> Self {
        Self::Tcp { host: host.into(), port }
    }

    /// A TCP endpoint on which TLS is spoken.
    pub fn tls(host: impl Into<String>, port: u16) -> Self {
        Self::Tls { host: host.into(), port }
    }

    /// A UDP endpoint.
    pub fn udp(host: impl Into<String>, port: u16) -> Self {
        Self::Udp { host: host.into(), port }
    }

    /// The host. `None`: a Unix socket has none.
    pub(crate) fn host(&self) -> Option<&str> {
        match self {
            Self::Tcp { host, .. } | Self::Tls { host, .. } | Self::Udp { host, .. } => Some(host),
            Self::Unix { .. } | Self::UnixAbstract { .. } | Self::Passed { .. } => None,
        }
    }

    /// Whether it is known to be a Unix socket.
    pub const fn is_unix(&self) -> bool {
        matches!(self, Self::Unix { .. } | Self::UnixAbstract { .. })
    }

    /// A Unix socket's path.
    pub fn unix(path: impl Into<PathBuf>) -> Self {
        Self::Unix { path: path.into() }
    }

    /// A Unix socket's abstract name.
    pub fn unix_abstract(name: impl Into<String>) -> Self {
        Self::UnixAbstract { name: name.into() }
    }

    /// A listening socket that the service manager passed, by its name or its number. No text is parsed as one: a program that
    /// takes `fd:NAME` from its users takes the prefix off and calls this.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use adieu::{Endpoint, ListenOptions, Listener};
    ///
    /// let text = "fd:web";
    /// let endpoint = match text.strip_prefix("fd:") {
    ///     Some(name) => Endpoint::passed(name),
    ///     None => text.parse()?,
    /// };
    /// let listener = Listener::bind(&endpoint, &ListenOptions::new())?;
    /// println!("listening on {}", listener.local_endpoint()); // its address
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn passed(name: impl Into<String>) -> Self {
        Self::Passed { name: name.into() }
    }

    /// Parses where to connect to as a person writes it: as [`parse`](str::parse) does, and the port may be the name of a service,
    /// as in `host:http`. The name is looked up here, in this system's table of services (services(5)); that is all that the
    /// system is asked.
    ///
    /// # Errors
    ///
    /// As of [`parse`](str::parse), or this system knows no such service.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use adieu::Endpoint;
    ///
    /// let endpoint = Endpoint::for_connecting("example.com:http")?;
    /// assert_eq!(endpoint, Endpoint::tcp("example.com", 80));
    /// # Ok::<(), adieu::ParseEndpointError>(())
    /// ```
    pub fn for_connecting(text: impl AsRef<OsStr>) -> Result<Self, ParseEndpointError> {
        read_os(text.as_ref(), Reading::ToConnect)
    }

    /// Parses where to listen as a person writes it: as [`for_connecting`](Self::for_connecting) does, and a port alone (`9000`,
    /// `:9000`, `tls://:9000`, `:http`) is that port of every address of this machine.
    ///
    /// # Errors
    ///
    /// As of [`for_connecting`](Self::for_connecting).
    ///
    /// # Examples
    ///
    /// ```
    /// use adieu::{Endpoint, ListenOptions, Listener};
    ///
    /// assert_eq!(Endpoint::for_listening("9000")?, Endpoint::tcp("", 9000));
    ///
    /// let listener = Listener::bind(&Endpoint::for_listening(":0")?, &ListenOptions::new())?;
    /// println!("listening on {}", listener.local_endpoint()); // [::]:41237, or 0.0.0.0:41237 where there is no IPv6
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn for_listening(text: impl AsRef<OsStr>) -> Result<Self, ParseEndpointError> {
        read_os(text.as_ref(), Reading::ToListen)
    }

    /// A TCP endpoint from its two words, as in `host port`.
    ///
    /// # Errors
    ///
    /// The host is empty or has a colon without being an IPv6 address, or the port is not a number from 0 to 65535.
    pub fn from_host_and_port(host: &str, port: &str) -> Result<Self, ParseEndpointError> {
        read_two(host, port, Reading::Plain, Type::STREAM)
    }

    /// A TCP endpoint from its two words, as in `host http`: the second is a port, or the name of a service that is looked up as
    /// [`for_connecting`](Self::for_connecting) does.
    ///
    /// # Errors
    ///
    /// As of [`from_host_and_port`](Self::from_host_and_port), or this system knows no such service.
    pub fn from_host_and_service(host: &str, service: &str) -> Result<Self, ParseEndpointError> {
        read_two(host, service, Reading::ToConnect, Type::STREAM)
    }
}

impl Endpoint {
    /// The endpoint as it can be taken again, also where a Unix socket's path is no text. What is displayed has a sign in
    /// the place of each byte that is none.
    pub fn to_os_string(&self) -> OsString {
        match self {
            Self::Unix { path } => {
                // Without its directory it would read as an abstract name.
                let is_abstract = path.as_os_str().as_encoded_bytes().starts_with(b"@");
                let mut text = OsString::from(if is_abstract { "unix:./" } else { "unix:" });
                text.push(path);
                text
            }
            other => other.to_string().into(),
        }
    }
}

/// Hosts that cannot be told from the beginning of something else: they are shown, and taken, with `tcp://`.
const NEEDS_SCHEME: [&str; 4] = ["fd", "tcp", "udp", "unix"];

impl FromStr for Endpoint {
    type Err = ParseEndpointError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        read(text, Reading::Plain)
    }
}

/// The words of a command line, where a Unix socket's path may be any bytes.
impl TryFrom<&OsStr> for Endpoint {
    type Error = ParseEndpointError;

    fn try_from(text: &OsStr) -> Result<Self, Self::Error> {
        read_os(text, Reading::Plain)
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tls { host, port } if host.contains(':') => write!(f, "tls://[{host}]:{port}"),
            Self::Tls { host, port } => write!(f, "tls://{host}:{port}"),
            Self::Udp { host, port } if host.contains(':') => write!(f, "udp://[{host}]:{port}"),
            Self::Udp { host, port } => write!(f, "udp://{host}:{port}"),
            Self::Tcp { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Tcp { host, port } if NEEDS_SCHEME.iter().any(|name| host.eq_ignore_ascii_case(name)) => {
                write!(f, "tcp://{host}:{port}")
            }
            Self::Tcp { host, port } => write!(f, "{host}:{port}"),
            Self::Unix { .. } => self.to_os_string().display().fmt(f),
            Self::UnixAbstract { name } => write!(f, "unix:@{name}"),
            Self::Passed { name } => write!(f, "fd:{name}"),
        }
    }
}

/// An address that means something in its zone alone keeps it, by its number.
impl From<SocketAddr> for Endpoint {
    fn from(address: SocketAddr) -> Self {
        Self::tcp(host_of(address), address.port())
    }
}

/// The host of an address, with its zone if it has one.
pub(crate) fn host_of(address: SocketAddr) -> String {
    match address {
        SocketAddr::V6(v6) if v6.scope_id() != 0 => format!("{}%{}", v6.ip(), v6.scope_id()),
        other => other.ip().to_string(),
    }
}

#[cfg(test)]
mod tests;
