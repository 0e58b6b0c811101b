//! Reads the captures and prints their connections.

use super::arguments::Format;
use super::both;
use super::filter::Filter;
use super::follow::{self, Followed};
use super::html;
use super::lines::{InOrder, Line};
use super::live::Live;
use super::pass::{Pass, Step, open, tell_counts, through, told, unreadable, worst};
use super::plan::{Capture, Plan, What};
use super::{summary, summary_json};
use crate::exit::ExitStatus;
use crate::stdout::{print, to_stdout};
use adieu_explain::format::ZEEK_HEADER;
use adieu_explain::summary::Summary;
use adieu_explain::table::{Finished, Limits};
use std::io::{self, BufWriter, Read, Write};
use std::net::SocketAddr;
use std::time::Duration;

/// How long a connection of a live capture is kept after its end, for segments that come late.
const LIVE_LINGER: Duration = Duration::from_secs(2);

pub(super) fn run(plan: Plan) -> ExitStatus {
    if let Some(destination) = &plan.html {
        return html::run(&plan, destination);
    }
    let Plan { captures, what, filter, .. } = plan;
    let status = explain_all(captures, what, &filter);
    let is_for_people = match what {
        What::Connections(format) => matches!(format, Format::Text | Format::Brief),
        What::Summary(is_json) | What::Compare(is_json) => !is_json,
        // They say so themselves.
        What::Follow(_) | What::Both(_) => false,
    };
    if is_for_people && status == ExitStatus::Success {
        filter.complain_of_none();
    }
    status
}

fn explain_all(captures: Vec<Capture>, what: What, filter: &Filter) -> ExitStatus {
    match what {
        What::Connections(format) => connections(&captures, format, filter),
        What::Summary(is_json) => {
            let mut summary = Summary::default();
            let status = worst(captures.iter().map(|capture| count(capture, filter, &mut summary)));
            let printed = if is_json {
                lines(|out| summary_json::tables(&summary, out))
            } else {
                print(summary::tables(&summary).as_bytes())
            };
            worst([status, printed])
        }
        What::Compare(is_json) => {
            let mut summaries = [Summary::default(), Summary::default()];
            let counted =
                captures.iter().zip(&mut summaries).map(|(one, summary)| count(one, filter, summary));
            let status = worst(counted);
            let [before, after] = &summaries;
            let printed = if is_json {
                lines(|out| summary_json::changes(before, after, out))
            } else {
                print(summary::changes(before, after).as_bytes())
            };
            worst([status, printed])
        }
        What::Both(form) => {
            let captures = captures.try_into().expect("the plan has two captures");
            both::run(&captures, form, filter)
        }
        What::Follow(end) => worst(captures.iter().map(|capture| follow_end(capture, filter, end))),
    }
}

