//! TLS between the core and its socket: plaintext above, ciphertext below.
//!
//! All calls are non-blocking here too, so every driver waits as it does without TLS. What differs:
//!
//! - the connection is there, for the core, once the handshake is;
//! - what is read from the program waits, sealed, until our kernel has taken it, and only then is it *accepted*;
//! - our direction ends by close_notify, then FIN: the core is told that the transport owes something until the first
//!   is through, so it shuts down after that. RFC 8446, section 6.1, and RFC 5246, section 7.2.1, ask for this order,
//!   and neither forbids the FIN that follows: nothing of ours may come after a close_notify, not even an answer to a
//!   key update;
//! - the peer's direction ends by close_notify, and its FIN is evidence alone.

use super::{Link, Moved, fault};
use crate::Event;
use crate::handle::{self, Direction, Handle};
use crate::tls::engine::{Engine, Handshake};
use crate::tls::{
    Described, Eof, Failure, HandshakeError, Party, Presented, Stage, Trust, alert_name, in_words,
    is_readable, out_of_time,
};
use adieu_proto::{Call, Ending, Fault, FaultKind, Sample, Side, Time, Unacknowledged};
use rustls::{Error, ProtocolVersion};
use std::io::{self, Read};

/// What a report says of TLS, besides the core's part.
#[derive(Debug, Clone, Default)]
pub(crate) struct TlsFacts {
    pub(crate) version: Option<String>,
    pub(crate) suite: Option<String>,
    pub(crate) alpn: Option<String>,
    pub(crate) trust: Option<Trust>,
    pub(crate) certificate: Option<Described>,
    pub(crate) alert: Option<String>,
    pub(crate) failure: Option<&'static str>,
    pub(crate) error: Option<String>,
    pub(crate) close_notify_sent: bool,
    pub(crate) close_notify_received: bool,
    /// The peer's EOF came within a record.
    pub(crate) cut_record: bool,
    /// When the handshake was done.
    pub(crate) secured: Option<Time>,
}

/// What a handshake waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    Done,
    Wait(Direction),
    Failed,
}

/// How much of what waits our kernel took.
enum Flushed {
    All,
    Blocked { some: bool },
    Failed,
}

impl<H: Handle> Link<H> {
    /// Begins a handshake, if TLS is to be spoken; so much of its first flight went with our SYN. False: it is not.
    pub(super) fn begin_tls(&mut self, fault: Option<Fault>, with_syn: Option<(usize, Time)>) -> bool {
        let Some(tls) = self.options.tls.clone() else { return false };
        let peer = self.facts.peer_address.as_deref().and_then(|p| p.parse::<std::net::SocketAddr>().ok());
        let host = self.facts.host.clone().or_else(|| peer.map(|peer| peer.ip().to_string()));
        self.facts.tls = Some(TlsFacts { trust: tls.trust(), ..TlsFacts::default() });
        let begun = self.syn.take().and_then(|syn| syn.session);
        let session = match begun {
            Some(session) => Ok(session),
            None => tls.session(host.as_deref()).map(Box::new),
        };
        match (session, fault) {
            (Ok(mut engine), None) => {
                engine.sent(with_syn.map_or(0, |(taken, _)| taken));
                self.tls = Some(engine);
                self.core.handle_handshake(self.now());
            }
            (Ok(_), Some(fault)) => {
                let error = fault
                    .code
                    .map_or_else(|| io::ErrorKind::ConnectionReset.into(), io::Error::from_raw_os_error);
                let told = HandshakeError::reset(&error, &[], Party::of_peer(tls.is_server()));
                self.handshake_failed(&told, Some(fault));
            }
            (Err(error), _) => self.handshake_failed(&error, None),
        }
        true
    }

    /// Whether a handshake is under way.
    pub(crate) fn is_handshaking(&self) -> bool {
        self.tls.is_some() && self.core.milestones().connected.is_none() && !self.core.is_decided()
    }

