//! The addresses of a host as somebody asks for them. The names of addresses are not asked for here.

use super::look_up;
use crate::{LookUp, LookUpError};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The addresses of a host, in the order in which to try them. `None` for the host: the addresses that a listener binds to for
/// all of this machine's.
pub fn look_up_as(host: Option<&str>, port: u16, asked: LookUp) -> Result<Vec<SocketAddr>, LookUpError> {
    let mut found = match host {
        None => vec![
            SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), port),
            SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), port),
        ],
        Some(host) => match host.parse::<IpAddr>() {
            Ok(ip) => vec![SocketAddr::new(ip, port)],
            Err(error) if asked.numeric => {
                return Err(io::Error::new(io::ErrorKind::InvalidInput, error).into());
            }
            Err(_) => look_up(host, port)?,
        },
    };
    found.retain(|address| asked.ipv6.is_none_or(|ipv6| address.is_ipv6() == ipv6));
    if found.is_empty() {
        return Err(io::Error::new(io::ErrorKind::NotFound, "the host has no address of this family").into());
    }
    Ok(found)
}

/// The name of an address: not asked for here.
pub fn host_name(_: &SocketAddr) -> Option<String> {
    None
}
