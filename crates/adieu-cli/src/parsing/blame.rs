//! What clap says of a wrong command line, made true: what is to blame, and advice that can help.

use super::foreign;
use super::forwarders;
use super::netcat;
use super::resolve::refusal;
use super::rules::{Rules, Which};
use super::wait_for;
use clap::builder::{Resettable, StyledStr};
use clap::error::{ContextKind, ContextValue, Error, ErrorKind};
use clap::{Arg, Command};
use std::ffi::{OsStr, OsString};

/// The error to show in the place of clap's own. `definition` is what clap had read the words by.
pub(super) fn explain(mut error: Error, definition: &Command, words: &[OsString]) -> Error {
    let Some(command) = words.get(1).and_then(|name| definition.find_subcommand(name)) else {
        if let (ErrorKind::UnknownArgument | ErrorKind::InvalidSubcommand, Some(hint)) =
            (error.kind(), netcat::instead_of_no_command(words))
        {
            error.remove(ContextKind::SuggestedSubcommand);
            suggest(&mut error, hint);
        }
        return error;
    };
    match error.kind() {
        ErrorKind::UnknownArgument => {
            if let Some(joined) = joined(&error, command, words) {
                return of_dashed_value(definition, command, words, joined);
            }
            // A file that is sent may have a name with a dash; an endpoint cannot.
            let takes_files = |a: &Arg| Rules::of(a).endpoint.is_some_and(|words| words.which == Which::Last);
            if !command.get_arguments().any(takes_files) {
                error.remove(ContextKind::Suggested);
            }
            let of_others = |unknown| {
                wait_for::instead_of(unknown, command)
                    .or_else(|| forwarders::instead_of(unknown, command))
                    .or_else(|| foreign::instead_of(unknown, command))
            };
            if let Some(hint) = shown(&error).and_then(of_others) {
                // An option whose name is alike, and a usage that shows it.
                error.remove(ContextKind::SuggestedArg);
                error.remove(ContextKind::Usage);
                suggest(&mut error, hint);
            } else if netcat::is_for(command)
                && let Some(hint) =
                    shown(&error).and_then(|unknown| netcat::instead_of(unknown, command, words))
            {
                suggest(&mut error, hint);
            } else if error.get(ContextKind::SuggestedArg).is_none()
                && let Some(nearest) = shown(&error).and_then(|unknown| nearest(unknown, command))
            {
                error.insert(ContextKind::SuggestedArg, ContextValue::String(nearest));
            }
        }
        ErrorKind::InvalidValue | ErrorKind::ValueValidation => {
            if let Some(variable) = variable(&error, definition, command, words) {
                error.insert(ContextKind::InvalidArg, ContextValue::String(variable));
            }
        }
        ErrorKind::TooManyValues => {
            if let Some(hint) = apart(command, words).or_else(|| netcat::quit_after(words)) {
                suggest(&mut error, hint);
            }
        }
        _ => {}
    }
    error
}

/// An option with a part that is like this: `--idle-timeout` for one that is spelt "timout". clap compares whole names.
fn nearest(unknown: &str, command: &Command) -> Option<String> {
    const ALIKE: f64 = 0.88;
    let unknown = unknown.strip_prefix("--").filter(|word| word.len() > 3)?;
    let is_alike = |long: &&str| long.split('-').any(|part| strsim::jaro_winkler(unknown, part) > ALIKE);
    let visible = command.get_opts().filter(|option| !option.is_hide_set());
    let nearest = visible.filter_map(Arg::get_long).filter(is_alike).min_by_key(|long| long.len())?;
    Some(format!("--{nearest}"))
}

/// Says what to write instead, before what clap says.
fn suggest(error: &mut Error, hint: String) {
    let mut hints = vec![StyledStr::from(hint)];
    if let Some(ContextValue::StyledStrs(more)) = error.remove(ContextKind::Suggested) {
        hints.extend(more);
    }
    error.insert(ContextKind::Suggested, ContextValue::StyledStrs(hints));
}

