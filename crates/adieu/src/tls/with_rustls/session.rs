//! The TLS carrier: one session with the peer, alone or in another with a proxy.

use super::certificate::{Described, is_readable};
use super::engine::Engine;
use super::explain::{Stage, alert_of, in_words, out_of_time};
use super::party::{Judge, Party};
use super::refused::Presented;
use super::{Failure, HandshakeError};
use super::{TlsFacts, Trust, Version};
use crate::carrier::{Arrived, Broken, Carrier, HandshakeState, OctetsFrom, PeerStream};
use crate::tls::facts::PeerCertificate;
use adieu_proto::Timer;
use rustls::{Error, ProtocolVersion};
use std::io;

/// A session.
pub(crate) struct Session {
    own: Box<Engine>,
    /// Who is at the other end.
    party: Party,
    /// Against what a server's certificate is checked. `None`: the peer is a client, or it is not known.
    trust: Option<Trust>,
    /// Who made the check.
    judge: Judge,
    /// What the records of our own are carried in: the session with a proxy.
    outer: Option<Box<Engine>>,
}

impl Session {
    pub(super) fn new(engine: Engine, party: Party, trust: Option<Trust>, judge: Judge) -> Self {
        Self { own: Box::new(engine), party, trust, judge, outer: None }
    }

    /// What is still to be sent to a client that cannot be served, an alert at its end. `None`: there can be no alert.
    pub(crate) fn into_alert(self) -> Option<Vec<u8>> {
        if self.outer.is_some() { None } else { self.own.into_alert() }
    }

    fn engines(&self) -> impl Iterator<Item = &Engine> {
        [Some(&self.own), self.outer.as_ref()].into_iter().flatten().map(|engine| &**engine)
    }
}

fn stream_of(engine: &Engine) -> PeerStream {
    if engine.failure().is_some() {
        PeerStream::Broken
    } else if engine.close_notify_received() {
        PeerStream::Ended
    } else {
        PeerStream::Open
    }
}

impl Carrier for Session {
    fn within(self, outer: Self) -> Self {
        Self { outer: Some(outer.own), ..self }
    }

    fn handshake(&mut self) -> HandshakeState {
        self.own.handshake()
    }

    fn refusal(&self) -> HandshakeError {
        let tls = &self.own;
        let described = tls.peer_certificate().map(|certificate| Described::new(certificate));
        let presented = Presented {
            certificate: described.as_ref(),
            is_readable: tls.peer_certificate().is_some_and(is_readable),
            is_accepted: tls.has_accepted_certificate(),
            party: self.party,
            trust: self.trust,
            judge: self.judge,
        };
        let stage = if tls.lacks_certificate() {
            Stage::CertificateMissing
        } else if tls.common().negotiated_cipher_suite().is_some() {
            Stage::SuiteAgreed
        } else {
            Stage::Begun
        };
        match tls.failure() {
            Some(error) => HandshakeError::of(error, presented, tls.first(), stage),
            None => HandshakeError::new(Failure::Protocol, "the session ended before the handshake did"),
        }
    }

    fn early_eof(&self) -> HandshakeError {
        HandshakeError::eof(self.own.first(), self.party)
    }

    fn early_outer_end(&self) -> HandshakeError {
        let what = "the proxy ended its session with us before the handshake with the peer was finished";
        HandshakeError::new(Failure::Eof, what)
    }

    fn early_fault(&self, error: &io::Error) -> HandshakeError {
        HandshakeError::reset(error, self.own.first(), self.party)
    }

    fn out_of_time(&self, timer: Timer) -> crate::Words {
        out_of_time(timer, self.own.first(), self.own.is_server())
    }

    fn describe(&self, facts: &mut TlsFacts) {
        let common = self.own.common();
        facts.version = common.protocol_version().and_then(version_of);
        facts.suite =
            common.negotiated_cipher_suite().map(|suite| suite_name(&format!("{:?}", suite.suite())));
        facts.alpn = common.alpn_protocol().map(|name| String::from_utf8_lossy(name).into_owned());
        if let Some(certificate) = self.own.peer_certificate() {
            let described = Described::new(certificate);
            facts.peer = Some(Box::new(PeerCertificate {
                subject: described.subject,
                issuer: described.issuer,
                not_before: described.not_before,
                not_after: described.not_after,
                sha256: described.sha256.to_string(),
            }));
        }
    }

    fn has_unsent(&self) -> bool {
        self.engines().any(|engine| !engine.unsent().is_empty())
    }

