//! The command line and the variables made one: what is written beats what the environment says.
//!
//! clap takes a variable for an argument that was given, so one that is set for every run could not be overridden,
//! and would conflict even when it says "no". Here the definitions' conflicts are taken out, and resolved by where
//! each value comes from.

mod blame;

use crate::exit::ExitStatus;
use crate::printer::complain;
use crate::said;
use crate::stdout::to_stdout;
use clap::builder::Resettable;
use clap::error::{Error, ErrorKind};
use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Command};
use std::ffi::{OsStr, OsString};

/// Options that mean nothing without another. From a variable they are then ignored.
const NEEDS: [(&str, &str); 4] = [
    ("max_connections", "keep_open"),
    ("proxy_password_file", "proxy"),
    ("exec_status", "exec"),
    ("proxy_ca", "proxy"),
];

/// Options that mean nothing with another, or with one value of it. Of the two, one from a variable yields.
const NOT_WITH: [(&str, &str, Option<&str>); 5] = [
    ("input_grace", "echo", None),
    ("client_grace", "echo", None),
    ("client_grace", "exec", None),
    ("accept_first", "keep_open", None),
    ("report_file", "report", Some("none")),
];

/// Options that mean nothing for a Unix socket. From a variable, which may be set for every run, they are then ignored.
const NOT_FOR_UNIX: [&str; 15] = [
    "source",
    "interface",
    "ipv4",
    "ipv6",
    "keepalive",
    "user_timeout",
    "nodelay",
    "tos",
    "dscp",
    "ttl",
    "mptcp",
    "fastopen",
    "proxy",
    "proxy_password_file",
    "proxy_ca",
];

/// Options that mean nothing without TLS. One that is written and then does nothing could be taken for safety; from a
/// variable it is for the runs that speak TLS.
const FOR_TLS: [&str; 9] =
    ["tls_min", "tls_eof", "alpn", "cert", "key", "ca", "pin", "insecure", "servername"];

/// What asks for TLS by itself, besides the endpoint.
const ASKS_FOR_TLS: [&str; 4] = ["tls", "self_signed", "cert", "key"];

/// What only the side that connects, or only the one that listens, can mean. `send` and `receive` can do both.
const OF_CONNECTING: [&str; 7] =
    ["pin", "insecure", "servername", "source", "proxy", "proxy_password_file", "proxy_ca"];
const OF_LISTENING: [&str; 3] = ["self_signed", "port_file", "accept_first"];

/// What keeps others out by being given. An empty variable is as good as none, but not of these: it is what a script's own
/// becomes that was not set, and the run would let in or let see more than was asked for, and say nothing. Of what else can be
/// empty the default is the strict one, or (the proxy, switches) an empty variable means "no" to everybody.
const GUARDS: [&str; 8] = ["secret", "secret_file", "pin", "ca", "tls_min", "cert", "key", "proxy_ca"];

/// Whether this command listens. `None`: it can do only one of the two.
fn listens(name: &str, matches: &ArgMatches) -> Option<bool> {
    match name {
        "send" => Some(given(matches, "listen").is_some()),
        "receive" => Some(given(matches, "connect").is_none()),
        _ => None,
    }
}

/// Parses the command line of this process, with its variables. `define` makes the definition that it is read by.
///
/// # Errors
///
/// There is nothing to do, and that has been said: the exit status.
pub(crate) fn parse(
    define: fn(&[OsString]) -> Command,
    words: &[OsString],
) -> Result<ArgMatches, ExitStatus> {
    resolve(define(words), words).map_err(|error| {
        let error = blame::explain(error, &define(words), words);
        say(&error, words)
    })
}

