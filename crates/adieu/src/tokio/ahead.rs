//! Looking at what the peer sends first, waited for with tokio's reactor: [`Connection::look_ahead`].

use super::connection::Connection;
use super::inner::Inner;
use super::waiters::Half;
use crate::handle::Readiness;
use crate::link::Looked;
use crate::{LookAhead, LookAheadError};
use adieu_proto::Waiting;
use std::future::poll_fn;
use std::pin::pin;
use std::task::{Poll, ready};
use std::time::Duration;
use tokio::time::sleep;

impl Inner {
    async fn look_ahead<T>(
        &mut self,
        limit: Duration,
        mut look: impl FnMut(&[u8]) -> LookAhead<T>,
    ) -> Result<T, LookAheadError> {
        let mut limit = pin!(sleep(limit));
        let mut seen = 0;
        let result = poll_fn(|cx| {
            loop {
                match self.peer.link.look_ahead(&mut look, &mut seen) {
                    Looked::Found(value) => return Poll::Ready(Ok(value)),
                    Looked::Failed(error) => return Poll::Ready(Err(error)),
                    Looked::Blocked => {}
                }
                if limit.as_mut().poll(cx).is_ready() {
                    return Poll::Ready(Err(LookAheadError::TimedOut));
                }
                ready!(self.poll_wait(cx, Half::Reading, Readiness::Receive));
            }
        })
        .await;
        // What is held here is there without a word of the socket's.
        self.peer.may_receive();
        self.waiting = Waiting::default();
        self.done();
        result
    }
}

impl Connection {
    /// Looks at what the peer sends first, before the connection's stream begins, and waits for it no longer than `limit`. `look` is
    /// given everything that has come so far, once per piece that comes, until it has [found](LookAhead::Found) what it looks for. It
    /// says how many octets are skipped, because they stand before the stream; all others are received as always, and the
    /// report counts none that are skipped.
    ///
    /// With TLS, these are the octets before the handshake is made: a header of the PROXY protocol to be skipped, or the ClientHello
    /// with the name that the client asks for. It can be called again, to look at what stands after something that was skipped.
    ///
    /// # Errors
    ///
    /// [`LookAheadError`]: nothing was found in time, or in what came before the peer's end or in the first 128 KiB; or the connection
    /// has ended. In the first three cases it goes on as if nobody had looked.
    ///
    /// # Examples
    ///
    /// A greeting in one line, after which the client speaks TLS:
    ///
    /// ```no_run
    /// use adieu::LookAhead;
    /// use std::time::Duration;
    ///
    /// # async fn f(mut connection: adieu::tokio::Connection) -> Result<(), Box<dyn std::error::Error>> {
    /// let line = connection.look_ahead(Duration::from_secs(3), |octets| match octets.iter().position(|o| *o == b'\n') {
    ///     Some(end) => LookAhead::Found { skip: end + 1, value: octets[..end].to_vec() },
    ///     None => LookAhead::More,
    /// }).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, what came can still be received, and be looked at again.
    pub async fn look_ahead<T>(
        &mut self,
        limit: Duration,
        look: impl FnMut(&[u8]) -> LookAhead<T>,
    ) -> Result<T, LookAheadError> {
        self.inner.look_ahead(limit, look).await
    }
}
