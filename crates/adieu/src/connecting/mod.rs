//! Connecting: one machine that never waits, for both faces.
//!
//! [`Connecting::advance`] goes on as far as it can: it resolves the name, races the addresses (Happy Eyeballs, RFC 8305),
//! asks a proxy, and makes the TLS handshake. Where it cannot go on, it says what it waits for:
//! [`sockets`](Connecting::sockets), [`lookup`](Connecting::lookup), [`time_left`](Connecting::time_left), and the
//! interrupt. A waiter waits for these in its own way and calls it again. What becomes ready is passed in, so looking costs
//! no system call.
//!
//! ```text
//! Beginning -> Resolving -> Racing -> Securing -> Over
//!          \-> Knocking (Unix) ------/
//!  through a proxy: Racing -> Asking -> Securing, and Racing again for the next address of the target
//! ```
//!
//! A result counts before a time limit: if an attempt has connected by the time that the limit is looked at, it wins.

mod failing;
mod proxy;
mod race;
mod resolve;
mod secure_proxy;
mod unix;

pub(crate) use failing::{end as end_without_connection, out_of_time};
pub(crate) use resolve::{Alarm, Lookup, look_up};

use crate::error::{ConnectCause, ConnectError, EndpointError, ResolveError};
use crate::handle::{Opened, Readiness};
use crate::link::{Established, HandshakeTurn, Link, transport};
use crate::{Endpoint, Event, Options, Proxy, Role, Transport, os, system_error};
use adieu_proto::{Waiting, interleave};
use proxy::{Asking, Blocked, Detour};
use race::Racing;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;
use unix::{Knocked, Knocking};

/// A connection that is being made.
///
/// Dropped, it closes what it has opened; a name that is being resolved is left to its thread.
pub(crate) struct Connecting<'a, H: Opened> {
    endpoint: &'a Endpoint,
    link: Box<Link<H>>,
    stage: Stage<H>,
    /// The way through a proxy, if there is one.
    detour: Option<Box<Detour>>,
}

/// How far it has come.
enum Stage<H> {
    Beginning,
    Resolving { lookup: Lookup, host: Host },
    Racing(Racing<H>),
    Knocking(Knocking),
    Asking(Box<Asking<H>>),
    Securing(Readiness),
    Over(Result<(), ConnectCause>),
}

/// Whose name is resolved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Host {
    /// The peer's, also where a proxy is told its addresses.
    Peer,
    Proxy,
}

/// What one step of a stage came to.
enum Stepped<T> {
    Done(T),
    Again,
    Wait,
}

/// For what a socket is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Until {
    /// The attempt to connect has succeeded or failed.
    Connected,
    /// A call in this direction may find something.
    Ready(Readiness),
}

impl<'a, H: Opened> Connecting<'a, H> {
    /// Begins; with these first bytes by TCP Fast Open, or without.
    pub(crate) fn new(endpoint: &'a Endpoint, options: &Options, first: Option<&[u8]>) -> Self {
        let (options, tls) = options.clone().with_tls_for(endpoint);
        let named = match &options.only_to {
            Some(only_to) => Arc::clone(&only_to.text),
            None => endpoint.to_string().into(),
        };
        let mut link = Link::new(options, Some(Role::Connect), named);
        let begun = tls.map_err(ConnectCause::TlsSetup).and_then(|()| match first {
            Some(first) => link.offer(endpoint, first).map_err(ConnectCause::Option),
            None => Ok(()),
        });
        let stage = begun.map_or_else(|cause| Stage::Over(Err(cause)), |()| Stage::Beginning);
        Self { endpoint, link, stage, detour: None }
    }

    /// Goes on as far as it can. Ready: it is over, and [`finish`](Self::finish) says how.
    pub(crate) fn advance(&mut self) -> Poll<()> {
        loop {
            let stage = std::mem::replace(&mut self.stage, Stage::Over(Ok(())));
            let (stage, progress) = match self.step(stage) {
                Ok(stepped) => stepped,
                Err(cause) => (Stage::Over(Err(cause)), Stepped::Done(())),
            };
            self.stage = stage;
            match progress {
                Stepped::Done(()) => return Poll::Ready(()),
                Stepped::Again => {}
                Stepped::Wait => return Poll::Pending,
            }
        }
    }

