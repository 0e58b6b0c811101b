//! Which captures are read, and how their connections are printed.

use super::arguments::{Args, Format};
use super::destination::Destination;
use super::filter::Filter;
use crate::no_plan::NoPlan;
use crate::stdio::stdin_is_terminal;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

pub(crate) struct Plan {
    pub(super) captures: Vec<Capture>,
    pub(super) what: What,
    pub(super) filter: Filter,
    /// Where it is written as a page. `None`: it is printed as text.
    pub(super) html: Option<Destination>,
}

/// What is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    /// Each connection.
    Connections(Format),
    /// How many connections ended how; `true`: as JSON.
    Summary(bool),
    /// What changed from the first capture to the second; `true`: as JSON.
    Compare(bool),
    /// The connections of an address and port, segment by segment.
    Follow(SocketAddr),
    /// What two captures of the same connections show together.
    Both(Form),
}

/// How connections are told that are in two captures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Text,
    Brief,
    Json,
    /// The connections of this address and port, segment by segment.
    Follow(SocketAddr),
}

impl Form {
    pub(super) fn new(format: Option<Format>, follow: Option<SocketAddr>) -> Result<Self, NoPlan> {
        match (format, follow) {
            (None | Some(Format::Text), Some(end)) => Ok(Self::Follow(end)),
            (None | Some(Format::Text), None) => Ok(Self::Text),
            (Some(Format::Brief), None) => Ok(Self::Brief),
            (Some(Format::Json), None) => Ok(Self::Json),
            (Some(Format::Zeek | Format::Eve), _) => Err(NoPlan::refused(
                "--both compares two captures, and neither Zeek's nor Suricata's log has fields for that: --format text, brief or json",
            )),
            (Some(_), Some(_)) => Err(NoPlan::refused("--follow has only the format text")),
        }
    }
}

/// Where a capture is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Capture {
    Stdin,
    File(PathBuf),
}

impl Capture {
    /// The file that is read. `None`: it is stdin.
    fn file(&self) -> Option<&Path> {
        match self {
            Self::Stdin => None,
            Self::File(path) => Some(path),
        }
    }

    /// How it is called in messages.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Stdin => "stdin".to_owned(),
            Self::File(path) => path.display().to_string(),
        }
    }
}

impl Plan {
    pub(super) fn new(args: &Args) -> Result<Self, NoPlan> {
        let captures: Vec<Capture> = args
            .file
            .iter()
            .map(|name| if name == "-" { Capture::Stdin } else { Capture::File(name.into()) })
            .collect();
        if captures.iter().filter(|capture| **capture == Capture::Stdin).count() > 1 {
            return Err(NoPlan::refused("stdin can be read once: - was given twice"));
        }
        if captures.contains(&Capture::Stdin) && stdin_is_terminal() {
            return Err(NoPlan::Refused {
                why: "stdin is a terminal, and no capture".to_owned(),
                hint: Some(
                    "give a file, or let a program write the capture: tcpdump -U -w - | adieu explain -"
                        .to_owned(),
                ),
            });
        }
        if let (Some(since), Some(until)) = (args.since, args.until)
            && until < since
        {
            return Err(NoPlan::refused("--until is before --since: no connection fits"));
        }
        if args.html.is_some() && args.format.is_some() {
            return Err(NoPlan::refused("--html is a page, and takes no --format"));
        }
        if args.both {
            if captures.len() != 2 {
                return Err(NoPlan::refused(
                    "--both takes two captures of the same connections, from two places",
                ));
            }
            if is_one_file(&captures) {
                return Err(NoPlan::refused(
                    "--both takes two captures from two places, and both names are of one file",
                ));
            }
            if args.summary || args.compare {
                return Err(NoPlan::refused("--both cannot be used together with --summary or --compare"));
            }
            if args.html.is_some() {
                return Err(NoPlan::Refused {
                    why: "--both cannot be used together with --html".to_owned(),
                    hint: Some(
                        "leave out --html: --both --follow ADDRESS:PORT draws a connection between both captures as text".to_owned(),
                    ),
                });
            }
            let what = What::Both(Form::new(args.format, args.follow)?);
            return Ok(Self { captures, what, filter: Filter::of(args), html: None });
        }
        let is_json = args.format == Some(Format::Json);
        let what = match (args.summary, args.compare, args.follow) {
            (false, false, None) => What::Connections(args.format.unwrap_or(Format::Text)),
            (.., follow)
                if args
                    .format
                    .is_some_and(|format| format != Format::Text && (!is_json || follow.is_some())) =>
            {
                return Err(NoPlan::refused(
                    "--summary and --compare have only the formats text and json, and --follow only text",
                ));
            }
            (true, false, None) => What::Summary(is_json),
            (false, true, None) if captures.len() == 2 => What::Compare(is_json),
            (false, true, None) => {
                return Err(NoPlan::refused(
                    "--compare takes two captures: the one before and the one after",
                ));
            }
            (false, false, Some(end)) => What::Follow(end),
            _ => {
                return Err(NoPlan::refused(
                    "only one of --summary, --compare and --follow can be used at once",
                ));
            }
        };
        let files: Vec<&Path> = captures.iter().filter_map(Capture::file).collect();
        let html = args.html.as_deref().map(|name| Destination::new(name, &files)).transpose()?;
        Ok(Self { captures, what, filter: Filter::of(args), html })
    }
}

/// Whether both captures are the same regular file. What cannot be looked at is told when it is read.
fn is_one_file(captures: &[Capture]) -> bool {
    let file = |capture: &Capture| capture.file()?.canonicalize().ok().filter(|path| path.is_file());
    let [a, b] = captures else { return false };
    file(a).zip(file(b)).is_some_and(|(a, b)| a == b)
}
