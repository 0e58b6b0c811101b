//! Runs a plan, on the main thread: what traces a netcat sees `bind`, `connect`, `accept`, `recv` and `shutdown` there. Only where
//! several clients are served at once has each a thread of its own.
//!
//! `client` and `listener` are the two sides, `datagrams` both without streams, `crowd` several clients that share stdin and stdout. `session` is one connection, `verdict` what it came to
//! as an exit status, `voice` and `hosts` what is said, `choices` the library's options of a plan.

mod choices;
mod client;
mod commands;
mod crowd;
mod datagrams;
mod hosts;
mod listener;
mod pass;
mod rhythm;
mod secured;
mod session;
mod verdict;
mod voice;

use super::flavour::Flavour;
use super::plan::{Plan, Transport};
use crate::exit::ExitStatus;
use crate::os::signals;
use crate::printer::{Printer, complain};
use adieu::{Interrupt, describe_error};
use choices::Side;
use session::{Done, Run};
use std::sync::Arc;
use std::time::Instant;
use voice::Voice;

pub(super) fn run(plan: Plan) -> ExitStatus {
    let printer = match Printer::open(&plan.reports) {
        Ok(printer) => printer,
        Err(status) => return status,
    };
    // While there is one thread: as PID 1, what a command leaves behind would be ours to wait for.
    if plan.exec.is_some()
        && let Err(error) = crate::os::leave_to_another()
    {
        complain(&format!("cannot start a process: {}", describe_error(&error)));
        return ExitStatus::LocalFailure;
    }
    let interrupt = match Interrupt::new().and_then(|i| signals::raise_on_signal(&i).map(|()| i)) {
        Ok(interrupt) => interrupt,
        Err(error) => {
            complain(&format!("cannot wait for signals: {}", describe_error(&error)));
            return ExitStatus::LocalFailure;
        }
    };
    let voice = Voice::of(&plan);
    let refused = choices::refusal(&plan).map_or(Ok(()), |why| Err(why.to_owned()));
    let dumps = match refused.and_then(|()| choices::dumps(&plan)) {
        Ok(dumps) => dumps,
        Err(why) => {
            voice.confess(&why);
            return ExitStatus::Netcat(1);
        }
    };
    let run = Run {
        voice,
        printer,
        interrupt,
        began: Instant::now(),
        dumps,
        rhythm: Arc::default(),
        passed: Default::default(),
        output_is_gone: false.into(),
        plan,
    };
    if run.plan.flavour == Flavour::Ncat && run.voice.is_verbose() {
        run.voice.tell(super::help::ncat_banner().trim_start_matches("Ncat: ").trim_end());
    }
    if run.plan.max_connections.is_some() && !run.plan.keep_listening {
        run.voice.tell(
            "Warning: Maximum connections ignored, since it does not take effect without -k or --broker.",
        );
    }
    let done = match (run.plan.transport, Side::of(&run.plan.mode)) {
        (Transport::Udp | Transport::UnixDatagram, Side::Connects) => datagrams::connect(&run),
        (Transport::Udp | Transport::UnixDatagram, Side::Listens) => datagrams::listen(&run),
        (Transport::Tcp | Transport::UnixStream, Side::Connects) => client::run(&run),
        (Transport::Tcp | Transport::UnixStream, Side::Listens) => listener::run(&run),
    };
    if matches!(done, Done::Exit(0)) || run.plan.flavour == Flavour::Traditional {
        run.tell_counts();
    }
    match done {
        Done::Exit(status) => ExitStatus::Netcat(status),
        Done::Signal(signal) => {
            // Whoever waits for a netcat sees that a signal has ended it.
            crate::said::finish();
            signals::die_of(signal);
            ExitStatus::of_signal(signal)
        }
    }
}
