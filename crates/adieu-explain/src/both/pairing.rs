//! Which connection of the one capture is which of the other.
//!
//! A connection is known by the initial sequence numbers of its two SYNs, which are random: two connections with both the
//! same are one. Boxes change addresses and ports (address translation), and some change sequence numbers too; then the
//! clocks in the timestamps option, which few boxes touch, are what is left. Where several connections fit none is taken.

use super::Point;
use crate::{
    observed::Connection,
    segment::TcpTimestamps,
    table::Finished,
    verdict::{Grade, Verdict},
};
use serde::Serialize;
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    net::SocketAddr,
};

/// By what two observations were found to be one connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum PairedBy {
    /// Both initial sequence numbers are the same.
    BothNumbers,
    /// The client's initial sequence number is the same, and the server's is in one capture at most.
    ClientNumber,
    /// The server's initial sequence number and its address are the same, and the client's numbers differ by a constant: a box
    /// between rewrites them.
    ServerNumber,
    /// Addresses and ports are the same, and so are the numbers of the segments; a SYN is missing in one of the captures.
    Stream,
    /// Addresses and ports, or the clocks of the timestamps option, are the same, and the sequence numbers differ by one
    /// constant in each direction: a box between rewrites them.
    ConstantOffset,
}

/// What a connection is recognised by.
#[derive(Clone, Debug)]
pub(super) struct Identity {
    /// Client and server.
    pub(super) ends: [SocketAddr; 2],
    /// Initial sequence numbers of client and server.
    pub(super) numbers: [Option<u32>; 2],
    /// The timestamps of the client's SYN, and of the server's.
    clocks: [Option<TcpTimestamps>; 2],
    /// First and last sequence number of client and server.
    spans: [Option<(u32, u32)>; 2],
}

impl Identity {
    fn of(connection: &Connection, client: usize) -> Self {
        let ends = connection.ends();
        let sides = [client, 1 - client];
        let syn = |side: usize| connection.halves[side].syn_sequence();
        let trace = connection.trace();
        let mut numbers = sides.map(syn);
        let mut clocks = [None; 2];
        let mut spans = [None; 2];
        if let Some(trace) = trace {
            for (at, side) in sides.into_iter().enumerate() {
                let mut own = trace.records().filter(|one| usize::from(one.from) == side);
                clocks[at] = own.clone().find(|one| one.flags.syn()).and_then(|one| one.timestamps);
                let first = own.clone().find(|one| !one.flags.rst());
                let last = own.rfind(|one| !one.flags.rst());
                if let (Some(first), Some(last), Some(origin)) = (first, last, trace.origin(side)) {
                    spans[at] = Some((number(origin, first.position), number(origin, last.end())));
                }
            }
            // A SYN-ACK says which SYN it answers.
            if numbers[0].is_none() {
                let answer = trace
                    .records()
                    .find(|one| usize::from(one.from) == sides[1] && one.flags.syn() && one.flags.ack());
                numbers[0] = answer
                    .zip(trace.origin(client))
                    .map(|(answer, origin)| number(origin, answer.acknowledged - 1));
            }
        }
        Self { ends: [ends[client], ends[1 - client]], numbers, clocks, spans }
    }

    fn same_ends(&self, other: &Self) -> bool {
        let turned = [other.ends[1], other.ends[0]];
        self.ends == other.ends || self.ends == turned
    }

    /// Whether the two are surely one connection. `None`: they are not, or it takes more to say.
    fn surely(&self, other: &Self) -> Option<PairedBy> {
        let ([Some(mine), my_server], [Some(theirs), their_server]) = (self.numbers, other.numbers) else {
            return None;
        };
        if mine != theirs {
            return None;
        }
        match (my_server, their_server) {
            (Some(one), Some(two)) if one == two => Some(PairedBy::BothNumbers),
            // A box that answers SYNs itself has a number of its own.
            (Some(_), Some(_)) => self.same_ends(other).then_some(PairedBy::ConstantOffset),
            _ if self.same_ends(other) => Some(PairedBy::ClientNumber),
            _ => {
                let clocks = self.clocks[0].zip(other.clocks[0]);
                clocks.is_some_and(|(one, two)| one.value == two.value).then_some(PairedBy::ClientNumber)
            }
        }
    }

