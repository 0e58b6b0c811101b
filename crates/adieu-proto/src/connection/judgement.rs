//! What the inputs so far mean: faults, acknowledgements, silence, and the one decision.

use super::Connection;
use super::ack_wait::{AckSample, AckWait, Delivery};
use super::stage::{Decision, InputHalf, ReceiveHalf, SendHalf, Stage};
use crate::nanos::Nanos;
use crate::{Ending, Fault, FaultKind, LocalEnd, Missing, Sample, Side, SocketError, Timer, Unacknowledged};
use core::time::Duration;

/// The ending that a fault of this kind is, on a connection that was there.
const fn ending_by(kind: FaultKind) -> Ending {
    match kind {
        FaultKind::Reset | FaultKind::BrokenPipe => Ending::Reset { by: Side::Peer },
        FaultKind::Aborted => Ending::Reset { by: Side::Us },
        FaultKind::TimedOut | FaultKind::Unreachable => Ending::TimedOut { timer: Timer::Kernel },
        FaultKind::NotConnected => Ending::Indeterminate { missing: Missing::Cause },
        FaultKind::Protocol => Ending::Truncated,
        FaultKind::Refused | FaultKind::Other => Ending::LocalFailure { end: LocalEnd::Socket },
    }
}

/// A reset that comes sooner than the fastest answer so far, by more than this, is none: clocks and kernels are no more exact.
const EXACTNESS: Nanos = Nanos::from_millis(1);

/// A peer's TCP that was heard no longer ago is there still, and whatever stands on the way remembers the connection. After
/// more time a reset may come from a system that was started anew, or from a firewall, and tells nothing of the peer's program.
const REMEMBERED: Duration = Duration::from_secs(60);

impl Connection {
    /// Whether a reset is only the answer to our end: see [`Evidence::end_refused`](crate::Evidence::end_refused).
    ///
    /// A mark that ends a stream is data, and a TCP whose program has closed answers data with a reset, whether that program had read
    /// everything or not. One that closed with bytes of ours unread has sent its reset before, in place of its FIN or right behind
    /// it: then our end could not be sent, or it crossed the reset, which came sooner than an answer could. If the peer's
    /// TCP took any of our end, it was not closed, and its reset has another reason.
    pub(super) fn is_refusal_of_our_end(&self, now: Nanos, fault: Fault, sample: &Sample) -> bool {
        let Some(sent_at) = self.moments.shutdown_send else { return false };
        let answer_after = sample.path.answer_after.map(Nanos::from).unwrap_or_default();
        matches!(fault.kind, FaultKind::Reset | FaultKind::BrokenPipe)
            && self.evidence.fault.is_none()
            && self.both_ended()
            && !self.is_cut()
            && sample.unacknowledged == Unacknowledged::End
            && now.saturating_sub(sent_at).saturating_add(EXACTNESS) >= answer_after
            && sample.path.last_heard.is_some_and(|ago| ago <= REMEMBERED)
    }

    /// What a fault makes of the connection. A stream that had ended without its end mark was cut before: a reset is then
    /// how the peer meets what we still send to it.
    fn ending_of(&self, fault: Fault) -> Ending {
        match ending_by(fault.kind) {
            Ending::Reset { by: Side::Peer }
                if self.evidence.eof && self.evidence.end_mark == Some(false) =>
            {
                Ending::Truncated
            }
            ending => ending,
        }
    }

    /// A fault that was told between the decision and the close: nothing is graceful or uncertain after it. Nor was it our abort
    /// that ended a connection which the peer, or our kernel, had ended before.
    pub(super) fn note_late_fault(&mut self, fault: Fault) {
        let ending = self.ending_of(fault);
        // The cut of a relay's other side came before that: it was being told to this peer.
        let came_first = matches!(ending, Ending::Reset { by: Side::Peer } | Ending::TimedOut { .. })
            && !self.evidence.other_side_cut;
        if let Stage::Decided { decision, .. } = &mut self.stage
            && match decision.ending {
                Ending::Graceful | Ending::Indeterminate { .. } => true,
                Ending::Reset { by: Side::Us } => came_first,
                _ => false,
            }
        {
            decision.ending = ending;
        }
    }

    /// What a look at the socket means.
    pub(super) fn judge_sample(&mut self, now: Nanos, sample: Sample) {
        if self.evidence.fault.is_some() {
            return self.conclude(now);
        }
        match self.stage {
            Stage::AwaitingAcks(AckWait::BeforeAbort(_)) => {
                self.judge_delivery(now, sample.unacknowledged);
            }
            Stage::Connecting { .. } | Stage::Open => self.judge_silence(now),
            Stage::AwaitingAcks(AckWait::Fin) => match self.close_ending(sample) {
                Some(ending) => self.decide_on_look(now, ending),
                None => self.judge_silence(now),
            },
            Stage::Decided { .. } | Stage::Closed(_) => self.judge_given_up(sample),
        }
    }

