//! Socket options that only Linux has.

use socket2::{Domain, SockAddr, SockRef, Socket};
use std::{io, time::Duration};

/// Not here; adieu refuses the option before it asks.
pub fn bind_to_interface(_: &SockRef<'_>, _: &str) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Not here.
pub fn set_user_timeout(_: &SockRef<'_>, _: Duration) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Not here.
pub fn set_receive_low_water(_: crate::Pollable<'_>, _: u32) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Not here.
pub fn set_fast_open(_: &SockRef<'_>, _: u32) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Not here.
pub fn send_clients_to(_: &SockRef<'_>, _: u32) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Not here.
pub fn send_with_syn(_: &Socket, _: &SockAddr, _: &[u8]) -> io::Result<Option<usize>> {
    Ok(None)
}

/// Not here.
pub fn syn_data_acknowledged(_: &SockRef<'_>) -> bool {
    false
}

/// Nobody can ask for it here.
pub fn acknowledge_at_once(_: &SockRef<'_>, _: bool) {}

/// Not known here.
pub fn had_both_ended(_: &SockRef<'_>, _: Option<bool>) -> bool {
    false
}

/// Not here; adieu refuses the option before it asks.
pub fn multipath_socket(_: Domain) -> io::Result<Socket> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Not here.
pub fn is_of_multipath(_: &SockRef<'_>) -> bool {
    false
}

/// Not here.
pub fn is_multipath(_: &SockRef<'_>) -> bool {
    false
}

/// Not told here.
pub fn dropped_datagrams(_: &SockRef<'_>) -> Option<u64> {
    None
}

/// Asks for a receive buffer that takes a burst; the system may cap it.
pub fn widen_receive_buffer(socket: &SockRef<'_>) {
    let _ = socket.set_recv_buffer_size(crate::DATAGRAM_BUFFER);
}

/// Not here: what a system tells, the calls tell.
pub fn keep_undelivered(_: &SockRef<'_>) {}

/// Not here.
pub fn next_undelivered(_: &SockRef<'_>) -> Option<crate::Undelivered> {
    None
}

/// Not there here.
pub fn set_debug(_: &SockRef<'_>) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Not there here.
pub fn set_min_ttl(_: &SockRef<'_>, _: u8) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}
