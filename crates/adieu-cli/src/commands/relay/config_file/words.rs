//! The options of `adieu relay` as keys of a file: their definition, their words, and sentences about them.

use super::super::arguments::Args;
use crate::parsing;
use clap::{Arg, ArgAction, Command};
use std::ffi::OsString;
use std::ops::Range;
use toml::Spanned;
use toml::de::DeValue;

/// Options of the process as a whole, which no relay has of its own.
pub(super) const OF_THE_PROCESS: [&str; 10] =
    ["config", "check", "log", "metrics", "port-file", "report", "report-file", "verbose", "quiet", "help"];

/// Where a relay listens, and whom it connects to: the words without an option.
pub(super) const LISTEN: &str = "listen";
pub(super) const TO: &str = "to";
/// With it nobody need be connected to by default.
pub(super) const ROUTE: &str = "route";

/// A sentence about options in the words of the file, where an option is a key: `'--balance <HOW>'` is `'balance'`.
pub(super) fn with_keys(sentence: &str) -> String {
    let definition = definition();
    let relay = definition.find_subcommand("relay");
    // Of the process a file says these two.
    let is_key = |name: &str| !OF_THE_PROCESS.contains(&name) || ["log", "metrics"].contains(&name);
    let is_option = |name: &str| {
        relay.is_some_and(|relay| relay.get_opts().any(|o| o.get_long() == Some(name)) && is_key(name))
    };
    let mut told = String::with_capacity(sentence.len());
    let mut rest = sentence;
    while let Some(at) = rest.find("--") {
        let (before, from) = rest.split_at(at);
        told.push_str(before);
        let length = from[2..]
            .find(|c: char| !(c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'))
            .map_or(from.len(), |n| n + 2);
        let (option, after) = from.split_at(length);
        let name = &option[2..];
        if !is_option(name) || before.ends_with(|c: char| c.is_alphanumeric() || c == '-') {
            told.push_str(option);
            rest = after;
            continue;
        }
        let is_quoted = before.ends_with('\'');
        told.push_str(&if is_quoted { name.to_owned() } else { format!("'{name}'") });
        // clap shows the placeholder of its value too.
        let placeholder = after.strip_prefix(" <").and_then(|after| after.split_once('>'));
        rest = placeholder.map_or(after, |(_, after)| after);
    }
    told + rest
}

/// The options of `adieu relay` by themselves.
pub(super) fn definition() -> Command {
    let relay = <Args as clap::Args>::augment_args(Command::new("relay"));
    Command::new("adieu").disable_version_flag(true).subcommand(relay)
}

/// Whether an error is about the value that was given, and not about others that are missing.
pub(super) fn is_of_the_value(error: &clap::Error) -> bool {
    use clap::error::ErrorKind;
    matches!(
        error.kind(),
        ErrorKind::InvalidValue
            | ErrorKind::ValueValidation
            | ErrorKind::WrongNumberOfValues
            | ErrorKind::TooManyValues
            | ErrorKind::TooFewValues
            | ErrorKind::ArgumentConflict
    )
}

/// An error of clap's in one line, with the options of the command line.
pub(super) fn sentence(error: &clap::Error) -> String {
    parsing::in_a_sentence(error)
}

/// Something, and its place in the text.
pub(super) type At<T> = (Range<usize>, T);

/// An option and its value, or values, as words of a command line, each with its place. Otherwise what is wrong, and where.
pub(super) fn words_of(
    option: &Arg,
    name: &str,
    value: &Spanned<DeValue<'_>>,
) -> Result<Vec<At<OsString>>, At<String>> {
    let at = value.span();
    if !option.get_action().takes_values() {
        return match value.get_ref() {
            DeValue::Boolean(true) => Ok(vec![(at, format!("--{name}").into())]),
            DeValue::Boolean(false) => Ok(Vec::new()),
            _ => Err((at, format!("'{name}' is true or false, without quotes"))),
        };
    }
    let with = |value: &Spanned<DeValue<'_>>| match text(value.get_ref()) {
        Some(text) if text.is_empty() => {
            Err((value.span(), format!("'{name}' is empty: write a value, or leave the key out")))
        }
        Some(text) => {
            let mut word = OsString::from(format!("--{name}="));
            word.push(text);
            Ok((value.span(), word))
        }
        None => Err((value.span(), format!("'{name}' must be a text in quotes, or a number"))),
    };
    match value.get_ref() {
        DeValue::Array(values) if values.is_empty() => {
            Err((at, format!("'{name}' is an empty list: write a value, or leave the key out")))
        }
        DeValue::Array(values) if matches!(option.get_action(), ArgAction::Append) => {
            values.iter().map(with).collect()
        }
        DeValue::Array(_) => {
            Err((at, format!("'{name}' has one value, and not a list: write it without brackets")))
        }
        _ => Ok(vec![with(value)?]),
    }
}

/// A value as a word.
pub(super) fn text(value: &DeValue<'_>) -> Option<OsString> {
    match value {
        DeValue::String(text) => Some(text.to_string().into()),
        DeValue::Integer(number) => Some(number.to_string().into()),
        DeValue::Float(number) => Some(number.to_string().into()),
        DeValue::Boolean(is) => Some(is.to_string().into()),
        DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => None,
    }
}

/// What may have been meant, as a question.
pub(super) fn meant<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<String> {
    let similar = |known: &'a str| (strsim::jaro_winkler(&name.replace('_', "-"), known), known);
    let best = known.map(similar).max_by(|a, b| a.0.total_cmp(&b.0));
    best.filter(|(similarity, _)| *similarity > 0.8).map(|(_, known)| format!("did you mean '{known}'?"))
}
