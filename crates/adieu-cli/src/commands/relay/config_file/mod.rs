//! `--config FILE`: several relays, each a table of TOML whose keys are the options of the command line.
//!
//! ```toml
//! log = "/var/log/adieu/relay.log"
//!
//! [[relay]]
//! name = "web"
//! listen = ":8080"
//! to = ["192.0.2.1:80", "192.0.2.2:80"]
//! balance = "least"
//! connect-timeout = "2s"
//! ```
//!
//! A table is made the words of a command line, and is read as one: a key means what its option means, and a value that is
//! wrong is refused in the same words. A table without errors is read once. If a table has an error, each of its keys is read by itself, so
//! that the error has the key's line; [`written`] finds the key of an error that several of them make.

mod syntax;
mod words;
mod written;

#[cfg(test)]
mod tests;

use self::words::{
    LISTEN, OF_THE_PROCESS, ROUTE, TO, definition, is_of_the_value, meant, sentence, text, with_keys,
    words_of,
};
use self::written::{Word, Written};
use super::arguments::Args;
use crate::no_plan::NoPlan;
use crate::options::endpoint_of_metrics;
use crate::options::own_file::own_file;
use crate::parsing;
use adieu::describe_error;
use clap::builder::Resettable;
use clap::{Arg, Command, FromArgMatches};
use std::cell::OnceCell;
use std::ffi::OsString;
use std::fmt;
use std::fs::File;
use std::io::Read;
use std::ops::Range;
use std::path::{Path, PathBuf};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// What a file says.
#[derive(Debug)]
pub(super) struct ConfigFile {
    pub(super) log: Option<PathBuf>,
    pub(super) metrics: Option<String>,
    pub(super) lines: TopLines,
    pub(super) relays: Vec<Table>,
}

/// The lines of what a file says of the process as a whole.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct TopLines {
    pub(super) log: Option<usize>,
    pub(super) metrics: Option<usize>,
}

/// One relay of it.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) args: Args,
    written: Written,
}

/// Where a relay stands in the file: the line of its table, and of each of its keys.
#[derive(Debug, Clone)]
pub(super) struct Lines {
    pub(super) table: usize,
    keys: Vec<(String, usize)>,
}

impl Lines {
    /// The line of a key, or of the table if it does not have it.
    pub(super) fn of(&self, key: &str) -> usize {
        self.keys.iter().find(|(one, _)| one == key).map_or(self.table, |(_, line)| *line)
    }
}

/// Something that is wrong.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Wrong {
    pub(super) line: usize,
    pub(super) what: String,
}

impl Wrong {
    /// What is wrong with a key, in a sentence that names it.
    pub(super) fn of_key(key: &str, line: usize, what: &str) -> Self {
        let what = with_keys(what);
        let is_named = what.contains(&format!("'{key}'"));
        Self { line, what: if is_named { what } else { format!("'{key}': {what}") } }
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.what)
    }
}

/// The most that is read: far more than a relay for each port takes. A device or a FIFO may have no end.
const MOST: u64 = 64 << 20;

/// Reads a file.
///
/// # Errors
///
/// It cannot be read, it is larger than a configuration can be, or it is not UTF-8.
pub(super) fn read(path: &Path) -> Result<String, NoPlan> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(MOST + 1).read_to_end(&mut bytes));
    read.map_err(|error| {
        NoPlan::refused(format!("cannot read {}: {}", path.display(), describe_error(&error)))
    })?;
    if bytes.len() as u64 > MOST {
        let path = path.display();
        return Err(NoPlan::refused(format!(
            "{path}: a configuration has at most 64 MiB, and this has more"
        )));
    }
    String::from_utf8(bytes).map_err(|error| {
        let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = before.split(|byte| *byte == b'\n').count();
        let path = path.display();
        NoPlan::refused(format!("{path}: line {line}: this is not UTF-8: save the file in that encoding"))
    })
}

impl Table {
    pub(super) fn lines(&self) -> Lines {
        self.written.lines()
    }

    /// An error of the table's plan, with the line of the key that makes it. `plan` is asked again for the table without one of its keys:
    /// what is wrong then.
    pub(super) fn blame(&self, why: &str, plan: impl Fn(&Args) -> Option<String>) -> Wrong {
        let reader = Reader::new("");
        self.written.blame(why, |words| match reader.parse(words) {
            Ok(args) => plan(&args),
            Err(what) => Some(what),
        })
    }
}

