//! Receiving and sending through a [carrier](crate::carrier): the streams' bytes above it, octets below.
//!
//! All calls are non-blocking here too, so every driver waits as it does without a carrier. What differs:
//!
//! - what is read from the program waits, sealed, until our kernel has taken it, and only then is it *accepted*;
//! - our direction ends by close_notify, then FIN: the core is told that the transport owes something until the first
//!   is through, so it shuts down after that. RFC 8446, section 6.1, and RFC 5246, section 7.2.1, ask for this order,
//!   and neither forbids the FIN that follows: nothing of ours may come after a close_notify, not even an answer to a
//!   key update;
//! - the peer's direction ends by close_notify, and its FIN is evidence alone;
//! - a peer that has closed cannot take our close_notify, as it could take a FIN: TCP answers it with a reset, and a Unix
//!   socket refuses it. The core judges the first by what was acknowledged, and our own system tells the second.

use super::streams::receive;
use super::{Link, Moved};
use crate::carrier::{Arrived, Carrier, HandshakeState, OctetsFrom, PeerStream};
use crate::handle::{Handle, Readiness};
use crate::tls::Eof;
use crate::{Event, os};
use adieu_proto::{Call, Fault, FaultKind, LocalEnd, Sample, Side, Time, Unacknowledged};
use socket2::SockRef;
use std::io;

/// How much of what waits our kernel took.
pub(super) enum Flushed {
    All,
    Blocked { some: bool },
    Failed,
}

impl<H: Handle> Link<H> {
    /// Tells the peer why, if our kernel takes it at once: its own report is better then.
    pub(super) fn flush_alert(&mut self) {
        let at = self.now();
        if let (Some(handle), Some(carrier)) = (&self.handle, &mut self.carrier)
            && let Ok(n) = handle.socket().send_with_flags(carrier.unsent(), os::SEND_FLAGS)
        {
            // Counted, or its octets would be taken for those of the bytes before it, which are acknowledged by now.
            let accepted = carrier.sent(n);
            self.note_accepted(at, accepted);
        }
        self.core.handle_owed(false);
    }

    fn note_accepted(&mut self, at: Time, bytes: u64) {
        if bytes > 0 {
            self.observe_at(at, &Event::Sent { bytes });
            self.core.handle_accepted(at, bytes);
        }
    }

    /// Receives octets, or takes those that an outer carrier has.
    pub(super) fn fill(&mut self) -> io::Result<usize> {
        if self.holds_ahead() {
            return Ok(self.fill_from_ahead());
        }
        let (Some(handle), Some(carrier)) = (&self.handle, &mut self.carrier) else {
            return Err(io::ErrorKind::NotConnected.into());
        };
        loop {
            match carrier.octets_from(self.core.peer_has_ended()) {
                OctetsFrom::Here(n) => return Ok(n),
                // Nothing of the peer's comes any more: see `note_outer_end`.
                OctetsFrom::Nowhere => return Err(io::ErrorKind::WouldBlock.into()),
                OctetsFrom::Socket => {}
            }
            let n = receive(handle, carrier.room())?;
            if n == 0 {
                return Ok(0);
            }
            match carrier.received(n) {
                Arrived::Here => return Ok(n),
                Arrived::Outside => {}
                // Whatever comes after the end is thrown away, a piece at a time: it may have no end.
                Arrived::Nowhere => return Err(io::ErrorKind::WouldBlock.into()),
            }
        }
    }

    /// Gives the carrier what was received before its handshake began. There is no outer carrier then: such a connection is looked at
    /// no more.
    fn fill_from_ahead(&mut self) -> usize {
        let Some(mut carrier) = self.carrier.take() else { return 0 };
        let n = self.take_ahead(carrier.room()).map_or(0, |(n, _)| n);
        carrier.received(n);
        self.carrier = Some(carrier);
        n
    }

