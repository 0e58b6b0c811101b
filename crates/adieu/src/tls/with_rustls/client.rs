//! The connecting side of a configuration: whom to believe, and what to ask for.

use super::config::{Shared, other, server_name, shared_settings, with_identity};
use super::config_error::ConfigError;
use super::engine::Engine;
use super::party::{Judge, Party};
use super::pem::{Pem, add_trusted, read_identity};
use super::session::Session;
use super::verify::{Check, OwnCertificate, Seen, Trusted, Verifier};
use super::{Eof, Fingerprint, Trust};
use super::{Failure, HandshakeError};
use rustls::client::{Resumption, UnbufferedClientConnection};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName};
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// The connecting side of TLS: whom to believe, and what to ask for.
///
/// # Examples
///
/// ```no_run
/// use adieu::{ConnectOptions, Endpoint, tls};
///
/// let tls = tls::Client::new().ca_file("ca.pem").alpn("http/1.1").build()?;
/// let options = ConnectOptions::new().tls(tls);
/// let connection = adieu::connect(&Endpoint::tcp("example.test", 443), &options)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Client {
    roots: Option<Vec<CertificateDer<'static>>>,
    ca: Vec<Pem>,
    pins: Vec<Fingerprint>,
    is_insecure: bool,
    name: Option<String>,
    identity: Option<(Pem, Pem)>,
    shared: Shared,
}

shared_settings!(Client);

impl Client {
    /// Believes whom the platform's roots vouch for, for the name that is connected to. They are read with the feature
    /// `tls-native-roots`.
    pub fn new() -> Self {
        Self::default()
    }

    /// Believes whom the certificates in this PEM file vouch for, instead of the platform's roots. Each vouches for itself
    /// too, as a self-signed one must.
    #[must_use]
    pub fn ca_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.ca.retain(|pem| matches!(pem, Pem::Memory { .. }));
        self.ca.push(Pem::File(path.into()));
        self
    }

    /// Believes whom the certificates in this PEM vouch for, instead of the platform's roots: as
    /// [`ca_file`](Self::ca_file), and in addition to it, but from memory. A report calls them `ca_file` too.
    #[must_use]
    pub fn ca_pem(mut self, certificates: impl Into<Vec<u8>>) -> Self {
        self.ca.push(Pem::Memory { given_to: "ca_pem", content: certificates.into() });
        self
    }

    /// Believes whom these certificates vouch for, instead of the platform's roots: as
    /// [`ca_file`](Self::ca_file), and in addition to it, but from memory. A report calls them `ca_file` too.
    #[must_use]
    pub fn roots(mut self, certificates: impl IntoIterator<Item = CertificateDer<'static>>) -> Self {
        self.roots.get_or_insert_default().extend(certificates);
        self
    }

    /// Believes exactly the peer with this certificate, whatever its name, its dates and its issuer are. Called again, also
    /// one with that: so a certificate is replaced without a gap.
    #[must_use]
    pub fn pin(mut self, fingerprint: Fingerprint) -> Self {
        self.pins.push(fingerprint);
        self
    }

    /// Believes anybody, if nothing is pinned. What is sent can be read, and what is received changed, by whoever is between; the report
    /// says so.
    #[must_use]
    pub fn insecure(mut self) -> Self {
        self.is_insecure = true;
        self
    }

    /// The name that the certificate must be for, and that is asked for (SNI), if it is not the one connected to.
    #[must_use]
    pub fn server_name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Presents this certificate (a PEM file, with its chain) if the server asks for one; its key is in another.
    #[must_use]
    pub fn identity(mut self, certificate: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        self.identity = Some((Pem::File(certificate.into()), Pem::File(key.into())));
        self
    }

    /// Presents this certificate (PEM in memory, with its chain) if the server asks for one, with this key (PEM in memory,
    /// not encrypted): [`identity`](Self::identity) without files.
    #[must_use]
    pub fn identity_pem(mut self, certificate: impl Into<Vec<u8>>, key: impl Into<Vec<u8>>) -> Self {
        let pem = |content| Pem::Memory { given_to: "identity_pem", content };
        self.identity = Some((pem(certificate.into()), pem(key.into())));
        self
    }

    /// Offers a protocol (ALPN), after those that were offered before.
    #[must_use]
    pub fn alpn(mut self, protocol: impl Into<String>) -> Self {
        self.shared.alpn.push(protocol.into());
        self
    }

    /// Reads the files and the PEM, and the platform's roots if nothing else is believed.
    ///
    /// # Errors
    ///
    /// A file, PEM in memory or a name cannot be used, the platform has no roots, or there is no [provider](Self::provider).
    pub fn build(self) -> Result<ClientConfig, ConfigError> {
        let provider = self.shared.provider()?;
        let (trust, check) = if !self.pins.is_empty() {
            (Trust::Pinned, Check::Pinned(self.pins.into()))
        } else if self.is_insecure {
            (Trust::Insecure, Check::Nobody)
        } else {
            let (trust, trusted) = believed(&self.ca, self.roots)?;
            (trust, trusted.check(&provider).map_err(|e| ConfigError::Other(e.to_string()))?)
        };
        let name = self.name.map(|name| server_name(&name)).transpose()?;
        let verifier =
            Verifier { check: check.clone(), provider: Arc::clone(&provider), seen: Arc::default() };
        let builder = rustls::ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(self.shared.versions())
            .map_err(|e| other(&e))?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier));
        let (mut config, fingerprint) = match &self.identity {
            None => (builder.with_no_client_auth(), None),
            Some((certificate, key)) => {
                let identity = read_identity(certificate, key)?;
                let build = |chain, key| builder.with_client_auth_cert(chain, key);
                with_identity(identity, build).map(|(config, own)| (config, Some(own)))?
            }
        };
        config.alpn_protocols = self.shared.protocols()?;
        // Nothing is kept from one connection to the next.
        config.resumption = Resumption::disabled();
        let config = Arc::new(config);
        Ok(ClientConfig { config, check: Some((check, trust)), name, eof: self.shared.eof, fingerprint })
    }
}

