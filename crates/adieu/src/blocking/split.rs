//! A connection in two halves, which two threads use at the same time.
//!
//! The link under them is one state machine, so the halves share it behind a lock. A half holds that lock while it moves bytes,
//! and lets go of it while it sleeps. Both may sleep at once, each in a `poll` of its own. What the one has done may be news to the
//! other: the connection's end, a timer that comes sooner, a TLS record that is sent. So before a half lets go of the lock it
//! compares what the other one saw before it fell asleep with what is so now, and wakes it if that differs.
//!
//! Nothing here decides how a connection ends, which is the core's part.

use super::connection::Connection;
use super::lent::{Half, Lent};
use super::wait::{Sleep, Waiter, close, read, read_within, shut_down, write, write_vectored};
use crate::Report;
use crate::handle::Handle;
use crate::link::Link;
use crate::os::{self, AsPollable, Watch};
use adieu_proto::{Counts, Time, Waiting};
use std::io::{self, IoSlice, Read, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use std::{fmt, mem};

/// The reading half of a connection; see [`Connection::split`]. It receives, and gives the [`Report`] in the end.
///
/// Receiving after [`close`](Self::close) does not compile:
///
/// ```compile_fail,E0382
/// # use std::io::Read;
/// # fn f(mut reading: adieu::ReadHalf) -> std::io::Result<()> {
/// let report = reading.close();
/// reading.read(&mut [0; 512])?; // the value has moved
/// # Ok(()) }
/// ```
///
/// # Dropping
///
/// The writing half goes on without it: nobody receives any more, so a peer that sends much may stop receiving. If the writing
/// half is then shut down, the connection is closed at once, and the peer sees a reset if it still sends.
#[must_use = "close it to learn how the connection ended"]
pub struct ReadHalf {
    shared: Arc<Shared>,
}

/// The writing half of a connection; see [`Connection::split`]. It sends, and shuts down the sending side.
///
/// Sending after the shutdown does not compile:
///
/// ```compile_fail,E0382
/// # use std::io::Write;
/// # fn f(mut writing: adieu::WriteHalf) -> std::io::Result<()> {
/// writing.shutdown_send()?;
/// writing.write_all(b"too late")?; // the value has moved
/// # Ok(()) }
/// ```
///
/// # Dropping
///
/// If it is dropped without [`shutdown_send`](Self::shutdown_send), by a thread that panics for example, the connection is
/// closed abortively at once: the peer sees a reset, because a FIN would tell it that it has received everything. The reading
/// half is woken, and its next read tells. After a reset by the peer, the reading half can still read what the peer had said.
#[must_use = "a writing half that is dropped resets the connection; use shutdown_send"]
pub struct WriteHalf {
    shared: Arc<Shared>,
    /// The sending side is shut down, or this half is given back.
    is_done: bool,
}

/// Two halves that are not of the same connection. It gives them back.
#[derive(Debug, thiserror::Error)]
#[error("the two halves belong to different connections")]
pub struct ReuniteError(pub ReadHalf, pub WriteHalf);

impl Connection {
    /// Splits the connection into a half that receives and a half that sends, for two threads that run at the same time.
    ///
    /// A write then never waits for a read, so a peer that sends much before it receives holds nobody up. The connection's
    /// timers, its interrupt and its observer go on as before: if one of them ends the connection, both halves are woken and
    /// tell so. The idle timeout counts while a half waits for the peer.
    ///
    /// The halves do not wait for each other at the end: call [`ReadHalf::close`] once [`WriteHalf::shutdown_send`] has
    /// returned.
    ///
    /// # Platforms
    ///
    /// Unix: the two halves take four descriptors beside the socket, to wake each other. Windows: two sockets. If the system has
    /// none left, a half that sleeps looks around every 10 ms in their place.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use adieu::{ConnectOptions, Endpoint};
    /// use std::fs::File;
    /// use std::{io, thread};
    ///
    /// let connection = adieu::connect(&Endpoint::tcp("localhost", 27015), &ConnectOptions::new())?;
    /// let (mut reading, mut writing) = connection.split();
    /// let sending = thread::spawn(move || {
    ///     io::copy(&mut File::open("request")?, &mut writing)?; // if this fails, the connection is reset
    ///     writing.shutdown_send()
    /// });
    /// io::copy(&mut reading, &mut File::create("reply")?)?;
    /// sending.join().expect("it does not panic")?;
    /// let report = reading.close();
    /// assert!(report.is_graceful(), "{report}");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn split(mut self) -> (ReadHalf, WriteHalf) {
        let state = State {
            link: self.link.take_with(Lent::new),
            waiting: [Waiting::default(); 2],
            seen: [None, None],
        };
        let shared = Arc::new(Shared { state: Mutex::new(state) });
        (ReadHalf { shared: Arc::clone(&shared) }, WriteHalf { shared, is_done: false })
    }
}

