//! What became of each segment on the way between the two captures.
//!
//! A segment that only one capture has was lost, or made, or the other capture missed it. What tells these apart is what
//! the hosts did afterwards: an acknowledgement shows that octets arrived, and a sender that goes on shows that it sent no
//! RST. Where nothing tells, nothing is claimed.

use super::{
    Point,
    course::{Course, View},
    matching::Link,
};
use crate::{
    observed::Record,
    segment::{Checksum, Timestamp},
    verdict::{Actor, Grade, JudgedReset, Sign, Verdict},
};
use serde::Serialize;

/// How many segments are judged that only one capture has, in each of them. Further ones are not compared.
const MOST: usize = 5_000;

/// An acknowledgement that comes within this is that of the first transmission, in nanoseconds: receivers keep it back for 40 ms
/// (Linux), and senders repeat after 200 ms and more.
const PROMPT: i64 = 50_000_000;

/// Frames of one moment may be recorded out of order, in nanoseconds.
const MOMENT: i64 = 2_000_000;

/// What became of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Fate {
    /// Both captures have it.
    Both,
    /// It did not arrive at the second capture.
    Lost,
    /// The other capture missed it: it passed there.
    MissedByOther,
    /// It was lost, or the second capture missed it.
    LostOrMissed,
    /// It did not pass the first capture: something between the two made it.
    Injected,
    /// An acknowledgement that did not pass the first capture, of octets that had not arrived there: something between the
    /// two acknowledged them.
    AcknowledgedBetween,
    /// It was made between the two, or the first capture missed it.
    InjectedOrMissed,
    /// Only one capture has it, and which comes first on the way is not known.
    OnlyHere,
    /// The other capture did not run at that time, or the segment was not kept.
    NotCompared,
}

/// A fate with how sure it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Judged {
    pub(super) fate: Fate,
    pub(super) grade: Grade,
}

const fn judged(fate: Fate, grade: Grade) -> Judged {
    Judged { fate, grade }
}

/// The fates of all records of both captures.
pub(super) fn fates(course: &Course, verdicts: [&Verdict; 2], diverged: [bool; 2]) -> [Vec<Judged>; 2] {
    let looks: [Vec<Looks>; 2] = verdicts.map(|verdict| verdict.resets.iter().map(Looks::of).collect());
    let maker = [Point::A, Point::B].into_iter().any(|point| {
        let view = course.view(point);
        let alone = view.records.iter().zip(&view.links).filter(|(_, link)| **link == Link::None);
        alone.map(|(record, _)| record.frame).any(|frame| {
            looks[point.index()].iter().any(|one| one.frame == frame && one.form == Form::Foreign)
        })
    });
    let facts = [Point::A, Point::B].map(|point| Facts::of(course.view(point)));
    let mut fates = [Point::A, Point::B].map(|point| {
        let judge = Judge { course, facts: &facts, diverged, complete: [false; 2], looks: &looks, maker };
        judge.all(point, |record| record.length() > 0 && !record.flags.rst())
    });
    let missed = |point: Point, fates: &[Vec<Judged>; 2]| {
        fates[point.other().index()].iter().any(|one| one.fate == Fate::MissedByOther)
    };
    for point in [Point::A, Point::B] {
        let complete = course.view(point.other()).blind.is_none() && !missed(point.other(), &fates);
        let complete = [0, 1].map(|side| complete && shows_all(course.view(point), side));
        let judge = Judge { course, facts: &facts, diverged, complete, looks: &looks, maker };
        let rest = judge.all(point, |record| record.length() == 0 || record.flags.rst());
        let view = course.view(point);
        for (at, one) in rest.into_iter().enumerate() {
            if view.records[at].length() == 0 || view.records[at].flags.rst() {
                fates[point.index()][at] = one;
            }
        }
    }
    fates
}

/// Whether the other capture has everything of a side that takes sequence numbers and that this one has, and something at all.
fn shows_all(view: &View, side: u8) -> bool {
    let mut others = view.records.iter().zip(&view.links).filter(|(record, _)| {
        record.from == side && record.length() > 0 && !record.flags.rst() && record.checksum != Checksum::Bad
    });
    others.clone().any(|(_, link)| link.first().is_some()) && { others.all(|(_, link)| *link != Link::None) }
}

