//! Unix: error numbers, `poll`, and being woken.

mod activation;
mod end_check;
pub mod ends;
mod group;
mod hosts;
mod limits;
mod lines;
mod names;
pub(crate) mod open_file;
#[cfg(evidence = "none")]
mod portable;
#[cfg(feature = "tokio")]
mod readiness;
mod resolver_codes;
mod service_manager;
mod services;
mod socket_file;
mod standard;
mod waker;

pub use activation::{passed_sockets_left, take_passed_socket};
pub use group::{Group, LeaderEnded, lead_group, stop_command, stop_groups};
pub use hosts::{host_name, look_up_as};
pub use limits::{free_descriptors, memory_suffices_for, open_files_limit, raise_descriptor_limit};
pub use lines::{open_for_lines, write_now, write_waiting};
pub use names::{look_up, port_of_service};
pub use open_file::{OpenFile, empty_file};
#[cfg(evidence = "none")]
pub use portable::*;
#[cfg(feature = "tokio")]
pub use readiness::{Acceptor, AsyncAcknowledgements, AsyncInterrupt};
pub(crate) use resolver_codes::{describe_resolver_code, resolver_code_is_unique, resolver_words};
pub use service_manager::{monotonic_micros, notify_service_manager, watchdog_timeout};
pub use services::service_name;
pub use socket_file::{SocketFile, bind_at, bind_to_own_name, listen_at};
pub use standard::{
    broken_pipe, stdin_has_bytes, stdin_is_a_file_with_bytes, stdin_is_spent, stdout_file,
    stdout_reader_has_gone, that_is_file,
};
pub use waker::Waker;

use super::{Calls, Ready, Watch};

use adieu_proto::{Call, Fault, FaultKind, Side, SocketError};
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::io::Errno;
use socket2::{SockRef, Socket};
use std::{io, time::Duration};

/// What a system error means for a connection.
pub fn fault_kind(error: &io::Error) -> FaultKind {
    match Errno::from_io_error(error) {
        Some(Errno::CONNRESET) => FaultKind::Reset,
        Some(Errno::PIPE) => FaultKind::BrokenPipe,
        Some(Errno::CONNABORTED) => FaultKind::Aborted,
        Some(Errno::TIMEDOUT) => FaultKind::TimedOut,
        Some(Errno::HOSTUNREACH | Errno::NETUNREACH | Errno::HOSTDOWN | Errno::NETDOWN) => {
            FaultKind::Unreachable
        }
        Some(Errno::NOTCONN) => FaultKind::NotConnected,
        Some(Errno::CONNREFUSED) => FaultKind::Refused,
        _ => FaultKind::Other,
    }
}

/// Reads SO_ERROR, which clears it.
pub(crate) fn socket_error(socket: &SockRef<'_>) -> SocketError {
    match socket.take_error() {
        Ok(None) => SocketError::Clear,
        Ok(Some(error)) => SocketError::Fault(Fault {
            call: Call::SocketError,
            kind: fault_kind(&error),
            code: error.raw_os_error(),
        }),
        Err(_) => SocketError::Unknown,
    }
}

/// Shuts down by `shutdown`. Whose FIN was first is not asked here, because it proves nothing that is not known otherwise or not at
/// all.
pub fn first_fin<T>(
    _: &SockRef<'_>,
    _: super::SampleContext,
    shutdown: impl FnOnce() -> T,
) -> (T, Option<Side>) {
    (shutdown(), None)
}

/// The symbolic name of a system error, as manual pages have it. `None`: not one that connections meet.
pub fn error_name(code: i32) -> Option<&'static str> {
    // The resolver's numbers are no system call's, and on Linux they are all below zero.
    if code < 0 {
        return resolver_codes::name(code);
    }
    macro_rules! names {
        ($($name:literal $errno:ident),* $(,)?) => {
            match Errno::from_raw_os_error(code) {
                $(Errno::$errno => Some($name),)*
                _ => None,
            }
        };
    }
    names! {
        "EPERM" PERM, "ENOENT" NOENT, "EINTR" INTR, "EIO" IO, "EBADF" BADF, "EAGAIN" AGAIN, "ENOMEM" NOMEM,
        "EACCES" ACCESS, "EEXIST" EXIST, "ENOTDIR" NOTDIR, "EISDIR" ISDIR, "EINVAL" INVAL, "ENFILE" NFILE,
        "EMFILE" MFILE, "EFBIG" FBIG, "ENOSPC" NOSPC, "EROFS" ROFS, "EPIPE" PIPE, "ENAMETOOLONG" NAMETOOLONG, "ELOOP" LOOP,
        "EDQUOT" DQUOT, "ENOTSOCK" NOTSOCK, "EAFNOSUPPORT" AFNOSUPPORT, "EADDRINUSE" ADDRINUSE,
        "EADDRNOTAVAIL" ADDRNOTAVAIL, "ENETDOWN" NETDOWN, "ENETUNREACH" NETUNREACH,
        "ECONNABORTED" CONNABORTED, "ECONNRESET" CONNRESET, "ENOBUFS" NOBUFS, "EISCONN" ISCONN,
        "ENOTCONN" NOTCONN, "ETIMEDOUT" TIMEDOUT, "ECONNREFUSED" CONNREFUSED, "EHOSTDOWN" HOSTDOWN,
        "ENODEV" NODEV, "EPROTONOSUPPORT" PROTONOSUPPORT, "ENOPROTOOPT" NOPROTOOPT, "EOPNOTSUPP" OPNOTSUPP,
        "EHOSTUNREACH" HOSTUNREACH, "EMSGSIZE" MSGSIZE, "EDESTADDRREQ" DESTADDRREQ, "EINPROGRESS" INPROGRESS, "EPROTOTYPE" PROTOTYPE,
    }
}

