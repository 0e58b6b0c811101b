//! ALL_PROXY and NO_PROXY.

use super::{ParseProxyError, Proxy};
use crate::{Endpoint, endpoint};
use std::ffi::OsString;
use std::net::IpAddr;

/// The proxy for `endpoint` by these variables.
pub(super) fn choose(
    endpoint: &Endpoint,
    variable: impl Fn(&str) -> Option<OsString>,
) -> Result<Option<Proxy>, ParseProxyError> {
    let (Endpoint::Tcp { host, port } | Endpoint::Tls { host, port }) = endpoint else { return Ok(None) };
    // What cannot be read is not left out: whoever wants a proxy does not want to go without one.
    let either = |lower: &str, upper: &str| {
        // An empty one is as good as none.
        let set = |name| variable(name).filter(|value| !value.is_empty());
        let value = set(lower).or_else(|| set(upper)).unwrap_or_default();
        value.into_string().map_err(|_| ParseProxyError::NotUnicode)
    };
    let proxy = either("all_proxy", "ALL_PROXY")?;
    let proxy = proxy.trim();
    if proxy.is_empty() || is_excepted(&either("no_proxy", "NO_PROXY")?, host, *port) {
        return Ok(None);
    }
    proxy.parse().map(Some)
}

fn is_excepted(exceptions: &str, host: &str, port: u16) -> bool {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    exceptions.split([',', ' ', '\t']).filter(|word| !word.is_empty()).any(|word| matches(word, &host, port))
}

fn matches(word: &str, host: &str, port: u16) -> bool {
    let word = word.to_ascii_lowercase();
    let (word, only_port) = split_port(&word);
    if only_port.is_some_and(|only| only != port) {
        return false;
    }
    if word == "*" {
        return true;
    }
    if let Ok(ip) = without_zone(host).parse::<IpAddr>() {
        return in_range(word, ip);
    }
    let domain = word.strip_prefix("*.").unwrap_or(word).trim_start_matches('.').trim_end_matches('.');
    let in_ascii = if domain.is_ascii() { None } else { endpoint::in_ascii(domain).ok() };
    let domain = in_ascii.as_deref().unwrap_or(domain);
    let below = host.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
    !domain.is_empty() && below
}

/// `host:port`, `[::1]:port`; an IPv6 address without brackets has no port.
fn split_port(word: &str) -> (&str, Option<u16>) {
    if let Some((address, rest)) = word.strip_prefix('[').and_then(|word| word.split_once(']')) {
        return (address, rest.strip_prefix(':').and_then(|port| port.parse().ok()));
    }
    match word.split_once(':') {
        Some((name, port)) if !port.contains(':') => match port.parse() {
            Ok(port) => (name, Some(port)),
            Err(_) => (word, None),
        },
        _ => (word, None),
    }
}

/// A zone says by which interface, and not which address.
fn without_zone(address: &str) -> &str {
    address.split_once('%').map_or(address, |(address, _)| address)
}

fn in_range(word: &str, ip: IpAddr) -> bool {
    let (network, bits) = match word.split_once('/') {
        None => (word, None),
        Some((network, bits)) => match bits.parse::<u32>() {
            Ok(bits) => (network, Some(bits)),
            Err(_) => return false,
        },
    };
    let Ok(network) = without_zone(network).parse::<IpAddr>() else { return false };
    let width = if network.is_ipv4() { 32 } else { 128 };
    let bits = bits.unwrap_or(width);
    if bits > width {
        return false;
    }
    // Also as an IPv4 address, if it is one that is written as IPv6 (RFC 4291, 2.5.5.2).
    let written_as_ipv6 = |ip: IpAddr| ip.is_ipv6() && ip.to_canonical().is_ipv4();
    let (network4, bits4) = if written_as_ipv6(network) && bits >= 96 {
        (network.to_canonical(), bits - 96)
    } else {
        (network, bits)
    };
    is_below(network, bits, ip) || is_below(network4, bits4, ip.to_canonical())
}