impl ReadHalf {
    /// Receives as reading does, but waits no longer than `limit`, for a TLS handshake that is still to be made too.
    /// `Ok(None)`: nothing came by then. With [`Duration::ZERO`] it does not wait for the peer at all.
    ///
    /// With an empty buffer it receives nothing and only asks whether the interrupt or the deadline has ended the connection.
    ///
    /// # Errors
    ///
    /// As of reading: the connection has ended otherwise than by EOF, which is `Ok(Some(0))`.
    pub fn read_within(&mut self, buffer: &mut [u8], limit: Duration) -> io::Result<Option<usize>> {
        read_within(&mut self.turn(), buffer, limit)
    }

    /// Closes the connection and reports, as [`HalfClosed::close`](crate::HalfClosed::close) does, once
    /// [`WriteHalf::shutdown_send`] has returned.
    ///
    /// If the sending side is still open, this is an abort: the peer sees a reset, and the writing half's next call fails. So
    /// wait for the thread that writes before.
    pub fn close(self) -> Report {
        let mut turn = self.turn();
        if turn.link().core.milestones().shutdown_send.is_none() {
            return turn.link().abort();
        }
        close(&mut turn)
    }

    /// Closes abortively, whatever the writing half does: the peer sees a reset, and what it has not received is lost.
    ///
    /// # RFC
    ///
    /// RFC 9293, section 3.6 (ABORT call); socket(7), SO_LINGER.
    pub fn abort(self) -> Report {
        self.turn().link().abort()
    }

    /// Notes that the program has seen the end mark of the peer's stream; see
    /// [`expect_end_mark`](crate::ConnectOptions::expect_end_mark).
    pub fn mark_end(&mut self) {
        self.turn().link().core.handle_end_mark();
    }

    /// How many bytes have been read, accepted, received and so on so far, by both halves.
    pub fn counts(&self) -> Counts {
        self.shared.lock().link.core.counts()
    }

    /// Puts the two halves together again.
    ///
    /// # Errors
    ///
    /// They are not of the same connection.
    pub fn reunite(self, mut writing: WriteHalf) -> Result<Connection, ReuniteError> {
        if !Arc::ptr_eq(&self.shared, &writing.shared) {
            return Err(ReuniteError(self, writing));
        }
        writing.is_done = true;
        drop(writing);
        Ok(Connection { link: Shared::into_link(self.shared).take_with(Lent::into_socket) })
    }

    fn turn(&self) -> Turn<'_> {
        Turn::new(&self.shared, Half::Reading)
    }
}

impl WriteHalf {
    /// Shuts down the sending side, as [`Connection::shutdown_send`] does; the reading half goes on. With TLS, close_notify
    /// comes before the FIN, and this waits until our kernel has taken it.
    ///
    /// # Errors
    ///
    /// The sending side could not be shut down: the error that a write would give. What the peer had said is still the reading
    /// half's to read, and [`ReadHalf::close`] has the report.
    ///
    /// # RFC
    ///
    /// RFC 9293, section 3.6 (CLOSE call); shutdown(2).
    pub fn shutdown_send(mut self) -> io::Result<()> {
        let mut turn = Turn::new(&self.shared, Half::Writing);
        if !shut_down(&mut turn) {
            return Err(turn.link().never_connected());
        }
        drop(turn);
        self.is_done = true;
        Ok(())
    }

    /// How many bytes have been read, accepted, received and so on so far, by both halves.
    pub fn counts(&self) -> Counts {
        self.shared.lock().link.core.counts()
    }
}

impl Drop for WriteHalf {
    fn drop(&mut self) {
        if self.is_done {
            return;
        }
        let mut turn = Turn::new(&self.shared, Half::Writing);
        let link = turn.link();
        // After a fault, what the peer had said is still to be read.
        if link.core.evidence().fault.is_none() && !link.core.is_decided() {
            let now = link.now();
            link.core.handle_abort(now);
            link.act();
        }
    }
}

