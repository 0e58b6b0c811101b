//! Why something cannot be stored, in words for both sides.

use crate::advice::Advice;
use crate::wire::EntryPath;
use crate::words::{Cause, plain};
use std::error::Error;
use std::{fmt, io};

/// Something could not be stored. The sender is told its words, in the receipt.
///
/// A [`Store`](super::Store) makes one of words of its own, or of an [`io::Error`].
///
/// ```
/// use adieu_transfer::StorageError;
/// use std::io;
///
/// assert_eq!(StorageError::new("the table is locked").to_string(), "the table is locked");
/// let full = StorageError::from(io::Error::from(io::ErrorKind::StorageFull));
/// assert_eq!(full.io_error().map(io::Error::kind), Some(io::ErrorKind::StorageFull));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StorageError {
    pub(super) words: String,
    pub(super) cause: Option<Cause>,
    /// A sync failed, so that what the system holds for written may not be.
    pub(super) is_unsynced: bool,
    /// The sender wants what cannot be.
    pub(super) is_of_sender: bool,
    pub(super) advice: Option<Advice>,
}

impl StorageError {
    /// A failure of this side, in words that both sides show. Without a capital and a full stop they read best: `the quota of
    /// this account is used up`.
    ///
    /// The receiver ends as [`Verdict::Local`](crate::Verdict::Local), the sender as [`Verdict::Refused`](crate::Verdict::Refused).
    pub fn new(words: impl Into<String>) -> Self {
        Self { words: words.into(), cause: None, is_unsynced: false, is_of_sender: false, advice: None }
    }

    /// A refusal of what the sender wants, such as a name or a size. No other attempt would change it.
    ///
    /// The receiver ends as [`Verdict::Incomplete`](crate::Verdict::Incomplete), the sender as
    /// [`Verdict::Refused`](crate::Verdict::Refused).
    pub fn refused(words: impl Into<String>) -> Self {
        Self { is_of_sender: true, ..Self::new(words) }
    }

    /// A failure of the system, with what could not be done.
    pub(super) fn system(what: &str, error: io::Error) -> Self {
        let words = format!("{what}: {}", plain(&error));
        Self { cause: Some(error.into()), ..Self::new(words) }
    }

    /// The same, naming the file that a store was busy with if the system's words alone would not.
    pub(super) fn about(self, path: &EntryPath) -> Self {
        match &self.cause {
            Some(_) => Self { words: format!("cannot store {path}: {}", self.words), ..self },
            None => self,
        }
    }

    /// Whether no output could store it.
    pub(crate) fn is_of_sender(&self) -> bool {
        self.is_of_sender
    }

    /// Whether a sync failed. Then no partial that waited for it may be kept: after a failure Linux holds for written what is
    /// not, and the next sync of the same content succeeds.
    pub(crate) fn is_unsynced(&self) -> bool {
        self.is_unsynced
    }

    /// What can be done about it. `None`: the words say all.
    pub fn advice(&self) -> Option<Advice> {
        self.advice
    }

    /// The system's error. `None`: it was not the system that refused.
    pub fn io_error(&self) -> Option<&io::Error> {
        self.cause.as_ref().map(Cause::get)
    }
}

impl From<io::Error> for StorageError {
    fn from(error: io::Error) -> Self {
        Self { words: plain(&error), cause: Some(error.into()), ..Self::new("") }
    }
}

impl fmt::Display for StorageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words)
    }
}

impl Error for StorageError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.io_error().map(|error| error as _)
    }
}
