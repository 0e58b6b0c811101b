//! A side that listens and serves one peer after the other, until a signal stops it. It is `receive --keep-open`.
//!
//! Each connection has a line, as in the log of any service. None of them ends it, whatever it comes to.

use super::door::{Agreed, Door, DoorEvent, Failed, Why};
use super::session::Session;
use crate::exit::ExitStatus;
use crate::printer::complain;
use crate::said;
use adieu::{Ending, NeverConnected, Role, Side, Signal, describe_error};
use adieu_transfer::{Agreement, TransferOutcome, TransferReport, TransferResult, Wire};
use std::thread;
use std::time::{Duration, Instant};

/// How often it is looked whether the last client has said who it is, once nobody more is accepted.
const LOOK: Duration = Duration::from_millis(20);

/// What has come of it so far.
#[derive(Default)]
struct Served {
    connections: u64,
    /// Those that did not end by themselves.
    aborted: u64,
}

impl Session {
    /// Serves whoever comes, one after the other. `transfer` is what is done with each. After a signal nobody more is accepted, and
    /// the transfer that runs has `grace` to end.
    pub(crate) fn serve(
        self,
        mut door: Door,
        grace: Duration,
        mut transfer: impl FnMut(&Self, &mut Wire, Option<Agreement>) -> (TransferOutcome, bool),
    ) -> ExitStatus {
        if let Err(error) = self.abort_after(grace) {
            let why = format!("cannot wait for signals: {}", describe_error(&error));
            return self.printer.finish(self.local_failure(&why));
        }
        let mut served = Served::default();
        let first_until = self.plan.connect_timeout.and_then(|limit| Instant::now().checked_add(limit));
        let mut stopped_by = None;
        door.open();
        loop {
            let limit = match stopped_by {
                Some(_) => Some(LOOK),
                None => first_until
                    .filter(|_| served.connections == 0 && door.pending == 0)
                    .map(|until| until.saturating_duration_since(Instant::now())),
            };
            // Before the next event: whoever is heard no more has told of itself.
            let is_last = stopped_by.is_some() && !door.hears_anybody();
            let event = match (door.next(limit), stopped_by) {
                (Some(event), _) => event,
                (None, Some(signal)) if is_last => return self.stopped(&served, signal),
                (None, Some(_)) => continue,
                (None, None) => {
                    let report = NeverConnected::TimedOut.report(&self.plan.endpoint, Role::Listen);
                    let report = TransferReport::never_connected(self.plan.role, 0, report);
                    return self.printer.finish(self.printer.transfer(&report));
                }
            };
            match event {
                DoorEvent::Came | DoorEvent::WasBusy => {}
                DoorEvent::Says(words) => self.printer.say(&words),
                DoorEvent::CannotAccept(error) => complain(&error.to_string()),
                DoorEvent::Signal(signal) => {
                    door.close();
                    stopped_by = Some(signal);
                }
                DoorEvent::Agreed(agreed) => {
                    let Agreed { id, mut wire, agreement } = *agreed;
                    said::about(Some(id), || {
                        self.warn_of(wire.peer_address());
                        let (outcome, _) = transfer(&self, &mut wire, Some(agreement));
                        self.log(&mut served, &self.report_of(&outcome, wire));
                    });
                    door.open();
                }
                DoorEvent::Failed(Failed { id, why, .. }) => {
                    let report = match why {
                        Why::Never(never) => {
                            TransferReport::never_connected(self.plan.role, 1, *never.report)
                        }
                        Why::Outcome(outcome, wire) => self.report_of(&outcome, *wire),
                    };
                    said::about(Some(id), || self.log(&mut served, &report));
                }
            }
        }
    }

    fn report_of(&self, outcome: &TransferOutcome, wire: Wire) -> TransferReport {
        TransferReport::new(self.plan.role, outcome, true, 1, wire.finish())
    }

    /// The line of a connection.
    fn log(&self, served: &mut Served, report: &TransferReport) {
        served.connections += 1;
        served.aborted += u64::from(report.result == TransferResult::Interrupted);
        self.printer.transfer(report);
    }

    /// From here on, a signal aborts the connections that have not ended by themselves within `grace`; an interrupt, at once.
    fn abort_after(&self, grace: Duration) -> std::io::Result<()> {
        let (interrupt, abort) = (self.plan.interrupt.clone(), self.plan.abort.clone());
        // It is left behind at the end, and holds nothing.
        let wait = move || {
            if let Some(signal) = interrupt.wait(Duration::MAX) {
                if signal != Signal::Interrupt {
                    // An abort that comes sooner ends the wait.
                    abort.wait(grace);
                }
                abort.raise(signal);
            }
        };
        thread::Builder::new().name("adieu-grace".into()).spawn(wait).map(drop)
    }

    fn stopped(&self, served: &Served, signal: Signal) -> ExitStatus {
        let status = match served.aborted {
            _ if signal != Signal::Terminate => ExitStatus::of_signal(signal),
            0 => ExitStatus::Success,
            _ => ExitStatus::Ending(adieu::exit_code(Ending::Reset { by: Side::Us })),
        };
        self.printer.stopped(signal, served.connections, 0, served.aborted, status);
        self.printer.finish(status)
    }
}
