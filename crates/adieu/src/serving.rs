//! A server's clients: who is open, how many are served at once, and how a service drains. For both faces.
//!
//! It has no sockets, threads or tasks, and waits for nothing but itself. Who accepts, and what runs a handler, is the faces' own.

use crate::ending_handle::EndingHandle;
use crate::handle::Handle;
use crate::link::Link;
use crate::listening::BACKLOG;
use crate::{Ending, Interrupt, ListenCause, ListenError, Report, Side, Signal, os};
use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
#[cfg(feature = "tokio")]
use std::future::poll_fn;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
#[cfg(feature = "tokio")]
use std::task::Poll;
use std::task::{Context, Wake, Waker};
use std::time::{Duration, Instant};

/// What a server's shutdown came to: the connections that were open when it began.
///
/// Connections that ended before are not here, so a server's memory does not grow with their number; its observer is told of
/// every one ([`ServerEvent::Ended`]).
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct Drained {
    /// The reports of those that ended by themselves, however they ended.
    pub ended: Vec<Report>,
    /// The reports of those that the server aborted, because they were open at the deadline. Their peers saw a reset, and their
    /// ending is [`Interrupted`](crate::Ending::Interrupted) by [`Signal::Terminate`].
    pub aborted: Vec<Report>,
    /// How many of them had not ended when the server gave up waiting: their handlers do something else than reading or writing,
    /// and no thread can be ended from outside. What becomes of these connections is not known yet.
    pub unfinished: usize,
}

/// What a server tells its observer, as it happens.
#[derive(Debug)]
#[non_exhaustive]
pub enum ServerEvent<'a> {
    /// A connection has ended. Told on the thread, or in the task, that ends it.
    Ended {
        /// The connection's number; see `Connection::id`.
        id: u64,
        /// How it ended.
        report: &'a Report,
        /// Whether a handler was given it. Otherwise the deadline of the shutdown came before its turn.
        served: bool,
    },
    /// No client can be accepted now (no descriptors are left), or the options that were chosen for one cannot be had. The server
    /// goes on: it tries again, after a rest if something is short. A shortage is told once, until it is over.
    CannotAccept {
        /// Why.
        error: &'a ListenError,
    },
    /// A client that was accepted has to wait, because the system gives no thread for it. Told once, until it does. Never on tokio.
    CannotServe {
        /// The connection's number.
        id: u64,
        /// What the system said.
        error: &'a io::Error,
    },
    /// The server has stopped accepting, and waits until the open connections have ended.
    Draining {
        /// How many there are, those included that the kernel had accepted.
        open: usize,
    },
    /// The deadline has passed. What is open is aborted once this was told.
    Aborting {
        /// How many connections there are.
        open: usize,
    },
}

/// How many connections are served at once by default.
const AT_ONCE: usize = 1024;

/// What a server was asked for before it serves.
pub(crate) struct Plan {
    pub(crate) at_once: usize,
    /// How many are accepted from the backlog at a shutdown. `None`: as many as there are descriptors for.
    pub(crate) backlog: Option<usize>,
    pub(crate) observer: Option<Observer>,
}

impl Default for Plan {
    fn default() -> Self {
        Self { at_once: AT_ONCE, backlog: None, observer: None }
    }
}

