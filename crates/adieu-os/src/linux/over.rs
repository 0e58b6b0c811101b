//! What can still be learnt of a TCP connection that was over before its socket was given to us.
//!
//! Its state says CLOSE after a graceful end and after a reset alike, and an error that its program was told of is told to
//! nobody else. What is left are the counters.

use super::{get_octets, outq, set_int, state};
use socket2::SockRef;
use std::io;
use std::mem::{MaybeUninit, size_of};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

/// Whether both directions had ended by FINs that were acknowledged, and everything before them. `begun_here`: whether this side
/// began the connection. `None`: not known. False is no proof of anything else.
///
/// - The peer's FIN was received: the kernel's hint of what is still to be read is one more than that is (tcp(7), TCP_INQ;
///   `tcp_inq_hint` of Linux 4.18, which tells of SOCK_DONE, and only a FIN sets that).
/// - Nothing of ours is unacknowledged: SIOCOUTQ, whose count a reset leaves as it was.
/// - Our FIN is among what was acknowledged: `tcpi_bytes_acked` counts it, and the SYN of the side that began, and
///   `tcpi_bytes_sent` counts neither (Linux 4.19).
pub fn had_both_ended(socket: &SockRef<'_>, begun_here: Option<bool>) -> bool {
    let fd = socket.as_fd();
    let Some(counters) = Counters::of(fd).filter(|counters| counters.state == state::CLOSE) else {
        return false;
    };
    let flags = if begun_here == Some(false) { 1 } else { 2 };
    outq(fd).is_ok_and(|octets| octets == 0)
        && counters.acknowledged_flags() == Some(flags)
        && peer_fin_received(fd).unwrap_or_default()
}

/// From TCP_INFO, whose struct in the `libc` crate ends before them.
struct Counters {
    state: u8,
    bytes_acked: u64,
    bytes_sent: u64,
    bytes_retrans: u64,
}

impl Counters {
    /// Source: `include/uapi/linux/tcp.h`, `struct tcp_info`. `None`: the kernel does not have them.
    fn of(fd: BorrowedFd<'_>) -> Option<Self> {
        let mut info = [0_u8; 256];
        let length = get_octets(fd, libc::IPPROTO_TCP, libc::TCP_INFO, &mut info).ok()?;
        let known = info.get(..length)?;
        let number = |at: usize| {
            let octets = known.get(at..at + 8)?;
            Some(u64::from_ne_bytes(octets.try_into().ok()?))
        };
        Some(Self {
            state: info[0],
            bytes_acked: number(120)?,
            bytes_sent: number(200)?,
            bytes_retrans: number(208)?,
        })
    }

    /// How many SYNs and FINs of ours were acknowledged.
    fn acknowledged_flags(&self) -> Option<u64> {
        self.bytes_acked.checked_sub(self.bytes_sent.checked_sub(self.bytes_retrans)?)
    }
}

/// `include/uapi/linux/tcp.h`: TCP_INQ, and TCP_CM_INQ, which is the same.
const TCP_INQ: libc::c_int = 36;

/// Whether the peer's FIN was received. The socket must have no error to tell: this would take it.
fn peer_fin_received(fd: BorrowedFd<'_>) -> io::Result<bool> {
    set_int(fd, libc::IPPROTO_TCP, TCP_INQ, 1)?;
    let hint = hint(fd);
    set_int(fd, libc::IPPROTO_TCP, TCP_INQ, 0)?;
    let to_be_read = rustix::io::ioctl_fionread(fd)?;
    Ok(hint?.and_then(|hint| u64::try_from(hint).ok()).is_some_and(|hint| hint > to_be_read))
}

/// What the kernel says, beside a receive that takes nothing, of what is still to be read. `None`: it says nothing.
fn hint(fd: BorrowedFd<'_>) -> io::Result<Option<libc::c_int>> {
    /// A message of one int, aligned as its header is.
    #[repr(C)]
    struct Control {
        header: libc::cmsghdr,
        hint: libc::c_int,
        _room: [u8; 16],
    }
    let mut byte = 0_u8;
    let mut piece = libc::iovec { iov_base: (&raw mut byte).cast(), iov_len: 1 };
    #[expect(unsafe_code, reason = "no safe wrapper gives control messages of TCP")]
    // SAFETY: both structs are plain integers and null pointers, valid when zeroed.
    let (mut control, mut message) = unsafe {
        (MaybeUninit::<Control>::zeroed().assume_init(), MaybeUninit::<libc::msghdr>::zeroed().assume_init())
    };
    message.msg_iov = &raw mut piece;
    message.msg_iovlen = 1;
    message.msg_control = (&raw mut control).cast();
    message.msg_controllen = size_of::<Control>() as _;
    #[expect(unsafe_code, reason = "no safe wrapper gives control messages of TCP")]
    // SAFETY: the descriptor is open for the call, and the message describes `byte` and `control`, which outlive it.
    let result =
        unsafe { libc::recvmsg(fd.as_raw_fd(), &raw mut message, libc::MSG_PEEK | libc::MSG_DONTWAIT) };
    if result == -1 {
        return Err(io::Error::last_os_error());
    }
    let Control { header, hint, .. } = control;
    let is_hint =
        message.msg_controllen > 0 && header.cmsg_level == libc::IPPROTO_TCP && header.cmsg_type == TCP_INQ;
    Ok(is_hint.then_some(hint))
}
