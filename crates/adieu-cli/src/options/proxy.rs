//! The proxy, and its password, which is in nothing that is printed.

use crate::parsing::rules::{CommandSide, Rules};
use adieu::{Endpoint, ParseProxyError, Proxy, describe_error, tls};
use clap::Args;
use clap::builder::{NonEmptyStringValueParser, TypedValueParser};
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// The way to the peer.
#[derive(Debug, Clone, Args, Default)]
#[command(next_help_heading = "Proxy")]
pub(crate) struct ProxyOptions {
    /// Connect through this proxy: socks5, socks5h, socks4, socks4a, http or https, as in socks5://user@host:port; "env" takes
    /// ALL_PROXY and NO_PROXY
    ///
    /// An https proxy is spoken to in TLS. A password may stand in the URL, where others can see it: --proxy-password-file keeps
    /// it secret.
    #[arg(long, value_name = "URL|env", env = "ADIEU_PROXY", hide_env_values = true,
          value_parser = NonEmptyStringValueParser::new().map(Secret),
          add = Rules::new().refused_over_udp().not_for_unix().of_side(CommandSide::Connects))]
    proxy: Option<Secret>,

    /// Read the proxy's password from the first line of this file
    #[arg(long, value_name = "FILE", env = "ADIEU_PROXY_PASSWORD_FILE", hide_env_values = true,
          add = Rules::new().needs("proxy").not_for_unix().of_side(CommandSide::Connects))]
    proxy_password_file: Option<PathBuf>,

    /// Check the certificate of an https proxy against this PEM file instead of the system's roots
    #[arg(long, value_name = "FILE", env = "ADIEU_PROXY_CA", hide_env_values = true,
          add = Rules::new().needs("proxy").not_for_unix().of_side(CommandSide::Connects).guards_with_what_it_needs())]
    proxy_ca: Option<PathBuf>,
}

/// A text that may hold a password. It is parsed where an error is told without it; clap would show it.
#[derive(Clone)]
struct Secret(String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// A password that is longer is none: RFC 1929 has room for 255 bytes, and a header for some thousand.
const MAX_PASSWORD: u64 = 4096;

/// What the files hold that the options name. A pipe gives it once.
#[derive(Default)]
pub(crate) struct FilesRead {
    password: Option<String>,
    tls: Option<tls::ClientConfig>,
}

impl ProxyOptions {
    /// The proxy for this endpoint. `None`: no proxy.
    ///
    /// # Errors
    ///
    /// Why there is none, in a sentence: it is a usage error.
    pub(crate) fn resolve(&self, endpoint: &Endpoint) -> Result<Option<Proxy>, String> {
        self.resolve_with(endpoint, &mut FilesRead::default())
    }

    /// The same for one of several endpoints: the first that has a proxy reads the files for all.
    pub(crate) fn resolve_with(
        &self,
        endpoint: &Endpoint,
        read: &mut FilesRead,
    ) -> Result<Option<Proxy>, String> {
        let Some(Secret(text)) = &self.proxy else { return Ok(None) };
        let proxy = if text == "env" {
            Proxy::from_environment(endpoint).map_err(|error| match error {
                // It says itself which variable.
                ParseProxyError::NotUnicode => error.to_string(),
                _ => format!("the value of ALL_PROXY is wrong: {error}"),
            })?
        } else {
            let proxy = text.parse().map_err(|error| format!("the value of --proxy is wrong: {error}"))?;
            if !matches!(endpoint, Endpoint::Tcp { .. } | Endpoint::Tls { .. }) {
                let what = if matches!(endpoint, Endpoint::Udp { .. }) { "UDP" } else { "a Unix socket" };
                return Err(format!("{what} is not reached through a proxy"));
            }
            Some(proxy)
        };
        let Some(mut proxy): Option<Proxy> = proxy else { return Ok(None) };
        let wrong = |error| format!("the proxy {proxy}: {error}");
        if let Some(path) = &self.proxy_password_file {
            if read.password.is_none() {
                let password = read_password(path).map_err(|error| {
                    let (name, why) = (path.display(), describe_error(&error));
                    format!("cannot read the proxy's password from {name}: {why}")
                })?;
                read.password = Some(password);
            }
            proxy = proxy.clone().with_password(read.password.clone().unwrap_or_default()).map_err(wrong)?;
        }
        proxy.check().map_err(|error| format!("the proxy {proxy}: {error}"))?;
        if proxy.is_secure() {
            if read.tls.is_none() {
                let client = match &self.proxy_ca {
                    Some(path) => tls::Client::new().ca_file(path),
                    None => tls::Client::new(),
                };
                let built = client.build();
                read.tls = Some(built.map_err(|error| format!("cannot use TLS with the proxy: {error}"))?);
            }
            if let Some(tls) = read.tls.clone() {
                proxy = proxy.with_tls(tls);
            }
        }
        Ok(Some(proxy))
    }
}

/// The password that is the first line of a file.
pub(crate) fn read_password(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(MAX_PASSWORD).read_to_string(&mut text)?;
    let line = text.lines().next().unwrap_or_default();
    if line.is_empty() {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "its first line is empty"));
    }
    Ok(line.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_of_the_options_holds_no_password() {
        let options = ProxyOptions {
            proxy: Some(Secret("socks5://me:hunter2@host".to_owned())),
            proxy_password_file: None,
            proxy_ca: None,
        };
        assert!(!format!("{options:?}").contains("hunter2"));
        let proxy = options.resolve(&Endpoint::tcp("h", 1)).ok().flatten().expect("a proxy");
        assert!(!format!("{proxy:?} {proxy}").contains("hunter2"));
    }
}