    /// Goes on with the handshake until it must wait, is done, or has failed.
    pub(crate) fn handshake(&mut self) -> Step {
        loop {
            match self.flush(self.now()) {
                Flushed::All => {}
                Flushed::Blocked { .. } => return Step::Wait(Direction::Send),
                Flushed::Failed => return Step::Failed,
            }
            let Some(tls) = &mut self.tls else { return Step::Failed };
            let came = tls.handshake();
            if !tls.unsent().is_empty() && came != Handshake::Failed {
                continue;
            }
            match came {
                Handshake::Done => {
                    self.secured();
                    return Step::Done;
                }
                Handshake::Failed => {
                    self.refuse();
                    return Step::Failed;
                }
                Handshake::NeedsInput => {}
            }
            match self.fill() {
                Ok(0) => {
                    let tls = self.tls.as_ref();
                    let error =
                        tls.map(|tls| HandshakeError::eof(tls.first(), Party::of_peer(tls.is_server())));
                    if let Some(error) = error {
                        self.handshake_failed(&error, None);
                    }
                    return Step::Failed;
                }
                Ok(_) => self.core.handle_handshake(self.now()),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock && !self.outer_has_ended() => {
                    return Step::Wait(Direction::Receive);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let what =
                        "the proxy ended its session with us before the handshake with the peer was finished";
                    self.handshake_failed(&HandshakeError::new(Failure::Eof, what), None);
                    return Step::Failed;
                }
                Err(error) => {
                    self.handshake_reset(Call::Receive, &error);
                    return Step::Failed;
                }
            }
        }
    }

    /// The handshake is done: for the core the connection is there now.
    fn secured(&mut self) {
        let now = self.now();
        self.note_session();
        if let Some(facts) = &mut self.facts.tls {
            facts.secured = Some(now);
        }
        self.core.handle_connected(now);
        if let Some(facts) = &self.facts.tls {
            self.observe(&Event::Secured {
                version: facts.version.as_deref(),
                suite: facts.suite.as_deref(),
            });
        }
    }

    fn note_session(&mut self) {
        let (Some(tls), Some(facts)) = (&self.tls, &mut self.facts.tls) else { return };
        let common = tls.common();
        facts.version = common.protocol_version().map(version_name);
        facts.suite =
            common.negotiated_cipher_suite().map(|suite| suite_name(&format!("{:?}", suite.suite())));
        facts.alpn = common.alpn_protocol().map(|name| String::from_utf8_lossy(name).into_owned());
        facts.certificate = tls.peer_certificate().map(|certificate| Described::new(certificate));
    }

    /// rustls has refused the handshake, and has said so in an alert.
    fn refuse(&mut self) {
        self.note_session();
        let Some(tls) = &self.tls else { return };
        let Some(error) = tls.failure().cloned() else { return };
        let facts = self.facts.tls.as_ref();
        let presented = Presented {
            certificate: facts.and_then(|facts| facts.certificate.as_ref()),
            is_readable: tls.peer_certificate().is_some_and(is_readable),
            is_accepted: tls.has_accepted_certificate(),
            party: Party::of_peer(tls.is_server()),
            trust: facts.and_then(|facts| facts.trust),
        };
        let stage = if tls.lacks_certificate() {
            Stage::CertificateMissing
        } else if tls.common().negotiated_cipher_suite().is_some() {
            Stage::SuiteAgreed
        } else {
            Stage::Begun
        };
        let told = HandshakeError::of(&error, presented, tls.first(), stage);
        if let (Error::AlertReceived(alert), Some(facts)) = (&error, &mut self.facts.tls) {
            facts.alert = Some(alert_name(*alert));
        }
        self.flush_alert();
        self.handshake_failed(&told, None);
    }

    /// Tells the peer why, if our kernel takes it at once: its own report is better then.
    fn flush_alert(&mut self) {
        let at = self.now();
        if let (Some(handle), Some(tls)) = (&self.handle, &mut self.tls)
            && let waiting = match &mut self.outer {
                None => tls.unsent(),
                Some(outer) => {
                    if outer.unsent().is_empty() && !tls.unsent().is_empty() {
                        outer.seal(tls.unsent());
                    }
                    outer.unsent()
                }
            }
            && let Ok(n) = handle.socket().send_with_flags(waiting, crate::os::SEND_FLAGS)
        {
            // Counted, or its octets would be taken for those of the bytes before it, which are acknowledged by now.
            let accepted = sent(tls, self.outer.as_deref_mut(), n);
            if accepted > 0 {
                self.observe_at(at, &Event::Sent { bytes: accepted });
                self.core.handle_accepted(at, accepted);
            }
        }
        self.core.handle_owed(false);
    }

    /// A call failed before the handshake was done.
    fn handshake_reset(&mut self, call: Call, error: &io::Error) {
        let Some(tls) = &self.tls else { return };
        let told = HandshakeError::reset(error, tls.first(), Party::of_peer(tls.is_server()));
        self.handshake_failed(&told, Some(fault(call, error)));
    }

