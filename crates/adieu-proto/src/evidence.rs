//! What was seen: faults told by calls, samples of the kernel's state, and their sum.

use crate::Time;
use core::time::Duration;

/// The call that told something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Call {
    /// `getaddrinfo`.
    Resolve,
    /// `connect`.
    Connect,
    /// `recv`.
    Receive,
    /// `send`.
    Send,
    /// `shutdown(SHUT_WR)`, `shutdown(SD_SEND)`.
    Shutdown,
    /// `getsockopt(SO_ERROR)`, which also clears the error.
    SocketError,
    /// `poll`, `WSAPoll`: it reported an error without its number.
    Poll,
}

impl Call {
    /// Every call.
    pub const ALL: &'static [Self] = &[
        Self::Resolve,
        Self::Connect,
        Self::Receive,
        Self::Send,
        Self::Shutdown,
        Self::SocketError,
        Self::Poll,
    ];

    /// The call's name as manual pages have it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Resolve => "getaddrinfo",
            Self::Connect => "connect",
            Self::Receive => "recv",
            Self::Send => "send",
            Self::Shutdown => "shutdown",
            Self::SocketError => "getsockopt(SO_ERROR)",
            Self::Poll => "poll",
        }
    }
}

/// What kind of fault a system error is, so that the core needs no platform's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FaultKind {
    /// `ECONNRESET`, `WSAECONNRESET`.
    Reset,
    /// `EPIPE`: on Linux what an RST becomes after the peer's FIN was received.
    BrokenPipe,
    /// `ECONNABORTED`, `WSAECONNABORTED`: our own system ended it.
    Aborted,
    /// `ETIMEDOUT`.
    TimedOut,
    /// `EHOSTUNREACH`, `ENETUNREACH` and their like. On an established connection: our kernel gave up
    /// retransmitting, and the last it heard was this.
    Unreachable,
    /// `ENOTCONN`: the connection is gone, and the cause was told to somebody else or to nobody.
    NotConnected,
    /// `ECONNREFUSED`.
    Refused,
    /// What a stream is carried in was broken or ended by the peer (a fatal TLS alert, a record that is not authentic),
    /// so it is not known to be whole.
    Protocol,
    /// Anything else: our own system's trouble.
    Other,
}

/// An error told by a call, once; the core keeps the first for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fault {
    /// The call that told it.
    pub call: Call,
    /// What it means.
    pub kind: FaultKind,
    /// The raw number of the operating system; absent where the call gave none.
    pub code: Option<i32>,
}

/// How much of what our kernel accepted the peer's TCP has not acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Unacknowledged {
    /// So many octets of sequence space: bytes, and one for our FIN once it is queued (Linux: `SIOCOUTQ`; macOS, FreeBSD, NetBSD: the
    /// send queue and the state of the TCP).
    Octets(u64),
    /// Our end and nothing else: the whole end mark that our transport ends its stream with (TLS close_notify), and our FIN.
    /// Everything before them is acknowledged, and no octet of them is.
    End,
    /// Some octets, our FIN among them; how many is not told (Windows, OpenBSD: the state of the TCP).
    Uncounted,
    /// There is nothing to acknowledge: both ends are in one kernel (Unix sockets), which has the bytes.
    NotApplicable,
    /// The same, and so much of the kernel's memory is held by what the peer's program has not taken yet (Linux:
    /// `SIOCOUTQ` of a Unix socket). It is no count of bytes: if it shrinks, the peer takes. It shrinks by whole pieces,
    /// of up to 36 KiB.
    Untaken(u64),
    /// This platform cannot tell.
    Unknown,
}

/// What reading SO_ERROR gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SocketError {
    /// It was read and is zero.
    Clear,
    /// It was read and told a fault (and is cleared by that).
    Fault(Fault),
    /// It could not be read.
    Unknown,
}

