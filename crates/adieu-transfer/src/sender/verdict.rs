//! How the sender judges the end of a transfer: by the receipt, by a failure of its own, or by the end of the connection.

use super::{SILENCE, Sender, Stop};
use crate::advice::Advice;
use crate::outcome::{self, TransferOutcome, Verdict, difference};
use crate::session::{self, interrupted};
use crate::transport::Transport;
use crate::wire::{Control, Receipt, Status};
use std::time::Duration;

/// How long a sender that has the receipt waits for the receiver's end, which cannot change what the receipt says.
const AFTER_RECEIPT: Duration = Duration::from_secs(2);

impl<T: Transport> Sender<'_, T> {
    pub(super) fn conclude(mut self, result: Result<Receipt, Stop>) -> TransferOutcome {
        let all_sent = self.outcome.times.all_moved.is_some();
        let verdict = match result {
            Ok(receipt) => self.judge(receipt),
            Err(Stop::Answered(receipt)) => self.judge_early(receipt),
            Err(Stop::Source(error)) => {
                self.abort(&error.to_string(), session::LAST_WORDS);
                Verdict::Local { words: error.to_string(), advice: None }
            }
            Err(Stop::CannotPreserve) => {
                let version = self.outcome.version.unwrap_or_default();
                let words = format!(
                    "the receiver speaks version {version} of the protocol, which carries no times and no permissions of \
                     directories: they cannot be preserved"
                );
                self.abort(&words, session::AFTER_CANCEL);
                let advice = Some(Advice::SendWithoutPreserving);
                Verdict::NotAgreed { words, by_link: false, advice }
            }
            Err(Stop::Cancelled) => {
                // After everything is sent there is no word for it: the end of the connection says it.
                if !self.outcome.is_whole {
                    self.abort(outcome::WAS_CANCELLED, session::AFTER_CANCEL);
                }
                Verdict::Cancelled
            }
            Err(Stop::Protocol(error)) => {
                Verdict::NoReceipt { cause: format!("the peer sent {error}"), all_sent }
            }
            Err(Stop::Link(error)) => match interrupted(&error) {
                Some(verdict) => verdict,
                None => self.judge_last_words(outcome::cause(&error), all_sent),
            },
            Err(Stop::Unanswered) => {
                let cause = format!("the peer did not answer for {} s", SILENCE.as_secs());
                self.judge_last_words(cause, all_sent)
            }
        };
        self.outcome.verdict = verdict;
        self.outcome
    }

    /// The peer's last words may have come before the connection failed.
    fn judge_last_words(&mut self, cause: String, all_sent: bool) -> Verdict {
        match self.last_words() {
            Some(receipt) => self.judge_early(receipt),
            None => Verdict::NoReceipt { cause, all_sent },
        }
    }

    fn judge(&mut self, receipt: Receipt) -> Verdict {
        self.outcome.times.receipt = Some(self.start.elapsed());
        // The peer has nothing more to say; its end makes ours graceful. In version 1 our side has ended already.
        self.end();
        let difference = difference(&self.outcome.totals, &receipt.totals);
        let verdict = match (receipt.status, difference) {
            (status @ (Status::Failed | Status::Damaged), _) => {
                Verdict::Refused { words: receipt.words.clone(), again: status.may_be_tried_again() }
            }
            (_, Some(words)) => Verdict::NotMatching { words },
            (_, None) if !self.outcome.left_out.is_empty() => {
                let words = format!("{} left out, which cannot be sent", self.outcome.left_out.entries());
                Verdict::InPart { words }
            }
            (Status::Stored, None) => Verdict::Stored,
            (Status::Written, None) => Verdict::Written,
        };
        self.outcome.receipt = Some(receipt);
        verdict
    }

    /// A receipt before our end cannot be a good one.
    fn judge_early(&mut self, receipt: Receipt) -> Verdict {
        self.outcome.times.receipt = Some(self.start.elapsed());
        self.end();
        let verdict = if receipt.status.is_good() {
            Verdict::NotMatching { words: "a receipt came before everything was sent".to_owned() }
        } else {
            Verdict::Refused { words: receipt.words.clone(), again: receipt.status.may_be_tried_again() }
        };
        self.outcome.receipt = Some(receipt);
        verdict
    }

    /// With the receipt in hand: ends our side, and waits a moment for the peer's end.
    fn end(&mut self) {
        if self.channel.shutdown_send().is_ok() {
            session::hear_out(&mut self.channel, AFTER_RECEIPT);
        }
    }

    /// Says that nothing more will come, and why; and waits for the peer's end no longer than that.
    fn abort(&mut self, words: &str, limit: Duration) {
        let abort = Control::Abort { words: words.to_owned() };
        // A peer that does not hear this sees that the transfer is not whole all the same.
        let said = self.control(&abort).and_then(|()| self.flush());
        if said.is_ok() && self.channel.shutdown_send().is_ok() {
            session::hear_out(&mut self.channel, limit);
        }
    }

    fn last_words(&mut self) -> Option<Receipt> {
        loop {
            match self.hear(Some(Duration::from_secs(1))) {
                Err(Stop::Answered(receipt)) => return Some(receipt),
                // A peer that lives and says nothing says nothing.
                Err(_) | Ok(false) => return None,
                Ok(true) => {}
            }
        }
    }
}
