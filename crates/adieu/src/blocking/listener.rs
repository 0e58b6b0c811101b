//! Listening: the other side of the same procedure.

use crate::connecting::resolve;
use crate::connecting::transport;
use crate::endpoint::host_of;
use crate::error::ListenError;
use crate::link::Link;
use crate::options::{Purpose, SocketOptions};
use crate::os::{self, AsPollable, Explained, SocketFile, Watch};
use crate::{Address, Connection, Endpoint, Interrupt, ListenOptions, Options, Role, Transport, handle};
use socket2::{Domain, SockAddr, Socket};
use std::io;
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
    /// Of a Unix socket: the file, which goes before the socket does.
    _file: Option<SocketFile>,
    socket: Socket,
    /// After the socket in order: it is closed before the network is given back.
    #[expect(dead_code, reason = "held, and given back when dropped")]
    network: os::Network,
    endpoint: Endpoint,
    options: Options,
    /// Stops the wait for a connection.
    accepting: Option<Interrupt>,
    is_tcp: bool,
}

/// What was accepted.
pub(crate) struct Accepted {
    pub(crate) socket: Socket,
    pub(crate) is_tcp: bool,
    /// Who connected: the socket does not tell it any more once it was reset.
    pub(crate) peer: Address,
}

/// How many connections may wait to be accepted; the system caps it (`net.core.somaxconn`).
const BACKLOG: i32 = 4096;

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
    /// The file of a Unix socket is made here, and removed when the listener is dropped. A file that a dead socket left
    /// behind is taken over; a living one is not, nor is a file that is no socket.
    pub fn bind(endpoint: &Endpoint, options: &ListenOptions) -> Result<Self, ListenError> {
        let options = &options.0;
        let fail = |operation, source| ListenError { operation, endpoint: endpoint.clone(), source };
        let network = os::Network::start().map_err(|e| fail("listen on", e))?;
        if let Some(why) = wrong_tls(endpoint, options) {
            return Err(fail("listen on", io::Error::new(io::ErrorKind::InvalidInput, why)));
        }
        let asked = &options.socket;
        asked.check(endpoint, endpoint.host()).map_err(|e| fail("listen on", e.into_io()))?;
        let (socket, file) = match endpoint {
            Endpoint::Tcp { host, port } | Endpoint::Tls { host, port } => {
                let found = resolve::look_up(host, *port).map_err(|e| fail("resolve", e))?;
                let addresses = asked.suited(host, found).map_err(|e| fail("listen on", e))?;
                let socket = first_bound(&addresses, asked).map_err(|e| fail("listen on", e))?;
                (socket, None)
            }
            Endpoint::Unix { path } => {
                let open = || asked.open(Domain::UNIX, Purpose::Listen);
                let (socket, file) = os::listen_at(path, BACKLOG, open).map_err(|e| fail("listen on", e))?;
                (socket, Some(file))
            }
            Endpoint::UnixAbstract { name } => {
                let bound =
                    handle::abstract_address(name).and_then(|address| bind(Domain::UNIX, &address, asked));
                let explained = |e: io::Error| match e.kind() {
                    io::ErrorKind::AddrInUse => Explained::error("somebody is listening there", e),
                    _ => e,
                };
                (bound.map_err(|e| fail("listen on", explained(e)))?, None)
            }
        };
        let local = socket.local_addr().map_err(|e| fail("listen on", e))?;
        // A zone as it was written: its name says more than its number.
        let zoned = endpoint.host().filter(|host| host.contains('%')).map(str::to_owned);
        let endpoint = match (endpoint, local.as_socket()) {
            (_, None) => endpoint.clone(),
            (Endpoint::Tls { .. }, Some(at)) => {
                Endpoint::tls(zoned.unwrap_or_else(|| host_of(at)), at.port())
            }
            (_, Some(at)) => Endpoint::tcp(zoned.unwrap_or_else(|| host_of(at)), at.port()),
        };
        let accepting = options.interrupt.clone();
        let is_tcp = local.as_socket().is_some();
        Ok(Self { socket, network, endpoint, options: options.clone(), accepting, is_tcp, _file: file })
    }

    /// The same listener with other options for the connections it accepts, and an interrupt for waiting alone, so
    /// that accepting can be stopped without stopping what was accepted.
    #[must_use]
    pub fn with_options(mut self, options: &ListenOptions, accepting: &Interrupt) -> Self {
        self.options = options.0.clone();
        self.accepting = Some(accepting.clone());
        self
    }

    /// Where it listens, with the port that the system chose.
    pub fn local_endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Accepts one connection; waits for it, but not for its TLS handshake, which the first call on the connection makes.
    /// The interrupt ends it also while clients are waiting, by an error of the kind
    /// [`Interrupted`](io::ErrorKind::Interrupted).
    ///
    /// # Errors
    ///
    /// The system could not accept (no descriptors left), or the interrupt was raised. The listener can be asked again;
    /// while descriptors are short, the same error comes again at once. A connection that failed before it was accepted
    /// is no error.
    pub fn accept(&self) -> Result<Connection, ListenError> {
        loop {
            self.check_interrupt()?;
            if let Some(connection) = self.try_accept()? {
                return Ok(connection);
            }
            self.wait(None).map_err(|e| self.error(e))?;
        }
    }

    /// Accepts as [`accept`](Self::accept) does, and waits at most so long. `Ok(None)`: nobody connected by then.
    ///
    /// # Errors
    ///
    /// As [`accept`](Self::accept).
    pub fn accept_within(&self, limit: Duration) -> Result<Option<Connection>, ListenError> {
        let began = Instant::now();
        loop {
            self.check_interrupt()?;
            if let Some(connection) = self.try_accept()? {
                return Ok(Some(connection));
            }
            let left = limit.saturating_sub(began.elapsed());
            if left.is_zero() {
                return Ok(None);
            }
            self.wait(Some(left)).map_err(|e| self.error(e))?;
        }
    }

    /// Accepts a connection if one is waiting.
    ///
    /// # Errors
    ///
    /// As [`accept`](Self::accept).
    pub fn try_accept(&self) -> Result<Option<Connection>, ListenError> {
        let Some(Accepted { socket, is_tcp, peer }) = self.try_accept_socket()? else { return Ok(None) };
        let mut link = Link::new(self.options.clone(), Role::Listen, self.endpoint.to_string());
        link.facts.peer_address = Some(peer);
        let transport = if is_tcp { transport(&socket, &link.options.socket) } else { Transport::Unix };
        link.adopted(socket, transport);
        Ok(Some(Connection::new(link)))
    }

    fn try_accept_socket(&self) -> Result<Option<Accepted>, ListenError> {
        let accepted = os::try_accept(&self.socket).map_err(|e| self.error(e))?;
        Ok(accepted.map(|accepted| self.accepted(accepted)))
    }

    pub(crate) fn accepted(&self, (socket, peer): (Socket, SockAddr)) -> Accepted {
        Accepted { socket, is_tcp: self.is_tcp, peer: handle::address_of(&peer) }
    }

    /// Clients that are always waiting must not keep it from being heard.
    fn check_interrupt(&self) -> Result<(), ListenError> {
        if self.accepting.as_ref().is_some_and(|i| i.raised().is_some()) {
            return Err(self.error(io::ErrorKind::Interrupted.into()));
        }
        Ok(())
    }

    fn wait(&self, limit: Option<Duration>) -> io::Result<()> {
        let interrupt = self.accepting.as_ref();
        let mut watches = [
            Watch::readable(Some(self.socket.as_pollable())),
            Watch::readable(interrupt.map(AsPollable::as_pollable)),
        ];
        os::wait(&mut watches, limit)
    }

    pub(crate) fn error(&self, source: io::Error) -> ListenError {
        ListenError { operation: "accept on", endpoint: self.endpoint.clone(), source }
    }
}

