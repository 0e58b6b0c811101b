//! Whose connections a listener serves: `--allow` and `--deny`, and what they say of an address.
//!
//! The library's listener asks ([`Listener::with_filter`](adieu::Listener::with_filter)). Here nothing is resolved, and nobody is
//! told.

use crate::parsing::rules::Rules;
use adieu::{Address, Endpoint};
use anyhow::{Context, anyhow};
use clap::Args;
use ipnet::{IpNet, Ipv4Net};
use std::net::IpAddr;

/// Whose connections are served, as it was written.
#[derive(Debug, Clone, Args, Default)]
#[command(next_help_heading = "Access")]
pub(crate) struct AccessOptions {
    /// Serve only clients from these networks, such as 192.0.2.0/24, ::1 or fd00::/8, and reset all others (can be given again,
    /// or with commas)
    ///
    /// Others are reset before a TLS handshake or a command. -v tells of each.
    #[arg(long, value_name = "CIDR", env = "ADIEU_ALLOW", hide_env_values = true, value_delimiter = ',', value_parser = network,
          add = Rules::new().also_over_udp().not_for_unix().guards(|run| run.listens))]
    allow: Vec<IpNet>,

    /// Reset clients from these networks, even if --allow names them
    #[arg(long, value_name = "CIDR", env = "ADIEU_DENY", hide_env_values = true, value_delimiter = ',', value_parser = network,
          add = Rules::new().also_over_udp().not_for_unix().guards(|run| run.listens))]
    deny: Vec<IpNet>,
}

impl AccessOptions {
    pub(crate) fn access(&self) -> Access {
        Access { allow: self.allow.clone(), deny: self.deny.clone() }
    }
}

/// Clients of a Unix socket come from no network.
pub(crate) const NOT_OF_A_NETWORK: &str =
    "--allow and --deny mean nothing for a Unix socket: its file's permissions say who may connect";

/// Whose connections are served.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Access {
    /// Nobody else is. Empty: everybody.
    pub(crate) allow: Vec<IpNet>,
    /// These are not, in any case.
    pub(crate) deny: Vec<IpNet>,
}

impl Access {
    /// Whether everybody is served.
    pub(crate) fn is_open(&self) -> bool {
        self.allow.is_empty() && self.deny.is_empty()
    }

    /// Whether a client with this address is served. One without an IP address is.
    pub(crate) fn lets_in(&self, client: &Address) -> bool {
        client.socket_addr().is_none_or(|at| self.permits(at.ip()))
    }

    /// Whether it can be heeded where clients are accepted: at a Unix socket only if a proxy tells whose connections they are.
    pub(crate) fn is_suited(&self, listens_at: &Endpoint, proxy_tells: bool) -> bool {
        self.is_open() || proxy_tells || !listens_at.is_unix()
    }

    /// Whether a client with this address is served. One of IPv4 that is written as one of IPv6 (`::ffff:192.0.2.1`) is one of IPv4.
    pub(crate) fn permits(&self, ip: IpAddr) -> bool {
        let ip = ip.to_canonical();
        let is_in = |networks: &[IpNet]| networks.iter().any(|network| network.contains(&ip));
        (self.allow.is_empty() || is_in(&self.allow)) && !is_in(&self.deny)
    }
}

/// A network as people write it: an address and the length of its prefix, or an address alone.
pub(crate) fn network(text: &str) -> anyhow::Result<IpNet> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    if let Ok(ip) = bare.parse::<IpAddr>() {
        return Ok(ip.to_canonical().into());
    }
    let network: IpNet = text.parse().with_context(|| {
        let length = match text.split_once('/').and_then(|(address, _)| address.parse::<IpAddr>().ok()) {
            Some(IpAddr::V4(_)) => "the length of its prefix is not a number from 0 to 32: ",
            Some(IpAddr::V6(_)) => "the length of its prefix is not a number from 0 to 128: ",
            None => "",
        };
        format!("{length}write a network such as 192.0.2.0/24 or 2001:db8::/32, or an address")
    })?;
    if network.addr() != network.network() {
        return Err(anyhow!(
            "the address has bits after its prefix: write {}, or the address alone",
            network.trunc()
        ));
    }
    // A network of IPv4 that is written as one of IPv6.
    if let (IpAddr::V4(ip), Some(length)) =
        (network.addr().to_canonical(), network.prefix_len().checked_sub(96))
        && matches!(network, IpNet::V6(_))
    {
        return Ok(Ipv4Net::new(ip, length)?.into());
    }
    Ok(network)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access(allow: &[&str], deny: &[&str]) -> Access {
        let all = |texts: &[&str]| texts.iter().map(|text| network(text).expect("a network")).collect();
        Access { allow: all(allow), deny: all(deny) }
    }

    #[test]
    fn who_is_denied_is_not_served_and_who_is_not_allowed_neither() {
        for (allow, deny, ip, permitted) in [
            (&[][..], &[][..], "192.0.2.1", true),
            (&["192.0.2.0/24"], &[], "192.0.2.255", true),
            (&["192.0.2.0/24"], &[], "192.0.3.0", false),
            (&["192.0.2.0/24"], &[], "::1", false),
            (&["192.0.2.0/24", "::1"], &[], "::1", true),
            (&["192.0.2.0/24"], &["192.0.2.7"], "192.0.2.7", false),
            (&["192.0.2.0/24"], &["192.0.2.7"], "192.0.2.8", true),
            (&[], &["fd00::/8"], "fd12::1", false),
            (&[], &["fd00::/8"], "fe80::1", true),
            // One address, however it is written.
            (&["192.0.2.0/24"], &[], "::ffff:192.0.2.1", true),
            (&["::ffff:192.0.2.0/120"], &[], "192.0.2.1", true),
            (&["::ffff:192.0.2.1"], &[], "192.0.2.1", true),
            (&[], &["0.0.0.0/0"], "::ffff:192.0.2.1", false),
            (&["0.0.0.0/0"], &[], "::1", false),
            (&["::/0"], &[], "::1", true),
        ] {
            let access = access(allow, deny);
            assert_eq!(access.permits(ip.parse().expect("an address")), permitted, "{access:?} {ip}");
        }
        assert!(access(&[], &[]).is_open() && !access(&["::1"], &[]).is_open());
    }

    #[test]
    fn what_is_no_network_says_what_to_write() {
        for (text, says) in [
            ("", "write a network"),
            ("localhost", "write a network"),
            ("192.0.2.0/33", "not a number from 0 to 32: write a network"),
            ("2001:db8::/x", "not a number from 0 to 128: write a network"),
            ("192.0.2/24", "write a network"),
            ("192.0.2.1/24", "write 192.0.2.0/24, or the address alone"),
            ("fd00::1/8", "write fd00::/8, or"),
        ] {
            let error = format!("{:#}", network(text).expect_err(text));
            assert!(error.contains(says), "{text}: {error}");
        }
        assert_eq!(network("[::1]").ok(), network("::1/128").ok());
    }
}
