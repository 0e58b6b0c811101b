//! What the user asked for and no peer sent, on stdout: help, scripts, the manual page, the ladder.

use crate::exit::ExitStatus;
use crate::os::{self, Standard};
use crate::printer::complain;
use std::io::{self, Write};

/// Writes what the user asked for to stdout.
pub(crate) fn print(bytes: &[u8]) -> ExitStatus {
    to_stdout(|| io::stdout().write_all(bytes))
}

/// The same, by whoever can write it.
pub(crate) fn to_stdout(write: impl FnOnce() -> io::Result<()>) -> ExitStatus {
    let written = os::check_standard(Standard::Output).and_then(|()| write());
    match written.and_then(|()| io::stdout().flush()) {
        Ok(()) => ExitStatus::Success,
        // Who reads the first lines of a help has read what he wanted.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitStatus::LocalFailure,
        Err(error) => {
            complain(&format!("cannot write to stdout: {}", adieu::describe_error(&error)));
            ExitStatus::LocalFailure
        }
    }
}
