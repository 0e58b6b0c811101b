//! `adieu completions SHELL`.

use crate::exit::ExitStatus;
use crate::printer::complain;
use clap_complete::Shell;
use std::io::{self, Write};

/// Print a shell's completion script
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The shell
    shell: Shell,
}

pub(crate) fn run(args: &Args, definition: &mut clap::Command) -> ExitStatus {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, definition, "adieu", &mut script);
    print(&script)
}

/// Writes what the user asked for to stdout.
pub(crate) fn print(bytes: &[u8]) -> ExitStatus {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
        Ok(()) => ExitStatus::Success,
        Err(error) => {
            complain(&format!("cannot write to stdout: {}", adieu::describe_error(&error)));
            ExitStatus::LocalFailure
        }
    }
}
