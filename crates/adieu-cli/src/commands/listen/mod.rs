//! `adieu listen`: the same procedure from the other side, once or again and again.
//!
//! A thread accepts, each connection has a thread, and the main thread hears of everything through one channel:
//! connections, their ends, and signals. So nothing here polls, and nothing is shared but the printer.

mod accepting;
mod message;
pub(crate) mod port_file;
mod server;
mod service;

use crate::exit::{self, ExitStatus};
use crate::options::durations::{Grace, grace, limit_or_none};
use crate::options::tls::ListenTls;
use crate::options::{FirstClient, Reporting, Shared, endpoint};
use crate::os::{self, ExecStatus, command};
use crate::printer::{Kind, Printer, complain};
use adieu::tls::ServerConfig;
use adieu::{LocalEnd, NeverConnected, Report, Role, describe_error};
use clap::ArgAction;
use clap::builder::{BoolishValueParser, NonEmptyStringValueParser};
use server::Server;
use service::Service;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Listen: the same as connect, from the other side
///
/// One connection is served like connect serves one, unless --keep-open, --echo, --output or --exec say otherwise.
/// The address is told on stderr, and its port in --port-file.
///
/// SIGTERM or SIGHUP stops accepting, lets the connections that there are finish within --grace, then aborts the
/// rest. SIGINT aborts at once. Each makes the exit status that of the signal (of SIGHUP, that of SIGTERM); otherwise
/// it is that of the connection. With --keep-open it is 0 after a SIGTERM if every connection ended by itself, and 4 if
/// one had to be aborted.
#[derive(Debug, clap::Args)]
#[command(after_long_help = exit::TABLE)]
pub(crate) struct Args {
    /// The endpoint, in one word or two
    #[arg(help = "Where to listen: host:port, [::1]:port, host port, tls://host:port, unix:path, or unix:@name; port 0 lets the system choose", value_name = "ENDPOINT", num_args = 0..=2, default_value = "127.0.0.1:27015")]
    endpoint: Vec<OsString>,

    /// Serve connections until a signal comes
    #[arg(short, long, env = "ADIEU_KEEP_OPEN", hide_env_values = true, action = ArgAction::SetTrue,
          value_parser = BoolishValueParser::new())]
    keep_open: bool,

    /// With --keep-open: how many connections are served at once at most; further clients
    /// wait, also if descriptors (ulimit -n) or memory (ulimit -v) allow fewer [default: 1; 1024 with --echo or --exec]
    #[arg(long, value_name = "N", env = "ADIEU_MAX_CONNECTIONS",
          hide_env_values = true, value_parser = crate::options::at_least_one)]
    max_connections: Option<u32>,

    /// Send back what comes, and half-close after the peer did
    #[arg(long, conflicts_with_all = ["output", "exec"], env = "ADIEU_ECHO", hide_env_values = true, action = ArgAction::SetTrue,
          value_parser = BoolishValueParser::new())]
    echo: bool,

    /// Write what comes to this file instead of stdout; with --keep-open, one connection after another. An existing file is
    /// emptied when the first client connects
    #[arg(
        short,
        long,
        value_name = "FILE",
        conflicts_with = "exec",
        env = "ADIEU_OUTPUT",
        hide_env_values = true
    )]
    output: Option<PathBuf>,

    /// Run this command with the shell for each connection: its stdin and stdout are the two directions. ADIEU_PEER holds the
    /// client's address (empty for an unnamed one of a Unix socket), ADIEU_LOCAL ours
    #[arg(short, long, value_name = "COMMAND", env = "ADIEU_EXEC", hide_env_values = true,
          value_parser = NonEmptyStringValueParser::new())]
    exec: Option<String>,

    /// Which exit statuses of the --exec command are failures
    #[arg(
        long,
        value_name = "RULE",
        env = "ADIEU_EXEC_STATUS",
        hide_env_values = true,
        default_value = "check"
    )]
    exec_status: ExecStatus,

    #[command(flatten)]
    first_client: FirstClient,

    /// If stdin gives nothing: keep our sending side open until the client has ended its own, or has sent nothing for this
    /// long; "none" waits for its end, 0s half-closes at once [default: 30s with --output, else 2s]
    #[arg(long, value_name = "DURATION", env = "ADIEU_CLIENT_GRACE", hide_env_values = true, value_parser = grace,
          help_heading = "Time limits")]
    client_grace: Option<Grace>,

    /// End a connection over which no byte has passed in either direction for this long, so that silent clients hold no place;
    /// "none" lets them [default: 60s with --keep-open, else none]
    #[arg(long, value_name = "DURATION", env = "ADIEU_FIRST_BYTE_TIMEOUT", hide_env_values = true,
          value_parser = limit_or_none, help_heading = "Time limits")]
    first_byte_timeout: Option<Grace>,

    /// Write the port (or the socket's path) to this file once it listens
    #[arg(long, value_name = "FILE", env = "ADIEU_PORT_FILE", hide_env_values = true)]
    port_file: Option<PathBuf>,

    /// After SIGTERM: how long the open connections may take to finish
    #[arg(long, value_name = "DURATION", default_value = "10s", env = "ADIEU_GRACE", hide_env_values = true,
          value_parser = humantime::parse_duration)]
    grace: Duration,

    #[command(flatten)]
    tls: ListenTls,

    #[command(flatten)]
    shared: Shared,

    /// Take data with a client's SYN, TCP Fast Open (Linux)
    #[arg(long, env = "ADIEU_FASTOPEN", hide_env_values = true, help_heading = "Socket options",
          action = ArgAction::SetTrue, value_parser = BoolishValueParser::new())]
    fastopen: bool,
}

