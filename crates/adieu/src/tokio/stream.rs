//! tokio's two kinds of stream as one handle: tokio says when, our own calls do it.

use crate::handle::Handle;
use socket2::{SockRef, Socket};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::task::{Context, Poll};
use tokio::io::Interest;
use tokio::net::{TcpStream, UnixStream};

pub(crate) enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Handle for Stream {
    fn socket(&self) -> SockRef<'_> {
        match self {
            Self::Tcp(stream) => SockRef::from(stream),
            Self::Unix(stream) => SockRef::from(stream),
        }
    }
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Tcp(stream) => stream.as_fd(),
            Self::Unix(stream) => stream.as_fd(),
        }
    }
}

impl Stream {
    /// Registers a connected, non-blocking socket with the runtime.
    pub(crate) fn new(socket: Socket, is_tcp: bool) -> io::Result<Self> {
        if is_tcp {
            TcpStream::from_std(socket.into()).map(Self::Tcp)
        } else {
            UnixStream::from_std(socket.into()).map(Self::Unix)
        }
    }

    pub(crate) fn poll_ready(&self, cx: &mut Context<'_>, interest: Interest) -> Poll<io::Result<()>> {
        match (self, interest.is_readable()) {
            (Self::Tcp(stream), true) => stream.poll_read_ready(cx),
            (Self::Tcp(stream), false) => stream.poll_write_ready(cx),
            (Self::Unix(stream), true) => stream.poll_read_ready(cx),
            (Self::Unix(stream), false) => stream.poll_write_ready(cx),
        }
    }

    /// The call found nothing: wait for the next edge, and not for the one that is known.
    pub(crate) fn clear_ready(&self, interest: Interest) {
        let blocked = || Err::<(), _>(io::ErrorKind::WouldBlock.into());
        // Only the error of our own closure comes back.
        let _ = match self {
            Self::Tcp(stream) => stream.try_io(interest, blocked),
            Self::Unix(stream) => stream.try_io(interest, blocked),
        };
    }
}
