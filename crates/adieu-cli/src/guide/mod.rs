//! What a command says of itself beside its options: its forms, the options that most people use, examples, exit statuses, and
//! the variables and files that belong to no option.
//!
//! A command's guide is data, in `commands/<command>/guide.rs`. With clap's definition of the command it is the one source of
//! `-h` ([`short`]), of `--help` ([`long`]) and of the manual page (`commands/man`). Nothing of it is built unless one of these is
//! asked for.

pub(crate) mod long;
pub(crate) mod overview;
pub(crate) mod short;
mod wrap;

pub(crate) use self::wrap::wrapped;

use crate::exit::Statuses;
use clap::Arg;
use std::ffi::OsString;

/// What a command says of itself.
#[derive(Debug)]
pub(crate) struct Guide {
    pub(crate) command: &'static str,
    /// What somebody wants who needs this command, in a few words.
    pub(crate) purpose: &'static str,
    /// The forms of its command line, without the program's name.
    pub(crate) usage: &'static [&'static str],
    /// What `-h` shows: the id of an argument, and what it does in a few words.
    pub(crate) common: &'static [(&'static str, &'static str)],
    /// The first two stand in `-h`.
    pub(crate) examples: &'static [Example],
    pub(crate) statuses: Statuses,
    /// Variables that are no option's: those that it reads, and those that a command of the user's finds.
    pub(crate) variables: &'static [Named],
    /// Files that no option names.
    pub(crate) files: &'static [Named],
    /// Other commands that somebody may want instead.
    pub(crate) see_also: &'static [&'static str],
}

/// A command line, and what it does. A test runs each.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Example {
    pub(crate) line: &'static str,
    pub(crate) does: &'static str,
}

/// A variable or a file, and what it is for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Named {
    pub(crate) name: &'static str,
    pub(crate) text: &'static str,
}

/// What every command that can go through a proxy reads.
pub(crate) const PROXY: Named = Named {
    name: "ALL_PROXY, NO_PROXY",
    text: "With --proxy env: the proxy, and the hosts that need none. Their names in lower case are read too.",
};

/// What every command that checks certificates reads.
pub(crate) const ROOTS_NAMED: Named = Named {
    name: "SSL_CERT_FILE, SSL_CERT_DIR",
    text: "A file or a directory with roots of trust, instead of the system's.",
};

/// The same, as files.
pub(crate) const ROOTS: Named = Named {
    name: "/etc/ssl/certs",
    text: "The system's roots of trust, where --ca and --pin name nothing else. Other systems have them elsewhere.",
};

/// What every command that takes an endpoint reads.
pub(crate) const SERVICES: Named =
    Named { name: "/etc/services", text: "The names of services, which may stand for ports." };

impl Guide {
    /// The whole text of its examples, as a help has it.
    pub(crate) fn examples(&self, most: usize) -> String {
        let mut text = String::from("Examples:\n");
        for Example { line, does } in self.examples.iter().take(most) {
            text += &format!("  # {does}\n  {line}\n");
        }
        text
    }
}

/// Which help may be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Help {
    Short,
    Long,
}

impl Help {
    /// What these words may ask for. `None`: no help, whatever clap makes of them.
    pub(crate) fn asked(words: &[OsString]) -> Option<Self> {
        let is_letter =
            |word: &[u8]| word.len() > 1 && word[0] == b'-' && word[1] != b'-' && word[1..].contains(&b'h');
        let mut asked = if words.len() == 1 { Some(Self::Short) } else { None };
        for (at, word) in words.iter().enumerate().skip(1) {
            let word = word.as_encoded_bytes();
            if word == b"--help" || at == 1 && word == b"help" {
                return Some(Self::Long);
            }
            if is_letter(word) {
                asked = Some(Self::Short);
            }
        }
        asked
    }
}

/// How an argument is written, as `-e, --exec COMMAND`, or as `ENDPOINT`.
pub(crate) fn label(argument: &Arg) -> String {
    let value = value(argument);
    match (argument.get_short(), argument.get_long()) {
        (Some(short), Some(long)) => format!("-{short}, --{long}{value}"),
        (None, Some(long)) => format!("    --{long}{value}"),
        (Some(short), None) => format!("-{short}{value}"),
        (None, None) => value.trim_start().to_owned(),
    }
}

/// What follows an option: ` COMMAND`, `[=TIMES]`, or nothing.
pub(crate) fn value(argument: &Arg) -> String {
    if !argument.is_positional() && !argument.get_action().takes_values() {
        return String::new();
    }
    let names = argument.get_value_names().unwrap_or_default();
    let names: Vec<&str> = names.iter().map(clap::builder::Str::as_str).collect();
    let names = names.join(" ");
    if argument.is_require_equals_set() { format!("[={names}]") } else { format!(" {names}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_help_that_is_asked_for_is_seen_without_clap() {
        for (line, asked) in [
            ("adieu", Some(Help::Short)),
            ("adieu -h", Some(Help::Short)),
            ("adieu --help", Some(Help::Long)),
            ("adieu help", Some(Help::Long)),
            ("adieu help connect", Some(Help::Long)),
            ("adieu connect -h", Some(Help::Short)),
            ("adieu connect -kh", Some(Help::Short)),
            ("adieu connect h:1 --help", Some(Help::Long)),
            ("adieu connect h:1", None),
            ("adieu connect -q help:1", None),
            ("adieu connect --host h:1", None),
            ("adieu connect help 80", None),
        ] {
            let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
            assert_eq!(Help::asked(&words), asked, "{line}");
        }
    }
}
