//! What `adieu listen` is asked for, as it was written.

use crate::exit;
use crate::options::access::AccessOptions;
use crate::options::durations::{Grace, grace, limit_or_none};
use crate::options::exchange::{Exchange, ExecRule};
use crate::options::front::AcceptProxyOptions;
use crate::options::reporting::Reporting;
use crate::options::timers::Silence;
use crate::options::tls::ListenTls;
use crate::options::{FirstClient, Shared};
use crate::parsing::rules::{CommandSide, Rules, With};
use clap::ArgAction;
use clap::builder::{BoolishValueParser, NonEmptyStringValueParser};
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

/// Listen: the same as connect, from the other side
///
/// One connection is served like connect serves one, unless --keep-open, --echo, --output or --exec say otherwise.
/// The address is told on stderr, and its port in --port-file.
///
/// Over udp:// the first who sends something is served, and others are left aside; with --keep-open everybody is, and stdin
/// goes to whoever sent last.
///
/// SIGTERM or SIGHUP stops accepting, lets the connections that there are finish within --grace, then aborts the
/// rest. SIGINT aborts at once. Each makes the exit status that of the signal (of SIGHUP, that of SIGTERM); otherwise
/// it is that of the connection. With --keep-open it is 0 after a SIGTERM if every connection ended by itself, and 4 if
/// one had to be aborted.
#[derive(Debug, clap::Args)]
#[command(after_long_help = exit::TABLE)]
pub(crate) struct Args {
    /// The endpoint, in one word or two
    #[arg(help = "Where to listen: host:port, [::1]:port, host port, tls://host:port, udp://host:port, unix:path, unix:@name, or fd:NAME or fd:NUMBER for a socket that the service manager passed. A port alone, as 9000, :9000 or tls://:9000, is that port of every address; port 0 lets the system choose; a port may be the name of a service", value_name = "ENDPOINT", num_args = 0..=2, default_value = "127.0.0.1:27015",
          add = Rules::new().endpoint(CommandSide::Listens))]
    pub(super) endpoint: Vec<OsString>,

    /// Serve connections until a signal comes
    #[arg(short, long, env = "ADIEU_KEEP_OPEN", hide_env_values = true, action = ArgAction::SetTrue,
          value_parser = BoolishValueParser::new(),
          add = Rules::new().also_over_udp())]
    pub(super) keep_open: bool,

    /// With --keep-open: how many connections are served at once at most; further clients
    /// wait, also if descriptors (ulimit -n) or memory (ulimit -v) allow fewer [default: 1; 1024 with --echo or --exec]
    #[arg(long, value_name = "N", env = "ADIEU_MAX_CONNECTIONS",
          hide_env_values = true, value_parser = crate::options::at_least_one,
          add = Rules::new().needs("keep_open"))]
    pub(super) max_connections: Option<u32>,

    /// Send back what comes, and half-close after the peer did
    #[arg(long, conflicts_with_all = ["output", "exec"], env = "ADIEU_ECHO", hide_env_values = true, action = ArgAction::SetTrue,
          value_parser = BoolishValueParser::new(),
          add = Rules::new().also_over_udp())]
    pub(super) echo: bool,

    /// Write what comes to this file instead of stdout; with --keep-open, one connection after another. An existing file is
    /// emptied when the first client connects
    #[arg(
        short,
        long,
        value_name = "FILE",
        conflicts_with = "exec",
        env = "ADIEU_OUTPUT",
        hide_env_values = true,
          add = Rules::new().also_over_udp())]
    pub(super) output: Option<PathBuf>,

    /// Run this command with the shell for each connection: its stdin and stdout are the two directions. ADIEU_PEER holds the
    /// client's address (empty for an unnamed one of a Unix socket), ADIEU_LOCAL ours; with --accept-proxy they are those that the proxy
    /// told, and ADIEU_PROXY_PEER holds the proxy's
    #[arg(short, long, value_name = "COMMAND", env = "ADIEU_EXEC", hide_env_values = true,
          value_parser = NonEmptyStringValueParser::new())]
    pub(super) exec: Option<String>,

    #[command(flatten)]
    pub(super) exec_rule: ExecRule,

    #[command(flatten)]
    pub(super) exchange: Exchange,

    #[command(flatten)]
    pub(super) first_client: FirstClient,

    /// If stdin gives nothing: keep our sending side open until the client has ended its own, or has sent nothing for this
    /// long; "none" waits for its end, 0s half-closes at once [default: 30s; 0s if stdin is a terminal]
    #[arg(long, value_name = "DURATION", env = "ADIEU_CLIENT_GRACE", hide_env_values = true, value_parser = grace,
          help_heading = "Time limits",
          add = Rules::new().meaningless_with(&[With::Any("echo"), With::Any("exec"), With::Any("recv_only")]))]
    pub(super) client_grace: Option<Grace>,

    /// End a connection over which no byte has passed in either direction for this long, so that silent clients hold no place;
    /// "none" lets them [default: 60s with --keep-open, else none]
    #[arg(long, value_name = "DURATION", env = "ADIEU_FIRST_BYTE_TIMEOUT", hide_env_values = true,
          value_parser = limit_or_none, help_heading = "Time limits")]
    pub(super) first_byte_timeout: Option<Grace>,

    /// Write the port (or the socket's path) to this file once it listens
    #[arg(long, value_name = "FILE", env = "ADIEU_PORT_FILE", hide_env_values = true,
          add = Rules::new().also_over_udp())]
    pub(super) port_file: Option<PathBuf>,

    /// After SIGTERM: how long the open connections may take to finish
    #[arg(long, value_name = "DURATION", default_value = "10s", env = "ADIEU_GRACE", hide_env_values = true,
          value_parser = humantime::parse_duration)]
    pub(super) grace: Duration,

    #[command(flatten)]
    pub(super) access: AccessOptions,

    #[command(flatten)]
    pub(super) proxies: AcceptProxyOptions,

    #[command(flatten)]
    pub(super) tls: ListenTls,

    #[command(flatten)]
    pub(super) silence: Silence,

    #[command(flatten)]
    pub(super) shared: Shared,

    /// Take data with a client's SYN, TCP Fast Open (Linux)
    #[arg(long, env = "ADIEU_FASTOPEN", hide_env_values = true, help_heading = "Socket options",
          action = ArgAction::SetTrue, value_parser = BoolishValueParser::new(),
          add = Rules::new().not_for_unix())]
    pub(super) fastopen: bool,
}

impl Args {
    /// What is said, and where.
    pub(crate) const fn reporting(&self) -> &Reporting {
        &self.shared.reporting
    }

    /// Whether a dump would go to another file of ours too.
    pub(super) fn check_dump(&self) -> anyhow::Result<()> {
        self.exchange.check_dump(&[
            ("--report-file", self.reporting().report_file.as_deref()),
            ("--output", self.output.as_deref()),
            ("--port-file", self.port_file.as_deref()),
        ])
    }
}
