//! Why a configuration cannot be used.

use crate::SystemError;
use std::fmt;
use std::path::PathBuf;

/// Where PEM comes from that a configuration was given.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum PemOrigin {
    /// A file.
    File(PathBuf),
    /// Memory.
    Memory {
        /// The method that was given it: `ca_pem`, for example.
        given_to: &'static str,
    },
}

/// The path, or which method was given the PEM.
impl fmt::Display for PemOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Memory { given_to } => write!(f, "what was given to {given_to}"),
        }
    }
}

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
    /// A file, or PEM in memory, has no certificate in it, or one that is broken.
    #[error("{origin} has no usable certificate in PEM (-----BEGIN CERTIFICATE-----): {why}")]
    NoCertificate {
        /// Where it was looked for.
        origin: PemOrigin,
        /// In words.
        why: String,
    },
    /// A file, or PEM in memory, has no private key in it, or one that is broken.
    #[error("{origin} has no usable private key in PEM (-----BEGIN PRIVATE KEY-----): {why}")]
    NoKey {
        /// Where it was looked for.
        origin: PemOrigin,
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
