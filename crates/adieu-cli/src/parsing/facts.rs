//! What a command line and its variables come to, as far as the rules of options ask.

use super::rules::{AsksForTls, CommandSide, Guard, OverUdp, Rules, RunFacts, Which};
use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Command};
use std::ffi::{OsStr, OsString};

/// Where a value that counts comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Given {
    Written,
    Variable,
}

/// One command, as it was given.
pub(super) struct Facts<'a> {
    command: &'a Command,
    matches: &'a ArgMatches,
    side: CommandSide,
    over_tls: bool,
    is_unix: bool,
    is_udp: bool,
}

impl<'a> Facts<'a> {
    pub(super) fn new(command: &'a Command, matches: &'a ArgMatches) -> Self {
        let mut facts = Self {
            command,
            matches,
            side: CommandSide::Connects,
            over_tls: false,
            is_unix: false,
            is_udp: false,
        };
        let endpoint = command.get_arguments().find_map(|a| Some((a, Rules::of(a).endpoint?)));
        let mut words = Vec::new();
        if let Some((argument, which)) = endpoint {
            let is_turned = facts.options().any(|(a, rules)| rules.turns_side && facts.given(a).is_some());
            facts.side = if is_turned { which.side.other() } else { which.side };
            words = raw_words(matches, argument.get_id().as_str());
            match which.which {
                Which::Together => words.truncate(1),
                Which::Last => words = words.pop().into_iter().collect(),
                Which::Each => {}
            }
        }
        let is_unix = |word: &OsString| word.as_encoded_bytes().starts_with(b"unix:");
        facts.is_unix = !words.is_empty() && words.iter().all(is_unix);
        facts.is_udp = words.iter().any(|word| is_udp(word));
        let asks = |(argument, rules): (&Arg, Rules)| {
            let may = match rules.asks_for_tls {
                None => false,
                Some(AsksForTls::Always) => true,
                Some(AsksForTls::WhenListening) => facts.listens(),
            };
            may && facts.given(argument).is_some()
        };
        let named = |(argument, rules): (&Arg, Rules)| {
            rules.names_endpoints && names_tls(matches, argument.get_id().as_str())
        };
        facts.over_tls = words.iter().any(|word| is_tls(word.as_encoded_bytes()))
            || facts.options().any(asks)
            || facts.options().any(named);
        facts
    }

    /// The arguments of the command, with the rules beside each.
    pub(super) fn options(&self) -> impl Iterator<Item = (&'a Arg, Rules)> + use<'a> {
        self.command.get_arguments().map(|argument| (argument, Rules::of(argument)))
    }

    pub(super) const fn side(&self) -> CommandSide {
        self.side
    }

    /// Whether an option could make it the other side.
    pub(super) fn can_be_either_side(&self) -> bool {
        can_be_either_side(self.command)
    }

    pub(super) const fn is_unix(&self) -> bool {
        self.is_unix
    }

    pub(super) const fn is_udp(&self) -> bool {
        self.is_udp
    }

    /// Whether the command has something that means anything over UDP alone: then it speaks it.
    pub(super) fn speaks_udp(&self) -> bool {
        self.options().any(|(_, rules)| rules.udp == OverUdp::Only)
    }

    /// Whether we listen.
    const fn listens(&self) -> bool {
        matches!(self.side, CommandSide::Listens)
    }

    /// Whether TLS is asked for.
    pub(super) const fn over_tls(&self) -> bool {
        self.over_tls
    }

    pub(super) fn given(&self, argument: &Arg) -> Option<Given> {
        given(self.matches, argument.get_id().as_str())
    }

    /// The same of an option that is named in a rule. `None`: this command may not have it.
    pub(super) fn given_by_name(&self, id: &str) -> Option<Given> {
        self.command.get_arguments().find(|a| a.get_id() == id).and_then(|argument| self.given(argument))
    }

    pub(super) fn has(&self, id: &str) -> bool {
        self.command.get_arguments().any(|a| a.get_id() == id)
    }

    /// Whether its value is this one.
    pub(super) fn says(&self, id: &str, value: &str) -> bool {
        self.matches.get_raw(id).and_then(Iterator::last).is_some_and(|raw| raw == OsStr::new(value))
    }

    /// Whether an option with these rules keeps others out in this run.
    pub(super) fn is_guard(&self, rules: &Rules) -> bool {
        match rules.guard {
            None => false,
            Some(Guard::Where(counts)) => {
                counts(RunFacts { listens: self.listens(), over_tls: self.over_tls })
            }
            Some(Guard::WithWhatItNeeds) => rules.needs.is_some_and(|id| self.given_by_name(id).is_some()),
        }
    }

    pub(super) const fn matches(&self) -> &'a ArgMatches {
        self.matches
    }
}

/// Whether a command may be the side that connects or the one that listens.
pub(crate) fn can_be_either_side(command: &Command) -> bool {
    command.get_arguments().any(|argument| Rules::of(argument).turns_side)
}

/// Whether a word leads to a port of UDP.
pub(super) fn is_udp(word: &OsStr) -> bool {
    word.as_encoded_bytes().get(..6).is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"udp://"))
}

fn given(matches: &ArgMatches, id: &str) -> Option<Given> {
    match matches.value_source(id)? {
        ValueSource::CommandLine => Some(Given::Written),
        // A flag whose variable says no is not given. What is no flag has a value, which is.
        ValueSource::EnvVariable if matches.try_get_one::<bool>(id).ok().flatten() == Some(&false) => None,
        ValueSource::EnvVariable => Some(Given::Variable),
        _ => None,
    }
}

/// Whether an endpoint, as it was written, is one that TLS is spoken with.
pub(crate) fn is_tls(word: &[u8]) -> bool {
    word.get(..6).is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"tls://"))
}

/// Whether a value of an option, which is a name, `=` and an endpoint, has such an endpoint.
pub(crate) fn names_tls(matches: &ArgMatches, id: &str) -> bool {
    let of = |value: &OsString| {
        value.as_encoded_bytes().splitn(2, |byte| *byte == b'=').nth(1).is_some_and(is_tls)
    };
    raw_words(matches, id).iter().any(of)
}

/// The words of an argument, as they were written.
pub(crate) fn raw_words(matches: &ArgMatches, id: &str) -> Vec<OsString> {
    matches.try_get_raw(id).ok().flatten().into_iter().flatten().map(OsStr::to_owned).collect()
}
