//! What the configurations of both sides have in common.

use super::config_error::ConfigError;
use super::pem::Identity;
use super::{Eof, Fingerprint, KEY_KINDS, Version};
use rustls::SupportedProtocolVersion;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use std::sync::Arc;

static TLS13_ALONE: &[&SupportedProtocolVersion] = &[&rustls::version::TLS13];

/// What both sides can choose.
#[derive(Debug, Clone, Default)]
pub(super) struct Shared {
    pub(super) alpn: Vec<String>,
    pub(super) least: Version,
    pub(super) eof: Eof,
    pub(super) provider: Option<Arc<CryptoProvider>>,
}

#[cfg(feature = "tls-ring")]
#[expect(clippy::unnecessary_wraps, reason = "a build without ring has none")]
fn own_provider() -> Option<Arc<CryptoProvider>> {
    Some(Arc::new(rustls::crypto::ring::default_provider()))
}

#[cfg(not(feature = "tls-ring"))]
fn own_provider() -> Option<Arc<CryptoProvider>> {
    None
}

impl Shared {
    pub(super) fn versions(&self) -> &'static [&'static SupportedProtocolVersion] {
        match self.least {
            Version::Tls12 => rustls::ALL_VERSIONS,
            Version::Tls13 => TLS13_ALONE,
        }
    }

    pub(super) fn protocols(&self) -> Result<Vec<Vec<u8>>, ConfigError> {
        let protocol = |name: &String| match name.len() {
            1..=255 => Ok(name.clone().into_bytes()),
            _ => Err(ConfigError::BadProtocol { name: name.clone() }),
        };
        self.alpn.iter().map(protocol).collect()
    }

    /// Who does the cryptography. Never the process's default, which belongs to the application: it may be missing, and
    /// rustls panics where it cannot choose one.
    pub(super) fn provider(&self) -> Result<Arc<CryptoProvider>, ConfigError> {
        self.provider.clone().or_else(own_provider).ok_or(ConfigError::NoProvider)
    }
}

/// Gives the builder of a side the settings of [`Shared`] that mean the same on both.
macro_rules! shared_settings {
    ($side:ident) => {
        impl $side {
            /// Speaks no version below this. Default: TLS 1.2.
            #[must_use]
            pub fn least_version(mut self, version: crate::tls::Version) -> Self {
                self.shared.least = version;
                self
            }

            /// What an EOF without close_notify means. Default: a truncation.
            #[must_use]
            pub fn eof(mut self, eof: crate::tls::Eof) -> Self {
                self.shared.eof = eof;
                self
            }

            /// Lets `provider` do the cryptography. Default: ring's, with the feature `tls-ring`. The process's default provider
            /// is neither used nor set.
            #[must_use]
            pub fn provider(mut self, provider: std::sync::Arc<rustls::crypto::CryptoProvider>) -> Self {
                self.shared.provider = Some(provider);
                self
            }
        }
    };
}

pub(super) use shared_settings;

/// Builds a configuration that presents this certificate, and gives the certificate's fingerprint too.
pub(super) fn with_identity<C>(
    (chain, key): Identity,
    build: impl FnOnce(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) -> Result<C, rustls::Error>,
) -> Result<(C, Fingerprint), ConfigError> {
    let own = chain.first().map(|own| Fingerprint::of(own)).expect("a chain that was read has a certificate");
    let is_p521 = is_p521(&key);
    let config = build(chain, key).map_err(|error| unusable(&error, is_p521))?;
    Ok((config, own))
}

/// Whether a key is on the curve P-521: its object identifier, 1.3.132.0.35 (RFC 5480, 2.1.1.1), in DER.
fn is_p521(key: &PrivateKeyDer<'_>) -> bool {
    const SECP521R1: [u8; 7] = [0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x23];
    key.secret_der().windows(SECP521R1.len()).any(|part| part == SECP521R1)
}

fn unusable(error: &rustls::Error, is_p521: bool) -> ConfigError {
    let why = match error {
        rustls::Error::General(_) if is_p521 => format!("the key is on the curve P-521; {KEY_KINDS}"),
        // All that it says of a key is that no kind fits.
        rustls::Error::General(_) => format!("the key is of no kind that can be used; {KEY_KINDS}"),
        rustls::Error::InconsistentKeys(_) => "the key is that of another certificate".to_owned(),
        rustls::Error::InvalidCertificate(_) => "the certificate cannot be understood".to_owned(),
        other => other.to_string(),
    };
    ConfigError::Identity { why }
}

pub(super) fn other(error: &rustls::Error) -> ConfigError {
    ConfigError::Other(error.to_string())
}

pub(super) fn server_name(name: &str) -> Result<ServerName<'static>, ConfigError> {
    // An address may have a zone, which is nobody else's business.
    let bare = name.split_once('%').map_or(name, |(address, _)| address);
    ServerName::try_from(bare.to_owned()).map_err(|_| ConfigError::BadName { name: name.to_owned() })
}
