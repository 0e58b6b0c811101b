//! Exchanges datagrams with a peer, with the first who sends something, or with all who do.

use super::plan::{Listening, Plan, Side, Work};
use crate::commands::listen::port_file;
use crate::dump::{self, Dump, Holds};
use crate::exit::ExitStatus;
use crate::options::access::Access;
use crate::options::exchange::Exchange as Asked;
use crate::os::{self, command, signals};
use crate::printer::{Printer, complain};
use crate::stdio;
use adieu::datagram::{self, Bound, Exchange};
use adieu::exchange::{Closes, Input, Output};
use adieu::{
    ConnectOptions, Endpoint, Event, Interrupt, ListenCause, LocalEnd, NeverConnected, Report, Role, Signal,
    describe_error,
};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

pub(crate) fn run(plan: Plan) -> ExitStatus {
    let Plan { endpoint, side, terms, exchange, reports } = plan;
    let printer = match Printer::open(&reports) {
        Ok(printer) => printer,
        Err(status) => return status,
    };
    let role = match side {
        Side::Connect(_) => Role::Connect,
        Side::Listen(_) => Role::Listen,
    };
    let dump = exchange.dump.as_deref().map(|path| Dump::create(path, role, Holds::Datagrams)).transpose();
    let dump = match dump {
        Ok(dump) => dump,
        Err(error) => {
            complain(&error);
            return ExitStatus::LocalFailure;
        }
    };
    // There is one exchange, and its number means nothing.
    let dumped = dump.as_ref().map(|dump| dump.of(0));
    let terms = terms.shaped(exchange.options(dumped.clone()));
    let told = Told { printer: Arc::clone(&printer), dumped };
    let status = match side {
        Side::Connect(options) => connect(&endpoint, options, terms, &exchange, &told),
        Side::Listen(listening) => listen(&endpoint, listening, terms, &exchange, &told),
    };
    Dump::judge(dump.as_deref(), status)
}

/// Who is told of the steps.
struct Told {
    printer: Arc<Printer>,
    dumped: Option<dump::Connection>,
}

impl Told {
    /// `None`: nobody wants to hear of them.
    fn observer(&self) -> Option<impl Fn(Duration, &Event<'_>) + Send + Sync + 'static> {
        let watching = self.printer.watches().then(|| Arc::clone(&self.printer));
        let dumped = self.dumped.clone();
        (watching.is_some() || dumped.is_some()).then_some(move |at, event: &Event<'_>| {
            if let Some(printer) = &watching {
                printer.step(at, event);
            }
            if let Some(dumped) = &dumped {
                dumped.step(event);
            }
        })
    }
}

/// Our own ends, or what cannot be used of them.
type Opened<T> = Result<T, (LocalEnd, io::Error)>;

fn never(
    printer: &Printer,
    endpoint: &Endpoint,
    role: Role,
    (end, error): &(LocalEnd, io::Error),
) -> ExitStatus {
    printer.report(&NeverConnected::LocalFailure { end: *end, error }.report(endpoint, role))
}

fn connect(
    endpoint: &Endpoint,
    options: ConnectOptions,
    terms: Exchange,
    asked: &Asked,
    told: &Told,
) -> ExitStatus {
    let printer = &told.printer;
    // Before anything is sent: an end of ours that cannot be used would lose what the peer makes of it.
    let ends = asked.input().and_then(|input| {
        let output = asked.output()?;
        let interrupt = Interrupt::new().and_then(|i| signals::raise_on_signal(&i).map(|()| i));
        Ok((input, output, interrupt.map_err(|error| (LocalEnd::Socket, error))?))
    });
    let (input, output, interrupt) = match ends {
        Ok(ends) => ends,
        Err(failed) => return never(printer, endpoint, Role::Connect, &failed),
    };
    let mut options = options.interrupt(&interrupt);
    if let Some(observer) = told.observer() {
        options = options.observer(observer);
    }
    let report = match datagram::connect(endpoint, &options) {
        Ok(peer) => terms.run(peer, input, output.closes_standard(Closes::Always)),
        Err(error) => error.report().clone(),
    };
    printer.report(&report)
}

