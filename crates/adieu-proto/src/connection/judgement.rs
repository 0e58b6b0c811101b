//! What the inputs so far mean: acknowledgements, silence, and the one verdict.

use super::{Connection, ReceiveHalf, SendHalf, Verdict};
use crate::{Ending, Fault, Missing, Sample, Side, SocketError, Time, Timer, Unacknowledged};

impl Connection {
    pub(super) fn note_acknowledgements(&mut self, now: Time, sample: &Sample) {
        let unacknowledged = sample.unacknowledged;
        // Octets that nobody can count would be outstanding for ever, and our own silence the peer's.
        self.untold = !matches!(unacknowledged, Unacknowledged::Octets(_));
        match unacknowledged {
            Unacknowledged::Octets(octets) => {
                let shut = self.send == SendHalf::Shut;
                // The FIN is the last octet, so whatever is missing includes it.
                let bytes = octets.saturating_sub(u64::from(shut));
                self.evidence.unacknowledged = Some(bytes.min(self.counts.accepted));
                self.evidence.fin_acknowledged = shut.then_some(octets == 0);
                let known = self.taken_octets().saturating_sub(octets);
                if known > self.acknowledged_octets {
                    self.acknowledged_octets = known;
                    // It came when the peer was last heard, and not when we looked.
                    let heard = now.saturating_sub(sample.path.last_heard.unwrap_or_default());
                    self.timers.peer_took(heard);
                }
                if shut && self.evidence.eof {
                    self.ours_was_there.get_or_insert(octets == 0);
                }
                if shut && octets == 0 {
                    self.milestones.acknowledged.get_or_insert(now);
                }
            }
            Unacknowledged::NotApplicable => {}
            Unacknowledged::Untaken(size) => {
                if self.untaken.is_some_and(|before| size < before) {
                    self.timers.peer_took(now);
                }
                self.untaken = Some(size);
                self.may_be_untaken = size > 0;
            }
            Unacknowledged::Uncounted | Unacknowledged::Unknown => {
                let outstanding = self.send == SendHalf::Shut && unacknowledged == Unacknowledged::Uncounted;
                self.evidence.unacknowledged = None;
                self.evidence.fin_acknowledged = outstanding.then_some(false);
                if outstanding && self.evidence.eof {
                    self.ours_was_there.get_or_insert(false);
                }
            }
        }
    }

    /// What a fault makes of the connection. A stream that had ended without its end mark was cut before: a reset is then
    /// how the peer meets what we still send to it.
    fn ending_of(&self, fault: Fault) -> Ending {
        match fault.ending() {
            Ending::Reset { by: Side::Peer }
                if self.evidence.eof && self.evidence.end_mark == Some(false) =>
            {
                Ending::Truncated
            }
            ending => ending,
        }
    }

    /// A fault that was told between the verdict and the close: nothing is graceful or uncertain after it.
    pub(super) fn note_late_fault(&mut self, fault: Fault) {
        let ending = self.ending_of(fault);
        if let Some(verdict) = &mut self.verdict
            && matches!(verdict.ending, Ending::Graceful | Ending::Indeterminate { .. })
        {
            verdict.ending = ending;
        }
    }

    /// Both directions have ended and all is handed on: is it graceful?
    pub(super) fn judge_close(&mut self, now: Time, sample: Sample) {
        if let Some(ending) = self.close_ending(sample).filter(|_| !self.held) {
            self.looked_last = true;
            self.decide(now, ending);
        }
    }

    /// Given up while only acknowledgements were missing: the last look may find them there.
    pub(super) fn judge_given_up(&mut self, sample: Sample) {
        let ending = self.close_ending(sample);
        if let (Some(verdict), Some(ending)) = (&mut self.verdict, ending)
            && verdict.ending == (Ending::Indeterminate { missing: Missing::Acknowledgement })
        {
            verdict.ending = ending;
        }
    }

