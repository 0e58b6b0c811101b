//! TLS's options: what they are, and what they make of an endpoint.

use crate::exit::ExitStatus;
use crate::printer::complain;
use adieu::Endpoint;
use adieu::tls::{Client, Eof, Fingerprint, Server, Tls, Version};
use anyhow::Context;
use clap::builder::BoolishValueParser;
use clap::{ArgAction, Args, ValueEnum};
use std::path::PathBuf;

/// What both sides can choose.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "TLS")]
pub(crate) struct Common {
    /// Speak TLS, as the endpoint tls://host:port does
    #[arg(long, env = "ADIEU_TLS", hide_env_values = true, action = ArgAction::SetTrue,
          value_parser = BoolishValueParser::new())]
    tls: bool,

    /// The lowest version of TLS that will do [default: 1.2]
    #[arg(long, value_name = "VERSION", env = "ADIEU_TLS_MIN", hide_env_values = true)]
    tls_min: Option<LeastVersion>,

    /// What an EOF of the peer's means without TLS's close_notify before it [default: require]
    #[arg(long, value_name = "RULE", env = "ADIEU_TLS_EOF", hide_env_values = true)]
    tls_eof: Option<EofRule>,

    /// Protocols to agree on (ALPN), best first, such as http/1.1
    #[arg(long, value_name = "NAMES", env = "ADIEU_ALPN", hide_env_values = true, value_delimiter = ',')]
    alpn: Vec<String>,

    /// Our certificate, with its chain: a PEM file
    #[arg(long, value_name = "FILE", env = "ADIEU_CERT", hide_env_values = true)]
    cert: Option<PathBuf>,

    /// The key of our certificate: a PEM file
    #[arg(long, value_name = "FILE", env = "ADIEU_KEY", hide_env_values = true)]
    key: Option<PathBuf>,
}

/// The options of `connect`.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "TLS")]
pub(crate) struct ConnectTls {
    #[command(flatten)]
    common: Common,

    /// Trust the certificates in this PEM file instead of the system's roots
    #[arg(long, value_name = "FILE", env = "ADIEU_CA", hide_env_values = true, conflicts_with_all = ["pin", "insecure"])]
    ca: Option<PathBuf>,

    /// Trust exactly the certificate with this fingerprint (sha256:…), whatever its name, dates and issuer are
    #[arg(
        long,
        value_name = "FINGERPRINT",
        env = "ADIEU_PIN",
        hide_env_values = true,
        conflicts_with = "insecure"
    )]
    pin: Option<Fingerprint>,

    /// Trust any certificate: whoever is between can read and change everything; the report says so
    #[arg(long, env = "ADIEU_INSECURE", hide_env_values = true, action = ArgAction::SetTrue,
          value_parser = BoolishValueParser::new())]
    insecure: bool,

    /// The name that the certificate must be for [default: the endpoint's host]
    #[arg(long, value_name = "NAME", env = "ADIEU_SERVERNAME", hide_env_values = true)]
    servername: Option<String>,
}

/// The options of `listen`.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "TLS")]
pub(crate) struct ListenTls {
    #[command(flatten)]
    common: Common,

    /// Speak TLS with a certificate made for this run, and say its fingerprint, for --pin; --tls without --cert does it
    #[arg(long, env = "ADIEU_SELF_SIGNED", hide_env_values = true, action = ArgAction::SetTrue,
          value_parser = BoolishValueParser::new(), conflicts_with_all = ["cert", "key"])]
    self_signed: bool,

    /// Ask clients for a certificate, and accept those that the certificates in this PEM file vouch for
    #[arg(long, value_name = "FILE", env = "ADIEU_CA", hide_env_values = true)]
    ca: Option<PathBuf>,
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
    /// The stream was cut: truncated, exit status 6
    Require,
    /// The bytes say themselves where they end: an end, but not in the middle of a record
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
        self.tls_min.map_or_else(Version::default, Version::from)
    }

    fn eof(&self) -> Eof {
        self.tls_eof.map_or_else(Eof::default, Eof::from)
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

/// What is wrong with the options is said; nothing was connected to yet.
fn said<T>(result: anyhow::Result<T>) -> Result<T, ExitStatus> {
    result.map_err(|error| {
        complain(&format!("{error:#}"));
        ExitStatus::Usage
    })
}

impl ConnectTls {
    /// The endpoint, and TLS if it is to be spoken. Nothing is read if it is not.
    pub(crate) fn resolve(&self, endpoint: Endpoint) -> Result<(Endpoint, Option<Tls>), ExitStatus> {
        let is_asked = self.common.tls || asks(&endpoint);
        let tls = if is_asked { Some(said(self.build())?) } else { None };
        Ok((with_scheme(endpoint, is_asked), tls))
    }

    fn build(&self) -> anyhow::Result<Tls> {
        let common = &self.common;
        let mut client = Client::new().least_version(common.least_version()).eof(common.eof());
        for protocol in &common.alpn {
            client = client.alpn(protocol);
        }
        if let Some((certificate, key)) = common.identity()? {
            client = client.identity(certificate, key);
        }
        if let Some(ca) = &self.ca {
            client = client.ca_file(ca);
        }
        if let Some(pin) = self.pin {
            client = client.pin(pin);
        }
        if self.insecure {
            client = client.insecure();
        }
        if let Some(name) = &self.servername {
            client = client.server_name(name);
        }
        client.build().context("TLS cannot be spoken")
    }
}

impl ListenTls {
    /// The endpoint, and TLS if it is to be spoken.
    pub(crate) fn resolve(&self, endpoint: Endpoint) -> Result<(Endpoint, Option<Tls>), ExitStatus> {
        let common = &self.common;
        let has_certificate = self.self_signed || common.cert.is_some() || common.key.is_some();
        let is_asked = common.tls || has_certificate || asks(&endpoint);
        let tls = if is_asked { Some(said(self.build())?) } else { None };
        Ok((with_scheme(endpoint, is_asked), tls))
    }

    /// Whether the certificate is one that nobody knows of yet.
    pub(crate) fn is_new(&self) -> bool {
        self.common.cert.is_none()
    }

    fn build(&self) -> anyhow::Result<Tls> {
        let common = &self.common;
        let mut server = match common.identity()? {
            Some((certificate, key)) => Server::from_files(certificate, key),
            None => Server::self_signed(),
        };
        server = server.least_version(common.least_version()).eof(common.eof());
        for protocol in &common.alpn {
            server = server.alpn(protocol);
        }
        if let Some(ca) = &self.ca {
            server = server.client_ca_file(ca);
        }
        server.build().context("TLS cannot be spoken")
    }
}
