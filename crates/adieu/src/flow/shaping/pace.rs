//! How fast bytes go: at a limited rate, and our input with a pause after each line.

use crate::options::ExchangeOptions;
use crate::os::RateLimit;
use std::time::{Duration, Instant};

/// The rate that these options limit one direction to.
pub(crate) fn rate_limit(options: &ExchangeOptions) -> Option<RateLimit> {
    options.limit_rate.map(|rate| RateLimit::new(Some(rate)))
}

/// How fast our input goes.
#[derive(Default)]
pub(crate) struct Pace {
    rate: Option<RateLimit>,
    line_delay: Option<LineDelay>,
}

impl Pace {
    pub(crate) fn of_input(options: &ExchangeOptions) -> Self {
        Self { rate: rate_limit(options), line_delay: options.line_delay.map(LineDelay::new) }
    }

    /// Whether it goes as fast as it can.
    pub(crate) const fn is_none(&self) -> bool {
        self.rate.is_none() && self.line_delay.is_none()
    }

    /// Whether each line goes by itself.
    pub(crate) const fn is_by_lines(&self) -> bool {
        self.line_delay.is_some()
    }

    /// How many bytes to read for it at once, where there is room for so many.
    pub(crate) fn most(&self, room: usize) -> usize {
        self.rate.as_ref().map_or(room, |rate| rate.piece(room))
    }

    /// How much of these bytes goes at once.
    pub(crate) fn piece(&self, bytes: &[u8]) -> usize {
        if self.is_by_lines() { LineDelay::piece(bytes) } else { bytes.len() }
    }

    /// These bytes go now.
    pub(crate) fn after(&mut self, bytes: &[u8]) {
        if let Some(rate) = &mut self.rate {
            rate.after(bytes.len() as u64);
        }
        if let Some(delay) = &mut self.line_delay {
            delay.after(bytes);
        }
    }

    /// How long to wait before more goes.
    pub(crate) fn left(&self) -> Duration {
        let rate = self.rate.as_ref().map_or(Duration::ZERO, RateLimit::left);
        rate.max(self.line_delay.as_ref().map_or(Duration::ZERO, LineDelay::left))
    }
}

/// A pause after each line.
#[derive(Debug)]
struct LineDelay {
    delay: Duration,
    /// Until then nothing more is sent.
    until: Option<Instant>,
}

impl LineDelay {
    fn new(delay: Duration) -> Self {
        Self { delay, until: None }
    }

    /// How much of `bytes` goes at once: to the end of the first line.
    fn piece(bytes: &[u8]) -> usize {
        bytes.iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |at| at + 1)
    }

    /// These bytes go now.
    fn after(&mut self, bytes: &[u8]) {
        if bytes.ends_with(b"\n") {
            // A moment beyond the end of the clock is none.
            self.until = Instant::now().checked_add(self.delay);
        }
    }

    /// How long to wait before more goes.
    fn left(&self) -> Duration {
        self.until.map_or(Duration::ZERO, |until| until.saturating_duration_since(Instant::now()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_goes_with_its_end_and_what_has_none_goes_at_once() {
        assert_eq!(LineDelay::piece(b"one\ntwo\n"), 4);
        assert_eq!(LineDelay::piece(b"\n"), 1);
        assert_eq!(LineDelay::piece(b"rest"), 4);
        let mut delay = LineDelay::new(Duration::from_secs(60));
        delay.after(b"rest");
        assert_eq!(delay.left(), Duration::ZERO);
        delay.after(b"one\n");
        assert!(delay.left() > Duration::from_secs(50));
    }
}
