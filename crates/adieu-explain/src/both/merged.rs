//! The ending and the RSTs, as seen from both captures.

use super::{
    Fate, Point,
    course::{Course, host, side},
    fates::Judged,
    matching::Link,
};
use crate::{
    segment::Checksum,
    verdict::{Actor, Claim, Effect, Ending, Grade, JudgedReset, ResetKind, Side, Unknown, Vantage, Verdict},
};

/// An RST that at least one of the captures has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharedReset {
    /// The side in whose name it was sent.
    pub name_of: Side,
    /// Its frame in A and in B. `None`: it is not in it.
    pub frames: [Option<u64>; 2],
    /// What became of it between the two.
    pub fate: Fate,
    /// How sure that is.
    pub fate_grade: Grade,
    /// Who really sent it.
    pub by: Claim<Actor>,
    /// Why.
    pub kind: Claim<ResetKind>,
    /// What it did to its receiver, as far as the capture nearer to that one shows. `None`: it did not arrive there.
    pub effect: Option<Effect>,
    /// It repeats what an earlier RST of the same sender said.
    pub is_echo: bool,
}

/// How many RSTs are told.
const MOST: usize = 12;

/// The RSTs of both captures, each once, in the order of time.
pub(super) fn resets(course: &Course, fates: &[Vec<Judged>; 2], verdicts: &[Verdict; 2]) -> Vec<SharedReset> {
    let mut resets = Vec::new();
    for point in [Point::A, Point::B] {
        let view = course.view(point);
        for (at, record) in view.records.iter().enumerate() {
            let is_reset = record.flags.rst() && record.checksum != Checksum::Bad;
            let link = view.links[at];
            let told_before = point == Point::B && matches!(link, Link::One { counted: true, .. });
            if !is_reset || told_before || resets.len() == MOST {
                continue;
            }
            let time = match point {
                Point::A => record.time,
                Point::B => course.across(point, record.time).unwrap_or(record.time),
            };
            let mut frames = [None; 2];
            frames[point.index()] = Some(record.frame);
            if let Link::One { other, counted: true, .. } = link {
                frames[point.other().index()] = Some(course.view(point.other()).records[other].frame);
            }
            let reset = one(course, fates[point.index()][at], record.from, frames, point, verdicts);
            resets.push((time, reset));
        }
    }
    resets.sort_by_key(|(time, _)| *time);
    resets.into_iter().map(|(_, reset)| reset).collect()
}

fn one(
    course: &Course,
    judged: Judged,
    from: u8,
    frames: [Option<u64>; 2],
    point: Point,
    verdicts: &[Verdict; 2],
) -> SharedReset {
    let of = |point: Point| -> Option<&JudgedReset> {
        let frame = frames[point.index()]?;
        verdicts[point.index()].resets.iter().find(|reset| reset.seen.frame == frame)
    };
    let first = course.upstream(from).unwrap_or(point);
    let effect = of(first.other()).map(|reset| reset.effect);
    let source = of(first).or_else(|| of(first.other()));
    let is_echo = source.is_some_and(|reset| reset.echo);
    let (mut by, mut kind) = match source {
        Some(reset) => (reset.by.clone(), reset.kind.clone()),
        None => (
            Claim::unknown(Unknown::FramesMissing, Vantage::None),
            Claim::unknown(Unknown::FramesMissing, Vantage::None),
        ),
    };
    match judged.fate {
        Fate::Injected => {
            by = Claim::Known { value: Actor::Middlebox, grade: judged.grade };
            let value = match effect {
                Some(Effect::NoEffect | Effect::Noise) => ResetKind::Ignored,
                _ => ResetKind::Injected,
            };
            kind = Claim::Known { value, grade: judged.grade };
        }
        // The capture nearer to its sender has it too: what hinted at a box between the two captures is answered.
        Fate::Both if judged.grade > Grade::Hinted => {
            if let (Claim::Known { value, grade }, Some(_)) = (&by, of(first))
                && *value == host(from)
            {
                by = Claim::Known { value: *value, grade: (*grade).max(Grade::Concluded) };
            }
        }
        // Whether it, or one that looks the same, passed the other capture is open: so is who sent it.
        Fate::Both | Fate::InjectedOrMissed | Fate::OnlyHere if by.value() == Some(&host(from)) => {
            by = Claim::unknown(Unknown::FramesMissing, Vantage::None);
        }
        _ => {}
    }
    let (fate, fate_grade) = (judged.fate, judged.grade);
    SharedReset { name_of: side(from), frames, fate, fate_grade, by, kind, effect, is_echo }
}

/// How it ended, and whether both captures show that.
pub(super) fn ending(
    course: &Course,
    verdicts: &[Verdict; 2],
    resets: &[SharedReset],
) -> (Claim<Ending>, bool) {
    let [a, b] = verdicts.each_ref().map(|verdict| &verdict.ending);
    match (a.value(), b.value()) {
        (Some(one), Some(two)) if one == two => {
            let grade = a.grade().max(b.grade()).unwrap_or(Grade::Hinted);
            (Claim::Known { value: *one, grade }, true)
        }
        (Some(one), Some(two)) if is_end(*one) && is_end(*two) => {
            let pair = [*one, *two];
            if pair.contains(&Ending::Truncated) && pair.contains(&Ending::Graceful) {
                // One of them did not have the octets that show it.
                (if *one == Ending::Truncated { a.clone() } else { b.clone() }, true)
            } else {
                (Claim::unknown(Unknown::Contradictory, Vantage::None), false)
            }
        }
        (Some(one), _) if is_end(*one) => ended_at(course, Point::A, verdicts, resets),
        (_, Some(two)) if is_end(*two) => ended_at(course, Point::B, verdicts, resets),
        (Some(one), Some(two)) => {
            if [*one, *two].contains(&Ending::NoAnswer) {
                // The server answered, and its answers did not arrive: for the client there was none.
                (if *one == Ending::NoAnswer { a.clone() } else { b.clone() }, false)
            } else {
                (if *one == Ending::Silent { a.clone() } else { b.clone() }, true)
            }
        }
        (_, None) => (a.clone(), true),
        (None, Some(_)) => (b.clone(), true),
    }
}

/// Whether a connection that ended so is over.
const fn is_end(ending: Ending) -> bool {
    matches!(ending, Ending::Graceful | Ending::Reset | Ending::Refused | Ending::Truncated)
}

/// The ending where only `point` shows one.
fn ended_at(
    course: &Course,
    point: Point,
    verdicts: &[Verdict; 2],
    resets: &[SharedReset],
) -> (Claim<Ending>, bool) {
    let verdict = &verdicts[point.index()];
    let other = course.view(point.other());
    // The other capture had stopped, or began later.
    let last = verdict.over.and_then(|over| course.across(point, over.time));
    let was_there = last.is_none_or(|last| last <= other.ran.1);
    let between = resets.iter().any(|reset| matches!(reset.fate, Fate::Injected | Fate::Lost));
    if verdicts[point.other().index()].ending.value().is_none() || (!was_there && !between) {
        return (verdict.ending.clone(), true);
    }
    match verdict.ending.value() {
        // Its last segments did not come to the other side, so that one may still wait for them.
        Some(Ending::Graceful | Ending::Truncated) => {
            (Claim::unknown(Unknown::Contradictory, Vantage::None), false)
        }
        _ => (verdict.ending.clone(), false),
    }
}
