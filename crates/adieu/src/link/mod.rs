//! A link is one connection at work: its core, its socket, and its TLS carrier if it has one. It performs the core's actions,
//! and tells the core what each system call came to.
//!
//! Every call here is non-blocking, so both faces share it, and each only waits in its own way. Its parts:
//!
//! - here: the connection's beginning, the core's actions, and the report at the end;
//! - `streams`: receiving and sending where the streams' bytes are what is on the wire;
//! - `carried`: the same through a [carrier](crate::carrier), which is TLS;
//! - `handshake`: how a carrier begins;
//! - `program`: one try of a read or a write for the connection's program;
//! - `methods`: the methods of a connection that never wait, for both faces;
//! - `adopt`: a socket that somebody else has connected;
//! - `ahead`: what the peer sends first, looked at before the streams begin;
//! - `established`, `syn`: how a connection was made, and the bytes that may go with its SYN;
//! - `trace`: its span in `tracing`, where that is built;
//! - `clock`: its time limits and its interrupt.

pub(crate) mod adopt;
mod ahead;
mod carried;
mod clock;
mod established;
mod handshake;
mod methods;
mod program;
mod streams;
mod syn;
mod trace;

pub(crate) use ahead::Looked;
pub use ahead::{LookAhead, LookAheadError};
pub(crate) use established::{Established, is_exact, transport};
pub(crate) use handshake::HandshakeTurn;
pub(crate) use methods::methods_of_a_connection;
pub(crate) use program::without_empty_ones;
pub(crate) use streams::Moved;

use crate::carrier::{Carrier, PeerStream};
use crate::ending_handle::{EndingHandle, EndingTeller};
use crate::handle::{self, Handle};
use crate::os;
use crate::report::{self, Facts};
use crate::tls::Session;
use crate::{Address, Event, Options, Report, Role, SystemError, Transport, system_error};
use adieu_proto::{
    Action, Call, Connection as Core, Fault, FaultKind, LocalEnd, Outcome, Side, Time, Waiting,
};
use ahead::Ahead;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Instant;
use syn::Syn;
use trace::Trace;

/// How many connections this process has begun.
static BEGUN: AtomicUsize = AtomicUsize::new(0);

pub(crate) struct Link<H: Handle> {
    pub(crate) core: Core,
    pub(crate) handle: Option<H>,
    pub(crate) facts: Facts,
    pub(crate) options: Options,
    /// What the core was last told that we wait for.
    waiting: Waiting,
    start: Instant,
    /// The time, where the program tells it.
    told_time: Option<Time>,
    /// A receive that has not filled its room has taken all that there was: see [`Link::trust_short_receives`].
    trusts_short: bool,
    /// The last receive did so.
    is_emptied: bool,
    /// Somebody else has connected it.
    is_given: bool,
    is_dropped: bool,
    /// The program has asked for a reset.
    is_aborted: bool,
    rare: Option<Box<Rare>>,
    /// Whose FIN was first, where that is asked.
    first_fin: Option<Side>,
    pace: os::ProbePace,
    /// On the heap: most of its life a connection has none.
    report: Option<Box<Report>>,
    id: u64,
    trace: Trace,
    /// Who waits for the report, if anybody has asked.
    ending: OnceLock<EndingTeller>,
    /// What may go with a SYN; only with TCP Fast Open.
    pub(crate) syn: Option<Box<Syn>>,
    /// What carries the two streams over the socket. `None`: they are what is on the wire.
    carrier: Option<Session>,
    /// Octets of the carrier's end mark that our kernel has accepted: the last ones before our FIN.
    end_octets: u64,
    /// What was received before the streams began, and is not given to them yet.
    ahead: Option<Box<Ahead>>,
    /// After the handle in order: the socket is closed before the network is given back.
    network: Option<os::Network>,
}

/// What most links never have. It takes memory from when there is something.
#[derive(Default)]
struct Rare {
    /// What is sent right before the reset.
    last_words: Option<Box<[u8]>>,
    /// Until then the interrupt is not heeded.
    deferred_until: Option<Instant>,
    /// Why the system's network could not be started.
    network_error: Option<io::Error>,
}

