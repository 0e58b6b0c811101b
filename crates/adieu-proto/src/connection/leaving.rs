//! An ending that needs an abort, put off until what was sent before it is delivered.
//!
//! An abort throws our kernel's send queue away. Whoever has answered something before it fails wants that to arrive, and
//! the reset only after it. Acknowledgements wake nobody, so they are looked at again and again, at growing intervals.

use super::Connection;
use crate::timers::earliest;
use crate::{Config, Ending, Phase, Time, Unacknowledged};
use core::time::Duration;

/// The first look comes at once; the next ones after this, and twice as long each time.
const FIRST_INTERVAL: Duration = Duration::from_millis(1);

/// No look is further away than this.
const LAST_INTERVAL: Duration = Duration::from_millis(100);

/// Where nobody can tell what is acknowledged, delivery gets this long.
const UNSEEN_DELIVERY: Duration = Duration::from_millis(500);

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Leaving {
    pub(super) ending: Ending,
    pub(super) phase: Phase,
    /// When it began, or the peer last acknowledged something. `None`: with the first look, which comes next.
    since: Option<Time>,
    /// The octets that were known to be acknowledged then.
    acknowledged: u64,
    /// When acknowledgements are looked at next. `None`: with what is to be sent first.
    look_at: Option<Time>,
    interval: Duration,
}

impl Leaving {
    pub(super) fn poll_timeout(&self, config: &Config) -> Option<Time> {
        let until = self.since.map(|since| since.saturating_add(config.flush_timeout));
        earliest(until, self.look_at)
    }

    fn is_over(&self, now: Time, config: &Config) -> bool {
        self.since.is_some_and(|since| since.saturating_add(config.flush_timeout) <= now)
    }
}

impl Connection {
    /// Ends it like this, once everything that was read from our input is acknowledged. A stream of the peer that was cut
    /// is the cause of whatever failed after it.
    pub(super) fn leave(&mut self, now: Option<Time>, ending: Ending) {
        if self.verdict.is_some() || self.leaving.is_some() {
            return;
        }
        let ending = if self.is_cut() { Ending::Truncated } else { ending };
        let can_deliver = self.connected && self.evidence.fault.is_none() && self.must_abort(ending);
        if let (Some(now), false) = (now, can_deliver) {
            return self.decide(now, ending);
        }
        self.input_open = false;
        self.leaving = Some(Leaving {
            ending,
            phase: self.phase(),
            since: now,
            acknowledged: self.acknowledged_octets,
            look_at: None,
            interval: FIRST_INTERVAL,
        });
        self.look_if_sent();
    }

    /// Once our kernel has all of it, acknowledgements are what is waited for.
    pub(super) fn look_if_sent(&mut self) {
        let is_sent = self.is_all_sent();
        if let Some(leaving) = &self.leaving {
            self.sample_due |= is_sent && leaving.look_at.is_none();
        }
    }

    /// The answer to a look: is everything delivered?
    pub(super) fn judge_flushed(&mut self, now: Time, unacknowledged: Unacknowledged) {
        let is_sent = self.is_all_sent();
        let Some(leaving) = &mut self.leaving else { return };
        if self.acknowledged_octets > leaving.acknowledged {
            (leaving.acknowledged, leaving.since) = (self.acknowledged_octets, Some(now));
        }
        let since = *leaving.since.get_or_insert(now);
        let delivered = match unacknowledged {
            Unacknowledged::Octets(octets) => octets == 0,
            // It stands in the peer's queue.
            Unacknowledged::NotApplicable | Unacknowledged::Untaken(_) => true,
            Unacknowledged::Uncounted | Unacknowledged::Unknown => {
                now.saturating_sub(since) >= UNSEEN_DELIVERY || self.counts.accepted == 0
            }
        };
        let ending = leaving.ending;
        if (is_sent && delivered) || leaving.is_over(now, &self.config) {
            self.looked_last = true;
            self.decide(now, ending);
        } else {
            leaving.look_at = Some(now.saturating_add(leaving.interval));
            leaving.interval = (leaving.interval * 2).min(LAST_INTERVAL);
        }
    }

    /// The time of [`Leaving::poll_timeout`] has come.
    pub(super) fn leave_by(&mut self, now: Time) {
        // Only a look tells whether the peer has acknowledged something since.
        self.sample_due |= self.leaving.as_ref().is_some_and(|l| l.poll_timeout(&self.config) <= Some(now));
    }
}
