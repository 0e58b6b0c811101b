//! What `adieu relay` is asked for, as it was written.

use crate::options::access::AccessOptions;
use crate::options::admission::AdmissionOptions;
use crate::options::durations::{Grace, grace, limit};
use crate::options::front::FrontOptions;
use crate::options::own_file::own_file;
use crate::options::reporting::Reporting;
use crate::options::socket::SocketOptions;
use crate::options::tls::RelayTls;
use crate::options::upstreams::UpstreamOptions;
use crate::parsing::raw_words;
use crate::parsing::rules::{CommandSide, Rules};
use adieu_relay::Faults;
use clap::ArgAction;
use clap::builder::{
    BoolishValueParser, NonEmptyStringValueParser, PathBufValueParser, Resettable, TypedValueParser,
};
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

/// Forward connections to one or several upstreams, and pass on how each of them ended
///
/// adieu connects to an upstream for each client, and passes on what each side sends. An end (EOF) becomes a half-close of the
/// other side, after every byte before it was delivered. Any other ending (a reset, a TLS stream that was cut, a time limit)
/// becomes a reset of the other side, after every byte before it was delivered. So no stream that was cut looks whole. A client
/// that no upstream takes is reset.
///
/// Several upstreams take turns, or as --balance says. If one cannot be connected to, the client is given to the next, and the
/// failed one is left alone for a while.
///
/// SIGTERM or SIGINT stops accepting, lets open connections end within --grace, and resets the rest. A second signal resets all
/// of them, and adieu ends within half a second. SIGUSR1 lists the open connections. SIGHUP opens --log again, and reads the
/// --config file or the certificates again. Without --config it stops a relay whose stdin or stderr is a terminal.
///
/// A service manager that sets NOTIFY_SOCKET (systemd, Type=notify) is told of the start, of the stop and of each reload, and is
/// answered if it sets WATCHDOG_USEC.
#[derive(Debug, clap::Args)]
#[command(
    mut_arg("self_signed", |arg| arg.help("Speak TLS with clients, with a certificate made for this run; adieu prints its fingerprint, and a client trusts it with --pin").long_help("Speak TLS with clients, with a certificate made for this run; adieu prints its fingerprint, and a client trusts it with --pin\n\nWithout --cert, tls:// where it listens does the same. adieu prints the fingerprint with -q too.")),
    mut_arg("tls_eof", |arg| arg.help("What an EOF of either side means if TLS's close_notify did not precede it; a stream that was cut is a reset on the other side [default: require]")),
    mut_arg("report", |arg| arg.help("Format of the report of each connection on stderr; with \"json\" all of stderr is JSON, one object a line [default: text]")),
    mut_arg("report_file", |arg| arg.help("Append the reports of connections to this file instead; JSON is the default format if its name ends in .json").long_help(Resettable::Reset)),
    mut_arg("verbose", |arg| arg.help("Print each client that connects, and the upstream that it is given or cannot be given")))]
