//! The watch over a peer that may be dead: whether what our kernel asks for again and again is answered.
//!
//! A silence says little by itself. A kernel whose retransmissions or probes go unanswered waits twice as long before each
//! next one, up to two minutes on Linux, and a peer with nothing to say of its own speaks only when it is asked. So no clock
//! runs here: the silence is the time from the first ask that went unanswered to the last one. A way that was broken for
//! less than that has carried the last one, and a peer that lives has answered it.
//!
//! When an ask was made is known from look to look only, so the first counts from the look that showed it, and the last from
//! the look before.

use crate::{Asking, Path, Time, Timer};
use core::time::Duration;

/// How often at least something must have been sent again before it is said that it does not arrive.
const SEVERAL: u32 = 4;

/// What is known of the asks so far, from look to look.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(crate) struct PeerWatch {
    looked_at: Time,
    segments: Option<u64>,
    asking: Option<Asking>,
    answer_within: Duration,
    /// Those that no segment of the peer's has followed.
    by_anything: Unanswered,
    /// Those to send again what no acknowledgement has followed.
    by_acknowledgement: Unanswered,
}

impl PeerWatch {
    /// The kernel's state was looked at: octets are `outstanding`, and something new was `acknowledged` or not.
    pub(crate) fn look(&mut self, now: Time, path: &Path, outstanding: bool, acknowledged: bool) {
        let last = core::mem::replace(&mut self.looked_at, now);
        let segments = core::mem::replace(&mut self.segments, path.segments_received);
        let before = core::mem::replace(&mut self.asking, path.asking);
        self.answer_within = path.answer_within.unwrap_or_default();
        let (Some(asking), Some(before), true) = (path.asking, before, outstanding) else {
            self.by_anything = Unanswered::default();
            self.by_acknowledgement = Unanswered::default();
            return;
        };
        let heard_since = path.last_heard.is_none_or(|ago| now.saturating_sub(ago) > last);
        let sent_again = asking.retransmissions > before.retransmissions;
        // What was asked and what was heard since the last look came in an order that is not known.
        if acknowledged || heard_since || path.segments_received != segments {
            self.by_anything = Unanswered::default();
        } else if sent_again || asking.probes > before.probes {
            self.by_anything.asked(last, now);
        }
        if acknowledged || asking.retransmissions < before.retransmissions {
            self.by_acknowledgement = Unanswered::default();
        } else if sent_again {
            self.by_acknowledgement.asked(last, now);
        }
    }

    /// Whether our kernel asks for something: the looks are to be close to its asks.
    pub(crate) fn is_asking(&self) -> bool {
        self.asking.is_some_and(|asking| asking.retransmissions > 0 || asking.probes > 0)
    }

    /// What has been asked for in vain for about so long, at the last look.
    pub(crate) fn in_vain(&self, limit: Duration) -> Option<Timer> {
        let asking = self.asking?;
        let is_long =
            |asks: &Unanswered| asks.is_long(self.looked_at, limit, asking.every, self.answer_within);
        if is_long(&self.by_anything) {
            Some(Timer::DeadPeer)
        } else if asking.retransmissions >= SEVERAL && is_long(&self.by_acknowledgement) {
            Some(Timer::Unacknowledged)
        } else {
            None
        }
    }
}

/// Asks without an answer.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
struct Unanswered {
    /// The first was made before that. `None`: there is none.
    first_before: Option<Time>,
    /// The last was made after that,
    last_after: Time,
    /// and before that.
    last_before: Time,
}

impl Unanswered {
    fn asked(&mut self, after: Time, before: Time) {
        self.first_before.get_or_insert(before);
        (self.last_after, self.last_before) = (after, before);
    }

    /// Whether the last one came late enough, and no other will be answered within the limit.
    fn is_long(&self, now: Time, limit: Duration, every: Duration, answer_within: Duration) -> bool {
        let Some(first) = self.first_before else { return false };
        let answer_to = |asked: Time| asked.saturating_add(answer_within);
        let next = self.last_before.saturating_add(every);
        self.last_after >= first.saturating_add(least(limit))
            && answer_to(self.last_before) <= now
            && answer_to(next) > first.saturating_add(limit)
    }
}

/// How long a way may be broken at least without harm, however rarely our kernel asks.
fn least(limit: Duration) -> Duration {
    limit / 8 * 5
}
