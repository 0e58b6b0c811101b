//! Fewer wake-ups of a fast receiver: the low-water mark of receiving (Linux, TCP).
//!
//! A stream that flows faster than we can be woken wakes us for every segment, and each wake-up costs both sides more
//! than the bytes do. With SO_RCVLOWAT raised, the kernel wakes us once there is a mouthful. It also wakes at an EOF,
//! at a fault and when its memory runs low, whatever the mark; and we look by ourselves after a millisecond, so a
//! stream that slows down is held up by that much once, and by nothing afterwards.

use crate::handle::Handle;
use crate::link::Link;
use crate::os;
use adieu_proto::Time;
use std::time::Duration;

/// A mouthful on a direct way: sixteen segments of the largest size, and what a pipe holds.
const DIRECT: u32 = 1024 * 1024;

/// A mouthful of TLS: what is received at once.
const TLS: u32 = 256 * 1024;

/// How long bytes below the mark may lie in the kernel.
const PATIENCE: Duration = Duration::from_millis(1);

/// With less than this below the mark when our patience ends, the stream has slowed down and the mark is lowered.
const TRICKLE: u64 = 64 * 1024;

/// It takes memory from the first wait on that could be spared.
#[derive(Debug, Default)]
pub(crate) struct LowWater(Option<Box<Mark>>);

/// The mark of one socket.
#[derive(Debug, Default)]
struct Mark {
    raised: bool,
    /// The system does not let us.
    refused: bool,
    /// The window's beginning, and what had been received by then.
    window: Option<(Time, u64)>,
    /// Since when we have been waiting below the mark, and what had been received by then.
    waiting: Option<(Time, u64)>,
    /// Our patience has ended since then, and the socket was asked.
    has_looked: bool,
}

impl LowWater {
    /// Before a wait: raises the mark if the peer's bytes have come fast. How long to wait at most, if it is for them.
    ///
    /// `direct`: they go on a direct way. `is_long`: there were more than a few.
    pub(super) fn before_wait<H: Handle>(
        &mut self,
        link: &Link<H>,
        for_bytes: bool,
        direct: bool,
        is_long: impl FnOnce() -> bool,
    ) -> Option<Duration> {
        let mouthful = mouthful(link, direct, is_long)?;
        self.0.get_or_insert_default().before_wait(link, for_bytes, mouthful)
    }

    /// After a wait that did not find the socket readable: whether it is to be asked all the same.
    pub(crate) fn is_out_of_patience<H: Handle>(&mut self, link: &Link<H>) -> bool {
        self.0.as_mut().is_some_and(|mark| mark.is_out_of_patience(link))
    }
}

impl Mark {
    fn before_wait<H: Handle>(&mut self, link: &Link<H>, for_bytes: bool, mouthful: u32) -> Option<Duration> {
        if self.refused {
            return None;
        }
        if !for_bytes {
            self.waiting = None;
            return None;
        }
        let (now, received) = (link.now(), link.core.counts().received);
        if !self.raised {
            let (start, before) = *self.window.get_or_insert((now, received));
            let elapsed = now.saturating_sub(start);
            if elapsed >= PATIENCE {
                self.window = Some((now, received));
                if is_fast(received - before, elapsed, mouthful) {
                    self.set(link, mouthful);
                }
            }
        }
        if !self.raised {
            return None;
        }
        match self.waiting {
            Some((since, before)) if before == received && !self.has_looked => {
                return Some((since + PATIENCE).saturating_sub(now));
            }
            Some((_, before)) if self.has_looked && received - before < TRICKLE => {
                self.set(link, 1);
                self.window = Some((now, received));
                self.waiting = None;
                return None;
            }
            _ => {}
        }
        self.waiting = Some((now, received));
        self.has_looked = false;
        Some(PATIENCE)
    }

    fn is_out_of_patience<H: Handle>(&mut self, link: &Link<H>) -> bool {
        if !self.raised {
            return false;
        }
        let now = link.now();
        let over = self.waiting.is_some_and(|(since, _)| since + PATIENCE <= now);
        self.has_looked |= over;
        over
    }

    fn set<H: Handle>(&mut self, link: &Link<H>, mark: u32) {
        let Some(socket) = &link.handle else { return };
        match os::set_receive_low_water(socket.pollable(), mark) {
            Ok(()) => self.raised = mark > 1,
            Err(_) => self.refused = true,
        }
    }
}

/// How much is worth being woken for, once it comes fast. `None`: whatever comes.
fn mouthful<H: Handle>(link: &Link<H>, direct: bool, is_long: impl FnOnce() -> bool) -> Option<u32> {
    if !link.is_tcp() {
        None
    } else if link.is_plain() {
        direct.then_some(DIRECT)
    } else {
        is_long().then_some(TLS)
    }
}

/// Whether a mouthful comes within our patience, so that the mark is worth it.
fn is_fast(bytes: u64, elapsed: Duration, mouthful: u32) -> bool {
    u128::from(bytes) * PATIENCE.as_nanos() >= u128::from(mouthful) * elapsed.as_nanos()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fast_is_a_mouthful_in_a_millisecond() {
        assert!(is_fast(4 << 20, Duration::from_millis(4), DIRECT));
        assert!(!is_fast((4 << 20) - 1, Duration::from_millis(4), DIRECT));
        assert!(!is_fast(10 << 20, Duration::from_secs(1), DIRECT));
    }
}
