//! What is wrong with relays taken together, as far as their endpoints tell: two that listen in the same place, and clients that would
//! be passed round and round, because an upstream leads back to where a relay listens.
//!
//! Nothing is resolved here. What a name leads to is known once it is looked up, and a relay that is about to connect to itself
//! then does not (`adieu_relay`).

use super::described::Described;
use adieu::{Endpoint, IpVersion};
use adieu_relay::RelayConfig;
use socket2::{Domain, Socket, Type};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};
use std::path::{Path, PathBuf};

/// Something that is wrong with one of the relays.
pub(super) struct Found {
    /// Its place among them.
    pub(super) relay: usize,
    /// The key of the file that says it.
    pub(super) key: &'static str,
    pub(super) what: String,
}

/// Everything that is wrong. `called` gives the words for another relay by its place.
pub(super) fn wrong(relays: &[Described], called: &dyn Fn(usize) -> String) -> Vec<Found> {
    let mut found = Vec::new();
    same_names(relays, called, &mut found);
    let by_place = ByPlace::new(relays);
    same_places(relays, &by_place, called, &mut found);
    circles(relays, &by_place, called, &mut found);
    found
}

/// Whether metrics cannot be served at this endpoint because a relay listens there: which.
pub(super) fn relay_at(metrics: &Endpoint, relays: &[Described]) -> Option<usize> {
    let metrics = Listens { endpoint: metrics, version: None };
    relays.iter().position(|relay| metrics.overlaps(&Listens::of(relay)))
}

fn same_names(relays: &[Described], called: &dyn Fn(usize) -> String, found: &mut Vec<Found>) {
    let mut names: HashMap<&str, usize> = HashMap::new();
    for (relay, described) in relays.iter().enumerate() {
        let name = &*described.config.name;
        // Two that say the same of where they listen are told of that.
        if let Some(first) = names.get(name)
            && (relays[*first].config.listen != described.config.listen
                || is_any_port(&described.config.listen))
        {
            let what =
                format!("it has the name of {}, '{name}': give it another with 'name'", called(*first));
            found.push(Found { relay, key: "name", what });
        }
        names.entry(name).or_insert(relay);
    }
}

fn same_places(
    relays: &[Described],
    by_place: &ByPlace,
    called: &dyn Fn(usize) -> String,
    found: &mut Vec<Found>,
) {
    for (relay, described) in relays.iter().enumerate() {
        let listens = Listens::of(described);
        let is_the_same = |first: &&usize| {
            let other = &relays[**first];
            let is_shared = described.shares_port && other.shares_port;
            let is_equal = described.config.listen == other.config.listen;
            is_equal || (!is_shared && listens.overlaps(&Listens::of(other)))
        };
        let before = by_place.near(&described.config.listen).iter().take_while(|other| **other < relay);
        if let Some(first) = before.into_iter().find(is_the_same) {
            let (there, first) = (&relays[*first].config.listen, called(*first));
            let what = if *there == described.config.listen {
                format!("it listens where {first} does: give it another address or port")
            } else {
                format!("it listens where {first} does: {there} and {} overlap", described.config.listen)
            };
            found.push(Found { relay, key: "listen", what });
        }
    }
}

/// A client is at a relay, and asks for a name, or for none.
type At = (usize, Option<String>);

