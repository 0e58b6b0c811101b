//! Names of services: the file `services`, and whatever else Winsock asks.

use super::Network;
use std::ffi::{CStr, CString};
use windows_sys::Win32::Networking::WinSock::{SERVENT, getservbyname, getservbyport};

fn protocol(is_udp: bool) -> &'static CStr {
    if is_udp { c"udp" } else { c"tcp" }
}

/// The port of a service by its name, for UDP or for TCP. `None`: there is no such service. A number is no name.
///
/// Source: getservbyname.
pub fn service_port(name: &str, is_udp: bool) -> Option<u16> {
    if name.is_empty() || name.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let name = CString::new(name).ok()?;
    let _network = Network::start().ok()?;
    #[expect(unsafe_code, reason = "std resolves no services")]
    // SAFETY: both are C strings. What is given back is this thread's own until its next call.
    let found = unsafe { getservbyname(name.as_ptr().cast(), protocol(is_udp).as_ptr().cast()).as_ref() };
    found.map(|SERVENT { s_port, .. }| u16::from_be_bytes(s_port.to_ne_bytes()))
}

/// The name of the service that a port stands for, for UDP or for TCP. `None`: it has none.
///
/// Source: getservbyport.
pub fn service_name(port: u16, is_udp: bool) -> Option<String> {
    let _network = Network::start().ok()?;
    let port = u16::from_ne_bytes(port.to_be_bytes());
    #[expect(unsafe_code, reason = "std names no services")]
    // SAFETY: the protocol is a C string. What is given back is this thread's own until its next call, and its name is a
    // C string.
    unsafe {
        let found = getservbyport(port.into(), protocol(is_udp).as_ptr().cast()).as_ref()?;
        (!found.s_name.is_null()).then(|| CStr::from_ptr(found.s_name.cast()).to_string_lossy().into_owned())
    }
}
