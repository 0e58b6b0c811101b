//! What `adieu connect` is going to do: where to, with which options, and what is reported where.
//!
//! Certificates and the proxy's password are read here, and the name of a service is looked up. Names of hosts are not resolved,
//! nothing is created, nothing is started, nothing is connected.

use super::arguments::Args;
use crate::commands::datagrams::Planned;
use crate::no_plan::NoPlan;
use crate::options::connecting_endpoint;
use crate::options::exchange::Exchange;
use crate::options::reporting::{Kind, Reports};
use crate::options::retry::Retry;
use crate::options::timers::InputKind;
use crate::os::{ExecStatus, command};
use crate::parsing::netcat;
use adieu::{ConnectOptions, Endpoint, Limits};
use std::ffi::OsString;
use std::time::{Duration, Instant};

/// Without --connect-timeout: the library's default.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);

pub(crate) struct Plan {
    pub(super) endpoint: Endpoint,
    /// All but the interrupt and the observer, which exist only while it runs.
    pub(super) options: ConnectOptions,
    pub(super) exchange: Exchange,
    pub(super) reports: Reports,
    pub(super) fast_open: Option<FastOpen>,
    /// A peer that does not speak Multipath TCP is told of.
    pub(super) asks_for_multipath: bool,
    /// What answers the peer in the place of stdin and stdout.
    pub(super) command: Option<CommandPlan>,
    /// How long an attempt to connect may take.
    pub(super) connect_timeout: Duration,
    pub(super) retry: Option<RetryPlan>,
}

/// A command that is run once there is a connection.
pub(super) struct CommandPlan {
    pub(super) line: String,
    pub(super) policy: ExecStatus,
    /// When it is stopped, whatever it does.
    pub(super) until: Option<Instant>,
}

/// Connecting more than once.
pub(super) struct RetryPlan {
    pub(super) retry: Retry,
    /// Those of the options, so that an attempt may have less time.
    pub(super) limits: Limits,
    /// When the command's whole time is up, pauses included.
    pub(super) deadline: Option<Instant>,
}

/// What goes with the SYN.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FastOpen {
    /// The first bytes of stdin.
    Input,
    /// The `ClientHello` of TLS.
    ClientHello,
}

impl Args {
    /// What is going to be done.
    pub(crate) fn plan(&self) -> Result<Planned<Plan>, NoPlan> {
        let endpoint = connecting_endpoint(&self.endpoint).map_err(|error| NoPlan::Refused {
            why: format!("{error:#}"),
            hint: self.retry.hint(self.endpoint.iter().map(OsString::as_os_str)).or_else(|| {
                let is_quiet = self.shared.reporting.quiet;
                is_quiet.then(|| netcat::quit_before(&self.endpoint)).flatten()
            }),
        })?;
        match endpoint {
            Endpoint::Udp { .. } => self.of_datagrams(endpoint).map(Box::new).map(Planned::Datagrams),
            _ => Plan::new(self, endpoint).map(Planned::Streams),
        }
    }
}

impl Plan {
    fn new(args: &Args, endpoint: Endpoint) -> Result<Self, NoPlan> {
        let (endpoint, tls) = args.tls.resolve(endpoint)?;
        args.check_dump()?;
        if let (Some(why), Some(_)) = (command::REFUSAL, &args.exec) {
            return Err(NoPlan::refused(why));
        }
        let timers = &args.shared.timers;
        let until = timers.deadline.and_then(|limit| Instant::now().checked_add(limit));
        let input = if args.exec.is_some() { InputKind::Command } else { InputKind::Stdin };
        let mut limits = timers.limits(input);
        let mut retry = None;
        if let Some(asked) = args.retry.plan() {
            // It bounds all the attempts together.
            limits = limits.deadline(None).deadline_at(until);
            retry = Some(RetryPlan { retry: asked, limits: limits.clone(), deadline: until });
        }
        let mut options = args.source.add_to(args.shared.connect_options(limits));
        let over_tls = tls.is_some();
        if let Some(tls) = tls {
            options = options.tls(tls);
        }
        options = options.proxy(args.proxy.resolve(&endpoint).map_err(NoPlan::refused)?);
        options.check(&endpoint)?;
        let mut fast_open = None;
        if args.fastopen {
            options.check_fast_open(&endpoint)?;
            let first_flight = if over_tls { FastOpen::ClientHello } else { FastOpen::Input };
            check_first_flight(args, first_flight)?;
            fast_open = Some(first_flight);
        }
        let command =
            args.exec.clone().map(|line| CommandPlan { line, policy: args.exec_rule.exec_status, until });
        Ok(Self {
            endpoint,
            options,
            exchange: args.exchange.clone(),
            reports: args.shared.reporting.plan(Kind::Once),
            fast_open,
            asks_for_multipath: args.shared.socket.mptcp,
            command,
            connect_timeout: timers.connect_timeout.unwrap_or(CONNECT_TIMEOUT),
            retry,
        })
    }
}

/// Bytes of stdin with the SYN are sent before there is a connection: a command is not started by then, and an attempt after the first
/// would send them to whoever has had them.
fn check_first_flight(args: &Args, first_flight: FastOpen) -> Result<(), NoPlan> {
    let other = match first_flight {
        FastOpen::Input if args.exec.is_some() => "--exec",
        FastOpen::Input if args.retry.plan().is_some() => "--retry or --retry-for",
        FastOpen::Input | FastOpen::ClientHello => return Ok(()),
    };
    Err(NoPlan::refused(format!(
        "--fastopen sends stdin's first bytes before there is a connection, so it cannot be used with {other} but over TLS"
    )))
}
