//! What is made of the bytes of an exchange on their way, and when: ends of a flow that stand before the true ones.
//!
//! Each end here is a source or a sink that asks the one behind it, so that the pump stays one and knows nothing of options.
//! Where nothing is asked of an end, a direct way goes on behind it. An exchange without options has none of these.
//!
//! | option | stands before |
//! | --- | --- |
//! | line ends, a delay after each line | our input |
//! | a limited rate | our input, and the connection's receiving side |
//! | telnet | the connection's receiving side; the answers come out of our input |
//! | a tap | both sides of the connection |
//! | nothing is received | our output |
//! | so many receives | the connection's receiving side, and our input, which ends then |
//! | a FIN that is held back | the connection's sending side, which tells the core |

mod lines;
mod telnet;

use super::ends::{End, Gave, Pair, Sink, Source, Took};
use super::{Loop, Peer};
use crate::handle::Handle;
use crate::options::{AtInputEnd, ExchangeOptions, Tap, Way};
use crate::os::{Lane, RateLimit};
use adieu_proto::{LocalEnd, Time};
pub(crate) use lines::{Crlf, LineDelay};
use std::io;
use std::time::Duration;
use telnet::Telnet;

/// How long the peer of a connection that only sends may take to end its side after everything is acknowledged.
const DRAIN_LIMIT: Duration = Duration::from_secs(5);

/// How much is received at once where receives are counted.
const RECEIVED_AT_ONCE: usize = 16 * 1024;

/// How much of our input is prepared at once.
const PREPARED_AT_ONCE: usize = 16 * 1024;

/// The options of one exchange, at work.
pub(crate) struct Shaping {
    input: InputShape,
    receive_rate: Option<RateLimit>,
    telnet: Option<Telnet>,
    tap: Tapped,
    send_only: bool,
    held_fin: Option<AtInputEnd>,
    receives: Option<Receives>,
}

impl Shaping {
    pub(crate) fn new(options: ExchangeOptions) -> Self {
        let rate = || options.limit_rate.filter(|rate| *rate > 0).map(|rate| RateLimit::new(Some(rate)));
        Self {
            input: InputShape {
                crlf: options.crlf.then(Crlf::default),
                line_delay: options.line_delay.map(LineDelay::new),
                rate: rate(),
                prepared: Vec::new(),
                given: 0,
                raw: Vec::new(),
                has_ended: false,
            },
            receive_rate: rate(),
            telnet: options.telnet.then(Telnet::default),
            held_fin: options.held_fin(),
            send_only: options.send_only,
            receives: options.receive_limit.map(|left| Receives { left, has_ended: false, is_told: false }),
            tap: Tapped { tap: options.tap, failed: None },
        }
    }

    pub(crate) fn begin<H: Handle>(&self, peer: &mut Peer<H>) {
        if self.send_only {
            peer.link.core.limit_drain(DRAIN_LIMIT);
        }
    }

    /// Whether somebody reads what the peer sends.
    pub(crate) const fn takes_output(&self) -> bool {
        !self.send_only
    }

    /// Whether as much was received as was asked for.
    pub(crate) fn has_received_enough(&self) -> bool {
        self.receives.as_ref().is_some_and(|receives| receives.left == 0)
    }

    /// Why the tap failed, once.
    pub(crate) fn take_failure(&mut self) -> Option<io::Error> {
        self.tap.failed.take()
    }

