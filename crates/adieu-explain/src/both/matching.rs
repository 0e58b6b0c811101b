//! Which segment of the one capture is which of the other.
//!
//! A segment is the same where sequence number, length, flags, acknowledgement, timestamps and IP identification are. Boxes
//! and network cards change some of these: identifications, timestamps, and with offloading how the octets are cut into
//! segments. Where several segments of the one capture can be one of the other, the link says that it is not sure.

use crate::{
    observed::Record,
    segment::{Checksum, Flags},
};
use std::{collections::HashMap, hash::Hash};

/// What is known of a segment in the other capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Link {
    /// It is not in it.
    None,
    /// It is in it.
    One {
        /// Its place.
        other: usize,
        /// No other segment can be meant.
        sure: bool,
        /// Both captures have as many that look the same: this one is in both, whichever it is.
        counted: bool,
    },
    /// Its octets are, in segments of other lengths.
    Parts {
        /// The place of the first of them in time.
        first: usize,
        /// No other segment can be meant.
        sure: bool,
    },
    /// Some of its octets are.
    Partly,
}

impl Link {
    /// The segment of the other capture that it was first seen in.
    pub(super) const fn first(self) -> Option<(usize, bool)> {
        match self {
            Self::One { other, sure, .. } | Self::Parts { first: other, sure } => Some((other, sure)),
            Self::None | Self::Partly => None,
        }
    }
}

/// The flags that make a segment what it is. Offloading sets and clears PSH, and routers set ECN's.
const IDENTITY: [Flags; 4] = [Flags::SYN, Flags::FIN, Flags::RST, Flags::ACK];

/// For each record of both captures what it is in the other.
pub(super) fn links(records: [&[Record]; 2]) -> [Vec<Link>; 2] {
    let mut links = records.map(|records| vec![Link::None; records.len()]);
    let key = |one: &Record| {
        let flags = IDENTITY.map(|flag| one.flags.contains(flag));
        let acknowledged = if one.flags.ack() { one.acknowledged } else { 0 };
        (one.from, one.position, one.payload_len, flags, acknowledged)
    };
    // A box between may remove the option.
    let has_clock = |records: &[Record], side: u8| {
        records.iter().any(|one| one.from == side && one.timestamps.is_some() && !one.flags.rst())
    };
    let removed = [0, 1].map(|side| has_clock(records[0], side) != has_clock(records[1], side));
    let clock = |one: &Record| one.timestamps.filter(|_| !removed[usize::from(one.from)]);
    join(records, &mut links, &Sure::IfCounted, |one| {
        (one.ip_id != 0).then(|| (key(one), clock(one).map(|clock| (clock.value, clock.echo)), one.ip_id))
    });
    let identifications = [0, 1].map(|side| identifications(records, &links, side));
    let kept = identifications.map(|one| one == Identifications::Kept);
    let rewritten = identifications.map(|one| one == Identifications::Rewritten);
    let single = |one: &Record| one.ip_id == 0 || rewritten[usize::from(one.from)];
    join(records, &mut links, &Sure::IfSingle(&single), |one| {
        (one.ip_id == 0 || !kept[usize::from(one.from)])
            .then(|| (key(one), clock(one).map(|clock| clock.value)))
    });
    cover(records, &mut links, kept);
    links
}

/// What boxes between do to the IP identifications of a side's packets.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Identifications {
    /// They leave them alone: two packets with different ones are not the same, however alike they are.
    Kept,
    /// They change them: no packet has the same in both captures.
    Rewritten,
    /// Too few packets tell.
    Unclear,
}

fn identifications(records: [&[Record]; 2], links: &[Vec<Link>; 2], side: u8) -> Identifications {
    let count = |point: usize, linked: bool| {
        let own = |at: &usize| records[point][*at].from == side && records[point][*at].ip_id != 0;
        let fits = |at: &usize| (links[point][*at] != Link::None) == linked;
        (0..records[point].len()).filter(own).filter(fits).count()
    };
    let (same, other) = (count(0, true), count(0, false).min(count(1, false)));
    match same {
        0 if other > 3 => Identifications::Rewritten,
        1.. if same >= 3 || same > other => Identifications::Kept,
        _ => Identifications::Unclear,
    }
}

/// When a link between records of the same key is sure.
enum Sure<'a> {
    /// The key tells packets of the same content apart.
    IfCounted,
    /// There is one of it in each capture, and this holds for it.
    IfSingle(&'a dyn Fn(&Record) -> bool),
}

