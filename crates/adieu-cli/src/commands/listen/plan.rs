//! What `adieu listen` is going to do: where, with which options, and what with each client.
//!
//! Certificates are read here. Nothing is created or emptied, no process is started, and nobody listens.

use super::arguments::Args;
use crate::commands::datagrams::Planned;
use crate::no_plan::NoPlan;
use crate::options::access::{Access, NOT_OF_A_NETWORK};
use crate::options::exchange::Exchange;
use crate::options::listening_or_passed_endpoint;
use crate::options::reporting::{Kind, Reports};
use crate::options::timers::InputKind;
use crate::os::{ExecStatus, command};
use crate::stdio;
use adieu::exchange::Closes;
use adieu::tls::{Fingerprint, ServerConfig};
use adieu::{Endpoint, ListenOptions};
use adieu_relay::proxy_protocol::AcceptProxy;
use std::path::PathBuf;
use std::time::Duration;

/// How long a client of a service may hold a place without a byte by default.
const FIRST_BYTE: Duration = Duration::from_secs(60);

/// How long a silent client keeps our sending side open by default, if stdin gives nothing. Many clients stop at our end, and
/// would be cut while they think; a client that waits for our end is only kept waiting.
const CLIENT_GRACE: Duration = Duration::from_secs(30);

/// What sends the same to every client.
pub(super) const FOR_EACH: &str =
    "to send a file to each, give --exec 'cat FILE', and nothing on stdin (</dev/null)";

/// How many clients may have sent data with a SYN and not finished their handshake.
const FAST_OPEN_QUEUE: u32 = 256;

pub(crate) struct Plan {
    pub(super) endpoint: Endpoint,
    /// Of each connection: all but the interrupts and the observer, which exist only while it runs.
    pub(super) options: ListenOptions,
    pub(super) reports: Reports,
    pub(super) work: Work,
    /// It is every address of this machine, which is said.
    pub(super) is_everywhere: bool,
    /// Whose connections are served.
    pub(super) access: Access,
    /// From whom headers of the PROXY protocol are taken.
    pub(super) accept_proxy: Option<AcceptProxy>,
    pub(super) exchange: Exchange,
    pub(super) keep_open: bool,
    /// A client that leaves without a byte is not the one that is waited for.
    pub(super) waits_on: bool,
    /// How many are served at once, if there are descriptors and memory for them.
    pub(super) at_once: u32,
    /// After a signal: how long the open connections may take to finish.
    pub(super) grace: Duration,
    /// How long the first client is waited for.
    pub(super) connect_timeout: Option<Duration>,
    pub(super) port_file: Option<PathBuf>,
    /// Of a certificate that nobody can know yet.
    pub(super) fingerprint: Option<Fingerprint>,
}

/// What is done with a client.
#[derive(Debug, Clone)]
pub(super) enum Work {
    /// Standard input and output, the latter closed after a client's end unless there is another client to come.
    Standard { closes: Option<Closes> },
    /// It gets back what it sends.
    Echo,
    /// What it sends goes to a file, emptied by the first client, or by the first byte if a client without one does not count.
    File { path: PathBuf, waits_on: bool },
    /// A command answers it.
    Command {
        line: String,
        policy: ExecStatus,
        /// From the connection's beginning, the command included.
        deadline: Option<Duration>,
    },
}

impl Args {
    /// What is going to be done.
    pub(crate) fn plan(&self) -> Result<Planned<Plan>, NoPlan> {
        match listening_or_passed_endpoint(&self.endpoint)? {
            endpoint @ Endpoint::Udp { .. } => {
                self.of_datagrams(endpoint).map(Box::new).map(Planned::Datagrams)
            }
            endpoint => Plan::new(self, endpoint).map(Planned::Streams),
        }
    }
}

