//! What stands on the two sides of a relay: TCP or a Unix socket, with TLS or without, and a PROXY header or none.

use adieu_peer::tls::peer::Address;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;

/// The socket of one side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Socket {
    /// TCP over IPv4.
    V4,
    /// TCP over IPv6.
    V6,
    /// A Unix socket.
    Unix,
}

/// One side of a relay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wire {
    /// Its socket.
    pub socket: Socket,
    /// Whether it speaks TLS.
    pub tls: bool,
    /// Whether the addresses of the client go before everything else, as a line of the PROXY protocol, version 1.
    pub proxy: bool,
}

impl Wire {
    const fn plain(socket: Socket) -> Self {
        Self { socket, tls: false, proxy: false }
    }

    const fn secure(socket: Socket) -> Self {
        Self { tls: true, ..Self::plain(socket) }
    }

    const fn proxied(socket: Socket) -> Self {
        Self { proxy: true, ..Self::plain(socket) }
    }

    /// Whether a reset can be told there.
    pub fn has_resets(self) -> bool {
        self.socket != Socket::Unix
    }

    /// A place where a side of this kind can listen.
    pub fn place(self, directory: &Path, name: &str) -> Address {
        let ip: IpAddr = match self.socket {
            Socket::V4 => Ipv4Addr::LOCALHOST.into(),
            Socket::V6 => Ipv6Addr::LOCALHOST.into(),
            Socket::Unix => return Address::Unix(directory.join(name)),
        };
        Address::Tcp(SocketAddr::new(ip, 0))
    }
}

/// Both sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Towards the client.
    pub front: Wire,
    /// Towards the upstream program.
    pub behind: Wire,
}

/// Every shape of the matrix.
pub const SHAPES: &[Shape] = {
    use Socket::{Unix, V4, V6};
    &[
        Shape { front: Wire::plain(V4), behind: Wire::plain(V4) },
        Shape { front: Wire::plain(V6), behind: Wire::plain(V6) },
        Shape { front: Wire::secure(V4), behind: Wire::plain(V4) },
        Shape { front: Wire::plain(V4), behind: Wire::secure(V6) },
        Shape { front: Wire::secure(V6), behind: Wire::secure(V4) },
        Shape { front: Wire::plain(Unix), behind: Wire::plain(V4) },
        Shape { front: Wire::plain(V4), behind: Wire::plain(Unix) },
        Shape { front: Wire::secure(Unix), behind: Wire::plain(Unix) },
        Shape { front: Wire::proxied(V4), behind: Wire::plain(V4) },
        Shape { front: Wire::plain(V4), behind: Wire::proxied(V4) },
    ]
};

impl Shape {
    /// Plain TCP on both sides.
    pub const PLAIN: Self = SHAPES[0];
}

impl fmt::Display for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let socket = match self.socket {
            Socket::V4 => "IPv4",
            Socket::V6 => "IPv6",
            Socket::Unix => "Unix",
        };
        f.write_str(socket)?;
        if self.tls {
            f.write_str("+TLS")?;
        }
        if self.proxy {
            f.write_str("+PROXY")?;
        }
        Ok(())
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} -> {}", self.front, self.behind)
    }
}