/// Links records that have the same key and no link.
fn join<K: Eq + Hash>(
    records: [&[Record]; 2],
    links: &mut [Vec<Link>; 2],
    sure_if: &Sure<'_>,
    key: impl Fn(&Record) -> Option<K>,
) {
    let mut groups: HashMap<K, [Vec<usize>; 2]> = HashMap::new();
    for (point, records) in records.iter().enumerate() {
        for (at, one) in records.iter().enumerate() {
            if links[point][at] == Link::None
                && let Some(key) = key(one)
            {
                groups.entry(key).or_default()[point].push(at);
            }
        }
    }
    for [a, b] in groups.into_values() {
        let counted = a.len() == b.len();
        let sure = counted
            && match sure_if {
                Sure::IfCounted => true,
                Sure::IfSingle(also) => a.len() == 1 && also(&records[0][a[0]]) && also(&records[1][b[0]]),
            };
        // Which of several did not arrive is not known; that the last did is likelier than that the first did.
        let (skip_a, skip_b) = (a.len().saturating_sub(b.len()), b.len().saturating_sub(a.len()));
        for (one, other) in a.iter().skip(skip_a).zip(b.iter().skip(skip_b)) {
            links[0][*one] = Link::One { other: *other, sure, counted };
            links[1][*other] = Link::One { other: *one, sure, counted };
        }
        if !counted {
            mark_unsure(&a, &b, links);
        }
    }
}

/// A record that has no link because another one of its group took it is not surely missing.
fn mark_unsure(a: &[usize], b: &[usize], links: &mut [Vec<Link>; 2]) {
    for (point, places, others) in [(0, a, b), (1, b, a)] {
        let Some(&other) = others.last() else { continue };
        for &at in places {
            if links[point][at] == Link::None {
                links[point][at] = Link::One { other, sure: false, counted: false };
            }
        }
    }
}

/// Links the octets that are cut into other segments.
fn cover(records: [&[Record]; 2], links: &mut [Vec<Link>; 2], kept: [bool; 2]) {
    let same_moment = |one: &Record, other: &Record| {
        // The first of several parts has the identification of the whole.
        let numbered = kept[usize::from(one.from)] && one.position == other.position;
        let numbered = numbered && one.ip_id != 0 && other.ip_id != 0;
        same_clock(one, other) && (!numbered || one.ip_id == other.ip_id)
    };
    let left = [0, 1].map(|point: usize| {
        let mut places: Vec<usize> = (0..records[point].len())
            .filter(|&at| {
                let one = &records[point][at];
                links[point][at] == Link::None && one.length() > 0 && one.checksum != Checksum::Bad
            })
            .collect();
        places.sort_by_key(|&at| (records[point][at].from, records[point][at].position));
        places
    });
    let longest = left.each_ref().map(|places| (0..2).map(|point| longest(records[point], places)).max());
    for point in 0..2 {
        let other = 1 - point;
        for &at in &left[point] {
            let one = &records[point][at];
            let reach = longest[other].unwrap_or(0);
            let places = overlapping(records[other], &left[other], one, reach);
            let fits: Vec<usize> =
                places.filter(|&place| same_moment(one, &records[other][place])).take(MOST_PARTS).collect();
            if fits.is_empty() {
                continue;
            }
            let covered = union(fits.iter().map(|&place| &records[other][place]), one);
            let first = fits.iter().copied().min_by_key(|&place| records[other][place].time);
            let repeated = overlapping(records[point], &left[point], one, longest[point].unwrap_or(0))
                .any(|place| place != at && same_clock(one, &records[point][place]));
            let twice =
                fits.windows(2).any(|two| records[other][two[0]].end() > records[other][two[1]].position);
            links[point][at] = match first {
                Some(first) if covered == one.length() => {
                    // Without a clock it may be another transmission.
                    let sure = one.timestamps.is_some() && !repeated && !twice;
                    Link::Parts { first, sure }
                }
                _ => Link::Partly,
            };
        }
    }
}

/// How many segments of the one capture are one of the other at most: 64 KiB in segments of 48 octets and more.
const MOST_PARTS: usize = 1400;

fn longest(records: &[Record], places: &[usize]) -> i64 {
    places.iter().filter_map(|&at| records.get(at)).map(Record::length).max().unwrap_or(0)
}

/// The places of those that share octets with `one`, of the same side. `places` are in the order of positions.
fn overlapping<'a>(
    records: &'a [Record],
    places: &'a [usize],
    one: &'a Record,
    longest: i64,
) -> impl Iterator<Item = usize> + 'a {
    let from = places.partition_point(|&at| {
        (records[at].from, records[at].position) <= (one.from, one.position - longest - 1)
    });
    places[from..]
        .iter()
        .copied()
        .take_while(|&at| (records[at].from, records[at].position) < (one.from, one.end()))
        .filter(|&at| records[at].end() > one.position)
}

/// Whether two can be the same octets in flight: the sender's clock was the same, if both tell it.
fn same_clock(one: &Record, other: &Record) -> bool {
    one.timestamps.zip(other.timestamps).is_none_or(|(one, other)| one.value == other.value)
}

/// How many octets of `one` some of `parts` have. `parts` are in the order of positions.
fn union<'a>(parts: impl Iterator<Item = &'a Record>, one: &Record) -> i64 {
    let (mut covered, mut to) = (0, one.position);
    for part in parts {
        let end = part.end().min(one.end());
        covered += (end - part.position.max(to)).max(0);
        to = to.max(end);
    }
    covered
}
