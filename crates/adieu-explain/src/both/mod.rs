//! Two captures of the same connections, taken at two places: what each saw that the other did not.
//!
//! One capture shows what passed one place. Two show what happened between: what was lost, what was changed, and what was
//! made there. [`Both`] is fed with the segments of both captures, pairs their connections, and gives a [`Comparison`] for
//! each that it finds in both. It is a state machine without I/O: the program that reads the captures asks [`Both::behind`] which
//! one to read on, so that both go in step.
//!
//! Memory follows the connections that are open in either capture, and those that wait for their other half. All are
//! bounded by [`Limits`]; what could not be kept is told.
//!
//! Nothing is concluded from the order of the arguments: which capture is nearer to the client is found out from the times
//! between segments and their answers, and from hop limits.

mod changes;
mod clocks;
mod course;
mod fates;
mod json;
mod matching;
mod merged;
mod pairing;
mod words;

pub use self::{
    changes::{Change, Changed},
    clocks::Clocks,
    fates::Fate,
    json::{AloneRecord, PairRecord},
    merged::SharedReset,
    pairing::PairedBy,
    words::{alone_sentence, facts, headline, sentence},
};

use self::{
    course::{Course, side},
    matching::Link,
    pairing::{Found, Seen, Waiting},
};
use crate::{
    observed::{Record, Room},
    segment::{Checksum, Flags, Segment, Timestamp},
    table::{self, Finished, Table},
    verdict::{Claim, Ending, Grade, Side, Verdict},
};
use serde::Serialize;
use std::net::SocketAddr;

/// One of the two captures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Point {
    /// The first.
    A,
    /// The second.
    B,
}

impl Point {
    /// The other capture.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }

    /// Its place in pairs of values: 0 or 1.
    pub const fn index(self) -> usize {
        match self {
            Self::A => 0,
            Self::B => 1,
        }
    }

    /// `A` or `B`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::A => "A",
            Self::B => "B",
        }
    }
}

/// How much is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// What the table of each capture may hold.
    pub table: table::Limits,
    /// How many connections of each capture that are over wait for their other half. After the end of a capture those wait too
    /// that it left open.
    pub waiting: usize,
    /// How many segments are kept at once, of all connections of both captures. One takes 80 bytes.
    pub segments: usize,
}

impl Default for Limits {
    /// 100,000 connections of each capture are followed, of which 20,000 need not be open yet; 20,000 that are over wait; and a
    /// million segments are kept: about 80 MB.
    fn default() -> Self {
        let table = table::Limits { opening: 20_000, ..table::Limits::default() };
        Self { table, waiting: 20_000, segments: 1_000_000 }
    }
}

/// What was found out about a connection.
#[derive(Clone, Debug)]
pub enum Told {
    /// It is in both captures.
    Pair(Box<Comparison>),
    /// It is in one of them.
    Alone(Box<Alone>),
}

/// A connection that only one capture has.
#[derive(Clone, Debug)]
pub struct Alone {
    /// The capture that has it.
    pub point: Point,
    /// What that capture says of it.
    pub verdict: Verdict,
    /// Why the other capture does not have it.
    pub why: WhyAlone,
    /// Whether this capture is nearer to the clients, as it is in all connections that are in both.
    pub nearer_to_client: bool,
}

/// Why a connection was found in one capture only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum WhyAlone {
    /// The other capture ran at that time, and has no connection with these sequence numbers.
    NotThere,
    /// The same, but no other connection says how the clocks of the captures lie to each other: it may not have run then.
    ClocksUnknown,
    /// The other capture did not run then.
    NotRunning,
    /// The other capture has no frame at all.
    NoFrames,
    /// The beginning is not in the capture, so the sequence numbers cannot be compared.
    NoBeginning,
    /// Several connections of the other capture fit.
    Ambiguous,
    /// Too many connections waited for their other half.
    NotKept,
    /// A program drew its segments from its calls, and none of them was on a wire.
    Drawn,
}

