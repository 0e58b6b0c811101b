//! What a transfer came to, at either side.

use crate::advice::Advice;
use crate::left_out::LeftOut;
use crate::wire::{Hash, PeerRole, Receipt, Status, Totals, hex};
use adieu::Signal;
use std::time::Duration;

/// What a transfer came to.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// Everything is stored and synced under its name at the receiver: confirmed by its receipt, or done by this side.
    Stored,
    /// Everything was written to the receiver's stdout, or to a [`Store`](crate::Store) that claims no more, whole and with the
    /// right hash. What became of it there is not known.
    Written,
    /// Some of it was left out, and all the rest is confirmed. A sender has left out what cannot be sent
    /// ([`Sources::skipping_special`](crate::Sources::skipping_special)); a receiver has refused files whose names were taken
    /// ([`Storage::without_replacing`](crate::Storage::without_replacing)), and its sender's verdict is [`Refused`](Self::Refused).
    InPart {
        /// What was left out, and why.
        words: String,
    },
    /// The receiver says that it failed.
    Refused {
        /// In its own words.
        words: String,
        /// Another connection may do better.
        again: bool,
    },
    /// The receipt is not about what was sent.
    NotMatching {
        /// The difference.
        words: String,
    },
    /// There is no receipt: it may or may not be stored.
    NoReceipt {
        /// How the connection ended.
        cause: String,
        /// Everything had been sent, so that it may be stored.
        all_sent: bool,
    },
    /// The two sides did not come to speak of files: nothing was sent, nothing stored.
    NotAgreed {
        /// Why.
        words: String,
        /// It was the connection that failed, so that another may do better.
        by_link: bool,
        /// What can be done about it. `None`: the words say all.
        advice: Option<Advice>,
    },
    /// The peer said nothing, or not all it should have said before anything is sent: nothing was sent, nothing stored.
    Silent {
        /// For how long.
        words: String,
        /// What can be done about it. `None`: the words say all.
        advice: Option<Advice>,
    },
    /// What came is not whole, or damaged: it is not stored.
    Incomplete {
        /// Why.
        words: String,
        /// Another connection may do better.
        again: bool,
    },
    /// This side's own file, disk or output failed.
    Local {
        /// What the system said.
        words: String,
        /// What can be done about it. `None`: the words say all.
        advice: Option<Advice>,
    },
    /// A signal ended it.
    Interrupted {
        /// Which.
        signal: Signal,
    },
    /// The program on this side cancelled it: its observer returned [`Break`](std::ops::ControlFlow::Break). The peer has been told so,
    /// or sees a cut. A sender that had sent everything does not know whether it is stored.
    Cancelled,
}

/// The words that tell a peer that the other side cancelled the transfer.
pub(crate) const WAS_CANCELLED: &str = "it was cancelled";

/// Where a receiver's content is that was written to a store which does not claim that it is durable.
pub(crate) const TO_PROGRAM: &str = "the receiver's program";

/// When things happened, since the transfer began on its connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Times {
    /// Both sides spoke the same version, and secret.
    pub agreed: Option<Duration>,
    /// The sender had sent all, or the receiver had received all.
    pub all_moved: Option<Duration>,
    /// All was on the receiver's disk under its name; known to the receiver.
    pub stored: Option<Duration>,
    /// The receipt was received, or sent.
    pub receipt: Option<Duration>,
    /// The end.
    pub ended: Duration,
}

