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
//! that the error has the key's line.

use super::arguments::Args;
use crate::options::endpoint_of_metrics;
use crate::parsing;
use anyhow::{Context, Result, anyhow};
use clap::builder::Resettable;
use clap::{Arg, ArgAction, Command, FromArgMatches};
use std::cell::OnceCell;
use std::ffi::OsString;
use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Options of the process as a whole, which no relay has of its own.
const OF_THE_PROCESS: [&str; 10] =
    ["config", "check", "log", "metrics", "port-file", "report", "report-file", "verbose", "quiet", "help"];

/// Where a relay listens, and whom it connects to: the words without an option.
const LISTEN: &str = "listen";
const TO: &str = "to";
/// With it nobody need be connected to by default.
const ROUTE: &str = "route";

/// What a file says.
#[derive(Debug)]
pub(super) struct ConfigFile {
    pub(super) log: Option<PathBuf>,
    pub(super) metrics: Option<String>,
    pub(super) relays: Vec<Table>,
}

/// One relay of it.
#[derive(Debug)]
pub(super) struct Table {
    /// Where it begins.
    pub(super) line: usize,
    pub(super) args: Args,
}

/// Something that is wrong.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Wrong {
    pub(super) line: usize,
    pub(super) what: String,
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.what)
    }
}

/// Reads a file.
///
/// # Errors
///
/// It cannot be read.
pub(super) fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

