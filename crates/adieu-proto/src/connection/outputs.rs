//! What comes out of the machine: the next action, the next moment, what may be done, and what is known so far.

use super::{Connection, ReceiveHalf, SendHalf};
use crate::timers::earliest;
use crate::{Action, Counts, Ending, Evidence, Milestones, Outcome, Phase, Side, Time, Wants};

impl Connection {
    /// The next thing to do, each once. Ask again after its answer.
    pub fn poll_action(&mut self) -> Option<Action> {
        if self.outcome.is_some() || self.in_flight.is_some() {
            return None;
        }
        if self.verdict.is_none() && self.connected && self.may_shut_down() && self.is_cut() {
            // A FIN would tell the peer that this is a whole answer to a whole stream.
            self.leave(None, Ending::Truncated);
        }
        self.in_flight = self.next_action();
        self.in_flight
    }

    fn next_action(&self) -> Option<Action> {
        match self.verdict {
            Some(_) if self.connected && !self.looked_last => Some(Action::Sample),
            Some(verdict) if self.must_abort(verdict.ending) => Some(Action::Abort),
            Some(_) => Some(Action::Close),
            None if !self.connected => None,
            None if self.may_shut_down() => Some(Action::ShutdownSend),
            None if self.sample_due => Some(Action::Sample),
            None => None,
        }
    }

    /// When [`Connection::handle_timeout`] must be called at the latest. `None`: never.
    pub fn poll_timeout(&self) -> Option<Time> {
        if self.verdict.is_some() {
            return None;
        }
        if let Some(leaving) = &self.leaving {
            return earliest(self.config.deadline, leaving.poll_timeout(&self.config));
        }
        let connect = self.config.connect_timeout.filter(|_| !self.connected);
        earliest(earliest(connect, self.config.deadline), self.timers.earliest_at(&self.config))
    }

    /// What may be done now without blocking.
    pub fn wants(&self) -> Wants {
        if !self.connected || self.verdict.is_some() {
            return Wants::default();
        }
        let sendable = self.send == SendHalf::Open && self.evidence.fault.is_none();
        Wants {
            receive: self.is_receiving() && self.leaving.is_none(),
            send: sendable && (self.pending() > 0 || self.owes),
            input: sendable && self.input_open && self.leaving.is_none(),
            acknowledgement: self.both_ended() && self.flushed() && !self.held && !self.sample_due,
        }
    }

    /// The outcome, once the handle has been given back.
    pub fn outcome(&self) -> Option<Outcome> {
        self.outcome
    }

    /// Whether the ending is decided: only the last look and the close are left.
    pub fn is_decided(&self) -> bool {
        self.verdict.is_some()
    }

    /// The part of the procedure the connection is in.
    pub fn phase(&self) -> Phase {
        match (self.connected, self.send, self.receive) {
            (false, ..) => Phase::Connecting,
            (true, SendHalf::Open | SendHalf::Failed, _) => Phase::Sending,
            (true, SendHalf::Shut, ReceiveHalf::Open) => Phase::Draining,
            (true, SendHalf::Shut, _) => Phase::Closing,
        }
    }

    /// Bytes counted so far.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Bytes of ours that the peer's TCP has acknowledged, as of the last look. `None`: cannot be told.
    pub fn acknowledged(&self) -> Option<u64> {
        self.evidence.unacknowledged.map(|missing| self.counts.accepted.saturating_sub(missing))
    }

    /// When each step was seen done.
    pub fn milestones(&self) -> Milestones {
        self.milestones
    }

    /// What has been seen so far.
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
            Side::Us => self.ours_was_there,
        }
    }

    /// Whether the peer has ended its direction: by EOF, or by the stream's own end inside a transport whose EOF is
    /// still to come. No more bytes will be received.
    pub fn peer_has_ended(&self) -> bool {
        match self.receive {
            ReceiveHalf::Finished => true,
            ReceiveHalf::Eof => self.evidence.eof,
            ReceiveHalf::Open | ReceiveHalf::Failed => false,
        }
    }

    /// Whether the peer's stream has ended without the end mark that it must have: it was cut. Whatever reads it must not
    /// take it for whole.
    pub fn is_cut(&self) -> bool {
        self.receive == ReceiveHalf::Eof && self.evidence.eof && self.evidence.end_mark == Some(false)
    }

    /// Whether the ending is decided and only put off, until what was sent before is acknowledged. Nothing is wanted
    /// meanwhile but the rest of that, and time.
    pub fn is_leaving(&self) -> bool {
        self.leaving.is_some() && self.verdict.is_none()
    }

    /// Whether all that our input gave is sent, and it has ended: [`Action::ShutdownSend`] is next. A transport that
    /// ends its stream by something of its own (TLS close_notify) sends that now, and says so with
    /// [`Connection::handle_owed`].
    pub fn is_about_to_shut_down(&self) -> bool {
        self.connected
            && self.verdict.is_none()
            && self.in_flight.is_none()
            && self.may_shut_down()
            && !self.is_cut()
    }

    /// Whether our input was given up unfinished: silent for longer than the input grace after the peer's end.
    pub fn input_abandoned(&self) -> bool {
        self.input_abandoned
    }
}
