//! The names of ports: /etc/services, and whatever else the system asks.
//!
//! By `getnameinfo`, which may be called on any thread; `getservbyport` may not. `names` has the ports of names.

use super::names::{Part, name_of};
use socket2::SockAddr;
use std::net::{Ipv4Addr, SocketAddr};

/// The name of the service that a port stands for, for UDP or for TCP. `None`: it has none.
///
/// Source: getnameinfo(3).
pub fn service_name(port: u16, is_udp: bool) -> Option<String> {
    let address = SockAddr::from(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    let flags = if is_udp { libc::NI_DGRAM } else { 0 };
    // Without a name, it is the number.
    name_of(&address, Part::Service, flags).filter(|name| *name != port.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_have_names_for_each_kind_of_socket() {
        // Its service, tcpmux, is one of TCP alone.
        assert_eq!(service_name(1, true), None);
        // A bare container has no /etc/services, and names are asked of it.
        if !std::path::Path::new("/etc/services").exists() {
            return;
        }
        assert_eq!(service_name(80, false).as_deref(), Some("http"));
        assert_eq!(service_name(53, true).as_deref(), Some("domain"));
        // TFTP is one of UDP alone.
        assert_eq!((service_name(69, true).as_deref(), service_name(69, false)), (Some("tftp"), None));
    }
}
