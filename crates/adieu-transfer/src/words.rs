//! The words of a system error as both sides use them in their sentences.

use std::io;

/// The system's words without number and capital, to stand in a sentence.
pub(crate) fn plain(error: &io::Error) -> String {
    let text = adieu::describe_error(error);
    let words = text.split_once(" (E").map_or(text.as_str(), |(words, _)| words);
    let words = words.split_once(" (os error").map_or(words, |(words, _)| words);
    let mut chars = words.chars();
    match (chars.next(), chars.clone().next()) {
        (Some(first), second) if !second.is_some_and(char::is_uppercase) => {
            first.to_lowercase().chain(chars).collect()
        }
        _ => words.to_owned(),
    }
}
