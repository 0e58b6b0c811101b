//! Where to connect to, or listen: the words a user writes, parsed.

use std::ffi::{OsStr, OsString};
use std::net::SocketAddr;
use std::{fmt, path::PathBuf, str::FromStr};

/// One end of a connection, as a user writes it: `host:port`, `[::1]:port`, `tcp://host:port`, `tls://host:port`,
/// `udp://host:port`, `unix:path`, `unix:@name`.
///
/// A name is not resolved here; [`connect`](crate::connect()) does that. A name that is not ASCII becomes its `xn--` form
/// (RFC 5891), but for one of multicast DNS, below `.local`, which is asked for as it is (RFC 6762, section 16).
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
        /// The name or address.
        host: String,
        /// The port; 0 lets the system choose one to listen on.
        port: u16,
    },
    /// A TCP port on which TLS is spoken, as `tls://host:port`.
    Tls {
        /// The name or address.
        host: String,
        /// The port.
        port: u16,
    },
    /// A UDP port, as `udp://host:port`. It is for the module [`datagram`](crate::datagram) alone, because it has no
    /// connections. RFC 768.
    Udp {
        /// The name or address.
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
    pub(crate) const fn is_unix(&self) -> bool {
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

    /// A TCP endpoint from its two words, as in `host port`.
    ///
    /// # Errors
    ///
    /// The host is empty or has a colon without being an IPv6 address, or the port is not a number from 0 to 65535.
    pub fn from_host_and_port(host: &str, port: &str) -> Result<Self, ParseEndpointError> {
        let bare = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
        if bare.is_empty() {
            return Err(ParseEndpointError::NoHost);
        }
        if bare == "*" {
            return Err(ParseEndpointError::EveryAddress { port: port.to_owned() });
        }
        if bare.contains(':') && !is_ipv6(bare) {
            let given = host.to_owned();
            return Err(match host.parse::<Self>() {
                Ok(_) => ParseEndpointError::AlreadyWhole { given, rest: port.to_owned() },
                Err(
                    ParseEndpointError::BadPort { .. }
                    | ParseEndpointError::NeedsBrackets { .. }
                    | ParseEndpointError::TooManyColons,
                ) => ParseEndpointError::BadHost { given },
                Err(error) => error,
            });
        }
        if bare.starts_with('/') {
            return Err(ParseEndpointError::LooksLikePath { given: host.to_owned() });
        }
        // None of these is in any name, nor in a way of writing an address.
        if bare.contains(|c: char| "[]/@*".contains(c) || c.is_whitespace() || c.is_control()) {
            return Err(ParseEndpointError::BadHost { given: host.to_owned() });
        }
        Ok(Self::tcp(in_ascii(bare)?, parse_port(port)?))
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

/// A name in the form that name servers know: `xn--bcher-kva.example` of `bücher.example`.
pub(crate) fn in_ascii(host: &str) -> Result<String, ParseEndpointError> {
    let is_multicast = || {
        let name = host.strip_suffix('.').unwrap_or(host);
        name.rsplit_once('.').is_some_and(|(_, last)| last.eq_ignore_ascii_case("local"))
    };
    if host.is_ascii() || is_multicast() {
        return Ok(host.to_owned());
    }
    match idna::domain_to_ascii_cow(host.as_bytes(), idna::AsciiDenyList::URL) {
        Ok(name) if !name.is_empty() => Ok(name.into_owned()),
        _ => Err(ParseEndpointError::NotAName { given: host.to_owned() }),
    }
}

/// Hosts that cannot be told from the beginning of something else: they are shown, and taken, with `tcp://`.
const NEEDS_SCHEME: [&str; 4] = ["fd", "tcp", "udp", "unix"];

/// What follows a scheme, which is the same in any case: RFC 3986, section 3.1.
fn after<'a>(scheme: &str, text: &'a str) -> Option<&'a str> {
    let (start, rest) = text.split_at_checked(scheme.len())?;
    start.eq_ignore_ascii_case(scheme).then_some(rest)
}

/// With or without a zone, as in `fe80::1%eth0`.
fn is_ipv6(text: &str) -> bool {
    let (address, zone) = text.split_once('%').unwrap_or((text, "0"));
    let is_zone = !zone.is_empty() && zone.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
    is_zone && address.parse::<std::net::Ipv6Addr>().is_ok()
}

fn parse_port(text: &str) -> Result<u16, ParseEndpointError> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    match text.parse() {
        Ok(port) if digits => Ok(port),
        _ => Err(ParseEndpointError::BadPort { given: text.to_owned() }),
    }
}

