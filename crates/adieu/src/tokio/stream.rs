//! tokio's two kinds of stream as one handle: tokio says when, our own calls do it.

use crate::AdoptError;
use crate::handle::{Handle, Opened, Readiness};
use crate::link::adopt::make_ready;
use crate::os::{AsPollable, OwnedSocket, Pollable};
use socket2::{Domain, SockAddr, SockRef, Socket};
use std::future::Future;
use std::io;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use tokio::io::Interest;
use tokio::net::{TcpStream, tcp};
#[cfg(unix)]
use tokio::net::{UnixStream, unix};

/// A connected stream of tokio's, whichever of its types it has: what [`finish`](super::finish()) and
/// [`Connection::from_socket`](super::Connection::from_socket) take over, and what
/// [`into_socket`](super::Connection::into_socket) gives back.
///
/// It is made [from](From) a [`TcpStream`] or a `UnixStream`, and [if possible](TryFrom) from the two halves that `into_split` of
/// either gave, or from any socket that the program owns: an `OwnedFd`, on Windows an `OwnedSocket`, which may be that of a stream
/// of the standard library or of `socket2`. A socket is made non-blocking, and clones of it share that.
#[derive(Debug)]
#[non_exhaustive]
pub enum Stream {
    /// TCP.
    Tcp(TcpStream),
    /// A Unix socket.
    #[cfg(unix)]
    Unix(UnixStream),
}

impl From<TcpStream> for Stream {
    fn from(stream: TcpStream) -> Self {
        Self::Tcp(stream)
    }
}

#[cfg(unix)]
impl From<UnixStream> for Stream {
    fn from(stream: UnixStream) -> Self {
        Self::Unix(stream)
    }
}

impl TryFrom<(tcp::OwnedReadHalf, tcp::OwnedWriteHalf)> for Stream {
    type Error = AdoptError;

    /// Reunites the halves. If they are those of two different streams, both are dropped, which closes or shuts down what they
    /// are of.
    fn try_from((read, write): (tcp::OwnedReadHalf, tcp::OwnedWriteHalf)) -> Result<Self, AdoptError> {
        read.reunite(write).map(Self::Tcp).map_err(|_| AdoptError::NotOneStream)
    }
}

#[cfg(unix)]
impl TryFrom<(unix::OwnedReadHalf, unix::OwnedWriteHalf)> for Stream {
    type Error = AdoptError;

    /// Reunites the halves. If they are those of two different streams, both are dropped, which closes or shuts down what they
    /// are of.
    fn try_from((read, write): (unix::OwnedReadHalf, unix::OwnedWriteHalf)) -> Result<Self, AdoptError> {
        read.reunite(write).map(Self::Unix).map_err(|_| AdoptError::NotOneStream)
    }
}

impl TryFrom<OwnedSocket> for Stream {
    type Error = AdoptError;

    /// Registers it with the runtime.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime with I/O enabled.
    fn try_from(socket: OwnedSocket) -> Result<Self, AdoptError> {
        let socket = Socket::from(socket);
        make_ready(&(&socket).into())?;
        // Winsock knows no address of a socket that is not bound.
        let domain = socket.local_addr().ok().as_ref().map(SockAddr::domain);
        Ok(Self::from_socket(socket, domain != Some(Domain::UNIX))?)
    }
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

    /// With its readiness Linux has told whether there is an error to ask for.
    fn connect_error(&self) -> io::Result<Option<io::Error>> {
        if self.is_known_faultless() { Ok(None) } else { self.socket().take_error() }
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
        readiness: Readiness,
        mut call: impl FnMut(&SockRef<'_>) -> io::Result<T>,
    ) -> io::Result<T> {
        let interest = match readiness {
            Readiness::Receive => Interest::READABLE,
            Readiness::Send => Interest::WRITABLE,
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
    /// Whether Linux has told tokio that it can be sent to, and of no error. It costs no system call.
    pub(super) fn is_known_faultless(&self) -> bool {
        let stream = match self {
            Self::Tcp(stream) if cfg!(any(target_os = "linux", target_os = "android")) => stream,
            _ => return false,
        };
        let ready = pin!(stream.ready(Interest::WRITABLE | Interest::ERROR));
        let known = ready.poll(&mut Context::from_waker(Waker::noop()));
        matches!(known, Poll::Ready(Ok(ready)) if ready.is_writable() && !(ready.is_write_closed() || ready.is_error()))
    }

    /// Arranges to be woken when the next call in this direction may find something. Ready: it may already.
    pub(crate) fn poll_ready(&self, cx: &mut Context<'_>, readiness: Readiness) -> Poll<io::Result<()>> {
        match (self, readiness) {
            (Self::Tcp(stream), Readiness::Receive) => stream.poll_read_ready(cx),
            (Self::Tcp(stream), Readiness::Send) => stream.poll_write_ready(cx),
            #[cfg(unix)]
            (Self::Unix(stream), Readiness::Receive) => stream.poll_read_ready(cx),
            #[cfg(unix)]
            (Self::Unix(stream), Readiness::Send) => stream.poll_write_ready(cx),
        }
    }
}
