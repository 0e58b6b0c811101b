//! The facts about TLS in a report, besides those of the core.

use super::{Alert, Failure, Trust, Version};
use crate::{Report, SystemError};
use adieu_proto::{Ending, Time};

/// It is filled in as a connection goes on.
#[derive(Debug, Clone, Default)]
pub(crate) struct TlsFacts {
    pub(crate) version: Option<Version>,
    pub(crate) suite: Option<String>,
    pub(crate) alpn: Option<String>,
    pub(crate) trust: Option<Trust>,
    /// On the heap, as it is there of few and every future that has a connection would be larger by it.
    pub(crate) peer: Option<Box<PeerCertificate>>,
    pub(crate) alert: Option<Alert>,
    pub(crate) failure: Option<Failure>,
    pub(crate) error: Option<String>,
    pub(crate) close_notify_sent: bool,
    pub(crate) close_notify_received: bool,
    /// The peer's EOF came within a record.
    pub(crate) cut_record: bool,
    /// When the handshake was done.
    pub(crate) secured: Option<Time>,
}

/// What is known of the certificate that the peer presented.
#[derive(Debug, Clone)]
pub(crate) struct PeerCertificate {
    pub(crate) subject: Option<String>,
    pub(crate) issuer: Option<String>,
    pub(crate) not_before: Option<String>,
    pub(crate) not_after: Option<String>,
    pub(crate) sha256: String,
}

/// What a TLS handshake has agreed on. What is absent is not known: not yet, or not at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Negotiated<'a> {
    /// The version of TLS.
    pub version: Option<Version>,
    /// The cipher suite, as IANA's registry has it.
    pub cipher_suite: Option<&'a str>,
    /// The protocol (ALPN).
    pub alpn: Option<&'a str>,
    /// The subject of the certificate that the peer presented; a connection goes on only if it was accepted.
    pub peer_subject: Option<&'a str>,
    /// Whom that certificate names as its issuer.
    pub peer_issuer: Option<&'a str>,
    /// When that certificate begins to be valid, as RFC 3339 writes it.
    pub peer_not_before: Option<&'a str>,
    /// When that certificate expires, as RFC 3339 writes it: `2027-01-31T12:00:00Z`.
    pub peer_not_after: Option<&'a str>,
    /// The SHA-256 fingerprint of that certificate. `None`: the peer presented none.
    pub peer_sha256: Option<&'a str>,
}

impl TlsFacts {
    pub(crate) fn negotiated(&self) -> Negotiated<'_> {
        let peer = self.peer.as_deref();
        Negotiated {
            version: self.version,
            cipher_suite: self.suite.as_deref(),
            alpn: self.alpn.as_deref(),
            peer_subject: peer.and_then(|peer| peer.subject.as_deref()),
            peer_issuer: peer.and_then(|peer| peer.issuer.as_deref()),
            peer_not_before: peer.and_then(|peer| peer.not_before.as_deref()),
            peer_not_after: peer.and_then(|peer| peer.not_after.as_deref()),
            peer_sha256: peer.map(|peer| peer.sha256.as_str()),
        }
    }

    /// Fills in what a report says of TLS.
    pub(crate) fn tell(&self, report: &mut Report) {
        report.tls_version = self.version;
        report.tls_cipher_suite.clone_from(&self.suite);
        report.tls_alpn.clone_from(&self.alpn);
        report.tls_trust = self.trust;
        if let Some(peer) = self.peer.as_deref() {
            report.tls_peer_subject.clone_from(&peer.subject);
            report.tls_peer_not_after.clone_from(&peer.not_after);
            report.tls_peer_sha256 = Some(peer.sha256.clone());
        }
        report.tls_close_notify_sent = Some(self.close_notify_sent);
        report.tls_close_notify_received = Some(self.close_notify_received);
        report.tls_alert = self.alert;
        report.tls_failure = self.failure;
        report.tls_secured_after = self.secured.map(adieu_report::whole_micros);
        let cut = "the peer's EOF came in the middle of a record";
        let cut = (self.cut_record && report.ending() == Ending::Truncated).then_some(cut);
        if report.error.is_none() {
            let words = self.error.as_deref().or(cut);
            report.error = words.map(|words| SystemError::new(None, None, words));
        }
    }
}
