//! The options that every command shares: one definition for help, man page, completions and environment.

pub(crate) mod durations;
pub(crate) mod proxy;
pub(crate) mod socket;
pub(crate) mod tls;

use crate::options::durations::{Grace, grace, limit};
use crate::options::socket::SocketOptions;
use adieu::{Endpoint, InputSilence, Options};
use anyhow::{Context, anyhow};
use clap::builder::BoolishValueParser;
use clap::{ArgAction, Args, ValueEnum};
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

#[derive(Debug, Clone, Args, Default)]
pub(crate) struct Shared {
    #[command(flatten)]
    pub(crate) timers: Timers,
    #[command(flatten)]
    pub(crate) reporting: Reporting,
    #[command(flatten)]
    pub(crate) socket: SocketOptions,

    /// How bytes are moved: the speed differs, and nothing else; for tests and comparisons
    #[arg(long, value_name = "PATH", env = "ADIEU_DATA_PATH", hide = true, default_value = "auto")]
    pub(crate) data_path: DataPath,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum DataPath {
    #[default]
    Auto,
    Portable,
    Direct,
}

impl Shared {
    /// The library's options. A listener waits for ever for a connection unless told otherwise.
    pub(crate) fn options(&self, input: InputKind) -> Options {
        self.socket.add_to(self.timers.options(input)).data_path(match self.data_path {
            DataPath::Auto => adieu::DataPath::Auto,
            DataPath::Portable => adieu::DataPath::Portable,
            DataPath::Direct => adieu::DataPath::Direct,
        })
    }
}

/// What bounds a connection.
#[derive(Debug, Clone, Args, Default)]
#[command(next_help_heading = "Time limits")]
pub(crate) struct Timers {
    /// Give up if there is no connection after this long, its TLS handshake included [default: 30s; a listener waits for a
    /// client without limit, and 30s for the client's TLS handshake]
    #[arg(long, value_name = "DURATION", env = "ADIEU_CONNECT_TIMEOUT", value_parser = limit, hide_env_values = true)]
    pub(crate) connect_timeout: Option<Duration>,

    /// End the connection if the peer sends nothing, takes nothing and acknowledges nothing for this long while we
    /// wait for it, in a TLS handshake too; or if it takes and acknowledges nothing of what we send, although it may
    /// go on talking. Our own slow input or output does not count [default: none]
    #[arg(long, value_name = "DURATION", env = "ADIEU_IDLE_TIMEOUT", value_parser = limit, hide_env_values = true)]
    pub(crate) idle_timeout: Option<Duration>,

    /// End the connection after this long, whatever happens; listen counts for each connection from its beginning, and does
    /// not bound the wait for one [default: none]
    #[arg(long, value_name = "DURATION", env = "ADIEU_DEADLINE", value_parser = limit, hide_env_values = true)]
    pub(crate) deadline: Option<Duration>,

    /// Once the peer has ended, a stdin that is silent for this long counts as ended: half-close and finish; "none" waits for
    /// its end [default: 0s on a terminal, none with --exec; else an input that is silent for 2s is given up, exit 8]
    #[arg(long, value_name = "DURATION", env = "ADIEU_INPUT_GRACE", value_parser = grace, hide_env_values = true)]
    pub(crate) input_grace: Option<Grace>,
}

/// Which client of a single connection counts.
#[derive(Debug, Clone, Args, Default)]
pub(crate) struct FirstClient {
    /// Serve the first client that connects, also if it leaves without a byte having passed in either direction (a port scan, a
    /// health check); by default a listener then waits for the next client
    #[arg(long, env = "ADIEU_ACCEPT_FIRST", hide_env_values = true, action = ArgAction::SetTrue,
          value_parser = BoolishValueParser::new())]
    pub(crate) accept_first: bool,
}

/// What our input is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum InputKind {
    /// Standard input, or none, of a side that connects.
    Stdin,
    /// Standard input, or none, of a side that listens: until it gives something, the client is to speak.
    Served,
    /// A command's output.
    Command,
}

/// What is said of a connection, and where.
#[derive(Debug, Clone, Args, Default)]
#[command(next_help_heading = "Reporting")]
pub(crate) struct Reporting {
    /// How to report the ending, on stderr; with "json" all of stderr is JSON, one object a line [default: text]
    #[arg(long, value_name = "FORMAT", env = "ADIEU_REPORT", hide_env_values = true)]
    pub(crate) report: Option<ReportFormat>,

    /// Write the report to this file instead; a name that ends in .json makes JSON the default format. What the file had is
    /// replaced, but for a service (listen --keep-open, receive --retry), which appends
    #[arg(long, value_name = "FILE", env = "ADIEU_REPORT_FILE", hide_env_values = true)]
    pub(crate) report_file: Option<PathBuf>,

