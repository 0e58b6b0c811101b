//! What bounds a connection, as whoever begins it says so.

use core::time::Duration;

/// What bounds a connection. `None` is no bound.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Config {
    /// From the start until a connection is there.
    pub connect_timeout: Option<Duration>,
    /// The peer sent nothing, took nothing and acknowledged nothing for this long while we waited for it; also in a
    /// handshake of its transport's. And the peer took and acknowledged nothing for this long of what we send, although it
    /// may have sent.
    pub idle_timeout: Option<Duration>,
    /// From the start to the end of all.
    pub deadline: Option<Duration>,
    /// From our shutdown of the sending side to the end of all: it bounds the closing, and leaves a connection alone whose
    /// sending side is open. Bytes that move do not lengthen it.
    pub linger: Option<Duration>,
    /// What becomes of an input that stays silent after the peer's EOF. `None` waits for the input's own end.
    pub input_grace: Option<InputGrace>,
    /// In place of [`input_grace`](Self::input_grace) as long as our input has given no byte: what is silent from the beginning
    /// counts as ended after this long, because nothing of a stream can be missing that nobody has begun.
    pub unused_input_grace: Option<Duration>,
    /// Whose silence it is if our input and the peer both say nothing.
    pub input_silence: InputSilence,
    /// A silence of the idle timeout is what the user calls the end: a connection that is over by it is closed and not aborted, if
    /// our kernel has everything that our input gave.
    pub idle_ends: bool,
    /// The idle timeout from our FIN on, if it is shorter then.
    pub idle_timeout_after_fin: Option<Duration>,
    /// From the acknowledgement of our FIN to the peer's end; from our FIN where acknowledgements cannot be told. Then the
    /// connection is closed, and its ending is [`Indeterminate`](crate::Ending::Indeterminate).
    pub drain_limit: Option<Duration>,
    /// If our input ends without having given a byte, our sending side stays open until the peer has ended its own, or
    /// has sent nothing for this long. `None`: it is shut down at the input's end.
    pub peer_grace: Option<Duration>,
    /// No byte has passed in either direction for this long since the connection was there.
    pub first_byte_timeout: Option<Duration>,
    /// An ending that needs an abort is put off until the peer's TCP has acknowledged what was sent before, unless it
    /// acknowledges nothing for this long.
    pub flush_timeout: Duration,
    /// What is outstanding was sent again and again, or a closed window probed, and no segment came of the peer's, or none
    /// that acknowledged what was sent again, for about this long. A stalled peer whose system is alive answers probes and is
    /// never taken for dead. It is judged by what our kernel asked last (see [`Path::asking`](crate::Path)), so a way that
    /// is broken for five eighths of this is survived however rarely the kernel asks.
    pub dead_peer: Option<Duration>,
    /// Both directions have ended, the peer's by the stream's own end (TLS close_notify), and only its transport's EOF
    /// is missing, for this long; or for eight times as long as an answer takes at most on this path, up to six times this.
    pub eof_grace: Option<Duration>,
    /// Once the peer has ended its stream inside its transport (TLS close_notify), our own end waits for this long at most
    /// until the transport's EOF is there too. A peer that closes at once sends it in the same breath. If our end mark were there
    /// before, unread, the peer's close would be a reset: nobody could tell it from that of a peer that left our bytes
    /// unread. `None`: our end does not wait. See also [`Connection::release_end`](crate::Connection::release_end).
    pub end_hold: Option<Duration>,
    /// The stream has an end mark of its own, and EOF before it is a truncation.
    pub end_mark: bool,
    /// A time limit that passes after our half-close aborts the connection too: the peer sees a reset. Otherwise it is closed,
    /// because our stream was whole.
    pub abort_at_limit: bool,
}

impl Config {
    /// How long a dead peer goes unnoticed by default, about. A way that is broken for 90 s is survived on every kernel; and
    /// one for 120 s where the kernel asks every 20 s.
    pub const DEAD_PEER: Duration = Duration::from_secs(145);
    /// How long an abort waits for the next acknowledgement by default.
    pub const FLUSH_TIMEOUT: Duration = Duration::from_secs(10);
    /// How long the peer may leave its transport open by default, once both streams have ended.
    pub const EOF_GRACE: Duration = Duration::from_secs(5);
    /// How long our end waits for the EOF of a peer that has ended its stream, where it does: longer than a busy system leaves
    /// a program between two of its calls.
    pub const END_HOLD: Duration = Duration::from_millis(50);
    /// How long connecting may take by default.
    pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);
}

impl Default for Config {
    fn default() -> Self {
        Self {
            connect_timeout: Some(Self::CONNECT_TIMEOUT),
            idle_timeout: None,
            deadline: None,
            linger: None,
            drain_limit: None,
            input_grace: None,
            unused_input_grace: None,
            input_silence: InputSilence::Ours,
            idle_ends: false,
            idle_timeout_after_fin: None,
            peer_grace: None,
            first_byte_timeout: None,
            flush_timeout: Self::FLUSH_TIMEOUT,
            dead_peer: Some(Self::DEAD_PEER),
            eof_grace: Some(Self::EOF_GRACE),
            end_hold: None,
            end_mark: false,
            abort_at_limit: false,
        }
    }
}

/// How long a silent input may hold up the end once the peer has ended its side, and what its silence then means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct InputGrace {
    /// How long the input may be silent.
    pub after: Duration,
    /// Its silence counts as its end, because the user said so: we half-close. Otherwise nobody knows what would have
    /// come, so the connection is aborted and its ending is [`Indeterminate`](crate::Ending::Indeterminate).
    pub is_end: bool,
}

impl InputGrace {
    /// A silence of this length counts as the input's end.
    pub const fn ends(after: Duration) -> Self {
        Self { after, is_end: true }
    }

    /// An input that was silent for this long is given up.
    pub const fn gives_up(after: Duration) -> Self {
        Self { after, is_end: false }
    }
}

/// Whose silence it is, for the idle timeout, if our input gives nothing and the peer sends nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum InputSilence {
    /// Ours: the input is slow.
    #[default]
    Ours,
    /// Ours once the input has given something. Before that it only waits, and the peer is to speak.
    OursOnceItGave,
    /// The peer's: the input answers what the peer sends, as a command does.
    Peers,
}
