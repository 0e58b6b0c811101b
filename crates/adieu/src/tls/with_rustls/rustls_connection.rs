//! A connection of rustls that a program has made itself, and that adieu takes over.

use super::Eof;
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
///
/// # Examples
///
/// ```no_run
/// use adieu::{Finish, tls};
/// use adieu::tls::rustls::{ClientConnection, StreamOwned};
/// use std::net::TcpStream;
///
/// // The answer said itself where it ends, so a server that leaves without close_notify has cut nothing.
/// fn leave(stream: StreamOwned<ClientConnection, TcpStream>) -> adieu::Report {
///     let session = tls::RustlsConnection::from(stream.conn).eof(tls::Eof::Ignore);
///     adieu::finish_tls(stream.sock, session, &Finish::new())
/// }
/// ```
pub struct RustlsConnection {
    connection: Connection,
    eof: Eof,
}

impl RustlsConnection {
    /// What an EOF of the peer without `close_notify` means. Default: [`Eof::Require`], a truncation.
    ///
    /// [`Eof::Framed`] asks whether the EOF comes within a record. rustls does not tell whether it holds a part of one, so this is
    /// known once bytes of the application were received here; before that, such an EOF is a truncation.
    #[must_use]
    pub fn eof(mut self, eof: Eof) -> Self {
        self.eof = eof;
        self
    }

    pub(crate) fn meaning_of_eof(&self) -> Eof {
        self.eof
    }

    /// # Errors
    ///
    /// The handshake is not over.
    pub(crate) fn into_session(self) -> Result<Session, AdoptError> {
        if self.connection.is_handshaking() {
            return Err(AdoptError::Handshaking);
        }
        let party = match self.connection {
            Connection::Client(_) => Party::Server,
            Connection::Server(_) => Party::Client,
        };
        Ok(Session::new(Engine::given(self.connection), party, None, Judge::Program))
    }
}

impl From<Connection> for RustlsConnection {
    fn from(connection: Connection) -> Self {
        Self { connection, eof: Eof::default() }
    }
}

impl From<ClientConnection> for RustlsConnection {
    fn from(connection: ClientConnection) -> Self {
        Connection::from(connection).into()
    }
}

impl From<ServerConnection> for RustlsConnection {
    fn from(connection: ServerConnection) -> Self {
        Connection::from(connection).into()
    }
}

impl fmt::Debug for RustlsConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RustlsConnection").field("eof", &self.eof).finish_non_exhaustive()
    }
}