/// What is left of a link whose connecting does not lead to a connection.
#[derive(Debug)]
pub(crate) struct Left {
    pub(crate) start: Instant,
    pub(crate) options: Options,
    pub(crate) facts: Facts,
    /// It is held for as long as there is a socket.
    pub(crate) _network: Option<os::Network>,
}

impl<H: Handle> Link<H> {
    /// A link whose connecting begins now. It stays in its place on the heap: whoever has it hands on no more than where that is.
    pub(crate) fn new(mut options: Options, role: Option<Role>, endpoint: impl Into<Arc<str>>) -> Box<Self> {
        let endpoint = endpoint.into();
        let start = Instant::now();
        options.begin(start);
        let id = new_id();
        let (network, network_error) = match os::Network::start() {
            Ok(network) => (Some(network), None),
            Err(error) => (None, Some(error)),
        };
        let rare = |error| Box::new(Rare { network_error: Some(error), ..Rare::default() });
        let link = Box::new(Self {
            id,
            trace: Trace::begin(id, role, &endpoint),
            core: Core::new(options.core_config(role)),
            handle: None,
            facts: Facts::new(role, endpoint),
            options,
            waiting: Waiting::default(),
            start,
            told_time: None,
            trusts_short: false,
            is_emptied: false,
            is_given: false,
            is_dropped: false,
            is_aborted: false,
            rare: network_error.map(rare),
            first_fin: None,
            pace: os::ProbePace::default(),
            report: None,
            ending: OnceLock::new(),
            syn: None,
            carrier: None,
            end_octets: 0,
            ahead: None,
            network,
        });
        if let (Some(call), Some(_)) = (os::CALLS.startup, &link.network) {
            link.observe(&Event::Startup { call });
        }
        link
    }

    /// Takes the connection out of its place. What is left behind has no socket, so dropping it does nothing.
    #[cfg(feature = "tokio")]
    pub(crate) fn take(&mut self) -> Box<Self> {
        self.take_with(|handle| handle)
    }

    /// The same, with another handle of its socket.
    pub(crate) fn take_with<G: Handle>(&mut self, change: impl FnOnce(H) -> G) -> Box<Link<G>> {
        Box::new(Link {
            handle: self.handle.take().map(change),
            core: std::mem::replace(&mut self.core, Core::new(adieu_proto::Config::default())),
            facts: std::mem::replace(&mut self.facts, Facts::new(None, "")),
            options: self.options.clone(),
            waiting: self.waiting,
            start: self.start,
            told_time: self.told_time,
            trusts_short: false,
            is_emptied: false,
            is_given: self.is_given,
            is_dropped: false,
            is_aborted: self.is_aborted,
            rare: self.rare.take(),
            first_fin: self.first_fin,
            pace: std::mem::take(&mut self.pace),
            report: self.report.take(),
            id: self.id,
            trace: std::mem::take(&mut self.trace),
            ending: std::mem::take(&mut self.ending),
            syn: self.syn.take(),
            carrier: self.carrier.take(),
            end_octets: self.end_octets,
            ahead: self.ahead.take(),
            network: self.network.take(),
        })
    }

    /// What it has come to without a socket, for what is no connection.
    pub(crate) fn leave(mut self) -> Left {
        Left {
            start: self.start,
            options: self.options.clone(),
            facts: self.facts.clone(),
            _network: self.network.take(),
        }
    }

    /// Fails if the system's network could not be started.
    pub(crate) fn check_network(&self) -> Result<(), SystemError> {
        let error = self.rare.as_ref().and_then(|rare| rare.network_error.as_ref());
        error.map_or(Ok(()), |error| Err(system_error::of(error)))
    }

    pub(crate) fn now(&self) -> Time {
        self.told_time.unwrap_or_else(|| self.start.elapsed())
    }

    /// From now on the time is what the program says.
    pub(crate) fn set_time(&mut self, now: Instant) {
        self.told_time = Some(self.time_of(now));
    }

