//! The limit on a stream's rate: how much may be moved at once, and how long to wait after it.
//!
//! Nothing here waits. A file transfer and an exchange each wait in their own way.

use std::time::{Duration, Instant};

/// How far a limited rate may fall behind and catch up.
const CATCH_UP: Duration = Duration::from_millis(200);

/// Holds a stream to a number of bytes per second, on average.
#[derive(Debug)]
pub struct RateLimit {
    rate: Option<u64>,
    /// When what has been moved so far should have been moved.
    due: Instant,
}

impl RateLimit {
    /// This many bytes per second. `None` and 0: no limit.
    pub fn new(rate: Option<u64>) -> Self {
        Self { rate: rate.filter(|r| *r > 0), due: Instant::now() }
    }

    /// Counts bytes that go now, and returns how long to wait after them.
    pub fn after(&mut self, bytes: u64) -> Duration {
        let Some(rate) = self.rate else { return Duration::ZERO };
        let now = Instant::now();
        // A pause does not earn a burst.
        self.due = self.due.max(now.checked_sub(CATCH_UP).unwrap_or(now));
        #[expect(clippy::cast_precision_loss, reason = "a rate needs no more than 52 bits")]
        let takes = Duration::from_secs_f64((bytes as f64 / rate as f64).min(1e9));
        self.due += takes;
        self.due.saturating_duration_since(now)
    }

    /// How long to wait before more is moved.
    pub fn left(&self) -> Duration {
        self.due.saturating_duration_since(Instant::now())
    }

    /// The most bytes to move at once, so that no wait is long enough to be felt.
    pub fn piece(&self, most: usize) -> usize {
        match self.rate {
            None => most,
            Some(rate) => usize::try_from(rate / 10).unwrap_or(most).max(1024).min(most),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limited_rate_waits_as_long_as_the_bytes_should_take() {
        let mut rate_limit = RateLimit::new(Some(1_000_000));
        assert_eq!(rate_limit.left(), Duration::ZERO);
        let wait = rate_limit.after(500_000);
        assert!(wait > Duration::from_millis(250) && wait <= Duration::from_millis(500), "{wait:?}");
        assert!(rate_limit.left() <= wait);
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