impl Read for ReadHalf {
    /// Receives. `Ok(0)` is the peer's EOF: it sends no more, but may still be reading.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        read(&mut self.turn(), buffer)
    }
}

impl Write for WriteHalf {
    /// Sends. `Ok(n)` says that our kernel accepted n bytes, no more.
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        write(&mut Turn::new(&self.shared, Half::Writing), buffer)
    }

    /// Sends from several buffers by one system call, as [`Connection`] does.
    fn write_vectored(&mut self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        write_vectored(&mut Turn::new(&self.shared, Half::Writing), buffers)
    }

    /// Does nothing: nothing is held back.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl fmt::Debug for ReadHalf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ReadHalf").field(&self.shared.lock().link).finish()
    }
}

impl fmt::Debug for WriteHalf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("WriteHalf").field(&self.shared.lock().link).finish()
    }
}

struct Shared {
    state: Mutex<State>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Only an observer can panic in a call of the other half. It leaves what it leaves of a connection that is whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The link, when one half is gone.
    fn into_link(shared: Arc<Self>) -> Box<Link<Lent>> {
        let shared = Arc::into_inner(shared).expect("only the two halves share it");
        shared.state.into_inner().unwrap_or_else(PoisonError::into_inner).link
    }
}

struct State {
    link: Box<Link<Lent>>,
    /// What each half waits for; the core is told the sum.
    waiting: [Waiting; 2],
    /// What each half saw before it fell asleep. `None`: it is awake.
    seen: [Option<Seen>; 2],
}

/// What a half that sleeps has seen, and is woken for if it changes.
#[derive(Debug, Clone, Copy)]
struct Seen {
    /// Whether the direction is open.
    is_open: bool,
    is_handshaking: bool,
    /// Something is sealed and waits for room. The half that reads may send it too, and only the one that writes waits for that.
    has_unsent: bool,
    /// A fault was told, or the ending is decided.
    is_over: bool,
    /// When the half wakes by itself.
    wakes_at: Option<Time>,
}

impl Seen {
    fn new(link: &Link<Lent>, half: Half, wakes_at: Option<Time>) -> Self {
        let wants = link.core.wants();
        let is_writing = half == Half::Writing;
        Self {
            is_open: if is_writing { wants.input || wants.send } else { wants.receive },
            is_handshaking: link.is_handshaking(),
            has_unsent: is_writing && link.has_unsent(),
            is_over: link.core.evidence().fault.is_some() || link.core.is_decided(),
            wakes_at,
        }
    }

    /// Whether its half would do something else than sleep on, as things are `now`.
    fn is_outdated(&self, now: Self) -> bool {
        let facts = |seen: Self| (seen.is_open, seen.is_handshaking, seen.has_unsent, seen.is_over);
        let comes_sooner = now.wakes_at.is_some_and(|at| self.wakes_at.is_none_or(|known| at < known));
        facts(*self) != facts(now) || comes_sooner
    }
}

impl State {
    fn tell_core(&mut self) {
        let [one, other] = self.waiting;
        self.link.wait_for(Waiting {
            receive: one.receive || other.receive,
            send: one.send || other.send,
            acknowledgement: one.acknowledgement || other.acknowledgement,
            ..Waiting::default()
        });
    }

    /// Wakes this half if it sleeps and something is news to it.
    fn wake_if_outdated(&self, half: Half) {
        let Some(seen) = self.seen[half as usize] else { return };
        let now = Seen::new(&self.link, half, self.link.core.poll_timeout());
        if let Some(lent) = self.link.handle.as_ref().filter(|_| seen.is_outdated(now)) {
            lent.wake(half);
        }
    }

    /// Whether a timer is due and what this half waits for has come, so that the peer was not silent: a process that was stopped
    /// for longer than the idle timeout finds both when it goes on.
    fn has_come_in_time(&self, half: Half) -> bool {
        let is_due = self.link.core.poll_timeout().is_some_and(|at| at <= self.link.now());
        let Some(socket) = self.link.handle.as_ref().filter(|_| is_due && self.seen[half as usize].is_some())
        else {
            return false;
        };
        let Waiting { receive, send, .. } = self.waiting[half as usize];
        let mut watches = [Watch::new(socket.pollable(), receive, send)];
        os::wait(&mut watches, Some(Duration::ZERO)).is_ok() && watches[0].ready.any
    }
}

