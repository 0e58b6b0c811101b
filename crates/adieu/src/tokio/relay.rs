//! A relay in one future, which polls both connections.
//!
//! What is passed on, and when, is [`relaying`](crate::relaying)'s part; here are only the wakers.

use super::connection::Connection;
use super::hang_up::is_hung_up;
use super::inner::Inner;
use super::nap::Nap;
use super::wakes::{Due, deferral_end, due};
use crate::handle::{Handle, Readiness};
use crate::os::{self, Watch};
use crate::relaying::Relay;
use crate::{Interrupt, RelayOptions, RelayReport};
use adieu_proto::Waiting;
use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::task::coop::poll_proceed;
use tokio::time::Instant;

/// Passes on what each of two connections sends to the other, and how it ended, until both have ended. The async
/// [`adieu::relay`](crate::relay()), which says what becomes of an end and of a cut.
///
/// It is what `tokio::io::copy_bidirectional` is not: that returns at the first error, so a reset on one side drops what was
/// still to be delivered to the other, an early reply for example. It says neither which side failed nor how many bytes were
/// passed on. And the other connection is ended by whoever drops it, most often with a FIN.
///
/// Dropped before its end, it resets both connections.
///
/// # Platforms
///
/// As for [`adieu::relay`](crate::relay()).
///
/// # Examples
///
/// ```no_run
/// use adieu::tokio::{Listener, connect, relay};
/// use adieu::{ConnectOptions, Endpoint, ListenOptions, RelayOptions};
///
/// # async fn f() -> Result<(), Box<dyn std::error::Error>> {
/// let listener = Listener::bind(&Endpoint::tcp("127.0.0.1", 8080), &ListenOptions::new()).await?;
/// let upstream = Endpoint::tcp("localhost", 80);
/// loop {
///     let client = listener.accept().await?;
///     let upstream = upstream.clone();
///     tokio::spawn(async move {
///         // If this fails, the client is dropped, which resets it.
///         let Ok(server) = connect(&upstream, &ConnectOptions::new()).await else { return };
///         let relayed = relay(client, server, &RelayOptions::new()).await;
///         eprintln!("client: {}; server: {}", relayed.a, relayed.b);
///     });
/// }
/// # }
/// ```
pub fn relay(
    a: Connection,
    b: Connection,
    options: &RelayOptions,
) -> impl Future<Output = RelayReport> + Send + use<> {
    let [mut a, mut b] = [Side::new(a.inner), Side::new(b.inner)];
    let mut relay = Relay::begin(&mut a.inner.peer, &mut b.inner.peer, options);
    let mut nap = Nap::default();
    // What an `async fn` is given, it has twice.
    async move {
        poll_fn(|cx| {
            let polled = poll(&mut relay, &mut a, &mut b, &mut nap, cx);
            // Until it is polled again, time passes.
            a.inner.peer.link.release_time();
            b.inner.peer.link.release_time();
            polled
        })
        .await;
        relay.report(&mut a.inner.peer, &mut b.inner.peer)
    }
}

/// One of the two connections.
struct Side {
    inner: Inner,
    hang_up_known: bool,
    /// Whether this turn has arranged to be woken once it can be received from, and sent to.
    is_awaited: [bool; 2],
}

/// Ready: both connections are closed.
fn poll(relay: &mut Relay, a: &mut Side, b: &mut Side, nap: &mut Nap, cx: &mut Context<'_>) -> Poll<()> {
    let mut has_waited = true;
    loop {
        // A relay that always finds something would else never let another task run.
        let turn = ready!(poll_proceed(cx));
        // A turn is over in no time, and asks for it dozens of times.
        let now = std::time::Instant::now();
        a.inner.peer.link.set_time(now);
        b.inner.peer.link.set_time(now);
        a.note_readiness(cx);
        b.note_readiness(cx);
        // What a turn does may begin something whose time has come at the next.
        let is_quiet = std::mem::take(&mut has_waited) && nap.is_until_after(now.into());
        let moved = relay.turn(&mut a.inner.peer, &mut b.inner.peer, is_quiet);
        if !(a.is_open() || b.is_open()) {
            return Poll::Ready(());
        }
        if !moved {
            let [of_a, of_b] = relay.waiting(&mut a.inner.peer, &mut b.inner.peer);
            // All are to wake us.
            let has_news = a.has_news(cx, of_a) | b.has_news(cx, of_b);
            let left = relay.nap();
            // A moment beyond the clock's end never comes.
            let until = left.and_then(|left| now.checked_add(left)).map(Instant::from_std);
            // tokio's clock ticks in milliseconds: the relay, and not the timer, says whether its time has come.
            let is_due = left.is_some_and(|left| left.is_zero());
            if !(has_news | is_due | time_has_come(a, b, nap, cx, [of_a, of_b], until)) {
                relay.rest();
                return Poll::Pending;
            }
        }
        turn.made_progress();
    }
}

