//! Places where nobody answers: ports that refuse, and addresses that drop every SYN.

use socket2::{Domain, Socket, Type};
use std::any::Any;
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// A port that is taken and refuses, as long as the socket lives; port 0 lets the kernel choose.
///
/// # Errors
///
/// What the system says when it cannot be bound.
pub fn refusing(address: SocketAddr) -> io::Result<(SocketAddr, Socket)> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.bind(&address.into())?;
    let bound = socket.local_addr()?.as_socket().ok_or_else(|| io::Error::other("not an address"))?;
    Ok((bound, socket))
}

/// An address that never answers, as long as what comes with it is held: a listener whose backlog is full drops every
/// SYN; tcp(7), listen(2).
///
/// # Errors
///
/// What the system says when it cannot be bound, or connected to until the backlog is full.
pub fn unanswering(address: SocketAddr) -> io::Result<(SocketAddr, Vec<Box<dyn Any>>)> {
    let (address, socket) = refusing(address)?;
    Ok((address, silenced(address, socket)?))
}

/// Makes an address that this socket is bound to one that never answers, as [`unanswering`] does.
///
/// # Errors
///
/// As [`unanswering`].
pub fn silenced(address: SocketAddr, listener: Socket) -> io::Result<Vec<Box<dyn Any>>> {
    listener.listen(0)?;
    let mut held: Vec<Box<dyn Any>> = vec![Box::new(listener)];
    for _ in 0..16 {
        match TcpStream::connect_timeout(&address, Duration::from_millis(150)) {
            Ok(stream) => held.push(Box::new(stream)),
            Err(error) if error.kind() == io::ErrorKind::TimedOut => return Ok(held),
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::new(io::ErrorKind::Unsupported, "this system took 16 connections into a backlog of 0"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    #[test]
    fn a_full_backlog_does_not_answer() {
        let (address, _held) = unanswering(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).expect("loopback");
        let error = TcpStream::connect_timeout(&address, Duration::from_millis(100)).expect_err("dropped");
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }
}
