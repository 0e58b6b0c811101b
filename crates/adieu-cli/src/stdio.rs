//! Standard input and output as a connection's two ends.

use crate::os::{self, Standard};
use std::io::{self, IsTerminal};
use std::path::Path;

/// Standard input as the connection's input.
pub(crate) fn input() -> io::Result<adieu::exchange::Input> {
    os::check_standard(Standard::Input)?;
    adieu::exchange::Input::stdin()
}

/// Standard output as the connection's output.
pub(crate) fn output() -> io::Result<adieu::exchange::Output> {
    os::check_standard(Standard::Output)?;
    adieu::exchange::Output::stdout()
}

pub(crate) fn stdin_is_terminal() -> bool {
    io::stdin().is_terminal()
}

/// Creates the file that is the connection's output, unless that would empty the connection's input.
pub(crate) fn create(path: &Path) -> io::Result<std::fs::File> {
    if os::that_is_file(path) == Some("stdin") {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is our stdin, and would be lost"));
    }
    std::fs::File::create(path)
}
