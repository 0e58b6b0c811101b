//! The options of an exchange: when our FIN is sent, and how the bytes are changed on their way.

use std::fmt;
use std::io;
use std::time::Duration;

/// Which way bytes crossed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Way {
    /// From us to the peer: our kernel has accepted them.
    ToPeer,
    /// From the peer to us: our kernel has given them.
    FromPeer,
}

/// When our sending side is shut down, once our input has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum AtInputEnd {
    /// At once: the peer reads EOF while we still receive.
    #[default]
    HalfClose,
    /// Once the peer has ended its own side. Until then it reads no end, and a peer that waits for one waits for ever, unless an
    /// [idle timeout](crate::Limits::idle_timeout) or a deadline ends the connection. For peers that drop what they still have to
    /// say when they read an EOF.
    ///
    /// If such a limit passes meanwhile, or a signal comes, the connection is closed and not reset, because everything that our
    /// input gave was sent. Over TLS the peer then misses our close_notify.
    AfterPeer,
    /// This long after our input's end; or once the peer has ended its own side, if that is sooner.
    After(Duration),
}

pub(crate) type Tap = Box<dyn FnMut(Way, &[u8]) -> io::Result<()> + Send>;

/// What an [exchange](crate::exchange_with()) does beside moving the bytes. The default does nothing, and costs nothing.
///
/// # Platforms
///
/// The same on every system. These are options of the blocking face; on tokio, put them into the reader and the writer that the
/// exchange is given.
///
/// # Examples
///
/// A dump of what crosses, at 10 kB a second each way:
///
/// ```no_run
/// use adieu::exchange::{AtInputEnd, ExchangeOptions, Input, Output};
/// # let connection = adieu::connect(&adieu::Endpoint::tcp("localhost", 80), &adieu::ConnectOptions::new())?;
/// let options = ExchangeOptions::new()
///     .crlf(true)
///     .limit_rate(10_000)
///     .at_input_end(AtInputEnd::AfterPeer)
///     .tap(|way, bytes| {
///         eprintln!("{way:?}: {}", bytes.escape_ascii());
///         Ok(())
///     });
/// let report = adieu::exchange_with(connection, Input::from_bytes("HELO\n"), Output::stdout()?, options);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Default)]
#[must_use]
pub struct ExchangeOptions {
    pub(crate) at_input_end: Option<AtInputEnd>,
    pub(crate) crlf: bool,
    pub(crate) limit_rate: Option<u64>,
    pub(crate) line_delay: Option<Duration>,
    pub(crate) telnet: bool,
    pub(crate) tap: Option<Tap>,
    pub(crate) send_only: bool,
    pub(crate) recv_only: bool,
    pub(crate) receive_limit: Option<u64>,
}

impl ExchangeOptions {
    /// Nothing beside moving the bytes.
    pub fn new() -> Self {
        Self::default()
    }

    /// When our sending side is shut down, once our input has ended. Default: [`AtInputEnd::HalfClose`], and
    /// [`AtInputEnd::AfterPeer`] with [`recv_only`](Self::recv_only).
    pub fn at_input_end(mut self, when: AtInputEnd) -> Self {
        self.at_input_end = Some(when);
        self
    }

    /// Sends CR LF for each LF of our input that has no CR before it. CR LF stays as it is. Default: no.
    ///
    /// The report counts what was sent, with the CRs.
    pub fn crlf(mut self, crlf: bool) -> Self {
        self.crlf = crlf;
        self
    }

    /// Moves at most this many bytes per second in each direction, on average. `None` and 0: no limit. Default: none.
    ///
    /// The peer's bytes wait in our kernel, and then in the peer's, because the window closes. No such wait counts as the peer's
    /// silence.
    pub fn limit_rate(mut self, bytes_per_second: impl Into<Option<u64>>) -> Self {
        self.limit_rate = bytes_per_second.into().filter(|rate| *rate > 0);
        self
    }

    /// Waits this long after each line of our input before the next is sent. Lines end with LF; what the input gives after its
    /// last LF is sent at once. Default: none.
    ///
    /// These waits are ours: they count neither as the peer's silence nor as our input's.
    pub fn line_delay(mut self, delay: impl Into<Option<Duration>>) -> Self {
        self.line_delay = delay.into().filter(|delay| !delay.is_zero());
        self
    }

