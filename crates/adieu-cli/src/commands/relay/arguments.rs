//! What `adieu relay` is asked for, as it was written.

use crate::options::access::AccessOptions;
use crate::options::admission::AdmissionOptions;
use crate::options::durations::{Grace, grace, limit};
use crate::options::front::FrontOptions;
use crate::options::reporting::Reporting;
use crate::options::socket::SocketOptions;
use crate::options::tls::RelayTls;
use crate::options::upstreams::UpstreamOptions;
use crate::parsing::rules::{CommandSide, Rules};
use adieu_relay::Faults;
use clap::ArgAction;
use clap::builder::{BoolishValueParser, NonEmptyStringValueParser};
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

/// What the help says at its end. How a single connection ended is in the log, and changes no exit status.
const AFTER_HELP: &str = "\
Examples:
  # Two upstreams take turns; a line for each connection goes to a log
  adieu relay 127.0.0.1:8080 192.0.2.10:80 192.0.2.11:80 --log relay.jsonl
  # Speak TLS with clients, and plain text with the program behind it
  adieu relay tls://:8443 127.0.0.1:8080 --cert site.pem --key site.key
  # Leave TLS alone, and choose the upstream by the name that the client asks for
  adieu relay :8443 --route www.example.org=192.0.2.10:443 --route '*.example.net=192.0.2.11:443'

Exit status:
  0    stopped by SIGTERM or SIGINT: every connection ended by itself within --grace;
       with --check: nothing is wrong
  1    a bug in adieu
  2    usage: the command line or the --config file is wrong
  3    cannot listen, or cannot serve --metrics
  4    stopped by SIGTERM or SIGINT: a connection had to be reset
  7    the log, or another file of our own, cannot be written,
       or lines of the log were dropped because nobody took them
  130  a second signal came: SIGINT
  143  a second signal came: SIGTERM (or SIGHUP: the terminal was closed)

How a single connection ended is told on stderr and in --log. It does not change the exit status.";

/// Relay: forward connections, and how each of them ended
///
/// adieu listens, connects to an upstream for each client, and passes on what each side sends. An end (EOF) becomes a half-close of
/// the other side, after every byte before it was delivered. Whatever else ends a connection (a reset, a TLS stream that was cut, a
/// time limit) becomes a reset of the other side, after everything that came before it was delivered there: no stream that was cut
/// looks whole. A client that no upstream takes is reset.
///
/// Several upstreams take turns, or as --balance says. If one cannot be connected to, the client is given to the next, and that one
/// is left alone for a while.
///
/// SIGTERM or SIGINT stops accepting, lets the open connections end within --grace, and resets the rest. The exit status is then 0 if
/// none had to be reset, and 4 if one had. A second signal resets what is open, and adieu is gone within half a second. SIGUSR1 lists
/// the open connections. SIGHUP opens --log again, and reads the --config file anew, or the certificates of the command line.
/// Without --config it stops a relay whose stdin or stderr is a terminal.
///
/// A service manager that sets NOTIFY_SOCKET (systemd, Type=notify) is told of the start, of the stop and of each reload, and is
/// answered if it sets WATCHDOG_USEC.
#[derive(Debug, clap::Args)]
#[command(after_long_help = AFTER_HELP,
    mut_arg("self_signed", |arg| arg.help("Speak TLS with clients, by a certificate that is made for this run. Its fingerprint is told at the start, also with -q, and a client trusts it by --pin. Without --cert, tls:// where it listens does the same")),
    mut_arg("tls_eof", |arg| arg.help("What an EOF of either side's means without TLS's close_notify before it; a stream that was cut is a reset on the other side [default: require]")),
    mut_arg("report", |arg| arg.help("How to report each connection, on stderr; with \"json\" all of stderr is JSON, one object a line: of a connection docs/relay-log.schema.json describes it, of all else docs/events.schema.json [default: text]")),
    mut_arg("report_file", |arg| arg.help("Write what is reported of connections to this file instead, at its end; a name that ends in .json makes JSON the default format")),
    mut_arg("verbose", |arg| arg.help("Tell of each client that connects, of each upstream that it is joined with, and of each that cannot be connected to")))]