impl Plan {
    fn new(args: &Args, endpoint: Endpoint) -> Result<Self, NoPlan> {
        let (endpoint, tls) = args.tls.resolve(endpoint)?;
        let work = Work::new(args);
        if let (Some(why), Work::Command { .. }) = (command::REFUSAL, &work) {
            return Err(NoPlan::refused(why));
        }
        if args.keep_open
            && work.reads_stdin()
            && !args.exchange.recv_only
            && adieu_os::stdin_is_a_file_with_bytes()
        {
            return Err(NoPlan::refused(format!(
                "with --keep-open only the first client would get what stdin has: {FOR_EACH}"
            )));
        }
        args.check_dump()?;
        let at_once = args.max_connections.unwrap_or_else(|| work.at_once());
        if at_once > 1 && work.at_once() == 1 {
            return Err(NoPlan::refused(
                "--max-connections above 1 needs --echo or --exec: one stdin and stdout serve one peer at a time",
            ));
        }
        let access = args.access.access();
        let accept_proxy = args.proxies.accept_proxy();
        if !access.is_suited(&endpoint, accept_proxy.is_some()) {
            return Err(NoPlan::refused(NOT_OF_A_NETWORK));
        }
        let fingerprint = tls.as_ref().filter(|_| args.tls.is_new()).and_then(ServerConfig::fingerprint);
        Ok(Self {
            options: options(args, &endpoint, &work, tls)?,
            is_everywhere: args.shared.socket.is_everywhere(&endpoint),
            endpoint,
            reports: args.shared.reporting.plan(if args.keep_open { Kind::Service } else { Kind::Once }),
            work,
            access,
            accept_proxy,
            exchange: args.exchange.clone(),
            keep_open: args.keep_open,
            waits_on: waits_on(args),
            at_once,
            grace: args.grace,
            connect_timeout: args.shared.timers.connect_timeout,
            port_file: args.port_file.clone(),
            fingerprint,
        })
    }
}

/// Whether a client that leaves without a byte is not the one that is waited for.
const fn waits_on(args: &Args) -> bool {
    !(args.keep_open || args.first_client.accept_first)
}

/// The library's options.
fn options(
    args: &Args,
    endpoint: &Endpoint,
    work: &Work,
    tls: Option<ServerConfig>,
) -> Result<ListenOptions, NoPlan> {
    let grace = args.client_grace.map_or(work.client_grace(), |grace| {
        // A silence without end waits for the client's end, as long as that takes.
        Some(grace.limit().unwrap_or(Duration::MAX))
    });
    let first_byte = match args.first_byte_timeout {
        Some(limit) => limit.limit(),
        None => args.keep_open.then_some(FIRST_BYTE),
    };
    let limits =
        args.shared.timers.limits(work.input_kind()).peer_grace(grace).first_byte_timeout(first_byte);
    let mut options = args.shared.listen_options(limits);
    if args.fastopen {
        options = options.fast_open_queue(FAST_OPEN_QUEUE);
    }
    options.check(endpoint)?;
    Ok(match tls {
        Some(tls) => options.tls(tls),
        None => options,
    })
}

impl Work {
    fn new(args: &Args) -> Self {
        if args.echo {
            return Self::Echo;
        }
        if let Some(line) = args.exec.clone() {
            let deadline = args.shared.timers.deadline;
            return Self::Command { line, policy: args.exec_rule.exec_status, deadline };
        }
        if let Some(path) = args.output.clone() {
            return Self::File { path, waits_on: waits_on(args) };
        }
        Self::Standard {
            closes: match (args.keep_open, waits_on(args)) {
                (true, _) => None,
                (false, false) => Some(Closes::Always),
                (false, true) => Some(Closes::AfterAByte),
            },
        }
    }

    fn input_kind(&self) -> InputKind {
        if let Self::Command { .. } = self { InputKind::Command } else { InputKind::Served }
    }

    /// If our input gives nothing: how long a silent client keeps our sending side open. Whoever types the end of it means it.
    fn client_grace(&self) -> Option<Duration> {
        match self {
            Self::Standard { .. } | Self::File { .. } if stdio::stdin_is_terminal() => None,
            Self::Standard { .. } | Self::File { .. } => Some(CLIENT_GRACE),
            Self::Echo | Self::Command { .. } => None,
        }
    }

    /// How many connections are served at once by default.
    fn at_once(&self) -> u32 {
        match self {
            Self::Standard { .. } | Self::File { .. } => 1,
            Self::Echo | Self::Command { .. } => 1024,
        }
    }

    /// Whether what is sent comes from our stdin.
    const fn reads_stdin(&self) -> bool {
        matches!(self, Self::Standard { .. } | Self::File { .. })
    }
}