/// Relays whose clients would never get out again.
fn circles(
    relays: &[Described],
    by_place: &ByPlace,
    called: &dyn Fn(usize) -> String,
    found: &mut Vec<Found>,
) {
    // The relays that an upstream leads to. Most files have none.
    let mut leads: HashMap<(usize, &Endpoint), usize> = HashMap::new();
    for (relay, described) in relays.iter().enumerate() {
        for to in upstreams(&described.config) {
            let is_there = |other: &&usize| Listens::of(&relays[**other]).is_met_by(to, described.version);
            if let Some(next) = by_place.near(to).iter().find(is_there) {
                leads.insert((relay, to), *next);
            }
        }
    }
    if leads.is_empty() {
        return;
    }
    // A name of each kind that is told apart somewhere.
    let patterns = relays.iter().flat_map(|relay| &relay.config.routes.all);
    let names: BTreeSet<String> =
        patterns.map(|route| route.pattern.to_string().replacen('*', "any", 1)).collect();
    let names: Vec<Option<String>> = std::iter::once(None).chain(names.into_iter().map(Some)).collect();
    let mut told: BTreeSet<usize> = BTreeSet::new();
    for start in leads.keys().map(|(relay, _)| *relay).collect::<BTreeSet<_>>() {
        for name in &names {
            let Some(circle) = circle(relays, &leads, (start, name.clone())) else { continue };
            let [relay, others @ ..] = &circle.relays[..] else { continue };
            if circle.relays.iter().all(|one| told.contains(one)) {
                continue;
            }
            told.extend(&circle.relays);
            let (to, listens) = (&circle.closed_by, &relays[*relay].config.listen);
            let what = match others {
                [] => format!(
                    "the relay would connect to itself, again and again: {to} leads to where it listens, {listens}"
                ),
                others => {
                    let others: Vec<String> = others.iter().map(|other| called(*other)).collect();
                    let others = others.join(", and that to ");
                    format!(
                        "its clients would be passed round and round: it connects to {others}, and that to {to}, where it listens"
                    )
                }
            };
            // It leads there by an upstream of its own, or of a route.
            let key = if relays[*relay].config.upstreams.is_empty() { "route" } else { "to" };
            found.push(Found { relay: *relay, key, what });
        }
    }
}

struct Circle<'a> {
    /// The relays of it, in their order.
    relays: Vec<usize>,
    /// The upstream that leads from the last to the first.
    closed_by: &'a Endpoint,
}

/// The circle that a client comes to who begins here, through whatever upstreams it is given.
fn circle<'a>(
    relays: &'a [Described],
    leads: &HashMap<(usize, &'a Endpoint), usize>,
    start: At,
) -> Option<Circle<'a>> {
    // Depth first: where a client has been, and how many of the ways from there were tried.
    let mut way: Vec<(At, usize)> = vec![(start, 0)];
    let mut seen: BTreeSet<At> = BTreeSet::new();
    while let Some((at, tried)) = way.last_mut() {
        let (at, number) = (at.clone(), *tried);
        *tried += 1;
        let config = &relays[at.0].config;
        let Some(to) = given(config, at.1.as_deref()).get(number).copied() else {
            seen.insert(at);
            way.pop();
            continue;
        };
        let Some(next) = leads.get(&(at.0, to)) else { continue };
        let next = (*next, name_after(config, to, at.1.as_ref()));
        if let Some(first) = way.iter().position(|(at, _)| *at == next) {
            let relays = way[first..].iter().map(|((relay, _), _)| *relay).collect();
            return Some(Circle { relays, closed_by: to });
        }
        if !seen.contains(&next) {
            way.push((next, 0));
        }
    }
    None
}

/// The upstreams that a client may be given that asks for this name.
fn given<'a>(config: &'a RelayConfig, name: Option<&str>) -> Vec<&'a Endpoint> {
    let route = name.and_then(|name| config.routes.best(name));
    let upstreams = route.map_or(&config.upstreams, |route| &route.upstreams);
    upstreams.iter().map(|upstream| &upstream.endpoint).collect()
}

/// For which name an upstream is asked, which a client is given that asks for `name`.
fn name_after(config: &RelayConfig, to: &Endpoint, name: Option<&String>) -> Option<String> {
    match to {
        Endpoint::Tls { host, .. } => {
            Some(host.to_ascii_lowercase()).filter(|host| host.parse::<IpAddr>().is_err())
        }
        _ if matches!(config.listen, Endpoint::Tls { .. }) => None,
        _ => name.cloned(),
    }
}

