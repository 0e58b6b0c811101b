//! A core and its socket: performs the core's actions and translates each call's result into an input.
//!
//! Every call here is non-blocking, so the blocking driver, the exchange and the async driver share it; only
//! how they wait is their own.

#[cfg(feature = "tls")]
pub(crate) mod secure;

use crate::connecting::Established;
use crate::error::ConnectCause;
use crate::fast_open::Syn;
use crate::handle::{self, Direction, Handle};
use crate::os;
use crate::report::{Facts, Report, Role};
use crate::{Event, Options};
use adieu_proto::{
    Action, Call, Connection as Core, Fault, FaultKind, LocalEnd, Outcome, Side, Time, Waiting,
};
use socket2::SockRef;
use std::io::{self, Read};
use std::mem::MaybeUninit;
use std::time::{Duration, Instant, SystemTime};

/// What a non-blocking receive or send came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moved {
    /// So many bytes.
    Bytes(usize),
    /// Nothing now.
    Blocked,
    /// Nothing any more: EOF, or a fault the core has been told.
    Ended,
}

pub(crate) struct Link<H: Handle> {
    pub(crate) core: Core,
    pub(crate) handle: Option<H>,
    pub(crate) facts: Facts,
    pub(crate) options: Options,
    /// What the core was last told that we wait for.
    waiting: Waiting,
    start: Instant,
    /// Until then the interrupt is not heeded.
    deferred_until: Option<Instant>,
    /// Whose FIN was first, where that is asked.
    first_fin: Option<Side>,
    pace: os::Pace,
    report: Option<Report>,
    /// What may go with a SYN; only with TCP Fast Open.
    pub(crate) syn: Option<Box<Syn>>,
    /// What the two streams are carried in, if that is TLS.
    #[cfg(feature = "tls")]
    tls: Option<Box<crate::tls::engine::Engine>>,
    /// What the records to the peer are carried in, if a proxy is spoken to over TLS. Without TLS to the peer it becomes the
    /// one above.
    #[cfg(feature = "tls")]
    outer: Option<Box<crate::tls::engine::Engine>>,
    /// After the handle in order: the socket is closed before the network is given back.
    network: Option<io::Result<os::Network>>,
}

impl<H: Handle> Link<H> {
    /// A link whose connecting begins now.
    pub(crate) fn new(mut options: Options, role: Role, endpoint: String) -> Self {
        let start = Instant::now();
        options.begin(start);
        let link = Self {
            core: Core::new(options.core_config(role)),
            handle: None,
            facts: Facts { began: Some(SystemTime::now()), role: role.name(), endpoint, ..Facts::default() },
            options,
            waiting: Waiting::default(),
            start,
            deferred_until: None,
            first_fin: None,
            pace: os::Pace::default(),
            report: None,
            syn: None,
            #[cfg(feature = "tls")]
            tls: None,
            #[cfg(feature = "tls")]
            outer: None,
            network: Some(os::Network::start()),
        };
        if let (Some(call), Some(Ok(_))) = (os::CALLS.startup, &link.network) {
            link.observe(&Event::Startup { call });
        }
        link
    }

    /// Fails if the system's network could not be started.
    pub(crate) fn check_network(&self) -> Result<(), ConnectCause> {
        match &self.network {
            Some(Err(error)) => {
                let again =
                    error.raw_os_error().map_or_else(|| error.kind().into(), io::Error::from_raw_os_error);
                Err(ConnectCause::Local(again))
            }
            _ => Ok(()),
        }
    }

    pub(crate) fn now(&self) -> Time {
        self.start.elapsed()
    }

    pub(crate) fn observe(&self, event: &Event<'_>) {
        self.observe_at(self.now(), event);
    }

    /// Tells a step with the time at which its call began: the peer may see its effect before it returns.
    fn observe_at(&self, at: Time, event: &Event<'_>) {
        if let Some(observer) = &self.options.observer {
            observer(at, event);
        }
    }

