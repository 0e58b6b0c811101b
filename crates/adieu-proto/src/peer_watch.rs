//! The watch over a peer that may be dead: whether what our kernel asks for again and again is answered.
//!
//! A silence says little by itself. A kernel whose retransmissions or probes go unanswered waits twice as long before each
//! next one, up to two minutes on Linux, and a peer with nothing to say of its own speaks only when it is asked. So no clock
//! runs here: the silence is the time from the first ask that went unanswered to the last one. A way that was broken for
//! less than that has carried the last one, and a peer that lives has answered it.
//!
//! When an ask was made is known from look to look only, so the first counts from the look that showed it, and the last from
//! the look before.

use crate::nanos::Nanos;
use crate::{Asking, Path, Timer};

/// How often at least something must have been sent again before it is said that it does not arrive.
const SEVERAL: u32 = 4;

/// What is known of the asks so far, from look to look.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(crate) struct PeerWatch {
    looked_at: Nanos,
    segments: Option<u64>,
    asking: Option<Asked>,
    answer_within: Nanos,
    /// On the heap: a peer that answers leaves none.
    unanswered: Option<Box<Unanswered>>,
}

/// What an [`Asking`] was at the last look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Asked {
    retransmissions: u32,
    probes: u32,
    every: Nanos,
}

/// Asks without an answer.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
struct Unanswered {
    /// Those that no segment of the peer's has followed.
    by_anything: Asks,
    /// Those to send again what no acknowledgement has followed.
    by_acknowledgement: Asks,
}

impl PeerWatch {
    /// The kernel's state was looked at: octets are `outstanding`, and something new was `acknowledged` or not.
    pub(crate) fn look(&mut self, now: Nanos, path: &Path, outstanding: bool, acknowledged: bool) {
        let last = core::mem::replace(&mut self.looked_at, now);
        let segments = core::mem::replace(&mut self.segments, path.segments_received);
        let asking = path.asking.map(Asked::from);
        let before = core::mem::replace(&mut self.asking, asking);
        self.answer_within = path.answer_within.map(Nanos::from).unwrap_or_default();
        let (Some(asking), Some(before), true) = (asking, before, outstanding) else {
            self.unanswered = None;
            return;
        };
        let heard_since = path.last_heard.is_none_or(|ago| now.saturating_sub(ago.into()) > last);
        let sent_again = asking.retransmissions > before.retransmissions;
        let asked_again = sent_again || asking.probes > before.probes;
        // What was asked and what was heard since the last look came in an order that is not known.
        let answered = acknowledged || heard_since || path.segments_received != segments;
        if let Some(known) = &mut self.unanswered {
            if answered {
                known.by_anything = Asks::default();
            }
            if acknowledged || asking.retransmissions < before.retransmissions {
                known.by_acknowledgement = Asks::default();
            }
        }
        if asked_again && !answered {
            self.unanswered.get_or_insert_default().by_anything.asked(last, now);
        }
        if sent_again && !acknowledged {
            self.unanswered.get_or_insert_default().by_acknowledgement.asked(last, now);
        }
        self.unanswered.take_if(|known| **known == Unanswered::default());
    }

    /// Whether our kernel asks for something: the looks are to be close to its asks.
    pub(crate) fn is_asking(&self) -> bool {
        self.asking.is_some_and(|asking| asking.retransmissions > 0 || asking.probes > 0)
    }

    /// What has been asked for in vain for about so long, at the last look.
    pub(crate) fn in_vain(&self, limit: Nanos) -> Option<Timer> {
        let (asking, known) = (self.asking?, self.unanswered.as_ref()?);
        let is_long = |asks: &Asks| asks.is_long(self.looked_at, limit, asking.every, self.answer_within);
        if is_long(&known.by_anything) {
            Some(Timer::DeadPeer)
        } else if asking.retransmissions >= SEVERAL && is_long(&known.by_acknowledgement) {
            Some(Timer::Unacknowledged)
        } else {
            None
        }
    }
}