    fn handshake_failed(&mut self, error: &HandshakeError, told: Option<Fault>) {
        if let Some(handle) = &self.handle {
            // With a FIN, so that our alert is not thrown away with the connection.
            handle::set_reset_on_close(&handle.socket(), false);
        }
        if let Some(facts) = &mut self.facts.tls {
            facts.failure = Some(error.failure().name());
        }
        self.facts.handshake = Some(error.clone());
        self.facts.failure = Some(error.to_string());
        let call = told.map_or(Call::Receive, |fault| fault.call);
        let fault = Fault { call, kind: FaultKind::Protocol, code: told.and_then(|f| f.code) };
        self.core.handle_connect_failed(self.now(), fault);
        self.act();
    }

    /// Receives ciphertext.
    fn fill(&mut self) -> io::Result<usize> {
        let (Some(handle), Some(tls)) = (&self.handle, &mut self.tls) else {
            return Err(io::ErrorKind::NotConnected.into());
        };
        let Some(outer) = &mut self.outer else {
            return receive(handle, tls);
        };
        loop {
            let n = outer.open(tls.room());
            if n > 0 {
                tls.received(n);
                return Ok(n);
            }
            let is_cut = outer.close_notify_received() && !tls.close_notify_received();
            if outer.failure().is_some() || is_cut && !self.core.peer_has_ended() {
                // Nothing of the peer's comes any more: see `note_outer_end`.
                return Err(io::ErrorKind::WouldBlock.into());
            }
            if receive(handle, outer)? == 0 {
                return Ok(0);
            }
            if outer.close_notify_received() {
                // Whatever comes after the end is thrown away, a piece at a time: it may have no end.
                outer.ignore_received();
                return Err(io::ErrorKind::WouldBlock.into());
            }
        }
    }

