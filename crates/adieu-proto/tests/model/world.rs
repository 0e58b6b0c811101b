//! One core, its driver, our kernel, the channel and the peer, small enough to be explored whole.
//!
//! What is nondeterministic: when anything arrives at us or at the peer, if ever; what the peer does; what our
//! input and output do, and when; signals; and in which order a driver does what it may do. Fixed is what the
//! crate's documentation fixes: a driver answers each action, receives before it sends, and sleeps only when
//! neither can be done. A segment that is dropped and never sent again is one that is never delivered; a cut
//! link delivers nothing more.
//!
//! Time is absolute in the core, so it advances only when a timer fires: everything else happens at once.

use crate::session::{Session, Tail};
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
    /// A session answers something of the peer's, a key update.
    pub(crate) answers: bool,
    /// Signals come, the program asks for something, our own ends fail.
    pub(crate) trouble: bool,
}

/// Bytes that our kernel holds before the peer has acknowledged any; and our driver, each way.
pub(crate) const ROOM: u64 = 1;

/// What our platform tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Platform {
    /// Everything.
    Full,
    /// Nothing of acknowledgements.
    NoAcks,
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
pub(crate) enum Move {
    // Connecting.
    Connected,
    Refused,
    /// A part of the transport's handshake comes.
    Greeted,
    /// The transport's handshake fails.
    HandshakeFails,
    // Our driver.
    Ask,
    Answer,
    Receive,
    Exhausted,
    Send,
    /// The session seals close_notify, for our input has ended.
    SealCloseNotify,
    /// The session seals an answer to something of the peer's.
    SealAnswer,
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
    OtherSideCut,
    // The channel and the peer.
    PeerSends,
    /// Its stream ends inside the transport.
    PeerFinishes(Tail),
    PeerEnds,
    PeerResets,
    /// Its program has closed after its end, and its TCP answers our end with a reset.
    PeerRefusesEnd,
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
    /// `None`: the two streams are what is on the wire.
    pub(crate) session: Option<Session>,
    pub(crate) now: Time,
    pub(crate) in_flight: Option<Action>,
    /// What the driver sleeps on.
    pub(crate) asleep: Option<Waiting>,
    pub(crate) asked: bool,
    pub(crate) asked_to_shut_down: bool,
    pub(crate) closed_by: Option<Action>,
    pub(crate) unsent: u64,
    pub(crate) unwritten: u64,
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
    pub(crate) peer_sent: u64,
    pub(crate) peer_received: u64,
    pub(crate) cut: bool,
}

impl World {
    pub(crate) fn new(platform: Platform, bounds: Bounds, config: Config) -> Self {
        Self {
            platform,
            bounds,
            core: Connection::new(config.clone()),
            session: None,
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
            peer_sent: 0,
            peer_received: 0,
            cut: false,
            config,
        }
    }

    /// The same with a TLS session. Whether it must be ended by close_notify is [`Config::end_mark`].
    pub(crate) fn secure(platform: Platform, bounds: Bounds, config: Config) -> Self {
        Self { session: Some(Session::default()), ..Self::new(platform, bounds, config) }
    }

    pub(crate) fn is_connected(&self) -> bool {
        self.core.milestones().connected.is_some()
    }

    /// Octets that our kernel has taken, our FIN included.
    pub(crate) fn taken(&self) -> u64 {
        self.sent() + u64::from(self.fin_sent)
    }

    /// Octets that our kernel has taken before our FIN.
    pub(crate) fn sent(&self) -> u64 {
        self.core.counts().accepted + self.session.as_ref().map_or(0, Session::octets)
    }

    /// What is missing of our bytes and our FIN: a driver does not count the octets of records.
    pub(crate) fn unacknowledged(&self) -> u64 {
        let records = self.session.as_ref().map_or(0, |session| session.unacknowledged(self.acknowledged));
        self.taken() - self.acknowledged - records
    }

