//! What the main thread of a listener hears of, from the thread that accepts, from each connection's, and of signals.

use crate::exit::ExitStatus;
use adieu::{Connection, Signal};
use std::io;
use std::time::Duration;

/// What the main thread hears of.
pub(super) enum Message {
    Accepted(Box<Connection>),
    AcceptFailed(adieu::ListenError),
    /// The first byte has passed.
    Touched,
    /// It could not be served now, and nothing has passed.
    NotStarted {
        id: u64,
        connection: Box<Connection>,
        error: io::Error,
    },
    Finished {
        id: u64,
        end: ClientEnd,
    },
    /// Our stdin has given its bytes, and has ended: the next client would get an end and nothing else.
    InputSpent,
    Signal(Signal),
}

/// What one client came to.
#[derive(Debug, Clone, Copy)]
pub(super) enum ClientEnd {
    /// It is reported.
    Reported(ExitStatus),
    /// It has left without a byte having passed, and is not the one that is waited for.
    Left,
    /// It is reported, and no other can be served.
    Fatal(ExitStatus),
}

impl ClientEnd {
    /// Whether a signal has ended it.
    pub(super) const fn is_of_a_signal(self) -> bool {
        matches!(self, Self::Reported(status) | Self::Fatal(status) if status.is_of_a_signal())
    }
}

/// How long to rest after something failed for want of descriptors, processes or memory: it must come back first.
pub(super) const REST: Duration = Duration::from_millis(100);
