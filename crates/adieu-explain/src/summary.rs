//! Many connections at once: how often each server, port and prefix ended how, and what changed between two captures.
//!
//! Memory follows the number of servers and prefixes, which is bounded: beyond [`MOST_GROUPS`] further ones are counted by
//! their port only.

use crate::verdict::{Ending, Verdict};
use std::{
    collections::BTreeMap,
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};

/// How many servers, and how many prefixes, are counted one by one. There cannot be more ports.
pub const MOST_GROUPS: usize = 65_536;

/// How often connections ended how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    counts: [u64; 8],
}

impl Tally {
    /// The endings in the order in which they are printed; `None` is an ending that cannot be known.
    pub const ENDINGS: [Option<Ending>; 8] = [
        Some(Ending::Graceful),
        Some(Ending::Reset),
        Some(Ending::Refused),
        Some(Ending::NoAnswer),
        Some(Ending::Truncated),
        Some(Ending::Silent),
        Some(Ending::Open),
        None,
    ];

    fn add(&mut self, ending: Option<Ending>) {
        if let Some(place) = Self::ENDINGS.iter().position(|one| *one == ending) {
            self.counts[place] += 1;
        }
    }

    /// How many connections ended so.
    pub fn of(&self, ending: Option<Ending>) -> u64 {
        Self::ENDINGS
            .iter()
            .zip(self.counts)
            .find_map(|(one, count)| (*one == ending).then_some(count))
            .unwrap_or(0)
    }

    /// All connections.
    pub fn connections(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Connections that ended badly: reset, refused, without an answer, truncated or silent. An open one has not ended.
    pub fn bad(&self) -> u64 {
        self.connections() - self.of(Some(Ending::Graceful)) - self.of(Some(Ending::Open)) - self.of(None)
    }

    /// The share of connections that ended so, from 0 to 1. `None`: there are no connections.
    pub fn share(&self, ending: Option<Ending>) -> Option<f64> {
        share(self.of(ending), self.connections())
    }
}

#[expect(clippy::cast_precision_loss, reason = "shares are printed with three digits")]
fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// What connections are counted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Group {
    /// A server's port.
    Port(u16),
    /// The network of a server: /24 of IPv4, /48 of IPv6.
    Prefix(IpAddr),
    /// A server with its port.
    Server(SocketAddr),
}

impl Group {
    /// The groups of a server.
    fn of(server: SocketAddr) -> [Self; 3] {
        let prefix = match server.ip() {
            IpAddr::V4(ip) => Ipv4Addr::from_bits(ip.to_bits() & 0xffff_ff00).into(),
            IpAddr::V6(ip) => Ipv6Addr::from_bits(ip.to_bits() & (u128::MAX << 80)).into(),
        };
        [Self::Port(server.port()), Self::Prefix(prefix), Self::Server(server)]
    }
}

/// A kind of group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Servers' ports.
    Port,
    /// Servers' networks.
    Prefix,
    /// Servers with their ports.
    Server,
}

/// The port, the network as in `192.0.2.0/24`, or the address with its port.
impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Port(port) => write!(f, "{port}"),
            Self::Prefix(IpAddr::V4(ip)) => write!(f, "{ip}/24"),
            Self::Prefix(IpAddr::V6(ip)) => write!(f, "{ip}/48"),
            Self::Server(server) => write!(f, "{server}"),
        }
    }
}

/// Connections counted by server, port and prefix.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    all: Tally,
    ports: BTreeMap<Group, Tally>,
    prefixes: BTreeMap<Group, Tally>,
    servers: BTreeMap<Group, Tally>,
    servers_not_kept: u64,
}

impl Summary {
    /// Counts a connection.
    pub fn add(&mut self, verdict: &Verdict) {
        self.count(verdict.server, verdict.ending.value().copied());
    }

    fn count(&mut self, server: SocketAddr, ending: Option<Ending>) {
        self.all.add(ending);
        for group in Group::of(server) {
            let tallies = match group {
                Group::Port(_) => &mut self.ports,
                Group::Prefix(_) => &mut self.prefixes,
                Group::Server(_) => &mut self.servers,
            };
            if tallies.len() < MOST_GROUPS || tallies.contains_key(&group) {
                tallies.entry(group).or_default().add(ending);
            } else if matches!(group, Group::Server(_)) {
                self.servers_not_kept += 1;
            }
        }
    }

    /// The groups of one kind.
    const fn groups(&self, kind: Kind) -> &BTreeMap<Group, Tally> {
        match kind {
            Kind::Port => &self.ports,
            Kind::Prefix => &self.prefixes,
            Kind::Server => &self.servers,
        }
    }

    /// All connections.
    pub const fn all(&self) -> &Tally {
        &self.all
    }

    /// Connections to servers that were too many to be counted one by one.
    pub const fn servers_not_kept(&self) -> u64 {
        self.servers_not_kept
    }