/// Says what clap has to say: the help and the version on stdout, an error as we say ours.
pub(crate) fn say(error: &Error, words: &[OsString]) -> ExitStatus {
    if !error.use_stderr() {
        return to_stdout(|| error.print());
    }
    if asks_for_json(words) {
        said::speak_json();
    }
    let rendered = error.render();
    if said::is_json() {
        complain(rendered.to_string().trim_end().trim_start_matches("error: "));
    } else {
        let text = if said::is_colourful() { rendered.ansi().to_string() } else { rendered.to_string() };
        // Its two words for what we have words for.
        said::page(&text.replacen("error:", "adieu:", 1).replacen("tip:", "hint:", 1));
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

/// An option's two names, for a sentence.
struct Named {
    id: String,
    option: String,
    variable: String,
}

impl Named {
    fn new(argument: &Arg) -> Self {
        let name = argument.get_long().unwrap_or(argument.get_id().as_str());
        let variable = argument.get_env().unwrap_or_default().to_string_lossy().into_owned();
        Self { id: argument.get_id().to_string(), option: format!("--{name}"), variable }
    }
}

/// Where a value that counts comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Given {
    Written,
    Variable,
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

/// Whether the environment may say something.
pub(crate) fn has_variables() -> bool {
    std::env::vars_os().any(|(name, _)| name.as_encoded_bytes().starts_with(b"ADIEU_"))
}

/// Whether clap's own rules say all there is to say: nothing comes from a variable, and no option needs another.
fn is_plain(words: &[OsString]) -> bool {
    let has_sides = words.get(1).is_some_and(|word| word == "send" || word == "receive");
    let names = |word: &OsString| {
        let word = word.to_string_lossy();
        let named = |id: &&str| {
            let written = word.strip_prefix("--").unwrap_or_default().bytes();
            written.take(id.len()).map(|b| if b == b'-' { b'_' } else { b }).eq(id.bytes())
        };
        let needing = NEEDS.iter().map(|(option, _)| option);
        needing.chain(NOT_WITH.iter().map(|(option, ..)| option)).chain(&FOR_TLS).any(named)
            || has_sides && OF_CONNECTING.iter().chain(&OF_LISTENING).any(named)
    };
    !words.iter().any(names) && !has_variables()
}

fn resolve(definition: Command, words: &[OsString]) -> Result<ArgMatches, Error> {
    if is_plain(words) {
        return definition.try_get_matches_from(words);
    }
    let mut lenient = definition.clone().mut_subcommands(|c| c.mut_args(without_empty_variable));
    lenient = lenient.mut_subcommands(|c| c.mut_args(|a| a.conflicts_with(Resettable::Reset)));
    let matches = lenient.clone().try_get_matches_from(words)?;
    let Some((name, given_here)) = matches.subcommand() else { return Ok(matches) };
    let Some(command) = definition.find_subcommand(name) else { return Ok(matches) };

    let endpoint = endpoint_words(name, given_here);
    // Before the conflicts: two variables that are both for other runs do not disagree about this one.
    let mut yielding: Vec<String> = Vec::new();
    for (options, have_no_use) in [
        (&NOT_FOR_UNIX[..], is_unix(&endpoint)),
        (&FOR_TLS[..], !speaks_tls(name, command, given_here, &endpoint)),
    ] {
        let ignored = options.iter().filter(|id| have_no_use && is_variable(command, given_here, id));
        yielding.extend(ignored.map(|id| (*id).to_owned()));
    }
    let mut wrong: Option<(ErrorKind, String)> = None;
    let conflicts: Vec<(Named, Named)> = command
        .get_arguments()
        .flat_map(|a| command.get_arg_conflicts_with(a).into_iter().map(|b| (Named::new(a), Named::new(b))))
        .collect();
    if let Some(listens) = listens(name, given_here) {
        let (others, side) =
            if listens { (&OF_CONNECTING[..], "connects") } else { (&OF_LISTENING[..], "listens") };
        for option in others {
            match given(given_here, option) {
                Some(Given::Written) => {
                    let option = option.replace('_', "-");
                    let sentence = format!("--{option} is for the side that {side}, and this is the other");
                    wrong = Some((ErrorKind::ArgumentConflict, sentence));
                }
                Some(Given::Variable) => yielding.push((*option).to_owned()),
                None => {}
            }
        }
    }
    yielding.extend(command_beside_files(name, command, given_here));
    for (a, b) in &conflicts {
        match (given(given_here, &a.id), given(given_here, &b.id)) {
            (Some(Given::Written), Some(Given::Variable)) if a.id == "plain" && GUARDS.contains(&&*b.id) => {
                wrong = Some((ErrorKind::ArgumentConflict, in_the_clear(&b.variable)));
            }
            (Some(Given::Written), Some(Given::Variable)) => yielding.push(b.id.clone()),
            (Some(Given::Variable), Some(Given::Written)) => yielding.push(a.id.clone()),
            _ => {}
        }
    }
    for (a, b) in &conflicts {
        if yielding.contains(&a.id) || yielding.contains(&b.id) {
            continue;
        }
        let (a, b) = match (given(given_here, &a.id), given(given_here, &b.id)) {
            (Some(Given::Written), Some(Given::Written)) => (&a.option, &b.option),
            (Some(Given::Variable), Some(Given::Variable)) => (&a.variable, &b.variable),
            _ => continue,
        };
        wrong = Some((ErrorKind::ArgumentConflict, format!("{a} and {b} cannot be used together")));
    }
    for (option, needed) in NEEDS {
        if command.get_arguments().all(|a| a.get_id() != option) || given(given_here, needed).is_some() {
            continue;
        }
        match given(given_here, option) {
            Some(Given::Written) => {
                let named = |id: &str| format!("--{}", id.replace('_', "-"));
                let sentence = format!("{} needs {}", named(option), named(needed));
                wrong = Some((ErrorKind::MissingRequiredArgument, sentence));
            }
            Some(Given::Variable) => yielding.push(option.to_owned()),
            None => {}
        }
    }
    let sentence = meaningless(command, given_here, &mut yielding);
    wrong = wrong.or(sentence.map(|sentence| (ErrorKind::ArgumentConflict, sentence)));
    if let Some(option) = needs_tls(name, command, given_here, &endpoint) {
        let sentence = format!("{option} needs --tls, or an endpoint such as tls://host:port");
        wrong = wrong.or(Some((ErrorKind::MissingRequiredArgument, sentence)));
    }
    if let Some(sentence) = empty_guard(name, command, given_here, &endpoint, &conflicts) {
        wrong = wrong.or(Some((ErrorKind::InvalidValue, sentence)));
    }
    // A saved round trip is no reason to leave the proxy out, nor to refuse it.
    if is_variable(command, given_here, "fastopen")
        && command.get_arguments().any(|a| a.get_id() == "proxy")
        && given(given_here, "proxy").is_some()
    {
        yielding.push("fastopen".to_owned());
    }
    if let Some((kind, sentence)) = wrong {
        return Err(refusal(lenient, name, kind, sentence));
    }
    if yielding.is_empty() {
        return Ok(matches);
    }
    let without = |argument: Arg| {
        let yields = yielding.iter().any(|id| argument.get_id() == id.as_str());
        if yields { argument.env(Resettable::Reset) } else { argument }
    };
    lenient.mut_subcommand(name, |command| command.mut_args(without)).try_get_matches_from(words)
}

/// Refuses with the usage of the command.
fn refusal(mut definition: Command, name: &str, kind: ErrorKind, sentence: String) -> Error {
    definition.build();
    match definition.find_subcommand_mut(name) {
        Some(command) => command.error(kind, sentence),
        None => definition.error(kind, sentence),
    }
}

/// What is wrong with options that mean nothing together. The variables among them yield.
fn meaningless(command: &Command, matches: &ArgMatches, yielding: &mut Vec<String>) -> Option<String> {
    let has = |id: &str| command.get_arguments().any(|a| a.get_id() == id);
    let mut wrong = None;
    for (option, other, value) in NOT_WITH {
        let says = |value: &str| {
            matches.get_raw(other).and_then(Iterator::last).is_some_and(|raw| raw == OsStr::new(value))
        };
        if !(has(option) && has(other) && value.is_none_or(says)) {
            continue;
        }
        match (given(matches, option), given(matches, other)) {
            (Some(Given::Written), Some(Given::Written)) => {
                let with: Vec<&str> = [other].into_iter().chain(value).collect();
                wrong =
                    Some(format!("--{} means nothing with --{}", option.replace('_', "-"), with.join(" ")));
            }
            (Some(Given::Written), Some(Given::Variable)) => yielding.push(other.to_owned()),
            (Some(Given::Variable), Some(_)) => yielding.push(option.to_owned()),
            _ => {}
        }
    }
    wrong
}

/// The words that are the endpoint.
fn endpoint_words(name: &str, matches: &ArgMatches) -> Vec<OsString> {
    // Of what is sent nothing is an endpoint but the last word.
    let (id, only_last) = if name == "send" { ("words", true) } else { ("endpoint", false) };
    let mut words = matches.try_get_raw(id).ok().flatten().into_iter().flatten().map(OsStr::to_owned);
    if only_last { words.next_back().into_iter().collect() } else { words.collect() }
}

/// A command from a variable, where files are written: they are what is sent.
fn command_beside_files(name: &str, command: &Command, matches: &ArgMatches) -> Option<String> {
    let yields = name == "send" && is_variable(command, matches, "exec") && names_files(matches);
    yields.then(|| "exec".to_owned())
}

/// Whether what is to be sent stands before the endpoint, which is one word, or a host and a port.
fn names_files(matches: &ArgMatches) -> bool {
    let words = matches.try_get_raw("words").ok().flatten().into_iter().flatten();
    match words.map(OsStr::as_encoded_bytes).collect::<Vec<_>>()[..] {
        [] | [_] => false,
        [_, last] => !last.iter().all(u8::is_ascii_digit),
        _ => true,
    }
}

fn does_listen(name: &str, matches: &ArgMatches) -> bool {
    name == "listen" || listens(name, matches) == Some(true)
}

/// What is wrong with a guard from an empty variable that would count.
fn empty_guard(
    name: &str,
    command: &Command,
    matches: &ArgMatches,
    endpoint: &[OsString],
    conflicts: &[(Named, Named)],
) -> Option<String> {
    let (listens, is_over_tls) = (does_listen(name, matches), speaks_tls(name, command, matches, endpoint));
    let is_written = |id: &str| given(matches, id) == Some(Given::Written);
    let counts = |guard: &Named| match &*guard.id {
        "secret" | "secret_file" => true,
        // With them, TLS would be spoken.
        "cert" | "key" => listens,
        "pin" => is_over_tls && !listens,
        "proxy_ca" => given(matches, "proxy").is_some(),
        id => is_over_tls && GUARDS.contains(&id),
    };
    let empty = command.get_arguments().filter(|argument| is_empty_variable(argument)).map(Named::new);
    empty.filter(|guard| counts(guard) && !is_written(&guard.id)).find_map(|guard| {
        let pairs = conflicts.iter().flat_map(|(a, b)| [(a, b), (b, a)]);
        let mut others = pairs.filter(|(one, _)| one.id == guard.id).map(|(_, other)| &*other.id);
        match others.find(|other| is_written(other)) {
            None => Some(format!("{} is empty: give it a value, or unset it", guard.variable)),
            Some("plain") => Some(in_the_clear(&guard.variable)),
            // It is set aside.
            Some(_) => None,
        }
    })
}

fn in_the_clear(variable: &str) -> String {
    format!("--plain sends in the clear, and {variable} is set: unset it, or leave --plain out")
}

/// Whether TLS is asked for.
fn speaks_tls(name: &str, command: &Command, matches: &ArgMatches, endpoint: &[OsString]) -> bool {
    let has = |id: &str| command.get_arguments().any(|a| a.get_id() == id);
    let of_itself = if does_listen(name, matches) { &ASKS_FOR_TLS[..] } else { &ASKS_FOR_TLS[..1] };
    of_itself.iter().any(|id| has(id) && given(matches, id).is_some())
        || endpoint.iter().any(|word| {
            word.as_encoded_bytes().get(..6).is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"tls://"))
        })
}

