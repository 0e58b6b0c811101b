//! What `adieu receive` is going to do: where from, where to, and what the two sides agree on.
//!
//! Where it goes is opened when it runs.

use super::arguments::Args;
use crate::commands::transfer::{self, own_files};
use crate::no_plan::NoPlan;
use crate::options::{connecting_endpoint, listening_endpoint};
use adieu_transfer::TransferRole;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub(crate) struct Plan {
    pub(super) transfer: transfer::plan::Plan,
    /// Where it goes; `-` is stdout.
    pub(super) output: PathBuf,
    /// What is there is not replaced.
    pub(super) no_clobber: bool,
    /// One sender after the other is served. After a signal, the one that is has so long to end.
    pub(super) keep_open: Option<Duration>,
}

impl Plan {
    pub(crate) fn new(args: &Args) -> Result<Self, NoPlan> {
        let parse = if args.connect { connecting_endpoint } else { listening_endpoint };
        let hint = || args.transfer.hint(args.endpoint.iter().map(OsString::as_os_str));
        if let (true, [word]) = (args.transfer.takes_word_from_retry(&args.endpoint), &args.endpoint[..]) {
            let (why, hint) = (
                format!("'{0}' is read as the endpoint: write :{0} if it is a port", word.display()),
                hint(),
            );
            return Err(NoPlan::Refused { why, hint });
        }
        let endpoint = parse(&args.endpoint)
            .map_err(|error| NoPlan::Refused { why: format!("{error:#}"), hint: hint() })?;
        let output = args.output.clone();
        own_files::check(&args.shared, &args.transfer, std::slice::from_ref(&output), "stored")?;
        if args.keep_open {
            check_directory(&output)?;
        }
        let (listens, role) = (!args.connect, TransferRole::Receive);
        let (shared, transfer) = (&args.shared, &args.transfer);
        let transfer = transfer::plan::Plan::new(role, endpoint, listens, args.keep_open, shared, transfer)?;
        Ok(Self {
            transfer,
            output,
            no_clobber: args.no_clobber,
            keep_open: args.keep_open.then_some(args.grace),
        })
    }

    /// Whether what comes is stored in a directory, each file under its name.
    pub(super) fn is_into_directory(&self) -> bool {
        is_named_so(&self.output) || self.output.is_dir()
    }

    /// Whether it is written to stdout, and nothing is stored.
    pub(super) fn is_to_stdout(&self) -> bool {
        self.output.as_os_str() == "-"
    }
}

/// Refuses an output that several senders would write to one after the other, each in the place of the one before.
fn check_directory(output: &Path) -> Result<(), NoPlan> {
    let shown = output.display();
    let is = match std::fs::metadata(output) {
        _ if output.as_os_str() == "-" => "is stdout".to_owned(),
        Ok(there) if there.is_dir() => return Ok(()),
        Err(_) if is_named_so(output) => return Ok(()),
        Ok(_) => "is not a directory".to_owned(),
        Err(_) => format!("is not there: make it, or write {shown}/, and it is made"),
    };
    Err(NoPlan::refused(format!("with --keep-open, --output has to be a directory: {shown} {is}")))
}

/// Whether it is written as a directory is, with a separator at its end.
fn is_named_so(output: &Path) -> bool {
    output.as_os_str().as_encoded_bytes().last().is_some_and(|b| std::path::is_separator(char::from(*b)))
}
