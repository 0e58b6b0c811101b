//! Endpoints: a TCP port on loopback, or the path of a Unix socket.

use anyhow::{Context, Result, bail};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::Duration;

/// Nobody waits longer than this for one event of the other side; the benchmark's own limit is longer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Connects to `PORT` or `/a/path`.
pub(crate) fn connect(endpoint: &str) -> Result<OwnedFd> {
    if endpoint.starts_with('/') {
        return Ok(UnixStream::connect(endpoint)?.into());
    }
    let port: u16 = endpoint.parse().with_context(|| format!("{endpoint:?} is no port"))?;
    Ok(TcpStream::connect((Ipv4Addr::LOCALHOST, port))?.into())
}

/// Wakes a receiver once so much has come, or the end: each wake-up costs both sides more than the bytes.
pub(crate) fn receive_in_mouthfuls(socket: &OwnedFd) -> Result<()> {
    let mark: libc::c_int = 1024 * 1024;
    let length = libc::socklen_t::try_from(size_of_val(&mark))?;
    #[expect(unsafe_code, reason = "SO_RCVLOWAT has no safe wrapper")]
    // SAFETY: the descriptor is open, and the pointer and the length describe one int.
    let result = unsafe {
        let value = (&raw const mark).cast();
        libc::setsockopt(socket.as_raw_fd(), libc::SOL_SOCKET, libc::SO_RCVLOWAT, value, length)
    };
    if result == 0 { Ok(()) } else { Err(std::io::Error::last_os_error().into()) }
}

/// As many clients as the benchmark has may connect before the first is accepted.
const BACKLOG: i32 = 4096;

/// A listening socket, and its port if it has one.
pub(crate) fn listen(endpoint: &str) -> Result<(OwnedFd, u16)> {
    if endpoint.starts_with('/') {
        return Ok((UnixListener::bind(endpoint)?.into(), 0));
    }
    let port: u16 = endpoint.parse().with_context(|| format!("{endpoint:?} is no port"))?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
    // A second call only changes the backlog: the standard library's is 128.
    rustix::net::listen(&listener, BACKLOG)?;
    let port = listener.local_addr()?.port();
    Ok((listener.into(), port))
}

/// The next connection. Its calls do not wait for ever.
pub(crate) fn accept(listener: &OwnedFd) -> Result<OwnedFd> {
    let limit = Timespec::try_from(PATIENCE)?;
    let mut watched = [PollFd::new(listener, PollFlags::IN)];
    if poll(&mut watched, Some(&limit))? == 0 {
        bail!("nobody has connected");
    }
    let connection = rustix::net::accept(listener)?;
    bound(&connection)?;
    Ok(connection)
}

/// Bounds every call on a connection.
pub(crate) fn bound(connection: impl AsFd) -> Result<()> {
    set_socket_timeout(&connection, Timeout::Recv, Some(PATIENCE))?;
    set_socket_timeout(&connection, Timeout::Send, Some(PATIENCE))?;
    Ok(())
}
