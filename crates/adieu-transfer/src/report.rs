//! The report of a transfer: one flat struct, for people and programs.

mod words;

pub(crate) use self::words::Told;
pub use self::words::{EncryptedBy, TransferResult, TransferRole};

use crate::advice::Advice;
use crate::outcome::{TransferOutcome, Verdict};
use crate::wire::{PeerRole, Status, hex};
use adieu::{Ending, Report, Side, Timer};
use std::time::Duration;

/// Everything known of a transfer after its end.
///
/// Of several attempts it is about the one that came furthest, and of those the last: its counts, its times, its connection.
/// Counts are bytes, times are microseconds since the transfer began on that connection. What is not known is `None`, never
/// zero. Its JSON form is described by `docs/transfer-report.schema.json`.
#[derive(Debug, Clone, serde::Serialize)]
#[non_exhaustive]
pub struct TransferReport {
    /// The version of this struct's JSON form.
    pub report_version: u32,
    /// Which part this side played.
    pub role: TransferRole,
    /// What it came to.
    pub result: TransferResult,
    /// The exit status that goes with it.
    pub exit_code: u8,
    /// The sentence for people.
    #[serde(rename = "message")]
    pub(crate) told: Told,
    /// Files that were moved whole; directories and links do not count. `None`: not everything was moved.
    pub files: Option<u64>,
    /// Bytes of content of the whole transfer. `None`: not everything was moved.
    pub bytes: Option<u64>,
    /// BLAKE3: of one file its own, else that of the list of entries. `None`: not everything was moved.
    pub hash: Option<String>,
    /// What the receipt says. `None`: there was none.
    pub receipt: Option<Status>,
    /// Files that the receipt speaks of.
    pub receipt_files: Option<u64>,
    /// Bytes that the receipt speaks of.
    pub receipt_bytes: Option<u64>,
    /// The hash in the receipt. `None` also for one that says that it failed.
    pub receipt_hash: Option<String>,
    /// The receiver's own words, if it failed.
    pub receipt_words: Option<String>,
    /// Bytes that the receiver had already. `None`: no resume was requested.
    pub resumed_from: Option<u64>,
    /// Files that the receiver had already, whole, under their names.
    pub files_kept: u64,
    /// Entries that this side has left out: what cannot be sent, or files whose names were taken.
    pub left_out: u64,
    /// Bytes of content that were moved over the connection that this is about, holes included.
    pub bytes_moved: u64,
    /// How many times it was tried.
    pub attempts: u32,
    /// The protocol's version. `None`: none was agreed on.
    pub protocol_version: Option<u8>,
    /// What encrypted it. `None`: nothing.
    pub encrypted_by: Option<EncryptedBy>,
    /// When both sides had agreed.
    pub agreed_us: Option<u64>,
    /// When everything had been sent, or received.
    pub all_moved_us: Option<u64>,
    /// When everything was on the disk under its name. `None` at the sender, who cannot know.
    pub stored_us: Option<u64>,
    /// When the receipt was received, or sent.
    pub receipt_us: Option<u64>,
    /// When it ended.
    pub ended_us: Option<u64>,
    /// The report of the connection that this is about. `None`: there was none.
    pub connection: Option<Report>,
    /// See the outcome's.
    #[serde(skip)]
    receipt_heard: Option<bool>,
    /// What can be done about it. `None`: nothing, or the sentence says all.
    #[serde(skip)]
    pub advice: Option<Advice>,
}

impl From<TransferRole> for PeerRole {
    fn from(role: TransferRole) -> Self {
        match role {
            TransferRole::Send => Self::Sender,
            TransferRole::Receive => Self::Receiver,
        }
    }
}

/// The exit status that goes with a verdict.
///
/// 0 at the sender means stored and synced under its name at the receiver; [`Written`](Verdict::Written) is as good only if
/// `accept_written` says so. At the receiver it is 0 if it did what it was asked to.
pub(crate) const fn exit_code(role: TransferRole, verdict: &Verdict, accept_written: bool) -> u8 {
    match verdict {
        Verdict::Stored => 0,
        Verdict::Written if accept_written || matches!(role, TransferRole::Receive) => 0,
        // The peer was silent for too long, and nothing is left open by that: nothing was sent.
        Verdict::Silent { .. } => adieu::exit_code(Ending::TimedOut { timer: Timer::Idle }),
        Verdict::Local { .. } => 7,
        Verdict::Interrupted { signal } => adieu::exit_code(Ending::Interrupted { signal: *signal }),
        // As a connection that is aborted because the user asked for it.
        Verdict::Cancelled => adieu::exit_code(Ending::Reset { by: Side::Us }),
        _ => 6,
    }
}

