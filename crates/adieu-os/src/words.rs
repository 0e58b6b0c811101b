//! A system error in words: the system's own, with the symbolic name and the number.
//!
//! It does not say what an error means for a connection; `fault_kind` does.

use super::error_name;
use std::io;

/// A system error's number in the system's words, with its name.
pub fn describe_code(code: i32) -> String {
    let words = words_of(code);
    match error_name(code) {
        Some(name) => format!("{words} ({name} {code})"),
        None => format!("{words} (error {code})"),
    }
}

/// The system's own words for a number. The standard library puts the number after them.
fn words_of(code: i32) -> String {
    let text = io::Error::from_raw_os_error(code).to_string();
    text.split(" (os error").next().unwrap_or_default().to_owned()
}

/// An I/O error in words, without name and number: to stand in the midst of a sentence.
pub fn error_words(error: &io::Error) -> String {
    error.raw_os_error().map_or_else(|| error.to_string(), words_of)
}

/// An I/O error in the system's words, with its name and number if it has one.
///
/// # Examples
///
/// ```
/// let error = std::io::Error::from_raw_os_error(13);
/// # if cfg!(target_os = "linux") {
/// assert_eq!(adieu_os::describe_error(&error), "Permission denied (EACCES 13)");
/// # }
/// ```
pub fn describe_error(error: &io::Error) -> String {
    error.raw_os_error().map_or_else(|| error.to_string(), describe_code)
}
