//! A receiver's answers to offers, and the limit on offers that are open at a time.

use super::{EntryPath, Hash};

/// How many offers of version 1 may be without an answer or a start. Their answers fit into any socket's buffer.
pub(crate) const OLD_OFFERS: usize = 64;

/// What the offers of version 2 that are without an answer or a start may cost together.
pub(crate) const OFFERS_LIMIT: usize = 2 << 20;

/// What an offer costs both sides, in bytes of memory.
pub(crate) fn cost_of_offer(path: &EntryPath) -> usize {
    64 + path.as_bytes().len()
}

/// What a receiver has of a file that it is offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Have {
    /// What it is.
    pub state: HaveState,
    /// Its length.
    pub length: u64,
    /// Its hash.
    pub hash: Hash,
}

/// See [`Have`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HaveState {
    /// Nothing of use.
    Nothing,
    /// The beginning of it, in a partial.
    Partial,
    /// A file of that size under its name.
    Stored,
}

/// What a receiver of version 2 has of a file whose hash an offer named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Nothing of use.
    Nothing,
    /// A partial that may be the beginning of it, or not.
    Beginning,
    /// The file, under its name.
    Stored,
    /// All of it, in a partial.
    WholePartial,
}

impl Answer {
    const ALL: [Self; 4] = [Self::Nothing, Self::Beginning, Self::Stored, Self::WholePartial];

    /// As many equal answers stand in one octet, at most.
    const RUN: u8 = 64;

    /// Whether the file need not be sent.
    pub const fn is_whole(self) -> bool {
        matches!(self, Self::Stored | Self::WholePartial)
    }

    /// Appends it to answers as they are packed in [`Control::Answers`](super::Control::Answers): each octet has an answer in its two upper bits, and in
    /// the others how many more of it follow.
    pub fn pack(self, packed: &mut Vec<u8>) {
        let state = match self {
            Self::Nothing => 0,
            Self::Beginning => 1,
            Self::Stored => 2,
            Self::WholePartial => 3,
        };
        match packed.last_mut() {
            Some(last) if *last / Self::RUN == state && *last % Self::RUN < Self::RUN - 1 => *last += 1,
            _ => packed.push(state * Self::RUN),
        }
    }

    /// The answers that were packed.
    pub fn unpack(packed: &[u8]) -> impl Iterator<Item = Self> + '_ {
        let one = |octet: &u8| {
            let answer = Self::ALL[usize::from(octet / Self::RUN)];
            std::iter::repeat_n(answer, usize::from(octet % Self::RUN) + 1)
        };
        packed.iter().flat_map(one)
    }
}