impl TransferReport {
    /// Of a transfer that had a connection.
    pub fn new(
        role: TransferRole,
        outcome: &TransferOutcome,
        accept_written: bool,
        attempts: u32,
        connection: Option<Report>,
    ) -> Self {
        let whole = outcome.is_whole.then_some(outcome.totals);
        let receipt = outcome.receipt.as_ref();
        let good = receipt.filter(|r| r.status.is_good());
        let mut message = outcome.sentence_of(role.into());
        let timer = connection.as_ref().and_then(Report::timer);
        let by_tls = connection.as_ref().is_some_and(|c| c.tls_version.is_some());
        if role == TransferRole::Receive {
            match &outcome.verdict {
                Verdict::Stored if outcome.times.receipt.is_none() => {
                    message += "; the sender is gone and does not know";
                }
                Verdict::Stored
                    if outcome.receipt_heard.map_or_else(
                        || connection.as_ref().is_some_and(|c| is_cut(c) || is_interrupted(c)),
                        |heard| !heard || connection.as_ref().is_some_and(is_truncated),
                    ) =>
                {
                    message += "; the connection failed then, and the sender may not know";
                }
                _ => {}
            }
        }
        let mut report = Self {
            report_version: 1,
            role,
            result: TransferResult::from(&outcome.verdict),
            exit_code: exit_code(role, &outcome.verdict, accept_written),
            told: Told::Once(message),
            files: whole.map(|t| t.files),
            bytes: whole.map(|t| t.bytes),
            hash: outcome.hash().as_ref().map(hex),
            receipt: receipt.map(|r| r.status),
            receipt_files: receipt.map(|r| r.totals.files),
            receipt_bytes: receipt.map(|r| r.totals.bytes),
            receipt_hash: good.map(|r| hex(&r.totals.hash)),
            receipt_words: receipt
                .filter(|r| !r.status.is_good())
                .map(|r| r.words.clone())
                .filter(|words| !words.is_empty()),
            resumed_from: outcome.resumed_from,
            files_kept: outcome.files_kept,
            left_out: outcome.left_out(),
            bytes_moved: outcome.moved,
            attempts,
            protocol_version: outcome.version,
            encrypted_by: if outcome.encrypted {
                Some(EncryptedBy::Secret)
            } else {
                by_tls.then_some(EncryptedBy::Tls)
            },
            agreed_us: outcome.times.agreed.map(micros),
            all_moved_us: outcome.times.all_moved.map(micros),
            stored_us: outcome.times.stored.map(micros),
            receipt_us: outcome.times.receipt.map(micros),
            ended_us: Some(micros(outcome.times.ended)),
            connection,
            receipt_heard: outcome.receipt_heard,
            advice: outcome.advice(),
        };
        let is_timed_out = match outcome.verdict {
            Verdict::NotAgreed { .. } => timer.is_some(),
            // A receipt that says why has been sent by then, or not.
            Verdict::NoReceipt { .. } | Verdict::Incomplete { .. } => {
                (timer == Some(Timer::Deadline) || outcome.deadline_passed) && outcome.receipt.is_none()
            }
            _ => false,
        };
        if is_timed_out {
            report.end_by_deadline();
        }
        report
    }

    /// Of a transfer that never had a connection.
    #[doc(hidden)]
    pub fn never_connected(role: TransferRole, attempts: u32, connection: Report) -> Self {
        let mut report = Self::new(role, &TransferOutcome::new(), false, attempts, None);
        report.result = match connection.ending() {
            Ending::LocalFailure { .. } => TransferResult::LocalFailure,
            Ending::Interrupted { .. } => TransferResult::Interrupted,
            _ => TransferResult::NoConnection,
        };
        report.exit_code = connection.exit_code();
        report.told = Told::Once(connection.to_string());
        report.ended_us = None;
        report.connection = Some(connection);
        report
    }

    /// Of a transfer that was ended before there was a connection, while this was done, as in `waiting for the secret`.
    #[doc(hidden)]
    pub fn ended_before(role: TransferRole, connection: Report, doing: &str) -> Self {
        let by = match connection.ending() {
            Ending::Interrupted { signal } => format!("interrupted by {}", signal.name()),
            _ => "the deadline passed".to_owned(),
        };
        let moved = if role == TransferRole::Send { "sent" } else { "received" };
        let mut report = Self::never_connected(role, 0, connection);
        report.told = Told::Once(format!("{by} while {doing}; nothing was {moved}"));
        report
    }

    /// Of a transfer that our own side made impossible.
    #[doc(hidden)]
    pub fn local_failure(role: TransferRole, words: &str) -> Self {
        let mut outcome = TransferOutcome::new();
        outcome.verdict = Verdict::Local { words: words.to_owned(), advice: None };
        let mut report = Self::new(role, &outcome, false, 0, None);
        report.ended_us = None;
        report
    }