    /// Everything is acknowledged but our close_notify, which is the last of what was sealed, and our FIN; of these nothing is.
    pub(crate) fn lacks_only_end(&self) -> bool {
        let has_closed = self.session.as_ref().is_some_and(|session| session.closed);
        has_closed && self.fin_sent && self.acknowledged + 2 == self.taken()
    }

    pub(crate) fn owes(&self) -> bool {
        self.session.as_ref().is_some_and(|session| session.owed > 0)
    }

    /// What ends the peer's stream and waits to be read.
    pub(crate) fn unread_tail(&self) -> Option<Tail> {
        self.session.as_ref().filter(|session| !session.tail_read)?.tail
    }

    pub(crate) fn take(&mut self, step: Move) {
        let now = self.now;
        let awake = !matches!(
            step,
            Move::PeerSends
                | Move::PeerFinishes(_)
                | Move::PeerEnds
                | Move::PeerResets
                | Move::PeerRefusesEnd
                | Move::PeerTakes
                | Move::PeerAcknowledges
                | Move::Cut
                | Move::KernelGivesUp
        );
        let slept_on = if awake { self.asleep.take() } else { self.asleep };
        match step {
            Move::Connected => self.core.handle_connected(now),
            Move::Refused => self.core.handle_connect_failed(now, told(Call::Connect, FaultKind::Refused)),
            Move::Greeted => {
                self.session_mut().greeted = true;
                self.core.handle_handshake(now);
            }
            Move::HandshakeFails => {
                self.core.handle_connect_failed(now, told(Call::Receive, FaultKind::Protocol));
            }
            Move::SealCloseNotify => {
                self.session_mut().closed = true;
                self.seal();
            }
            Move::SealAnswer => {
                self.session_mut().answered = true;
                self.seal();
            }
            Move::Ask => {
                self.in_flight = self.core.poll_action();
                self.asked_to_shut_down |= self.in_flight == Some(Action::ShutdownSend);
            }
            Move::Answer => self.answer(),
            Move::Receive => self.receive(),
            Move::Exhausted => self.core.handle_exhausted(now),
            Move::Send => self.send(),
            Move::Sleep => {
                let waiting = self.blocked_on();
                self.asleep = Some(waiting);
                self.core.handle_waiting(now, waiting);
            }
            Move::Timer => {
                self.now = self.core.poll_timeout().map_or(now, |at| at.max(now));
                self.core.handle_timeout(self.now);
            }
            Move::WakeForAcknowledgement => {
                debug_assert!(slept_on.is_some());
                self.core.handle_acknowledged();
            }
            Move::InputGives => {
                self.unsent += 1;
                self.core.handle_input(1);
            }
            Move::InputEnds => self.core.handle_input_eof(),
            Move::InputFails => self.core.handle_input_failed(now, Some(5)),
            Move::OutputTakes => {
                self.unwritten -= 1;
                self.core.handle_output(now, 1);
            }
            Move::OutputFails => self.core.handle_local_failure(now, LocalEnd::Output, Some(28)),
            Move::EndMark => self.core.handle_end_mark(),
            Move::Interrupt | Move::Abort | Move::GiveUp | Move::OtherSideCut => {
                self.asked = true;
                match step {
                    Move::Interrupt => self.core.handle_interrupt(now, Signal::Interrupt),
                    Move::Abort => self.core.handle_abort(now),
                    Move::OtherSideCut => self.core.handle_other_side_cut(now),
                    _ => self.core.handle_give_up(now),
                }
            }
            other => self.take_from_network(other),
        }
    }