/// Why a text is not an endpoint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseEndpointError {
    /// Nothing was given.
    #[error("the endpoint is empty: write host:port, [::1]:port or unix:path")]
    Empty,
    /// There is no port.
    #[error("'{given}' has no port: write {given}:PORT")]
    NoPort {
        /// What was given.
        given: String,
    },
    /// A port alone.
    #[error("'{given}' is only a port: write 127.0.0.1:{given}, or localhost:{given}")]
    OnlyPort {
        /// What was given.
        given: String,
    },
    /// There is no host.
    #[error("the endpoint has no host: write host:port, for example 127.0.0.1:27015")]
    NoHost,
    /// The first of two words is an endpoint by itself.
    #[error("'{given}' is a whole endpoint: leave out '{rest}', or write a host and its port")]
    AlreadyWhole {
        /// The first word.
        given: String,
        /// The second.
        rest: String,
    },
    /// A host with a colon that is no IPv6 address, or with a bracket that is not around one.
    #[error("'{given}' is not a host: write a name, or an address such as 127.0.0.1 or ::1")]
    BadHost {
        /// What was given.
        given: String,
    },
    /// The port is not a number.
    #[error("'{given}' is not a port: a port is a number from 0 to 65535")]
    BadPort {
        /// What was given.
        given: String,
    },
    /// A name that is not ASCII and has no form in ASCII.
    #[error("'{given}' is not a name that DNS can have (RFC 5891): write its xn-- form, or an address")]
    NotAName {
        /// What was given.
        given: String,
    },
    /// A star in the place of the host.
    #[error("'*' is not a host: to listen on every address write 0.0.0.0:{port}, or [::]:{port}")]
    EveryAddress {
        /// The port.
        port: String,
    },
    /// A path without `unix:`.
    #[error("it looks like a path: for a Unix socket write unix:{given}")]
    LooksLikePath {
        /// What was given.
        given: String,
    },
    /// A socket that the service manager passed, `fd:NAME`, or another descriptor. No text is parsed as one: a program that takes
    /// the former from its users calls [`Endpoint::passed`] with what follows `fd:`.
    #[error(
        "a descriptor cannot be given: write host:port or unix:path, or tcp://{given} for a host of this name"
    )]
    Descriptor {
        /// What was given.
        given: String,
    },
    /// A scheme without its slashes, as in `tcp:host:port`.
    #[error("the scheme needs its slashes: write {instead}")]
    NeedsSlashes {
        /// As it should be.
        instead: String,
    },
    /// More than one colon, and no IPv6 address.
    #[error("it has more than one colon, and is not an IPv6 address: write host:port")]
    TooManyColons,
    /// An IPv6 address without brackets cannot be told from its port.
    #[error("'{given}' looks like an IPv6 address: put it in brackets, as in [::1]:27015")]
    NeedsBrackets {
        /// What was given.
        given: String,
    },
    /// A bracket is not closed, or what follows is not a port.
    #[error("'{given}' is not well formed: write [address]:port, as in [::1]:27015")]
    BadBrackets {
        /// What was given.
        given: String,
    },
    /// There is no path.
    #[error("'unix:' needs a path, as in unix:/run/app.sock")]
    NoPath,
    /// There is no abstract name.
    #[error("'unix:@' needs a name, as in unix:@app")]
    NoName,
    /// It is no text, and not the path of a Unix socket, which need not be.
    #[error("'{given}' is not UTF-8: only the path after unix: may be anything else")]
    NotUnicode {
        /// What was given, with signs in the place of what is no text.
        given: String,
    },
    /// A scheme that is not spoken.
    #[error(
        "the scheme '{scheme}' is not supported: write host:port, [::1]:port, tls://host:port, udp://host:port or unix:path"
    )]
    UnknownScheme {
        /// The scheme.
        scheme: String,
    },
}

