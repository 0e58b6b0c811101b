//! The options of `finish`: its time limits, and the sink for bytes that still arrive.

use crate::{Limits, ListenOptions, Options, Role};
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What late bytes are handed to.
pub(super) type LateSink = Arc<Mutex<dyn FnMut(&[u8]) -> io::Result<()> + Send>>;

/// How a connection is finished: the bounds on it, and what becomes of the bytes that the peer still sends.
///
/// By default the whole takes 30 s at most, late bytes are thrown away however many they are, and at the bound the connection is
/// reset. Nothing here blocks for longer than its bound, and SO_LINGER's blocking close is never used.
///
/// # Examples
///
/// ```
/// use adieu::Finish;
/// use std::time::Duration;
///
/// // As a web server does after an early error answer: at most 30 s, and no longer than 5 s of silence.
/// let finish = Finish::new().deadline(Duration::from_secs(30)).idle_timeout(Duration::from_secs(5));
/// ```
#[derive(Clone)]
#[must_use]
pub struct Finish {
    deadline: Option<Duration>,
    idle_timeout: Option<Duration>,
    pub(super) late_sink: Option<LateSink>,
    pub(super) late_limit: Option<u64>,
    pub(super) at_bound: AtBound,
    pub(crate) role: Option<Role>,
}

/// What is done at a bound: the deadline, the idle timeout, the limit of late bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum AtBound {
    /// The connection is reset (RFC 9293, section 3.10.5, ABORT): both systems free what they hold for it at once, and the peer's
    /// program is told. What the peer's TCP has not acknowledged is lost; on Windows the peer loses also what it has not
    /// received yet.
    #[default]
    Reset,
    /// The socket is closed. Our system goes on sending what is not acknowledged, for as long as it does that for a closed socket
    /// (Linux: `tcp_orphan_retries`), and answers what the peer still sends with a reset. Linux and BSD send a reset at once if
    /// received bytes are unread. A TLS stream is not whole before our system has taken its `close_notify`, and is then reset all
    /// the same.
    Close,
}

impl Default for Finish {
    fn default() -> Self {
        Self {
            deadline: Some(Self::DEADLINE),
            idle_timeout: None,
            late_sink: None,
            late_limit: None,
            at_bound: AtBound::default(),
            role: None,
        }
    }
}

impl Finish {
    /// The deadline if none is given: 30 s.
    pub const DEADLINE: Duration = Duration::from_secs(30);

    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Bounds the whole, from the call on. When it passes the ending is [`TimedOut`](crate::Ending::TimedOut) by the
    /// [deadline](crate::Timer::Deadline). `None`: no bound; a peer that is alive and never ends its side is then waited for
    /// for ever. Default: [`DEADLINE`](Self::DEADLINE).
    pub fn deadline(mut self, deadline: impl Into<Option<Duration>>) -> Self {
        self.deadline = deadline.into();
        self
    }

    /// Bounds the peer's silence: the ending is [`TimedOut`](crate::Ending::TimedOut) by the [idle timer](crate::Timer::Idle)
    /// when the peer sent nothing, took nothing and acknowledged nothing for this long. Default: none.
    pub fn idle_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.idle_timeout = timeout.into();
        self
    }

    /// Hands the bytes that the peer still sends to `sink`, in order, on the thread that finishes. Without it they are thrown
    /// away, and counted as [discarded](crate::Report::bytes_discarded).
    ///
    /// If the sink fails, the connection is reset and its ending is [`LocalFailure`](crate::Ending::LocalFailure). One `Finish`
    /// can finish many connections: the sink then gets the bytes of all of them.
    pub fn late_bytes(mut self, sink: impl FnMut(&[u8]) -> io::Result<()> + Send + 'static) -> Self {
        self.late_sink = Some(Arc::new(Mutex::new(sink)));
        self
    }

    /// Ends the connection once the peer has sent more than this many bytes more: by a reset of ours
    /// ([`Reset`](crate::Ending::Reset)), or as [`at_bound`](Self::at_bound) says. `None`: any number. Default: none.
    pub fn late_limit(mut self, bytes: impl Into<Option<u64>>) -> Self {
        self.late_limit = bytes.into();
        self
    }

    /// What is done when the deadline or the idle timeout passes, or the limit of late bytes is exceeded. Default:
    /// [`AtBound::Reset`].
    pub fn at_bound(mut self, at_bound: AtBound) -> Self {
        self.at_bound = at_bound;
        self
    }

    /// Which side began the connection, for the [report](crate::Report::role): no system remembers it. Default: not known.
    ///
    /// On Linux it is also evidence. If a program has shut down its sending side itself, and the peer has ended too, the connection
    /// is over before it is finished here. That this was graceful the kernel's counters show of the side that began, and of the
    /// other only if its role is told; otherwise the ending is [`Indeterminate`](crate::Ending::Indeterminate).
    pub fn role(mut self, role: impl Into<Option<Role>>) -> Self {
        self.role = role.into();
        self
    }

    /// The same as options of a connection.
    pub(super) fn options(&self) -> Options {
        let limits = Limits::new().deadline(self.deadline).idle_timeout(self.idle_timeout);
        let mut options = ListenOptions::new().limits(limits).0;
        options.timers.abort_at_limit = self.at_bound == AtBound::Reset;
        options
    }
}

impl fmt::Debug for Finish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Finish")
            .field("deadline", &self.deadline)
            .field("idle_timeout", &self.idle_timeout)
            .field("late_limit", &self.late_limit)
            .field("at_bound", &self.at_bound)
            .field("role", &self.role)
            .finish_non_exhaustive()
    }
}
