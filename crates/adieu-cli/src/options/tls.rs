//! TLS's options: what they are, and what they make of an endpoint.

use crate::parsing::rules::{CommandSide, Rules};
use crate::parsing::{is_tls, names_tls, raw_words};
use adieu::Endpoint;
use adieu::tls::{Client, ClientConfig, ConfigError, Eof, Fingerprint, Server, ServerConfig, Version};
use anyhow::anyhow;
use clap::builder::{BoolishValueParser, NonEmptyStringValueParser};
use clap::{ArgAction, Args, ValueEnum};
use std::path::{Path, PathBuf};

/// What is asked of each session, whoever it is with.
#[derive(Debug, Clone, Args, Default)]
#[command(next_help_heading = "TLS")]
struct Terms {
    /// Lowest version of TLS that is accepted [default: 1.2]
    #[arg(long, value_name = "VERSION", env = "ADIEU_TLS_MIN", hide_env_values = true,
          add = Rules::new().for_tls().guards(|run| run.over_tls))]
    tls_min: Option<LeastVersion>,

    /// What an EOF of the peer means if TLS's close_notify did not precede it [default: require]
    #[arg(long, value_name = "RULE", env = "ADIEU_TLS_EOF", hide_env_values = true,
          add = Rules::new().for_tls())]
    tls_eof: Option<EofRule>,

    /// Protocols to agree on (ALPN), best first, such as http/1.1
    #[arg(long, value_name = "NAMES", env = "ADIEU_ALPN", hide_env_values = true, value_delimiter = ',',
          value_parser = NonEmptyStringValueParser::new(),
          add = Rules::new().for_tls())]
    alpn: Vec<String>,
}

/// What both sides can choose.
#[derive(Debug, Clone, Args, Default)]
#[command(next_help_heading = "TLS")]
pub(crate) struct Common {
    /// Speak TLS, as with the endpoint tls://host:port
    #[arg(long, env = "ADIEU_TLS", hide_env_values = true, action = ArgAction::SetTrue,
          value_parser = BoolishValueParser::new(),
          add = Rules::new().asks_for_tls())]
    tls: bool,

    #[command(flatten)]
    terms: Terms,

    /// Certificate of this side, with its chain (a PEM file)
    #[arg(long, value_name = "FILE", env = "ADIEU_CERT", hide_env_values = true,
          add = Rules::new().for_tls().asks_for_tls_when_listening().guards(|run| run.listens))]
    cert: Option<PathBuf>,

    /// Private key of that certificate (a PEM file)
    #[arg(long, value_name = "FILE", env = "ADIEU_KEY", hide_env_values = true,
          add = Rules::new().for_tls().asks_for_tls_when_listening().guards(|run| run.listens))]
    key: Option<PathBuf>,
}

/// The options of `connect`.
#[derive(Debug, Clone, Args, Default)]
#[command(next_help_heading = "TLS")]
pub(crate) struct ConnectTls {
    #[command(flatten)]
    common: Common,

    /// Trust the certificates in this PEM file instead of the system's roots
    #[arg(long, value_name = "FILE", env = "ADIEU_CA", hide_env_values = true, conflicts_with_all = ["pin", "insecure"],
          add = Rules::new().for_tls().guards(|run| run.over_tls))]
    ca: Option<PathBuf>,

    #[command(flatten)]
    trust: Trust,
}

