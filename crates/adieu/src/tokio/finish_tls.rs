//! Finishing a stream of tokio's on which the program speaks TLS with rustls: what [`finish`](super::finish()) waits for is what is
//! waited for here too.

use super::finish::Task;
use super::stream::Stream;
use crate::finishing::Finishing;
use crate::tls::RustlsConnection;
use crate::{AdoptError, Finish, Report, report};

/// Ends a connection on which the program speaks TLS with rustls, as [`adieu::finish_tls`](crate::finish_tls()) does, which says
/// what the report can know: `close_notify`, then FIN, then the rest.
///
/// It takes what tokio-rustls's `TlsStream` is made of: `into_inner` gives the stream and the session. What tokio-rustls has
/// encrypted or decrypted and nobody has taken stands in the session, and belongs to the connection.
///
/// # Cancel safety
///
/// If the future is dropped, nobody waits for the end any more, and the socket is closed as far as it has come; see
/// [`finish`](super::finish()).
///
/// # Panics
///
/// Outside of a tokio runtime with I/O and time enabled.
///
/// # Examples
///
/// ```
/// # use adieu::{Finish, Report};
/// # use adieu::tls::rustls::ServerConnection;
/// # use tokio::net::TcpStream;
/// # async fn f(stream: (TcpStream, ServerConnection)) -> Report {
/// // Of tokio-rustls: `let (socket, session) = stream.into_inner();`
/// let (socket, session) = stream;
/// adieu::tokio::finish_tls(socket, session, &Finish::new()).await
/// # }
/// ```
#[cfg_attr(docsrs, doc(cfg(feature = "tls-core")))]
pub async fn finish_tls(
    stream: impl TryInto<Stream, Error: Into<AdoptError>>,
    connection: impl Into<RustlsConnection>,
    finish: &Finish,
) -> Report {
    let begin = |stream| Finishing::begin_tls(stream, connection.into(), finish);
    match stream.try_into().map_err(Into::into).and_then(begin) {
        Ok(finishing) => Task::new(finishing).await,
        Err(error) => report::of_refused(&error, finish.role),
    }
}
