//! The socket under a connection: one method, one system call.

use crate::Address;
use crate::os::{AsPollable, Pollable};
use socket2::{SockAddr, SockRef, Socket};
use std::io;

/// Something that owns a socket: socket2's for the blocking driver, tokio's for the async one.
pub(crate) trait Handle: Sized {
    /// Whether it can own a Unix socket here.
    const HAS_UNIX_SOCKETS: bool = true;

    /// Whether its bytes can go past this process: from socket to pipe inside the kernel, for example.
    const HAS_DIRECT_WAYS: bool = true;

    /// Takes a non-blocking socket over that is connected, or that has begun to connect.
    ///
    /// # Errors
    ///
    /// It cannot be waited for.
    fn from_socket(socket: Socket, is_tcp: bool) -> io::Result<Self>;

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
    fn from_socket(socket: Socket, _: bool) -> io::Result<Self> {
        Ok(socket)
    }

    fn socket(&self) -> SockRef<'_> {
        SockRef::from(self)
    }

    fn pollable(&self) -> Pollable<'_> {
        self.as_pollable()
    }
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
