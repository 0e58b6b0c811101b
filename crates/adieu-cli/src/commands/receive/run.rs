//! `adieu receive`: what a sender sends, stored whole or not at all, and a receipt for it.

use crate::commands::transfer::meeting::Met;
use crate::commands::transfer::progress::Progress;
use crate::commands::transfer::{DEADLINE, IDLE_TIMEOUT, Origin, Session, Transfer, own_files};
use crate::exit::{self, ExitStatus};
use crate::options::{Reporting, Shared, endpoint};
use crate::os::{self, Standard};
use crate::printer::complain_with;
use adieu::describe_error;
use adieu_transfer::wire::shown;
use adieu_transfer::{ReceiveOptions, Role, Storage, TransferEvent};
use clap::ArgAction;
use clap::builder::BoolishValueParser;
use std::ffi::OsString;
use std::io::IsTerminal;
use std::ops::ControlFlow::Break;
use std::path::PathBuf;

/// Receive what an adieu send sends, store it whole or not at all, and answer a receipt
///
/// What comes is written to a partial beside its name, hashed, synced and renamed; then the receipt is sent. A file that
/// is not whole never appears under its name, and an existing one is replaced in one step. Exit status 0 means: whole,
/// verified and stored.
#[derive(Debug, clap::Args)]
#[command(after_long_help = exit::TABLE, mut_arg("input_grace", |a| a.hide(true)), mut_arg("idle_timeout", |a| a.help(IDLE_TIMEOUT)), mut_arg("deadline", |a| a.help(DEADLINE)))]
pub(crate) struct Args {
    /// The endpoint, in one word or two
    #[arg(help = "Where to listen: host:port, [::1]:port, host port, tls://host:port, or unix:path; port 0 lets the system choose", value_name = "ENDPOINT", num_args = 0..=2, default_value = "127.0.0.1:27015")]
    endpoint: Vec<OsString>,

    /// Where it goes: a directory takes everything under its name; else it is the name of the one file, or of a directory
    /// that is made; - is stdout, and then nothing is stored. A link to a file is replaced
    #[arg(short, long, value_name = "PATH", required = true, env = "ADIEU_OUTPUT", hide_env_values = true)]
    output: PathBuf,

    /// Connect to a sender that listens at ENDPOINT
    #[arg(short, long, env = "ADIEU_CONNECT", hide_env_values = true, action = ArgAction::SetTrue,
          value_parser = BoolishValueParser::new())]
    connect: bool,

    #[command(flatten)]
    transfer: Transfer,

    #[command(flatten)]
    shared: Shared,
}

impl Args {
    /// What is said, and where.
    pub(crate) const fn reporting(&self) -> &Reporting {
        &self.shared.reporting
    }
}

pub(crate) fn run(args: &Args) -> ExitStatus {
    let endpoint = match endpoint(&args.endpoint) {
        Ok(endpoint) => endpoint,
        Err(error) => {
            let hint = args.transfer.hint(args.endpoint.iter().map(OsString::as_os_str));
            complain_with(&format!("{error:#}"), hint.as_deref());
            return ExitStatus::Usage;
        }
    };
    if let Err(status) =
        own_files::check(&args.shared, &args.transfer, std::slice::from_ref(&args.output), "stored")
    {
        return status;
    }
    let mut session = match Session::new(Role::Receive, endpoint, !args.connect, &args.shared, &args.transfer)
    {
        Ok(session) => session,
        Err(status) => return status,
    };
    session.shares_terminal = args.output.as_os_str() == "-" && std::io::stdout().is_terminal();
    let secret = match session.secret(&args.transfer) {
        Ok(secret) => secret,
        Err(status) => return status,
    };
    // Small files share a sync, and each that waits for it holds a descriptor.
    os::raise_descriptor_limit();
    // Before anybody is asked to connect. All attempts use it: what is put under the output's name later is not the user's.
    let storage = match storage(args) {
        Ok(storage) => storage,
        Err(words) => return session.local_failure(&words),
    };
    let for_sender = if args.output.as_os_str() == "-" { " --accept written" } else { "" };
    let origin =
        match session.origin(&args.transfer, for_sender, secret.as_ref(), args.shared.timers.idle_timeout) {
            Ok(origin) => origin,
            Err(status) => return status,
        };
    let options = ReceiveOptions {
        resume: args.transfer.resume,
        secret,
        limit_rate: args.transfer.limit_rate,
        patience: args.shared.timers.idle_timeout,
        deadline: session.deadline,
    };
    attempt(args, storage, session, origin, &options)
}

fn storage(args: &Args) -> Result<Storage, String> {
    if args.output.as_os_str() != "-" {
        return Storage::at(&args.output).map_err(|error| error.to_string());
    }
    let stdout = os::check_standard(Standard::Output).and_then(|()| os::stdout_file());
    stdout.map(Storage::stream).map_err(|error| format!("cannot write to stdout: {}", describe_error(&error)))
}

/// Receives until it is stored, or no attempt is left.
fn attempt(
    args: &Args,
    mut storage: Storage,
    mut session: Session,
    mut origin: Origin,
    options: &ReceiveOptions,
) -> ExitStatus {
    loop {
        let (report, again) = match session.meet(&mut origin) {
            Met::Never(never) => {
                let again = session.may_connect_again(&never);
                (session.never_connected(never), again)
            }
            Met::Stranger(outcome, wire) => {
                let again = session.may_be_tried_again(&outcome);
                (session.conclude(&outcome, *wire, true), again)
            }
            Met::Peer(mut wire, agreement) => {
                let mut progress = if storage.is_stream() {
                    Progress::to_stdout(&session.printer, session.shares_terminal)
                } else {
                    Progress::new(&session.printer)
                };
                let mut observe = |event: TransferEvent<'_>| progress.tell(event);
                let (wire_ref, storage_ref) = (&mut *wire, &mut storage);
                let mut outcome = match agreement {
                    None => adieu_transfer::receive(wire_ref, storage_ref, options, &mut observe),
                    Some(agreement) => adieu_transfer::receive_agreed(
                        wire_ref,
                        *agreement,
                        storage_ref,
                        options,
                        &mut observe,
                    ),
                };
                progress.finish();
                outcome.set_place(shown(args.output.as_os_str().as_encoded_bytes()));
                // What went to stdout cannot be taken back.
                let again =
                    session.may_be_tried_again(&outcome) && !(storage.is_stream() && outcome.moved > 0);
                (session.conclude(&outcome, *wire, true), again)
            }
        };
        if let Break(status) = session.after(report, again) {
            return status;
        }
    }
}