/// What passed in one direction, as both captures have it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Way {
    /// Segments that passed the first capture on their way.
    pub segments: u64,
    /// Segments that are in both. One that was cut into several counts once.
    pub in_both: u64,
    /// Segments that were lost between.
    pub lost: u64,
    /// Octets of them.
    #[serde(rename = "lost_bytes")]
    pub lost_octets: u64,
    /// Segments that the second capture missed, although they passed there.
    pub missed_by_second: u64,
    /// Segments that were lost, or missed by the second capture.
    pub lost_or_missed: u64,
    /// Segments that the first capture missed, although they passed there.
    pub missed_by_first: u64,
    /// Segments that something between the two made.
    pub injected: u64,
    /// Segments that something between made, or the first capture missed.
    pub injected_or_missed: u64,
    /// Acknowledgements that something between the two made before the octets had arrived.
    pub acknowledged_between: u64,
    /// Segments that could not be compared.
    pub not_compared: u64,
    /// Octets, and a FIN, that passed the first capture and never came to the second one, not even sent again: those after the
    /// last that came.
    #[serde(rename = "missing_at_end_bytes")]
    pub missing_at_end: u64,
    /// The shortest one-way time, in nanoseconds. `None`: the clocks are not aligned.
    #[serde(rename = "fastest_ns")]
    pub fastest: Option<i64>,
    /// The longest.
    #[serde(rename = "slowest_ns")]
    pub slowest: Option<i64>,
    /// By how much the hop limit is less at the second capture: the hops between. `None`: no segment is in both.
    pub hops: Option<i16>,
    /// The octets do not have the same numbers in both: something between adds or removes some.
    pub diverged: bool,
}

/// A segment, with what became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Passage {
    /// Who sent it, by its addresses.
    pub from: Side,
    /// Its frame in A and in B. Of one that was cut into several, the first. `None`: it is not in it.
    pub frames: [Option<u64>; 2],
    /// When A saw it, or would have by its clock, since the first segment in nanoseconds. `None`: the clocks are not aligned.
    pub at: Option<i64>,
    /// The one-way time, in nanoseconds.
    pub took: Option<i64>,
    /// Its flags.
    pub flags: Flags,
    /// Octets of its payload.
    pub payload_len: u32,
    /// What became of it.
    pub fate: Fate,
    /// How sure that is.
    pub grade: Grade,
}

/// A connection as both captures have it.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// What each capture says of it.
    pub verdicts: [Verdict; 2],
    /// Client and server, with their addresses in A and in B.
    pub ends: [[SocketAddr; 2]; 2],
    /// By what the two were found to be one connection.
    pub paired_by: PairedBy,
    /// How sure that is.
    pub paired: Grade,
    /// What is added to the sequence numbers of client and server between A and B.
    pub number_offsets: [u32; 2],
    /// Which capture is nearer to the client. `None`: it cannot be told.
    pub nearer_to_client: Option<Point>,
    /// How the clocks lie. `None`: too few segments are in both, or one clock was set meanwhile.
    pub clocks: Option<Clocks>,
    /// How it ended: unknown where the two captures contradict each other.
    pub ending: Claim<Ending>,
    /// Whether both captures show the same ending.
    pub agree: bool,
    /// The RSTs of both captures.
    pub resets: Vec<SharedReset>,
    /// From the client to the server, and back.
    pub ways: [Way; 2],
    /// What was changed on the way.
    pub changes: Vec<Change>,
    /// Every segment that was kept, in the order of A's clock.
    pub passages: Vec<Passage>,
    /// How many segments of A and of B were not kept.
    pub not_kept: [u64; 2],
}

impl Comparison {
    /// Whether addresses or ports of the client, and of the server, were translated between the two.
    pub fn translated(&self) -> [bool; 2] {
        self.ends.map(|[a, b]| a != b)
    }

    /// What the capture nearer to the client says, and the other: that of A first where this is not known.
    pub fn verdict(&self, point: Point) -> &Verdict {
        &self.verdicts[point.index()]
    }

