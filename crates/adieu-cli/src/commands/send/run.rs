//! `adieu send`: files to a receiver, until it says that they are stored.

use crate::commands::transfer::meeting::Met;
use crate::commands::transfer::progress::Progress;
use crate::commands::transfer::{DEADLINE, IDLE_TIMEOUT, Origin, Session, Transfer, own_files, wait_for};
use crate::exit::{self, ExitStatus};
use crate::options::{Reporting, Shared};
use crate::os;
use crate::printer::{complain, complain_with};
use crate::stdio;
use adieu::exchange::{Input, Output};
use adieu::{Endpoint, describe_error};
use adieu_transfer::{Role, SendOptions, Sources, TransferEvent, TransferReport};
use clap::builder::{BoolishValueParser, NonEmptyStringValueParser, OsStringValueParser, TypedValueParser};
use clap::{ArgAction, ValueEnum};
use std::ffi::OsString;
use std::fs::File;
use std::ops::ControlFlow::Break;
use std::path::PathBuf;

/// Send files to an adieu receive, which answers when they are stored
///
/// The receiver writes to a partial, compares the hash, syncs, renames, and only then answers with a receipt. Our sending
/// side stays open until then. Exit status 0 means: stored and synced under its name at the receiver, and the
/// receipt has our own count and hash. What was sent and is not confirmed is 6, or 5 if --deadline passed before everything
/// was sent; a receiver that says nothing, so that nothing is sent, is 5.
///
/// Directories are sent with all that is in them; links in them as links. A link that points out of the directory that was named
/// is refused, and then nothing is sent.
#[derive(Debug, clap::Args)]
#[command(after_long_help = exit::TABLE, override_usage = "adieu send [OPTIONS] FILE... ENDPOINT\n       adieu send [OPTIONS] --exec COMMAND ENDPOINT", mut_arg("input_grace", |a| a.hide(true)), mut_arg("idle_timeout", |a| a.help(IDLE_TIMEOUT)), mut_arg("deadline", |a| a.help(DEADLINE)))]
pub(crate) struct Args {
    /// Files, directories, or - for stdin; and at the end the receiver: host:port, [::1]:port, host port, tls://host:port, or
    /// unix:path
    #[arg(value_name = "FILE... ENDPOINT", required = true, num_args = 1..)]
    words: Vec<PathBuf>,

    /// Send what this command (a line for the shell) writes to its stdout. It is stored only if the command exits with status 0;
    /// otherwise the receiver is told that it is not whole, and the exit status is 7
    #[arg(long, value_name = "COMMAND", env = "ADIEU_SEND_EXEC", hide_env_values = true, conflicts_with = "plain",
          value_parser = NonEmptyStringValueParser::new())]
    exec: Option<String>,

    /// Wait at ENDPOINT for a receiver that connects
    #[arg(short, long, env = "ADIEU_LISTEN", hide_env_values = true, action = ArgAction::SetTrue,
          value_parser = BoolishValueParser::new())]
    listen: bool,

    /// Send the bytes of one file alone, to a peer that is no adieu receive (nc, socat): there is no receipt, and the exit
    /// status is that of the connection. Not with --resume, --retry, --secret, --secret-file, --limit-rate, --name or --accept
    #[arg(long, env = "ADIEU_PLAIN", hide_env_values = true, action = ArgAction::SetTrue,
          value_parser = BoolishValueParser::new(),
          conflicts_with_all = ["resume", "retry", "secret", "secret_file", "limit_rate", "name", "accept"])]
    plain: bool,

    /// The name that what is sent gets at a receiver whose output is a directory, if it is one file, one directory, or stdin;
    /// as in a/b it is below directories, which are made [default: its own, or "stdin", or "output" with --exec]
    #[arg(long, value_name = "NAME", env = "ADIEU_NAME", hide_env_values = true,
          value_parser = OsStringValueParser::new().try_map(not_empty))]
    name: Option<OsString>,

    /// Which receipt is a success: stored alone, or also written, which a receiver gives that writes to its stdout
    #[arg(
        long,
        value_name = "RECEIPT",
        env = "ADIEU_ACCEPT",
        hide_env_values = true,
        default_value = "stored"
    )]
    accept: Accept,

    #[command(flatten)]
    transfer: Transfer,

    #[command(flatten)]
    shared: Shared,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Accept {
    /// On its disk, synced, under its name
    Stored,
    /// That, or written to the receiver's stdout
    Written,
}

