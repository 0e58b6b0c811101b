//! The listening side of a configuration: its certificate, and what it offers.

use super::by_name::ByName;
use super::config::{Shared, other, shared_settings, with_identity};
use super::config_error::ConfigError;
use super::engine::Engine;
use super::party::{Judge, Party};
use super::pem::{Pem, add_trusted, read_identity};
use super::session::Session;
use super::verify::{ClientVerifier, Seen, Trusted};
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
/// println!("clients pin {}", tls.fingerprint().expect("it was just made"));
/// let listener = Listener::bind(&Endpoint::tcp("127.0.0.1", 0), &ListenOptions::new().tls(tls))?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Server {
    identity: CertificateFrom,
    client_ca: Vec<Pem>,
    shared: Shared,
}

/// Where the server's certificate comes from.
#[derive(Debug, Clone)]
enum CertificateFrom {
    /// At least one certificate, with its key.
    Pem(Vec<(Pem, Pem)>),
    #[cfg(feature = "tls-self-signed")]
    SelfSigned,
}

shared_settings!(Server);

impl Server {
    /// Presents the certificate (with its chain) in this PEM file; its key is in another.
    pub fn from_files(certificate: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        let (certificate, key) = (Pem::File(certificate.into()), Pem::File(key.into()));
        Self::new(CertificateFrom::Pem(vec![(certificate, key)]))
    }

    /// Presents this certificate (PEM in memory, with its chain), with this key (PEM in memory, not encrypted).
    pub fn from_pem(certificate: impl Into<Vec<u8>>, key: impl Into<Vec<u8>>) -> Self {
        let pem = |content| Pem::Memory { given_to: "from_pem", content };
        Self::new(CertificateFrom::Pem(vec![(pem(certificate.into()), pem(key.into()))]))
    }

    /// Presents this certificate instead to a client that asks for a name it is for (SNI). It can be called several times: the first
    /// certificate that is for the name, and whose signature the client can check, is presented. Where none is for the name, or the
    /// client asks for none, it is the first of all.
    ///
    /// It makes nothing of [`self_signed`](Self::self_signed), which is for whatever name a client asks for.
    #[must_use]
    pub fn and_files(mut self, certificate: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        self.add(Pem::File(certificate.into()), Pem::File(key.into()));
        self
    }

    /// The same with PEM from memory.
    #[must_use]
    pub fn and_pem(mut self, certificate: impl Into<Vec<u8>>, key: impl Into<Vec<u8>>) -> Self {
        let pem = |content| Pem::Memory { given_to: "and_pem", content };
        self.add(pem(certificate.into()), pem(key.into()));
        self
    }

    #[cfg_attr(
        not(feature = "tls-self-signed"),
        expect(irrefutable_let_patterns, reason = "there is one kind")
    )]
    fn add(&mut self, certificate: Pem, key: Pem) {
        if let CertificateFrom::Pem(all) = &mut self.identity {
            all.push((certificate, key));
        }
    }

    /// Makes a key and a certificate that nobody vouches for, in memory; clients pin its
    /// [fingerprint](ServerConfig::fingerprint). With the feature `tls-self-signed`.
    #[cfg(feature = "tls-self-signed")]
    pub fn self_signed() -> Self {
        Self::new(CertificateFrom::SelfSigned)
    }

    fn new(identity: CertificateFrom) -> Self {
        Self { identity, client_ca: Vec::new(), shared: Shared::default() }
    }

    /// Asks every client for a certificate, and accepts those that the certificates in this PEM file vouch for, and these
    /// themselves.
    #[must_use]
    pub fn client_ca_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.client_ca.retain(|pem| matches!(pem, Pem::Memory { .. }));
        self.client_ca.push(Pem::File(path.into()));
        self
    }

    /// Asks every client for a certificate, as [`client_ca_file`](Self::client_ca_file) does and in addition to it, but with
    /// PEM from memory.
    #[must_use]
    pub fn client_ca_pem(mut self, certificates: impl Into<Vec<u8>>) -> Self {
        self.client_ca.push(Pem::Memory { given_to: "client_ca_pem", content: certificates.into() });
        self
    }

    /// Speaks this protocol (ALPN), and rather those that were named before. A client that asks for others only is
    /// refused.
    #[must_use]
    pub fn alpn(mut self, protocol: impl Into<String>) -> Self {
        self.shared.alpn.push(protocol.into());
        self
    }

    /// Reads the files and the PEM, or makes the key.
    ///
    /// # Errors
    ///
    /// A file or PEM in memory cannot be used, or there is no [provider](Self::provider).
    pub fn build(self) -> Result<ServerConfig, ConfigError> {
        let provider = self.shared.provider()?;
        let mut identities = match &self.identity {
            CertificateFrom::Pem(all) => {
                let read = |(certificate, key): &(Pem, Pem)| read_identity(certificate, key);
                all.iter().map(read).collect::<Result<Vec<_>, _>>()?
            }
            #[cfg(feature = "tls-self-signed")]
            CertificateFrom::SelfSigned => vec![super::self_signed::make_identity()?],
        };
        let versions = self.shared.versions();
        let mut trusted = Trusted::nobody();
        for pem in &self.client_ca {
            add_trusted(&mut trusted, pem)?;
        }
        let clients = if self.client_ca.is_empty() {
            Clients::OfConfig(Judge::Us)
        } else {
            let verifier = trusted.of_clients(Arc::clone(&provider));
            let verifier = verifier.map_err(|e| ConfigError::Other(e.to_string()))?;
            Clients::Checked(ClientCheck { verifier: Arc::new(verifier), versions })
        };
        let builder = rustls::ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(versions)
            .map_err(|e| other(&e))?
            .with_no_client_auth();
        let (mut config, fingerprint) = match identities.pop() {
            Some(identity) if identities.is_empty() => {
                with_identity(identity, |chain, key| builder.with_single_cert(chain, key))?
            }
            last => {
                identities.extend(last);
                let (by_name, fingerprint) = ByName::new(identities, &provider)?;
                (builder.with_cert_resolver(Arc::new(by_name)), fingerprint)
            }
        };
        config.alpn_protocols = self.shared.protocols()?;
        settle(&mut config);
        let fingerprint = Some(fingerprint);
        Ok(ServerConfig { config: Arc::new(config), clients, eof: self.shared.eof, fingerprint })
    }
}

