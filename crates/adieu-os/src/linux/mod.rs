//! Linux and Android, whose kernel is Linux: the evidence of SIOCOUTQ, TCP_INFO and SO_ERROR, and being woken by an acknowledgement.

mod direct;
mod holders;
mod over;
mod pace;
mod reuse_port;
mod socket_diag;
#[cfg(any(test, target_os = "android"))]
#[cfg_attr(not(target_os = "android"), allow(dead_code, reason = "only its test uses it here"))]
mod tcp_info;
mod undelivered;

pub use direct::{Direct, Lane};
pub use holders::{HeldSocket, ProcessScan, descriptor_limit_of, process_name, socket_holders};
pub use over::had_both_ended;
pub use pace::ProbePace;
pub use reuse_port::send_clients_to;
pub use socket_diag::SocketDiag;
pub use undelivered::{keep_undelivered, next_undelivered};

use super::TcpFacts;
use adieu_proto::{FaultKind, Path, Sample, SocketError, Unacknowledged};
use rustix::event::{PollFd, PollFlags, epoll, poll};
use socket2::{SockAddr, SockRef, Socket};
use std::mem::{MaybeUninit, size_of};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::{io, time::Duration};

#[cfg(not(target_os = "android"))]
use libc::tcp_info as TcpInfo;
#[cfg(target_os = "android")]
use tcp_info::TcpInfo;

/// Reads TCP_INFO, what is unacknowledged, and SO_ERROR last, which clears it.
///
/// Of a connection that is over in order, nothing is unacknowledged, and it is not asked: after both FINs, and without an error, TCP is
/// in CLOSED only if the peer has acknowledged ours. Source: RFC 9293, section 3.3.2; `tcp_done` of Linux, whose other callers set
/// `sk_err`.
pub fn sample(
    socket: &SockRef<'_>,
    context: super::SampleContext,
    pace: &mut ProbePace,
) -> (Sample, TcpFacts) {
    let info = if context.is_tcp { tcp_info(socket.as_fd()).ok() } else { None };
    let has_both_ends = context.fin_sent && context.eof && !context.faulted;
    let is_over = !context.is_multipath && info.is_some_and(|info| info.tcpi_state == state::CLOSE);
    let asked = || match outq(socket.as_fd()) {
        Ok(octets) if context.is_tcp => Unacknowledged::Octets(octets),
        Ok(memory) => Unacknowledged::Untaken(memory),
        Err(_) if context.is_tcp => Unacknowledged::Unknown,
        Err(_) => Unacknowledged::NotApplicable,
    };
    let before = (!(is_over && has_both_ends)).then(asked);
    let socket_error = match super::socket_error(socket) {
        SocketError::Fault(fault) if context.is_tcp && is_soft(socket.as_fd(), fault.kind) => {
            SocketError::Clear
        }
        told => told,
    };
    let unacknowledged = before.unwrap_or_else(|| {
        if socket_error == SocketError::Clear { Unacknowledged::Octets(0) } else { asked() }
    });
    let path = info.map_or_else(Path::default, |info| pace.path(socket, &info));
    let facts = TcpFacts {
        rtt: info.map(|i| Duration::from_micros(i.tcpi_rtt.into())).filter(|rtt| !rtt.is_zero()),
        retransmitted_segments: info.map(|i| i.tcpi_total_retrans),
        is_over,
    };
    (Sample { unacknowledged, path, socket_error }, facts)
}

/// Whether what SO_ERROR told is a soft error: an ICMP message, or a route that is missing, while TCP goes on trying.
/// SO_ERROR tells those too, and clears them; whether the connection has ended by one, its state says.
///
/// Source: RFC 1122, section 4.2.3.9; `sk_getsockopt` of Linux, which gives `sk_err`, and else `sk_err_soft`.
fn is_soft(fd: BorrowedFd<'_>, kind: FaultKind) -> bool {
    if !matches!(kind, FaultKind::Unreachable | FaultKind::Refused | FaultKind::Other) {
        return false;
    }
    // An end that is under way has set the error and not yet the state. The first call waits for the socket's lock, which
    // it holds, and the second one's state is that of afterwards.
    tcp_info(fd).is_ok() && tcp_info(fd).is_ok_and(|info| info.tcpi_state != state::CLOSE)
}

