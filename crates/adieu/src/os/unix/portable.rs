//! Unix systems other than Linux: SO_ERROR is the only evidence so far; acknowledgements are not known.

use adieu_proto::{Sample, Unacknowledged};
use socket2::SockRef;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::{io, time::Duration};

/// What TCP_INFO adds to a report.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct TcpFacts {
    pub(crate) rtt: Option<Duration>,
    pub(crate) retransmitted_segments: Option<u64>,
}

/// Reads SO_ERROR, which clears it.
pub(crate) fn sample(socket: &SockRef<'_>, look: crate::os::Look<'_>) -> (Sample, TcpFacts) {
    let unacknowledged = if look.is_tcp { Unacknowledged::Unknown } else { Unacknowledged::NotApplicable };
    let socket_error = super::socket_error(socket);
    (Sample { unacknowledged, last_heard: None, socket_error }, TcpFacts::default())
}

/// Not on these systems; [`Options::check`](crate::Options::check) says so first.
pub(crate) fn bind_to_interface(_: &SockRef<'_>, _: &str) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Not on these systems.
pub(crate) fn set_user_timeout(_: &SockRef<'_>, _: Duration) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Not on these systems.
pub(crate) fn set_fast_open(_: &SockRef<'_>, _: u32) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Not on these systems.
pub(crate) fn is_multipath(_: &SockRef<'_>) -> bool {
    false
}

/// Never needed here: what cannot be known is not waited for.
pub(crate) struct AcknowledgementWatch {
    socket: OwnedFd,
}

impl AcknowledgementWatch {
    pub(crate) fn new(socket: BorrowedFd<'_>) -> io::Result<Self> {
        Ok(Self { socket: socket.try_clone_to_owned()? })
    }

    pub(crate) fn consume(&mut self) {}
}

impl AsFd for AcknowledgementWatch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl AsRawFd for AcknowledgementWatch {
    fn as_raw_fd(&self) -> std::os::fd::RawFd {
        self.socket.as_raw_fd()
    }
}
