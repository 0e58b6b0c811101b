//! The wait for acknowledgements, once nothing else is left to be done.
//!
//! It has two forms. After both directions have ended, our FIN is to be acknowledged before the ending can be graceful.
//! And an ending that needs an abort is put off until what was sent before it is acknowledged: an abort throws our
//! kernel's send queue away, and whoever has answered something before it fails wants the answer to arrive first.
//!
//! This machine does not look at the socket and decides no ending. It says when the next look is due and whether a look has
//! ended the wait. The wait for the FIN has no clock of its own: a wake-up or the connection's timers end it.

use crate::nanos::Nanos;
use crate::timers::earliest;
use crate::{Ending, Phase, Unacknowledged};

/// The second look comes this long after the first, and each interval is twice the one before.
const FIRST_INTERVAL: Nanos = Nanos::from_millis(1);

/// The longest interval between two looks.
const LAST_INTERVAL: Nanos = Nanos::from_millis(100);

/// Delivery gets this long where nobody can tell what is acknowledged.
const UNSEEN_DELIVERY: Nanos = Nanos::from_millis(500);

/// What the acknowledgements are waited for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum AckWait {
    /// For a graceful ending: both directions have ended, and all that was received is handed on.
    Fin,
    /// For an abort.
    BeforeAbort(Delivery),
}

/// An ending that is put off until what was sent before it is delivered.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Delivery {
    pub(super) ending: Ending,
    pub(super) phase: Phase,
    /// When the wait began, or the peer last acknowledged something. `None`: the first look sets it.
    since: Option<Nanos>,
    /// What [`AckSample::progress`] was then.
    progress: u64,
    /// When the next look is due. `None`: once everything is sent.
    look_at: Option<Nanos>,
    interval: Nanos,
}

/// What a look at the socket has told of acknowledgements.
#[derive(Debug, Clone, Copy)]
pub(super) struct AckSample {
    /// Our kernel has everything that is to be delivered.
    pub(super) is_sent: bool,
    /// Our kernel never got a byte.
    pub(super) is_empty: bool,
    /// Grows whenever the peer is known to have acknowledged or taken something.
    pub(super) progress: u64,
    pub(super) unacknowledged: Unacknowledged,
}

impl Delivery {
    pub(super) fn new(ending: Ending, phase: Phase, since: Option<Nanos>, progress: u64) -> Self {
        Self { ending, phase, since, progress, look_at: None, interval: FIRST_INTERVAL }
    }

    /// Whether no look was taken yet: the first is due as soon as everything is sent.
    pub(super) fn awaits_first_look(&self) -> bool {
        self.look_at.is_none()
    }

    /// When the next look is due at the latest.
    pub(super) fn poll_timeout(&self, flush_timeout: Nanos) -> Option<Nanos> {
        earliest(self.is_over_at(flush_timeout), self.look_at)
    }

    /// When the peer has acknowledged nothing for too long.
    fn is_over_at(&self, flush_timeout: Nanos) -> Option<Nanos> {
        Some(self.since?.saturating_add(flush_timeout))
    }

    /// A look was taken. Returns whether the wait is over: everything is delivered, or nothing was acknowledged for so long.
    pub(super) fn look(&mut self, now: Nanos, look: AckSample, flush_timeout: Nanos) -> bool {
        if look.progress > self.progress {
            (self.progress, self.since) = (look.progress, Some(now));
        }
        let since = *self.since.get_or_insert(now);
        let is_delivered = match look.unacknowledged {
            Unacknowledged::Octets(octets) => octets == 0,
            Unacknowledged::End => false,
            // It stands in the peer's queue.
            Unacknowledged::NotApplicable | Unacknowledged::Untaken(_) => true,
            Unacknowledged::Uncounted | Unacknowledged::Unknown => {
                look.is_empty || now.saturating_sub(since) >= UNSEEN_DELIVERY
            }
        };
        if (look.is_sent && is_delivered) || self.is_over_at(flush_timeout) <= Some(now) {
            return true;
        }
        self.look_at = Some(now.saturating_add(self.interval));
        self.interval = self.interval.saturating_mul(2).min(LAST_INTERVAL);
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Unacknowledged::{NotApplicable, Octets, Uncounted, Unknown, Untaken};

    const fn ms(n: u64) -> Nanos {
        Nanos::from_millis(n)
    }

    const LIMIT: Nanos = ms(1000);

    fn delivery(since: Option<Nanos>) -> Delivery {
        Delivery::new(Ending::Truncated, Phase::Sending, since, 0)
    }

    fn sent(unacknowledged: Unacknowledged) -> AckSample {
        AckSample { is_sent: true, is_empty: false, progress: 0, unacknowledged }
    }

    #[test]
    fn the_intervals_between_looks_grow() {
        let mut delivery = delivery(None);
        assert!(delivery.awaits_first_look());
        assert_eq!(delivery.poll_timeout(LIMIT), None, "it counts from the first look");
        let mut now = ms(7);
        let mut intervals = Vec::new();
        for _ in 0..9 {
            assert!(!delivery.look(now, sent(Octets(1)), LIMIT));
            assert!(!delivery.awaits_first_look());
            let next = delivery.poll_timeout(LIMIT).expect("another look follows");
            intervals.push(core::time::Duration::from(next.saturating_sub(now)).as_millis());
            now = next;
        }
        assert_eq!(intervals, [1, 2, 4, 8, 16, 32, 64, 100, 100]);
    }

    #[test]
    fn nothing_acknowledged_for_the_flush_timeout_ends_the_wait() {
        let mut delivery = delivery(Some(ms(5)));
        assert_eq!(delivery.poll_timeout(LIMIT), Some(ms(1005)));
        assert!(!delivery.look(ms(1004), sent(Octets(3)), LIMIT));
        assert_eq!(delivery.poll_timeout(LIMIT), Some(ms(1005)), "no look is further away");
        // An acknowledgement begins it anew, the same again does not.
        assert!(!delivery.look(ms(1005), AckSample { progress: 2, ..sent(Octets(1)) }, LIMIT));
        assert!(!delivery.look(ms(2004), AckSample { progress: 2, ..sent(Octets(1)) }, LIMIT));
        assert!(delivery.look(ms(2005), AckSample { progress: 2, ..sent(Octets(1)) }, LIMIT));
    }

    #[test]
    fn the_wait_is_over_when_everything_is_sent_and_delivered() {
        for (told, is_delivered) in [
            (Octets(0), true),
            (Octets(1), false),
            (NotApplicable, true),
            (Untaken(9), true),
            (Uncounted, false),
            (Unknown, false),
        ] {
            assert_eq!(delivery(Some(ms(5))).look(ms(5), sent(told), LIMIT), is_delivered, "{told:?}");
            let unsent = AckSample { is_sent: false, ..sent(told) };
            assert!(!delivery(Some(ms(5))).look(ms(5), unsent, LIMIT), "{told:?}");
        }
    }

    #[test]
    fn delivery_that_nobody_can_see_gets_a_fixed_time_unless_there_is_nothing_to_deliver() {
        for told in [Uncounted, Unknown] {
            assert!(!delivery(Some(ms(5))).look(ms(504), sent(told), LIMIT));
            assert!(delivery(Some(ms(5))).look(ms(505), sent(told), LIMIT));
            assert!(delivery(None).look(ms(5), AckSample { is_empty: true, ..sent(told) }, LIMIT));
        }
    }
}