/// A failed send tells its error and raises no SIGPIPE, also in programs that do not ignore it.
#[cfg(not(target_vendor = "apple"))]
pub const SEND_FLAGS: i32 = libc::MSG_NOSIGNAL;
/// There is no flag: SO_NOSIGPIPE is set, by socket2 on the sockets that it makes and accepts, and on every connection by
/// [`set_reset_on_close`](crate::set_reset_on_close).
#[cfg(target_vendor = "apple")]
pub const SEND_FLAGS: i32 = 0;

/// The flags of a send that `shutdown(SHUT_WR)` follows at once: both leave in one segment.
///
/// Source: send(2), MSG_MORE; `tcp_send_fin` of Linux, which puts the FIN on what waits and sends it.
#[cfg(evidence = "linux")]
pub const SEND_FLAGS_BEFORE_FIN: i32 = SEND_FLAGS | libc::MSG_MORE;
/// The same as of any send here.
#[cfg(not(evidence = "linux"))]
pub const SEND_FLAGS_BEFORE_FIN: i32 = SEND_FLAGS;

/// Whether the end of a process can wake whoever waits for it, which [`Group`] takes: by a pidfd on Linux, by a kqueue on macOS and the
/// BSDs.
pub const TELLS_END_OF_PROCESS: bool = !cfg!(any(evidence = "none", target_os = "android"));

/// Whether an error of a socket of datagrams says that nobody receives at its peer's address: ICMP has told it.
///
/// Source: udp(7), ECONNREFUSED. Of a Unix socket it is told by `send` itself: unix(7).
pub fn is_refusal(error: &io::Error) -> bool {
    Errno::from_io_error(error) == Some(Errno::CONNREFUSED)
}

/// Whether an error says that a datagram is too big for its way.
///
/// Source: udp(7), EMSGSIZE.
pub fn is_too_big(error: &io::Error) -> bool {
    Errno::from_io_error(error) == Some(Errno::MSGSIZE)
}

/// Whether it is a socket of IPv6.
pub fn is_ipv6(socket: &SockRef<'_>) -> bool {
    // An address without a host and a port has its family, bound or not.
    socket.local_addr().is_ok_and(|address| address.is_ipv6())
}

/// Source: ip(7), IP_TOS.
pub fn set_tos(socket: &SockRef<'_>, tos: u8) -> io::Result<()> {
    socket.set_tos_v4(tos.into())
}

/// Source: ipv6(7), IPV6_TCLASS.
pub fn set_traffic_class(socket: &SockRef<'_>, class: u8) -> io::Result<()> {
    socket.set_tclass_v6(class.into())
}

/// Whether a socket listens. Where the system does not tell, it is taken to: accepting will say.
///
/// Source: socket(7), SO_ACCEPTCONN.
pub fn is_listening(socket: &SockRef<'_>) -> io::Result<bool> {
    #[cfg(not(target_vendor = "apple"))]
    return Ok(rustix::net::sockopt::socket_acceptconn(&**socket)?);
    #[cfg(target_vendor = "apple")]
    {
        let _ = socket;
        Ok(true)
    }
}

/// Whether a descriptor is open.
///
/// Source: fcntl(2), F_GETFD.
pub fn is_open(descriptor: std::os::fd::RawFd) -> bool {
    #[expect(unsafe_code, reason = "safe wrappers take descriptors that are known to be open")]
    // SAFETY: F_GETFD takes no pointer and changes nothing; of a descriptor that is not open it says EBADF.
    let flags = unsafe { libc::fcntl(descriptor, libc::F_GETFD) };
    flags != -1
}

