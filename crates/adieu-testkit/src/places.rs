//! Places for a test: ports that listen, with a bound, or refuse, addresses that never answer, and names of the test's own.

pub use adieu_peer::places::{refusing, silenced, unanswering};

use crate::waits::BOUND;
use socket2::{SockRef, Socket};
use std::sync::atomic::{AtomicU8, AtomicU16, Ordering};
use std::{
    any::Any,
    io::{self, Write},
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, UdpSocket},
};
#[cfg(unix)]
use std::{os::fd::AsFd, path::Path, process::Command};

/// A listener on loopback, on a port that the kernel chooses. If nobody connects its accept(2) fails after a minute, and so does a
/// read of a connection that says nothing: a test then fails, where it would wait for ever.
///
/// # Panics
///
/// If the system has no port.
///
/// # Platforms
///
/// The bound is Linux's, where accept(2) heeds SO_RCVTIMEO, and what is accepted has the option of its listener; socket(7).
pub fn listener() -> TcpListener {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has a port");
    SockRef::from(&listener).set_read_timeout(Some(BOUND)).expect("a time limit can be set");
    listener
}

/// A listener on a new Unix socket, bounded as [`listener`] is.
///
/// # Panics
///
/// If the socket cannot be made.
///
/// # Platforms
///
/// Unix.
#[cfg(unix)]
pub fn unix_listener(path: &Path) -> std::os::unix::net::UnixListener {
    let listener = std::os::unix::net::UnixListener::bind(path).expect("a socket can be made there");
    SockRef::from(&listener).set_read_timeout(Some(BOUND)).expect("a time limit can be set");
    listener
}

/// A port of loopback where nobody listens, for a program that cannot choose one and tell. It is below those that the kernel hands
/// out, so no other test is given it meanwhile.
///
/// # Panics
///
/// If all are taken.
pub fn free_port() -> u16 {
    const FIRST: u32 = 20_000;
    const PORTS: u32 = 12_000;
    static COUNT: AtomicU16 = AtomicU16::new(0);
    (0..PORTS)
        .find_map(|_| {
            // Each process begins elsewhere.
            let number =
                std::process::id().wrapping_mul(61) + u32::from(COUNT.fetch_add(1, Ordering::Relaxed));
            let port = u16::try_from(FIRST + number % PORTS).ok()?;
            TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok().then_some(port)
        })
        .expect("a port is free")
}

/// A loopback address that no other test has, where the system has more than one.
///
/// # Platforms
///
/// On Linux all of 127.0.0.0/8 is this machine's. Elsewhere it is 127.0.0.1.
pub fn own_loopback() -> Ipv4Addr {
    static COUNT: AtomicU8 = AtomicU8::new(0);
    if !cfg!(target_os = "linux") {
        return Ipv4Addr::LOCALHOST;
    }
    let [.., high, low] = std::process::id().to_be_bytes();
    // Not 127.0.0.0/9, which has the usual address, and neither 0 nor 255 at the end.
    Ipv4Addr::new(127, high | 0x80, low, COUNT.fetch_add(1, Ordering::Relaxed) % 254 + 1)
}

/// Waits until the pipe has no reader. One that is closed here may live on for a moment in a process that another test starts: it has
/// our descriptors until its own program begins.
///
/// # Errors
///
/// If somebody reads for a minute, or it cannot be waited for.
///
/// # Platforms
///
/// Unix.
#[cfg(unix)]
pub fn nobody_reads(writer: &impl AsFd) -> io::Result<()> {
    use rustix::event::{PollFd, PollFlags, poll};
    let bound = BOUND.try_into().map_err(io::Error::other)?;
    // An end without a reader is told whatever is asked for; poll(2).
    let mut waits = [PollFd::new(writer, PollFlags::empty())];
    if poll(&mut waits, Some(&bound))? == 0 { Err(io::ErrorKind::TimedOut.into()) } else { Ok(()) }
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
    let server = own_loopback();
    let silent = UdpSocket::bind((server, 53))?;
    Ok(Box::new((silent, own_resolver(server)?)))
}

/// As [`own_silent_resolver`], but nothing is there, and the system says so.
///
/// # Errors
///
/// What the system says: it takes Linux and root.
pub fn own_absent_resolver() -> io::Result<Box<dyn Any>> {
    Ok(Box::new(own_resolver(own_loopback())?))
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
    use std::net::TcpStream;

    #[cfg(target_os = "linux")]
    #[test]
    fn what_a_listener_waits_for_is_bounded() {
        use std::time::Duration;
        let listener = listener();
        let _client = TcpStream::connect(listener.local_addr().expect("bound")).expect("it listens");
        let (accepted, _) = listener.accept().expect("a client");
        assert_eq!(accepted.read_timeout().expect("a socket"), Some(BOUND));
        SockRef::from(&listener).set_read_timeout(Some(Duration::from_millis(20))).expect("not zero");
        assert_eq!(listener.accept().expect_err("nobody comes").kind(), io::ErrorKind::WouldBlock);
    }

    #[cfg(unix)]
    #[test]
    fn a_pipe_without_a_reader_is_waited_for() {
        let (reader, writer) = io::pipe().expect("a pipe");
        let leaving = std::thread::spawn(move || drop(reader));
        nobody_reads(&writer).expect("it leaves");
        leaving.join().expect("it does not panic");
        assert_eq!((&writer).write(b"x").expect_err("nobody reads").kind(), io::ErrorKind::BrokenPipe);
    }

    #[test]
    fn free_ports_and_own_addresses_differ() {
        assert_ne!(free_port(), free_port());
        if cfg!(target_os = "linux") {
            assert_ne!(own_loopback(), own_loopback());
        }
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