/// Whether an address is in a range of its own version.
fn is_below(network: IpAddr, bits: u32, ip: IpAddr) -> bool {
    let (network, ip, width) = match (network, ip) {
        (IpAddr::V4(network), IpAddr::V4(ip)) => (network.to_bits().into(), ip.to_bits().into(), 32),
        (IpAddr::V6(network), IpAddr::V6(ip)) => (network.to_bits(), ip.to_bits(), 128),
        _ => return false,
    };
    // A shift by the whole width has no result: a range of all.
    let differs: u128 = network ^ ip;
    differs.checked_shr(width - bits).unwrap_or(0) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exceptions_are_names_addresses_and_ranges() {
        for (exceptions, host, expected) in [
            ("*", "anything.test", true),
            ("example.org", "example.org", true),
            ("example.org", "www.Example.ORG.", true),
            (".example.org", "www.example.org", true),
            (".example.org", "example.org", true),
            ("*.example.org", "www.example.org", true),
            ("*.example.org:81", "www.example.org", false),
            ("*.example.org", "badexample.org", false),
            ("*example.org", "badexample.org", false),
            ("example.org", "badexample.org", false),
            ("example.org", "example.org.evil.test", false),
            ("a.test, b.test", "b.test", true),
            ("a.test b.test", "b.test", true),
            ("10.0.0.0/8", "10.1.2.3", true),
            ("10.0.0.0/8", "11.1.2.3", false),
            ("0.0.0.0/0", "8.8.8.8", true),
            ("192.0.2.1", "192.0.2.1", true),
            ("192.0.2.1", "192.0.2.10", false),
            ("fd00::/8", "fd12::1", true),
            ("fd00::/8", "fe80::1", false),
            ("::/0", "::1", true),
            ("fe80::/10", "fe80::1%lo", true),
            ("fe80::1", "fe80::1%lo", true),
            ("[fe80::1%eth0]:80", "fe80::1%lo", true),
            ("fc00::/7", "fe80::1%lo", false),
            ("[::1]", "::1", true),
            ("::1", "::1", true),
            ("example.org:80", "example.org", true),
            ("example.org:81", "example.org", false),
            ("[::1]:81", "::1", false),
            // IPv4 addresses that are written as IPv6.
            ("10.0.0.0/8", "::ffff:10.1.2.3", true),
            ("10.0.0.0/8", "::ffff:11.1.2.3", false),
            ("192.0.2.1", "::ffff:192.0.2.1", true),
            ("::ffff:192.0.2.1", "192.0.2.1", true),
            ("::ffff:10.0.0.0/104", "10.1.2.3", true),
            ("::ffff:10.0.0.0/104", "::ffff:10.1.2.3", true),
            ("::ffff:10.0.0.0/104", "::ffff:11.1.2.3", false),
            ("[::ffff:10.1.2.3]:80", "10.1.2.3", true),
            ("0.0.0.0/0", "::ffff:8.8.8.8", true),
            ("::/0", "::ffff:8.8.8.8", true),
            ("::/0", "8.8.8.8", false),
            // Not mapped, but a range of IPv6 in which mapped ones are too.
            ("::ffff:0:0/95", "8.8.8.8", false),
            // A name in another script is what it is looked up as.
            ("B\u{fc}cher.example", "www.xn--bcher-kva.example", true),
            ("10.0.0.0/99", "10.0.0.0", false),
            ("10.0.0.0/x", "10.0.0.0", false),
            // A name is not resolved.
            ("127.0.0.0/8", "localhost", false),
            (".", "example.org", false),
            ("", "example.org", false),
        ] {
            assert_eq!(is_excepted(exceptions, host, 80), expected, "{exceptions} {host}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_variable_that_is_no_text_is_an_error_and_not_no_proxy() {
        use std::os::unix::ffi::OsStringExt;
        let wrong = || OsString::from_vec(b"socks5://me:hunter2\xff@p:1".to_vec());
        let chosen = |name: &'static str| {
            choose(&Endpoint::tcp("far.test", 1), |n| match n {
                _ if n == name => Some(wrong()),
                "ALL_PROXY" => Some("socks5h://p:1".into()),
                _ => None,
            })
        };
        for name in ["all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY"] {
            assert_eq!(chosen(name), Err(ParseProxyError::NotUnicode), "{name}");
        }
    }

    #[test]
    fn lower_case_counts_first_and_a_unix_socket_has_no_proxy() {
        let variables = |name: &str| match name {
            "all_proxy" => Some("socks5h://lower:1".into()),
            "ALL_PROXY" => Some("socks5h://upper:1".into()),
            "NO_PROXY" => Some("near.test".into()),
            _ => None,
        };
        let chosen =
            |endpoint: &Endpoint| choose(endpoint, variables).expect("a proxy").map(|p| p.to_string());
        assert_eq!(chosen(&Endpoint::tcp("far.test", 1)).as_deref(), Some("socks5h://lower:1"));
        assert_eq!(chosen(&Endpoint::tcp("near.test", 1)), None);
        assert_eq!(chosen(&Endpoint::unix("x")), None);
        let bare = choose(&Endpoint::tcp("far.test", 1), |n| (n == "ALL_PROXY").then(|| "p:3128".into()));
        assert_eq!(bare.expect("a proxy").map(|p| p.to_string()).as_deref(), Some("http://p:3128"));
        assert_eq!(choose(&Endpoint::tcp("far.test", 1), |_| None), Ok(None));
        let lower_is_empty = |n: &str| Some(if n == "ALL_PROXY" { "p:3128" } else { "" }.into());
        let upper = choose(&Endpoint::tcp("far.test", 1), lower_is_empty).expect("a proxy");
        assert_eq!(upper.map(|p| p.to_string()).as_deref(), Some("http://p:3128"));
    }
}