    /// Whether the two may be one connection, and how sure that is if nothing else fits.
    fn perhaps(&self, other: &Self) -> Option<(PairedBy, Grade)> {
        let clocks_fit =
            |side: usize| self.clocks[side].zip(other.clocks[side]).map(|(one, two)| one.value == two.value);
        if let ([Some(mine), _], [Some(theirs), _]) = (self.numbers, other.numbers) {
            if mine == theirs {
                return Some((PairedBy::ClientNumber, Grade::Hinted));
            }
            // A box that rewrites the numbers of one direction leaves those of the other.
            let same_server_number = self.numbers[1].is_some()
                && self.numbers[1] == other.numbers[1]
                && self.ends[1] == other.ends[1];
            return match (self.same_ends(other), clocks_fit(0), clocks_fit(1)) {
                _ if same_server_number => Some((PairedBy::ServerNumber, Grade::Concluded)),
                (_, Some(false), _) | (_, _, Some(false)) => None,
                (true, Some(true), _) => Some((PairedBy::ConstantOffset, Grade::Concluded)),
                (false, Some(true), Some(true)) | (true, None, _) => {
                    Some((PairedBy::ConstantOffset, Grade::Hinted))
                }
                (false, ..) => None,
            };
        }
        if !self.same_ends(other) {
            return None;
        }
        // The sides of one that begins midstream may have been taken for each other.
        let turned = usize::from(self.ends != other.ends);
        let overlaps: Vec<bool> =
            (0..2).filter_map(|side| Some(overlap(self.spans[side]?, other.spans[side ^ turned]?))).collect();
        (!overlaps.is_empty() && overlaps.iter().all(|&overlap| overlap))
            .then_some((PairedBy::Stream, Grade::Concluded))
    }
}

/// Whether two spans of sequence numbers touch.
fn overlap((from, to): (u32, u32), (other_from, other_to): (u32, u32)) -> bool {
    let within = |number: u32, from: u32, to: u32| number.wrapping_sub(from) <= to.wrapping_sub(from);
    within(other_from, from, to) || within(from, other_from, other_to)
}

/// The sequence number of a position.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "arithmetic modulo 2^32")]
pub(super) const fn number(origin: u32, position: i64) -> u32 {
    origin.wrapping_add(position as u32)
}

/// A connection that has left its table, and what was found out about it.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) finished: Finished,
    /// Which of the connection's ends is the client: 0 or 1.
    pub(super) client: usize,
    /// How sure that is.
    pub(super) roles: Grade,
    pub(super) identity: Identity,
}

impl Seen {
    /// The verdict, which is larger than the connection, is not kept but made again.
    pub(super) fn new(finished: Finished) -> Self {
        let verdict = finished.judge();
        let client = usize::from(finished.connection.ends()[0] != verdict.client);
        let identity = Identity::of(&finished.connection, client);
        Self { finished, client, roles: verdict.roles, identity }
    }

    pub(super) fn judge(&self) -> Verdict {
        self.finished.judge()
    }
}

/// Two that are one connection.
pub(super) struct Found {
    /// Of capture A and of capture B.
    pub(super) seen: [Seen; 2],
    pub(super) by: PairedBy,
    pub(super) grade: Grade,
}

/// Connections that wait for the same one of the other capture.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    /// Of each capture, in the order of their ends.
    seen: [BTreeMap<u64, Box<Seen>>; 2],
    /// Those of them that were not open yet.
    opening: [BTreeSet<u64>; 2],
    by_number: [HashMap<u32, Vec<u64>>; 2],
    count: u64,
}

impl Waiting {
    /// Finds the other half of a connection that has ended at `point`, or lets it wait.
    pub(super) fn arrive(&mut self, point: Point, seen: Seen) -> Option<Found> {
        let other = point.other();
        if let Some(number) = seen.identity.numbers[0] {
            let all = self.by_number[other.index()].get(&number).map_or(&[][..], Vec::as_slice);
            let fits: Vec<(u64, PairedBy)> = all
                .iter()
                .filter_map(|key| {
                    let by = seen.identity.surely(&self.seen[other.index()][key].identity)?;
                    Some((*key, by))
                })
                .collect();
            let same_ends = |key: &u64| seen.identity.same_ends(&self.seen[other.index()][key].identity);
            // A capture of a box that translates addresses has a connection twice. The one that looks the same is taken.
            let best = if let [one] = fits[..] {
                Some(one)
            } else {
                let mut same = fits.iter().filter(|(key, _)| same_ends(key));
                same.next().filter(|_| same.next().is_none()).copied()
            };
            if let Some((key, by)) = best {
                let partner = self.take(other, key)?;
                return Some(found(point, seen, partner, by, sure(by)));
            }
        }
        self.count += 1;
        if let Some(number) = seen.identity.numbers[0] {
            self.by_number[point.index()].entry(number).or_default().push(self.count);
        }
        if seen.finished.connection.is_opening() {
            self.opening[point.index()].insert(self.count);
        }
        self.seen[point.index()].insert(self.count, Box::new(seen));
        None
    }

