//! The async connection: the same steps as the blocking one.

use super::finish::Task;
use super::stream::Stream;
use super::waiters::{Half, Waiters};
use super::wakes::Wakes;
use crate::error::{AdoptError, ShutdownError};
use crate::finishing::Finishing;
use crate::flow::Peer;
use crate::handle::{Handle as _, Readiness};
use crate::link::adopt::{adopt, adopt_tls};
use crate::link::methods_of_a_connection;
use crate::link::{HandshakeTurn, Link, Moved, without_empty_ones};
use crate::os::set_reset_on_close;
use crate::tls::RustlsConnection;
use crate::{Finish, Report, SideOptions};
use adieu_proto::Waiting;
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::runtime::Handle;
use tokio::task::coop::{has_budget_remaining, poll_proceed};
use tokio::time::sleep;

/// An open connection: it sends and receives. The async [`adieu::Connection`](crate::Connection).
///
/// Sending after the shutdown does not compile:
///
/// ```compile_fail,E0382
/// # use tokio::io::AsyncWriteExt;
/// # async fn f(mut connection: adieu::tokio::Connection) -> Result<(), Box<dyn std::error::Error>> {
/// let half_closed = connection.shutdown_send().await?;
/// connection.write_all(b"too late").await?; // the value has moved
/// # Ok(()) }
/// ```
///
/// Both directions at once: `tokio::io::split`, or [`exchange`](super::exchange()).
/// [`AsyncWrite::poll_shutdown`] shuts down the sending side too, for code that knows only the trait.
///
/// Dropped unfinished, it is closed abortively: the peer sees a reset. After `poll_shutdown`,
/// [`finish_when_dropped`](Self::finish_when_dropped) makes more of it.
#[must_use = "a connection that is dropped unfinished is reset; use shutdown_send, then close"]
#[derive(Debug)]
pub struct Connection {
    pub(super) inner: Inner,
}

/// A connection whose sending side is shut down. The async [`adieu::HalfClosed`](crate::HalfClosed).
///
/// Receiving after the close does not compile:
///
/// ```compile_fail,E0382
/// # use tokio::io::AsyncReadExt;
/// # async fn f(mut half_closed: adieu::tokio::HalfClosed) -> std::io::Result<()> {
/// let report = half_closed.close().await;
/// half_closed.read_u8().await?; // the value has moved
/// # Ok(()) }
/// ```
#[must_use = "drain and close it to learn how the connection ended"]
#[derive(Debug)]
pub struct HalfClosed {
    inner: Inner,
}

/// The link, and what wakes whoever waits for it.
pub(super) struct Inner {
    pub(super) peer: Peer<Stream>,
    pub(super) wakes: Wakes,
    /// What the two directions wait for; the core is told the sum.
    waiting: Waiting,
    waiters: Arc<Waiters>,
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
    fn poll_wait(&mut self, cx: &mut Context<'_>, half: Half, readiness: Readiness) -> Poll<()> {
        // Before the socket is asked: it may be ready, and wake who is noted, at any moment from then on.
        self.waiters.note(half, cx.waker());
        // The socket knows one waker for each direction. With TLS both halves may wait for the same one, in a handshake or
        // with sealed bytes to send; who comes last must not take the other's place.
        let is_shared = self.peer.link.is_handshaking() || self.peer.link.has_unsent();
        let both = is_shared.then(|| Waker::from(Arc::clone(&self.waiters)));
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
        let waker = Waker::from(Arc::clone(&self.waiters));
        let came = self.poll_time(&mut Context::from_waker(&waker), self.waiting);
        if came {
            // The other half's task may sleep until this very moment.
            waker.wake();
        }
        came
    }

