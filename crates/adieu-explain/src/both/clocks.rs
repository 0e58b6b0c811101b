//! How far the clocks of the two captures are apart, and which of them is nearer to the client.
//!
//! A segment cannot arrive before it was sent. So each segment that both captures have bounds the difference of the clocks
//! on one side, and those of the other direction bound it on the other side: the handshake alone gives NTP's formula
//! (RFC 5905, 8), and every later pair that was faster makes the bound closer.

use super::{Point, matching::Link};
use crate::{observed::Record, segment::Timestamp, verdict::Grade};

/// Less than this between the captures tells no order: timestamps have microseconds in most captures. In nanoseconds.
const GRANULARITY: i64 = 2_000;

/// How many pairs of each direction, from the first on, say which capture is nearer: few, so that no clock drifts meanwhile.
const FIRST: usize = 20;

/// No clock runs so much faster than another: one was set meanwhile. In parts per billion. Quartzes differ by a tenth of a
/// thousandth, and NTP slews by half of one.
const FASTEST_CLOCK: u128 = 10_000_000;

/// How the clocks of the two captures lie to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clocks {
    /// What the clock of capture B shows more than that of capture A, in nanoseconds, at the middle of the connection.
    pub offset: i64,
    /// The true offset lies at most this far from `offset`, in nanoseconds.
    pub uncertainty: i64,
    /// How much faster the clock of capture B runs, in parts per billion. `None`: no drift is seen.
    pub drift: Option<i64>,
    /// Whether the handshake is among the pairs.
    pub by_handshake: bool,
    /// How many segments are in both captures beyond doubt.
    pub pairs: u64,
    /// Where `offset` holds if there is drift, by the clock of A.
    middle: i64,
}

impl Clocks {
    /// What the clock of B showed when that of A showed `time`, in nanoseconds.
    fn at(&self, time: i64) -> i64 {
        let drifted = self.drift.map_or(0, |drift| {
            let since = i128::from(time) - i128::from(self.middle);
            i64::try_from(since.saturating_mul(drift.into()) / 1_000_000_000).unwrap_or(0)
        });
        self.offset.saturating_add(drifted)
    }

    /// The time `time` of the clock of `point`, by the other capture's clock.
    pub(super) fn across(&self, point: Point, time: Timestamp) -> Timestamp {
        let time = time.as_nanoseconds();
        Timestamp::from_nanoseconds(match point {
            Point::A => time.saturating_add(self.at(time)),
            Point::B => time.saturating_sub(self.at(time.saturating_sub(self.offset))),
        })
    }
}

/// A segment that both captures have: when each of them saw it.
#[derive(Clone, Copy, Debug)]
struct Sample {
    a: i64,
    /// B's time less A's.
    difference: i64,
}

/// Which capture is nearer to the client, and how sure that is.
pub(super) type Nearer = Option<(Point, Grade)>;

/// One-way times are less than this, in nanoseconds: what is assumed where segments of one direction alone are in both.
const LONGEST: i64 = 1_000_000_000;

/// What the linked records say of the clocks.
///
/// The last is what to compare times with where the first cannot be had: an estimate that is wrong by up to a second.
pub(super) fn compare(
    a: &[Record],
    b: &[Record],
    links: &[Link],
) -> (Nearer, Option<Clocks>, Option<Clocks>) {
    let mut samples: [Vec<Sample>; 2] = [Vec::new(), Vec::new()];
    let mut syns = [false; 2];
    for (one, link) in a.iter().zip(links) {
        let Some((other, true)) = link.first() else { continue };
        // Bare acknowledgements and resets without an identity of their own may be others that look the same.
        let has_identity = one.ip_id != 0 || one.timestamps.is_some() || one.length() > 0;
        if one.flags.rst() || !has_identity {
            continue;
        }
        let (time, other) = (one.time.as_nanoseconds(), &b[other]);
        let difference = other.time.as_nanoseconds().saturating_sub(time);
        let side = usize::from(one.from);
        samples[side].push(Sample { a: time, difference });
        syns[side] |= one.flags.syn();
    }
    let nearer = by_time(&samples).or_else(|| by_hops(a, b, links));
    let clocks = nearer.and_then(|(point, _)| clocks(&samples, point, syns == [true; 2]));
    let rough = || {
        let all = samples.iter().flatten().map(|sample| sample.difference);
        let offset = all.clone().min()?;
        let spread = all.max()?.saturating_sub(offset);
        let uncertainty = LONGEST.saturating_add(spread);
        Some(Clocks { offset, uncertainty, drift: None, by_handshake: false, pairs: 0, middle: 0 })
    };
    (nearer, clocks, clocks.or_else(rough))
}

