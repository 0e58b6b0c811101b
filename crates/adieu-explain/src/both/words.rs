//! A comparison in words: one sentence, and the facts behind it.

use super::{Alone, Change, Changed, Comparison, Fate, PairedBy, Passage, Point, SharedReset, Way, WhyAlone};
use crate::{
    verdict::{Actor, Effect, Grade, Side},
    words::{self, Fact, bytes, counted, reset_kind, span, verb},
};
use std::time::Duration;

/// `10.0.0.1:40000 -> 10.0.0.2:80: reset`. Addresses are those of A; where B has others they follow.
pub fn headline(one: &Comparison) -> String {
    let [client, server] = one.ends;
    let translated = if one.translated() == [false; 2] {
        String::new()
    } else {
        format!(" (in B {} -> {})", client[1], server[1])
    };
    let ending = one.ending.value().map_or("unknown ending", |ending| words::ending_words(*ending));
    format!("{} -> {}{translated}: {ending}", client[0], server[0])
}

const fn name(side: Side) -> &'static str {
    match side {
        Side::Client => "client",
        Side::Server => "server",
    }
}

/// The capture that has the RST, and its frame there.
fn frame(reset: &SharedReset) -> String {
    let [a, b] = reset.frames;
    let told = |point: Point, frame: u64| format!("frame {frame} of {}", point.name());
    match (a, b) {
        (Some(a), Some(b)) => format!("{} and {}", told(Point::A, a), told(Point::B, b)),
        (Some(a), None) => told(Point::A, a),
        (None, Some(b)) => told(Point::B, b),
        (None, None) => "no frame".to_owned(),
    }
}

/// The capture that does not have the RST.
fn without(reset: &SharedReset) -> &'static str {
    if reset.frames[0].is_none() { Point::A.name() } else { Point::B.name() }
}

const fn probably(grade: Grade) -> &'static str {
    if matches!(grade, Grade::Hinted) { "probably " } else { "" }
}

/// What the two captures together say, in one sentence without a final full stop. What only two captures can tell comes
/// first.
pub fn sentence(one: &Comparison) -> String {
    made_between(one)
        .or_else(|| answered_between(one))
        .or_else(|| never_arrived(one))
        .or_else(|| contradiction(one))
        .unwrap_or_else(|| agreement(one))
}

/// A reset that something between the two made.
fn made_between(one: &Comparison) -> Option<String> {
    let made: Vec<&SharedReset> = one
        .resets
        .iter()
        .filter(|reset| reset.fate == Fate::Injected)
        .filter(|reset| !matches!(reset.effect, Some(Effect::NoEffect | Effect::Noise)))
        .collect();
    let first = made.first()?;
    let second = made.iter().find(|reset| reset.name_of != first.name_of);
    let grade = made.iter().map(|reset| reset.fate_grade).max().unwrap_or(Grade::Hinted);
    let who = format!("something between A and B {}reset the connection", probably(grade));
    Some(match second {
        Some(second) => format!(
            "{who} for both sides: the {} did not send the RST in {}, and the {} did not send the one in {}",
            name(first.name_of),
            frame(first),
            name(second.name_of),
            frame(second)
        ),
        None => format!(
            "{who} for the {}: {} is an RST in the name of the {}, and it is not in {}, where the {} would have sent it{}",
            name(first.name_of.other()),
            frame(first),
            name(first.name_of),
            without(first),
            name(first.name_of),
            still_open(one, first)
        ),
    })
}

/// What the side knows in whose name somebody else sent a reset.
fn still_open(one: &Comparison, reset: &SharedReset) -> String {
    let side = reset.name_of;
    match one.nearer_to(side).map(|point| (point, one.verdict(point).ending.value())) {
        Some((point, Some(ending))) if !one.agree => {
            format!(
                "; for the {} the connection was {} in {}",
                name(side),
                words::ending_words(*ending),
                point.name()
            )
        }
        _ => String::new(),
    }
}

