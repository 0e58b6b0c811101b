//! The platform's root certificates.

use super::config::ConfigError;
use super::verify::Trusted;

/// Reads them.
pub(super) fn platform_roots() -> Result<Trusted, ConfigError> {
    let found = rustls_native_certs::load_native_certs();
    let mut trusted = Trusted::nobody();
    for certificate in found.certs {
        // Platforms have certificates that nothing can read; those that can be read are enough.
        let _ = trusted.add(certificate);
    }
    if trusted.is_empty() {
        let why = found.errors.first().map_or_else(|| "there are none".to_owned(), ToString::to_string);
        return Err(ConfigError::NoRoots { why });
    }
    Ok(trusted)
}
