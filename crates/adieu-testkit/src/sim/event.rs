//! What a party did and saw, as a list that tests compare.

use adieu_proto::{Action, Call, Ending, Fault, FaultKind, LocalEnd, Sample, Side, Signal};

/// One thing that a party did or saw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SimEvent {
    /// The connection was there.
    Connected,
    /// `recv` gave so many bytes.
    Received(u64),
    /// `recv` gave 0.
    Eof,
    /// The kernel accepted so many bytes.
    Accepted(u64),
    /// A call told a fault.
    Fault(Fault),
    /// Our input ended.
    InputEnded,
    /// One of our own ends failed.
    LocalFailure(LocalEnd),
    /// Our output took so many bytes.
    Written(u64),
    /// An action was done. [`Action::Sample`] is [`SimEvent::Looked`].
    Did(Action),
    /// The kernel's state was looked at.
    Looked(Sample),
    /// A timer had come.
    Timeout,
    /// The program or a signal asked for something.
    Asked(Ask),
    /// This is the ending.
    Ended(Ending),
}

/// What a program or a signal asks a connection for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ask {
    /// A signal.
    Interrupt(Signal),
    /// Abort.
    Abort,
    /// Receive no more, close.
    GiveUp,
}

/// A fault as Linux tells it, with its number.
pub const fn fault(call: Call, kind: FaultKind) -> Fault {
    let code = match kind {
        FaultKind::Reset => Some(104),
        FaultKind::BrokenPipe => Some(32),
        FaultKind::Aborted => Some(103),
        FaultKind::TimedOut => Some(110),
        FaultKind::Unreachable => Some(113),
        FaultKind::NotConnected => Some(107),
        FaultKind::Refused => Some(111),
        _ => None,
    };
    Fault { call, kind, code }
}

pub(crate) const fn index(side: Side) -> usize {
    match side {
        Side::Us => 0,
        Side::Peer => 1,
    }
}

pub(crate) const fn other(side: Side) -> Side {
    match side {
        Side::Us => Side::Peer,
        Side::Peer => Side::Us,
    }
}