    /// Sends the ciphertext that waits.
    fn flush(&mut self, at: Time) -> Flushed {
        let mut some = false;
        loop {
            let (Some(handle), Some(tls)) = (&self.handle, &mut self.tls) else { return Flushed::Failed };
            if let Some(outer) = self.outer.as_mut().filter(|outer| outer.unsent().is_empty()) {
                if !tls.unsent().is_empty() {
                    if outer.seal(tls.unsent()) == 0 {
                        self.core.handle_owed(false);
                        self.outer_failed(Call::Send);
                        return Flushed::Failed;
                    }
                } else if tls.close_notify_sent() {
                    // The inner session has ended, so the outer does.
                    outer.close();
                }
            }
            let is_through = tls.unsent().is_empty();
            let carrier =
                self.outer.as_ref().map_or(is_through, |outer| is_through && outer.unsent().is_empty());
            if carrier {
                if let Some(facts) = &mut self.facts.tls {
                    facts.close_notify_sent = tls.close_notify_sent();
                }
                self.core.handle_owed(false);
                return Flushed::All;
            }
            let waiting = self.outer.as_ref().unwrap_or(tls).unsent();
            let send = |socket: &socket2::SockRef<'_>| socket.send_with_flags(waiting, crate::os::SEND_FLAGS);
            match handle.attempt(Direction::Send, send) {
                Ok(n) => {
                    some = true;
                    let accepted = sent(tls, self.outer.as_deref_mut(), n);
                    if accepted > 0 {
                        self.observe_at(at, &Event::Sent { bytes: accepted });
                        self.core.handle_accepted(at, accepted);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.core.handle_owed(true);
                    return Flushed::Blocked { some };
                }
                Err(error) if self.core.milestones().connected.is_none() => {
                    // What the peer says of it may stand in our kernel.
                    let came =
                        if self.fill().is_ok() { self.tls.as_mut().map(|tls| tls.handshake()) } else { None };
                    if came == Some(Handshake::Failed) {
                        self.refuse();
                    } else {
                        self.handshake_reset(Call::Send, &error);
                    }
                    return Flushed::Failed;
                }
                Err(error) => {
                    self.core.handle_owed(false);
                    self.fault(Call::Send, &error);
                    return Flushed::Failed;
                }
            }
        }
    }

    pub(super) fn send_tls(&mut self, buffer: &[u8]) -> Moved {
        let at = self.now();
        match self.flush(at) {
            Flushed::All => {}
            Flushed::Blocked { some: true } => return Moved::Bytes(0),
            Flushed::Blocked { some: false } => return Moved::Blocked,
            Flushed::Failed => return Moved::Ended,
        }
        let Some(tls) = &mut self.tls else { return Moved::Ended };
        if buffer.is_empty() {
            return Moved::Bytes(0);
        }
        let n = tls.seal(buffer);
        let failed = tls.failure().is_some();
        if n > 0 {
            // What the core does not know as read from an input comes from the program itself.
            let unknown = tls.ledger().bytes().saturating_sub(self.core.counts().read);
            if unknown > 0 {
                self.core.handle_input(unknown);
            }
        }
        if failed {
            self.session_failed(Call::Send);
            return Moved::Ended;
        }
        let flushed = self.flush(at);
        if [&mut self.tls, &mut self.outer].into_iter().flatten().any(|tls| tls.ledger().is_long()) {
            // A look at the acknowledgements shortens it.
            self.core.request_sample();
        }
        match flushed {
            Flushed::Failed => Moved::Ended,
            Flushed::All | Flushed::Blocked { .. } => Moved::Bytes(n),
        }
    }

    pub(super) fn receive_tls(&mut self, buffer: &mut [u8]) -> Moved {
        if !self.core.wants().receive {
            return Moved::Ended;
        }
        loop {
            let Some(tls) = &mut self.tls else { return Moved::Ended };
            let n = tls.open(buffer);
            if !tls.unsent().is_empty() || self.outer.as_ref().is_some_and(|outer| !outer.unsent().is_empty())
            {
                // An answer to a key update, or an alert.
                self.core.handle_owed(true);
            }
            if n > 0 {
                self.observe(&Event::Received { bytes: n as u64 });
                self.core.handle_received(self.now(), n as u64);
                return Moved::Bytes(n);
            }
            if let Some(moved) = self.note_tls_end() {
                return moved;
            }
            match self.receive_ciphertext() {
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
    fn note_tls_end(&mut self) -> Option<Moved> {
        let tls = self.tls.as_mut()?;
        if tls.failure().is_some() {
            self.session_failed(Call::Receive);
            return Some(Moved::Ended);
        }
        if !tls.close_notify_received() {
            return self.note_outer_end();
        }
        tls.ignore_received();
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

    fn outer_has_ended(&self) -> bool {
        self.outer.as_ref().is_some_and(|outer| outer.failure().is_some() || outer.close_notify_received())
    }

    /// The session with the proxy has ended or broken before that with the peer: the stream was cut, whatever the peer did.
    /// `None`: it has not, or the core knows.
    fn note_outer_end(&mut self) -> Option<Moved> {
        let outer = self.outer.as_ref()?;
        if outer.failure().is_some() {
            self.outer_failed(Call::Receive);
            return Some(Moved::Ended);
        }
        if !outer.close_notify_received()
            || self.core.peer_has_ended()
            || self.core.evidence().fault.is_some()
        {
            return None;
        }
        self.note_eof();
        self.core.handle_stream_end(self.now());
        Some(Moved::Ended)
    }

    /// The session with the proxy is broken.
    fn outer_failed(&mut self, call: Call) {
        let Some(error) = self.outer.as_ref().and_then(|outer| outer.failure().cloned()) else { return };
        let told = format!("in the session with the proxy: {}", in_words(&error));
        self.observe(&Event::TlsFailed { alert: None, error: &told });
        if let Some(facts) = &mut self.facts.tls {
            facts.error.get_or_insert(told);
        }
        self.core.handle_fault(self.now(), Fault { call, kind: FaultKind::Protocol, code: None });
    }

    /// Receives from the socket, and tells the core how it ended if it did.
    fn receive_ciphertext(&mut self) -> Moved {
        match self.fill() {
            Ok(n) if n > 0 => Moved::Bytes(n),
            other => self.received_nothing(other.map(drop)),
        }
    }

    /// An EOF: whether it may be one is the user's choice, but for a record that it cuts.
    pub(super) fn note_eof(&mut self) {
        let (Some(tls), Some(facts)) = (&self.tls, &mut self.facts.tls) else { return };
        facts.cut_record = tls.is_within_record() && !tls.close_notify_received();
        let eof = self.options.tls.as_ref().map_or(Eof::Require, crate::tls::Config::eof);
        if facts.cut_record && eof == Eof::Framed {
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
        let Some(error) = self.tls.as_ref().and_then(|tls| tls.failure().cloned()) else { return };
        if let Some(facts) = &mut self.facts.tls {
            match &error {
                Error::AlertReceived(alert) => facts.alert = Some(alert_name(*alert)),
                other => facts.error = Some(in_words(other)),
            }
            let alert = facts.alert.clone();
            self.observe(&Event::TlsFailed { alert: alert.as_deref(), error: &in_words(&error) });
        } else {
            // The only session is that with the proxy.
            self.facts.failure.get_or_insert(format!("in the session with the proxy: {}", in_words(&error)));
        }
        self.flush_alert();
        let fault = Fault { call, kind: FaultKind::Protocol, code: None };
        self.core.handle_fault(now, fault);
    }

    /// Our input has ended and all of it is sent: close_notify comes before the FIN.
    pub(super) fn end_tls_stream(&mut self) {
        let Some(tls) = &mut self.tls else { return };
        if !self.core.is_about_to_shut_down() || tls.close_notify_sent() {
            return;
        }
        tls.close();
        let at = self.now();
        self.observe_at(at, &Event::CloseNotify { by: Side::Us });
        self.flush(at);
    }

    /// Takes an end that stands in our kernel already, but no byte that stands before it.
    pub(super) fn receive_tls_end(&mut self) {
        while self.core.wants().receive {
            let Some(tls) = &mut self.tls else { return };
            tls.open_ahead();
            if tls.holds_bytes() {
                return;
            }
            if self.note_tls_end().is_some() {
                continue;
            }
            if !matches!(self.receive_ciphertext(), Moved::Bytes(_)) {
                return;
            }
        }
    }

    /// What a look at the socket says of the application's bytes: the socket knows octets of records.
    pub(super) fn sample_of_bytes(&mut self, mut sample: Sample) -> Sample {
        let Some(tls) = &mut self.tls else { return sample };
        // The core counts our FIN as an octet, and so does the kernel.
        let fin = u64::from(self.core.milestones().shutdown_send.is_some());
        if let Unacknowledged::Octets(octets) = sample.unacknowledged {
            let own = octets.saturating_sub(fin);
            let own = self.outer.as_mut().map_or(own, |outer| outer.ledger().unacknowledged(own));
            let bytes = tls.ledger().unacknowledged(own);
            sample.unacknowledged = Unacknowledged::Octets(bytes + fin.min(octets));
        } else {
            // It may still be told later that all is through.
            tls.ledger().cannot_be_told();
            if let Some(outer) = &mut self.outer {
                outer.ledger().cannot_be_told();
            }
        }
        sample
    }

    /// Why there is no connection, if the handshake is why.
    pub(crate) fn handshake_error(&self) -> Option<&HandshakeError> {
        self.facts.handshake.as_ref()
    }

    /// Before a report is made: which time was over while a handshake was under way, if one was.
    pub(super) fn note_unfinished_handshake(&mut self) {
        let Some(tls) = &self.tls else { return };
        if self.core.milestones().connected.is_some() || self.facts.handshake.is_some() {
            return;
        }
        // Ended by something else, an interrupt for example, it has not failed.
        let Some(Ending::TimedOut { timer }) = self.core.outcome().map(|outcome| outcome.ending) else {
            return;
        };
        self.facts.failure = Some(out_of_time(timer, tls.first(), tls.is_server()));
        if let Some(facts) = &mut self.facts.tls {
            facts.failure = Some("timed_out");
        }
    }
}

/// Receives from the socket what a session is to open.
fn receive<H: Handle>(handle: &H, tls: &mut Engine) -> io::Result<usize> {
    loop {
        match handle.attempt(Direction::Receive, |socket| (&**socket).read(tls.room())) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Ok(n) => {
                tls.received(n);
                return Ok(n);
            }
            error => return error,
        }
    }
}

/// Our kernel has accepted so many octets. Gives the application bytes that it now has in whole.
fn sent(tls: &mut Engine, outer: Option<&mut Engine>, octets: usize) -> u64 {
    match outer {
        None => tls.sent(octets),
        Some(outer) => {
            // What the outer session carries are octets of the inner one.
            let inner = outer.sent(octets);
            tls.sent(usize::try_from(inner).unwrap_or(usize::MAX))
        }
    }
}

fn version_name(version: ProtocolVersion) -> String {
    match version {
        ProtocolVersion::TLSv1_2 => "TLSv1.2".to_owned(),
        ProtocolVersion::TLSv1_3 => "TLSv1.3".to_owned(),
        other => format!("{other:?}"),
    }
}

/// As IANA's registry has it.
fn suite_name(rustls: &str) -> String {
    rustls.replacen("TLS13_", "TLS_", 1)
}

impl From<HandshakeError> for io::Error {
    fn from(error: HandshakeError) -> Self {
        let kind = match error.failure() {
            Failure::Reset => io::ErrorKind::ConnectionReset,
            Failure::Eof | Failure::NotBegun => io::ErrorKind::UnexpectedEof,
            _ => io::ErrorKind::InvalidData,
        };
        Self::new(kind, error)
    }
}
