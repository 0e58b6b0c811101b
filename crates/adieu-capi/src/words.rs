//! The words of a report as numbers, and back.
//!
//! In C a number stands for each; 0 always says that there is none. What this library's calls never give has no number: an
//! interrupt, for example, which C has no way to raise.

use adieu::{Call, Ending, LocalEnd, Missing, Phase, Role, Side, Timer, Transport};

/// How a connection ended. More may be added, so a switch should have a default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub enum adieu_ending {
    /// There is no report (yet).
    None = 0,
    /// Both directions ended by EOF, the peer's TCP acknowledged every byte and our FIN, and there
    /// was no error up to the close. It does not say that the peer's program has processed
    /// anything: only an answer of the peer can.
    Graceful = 1,
    /// An RST ended it: see reset_by. What the peer had not read is lost.
    Reset = 2,
    /// A bound passed: see timer. How much was not acknowledged is in bytes_unacknowledged.
    TimedOut = 3,
    /// Our own side failed, the peer is not to blame: see local_end.
    LocalFailure = 4,
    /// A fact that "graceful" needs could not be had: see missing. Everything may be well, and
    /// nobody can know.
    Indeterminate = 5,
    /// There never was a connection on this socket.
    NoConnection = 6,
}

/// The part of the procedure in which the cause of the ending came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub enum adieu_phase {
    /// There is no report (yet).
    None = 0,
    /// There is no connection.
    Connecting = 1,
    /// Our sending side was not yet shut down.
    Sending = 2,
    /// Our sending side was shut down, and the peer had not ended its own.
    Draining = 3,
    /// Both sides had ended. Acknowledgements and the close were left.
    Closing = 4,
}

/// One of the two ends of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub enum adieu_side {
    /// Neither, or it is not known.
    None = 0,
    /// This program.
    Us = 1,
    /// The other end.
    Peer = 2,
}

/// The timer that ended a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub enum adieu_timer {
    /// None did.
    None = 0,
    /// deadline_ms: the bound on the whole.
    Deadline = 1,
    /// idle_timeout_ms: the peer was silent.
    Idle = 2,
    /// The peer's system did not answer at all, not even probes.
    DeadPeer = 3,
    /// What was sent was sent again and again and never acknowledged, while the peer's system went
    /// on talking.
    Unacknowledged = 4,
    /// Our kernel gave up by itself (ETIMEDOUT).
    Kernel = 5,
}

/// What failed on our own side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub enum adieu_local_end {
    /// Nothing did.
    None = 0,
    /// late_bytes returned an error.
    Output = 1,
    /// The system, or what was given is not a socket that can be finished.
    Socket = 2,
}

/// The fact that is missing of an indeterminate ending.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub enum adieu_missing {
    /// None is.
    None = 0,
    /// The socket was closed before the peer had ended its side: ADIEU_AT_BOUND_CLOSE, after too
    /// many late bytes.
    PeerEof = 1,
    /// This platform does not tell what was acknowledged.
    Acknowledgement = 2,
    /// SO_ERROR could not be read.
    SocketError = 3,
    /// The connection was gone, and the reason was not reported. Linux reports it once: a recv() or
    /// send() of the program before may have been given it.
    Cause = 4,
}

/// The call that reported the first error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub enum adieu_call {
    /// No call did.
    None = 0,
    /// connect()
    Connect = 1,
    /// recv()
    Receive = 2,
    /// send()
    Send = 3,
    /// shutdown()
    Shutdown = 4,
    /// getsockopt(SO_ERROR)
    SocketError = 5,
    /// poll(), WSAPoll()
    Poll = 6,
}

/// Which side began a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub enum adieu_role {
    /// The program did not say.
    Unknown = 0,
    /// This side connected.
    Connect = 1,
    /// This side listened.
    Listen = 2,
}

/// What carries the bytes of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub enum adieu_transport {
    /// There was no connection.
    None = 0,
    /// TCP.
    Tcp = 1,
    /// Multipath TCP.
    Mptcp = 2,
    /// A Unix socket.
    Unix = 3,
}

