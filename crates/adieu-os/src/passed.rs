//! What a direct way can come to: the same words on every system.

use std::io;

/// What a call on a direct way came to.
#[derive(Debug)]
pub enum Passed {
    /// So many bytes left the source.
    Bytes {
        /// How many.
        n: usize,
        /// As many as were asked for: there may be more.
        all: bool,
    },
    /// Neither bytes nor a reason: the source is to be asked in its own way.
    Nothing,
    /// The source has nothing now.
    SourceBlocked,
    /// The sink takes nothing now.
    SinkBlocked,
    /// The source's own error, which is told once.
    SourceFailed(io::Error),
    /// The sink's own error, which is told once.
    SinkFailed(io::Error),
    /// The kernel refuses this way for these two ends, or one of them fails: reading and writing them will tell.
    Refused,
}

/// What handing on the bytes that a way holds came to.
#[derive(Debug)]
pub enum HandedOn {
    /// The sink took so many.
    Bytes(usize),
    /// It takes nothing now.
    SinkBlocked,
    /// The sink's own error, which is told once.
    SinkFailed(io::Error),
    /// The sink takes none in this way: see [`Direct::spill`](crate::Direct::spill).
    Refused,
}
