//! What tokio waits for.

use crate::AsPollable;
use socket2::{SockAddr, Socket};
use std::io;
use std::os::windows::io::BorrowedSocket;
use std::task::{Context, Poll};
use tokio::net::{TcpListener, UdpSocket};

/// A listening socket that can be awaited.
#[derive(Debug)]
pub struct Acceptor {
    /// The same socket, known to tokio.
    registered: TcpListener,
}

impl Acceptor {
    /// Registers a handle of its own for the socket.
    ///
    /// # Errors
    ///
    /// The system has no sockets left, or the runtime takes none.
    pub fn new(listener: &Socket) -> io::Result<Self> {
        TcpListener::from_std(listener.try_clone()?.into()).map(|registered| Self { registered })
    }

    /// Accepts a connection, non-blocking, with the peer's address; waits for it.
    ///
    /// # Errors
    ///
    /// The system could not accept: it has no sockets left.
    pub async fn accept(&self) -> io::Result<(Socket, SockAddr)> {
        loop {
            let accepted = self.registered.accept().await;
            match accepted.and_then(|(stream, peer)| Ok((stream.into_std()?, peer))) {
                Ok((stream, peer)) => return Ok((stream.into(), peer.into())),
                // It failed while it waited: there is nothing to accept, and nothing is wrong with us.
                Err(error) if super::is_of_the_accepted(&error) => {}
                Err(error) => return Err(error),
            }
        }
    }
}

/// Nothing wakes us when the state of a TCP changes: it is looked at again and again.
pub enum AsyncAcknowledgements {}

impl AsyncAcknowledgements {
    /// Never to be had.
    ///
    /// # Errors
    ///
    /// Always: nothing wakes us.
    pub fn new(_: BorrowedSocket<'_>) -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Never called: there is none.
    pub fn poll_news(&mut self, _: &mut Context<'_>) -> Poll<()> {
        match *self {}
    }
}

/// A [`Waker`](super::Waker), or what has one, that any number of tasks of one runtime can await. It has a handle of its own,
/// because tokio takes each only once.
#[derive(Debug)]
pub struct AsyncInterrupt {
    inner: UdpSocket,
}

impl AsyncInterrupt {
    /// Registers a handle of its own for it.
    ///
    /// # Errors
    ///
    /// The system has no sockets left, or the runtime takes none.
    pub fn new(interrupt: &impl AsPollable) -> io::Result<Self> {
        let own = interrupt.as_pollable().try_clone_to_owned()?;
        UdpSocket::from_std(own.into()).map(|inner| Self { inner })
    }

    /// Waits until it is woken, which it then stays; for ever, if the runtime goes away.
    pub async fn raised(&self) {
        if self.inner.readable().await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Ready: it is woken. Otherwise the waker of `cx` is, alone of those that were given to this, once it is.
    pub fn poll_raised(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.inner.poll_recv_ready(cx).map(drop)
    }
}
