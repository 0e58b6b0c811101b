//! What was changed in segments on the way between the two captures.
//!
//! How octets are cut into segments is no change: network cards and kernels do that (offloading). Addresses, ports and
//! sequence numbers are told of the connection as a whole.

use super::{Point, course::Course, matching::Link};
use crate::{
    observed::Record,
    segment::{Checksum, Flags},
    verdict::Side,
};
use serde::Serialize;

/// What was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Changed {
    /// The largest segment size in a SYN.
    Mss,
    /// The window scale in a SYN.
    WindowScale,
    /// The permission of selective acknowledgements in a SYN.
    SackPermitted,
    /// The timestamps option was added or removed.
    Timestamps,
    /// The clock in the timestamps option.
    Clock,
    /// The urgent flag.
    Urgent,
    /// The receive window.
    Window,
    /// The payload.
    Content,
    /// The TCP checksum was right and is wrong: the segment was damaged, and its receiver drops it.
    Checksum,
}

/// One kind of change in one direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// What was changed.
    pub what: Changed,
    /// Who sent the segments.
    pub from: Side,
    /// How many segments.
    pub count: u64,
    /// Frames of the first of them, in A and in B.
    pub frames: [u64; 2],
    /// The value before, in the first of them. `None`: the option was not there, or it has no value.
    pub before: Option<u32>,
    /// The value after.
    pub after: Option<u32>,
}

/// All changes, by kind and direction. Where it is not known which capture comes first, A is taken as the one before.
pub(super) fn changes(course: &Course) -> Vec<Change> {
    let [a, b] = &course.views;
    let mut changes: Vec<Change> = Vec::new();
    for (one, link) in a.records.iter().zip(&a.links) {
        let Link::One { other, sure: true, .. } = *link else { continue };
        let other = &b.records[other];
        let frames = [one.frame, other.frame];
        let (first, second) =
            if course.upstream(one.from) == Some(Point::B) { (other, one) } else { (one, other) };
        each(first, second, &mut |what, before, after| {
            let from = super::course::side(one.from);
            match changes.iter_mut().find(|known| known.what == what && known.from == from) {
                Some(known) => known.count += 1,
                None => changes.push(Change { what, from, count: 1, frames, before, after }),
            }
        });
    }
    changes.sort_by_key(|change| (change.from == Side::Server, change.what));
    changes
}

fn each(first: &Record, second: &Record, changed: &mut impl FnMut(Changed, Option<u32>, Option<u32>)) {
    let mut compare = |what, before: Option<u32>, after: Option<u32>| {
        if before != after {
            changed(what, before, after);
        }
    };
    if first.flags.syn() {
        compare(Changed::Mss, first.mss.map(u32::from), second.mss.map(u32::from));
        compare(Changed::WindowScale, first.window_scale.map(u32::from), second.window_scale.map(u32::from));
        compare(
            Changed::SackPermitted,
            first.sack_permitted.then_some(1),
            second.sack_permitted.then_some(1),
        );
    }
    let clock = |one: &Record| one.timestamps.map(|timestamps| timestamps.value);
    if clock(first).is_some() == clock(second).is_some() {
        compare(Changed::Clock, clock(first), clock(second));
    } else {
        compare(Changed::Timestamps, clock(first), clock(second));
    }
    let urgent = |one: &Record| Some(u32::from(one.flags.contains(Flags::URG)));
    compare(Changed::Urgent, urgent(first), urgent(second));
    compare(Changed::Window, Some(first.window.into()), Some(second.window.into()));
    if first.captured == second.captured && first.content != second.content {
        changed(Changed::Content, None, None);
    }
    if second.checksum == Checksum::Bad && matches!(first.checksum, Checksum::Good | Checksum::NotFilled) {
        changed(Changed::Checksum, None, None);
    }
}
