//! Windows: the console's events, commands.

pub(crate) mod service_manager;
pub(crate) mod signals;
mod standard;

pub(crate) use standard::check_standard;

/// A command line, as the system's shell reads it.
pub(crate) fn shell(line: &str) -> std::process::Command {
    use std::os::windows::process::CommandExt;
    let mut command = std::process::Command::new("cmd");
    // As it was written: cmd has rules of its own for quotes.
    command.arg("/C").raw_arg(line);
    command
}