/// By the time between a segment and its answer: it is longer nearer to whom is answered.
fn by_time(samples: &[Vec<Sample>; 2]) -> Nearer {
    let first = samples.each_ref().map(|samples| &samples[..samples.len().min(FIRST)]);
    let wide = |point| bounds(first, point).is_some_and(|(low, high)| high.saturating_sub(low) > GRANULARITY);
    match (wide(Point::A), wide(Point::B)) {
        (true, false) => Some((Point::A, Grade::Concluded)),
        (false, true) => Some((Point::B, Grade::Concluded)),
        _ => None,
    }
}

/// By the hop limits: each hop takes one.
fn by_hops(a: &[Record], b: &[Record], links: &[Link]) -> Nearer {
    let mut votes = [false; 2];
    for (one, link) in a.iter().zip(links) {
        let Some((other, true)) = link.first() else { continue };
        if one.hop_limit == b[other].hop_limit {
            continue;
        }
        let nearer_to_sender_is_a = one.hop_limit > b[other].hop_limit;
        let nearer = usize::from(nearer_to_sender_is_a != (one.from == 0));
        votes[nearer] = true;
    }
    match votes {
        [true, false] => Some((Point::A, Grade::Concluded)),
        [false, true] => Some((Point::B, Grade::Concluded)),
        _ => None,
    }
}

/// The lowest and the highest difference of the clocks that no pair contradicts, if `nearer` is nearer to the client.
fn bounds(samples: [&[Sample]; 2], nearer: Point) -> Option<(i64, i64)> {
    let [client, server] = samples.map(|samples| samples.iter().map(|sample| sample.difference));
    let (low, high) = match nearer {
        Point::A => (server.max()?, client.min()?),
        Point::B => (client.max()?, server.min()?),
    };
    Some((low, high))
}

fn clocks(samples: &[Vec<Sample>; 2], nearer: Point, by_handshake: bool) -> Option<Clocks> {
    let all = samples.each_ref().map(Vec::as_slice);
    let pairs = all.iter().map(|samples| samples.len() as u64).sum();
    let estimate = |(low, high): (i64, i64)| {
        let width = high.saturating_sub(low);
        (low.saturating_add(width / 2), width / 2 + width % 2)
    };
    let (low, high) = bounds(all, nearer)?;
    // Timestamps that are cut to microseconds may contradict each other by two of them.
    if high.saturating_sub(low) >= -GRANULARITY {
        let (offset, uncertainty) = estimate((low.min(high), high.max(low)));
        return Some(Clocks { offset, uncertainty, drift: None, by_handshake, pairs, middle: 0 });
    }
    // No one difference fits all pairs: the clocks run at different speeds, or one was set.
    let begin = all.iter().filter_map(|samples| samples.first()).map(|one| one.a).min()?;
    let end = all.iter().filter_map(|samples| samples.last()).map(|one| one.a).max()?;
    let half = begin.saturating_add(end.saturating_sub(begin) / 2);
    let parts = [0, 1].map(|part| {
        all.map(|samples| {
            let at = samples.partition_point(|sample| sample.a <= half);
            if part == 0 { &samples[..at] } else { &samples[at..] }
        })
    });
    let mut estimates = Vec::new();
    for part in parts {
        let (low, high) = bounds(part, nearer).filter(|(low, high)| low <= high)?;
        let (offset, uncertainty) = estimate((low, high));
        let times = part.iter().flat_map(|samples| samples.iter().map(|sample| sample.a));
        let (first, last) = (times.clone().min()?, times.max()?);
        estimates.push((first.saturating_add(last.saturating_sub(first) / 2), offset, uncertainty));
    }
    let [(early, first, one), (late, second, two)] = estimates[..] else { return None };
    let apart = i128::from(late) - i128::from(early);
    let change = second.saturating_sub(first);
    let drift = i128::from(change) * 1_000_000_000 / apart.max(1);
    if drift.unsigned_abs() > FASTEST_CLOCK {
        return None;
    }
    Some(Clocks {
        offset: first.saturating_add(change / 2),
        uncertainty: one.max(two).saturating_add(change.saturating_abs() / 2),
        drift: Some(i64::try_from(drift).ok()?),
        by_handshake,
        pairs,
        middle: early.saturating_add(late.saturating_sub(early) / 2),
    })
}