    /// The time is what the system's clock says again.
    #[cfg(feature = "tokio")]
    pub(crate) fn release_time(&mut self) {
        self.told_time = None;
    }

    pub(crate) fn observe(&self, event: &Event<'_>) {
        if self.is_watched() {
            self.observe_at(self.now(), event);
        }
    }

    /// Tells a step with the time at which its call began: the peer may see its effect before it returns.
    fn observe_at(&self, at: Time, event: &Event<'_>) {
        self.trace.tell(at, event);
        let Some(observer) = &self.options.observer else { return };
        if self.is_dropped || thread::panicking() {
            // One that panics keeps the ending from nobody then, nor does it end the process, as a second panic would.
            let _ = catch_unwind(AssertUnwindSafe(|| observer(at, event)));
        } else {
            observer(at, event);
        }
    }

    /// Whether anybody is told of its steps.
    pub(crate) fn is_watched(&self) -> bool {
        self.options.observer.is_some() || self.trace.is_watched()
    }

    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    /// Whether the streams are what is on the wire, so that the kernel can move them by itself.
    pub(crate) fn is_plain(&self) -> bool {
        self.carrier.is_none()
    }

    /// Whether the peer has ended its stream by an end mark that stands here already, though bytes may stand before it.
    pub(crate) fn has_end_of_peer(&self) -> bool {
        self.carrier.as_ref().is_some_and(|carrier| carrier.peer_stream() == PeerStream::Ended)
    }

    /// Whether something that was taken from the program waits here until our kernel takes it.
    pub(crate) fn has_unsent(&self) -> bool {
        self.carrier.as_ref().is_some_and(Carrier::has_unsent)
    }

    fn is_listening(&self) -> bool {
        self.facts.role == Some(Role::Listen)
    }

    pub(crate) fn is_tcp(&self) -> bool {
        self.facts.transport.is_some_and(Transport::is_tcp)
    }

    /// Takes a non-blocking socket over that somebody else has opened: accepted, or given to us.
    pub(crate) fn adopted(&mut self, socket: H, transport: Transport) {
        crate::options::set_options(&socket.socket(), transport.is_tcp(), &self.options.socket);
        self.connected(Established::new(socket), transport);
    }

    /// Takes a socket over that was opened for connecting, and has connected.
    pub(crate) fn connected(&mut self, established: Established<H>, transport: Transport) {
        let Established { socket, fault, local, peer_is_dialled } = established;
        self.facts.transport = Some(transport);
        let sock = socket.socket();
        self.facts.local_address = local.or_else(|| sock.local_addr().ok().as_ref().map(handle::address_of));
        // After a reset there is no peer name any more; what was dialled is. Of a client it came with its connection.
        let is_known = (self.is_listening() || peer_is_dialled) && self.facts.peer_address.is_some();
        let peer = if is_known { None } else { sock.peer_addr().ok() };
        let peer = peer.as_ref().map(handle::address_of);
        self.facts.peer_address = peer.or(self.facts.peer_address.take());
        self.handle = Some(socket);
        self.observe(&Event::Connected {
            local: self.facts.local_address.as_ref(),
            peer: self.facts.peer_address.as_ref(),
        });
        let with_syn = self.note_fast_open();
        let fault = fault.or_else(|| self.send_preface().err());
        if self.begin_handshake(fault, with_syn) {
            return;
        }
        self.core.handle_connected(self.now());
        self.syn = None;
        if let Some((taken, at)) = with_syn {
            self.observe_at(at, &Event::Sent { bytes: taken as u64 });
            self.core.handle_accepted(at, taken as u64);
        }
        if let Some(fault) = fault {
            self.observe(&Event::Fault { fault });
            self.core.handle_fault(self.now(), fault);
        }
    }

