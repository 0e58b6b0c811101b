//! A wait that another thread can end: a datagram socket connected to itself.
//!
//! WSAPoll waits for sockets only, so what wakes it is one. A datagram to oneself over loopback needs no second socket
//! and no handshake, and a connected datagram socket takes from nobody else.

use std::io;
use std::net::{Ipv4Addr, UdpSocket};
use std::os::windows::io::{AsSocket, BorrowedSocket};

/// Readable from the moment it is woken until it is cleared.
#[derive(Debug)]
pub struct Waker {
    socket: UdpSocket,
}

impl Waker {
    /// One that nobody has woken.
    ///
    /// # Errors
    ///
    /// The system has no sockets left, or forbids them.
    pub fn new() -> io::Result<Self> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        socket.connect(socket.local_addr()?)?;
        socket.set_nonblocking(true)?;
        Ok(Self { socket })
    }

    /// Makes it readable.
    pub fn wake(&self) {
        // If there is no room, it is readable already.
        let _ = self.socket.send(&[1]);
    }

    /// Takes out what made it readable. Only one thread may do this.
    pub fn clear(&self) {
        while self.socket.recv(&mut [0]).is_ok() {}
    }
}

impl AsSocket for Waker {
    fn as_socket(&self) -> BorrowedSocket<'_> {
        self.socket.as_socket()
    }
}
