//! The limit on the rate of a transfer, and the pauses between attempts.

use std::time::{Duration, Instant};

/// The longest wait of a limited rate, so that a signal is heard soon.
pub(crate) const SLICE: Duration = Duration::from_millis(50);

/// How far a limited rate may fall behind and catch up.
const CATCH_UP: Duration = Duration::from_millis(200);

/// Holds a stream to a number of bytes per second.
#[derive(Debug)]
pub(crate) struct RateLimit {
    rate: Option<u64>,
    /// When what has been moved so far should have been moved.
    due: Instant,
}

impl RateLimit {
    pub(crate) fn new(rate: Option<u64>) -> Self {
        Self { rate: rate.filter(|r| *r > 0), due: Instant::now() }
    }

    /// Counts bytes that go now, and returns how long to wait after them.
    pub(crate) fn after(&mut self, bytes: u64) -> Duration {
        let Some(rate) = self.rate else { return Duration::ZERO };
        let now = Instant::now();
        // A pause does not earn a burst.
        self.due = self.due.max(now.checked_sub(CATCH_UP).unwrap_or(now));
        #[expect(clippy::cast_precision_loss, reason = "a rate needs no more than 52 bits")]
        let takes = Duration::from_secs_f64((bytes as f64 / rate as f64).min(1e9));
        self.due += takes;
        self.due.saturating_duration_since(now)
    }

    /// The most bytes to move at once, so that no wait is long enough to be felt.
    pub(crate) fn piece(&self, most: usize) -> usize {
        match self.rate {
            None => most,
            Some(rate) => usize::try_from(rate / 10).unwrap_or(most).max(1024).min(most),
        }
    }
}

/// The pauses between attempts: 1 s, 2 s, 4 s, and so on up to 30 s.
#[derive(Debug, Clone)]
pub struct Backoff {
    next: Duration,
}

impl Backoff {
    const FIRST: Duration = Duration::from_secs(1);
    const MOST: Duration = Duration::from_secs(30);

    /// The pauses before any attempt has failed.
    pub fn new() -> Self {
        Self { next: Self::FIRST }
    }

    /// How long to wait before the next attempt.
    pub fn pause(&mut self) -> Duration {
        let pause = self.next;
        self.next = (pause * 2).min(Self::MOST);
        pause
    }

    /// An attempt got somewhere, so that the next failure is a new one.
    pub fn reset(&mut self) {
        self.next = Self::FIRST;
    }
}

impl Default for Backoff {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_half_a_minute() {
        let mut backoff = Backoff::new();
        let seconds: Vec<u64> = (0..7).map(|_| backoff.pause().as_secs()).collect();
        assert_eq!(seconds, [1, 2, 4, 8, 16, 30, 30]);
        backoff.reset();
        assert_eq!(backoff.pause(), Duration::from_secs(1));
    }

    #[test]
    fn a_limited_rate_waits_as_long_as_the_bytes_should_take() {
        let mut rate_limit = RateLimit::new(Some(1_000_000));
        let wait = rate_limit.after(500_000);
        assert!(wait > Duration::from_millis(250) && wait <= Duration::from_millis(500), "{wait:?}");
        assert_eq!(RateLimit::new(None).after(u64::MAX), Duration::ZERO);
    }

    #[test]
    fn the_end_of_a_file_is_a_piece_however_short() {
        for rate in [1, 1_000_000, u64::MAX] {
            for most in [1, 331, 1024, 500_000] {
                let piece = RateLimit::new(Some(rate)).piece(most);
                assert!((1..=most).contains(&piece), "{piece} of {most} at {rate}");
            }
        }
    }
}