    /// The connected link, or why there is none.
    pub(crate) fn finish(mut self) -> Result<Box<Link<H>>, ConnectError> {
        match self.stage {
            Stage::Over(Ok(())) => Ok(self.link),
            Stage::Over(Err(cause)) => Err(failing::end(&mut self.link, self.endpoint, cause)),
            _ => unreachable!("it is asked once `advance` has said that it is over"),
        }
    }

    /// The sockets that are waited for.
    pub(crate) fn sockets(&self) -> impl Iterator<Item = (&H, Until)> {
        let (running, one) = match &self.stage {
            Stage::Racing(racing) => (racing.running(), None),
            Stage::Asking(asking) => (&[][..], Some(asking.waits_for())),
            Stage::Securing(readiness) => (&[][..], self.link.handle.as_ref().map(|h| (h, *readiness))),
            _ => (&[][..], None),
        };
        let running = running.iter().map(|running| (&running.handle, Until::Connected));
        running.chain(one.map(|(handle, readiness)| (handle, Until::Ready(readiness))))
    }

    /// The socket in this place of [`sockets`](Self::sockets) is ready.
    pub(crate) fn note_ready(&mut self, place: usize) {
        // Where there is one alone, it is simply tried again.
        if let Stage::Racing(racing) = &mut self.stage
            && let Some(running) = racing.running_mut().get_mut(place)
        {
            running.is_ready = true;
        }
    }

    /// The name that is waited for, if one is.
    pub(crate) fn lookup(&self) -> Option<&Lookup> {
        if let Stage::Resolving { lookup, .. } = &self.stage { Some(lookup) } else { None }
    }

    /// What ends it from outside.
    pub(crate) fn interrupt(&self) -> Option<&crate::Interrupt> {
        self.link.interrupt()
    }

    /// How long there is nothing to do unless something comes. `None`: for ever.
    pub(crate) fn time_left(&self) -> Option<Duration> {
        let own = match &self.stage {
            Stage::Racing(racing) => racing.next_at,
            Stage::Knocking(knocking) => knocking.next_at,
            Stage::Asking(asking) => asking.until(),
            _ => None,
        };
        let own = own.map(|at| at.saturating_sub(self.link.now()));
        [own, self.link.time_left()].into_iter().flatten().min()
    }

    /// The system cannot wait for it: it is over.
    pub(crate) fn cannot_wait(&mut self, error: &io::Error) {
        let cause = match self.stage {
            Stage::Resolving { .. } => ConnectCause::Resolve(ResolveError::of_system(error)),
            _ => ConnectCause::System(system_error::of(error)),
        };
        self.stage = Stage::Over(Err(cause));
    }

    fn step(&mut self, stage: Stage<H>) -> Result<(Stage<H>, Stepped<()>), ConnectCause> {
        match stage {
            Stage::Beginning => Ok((self.begin()?, Stepped::Again)),
            Stage::Resolving { lookup, host } => self.resolve(lookup, host),
            Stage::Racing(racing) => self.race(racing),
            Stage::Knocking(knocking) => {
                self.check_time(Vec::new)?;
                match knocking.knock(&self.link)? {
                    Knocked::BacklogFull(knocking) => Ok((Stage::Knocking(knocking), Stepped::Wait)),
                    Knocked::Connected(established) => {
                        Ok((self.connected(established, Transport::Unix), Stepped::Again))
                    }
                }
            }
            Stage::Asking(asking) => self.ask(asking),
            Stage::Securing(_) => self.secure(),
            Stage::Over(result) => Ok((Stage::Over(result), Stepped::Done(()))),
        }
    }

    /// Tells the core the time. If that ends it, the attempts so far are told.
    fn check_time(
        &mut self,
        attempts: impl FnOnce() -> Vec<crate::error::Attempt>,
    ) -> Result<(), ConnectCause> {
        self.link.tick();
        if self.link.core.is_decided() { Err(failing::out_of_time(&self.link, attempts())) } else { Ok(()) }
    }

