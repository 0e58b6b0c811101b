//! What comes out of the machine: the next action, the next moment, what may be done, and what is known so far.

use super::Connection;
use super::ack_wait::AckWait;
use super::stage::{Decision, InputHalf, ReceiveHalf, SendHalf, Stage};
use crate::nanos::Nanos;
use crate::timers::earliest;
use crate::{Action, Counts, Ending, Evidence, Milestones, Outcome, Phase, Side, Time, Wants};

impl Connection {
    /// The next thing to do, each once. Ask again after its answer.
    #[inline]
    pub fn poll_action(&mut self) -> Option<Action> {
        // First, because it is asked at each turn and most often so: bytes may move, and that is all.
        if matches!(self.stage, Stage::Open) && self.input == InputHalf::Open && !self.sample_due {
            return None;
        }
        self.decided_action()
    }

    fn decided_action(&mut self) -> Option<Action> {
        if self.in_flight.is_some() {
            return None;
        }
        if self.may_shut_down() {
            if !self.is_cut() {
                self.in_flight = Some(Action::ShutdownSend);
                return self.in_flight;
            }
            // A FIN would tell the peer that this is a whole answer to a whole stream.
            self.await_delivery(None, Ending::Truncated);
        }
        self.in_flight = self.next_action();
        self.in_flight
    }

    /// What is next, but for the shutdown.
    fn next_action(&self) -> Option<Action> {
        match self.stage {
            Stage::Connecting { .. } | Stage::Closed(_) => None,
            Stage::Open | Stage::AwaitingAcks(_) => self.sample_due.then_some(Action::Sample),
            Stage::Decided { looked: false, .. } if self.is_connected() => Some(Action::Sample),
            Stage::Decided { decision, .. } if self.must_abort(decision.ending) => Some(Action::Abort),
            Stage::Decided { .. } => Some(Action::Close),
        }
    }

    /// When [`Connection::handle_timeout`] must be called at the latest. `None`: never.
    #[inline]
    pub fn poll_timeout(&self) -> Option<Time> {
        self.next_timeout().map(Time::from)
    }

    fn next_timeout(&self) -> Option<Nanos> {
        let stage = match &self.stage {
            Stage::Connecting { .. } => {
                earliest(self.bounds.connect_timeout, self.timers.earliest_at(&self.bounds))
            }
            Stage::Open | Stage::AwaitingAcks(AckWait::Fin) => {
                let held = earliest(self.fin_due_at(), self.end_due_at());
                earliest(self.timers.earliest_at(&self.bounds), held)
            }
            Stage::AwaitingAcks(AckWait::BeforeAbort(delivery)) => {
                delivery.poll_timeout(self.bounds.flush_timeout)
            }
            Stage::Decided { .. } | Stage::Closed(_) => return None,
        };
        earliest(stage, self.next_bound())
    }

    /// When the time is up although bytes may move: the earlier of the deadline and the bound on closing.
    pub fn bound_at(&self) -> Option<Time> {
        self.next_bound().map(Time::from)
    }

    fn next_bound(&self) -> Option<Nanos> {
        earliest(earliest(self.bounds.deadline, self.linger_at()), self.drain_over_at())
    }

    /// What may be done now without blocking.
    #[inline]
    pub fn wants(&self) -> Wants {
        let is_leaving = match &self.stage {
            Stage::Open | Stage::AwaitingAcks(AckWait::Fin) => false,
            Stage::AwaitingAcks(AckWait::BeforeAbort(_)) => true,
            Stage::Connecting { .. } | Stage::Decided { .. } | Stage::Closed(_) => return Wants::default(),
        };
        let sendable = self.send == SendHalf::Open && self.evidence.fault.is_none();
        Wants {
            receive: self.is_receiving() && (!is_leaving || self.evidence.other_side_cut),
            send: sendable && (self.pending() > 0 || self.owes),
            input: sendable && self.input == InputHalf::Open,
            acknowledgement: matches!(self.stage, Stage::AwaitingAcks(AckWait::Fin)) && !self.sample_due,
        }
    }

