//! Why a handshake failed, in a sentence that says what to do.

use super::certificate::printable;
use super::party::Party;
use super::refused::{self, Presented};
use super::{Alert, Failure, HandshakeError};
use crate::{Setting, Words, system_error};
use adieu_proto::Timer;
use rustls::{AlertDescription, Error, PeerIncompatible};
use std::{fmt, io};

/// How far a handshake had come, as far as it tells what an alert means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// No cipher suite was agreed.
    Begun,
    /// One was.
    SuiteAgreed,
    /// The server has asked for a certificate besides, and we had none for it.
    CertificateMissing,
}

impl HandshakeError {
    /// What rustls says, in words for whoever has to mend it.
    pub(crate) fn of(error: &Error, presented: Presented<'_>, first: &[u8], stage: Stage) -> Self {
        if let Error::InvalidMessage(_) = error
            && !first.is_empty()
            && !looks_like_tls(first)
        {
            return not_tls(first, presented.party);
        }
        match error {
            Error::InvalidCertificate(error) => refused::explain(error, presented),
            Error::AlertReceived(alert) if presented.party == Party::Proxy => Self::new(
                Failure::Refused,
                format!("the proxy refused with the alert {}: its own log may say why", alert_of(*alert)),
            ),
            Error::AlertReceived(alert) => of_alert(*alert, stage),
            Error::PeerIncompatible(why) if presented.party == Party::Proxy => Self::new(
                Failure::NoSharedSuite,
                format!(
                    "the proxy and we have no version, cipher suite, key exchange or signature of TLS in common ({}): update the \
                     proxy",
                    refused::plain(&format!("{why:?}"))
                ),
            ),
            Error::PeerIncompatible(why) => of_incompatible(why),
            Error::NoApplicationProtocol => Self::new(
                Failure::NoSharedProtocol,
                Words::from("the peer speaks none of the protocols that ")
                    + Setting::Alpn
                    + " names: name one of its own, or none",
            ),
            Error::NoCertificatesPresented => Self::new(
                Failure::CertificateRequired,
                Words::from("the peer sent no certificate, and one is required: it needs ")
                    + Setting::Identity,
            ),
            error => Self::new(
                Failure::Protocol,
                format!(
                    "{}: {} TLS is broken, or something between changes it",
                    in_words(error).replace(Party::Server.name(), presented.party.name()),
                    presented.party.whose()
                ),
            ),
        }
    }

    /// The stream ended before the handshake did.
    pub(crate) fn eof(first: &[u8], party: Party) -> Self {
        if !first.is_empty() && !looks_like_tls(first) {
            return not_tls(first, party);
        }
        Self::new(unless_begun(Failure::Eof, first, party), cut("ended the connection", "", first, party))
    }

    pub(crate) fn reset(error: &io::Error, first: &[u8], party: Party) -> Self {
        let told = system_error::of(error);
        let what = cut("reset the connection", &format!(" ({told})"), first, party);
        let mut failed = Self::new(unless_begun(Failure::Reset, first, party), what);
        failed.source = Some(told.into());
        failed
    }
}

/// A client that has said nothing has not begun.
fn unless_begun(failure: Failure, first: &[u8], party: Party) -> Failure {
    if first.is_empty() && party == Party::Client { Failure::NotBegun } else { failure }
}

/// The peer left before the handshake was finished: what it may mean depends on how far it had come.
fn cut(did: &str, why: &str, first: &[u8], party: Party) -> String {
    let name = party.name();
    match (first.is_empty(), party) {
        (true, Party::Client) => {
            format!("the client {did} before it began the handshake{why}: does it speak TLS?")
        }
        (true, _) => {
            format!("{name} {did} before the handshake was finished{why}: is this port one for TLS?")
        }
        (false, Party::Client) => format!(
            "the client {did} before the handshake was finished{why}: it may not trust our certificate"
        ),
        (false, _) => format!("{name} {did} in the middle of the handshake{why}: its own log may say why"),
    }
}

