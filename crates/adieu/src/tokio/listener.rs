//! Listening, waited for with tokio's reactor.
//!
//! Binding and accepting are [`Listening`]'s, which the blocking face shares; here is nothing but the waits, for the addresses of
//! a name and for a client.

use super::connection::Connection;
use super::look_up::find;
use super::raised::{Raised, raised};
use super::stream::Stream;
use crate::interrupt::Awaited;
use crate::listening::{Listening, host_of_listener};
use crate::os::Acceptor;
use crate::{Address, Endpoint, Interrupt, ListenCause, ListenError, ListenOptions, OwnedSocket};
use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::{Arc, OnceLock};
use std::task::Poll;
use std::time::Duration;

/// Listens on an endpoint and accepts connections. The async [`adieu::Listener`](crate::Listener).
#[derive(Debug)]
pub struct Listener {
    inner: Listening,
    acceptor: Acceptor,
    /// Of the interrupt, from the first wait on.
    interrupt: OnceLock<Arc<Awaited>>,
    /// Of the interrupt of the connections: held, so that each does not register it anew. `None`: they have none.
    of_connections: OnceLock<Option<Arc<Awaited>>>,
}

impl Listener {
    /// Binds and listens. The options go to every connection that is accepted. An endpoint that the service manager passed is
    /// [taken](Self::from_service_manager).
    ///
    /// What is waited for is the lookup of a host's name, on a thread of its own; the interrupt of the options ends that too.
    ///
    /// # Errors
    ///
    /// The name was not found, no address could be bound, or the interrupt was raised.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime with I/O enabled.
    pub async fn bind(endpoint: &Endpoint, options: &ListenOptions) -> Result<Self, ListenError> {
        let options = &options.0;
        let Some((host, port)) = host_of_listener(endpoint) else {
            return Listening::bind::<Stream>(endpoint, options).and_then(Self::new);
        };
        let network = Listening::check::<Stream>(endpoint, options)?;
        let found = look_up(host, port, options.interrupt.as_ref())
            .await
            .map_err(|cause| ListenError::new(endpoint, cause))?;
        Listening::bind_to(endpoint, options, network, found).and_then(Self::new)
    }

    fn new(inner: Listening) -> Result<Self, ListenError> {
        let acceptor = Acceptor::new(inner.socket()).map_err(|error| inner.cannot_accept(&error))?;
        Ok(Self { inner, acceptor, interrupt: OnceLock::new(), of_connections: OnceLock::new() })
    }

    /// Takes over a socket that listens already: a [`std::net::TcpListener`] (of a tokio one, what its `into_std` gives), a Unix
    /// listener, a `socket2::Socket`, or a descriptor that was inherited. The options go to every connection that is accepted, and
    /// what they ask of the socket is set on it.
    ///
    /// The socket is made non-blocking, and every descriptor of the same socket shares that. The file of a Unix socket is left to
    /// whoever made it. If it cannot be taken over it is closed.
    ///
    /// # Errors
    ///
    /// - It is not a socket, not a stream socket of TCP or a Unix socket, or it does not listen
    ///   ([`ListenCause::NotASocket`] and its neighbours).
    /// - An option cannot be set, or is for a socket that adieu opens ([`OptionError`](crate::OptionError)).
    ///
    /// # Platforms
    ///
    /// Anything that is an `OwnedFd` on Unix, an `OwnedSocket` on Windows. On macOS, where no call tells whether a socket
    /// listens, accepting fails if it does not.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime with I/O enabled.
    pub fn from_socket(socket: impl Into<OwnedSocket>, options: &ListenOptions) -> Result<Self, ListenError> {
        Listening::from_socket::<Stream>(socket.into(), &options.0).and_then(Self::new)
    }

    /// Takes the listening socket that the service manager passed to this process under this name: socket activation, as systemd
    /// does it. The name is that of `FileDescriptorName=`, by default the socket unit's, or the descriptor's number, from 3 on.
    /// Of several sockets with the same name, each call takes the next.
    ///
    /// `LISTEN_FDS`, `LISTEN_PID` and `LISTEN_FDNAMES` are read by the first call in the process, which also sets CLOEXEC on
    /// everything that was passed. It is the same as binding to [`Endpoint::passed`].
    ///
    /// # Errors
    ///
    /// - Nothing was passed, nothing under this name, or it was taken before
    ///   ([`PassedSocketError`](crate::PassedSocketError), which lists the names).
    /// - As [`from_socket`](Self::from_socket).
    ///
    /// # Platforms
    ///
    /// Unix. sd_listen_fds(3), systemd.socket(5).
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime with I/O enabled.
    pub fn from_service_manager(name: &str, options: &ListenOptions) -> Result<Self, ListenError> {
        Listening::bind::<Stream>(&Endpoint::passed(name), &options.0).and_then(Self::new)
    }

    /// Goes on with a listener of the blocking face, on this runtime: its socket, options, filter and interrupt. With
    /// [`try_clone`](crate::Listener::try_clone), several runtimes accept from one socket.
    ///
    /// # Errors
    ///
    /// The system has no descriptors left.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime with I/O enabled.
    pub fn from_std(listener: crate::Listener) -> Result<Self, ListenError> {
        Self::new(listener.inner)
    }