    /// The groups of one kind, worst first: by the number of bad endings, then by their share, then by name.
    pub fn worst(&self, kind: Kind) -> Vec<(Group, Tally)> {
        let mut groups: Vec<(Group, Tally)> =
            self.groups(kind).iter().map(|(group, tally)| (*group, *tally)).collect();
        // Of two with as many bad endings, the one with fewer connections has the larger share of them.
        groups.sort_by_key(|(group, tally)| (std::cmp::Reverse(tally.bad()), tally.connections(), *group));
        groups
    }

    /// What changed from this summary to `after`, the largest change of a share first. A change of less than
    /// `least` (a share from 0 to 1) is left out, and so is a group that only one of the two has.
    pub fn compare(&self, after: &Self, kind: Kind, least: f64) -> Vec<Change> {
        let mut changes: Vec<Change> = Vec::new();
        for (group, before) in self.groups(kind) {
            let Some(now) = after.groups(kind).get(group) else { continue };
            for ending in Tally::ENDINGS {
                let (Some(was), Some(is)) = (before.share(ending), now.share(ending)) else { continue };
                if (is - was).abs() >= least {
                    changes.push(Change { group: *group, ending, before: *before, after: *now, was, is });
                }
            }
        }
        changes.sort_by(|a, b| b.size().total_cmp(&a.size()).then(a.group.cmp(&b.group)));
        changes
    }

    /// The groups of one kind that this summary has and `other` has not.
    pub fn only_here(&self, other: &Self, kind: Kind) -> Vec<Group> {
        self.groups(kind).keys().filter(|group| !other.groups(kind).contains_key(*group)).copied().collect()
    }
}

/// A group whose connections end so more often than before, or less often.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Change {
    /// The group.
    pub group: Group,
    /// The ending. `None`: it cannot be known.
    pub ending: Option<Ending>,
    /// All connections of the group before.
    pub before: Tally,
    /// All connections of the group after.
    pub after: Tally,
    /// The share of the ending before, from 0 to 1.
    pub was: f64,
    /// The share after.
    pub is: f64,
}

impl Change {
    fn size(&self) -> f64 {
        (self.is - self.was).abs()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(counts: &[(&str, Option<Ending>, u64)]) -> Summary {
        let mut summary = Summary::default();
        for (server, ending, count) in counts {
            for _ in 0..*count {
                summary.count(server.parse().expect("an address"), *ending);
            }
        }
        summary
    }

    #[test]
    fn the_worst_come_first_and_open_is_not_bad() {
        let (good, reset, open) = (Some(Ending::Graceful), Some(Ending::Reset), Some(Ending::Open));
        let summary = filled(&[
            ("10.0.0.1:80", good, 5),
            ("10.0.0.1:80", reset, 2),
            ("10.0.0.2:80", reset, 2),
            ("10.0.1.3:22", open, 9),
            ("[2001:db8:1:2::3]:22", None, 1),
        ]);
        assert_eq!((summary.all().connections(), summary.all().bad()), (19, 4));
        let names = |kind| summary.worst(kind).iter().map(|(group, _)| group.to_string()).collect::<Vec<_>>();
        assert_eq!(names(Kind::Port), ["80", "22"]);
        assert_eq!(
            names(Kind::Server),
            ["10.0.0.2:80", "10.0.0.1:80", "[2001:db8:1:2::3]:22", "10.0.1.3:22"]
        );
        assert_eq!(names(Kind::Prefix), ["10.0.0.0/24", "2001:db8:1::/48", "10.0.1.0/24"]);
    }

    #[test]
    fn a_change_is_that_of_a_share() {
        let (good, reset) = (Some(Ending::Graceful), Some(Ending::Reset));
        let before =
            filled(&[("10.0.0.1:5432", good, 999), ("10.0.0.1:5432", reset, 1), ("10.0.0.1:22", good, 5)]);
        let after =
            filled(&[("10.0.0.1:5432", good, 93), ("10.0.0.1:5432", reset, 7), ("10.0.0.1:80", good, 1)]);
        let changes = before.compare(&after, Kind::Port, 0.01);
        let resets = changes
            .iter()
            .find(|change| change.group == Group::Port(5432) && change.ending == reset)
            .expect("it changed");
        assert!((resets.was - 0.001).abs() < 1e-9 && (resets.is - 0.07).abs() < 1e-9);
        assert!(changes.iter().all(|change| !matches!(change.group, Group::Port(22 | 80))));
        assert_eq!(before.only_here(&after, Kind::Port), [Group::Port(22)]);
        assert_eq!(after.only_here(&before, Kind::Port), [Group::Port(80)]);
    }

    #[test]
    fn servers_are_bounded_and_ports_go_on() {
        let mut summary = Summary::default();
        for number in 0..u32::try_from(MOST_GROUPS).expect("it is small") + 10 {
            summary.count((Ipv4Addr::from_bits(0x0a00_0000 + number), 80).into(), Some(Ending::Reset));
        }
        assert_eq!(summary.worst(Kind::Server).len(), MOST_GROUPS);
        assert_eq!(summary.servers_not_kept(), 10);
        assert_eq!(summary.worst(Kind::Port)[0].1.connections(), MOST_GROUPS as u64 + 10);
    }
}