impl FromStr for Endpoint {
    type Err = ParseEndpointError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.is_empty() {
            return Err(ParseEndpointError::Empty);
        }
        if let Some(name) = text.strip_prefix("unix:@") {
            return if name.is_empty() {
                Err(ParseEndpointError::NoName)
            } else {
                Ok(Self::unix_abstract(name))
            };
        }
        if let Some(path) = text.strip_prefix("unix:") {
            return if path.is_empty() { Err(ParseEndpointError::NoPath) } else { Ok(Self::unix(path)) };
        }
        let schemes = ["tls://", "tcp://", "udp://"];
        if let Some(rest) = schemes.iter().find_map(|scheme| after(scheme, text))
            && (rest.contains("://")
                || rest.strip_prefix("unix:").is_some_and(|port| parse_port(port).is_err()))
        {
            return Err(ParseEndpointError::BadHost { given: rest.to_owned() });
        }
        if let Some(rest) = after("tls://", text) {
            return Ok(match tcp(rest)? {
                Self::Tcp { host, port } => Self::Tls { host, port },
                other => other,
            });
        }
        if let Some(rest) = after("tcp://", text) {
            return tcp(rest);
        }
        if let Some(rest) = after("udp://", text) {
            return Ok(match tcp(rest)? {
                Self::Tcp { host, port } => Self::Udp { host, port },
                other => other,
            });
        }
        if let Some((scheme, _)) = text.split_once("://") {
            return Err(ParseEndpointError::UnknownScheme { scheme: scheme.to_owned() });
        }
        if after("fd:", text).is_some() {
            return Err(ParseEndpointError::Descriptor { given: text.to_owned() });
        }
        for scheme in ["tcp", "udp", "tls"] {
            let rest = after(scheme, text).and_then(|rest| rest.strip_prefix(':'));
            // A host may have the name "tls".
            if let Some(rest) = rest.filter(|rest| scheme != "tls" || rest.contains(':')) {
                let instead = format!("{scheme}://{}", with_host(rest));
                return Err(ParseEndpointError::NeedsSlashes { instead });
            }
        }
        tcp(text)
    }
}

/// An example of a whole endpoint for what may be only its port.
fn with_host(rest: &str) -> String {
    if rest.contains(':') { rest.to_owned() } else { format!("127.0.0.1:{rest}") }
}

/// `host:port`.
fn tcp(text: &str) -> Result<Endpoint, ParseEndpointError> {
    let given = || text.to_owned();
    if let Some(rest) = text.strip_prefix('[') {
        return match rest.split_once(']') {
            Some((host, port)) if is_ipv6(host) => match port.strip_prefix(':') {
                Some(port) => Ok(Endpoint::tcp(host, parse_port(port)?)),
                None if port.is_empty() => Err(ParseEndpointError::NoPort { given: given() }),
                None => Err(ParseEndpointError::BadBrackets { given: given() }),
            },
            _ => Err(ParseEndpointError::BadBrackets { given: given() }),
        };
    }
    match text.split_once(':') {
        None if parse_port(text).is_ok() => Err(ParseEndpointError::OnlyPort { given: given() }),
        None if text.contains('/') || text.starts_with('@') => {
            Err(ParseEndpointError::LooksLikePath { given: given() })
        }
        None => Err(ParseEndpointError::NoPort { given: given() }),
        Some((_, rest)) if rest.contains(':') => {
            let is_address =
                text.bytes().all(|b| b.is_ascii_hexdigit() || b":.".contains(&b)) || text.contains('%');
            Err(if is_address {
                ParseEndpointError::NeedsBrackets { given: given() }
            } else {
                ParseEndpointError::TooManyColons
            })
        }
        Some((host, port)) => Endpoint::from_host_and_port(host, port),
    }
}

/// The words of a command line, where a Unix socket's path may be any bytes.
impl TryFrom<&OsStr> for Endpoint {
    type Error = ParseEndpointError;

