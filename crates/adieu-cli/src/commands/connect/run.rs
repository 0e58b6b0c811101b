//! Connects, and exchanges stdin and stdout, or those of a command, with the peer.

use super::attempts::Attempts;
use super::plan::{CommandPlan, FastOpen, Plan};
use crate::dump::{Dump, Holds};
use crate::exit::ExitStatus;
use crate::options::exchange::Exchange;
use crate::os::{self, Served, command, signals};
use crate::printer::{Printer, complain};
use crate::stdio;
use adieu::exchange::{Closes, ExchangeOptions, Input, Output};
use adieu::{Connection, Interrupt, LocalEnd, NeverConnected, Role, Transport, describe_error};
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// More does not fit a SYN on Ethernet: 1500 octets without IPv4's and TCP's headers.
const IN_A_SYN: usize = 1460;

/// How long stdin's first bytes are waited for: a server that is to speak first must not wait for them.
const PATIENCE: Duration = Duration::from_millis(250);

pub(crate) fn run(plan: Plan) -> ExitStatus {
    let Plan { endpoint, options, exchange, reports, fast_open, asks_for_multipath, command, .. } = plan;
    // While there is one thread.
    if command.is_some()
        && let Err(error) = os::leave_to_another()
    {
        complain(&format!("cannot start a process: {}", describe_error(&error)));
        return ExitStatus::LocalFailure;
    }
    let printer = match Printer::open(&reports) {
        Ok(printer) => printer,
        Err(status) => return status,
    };
    let failed = |end, error: &io::Error| {
        let cause = NeverConnected::LocalFailure { end, error };
        printer.report(&cause.report(&endpoint, Role::Connect))
    };
    // Before anything is sent: an end of ours that cannot be used would lose what the peer makes of it.
    let ends = match Ends::open(command, &exchange) {
        Ok(ends) => ends,
        Err((end, error)) => return failed(end, &error),
    };
    let dump = match exchange
        .dump
        .as_deref()
        .map(|path| Dump::create(path, Role::Connect, Holds::Connection))
        .transpose()
    {
        Ok(dump) => dump,
        Err(error) => {
            complain(&error);
            return ExitStatus::LocalFailure;
        }
    };
    let dumped = dump.as_ref().map(|dump| dump.of(1));
    let interrupt = match Interrupt::new().and_then(|i| ends.raise_on_signal(&i).map(|()| i)) {
        Ok(interrupt) => interrupt,
        Err(error) => return failed(LocalEnd::Socket, &error),
    };
    let (ends, first) = match ends.first_flight(fast_open, &interrupt) {
        Ok(read) => read,
        Err(error) => return failed(LocalEnd::Input, &error),
    };
    let mut options = options.interrupt(&interrupt);
    let watching = printer.watches().then(|| Arc::clone(&printer));
    if watching.is_some() || dumped.is_some() {
        let dumped = dumped.clone();
        options = options.observer(move |at, event| {
            if let Some(printer) = &watching {
                printer.step(at, event);
            }
            if let Some(dumped) = &dumped {
                dumped.step(event);
            }
        });
    }
    let (connect_timeout, retry) = (plan.connect_timeout, plan.retry);
    let attempts =
        Attempts { endpoint: &endpoint, options, first, connect_timeout, retry, printer: &printer };
    let connection = match attempts.connect(&interrupt) {
        Ok(connection) => connection,
        Err(report) => return printer.report(&report),
    };
    if asks_for_multipath && connection.transport() == Transport::Tcp {
        printer.say("the peer does not speak Multipath TCP: this is plain TCP");
    }
    // In this order: whether stdin is a terminal takes a system call.
    if printer.is_on_terminal() && ends.are_typed(&exchange) {
        printer.connected_to(&endpoint, connection.peer_address());
    }
    match ends.serve(connection, exchange.options(dumped), &interrupt) {
        Served::Ended(report) => Dump::judge(dump.as_deref(), printer.report(&report)),
        Served::Failed { end, error } => failed(end, &error),
        // The peer sees a reset.
        Served::NotStarted { error, .. } => failed(LocalEnd::Command, &error),
    }
}

/// What is exchanged with the peer, opened before there is one.
enum Ends {
    Standard { input: Input, output: Output },
    Command { command: CommandPlan, running: command::Running },
}

impl Ends {
    fn open(command: Option<CommandPlan>, exchange: &Exchange) -> Result<Self, (LocalEnd, io::Error)> {
        if let Some(command) = command {
            return Ok(Self::Command { command, running: command::Running::guarded() });
        }
        let (input, output) = (exchange.input()?, exchange.output()?);
        Ok(Self::Standard { input, output: output.closes_standard(Closes::Always) })
    }

    /// From here on a signal raises the interrupt, and a second one leaves at once, with no command left behind.
    fn raise_on_signal(&self, interrupt: &Interrupt) -> io::Result<()> {
        let Self::Command { running, .. } = self else { return signals::raise_on_signal(interrupt) };
        let (running, interrupt) = (running.clone(), interrupt.clone());
        os::heed_signals(running, move |signal| interrupt.raise(signal))
    }

    /// What is to go with the SYN, or with the handshake over TLS. `None`: an ordinary connect is asked for.
    fn first_flight(
        self,
        fast_open: Option<FastOpen>,
        interrupt: &Interrupt,
    ) -> io::Result<(Self, Option<Vec<u8>>)> {
        match (fast_open, self) {
            (Some(FastOpen::Input), Self::Standard { input, output }) => {
                let (first, input) = input.read_first(IN_A_SYN, PATIENCE, Some(interrupt))?;
                Ok((Self::Standard { input, output }, Some(first)))
            }
            (Some(_), ends) => Ok((ends, Some(Vec::new()))),
            (None, ends) => Ok((ends, None)),
        }
    }

    /// Whether a person types what is sent.
    fn are_typed(&self, exchange: &Exchange) -> bool {
        matches!(self, Self::Standard { .. }) && !exchange.recv_only && stdio::stdin_is_terminal()
    }

    fn serve(self, connection: Connection, exchange: ExchangeOptions, interrupt: &Interrupt) -> Served {
        match self {
            Self::Standard { input, output } => {
                Served::Ended(Box::new(adieu::exchange_with(connection, input, output, exchange)))
            }
            Self::Command { command: CommandPlan { line, policy, until }, running } => {
                let left = until.map(|until| until.saturating_duration_since(Instant::now()));
                let shell = os::shell(&line);
                command::serve(connection, exchange, shell, policy, left, interrupt, &running)
            }
        }
    }
}
