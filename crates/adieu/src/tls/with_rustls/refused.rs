//! Why a peer's certificate was refused: a true sentence for each of rustls's errors, with the advice that fits.
//!
//! Two facts decide the advice. If the certificate was accepted and the proof of its key failed, neither a pin nor other roots
//! help. If rustls cannot read the certificate, they do not help either: the proof is checked with what is read from it.

use super::certificate::{Described, date_of, printable};
use super::party::{Judge, Party};
use super::{Failure, HandshakeError};
use super::{KEY_KINDS, Trust};
use crate::{Setting, Words};
use rustls::pki_types::UnixTime;
use rustls::{CertificateError, ExtendedKeyPurpose};
use std::net::IpAddr;
use x509_cert::der::asn1::ObjectIdentifier;

/// What is known of a certificate that was refused.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Presented<'a> {
    /// The certificate. `None`: the peer sent none.
    pub(crate) certificate: Option<&'a Described>,
    /// Whether rustls can read the certificate.
    pub(crate) is_readable: bool,
    /// Whether the certificate was accepted, so that what failed is the proof that the peer has its key.
    pub(crate) is_accepted: bool,
    /// Who presented it.
    pub(crate) party: Party,
    /// What the certificate was checked against. `None`: a client's, which is checked against the roots for clients.
    pub(crate) trust: Option<Trust>,
    /// Who made the check.
    pub(crate) judge: Judge,
}

impl Presented<'_> {
    fn whose(&self) -> &'static str {
        self.party.whose()
    }

    fn sender(&self) -> &'static str {
        self.party.name()
    }

    /// What makes the right certificate do on this side.
    fn way_to_trust(&self) -> Words {
        let add = |roots| Words::from("add it to the file of ") + roots;
        let pin = || Words::from("use ") + Setting::Pin;
        match (self.certificate, self.trust) {
            _ if self.party == Party::Client => add(Setting::ClientRoots),
            _ if self.party == Party::Proxy => add(Setting::ProxyRoots),
            (Some(seen), Some(Trust::CaFile)) => {
                pin() + format!(" {} instead of ", seen.sha256) + Setting::Roots
            }
            (Some(seen), _) => pin() + format!(" {}", seen.sha256),
            (None, _) => pin() + " with its fingerprint",
        }
    }

    /// What to do about a certificate that is not as it should be.
    fn remedy(&self) -> Words {
        match self.trust {
            // Whatever is wrong with it, being trusted does not mend it.
            _ if !self.is_readable => "it must be made anew there".into(),
            Some(Trust::Pinned | Trust::Insecure) => "it must be replaced there".into(),
            _ => Words::from("if it is the right one, ") + self.way_to_trust(),
        }
    }

    /// The certificate itself, or one that came with it: what cannot be read is known to be the first.
    fn this_or_its_chain(&self) -> String {
        if self.is_readable {
            format!("{} certificate, or one that vouches for it,", self.whose())
        } else {
            format!("{} certificate", self.whose())
        }
    }

    /// The certificate whose end or beginning this is: a chain is as good as its worst certificate.
    fn with_date(&self, date: &str, own: impl Fn(&Described) -> Option<&String>) -> String {
        match self.certificate.and_then(own) {
            Some(own) if own != date => format!("a certificate that vouches for {}", self.whose()),
            _ => format!("{} certificate", self.whose()),
        }
    }
}

/// The sentence for a certificate that was refused.
pub(crate) fn explain(error: &CertificateError, presented: Presented<'_>) -> HandshakeError {
    let (failure, what) = match proof(error, presented).or_else(|| dates(error, presented)) {
        Some((failure, what)) => (failure, what.into()),
        None => not_trusted(error, presented).unwrap_or_else(|| other(error, presented)),
    };
    let what = match presented.judge {
        Judge::Us => what,
        Judge::Program => format!(
            "{} certificate was refused by the verifier of this program's own rustls configuration: {}",
            presented.whose(),
            printable(&error.to_string())
        )
        .into(),
    };
    HandshakeError::new(failure, what)
}

