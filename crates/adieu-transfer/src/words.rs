//! The error of a system: its words as both sides use them in their sentences, and a form of it that can be cloned and compared.

use std::io;
use std::sync::Arc;

/// The system's words with the name and the number of its error, and without a capital: to stand in a sentence.
pub(crate) fn plain(error: &io::Error) -> String {
    let words = adieu_os::describe_error(error);
    let mut chars = words.chars();
    match (chars.next(), chars.clone().next()) {
        (Some(first), second) if !second.is_some_and(char::is_uppercase) => {
            first.to_lowercase().chain(chars).collect()
        }
        _ => words,
    }
}

/// The cause of an error that can be cloned and compared, which an [`io::Error`] cannot. Two are equal if their kinds and
/// their codes are.
#[derive(Debug, Clone)]
pub(crate) struct Cause(Arc<io::Error>);

impl Cause {
    pub(crate) fn get(&self) -> &io::Error {
        &self.0
    }
}

impl From<io::Error> for Cause {
    fn from(error: io::Error) -> Self {
        Self(Arc::new(error))
    }
}

impl PartialEq for Cause {
    fn eq(&self, other: &Self) -> bool {
        (self.0.kind(), self.0.raw_os_error()) == (other.0.kind(), other.0.raw_os_error())
    }
}

impl Eq for Cause {}