    /// Given up while only acknowledgements were missing: the last look may find them there.
    fn judge_given_up(&mut self, sample: Sample) {
        let ending = self.close_ending(sample);
        if let (Stage::Decided { decision, .. }, Some(ending)) = (&mut self.stage, ending)
            && decision.ending == (Ending::Indeterminate { missing: Missing::Acknowledgement })
        {
            decision.ending = ending;
        }
    }

    /// How it ends if nothing is waited for any more. `None`: something is.
    fn close_ending(&self, sample: Sample) -> Option<Ending> {
        if !(self.both_ended() && self.flushed()) {
            return None;
        }
        let missing = match (sample.socket_error, sample.unacknowledged) {
            (SocketError::Unknown, _) => Some(Missing::SocketError),
            // Nothing more will be acknowledged, and nothing but our end is missing.
            _ if self.evidence.end_refused => None,
            (_, Unacknowledged::Unknown) => Some(Missing::Acknowledgement),
            // Not yet: wait for the acknowledgement, bounded by the timers.
            (_, Unacknowledged::Uncounted | Unacknowledged::End) => return None,
            (_, Unacknowledged::Octets(octets)) if octets > 0 => return None,
            _ => None,
        };
        Some(match missing {
            _ if self.evidence.end_mark == Some(false) => Ending::Truncated,
            Some(missing) => Ending::Indeterminate { missing },
            None => Ending::Graceful,
        })
    }

    /// Is what was put off for its delivery delivered?
    fn judge_delivery(&mut self, now: Nanos, unacknowledged: Unacknowledged) {
        let look = AckSample {
            is_sent: self.is_delivery_sent(),
            is_empty: self.taken().bytes == 0,
            progress: self.progress(),
            unacknowledged,
        };
        if let Stage::AwaitingAcks(AckWait::BeforeAbort(delivery)) = &mut self.stage
            && delivery.look(now, look, self.bounds.flush_timeout)
        {
            let ending = delivery.ending;
            self.decide_on_look(now, ending);
        }
    }

    /// The peer has been silent: is it too long?
    fn judge_silence(&mut self, now: Nanos) {
        self.update_timers(now);
        if let Some(timer) = self.bound_passed(now) {
            self.decide_on_look(now, Ending::TimedOut { timer });
        } else if self.timers.silence_confirmed(self.timers.idle_at(&self.bounds)) {
            self.evidence.peer_spoke = self.timers.peer_spoke();
            self.decide_on_look(now, Ending::TimedOut { timer: Timer::Idle });
        } else if self.timers.silence_confirmed(self.timers.eof_at(&self.bounds)) {
            self.decide_on_look(now, Ending::Indeterminate { missing: Missing::PeerEof });
        } else if let Some(timer) = self.asked_in_vain() {
            self.evidence.peer_spoke = timer == Timer::Unacknowledged;
            self.decide_on_look(now, Ending::TimedOut { timer });
        }
    }

    /// Whether the peer's TCP, or its acknowledgement of what we sent, was asked for in vain for too long. What a dead peer
    /// said is handed on first, like what came before a fault.
    fn asked_in_vain(&self) -> Option<Timer> {
        let limit = self.bounds.dead_peer?;
        self.watch.in_vain(limit).filter(|_| self.flushed())
    }

    /// Draws the conclusion from the inputs so far: a fault ends the connection, and two ended directions leave only
    /// acknowledgements to wait for.
    pub(super) fn conclude(&mut self, now: Nanos) {
        let Some(fault) = self.evidence.fault else {
            if self.both_ended() && self.flushed() && !self.held && !self.is_decided() {
                if let Stage::Open = self.stage {
                    self.stage = Stage::AwaitingAcks(AckWait::Fin);
                }
                self.sample_due = true;
            }
            return;
        };
        // Whatever came before the fault is still to be received and handed on. A look that is due comes first.
        let is_all_known = (self.has_enough || self.receive != ReceiveHalf::Open) && self.flushed();
        if (is_all_known || self.is_leaving()) && !self.sample_due {
            self.decide(now, self.ending_of(fault));
        }
    }

