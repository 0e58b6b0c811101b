//! Which connections a page shows: the worst, and of each server and ending some.

use super::endings;
use crate::{
    ladder::Ladder,
    summary::MOST_GROUPS,
    verdict::{Ending, Verdict},
    words,
};
use std::{cmp::Reverse, collections::HashMap, net::SocketAddr};

/// How many connections have their facts and a ladder on a page.
pub const DRAWN: usize = 50;

/// How many more have their sentence.
pub const LISTED: usize = 200;

/// How many connections of one server with one ending come before others that are as bad or better: a thousand resets of one
/// server do not hide the one of another.
const ALIKE: u32 = 5;

/// The worst connections of one or more captures, within bounded memory.
///
/// A connection with a worse ending is worse; of two with the same ending, the one that lost more bytes is.
#[derive(Debug, Default)]
pub struct Worst {
    drawn: Vec<Drawn>,
    listed: Vec<Listed>,
    /// How many connections of a server have had an ending so far.
    alike: HashMap<(SocketAddr, Option<Ending>), u32>,
}

/// How bad a connection is: the smaller, the worse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    /// Enough others of its server ended in the same way.
    is_one_of_many: bool,
    ending: usize,
    lost: Reverse<u64>,
    capture: usize,
    frame: u64,
}

impl Rank {
    /// The same without regard to how many others there are.
    fn alone(self) -> Self {
        Self { is_one_of_many: false, ..self }
    }
}

/// A connection with all that is said of it.
#[derive(Debug)]
pub(super) struct Drawn {
    rank: Rank,
    pub(super) verdict: Box<Verdict>,
    pub(super) ladder: Option<Box<Ladder>>,
}

impl Drawn {
    /// The place of its capture.
    pub(super) const fn capture(&self) -> usize {
        self.rank.capture
    }

    /// Where it stands in the captures.
    pub(super) const fn order(&self) -> (usize, u64) {
        (self.rank.capture, self.rank.frame)
    }
}

/// A connection with its sentence.
#[derive(Debug)]
pub(super) struct Listed {
    rank: Rank,
    pub(super) client: SocketAddr,
    pub(super) server: SocketAddr,
    pub(super) ending: Option<Ending>,
    pub(super) sentence: Box<str>,
}

impl Listed {
    fn of(rank: Rank, verdict: &Verdict) -> Self {
        Self {
            rank,
            client: verdict.client,
            server: verdict.server,
            ending: verdict.ending.value().copied(),
            sentence: words::sentence(verdict).into_boxed_str(),
        }
    }

    /// The place of its capture.
    pub(super) const fn capture(&self) -> usize {
        self.rank.capture
    }
}

impl Worst {
    /// Takes in a connection. `capture`: the place of its capture among those of the page.
    pub fn push(&mut self, capture: usize, verdict: Verdict, ladder: Option<Box<Ladder>>) {
        let ending = verdict.ending.value().copied();
        let key = (verdict.server, ending);
        let alike = if self.alike.len() < MOST_GROUPS || self.alike.contains_key(&key) {
            let count = self.alike.entry(key).or_default();
            *count = count.saturating_add(1);
            *count
        } else {
            u32::MAX
        };
        let lost =
            [&verdict.unacked_c2s, &verdict.unacked_s2c, &verdict.unread_client, &verdict.unread_server]
                .into_iter()
                .filter_map(|claim| claim.value())
                .fold(0, |sum: u64, octets| sum.saturating_add(*octets));
        let rank = Rank {
            is_one_of_many: alike > ALIKE,
            ending: endings::place(ending),
            lost: Reverse(lost),
            capture,
            frame: verdict.first.frame,
        };
        let place = self.drawn.partition_point(|one| one.rank < rank);
        if place < DRAWN {
            self.drawn.insert(place, Drawn { rank, verdict: Box::new(verdict), ladder });
            if self.drawn.len() > DRAWN
                && let Some(least) = self.drawn.pop()
            {
                self.list(least.rank, &least.verdict);
            }
        } else {
            self.list(rank, &verdict);
        }
    }

    /// Keeps the sentence of a connection, if it is bad enough.
    fn list(&mut self, rank: Rank, verdict: &Verdict) {
        let place = self.listed.partition_point(|one| one.rank < rank);
        if place < LISTED {
            self.listed.truncate(LISTED - 1);
            self.listed.insert(place, Listed::of(rank, verdict));
        }
    }

    /// Those that are drawn and those that are listed, the worst first.
    pub(super) fn chosen(&self) -> (Vec<&Drawn>, Vec<&Listed>) {
        let mut drawn: Vec<&Drawn> = self.drawn.iter().collect();
        let mut listed: Vec<&Listed> = self.listed.iter().collect();
        drawn.sort_by_key(|one| one.rank.alone());
        listed.sort_by_key(|one| one.rank.alone());
        (drawn, listed)
    }
}
