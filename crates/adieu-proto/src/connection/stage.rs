//! The states of one connection: where it is in its life, and what has become of each of its halves.
//!
//! These are words only. Which input leads from one to the next stands in the parent module and in `judgement`.

use super::ack_wait::AckWait;
use crate::nanos::Nanos;
use crate::{Ending, Phase};

/// Where a connection is in its life. It only ever moves downwards in this list, and may leave stages out.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Stage {
    /// There is no connection yet.
    Connecting {
        /// The transport's own handshake has begun, so there is a peer that can be silent.
        handshaking: bool,
    },
    /// There is a connection, and at least one direction is open or not handed on.
    Open,
    /// Only acknowledgements are waited for.
    AwaitingAcks(AckWait),
    /// How it ends is decided. A last look at the socket and the close are left.
    Decided {
        decision: Decision,
        /// The last look was taken: the decision rests on it, or it came after.
        looked: bool,
    },
    /// The handle was given back.
    Closed(Decision),
}

/// What is decided before the last look and the close.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Decision {
    pub(super) ending: Ending,
    pub(super) phase: Phase,
    pub(super) at: Nanos,
}

/// Our sending half.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum SendHalf {
    Open,
    Shut,
}

/// Our receiving half.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum ReceiveHalf {
    Open,
    /// The stream has ended inside its transport (TLS close_notify); the transport's own EOF is still to come.
    StreamEnded,
    Eof,
    Failed,
}

/// Where the bytes to send come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum InputHalf {
    Open,
    Ended,
    /// It was silent for longer than the input grace after the peer's end.
    Abandoned,
}