/// Octets of sequence space that are not acknowledged: bytes, and our FIN. Of a Unix socket: the memory that is held by
/// what the peer's program has not received, which is no count of bytes.
///
/// Source: tcp(7), SIOCOUTQ. The kernel answers with `write_seq - snd_una`, and a queued FIN has advanced
/// `write_seq` by one (`tcp_send_fin`); for a Unix socket with its `sk_wmem_alloc` (`unix_outq_len`).
fn outq(fd: BorrowedFd<'_>) -> io::Result<u64> {
    let mut octets: libc::c_int = 0;
    #[expect(unsafe_code, reason = "SIOCOUTQ has no safe wrapper")]
    // SAFETY: the descriptor is open for the call, and SIOCOUTQ (TIOCOUTQ) writes one int to the pointer.
    let result = unsafe { libc::ioctl(fd.as_raw_fd(), libc::TIOCOUTQ, &raw mut octets) };
    if result == -1 {
        return Err(io::Error::last_os_error());
    }
    u64::try_from(octets).map_err(|_| io::Error::from(io::ErrorKind::InvalidData))
}

/// Octets of sequence space of a TCP connection that the peer's TCP has not acknowledged: bytes, and our FIN. `None`: not known.
pub fn unacknowledged(socket: &SockRef<'_>) -> Option<u64> {
    tcp_info(socket.as_fd()).ok().and_then(|_| outq(socket.as_fd()).ok())
}

/// Bytes of a TCP connection that were sent and that the peer's TCP has not acknowledged. `None`: it is not TCP, or the connection
/// is over, and whether our FIN is one of the octets that were not acknowledged is not told any more.
pub fn unacknowledged_bytes(socket: &SockRef<'_>) -> io::Result<Option<u64>> {
    loop {
        let Ok(before) = tcp_info(socket.as_fd()) else { return Ok(None) };
        let octets = outq(socket.as_fd())?;
        // An acknowledgement of our FIN may have come in between.
        if tcp_info(socket.as_fd())?.tcpi_state != before.tcpi_state {
            continue;
        }
        return Ok(match before.tcpi_state {
            state::CLOSE => None,
            state::FIN_WAIT1 | state::LAST_ACK | state::CLOSING => Some(octets.saturating_sub(1)),
            _ => Some(octets),
        });
    }
}

fn socket_length(size: usize) -> io::Result<libc::socklen_t> {
    libc::socklen_t::try_from(size).map_err(|_| io::ErrorKind::InvalidData.into())
}

/// Source: tcp(7), TCP_INFO. An older kernel fills less of the struct; what it leaves out stays zero.
fn tcp_info(fd: BorrowedFd<'_>) -> io::Result<TcpInfo> {
    let mut info = MaybeUninit::<TcpInfo>::zeroed();
    let mut length = socket_length(size_of::<TcpInfo>())?;
    #[expect(unsafe_code, reason = "TCP_INFO has no safe wrapper")]
    // SAFETY: the pointer and the length describe `info`, which is plain integers, valid when zeroed and
    // whatever part of it the kernel writes.
    let (result, info) = unsafe {
        let result = libc::getsockopt(
            fd.as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_INFO,
            info.as_mut_ptr().cast(),
            &raw mut length,
        );
        (result, info.assume_init())
    };
    if result == -1 { Err(io::Error::last_os_error()) } else { Ok(info) }
}

/// States of `include/net/tcp_states.h`.
mod state {
    pub(super) const ESTABLISHED: u8 = 1;
    pub(super) const FIN_WAIT1: u8 = 4;
    pub(super) const FIN_WAIT2: u8 = 5;
    pub(super) const TIME_WAIT: u8 = 6;
    pub(super) const CLOSE: u8 = 7;
    pub(super) const CLOSE_WAIT: u8 = 8;
    pub(super) const LAST_ACK: u8 = 9;
    pub(super) const CLOSING: u8 = 11;
}

/// Whether a socket without a peer had one: the handshake has measured the way. Of a Unix socket the peer stays known.
pub fn was_connected(socket: &SockRef<'_>) -> bool {
    tcp_info(socket.as_fd()).is_ok_and(|info| info.tcpi_state == state::CLOSE && info.tcpi_rtt > 0)
}

/// Whether our sending side was shut down, and no reset has come since: EPIPE is then about that. Known of TCP alone.
pub fn is_sending_shut(socket: &SockRef<'_>) -> bool {
    use state::{CLOSING, FIN_WAIT1, FIN_WAIT2, LAST_ACK, TIME_WAIT};
    let is_shut = |state| matches!(state, FIN_WAIT1 | FIN_WAIT2 | TIME_WAIT | LAST_ACK | CLOSING);
    tcp_info(socket.as_fd()).is_ok_and(|info| is_shut(info.tcpi_state))
}