/// The kernel's state at one moment. A driver reads the acknowledgements first and SO_ERROR last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Sample {
    /// What the peer's TCP has not acknowledged yet.
    pub unacknowledged: Unacknowledged,
    /// What our kernel's TCP tells of the way to the peer.
    pub path: Path,
    /// SO_ERROR.
    pub socket_error: SocketError,
}

/// What our kernel's TCP tells of the way to the peer, and of what comes from there. What a platform does not tell is absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Path {
    /// How long ago the peer's TCP last acknowledged anything, an answered probe included (Linux:
    /// `tcpi_last_ack_recv`).
    pub last_heard: Option<Time>,
    /// Segments that have come from the peer, of any kind (Linux: `tcpi_segs_in`). Some acknowledge nothing: a keep-alive,
    /// or one that came before.
    pub segments_received: Option<u64>,
    /// How our kernel asks for an acknowledgement that is missing.
    pub asking: Option<Asking>,
    /// How long an answer of the peer's TCP takes at most, as far as was measured: the retransmission timeout without its
    /// backoff (RFC 6298).
    pub answer_within: Option<Duration>,
    /// The shortest time in which an answer of the peer's TCP was measured (Linux: `tcpi_min_rtt`).
    pub answer_after: Option<Duration>,
}

/// How our kernel asks for an acknowledgement that is missing: by sending again, or by probing a closed window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Asking {
    /// How often it has sent again since anything new was acknowledged (Linux: `tcpi_retransmits`).
    pub retransmissions: u32,
    /// How many probes have gone without an answer (Linux: `tcpi_probes`).
    pub probes: u32,
    /// How long after the last of either the next one is due.
    pub every: Duration,
}

/// Everything that was seen up to the close. What is not known is absent, never zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Evidence {
    /// `recv` returned 0 before any fault was told: the peer ended its sending side.
    pub eof: bool,
    /// The first fault that any call told.
    pub fault: Option<Fault>,
    /// SO_ERROR at the last look: clear, or not. `None`: never read, or unreadable.
    pub socket_error_clear: Option<bool>,
    /// Bytes that our kernel accepted and the peer's TCP has not acknowledged, at the last look. `None`: the
    /// platform or transport cannot tell.
    pub unacknowledged: Option<u64>,
    /// Our FIN was acknowledged. `None`: not sent, or cannot be told.
    pub fin_acknowledged: Option<bool>,
    /// The system's error number of our own failed end.
    pub local_code: Option<i32>,
    /// The stream's own end mark was seen. `None`: this stream has none.
    pub end_mark: Option<bool>,
    /// Only what we send has timed out: meanwhile the peer went on talking.
    pub peer_spoke: bool,
    /// The peer's TCP answered our end alone, our end mark and our FIN, with a reset: the peer had ended its stream and
    /// closed, and nobody was left to take a mark. Everything before it was acknowledged.
    ///
    /// It rests on this: the peer's stream had ended by its own mark and by EOF; our end was sent without an error; after the
    /// reset everything before it was acknowledged and no octet of it was; the reset came no sooner than an answer of the
    /// peer's takes; and the peer's TCP had been heard within the minute before. That its program had read everything is
    /// not known, as it never is without a receipt.
    ///
    /// The fastest answer that was ever seen on the connection is what an answer takes. So if our end is held up on its way, a reset
    /// that the peer sends by itself, in that extra time, is taken for the answer.
    pub end_refused: bool,
    /// The other side of a relay was cut before anything else ended this connection.
    pub other_side_cut: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_named_as_manual_pages_have_them() {
        use Call::{Connect, Poll, Receive, Resolve, Send, Shutdown, SocketError};
        let names = [Resolve, Connect, Receive, Send, Shutdown, SocketError, Poll].map(Call::name);
        assert_eq!(
            names,
            ["getaddrinfo", "connect", "recv", "send", "shutdown", "getsockopt(SO_ERROR)", "poll"]
        );
    }
}
