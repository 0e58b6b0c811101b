//! Waiting for sockets: WSAPoll.
//!
//! WSAPoll, and not WSAEventSelect: it is level-triggered like `poll`, so the drivers are the same on every system, it
//! has no limit of 64 handles, and it needs no state in the socket that a user's own WSAEventSelect would replace. It
//! waits for sockets only: whatever else is waited for has a [`Waker`](super::Waker).
//!
//! Source: Winsock's WSAPoll.

use crate::Pollable;
use crate::{Ready, Watch};
use socket2::SockRef;
use std::os::windows::io::{AsRawSocket, AsSocket};
use std::time::{Duration, Instant};
use std::{io, ptr, thread};
use windows_sys::Win32::Networking::WinSock::{
    FD_SET, POLLERR, POLLHUP, POLLIN, POLLNVAL, POLLOUT, SOCKET, SOCKET_ERROR, TIMEVAL, WSAGetLastError,
    WSAPOLLFD, WSAPoll, select,
};

/// How often `select` is asked of attempts to connect.
///
/// Source: WSAPoll, "Note": before Windows 10 version 2004 a failed attempt was not reported.
const ASK_SELECT: Duration = Duration::from_millis(250);

/// Sleeps until one of `watches` is ready or `timeout` has passed, and notes which.
pub fn wait(watches: &mut [Watch<'_>], timeout: Option<Duration>) -> io::Result<()> {
    let until = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
    let connecting = watches.iter().any(|w| w.connecting);
    loop {
        let left = until.map(|until| until.saturating_duration_since(Instant::now()));
        let slice = if connecting { Some(left.map_or(ASK_SELECT, |l| l.min(ASK_SELECT))) } else { left };
        if poll(watches, slice)? || !connecting {
            return Ok(());
        }
        let mut failed = false;
        for watch in watches.iter_mut().filter(|w| w.connecting) {
            if watch.on.is_some_and(has_failed_to_connect) {
                watch.ready = Ready { any: true, readable: true, writable: true, alert: true };
                failed = true;
            }
        }
        if failed || left.is_some_and(|left| left <= ASK_SELECT) {
            return Ok(());
        }
    }
}

/// True: something is ready.
fn poll(watches: &mut [Watch<'_>], timeout: Option<Duration>) -> io::Result<bool> {
    let mut fds: Vec<WSAPOLLFD> = Vec::with_capacity(watches.len());
    for watch in watches.iter() {
        if let Some(socket) = watch.on {
            let events = if watch.readable { POLLIN } else { 0 } | if watch.writable { POLLOUT } else { 0 };
            fds.push(WSAPOLLFD { fd: raw(socket), events, revents: 0 });
        }
    }
    if fds.is_empty() {
        // WSAPoll takes no empty list.
        thread::sleep(timeout.unwrap_or(Duration::MAX));
        return Ok(false);
    }
    let milliseconds = timeout.map_or(-1, |timeout| {
        let whole = timeout.as_millis() + u128::from(timeout.subsec_nanos() % 1_000_000 > 0);
        i32::try_from(whole).unwrap_or(i32::MAX)
    });
    let length = u32::try_from(fds.len()).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
    #[expect(unsafe_code, reason = "WSAPoll has no safe wrapper")]
    // SAFETY: the pointer and the length describe `fds`, whose sockets are borrowed for the call.
    let result = unsafe { WSAPoll(fds.as_mut_ptr(), length, milliseconds) };
    if result == SOCKET_ERROR {
        return Err(last_error());
    }
    let mut results = fds.iter();
    for watch in watches.iter_mut().filter(|w| w.on.is_some()) {
        let flags = results.next().map_or(0, |fd| fd.revents);
        let alert = flags & (POLLERR | POLLHUP | POLLNVAL) != 0;
        watch.ready = Ready {
            any: flags != 0,
            readable: alert || flags & POLLIN != 0,
            writable: alert || flags & POLLOUT != 0,
            alert,
        };
    }
    Ok(result > 0)
}

/// Whether WSAPoll says POLLERR: "an error has occurred". It does not say which.
pub fn has_error(socket: &SockRef<'_>) -> bool {
    flags_now(socket.as_socket(), 0) & POLLERR != 0
}

/// Whether there may be something to read, an end or an error included.
pub(super) fn is_readable(socket: &SockRef<'_>) -> bool {
    flags_now(socket.as_socket(), POLLIN) != 0
}

/// What WSAPoll says at once. Nothing, if it fails.
fn flags_now(socket: Pollable<'_>, events: i16) -> i16 {
    let mut fd = WSAPOLLFD { fd: raw(socket), events, revents: 0 };
    #[expect(unsafe_code, reason = "WSAPoll has no safe wrapper")]
    // SAFETY: the pointer leads to one WSAPOLLFD, whose socket is borrowed for the call.
    let result = unsafe { WSAPoll(&raw mut fd, 1, 0) };
    if result > 0 { fd.revents } else { 0 }
}

/// Source: select, exceptfds: "if a socket is processing a connect call (nonblocking), failure of the connect attempt is
/// indicated".
fn has_failed_to_connect(socket: Pollable<'_>) -> bool {
    let mut set = FD_SET { fd_count: 1, ..FD_SET::default() };
    set.fd_array[0] = raw(socket);
    let now = TIMEVAL::default();
    #[expect(unsafe_code, reason = "select has no safe wrapper")]
    // SAFETY: the set has one socket, which is borrowed for the call; absent sets are null.
    let result = unsafe { select(0, ptr::null_mut(), ptr::null_mut(), &raw mut set, &raw const now) };
    result > 0
}

/// The number of a socket, as Winsock has it.
#[expect(clippy::cast_possible_truncation, reason = "both are as wide as a pointer")]
pub(super) fn raw(socket: Pollable<'_>) -> SOCKET {
    socket.as_raw_socket() as SOCKET
}

pub(super) fn last_error() -> io::Error {
    #[expect(unsafe_code, reason = "WSAGetLastError has no safe wrapper")]
    // SAFETY: it takes nothing and reads a number of this thread's.
    io::Error::from_raw_os_error(unsafe { WSAGetLastError() })
}
