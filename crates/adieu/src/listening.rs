//! Listening without waiting, for both faces: what is bound or taken over, and what is accepted from it.
//!
//! How a client is waited for is the faces' own. What an accepted socket becomes is the same.

use crate::endpoint::host_of;
use crate::error::{EndpointError, ListenCause, ListenError};
use crate::handle::{self, Opened};
use crate::link::{Established, Link, is_exact, transport};
use crate::options::{OpenError, Purpose, SocketOptions};
use crate::os::{self, ListenAtError, SocketFile};
use crate::{
    Address, Endpoint, Interrupt, IpVersion, ListenOptions, Options, Role, Transport, connecting,
    system_error,
};
use socket2::{Domain, SockAddr, SockRef, Socket, Type};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::{fmt, io};

/// A socket that listens.
#[derive(Debug)]
pub(crate) struct Listening {
    /// Of a Unix socket that we bound: the file, which goes before the socket does.
    _file: Option<SocketFile>,
    socket: Socket,
    /// After the socket in order: it is closed before the network is given back.
    _network: os::Network,
    endpoint: Endpoint,
    /// The endpoint as each connection tells it.
    named: Arc<str>,
    /// The address of ours that every client connects to. `None`: there may be several.
    only_address: Option<Address>,
    options: Options,
    /// Gives the options of each connection in place of those.
    chooser: Option<Chooser>,
    /// Says who is served at all.
    filter: Option<Filter>,
    /// Stops the wait for a connection.
    accepting: Option<Interrupt>,
    is_tcp: bool,
    /// Its connections may speak Multipath TCP, whoever has opened it.
    may_be_multipath: bool,
    /// What its connections have from it already.
    inherited: Option<SocketOptions>,
}

/// Gives the options of the connection to a client.
#[derive(Clone)]
struct Chooser(Arc<dyn Fn(&Address) -> ListenOptions + Send + Sync>);

impl fmt::Debug for Chooser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Chooser")
    }
}

/// Says whose connections and datagrams are taken.
#[derive(Clone)]
pub(crate) struct Filter(Arc<dyn Fn(&Address) -> bool + Send + Sync>);

impl Filter {
    pub(crate) fn by(lets_in: impl Fn(&Address) -> bool + Send + Sync + 'static) -> Self {
        Self(Arc::new(lets_in))
    }

    pub(crate) fn lets_in(&self, from: &SockAddr) -> bool {
        (self.0)(&handle::address_of(from))
    }
}

impl fmt::Debug for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Filter")
    }
}

/// So many clients are turned away at a time: whoever waits for one hears of an interrupt after that, however many come.
pub(crate) const TURNED_AWAY_AT_A_TIME: usize = 64;

/// How many connections may wait to be accepted; the system caps it (`net.core.somaxconn`).
pub(crate) const BACKLOG: i32 = 4096;

impl Listening {
    /// Binds and listens. A socket that the service manager passed is taken. The name of a host is looked up on this thread.
    pub(crate) fn bind<H: Opened>(endpoint: &Endpoint, options: &Options) -> Result<Self, ListenError> {
        if let Endpoint::Passed { name } = endpoint {
            let taken = os::take_passed_socket(name);
            let socket = taken.map_err(|e| ListenError::new(endpoint, ListenCause::Passed(e)))?;
            return Self::over::<H>(socket.into(), endpoint, options);
        }
        let network = Self::check::<H>(endpoint, options)?;
        let found =
            host_of_listener(endpoint).map_or(Ok(Vec::new()), |(host, port)| connecting::look_up(host, port));
        let found = found.map_err(|error| ListenError::new(endpoint, ListenCause::Resolve(error)))?;
        Self::bind_to(endpoint, options, network, found)
    }

    /// The first part of it, before the addresses of the host are known: finds out whether such an endpoint can be had at all.
    pub(crate) fn check<H: Opened>(
        endpoint: &Endpoint,
        options: &Options,
    ) -> Result<os::Network, ListenError> {
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
        Ok(network)
    }

