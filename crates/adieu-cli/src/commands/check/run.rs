//! Checks, waits, and gives way to the command.
//!
//! A few threads try (`--parallel`), one says the results, so that a stdout that nobody reads holds up no attempt, and this one
//! waits for the end, or for a signal. At a signal it does not wait for the others: the process ends, and they with it.

use super::attempt::{Attempts, Planned};
use super::board::{Again, Board, Look, Stop, Totals};
use super::follow::become_command;
use super::names::Names;
use super::outcome::Outcome;
use super::output::Output;
use super::plan::{Plan, Targets};
use super::progress::Progress;
use crate::exit::ExitStatus;
use crate::options::durations::Grace;
use crate::os::signals;
use crate::printer::{Printer, complain};
use crate::{said, steps};
use adieu::{Ending, Endpoint, Event, Interrupt, Missing, describe_error};
use indicatif::ProgressBar;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A thread that tries holds no more than a buffer and a handshake.
const STACK: usize = 256 * 1024;

/// How often it is looked whether there is something to draw.
const FRAME: Duration = Duration::from_millis(100);

/// Longer than anything is waited for without looking again.
const LONG: Duration = Duration::from_secs(60 * 60);

/// What is opened besides the attempts: signals, and what is looked at in passing.
const IN_PASSING: usize = 16;

/// What one attempt has open: a socket, and the watch for the acknowledgement of its end; where a name is resolved or a proxy is
/// asked, a second address's socket and the resolver's.
const DESCRIPTORS: usize = 2;
const DESCRIPTORS_WITH_NAMES: usize = 5;

pub(crate) fn run(plan: Plan) -> ExitStatus {
    let printer = match Printer::open(&plan.reports) {
        Ok(printer) => printer,
        Err(status) => return status,
    };
    match check(plan, &printer) {
        Ok(status) => status,
        Err(error) => {
            complain(&format!("cannot check: {}", describe_error(&error)));
            ExitStatus::LocalFailure
        }
    }
}

