//! The socket under a connection: one method, one system call.

use crate::Address;
use crate::os::{AsPollable, Pollable};
use socket2::{SockAddr, SockRef, Socket};
use std::io;
use std::net::{IpAddr, SocketAddr};

/// Something that holds a socket: socket2's for the blocking driver, tokio's for the async one, and what the program of
/// another event loop gave us.
pub(crate) trait Handle: Sized {
    /// Whether its bytes can go past this process: from socket to pipe inside the kernel, for example.
    const HAS_DIRECT_WAYS: bool = true;

    /// The socket, for a call on it.
    fn socket(&self) -> SockRef<'_>;

    /// It, to be waited for or lent.
    fn pollable(&self) -> Pollable<'_>;

    /// Makes a call that may find the socket not ready; who waits by readiness then notes that it is not.
    fn attempt<T>(&self, _: Readiness, mut call: impl FnMut(&SockRef<'_>) -> io::Result<T>) -> io::Result<T> {
        call(&self.socket())
    }
}

/// A handle that a socket can be put into that we have opened.
pub(crate) trait Opened: Handle {
    /// Whether it can own a Unix socket here.
    const HAS_UNIX_SOCKETS: bool = true;

    /// Takes a non-blocking socket over that is connected, or that has begun to connect.
    ///
    /// # Errors
    ///
    /// It cannot be waited for.
    fn from_socket(socket: Socket, is_tcp: bool) -> io::Result<Self>;

    /// What connecting has failed with, of a socket that is ready to send. `None`: it has connected.
    ///
    /// # Errors
    ///
    /// The system does not say.
    fn connect_error(&self) -> io::Result<Option<io::Error>> {
        self.socket().take_error()
    }
}

/// Which readiness a call uses up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Readiness {
    Receive,
    Send,
}

impl Opened for Socket {
    fn from_socket(socket: Socket, _: bool) -> io::Result<Self> {
        Ok(socket)
    }
}

impl Handle for Socket {
    fn socket(&self) -> SockRef<'_> {
        SockRef::from(self)
    }

    fn pollable(&self) -> Pollable<'_> {
        self.as_pollable()
    }
}

/// A socket's address under its type. What a socket of IPv6 has for one of IPv4 (RFC 4291, section 2.5.5.2) is the latter: a client
/// is known by its address, whichever socket accepted it.
pub(crate) fn address_of(address: &SockAddr) -> Address {
    if let Some(mut at) = address.as_socket() {
        // Any other keeps its zone.
        if let IpAddr::V4(ip) = at.ip().to_canonical() {
            at = SocketAddr::new(ip.into(), at.port());
        }
        return Address::Socket(at);
    }
    if let Some(path) = crate::os::path_of(address) {
        return Address::Path(path);
    }
    crate::os::abstract_name_of(address).map_or(Address::Unnamed, Address::Abstract)
}
