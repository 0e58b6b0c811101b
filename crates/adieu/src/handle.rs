//! The socket under a connection: one method, one system call.

use crate::Endpoint;
use crate::socket_options::SocketOptions;
use socket2::{SockAddr, SockRef, Socket};
use std::ffi::OsStr;
use std::io;
use std::path::Path;
use std::time::Duration;

/// Something that owns a socket: socket2's for the blocking driver, tokio's for the async one.
pub(crate) trait Handle {
    /// The socket, for a call on it.
    fn socket(&self) -> SockRef<'_>;

    /// Makes a call that may find the socket not ready; who waits by readiness then notes that it is not.
    fn attempt<T>(&self, _: Direction, mut call: impl FnMut(&SockRef<'_>) -> io::Result<T>) -> io::Result<T> {
        call(&self.socket())
    }
}

/// Which readiness a call uses up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    Receive,
    Send,
}

impl Handle for Socket {
    fn socket(&self) -> SockRef<'_> {
        SockRef::from(self)
    }
}

/// Sets what every connection of adieu has, before it connects or as soon as it is ours.
///
/// - `SO_LINGER`, zero: a close that is not ours resets; see [`set_reset_on_close`].
/// - `SO_OOBINLINE`: an urgent byte stays in the stream, where otherwise it is lost.
/// - What [`SocketOptions::set_defaults`] does.
///
/// A system that refuses one of these still has a working connection, so a refusal is not an error.
pub(crate) fn set_options(socket: &SockRef<'_>, is_tcp: bool, asked: &SocketOptions) {
    let _ = socket.set_out_of_band_inline(true);
    if !is_tcp {
        return;
    }
    set_reset_on_close(socket, true);
    asked.set_defaults(socket);
}

/// Whether a close makes the peer see an RST: zero linger.
///
/// It is set from the beginning, and taken back just before we close: so whatever ends this process before that (a panic,
/// SIGKILL) resets the connection, and no stream that was cut, in either direction, looks whole. After our half-close that
/// tells a peer that is still sending, or has just finished, that its bytes were not taken.
///
/// Source: socket(7), SO_LINGER; Winsock's closesocket, "abortive disconnect".
pub(crate) fn set_reset_on_close(socket: &SockRef<'_>, on: bool) {
    // A socket that is dead already has nothing to reset; on a Unix socket it means nothing.
    let _ = socket.set_linger(on.then_some(Duration::ZERO));
}

/// An address as [`Endpoint`] writes it. `None`: an unnamed Unix socket.
pub(crate) fn describe(address: &SockAddr) -> Option<String> {
    if let Some(ip) = address.as_socket() {
        return Some(ip.to_string());
    }
    if let Some(path) = crate::os::path_of(address) {
        return Some(Endpoint::unix(path).to_string());
    }
    crate::os::abstract_name_of(address).map(|name| Endpoint::unix_abstract(name).to_string())
}

/// How many bytes a Unix socket's path, or its abstract name, may have: what `sun_path` has room for, less one.
///
/// Source: unix(7); unix(4) of the BSDs; afunix.h.
const LONGEST_NAME: usize =
    if cfg!(any(target_os = "linux", target_os = "android", windows)) { 107 } else { 103 };

fn ensure_fits(what: &str, name: &OsStr) -> io::Result<()> {
    if name.len() <= LONGEST_NAME {
        return Ok(());
    }
    let text = format!("the {what} has {} bytes, and a Unix socket's has at most {LONGEST_NAME}", name.len());
    Err(io::Error::new(io::ErrorKind::InvalidInput, text))
}

/// The address of a Unix socket's path.
///
/// # Errors
///
/// The path is too long for a socket.
pub(crate) fn unix_address(path: &Path) -> io::Result<SockAddr> {
    ensure_fits("path", path.as_os_str())?;
    SockAddr::unix(path)
}

/// The address of a Unix socket's abstract name.
///
/// # Errors
///
/// The name is too long, or this system has no such names.
///
/// # Platforms
///
/// Linux. unix(7), "abstract".
pub(crate) fn abstract_address(name: &str) -> io::Result<SockAddr> {
    if cfg!(any(target_os = "linux", target_os = "android")) {
        ensure_fits("name", OsStr::new(name))?;
        SockAddr::unix(format!("\0{name}"))
    } else {
        let text = "abstract names of Unix sockets are Linux's: give a path";
        Err(io::Error::new(io::ErrorKind::Unsupported, text))
    }
}

/// Whether a socket is connected to itself: on loopback the kernel may choose the very port that is dialled as
/// the source port, and TCP's simultaneous open then succeeds with nobody there.
pub(crate) fn is_connected_to_itself(socket: &Socket) -> bool {
    match (socket.local_addr(), socket.peer_addr()) {
        (Ok(local), Ok(peer)) => local.as_socket().is_some() && local.as_socket() == peer.as_socket(),
        _ => false,
    }
}
