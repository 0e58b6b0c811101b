//! Resolves an option that is given in two places, and options that have nothing to do together.
//!
//! Nothing is known here of any single option: the rules stand beside the definitions.

use super::facts::{Facts, Given, can_be_either_side, is_udp};
use super::rules::{OverUdp, Rules};
use clap::builder::Resettable;
use clap::error::{Error, ErrorKind};
use clap::{Arg, ArgMatches, Command};
use std::ffi::OsString;

/// Whether the environment may say something.
pub(crate) fn has_variables() -> bool {
    std::env::vars_os().any(|(name, _)| name.as_encoded_bytes().starts_with(b"ADIEU_"))
}

/// Whether clap's own rules say all there is to say: nothing comes from a variable, and no option that is written has a rule
/// that would have to be looked at.
fn is_plain(definition: &Command, words: &[OsString]) -> bool {
    let Some(command) = words.get(1).and_then(|name| definition.find_subcommand(name)) else {
        return !has_variables();
    };
    let has_sides = can_be_either_side(command);
    let mut checked = command.get_arguments().filter(|argument| Rules::of(argument).is_checked(has_sides));
    let is_written = |argument: &Arg| {
        let id = argument.get_id().as_str().as_bytes();
        words.iter().any(|word| {
            let written = word.as_encoded_bytes().strip_prefix(b"--").unwrap_or_default().iter();
            written.take(id.len()).map(|b| if *b == b'-' { b'_' } else { *b }).eq(id.iter().copied())
        })
    };
    !checked.any(is_written) && !words.iter().any(|word| is_udp(word)) && !has_variables()
}

/// What is wrong, and of which kind.
type Wrong = (ErrorKind, String);

/// Reads words and variables by a definition, without saying anything.
pub(crate) fn resolve(definition: Command, words: &[OsString]) -> Result<ArgMatches, Error> {
    if is_plain(&definition, words) {
        return definition.try_get_matches_from(words);
    }
    let mut lenient = definition.clone().mut_subcommands(|c| c.mut_args(without_empty_variable));
    lenient = lenient.mut_subcommands(|c| c.mut_args(|a| a.conflicts_with(Resettable::Reset)));
    let matches = lenient.clone().try_get_matches_from(words)?;
    let Some((name, given_here)) = matches.subcommand() else { return Ok(matches) };
    let Some(command) = definition.find_subcommand(name) else { return Ok(matches) };

    let facts = Facts::new(command, given_here);
    let conflicts: Vec<(&Arg, &Arg)> = command
        .get_arguments()
        .flat_map(|a| command.get_arg_conflicts_with(a).into_iter().map(move |b| (a, b)))
        .collect();
    // Before the conflicts: two variables that are both for other runs do not disagree about this one.
    let mut yielding = Yielding(variables_without_use(&facts));
    let mut wrong = of_the_other_side(&facts, &mut yielding);
    wrong = by_udp(&facts, &yielding).or(wrong);
    wrong = in_conflict(&facts, &conflicts, &mut yielding).or(wrong);
    wrong = without_what_it_needs(&facts, &mut yielding).or(wrong);
    // In this order, whatever is wrong: each lets variables yield.
    let meaningless = meaningless(&facts, &mut yielding);
    wrong = wrong.or(meaningless).or_else(|| without_tls(&facts)).or_else(|| empty_guard(&facts, &conflicts));
    if let Some((kind, sentence)) = wrong {
        return Err(refusal(lenient, name, kind, sentence));
    }
    yield_to_others(&facts, &mut yielding);
    if yielding.0.is_empty() {
        return Ok(matches);
    }
    let without =
        |argument: Arg| if yielding.has(&argument) { argument.env(Resettable::Reset) } else { argument };
    lenient.mut_subcommand(name, |command| command.mut_args(without)).try_get_matches_from(words)
}

/// The options whose variables are ignored in this run.
struct Yielding(Vec<String>);

impl Yielding {
    fn add(&mut self, argument: &Arg) {
        self.0.push(argument.get_id().to_string());
    }

    fn has(&self, argument: &Arg) -> bool {
        self.0.iter().any(|id| argument.get_id() == id.as_str())
    }
}

/// Variables that are for other runs: those with TLS, those to a host, those that send no files.
fn variables_without_use(facts: &Facts<'_>) -> Vec<String> {
    let has_no_use = |rules: &Rules| {
        rules.not_for_unix && facts.is_unix()
            || is_without_use_by_udp(facts, rules)
            || rules.for_tls && !facts.over_tls()
            || rules.yields_if.is_some_and(|is_so| is_so(facts.matches()))
    };
    let variables = facts.options().filter(|(a, _)| facts.given(a) == Some(Given::Variable));
    variables.filter(|(_, rules)| has_no_use(rules)).map(|(a, _)| a.get_id().to_string()).collect()
}