/// A time was over before the handshake was finished: which, and what it may mean.
pub(crate) fn out_of_time(timer: Timer, first: &[u8], is_server: bool) -> Words {
    let (what, slow) = match timer {
        Timer::Deadline => ("the deadline passed during the TLS handshake", None),
        Timer::Idle => (
            "the peer was silent for the whole idle timeout during the TLS handshake",
            Some(Words::from("if it is only slow, raise ") + Setting::IdleTimeout),
        ),
        _ => (
            "the TLS handshake was not finished in time",
            Some(Words::from("if the peer is only slow, raise ") + Setting::ConnectTimeout),
        ),
    };
    let question = match (first.is_empty(), is_server) {
        (true, true) => Some("does the client speak TLS?"),
        (true, false) => Some("is this port one for TLS?"),
        (false, _) => None,
    };
    let what = Words::from(what);
    match (question, slow) {
        (None, None) => what,
        (Some(question), None) => what + ": " + question,
        (None, Some(slow)) => what + ": " + slow,
        (Some(question), Some(slow)) => what + ": " + question + " " + slow,
    }
}

/// Whether the first byte is that of a handshake record or an alert.
fn looks_like_tls(first: &[u8]) -> bool {
    matches!(first.first(), Some(0x15 | 0x16))
}

fn not_tls(first: &[u8], party: Party) -> HandshakeError {
    let text = String::from_utf8_lossy(&first[..first.len().min(60)]);
    let text = printable(text.lines().next().unwrap_or_default().trim());
    let what = match party {
        Party::Client => {
            format!("the client sent \"{text}\", which is not TLS: it must speak TLS to this port")
        }
        Party::Server => {
            format!("the peer answered \"{text}\", which is not TLS: leave TLS out, or give the port for TLS")
        }
        Party::Proxy => format!("the proxy answered \"{text}\", which is not TLS: write http:// for it"),
    };
    HandshakeError::new(Failure::NotTls, what)
}

fn of_alert(alert: AlertDescription, stage: Stage) -> HandshakeError {
    let name = alert_of(alert);
    let identity = |why| Words::from(why) + ": give it " + Setting::Identity;
    let (failure, advice): (_, Words) = match alert {
        // TLS 1.2 has no alert of its own for a certificate that is missing: RFC 5246, 7.4.6.
        AlertDescription::HandshakeFailure | AlertDescription::BadCertificate
            if stage == Stage::CertificateMissing =>
        {
            (Failure::CertificateRequired, identity("it asked for a certificate of ours"))
        }
        AlertDescription::HandshakeFailure | AlertDescription::InsufficientSecurity
            if stage == Stage::SuiteAgreed =>
        {
            let why = "a cipher suite was agreed, so it is something else: its own log may say why";
            (Failure::Refused, why.into())
        }
        AlertDescription::ProtocolVersion => (Failure::NoSharedVersion, no_version("we")),
        AlertDescription::HandshakeFailure | AlertDescription::InsufficientSecurity => {
            (Failure::NoSharedSuite, "we have no cipher suite or signature in common".into())
        }
        AlertDescription::NoApplicationProtocol => {
            let words = Words::from("it speaks none of the protocols that ") + Setting::Alpn + " names";
            (Failure::NoSharedProtocol, words)
        }
        AlertDescription::CertificateRequired | AlertDescription::NoCertificate => {
            (Failure::CertificateRequired, identity("it wants a certificate of ours"))
        }
        AlertDescription::UnknownCA
        | AlertDescription::CertificateUnknown
        | AlertDescription::BadCertificate => {
            let why = "it does not trust our certificate: it must be given the certificate, or its issuer's";
            (Failure::Refused, why.into())
        }
        AlertDescription::CertificateExpired => {
            (Failure::Refused, "our certificate has expired: renew it".into())
        }
        AlertDescription::UnrecognisedName => {
            let why = "it does not know the name that we asked for: give another with ";
            (Failure::Refused, Words::from(why) + Setting::ServerName)
        }
        _ => (Failure::Refused, "its own log may say why".into()),
    };
    HandshakeError::new(failure, Words::from(format!("the peer refused with the alert {name}: ")) + advice)
}

