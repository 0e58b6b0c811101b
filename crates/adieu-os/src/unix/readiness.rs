//! Descriptors that tokio has no type for, registered with its reactor.

use crate::{AcknowledgementWatch, AsPollable, try_accept};
use socket2::{SockAddr, Socket};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::task::{Context, Poll, ready};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// A descriptor that stays the same for the life of its owner.
trait Steady: AsRawFd {}

impl Steady for Socket {}
impl Steady for AcknowledgementWatch {}
impl Steady for OwnedFd {}

/// Registers a descriptor with tokio, to wait until it is readable.
fn register<T: Steady>(inner: T) -> io::Result<AsyncFd<T>> {
    #[expect(unsafe_code, reason = "tokio has no safe way to register a type of one's own")]
    // SAFETY: a `Steady` type owns its descriptor, keeps it open and never changes it.
    let registered = unsafe { AsyncFd::register_with_interest(inner, Interest::READABLE) };
    Ok(registered?)
}

/// A listening socket that can be awaited.
#[derive(Debug)]
pub struct Acceptor {
    /// A descriptor of its own, as [`AsyncInterrupt`] has.
    inner: AsyncFd<Socket>,
}

impl Acceptor {
    /// Registers a descriptor of its own for the socket.
    ///
    /// # Errors
    ///
    /// The system has no descriptors left, or the runtime takes none.
    pub fn new(listener: &Socket) -> io::Result<Self> {
        listener.try_clone().and_then(register).map(|inner| Self { inner })
    }

    /// Accepts a connection, non-blocking, with the peer's address; waits for it.
    ///
    /// # Errors
    ///
    /// The system could not accept: it has no descriptors left.
    pub async fn accept(&self) -> io::Result<(Socket, SockAddr)> {
        loop {
            let mut guard = self.inner.readable().await?;
            match try_accept(self.inner.get_ref())? {
                Some(accepted) => return Ok(accepted),
                None => guard.clear_ready(),
            }
        }
    }
}

/// An [`AcknowledgementWatch`] that can be awaited.
pub struct AsyncAcknowledgements {
    inner: AsyncFd<AcknowledgementWatch>,
}

impl AsyncAcknowledgements {
    /// Registers the socket.
    ///
    /// # Errors
    ///
    /// The system has no descriptors left, or the runtime takes none.
    pub fn new(socket: BorrowedFd<'_>) -> io::Result<Self> {
        AcknowledgementWatch::new(socket).and_then(register).map(|inner| Self { inner })
    }

    /// Ready: the peer's TCP may have acknowledged something; waits for the next time from then on.
    pub fn poll_news(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match ready!(self.inner.poll_read_ready_mut(cx)) {
            Ok(mut guard) => {
                guard.get_inner_mut().consume();
                guard.clear_ready();
                Poll::Ready(())
            }
            // The runtime is going away.
            Err(_) => Poll::Pending,
        }
    }
}

/// A [`Waker`](super::Waker), or what has one, that any number of tasks of one runtime can await. It has a descriptor of its own,
/// because a reactor takes each only once.
#[derive(Debug)]
pub struct AsyncInterrupt {
    inner: AsyncFd<OwnedFd>,
}

impl AsyncInterrupt {
    /// Registers a descriptor of its own for it.
    ///
    /// # Errors
    ///
    /// The system has no descriptors left, or the runtime takes none.
    pub fn new(interrupt: &impl AsPollable) -> io::Result<Self> {
        interrupt.as_pollable().try_clone_to_owned().and_then(register).map(|inner| Self { inner })
    }

    /// Waits until it is woken, which it then stays; for ever, if the runtime goes away.
    pub async fn raised(&self) {
        if self.inner.readable().await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Ready: it is woken. Otherwise the waker of `cx` is, alone of those that were given to this, once it is.
    pub fn poll_raised(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.inner.poll_read_ready(cx).map(drop)
    }
}