pub(crate) struct Args {
    /// Where to listen, and whom to connect to
    #[arg(help = "Where to listen (host:port, [::1]:port, :port, tls://host:port, unix:path, unix:@name, fd:NAME or fd:NUMBER), then the upstreams (host:port, tls://host:port, unix:path or unix:@name)",
          value_names = ["LISTEN", "TO"], num_args = 1.., required_unless_present = "config", conflicts_with = "config", add = Rules::new().each_is_an_endpoint(CommandSide::Listens))]
    pub(super) endpoints: Vec<OsString>,

    /// Read the relays from this TOML file: one [[relay]] table for each
    ///
    /// Its keys are the options of this command without the dashes, and "listen" and "to". "log" and "metrics" may stand at the
    /// top of the file. SIGHUP reads the file again: no connection ends by that, and if the file is wrong the settings stay as
    /// they are.
    #[arg(long, value_name = "FILE", env = "ADIEU_CONFIG", hide_env_values = true)]
    pub(super) config: Option<PathBuf>,

    /// Check the command line or the --config file, with the files and addresses it names, and exit: 0 if nothing is wrong, 2
    /// otherwise
    ///
    /// Nothing is bound, created or connected to.
    #[arg(long, env = "ADIEU_CHECK", hide_env_values = true, action = ArgAction::SetTrue,
          value_parser = BoolishValueParser::new())]
    pub(super) check: bool,

    /// Append a line of JSON for each connection to this file (docs/relay-log.schema.json)
    #[arg(long, value_name = "FILE", env = "ADIEU_LOG", hide_env_values = true, help_heading = "Reporting",
          value_parser = PathBufValueParser::new().try_map(own_file))]
    pub(super) log: Option<PathBuf>,

    /// Time limit for connecting to an upstream, and for each TLS handshake [default: 30s]
    #[arg(long, value_name = "DURATION", env = "ADIEU_CONNECT_TIMEOUT", value_parser = limit, hide_env_values = true,
          help_heading = "Time limits")]
    pub(super) connect_timeout: Option<Duration>,

    /// Reset both sides if the side whose turn it is sends nothing, takes nothing and acknowledges nothing for this long
    /// [default: none]
    ///
    /// That is so when both are silent, and when one takes nothing of what the other sends. It bounds the silence of a client in its
    /// TLS handshake too.
    #[arg(long, value_name = "DURATION", env = "ADIEU_IDLE_TIMEOUT", value_parser = limit, hide_env_values = true,
          help_heading = "Time limits")]
    pub(super) idle_timeout: Option<Duration>,

    /// Reset both sides if one has ended its stream and the other sends nothing for this long [default: none]
    #[arg(long, value_name = "DURATION", env = "ADIEU_HALF_OPEN_TIMEOUT", value_parser = limit, hide_env_values = true,
          help_heading = "Time limits")]
    pub(super) half_open_timeout: Option<Duration>,

    /// Before a reset is passed on, wait until the bytes before it are delivered, unless none of them is acknowledged for this
    /// long
    #[arg(long, value_name = "DURATION", default_value = "10s", env = "ADIEU_FLUSH_TIMEOUT", value_parser = limit, hide_env_values = true,
          help_heading = "Time limits")]
    pub(super) flush_timeout: Duration,

    /// End each connection after this long, whatever happens [default: none]
    #[arg(long, value_name = "DURATION", env = "ADIEU_DEADLINE", value_parser = limit, hide_env_values = true,
          help_heading = "Time limits")]
    pub(super) deadline: Option<Duration>,

    /// After SIGTERM: how long open connections may take to end; "none" waits without limit
    #[arg(long, value_name = "DURATION", default_value = "10s", env = "ADIEU_GRACE", hide_env_values = true,
          value_parser = grace, help_heading = "Time limits")]
    pub(super) grace: Grace,

    /// Write the port, or the path of a Unix socket, to this file once adieu listens
    #[arg(long, value_name = "FILE", env = "ADIEU_PORT_FILE", hide_env_values = true,
          value_parser = PathBufValueParser::new().try_map(own_file))]
    pub(super) port_file: Option<PathBuf>,

    /// Break connections on purpose, to test a program that connects through this relay: fin, rst, stall, and others, such as
    /// fin@1MiB@down
    ///
    /// The words are fin, rst, stall, drop-fin, half-open, unread-close, tls-cut, latency=50ms±10ms and rate=1MiB/s, separated by
    /// commas. Each may have @ and a size, a duration, a percentage of connections, up or down. docs/faults.md explains each
    /// word.
    #[arg(
        long,
        value_name = "FAULTS",
        env = "ADIEU_FAULT",
        hide_env_values = true,
        help_heading = "Faults on purpose"
    )]
    pub(super) fault: Option<Faults>,

    /// Seed of what --fault leaves to chance: the same number gives the same connections and latencies again [default: 0]
    #[arg(
        long,
        value_name = "NUMBER",
        env = "ADIEU_FAULT_SEED",
        hide_env_values = true,
        requires = "fault",
        help_heading = "Faults on purpose"
    )]
    pub(super) fault_seed: Option<u64>,

    /// Share the port with other relays that have this option (SO_REUSEPORT, Linux), such as the one that is to follow this
    #[arg(long, env = "ADIEU_REUSE_PORT", hide_env_values = true, help_heading = "Socket options",
          action = ArgAction::SetTrue, value_parser = BoolishValueParser::new(),
          add = Rules::new().yields_if(listens_on_unix))]
    pub(super) reuse_port: bool,

    /// Name of the relay in the log and in metrics [default: where it listens]
    #[arg(long, value_name = "NAME", env = "ADIEU_NAME", hide_env_values = true, help_heading = "Reporting",
          value_parser = NonEmptyStringValueParser::new())]
    pub(super) name: Option<String>,

    /// Serve metrics for Prometheus over HTTP on this endpoint, at /metrics: host:port, :port or unix:path
    ///
    /// Whoever can connect there can read them.
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

/// Whether it listens on a Unix socket, which has no port.
fn listens_on_unix(matches: &clap::ArgMatches) -> bool {
    let words = raw_words(matches, "endpoints");
    let first = words.first().and_then(|word| word.to_str()).unwrap_or_default();
    first.get(..5).is_some_and(|scheme| scheme.eq_ignore_ascii_case("unix:"))
}

impl Args {
    /// What is said, and where.
    pub(crate) const fn reporting(&self) -> &Reporting {
        &self.reporting
    }
}
