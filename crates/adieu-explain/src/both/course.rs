//! The two observations of a connection in one frame: the same sides, and positions that mean the same octet.

use super::{
    Point,
    clocks::{self, Clocks, Nearer},
    matching::{self, Link},
    pairing::{Found, PairedBy},
};
use crate::{
    observed::Record,
    segment::Timestamp,
    verdict::{Actor, Side},
};

/// One capture's records of the connection.
#[derive(Debug)]
pub(super) struct View {
    /// In the order of time. Side 0 is the client, and positions are those of capture A.
    pub(super) records: Vec<Record>,
    /// What each is in the other capture.
    pub(super) links: Vec<Link>,
    /// When the capture ran, as far as its frames show.
    pub(super) ran: (Timestamp, Timestamp),
    /// Between which times its segments were not kept.
    pub(super) blind: Option<(Timestamp, Timestamp)>,
    pub(super) not_kept: u64,
}

/// Both captures of a connection.
#[derive(Debug)]
pub(super) struct Course {
    pub(super) views: [View; 2],
    pub(super) nearer: Nearer,
    pub(super) clocks: Option<Clocks>,
    /// What times are compared with: the same, or a rough estimate.
    times: Option<Clocks>,
    /// What is added to the sequence numbers of client and server between A and B.
    pub(super) offsets: [u32; 2],
    /// Which end of the connection is the client, in A and in B.
    pub(super) clients: [usize; 2],
    /// The longest one-way time of each side's segments, in nanoseconds.
    slowest: [i64; 2],
}

impl Course {
    pub(super) fn new(found: &Found, ran: [(Timestamp, Timestamp); 2]) -> Self {
        let clients = clients(found);
        let identities = found.seen.each_ref().map(|seen| &seen.identity);
        let offset = |side: usize| {
            let [a, b] = identities.map(|identity| identity.numbers[side]);
            a.zip(b).map_or(0, |(a, b)| b.wrapping_sub(a))
        };
        let offsets = if found.by == PairedBy::Stream { [0; 2] } else { [offset(0), offset(1)] };
        let traces = found.seen.each_ref().map(|seen| seen.finished.connection.trace());
        let mut views = [0, 1].map(|point: usize| {
            let Some(trace) = traces[point] else { return View::empty(ran[point]) };
            // What makes a position of B one of A.
            let shifts = [0, 1].map(|side: usize| {
                let origins = [0, 1].map(|at: usize| traces[at]?.origin(side_of(clients[at], side)));
                match origins {
                    [Some(a), Some(b)] if point == 1 => {
                        #[expect(
                            clippy::cast_possible_wrap,
                            reason = "a difference of sequence numbers has a sign"
                        )]
                        let shift = b.wrapping_sub(offsets[side]).wrapping_sub(a) as i32;
                        i64::from(shift)
                    }
                    _ => 0,
                }
            });
            let mut records: Vec<Record> = trace
                .records()
                .map(|one| {
                    let from = side_of(clients[point], usize::from(one.from));
                    Record {
                        from: u8::from(from == 1),
                        position: one.position + shifts[from],
                        acknowledged: one.acknowledged + shifts[1 - from],
                        ..*one
                    }
                })
                .collect();
            records.sort_by_key(|one| one.time);
            let (blind, not_kept) = (trace.blind(), trace.not_kept());
            View { records, links: Vec::new(), ran: ran[point], blind, not_kept }
        });
        let [a, b] = matching::links(views.each_ref().map(|view| &view.records[..]));
        let (nearer, clocks, times) = clocks::compare(&views[0].records, &views[1].records, &a);
        (views[0].links, views[1].links) = (a, b);
        let mut course = Self { views, nearer, clocks, times, offsets, clients, slowest: [0; 2] };
        course.slowest = [0, 1].map(|side| course.one_way(side).max().unwrap_or(0).max(0));
        course.doubt_resets();
        course
    }

    /// A reset in the one capture can look the same as another one in the other: it has no clock, and often no identification. One
    /// that would have taken longer than every other segment, or less than no time, is perhaps another.
    fn doubt_resets(&mut self) {
        const MOMENT: i64 = 2_000_000;
        let usual = [0, 1].map(|side| {
            let fastest = self.one_way_of(side, false).min()?.saturating_sub(MOMENT);
            Some(fastest..=self.one_way_of(side, false).max()?.saturating_add(MOMENT))
        });
        for at in 0..self.views[0].records.len() {
            let record = &self.views[0].records[at];
            let Link::One { other, sure: true, .. } = self.views[0].links[at] else { continue };
            if !record.flags.rst() || record.ip_id != 0 {
                continue;
            }
            let fits = self.clocks.zip(self.upstream(record.from)).is_some_and(|(clocks, upstream)| {
                let at_b = clocks.across(Point::A, record.time).as_nanoseconds();
                let took = self.views[1].records[other].time.as_nanoseconds().saturating_sub(at_b);
                let took = if upstream == Point::A { took } else { took.saturating_neg() };
                // The error of the clocks' difference is the same in all of them.
                usual[usize::from(record.from)].as_ref().is_some_and(|usual| usual.contains(&took))
            });
            if !fits {
                self.views[0].links[at] = Link::One { other, sure: false, counted: false };
                self.views[1].links[other] = Link::One { other: at, sure: false, counted: false };
            }
        }
    }

    pub(super) const fn view(&self, point: Point) -> &View {
        &self.views[point.index()]
    }

    /// Which capture a segment of `from` passes first. `None`: it is not known.
    pub(super) fn upstream(&self, from: u8) -> Option<Point> {
        let (nearer, _) = self.nearer?;
        Some(if from == 0 { nearer } else { nearer.other() })
    }

    /// When `point` saw the first segment that the other capture has too.
    pub(super) fn began(&self, point: Point) -> Option<Timestamp> {
        let view = self.view(point);
        let both = view.links.iter().position(|link| link.first().is_some_and(|(_, sure)| sure))?;
        Some(view.records[both].time)
    }

    /// A time of `point`'s clock by the other capture's.
    pub(super) fn across(&self, point: Point, time: Timestamp) -> Option<Timestamp> {
        self.times.map(|clocks| clocks.across(point, time))
    }

    /// The shortest round trip between the captures, in nanoseconds. `None`: it is not known.
    pub(super) fn round_trip(&self) -> Option<i64> {
        self.clocks.filter(|clocks| clocks.drift.is_none()).map(|clocks| clocks.uncertainty.saturating_mul(2))
    }

    /// How far times of the two captures may be wrong against each other, in nanoseconds.
    pub(super) fn uncertainty(&self) -> i64 {
        self.times.map_or(i64::MAX / 4, |clocks| clocks.uncertainty)
    }
}