fn not_empty(name: OsString) -> Result<OsString, &'static str> {
    if name.is_empty() { Err("a file has a name") } else { Ok(name) }
}

impl Args {
    /// What is said, and where.
    pub(crate) const fn reporting(&self) -> &Reporting {
        &self.shared.reporting
    }
}

pub(crate) fn run(args: &Args) -> ExitStatus {
    let usage = |text: &str| {
        complain(text);
        ExitStatus::Usage
    };
    let (files, endpoint) = match destination(&args.words, args.exec.is_some()) {
        Ok(parts) => parts,
        Err((error, hint)) => {
            complain_with(&error, hint);
            return ExitStatus::Usage;
        }
    };
    if let Err(status) = own_files::check(&args.shared, &args.transfer, files, "sent") {
        return status;
    }
    let session = match Session::new(Role::Send, endpoint, args.listen, &args.shared, &args.transfer) {
        Ok(session) => session,
        Err(status) => return status,
    };
    let secret = match session.secret(&args.transfer) {
        Ok(secret) => secret,
        Err(status) => return status,
    };
    if files.iter().any(|f| f.as_os_str() == "-")
        && let Err(error) = stdio::input()
    {
        return session.local_failure(&format!("cannot read stdin: {}", describe_error(&error)));
    }
    if args.plain {
        return send_plain(args, files, session);
    }
    let made = match args.exec.clone() {
        Some(line) => Sources::output_of(move || os::shell(&line)),
        None => Sources::new(files),
    };
    let mut sources = match made {
        Ok(sources) => sources,
        // Two of one name, or one without: no system can change that.
        Err(error) if error.io_error().is_none() => return usage(&error.to_string()),
        Err(error) => {
            let missing = files.iter().filter(|file| !file.exists()).map(|file| file.as_os_str());
            return session.local_failure_with(&error.to_string(), args.transfer.hint(missing).as_deref());
        }
    };
    if let Some(name) = &args.name {
        sources = match sources.with_name(name.as_encoded_bytes()) {
            Ok(sources) => sources,
            Err(error) => return usage(&error.to_string()),
        };
    }
    // Before anybody has half of it.
    if let Err(status) = check(&session, &sources) {
        return status;
    }
    let origin = match session.origin(&args.transfer, "", secret.as_ref(), args.shared.timers.idle_timeout) {
        Ok(origin) => origin,
        Err(status) => return status,
    };
    let options = SendOptions {
        resume: args.transfer.resume,
        secret,
        limit_rate: args.transfer.limit_rate,
        patience: args.shared.timers.idle_timeout,
    };
    attempt(session, origin, &sources, options, args.accept == Accept::Written)
}

