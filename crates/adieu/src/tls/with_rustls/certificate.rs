//! What is said of a certificate: read from its DER, believed only as far as it was verified.

use super::Fingerprint;
use rustls::CertificateError;
use rustls::pki_types::{CertificateDer, UnixTime};
use std::time::Duration;
use x509_cert::Certificate;
use x509_cert::der::{DateTime, Decode};

/// A certificate in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Described {
    /// Its subject; if that is empty, the names it is for.
    pub(crate) subject: Option<String>,
    /// Who says that it issued it.
    pub(crate) issuer: Option<String>,
    /// When it begins, as in RFC 3339.
    pub(crate) not_before: Option<String>,
    /// When it ends.
    pub(crate) not_after: Option<String>,
    /// Whether it names itself as its issuer.
    pub(crate) is_self_issued: bool,
    pub(crate) sha256: Fingerprint,
}

impl Described {
    /// A certificate that cannot be read has its fingerprint still.
    pub(crate) fn new(der: &[u8]) -> Self {
        let sha256 = Fingerprint::of(der);
        let Ok(certificate) = Certificate::from_der(der) else {
            return Self {
                subject: None,
                issuer: None,
                not_before: None,
                not_after: None,
                is_self_issued: false,
                sha256,
            };
        };
        let tbs = &certificate.tbs_certificate;
        Self {
            subject: Some(printable(&tbs.subject.to_string())).filter(|subject| !subject.is_empty()),
            issuer: Some(printable(&tbs.issuer.to_string())).filter(|issuer| !issuer.is_empty()),
            not_before: Some(tbs.validity.not_before.to_date_time().to_string()),
            not_after: Some(tbs.validity.not_after.to_date_time().to_string()),
            is_self_issued: tbs.subject == tbs.issuer,
            sha256,
        }
    }
}

/// Whether a certificate is valid at this time. RFC 5280, 4.1.2.5: both dates are included.
pub(crate) fn check_dates(der: &[u8], now: UnixTime) -> Result<(), CertificateError> {
    let certificate = Certificate::from_der(der).map_err(|_| CertificateError::BadEncoding)?;
    let validity = certificate.tbs_certificate.validity;
    let unix = |time: x509_cert::time::Time| time.to_unix_duration().as_secs();
    let since = |seconds| UnixTime::since_unix_epoch(Duration::from_secs(seconds));
    let (from, until) = (since(unix(validity.not_before)), since(unix(validity.not_after)));
    if now < from {
        return Err(CertificateError::NotValidYetContext { time: now, not_before: from });
    }
    if now > until {
        return Err(CertificateError::ExpiredContext { time: now, not_after: until });
    }
    Ok(())
}

/// Whether rustls can read a certificate, which it must to check who has its key.
pub(crate) fn is_readable(der: &CertificateDer<'_>) -> bool {
    webpki::EndEntityCert::try_from(der).is_ok()
}

/// A moment as in RFC 3339. `None`: X.509 has no such date.
pub(crate) fn date_of(moment: UnixTime) -> Option<String> {
    DateTime::from_unix_duration(Duration::from_secs(moment.as_secs())).ok().map(|date| date.to_string())
}

/// A peer's text for a line of ours: nothing that moves a terminal, and not endless.
pub(crate) fn printable(text: &str) -> String {
    crate::shown(text.chars().take(200).collect::<String>().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_described() {
        let key = rcgen::KeyPair::generate().expect("a key");
        let mut parameters = rcgen::CertificateParams::new(vec!["example.test".into()]).expect("a name");
        parameters.distinguished_name = rcgen::DistinguishedName::new();
        parameters.distinguished_name.push(rcgen::DnType::CommonName, "example.test");
        parameters.not_after = rcgen::date_time_ymd(2031, 2, 3);
        let certificate = parameters.self_signed(&key).expect("a certificate");
        let described = Described::new(certificate.der());
        assert_eq!(described.subject.as_deref(), Some("CN=example.test"));
        assert_eq!(described.issuer, described.subject);
        assert_eq!(described.not_after.as_deref(), Some("2031-02-03T00:00:00Z"));
        assert!(described.is_self_issued);
    }

    #[test]
    fn what_is_no_certificate_has_only_its_fingerprint() {
        let described = Described::new(b"not DER");
        assert_eq!((described.subject, described.not_after), (None, None));
        assert_eq!(described.sha256, Fingerprint::of(b"not DER"));
    }

    #[test]
    fn a_peer_cannot_write_control_characters_into_our_lines() {
        assert_eq!(printable("a\x1b[2Jb\nc"), "a\\u{1b}[2Jb\\nc");
    }
}