/// What a capture shows of each side, to be looked up.
struct Facts {
    /// Of each side what it sent that takes sequence numbers, by position: begin, end, time.
    sent: [Vec<(i64, i64, Timestamp)>; 2],
    longest: [i64; 2],
    /// Of each side when its peer had acknowledged up to which position at most.
    acked: [Vec<(Timestamp, i64)>; 2],
    /// Of each side its peer's acknowledgements as they came.
    acks: [Vec<(Timestamp, i64)>; 2],
    /// When each side sent something else than an RST last.
    last_life: [Option<Timestamp>; 2],
    /// Highest position of each side that something else than an RST shows, and how many hop limits it has.
    highest: [Option<i64>; 2],
    hop_limits: [Vec<u8>; 2],
    /// From a SYN to its answer, seen from here: to the server and back, and to the client and back, in nanoseconds.
    round_trip: [Option<i64>; 2],
}

impl Facts {
    fn of(view: &View) -> Self {
        let mut facts = Self {
            sent: Default::default(),
            longest: [0; 2],
            acked: Default::default(),
            acks: Default::default(),
            last_life: [None; 2],
            highest: [None; 2],
            hop_limits: Default::default(),
            round_trip: [None; 2],
        };
        let mut last_syn = [None; 2];
        for record in view.records.iter().filter(|one| one.checksum != Checksum::Bad && !one.flags.rst()) {
            let (from, time) = (usize::from(record.from), record.time);
            if record.length() > 0 {
                facts.sent[from].push((record.position, record.end(), time));
                facts.longest[from] = facts.longest[from].max(record.length());
            }
            facts.last_life[from] = Some(time);
            facts.highest[from] = facts.highest[from].max(Some(record.end()));
            if !facts.hop_limits[from].contains(&record.hop_limit) {
                facts.hop_limits[from].push(record.hop_limit);
            }
            if record.flags.ack() {
                let of = 1 - from;
                let before = facts.acked[of].last().map_or(i64::MIN, |&(_, acked)| acked);
                facts.acked[of].push((time, before.max(record.acknowledged)));
                facts.acks[of].push((time, record.acknowledged));
                if let Some(syn) = last_syn[of].take()
                    && facts.round_trip[of].is_none()
                {
                    facts.round_trip[of] = Some(nanoseconds(syn, time));
                }
            }
            if record.flags.syn() {
                last_syn[from] = Some(time);
            }
        }
        for sent in &mut facts.sent {
            sent.sort_unstable();
        }
        facts
    }

    /// When something of these octets was first seen.
    fn first_sent(&self, side: usize, position: i64, end: i64) -> Option<Timestamp> {
        let sent = &self.sent[side];
        let from = sent.partition_point(|one| one.0 <= position.saturating_sub(self.longest[side] + 1));
        let those = sent[from..].iter().take_while(|one| one.0 < end).filter(|one| one.1 > position);
        those.map(|one| one.2).min()
    }

    /// How often something of these octets was seen.
    fn count_sent(&self, side: usize, position: i64, end: i64) -> usize {
        let sent = &self.sent[side];
        let from = sent.partition_point(|one| one.0 <= position.saturating_sub(self.longest[side] + 1));
        sent[from..].iter().take_while(|one| one.0 < end).filter(|one| one.1 > position).take(2).count()
    }

    /// When octets of this side were acknowledged up to `end`.
    fn first_acked(&self, side: usize, end: i64) -> Option<Timestamp> {
        let acked = &self.acked[side];
        acked.get(acked.partition_point(|one| one.1 < end)).map(|one| one.0)
    }

    /// The first acknowledgement of this side's octets after `time`.
    fn ack_after(&self, side: usize, time: i64) -> Option<(Timestamp, i64)> {
        let acks = &self.acks[side];
        acks.get(acks.partition_point(|one| one.0.as_nanoseconds() <= time)).copied()
    }
}

fn nanoseconds(from: Timestamp, to: Timestamp) -> i64 {
    to.as_nanoseconds().saturating_sub(from.as_nanoseconds())
}

