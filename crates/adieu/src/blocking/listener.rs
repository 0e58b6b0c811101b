//! Listening on the blocking face: the wait for a client with `poll`.
//!
//! [`Listening`] binds and accepts. The tokio face shares it.

use crate::listening::Listening;
use crate::os::{self, AsPollable, Watch};
use crate::{Address, Connection, Endpoint, Interrupt, ListenError, ListenOptions, OwnedSocket};
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
    pub(crate) inner: Listening,
}

impl Listener {
    /// Binds and listens. The options go to every connection that is accepted. An endpoint that the service manager passed is
    /// [taken](Self::from_service_manager).
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

    /// Takes over a socket that listens already: a [`std::net::TcpListener`], a Unix listener, a `socket2::Socket`, or a
    /// descriptor that was inherited. The options go to every connection that is accepted, and what they ask of the socket is set
    /// on it.
    ///
    /// The socket is made non-blocking, and every descriptor of the same socket shares that. The file of a Unix socket is left to
    /// whoever made it. If it cannot be taken over it is closed.
    ///
    /// # Errors
    ///
    /// - It is not a socket, not a stream socket of TCP or a Unix socket, or it does not listen
    ///   ([`ListenCause::NotASocket`](crate::ListenCause::NotASocket) and its neighbours).
    /// - An option cannot be set, or is for a socket that adieu opens ([`OptionError`](crate::OptionError)).
    ///
    /// # Platforms
    ///
    /// Anything that is an `OwnedFd` on Unix, an `OwnedSocket` on Windows. On macOS, where no call tells whether a socket
    /// listens, accepting fails if it does not.
    ///
    /// # Examples
    ///
    /// ```
    /// use adieu::{ListenOptions, Listener};
    ///
    /// let bound = std::net::TcpListener::bind("127.0.0.1:0")?;
    /// let address = bound.local_addr()?;
    /// let listener = Listener::from_socket(bound, &ListenOptions::new())?;
    /// assert_eq!(listener.local_endpoint().to_string(), address.to_string());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn from_socket(socket: impl Into<OwnedSocket>, options: &ListenOptions) -> Result<Self, ListenError> {
        Listening::from_socket::<Socket>(socket.into(), &options.0).map(|inner| Self { inner })
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
    pub fn from_service_manager(name: &str, options: &ListenOptions) -> Result<Self, ListenError> {
        Self::bind(&Endpoint::passed(name), options)
    }

    /// Another handle of the same listening socket, with the same options, filter and interrupt: for several threads that accept. The
    /// socket listens until the last handle is dropped; the file of a Unix socket goes with this one.
    ///
    /// # Errors
    ///
    /// The system has no descriptors left.
    pub fn try_clone(&self) -> Result<Self, ListenError> {
        self.inner.try_clone().map(|inner| Self { inner })
    }

    /// The same listener with other options for the connections it accepts, and an interrupt for waiting alone, so
    /// that accepting can be stopped without stopping what was accepted. The socket options stay those of
    /// [`bind`](Self::bind): accepted sockets have them from the socket that listens.
    #[must_use]
    pub fn with_options(self, options: &ListenOptions, accepting: &Interrupt) -> Self {
        Self { inner: self.inner.with_options(&options.0, accepting) }
    }

    /// The same listener, with the options of each connection chosen when its client's address is known: a TLS configuration, or a
    /// deadline, by client. `choose` is called on the thread that accepts, so it should not block.
    ///
    /// What the options ask of the socket is set on the accepted one. If they cannot be had the client is reset, and accepting
    /// fails with the error. They replace those of [`bind`](Self::bind) and [`with_options`](Self::with_options) as a whole; the
    /// interrupt that stops accepting stays.
    ///
    /// # Examples
    ///
    /// ```
    /// use adieu::{Endpoint, Limits, ListenOptions, Listener};
    /// use std::time::Duration;
    ///
    /// let listener = Listener::bind(&Endpoint::tcp("127.0.0.1", 0), &ListenOptions::new())?;
    /// let listener = listener.with_options_for(|client| {
    ///     let is_ours = client.socket_addr().is_some_and(|at| at.ip().is_loopback());
    ///     let deadline = if is_ours { None } else { Some(Duration::from_secs(60)) };
    ///     ListenOptions::new().limits(Limits::new().deadline(deadline))
    /// });
    /// # Ok::<(), adieu::ListenError>(())
    /// ```
    #[must_use]
    pub fn with_options_for(
        self,
        choose: impl Fn(&Address) -> ListenOptions + Send + Sync + 'static,
    ) -> Self {
        Self { inner: self.inner.choosing(choose) }
    }

    /// The same listener, which serves only the clients that `lets_in` is true for. Every other client is reset at once: nothing is
    /// received from it, no TLS handshake is made, it takes no place of a [`Server`](crate::Server), and
    /// [`accept`](Self::accept) goes on waiting.
    ///
    /// `lets_in` is called on the thread that accepts, so it should not block. An IPv4 address is one of IPv4 to it, also where the
    /// listening socket is one of IPv6 that takes both.
    ///
    /// # Platforms
    ///
    /// A Unix socket has no reset: a client of one that is not let in sees an end, or a reset if it has sent something.
    ///
    /// # Examples
    ///
    /// ```
    /// use adieu::{Endpoint, ListenOptions, Listener};
    ///
    /// let listener = Listener::bind(&Endpoint::for_listening(":0")?, &ListenOptions::new())?
    ///     .with_filter(|client| client.socket_addr().is_some_and(|at| at.ip().is_loopback()));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn with_filter(self, lets_in: impl Fn(&Address) -> bool + Send + Sync + 'static) -> Self {
        Self { inner: self.inner.filtering(lets_in) }
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

    /// Accepts a connection if one is waiting, behind however many clients that are not let in.
    pub(super) fn try_accept_of_backlog(&self) -> Result<Option<Connection>, ListenError> {
        Ok(self.inner.try_accept_of_backlog()?.map(Connection::new))
    }

    /// Accepts as [`accept`](Self::accept) does. `Ok(None)`: `stop` was raised.
    pub(super) fn accept_unless(&self, stop: &Interrupt) -> Result<Option<Connection>, ListenError> {
        while stop.raised().is_none() {
            self.inner.check_interrupt()?;
            if let Some(connection) = self.try_accept()? {
                return Ok(Some(connection));
            }
            self.wait_for(Some(stop), None)?;
        }
        Ok(None)
    }

    /// What stops a server's wait for clients, and what aborts its connections; or why there is none.
    pub(super) fn interrupts(&self) -> Result<(Interrupt, Interrupt), ListenError> {
        Ok((self.inner.new_interrupt()?, self.inner.abort_of_server()?))
    }

    fn wait(&self, limit: Option<Duration>) -> Result<(), ListenError> {
        self.wait_for(None, limit)
    }

    fn wait_for(&self, stop: Option<&Interrupt>, limit: Option<Duration>) -> Result<(), ListenError> {
        let mut watches = [
            Watch::readable(Some(self.inner.socket().as_pollable())),
            Watch::readable(self.inner.interrupt().map(AsPollable::as_pollable)),
            Watch::readable(stop.map(AsPollable::as_pollable)),
        ];
        os::wait(&mut watches, limit).map_err(|error| self.inner.cannot_accept(&error))
    }
}

#[cfg(windows)]
impl std::os::windows::io::AsSocket for Listener {
    fn as_socket(&self) -> std::os::windows::io::BorrowedSocket<'_> {
        self.inner.socket().as_pollable()
    }
}

#[cfg(unix)]
impl std::os::fd::AsFd for Listener {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.inner.socket().as_pollable()
    }
}