impl Args {
    /// Whether a client that leaves without a byte is not the one that is waited for.
    const fn waits_on(&self) -> bool {
        !(self.keep_open || self.first_client.accept_first)
    }

    /// What is said, and where.
    pub(crate) const fn reporting(&self) -> &Reporting {
        &self.shared.reporting
    }
}

pub(crate) fn run(args: &Args) -> ExitStatus {
    if args.exec.is_some()
        && let Err(error) = os::leave_to_another()
    {
        complain(&format!("cannot start a process: {}", describe_error(&error)));
        return ExitStatus::LocalFailure;
    }
    let kind = if args.keep_open { Kind::Service } else { Kind::Once };
    let printer = match Printer::new(&args.shared.reporting, kind) {
        Ok(printer) => Arc::new(printer),
        Err(error) => {
            complain(&error);
            return ExitStatus::LocalFailure;
        }
    };
    let endpoint = match endpoint(&args.endpoint) {
        Ok(endpoint) => endpoint,
        Err(error) => {
            complain(&format!("{error:#}"));
            return ExitStatus::Usage;
        }
    };
    let (endpoint, tls) = match args.tls.resolve(endpoint) {
        Ok(resolved) => resolved,
        Err(status) => return status,
    };
    let service = match Service::new(args) {
        Ok(service) => service,
        Err((end, error)) => {
            let cause = NeverConnected::LocalFailure { end, error: &error };
            let mut report = Report::never_connected(&endpoint, Role::Listen, cause);
            if let Some(path) = args.output.as_ref().filter(|_| end == LocalEnd::Output) {
                let why = describe_error(&error);
                report.message = format!("cannot write to {}: {why}", path.display());
            }
            return printer.report(&report);
        }
    };
    if let (Some(why), Some(_)) = (command::REFUSAL, &args.exec) {
        complain(why);
        return ExitStatus::Usage;
    }
    if args.keep_open && service.reads_stdin() && os::stdin_is_a_file_with_bytes() {
        complain(&format!("with --keep-open only the first client would get what stdin has: {FOR_EACH}"));
        return ExitStatus::Usage;
    }
    let at_once = args.max_connections.unwrap_or_else(|| service.at_once());
    if at_once > 1 && service.at_once() == 1 {
        complain(
            "--max-connections above 1 needs --echo or --exec: one stdin and stdout serve one peer at a time",
        );
        return ExitStatus::Usage;
    }
    let mut options = args.shared.options(service.input_kind());
    let grace = args.client_grace.map_or(service.client_grace(), |grace| {
        // A silence without end waits for the client's end, as long as that takes.
        Some(grace.limit().unwrap_or(Duration::MAX))
    });
    options = options.peer_grace(grace).first_byte_timeout(match args.first_byte_timeout {
        Some(limit) => limit.limit(),
        None => args.keep_open.then_some(FIRST_BYTE),
    });
    if args.fastopen {
        options = options.fast_open(FAST_OPEN_QUEUE);
    }
    if let Err(error) = options.check(&endpoint) {
        complain(&error.to_string());
        return ExitStatus::Usage;
    }
    // Of a certificate that nobody can know yet.
    let fingerprint = tls.as_ref().filter(|_| args.tls.is_new()).map(ServerConfig::fingerprint);
    if let Some(tls) = tls {
        options = options.tls(tls);
    }
    match Server::start(args, &endpoint, options, fingerprint, service, at_once, &printer) {
        Ok(server) => server.run(),
        Err(status) => status,
    }
}

/// How long a client of a service may hold a place without a byte by default.
const FIRST_BYTE: Duration = Duration::from_secs(60);

/// What sends the same to every client.
const FOR_EACH: &str = "to send a file to each, give --exec 'cat FILE', and nothing on stdin (</dev/null)";

/// How many clients may have sent data with a SYN and not finished their handshake.
const FAST_OPEN_QUEUE: u32 = 256;
