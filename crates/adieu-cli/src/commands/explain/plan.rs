//! Which captures are read, and how their connections are printed.

use super::arguments::{Args, Format};
use super::filter::Filter;
use crate::no_plan::NoPlan;
use crate::stdio::stdin_is_terminal;
use std::path::PathBuf;

pub(crate) struct Plan {
    pub(super) captures: Vec<Capture>,
    pub(super) format: Format,
    pub(super) filter: Filter,
}

/// Where a capture is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Capture {
    Stdin,
    File(PathBuf),
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
        Ok(Self { captures, format: args.format.unwrap_or(Format::Text), filter: Filter::of(args) })
    }
}
