//! One way through a capture: its frames become connections that are over.

use super::filter::Filter;
use super::live::Live;
use super::plan::Capture;
use crate::exit::ExitStatus;
use crate::printer::complain;
use adieu_explain::capture::{CaptureError, Reader};
use adieu_explain::ladder::Recording;
use adieu_explain::packet::{Counts, Decoder, Packet};
use adieu_explain::segment::Timestamp;
use adieu_explain::table::{Finished, Limits, Table};
use adieu_explain::words;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::time::Instant;

/// The exit status of a capture that is cut or damaged.
const TRUNCATED: ExitStatus = ExitStatus::Ending(6);

/// What came of going through a capture.
pub(super) struct Passed {
    pub(super) status: ExitStatus,
    pub(super) counts: Counts,
    /// How many connections were handed on because too many were open at once.
    pub(super) evicted: u64,
    /// The earliest and the latest time of a frame.
    pub(super) span: Option<(Timestamp, Timestamp)>,
    /// Why it was not read, or not to its end.
    pub(super) problem: Option<String>,
}

/// Goes through a whole capture: every connection when it is over.
pub(super) fn through(
    capture: &Capture,
    filter: &Filter,
    ladders: Option<Recording>,
    finished: &mut dyn FnMut(Finished),
) -> Passed {
    let name = capture.name();
    let input: io::Result<Box<dyn Read>> = match capture {
        Capture::File(path) => open(path).map(|file| Box::new(file) as Box<dyn Read>),
        Capture::Stdin => Live::new().map(|stdin| Box::new(stdin) as Box<dyn Read>),
    };
    let input = match input {
        Ok(input) => input,
        Err(error) => {
            return Passed {
                status: unreadable(&name, &error),
                counts: Counts::default(),
                evicted: 0,
                span: None,
                problem: Some(adieu::describe_error(&error)),
            };
        }
    };
    let mut pass = Pass::new(input, Limits { ladders, ..Limits::default() }, filter);
    let error = loop {
        match pass.step(&mut *finished) {
            Step::Frame | Step::Nothing => {}
            Step::Over(error) => break error,
        }
    };
    let problem = error.as_ref().map(ToString::to_string);
    let status = told(&name, error);
    let span = pass.span;
    let (counts, evicted) = pass.finish(&mut *finished);
    tell_counts(&name, &counts, evicted);
    Passed { status, counts, evicted, span, problem }
}

/// The largest of several exit statuses.
pub(super) fn worst(statuses: impl IntoIterator<Item = ExitStatus>) -> ExitStatus {
    statuses.into_iter().max_by_key(|status| status.number()).unwrap_or(ExitStatus::Success)
}

pub(super) fn open(path: &Path) -> io::Result<File> {
    let file = File::open(path)?;
    if file.metadata()?.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    Ok(file)
}

pub(super) fn unreadable(name: &str, error: &io::Error) -> ExitStatus {
    complain(&format!("cannot read {name}: {}", adieu::describe_error(error)));
    ExitStatus::LocalFailure
}

/// One way through a capture.
pub(super) struct Pass<'r> {
    reader: Reader<'r>,
    filter: &'r Filter,
    decoder: Decoder,
    table: Table,
    counts: Counts,
    /// The earliest and the latest time of a frame.
    span: Option<(Timestamp, Timestamp)>,
    /// Since when nothing has come.
    quiet_since: Option<Instant>,
}

pub(super) enum Step {
    Frame,
    /// Nothing has come yet.
    Nothing,
    /// The capture has ended, perhaps by an error.
    Over(Option<CaptureError>),
}

impl<'r> Pass<'r> {
    pub(super) fn new(input: impl Read + 'r, limits: Limits, filter: &'r Filter) -> Self {
        Self {
            reader: Reader::new(input),
            filter,
            decoder: Decoder::new(),
            table: Table::new(limits),
            counts: Counts::default(),
            span: None,
            quiet_since: None,
        }
    }

    /// The next frame.
    pub(super) fn step(&mut self, finished: &mut (impl FnMut(Finished) + ?Sized)) -> Step {
        let frame = match self.reader.next_frame() {
            Ok(Some(frame)) => frame,
            Ok(None) => return Step::Over(None),
            Err(error) if error.can_be_repeated() => return Step::Nothing,
            Err(error) => return Step::Over(Some(error)),
        };
        let packet = self.filter.taken(self.decoder.decode(&frame));
        self.counts.add(&packet);
        if let Packet::Tcp(segment) = &packet
            && self.filter.wants_segment(segment)
        {
            self.table.observe(segment, &mut |one| finished(one));
        }
        self.span = Some(match self.span {
            Some((first, last)) => (first.min(frame.time), last.max(frame.time)),
            None => (frame.time, frame.time),
        });
        self.quiet_since = None;
        Step::Frame
    }

    /// Lets the capture's time go on with ours.
    pub(super) fn wait(&mut self, finished: &mut impl FnMut(Finished)) {
        let quiet_for = self.quiet_since.get_or_insert_with(Instant::now).elapsed();
        if let Some((_, last)) = self.span {
            self.table.pass(last.saturating_add(quiet_for), finished);
        }
    }

    pub(super) fn finish(self, finished: &mut (impl FnMut(Finished) + ?Sized)) -> (Counts, u64) {
        let evicted = self.table.evicted();
        self.table.finish(&mut |one| finished(one));
        (self.counts, evicted)
    }
}

/// Says why a capture ended before its end.
pub(super) fn told(name: &str, error: Option<CaptureError>) -> ExitStatus {
    let Some(error) = error else { return ExitStatus::Success };
    complain(&format!("{name}: {error}"));
    match error {
        CaptureError::NotACapture(_) => ExitStatus::Usage,
        CaptureError::Read { .. } => ExitStatus::LocalFailure,
        _ => TRUNCATED,
    }
}

/// Says what was not explained, if there was something.
pub(super) fn tell_counts(name: &str, counts: &Counts, evicted: u64) {
    for what in words::passed_over(counts, evicted) {
        complain(&format!("{name}: {what}"));
    }
    if counts.bad_checksums * 2 > counts.tcp {
        complain(&format!(
            "{name}: {} of {} {} a wrong checksum and {} left out. If the capture was taken on the host that \
             sent them, its network card was to fill the checksums in (checksum offload): --ignore-checksums takes them as right",
            counts.bad_checksums,
            words::counted(counts.tcp, "TCP segment", "TCP segments"),
            words::verb(counts.bad_checksums, "has", "have"),
            words::verb(counts.bad_checksums, "was", "were")
        ));
    }
}