    fn try_from(text: &OsStr) -> Result<Self, Self::Error> {
        if let Some(text) = text.to_str() {
            return text.parse();
        }
        #[cfg(unix)]
        {
            use std::os::unix::ffi::OsStrExt;
            let path = text.as_bytes().strip_prefix(b"unix:").filter(|path| !path.starts_with(b"@"));
            if let Some(path) = path {
                return Ok(Self::unix(OsStr::from_bytes(path)));
            }
        }
        Err(ParseEndpointError::NotUnicode { given: text.to_string_lossy().into_owned() })
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
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_what_is_shown() {
        for text in [
            "127.0.0.1:80",
            "example.test:0",
            "[::1]:65535",
            "unix:/run/a b.sock",
            "unix:./@x",
            "unix:@app/1",
            "[fe80::1%eth0]:1",
            "tls://a.test:443",
            "tls://[::1]:1",
            "udp://a.test:53",
            "udp://[::1]:1",
        ] {
            assert_eq!(text.parse::<Endpoint>().expect("well formed").to_string(), text);
        }
        let zoned = std::net::SocketAddrV6::new("fe80::1".parse().expect("an address"), 80, 0, 2);
        assert_eq!(Endpoint::from(SocketAddr::from(zoned)).to_string(), "[fe80::1%2]:80");
        assert_eq!(Endpoint::from_host_and_port("::1", "80"), Ok(Endpoint::tcp("::1", 80)));
        assert_eq!("unix:@x".parse(), Ok(Endpoint::unix_abstract("x")));
        assert_eq!(Endpoint::unix("@x").to_string(), "unix:./@x");
    }

    #[test]
    fn a_scheme_is_the_same_in_any_case_and_tcp_may_be_written() {
        for (text, endpoint) in [
            ("TLS://a.test:443", Endpoint::tls("a.test", 443)),
            ("Tls://[::1]:443", Endpoint::tls("::1", 443)),
            ("tcp://a.test:80", Endpoint::tcp("a.test", 80)),
            ("TCP://[::1]:80", Endpoint::tcp("::1", 80)),
            // Shown so, because "fd:3" is something else.
            ("tcp://fd:3", Endpoint::tcp("fd", 3)),
        ] {
            assert_eq!(text.parse(), Ok(endpoint), "{text}");
        }
        for name in NEEDS_SCHEME {
            let endpoint = Endpoint::from_host_and_port(name, "3").expect("it may be a host's name");
            assert_eq!(endpoint.to_string(), format!("tcp://{name}:3"));
            assert_eq!(endpoint.to_string().parse(), Ok(endpoint));
        }
    }

    #[test]
    fn a_name_in_another_script_is_what_dns_knows_it_as() {
        for (text, host) in [
            ("b\u{fc}cher.example:80", "xn--bcher-kva.example"),
            // The same with a combining character, and in upper case.
            ("bu\u{308}cher.example:80", "xn--bcher-kva.example"),
            ("B\u{dc}CHER.example:80", "xn--bcher-kva.example"),
            ("fa\u{df}.example:80", "xn--fa-hia.example"),
            // Of multicast DNS, where names are UTF-8: RFC 6762, section 16.
            ("b\u{fc}ro.local:80", "b\u{fc}ro.local"),
            ("b\u{fc}ro.Local.:80", "b\u{fc}ro.Local."),
        ] {
            assert_eq!(text.parse(), Ok(Endpoint::tcp(host, 80)), "{text}");
            let (name, port) = text.rsplit_once(':').expect("there is a port");
            assert_eq!(Endpoint::from_host_and_port(name, port), Ok(Endpoint::tcp(host, 80)));
            assert_eq!(format!("tls://{text}").parse(), Ok(Endpoint::tls(host, 80)));
        }
        // A full-width colon would become one.
        for host in ["a\u{ff1a}1", "\u{200d}", "a\u{2028}b"] {
            assert!(Endpoint::from_host_and_port(host, "80").is_err(), "{host:?}");
        }
    }

    #[test]
    fn what_other_tools_write_is_answered_with_what_to_write_here() {
        for (text, says) in [
            (
                "fd:3",
                "a descriptor cannot be given: write host:port or unix:path, or tcp://fd:3 for a host of this name",
            ),
            ("*:9", "'*' is not a host: to listen on every address write 0.0.0.0:9, or [::]:9"),
            ("udp:127.0.0.1:5140", "the scheme needs its slashes: write udp://127.0.0.1:5140"),
            ("udp:53", "the scheme needs its slashes: write udp://127.0.0.1:53"),
            ("tcp:127.0.0.1:80", "the scheme needs its slashes: write tcp://127.0.0.1:80"),
            ("TCP:[::1]:80", "the scheme needs its slashes: write tcp://[::1]:80"),
            ("tls:h:443", "the scheme needs its slashes: write tls://h:443"),
            ("tcp4:127.0.0.1:80", "it has more than one colon, and is not an IPv6 address: write host:port"),
            ("/run/app.sock", "it looks like a path: for a Unix socket write unix:/run/app.sock"),
            ("./app.sock", "it looks like a path: for a Unix socket write unix:./app.sock"),
            ("@app", "it looks like a path: for a Unix socket write unix:@app"),
            ("me@host:22", "'me@host' is not a host: write a name, or an address such as 127.0.0.1 or ::1"),
        ] {
            let error = text.parse::<Endpoint>().expect_err(text);
            assert_eq!(error.to_string(), says, "{text}");
        }
        let error = Endpoint::from_host_and_port("*", "9").expect_err("no host");
        assert!(error.to_string().ends_with("write 0.0.0.0:9, or [::]:9"), "{error}");
        let error = Endpoint::from_host_and_port("udp:127.0.0.1:5140", "1").expect_err("no host");
        assert!(error.to_string().ends_with("write udp://127.0.0.1:5140"), "{error}");
    }

    #[cfg(unix)]
    #[test]
    fn a_path_need_not_be_text() {
        use std::os::unix::ffi::OsStrExt;
        let words = OsStr::from_bytes(b"unix:/run/\xff.sock");
        let endpoint = Endpoint::try_from(words).expect("a path");
        assert_eq!(endpoint, Endpoint::unix(OsStr::from_bytes(b"/run/\xff.sock")));
        assert_eq!(endpoint.to_os_string(), words);
        assert_eq!(endpoint.to_string(), "unix:/run/\u{fffd}.sock");
        for text in [&b"unix:@\xff"[..], b"\xff:80", b"tls://\xff:80"] {
            let error = Endpoint::try_from(OsStr::from_bytes(text)).expect_err("no text");
            assert!(matches!(error, ParseEndpointError::NotUnicode { .. }), "{error}");
        }
        assert_eq!(Endpoint::try_from(OsStr::new("h:1")), Ok(Endpoint::tcp("h", 1)));
    }

    #[test]
    fn the_first_of_two_words_is_a_host_and_no_endpoint() {
        use ParseEndpointError as E;
        let given = |text: &str| text.to_owned();
        for whole in ["unix:/x", "localhost:80", "[::1]:80"] {
            let error = E::AlreadyWhole { given: given(whole), rest: given("80") };
            assert_eq!(Endpoint::from_host_and_port(whole, "80"), Err(error));
        }
        for (host, error) in [
            ("unix:", E::NoPath),
            ("http://host", E::UnknownScheme { scheme: given("http") }),
            ("a:b:c", E::BadHost { given: given("a:b:c") }),
            // Found by fuzzing: what is shown could not be taken again.
            ("[1", E::BadHost { given: given("[1") }),
            ("1]", E::BadHost { given: given("1]") }),
            ("host:http", E::BadHost { given: given("host:http") }),
        ] {
            assert_eq!(Endpoint::from_host_and_port(host, "80"), Err(error), "{host}");
        }
        for host in ["::1", "[::1]", "fe80::1%eth0", "::1:80", "localhost"] {
            assert!(Endpoint::from_host_and_port(host, "80").is_ok(), "{host}");
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        use ParseEndpointError as E;
        let given = |text: &str| text.to_owned();
        for (text, error) in [
            ("", E::Empty),
            ("host", E::NoPort { given: given("host") }),
            ("8080", E::OnlyPort { given: given("8080") }),
            (":80", E::NoHost),
            ("host:", E::BadPort { given: given("") }),
            ("host:http", E::BadPort { given: given("http") }),
            ("host:+80", E::BadPort { given: given("+80") }),
            ("host:65536", E::BadPort { given: given("65536") }),
            ("::1:80", E::NeedsBrackets { given: given("::1:80") }),
            ("[::1:80", E::BadBrackets { given: given("[::1:80") }),
            // Found by fuzzing: what is shown could not be taken again.
            ("[[ ]:0", E::BadBrackets { given: given("[[ ]:0") }),
            ("[unix]:80", E::BadBrackets { given: given("[unix]:80") }),
            ("[::1]80", E::BadBrackets { given: given("[::1]80") }),
            ("[::1]", E::NoPort { given: given("[::1]") }),
            ("unix:", E::NoPath),
            ("tls://host", E::NoPort { given: given("host") }),
            ("tls://unix:/x", E::BadHost { given: given("unix:/x") }),
            ("tls://tls://h:1", E::BadHost { given: given("tls://h:1") }),
            ("unix:@", E::NoName),
            ("gopher://host:70", E::UnknownScheme { scheme: given("gopher") }),
        ] {
            assert_eq!(text.parse::<Endpoint>(), Err(error), "{text}");
        }
    }
}
