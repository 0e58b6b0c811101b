//! Both directions at once, on tokio: any `AsyncRead` to the peer and the peer to any `AsyncWrite`; and an echo.
//!
//! Two flows, or one, moved at each poll of one future. What waits for nothing is [`flow`]'s part; here are the
//! wakers.

use super::connection::Connection;
use super::hang_up::is_hung_up;
use super::inner::Inner;
use super::waiters::Half;
use crate::Report;
use crate::flow::polled::{Reading, Writing, Written};
use crate::flow::{self, Flow, Loop, Pair, Turn, Waits};
use crate::handle::Readiness;
use adieu_proto::Waiting;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::coop::poll_proceed;

/// Sends `input` to the peer and the peer's bytes to `output` at the same time, half-closes at the input's EOF, drains,
/// waits until everything is acknowledged, closes, and reports. The async [`adieu::exchange`](crate::exchange()).
///
/// `output` is shut down after the peer's EOF, and our sending side after that, if the peer ended first: our FIN says that
/// `output` took everything. If the peer's stream was cut, `output` is dropped without a shutdown. Every failure is in the
/// report; nothing else is returned.
pub async fn exchange(connection: Connection, input: impl AsyncRead, output: impl AsyncWrite) -> Report {
    let (input, output) = (pin!(input), pin!(output));
    let ends = Local { input, output, written: Written::default(), up: Flow::new(), down: Flow::new() };
    run(connection.inner, ends).await
}

/// Sends `bytes`, half-closes, receives the reply to its end, closes, and gives the reply and the report. The async
/// [`adieu::request`](crate::request()), which says what there is to know.
///
/// For a reply that may be too large for memory, give [`exchange`] a writer that fails when it has had enough.
pub async fn request(connection: Connection, bytes: impl Into<Vec<u8>>) -> (Vec<u8>, Report) {
    let (bytes, mut reply) = (bytes.into(), Vec::new());
    let report = exchange(connection, &bytes[..], &mut reply).await;
    (reply, report)
}

/// Sends back what the peer sends, half-closes after the peer did, waits until everything is acknowledged, closes, and
/// reports. The async [`adieu::exchange::echo`](crate::exchange::echo()).
pub async fn echo(connection: Connection) -> Report {
    run(connection.inner, Flow::new()).await
}

async fn run(mut inner: Inner, mut ends: impl Ends) -> Report {
    if ends.has_output() {
        inner.peer.link.core.await_output_end();
    }
    if poll_fn(|cx| inner.poll_connected(cx, Half::Reading)).await {
        let mut hang_up_known = false;
        poll_fn(|cx| poll(&mut inner, cx, &mut ends, &mut hang_up_known)).await;
    }
    inner.finish().await;
    inner.report()
}

/// What the connection is joined to.
trait Ends {
    /// Whether what takes the peer's stream says when it has ended.
    fn has_output(&self) -> bool;

    fn turn(&mut self, inner: &mut Inner, cx: &mut Context<'_>) -> bool;

    /// Before an interrupt ends the connection: hands on what the peer has said, as far as that needs no waiting.
    fn hand_on(&mut self, inner: &mut Inner, cx: &mut Context<'_>);

    fn waiting(&mut self, inner: &mut Inner, cx: &mut Context<'_>) -> Waiting;

    /// Whether all that came is handed on, and its end too.
    fn is_settled(&self, inner: &Inner) -> bool;
}

/// Our own two ends.
struct Local<'a, R, W> {
    input: Pin<&'a mut R>,
    output: Pin<&'a mut W>,
    written: Written,
    up: Flow,
    down: Flow,
}

impl<R: AsyncRead, W: AsyncWrite> Ends for Local<'_, R, W> {
    fn has_output(&self) -> bool {
        true
    }

    fn turn(&mut self, inner: &mut Inner, cx: &mut Context<'_>) -> bool {
        let Self { input, output, written, up, down } = self;
        let waker = cx.waker();
        let mut output = Writing { writer: output.as_mut(), written, waker };
        let mut input = Reading { reader: input.as_mut(), waker };
        let peer = &mut inner.peer;
        // Receive first: whatever a failing send would tell, the peer may have said before.
        let received = down.turn(&mut Pair(peer, &mut output)) == Turn::Moved;
        match up.turn(&mut Pair(&mut input, peer)) {
            Turn::Moved => true,
            Turn::Blocked => received,
            Turn::SourceFailed => {
                down.hand_on(&mut Pair(peer, &mut output));
                up.tell_failure(&mut Pair(&mut input, peer));
                true
            }
        }
    }

    fn hand_on(&mut self, inner: &mut Inner, cx: &mut Context<'_>) {
        let Self { output, written, down, .. } = self;
        let mut output = Writing { writer: output.as_mut(), written, waker: cx.waker() };
        down.hand_on(&mut Pair(&mut inner.peer, &mut output));
    }

    fn waiting(&mut self, inner: &mut Inner, cx: &mut Context<'_>) -> Waiting {
        let Self { input, output, written, up, down } = self;
        let waker = cx.waker();
        let mut output = Writing { writer: output.as_mut(), written, waker };
        let mut input = Reading { reader: input.as_mut(), waker };
        let out = down.waits(&Pair(&mut inner.peer, &mut output));
        let into = up.waits(&Pair(&mut input, &mut inner.peer));
        flow::waiting(out, into, false)
    }

    fn is_settled(&self, inner: &Inner) -> bool {
        self.down.is_empty() && (self.written.is_settled() || inner.peer.link.core.is_cut())
    }
}

/// The connection itself.
impl Ends for Flow {
    fn has_output(&self) -> bool {
        false
    }

