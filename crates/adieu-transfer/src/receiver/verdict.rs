//! How the receiver ends a transfer that is not stored: it cleans up, and tells the sender why.

use super::{LAST_WORD, OFTEN, Receiver, State, Stop, say};
use crate::outcome::{self, TransferOutcome, Verdict};
use crate::session::{self, interrupted};
use crate::storage::{Incoming, Outlives};
use crate::transport::Transport;
use crate::wire::{Control, Receipt, Status, Totals};
use std::io;
use std::time::{Duration, Instant};

impl<T: Transport> Receiver<'_, '_, T> {
    pub(super) fn conclude(mut self, result: Result<Verdict, Stop>, keep: bool) -> TransferOutcome {
        let verdict = match result {
            Ok(verdict) => verdict,
            Err(stop) => {
                let state = std::mem::replace(&mut self.state, State::Ended);
                let current = if let State::InFile(incoming, _) = state { Some(*incoming) } else { None };
                let is_unsynced = matches!(&stop, Stop::Storage(error) if error.is_unsynced());
                if is_unsynced {
                    for offered in self.offers.beginnings() {
                        self.storage.remove_offered(offered);
                    }
                }
                let keep = match (is_unsynced, keep) {
                    (true, _) => Outlives::None,
                    (false, true) => Outlives::All,
                    (false, false) => Outlives::Resumed,
                };
                self.outcome.left_behind = !self.give_up(current, keep);
                self.fail(stop)
            }
        };
        self.outcome.verdict = verdict;
        self.outcome
    }

    /// Cleans up. A signal and the deadline leave it a moment, also if they came before. `false`: that was not enough.
    fn give_up(&mut self, current: Option<Incoming>, keep: Outlives) -> bool {
        let (channel, deadline) = (&mut self.channel, self.deadline);
        let mut looked = Instant::now();
        let mut until = None;
        self.storage.give_up(current, keep, &mut || {
            if looked.elapsed() < OFTEN {
                return true;
            }
            looked = Instant::now();
            let is_over = channel.raised().is_some() || deadline.is_some_and(|at| at <= looked);
            if is_over && until.is_none() {
                until = Some(looked + LAST_WORD);
            }
            until.is_none_or(|until| looked < until)
        })
    }

    fn fail(&mut self, stop: Stop) -> Verdict {
        match stop {
            Stop::Storage(error) => {
                let words = error.to_string();
                self.refuse(Status::Failed, &words);
                Verdict::Local { words, advice: error.advice() }
            }
            Stop::Refused(words) => {
                // A sender that did not hear it comes again, and then hears it.
                let is_said = self.refuse(Status::Failed, &words);
                Verdict::Incomplete { words, again: !is_said }
            }
            Stop::Wrong(words) => {
                self.refuse(Status::Damaged, &words);
                Verdict::Incomplete { words, again: true }
            }
            Stop::Aborted(words) => {
                let words = format!("the sender gave up ({words})");
                self.outcome.sender_gave_up = true;
                self.refuse(Status::Failed, &words);
                Verdict::Incomplete { words, again: false }
            }
            Stop::Interrupted(signal) => Verdict::Interrupted { signal },
            Stop::DeadlinePassed => {
                self.outcome.deadline_passed = true;
                Verdict::Incomplete { words: "the deadline passed".to_owned(), again: true }
            }
            Stop::Cancelled => {
                self.outcome.stored_before = Some(self.storage.stored().0);
                self.refuse_within(Status::Failed, outcome::WAS_CANCELLED, session::AFTER_CANCEL);
                Verdict::Cancelled
            }
            Stop::Link(error) => interrupted(&error).unwrap_or_else(|| {
                let words = match error.kind() {
                    io::ErrorKind::UnexpectedEof => "the sender ended before it was whole,".to_owned(),
                    io::ErrorKind::InvalidData => error.to_string(),
                    _ => outcome::cause(&error),
                };
                if error
                    .get_ref()
                    .is_some_and(<dyn std::error::Error + Send + Sync>::is::<crate::secret::Changed>)
                {
                    self.refuse(Status::Damaged, &words);
                }
                Verdict::Incomplete { words, again: true }
            }),
        }
    }

    /// Says why, ends our side, and reads on to the sender's end, so that no reset takes the words away. `false`: it could not
    /// be said.
    fn refuse(&mut self, status: Status, words: &str) -> bool {
        self.refuse_within(status, words, session::LAST_WORDS)
    }

    /// The same, and reads on no longer than that.
    fn refuse_within(&mut self, status: Status, words: &str, limit: Duration) -> bool {
        let (files, bytes) = self.storage.stored();
        let totals = Totals { files, bytes, hash: [0; 32], list: [0; 32] };
        let receipt = Receipt { status, totals, words: words.to_owned() };
        let said = say(&mut self.channel, &Control::Receipt(receipt.clone()));
        if said.and_then(|()| self.channel.shutdown_send()).is_ok() {
            self.outcome.times.receipt = Some(self.start.elapsed());
            self.outcome.receipt = Some(receipt);
            session::hear_out(&mut self.channel, limit);
        }
        self.outcome.receipt.is_some()
    }
}
