//! The listening side of a configuration: its certificate, and what it offers.

use super::config::{Shared, other, shared_settings, with_identity};
use super::config_error::ConfigError;
use super::engine::Engine;
use super::files::{read_identity, trusted_in};
use super::party::Party;
use super::session::Session;
use super::verify::{ClientVerifier, Seen};
use super::{Eof, Fingerprint};
use super::{Failure, HandshakeError};
use rustls::SupportedProtocolVersion;
use rustls::server::UnbufferedServerConnection;
use std::path::PathBuf;
use std::sync::Arc;

/// The listening side of TLS: its certificate, and what it offers.
///
/// # Examples
///
/// ```
/// use adieu::{Endpoint, ListenOptions, Listener, tls};
///
/// let tls = tls::Server::self_signed().build()?;
/// println!("clients pin {}", tls.fingerprint());
/// let listener = Listener::bind(&Endpoint::tcp("127.0.0.1", 0), &ListenOptions::new().tls(tls))?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Server {
    identity: CertificateFrom,
    client_ca: Option<PathBuf>,
    shared: Shared,
}

/// Where the server's certificate comes from.
#[derive(Debug, Clone)]
enum CertificateFrom {
    Files {
        certificate: PathBuf,
        key: PathBuf,
    },
    #[cfg(feature = "tls-self-signed")]
    SelfSigned,
}

shared_settings!(Server);

impl Server {
    /// Presents the certificate (with its chain) in this PEM file; its key is in another.
    pub fn from_files(certificate: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        Self::new(CertificateFrom::Files { certificate: certificate.into(), key: key.into() })
    }

    /// Makes a key and a certificate that nobody vouches for, in memory; clients pin its
    /// [fingerprint](ServerConfig::fingerprint). With the feature `tls-self-signed`.
    #[cfg(feature = "tls-self-signed")]
    pub fn self_signed() -> Self {
        Self::new(CertificateFrom::SelfSigned)
    }

    fn new(identity: CertificateFrom) -> Self {
        Self { identity, client_ca: None, shared: Shared::default() }
    }

    /// Asks every client for a certificate, and accepts those that the certificates in this PEM file vouch for, and these
    /// themselves.
    #[must_use]
    pub fn client_ca_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.client_ca = Some(path.into());
        self
    }

    /// Speaks this protocol (ALPN), and rather those that were named before. A client that asks for others only is
    /// refused.
    #[must_use]
    pub fn alpn(mut self, protocol: impl Into<String>) -> Self {
        self.shared.alpn.push(protocol.into());
        self
    }

    /// Reads the files, or makes the key.
    ///
    /// # Errors
    ///
    /// A file cannot be used, or there is no [provider](Self::provider).
    pub fn build(self) -> Result<ServerConfig, ConfigError> {
        let provider = self.shared.provider()?;
        let identity = match &self.identity {
            CertificateFrom::Files { certificate, key } => read_identity(certificate, key)?,
            #[cfg(feature = "tls-self-signed")]
            CertificateFrom::SelfSigned => super::self_signed::make_identity()?,
        };
        let versions = self.shared.versions();
        let clients = match &self.client_ca {
            None => None,
            Some(path) => {
                let verifier = trusted_in(path)?.of_clients(Arc::clone(&provider));
                let verifier = verifier.map_err(|e| ConfigError::Other(e.to_string()))?;
                Some(Clients { verifier: Arc::new(verifier), versions })
            }
        };
        let builder = rustls::ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .map_err(|e| other(&e))?
            .with_no_client_auth();
        let build = |chain, key| builder.with_single_cert(chain, key);
        let (mut config, fingerprint) = with_identity(identity, build)?;
        config.alpn_protocols = self.shared.protocols()?;
        keep_nothing(&mut config);
        Ok(ServerConfig { config: Arc::new(config), clients, eof: self.shared.eof, fingerprint })
    }
}

fn keep_nothing(config: &mut rustls::ServerConfig) {
    // Tickets for later connections would stand unread at a client that only sends, and its close would reset.
    config.send_tls13_tickets = 0;
    config.session_storage = Arc::new(rustls::server::NoServerSessionStorage {});
}

/// How the listening side speaks TLS: read and checked once, and used for any number of connections. Clones share
/// everything. [`Server::build`] makes one, and [`ListenOptions::tls`](crate::ListenOptions::tls) takes it.
#[derive(Debug, Clone)]
pub struct ServerConfig {
    config: Arc<rustls::ServerConfig>,
    clients: Option<Clients>,
    eof: Eof,
    fingerprint: Fingerprint,
}

impl ServerConfig {
    /// The fingerprint of our certificate, for clients to pin.
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    pub(crate) fn eof(&self) -> Eof {
        self.eof
    }

    /// One connection's session.
    pub(crate) fn session(&self) -> Result<Session, HandshakeError> {
        let own = match &self.clients {
            None => Ok((Arc::clone(&self.config), Arc::default())),
            Some(clients) => clients.of_one(&self.config).map(|(own, seen)| (Arc::new(own), seen)),
        };
        let session = own
            .and_then(|(own, seen)| UnbufferedServerConnection::new(own).map(|session| (session, seen)))
            .map_err(|e| HandshakeError::new(Failure::Local, e.to_string()));
        session.map(|(session, seen)| Session::new(Engine::server(session, seen), Party::Client, None))
    }
}

/// What a server that asks for certificates needs besides: each connection has a check of its own.
#[derive(Debug, Clone)]
struct Clients {
    verifier: Arc<ClientVerifier>,
    versions: &'static [&'static SupportedProtocolVersion],
}

impl Clients {
    /// The configuration of one connection, and where it remembers the certificate that it saw.
    fn of_one(
        &self,
        config: &rustls::ServerConfig,
    ) -> Result<(rustls::ServerConfig, Arc<Seen>), rustls::Error> {
        let seen = Arc::<Seen>::default();
        let verifier = self.verifier.remembering_in(Arc::clone(&seen));
        let mut own = rustls::ServerConfig::builder_with_provider(Arc::clone(config.crypto_provider()))
            .with_protocol_versions(self.versions)?
            .with_client_cert_verifier(Arc::new(verifier))
            .with_cert_resolver(Arc::clone(&config.cert_resolver));
        own.alpn_protocols.clone_from(&config.alpn_protocols);
        keep_nothing(&mut own);
        Ok((own, seen))
    }
}
