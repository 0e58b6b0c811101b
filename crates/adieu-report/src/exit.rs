//! The exit statuses that go with the endings: part of the interface of the command line.

use adieu_proto::{Ending, Signal};

/// The exit status that goes with an ending.
///
/// | status | ending |
/// | --- | --- |
/// | 0 | graceful; of datagrams: connectionless, nothing was refused |
/// | 3 | no connection |
/// | 4 | reset |
/// | 5 | timed out, or the deadline passed |
/// | 6 | truncated |
/// | 7 | our own input or output failed |
/// | 8 | indeterminate |
/// | 130 | interrupted: SIGINT |
/// | 143 | terminated: SIGTERM, or SIGHUP |
pub const fn exit_code(ending: Ending) -> u8 {
    match ending {
        Ending::Graceful | Ending::Connectionless => 0,
        Ending::NoConnection => 3,
        Ending::Reset { .. } => 4,
        Ending::TimedOut { .. } => 5,
        Ending::Truncated => 6,
        Ending::LocalFailure { .. } => 7,
        Ending::Interrupted { signal: Signal::Interrupt } => 130,
        // Whatever else ends us wants what SIGTERM wants.
        Ending::Interrupted { .. } => 143,
        // A variant that this version does not know is a fact that it does not have.
        _ => 8,
    }
}