/// What is trusted besides roots, by the side that connects.
#[derive(Debug, Clone, Args, Default)]
#[command(next_help_heading = "TLS")]
struct Trust {
    /// Trust exactly the certificate with this fingerprint, sha256:... (can be given again, or with commas)
    ///
    /// Its name, its dates and its issuer do not count then. Of several fingerprints each will do.
    #[arg(
        long,
        value_name = "FINGERPRINT",
        env = "ADIEU_PIN",
        hide_env_values = true,
        value_delimiter = ',',
        conflicts_with = "insecure",
        add = Rules::new().for_tls().of_side(CommandSide::Connects).guards(|run| run.over_tls && !run.listens)
    )]
    pin: Vec<Fingerprint>,

    /// Trust any certificate: whoever is on the path can read and change everything; the report says so
    #[arg(long, env = "ADIEU_INSECURE", hide_env_values = true, action = ArgAction::SetTrue,
          value_parser = BoolishValueParser::new(),
          add = Rules::new().for_tls().of_side(CommandSide::Connects))]
    insecure: bool,

    /// Name that the certificate must have [default: the endpoint's host]
    #[arg(long, value_name = "NAME", env = "ADIEU_SERVERNAME", hide_env_values = true,
          value_parser = NonEmptyStringValueParser::new(),
          add = Rules::new().for_tls().of_side(CommandSide::Connects))]
    servername: Option<String>,
}

/// The options of `listen`.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "TLS")]
pub(crate) struct ListenTls {
    #[command(flatten)]
    common: Common,

    #[command(flatten)]
    own: Own,

    /// Ask clients for a certificate, and accept those that a certificate in this PEM file has issued
    #[arg(long, value_name = "FILE", env = "ADIEU_CA", hide_env_values = true,
          add = Rules::new().for_tls().guards(|run| run.over_tls))]
    ca: Option<PathBuf>,
}

/// The certificate of the side that listens, if it brings none.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "TLS")]
struct Own {
    /// Speak TLS with a certificate made for this run, and print its fingerprint, which the other side gives to --pin
    ///
    /// TLS without --cert does the same. adieu prints the fingerprint with -q too.
    #[arg(long, env = "ADIEU_SELF_SIGNED", hide_env_values = true, action = ArgAction::SetTrue,
          value_parser = BoolishValueParser::new(), conflicts_with_all = ["cert", "key"],
          add = Rules::new().asks_for_tls_when_listening().of_side(CommandSide::Listens))]
    self_signed: bool,
}

/// The options of `send` and `receive`, which connect or listen.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "TLS")]
pub(crate) struct EitherTls {
    #[command(flatten)]
    common: Common,

    #[command(flatten)]
    own: Own,

    /// Trust the certificates in this PEM file instead of the system's roots; a listener asks for a certificate that one of them
    /// has issued
    #[arg(long, value_name = "FILE", env = "ADIEU_CA", hide_env_values = true, conflicts_with_all = ["pin", "insecure"],
          add = Rules::new().for_tls().guards(|run| run.over_tls))]
    ca: Option<PathBuf>,

    #[command(flatten)]
    trust: Trust,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum LeastVersion {
    #[value(name = "1.2")]
    Tls12,
    #[value(name = "1.3")]
    Tls13,
}

