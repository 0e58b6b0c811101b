//! The ending handle: the report of a connection that somebody else ends.
//!
//! It is the standard library's alone: a future that any executor can run, and a wait that blocks. It does not keep the
//! connection open and cannot end it. The [link](crate::link) fills it in where the report is made, so it learns of every
//! ending, whoever causes it.

use crate::Report;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

/// Gives the [`Report`] of a connection however it ends: also when the code that holds the connection drops it, such as an
/// HTTP server, a pool, or a thread that panics.
///
/// `ending_handle()` of a connection makes it, on both faces, before and after the half-close. It is a [`Future`] that runs on
/// any executor, and [`wait`](Self::wait) blocks instead. Each of them gives the same report as often as it is asked. Clones
/// wait for the same connection.
///
/// It does not change how the connection ends. A connection that is dropped with its sending side open is reset as ever. The report
/// of one that is dropped before the peer has ended is [`Indeterminate`](crate::Ending::Indeterminate) with
/// [`Missing::PeerEof`](crate::Missing::PeerEof). On tokio, `tokio::Connection::finish_when_dropped` has a connection finished
/// instead, if its sending side is shut down when it is dropped.
///
/// # None
///
/// Every wait gives `None` if there will be no report: the program took the socket back with
/// [`into_socket`](crate::Connection::into_socket), and ends it by itself.
///
/// # Examples
///
/// ```no_run
/// use adieu::{ConnectOptions, Endpoint};
///
/// let connection = adieu::connect(&Endpoint::tcp("localhost", 80), &ConnectOptions::new())?;
/// let ending = connection.ending_handle();
/// std::thread::spawn(move || some_pool_that_takes(connection));
/// if let Some(report) = ending.wait() {
///     eprintln!("{report}");
/// }
/// # fn some_pool_that_takes(_: adieu::Connection) {}
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "it does nothing unless it is waited for"]
pub struct EndingHandle {
    shared: Arc<Shared>,
    /// Who waits, among the clones.
    number: u64,
}

/// What a connection and its handles share.
struct Shared {
    id: u64,
    state: Mutex<State>,
    over: Condvar,
}

struct State {
    /// Pending: the connection is open. `None`: there will be no report.
    told: Poll<Option<Report>>,
    waiting: Vec<(u64, Waker)>,
    /// How many handles there have been.
    numbers: u64,
}

