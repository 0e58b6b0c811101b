//! The way through a proxy: what it is asked for, one target after another, and the driver of its handshake.
//!
//! The handshakes are codecs without I/O ([`crate::proxy`]). Here their bytes are moved, in the clear or through a TLS
//! session, and never by waiting.

use super::secure_proxy::{Session, fault, would_block};
use crate::error::{Attempt, AttemptError, ConnectCause, Tried};
use crate::handle::{Handle, Readiness};
use crate::link::{Established, Link};
use crate::os;
use crate::proxy::{Handshake, Proxy, ProxyError, Target, Wants};
use crate::{Event, Transport};
use adieu_proto::{Call, Time};
use socket2::SockRef;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// How long the page of a refusal that is known is waited for: what is missing are only words.
const PAGE_PATIENCE: Duration = Duration::from_millis(500);

/// A Unix socket is not asked for at a proxy.
pub(super) const NO_UNIX_SOCKETS: ProxyError =
    ProxyError::Inexpressible { what: "a Unix socket is not reached through a proxy" };

/// A way through a proxy: each target in turn, over whichever address of the proxy connects.
pub(super) struct Detour {
    proxy: Arc<Proxy>,
    /// What it is still to be asked for; the next one last.
    targets: Vec<Target>,
    addresses: Vec<SocketAddr>,
    /// What it said of the targets so far.
    said: Vec<(Target, ProxyError)>,
}

impl Detour {
    pub(super) fn new(proxy: Arc<Proxy>, host: &str, port: u16) -> Self {
        Self { proxy, targets: vec![Target::of(host, port)], addresses: Vec::new(), said: Vec::new() }
    }

    pub(super) fn proxy(&self) -> Arc<Proxy> {
        Arc::clone(&self.proxy)
    }

    /// Whether the proxy is told addresses, and only a name is known so far.
    pub(super) fn needs_addresses(&self) -> bool {
        self.proxy.resolves_here() && matches!(self.targets[..], [Target::Name { .. }])
    }

    /// The peer's addresses are known. Returns the proxy, which is to be found next.
    pub(super) fn peer_is_at(&mut self, addresses: Vec<SocketAddr>) -> Arc<Proxy> {
        // A peer that was written as an address is its own target already.
        if self.needs_addresses() {
            self.targets = self.proxy.targets(addresses);
            self.targets.reverse();
        }
        self.proxy()
    }

    /// The proxy's addresses are known: they are to be raced.
    pub(super) fn proxy_is_at(&mut self, addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
        self.addresses.clone_from(&addresses);
        addresses
    }

    /// Wherever it failed before there was a connection to the proxy. Time, interrupts and options have nothing to do with
    /// it.
    pub(super) fn unreachable(&self, cause: ConnectCause) -> ConnectCause {
        match cause {
            ConnectCause::TimedOut(_) | ConnectCause::Interrupted | ConnectCause::Option(_) => cause,
            other => ConnectCause::ProxyUnreachable { proxy: self.proxy.to_string(), cause: Box::new(other) },
        }
    }

    /// What the proxy said of all the targets.
    fn into_cause(mut self) -> ConnectCause {
        if self.said.len() == 1
            && let Some((_, error)) = self.said.pop()
        {
            return told(&self.proxy, error);
        }
        let one = |(target, error): &(Target, ProxyError)| match error {
            ProxyError::Refused { answer } => format!("{target}: {answer}"),
            other => format!("{target}: {other}"),
        };
        let answer = self.said.iter().map(one).collect::<Vec<_>>().join("; ");
        told(&self.proxy, ProxyError::Refused { answer })
    }
}

/// What a proxy said is why there is no connection.
pub(super) fn told(proxy: &Proxy, error: ProxyError) -> ConnectCause {
    ConnectCause::Proxy { proxy: proxy.to_string(), error }
}

/// A proxy that is connected to and asked for one target.
pub(super) struct Asking<H> {
    detour: Box<Detour>,
    target: Target,
    established: Established<H>,
    transport: Transport,
    /// The handshake, and how its bytes are carried. An error: it could not begin.
    dialogue: Result<(Handshake, Way), ProxyError>,
    readiness: Readiness,
    /// When its refusal became known.
    refused_at: Option<Time>,
}

/// Whether a handshake waits for its socket.
pub(super) enum Blocked {
    Yes,
    /// It is done.
    No,
}

impl<H: Handle> Asking<H> {
    /// Asks for the next target of a detour.
    pub(super) fn new(
        mut detour: Box<Detour>,
        established: Established<H>,
        transport: Transport,
        link: &Link<H>,
    ) -> Self {
        let target = detour.targets.pop().expect("a race begins only for a target");
        let proxy = &detour.proxy;
        link.observe(&Event::AskingProxy { proxy: &proxy.to_string(), target: &target.to_string() });
        let dialogue = Handshake::new(proxy, &target).and_then(|handshake| Ok((handshake, Way::new(proxy)?)));
        let readiness = Readiness::Send;
        Self { detour, target, established, transport, dialogue, readiness, refused_at: None }
    }

