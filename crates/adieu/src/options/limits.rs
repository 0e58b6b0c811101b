//! The time limits of a connection.

use adieu_proto::{Config, InputGrace, InputSilence};
use std::time::{Duration, Instant};

/// What bounds a connection in time. The same for the side that connects and the one that listens.
///
/// By default: 30 s to connect, a dead peer noticed within about two and a half minutes, and no other limit: no idle timeout,
/// no deadline, and a silent input is waited for.
///
/// # Examples
///
/// ```
/// use adieu::{ConnectOptions, Limits};
/// use std::time::Duration;
///
/// let limits = Limits::new().idle_timeout(Duration::from_secs(10)).deadline(Duration::from_secs(60));
/// let options = ConnectOptions::new().limits(limits);
/// ```
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct Limits {
    pub(super) timers: Config,
    pub(super) deadline_at: Option<Instant>,
}

impl Limits {
    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Bounds connecting, name resolution and TLS handshake included; of a connection that a
    /// [`Listener`](crate::Listener) accepted, the TLS handshake alone. `None`: as long as the system takes, and a
    /// handshake for ever. Default: 30 s.
    pub fn connect_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.timers.connect_timeout = timeout.into();
        self
    }

    /// Ends the connection when the peer sent nothing, took nothing and acknowledged nothing for this long
    /// while we waited for it, in a TLS handshake too. Our own silent input or blocked output does not count.
    ///
    /// What is to be sent counts by itself: a peer that takes and acknowledges nothing of it for this long ends the connection,
    /// although it may go on talking. But it may be silent for as long as it takes or acknowledges something.
    /// Default: none.
    pub fn idle_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.timers.idle_timeout = timeout.into();
        self
    }

    /// As [`idle_timeout`](Self::idle_timeout), but only from our FIN on, and for what is left of the connection: how long the peer
    /// may take to acknowledge it, or to send. The shorter of both counts. Our stream is whole then, so the connection is closed and
    /// not reset. Default: none.
    pub fn idle_timeout_after_fin(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.timers.idle_timeout_after_fin = timeout.into();
        self
    }

    /// Whether a silence of the [idle timeout](Self::idle_timeout) is the end that the user wants, and no failure of the peer's: if
    /// our kernel has everything that our input gave, the connection is closed and not reset. The ending is
    /// [`TimedOut`](crate::Ending::TimedOut) all the same. Default: no.
    pub fn idle_ends(mut self, on: bool) -> Self {
        self.timers.idle_ends = on;
        self
    }

    /// Once the peer has acknowledged our FIN, waits no longer than this for its own end, even while bytes are moving. Then the
    /// connection is closed, not reset, and the ending is [`Indeterminate`](crate::Ending::Indeterminate) with
    /// [`Missing::PeerEof`](crate::Missing::PeerEof). Where acknowledgements cannot be told, the time counts from our FIN. Default:
    /// none.
    ///
    /// [`linger`](Self::linger) resets a peer that goes on sending, so that it does not take that for received; this leaves it to the
    /// system.
    pub fn drain_limit(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.timers.drain_limit = limit.into();
        self
    }

    /// Ends the connection when this much time has passed since connecting began, even while bytes are moving. Default: none.
    pub fn deadline(mut self, deadline: impl Into<Option<Duration>>) -> Self {
        self.timers.deadline = deadline.into();
        self
    }

    /// Bounds closing alone: from the moment our sending side is shut down, receiving the rest, the acknowledgements and the
    /// close take no longer than this, even while bytes are moving. A connection that is still sending is left alone, which a
    /// [`deadline`](Self::deadline) ends. For a client that half-closes before the answer it bounds the whole answer. Default:
    /// none.
    ///
    /// When the time is up the ending is [`TimedOut`](crate::Ending::TimedOut) with [`Timer::Linger`](crate::Timer::Linger). A
    /// peer that has not ended its side sees a reset, so it does not take what it still sends for received. It sees one too
    /// if something of ours is not acknowledged, which it then never gets: it cannot take the part for the whole. If only our
    /// own program has not taken everything yet, the connection is closed as usual.
    ///
    /// [`HalfClosed::drain_within`](crate::HalfClosed::drain_within) sets the same bound for one connection. It does not
    /// block in the close, as a linger time of SO_LINGER would.
    pub fn linger(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.timers.linger = limit.into();
        self
    }

    /// Ends every connection at this moment, however late it began: one deadline for several connections. A wait between
    /// them, such as [`Listener::accept`](crate::Listener::accept), is not bounded by it. The earlier of this and [`deadline`](Self::deadline) counts. Default: none.
    pub fn deadline_at(mut self, moment: impl Into<Option<Instant>>) -> Self {
        self.deadline_at = moment.into();
        self
    }

    /// In an [exchange](crate::exchange()), once the peer has ended its side: an input that is silent for this long counts
    /// as ended. `None`: its own end is waited for. Default: none.
    ///
    /// Ask for it only if the silence means that there is nothing more to send: the ending is then
    /// [`Graceful`](crate::Ending::Graceful), and [`Report::input_abandoned`](crate::Report::input_abandoned) says so.
    pub fn input_grace(mut self, grace: impl Into<Option<Duration>>) -> Self {
        self.timers.input_grace = grace.into().map(InputGrace::ends);
        self
    }

    /// In an [exchange](crate::exchange()), once the peer has ended its side: an input that is silent for this long is given
    /// up. The peer sees a reset, after what was sent is delivered, and the ending is
    /// [`Indeterminate`](crate::Ending::Indeterminate): nobody knows what the input would have given. `None`: its own end is
    /// waited for. Default: none. It replaces [`input_grace`](Self::input_grace).
    pub fn give_up_input_after(mut self, silence: impl Into<Option<Duration>>) -> Self {
        self.timers.input_grace = silence.into().map(InputGrace::gives_up);
        self
    }

    /// In an [exchange](crate::exchange()), once the peer has ended its side: an input that has given no byte, and is silent for this
    /// long, counts as ended. One that has given something has the time of [`input_grace`](Self::input_grace) or
    /// [`give_up_input_after`](Self::give_up_input_after). `None`: both have the same. Default: none.
    pub fn unused_input_grace(mut self, grace: impl Into<Option<Duration>>) -> Self {
        self.timers.unused_input_grace = grace.into();
        self
    }

    /// In an [exchange](crate::exchange()) whose input ends without a byte: our sending side stays open until the peer has
    /// ended its own, or has sent nothing for this long. So a peer that stops at our FIN is not cut, and our FIN says that its
    /// bytes were taken. `None`: it is shut down at the input's end. Default: none.
    pub fn peer_grace(mut self, silence: impl Into<Option<Duration>>) -> Self {
        self.timers.peer_grace = silence.into();
        self
    }

    /// Ends the connection if no byte has passed in either direction for this long after it was made: a client that
    /// connects and says nothing does not keep a service's place. Default: none.
    pub fn first_byte_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.timers.first_byte_timeout = timeout.into();
        self
    }

    /// In an [exchange](crate::exchange()), whose silence it is, for the [idle timeout](Self::idle_timeout), if the input and
    /// the peer both say nothing. Default: [`InputSilence::Ours`].
    pub fn input_silence(mut self, whose: InputSilence) -> Self {
        self.timers.input_silence = whose;
        self
    }
}
