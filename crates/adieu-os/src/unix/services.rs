//! Names of services: /etc/services, and whatever else the system asks.
//!
//! By `getaddrinfo` and `getnameinfo`, which may be called on any thread; `getservbyname` and `getservbyport` may not.

use socket2::SockAddr;
use std::ffi::{CStr, CString};
use std::net::{Ipv4Addr, SocketAddr};
use std::ptr;

/// How long the name of a service may be, with the NUL behind it.
const ROOM: libc::socklen_t = 64;

/// The port of a service by its name, for UDP or for TCP. `None`: there is no such service. A number is no name.
///
/// Source: getaddrinfo(3).
pub fn service_port(name: &str, is_udp: bool) -> Option<u16> {
    if name.is_empty() || name.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let name = CString::new(name).ok()?;
    let hints = libc::addrinfo {
        ai_flags: libc::AI_PASSIVE,
        ai_family: libc::AF_INET,
        ai_socktype: if is_udp { libc::SOCK_DGRAM } else { libc::SOCK_STREAM },
        ai_protocol: 0,
        ai_addrlen: 0,
        ai_addr: ptr::null_mut(),
        ai_canonname: ptr::null_mut(),
        ai_next: ptr::null_mut(),
    };
    let mut first = ptr::null_mut();
    #[expect(unsafe_code, reason = "std resolves no services")]
    // SAFETY: the name is a C string, the hints are whole, and a list is written to `first` if the result is 0.
    let code = unsafe { libc::getaddrinfo(ptr::null(), name.as_ptr(), &raw const hints, &raw mut first) };
    if code != 0 {
        return None;
    }
    let list = super::names::List(first);
    let found = list.addresses().ok()?;
    found.first().map(SocketAddr::port)
}

/// The name of the service that a port stands for, for UDP or for TCP. `None`: it has none.
///
/// Source: getnameinfo(3).
pub fn service_name(port: u16, is_udp: bool) -> Option<String> {
    let address = SockAddr::from(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    let mut name: [libc::c_char; ROOM as usize] = [0; ROOM as usize];
    let flags = if is_udp { libc::NI_DGRAM } else { 0 };
    #[expect(unsafe_code, reason = "std names no services")]
    // SAFETY: the address is as long as it says, and the name has room for as many bytes as are given.
    let code = unsafe {
        libc::getnameinfo(
            address.as_ptr().cast(),
            address.len(),
            ptr::null_mut(),
            0,
            name.as_mut_ptr(),
            ROOM,
            flags,
        )
    };
    if code != 0 {
        return None;
    }
    let bytes = name.map(|byte| byte.to_ne_bytes()[0]);
    let name = CStr::from_bytes_until_nul(&bytes).ok()?.to_str().ok()?;
    // Without a name, it is the number.
    (name != port.to_string()).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_have_names_and_ports() {
        assert_eq!(service_port("http", false), Some(80));
        assert_eq!(service_port("domain", true), Some(53));
        assert_eq!(service_name(80, false).as_deref(), Some("http"));
        assert_eq!(service_name(53, true).as_deref(), Some("domain"));
        for none in ["", "80", "no-such-service", "http\0"] {
            assert_eq!(service_port(none, false), None, "{none}");
        }
        // TFTP is one of UDP alone.
        assert_eq!((service_port("tftp", true), service_port("tftp", false)), (Some(69), None));
        assert_eq!(service_name(1, true), None);
    }
}
