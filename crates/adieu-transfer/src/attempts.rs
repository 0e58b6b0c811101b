//! What several attempts come to together: never less than one of them did.

use crate::report::{Told, TransferReport, TransferResult, TransferRole};
use adieu::{Ending, Signal, Timer};

/// How far an attempt came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Reach {
    /// Nothing was transferred.
    Nothing,
    /// Both sides spoke of files: there may be directories and empty files.
    Agreed,
    /// Content was moved.
    Moved,
    /// The receiver has said that it failed.
    Answered,
    /// All of it was moved, and nothing is known: it may be stored.
    Open,
    /// It is stored, as this side itself knows.
    Stored,
}

/// What ended the wait for another attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WaitEnded {
    /// A signal.
    Interrupted(Signal),
    /// The deadline.
    DeadlinePassed,
}

impl TransferReport {
    fn reach(&self) -> Reach {
        match () {
            () if self.is_good() => Reach::Stored,
            () if self.receipt.is_some() => Reach::Answered,
            // A receiver whose time is up while it syncs knows that nothing of that is stored.
            () if self.files.is_some() && self.role == TransferRole::Send => Reach::Open,
            () if self.bytes_moved > 0 => Reach::Moved,
            () if self.protocol_version.is_some() => Reach::Agreed,
            () => Reach::Nothing,
        }
    }

    /// Of this attempt and the earlier ones, the one that came furthest, and of those the last.
    #[doc(hidden)]
    #[must_use]
    pub fn or_further(self, earlier: Option<Self>) -> Self {
        earlier.filter(|earlier| earlier.reach() > self.reach()).unwrap_or(self)
    }

    /// The report of all attempts, of which this is the last, and `furthest` is the one that came furthest before: of the
    /// furthest, with the number of all, and the words of both.
    #[doc(hidden)]
    #[must_use]
    pub fn after(self, furthest: Option<Self>) -> Self {
        let Some(mut report) = furthest.filter(|furthest| furthest.reach() > self.reach()) else {
            return self;
        };
        report.attempts = self.attempts;
        if report.is_good() {
            return report;
        }
        report.advice = self.advice.or(report.advice);
        report.told = Told::Then(Box::new(report.told), Box::new(self.told));
        if matches!(
            self.result,
            TransferResult::Interrupted | TransferResult::LocalFailure | TransferResult::Cancelled
        ) {
            (report.result, report.exit_code) = (self.result, self.exit_code);
        } else if self.connection.is_some_and(|c| c.timer() == Some(Timer::Deadline)) {
            report.end_by_deadline();
        }
        report
    }

    /// The same, when there was to be another attempt and the wait for it was ended.
    #[doc(hidden)]
    #[must_use]
    pub fn ended_while_waiting(mut self, by: WaitEnded) -> Self {
        let what = match by {
            _ if self.is_good() => return self,
            WaitEnded::Interrupted(signal) => {
                self.result = TransferResult::Interrupted;
                self.exit_code = adieu::exit_code(Ending::Interrupted { signal });
                format!("interrupted by {}", signal.name())
            }
            WaitEnded::DeadlinePassed => {
                self.end_by_deadline();
                "the deadline passed".to_owned()
            }
        };
        self.told = Told::WhileWaiting(what, Box::new(self.told));
        self
    }

    /// The deadline's exit status, unless everything was moved: then it is open whether it is stored.
    pub(crate) fn end_by_deadline(&mut self) {
        if self.reach() < Reach::Open {
            self.exit_code = adieu::exit_code(Ending::TimedOut { timer: Timer::Deadline });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::{TransferOutcome, Verdict};
    use crate::report::TransferRole;
    use adieu::{Endpoint, NeverConnected};
    use std::time::Duration;

    fn nobody(cause: NeverConnected<'_>) -> TransferReport {
        let endpoint = Endpoint::tcp("127.0.0.1", 1);
        let report = cause.report(&endpoint, adieu::Role::Connect);
        TransferReport::never_connected(TransferRole::Send, 2, report)
    }

    fn cut(moved: u64, all_sent: bool) -> TransferReport {
        let mut outcome = TransferOutcome::new();
        outcome.verdict = Verdict::NoReceipt { cause: "the peer closed".to_owned(), all_sent };
        (outcome.moved, outcome.is_whole, outcome.version) = (moved, all_sent, Some(1));
        outcome.times.all_moved = all_sent.then_some(Duration::ZERO);
        TransferReport::new(TransferRole::Send, &outcome, false, 1, None)
    }

    #[test]
    fn a_later_attempt_takes_nothing_back() {
        let interrupted = || nobody(NeverConnected::Interrupted { signal: Signal::Terminate });
        let deadline = || nobody(NeverConnected::DeadlinePassed);
        let timed_out = || nobody(NeverConnected::TimedOut);
        for (furthest, last, result, exit_code, bytes) in vec![
            (nobody(NeverConnected::TimedOut), cut(0, false), "no_receipt", 6, 0),
            (cut(0, false), timed_out(), "no_receipt", 6, 0),
            (cut(7, false), cut(0, false), "no_receipt", 6, 7),
            (cut(7, false), cut(5, false), "no_receipt", 6, 5),
            (cut(7, false), deadline(), "no_receipt", 5, 7),
            (cut(9, true), timed_out(), "no_receipt", 6, 9),
            (cut(9, true), cut(5, false), "no_receipt", 6, 9),
            (cut(9, true), deadline(), "no_receipt", 6, 9),
            (cut(9, true), interrupted(), "interrupted", 143, 9),
        ] {
            let all = last.after(Some(furthest));
            assert_eq!(
                (all.result.name(), all.exit_code, all.bytes_moved),
                (result, exit_code, bytes),
                "{all}"
            );
            assert_eq!(all.to_string().contains("may or may not"), bytes == 9, "{all}");
        }
    }

    #[test]
    fn the_end_of_a_wait_is_the_ending_but_for_what_may_be_stored() {
        for (report, by, result, exit_code) in [
            (nobody(NeverConnected::TimedOut), WaitEnded::DeadlinePassed, "no_connection", 5),
            (cut(7, false), WaitEnded::DeadlinePassed, "no_receipt", 5),
            (cut(9, true), WaitEnded::DeadlinePassed, "no_receipt", 6),
            (cut(9, true), WaitEnded::Interrupted(Signal::Interrupt), "interrupted", 130),
        ] {
            let report = report.ended_while_waiting(by);
            assert_eq!((report.result.name(), report.exit_code), (result, exit_code), "{report}");
            assert!(report.to_string().contains(" while waiting to try again: "), "{report}");
        }
    }
}
