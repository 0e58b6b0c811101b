//! Connects, and exchanges stdin and stdout with the peer.

use super::plan::{FastOpen, Plan};
use crate::dump::Dump;
use crate::exit::ExitStatus;
use crate::os::signals;
use crate::printer::{Printer, complain};
use crate::stdio;
use adieu::exchange::{Closes, Input, Output};
use adieu::{Interrupt, LocalEnd, NeverConnected, Role, Transport};
use std::sync::Arc;
use std::time::Duration;

/// More does not fit a SYN on Ethernet: 1500 octets without IPv4's and TCP's headers.
const IN_A_SYN: usize = 1460;

/// How long stdin's first bytes are waited for: a server that is to speak first must not wait for them.
const PATIENCE: Duration = Duration::from_millis(250);

pub(crate) fn run(plan: Plan) -> ExitStatus {
    let Plan { endpoint, mut options, exchange, reports, fast_open, asks_for_multipath } = plan;
    let printer = match Printer::new(&reports) {
        Ok(printer) => Arc::new(printer),
        Err(error) => {
            complain(&error);
            return ExitStatus::LocalFailure;
        }
    };
    let failed = |end, error: &std::io::Error| {
        let cause = NeverConnected::LocalFailure { end, error };
        printer.report(&cause.report(&endpoint, Role::Connect))
    };
    // Before anything is sent: an end of ours that cannot be used would lose what the peer makes of it.
    let mut input = match if exchange.recv_only { Ok(Input::empty()) } else { stdio::input() } {
        Ok(input) => input,
        Err(error) => return failed(LocalEnd::Input, &error),
    };
    let output = match if exchange.send_only { Ok(Output::null()) } else { stdio::output() } {
        Ok(output) => output.closes_standard(Closes::Always),
        Err(error) => return failed(LocalEnd::Output, &error),
    };
    let dump = match exchange.dump.as_deref().map(|path| Dump::create(path, Role::Connect, false)).transpose()
    {
        Ok(dump) => dump,
        Err(error) => {
            complain(&error);
            return ExitStatus::LocalFailure;
        }
    };
    let dumped = dump.as_ref().map(|dump| dump.of(1));
    let interrupt = match Interrupt::new().and_then(|i| signals::raise_on_signal(&i).map(|()| i)) {
        Ok(interrupt) => interrupt,
        Err(error) => return failed(LocalEnd::Socket, &error),
    };
    options = options.interrupt(&interrupt);
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
    let connected = match fast_open {
        None => adieu::connect(&endpoint, &options),
        Some(FastOpen::ClientHello) => adieu::fast_open(&endpoint, &options, &[]),
        Some(FastOpen::Input) => {
            let first;
            match input.read_first(IN_A_SYN, PATIENCE, Some(&interrupt)) {
                Ok(read) => (first, input) = read,
                Err(error) => return failed(LocalEnd::Input, &error),
            }
            adieu::fast_open(&endpoint, &options, &first)
        }
    };
    match connected {
        Ok(connection) => {
            if asks_for_multipath && connection.transport() == Transport::Tcp {
                printer.say("the peer does not speak Multipath TCP: this is plain TCP");
            }
            let report = adieu::exchange_with(connection, input, output, exchange.options(dumped));
            Dump::judge(dump.as_deref(), printer.report(&report))
        }
        Err(error) => printer.report(error.report()),
    }
}
