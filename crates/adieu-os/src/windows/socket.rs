//! Socket options, addresses and calls that socket2 does not have here.

use super::wait::{last_error, raw};
use crate::{ListenAtError, PassedSocketError};
use socket2::{SockAddr, SockRef, Socket};
use std::mem::size_of;
use std::os::windows::io::{AsSocket, OwnedSocket};
use std::path::{Path, PathBuf};
use std::{fs, io};
use windows_sys::Win32::Networking::WinSock as ws;

/// Before a TCP port is bound to listen on: SO_EXCLUSIVEADDRUSE, so that no other program can take the same port and be
/// given our connections. SO_REUSEADDR would allow just that here, and is not needed for a port with connections in
/// TIME-WAIT.
///
/// Source: Winsock's "Using SO_REUSEADDR and SO_EXCLUSIVEADDRUSE".
pub fn prepare_to_bind(socket: &Socket) -> io::Result<()> {
    let on = 1_i32.to_ne_bytes();
    #[expect(unsafe_code, reason = "socket2 does not have SO_EXCLUSIVEADDRUSE")]
    // SAFETY: the socket is open, and the pointer and length describe one BOOL.
    let result = unsafe {
        ws::setsockopt(raw(socket.as_socket()), ws::SOL_SOCKET, ws::SO_EXCLUSIVEADDRUSE, on.as_ptr(), 4)
    };
    if result == ws::SOCKET_ERROR { Err(last_error()) } else { Ok(()) }
}

/// Whether a socket without a peer had one. Windows goes on naming the peer of a connection that is over; Wine does not.
///
/// Source: Winsock's SO_CONNECT_TIME: all bits are set if the socket is not connected.
pub fn was_connected(socket: &SockRef<'_>) -> bool {
    const NOT_CONNECTED: i32 = -1;
    get_int(socket, ws::SO_CONNECT_TIME).is_ok_and(|seconds| seconds != NOT_CONNECTED)
}

/// Whether it is a socket of IPv6.
///
/// Source: Winsock's SO_PROTOCOL_INFO.
pub fn is_ipv6(socket: &SockRef<'_>) -> bool {
    let mut info = ws::WSAPROTOCOL_INFOW::default();
    let mut length = i32::try_from(size_of::<ws::WSAPROTOCOL_INFOW>()).unwrap_or(0);
    #[expect(unsafe_code, reason = "socket2 does not have SO_PROTOCOL_INFO")]
    // SAFETY: the socket is borrowed for the call, and the pointer and length describe `info`, which is plain integers.
    let result = unsafe {
        ws::getsockopt(
            raw(socket.as_socket()),
            ws::SOL_SOCKET,
            ws::SO_PROTOCOL_INFOW,
            (&raw mut info).cast(),
            &raw mut length,
        )
    };
    result == 0 && info.iAddressFamily == i32::from(ws::AF_INET6)
}

/// Whether a socket listens.
///
/// Source: Winsock's SO_ACCEPTCONN.
pub fn is_listening(socket: &SockRef<'_>) -> io::Result<bool> {
    get_int(socket, ws::SO_ACCEPTCONN).map(|listens| listens != 0)
}

/// Reads an option that is four octets and that socket2 does not have.
fn get_int(socket: &SockRef<'_>, option: i32) -> io::Result<i32> {
    let mut value = 0_i32;
    let mut length = 4;
    #[expect(unsafe_code, reason = "socket2 does not have some options")]
    // SAFETY: the socket is borrowed for the call, and the pointer and length describe `value`, a BOOL or a DWORD.
    let result = unsafe {
        ws::getsockopt(
            raw(socket.as_socket()),
            ws::SOL_SOCKET,
            option,
            (&raw mut value).cast(),
            &raw mut length,
        )
    };
    if result == ws::SOCKET_ERROR { Err(last_error()) } else { Ok(value) }
}

/// Whether an error says that a handle is not a socket.
///
/// Source: "Windows Sockets Error Codes", WSAENOTSOCK.
pub fn is_not_a_socket(error: &io::Error) -> bool {
    error.raw_os_error() == Some(ws::WSAENOTSOCK)
}

/// Whether a socket may be open: whether it is one at all, a call on it says.
pub fn is_open(socket: std::os::windows::io::RawSocket) -> bool {
    socket != ws::INVALID_SOCKET as std::os::windows::io::RawSocket
}

/// Never: no service manager passes sockets here.
pub fn take_passed_socket(_: &str) -> Result<OwnedSocket, PassedSocketError> {
    Err(PassedSocketError::NothingPassed)
}

/// Looks at what has arrived, and leaves it there.
///
/// Source: Winsock's recv, MSG_PEEK.
pub fn peek(socket: &SockRef<'_>, buffer: &mut [u8]) -> io::Result<usize> {
    let length = i32::try_from(buffer.len()).unwrap_or(i32::MAX);
    #[expect(unsafe_code, reason = "socket2 peeks into memory that it cannot say is initialised")]
    // SAFETY: the socket is borrowed for the call, and the pointer and length describe `buffer`.
    let result = unsafe { ws::recv(raw(socket.as_socket()), buffer.as_mut_ptr(), length, ws::MSG_PEEK) };
    usize::try_from(result).map_err(|_| last_error())
}

/// Not here: "Type of Service settings should only be set using the Quality of Service API" (IPPROTO_IP Socket Options).
pub fn set_tos(_: &SockRef<'_>, _: u8) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Not here, as [`set_tos`].
pub fn set_traffic_class(_: &SockRef<'_>, _: u8) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// The path that a Unix socket's address names.
pub fn path_of(address: &SockAddr) -> Option<PathBuf> {
    if !address.is_unix() {
        return None;
    }
    #[expect(unsafe_code, reason = "socket2 gives no path on Windows")]
    // SAFETY: an address of this family is a SOCKADDR_UN, and socket2 holds as many bytes as the largest address has.
    let path = unsafe { (*address.as_ptr().cast::<ws::SOCKADDR_UN>()).sun_path };
    let bytes: Vec<u8> = path.iter().map(|c| c.to_ne_bytes()[0]).take_while(|byte| *byte != 0).collect();
    String::from_utf8(bytes).ok().filter(|path| !path.is_empty()).map(PathBuf::from)
}

/// Abstract names are Linux's.
pub fn abstract_name_of(_: &SockAddr) -> Option<String> {
    None
}

/// The file of a listening Unix socket of ours. Dropped, it is removed.
#[derive(Debug)]
pub struct SocketFile {
    path: PathBuf,
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        // Somebody may have removed it before us.
        let _ = fs::remove_file(&self.path);
    }
}

/// Unix sockets of datagrams are not Windows': making one has failed before.
pub fn bind_at(socket: &Socket, path: &Path) -> Result<SocketFile, ListenAtError> {
    socket.bind(&crate::unix_address(path)?)?;
    Ok(SocketFile { path: path.to_owned() })
}

/// As [`bind_at`].
pub fn bind_to_own_name(_: &Socket) -> io::Result<Option<SocketFile>> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Lets a new Unix socket listen at `path`, and gives its file. A file that is there already is left alone: whether a socket
/// lives there cannot be asked here without taking the one client it may wait for.
pub fn listen_at(socket: &Socket, path: &Path, backlog: i32) -> Result<SocketFile, ListenAtError> {
    let address = crate::unix_address(path)?;
    socket.bind(&address)?;
    let file = SocketFile { path: path.to_owned() };
    socket.listen(backlog)?;
    Ok(file)
}
