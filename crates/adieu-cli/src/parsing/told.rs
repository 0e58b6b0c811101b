//! What is said of a wrong command line: a sentence, what to try, and where to read on. clap's errors have the facts.

use clap::error::{ContextKind, ContextValue, Error, ErrorKind};
use std::ffi::OsString;

/// What is said.
pub(super) struct Told {
    pub(super) sentence: String,
    pub(super) hints: Vec<String>,
    /// The forms of the command line, where a part of it is missing.
    pub(super) usage: Option<String>,
}

impl Told {
    pub(super) fn of(error: &Error, words: &[OsString]) -> Self {
        let sentence = sentence(error, words).unwrap_or_else(|| rendered(error));
        let mut hints = Vec::new();
        if let Some(ContextValue::StyledStrs(suggested)) = error.get(ContextKind::Suggested) {
            hints.extend(suggested.iter().map(ToString::to_string));
        }
        let usage = match error.get(ContextKind::Usage) {
            Some(ContextValue::StyledStr(usage)) if error.kind() == ErrorKind::MissingRequiredArgument => {
                Some(usage.to_string()).filter(|_| error.get(ContextKind::InvalidArg).is_some())
            }
            _ => None,
        };
        Self { sentence, hints, usage }
    }
}

/// `None`: as clap has it, or it is a sentence of ours.
fn sentence(error: &Error, words: &[OsString]) -> Option<String> {
    match error.kind() {
        ErrorKind::InvalidSubcommand => {
            let wrong = text(error, ContextKind::InvalidSubcommand)?;
            Some(with_pointer(&format!("unknown command '{wrong}'"), nearest_command(error, wrong), words))
        }
        ErrorKind::UnknownArgument => {
            let wrong = text(error, ContextKind::InvalidArg)?;
            let what = if wrong.starts_with('-') {
                format!("unknown option {wrong}")
            } else {
                format!("unexpected argument '{wrong}'")
            };
            let suggested = text(error, ContextKind::SuggestedArg).map(bare);
            Some(with_pointer(&what, suggested, words))
        }
        ErrorKind::InvalidValue => of_value(error),
        ErrorKind::ArgumentConflict => {
            let [one, other] = [ContextKind::InvalidArg, ContextKind::PriorArg].map(|kind| text(error, kind));
            let (one, other) = (placeholder(one?), placeholder(other?));
            Some(format!("{one} and {other} cannot be used together"))
        }
        ErrorKind::MissingRequiredArgument => match error.get(ContextKind::InvalidArg)? {
            ContextValue::Strings(missing) => {
                let missing: Vec<String> = missing.iter().map(|name| placeholder(name)).collect();
                Some(format!("{} is missing", missing.join(" and ")))
            }
            _ => None,
        },
        ErrorKind::TooManyValues => {
            Some(format!("unexpected argument '{}'", text(error, ContextKind::InvalidValue)?))
        }
        _ => None,
    }
}

/// A value that is not one of those that there are.
fn of_value(error: &Error) -> Option<String> {
    let option = text(error, ContextKind::InvalidArg)?;
    let value = text(error, ContextKind::InvalidValue)?;
    let known = match error.get(ContextKind::ValidValue) {
        Some(ContextValue::Strings(known)) if !known.is_empty() => {
            format!("possible values: {}", known.join(", "))
        }
        _ => String::new(),
    };
    if value.is_empty() {
        let name = placeholder(option.split_once(' ').map_or("", |(_, name)| name));
        let known = if known.is_empty() { name } else { known };
        return Some(format!("{} needs a value: {known}", bare(option)));
    }
    // Of a number another number is no better guess than the rest.
    let is_number = value.starts_with(|c: char| c.is_ascii_digit());
    let guess = text(error, ContextKind::SuggestedValue).filter(|_| !is_number);
    let end = match (guess, known.as_str()) {
        (_, "") => return None,
        (Some(guess), known) => format!("did you mean {guess}? ({known})"),
        (None, known) => known.to_owned(),
    };
    Some(format!("invalid value '{value}' for '{option}': {end}"))
}

/// A sentence with a guess, and where all that there is can be read.
fn with_pointer(what: &str, guess: Option<&str>, words: &[OsString]) -> String {
    let command = match words.get(1).and_then(|word| word.to_str()) {
        Some(command) if !what.starts_with("unknown command") && !command.starts_with('-') => {
            format!("adieu {command}")
        }
        _ => "adieu".to_owned(),
    };
    match guess {
        Some(guess) => format!("{what}; did you mean {guess}? See {command} --help"),
        None => format!("{what}; see {command} --help"),
    }
}

/// Of the commands that clap finds alike, the one that is most alike.
fn nearest_command<'a>(error: &'a Error, wrong: &str) -> Option<&'a str> {
    let alike = match error.get(ContextKind::SuggestedSubcommand)? {
        ContextValue::Strings(alike) => alike,
        ContextValue::String(one) => return Some(one),
        _ => return None,
    };
    let likeness = |name: &String| strsim::jaro_winkler(wrong, name);
    alike.iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b))).map(String::as_str)
}

fn text(error: &Error, kind: ContextKind) -> Option<&str> {
    match error.get(kind)? {
        ContextValue::String(text) => Some(text),
        ContextValue::Strings(texts) => texts.first().map(String::as_str),
        _ => None,
    }
}

/// An option without its value: `--idle-timeout` of `--idle-timeout <DURATION>`.
fn bare(option: &str) -> &str {
    match option.strip_prefix('-') {
        Some(_) => option.split([' ', '=', '[']).next().unwrap_or(option),
        None => option,
    }
}

/// What stands for a value: `ENDPOINT` of `<ENDPOINT>...`.
fn placeholder(name: &str) -> String {
    if name.starts_with('-') {
        return bare(name).to_owned();
    }
    name.replace(['<', '>', '[', ']'], "").replace("...", "")
}

/// The first paragraph of what clap says.
fn rendered(error: &Error) -> String {
    let text = error.render().to_string();
    let first = text.split("\n\n").next().unwrap_or_default();
    first.trim_start_matches("error: ").trim_end().to_owned()
}
