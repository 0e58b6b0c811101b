//! A comparison as one flat record. `docs/explain-both.schema.json` describes each field.

use super::{
    Alone, Change, Comparison, Fate, PairedBy, Passage, Point, SharedReset, Way, WhyAlone, alone_sentence,
    sentence,
};
use crate::{
    format::{community_id, rfc3339},
    verdict::{Actor, Claim, Effect, Ending, Grade, ResetKind, Side, Verdict},
};
use serde::Serialize;
use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
};

/// How many segments are told one by one that are not in both.
const MOST_EVENTS: usize = 200;

/// A connection that is in both captures. Null is what cannot be known.
#[derive(Clone, Debug, Serialize)]
pub struct PairRecord {
    #[serde(rename = "in")]
    place: &'static str,
    client: IpAddr,
    cport: u16,
    server: IpAddr,
    sport: u16,
    client_in_b: SocketAddr,
    server_in_b: SocketAddr,
    community_id: String,
    began: String,
    sentence: String,
    ending: Option<Ending>,
    agree: bool,
    rst_by: Option<String>,
    rst_kind: Option<String>,
    /// How sure `ending`, `rst_by` and `rst_kind` are, of those that are known.
    grades: Grades,
    paired_by: PairedBy,
    paired_grade: Grade,
    client_translated: bool,
    server_translated: bool,
    client_number_offset: u32,
    server_number_offset: u32,
    nearer_to_client: Option<Point>,
    clock: Option<Clock>,
    a: Alike,
    b: Alike,
    c2s: Way,
    s2c: Way,
    changes: Vec<Change>,
    resets: Vec<Rst>,
    events: Vec<Event>,
    events_not_kept: u64,
}

/// How sure a record is of what it knows, by the name of the field.
type Grades = BTreeMap<&'static str, Grade>;