    /// The capture nearer to `side`.
    pub fn nearer_to(&self, side: Side) -> Option<Point> {
        self.nearer_to_client.map(|point| if side == Side::Client { point } else { point.other() })
    }
}

/// Compares two captures.
pub struct Both {
    limits: Limits,
    tables: [Option<Table>; 2],
    /// When each capture ran, as far as its frames show.
    ran: [Option<(Timestamp, Timestamp)>; 2],
    waiting: Waiting,
    /// What the clock of B shows more than that of A, in nanoseconds, by the last pair.
    offset: Option<i64>,
    /// In how many connections A, and B, was nearer to the client.
    nearer: [u64; 2],
    not_kept: u64,
}

impl Both {
    /// Nothing has come yet.
    pub fn new(limits: Limits) -> Self {
        let room = Room::new(limits.segments);
        let table = || Some(Table::traced(limits.table, room.clone()));
        Self {
            limits,
            tables: [table(), table()],
            ran: [None; 2],
            waiting: Waiting::default(),
            offset: None,
            nearer: [0; 2],
            not_kept: 0,
        }
    }

    /// Which capture to read on: the one that is behind, by what is known of the clocks. `None`: both have ended.
    pub fn behind(&self) -> Option<Point> {
        match (&self.tables[0], &self.tables[1]) {
            (None, None) => None,
            (Some(_), None) => Some(Point::A),
            (None, Some(_)) => Some(Point::B),
            (Some(_), Some(_)) => {
                let now = |point: Point| self.ran[point.index()].map(|(_, now)| now.as_nanoseconds());
                let (a, b) = (now(Point::A), now(Point::B));
                let a = a.map(|a| a.saturating_add(self.offset.unwrap_or(0)));
                Some(if a <= b { Point::A } else { Point::B })
            }
        }
    }

    /// A capture has a frame of that time, of whatever kind.
    pub fn frame(&mut self, point: Point, time: Timestamp) {
        let ran = &mut self.ran[point.index()];
        *ran = Some(ran.map_or((time, time), |(from, to)| (from.min(time), to.max(time))));
    }

    /// Takes in a segment of a capture.
    pub fn observe(&mut self, point: Point, segment: &Segment<'_>, told: &mut impl FnMut(Told)) {
        self.frame(point, segment.time);
        let mut over = Vec::new();
        if let Some(table) = &mut self.tables[point.index()] {
            table.observe(segment, &mut |finished| over.push(finished));
        }
        for finished in over {
            self.take_in(point, finished, told);
        }
    }

    /// A capture has ended.
    pub fn end(&mut self, point: Point, told: &mut impl FnMut(Told)) {
        if let Some(table) = self.tables[point.index()].take() {
            table.finish(&mut |finished| self.take_in(point, finished, told));
        }
    }

    /// Both captures have ended: gives the rest. How many connections were not compared, because too many waited, comes back.
    pub fn finish(mut self, told: &mut impl FnMut(Told)) -> u64 {
        for point in [Point::A, Point::B] {
            self.end(point, told);
        }
        let (found, left) = std::mem::take(&mut self.waiting).settle();
        for one in found {
            let pair = self.compare(&one);
            // What was only likely has to fit in the course of the octets too.
            if one.grade == Grade::Hinted && pair.ways.iter().any(|way| way.diverged) {
                for (point, seen) in [Point::A, Point::B].into_iter().zip(one.seen) {
                    told(self.alone(point, &seen, WhyAlone::NotThere));
                }
            } else {
                told(Told::Pair(Box::new(pair)));
            }
        }
        for (point, seen, ambiguous) in left {
            let why = if ambiguous { WhyAlone::Ambiguous } else { self.why_alone(point, &seen) };
            told(self.alone(point, &seen, why));
        }
        self.not_kept
    }

    /// How many connections have left a table because there were too many, in A and in B.
    pub fn evicted(&self) -> [u64; 2] {
        self.tables.each_ref().map(|table| table.as_ref().map_or(0, Table::evicted))
    }

