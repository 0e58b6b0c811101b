//! Winsock's error numbers: their names, and what each means for a connection.
//!
//! Source: "Windows Sockets Error Codes", and the pages of recv, send, shutdown and connect.

use super::Network;
use crate::{LookUpError, ResolverError, describe_code};
use adieu_proto::FaultKind;
use socket2::Type;
use std::ffi::CString;
use std::net::{SocketAddr, ToSocketAddrs};
use std::{io, ptr};
use windows_sys::Win32::Foundation as win32;
use windows_sys::Win32::Networking::WinSock as ws;

/// What a system error means for a connection.
pub fn fault_kind(error: &io::Error) -> FaultKind {
    match error.raw_os_error() {
        // "Forcibly closed by the remote host."
        Some(ws::WSAECONNRESET) => FaultKind::Reset,
        // "Aborted by the software in your host computer."
        Some(ws::WSAECONNABORTED) => FaultKind::Aborted,
        // WSAENETRESET on a connected socket: keep-alive has found it dead (setsockopt, SO_KEEPALIVE).
        Some(ws::WSAETIMEDOUT | ws::WSAENETRESET) => FaultKind::TimedOut,
        Some(ws::WSAEHOSTUNREACH | ws::WSAENETUNREACH | ws::WSAEHOSTDOWN | ws::WSAENETDOWN) => {
            FaultKind::Unreachable
        }
        // WSAESHUTDOWN is about our own shutdown, after which nothing is sent here: it names no cause.
        Some(ws::WSAENOTCONN | ws::WSAESHUTDOWN) => FaultKind::NotConnected,
        Some(ws::WSAECONNREFUSED) => FaultKind::Refused,
        _ => FaultKind::Other,
    }
}

/// Whether an error says that our system has no sockets, handles or memory left.
pub fn is_exhausted(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(ws::WSAEMFILE | ws::WSAENOBUFS | ws::WSA_NOT_ENOUGH_MEMORY))
}

/// The addresses of a host.
pub fn look_up(host: &str, port: u16) -> Result<Vec<SocketAddr>, LookUpError> {
    match (host, port).to_socket_addrs() {
        Ok(found) => Ok(found.collect()),
        Err(error) => Err(match error.raw_os_error() {
            Some(code @ ws::WSATRY_AGAIN) => LookUpError::Unanswered(ResolverError(code)),
            Some(code @ (ws::WSAHOST_NOT_FOUND | ws::WSANO_DATA)) => {
                LookUpError::UnknownName(ResolverError(code))
            }
            _ => error.into(),
        }),
    }
}

/// The port that this system's table of services has for a name, for stream sockets (TCP) or datagrams (UDP). `None`: it has none
/// of this name.
///
/// Source: Winsock's getaddrinfo; `%WINDIR%\system32\drivers\etc\services`.
pub fn port_of_service(name: &str, kind: Type) -> Option<u16> {
    let _network = Network::start().ok()?;
    let name = CString::new(name).ok()?;
    // Any family has the same ports, and this one is always there.
    let hints =
        ws::ADDRINFOA { ai_family: ws::AF_INET.into(), ai_socktype: kind.into(), ..Default::default() };
    let mut first = ptr::null_mut();
    #[expect(unsafe_code, reason = "std takes no service")]
    // SAFETY: the name is a C string, the hints are whole, and a list is written to `first` if the result is 0. Its entries are
    // valid until it is freed, and those of AF_INET have the address of that family.
    unsafe {
        if ws::getaddrinfo(ptr::null(), name.as_ptr().cast(), &raw const hints, &raw mut first) != 0 {
            return None;
        }
        let address = (*first).ai_addr.cast::<ws::SOCKADDR_IN>().read_unaligned();
        ws::freeaddrinfo(first);
        Some(u16::from_be(address.sin_port))
    }
}

/// One of the resolver's numbers in the system's words.
pub(crate) fn resolver_words(code: i32) -> String {
    crate::error_words(&io::Error::from_raw_os_error(code))
}

/// One of the resolver's numbers in words: they are the system's.
pub(crate) fn describe_resolver_code(code: i32) -> String {
    describe_code(code)
}

/// Whether no system call has the same number for another error: the resolver's are among the system's.
pub(crate) fn resolver_code_is_unique(_: i32) -> bool {
    true
}

/// Whether an error of a socket of datagrams says that nobody receives at its peer's address.
///
/// Source: Winsock's recvfrom, WSAECONNRESET: "on a UDP-datagram socket this error indicates a previous send operation resulted
/// in an ICMP Port Unreachable message".
pub fn is_refusal(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(ws::WSAECONNRESET | ws::WSAECONNREFUSED))
}

/// Whether an error says that a datagram is too big for its way.
///
/// Source: Winsock's send, WSAEMSGSIZE.
pub fn is_too_big(error: &io::Error) -> bool {
    error.raw_os_error() == Some(ws::WSAEMSGSIZE)
}

