//! What the inputs so far come to: what is sent and handed on, what has ended, and what the timers need to know.
//!
//! Nothing changes here but the clocks. The decisions stand in `judgement`.

use super::Connection;
use super::ack_wait::AckWait;
use super::acks::Taken;
use super::stage::{InputHalf, ReceiveHalf, SendHalf, Stage};
use crate::InputSilence;
use crate::Timer;
use crate::nanos::Nanos;
use crate::timers::Situation;

impl Connection {
    /// There is a connection, or there was one.
    pub(super) fn is_connected(&self) -> bool {
        self.moments.connected.is_some()
    }

    /// No ending is decided, nor one put off until what was sent before it is delivered.
    pub(super) fn is_undecided(&self) -> bool {
        matches!(self.stage, Stage::Connecting { .. } | Stage::Open | Stage::AwaitingAcks(AckWait::Fin))
    }

    /// Bytes read from our input that the kernel has not accepted.
    pub(super) fn pending(&self) -> u64 {
        self.counts.read - self.counts.accepted
    }

    /// Our kernel has everything that was read from our input, and what the transport itself had to send.
    pub(super) fn is_all_sent(&self) -> bool {
        self.pending() == 0 && !self.owes
    }

    /// Everything received has been handed on.
    pub(super) fn flushed(&self) -> bool {
        self.counts.written + self.counts.discarded == self.counts.received
    }

    pub(super) fn is_receiving(&self) -> bool {
        matches!(self.receive, ReceiveHalf::Open | ReceiveHalf::StreamEnded)
    }

    pub(super) fn both_ended(&self) -> bool {
        self.send == SendHalf::Shut && self.receive == ReceiveHalf::Eof
    }

    /// Whether acknowledgements alone may be missing for a graceful ending.
    pub(super) fn lacks_only_acks(&self) -> bool {
        self.both_ended() && self.flushed() && self.evidence.fault.is_none()
    }

    /// Which bound on the time as a whole has passed.
    pub(super) fn bound_passed(&self, now: Nanos) -> Option<Timer> {
        let has_passed = |at: Option<Nanos>| at.is_some_and(|at| at <= now);
        if has_passed(self.bounds.deadline) {
            Some(Timer::Deadline)
        } else {
            has_passed(self.linger_at()).then_some(Timer::Linger)
        }
    }

    /// When our closing has taken too long. `None`: never, or only the program's word is missing, and its own delay is not
    /// the peer's.
    pub(super) fn linger_at(&self) -> Option<Nanos> {
        // First, because it is asked at each turn and hardly ever there.
        let limit = self.bounds.linger?;
        let since = self.moments.shutdown_send.filter(|_| !(self.held && self.lacks_only_acks()))?;
        Some(since.saturating_add(limit))
    }

    pub(super) fn may_shut_down(&self) -> bool {
        matches!(self.stage, Stage::Open)
            && self.send == SendHalf::Open
            && self.input != InputHalf::Open
            && self.is_all_sent()
            && self.evidence.fault.is_none()
            && !self.fin_is_held()
    }

    /// Whether our FIN would promise what is not known yet: that all of the peer's stream was taken; or, of an input that
    /// gave nothing, that we wait for nothing more.
    fn fin_is_held(&self) -> bool {
        if self.receive == ReceiveHalf::Open {
            self.is_held_for_peer() || self.holds_fin()
        } else if self.is_cut() {
            // There will be none, but what came before the cut is handed on before that is told.
            !self.flushed()
        } else {
            self.output_end_awaited || self.end_held_until.is_some()
        }
    }

    /// When our end is sent although the EOF of the peer's transport has not come.
    pub(super) fn end_due_at(&self) -> Option<Nanos> {
        // First, because it is asked at each turn and hardly ever there.
        let until = self.end_held_until?;
        let waits = self.send == SendHalf::Open && self.input != InputHalf::Open && self.is_all_sent();
        waits.then_some(until)
    }

    /// Whether our sending side is kept open for the peer's end, because our input has ended without a byte.
    fn is_held_for_peer(&self) -> bool {
        self.bounds.peer_grace.is_some()
            && !self.peer_grace_over
            && self.input != InputHalf::Open
            && self.counts.read == 0
            && self.receive == ReceiveHalf::Open
            && self.send == SendHalf::Open
    }

    /// When a FIN that is held back is sent although the peer has not ended.
    pub(super) fn fin_due_at(&self) -> Option<Nanos> {
        self.fin_held_until.filter(|until| *until < Nanos::MAX && self.holds_fin())
    }

    /// When the peer has had its time to end after it acknowledged our FIN.
    pub(super) fn drain_over_at(&self) -> Option<Nanos> {
        // First, because it is asked at each turn and hardly ever there.
        let limit = self.bounds.drain_limit?;
        if self.receive == ReceiveHalf::Eof || !self.is_undecided() {
            return None;
        }
        // Nobody may have looked yet: what is outstanding is waited for, and only what cannot be told is not.
        let is_outstanding = self.acks.is_outstanding(self.taken());
        let since = self.moments.acknowledged;
        let since = since.or(self.moments.shutdown_send.filter(|_| !is_outstanding));
        Some(since?.saturating_add(limit))
    }

    /// What our kernel has taken from us for the peer.
    pub(super) fn taken(&self) -> Taken {
        Taken { bytes: self.counts.accepted + self.sent_before, fin: self.send == SendHalf::Shut }
    }

    pub(super) fn situation(&self) -> Situation {
        let is_there = match self.stage {
            Stage::Connecting { handshaking } => handshaking,
            Stage::Open | Stage::AwaitingAcks(_) => true,
            Stage::Decided { .. } | Stage::Closed(_) => false,
        };
        let alive = is_there && self.evidence.fault.is_none() && !self.evidence.end_refused;
        let outstanding = alive && self.acks.is_outstanding(self.taken());
        Situation {
            alive,
            outstanding,
            fin_outstanding: outstanding && self.send == SendHalf::Shut,
            asking: self.watch.is_asking(),
            untaken: alive && self.acks.may_be_untaken(),
            input_holds: matches!(self.receive, ReceiveHalf::Eof | ReceiveHalf::StreamEnded)
                && self.input == InputHalf::Open
                && self.pending() == 0
                // To give an input up by default ends the connection: what came from the peer is handed on before.
                && (self.flushed() || self.bounds.input_grace_now().is_none_or(|(_, is_end)| is_end)),
            eof_missing: alive && self.send == SendHalf::Shut && self.receive == ReceiveHalf::StreamEnded,
            held_for_peer: alive && self.is_held_for_peer(),
            input_is_slow: match self.bounds.input_silence {
                InputSilence::Ours => true,
                InputSilence::OursOnceItGave => self.counts.read > 0,
                InputSilence::Peers => false,
            },
            // Once the peer has ended its side, it is we who are waited for; a relay waits for somebody on either side.
            untouched: alive
                && self.is_connected()
                && (self.receive == ReceiveHalf::Open || self.is_relayed)
                && self.counts.received == 0
                && self.counts.accepted == 0,
        }
    }

    pub(super) fn update_timers(&mut self, now: Nanos) {
        let situation = self.situation();
        self.timers.update(now, &self.bounds, situation);
    }
}
