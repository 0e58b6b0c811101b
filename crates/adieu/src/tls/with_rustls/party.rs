//! Who is at the other end of a session, for sentences.

/// The other side of a handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Party {
    /// A server, which is the peer.
    Server,
    /// A client, which is the peer.
    Client,
    /// A proxy on the way to the peer.
    Proxy,
}

impl Party {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Server => "the peer",
            Self::Client => "the client",
            Self::Proxy => "the proxy",
        }
    }

    pub(crate) const fn whose(self) -> &'static str {
        match self {
            Self::Server => "the peer's",
            Self::Client => "the client's",
            Self::Proxy => "the proxy's",
        }
    }
}