/// The peer's proof that it has the certificate's key. `None`: the proof was not looked at, or it is not what failed.
fn proof(error: &CertificateError, presented: Presented<'_>) -> Option<(Failure, String)> {
    if !presented.is_accepted {
        return None;
    }
    let (whose, sender) = (presented.whose(), presented.sender());
    match error {
        CertificateError::BadSignature => Some((
            Failure::BadSignature,
            format!(
                "{sender} did not prove that it has the key of its certificate: the signature of its handshake does not match; \
                 its key is that of another certificate, or somebody between changes the handshake"
            ),
        )),
        error => unknown_algorithm(error).map(|algorithm| {
            let what = format!(
                "{whose} certificate has a key whose signature cannot be checked here{algorithm}: it needs another key; {KEY_KINDS}"
            );
            (Failure::BadCertificate, what)
        }),
    }
}

/// A certificate that is not valid now.
fn dates(error: &CertificateError, presented: Presented<'_>) -> Option<(Failure, String)> {
    let unreadable = || "a date that cannot be read".to_owned();
    let seen = presented.certificate;
    let (end, begin) = (seen.and_then(|s| s.not_after.clone()), seen.and_then(|s| s.not_before.clone()));
    let expired = |subject: &str, date: &str| {
        let what =
            format!("{subject} has expired, on {date}: it must be renewed there, or this clock is wrong");
        (Failure::CertificateExpired, what)
    };
    let not_yet = |subject: &str, date: &str| {
        let what = format!("{subject} is not valid yet, but from {date} on: check this machine's clock");
        (Failure::CertificateNotYetValid, what)
    };
    let own = format!("{} certificate", presented.whose());
    Some(match error {
        CertificateError::ExpiredContext { not_after, .. } => {
            let date = date_of(*not_after).unwrap_or_else(unreadable);
            expired(&presented.with_date(&date, |seen| seen.not_after.as_ref()), &date)
        }
        CertificateError::NotValidYetContext { not_before, .. } => {
            let date = date_of(*not_before).unwrap_or_else(unreadable);
            not_yet(&presented.with_date(&date, |seen| seen.not_before.as_ref()), &date)
        }
        // rustls has no other word for dates that are the wrong way round.
        CertificateError::Expired if end.is_none() || end > date_of(UnixTime::now()) => (
            Failure::CertificateExpired,
            format!(
                "{} ends before it begins to be valid: it must be made anew there",
                presented.this_or_its_chain()
            ),
        ),
        CertificateError::Expired => expired(&own, &end.unwrap_or_else(unreadable)),
        CertificateError::NotValidYet => not_yet(&own, &begin.unwrap_or_else(unreadable)),
        _ => return None,
    })
}

/// A certificate that nobody vouches for, or whose issuer's signature is not right. `None`: that is not what is wrong.
fn not_trusted(error: &CertificateError, presented: Presented<'_>) -> Option<(Failure, Words)> {
    let (party, whose, trust) = (presented.party, presented.whose(), presented.way_to_trust());
    let roots = match party {
        Party::Proxy => Setting::ProxyRoots,
        Party::Client => Setting::ClientRoots,
        Party::Server => Setting::Roots,
    };
    let issuer = format!("the issuer of {whose} certificate is not trusted here: ");
    let what = match error {
        error if is_not_trusted(error) && presented.certificate.is_some_and(|seen| seen.is_self_issued) => {
            let sentence = "certificate is self-signed, and not trusted here: if it is the right one, ";
            Words::from(format!("{whose} {sentence}")) + trust
        }
        CertificateError::UnknownIssuer => {
            let add = match party {
                Party::Client => Words::from("add the issuer's to the file of ") + roots,
                Party::Proxy => Words::from("name its certificate with ") + roots,
                Party::Server => Words::from("name its certificate with ") + roots + ", or " + trust,
            };
            let chain = format!("; or {} may not send its whole chain", presented.sender());
            Words::from(issuer) + add + chain
        }
        // Of a certificate: the proof was judged before.
        CertificateError::BadSignature => {
            let one = presented.this_or_its_chain();
            Words::from(format!(
                "{one} has a signature that the key of its issuer did not make: the issuer may have a new key (then give \
                 its new certificate with "
            )) + roots
                + "), or the certificate is forged; "
                + presented.remedy()
        }
        _ => return None,
    };
    Some((Failure::UnknownIssuer, what))
}