fn settle(config: &mut rustls::ServerConfig) {
    // Tickets for later connections would stand unread at a client that only sends, and its close would reset.
    config.send_tls13_tickets = 0;
    config.session_storage = Arc::new(rustls::server::NoServerSessionStorage {});
    // For the alert of a client that cannot be served: see `alert`.
    config.enable_secret_extraction = true;
}

/// How the listening side speaks TLS: read and checked once, and used for any number of connections. Clones share
/// everything. [`Server::build`] makes one, or [`from_rustls`](Self::from_rustls) of what a program has already;
/// [`ListenOptions::tls`](crate::ListenOptions::tls) takes it.
#[derive(Debug, Clone)]
pub struct ServerConfig {
    config: Arc<rustls::ServerConfig>,
    clients: Clients,
    eof: Eof,
    fingerprint: Option<Fingerprint>,
}

impl ServerConfig {
    /// Takes over a configuration that a program has built for rustls itself: its certificates, its check of clients, ALPN,
    /// versions, provider and session tickets stay as they are.
    ///
    /// - A client whose certificate is refused is told in the verifier's words instead of adieu's, and its report names no
    ///   certificate: rustls tells of one only after it was accepted. An accepted one is reported as always.
    /// - An EOF without `close_notify` is a truncation, unless [`eof`](Self::eof) says otherwise: rustls has no setting for
    ///   that.
    /// - Early data (0-RTT) is refused, whatever `max_early_data_size` says: clients then send it after the handshake.
    /// - rustls sends session tickets with TLS 1.3 (`send_tls13_tickets`). A client that only sends, and never reads, closes
    ///   with them unread, and its system then resets the connection. adieu's own configurations send none.
    pub fn from_rustls(config: impl Into<Arc<rustls::ServerConfig>>) -> Self {
        let clients = Clients::OfConfig(Judge::Program);
        Self { config: config.into(), clients, eof: Eof::default(), fingerprint: None }
    }

    /// The same, but with this meaning of an EOF without `close_notify`.
    #[must_use]
    pub fn eof(mut self, eof: Eof) -> Self {
        self.eof = eof;
        self
    }

    /// The fingerprint of our certificate, for clients to pin; of several, the first one's. `None`: it is [rustls's](Self::from_rustls) to choose.
    pub fn fingerprint(&self) -> Option<Fingerprint> {
        self.fingerprint
    }

    pub(crate) fn meaning_of_eof(&self) -> Eof {
        self.eof
    }

    /// One connection's session.
    pub(crate) fn session(&self) -> Result<Session, HandshakeError> {
        let (own, judge) = match &self.clients {
            Clients::OfConfig(judge) => (Ok((self.without_early_data(), Arc::default())), *judge),
            Clients::Checked(check) => {
                (check.of_one(&self.config).map(|(own, seen)| (Arc::new(own), seen)), Judge::Us)
            }
        };
        let session = own
            .and_then(|(own, seen)| UnbufferedServerConnection::new(own).map(|session| (session, seen)))
            .map_err(|e| HandshakeError::new(Failure::Local, e.to_string()));
        session.map(|(session, seen)| Session::new(Engine::server(session, seen), Party::Client, None, judge))
    }

    fn without_early_data(&self) -> Arc<rustls::ServerConfig> {
        if self.config.max_early_data_size == 0 {
            return Arc::clone(&self.config);
        }
        let mut config = rustls::ServerConfig::clone(&self.config);
        config.max_early_data_size = 0;
        Arc::new(config)
    }
}

/// How clients are checked.
#[derive(Debug, Clone)]
enum Clients {
    /// As the configuration says, which this one made.
    OfConfig(Judge),
    /// Each connection has a check of its own.
    Checked(ClientCheck),
}

/// What a server that asks for certificates needs besides.
#[derive(Debug, Clone)]
struct ClientCheck {
    verifier: Arc<ClientVerifier>,
    versions: &'static [&'static SupportedProtocolVersion],
}

impl ClientCheck {
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
        settle(&mut own);
        Ok((own, seen))
    }
}
