//! The `flow` event of Suricata's EVE log.
//!
//! <https://docs.suricata.io/en/latest/output/eve/eve-json-format.html#event-type-flow> documents the fields. An object
//! `adieu` beside them has what Suricata has no field for.

use super::{community_id, time, zeek};
use crate::{
    segment::Flags,
    table::Reason,
    verdict::{Direction, Ending, OpenAtEnd, Service, Verdict},
    words,
};
use serde::Serialize;
use std::net::IpAddr;

/// Why Suricata would have ended the flow: `reason`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FlowEnd {
    /// Nothing more came.
    Timeout,
    /// It was taken out of a full table.
    Forced,
    /// The capture ended.
    Shutdown,
    /// A SYN used its addresses and ports for another connection.
    TcpReuse,
}

impl From<Reason> for FlowEnd {
    fn from(reason: Reason) -> Self {
        match reason {
            Reason::Over => Self::Timeout,
            Reason::UsedAnew => Self::TcpReuse,
            Reason::Evicted => Self::Forced,
            Reason::CaptureEnded => Self::Shutdown,
        }
    }
}

/// A `flow` event. Counts of bytes are those of frames, as Suricata counts them.
#[derive(Clone, Debug, Serialize)]
pub struct Eve {
    timestamp: String,
    flow_id: u64,
    event_type: &'static str,
    src_ip: IpAddr,
    src_port: u16,
    dest_ip: IpAddr,
    dest_port: u16,
    ip_v: u8,
    proto: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    app_proto: Option<Service>,
    flow: Flow,
    community_id: String,
    tcp: Tcp,
    adieu: Own,
}

#[derive(Clone, Debug, Serialize)]
struct Flow {
    pkts_toserver: u32,
    pkts_toclient: u32,
    bytes_toserver: u64,
    bytes_toclient: u64,
    start: String,
    end: String,
    /// Seconds.
    age: u64,
    state: &'static str,
    reason: FlowEnd,
    alerted: bool,
}

/// Flags are hexadecimal, and those that no packet carried are left out, as Suricata does.
#[derive(Clone, Debug, Serialize)]
struct Tcp {
    #[serde(rename = "tcp_flags")]
    all: String,
    #[serde(rename = "tcp_flags_ts")]
    to_server: String,
    #[serde(rename = "tcp_flags_tc")]
    to_client: String,
    #[serde(skip_serializing_if = "is_false")]
    syn: bool,
    #[serde(skip_serializing_if = "is_false")]
    fin: bool,
    #[serde(skip_serializing_if = "is_false")]
    rst: bool,
    #[serde(skip_serializing_if = "is_false")]
    psh: bool,
    #[serde(skip_serializing_if = "is_false")]
    ack: bool,
    #[serde(skip_serializing_if = "is_false")]
    urg: bool,
    #[serde(skip_serializing_if = "is_false")]
    ecn: bool,
    #[serde(skip_serializing_if = "is_false")]
    cwr: bool,
    state: &'static str,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde wants a reference")]
const fn is_false(flag: &bool) -> bool {
    !*flag
}

/// What Suricata has no field for.
#[derive(Clone, Debug, Serialize)]
struct Own {
    ending: Option<Ending>,
    rst_by: Option<String>,
    rst_kind: Option<String>,
    sentence: String,
}

impl Eve {
    /// The event of a connection that has left the table for `reason`.
    pub fn of(verdict: &Verdict, reason: FlowEnd) -> Self {
        let (ts, tc) = (verdict.c2s.traffic, verdict.s2c.traffic);
        let flags = ts.flags.with(tc.flags);
        let columns = verdict.columns();
        let age = verdict.last.time.since(verdict.first.time).unwrap_or_default().as_secs();
        let state = tcp_state(verdict);
        Self {
            timestamp: time::suricata(verdict.last.time),
            // JSON readers lose what is above 2^53.
            flow_id: zeek::number(verdict) >> 11,
            event_type: "flow",
            src_ip: verdict.client.ip(),
            src_port: verdict.client.port(),
            dest_ip: verdict.server.ip(),
            dest_port: verdict.server.port(),
            ip_v: if verdict.client.is_ipv4() { 4 } else { 6 },
            proto: "TCP",
            app_proto: verdict.service,
            flow: Flow {
                pkts_toserver: ts.packets,
                pkts_toclient: tc.packets,
                bytes_toserver: ts.frame_octets,
                bytes_toclient: tc.frame_octets,
                start: time::suricata(verdict.first.time),
                end: time::suricata(verdict.last.time),
                age,
                state: match state {
                    "closed" => "closed",
                    "none" | "syn_sent" | "syn_recv" => "new",
                    _ => "established",
                },
                reason,
                alerted: false,
            },
            community_id: community_id(verdict.client, verdict.server),
            tcp: Tcp {
                all: hexadecimal(flags),
                to_server: hexadecimal(ts.flags),
                to_client: hexadecimal(tc.flags),
                syn: flags.syn(),
                fin: flags.fin(),
                rst: flags.rst(),
                psh: flags.psh(),
                ack: flags.ack(),
                urg: flags.urg(),
                ecn: flags.contains(Flags::ECE),
                cwr: flags.contains(Flags::CWR),
                state,
            },
            adieu: Own {
                ending: columns.ending,
                rst_by: columns.rst_by,
                rst_kind: columns.rst_kind,
                sentence: words::sentence(verdict),
            },
        }
    }
}

fn hexadecimal(flags: Flags) -> String {
    format!("{:02x}", flags.bits())
}

/// The state of the connection when it was last seen, in Suricata's words.
fn tcp_state(verdict: &Verdict) -> &'static str {
    let acked = |direction: &Direction| direction.fin_acknowledged;
    if verdict.open_at_end.value() == Some(&OpenAtEnd::No)
        && verdict.ending.value() != Some(&Ending::NoAnswer)
    {
        return "closed";
    }
    match (verdict.c2s.fin, verdict.s2c.fin) {
        (Some(_), Some(_)) if acked(&verdict.c2s) && acked(&verdict.s2c) => "closed",
        (Some(_), Some(_)) if acked(&verdict.c2s) || acked(&verdict.s2c) => "last_ack",
        (Some(_), Some(_)) => "closing",
        (Some(_), None) if acked(&verdict.c2s) => "fin_wait2",
        (None, Some(_)) if acked(&verdict.s2c) => "fin_wait2",
        (Some(_), None) | (None, Some(_)) => "fin_wait1",
        (None, None) if verdict.established.is_some() => "established",
        (None, None) if verdict.s2c.traffic.flags.syn() => "syn_recv",
        (None, None) if verdict.c2s.traffic.flags.syn() => "syn_sent",
        // The capture begins later, and data flows.
        (None, None) => "established",
    }
}
