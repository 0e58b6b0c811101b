//! The words of a transfer's report: each enum's names, and the sentence that several attempts make together.

use super::TransferReport;
use crate::outcome::Verdict;
use crate::wire::Status;
use serde::{Serialize, Serializer};
use std::fmt;

/// Which part this side played.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransferRole {
    /// It sent.
    Send,
    /// It received.
    Receive,
}

impl TransferRole {
    /// The role's name in reports: `send`, `receive`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Send => "send",
            Self::Receive => "receive",
        }
    }
}

/// What a transfer came to, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum TransferResult {
    /// Everything is stored and synced under its name at the receiver.
    Stored,
    /// Everything was written to the receiver's stdout, or taken by its program. It may not be durable.
    Written,
    /// Some of it was left out, and the rest is stored or written.
    InPart,
    /// The receiver says that it failed.
    Refused,
    /// The receipt is not about what was sent.
    NotMatching,
    /// There is no receipt.
    NoReceipt,
    /// The two sides did not come to speak of files.
    NotAgreed,
    /// The peer said nothing, or not all it should have said before anything is sent.
    Silent,
    /// What came is not whole, or damaged.
    Incomplete,
    /// This side's own file, disk or output failed.
    LocalFailure,
    /// A signal ended it.
    Interrupted,
    /// The program on this side cancelled it.
    Cancelled,
    /// There never was a connection.
    NoConnection,
    /// Bytes without a protocol: the connection's report says what is known.
    Plain,
}

impl TransferResult {
    /// The result's name in reports, such as `not_matching`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stored => "stored",
            Self::Written => "written",
            Self::InPart => "in_part",
            Self::Refused => "refused",
            Self::NotMatching => "not_matching",
            Self::NoReceipt => "no_receipt",
            Self::NotAgreed => "not_agreed",
            Self::Silent => "silent",
            Self::Incomplete => "incomplete",
            Self::LocalFailure => "local_failure",
            Self::Interrupted => "interrupted",
            Self::Cancelled => "cancelled",
            Self::NoConnection => "no_connection",
            Self::Plain => "plain",
        }
    }
}

impl From<&Verdict> for TransferResult {
    fn from(verdict: &Verdict) -> Self {
        match verdict {
            Verdict::Stored => Self::Stored,
            Verdict::Written => Self::Written,
            Verdict::InPart { .. } => Self::InPart,
            Verdict::Refused { .. } => Self::Refused,
            Verdict::NotMatching { .. } => Self::NotMatching,
            Verdict::NoReceipt { .. } => Self::NoReceipt,
            Verdict::NotAgreed { .. } => Self::NotAgreed,
            Verdict::Silent { .. } => Self::Silent,
            Verdict::Incomplete { .. } => Self::Incomplete,
            Verdict::Local { .. } => Self::LocalFailure,
            Verdict::Interrupted { .. } => Self::Interrupted,
            Verdict::Cancelled => Self::Cancelled,
        }
    }
}

/// What encrypted a transfer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum EncryptedBy {
    /// A secret of both sides.
    Secret,
    /// TLS.
    Tls,
}

impl EncryptedBy {
    /// Its name in reports: `secret`, `tls`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Secret => "secret",
            Self::Tls => "tls",
        }
    }
}

/// The sentence for people: what one attempt came to, or what several did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Told {
    /// Of one attempt.
    Once(String),
    /// Of an attempt, and of a later one that came less far.
    Then(Box<Told>, Box<Told>),
    /// What ended the wait for another attempt after this one.
    WhileWaiting(String, Box<Told>),
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Once(sentence) => f.write_str(sentence),
            Self::Then(first, then) => write!(f, "{first}; then {then}"),
            Self::WhileWaiting(what, before) => write!(f, "{what} while waiting to try again: {before}"),
        }
    }
}

impl fmt::Display for TransferReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.told.fmt(f)
    }
}

/// In JSON each is its name.
macro_rules! as_named {
    ($($type:ty),*) => {$(
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.name())
            }
        }
    )*};
}

as_named!(EncryptedBy, TransferRole, Status, TransferResult);

impl Serialize for Told {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
