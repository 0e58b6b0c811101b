//! A session of TLS that a program has made with rustls, and that adieu takes over.

use super::engine::Engine;
use super::party::{Judge, Party};
use super::session::Session;
use crate::AdoptError;
use rustls::{ClientConnection, Connection, ServerConnection};
use std::fmt;

/// A session of TLS that the program has made itself, with rustls: a `rustls::Connection`, a `ClientConnection` or a
/// `ServerConnection`, which all convert into it.
///
/// It is what remains of a `rustls::StreamOwned` besides its socket (`conn`), and of tokio-rustls's `TlsStream`
/// (`into_inner`). [`finish_tls`](crate::finish_tls()) ends it, and
/// [`Connection::from_rustls`](crate::Connection::from_rustls) goes on with it.
///
/// What stands in rustls's buffers belongs to the connection: bytes that it has decrypted and nobody has read are received
/// first, and records that it has encrypted are sent first.
pub struct Established(Connection);

impl Established {
    /// # Errors
    ///
    /// The handshake is not over.
    pub(crate) fn into_session(self) -> Result<Session, AdoptError> {
        if self.0.is_handshaking() {
            return Err(AdoptError::Handshaking);
        }
        let party = match self.0 {
            Connection::Client(_) => Party::Server,
            Connection::Server(_) => Party::Client,
        };
        Ok(Session::new(Engine::given(self.0), party, None, Judge::Program))
    }
}

impl From<Connection> for Established {
    fn from(connection: Connection) -> Self {
        Self(connection)
    }
}

impl From<ClientConnection> for Established {
    fn from(connection: ClientConnection) -> Self {
        Self(connection.into())
    }
}

impl From<ServerConnection> for Established {
    fn from(connection: ServerConnection) -> Self {
        Self(connection.into())
    }
}

impl fmt::Debug for Established {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Established").finish_non_exhaustive()
    }
}
