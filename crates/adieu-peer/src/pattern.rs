//! Byte streams of any length that are generated and verified in chunks, and never held.
//!
//! A stream repeats one block of pseudo-random bytes whose length is a prime. Copying and comparing are then
//! `memcpy` and `memcmp`, fast in debug builds too, and a piece lost, repeated or moved by any buffer's size
//! shows, because no buffer's size is a multiple of that prime. A loss of exactly a multiple of
//! [`BLOCK`] bytes is seen by the count only.

use std::{
    io::{self, Read, Write},
    sync::Arc,
};

/// Length of the repeated block: the largest prime below 64 KiB.
pub const BLOCK: usize = 65_521;

/// Seed of what the peer sends.
pub const PEER_SEED: u64 = 0x70_65_65_72;

/// Seed of what the program under test is given to send.
pub const PROGRAM_SEED: u64 = 0x73_74_64_69_6e;

/// An endless stream of bytes, each a function of the seed and its offset.
#[derive(Clone, Debug)]
pub struct Pattern {
    block: Arc<[u8]>,
}

impl Pattern {
    /// The stream of this seed. Streams of different seeds differ from their first bytes on.
    pub fn new(seed: u64) -> Self {
        let mut state = seed;
        let mut block = Vec::with_capacity(BLOCK + 8);
        while block.len() < BLOCK {
            // SplitMix64: every seed, however small, gives well-spread bytes at once.
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut word = state;
            word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            block.extend_from_slice(&(word ^ (word >> 31)).to_le_bytes());
        }
        block.truncate(BLOCK);
        Self { block: block.into() }
    }

    /// What the peer sends.
    pub fn of_peer() -> Self {
        Self::new(PEER_SEED)
    }

    /// What the program under test is given to send.
    pub fn of_program() -> Self {
        Self::new(PROGRAM_SEED)
    }

    /// Fills `buffer` with the stream's bytes from `offset` on.
    pub fn fill(&self, offset: u64, mut buffer: &mut [u8]) {
        let mut at = position(offset);
        while !buffer.is_empty() {
            let n = buffer.len().min(BLOCK - at);
            let (now, later) = buffer.split_at_mut(n);
            now.copy_from_slice(&self.block[at..at + n]);
            buffer = later;
            at = 0;
        }
    }

    /// The place in `bytes` of the first byte that is not the stream's, if `bytes` begins at `offset`.
    pub fn first_difference(&self, offset: u64, bytes: &[u8]) -> Option<usize> {
        let mut at = position(offset);
        let mut done = 0;
        while done < bytes.len() {
            let n = (bytes.len() - done).min(BLOCK - at);
            let (got, want) = (&bytes[done..done + n], &self.block[at..at + n]);
            if got != want {
                return got.iter().zip(want).position(|(a, b)| a != b).map(|i| done + i);
            }
            done += n;
            at = 0;
        }
        None
    }

    /// A reader that gives the stream's first `length` bytes, then EOF.
    pub fn reader(&self, length: u64) -> Reader {
        self.reader_from(0, length)
    }

    /// A reader that gives `length` bytes of the stream from `offset` on, then EOF.
    pub fn reader_from(&self, offset: u64, length: u64) -> Reader {
        Reader { pattern: self.clone(), offset, end: offset + length }
    }
}

fn position(offset: u64) -> usize {
    usize::try_from(offset % BLOCK as u64).expect("a remainder of BLOCK fits in usize")
}

/// Gives a piece of a [`Pattern`], then EOF.
#[derive(Clone, Debug)]
pub struct Reader {
    pattern: Pattern,
    offset: u64,
    end: u64,
}

impl Reader {
    /// Bytes not yet read.
    pub fn remaining(&self) -> u64 {
        self.end - self.offset
    }
}

impl Read for Reader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = buffer.len().min(usize::try_from(self.remaining()).unwrap_or(usize::MAX));
        self.pattern.fill(self.offset, &mut buffer[..n]);
        self.offset += n as u64;
        Ok(n)
    }
}

/// Counts the bytes of a stream and finds the first that is wrong.
#[derive(Clone, Debug)]
pub struct Verifier {
    pattern: Pattern,
    count: u64,
    first_wrong: Option<u64>,
}

impl Verifier {
    /// Expects the pattern from its first byte on.
    pub fn new(pattern: Pattern) -> Self {
        Self { pattern, count: 0, first_wrong: None }
    }

    /// Takes the next bytes of the stream.
    pub fn take(&mut self, bytes: &[u8]) {
        // After one lost byte every later byte is wrong too: only the first tells anything.
        if self.first_wrong.is_none() {
            self.first_wrong =
                self.pattern.first_difference(self.count, bytes).map(|at| self.count + at as u64);
        }
        self.count += bytes.len() as u64;
    }

    /// Bytes taken so far, right or wrong.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Offset of the first byte that was not the pattern's.
    pub fn first_wrong(&self) -> Option<u64> {
        self.first_wrong
    }
}

impl Write for Verifier {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.take(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(pattern: &Pattern, offset: u64, length: usize) -> Vec<u8> {
        let mut all = vec![0; length];
        pattern.fill(offset, &mut all);
        all
    }

    #[test]
    fn chunks_of_any_size_give_the_same_stream() {
        let pattern = Pattern::of_peer();
        let whole = bytes(&pattern, 0, 3 * BLOCK);
        for chunk in [1_000, 4_096, 65_536, BLOCK, BLOCK + 1] {
            let mut pieces = Vec::new();
            while pieces.len() < whole.len() {
                let n = chunk.min(whole.len() - pieces.len());
                pieces.extend(bytes(&pattern, pieces.len() as u64, n));
            }
            assert!(pieces == whole, "chunks of {chunk}");
        }
    }

    #[test]
    fn a_right_stream_has_no_wrong_byte() {
        let mut verifier = Verifier::new(Pattern::of_peer());
        let copied = io::copy(&mut Pattern::of_peer().reader(1 << 20), &mut verifier).expect("in memory");
        assert_eq!((copied, verifier.count(), verifier.first_wrong()), (1 << 20, 1 << 20, None));
    }

    #[test]
    fn the_first_wrong_byte_is_found_in_any_chunk_and_not_forgotten() {
        let pattern = Pattern::of_peer();
        for wrong_at in [0, 1, BLOCK - 1, BLOCK, 2 * BLOCK + 7] {
            let mut all = bytes(&pattern, 0, 3 * BLOCK);
            all[wrong_at] ^= 1;
            let mut verifier = Verifier::new(pattern.clone());
            for chunk in all.chunks(10_007) {
                verifier.take(chunk);
            }
            assert_eq!(verifier.first_wrong(), Some(wrong_at as u64));
            assert_eq!(verifier.count(), all.len() as u64);
        }
    }

    #[test]
    fn a_lost_buffer_of_any_usual_size_shows() {
        let pattern = Pattern::of_program();
        let all = bytes(&pattern, 0, 4 * BLOCK);
        for lost in [1, 512, 1_448, 4_096, 16_384, 65_536, 131_072] {
            let mut verifier = Verifier::new(pattern.clone());
            verifier.take(&all[..1_000]);
            verifier.take(&all[1_000 + lost..]);
            assert!(verifier.first_wrong().is_some_and(|at| at < 1_100), "{lost} bytes lost");
        }
    }

    #[test]
    fn streams_of_two_seeds_differ() {
        let program = bytes(&Pattern::of_program(), 0, 64);
        assert!(Pattern::of_peer().first_difference(0, &program).is_some_and(|at| at < 8));
    }
}