/// All upstreams of a relay, those of its routes too.
pub(super) fn upstreams(config: &RelayConfig) -> impl Iterator<Item = &Endpoint> {
    let of_routes = config.routes.all.iter().flat_map(|route| &route.upstreams);
    config.upstreams.iter().chain(of_routes).map(|upstream| &upstream.endpoint)
}

/// Relays by what two endpoints must have in common to be the same place.
#[derive(Default)]
struct ByPlace {
    ports: BTreeMap<u16, Vec<usize>>,
    others: Vec<usize>,
}

impl ByPlace {
    fn new(relays: &[Described]) -> Self {
        let mut places = Self::default();
        for (relay, described) in relays.iter().enumerate() {
            match port(&described.config.listen) {
                Some(port) => places.ports.entry(port).or_default().push(relay),
                None => places.others.push(relay),
            }
        }
        places
    }

    /// The relays that may listen at this endpoint, in their order.
    fn near(&self, endpoint: &Endpoint) -> &[usize] {
        match port(endpoint) {
            Some(0) => &[],
            Some(port) => self.ports.get(&port).map_or(&[], Vec::as_slice),
            None => &self.others,
        }
    }
}

fn port(endpoint: &Endpoint) -> Option<u16> {
    match endpoint {
        Endpoint::Tcp { port, .. } | Endpoint::Tls { port, .. } => Some(*port),
        _ => None,
    }
}

/// The system chooses the port, and each time another.
fn is_any_port(endpoint: &Endpoint) -> bool {
    port(endpoint) == Some(0)
}

/// Where somebody listens.
#[derive(Clone, Copy)]
struct Listens<'a> {
    endpoint: &'a Endpoint,
    version: Option<IpVersion>,
}

impl<'a> Listens<'a> {
    fn of(relay: &'a Described) -> Self {
        Self { endpoint: &relay.config.listen, version: relay.version }
    }

    /// Whether both cannot be had.
    fn overlaps(&self, other: &Self) -> bool {
        match (self.endpoint, other.endpoint) {
            (
                Endpoint::Tcp { host: a, port: p } | Endpoint::Tls { host: a, port: p },
                Endpoint::Tcp { host: b, port: q } | Endpoint::Tls { host: b, port: q },
            ) => {
                let (own, theirs) = (Hosts::listening(a, self.version), Hosts::listening(b, other.version));
                p == q && *p != 0 && own.overlap(&theirs)
            }
            (a, b) => is_same_name(a, b),
        }
    }

    /// Whether somebody who connects to `to` comes here.
    fn is_met_by(&self, to: &Endpoint, version: Option<IpVersion>) -> bool {
        match (self.endpoint, to) {
            (
                Endpoint::Tcp { host, port: p } | Endpoint::Tls { host, port: p },
                Endpoint::Tcp { host: to, port: q } | Endpoint::Tls { host: to, port: q },
            ) => p == q && *p != 0 && Hosts::listening(host, self.version).are_met_by(to, version),
            (own, to) => is_same_name(own, to),
        }
    }
}

/// Whether both are the same Unix socket.
fn is_same_name(a: &Endpoint, b: &Endpoint) -> bool {
    match (a, b) {
        (Endpoint::Unix { path: a }, Endpoint::Unix { path: b }) => a == b || whole(a) == whole(b),
        (Endpoint::UnixAbstract { .. }, Endpoint::UnixAbstract { .. }) => a == b,
        _ => false,
    }
}

/// A path without links on its way, as far as its directory is there.
fn whole(path: &Path) -> PathBuf {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match (directory.canonicalize(), path.file_name()) {
        (Ok(directory), Some(name)) => directory.join(name),
        _ => path.to_owned(),
    }
}

/// The addresses that are listened on.
enum Hosts {
    /// Every one of this machine, of these versions.
    Every {
        v4: bool,
        v6: bool,
    },
    One(IpAddr),
    /// The loopback addresses, or one of them.
    Localhost,
    /// Those of a name.
    Named(String),
}

