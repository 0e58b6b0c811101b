//! What a report says of TLS.

use super::{Facts, Report, micros};
use crate::tls::Trust;
use adieu_proto::Ending;

impl Report {
    pub(super) fn add_tls(&mut self, facts: &Facts) {
        let Some(tls) = &facts.tls else { return };
        self.tls_version.clone_from(&tls.version);
        self.tls_cipher_suite.clone_from(&tls.suite);
        self.tls_alpn.clone_from(&tls.alpn);
        self.tls_trust = tls.trust.map(Trust::name);
        self.tls_peer_subject.clone_from(&tls.peer_subject);
        self.tls_peer_not_after.clone_from(&tls.peer_not_after);
        self.tls_peer_sha256.clone_from(&tls.peer_sha256);
        self.tls_close_notify_sent = Some(tls.close_notify_sent);
        self.tls_close_notify_received = Some(tls.close_notify_received);
        self.tls_alert.clone_from(&tls.alert);
        self.tls_failure = tls.failure;
        self.tls_secured_us = tls.secured.map(micros);
        if self.error.is_none() {
            self.error.clone_from(&tls.error);
        }
        if self.ending == Ending::Truncated.name() && self.error.is_none() && tls.cut_record {
            self.error = Some("the peer's EOF came in the middle of a record".into());
        }
    }

    /// What a person should know of a TLS connection, after the sentence.
    pub(super) fn say_tls(&mut self, facts: &Facts) {
        let Some(tls) = facts.tls.as_ref().filter(|tls| tls.secured.is_some()) else { return };
        let mut words: Vec<&str> = tls.version.iter().chain(&tls.suite).map(String::as_str).collect();
        let alpn = tls.alpn.as_ref().map(|alpn| {
            format!("ALPN {}", crate::shown(alpn.chars().take(200).collect::<String>().as_bytes()))
        });
        words.extend(alpn.as_deref());
        match tls.trust {
            Some(Trust::Insecure) => words.push("INSECURE: the peer's certificate was not checked"),
            Some(Trust::Pinned) => words.push("the pinned certificate"),
            _ => {}
        }
        let certificate = tls.peer_sha256.as_ref().map(|sha256| {
            let subject = tls.peer_subject.as_deref().unwrap_or("a certificate without a subject");
            let until = tls.peer_not_after.as_deref().unwrap_or("an unknown date");
            format!("{subject} until {until}, {sha256}")
        });
        words.extend(certificate.as_deref());
        if self.ending == Ending::Graceful.name() && !tls.close_notify_received {
            words.push("ended without close_notify");
        }
        if !words.is_empty() {
            self.message += &format!(" ({})", words.join(", "));
        }
    }
}