/// A fact that is true, false or not known. Compare with one of these: as a condition alone, "not
/// known" would count as true.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub enum adieu_fact {
    /// Not known.
    Unknown = -1,
    /// No.
    No = 0,
    /// Yes.
    Yes = 1,
}

/// A word of a report that has a number in C.
pub(crate) trait Word: Copy + PartialEq + 'static {
    /// Each with its number.
    const NUMBERS: &[(i32, Self)];
}

/// A word without a number: this library's calls do not give it.
#[derive(Debug)]
pub(crate) struct NoNumber;

/// The number of a word. 0: there is none.
pub(crate) fn number<T: Word>(word: Option<T>) -> Result<i32, NoNumber> {
    let Some(word) = word else { return Ok(0) };
    T::NUMBERS.iter().find(|(_, one)| *one == word).map(|(number, _)| *number).ok_or(NoNumber)
}

/// The word of a number. `None`: there is none, or C has put a number there that is none of these.
pub(crate) fn word<T: Word>(number: i32) -> Option<T> {
    T::NUMBERS.iter().find(|(one, _)| *one == number).map(|(_, word)| *word)
}

/// The number of an ending, without what belongs to it.
pub(crate) fn number_of_ending(ending: Ending) -> Result<i32, NoNumber> {
    Ok(match ending {
        Ending::Graceful => adieu_ending::Graceful,
        Ending::Reset { .. } => adieu_ending::Reset,
        Ending::TimedOut { .. } => adieu_ending::TimedOut,
        Ending::LocalFailure { .. } => adieu_ending::LocalFailure,
        Ending::Indeterminate { .. } => adieu_ending::Indeterminate,
        Ending::NoConnection => adieu_ending::NoConnection,
        _ => return Err(NoNumber),
    } as i32)
}

impl Word for Phase {
    const NUMBERS: &[(i32, Self)] = &[
        (adieu_phase::Connecting as i32, Self::Connecting),
        (adieu_phase::Sending as i32, Self::Sending),
        (adieu_phase::Draining as i32, Self::Draining),
        (adieu_phase::Closing as i32, Self::Closing),
    ];
}

impl Word for Side {
    const NUMBERS: &[(i32, Self)] =
        &[(adieu_side::Us as i32, Self::Us), (adieu_side::Peer as i32, Self::Peer)];
}

impl Word for Timer {
    const NUMBERS: &[(i32, Self)] = &[
        (adieu_timer::Deadline as i32, Self::Deadline),
        (adieu_timer::Idle as i32, Self::Idle),
        (adieu_timer::DeadPeer as i32, Self::DeadPeer),
        (adieu_timer::Unacknowledged as i32, Self::Unacknowledged),
        (adieu_timer::Kernel as i32, Self::Kernel),
    ];
}

impl Word for LocalEnd {
    const NUMBERS: &[(i32, Self)] =
        &[(adieu_local_end::Output as i32, Self::Output), (adieu_local_end::Socket as i32, Self::Socket)];
}

impl Word for Missing {
    const NUMBERS: &[(i32, Self)] = &[
        (adieu_missing::PeerEof as i32, Self::PeerEof),
        (adieu_missing::Acknowledgement as i32, Self::Acknowledgement),
        (adieu_missing::SocketError as i32, Self::SocketError),
        (adieu_missing::Cause as i32, Self::Cause),
    ];
}

impl Word for Call {
    const NUMBERS: &[(i32, Self)] = &[
        (adieu_call::Connect as i32, Self::Connect),
        (adieu_call::Receive as i32, Self::Receive),
        (adieu_call::Send as i32, Self::Send),
        (adieu_call::Shutdown as i32, Self::Shutdown),
        (adieu_call::SocketError as i32, Self::SocketError),
        (adieu_call::Poll as i32, Self::Poll),
    ];
}

impl Word for Role {
    const NUMBERS: &[(i32, Self)] =
        &[(adieu_role::Connect as i32, Self::Connect), (adieu_role::Listen as i32, Self::Listen)];
}

impl Word for Transport {
    const NUMBERS: &[(i32, Self)] = &[
        (adieu_transport::Tcp as i32, Self::Tcp),
        (adieu_transport::Mptcp as i32, Self::Mptcp),
        (adieu_transport::Unix as i32, Self::Unix),
    ];
}