/// Whether an error says that a descriptor is not a socket.
pub fn is_not_a_socket(error: &io::Error) -> bool {
    Errno::from_io_error(error) == Some(Errno::NOTSOCK)
}

/// Looks at what has arrived, and leaves it there.
///
/// Source: recv(2), MSG_PEEK.
pub fn peek(socket: &SockRef<'_>, buffer: &mut [u8]) -> io::Result<usize> {
    Ok(rustix::net::recv(&**socket, buffer, rustix::net::RecvFlags::PEEK).map(|(_, n)| n)?)
}

/// Whether an error says that our system has no descriptors or no memory left.
pub fn is_exhausted(error: &io::Error) -> bool {
    let exhausted = [Errno::MFILE, Errno::NFILE, Errno::NOMEM, Errno::NOBUFS];
    Errno::from_io_error(error).is_some_and(|e| exhausted.contains(&e))
}

/// Whether `connect` has only begun.
pub fn is_in_progress(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock || Errno::from_io_error(error) == Some(Errno::INPROGRESS)
}

/// What `connect` says where nobody listens.
pub fn refused() -> io::Error {
    Errno::CONNREFUSED.into()
}

/// Whether an error of `accept` is that of the connection, which is gone with it, and the next may be accepted.
///
/// Source: accept(2), "already-pending network errors on the new socket".
pub fn is_of_the_accepted(error: &io::Error) -> bool {
    use io::ErrorKind::{
        ConnectionAborted, ConnectionReset, HostUnreachable, NetworkDown, NetworkUnreachable,
    };
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionReset | HostUnreachable | NetworkDown | NetworkUnreachable
    ) || Errno::from_io_error(error) == Some(Errno::PROTO)
}

/// Before a TCP port is bound to listen on: SO_REUSEADDR, so that one whose old connections are in TIME-WAIT can be
/// taken again.
///
/// Source: socket(7).
pub fn prepare_to_bind(socket: &Socket) -> io::Result<()> {
    socket.set_reuse_address(true)
}

/// The path that a Unix socket's address names.
pub fn path_of(address: &socket2::SockAddr) -> Option<std::path::PathBuf> {
    address.as_pathname().map(std::path::Path::to_owned)
}

/// The abstract name that a Unix socket's address has.
pub fn abstract_name_of(address: &socket2::SockAddr) -> Option<String> {
    address.as_abstract_namespace().map(|name| String::from_utf8_lossy(name).into_owned())
}

/// Whether the system knows of an error that a receive of 0 has not told: here SO_ERROR tells it, at the last look.
pub fn has_error(_: &SockRef<'_>) -> bool {
    false
}

/// Whether to receive before the next send, after this number of sends in a row that did not block. A peer seldom replies before an
/// upload is finished, and each receive is a system call.
pub fn receive_is_due(sends: u32) -> bool {
    const EVERY: u32 = 16;
    sends >= EVERY
}

/// The calls' names here.
pub const CALLS: Calls =
    Calls { startup: None, shutdown_send: "shutdown(SHUT_WR)", close: "close", cleanup: None };

/// The network is always there.
#[derive(Debug)]
pub struct Network(());

impl Network {
    /// Makes the network ready, which it is.
    ///
    /// # Errors
    ///
    /// None here.
    pub fn start() -> io::Result<Self> {
        Ok(Self(()))
    }
}

/// Sleeps until one of `watches` is ready or `timeout` has passed, and notes which. A signal only wakes early.
///
/// Source: poll(2).
pub fn wait(watches: &mut [Watch<'_>], timeout: Option<Duration>) -> io::Result<()> {
    let mut fds: Vec<PollFd<'_>> = Vec::with_capacity(watches.len());
    for watch in watches.iter() {
        if let Some(fd) = watch.on {
            let mut flags = PollFlags::empty();
            flags.set(PollFlags::IN, watch.readable);
            flags.set(PollFlags::OUT, watch.writable);
            fds.push(PollFd::from_borrowed_fd(fd, flags));
        }
    }
    let timeout = timeout.and_then(|t| Timespec::try_from(t).ok());
    match rustix::event::poll(&mut fds, timeout.as_ref()) {
        Ok(_) => {}
        Err(Errno::INTR) => return Ok(()),
        Err(error) => return Err(error.into()),
    }
    let mut results = fds.iter().map(PollFd::revents);
    for watch in watches.iter_mut().filter(|w| w.on.is_some()) {
        let flags = results.next().unwrap_or(PollFlags::empty());
        let alert = flags.intersects(PollFlags::ERR | PollFlags::HUP | PollFlags::NVAL);
        watch.ready = Ready {
            any: !flags.is_empty(),
            readable: alert || flags.contains(PollFlags::IN),
            writable: alert || flags.contains(PollFlags::OUT),
            alert,
        };
    }
    Ok(())
}