fn grades<const N: usize>(named: [(&'static str, Option<Grade>); N]) -> Grades {
    named.into_iter().filter_map(|(name, grade)| Some((name, grade?))).collect()
}

/// How the clocks lie.
#[derive(Clone, Copy, Debug, Serialize)]
struct Clock {
    b_ahead_ns: i64,
    uncertainty_ns: i64,
    drift_ppb: Option<i64>,
    by_handshake: bool,
    pairs: u64,
}

/// What one capture says.
#[derive(Clone, Debug, Serialize)]
struct Alike {
    first_frame: u64,
    last_frame: u64,
    ending: Option<Ending>,
    grades: Grades,
    sentence: String,
    not_kept: u64,
}

/// One RST.
#[derive(Clone, Debug, Serialize)]
struct Rst {
    name_of: Side,
    frame_a: Option<u64>,
    frame_b: Option<u64>,
    fate: Fate,
    fate_grade: Grade,
    by: Option<Actor>,
    by_grade: Option<Grade>,
    kind: Option<ResetKind>,
    kind_grade: Option<Grade>,
    effect: Option<Effect>,
}

/// A segment that is not in both captures.
#[derive(Clone, Debug, Serialize)]
struct Event {
    from: Side,
    frame_a: Option<u64>,
    frame_b: Option<u64>,
    at_ns: Option<i64>,
    flags: String,
    bytes: u32,
    fate: Fate,
    grade: Grade,
}

impl PairRecord {
    /// The record of a comparison.
    pub fn of(one: &Comparison) -> Self {
        let [client, server] = one.ends;
        let not_in_both = || one.passages.iter().filter(|passage| passage.fate != Fate::Both);
        let events: Vec<Event> = not_in_both().take(MOST_EVENTS).map(Event::of).collect();
        let (by, kind) = (one.rst_by(), one.rst_kind());
        Self {
            place: "both",
            client: client[0].ip(),
            cport: client[0].port(),
            server: server[0].ip(),
            sport: server[0].port(),
            client_in_b: client[1],
            server_in_b: server[1],
            community_id: community_id(client[0], server[0]),
            began: rfc3339(one.verdicts[0].first.time),
            sentence: sentence(one),
            ending: one.ending.value().copied(),
            agree: one.agree,
            rst_by: by.value().map(|actors| joined(actors, Actor::as_str)),
            rst_kind: kind.value().map(|kinds| joined(kinds, ResetKind::as_str)),
            grades: grades([
                ("ending", one.ending.grade()),
                ("rst_by", by.grade()),
                ("rst_kind", kind.grade()),
            ]),
            paired_by: one.paired_by,
            paired_grade: one.paired,
            client_translated: one.translated()[0],
            server_translated: one.translated()[1],
            client_number_offset: one.number_offsets[0],
            server_number_offset: one.number_offsets[1],
            nearer_to_client: one.nearer_to_client,
            clock: one.clocks.map(|clocks| Clock {
                b_ahead_ns: clocks.offset,
                uncertainty_ns: clocks.uncertainty,
                drift_ppb: clocks.drift,
                by_handshake: clocks.by_handshake,
                pairs: clocks.pairs,
            }),
            a: Alike::of(&one.verdicts[0], one.not_kept[0]),
            b: Alike::of(&one.verdicts[1], one.not_kept[1]),
            c2s: one.ways[0],
            s2c: one.ways[1],
            changes: one.changes.clone(),
            resets: one.resets.iter().map(Rst::of).collect(),
            events_not_kept: (not_in_both().count() - events.len()) as u64,
            events,
        }
    }
}

fn joined<T: Copy>(values: &[T], word: impl Fn(T) -> &'static str) -> String {
    if values.is_empty() {
        return "-".to_owned();
    }
    values.iter().map(|&value| word(value)).collect::<Vec<_>>().join(",")
}

impl Alike {
    fn of(verdict: &Verdict, not_kept: u64) -> Self {
        Self {
            first_frame: verdict.first.frame,
            last_frame: verdict.last.frame,
            ending: verdict.ending.value().copied(),
            grades: grades([("ending", verdict.ending.grade())]),
            sentence: crate::words::sentence(verdict),
            not_kept,
        }
    }
}

impl Rst {
    fn of(one: &SharedReset) -> Self {
        Self {
            name_of: one.name_of,
            frame_a: one.frames[0],
            frame_b: one.frames[1],
            fate: one.fate,
            fate_grade: one.fate_grade,
            by: one.by.value().copied(),
            by_grade: one.by.grade(),
            kind: one.kind.value().copied(),
            kind_grade: one.kind.grade(),
            effect: one.effect,
        }
    }
}

impl Event {
    fn of(one: &Passage) -> Self {
        Self {
            from: one.from,
            frame_a: one.frames[0],
            frame_b: one.frames[1],
            at_ns: one.at,
            flags: one.flags.to_string(),
            bytes: one.payload_len,
            fate: one.fate,
            grade: one.grade,
        }
    }
}

/// A connection that only one of the captures has.
#[derive(Clone, Debug, Serialize)]
pub struct AloneRecord {
    #[serde(rename = "in")]
    place: Point,
    why: WhyAlone,
    client: IpAddr,
    cport: u16,
    server: IpAddr,
    sport: u16,
    community_id: String,
    began: String,
    sentence: String,
    ending: Option<Ending>,
    grades: Grades,
    first_frame: u64,
    last_frame: u64,
}

impl AloneRecord {
    /// The record of a connection.
    pub fn of(alone: &Alone) -> Self {
        let verdict = &alone.verdict;
        Self {
            place: alone.point,
            why: alone.why,
            client: verdict.client.ip(),
            cport: verdict.client.port(),
            server: verdict.server.ip(),
            sport: verdict.server.port(),
            community_id: community_id(verdict.client, verdict.server),
            began: rfc3339(verdict.first.time),
            sentence: alone_sentence(alone),
            ending: verdict.ending.value().copied(),
            grades: grades([("ending", verdict.ending.grade())]),
            first_frame: verdict.first.frame,
            last_frame: verdict.last.frame,
        }
    }
}

impl Comparison {
    /// Who really sent the RSTs, in order, each named once. Empty: there is none. Unknown: of one it is.
    pub fn rst_by(&self) -> Claim<Vec<Actor>> {
        crate::verdict::collect(self.resets.iter().filter(|reset| !reset.is_echo).map(|reset| &reset.by))
    }

    /// The kinds of the RSTs, in order, each named once. Empty: there is none. Unknown: of one it is.
    pub fn rst_kind(&self) -> Claim<Vec<ResetKind>> {
        crate::verdict::collect(self.resets.iter().filter(|reset| !reset.is_echo).map(|reset| &reset.kind))
    }
}
