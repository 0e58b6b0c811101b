//! How many clients are accepted in a second: a token bucket, without a clock.

use crate::moment;
use std::time::{Duration, Instant};

/// A bound on how many clients are accepted in a second.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AcceptRate {
    /// How long each client takes of the time.
    each: Duration,
    /// How many may come at once after a pause.
    burst: u32,
}

impl AcceptRate {
    /// So many clients in this time, evenly. After a pause as many may come at once as in a second, and at least one.
    /// `None`: that is no client, or no time.
    ///
    /// # Examples
    ///
    /// ```
    /// use adieu_relay::AcceptRate;
    /// use std::time::Duration;
    ///
    /// assert!(AcceptRate::new(100, Duration::from_secs(1)).is_some());
    /// assert!(AcceptRate::new(0, Duration::from_secs(1)).is_none());
    /// ```
    pub fn new(clients: u32, within: Duration) -> Option<Self> {
        let each = within.checked_div(clients)?;
        if each.is_zero() {
            return None;
        }
        let burst = Duration::from_secs(1).as_nanos() / each.as_nanos();
        Some(Self { each, burst: u32::try_from(burst).unwrap_or(u32::MAX).max(1) })
    }
}

/// What is left of a rate.
#[derive(Debug)]
pub(super) struct Bucket {
    rate: AcceptRate,
    /// When the clients that were accepted so far have used up their time.
    used_until: Option<Instant>,
}

impl Bucket {
    pub(super) fn new(rate: AcceptRate) -> Self {
        Self { rate, used_until: None }
    }

    pub(super) fn rate(&self) -> AcceptRate {
        self.rate
    }

    /// Takes the place of one client. Otherwise it says when there is one.
    pub(super) fn take(&mut self, now: Instant) -> Result<(), Instant> {
        let AcceptRate { each, burst } = self.rate;
        let used_until = self.used_until.map_or(now, |until| until.max(now));
        // The last of a burst is accepted when all but its own time is used up.
        let ahead = each.saturating_mul(burst - 1);
        let may_at = used_until.checked_sub(ahead).unwrap_or(now);
        if may_at > now {
            return Err(may_at);
        }
        self.used_until = Some(moment::after(used_until, each));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_burst_is_a_second_long_and_then_they_come_evenly() {
        let start = Instant::now();
        let mut bucket = Bucket::new(AcceptRate::new(10, SECOND).expect("a rate"));
        assert!((0..10).all(|_| bucket.take(start).is_ok()));
        let next = start + SECOND / 10;
        assert_eq!(bucket.take(start), Err(next));
        assert_eq!(bucket.take(next), Ok(()));
        assert_eq!(bucket.take(next), Err(next + SECOND / 10));
        // A long pause gives no more than a burst.
        let later = start + SECOND * 100;
        assert_eq!((0..100).filter(|_| bucket.take(later).is_ok()).count(), 10);
    }

    #[test]
    fn one_in_a_minute_is_one_in_a_minute() {
        let start = Instant::now();
        let mut bucket = Bucket::new(AcceptRate::new(1, SECOND * 60).expect("a rate"));
        assert_eq!(bucket.take(start), Ok(()));
        assert_eq!(bucket.take(start + SECOND), Err(start + SECOND * 60));
        assert_eq!(bucket.take(start + SECOND * 60), Ok(()));
    }

    proptest! {
        /// In no stretch of time there are more than its share and one burst; and who comes when told is let in.
        #[test]
        fn never_more_than_the_rate_and_a_burst(
            clients in 1u32..500, pauses in prop::collection::vec(0u64..300, 1..300),
        ) {
            let rate = AcceptRate::new(clients, SECOND).expect("a rate");
            let mut bucket = Bucket::new(rate);
            let start = Instant::now();
            let mut now = start;
            let mut taken = 0u32;
            for pause in pauses {
                now += Duration::from_millis(pause);
                match bucket.take(now) {
                    Ok(()) => taken += 1,
                    Err(at) => {
                        prop_assert!(at > now);
                        now = at;
                        prop_assert_eq!(bucket.take(now), Ok(()));
                        taken += 1;
                    }
                }
                let share = (now - start).as_nanos() / rate.each.as_nanos();
                prop_assert!(u128::from(taken) <= share + u128::from(rate.burst));
            }
        }
    }
}
