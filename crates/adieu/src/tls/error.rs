//! Why a handshake failed. The sentences are made where the handshakes are; here is what holds one.

use std::{fmt, io};

/// What kind of failure a handshake had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Failure {
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
}

impl Failure {
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
        }
    }
}

/// A TLS handshake failed: what happened, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HandshakeError {
    failure: Failure,
    what: String,
}

impl HandshakeError {
    pub(crate) fn new(failure: Failure, what: impl Into<String>) -> Self {
        Self { failure, what: what.into() }
    }

    /// What kind of failure it was.
    pub fn failure(&self) -> Failure {
        self.failure
    }
}

impl fmt::Display for HandshakeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the TLS handshake failed: {}", self.what)
    }
}

impl std::error::Error for HandshakeError {}

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