impl From<Asking> for Asked {
    fn from(Asking { retransmissions, probes, every }: Asking) -> Self {
        Self { retransmissions, probes, every: every.into() }
    }
}

/// Asks of one kind.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
struct Asks {
    /// The first was made before that. `None`: there is none.
    first_before: Option<Nanos>,
    /// The last was made after that,
    last_after: Nanos,
    /// and before that.
    last_before: Nanos,
}

impl Asks {
    fn asked(&mut self, after: Nanos, before: Nanos) {
        self.first_before.get_or_insert(before);
        (self.last_after, self.last_before) = (after, before);
    }

    /// Whether the last one came late enough, and no other will be answered within the limit.
    fn is_long(&self, now: Nanos, limit: Nanos, every: Nanos, answer_within: Nanos) -> bool {
        let Some(first) = self.first_before else { return false };
        let answer_to = |asked: Nanos| asked.saturating_add(answer_within);
        let next = self.last_before.saturating_add(every);
        self.last_after >= first.saturating_add(least(limit))
            && answer_to(self.last_before) <= now
            && answer_to(next) > first.saturating_add(limit)
    }
}

/// How long a way may be broken at least without harm, however rarely our kernel asks.
fn least(limit: Nanos) -> Nanos {
    (limit / 8).saturating_mul(5)
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::time::Duration;

    const fn ms(n: u64) -> Nanos {
        Nanos::from_millis(n)
    }

    const fn span(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    /// A look at this time: what was sent again, what was probed, how many segments came, and when the last one did.
    fn look_at(
        watch: &mut PeerWatch,
        now: u64,
        retransmissions: u32,
        probes: u32,
        segments: u64,
        heard_at: u64,
    ) {
        let asking = Some(Asking { retransmissions, probes, every: span(20) });
        let last_heard = Some(span(now - heard_at));
        let path = Path {
            last_heard,
            segments_received: Some(segments),
            asking,
            answer_within: Some(span(5)),
            answer_after: None,
        };
        watch.look(ms(now), &path, true, false);
    }

    /// Whether there are asks that nothing, and that no acknowledgement has followed.
    fn unanswered(watch: &PeerWatch) -> (bool, bool) {
        let known = watch.unanswered.as_ref();
        let has =
            |asks: fn(&Unanswered) -> &Asks| known.is_some_and(|known| asks(known).first_before.is_some());
        (has(|known| &known.by_anything), has(|known| &known.by_acknowledgement))
    }

    #[test]
    fn an_ask_counts_if_it_was_made_since_the_last_look_and_nothing_came_since() {
        // What differs from a look at 10 ms that showed one retransmission, one probe and five segments.
        for (retransmissions, probes, segments, heard_at, expected) in [
            (2, 1, 5, 10, (true, true)),
            (1, 2, 5, 10, (true, false)),
            (2, 2, 5, 10, (true, true)),
            (1, 1, 5, 10, (false, false)),
            (0, 2, 5, 10, (true, false)),
            (2, 1, 6, 10, (false, true)),
            (2, 1, 4, 10, (false, true)),
            (2, 1, 5, 11, (false, true)),
        ] {
            let mut watch = PeerWatch::default();
            look_at(&mut watch, 10, 1, 1, 5, 10);
            assert_eq!(unanswered(&watch), (false, false), "there is nothing to compare with");
            look_at(&mut watch, 20, retransmissions, probes, segments, heard_at);
            assert_eq!(unanswered(&watch), expected, "{retransmissions} {probes} {segments} {heard_at}");
        }
    }

    #[test]
    fn asks_are_forgotten_when_they_are_answered_or_nothing_is_asked() {
        let asked = || {
            let mut watch = PeerWatch::default();
            look_at(&mut watch, 10, 1, 0, 5, 10);
            look_at(&mut watch, 20, 2, 0, 5, 10);
            assert_eq!(unanswered(&watch), (true, true));
            watch
        };
        let mut watch = asked();
        look_at(&mut watch, 30, 2, 0, 5, 10);
        look_at(&mut watch, 40, 3, 0, 5, 10);
        let asks = Asks { first_before: Some(ms(20)), last_after: ms(30), last_before: ms(40) };
        let expected = Unanswered { by_anything: asks.clone(), by_acknowledgement: asks };
        assert_eq!(watch.unanswered.as_deref(), Some(&expected));

        let mut watch = asked();
        look_at(&mut watch, 30, 2, 0, 6, 25);
        assert_eq!(unanswered(&watch), (false, true), "the peer's TCP lives, and acknowledges nothing");
        look_at(&mut watch, 40, 1, 0, 6, 25);
        assert_eq!(unanswered(&watch), (false, false), "the count began anew");

        let path = |asking| Path {
            asking,
            segments_received: Some(5),
            last_heard: Some(span(20)),
            ..Path::default()
        };
        let again = Some(Asking { retransmissions: 3, probes: 0, every: span(20) });
        for (asking, outstanding, acknowledged) in
            [(again, true, true), (again, false, false), (None, true, false)]
        {
            let mut watch = asked();
            watch.look(ms(30), &path(asking), outstanding, acknowledged);
            assert_eq!(unanswered(&watch), (false, false), "{asking:?} {outstanding} {acknowledged}");
        }
        let mut watch = asked();
        let unheard = Path { last_heard: None, ..path(again) };
        watch.look(ms(30), &unheard, true, false);
        assert_eq!(unanswered(&watch), (false, true), "where nobody tells, it may have been heard");
    }

    #[test]
    fn a_kernel_asks_if_it_sends_again_or_probes() {
        for (retransmissions, probes, asks) in [(0, 0, false), (1, 0, true), (0, 1, true), (2, 3, true)] {
            let mut watch = PeerWatch::default();
            assert!(!watch.is_asking());
            look_at(&mut watch, 10, retransmissions, probes, 5, 10);
            assert_eq!(watch.is_asking(), asks, "{retransmissions} {probes}");
        }
    }

    #[test]
    fn asks_are_in_vain_if_the_last_came_late_is_unanswered_and_no_other_follows_in_time() {
        // The first was made before 10 ms; of 80 ms, five eighths are 50.
        for (last_after, now, every, expected) in
            [(60, 67, 24, true), (59, 67, 24, false), (60, 66, 24, false), (60, 67, 23, false)]
        {
            let asks = Asks { first_before: Some(ms(10)), last_after: ms(last_after), last_before: ms(62) };
            let told = asks.is_long(ms(now), ms(80), ms(every), ms(5));
            assert_eq!(told, expected, "{last_after} {now} {every}");
        }
        assert!(!Asks::default().is_long(ms(1000), ms(80), ms(24), ms(5)), "nothing was asked");
    }

    #[test]
    fn a_peer_that_is_heard_is_not_dead_and_what_was_sent_again_several_times_is_unacknowledged() {
        for (is_heard, times, expected) in [
            (false, 1, Some(Timer::DeadPeer)),
            (false, 4, Some(Timer::DeadPeer)),
            (true, 3, None),
            (true, 4, Some(Timer::Unacknowledged)),
        ] {
            let mut watch = PeerWatch::default();
            let sent_again = |look: u32| (times * look).div_ceil(10);
            for look in 0..=10 {
                let now = 10 + 10 * u64::from(look);
                let segments = if is_heard { u64::from(look) } else { 5 };
                look_at(&mut watch, now, sent_again(look), look, segments, 10);
            }
            if is_heard {
                assert_eq!(unanswered(&watch), (false, true));
            }
            // The last look shows no new ask, so its answer is overdue.
            look_at(&mut watch, 120, times, 10, if is_heard { 11 } else { 5 }, 10);
            assert_eq!(watch.in_vain(ms(80)), expected, "{is_heard} {times}");
            assert_eq!(PeerWatch::default().in_vain(ms(80)), None);
        }
    }
}