struct Judge<'a> {
    course: &'a Course,
    facts: &'a [Facts; 2],
    /// The numbers of a side do not fit each other.
    diverged: [bool; 2],
    /// The capture that does not have the record has everything else of this side.
    complete: [bool; 2],
    /// The RSTs of each capture.
    looks: &'a [Vec<Looks>; 2],
    /// One of the RSTs that only one capture has looks foreign: something between makes RSTs.
    maker: bool,
}

/// How an RST looks in the capture that has it.
#[derive(Clone, Copy, Debug)]
struct Looks {
    frame: u64,
    /// After how long it came, if it answers a segment, in nanoseconds.
    after: Option<i64>,
    form: Form,
}

/// Whether an RST looks like one of the side in whose name it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// It does not, or it cannot be told.
    Foreign,
    /// It does.
    Usual,
    /// It does, and it has the next IP identification of the side's counter.
    Counted,
}

impl Looks {
    fn of(reset: &JudgedReset) -> Self {
        let usual = reset.by.value().is_some_and(|actor| *actor == Actor::from(reset.name_of));
        let form = match usual {
            true if reset.signs.contains(&Sign::NextIpId) => Form::Counted,
            true => Form::Usual,
            false => Form::Foreign,
        };
        let after = reset.answers.map(|(seen, _)| nanoseconds(seen.time, reset.seen.time));
        Self { frame: reset.seen.frame, after, form }
    }
}