/// A reset, an answer or an end that did not come to the other side.
fn never_arrived(one: &Comparison) -> Option<String> {
    let reset = one.resets.iter().find(|reset| {
        matches!(reset.fate, Fate::Lost | Fate::LostOrMissed) && reset.effect.is_none() && !one.agree
    });
    if let Some(reset) = reset {
        let (by, to) = (name(reset.name_of), name(reset.name_of.other()));
        let arrived =
            one.resets.iter().any(|other| other.name_of == reset.name_of && other.fate == Fate::Both);
        if !arrived {
            return Some(match reset.fate {
                Fate::Lost => format!(
                    "the {by} reset the connection, and its RST ({}) did not arrive at {}: the {to} went on and had a half-open connection",
                    frame(reset),
                    without(reset)
                ),
                _ => format!(
                    "the {by} reset the connection, and its RST ({}) is not in {}: unless that capture missed it, the {to} has a half-open connection",
                    frame(reset),
                    without(reset)
                ),
            });
        }
    }
    let answers: Vec<&Passage> =
        one.passages.iter().filter(|passage| passage.flags.syn() && passage.flags.ack()).collect();
    let lost = |passage: &&&Passage| matches!(passage.fate, Fate::Lost | Fate::LostOrMissed);
    let (lost, all) = (answers.iter().filter(lost).count(), answers.len());
    // Who acknowledges an answer has got it, by whatever way.
    let taken = one.passages.iter().any(|passage| passage.from == Side::Client && passage.flags.ack());
    if all > 0 && lost == all && !taken {
        let where_lost = if answers.iter().any(|passage| passage.fate == Fate::Lost) {
            "are lost between A and B"
        } else {
            "are lost, or go another way"
        };
        let nearer = one.nearer_to(Side::Client).map_or("the other capture", Point::name);
        return Some(format!(
            "the server answered the SYN, and {} arrived at {nearer}: packets from the server to the client {where_lost}",
            match all {
                1 => "its answer never".to_owned(),
                count => format!("none of its {count} answers"),
            }
        ));
    }
    if one.agree && one.ending.value().is_some_and(|ending| is_over(*ending)) {
        return None;
    }
    for (side, way) in [(Side::Client, &one.ways[0]), (Side::Server, &one.ways[1])] {
        // What the receiver acknowledged has arrived: the capture near to it stopped earlier, or missed it.
        let unacked = one.verdicts.each_ref().map(|verdict| match side {
            Side::Client => verdict.unacked_c2s.value().copied(),
            Side::Server => verdict.unacked_s2c.value().copied(),
        });
        if way.missing_at_end > 0
            && unacked.iter().all(|unacked| unacked.is_none_or(|octets| octets > 0))
            && let Some(second) = one.nearer_to(side.other())
        {
            return Some(format!(
                "the last {} of the {} {} not in {}: {}",
                bytes(way.missing_at_end),
                name(side),
                verb(way.missing_at_end, "is", "are"),
                second.name(),
                words::sentence(one.verdict(second.other()))
            ));
        }
    }
    None
}

const fn is_over(ending: crate::verdict::Ending) -> bool {
    use crate::verdict::Ending;
    matches!(ending, Ending::Graceful | Ending::Reset | Ending::Refused | Ending::Truncated)
}

fn contradiction(one: &Comparison) -> Option<String> {
    if one.agree {
        return None;
    }
    let [a, b] = &one.verdicts;
    Some(format!(
        "the two captures show different endings. A: {}. B: {}",
        words::sentence(a),
        words::sentence(b)
    ))
}

fn answered_between(one: &Comparison) -> Option<String> {
    let acknowledged =
        one.ways.iter().zip([Side::Client, Side::Server]).find(|(way, _)| way.acknowledged_between > 0)?;
    // Acknowledgements in the name of `side`.
    let (way, side) = acknowledged;
    let data = &one.ways[usize::from(side == Side::Client)];
    let missing = match data.missing_at_end {
        0 => String::new(),
        missing => format!("; its last {} did not arrive by the end of the captures", bytes(missing)),
    };
    Some(format!(
        "something between A and B acknowledged data of the {} that had not arrived at the capture near the {}, as a proxy does ({}){missing}",
        name(side.other()),
        name(side),
        counted(way.acknowledged_between, "acknowledgement", "acknowledgements"),
    ))
}

