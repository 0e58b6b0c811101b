//! The platform's root certificates.

use super::config_error::ConfigError;
use super::verify::Trusted;
use rustls::pki_types::CertificateDer;

/// Reads them.
pub(super) fn platform_roots() -> Result<Trusted, ConfigError> {
    let (certificates, why) = load();
    let mut trusted = Trusted::nobody();
    for certificate in certificates {
        // Platforms have certificates that nothing can read; those that can be read are enough.
        let _ = trusted.add(certificate);
    }
    if trusted.is_empty() { Err(ConfigError::NoRoots { why }) } else { Ok(trusted) }
}

/// What there is, and why there is nothing if nothing is there.
#[cfg(feature = "tls-native-roots")]
fn load() -> (Vec<CertificateDer<'static>>, String) {
    let found = rustls_native_certs::load_native_certs();
    let why = found.errors.first().map_or_else(|| "there are none".to_owned(), ToString::to_string);
    (found.certs, why)
}

#[cfg(not(feature = "tls-native-roots"))]
fn load() -> (Vec<CertificateDer<'static>>, String) {
    (Vec::new(), "this build does not look for them (feature tls-native-roots)".to_owned())
}
