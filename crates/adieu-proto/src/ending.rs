//! The words for how a connection ended. Data, not errors.

use crate::{Evidence, Time};

/// How a connection ended. Every connection has exactly one.
///
/// Source of the words: RFC 9293 and Winsock's "Graceful Shutdown, Linger Options, and Socket Closure".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Ending {
    /// Both directions ended by EOF, every byte and our FIN were acknowledged, and nothing up to our close said
    /// otherwise.
    ///
    /// Of a stream with an end mark of its own (TLS close_notify) also this: the peer had ended its stream and closed, so
    /// that its TCP could only refuse our end, with a reset; every byte before it was acknowledged. See
    /// [`Evidence::end_refused`].
    ///
    /// It does not say that the peer's application has processed anything: only a receipt could.
    Graceful,
    /// An RST ended it: the peer's; or ours, because the user asked for it or the other side of a relay was cut.
    Reset {
        /// Whose RST it was.
        by: Side,
    },
    /// The peer was silent too long, or the total time was up.
    TimedOut {
        /// Which timer ran out.
        timer: Timer,
    },
    /// The stream stopped before its own end mark (TLS `close_notify`, a receipt, a protocol's last line). Of datagrams: some
    /// are known to be lost, because the peer has refused them after others had passed, or because our system dropped what we
    /// did not read in time.
    Truncated,
    /// Our own input, output or system failed; the peer is not to blame.
    LocalFailure {
        /// Which of our ends failed.
        end: LocalEnd,
    },
    /// A signal or the program asked us to stop.
    Interrupted {
        /// What asked.
        signal: Signal,
    },
    /// An exchange of datagrams is over, and nothing speaks against it: our system took all that we gave it, and nobody refused
    /// anything.
    ///
    /// It is less than [`Ending::Graceful`]: nobody acknowledges a datagram, and nobody says that he has ended, so what became
    /// of those that were sent is not known. With many peers, that some refused is counted, and is no ending.
    Connectionless,
    /// A fact that is needed for [`Ending::Graceful`] could not be had.
    Indeterminate {
        /// The fact that is missing.
        missing: Missing,
    },
    /// There never was a connection: refused, unreachable, no such name. Of datagrams: refused before anything came back.
    NoConnection,
}

/// One of the two ends of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Side {
    /// This program.
    Us,
    /// The other end.
    Peer,
}

/// A timer that can end a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Timer {
    /// No address answered within the connect timeout.
    Connect,
    /// The peer sent nothing, took nothing and acknowledged nothing while we waited for it; or it sent, and neither took nor
    /// acknowledged anything of what we send.
    Idle,
    /// No byte passed in either direction.
    FirstByte,
    /// One side of a relay: the peer had ended its stream, and the other side then sent nothing for the limit.
    HalfOpen,
    /// The user's total time is up.
    Deadline,
    /// The bound on closing alone has passed, which counts from our shutdown of the sending side.
    Linger,
    /// The peer's TCP did not answer at all, not even probes, while data was outstanding.
    DeadPeer,
    /// What we sent was sent again and again and not acknowledged, while the peer's TCP went on talking: it does not arrive.
    Unacknowledged,
    /// Our kernel gave up by itself: keep-alive or retransmission (`ETIMEDOUT`).
    Kernel,
}

/// One of our own ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LocalEnd {
    /// Where the bytes to send come from.
    Input,
    /// Where the received bytes go.
    Output,
    /// The command whose standard input and output are the two directions.
    Command,
    /// Our own system: out of memory or buffers, forbidden by a local rule.
    Socket,
}

/// What asked us to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Signal {
    /// SIGINT, Ctrl-C.
    Interrupt,
    /// SIGTERM, and whatever else means the same.
    Terminate,
    /// SIGHUP, a closed terminal; Windows tells no such thing apart.
    Hangup,
}

/// A fact that is needed for [`Ending::Graceful`] and is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Missing {
    /// We closed before the peer had ended its side.
    PeerEof,
    /// Our input was given up while it was silent: what it would still have given is not known.
    InputEnd,
    /// This platform or transport cannot tell what was acknowledged.
    Acknowledgement,
    /// SO_ERROR could not be read.
    SocketError,
    /// The connection was gone and no call said why.
    Cause,
}

/// The part of the procedure a connection was in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Phase {
    /// No connection yet.
    Connecting,
    /// Our sending side is open.
    Sending,
    /// Our sending side is shut down; the peer's is open.
    Draining,
    /// Both directions have ended; acknowledgements and the close are left.
    Closing,
}

/// The one result of a connection: the ending, the phase it happened in, and the evidence it rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Outcome {
    /// How it ended.
    pub ending: Ending,
    /// In which phase the cause of the ending came.
    pub phase: Phase,
    /// What was seen.
    pub evidence: Evidence,
    /// When the ending was decided.
    pub at: Time,
}

impl Ending {
    /// The ending's name in reports: `graceful`, `reset`, `timed_out`, …
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Graceful => "graceful",
            Self::Reset { .. } => "reset",
            Self::TimedOut { .. } => "timed_out",
            Self::Truncated => "truncated",
            Self::LocalFailure { .. } => "local_failure",
            Self::Interrupted { .. } => "interrupted",
            Self::Connectionless => "connectionless",
            Self::Indeterminate { .. } => "indeterminate",
            Self::NoConnection => "no_connection",
        }
    }
}

