//! Windows: the console's events, handles, commands.

pub(crate) mod signals;
mod standard;
mod streams;

pub(crate) use standard::{
    check_standard, stdin_has_bytes, stdin_is_a_file_with_bytes, stdin_is_spent, stdout_file, that_is_file,
};
pub(crate) use streams::{open_for_lines, write_now, write_waiting};

/// Windows limits sockets by memory alone.
pub(crate) fn raise_descriptor_limit() {}

/// No limit of a process's memory is looked at.
pub(crate) fn memory_suffices_for(_stack: usize) -> Option<u32> {
    None
}

/// Nothing tells it; the next write does.
pub(crate) fn stdout_reader_has_gone() -> bool {
    false
}

/// What writing to a pipe without a reader says.
pub(crate) fn broken_pipe() -> std::io::Error {
    std::io::ErrorKind::BrokenPipe.into()
}

/// How many more sockets there may be.
pub(crate) fn free_descriptors() -> usize {
    usize::MAX
}

/// A command line, as the system's shell reads it.
pub(crate) fn shell(line: &str) -> std::process::Command {
    use std::os::windows::process::CommandExt;
    let mut command = std::process::Command::new("cmd");
    // As it was written: cmd has rules of its own for quotes.
    command.arg("/C").raw_arg(line);
    command
}
