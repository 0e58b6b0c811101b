//! `adieu connect`: stdin to the peer, the peer to stdout, and a good end.

use crate::exit::ExitStatus;
use crate::options::proxy::ProxyOptions;
use crate::options::socket::Source;
use crate::options::tls::ConnectTls;
use crate::options::{InputKind, Reporting, Shared, endpoint};
use crate::os::signals;
use crate::printer::{Kind, Printer, complain};
use crate::{exit, stdio};
use adieu::exchange::Closes;
use adieu::{Interrupt, LocalEnd, NeverConnected, Report, Role};
use clap::ArgAction;
use clap::builder::BoolishValueParser;
use std::ffi::OsString;
use std::sync::Arc;
use std::time::Duration;

/// Connect: stdin to the peer and the peer to stdout; half-closes at stdin's end, drains, closes, reports
///
/// Everything read from stdin is sent. At its end our sending side is shut down, so that the peer reads EOF while we
/// still receive. When the peer has ended too and everything is acknowledged, the connection is closed and its ending
/// reported on stderr. stdout carries the peer's bytes and nothing else.
///
/// If adieu must stop before stdin has ended (a signal, a time limit, a failing stdin or stdout), the peer sees a
/// reset and not an end, so that it cannot take a cut stream for a whole one.
#[derive(Debug, clap::Args, Default)]
#[command(after_long_help = exit::TABLE)]
pub(crate) struct Args {
    /// The endpoint, in one word or two
    #[arg(help = "Where to: host:port, [::1]:port, host port, tls://host:port, unix:path, or unix:@name", value_name = "ENDPOINT", num_args = 1..=2, required = true)]
    endpoint: Vec<OsString>,

    #[command(flatten)]
    tls: ConnectTls,

    #[command(flatten)]
    shared: Shared,

    #[command(flatten)]
    source: Source,

    #[command(flatten)]
    proxy: ProxyOptions,

    /// Send stdin's first bytes with the SYN, TCP Fast Open (Linux); only where it does no harm if the peer gets them twice
    #[arg(long, env = "ADIEU_FASTOPEN", hide_env_values = true, help_heading = "Socket options",
          action = ArgAction::SetTrue, value_parser = BoolishValueParser::new())]
    fastopen: bool,
}

/// More does not fit a SYN on Ethernet: 1500 octets without IPv4's and TCP's headers.
const IN_A_SYN: usize = 1460;

/// How long stdin's first bytes are waited for: a server that is to speak first must not wait for them.
const PATIENCE: Duration = Duration::from_millis(250);

impl Args {
    /// What is said, and where.
    pub(crate) const fn reporting(&self) -> &Reporting {
        &self.shared.reporting
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

pub(crate) fn run(args: &Args) -> ExitStatus {
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
    let mut options = args.source.add_to(args.shared.options(InputKind::Stdin));
    let is_tls = tls.is_some();
    if let Some(tls) = tls {
        options = options.tls(tls);
    }
    match args.proxy.resolve(&endpoint) {
        Ok(proxy) => options = options.proxy(proxy),
        Err(error) => {
            complain(&error);
            return ExitStatus::Usage;
        }
    }
    let fast_open = || if args.fastopen { options.check_fast_open(&endpoint) } else { Ok(()) };
    if let Err(error) = options.check(&endpoint).and_then(|()| fast_open()) {
        complain(&error.to_string());
        return ExitStatus::Usage;
    }
    let printer = match Printer::new(&args.shared.reporting, Kind::Once) {
        Ok(printer) => Arc::new(printer),
        Err(error) => {
            complain(&error);
            return ExitStatus::LocalFailure;
        }
    };
    let failed = |end, error: &std::io::Error| {
        let cause = NeverConnected::LocalFailure { end, error };
        printer.report(&Report::never_connected(&endpoint, Role::Connect, cause))
    };
    // Before anything is sent: an end of ours that cannot be used would lose what the peer makes of it.
    let mut input = match stdio::input() {
        Ok(input) => input,
        Err(error) => return failed(LocalEnd::Input, &error),
    };
    let output = match stdio::output() {
        Ok(output) => output.closes_standard(Closes::Always),
        Err(error) => return failed(LocalEnd::Output, &error),
    };
    let interrupt = match Interrupt::new().and_then(|i| signals::raise_on_signal(&i).map(|()| i)) {
        Ok(interrupt) => interrupt,
        Err(error) => return failed(LocalEnd::Socket, &error),
    };
    options = options.interrupt(&interrupt);
    if printer.watches() {
        let printer = Arc::clone(&printer);
        options = options.observer(move |at, event| printer.step(at, event));
    }
    let connected = if args.fastopen {
        let mut first = Vec::new();
        // With TLS it is the ClientHello that goes with the SYN.
        if !is_tls {
            match input.read_first(IN_A_SYN, PATIENCE, Some(&interrupt)) {
                Ok(read) => (first, input) = read,
                Err(error) => return failed(LocalEnd::Input, &error),
            }
        }
        adieu::fast_open(&endpoint, &options, &first)
    } else {
        adieu::connect(&endpoint, &options)
    };
    match connected {
        Ok(connection) => {
            if args.shared.socket.mptcp && connection.transport() == "tcp" {
                printer.say("the peer does not speak Multipath TCP: this is plain TCP");
            }
            printer.report(&adieu::exchange(connection, input, output))
        }
        Err(error) => printer.report(error.report()),
    }
}