fn other(error: &CertificateError, presented: Presented<'_>) -> (Failure, Words) {
    let (whose, sender, trust) = (presented.whose(), presented.sender(), presented.way_to_trust());
    let (remedy, one) = (presented.remedy(), presented.this_or_its_chain());
    let party = presented.party;
    let bad = |what: String| (Failure::BadCertificate, Words::from(what));
    let mended = |what: String| (Failure::BadCertificate, Words::from(what) + ": " + remedy.clone());
    match error {
        CertificateError::NotValidForName if presented.party == Party::Proxy => (
            Failure::WrongName,
            format!("{whose} certificate is for another name: write its host as the certificate has it")
                .into(),
        ),
        CertificateError::NotValidForName => (
            Failure::WrongName,
            Words::from(format!("{whose} certificate is for another name: {RIGHT_NAME}"))
                + Setting::ServerName,
        ),
        CertificateError::NotValidForNameContext { expected, presented: names_of_it } => {
            (Failure::WrongName, wrong_name(&expected.to_str(), names_of_it, party, trust))
        }
        CertificateError::Revoked => {
            let what = format!("{whose} certificate was revoked: it must be replaced there");
            (Failure::CertificateRevoked, what.into())
        }
        CertificateError::UnknownRevocationStatus => mended(format!(
            "whether {whose} certificate was revoked is not known, because no revocation list tells"
        )),
        CertificateError::ExpiredRevocationList => bad(format!(
            "whether {whose} certificate was revoked is not known, because the revocation list has expired: renew the list"
        )),
        CertificateError::ExpiredRevocationListContext { next_update, .. } => {
            let date = date_of(*next_update).unwrap_or_else(|| "a date that cannot be read".to_owned());
            bad(format!(
                "whether {whose} certificate was revoked is not known, because the revocation list has expired, on {date}: renew \
                 the list"
            ))
        }
        CertificateError::InvalidOcspResponse => bad(format!(
            "the OCSP response that {sender} sent with its certificate is not valid: it must be renewed there"
        )),
        CertificateError::ApplicationVerificationFailure => {
            let but = presented.certificate.map_or_else(String::new, |seen| format!(", but {}", seen.sha256));
            let what = format!(
                "{whose} certificate is not the pinned one{but}: it was replaced, or this is another {}",
                sender.trim_start_matches("the ")
            );
            (Failure::WrongFingerprint, what.into())
        }
        CertificateError::InvalidPurpose => {
            let needed = if party == Party::Client { "for clients" } else { "for servers" };
            mended(format!("{one} is not {needed}"))
        }
        CertificateError::InvalidPurposeContext { required, presented: given } => {
            let given = given.iter().map(purpose).collect::<Vec<_>>().join(", ");
            let but = if given.is_empty() { String::new() } else { format!(", but for {given}") };
            mended(format!("{one} is not for {}{but}", purpose(required)))
        }
        CertificateError::BadEncoding => {
            mended(format!("{one} cannot be read, because its encoding (DER) is wrong"))
        }
        CertificateError::UnhandledCriticalExtension => {
            mended(format!("{one} has a critical extension that is not known here"))
        }
        error => match (unknown_algorithm(error), of_webpki(error)) {
            (Some(algorithm), _) => {
                mended(format!("{one} is signed with an algorithm that is not known here{algorithm}"))
            }
            (None, Some(webpki::Error::CaUsedAsEndEntity)) => {
                mended(format!("{whose} certificate is an authority's, and not for {}", role(presented)))
            }
            (None, Some(why)) => mended(format!("{one} cannot be used, because {}", reason(why))),
            (None, None) => mended(format!("{one} cannot be used ({})", plain(&error.to_string()))),
        },
    }
}

