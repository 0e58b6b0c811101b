//! What the two ends of an exchange have in common on every system; how they are read and written is each system's own.

use super::ends::{Input, Output, Sink};
use std::{fs::File, io};

impl Input {
    /// Nothing to send.
    pub fn empty() -> Self {
        Self::from_bytes(Vec::new())
    }
}

impl Output {
    pub(super) fn to(sink: Sink) -> Self {
        Self { sink, may_refuse: false, on_cut: None }
    }

    /// Throws everything away.
    pub fn null() -> Self {
        Self::to(Sink::Null)
    }

    /// The reader may close before the end: the rest is then thrown away, and counted as that, instead of being a
    /// failure. For a command that does not read all its input.
    #[must_use]
    pub fn may_refuse(mut self) -> Self {
        self.may_refuse = true;
        self
    }

    /// Calls `f` before the descriptor or handle is closed although the peer has not ended its side: its reader would
    /// take the EOF that follows for the end of a whole stream, so this is the moment to stop it.
    #[must_use]
    pub fn on_cut(mut self, f: impl FnOnce() + Send + 'static) -> Self {
        self.on_cut = Some(Box::new(f));
        self
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        if let Some(on_cut) = self.on_cut.take() {
            on_cut();
        }
    }
}

impl From<Vec<u8>> for Input {
    fn from(bytes: Vec<u8>) -> Self {
        Self::from_bytes(bytes)
    }
}

impl TryFrom<File> for Input {
    type Error = io::Error;

    fn try_from(file: File) -> io::Result<Self> {
        Self::from_file(file)
    }
}

impl TryFrom<File> for Output {
    type Error = io::Error;

    fn try_from(file: File) -> io::Result<Self> {
        Self::from_file(file)
    }
}
