//! A connection as an end of a flow: a source by its receiving side, a sink by its sending side.
//!
//! It remembers what its socket is known to be ready for, and tells its core what becomes of the bytes.

use super::End;
use super::ends::{Gave, Sink, Source, Took};
use super::low_water::LowWater;
use crate::handle::Handle;
#[cfg(feature = "tokio")]
use crate::handle::Readiness;
use crate::link::{Link, Moved};
use crate::os::{self, Lane};
use adieu_proto::{LocalEnd, Time};
use std::io;
use std::time::Duration;

pub(crate) struct Peer<H: Handle> {
    pub(crate) link: Box<Link<H>>,
    /// The socket may have something.
    may_receive: bool,
    /// The socket may take something.
    may_send: bool,
    sends_since_receive: u32,
    low_water: LowWater,
    /// It is a side of a relay, which says when the end of its input counts.
    is_relayed: bool,
    /// Its input has ended, and it was not told.
    holds_end: bool,
}

impl<H: Handle> Peer<H> {
    pub(crate) fn new(link: Box<Link<H>>) -> Self {
        // With TLS, what came with the end of the handshake may be here already; without, what was looked at.
        let may_receive = !link.is_straight();
        Self {
            link,
            may_receive,
            may_send: true,
            sends_since_receive: 0,
            low_water: LowWater::default(),
            is_relayed: false,
            holds_end: false,
        }
    }

    pub(crate) fn may_receive(&mut self) {
        self.may_receive = true;
    }

    pub(crate) fn may_send(&mut self) {
        self.may_send = true;
    }

    /// Before a wait, for its bytes among others or for others only: how long it may last at most. `direct`: they go on a
    /// direct way.
    pub(crate) fn before_wait(&mut self, for_bytes: bool, direct: bool) -> Option<Duration> {
        let is_long = || is_long(&self.link, self.link.core.counts().received);
        self.low_water.before_wait(&self.link, for_bytes, direct, is_long)
    }

    /// After a wait.
    pub(crate) fn after_wait(&mut self, readable: bool) {
        self.may_receive |= readable || self.low_water.is_out_of_patience(&self.link);
    }

    /// A relay has begun. Most are over in no time, and for those what only a long one needs is not done.
    pub(crate) fn begin_relay(&mut self) {
        self.is_relayed = true;
        self.link.trust_short_receives(true);
    }

    /// The relay is a long one.
    pub(crate) fn settle(&mut self) {
        self.link.trust_short_receives(false);
        self.link.set_late_options();
        self.may_receive = true;
    }

    /// Whether its input has ended without its being told: see [`relaying::ends`](crate::relaying).
    pub(crate) fn holds_end(&self) -> bool {
        self.holds_end
    }

    /// It is told that its input has ended.
    pub(crate) fn tell_end(&mut self) {
        self.holds_end = false;
        self.link.core.handle_input_eof();
    }

    /// The connection that it is relayed to is cut. What still comes from there is delivered.
    pub(crate) fn other_side_cut(&mut self) {
        self.holds_end = false;
        if !self.link.core.is_leaving() {
            // What was acknowledged before the cut is no progress after it.
            self.link.core.request_sample();
            self.link.act();
        }
        let now = self.link.now();
        self.link.core.handle_other_side_cut(now);
    }

    /// Whether its socket may be ready, as far as is known: it has not been tried in vain since.
    #[cfg(feature = "tokio")]
    pub(crate) fn is_known_ready(&self, readiness: Readiness) -> bool {
        match readiness {
            Readiness::Receive => self.may_receive,
            Readiness::Send => self.may_send,
        }
    }

    fn lane(&self) -> Lane<'_> {
        match &self.link.handle {
            Some(handle) if self.link.is_straight() => Lane::socket(handle.pollable(), self.link.is_tcp()),
            _ => Lane::none(),
        }
    }
}

/// Whether a direction that has moved so many bytes is to be fast, and not only right.
fn is_long<H: Handle>(link: &Link<H>, moved: u64) -> bool {
    link.options.data_path.direct_from().is_some_and(|from| moved >= from)
}

impl<H: Handle> Source for Peer<H> {
    /// `splice` says 0 for more reasons than that; a receive is asked instead.
    const NOTHING_IS_END: bool = false;

    fn is_open(&self) -> bool {
        self.link.core.wants().receive
    }

    fn is_ready(&mut self) -> bool {
        self.may_receive |=
            self.link.core.evidence().fault.is_some() || os::receive_is_due(self.sends_since_receive);
        if self.may_receive {
            self.sends_since_receive = 0;
        }
        self.may_receive
    }