    /// From the peer to our output. `at_once`: what is there is handed on whatever the rate.
    pub(crate) fn down<H: Handle, K: Sink, R>(
        &mut self,
        peer: &mut Peer<H>,
        output: &mut K,
        at_once: bool,
        f: impl FnOnce(&mut Pair<'_, PeerEnd<'_, H>, OutputEnd<'_, K>>) -> R,
    ) -> R {
        let mut peer = PeerEnd {
            peer,
            tap: &mut self.tap,
            rate: self.receive_rate.as_mut().filter(|_| !at_once),
            telnet: self.telnet.as_mut(),
            receives: self.receives.as_mut(),
            answers: false,
            held_fin: None,
        };
        f(&mut Pair(&mut peer, &mut OutputEnd { output, discards: self.send_only }))
    }

    /// From our input to the peer.
    pub(crate) fn up<S: Source, H: Handle, R>(
        &mut self,
        input: &mut S,
        peer: &mut Peer<H>,
        f: impl FnOnce(&mut Pair<'_, InputEnd<'_, S>, PeerEnd<'_, H>>) -> R,
    ) -> R {
        let can_answer = peer.link.core.wants().input || peer.link.core.holds_fin();
        if let Some(telnet) = self.telnet.as_mut().filter(|_| !can_answer) {
            telnet.drop_answers();
        }
        let answers = self.telnet.as_ref().is_some_and(Telnet::has_answers);
        let is_enough = self.receives.as_mut().is_some_and(|receives| receives.are_over(peer));
        let (shape, telnet) = (&mut self.input, self.telnet.as_mut());
        let mut input = InputEnd { input, shape, telnet, is_counted: self.receives.is_some(), is_enough };
        let held_fin = self.held_fin.filter(|_| !is_enough);
        let mut peer =
            PeerEnd { peer, tap: &mut self.tap, rate: None, telnet: None, receives: None, answers, held_fin };
        f(&mut Pair(&mut input, &mut peer))
    }

    /// From the peer to itself.
    pub(crate) fn echo<H: Handle, R>(
        &mut self,
        peer: &mut Peer<H>,
        f: impl FnOnce(&mut Loop<'_, PeerEnd<'_, H>>) -> R,
    ) -> R {
        let rate = self.receive_rate.as_mut();
        let mut peer = PeerEnd {
            peer,
            tap: &mut self.tap,
            rate,
            telnet: None,
            receives: None,
            answers: false,
            held_fin: None,
        };
        f(&mut Loop(&mut peer))
    }
}

/// How often something may still be received.
struct Receives {
    left: u64,
    /// The peer has ended its side. Over TLS its FIN is still to come.
    has_ended: bool,
    /// The core knows that there are no more.
    is_told: bool,
}

impl Receives {
    /// Whether there are no more. The peer's end is not waited for then, once what came is handed on.
    fn are_over<H: Handle>(&mut self, peer: &mut Peer<H>) -> bool {
        if self.left > 0 {
            return false;
        }
        let counts = peer.link.core.counts();
        if !self.is_told && counts.received == counts.written + counts.discarded {
            self.is_told = true;
            let now = peer.link.now();
            if !self.has_ended {
                peer.link.core.limit_drain(Duration::ZERO);
            }
            peer.link.core.release_fin(now);
        }
        true
    }
}

struct Tapped {
    tap: Option<Tap>,
    failed: Option<io::Error>,
}

impl Tapped {
    fn show(&mut self, way: Way, bytes: &[u8]) {
        if let Some(tap) = &mut self.tap
            && !bytes.is_empty()
            && let Err(error) = tap(way, bytes)
        {
            (self.tap, self.failed) = (None, Some(error));
        }
    }
}

/// What is made of our input.
struct InputShape {
    crlf: Option<Crlf>,
    line_delay: Option<LineDelay>,
    rate: Option<RateLimit>,
    /// What was read and is not sent yet, ready to go.
    prepared: Vec<u8>,
    /// How much of that is gone.
    given: usize,
    /// Where the input is read into.
    raw: Vec<u8>,
    has_ended: bool,
}

impl InputShape {
    fn is_plain(&self) -> bool {
        self.crlf.is_none() && self.line_delay.is_none() && self.rate.is_none()
    }

    fn left(&self) -> Duration {
        let rate = self.rate.as_ref().map_or(Duration::ZERO, RateLimit::left);
        rate.max(self.line_delay.as_ref().map_or(Duration::ZERO, LineDelay::left))
    }

    fn has_prepared(&self) -> bool {
        self.given < self.prepared.len()
    }

    /// Reads something and prepares it. `None`: it is prepared.
    fn prepare(&mut self, input: &mut impl Source) -> Option<Gave> {
        self.given = 0;
        self.prepared.clear();
        self.raw.resize(PREPARED_AT_ONCE, 0);
        let n = match input.read(&mut self.raw) {
            Gave::Bytes(n) => n,
            other => return Some(other),
        };
        match &mut self.crlf {
            Some(crlf) => crlf.translate(&self.raw[..n], &mut self.prepared),
            None => self.prepared.extend_from_slice(&self.raw[..n]),
        }
        None
    }

    fn read(&mut self, input: &mut impl Source, room: &mut [u8]) -> Gave {
        let most = self.rate.as_ref().map_or(room.len(), |rate| rate.piece(room.len()));
        let room = &mut room[..most];
        let gave = if self.crlf.is_none() && self.line_delay.is_none() {
            input.read(room)
        } else if !self.has_prepared()
            && let Some(other) = self.prepare(input)
        {
            other
        } else {
            Gave::Bytes(self.give(room))
        };
        match gave {
            Gave::Bytes(n) => {
                if let Some(rate) = &mut self.rate {
                    rate.after(n as u64);
                }
            }
            Gave::Ended => self.has_ended = true,
            Gave::Blocked | Gave::Cut | Gave::Failed(_) => {}
        }
        gave
    }

    fn give(&mut self, room: &mut [u8]) -> usize {
        let prepared = &self.prepared[self.given..];
        let most = if self.line_delay.is_some() { LineDelay::piece(prepared) } else { prepared.len() };
        let n = room.len().min(most);
        room[..n].copy_from_slice(&prepared[..n]);
        self.given += n;
        if let Some(delay) = &mut self.line_delay {
            delay.after(&room[..n]);
        }
        n
    }
}

/// Our input.
pub(crate) struct InputEnd<'a, S> {
    input: &'a mut S,
    shape: &'a mut InputShape,
    telnet: Option<&'a mut Telnet>,
    /// It ends by what is received, which the way around us would not see.
    is_counted: bool,
    /// As much was received as was asked for: nothing more is read.
    is_enough: bool,
}

impl<S> InputEnd<'_, S> {
    fn has_answers(&self) -> bool {
        self.telnet.as_ref().is_some_and(|telnet| telnet.has_answers())
    }

