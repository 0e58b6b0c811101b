//! The connecting side of a configuration: whom to believe, and what to ask for.

use super::config::{Shared, other, server_name, shared_settings, with_identity};
use super::config_error::ConfigError;
use super::engine::Engine;
use super::files::{read_identity, trusted_in};
use super::party::Party;
use super::session::Session;
use super::verify::{Check, OwnCertificate, Seen, Trusted, Verifier};
use super::{Eof, Fingerprint, Trust};
use super::{Failure, HandshakeError};
use rustls::client::{Resumption, UnbufferedClientConnection};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
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
    ca: Option<PathBuf>,
    pins: Vec<Fingerprint>,
    is_insecure: bool,
    name: Option<String>,
    identity: Option<(PathBuf, PathBuf)>,
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
        self.ca = Some(path.into());
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
        self.identity = Some((certificate.into(), key.into()));
        self
    }

    /// Offers a protocol (ALPN), after those that were offered before.
    #[must_use]
    pub fn alpn(mut self, protocol: impl Into<String>) -> Self {
        self.shared.alpn.push(protocol.into());
        self
    }

    /// Reads the files, and the platform's roots if nothing else is believed.
    ///
    /// # Errors
    ///
    /// A file or a name cannot be used, the platform has no roots, or there is no [provider](Self::provider).
    pub fn build(self) -> Result<ClientConfig, ConfigError> {
        let provider = self.shared.provider()?;
        let (trust, check) = if !self.pins.is_empty() {
            (Trust::Pinned, Check::Pinned(self.pins.into()))
        } else if self.is_insecure {
            (Trust::Insecure, Check::Nobody)
        } else {
            let (trust, trusted) = believed(self.ca.as_deref(), self.roots)?;
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
        Ok(ClientConfig { config, check, trust, name, eof: self.shared.eof, fingerprint })
    }
}

/// The certificates that are believed: the named ones, or else the platform's.
fn believed(
    ca: Option<&Path>,
    roots: Option<Vec<CertificateDer<'static>>>,
) -> Result<(Trust, Trusted), ConfigError> {
    if ca.is_none() && roots.is_none() {
        return Ok((Trust::Roots, super::roots::platform_roots()?));
    }
    let mut trusted = match ca {
        Some(path) => trusted_in(path)?,
        None => Trusted::nobody(),
    };
    for certificate in roots.into_iter().flatten() {
        trusted.add(certificate).map_err(|e| other(&e))?;
    }
    Ok((Trust::CaFile, trusted))
}

/// How the connecting side speaks TLS: read and checked once, and used for any number of connections. Clones share
/// everything. [`Client::build`] makes one, and [`ConnectOptions::tls`](crate::ConnectOptions::tls) takes it.
#[derive(Debug, Clone)]
pub struct ClientConfig {
    config: Arc<rustls::ClientConfig>,
    check: Check,
    trust: Trust,
    name: Option<ServerName<'static>>,
    eof: Eof,
    fingerprint: Option<Fingerprint>,
}

impl ClientConfig {
    /// The fingerprint of our own certificate. `None`: we have none.
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

    /// How a server's certificate is checked.
    pub(crate) fn trust(&self) -> Trust {
        self.trust
    }

    pub(crate) fn eof(&self) -> Eof {
        self.eof
    }

    /// Whether a name is needed to check the certificate, and none is configured: it must come from the endpoint.
    pub(crate) fn needs_host(&self) -> bool {
        matches!(self.check, Check::Roots(..)) && self.name.is_none()
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
        let provider: Arc<CryptoProvider> = Arc::clone(self.config.crypto_provider());
        let verifier = Verifier { check: self.check.clone(), provider, seen: Arc::clone(&seen) };
        let mut config = rustls::ClientConfig::clone(&self.config);
        config.dangerous().set_certificate_verifier(Arc::new(verifier));
        let lacking = Arc::new(AtomicBool::new(false));
        let inner = Arc::clone(&config.client_auth_cert_resolver);
        let resolver = OwnCertificate { inner, lacking: Arc::clone(&lacking) };
        config.client_auth_cert_resolver = Arc::new(resolver);
        // Without a name none is asked for, and none is checked; rustls wants one all the same.
        config.enable_sni = told.is_some();
        let name = told.unwrap_or(ServerName::IpAddress(Ipv4Addr::UNSPECIFIED.into()));
        let session = UnbufferedClientConnection::new(Arc::new(config), name);
        let engine = Engine::client(session.map_err(|e| local(e.to_string()))?, seen, lacking);
        Ok(Session::new(engine, party, Some(self.trust)))
    }
}
