//! The words of TLS that a report has: versions, what a peer was trusted by, failures of handshakes, alerts.

use std::fmt;
use std::str::FromStr;

/// A version of TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum TlsVersion {
    /// TLS 1.2, RFC 5246.
    #[default]
    Tls12,
    /// TLS 1.3, RFC 8446.
    Tls13,
}

impl TlsVersion {
    /// Every version.
    pub const ALL: &'static [Self] = &[Self::Tls12, Self::Tls13];

    /// The version's name in reports: `TLSv1.2`, `TLSv1.3`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tls12 => "TLSv1.2",
            Self::Tls13 => "TLSv1.3",
        }
    }
}

/// Against what a peer's certificate was checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TlsTrust {
    /// The platform's roots.
    Roots,
    /// The roots of a file.
    CaFile,
    /// A fingerprint.
    Pinned,
    /// Nothing.
    Insecure,
}

impl TlsTrust {
    /// Every kind of trust.
    pub const ALL: &'static [Self] = &[Self::Roots, Self::CaFile, Self::Pinned, Self::Insecure];

    /// The trust's name in reports: `platform`, `ca_file`, `pinned`, `insecure`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Roots => "platform",
            Self::CaFile => "ca_file",
            Self::Pinned => "pinned",
            Self::Insecure => "insecure",
        }
    }
}

/// What kind of failure a handshake had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TlsFailure {
    /// The peer's certificate has expired.
    CertificateExpired,
    /// The peer's certificate is not valid yet.
    CertificateNotYetValid,
    /// The peer's certificate is for another name.
    WrongName,
    /// The peer's certificate is self-signed, or from an issuer that is not trusted.
    UnknownIssuer,
    /// The peer's certificate is not the pinned one.
    WrongFingerprint,
    /// The peer did not prove that it has the key of its certificate.
    BadSignature,
    /// The peer's certificate was revoked.
    CertificateRevoked,
    /// The peer's certificate cannot be used for another reason.
    BadCertificate,
    /// No TLS version is spoken by both.
    NoSharedVersion,
    /// No cipher suite, key exchange or signature is known to both.
    NoSharedSuite,
    /// None of our protocols (ALPN) is the peer's.
    NoSharedProtocol,
    /// The peer asks for a certificate of ours.
    CertificateRequired,
    /// What the peer speaks is not TLS.
    NotTls,
    /// The peer refused with an alert.
    Refused,
    /// The peer reset the connection.
    Reset,
    /// The peer ended the connection.
    Eof,
    /// The client left without having sent a byte: a port scan, for example.
    NotBegun,
    /// The peer broke the protocol.
    Protocol,
    /// Our own configuration or system.
    Local,
    /// It was not finished in time.
    TimedOut,
}

impl TlsFailure {
    /// Every kind.
    pub const ALL: &'static [Self] = &[
        Self::CertificateExpired,
        Self::CertificateNotYetValid,
        Self::WrongName,
        Self::UnknownIssuer,
        Self::WrongFingerprint,
        Self::BadSignature,
        Self::CertificateRevoked,
        Self::BadCertificate,
        Self::NoSharedVersion,
        Self::NoSharedSuite,
        Self::NoSharedProtocol,
        Self::CertificateRequired,
        Self::NotTls,
        Self::Refused,
        Self::Reset,
        Self::Eof,
        Self::NotBegun,
        Self::Protocol,
        Self::Local,
        Self::TimedOut,
    ];

    /// The failure's name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::CertificateExpired => "certificate_expired",
            Self::CertificateNotYetValid => "certificate_not_yet_valid",
            Self::WrongName => "wrong_name",
            Self::UnknownIssuer => "unknown_issuer",
            Self::WrongFingerprint => "wrong_fingerprint",
            Self::BadSignature => "bad_signature",
            Self::CertificateRevoked => "certificate_revoked",
            Self::BadCertificate => "bad_certificate",
            Self::NoSharedVersion => "no_shared_version",
            Self::NoSharedSuite => "no_shared_suite",
            Self::NoSharedProtocol => "no_shared_protocol",
            Self::CertificateRequired => "certificate_required",
            Self::NotTls => "not_tls",
            Self::Refused => "refused",
            Self::Reset => "reset",
            Self::Eof => "eof",
            Self::NotBegun => "not_begun",
            Self::Protocol => "protocol",
            Self::Local => "local",
            Self::TimedOut => "timed_out",
        }
    }
}

/// An alert of TLS, by its number.
///
/// # RFC
///
/// RFC 8446, section 6, and the registry of IANA, "TLS Alerts", for those of older versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TlsAlert(pub u8);

impl TlsAlert {
    /// `bad_certificate`.
    pub const BAD_CERTIFICATE: Self = Self(42);
    /// `certificate_expired`.
    pub const CERTIFICATE_EXPIRED: Self = Self(45);
    /// `certificate_unknown`.
    pub const CERTIFICATE_UNKNOWN: Self = Self(46);
    /// `unknown_ca`.
    pub const UNKNOWN_CA: Self = Self(48);
    /// `certificate_required`.
    pub const CERTIFICATE_REQUIRED: Self = Self(116);

    const NAMES: &'static [(u8, &'static str)] = &[
        (0, "close_notify"),
        (10, "unexpected_message"),
        (20, "bad_record_mac"),
        (21, "decryption_failed"),
        (22, "record_overflow"),
        (40, "handshake_failure"),
        (41, "no_certificate"),
        (42, "bad_certificate"),
        (43, "unsupported_certificate"),
        (44, "certificate_revoked"),
        (45, "certificate_expired"),
        (46, "certificate_unknown"),
        (47, "illegal_parameter"),
        (48, "unknown_ca"),
        (49, "access_denied"),
        (50, "decode_error"),
        (51, "decrypt_error"),
        (70, "protocol_version"),
        (71, "insufficient_security"),
        (80, "internal_error"),
        (86, "inappropriate_fallback"),
        (90, "user_canceled"),
        (100, "no_renegotiation"),
        (109, "missing_extension"),
        (110, "unsupported_extension"),
        (112, "unrecognized_name"),
        (113, "bad_certificate_status_response"),
        (115, "unknown_psk_identity"),
        (116, "certificate_required"),
        (120, "no_application_protocol"),
    ];

    /// The alert's name. `None`: it is one without a name here.
    pub fn name(self) -> Option<&'static str> {
        Self::NAMES.iter().find(|(number, _)| *number == self.0).map(|(_, name)| *name)
    }
}

/// Its name, or `number 99` of one without.
impl fmt::Display for TlsAlert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "number {}", self.0),
        }
    }
}

/// Reads what [`Display`](fmt::Display) writes.
impl FromStr for TlsAlert {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let named = Self::NAMES.iter().find(|(_, name)| *name == text).map(|(number, _)| *number);
        let number = || text.strip_prefix("number ")?.parse().ok();
        named.or_else(number).map(Self).ok_or(())
    }
}
