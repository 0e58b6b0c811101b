//! Both directions at once, on tokio: any `AsyncRead` to the peer and the peer to any `AsyncWrite`.

use super::connection::{Connection, Inner};
use super::stream::Stream;
use crate::Report;
use crate::handle::{Direction, Handle};
use crate::link::{Link, Moved};
use crate::os::{self, Watch};
use adieu_proto::{LocalEnd, Waiting};
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::task::coop::poll_proceed;

/// How much one direction holds at most.
const CAPACITY: usize = 64 * 1024;

/// Sends `input` to the peer and the peer's bytes to `output` at the same time, half-closes at the input's EOF, drains,
/// waits until everything is acknowledged, closes, and reports. The async [`adieu::exchange`](crate::exchange()).
///
/// `output` is shut down after the peer's EOF, and our sending side after that, if the peer ended first: our FIN says that
/// `output` took everything. If the peer's stream was cut, `output` is dropped without a shutdown. What can go wrong is in
/// the report; there is no other error.
pub async fn exchange(connection: Connection, input: impl AsyncRead, output: impl AsyncWrite) -> Report {
    let (mut input, mut output) = (pin!(input), pin!(output));
    let mut exchange = Exchange {
        inner: connection.inner,
        up: Store::new(),
        down: Store::new(),
        output_ended: false,
        input_failure: None,
        hang_up_known: false,
    };
    exchange.inner.link.core.await_output_end();
    if poll_fn(|cx| exchange.inner.poll_connected(cx)).await {
        poll_fn(|cx| exchange.poll(cx, input.as_mut(), output.as_mut())).await;
    }
    exchange.inner.finish().await;
    exchange.inner.report()
}

struct Store {
    bytes: Box<[u8]>,
    start: usize,
    end: usize,
}

impl Store {
    fn new() -> Self {
        Self { bytes: vec![0; CAPACITY].into_boxed_slice(), start: 0, end: 0 }
    }

    fn is_empty(&self) -> bool {
        self.start == self.end
    }
}

struct Exchange {
    inner: Inner,
    up: Store,
    down: Store,
    output_ended: bool,
    /// Why the input failed, until that is told.
    input_failure: Option<std::io::Error>,
    /// A hang-up has been looked into; tokio would report it for ever.
    hang_up_known: bool,
}

impl Exchange {
    fn link(&mut self) -> &mut Link<Stream> {
        &mut self.inner.link
    }