/// What is wrong with the words, and a hint.
type Wrong = (String, Option<&'static str>);

const USAGE: &str = "send takes what to send and where to: adieu send FILE... ENDPOINT, or adieu send --exec COMMAND ENDPOINT";

/// What to send, and where to: the last word, or the last two if those are a host and a port. Else what is wrong, and a hint.
fn destination(words: &[PathBuf], has_command: bool) -> Result<(&[PathBuf], Endpoint), Wrong> {
    let missing = || (USAGE.to_owned(), None);
    let (last, files) = words.split_last().ok_or_else(missing)?;
    let is_port = last.to_str().is_some_and(|last| last.bytes().all(|b| b.is_ascii_digit()));
    let needed = usize::from(!has_command);
    let (files, endpoint) = match files.split_last().filter(|(_, files)| is_port && files.len() >= needed) {
        // It could be meant as one of the files.
        Some((host, _)) if host.exists() => {
            let (host, port) = (host.display(), last.display());
            let text =
                format!("'{host} {port}': {host} is a file here; if it is a host, write {host}:{port}");
            return Err((text, None));
        }
        Some((host, files)) => (files, crate::options::endpoint(&[host.into(), last.into()])),
        None if last.exists() && Endpoint::try_from(last.as_os_str()).is_err() => {
            let text = format!("'{}' is a file, and the receiver's endpoint is missing", last.display());
            return Err((text, Some(USAGE)));
        }
        None => (files, crate::options::endpoint(&[last.into()])),
    };
    let endpoint = endpoint.map_err(|error| (format!("{error:#}"), None))?;
    match (has_command, files.is_empty()) {
        (true, true) | (false, false) => Ok((files, endpoint)),
        (false, true) => Err(missing()),
        (true, false) => Err(("--exec COMMAND is what is sent: give no files with it".to_owned(), None)),
    }
}

/// Looks at everything that is to be sent, until a signal or the deadline.
fn check(session: &Session, sources: &Sources) -> Result<(), ExitStatus> {
    match sources.check(&mut || session.may_go_on()) {
        Ok(true) => Ok(()),
        Ok(false) => Err(session.ended_before("looking at what is to be sent")),
        Err(error) => Err(session.local_failure(&error.to_string())),
    }
}

/// Sends until it is confirmed, or no attempt is left.
fn attempt(
    mut session: Session,
    mut origin: Origin,
    sources: &Sources,
    mut options: SendOptions,
    accept_written: bool,
) -> ExitStatus {
    loop {
        let (report, again) = match session.meet(&mut origin) {
            Met::Never(never) => {
                let again = session.may_connect_again(&never);
                (session.never_connected(never), again)
            }
            Met::Stranger(outcome, wire) => {
                let again = session.may_be_tried_again(&outcome);
                (session.conclude(&outcome, *wire, accept_written), again)
            }
            Met::Peer(mut wire, agreement) => {
                let mut progress = Progress::new(&session.printer);
                let mut observe = |event: TransferEvent<'_>| progress.tell(event);
                let wire_ref = &mut *wire;
                let mut outcome = match agreement {
                    None => adieu_transfer::send(wire_ref, sources, &options, &mut observe),
                    Some(agreement) => {
                        adieu_transfer::send_agreed(wire_ref, *agreement, sources, &options, &mut observe)
                    }
                };
                progress.finish();
                if let Some(name) = sources.name() {
                    outcome.set_place(name);
                }
                if sources.has_stdin() && outcome.is_whole && outcome.totals.bytes == 0 {
                    session.printer.say("stdin was empty: what was sent has no content");
                }
                // What was read of a pipe cannot be read again.
                let again = session.may_be_tried_again(&outcome)
                    && (sources.can_be_read_again() || outcome.moved == 0);
                (session.conclude(&outcome, *wire, accept_written), again)
            }
        };
        if let Break(status) = session.after(report, again) {
            return status;
        }
        // It may all be there by now, and only the receipt was lost.
        options.resume = true;
    }
}

/// The bytes alone, as `connect` sends them.
fn send_plain(args: &Args, files: &[PathBuf], mut session: Session) -> ExitStatus {
    let [file] = files else {
        complain("--plain sends one file: nothing says where the next would begin");
        return ExitStatus::Usage;
    };
    let input = if file.as_os_str() == "-" {
        stdio::input().map(Some)
    } else {
        let path = file.clone();
        wait_for(move || File::open(path).and_then(Input::try_from), &|| session.may_go_on())
    };
    let input = match input {
        Ok(Some(input)) => input,
        Ok(None) => return session.ended_before(&format!("opening {}", file.display())),
        Err(error) => {
            return session.local_failure(&format!(
                "cannot read {}: {}",
                file.display(),
                describe_error(&error)
            ));
        }
    };
    session.tell_waits();
    let connection = match session.plain_connection(&args.transfer) {
        Ok(Ok(connection)) => connection,
        Ok(Err(never)) => return session.printer.transfer(&session.never_connected(never)),
        Err(status) => return status,
    };
    let report = adieu::exchange(connection, input, Output::null());
    session.printer.transfer(&TransferReport::plain(report))
}