    fn take_in(&mut self, point: Point, finished: Finished, told: &mut impl FnMut(Told)) {
        let seen = Seen::new(finished);
        if seen.finished.connection.drawn {
            told(self.alone(point, &seen, WhyAlone::Drawn));
            return;
        }
        if let Some(found) = self.waiting.arrive(point, seen) {
            told(Told::Pair(Box::new(self.compare(&found))));
        }
        // Those that a capture leaves open at its end have given up their places in the table for those here.
        let was_open = if self.tables[point.index()].is_none() { self.limits.table.connections } else { 0 };
        while self.waiting.len(point) > self.limits.waiting + was_open {
            let Some(seen) = self.waiting.take_first(point) else { break };
            self.not_kept += 1;
            told(self.alone(point, &seen, WhyAlone::NotKept));
        }
    }

    fn compare(&mut self, found: &Found) -> Comparison {
        let nothing = (Timestamp::EPOCH, Timestamp::EPOCH);
        let course = Course::new(found, self.ran.map(|ran| ran.unwrap_or(nothing)));
        if let Some(clocks) = course.clocks {
            self.offset = Some(clocks.offset);
        }
        if let Some((point, _)) = course.nearer {
            self.nearer[point.index()] += 1;
        }
        comparison(found, &course)
    }

    fn alone(&self, point: Point, seen: &Seen, why: WhyAlone) -> Told {
        let nearer_to_client = self.nearer[point.index()] > 0 && self.nearer[point.other().index()] == 0;
        Told::Alone(Box::new(Alone { point, verdict: seen.judge(), why, nearer_to_client }))
    }

    fn why_alone(&self, point: Point, seen: &Seen) -> WhyAlone {
        let Some((from, to)) = self.ran[point.other().index()] else { return WhyAlone::NoFrames };
        if seen.identity.numbers[0].is_none() {
            return WhyAlone::NoBeginning;
        }
        let Some(offset) = self.offset else { return WhyAlone::ClocksUnknown };
        let offset = if point == Point::A { offset } else { offset.saturating_neg() };
        let across = |time: Timestamp| time.as_nanoseconds().saturating_add(offset);
        let ran = from.as_nanoseconds()..=to.as_nanoseconds();
        if ran.contains(&across(seen.finished.connection.first().time)) {
            WhyAlone::NotThere
        } else {
            WhyAlone::NotRunning
        }
    }
}

fn comparison(found: &Found, course: &Course) -> Comparison {
    let diverged = [0, 1].map(|side| fates::diverged(course, side));
    let verdicts = found.seen.each_ref().map(Seen::judge);
    let fates = fates::fates(course, verdicts.each_ref(), diverged);
    let passages = passages(course, &fates);
    let mut ways = [Way::default(); 2];
    for (side, way) in ways.iter_mut().enumerate() {
        *way = count(course, &passages, side, diverged[side]);
    }
    let ends = [0, 1].map(|side: usize| {
        [0, 1].map(|point: usize| found.seen[point].finished.connection.ends()[course.clients[point] ^ side])
    });
    let resets = merged::resets(course, &fates, &verdicts);
    let (ending, agree) = merged::ending(course, &verdicts, &resets);
    Comparison {
        verdicts,
        ends,
        paired_by: found.by,
        paired: found.grade,
        number_offsets: course.offsets,
        nearer_to_client: course.nearer.map(|(point, _)| point),
        clocks: course.clocks,
        ending,
        agree,
        resets,
        ways,
        changes: changes::changes(course),
        passages,
        not_kept: course.views.each_ref().map(|view| view.not_kept),
    }
}

