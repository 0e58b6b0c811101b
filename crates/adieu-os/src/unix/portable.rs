//! Unix systems that have no evidence of their own here (DragonFly BSD, illumos): SO_ERROR is all there is, and acknowledgements are
//! not known.

pub use crate::untold::*;

use crate::TcpFacts;
use adieu_proto::{Path, Sample, Unacknowledged};
use rustix::process::Pid;
use socket2::SockRef;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

/// Reads SO_ERROR, which clears it.
pub fn sample(socket: &SockRef<'_>, context: crate::SampleContext, _: &mut ProbePace) -> (Sample, TcpFacts) {
    let unacknowledged = if context.is_tcp { Unacknowledged::Unknown } else { Unacknowledged::NotApplicable };
    let socket_error = super::socket_error(socket);
    (Sample { unacknowledged, path: Path::default(), socket_error }, TcpFacts::default())
}

/// Not known here: a socket that has no peer counts as one that never had one. Most systems say otherwise that it is over.
pub fn was_connected(_: &SockRef<'_>) -> bool {
    false
}

/// A descriptor that is readable once a process has ended: not here.
pub(crate) fn end_of(_: Pid) -> io::Result<OwnedFd> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Never needed here: what cannot be known is not waited for.
pub struct AcknowledgementWatch {
    socket: OwnedFd,
}

impl AcknowledgementWatch {
    /// Has the socket, so that there is something to wait for.
    pub fn new(socket: BorrowedFd<'_>) -> io::Result<Self> {
        Ok(Self { socket: socket.try_clone_to_owned()? })
    }

    /// Nothing is to be taken.
    pub fn consume(&mut self) {}
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
