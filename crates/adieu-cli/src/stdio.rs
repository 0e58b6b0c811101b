//! Standard input and output as a connection's two ends.

use crate::os::{self, Standard};
use std::fs::File;
use std::io::{self, IsTerminal};
use std::path::Path;

/// Standard input as the connection's input.
pub(crate) fn input() -> io::Result<adieu::exchange::Input> {
    os::check_standard(Standard::Input)?;
    adieu::exchange::Input::stdin()
}

/// Standard output as the connection's output. The program that has nothing more to write there after the connection
/// closes it at its end: [`closes_standard`](adieu::exchange::Output::closes_standard).
pub(crate) fn output() -> io::Result<adieu::exchange::Output> {
    os::check_standard(Standard::Output)?;
    adieu::exchange::Output::stdout()
}

pub(crate) fn stdin_is_terminal() -> bool {
    io::stdin().is_terminal()
}

/// Opens the file that is to be a connection's output, or makes it. What it has stays until there is a connection: see
/// [`empty_file`](adieu_os::empty_file).
pub(crate) fn open(path: &Path) -> io::Result<File> {
    if adieu_os::that_is_file(path) == Some("stdin") {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is our stdin, and would be lost"));
    }
    File::options().write(true).create(true).truncate(false).open(path)
}
