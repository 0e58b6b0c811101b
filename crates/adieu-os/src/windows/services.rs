//! The names of ports: the file `services`, and whatever else Winsock asks.

use super::Network;
use std::ffi::CStr;
use windows_sys::Win32::Networking::WinSock::getservbyport;

/// The name of the service that a port stands for, for UDP or for TCP. `None`: it has none.
///
/// Source: getservbyport.
pub fn service_name(port: u16, is_udp: bool) -> Option<String> {
    let _network = Network::start().ok()?;
    let port = u16::from_ne_bytes(port.to_be_bytes());
    let protocol = if is_udp { c"udp" } else { c"tcp" };
    #[expect(unsafe_code, reason = "std names no services")]
    // SAFETY: the protocol is a C string. What is given back is this thread's own until its next call, and its name is a
    // C string.
    unsafe {
        let found = getservbyport(port.into(), protocol.as_ptr().cast()).as_ref()?;
        (!found.s_name.is_null()).then(|| CStr::from_ptr(found.s_name.cast()).to_string_lossy().into_owned())
    }
}
