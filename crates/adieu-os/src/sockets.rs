//! Sockets and their addresses, where every system has the same call.
//!
//! What a system has in its own way stands in its folder. Which options a user may ask for, and what they mean, is decided
//! above.

use socket2::{Domain, SockAddr, SockRef, Socket, Type};
use std::ffi::OsStr;
use std::io;
use std::path::Path;
use std::time::Duration;

/// Whether a close makes the peer see an RST: zero linger.
///
/// It is set from the beginning, and taken back just before we close: so whatever ends this process before that (a panic,
/// SIGKILL) resets the connection, and no stream that was cut, in either direction, looks whole. After our half-close that
/// tells a peer that is still sending, or has just finished, that its bytes were not taken.
///
/// Source: socket(7), SO_LINGER; Winsock's closesocket, "abortive disconnect".
pub fn set_reset_on_close(socket: &SockRef<'_>, on: bool) {
    // So that it can be taken back after both ends.
    #[cfg(target_vendor = "apple")]
    if on {
        super::prepare(socket);
    }
    // A socket that is dead already has nothing to reset; on a Unix socket it means nothing.
    let _ = socket.set_linger(on.then_some(Duration::ZERO));
}

/// Lets other sockets that ask for it too listen on the same port: each gets a share of the clients.
///
/// # Errors
///
/// The system has no such thing, or refused it.
///
/// Source: socket(7), SO_REUSEPORT.
pub fn reuse_port(socket: crate::Pollable<'_>) -> io::Result<()> {
    #[cfg(evidence = "linux")]
    {
        SockRef::from(&socket).set_reuse_port(true)
    }
    // Elsewhere the last that was bound gets all of them.
    #[cfg(not(evidence = "linux"))]
    {
        let _ = socket;
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// What a socket is that somebody else has opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// A file, a pipe: no socket.
    NotASocket,
    /// A socket of datagrams, or of another kind; or a stream that is neither TCP's nor a Unix socket's.
    NotAStream,
    /// It listens, still connects, or was never connected.
    NotConnected,
    /// A stream socket that has a peer, or had one.
    Connected,
    /// As [`Connected`](Self::Connected), but its own program has shut down its receiving side: every receive says EOF, whatever
    /// the peer does.
    ReceivingShut,
}

/// Looks at what a socket is that somebody else has opened. No error is taken from it.
///
/// # Errors
///
/// It is not open, or the system does not say.
pub fn look_at(socket: &SockRef<'_>) -> io::Result<Found> {
    match socket.r#type() {
        Ok(Type::STREAM) => {}
        Ok(_) => return Ok(Found::NotAStream),
        Err(error) if super::is_not_a_socket(&error) => return Ok(Found::NotASocket),
        Err(error) => return Err(error),
    }
    // Winsock knows no address of a socket that is not bound, macOS none once the connection is over.
    if socket.local_addr().is_ok_and(|local| !has_streams_of_ours(local.domain())) {
        return Ok(Found::NotAStream);
    }
    match socket.peer_addr() {
        Ok(_) if super::is_receiving_shut(socket) => Ok(Found::ReceivingShut),
        Ok(_) => Ok(Found::Connected),
        // BSD, macOS: the connection is over.
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(Found::Connected),
        // Then there is no peer any more.
        Err(error) if error.kind() == io::ErrorKind::NotConnected => {
            Ok(if super::was_connected(socket) { Found::Connected } else { Found::NotConnected })
        }
        Err(error) => Err(error),
    }
}

/// Whether the streams of these sockets are TCP's, or those of Unix sockets. AF_VSOCK has others, for example, of which nothing
/// tells what is acknowledged.
pub fn has_streams_of_ours(domain: Domain) -> bool {
    [Domain::IPV4, Domain::IPV6, Domain::UNIX].contains(&domain)
}

/// Accepts a connection if one is waiting, non-blocking, with the peer's address.
///
/// A connection that failed while it waited is skipped: there is nothing to accept, and nothing is wrong with the listener.
///
/// # Errors
///
/// The system could not accept: it has no descriptors left.
pub fn try_accept(listener: &Socket) -> io::Result<Option<(Socket, SockAddr)>> {
    loop {
        match accept(listener) {
            Ok(accepted) => return Ok(Some(accepted)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
            Err(error) if super::is_of_the_accepted(&error) || error.kind() == io::ErrorKind::Interrupted => {
            }
            Err(error) => return Err(error),
        }
    }
}

#[cfg(evidence = "linux")]
use super::accept;

/// Accepts a connection, non-blocking, with the peer's address.
#[cfg(not(evidence = "linux"))]
fn accept(listener: &Socket) -> io::Result<(Socket, SockAddr)> {
    let (socket, peer) = listener.accept()?;
    socket.set_nonblocking(true)?;
    Ok((socket, peer))
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
pub fn unix_address(path: &Path) -> io::Result<SockAddr> {
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
pub fn abstract_address(name: &str) -> io::Result<SockAddr> {
    if cfg!(evidence = "linux") {
        ensure_fits("name", OsStr::new(name))?;
        SockAddr::unix(format!("\0{name}"))
    } else {
        let text = "abstract names of Unix sockets are Linux's: give a path";
        Err(io::Error::new(io::ErrorKind::Unsupported, text))
    }
}

/// Whether a socket is connected to itself: on loopback the kernel may choose the very port that is dialled as
/// the source port, and TCP's simultaneous open then succeeds with nobody there. `local`: the socket's own address. `port`: what
/// was dialled, if that is known.
pub fn is_connected_to_itself(socket: &Socket, local: Option<&SockAddr>, port: Option<u16>) -> bool {
    let local = local.and_then(SockAddr::as_socket);
    // Mostly that is all there is to ask.
    if local.is_none_or(|local| port.is_some_and(|port| port != local.port())) {
        return false;
    }
    local == socket.peer_addr().ok().and_then(|peer| peer.as_socket())
}