    /// What it waits for.
    pub(super) fn waits_for(&self) -> (&H, Readiness) {
        (&self.established.socket, self.readiness)
    }

    /// Until when it is waited for.
    pub(super) fn until(&self) -> Option<Time> {
        self.refused_at.map(|at| at + PAGE_PATIENCE)
    }

    /// What stands in the list of attempts while the proxy keeps silent.
    pub(super) fn silence(&self) -> Attempt {
        Attempt { tried: Tried::Proxy(self.detour.proxy.to_string()), error: AttemptError::ProxySilent }
    }

    /// Does all of the handshake that can be done without waiting.
    pub(super) fn step(&mut self, now: Time) -> Result<Blocked, ProxyError> {
        let (handshake, way) = match &mut self.dialogue {
            Ok(dialogue) => (&mut dialogue.0, &mut dialogue.1),
            Err(error) => return Err(error.clone()),
        };
        match way.step(&self.established.socket, handshake)? {
            None => Ok(Blocked::No),
            Some(readiness) => {
                self.readiness = readiness;
                if handshake.is_refused() {
                    let refused_at = *self.refused_at.get_or_insert(now);
                    if now >= refused_at + PAGE_PATIENCE {
                        return Err(handshake.end());
                    }
                }
                Ok(Blocked::Yes)
            }
        }
    }

    /// The proxy has given the connection: it leads to the target from now on.
    pub(super) fn into_established(self, link: &mut Link<H>) -> (Established<H>, Transport) {
        if let Ok((_, way)) = self.dialogue {
            way.carry(link);
        }
        (self.established, self.transport)
    }

    /// The proxy has refused. Returns the addresses at which it is to be asked for its next target.
    ///
    /// # Errors
    ///
    /// There is none: what it said of each.
    pub(super) fn refused(self, error: ProxyError) -> Result<(Box<Detour>, Vec<SocketAddr>), ConnectCause> {
        leave(&self.established.socket.socket());
        let mut detour = self.detour;
        detour.said.push((self.target, error));
        if detour.targets.is_empty() {
            return Err(detour.into_cause());
        }
        let addresses = detour.addresses.clone();
        Ok((detour, addresses))
    }
}

/// Lets the close of a connection to a proxy that gave none end it, which until here would reset it: nothing of ours was cut,
/// and a proxy logs a reset as a fault.
///
/// What it has said by now is received first, as far as it is a page and not a stream: a close with bytes unread resets too.
fn leave(socket: &SockRef<'_>) {
    os::set_reset_on_close(socket, false);
    let mut page = [0; 4096];
    for _ in 0..16 {
        if !io::Read::read(&mut &**socket, &mut page).is_ok_and(|n| n > 0) {
            return;
        }
    }
}

/// How a proxy is spoken to.
enum Way {
    Plain,
    Tls(Session),
}

impl Way {
    /// The one to this proxy.
    fn new(proxy: &Proxy) -> Result<Self, ProxyError> {
        if proxy.is_secure() {
            return Session::new(proxy).map(Self::Tls);
        }
        Ok(Self::Plain)
    }

    /// Does all of a handshake that can be done without waiting. Returns what it waits for then; `None`: it is done.
    fn step<H: Handle>(
        &mut self,
        handle: &H,
        handshake: &mut Handshake,
    ) -> Result<Option<Readiness>, ProxyError> {
        match self {
            Self::Plain => step(handle, handshake),
            Self::Tls(session) => session.step(handle, handshake),
        }
    }

    /// What the link's bytes are carried in from now on.
    fn carry<H: Handle>(self, link: &mut Link<H>) {
        match self {
            Self::Plain => {}
            Self::Tls(session) => link.goes_through(session.into_carrier()),
        }
    }
}

/// Does all of a handshake in the clear that can be done without waiting. Returns what it waits for then; `None`: it is done.
///
/// What has arrived is looked at first, and received only as far as it is the handshake's.
fn step<H: Handle>(handle: &H, handshake: &mut Handshake) -> Result<Option<Readiness>, ProxyError> {
    let mut buffer = [0; 2048];
    loop {
        let (readiness, result) = match handshake.wants() {
            Wants::Done => return Ok(None),
            Wants::Send(bytes) => {
                let sent =
                    handle.attempt(Readiness::Send, |socket| socket.send_with_flags(bytes, os::SEND_FLAGS));
                (Readiness::Send, sent.map(|n| handshake.sent(n)))
            }
            Wants::Receive => {
                let peeked = handle.attempt(Readiness::Receive, |socket| os::peek(socket, &mut buffer));
                let received = match peeked {
                    Ok(0) => return Err(handshake.end()),
                    Ok(n) => {
                        let own = handshake.receive(&buffer[..n])?;
                        // It stands in our kernel, so it comes at once and whole.
                        io::Read::read_exact(&mut &*handle.socket(), &mut buffer[..own])
                    }
                    Err(error) => Err(error),
                };
                (Readiness::Receive, received)
            }
        };
        if let Err(error) = result {
            let call = if readiness == Readiness::Send { Call::Send } else { Call::Receive };
            if would_block(&error, handshake, |error| fault(call, error))? {
                return Ok(Some(readiness));
            }
        }
    }
}
