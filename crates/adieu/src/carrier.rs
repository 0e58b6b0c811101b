//! What carries a connection's two streams over its socket, where the bytes of the streams are not what is on the wire.
//!
//! A carrier makes no system call and knows nothing of the core. It takes what was received, and gives what is to be sent;
//! the [link](crate::link) makes the calls and tells the core what they came to. *Bytes* are the application's here, and
//! *octets* are what is on the wire.
//!
//! A link without a carrier moves the bytes as they are, and then the kernel can move them by itself. The only carrier is
//! TLS: [`tls::Session`](crate::tls::Session), a type without values where TLS is not built, so that everything that asks
//! for one is compiled away.

use crate::Words;
use crate::tls::{Alert, HandshakeError, TlsFacts};
use adieu_proto::Timer;
use std::io;

/// How far a handshake has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(dead_code, reason = "without TLS there is none")]
pub(crate) enum HandshakeState {
    Done,
    /// More from the peer.
    NeedsInput,
    /// It has failed; see [`Carrier::refusal`].
    Failed,
}

/// How the peer's direction stands, as far as it has been opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PeerStream {
    Open,
    /// The peer has said that it ends here.
    Ended,
    /// It can be neither opened nor sent to any more.
    Broken,
}

/// Where the next octets of the peer's come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(dead_code, reason = "without TLS there is none")]
pub(crate) enum OctetsFrom {
    /// The carrier that this one is in had this many, which can be opened now.
    Here(usize),
    /// The socket.
    Socket,
    /// Nowhere: the carrier that this one is in has ended.
    Nowhere,
}

/// Where octets from the socket have gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(dead_code, reason = "without TLS there is none")]
pub(crate) enum Arrived {
    /// They can be opened now.
    Here,
    /// To the carrier that this one is in: see [`Carrier::octets_from`].
    Outside,
    /// Nowhere: that carrier had ended before.
    Nowhere,
}

/// Why a carrier is broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Broken {
    /// The peer's alert. `None`: it sent none.
    pub(crate) alert: Option<Alert>,
    /// In words.
    pub(crate) words: String,
}

/// What a link asks of a carrier.
pub(crate) trait Carrier: Sized {
    /// Carries this one's octets in `outer`, from now on.
    fn within(self, outer: Self) -> Self;

    // ---- the handshake ----

    /// Goes on as far as what was received allows.
    fn handshake(&mut self) -> HandshakeState;

    /// Why the handshake has failed.
    fn refusal(&self) -> HandshakeError;

    /// What an EOF before the end of the handshake means.
    fn early_eof(&self) -> HandshakeError;

    /// What the end of the outer carrier before the end of the handshake means.
    fn early_outer_end(&self) -> HandshakeError;

    /// What an error of a call before the end of the handshake means.
    fn early_fault(&self, error: &io::Error) -> HandshakeError;

    /// What it means that a time was over before the end of the handshake.
    fn out_of_time(&self, timer: Timer) -> Words;

    /// What the handshake has agreed on so far, for the report.
    fn describe(&self, facts: &mut TlsFacts);

    // ---- from us to the peer ----

    /// Whether anything waits here until our kernel takes it.
    fn has_unsent(&self) -> bool;

    /// The octets to be sent next. Empty: nothing waits, or what [waits](Self::has_unsent) cannot be carried any more.
    fn unsent(&mut self) -> &[u8];

    /// Our kernel has accepted this many of the unsent octets. Returns how many of the stream's bytes that completes.
    fn sent(&mut self, octets: usize) -> u64;

    /// Takes a piece of the bytes. Only when nothing waits. 0: it cannot.
    fn seal(&mut self, bytes: &[u8]) -> usize;

    /// How many bytes it has taken in all.
    fn sealed(&self) -> u64;

    /// Ends our direction.
    fn end(&mut self);

    /// Whether our direction is ended.
    fn has_ended(&self) -> bool;

    // ---- from the peer to us ----

    /// Where the octets that are to be opened next come from.
    fn octets_from(&mut self, peer_has_ended: bool) -> OctetsFrom;

    /// Room for octets from the socket. Only once everything that can be opened is.
    fn room(&mut self) -> &mut [u8];

    /// This many octets were received from the socket.
    fn received(&mut self, octets: usize) -> Arrived;

    /// Opens what was received, as far as there is room. 0: more must be received, or nothing comes any more.
    fn open(&mut self, into: &mut [u8]) -> usize;

    /// Opens some of what was received, to see what it is. True: there are bytes, which wait here.
    fn holds_bytes(&mut self) -> bool;

    /// The bytes that wait here.
    fn held(&self) -> &[u8];

    /// Takes this many of the bytes that are [held](Self::held).
    fn take_held(&mut self, bytes: usize);

    /// The handshake with a proxy is over: the connection's own streams begin here.
    fn begin_streams(&mut self);

    /// How the peer's direction stands.
    fn peer_stream(&self) -> PeerStream;

    /// Why this carrier is broken. `None`: it is not.
    fn broken(&self) -> Option<Broken>;

    /// Throws away what was received: nothing counts after the peer's end.
    fn ignore_received(&mut self);

    /// Whether a part of what can be opened only as a whole was received.
    ///
    /// `None`: it is not known.
    fn is_within_record(&self) -> Option<bool>;

    /// How the direction of the outer carrier's peer stands; open if there is no such carrier.
    fn outer_stream(&self) -> PeerStream;

    /// Why the outer carrier is broken, in words. `None`: it is not, or there is none.
    fn outer_broken(&self) -> Option<String>;

    // ---- acknowledgements ----

    /// This many octets are not acknowledged. Returns how many of the stream's bytes are not.
    fn unacknowledged(&mut self, octets: u64) -> u64;

    /// Nobody can tell what is acknowledged.
    fn acknowledgements_unknown(&mut self);

    /// Whether it is time to look at the acknowledgements, so that what is remembered of them does not grow.
    fn needs_sample(&mut self) -> bool;
}
