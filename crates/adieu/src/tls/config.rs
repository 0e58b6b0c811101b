//! How TLS is spoken: built once, with everything read that it names, and then used for any number of connections.

use super::engine::Engine;
use super::error::{ConfigError, Failure, HandshakeError};
use super::verify::{Check, ClientVerifier, OwnCertificate, Trusted, Verifier};
use super::{Eof, Fingerprint, KEY_KINDS, Seen, Trust, Version};
use rustls::client::{Resumption, UnbufferedClientConnection};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use rustls::server::UnbufferedServerConnection;
use rustls::{ClientConfig, ServerConfig, SupportedProtocolVersion};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// A finished configuration; [`Options::tls`](crate::Options::tls) takes it. Clones share everything.
#[derive(Debug, Clone)]
pub struct Tls {
    side: Side,
    pub(crate) eof: Eof,
    fingerprint: Option<Fingerprint>,
}

#[derive(Debug, Clone)]
enum Side {
    Client { config: Arc<ClientConfig>, check: Check, trust: Trust, name: Option<ServerName<'static>> },
    Server { config: Arc<ServerConfig>, clients: Option<Clients> },
}

/// What a server that asks for certificates needs besides: each connection has a check of its own.
#[derive(Debug, Clone)]
struct Clients {
    verifier: Arc<ClientVerifier>,
    versions: &'static [&'static SupportedProtocolVersion],
}

impl Clients {
    /// The configuration of one connection, and where it remembers the certificate that it saw.
    fn of_one(&self, config: &ServerConfig) -> Result<(ServerConfig, Arc<Seen>), rustls::Error> {
        let seen = Arc::<Seen>::default();
        let verifier = self.verifier.remembering_in(Arc::clone(&seen));
        let mut own = ServerConfig::builder_with_provider(Arc::clone(config.crypto_provider()))
            .with_protocol_versions(self.versions)?
            .with_client_cert_verifier(Arc::new(verifier))
            .with_cert_resolver(Arc::clone(&config.cert_resolver));
        own.alpn_protocols.clone_from(&config.alpn_protocols);
        keep_nothing(&mut own);
        Ok((own, seen))
    }
}

fn keep_nothing(config: &mut ServerConfig) {
    // Tickets for later connections would stand unread at a client that only sends, and its close would reset.
    config.send_tls13_tickets = 0;
    config.session_storage = Arc::new(rustls::server::NoServerSessionStorage {});
}

/// The connecting side of TLS: whom to believe, and what to ask for.
///
/// # Examples
///
/// ```no_run
/// use adieu::{Endpoint, Options, tls};
///
/// let tls = tls::Client::new().ca_file("ca.pem").alpn("http/1.1").build()?;
/// let options = Options::new().tls(tls);
/// let connection = adieu::connect(&Endpoint::tcp("example.test", 443), &options)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Client {
    ca: Option<PathBuf>,
    pins: Vec<Fingerprint>,
    is_insecure: bool,
    name: Option<String>,
    identity: Option<(PathBuf, PathBuf)>,
    shared: Shared,
}

/// The listening side of TLS: its certificate, and what it offers.
///
/// # Examples
///
/// ```
/// use adieu::{Endpoint, Listener, Options, tls};
///
/// let tls = tls::Server::self_signed().build()?;
/// println!("clients pin {}", tls.fingerprint().expect("a server has a certificate"));
/// let listener = Listener::bind(&Endpoint::tcp("127.0.0.1", 0), &Options::new().tls(tls))?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Server {
    identity: Option<(PathBuf, PathBuf)>,
    client_ca: Option<PathBuf>,
    shared: Shared,
}

static TLS13_ALONE: &[&SupportedProtocolVersion] = &[&rustls::version::TLS13];

/// What both sides can choose.
#[derive(Debug, Clone, Default)]
struct Shared {
    alpn: Vec<String>,
    least: Version,
    eof: Eof,
}

