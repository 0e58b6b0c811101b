//! adieu's own record of a connection. `docs/explain.schema.json` describes each field.

use super::{community_id, time};
use crate::{
    observed::Seen,
    verdict::{
        Actor, Claim, Columns, Direction, Effect, Grade, JudgedReset, ResetKind, Shortfall, Side, Sign,
        Unknown, Vantage, Verdict,
    },
    words,
};
use serde::Serialize;
use std::{collections::BTreeMap, time::Duration};

/// A connection for programs: the columns, and everything that the verdict holds beside them. Null is what cannot be known.
#[derive(Clone, Debug, Serialize)]
pub struct Record {
    #[serde(flatten)]
    columns: Columns,
    sentence: String,
    community_id: String,
    began: String,
    last: String,
    duration_us: Option<u64>,
    first_frame: u64,
    last_frame: u64,
    established_frame: Option<u64>,
    handshake_us: Option<u64>,
    over_frame: Option<u64>,
    /// How sure it is who the client is.
    roles: Grade,
    /// How sure the columns are that are known.
    grades: BTreeMap<&'static str, Grade>,
    /// Why the columns that are null cannot be known.
    unknown: BTreeMap<&'static str, Why>,
    server_name: Option<String>,
    cut_request: Option<Shortfall>,
    cut_response: Option<Shortfall>,
    c2s: Way,
    s2c: Way,
    resets: Vec<Rst>,
    resets_not_kept: u64,
    conn_state: &'static str,
    history: String,
    duplicates: u64,
    bad_checksums: u64,
    cut: u64,
    out_of_order: u64,
    drawn: bool,
}

#[derive(Clone, Copy, Debug, Serialize)]
struct Why {
    reason: Unknown,
    settled_by: Vantage,
}

/// One direction.
#[derive(Clone, Debug, Serialize)]
struct Way {
    captured: bool,
    packets: u32,
    ip_bytes: u64,
    segments: u64,
    sent: u64,
    acknowledged: u64,
    retransmitted: u64,
    retransmissions: u64,
    spurious: u64,
    repeated_in_vain: u32,
    missed_by_capture: u64,
    missing: u64,
    gaps_joined: bool,
    keep_alives: u64,
    window_probes: u64,
    windows_closed: u64,
    window_closed_for_us: u64,
    first_payload_frame: Option<u64>,
    last_payload_frame: Option<u64>,
    fin_frame: Option<u64>,
    fin_acknowledged: bool,
}

/// One RST.
#[derive(Clone, Debug, Serialize)]
struct Rst {
    frame: u64,
    at_us: Option<u64>,
    name_of: Side,
    by: Option<Actor>,
    by_grade: Option<Grade>,
    kind: Option<ResetKind>,
    kind_grade: Option<Grade>,
    candidates: Vec<ResetKind>,
    effect: Effect,
    answers_frame: Option<u64>,
    signs: Vec<Sign>,
    echo: bool,
}

impl Record {
    /// The record of a verdict.
    pub fn of(verdict: &Verdict) -> Self {
        let frame = |seen: Option<Seen>| seen.map(|seen| seen.frame);
        let mut known = Known::default();
        known.note("ended_first", &verdict.ended_first);
        known.note("c_end", &verdict.c_end);
        known.note("s_end", &verdict.s_end);
        known.note("unacked_c2s", &verdict.unacked_c2s);
        known.note("unacked_s2c", &verdict.unacked_s2c);
        known.note("unsent_c2s", &verdict.unsent_c2s);
        known.note("unsent_s2c", &verdict.unsent_s2c);
        known.note("unread_server", &verdict.unread_server);
        known.note("unread_client", &verdict.unread_client);
        known.note("rst_by", &verdict.rst_by());
        known.note("rst_kind", &verdict.rst_kind());
        known.note("open_at_end", &verdict.open_at_end);
        known.note("close_notify", &verdict.close_notify);
        known.note("tls", &verdict.tls);
        known.note("ending", &verdict.ending);
        Self {
            columns: verdict.columns(),
            sentence: words::sentence(verdict),
            community_id: community_id(verdict.client, verdict.server),
            began: time::rfc3339(verdict.first.time),
            last: time::rfc3339(verdict.last.time),
            duration_us: verdict.last.time.since(verdict.first.time).map(microseconds),
            first_frame: verdict.first.frame,
            last_frame: verdict.last.frame,
            established_frame: frame(verdict.established),
            handshake_us: verdict.handshake.map(microseconds),
            over_frame: frame(verdict.over),
            roles: verdict.roles,
            grades: known.grades,
            unknown: known.unknown,
            server_name: verdict.server_name.clone(),
            cut_request: verdict.cut_request,
            cut_response: verdict.cut_response,
            c2s: Way::of(&verdict.c2s),
            s2c: Way::of(&verdict.s2c),
            resets: verdict.resets.iter().map(|reset| Rst::of(verdict, reset)).collect(),
            resets_not_kept: verdict.resets_not_kept,
            conn_state: verdict.zeek.conn_state,
            history: verdict.zeek.history.clone(),
            duplicates: verdict.duplicates,
            bad_checksums: verdict.bad_checksums,
            cut: verdict.cut,
            out_of_order: verdict.out_of_order,
            drawn: verdict.drawn,
        }
    }
}

/// How sure each column is, or why it cannot be known.
#[derive(Default)]
struct Known {
    grades: BTreeMap<&'static str, Grade>,
    unknown: BTreeMap<&'static str, Why>,
}

impl Known {
    fn note<T>(&mut self, name: &'static str, claim: &Claim<T>) {
        match *claim {
            Claim::Known { grade, .. } => {
                self.grades.insert(name, grade);
            }
            Claim::Unknown { reason, settled_by } => {
                self.unknown.insert(name, Why { reason, settled_by });
            }
        }
    }
}

impl Way {
    fn of(one: &Direction) -> Self {
        let frame = |seen: Option<Seen>| seen.map(|seen| seen.frame);
        Self {
            captured: one.captured,
            packets: one.traffic.packets,
            ip_bytes: one.traffic.ip_octets,
            segments: one.segments,
            sent: one.sent,
            acknowledged: one.acknowledged,
            retransmitted: one.retransmitted,
            retransmissions: one.retransmissions,
            spurious: one.spurious,
            repeated_in_vain: one.repeated_in_vain,
            missed_by_capture: one.missed_by_capture,
            missing: one.missing,
            gaps_joined: one.gaps_joined,
            keep_alives: one.keep_alives,
            window_probes: one.window_probes,
            windows_closed: one.windows_closed,
            window_closed_for_us: one.window_closed_for / 1000,
            first_payload_frame: one.first_payload_frame,
            last_payload_frame: frame(one.last_payload),
            fin_frame: frame(one.fin),
            fin_acknowledged: one.fin_acknowledged,
        }
    }
}

impl Rst {
    fn of(verdict: &Verdict, reset: &JudgedReset) -> Self {
        Self {
            frame: reset.seen.frame,
            at_us: reset.seen.time.since(verdict.first.time).map(microseconds),
            name_of: reset.name_of,
            by: reset.by.value().copied(),
            by_grade: reset.by.grade(),
            kind: reset.kind.value().copied(),
            kind_grade: reset.kind.grade(),
            candidates: reset.candidates.clone(),
            effect: reset.effect,
            answers_frame: reset.answers.map(|(seen, _)| seen.frame),
            signs: reset.signs.clone(),
            echo: reset.echo,
        }
    }
}

fn microseconds(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}
