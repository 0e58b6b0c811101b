//! What `adieu check` is asked for, as it was written.

use super::dialogue::{Text, pattern, text};
use crate::options::at_least_one;
use crate::options::durations::{Grace, limit, limit_or_none};
use crate::options::proxy::ProxyOptions;
use crate::options::reporting::Reporting;
use crate::options::socket::{SocketOptions, Source};
use crate::options::tls::ConnectTls;
use crate::parsing::rules::{CommandSide, Rules, With};
use clap::builder::BoolishValueParser;
use clap::{ArgAction, ValueHint};
use regex::bytes::Regex;
use std::ffi::OsString;
use std::time::Duration;

/// What `--help` says after the options.
const AFTER: &str = "\
Examples:
  adieu check db:5432 cache:6379                     are both open?
  adieu check host:20-25,80,443                      several ports of one host
  adieu check tls://example.org:443 --min-days 14    does its certificate last two weeks?
  adieu check --wait 60s db:5432 -- ./serve          wait until it is open, then become ./serve
  adieu check zk:2181 --send ruok --expect imok      does it answer as it should?

Exit status:
  0    all endpoints are open
  1    a bug in adieu
  2    usage
  3    an endpoint is not open, or with --wait was not open in time; the command is not run
  7    our own system failed, so an endpoint could not be checked; or stdout failed
  8    a UDP port did not answer, so it may be open or filtered; --send what its service answers
  126  the command cannot be run
  127  there is no such command
  130  interrupted (SIGINT)
  143  terminated (SIGTERM, or SIGHUP: the terminal was closed)
If a command follows and all endpoints are open, the exit status is the command's.";

/// Check whether endpoints are open; with --wait, wait until they are, then run a command
///
/// adieu connects to every endpoint and prints one line for each on stdout: open, or why not, and how long that took. It ends every
/// connection gracefully, so the server sees a client that leaves, and no reset. A port that accepts connections is open, even if
/// the server resets each of them at once, as a proxy may do whose own server is down: the line says so, and --expect checks more.
///
/// A command after -- runs once all endpoints are open. It replaces adieu (exec), so signals and the exit status are its own. Its
/// stdout is its own too: the lines then go to stderr.
#[derive(Debug, clap::Args)]
#[command(after_long_help = AFTER,
    mut_arg("report", |arg| arg.help("How to print the results; with \"json\" one object a line, described by docs/check.schema.json, and all of stderr is JSON too [default: text]")),
    mut_arg("report_file", |arg| arg.help("Write the results to this file instead, replacing what it had; a name that ends in .json makes JSON the default format")),
    mut_arg("verbose", |arg| arg.help("Tell each step of each attempt on stderr, the answer that matched --expect, and why an attempt failed")),
    mut_arg("quiet", |arg| arg.help("Print only the endpoints that are not open, and no summary; --report none prints nothing")))]
pub(crate) struct Args {
    /// What to check
    #[arg(help = "What to check: host:port, host:20-25, host:22,80,443, [::1]:port, host port, tls://host:port, udp://host:port, unix:path, or unix:@name",
          value_name = "ENDPOINT", num_args = 1.., required = true, add = Rules::new().each_is_an_endpoint(CommandSide::Connects))]
    pub(super) endpoint: Vec<OsString>,

    /// The command to run once all are open
    #[arg(help = "The command to run once all are open, after --", value_name = "COMMAND", last = true, num_args = 1..,
          value_hint = ValueHint::AnyPath)]
    pub(super) command: Vec<OsString>,

    /// Try again until all endpoints are open, for at most this long; "none" is no limit [default: each is tried once]
    #[arg(long, value_name = "DURATION", env = "ADIEU_WAIT", hide_env_values = true, value_parser = limit_or_none)]
    pub(super) wait: Option<Grace>,

    /// Give up an attempt that has no connection after this long, TLS handshake included; the wait for --expect has the same limit
    /// [default: 5s; for an answer over UDP 1s]
    #[arg(long, value_name = "DURATION", env = "ADIEU_CONNECT_TIMEOUT", value_parser = limit, hide_env_values = true)]
    pub(super) connect_timeout: Option<Duration>,

    /// The most attempts at the same time; fewer if the descriptor limit is too low for it [default: 64]
    #[arg(long, value_name = "NUMBER", env = "ADIEU_PARALLEL", hide_env_values = true, value_parser = at_least_one)]
    pub(super) parallel: Option<u32>,

    /// Fail (exit 3) if the certificate expires in fewer days [default: it must not have expired]
    #[arg(long, value_name = "DAYS", env = "ADIEU_MIN_DAYS", hide_env_values = true, value_parser = crate::options::number,
          add = Rules::new().for_tls().guards(|run| run.over_tls))]
    pub(super) min_days: Option<u32>,

    /// Send this text to the server; \r, \n, \t, \0, \\ and \xHH are escapes
    #[arg(long, value_name = "TEXT", env = "ADIEU_SEND", hide_env_values = true, value_parser = text, allow_hyphen_values = true)]
    pub(super) send: Option<Text>,

    /// Fail (exit 3) unless what the server sends matches this regular expression; the first 64 KiB count, as bytes
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
