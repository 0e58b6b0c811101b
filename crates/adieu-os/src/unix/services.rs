//! The names of ports: /etc/services, and whatever else the system asks.
//!
//! By `getnameinfo`, which may be called on any thread; `getservbyport` may not. `names` has the ports of names.

use socket2::SockAddr;
use std::ffi::CStr;
use std::net::{Ipv4Addr, SocketAddr};
use std::ptr;

/// How long the name of a service may be, with the NUL behind it.
const ROOM: libc::socklen_t = 64;

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
