//! What differs between operating systems: directories and what they hold, names, streams that may be silent.
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

/// What a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    File,
    Directory,
    Link,
    /// A device, a pipe, a socket.
    Special,
}

/// What the name of a locked partial stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Locked {
    /// The partial, and it is ours.
    Ours,
    /// What is no partial that we could have made.
    NotOurs,
    /// Another file than the one that was opened.
    #[cfg_attr(windows, allow(dead_code, reason = "there it is locked in the call that opens it"))]
    Another,
}
