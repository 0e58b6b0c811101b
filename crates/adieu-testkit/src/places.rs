//! Places without a peer: ports that refuse, addresses that never answer, and names of the test's own.

use socket2::{Domain, Socket, Type};
use std::{
    any::Any,
    io::{self, Write},
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream, UdpSocket},
    time::Duration,
};
#[cfg(unix)]
use std::{path::Path, process::Command};

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

/// Makes a FIFO, mkfifo(1).
///
/// # Errors
///
/// What the system says when it cannot be made.
///
/// # Platforms
///
/// Unix.
#[cfg(unix)]
pub fn fifo(path: &Path) -> io::Result<()> {
    let output = Command::new("mkfifo").arg(path).output()?;
    let said = || String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.success() { Ok(()) } else { Err(io::Error::other(said())) }
}

/// The same port of two addresses, both taken and refusing as long as the sockets live. A port that somebody else has taken at the
/// second address is passed over.
///
/// # Errors
///
/// As [`refusing`].
pub fn same_port(first: IpAddr, second: IpAddr) -> io::Result<[(SocketAddr, Socket); 2]> {
    let mut passed_over = Vec::new();
    loop {
        let first = refusing(SocketAddr::new(first, 0))?;
        match refusing(SocketAddr::new(second, first.0.port())) {
            Ok(second) => return Ok([first, second]),
            // Held, so that the kernel chooses another.
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => passed_over.push(first),
            Err(error) => return Err(error),
        }
    }
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
    Err(io::Error::other("a backlog of 0 took 16 connections"))
}

/// Gives the calling thread, and threads that it starts, an `/etc/hosts` of its own with these addresses of `name`.
/// Use a thread that ends with the test.
///
/// # Errors
///
/// What the system says: it takes Linux and root.
pub fn own_hosts(name: &str, addresses: &[IpAddr]) -> io::Result<tempfile::NamedTempFile> {
    let mut hosts = tempfile::NamedTempFile::new()?;
    for address in addresses {
        writeln!(hosts, "{address} {name}")?;
    }
    crate::os::see_own_file(hosts.path(), "/etc/hosts")?;
    Ok(hosts)
}

/// Gives the calling thread, and threads that it starts, a resolver that never answers, as long as what is given back is
/// held. Use a thread that ends with the test.
///
/// # Errors
///
/// What the system says: it takes Linux and root.
pub fn own_silent_resolver() -> io::Result<Box<dyn Any>> {
    // A port 53 that nobody else has: 127.0.0.0/8 is all this machine's.
    let server = Ipv4Addr::new(127, 97, 100, 105);
    let silent = UdpSocket::bind((server, 53))?;
    Ok(Box::new((silent, own_resolver(server)?)))
}

/// As [`own_silent_resolver`], but nothing is there, and the system says so.
///
/// # Errors
///
/// What the system says: it takes Linux and root.
pub fn own_absent_resolver() -> io::Result<Box<dyn Any>> {
    Ok(Box::new(own_resolver(Ipv4Addr::new(127, 97, 100, 106))?))
}

fn own_resolver(server: Ipv4Addr) -> io::Result<tempfile::NamedTempFile> {
    let mut configuration = tempfile::NamedTempFile::new()?;
    writeln!(configuration, "nameserver {server}\noptions timeout:30 attempts:1")?;
    crate::os::see_own_file(configuration.path(), "/etc/resolv.conf")?;
    Ok(configuration)
}

/// Gives the calling thread, and what it starts, a file system of so many bytes at `path`, an existing directory. Use a
/// thread that ends with the test.
///
/// # Errors
///
/// What the system says: it takes Linux and root.
pub fn own_file_system(path: &std::path::Path, bytes: u64, read_only: bool) -> io::Result<()> {
    crate::os::see_own_tmpfs(path, bytes, read_only)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_backlog_does_not_answer() {
        let (address, _held) = unanswering(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).expect("loopback");
        let error = TcpStream::connect_timeout(&address, Duration::from_millis(100)).expect_err("dropped");
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    #[test]
    fn a_bound_port_refuses() {
        for ip in ["127.0.0.1", "::1"] {
            let ip: IpAddr = ip.parse().expect("an address");
            let (address, _socket) = refusing(SocketAddr::new(ip, 0)).expect("loopback");
            let error = TcpStream::connect(address).expect_err("refused");
            assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
        }
    }
}