    /// Before anything is sent: what cannot be done as it is asked for is an error.
    fn begin(&mut self) -> Result<Stage<H>, ConnectCause> {
        self.link.check_network().map_err(ConnectCause::System)?;
        let options = &self.link.options;
        options
            .check_face::<H>()
            .and_then(|()| options.check(self.endpoint))
            .map_err(ConnectCause::Option)?;
        let proxy = self.link.options.proxy.clone();
        if let Some(proxy) = &proxy {
            self.link.facts.rare_mut().proxy = Some(proxy.address());
        }
        if let (Some(proxy), true) = (&proxy, self.endpoint.is_unix()) {
            return Err(proxy::told(proxy, proxy::NO_UNIX_SOCKETS));
        }
        let (host, port) = match self.endpoint {
            Endpoint::Unix { .. } | Endpoint::UnixAbstract { .. } if !H::HAS_UNIX_SOCKETS => {
                return Err(ConnectCause::Endpoint(EndpointError::NoUnixSockets));
            }
            Endpoint::Unix { path } => {
                return Knocking::new(&self.link, os::unix_address(path)).map(Stage::Knocking);
            }
            Endpoint::UnixAbstract { name } => {
                return Knocking::new(&self.link, os::abstract_address(name)).map(Stage::Knocking);
            }
            Endpoint::Udp { .. } => return Err(ConnectCause::Endpoint(EndpointError::Datagrams)),
            Endpoint::Passed { .. } => return Err(ConnectCause::Endpoint(EndpointError::OnlyListens)),
            Endpoint::Tcp { host, .. } | Endpoint::Tls { host, .. } if host.is_empty() => {
                return Err(ConnectCause::Endpoint(EndpointError::NoHost));
            }
            Endpoint::Tcp { port: 0, .. } | Endpoint::Tls { port: 0, .. } => {
                return Err(ConnectCause::Endpoint(EndpointError::PortZero));
            }
            Endpoint::Tcp { host, port } | Endpoint::Tls { host, port } => (host, *port),
        };
        let Some(proxy) = proxy else { return self.find(Host::Peer, host, port) };
        let detour = self.detour.insert(Box::new(Detour::new(Arc::clone(&proxy), host, port)));
        if detour.needs_addresses() { self.find(Host::Peer, host, port) } else { self.find_proxy(&proxy) }
    }

    /// Finds the addresses of a host: its own, if it is one, or those of its name.
    fn find(&mut self, whose: Host, host: &str, port: u16) -> Result<Stage<H>, ConnectCause> {
        let known = self.link.options.only_to.as_ref().filter(|_| whose == Host::Peer);
        if let Some(ip) = known.map_or_else(|| host.parse().ok(), |only_to| only_to.ip) {
            return self.found(whose, host, vec![SocketAddr::new(ip, port)]);
        }
        if whose == Host::Peer
            && let Some(addresses) = self.link.options.addresses_with(port)
        {
            return self.found(whose, host, addresses);
        }
        self.check_time(Vec::new)?;
        let lookup =
            Lookup::start(host, port).map_err(|error| self.blame(whose, ConnectCause::Resolve(error)))?;
        Ok(Stage::Resolving { lookup, host: whose })
    }

    fn find_proxy(&mut self, proxy: &Proxy) -> Result<Stage<H>, ConnectCause> {
        self.find(Host::Proxy, proxy.host(), proxy.port())
    }

    fn resolve(&mut self, lookup: Lookup, whose: Host) -> Result<(Stage<H>, Stepped<()>), ConnectCause> {
        let Poll::Ready(answer) = lookup.poll() else {
            self.check_time(Vec::new)?;
            return Ok((Stage::Resolving { lookup, host: whose }, Stepped::Wait));
        };
        let found = answer.map_err(|error| self.blame(whose, ConnectCause::Resolve(error)))?;
        // In the order in which to try them.
        let addresses = interleave(&found);
        self.link.facts.resolved = Some(self.link.now());
        self.link.observe(&Event::Resolved { addresses: &addresses });
        let proxy = self.detour.as_ref().map(|detour| detour.proxy()).filter(|_| whose == Host::Proxy);
        let host = proxy.as_ref().map(|proxy| proxy.host()).or(self.endpoint.host()).unwrap_or_default();
        Ok((self.found(whose, host, addresses)?, Stepped::Again))
    }

    /// The addresses of a host are known.
    fn found(
        &mut self,
        whose: Host,
        host: &str,
        addresses: Vec<SocketAddr>,
    ) -> Result<Stage<H>, ConnectCause> {
        let addresses = self
            .link
            .options
            .socket
            .suited(host, addresses)
            .map_err(|error| self.blame(whose, ConnectCause::Unsuited(error)))?;
        match (&mut self.detour, whose) {
            (None, _) => Ok(Stage::Racing(Racing::new(addresses))),
            (Some(detour), Host::Peer) => {
                let proxy = detour.peer_is_at(addresses);
                self.find_proxy(&proxy)
            }
            (Some(detour), Host::Proxy) => Ok(Stage::Racing(Racing::new(detour.proxy_is_at(addresses)))),
        }
    }

