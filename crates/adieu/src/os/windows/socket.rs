//! Socket options and addresses that socket2 does not have.

use super::wait::last_error;
use socket2::{SockAddr, Socket};
use std::io;
use std::os::windows::io::AsRawSocket;
use std::path::PathBuf;
use windows_sys::Win32::Networking::WinSock::{
    SO_EXCLUSIVEADDRUSE, SOCKADDR_UN, SOCKET, SOCKET_ERROR, SOL_SOCKET, setsockopt,
};

/// Before a TCP port is bound to listen on: SO_EXCLUSIVEADDRUSE, so that no other program can take the same port and be
/// given our connections. SO_REUSEADDR would allow just that here, and is not needed for a port with connections in
/// TIME-WAIT.
///
/// Source: Winsock's "Using SO_REUSEADDR and SO_EXCLUSIVEADDRUSE".
pub(crate) fn prepare_to_bind(socket: &Socket) -> io::Result<()> {
    let on = 1_i32.to_ne_bytes();
    #[expect(unsafe_code, reason = "socket2 does not have SO_EXCLUSIVEADDRUSE")]
    // SAFETY: the socket is open, and the pointer and length describe one BOOL.
    let result = unsafe {
        setsockopt(socket.as_raw_socket() as SOCKET, SOL_SOCKET, SO_EXCLUSIVEADDRUSE, on.as_ptr(), 4)
    };
    if result == SOCKET_ERROR { Err(last_error()) } else { Ok(()) }
}

/// The path that a Unix socket's address names.
pub(crate) fn path_of(address: &SockAddr) -> Option<PathBuf> {
    if !address.is_unix() {
        return None;
    }
    #[expect(unsafe_code, reason = "socket2 gives no path on Windows")]
    // SAFETY: an address of this family is a SOCKADDR_UN, and socket2 holds as many bytes as the largest address has.
    let path = unsafe { (*address.as_ptr().cast::<SOCKADDR_UN>()).sun_path };
    let bytes: Vec<u8> = path.iter().map(|c| c.to_ne_bytes()[0]).take_while(|byte| *byte != 0).collect();
    String::from_utf8(bytes).ok().filter(|path| !path.is_empty()).map(PathBuf::from)
}