    fn take_from_network(&mut self, step: Move) {
        match step {
            Move::PeerFinishes(tail) => self.session_mut().tail = Some(tail),
            Move::PeerSends => {
                self.peer_sent += 1;
                self.unread += 1;
            }
            Move::PeerEnds => {
                self.peer = Peer::Shut;
                self.fin_received = true;
                self.settle();
            }
            Move::PeerResets | Move::PeerRefusesEnd => {
                self.peer = Peer::Gone;
                let kind = if self.fin_received && !self.fin_sent {
                    FaultKind::BrokenPipe
                } else {
                    FaultKind::Reset
                };
                self.die(kind);
            }
            Move::PeerTakes => self.peer_received += 1,
            Move::PeerAcknowledges => {
                self.acknowledged = self.peer_received;
                self.retransmissions = 0;
                self.heard_at = self.heard_at.map(|_| self.now);
                self.settle();
            }
            Move::Cut => self.cut = true,
            Move::KernelGivesUp => self.die(FaultKind::TimedOut),
            // What our own side does.
            _ => {}
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
        let Some(heard_at) = self.heard_at else {
            return Path { last_heard: Some(Time::ZERO), ..Path::default() };
        };
        self.retransmissions += u32::from(self.acknowledged < self.taken());
        Path {
            last_heard: Some(self.now.saturating_sub(heard_at)),
            segments_received: Some(self.peer_sent + u64::from(self.fin_received)),
            asking: Some(Asking { retransmissions: self.retransmissions, probes: 0, every: ms(1) }),
            ..Path::default()
        }
    }

    fn sample(&mut self) -> Sample {
        Sample {
            unacknowledged: match self.platform {
                Platform::NoAcks => Unacknowledged::Unknown,
                Platform::SameKernel => Unacknowledged::NotApplicable,
                _ if self.lacks_only_end() => Unacknowledged::End,
                Platform::Full | Platform::NoSocketError => Unacknowledged::Octets(self.unacknowledged()),
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
        } else if let Some(tail) = self.unread_tail().filter(|tail| *tail != Tail::CutRecord) {
            self.session_mut().tail_read = true;
            if tail == Tail::CloseNotify {
                self.core.handle_stream_end(now);
                self.core.handle_end_mark();
            } else {
                // An alert of ours goes out at once, or never.
                self.session_mut().owed = 0;
                self.core.handle_owed(false);
                self.core.handle_fault(now, told(Call::Receive, FaultKind::Protocol));
            }
        } else if self.fin_received {
            if self.unread_tail() == Some(Tail::CutRecord) {
                self.session_mut().tail_read = true;
                self.core.handle_missing_end_mark();
            }
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
            if let Some(session) = &mut self.session {
                session.owed = 0;
                self.core.handle_owed(false);
            }
            self.core.handle_fault(now, told(Call::Send, kind));
        } else if self.owes() {
            let after = self.sent();
            self.session_mut().taken(after);
            let owes = self.owes();
            self.core.handle_owed(owes);
        } else {
            self.unsent -= 1;
            self.core.handle_accepted(now, 1);
        }
    }

    /// The session has sealed a record: our kernel takes it now, or the core is told that it is owed.
    fn seal(&mut self) {
        self.session_mut().owed += 1;
        if self.has_room() && !self.dead && !self.asked_to_shut_down && self.unsent == 0 {
            let after = self.sent();
            self.session_mut().taken(after);
        }
        let owes = self.owes();
        self.core.handle_owed(owes);
    }

    fn session_mut(&mut self) -> &mut Session {
        self.session.as_mut().expect("only a session moves so")
    }

    pub(crate) fn blocked_on(&self) -> Waiting {
        let wants = self.core.wants();
        let handshaking =
            !self.is_connected() && self.session.as_ref().is_some_and(|session| session.greeted);
        Waiting {
            receive: handshaking || (wants.receive && self.unwritten < ROOM),
            send: wants.send && (self.unsent > 0 || self.owes()),
            input: wants.input && self.unsent < ROOM,
            pausing: false,
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
        linger: None,
        drain_limit: None,
        input_grace: None,
        unused_input_grace: None,
        input_silence: InputSilence::Ours,
        idle_ends: false,
        idle_timeout_after_fin: None,
        peer_grace: None,
        first_byte_timeout: None,
        flush_timeout: ms(3),
        dead_peer: None,
        eof_grace: None,
        end_hold: None,
        end_mark: false,
        abort_at_limit: false,
    }
}

pub(crate) const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}