/// Prints what `write` writes.
fn lines(write: impl FnOnce(&mut BufWriter<io::StdoutLock<'_>>) -> io::Result<()>) -> ExitStatus {
    to_stdout(|| {
        let mut out = BufWriter::new(io::stdout().lock());
        write(&mut out)?;
        out.flush()
    })
}

/// Counts the connections of a capture.
fn count(capture: &Capture, filter: &Filter, summary: &mut Summary) -> ExitStatus {
    let passed = through(capture, filter, None, &mut |one| {
        let verdict = one.judge();
        if filter.wants(&verdict) {
            summary.add(&verdict);
        }
    });
    passed.status
}

/// Draws the connections of a capture that have this end.
fn follow_end(capture: &Capture, filter: &Filter, end: SocketAddr) -> ExitStatus {
    let mut followed = Followed::default();
    let passed = through(capture, filter, Some(follow::recording(end)), &mut |one| {
        if one.connection.ends().contains(&end) {
            let verdict = one.judge();
            if filter.wants(&verdict) {
                followed.push(verdict, one.ladder);
            }
        }
    });
    let blocks = followed.drawn();
    let said = if blocks.is_empty() {
        format!("no connection with the end {end} was found\n")
    } else {
        blocks.join("\n")
    };
    worst([passed.status, print(said.as_bytes())])
}

/// Prints each connection.
fn connections(captures: &[Capture], format: Format, filter: &Filter) -> ExitStatus {
    let mut status = ExitStatus::Success;
    let printed = to_stdout(|| {
        let mut out = Out {
            writer: BufWriter::new(io::stdout().lock()),
            format,
            several: captures.len() > 1,
            printed: false,
        };
        if format == Format::Zeek {
            out.writer.write_all(ZEEK_HEADER.as_bytes())?;
        }
        for capture in captures {
            status = worst([status, explain(capture, filter, &mut out)?]);
        }
        out.writer.flush()
    });
    if printed == ExitStatus::Success { status } else { printed }
}

/// Where lines go.
struct Out<W> {
    writer: W,
    format: Format,
    /// Whether a line has to say of which capture it is.
    several: bool,
    /// Whether a connection was printed.
    printed: bool,
}

impl<W: Write> Out<W> {
    fn print(&mut self, name: &str, number: u64, line: &Line) -> io::Result<()> {
        if std::mem::replace(&mut self.printed, true) && self.format == Format::Text {
            self.writer.write_all(b"\n")?;
        }
        line.write(&mut self.writer, self.format, name, number, self.several)
    }

    /// Prints lines that somebody waits for.
    fn print_all(&mut self, name: &str, number: &mut u64, lines: &mut Vec<Line>) -> io::Result<()> {
        if lines.is_empty() {
            return Ok(());
        }
        for line in lines.drain(..) {
            *number += 1;
            self.print(name, *number, &line)?;
        }
        self.writer.flush()
    }
}

/// Explains one capture. `Err`: stdout failed.
fn explain(capture: &Capture, filter: &Filter, out: &mut Out<impl Write>) -> io::Result<ExitStatus> {
    match capture {
        Capture::File(path) => {
            let name = path.display().to_string();
            match open(path) {
                Ok(file) => whole(file, &name, filter, out),
                Err(error) => Ok(unreadable(&name, &error)),
            }
        }
        Capture::Stdin => match Live::new() {
            Ok(stdin) => live(stdin, filter, out),
            Err(error) => Ok(unreadable("stdin", &error)),
        },
    }
}

/// Explains a file: its connections are in the order of their first frames.
fn whole(file: impl Read, name: &str, filter: &Filter, out: &mut Out<impl Write>) -> io::Result<ExitStatus> {
    let format = out.format;
    let (mut lines, mut number) = (InOrder::default(), 0);
    let mut pass = Pass::new(file, Limits::default(), filter);
    let mut next = |line: Line, out: &mut Out<_>| {
        number += 1;
        out.print(name, number, &line)
    };
    let status = loop {
        match pass.step(&mut |one| {
            if let Some(line) = line(&one, filter, format) {
                lines.push(line);
            }
        }) {
            Step::Frame | Step::Nothing => {}
            Step::Over(error) => break told(name, error),
        }
        while let Some(line) = lines.pop_surplus() {
            next(line, out)?;
        }
    };
    let mut failed = Ok(());
    let (counts, evicted) = pass.finish(&mut |one| {
        if let Some(line) = line(&one, filter, format) {
            lines.push(line);
        }
        while let Some(line) = lines.pop_surplus().filter(|_| failed.is_ok()) {
            failed = next(line, out);
        }
    });
    failed?;
    while let Some(line) = lines.pop() {
        next(line, out)?;
    }
    out.writer.flush()?;
    tell_counts(name, &counts, evicted);
    Ok(status)
}

/// Explains a capture that is still being written: a connection is printed when it is over.
fn live(input: impl Read, filter: &Filter, out: &mut Out<impl Write>) -> io::Result<ExitStatus> {
    let limits = Limits { linger: LIVE_LINGER, ..Limits::default() };
    let mut pass = Pass::new(input, limits, filter);
    let format = out.format;
    let mut lines = Vec::new();
    let mut number = 0;
    let status = loop {
        let step = pass.step(&mut |one| lines.extend(line(&one, filter, format)));
        out.print_all("-", &mut number, &mut lines)?;
        match step {
            Step::Frame => {}
            Step::Nothing => pass.wait(&mut |one| lines.extend(line(&one, filter, format))),
            Step::Over(error) => break told("stdin", error),
        }
    };
    let (counts, evicted) = pass.finish(&mut |one| lines.extend(line(&one, filter, format)));
    out.print_all("-", &mut number, &mut lines)?;
    tell_counts("stdin", &counts, evicted);
    Ok(status)
}

/// A connection as it is printed. `None`: it is not wanted.
fn line(one: &Finished, filter: &Filter, format: Format) -> Option<Line> {
    let verdict = one.judge();
    filter.wants(&verdict).then(|| Line::of(&verdict, one.reason, format))
}
