//! The address of one end of a connection.

use std::convert::Infallible;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

/// The address of one end of a connection.
///
/// # Examples
///
/// ```
/// use adieu_report::Address;
///
/// assert_eq!(Address::Socket(([127, 0, 0, 1], 80).into()).to_string(), "127.0.0.1:80");
/// assert_eq!(Address::Path("/run/app.sock".into()).to_string(), "unix:/run/app.sock");
/// assert_eq!("unix:@app".parse(), Ok(Address::Abstract("app".into())));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Address {
    /// An IP address and a port.
    Socket(SocketAddr),
    /// The path of a Unix socket.
    Path(PathBuf),
    /// The abstract name of a Unix socket, without the zero byte before it.
    Abstract(String),
    /// A Unix socket without a name, as a client's mostly is.
    Unnamed,
}

impl Address {
    /// The IP address and port. `None`: it is a Unix socket's.
    pub fn socket_addr(&self) -> Option<SocketAddr> {
        if let Self::Socket(address) = self { Some(*address) } else { None }
    }

    /// Whether there is an address to tell.
    pub fn is_named(&self) -> bool {
        *self != Self::Unnamed
    }
}

impl From<SocketAddr> for Address {
    fn from(address: SocketAddr) -> Self {
        Self::Socket(address)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Socket(address) => address.fmt(f),
            Self::Path(path) => {
                // Without its directory it would read as an abstract name.
                let is_like_a_name = path.as_os_str().as_encoded_bytes().starts_with(b"@");
                write!(f, "{}{}", if is_like_a_name { "unix:./" } else { "unix:" }, path.display())
            }
            Self::Abstract(name) => write!(f, "unix:@{name}"),
            Self::Unnamed => f.write_str("an unnamed socket"),
        }
    }
}

/// Reads what [`Display`](fmt::Display) writes; a text that it does not write is taken for the path of a Unix socket.
impl FromStr for Address {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        if let Ok(address) = text.parse() {
            return Ok(Self::Socket(address));
        }
        let name = text.strip_prefix("unix:").unwrap_or(text);
        Ok(match name.strip_prefix('@') {
            Some(name) => Self::Abstract(name.to_owned()),
            None => Self::Path(name.into()),
        })
    }
}
