//! What hangs, for people.

use super::look::{Group, Look, Program, counts};
use crate::commands::explain::filter::Filter;
use adieu_explain::live::growth::time_until_full;
use adieu_explain::live::{Finding, seconds};
use adieu_explain::words;
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::time::Duration;

/// How many sockets of one program are shown.
const SHOWN: usize = 10;

/// One look.
pub(super) fn write(look: &Look, filter: &Filter, out: &mut impl Write) -> io::Result<()> {
    let groups = look.groups(filter);
    let hanging: usize = groups.values().map(Vec::len).sum();
    let total = look.survey.total();
    writeln!(
        out,
        "{} of this network namespace: {}",
        words::counted(total, "TCP socket", "TCP sockets"),
        if hanging == 0 { "none hangs".to_owned() } else { format!("{hanging} {}", hang(hanging)) }
    )?;
    let mut ordered: Vec<_> = groups.iter().collect();
    // Stable: groups with as many stay in their own order.
    ordered.sort_by_key(|(_, findings)| std::cmp::Reverse(findings.len()));
    for (group, findings) in ordered {
        writeln!(out, "\n{}: {}", title(look, *group), list(&counts(findings)))?;
        for finding in findings.iter().take(SHOWN) {
            line(look, finding, out)?;
        }
        if findings.len() > SHOWN {
            writeln!(out, "  and {} more; --format json prints all", findings.len() - SHOWN)?;
        }
    }
    let has_times = groups.values().flatten().any(|finding| finding.at_least.is_some());
    notes(look, has_times, out)
}

fn hang(count: usize) -> &'static str {
    if count == 1 { "hangs" } else { "hang" }
}

fn title(look: &Look, group: Group) -> String {
    match group {
        Group::Process(pid) => named(&look.program(pid)),
        Group::NotAccepted => "not accepted yet by the program that listens".to_owned(),
        Group::Unknown(uid) => format!("of user {uid}, in a process that cannot be seen"),
        Group::Nobody => "without an owner: the kernel finishes them".to_owned(),
    }
}

fn named(program: &Program) -> String {
    let open = match program.limit {
        Some(limit) => {
            format!("{} of {} open", program.open, words::counted(limit, "descriptor", "descriptors"))
        }
        None => {
            format!("{} open of an unknown limit", words::counted(program.open, "descriptor", "descriptors"))
        }
    };
    format!("{} (process {}, {open})", program.name, program.pid)
}

/// `2 CLOSE_WAIT, 1 stalled`
fn list(counts: &BTreeMap<&'static str, u64>) -> String {
    counts.iter().map(|(kind, count)| format!("{count} {kind}")).collect::<Vec<_>>().join(", ")
}

fn line(look: &Look, finding: &Finding, out: &mut impl Write) -> io::Result<()> {
    let holders = look.survey.holders(finding);
    write!(out, "  ")?;
    if let Some(first) = holders.first() {
        write!(out, "fd {}, ", first.descriptor)?;
    }
    write!(out, "{} with {}: ", finding.local, finding.peer)?;
    write!(out, "{}", finding.words(look.survey.owner(finding)))?;
    let others: Vec<String> = holders
        .iter()
        .skip(1)
        .take(3)
        .map(|one| format!("process {} fd {}", one.pid, one.descriptor))
        .collect();
    if !others.is_empty() {
        let more = if holders.len() > 4 { ", and others" } else { "" };
        write!(out, "; held too by {}{more}: all must close it", others.join(", "))?;
    }
    writeln!(out)
}

/// What could not be seen, and what the times mean.
fn notes(look: &Look, has_times: bool, out: &mut impl Write) -> io::Result<()> {
    let mut notes = Vec::new();
    if has_times {
        notes.push("\"for at least\" is the time since the last acknowledgement came, which the end of a side has too. If the peer acknowledged something later, it has been so for longer.".to_owned());
    }
    let scan = &look.scan;
    if scan.unreadable > 0 {
        notes.push(format!(
            "Not seen: what {} of other users {}. Root sees it.",
            words::counted(scan.unreadable, "process", "processes"),
            words::verb(scan.unreadable, "holds", "hold")
        ));
    }
    if scan.in_other_networks > 0 {
        notes.push(format!(
            "Not seen: the sockets of {}, which {} {}. Look there with nsenter --net=/proc/PID/ns/net.",
            words::counted(scan.other_networks, "other network namespace", "other network namespaces"),
            words::counted(scan.in_other_networks, "process", "processes"),
            words::verb(scan.in_other_networks, "uses", "use")
        ));
    }
    if look.is_torn {
        notes.push(
            "The kernel's list changed while it was read: some sockets can be missing, or there twice."
                .to_owned(),
        );
    }
    if !notes.is_empty() {
        writeln!(out, "\n{}", notes.join("\n"))?;
    }
    Ok(())
}

/// How a process has changed since the first look.
pub(super) struct Change {
    pub(super) program: Program,
    pub(super) now: BTreeMap<&'static str, u64>,
    pub(super) before: BTreeMap<&'static str, u64>,
    /// Descriptors opened since.
    pub(super) opened: i64,
    pub(super) after: Duration,
}

impl Change {
    /// When there are no descriptors left, if it goes on so.
    pub(super) fn full_in(&self) -> Option<Duration> {
        time_until_full(self.opened, self.after, self.program.open, self.program.limit?)
    }
}

/// A process in one of several looks. `prefix`: what its line begins with.
pub(super) fn write_change(prefix: &str, change: &Change, out: &mut impl Write) -> io::Result<()> {
    write!(out, "{prefix}{}: ", named(&change.program))?;
    let kinds: std::collections::BTreeSet<_> = change.now.keys().chain(change.before.keys()).collect();
    let counts = kinds.into_iter().map(|kind| {
        let of = |counts: &BTreeMap<&'static str, u64>| counts.get(kind).copied().unwrap_or_default();
        let (now, before) = (of(&change.now), of(&change.before));
        format!("{now} {kind} ({:+})", now.cast_signed() - before.cast_signed())
    });
    write!(out, "{}", counts.collect::<Vec<_>>().join(", "))?;
    if !change.after.is_zero() {
        let descriptors = words::verb(change.opened.unsigned_abs(), "descriptor", "descriptors");
        write!(out, "; {:+} {descriptors} in {}", change.opened, seconds(change.after))?;
    }
    if let Some(time) = change.full_in() {
        write!(out, "; no descriptor is left (EMFILE) in {} if it goes on so", seconds(time))?;
    }
    writeln!(out)
}
