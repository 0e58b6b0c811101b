//! The words of a system error as both sides use them in their sentences.

use std::io;

/// The system's words without number and capital, to stand in a sentence.
pub(crate) fn plain(error: &io::Error) -> String {
    let words = adieu_os::error_words(error);
    let mut chars = words.chars();
    match (chars.next(), chars.clone().next()) {
        (Some(first), second) if !second.is_some_and(char::is_uppercase) => {
            first.to_lowercase().chain(chars).collect()
        }
        _ => words,
    }
}