    /// Ends the connection like this, with an abort once everything that was read from our input is acknowledged. A stream
    /// of the peer that was cut is the cause of whatever failed after it.
    pub(super) fn abort_after_delivery(&mut self, now: Nanos, ending: Ending) {
        let ending = if self.is_cut() { Ending::Truncated } else { ending };
        if !self.is_undecided() {
            return;
        }
        if self.evidence.fault.is_none() && self.must_abort(ending) {
            self.await_delivery(Some(now), ending);
        } else {
            self.decide(now, ending);
        }
    }

    /// Puts an abort off. Without a time, its wait begins with the first look.
    pub(super) fn await_delivery(&mut self, since: Option<Nanos>, ending: Ending) {
        // After a cut on the other side of a relay, what was sent there before it is still to be read.
        if self.input == InputHalf::Open && !self.evidence.other_side_cut {
            self.input = InputHalf::Ended;
        }
        let delivery = Delivery::new(ending, self.phase(), since, self.progress());
        self.stage = Stage::AwaitingAcks(AckWait::BeforeAbort(delivery));
        self.look_if_sent();
    }

    /// Once our kernel has all that is delivered before an abort, acknowledgements are what is waited for.
    pub(super) fn look_if_sent(&mut self) {
        if let Stage::AwaitingAcks(AckWait::BeforeAbort(delivery)) = &self.stage {
            self.sample_due |= delivery.awaits_first_look() && self.is_delivery_sent();
        }
    }

    /// Our kernel has all that is to be delivered before an abort: nothing more will be read.
    fn is_delivery_sent(&self) -> bool {
        self.input != InputHalf::Open && self.is_all_sent()
    }

    /// A number that grows whenever the peer acknowledges something; or takes something, so that our kernel has room for
    /// more, where acknowledgements cannot be told.
    fn progress(&self) -> u64 {
        self.acks.acknowledged().saturating_add(self.counts.accepted)
    }

    /// Decides the ending. The first cause wins: a fault that was told before is the ending, whatever asks for one now.
    pub(super) fn decide(&mut self, now: Nanos, ending: Ending) {
        self.decide_if_undecided(now, ending, false);
    }

    /// Decides the ending by what a look has just told: no other look is needed before the close.
    fn decide_on_look(&mut self, now: Nanos, ending: Ending) {
        self.decide_if_undecided(now, ending, true);
    }

    fn decide_if_undecided(&mut self, now: Nanos, ending: Ending, looked: bool) {
        let (ending, phase) = match (&self.stage, self.evidence.fault) {
            (Stage::Decided { .. } | Stage::Closed(_), _) => return,
            (Stage::AwaitingAcks(AckWait::BeforeAbort(delivery)), _) => (delivery.ending, delivery.phase),
            (Stage::Open | Stage::AwaitingAcks(AckWait::Fin), Some(fault)) => {
                (self.ending_of(fault), self.fault_phase)
            }
            (_, _) => (ending, self.phase()),
        };
        self.stage = Stage::Decided { decision: Decision { ending, phase, at: now }, looked };
    }

    /// Whether our stream is whole, and only its FIN is held back for a peer that has not ended. The close sends it.
    fn lacks_only_fin(&self) -> bool {
        self.fin_held_until.is_some()
            && self.input == InputHalf::Ended
            && self.receive == ReceiveHalf::Open
            && self.is_all_sent()
    }

    /// Whether a FIN would now tell the peer that a cut stream is whole.
    pub(super) fn must_abort(&self, ending: Ending) -> bool {
        self.is_connected()
            && match ending {
                Ending::Graceful | Ending::NoConnection | Ending::Reset { by: Side::Peer } => false,
                Ending::Reset { by: Side::Us } => true,
                Ending::TimedOut { .. } if self.bounds.abort_at_limit => true,
                Ending::TimedOut { timer: Timer::Idle } if self.bounds.idle_ends && self.is_all_sent() => {
                    false
                }
                // Nobody takes what the peer still sends, and nobody else would tell it.
                Ending::Interrupted { .. } | Ending::TimedOut { .. } | Ending::Indeterminate { .. }
                    if self.is_relayed && self.receive == ReceiveHalf::Open =>
                {
                    true
                }
                // The peer is still sending to an output that is broken: it shall not believe that all of it arrived.
                Ending::LocalFailure { .. } if self.receive == ReceiveHalf::Open => true,
                // The peer shall not believe that what it still sends arrives, and what it does not acknowledge is not kept.
                Ending::TimedOut { timer: Timer::Linger } => {
                    self.receive == ReceiveHalf::Open || self.evidence.fin_acknowledged == Some(false)
                }
                Ending::Interrupted { .. } | Ending::TimedOut { .. } | Ending::Indeterminate { .. }
                    if self.lacks_only_fin() =>
                {
                    false
                }
                _ => self.send != SendHalf::Shut,
            }
    }
}