impl Phase {
    /// Every phase, in order.
    pub const ALL: &'static [Self] = &[Self::Connecting, Self::Sending, Self::Draining, Self::Closing];

    /// The phase's name in reports: `connecting`, `sending`, `draining`, `closing`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Connecting => "connecting",
            Self::Sending => "sending",
            Self::Draining => "draining",
            Self::Closing => "closing",
        }
    }
}

impl Side {
    /// Both sides.
    pub const ALL: &'static [Self] = &[Self::Us, Self::Peer];

    /// The side's name in reports: `us`, `peer`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Us => "us",
            Self::Peer => "peer",
        }
    }
}

impl Timer {
    /// Every timer.
    pub const ALL: &'static [Self] = &[
        Self::Connect,
        Self::Idle,
        Self::FirstByte,
        Self::HalfOpen,
        Self::Deadline,
        Self::Linger,
        Self::DeadPeer,
        Self::Unacknowledged,
        Self::Kernel,
    ];

    /// The timer's name in reports: `connect`, `idle`, `first_byte`, `half_open`, `deadline`, `linger`, `dead_peer`,
    /// `unacknowledged`, `kernel`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Idle => "idle",
            Self::FirstByte => "first_byte",
            Self::HalfOpen => "half_open",
            Self::Deadline => "deadline",
            Self::Linger => "linger",
            Self::DeadPeer => "dead_peer",
            Self::Unacknowledged => "unacknowledged",
            Self::Kernel => "kernel",
        }
    }
}

impl LocalEnd {
    /// Every end of ours.
    pub const ALL: &'static [Self] = &[Self::Input, Self::Output, Self::Command, Self::Socket];

    /// The end's name in reports: `input`, `output`, `command`, `socket`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::Output => "output",
            Self::Command => "command",
            Self::Socket => "socket",
        }
    }
}

impl Missing {
    /// Every fact that can be missing.
    pub const ALL: &'static [Self] =
        &[Self::PeerEof, Self::InputEnd, Self::Acknowledgement, Self::SocketError, Self::Cause];

    /// The fact's name in reports: `peer_eof`, `input_end`, `acknowledgement`, `socket_error`, `cause`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::PeerEof => "peer_eof",
            Self::InputEnd => "input_end",
            Self::Acknowledgement => "acknowledgement",
            Self::SocketError => "socket_error",
            Self::Cause => "cause",
        }
    }
}

impl Signal {
    /// Every signal.
    pub const ALL: &'static [Self] = &[Self::Interrupt, Self::Terminate, Self::Hangup];

    /// The signal's number on Unix.
    pub const fn number(self) -> u8 {
        match self {
            Self::Interrupt => 2,
            Self::Terminate => 15,
            Self::Hangup => 1,
        }
    }

    /// The signal's name: `SIGINT`, `SIGTERM`, `SIGHUP`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Interrupt => "SIGINT",
            Self::Terminate => "SIGTERM",
            Self::Hangup => "SIGHUP",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_of_a_report_has_its_name() {
        let endings = [
            Ending::Graceful,
            Ending::Reset { by: Side::Us },
            Ending::TimedOut { timer: Timer::Idle },
            Ending::Truncated,
            Ending::LocalFailure { end: LocalEnd::Input },
            Ending::Interrupted { signal: Signal::Hangup },
            Ending::Connectionless,
            Ending::Indeterminate { missing: Missing::Cause },
            Ending::NoConnection,
        ];
        assert_eq!(
            endings.map(|ending| ending.name()),
            [
                "graceful",
                "reset",
                "timed_out",
                "truncated",
                "local_failure",
                "interrupted",
                "connectionless",
                "indeterminate",
                "no_connection"
            ]
        );
        let phases = [Phase::Connecting, Phase::Sending, Phase::Draining, Phase::Closing];
        assert_eq!(phases.map(Phase::name), ["connecting", "sending", "draining", "closing"]);
        assert_eq!([Side::Us, Side::Peer].map(Side::name), ["us", "peer"]);
        let timers = [
            Timer::Connect,
            Timer::Idle,
            Timer::FirstByte,
            Timer::HalfOpen,
            Timer::Deadline,
            Timer::Linger,
            Timer::DeadPeer,
            Timer::Unacknowledged,
            Timer::Kernel,
        ];
        assert_eq!(
            timers.map(Timer::name),
            [
                "connect",
                "idle",
                "first_byte",
                "half_open",
                "deadline",
                "linger",
                "dead_peer",
                "unacknowledged",
                "kernel"
            ]
        );
        let ends = [LocalEnd::Input, LocalEnd::Output, LocalEnd::Command, LocalEnd::Socket];
        assert_eq!(ends.map(LocalEnd::name), ["input", "output", "command", "socket"]);
        let facts = [
            Missing::PeerEof,
            Missing::InputEnd,
            Missing::Acknowledgement,
            Missing::SocketError,
            Missing::Cause,
        ];
        assert_eq!(
            facts.map(Missing::name),
            ["peer_eof", "input_end", "acknowledgement", "socket_error", "cause"]
        );
    }

    #[test]
    fn signals_have_the_names_and_numbers_of_unix() {
        let signals = [Signal::Interrupt, Signal::Terminate, Signal::Hangup];
        assert_eq!(signals.map(Signal::name), ["SIGINT", "SIGTERM", "SIGHUP"]);
        assert_eq!(signals.map(Signal::number), [2, 15, 1]);
    }
}
