//! What happened on a connection, in the order of first occurrence: the letters of Zeek's connection history.
//!
//! <https://docs.zeek.org/en/master/scripts/base/protocols/conn/main.zeek.html> documents the letters. Each is noted once
//! for each side, but those that count things (bad checksums, gaps, repetitions, closed windows) again at ten, at a hundred, and
//! so on, and SYN, FIN and RST again where their sequence number is another.

use super::half::Half;
use crate::segment::Segment;

/// How many letters are kept.
const MOST: usize = 48;

/// How many letters most connections have at most: those of an orderly one with data in both directions are 8.
const FEW: usize = 11;

/// Letters that are noted at one, ten, a hundred times.
const COUNTED: [u8; 4] = *b"CGTW";

/// The letters that are noted once; the place of each is its bit in `noted`.
const ONCE: [u8; 8] = *b"SHADFRIQ";

/// The place of RST's number: no half keeps it.
const RST: usize = 2;

/// The letters of a connection.
#[derive(Clone, Debug, Default)]
pub(crate) struct History {
    /// The first letters.
    letters: [u8; FEW],
    len: u8,
    /// Letters of side 0 and of side 1 that are noted once, as bits.
    noted: [u8; 2],
    more: Option<Box<More>>,
}

/// What few connections have.
#[derive(Clone, Debug, Default)]
struct More {
    /// The letters after the first.
    letters: Vec<u8>,
    full: bool,
    counts: [[u32; COUNTED.len()]; 2],
    /// Last sequence number of each side's SYN, FIN and RST, where it is not that of the half's.
    numbers: [[Option<u32>; 3]; 2],
}

impl History {
    /// Notes what the flags and the payload of a segment of side `from` say. `half`: that side before the segment.
    pub(super) fn on_segment(&mut self, segment: &Segment<'_>, from: usize, half: &Half) {
        let (syn, fin, rst) = (segment.flags.syn(), segment.flags.fin(), segment.flags.rst());
        match (syn, fin, rst) {
            (true, false, false) => {
                let letter = if segment.flags.ack() { b'H' } else { b'S' };
                self.numbered(from, letter, 0, segment.sequence, half.syn_sequence());
            }
            (false, true, false) => {
                let number = segment.sequence.wrapping_add(segment.payload_len);
                self.numbered(from, b'F', 1, number, half.fin_sequence());
            }
            (false, false, true) => self.numbered(from, b'R', 2, segment.sequence, None),
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
        let count = &mut self.more.get_or_insert_default().counts[from][place];
        *count = count.saturating_add(1);
        if count.is_power_of_ten() {
            self.push(from, letter);
        }
    }

    fn once(&mut self, from: usize, letter: u8) {
        if self.note(from, letter) {
            self.push(from, letter);
        }
    }

    /// Notes a letter with the sequence number that it stands for. `known`: the last one, where that is kept elsewhere.
    fn numbered(&mut self, from: usize, letter: u8, place: usize, number: u32, known: Option<u32>) {
        let before = self.more.as_deref().and_then(|more| more.numbers[from][place]).or(known);
        let is_first = self.note(from, letter);
        if is_first || before != Some(number) {
            self.push(from, letter);
        }
        // What the half does not know has to be kept here.
        let is_kept = before == Some(number) || known.is_none() && place != RST && before.is_none();
        if !is_kept {
            self.more.get_or_insert_default().numbers[from][place] = Some(number);
        }
    }

    /// Notes that there was a letter. Whether it is the first of its kind comes back.
    fn note(&mut self, from: usize, letter: u8) -> bool {
        let bit = bit(letter);
        let is_first = self.noted[from] & bit == 0;
        self.noted[from] |= bit;
        is_first
    }

    fn push(&mut self, from: usize, letter: u8) {
        let letter = if from == 0 { letter } else { letter.to_ascii_lowercase() };
        if let Some(place) = self.letters.get_mut(usize::from(self.len)) {
            *place = letter;
            self.len += 1;
            return;
        }
        let more = self.more.get_or_insert_default();
        if more.letters.len() < MOST - FEW {
            more.letters.push(letter);
        } else {
            more.full = true;
        }
    }

    /// The letters, with those of side `originator` in upper case. `X` at the end: there were more.
    pub(crate) fn of(&self, originator: usize) -> String {
        // A SYN-ACK that comes first turns the roles that the first segment suggests.
        let turned = matches!(self.letters[0], b'H' | b'h').then_some('^');
        let more = self.more.as_deref();
        let further = more.map(|more| &more.letters[..]).unwrap_or_default();
        let letters = self.letters[..usize::from(self.len)].iter().chain(further).map(|&letter| {
            let letter = char::from(letter);
            match (originator, letter.is_ascii_uppercase()) {
                (0, _) => letter,
                (_, true) => letter.to_ascii_lowercase(),
                (_, false) => letter.to_ascii_uppercase(),
            }
        });
        turned.into_iter().chain(letters).chain(more.is_some_and(|more| more.full).then_some('X')).collect()
    }

    /// Whether side `from` has this letter, in upper case.
    pub(crate) fn has(&self, from: usize, letter: u8) -> bool {
        self.noted[from] & bit(letter) != 0
    }
}

fn bit(letter: u8) -> u8 {
    ONCE.iter().position(|&one| one == letter).map_or(0, |place| 1 << place)
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