    /// Ready: both directions have ended and everything is handed on, or the connection is over.
    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        mut input: Pin<&mut (impl AsyncRead + ?Sized)>,
        mut output: Pin<&mut (impl AsyncWrite + ?Sized)>,
    ) -> Poll<()> {
        loop {
            // An exchange that always finds something would else never let another task run.
            let turn = ready!(poll_proceed(cx));
            self.link().check_stop();
            self.link().act();
            let mut waiting = Waiting::default();
            // Receive first: whatever a failing send would tell, the peer may have said before.
            let moved = self.receive(cx, &mut waiting)
                | self.write(cx, output.as_mut(), &mut waiting)
                | self.read(cx, input.as_mut(), &mut waiting)
                | self.send(cx, &mut waiting);
            if let Some(error) = self.input_failure.take() {
                // What the peer has said and can be handed on without waiting, is. Bounded: it may never end.
                for _ in 0..64 {
                    if !(self.receive(cx, &mut waiting) | self.write(cx, output.as_mut(), &mut waiting)) {
                        break;
                    }
                }
                self.link().local_failure(LocalEnd::Input, &error);
            }
            self.link().act();
            let wants = self.inner.link.core.wants();
            let idle = !(wants.receive || wants.send || wants.input || self.inner.link.core.is_leaving())
                && self.down.is_empty();
            let settled = self.output_ended || self.inner.link.core.is_cut();
            if self.inner.link.core.is_decided() || (idle && settled) {
                return Poll::Ready(());
            }
            if !moved && !self.hangs_up(cx, waiting) && !self.inner.poll_time(cx, waiting) {
                return Poll::Pending;
            }
            turn.made_progress();
        }
    }

    fn receive(&mut self, cx: &mut Context<'_>, waiting: &mut Waiting) -> bool {
        let room = self.down.is_empty();
        if !(room && self.link().core.wants().receive) {
            return false;
        }
        match self.inner.link.receive(&mut self.down.bytes) {
            Moved::Bytes(n) => {
                (self.down.start, self.down.end) = (0, n);
                true
            }
            Moved::Blocked => {
                waiting.receive = true;
                self.poll_ready(cx, Direction::Receive)
            }
            Moved::Ended => true,
        }
    }

    fn send(&mut self, cx: &mut Context<'_>, waiting: &mut Waiting) -> bool {
        if !self.link().core.wants().send {
            return false;
        }
        match self.inner.link.send(&self.up.bytes[self.up.start..self.up.end]) {
            Moved::Bytes(n) => {
                self.up.start += n;
                true
            }
            Moved::Blocked => {
                waiting.send = true;
                self.poll_ready(cx, Direction::Send)
            }
            Moved::Ended => true,
        }
    }

    /// Arranges to be woken. True: there is something already.
    fn poll_ready(&self, cx: &mut Context<'_>, direction: Direction) -> bool {
        let Some(stream) = &self.inner.link.handle else { return false };
        stream.poll_ready(cx, direction).is_ready()
    }

    /// The peer has ended and only our input is waited for: a reset would still be news, and no call would tell it.
    /// Arranges to be woken by it. True: it is there, and the core has been told to look.
    fn hangs_up(&mut self, cx: &mut Context<'_>, waiting: Waiting) -> bool {
        let wants = self.inner.link.core.wants();
        let Some(stream) = &self.inner.link.handle else { return false };
        if self.hang_up_known || wants.receive || waiting.send || !wants.input {
            return false;
        }
        // Room to send is no news here. Clearing it harms nobody: a send is tried whatever is known.
        let _ = stream.attempt(Direction::Send, |_| Err::<(), _>(std::io::ErrorKind::WouldBlock.into()));
        if stream.poll_ready(cx, Direction::Send).is_pending() {
            return false;
        }
        let mut watches = [Watch::new(stream.as_pollable(), false, false)];
        self.hang_up_known = os::wait(&mut watches, Some(Duration::ZERO)).is_err() || watches[0].ready.alert;
        if self.hang_up_known {
            self.inner.link.core.request_sample();
        }
        // If it was only room that has just come, the next turn clears that.
        true
    }

    fn write(
        &mut self,
        cx: &mut Context<'_>,
        mut output: Pin<&mut (impl AsyncWrite + ?Sized)>,
        waiting: &mut Waiting,
    ) -> bool {
        let result = if !self.down.is_empty() {
            output.as_mut().poll_write(cx, &self.down.bytes[self.down.start..self.down.end])
        } else if !self.inner.link.core.peer_has_ended() || self.inner.link.core.is_cut() || self.output_ended
        {
            // What was taken may be held back by a writer with a buffer.
            output.as_mut().poll_flush(cx).map_ok(|()| 0)
        } else {
            output.as_mut().poll_shutdown(cx).map_ok(|()| {
                self.output_ended = true;
                self.inner.link.core.handle_output_ended();
                0
            })
        };
        match result {
            Poll::Pending => {
                waiting.output = true;
                false
            }
            Poll::Ready(Ok(0)) if self.down.is_empty() => false,
            Poll::Ready(Ok(0)) => self.output_failed(&std::io::ErrorKind::WriteZero.into()),
            Poll::Ready(Ok(n)) => {
                self.down.start += n;
                let now = self.link().now();
                self.link().core.handle_output(now, n as u64);
                true
            }
            Poll::Ready(Err(error)) => self.output_failed(&error),
        }
    }

    fn output_failed(&mut self, error: &std::io::Error) -> bool {
        self.link().local_failure(LocalEnd::Output, error);
        true
    }

    fn read(
        &mut self,
        cx: &mut Context<'_>,
        input: Pin<&mut (impl AsyncRead + ?Sized)>,
        waiting: &mut Waiting,
    ) -> bool {
        if !(self.up.is_empty() && self.link().core.wants().input) {
            return false;
        }
        let mut buffer = ReadBuf::new(&mut self.up.bytes);
        match input.poll_read(cx, &mut buffer) {
            Poll::Pending => {
                waiting.input = true;
                return false;
            }
            Poll::Ready(Ok(())) => {
                let n = buffer.filled().len();
                (self.up.start, self.up.end) = (0, n);
                if n == 0 {
                    self.link().core.handle_input_eof();
                } else {
                    self.link().core.handle_input(n as u64);
                }
            }
            Poll::Ready(Err(error)) => self.input_failure = Some(error),
        }
        true
    }
}