/// Whether it means nothing because this is UDP, or because it is not.
fn is_without_use_by_udp(facts: &Facts<'_>, rules: &Rules) -> bool {
    match rules.udp {
        OverUdp::Same | OverUdp::Refused => false,
        OverUdp::Only => !facts.is_udp(),
        // What asks for TLS or keeps others out is no mere default.
        OverUdp::Nothing => {
            let keeps_out = rules.asks_for_tls.is_some() || facts.is_guard(rules);
            facts.is_udp() && facts.speaks_udp() && !keeps_out
        }
    }
}

/// Options that mean nothing over UDP, or nothing elsewhere.
fn by_udp(facts: &Facts<'_>, yielding: &Yielding) -> Option<Wrong> {
    if !facts.speaks_udp() {
        return None;
    }
    facts.options().filter(|(argument, _)| !yielding.has(argument)).find_map(|(argument, rules)| {
        let given = facts.given(argument)?;
        let sentence = match (rules.udp, facts.is_udp()) {
            (OverUdp::Same, _) | (OverUdp::Nothing | OverUdp::Refused, false) | (OverUdp::Only, true) => {
                return None;
            }
            (OverUdp::Only, false) => format!("{} is only for UDP: udp://host:port", written_as(argument)),
            (_, true) if given == Given::Variable => {
                format!("{} is set, and over UDP it means nothing: unset it", variable_of(argument))
            }
            (_, true) => format!("{} means nothing over UDP", written_as(argument)),
        };
        Some((ErrorKind::ArgumentConflict, sentence))
    })
}

/// Options of the side that this command is not.
fn of_the_other_side(facts: &Facts<'_>, yielding: &mut Yielding) -> Option<Wrong> {
    let mut wrong = None;
    if !facts.can_be_either_side() {
        return wrong;
    }
    let others = facts.options().filter(|(_, rules)| rules.side == Some(facts.side().other()));
    for (argument, _) in others {
        match facts.given(argument) {
            Some(Given::Written) => {
                let (option, side, ours) =
                    (written_as(argument), facts.side().other().verb(), facts.side().verb());
                let sentence = format!("{option} is for the side that {side}, and this side {ours}");
                wrong = Some((ErrorKind::ArgumentConflict, sentence));
            }
            Some(Given::Variable) => yielding.add(argument),
            None => {}
        }
    }
    wrong
}

/// Options that exclude each other, as clap was told. Of two, the one that is written stays.
fn in_conflict(facts: &Facts<'_>, conflicts: &[(&Arg, &Arg)], yielding: &mut Yielding) -> Option<Wrong> {
    let mut wrong = None;
    for (a, b) in conflicts {
        match (facts.given(a), facts.given(b)) {
            (Some(Given::Written), Some(Given::Variable))
                if Rules::of(a).sends_in_the_clear && Rules::of(b).guard.is_some() =>
            {
                wrong = Some((ErrorKind::ArgumentConflict, in_the_clear(a, b)));
            }
            (Some(Given::Written), Some(Given::Variable)) => yielding.add(b),
            (Some(Given::Variable), Some(Given::Written)) => yielding.add(a),
            _ => {}
        }
    }
    for (a, b) in conflicts {
        if yielding.has(a) || yielding.has(b) {
            continue;
        }
        let (a, b) = match (facts.given(a), facts.given(b)) {
            (Some(Given::Written), Some(Given::Written)) => (written_as(a), written_as(b)),
            (Some(Given::Variable), Some(Given::Variable)) => (variable_of(a), variable_of(b)),
            _ => continue,
        };
        wrong = Some((ErrorKind::ArgumentConflict, format!("{a} and {b} cannot be used together")));
    }
    wrong
}

/// Options that mean nothing without another.
fn without_what_it_needs(facts: &Facts<'_>, yielding: &mut Yielding) -> Option<Wrong> {
    let mut wrong = None;
    for (argument, rules) in facts.options() {
        let Some(needed) = rules.needs.filter(|needed| facts.given_by_name(needed).is_none()) else {
            continue;
        };
        match facts.given(argument) {
            Some(Given::Written) => {
                let sentence = format!("{} needs {}", written_as(argument), named_in_a_rule(needed));
                wrong = Some((ErrorKind::MissingRequiredArgument, sentence));
            }
            Some(Given::Variable) => yielding.add(argument),
            None => {}
        }
    }
    wrong
}

