//! Sockets as C has them, and what is asked of one or done to it without finishing it.

use crate::border::guarded;
use crate::error::adieu_error;
use adieu_os::{Network, OwnedSocket};
use socket2::SockRef;
use std::ffi::c_int;
use std::io;
use std::mem::ManuallyDrop;

/// A socket: what socket() returned.
#[cfg(not(windows))]
pub type adieu_socket = c_int;

/// A socket: Winsock's SOCKET, without its header.
#[cfg(windows)]
pub type adieu_socket = usize;

/// No socket: -1, or INVALID_SOCKET.
pub(crate) const NO_SOCKET: adieu_socket = !0;

/// Takes a socket over from C, and the network that it needs until it is closed.
///
/// If there is no network, the socket is closed all the same, as the header says.
pub(crate) fn own(socket: adieu_socket) -> Result<(Network, OwnedSocket), adieu_error> {
    own_with(socket, Network::start)
}

fn own_with(
    socket: adieu_socket,
    start: impl FnOnce() -> io::Result<Network>,
) -> Result<(Network, OwnedSocket), adieu_error> {
    let owned = take(socket).ok_or(adieu_error::NotOpen)?;
    Ok((start().map_err(|_| adieu_error::System)?, owned))
}

/// `None`: it is not open.
fn take(socket: adieu_socket) -> Option<OwnedSocket> {
    #[cfg(unix)]
    use std::os::fd::FromRawFd;
    #[cfg(windows)]
    use std::os::windows::io::FromRawSocket;

    let raw = socket as _;
    if !adieu_os::is_open(raw) {
        return None;
    }
    #[cfg(unix)]
    // SAFETY: it is open, and the caller has given it away: the header says that it is closed.
    let owned = unsafe { OwnedSocket::from_raw_fd(raw) };
    #[cfg(windows)]
    // SAFETY: it is not INVALID_SOCKET, and the caller has given it away: the header says that it is closed.
    let owned = unsafe { OwnedSocket::from_raw_socket(raw) };
    Some(owned)
}

/// What a socket is: `None` if it can be finished.
pub(crate) fn look_at(socket: &OwnedSocket) -> adieu_error {
    adieu_os::look_at(&SockRef::from(socket)).map_or(adieu_error::System, adieu_error::of_found)
}

/// Resets a connection on purpose, and closes the socket.
///
/// The peer's program gets an error (ECONNRESET) and cannot take what it has for the whole. Use it
/// for a stream that must not look complete, where adieu_finish() would say that everything was
/// sent. What the peer has not acknowledged is lost. The call sets SO_LINGER to zero and closes the
/// socket; it does not block. A Unix socket has no reset: it is closed.
///
/// Returns 0, or an error. The socket is closed in either case, except after ADIEU_ERROR_NOT_OPEN,
/// and except on Windows what is not a socket.
///
/// Threads: any; not while another thread uses the same socket. Platforms: all.
/// Source: RFC 9293, section 3.10.5 (ABORT); socket(7), SO_LINGER; Winsock's closesocket.
#[unsafe(no_mangle)]
pub extern "C" fn adieu_abort(socket: adieu_socket) -> c_int {
    guarded(adieu_error::Bug, || {
        let (_network, owned) = match own(socket) {
            Ok(ours) => ours,
            Err(error) => return error,
        };
        let result = match look_at(&owned) {
            adieu_error::ReceivingShut => adieu_error::None,
            result => result,
        };
        adieu_os::set_reset_on_close(&SockRef::from(&owned), true);
        drop(owned);
        result
    })
    .code()
}

/// Tells how many bytes were sent on a socket and not acknowledged by the peer's TCP.
/// Our FIN is not counted.
///
/// Zero says that the peer's system has every byte. Whether the peer's program has read them, only
/// an answer of that program can say. The socket stays open and as it was.
///
/// Returns 0, and the number in *bytes; or an error, and *bytes is ADIEU_UNKNOWN.
/// ADIEU_ERROR_UNSUPPORTED: the socket is a Unix socket, whose bytes are never acknowledged; or the
/// connection is over, and the system no longer tells whether our FIN is among the octets that were
/// not acknowledged (the report of adieu_finish() has the number); or the system does not tell.
///
/// Threads: any. Platforms: Linux, macOS, FreeBSD, NetBSD; OpenBSD once our FIN is acknowledged.
/// Elsewhere always an error. It was never run but on Linux.
/// Source: tcp(7), SIOCOUTQ; FIONWRITE of FreeBSD and NetBSD; TCP_CONNECTION_INFO of macOS.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn adieu_unacknowledged(socket: adieu_socket, bytes: *mut u64) -> c_int {
    let asked = guarded(Err(adieu_error::Bug), || {
        let _network = Network::start().map_err(|_| adieu_error::System)?;
        // It is not ours, so it must not be closed here.
        let owned = ManuallyDrop::new(take(socket).ok_or(adieu_error::NotOpen)?);
        match look_at(&owned) {
            adieu_error::None | adieu_error::ReceivingShut => {}
            result => return Err(result),
        }
        match adieu_os::unacknowledged_bytes(&SockRef::from(&*owned)) {
            Ok(Some(octets)) => Ok(octets),
            Ok(None) => Err(adieu_error::Unsupported),
            Err(_) => Err(adieu_error::System),
        }
    });
    if bytes.is_null() {
        return adieu_error::InvalidArgument.code();
    }
    // SAFETY: it is not null, and the header asks for a place for the number.
    unsafe { bytes.write(asked.unwrap_or(crate::report::ADIEU_UNKNOWN)) };
    asked.map_or_else(adieu_error::code, |_| adieu_error::None.code())
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::io::Read;
    use std::os::fd::IntoRawFd;
    use std::os::unix::net::UnixStream;

    #[test]
    fn a_socket_is_closed_also_if_there_is_no_network() {
        let (ours, mut theirs) = UnixStream::pair().expect("descriptors are left");
        let result = own_with(ours.into_raw_fd(), || Err(io::ErrorKind::Other.into()));
        assert_eq!(result.err(), Some(adieu_error::System));
        assert_eq!(theirs.read(&mut [0]).expect("it is closed"), 0);
    }
}
