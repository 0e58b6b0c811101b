//! The kernel's list of sockets (inet_diag). Requests and answers are raw octets here.

use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, netlink, recv, send, socket_with,
};
use std::io;
use std::os::fd::OwnedFd;

/// A netlink socket that answers requests of sock_diag(7).
#[derive(Debug)]
pub struct SocketDiag {
    socket: OwnedFd,
    /// The kernel's answers to a dump are datagrams of 32 KiB at most.
    room: Vec<u8>,
}

impl SocketDiag {
    /// Opens it.
    ///
    /// # Platforms
    ///
    /// Linux. Elsewhere it is `Unsupported`.
    pub fn new() -> io::Result<Self> {
        let kind = (AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC);
        let socket = socket_with(kind.0, kind.1, kind.2, Some(netlink::SOCK_DIAG))?;
        Ok(Self { socket, room: vec![0; 64 << 10] })
    }

    /// Asks for a list.
    pub fn send(&self, request: &[u8]) -> io::Result<()> {
        send(&self.socket, request, SendFlags::empty())?;
        Ok(())
    }

    /// Waits for the next datagram of the answer.
    pub fn receive(&mut self) -> io::Result<&[u8]> {
        loop {
            match recv(&self.socket, &mut self.room[..], RecvFlags::TRUNC) {
                Ok((filled, length)) if length > filled => return Err(io::ErrorKind::InvalidData.into()),
                Ok((filled, _)) => return Ok(&self.room[..filled]),
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}