pub(crate) struct Args {
    /// Where to listen, and whom to connect to
    #[arg(help = "Where to listen: host:port, [::1]:port, :port, a port alone, tls://host:port, unix:path, unix:@name, or fd:NAME or fd:NUMBER for a socket that the service manager passed. Then one or more upstreams: host:port, tls://host:port, unix:path, or unix:@name; with --route there may be none",
          value_names = ["LISTEN", "TO"], num_args = 1.., required_unless_present = "config", conflicts_with = "config", add = Rules::new().each_is_an_endpoint(CommandSide::Listens))]
    pub(super) endpoints: Vec<OsString>,

    /// Read the relays from this file instead: TOML, with a table [[relay]] for each, whose keys are these options without the dashes,
    /// and "listen" and "to". At its top may stand "log" and "metrics". SIGHUP reads it anew: no connection ends by that, and if
    /// it is wrong the settings stay as they are
    #[arg(long, value_name = "FILE", env = "ADIEU_CONFIG", hide_env_values = true)]
    pub(super) config: Option<PathBuf>,

    /// Say what is wrong with the command line, or the --config file, and with the files and addresses that it names; exit 0 if
    /// nothing is, and 2 otherwise. Nothing is bound, created or connected to
    #[arg(long, env = "ADIEU_CHECK", hide_env_values = true, action = ArgAction::SetTrue,
          value_parser = BoolishValueParser::new())]
    pub(super) check: bool,

    /// Append a line to this file for each connection: JSON, one object a line, described by docs/relay-log.schema.json
    #[arg(long, value_name = "FILE", env = "ADIEU_LOG", hide_env_values = true, help_heading = "Reporting")]
    pub(super) log: Option<PathBuf>,

    /// Give up an upstream that is not connected to after this long, its TLS handshake included; the TLS handshake of a client
    /// has the same limit [default: 30s]
    #[arg(long, value_name = "DURATION", env = "ADIEU_CONNECT_TIMEOUT", value_parser = limit, hide_env_values = true,
          help_heading = "Time limits")]
    pub(super) connect_timeout: Option<Duration>,

    /// Reset both sides if a side whose turn it is sends nothing, takes nothing and acknowledges nothing for this long: when both are
    /// silent, and when one takes nothing of what the other sends [default: none]
    #[arg(long, value_name = "DURATION", env = "ADIEU_IDLE_TIMEOUT", value_parser = limit, hide_env_values = true,
          help_heading = "Time limits")]
    pub(super) idle_timeout: Option<Duration>,

    /// Reset both sides if one has ended its stream, and the other then sends nothing for this long [default: none]
    #[arg(long, value_name = "DURATION", env = "ADIEU_HALF_OPEN_TIMEOUT", value_parser = limit, hide_env_values = true,
          help_heading = "Time limits")]
    pub(super) half_open_timeout: Option<Duration>,

    /// Before a reset is passed on, wait until what came before it is delivered, but not if nothing of it is acknowledged for this
    /// long
    #[arg(long, value_name = "DURATION", default_value = "10s", env = "ADIEU_FLUSH_TIMEOUT", value_parser = limit, hide_env_values = true,
          help_heading = "Time limits")]
    pub(super) flush_timeout: Duration,

    /// End each side after this long, whatever happens [default: none]
    #[arg(long, value_name = "DURATION", env = "ADIEU_DEADLINE", value_parser = limit, hide_env_values = true,
          help_heading = "Time limits")]
    pub(super) deadline: Option<Duration>,

    /// After SIGTERM: how long the open connections may take to end; "none" waits for ever
    #[arg(long, value_name = "DURATION", default_value = "10s", env = "ADIEU_GRACE", hide_env_values = true,
          value_parser = grace, help_heading = "Time limits")]
    pub(super) grace: Grace,

    /// Write the port (or the socket's path) to this file once it listens
    #[arg(long, value_name = "FILE", env = "ADIEU_PORT_FILE", hide_env_values = true)]
    pub(super) port_file: Option<PathBuf>,

    /// Do wrong to connections on purpose, to test a program that talks through this relay: one or more of fin, rst, stall,
    /// drop-fin, half-open, unread-close, tls-cut, latency=50ms±10ms and rate=1MiB/s, separated by commas, each with @ and a size,
    /// a duration, a percentage of connections, up or down, such as fin@1MiB@down. docs/faults.md has each word
    #[arg(
        long,
        value_name = "FAULTS",
        env = "ADIEU_FAULT",
        hide_env_values = true,
        help_heading = "Faults on purpose"
    )]
    pub(super) fault: Option<Faults>,

    /// Choose other connections, and other latencies: the same number gives the same again [default: 0]
    #[arg(
        long,
        value_name = "NUMBER",
        env = "ADIEU_FAULT_SEED",
        hide_env_values = true,
        requires = "fault",
        help_heading = "Faults on purpose"
    )]
    pub(super) fault_seed: Option<u64>,

    /// Share the port with other relays that ask for it too (SO_REUSEPORT), such as the one that is to follow this (Linux)
    #[arg(long, env = "ADIEU_REUSE_PORT", hide_env_values = true, help_heading = "Socket options",
          action = ArgAction::SetTrue, value_parser = BoolishValueParser::new(),
          add = Rules::new().not_for_unix())]
    pub(super) reuse_port: bool,

    /// What the relay is called in the log and in metrics [default: where it listens]
    #[arg(long, value_name = "NAME", env = "ADIEU_NAME", hide_env_values = true, help_heading = "Reporting",
          value_parser = NonEmptyStringValueParser::new())]
    pub(super) name: Option<String>,

    /// Serve metrics in Prometheus's text format over HTTP on this endpoint, at /metrics: host:port, :port or unix:path. Whoever can
    /// connect there can read them
    #[arg(long, value_name = "ENDPOINT", env = "ADIEU_METRICS", hide_env_values = true, help_heading = "Reporting",
          value_parser = NonEmptyStringValueParser::new())]
    pub(super) metrics: Option<String>,

    #[command(flatten)]
    pub(super) upstreams: UpstreamOptions,

    #[command(flatten)]
    pub(super) front: FrontOptions,

    #[command(flatten)]
    pub(super) access: AccessOptions,

    #[command(flatten)]
    pub(super) admission: AdmissionOptions,

    #[command(flatten)]
    pub(super) tls: RelayTls,

    #[command(flatten)]
    pub(super) reporting: Reporting,

    #[command(flatten)]
    pub(super) socket: SocketOptions,
}

impl Args {
    /// What is said, and where.
    pub(crate) const fn reporting(&self) -> &Reporting {
        &self.reporting
    }
}
