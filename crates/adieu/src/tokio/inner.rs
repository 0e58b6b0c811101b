//! What a connection is beneath its two types: the link, and what wakes the tasks that wait for it.
//!
//! Each half makes its calls here, so one task may read while another writes. What the calls mean to whoever has the connection, and
//! which of them may be made when, is in `connection`. The composed exchanges and the relay drive the same link, each by one task.

use super::finish::Task;
use super::hang_up::is_hung_up;
use super::stream::Stream;
use super::waiters::{Half, Waiters};
use super::wakes::Wakes;
use crate::finishing::Finishing;
use crate::flow::Peer;
use crate::handle::Readiness;
use crate::link::{HandshakeTurn, Link, Moved, without_empty_ones};
use crate::{Finish, Report};
use adieu_proto::Waiting;
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker, ready};
use std::time::Duration;
use tokio::io::ReadBuf;
use tokio::runtime::Handle;
use tokio::task::coop::{has_budget_remaining, poll_proceed};
use tokio::time::sleep;

/// The link, and what wakes whoever waits for it.
pub(super) struct Inner {
    pub(super) peer: Peer<Stream>,
    pub(super) wakes: Wakes,
    /// What the two directions wait for; the core is told the sum.
    pub(super) waiting: Waiting,
    /// From the first wait of a half on.
    waiters: Option<Arc<Waiters>>,
    /// How it is finished if it is dropped, and where.
    when_dropped: Option<Box<(Finish, Handle)>>,
}

impl Drop for Inner {
    /// If it is to be finished then, and our FIN is queued, the end is waited for by a task. What somebody has not been handed yet
    /// must not be passed over, so where there is some, the link is dropped as it is.
    fn drop(&mut self) {
        let link = &mut self.peer.link;
        let counts = link.core.counts();
        let is_handed_on = counts.written + counts.discarded == counts.received;
        let is_whole = link.core.milestones().shutdown_send.is_some() && !link.core.is_leaving();
        if let Some(when_dropped) = self.when_dropped.take()
            && (link.handle.is_some() && is_whole && is_handed_on)
        {
            let (finish, runtime) = *when_dropped;
            Task::new(Finishing::go_on(link.take(), &finish)).spawn(&runtime);
        }
    }
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.peer.link.fmt(f)
    }
}

impl Inner {
    pub(super) fn new(mut link: Box<Link<Stream>>) -> Self {
        link.core.hold();
        Self {
            peer: Peer::new(link),
            wakes: Wakes::default(),
            waiting: Waiting::default(),
            waiters: None,
            when_dropped: None,
        }
    }

    fn waiters(&mut self) -> &Arc<Waiters> {
        self.waiters.get_or_insert_default()
    }

    fn wake_waiters(&self) {
        if let Some(waiters) = &self.waiters {
            waiters.wake_by_ref();
        }
    }

    /// See [`Wakes::poll_time`].
    pub(super) fn poll_time(&mut self, cx: &mut Context<'_>, waiting: Waiting) -> bool {
        self.wakes.poll_time(&mut self.peer.link, cx, waiting)
    }

    /// See [`Wakes::poll_interrupt`].
    pub(super) fn poll_interrupt(&mut self, cx: &mut Context<'_>) -> bool {
        self.wakes.poll_interrupt(&self.peer.link, cx)
    }

    /// Whether the interrupt was raised, and the core does not know yet.
    pub(super) fn is_interrupted(&self) -> bool {
        let link = &self.peer.link;
        !link.core.is_decided() && link.interrupt().is_some_and(|interrupt| interrupt.raised().is_some())
    }

    /// Waits for readiness or time, on behalf of this half. Ready: try again.
    pub(super) fn poll_wait(&mut self, cx: &mut Context<'_>, half: Half, readiness: Readiness) -> Poll<()> {
        // Before the socket is asked: it may be ready, and wake who is noted, at any moment from then on.
        self.waiters().note(half, cx.waker());
        // The socket knows one waker for each direction. With TLS both halves may wait for the same one, in a handshake or
        // with sealed bytes to send; who comes last must not take the other's place.
        let is_shared = self.peer.link.is_handshaking() || self.peer.link.has_unsent();
        let both = is_shared.then(|| Waker::from(Arc::clone(self.waiters())));
        let waker = both.as_ref().unwrap_or(cx.waker());
        if let Some(stream) = &self.peer.link.handle
            && stream.poll_ready(&mut Context::from_waker(waker), readiness).is_ready()
        {
            return Poll::Ready(());
        }
        match readiness {
            Readiness::Receive => self.waiting.receive = true,
            Readiness::Send => self.waiting.send = true,
        }
        if self.poll_time_for_all() { Poll::Ready(()) } else { Poll::Pending }
    }