/// How a transfer ended: the verdict, and what was moved by then.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct TransferOutcome {
    /// What it came to.
    pub verdict: Verdict,
    /// This side's own count and hashes. The hashes are all zeros until everything was moved.
    pub totals: Totals,
    /// Everything was moved and hashed, so that the hashes of `totals` are true.
    pub is_whole: bool,
    /// The receipt that was received or sent.
    pub receipt: Option<Receipt>,
    /// Bytes of content that the receiver had already, and that were not sent again. `None`: no resume was requested.
    pub resumed_from: Option<u64>,
    /// Files that were stored already.
    pub files_kept: u64,
    /// Bytes of content that were sent or received this time, holes included.
    pub moved: u64,
    /// The protocol's version. `None`: none was agreed on.
    pub version: Option<u8>,
    /// A secret encrypted it.
    pub encrypted: bool,
    /// When.
    pub times: Times,
    /// Of a receiver that has left something out: files and bytes that are stored.
    pub(crate) stored_in_part: Option<(u64, u64)>,
    /// What was left out: see [`Verdict::InPart`].
    pub(crate) left_out: LeftOut,
    /// See [`set_place`](Self::set_place).
    pub(crate) place: Option<String>,
    /// Of a receiver: the sender said that it cannot go on.
    pub(crate) sender_gave_up: bool,
    /// Of a receiver: whether the sender has ended its side after the receipt, as it does when it has it. `None`: no receipt
    /// was sent, or version 1 was spoken, where the sender ends its side before.
    pub(crate) receipt_heard: Option<bool>,
    /// Files that were stored before a receiver was interrupted that had not begun to give the rest their names.
    pub(crate) stored_before: Option<u64>,
    /// The deadline ended a receiver's wait for its disk, whatever the connection came to.
    pub(crate) deadline_passed: bool,
    /// A signal or the deadline ended a receiver's cleaning up.
    pub(crate) left_behind: bool,
}

impl TransferOutcome {
    pub(crate) fn new() -> Self {
        Self {
            verdict: Verdict::NoReceipt { cause: String::new(), all_sent: false },
            totals: Totals::default(),
            is_whole: false,
            receipt: None,
            resumed_from: None,
            files_kept: 0,
            moved: 0,
            version: None,
            encrypted: false,
            times: Times::default(),
            stored_in_part: None,
            left_out: LeftOut::default(),
            place: None,
            sender_gave_up: false,
            receipt_heard: None,
            stored_before: None,
            deadline_passed: false,
            left_behind: false,
        }
    }

    /// The hash of what was transferred: of one file its own, as `b3sum` prints it, else that of the list of entries.
    /// `None`: not everything was moved.
    pub fn hash(&self) -> Option<Hash> {
        self.is_whole.then_some(self.totals.hash)
    }

    /// Entries that this side has left out, while it sent or stored the others. See [`Verdict::InPart`].
    pub fn left_out(&self) -> u64 {
        self.left_out.count()
    }

    /// Whether another connection may do better: this one failed, or the peer went away, or what came was damaged. Both sides
    /// come to the same, as far as both know how it ended: of a receipt its
    /// [status](crate::wire::Status::may_be_tried_again) says it.
    pub fn may_be_tried_again(&self) -> bool {
        matches!(
            self.verdict,
            Verdict::NoReceipt { .. }
                | Verdict::Incomplete { again: true, .. }
                | Verdict::Refused { again: true, .. }
                | Verdict::Silent { .. }
                | Verdict::NotAgreed { by_link: true, .. }
        )
    }

    /// The peer was none to transfer with: a stranger, or one with another secret.
    pub fn is_of_a_stranger(&self) -> bool {
        matches!(self.verdict, Verdict::NotAgreed { .. } | Verdict::Silent { .. })
    }

    /// The sender said that it cannot go on.
    pub fn peer_gave_up(&self) -> bool {
        self.sender_gave_up
    }

    /// Where it is, for the sentence of one that is stored: a path, or the name that was sent.
    pub fn set_place(&mut self, place: impl Into<String>) {
        self.place = Some(place.into());
    }

    /// Where, how much and how long, as in ` (copy.img, 2.8 MiB in 0.41 s)`.
    fn at_a_glance(&self) -> String {
        let took = format!("in {:.2} s", self.times.ended.as_secs_f64());
        let size = human(self.totals.bytes);
        let size = size.map_or_else(|| took.clone(), |size| format!("{size} {took}"));
        let place = self.place.as_ref().map_or_else(String::new, |place| format!("{place}, "));
        format!(" ({place}{size})")
    }