    /// Whether the streams are what is on the wire, so that the kernel can move them by itself.
    #[cfg_attr(not(feature = "tls"), expect(clippy::unused_self, reason = "TLS is asked"))]
    pub(crate) fn is_plain(&self) -> bool {
        #[cfg(feature = "tls")]
        return self.tls.is_none();
        #[cfg(not(feature = "tls"))]
        true
    }

    /// Whether something that was taken from the program waits here until our kernel takes it.
    #[cfg_attr(not(feature = "tls"), expect(clippy::unused_self, reason = "TLS is asked"))]
    pub(crate) fn has_unsent(&self) -> bool {
        #[cfg(feature = "tls")]
        return [&self.tls, &self.outer].into_iter().flatten().any(|tls| !tls.unsent().is_empty());
        #[cfg(not(feature = "tls"))]
        false
    }

    fn is_listening(&self) -> bool {
        self.facts.role == Role::Listen.name()
    }

    pub(crate) fn is_tcp(&self) -> bool {
        matches!(self.facts.transport, Some("tcp" | "mptcp"))
    }

    /// Takes a non-blocking socket over that somebody else has opened: accepted, or given to us.
    pub(crate) fn adopted(&mut self, socket: H, transport: &'static str) {
        handle::set_options(&socket.socket(), matches!(transport, "tcp" | "mptcp"), &self.options.socket);
        self.connected(Established { socket, fault: None }, transport);
    }

    /// Takes a socket over that was opened for connecting, and has connected.
    pub(crate) fn connected(&mut self, established: Established<H>, transport: &'static str) {
        let Established { socket, fault } = established;
        self.facts.transport = Some(transport);
        let sock = socket.socket();
        self.facts.local_address = sock.local_addr().ok().as_ref().and_then(handle::describe);
        // After a reset there is no peer name any more; what was dialled is.
        let peer = sock.peer_addr().ok().as_ref().and_then(handle::describe);
        self.facts.peer_address = peer.or(self.facts.peer_address.take());
        self.handle = Some(socket);
        self.observe(&Event::Connected {
            local: self.facts.local_address.as_deref(),
            peer: self.facts.peer_address.as_deref(),
        });
        let with_syn = self.note_fast_open();
        #[cfg(feature = "tls")]
        if self.begin_tls(fault, with_syn) {
            return;
        }
        #[cfg(feature = "tls")]
        if let Some(outer) = self.outer.take() {
            self.tls = Some(outer);
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

    /// The connection goes through a proxy that was spoken to in this way.
    #[cfg_attr(
        not(feature = "tls"),
        expect(clippy::unused_self, clippy::needless_pass_by_value, reason = "a session is taken over")
    )]
    pub(crate) fn goes_by(&mut self, way: crate::connecting::proxy::Way) {
        match way {
            crate::connecting::proxy::Way::Plain => {}
            #[cfg(feature = "tls")]
            crate::connecting::proxy::Way::Tls(session) => self.outer = Some(session.into_carrier()),
        }
    }

    /// Performs everything the core asks for. Afterwards it asks for nothing until it is told something.
    pub(crate) fn act(&mut self) {
        loop {
            #[cfg(feature = "tls")]
            self.end_tls_stream();
            let Some(action) = self.core.poll_action() else { return };
            match action {
                Action::ShutdownSend => self.shutdown_send(),
                Action::Sample => self.sample(),
                Action::Close => self.close(false),
                Action::Abort => self.close(true),
            }
        }
    }

    fn shutdown_send(&mut self) {
        let look = self.look();
        let (at, result, first_fin) = match &self.handle {
            Some(handle) => {
                let socket = handle.socket();
                let before = os::first_fin(&socket, look);
                let at = self.now();
                let result = socket.shutdown(std::net::Shutdown::Write);
                // The peer's may have come between the look and the call.
                (at, result, before.or_else(|| os::first_fin(&socket, look)))
            }
            None => (self.now(), Err(io::ErrorKind::NotConnected.into()), None),
        };
        self.first_fin = first_fin;
        let result = result.map_err(|error| fault(Call::Shutdown, &error));
        self.observe_at(at, &Event::ShutdownSend { fault: result.err() });
        self.core.handle_shutdown(self.now(), result);
    }