impl Shared {
    fn new(id: u64) -> Self {
        let state = State { told: Poll::Pending, waiting: Vec::new(), numbers: 0 };
        Self { id, state: Mutex::new(state), over: Condvar::new() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Only the first word counts.
    fn tell(&self, report: Option<Report>) {
        let waiting = {
            let mut state = self.state();
            if state.told.is_pending() {
                state.told = Poll::Ready(report);
            }
            std::mem::take(&mut state.waiting)
        };
        self.over.notify_all();
        // Woken with the lock released: a waker may run what it wakes.
        for (_, waker) in waiting {
            waker.wake();
        }
    }
}

/// The connection's end of its handles. Dropped without a report, it tells them that there will be none.
pub(crate) struct EndingTeller(Arc<Shared>);

impl EndingTeller {
    pub(crate) fn new(id: u64) -> Self {
        Self(Arc::new(Shared::new(id)))
    }

    pub(crate) fn handle(&self) -> EndingHandle {
        EndingHandle::new(Arc::clone(&self.0))
    }

    /// The connection has ended with this report.
    pub(crate) fn tell(&self, report: &Report) {
        self.0.tell(Some(report.clone()));
    }
}

impl Drop for EndingTeller {
    fn drop(&mut self) {
        self.0.tell(None);
    }
}

impl EndingHandle {
    fn new(shared: Arc<Shared>) -> Self {
        let number = {
            let mut state = shared.state();
            state.numbers += 1;
            state.numbers
        };
        Self { shared, number }
    }

    /// The number of the connection that it waits for; see [`Connection::id`](crate::Connection::id).
    pub fn id(&self) -> u64 {
        self.shared.id
    }

    /// Blocks until the connection has ended. `None`: there will be no report.
    ///
    /// It has no bound of its own: the connection ends when the code that holds it, or one of its
    /// [`Limits`](crate::Limits), ends it.
    pub fn wait(&self) -> Option<Report> {
        let mut state = self.shared.state();
        loop {
            match &state.told {
                Poll::Ready(told) => return told.clone(),
                Poll::Pending => state = self.shared.over.wait(state).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }

    /// Blocks as [`wait`](Self::wait) does, but no longer than `limit`. `None`: the connection is still open then, or there will
    /// be no report.
    pub fn wait_within(&self, limit: Duration) -> Option<Report> {
        // A moment beyond the clock's end never comes.
        let Some(until) = Instant::now().checked_add(limit) else { return self.wait() };
        let mut state = self.shared.state();
        loop {
            if let Poll::Ready(told) = &state.told {
                return told.clone();
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return None;
            }
            let waited = self.shared.over.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// The report, if the connection has ended. Never blocks. `None`: it is still open, or there will be no report.
    pub fn try_report(&self) -> Option<Report> {
        match &self.shared.state().told {
            Poll::Ready(told) => told.clone(),
            Poll::Pending => None,
        }
    }
}

/// Waits for the same connection.
impl Clone for EndingHandle {
    fn clone(&self) -> Self {
        Self::new(Arc::clone(&self.shared))
    }
}

impl Drop for EndingHandle {
    fn drop(&mut self) {
        // Otherwise the wakers of clones that are gone would pile up while the connection lives.
        let waker = {
            let mut state = self.shared.state();
            let at = state.waiting.iter().position(|(number, _)| *number == self.number);
            at.map(|at| state.waiting.swap_remove(at))
        };
        // With the lock released: it may be the last thing that holds a task, and with it other handles.
        drop(waker);
    }
}

impl Future for EndingHandle {
    type Output = Option<Report>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Report>> {
        let mut state = self.shared.state();
        if let Poll::Ready(told) = &state.told {
            return Poll::Ready(told.clone());
        }
        let new = cx.waker().clone();
        let at = state.waiting.iter().position(|(number, _)| *number == self.number);
        let old = at.map(|at| state.waiting.swap_remove(at));
        state.waiting.push((self.number, new));
        // Dropped with the lock released, as in `drop`.
        drop(state);
        drop(old);
        Poll::Pending
    }
}

impl fmt::Debug for EndingHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ending = self.try_report().map(|report| report.ending());
        f.debug_struct("EndingHandle")
            .field("id", &self.id())
            .field("ending", &ending)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_teller_that_is_dropped_without_a_report_says_that_there_will_be_none() {
        let teller = EndingTeller::new(1);
        let handle = teller.handle();
        let waiting = handle.clone();
        let thread = std::thread::spawn(move || waiting.wait());
        assert!(handle.try_report().is_none());
        drop(teller);
        assert!(thread.join().expect("it does not panic").is_none());
        assert!(handle.wait_within(Duration::MAX).is_none());
    }

    /// A task that nobody but its waker holds, and that holds a handle itself.
    struct Task(#[expect(dead_code, reason = "it is only held")] EndingHandle);

    impl std::task::Wake for Task {
        fn wake(self: Arc<Self>) {
            drop(self);
        }
    }

    #[test]
    fn a_waker_that_is_the_last_to_hold_another_handle_can_be_dropped() {
        let (done, is_done) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let teller = EndingTeller::new(1);
            let mut handle = teller.handle();
            for _ in 0..2 {
                let waker = Waker::from(Arc::new(Task(teller.handle())));
                assert!(Pin::new(&mut handle).poll(&mut Context::from_waker(&waker)).is_pending());
            }
            drop(handle);
            let _ = done.send(());
        });
        is_done.recv_timeout(Duration::from_secs(60)).expect("it waits for itself");
    }

    #[test]
    fn a_handle_that_is_dropped_leaves_no_waker_behind() {
        let teller = EndingTeller::new(1);
        let mut handle = teller.handle();
        let mut cx = Context::from_waker(Waker::noop());
        for _ in 0..3 {
            assert!(Pin::new(&mut handle).poll(&mut cx).is_pending());
            assert!(Pin::new(&mut handle.clone()).poll(&mut cx).is_pending());
        }
        assert_eq!(teller.0.state().waiting.len(), 1, "its own, once");
        drop(handle);
        assert!(teller.0.state().waiting.is_empty());
    }
}
