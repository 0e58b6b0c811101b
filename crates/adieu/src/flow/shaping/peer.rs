//! The connection, by either side: what is received at a rate, without telnet's commands and so often; what is sent with a FIN that may
//! be held back; and both before the eyes of a tap.

use super::telnet::Telnet;
use crate::flow::Peer;
use crate::flow::ends::{End, Gave, Sink, Source, Took};
use crate::handle::Handle;
use crate::options::{AtInputEnd, Tap, Way};
use crate::os::{Lane, RateLimit};
use adieu_proto::{LocalEnd, Time};
use std::io;
use std::time::Duration;

/// How much is received at once where receives are counted.
const RECEIVED_AT_ONCE: usize = 16 * 1024;

/// How often something may still be received.
pub(super) struct Receives {
    pub(super) left: u64,
    /// The peer has ended its side. Over TLS its FIN is still to come.
    has_ended: bool,
    /// The core knows that there are no more.
    is_told: bool,
}

impl Receives {
    pub(super) const fn of(limit: u64) -> Self {
        Self { left: limit, has_ended: false, is_told: false }
    }

    /// Whether there are no more. The peer's end is not waited for then, once what came is handed on.
    pub(super) fn are_over<H: Handle>(&mut self, peer: &mut Peer<H>) -> bool {
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
            peer.link.core.handle_enough(now);
            peer.link.core.release_fin(now);
        }
        true
    }
}

/// Whoever is shown what crosses.
pub(super) struct Tapped {
    tap: Option<Tap>,
    pub(super) failed: Option<io::Error>,
}

impl Tapped {
    pub(super) const fn by(tap: Option<Tap>) -> Self {
        Self { tap, failed: None }
    }

    fn show(&mut self, way: Way, bytes: &[u8]) {
        if let Some(tap) = &mut self.tap
            && !bytes.is_empty()
            && let Err(error) = tap(way, bytes)
        {
            (self.tap, self.failed) = (None, Some(error));
        }
    }
}

/// The connection, by either side.
pub(crate) struct PeerEnd<'a, H: Handle> {
    pub(super) peer: &'a mut Peer<H>,
    pub(super) tap: &'a mut Tapped,
    /// Of what is received.
    pub(super) rate: Option<&'a mut RateLimit>,
    pub(super) telnet: Option<&'a mut Telnet>,
    /// What is left of those that were asked for.
    pub(super) receives: Option<&'a mut Receives>,
    /// Answers wait in our input.
    pub(super) answers: bool,
    pub(super) held_fin: Option<AtInputEnd>,
}

impl<'a, H: Handle> PeerEnd<'a, H> {
    /// One of which nothing is asked but to be shown.
    pub(super) const fn tapped(peer: &'a mut Peer<H>, tap: &'a mut Tapped) -> Self {
        Self { peer, tap, rate: None, telnet: None, receives: None, answers: false, held_fin: None }
    }

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
