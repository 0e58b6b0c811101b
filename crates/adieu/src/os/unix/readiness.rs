//! Descriptors that tokio has no type for, registered with its reactor.

use crate::ListenError;
use crate::blocking::listener::Accepted;
use crate::os::AcknowledgementWatch;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::task::{Context, Poll, ready};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// A descriptor that stays the same for the life of its owner.
trait Steady: AsRawFd {}

impl Steady for crate::Listener {}
impl Steady for AcknowledgementWatch {}
impl Steady for OwnedFd {}

/// Registers a descriptor with tokio, to wait until it is readable.
fn register<T: Steady>(inner: T) -> io::Result<AsyncFd<T>> {
    #[expect(unsafe_code, reason = "tokio has no safe way to register a type of one's own")]
    // SAFETY: a `Steady` type owns its descriptor, keeps it open and never changes it.
    let registered = unsafe { AsyncFd::register_with_interest(inner, Interest::READABLE) };
    Ok(registered?)
}

/// A listener that can be awaited.
#[derive(Debug)]
pub(crate) struct Acceptor {
    inner: AsyncFd<crate::Listener>,
}

impl Acceptor {
    pub(crate) fn new(listener: crate::Listener) -> io::Result<Self> {
        Ok(Self { inner: register(listener)? })
    }

    pub(crate) fn listener(&self) -> &crate::Listener {
        self.inner.get_ref()
    }

    pub(crate) async fn accept(&self) -> Result<Accepted, ListenError> {
        loop {
            let mut guard = self.inner.readable().await.map_err(|e| self.listener().error(e))?;
            match self.listener().try_accept_socket()? {
                Some(accepted) => return Ok(accepted),
                None => guard.clear_ready(),
            }
        }
    }
}

/// An [`AcknowledgementWatch`] that can be awaited.
pub(crate) struct AsyncAcknowledgements {
    inner: AsyncFd<AcknowledgementWatch>,
}

impl AsyncAcknowledgements {
    pub(crate) fn new(socket: BorrowedFd<'_>) -> io::Result<Self> {
        AcknowledgementWatch::new(socket).and_then(register).map(|inner| Self { inner })
    }

    /// Ready: the peer's TCP may have acknowledged something; waits for the next time from then on.
    pub(crate) fn poll_news(&mut self, cx: &mut Context<'_>) -> Poll<()> {
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

/// An [`Interrupt`](crate::Interrupt) that can be awaited. It has a descriptor of its own, because a reactor takes each only
/// once and an interrupt may be that of many connections.
#[derive(Debug)]
pub(crate) struct AsyncInterrupt {
    inner: AsyncFd<OwnedFd>,
}

impl AsyncInterrupt {
    pub(crate) fn new(interrupt: &crate::Interrupt) -> io::Result<Self> {
        interrupt.as_fd().try_clone_to_owned().and_then(register).map(|inner| Self { inner })
    }

    /// Ready: it was raised. It stays so.
    pub(crate) fn poll_raised(&self, cx: &mut Context<'_>) -> Poll<()> {
        match ready!(self.inner.poll_read_ready(cx)) {
            Ok(_) => Poll::Ready(()),
            // The runtime is going away.
            Err(_) => Poll::Pending,
        }
    }

    /// Waits until it is raised.
    pub(crate) async fn raised(&self) {
        if self.inner.readable().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