    fn is_plain(&self) -> bool {
        self.telnet.is_none() && self.shape.is_plain() && !self.is_counted
    }
}

impl<S: Source> Source for InputEnd<'_, S> {
    const NOTHING_IS_END: bool = S::NOTHING_IS_END;

    fn is_open(&self) -> bool {
        self.has_answers() || (!self.shape.has_ended && self.input.is_open())
    }

    fn is_ready(&mut self) -> bool {
        self.has_answers()
            || (!self.shape.has_ended
                && self.shape.left().is_zero()
                && (self.shape.has_prepared() || self.is_enough || self.input.is_ready()))
    }

    fn pause(&self) -> Option<Duration> {
        Some(self.shape.left()).filter(|left| !left.is_zero() && !self.has_answers())
    }

    fn read(&mut self, room: &mut [u8]) -> Gave {
        match &mut self.telnet {
            Some(telnet) if telnet.has_answers() => Gave::Bytes(telnet.take_answers(room)),
            _ if self.is_enough && !self.shape.has_prepared() => {
                self.shape.has_ended = true;
                Gave::Ended
            }
            _ => self.shape.read(self.input, room),
        }
    }

    fn at_end(&mut self) -> Gave {
        self.input.at_end()
    }

    fn failing_end(&self) -> LocalEnd {
        self.input.failing_end()
    }

    fn is_long(&self) -> bool {
        self.is_plain() && self.input.is_long()
    }

    fn lane(&self) -> Lane<'_> {
        if self.is_plain() { self.input.lane() } else { Lane::none() }
    }

    fn passed_out(&mut self, n: usize, all: bool) {
        self.input.passed_out(n, all);
    }

    fn set_blocked(&mut self) {
        self.input.set_blocked();
    }

    fn failed(&mut self, error: &io::Error) {
        self.input.failed(error);
    }

    fn set_ready(&mut self) {
        self.input.set_ready();
    }
}

