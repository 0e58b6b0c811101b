//! What differs between operating systems: directories and what they hold, names. Streams and commands are `adieu-os`'s.
//!
//! One folder per platform, all with the same functions, so that nothing above asks which platform it is on.

use std::fs::File;
use std::io;
use std::time::SystemTime;

#[cfg(unix)]
mod unix;
#[cfg(unix)]
pub(crate) use unix::*;

#[cfg(windows)]
mod windows;
#[cfg(windows)]
pub(crate) use windows::*;

/// Gives a file or directory this time, unless it has it: only its owner may set a time, also the same one; utimensat(2).
pub(crate) fn settle_time(file: &File, modified: SystemTime) -> io::Result<()> {
    if file.metadata()?.modified()? == modified { Ok(()) } else { file.set_modified(modified) }
}

/// What a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    File,
    Directory,
    Link,
    /// A device, a pipe, a socket.
    Special,
}

/// Which file or directory it is, whatever its names: two that are open or looked at now are one if these are equal. A file
/// system that numbers them as it meets them (FAT, exFAT, some of FUSE) may give one another number later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Identity {
    pub(crate) device: u64,
    pub(crate) number: u64,
}

/// What there is under a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct There {
    pub(crate) kind: Kind,
    pub(crate) identity: Identity,
    /// It has other names too.
    pub(crate) has_other_names: bool,
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
