//! The command line and the variables made one: what is written beats what the environment says.
//!
//! clap takes a variable for an argument that was given, so one that is set for every run could not be overridden,
//! and would conflict even when it says "no". [`resolve`] takes the definitions' conflicts out, and resolves them by where
//! each value comes from, with the [rules](rules::Rules) that stand beside the definitions.

mod blame;
mod facts;
mod foreign;
mod forwarders;
pub(crate) mod netcat;
mod resolve;
pub(crate) mod rules;
mod told;
mod wait_for;

#[cfg(test)]
pub(crate) use facts::can_be_either_side;
pub(crate) use facts::{is_tls, names_tls, raw_words};
pub(crate) use resolve::{has_variables, resolve};

use self::told::Told;
use crate::exit::ExitStatus;
use crate::printer::complain_with;
use crate::said;
use crate::stdout::to_stdout;
use clap::error::{Error, ErrorKind};
use clap::{ArgMatches, Command};
use std::ffi::OsString;

/// Parses the command line of this process, with its variables. `define` makes the definition that it is read by.
///
/// # Errors
///
/// There is nothing to do, and that has been said: the exit status.
pub(crate) fn parse(
    define: fn(&[OsString]) -> Command,
    words: &[OsString],
) -> Result<ArgMatches, ExitStatus> {
    resolve::resolve(define(words), words).map_err(|error| {
        let error = blame::explain(error, &define(words), words);
        say(&error, words)
    })
}

/// An error of clap's in one sentence, for what is not a command line but is read as one.
pub(crate) fn in_a_sentence(error: &Error) -> String {
    Told::of(error, &[]).sentence
}

/// Says what clap has to say: the help and the version on stdout, an error as we say ours.
pub(crate) fn say(error: &Error, words: &[OsString]) -> ExitStatus {
    if !error.use_stderr() {
        return to_stdout(|| error.print());
    }
    if asks_for_json(words) {
        said::speak_json();
    }
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand && !said::is_json() {
        said::page(&error.render().to_string());
        return ExitStatus::Usage;
    }
    let Told { sentence, hints, usage } = Told::of(error, words);
    let mut hints = hints.iter().map(String::as_str);
    complain_with(&sentence, hints.next());
    if !said::is_json() {
        hints.for_each(said::hint);
        usage.iter().flat_map(|usage| usage.lines()).for_each(said::line);
    }
    ExitStatus::Usage
}

/// Whether the reports are to be JSON, as far as a command line tells that is wrong.
fn asks_for_json(words: &[OsString]) -> bool {
    let mut words = words.iter().take_while(|word| *word != "--");
    let mut written = None;
    while let Some(word) = words.next() {
        if word == "--report" {
            written = words.next().map(|value| value == "json");
        } else if let Some(value) = word.to_str().and_then(|word| word.strip_prefix("--report=")) {
            written = Some(value == "json");
        }
    }
    written.unwrap_or_else(|| std::env::var_os("ADIEU_REPORT").is_some_and(|value| value == "json"))
}
