//! Who is believed to be the peer: what the roots say, one certificate, or anybody.
//!
//! A certificate that is trusted vouches for others, and for itself. webpki knows only the first: it refuses a server that
//! presents a certificate with the mark of an authority (RFC 5280, 4.2.1.9), and that is what `openssl req -x509` makes.
//! With openssl and with what is built on it such a certificate does, once it is among the trusted ones; so it does here.

use super::{Fingerprint, certificate};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ResolvesClientCert, VerifierBuilderError, WebPkiServerVerifier, verify_server_name};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{ParsedCertificate, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, RootCertStore, SignatureScheme,
};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

/// Our own certificate, if there is one, and whether it was asked for in vain: rustls tells nobody.
#[derive(Debug)]
pub(crate) struct OwnCertificate {
    pub(crate) inner: Arc<dyn ResolvesClientCert>,
    pub(crate) lacking: Arc<AtomicBool>,
}

impl ResolvesClientCert for OwnCertificate {
    fn resolve(&self, issuers: &[&[u8]], schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        let own = self.inner.resolve(issuers, schemes);
        self.lacking.store(own.is_none(), Ordering::Relaxed);
        own
    }

    fn has_certs(&self) -> bool {
        self.inner.has_certs()
    }
}

/// The certificates that are trusted.
#[derive(Debug)]
pub(crate) struct Trusted {
    authorities: RootCertStore,
    themselves: Themselves,
}

impl Trusted {
    pub(crate) fn nobody() -> Self {
        Self { authorities: RootCertStore::empty(), themselves: Themselves::default() }
    }

    /// # Errors
    ///
    /// What has no form that could be read.
    pub(crate) fn add(&mut self, certificate: CertificateDer<'static>) -> Result<(), Error> {
        self.authorities.add(certificate.clone())?;
        self.themselves.0.push(certificate);
        Ok(())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.authorities.is_empty()
    }

    pub(crate) fn check(self, provider: &Arc<CryptoProvider>) -> Result<Check, VerifierBuilderError> {
        let authorities = Arc::new(self.authorities);
        let chain = WebPkiServerVerifier::builder_with_provider(authorities, Arc::clone(provider)).build()?;
        Ok(Check::Roots(chain, Arc::new(self.themselves)))
    }

    pub(crate) fn of_clients(
        self,
        provider: Arc<CryptoProvider>,
    ) -> Result<ClientVerifier, VerifierBuilderError> {
        let authorities = Arc::new(self.authorities);
        let chain = WebPkiClientVerifier::builder_with_provider(authorities, provider).build()?;
        let themselves = Arc::new(self.themselves);
        Ok(ClientVerifier { chain, themselves, seen: Arc::default() })
    }
}

/// Certificates that are trusted as they are.
#[derive(Debug, Default)]
pub(crate) struct Themselves(Vec<CertificateDer<'static>>);

impl Themselves {
    /// Whether it is one of them. An authority's that has run out is none.
    fn vouch_for(&self, certificate: &CertificateDer<'_>, now: UnixTime) -> Result<bool, Error> {
        let is_one = self.0.contains(certificate);
        if is_one {
            certificate::check_dates(certificate, now)?;
        }
        Ok(is_one)
    }
}

/// Against what a server's certificate is checked.
#[derive(Debug, Clone)]
pub(crate) enum Check {
    /// A chain to one of the roots, or one of the trusted itself; valid now, for the name.
    Roots(Arc<WebPkiServerVerifier>, Arc<Themselves>),
    /// One of these very certificates, whatever it says of itself.
    Pinned(Arc<[Fingerprint]>),
    /// Nothing.
    Nobody,
}

/// What a check saw of the peer's certificate.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    certificate: OnceLock<CertificateDer<'static>>,
    accepted: AtomicBool,
}

impl Seen {
    /// The certificate, whatever was thought of it.
    pub(crate) fn certificate(&self) -> Option<&CertificateDer<'static>> {
        self.certificate.get()
    }

    /// Whether the certificate was accepted. Whether the peer has its key is judged after that.
    pub(crate) fn is_accepted(&self) -> bool {
        self.accepted.load(Ordering::Relaxed)
    }

    /// Remembers a certificate, and what is thought of it.
    fn note<T>(&self, certificate: &CertificateDer<'_>, judged: Result<T, Error>) -> Result<T, Error> {
        self.certificate.get_or_init(|| certificate.clone().into_owned());
        self.accepted.store(judged.is_ok(), Ordering::Relaxed);
        judged
    }
}

/// One connection's check, which remembers the certificate that it saw: a report names it also if it was refused.
#[derive(Debug)]
pub(crate) struct Verifier {
    pub(crate) check: Check,
    pub(crate) provider: Arc<CryptoProvider>,
    pub(crate) seen: Arc<Seen>,
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
        let judge = || match &self.check {
            Check::Roots(_, themselves) if themselves.vouch_for(end_entity, now)? => {
                verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
                Ok(ServerCertVerified::assertion())
            }
            Check::Roots(chain, _) => {
                chain.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
            }
            Check::Pinned(pins) if pins.contains(&Fingerprint::of(end_entity)) => {
                Ok(ServerCertVerified::assertion())
            }
            Check::Pinned(_) => Err(CertificateError::ApplicationVerificationFailure.into()),
            Check::Nobody => Ok(ServerCertVerified::assertion()),
        };
        self.seen.note(end_entity, judge())
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

/// The check of clients' certificates, of which every client has to present one; remembers as [`Verifier`] does.
#[derive(Debug)]
pub(crate) struct ClientVerifier {
    chain: Arc<dyn ClientCertVerifier>,
    themselves: Arc<Themselves>,
    seen: Arc<Seen>,
}

impl ClientVerifier {
    /// The same check, for one connection.
    pub(crate) fn remembering_in(&self, seen: Arc<Seen>) -> Self {
        Self { chain: Arc::clone(&self.chain), themselves: Arc::clone(&self.themselves), seen }
    }
}

impl ClientCertVerifier for ClientVerifier {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.chain.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let judge = || {
            if self.themselves.vouch_for(end_entity, now)? {
                return Ok(ClientCertVerified::assertion());
            }
            self.chain.verify_client_cert(end_entity, intermediates, now)
        };
        self.seen.note(end_entity, judge())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.chain.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.chain.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.chain.supported_verify_schemes()
    }
}