/// The certificates that are believed: the named ones, or else the platform's.
fn believed(
    ca: &[Pem],
    roots: Option<Vec<CertificateDer<'static>>>,
) -> Result<(Trust, Trusted), ConfigError> {
    if ca.is_empty() && roots.is_none() {
        return Ok((Trust::Roots, super::roots::platform_roots()?));
    }
    let mut trusted = Trusted::nobody();
    for pem in ca {
        add_trusted(&mut trusted, pem)?;
    }
    for certificate in roots.into_iter().flatten() {
        trusted.add(certificate).map_err(|e| other(&e))?;
    }
    Ok((Trust::CaFile, trusted))
}

/// How the connecting side speaks TLS: read and checked once, and used for any number of connections. Clones share
/// everything. [`Client::build`] makes one, or [`from_rustls`](Self::from_rustls) of what a program has already;
/// [`ConnectOptions::tls`](crate::ConnectOptions::tls) takes it.
#[derive(Debug, Clone)]
pub struct ClientConfig {
    config: Arc<rustls::ClientConfig>,
    /// How a server's certificate is checked. `None`: as the program's own configuration says, which does not tell.
    check: Option<(Check, Trust)>,
    name: Option<ServerName<'static>>,
    eof: Eof,
    fingerprint: Option<Fingerprint>,
}

impl ClientConfig {
    /// Takes over a configuration that a program has built for rustls itself: its roots or its own verifier, its
    /// certificate, ALPN, versions, provider and resumption stay as they are.
    ///
    /// - Reports do not know what the peer's certificate was checked against, so `tls_trust` is `None`. If the certificate is
    ///   refused, the error has the verifier's words instead of adieu's advice, and the report names no certificate: rustls
    ///   tells of one only after it was accepted.
    /// - Version, cipher suite, ALPN and an accepted peer's certificate are reported as always.
    /// - An EOF without `close_notify` is a truncation, unless [`eof`](Self::eof) says otherwise: rustls has no setting for
    ///   that.
    /// - The name that the certificate must be for is the endpoint's host, or that of
    ///   [`server_name`](Self::server_name). Without either, for a Unix socket for example, there is no connection.
    /// - Early data (0-RTT) is not sent, whatever `enable_early_data` says.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use adieu::{ConnectOptions, Endpoint, tls};
    /// use adieu::tls::rustls;
    /// use std::sync::Arc;
    ///
    /// # fn f(config: Arc<rustls::ClientConfig>) -> Result<(), Box<dyn std::error::Error>> {
    /// let tls = tls::ClientConfig::from_rustls(config).eof(tls::Eof::Framed);
    /// let options = ConnectOptions::new().tls(tls);
    /// let connection = adieu::connect(&Endpoint::tcp("example.test", 443), &options)?;
    /// # Ok(()) }
    /// ```
    pub fn from_rustls(config: impl Into<Arc<rustls::ClientConfig>>) -> Self {
        Self { config: config.into(), check: None, name: None, eof: Eof::default(), fingerprint: None }
    }

