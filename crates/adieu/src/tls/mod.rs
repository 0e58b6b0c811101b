//! TLS: the same connections, the same endings, with a peer that is known and a stream that nobody else reads.
//!
//! `Client` is built into a [`ClientConfig`], which [`ConnectOptions::tls`](crate::ConnectOptions::tls) takes, and `Server`
//! into a [`ServerConfig`], which [`ListenOptions::tls`](crate::ListenOptions::tls) takes. A TLS connection is a
//! [`Connection`](crate::Connection) like any other: the procedure, the counts and the endings are the same, and all counts
//! are bytes of the application.
//!
//! A program that has a configuration of rustls hands it over: `ClientConfig::from_rustls`, `ServerConfig::from_rustls`.
//! Certificates and keys come from PEM files or from PEM in memory (`Client::ca_pem`, `Server::from_pem`).
//!
//! Without the feature `tls` these two have no values, and nobody can ask for TLS: the same code then has an empty twin of
//! the carrier, and this module is the one place that chooses between the two.
//!
//! ```no_run
//! use adieu::{Endpoint, ConnectOptions, tls};
//! use std::io::{Read, Write};
//!
//! let options = ConnectOptions::new().tls(tls::Client::new().build()?);
//! let mut connection = adieu::connect(&Endpoint::tcp("example.com", 443), &options)?;
//! connection.write_all(b"GET / HTTP/1.0\r\nHost: example.com\r\n\r\n")?;
//! let mut half_closed = connection.shutdown_send()?; // close_notify, then FIN
//! let mut answer = Vec::new();
//! half_closed.read_to_end(&mut answer)?; // until the peer's close_notify
//! println!("{}", half_closed.close());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Features
//!
//! `tls` is what most programs want. It stands for three choices, each of which brings `tls-core`:
//!
//! - `tls-ring`: ring does the cryptography, unless a provider is given (`Client::provider`);
//! - `tls-native-roots`: the platform's roots are believed, unless something else is;
//! - `tls-self-signed`: `Server::self_signed`.
//!
//! rustls chooses a provider for a program by itself only where it was built with exactly one. So a program whose rustls
//! uses aws-lc-rs leaves `tls-ring` out, and gives adieu the provider that it has. adieu neither uses nor sets the
//! process's default provider.
//!
//! # The two ends of a direction
//!
//! A direction of TLS ends by the alert `close_notify`, and after it TCP's FIN. Ours are sent in that order. The
//! peer's `close_notify` is the end of what there is to read; its FIN is still awaited as the evidence of a graceful
//! ending, for at most 5 s. A FIN without `close_notify` is [`Truncated`](crate::Ending::Truncated), because anybody
//! on the way can send one; see [`Eof`].
//!
//! # RFC
//!
//! RFC 8446, section 6.1; RFC 5246, section 7.2.1. TLS 1.2 lets a peer answer our `close_notify` at once, and drop what
//! it had still to say; TLS 1.3 does not.

mod either;
mod error;
mod facts;
#[cfg(not(feature = "tls-core"))]
mod none;
#[cfg(feature = "tls-core")]
mod with_rustls;

pub use adieu_report::{TlsAlert as Alert, TlsFailure as Failure, TlsTrust as Trust, TlsVersion as Version};
pub(crate) use either::Config;
pub use error::HandshakeError;
pub use facts::Negotiated;
pub(crate) use facts::TlsFacts;
#[cfg(not(feature = "tls-core"))]
pub(crate) use none::Session;
#[cfg(not(feature = "tls-core"))]
pub use none::{ClientConfig, RustlsConnection, ServerConfig};
#[cfg(feature = "tls-core")]
pub(crate) use with_rustls::Session;
#[cfg(feature = "tls-core")]
pub use with_rustls::{
    Client, ClientConfig, ConfigError, Fingerprint, ParseFingerprintError, PemOrigin, RustlsConnection,
    Server, ServerConfig,
};

/// The rustls that TLS is spoken with, for a provider (`Client::provider`) or [roots](Client::roots) of its types.
#[cfg(feature = "tls-core")]
pub use rustls;

/// Whether this build has TLS.
pub(crate) const IS_BUILT: bool = cfg!(feature = "tls-core");

/// What the peer's EOF means if no close_notify came before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Eof {
    /// The stream was cut: [`Truncated`](crate::Ending::Truncated).
    #[default]
    Require,
    /// The bytes themselves say where they end (a length, a last line), so an EOF between two records is an end; one
    /// within a record is still [`Truncated`](crate::Ending::Truncated).
    Framed,
    /// An end, wherever it comes.
    Ignore,
}
