//! What `adieu send` is going to do: what it sends, where to, and what the two sides agree on.
//!
//! The names of what is sent are looked at here. What they hold is looked at when it runs.

use super::arguments::{Accept, Args};
use super::exclude::Excludes;
use crate::commands::transfer::{self, own_files};
use crate::no_plan::NoPlan;
use crate::options::{connecting_endpoint, is_port, listening_endpoint};
use crate::{os, stdio};
use adieu::{Endpoint, describe_error};
use adieu_transfer::{Sources, TransferReport, TransferRole};
use std::path::PathBuf;

pub(crate) struct Plan {
    pub(super) transfer: transfer::plan::Plan,
    pub(super) content: Content,
    /// A receipt that says that all was written, and not stored, is a success too.
    pub(super) accept_written: bool,
    pub(super) preserve: bool,
}

/// What is sent, and how.
pub(super) enum Content {
    /// The bytes of this file alone, as `connect` sends them.
    Plain(PathBuf),
    /// To an adieu receive.
    Sources(Sources),
    /// Nothing: it is only said what would be.
    DryRun {
        sources: Sources,
        /// Of the files that were named.
        left_out: Vec<PathBuf>,
    },
}

impl Plan {
    pub(crate) fn new(args: &Args) -> Result<Self, NoPlan> {
        let (files, endpoint) = destination(&args.words, args.exec.is_some(), args.listen)?;
        own_files::check(&args.shared, &args.transfer, files, "sent")?;
        let transfer = transfer::plan::Plan::new(
            TransferRole::Send,
            endpoint,
            args.listen,
            false,
            &args.shared,
            &args.transfer,
        )?;
        if files.iter().any(|f| f.as_os_str() == "-")
            && let Err(error) = stdio::input()
        {
            let words = format!("cannot read stdin: {}", describe_error(&error));
            return Err(transfer.ended(TransferReport::local_failure(TransferRole::Send, &words), None));
        }
        let excludes = Excludes::new(args.exclude.clone())?;
        let content = match (args.plain, files) {
            (false, _) => {
                let (left_out, files): (Vec<_>, Vec<_>) =
                    files.iter().cloned().partition(|file| excludes.has_named(file));
                if files.is_empty() && !left_out.is_empty() {
                    return Err(NoPlan::refused(
                        "--exclude leaves out everything that is named: nothing is left to send",
                    ));
                }
                let mut sources = sources(args, &files, &transfer)?;
                if !args.exclude.is_empty() {
                    sources = sources.excluding(move |path, is_directory| excludes.has(path, is_directory));
                }
                if args.skip_special {
                    sources = sources.skipping_special();
                }
                if args.dry_run { Content::DryRun { sources, left_out } } else { Content::Sources(sources) }
            }
            (true, [file]) => Content::Plain(file.clone()),
            (true, _) => {
                return Err(NoPlan::refused(
                    "--plain sends one file: nothing says where the next would begin",
                ));
            }
        };
        let accept_written = args.accept == Accept::Written;
        Ok(Self { transfer, content, accept_written, preserve: args.preserve })
    }
}

fn sources(args: &Args, files: &[PathBuf], transfer: &transfer::plan::Plan) -> Result<Sources, NoPlan> {
    let made = match args.exec.clone() {
        Some(line) => Sources::output_of(move || os::shell(&line)),
        None => Sources::new(files),
    };
    let sources = made.map_err(|error| {
        // Two of one name, or one without: no system can change that.
        if error.io_error().is_none() {
            return NoPlan::refused(error.to_string());
        }
        let missing = files.iter().filter(|file| !file.exists()).map(|file| file.as_os_str());
        let report = TransferReport::local_failure(TransferRole::Send, &error.to_string());
        transfer.ended(report, args.transfer.hint(missing))
    })?;
    match &args.name {
        Some(name) => {
            sources.with_name(name.as_encoded_bytes()).map_err(|error| NoPlan::refused(error.to_string()))
        }
        None => Ok(sources),
    }
}

const USAGE: &str = "send takes what to send and where to: adieu send FILE... ENDPOINT, or adieu send --exec COMMAND ENDPOINT";

/// What to send, and where to: the last word, or the last two if those are a host and a port.
fn destination(
    words: &[PathBuf],
    has_command: bool,
    listens: bool,
) -> Result<(&[PathBuf], Endpoint), NoPlan> {
    let missing = || NoPlan::refused(USAGE);
    let parse = if listens { listening_endpoint } else { connecting_endpoint };
    let (last, files) = words.split_last().ok_or_else(missing)?;
    let needed = usize::from(!has_command);
    let host = files.split_last().filter(|(_, files)| is_port(last.as_os_str()) && files.len() >= needed);
    let (files, endpoint) = match host {
        // A port alone is where to listen, and what stands before it is a file.
        Some((host, _)) if host.exists() && listens => (files, parse(&[last.into()])),
        // It could be meant as one of the files.
        Some((host, _)) if host.exists() => {
            let (host, port) = (host.display(), last.display());
            let text =
                format!("'{host} {port}': {host} is a file here; if it is a host, write {host}:{port}");
            return Err(NoPlan::refused(text));
        }
        Some((host, files)) => (files, parse(&[host.into(), last.into()])),
        None if last.exists() && parse(&[last.into()]).is_err() => {
            let text = format!("'{}' is a file, and the receiver's endpoint is missing", last.display());
            return Err(NoPlan::Refused { why: text, hint: Some(USAGE.to_owned()) });
        }
        None => (files, parse(&[last.into()])),
    };
    let endpoint = endpoint?;
    match (has_command, files.is_empty()) {
        (true, true) | (false, false) => Ok((files, endpoint)),
        (false, true) => Err(missing()),
        (true, false) => Err(NoPlan::refused("--exec COMMAND is what is sent: give no files with it")),
    }
}