    /// What can be done about it. `None`: nothing, or the sentence says all.
    pub fn advice(&self) -> Option<Advice> {
        match self.verdict {
            Verdict::NotAgreed { advice, .. }
            | Verdict::Silent { advice, .. }
            | Verdict::Local { advice, .. } => advice,
            Verdict::Refused { again: true, .. } => Some(Advice::TryAgain),
            _ => None,
        }
    }

    /// What it came to, in one sentence for people.
    pub fn sentence(&self) -> String {
        self.sentence_of(PeerRole::Sender)
    }

    /// The same, as this side says it.
    pub(crate) fn sentence_of(&self, side: PeerRole) -> String {
        let left =
            if self.left_behind { "; not all partials and directories that it made are removed" } else { "" };
        self.sentence_of_verdict(side) + left
    }

    fn sentence_of_verdict(&self, side: PeerRole) -> String {
        let Totals { files, bytes, .. } = self.totals;
        let amount = amount_of(files, bytes);
        let hash = self.hash().map_or_else(String::new, |hash| format!(", BLAKE3 {}", hex(&hash)));
        let kept = match self.resumed_from {
            Some(0) | None => String::new(),
            Some(there) if there == bytes => ", all of it there already".to_owned(),
            Some(there) => format!(", {} of them there already", count(there, "byte")),
        };
        match &self.verdict {
            Verdict::Stored => format!("stored: {amount}{}{kept}{hash}", self.at_a_glance()),
            Verdict::Written => {
                let words = self.receipt.as_ref().map_or("", |receipt| &receipt.words);
                let place = if words.is_empty() { stdout_of(side) } else { words };
                format!("written to {place}, not stored: {amount}{hash}")
            }
            Verdict::InPart { words } => {
                let written = self.receipt.as_ref().is_some_and(|receipt| receipt.status == Status::Written);
                let done = if written { "written" } else { "stored" };
                let (files, bytes) = self.stored_in_part.unwrap_or((files, bytes));
                format!("{words}; the rest is {done}: {}", amount_of(files, bytes))
            }
            Verdict::Refused { words, .. } => format!("receiver: {words}"),
            Verdict::NotMatching { words } => {
                format!("not confirmed, the receipt is of something else: {words}")
            }
            Verdict::NoReceipt { cause, all_sent: true } => format!(
                "no receipt: {cause} after {} sent; it may or may not have stored it",
                count(self.moved, "byte")
            ),
            Verdict::NoReceipt { cause, all_sent: false } => {
                format!(
                    "no receipt: {cause} after {} sent, which is not all of it",
                    count(self.moved, "byte")
                )
            }
            Verdict::NotAgreed { words, .. } | Verdict::Silent { words, .. } => {
                format!("nothing was transferred: {words}")
            }
            // Some of it has its name by then.
            Verdict::Incomplete { words, .. }
                if self.deadline_passed && self.is_whole && self.stored_before.is_none() =>
            {
                let moved = count(self.moved, "byte");
                format!(
                    "{words} after {moved} received, while names were synced; it may or may not be stored"
                )
            }
            Verdict::Incomplete { words, .. } => {
                format!("not stored: {words} ({} received)", count(self.moved, "byte"))
            }
            Verdict::Local { words, .. } => words.clone(),
            Verdict::Interrupted { signal } => {
                let what_is = match (self.is_whole, self.stored_before) {
                    (false, _) => String::new(),
                    (true, None) => "; it may or may not be stored".to_owned(),
                    (true, Some(0)) => " while they were synced; nothing of it is stored".to_owned(),
                    (true, Some(files)) => {
                        format!(" while they were synced; {} of it are stored", count(files, "file"))
                    }
                };
                format!("interrupted by {} after {}{what_is}", signal.name(), count(self.moved, "byte"))
            }
            Verdict::Cancelled => {
                let what_is = match (self.is_whole, self.stored_before) {
                    (_, Some(0)) => "nothing of it is stored".to_owned(),
                    (_, Some(files)) => format!("{} of it are stored", count(files, "file")),
                    (true, None) => "the receiver may or may not have stored it".to_owned(),
                    (false, None) => "that is not all of it".to_owned(),
                };
                format!("cancelled on this side after {}; {what_is}", count(self.moved, "byte"))
            }
        }
    }
}

