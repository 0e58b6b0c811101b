//! Where a peer is found, and where it listens.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;

/// Where the peer is found: what a user types.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// A host, as a name or an address without brackets, and a port.
    Tcp {
        /// Name or address.
        host: String,
        /// Port.
        port: u16,
    },
    /// The path of a Unix socket.
    Unix(PathBuf),
}

impl Endpoint {
    /// The endpoint of this address.
    pub fn of(address: SocketAddr) -> Self {
        Self::Tcp { host: address.ip().to_string(), port: address.port() }
    }

    /// The address, if the host is one.
    pub fn address(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp { host, port } => Some(SocketAddr::new(host.parse().ok()?, *port)),
            Self::Unix(_) => None,
        }
    }
}

/// As adieu's command line writes it: `host:port`, `[::1]:port`, `unix:path`.
impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Tcp { host, port } => write!(f, "{host}:{port}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// Where a listening peer listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bind {
    /// On this address; port 0 lets the kernel choose.
    Tcp(SocketAddr),
    /// On a Unix socket in a directory of its own.
    Unix,
}

impl Bind {
    /// 127.0.0.1, a port of the kernel's choice.
    pub const TCP4: Self = Self::Tcp(SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0));
    /// `::1`, a port of the kernel's choice.
    pub const TCP6: Self = Self::Tcp(SocketAddr::new(std::net::IpAddr::V6(Ipv6Addr::LOCALHOST), 0));
}