    /// Tell each step as it happens
    #[arg(short, long, env = "ADIEU_VERBOSE", hide_env_values = true, conflicts_with = "quiet", overrides_with = "verbose",
          action = ArgAction::SetTrue, value_parser = BoolishValueParser::new())]
    pub(crate) verbose: bool,

    /// Say nothing on stderr of what went well, but for the fingerprint of a certificate made for this run; with --report
    /// json, nothing but the reports
    #[arg(short, long, env = "ADIEU_QUIET", hide_env_values = true, overrides_with = "quiet", action = ArgAction::SetTrue,
          value_parser = BoolishValueParser::new())]
    pub(crate) quiet: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ReportFormat {
    /// One sentence: the ending, then the numbers
    Text,
    /// One line of JSON, described by docs/report.schema.json (of a transfer: docs/transfer-report.schema.json); all else on
    /// stderr is JSON too, described by docs/events.schema.json
    Json,
    /// No report: only the exit status
    None,
}

/// Once the peer has ended, how long an input that nobody said anything about may be silent.
const INPUT_GIVEN_UP: Duration = Duration::from_secs(2);

impl Reporting {
    /// From here on stderr is in the format that was asked for.
    pub(crate) fn apply(&self) {
        if self.report == Some(ReportFormat::Json) {
            crate::said::speak_json();
        }
    }
}

impl Timers {
    fn options(&self, input: InputKind) -> Options {
        let mut options = Options::new().idle_timeout(self.idle_timeout).deadline(self.deadline);
        if self.connect_timeout.is_some() {
            options = options.connect_timeout(self.connect_timeout);
        }
        options = options.input_silence(match input {
            InputKind::Stdin => InputSilence::Ours,
            InputKind::Served => InputSilence::OursOnceItGave,
            InputKind::Command => InputSilence::Peers,
        });
        match self.input_grace {
            Some(grace) => options.input_grace(grace.limit()),
            // A command that works on what it was sent is silent until it answers.
            None if input == InputKind::Command => options,
            // At a terminal the peer's end is the user's cue, and a person will not type the end by himself.
            None if crate::stdio::stdin_is_terminal() => options.input_grace(Duration::ZERO),
            None => options.give_up_input_after(INPUT_GIVEN_UP),
        }
    }
}

/// A number of things of which there must be one.
pub(crate) fn at_least_one(text: &str) -> anyhow::Result<u32> {
    let number = text.parse().ok().filter(|number| *number > 0);
    number.with_context(|| format!("write a number from 1 to {}", u32::MAX))
}

/// A number of things of which there may be none.
pub(crate) fn number(text: &str) -> anyhow::Result<u32> {
    text.parse().ok().with_context(|| format!("write a number from 0 to {}", u32::MAX))
}

/// An endpoint from one word (`host:port`) or two (`host port`).
pub(crate) fn endpoint(words: &[OsString]) -> anyhow::Result<Endpoint> {
    match words {
        [one] => Endpoint::try_from(one.as_os_str())
            .with_context(|| format!("'{}' is not an endpoint", one.display())),
        [host, port] => {
            let wrong = || format!("'{} {}' is not an endpoint", host.display(), port.display());
            let (Some(host), Some(port)) = (host.to_str(), port.to_str()) else {
                return Err(anyhow!("{}: it is not UTF-8", wrong()));
            };
            Endpoint::from_host_and_port(host, port).with_context(wrong)
        }
        _ => Err(anyhow!("an endpoint is one word (host:port) or two (host port)")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_written_as_people_write_them() {
        assert_eq!(limit("1m30s").ok(), Some(Duration::from_secs(90)));
        assert_eq!(limit("500ms").ok(), Some(Duration::from_millis(500)));
        for wrong in ["", "0s", "2", "-1s", "soon"] {
            assert!(limit(wrong).is_err(), "{wrong}");
        }
        let zero = limit("0s").expect_err("it bounds something").to_string();
        assert_eq!(zero, "it must be more than zero; leave the option out for its default");
        assert_eq!(grace("none").ok(), Some(Grace::Unlimited));
        assert_eq!(grace("0s").ok(), Some(Grace::For(Duration::ZERO)));
    }

    #[test]
    fn an_endpoint_is_one_word_or_two() {
        let words = |words: &[&str]| words.iter().map(OsString::from).collect::<Vec<_>>();
        assert_eq!(endpoint(&words(&["h:1"])).ok(), Some(Endpoint::tcp("h", 1)));
        assert_eq!(endpoint(&words(&["::1", "1"])).ok(), Some(Endpoint::tcp("::1", 1)));
        assert!(endpoint(&words(&["h", "x"])).is_err());
    }
}
