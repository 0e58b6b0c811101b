//! Connecting, once or again and again: which failures another attempt may cure, and what is said meanwhile.

use super::plan::RetryPlan;
use crate::printer::Printer;
use adieu::{
    AttemptError, ConnectCause, ConnectError, ConnectOptions, Connection, Endpoint, Interrupt,
    NeverConnected, Report, ResolveError, Role, Timer,
};
use std::time::{Duration, Instant};

pub(super) struct Attempts<'a> {
    pub(super) endpoint: &'a Endpoint,
    pub(super) options: ConnectOptions,
    /// What goes with the SYN.
    pub(super) first: Option<Vec<u8>>,
    pub(super) connect_timeout: Duration,
    pub(super) retry: Option<RetryPlan>,
    pub(super) printer: &'a Printer,
}

impl Attempts<'_> {
    /// Connects; or why there is no connection, as the last attempt or what ended the wait for another has it.
    pub(super) fn connect(mut self, interrupt: &Interrupt) -> Result<Connection, Box<Report>> {
        let Some(RetryPlan { retry, limits, deadline }) = self.retry.take() else {
            return self.attempt(&self.options, self.connect_timeout).map_err(|error| report_of(&error));
        };
        let began = Instant::now();
        let mut retrying = retry.begin(began);
        let mut is_told = false;
        let mut made = 0_u32;
        loop {
            let limit = retrying.limit_of_attempt(Instant::now(), self.connect_timeout);
            let options = self.options.clone().limits(limits.clone().connect_timeout(limit));
            made += 1;
            let error = match self.attempt(&options, limit) {
                Ok(connection) => return Ok(connection),
                Err(error) => error,
            };
            let pause = if may_be_cured(&error) { retrying.next_pause(Instant::now()) } else { None };
            let Some(pause) = pause else {
                if made > 1 {
                    let time = began.elapsed().as_secs_f64();
                    self.printer.say(&format!("gave up after {made} attempts in {time:.1} s"));
                }
                return Err(report_of(&error));
            };
            if self.printer.watches() && !std::mem::replace(&mut is_told, true) {
                self.printer.say(&format!("{}; trying again{}", error.report(), retry));
            }
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            let never = match interrupt.wait(left.map_or(pause, |left| left.min(pause))) {
                Some(signal) => NeverConnected::Interrupted { signal },
                None if left.is_some_and(|left| left <= pause) => NeverConnected::DeadlinePassed,
                None => continue,
            };
            return Err(Box::new(never.report(self.endpoint, Role::Connect)));
        }
    }

    fn attempt(&self, options: &ConnectOptions, limit: Duration) -> Result<Connection, ConnectError> {
        let _told = self.printer.while_connecting(self.endpoint, limit);
        match &self.first {
            None => adieu::connect(self.endpoint, options),
            Some(first) => adieu::fast_open(self.endpoint, options, first),
        }
    }
}

fn report_of(error: &ConnectError) -> Box<Report> {
    Box::new(error.report().clone())
}

/// Whether another attempt may find somebody: nobody answered, and there was no connection. What a proxy answers is final.
fn may_be_cured(error: &ConnectError) -> bool {
    let report = error.report();
    report.connected_after.is_none()
        && report.timer().is_none_or(|timer| timer == Timer::Connect)
        && is_absence(error.cause())
}

fn is_absence(cause: &ConnectCause) -> bool {
    match cause {
        // The name of a container is there once it runs.
        ConnectCause::Resolve(error) => {
            matches!(error, ResolveError::NotFound(_) | ResolveError::NoAddress | ResolveError::Unanswered(_))
        }
        ConnectCause::Attempts(attempts) => attempts
            .iter()
            .any(|attempt| !matches!(attempt.error, AttemptError::Forbidden(_) | AttemptError::Exhausted(_))),
        ConnectCause::TimedOut(_) => true,
        ConnectCause::ProxyUnreachable { cause, .. } => is_absence(cause),
        _ => false,
    }
}
