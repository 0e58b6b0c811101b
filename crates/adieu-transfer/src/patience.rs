//! How long this side waits for the peer until both have agreed: for its hello, and for each message of the handshake.
//!
//! It reads and waits, and decides nothing: what an impatient wait means is for the [session](crate::session) to say. It
//! stands apart because the handshake of the secret waits in the same way, and knows nothing of sessions.

use crate::transport::Transport;
use std::cell::Cell;
use std::io;
use std::time::{Duration, Instant};

/// The limit for each message if the user has set none. A peer that speaks another protocol may wait for us for ever, and
/// nobody should have to guess why.
const EACH: Duration = Duration::from_secs(30);

/// How often `go_on` is asked.
const ASK: Duration = Duration::from_millis(100);

/// The limits of a wait for the peer, and what may end it earlier.
pub(crate) struct Waits<'a> {
    /// For each message.
    each: Duration,
    /// For all messages together.
    until: Cell<Option<Instant>>,
    within: Duration,
    go_on: Option<&'a dyn Fn() -> bool>,
    gate: Option<&'a dyn Fn() -> bool>,
}

impl<'a> Waits<'a> {
    /// A wait of at most `each` for a message (30 s if it is `None`), and of at most `within` for all of them. `go_on` says
    /// whether to wait any longer. `gate` is the one of [`pass`](Self::pass).
    pub(crate) fn new(
        each: Option<Duration>,
        within: Option<Duration>,
        go_on: Option<&'a dyn Fn() -> bool>,
        gate: Option<&'a dyn Fn() -> bool>,
    ) -> Self {
        Self {
            each: each.unwrap_or(EACH),
            until: Cell::new(within.and_then(|within| Instant::now().checked_add(within))),
            within: within.unwrap_or_default(),
            go_on,
            gate,
        }
    }

    /// The time that is left for a message that has been waited for since `since`.
    pub(crate) fn left(&self, since: Instant) -> Duration {
        let now = Instant::now();
        // A limit beyond the clock's end is as good as none.
        let each = since.checked_add(self.each);
        let left = |until: Instant| until.saturating_duration_since(now);
        [each, self.until.get()].into_iter().flatten().map(left).min().unwrap_or(self.each)
    }

    /// The part of that time to wait before `go_on` is asked again.
    pub(crate) fn slice(&self, left: Duration) -> Duration {
        if self.go_on.is_some() { left.min(ASK) } else { left }
    }

    /// Whether `go_on` has ended the wait.
    pub(crate) fn is_over(&self) -> bool {
        !self.go_on.is_none_or(|go_on| go_on())
    }

    /// The limit that ended the wait, for people.
    pub(crate) fn limit(&self) -> Duration {
        let is_all = self.until.get().is_some_and(|until| until <= Instant::now());
        if is_all { self.within.min(self.each) } else { self.each }
    }

    /// Goes through the gate. The time that this takes is not the peer's, and does not count.
    ///
    /// # Errors
    ///
    /// The gate stays closed.
    pub(crate) fn pass(&self) -> io::Result<()> {
        let Some(gate) = self.gate else { return Ok(()) };
        let began = Instant::now();
        let is_open = gate();
        self.until.set(self.until.get().and_then(|until| until.checked_add(began.elapsed())));
        if is_open { Ok(()) } else { Err(io::ErrorKind::ConnectionAborted.into()) }
    }
}

/// Why the peer's bytes did not come.
#[derive(Debug)]
pub(crate) enum NotRead {
    /// The peer was silent for longer than this limit.
    Silent(Duration),
    /// The connection ended or failed, or the wait was not to go on.
    Link(io::Error),
}

impl From<io::Error> for NotRead {
    fn from(error: io::Error) -> Self {
        Self::Link(error)
    }
}

/// A limit as a sentence names it.
pub(crate) fn in_words(limit: Duration) -> String {
    if limit.subsec_millis() == 0 {
        format!("{} s", limit.as_secs())
    } else {
        format!("{} ms", limit.as_millis())
    }
}

/// Fills the buffer, and takes not a byte more from the stream.
///
/// # Errors
///
/// [`NotRead::Silent`] if a limit has passed; else what the connection failed with, `UnexpectedEof` if the peer ended before.
pub(crate) fn read_exactly<T: Transport>(
    link: &mut T,
    mut buffer: &mut [u8],
    waits: &Waits<'_>,
) -> Result<(), NotRead> {
    let began = Instant::now();
    while !buffer.is_empty() {
        let left = waits.left(began);
        let slice = waits.slice(left);
        // Asked after each byte too: a peer may send them one by one.
        if waits.is_over() {
            return Err(NotRead::Link(io::ErrorKind::ConnectionAborted.into()));
        }
        match link.read_within(buffer, slice)? {
            None if slice < left => {}
            None => return Err(NotRead::Silent(waits.limit())),
            Some(0) => return Err(NotRead::Link(io::ErrorKind::UnexpectedEof.into())),
            Some(n) => buffer = &mut buffer[n..],
        }
    }
    Ok(())
}