fn check(plan: Plan, printer: &Arc<Printer>) -> io::Result<ExitStatus> {
    let Plan { targets, dialogue, min_days, connect_timeout, parallel, wait, command, .. } = plan;
    let (reports, only_open, datagram_timeout) = (plan.reports, plan.only_open, plan.datagram_timeout);
    let output = Output::new(&reports, only_open, !command.is_empty());
    if !output.is_there() {
        return Ok(ExitStatus::LocalFailure);
    }
    let interrupt = Interrupt::new()?;
    let workers = at_once(&targets, parallel, printer);
    let began = Instant::now();
    let limit = wait.and_then(Grace::limit);
    let again = match wait {
        None => Again::Never,
        // What is further away than the clock goes is no limit.
        Some(_) => Again::Until(limit.and_then(|limit| began.checked_add(limit))),
    };
    let board = Arc::new(Board::new(targets.len(), again, began, workers));
    stop_on_signal(&board, &interrupt)?;

    let attempts = Arc::new(Attempts {
        names: Names::default(),
        dialogue,
        min_days,
        timeout: connect_timeout,
        datagram_timeout,
        interrupt: interrupt.clone(),
        observer: reports.verbose.then_some(step as fn(&Endpoint, Duration, &Event<'_>)),
    });
    let targets = Arc::new(targets);
    let count = targets.len();
    let mut progress = Progress::new(printer, &targets, began, limit);
    {
        let (board, printer, targets) = (Arc::clone(&board), Arc::clone(printer), Arc::clone(&targets));
        let drawn = progress.drawn();
        spawn(move || say(&board, &output, &printer, &targets, drawn.as_ref()))?;
    }
    for started in 0..workers {
        let (its, attempts, targets) = (Arc::clone(&board), Arc::clone(&attempts), Arc::clone(&targets));
        let verbose = reports.verbose;
        if let Err(error) = spawn(move || work(&its, &attempts, &targets, verbose)) {
            // The others will do.
            if started == 0 {
                return Err(error);
            }
            (started..workers).for_each(|_| board.leave());
            break;
        }
    }
    let frame = if wait.is_some() { FRAME } else { LONG };
    let totals = loop {
        match board.wait(frame) {
            Look::Over(totals) => break totals,
            Look::Stopped(Stop::Signal(signal)) => return Ok(ExitStatus::of_signal(signal)),
            Look::Stopped(Stop::Output) => return Ok(ExitStatus::LocalFailure),
            Look::Pending if wait.is_some() => progress.look(&board),
            Look::Pending => {}
        }
    };
    drop(progress);
    if count > 1 {
        printer.say(&summary(totals));
    }
    let status = printer.finish(status_of(totals));
    if status != ExitStatus::Success || command.is_empty() {
        return Ok(status);
    }
    Ok(become_command(&command, || {
        // From here on a signal is the command's; one that came before was ours.
        signals::leave_to_the_system();
        interrupt.raised().map(ExitStatus::of_signal)
    }))
}

/// The exit status. What nobody knows is neither open nor closed.
fn status_of(totals: Totals) -> ExitStatus {
    match totals {
        Totals { unchecked: 1.., .. } => ExitStatus::LocalFailure,
        Totals { not_open: 1.., .. } => ExitStatus::Ending(adieu::exit_code(Ending::NoConnection)),
        // Of UDP silence proves nothing.
        Totals { unknown: 1.., .. } => {
            ExitStatus::Ending(adieu::exit_code(Ending::Indeterminate { missing: Missing::Cause }))
        }
        _ => ExitStatus::Success,
    }
}

fn summary(totals: Totals) -> String {
    let Totals { open, not_open, unknown, .. } = totals;
    let all = open + not_open + unknown;
    let mut text = match open {
        _ if open == all => format!("all {all} are open"),
        0 => format!("none of {all} is open"),
        1 => format!("1 of {all} is open"),
        _ => format!("{open} of {all} are open"),
    };
    match unknown {
        0 => {}
        _ if unknown == all => text = format!("it is not known whether any of the {all} is open"),
        _ => text += &format!(", {unknown} not known"),
    }
    text
}

/// How many attempts are made at the same time.
fn at_once(targets: &Targets, parallel: usize, printer: &Printer) -> usize {
    let wanted = parallel.min(targets.len());
    let each = if targets.has_names() { DESCRIPTORS_WITH_NAMES } else { DESCRIPTORS };
    let possible = (adieu_os::free_descriptors().saturating_sub(IN_PASSING) / each).max(1);
    if possible < wanted && printer.is_verbose() {
        printer.say(&format!(
            "{possible} attempts at the same time: there are descriptors for no more (ulimit -n)"
        ));
    }
    wanted.min(possible)
}

/// From here on a signal ends it, whatever is waited for.
fn stop_on_signal(board: &Arc<Board>, interrupt: &Interrupt) -> io::Result<()> {
    signals::raise_on_signal(interrupt)?;
    let (board, interrupt) = (Arc::clone(board), interrupt.clone());
    spawn(move || {
        loop {
            if let Some(signal) = interrupt.wait(LONG) {
                return board.stop(Stop::Signal(signal));
            }
        }
    })
}

fn spawn(run: impl FnOnce() + Send + 'static) -> io::Result<()> {
    std::thread::Builder::new().name("adieu-check".into()).stack_size(STACK).spawn(run).map(drop)
}

/// Tries what is to be tried.
fn work(board: &Board, attempts: &Arc<Attempts>, targets: &Targets, verbose: bool) {
    while let Some((place, planned)) = board.take() {
        let (group, endpoint) = targets.get(place);
        let mut is_told = false;
        let planned = Planned { endpoint: &endpoint, group, at: planned, until: board.until() };
        attempts.make(&planned, |outcome| {
            if verbose {
                explain(&endpoint, &outcome);
            }
            is_told = true;
            board.tell(place, Some(outcome));
        });
        if !is_told {
            board.tell(place, None);
        }
    }
    board.leave();
}

/// Says the results.
fn say(board: &Board, output: &Output, printer: &Printer, targets: &Targets, drawn: Option<&ProgressBar>) {
    loop {
        let settled = board.news();
        if settled.is_empty() {
            return board.written();
        }
        let say = || output.say(printer, &settled, |place| targets.get(place).1);
        if !drawn.map_or_else(say, |bar| bar.suspend(say)) {
            return board.stop(Stop::Output);
        }
    }
}

/// Tells a step of a connection.
fn step(endpoint: &Endpoint, at: Duration, event: &Event<'_>) {
    let Some(text) = steps::in_words(event) else { return };
    if said::is_json() {
        let since_us = Some(u64::try_from(at.as_micros()).unwrap_or(u64::MAX));
        let text = format!("{endpoint}: {text}");
        said::Happened { since_us, ..said::Happened::new("step", &text) }.say();
    } else {
        let at = at.as_secs_f64() * 1000.0;
        said::text(said::Style::Plain, &format!("{endpoint} {at:>9.3} ms  {text}"));
    }
}

/// Tells which answer matched `--expect`, or all that is known of an attempt that failed.
fn explain(endpoint: &Endpoint, outcome: &Outcome) {
    let facts = outcome.facts.as_deref();
    let text = if outcome.is_open() {
        let Some(received) = facts.and_then(|facts| facts.received.as_deref()) else { return };
        format!("{endpoint}: the answer matches --expect: \"{received}\"")
    } else {
        let detail = facts.and_then(|facts| facts.detail.as_deref());
        let why = detail.map_or_else(String::new, |detail| format!(": {detail}"));
        format!("{endpoint}: {}{why}", outcome.state.words())
    };
    if said::is_json() {
        said::Happened::new("note", &text).say();
    } else {
        said::text(said::Style::Plain, &text);
    }
}
