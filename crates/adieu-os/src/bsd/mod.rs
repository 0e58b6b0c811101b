//! macOS, FreeBSD, NetBSD and OpenBSD: the evidence of the TCP's state and of the send queue, and being woken by an acknowledgement.
//!
//! | part | is |
//! | --- | --- |
//! | `told` | what the octets and numbers of each system mean; it is compiled on every system, for its tests |
//! | `calls` | the calls that give them |
//! | `watch` | kqueue, which an acknowledgement wakes |
//!
//! DragonFly BSD is not among them: its sockets have neither TCP_INFO nor FIONWRITE (`tcp_ctloutput` of `sys/netinet/tcp_usrreq.c`,
//! `soo_ioctl` of `sys/kern/sys_socket.c`), so there nothing is known.

#[cfg(any(target_vendor = "apple", target_os = "freebsd", target_os = "netbsd", target_os = "openbsd"))]
mod calls;
mod told;
#[cfg(any(target_vendor = "apple", target_os = "freebsd", target_os = "netbsd", target_os = "openbsd"))]
mod watch;

#[cfg(target_vendor = "apple")]
pub(crate) use calls::prepare;
#[cfg(any(target_vendor = "apple", target_os = "freebsd", target_os = "netbsd", target_os = "openbsd"))]
pub use calls::{
    ProbePace, is_receiving_shut, is_sending_shut, peer_has_ended_first, sample, unacknowledged,
    unacknowledged_bytes, was_connected,
};
#[cfg(any(target_vendor = "apple", target_os = "freebsd", target_os = "netbsd", target_os = "openbsd"))]
pub use watch::AcknowledgementWatch;