    /// The same, but with this meaning of an EOF without `close_notify`.
    #[must_use]
    pub fn eof(mut self, eof: Eof) -> Self {
        self.eof = eof;
        self
    }

    /// The same, but with this name that the certificate must be for and that is asked for (SNI), whatever is connected to.
    ///
    /// # Errors
    ///
    /// [`ConfigError::BadName`]: it is neither a DNS name nor an address.
    pub fn server_name(mut self, name: &str) -> Result<Self, ConfigError> {
        self.name = Some(server_name(name)?);
        Ok(self)
    }

    /// The fingerprint of our own certificate. `None`: we have none, or it is [rustls's](Self::from_rustls) to choose.
    pub fn fingerprint(&self) -> Option<Fingerprint> {
        self.fingerprint
    }

    /// The one that an endpoint asks for by its scheme alone.
    ///
    /// # Errors
    ///
    /// The platform has no roots, in words.
    pub(crate) fn of_platform() -> Result<Self, String> {
        Client::new().build().map_err(|error| error.to_string())
    }

    /// How a server's certificate is checked. `None`: it is not known.
    pub(crate) fn trust(&self) -> Option<Trust> {
        self.check.as_ref().map(|(_, trust)| *trust)
    }

    pub(crate) fn meaning_of_eof(&self) -> Eof {
        self.eof
    }

    /// Whether a name is needed to check the certificate, and none is configured: it must come from the endpoint.
    pub(crate) fn needs_host(&self) -> bool {
        let is_free = matches!(self.check, Some((Check::Pinned(_) | Check::Nobody, _)));
        !is_free && self.name.is_none()
    }

    /// One connection's session, to `host` if the configuration has no name of its own.
    pub(crate) fn session(&self, host: Option<&str>) -> Result<Session, HandshakeError> {
        self.session_with(Party::Server, host)
    }

    /// A session with the proxy at `host`.
    pub(crate) fn session_with_proxy(&self, host: &str) -> Result<Session, HandshakeError> {
        self.session_with(Party::Proxy, Some(host))
    }

    fn session_with(&self, party: Party, host: Option<&str>) -> Result<Session, HandshakeError> {
        let local = |what: String| HandshakeError::new(Failure::Local, what);
        let told = match (&self.name, host) {
            (Some(name), _) => Some(name.clone()),
            (None, Some(host)) => Some(server_name(host).map_err(|e| local(e.to_string()))?),
            (None, None) if self.needs_host() => {
                return Err(local("there is no name that the certificate could be for".into()));
            }
            (None, None) => None,
        };
        let seen = Arc::<Seen>::default();
        let mut config = rustls::ClientConfig::clone(&self.config);
        if let Some((check, _)) = &self.check {
            let provider: Arc<CryptoProvider> = Arc::clone(self.config.crypto_provider());
            let verifier = Verifier { check: check.clone(), provider, seen: Arc::clone(&seen) };
            config.dangerous().set_certificate_verifier(Arc::new(verifier));
        }
        // Nobody would send it.
        config.enable_early_data = false;
        let lacking = Arc::new(AtomicBool::new(false));
        let inner = Arc::clone(&config.client_auth_cert_resolver);
        let resolver = OwnCertificate { inner, lacking: Arc::clone(&lacking) };
        config.client_auth_cert_resolver = Arc::new(resolver);
        // Without a name none is asked for, and none is checked; rustls wants one all the same.
        config.enable_sni &= told.is_some();
        let name = told.unwrap_or(ServerName::IpAddress(Ipv4Addr::UNSPECIFIED.into()));
        let session = UnbufferedClientConnection::new(Arc::new(config), name);
        let engine = Engine::client(session.map_err(|e| local(e.to_string()))?, seen, lacking);
        let judge = if self.check.is_some() { Judge::Us } else { Judge::Program };
        Ok(Session::new(engine, party, self.trust(), judge))
    }
}
