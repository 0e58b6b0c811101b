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

/// Who made the check of the peer's certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Judge {
    /// We did, so we know what would make a refused certificate do.
    Us,
    /// The program that handed its configuration over.
    Program,
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