/// The turn of one half: it holds the lock but while it sleeps.
struct Turn<'a> {
    shared: &'a Shared,
    half: Half,
    state: Option<MutexGuard<'a, State>>,
}

impl<'a> Turn<'a> {
    fn new(shared: &'a Shared, half: Half) -> Self {
        Self { shared, half, state: Some(shared.lock()) }
    }

    fn state(&mut self) -> &mut State {
        self.state.as_mut().expect("the lock is held but while the half sleeps")
    }
}

impl Waiter for Turn<'_> {
    type Handle = Lent;

    fn link(&mut self) -> &mut Link<Lent> {
        &mut self.state().link
    }

    fn wait(&mut self, mut waiting: Waiting, until: Option<Instant>) -> io::Result<()> {
        let half = self.half;
        let state = self.state();
        // Of two halves that wait for room, one is enough to send what is sealed.
        waiting.send &= !(waiting.receive && state.waiting[half.other() as usize].send);
        state.waiting[half as usize] = waiting;
        let is_judged = !state.has_come_in_time(half.other());
        if is_judged {
            state.tell_core();
            state.link.tick();
        }
        state.link.act();
        let Some(sleep) = Sleep::prepare(&mut state.link, waiting, until) else { return Ok(()) };
        let Some(loan) = state.link.handle.as_ref().map(|lent| lent.lend(half)) else { return Ok(()) };
        // The other half is about to move what has come, and then the timer is another.
        let not_judged = (!is_judged).then_some(os::LOOK_AGAIN);
        let timeout = [sleep.timeout.filter(|_| is_judged), not_judged, loan.at_a_time()];
        let wakes_at = state.link.core.poll_timeout().filter(|_| is_judged);
        state.seen[half as usize] = Some(Seen::new(&state.link, half, wakes_at));
        state.wake_if_outdated(half.other());
        let interrupt = state.link.interrupt().cloned();
        self.state = None;

        let interrupt = Watch::readable(interrupt.as_ref().map(AsPollable::as_pollable));
        let mut watches = [sleep.watch(loan.socket()), interrupt, loan.watch()];
        let waited = os::wait(&mut watches, timeout.into_iter().flatten().min());
        // Before the lock is taken: whoever holds it may wait for this, to close the socket.
        drop(loan);

        let state = self.state.insert(self.shared.lock());
        state.seen[half as usize] = None;
        waited?;
        sleep.end(&mut state.link);
        Ok(())
    }

    fn rest(&mut self) {
        let half = self.half;
        let state = self.state();
        if mem::take(&mut state.waiting[half as usize]) != Waiting::default() {
            state.tell_core();
        }
    }
}

/// What was done in it may be news to the other half.
impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if self.state.is_some() {
            self.rest();
            let other = self.half.other();
            self.state().wake_if_outdated(other);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ConnectOptions, Endpoint, Limits};
    use std::thread;

    /// As a process finds things that was stopped for longer than the idle timeout.
    #[test]
    fn what_has_come_for_one_half_is_no_silence_for_the_other() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("loopback");
        let endpoint = Endpoint::from(listener.local_addr().expect("bound"));
        let limits = Limits::new().idle_timeout(Duration::from_millis(1));
        let connection =
            crate::connect(&endpoint, &ConnectOptions::new().limits(limits)).expect("it listens");
        let (mut peer, _) = listener.accept().expect("it has connected");
        let (reading, writing) = connection.split();
        let mut state = reading.shared.lock();
        state.waiting[Half::Reading as usize] = Waiting { receive: true, ..Waiting::default() };
        state.tell_core();
        while state.link.core.poll_timeout().expect("it is waited for") > state.link.now() {
            thread::yield_now();
        }
        peer.write_all(b"in time").expect("taken");
        assert!(!state.has_come_in_time(Half::Reading), "it is awake, and knows by itself");
        state.seen[Half::Reading as usize] = Some(Seen::new(&state.link, Half::Reading, None));
        let began = Instant::now();
        while !state.has_come_in_time(Half::Reading) {
            assert!(began.elapsed() < Duration::from_secs(20), "it never comes");
            thread::yield_now();
        }
        drop(state);
        drop((reading, writing));
    }
}