    /// How many wait that `point` has seen.
    pub(super) fn len(&self, point: Point) -> usize {
        self.seen[point.index()].len()
    }

    /// The one that has waited longest: of those that were not open yet, so that a flood of SYNs displaces nothing but SYNs, and if
    /// there is none, of all.
    pub(super) fn take_first(&mut self, point: Point) -> Option<Seen> {
        let opening = self.opening[point.index()].first();
        let key = opening.or_else(|| self.seen[point.index()].keys().next()).copied()?;
        self.take(point, key)
    }

    /// Pairs what is left where only one fits, and gives what fits nothing, each with whether several fitted.
    pub(super) fn settle(mut self) -> (Vec<Found>, Vec<(Point, Seen, bool)>) {
        // What each of A may be: by the numbers, by the addresses, by the clocks.
        let mut fits: Vec<(u64, u64, PairedBy, Grade)> = Vec::new();
        let mut index: HashMap<Trait, Vec<u64>> = HashMap::new();
        for (key, seen) in &self.seen[1] {
            for one in Trait::of(&seen.identity) {
                index.entry(one).or_default().push(*key);
            }
        }
        for (key, seen) in &self.seen[0] {
            let mut candidates: Vec<u64> = Trait::of(&seen.identity)
                .iter()
                .filter_map(|one| index.get(one))
                .flat_map(|keys| keys.iter().take(MOST_CANDIDATES))
                .copied()
                .collect();
            candidates.sort_unstable();
            candidates.dedup();
            for candidate in candidates {
                let identity = &self.seen[1][&candidate].identity;
                let fit = seen
                    .identity
                    .surely(identity)
                    .map(|by| (by, sure(by)))
                    .or_else(|| seen.identity.perhaps(identity));
                fits.extend(fit.map(|(by, grade)| (*key, candidate, by, grade)));
            }
        }
        let mut counts: [HashMap<u64, usize>; 2] = Default::default();
        for (a, b, ..) in &fits {
            *counts[0].entry(*a).or_default() += 1;
            *counts[1].entry(*b).or_default() += 1;
        }
        let mut found = Vec::new();
        for &(a, b, by, grade) in &fits {
            let alone = counts[0][&a] == 1 && counts[1][&b] == 1;
            if alone && let (Some(one), Some(two)) = (self.take(Point::A, a), self.take(Point::B, b)) {
                found.push(Found { seen: [one, two], by, grade });
            }
        }
        let mut left = Vec::new();
        for point in [Point::A, Point::B] {
            for (key, seen) in std::mem::take(&mut self.seen[point.index()]) {
                left.push((point, *seen, counts[point.index()].contains_key(&key)));
            }
        }
        (found, left)
    }

    fn take(&mut self, point: Point, key: u64) -> Option<Seen> {
        let seen = self.seen[point.index()].remove(&key)?;
        self.opening[point.index()].remove(&key);
        if let Some(number) = seen.identity.numbers[0]
            && let Some(keys) = self.by_number[point.index()].get_mut(&number)
        {
            keys.retain(|one| *one != key);
            if keys.is_empty() {
                self.by_number[point.index()].remove(&number);
            }
        }
        Some(*seen)
    }
}

/// How many connections are compared that share something: enough to see that several fit.
const MOST_CANDIDATES: usize = 16;

/// Something that two observations of one connection have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Trait {
    Number(u32),
    ServerNumber(u32),
    Ends(SocketAddr, SocketAddr),
    Clocks(u32, u32),
}

impl Trait {
    fn of(identity: &Identity) -> Vec<Self> {
        let [a, b] = identity.ends;
        let clocks = identity.clocks[0].zip(identity.clocks[1]);
        [
            identity.numbers[0].map(Self::Number),
            identity.numbers[1].map(Self::ServerNumber),
            Some(Self::Ends(a.min(b), a.max(b))),
            clocks.map(|(client, server)| Self::Clocks(client.value, server.value)),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

const fn sure(by: PairedBy) -> Grade {
    match by {
        PairedBy::BothNumbers => Grade::Seen,
        _ => Grade::Concluded,
    }
}

fn found(point: Point, seen: Seen, partner: Seen, by: PairedBy, grade: Grade) -> Found {
    let seen = match point {
        Point::A => [seen, partner],
        Point::B => [partner, seen],
    };
    Found { seen, by, grade }
}
