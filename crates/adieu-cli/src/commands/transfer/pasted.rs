//! The line that the other side pastes: the command, where to, and which certificate to trust.

use adieu::Endpoint;
use adieu::tls::Fingerprint;
use adieu_transfer::TransferRole;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};

/// For the peer of this side, which listens there with this certificate. `options`: what that side needs besides, each
/// after a space.
pub(super) fn line(
    ours: TransferRole,
    endpoint: &Endpoint,
    fingerprint: &Fingerprint,
    options: &str,
) -> String {
    let endpoint = reachable(endpoint, own_address);
    let more = if matches!(endpoint, Endpoint::Tls { .. }) { "" } else { " --tls" };
    let endpoint = quoted(&endpoint.to_string());
    match ours {
        TransferRole::Receive => format!("adieu send FILE{options} {endpoint}{more} --pin {fingerprint}"),
        TransferRole::Send => {
            format!("adieu receive --connect{options} {endpoint}{more} --pin {fingerprint} --output PATH")
        }
    }
}

/// An address that others can connect to, where we listen on all of ours. Without one a word that says what is missing.
fn reachable(endpoint: &Endpoint, own: impl Fn(IpAddr) -> Option<IpAddr>) -> Endpoint {
    let Endpoint::Tls { host, port } = endpoint else { return endpoint.clone() };
    let remote = match host.parse::<IpAddr>() {
        Ok(IpAddr::V4(ip)) if ip.is_unspecified() => vec![SOME_V4],
        // It takes IPv4 too.
        Ok(IpAddr::V6(ip)) if ip.is_unspecified() => vec![SOME_V4, SOME_V6],
        _ => return endpoint.clone(),
    };
    let host = remote.into_iter().find_map(own).map_or_else(|| "HOST".to_owned(), |ip| ip.to_string());
    Endpoint::tls(host, *port)
}

/// Addresses of nobody, for documentation: RFC 5737 and RFC 3849.
const SOME_V4: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
const SOME_V6: IpAddr = IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1));

/// The address of ours that packets to `remote` would bear: connecting a UDP socket asks the routes and sends nothing.
fn own_address(remote: IpAddr) -> Option<IpAddr> {
    let any: IpAddr =
        if remote.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((any, 0)).ok()?;
    socket.connect((remote, 9)).ok()?;
    socket.local_addr().ok().map(|address| address.ip())
}

/// As a shell takes it for one word; zsh looks for files where there are brackets.
fn quoted(word: &str) -> String {
    let is_safe = |c: char| c.is_ascii_alphanumeric() || "/._:@%+-".contains(c);
    if word.chars().all(is_safe) { word.to_owned() } else { format!("'{}'", word.replace('\'', "'\\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fingerprint() -> Fingerprint {
        format!("sha256:{}", "ab".repeat(32)).parse().expect("a fingerprint")
    }

    #[test]
    fn the_line_names_an_address_that_can_be_reached() {
        let pin = fingerprint();
        let endpoint = Endpoint::tls("192.0.2.7", 9000);
        assert_eq!(
            line(TransferRole::Receive, &endpoint, &pin, ""),
            format!("adieu send FILE tls://192.0.2.7:9000 --pin {pin}")
        );
        assert_eq!(
            line(TransferRole::Send, &Endpoint::tls("::1", 9000), &pin, " --secret-file SECRET"),
            format!(
                "adieu receive --connect --secret-file SECRET 'tls://[::1]:9000' --pin {pin} --output PATH"
            )
        );
        let own: IpAddr = "198.51.100.3".parse().expect("an address");
        for (host, found, shown) in [
            ("0.0.0.0", Some(own), "198.51.100.3"),
            ("::", Some(own), "198.51.100.3"),
            ("0.0.0.0", None, "HOST"),
            ("192.0.2.7", Some(own), "192.0.2.7"),
            ("localhost", Some(own), "localhost"),
        ] {
            assert_eq!(reachable(&Endpoint::tls(host, 1), |_| found), Endpoint::tls(shown, 1), "{host}");
        }
    }

    #[test]
    fn a_socket_file_is_one_word_and_says_that_it_speaks_tls() {
        let endpoint = "unix:/run/it's here".parse().expect("an endpoint");
        let said = line(TransferRole::Receive, &endpoint, &fingerprint(), "");
        assert!(said.starts_with("adieu send FILE 'unix:/run/it'\\''s here' --tls --pin "), "{said}");
    }
}
