//! One core, its driver, our kernel, the channel and the peer, small enough to be explored whole.
//!
//! What is nondeterministic: when anything arrives at us or at the peer, if ever; what the peer does; what our
//! input and output do, and when; signals; and in which order a driver does what it may do. Fixed is what the
//! crate's documentation fixes: a driver answers each action, receives before it sends, and sleeps only when
//! neither can be done. A segment that is dropped and never sent again is one that is never delivered; a cut
//! link delivers nothing more.
//!
//! Time is absolute in the core, so it advances only when a timer fires: everything else happens at once.

use adieu_proto::{
    Action, Asking, Call, Config, Connection, Fault, FaultKind, InputSilence, LocalEnd, Path, Sample, Signal,
    SocketError, Time, Unacknowledged, Waiting,
};
use core::time::Duration;

/// How much may happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Bounds {
    /// Bytes that our input gives at most.
    pub(crate) up: u64,
    /// Bytes that the peer sends at most.
    pub(crate) down: u64,
    /// Signals come, the program asks for something, our own ends fail.
    pub(crate) trouble: bool,
}

/// Bytes that our kernel holds before the peer has acknowledged any; and our driver, each way.
const ROOM: u64 = 1;

/// What our platform tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Platform {
    /// Everything.
    Full,
    /// Nothing of acknowledgements.
    Untold,
    /// A Unix socket: nothing is to be acknowledged, and there is no network to lose it.
    SameKernel,
    /// SO_ERROR cannot be read.
    NoSocketError,
}

/// The peer's sending side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Peer {
    Open,
    Shut,
    /// Its program is gone, and what arrives for it is answered by nobody.
    Gone,
}

/// What can happen next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Step {
    // Connecting.
    Connected,
    Refused,
    // Our driver.
    Ask,
    Answer,
    Receive,
    Exhausted,
    Send,
    Sleep,
    Timer,
    WakeForAcknowledgement,
    // Our ends.
    InputGives,
    InputEnds,
    InputFails,
    OutputTakes,
    OutputFails,
    EndMark,
    Interrupt,
    Abort,
    GiveUp,
    // The channel and the peer.
    PeerSends,
    /// Its stream ends inside the transport (TLS close_notify), and we have received all before it.
    PeerFinishes,
    PeerEnds,
    PeerResets,
    PeerTakes,
    PeerAcknowledges,
    Cut,
    KernelGivesUp,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct World {
    pub(crate) platform: Platform,
    pub(crate) bounds: Bounds,
    pub(crate) config: Config,
    pub(crate) core: Connection,
    pub(crate) now: Time,
    pub(crate) in_flight: Option<Action>,
    /// What the driver sleeps on.
    pub(crate) asleep: Option<Waiting>,
    asked: bool,
    pub(crate) asked_to_shut_down: bool,
    pub(crate) closed_by: Option<Action>,
    unsent: u64,
    unwritten: u64,
    // Our kernel.
    pub(crate) unread: u64,
    pub(crate) fin_received: bool,
    pub(crate) fin_sent: bool,
    pub(crate) error: Option<FaultKind>,
    pub(crate) dead: bool,
    pub(crate) acknowledged: u64,
    /// Kept only where it matters, or it would make states differ that do not.
    heard_at: Option<Time>,
    /// How often our kernel has sent again what is not acknowledged: before each look, where it matters.
    retransmissions: u32,
    // The peer.
    pub(crate) peer: Peer,
    pub(crate) finished: bool,
    pub(crate) peer_sent: u64,
    pub(crate) peer_received: u64,
    cut: bool,
}