impl ConfigFile {
    /// What a text says, or everything that is wrong with it.
    pub(super) fn parse(text: &str) -> Result<Self, Vec<Wrong>> {
        let (document, errors) = DeTable::parse_recoverable(text);
        let mut reader = Reader::new(text);
        if !errors.is_empty() {
            for error in errors {
                let at = error.span().unwrap_or_default();
                reader.note(at.clone(), syntax::told(text, document.get_ref(), at, error.message()));
            }
            return Err(reader.finish());
        }
        let mut file = Self { log: None, metrics: None, lines: TopLines::default(), relays: Vec::new() };
        for (key, value) in document.get_ref() {
            let line = reader.line(key.span().start);
            match &**key.get_ref() {
                "relay" => file.relays = reader.relays(value),
                "log" => {
                    file.log = reader.text_of("log", "relay.jsonl", value).map(PathBuf::from);
                    if let Some(Err(error)) = file.log.clone().map(own_file) {
                        reader.wrong.push(Wrong::of_key("log", line, &error.to_string()));
                    }
                    file.lines.log = Some(line);
                }
                "metrics" => {
                    file.metrics = reader.text_of("metrics", "127.0.0.1:9100", value);
                    file.lines.metrics = Some(line);
                    if let Some(Err(error)) = file.metrics.as_deref().map(endpoint_of_metrics) {
                        reader.wrong.push(Wrong::of_key("metrics", line, &format!("{error:#}")));
                    }
                }
                other => reader.unknown_at_the_top(other, key.span()),
            }
        }
        if file.relays.is_empty() && reader.wrong.is_empty() {
            reader.note(0..0, "there is no relay in it: begin one with [[relay]]");
        }
        if reader.wrong.is_empty() { Ok(file) } else { Err(reader.finish()) }
    }
}

/// The first option among the words of a command line that only one relay can have.
pub(super) fn option_of_a_relay(words: impl Iterator<Item = OsString>) -> Option<String> {
    let reader = Reader::new("");
    let mut words = words.skip(2).take_while(|word| word != "--");
    let name_of = |word: OsString| {
        let word = word.into_string().ok()?;
        let name = if let Some(long) = word.strip_prefix("--") {
            long.split('=').next()?.to_owned()
        } else {
            let short = word.strip_prefix('-')?.chars().next()?;
            let is_it = |option: &&Arg| option.get_short() == Some(short);
            reader.options().find(is_it)?.get_long()?.to_owned()
        };
        reader.options().any(|option| option.get_long() == Some(&*name)).then_some(name)
    };
    words.find_map(name_of)
}

struct Reader {
    /// Where each line begins.
    lines: Vec<usize>,
    definition: Command,
    /// The same, in which no option needs or excludes another. It is made for the first table that is wrong.
    alone: OnceCell<Command>,
    wrong: Vec<Wrong>,
}

impl Reader {
    fn new(text: &str) -> Self {
        let after_breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        let lines = std::iter::once(0).chain(after_breaks).collect();
        Self { lines, definition: definition(), alone: OnceCell::new(), wrong: Vec::new() }
    }

    fn note(&mut self, at: Range<usize>, what: impl Into<String>) {
        let line = self.line(at.start);
        self.wrong.push(Wrong { line, what: what.into() });
    }

    fn line(&self, at: usize) -> usize {
        self.lines.partition_point(|begins| *begins <= at)
    }

    fn finish(mut self) -> Vec<Wrong> {
        self.wrong.sort();
        self.wrong.dedup();
        self.wrong
    }

    /// The options that a relay may have.
    fn options(&self) -> impl Iterator<Item = &Arg> {
        let relay = self.definition.find_subcommand("relay");
        relay
            .into_iter()
            .flat_map(Command::get_opts)
            .filter(|option| option.get_long().is_some_and(|name| !OF_THE_PROCESS.contains(&name)))
    }

    fn unknown_at_the_top(&mut self, key: &str, at: Range<usize>) {
        let is_of_a_relay =
            key == LISTEN || key == TO || self.options().any(|option| option.get_long() == Some(key));
        let what = if is_of_a_relay {
            format!("'{key}' belongs to a relay: write it below [[relay]]")
        } else if OF_THE_PROCESS.contains(&key) {
            format!("'{key}' can only be said on the command line, as --{key}")
        } else {
            let instead = meant(key, ["relay", "log", "metrics"].into_iter())
                .unwrap_or_else(|| "at the top of the file are 'log', 'metrics' and [[relay]]".to_owned());
            format!("'{key}' is not known here: {instead}")
        };
        self.note(at, what);
    }

    fn text_of(&mut self, key: &str, such_as: &str, value: &Spanned<DeValue<'_>>) -> Option<String> {
        match value.get_ref() {
            DeValue::String(text) if !text.is_empty() => Some(text.to_string()),
            _ => {
                self.note(
                    value.span(),
                    format!("'{key}' must be a text that is not empty, such as {key} = \"{such_as}\""),
                );
                None
            }
        }
    }

    fn relays(&mut self, value: &Spanned<DeValue<'_>>) -> Vec<Table> {
        let DeValue::Array(tables) = value.get_ref() else {
            self.note(
                value.span(),
                "'relay' is a list of tables: write [[relay]], in two pairs of brackets, above each",
            );
            return Vec::new();
        };
        let mut read = Vec::new();
        for table in tables {
            match table.get_ref() {
                DeValue::Table(keys) => read.extend(self.relay(keys, table.span())),
                _ => self.note(table.span(), "a 'relay' must be a table: begin it with [[relay]]"),
            }
        }
        read
    }

