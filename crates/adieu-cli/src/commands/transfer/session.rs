//! A plan that is run: with its printer and its attempts, and how a connection of it is made and ends.

use super::door::{self, Door, Never};
use super::pasted;
use super::plan::Plan;
use super::side::Side;
use crate::commands::listen::port_file;
use crate::exit::ExitStatus;
use crate::hints;
use crate::options::reporting::Kind;
use crate::printer::{Printer, say_always};
use adieu::{ConnectOptions, Endpoint, ListenOptions, Listener, NeverConnected, describe_error};
use adieu_transfer::{Backoff, TransferOutcome, TransferReport, Wire};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Where connections come from.
pub(crate) enum Origin {
    Connect(Endpoint, Box<ConnectOptions>),
    Listen(Box<Door>),
}

/// A transfer that runs.
pub(crate) struct Session {
    pub(crate) plan: Plan,
    pub(crate) printer: Arc<Printer>,
    pub(crate) attempts: Attempts,
    /// What is received goes to the terminal, and a bar would stand in its midst.
    pub(crate) shares_terminal: bool,
}

/// The attempts so far.
#[derive(Default)]
pub(crate) struct Attempts {
    pub(crate) count: u32,
    /// Those that count as retries.
    pub(super) used: u32,
    pub(super) backoff: Backoff,
    /// The one that came furthest.
    pub(super) furthest: Option<TransferReport>,
    /// Everything is stored; until then a sender is waited for that may not know.
    pub(super) courtesy: Option<Instant>,
}

impl Attempts {
    /// How long to wait for a connection or an attempt: so long if nothing else ends it before.
    pub(crate) fn bound(&self, limit: Option<Duration>, deadline: Option<Instant>) -> Option<Duration> {
        let left = |moment: Instant| moment.saturating_duration_since(Instant::now());
        [limit, deadline.map(left), self.courtesy.map(left)].into_iter().flatten().min()
    }
}

impl Session {
    /// Opens the report's file.
    pub(crate) fn start(mut plan: Plan) -> Result<Self, ExitStatus> {
        let printer = Printer::open(&plan.reports)?;
        if printer.is_verbose() {
            plan.side = plan.side.told_to(&printer);
        }
        Ok(Self { plan, printer, attempts: Attempts::default(), shares_terminal: false })
    }

    /// Reports a signal or the deadline before there was a connection.
    pub(crate) fn ended_before(&self, doing: &str) -> ExitStatus {
        self.printer.transfer(&self.plan.ended_before(doing))
    }

    /// On a terminal, says what is waited for after our half-close. Only where no bar does.
    pub(crate) fn tell_waits(&mut self) {
        if self.printer.watches() && !self.printer.is_verbose() {
            self.plan.side = self.plan.side.clone().told_to(&self.printer);
        }
    }

    /// The report of a failure of our own, before there is a connection.
    pub(crate) fn local_failure(&self, words: &str) -> ExitStatus {
        self.printer.transfer(&TransferReport::local_failure(self.plan.role, words))
    }

    /// Where connections come from; listens if that is asked for. `options`: what the other side needs besides what both
    /// have.
    pub(crate) fn origin(&self, options: &str) -> Result<Origin, ExitStatus> {
        let plan = &self.plan;
        let listening = match &plan.side {
            Side::Connect(options) => {
                return Ok(Origin::Connect(plan.endpoint.clone(), Box::new(options.clone())));
            }
            Side::Listen(listening) => listening,
        };
        let listener = self.bind(listening)?;
        let endpoint = listener.local_endpoint().clone();
        let hearing = door::Hearing {
            role: plan.role,
            secret: plan.secret.clone(),
            patience: plan.patience,
            speaks_tls: plan.speaks_tls,
            interrupt: plan.interrupt.clone(),
            abort: plan.abort.clone(),
            is_service: plan.reports.kind == Kind::Service,
            printer: Arc::clone(&self.printer),
        };
        let door = Door::new(listener, listening, hearing).map_err(|e| {
            self.local_failure(&format!("cannot wait for connections: {}", describe_error(&e)))
        })?;
        // Whoever reads it may rely on it: what could be missing is there.
        self.announce(&endpoint, options)?;
        Ok(Origin::Listen(Box::new(door)))
    }

    /// Listens, and says nothing of it yet.
    pub(crate) fn bind(&self, listening: &ListenOptions) -> Result<Listener, ExitStatus> {
        let plan = &self.plan;
        Listener::bind(&plan.endpoint, listening).map_err(|error| {
            let cause = NeverConnected::CannotListen { error: &error };
            let report = cause.report(&plan.endpoint, adieu::Role::Listen);
            let report = TransferReport::never_connected(plan.role, 0, report);
            self.printer.transfer_with(&report, hints::for_listening(&plan.endpoint, &error))
        })
    }

    /// Says where we listen: on stderr, in the port file, and as the other side's command line. `options`: as of
    /// [`origin`](Self::origin).
    pub(crate) fn announce(&self, endpoint: &Endpoint, options: &str) -> Result<(), ExitStatus> {
        let plan = &self.plan;
        if let Some(path) = &plan.port_file {
            port_file::write(path, endpoint).map_err(|e| {
                self.local_failure(&format!(
                    "cannot write the port to {}: {}",
                    path.display(),
                    describe_error(&e)
                ))
            })?;
        }
        self.printer.listening(endpoint, plan.is_everywhere);
        if let Some(fingerprint) = &plan.fingerprint {
            let secret = if plan.secret.is_some() { " --secret-file SECRET" } else { "" };
            let line = pasted::line(plan.role, endpoint, fingerprint, &format!("{secret}{options}"));
            say_always(&format!("on the other side: {line}"));
        }
        Ok(())
    }

    /// Ends the connection, and makes the report of one attempt.
    pub(crate) fn conclude(
        &self,
        outcome: &TransferOutcome,
        wire: Wire,
        accept_written: bool,
    ) -> TransferReport {
        TransferReport::new(self.plan.role, outcome, accept_written, self.attempts.count, wire.finish())
    }

    pub(crate) fn never_connected(&self, never: Never) -> TransferReport {
        TransferReport::never_connected(self.plan.role, self.attempts.count, *never.report)
    }

    /// Whether another connection may do better than the one that there was not.
    pub(crate) fn may_connect_again(&self, never: &Never) -> bool {
        !self.plan.listens() || never.by_stranger
    }

    /// Whether another connection may do better than this one. Who listens hears strangers; who connects would only meet
    /// the same one again.
    pub(crate) fn may_be_tried_again(&self, outcome: &TransferOutcome) -> bool {
        outcome.may_be_tried_again()
            || (self.plan.listens() && (outcome.is_of_a_stranger() || outcome.peer_gave_up()))
    }
}