fn role(presented: Presented<'_>) -> &'static str {
    if presented.party == Party::Client { "a client" } else { "a server" }
}

/// What to do about a certificate for another name; the setting follows.
const RIGHT_NAME: &str = "connect to the name that it is for, or give it with ";

fn wrong_name(expected: &str, presented: &[String], party: Party, trust: Words) -> Words {
    let (names, whose) = (names(presented), party.whose());
    if is_a_dns_name_of(presented, expected) {
        Words::from(format!(
            "{whose} certificate holds {expected} as a DNS name, and not as an IP address: it must have it as an \
             IP address in its subjectAltName; if it is the right one, "
        )) + trust
    } else if names.is_empty() {
        Words::from(format!(
            "{whose} certificate is for no name at all, since its common name counts no more: it must have a \
             subjectAltName with a DNS name or an address; if it is the right one, "
        )) + trust
    } else if party == Party::Proxy {
        format!(
            "{whose} certificate is for {}, and not for {expected}: write its host as the certificate has it",
            printable(&names)
        )
        .into()
    } else {
        let names = printable(&names);
        Words::from(format!("{whose} certificate is for {names}, and not for {expected}: {RIGHT_NAME}"))
            + Setting::ServerName
    }
}

/// Whether nobody vouches for it, if it names itself as its issuer. One with the mark of an authority is refused for that
/// before it is asked who vouches for it.
fn is_not_trusted(error: &CertificateError) -> bool {
    *error == CertificateError::UnknownIssuer
        || matches!(of_webpki(error), Some(webpki::Error::CaUsedAsEndEntity))
}

/// What rustls has no word for.
fn of_webpki(error: &CertificateError) -> Option<&webpki::Error> {
    match error {
        CertificateError::Other(error) => error.0.downcast_ref(),
        _ => None,
    }
}

/// Whether what was looked for, and not found, stands among the DNS names: it is an address then, and was looked for as one.
fn is_a_dns_name_of(presented: &[String], expected: &str) -> bool {
    presented.iter().any(|name| *name == format!("DnsName(\"{expected}\")"))
}

/// `DnsName("example.test")` is how webpki tells a name. What is neither a DNS name nor an address names no server.
fn names(presented: &[String]) -> String {
    let bare = |name: &String| {
        let (kind, rest) = name.split_once('(')?;
        let value = rest.trim_end_matches(')').trim_matches('"');
        match kind {
            "DnsName" => Some(value.to_owned()),
            // It writes IPv6 in a way of its own.
            "IpAddress" => Some(value.parse().map_or_else(|_| value.to_owned(), |ip: IpAddr| ip.to_string())),
            _ => None,
        }
    };
    presented.iter().filter_map(bare).collect::<Vec<_>>().join(", ")
}

/// An extended key usage.
fn purpose(purpose: &ExtendedKeyPurpose) -> String {
    match purpose {
        ExtendedKeyPurpose::ServerAuth => "servers".to_owned(),
        ExtendedKeyPurpose::ClientAuth => "clients".to_owned(),
        ExtendedKeyPurpose::Other(arcs) => {
            let arcs = arcs.iter().map(ToString::to_string).collect::<Vec<_>>();
            format!("the usage {}", arcs.join("."))
        }
    }
}

/// An algorithm that cannot be checked, in brackets if rustls names it. `None`: that is not what is wrong.
fn unknown_algorithm(error: &CertificateError) -> Option<String> {
    match error {
        #[expect(deprecated, reason = "a verifier may still say it")]
        CertificateError::UnsupportedSignatureAlgorithm => Some(String::new()),
        CertificateError::UnsupportedSignatureAlgorithmContext { signature_algorithm_id, .. } => {
            Some(in_brackets(&[signature_algorithm_id]))
        }
        CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext {
            signature_algorithm_id,
            public_key_algorithm_id,
        } => Some(in_brackets(&[signature_algorithm_id, public_key_algorithm_id])),
        _ => None,
    }
}

fn in_brackets(algorithms: &[&[u8]]) -> String {
    let names: Vec<String> = algorithms.iter().filter_map(|der| algorithm(der)).collect();
    if names.is_empty() { String::new() } else { format!(" ({})", names.join(", by a key of the kind ")) }
}

/// The name of an algorithm from the contents of its `AlgorithmIdentifier` in DER: an object identifier, and for a key on a
/// curve that of the curve. RFC 5280, 4.1.1.2; RFC 5480, 2.1.1.
fn algorithm(mut der: &[u8]) -> Option<String> {
    let mut identifiers = Vec::new();
    while let [0x06, length, rest @ ..] = der
        && let Some((own, next)) = rest.split_at_checked((*length).into())
    {
        identifiers.push(ObjectIdentifier::from_bytes(own).ok()?.to_string());
        der = next;
    }
    // The curve says more than that it is one.
    let last = identifiers.pop()?;
    Some(match &*last {
        "1.2.840.113549.1.1.1" => "RSA".to_owned(),
        "1.2.840.113549.1.1.4" => "RSA with MD5".to_owned(),
        "1.2.840.113549.1.1.5" => "RSA with SHA-1".to_owned(),
        "1.2.840.113549.1.1.10" => "RSASSA-PSS".to_owned(),
        "1.2.840.10040.4.1" | "1.2.840.10040.4.3" => "DSA".to_owned(),
        "1.2.840.10045.3.1.7" => "P-256".to_owned(),
        "1.2.840.10045.4.1" => "ECDSA with SHA-1".to_owned(),
        "1.2.840.10045.4.3.2" => "ECDSA with SHA-256".to_owned(),
        "1.2.840.10045.4.3.3" => "ECDSA with SHA-384".to_owned(),
        "1.2.840.10045.4.3.4" => "ECDSA with SHA-512".to_owned(),
        "1.3.101.113" => "Ed448".to_owned(),
        "1.3.132.0.34" => "P-384".to_owned(),
        "1.3.132.0.35" => "P-521".to_owned(),
        "2.16.840.1.101.3.4.3.17" => "ML-DSA-44".to_owned(),
        "2.16.840.1.101.3.4.3.18" => "ML-DSA-65".to_owned(),
        "2.16.840.1.101.3.4.3.19" => "ML-DSA-87".to_owned(),
        _ => format!("OID {last}"),
    })
}

/// Why webpki cannot use a certificate, where rustls has no word for it. webpki itself prints its variants' names.
fn reason(error: &webpki::Error) -> String {
    use webpki::Error as E;
    match error {
        E::CertDistrusted => "its key is distrusted".to_owned(),
        E::EmptyEkuExtension => "its extended key usage is empty".to_owned(),
        E::EndEntityUsedAsCa => "a certificate that vouches for it is no authority's".to_owned(),
        E::ExtensionValueInvalid | E::MalformedExtensions => "an extension of it is malformed".to_owned(),
        E::InvalidNetworkMaskConstraint | E::MalformedNameConstraint => {
            "a constraint on the names that it may have is malformed".to_owned()
        }
        E::InvalidSerialNumber => "its serial number is not valid".to_owned(),
        E::MalformedDnsIdentifier => "a DNS name in it is malformed".to_owned(),
        E::MaximumNameConstraintComparisonsExceeded
        | E::MaximumPathBuildCallsExceeded
        | E::MaximumPathDepthExceeded
        | E::MaximumSignatureChecksExceeded => "its chain is too long or too complex".to_owned(),
        E::NameConstraintViolation => "its issuer may not vouch for such a name".to_owned(),
        E::PathLenConstraintViolated => "its chain is longer than an issuer in it allows".to_owned(),
        E::SignatureAlgorithmMismatch => "it names two different signature algorithms".to_owned(),
        E::UnsupportedCertVersion => "it has not X.509's version 3".to_owned(),
        other => plain(&format!("{other:?}")),
    }
}

/// The name of a variant as words: "no kx groups in common" of `NoKxGroupsInCommon { .. }`.
pub(crate) fn plain(variant: &str) -> String {
    let name = variant.split(|c: char| !c.is_ascii_alphanumeric() && c != ' ').next().unwrap_or_default();
    let mut words = String::new();
    for c in name.trim().chars() {
        if c.is_ascii_uppercase()
            && words.chars().next_back().is_some_and(|before| before.is_ascii_lowercase())
        {
            words.push(' ');
        }
        words.push(c.to_ascii_lowercase());
    }
    words
}

#[cfg(test)]
mod tests;