/// Both show the same, or nothing that contradicts it.
fn agreement(one: &Comparison) -> String {
    // The one that knows more.
    let [a, b] = &one.verdicts;
    let fits = |verdict: &crate::verdict::Verdict| {
        (verdict.ending.value() == one.ending.value(), verdict.ending.grade())
    };
    let point = if fits(a) >= fits(b) { Point::A } else { Point::B };
    let same = a.ending.value() == b.ending.value();
    let verdict = one.verdict(point);
    let who = if same {
        "A and B show the same ending".to_owned()
    } else {
        format!("{} shows the ending", point.name())
    };
    let lost: u64 = one.ways.iter().map(|way| way.lost).sum();
    let all: u64 = one.ways.iter().map(|way| way.segments).sum();
    let lost = match lost {
        0 => String::new(),
        lost => format!(
            "; {lost} of {} {} lost between A and B",
            counted(all, "segment", "segments"),
            verb(lost, "was", "were")
        ),
    };
    format!("{who}: {}{lost}", words::sentence(verdict))
}

/// What is behind the sentence, each with how sure it is.
pub fn facts(one: &Comparison) -> Vec<Fact> {
    let mut facts = vec![pairing(one)];
    facts.extend(translation(one));
    facts.push(clocks(one));
    for (side, way) in [(Side::Client, &one.ways[0]), (Side::Server, &one.ways[1])] {
        facts.extend(direction(one, side, way));
    }
    facts.extend(one.changes.iter().map(change));
    facts.extend(one.resets.iter().map(reset));
    let [a, b] = &one.verdicts;
    if !one.agree || a.ending.value() != b.ending.value() {
        for (point, verdict) in [(Point::A, a), (Point::B, b)] {
            let grade = verdict.ending.grade();
            facts.push(Fact { grade, text: format!("{} alone: {}", point.name(), words::sentence(verdict)) });
        }
    }
    for (point, count) in [Point::A, Point::B].into_iter().zip(one.not_kept) {
        if count > 0 {
            let text = format!(
                "{} of {} {} kept and {} not compared, because there were too many",
                counted(count, "segment", "segments"),
                point.name(),
                verb(count, "was not", "were not"),
                verb(count, "is", "are")
            );
            facts.push(Fact::new(Grade::Seen, text));
        }
    }
    facts
}

fn pairing(one: &Comparison) -> Fact {
    let by = match one.paired_by {
        PairedBy::BothNumbers => "both initial sequence numbers are the same",
        PairedBy::ClientNumber => "the client's initial sequence number is the same",
        PairedBy::ServerNumber => {
            "the server's address and initial sequence number are the same, and the client's numbers differ by a constant"
        }
        PairedBy::Stream => "addresses, ports and sequence numbers are the same, and a SYN is not in both",
        PairedBy::ConstantOffset => {
            "addresses and ports or timestamps are the same, and the sequence numbers differ by a constant"
        }
    };
    let nearer = match one.nearer_to_client {
        Some(point) => format!("; {} is nearer to the client", point.name()),
        None => "; which capture is nearer to the client cannot be told".to_owned(),
    };
    let frames = one.verdicts.each_ref().map(|verdict| verdict.first.frame);
    Fact::new(
        one.paired,
        format!("frame {} of A and frame {} of B begin one connection: {by}{nearer}", frames[0], frames[1]),
    )
}

fn translation(one: &Comparison) -> Vec<Fact> {
    let mut facts = Vec::new();
    for (side, [a, b]) in [Side::Client, Side::Server].into_iter().zip(one.ends) {
        if a != b {
            let text = format!("addresses are translated: the {} is {a} in A and {b} in B", name(side));
            facts.push(Fact::new(one.paired, text));
        }
    }
    for (side, offset) in [Side::Client, Side::Server].into_iter().zip(one.number_offsets) {
        if offset != 0 {
            let text = format!(
                "sequence numbers of the {} are rewritten: those in B are {offset} more than in A, modulo 2^32",
                name(side)
            );
            facts.push(Fact::new(one.paired, text));
        }
    }
    facts
}