impl Course {
    /// The one-way times of a side's segments that both captures have beyond doubt, in nanoseconds. They are as uncertain as
    /// the clocks are.
    pub(super) fn one_way(&self, from: u8) -> impl Iterator<Item = i64> {
        self.one_way_of(from, true)
    }

    fn one_way_of(&self, from: u8, resets: bool) -> impl Iterator<Item = i64> {
        let upstream = self.upstream(from);
        let [a, b] = &self.views;
        let those = a
            .records
            .iter()
            .zip(&a.links)
            .filter(move |(one, _)| one.from == from && (resets || !one.flags.rst()));
        those.filter_map(move |(one, link)| {
            let (Some((other, true)), Some(upstream), true) = (link.first(), upstream, self.clocks.is_some())
            else {
                return None;
            };
            let at_b = self.across(Point::A, one.time)?.as_nanoseconds();
            let took = b.records[other].time.as_nanoseconds().saturating_sub(at_b);
            Some(if upstream == Point::A { took } else { took.saturating_neg() })
        })
    }

    /// The longest of them.
    pub(super) fn slowest(&self, from: u8) -> i64 {
        self.slowest[usize::from(from)]
    }
}

impl View {
    fn empty(ran: (Timestamp, Timestamp)) -> Self {
        Self { records: Vec::new(), links: Vec::new(), ran, blind: None, not_kept: 0 }
    }
}

/// The end of a connection that is side `side`, or the other way round: turning twice changes nothing.
const fn side_of(client: usize, side: usize) -> usize {
    side ^ client
}

/// Which end is the client in each capture. A capture that begins midstream may have taken the sides for each other.
fn clients(found: &Found) -> [usize; 2] {
    let [a, b] = &found.seen;
    let mut clients = [a.client, b.client];
    let ends = [a, b].map(|seen| seen.finished.connection.ends());
    let place = |in_ends: [std::net::SocketAddr; 2], end| in_ends.iter().position(|one| *one == end);
    if a.roles >= b.roles {
        if let Some(client) = place(ends[1], ends[0][clients[0]]) {
            clients[1] = client;
        }
    } else if let Some(client) = place(ends[0], ends[1][clients[1]]) {
        clients[0] = client;
    }
    clients
}

/// The side with this number.
pub(super) const fn side(from: u8) -> Side {
    if from == 0 { Side::Client } else { Side::Server }
}

/// The host of the side with this number.
pub(super) const fn host(from: u8) -> Actor {
    if from == 0 { Actor::Client } else { Actor::Server }
}