    /// Sends the octets that wait.
    pub(super) fn flush(&mut self, at: Time) -> Flushed {
        let mut some = false;
        loop {
            let (Some(handle), Some(carrier)) = (&self.handle, &mut self.carrier) else {
                return Flushed::Failed;
            };
            let is_end = carrier.has_ended();
            let waiting = carrier.unsent();
            if waiting.is_empty() {
                let is_through = !carrier.has_unsent();
                self.core.handle_owed(false);
                if !is_through {
                    self.outer_failed(Call::Send);
                    return Flushed::Failed;
                }
                if let Some(facts) = &mut self.facts.tls {
                    facts.close_notify_sent = carrier.has_ended();
                }
                return Flushed::All;
            }
            // In one segment with our FIN, or the reset that answers the mark of one whose FIN is not sent would be an error of ours.
            let flags = if is_end { os::SEND_FLAGS_BEFORE_FIN } else { os::SEND_FLAGS };
            let send = |socket: &SockRef<'_>| socket.send_with_flags(waiting, flags);
            match handle.attempt(Readiness::Send, send) {
                Ok(n) => {
                    some = true;
                    self.end_octets += if is_end { n as u64 } else { 0 };
                    let accepted = carrier.sent(n);
                    self.note_accepted(at, accepted);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.core.handle_owed(true);
                    return Flushed::Blocked { some };
                }
                Err(error) if self.core.milestones().connected.is_none() => {
                    // What the peer says of it may stand in our kernel.
                    let has_come = self.fill().is_ok();
                    let came = self.carrier.as_mut().filter(|_| has_come).map(Carrier::handshake);
                    if came == Some(HandshakeState::Failed) {
                        self.refuse();
                    } else {
                        self.handshake_reset(Call::Send, &error);
                    }
                    return Flushed::Failed;
                }
                Err(error) if is_end && self.has_nobody_for_our_end(&error) => {
                    // Our FIN is all that is left to be sent.
                    if let Some(carrier) = &mut self.carrier {
                        let unsent = carrier.unsent().len();
                        carrier.sent(unsent);
                    }
                    self.core.handle_owed(false);
                    return Flushed::All;
                }
                Err(error) => {
                    self.core.handle_owed(false);
                    let is_shut = |handle: &H| os::is_sending_shut(&handle.socket());
                    if self.is_given && self.handle.as_ref().is_some_and(is_shut) {
                        let what =
                            "the program had shut down the sending side before TLS's close_notify was sent";
                        self.facts.rare_mut().failure = Some(what.into());
                        self.local_failure(LocalEnd::Socket, &error);
                        return Flushed::Failed;
                    }
                    self.fault(Call::Send, &error);
                    return Flushed::Failed;
                }
            }
        }
    }

    /// Whether our end mark cannot be sent because the peer has closed its Unix socket after its own end. If it left bytes of ours
    /// unread, SO_ERROR says so to the core's next look.
    ///
    /// Source: unix(7), EPIPE; `unix_release_sock` of Linux, which tells ECONNRESET to the peer of a socket with unread bytes.
    fn has_nobody_for_our_end(&mut self, error: &io::Error) -> bool {
        if self.is_tcp() || os::fault_kind(error) != FaultKind::BrokenPipe || !self.core.peer_has_ended() {
            return false;
        }
        // Its EOF is there, or its reset.
        self.receive_carried_end();
        let evidence = self.core.evidence();
        evidence.eof && evidence.fault.is_none() && !self.core.is_cut()
    }