    /// Refuses every telnet option that the peer asks for or offers: DO is answered by WONT, and WILL by DONT. Commands are taken
    /// out of what is received, and count as discarded; the answers count as sent. What we send is left as it is. Default: no.
    ///
    /// After our FIN nothing can be answered, and the commands are dropped.
    ///
    /// # RFC
    ///
    /// RFC 854 (commands and the doubled IAC), RFC 1143 (a refusal is answered by nothing).
    pub fn telnet(mut self, telnet: bool) -> Self {
        self.telnet = telnet;
        self
    }

    /// Shows `tap` what crosses, in its order: what our kernel has accepted, after [`crlf`](Self::crlf), and what it has given,
    /// before [`telnet`](Self::telnet) takes anything out. With TLS that is the plain text. Default: none.
    ///
    /// `tap` is called on the exchange's thread, which waits for it. If it fails, that is a failure of the output: the connection is
    /// reset, because a dump that stops in the middle would look whole. The bytes that it failed on have crossed all the same.
    pub fn tap(mut self, tap: impl FnMut(Way, &[u8]) -> io::Result<()> + Send + 'static) -> Self {
        self.tap = Some(Box::new(tap));
        self
    }

    /// Throws away what the peer sends. It is received all the same, so that the peer is not held up, and counts as discarded.
    ///
    /// The end is as true as without: our FIN is sent at our input's end, and its acknowledgement waited for. After that the peer has
    /// 5 s to end its own side. If it does not, the connection is closed, and the ending is
    /// [`Indeterminate`](crate::Ending::Indeterminate) with [`Missing::PeerEof`](crate::Missing::PeerEof).
    pub fn send_only(mut self) -> Self {
        self.send_only = true;
        self
    }

    /// Reads nothing from the input, which is dropped: our stream is empty, and whole. Our FIN is sent after the peer's, unless
    /// [`at_input_end`](Self::at_input_end) says otherwise, so that a peer that stops at our FIN is not cut. An input that is empty
    /// by itself ends the sending side at once.
    pub fn recv_only(mut self) -> Self {
        self.recv_only = true;
        self
    }

    /// Ends the exchange once this much was received: so many pieces of at most 16 KiB, as our kernel gave them, the peer's end being
    /// one; or so many datagrams. 0 is taken for 1. Default: no such limit.
    ///
    /// Nothing more is read from our input and from the peer then. What was read is sent and written, our FIN goes at once, and the
    /// connection is closed when the peer has acknowledged everything. If the peer has not ended by then, the ending is
    /// [`Indeterminate`](crate::Ending::Indeterminate) with [`Missing::PeerEof`](crate::Missing::PeerEof). TCP keeps no borders
    /// between what was sent: one piece may be half of what the peer sent at once, or all of it together.
    pub fn receive_limit(mut self, receives: impl Into<Option<u64>>) -> Self {
        self.receive_limit = receives.into().map(|receives| receives.max(1));
        self
    }

    pub(crate) fn held_fin(&self) -> Option<AtInputEnd> {
        let default = if self.recv_only { AtInputEnd::AfterPeer } else { AtInputEnd::HalfClose };
        Some(self.at_input_end.unwrap_or(default)).filter(|when| *when != AtInputEnd::HalfClose)
    }

    /// Whether anything is asked for.
    pub(crate) fn is_plain(&self) -> bool {
        let Self {
            at_input_end: _,
            crlf,
            limit_rate,
            line_delay,
            telnet,
            tap,
            send_only,
            recv_only,
            receive_limit,
        } = self;
        let shapes = *crlf || *telnet || *send_only || *recv_only;
        let paces = limit_rate.is_some() || line_delay.is_some();
        !(shapes || paces || tap.is_some() || receive_limit.is_some() || self.held_fin().is_some())
    }
}

impl fmt::Debug for ExchangeOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExchangeOptions")
            .field("at_input_end", &self.at_input_end)
            .field("crlf", &self.crlf)
            .field("limit_rate", &self.limit_rate)
            .field("line_delay", &self.line_delay)
            .field("telnet", &self.telnet)
            .field("send_only", &self.send_only)
            .field("recv_only", &self.recv_only)
            .field("receive_limit", &self.receive_limit)
            .finish_non_exhaustive()
    }
}
