//! What the main thread of a listener hears of: from the library's server, from each connection's thread, and of signals.

use crate::exit::ExitStatus;
use adieu::{Address, Drained, ListenError, Signal};
use std::io;

/// What the main thread hears of.
pub(super) enum Message {
    /// Somebody has connected.
    Accepted,
    AcceptFailed(ListenError),
    /// The one client could not be served, and nothing has passed.
    NotStarted {
        peer: Option<Address>,
        error: io::Error,
    },
    Finished(ClientEnd),
    /// Our stdin has given its bytes, and has ended: the next client would get an end and nothing else.
    InputSpent,
    Signal(Signal),
    /// Nobody is served any more, and nobody will be.
    Over(Result<Drained, ListenError>),
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
