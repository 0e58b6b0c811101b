//! `send --dry-run`: says what would be sent, and connects to nobody.

use crate::commands::transfer;
use crate::exit::ExitStatus;
use crate::options::reporting::ReportFormat;
use crate::printer::complain;
use crate::said;
use crate::stdout::to_stdout;
use adieu_transfer::wire::shown;
use adieu_transfer::{Listed, SourceError, Sources};
use serde::Serialize;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

/// One line: an entry, or at the end the sum.
#[derive(Serialize, Default)]
struct Line {
    /// `file`, `stream`, `directory`, `link`, `excluded`, `skipped`, `total`.
    entry: &'static str,
    /// The name at the receiver; of what is left out, the path here.
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    /// Of a file, in bytes. Absent: only reading tells it.
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
    /// Where a link points to.
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<String>,
    /// Why something is skipped.
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    total: Option<Total>,
}

#[derive(Serialize, Default, Clone)]
struct Total {
    files: u64,
    directories: u64,
    links: u64,
    /// Of the files whose size is known.
    bytes: u64,
    /// Files and streams of which only reading tells the size.
    unsized_files: u64,
    excluded: u64,
    skipped: u64,
}

impl Line {
    fn of(entry: &'static str, path: String) -> Self {
        Self { entry, path: Some(path), ..Self::default() }
    }

    /// For people.
    fn text(&self) -> String {
        if let Some(total) = &self.total {
            return total.text();
        }
        let size = match (self.entry, self.size) {
            (_, Some(size)) => size.to_string(),
            ("file" | "stream", None) => "?".to_owned(),
            _ => String::new(),
        };
        let path = self.path.as_deref().unwrap_or_default();
        let more = match (&self.target, &self.why) {
            (Some(target), _) => format!(" -> {target}"),
            (None, Some(why)) => format!(": {why}"),
            (None, None) => String::new(),
        };
        format!("{:9} {size:>14}  {path}{more}", self.entry)
    }
}

impl Total {
    fn add(&mut self, line: &Line) {
        let count = match line.entry {
            "directory" => &mut self.directories,
            "link" => &mut self.links,
            "excluded" => &mut self.excluded,
            "skipped" => &mut self.skipped,
            _ => &mut self.files,
        };
        *count += 1;
        match (line.entry, line.size) {
            (_, Some(size)) => self.bytes += size,
            ("file" | "stream", None) => self.unsized_files += 1,
            _ => {}
        }
    }

    fn text(&self) -> String {
        let Self { files, directories, links, bytes, unsized_files, excluded, skipped } = self;
        let unknown = match unsized_files {
            0 => String::new(),
            n => format!(" and {n} of unknown size"),
        };
        format!(
            "would send: files {files}, directories {directories}, links {links}; bytes {bytes}{unknown}; \
             excluded {excluded}, skipped {skipped}"
        )
    }
}

/// Why the list is not whole.
enum Stop {
    Source(SourceError),
    Output(io::Error),
    Ended,
}

pub(super) fn run(transfer: &transfer::plan::Plan, sources: &Sources, excluded: &[PathBuf]) -> ExitStatus {
    let is_json = transfer.reports.format == ReportFormat::Json;
    let mut total = Total::default();
    let mut stopped = None;
    let status = to_stdout(|| {
        let mut out = BufWriter::new(io::stdout().lock());
        let result = list(transfer, sources, excluded, &mut total, &mut |line| {
            let line = if is_json { said::json(line) } else { line.text() };
            writeln!(out, "{line}")
        });
        match result {
            Ok(()) => {}
            Err(Stop::Output(error)) => return Err(error),
            Err(stop) => stopped = Some(stop),
        }
        out.flush()
    });
    match stopped {
        Some(Stop::Source(error)) => {
            complain(&error.to_string());
            ExitStatus::LocalFailure
        }
        Some(_) => {
            let report = transfer.ended_before("looking at what is to be sent");
            complain(&report.to_string());
            ExitStatus::Ending(report.exit_code)
        }
        // What sending it would come to at best.
        None if status == ExitStatus::Success && total.skipped > 0 => {
            ExitStatus::Ending(adieu::exit_code(adieu::Ending::Truncated))
        }
        None => status,
    }
}

fn list(
    transfer: &transfer::plan::Plan,
    sources: &Sources,
    excluded: &[PathBuf],
    total: &mut Total,
    write: &mut dyn FnMut(&Line) -> io::Result<()>,
) -> Result<(), Stop> {
    let mut failed = None;
    let mut say = |line: &Line| {
        total.add(line);
        failed = write(line).err();
        failed.is_none()
    };
    for path in excluded {
        say(&Line::of("excluded", shown(path.as_os_str().as_encoded_bytes())));
    }
    let whole = sources.list(&mut |listed| {
        let line = line_of(listed)?;
        Ok(say(&line) && transfer.may_go_on())
    });
    match (whole, failed) {
        (_, Some(error)) => Err(Stop::Output(error)),
        (Err(error), None) => Err(Stop::Source(error)),
        (Ok(false), None) => Err(Stop::Ended),
        (Ok(true), None) => {
            let last = Line { entry: "total", total: Some(total.clone()), ..Line::default() };
            write(&last).map_err(Stop::Output)
        }
    }
}

fn line_of(listed: Listed) -> Result<Line, SourceError> {
    Ok(match listed {
        Listed::File(file) => Line { size: file.size()?, ..Line::of("file", file.path().to_string()) },
        Listed::Stream { path } => Line::of("stream", path.to_string()),
        Listed::Directory { path } => Line::of("directory", path.to_string()),
        Listed::Link { path, target } => {
            Line { target: Some(shown(&target)), ..Line::of("link", path.to_string()) }
        }
        Listed::Excluded { place } => Line::of("excluded", place),
        Listed::Skipped { place, why } => Line { why: Some(why.to_string()), ..Line::of("skipped", place) },
    })
}
