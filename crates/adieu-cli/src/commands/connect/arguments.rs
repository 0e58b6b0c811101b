//! What `adieu connect` is asked for, as it was written.

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

/// Connect, send stdin to the peer, write the peer's bytes to stdout, and report how the connection ended
///
/// When stdin ends, adieu shuts down its sending side, so that the peer reads EOF, and goes on receiving. When the peer has ended
/// too and everything is acknowledged, adieu closes the connection and reports on stderr how it ended. stdout carries the peer's
/// bytes and nothing else.
///
/// If adieu must stop before stdin has ended (a signal, a time limit, a stdin or stdout that fails), the peer sees a reset. So it
/// cannot take a cut stream for a whole one.
///
/// Over udp:// each read of stdin is one datagram. The exchange is over once stdin has ended and nothing has passed for
/// --silence.
#[derive(Debug, clap::Args, Default)]
pub(crate) struct Args {
    /// The endpoint, in one word or two
    #[arg(help = "Where to connect: host:port, [::1]:port, host port, tls://host:port, udp://host:port, unix:path or unix:@name; a port may be the name of a service", value_name = "ENDPOINT", num_args = 1..=2, required = true,
          add = Rules::new().endpoint(CommandSide::Connects))]
    pub(super) endpoint: Vec<OsString>,

    /// Run this command with the shell once there is a connection: its stdin and stdout take the place of adieu's
    ///
    /// It finds the peer's address in ADIEU_PEER, and this side's in ADIEU_LOCAL.
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

    /// Allow datagrams to the broadcast address of a network
    ///
    /// Those who receive them answer from addresses of their own, and such answers are not received.
    #[arg(long, env = "ADIEU_BROADCAST", hide_env_values = true, help_heading = "Socket options",
          action = ArgAction::SetTrue, value_parser = BoolishValueParser::new(),
          add = Rules::new().only_over_udp())]
    pub(super) broadcast: bool,

    /// Send stdin's first bytes with the SYN (TCP Fast Open, Linux); only for requests that do no harm if the peer receives them
    /// twice
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