/// Our output.
pub(crate) struct OutputEnd<'a, K> {
    output: &'a mut K,
    /// Nobody wants what the peer sends.
    discards: bool,
}

impl<K: Sink> Sink for OutputEnd<'_, K> {
    fn is_ready(&self) -> bool {
        self.discards || self.output.is_ready()
    }

    fn is_held_up(&self) -> bool {
        self.output.is_held_up()
    }

    fn give(&mut self, bytes: &[u8]) -> Took {
        if self.discards { Took::Refused } else { self.output.give(bytes) }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.output.flush()
    }

    fn note_read(&mut self, n: usize) -> io::Result<()> {
        // Of telnet, commands alone may have come.
        if self.discards || n == 0 { Ok(()) } else { self.output.note_read(n) }
    }

    fn is_settled(&self) -> bool {
        self.output.is_settled()
    }

    fn end(&mut self) -> io::Result<()> {
        self.output.end()
    }

    fn cut(&mut self) {
        self.output.cut();
    }

    fn lane(&self) -> Lane<'_> {
        if self.discards { Lane::null() } else { self.output.lane() }
    }

    fn discards(&self) -> bool {
        self.discards
    }

    fn set_blocked(&mut self) {
        self.output.set_blocked();
    }

    fn failed(&mut self, error: &io::Error) {
        self.output.failed(error);
    }
}

/// The connection, by either side.
pub(crate) struct PeerEnd<'a, H: Handle> {
    peer: &'a mut Peer<H>,
    tap: &'a mut Tapped,
    /// Of what is received.
    rate: Option<&'a mut RateLimit>,
    telnet: Option<&'a mut Telnet>,
    /// What is left of those that were asked for.
    receives: Option<&'a mut Receives>,
    /// Answers wait in our input.
    answers: bool,
    held_fin: Option<AtInputEnd>,
}

impl<H: Handle> PeerEnd<'_, H> {
    fn is_plain(&self) -> bool {
        self.tap.tap.is_none() && self.rate.is_none() && self.telnet.is_none() && self.receives.is_none()
    }

    /// Something was received, or the peer's end.
    fn has_received(&mut self) {
        if let Some(receives) = &mut self.receives {
            receives.left = receives.left.saturating_sub(1);
        }
    }
}

