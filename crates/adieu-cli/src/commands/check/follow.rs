//! The command that follows once all are open.
//!
//! On Unix it takes our place: it has our process, our descriptors and whatever signals come, and its exit status is the
//! process's. Windows has no such call: there it is run, and its exit status is ours.

use crate::exit::ExitStatus;
use crate::printer::complain;
use crate::said;
use adieu::describe_error;
use std::ffi::OsString;
use std::io;
use std::process::Command;

/// Becomes the command, or runs it to its end. It returns only if that cannot be done.
pub(super) fn become_command(words: &[OsString], before: impl FnOnce() -> Option<ExitStatus>) -> ExitStatus {
    let [program, arguments @ ..] = words else { return ExitStatus::Success };
    let mut command = Command::new(program);
    command.args(arguments);
    // Nothing of ours may come after something of its.
    said::finish();
    if let Some(status) = before() {
        return status;
    }
    let error = become_it(command);
    complain(&format!("cannot run {}: {}", program.display(), describe_error(&error)));
    match error.kind() {
        io::ErrorKind::NotFound => ExitStatus::NoCommand,
        _ => ExitStatus::CommandNotRun,
    }
}

#[cfg(unix)]
fn become_it(mut command: Command) -> io::Error {
    use std::os::unix::process::CommandExt;
    command.exec()
}

#[cfg(windows)]
fn become_it(mut command: Command) -> io::Error {
    match command.status() {
        // Not every status of a process is one of ours.
        Ok(status) => std::process::exit(status.code().unwrap_or(1)),
        Err(error) => error,
    }
}
