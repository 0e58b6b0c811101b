//! A certificate that nobody vouches for, made in memory.

use super::config_error::ConfigError;
use super::pem::Identity;
use rustls::pki_types::PrivatePkcs8KeyDer;

/// Makes a key and its certificate, for the names of this machine's loopback.
pub(super) fn make_identity() -> Result<Identity, ConfigError> {
    let failed = |error: rcgen::Error| ConfigError::Other(error.to_string());
    let key = rcgen::KeyPair::generate().map_err(failed)?;
    let names = ["localhost", "127.0.0.1", "::1"].map(str::to_owned);
    let mut parameters = rcgen::CertificateParams::new(names).map_err(failed)?;
    parameters.distinguished_name = rcgen::DistinguishedName::new();
    parameters.distinguished_name.push(rcgen::DnType::CommonName, "adieu self-signed");
    let certificate = parameters.self_signed(&key).map_err(failed)?;
    let key = PrivatePkcs8KeyDer::from(key.serialize_der());
    Ok((vec![certificate.der().clone()], key.into()))
}
