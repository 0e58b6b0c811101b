//! macOS, FreeBSD, NetBSD and OpenBSD: the evidence of the TCP's state and of the send queue, and being woken by an acknowledgement.
//!
//! | part | is |
//! | --- | --- |
//! | `calls` | the calls that tell; what their octets and numbers mean is decided in `told`, which is tested on every system |
//! | `watch` | kqueue, which an acknowledgement wakes, and the end of a process |
//!
//! DragonFly BSD is not among them: its sockets have neither TCP_INFO nor FIONWRITE (`tcp_ctloutput` of `sys/netinet/tcp_usrreq.c`,
//! `soo_ioctl` of `sys/kern/sys_socket.c`), so there nothing is known.

mod calls;
mod watch;

#[cfg(target_vendor = "apple")]
pub(crate) use calls::prepare;
pub use calls::{
    ProbePace, is_receiving_shut, is_sending_shut, peer_has_ended_first, sample, unacknowledged,
    unacknowledged_bytes, was_connected,
};
pub use watch::AcknowledgementWatch;
pub(crate) use watch::end_of;