    /// A call of one half is done. What it did may be news to the other half: the connection's end, or a timer that
    /// has not been needed so far.
    fn done(&mut self) {
        if self.waiting == Waiting::default() {
            self.peer.link.wait_for(self.waiting);
        } else if self.peer.link.core.is_decided() || self.peer.link.core.evidence().fault.is_some() {
            self.waiters.wake_by_ref();
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
                    self.waiters.wake_by_ref();
                    return Poll::Ready(false);
                }
                HandshakeTurn::Wait(readiness) => ready!(self.poll_wait(cx, half, readiness)),
            }
        }
        Poll::Ready(self.peer.link.core.milestones().connected.is_some())
    }

    /// Waits until our kernel has taken all that waits here. False: it cannot be.
    fn poll_sent(&mut self, cx: &mut Context<'_>, half: Half) -> Poll<bool> {
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

    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
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

    async fn read_within(&mut self, buffer: &mut [u8], limit: Duration) -> io::Result<Option<usize>> {
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

    fn poll_write(&mut self, cx: &mut Context<'_>, buffer: &[u8]) -> Poll<io::Result<usize>> {
        if buffer.is_empty() {
            return Poll::Ready(Ok(0));
        }
        self.poll_write_by(cx, |link| link.try_write(buffer))
    }

    fn poll_write_vectored(
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

    pub(super) fn report(&self) -> Report {
        self.peer.link.final_report()
    }
}

/// A stream that is to be taken over, and is reset if it is refused.
fn given(socket: impl TryInto<Stream, Error: Into<AdoptError>>) -> Result<Stream, AdoptError> {
    let stream = socket.try_into().map_err(Into::into)?;
    set_reset_on_close(&stream.socket(), true);
    Ok(stream)
}

impl Connection {
    pub(super) fn new(mut link: Link<Stream>) -> Self {
        link.core.hold();
        Self {
            inner: Inner {
                peer: Peer::new(link),
                wakes: Wakes::default(),
                waiting: Waiting::default(),
                waiters: Arc::default(),
                when_dropped: None,
            },
        }
    }

    /// Takes over a connected stream that this side has begun ([`ConnectOptions`](crate::ConnectOptions)) or accepted
    /// ([`ListenOptions`](crate::ListenOptions)), so that it ends well. It may be a [`TcpStream`](tokio::net::TcpStream), a
    /// `UnixStream`, the halves of either, or a [`Stream`]. The async
    /// [`adieu::Connection::from_socket`](crate::Connection::from_socket), which says what its report has.
    ///
    /// # Errors
    ///
    /// The socket is closed then. If it is a stream at all, that resets the connection: nobody has said whether its stream is whole.
    ///
    /// - It is not connected, or its receiving side was shut down. The halves are those of two different streams.
    /// - An option that was asked for cannot be set, means nothing for this socket, is for a socket that adieu opens, or is not
    ///   available on tokio ([`OptionError`](crate::OptionError)).
    ///
    /// # Examples
    ///
    /// ```
    /// # use adieu::ListenOptions;
    /// # use adieu::tokio::Connection;
    /// # async fn f(listener: tokio::net::TcpListener) -> Result<(), Box<dyn std::error::Error>> {
    /// let (stream, _) = listener.accept().await?;
    /// let connection = Connection::from_socket(stream, &ListenOptions::new())?;
    /// # Ok(()) }
    /// ```
    pub fn from_socket(
        socket: impl TryInto<Stream, Error: Into<AdoptError>>,
        options: &impl SideOptions,
    ) -> Result<Self, AdoptError> {
        let (role, options) = options.side();
        let stream = given(socket)?;
        adopt(stream, Some(role), options).map(Self::new)
    }

    /// Takes over a connection on which the program speaks TLS with rustls: the stream and the session, which `into_inner` of
    /// tokio-rustls's `TlsStream` gives. The async
    /// [`adieu::Connection::from_rustls`](crate::Connection::from_rustls), which says what its report has.
    ///
    /// # Errors
    ///
    /// As of [`from_socket`](Self::from_socket). The handshake is not over ([`AdoptError::Handshaking`]), or the options ask for
    /// TLS themselves.
    #[cfg_attr(docsrs, doc(cfg(feature = "tls-core")))]
    pub fn from_rustls(
        socket: impl TryInto<Stream, Error: Into<AdoptError>>,
        connection: impl Into<RustlsConnection>,
        options: &impl SideOptions,
    ) -> Result<Self, AdoptError> {
        let (role, options) = options.side();
        let stream = given(socket)?;
        adopt_tls(stream, connection.into(), Some(role), options).map(Self::new)
    }

    /// Gives the stream back, and without a report: from here on nobody watches how it ends. [`finish`](super::finish()) takes
    /// it over again.
    ///
    /// The socket options that adieu has set stay, but for SO_LINGER, which is off again.
    ///
    /// # Errors
    ///
    /// The connection itself, if its socket alone is not all there is to it: it speaks TLS, or has ended.
    pub fn into_socket(mut self) -> Result<Stream, Box<Self>> {
        self.inner.peer.link.release().ok_or_else(|| Box::new(self))
    }

    /// Has the connection finished in the background if it is dropped once its sending side is shut down: a task receives until the
    /// peer has ended too, waits until everything is acknowledged, closes, and reports to the
    /// [`ending_handle`](Self::ending_handle).
    ///
    /// It is for code that takes any `AsyncRead` and `AsyncWrite`, such as hyper, which ends a connection by
    /// [`AsyncWrite::poll_shutdown`] and a drop. Without this, what the peer is still sending is then answered by a reset, which can
    /// cost it our last answer. If the sending side is still open, nobody knows whether our stream is whole, and the drop resets the
    /// connection as before.
    ///
    /// The bounds of `finish` count from the drop, beside those of the connection; its role is not used. If the runtime is shut down
    /// meanwhile, the socket is closed, and our system still delivers what was sent. An [`exchange`](super::exchange()) that is
    /// dropped is finished so only if its output had taken everything.
    ///
    /// The blocking face has no such thing: there nothing but [`shutdown_send`](crate::Connection::shutdown_send) shuts down the
    /// sending side, and who calls it has the [`HalfClosed`](crate::HalfClosed).
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime: the task will run on the one in which this is called.
    ///
    /// # Examples
    ///
    /// ```
    /// # use adieu::tokio::Listener;
    /// # use adieu::Finish;
    /// # async fn f(listener: Listener) -> Result<(), Box<dyn std::error::Error>> {
    /// let mut connection = listener.accept().await?;
    /// connection.finish_when_dropped(&Finish::new());
    /// let ending = connection.ending_handle();
    /// tokio::spawn(async move {
    ///     if let Some(report) = ending.await {
    ///         eprintln!("{report}");
    ///     }
    /// });
    /// // Now hyper, a pool or any other code may have it.
    /// # Ok(()) }
    /// ```
    pub fn finish_when_dropped(&mut self, finish: &Finish) {
        self.inner.when_dropped = Some(Box::new((finish.clone(), Handle::current())));
    }

    /// Makes the TLS handshake, if there is one to make and no call has made it yet.
    ///
    /// # Errors
    ///
    /// It failed: the report of the connection that never was.
    pub async fn handshake(mut self) -> Result<Self, Box<Report>> {
        if poll_fn(|cx| self.inner.poll_connected(cx, Half::Reading)).await {
            Ok(self)
        } else {
            Err(Box::new(self.inner.report()))
        }
    }

    /// Shuts down the sending side: queues our FIN. Without TLS it does not wait; with it, close_notify comes before the
    /// FIN, and this waits until our kernel has taken it.
    ///
    /// # Errors
    ///
    /// If the call fails the socket is closed, nothing is leaked, and the error holds the report and what the peer
    /// had said by then.
    pub async fn shutdown_send(mut self) -> Result<HalfClosed, ShutdownError> {
        if poll_fn(|cx| self.inner.poll_shutdown_send(cx)).await {
            return Ok(HalfClosed { inner: self.inner });
        }
        Err(self.inner.peer.link.shutdown_failed())
    }

    /// Receives as reading does, but waits no longer than `limit`, for a TLS handshake that is still to be made too.
    /// `Ok(None)`: nothing came by then. With [`Duration::ZERO`] it does not wait at all. The connection's own timers run
    /// while it waits, as for any read.
    ///
    /// With an empty buffer it receives nothing and only asks whether the interrupt or the deadline has ended the connection.
    ///
    /// # Errors
    ///
    /// As of reading: the connection has ended otherwise than by EOF, which is `Ok(Some(0))`.
    pub async fn read_within(&mut self, buffer: &mut [u8], limit: Duration) -> io::Result<Option<usize>> {
        self.inner.read_within(buffer, limit).await
    }
}

impl HalfClosed {
    /// Closes and reports; waits until everything is acknowledged if the peer has ended its side.
    ///
    /// If it has not, the connection is closed early and the ending is
    /// [`Indeterminate`](crate::Ending::Indeterminate).
    pub async fn close(mut self) -> Report {
        self.inner.peer.link.act();
        // An EOF that is there already counts, also if nobody has asked for it yet.
        self.inner.peer.link.receive_eof();
        self.inner.finish().await;
        self.inner.report()
    }

    /// Receives until EOF, throws away what comes, closes and reports, and takes no longer than `limit` in all.
    ///
    /// When the time is up, a peer that has not ended its side sees a reset, and the ending is
    /// [`TimedOut`](crate::Ending::TimedOut) with [`Timer::Linger`](crate::Timer::Linger); see
    /// [`Limits::linger`](crate::Limits::linger), which is the same bound for every connection. The earlier of both counts.
    pub async fn drain_within(mut self, limit: Duration) -> Report {
        self.inner.peer.link.limit_linger(limit);
        self.drain().await
    }

    /// Receives until EOF, throws away what comes, closes and reports.
    pub async fn drain(mut self) -> Report {
        // On the heap: a future is moved, and kept, with all it holds.
        let mut bytes = vec![0; 16 * 1024];
        loop {
            let mut buffer = ReadBuf::new(&mut bytes);
            match poll_fn(|cx| self.inner.poll_read(cx, &mut buffer)).await {
                Ok(()) if !buffer.filled().is_empty() => {}
                _ => return self.close().await,
            }
        }
    }

    /// Receives as reading does, but waits no longer than `limit`, for a TLS handshake that is still to be made too.
    /// `Ok(None)`: nothing came by then. With [`Duration::ZERO`] it does not wait at all. The connection's own timers run
    /// while it waits, as for any read.
    ///
    /// With an empty buffer it receives nothing and only asks whether the interrupt or the deadline has ended the connection.
    ///
    /// # Errors
    ///
    /// As of reading: the connection has ended otherwise than by EOF, which is `Ok(Some(0))`.
    pub async fn read_within(&mut self, buffer: &mut [u8], limit: Duration) -> io::Result<Option<usize>> {
        self.inner.read_within(buffer, limit).await
    }
}

methods_of_a_connection!(Connection: inner.peer.link);
methods_of_a_connection!(HalfClosed: inner.peer.link);

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.inner.poll_read(cx, buffer)
    }
}

impl AsyncRead for HalfClosed {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.inner.poll_read(cx, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &[u8]) -> Poll<io::Result<usize>> {
        self.inner.poll_write(cx, buffer)
    }

    /// Sends from several buffers by one system call (`sendmsg`, on Windows `WSASend`). With TLS it sends from the first that is
    /// not empty.
    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.inner.poll_write_vectored(cx, buffers)
    }

    /// Without TLS. With it, a program does better to join its buffers: each write makes a record.
    fn is_write_vectored(&self) -> bool {
        self.inner.peer.link.is_plain()
    }

    /// Waits until our kernel has taken what TLS has sealed; without TLS nothing is held back.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if ready!(self.inner.poll_sent(cx, Half::Writing)) {
            Poll::Ready(Ok(()))
        } else {
            Poll::Ready(Err(self.inner.peer.link.ended()))
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if ready!(self.inner.poll_shutdown_send(cx)) {
            return Poll::Ready(Ok(()));
        }
        Poll::Ready(Err(self.inner.peer.link.ended()))
    }
}
