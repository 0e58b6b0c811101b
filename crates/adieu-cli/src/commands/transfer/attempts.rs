//! Several attempts: when there is another, how long it is waited for, and what they come to together.

use super::meeting::Met;
use super::session::{Origin, Session};
use crate::exit::ExitStatus;
use crate::hints;
use adieu_transfer::{
    Advice, Agreement, EncryptedBy, TransferOutcome, TransferReport, TransferResult, WaitEnded, Wire,
};
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

/// How long a receiver that has stored everything waits for a sender that may not know: one that tries again has first to
/// notice that the connection is gone, for which it may take `Config::DEAD_PEER` (145 s) and a minute more, and then pauses for 30 s at most.
const COURTESY: Duration = Duration::from_secs(240);

impl Session {
    /// Transfers with one peer after the other, until it is good or no attempt is left. `transfer` also says whether it could
    /// be done once more.
    pub(crate) fn run(
        mut self,
        mut origin: Origin,
        accept_written: bool,
        mut transfer: impl FnMut(&Self, &mut Wire, Option<Agreement>) -> (TransferOutcome, bool),
    ) -> ExitStatus {
        loop {
            let (report, again) = match self.meet(&mut origin) {
                Met::Never(never) => {
                    let again = self.may_connect_again(&never);
                    (self.never_connected(never), again)
                }
                Met::Stranger(outcome, wire) => {
                    let again = self.may_be_tried_again(&outcome);
                    (self.conclude(&outcome, *wire, accept_written), again)
                }
                Met::Peer(mut wire, agreement) => {
                    let (outcome, is_repeatable) =
                        transfer(&self, &mut wire, agreement.map(|agreed| *agreed));
                    let again = is_repeatable && self.may_be_tried_again(&outcome);
                    (self.conclude(&outcome, *wire, accept_written), again)
                }
            };
            if let ControlFlow::Break(status) = self.after(report, again) {
                return status;
            }
        }
    }

    /// After an attempt: waits for the time of the next one, if that may do better and is left. `Break`: all is over, and
    /// reported.
    fn after(&mut self, mut report: TransferReport, again: bool) -> ControlFlow<ExitStatus> {
        if self.plan.retries > 0 {
            // That is what is done.
            report.advice = report.advice.filter(|advice| *advice != Advice::TryAgain);
        }
        let again = (again || report.is_unheard()) && report.result != TransferResult::Interrupted;
        // Whoever comes and brings nothing uses up nothing, so that no stranger can end the wait for the right one.
        if !self.plan.listens() || report.bytes_moved > 0 || report.encrypted_by == Some(EncryptedBy::Secret)
        {
            self.attempts.used += 1;
        }
        if !again || self.plan.retries == 0 || self.attempts.used > self.plan.retries {
            return ControlFlow::Break(self.end(report));
        }
        if report.bytes_moved > 0 {
            self.attempts.backoff.reset();
        }
        if report.is_unheard() {
            self.attempts.courtesy.get_or_insert_with(|| Instant::now() + COURTESY);
        }
        if self.plan.listens() {
            let courtesy = self.attempts.bound(None, None).map_or_else(String::new, |left| {
                format!(", for {} s at most: it is stored", left.as_secs_f32().round())
            });
            let words = format!("{report}; waiting for the next connection{courtesy}");
            self.printer.say_with(&words, report.advice.and_then(hints::for_transfer));
        } else {
            let pause = self.attempts.backoff.pause();
            let wait = self.attempts.bound(Some(pause), self.plan.deadline).unwrap_or(pause);
            let words = format!("{report}; trying again in {} s", pause.as_secs());
            self.printer.say_with(&words, report.advice.and_then(hints::for_transfer));
            let ended = match self.plan.interrupt.wait(wait) {
                Some(signal) => Some(WaitEnded::Interrupted(signal)),
                None if wait < pause => Some(WaitEnded::DeadlinePassed),
                None => None,
            };
            if let Some(by) = ended {
                let report = report.after(self.attempts.furthest.take()).ended_while_waiting(by);
                return ControlFlow::Break(self.printer.transfer(&report));
            }
        }
        self.attempts.furthest = Some(report.or_further(self.attempts.furthest.take()));
        ControlFlow::Continue(())
    }

    /// Reports what it came to with this last attempt.
    fn end(&mut self, mut report: TransferReport) -> ExitStatus {
        report.attempts = self.attempts.count;
        self.printer.transfer(&report.after(self.attempts.furthest.take()))
    }
}