    /// Sends what goes before TLS and before the stream.
    fn send_preface(&mut self) -> Result<(), Fault> {
        let (Some(preface), Some(handle)) = (&self.options.preface, &self.handle) else {
            return Ok(());
        };
        let sent = match handle.socket().send_with_flags(preface, os::SEND_FLAGS) {
            Ok(n) if n == preface.len() => n,
            // Nothing else can be made of a part of it: the buffer of a new socket takes it, or never will.
            Ok(_) => return Err(fault(Call::Send, &io::ErrorKind::WriteZero.into())),
            Err(error) => return Err(fault(Call::Send, &error)),
        };
        // A carrier's ledger knows its own octets alone, and takes the first ones for unacknowledged as long as these are.
        if self.options.tls.is_none() {
            self.core.handle_sent_before(sent as u64);
        }
        self.acknowledge_at_once();
        Ok(())
    }

    /// The first bytes have gone, and with them the acknowledgement that waited for them. What the peer sends is acknowledged as ever:
    /// its next bytes may wait for that (Nagle's algorithm).
    fn acknowledge_at_once(&self) {
        if let (true, Some(handle)) = (self.options.program_speaks_at_once(), &self.handle) {
            os::acknowledge_at_once(&handle.socket(), true);
        }
    }

    /// The connection goes through a proxy that this session leads through.
    pub(crate) fn goes_through(&mut self, session: Session) {
        self.carrier = Some(session);
    }

    /// Performs everything the core asks for. Afterwards it asks for nothing until it is told something.
    #[inline]
    pub(crate) fn act(&mut self) {
        loop {
            if !self.is_plain() {
                self.end_carried_stream();
            }
            let Some(action) = self.core.poll_action() else { return };
            self.perform(action);
        }
    }

    /// Apart from [`act`](Self::act), which is called at each turn and most often finds nothing to do.
    #[inline(never)]
    fn perform(&mut self, action: Action) {
        match action {
            Action::ShutdownSend => self.shutdown_send(),
            Action::Sample => self.sample(),
            Action::Close => self.close(false),
            Action::Abort => self.close(true),
        }
    }

    fn shutdown_send(&mut self) {
        let context = self.sample_context();
        let ((at, result), first_fin) = match &self.handle {
            Some(handle) => {
                let socket = handle.socket();
                os::first_fin(&socket, context, || (self.now(), socket.shutdown(std::net::Shutdown::Write)))
            }
            None => ((self.now(), Err(io::ErrorKind::NotConnected.into())), None),
        };
        self.first_fin = first_fin;
        let result = result.map_err(|error| fault(Call::Shutdown, &error)).or_else(|f| self.ended_before(f));
        self.observe_at(at, &Event::ShutdownSend { fault: result.err() });
        self.core.handle_shutdown(self.now(), result);
    }

    /// A socket that was given to us cannot be shut down: its program may have done so before, and both directions may have ended
    /// since. If so that is no fault, and who ended first is not known.
    fn ended_before(&mut self, refused: Fault) -> Result<(), Fault> {
        let Some(handle) = self.handle.as_ref().filter(|_| self.is_given) else { return Err(refused) };
        let socket = handle.socket();
        if let Ok(Some(error)) = socket.take_error() {
            return Err(fault(Call::SocketError, &error));
        }
        let begun_here = self.facts.role.map(|role| role == Role::Connect);
        if refused.kind != FaultKind::NotConnected || !os::had_both_ended(&socket, begun_here) {
            return Err(refused);
        }
        self.facts.order_is_unknown = true;
        Ok(())
    }

    fn sample_context(&self) -> os::SampleContext {
        os::SampleContext {
            is_tcp: self.is_tcp(),
            is_multipath: self.facts.transport == Some(Transport::Mptcp),
            fin_sent: self.core.milestones().shutdown_send.is_some(),
            eof: self.core.evidence().eof,
            faulted: self.core.evidence().fault.is_some(),
            first_fin: self.first_fin,
            local: self.facts.local_address.as_ref().and_then(Address::socket_addr),
            peer: self.facts.peer_address.as_ref().and_then(Address::socket_addr),
        }
    }

