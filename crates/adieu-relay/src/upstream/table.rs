//! The table of the upstreams, which picks the one for the next client. It has no sockets, no clock and no lock: time is an argument.

use super::balance::{Balance, affinity, hash_of};
use super::health::{FULL, Health, HealthChange, State};
use crate::split_mix::mix;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// The upstreams that one client has tried. They are not tried again for it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tried {
    numbers: Vec<usize>,
    /// One that is down was tried because there was nothing else.
    last_resort: bool,
}

#[derive(Debug)]
pub(super) struct Table {
    balance: Balance,
    health: Health,
    members: Vec<Member>,
    /// Whom [`Table::pick`] chooses among, empty between its calls: it allocates nothing.
    shares: Vec<(usize, u32)>,
}

#[derive(Debug)]
struct Member {
    /// What the client's hash is compared with.
    seed: u64,
    /// Connections that are open or being made, those of the tables before this one too.
    open: Arc<AtomicU64>,
    state: State,
    /// What it has coming in a round: see [`Table::next_in_turn`].
    credit: i64,
    /// When somebody began to connect to it.
    tried_at: Option<Instant>,
}

impl Member {
    fn open(&self) -> u64 {
        self.open.load(Ordering::Relaxed)
    }
}

impl Table {
    /// A table of upstreams with these names.
    pub(super) fn new<'a>(
        balance: Balance,
        health: Health,
        names: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        let mut given: HashMap<&str, u64> = HashMap::new();
        let members = names.into_iter().map(|name| {
            // The same endpoint given twice is two upstreams.
            let times = given.entry(name).and_modify(|times| *times += 1).or_default();
            let seed = mix(hash_of(name.as_bytes()).wrapping_add(*times));
            Member { seed, open: Arc::default(), state: State::NEW, credit: 0, tried_at: None }
        });
        Self { balance, health, members: members.collect(), shares: Vec::new() }
    }

    /// What is known of upstreams that another table has too is known here: how they are, and how many connections are open.
    pub(super) fn inherit(&mut self, other: &Self) {
        for member in &mut self.members {
            if let Some(same) = other.members.iter().find(|one| one.seed == member.seed) {
                (member.open, member.state, member.tried_at) =
                    (Arc::clone(&same.open), same.state, same.tried_at);
                // Whoever tries it tells the other table.
                member.state.given_up();
            }
        }
    }

    /// Chooses an upstream for a client, and counts a connection of it. `None`: it has tried every one that is worth it.
    ///
    /// If there is none that is up, and none whose time to be tried has come, it is the one that was left alone for the longest
    /// time, once for each client.
    pub(super) fn pick(&mut self, client: Option<IpAddr>, tried: &mut Tried, now: Instant) -> Option<usize> {
        let untried = (0..self.members.len()).filter(|number| !tried.numbers.contains(number));
        let mut shares = std::mem::take(&mut self.shares);
        shares.extend(
            untried
                .clone()
                .filter_map(|number| Some((number, self.members[number].state.share(&self.health, now)?))),
        );
        let number = if !shares.is_empty() {
            Some(self.choose(&shares, client))
        } else if std::mem::replace(&mut tried.last_resort, true) {
            None
        } else {
            untried.min_by_key(|number| self.members[*number].tried_at)
        };
        shares.clear();
        self.shares = shares;
        let number = number?;
        let member = &mut self.members[number];
        member.open.fetch_add(1, Ordering::Relaxed);
        member.tried_at = Some(now);
        member.state.begun();
        tried.numbers.push(number);
        Some(number)
    }

    /// One of these upstreams, of which there is one at least, with the shares they are to have.
    fn choose(&mut self, shares: &[(usize, u32)], client: Option<IpAddr>) -> usize {
        if let [(only, _)] = shares {
            return *only;
        }
        match (self.balance, client) {
            (Balance::Hash, Some(client)) => self.of_client(shares, client),
            (Balance::Hash, None) | (Balance::RoundRobin, _) => self.next_in_turn(shares),
            (Balance::Least, _) => {
                // The fewest connections for its share, compared as fractions.
                let load =
                    |(number, share): &(usize, u32)| (self.members[*number].open() + 1, u64::from(*share));
                let is_less = |(a, of_a): (u64, u64), (b, of_b): (u64, u64)| a * of_b < b * of_a;
                let least = shares[1..]
                    .iter()
                    .map(load)
                    .fold(load(&shares[0]), |least, one| if is_less(one, least) { one } else { least });
                let equal: Vec<_> = shares.iter().copied().filter(|one| !is_less(least, load(one))).collect();
                self.next_in_turn(&equal)
            }
        }
    }

    /// Smooth weighted round robin, as nginx does it: each gets credit for its share, and the one with the most is chosen and
    /// pays for all.
    fn next_in_turn(&mut self, shares: &[(usize, u32)]) -> usize {
        let mut chosen = shares[0].0;
        let mut most = i64::MIN;
        let mut total = 0;
        for (number, share) in shares {
            let member = &mut self.members[*number];
            member.credit += i64::from(*share);
            total += i64::from(*share);
            if member.credit > most {
                (chosen, most) = (*number, member.credit);
            }
        }
        self.members[chosen].credit -= total;
        chosen
    }

    /// Rendezvous hashing: the upstream with the greatest affinity to the client. One that comes back is passed over by the
    /// clients whose turn to go back has not come; each has a moment of its own.
    fn of_client(&self, shares: &[(usize, u32)], client: IpAddr) -> usize {
        let affinity_to = |number: usize| affinity(client, self.members[number].seed);
        let goes_back = |(number, share): &&(usize, u32)| {
            let turn = mix(affinity_to(*number)) % u64::from(FULL);
            turn < u64::from(*share)
        };
        let best = |members: &mut dyn Iterator<Item = &(usize, u32)>| {
            members.map(|(number, _)| *number).max_by_key(|number| affinity_to(*number))
        };
        best(&mut shares.iter().filter(goes_back)).or_else(|| best(&mut shares.iter())).unwrap_or(shares[0].0)
    }

    /// The attempt of a client has connected.
    pub(super) fn connected(&mut self, number: usize, now: Instant) -> Option<HealthChange> {
        let member = &mut self.members[number];
        let change = member.state.connected(now);
        if change.is_some() {
            member.credit = 0;
        }
        change
    }

    /// The attempt of a client has failed, which is the upstream's fault.
    pub(super) fn failed(&mut self, number: usize, now: Instant) -> Option<HealthChange> {
        let member = &mut self.members[number];
        let change = member.state.failed(&self.health, now);
        if change.is_some() {
            member.credit = 0;
        }
        change
    }

    /// The attempt of a client was given up, or failed by no fault of the upstream's.
    pub(super) fn given_up(&mut self, number: usize) {
        self.members[number].state.given_up();
    }

    /// A connection that was picked is over, or was never made.
    pub(super) fn left(&mut self, number: usize) {
        self.members[number].open.fetch_sub(1, Ordering::Relaxed);
    }

    /// Whether this upstream is up, and how many of its connections are open or being made.
    pub(super) fn look(&self, number: usize) -> (bool, u64) {
        let member = &self.members[number];
        (member.state.is_up(), member.open())
    }
}

#[cfg(test)]
mod tests;
