//! The proxy of a connection, as a report names it: how it was spoken to, and where it is. Never its user or password.

use std::fmt;
use std::str::FromStr;

/// How a proxy is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ProxyKind {
    /// SOCKS5, RFC 1928; a name is resolved here, and each of its addresses asked for.
    Socks5,
    /// SOCKS5; a name is resolved at the proxy.
    Socks5h,
    /// SOCKS4; a name is resolved here, and an IPv6 address cannot be asked for.
    Socks4,
    /// SOCKS4a; a name is resolved at the proxy, and an IPv6 address cannot be asked for.
    Socks4a,
    /// HTTP CONNECT, RFC 9110; a name is resolved at the proxy.
    Http,
    /// The same over TLS to the proxy, whose certificate is checked.
    Https,
}

impl ProxyKind {
    /// Every kind.
    pub const ALL: &'static [Self] =
        &[Self::Socks5, Self::Socks5h, Self::Socks4, Self::Socks4a, Self::Http, Self::Https];

    /// The scheme of its URL: `socks5`, `socks5h`, `socks4`, `socks4a`, `http`, `https`.
    pub const fn scheme(self) -> &'static str {
        match self {
            Self::Socks5 => "socks5",
            Self::Socks5h => "socks5h",
            Self::Socks4 => "socks4",
            Self::Socks4a => "socks4a",
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    /// The port of a proxy whose URL has none. RFC 1928 assigns one to SOCKS, and with TLS it is that of HTTPS, as for curl;
    /// `None`: HTTP proxies have none.
    pub const fn default_port(self) -> Option<u16> {
        match self {
            Self::Http => None,
            Self::Https => Some(443),
            _ => Some(1080),
        }
    }

    /// Whether it is SOCKS4, with names or without.
    pub const fn is_socks4(self) -> bool {
        matches!(self, Self::Socks4 | Self::Socks4a)
    }

    /// Whether it is HTTP, over TLS or not.
    pub const fn is_http(self) -> bool {
        matches!(self, Self::Http | Self::Https)
    }

    /// Whether TLS is spoken to it.
    pub const fn speaks_tls(self) -> bool {
        matches!(self, Self::Https)
    }
}

/// A proxy that was connected through, or was to be.
///
/// # Examples
///
/// ```
/// use adieu_report::{ProxyAddress, ProxyKind};
///
/// let proxy: ProxyAddress = "https://[::1]:443".parse()?;
/// assert_eq!((proxy.kind, &*proxy.place), (ProxyKind::Https, "[::1]:443"));
/// # Ok::<(), adieu_report::UnknownProxyKind>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ProxyAddress {
    /// How it is spoken to.
    pub kind: ProxyKind,
    /// Its host and port, as in `proxy.example:1080`.
    pub place: String,
}

impl fmt::Display for ProxyAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.kind.scheme(), self.place)
    }
}

/// A proxy's address has no scheme that a [`ProxyKind`] has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnknownProxyKind;

impl fmt::Display for UnknownProxyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("it is not the address of a proxy of a known kind")
    }
}

impl std::error::Error for UnknownProxyKind {}

/// Reads what [`Display`](fmt::Display) writes.
impl FromStr for ProxyAddress {
    type Err = UnknownProxyKind;

    fn from_str(text: &str) -> Result<Self, UnknownProxyKind> {
        let (scheme, place) = text.split_once("://").ok_or(UnknownProxyKind)?;
        let kind = ProxyKind::ALL.iter().copied().find(|kind| kind.scheme() == scheme);
        Ok(Self { kind: kind.ok_or(UnknownProxyKind)?, place: place.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_read_as_it_is_written() {
        for kind in ProxyKind::ALL {
            let proxy = ProxyAddress { kind: *kind, place: "[::1]:1080".to_owned() };
            assert_eq!(proxy.to_string().parse(), Ok(proxy));
        }
        for text in ["ftp://h:1", "h:1", "HTTPS://h:1"] {
            assert_eq!(text.parse::<ProxyAddress>(), Err(UnknownProxyKind), "{text}");
        }
    }
}
