//! Which connections are printed, and which of their segments count.
//!
//! Addresses and ports are asked of each segment, so what is not wanted costs no memory. Times and endings are asked of a whole
//! connection: it would look cut otherwise.

use super::arguments::{Args, Only};
use adieu_explain::both::Comparison;
use adieu_explain::format::rfc3339;
use adieu_explain::packet::Packet;
use adieu_explain::segment::{Checksum, Segment, Timestamp};
use adieu_explain::verdict::{Ending, Verdict};
use clap::ValueEnum;
use ipnet::IpNet;
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

    /// Whether connections with these addresses and ports are wanted.
    pub(super) fn wants_segment(&self, segment: &Segment<'_>) -> bool {
        self.wants_addresses(segment.source, segment.destination)
    }

    /// The same.
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
        self.wants_time(verdict) && self.wants_ending(verdict.ending.value().copied())
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