    fn unsent(&mut self) -> &[u8] {
        let Some(outer) = &mut self.outer else { return self.own.unsent() };
        if outer.unsent().is_empty() {
            if !self.own.unsent().is_empty() {
                // If it takes nothing, it is broken.
                outer.seal(self.own.unsent());
            } else if self.own.close_notify_sent() {
                // The session in it has ended, so this one does.
                outer.close();
            }
        }
        outer.unsent()
    }

    fn sent(&mut self, octets: usize) -> u64 {
        match &mut self.outer {
            None => self.own.sent(octets),
            Some(outer) => {
                // What the outer session carries are octets of the inner one.
                let inner = outer.sent(octets);
                self.own.sent(usize::try_from(inner).unwrap_or(usize::MAX))
            }
        }
    }

    fn seal(&mut self, bytes: &[u8]) -> usize {
        self.own.seal(bytes)
    }

    fn sealed(&self) -> u64 {
        self.own.sealed()
    }

    fn end(&mut self) {
        self.own.close();
    }

    fn has_ended(&self) -> bool {
        self.own.close_notify_sent()
    }

    fn octets_from(&mut self, peer_has_ended: bool) -> OctetsFrom {
        let Some(outer) = &mut self.outer else { return OctetsFrom::Socket };
        let n = outer.open(self.own.room());
        if n > 0 {
            self.own.received(n);
            return OctetsFrom::Here(n);
        }
        let is_cut = outer.close_notify_received() && !self.own.close_notify_received();
        if outer.failure().is_some() || is_cut && !peer_has_ended {
            return OctetsFrom::Nowhere;
        }
        OctetsFrom::Socket
    }

    fn room(&mut self) -> &mut [u8] {
        self.outer.as_mut().unwrap_or(&mut self.own).room()
    }

    fn received(&mut self, octets: usize) -> Arrived {
        let Some(outer) = &mut self.outer else {
            self.own.received(octets);
            return Arrived::Here;
        };
        outer.received(octets);
        if outer.close_notify_received() {
            outer.ignore_received();
            return Arrived::Nowhere;
        }
        Arrived::Outside
    }

    fn open(&mut self, into: &mut [u8]) -> usize {
        self.own.open(into)
    }

    fn holds_bytes(&mut self) -> bool {
        self.own.open_ahead();
        self.own.holds_bytes()
    }

    fn held(&self) -> &[u8] {
        self.own.held()
    }

    fn take_held(&mut self, bytes: usize) {
        self.own.take_held(bytes);
    }

    fn begin_streams(&mut self) {
        self.own.begin_streams();
    }

    fn peer_stream(&self) -> PeerStream {
        stream_of(&self.own)
    }

    fn broken(&self) -> Option<Broken> {
        let error = self.own.failure()?;
        let alert = if let Error::AlertReceived(alert) = error { Some(alert_of(*alert)) } else { None };
        Some(Broken { alert, words: in_words(error) })
    }

    fn ignore_received(&mut self) {
        self.own.ignore_received();
    }

    fn is_within_record(&self) -> Option<bool> {
        if self.own.close_notify_received() { Some(false) } else { self.own.is_within_record() }
    }

    fn outer_stream(&self) -> PeerStream {
        self.outer.as_ref().map_or(PeerStream::Open, |outer| stream_of(outer))
    }

    fn outer_broken(&self) -> Option<String> {
        self.outer.as_ref().and_then(|outer| outer.failure()).map(in_words)
    }

    fn unacknowledged(&mut self, octets: u64) -> u64 {
        let own = self.outer.as_mut().map_or(octets, |outer| outer.ledger().unacknowledged(octets));
        self.own.ledger().unacknowledged(own)
    }

    fn acknowledgements_unknown(&mut self) {
        self.own.ledger().cannot_be_told();
        if let Some(outer) = &mut self.outer {
            outer.ledger().cannot_be_told();
        }
    }

    fn needs_sample(&mut self) -> bool {
        [Some(&mut self.own), self.outer.as_mut()].into_iter().flatten().any(|tls| tls.ledger().is_long())
    }
}

fn version_of(version: ProtocolVersion) -> Option<Version> {
    match version {
        ProtocolVersion::TLSv1_2 => Some(Version::Tls12),
        ProtocolVersion::TLSv1_3 => Some(Version::Tls13),
        // rustls speaks no other.
        _ => None,
    }
}

/// As IANA's registry has it.
fn suite_name(rustls: &str) -> String {
    rustls.replacen("TLS13_", "TLS_", 1)
}