impl From<LeastVersion> for Version {
    fn from(version: LeastVersion) -> Self {
        match version {
            LeastVersion::Tls12 => Self::Tls12,
            LeastVersion::Tls13 => Self::Tls13,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum EofRule {
    /// The stream was cut: truncated
    Require,
    /// An end, because the bytes themselves say where they end; in the middle of a TLS record it is a cut
    Framed,
    /// An end
    Ignore,
}

impl From<EofRule> for Eof {
    fn from(rule: EofRule) -> Self {
        match rule {
            EofRule::Require => Self::Require,
            EofRule::Framed => Self::Framed,
            EofRule::Ignore => Self::Ignore,
        }
    }
}

impl Common {
    fn least_version(&self) -> Version {
        self.terms.tls_min.map_or_else(Version::default, Version::from)
    }

    fn eof(&self) -> Eof {
        self.terms.tls_eof.map_or_else(Eof::default, Eof::from)
    }

    fn identity(&self) -> anyhow::Result<Option<(PathBuf, PathBuf)>> {
        match (&self.cert, &self.key) {
            (Some(certificate), Some(key)) => Ok(Some((certificate.clone(), key.clone()))),
            (None, None) => Ok(None),
            (Some(_), None) => anyhow::bail!("--cert needs its --key"),
            (None, Some(_)) => anyhow::bail!("--key needs its --cert"),
        }
    }
}

/// Where TLS is to be spoken, an endpoint says so.
fn with_scheme(endpoint: Endpoint, is_asked: bool) -> Endpoint {
    match endpoint {
        Endpoint::Tcp { host, port } if is_asked => Endpoint::tls(host, port),
        other => other,
    }
}

fn asks(endpoint: &Endpoint) -> bool {
    matches!(endpoint, Endpoint::Tls { .. })
}

/// It tells its cause itself.
fn unusable(error: &ConfigError) -> anyhow::Error {
    let how_else = match error {
        ConfigError::NoRoots { .. } => " with --ca; --pin trusts one certificate without any",
        _ => "",
    };
    anyhow!("cannot use TLS: {error}{how_else}")
}

impl Common {
    /// Trust the certificates in this PEM file for upstreams, instead of the system's roots
    fn resolve_connect(
        &self,
        endpoint: Endpoint,
        ca: Option<&Path>,
        trust: &Trust,
    ) -> anyhow::Result<(Endpoint, Option<ClientConfig>)> {
        let is_asked = self.tls || asks(&endpoint);
        let tls = if is_asked { Some(self.client(ca, trust)?) } else { None };
        Ok((with_scheme(endpoint, is_asked), tls))
    }

    /// The endpoint of a side that listens, and TLS if it is to be spoken.
    fn resolve_listen(
        &self,
        endpoint: Endpoint,
        ca: Option<&Path>,
        own: &Own,
    ) -> anyhow::Result<(Endpoint, Option<ServerConfig>)> {
        let has_certificate = own.self_signed || self.cert.is_some() || self.key.is_some();
        let is_asked = self.tls || has_certificate || asks(&endpoint);
        let tls = if is_asked { Some(self.server(ca)?) } else { None };
        Ok((with_scheme(endpoint, is_asked), tls))
    }

    fn client(&self, ca: Option<&Path>, trust: &Trust) -> anyhow::Result<ClientConfig> {
        let mut client = Client::new().least_version(self.least_version()).eof(self.eof());
        for protocol in &self.terms.alpn {
            client = client.alpn(protocol);
        }
        if let Some((certificate, key)) = self.identity()? {
            client = client.identity(certificate, key);
        }
        if let Some(ca) = ca {
            client = client.ca_file(ca);
        }
        for pin in &trust.pin {
            client = client.pin(*pin);
        }
        if trust.insecure {
            client = client.insecure();
        }
        if let Some(name) = &trust.servername {
            client = client.server_name(name);
        }
        client.build().map_err(|e| unusable(&e))
    }

    fn server(&self, ca: Option<&Path>) -> anyhow::Result<ServerConfig> {
        self.unread_server(ca)?.build().map_err(|e| unusable(&e))
    }

    /// The same, with nothing read so far.
    fn unread_server(&self, ca: Option<&Path>) -> anyhow::Result<Server> {
        let mut server = match self.identity()? {
            Some((certificate, key)) => Server::from_files(certificate, key),
            None => Server::self_signed(),
        };
        server = server.least_version(self.least_version()).eof(self.eof());
        for protocol in &self.terms.alpn {
            server = server.alpn(protocol);
        }
        if let Some(ca) = ca {
            server = server.client_ca_file(ca);
        }
        Ok(server)
    }
}

impl ConnectTls {
    /// The endpoint, and TLS if it is to be spoken. Nothing is read if it is not.
    pub(crate) fn resolve(&self, endpoint: Endpoint) -> anyhow::Result<(Endpoint, Option<ClientConfig>)> {
        self.common.resolve_connect(endpoint, self.ca.as_deref(), &self.trust)
    }

    /// The same of several endpoints. What is read is read once.
    pub(crate) fn resolve_all(
        &self,
        endpoints: impl Iterator<Item = Endpoint>,
    ) -> anyhow::Result<Vec<(Endpoint, Option<ClientConfig>)>> {
        let mut read = None;
        endpoints
            .map(|endpoint| {
                let is_asked = self.common.tls || asks(&endpoint);
                if is_asked && read.is_none() {
                    read = Some(self.common.client(self.ca.as_deref(), &self.trust)?);
                }
                Ok((with_scheme(endpoint, is_asked), read.clone().filter(|_| is_asked)))
            })
            .collect()
    }
}

impl ListenTls {
    /// The endpoint, and TLS if it is to be spoken.
    pub(crate) fn resolve(&self, endpoint: Endpoint) -> anyhow::Result<(Endpoint, Option<ServerConfig>)> {
        self.common.resolve_listen(endpoint, self.ca.as_deref(), &self.own)
    }

    /// Whether the certificate is one that nobody knows of yet.
    pub(crate) fn is_new(&self) -> bool {
        self.common.cert.is_none()
    }
}

impl EitherTls {
    /// Where we connect to, and TLS if it is to be spoken. Nothing is read if it is not.
    pub(crate) fn resolve_connect(
        &self,
        endpoint: Endpoint,
    ) -> anyhow::Result<(Endpoint, Option<ClientConfig>)> {
        self.common.resolve_connect(endpoint, self.ca.as_deref(), &self.trust)
    }

    /// Where we listen, and TLS if it is to be spoken.
    pub(crate) fn resolve_listen(
        &self,
        endpoint: Endpoint,
    ) -> anyhow::Result<(Endpoint, Option<ServerConfig>)> {
        self.common.resolve_listen(endpoint, self.ca.as_deref(), &self.own)
    }

    /// Whether the certificate of the side that listens is one that nobody knows of yet.
    pub(crate) fn is_new(&self) -> bool {
        self.common.cert.is_none()
    }

    /// Whether any certificate will do for the side that connects.
    pub(crate) fn is_insecure(&self) -> bool {
        self.trust.insecure
    }
}

/// The options of `relay`, which speaks TLS with its clients, with its upstreams, or with both.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "TLS")]
pub(crate) struct RelayTls {
    /// Certificate that clients see, with its chain (a PEM file); clients then speak TLS
    ///
    /// It can be given again, with a --key each. A client sees the first that is for the name it asks for, or else the first.
    #[arg(long, value_name = "FILE", env = "ADIEU_CERT", hide_env_values = true,
          add = Rules::new().asks_for_tls().guards(|_| true))]
    cert: Vec<PathBuf>,

    /// Private key of that certificate (a PEM file); several keys are in the order of the certificates
    #[arg(long, value_name = "FILE", env = "ADIEU_KEY", hide_env_values = true,
          add = Rules::new().asks_for_tls().guards(|_| true))]
    key: Vec<PathBuf>,

    #[command(flatten)]
    own: Own,

    /// Trust the certificates in this PEM file, of upstreams, instead of the system's roots
    #[arg(long, value_name = "FILE", env = "ADIEU_CA", hide_env_values = true, conflicts_with_all = ["pin", "insecure"],
          add = Rules::new().for_tls().yields_if(has_plain_upstreams).guards(|run| run.over_tls))]
    ca: Option<PathBuf>,

    /// Trust exactly the upstream's certificate with this fingerprint, sha256:... (can be given again, or with commas)
    ///
    /// Its name, its dates and its issuer do not count then. Of several fingerprints each will do.
    #[arg(
        long,
        value_name = "FINGERPRINT",
        env = "ADIEU_PIN",
        hide_env_values = true,
        value_delimiter = ',',
        conflicts_with = "insecure",
        add = Rules::new().for_tls().yields_if(has_plain_upstreams).guards(|run| run.over_tls)
    )]
    pin: Vec<Fingerprint>,

    /// Trust any certificate of an upstream: whoever is on the path can read and change everything
    #[arg(long, env = "ADIEU_INSECURE", hide_env_values = true, action = ArgAction::SetTrue,
          value_parser = BoolishValueParser::new(),
          add = Rules::new().for_tls().yields_if(has_plain_upstreams))]
    insecure: bool,

    /// Name that the certificate of an upstream must have [default: the endpoint's host]
    #[arg(long, value_name = "NAME", env = "ADIEU_SERVERNAME", hide_env_values = true,
          value_parser = NonEmptyStringValueParser::new(),
          add = Rules::new().for_tls().yields_if(has_plain_upstreams))]
    servername: Option<String>,

    #[command(flatten)]
    terms: Terms,
}