impl Judge<'_> {
    /// The fates of those records that are `asked` for; the others are said to be in both.
    fn all(&self, point: Point, asked: impl Fn(&Record) -> bool) -> Vec<Judged> {
        let view = self.course.view(point);
        let mut count = 0;
        let mut one = |record: &Record, link: Link| match link {
            _ if !asked(record) => judged(Fate::Both, Grade::Seen),
            Link::One { sure: true, .. } | Link::Parts { sure: true, .. } => judged(Fate::Both, Grade::Seen),
            Link::One { counted: true, .. } => judged(Fate::Both, Grade::Concluded),
            Link::One { .. } | Link::Parts { .. } => judged(Fate::Both, Grade::Hinted),
            Link::Partly => match self.course.upstream(record.from) {
                Some(first) if first == point => judged(Fate::LostOrMissed, Grade::Seen),
                Some(_) => judged(Fate::InjectedOrMissed, Grade::Seen),
                None => judged(Fate::OnlyHere, Grade::Seen),
            },
            Link::None => {
                count += 1;
                if count > MOST { judged(Fate::NotCompared, Grade::Seen) } else { self.one(point, record) }
            }
        };
        view.records.iter().zip(&view.links).map(|(record, link)| one(record, *link)).collect()
    }

    /// The fate of a record that only `point` has.
    fn one(&self, point: Point, record: &Record) -> Judged {
        let other = self.course.view(point.other());
        if record.checksum == Checksum::Bad || other.records.is_empty() {
            return judged(Fate::NotCompared, Grade::Seen);
        }
        let side = usize::from(record.from);
        let (Some(upstream), Some(time)) =
            (self.course.upstream(record.from), self.course.across(point, record.time))
        else {
            return judged(Fate::OnlyHere, Grade::Seen);
        };
        if self.diverged[side] {
            return judged(Fate::OnlyHere, Grade::Seen);
        }
        let time = time.as_nanoseconds();
        // It had begun, if it has a segment that passed here before.
        let began = self.course.began(point).is_some_and(|began| began <= record.time);
        if (time < other.ran.0.as_nanoseconds() && !began) || is_blind(other, time) {
            return judged(Fate::NotCompared, Grade::Seen);
        }
        if upstream == point { self.sent(point, record, time) } else { self.received(point, record, time) }
    }

    /// The fate of a record that passed `point` and should have come to the other capture after `time`.
    fn sent(&self, point: Point, record: &Record, time: i64) -> Judged {
        let facts = &self.facts[point.other().index()];
        let side = usize::from(record.from);
        let unsure = judged(Fate::LostOrMissed, Grade::Seen);
        let (earliest, latest) = self.expected(record.from, time);
        let round_trip = facts.round_trip[side];
        if record.flags.rst() {
            // A receiver that goes on has not got it. One that ignores it, because of its number, goes on too.
            let exact = self.facts[point.index()].highest[side] == Some(record.position)
                && facts.first_acked(side, record.position).is_some();
            let after = latest.saturating_add(round_trip.unwrap_or(0)).saturating_add(5 * MOMENT);
            let went_on = facts.last_life[1 - side].is_some_and(|life| life.as_nanoseconds() > after);
            return if exact && went_on { judged(Fate::Lost, Grade::Concluded) } else { unsure };
        }
        if record.length() == 0 {
            return unsure;
        }
        let covered = facts.first_sent(side, record.position, record.end()).map(Timestamp::as_nanoseconds);
        let acked = facts.first_acked(side, record.end()).map(Timestamp::as_nanoseconds);
        if covered.is_some_and(|covered| covered < earliest)
            || acked.is_some_and(|acked| acked < earliest.saturating_sub(round_trip.unwrap_or(0)))
        {
            // It repeats what had arrived.
            return unsure;
        }
        // It was acknowledged at once, before a repetition can have come.
        let soon =
            round_trip.map(|trip| latest.saturating_add(trip.saturating_mul(2)).saturating_add(PROMPT));
        let own = &self.facts[point.index()];
        let repeated = own.count_sent(side, record.position, record.end()) > 1;
        if let Some(acked) = acked
            && !repeated
            && acked >= earliest
            && soon.is_some_and(|soon| acked <= soon)
            && covered.is_none_or(|covered| acked < covered)
        {
            return judged(Fate::MissedByOther, Grade::Concluded);
        }
        // After it would have arrived the receiver still asked for just these octets.
        let still_wanted = round_trip.is_some_and(|round_trip| {
            let reached =
                facts.first_acked(side, record.position).map_or(i64::MAX, Timestamp::as_nanoseconds);
            let after = reached
                .saturating_sub(1)
                .max(latest.saturating_add(round_trip.saturating_mul(2)).saturating_add(MOMENT));
            facts.ack_after(side, after).is_some_and(|(at, acknowledged)| {
                (record.position..record.end()).contains(&acknowledged)
                    && covered.is_none_or(|covered| at.as_nanoseconds() < covered)
            })
        });
        if still_wanted { judged(Fate::Lost, Grade::Concluded) } else { unsure }
    }

    /// The fate of a record that came to `point` and should have passed the other capture before `time`.
    fn received(&self, point: Point, record: &Record, time: i64) -> Judged {
        let facts = &self.facts[point.other().index()];
        let own = &self.facts[point.index()];
        let side = usize::from(record.from);
        let unsure = judged(Fate::InjectedOrMissed, Grade::Seen);
        let after = time.saturating_add(self.course.uncertainty()).saturating_add(MOMENT);
        // Its last frame is earlier: it may have stopped.
        let left = time.saturating_sub(self.course.uncertainty());
        let stopped = left > self.course.view(point.other()).ran.1.as_nanoseconds();
        if record.flags.rst() {
            let went_on = facts.last_life[side].is_some_and(|life| life.as_nanoseconds() > after);
            let hops = &own.hop_limits[side];
            let other_hops = !hops.is_empty() && !hops.iter().any(|&hop| same_host(hop, record.hop_limit));
            // It answers a segment sooner than something beyond the other capture could.
            let looks = self.looks[point.index()].iter().find(|one| one.frame == record.frame);
            let quick = looks
                .and_then(|looks| looks.after)
                .zip(self.course.round_trip())
                .is_some_and(|(after, trip)| after >= 0 && after < trip.saturating_sub(MOMENT));
            let complete = self.complete[side];
            // A capture that has everything else can still have missed this one frame.
            let form = match looks.map_or(Form::Usual, |looks| looks.form) {
                Form::Usual if self.maker => Form::Foreign,
                form => form,
            };
            return match (went_on, other_hops, complete) {
                (true, ..) => judged(Fate::Injected, Grade::Seen),
                (_, _, true) if quick => judged(Fate::Injected, Grade::Concluded),
                (_, true, true) if !stopped => judged(Fate::Injected, Grade::Seen),
                (_, true, _) => judged(Fate::Injected, Grade::Concluded),
                (_, _, true) => match (form, stopped) {
                    (Form::Foreign, false) => judged(Fate::Injected, Grade::Concluded),
                    (Form::Foreign, true) | (Form::Usual, false) => judged(Fate::Injected, Grade::Hinted),
                    (Form::Usual, true) | (Form::Counted, _) => unsure,
                },
                _ => unsure,
            };
        }
        if record.length() > 0 {
            // The sender itself counts these octets.
            let counted = facts.highest[side].is_some_and(|highest| highest >= record.end());
            let sent = facts.first_sent(side, record.position, record.end());
            return if counted && sent.is_none() {
                judged(Fate::MissedByOther, Grade::Concluded)
            } else {
                unsure
            };
        }
        if record.flags.ack() && self.complete[side] && self.acknowledged_early(facts, own, record, time) {
            return judged(Fate::AcknowledgedBetween, Grade::Concluded);
        }
        unsure
    }

    /// Whether an acknowledgement came to one side of octets that had not arrived at the other capture.
    fn acknowledged_early(&self, facts: &Facts, own: &Facts, record: &Record, time: i64) -> bool {
        let data = 1 - usize::from(record.from);
        let last = record.acknowledged - 1;
        let late = time.saturating_add(self.course.uncertainty()).saturating_add(MOMENT);
        let acked = facts.first_acked(data, record.acknowledged).map(Timestamp::as_nanoseconds);
        let there = facts.first_sent(data, last, record.acknowledged).map(Timestamp::as_nanoseconds);
        let ran = facts.last_life.iter().flatten().any(|life| life.as_nanoseconds() > late);
        own.first_sent(data, last, record.acknowledged).is_some()
            && acked.is_none_or(|acked| there.is_some_and(|there| acked > there))
            && there.map_or(ran, |there| there > late)
    }

    /// When a segment can be at the other capture, by its clock.
    fn expected(&self, from: u8, time: i64) -> (i64, i64) {
        let uncertainty = self.course.uncertainty();
        let slowest = self.course.slowest(from);
        (
            time.saturating_sub(uncertainty).saturating_sub(MOMENT),
            time.saturating_add(uncertainty).saturating_add(slowest).saturating_add(MOMENT),
        )
    }
}