    /// The outcome, once the handle has been given back.
    #[inline]
    pub fn outcome(&self) -> Option<Outcome> {
        match self.stage {
            Stage::Closed(Decision { ending, phase, at }) => {
                Some(Outcome { ending, phase, evidence: self.evidence, at: at.into() })
            }
            _ => None,
        }
    }

    /// Whether the handle has been given back.
    pub(super) fn is_closed(&self) -> bool {
        matches!(self.stage, Stage::Closed(_))
    }

    /// Whether the ending is decided: only the last look and the close are left.
    #[inline]
    pub fn is_decided(&self) -> bool {
        matches!(self.stage, Stage::Decided { .. } | Stage::Closed(_))
    }

    /// The part of the procedure the connection is in.
    pub fn phase(&self) -> Phase {
        match (self.is_connected(), self.send, self.receive) {
            (false, ..) => Phase::Connecting,
            (true, SendHalf::Open, _) => Phase::Sending,
            (true, SendHalf::Shut, ReceiveHalf::Open) => Phase::Draining,
            (true, SendHalf::Shut, _) => Phase::Closing,
        }
    }

    /// Bytes counted so far.
    #[inline]
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Bytes of ours that the peer's TCP has acknowledged, as of the last look. `None`: cannot be told.
    pub fn acknowledged(&self) -> Option<u64> {
        self.evidence.unacknowledged.map(|missing| self.counts.accepted.saturating_sub(missing))
    }

    /// When each step was seen done.
    #[inline]
    pub fn milestones(&self) -> Milestones {
        self.moments.into()
    }

    /// What has been seen so far.
    #[inline]
    pub fn evidence(&self) -> Evidence {
        self.evidence
    }

    /// Who ended its direction first. `None`: nobody has ended one.
    pub fn ended_first(&self) -> Option<Side> {
        self.ended_first
    }

    /// Whether the peer ended its direction when its TCP had our end. `Some(true)` does not say that its program had read to
    /// it. `None`: one of the two has not ended, or this transport or platform cannot tell what was acknowledged.
    pub fn peer_ended_after_us(&self) -> Option<bool> {
        match self.ended_first? {
            Side::Peer => Some(false),
            Side::Us => self.acks.fin_acked_at_peer_eof(),
        }
    }

    /// Whether the peer has ended its direction: by EOF, or by the stream's own end inside a transport whose EOF is
    /// still to come. No more bytes will be received.
    #[inline]
    pub fn peer_has_ended(&self) -> bool {
        match self.receive {
            ReceiveHalf::StreamEnded => true,
            ReceiveHalf::Eof => self.evidence.eof,
            ReceiveHalf::Open | ReceiveHalf::Failed => false,
        }
    }

    /// Whether the peer's stream has ended without the end mark that it must have: it was cut. Whatever reads it must not
    /// take it for whole.
    #[inline]
    pub fn is_cut(&self) -> bool {
        self.receive == ReceiveHalf::Eof && self.evidence.eof && self.evidence.end_mark == Some(false)
    }

    /// Whether the ending is decided and only put off, until what was sent before is acknowledged. Nothing is wanted
    /// meanwhile but the rest of that, and time; and after [`Connection::handle_other_side_cut`] what the peer sends.
    #[inline]
    pub fn is_leaving(&self) -> bool {
        matches!(self.stage, Stage::AwaitingAcks(AckWait::BeforeAbort(_)))
    }

    /// Whether all that our input gave is sent, and it has ended: [`Action::ShutdownSend`] is next. A transport that
    /// ends its stream by something of its own (TLS close_notify) sends that now, and says so with
    /// [`Connection::handle_owed`].
    pub fn is_about_to_shut_down(&self) -> bool {
        self.in_flight.is_none() && self.may_shut_down() && !self.is_cut()
    }

    /// Whether our input has ended and our FIN is held back until the peer has ended: see [`Connection::hold_fin`].
    pub fn holds_fin(&self) -> bool {
        self.fin_held_until.is_some()
            && matches!(self.stage, Stage::Open)
            && self.input == InputHalf::Ended
            && self.receive == ReceiveHalf::Open
            && self.send == SendHalf::Open
    }

    /// Whether our input was given up unfinished: silent for longer than the input grace after the peer's end.
    pub fn input_abandoned(&self) -> bool {
        self.input == InputHalf::Abandoned
    }
}
