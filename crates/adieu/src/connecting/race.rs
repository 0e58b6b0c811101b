//! The race of a host's addresses, and the attempts that take part in it.
//!
//! When the next attempt begins is [`adieu_proto::Race`]'s to say. Here are the sockets: each is opened, connected without
//! waiting, and looked at once it is ready. The losers are closed with the race; they reset.

use super::Stepped;
use crate::Event;
use crate::error::{Attempt, AttemptError, ConnectCause, Tried};
use crate::handle::{Opened, address_of};
use crate::link::{Established, Link, fault, is_exact};
use crate::options::{OpenError, OptionError, Purpose};
use crate::os;
use adieu_proto::{Call, FaultKind, Race, RaceStep, Time};
use socket2::{Domain, SockRef};
use std::io;
use std::net::SocketAddr;

/// A race under way.
pub(super) struct Racing<H> {
    addresses: Vec<SocketAddr>,
    race: Race,
    running: Vec<Running<H>>,
    tried: Vec<Attempt>,
    /// When the next attempt begins, if none is decided before.
    pub(super) next_at: Option<Time>,
    /// A SYN with bytes has just gone. It may be answered already, and then there is a connection, whatever else came.
    is_new: bool,
}

/// An attempt without an answer so far.
pub(super) struct Running<H> {
    /// Which of the attempts it is.
    place: usize,
    pub(super) handle: H,
    pub(super) is_ready: bool,
}

/// What beginning an attempt came to.
enum Started<H> {
    Connected(Established<H>),
    Running(H),
}

/// Why an attempt could not begin.
enum NotStarted {
    Option(OptionError),
    Attempt(AttemptError),
}

impl From<OpenError> for NotStarted {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Option(error) => Self::Option(error),
            OpenError::System(error) => Self::Attempt(AttemptError::of_socket(&error)),
        }
    }
}

impl From<io::Error> for NotStarted {
    fn from(error: io::Error) -> Self {
        Self::Attempt(AttemptError::of(&error))
    }
}

impl<H: Opened> Racing<H> {
    pub(super) fn new(addresses: Vec<SocketAddr>) -> Self {
        let race = Race::new(addresses.len());
        Self { addresses, race, running: Vec::new(), tried: Vec::new(), next_at: None, is_new: false }
    }

    pub(super) fn running(&self) -> &[Running<H>] {
        &self.running
    }

    pub(super) fn running_mut(&mut self) -> &mut [Running<H>] {
        &mut self.running
    }

    /// The attempts so far.
    pub(super) fn tried(&mut self) -> Vec<Attempt> {
        std::mem::take(&mut self.tried)
    }

    /// Whether bytes have just gone with a SYN: once, so that an answer that is there already is seen.
    pub(super) fn has_just_begun(&mut self) -> bool {
        std::mem::take(&mut self.is_new)
    }

    /// Looks at the attempts that are ready: the first that has connected wins.
    pub(super) fn look(&mut self, link: &mut Link<H>) -> Result<Option<Established<H>>, ConnectCause> {
        let mut at = 0;
        while at < self.running.len() {
            if !self.running[at].is_ready {
                at += 1;
                continue;
            }
            let Running { place, handle, .. } = self.running.remove(at);
            let dialled = match &self.tried[place].tried {
                Tried::Address(address) => address.socket_addr(),
                _ => None,
            };
            match finished(handle, dialled) {
                Ok(established) => {
                    if let Tried::Address(address) = self.tried.swap_remove(place).tried {
                        link.facts.peer_address = Some(address);
                    }
                    return Ok(Some(established));
                }
                Err(error) => {
                    let is_last = link.is_last_attempt(&error);
                    self.note_failure(link, place, AttemptError::of(&error));
                    if is_last {
                        return Err(ConnectCause::Attempts(std::mem::take(&mut self.tried)));
                    }
                }
            }
        }
        Ok(None)
    }