    /// The timer, on behalf of every task that waits.
    fn poll_time_for_all(&mut self) -> bool {
        let waker = Waker::from(Arc::clone(self.waiters()));
        let came = self.poll_time(&mut Context::from_waker(&waker), self.waiting);
        if came {
            // The other half's task may sleep until this very moment.
            waker.wake();
        }
        came
    }

    /// A call of one half is done. What it did may be news to the other half: the connection's end, or a timer that
    /// has not been needed so far.
    pub(super) fn done(&mut self) {
        if self.waiting == Waiting::default() {
            self.peer.link.wait_for(self.waiting);
        } else if self.peer.link.core.is_decided() || self.peer.link.core.evidence().fault.is_some() {
            self.wake_waiters();
        } else {
            self.poll_time_for_all();
        }
    }

    /// Makes the handshake, if there is one to make. False: there is no connection.
    pub(super) fn poll_connected(&mut self, cx: &mut Context<'_>, half: Half) -> Poll<bool> {
        while self.peer.link.is_handshaking() {
            match self.peer.link.handshake() {
                HandshakeTurn::Done => self.waiting = Waiting::default(),
                HandshakeTurn::Failed => {
                    self.wake_waiters();
                    return Poll::Ready(false);
                }
                HandshakeTurn::Wait(readiness) => ready!(self.poll_wait(cx, half, readiness)),
            }
        }
        Poll::Ready(self.peer.link.core.milestones().connected.is_some())
    }

    /// Waits until our kernel has taken all that waits here. False: it cannot be.
    pub(super) fn poll_sent(&mut self, cx: &mut Context<'_>, half: Half) -> Poll<bool> {
        while self.peer.link.has_unsent() && self.peer.link.core.wants().send {
            match self.peer.link.send(&[]) {
                Moved::Bytes(_) => {}
                Moved::Blocked => ready!(self.poll_wait(cx, half, Readiness::Send)),
                Moved::Ended => return Poll::Ready(false),
            }
            self.peer.link.check_stop();
            self.peer.link.act();
        }
        self.waiting.send = false;
        Poll::Ready(!self.peer.link.has_unsent())
    }