impl Shared {
    fn versions(&self) -> &'static [&'static SupportedProtocolVersion] {
        match self.least {
            Version::Tls12 => rustls::ALL_VERSIONS,
            Version::Tls13 => TLS13_ALONE,
        }
    }

    fn protocols(&self) -> Result<Vec<Vec<u8>>, ConfigError> {
        let protocol = |name: &String| match name.len() {
            1..=255 => Ok(name.clone().into_bytes()),
            _ => Err(ConfigError::BadProtocol { name: name.clone() }),
        };
        self.alpn.iter().map(protocol).collect()
    }
}

impl Client {
    /// Believes whom the platform's roots vouch for, for the name that is connected to.
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

    /// Speaks no version below this. Default: TLS 1.2.
    #[must_use]
    pub fn least_version(mut self, version: Version) -> Self {
        self.shared.least = version;
        self
    }

    /// What an EOF without close_notify means. Default: a truncation.
    #[must_use]
    pub fn eof(mut self, eof: Eof) -> Self {
        self.shared.eof = eof;
        self
    }

    /// Reads the files, and the platform's roots if nothing else is believed.
    ///
    /// # Errors
    ///
    /// A file or a name cannot be used, or the platform has no roots.
    pub fn build(self) -> Result<Tls, ConfigError> {
        let provider = provider();
        let (trust, check) = match &self.ca {
            _ if !self.pins.is_empty() => (Trust::Pinned, Check::Pinned(self.pins.into())),
            _ if self.is_insecure => (Trust::Insecure, Check::Nobody),
            Some(path) => (Trust::CaFile, against(trusted_in(path)?, &provider)?),
            None => (Trust::Roots, against(platform_roots()?, &provider)?),
        };
        let name = self.name.map(|name| server_name(&name)).transpose()?;
        let verifier =
            Verifier { check: check.clone(), provider: Arc::clone(&provider), seen: Arc::default() };
        let builder = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(self.shared.versions())
            .map_err(|e| other(&e))?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier));
        let (mut config, fingerprint) = match &self.identity {
            None => (builder.with_no_client_auth(), None),
            Some((certificate, key)) => {
                let (chain, key) = read_identity(certificate, key)?;
                let fingerprint = chain.first().map(|c| Fingerprint::of(c));
                let is_p521 = is_p521(&key);
                let config = builder.with_client_auth_cert(chain, key).map_err(|e| identity(&e, is_p521))?;
                (config, fingerprint)
            }
        };
        config.alpn_protocols = self.shared.protocols()?;
        // Nothing is kept from one connection to the next.
        config.resumption = Resumption::disabled();
        let side = Side::Client { config: Arc::new(config), check, trust, name };
        Ok(Tls { side, eof: self.shared.eof, fingerprint })
    }
}

impl Server {
    /// Presents the certificate (with its chain) in this PEM file; its key is in another.
    pub fn from_files(certificate: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        let identity = Some((certificate.into(), key.into()));
        Self { identity, client_ca: None, shared: Shared::default() }
    }

    /// Makes a key and a certificate that nobody vouches for, in memory; clients pin its
    /// [fingerprint](Tls::fingerprint).
    pub fn self_signed() -> Self {
        Self { identity: None, client_ca: None, shared: Shared::default() }
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

    /// Speaks no version below this. Default: TLS 1.2.
    #[must_use]
    pub fn least_version(mut self, version: Version) -> Self {
        self.shared.least = version;
        self
    }

    /// What an EOF without close_notify means. Default: a truncation.
    #[must_use]
    pub fn eof(mut self, eof: Eof) -> Self {
        self.shared.eof = eof;
        self
    }

    /// Reads the files, or makes the key.
    ///
    /// # Errors
    ///
    /// A file cannot be used.
    pub fn build(self) -> Result<Tls, ConfigError> {
        let provider = provider();
        let (chain, key) = match &self.identity {
            Some((certificate, key)) => read_identity(certificate, key)?,
            None => make_identity()?,
        };
        let fingerprint = chain.first().map(|c| Fingerprint::of(c));
        let versions = self.shared.versions();
        let clients = match &self.client_ca {
            None => None,
            Some(path) => {
                let verifier = trusted_in(path)?.of_clients(Arc::clone(&provider));
                let verifier = verifier.map_err(|e| ConfigError::Other(e.to_string()))?;
                Some(Clients { verifier: Arc::new(verifier), versions })
            }
        };
        let is_p521 = is_p521(&key);
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .map_err(|e| other(&e))?
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .map_err(|e| identity(&e, is_p521))?;
        config.alpn_protocols = self.shared.protocols()?;
        keep_nothing(&mut config);
        let side = Side::Server { config: Arc::new(config), clients };
        Ok(Tls { side, eof: self.shared.eof, fingerprint })
    }
}

impl Tls {
    /// The fingerprint of our own certificate. `None`: a client without one.
    pub fn fingerprint(&self) -> Option<Fingerprint> {
        self.fingerprint
    }

