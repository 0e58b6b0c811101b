//! Who is believed to be the peer: what the roots say, one certificate, or anybody.

use super::Fingerprint;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, Error, SignatureScheme};
use std::sync::{Arc, OnceLock};

/// Against what a server's certificate is checked.
#[derive(Debug, Clone)]
pub(crate) enum Check {
    /// A chain to one of the roots, valid now, for the name.
    Roots(Arc<WebPkiServerVerifier>),
    /// This very certificate, whatever it says of itself.
    Pinned(Fingerprint),
    /// Nothing.
    Nobody,
}

/// One connection's check, which remembers the certificate that it saw: a report names it also if it was refused.
#[derive(Debug)]
pub(crate) struct Verifier {
    pub(crate) check: Check,
    pub(crate) provider: Arc<CryptoProvider>,
    pub(crate) seen: Arc<OnceLock<CertificateDer<'static>>>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.seen.get_or_init(|| end_entity.clone().into_owned());
        match &self.check {
            Check::Roots(roots) => {
                roots.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
            }
            Check::Pinned(pin) if *pin == Fingerprint::of(end_entity) => Ok(ServerCertVerified::assertion()),
            Check::Pinned(_) => Err(CertificateError::ApplicationVerificationFailure.into()),
            Check::Nobody => Ok(ServerCertVerified::assertion()),
        }
    }

    /// Also without a check of the certificate, whoever presents it must hold its key: a pin would mean nothing else.
    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