    pub(super) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if buffer.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        if !ready!(self.poll_connected(cx, Half::Reading)) {
            return Poll::Ready(Err(self.peer.link.never_connected()));
        }
        // A task that always finds something would else never let another run.
        let turn = ready!(poll_proceed(cx));
        let result = ready!(self.poll_read_waiting(cx, buffer));
        turn.made_progress();
        self.waiting.receive = false;
        self.done();
        Poll::Ready(result)
    }

    fn poll_read_waiting(&mut self, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        loop {
            self.peer.link.check_stop();
            self.peer.link.act();
            if self.peer.link.has_unsent() {
                // The peer may wait for it before it says anything, and nobody may write or flush any more.
                let _ = self.poll_sent(cx, Half::Reading);
            }
            if let Some(result) = self.peer.link.try_read(buffer.initialize_unfilled()) {
                return Poll::Ready(result.map(|n| buffer.advance(n)));
            }
            ready!(self.poll_wait(cx, Half::Reading, Readiness::Receive));
        }
    }

    pub(super) async fn read_within(
        &mut self,
        buffer: &mut [u8],
        limit: Duration,
    ) -> io::Result<Option<usize>> {
        if buffer.is_empty() {
            return self.peer.link.check_ended().map(|()| None);
        }
        let mut limit = pin!(sleep(limit));
        poll_fn(|cx| {
            let mut buffer = ReadBuf::new(buffer);
            if let Poll::Ready(result) = self.poll_read(cx, &mut buffer) {
                return Poll::Ready(result.map(|()| Some(buffer.filled().len())));
            }
            // A task that has had its turn has not asked the socket: it will, when it is woken for its next.
            if !has_budget_remaining() || limit.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            self.waiting = Waiting::default();
            self.done();
            Poll::Ready(Ok(None))
        })
        .await
    }

    pub(super) fn poll_write(&mut self, cx: &mut Context<'_>, buffer: &[u8]) -> Poll<io::Result<usize>> {
        if buffer.is_empty() {
            return Poll::Ready(Ok(0));
        }
        self.poll_write_by(cx, |link| link.try_write(buffer))
    }

    pub(super) fn poll_write_vectored(
        &mut self,
        cx: &mut Context<'_>,
        buffers: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let buffers = without_empty_ones(buffers);
        if buffers.is_empty() {
            return Poll::Ready(Ok(0));
        }
        self.poll_write_by(cx, |link| link.try_write_vectored(buffers))
    }

    fn poll_write_by(
        &mut self,
        cx: &mut Context<'_>,
        try_write: impl Fn(&mut Link<Stream>) -> Option<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if !ready!(self.poll_connected(cx, Half::Writing)) {
            return Poll::Ready(Err(self.peer.link.never_connected()));
        }
        let turn = ready!(poll_proceed(cx));
        let result = ready!(self.poll_write_waiting(cx, try_write));
        turn.made_progress();
        self.waiting.send = false;
        self.done();
        Poll::Ready(result)
    }

    fn poll_write_waiting(
        &mut self,
        cx: &mut Context<'_>,
        try_write: impl Fn(&mut Link<Stream>) -> Option<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        loop {
            self.peer.link.check_stop();
            self.peer.link.act();
            if let Some(result) = try_write(&mut self.peer.link) {
                return Poll::Ready(result);
            }
            ready!(self.poll_wait(cx, Half::Writing, Readiness::Send));
        }
    }

    /// Shuts down the sending side. False: it could not be, and the link has its fault.
    pub(super) fn poll_shutdown_send(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        ready!(self.poll_connected(cx, Half::Writing));
        self.peer.link.core.release_end();
        self.peer.link.core.handle_input_eof();
        self.peer.link.act();
        ready!(self.poll_sent(cx, Half::Writing));
        self.peer.link.act();
        // A stream of the peer that was cut is answered by a reset, once what was sent before is delivered.
        while self.peer.link.core.is_leaving() {
            if !self.poll_time(cx, Waiting::default()) {
                return Poll::Pending;
            }
        }
        self.done();
        Poll::Ready(self.peer.link.core.milestones().shutdown_send.is_some())
    }

    /// Both directions have ended: waits for the acknowledgement, and lets the core close.
    pub(super) async fn finish(&mut self) {
        let now = self.peer.link.now();
        self.peer.link.core.handle_close(now);
        self.peer.link.act();
        // With TLS the peer's close_notify is the end of its bytes, and its FIN is still to come.
        poll_fn(|cx| self.poll_eof(cx)).await;
        while self.peer.link.outcome().is_none() && self.peer.link.core.wants().acknowledgement {
            poll_fn(|cx| self.poll_acknowledged(cx)).await;
            self.peer.link.core.handle_acknowledged();
            self.peer.link.act();
        }
        if self.peer.link.outcome().is_none() {
            self.peer.link.give_up();
        }
    }

    /// Waits until the core knows of a fault, or has decided how the connection ends, and receives nothing.
    pub(super) async fn wait_for_cut(&mut self) {
        let mut hang_up_known = false;
        poll_fn(|cx| {
            loop {
                self.peer.link.check_stop();
                self.peer.link.act();
                let core = &self.peer.link.core;
                if core.is_decided() || core.evidence().fault.is_some() {
                    return Poll::Ready(());
                }
                let has_news = is_hung_up(&mut self.peer.link, cx, &mut hang_up_known)
                    | self.poll_interrupt(cx)
                    | self.poll_time(cx, Waiting::default());
                // tokio was made to forget that there is room, and the socket will not tell it again.
                self.peer.may_send();
                if !has_news {
                    return Poll::Pending;
                }
            }
        })
        .await;
    }

    fn poll_acknowledged(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let waiting = Waiting { acknowledgement: true, ..Waiting::default() };
        if self.wakes.poll_acknowledged(&self.peer.link, cx) || self.poll_time(cx, waiting) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }

    fn poll_eof(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while self.peer.link.awaits_eof() {
            ready!(self.poll_wait(cx, Half::Reading, Readiness::Receive));
        }
        self.waiting = Waiting::default();
        Poll::Ready(())
    }

    pub(super) fn finish_when_dropped(&mut self, finish: &Finish) {
        self.when_dropped = Some(Box::new((finish.clone(), Handle::current())));
    }

    pub(super) fn report(&self) -> Report {
        self.peer.link.final_report()
    }
}

#[cfg(all(test, target_pointer_width = "64", target_os = "linux"))]
mod tests {
    use super::*;

    /// A service holds two for each of its idle pairs. Beyond 1,032 octets glibc keeps none ready for the next connection.
    #[test]
    fn a_connection_is_small() {
        assert!(size_of::<Link<Stream>>() <= 1032, "{}", size_of::<Link<Stream>>());
    }
}