    pub(super) fn send_carried(&mut self, buffer: &[u8]) -> Moved {
        let at = self.now();
        match self.flush(at) {
            Flushed::All => {}
            Flushed::Blocked { some: true } => return Moved::Bytes(0),
            Flushed::Blocked { some: false } => return Moved::Blocked,
            Flushed::Failed => return Moved::Ended,
        }
        let Some(carrier) = &mut self.carrier else { return Moved::Ended };
        if buffer.is_empty() {
            return Moved::Bytes(0);
        }
        let n = carrier.seal(buffer);
        if n > 0 {
            // What the core does not know as read from an input comes from the program itself.
            let unknown = carrier.sealed().saturating_sub(self.core.counts().read);
            if unknown > 0 {
                self.core.handle_input(unknown);
            }
        }
        if carrier.peer_stream() == PeerStream::Broken {
            self.session_failed(Call::Send);
            return Moved::Ended;
        }
        let flushed = self.flush(at);
        if self.carrier.as_mut().is_some_and(Carrier::needs_sample) {
            self.core.request_sample();
        }
        match flushed {
            Flushed::Failed => Moved::Ended,
            Flushed::All | Flushed::Blocked { .. } => Moved::Bytes(n),
        }
    }

    pub(super) fn receive_carried(&mut self, buffer: &mut [u8]) -> Moved {
        if !self.core.wants().receive {
            return Moved::Ended;
        }
        loop {
            let Some(carrier) = &mut self.carrier else { return Moved::Ended };
            let n = carrier.open(buffer);
            if carrier.has_unsent() {
                // An answer to a key update, or an alert.
                self.core.handle_owed(true);
            }
            if n > 0 {
                self.observe(&Event::Received { bytes: n as u64 });
                self.core.handle_received(self.now(), n as u64);
                return Moved::Bytes(n);
            }
            if let Some(moved) = self.note_stream_end() {
                return moved;
            }
            match self.receive_octets() {
                // Whatever comes after the end is thrown away, a piece at a time: it may have no end.
                Moved::Bytes(_) if self.core.peer_has_ended() => return Moved::Blocked,
                Moved::Bytes(_) => {}
                // Received now, it is known already.
                Moved::Blocked => return self.note_outer_end().unwrap_or(Moved::Blocked),
                Moved::Ended => return Moved::Ended,
            }
        }
    }

    /// Tells the core of close_notify, or of a session that is broken. `None`: it is neither, or the core knows.
    fn note_stream_end(&mut self) -> Option<Moved> {
        let carrier = self.carrier.as_mut()?;
        match carrier.peer_stream() {
            PeerStream::Open => return self.note_outer_end(),
            PeerStream::Broken => {
                self.session_failed(Call::Receive);
                return Some(Moved::Ended);
            }
            PeerStream::Ended => carrier.ignore_received(),
        }
        if self.core.peer_has_ended() || self.core.evidence().fault.is_some() {
            return None;
        }
        self.observe(&Event::CloseNotify { by: Side::Peer });
        if let Some(facts) = &mut self.facts.tls {
            facts.close_notify_received = true;
        }
        self.core.handle_stream_end(self.now());
        if !self.options.timers.end_mark {
            self.core.handle_end_mark();
        }
        Some(Moved::Ended)
    }

    /// The session with the proxy has ended or broken before that with the peer: the stream was cut, whatever the peer did.
    /// `None`: it has not, or the core knows.
    fn note_outer_end(&mut self) -> Option<Moved> {
        match self.carrier.as_ref()?.outer_stream() {
            PeerStream::Open => None,
            PeerStream::Broken => {
                self.outer_failed(Call::Receive);
                Some(Moved::Ended)
            }
            PeerStream::Ended if self.core.peer_has_ended() || self.core.evidence().fault.is_some() => None,
            PeerStream::Ended => {
                self.note_eof();
                self.core.handle_stream_end(self.now());
                Some(Moved::Ended)
            }
        }
    }

    /// The session with the proxy is broken.
    fn outer_failed(&mut self, call: Call) {
        let Some(words) = self.carrier.as_ref().and_then(Carrier::outer_broken) else { return };
        let told = with_the_proxy(&words);
        self.observe(&Event::TlsFailed { alert: None, error: &told });
        if let Some(facts) = &mut self.facts.tls {
            facts.error.get_or_insert(told);
        }
        self.core.handle_fault(self.now(), Fault { call, kind: FaultKind::Protocol, code: None });
    }