/// An option for TLS that was written, without TLS.
fn needs_tls(name: &str, command: &Command, matches: &ArgMatches, endpoint: &[OsString]) -> Option<String> {
    let has = |id: &str| command.get_arguments().any(|a| a.get_id() == id);
    let mut written = FOR_TLS.iter().filter(|id| has(id) && given(matches, id) == Some(Given::Written));
    let asked = speaks_tls(name, command, matches, endpoint);
    written.next().filter(|_| !asked).map(|id| format!("--{}", id.replace('_', "-")))
}

/// Whether the endpoint is a Unix socket's.
fn is_unix(endpoint: &[OsString]) -> bool {
    endpoint.first().is_some_and(|word| word.as_encoded_bytes().starts_with(b"unix:"))
}

fn is_variable(command: &Command, given_here: &ArgMatches, id: &str) -> bool {
    command.get_arguments().any(|a| a.get_id() == id) && given(given_here, id) == Some(Given::Variable)
}

/// An empty variable is as good as none.
fn without_empty_variable(argument: Arg) -> Arg {
    if is_empty_variable(&argument) { argument.env(Resettable::Reset) } else { argument }
}

fn is_empty_variable(argument: &Arg) -> bool {
    argument.get_env().and_then(std::env::var_os).is_some_and(|value| value.is_empty())
}
