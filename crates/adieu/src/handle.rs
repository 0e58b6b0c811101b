//! The socket under a connection: one method, one system call.

use crate::Address;
use crate::os::{AsPollable, Pollable};
use crate::socket_options::SocketOptions;
use socket2::{SockAddr, SockRef, Socket};
use std::io;

pub(crate) use crate::os::{abstract_address, is_connected_to_itself, set_reset_on_close, unix_address};

/// Something that owns a socket: socket2's for the blocking driver, tokio's for the async one.
pub(crate) trait Handle {
    /// The socket, for a call on it.
    fn socket(&self) -> SockRef<'_>;

    /// It, to be waited for or lent.
    fn pollable(&self) -> Pollable<'_>;

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

    fn pollable(&self) -> Pollable<'_> {
        self.as_pollable()
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

/// A socket's address under its type.
pub(crate) fn address_of(address: &SockAddr) -> Address {
    if let Some(ip) = address.as_socket() {
        return Address::Socket(ip);
    }
    if let Some(path) = crate::os::path_of(address) {
        return Address::Path(path);
    }
    crate::os::abstract_name_of(address).map_or(Address::Unnamed, Address::Abstract)
}