impl<H: Handle> Source for PeerEnd<'_, H> {
    const NOTHING_IS_END: bool = Peer::<H>::NOTHING_IS_END;

    fn is_open(&self) -> bool {
        Source::is_open(self.peer)
            && self.telnet.as_ref().is_none_or(|telnet| !telnet.is_full())
            && self.receives.as_ref().is_none_or(|receives| receives.left > 0 || receives.has_ended)
    }

    fn is_ready(&mut self) -> bool {
        self.pause().is_none() && Source::is_ready(self.peer)
    }

    fn pause(&self) -> Option<Duration> {
        self.rate.as_ref().map(|rate| rate.left()).filter(|left| !left.is_zero())
    }

    fn read(&mut self, room: &mut [u8]) -> Gave {
        let most = self.rate.as_ref().map_or(room.len(), |rate| rate.piece(room.len()));
        let most = if self.receives.is_some() { most.min(RECEIVED_AT_ONCE) } else { most };
        let n = match self.peer.read(&mut room[..most]) {
            Gave::Bytes(n) => n,
            Gave::Ended => {
                self.has_received();
                if let Some(receives) = &mut self.receives {
                    receives.has_ended = true;
                }
                return Gave::Ended;
            }
            other => return other,
        };
        self.has_received();
        self.tap.show(Way::FromPeer, &room[..n]);
        if let Some(rate) = &mut self.rate {
            rate.after(n as u64);
        }
        let Some(telnet) = &mut self.telnet else { return Gave::Bytes(n) };
        let data = telnet.filter(&mut room[..n]);
        if data < n {
            self.peer.discarded(n - data);
        }
        Gave::Bytes(data)
    }

    fn at_end(&mut self) -> Gave {
        Source::at_end(self.peer)
    }

    fn end(&self) -> Option<End> {
        Source::end(self.peer)
    }

    fn is_drained(&self) -> bool {
        self.peer.is_drained()
    }

    fn is_long(&self) -> bool {
        self.is_plain() && Source::is_long(self.peer)
    }

    fn lane(&self) -> Lane<'_> {
        if self.is_plain() { Source::lane(self.peer) } else { Lane::none() }
    }

    fn passed_out(&mut self, n: usize, all: bool) {
        self.peer.passed_out(n, all);
    }

    fn set_blocked(&mut self) {
        Source::set_blocked(self.peer);
    }

    fn failed(&mut self, error: &io::Error) {
        Source::failed(self.peer, error);
    }

    fn set_ready(&mut self) {
        self.peer.set_ready();
    }

    fn handed_on(&mut self, n: usize) {
        self.peer.handed_on(n);
    }

    fn discarded(&mut self, n: usize) {
        self.peer.discarded(n);
    }

    fn sink_ended(&mut self) {
        self.peer.sink_ended();
    }

    fn sink_failed(&mut self, error: &io::Error) {
        self.peer.sink_failed(error);
    }
}

impl<H: Handle> Sink for PeerEnd<'_, H> {
    fn is_open(&self) -> bool {
        Sink::is_open(self.peer) || (self.answers && self.peer.link.core.holds_fin())
    }

    fn has_work(&self, holds: bool) -> bool {
        self.peer.has_work(holds)
    }

    fn is_ready(&self) -> bool {
        Sink::is_ready(self.peer)
    }

    fn give(&mut self, bytes: &[u8]) -> Took {
        let took = self.peer.give(bytes);
        if let Took::Bytes(n) = took {
            self.tap.show(Way::ToPeer, &bytes[..n]);
        }
        took
    }

    fn note_read(&mut self, n: usize) -> io::Result<()> {
        self.peer.note_read(n)
    }

    fn note_end(&mut self) {
        let until = match self.held_fin {
            None | Some(AtInputEnd::HalfClose) => return self.peer.note_end(),
            Some(AtInputEnd::AfterPeer) => None,
            Some(AtInputEnd::After(limit)) => Some(self.peer.link.now().saturating_add(limit)),
        };
        self.peer.link.core.hold_fin(until);
        self.peer.note_end();
    }

    fn source_failed(&mut self, end: LocalEnd, error: &io::Error) {
        self.peer.source_failed(end, error);
    }

    fn is_settled(&self) -> bool {
        self.peer.is_settled()
    }

    fn end(&mut self) -> io::Result<()> {
        Sink::end(self.peer)
    }

    fn cut(&mut self) {
        self.peer.cut();
    }

    fn is_long(&self) -> bool {
        self.tap.tap.is_none() && Sink::is_long(self.peer)
    }

    fn lane(&self) -> Lane<'_> {
        if self.tap.tap.is_none() { Sink::lane(self.peer) } else { Lane::none() }
    }

    fn now(&self) -> Time {
        Sink::now(self.peer)
    }

    fn passed_in(&mut self, at: Time, n: usize) {
        self.peer.passed_in(at, n);
    }

    fn set_blocked(&mut self) {
        Sink::set_blocked(self.peer);
    }

    fn failed(&mut self, error: &io::Error) {
        Sink::failed(self.peer, error);
    }
}
