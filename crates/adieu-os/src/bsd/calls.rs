//! The system calls that report how a connection ended. `told` decides what their results mean.

use crate::told::{self, Answer, Asks, Told};
use crate::{SampleContext, TcpFacts};
use adieu_proto::{Sample, SocketError};
use socket2::SockRef;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

/// How our kernel asks for acknowledgements: it is only looked at.
#[derive(Debug, Default)]
pub struct ProbePace(Asks);

impl ProbePace {
    /// Nothing of the socket was changed.
    pub fn restore(&mut self, _: &SockRef<'_>) {}
}

/// More than any of these systems has of an option of TCP.
const ROOM: usize = 1024;

/// Reads the send queue, then the state of the TCP, and SO_ERROR last, which clears it.
pub fn sample(socket: &SockRef<'_>, context: SampleContext, pace: &mut ProbePace) -> (Sample, TcpFacts) {
    let told = if context.is_tcp { look(socket.as_fd()) } else { Told::default() };
    let socket_error = crate::unix::socket_error(socket);
    let unacknowledged = told.unacknowledged(context, socket_error == SocketError::Clear);
    let facts =
        TcpFacts { rtt: told.rtt, retransmitted_segments: told.sent_again, is_over: told.standing.is_over() };
    (Sample { unacknowledged, path: pace.0.path(&told), socket_error }, facts)
}

/// Octets of sequence space of a TCP connection that the peer's TCP has not acknowledged: bytes, and our FIN. `None`: not known.
pub fn unacknowledged(socket: &SockRef<'_>) -> Option<u64> {
    look(socket.as_fd()).octets()
}

/// Bytes of a TCP connection that were sent and that the peer's TCP has not acknowledged. `None`: not known, also because it is not TCP,
/// or because the connection is over.
///
/// # Errors
///
/// None here.
pub fn unacknowledged_bytes(socket: &SockRef<'_>) -> io::Result<Option<u64>> {
    let told = look(socket.as_fd());
    Ok(told.octets().map(|octets| told.queue.unwrap_or_default().min(octets)))
}

/// Not known here: a socket that has no peer counts as one that never had one. Mostly these systems say otherwise that it is over.
pub fn was_connected(_: &SockRef<'_>) -> bool {
    false
}

/// Whether our sending side was shut down: EPIPE is then about that. Known of TCP alone, and as long as the connection is there.
pub fn is_sending_shut(socket: &SockRef<'_>) -> bool {
    look(socket.as_fd()).standing.is_sending_shut()
}

/// Whether the peer has ended its side, and this side has not: CLOSE-WAIT. `None`: not known, also of a Unix socket.
pub fn peer_has_ended_first(socket: &SockRef<'_>) -> Option<bool> {
    look(socket.as_fd()).standing.peer_has_ended_first()
}

/// Whether our own program has shut down the receiving side: a receive says EOF, and the peer's FIN has not come. Not known of a Unix
/// socket, where both look the same.
pub fn is_receiving_shut(socket: &SockRef<'_>) -> bool {
    use rustix::net::{RecvFlags, recv};
    let flags = RecvFlags::PEEK | RecvFlags::DONTWAIT;
    let says_eof = recv(socket.as_fd(), &mut [0_u8; 1][..], flags).is_ok_and(|(n, _)| n == 0);
    // In this order: a FIN that comes in between changes the state alone.
    says_eof && look(socket.as_fd()).standing.awaits_peers_fin()
}

/// One look at a TCP. Of any other socket nothing is told.
#[cfg(target_vendor = "apple")]
fn look(fd: BorrowedFd<'_>) -> Told {
    /// `bsd/netinet/tcp_private.h` of XNU.
    const TCP_INFO: libc::c_int = 0x200;
    let (mut room, mut more) = ([0; ROOM], [0; ROOM]);
    let info = tcp_option(fd, libc::TCP_CONNECTION_INFO, &mut room);
    told::macos(info, || tcp_option(fd, TCP_INFO, &mut more))
}

#[cfg(target_os = "freebsd")]
fn look(fd: BorrowedFd<'_>) -> Told {
    let queue = queue(fd);
    told::freebsd(queue, tcp_option(fd, libc::TCP_INFO, &mut [0; ROOM]))
}

#[cfg(target_os = "netbsd")]
fn look(fd: BorrowedFd<'_>) -> Told {
    let queue = queue(fd);
    told::netbsd(queue, tcp_option(fd, libc::TCP_INFO, &mut [0; ROOM]))
}

#[cfg(target_os = "openbsd")]
fn look(fd: BorrowedFd<'_>) -> Told {
    told::openbsd(tcp_option(fd, libc::TCP_INFO, &mut [0; ROOM]))
}

/// Bytes in the send queue.
///
/// Source: `sys/filio.h`, FIONWRITE.
#[cfg(any(target_os = "freebsd", target_os = "netbsd"))]
fn queue(fd: BorrowedFd<'_>) -> Option<u64> {
    let mut bytes: libc::c_int = 0;
    #[expect(unsafe_code, reason = "FIONWRITE has no safe wrapper")]
    // SAFETY: the descriptor is open for the call, and FIONWRITE writes one int to the pointer.
    let result = unsafe { libc::ioctl(fd.as_raw_fd(), libc::FIONWRITE, &raw mut bytes) };
    (result != -1).then(|| u64::try_from(bytes).ok())?
}

/// Reads as much of an option of TCP as there is room for.
fn tcp_option<'a>(fd: BorrowedFd<'_>, option: libc::c_int, room: &'a mut [u8]) -> Answer<'a> {
    let Ok(mut length) = libc::socklen_t::try_from(room.len()) else { return Answer::Nothing };
    #[expect(unsafe_code, reason = "these options have no safe wrapper")]
    // SAFETY: the descriptor is open for the call, and the pointer and the length describe `room`, which is plain bytes.
    let result = unsafe {
        libc::getsockopt(fd.as_raw_fd(), libc::IPPROTO_TCP, option, room.as_mut_ptr().cast(), &raw mut length)
    };
    if result == -1 {
        let is_gone = io::Error::last_os_error().raw_os_error() == Some(libc::ECONNRESET);
        return if is_gone { Answer::Gone } else { Answer::Nothing };
    }
    room.get(..length as usize).map_or(Answer::Nothing, Answer::Octets)
}

/// A program may go on setting options once both directions have ended, and a write to a peer that is gone raises no signal.
///
/// Otherwise macOS refuses any `setsockopt` then, so that the zero linger of [`crate::set_reset_on_close`] could not be taken back, and the
/// close of a connection in LAST-ACK would reset it.
///
/// Source: `sosetoptlock` of XNU's `bsd/kern/uipc_socket.c`, SOF_NPX_SETOPTSHUT; `bsd/sys/socket.h`, SO_NP_EXTENSIONS, SO_NOSIGPIPE.
#[cfg(target_vendor = "apple")]
pub(crate) fn prepare(socket: &SockRef<'_>) {
    /// `struct so_np_extensions`: the flags, and which of them are meant.
    static SETOPTSHUT: [u32; 2] = [1, 1];
    let set = |option, value: *const libc::c_void, size: usize| {
        let Ok(length) = libc::socklen_t::try_from(size) else { return };
        #[expect(unsafe_code, reason = "these options have no safe wrapper")]
        // SAFETY: the descriptor is open for the call, and the pointer and the length describe a value that outlives it and is only read.
        // A system that refuses leaves the socket as it was.
        let _ =
            unsafe { libc::setsockopt(socket.as_fd().as_raw_fd(), libc::SOL_SOCKET, option, value, length) };
    };
    let on: libc::c_int = 1;
    set(libc::SO_NP_EXTENSIONS, (&raw const SETOPTSHUT).cast(), size_of_val(&SETOPTSHUT));
    set(libc::SO_NOSIGPIPE, (&raw const on).cast(), size_of_val(&on));
}

/// What `told` believes of the structs, held against those of the `libc` crate.
const _: () = {
    #[cfg(target_vendor = "apple")]
    {
        use libc::tcp_connection_info as info;
        use std::mem::offset_of;
        use told::connection_info as at;
        assert!(offset_of!(info, tcpi_state) == at::STATE);
        assert!(offset_of!(info, tcpi_snd_wscale) == at::SND_WSCALE);
        assert!(offset_of!(info, tcpi_rto) == at::RTO);
        assert!(offset_of!(info, tcpi_snd_cwnd) == at::SND_CWND);
        assert!(offset_of!(info, tcpi_snd_wnd) == at::SND_WND);
        assert!(offset_of!(info, tcpi_snd_sbbytes) == at::SND_SBBYTES);
        assert!(offset_of!(info, tcpi_srtt) == at::SRTT);
        assert!(offset_of!(info, tcpi_rttvar) == at::RTTVAR);
        // Behind it the crate's struct is another one: it makes a word of each bit field. `told::tests` has the true one.
    }
    #[cfg(not(target_vendor = "apple"))]
    {
        use libc::tcp_info as info;
        use std::mem::offset_of;
        use told::tcp_info as at;
        assert!(offset_of!(info, tcpi_state) == at::STATE);
        assert!(offset_of!(info, tcpi_rto) == at::RTO);
        assert!(offset_of!(info, tcpi_last_data_recv) == at::LAST_DATA_RECV);
        #[cfg(target_os = "openbsd")]
        assert!(offset_of!(info, tcpi_last_ack_recv) == at::LAST_ACK_RECV);
        assert!(offset_of!(info, tcpi_rtt) == at::RTT);
        assert!(offset_of!(info, tcpi_rttvar) == at::RTTVAR);
        #[cfg(not(target_os = "openbsd"))]
        assert!(offset_of!(info, tcpi_snd_rexmitpack) == at::SND_REXMITPACK);
        assert!(size_of::<info>() <= ROOM);
    }
};
