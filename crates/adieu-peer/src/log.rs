//! What a peer saw and did, for whoever judges the program.

/// How the stream to the peer ended, as the peer saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReceivedEnd {
    /// `recv` returned 0.
    Eof,
    /// An RST arrived.
    Reset,
}

/// Why a step failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// The connection ended before the step did: the program's choice, maybe the right one.
    ConnectionEnded,
    /// Nothing happened until the wait's bound.
    NoProgress,
    /// A system call failed in another way: the harness, not the program.
    Os,
}

/// A step that could not be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The step's place in the script; `None` before the first, while connecting.
    pub step: Option<usize>,
    /// Why.
    pub kind: FailureKind,
    /// In words.
    pub what: String,
}

/// What the peer saw and did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PeerLog {
    /// A connection came to be.
    pub connected: bool,
    /// Bytes received, in order.
    pub received: u64,
    /// Offset of the first received byte that was not the program's pattern.
    pub first_wrong: Option<u64>,
    /// EOF, once seen. `None`: the peer did not receive so far.
    pub eof: bool,
    /// An RST arrived, before or after EOF.
    pub reset: bool,
    /// Bytes that the peer's kernel accepted for sending; whether they arrived is another matter.
    pub sent: u64,
    /// The script ran to its end.
    pub completed: bool,
    /// The step that ended the script early.
    pub failure: Option<Failure>,
}

impl PeerLog {
    /// How the stream to the peer ended; a reset outweighs an EOF seen before it.
    pub fn end(&self) -> Option<ReceivedEnd> {
        if self.reset { Some(ReceivedEnd::Reset) } else { self.eof.then_some(ReceivedEnd::Eof) }
    }
}