/// Every record of A, and those of B that A does not have.
fn passages(course: &Course, fates: &[Vec<fates::Judged>; 2]) -> Vec<Passage> {
    let [a, b] = &course.views;
    let mut passages: Vec<(Option<Timestamp>, Passage)> = Vec::new();
    for (point, view) in [(Point::A, a), (Point::B, b)] {
        for (at, record) in view.records.iter().enumerate() {
            // What was cut differently is told where it was whole on its way: by the capture that it passed first.
            let first = course.upstream(record.from).unwrap_or(Point::A);
            let (link, judged) = (view.links[at], fates[point.index()][at]);
            if point != first && judged.fate == Fate::Both {
                continue;
            }
            let time = match point {
                Point::A => Some(record.time),
                Point::B => course.across(Point::B, record.time),
            };
            let other = link.first().map(|(other, _)| &course.view(point.other()).records[other]);
            let mut frames = [None; 2];
            frames[point.index()] = Some(record.frame);
            frames[point.other().index()] = other.map(|other| other.frame);
            let sent = course.across(point, record.time).filter(|_| course.clocks.is_some());
            let took = other
                .zip(sent)
                .map(|(other, sent)| other.time.as_nanoseconds().saturating_sub(sent.as_nanoseconds()));
            let passage = Passage {
                from: side(record.from),
                frames,
                at: None,
                took,
                flags: record.flags,
                payload_len: record.payload_len,
                fate: judged.fate,
                grade: judged.grade,
            };
            passages.push((time, passage));
        }
    }
    passages.sort_by_key(|(time, _)| *time);
    let begin = passages.iter().find_map(|(time, _)| *time);
    passages
        .into_iter()
        .map(|(time, passage)| {
            let at = time
                .zip(begin)
                .map(|(time, begin)| time.as_nanoseconds().saturating_sub(begin.as_nanoseconds()));
            Passage { at, ..passage }
        })
        .collect()
}

/// What passed in one direction.
fn count(course: &Course, passages: &[Passage], side_number: usize, diverged: bool) -> Way {
    let from = u8::from(side_number == 1);
    let mut way = Way { diverged, ..Way::default() };
    let first = course.upstream(from);
    for passage in passages.iter().filter(|passage| passage.from == side(from)) {
        let passed_first = first.is_none_or(|first| passage.frames[first.index()].is_some());
        way.segments += u64::from(passed_first);
        let counter = match passage.fate {
            Fate::Both => &mut way.in_both,
            Fate::Lost => {
                way.lost_octets += u64::from(passage.payload_len);
                &mut way.lost
            }
            Fate::MissedByOther if passed_first => &mut way.missed_by_second,
            Fate::MissedByOther => &mut way.missed_by_first,
            Fate::LostOrMissed => &mut way.lost_or_missed,
            Fate::Injected => &mut way.injected,
            Fate::AcknowledgedBetween => &mut way.acknowledged_between,
            Fate::InjectedOrMissed => &mut way.injected_or_missed,
            Fate::OnlyHere | Fate::NotCompared => &mut way.not_compared,
        };
        *counter += 1;
    }
    if let Some(first) = first {
        let last = |point: Point| {
            let sent = course.view(point).records.iter().filter(|one| {
                one.from == from && one.length() > 0 && !one.flags.rst() && one.checksum != Checksum::Bad
            });
            sent.map(Record::end).max()
        };
        let (sent, came) = (last(first), last(first.other()));
        let missing = sent.zip(came).map_or(0, |(sent, came)| sent.saturating_sub(came));
        way.missing_at_end = if diverged { 0 } else { u64::try_from(missing).unwrap_or(0) };
    }
    way.fastest = course.one_way(from).min();
    way.slowest = course.one_way(from).max();
    way.hops = hops(course, from);
    way
}

/// The hops between the captures: how much less the hop limit is at the second, in most segments.
fn hops(course: &Course, from: u8) -> Option<i16> {
    let [a, b] = &course.views;
    let mut counts: Vec<(i16, u64)> = Vec::new();
    for (one, link) in a.records.iter().zip(&a.links).filter(|(one, _)| one.from == from) {
        let Link::One { other, sure: true, .. } = *link else { continue };
        let less = i16::from(one.hop_limit) - i16::from(b.records[other].hop_limit);
        match counts.iter_mut().find(|(known, _)| *known == less) {
            Some((_, count)) => *count += 1,
            None => counts.push((less, 1)),
        }
    }
    let (less, _) = counts.into_iter().max_by_key(|(_, count)| *count)?;
    Some(if course.upstream(from) == Some(Point::B) { -less } else { less })
}
