//! A system error in words: the system's own, with the symbolic name and the number.
//!
//! It does not say what an error means for a connection; `fault_kind` does. It stands here because what can have a number
//! differs: system calls everywhere, and on Unix the resolver too.

use super::{error_name, resolver_code};
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
    let explained = || Some(error.get_ref()?.downcast_ref::<Explained>()?.text.clone());
    error.raw_os_error().map(words_of).or_else(explained).unwrap_or_else(|| error.to_string())
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

/// A system error of which we know more than its number says.
#[derive(Debug, thiserror::Error)]
#[error("{text}{}", in_brackets(source))]
pub struct Explained {
    text: String,
    #[source]
    source: io::Error,
}

impl Explained {
    /// As an I/O error of the same kind; [`os_code`] still finds the number.
    pub fn error(text: &str, source: io::Error) -> io::Error {
        io::Error::new(source.kind(), Self { text: text.to_owned(), source })
    }
}

fn in_brackets(source: &io::Error) -> String {
    let Some(code) = source.raw_os_error() else { return String::new() };
    error_name(code).map_or_else(|| format!(" (error {code})"), |name| format!(" ({name} {code})"))
}

/// The system's number of an error, also of one that is [`Explained`] or the resolver's.
pub fn os_code(error: &io::Error) -> Option<i32> {
    let explained = || error.get_ref()?.downcast_ref::<Explained>()?.source.raw_os_error();
    error.raw_os_error().or_else(explained).or_else(|| resolver_code(error))
}
