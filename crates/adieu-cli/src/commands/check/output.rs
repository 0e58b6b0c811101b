//! Where the results are said: stdout is this command's answer, unless it is to be another command's.

use super::board::Settled;
use super::outcome;
use crate::options::reporting::{ReportFormat, Reports};
use crate::os::{self, Standard};
use crate::printer::{Printer, complain};
use crate::said::{self, Style};
use adieu::{Endpoint, describe_error};
use std::io::{self, Write};

pub(super) struct Output {
    to: To,
    format: ReportFormat,
    /// What is open is not said.
    quiet: bool,
    /// What is not open is not said.
    only_open: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum To {
    Stdout,
    /// stdout is the command's that follows.
    Stderr,
    File,
}

impl Output {
    pub(super) fn new(reports: &Reports, only_open: bool, has_command: bool) -> Self {
        let to = match () {
            () if reports.file.is_some() => To::File,
            () if has_command => To::Stderr,
            () => To::Stdout,
        };
        // As of reports: whoever asks for JSON, or for a file, wants them.
        let quiet = reports.quiet && reports.format == ReportFormat::Text && to != To::File;
        Self { to, format: reports.format, quiet, only_open }
    }

    /// Whether results can be said. If stdout was closed when we started, that is told, unless there may be nothing to say.
    pub(super) fn is_there(&self) -> bool {
        let says_all = self.format != ReportFormat::None && !self.quiet;
        if self.to != To::Stdout || !says_all {
            return true;
        }
        let there = os::check_standard(Standard::Output);
        there.inspect_err(complain_of_stdout).is_ok()
    }

    /// Says some results. False: nobody takes them, which was told.
    pub(super) fn say(
        &self,
        printer: &Printer,
        settled: &[Settled],
        endpoint: impl Fn(usize) -> Endpoint,
    ) -> bool {
        let wanted = settled.iter().filter(|settled| {
            let is_open = settled.outcome.is_open();
            !(self.format == ReportFormat::None || self.quiet && is_open || self.only_open && !is_open)
        });
        let mut lines = String::new();
        for Settled { place, outcome, tries } in wanted {
            let endpoint = endpoint(*place);
            let is_json = self.format == ReportFormat::Json;
            let make = if is_json { outcome::json } else { outcome::line };
            let line = make(&endpoint, outcome, *tries);
            if self.to != To::Stderr {
                lines += &line;
                lines.push('\n');
            } else if is_json {
                said::json_line(&line);
            } else {
                said::text(if outcome.is_open() { Style::Plain } else { Style::Bad }, &line);
            }
        }
        match self.to {
            _ if lines.is_empty() => true,
            To::Stderr => true,
            To::File => printer.lines(&lines),
            To::Stdout => to_stdout(lines.as_bytes()),
        }
    }
}

fn to_stdout(lines: &[u8]) -> bool {
    let mut stdout = io::stdout().lock();
    let written = os::check_standard(Standard::Output).and_then(|()| stdout.write_all(lines));
    match written.and_then(|()| stdout.flush()) {
        Ok(()) => true,
        Err(error) => {
            // Who reads the first lines has read what he wanted.
            if error.kind() != io::ErrorKind::BrokenPipe {
                complain_of_stdout(&error);
            }
            false
        }
    }
}

fn complain_of_stdout(error: &io::Error) {
    complain(&format!("cannot write to stdout: {}", describe_error(error)));
}
