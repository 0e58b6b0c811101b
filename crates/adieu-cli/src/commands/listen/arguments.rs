//! What `adieu listen` is asked for, as it was written.

use crate::options::access::AccessOptions;
use crate::options::durations::{Grace, grace, limit_or_none};
use crate::options::exchange::{Exchange, ExecRule};
use crate::options::front::AcceptProxyOptions;
use crate::options::own_file::own_file;
use crate::options::reporting::Reporting;
use crate::options::timers::Silence;
use crate::options::tls::ListenTls;
use crate::options::{FirstClient, Shared};
use crate::parsing::rules::{CommandSide, Rules, With};
use clap::ArgAction;
use clap::builder::{BoolishValueParser, NonEmptyStringValueParser, PathBufValueParser, TypedValueParser};
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

/// Wait for a client and serve it from stdin, a file or a command, and report how the connection ended
///
/// adieu serves one client: it sends stdin, and writes the client's bytes to stdout. --echo, --output and --exec put something
/// else in the place of stdin and stdout. --keep-open serves one client after another. adieu prints the address on stderr, and
/// --port-file writes the port to a file.
///
/// SIGTERM or SIGHUP stops accepting, lets open connections finish within --grace, then aborts the rest; SIGINT aborts at once.
/// The exit status is then that of the signal. With --keep-open it is 0 after SIGTERM if every connection ended by itself, and 4
/// if one was aborted.
///
/// Over udp:// adieu serves the first sender and ignores all others. With --keep-open it serves every sender, and sends stdin to
/// the one that sent last.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The endpoint, in one word or two
    #[arg(help = "Where to listen: host:port, [::1]:port, host port, :port (every address), tls://host:port, udp://host:port, unix:path, unix:@name, fd:NAME or fd:NUMBER; port 0 lets the system choose", long_help = "Where to listen: host:port, [::1]:port, host port, tls://host:port, udp://host:port, unix:path or unix:@name\n\nA port alone, as 9000, :9000 or tls://:9000, is that port of every address. Port 0 lets the system choose. A port may be the name of a service. fd:NAME and fd:NUMBER are sockets that the service manager passed", value_name = "ENDPOINT", num_args = 0..=2, default_value = "127.0.0.1:27015",
          add = Rules::new().endpoint(CommandSide::Listens))]
    pub(super) endpoint: Vec<OsString>,

    /// Serve one client after another until a signal
    #[arg(short, long, env = "ADIEU_KEEP_OPEN", hide_env_values = true, action = ArgAction::SetTrue,
          value_parser = BoolishValueParser::new(),
          add = Rules::new().also_over_udp())]
    pub(super) keep_open: bool,

    /// With --keep-open: serve at most this many clients at once [default: 1; 1024 with --echo or --exec]
    ///
    /// Further clients wait. Fewer are served if descriptors (ulimit -n) or memory (ulimit -v) do not suffice.
    #[arg(long, value_name = "N", env = "ADIEU_MAX_CONNECTIONS",
          hide_env_values = true, value_parser = crate::options::at_least_one,
          add = Rules::new().needs("keep_open"))]
    pub(super) max_connections: Option<u32>,

    /// Send back what a client sends, and half-close after its end
    #[arg(long, conflicts_with_all = ["output", "exec"], env = "ADIEU_ECHO", hide_env_values = true, action = ArgAction::SetTrue,
          value_parser = BoolishValueParser::new(),
          add = Rules::new().also_over_udp())]
    pub(super) echo: bool,

    /// Write what clients send to this file instead of stdout; an existing file is emptied when the first client connects
    ///
    /// With --keep-open the file has one connection after another.
    #[arg(
        short,
        long,
        value_name = "FILE",
        conflicts_with = "exec",
        env = "ADIEU_OUTPUT",
        hide_env_values = true,
          value_parser = PathBufValueParser::new().try_map(own_file),
          add = Rules::new().also_over_udp())]
    pub(super) output: Option<PathBuf>,

    /// Run this command with the shell for each client: its stdin and stdout are the connection
    ///
    /// It finds the client's address in ADIEU_PEER (empty for a client of a Unix socket without a name) and this side's in
    /// ADIEU_LOCAL. With --accept-proxy these are what the proxy told, and ADIEU_PROXY_PEER has the proxy's own address.
    #[arg(short, long, value_name = "COMMAND", env = "ADIEU_EXEC", hide_env_values = true,
          value_parser = NonEmptyStringValueParser::new())]
    pub(super) exec: Option<String>,

    #[command(flatten)]
    pub(super) exec_rule: ExecRule,

    #[command(flatten)]
    pub(super) exchange: Exchange,

    #[command(flatten)]
    pub(super) first_client: FirstClient,

    /// If stdin is empty, half-close after the client's end, or once the client has sent nothing for this long; "none" waits for
    /// its end [default: 30s; 0s if stdin is a terminal]
    ///
    /// 0s half-closes at once.
    #[arg(long, value_name = "DURATION", env = "ADIEU_CLIENT_GRACE", hide_env_values = true, value_parser = grace,
          help_heading = "Time limits",
          add = Rules::new().meaningless_with(&[With::Any("echo"), With::Any("exec"), With::Any("recv_only")]))]
    pub(super) client_grace: Option<Grace>,

    /// End a connection over which no byte has passed in either direction for this long; "none" sets no limit [default: 60s with
    /// --keep-open, none otherwise]
    ///
    /// So clients that say nothing hold no place.
    #[arg(long, value_name = "DURATION", env = "ADIEU_FIRST_BYTE_TIMEOUT", hide_env_values = true,
          value_parser = limit_or_none, help_heading = "Time limits")]
    pub(super) first_byte_timeout: Option<Grace>,

    /// Write the port, or the path of a Unix socket, to this file once adieu listens
    #[arg(long, value_name = "FILE", env = "ADIEU_PORT_FILE", hide_env_values = true,
          value_parser = PathBufValueParser::new().try_map(own_file),
          add = Rules::new().also_over_udp())]
    pub(super) port_file: Option<PathBuf>,

    /// After SIGTERM: how long open connections may take to finish
    #[arg(long, value_name = "DURATION", default_value = "10s", env = "ADIEU_GRACE", hide_env_values = true,
          value_parser = crate::options::durations::duration)]
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

    /// Accept data with a client's SYN (TCP Fast Open, Linux)
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
