//! Windows: what Winsock knows of a socket.

use super::Looked;
use socket2::Socket;
use std::io::{self, Read, Write};
use std::os::windows::io::AsRawSocket;
use std::ptr;
use std::time::Duration;
use windows_sys::Win32::Networking::WinSock as ws;
use windows_sys::Win32::System::LibraryLoader::{GetModuleHandleA, GetProcAddress};

/// Whether this is Wine, which has a function to be known by.
pub fn is_wine() -> bool {
    #[expect(unsafe_code, reason = "there is no safe way to ask for a function of a library")]
    // SAFETY: both names end with a zero, ntdll is in every process, and the function is not called.
    unsafe {
        GetProcAddress(GetModuleHandleA(c"ntdll.dll".as_ptr().cast()), c"wine_get_version".as_ptr().cast())
            .is_some()
    }
}

/// Whether the system has no sockets of this family; WSAEAFNOSUPPORT.
pub(crate) fn is_without_family(error: &io::Error) -> bool {
    error.raw_os_error() == Some(ws::WSAEAFNOSUPPORT)
}

/// The kernel's table of TCP connections: that of the Linux below Wine, whose drive Z: is its root.
pub const TABLE_OF_TCP: &str = r"Z:\proc\net\tcp";

/// Bytes sent on this socket that the other side's TCP has not acknowledged.
///
/// # Errors
///
/// What the system says when it does not tell.
///
/// # Platforms
///
/// SIO_TCP_INFO where Windows has it: what is in flight, while nothing can be queued behind it for a peer on loopback.
/// Under Wine 8, which has not, the table of the kernel below: tx_queue, `proc_pid_net(5)`.
pub fn unacknowledged(socket: &Socket) -> io::Result<u64> {
    let version = 0_u32;
    let mut info = ws::TCP_INFO_v0::default();
    let mut written = 0_u32;
    #[expect(unsafe_code, reason = "SIO_TCP_INFO has no safe wrapper")]
    // SAFETY: each pointer comes with the size of what it leads to, and nothing is overlapped.
    let result = unsafe {
        ws::WSAIoctl(
            raw(socket),
            ws::SIO_TCP_INFO,
            (&raw const version).cast(),
            4,
            (&raw mut info).cast(),
            u32::try_from(size_of::<ws::TCP_INFO_v0>()).unwrap_or(0),
            &raw mut written,
            ptr::null_mut(),
            None,
        )
    };
    if result == 0 {
        return Ok(info.BytesInFlight.into());
    }
    // A connection that is not there any more has nothing outstanding; `look` tells a reset.
    let Some(row) = row_below_wine(socket)? else { return Ok(0) };
    let queues = row.split_whitespace().nth(4).unwrap_or_default();
    let to_send = queues.split(':').next().unwrap_or_default();
    u64::from_str_radix(to_send, 16).map_err(io::Error::other)
}

/// This connection's line in the table of the kernel below Wine; none once a reset has ended the connection.
fn row_below_wine(socket: &Socket) -> io::Result<Option<String>> {
    let (local, peer) = (socket.local_addr()?, socket.peer_addr()?);
    let (Some(local), Some(peer)) = (local.as_socket(), peer.as_socket()) else {
        return Err(io::ErrorKind::Unsupported.into());
    };
    let table = if local.is_ipv4() { TABLE_OF_TCP.to_owned() } else { format!("{TABLE_OF_TCP}6") };
    let is_ours = |line: &str| {
        let mut fields = line.split_whitespace().skip(1);
        let mut next_has = |port: u16| fields.next().is_some_and(|f| f.ends_with(&format!(":{port:04X}")));
        next_has(local.port()) && next_has(peer.port())
    };
    Ok(std::fs::read_to_string(table)?.lines().find(|line| is_ours(line)).map(str::to_owned))
}