impl World {
    pub(crate) fn new(platform: Platform, bounds: Bounds, config: Config) -> Self {
        Self {
            platform,
            bounds,
            core: Connection::new(config.clone()),
            now: Time::ZERO,
            in_flight: None,
            asleep: None,
            asked: false,
            asked_to_shut_down: false,
            closed_by: None,
            unsent: 0,
            unwritten: 0,
            unread: 0,
            fin_received: false,
            fin_sent: false,
            error: None,
            dead: false,
            acknowledged: 0,
            heard_at: config.dead_peer.map(|_| Time::ZERO),
            retransmissions: 0,
            peer: Peer::Open,
            finished: false,
            peer_sent: 0,
            peer_received: 0,
            cut: false,
            config,
        }
    }

    pub(crate) fn is_connected(&self) -> bool {
        self.core.milestones().connected.is_some()
    }

    /// Octets that our kernel has taken, our FIN included.
    pub(crate) fn taken(&self) -> u64 {
        self.core.counts().accepted + u64::from(self.fin_sent)
    }

    // ---- what may happen ----

    pub(crate) fn steps(&self, steps: &mut Vec<Step>) {
        if self.core.outcome().is_some() {
            return;
        }
        if self.bounds.trouble && !self.asked && !self.core.is_decided() {
            steps.extend([Step::Interrupt, Step::Abort, Step::GiveUp]);
        }
        if self.is_connected() {
            self.network_steps(steps);
        } else if !self.core.is_decided() {
            steps.push(Step::Connected);
            if self.platform != Platform::SameKernel {
                steps.push(Step::Refused);
            }
        }
        self.driver_steps(steps);
    }

    fn driver_steps(&self, steps: &mut Vec<Step>) {
        if self.in_flight.is_some() {
            steps.push(Step::Answer);
            return;
        }
        if self.core.clone().poll_action().is_some() {
            steps.push(Step::Ask);
            return;
        }
        let before = steps.len();
        if self.can_receive() {
            steps.push(Step::Receive);
        } else if self.must_say_exhausted() {
            steps.push(Step::Exhausted);
        } else if self.can_send() {
            steps.push(Step::Send);
        }
        let must_act = steps.len() > before;
        let wants = self.core.wants();
        if wants.input && self.unsent < ROOM {
            if self.core.counts().read < self.bounds.up {
                steps.push(Step::InputGives);
            }
            steps.push(Step::InputEnds);
            if self.bounds.trouble {
                steps.push(Step::InputFails);
            }
        }
        if self.unwritten > 0 {
            steps.push(Step::OutputTakes);
            if self.bounds.trouble {
                steps.push(Step::OutputFails);
            }
        }
        if self.core.evidence().end_mark == Some(false) && wants.receive {
            steps.push(Step::EndMark);
        }
        match self.asleep {
            None if !must_act => steps.push(Step::Sleep),
            None => {}
            Some(waiting) => {
                if self.core.poll_timeout().is_some() {
                    steps.push(Step::Timer);
                }
                if waiting.acknowledgement && self.acknowledged == self.taken() {
                    steps.push(Step::WakeForAcknowledgement);
                }
            }
        }
    }

    fn network_steps(&self, steps: &mut Vec<Step>) {
        if self.cut {
            // Nothing arrives any more; what is left is that our kernel notices.
            if !self.dead && self.acknowledged < self.taken() {
                steps.push(Step::KernelGivesUp);
            }
            return;
        }
        if self.dead {
            return;
        }
        if self.peer == Peer::Open {
            if self.config.eof_grace.is_some() && !self.finished && self.unread == 0 {
                steps.push(Step::PeerFinishes);
            }
            if self.peer_sent < self.bounds.down && !self.finished {
                steps.push(Step::PeerSends);
            }
            steps.push(Step::PeerEnds);
        }
        steps.push(Step::PeerResets);
        if self.peer_received < self.taken() {
            steps.push(Step::PeerTakes);
        }
        if self.platform == Platform::SameKernel {
            return;
        }
        steps.push(Step::Cut);
        if self.acknowledged < self.peer_received {
            steps.push(Step::PeerAcknowledges);
        }
    }

