//! Unix: what the kernel knows of a socket.

use super::Looked;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use socket2::Socket;
use std::io::{self, Read, Write};
use std::time::Duration;

/// Whether this is Wine: never.
pub fn is_wine() -> bool {
    false
}

/// Whether the system has no sockets of this family; socket(2), EAFNOSUPPORT.
pub(crate) fn is_without_family(error: &io::Error) -> bool {
    error.raw_os_error() == Some(rustix::io::Errno::AFNOSUPPORT.raw_os_error())
}

/// The kernel's table of TCP connections in the calling thread's network, which may be its own; `proc_pid_net(5)`.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub const TABLE_OF_TCP: &str = "/proc/thread-self/net/tcp";
/// The kernel's table of TCP connections, on a system that has `proc(5)`.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub const TABLE_OF_TCP: &str = "/proc/net/tcp";

/// Bytes sent on this socket that the other side's TCP has not acknowledged (Unix sockets: not yet read there).
///
/// # Errors
///
/// What the system says when it does not tell.
///
/// # Platforms
///
/// Linux, Android: `SIOCOUTQ`, tcp(7). FreeBSD, NetBSD: `FIONWRITE`. macOS: `SO_NWRITE`. Elsewhere `Unsupported`:
/// [`TELLS_UNACKNOWLEDGED`].
pub fn unacknowledged(socket: &Socket) -> io::Result<u64> {
    #[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd", target_os = "netbsd"))]
    {
        use rustix::ioctl::{Getter, Opcode, ioctl};
        use std::ffi::c_int;
        const QUEUED: Opcode = match () {
            // The request of sys/filio.h: _IOR('f', number, int).
            () if cfg!(target_os = "freebsd") => 0x4004_6677,
            () if cfg!(target_os = "netbsd") => 0x4004_6679,
            // SIOCOUTQ is the socket name of TIOCOUTQ.
            () => 0x5411,
        };
        #[expect(
            unsafe_code,
            reason = "rustix has no safe wrapper of these requests; the kernel writes one c_int"
        )]
        // SAFETY: on a socket the request writes exactly one c_int to the pointer that Getter passes.
        let queued = unsafe { ioctl(socket, Getter::<QUEUED, c_int>::new()) }?;
        Ok(u64::try_from(queued).unwrap_or(0))
    }
    #[cfg(target_vendor = "apple")]
    {
        use std::os::fd::AsRawFd;
        let mut queued: libc::c_int = 0;
        let mut size: libc::socklen_t = 4;
        #[expect(unsafe_code, reason = "SO_NWRITE has no safe wrapper")]
        // SAFETY: the descriptor is open for the call, which writes at most `size` bytes to the pointer of an int.
        let result = unsafe {
            let place = (&raw mut queued).cast();
            libc::getsockopt(socket.as_raw_fd(), libc::SOL_SOCKET, libc::SO_NWRITE, place, &raw mut size)
        };
        if result == 0 { Ok(u64::try_from(queued).unwrap_or(0)) } else { Err(io::Error::last_os_error()) }
    }
    #[cfg(not(any(
        target_os = "linux",
        target_os = "android",
        target_os = "freebsd",
        target_os = "netbsd",
        target_vendor = "apple"
    )))]
    {
        let _ = socket;
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// Whether this system answers [`unacknowledged`].
pub const TELLS_UNACKNOWLEDGED: bool = cfg!(any(
    target_os = "linux",
    target_os = "android",
    target_os = "freebsd",
    target_os = "netbsd",
    target_vendor = "apple"
));

/// Received bytes that wait unread in our kernel.
pub(crate) fn unread(socket: &Socket) -> io::Result<u64> {
    Ok(rustix::io::ioctl_fionread(socket)?)
}

fn timespec(time: Duration) -> Timespec {
    Timespec { tv_sec: time.as_secs().cast_signed(), tv_nsec: i64::from(time.subsec_nanos()) }
}

/// Makes every later call on the socket give up after this time, so that it can look at its bounds.
pub(crate) fn be_brief(socket: &Socket, tick: Duration) -> io::Result<()> {
    socket.set_read_timeout(Some(tick))?;
    socket.set_write_timeout(Some(tick))
}

/// One `recv` on a socket that is brief.
pub(crate) fn receive(mut socket: &Socket, buffer: &mut [u8], _: Duration) -> io::Result<usize> {
    socket.read(buffer)
}

/// What `recv` has said: Unix tells a reset itself.
#[cfg(feature = "tls")]
pub(crate) fn with_resets(_: &Socket, result: io::Result<usize>) -> io::Result<usize> {
    result
}

/// One `send` on a socket that is brief.
pub(crate) fn send(mut socket: &Socket, bytes: &[u8], _: Duration) -> io::Result<usize> {
    socket.write(bytes)
}

/// Waits until there is something to receive or accept, at most for so long.
pub(crate) fn is_readable_within(socket: &Socket, limit: Duration) -> io::Result<bool> {
    match poll(&mut [PollFd::new(socket, PollFlags::IN)], Some(&timespec(limit))) {
        Ok(ready) => Ok(ready > 0),
        Err(rustix::io::Errno::INTR) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Looks, and takes nothing.
pub(crate) fn look(socket: &Socket) -> Looked {
    let mut looked = [PollFd::new(socket, PollFlags::empty())];
    match poll(&mut looked, Some(&timespec(Duration::ZERO))) {
        Ok(_) => Looked {
            error: looked[0].revents().contains(PollFlags::ERR),
            hung_up: looked[0].revents().contains(PollFlags::HUP),
        },
        Err(_) => Looked::default(),
    }
}