#[cfg(feature = "tokio")]
impl Listener {
    pub(crate) fn options(&self) -> &Options {
        &self.options
    }

    /// The socket, for tokio to know.
    pub(crate) fn socket(&self) -> &Socket {
        &self.socket
    }
}

#[cfg(unix)]
impl std::os::fd::AsFd for Listener {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.socket.as_pollable()
    }
}

/// What is wrong with the options for TLS: a `tls://` endpoint never speaks plainly.
fn wrong_tls(endpoint: &Endpoint, options: &Options) -> Option<&'static str> {
    let is_asked = matches!(endpoint, Endpoint::Tls { .. });
    match &options.tls {
        None if is_asked && !crate::tls::IS_BUILT => Some("this build speaks no TLS"),
        None if is_asked => Some("TLS needs a certificate: give ListenOptions::tls a tls::Server"),
        _ => None,
    }
}

fn first_bound(addresses: &[std::net::SocketAddr], asked: &SocketOptions) -> io::Result<Socket> {
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for address in addresses {
        match bind(Domain::for_address(*address), &(*address).into(), asked) {
            Ok(socket) => return Ok(socket),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn bind(domain: Domain, address: &SockAddr, asked: &SocketOptions) -> io::Result<Socket> {
    let socket = asked.open(domain, Purpose::Listen)?;
    if domain != Domain::UNIX {
        os::prepare_to_bind(&socket)?;
    }
    socket.bind(address)?;
    socket.listen(BACKLOG)?;
    Ok(socket)
}