/// Options that mean nothing together. The variables among them yield.
fn meaningless(facts: &Facts<'_>, yielding: &mut Yielding) -> Option<Wrong> {
    let mut wrong = None;
    for (argument, rules) in facts.options() {
        for with in rules.meaningless_with {
            let other = with.option();
            if !facts.has(other) || with.value().is_some_and(|value| !facts.says(other, value)) {
                continue;
            }
            match (facts.given(argument), facts.given_by_name(other)) {
                (Some(Given::Written), Some(Given::Written)) => {
                    let what = [named_in_a_rule(other)].into_iter().chain(with.value().map(str::to_owned));
                    let (option, what) = (written_as(argument), what.collect::<Vec<_>>().join(" "));
                    let sentence = format!("{option} means nothing with {what}");
                    wrong = wrong.or(Some((ErrorKind::ArgumentConflict, sentence)));
                }
                (Some(Given::Written), Some(Given::Variable)) => yielding.0.push(other.to_owned()),
                (Some(Given::Variable), Some(_)) => yielding.add(argument),
                _ => {}
            }
        }
    }
    wrong
}

/// An option for TLS that was written, without TLS.
fn without_tls(facts: &Facts<'_>) -> Option<Wrong> {
    let mut written =
        facts.options().filter(|(a, rules)| rules.for_tls && facts.given(a) == Some(Given::Written));
    let (argument, rules) = written.next().filter(|_| !facts.over_tls())?;
    let option = written_as(argument);
    let sentence = if facts.options().any(|(other, _)| other.get_long() == Some("tls")) {
        format!("{option} needs --tls, or an endpoint such as tls://host:port")
    } else if rules.yields_if.is_some() {
        format!("{option} is for upstreams with TLS: write tls:// before one")
    } else {
        format!("{option} needs TLS: write tls:// before an upstream, or before where it listens")
    };
    Some((ErrorKind::MissingRequiredArgument, sentence))
}

/// A guard from an empty variable that would count.
fn empty_guard(facts: &Facts<'_>, conflicts: &[(&Arg, &Arg)]) -> Option<Wrong> {
    let is_written = |argument: &Arg| facts.given(argument) == Some(Given::Written);
    let mut guards = facts.options().filter(|(argument, rules)| {
        is_empty_variable(argument) && facts.is_guard(rules) && !is_written(argument)
    });
    let sentence = guards.find_map(|(guard, _)| {
        let pairs = conflicts.iter().flat_map(|(a, b)| [(a, b), (b, a)]);
        let mut others = pairs.filter(|(one, _)| one.get_id() == guard.get_id()).map(|(_, other)| *other);
        match others.find(|other| is_written(other)) {
            None => Some(format!("{} is empty: give it a value, or unset it", variable_of(guard))),
            Some(other) if Rules::of(other).sends_in_the_clear => Some(in_the_clear(other, guard)),
            // It is set aside.
            Some(_) => None,
        }
    });
    sentence.map(|sentence| (ErrorKind::InvalidValue, sentence))
}

/// Variables of options that are no reason to leave another out, nor to refuse it.
fn yield_to_others(facts: &Facts<'_>, yielding: &mut Yielding) {
    for (argument, rules) in facts.options() {
        if facts.given(argument) == Some(Given::Variable)
            && rules.yields_to.is_some_and(|other| facts.given_by_name(other).is_some())
        {
            yielding.add(argument);
        }
    }
}

fn in_the_clear(option: &Arg, guard: &Arg) -> String {
    let (option, variable) = (written_as(option), variable_of(guard));
    format!("{option} sends in the clear, and {variable} is set: unset it, or leave {option} out")
}

/// An option as it is written: `--keep-open`.
fn written_as(argument: &Arg) -> String {
    format!("--{}", argument.get_long().unwrap_or(argument.get_id().as_str()))
}

/// The same, of one that a rule names.
fn named_in_a_rule(id: &str) -> String {
    format!("--{}", id.replace('_', "-"))
}

fn variable_of(argument: &Arg) -> String {
    argument.get_env().unwrap_or_default().to_string_lossy().into_owned()
}

/// Refuses with the usage of the command.
pub(super) fn refusal(mut definition: Command, name: &str, kind: ErrorKind, sentence: String) -> Error {
    definition.build();
    match definition.find_subcommand_mut(name) {
        Some(command) => command.error(kind, sentence),
        None => definition.error(kind, sentence),
    }
}

/// An empty variable is as good as none.
fn without_empty_variable(argument: Arg) -> Arg {
    if is_empty_variable(&argument) { argument.env(Resettable::Reset) } else { argument }
}

fn is_empty_variable(argument: &Arg) -> bool {
    argument.get_env().and_then(std::env::var_os).is_some_and(|value| value.is_empty())
}