/// Whether segments of that time may not have been kept.
fn is_blind(view: &View, time: i64) -> bool {
    const SLACK: i64 = 1_000_000_000;
    view.blind.is_some_and(|(from, to)| {
        (from.as_nanoseconds().saturating_sub(SLACK)..=to.as_nanoseconds().saturating_add(SLACK))
            .contains(&time)
    })
}

/// Whether two hop limits can be those of one host: the same, or as far below a usual initial value.
fn same_host(one: u8, other: u8) -> bool {
    const INITIAL: [u8; 4] = [32, 64, 128, 255];
    let distance = |hop: u8| INITIAL.iter().find(|&&initial| initial >= hop).map(|initial| initial - hop);
    one == other || distance(one) == distance(other)
}

/// Whether the numbers of a side do not fit each other in the two captures: something between inserts or removes octets.
pub(super) fn diverged(course: &Course, side: u8) -> bool {
    let ends = [Point::A, Point::B].map(|point| {
        let view = course.view(point);
        let fins = view.records.iter().filter(|one| one.from == side && one.flags.fin() && !one.flags.rst());
        fins.map(Record::end).max()
    });
    if let [Some(a), Some(b)] = ends
        && a != b
    {
        return true;
    }
    [Point::A, Point::B].into_iter().all(|point| {
        let view = course.view(point);
        let data = view.records.iter().zip(&view.links).filter(|(one, _)| {
            one.from == side && one.length() > 0 && !one.flags.rst() && one.checksum != Checksum::Bad
        });
        let (all, alone) = data.fold((0, 0), |(all, alone), (_, link)| {
            (all + 1, alone + usize::from(matches!(link, Link::None | Link::Partly)))
        });
        alone >= 4 && alone * 2 > all
    })
}
