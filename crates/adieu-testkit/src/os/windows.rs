//! Windows: what Winsock knows of a socket, and a program's process and pipes.

use super::Looked;
use socket2::Socket;
use std::{
    fs::File,
    io::{self, PipeReader, PipeWriter, Read, Write},
    os::windows::io::{AsHandle, AsRawHandle, AsRawSocket, FromRawHandle, OwnedHandle},
    path::Path,
    process::{Child, Command, ExitStatus},
    ptr, thread,
    time::Duration,
};
use windows_sys::Win32::{
    Foundation::HANDLE,
    Networking::WinSock as ws,
    System::{
        LibraryLoader::{GetModuleHandleA, GetProcAddress},
        Pipes::{CreatePipe, PeekNamedPipe},
        Threading::TerminateProcess,
    },
};

/// Whether this is Wine, which has a function to be known by.
pub(crate) fn is_wine() -> bool {
    #[expect(unsafe_code, reason = "there is no safe way to ask for a function of a library")]
    // SAFETY: both names end with a zero, ntdll is in every process, and the function is not called.
    unsafe {
        GetProcAddress(GetModuleHandleA(c"ntdll.dll".as_ptr().cast()), c"wine_get_version".as_ptr().cast())
            .is_some()
    }
}

/// The kernel's table of TCP connections: that of the Linux below Wine, whose drive Z: is its root.
pub(crate) const TABLE_OF_TCP: &str = r"Z:\proc\net\tcp";

/// Bytes sent on this socket that the other side's TCP has not acknowledged.
///
/// # Platforms
///
/// SIO_TCP_INFO where Windows has it: what is in flight, while nothing can be queued behind it for a peer on loopback.
/// Under Wine 8, which has not, the table of the kernel below: tx_queue, `proc_pid_net(5)`.
pub(crate) fn unacknowledged(socket: &Socket) -> io::Result<u64> {
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
    let port = |address: io::Result<socket2::SockAddr>| {
        address.ok().and_then(|a| a.as_socket()).map_or(0, |address| address.port())
    };
    let (local, peer) = (port(socket.local_addr()), port(socket.peer_addr()));
    let table = std::fs::read_to_string(TABLE_OF_TCP)?;
    let row = table.lines().skip(1).map(|line| line.split_whitespace().collect::<Vec<_>>()).find(|fields| {
        let has =
            |field: usize, port: u16| fields.get(field).is_some_and(|f| f.ends_with(&format!(":{port:04X}")));
        has(1, local) && has(2, peer)
    });
    // A connection that is not there any more has nothing outstanding; `look` tells a reset.
    let Some(queues) = row.as_ref().and_then(|fields| fields.get(4)) else { return Ok(0) };
    let queued = queues.split(':').next().unwrap_or_default();
    u64::from_str_radix(queued, 16).map_err(io::Error::other)
}

/// Received bytes that wait unread in our kernel.
pub(crate) fn unread(socket: &Socket) -> io::Result<u64> {
    let mut unread = 0;
    #[expect(unsafe_code, reason = "FIONREAD has no safe wrapper")]
    // SAFETY: FIONREAD writes one u32 to the pointer.
    let result = unsafe { ws::ioctlsocket(raw(socket), ws::FIONREAD, &raw mut unread) };
    if result == 0 { Ok(unread.into()) } else { Err(io::Error::last_os_error()) }
}

/// # Platforms
///
/// It takes Linux's mount namespaces.
pub(crate) fn see_own_tmpfs(_: &Path, _: u64, _: bool) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// # Platforms
///
/// It takes Linux's mount namespaces.
pub(crate) fn see_own_file(_: &Path, _: &str) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
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
    match result {
        // Wine 8 says 0, where recv's page says WSAECONNRESET; only WSAPoll knows of the error.
        Ok(0) if is_wine() && look(socket).error => Err(io::Error::from_raw_os_error(ws::WSAECONNRESET)),
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

/// A pipe. Small enough, if that is asked for, that a few kilobytes already block the writer.
pub(crate) fn pipe(small: bool) -> io::Result<(PipeReader, PipeWriter)> {
    let (mut reader, mut writer): (HANDLE, HANDLE) = (ptr::null_mut(), ptr::null_mut());
    let size = if small { 4_096 } else { 64 * 1024 };
    #[expect(unsafe_code, reason = "std's pipe has no size")]
    // SAFETY: the call writes two handles, which are ours alone from then on.
    unsafe {
        if CreatePipe(&raw mut reader, &raw mut writer, ptr::null(), size) == 0 {
            return Err(io::Error::last_os_error());
        }
        Ok((OwnedHandle::from_raw_handle(reader).into(), OwnedHandle::from_raw_handle(writer).into()))
    }
}

/// # Platforms
///
/// Windows has no such file.
pub(crate) fn unreadable() -> io::Result<File> {
    Err(io::ErrorKind::Unsupported.into())
}

/// # Platforms
///
/// Windows has no such file.
pub(crate) fn full() -> io::Result<File> {
    Err(io::ErrorKind::Unsupported.into())
}

/// There are no signals: a program that ended has a code.
pub(crate) fn signal_of(_: ExitStatus) -> Option<i32> {
    None
}

/// A process is stopped by its handle.
pub(crate) fn own_group(_: &mut Command) {}

/// A running program.
pub(crate) struct Group {
    process: OwnedHandle,
}

impl Group {
    pub(crate) fn of(child: &Child) -> io::Result<Self> {
        Ok(Self { process: child.as_handle().try_clone_to_owned()? })
    }

    /// # Errors
    ///
    /// A console's events take a console, which a test's process has not.
    #[expect(clippy::unused_self, reason = "elsewhere it is possible")]
    pub(crate) fn signal(&self, _: crate::scenario::Signal) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(crate) fn kill(&self) {
        #[expect(unsafe_code, reason = "std stops a child only for who can wait for it")]
        // SAFETY: the handle is that of a process we started.
        unsafe {
            TerminateProcess(self.process.as_raw_handle(), 1);
        }
    }
}

/// Our end of a pipe, waited for until the waiting has lost its point.
pub(crate) struct Patient<P, W> {
    pipe: P,
    /// An error ends the wait.
    may_wait: W,
}

impl<P, W: FnMut() -> io::Result<()>> Patient<P, W> {
    #[expect(clippy::unnecessary_wraps, reason = "elsewhere it can fail")]
    pub(crate) fn new(pipe: P, _: Duration, may_wait: W) -> io::Result<Self> {
        Ok(Self { pipe, may_wait })
    }
}

impl<W: FnMut() -> io::Result<()>> Read for Patient<PipeReader, W> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let mut available = 0;
            #[expect(unsafe_code, reason = "PeekNamedPipe has no safe wrapper")]
            // SAFETY: the handle is a pipe's, and the one number that is asked for has its place.
            let peeked = unsafe {
                let handle = self.pipe.as_raw_handle();
                PeekNamedPipe(
                    handle,
                    ptr::null_mut(),
                    0,
                    ptr::null_mut(),
                    &raw mut available,
                    ptr::null_mut(),
                )
            };
            // An end is told by the read.
            if peeked == 0 || available > 0 {
                return self.pipe.read(buffer);
            }
            (self.may_wait)()?;
            // Nothing waits for a pipe with a bound here.
            thread::sleep(Duration::from_millis(1));
        }
    }
}

/// A write blocks until the program reads, or has closed its end, which it does when it ends.
impl<W: FnMut() -> io::Result<()>> Write for Patient<PipeWriter, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.pipe.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