/// Gives a server, whose fields are `plan` and `roll`, the methods by which it is asked for something: one list for both faces.
macro_rules! methods_of_a_server {
    () => {
        impl Server {
            /// How many connections are served at once at most; further clients wait in the backlog. Default: 1024.
            ///
            /// A connection counts until it has ended and its handler has returned.
            pub fn max_connections(mut self, number: usize) -> Self {
                self.plan.at_once = number.max(1);
                self
            }

            /// How many clients are still served, at a shutdown, whose connections the kernel had made and nobody had accepted; 0:
            /// none, and they are reset. Default: a third as many as there are free descriptors, and none if the shutdown has no
            /// time.
            pub fn late_clients(mut self, number: usize) -> Self {
                self.plan.backlog = Some(number);
                self
            }

            /// Calls this with everything that happens, such as the report of every connection as it ends. If it panics, the
            /// server goes on.
            pub fn observer(
                mut self,
                observer: impl Fn(&crate::ServerEvent<'_>) + Send + Sync + 'static,
            ) -> Self {
                self.plan.observer = Some(std::sync::Arc::new(observer));
                self
            }

            /// A handle that shuts it down.
            pub fn handle(&self) -> ServerHandle {
                ServerHandle { roll: std::sync::Arc::clone(&self.roll) }
            }
        }
    };
}

pub(crate) use methods_of_a_server;

/// How long to rest after something failed for want of descriptors, threads or memory: it must come back first.
pub(crate) const REST: Duration = Duration::from_millis(100);

/// How long a handler has to come back once its connection was aborted.
pub(crate) const PATIENCE: Duration = Duration::from_millis(1500);

/// Who is open, and what was asked of the server.
pub(crate) struct Roll {
    state: Mutex<State>,
    changed: Condvar,
}

pub(crate) type Observer = Arc<dyn Fn(&ServerEvent<'_>) + Send + Sync>;

#[derive(Default)]
struct State {
    phase: Phase,
    /// When what is open is aborted. `None`: never.
    deadline: Option<Instant>,
    /// It was asked for without any time. A deadline that has passed since is another thing: who waited before it is entered.
    has_no_time: bool,
    open: BTreeMap<u64, Entry>,
    /// How many have been entered.
    entered: u64,
    /// How many of the open ones have a handler.
    served: usize,
    /// How many may.
    at_once: usize,
    backlog: Option<usize>,
    drained: Drained,
    observer: Option<Observer>,
    /// Stops a thread that waits for a client.
    stop_accepting: Option<Interrupt>,
    tasks: Vec<Waker>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    #[default]
    New,
    Serving,
    Draining,
    /// The deadline has passed.
    Aborting,
    Over,
}

struct Entry {
    ending: EndingHandle,
    interrupt: Interrupt,
    is_served: bool,
    /// The connection has ended.
    has_ended: bool,
    /// Its handler has come back, or will never begin.
    is_left: bool,
}

/// What is asked of the roll before something is waited for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Look {
    /// One more handler may begin.
    pub(crate) has_place: bool,
    /// Nobody is accepted any more.
    pub(crate) is_shut_down: bool,
    /// Nobody is open, and no handler runs.
    pub(crate) is_empty: bool,
    /// When whoever is open is aborted. `None`: never.
    pub(crate) deadline: Option<Instant>,
}

impl State {
    fn look(&self) -> Look {
        Look {
            has_place: self.served < self.at_once,
            is_shut_down: self.phase > Phase::Serving,
            is_empty: self.open.is_empty(),
            deadline: self.deadline,
        }
    }
}

/// A client's place on the roll, held by whoever holds its connection. Dropped, its handler is done.
pub(crate) struct Seat {
    roll: Arc<Roll>,
    id: u64,
}

impl Roll {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { state: Mutex::default(), changed: Condvar::new() })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes everybody who waits for a change.
    fn tell(&self, mut state: MutexGuard<'_, State>) {
        let tasks = std::mem::take(&mut state.tasks);
        drop(state);
        self.changed.notify_all();
        tasks.into_iter().for_each(Waker::wake);
    }

    /// The service begins. False: it was shut down before, and is over.
    pub(crate) fn begin(&self, plan: Plan, stop_accepting: Option<Interrupt>) -> bool {
        let mut state = self.state();
        if state.phase != Phase::New {
            return false;
        }
        state.phase = Phase::Serving;
        (state.at_once, state.backlog, state.observer) = (plan.at_once, plan.backlog, plan.observer);
        state.stop_accepting = stop_accepting;
        true
    }

    /// Nobody is accepted any more, and who is open then is aborted. Of several such moments the first counts.
    pub(crate) fn shut_down(&self, within: Option<Duration>) {
        let mut state = self.state();
        state.has_no_time |= within == Some(Duration::ZERO);
        // A moment beyond the clock's end never comes.
        let deadline = within.and_then(|within| Instant::now().checked_add(within));
        state.deadline = [state.deadline, deadline].into_iter().flatten().min();
        match state.phase {
            Phase::New => state.phase = Phase::Over,
            Phase::Serving => state.phase = Phase::Draining,
            Phase::Draining | Phase::Aborting | Phase::Over => {}
        }
        if let Some(interrupt) = &state.stop_accepting {
            interrupt.raise(Signal::Terminate);
        }
        self.tell(state);
    }

    pub(crate) fn look(&self) -> Look {
        self.state().look()
    }

    /// Enters a connection that was accepted. What aborts it is the interrupt of its options, or else `abort`.
    pub(crate) fn enter<H: Handle>(self: &Arc<Self>, link: &mut Link<H>, abort: &Interrupt) -> Seat {
        let own = link.options.interrupt.clone();
        let interrupt = own.unwrap_or_else(|| {
            link.options.interrupt = Some(abort.clone());
            abort.clone()
        });
        let mut ending = link.ending_handle();
        let id = {
            let mut state = self.state();
            state.entered += 1;
            state.entered
        };
        let news = Waker::from(Arc::new(EndingNews { roll: Arc::downgrade(self), id }));
        let has_ended = Pin::new(&mut ending).poll(&mut Context::from_waker(&news)).is_ready();
        let entry = Entry { ending, interrupt, is_served: false, has_ended: false, is_left: false };
        self.state().open.insert(id, entry);
        if has_ended {
            self.ended(id);
        }
        Seat { roll: Arc::clone(self), id }
    }

    /// The connection has ended.
    fn ended(&self, id: u64) {
        let state = self.state();
        let Some(entry) = state.open.get(&id) else { return };
        let (report, id_of_connection, served) =
            (entry.ending.try_report(), entry.ending.id(), entry.is_served);
        // Whoever hears of it by the observer and then shuts down does not find it among what was open.
        let phase = state.phase;
        drop(state);
        let told = Told { roll: self, id, report, phase };
        if let Some(report) = &told.report {
            self.observe(&ServerEvent::Ended { id: id_of_connection, report, served });
        }
    }

    /// The observer was told of an end that came in this phase.
    fn note_end(&self, id: u64, report: Option<Report>, phase: Phase) {
        let mut state = self.state();
        if let Some(entry) = state.open.get_mut(&id) {
            entry.has_ended = true;
        }
        if let Some(report) = report
            && matches!(phase, Phase::Draining | Phase::Aborting)
            && state.phase != Phase::Over
        {
            let is_aborted = match report.ending() {
                Ending::Interrupted { .. } => true,
                // It was dropped with the task that held it.
                Ending::Reset { by: Side::Us } | Ending::Indeterminate { .. } => phase == Phase::Aborting,
                _ => false,
            };
            let State { drained, .. } = &mut *state;
            let list = if is_aborted { &mut drained.aborted } else { &mut drained.ended };
            list.push(report);
        }
        self.leave(state, id);
    }

    /// Takes a client from the roll with whom nothing more will happen.
    fn leave(&self, mut state: MutexGuard<'_, State>, id: u64) {
        if let Some(entry) = state.open.get(&id)
            && entry.has_ended
            && entry.is_left
        {
            state.served -= usize::from(entry.is_served);
            state.open.remove(&id);
        }
        self.tell(state);
    }

    /// Tells the observer, if there is one. It may panic, as `println!` does once nobody reads our stdout: the panic hook has told
    /// of that by then, and who has ended still gives its place up.
    pub(crate) fn observe(&self, event: &ServerEvent<'_>) {
        let observer = self.state().observer.clone();
        if let Some(observer) = observer {
            let _ = catch_unwind(AssertUnwindSafe(|| observer(event)));
        }
    }

    /// Accepts whose connections the kernel has made, behind those who wait: closing the listening socket would reset them. Nobody
    /// is accepted where all would be aborted at once.
    pub(crate) fn take_backlog<C>(&self, waiting: &mut VecDeque<C>, mut accept: impl FnMut() -> Option<C>) {
        let State { has_no_time, backlog, .. } = *self.state();
        let most = if has_no_time { 0 } else { backlog.unwrap_or_else(most_of_backlog) };
        while waiting.len() < most
            && let Some(client) = accept()
        {
            waiting.push_back(client);
        }
    }

    /// Nobody is accepted any more.
    pub(crate) fn tell_drain(&self) {
        let open = self.state().open.len();
        self.observe(&ServerEvent::Draining { open });
    }

    /// The deadline has passed: whoever is open is aborted.
    pub(crate) fn abort(&self) {
        let mut state = self.state();
        state.phase = Phase::Aborting;
        let interrupts: Vec<Interrupt> = state.open.values().map(|entry| entry.interrupt.clone()).collect();
        drop(state);
        self.observe(&ServerEvent::Aborting { open: interrupts.len() });
        for interrupt in interrupts {
            interrupt.raise(Signal::Terminate);
        }
    }

    /// The service is over: whoever waits for its shutdown is given what it came to.
    fn finish(&self) {
        let mut state = self.state();
        if state.phase != Phase::Over {
            state.phase = Phase::Over;
            state.drained.unfinished = state.open.values().filter(|entry| !entry.has_ended).count();
        }
        self.tell(state);
    }

    /// What the service came to. `None`: it is not over.
    fn drained(state: &State) -> Option<Drained> {
        (state.phase == Phase::Over).then(|| state.drained.clone())
    }

    /// Blocks until the service is over.
    pub(crate) fn await_end(&self) -> Drained {
        let mut state = self.state();
        loop {
            if let Some(drained) = Self::drained(&state) {
                return drained;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Blocks until it is so, or for so long at most.
    pub(crate) fn wait(&self, is_so: impl Fn(Look) -> bool, limit: Option<Duration>) {
        let until = limit.and_then(|limit| Instant::now().checked_add(limit));
        let mut state = self.state();
        while !is_so(state.look()) {
            let Some(until) = until else {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            let waited = self.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

#[cfg(feature = "tokio")]
impl Roll {
    fn poll<T>(&self, cx: &mut Context<'_>, ask: impl Fn(&State) -> Option<T>) -> Poll<T> {
        let mut state = self.state();
        if let Some(answer) = ask(&state) {
            return Poll::Ready(answer);
        }
        if !state.tasks.iter().any(|task| task.will_wake(cx.waker())) {
            state.tasks.push(cx.waker().clone());
        }
        Poll::Pending
    }

    /// Waits until it is so.
    pub(crate) async fn until(&self, is_so: impl Fn(Look) -> bool) {
        poll_fn(|cx| self.poll(cx, |state| is_so(state.look()).then_some(()))).await;
    }

    /// Waits until the service is over.
    pub(crate) async fn end(&self) -> Drained {
        poll_fn(|cx| self.poll(cx, Self::drained)).await
    }
}

impl Seat {
    /// Its handler begins, and takes a place until it is done and the connection has ended. False: there is no place.
    pub(crate) fn take_place(&self) -> bool {
        let mut state = self.roll.state();
        if !state.look().has_place {
            return false;
        }
        if let Some(entry) = state.open.get_mut(&self.id) {
            entry.is_served = true;
            state.served += 1;
        }
        true
    }

    /// Its handler could not begin.
    pub(crate) fn give_place_back(&self) {
        let mut state = self.roll.state();
        if let Some(entry) = state.open.get_mut(&self.id) {
            entry.is_served = false;
            state.served -= 1;
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut state = self.roll.state();
        if let Some(entry) = state.open.get_mut(&self.id) {
            entry.is_left = true;
        }
        self.roll.leave(state, self.id);
    }
}

/// An end that the observer is told of. It counts also if that panics: the drain would else wait for it for ever.
struct Told<'a> {
    roll: &'a Roll,
    id: u64,
    report: Option<Report>,
    phase: Phase,
}

impl Drop for Told<'_> {
    fn drop(&mut self) {
        self.roll.note_end(self.id, self.report.take(), self.phase);
    }
}

/// Tells the roll that a connection has ended. It does not keep the roll.
struct EndingNews {
    roll: Weak<Roll>,
    id: u64,
}

impl Wake for EndingNews {
    fn wake(self: Arc<Self>) {
        if let Some(roll) = self.roll.upgrade() {
            roll.ended(self.id);
        }
    }
}

/// How many clients are still accepted from the backlog at a shutdown by default: their handlers need descriptors too.
fn most_of_backlog() -> usize {
    (os::free_descriptors() / 3).min(usize::try_from(BACKLOG).unwrap_or_default())
}

/// What to do about failures to accept: each is told once, and what is short is waited for.
#[derive(Default)]
pub(crate) struct Failing {
    is_short: bool,
}

impl Failing {
    pub(crate) fn has_accepted(&mut self) {
        self.is_short = false;
    }

    /// Tells the failure, if it is news. True: it would come again at once.
    pub(crate) fn rests_after(&mut self, error: &ListenError, roll: &Roll) -> bool {
        let was_short = self.is_short;
        // Otherwise it is about one client, who is gone.
        self.is_short = matches!(error.cause(), ListenCause::Accept(_));
        if !(was_short && self.is_short) {
            roll.observe(&ServerEvent::CannotAccept { error });
        }
        self.is_short
    }
}

/// Ends the service however the face's loop is left, so that nobody waits for its shutdown for ever.
pub(crate) struct Service(pub(crate) Arc<Roll>);

impl Service {
    /// Ends it, and says what it came to.
    pub(crate) fn end(self) -> Drained {
        self.0.finish();
        self.0.await_end()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.0.finish();
    }
}
