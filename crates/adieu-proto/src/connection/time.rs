//! The inputs of time: what is waited for, and that a moment has come. Which clocks run, `timers` knows.

use super::Connection;
use super::ack_wait::AckWait;
use super::stage::{InputHalf, Stage};
use crate::nanos::Nanos;
use crate::{Ending, Missing, Time, Timer, Waiting};

impl Connection {
    /// What the driver is blocked on, just before it sleeps.
    pub fn handle_waiting(&mut self, now: Time, waiting: Waiting) {
        let situation = self.situation();
        self.timers.wait(now.into(), waiting, &self.bounds, situation);
    }

    /// The time of [`Connection::poll_timeout`] has come.
    ///
    /// A silence is believed only when everything was tried after its end, so this may do nothing until
    /// [`Connection::handle_waiting`] was called once more.
    pub fn handle_timeout(&mut self, now: Time) {
        let now = now.into();
        let is_due = |at: Option<Nanos>| at.is_some_and(|at| at <= now);
        if let Some(timer) = self.bound_passed(now) {
            return self.handle_bound(now, timer);
        }
        if is_due(self.drain_over_at()) {
            return self.give_up(now);
        }
        if is_due(self.fin_due_at()) {
            return self.let_fin_go(now);
        }
        if is_due(self.end_due_at()) {
            self.end_held_until = None;
            return;
        }
        match &self.stage {
            Stage::Decided { .. } | Stage::Closed(_) => {}
            Stage::AwaitingAcks(AckWait::BeforeAbort(delivery)) => {
                // Only a look tells whether the peer has acknowledged something since.
                self.sample_due |= is_due(delivery.poll_timeout(self.bounds.flush_timeout));
            }
            Stage::Connecting { .. } if is_due(self.bounds.connect_timeout) => {
                self.decide(now, Ending::TimedOut { timer: Timer::Connect });
            }
            // Of a handshake there is nothing to look at.
            Stage::Connecting { .. } if self.timers.silence_confirmed(self.timers.idle_at(&self.bounds)) => {
                self.decide(now, Ending::TimedOut { timer: Timer::Idle });
            }
            Stage::Connecting { .. } | Stage::Open | Stage::AwaitingAcks(AckWait::Fin) => {
                self.handle_silence(now);
            }
        }
    }

    /// The time is up, whatever moves.
    fn handle_bound(&mut self, now: Nanos, timer: Timer) {
        let is_open = matches!(self.stage, Stage::Open | Stage::AwaitingAcks(AckWait::Fin));
        if is_open && self.lacks_only_acks() {
            // Acknowledgements wake nobody: they may be there.
            self.sample_due = true;
        } else {
            self.decide(now, Ending::TimedOut { timer });
        }
    }

    /// A timer has come that runs while everybody is silent.
    fn handle_silence(&mut self, now: Nanos) {
        let is_confirmed = |at: Option<Nanos>| self.timers.silence_confirmed(at);
        if is_confirmed(self.timers.first_byte_at(&self.bounds)) {
            self.decide(now, Ending::TimedOut { timer: Timer::FirstByte });
        } else if is_confirmed(self.timers.held_until(&self.bounds)) {
            self.peer_grace_over = true;
            self.update_timers(now);
        } else if is_confirmed(self.timers.grace_at(&self.bounds)) {
            self.input = InputHalf::Abandoned;
            if self.bounds.input_grace_now().is_some_and(|(_, is_end)| is_end) {
                self.update_timers(now);
            } else {
                // A relay's input is the other side, whose silence had a limit.
                let ending = if self.is_relayed {
                    Ending::TimedOut { timer: Timer::HalfOpen }
                } else {
                    Ending::Indeterminate { missing: Missing::InputEnd }
                };
                self.abort_after_delivery(now, ending);
            }
        } else if is_confirmed(self.timers.check_at())
            || is_confirmed(self.timers.idle_at(&self.bounds))
            || is_confirmed(self.timers.eof_at(&self.bounds))
        {
            // Silence is judged on fresh evidence only: acknowledgements are progress, and wake nobody; and how slow the way
            // is may not be known yet.
            self.sample_due = true;
        }
    }
}
