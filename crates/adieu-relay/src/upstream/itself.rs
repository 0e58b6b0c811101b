//! Finds upstream addresses that lead back to the relay itself. If the relay connected to itself, each client would make another, until
//! descriptors run out.

use adieu::{Endpoint, Listener};
use std::net::{IpAddr, SocketAddr, UdpSocket};

/// Where a relay listens.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Itself {
    /// Its address. `None`: it is not known, or is that of a Unix socket.
    address: Option<SocketAddr>,
    /// It is one of IPv6 that takes no client of IPv4 (IPV6_V6ONLY).
    is_v6_only: bool,
}

impl Itself {
    /// Of a relay with this listener.
    pub(crate) fn listening_with(listener: &Listener) -> Self {
        // A socket of IPv4 and a Unix socket have no such option.
        let is_v6_only = socket2::SockRef::from(listener).only_v6().unwrap_or(false);
        Self { address: address_of(listener.local_endpoint()), is_v6_only }
    }

    /// Whether a connection to an endpoint with this address would come here.
    pub(super) fn is_at_endpoint(self, endpoint: &Endpoint) -> bool {
        address_of(endpoint).is_some_and(|address| self.is_at(&address))
    }

    /// Whether a connection to this address would come here.
    pub(super) fn is_at(self, address: &SocketAddr) -> bool {
        let Some(own) = self.address.filter(|own| own.port() == address.port()) else { return false };
        let (listens, ip) = (own.ip().to_canonical(), address.ip().to_canonical());
        if !listens.is_unspecified() {
            return listens == ip;
        }
        // One of IPv6 takes IPv4 too, unless it is told not to.
        let is_taken = if ip.is_ipv4() { !self.is_v6_only } else { listens.is_ipv6() };
        is_taken && is_of_this_machine(ip)
    }
}

/// The address in an endpoint. An empty host listens on every address.
fn address_of(endpoint: &Endpoint) -> Option<SocketAddr> {
    let (Endpoint::Tcp { host, port } | Endpoint::Tls { host, port }) = endpoint else { return None };
    let host = if host.is_empty() { "::" } else { host };
    Some(SocketAddr::new(host.parse().ok()?, *port))
}

/// Nothing is sent: a socket for datagrams is bound to it. To connect to no address in particular is to connect to this machine.
fn is_of_this_machine(ip: IpAddr) -> bool {
    ip.is_loopback() || ip.is_unspecified() || UdpSocket::bind((ip, 0)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_met_where_it_listens_and_nowhere_else() {
        for (listens, to, is_met) in [
            ("127.0.0.1:80", "127.0.0.1:80", true),
            ("127.0.0.1:80", "[::ffff:127.0.0.1]:80", true),
            ("127.0.0.1:80", "127.0.0.1:81", false),
            ("127.0.0.1:80", "127.0.0.2:80", false),
            ("0.0.0.0:80", "127.0.0.2:80", true),
            ("0.0.0.0:80", "[::1]:80", false),
            ("[::]:80", "127.0.0.1:80", true),
            ("[::]:80", "[::1]:80", true),
            ("[::]:80", "0.0.0.0:80", true),
            // RFC 5737 keeps it for documents.
            ("0.0.0.0:80", "192.0.2.1:80", false),
        ] {
            let parse = |text: &str| text.parse::<SocketAddr>().expect("an address");
            let itself = Itself { address: Some(parse(listens)), is_v6_only: false };
            assert_eq!(itself.is_at(&parse(to)), is_met, "{to} of {listens}");
            // Without clients of IPv4 it is met by IPv6 alone.
            if parse(listens).is_ipv6() {
                let itself = Itself { is_v6_only: true, ..itself };
                assert_eq!(itself.is_at(&parse(to)), is_met && parse(to).is_ipv6(), "{to} of {listens}");
            }
        }
        assert!(!Itself::default().is_at(&SocketAddr::from(([127, 0, 0, 1], 80))));
    }
}