    fn look(&self) -> os::Look<'_> {
        os::Look {
            is_tcp: self.is_tcp(),
            fin_sent: self.core.milestones().shutdown_send.is_some(),
            eof: self.core.evidence().eof,
            faulted: self.core.evidence().fault.is_some(),
            first_fin: self.first_fin,
            local: self.facts.local_address.as_deref(),
            peer: self.facts.peer_address.as_deref(),
        }
    }

    fn sample(&mut self) {
        let Some(handle) = &self.handle else {
            // A core that is connected has a handle; without one there is nothing to look at.
            return;
        };
        let mut pace = std::mem::take(&mut self.pace);
        let (sample, tcp) = os::sample(&handle.socket(), self.look(), &mut pace);
        self.pace = pace;
        #[cfg(feature = "tls")]
        let sample = self.sample_of_bytes(sample);
        self.facts.tcp = tcp;
        if let adieu_proto::SocketError::Fault(fault) = sample.socket_error {
            self.observe(&Event::Fault { fault });
        }
        self.core.handle_sample(self.now(), sample);
    }

    fn close(&mut self, abort: bool) {
        if let Some(handle) = self.handle.take() {
            handle::set_reset_on_close(&handle.socket(), abort);
            if !abort {
                // What is still under way goes on as on any socket.
                self.pace.restore(&handle.socket());
            }
        }
        self.core.handle_closed(self.now());
        #[cfg(feature = "tls")]
        self.note_unfinished_handshake();
        if let Some(outcome) = self.core.outcome() {
            let report = Report::new(&self.core, &outcome, &self.facts);
            // Only TCP has a reset to abort with.
            self.observe(&Event::Closed { aborted: abort && self.is_tcp(), report: &report });
            self.report = Some(report);
        }
        let (started, at) = (matches!(self.network, Some(Ok(_))), self.now());
        self.network = None;
        if let Some(call) = os::CALLS.cleanup.filter(|_| started) {
            self.observe_at(at, &Event::Cleanup { call });
        }
    }

    /// The outcome, once closed.
    pub(crate) fn outcome(&self) -> Option<Outcome> {
        self.core.outcome()
    }

    /// The report, once closed.
    pub(crate) fn report(&self) -> Option<&Report> {
        self.report.as_ref()
    }

    /// Receives into `buffer`, without blocking.
    pub(crate) fn receive(&mut self, buffer: &mut [u8]) -> Moved {
        #[cfg(feature = "tls")]
        if self.tls.is_some() {
            return self.receive_tls(buffer);
        }
        let moved = self.receive_with(|socket| (&**socket).read(buffer));
        if let Moved::Bytes(n) = moved
            && self.core.counts().received == n as u64
        {
            let begins = if self.is_listening() { begins_as_tls_client } else { begins_as_tls_server };
            self.facts.received_tls = begins(&buffer[..n]);
        }
        moved
    }

    fn receive_with(&mut self, mut receive: impl FnMut(&SockRef<'_>) -> io::Result<usize>) -> Moved {
        if !self.core.wants().receive {
            return Moved::Ended;
        }
        let Some(handle) = &self.handle else { return Moved::Ended };
        let result = loop {
            match handle.attempt(Direction::Receive, &mut receive) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other,
            }
        };
        match result {
            Ok(n) if n > 0 => {
                self.observe(&Event::Received { bytes: n as u64 });
                self.core.handle_received(self.now(), n as u64);
                Moved::Bytes(n)
            }
            other => self.received_nothing(other.map(drop)),
        }
    }

    /// What a receive without bytes means: an end, nothing for now, or a fault.
    fn received_nothing(&mut self, result: io::Result<()>) -> Moved {
        let now = self.now();
        match result {
            Ok(()) if self.has_hidden_error() => {
                let fault = Fault { call: Call::Poll, kind: FaultKind::NotConnected, code: None };
                self.observe(&Event::Fault { fault });
                self.core.handle_fault(now, fault);
                self.core.handle_exhausted(now);
                Moved::Ended
            }
            Ok(()) => {
                self.observe(&Event::Eof);
                #[cfg(feature = "tls")]
                self.note_eof();
                self.core.handle_eof(now);
                Moved::Ended
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.core.handle_exhausted(now);
                if self.core.wants().receive { Moved::Blocked } else { Moved::Ended }
            }
            Err(error) => {
                self.fault(Call::Receive, &error);
                Moved::Ended
            }
        }
    }

    /// Whether there is an error that no call has told, so that a receive of 0 is no EOF (Windows). As long as our sending
    /// side is open, a send will tell it, with its number.
    fn has_hidden_error(&self) -> bool {
        let shut = self.core.milestones().shutdown_send.is_some();
        shut && self.handle.as_ref().is_some_and(|handle| os::has_error(&handle.socket()))
    }

    /// Bytes went from our input to the peer by a call that began at `at`.
    #[cfg(target_os = "linux")]
    pub(crate) fn moved_to_peer(&mut self, at: Time, bytes: u64) {
        self.observe_at(at, &Event::Sent { bytes });
        self.core.handle_input(bytes);
        self.core.handle_accepted(at, bytes);
    }

    /// Bytes came from the peer by a call that was not ours.
    #[cfg(target_os = "linux")]
    pub(crate) fn received(&mut self, bytes: u64) {
        self.observe(&Event::Received { bytes });
        self.core.handle_received(self.now(), bytes);
    }

    /// Receives and throws away, without copying: at most `buffer`'s length, which is not written to.
    ///
    /// Source: tcp(7), MSG_TRUNC.
    #[cfg(target_os = "linux")]
    pub(crate) fn discard(&mut self, buffer: &mut [MaybeUninit<u8>]) -> Moved {
        self.receive_with(|socket| {
            let flags = rustix::net::RecvFlags::TRUNC;
            Ok(rustix::net::recv(&**socket, &mut *buffer, flags).map(|(_, n)| n)?)
        })
    }

    #[cfg(target_os = "linux")]
    pub(crate) fn send_failed(&mut self, error: &io::Error) {
        self.fault(Call::Send, error);
    }

    #[cfg(target_os = "linux")]
    pub(crate) fn receive_failed(&mut self, error: &io::Error) {
        self.fault(Call::Receive, error);
    }

    /// Takes an EOF that stands in our kernel already, but no byte that stands before it.
    pub(crate) fn receive_eof(&mut self) {
        #[cfg(feature = "tls")]
        if self.tls.is_some() {
            return self.receive_tls_end();
        }
        let Some(handle) = self.handle.as_ref().filter(|_| self.core.wants().receive) else { return };
        let peeked = loop {
            match handle.socket().peek(&mut [MaybeUninit::uninit()]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other,
            }
        };
        match peeked {
            Ok(0) => {
                self.receive(&mut [0]);
            }
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.core.handle_exhausted(self.now());
            }
            // A peek takes an error out like any other call, so it is told here or never.
            Err(error) => self.fault(Call::Receive, &error),
        }
    }

    /// Sends from `buffer`, without blocking. What the core does not know as read from an input comes from the
    /// program itself, and is read and accepted at once.
    pub(crate) fn send(&mut self, buffer: &[u8]) -> Moved {
        #[cfg(feature = "tls")]
        if self.tls.is_some() {
            return self.send_tls(buffer);
        }
        let Some(handle) = &self.handle else { return Moved::Ended };
        let at = self.now();
        let result = loop {
            match handle.attempt(Direction::Send, |socket| socket.send_with_flags(buffer, os::SEND_FLAGS)) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other,
            }
        };
        match result {
            Ok(n) => {
                self.observe_at(at, &Event::Sent { bytes: n as u64 });
                let counts = self.core.counts();
                if counts.accepted == 0 {
                    let begins =
                        if self.is_listening() { begins_as_tls_server } else { begins_as_tls_client };
                    self.facts.sent_tls = begins(&buffer[..n]);
                }
                let unknown = (counts.accepted + n as u64).saturating_sub(counts.read);
                if unknown > 0 {
                    self.core.handle_input(unknown);
                }
                self.core.handle_accepted(at, n as u64);
                Moved::Bytes(n)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Moved::Blocked,
            Err(error) => {
                self.fault(Call::Send, &error);
                Moved::Ended
            }
        }
    }

    /// After a fault: what the kernel still holds, so that nothing the peer said is lost with the socket.
    pub(crate) fn receive_rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        if self.core.evidence().fault.is_none() {
            return rest;
        }
        let mut buffer = vec![0; 64 * 1024];
        while let Moved::Bytes(n) = self.receive(&mut buffer) {
            rest.extend_from_slice(&buffer[..n]);
            self.core.handle_output(self.now(), n as u64);
        }
        self.act();
        rest
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
        self.core.handle_local_failure(self.now(), end, error.raw_os_error());
    }

    /// How long the core lets its driver sleep. `None`: for ever.
    pub(crate) fn time_left(&self) -> Option<Duration> {
        let deferred = self.deferred_until.map(|until| until.saturating_duration_since(Instant::now()));
        let core = self.core.poll_timeout().map(|at| at.saturating_sub(self.now()));
        [core, deferred.filter(|left| !left.is_zero())].into_iter().flatten().min()
    }

    /// What ends the connection from outside. `None`: nothing does, or not yet.
    pub(crate) fn interrupt(&self) -> Option<&crate::Interrupt> {
        self.options.interrupt.as_ref().filter(|_| self.deferred_until.is_none_or(|at| at <= Instant::now()))
    }

    /// The interrupt is not heeded for so long.
    pub(crate) fn defer_interrupt(&mut self, limit: Duration) {
        self.deferred_until = Instant::now().checked_add(limit);
    }

    /// A moment of the core's on tokio's clock; one beyond that clock's end is far enough away.
    #[cfg(feature = "tokio")]
    pub(crate) fn instant_of(&self, at: Time) -> tokio::time::Instant {
        const FAR: Duration = Duration::from_secs(86_400 * 365 * 30);
        let at = self.start.checked_add(at).unwrap_or_else(|| Instant::now() + FAR);
        tokio::time::Instant::from_std(at)
    }

    /// Tells the core what is waited for from now on. Nothing: the program is busy, and what the peer leaves unsaid
    /// meanwhile is not its silence.
    pub(crate) fn wait_for(&mut self, waiting: Waiting) {
        let nothing = Waiting::default();
        if waiting != nothing || self.waiting != nothing {
            self.waiting = waiting;
            self.core.handle_waiting(self.now(), waiting);
        }
    }

    /// Ends what must end although there is more to move: the interrupt, and the deadline. The other timers judge the
    /// peer's silence, which is known only once it was asked.
    pub(crate) fn check_stop(&mut self) {
        let raised = self.interrupt().is_some_and(|i| i.raised().is_some());
        let over = self.options.timers.deadline.is_some_and(|at| at <= self.now());
        if raised || over {
            self.tick();
        }
    }

    /// Tells the core the time, if it has been waiting for it, and of an interrupt.
    pub(crate) fn tick(&mut self) {
        let now = self.now();
        if let Some(signal) = self.interrupt().and_then(crate::Interrupt::raised) {
            self.core.handle_interrupt(now, signal);
        }
        if self.core.poll_timeout().is_some_and(|at| at <= now) {
            self.core.handle_timeout(now);
        }
    }
}

/// A link that is dropped unfinished closes its socket, with an abort if its sending side is still open.
impl<H: Handle> Drop for Link<H> {
    fn drop(&mut self) {
        if self.handle.is_some() {
            self.give_up();
        }
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

/// Whether a stream begins as that of a client of TLS: with a ClientHello. RFC 8446, sections 4 and 5.1.
fn begins_as_tls_client(first: &[u8]) -> bool {
    matches!(first, [0x16, 3, 0..=4, _, _, 1, ..])
}

/// Whether a stream begins as that of a server of TLS: with a ServerHello, or an alert. RFC 8446, sections 4, 5.1 and 6.
fn begins_as_tls_server(first: &[u8]) -> bool {
    matches!(first, [0x16, 3, 0..=4, _, _, 2, ..] | [0x15, 3, 0..=4, 0, 2, ..])
}

pub(crate) fn fault(call: Call, error: &io::Error) -> Fault {
    Fault { call, kind: os::fault_kind(error), code: error.raw_os_error() }
}
