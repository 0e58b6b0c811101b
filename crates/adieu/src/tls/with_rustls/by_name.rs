//! Chooses one of a server's several certificates by the name that the client asks for.

use super::Fingerprint;
use super::config::with_identity;
use super::config_error::ConfigError;
use super::pem::Identity;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use std::sync::Arc;

/// Certificates, with their keys, in the order in which they were given.
#[derive(Debug)]
pub(super) struct ByName(Vec<Arc<CertifiedKey>>);

impl ByName {
    /// Checks that each key is that of its certificate. The fingerprint is that of the first.
    pub(super) fn new(
        identities: Vec<Identity>,
        provider: &CryptoProvider,
    ) -> Result<(Self, Fingerprint), ConfigError> {
        let mut all = Vec::new();
        let mut first = None;
        for identity in identities {
            let certified = |chain, key| CertifiedKey::from_der(chain, key, provider);
            let (own, fingerprint) = with_identity(identity, certified)?;
            first.get_or_insert(fingerprint);
            all.push(Arc::new(own));
        }
        Ok((Self(all), first.expect("a server has a certificate")))
    }
}

impl ResolvesServerCert for ByName {
    /// The first for the name whose signature the client can check; else the first that it can check at all.
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let name = hello.server_name().and_then(|name| ServerName::try_from(name).ok());
        let schemes = hello.signature_schemes();
        let usable = || self.0.iter().filter(|own| own.key.choose_scheme(schemes).is_some());
        let named =
            name.and_then(|name| usable().find(|own| own.cert.first().is_some_and(|own| is_for(own, &name))));
        named.or_else(|| usable().next()).cloned()
    }
}

/// Whether a certificate is for a name. RFC 6125, section 6.4.
fn is_for(certificate: &CertificateDer<'_>, name: &ServerName<'_>) -> bool {
    webpki::EndEntityCert::try_from(certificate)
        .is_ok_and(|certificate| certificate.verify_is_valid_for_subject_name(name).is_ok())
}
