//! What a peer does, as data.

use crate::pattern::Pattern;
use std::io;
use std::time::Duration;

/// A wait of the peer that sees no progress for this long fails its step. Longer than any scenario's hang limit:
/// a peer that gave up first would end a hang that is to be seen.
pub const STEP_BOUND: Duration = Duration::from_secs(45);

/// What the peer does, step by step. At the end of its script it closes, if it has not before.
pub type Script = [Step];

/// One thing a peer does on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Sets the kernel's receive buffer (Linux doubles the number), so that what we may have in flight stays
    /// small. As the first step of a script it is set before listening, early enough for the first window.
    ReceiveBuffer(usize),
    /// Sends the next `n` bytes of the peer's pattern.
    Send(u64),
    /// Receives exactly `n` bytes.
    Receive(u64),
    /// Receives until EOF, or until a reset, which is written down and does not end the script.
    ReceiveToEof,
    /// Receives until EOF, at most `chunk` bytes every `pause`: slow, but alive.
    ReceiveSlowly {
        /// Most bytes at a time.
        chunk: usize,
        /// Time between two chunks.
        pause: Duration,
    },
    /// Sends `total` bytes of the pattern, `chunk` at a time with a `pause` before each.
    Trickle {
        /// Bytes at a time.
        chunk: u64,
        /// Time before each chunk.
        pause: Duration,
        /// Bytes in all.
        total: u64,
    },
    /// Sends and receives nothing for this long. It is the peer's behaviour, never used to wait for something.
    Silence(Duration),
    /// Shuts down its sending side: FIN.
    ShutdownSend,
    /// Shuts down its receiving side. On Linux nothing of this is seen on the wire.
    ShutdownReceive,
    /// Aborts: RST instead of FIN (zero linger). On a Unix socket there is no reset; it just closes.
    Reset,
    /// Waits until at least `n` received bytes stand unread in its kernel, then closes: the kernel sends RST.
    CloseUnread(u64),
    /// Closes.
    Close,
    /// Waits until all it sent is acknowledged: it stands in our kernel, or further.
    AwaitAcknowledged,
    /// Waits until at least `n` received bytes stand unread in its kernel.
    AwaitClientBytes(u64),
    /// Waits until received bytes stand unread and no more have come for 150 ms: the sender is blocked.
    AwaitStalled,
    /// Sends the next byte of the pattern as urgent data (`MSG_OOB`).
    Urgent,
    /// Keeps the connection open, doing nothing, until the harness says that the program has exited.
    Hold,
    /// Sends `send` bytes and then shuts down its sending side, while it receives to EOF, both at full speed.
    Duplex {
        /// Bytes to send.
        send: u64,
    },
    /// Sends back all it receives until EOF. It verifies what it receives, so what comes back is the
    /// program's pattern, not the peer's.
    Echo,
    /// From now on every packet from and to the peer is dropped silently. Only for a peer whose [`Site`]
    /// can cut its wire.
    DropPackets,
}

/// What the peer sends if its script has no [`Step::Echo`], else what it gets.
pub fn pattern_sent_by(script: &Script) -> Pattern {
    if script.contains(&Step::Echo) { Pattern::of_program() } else { Pattern::of_peer() }
}

/// Called on the peer's thread; the error goes into the log.
pub type Action = Box<dyn FnMut() -> io::Result<()> + Send>;

/// Where the peer's thread runs: on this machine as it is, or somewhere whose wire can be cut.
#[derive(Default)]
pub struct Site {
    /// Called first on the peer's thread, to enter its network namespace.
    pub enter: Option<Action>,
    /// Makes [`Step::DropPackets`] true.
    pub cut: Option<Action>,
}