/// The receiver's stdout, as this side calls it.
const fn stdout_of(side: PeerRole) -> &'static str {
    match side {
        PeerRole::Sender => "the receiver's stdout",
        PeerRole::Receiver => "stdout",
    }
}

/// Bytes as people read them. `None`: they are few, and read as they are.
fn human(bytes: u64) -> Option<String> {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    let order = usize::try_from(bytes.checked_ilog2()? / 10).ok()?;
    let unit = UNITS.get(order.checked_sub(1)?)?;
    // In tenths, rounded down: it is never more than there is.
    let tenths = (u128::from(bytes) * 10) >> (order * 10);
    Some(format!("{}.{} {unit}", tenths / 10, tenths % 10))
}

/// As in `12 bytes in 1 file`.
pub(crate) fn amount_of(files: u64, bytes: u64) -> String {
    format!("{} in {}", count(bytes, "byte"), count(files, "file"))
}

fn count(n: u64, what: &str) -> String {
    if n == 1 { format!("1 {what}") } else { format!("{n} {what}s") }
}

/// What [`Verdict::NotMatching`] says of two totals. `None`: they are equal.
pub(crate) fn difference(ours: &Totals, theirs: &Totals) -> Option<String> {
    if ours.files != theirs.files {
        Some(format!("{} here, {} there", count(ours.files, "file"), count(theirs.files, "file")))
    } else if ours.bytes != theirs.bytes {
        Some(format!("{} here, {} there", count(ours.bytes, "byte"), count(theirs.bytes, "byte")))
    } else if ours.hash != theirs.hash {
        Some(format!("the hash here is {}, there {}", hex(&ours.hash), hex(&theirs.hash)))
    } else if ours.list != theirs.list {
        Some("the lists of names, modes and sizes are not the same".to_owned())
    } else {
        None
    }
}

/// Whether it was the deadline that ended the connection.
pub(crate) fn is_deadline(error: &std::io::Error) -> bool {
    let ended = error.get_ref().and_then(|e| e.downcast_ref::<adieu::Ended>());
    ended.is_some_and(|e| e.ending == adieu::Ending::TimedOut { timer: adieu::Timer::Deadline })
}

/// How a connection ended, in words that go on "no receipt: …".
pub(crate) fn cause(error: &std::io::Error) -> String {
    use std::io::ErrorKind;
    if let Some(ended) = error.get_ref().and_then(|e| e.downcast_ref::<adieu::Ended>()) {
        return match ended.ending {
            adieu::Ending::TimedOut { timer: adieu::Timer::Deadline } => "the deadline passed".to_owned(),
            adieu::Ending::TimedOut { .. } => "the peer was silent for too long".to_owned(),
            other => format!("the connection has ended ({})", other.name()),
        };
    }
    match error.kind() {
        ErrorKind::UnexpectedEof => "the peer closed".to_owned(),
        ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => "the peer reset the connection".to_owned(),
        ErrorKind::InvalidData => error.to_string(),
        // One of ours, which is a sentence.
        _ if error.get_ref().is_some() => error.to_string(),
        _ => format!("the connection failed: {}", crate::words::plain(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_never_more_than_there_is() {
        for (bytes, said) in [
            (0, None),
            (1023, None),
            (1024, Some("1.0 KiB")),
            ((1 << 20) - 1, Some("1023.9 KiB")),
            (3_000_000, Some("2.8 MiB")),
            (u64::MAX, Some("15.9 EiB")),
        ] {
            assert_eq!(human(bytes).as_deref(), said, "{bytes}");
        }
    }

    #[test]
    fn what_is_stored_is_told_with_its_place_and_time() {
        let mut outcome = TransferOutcome::new();
        outcome.verdict = Verdict::Stored;
        outcome.totals = Totals { files: 1, bytes: 3_000_000, ..Totals::default() };
        outcome.times.ended = Duration::from_millis(412);
        outcome.set_place("copy.img");
        assert_eq!(outcome.sentence(), "stored: 3000000 bytes in 1 file (copy.img, 2.8 MiB in 0.41 s)");
    }
}