    fn can_receive(&self) -> bool {
        let something = self.unread > 0 || self.fin_received || self.dead;
        self.core.wants().receive && self.unwritten < ROOM && something
    }

    fn must_say_exhausted(&self) -> bool {
        self.core.wants().receive && self.unwritten < ROOM && self.core.evidence().fault.is_some()
    }

    fn can_send(&self) -> bool {
        let queued = self.core.counts().accepted.saturating_sub(self.drained());
        self.core.wants().send && self.unsent > 0 && (self.dead || queued < ROOM)
    }

    /// Octets that have left our kernel's buffer.
    fn drained(&self) -> u64 {
        if self.platform == Platform::SameKernel { self.peer_received } else { self.acknowledged }
    }

    // ---- what it does ----

    pub(crate) fn take(&mut self, step: Step) {
        let now = self.now;
        let awake = !matches!(
            step,
            Step::PeerSends
                | Step::PeerEnds
                | Step::PeerResets
                | Step::PeerTakes
                | Step::PeerAcknowledges
                | Step::Cut
                | Step::KernelGivesUp
        );
        let slept_on = if awake { self.asleep.take() } else { self.asleep };
        match step {
            Step::Connected => self.core.handle_connected(now),
            Step::Refused => self.core.handle_connect_failed(now, told(Call::Connect, FaultKind::Refused)),
            Step::Ask => {
                self.in_flight = self.core.poll_action();
                self.asked_to_shut_down |= self.in_flight == Some(Action::ShutdownSend);
            }
            Step::Answer => self.answer(),
            Step::Receive => self.receive(),
            Step::Exhausted => self.core.handle_exhausted(now),
            Step::Send => self.send(),
            Step::Sleep => {
                let waiting = self.blocked_on();
                self.asleep = Some(waiting);
                self.core.handle_waiting(now, waiting);
            }
            Step::Timer => {
                self.now = self.core.poll_timeout().map_or(now, |at| at.max(now));
                self.core.handle_timeout(self.now);
            }
            Step::WakeForAcknowledgement => {
                debug_assert!(slept_on.is_some());
                self.core.handle_acknowledged();
            }
            Step::InputGives => {
                self.unsent += 1;
                self.core.handle_input(1);
            }
            Step::InputEnds => self.core.handle_input_eof(),
            Step::InputFails => self.core.handle_input_failed(now, Some(5)),
            Step::OutputTakes => {
                self.unwritten -= 1;
                self.core.handle_output(now, 1);
            }
            Step::OutputFails => self.core.handle_local_failure(now, LocalEnd::Output, Some(28)),
            Step::EndMark => self.core.handle_end_mark(),
            Step::Interrupt | Step::Abort | Step::GiveUp => {
                self.asked = true;
                match step {
                    Step::Interrupt => self.core.handle_interrupt(now, Signal::Interrupt),
                    Step::Abort => self.core.handle_abort(now),
                    _ => self.core.handle_give_up(now),
                }
            }
            Step::PeerFinishes => {
                self.finished = true;
                self.core.handle_stream_end(now);
            }
            Step::PeerSends => {
                self.peer_sent += 1;
                self.unread += 1;
            }
            Step::PeerEnds => {
                self.peer = Peer::Shut;
                self.fin_received = true;
                self.settle();
            }
            Step::PeerResets => {
                self.peer = Peer::Gone;
                let kind = if self.fin_received && !self.fin_sent {
                    FaultKind::BrokenPipe
                } else {
                    FaultKind::Reset
                };
                self.die(kind);
            }
            Step::PeerTakes => self.peer_received += 1,
            Step::PeerAcknowledges => {
                self.acknowledged = self.peer_received;
                self.retransmissions = 0;
                self.heard_at = self.heard_at.map(|_| now);
                self.settle();
            }
            Step::Cut => self.cut = true,
            Step::KernelGivesUp => self.die(FaultKind::TimedOut),
        }
    }