    /// Begins the next attempt, if its time has come.
    pub(super) fn proceed(&mut self, link: &mut Link<H>) -> Result<Stepped<Established<H>>, ConnectCause> {
        // What went with a SYN is with one peer only.
        let step = if link.syn_is_out() { RaceStep::Wait(None) } else { self.race.poll(link.now()) };
        match step {
            RaceStep::Lost => Err(ConnectCause::Attempts(std::mem::take(&mut self.tried))),
            RaceStep::Wait(at) => {
                self.next_at = at;
                Ok(Stepped::Wait)
            }
            RaceStep::Start(index) => {
                let address = self.addresses[index];
                link.observe(&Event::Connecting { address: &address.into() });
                match self.start(link, address) {
                    Ok(Started::Connected(established)) => return Ok(Stepped::Done(established)),
                    Ok(Started::Running(handle)) => {
                        let place = self.note_attempt(address);
                        self.is_new = link.syn_is_out();
                        self.running.push(Running { place, handle, is_ready: false });
                    }
                    // A refused option ends the race: every address would refuse it.
                    Err(NotStarted::Option(error)) => return Err(ConnectCause::Option(error)),
                    Err(NotStarted::Attempt(error)) => {
                        let place = self.note_attempt(address);
                        self.note_failure(link, place, error);
                    }
                }
                Ok(Stepped::Again)
            }
        }
    }

    /// Begins an attempt. While it is alone, bytes may go with its SYN.
    fn start(&self, link: &mut Link<H>, address: SocketAddr) -> Result<Started<H>, NotStarted> {
        let socket = link.options.socket.open(Domain::for_address(address), Purpose::Connect)?;
        if link.options.program_speaks_at_once() {
            os::acknowledge_at_once(&SockRef::from(&socket), false);
        }
        let dialled = address;
        let address = dialled.into();
        if self.running.is_empty() && link.send_with_syn(&socket, &address)? {
            return Ok(Started::Running(H::from_socket(socket, true)?));
        }
        match socket.connect(&address) {
            Ok(()) => {
                let established = finished(H::from_socket(socket, true)?, Some(dialled))?;
                link.facts.peer_address = Some(dialled.into());
                Ok(Started::Connected(established))
            }
            Err(error) if os::is_in_progress(&error) => {
                let may_be_over = link.options.socket.is_for_relay && is_answered_at_once(dialled);
                let is_over = may_be_over && socket.peer_addr().is_ok();
                let handle = H::from_socket(socket, true)?;
                if !is_over {
                    return Ok(Started::Running(handle));
                }
                link.facts.peer_address = Some(dialled.into());
                Ok(Started::Connected(established(handle, Some(dialled))?))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Notes an attempt that has not connected at once. Returns its place.
    fn note_attempt(&mut self, address: SocketAddr) -> usize {
        self.tried.push(Attempt::begun(address.into()));
        self.tried.len() - 1
    }

    fn note_failure(&mut self, link: &Link<H>, place: usize, error: AttemptError) {
        let attempt = &mut self.tried[place];
        if let Tried::Address(address) = &attempt.tried {
            link.observe(&Event::AttemptFailed { address, error: &error });
        }
        self.race.handle_failed(link.now());
        attempt.error = error;
    }
}

/// Whether the call that connects without waiting is answered before it returns, though it says that the answer is still to come. A
/// socket that has a peer is connected then, and there is nothing to wait for. One that failed has none, and is looked at as any other.
///
/// Source: `inet_stream_connect` and `inet_getname` of Linux: the answer comes through the loopback interface while the call holds the
/// socket, and is taken up when it lets go of it.
fn is_answered_at_once(address: SocketAddr) -> bool {
    cfg!(any(target_os = "linux", target_os = "android")) && address.ip().to_canonical().is_loopback()
}

/// Whether an attempt that is ready has connected.
///
/// A reset while connecting is told as ECONNREFUSED. So ECONNRESET says that there was a connection, and that the peer
/// has reset it before we looked. `dialled`: to what it connects, if that is known.
fn finished<H: Opened>(handle: H, dialled: Option<SocketAddr>) -> io::Result<Established<H>> {
    if let Some(error) = handle.connect_error()? {
        let fault = fault(Call::SocketError, &error);
        return match fault.kind {
            FaultKind::Reset | FaultKind::BrokenPipe => {
                Ok(Established { fault: Some(fault), ..Established::new(handle) })
            }
            _ => Err(error),
        };
    }
    established(handle, dialled)
}

/// An attempt that has connected.
fn established<H: Opened>(handle: H, dialled: Option<SocketAddr>) -> io::Result<Established<H>> {
    let socket = handle.socket();
    let local = socket.local_addr().ok();
    if os::is_connected_to_itself(&socket, local.as_ref(), dialled.map(|dialled| dialled.port())) {
        return Err(os::refused());
    }
    let local = local.as_ref().map(address_of);
    let peer_is_dialled = dialled.is_some_and(is_exact);
    Ok(Established { local, peer_is_dialled, ..Established::new(handle) })
}