/// Arranges to be woken when the time of either comes, or that of both, `until`, or the interrupt of either is raised. True: try
/// again.
fn time_has_come(
    a: &mut Side,
    b: &mut Side,
    nap: &mut Nap,
    cx: &mut Context<'_>,
    [of_a, of_b]: [Waiting; 2],
    until: Option<Instant>,
) -> bool {
    let deferred = [&*a, &*b].map(|side| deferral_end(&side.inner.peer.link));
    // A service has one interrupt for all its connections, and then one of the two waits for it.
    let is_shared = match (a.interrupt(), b.interrupt()) {
        (Some(of_a), Some(of_b)) => of_a.is(of_b),
        _ => false,
    };
    let is_raised = if is_shared {
        let is_over = a.inner.peer.link.core.is_decided();
        let link = if is_over { &b.inner.peer.link } else { &a.inner.peer.link };
        a.inner.wakes.poll_interrupt(link, cx)
    } else {
        a.inner.poll_interrupt(cx) | b.inner.poll_interrupt(cx)
    };
    if is_raised {
        // What has come before it is passed on first.
        return true;
    }
    let (of_a, of_b) = (a.due(of_a, deferred[0]), b.due(of_b, deferred[1]));
    let (Due::At(of_a), Due::At(of_b)) = (of_a, of_b) else { return true };
    // One timer for all of them.
    nap.has_come([of_a, of_b, until].into_iter().flatten().min(), cx)
}

impl Side {
    fn new(inner: Inner) -> Self {
        Self { inner, hang_up_known: false, is_awaited: [false; 2] }
    }

    fn is_open(&self) -> bool {
        self.inner.peer.link.outcome().is_none()
    }

    fn interrupt(&self) -> Option<&Interrupt> {
        self.inner.peer.link.interrupt()
    }

    /// When it has to go on, although nothing comes and its interrupt, which is put off until `deferred`, was not raised.
    fn due(&mut self, waiting: Waiting, deferred: Option<Instant>) -> Due {
        if !self.is_open() {
            return Due::At(None);
        }
        let link = &mut self.inner.peer.link;
        link.wait_for(waiting);
        due(link, deferred)
    }

    /// Notes what tokio knows the socket to be ready for.
    fn note_readiness(&mut self, cx: &mut Context<'_>) {
        let peer = &mut self.inner.peer;
        let Some(stream) = &peer.link.handle else { return };
        let is_awaited = &mut self.is_awaited;
        let [receive, send] = [Readiness::Receive, Readiness::Send].map(|readiness| {
            let is_news = !peer.is_known_ready(readiness);
            let is_ready = is_news && stream.poll_ready(cx, readiness).is_ready();
            is_awaited[readiness as usize] = is_news && !is_ready;
            is_ready
        });
        if receive {
            peer.may_receive();
        }
        if send {
            peer.may_send();
        }
    }

    /// Arranges to be woken by whatever this side waits for. True: something is there already.
    fn has_news(&mut self, cx: &mut Context<'_>, waiting: Waiting) -> bool {
        if !self.is_open() {
            return false;
        }
        let moves = waiting.receive || waiting.send;
        self.is_ready(cx, waiting)
            || (!moves
                && !waiting.acknowledgement
                && is_hung_up(&mut self.inner.peer.link, cx, &mut self.hang_up_known))
            || (waiting.acknowledgement && self.is_acknowledged(cx))
    }

    /// Arranges to be woken by the socket. True: there is something already.
    fn is_ready(&mut self, cx: &mut Context<'_>, waiting: Waiting) -> bool {
        // Both are to wake us.
        (waiting.receive && self.is_ready_for(cx, Readiness::Receive))
            | (waiting.send && self.is_ready_for(cx, Readiness::Send))
    }

    fn is_ready_for(&mut self, cx: &mut Context<'_>, readiness: Readiness) -> bool {
        let peer = &mut self.inner.peer;
        let Some(stream) = &peer.link.handle else { return false };
        // Whatever has come since then has woken us.
        if self.is_awaited[readiness as usize] && !peer.is_known_ready(readiness) {
            return false;
        }
        if stream.poll_ready(cx, readiness).is_pending() {
            return false;
        }
        if peer.is_known_ready(readiness) {
            return true;
        }
        // It was tried and had nothing, on a direct way, whose calls tokio does not see. So tokio is made to forget, and the
        // system is asked what has come since.
        let _ = stream.attempt(readiness, |_| Err::<(), _>(io::ErrorKind::WouldBlock.into()));
        let receive = readiness == Readiness::Receive;
        let mut watches = [Watch::new(stream.pollable(), receive, !receive)];
        let is_ready = os::wait(&mut watches, Some(Duration::ZERO)).is_err()
            || watches[0].ready.any
            || stream.poll_ready(cx, readiness).is_ready();
        if is_ready && receive {
            peer.may_receive();
        } else if is_ready {
            peer.may_send();
        }
        is_ready
    }

    fn is_acknowledged(&mut self, cx: &mut Context<'_>) -> bool {
        let link = &mut self.inner.peer.link;
        let came = self.inner.wakes.poll_acknowledged(link, cx);
        if came {
            link.core.handle_acknowledged();
        }
        came
    }
}