    fn read(&mut self, room: &mut [u8]) -> Gave {
        match self.link.receive(room) {
            Moved::Bytes(n) => {
                self.may_receive = !self.link.is_emptied();
                Gave::Bytes(n)
            }
            Moved::Blocked => {
                self.may_receive = false;
                Gave::Blocked
            }
            Moved::Ended => Source::at_end(self),
        }
    }

    fn at_end(&mut self) -> Gave {
        match Source::end(self) {
            Some(End::Whole) => Gave::Ended,
            Some(End::Cut) | None => Gave::Cut,
        }
    }

    fn end(&self) -> Option<End> {
        let end = if self.link.core.is_cut() { End::Cut } else { End::Whole };
        self.link.core.peer_has_ended().then_some(end)
    }

    /// What was sent to it before the other side of the relay was cut is still to be read by its program.
    fn is_drained(&self) -> bool {
        self.link.core.is_leaving() && self.link.core.wants().receive
    }

    fn is_long(&self) -> bool {
        self.link.is_straight() && is_long(&self.link, self.link.core.counts().received)
    }

    fn lane(&self) -> Lane<'_> {
        self.lane()
    }

    /// Less than was asked for: that is all there was, or the sink is full. `poll` says which for less than it costs to be
    /// refused.
    fn passed_out(&mut self, n: usize, all: bool) {
        self.link.received(n as u64);
        self.may_receive = all;
    }

    fn set_blocked(&mut self) {
        self.may_receive = false;
    }

    fn failed(&mut self, error: &io::Error) {
        self.link.receive_failed(error);
    }

    fn set_ready(&mut self) {
        self.may_receive = true;
    }

    fn handed_on(&mut self, n: usize) {
        let now = self.link.now();
        self.link.core.handle_output(now, n as u64);
    }

    fn discarded(&mut self, n: usize) {
        let now = self.link.now();
        self.link.core.handle_discarded(now, n as u64);
    }

    fn sink_ended(&mut self) {
        self.link.core.handle_output_ended();
    }

    fn sink_failed(&mut self, error: &io::Error) {
        self.link.local_failure(LocalEnd::Output, error);
    }
}

impl<H: Handle> Sink for Peer<H> {
    fn is_open(&self) -> bool {
        self.link.core.wants().input
    }

    /// TLS may owe records when there are no bytes.
    fn has_work(&self, _: bool) -> bool {
        self.link.core.wants().send
    }

    fn is_ready(&self) -> bool {
        self.may_send
    }

    fn give(&mut self, bytes: &[u8]) -> Took {
        match self.link.send(bytes) {
            Moved::Bytes(n) => {
                // A part taken says that the kernel's buffer is full; but TLS takes parts by itself.
                self.may_send = n == bytes.len() || !(self.link.is_plain() || self.link.has_unsent());
                self.sends_since_receive += 1;
                Took::Bytes(n)
            }
            Moved::Blocked => {
                self.may_send = false;
                Took::Blocked
            }
            Moved::Ended => Took::Ended,
        }
    }

    fn note_read(&mut self, n: usize) -> io::Result<()> {
        self.link.core.handle_input(n as u64);
        Ok(())
    }

    fn note_end(&mut self) {
        self.holds_end = self.is_relayed;
        if !self.is_relayed {
            self.link.core.handle_input_eof();
        }
    }

    fn source_failed(&mut self, end: LocalEnd, error: &io::Error) {
        self.link.local_failure(end, error);
    }

    fn is_settled(&self) -> bool {
        self.link.core.is_decided() || self.link.core.is_leaving()
    }

    /// It has ended once our kernel has everything. Its FIN may wait for the end of the other direction, as the other's may
    /// for this one.
    fn end(&mut self) -> io::Result<()> {
        let core = &self.link.core;
        if core.wants().send || core.evidence().fault.is_some() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        Ok(())
    }

    /// It is the other side of a relay. What was sent before is delivered, and then it is reset.
    fn cut(&mut self) {
        self.other_side_cut();
        self.link.core.handle_input_eof();
    }

    fn is_long(&self) -> bool {
        self.link.is_plain() && is_long(&self.link, self.link.core.counts().accepted)
    }

    fn lane(&self) -> Lane<'_> {
        self.lane()
    }

    fn now(&self) -> Time {
        self.link.now()
    }

    fn passed_in(&mut self, at: Time, n: usize) {
        self.link.sent(at, n as u64);
        self.sends_since_receive += 1;
    }

    fn set_blocked(&mut self) {
        self.may_send = false;
    }

    fn failed(&mut self, error: &io::Error) {
        self.link.send_failed(error);
    }
}
