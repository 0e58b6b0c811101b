//! The calls for datagrams that are the same on every system. How lost datagrams are reported is in each system's folder.

use socket2::{MaybeUninitSlice, SockAddr, SockRef};
use std::io;
use std::mem::MaybeUninit;

/// A datagram that was received.
#[derive(Debug)]
pub struct Arrived {
    /// How many bytes of it are in the buffer.
    pub length: usize,
    /// It was longer, and the rest is gone.
    pub is_cut: bool,
    /// Who sent it.
    pub from: SockAddr,
}

/// What was told of a datagram that did not arrive.
#[derive(Debug)]
pub struct Undelivered {
    /// The error that stands for it.
    pub error: io::Error,
    /// Our own system has told it, of something that it did not send.
    pub by_us: bool,
}

/// The size of a buffer that every UDP datagram fits into: its length has 16 bits. RFC 768.
pub const UDP_ROOM: usize = 65_536;

/// The receive buffer that a socket of datagrams asks for: some thousand small ones that come at once, each of which Linux counts
/// with almost a KiB of its own.
pub const DATAGRAM_BUFFER: usize = 4 << 20;

/// Receives a datagram. `WouldBlock`: there is none.
pub fn receive_datagram(socket: &SockRef<'_>, buffer: &mut [u8]) -> io::Result<Arrived> {
    #[expect(
        unsafe_code,
        reason = "socket2 takes memory that need not be initialised, and says so by its type"
    )]
    // SAFETY: it is initialised memory, and socket2 promises to write nothing that is not: "Socket::recv", "Safety".
    let room = unsafe { &mut *(std::ptr::from_mut(buffer) as *mut [MaybeUninit<u8>]) };
    let (length, flags, from) = socket.recv_from_vectored(&mut [MaybeUninitSlice::new(room)])?;
    Ok(Arrived { length, is_cut: flags.is_truncated(), from })
}

/// Sends a datagram: to the peer that the socket has, or to this address. `WouldBlock`: there is no room for it.
pub fn send_datagram(socket: &SockRef<'_>, bytes: &[u8], to: Option<&SockAddr>) -> io::Result<()> {
    match to {
        None => socket.send_with_flags(bytes, super::SEND_FLAGS),
        Some(to) => socket.send_to_with_flags(bytes, to, super::SEND_FLAGS),
    }
    .map(drop)
}
