//! What ICMP has told of datagrams that did not arrive: the error queue of a socket.
//!
//! Without it a connected socket is told of a port where nobody receives, and of nothing else: not that a host or a network cannot be
//! reached. With it all of that comes, once for each message, also to a socket without a peer.
//!
//! Source: ip(7), IP_RECVERR; ipv6(7), IPV6_RECVERR; recv(2), MSG_ERRQUEUE.

use super::set_int;
use socket2::SockRef;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd};

/// Lets the socket keep what is told of datagrams that do not arrive. A system that refuses tells less.
pub fn keep_undelivered(socket: &SockRef<'_>) {
    let fd = socket.as_fd();
    if super::super::is_ipv6(socket) {
        let _ = set_int(fd, libc::IPPROTO_IPV6, libc::IPV6_RECVERR, 1);
    }
    // A socket of IPv6 that takes both has IPv4's too; another one refuses.
    let _ = set_int(fd, libc::IPPROTO_IP, libc::IP_RECVERR, 1);
}

/// Takes the next thing that was told. `None`: nothing more was.
pub fn next_undelivered(socket: &SockRef<'_>) -> Option<crate::Undelivered> {
    // Far more than the one message has: struct sock_extended_err, and an address of IPv6.
    let mut control = [0_u64; 32];
    let mut header = MaybeUninit::<libc::msghdr>::zeroed();
    #[expect(unsafe_code, reason = "MSG_ERRQUEUE has no safe wrapper")]
    // SAFETY: a header of zeros is one without any buffer. The control data is described by its pointer and its length, outlives
    // the call, and is as aligned as a cmsghdr has to be. CMSG_FIRSTHDR and CMSG_NXTHDR give only headers that lie within it, and
    // what is read of the data is what the kernel says is there: a sock_extended_err, unaligned.
    unsafe {
        let message = header.assume_init_mut();
        message.msg_control = control.as_mut_ptr().cast();
        message.msg_controllen = size_of_val(&control) as _;
        let flags = libc::MSG_ERRQUEUE | libc::MSG_DONTWAIT;
        if libc::recvmsg(socket.as_fd().as_raw_fd(), message, flags) == -1 {
            return None;
        }
        let mut next = libc::CMSG_FIRSTHDR(message);
        while let Some(found) = next.as_ref() {
            let is_error = matches!(
                (found.cmsg_level, found.cmsg_type),
                (libc::IPPROTO_IP, libc::IP_RECVERR) | (libc::IPPROTO_IPV6, libc::IPV6_RECVERR)
            );
            if is_error {
                let told = libc::CMSG_DATA(next).cast::<libc::sock_extended_err>().read_unaligned();
                let error = io::Error::from_raw_os_error(i32::try_from(told.ee_errno).unwrap_or(0));
                let by_us = told.ee_origin == libc::SO_EE_ORIGIN_LOCAL;
                return Some(crate::Undelivered { error, by_us });
            }
            next = libc::CMSG_NXTHDR(message, next);
        }
    }
    None
}
