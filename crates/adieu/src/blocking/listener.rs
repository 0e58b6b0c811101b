//! Listening, waited for with poll.
//!
//! Binding and accepting are [`Listening`]'s, which the tokio face shares; here is nothing but the wait for a client.

use crate::listening::Listening;
use crate::os::{self, AsPollable, Watch};
use crate::{Connection, Endpoint, Interrupt, ListenError, ListenOptions};
use socket2::Socket;
use std::time::{Duration, Instant};

/// Listens on an endpoint and accepts connections.
///
/// # Examples
///
/// ```
/// use adieu::{ConnectOptions, Endpoint, ListenOptions, Listener};
/// use std::io::{Read, Write};
///
/// let listener = Listener::bind(&Endpoint::tcp("127.0.0.1", 0), &ListenOptions::new())?;
/// let endpoint = listener.local_endpoint().clone();
/// let client = std::thread::spawn(move || {
///     let connection = adieu::connect(&endpoint, &ConnectOptions::new()).map_err(|e| e.to_string())?;
///     connection.shutdown_send().map(|half_closed| half_closed.drain()).map_err(|e| e.to_string())
/// });
/// let mut connection = listener.accept()?;
/// let mut request = Vec::new();
/// connection.read_to_end(&mut request)?;
/// connection.write_all(b"bye")?;
/// let report = connection.shutdown_send()?.close();
/// assert!(report.is_graceful(), "{report}");
/// let client_report = client.join().expect("the client does not panic")?;
/// assert_eq!(client_report.bytes_received, 3);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Listener {
    inner: Listening,
}

impl Listener {
    /// Binds and listens. The options go to every connection that is accepted.
    ///
    /// Port 0 lets the system choose; [`local_endpoint`](Self::local_endpoint) tells which. A name is bound at the
    /// first of its addresses that can be.
    ///
    /// # Errors
    ///
    /// The name was not found, or no address could be bound.
    ///
    /// # Platforms
    ///
    /// On Unix, `SO_REUSEADDR` is set: a port whose old connections are in TIME-WAIT can be taken again. On Windows,
    /// where that would let another program take a port that is in use, `SO_EXCLUSIVEADDRUSE` is.
    ///
    /// The file of a Unix socket is created here, and removed when the listener is dropped. A socket file that nobody listens
    /// on any more is replaced. If somebody listens on it, or if the file is not a socket, binding fails.
    pub fn bind(endpoint: &Endpoint, options: &ListenOptions) -> Result<Self, ListenError> {
        Listening::bind::<Socket>(endpoint, &options.0).map(|inner| Self { inner })
    }

    /// The same listener with other options for the connections it accepts, and an interrupt for waiting alone, so
    /// that accepting can be stopped without stopping what was accepted. The socket options stay those of
    /// [`bind`](Self::bind): accepted sockets have them from the socket that listens.
    #[must_use]
    pub fn with_options(self, options: &ListenOptions, accepting: &Interrupt) -> Self {
        Self { inner: self.inner.with_options(&options.0, accepting) }
    }

    /// Where it listens, with the port that the system chose.
    pub fn local_endpoint(&self) -> &Endpoint {
        self.inner.endpoint()
    }

    /// Waits for a client and accepts its connection. The TLS handshake is made later, by the first call on the connection.
    /// Once the interrupt is raised this fails with [`ListenCause::Interrupted`](crate::ListenCause::Interrupted), even if
    /// clients are waiting.
    ///
    /// # Errors
    ///
    /// The system could not accept (no descriptors left), or the interrupt was raised. The listener can be asked again;
    /// while descriptors are short, the same error comes again at once. A connection that fails before it is accepted is
    /// skipped.
    pub fn accept(&self) -> Result<Connection, ListenError> {
        loop {
            self.inner.check_interrupt()?;
            if let Some(connection) = self.try_accept()? {
                return Ok(connection);
            }
            self.wait(None)?;
        }
    }

    /// Accepts as [`accept`](Self::accept) does, and waits at most for `limit`. `Ok(None)`: nobody connected by then.
    ///
    /// # Errors
    ///
    /// As [`accept`](Self::accept).
    pub fn accept_within(&self, limit: Duration) -> Result<Option<Connection>, ListenError> {
        let began = Instant::now();
        loop {
            self.inner.check_interrupt()?;
            if let Some(connection) = self.try_accept()? {
                return Ok(Some(connection));
            }
            let left = limit.saturating_sub(began.elapsed());
            if left.is_zero() {
                return Ok(None);
            }
            self.wait(Some(left))?;
        }
    }

    /// Accepts a connection if one is waiting.
    ///
    /// # Errors
    ///
    /// As [`accept`](Self::accept), but for the interrupt, which is not asked.
    pub fn try_accept(&self) -> Result<Option<Connection>, ListenError> {
        Ok(self.inner.try_accept()?.map(Connection::new))
    }

    fn wait(&self, limit: Option<Duration>) -> Result<(), ListenError> {
        let mut watches = [
            Watch::readable(Some(self.inner.socket().as_pollable())),
            Watch::readable(self.inner.interrupt().map(AsPollable::as_pollable)),
        ];
        os::wait(&mut watches, limit).map_err(|error| self.inner.cannot_accept(&error))
    }
}

#[cfg(unix)]
impl std::os::fd::AsFd for Listener {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.inner.socket().as_pollable()
    }
}