    fn sample(&mut self) {
        let Some(handle) = &self.handle else {
            // A core that is connected has a handle; without one there is nothing to look at.
            return;
        };
        let mut pace = std::mem::take(&mut self.pace);
        let (sample, tcp) = os::sample(&handle.socket(), self.sample_context(), &mut pace);
        self.pace = pace;
        let sample = self.sample_of_bytes(sample);
        self.facts.tcp = tcp;
        if let adieu_proto::SocketError::Fault(fault) = sample.socket_error {
            self.observe(&Event::Fault { fault });
        }
        self.core.handle_sample(self.now(), sample);
    }

    fn close(&mut self, abort: bool) {
        // In the middle of a handshake the core asks for no reset by itself.
        let abort = abort || self.is_aborted || self.broke_off_handshake();
        self.send_last_words();
        if let Some(handle) = self.handle.take() {
            // Of a connection that is over, the network hears nothing more either way.
            if abort || !self.facts.tcp.is_over {
                os::set_reset_on_close(&handle.socket(), abort);
            }
            if !abort {
                // What is still under way goes on as on any socket.
                self.pace.restore(&handle.socket());
            }
        }
        self.core.handle_closed(self.now());
        self.note_unfinished_handshake();
        if let Some(outcome) = self.core.outcome() {
            self.report = Some(Box::new(report::of(&self.core, &outcome, &self.facts)));
        }
        if let Some(report) = &self.report {
            // Only TCP has a reset to abort with.
            self.observe(&Event::Closed { aborted: abort && self.is_tcp(), report });
        }
        let (started, at) = (self.network.is_some(), self.now());
        self.network = None;
        if let Some(call) = os::CALLS.cleanup.filter(|_| started) {
            self.observe_at(at, &Event::Cleanup { call });
        }
        self.tell_ending();
    }

    /// A handle that is told the report, however the connection ends.
    pub(crate) fn ending_handle(&self) -> EndingHandle {
        let handle = self.ending.get_or_init(|| EndingTeller::new(self.id)).handle();
        self.tell_ending();
        handle
    }

    /// Tells whoever waits for the report, if it is made.
    fn tell_ending(&self) {
        if let (Some(ending), Some(report)) = (self.ending.get(), &self.report) {
            ending.tell(report);
        }
    }

    /// The outcome, once closed.
    pub(crate) fn outcome(&self) -> Option<Outcome> {
        self.core.outcome()
    }

    /// The report, once closed.
    pub(crate) fn report(&self) -> Option<&Report> {
        self.report.as_deref()
    }

    /// Closes without waiting for anything more, with an abort if our sending side is still open.
    pub(crate) fn give_up(&mut self) {
        self.core.handle_give_up(self.now());
        self.act();
    }

    fn fault(&mut self, call: Call, error: &io::Error) {
        let fault = fault(call, error);
        self.observe(&Event::Fault { fault });
        self.core.handle_fault(self.now(), fault);
    }

    pub(crate) fn local_failure(&mut self, end: LocalEnd, error: &io::Error) {
        self.observe(&Event::LocalFailure { end });
        if error.raw_os_error().is_none() && !self.core.is_decided() {
            self.facts.rare_mut().local_words = Some(error.to_string().into());
        }
        self.core.handle_local_failure(self.now(), end, error.raw_os_error());
    }
}

/// A link that is dropped unfinished closes its socket, with an abort if its sending side is still open.
impl<H: Handle> Drop for Link<H> {
    fn drop(&mut self) {
        self.is_dropped = true;
        if self.handle.is_some() {
            self.give_up();
        }
        // An observer that panics keeps `close` from telling.
        self.tell_ending();
    }
}

impl<H: Handle> std::fmt::Debug for Link<H> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Link")
            .field("local", &self.facts.local_address)
            .field("peer", &self.facts.peer_address)
            .field("phase", &self.core.phase())
            .finish_non_exhaustive()
    }
}

/// A number that no connection of this process has.
pub(crate) fn new_id() -> u64 {
    BEGUN.fetch_add(1, Ordering::Relaxed) as u64 + 1
}

pub(crate) fn fault(call: Call, error: &io::Error) -> Fault {
    Fault { call, kind: os::fault_kind(error), code: error.raw_os_error() }
}