    fn race(&mut self, mut racing: Racing<H>) -> Result<(Stage<H>, Stepped<()>), ConnectCause> {
        let looked = racing.look(&mut self.link).map_err(|cause| self.blame_way(cause))?;
        if let Some(established) = looked {
            return Ok((self.won(established)?, Stepped::Again));
        }
        if !racing.has_just_begun() {
            self.check_time(|| racing.tried())?;
        }
        match racing.proceed(&mut self.link).map_err(|cause| self.blame_way(cause))? {
            Stepped::Done(established) => Ok((self.won(established)?, Stepped::Again)),
            Stepped::Again => Ok((Stage::Racing(racing), Stepped::Again)),
            Stepped::Wait => Ok((Stage::Racing(racing), Stepped::Wait)),
        }
    }

    /// An attempt has connected.
    fn won(&mut self, established: Established<H>) -> Result<Stage<H>, ConnectCause> {
        let socket = established.socket.socket();
        self.link.options.socket.check_source(&socket).map_err(ConnectCause::Option)?;
        let transport = transport(&socket, self.link.options.socket.mptcp);
        match self.detour.take() {
            None => Ok(self.connected(established, transport)),
            Some(detour) => {
                Ok(Stage::Asking(Box::new(Asking::new(detour, established, transport, &self.link))))
            }
        }
    }

    fn ask(&mut self, mut asking: Box<Asking<H>>) -> Result<(Stage<H>, Stepped<()>), ConnectCause> {
        self.check_time(|| vec![asking.silence()])?;
        match asking.step(self.link.now()) {
            Ok(Blocked::No) => {
                let (established, transport) = asking.into_established(&mut self.link);
                Ok((self.connected(established, transport), Stepped::Again))
            }
            Ok(Blocked::Yes) => Ok((Stage::Asking(asking), Stepped::Wait)),
            Err(error) => {
                let (detour, addresses) = asking.refused(error)?;
                self.detour = Some(detour);
                Ok((Stage::Racing(Racing::new(addresses)), Stepped::Again))
            }
        }
    }

    /// There is a connection to the peer; its TLS handshake may be still to come.
    fn connected(&mut self, established: Established<H>, transport: Transport) -> Stage<H> {
        if self.link.options.tls.is_some() {
            self.link.facts.rare_mut().host = self.endpoint.host().map(Box::from);
        }
        self.link.connected(established, transport);
        Stage::Securing(Readiness::Send)
    }

    fn secure(&mut self) -> Result<(Stage<H>, Stepped<()>), ConnectCause> {
        while let Some(readiness) = handshake(&mut self.link) {
            let receive = readiness == Readiness::Receive;
            self.link.wait_for(Waiting { receive, send: !receive, ..Waiting::default() });
            self.link.tick();
            self.link.act();
            if !self.link.core.is_decided() {
                return Ok((Stage::Securing(readiness), Stepped::Wait));
            }
        }
        self.link.wait_for(Waiting::default());
        if self.link.core.milestones().connected.is_some() {
            Ok((Stage::Over(Ok(())), Stepped::Done(())))
        } else {
            Err(failing::not_secured(&self.link))
        }
    }

    /// A cause, which is that of the way to the proxy if the proxy's host is concerned.
    fn blame(&self, whose: Host, cause: ConnectCause) -> ConnectCause {
        if whose == Host::Proxy { self.blame_way(cause) } else { cause }
    }

    /// A cause before there was any connection, which with a proxy is that of the way to the proxy.
    fn blame_way(&self, cause: ConnectCause) -> ConnectCause {
        match &self.detour {
            Some(detour) => detour.unreachable(cause),
            None => cause,
        }
    }
}

/// Goes on with the link's handshake. Returns what it waits for; `None`: it is done, or has failed, or there is none to make.
fn handshake<H: Opened>(link: &mut Link<H>) -> Option<Readiness> {
    if !link.is_handshaking() {
        return None;
    }
    match link.handshake() {
        HandshakeTurn::Wait(readiness) => Some(readiness),
        HandshakeTurn::Done | HandshakeTurn::Failed => None,
    }
}