/// Whether the peer has ended its side, and this side has not: CLOSE-WAIT. Of a Unix socket, whether the peer has ended its side.
pub fn peer_has_ended_first(socket: &SockRef<'_>) -> Option<bool> {
    let is_waiting = |info: TcpInfo| info.tcpi_state == state::CLOSE_WAIT;
    Some(has_all_of_the_peers(socket) && tcp_info(socket.as_fd()).map_or(true, is_waiting))
}

/// Whether no more comes from the peer than is here to be received.
///
/// Source: poll(2), POLLRDHUP; `tcp_poll` of Linux.
fn has_all_of_the_peers(socket: &SockRef<'_>) -> bool {
    let mut fds = [PollFd::from_borrowed_fd(socket.as_fd(), PollFlags::RDHUP)];
    let looked = poll(&mut fds, Some(&rustix::event::Timespec::default()));
    looked.is_ok() && fds[0].revents().contains(PollFlags::RDHUP)
}

/// Whether our own program has shut down the receiving side: `poll` says that no more comes, and the peer's FIN has not come. Not
/// known of a Unix socket, where both look the same.
pub fn is_receiving_shut(socket: &SockRef<'_>) -> bool {
    has_all_of_the_peers(socket)
        && tcp_info(socket.as_fd()).is_ok_and(|info| {
            matches!(info.tcpi_state, state::ESTABLISHED | state::FIN_WAIT1 | state::FIN_WAIT2)
        })
}

/// Accepts a connection, non-blocking, with the peer's address, in one call.
///
/// Source: accept4(2).
pub(crate) fn accept(listener: &Socket) -> io::Result<(Socket, SockAddr)> {
    let flags = libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
    #[expect(unsafe_code, reason = "no safe wrapper gives a Unix client's address too")]
    // SAFETY: the storage has room for any address, its length is what the kernel is told, and the kernel writes both. The descriptor
    // that comes back is new, and nobody else's.
    unsafe {
        SockAddr::try_init(|storage, length| {
            let accepted = libc::accept4(listener.as_raw_fd(), storage.cast(), length, flags);
            if accepted < 0 { Err(io::Error::last_os_error()) } else { Ok(Socket::from_raw_fd(accepted)) }
        })
    }
}

/// Source: socket(7), SO_BINDTODEVICE.
pub fn bind_to_interface(socket: &SockRef<'_>, name: &str) -> io::Result<()> {
    socket.bind_device(Some(name.as_bytes()))
}

/// Source: tcp(7), TCP_USER_TIMEOUT.
pub fn set_user_timeout(socket: &SockRef<'_>, timeout: Duration) -> io::Result<()> {
    socket.set_tcp_user_timeout(Some(timeout))
}

/// Lets a listening socket take data with a SYN, from so many clients whose handshake is not over.
///
/// Source: tcp(7), TCP_FASTOPEN; `Documentation/networking/ip-sysctl.rst`, tcp_fastopen: without 0x2 the option is taken,
/// and does nothing.
pub fn set_fast_open(socket: &SockRef<'_>, queue: u32) -> io::Result<()> {
    let allowed = std::fs::read_to_string("/proc/sys/net/ipv4/tcp_fastopen").unwrap_or_default();
    if allowed.trim().parse().is_ok_and(|allowed: u32| allowed & 2 == 0) {
        let text = format!("net.ipv4.tcp_fastopen is {}, which allows it to no server", allowed.trim());
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, text));
    }
    let queue = libc::c_int::try_from(queue).unwrap_or(libc::c_int::MAX);
    set_int(socket.as_fd(), libc::IPPROTO_TCP, libc::TCP_FASTOPEN, queue)
}

