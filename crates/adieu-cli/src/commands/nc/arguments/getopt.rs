//! Options and operands in the ways of glibc's `getopt` and `getopt_long`, with their messages.
//!
//! lexopt takes the words apart; what getopt makes of them stands here: its messages, the abbreviations of long names, and the
//! variable POSIXLY_CORRECT.
//!
//! Source: getopt(3), and "Parsing program options using getopt" in the manual of the GNU C library.

use super::tables::Opt;
use lexopt::{Arg, Parser};
use std::ffi::{OsStr, OsString};

/// One option, as it was written.
#[derive(Debug)]
pub(super) struct Given {
    pub(super) option: &'static Opt,
    /// There is one if the option takes one.
    pub(super) value: Option<OsString>,
}

impl Given {
    /// The value as text.
    pub(super) fn text(&self) -> String {
        self.value.as_deref().map(super::text).unwrap_or_default()
    }

    /// The value as it was written.
    pub(super) fn word(self) -> OsString {
        self.value.unwrap_or_default()
    }
}

/// The words of a command line, one option after another.
pub(super) struct Getopt<'a> {
    called: &'a OsStr,
    table: &'static [Opt],
    parser: Parser,
    operands: Vec<OsString>,
    /// Operands end the options: POSIXLY_CORRECT is set.
    is_posix: bool,
}

impl<'a> Getopt<'a> {
    pub(super) fn new(called: &'a OsStr, table: &'static [Opt], words: &[OsString]) -> Self {
        let mut parser = Parser::from_args(words);
        // getopt gives `-w=5` the value `=5`.
        parser.set_short_equals(false);
        let is_posix = std::env::var_os("POSIXLY_CORRECT").is_some();
        Self { called, table, parser, operands: Vec::new(), is_posix }
    }

    /// The operands, once there are no options any more.
    pub(super) fn operands(self) -> Vec<OsString> {
        self.operands
    }

    /// The next option.
    ///
    /// # Errors
    ///
    /// getopt's message.
    pub(super) fn next(&mut self) -> Result<Option<Given>, String> {
        loop {
            // An error is about a value that no option takes, and `long` has looked for that.
            let read = match self.parser.next() {
                Ok(None) | Err(_) => return Ok(None),
                Ok(Some(Arg::Value(word))) => Err(word),
                Ok(Some(Arg::Short(letter))) => Ok(Err(letter)),
                Ok(Some(Arg::Long(name))) => Ok(Ok(name.to_owned())),
            };
            match read {
                Ok(Err(letter)) => return self.short(letter).map(Some),
                Ok(Ok(name)) => return self.long(&name).map(Some),
                Err(word) => {
                    self.operands.push(word);
                    if self.is_posix {
                        let rest = self.parser.raw_args().map(Iterator::collect::<Vec<_>>);
                        self.operands.extend(rest.unwrap_or_default());
                        return Ok(None);
                    }
                }
            }
        }
    }

    fn short(&mut self, letter: char) -> Result<Given, String> {
        let Some(option) = self.table.iter().find(|option| option.letter == Some(letter)) else {
            return Err(self.message(&format!("invalid option -- '{letter}'")));
        };
        if option.value.is_none() {
            return Ok(Given { option, value: None });
        }
        match self.parser.value() {
            Ok(value) => Ok(Given { option, value: Some(value) }),
            Err(_) => Err(self.message(&format!("option requires an argument -- '{letter}'"))),
        }
    }

    fn long(&mut self, name: &str) -> Result<Given, String> {
        let has_long = self.table.iter().any(|option| option.letter.is_none() && !option.is_ours);
        let glued = self.parser.optional_value();
        let option = match self.named(name, glued.as_deref()) {
            Ok(option) => option,
            // Without long options, getopt reads a cluster of letters, of which the first is a dash.
            Err(_) if !has_long => return Err(self.message("invalid option -- '-'")),
            Err(message) => return Err(self.message(&message)),
        };
        match (option.value, glued) {
            (None, None) => Ok(Given { option, value: None }),
            (None, Some(_)) => {
                Err(self.message(&format!("option '--{}' doesn't allow an argument", option.long)))
            }
            (Some(_), Some(value)) => Ok(Given { option, value: Some(value) }),
            (Some(_), None) => match self.parser.value() {
                Ok(value) => Ok(Given { option, value: Some(value) }),
                Err(_) => Err(self.message(&format!("option '--{}' requires an argument", option.long))),
            },
        }
    }

    /// The option of a long name, or of the beginning of one. Options of ours have no abbreviations, so that those of the
    /// flavour mean what they mean in it. `glued`: the value behind it, for the message.
    fn named(&self, name: &str, glued: Option<&OsStr>) -> Result<&'static Opt, String> {
        let written = || match glued {
            Some(value) => format!("--{name}={}", super::text(value)),
            None => format!("--{name}"),
        };
        if let Some(exact) = self.table.iter().find(|option| option.long == name && !name.is_empty()) {
            return Ok(exact);
        }
        let mut begun = self
            .table
            .iter()
            .filter(|option| !option.is_ours && !option.long.is_empty() && option.long.starts_with(name));
        let Some(first) = begun.next() else {
            return Err(format!("unrecognized option '{}'", written()));
        };
        // Names that come to the same are not told apart.
        let others: Vec<&Opt> = begun.filter(|other| !first.comes_to_the_same(other)).collect();
        if others.is_empty() {
            return Ok(first);
        }
        let names = std::iter::once(first).chain(others).map(|option| format!(" '--{}'", option.long));
        let names: String = names.collect();
        Err(format!("option '{}' is ambiguous; possibilities:{names}", written()))
    }

    fn message(&self, text: &str) -> String {
        format!("{}: {text}", super::text(self.called))
    }
}
