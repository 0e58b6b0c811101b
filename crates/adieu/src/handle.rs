//! The socket under a connection: one method, one system call.

use crate::Endpoint;
use socket2::{Domain, SockAddr, SockRef, Socket, Type};
use std::io;
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

/// Keep-alive finds a peer that died while nothing was outstanding: 60 s of silence, then 6 probes 10 s apart.
const KEEP_ALIVE_IDLE: Duration = Duration::from_secs(60);
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(10);
const KEEP_ALIVE_PROBES: u32 = 6;

/// A non-blocking stream socket.
pub(crate) fn open(domain: Domain) -> io::Result<Socket> {
    let socket = Socket::new(domain, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// Sets what every connection of adieu has.
///
/// - `SO_LINGER`, zero: a close before our half-close resets; see [`set_reset_on_close`].
/// - `SO_OOBINLINE`: an urgent byte stays in the stream, where otherwise it is lost.
/// - `TCP_NODELAY`: what was read is sent; a line protocol does not wait for Nagle's algorithm.
/// - `SO_KEEPALIVE`: a dead peer is noticed.
///
/// A system that refuses one of these still has a working connection, so a refusal is not an error.
pub(crate) fn set_options(socket: &SockRef<'_>, is_tcp: bool) {
    if !is_tcp {
        return;
    }
    set_reset_on_close(socket, true);
    let _ = socket.set_out_of_band_inline(true);
    let _ = socket.set_tcp_nodelay(true);
    let keep_alive = socket2::TcpKeepalive::new()
        .with_time(KEEP_ALIVE_IDLE)
        .with_interval(KEEP_ALIVE_INTERVAL)
        .with_retries(KEEP_ALIVE_PROBES);
    let _ = socket.set_tcp_keepalive(&keep_alive);
}

/// Whether a close makes the peer see an RST: zero linger.
///
/// It is set from the beginning, and taken back by our half-close: so whatever ends this process before that (a panic,
/// SIGKILL) resets the connection, and no stream that was cut looks whole.
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
    crate::os::path_of(address).map(|path| Endpoint::unix(path).to_string())
}

/// Whether a socket is connected to itself: on loopback the kernel may choose the very port that is dialled as
/// the source port, and TCP's simultaneous open then succeeds with nobody there.
pub(crate) fn is_connected_to_itself(socket: &Socket) -> bool {
    match (socket.local_addr(), socket.peer_addr()) {
        (Ok(local), Ok(peer)) => local.as_socket().is_some() && local.as_socket() == peer.as_socket(),
        _ => false,
    }
}
