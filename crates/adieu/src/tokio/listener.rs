//! Listening, waited for with tokio's reactor.
//!
//! Binding and accepting are [`Listening`]'s, which the blocking face shares; here is nothing but the wait for a client.

use super::connect::raised;
use super::connection::Connection;
use super::stream::Stream;
use crate::listening::Listening;
use crate::os::{Acceptor, AsyncInterrupt};
use crate::{Endpoint, Interrupt, ListenError, ListenOptions};
use std::sync::OnceLock;
use std::time::Duration;

/// Listens on an endpoint and accepts connections. The async [`adieu::Listener`](crate::Listener).
#[derive(Debug)]
pub struct Listener {
    inner: Listening,
    acceptor: Acceptor,
    /// Of the interrupt, from the first wait on.
    interrupt: OnceLock<AsyncInterrupt>,
}

impl Listener {
    /// Binds and listens. The options go to every connection that is accepted.
    ///
    /// # Errors
    ///
    /// The name was not found, or no address could be bound.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime with I/O enabled.
    pub fn bind(endpoint: &Endpoint, options: &ListenOptions) -> Result<Self, ListenError> {
        let inner = Listening::bind::<Stream>(endpoint, &options.0)?;
        let acceptor = Acceptor::new(inner.socket()).map_err(|error| inner.cannot_accept(&error))?;
        Ok(Self { inner, acceptor, interrupt: OnceLock::new() })
    }

    /// The same listener with other options for the connections it accepts, and an interrupt for waiting alone, so
    /// that accepting can be stopped without stopping what was accepted. The socket options stay those of
    /// [`bind`](Self::bind): accepted sockets have them from the socket that listens.
    #[must_use]
    pub fn with_options(self, options: &ListenOptions, accepting: &Interrupt) -> Self {
        let inner = self.inner.with_options(&options.0, accepting);
        Self { inner, acceptor: self.acceptor, interrupt: OnceLock::new() }
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
    /// The system could not accept (no descriptors left), or the interrupt was raised. The listener can be asked again.
    pub async fn accept(&self) -> Result<Connection, ListenError> {
        let interrupt = self.interrupt()?;
        tokio::select! {
            // Also where clients are always waiting.
            biased;
            () = raised(interrupt) => {}
            accepted = self.acceptor.accept() => {
                let accepted = accepted.map_err(|error| self.inner.cannot_accept(&error))?;
                self.inner.check_interrupt()?;
                return self.inner.link(accepted).map(Connection::new);
            }
        }
        self.inner.check_interrupt()?;
        Err(self.inner.cannot_accept(&std::io::ErrorKind::Interrupted.into()))
    }

    /// Accepts as [`accept`](Self::accept) does, and waits at most for `limit`. `Ok(None)`: nobody connected by then.
    ///
    /// # Errors
    ///
    /// As [`accept`](Self::accept).
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime with time enabled.
    pub async fn accept_within(&self, limit: Duration) -> Result<Option<Connection>, ListenError> {
        self.inner.check_interrupt()?;
        // Whoever waits already counts also if there is no time to wait.
        if let Some(connection) = self.try_accept()? {
            return Ok(Some(connection));
        }
        tokio::time::timeout(limit, self.accept()).await.map_or(Ok(None), |accepted| accepted.map(Some))
    }

    /// Accepts a connection if one is waiting.
    ///
    /// # Errors
    ///
    /// As [`accept`](Self::accept), but for the interrupt, which is not asked.
    pub fn try_accept(&self) -> Result<Option<Connection>, ListenError> {
        Ok(self.inner.try_accept()?.map(Connection::new))
    }

    fn interrupt(&self) -> Result<Option<&AsyncInterrupt>, ListenError> {
        let Some(interrupt) = self.inner.interrupt() else { return Ok(None) };
        if self.interrupt.get().is_none() {
            let new = AsyncInterrupt::new(interrupt).map_err(|error| self.inner.cannot_accept(&error))?;
            // Another task may have been faster, and then its one serves both.
            let _ = self.interrupt.set(new);
        }
        Ok(self.interrupt.get())
    }
}

#[cfg(unix)]
impl std::os::fd::AsFd for Listener {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        crate::os::AsPollable::as_pollable(self.inner.socket())
    }
}