/// Whether `connect` has only begun.
pub fn is_in_progress(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(ws::WSAEWOULDBLOCK | ws::WSAEINPROGRESS))
}

/// What `connect` says where nobody listens.
pub fn refused() -> io::Error {
    io::Error::from_raw_os_error(ws::WSAECONNREFUSED)
}

/// Whether an error of `accept` is that of the connection, which is gone with it, and the next may be accepted.
///
/// Source: accept, WSAECONNRESET: "an incoming connection was indicated, but was subsequently terminated". WSAENOTCONN is
/// what Wine 8 says of the same; a listening socket itself is never connected, so it cannot be about that.
pub fn is_of_the_accepted(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(ws::WSAECONNRESET | ws::WSAECONNABORTED | ws::WSAENOTCONN))
}

/// The symbolic name of a system error. `None`: not one that connections, files and pipes meet.
#[expect(clippy::cast_possible_wrap, reason = "Win32 numbers are small; io::Error has them signed")]
pub fn error_name(code: i32) -> Option<&'static str> {
    macro_rules! names {
        (winsock: $($winsock:ident)*; win32: $($win32:ident)*;) => {
            match code {
                $(ws::$winsock => Some(stringify!($winsock)),)*
                $(_ if code == win32::$win32 as i32 => Some(stringify!($win32)),)*
                _ => None,
            }
        };
    }
    names! {
        winsock: WSAEINTR WSAEBADF WSAEACCES WSAEFAULT WSAEINVAL WSAEMFILE WSAEWOULDBLOCK WSAEINPROGRESS
            WSAEALREADY WSAENOTSOCK WSAEDESTADDRREQ WSAEMSGSIZE WSAEPROTOTYPE WSAENOPROTOOPT
            WSAEPROTONOSUPPORT WSAESOCKTNOSUPPORT WSAEOPNOTSUPP WSAEPFNOSUPPORT WSAEAFNOSUPPORT
            WSAEADDRINUSE WSAEADDRNOTAVAIL WSAENETDOWN WSAENETUNREACH WSAENETRESET WSAECONNABORTED
            WSAECONNRESET WSAENOBUFS WSAEISCONN WSAENOTCONN WSAESHUTDOWN WSAETIMEDOUT WSAECONNREFUSED
            WSAENAMETOOLONG WSAEHOSTDOWN WSAEHOSTUNREACH WSAEPROCLIM WSASYSNOTREADY WSAVERNOTSUPPORTED
            WSANOTINITIALISED WSAEDISCON WSAHOST_NOT_FOUND WSATRY_AGAIN WSANO_RECOVERY WSANO_DATA;
        win32: ERROR_FILE_NOT_FOUND ERROR_PATH_NOT_FOUND ERROR_TOO_MANY_OPEN_FILES ERROR_ACCESS_DENIED
            ERROR_INVALID_HANDLE ERROR_NOT_ENOUGH_MEMORY ERROR_WRITE_PROTECT ERROR_SHARING_VIOLATION
            ERROR_LOCK_VIOLATION ERROR_HANDLE_DISK_FULL ERROR_NOT_SUPPORTED ERROR_FILE_EXISTS
            ERROR_INVALID_PARAMETER ERROR_BROKEN_PIPE ERROR_DISK_FULL ERROR_INVALID_NAME
            ERROR_ALREADY_EXISTS ERROR_DIRECTORY ERROR_NO_DATA ERROR_PIPE_NOT_CONNECTED
            ERROR_OPERATION_ABORTED ERROR_NOACCESS ERROR_IO_DEVICE ERROR_COMMITMENT_LIMIT;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_that_names_an_ending_means_it() {
        for (code, name, kind) in [
            (10_050, "WSAENETDOWN", FaultKind::Unreachable),
            (10_051, "WSAENETUNREACH", FaultKind::Unreachable),
            (10_052, "WSAENETRESET", FaultKind::TimedOut),
            (10_053, "WSAECONNABORTED", FaultKind::Aborted),
            (10_054, "WSAECONNRESET", FaultKind::Reset),
            (10_055, "WSAENOBUFS", FaultKind::Other),
            (10_057, "WSAENOTCONN", FaultKind::NotConnected),
            (10_058, "WSAESHUTDOWN", FaultKind::NotConnected),
            (10_060, "WSAETIMEDOUT", FaultKind::TimedOut),
            (10_061, "WSAECONNREFUSED", FaultKind::Refused),
            (10_065, "WSAEHOSTUNREACH", FaultKind::Unreachable),
        ] {
            assert_eq!(error_name(code), Some(name));
            assert_eq!(fault_kind(&io::Error::from_raw_os_error(code)), kind, "{name}");
        }
        assert_eq!(error_name(109), Some("ERROR_BROKEN_PIPE"));
        assert_eq!(error_name(112), Some("ERROR_DISK_FULL"));
        assert_eq!(error_name(99_999), None);
    }
}
