//! Why something cannot be sent, in words that name the file.

use crate::wire::{EntryPath, NameError, shown};
use crate::words::{Cause, plain};
use std::error::Error;
use std::path::Path;
use std::{fmt, io};

/// Something that is to be sent cannot be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceError {
    words: String,
    cause: Option<Cause>,
}

impl SourceError {
    pub(crate) fn new(what: &str, path: &Path, error: io::Error) -> Self {
        let words = format!("cannot {what} {}: {}", shown_path(path), plain(&error));
        Self { words, cause: Some(error.into()) }
    }

    /// Reading failed of what is sent under this name.
    pub(crate) fn of(path: &EntryPath, error: io::Error) -> Self {
        let words = format!("cannot read {path}: {}", plain(&error));
        Self { words, cause: Some(error.into()) }
    }

    /// A reading error, which does not know the name of what was read.
    pub(crate) fn named(self, path: &EntryPath) -> Self {
        match &self.cause {
            Some(cause) => Self { words: format!("cannot read {path}: {}", plain(cause.get())), ..self },
            None => self,
        }
    }

    pub(crate) fn words(words: impl Into<String>) -> Self {
        Self { words: words.into(), cause: None }
    }

    pub(crate) fn changed(path: &EntryPath) -> Self {
        Self::words(format!("{path} was changed while it was being sent"))
    }

    pub(crate) fn no_time(path: &EntryPath) -> Self {
        Self::words(format!("the time of {path} is before the year 1 or after 9999, and cannot be preserved"))
    }

    /// It ended before its size, which is still the same.
    pub(crate) fn shorter(path: &EntryPath, size: u64, end: u64) -> Self {
        Self::words(format!(
            "the size of {path} is given as {size} bytes, and it ended after {end}: if it is not on a disk, as in /sys, send it through stdin (-)"
        ))
    }

    /// A program's source ended before the size that it gave.
    pub(crate) fn fewer(path: &EntryPath, size: u64) -> Self {
        Self::words(format!("the source of {path} said that it has {size} bytes, and gives fewer"))
    }

    /// A program's source goes on behind the size that it gave.
    pub(crate) fn longer(path: &EntryPath, size: u64) -> Self {
        Self::words(format!("the source of {path} said that it has {size} bytes, and gives more"))
    }

    /// The system's error. `None`: it was not the system that refused.
    pub fn io_error(&self) -> Option<&io::Error> {
        self.cause.as_ref().map(Cause::get)
    }
}

impl fmt::Display for SourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words)
    }
}

impl Error for SourceError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.io_error().map(|error| error as _)
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
