//! What differs between operating systems in a program: signals, standard descriptors, commands.
//!
//! One folder per platform, all with the same functions, so that nothing above asks which platform it is on.

#[cfg(unix)]
mod unix;
#[cfg(unix)]
pub(crate) use unix::*;

#[cfg(windows)]
mod windows;
#[cfg(windows)]
pub(crate) use windows::*;

#[cfg(not(target_os = "linux"))]
pub(crate) mod no_commands;
#[cfg(not(target_os = "linux"))]
pub(crate) use no_commands as command;

/// A standard descriptor that a connection uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standard {
    Input,
    Output,
}
