//! Fewer wake-ups of a fast receiver: the low-water mark of receiving (Linux, TCP).
//!
//! A stream that flows faster than we can be woken wakes us for every segment, and each wake-up costs both sides more
//! than the bytes do. With SO_RCVLOWAT raised, the kernel wakes us once there is a mouthful. It also wakes at an EOF,
//! at a fault and when its memory runs low, whatever the mark; and we look by ourselves after a millisecond, so a
//! stream that slows down is held up by that much once, and by nothing afterwards.

use crate::link::Link;
use crate::os;
use adieu_proto::Time;
use socket2::Socket;
use std::os::fd::AsFd;
use std::time::Duration;

/// A mouthful: eight segments of the largest size.
const MARK: u32 = 512 * 1024;

/// How long bytes below the mark may lie in the kernel.
const PATIENCE: Duration = Duration::from_millis(1);

/// How much must come within `PATIENCE` for the mark to be worth it: enough that the patience hardly ever ends.
const FAST: u64 = 2 * MARK as u64;

/// What the speed is judged by: a shorter time says nothing.
const WINDOW: Duration = Duration::from_millis(4);

#[derive(Debug, Default)]
pub(super) struct LowWater {
    raised: bool,
    /// The system does not let us.
    refused: bool,
    /// The window's beginning, and what had been received by then.
    window: Option<(Time, u64)>,
    /// Since when we have been waiting below the mark, and what had been received by then.
    waiting: Option<(Time, u64)>,
}

impl LowWater {
    /// Before a wait: raises the mark if the peer's bytes have come fast. How long to wait at most, if it is for them.
    pub(super) fn before_wait(&mut self, link: &Link<Socket>, for_peer: bool) -> Option<Duration> {
        if !for_peer {
            self.waiting = None;
            return None;
        }
        let (now, received) = (link.now(), link.core.counts().received);
        if !self.raised {
            let (start, before) = *self.window.get_or_insert((now, received));
            let elapsed = now.saturating_sub(start);
            if elapsed >= WINDOW {
                self.window = Some((now, received));
                if is_fast(received - before, elapsed) {
                    self.set(link, MARK);
                }
            }
        }
        if !self.raised {
            return None;
        }
        match self.waiting {
            Some((since, before)) if before == received => Some((since + PATIENCE).saturating_sub(now)),
            _ => {
                self.waiting = Some((now, received));
                Some(PATIENCE)
            }
        }
    }

    /// After a wait that did not find the socket readable: whether it is to be asked all the same. The mark is then
    /// lowered, because the stream has slowed down.
    pub(super) fn is_out_of_patience(&mut self, link: &Link<Socket>) -> bool {
        let now = link.now();
        let over = self.raised && self.waiting.is_some_and(|(since, _)| since + PATIENCE <= now);
        if over {
            self.set(link, 1);
            self.window = Some((now, link.core.counts().received));
            self.waiting = None;
        }
        over
    }

    fn set(&mut self, link: &Link<Socket>, mark: u32) {
        let Some(socket) = link.handle.as_ref().filter(|_| !self.refused) else { return };
        match os::set_receive_low_water(socket.as_fd(), mark) {
            Ok(()) => self.raised = mark > 1,
            Err(_) => self.refused = true,
        }
    }
}

fn is_fast(bytes: u64, elapsed: Duration) -> bool {
    u128::from(bytes) * PATIENCE.as_nanos() >= u128::from(FAST) * elapsed.as_nanos()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fast_is_a_mebibyte_in_a_millisecond() {
        assert!(is_fast(4 << 20, Duration::from_millis(4)));
        assert!(!is_fast((4 << 20) - 1, Duration::from_millis(4)));
        assert!(!is_fast(10 << 20, Duration::from_secs(1)));
    }
}
