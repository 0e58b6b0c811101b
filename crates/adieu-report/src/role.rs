//! What a connection is: which side began it, and over what.

/// Which side began a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// This side connected.
    Connect,
    /// This side listened.
    Listen,
}

impl Role {
    /// Every role.
    pub const ALL: &'static [Self] = &[Self::Connect, Self::Listen];

    /// The role's name in reports: `connect`, `listen`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Listen => "listen",
        }
    }
}

/// What carries a connection's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Transport {
    /// TCP.
    Tcp,
    /// Multipath TCP, RFC 8684.
    Mptcp,
    /// A Unix socket.
    Unix,
    /// UDP, RFC 768.
    Udp,
    /// A Unix socket of datagrams.
    UnixDatagram,
}

impl Transport {
    /// Every transport.
    pub const ALL: &'static [Self] = &[Self::Tcp, Self::Mptcp, Self::Unix, Self::Udp, Self::UnixDatagram];

    /// The transport's name in reports: `tcp`, `mptcp`, `unix`, `udp`, `unix_datagram`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Mptcp => "mptcp",
            Self::Unix => "unix",
            Self::Udp => "udp",
            Self::UnixDatagram => "unix_datagram",
        }
    }

    /// Whether it is TCP, over one path or several: bytes are acknowledged, and a reset exists.
    pub const fn is_tcp(self) -> bool {
        matches!(self, Self::Tcp | Self::Mptcp)
    }

    /// Whether it is a Unix socket, of streams or of datagrams: its addresses are names in this system, or none.
    pub const fn is_unix(self) -> bool {
        matches!(self, Self::Unix | Self::UnixDatagram)
    }

    /// Whether it carries datagrams: their boundaries are kept, nothing is acknowledged, and nobody says that he has ended.
    pub const fn is_datagrams(self) -> bool {
        matches!(self, Self::Udp | Self::UnixDatagram)
    }
}