fn clocks(one: &Comparison) -> Fact {
    let Some(clocks) = one.clocks else {
        return Fact {
            grade: None,
            text: "how far the clocks are apart: too few segments are in both captures, both were taken at one place, or one of the clocks was set meanwhile, so times are not compared".to_owned(),
        };
    };
    let by = if clocks.by_handshake { "the handshake and " } else { "" };
    let ahead = if clocks.offset < 0 { "behind" } else { "ahead of" };
    let drift = match clocks.drift {
        None => String::new(),
        #[expect(clippy::cast_precision_loss, reason = "three digits are printed")]
        Some(drift) => format!("; it runs {:+.1} millionths faster", drift as f64 / 1e3),
    };
    Fact::new(
        Grade::Concluded,
        format!(
            "the clock of B is {:.6} s {ahead} that of A, give or take {}, by {by}{} in both{drift}",
            Duration::from_nanos(clocks.offset.unsigned_abs()).as_secs_f64(),
            nanoseconds(clocks.uncertainty.unsigned_abs()),
            counted(clocks.pairs, "segment", "segments")
        ),
    )
}

fn direction(one: &Comparison, side: Side, way: &Way) -> Vec<Fact> {
    let first = one.nearer_to(side);
    let names = first.map_or(("one capture", "the other"), |first| (first.name(), first.other().name()));
    let to = if side == Side::Client { "client to server" } else { "server to client" };
    let mut text = format!(
        "{to}: {} of {} {} in both",
        way.in_both,
        counted(way.segments, "segment", "segments"),
        if way.segments == 1 { "is" } else { verb(way.in_both, "is", "are") }
    );
    let time = |time: i64| nanoseconds(u64::try_from(time).unwrap_or(0));
    if let (Some(fastest), Some(slowest)) = (way.fastest, way.slowest) {
        text.push_str(&format!(", {} to {} from {} to {}", time(fastest), time(slowest), names.0, names.1));
    }
    if let Some(hops) = way.hops.filter(|hops| *hops != 0) {
        text.push_str(&match u64::try_from(hops) {
            Ok(hops) => format!(", {} between", counted(hops, "hop", "hops")),
            Err(_) => ", and something between sets the hop limit (TTL)".to_owned(),
        });
    }
    let mut facts = vec![Fact::new(Grade::Seen, text)];
    let mut add = |grade, count: u64, one: String, several: String| {
        if count > 0 {
            facts.push(Fact::new(grade, format!("{to}: {}", counted(count, &one, &several))));
        }
    };
    let both = |rest: String| (format!("segment {rest}"), format!("segments {rest}"));
    let concluded = Grade::Concluded;
    let (single, plural) =
        both(format!("({}) lost between {} and {}", bytes(way.lost_octets), names.0, names.1));
    add(concluded, way.lost, single, plural);
    let (single, plural) = both(format!("arrived and {} missed", names.1));
    add(concluded, way.missed_by_second, single, plural);
    let (single, plural) = both(format!("not in {}: lost, or missed by that capture", names.1));
    add(Grade::Seen, way.lost_or_missed, single, plural);
    let (single, plural) = both(format!("passed {}, which missed", names.0));
    add(concluded, way.missed_by_first, format!("{single} it"), format!("{plural} them"));
    let (single, plural) = both(format!("not in {}: made between, or missed by that capture", names.0));
    add(Grade::Seen, way.injected_or_missed, single, plural);
    let early = "data that had not arrived: something between made";
    let (single, plural) =
        (format!("segment acknowledges {early} it"), format!("segments acknowledge {early} them"));
    add(concluded, way.acknowledged_between, single, plural);
    let (single, plural) = both(
        "could not be compared: the other capture did not run then, or their order is unknown".to_owned(),
    );
    add(Grade::Seen, way.not_compared, single, plural);
    if way.diverged {
        facts.push(Fact::new(
            Grade::Concluded,
            format!("{to}: the octets have other numbers in {} than in {}: something between adds or removes some", names.1, names.0),
        ));
    }
    facts
}

fn change(one: &Change) -> Fact {
    let value = |value: Option<u32>| value.map_or("absent".to_owned(), |value| value.to_string());
    let (before, after) = (value(one.before), value(one.after));
    let what = match one.what {
        Changed::Mss => format!("the largest segment size (MSS) was changed from {before} to {after}"),
        Changed::WindowScale => format!("the window scale was changed from {before} to {after}"),
        Changed::SackPermitted if one.after.is_none() => "the permission of SACK was removed".to_owned(),
        Changed::SackPermitted => "the permission of SACK was added".to_owned(),
        Changed::Timestamps if one.after.is_none() => "the timestamps option was removed".to_owned(),
        Changed::Timestamps => "the timestamps option was added".to_owned(),
        Changed::Clock => "the clock in the timestamps option was changed".to_owned(),
        Changed::Urgent => "the urgent flag was changed".to_owned(),
        Changed::Window => format!("the receive window was changed from {before} to {after}"),
        Changed::Content => "the payload was changed".to_owned(),
        Changed::Checksum => "the segment was damaged: its checksum was right and is wrong".to_owned(),
    };
    let more = match one.count {
        1 => String::new(),
        count => format!(", and so {} {} more", verb(count - 1, "was", "were"), count - 1),
    };
    Fact::new(
        Grade::Seen,
        format!(
            "between A and B {what}: frame {} of A and frame {} of B, from the {}{more}",
            one.frames[0],
            one.frames[1],
            name(one.from)
        ),
    )
}

