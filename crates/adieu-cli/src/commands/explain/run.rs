//! Reads the captures and prints their connections.

use super::arguments::Format;
use super::filter::Filter;
use super::lines::Line;
use super::live::Live;
use super::plan::{Capture, Plan};
use crate::exit::ExitStatus;
use crate::printer::complain;
use crate::stdout::to_stdout;
use adieu_explain::capture::{CaptureError, Reader};
use adieu_explain::format::ZEEK_HEADER;
use adieu_explain::packet::{Counts, Decoder, Packet};
use adieu_explain::segment::Timestamp;
use adieu_explain::table::{Finished, Limits, Table};
use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::path::Path;
use std::time::{Duration, Instant};

/// How long a connection of a live capture is kept after its end, for segments that come late.
const LIVE_LINGER: Duration = Duration::from_secs(2);

/// The exit status of a capture that is cut or damaged.
const TRUNCATED: ExitStatus = ExitStatus::Ending(6);

pub(super) fn run(plan: Plan) -> ExitStatus {
    let Plan { captures, format, filter } = plan;
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
        for capture in &captures {
            let of_this = explain(capture, &filter, &mut out)?;
            if of_this.number() > status.number() {
                status = of_this;
            }
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

fn open(path: &Path) -> io::Result<File> {
    let file = File::open(path)?;
    if file.metadata()?.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    Ok(file)
}

fn unreadable(name: &str, error: &io::Error) -> ExitStatus {
    complain(&format!("cannot read {name}: {}", adieu::describe_error(error)));
    ExitStatus::LocalFailure
}

/// Explains a file: its connections are in the order of their first frames.
fn whole(file: impl Read, name: &str, filter: &Filter, out: &mut Out<impl Write>) -> io::Result<ExitStatus> {
    let format = out.format;
    let mut lines = Vec::new();
    let mut pass = Pass::new(file, Limits::default(), filter);
    let status = loop {
        match pass.step(&mut |one| lines.extend(line(&one, filter, format))) {
            Step::Frame | Step::Nothing => {}
            Step::Over(error) => break told(name, error),
        }
    };
    let (counts, evicted) = pass.finish(&mut |one| lines.extend(line(&one, filter, format)));
    lines.sort_by_key(Line::first_frame);
    for (number, line) in (1..).zip(&lines) {
        out.print(name, number, line)?;
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
    let verdict = one.connection.judge(Some(one.until));
    filter.wants(&verdict).then(|| Line::of(&verdict, one.reason, format))
}

/// One way through a capture.
struct Pass<'r> {
    reader: Reader<'r>,
    filter: &'r Filter,
    decoder: Decoder,
    table: Table,
    counts: Counts,
    /// The latest time of a frame.
    last: Option<Timestamp>,
    /// Since when nothing has come.
    quiet_since: Option<Instant>,
}

enum Step {
    Frame,
    /// Nothing has come yet.
    Nothing,
    /// The capture has ended, perhaps by an error.
    Over(Option<CaptureError>),
}

impl<'r> Pass<'r> {
    fn new(input: impl Read + 'r, limits: Limits, filter: &'r Filter) -> Self {
        Self {
            reader: Reader::new(input),
            filter,
            decoder: Decoder::new(),
            table: Table::new(limits),
            counts: Counts::default(),
            last: None,
            quiet_since: None,
        }
    }

    fn step(&mut self, finished: &mut impl FnMut(Finished)) -> Step {
        let frame = match self.reader.next_frame() {
            Ok(Some(frame)) => frame,
            Ok(None) => return Step::Over(None),
            Err(error) if error.can_be_repeated() => return Step::Nothing,
            Err(error) => return Step::Over(Some(error)),
        };
        let packet = self.decoder.decode(&frame);
        self.counts.add(&packet);
        if let Packet::Tcp(segment) = &packet
            && self.filter.wants_segment(segment)
        {
            self.table.observe(segment, finished);
        }
        self.last = self.last.max(Some(frame.time));
        self.quiet_since = None;
        Step::Frame
    }

    /// Lets the capture's time go on with ours.
    fn wait(&mut self, finished: &mut impl FnMut(Finished)) {
        let quiet_for = self.quiet_since.get_or_insert_with(Instant::now).elapsed();
        if let Some(last) = self.last {
            self.table.pass(last.saturating_add(quiet_for), finished);
        }
    }

    fn finish(self, finished: &mut impl FnMut(Finished)) -> (Counts, u64) {
        let evicted = self.table.evicted();
        self.table.finish(finished);
        (self.counts, evicted)
    }
}

/// Says why a capture ended before its end.
fn told(name: &str, error: Option<CaptureError>) -> ExitStatus {
    let Some(error) = error else { return ExitStatus::Success };
    complain(&format!("{name}: {error}"));
    match error {
        CaptureError::NotACapture(_) => ExitStatus::Usage,
        CaptureError::Read { .. } => ExitStatus::LocalFailure,
        _ => TRUNCATED,
    }
}

/// Says what was not explained, if there was something.
fn tell_counts(name: &str, counts: &Counts, evicted: u64) {
    let links: Vec<String> = counts.unknown_links().iter().map(|link| link.0.to_string()).collect();
    for (count, what) in [
        (counts.fragments, "IP fragments are not put together, so connections may have gaps".to_owned()),
        (counts.unknown_link, format!("frames of link type {} are not understood", links.join(", "))),
        (counts.cut, "the snapshot length cut TCP headers".to_owned()),
        (counts.too_short, "frames are too short for their own headers".to_owned()),
        (counts.bad_ip, "IP headers are impossible".to_owned()),
        (counts.bad_tcp, "TCP headers are impossible".to_owned()),
        (counts.too_many_headers, "frames have more headers than are followed".to_owned()),
    ] {
        if count > 0 {
            let frames = if count == 1 { "frame" } else { "frames" };
            complain(&format!("{name}: {what} ({count} {frames} passed over)"));
        }
    }
    if evicted > 0 {
        complain(&format!(
            "{name}: more connections were open at once than are followed, so {evicted} of them are told in two parts or more"
        ));
    }
}
