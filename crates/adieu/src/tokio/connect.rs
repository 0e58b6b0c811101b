//! Connecting, waited for with tokio's reactor and clock.
//!
//! What there is to do is [`Connecting`]'s to say and to do; here is nothing but the wait for it.

use super::connection::Connection;
use super::nap::Nap;
use super::raised::Raised;
use super::stream::Stream;
use crate::Options;
use crate::connecting::{Connecting, Until};
use crate::handle::Readiness;
use crate::link::Link;
use crate::{ConnectError, ConnectOptions, Endpoint};
use std::future::poll_fn;
use std::task::{Context, Poll};
use tokio::io::AsyncWriteExt;

/// Connects to `endpoint`: resolves its name and tries every address until one connects, as
/// [`adieu::connect`](crate::connect()) does.
///
/// # Errors
///
/// [`ConnectError`] lists what each address said.
///
/// # Panics
///
/// Outside of a tokio runtime with I/O and time enabled.
pub async fn connect(endpoint: &Endpoint, options: &ConnectOptions) -> Result<Connection, ConnectError> {
    connect_with(endpoint, &options.0, None).await.map(Connection::new)
}

/// Connects as [`connect`] does, by TCP Fast Open: as much of `first` as may goes with the SYN, and the rest follows. The
/// async [`adieu::fast_open`](crate::fast_open()), which says what there is to know.
///
/// # Errors
///
/// As of [`connect`]; and [`ConnectOptions::check_fast_open`].
///
/// # Panics
///
/// Outside of a tokio runtime with I/O and time enabled.
pub async fn fast_open(
    endpoint: &Endpoint,
    options: &ConnectOptions,
    first: &[u8],
) -> Result<Connection, ConnectError> {
    let mut connection = connect_with(endpoint, &options.0, Some(first)).await.map(Connection::new)?;
    let mut rest = connection.inner.peer.link.unaccepted(first);
    while !rest.is_empty() {
        match connection.write(rest).await {
            Ok(n) => rest = &rest[n..],
            // The next call on the connection tells.
            Err(error) => {
                connection.inner.peer.link.cannot_go_on(&error);
                break;
            }
        }
    }
    Ok(connection)
}

async fn connect_with(
    endpoint: &Endpoint,
    options: &Options,
    first: Option<&[u8]>,
) -> Result<Box<Link<Stream>>, ConnectError> {
    let connecting = Connecting::new(endpoint, options, first);
    let mut waiter = Waiter { connecting, timer: Nap::default(), interrupt: Raised::default() };
    poll_fn(|cx| waiter.poll(cx)).await;
    waiter.connecting.finish()
}

/// The machine, and what it is waited for with.
struct Waiter<'a> {
    connecting: Connecting<'a, Stream>,
    timer: Nap,
    interrupt: Raised,
}

impl Waiter<'_> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        // What has come by now has come: the machine is told before it looks at the time.
        self.poll_sockets(cx);
        while self.connecting.advance().is_pending() {
            if !self.poll_wait(cx) {
                return Poll::Pending;
            }
        }
        Poll::Ready(())
    }

    /// Arranges to be woken when there is something to do. True: there is already.
    fn poll_wait(&mut self, cx: &mut Context<'_>) -> bool {
        if self.poll_sockets(cx) || self.poll_interrupt(cx) {
            return true;
        }
        self.connecting.lookup().is_some_and(|lookup| lookup.wake(cx.waker()))
            || self.timer.is_over(self.connecting.time_left(), cx)
    }

    fn poll_sockets(&mut self, cx: &mut Context<'_>) -> bool {
        let mut is_any = false;
        for place in 0.. {
            let Some((stream, until)) = self.connecting.sockets().nth(place) else { break };
            let readiness = match until {
                Until::Connected => Readiness::Send,
                Until::Ready(readiness) => readiness,
            };
            if stream.poll_ready(cx, readiness).is_ready() {
                self.connecting.note_ready(place);
                is_any = true;
            }
        }
        is_any
    }

    fn poll_interrupt(&mut self, cx: &mut Context<'_>) -> bool {
        let interrupt = self.connecting.interrupt();
        interrupt.is_some_and(|interrupt| self.interrupt.poll(interrupt, cx))
    }
}
