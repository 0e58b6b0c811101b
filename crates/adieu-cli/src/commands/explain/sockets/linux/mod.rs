//! Looks once, or again and again until a signal comes.

mod json;
mod look;
mod screen;
mod text;

use self::look::{Group, Look, counts};
use self::screen::Screen;
use self::text::Change;
use super::Plan;
use crate::exit::ExitStatus;
use crate::os;
use crate::printer::complain;
use crate::stdout::to_stdout;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufWriter, Write};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant, SystemTime};

pub(in super::super) fn run(plan: &Plan) -> ExitStatus {
    let mut failed = None;
    let printed = to_stdout(|| {
        let mut out = BufWriter::new(io::stdout().lock());
        failed = match plan.watch {
            None => once(plan, &mut out)?,
            Some(interval) => watch(plan, interval, &mut out)?,
        };
        out.flush()
    });
    if let Some(error) = failed {
        complain(&format!("cannot look at this machine's sockets: {}", adieu::describe_error(&error)));
        return ExitStatus::LocalFailure;
    }
    printed
}

/// `Err`: stdout failed. `Some`: the look did.
fn once(plan: &Plan, out: &mut impl Write) -> io::Result<Option<io::Error>> {
    let look = match Look::new() {
        Ok(look) => look,
        Err(error) => return Ok(Some(error)),
    };
    if plan.is_json {
        json::write(&now(), &look, &plan.filter, out)?;
    } else {
        text::write(&look, &plan.filter, out)?;
    }
    Ok(None)
}

fn now() -> String {
    humantime::format_rfc3339_millis(SystemTime::now()).to_string()
}

/// What a process had at the first look that saw it.
struct Before {
    counts: BTreeMap<&'static str, u64>,
    open: u64,
    at: Instant,
}

fn watch(plan: &Plan, interval: Duration, out: &mut impl Write) -> io::Result<Option<io::Error>> {
    let (tell, told) = channel();
    if let Err(error) = os::heed_signals(os::command::Running::default(), move |_| {
        let _ = tell.send(());
    }) {
        return Ok(Some(error));
    }
    let mut screen = Screen::new().filter(|_| !plan.is_json);
    let mut before: BTreeMap<(u32, String), Before> = BTreeMap::new();
    loop {
        let begun = Instant::now();
        let look = match Look::new() {
            Ok(look) => look,
            Err(error) => return Ok(Some(error)),
        };
        match &mut screen {
            Some(screen) => {
                let mut page = Vec::new();
                writeln!(page, "{}, every {} until Ctrl-C\n", now(), humantime::format_duration(interval))?;
                changes(plan, &look, &mut before, "", &mut page)?;
                writeln!(page)?;
                text::write(&look, &plan.filter, &mut page)?;
                out.write_all(screen.frame(&String::from_utf8_lossy(&page)).as_bytes())?;
            }
            None => round(plan, &look, &mut before, out)?,
        }
        out.flush()?;
        match told.recv_timeout(interval.saturating_sub(begun.elapsed())) {
            Err(RecvTimeoutError::Timeout) => {}
            Ok(()) | Err(RecvTimeoutError::Disconnected) => return Ok(None),
        }
    }
}

/// One look as lines: what has changed, and whether nothing hangs.
fn round(
    plan: &Plan,
    look: &Look,
    before: &mut BTreeMap<(u32, String), Before>,
    out: &mut impl Write,
) -> io::Result<()> {
    let at = now();
    let prefix = if plan.is_json { at.clone() } else { format!("{at} ") };
    changes(plan, look, before, &prefix, out)?;
    if plan.is_json {
        json::summary(&at, look, &plan.filter, out)
    } else if look.groups(&plan.filter).is_empty() {
        writeln!(out, "{at} none of {} TCP sockets hangs", look.survey.total())
    } else {
        Ok(())
    }
}

/// How each process has changed since the first look that saw it. `at`: what a line begins with, or the time in JSON.
fn changes(
    plan: &Plan,
    look: &Look,
    before: &mut BTreeMap<(u32, String), Before>,
    at: &str,
    out: &mut impl Write,
) -> io::Result<()> {
    let groups = look.groups(&plan.filter);
    let holding = groups.keys().filter_map(|group| match group {
        Group::Process(pid) => Some(*pid),
        _ => None,
    });
    let pids: BTreeSet<u32> = holding.chain(before.keys().map(|(pid, _)| *pid)).collect();
    for pid in pids {
        let program = look.program(pid);
        let now = groups.get(&Group::Process(pid)).map(|findings| counts(findings)).unwrap_or_default();
        if program.open == 0 {
            // It has ended.
            before.retain(|(known, _), _| *known != pid);
            continue;
        }
        let first = before.entry((pid, program.name.clone())).or_insert_with(|| Before {
            counts: now.clone(),
            open: program.open,
            at: Instant::now(),
        });
        let is_first = first.counts == now
            && first.open == program.open
            && first.at.elapsed() < Duration::from_millis(1);
        let change = Change {
            opened: program.open.cast_signed() - first.open.cast_signed(),
            after: if is_first { Duration::ZERO } else { first.at.elapsed() },
            before: first.counts.clone(),
            now,
            program,
        };
        if plan.is_json {
            json::write_change(at, &change, out)?;
        } else {
            text::write_change(at, &change, out)?;
        }
    }
    Ok(())
}