/// A number that stands apart from its option, which takes one only after "=", so that it may be left out.
fn apart(command: &Command, words: &[OsString]) -> Option<String> {
    let (option, number) = words.windows(2).find_map(|pair| {
        let number = pair[1].to_str().filter(|number| number.bytes().all(|b| b.is_ascii_digit()))?;
        option(command, &pair[0])
            .filter(|option| option.is_require_equals_set())
            .map(|option| (option, number))
    })?;
    let option = option.get_long()?;
    Some(format!("the number belongs to its option: write --{option}={number}"))
}

/// The argument that an error is about, as clap shows it.
fn shown(error: &Error) -> Option<&str> {
    match error.get(ContextKind::InvalidArg)? {
        ContextValue::String(shown) => Some(shown),
        _ => None,
    }
}

/// An option and the next word, which begins with a dash, so that clap did not take it for the option's value.
struct Dashed {
    /// Where the option stands.
    at: usize,
    /// Both in one word: `--deadline=-3s`.
    word: OsString,
}

fn joined(error: &Error, command: &Command, words: &[OsString]) -> Option<Dashed> {
    let unknown = shown(error)?;
    let is_unknown = |word: &OsString| word.to_string_lossy().starts_with(unknown);
    let at =
        (2..words.len()).find(|at| words.get(at + 1).is_some_and(is_unknown) && !is_unknown(&words[*at]))?;
    let option = option(command, &words[at]).filter(|option| option.get_action().takes_values())?;
    let mut word = OsString::from(format!("--{}=", option.get_long()?));
    word.push(&words[at + 1]);
    Some(Dashed { at, word })
}

/// The option that a word names, and nothing else.
fn option<'a>(command: &'a Command, word: &OsStr) -> Option<&'a Arg> {
    let word = word.to_str()?;
    command.get_opts().find(|option| {
        let long = option.get_long().is_some_and(|long| word.strip_prefix("--") == Some(long));
        let mut short = [0; 4];
        long || option.get_short().is_some_and(|c| word.strip_prefix('-') == Some(c.encode_utf8(&mut short)))
    })
}

/// What is wrong with a value that begins with a dash, once it is read as one; or how to write it.
fn of_dashed_value(definition: &Command, command: &Command, words: &[OsString], dashed: Dashed) -> Error {
    let Dashed { at, word } = dashed;
    let sentence = format!(
        "'{}' after {} is read as an option: write {}",
        words[at + 1].display(),
        words[at].display(),
        word.display()
    );
    let mut rewritten = words.to_vec();
    rewritten.splice(at..at + 2, [word]);
    match definition.clone().try_get_matches_from(&rewritten) {
        Err(error) if matches!(error.kind(), ErrorKind::InvalidValue | ErrorKind::ValueValidation) => {
            explain(error, definition, &rewritten)
        }
        _ => refusal(definition.clone(), command.get_name(), ErrorKind::UnknownArgument, sentence),
    }
}

/// The variable that a wrong value comes from. `None`: it was written.
fn variable(error: &Error, definition: &Command, command: &Command, words: &[OsString]) -> Option<String> {
    let blamed = shown(error)?;
    let option = command.get_opts().find(|option| {
        let rest = option.get_long().and_then(|long| blamed.strip_prefix("--")?.strip_prefix(long));
        rest.is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '-'))
    })?;
    let variable = option.get_env().filter(|variable| std::env::var_os(variable).is_some())?;
    let (name, id) = (command.get_name(), option.get_id().as_str());
    let without = definition.clone().mut_subcommand(name, |command| {
        command.mut_args(
            |argument| {
                if argument.get_id() == id { argument.env(Resettable::Reset) } else { argument }
            },
        )
    });
    let is_written = without.try_get_matches_from(words).is_err_and(|again| shown(&again) == Some(blamed));
    (!is_written).then(|| variable.to_string_lossy().into_owned())
}
