//! TLS as rustls does it: configurations, sessions, and what is said of a failure.

mod alert;
mod by_name;
mod certificate;
mod client;
mod config;
mod config_error;
mod engine;
mod explain;
mod fingerprint;
mod given;
mod ledger;
mod party;
mod pem;
mod refused;
mod roots;
mod rustls_connection;
#[cfg(feature = "tls-self-signed")]
mod self_signed;
mod server;
mod session;
mod turn;
mod verify;

use super::{Alert, Eof, Failure, HandshakeError, TlsFacts, Trust, Version};

pub use client::{Client, ClientConfig};
pub use config_error::{ConfigError, PemOrigin};
pub use fingerprint::{Fingerprint, ParseFingerprintError};
pub use rustls_connection::RustlsConnection;
pub use server::{Server, ServerConfig};
pub(crate) use session::Session;

/// The keys that rustls knows here, for a sentence.
const KEY_KINDS: &str = "it can be RSA of 2048 to 8192 bits, ECDSA on P-256 or P-384, or Ed25519";