    fn turn(&mut self, inner: &mut Inner, _: &mut Context<'_>) -> bool {
        Self::turn(self, &mut Loop(&mut inner.peer)) == Turn::Moved
    }

    /// Nobody takes it but the peer.
    fn hand_on(&mut self, _: &mut Inner, _: &mut Context<'_>) {}

    fn waiting(&mut self, inner: &mut Inner, _: &mut Context<'_>) -> Waiting {
        let Waits { source, sink, .. } = self.waits(&Loop(&mut inner.peer));
        Waiting { receive: source, send: sink, ..Waiting::default() }
    }

    fn is_settled(&self, _: &Inner) -> bool {
        true
    }
}

/// Ready: both directions have ended and everything is handed on, or the connection is over.
fn poll(inner: &mut Inner, cx: &mut Context<'_>, ends: &mut impl Ends, hang_up_known: &mut bool) -> Poll<()> {
    loop {
        // An exchange that always finds something would else never let another task run.
        let turn = ready!(poll_proceed(cx));
        if inner.is_interrupted() {
            ends.hand_on(inner, cx);
        }
        inner.peer.link.check_stop();
        inner.peer.link.act();
        // Where nothing is known to be ready it is tried all the same: see `Stream::attempt`.
        inner.peer.may_receive();
        inner.peer.may_send();
        let moved = ends.turn(inner, cx);
        inner.peer.link.act();
        let core = &inner.peer.link.core;
        let wants = core.wants();
        let idle = !(wants.receive || wants.send || wants.input || core.is_leaving());
        if core.is_decided() || (idle && ends.is_settled(inner)) {
            return Poll::Ready(());
        }
        let waiting = ends.waiting(inner, cx);
        if !moved
            && !is_ready(inner, cx, waiting)
            && !hangs_up(inner, cx, waiting, hang_up_known)
            && !inner.poll_interrupt(cx)
            && !inner.poll_time(cx, waiting)
        {
            return Poll::Pending;
        }
        turn.made_progress();
    }
}

/// Arranges to be woken by the socket. True: there is something already.
fn is_ready(inner: &Inner, cx: &mut Context<'_>, waiting: Waiting) -> bool {
    let Some(stream) = &inner.peer.link.handle else { return false };
    let mut asked = |wanted, readiness| wanted && stream.poll_ready(cx, readiness).is_ready();
    // Both are to wake us.
    asked(waiting.receive, Readiness::Receive) | asked(waiting.send, Readiness::Send)
}

/// The peer has ended and only our input is waited for: a reset would still be news, and no call would tell it.
/// Arranges to be woken by it. True: it is there, and the core has been told to look.
fn hangs_up(inner: &mut Inner, cx: &mut Context<'_>, waiting: Waiting, known: &mut bool) -> bool {
    let wants = inner.peer.link.core.wants();
    !(wants.receive || waiting.send || !wants.input) && is_hung_up(&mut inner.peer.link, cx, known)
}