/// Connects a non-blocking socket by a SYN that takes bytes along. Returns how many our kernel took; 0: none, and the SYN is
/// under way without. `None`: this is not allowed to clients, and nothing was sent.
///
/// Source: RFC 7413, section 4.2; `tcp_sendmsg_fastopen` and `tcp_send_syn_data` of Linux.
pub fn send_with_syn(socket: &Socket, address: &SockAddr, bytes: &[u8]) -> io::Result<Option<usize>> {
    match socket.send_to_with_flags(bytes, address, libc::MSG_FASTOPEN | super::SEND_FLAGS) {
        Ok(n) => Ok(Some(n)),
        Err(error) if super::is_in_progress(&error) => Ok(Some(0)),
        // Without 0x1 in net.ipv4.tcp_fastopen; and Multipath TCP before Linux 6.2.
        Err(error) if error.raw_os_error() == Some(libc::EOPNOTSUPP) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether the peer's SYN-ACK acknowledged all that went with our SYN.
///
/// Source: tcp(7), TCP_INFO; `tcp_rcv_fastopen_synack` of Linux, which sets `syn_data_acked` only then.
pub fn syn_data_acknowledged(socket: &SockRef<'_>) -> bool {
    /// `include/uapi/linux/tcp.h`
    const TCPI_OPT_SYN_DATA: u8 = 32;
    tcp_info(socket.as_fd()).is_ok_and(|info| info.tcpi_options & TCPI_OPT_SYN_DATA != 0)
}

/// How much must have been received before `poll` calls a socket readable.
///
/// Source: socket(7), SO_RCVLOWAT.
pub fn set_receive_low_water(fd: BorrowedFd<'_>, bytes: u32) -> io::Result<()> {
    let mark = libc::c_int::try_from(bytes).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
    set_int(fd, libc::SOL_SOCKET, libc::SO_RCVLOWAT, mark)
}

/// Sets an option that is one int and has no safe wrapper.
fn set_int(
    fd: BorrowedFd<'_>,
    level: libc::c_int,
    option: libc::c_int,
    value: libc::c_int,
) -> io::Result<()> {
    let length = socket_length(size_of::<libc::c_int>())?;
    #[expect(unsafe_code, reason = "some options have no safe wrapper")]
    // SAFETY: the descriptor is open for the call, and the pointer and the length describe `value`, which is only read.
    let result =
        unsafe { libc::setsockopt(fd.as_raw_fd(), level, option, (&raw const value).cast(), length) };
    if result == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Reads an option that is one int and has no safe wrapper.
fn get_int(fd: BorrowedFd<'_>, level: libc::c_int, option: libc::c_int) -> io::Result<libc::c_int> {
    let mut value = [0; size_of::<libc::c_int>()];
    get_octets(fd, level, option, &mut value)?;
    Ok(libc::c_int::from_ne_bytes(value))
}

/// Reads as much of an option as there is room for, and returns how much that is.
fn get_octets(
    fd: BorrowedFd<'_>,
    level: libc::c_int,
    option: libc::c_int,
    room: &mut [u8],
) -> io::Result<usize> {
    let mut length = socket_length(room.len())?;
    #[expect(unsafe_code, reason = "some options have no safe wrapper")]
    // SAFETY: the descriptor is open for the call, and the pointer and the length describe `room`, which is plain bytes.
    let result =
        unsafe { libc::getsockopt(fd.as_raw_fd(), level, option, room.as_mut_ptr().cast(), &raw mut length) };
    if result == -1 { Err(io::Error::last_os_error()) } else { Ok(length as usize) }
}

/// How many datagrams had arrived at a socket and were dropped, mostly because there was no room for them.
///
/// Source: socket(7), SO_MEMINFO (Linux 4.12); `SK_MEMINFO_DROPS` of `include/uapi/linux/sock_diag.h`. SO_RXQ_OVFL tells the same
/// only with the next datagram.
pub fn dropped_datagrams(socket: &SockRef<'_>) -> Option<u64> {
    /// `include/uapi/asm-generic/socket.h`; the `libc` crate does not have it for Android, whose processors all have this number.
    #[cfg(target_os = "android")]
    const SO_MEMINFO: libc::c_int = 55;
    #[cfg(not(target_os = "android"))]
    use libc::SO_MEMINFO;
    const DROPS: usize = 8;
    const NUMBER: usize = size_of::<u32>();
    let mut numbers = [0; (DROPS + 1) * NUMBER];
    let length = get_octets(socket.as_fd(), libc::SOL_SOCKET, SO_MEMINFO, &mut numbers).ok()?;
    let drops = numbers.get(DROPS * NUMBER..).filter(|_| length >= numbers.len())?;
    drops.try_into().ok().map(u32::from_ne_bytes).map(u64::from)
}

/// Whether what comes is acknowledged at once, or may wait for bytes that go with its acknowledgement.
///
/// Source: tcp(7), TCP_QUICKACK.
pub fn acknowledge_at_once(socket: &SockRef<'_>, on: bool) {
    // Refused, there is a segment more or a wait more.
    let _ = socket.set_tcp_quickack(on);
}

/// Asks for a receive buffer that takes a burst: as large as the system's limit lets it be, or larger for whoever may.
///
/// Source: socket(7), SO_RCVBUFFORCE.
pub fn widen_receive_buffer(socket: &SockRef<'_>) {
    let size = crate::DATAGRAM_BUFFER;
    let wanted = libc::c_int::try_from(size).unwrap_or(libc::c_int::MAX);
    if set_int(socket.as_fd(), libc::SOL_SOCKET, libc::SO_RCVBUFFORCE, wanted).is_err() {
        let _ = socket.set_recv_buffer_size(size);
    }
}

/// Has the kernel record what happens to a socket, where it was built to.
///
/// Source: socket(7), SO_DEBUG.
pub fn set_debug(socket: &SockRef<'_>) -> io::Result<()> {
    set_int(socket.as_fd(), libc::SOL_SOCKET, libc::SO_DEBUG, 1)
}

/// Drops packets that come with a lower TTL, or hop limit, than this: they come from further away.
///
/// Source: RFC 5082; `IP_MINTTL` of `linux/in.h`, `IPV6_MINHOPCOUNT` of `linux/in6.h`.
pub fn set_min_ttl(socket: &SockRef<'_>, hops: u8) -> io::Result<()> {
    let (level, name) = if crate::is_ipv6(socket) {
        (libc::IPPROTO_IPV6, libc::IPV6_MINHOPCOUNT)
    } else {
        (libc::IPPROTO_IP, libc::IP_MINTTL)
    };
    set_int(socket.as_fd(), level, name, hops.into())
}

/// `include/uapi/linux/in.h`; socket2 has it on Linux alone.
const MPTCP: libc::c_int = 262;

/// A socket that speaks Multipath TCP, if its peer does.
pub fn multipath_socket(domain: socket2::Domain) -> io::Result<socket2::Socket> {
    socket2::Socket::new(domain, socket2::Type::STREAM, Some(MPTCP.into()))
}

/// Whether a socket was opened for Multipath TCP. Those that a listening one accepts may speak it.
///
/// Source: socket(7), SO_PROTOCOL.
pub fn is_of_multipath(socket: &SockRef<'_>) -> bool {
    socket.protocol().is_ok_and(|protocol| protocol == Some(MPTCP.into()))
}

/// Whether a connection that was to speak Multipath TCP does. After it fell back, its own options are gone.
///
/// Source: `Documentation/networking/mptcp.rst` of Linux; `mptcp_getsockopt`, which hands a fallen-back socket to TCP.
pub fn is_multipath(socket: &SockRef<'_>) -> bool {
    /// `include/linux/socket.h`
    const SOL_MPTCP: libc::c_int = 284;
    /// `include/uapi/linux/mptcp.h`
    const MPTCP_INFO: libc::c_int = 1;
    // Far more than the struct has; the kernel says how much it wrote.
    get_octets(socket.as_fd(), SOL_MPTCP, MPTCP_INFO, &mut [0; 512]).is_ok()
}

/// A descriptor that is readable once a process has ended: its pidfd.
///
/// Source: pidfd_open(2).
#[cfg(not(target_os = "android"))]
pub(crate) fn end_of(process: rustix::process::Pid) -> io::Result<OwnedFd> {
    Ok(rustix::process::pidfd_open(process, rustix::process::PidfdFlags::empty())?)
}

/// Not there: a process of Android that makes a call which its filter does not know is killed.
#[cfg(target_os = "android")]
pub(crate) fn end_of(_: rustix::process::Pid) -> io::Result<OwnedFd> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Wakes when a socket's TCP state changes, which the acknowledgement of our FIN makes it do.
///
/// Once both directions have ended, `poll` reports a hang-up for good, so it cannot wait any more. An
/// edge-triggered epoll can: the kernel wakes it on every state change (FIN-WAIT-1 to FIN-WAIT-2, CLOSING to
/// TIME-WAIT, LAST-ACK to CLOSE).
///
/// Source: epoll(7), "Level-triggered and edge-triggered".
pub struct AcknowledgementWatch {
    epoll: OwnedFd,
}

impl AcknowledgementWatch {
    /// Begins to watch: what changes from now on wakes.
    pub fn new(socket: BorrowedFd<'_>) -> io::Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let flags = epoll::EventFlags::ET | epoll::EventFlags::IN | epoll::EventFlags::OUT;
        epoll::add(&epoll, socket, epoll::EventData::new_u64(0), flags)?;
        let mut watch = Self { epoll };
        // The edge of the state as it is now: what comes after it is news.
        watch.consume();
        Ok(watch)
    }

    /// Takes the edge that made the descriptor readable, so that it waits for the next one.
    pub fn consume(&mut self) {
        let mut events = [MaybeUninit::uninit(); 1];
        // A failure takes nothing, and then the caller merely looks once more.
        let _ = epoll::wait(&self.epoll, &mut events, Some(&rustix::event::Timespec::default()));
    }
}

impl AsFd for AcknowledgementWatch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.epoll.as_fd()
    }
}

impl AsRawFd for AcknowledgementWatch {
    fn as_raw_fd(&self) -> std::os::fd::RawFd {
        self.epoll.as_raw_fd()
    }
}
