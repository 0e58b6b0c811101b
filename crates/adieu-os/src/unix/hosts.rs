//! The addresses of a host as somebody asks for them, and the name of an address.

use super::names::{Part, ask, name_of};
use crate::{LookUp, LookUpError};
use socket2::{SockAddr, Type};
use std::ffi::CString;
use std::io;
use std::net::SocketAddr;

/// The addresses of a host, in the order in which to try them. `None` for the host: the addresses that a listener binds to for
/// all of this machine's.
///
/// Source: getaddrinfo(3).
pub fn look_up_as(host: Option<&str>, port: u16, asked: LookUp) -> Result<Vec<SocketAddr>, LookUpError> {
    let host = host.map(CString::new).transpose().map_err(io::Error::from)?;
    // Without a host the resolver needs a service, which is then the port.
    let service = CString::new(port.to_string()).map_err(io::Error::from)?;
    let flags = libc::AI_NUMERICSERV
        | if asked.numeric { libc::AI_NUMERICHOST } else { 0 }
        | if host.is_none() { libc::AI_PASSIVE } else { 0 };
    let family = match asked.ipv6 {
        None => libc::AF_UNSPEC,
        Some(false) => libc::AF_INET,
        Some(true) => libc::AF_INET6,
    };
    let kind = if asked.datagrams { Type::DGRAM } else { Type::STREAM };
    Ok(ask(host.as_deref(), Some(&service), flags, family, kind)?.addresses()?)
}

/// The name of an address. `None`: it has none, or nobody knows it.
///
/// Source: getnameinfo(3), `NI_NAMEREQD`.
pub fn host_name(address: &SocketAddr) -> Option<String> {
    name_of(&SockAddr::from(*address), Part::Host, libc::NI_NAMEREQD)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_is_found_and_nothing_else() {
        let all = look_up_as(None, 9, LookUp { ipv6: Some(false), ..LookUp::default() })
            .expect("every system has it");
        assert_eq!(all, ["0.0.0.0:9".parse().expect("an address")]);
        let six = LookUp { ipv6: Some(true), ..LookUp::default() };
        let found = look_up_as(Some("::1"), 9, six).expect("an address is its own");
        assert_eq!(found, ["[::1]:9".parse().expect("an address")]);
        let numeric = LookUp { numeric: true, ..LookUp::default() };
        let error = look_up_as(Some("localhost"), 9, numeric).expect_err("it is a name");
        assert!(matches!(error, LookUpError::UnknownName(_)), "{error}");
        if cfg!(target_env = "gnu") {
            assert_eq!(error.words(), "Name or service not known");
        }
        assert!(look_up_as(Some("::1"), 9, LookUp { ipv6: Some(false), ..numeric }).is_err());
    }

    #[test]
    fn an_address_that_nobody_knows_has_no_name() {
        let address = "0.0.0.0:9".parse().expect("an address");
        assert_eq!(host_name(&address), None);
        let loopback = "127.0.0.1:9".parse().expect("an address");
        assert!(host_name(&loopback).is_none_or(|name| !name.is_empty() && name != "127.0.0.1"));
    }
}