impl ConfigFile {
    /// What a text says, or everything that is wrong with it.
    pub(super) fn parse(text: &str) -> Result<Self, Vec<Wrong>> {
        let (document, errors) = DeTable::parse_recoverable(text);
        let mut reader = Reader::new(text);
        if !errors.is_empty() {
            for error in errors {
                reader.note(error.span().unwrap_or_default(), error.message());
            }
            return Err(reader.finish());
        }
        let mut file = Self { log: None, metrics: None, relays: Vec::new() };
        for (key, value) in document.get_ref() {
            match &**key.get_ref() {
                "relay" => file.relays = reader.relays(value),
                "log" => file.log = reader.text_of("log", value).map(PathBuf::from),
                "metrics" => {
                    file.metrics = reader.text_of("metrics", value);
                    if let Some(Err(error)) = file.metrics.as_deref().map(endpoint_of_metrics) {
                        reader.note(value.span(), with_keys(&format!("{error:#}")));
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
fn definition() -> Command {
    let relay = <Args as clap::Args>::augment_args(Command::new("relay"));
    Command::new("adieu").disable_version_flag(true).subcommand(relay)
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

/// A key of a relay that is an option, as words of a command line.
struct Words {
    at: Range<usize>,
    words: Vec<OsString>,
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
            format!("'{key}' is not known here{}", meant(key, ["relay", "log", "metrics"].into_iter()))
        };
        self.note(at, what);
    }

    fn text_of(&mut self, key: &str, value: &Spanned<DeValue<'_>>) -> Option<String> {
        match value.get_ref() {
            DeValue::String(text) if !text.is_empty() => Some(text.to_string()),
            _ => {
                self.note(value.span(), format!("'{key}' must be a text that is not empty"));
                None
            }
        }
    }

    fn relays(&mut self, value: &Spanned<DeValue<'_>>) -> Vec<Table> {
        let DeValue::Array(tables) = value.get_ref() else {
            self.note(value.span(), "write [[relay]], in two pairs of brackets: there may be several");
            return Vec::new();
        };
        let mut read = Vec::new();
        for table in tables {
            match table.get_ref() {
                DeValue::Table(keys) => read.extend(self.relay(keys, table.span())),
                _ => self.note(table.span(), "a relay must be a table: begin it with [[relay]]"),
            }
        }
        read
    }

    fn relay(&mut self, keys: &DeTable<'_>, at: Range<usize>) -> Option<Table> {
        let before = self.wrong.len();
        let (mut options, mut listen, mut to) = (Vec::new(), None, None);
        for (key, value) in keys {
            match &**key.get_ref() {
                LISTEN => listen = Some((self.endpoints(LISTEN, value), value.span())),
                TO => to = Some((self.endpoints(TO, value), value.span())),
                name => options.extend(self.option(name, key.span(), value)),
            }
        }
        let has_routes = keys.iter().any(|(key, _)| key.get_ref() == ROUTE);
        let mut endpoints = Vec::new();
        for (key, given) in [(LISTEN, listen), (TO, to)] {
            match given {
                Some((Some(words), span)) if words.is_empty() => self.note(span, format!("'{key}' is empty")),
                Some((Some(words), span)) if key == LISTEN && words.len() != 1 => {
                    self.note(span, "a relay listens on one endpoint: write several relays");
                }
                Some((words, _)) => endpoints.extend(words.unwrap_or_default()),
                None if key == TO && has_routes => {}
                None => self.note(at.clone(), format!("this relay has no '{key}'")),
            }
        }
        let mut with_another = None;
        if self.wrong.len() == before {
            let words = options.iter().flat_map(|option: &Words| option.words.iter().cloned());
            match self.parse(words.chain([OsString::from("--")]).chain(endpoints)) {
                Ok(args) => return Some(Table { line: self.line(at.start), args }),
                Err(what) => with_another = Some(with_keys(&what)),
            }
        }
        for option in options {
            if let Some(what) = self.alone(option.words) {
                self.note(option.at, with_keys(&what));
            }
        }
        // What is wrong with several of them together.
        if let Some(what) = with_another.filter(|_| self.wrong.len() == before) {
            self.note(at, what);
        }
        None
    }

    /// The words of one option.
    fn option(&mut self, name: &str, at: Range<usize>, value: &Spanned<DeValue<'_>>) -> Option<Words> {
        let Some(option) = self.options().find(|option| option.get_long() == Some(name)) else {
            let what = if OF_THE_PROCESS.contains(&name) {
                format!("'{name}' is for all relays, and does not belong to one")
            } else {
                let known = self.options().filter_map(Arg::get_long).chain([LISTEN, TO]);
                format!("'{name}' is not known{}", meant(name, known))
            };
            self.note(at, what);
            return None;
        };
        match words_of(option, name, value.get_ref()) {
            Ok(words) => Some(Words { at: value.span(), words }),
            Err(error) => {
                self.note(value.span(), format!("{error:#}"));
                None
            }
        }
    }

    /// What is wrong with one option by itself.
    fn alone(&mut self, words: Vec<OsString>) -> Option<String> {
        self.alone.get_or_init(|| {
            self.definition.clone().mut_subcommand("relay", |relay| {
                relay.mut_args(|arg| arg.required(false).conflicts_with(Resettable::Reset))
            })
        });
        let words = ["adieu", "relay"].map(OsString::from).into_iter().chain(words);
        let error = self.alone.get_mut()?.try_get_matches_from_mut(words).err()?;
        is_of_the_value(&error).then(|| sentence(&error))
    }

    fn endpoints(&mut self, key: &str, value: &Spanned<DeValue<'_>>) -> Option<Vec<OsString>> {
        let texts = |values: &[Spanned<DeValue<'_>>]| {
            values.iter().map(|value| text(value.get_ref())).collect::<Option<Vec<_>>>()
        };
        let words = match value.get_ref() {
            DeValue::Array(values) => texts(values),
            one => text(one).map(|word| vec![word]),
        };
        if words.is_none() {
            self.note(
                value.span(),
                format!("'{key}' must be an endpoint, such as \"192.0.2.1:80\", or a list of them"),
            );
        }
        words
    }

    fn parse(&self, words: impl Iterator<Item = OsString>) -> Result<Args, String> {
        let words: Vec<OsString> = ["adieu", "relay"].map(OsString::from).into_iter().chain(words).collect();
        let matches = parsing::resolve(self.definition.clone(), &words).map_err(|error| sentence(&error))?;
        let relay = matches.subcommand_matches("relay").ok_or("this is no relay")?;
        Args::from_arg_matches(relay).map_err(|error| sentence(&error))
    }
}

/// Whether an error is about the value that was given, and not about others that are missing.
fn is_of_the_value(error: &clap::Error) -> bool {
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

/// An error of clap's in one line, without the usage.
fn sentence(error: &clap::Error) -> String {
    let rendered = error.render().to_string();
    let text = rendered.trim_start_matches("error: ");
    let lines = text.lines().map(str::trim).take_while(|line| !line.starts_with("Usage:"));
    let lines: Vec<&str> = lines.filter(|line| !line.is_empty() && !line.starts_with("For more")).collect();
    lines.join(" ")
}

/// An option and its value, or values, as words of a command line.
fn words_of(option: &Arg, name: &str, value: &DeValue<'_>) -> Result<Vec<OsString>> {
    let with = |value: &OsString| {
        let mut word = OsString::from(format!("--{name}="));
        word.push(value);
        word
    };
    if !option.get_action().takes_values() {
        return match value {
            DeValue::Boolean(true) => Ok(vec![format!("--{name}").into()]),
            DeValue::Boolean(false) => Ok(Vec::new()),
            _ => Err(anyhow!("'{name}' is true or false")),
        };
    }
    let wrong = || anyhow!("'{name}' must be a text or a number");
    match value {
        DeValue::Array(values) if matches!(option.get_action(), ArgAction::Append) => {
            let texts = values.iter().map(|value| text(value.get_ref()).with_context(wrong));
            texts.map(|text| text.map(|text| with(&text))).collect()
        }
        DeValue::Array(_) => Err(anyhow!("'{name}' has one value, and not a list")),
        one => Ok(vec![with(&text(one).ok_or_else(wrong)?)]),
    }
}

/// A value as a word.
fn text(value: &DeValue<'_>) -> Option<OsString> {
    match value {
        DeValue::String(text) => Some(text.to_string().into()),
        DeValue::Integer(number) => Some(number.to_string().into()),
        DeValue::Float(number) => Some(number.to_string().into()),
        DeValue::Boolean(is) => Some(is.to_string().into()),
        DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => None,
    }
}

/// What may have been meant.
fn meant<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> String {
    let similar = |known: &'a str| (strsim::jaro_winkler(&name.replace('_', "-"), known), known);
    let best = known.map(similar).max_by(|a, b| a.0.total_cmp(&b.0));
    match best {
        Some((similarity, known)) if similarity > 0.8 => format!(": did you mean '{known}'?"),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(text: &str) -> Vec<String> {
        let wrong = ConfigFile::parse(text).expect_err("it is wrong");
        wrong.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn keys_are_options_and_values_are_theirs() {
        let file = ConfigFile::parse(
            r#"
log = "/tmp/log"
metrics = "127.0.0.1:9100"

[[relay]]
name = "web"
listen = ":8080"
to = ["192.0.2.1:80", "unix:/run/app.sock"]
balance = "least"
max-connections = 100
connect-timeout = "2s"
allow = ["192.0.2.0/24", "::1"]
reuse-port = true

[[relay]]
listen = "127.0.0.1:2222"
to = "localhost:22"
"#,
        )
        .expect("it is right");
        assert_eq!(file.log, Some(PathBuf::from("/tmp/log")));
        assert_eq!(file.metrics, Some("127.0.0.1:9100".to_owned()));
        let [web, ssh] = &file.relays[..] else { panic!("{file:?}") };
        assert_eq!((web.line, ssh.line), (5, 15));
        assert_eq!(web.args.endpoints, [":8080", "192.0.2.1:80", "unix:/run/app.sock"]);
        assert_eq!(web.args.connect_timeout, Some(std::time::Duration::from_secs(2)));
        assert_eq!(web.args.name.as_deref(), Some("web"));
        assert!(web.args.reuse_port && !ssh.args.reuse_port);
        assert_eq!(ssh.args.endpoints, ["127.0.0.1:2222", "localhost:22"]);
    }

    #[test]
    fn a_relay_with_routes_needs_nobody_by_default() {
        let file = ConfigFile::parse(
            r#"
[[relay]]
listen = ":443"
route = ["a.test=192.0.2.1:443", "*.test=unix:/run/tls"]
accept-proxy = ["10.0.0.0/8"]
send-proxy = "v2"
cert = ["a.pem", "b.pem"]
key = ["a.key", "b.key"]
"#,
        )
        .expect("it is right");
        assert_eq!(file.relays[0].args.endpoints, [":443"]);
        assert_eq!(file.relays[0].args.front.routes().expect("routes").len(), 2);
        assert!(file.relays[0].args.front.accept_proxy().is_some());
    }

    #[test]
    fn everything_that_is_wrong_is_told_with_its_line() {
        let told = wrong(
            r#"logg = "x"
listen = ":1"
verbose = true

[[relay]]
listen = ":8080"
to = []
conect-timeout = "2s"
connect-timeout = "soon"
max_connections = 3
reuse-port = "yes"
log = "x"

[[relay]]
to = [1, { a = 2 }]
idle-timeout = ["1s", "2s"]
balance = "random"
"#,
        );
        let says = |line: usize, what: &str| {
            let line = format!("line {line}: ");
            told.iter().any(|one| one.starts_with(&line) && one.contains(what))
        };
        for (line, what) in [
            (1, "'logg' is not known here: did you mean 'log'?"),
            (2, "'listen' belongs to a relay"),
            (3, "'verbose' can only be said on the command line"),
            (7, "'to' is empty"),
            (8, "'conect-timeout' is not known: did you mean 'connect-timeout'?"),
            (9, "invalid value 'soon' for 'connect-timeout'"),
            (10, "'max_connections' is not known: did you mean 'max-connections'?"),
            (11, "'reuse-port' is true or false"),
            (12, "'log' is for all relays"),
            (14, "this relay has no 'listen'"),
            (15, "'to' must be an endpoint"),
            (16, "'idle-timeout' has one value"),
            (17, "invalid value 'random' for 'balance' [possible values:"),
        ] {
            assert!(says(line, what), "line {line}: {what} is not in {told:#?}");
        }
        assert_eq!(told.len(), 13, "{told:#?}");
    }

    #[test]
    fn options_are_told_as_keys() {
        for (sentence, told) in [
            (
                "invalid value 'x' for '--balance <HOW>' [possible values: least]",
                "invalid value 'x' for 'balance' [possible values: least]",
            ),
            ("--cert needs its --key", "'cert' needs its 'key'"),
            (
                "the argument '--pin <FINGERPRINT>' cannot be used with '--insecure'",
                "the argument 'pin' cannot be used with 'insecure'",
            ),
            (
                "--ca is for upstreams with TLS: write tls:// before one",
                "'ca' is for upstreams with TLS: write tls:// before one",
            ),
            ("were not provided: --fault <FAULTS>", "were not provided: 'fault'"),
            ("'--ipv4' cannot be used with '--ipv6'", "'ipv4' cannot be used with 'ipv6'"),
            (concat!("a--ca, --ca", "lm and --"), concat!("a--ca, --ca", "lm and --")),
        ] {
            assert_eq!(with_keys(sentence), told);
        }
    }

    #[test]
    fn a_text_that_is_no_toml_is_told_with_its_line() {
        let told = wrong("[[relay]]\nlisten = :8080\n\nto = \"x\n");
        assert!(told.len() >= 2 && told[0].starts_with("line 2: "), "{told:#?}");
        assert_eq!(
            wrong("\nmetrics = \"tls://:9100\"\n"),
            ["line 2: 'metrics' is served over HTTP: give host:port, :port, unix:path or fd:NAME"]
        );
        assert_eq!(wrong(""), ["line 1: there is no relay in it: begin one with [[relay]]"]);
        assert!(wrong("[relay]\nlisten = \":1\"\n")[0].contains("[[relay]]"));
    }
}