    /// The second part: binds to the first of the host's addresses that can be had, or to the path.
    pub(crate) fn bind_to(
        endpoint: &Endpoint,
        options: &Options,
        network: os::Network,
        found: Vec<SocketAddr>,
    ) -> Result<Self, ListenError> {
        let fail = |cause| ListenError::new(endpoint, cause);
        let system = |error: &io::Error| fail(ListenCause::Listen(system_error::of(error)));
        let asked = &options.socket;
        let unix_name =
            |e: io::Error| fail(ListenCause::Endpoint(EndpointError::UnixName(system_error::of(&e))));
        let unbound = |error| match error {
            OpenError::Option(error) => fail(ListenCause::Option(error)),
            OpenError::System(error) => system(&error),
        };
        let not_at = |error: &ListenAtError| fail(ListenCause::Listen(system_error::of_listen_at(error)));
        let (socket, file) = match endpoint {
            Endpoint::Tcp { host, port } | Endpoint::Tls { host, port } if host.is_empty() => {
                let bound = bound_everywhere(*port, asked.ip_version, |domain, address, is_for_both| {
                    let socket = asked.open(domain, Purpose::Listen)?;
                    if is_for_both {
                        socket.set_only_v6(false)?;
                    }
                    listen_on(socket, address)
                });
                (bound.map_err(unbound)?, None)
            }
            Endpoint::Tcp { host, .. } | Endpoint::Tls { host, .. } => {
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
            Endpoint::Udp { .. } => return Err(fail(ListenCause::Endpoint(EndpointError::Datagrams))),
            Endpoint::Passed { .. } => unreachable!("it is taken, and not bound"),
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
        let is_tcp = local.as_socket().is_some();
        let inherited = asked.are_inherited(local.domain()).then(|| asked.clone());
        // What the program did to the socket may let it accept for other addresses too.
        let is_only = local.as_socket().is_some_and(is_exact) && asked.prepare.is_none();
        let only_address = is_only.then(|| handle::address_of(&local));
        Ok(Self { only_address, inherited, ..Self::new((socket, file), network, endpoint, options, is_tcp) })
    }

    /// Takes over a socket that listens already.
    pub(crate) fn from_socket<H: Opened>(
        socket: os::OwnedSocket,
        options: &Options,
    ) -> Result<Self, ListenError> {
        #[cfg(unix)]
        let number = std::os::fd::AsRawFd::as_raw_fd(&socket);
        #[cfg(windows)]
        let number = std::os::windows::io::AsRawSocket::as_raw_socket(&socket);
        Self::over::<H>(socket.into(), &Endpoint::passed(number.to_string()), options)
    }

    /// Takes over a socket that listens, or should. Until its address is known it is called by its name.
    fn over<H: Opened>(socket: Socket, named: &Endpoint, options: &Options) -> Result<Self, ListenError> {
        let fail = |cause| ListenError::new(named, cause);
        let system = |error: &io::Error| {
            fail(if os::is_not_a_socket(error) {
                ListenCause::NotASocket
            } else {
                ListenCause::Listen(system_error::of(error))
            })
        };
        let network = os::Network::start().map_err(|e| system(&e))?;
        if socket.r#type().map_err(|e| system(&e))? != Type::STREAM {
            return Err(fail(ListenCause::NotAStream));
        }
        if !os::is_listening(&SockRef::from(&socket)).map_err(|e| system(&e))? {
            return Err(fail(ListenCause::NotListening));
        }
        let local = socket.local_addr().map_err(|e| system(&e))?;
        let is_tcp = local.as_socket().is_some();
        if !os::has_streams_of_ours(local.domain()) {
            return Err(fail(ListenCause::NotAStream));
        }
        let endpoint = match (handle::address_of(&local), &options.tls) {
            (Address::Socket(at), None) => Endpoint::from(at),
            (Address::Socket(at), Some(_)) => Endpoint::tls(host_of(at), at.port()),
            (Address::Path(path), _) => Endpoint::unix(path),
            (Address::Abstract(name), _) => Endpoint::unix_abstract(name),
            (_, _) => named.clone(),
        };
        let option = |error| ListenError::new(&endpoint, ListenCause::Option(error));
        if endpoint.is_unix() && !H::HAS_UNIX_SOCKETS {
            return Err(fail(ListenCause::Endpoint(EndpointError::NoUnixSockets)));
        }
        options.check_face::<H>().map_err(option)?;
        options.socket.check(&endpoint, endpoint.host()).map_err(option)?;
        options.socket.apply_to_listening(&SockRef::from(&socket)).map_err(option)?;
        socket.set_nonblocking(true).map_err(|e| system(&e))?;
        Ok(Self::new((socket, None), network, endpoint, options, is_tcp))
    }

    fn new(
        (socket, file): (Socket, Option<SocketFile>),
        network: os::Network,
        endpoint: Endpoint,
        options: &Options,
        is_tcp: bool,
    ) -> Self {
        let accepting = options.interrupt.clone();
        let options = options.clone();
        Self {
            _file: file,
            may_be_multipath: is_tcp && os::is_of_multipath(&SockRef::from(&socket)),
            socket,
            _network: network,
            named: endpoint.to_string().into(),
            endpoint,
            only_address: None,
            options,
            chooser: None,
            filter: None,
            accepting,
            is_tcp,
            inherited: None,
        }
    }

    /// Another handle of the same socket, with the same options. The file of a Unix socket goes with the first.
    pub(crate) fn try_clone(&self) -> Result<Self, ListenError> {
        let fail = |error: &io::Error| {
            ListenError::new(&self.endpoint, ListenCause::Listen(system_error::of(error)))
        };
        Ok(Self {
            _file: None,
            socket: self.socket.try_clone().map_err(|error| fail(&error))?,
            _network: os::Network::start().map_err(|error| fail(&error))?,
            endpoint: self.endpoint.clone(),
            named: Arc::clone(&self.named),
            only_address: self.only_address.clone(),
            options: self.options.clone(),
            chooser: self.chooser.clone(),
            filter: self.filter.clone(),
            accepting: self.accepting.clone(),
            is_tcp: self.is_tcp,
            may_be_multipath: self.may_be_multipath,
            inherited: self.inherited.clone(),
        })
    }

    /// The same with other options for what is accepted, and an interrupt for waiting alone.
    pub(crate) fn with_options(mut self, options: &Options, accepting: &Interrupt) -> Self {
        self.options = options.clone();
        self.chooser = None;
        self.accepting = Some(accepting.clone());
        self
    }

    /// The same with the options of each connection chosen for its client.
    pub(crate) fn choosing(
        mut self,
        choose: impl Fn(&Address) -> ListenOptions + Send + Sync + 'static,
    ) -> Self {
        self.chooser = Some(Chooser(Arc::new(choose)));
        self
    }

    /// The same, which serves only the clients that `lets_in` is true for.
    pub(crate) fn filtering(mut self, lets_in: impl Fn(&Address) -> bool + Send + Sync + 'static) -> Self {
        self.filter = Some(Filter::by(lets_in));
        self
    }

    pub(crate) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    pub(crate) fn socket(&self) -> &Socket {
        &self.socket
    }

    /// What a server aborts its connections by: the interrupt that they have, or else one that it gives them.
    ///
    /// # Errors
    ///
    /// The system has no descriptors left.
    pub(crate) fn abort_of_server(&self) -> Result<Interrupt, ListenError> {
        self.options.interrupt.clone().map_or_else(|| self.new_interrupt(), Ok)
    }

    /// # Errors
    ///
    /// The system has no descriptors left.
    pub(crate) fn new_interrupt(&self) -> Result<Interrupt, ListenError> {
        Interrupt::new().map_err(|error| self.cannot_accept(&error))
    }

    /// What stops the connections.
    #[cfg(feature = "tokio")]
    pub(crate) fn interrupt_of_connections(&self) -> Option<&Interrupt> {
        self.options.interrupt.as_ref()
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

    /// Accepts a connection if one is waiting. After many clients that are not let in, it gives up as if nobody were.
    pub(crate) fn try_accept<H: Opened>(&self) -> Result<Option<Box<Link<H>>>, ListenError> {
        self.try_accept_past(TURNED_AWAY_AT_A_TIME)
    }

    /// The same at a shutdown: whoever is let in is found behind all that the backlog can hold of those who are not.
    pub(crate) fn try_accept_of_backlog<H: Opened>(&self) -> Result<Option<Box<Link<H>>>, ListenError> {
        self.try_accept_past(usize::try_from(BACKLOG).unwrap_or_default())
    }

    /// Accepts a connection if one is waiting, and turns away so many clients at most.
    fn try_accept_past<H: Opened>(&self, most: usize) -> Result<Option<Box<Link<H>>>, ListenError> {
        for _ in 0..most {
            match os::try_accept(&self.socket).map_err(|e| self.cannot_accept(&e))? {
                None => return Ok(None),
                Some(accepted) if self.turns_away(&accepted) => {}
                Some(accepted) => return self.link(accepted).map(Some),
            }
        }
        Ok(None)
    }

    /// Whether a client is not let in. Its socket is then reset by being closed.
    pub(crate) fn turns_away(&self, (socket, peer): &(Socket, SockAddr)) -> bool {
        let Some(filter) = &self.filter else { return false };
        // Whatever becomes of the question. One that has its options from the socket that listens has this too.
        if self.inherited.is_none() {
            os::set_reset_on_close(&SockRef::from(socket), true);
        }
        let is_let_in = filter.lets_in(peer);
        if is_let_in && self.inherited.is_none() {
            os::set_reset_on_close(&SockRef::from(socket), false);
        }
        !is_let_in
    }

    /// The link of a socket that was accepted, non-blocking, from this peer.
    pub(crate) fn link<H: Opened>(
        &self,
        (socket, peer): (Socket, SockAddr),
    ) -> Result<Box<Link<H>>, ListenError> {
        let peer = handle::address_of(&peer);
        let options = self.options_for::<H>(&socket, &peer).map_err(|cause| {
            // Its client is not to take this for an answer.
            os::set_reset_on_close(&SockRef::from(&socket), true);
            ListenError::new(&self.endpoint, cause)
        })?;
        let mut link = Link::new(options, Some(Role::Listen), Arc::clone(&self.named));
        // The socket does not tell it any more once it was reset.
        link.facts.peer_address = Some(peer);
        let socket = H::from_socket(socket, self.is_tcp).map_err(|e| self.cannot_accept(&e))?;
        let transport =
            if self.is_tcp { transport(&socket.socket(), self.may_be_multipath) } else { Transport::Unix };
        if self.inherited.as_ref() == Some(&link.options.socket) {
            let local = self.only_address.clone();
            link.connected(Established { local, ..Established::new(socket) }, transport);
        } else {
            link.adopted(socket, transport);
        }
        Ok(link)
    }

    /// The options of the connection to this client, which its socket then has.
    fn options_for<H: Opened>(&self, socket: &Socket, peer: &Address) -> Result<Options, ListenCause> {
        let Some(Chooser(choose)) = &self.chooser else {
            // They may be others than the socket was bound with.
            self.options.check_face::<H>().map_err(ListenCause::Option)?;
            return Ok(self.options.clone());
        };
        // Whatever becomes of the choice.
        if self.inherited.is_none() {
            os::set_reset_on_close(&SockRef::from(socket), true);
        }
        let ListenOptions(options) = choose(peer);
        options.check_tls_of_listener(&self.endpoint).map_err(ListenCause::TlsSetup)?;
        options.check_face::<H>().map_err(ListenCause::Option)?;
        let ours = &self.options.socket;
        if options.socket == *ours {
            // Its connections have them from the socket that listens.
            return Ok(options);
        }
        let mut others = options.clone();
        others.socket.ip_version = others.socket.ip_version.filter(|asked| Some(*asked) != ours.ip_version);
        others.socket.mptcp &= !ours.mptcp;
        others.socket.fast_open = others.socket.fast_open.filter(|asked| Some(*asked) != ours.fast_open);
        if others.socket.prepare == ours.prepare {
            others.socket.prepare = None;
        }
        others.check_connected().map_err(ListenCause::Option)?;
        options.socket.check(&self.endpoint, None).map_err(ListenCause::Option)?;
        options.socket.apply(&SockRef::from(socket)).map_err(ListenCause::Option)?;
        Ok(options)
    }

    /// The system failed at waiting or accepting.
    pub(crate) fn cannot_accept(&self, error: &io::Error) -> ListenError {
        ListenError::new(&self.endpoint, ListenCause::Accept(system_error::of(error)))
    }
}

/// The host whose addresses have to be known before it can be bound to, and the port. An empty one is every address.
pub(crate) fn host_of_listener(endpoint: &Endpoint) -> Option<(&str, u16)> {
    match endpoint {
        Endpoint::Tcp { host, port } | Endpoint::Tls { host, port } if !host.is_empty() => {
            Some((host, *port))
        }
        _ => None,
    }
}

fn first_bound(addresses: &[SocketAddr], asked: &SocketOptions) -> Result<Socket, OpenError> {
    let mut last = OpenError::System(io::ErrorKind::AddrNotAvailable.into());
    for address in addresses {
        match bind(Domain::for_address(*address), &(*address).into(), asked) {
            Ok(socket) => return Ok(socket),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// A socket on every address of this machine: one of IPv6 that takes IPv4 too, or one of the version that was asked for or that the
/// system has. `bind` makes one of a family on an address; `true`: it takes both.
pub(crate) fn bound_everywhere(
    port: u16,
    version: Option<IpVersion>,
    bind: impl Fn(Domain, &SockAddr, bool) -> Result<Socket, OpenError>,
) -> Result<Socket, OpenError> {
    let v4 = || bind(Domain::IPV4, &SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)).into(), false);
    let v6 = SocketAddr::from((Ipv6Addr::UNSPECIFIED, port)).into();
    match version {
        Some(IpVersion::V4) => v4(),
        Some(IpVersion::V6) => bind(Domain::IPV6, &v6, false),
        None => match bind(Domain::IPV6, &v6, true) {
            Err(OpenError::System(error))
                if matches!(error.kind(), io::ErrorKind::AddrInUse | io::ErrorKind::PermissionDenied) =>
            {
                Err(OpenError::System(error))
            }
            // Without IPv6, or without a socket for both, IPv4 says what is wrong, if anything is.
            Err(_) => v4(),
            bound => bound,
        },
    }
}

fn bind(domain: Domain, address: &SockAddr, asked: &SocketOptions) -> Result<Socket, OpenError> {
    listen_on(asked.open(domain, Purpose::Listen)?, address)
}

fn listen_on(socket: Socket, address: &SockAddr) -> Result<Socket, OpenError> {
    if address.domain() != Domain::UNIX {
        os::prepare_to_bind(&socket)?;
    }
    socket.bind(address)?;
    socket.listen(BACKLOG)?;
    Ok(socket)
}