    /// Of plain bytes without a protocol: what the peer's TCP has said, and no more.
    #[doc(hidden)]
    pub fn plain(connection: Report) -> Self {
        let mut report = Self::never_connected(TransferRole::Send, 1, connection);
        let Some(connection) = &report.connection else { return report };
        if connection.connected_after.is_none() {
            return report;
        }
        report.result = TransferResult::Plain;
        report.bytes_moved = connection.bytes_accepted;
        report.ended_us = Some(micros(connection.ended_after));
        if connection.is_graceful() {
            report.files = Some(1);
            report.bytes = Some(connection.bytes_read);
            let n = connection.bytes_accepted;
            // An EOF that came without ours says nothing of what was read after it.
            let then = match connection.peer_ended_after_us {
                Some(true) => ", and it closed gracefully after our end",
                Some(false) => ", which had ended its side before it had our end",
                None => ", and it closed gracefully",
            };
            let how = match connection.bytes_acknowledged {
                Some(_) => "acknowledged by the peer's TCP",
                None => "put into the peer's socket",
            };
            report.told = Told::Once(format!(
                "sent plain: {n} of {n} bytes {how}{then}; whether they are stored is not known"
            ));
        } else {
            report.told =
                Told::Once(format!("sent plain: {connection}; whether anything is stored is not known"));
        }
        report
    }

    /// Of a receiver: everything is stored, and the sender may not have heard it, so that it may come again.
    pub fn is_unheard(&self) -> bool {
        let is_lost = match (&self.connection, self.receipt_heard) {
            (connection, Some(heard)) => !heard || connection.as_ref().is_some_and(is_truncated),
            (connection, None) => connection.as_ref().is_some_and(is_cut),
        };
        self.role == TransferRole::Receive
            && self.result == TransferResult::Stored
            && (self.receipt_us.is_none() || is_lost)
    }

    /// Whether it came to what was asked for.
    pub fn is_good(&self) -> bool {
        self.exit_code == 0
    }
}

/// What was said last may not have been heard.
fn is_cut(connection: &Report) -> bool {
    matches!(connection.ending(), Ending::Reset { .. } | Ending::TimedOut { .. }) || is_truncated(connection)
}

/// The peer's end was none of its own: TLS says so. It came from whoever cut the connection.
fn is_truncated(connection: &Report) -> bool {
    connection.ending() == Ending::Truncated
}

/// The same, by a signal of ours: nobody is waited for after it.
fn is_interrupted(connection: &Report) -> bool {
    matches!(connection.ending(), Ending::Interrupted { .. })
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Receipt, Status, Totals};
    use adieu::{Endpoint, NeverConnected, Signal};
    use std::time::Duration;

    fn received(verdict: Verdict, receipt: Option<Status>, cause: NeverConnected<'_>) -> TransferReport {
        let connection = cause.report(&Endpoint::tcp("127.0.0.1", 1), adieu::Role::Listen);
        let mut outcome = TransferOutcome::new();
        outcome.verdict = verdict;
        outcome.receipt =
            receipt.map(|status| Receipt { status, totals: Totals::default(), words: String::new() });
        outcome.times.receipt = receipt.map(|_| Duration::ZERO);
        TransferReport::new(TransferRole::Receive, &outcome, false, 1, Some(connection))
    }

    #[test]
    fn a_deadline_after_the_receipt_takes_nothing_back() {
        let incomplete = || Verdict::Incomplete { words: "damaged".to_owned(), again: true };
        for (receipt, exit_code) in [(None, 5), (Some(Status::Damaged), 6)] {
            let report = received(incomplete(), receipt, NeverConnected::DeadlinePassed);
            assert_eq!(report.exit_code, exit_code, "{report}");
        }
    }

    #[test]
    fn an_end_that_tls_does_not_confirm_does_not_say_that_the_receipt_was_heard() {
        for (ending, is_unheard) in [("graceful", false), ("truncated", true)] {
            let cause = NeverConnected::TimedOut;
            let connection = cause.report(&Endpoint::tcp("127.0.0.1", 1), adieu::Role::Listen);
            let mut json = serde_json::to_value(connection).expect("plain data");
            json["ending"] = ending.into();
            let connection: Report = serde_json::from_value(json).expect("it is known");
            let mut outcome = TransferOutcome::new();
            outcome.verdict = Verdict::Stored;
            (outcome.times.receipt, outcome.receipt_heard) = (Some(Duration::ZERO), Some(true));
            let report = TransferReport::new(TransferRole::Receive, &outcome, false, 1, Some(connection));
            assert_eq!(report.is_unheard(), is_unheard, "{report}");
            assert_eq!(report.to_string().contains("the sender may not know"), is_unheard, "{report}");
        }
    }

    #[test]
    fn after_a_signal_that_came_before_the_receipt_was_acknowledged_the_sender_may_not_know() {
        let by = NeverConnected::Interrupted { signal: Signal::Terminate };
        let report = received(Verdict::Stored, Some(Status::Stored), by);
        assert!(report.is_good() && report.to_string().contains("the sender may not know"), "{report}");
        // Nobody waits for it either: there was a signal.
        assert!(!report.is_unheard());
    }
}
