//! What one side of a relay does, as data.

use std::borrow::Cow;
use std::time::Duration;

/// A small receive buffer, which is no smaller than a segment of the loopback device: the kernel would wait between two.
const NARROW: usize = 64 * 1024;

/// One thing that a client or an upstream program does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Sends the next `n` bytes of its pattern.
    Send(u64),
    /// Receives exactly `n` bytes.
    Receive(u64),
    /// Receives until the other side's stream has ended, and notes how.
    ReceiveToEnd,
    /// The same, with at most `chunk` bytes every `pause`: slow, but alive.
    ReceiveSlowly {
        /// Most bytes at a time.
        chunk: usize,
        /// Time between two of them.
        pause: Duration,
    },
    /// Sends `n` bytes and ends its stream, while it receives to the end.
    Exchange(u64),
    /// Ends its stream: FIN, with TLS after close_notify.
    End,
    /// FIN alone: with TLS the stream is cut.
    Fin,
    /// Waits until everything it sent is acknowledged.
    AwaitAcknowledged,
    /// Waits until so many bytes stand unread in its kernel, or the other side has ended.
    AwaitUnread(u64),
    /// Does nothing for this long: a stall. Never used to wait for something.
    Pause(Duration),
    /// Closes with an RST.
    Reset,
    /// Closes, whatever stands unread: if something does, the kernel resets.
    Close,
    /// Sends octets as they are, beside TLS: broken records.
    Garbage,
}

/// What one side does, step by step. After the last it keeps its connection until the other side has come to its end too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script {
    /// For people.
    pub name: Cow<'static, str>,
    /// The steps.
    pub steps: Cow<'static, [Step]>,
    /// The size of its receive buffer, where it is not the kernel's.
    pub receive_buffer: Option<usize>,
}

impl Script {
    /// One with the kernel's buffers.
    pub const fn new(name: &'static str, steps: &'static [Step]) -> Self {
        Self { name: Cow::Borrowed(name), steps: Cow::Borrowed(steps), receive_buffer: None }
    }

    /// One with a small receive buffer, so that what it does not read stays on the way.
    pub const fn narrow(name: &'static str, steps: &'static [Step]) -> Self {
        Self { name: Cow::Borrowed(name), steps: Cow::Borrowed(steps), receive_buffer: Some(NARROW) }
    }

    /// How many bytes it sends, if nothing ends it early.
    pub fn sends(&self) -> u64 {
        let bytes = |step: &Step| match step {
            Step::Send(n) | Step::Exchange(n) => *n,
            _ => 0,
        };
        self.steps.iter().map(bytes).sum()
    }

    /// Whether it ends its connection by anything but both ends of streams.
    pub fn is_abortive(&self) -> bool {
        self.steps.iter().any(|step| matches!(step, Step::Reset | Step::Close | Step::Fin | Step::Garbage))
    }
}
