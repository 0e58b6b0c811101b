//! Which connections are printed, and which of their segments count.
//!
//! Addresses and ports are asked of each segment, so what is not wanted costs no memory. Times and endings are asked of a whole
//! connection: it would look cut otherwise.

use super::arguments::{Args, Only};
use super::matches::Matches;
use crate::printer::complain;
use adieu_explain::both::Comparison;
use adieu_explain::format::rfc3339;
use adieu_explain::packet::Packet;
use adieu_explain::segment::{Checksum, Segment, Timestamp};
use adieu_explain::verdict::{Ending, Verdict};
use clap::ValueEnum;
use ipnet::IpNet;
use std::cell::RefCell;
use std::net::{IpAddr, SocketAddr};

/// What is wanted. Of each kind one has to fit, and kinds that are empty are not asked for.
pub(super) struct Filter {
    hosts: Vec<IpAddr>,
    networks: Vec<IpNet>,
    ports: Vec<u16>,
    since: Option<Timestamp>,
    until: Option<Timestamp>,
    only: Vec<Only>,
    ignores_checksums: bool,
    matches: RefCell<Matches>,
}

impl Filter {
    pub(super) fn of(args: &Args) -> Self {
        Self {
            hosts: args.host.clone(),
            networks: args.net.clone(),
            ports: args.port.clone(),
            since: args.since,
            until: args.until,
            only: args.only.clone(),
            ignores_checksums: args.ignore_checksums,
            matches: RefCell::default(),
        }
    }

    /// The packet, with a checksum that is not asked about if checksums do not matter.
    pub(super) fn taken<'p>(&self, packet: Packet<'p>) -> Packet<'p> {
        match packet {
            Packet::Tcp(segment) if self.ignores_checksums && segment.checksum == Checksum::Bad => {
                Packet::Tcp(Segment { checksum: Checksum::Unknown, ..segment })
            }
            packet => packet,
        }
    }

    /// What is wanted, each kind in a few words. Empty: everything.
    pub(super) fn words(&self) -> Vec<String> {
        fn any<T>(what: &str, wanted: &[T], word: impl Fn(&T) -> String) -> Option<String> {
            let words: Vec<String> = wanted.iter().map(word).collect();
            (!words.is_empty()).then(|| format!("{what} {}", words.join(" or ")))
        }
        [
            any("the ending", &self.only, |only| {
                only.to_possible_value().map(|value| value.get_name().replace('-', " ")).unwrap_or_default()
            }),
            any("the address", &self.hosts, IpAddr::to_string),
            any("an address of", &self.networks, IpNet::to_string),
            any("the port", &self.ports, u16::to_string),
            self.since.map(|since| format!("a packet at {} or later", rfc3339(since))),
            self.until.map(|until| format!("a packet at {} or earlier", rfc3339(until))),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    /// Whether connections with these addresses and ports are wanted. If not, they are counted.
    pub(super) fn wants_segment(&self, segment: &Segment<'_>) -> bool {
        let is_wanted = self.wants_addresses(segment.source, segment.destination);
        if !is_wanted {
            self.matches.borrow_mut().pass_over(segment);
        }
        is_wanted
    }

    /// Prints on stderr that no connection is wanted of those that it was asked about, unless some are.
    pub(super) fn complain_of_none(&self) {
        if let Some(none) = self.matches.borrow().none_of(&self.options()) {
            complain(&none);
        }
    }

    /// What is wanted, as the options say it.
    fn options(&self) -> String {
        fn listed<T>(name: &str, wanted: &[T], word: impl Fn(&T) -> String) -> Option<String> {
            let words: Vec<String> = wanted.iter().map(word).collect();
            (!words.is_empty()).then(|| format!("{name} {}", words.join(",")))
        }
        let name = |only: &Only| {
            only.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
        };
        let parts = [
            listed("--only", &self.only, name),
            listed("--host", &self.hosts, IpAddr::to_string),
            listed("--net", &self.networks, IpNet::to_string),
            listed("--port", &self.ports, u16::to_string),
            self.since.map(|since| format!("--since {}", rfc3339(since))),
            self.until.map(|until| format!("--until {}", rfc3339(until))),
        ];
        parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
    }

    /// Whether connections with these addresses and ports are wanted.
    pub(super) fn wants_addresses(&self, source: SocketAddr, destination: SocketAddr) -> bool {
        fn either<T>(wanted: &[T], fits: impl Fn(&T) -> bool) -> bool {
            wanted.is_empty() || wanted.iter().any(fits)
        }
        either(&self.ports, |port| [source.port(), destination.port()].contains(port))
            && either(&self.hosts, |host| [source.ip(), destination.ip()].contains(host))
            && either(&self.networks, |net| net.contains(&source.ip()) || net.contains(&destination.ip()))
    }

    /// Whether a connection is wanted that has ended so.
    pub(super) fn wants(&self, verdict: &Verdict) -> bool {
        let is_wanted = self.wants_time(verdict) && self.wants_ending(verdict.ending.value().copied());
        self.matches.borrow_mut().judged(is_wanted);
        is_wanted
    }

    /// Whether a connection is wanted that is in two captures: by what one of them shows, and by the ending as seen from both.
    pub(super) fn wants_pair(&self, pair: &Comparison) -> bool {
        pair.verdicts.iter().any(|one| self.wants_addresses(one.client, one.server) && self.wants_time(one))
            && self.wants_ending(pair.ending.value().copied())
    }

    fn wants_time(&self, verdict: &Verdict) -> bool {
        self.since.is_none_or(|since| verdict.last.time >= since)
            && self.until.is_none_or(|until| verdict.first.time <= until)
    }

    fn wants_ending(&self, ending: Option<Ending>) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| only.is(ending))
    }
}

impl Only {
    fn is(self, ending: Option<Ending>) -> bool {
        let named = match self {
            Self::NotGraceful => return ending != Some(Ending::Graceful),
            Self::Graceful => Ending::Graceful,
            Self::Reset => Ending::Reset,
            Self::Refused => Ending::Refused,
            Self::NoAnswer => Ending::NoAnswer,
            Self::Truncated => Ending::Truncated,
            Self::Silent => Ending::Silent,
            Self::Open => Ending::Open,
        };
        ending == Some(named)
    }
}
