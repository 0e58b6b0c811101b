//! What can be done about a transfer that came to nothing, as a type.
//!
//! The sentences say it in the library's words. A program that has names of its own for it, a command line its options, adds
//! them by this type, and need not look for words in a sentence.

use crate::wire::{NotAgreed, PeerRole};

/// What a user can do about a verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Advice {
    /// This side needs the peer's secret.
    GiveSecret,
    /// This side must speak TLS, as the peer does that it connected to.
    SpeakTls,
    /// This side listens without TLS, and its client speaks it: both must, or neither.
    SpeakTlsOnBothSides,
    /// It must be sent without resuming, so that the file is written or named again.
    SendAnew,
    /// It must be sent without preserving times and permissions of directories, or to a newer receiver.
    SendWithoutPreserving,
    /// Another attempt may do better: the peer is busy with another client, or what it received was damaged.
    TryAgain,
    /// The other side says nothing, or not what a receiver says. If it takes bytes alone, they can be sent without the protocol,
    /// and without a receipt.
    SendPlain,
}

impl Advice {
    /// What can be done about two sides that have nothing to say to each other. `None`: the sentence says all.
    pub(crate) const fn after(error: &NotAgreed) -> Option<Self> {
        match error {
            NotAgreed::SecretWanted => Some(Self::GiveSecret),
            NotAgreed::SpeaksTls => Some(Self::SpeakTls),
            NotAgreed::BeginsTls => Some(Self::SpeakTlsOnBothSides),
            NotAgreed::Busy => Some(Self::TryAgain),
            NotAgreed::NotThisProtocol { peer: PeerRole::Receiver } => Some(Self::SendPlain),
            _ => None,
        }
    }

    /// Each of them.
    pub const ALL: [Self; 7] = [
        Self::GiveSecret,
        Self::SpeakTls,
        Self::SpeakTlsOnBothSides,
        Self::SendAnew,
        Self::SendWithoutPreserving,
        Self::TryAgain,
        Self::SendPlain,
    ];
}