impl Hosts {
    fn listening(host: &str, version: Option<IpVersion>) -> Self {
        let (v4, v6) = (version != Some(IpVersion::V6), version != Some(IpVersion::V4));
        match host.parse::<IpAddr>().map(|ip| ip.to_canonical()) {
            _ if host.is_empty() => Self::Every { v4, v6 },
            Ok(IpAddr::V4(Ipv4Addr::UNSPECIFIED)) => Self::Every { v4: true, v6: false },
            Ok(IpAddr::V6(Ipv6Addr::UNSPECIFIED)) => Self::Every { v4: v4 && v6_takes_v4(), v6: true },
            Ok(ip) => Self::One(ip),
            Err(_) if is_localhost(host) => Self::Localhost,
            Err(_) => Self::Named(host.to_ascii_lowercase()),
        }
    }

    fn overlap(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Every { v4, v6 }, Self::Every { v4: other_v4, v6: other_v6 }) => {
                (*v4 && *other_v4) || (*v6 && *other_v6)
            }
            (Self::Every { v4, v6 }, Self::One(ip)) | (Self::One(ip), Self::Every { v4, v6 }) => {
                if ip.is_ipv4() { *v4 } else { *v6 }
            }
            (Self::One(a), Self::One(b)) => a == b,
            // Whatever the addresses of a name are; of another name they may be others.
            (Self::Every { v4: true, v6: true }, _)
            | (_, Self::Every { v4: true, v6: true })
            | (Self::Localhost, Self::Localhost) => true,
            (Self::Named(a), Self::Named(b)) => a == b,
            _ => false,
        }
    }

    fn are_met_by(&self, to: &str, version: Option<IpVersion>) -> bool {
        let loopback = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
        match to.parse::<IpAddr>().map(|ip| ip.to_canonical()) {
            // To connect to no address in particular is to connect to this machine.
            Ok(IpAddr::V4(Ipv4Addr::UNSPECIFIED)) => self.is_met_at(loopback[0]),
            Ok(IpAddr::V6(Ipv6Addr::UNSPECIFIED)) => self.is_met_at(loopback[1]),
            Ok(ip) => self.is_met_at(ip),
            Err(_) if is_localhost(to) => {
                let is_allowed = |ip: &IpAddr| match version {
                    Some(IpVersion::V4) => ip.is_ipv4(),
                    Some(IpVersion::V6) => ip.is_ipv6(),
                    _ => true,
                };
                loopback.into_iter().filter(is_allowed).any(|ip| self.is_met_at(ip))
            }
            Err(_) => matches!(self, Self::Named(own) if *own == to.to_ascii_lowercase()),
        }
    }

    fn is_met_at(&self, ip: IpAddr) -> bool {
        match self {
            Self::Every { v4, v6 } => (if ip.is_ipv4() { *v4 } else { *v6 }) && is_of_this_machine(ip),
            Self::One(own) => *own == ip,
            Self::Localhost => ip.is_loopback(),
            Self::Named(_) => false,
        }
    }
}

/// Whether a socket that is bound to `[::]` takes clients of IPv4 too. On Linux the administrator says it (`net.ipv6.bindv6only`),
/// on Windows it does not. A socket is opened to ask it, and not bound; ipv6(7).
fn v6_takes_v4() -> bool {
    let asked = Socket::new(Domain::IPV6, Type::STREAM, None).and_then(|socket| socket.only_v6());
    // Without IPv6 nobody can listen there at all.
    !asked.unwrap_or(false)
}

fn is_localhost(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    name == "localhost" || name.ends_with(".localhost")
}

/// Whether this machine has an address. Nothing is sent: a socket for datagrams is bound to it and closed again.
pub(super) fn is_of_this_machine(ip: IpAddr) -> bool {
    ip.is_loopback() || UdpSocket::bind((ip, 0)).is_ok()
}
