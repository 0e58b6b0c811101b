//! What tokio waits for.

use crate::ListenError;
use crate::blocking::listener::Accepted;
use std::io;
use std::os::windows::io::{AsSocket, BorrowedSocket};
use std::task::{Context, Poll, ready};
use tokio::net::{TcpListener, UdpSocket};

/// A listener that can be awaited.
#[derive(Debug)]
pub(crate) struct Acceptor {
    listener: crate::Listener,
    /// The same socket, known to tokio.
    registered: TcpListener,
}

impl Acceptor {
    pub(crate) fn new(listener: crate::Listener) -> io::Result<Self> {
        let registered = TcpListener::from_std(listener.duplicate()?.into())?;
        Ok(Self { listener, registered })
    }

    pub(crate) fn listener(&self) -> &crate::Listener {
        &self.listener
    }

    pub(crate) async fn accept(&self) -> Result<Accepted, ListenError> {
        loop {
            let accepted = self.registered.accept().await;
            match accepted.and_then(|(stream, peer)| Ok((stream.into_std()?, peer))) {
                Ok((stream, peer)) => {
                    return Ok(Accepted {
                        socket: stream.into(),
                        is_tcp: true,
                        peer: Some(peer.to_string()),
                    });
                }
                // It failed while it waited: there is nothing to accept, and nothing is wrong with us.
                Err(error) if super::is_of_the_accepted(&error) => {}
                Err(error) => return Err(self.listener.error(error)),
            }
        }
    }
}

/// Nothing wakes us when the state of a TCP changes: it is looked at again and again.
pub(crate) enum AsyncAcknowledgements {}

impl AsyncAcknowledgements {
    pub(crate) fn new(_: BorrowedSocket<'_>) -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(crate) fn poll_news(&mut self, _: &mut Context<'_>) -> Poll<()> {
        match *self {}
    }
}

/// An [`Interrupt`](crate::Interrupt) that can be awaited. It has a handle of its own, because tokio takes each only once and
/// an interrupt may be that of many connections.
#[derive(Debug)]
pub(crate) struct AsyncInterrupt {
    inner: UdpSocket,
}

impl AsyncInterrupt {
    pub(crate) fn new(interrupt: &crate::Interrupt) -> io::Result<Self> {
        let own = interrupt.as_socket().try_clone_to_owned()?;
        UdpSocket::from_std(own.into()).map(|inner| Self { inner })
    }

    /// Ready: it was raised. It stays so.
    pub(crate) fn poll_raised(&self, cx: &mut Context<'_>) -> Poll<()> {
        match ready!(self.inner.poll_recv_ready(cx)) {
            Ok(()) => Poll::Ready(()),
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
