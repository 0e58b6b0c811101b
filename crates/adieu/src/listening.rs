//! Listening without waiting, for both faces: what is bound, and what is accepted from it.
//!
//! How a client is waited for is the faces' own. What an accepted socket becomes is the same.

use crate::endpoint::host_of;
use crate::error::{EndpointError, ListenCause, ListenError};
use crate::handle::{self, Handle};
use crate::link::{Link, transport};
use crate::options::{OpenError, Purpose, SocketOptions};
use crate::os::{self, ListenAtError, SocketFile};
use crate::{Endpoint, Interrupt, Options, Role, Transport, connecting, system_error};
use socket2::{Domain, SockAddr, Socket};
use std::io;

/// A socket that listens.
#[derive(Debug)]
pub(crate) struct Listening {
    /// Of a Unix socket: the file, which goes before the socket does.
    _file: Option<SocketFile>,
    socket: Socket,
    /// After the socket in order: it is closed before the network is given back.
    _network: os::Network,
    endpoint: Endpoint,
    options: Options,
    /// Stops the wait for a connection.
    accepting: Option<Interrupt>,
    is_tcp: bool,
}

/// How many connections may wait to be accepted; the system caps it (`net.core.somaxconn`).
const BACKLOG: i32 = 4096;

impl Listening {
    /// Binds and listens.
    pub(crate) fn bind<H: Handle>(endpoint: &Endpoint, options: &Options) -> Result<Self, ListenError> {
        let fail = |cause| ListenError::new(endpoint, cause);
        let system = |error: &io::Error| fail(ListenCause::Listen(system_error::of(error)));
        let network = os::Network::start().map_err(|e| system(&e))?;
        options.check_tls_of_listener(endpoint).map_err(|e| fail(ListenCause::TlsSetup(e)))?;
        options.check_face::<H>().map_err(|e| fail(ListenCause::Option(e)))?;
        let asked = &options.socket;
        asked.check(endpoint, endpoint.host()).map_err(|e| fail(ListenCause::Option(e)))?;
        if endpoint.host().is_none() && !H::HAS_UNIX_SOCKETS {
            return Err(fail(ListenCause::Endpoint(EndpointError::NoUnixSockets)));
        }
        let unix_name =
            |e: io::Error| fail(ListenCause::Endpoint(EndpointError::UnixName(system_error::of(&e))));
        let unbound = |error| match error {
            OpenError::Option(error) => fail(ListenCause::Option(error)),
            OpenError::System(error) => system(&error),
        };
        let not_at = |error: &ListenAtError| fail(ListenCause::Listen(system_error::of_listen_at(error)));
        let (socket, file) = match endpoint {
            Endpoint::Tcp { host, port } | Endpoint::Tls { host, port } => {
                let found = connecting::look_up(host, *port).map_err(|e| fail(ListenCause::Resolve(e)))?;
                let addresses = asked.suited(host, found).map_err(|e| fail(ListenCause::Unsuited(e)))?;
                (first_bound(&addresses, asked).map_err(unbound)?, None)
            }
            Endpoint::Unix { path } => {
                os::unix_address(path).map_err(unix_name)?;
                let socket = asked.open(Domain::UNIX, Purpose::Listen).map_err(unbound)?;
                let file = os::listen_at(&socket, path, BACKLOG).map_err(|e| not_at(&e))?;
                (socket, Some(file))
            }
            Endpoint::UnixAbstract { name } => {
                let address = os::abstract_address(name).map_err(unix_name)?;
                let bound = bind(Domain::UNIX, &address, asked).map_err(|error| match error {
                    OpenError::System(e) if e.kind() == io::ErrorKind::AddrInUse => {
                        not_at(&ListenAtError::Taken(e))
                    }
                    other => unbound(other),
                });
                (bound?, None)
            }
        };
        let local = socket.local_addr().map_err(|e| system(&e))?;
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
        let options = options.clone();
        Ok(Self { _file: file, socket, _network: network, endpoint, options, accepting, is_tcp })
    }

    /// The same with other options for what is accepted, and an interrupt for waiting alone.
    pub(crate) fn with_options(mut self, options: &Options, accepting: &Interrupt) -> Self {
        self.options = options.clone();
        self.accepting = Some(accepting.clone());
        self
    }

    pub(crate) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    pub(crate) fn socket(&self) -> &Socket {
        &self.socket
    }

    /// What stops the wait for a connection.
    pub(crate) fn interrupt(&self) -> Option<&Interrupt> {
        self.accepting.as_ref()
    }

    /// Fails once the interrupt is raised: clients that are always waiting must not keep it from being heard.
    pub(crate) fn check_interrupt(&self) -> Result<(), ListenError> {
        if self.accepting.as_ref().is_some_and(|interrupt| interrupt.raised().is_some()) {
            return Err(ListenError::new(&self.endpoint, ListenCause::Interrupted));
        }
        Ok(())
    }

    /// Accepts a connection if one is waiting.
    pub(crate) fn try_accept<H: Handle>(&self) -> Result<Option<Link<H>>, ListenError> {
        let accepted = os::try_accept(&self.socket).map_err(|e| self.cannot_accept(&e))?;
        accepted.map(|accepted| self.link(accepted)).transpose()
    }

    /// The link of a socket that was accepted, non-blocking, from this peer.
    pub(crate) fn link<H: Handle>(&self, (socket, peer): (Socket, SockAddr)) -> Result<Link<H>, ListenError> {
        // They may be others than the socket was bound with.
        let is_heeded = self.options.check_face::<H>();
        is_heeded.map_err(|error| ListenError::new(&self.endpoint, ListenCause::Option(error)))?;
        let mut link = Link::new(self.options.clone(), Role::Listen, self.endpoint.to_string());
        // The socket does not tell it any more once it was reset.
        link.facts.peer_address = Some(handle::address_of(&peer));
        let socket = H::from_socket(socket, self.is_tcp).map_err(|e| self.cannot_accept(&e))?;
        let transport =
            if self.is_tcp { transport(&socket.socket(), &link.options.socket) } else { Transport::Unix };
        link.adopted(socket, transport);
        Ok(link)
    }

    /// The system failed at waiting or accepting.
    pub(crate) fn cannot_accept(&self, error: &io::Error) -> ListenError {
        ListenError::new(&self.endpoint, ListenCause::Accept(system_error::of(error)))
    }
}

fn first_bound(addresses: &[std::net::SocketAddr], asked: &SocketOptions) -> Result<Socket, OpenError> {
    let mut last = OpenError::System(io::ErrorKind::AddrNotAvailable.into());
    for address in addresses {
        match bind(Domain::for_address(*address), &(*address).into(), asked) {
            Ok(socket) => return Ok(socket),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn bind(domain: Domain, address: &SockAddr, asked: &SocketOptions) -> Result<Socket, OpenError> {
    let socket = asked.open(domain, Purpose::Listen)?;
    if domain != Domain::UNIX {
        os::prepare_to_bind(&socket)?;
    }
    socket.bind(address)?;
    socket.listen(BACKLOG)?;
    Ok(socket)
}
