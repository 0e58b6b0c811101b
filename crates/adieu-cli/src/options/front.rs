//! Who a relay's clients are and where they go: `--accept-proxy`, `--send-proxy` and `--route`.

use super::access::network;
use super::connecting_endpoint;
use super::durations::limit;
use crate::parsing::rules::Rules;
use adieu::Endpoint;
use adieu_relay::NamePattern;
use adieu_relay::proxy_protocol::{AcceptProxy, ProxyVersion};
use anyhow::{Context, Result};
use clap::builder::NonEmptyStringValueParser;
use clap::{Args, ValueEnum};
use ipnet::IpNet;
use std::time::Duration;

/// From whom headers of the PROXY protocol are taken, as it was written.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Proxies")]
pub(crate) struct AcceptProxyOptions {
    /// Expect a PROXY protocol header (v1 or v2) from clients in these networks, and reset all other clients (can be given again,
    /// or with commas)
    ///
    /// The header of the proxy tells whose connection it is, and --allow and --deny judge that address. A connection without a
    /// valid header is reset.
    #[arg(long, value_name = "CIDR", env = "ADIEU_ACCEPT_PROXY", hide_env_values = true, value_delimiter = ',', value_parser = network)]
    accept_proxy: Vec<IpNet>,

    /// Time limit for the header that --accept-proxy expects
    #[arg(long, value_name = "DURATION", default_value = "3s", env = "ADIEU_PROXY_TIMEOUT", hide_env_values = true,
          value_parser = limit, help_heading = "Time limits")]
    proxy_timeout: Duration,
}

impl AcceptProxyOptions {
    /// From whom headers are taken. `None`: from nobody.
    pub(crate) fn accept_proxy(&self) -> Option<AcceptProxy> {
        (!self.accept_proxy.is_empty())
            .then(|| AcceptProxy { trusted: self.accept_proxy.clone(), timeout: self.proxy_timeout })
    }
}

/// What upstreams are told, and which of them a client is given, as it was written.
#[derive(Debug, Clone, Args)]
pub(crate) struct FrontOptions {
    #[command(flatten)]
    accept: AcceptProxyOptions,

    /// Send every upstream a PROXY protocol header with the client's address: v1 is text, v2 binary
    ///
    /// It is sent before TLS. The header of v2 also tells the client's TLS, and the name that it asked for.
    #[arg(
        long,
        value_name = "VERSION",
        env = "ADIEU_SEND_PROXY",
        hide_env_values = true,
        help_heading = "Proxies"
    )]
    send_proxy: Option<Version>,

    /// Give a TLS client that asks for this name (SNI) this upstream, as in www.example.org=10.0.0.1:443 (can be given again)
    ///
    /// The name may be *.example.org, and several upstreams of one name take turns. Nothing is decrypted without --cert. A client
    /// without TLS, or without a name, is given TO, and is reset if there is no TO. With Encrypted Client Hello only the outer
    /// name can be seen.
    #[arg(long, value_name = "NAME=TO", env = "ADIEU_ROUTE", hide_env_values = true, help_heading = "Upstreams",
          value_parser = NonEmptyStringValueParser::new(), add = Rules::new().names_endpoints())]
    route: Vec<String>,

    /// With --route: wait at most this long for the name that a client asks for. A client without one goes to TO; one whose
    /// ClientHello is not whole by then is reset
    #[arg(long, value_name = "DURATION", default_value = "3s", env = "ADIEU_ROUTE_TIMEOUT", hide_env_values = true,
          value_parser = limit, help_heading = "Time limits")]
    route_timeout: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Version {
    V1,
    V2,
}

impl FrontOptions {
    pub(crate) fn accept_proxy(&self) -> Option<AcceptProxy> {
        self.accept.accept_proxy()
    }

    pub(crate) fn send_proxy(&self) -> Option<ProxyVersion> {
        self.send_proxy.map(|version| match version {
            Version::V1 => ProxyVersion::V1,
            Version::V2 => ProxyVersion::V2,
        })
    }

    /// The routes, each to one upstream.
    pub(crate) fn routes(&self) -> Result<Vec<(NamePattern, Endpoint)>> {
        let one = |text: &String| -> Result<(NamePattern, Endpoint)> {
            let (name, to) =
                text.split_once('=').context("write NAME=TO, such as www.example.org=10.0.0.1:443")?;
            Ok((name.parse()?, connecting_endpoint(&[to.into()])?))
        };
        self.route.iter().map(|text| one(text).with_context(|| format!("--route {text}"))).collect()
    }

    pub(crate) fn route_timeout(&self) -> Duration {
        self.route_timeout
    }
}
