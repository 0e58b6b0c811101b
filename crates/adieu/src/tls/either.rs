//! A configuration of either side.

use super::{ClientConfig, Eof, HandshakeError, ServerConfig, Session, Trust};

/// The configuration of either side, for what is the same for both.
#[derive(Debug, Clone)]
pub(crate) enum Config {
    /// Of the side that connects.
    Client(ClientConfig),
    /// Of the side that listens.
    Server(ServerConfig),
    /// Of a session that the program has made itself: all that is known is what an EOF means.
    OfProgram(Eof),
}

impl From<ClientConfig> for Config {
    fn from(config: ClientConfig) -> Self {
        Self::Client(config)
    }
}

impl From<ServerConfig> for Config {
    fn from(config: ServerConfig) -> Self {
        Self::Server(config)
    }
}

impl Config {
    /// How a peer's certificate is checked. `None`: a server, whose check of clients is not told; or it is not known.
    pub(crate) fn trust(&self) -> Option<Trust> {
        match self {
            Self::Client(config) => config.trust(),
            Self::Server(_) | Self::OfProgram(_) => None,
        }
    }

    pub(crate) fn eof(&self) -> Eof {
        match self {
            Self::Client(config) => config.meaning_of_eof(),
            Self::Server(config) => config.meaning_of_eof(),
            Self::OfProgram(eof) => *eof,
        }
    }

    /// Whether the endpoint must give the name that the certificate is checked for.
    pub(crate) fn needs_host(&self) -> bool {
        matches!(self, Self::Client(config) if config.needs_host())
    }

    /// One connection's session; a client's is to `host` if its configuration has no name of its own. `None`: there is one
    /// already.
    pub(crate) fn session(&self, host: Option<&str>) -> Option<Result<Session, HandshakeError>> {
        match self {
            Self::Client(config) => Some(config.session(host)),
            Self::Server(config) => Some(config.session()),
            Self::OfProgram(_) => None,
        }
    }
}