/// No TLS version is spoken by both, and ours may be why.
fn no_version(who: &str) -> Words {
    Words::from(format!("{who} have no TLS version in common: update the peer, or lower "))
        + Setting::LeastVersion
        + " if it was raised"
}

fn of_incompatible(why: &PeerIncompatible) -> HandshakeError {
    use PeerIncompatible as P;
    match why {
        P::ServerDoesNotSupportTls12Or13 | P::Tls12NotOffered => HandshakeError::new(
            Failure::NoSharedVersion,
            "the peer and we have no TLS version in common: its own are older than TLS 1.2, the oldest here: update it",
        ),
        P::ServerTlsVersionIsDisabledByOurConfig
        | P::SupportedVersionsExtensionRequired
        | P::Tls12NotOfferedOrEnabled => {
            HandshakeError::new(Failure::NoSharedVersion, no_version("the peer and we"))
        }
        other => HandshakeError::new(
            Failure::NoSharedSuite,
            format!(
                "the peer and we have no cipher suite, key exchange or signature in common ({}): update the peer",
                refused::plain(&format!("{other:?}"))
            ),
        ),
    }
}

/// What rustls says, without the names of its variants.
pub(crate) fn in_words(error: &Error) -> String {
    let named = |what: &str, variant: &dyn fmt::Debug| {
        format!("{what} ({})", refused::plain(&format!("{variant:?}")))
    };
    match error {
        Error::InvalidMessage(why) => named("the peer sent a message that is not well formed", why),
        Error::PeerMisbehaved(why) => named("the peer broke the protocol", why),
        Error::InappropriateMessage { got_type, .. } => named("the peer sent a record out of turn", got_type),
        Error::InappropriateHandshakeMessage { got_type, .. } => {
            named("the peer sent a handshake message out of turn", got_type)
        }
        other => printable(&other.to_string()),
    }
}

/// The alert as a report has it.
pub(crate) fn alert_of(alert: AlertDescription) -> Alert {
    Alert(u8::from(alert))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_that_is_too_old_for_any_option_is_not_met_by_one() {
        for why in [PeerIncompatible::Tls12NotOffered, PeerIncompatible::ServerDoesNotSupportTls12Or13] {
            let said = of_incompatible(&why).words();
            assert!(said.contains("older than TLS 1.2") && said.settings().next().is_none(), "{said}");
        }
        let said = of_incompatible(&PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig).words();
        assert!(said.settings().eq([Setting::LeastVersion]), "{said}");
    }

    #[test]
    fn what_is_not_tls_is_quoted() {
        let error = HandshakeError::eof(b"220 mail.test ESMTP\r\n\x1b", Party::Server);
        assert_eq!(error.failure(), Failure::NotTls);
        assert!(error.to_string().contains("answered \"220 mail.test ESMTP\", which is not TLS"), "{error}");
    }

    #[test]
    fn a_handshake_failure_means_what_the_handshake_had_come_to() {
        for (stage, failure, says) in [
            (Stage::Begun, Failure::NoSharedSuite, "no cipher suite"),
            (Stage::SuiteAgreed, Failure::Refused, "a cipher suite was agreed"),
            (Stage::CertificateMissing, Failure::CertificateRequired, Setting::Identity.name()),
        ] {
            let error = of_alert(AlertDescription::HandshakeFailure, stage);
            assert_eq!(error.failure(), failure);
            assert!(error.to_string().contains(says), "{error}");
        }
    }

    #[test]
    fn every_failure_says_what_to_do() {
        for alert in [
            AlertDescription::ProtocolVersion,
            AlertDescription::CertificateRequired,
            AlertDescription::Unknown(99),
        ] {
            let text = of_alert(alert, Stage::Begun).to_string();
            assert!(text.matches(": ").count() >= 2, "{text}");
        }
    }
}