    /// Receives from the socket, and tells the core how it ended if it did.
    fn receive_octets(&mut self) -> Moved {
        match self.fill() {
            Ok(n) if n > 0 => Moved::Bytes(n),
            other => self.received_nothing(other.map(drop)),
        }
    }

    /// An EOF: whether it may be one is the user's choice, but for a record that it cuts.
    pub(super) fn note_eof(&mut self) {
        let (Some(carrier), Some(facts)) = (&self.carrier, &mut self.facts.tls) else { return };
        let is_within_record = carrier.is_within_record();
        facts.cut_record = is_within_record == Some(true);
        let eof = self.options.tls.as_ref().map_or(Eof::Require, crate::tls::Config::eof);
        if is_within_record != Some(false) && eof == Eof::Framed {
            self.core.handle_missing_end_mark();
        }
    }

    /// The peer has broken the session off, or broken it: the core is told once.
    fn session_failed(&mut self, call: Call) {
        let now = self.now();
        if self.core.evidence().fault.is_some_and(|fault| fault.kind == FaultKind::Protocol) {
            self.core.handle_exhausted(now);
            return;
        }
        let Some(broken) = self.carrier.as_ref().and_then(Carrier::broken) else { return };
        if let Some(facts) = &mut self.facts.tls {
            if broken.alert.is_some() {
                facts.alert = broken.alert;
            } else {
                facts.error = Some(broken.words.clone());
            }
            let alert = facts.alert;
            self.observe(&Event::TlsFailed { alert, error: &broken.words });
        } else {
            // The only session is that with the proxy.
            self.facts.rare_mut().failure.get_or_insert_with(|| with_the_proxy(&broken.words).into());
        }
        self.flush_alert();
        let fault = Fault { call, kind: FaultKind::Protocol, code: None };
        self.core.handle_fault(now, fault);
    }

    /// Our input has ended and all of it is sent: close_notify comes before the FIN.
    pub(super) fn end_carried_stream(&mut self) {
        let Some(carrier) = &mut self.carrier else { return };
        if !self.core.is_about_to_shut_down() || carrier.has_ended() {
            return;
        }
        carrier.end();
        let at = self.now();
        self.observe_at(at, &Event::CloseNotify { by: Side::Us });
        self.flush(at);
    }

    /// Takes an end that stands in our kernel already, but no byte that stands before it.
    pub(super) fn receive_carried_end(&mut self) {
        while self.core.wants().receive {
            let Some(carrier) = &mut self.carrier else { return };
            if carrier.holds_bytes() {
                return;
            }
            if self.note_stream_end().is_some() {
                continue;
            }
            if !matches!(self.receive_octets(), Moved::Bytes(_)) {
                return;
            }
        }
    }

    /// What a look at the socket says of the application's bytes: the socket knows octets.
    pub(super) fn sample_of_bytes(&mut self, mut sample: Sample) -> Sample {
        let Some(carrier) = &mut self.carrier else { return sample };
        // The core counts our FIN as an octet, and so does the kernel.
        let fin = u64::from(self.core.milestones().shutdown_send.is_some());
        if let Unacknowledged::Octets(octets) = sample.unacknowledged {
            let bytes = carrier.unacknowledged(octets.saturating_sub(fin));
            let is_end = fin > 0 && self.end_octets > 0 && octets == self.end_octets + fin;
            sample.unacknowledged = if is_end && bytes == 0 {
                Unacknowledged::End
            } else {
                Unacknowledged::Octets(bytes + fin.min(octets))
            };
        } else {
            // It may still be told later that all is through.
            carrier.acknowledgements_unknown();
        }
        sample
    }
}

fn with_the_proxy(words: &str) -> String {
    format!("in the session with the proxy: {words}")
}
