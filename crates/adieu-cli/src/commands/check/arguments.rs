//! What `adieu check` is asked for, as it was written.

use super::dialogue::{Text, pattern, text};
use crate::options::at_least_one;
use crate::options::durations::{Grace, limit, limit_or_none};
use crate::options::proxy::ProxyOptions;
use crate::options::reporting::Reporting;
use crate::options::socket::{SocketOptions, Source};
use crate::options::tls::ConnectTls;
use crate::parsing::rules::{CommandSide, Rules, With};
use clap::builder::{BoolishValueParser, Resettable};
use clap::{ArgAction, ValueHint};
use regex::bytes::Regex;
use std::ffi::OsString;
use std::time::Duration;

/// Check whether endpoints are open; with --wait, wait until they are; and then run a command
///
/// adieu connects to every endpoint and prints a line for each on stdout: open, or why not, and how long that took. It ends every
/// connection gracefully, so the server sees a client that leaves and not a reset. A port that accepts connections is open, even if
/// the server then resets them, as a proxy may do whose own server is down. The line says so, and --expect checks more.
///
/// A command after -- runs once all endpoints are open. It replaces adieu (exec), so its signals and its exit status are its own.
/// Its stdout is its own too: adieu's lines then go to stderr.
#[derive(Debug, clap::Args)]
#[command(
    mut_arg("report", |arg| arg.help("Format of the results; \"json\" is one object a line (docs/check.schema.json), on stderr too [default: text]")),
    mut_arg("report_file", |arg| arg.help("Write the results to this file instead; JSON is the default format if its name ends in .json").long_help(Resettable::Reset)),
    mut_arg("verbose", |arg| arg.help("Tell each step of each attempt on stderr, and the answer that matched --expect")),
    mut_arg("quiet", |arg| arg.help("Print only the endpoints that are not open, and no summary").long_help(Resettable::Reset)))]
pub(crate) struct Args {
    /// What to check
    #[arg(help = "What to check: host:port, host:20-25, host:22,80,443, [::1]:port, host port, tls://host:port, udp://host:port, unix:path, or unix:@name",
          value_name = "ENDPOINT", num_args = 1.., required = true, add = Rules::new().each_is_an_endpoint(CommandSide::Connects))]
    pub(super) endpoint: Vec<OsString>,

    /// The command to run once all are open
    #[arg(help = "The command to run once all endpoints are open, after --", value_name = "COMMAND", last = true, num_args = 1..,
          value_hint = ValueHint::AnyPath)]
    pub(super) command: Vec<OsString>,

    /// Try again until all endpoints are open, for at most this long; "none" is no limit [default: each is tried once]
    #[arg(long, value_name = "DURATION", env = "ADIEU_WAIT", hide_env_values = true, value_parser = limit_or_none)]
    pub(super) wait: Option<Grace>,

    /// Time limit for one attempt to connect, TLS handshake included, and for one wait for --expect [default: 5s; 1s for an
    /// answer over UDP]
    #[arg(long, value_name = "DURATION", env = "ADIEU_CONNECT_TIMEOUT", value_parser = limit, hide_env_values = true)]
    pub(super) connect_timeout: Option<Duration>,

    /// Make at most this many attempts at the same time; fewer if descriptors do not suffice [default: 64]
    #[arg(long, value_name = "NUMBER", env = "ADIEU_PARALLEL", hide_env_values = true, value_parser = at_least_one)]
    pub(super) parallel: Option<u32>,

    /// Fail (exit 3) if a certificate expires in fewer days [default: it must not have expired]
    #[arg(long, value_name = "DAYS", env = "ADIEU_MIN_DAYS", hide_env_values = true, value_parser = crate::options::number,
          add = Rules::new().for_tls().guards(|run| run.over_tls))]
    pub(super) min_days: Option<u32>,

    /// Send this text to the server; \r, \n, \t, \0, \\ and \xHH are escapes
    #[arg(long, value_name = "TEXT", env = "ADIEU_SEND", hide_env_values = true, value_parser = text, allow_hyphen_values = true)]
    pub(super) send: Option<Text>,

    /// Fail (exit 3) unless the first 64 KiB that the server sends match this regular expression
    #[arg(long, value_name = "REGEX", env = "ADIEU_EXPECT", hide_env_values = true, value_parser = pattern, allow_hyphen_values = true)]
    pub(super) expect: Option<Regex>,

    /// Print only the endpoints that are open, for scans of many ports
    #[arg(long, env = "ADIEU_ONLY_OPEN", hide_env_values = true, action = ArgAction::SetTrue,
          value_parser = BoolishValueParser::new(), add = Rules::new().meaningless_with(&[With::Any("quiet")]))]
    pub(super) only_open: bool,

    #[command(flatten)]
    pub(super) tls: ConnectTls,

    #[command(flatten)]
    pub(super) reporting: Reporting,

    #[command(flatten)]
    pub(super) socket: SocketOptions,

    #[command(flatten)]
    pub(super) source: Source,

    #[command(flatten)]
    pub(super) proxy: ProxyOptions,
}

impl Args {
    /// What is said, and where.
    pub(crate) const fn reporting(&self) -> &Reporting {
        &self.reporting
    }
}
