//! Why a configuration cannot be used.

use crate::SystemError;
use std::path::PathBuf;

/// What a configuration names cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: SystemError,
    },
    /// A file has no certificate in it, or one that is broken.
    #[error("{} has no certificate in PEM (-----BEGIN CERTIFICATE-----) that can be used: {why}", path.display())]
    NoCertificate {
        /// Which.
        path: PathBuf,
        /// In words.
        why: String,
    },
    /// A file has no private key in it, or one that is broken.
    #[error("{} has no private key in PEM (-----BEGIN PRIVATE KEY-----) that can be used: {why}", path.display())]
    NoKey {
        /// Which.
        path: PathBuf,
        /// In words.
        why: String,
    },
    /// The platform has no roots to check certificates against.
    #[error(
        "no root certificates are found on this system: {why}; install them (ca-certificates), or name a file"
    )]
    NoRoots {
        /// In words.
        why: String,
    },
    /// The certificate and the key do not go together, or what else rustls said.
    #[error("the certificate and its key cannot be used: {why}")]
    Identity {
        /// In words.
        why: String,
    },
    /// The server's name is neither a DNS name nor an address.
    #[error("'{name}' is no name of a server: write a DNS name or an IP address")]
    BadName {
        /// What was given.
        name: String,
    },
    /// A protocol's name for ALPN is empty or longer than 255 bytes.
    #[error("'{name}' is no protocol for ALPN: write 1 to 255 bytes, such as http/1.1")]
    BadProtocol {
        /// What was given.
        name: String,
    },
    /// This build has no cryptography of its own, and was given none.
    #[error("this build has no cryptography for TLS: give a provider, or build with the feature tls-ring")]
    NoProvider,
    /// Something that cannot happen with what is configured here.
    #[error("TLS cannot be set up: {0}")]
    Other(String),
}