    fn relay(&mut self, keys: &DeTable<'_>, at: Range<usize>) -> Option<Table> {
        let before = self.wrong.len();
        let mut words = Vec::new();
        for (key, value) in keys {
            words.extend(match &**key.get_ref() {
                LISTEN => self.listen(value),
                TO => self.endpoints(TO, value),
                name => self.option(name, key.span(), value),
            });
        }
        let has = |key: &str| keys.iter().any(|(one, _)| one.get_ref() == key);
        if !has(LISTEN) {
            self.note(at.clone(), "this relay has no 'listen': write where, such as listen = \":8080\"");
        }
        if !has(TO) && !has(ROUTE) {
            self.note(
                at.clone(),
                "this relay has no 'to': write whom it connects to, such as to = \"192.0.2.1:80\"",
            );
        }
        if self.wrong.len() != before {
            self.wrong_alone(&words);
            return None;
        }
        let written = Written::new(self.line(at.start), words);
        match self.parse(written.all()) {
            Ok(args) => return Some(Table { args, written }),
            Err(what) => {
                self.wrong_alone(&written.words);
                // What is wrong with several of them together.
                if self.wrong.len() == before {
                    let wrong = written.blame(&what, |words| self.parse(words).err());
                    self.wrong.push(wrong);
                }
            }
        }
        None
    }

    fn listen(&mut self, value: &Spanned<DeValue<'_>>) -> Vec<Word> {
        let words = self.endpoints(LISTEN, value);
        if words.len() > 1 {
            let n = words.len();
            self.note(
                value.span(),
                format!("'listen' has {n} endpoints, and a relay listens on one: write a [[relay]] for each"),
            );
        }
        words
    }

    fn endpoints(&mut self, key: &str, value: &Spanned<DeValue<'_>>) -> Vec<Word> {
        let values = match value.get_ref() {
            DeValue::Array(values) => values.iter().collect(),
            _ => vec![value],
        };
        let mut words = Vec::new();
        for one in values {
            if let Some(text) = text(one.get_ref()).filter(|text| !text.is_empty()) {
                words.push(Word { key: key.to_owned(), line: self.line(one.span().start), text });
                continue;
            }
            let list = if key == TO { ", or a list of them" } else { "" };
            self.note(one.span(), format!("'{key}' must be an endpoint, such as \"192.0.2.1:80\"{list}"));
        }
        if matches!(value.get_ref(), DeValue::Array(values) if values.is_empty()) {
            self.note(value.span(), format!("'{key}' is empty: write an endpoint, such as \"192.0.2.1:80\""));
        }
        words
    }

    /// The words of one option: several if it is given a list.
    fn option(&mut self, name: &str, at: Range<usize>, value: &Spanned<DeValue<'_>>) -> Vec<Word> {
        let Some(option) = self.options().find(|option| option.get_long() == Some(name)) else {
            let what = if ["log", "metrics"].contains(&name) {
                format!(
                    "'{name}' is for all relays: write it at the top of the file, above the first [[relay]]"
                )
            } else if OF_THE_PROCESS.contains(&name) {
                format!("'{name}' is for all relays, and can only be said on the command line, as --{name}")
            } else {
                let known = self.options().filter_map(Arg::get_long).chain([LISTEN, TO]);
                let instead = meant(name, known).unwrap_or_else(|| {
                    "the keys are the options of 'adieu relay' without their dashes".to_owned()
                });
                format!("'{name}' is not known: {instead}")
            };
            self.note(at, what);
            return Vec::new();
        };
        match words_of(option, name, value) {
            Ok(words) => words
                .into_iter()
                .map(|(at, text)| Word { key: name.to_owned(), line: self.line(at.start), text })
                .collect(),
            Err((at, what)) => {
                self.note(at, what);
                Vec::new()
            }
        }
    }

    /// Notes what is wrong with each option by itself.
    fn wrong_alone(&mut self, words: &[Word]) {
        for word in words.iter().filter(|word| ![LISTEN, TO].contains(&&*word.key)) {
            if let Some(what) = self.alone(word.text.clone()) {
                self.wrong.push(Wrong::of_key(&word.key, word.line, &what));
            }
        }
    }

    /// What is wrong with one option by itself.
    fn alone(&mut self, word: OsString) -> Option<String> {
        self.alone.get_or_init(|| {
            self.definition.clone().mut_subcommand("relay", |relay| {
                relay.mut_args(|arg| arg.required(false).conflicts_with(Resettable::Reset))
            })
        });
        let words = ["adieu", "relay"].map(OsString::from).into_iter().chain([word]);
        let error = self.alone.get_mut()?.try_get_matches_from_mut(words).err()?;
        is_of_the_value(&error).then(|| sentence(&error))
    }

    fn parse(&self, words: impl IntoIterator<Item = OsString>) -> Result<Args, String> {
        let words: Vec<OsString> = ["adieu", "relay"].map(OsString::from).into_iter().chain(words).collect();
        let matches = parsing::resolve(self.definition.clone(), &words).map_err(|error| sentence(&error))?;
        let relay = matches.subcommand_matches("relay").ok_or("this is no relay")?;
        Args::from_arg_matches(relay).map_err(|error| sentence(&error))
    }
}
