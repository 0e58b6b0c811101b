//! Who may connect, as ncat's `--allow` and `--deny` have it: addresses, networks, octet ranges and names.
//!
//! A name is resolved here, before anything is listened on: ncat does the same, and a name that resolves later could let in
//! anybody.

use super::Stop;
use ipnet::{IpNet, Ipv4Net};
use std::net::IpAddr;
use std::path::Path;

/// More addresses than this are a mistake, or should be written as a network.
const MOST_OF_A_RANGE: usize = 4096;

/// The networks of a list with commas.
pub(super) fn list(text: &str, numeric: bool) -> Result<Vec<IpNet>, Stop> {
    let mut networks = Vec::new();
    for spec in text.split(',').filter(|spec| !spec.is_empty()) {
        networks.extend(networks_of(spec, numeric)?);
    }
    Ok(networks)
}

/// The networks of a file: specifications between blanks, and comments that `#` begins.
pub(super) fn file(path: &Path, numeric: bool) -> Result<Vec<IpNet>, Stop> {
    let name = path.display();
    let text = std::fs::read_to_string(path).map_err(|error| {
        let why = adieu::describe_error(&error);
        Stop::new(format!("Ncat: can't open {name}: {why}. QUITTING."), 2)
    })?;
    let mut networks = Vec::new();
    for line in text.lines() {
        let line = line.split('#').next().unwrap_or_default();
        for spec in line.split_whitespace() {
            networks.extend(networks_of(spec, numeric)?);
        }
    }
    Ok(networks)
}

fn networks_of(spec: &str, numeric: bool) -> Result<Vec<IpNet>, Stop> {
    let wrong = |why: &str| {
        let why = if why.is_empty() { String::new() } else { format!("Ncat: {why}\n") };
        Stop::new(format!("{why}Ncat: error in host specification \"{spec}\". QUITTING."), 2)
    };
    let (host, prefix) = match spec.split_once('/') {
        Some((host, prefix)) => (host, Some(prefix)),
        None => (spec, None),
    };
    let addresses: Vec<IpAddr> = if let Ok(address) = host.parse() {
        vec![address]
    } else if let Some(octets) = octets(host) {
        if prefix.is_some() {
            return Err(wrong("a range of octets has no prefix"));
        }
        return expand(octets).ok_or_else(|| wrong("so many addresses are better written as a network"));
    } else if numeric {
        return Err(wrong(&format!("\"{host}\" is not an address, and -n resolves no names")));
    } else {
        let found = adieu_os::look_up(host, 0)
            .map_err(|_| wrong(&format!("Error resolving name \"{host}\": Name or service not known")))?;
        found.iter().map(std::net::SocketAddr::ip).collect()
    };
    addresses.into_iter().map(|ip| with_prefix(ip, prefix).ok_or_else(|| wrong(""))).collect()
}

/// A network, without the bits behind its prefix.
fn with_prefix(ip: IpAddr, prefix: Option<&str>) -> Option<IpNet> {
    match prefix {
        None => Some(ip.into()),
        Some(length) => Some(IpNet::new(ip, length.parse().ok()?).ok()?.trunc()),
    }
}

/// Four octets, each with its least and its greatest value. `None`: not written so.
fn octets(text: &str) -> Option<[(u8, u8); 4]> {
    let parts: Vec<_> = text.split('.').map(octet).collect::<Option<_>>()?;
    parts.try_into().ok()
}

fn octet(text: &str) -> Option<(u8, u8)> {
    if text == "*" {
        return Some((0, 255));
    }
    let (low, high) = text.split_once('-').unwrap_or((text, text));
    let low = if low.is_empty() { 0 } else { low.parse().ok()? };
    let high = if high.is_empty() { 255 } else { high.parse().ok()? };
    (low <= high).then_some((low, high))
}

/// Octet ranges as networks: octets at the end that may have any value are a prefix.
fn expand(octets: [(u8, u8); 4]) -> Option<Vec<IpNet>> {
    let free = octets.iter().rev().take_while(|octet| **octet == (0, 255)).count();
    let mut heads = vec![Vec::new()];
    for (low, high) in &octets[..4 - free] {
        let longer = heads.iter().flat_map(|head: &Vec<u8>| {
            (*low..=*high).map(move |octet| head.iter().copied().chain([octet]).collect())
        });
        heads = longer.collect();
        if heads.len() > MOST_OF_A_RANGE {
            return None;
        }
    }
    let network = |head: Vec<u8>| {
        let mut octets = [0; 4];
        octets[..head.len()].copy_from_slice(&head);
        let length = u8::try_from(8 * head.len()).ok()?;
        Ipv4Net::new(octets.into(), length).ok().map(IpNet::from)
    };
    heads.into_iter().map(network).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_specifications_become_networks() {
        for (spec, networks) in [
            ("192.0.2.1", &["192.0.2.1/32"][..]),
            ("192.0.2.77/24", &["192.0.2.0/24"]),
            ("192.0.2.77/0", &["0.0.0.0/0"]),
            ("::1", &["::1/128"]),
            ("fd00:1::1/8", &["fd00::/8"]),
            ("::/0", &["::/0"]),
            ("192.0.2.1-3", &["192.0.2.1/32", "192.0.2.2/32", "192.0.2.3/32"]),
            ("10.0-1.*.*", &["10.0.0.0/16", "10.1.0.0/16"]),
            ("10.*.*.-", &["10.0.0.0/8"]),
            ("10.0.0.1,10.0.0.2", &["10.0.0.1/32", "10.0.0.2/32"]),
        ] {
            let networks = networks.iter().map(|network| network.parse().expect("a network"));
            assert_eq!(list(spec, true), Ok(networks.collect()), "{spec}");
        }
        for wrong in
            ["10.0.0.0/33", "fd00::/129", "nosuchname", "10.0.0.1-3/24", "1-255.1-255.1.1", "5-1.0.0.0"]
        {
            assert!(list(wrong, true).is_err(), "{wrong}");
        }
    }
}