/// Whether an end was a reset.
///
/// WSAPoll knows of the error, unless Wine's own server took it from the kernel a moment before. The table of the kernel
/// below tells too: an end by FIN leaves a connection in CLOSE_WAIT or TIME_WAIT there, and a reset leaves none. It is read
/// three times, because a connection that changes its state meanwhile can be missing from one reading.
fn is_reset_below_wine(socket: &Socket) -> bool {
    look(socket).error || (0..3).all(|_| matches!(row_below_wine(socket), Ok(None)))
}

/// Whether this system answers [`unacknowledged`].
pub const TELLS_UNACKNOWLEDGED: bool = true;

/// Received bytes that wait unread in our kernel.
pub(crate) fn unread(socket: &Socket) -> io::Result<u64> {
    let mut unread = 0;
    #[expect(unsafe_code, reason = "FIONREAD has no safe wrapper")]
    // SAFETY: FIONREAD writes one u32 to the pointer.
    let result = unsafe { ws::ioctlsocket(raw(socket), ws::FIONREAD, &raw mut unread) };
    if result == 0 { Ok(unread.into()) } else { Err(io::Error::last_os_error()) }
}

/// Makes the calls on the socket wait by asking first: a timeout of Winsock's (SO_RCVTIMEO) leaves a socket that "should
/// not be used" (setsockopt).
pub(crate) fn be_brief(socket: &Socket, _: Duration) -> io::Result<()> {
    socket.set_nonblocking(true)
}

/// One `recv` on a socket that is brief.
pub(crate) fn receive(mut socket: &Socket, buffer: &mut [u8], tick: Duration) -> io::Result<usize> {
    let result = match socket.read(buffer) {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
            poll(socket, ws::POLLIN, tick)?;
            socket.read(buffer)
        }
        other => other,
    };
    with_resets(socket, result)
}

/// What `recv` should have said: Wine 8 may say 0 where `recv`'s page says WSAECONNRESET.
pub(crate) fn with_resets(socket: &Socket, result: io::Result<usize>) -> io::Result<usize> {
    match result {
        Ok(0) if is_wine() && is_reset_below_wine(socket) => {
            Err(io::Error::from_raw_os_error(ws::WSAECONNRESET))
        }
        other => other,
    }
}

/// One `send` on a socket that is brief.
pub(crate) fn send(mut socket: &Socket, bytes: &[u8], tick: Duration) -> io::Result<usize> {
    match socket.write(bytes) {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
            poll(socket, ws::POLLOUT, tick)?;
            socket.write(bytes)
        }
        other => other,
    }
}

#[expect(clippy::cast_possible_truncation, reason = "both are as wide as a pointer")]
fn raw(socket: &Socket) -> ws::SOCKET {
    socket.as_raw_socket() as ws::SOCKET
}

fn poll(socket: &Socket, events: i16, limit: Duration) -> io::Result<i16> {
    let mut fd = ws::WSAPOLLFD { fd: raw(socket), events, revents: 0 };
    let limit = i32::try_from(limit.as_millis()).unwrap_or(i32::MAX);
    #[expect(unsafe_code, reason = "WSAPoll has no safe wrapper")]
    // SAFETY: the pointer leads to one WSAPOLLFD, whose socket is borrowed for the call.
    let result = unsafe { ws::WSAPoll(&raw mut fd, 1, limit) };
    if result == ws::SOCKET_ERROR { Err(io::Error::last_os_error()) } else { Ok(fd.revents) }
}

/// Waits until there is something to receive or accept, at most for so long.
pub(crate) fn is_readable_within(socket: &Socket, limit: Duration) -> io::Result<bool> {
    poll(socket, ws::POLLIN, limit).map(|events| events != 0)
}

/// Looks, and takes nothing.
pub(crate) fn look(socket: &Socket) -> Looked {
    let events = poll(socket, 0, Duration::ZERO).unwrap_or(0);
    // POLLHUP comes with the other side's FIN already, and says nothing of ours.
    Looked { error: events & ws::POLLERR != 0, hung_up: false }
}
