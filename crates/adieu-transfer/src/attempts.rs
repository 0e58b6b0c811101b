//! What several attempts come to together: never less than one of them did.

use crate::report::TransferReport;
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
            () if self.files.is_some() => Reach::Open,
            () if self.bytes_moved > 0 => Reach::Moved,
            () if self.protocol_version.is_some() => Reach::Agreed,
            () => Reach::Nothing,
        }
    }

    /// Of this attempt and the earlier ones, the one that came furthest, and of those the last.
    #[must_use]
    pub fn or_further(self, earlier: Option<Self>) -> Self {
        earlier.filter(|earlier| earlier.reach() > self.reach()).unwrap_or(self)
    }

    /// The report of all attempts, of which this is the last, and `furthest` is the one that came furthest before: of the
    /// furthest, with the number of all, and the words of both.
    #[must_use]
    pub fn after(self, furthest: Option<Self>) -> Self {
        let Some(mut report) = furthest.filter(|furthest| furthest.reach() > self.reach()) else {
            return self;
        };
        report.attempts = self.attempts;
        if report.is_good() {
            return report;
        }
        report.message = format!("{}; then {}", report.message, self.message);
        if matches!(self.result, "interrupted" | "local_failure") {
            (report.result, report.exit_code) = (self.result, self.exit_code);
        } else if self.connection.is_some_and(|c| c.timer == Some("deadline")) {
            report.end_by_deadline();
        }
        report
    }

    /// The same, when there was to be another attempt and the wait for it was ended.
    #[must_use]
    pub fn ended_while_waiting(mut self, by: WaitEnded) -> Self {
        let what = match by {
            _ if self.is_good() => return self,
            WaitEnded::Interrupted(signal) => {
                self.result = "interrupted";
                self.exit_code = adieu::exit_code(Ending::Interrupted { signal });
                format!("interrupted by {}", signal.name())
            }
            WaitEnded::DeadlinePassed => {
                self.end_by_deadline();
                "the deadline passed".to_owned()
            }
        };
        self.message = format!("{what} while waiting to try again: {}", self.message);
        self
    }

    /// The deadline's exit status, unless everything was moved: then it is open whether it is stored.
    pub(crate) fn end_by_deadline(&mut self) {
        if self.reach() < Reach::Open {
            self.exit_code = adieu::exit_code(Ending::TimedOut { timer: Timer::Deadline });
        }
    }
}