    /// The same listener with other options for the connections it accepts, and an interrupt for waiting alone, so
    /// that accepting can be stopped without stopping what was accepted. The socket options stay those of
    /// [`bind`](Self::bind): accepted sockets have them from the socket that listens.
    #[must_use]
    pub fn with_options(self, options: &ListenOptions, accepting: &Interrupt) -> Self {
        let inner = self.inner.with_options(&options.0, accepting);
        Self { inner, acceptor: self.acceptor, interrupt: OnceLock::new(), of_connections: OnceLock::new() }
    }

    /// The same listener, with the options of each connection chosen when its client's address is known: a TLS configuration, or a
    /// deadline, by client. `choose` is called on the thread that accepts, so it should not block.
    ///
    /// What the options ask of the socket is set on the accepted one. If they cannot be had the client is reset, and accepting
    /// fails with the error. They replace those of [`bind`](Self::bind) and [`with_options`](Self::with_options) as a whole; the
    /// interrupt that stops accepting stays.
    #[must_use]
    pub fn with_options_for(
        self,
        choose: impl Fn(&Address) -> ListenOptions + Send + Sync + 'static,
    ) -> Self {
        Self { inner: self.inner.choosing(choose), ..self }
    }

    /// The same listener, which serves only the clients that `lets_in` is true for. Every other client is reset at once: nothing is
    /// received from it, no TLS handshake is made, it takes no place of a [`Server`](crate::tokio::Server), and
    /// [`accept`](Self::accept) goes on waiting.
    ///
    /// `lets_in` is called by the task that accepts, so it should not block. An IPv4 address is one of IPv4 to it, also where the
    /// listening socket is one of IPv6 that takes both.
    ///
    /// # Platforms
    ///
    /// A Unix socket has no reset: a client of one that is not let in sees an end, or a reset if it has sent something.
    #[must_use]
    pub fn with_filter(self, lets_in: impl Fn(&Address) -> bool + Send + Sync + 'static) -> Self {
        Self { inner: self.inner.filtering(lets_in), ..self }
    }

    /// Where it listens, with the port that the system chose.
    pub fn local_endpoint(&self) -> &Endpoint {
        self.inner.endpoint()
    }

    /// Waits for a client and accepts its connection. The TLS handshake is made later, by the first call on the connection.
    /// Once the interrupt is raised this fails with [`ListenCause::Interrupted`], even if
    /// clients are waiting.
    ///
    /// # Errors
    ///
    /// The system could not accept (no descriptors left), or the interrupt was raised. The listener can be asked again.
    pub async fn accept(&self) -> Result<Connection, ListenError> {
        let interrupt = self.interrupt()?;
        loop {
            // Before anybody is accepted: to let go of a client afterwards would tell it an end that is none.
            self.inner.check_interrupt()?;
            tokio::select! {
                // Also where clients are always waiting.
                biased;
                () = raised(interrupt) => break,
                accepted = self.acceptor.accept() => {
                    let accepted = accepted.map_err(|error| self.inner.cannot_accept(&error))?;
                    if !self.inner.turns_away(&accepted) {
                        return self.inner.link(accepted).map(Connection::new);
                    }
                }
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

    /// Accepts a connection if one is waiting, behind however many clients that are not let in.
    pub(super) fn try_accept_of_backlog(&self) -> Result<Option<Connection>, ListenError> {
        Ok(self.inner.try_accept_of_backlog()?.map(Connection::new))
    }

    /// What aborts a server's connections, or why there is none.
    pub(super) fn abort_of_server(&self) -> Result<Interrupt, ListenError> {
        self.inner.abort_of_server()
    }

    fn interrupt(&self) -> Result<Option<&Awaited>, ListenError> {
        self.of_connections.get_or_init(|| {
            // Without it each connection does that by itself.
            self.inner.interrupt_of_connections().and_then(|interrupt| interrupt.awaited().ok())
        });
        let Some(interrupt) = self.inner.interrupt() else { return Ok(None) };
        if self.interrupt.get().is_none() {
            let new = interrupt.awaited().map_err(|error| self.inner.cannot_accept(&error))?;
            // Another task may have been faster, and then its one serves both.
            let _ = self.interrupt.set(new);
        }
        Ok(self.interrupt.get().map(|interrupt| &**interrupt))
    }
}

/// The addresses of a host.
async fn look_up(
    host: &str,
    port: u16,
    interrupt: Option<&Interrupt>,
) -> Result<Vec<SocketAddr>, ListenCause> {
    let mut found = pin!(find(host, port));
    let mut raised = Raised::default();
    poll_fn(|cx| {
        if interrupt.is_some_and(|interrupt| raised.poll(interrupt, cx)) {
            return Poll::Ready(Err(ListenCause::Interrupted));
        }
        found.as_mut().poll(cx).map_err(ListenCause::Resolve)
    })
    .await
}

#[cfg(windows)]
impl std::os::windows::io::AsSocket for Listener {
    fn as_socket(&self) -> std::os::windows::io::BorrowedSocket<'_> {
        crate::os::AsPollable::as_pollable(self.inner.socket())
    }
}

#[cfg(unix)]
impl std::os::fd::AsFd for Listener {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        crate::os::AsPollable::as_pollable(self.inner.socket())
    }
}