    /// How it ends if nothing is waited for any more. `None`: something is.
    fn close_ending(&self, sample: Sample) -> Option<Ending> {
        if !(self.both_ended() && self.flushed()) {
            return None;
        }
        let missing = match (sample.socket_error, sample.unacknowledged) {
            (SocketError::Unknown, _) => Some(Missing::SocketError),
            (_, Unacknowledged::Unknown) => Some(Missing::Acknowledgement),
            // Not yet: wait for the acknowledgement, bounded by the timers.
            (_, Unacknowledged::Uncounted) => return None,
            (_, Unacknowledged::Octets(octets)) if octets > 0 => return None,
            _ => None,
        };
        Some(match missing {
            _ if self.evidence.end_mark == Some(false) => Ending::Truncated,
            Some(missing) => Ending::Indeterminate { missing },
            None => Ending::Graceful,
        })
    }

    /// The peer has been silent: is it too long?
    pub(super) fn judge_silence(&mut self, now: Time) {
        self.update_timers(now);
        if self.config.deadline.is_some_and(|at| at <= now) {
            self.looked_last = true;
            self.decide(now, Ending::TimedOut { timer: Timer::Deadline });
        } else if self.timers.lasted(self.timers.idle_at(&self.config)) {
            self.looked_last = true;
            self.evidence.peer_spoke = self.timers.peer_spoke();
            self.decide(now, Ending::TimedOut { timer: Timer::Idle });
        } else if self.timers.lasted(self.timers.eof_at(&self.config)) {
            self.looked_last = true;
            self.decide(now, Ending::Indeterminate { missing: Missing::PeerEof });
        } else if let Some(timer) = self.asked_in_vain() {
            self.looked_last = true;
            self.evidence.peer_spoke = timer == Timer::Unacknowledged;
            self.decide(now, Ending::TimedOut { timer });
        }
    }

    /// Whether the peer's TCP, or its acknowledgement of what we sent, was asked for in vain for too long. What a dead peer
    /// said is handed on first, like what came before a fault.
    fn asked_in_vain(&self) -> Option<Timer> {
        let limit = self.config.dead_peer?;
        self.watch.in_vain(limit).filter(|_| self.flushed() && self.situation().outstanding)
    }

    /// Decides what the inputs so far decide.
    pub(super) fn conclude(&mut self, now: Time) {
        if self.verdict.is_some() || !(self.flushed() || self.leaving.is_some()) {
            return;
        }
        if let Some(fault) = self.evidence.fault {
            // Whatever came before the fault is still to be received. A look that is due comes first.
            if (self.receive != ReceiveHalf::Open || self.leaving.is_some()) && !self.sample_due {
                self.decide(now, self.ending_of(fault));
            }
        } else if self.both_ended() && !self.held {
            self.sample_due = true;
        }
    }

    /// The first cause wins: a fault that was told before is the ending, whatever asks for one now.
    pub(super) fn decide(&mut self, now: Time, ending: Ending) {
        if self.verdict.is_some() {
            return;
        }
        let (ending, phase) = match (&self.leaving, self.evidence.fault) {
            (Some(leaving), _) => (leaving.ending, leaving.phase),
            (None, Some(fault)) if self.connected => (self.ending_of(fault), self.fault_phase),
            _ => (ending, self.phase()),
        };
        self.verdict = Some(Verdict { ending, phase, at: now });
    }

    /// Whether a FIN would now tell the peer that a cut stream is whole.
    pub(super) fn must_abort(&self, ending: Ending) -> bool {
        match ending {
            Ending::Reset { by: Side::Us } => self.connected,
            Ending::Graceful | Ending::NoConnection | Ending::Reset { .. } => false,
            // The peer is still sending to an output that is broken: it shall not believe that all of it arrived.
            Ending::LocalFailure { .. } if self.receive == ReceiveHalf::Open => self.connected,
            _ => self.connected && self.send != SendHalf::Shut,
        }
    }
}
