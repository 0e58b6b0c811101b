//! What differs between operating systems in a program: signals, standard descriptors, commands.
//!
//! One folder per platform, all with the same functions, so that nothing above asks which platform it is on.

#[cfg(unix)]
mod unix;
#[cfg(unix)]
pub(crate) use unix::*;

/// A standard descriptor that a connection uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standard {
    Input,
    Output,
}