/// Whether no upstream of a relay is spoken to in TLS: what says whom to trust is then for other runs.
fn has_plain_upstreams(matches: &clap::ArgMatches) -> bool {
    let words = raw_words(matches, "endpoints");
    !(words.iter().skip(1).any(|word| is_tls(word.as_encoded_bytes())) || names_tls(matches, "route"))
}

impl RelayTls {
    fn common(&self, cert: Option<&PathBuf>, key: Option<&PathBuf>) -> Common {
        Common { tls: false, terms: self.terms.clone(), cert: cert.cloned(), key: key.cloned() }
    }

    /// Where it listens, and TLS if clients speak it. `made`: the certificate that was made for this run before.
    pub(crate) fn resolve_listen(
        &self,
        endpoint: Endpoint,
        made: Option<&ServerConfig>,
    ) -> anyhow::Result<(Endpoint, Option<ServerConfig>)> {
        if let Some(made) = made {
            return Ok((with_scheme(endpoint, true), Some(made.clone())));
        }
        let common = self.common(self.cert.first(), self.key.first());
        let (certificates, keys) = (self.cert.len(), self.key.len());
        if certificates <= 1 && keys <= 1 {
            return common.resolve_listen(endpoint, None, &self.own);
        }
        if certificates != keys {
            anyhow::bail!(
                "--cert is given {certificates} times and --key {keys}: each certificate needs its key"
            );
        }
        let more = self.cert.iter().zip(&self.key).skip(1);
        let server =
            more.fold(common.unread_server(None)?, |server, (cert, key)| server.and_files(cert, key));
        Ok((with_scheme(endpoint, true), Some(server.build().map_err(|e| unusable(&e))?)))
    }

