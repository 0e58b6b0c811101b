//! Why something cannot be sent, in words that name the file.

use crate::wire::{EntryPath, NameError, shown};
use crate::words::plain;
use std::io;
use std::path::Path;

/// Something that is to be sent cannot be.
#[derive(Debug, thiserror::Error)]
#[error("{words}")]
pub struct SourceError {
    words: String,
    #[source]
    source: Option<io::Error>,
}

impl SourceError {
    pub(crate) fn new(what: &str, path: &Path, error: io::Error) -> Self {
        let words = format!("cannot {what} {}: {}", shown_path(path), plain(&error));
        Self { words, source: Some(error) }
    }

    pub(crate) fn words(words: impl Into<String>) -> Self {
        Self { words: words.into(), source: None }
    }

    pub(crate) fn changed(path: &EntryPath) -> Self {
        Self::words(format!("{path} was changed while it was being sent"))
    }

    /// It ended before its size, which is still the same.
    pub(crate) fn shorter(path: &EntryPath, size: u64, end: u64) -> Self {
        Self::words(format!(
            "the size of {path} is given as {size} bytes, and it ended after {end}: if it is not on a disk, as in /sys, send it through stdin (-)"
        ))
    }

    pub(crate) fn into_io_error(self) -> Result<io::Error, Self> {
        match self.source {
            Some(error) => Ok(error),
            None => Err(self),
        }
    }

    /// The system's error. `None`: it was not the system that refused.
    pub fn io_error(&self) -> Option<&io::Error> {
        self.source.as_ref()
    }
}

impl From<NameError> for SourceError {
    fn from(error: NameError) -> Self {
        Self::words(error.to_string())
    }
}

/// A path of this system, for people.
pub(super) fn shown_path(path: &Path) -> String {
    shown(path.as_os_str().as_encoded_bytes())
}