    /// How a peer's certificate is checked. `None`: a server, which asks for none.
    pub(crate) fn trust(&self) -> Option<Trust> {
        match &self.side {
            Side::Client { trust, .. } => Some(*trust),
            Side::Server { .. } => None,
        }
    }

    /// Whether a name is needed to check the certificate, and none is configured: it must come from the endpoint.
    pub(crate) fn needs_host(&self) -> bool {
        matches!(&self.side, Side::Client { check: Check::Roots(..), name: None, .. })
    }

    pub(crate) fn is_server(&self) -> bool {
        matches!(self.side, Side::Server { .. })
    }

    /// One connection's session, to `host` if the configuration has no name of its own.
    pub(crate) fn session(&self, host: Option<&str>) -> Result<Engine, HandshakeError> {
        let local = |what: String| HandshakeError::new(Failure::Local, what);
        match &self.side {
            Side::Client { config, check, name, .. } => {
                let told = match (name, host) {
                    (Some(name), _) => Some(name.clone()),
                    (None, Some(host)) => Some(server_name(host).map_err(|e| local(e.to_string()))?),
                    (None, None) if matches!(check, Check::Roots(..)) => {
                        return Err(local("there is no name that the certificate could be for".into()));
                    }
                    (None, None) => None,
                };
                let seen = Arc::<Seen>::default();
                let verifier = Verifier {
                    check: check.clone(),
                    provider: Arc::clone(config.crypto_provider()),
                    seen: Arc::clone(&seen),
                };
                let mut config = ClientConfig::clone(config);
                config.dangerous().set_certificate_verifier(Arc::new(verifier));
                let lacking = Arc::new(AtomicBool::new(false));
                let inner = Arc::clone(&config.client_auth_cert_resolver);
                let resolver = OwnCertificate { inner, lacking: Arc::clone(&lacking) };
                config.client_auth_cert_resolver = Arc::new(resolver);
                // Without a name none is asked for, and none is checked; rustls wants one all the same.
                config.enable_sni = told.is_some();
                let name = told.unwrap_or(ServerName::IpAddress(Ipv4Addr::UNSPECIFIED.into()));
                let session = UnbufferedClientConnection::new(Arc::new(config), name);
                Ok(Engine::client(session.map_err(|e| local(e.to_string()))?, seen, lacking))
            }
            Side::Server { config, clients } => {
                let own = match clients {
                    None => Ok((Arc::clone(config), Arc::default())),
                    Some(clients) => clients.of_one(config).map(|(own, seen)| (Arc::new(own), seen)),
                };
                let session = own.and_then(|(own, seen)| {
                    UnbufferedServerConnection::new(own).map(|session| (session, seen))
                });
                let (session, seen) = session.map_err(|e| local(e.to_string()))?;
                Ok(Engine::server(session, seen))
            }
        }
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

fn other(error: &rustls::Error) -> ConfigError {
    ConfigError::Other(error.to_string())
}

/// Whether a key is on the curve P-521: its object identifier, 1.3.132.0.35 (RFC 5480, 2.1.1.1), in DER.
fn is_p521(key: &PrivateKeyDer<'_>) -> bool {
    const SECP521R1: [u8; 7] = [0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x23];
    key.secret_der().windows(SECP521R1.len()).any(|part| part == SECP521R1)
}

fn identity(error: &rustls::Error, is_p521: bool) -> ConfigError {
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

fn server_name(name: &str) -> Result<ServerName<'static>, ConfigError> {
    // An address may have a zone, which is nobody else's business.
    let bare = name.split_once('%').map_or(name, |(address, _)| address);
    ServerName::try_from(bare.to_owned()).map_err(|_| ConfigError::BadName { name: name.to_owned() })
}

fn against(trusted: Trusted, provider: &Arc<CryptoProvider>) -> Result<Check, ConfigError> {
    trusted.check(provider).map_err(|e| ConfigError::Other(e.to_string()))
}

fn platform_roots() -> Result<Trusted, ConfigError> {
    let found = rustls_native_certs::load_native_certs();
    let mut trusted = Trusted::nobody();
    for certificate in found.certs {
        // Platforms have certificates that nothing can read; those that can be read are enough.
        let _ = trusted.add(certificate);
    }
    if trusted.is_empty() {
        let why = found.errors.first().map_or_else(|| "there are none".to_owned(), ToString::to_string);
        return Err(ConfigError::NoRoots { why });
    }
    Ok(trusted)
}

/// What a PEM file is to have in it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Item {
    Certificate,
    Key,
}

impl Item {
    fn missing(self, path: &Path, why: String) -> ConfigError {
        let path = path.to_owned();
        match self {
            Self::Certificate => ConfigError::NoCertificate { path, why },
            Self::Key => ConfigError::NoKey { path, why },
        }
    }