    /// The upstreams, each with TLS if it is spoken there. What is read is read once.
    pub(crate) fn resolve_upstreams(
        &self,
        endpoints: Vec<Endpoint>,
    ) -> anyhow::Result<Vec<(Endpoint, Option<ClientConfig>)>> {
        let trust = [
            ("--ca", self.ca.is_some()),
            ("--pin", !self.pin.is_empty()),
            ("--insecure", self.insecure),
            ("--servername", self.servername.is_some()),
        ];
        if let Some((option, _)) = trust.into_iter().find(|(_, is_given)| *is_given)
            && !endpoints.iter().any(asks)
        {
            anyhow::bail!("{option} is for upstreams with TLS: write tls:// before one");
        }
        let trust =
            Trust { pin: self.pin.clone(), insecure: self.insecure, servername: self.servername.clone() };
        let mut read = None;
        let resolved = endpoints.into_iter().map(|endpoint| {
            let is_asked = asks(&endpoint);
            if is_asked && read.is_none() {
                read = Some(self.common(None, None).client(self.ca.as_deref(), &trust)?);
            }
            Ok((endpoint, read.clone().filter(|_| is_asked)))
        });
        resolved.collect()
    }

    /// The files whose content may change while it runs, each once: certificates, keys, and roots.
    pub(crate) fn files(&self) -> Vec<&Path> {
        let mut files: Vec<&Path> = Vec::new();
        let pairs = self.cert.iter().zip(&self.key).flat_map(|(cert, key)| [cert, key]);
        for file in pairs.chain(&self.ca) {
            if !files.contains(&file.as_path()) {
                files.push(file);
            }
        }
        files
    }

    /// Whether the certificate is one that nobody knows of yet.
    pub(crate) fn is_new(&self) -> bool {
        self.cert.is_empty()
    }
}
