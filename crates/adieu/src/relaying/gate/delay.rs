//! Bytes that are held back for a while, in their order, and the end after them.

use crate::flow::ends::Gave;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// How much is held at most. A latency with more under way is a rate, too.
const HELD: usize = 1024 * 1024;

/// How many pieces are held at most: a peer that sends byte by byte must not cost more than one that sends as much at once.
const PIECES: usize = 4096;

/// A century: a moment beyond the clock's end never comes either.
const FOR_GOOD: Duration = Duration::from_secs(3_155_760_000);

/// How much is taken at once.
const AT_ONCE: usize = 16 * 1024;

/// What is held back.
pub(super) struct Delay {
    time: Duration,
    jitter: Duration,
    dice: u64,
    /// Pieces, with the moment at which each may pass.
    pieces: VecDeque<(Instant, Vec<u8>)>,
    /// How much of the first is gone.
    given: usize,
    held: usize,
    /// The end, after everything: `true` if the stream is whole.
    end: Option<(Instant, bool)>,
    last: Option<Instant>,
}

impl Delay {
    pub(super) fn new(delay: Duration, jitter: Duration, seed: u64) -> Self {
        let pieces = VecDeque::new();
        Self { time: delay, jitter, dice: seed, pieces, given: 0, held: 0, end: None, last: None }
    }

    pub(super) fn set(&mut self, delay: Duration, jitter: Duration) {
        (self.time, self.jitter) = (delay, jitter);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.pieces.is_empty() && self.end.is_none()
    }

    pub(super) fn has_room(&self) -> bool {
        self.held < HELD && self.pieces.len() < PIECES && self.end.is_none()
    }

    /// How long until something may pass. `None`: nothing is held.
    pub(super) fn left(&self, now: Instant) -> Option<Duration> {
        let end = self.end.map(|(at, _)| at);
        let first = self.pieces.front().map(|(at, _)| *at).or(end)?;
        Some(first.saturating_duration_since(now))
    }

    /// Takes a piece of what `read` gives. False: it gave nothing.
    pub(super) fn take(&mut self, read: impl FnOnce(&mut [u8]) -> Gave) -> Result<bool, Gave> {
        let mut room = [0; AT_ONCE];
        match read(&mut room) {
            Gave::Bytes(n) => {
                self.held += n;
                let at = self.next_moment();
                self.pieces.push_back((at, room[..n].to_vec()));
                Ok(true)
            }
            Gave::Blocked => Ok(false),
            end @ (Gave::Ended | Gave::Cut) => {
                let at = self.next_moment();
                self.end = Some((at, matches!(end, Gave::Ended)));
                Ok(true)
            }
            failed @ Gave::Failed(_) => Err(failed),
        }
    }

    /// Gives what may pass now. `None`: nothing.
    pub(super) fn give(&mut self, now: Instant, room: &mut [u8]) -> Option<Gave> {
        let Some((at, piece)) = self.pieces.front() else {
            let (_, is_whole) = self.end.take_if(|(at, _)| *at <= now)?;
            return Some(if is_whole { Gave::Ended } else { Gave::Cut });
        };
        if *at > now {
            return None;
        }
        let left = &piece[self.given..];
        let n = left.len().min(room.len());
        room[..n].copy_from_slice(&left[..n]);
        self.given += n;
        self.held -= n;
        if self.given == piece.len() {
            self.given = 0;
            self.pieces.pop_front();
        }
        Some(Gave::Bytes(n))
    }

    /// When what comes now may pass: never before what came earlier.
    fn next_moment(&mut self) -> Instant {
        let wide = self.jitter.as_nanos().saturating_mul(2);
        let chance = if wide == 0 { 0 } else { u128::from(self.roll()) % (wide + 1) };
        let chance = Duration::from_nanos(u64::try_from(chance).unwrap_or(u64::MAX));
        let now = Instant::now();
        let late = self.time.saturating_add(chance).saturating_sub(self.jitter);
        let at = now.checked_add(late).unwrap_or(now + FOR_GOOD);
        let at = self.last.map_or(at, |last| at.max(last));
        self.last = Some(at);
        at
    }

    /// SplitMix64.
    fn roll(&mut self) -> u64 {
        self.dice = self.dice.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.dice;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(text: &'static [u8]) -> impl FnOnce(&mut [u8]) -> Gave {
        move |room| {
            room[..text.len()].copy_from_slice(text);
            Gave::Bytes(text.len())
        }
    }

    #[test]
    fn pieces_and_the_end_come_out_in_order_each_after_its_time() {
        let (ms, jitter) = (Duration::from_millis, Duration::from_millis(9));
        let mut delay = Delay::new(ms(10), jitter, 7);
        let began = Instant::now();
        for piece in [b"abc", b"def"] {
            assert!(delay.take(bytes(piece)).is_ok());
        }
        assert!(delay.take(|_| Gave::Ended).is_ok());
        assert!(!delay.has_room(), "nothing comes after an end");
        let mut room = [0; 2];
        assert!(delay.give(began, &mut room).is_none(), "1 ms is the least");
        let late = began + ms(1000);
        let mut got = Vec::new();
        loop {
            match delay.give(late, &mut room) {
                Some(Gave::Bytes(n)) => got.extend_from_slice(&room[..n]),
                Some(Gave::Ended) => break,
                _ => panic!("an end is to come"),
            }
        }
        assert_eq!(got, b"abcdef");
        assert!(delay.is_empty() && delay.held == 0);
    }

    #[test]
    fn a_peer_that_sends_byte_by_byte_costs_what_its_bytes_do() {
        let mut delay = Delay::new(Duration::from_secs(60), Duration::ZERO, 1);
        while delay.has_room() {
            assert!(delay.take(bytes(b"x")).is_ok());
        }
        let memory: usize = delay.pieces.iter().map(|(_, piece)| piece.capacity() + size_of_val(piece)).sum();
        assert!(memory < HELD, "{memory} for {}", delay.held);
    }

    #[test]
    fn the_chance_stays_within_its_bounds() {
        let mut delay = Delay::new(Duration::from_millis(50), Duration::from_millis(10), 1);
        for _ in 0..200 {
            delay.last = None;
            let before = Instant::now();
            let at = delay.next_moment();
            assert!(at >= before + Duration::from_millis(40));
            assert!(at <= Instant::now() + Duration::from_millis(60));
        }
    }
}