fn reset(one: &SharedReset) -> Fact {
    let of = name(one.name_of);
    let what = match one.fate {
        Fate::Both => "passed both".to_owned(),
        Fate::Injected => {
            format!("was made between A and B: it is not in {}, nearer to the {of}", without(one))
        }
        Fate::Lost => format!("did not arrive at {}, and that side went on", without(one)),
        Fate::LostOrMissed => format!("is not in {}: lost between, or missed by that capture", without(one)),
        Fate::InjectedOrMissed => {
            format!("is not in {}, nearer to the {of}: made between, or missed by that capture", without(one))
        }
        _ => format!("cannot be compared with {}", without(one)),
    };
    let by = match (one.by.value(), one.fate) {
        (_, Fate::Injected) => String::new(),
        (Some(Actor::Middlebox), _) => {
            format!("; {}sent by something between the two hosts, and not between A and B", grade_of(one))
        }
        (Some(actor), _) => format!("; {}sent by the {}", grade_of(one), actor.as_str()),
        (None, _) => "; who sent it is unknown".to_owned(),
    };
    let kind = match (one.kind.value(), one.fate) {
        (Some(kind), Fate::Both | Fate::Lost | Fate::LostOrMissed) => {
            let probably = one.kind.grade().map_or("", probably);
            format!("; it is {probably}{}", reset_kind(*kind))
        }
        _ => String::new(),
    };
    let effect = match one.effect {
        Some(Effect::NoEffect) => "; its receiver ignores it",
        Some(Effect::Noise) => "; the connection was over already",
        _ => "",
    };
    Fact::new(
        one.fate_grade,
        format!("the RST in {}, in the name of the {of}, {what}{by}{kind}{effect}", frame(one)),
    )
}

fn grade_of(one: &SharedReset) -> &'static str {
    one.by.grade().map_or("", probably)
}

/// Why only one capture has a connection, and how that one shows it.
pub fn alone_sentence(alone: &Alone) -> String {
    let (point, other) = (alone.point.name(), alone.point.other().name());
    let why = match alone.why {
        WhyAlone::NotThere if alone.nearer_to_client && alone.verdict.s2c.traffic.packets > 0 => format!(
            "only in {point}, nearer to the clients: {other} ran at that time and has no packet of it. Unless its filter left them out, nothing arrived there, and what answered in the server's name stands between {point} and {other}"
        ),
        WhyAlone::NotThere => format!("only in {point}: {other} ran at that time and has no packet of it"),
        WhyAlone::ClocksUnknown => format!(
            "only in {point}: {other} has no packet of it, and whether it ran at that time is unknown"
        ),
        WhyAlone::NoFrames => format!("only in {point}: {other} has no frame"),
        WhyAlone::NotRunning => format!("only in {point}: {other} did not run at that time"),
        WhyAlone::NoBeginning => format!(
            "only in {point}, as far as can be told: without its SYN it is found by addresses and ports alone, and {other} has none that fit. Captures that begin earlier would tell"
        ),
        WhyAlone::Ambiguous => format!(
            "in {point}: several connections of {other} fit, so it is compared with none. A capture without the copies, of one interface, would tell"
        ),
        WhyAlone::Drawn => format!(
            "in {point}, which adieu wrote: its segments are drawn from a program's calls, so no segment of {other} is compared with them"
        ),
        WhyAlone::NotKept => format!(
            "in {point}: too many connections waited for their other half, so it was not looked for any longer"
        ),
    };
    format!("{why}. {}", words::sentence(&alone.verdict))
}

fn nanoseconds(count: u64) -> String {
    span(Duration::from_nanos(count))
}
