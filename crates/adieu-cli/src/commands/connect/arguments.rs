//! What `adieu connect` is asked for, as it was written.

use crate::exit;
use crate::options::Shared;
use crate::options::exchange::{Exchange, ExecRule};
use crate::options::proxy::ProxyOptions;
use crate::options::reporting::Reporting;
use crate::options::retry::RetryOptions;
use crate::options::socket::Source;
use crate::options::timers::Silence;
use crate::options::tls::ConnectTls;
use crate::parsing::rules::{CommandSide, Rules, With};
use clap::ArgAction;
use clap::builder::{BoolishValueParser, NonEmptyStringValueParser};
use std::ffi::OsString;

/// Connect: stdin to the peer and the peer to stdout; half-closes at stdin's end, drains, closes, reports
///
/// Everything read from stdin is sent. At its end our sending side is shut down, so that the peer reads EOF while we
/// still receive. When the peer has ended too and everything is acknowledged, the connection is closed and its ending
/// reported on stderr. stdout carries the peer's bytes and nothing else.
///
/// Over udp:// what one read of stdin gives is one datagram, and it is over once stdin has ended and nothing has passed for
/// --silence.
///
/// If adieu must stop before stdin has ended (a signal, a time limit, a failing stdin or stdout), the peer sees a
/// reset and not an end, so that it cannot take a cut stream for a whole one.
#[derive(Debug, clap::Args, Default)]
#[command(after_long_help = exit::TABLE)]
pub(crate) struct Args {
    /// The endpoint, in one word or two
    #[arg(help = "Where to: host:port, [::1]:port, host port, tls://host:port, udp://host:port, unix:path, or unix:@name; a port may be the name of a service", value_name = "ENDPOINT", num_args = 1..=2, required = true,
          add = Rules::new().endpoint(CommandSide::Connects))]
    pub(super) endpoint: Vec<OsString>,

    /// Run this command with the shell once there is a connection: its stdin and stdout are the two directions, in the place of
    /// ours. ADIEU_PEER holds the peer's address, ADIEU_LOCAL ours
    #[arg(short, long, value_name = "COMMAND", env = "ADIEU_CONNECT_EXEC", hide_env_values = true,
          value_parser = NonEmptyStringValueParser::new())]
    pub(super) exec: Option<String>,

    #[command(flatten)]
    pub(super) exec_rule: ExecRule,

    #[command(flatten)]
    pub(super) retry: RetryOptions,

    #[command(flatten)]
    pub(super) exchange: Exchange,

    #[command(flatten)]
    pub(super) tls: ConnectTls,

    #[command(flatten)]
    pub(super) shared: Shared,

    #[command(flatten)]
    pub(super) silence: Silence,

    #[command(flatten)]
    pub(super) source: Source,

    #[command(flatten)]
    pub(super) proxy: ProxyOptions,

    /// Allow datagrams to a network's broadcast address. Those who got them answer from addresses of their own, and such answers are
    /// not received
    #[arg(long, env = "ADIEU_BROADCAST", hide_env_values = true, help_heading = "Socket options",
          action = ArgAction::SetTrue, value_parser = BoolishValueParser::new(),
          add = Rules::new().only_over_udp())]
    pub(super) broadcast: bool,

    /// Send stdin's first bytes with the SYN, TCP Fast Open (Linux); only where it does no harm if the peer gets them twice
    #[arg(long, env = "ADIEU_FASTOPEN", hide_env_values = true, help_heading = "Socket options",
          action = ArgAction::SetTrue, value_parser = BoolishValueParser::new(),
          add = Rules::new().not_for_unix().yields_to("proxy")
              .meaningless_with(&[With::Any("crlf"), With::Any("dump"), With::Any("recv_only")]))]
    pub(super) fastopen: bool,
}

impl Args {
    /// What is said, and where.
    pub(crate) const fn reporting(&self) -> &Reporting {
        &self.shared.reporting
    }

    /// Whether a dump would go to another file of ours too.
    pub(super) fn check_dump(&self) -> anyhow::Result<()> {
        self.exchange.check_dump(&[("--report-file", self.reporting().report_file.as_deref())])
    }

    /// What most command lines say: an endpoint, and perhaps `-q`. clap is left to the others, since to define an option
    /// costs something whether it is used or not, and all of them together a third of a tiny exchange's instructions.
    pub(crate) fn without_options(words: &[OsString]) -> Option<Self> {
        let [_, command, words @ ..] = words else { return None };
        if command != "connect" {
            return None;
        }
        let mut args = Self::default();
        for word in words {
            match word.to_str()? {
                "-q" => args.shared.reporting.quiet = true,
                option if option.starts_with('-') => return None,
                word => args.endpoint.push(word.into()),
            }
        }
        matches!(args.endpoint.len(), 1 | 2).then_some(args)
    }
}