    fn answer(&mut self) {
        let now = self.now;
        match self.in_flight.take() {
            None => {}
            Some(Action::ShutdownSend) if self.dead => {
                self.core.handle_shutdown(now, Err(told(Call::Shutdown, FaultKind::NotConnected)));
            }
            Some(Action::ShutdownSend) => {
                self.fin_sent = true;
                self.settle();
                self.core.handle_shutdown(now, Ok(()));
            }
            Some(Action::Sample) => {
                let sample = self.sample();
                self.core.handle_sample(now, sample);
            }
            Some(action @ (Action::Close | Action::Abort)) => {
                self.closed_by = Some(action);
                self.core.handle_closed(now);
            }
        }
    }

    fn path(&mut self) -> Path {
        let Some(heard_at) = self.heard_at else { return Path::default() };
        self.retransmissions += u32::from(self.acknowledged < self.taken());
        Path {
            last_heard: Some(self.now.saturating_sub(heard_at)),
            segments_received: Some(self.peer_sent + u64::from(self.fin_received)),
            asking: Some(Asking { retransmissions: self.retransmissions, probes: 0, every: ms(1) }),
            answer_within: None,
        }
    }

    fn sample(&mut self) -> Sample {
        Sample {
            unacknowledged: match self.platform {
                Platform::Untold => Unacknowledged::Unknown,
                Platform::SameKernel => Unacknowledged::NotApplicable,
                Platform::Full | Platform::NoSocketError => {
                    Unacknowledged::Octets(self.taken() - self.acknowledged)
                }
            },
            path: self.path(),
            socket_error: match self.platform {
                Platform::NoSocketError => SocketError::Unknown,
                _ => self
                    .error
                    .take()
                    .map_or(SocketError::Clear, |kind| SocketError::Fault(told(Call::SocketError, kind))),
            },
        }
    }

    fn receive(&mut self) {
        let now = self.now;
        if self.unread > 0 {
            self.unread -= 1;
            self.unwritten += 1;
            self.core.handle_received(now, 1);
        } else if self.fin_received {
            self.core.handle_eof(now);
        } else if let Some(kind) = self.error.take() {
            self.core.handle_fault(now, told(Call::Receive, kind));
        } else {
            self.core.handle_eof(now);
        }
    }

    fn send(&mut self) {
        let now = self.now;
        if self.dead {
            let kind = self.error.take().unwrap_or(FaultKind::BrokenPipe);
            self.core.handle_fault(now, told(Call::Send, kind));
        } else {
            self.unsent -= 1;
            self.core.handle_accepted(now, 1);
        }
    }

    pub(crate) fn blocked_on(&self) -> Waiting {
        let wants = self.core.wants();
        Waiting {
            receive: wants.receive && self.unwritten < ROOM,
            send: wants.send && self.unsent > 0,
            input: wants.input && self.unsent < ROOM,
            output: self.unwritten > 0 && !self.core.is_decided(),
            acknowledgement: wants.acknowledgement,
        }
    }

    /// Both FINs are through and acknowledged: the kernel forgets the connection, and no RST matters.
    fn settle(&mut self) {
        let all = self.acknowledged == self.taken() || self.platform == Platform::SameKernel;
        if self.fin_received && self.fin_sent && all {
            self.dead = true;
        }
    }

    fn die(&mut self, kind: FaultKind) {
        self.dead = true;
        self.error = Some(kind);
    }
}

const fn told(call: Call, kind: FaultKind) -> Fault {
    Fault { call, kind, code: None }
}

/// A configuration in which only what is named runs.
pub(crate) fn config() -> Config {
    Config {
        connect_timeout: None,
        idle_timeout: None,
        deadline: None,
        input_grace: None,
        input_silence: InputSilence::Ours,
        peer_grace: None,
        first_byte_timeout: None,
        flush_timeout: ms(3),
        dead_peer: None,
        eof_grace: None,
        end_mark: false,
    }
}

pub(crate) const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}