fn listen(
    endpoint: &Endpoint,
    listening: Listening,
    terms: Exchange,
    asked: &Asked,
    told: &Told,
) -> ExitStatus {
    let printer = &told.printer;
    let Listening { mut options, work, keep_open, connect_timeout, port_file, access, is_everywhere } =
        listening;
    // So that what cannot be used is known now, and not when somebody has sent something.
    let ends = match open(&work, asked) {
        Ok(ends) => ends,
        Err((end, error)) => {
            let cause = match (&work, end) {
                (Work::File(path), LocalEnd::Output) => NeverConnected::CannotWrite { path, error: &error },
                _ => NeverConnected::LocalFailure { end, error: &error },
            };
            return printer.report(&cause.report(endpoint, Role::Listen));
        }
    };
    let signals = Interrupt::new().and_then(|end| Ok((end, Interrupt::new()?)));
    let signals = signals.and_then(|(end, stop)| heed_signals(&end, &stop, keep_open).map(|()| (end, stop)));
    let (end, stop) = match signals {
        Ok(signals) => signals,
        Err(error) => return never(printer, endpoint, Role::Listen, &(LocalEnd::Socket, error)),
    };
    options = options.interrupt(&stop);
    if let Some(observer) = told.observer() {
        options = options.observer(observer);
    }
    let bound = match Bound::bind(endpoint, &options) {
        Ok(bound) => bound,
        Err(error) => return printer.cannot_listen(endpoint, &error),
    };
    let endpoint = bound.local_endpoint().clone();
    let bound = filtered(bound, access);
    if let Some(path) = &port_file
        && let Err(status) = write_port(path, &endpoint)
    {
        return status;
    }
    // Whoever reads it may rely on it: what is sent from here on is received.
    printer.listening(&endpoint, is_everywhere);
    if keep_open {
        let terms = terms.end_when(&end);
        let report = match ends {
            None => terms.echo_to_all(bound),
            Some((input, output)) => terms.run_with_all(bound, input, output),
        };
        return printer.report(&report);
    }
    let peer = match bound.accept_within(connect_timeout) {
        Ok(Some(peer)) => peer,
        Ok(None) => return printer.report(&NeverConnected::TimedOut.report(&endpoint, Role::Listen)),
        Err(error) => {
            let cause = match (error.cause(), stop.raised()) {
                (ListenCause::Interrupted, Some(signal)) => NeverConnected::Interrupted { signal },
                _ => NeverConnected::CannotAccept { error: &error },
            };
            return printer.report(&cause.report(&endpoint, Role::Listen));
        }
    };
    printer.connected_from(peer.peer_address(), peer.local_address());
    let report: Report = match ends {
        None => terms.echo(peer),
        Some((input, output)) => terms.run(peer, input, output.closes_standard(Closes::Always)),
    };
    printer.report(&report)
}

/// Our input and output. `None`: there are none, because everything goes back.
fn open(work: &Work, asked: &Asked) -> Opened<Option<(Input, Output)>> {
    let output = match work {
        Work::Echo => return Ok(None),
        Work::Standard => asked.output()?,
        Work::File(path) => {
            let output = stdio::open(path).and_then(Output::try_from);
            output.map(Output::empties_at_first_byte).map_err(|error| (LocalEnd::Output, error))?
        }
    };
    Ok(Some((asked.input()?, output)))
}

/// SIGTERM is how a service ends. Every other signal breaks it off, and a second one at once.
fn heed_signals(end: &Interrupt, stop: &Interrupt, keep_open: bool) -> io::Result<()> {
    let (end, stop) = (end.clone(), stop.clone());
    os::heed_signals(command::Running::default(), move |signal| {
        if keep_open && signal == Signal::Terminate {
            end.raise(signal);
        } else {
            stop.raise(signal);
        }
    })
}

/// What comes from elsewhere is left aside, without a word to whoever sent it.
fn filtered(bound: Bound, access: Access) -> Bound {
    if access.is_open() {
        return bound;
    }
    bound.with_filter(move |from| from.socket_addr().is_some_and(|at| access.permits(at.ip())))
}

fn write_port(path: &Path, endpoint: &Endpoint) -> Result<(), ExitStatus> {
    port_file::write(path, endpoint).map_err(|error| {
        let why = describe_error(&error);
        complain(&format!("cannot write the port to {}: {why}", path.display()));
        ExitStatus::LocalFailure
    })
}
