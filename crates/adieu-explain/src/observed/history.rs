//! What happened on a connection, in the order of first occurrence: the letters of Zeek's connection history.
//!
//! <https://docs.zeek.org/en/master/scripts/base/protocols/conn/main.zeek.html> documents the letters. Each is noted once
//! for each side, but those that count things (bad checksums, gaps, repetitions, closed windows) again at ten, at a hundred, and
//! so on, and SYN, FIN and RST again where their sequence number is another.

use crate::segment::Segment;

/// How many letters are kept.
const MOST: usize = 48;

/// Letters that are noted at one, ten, a hundred times.
const COUNTED: [u8; 4] = *b"CGTW";

/// The letters of a connection.
#[derive(Clone, Debug)]
pub(crate) struct History {
    letters: [u8; MOST],
    len: u8,
    full: bool,
    /// Letters of side 0 and of side 1 that were noted, as bits.
    noted: [u32; 2],
    counts: [[u32; COUNTED.len()]; 2],
    /// Last sequence number of each side's SYN, FIN and RST.
    numbers: [[u32; 3]; 2],
}

impl Default for History {
    fn default() -> Self {
        Self {
            letters: [0; MOST],
            len: 0,
            full: false,
            noted: [0; 2],
            counts: [[0; COUNTED.len()]; 2],
            numbers: [[0; 3]; 2],
        }
    }
}

impl History {
    /// Notes what the flags and the payload of a segment of side `from` say.
    pub(super) fn on_segment(&mut self, segment: &Segment<'_>, from: usize) {
        let (syn, fin, rst) = (segment.flags.syn(), segment.flags.fin(), segment.flags.rst());
        match (syn, fin, rst) {
            (true, false, false) => {
                let letter = if segment.flags.ack() { b'H' } else { b'S' };
                self.numbered(from, letter, 0, segment.sequence);
            }
            (false, true, false) => {
                self.numbered(from, b'F', 1, segment.sequence.wrapping_add(segment.payload_len));
            }
            (false, false, true) => self.numbered(from, b'R', 2, segment.sequence),
            (false, false, false) if segment.payload_len > 0 => self.once(from, b'D'),
            (false, false, false) if segment.flags.ack() => self.once(from, b'A'),
            (false, false, false) => {}
            (_, true, true) => self.once(from, b'I'),
            _ => self.once(from, b'Q'),
        }
    }

    /// Notes something that is counted.
    pub(super) fn counted(&mut self, from: usize, letter: u8) {
        let Some(place) = COUNTED.iter().position(|&counted| counted == letter) else { return };
        let count = &mut self.counts[from][place];
        *count = count.saturating_add(1);
        if count.is_power_of_ten() {
            self.push(from, letter);
        }
    }

    fn once(&mut self, from: usize, letter: u8) {
        let bit = 1 << (letter - b'A');
        if self.noted[from] & bit == 0 {
            self.noted[from] |= bit;
            self.push(from, letter);
        }
    }

    fn numbered(&mut self, from: usize, letter: u8, place: usize, number: u32) {
        let bit = 1 << (letter - b'A');
        if self.noted[from] & bit == 0 || self.numbers[from][place] != number {
            self.noted[from] |= bit;
            self.push(from, letter);
        }
        self.numbers[from][place] = number;
    }

    fn push(&mut self, from: usize, letter: u8) {
        match self.letters.get_mut(usize::from(self.len)) {
            Some(place) => {
                *place = if from == 0 { letter } else { letter.to_ascii_lowercase() };
                self.len += 1;
            }
            None => self.full = true,
        }
    }

    /// The letters, with those of side `originator` in upper case. `X` at the end: there were more.
    pub(crate) fn of(&self, originator: usize) -> String {
        // A SYN-ACK that comes first turns the roles that the first segment suggests.
        let turned = matches!(self.letters[0], b'H' | b'h').then_some('^');
        let letters = self.letters[..usize::from(self.len)].iter().map(|&letter| {
            let letter = char::from(letter);
            match (originator, letter.is_ascii_uppercase()) {
                (0, _) => letter,
                (_, true) => letter.to_ascii_lowercase(),
                (_, false) => letter.to_ascii_uppercase(),
            }
        });
        turned.into_iter().chain(letters).chain(self.full.then_some('X')).collect()
    }

    /// Whether side `from` has this letter, in upper case.
    pub(crate) fn has(&self, from: usize, letter: u8) -> bool {
        self.noted[from] & (1 << (letter - b'A')) != 0
    }
}

trait PowerOfTen {
    fn is_power_of_ten(&self) -> bool;
}

impl PowerOfTen for u32 {
    fn is_power_of_ten(&self) -> bool {
        matches!(
            *self,
            1 | 10 | 100 | 1000 | 10_000 | 100_000 | 1_000_000 | 10_000_000 | 100_000_000 | 1_000_000_000
        )
    }
}
