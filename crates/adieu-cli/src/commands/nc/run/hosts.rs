//! Names and addresses as a netcat sees them, asked for on the main thread: `getaddrinfo` is not bounded there, as in the
//! originals.

use super::super::flavour::Flavour;
use super::super::plan::{Family, Mode, Plan, Transport};
use super::voice::Voice;
use adieu::Endpoint;
use adieu_os::{LookUp, LookUpError};
use std::net::{IpAddr, SocketAddr};

/// What of this plan's family and transport the resolver says of a host. `None` for the host: where to listen.
pub(super) fn addresses(plan: &Plan, host: Option<&str>, port: u16) -> Result<Vec<SocketAddr>, LookUpError> {
    let family = match (plan.family, host) {
        // The traditional netcat knows no other.
        (Family::Any, _) if plan.flavour == Flavour::Traditional => Family::V4,
        // OpenBSD's listens on IPv4 unless told otherwise.
        (Family::Any, None) if plan.flavour != Flavour::Ncat => Family::V4,
        (family, _) => family,
    };
    let asked = LookUp {
        ipv6: match family {
            Family::Any => None,
            Family::V4 => Some(false),
            Family::V6 => Some(true),
        },
        numeric: plan.numeric,
        datagrams: plan.transport == Transport::Udp,
    };
    let mut found = adieu_os::look_up_as(host, port, asked)?;
    found.dedup();
    Ok(found)
}

/// Our own address towards this peer, if one was asked for. Where none is of the peer's IP version it is another, which the library
/// refuses. `None` for the peer: the library finds it, as a proxy.
pub(super) fn source(plan: &Plan, peer: Option<SocketAddr>) -> Result<Option<SocketAddr>, String> {
    let Some(source) = &plan.source else {
        let Some(port) = plan.source_port else { return Ok(None) };
        let peer = match (peer, &plan.proxy) {
            (None, Some(proxy)) => {
                let found = addresses(plan, Some(&proxy.host), proxy.port);
                found.map_err(|error| format!("getaddrinfo: {}", error.words()))?.first().copied()
            }
            (peer, _) => peer,
        };
        let is_v6 = peer.is_some_and(|peer| peer.is_ipv6());
        return Ok(Some(if is_v6 { ([0_u16; 8], port).into() } else { ([0; 4], port).into() }));
    };
    let found = addresses(plan, Some(source), plan.source_port.unwrap_or(0));
    let found = found.map_err(|error| format!("getaddrinfo: {}", error.words()))?;
    let suits = |ours: &&SocketAddr| peer.is_none_or(|peer| peer.is_ipv4() == ours.is_ipv4());
    Ok(found.iter().find(suits).or(found.first()).copied())
}

/// The endpoint at this address, with its zone if it has one.
pub(super) fn endpoint(plan: &Plan, address: SocketAddr) -> Endpoint {
    match Endpoint::from(address) {
        Endpoint::Tcp { host, port } if plan.transport == Transport::Udp => Endpoint::udp(host, port),
        Endpoint::Tcp { host, port } if plan.tls.is_some() => Endpoint::tls(host, port),
        endpoint => endpoint,
    }
}

/// Says that a host has no addresses, and gives the flavour's exit status.
pub(super) fn unknown(voice: &Voice, host: &str, port: u16, error: &LookUpError, numeric: bool) -> u8 {
    let words = error.words();
    match voice.flavour() {
        Flavour::Ncat => {
            voice.complain(&format!("Could not resolve hostname \"{host}\": {words}. QUITTING."));
            return 2;
        }
        Flavour::Traditional if numeric => {
            voice.complain(&format!("Can't parse {host} as an IP address"));
        }
        Flavour::Traditional => {
            let why = if matches!(error, LookUpError::UnknownName(_)) { "Unknown host" } else { &words };
            voice.complain(&format!("{host}: forward host lookup failed: {why}"));
        }
        Flavour::Debian | Flavour::OpenBsd => {
            voice.complain(&format!("getaddrinfo for host \"{host}\" port {port}: {words}"));
        }
    }
    1
}

/// The name of the service that a port stands for.
pub(super) fn service(plan: &Plan, port: u16) -> Option<String> {
    adieu_os::service_name(port, plan.transport == Transport::Udp)
}

/// An address in words, by its name if it has one and names are wanted.
pub(super) fn named(plan: &Plan, address: SocketAddr) -> String {
    let name = if plan.numeric { None } else { adieu_os::host_name(&address) };
    name.unwrap_or_else(|| ip(address).to_string())
}

/// One of IPv4 that a listener on both has as one of IPv6 is one of IPv4.
pub(super) fn ip(address: SocketAddr) -> IpAddr {
    address.ip().to_canonical()
}

/// What the traditional netcat calls a peer: its name, or that it has none.
pub(super) fn known_as(plan: &Plan, address: SocketAddr) -> String {
    let name = if plan.numeric { None } else { adieu_os::host_name(&address) };
    name.unwrap_or_else(|| "(UNKNOWN)".to_owned())
}

/// The only peer that a listener of the traditional netcat takes, with its addresses.
pub(super) struct OnlyPeer {
    ips: Vec<IpAddr>,
    /// `None`: any.
    port: Option<u16>,
}

impl OnlyPeer {
    /// `None`: the plan has no such peer. If its name is not found, nobody is taken.
    pub(super) fn of(plan: &Plan) -> Option<Self> {
        let Mode::Listen { peer: Some(peer), .. } = &plan.mode else { return None };
        let found = addresses(plan, Some(&peer.host), 0).unwrap_or_default();
        Some(Self { ips: found.into_iter().map(|address| address.ip()).collect(), port: peer.port })
    }

    /// Whether this is its address.
    pub(super) fn is_at(&self, address: SocketAddr) -> bool {
        self.ips.contains(&ip(address)) && self.port.is_none_or(|port| port == address.port())
    }
}

/// The port of an endpoint that has one.
pub(super) const fn port(endpoint: &Endpoint) -> Option<u16> {
    match endpoint {
        Endpoint::Tcp { port, .. } | Endpoint::Tls { port, .. } | Endpoint::Udp { port, .. } => Some(*port),
        _ => None,
    }
}
