//! What hangs, as JSON Lines: `docs/explain-live.schema.json`.

use super::look::{Group, Look, counts};
use super::text::Change;
use crate::commands::explain::filter::Filter;
use adieu_explain::live::{Finding, Owner, Stall};
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::time::Duration;

#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Line<'a> {
    Socket(Box<Socket<'a>>),
    Program(Holding<'a>),
    Summary(Summary<'a>),
}

#[derive(Serialize)]
struct Socket<'a> {
    at: &'a str,
    state: &'static str,
    local: SocketAddr,
    peer: SocketAddr,
    owner: Owner,
    pid: Option<u32>,
    program: Option<&'a str>,
    descriptor: Option<u32>,
    holders: Vec<Holder>,
    uid: Option<u32>,
    at_least_ms: Option<u64>,
    last_ack_ms: Option<u64>,
    dropped_in_ms: Option<u64>,
    unread_bytes: u32,
    end_unread: bool,
    unacked_bytes: Option<u32>,
    unsent_bytes: Option<u32>,
    fin_unacked: bool,
    stall: Option<Stall>,
    attempts: u8,
    last_sent_ms: Option<u64>,
    sentence: String,
}

#[derive(Serialize)]
struct Holder {
    pid: u32,
    descriptor: u32,
}

#[derive(Serialize)]
struct Holding<'a> {
    at: &'a str,
    pid: u32,
    program: &'a str,
    sockets: BTreeMap<&'static str, u64>,
    descriptors: u64,
    descriptor_limit: Option<u64>,
    opened: Option<i64>,
    watched_ms: Option<u64>,
    full_in_ms: Option<u64>,
}

#[derive(Serialize)]
struct Summary<'a> {
    at: &'a str,
    sockets: u64,
    states: BTreeMap<&'static str, u64>,
    hanging: usize,
    unreadable_processes: u64,
    processes_in_other_networks: u64,
    other_networks: u64,
    torn: bool,
}

fn put(line: &Line<'_>, out: &mut impl Write) -> io::Result<()> {
    serde_json::to_writer(&mut *out, line)?;
    out.write_all(b"\n")
}

/// Milliseconds.
fn ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// One look: each socket that hangs, each program that holds some, and the summary.
pub(super) fn write(at: &str, look: &Look, filter: &Filter, out: &mut impl Write) -> io::Result<()> {
    for (group, findings) in look.groups(filter) {
        let program = match group {
            Group::Process(pid) => Some(look.program(pid)),
            _ => None,
        };
        for finding in &findings {
            let name = program.as_ref().map(|program| program.name.as_str());
            put(&Line::Socket(Box::new(socket(at, look, finding, name))), out)?;
        }
        if let Some(program) = program {
            let line = Holding {
                at,
                pid: program.pid,
                program: &program.name,
                sockets: counts(&findings),
                descriptors: program.open,
                descriptor_limit: program.limit,
                opened: None,
                watched_ms: None,
                full_in_ms: None,
            };
            put(&Line::Program(line), out)?;
        }
    }
    summary(at, look, filter, out)
}

fn socket<'a>(at: &'a str, look: &Look, finding: &Finding, program: Option<&'a str>) -> Socket<'a> {
    let owner = look.survey.owner(finding);
    let holders = look.survey.holders(finding);
    let first = holders.first();
    Socket {
        at,
        state: finding.state.name(),
        local: finding.local,
        peer: finding.peer,
        owner,
        pid: first.map(|holder| holder.pid),
        program,
        descriptor: first.map(|holder| holder.descriptor),
        holders: holders.iter().map(|one| Holder { pid: one.pid, descriptor: one.descriptor }).collect(),
        // The kernel says 0 of a socket that has no owner.
        uid: (finding.inode != 0).then_some(finding.uid),
        at_least_ms: finding.at_least.map(ms),
        last_ack_ms: finding.last_acknowledgement.map(ms),
        dropped_in_ms: finding.dropped_in.map(ms),
        unread_bytes: finding.unread,
        end_unread: finding.is_end_unread,
        unacked_bytes: finding.unacknowledged,
        unsent_bytes: finding.unsent,
        fin_unacked: finding.is_fin_unacknowledged,
        stall: finding.stall,
        attempts: finding.attempts,
        last_sent_ms: finding.last_sent.map(ms),
        sentence: finding.words(owner),
    }
}

/// A process in one of several looks.
pub(super) fn write_change(at: &str, change: &Change, out: &mut impl Write) -> io::Result<()> {
    let program = &change.program;
    let is_first = change.after.is_zero();
    let line = Holding {
        at,
        pid: program.pid,
        program: &program.name,
        sockets: change.now.clone(),
        descriptors: program.open,
        descriptor_limit: program.limit,
        opened: (!is_first).then_some(change.opened),
        watched_ms: (!is_first).then(|| ms(change.after)),
        full_in_ms: change.full_in().map(ms),
    };
    put(&Line::Program(line), out)
}

/// What was looked at, and what could not be.
pub(super) fn summary(at: &str, look: &Look, filter: &Filter, out: &mut impl Write) -> io::Result<()> {
    let scan = &look.scan;
    let line = Summary {
        at,
        sockets: look.survey.total(),
        states: look.survey.states().iter().map(|(state, count)| (state.name(), *count)).collect(),
        hanging: look.groups(filter).values().map(Vec::len).sum(),
        unreadable_processes: scan.unreadable,
        processes_in_other_networks: scan.in_other_networks,
        other_networks: scan.other_networks,
        torn: look.is_torn,
    };
    put(&Line::Summary(line), out)
}
