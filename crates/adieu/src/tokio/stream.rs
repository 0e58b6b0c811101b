//! tokio's two kinds of stream as one handle: tokio says when, our own calls do it.

use crate::handle::{Direction, Handle, Opened};
use crate::os::{AsPollable, Pollable};
use socket2::{SockRef, Socket};
use std::io;
use std::task::{Context, Poll};
use tokio::io::Interest;
use tokio::net::TcpStream;
#[cfg(unix)]
use tokio::net::UnixStream;

pub(crate) enum Stream {
    Tcp(TcpStream),
    #[cfg(unix)]
    Unix(UnixStream),
}

impl Opened for Stream {
    /// tokio has them on Unix alone.
    const HAS_UNIX_SOCKETS: bool = cfg!(unix);

    /// Registers it with the runtime.
    fn from_socket(socket: Socket, is_tcp: bool) -> io::Result<Self> {
        if is_tcp {
            return TcpStream::from_std(socket.into()).map(Self::Tcp);
        }
        #[cfg(unix)]
        return UnixStream::from_std(socket.into()).map(Self::Unix);
        #[cfg(not(unix))]
        Err(io::ErrorKind::Unsupported.into())
    }
}

impl Handle for Stream {
    /// What it is joined to is any `AsyncRead` and `AsyncWrite`, which give and take bytes alone.
    const HAS_DIRECT_WAYS: bool = false;

    fn socket(&self) -> SockRef<'_> {
        match self {
            Self::Tcp(stream) => SockRef::from(stream),
            #[cfg(unix)]
            Self::Unix(stream) => SockRef::from(stream),
        }
    }

    fn pollable(&self) -> Pollable<'_> {
        match self {
            Self::Tcp(stream) => stream.as_pollable(),
            #[cfg(unix)]
            Self::Unix(stream) => stream.as_pollable(),
        }
    }

    /// tokio clears the readiness that stood before the call, if the call finds nothing: what another thread's driver
    /// brings during the call is then not lost. Where no readiness is known the call is made all the same, because
    /// "nothing there" after a fault must be the kernel's own word.
    fn attempt<T>(
        &self,
        direction: Direction,
        mut call: impl FnMut(&SockRef<'_>) -> io::Result<T>,
    ) -> io::Result<T> {
        let interest = match direction {
            Direction::Receive => Interest::READABLE,
            Direction::Send => Interest::WRITABLE,
        };
        let mut called = false;
        let attempt = || {
            called = true;
            call(&self.socket())
        };
        let result = match self {
            Self::Tcp(stream) => stream.try_io(interest, attempt),
            #[cfg(unix)]
            Self::Unix(stream) => stream.try_io(interest, attempt),
        };
        if called { result } else { call(&self.socket()) }
    }
}

impl Stream {
    /// Arranges to be woken when the next call in this direction may find something. Ready: it may already.
    pub(crate) fn poll_ready(&self, cx: &mut Context<'_>, direction: Direction) -> Poll<io::Result<()>> {
        match (self, direction) {
            (Self::Tcp(stream), Direction::Receive) => stream.poll_read_ready(cx),
            (Self::Tcp(stream), Direction::Send) => stream.poll_write_ready(cx),
            #[cfg(unix)]
            (Self::Unix(stream), Direction::Receive) => stream.poll_read_ready(cx),
            #[cfg(unix)]
            (Self::Unix(stream), Direction::Send) => stream.poll_write_ready(cx),
        }
    }
}