    /// Why a file has none in it, and how to make one of what it has.
    fn explain(self, path: &Path, content: &[u8], error: pem::Error) -> ConfigError {
        let holds = |words: &str| content.windows(words.len()).any(|part| part == words.as_bytes());
        let name = path.display();
        let why = match (self, error) {
            _ if holds("ENCRYPTED") => {
                format!("it is encrypted; openssl pkey -in {name} -out NEW makes one that is not")
            }
            (Self::Certificate, pem::Error::NoItemsFound) if is_pkcs12(content) => {
                format!("it is in PKCS#12; openssl pkcs12 -in {name} -nokeys -out NEW makes PEM of it")
            }
            (Self::Key, pem::Error::NoItemsFound) if is_pkcs12(content) => {
                format!(
                    "it is in PKCS#12; openssl pkcs12 -in {name} -nocerts -nodes -out NEW makes PEM of it"
                )
            }
            (_, pem::Error::NoItemsFound) if is_der(content) => {
                format!("it is in DER; openssl with -inform DER -in {name} -out NEW makes PEM of it")
            }
            (_, pem::Error::NoItemsFound)
                if content.starts_with(b"\xff\xfe") || content.starts_with(b"\xfe\xff") =>
            {
                "it is in UTF-16; save it as UTF-8".to_owned()
            }
            (Self::Certificate, pem::Error::NoItemsFound) if holds("BEGIN CERTIFICATE REQUEST") => {
                "it is a request for a certificate; name the certificate that was issued for it".to_owned()
            }
            (Self::Certificate, pem::Error::NoItemsFound)
                if holds("BEGIN TRUSTED CERTIFICATE") || holds("BEGIN X509 CERTIFICATE") =>
            {
                format!(
                    "it is in a form of OpenSSL's own; openssl x509 -in {name} -out NEW makes the usual one of it"
                )
            }
            (Self::Certificate, pem::Error::NoItemsFound) if holds("BEGIN PKCS7") => {
                format!(
                    "it is in PKCS#7; openssl pkcs7 -print_certs -in {name} -out NEW takes the certificates out of it"
                )
            }
            (Self::Key, pem::Error::NoItemsFound) if holds("BEGIN OPENSSH PRIVATE KEY") => {
                "it is in OpenSSH's own form; openssl genpkey makes keys for TLS".to_owned()
            }
            (Self::Key, pem::Error::NoItemsFound) if holds("BEGIN PUBLIC KEY") => {
                "it is the public key; name the private one".to_owned()
            }
            (_, pem::Error::NoItemsFound) => "there is none in it".to_owned(),
            (_, pem::Error::MissingSectionEnd { .. }) => "a BEGIN line in it has no END line".to_owned(),
            (_, pem::Error::Base64Decode(_)) => "what is between BEGIN and END in it is damaged".to_owned(),
            (_, pem::Error::IllegalSectionStart { .. }) => {
                "a BEGIN line in it has not five dashes at its end".to_owned()
            }
            _ => "it is not well formed".to_owned(),
        };
        self.missing(path, why)
    }
}

/// Whether a file begins as a SEQUENCE of ASN.1 does (X.690, 8.9), and is no text.
fn is_der(content: &[u8]) -> bool {
    content.first() == Some(&0x30) && !content.is_ascii()
}

/// Whether it is a PFX in DER: version 3, and then what is called data. RFC 7292, section 4.
fn is_pkcs12(content: &[u8]) -> bool {
    const VERSION: [u8; 3] = [0x02, 1, 3];
    const DATA: [u8; 11] = [0x06, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 1];
    let start = &content[..content.len().min(40)];
    let has = |part: &[u8]| start.windows(part.len()).any(|at| at == part);
    is_der(content) && has(&VERSION) && has(&DATA)
}

/// A PEM file, which may be a pipe. Some editors write a byte order mark before the first line, which stands in the middle
/// once files are put together.
fn read(path: &Path) -> Result<Vec<u8>, ConfigError> {
    const MARK: &[u8] = b"\xef\xbb\xbf";
    let read = std::fs::read(path);
    let mut content = read.map_err(|source| ConfigError::Unreadable { path: path.to_owned(), source })?;
    while let Some(at) = content.windows(MARK.len()).position(|part| part == MARK) {
        content.drain(at..at + MARK.len());
    }
    Ok(content)
}

fn read_certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, ConfigError> {
    let content = read(path)?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&content).collect();
    match certificates {
        Ok(certificates) if certificates.is_empty() => {
            Err(Item::Certificate.explain(path, &content, pem::Error::NoItemsFound))
        }
        Ok(certificates) => Ok(certificates),
        Err(error) => Err(Item::Certificate.explain(path, &content, error)),
    }
}

fn trusted_in(path: &Path) -> Result<Trusted, ConfigError> {
    let mut trusted = Trusted::nobody();
    for certificate in read_certificates(path)? {
        let broken = |_| Item::Certificate.missing(path, "one in it cannot be understood".to_owned());
        trusted.add(certificate).map_err(broken)?;
    }
    Ok(trusted)
}

type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

fn read_identity(certificate: &Path, key: &Path) -> Result<Identity, ConfigError> {
    let chain = read_certificates(certificate)?;
    let content = read(key)?;
    let key =
        PrivateKeyDer::from_pem_slice(&content).map_err(|error| Item::Key.explain(key, &content, error))?;
    Ok((chain, key))
}

fn make_identity() -> Result<Identity, ConfigError> {
    let failed = |error: rcgen::Error| ConfigError::Other(error.to_string());
    let key = rcgen::KeyPair::generate().map_err(failed)?;
    let names = ["localhost", "127.0.0.1", "::1"].map(str::to_owned);
    let mut parameters = rcgen::CertificateParams::new(names).map_err(failed)?;
    parameters.distinguished_name = rcgen::DistinguishedName::new();
    parameters.distinguished_name.push(rcgen::DnType::CommonName, "adieu, self-signed");
    let certificate = parameters.self_signed(&key).map_err(failed)?;
    let key = PrivatePkcs8KeyDer::from(key.serialize_der());
    Ok((vec![certificate.der().clone()], key.into()))
}
