//! The door of a side that listens: it hears several clients at a time until one has said who it is, and tells whoever comes
//! while that one is served that this side is busy.
//!
//! So a client that says nothing, or trickles, or has another secret, keeps nobody else waiting.

use super::guesses::{Guesser, Guesses};
use crate::addresses::peer_name;
use crate::hints;
use crate::printer::Printer;
use crate::said;
use adieu::tls::Failure;
use adieu::{Connection, Interrupt, ListenError, ListenOptions, Listener, Report, Signal, describe_error};
use adieu_transfer::{Agreement, Secret, Terms, TransferOutcome, TransferRole, Verdict, Wire};
use std::cell::Cell;
use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// How long a client may take, in all, to say who it is: its TLS handshake apart, which has a bound of its own.
pub(super) const INTRODUCTION: Duration = Duration::from_secs(10);

/// The most clients that are heard at a time, in all and from one source.
const CLIENTS: usize = 32;
const CLIENTS_OF_SOURCE: usize = 8;

/// The most clients that have a thread, with those that have to go and have not gone yet. Others wait to be accepted.
const THREADS: usize = 4 * CLIENTS;

/// The pause after a client could not be accepted, or could not be given a thread.
const REST: Duration = Duration::from_millis(100);

/// How long a client that comes while another one is served waits for the end of that one: it may have ended, and this side
/// not know it yet.
const MOMENT: Duration = Duration::from_secs(1);

/// What the door tells.
pub(super) enum DoorEvent {
    /// Somebody has connected, and is heard.
    Came,
    /// A client has said who it is: the door is closed behind it until [`Door::open`].
    Agreed(Box<Agreed>),
    /// A client did not.
    Failed(Failed),
    /// A client that came was told that this side is busy.
    WasBusy,
    /// What is to be said once nobody is served.
    Says(String),
    CannotAccept(ListenError),
    Signal(Signal),
}

/// A client that said who it is.
pub(super) struct Agreed {
    /// Which of those that came it is, from 1.
    pub(super) id: u64,
    pub(super) wire: Wire,
    pub(super) agreement: Agreement,
}

/// A client that did not come to an agreement.
pub(super) struct Failed {
    /// Which of those that came it is, from 1.
    pub(super) id: u64,
    pub(super) peer: String,
    /// It has left without a byte of its own: the loser of two connections, a port scan, a health check.
    pub(super) left_silently: bool,
    pub(super) why: Why,
}

pub(super) enum Why {
    /// It has no connection that could be spoken over: its TLS handshake failed.
    Never(Never),
    Outcome(Box<TransferOutcome>, Box<Wire>),
}

/// An attempt that led to no connection, with its report.
pub(crate) struct Never {
    pub(crate) report: Box<Report>,
    /// Somebody connected who does not speak as we do; another may.
    pub(crate) by_stranger: bool,
}

impl Never {
    fn new(mut report: Box<Report>, by_stranger: bool) -> Self {
        report.call_settings(hints::option);
        Self { report, by_stranger }
    }
}

impl From<Box<Report>> for Never {
    fn from(report: Box<Report>) -> Self {
        Self::new(report, false)
    }
}

pub(crate) struct Door {
    events: mpsc::Receiver<DoorEvent>,
    shared: Arc<DoorState>,
    stop: Interrupt,
    acceptor: Option<JoinHandle<()>>,
    /// Clients that came and of which nothing was heard yet.
    pub(super) pending: usize,
}

/// How clients are heard.
pub(super) struct Hearing {
    pub(super) role: TransferRole,
    pub(super) secret: Option<Secret>,
    /// For each message. `None`: only all of them have a bound.
    pub(super) patience: Option<Duration>,
    pub(super) speaks_tls: bool,
    /// Raised by a signal.
    pub(super) interrupt: Interrupt,
    /// Raised to end a connection.
    pub(super) abort: Interrupt,
    /// One client after the other is served, until a signal closes the door.
    pub(super) is_service: bool,
    pub(super) printer: Arc<Printer>,
}

struct DoorState {
    hearing: Hearing,
    guesses: Guesses,
    state: Mutex<State>,
    /// Whatever waits for a change of the state waits here.
    changed: Condvar,
    /// It was said that clients wait for want of something: once is enough.
    has_said_that_clients_wait: AtomicBool,
    events: mpsc::Sender<DoorEvent>,
}

/// What the threads of the door tell each other.
#[derive(Default)]
struct State {
    /// Those that have a thread, the oldest first.
    clients: VecDeque<Client>,
    /// Clients are accepted.
    is_open: bool,
    /// Somebody is served.
    is_busy: bool,
    /// Nobody more is accepted; who is there is heard.
    is_closed: bool,
    /// The door is being closed for good.
    is_over: bool,
    /// A signal has come.
    is_interrupted: bool,
}

/// One that is being heard.
struct Client {
    id: u64,
    source: Guesser,
    /// It has to make room for another.
    must_go: bool,
}

impl State {
    /// Whether a client is still to be heard.
    fn hears(&self, id: u64) -> bool {
        !self.is_over && !self.clients.iter().any(|client| client.id == id && client.must_go)
    }

    /// A place for one more. If all are taken, the oldest of the source that has most of them goes.
    fn make_room(&mut self, id: u64, source: Guesser) {
        let staying = || self.clients.iter().filter(|client| !client.must_go);
        let of = |source| staying().filter(|client| client.source == source).count();
        let goes = if of(source) >= CLIENTS_OF_SOURCE {
            Some(source)
        } else if staying().count() >= CLIENTS {
            self.clients.iter().map(|client| client.source).max_by_key(|source| of(*source))
        } else {
            None
        };
        let is_oldest = |client: &&mut Client| Some(client.source) == goes && !client.must_go;
        if let Some(client) = self.clients.iter_mut().find(is_oldest) {
            client.must_go = true;
        }
        self.clients.push_back(Client { id, source, must_go: false });
    }
}

impl Door {
    /// Makes it, with all that could be missing: its threads, and what wakes them. Nobody is accepted before [`Door::open`].
    pub(super) fn new(listener: Listener, options: &ListenOptions, hearing: Hearing) -> io::Result<Self> {
        let (sender, events) = mpsc::channel();
        let stop = Interrupt::new()?;
        let listener = listener.with_options(options, &stop);
        let shared = Arc::new(DoorState {
            hearing,
            guesses: Guesses::new(),
            state: Mutex::default(),
            changed: Condvar::new(),
            has_said_that_clients_wait: AtomicBool::new(false),
            events: sender.clone(),
        });
        let interrupt = &shared.hearing.interrupt;
        let (signal, shared_for_signal) = (interrupt.clone(), Arc::downgrade(&shared));
        let closing = stop.clone();
        // It is left behind at the end, and holds nothing.
        thread::Builder::new().name("adieu-signal".into()).spawn(move || {
            if let Some(signal) = signal.wait(Duration::MAX) {
                if let Some(shared) = shared_for_signal.upgrade() {
                    if shared.hearing.is_service {
                        shared.change(|state| state.is_closed = true);
                        closing.raise(signal);
                    } else {
                        shared.change(|state| state.is_interrupted = true);
                    }
                }
                let _ = sender.send(DoorEvent::Signal(signal));
            }
        })?;
        let accepting = Arc::clone(&shared);
        let acceptor =
            thread::Builder::new().name("adieu-door".into()).spawn(move || accepting.accept(&listener))?;
        Ok(Self { events, shared, stop, acceptor: Some(acceptor), pending: 0 })
    }

    /// Nobody is served any more: the next that says who it is will be.
    pub(super) fn open(&self) {
        self.shared.change(|state| (state.is_open, state.is_busy) = (true, false));
    }

    /// Waits until nobody more is accepted, which a signal has brought about. Who has come is heard to the end.
    pub(super) fn close(&mut self) {
        if let Some(acceptor) = self.acceptor.take() {
            let _ = acceptor.join();
        }
    }

    /// Whether some client that came has not said yet who it is, or not to the end.
    pub(super) fn hears_anybody(&self) -> bool {
        !self.shared.state().clients.is_empty()
    }

    /// The next event, within `limit`. `None`: there was none.
    pub(super) fn next(&mut self, limit: Option<Duration>) -> Option<DoorEvent> {
        let event = match limit {
            None => self.events.recv().ok(),
            Some(limit) => self.events.recv_timeout(limit).ok(),
        };
        match &event {
            Some(DoorEvent::Came) => self.pending += 1,
            Some(DoorEvent::Agreed(_) | DoorEvent::Failed(_) | DoorEvent::WasBusy) => {
                self.pending = self.pending.saturating_sub(1);
            }
            _ => {}
        }
        event
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        self.shared.change(|state| state.is_over = true);
        self.stop.raise(Signal::Terminate);
        // The listener, and the file of a Unix socket, go with it.
        self.close();
    }
}

impl DoorState {
    fn tell(&self, event: DoorEvent) {
        // Nobody hears it at the end.
        let _ = self.events.send(event);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the state, and wakes whoever waits for a change.
    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let changed = change(&mut self.state());
        self.changed.notify_all();
        changed
    }

    /// Waits for `limit`, or until this is so no longer.
    fn wait_while(&self, limit: Duration, mut so: impl FnMut(&State) -> bool) {
        // Who is woken looks at the state anew in any case.
        let _ = self.changed.wait_timeout_while(self.state(), limit, |state| so(state));
    }

    fn is_over(&self) -> bool {
        self.state().is_over
    }

    /// A pause that the end of the door cuts short.
    fn rest(&self) {
        self.wait_while(REST, |state| !state.is_over);
    }

    fn accept(self: Arc<Self>, listener: &Listener) {
        self.wait_while(Duration::MAX, |state| !state.is_open && !state.is_over);
        if self.is_over() {
            return;
        }
        let mut is_failing = false;
        for id in 1.. {
            self.is_about(id);
            let connection = loop {
                match listener.accept() {
                    Ok(connection) => break connection,
                    Err(_) if self.is_over() || self.state().is_closed => return,
                    Err(error) => {
                        if is_for_want(&error) {
                            self.say_that_clients_wait(&error.to_string());
                        } else if !std::mem::replace(&mut is_failing, true) {
                            self.tell(DoorEvent::CannotAccept(error));
                        }
                        self.rest();
                    }
                }
            };
            is_failing = false;
            self.wait_while(Duration::MAX, |state| state.clients.len() >= THREADS && !state.is_over);
            // Here, because a client that came first may be heard last.
            let has_come = !self.state().is_busy;
            if has_come {
                self.tell_of(&connection);
            }
            let source = Guesser::of(connection.peer_address());
            self.change(|state| state.make_room(id, source));
            // It stays ours until there is a thread for it.
            let waiting = Arc::new(Mutex::new(Some(connection)));
            while let Err(error) = self.hear_on_thread(id, source, has_come, &waiting) {
                self.say_that_clients_wait(&format!("cannot hear a client: {}", describe_error(&error)));
                if self.is_over() {
                    return;
                }
                self.rest();
            }
        }
    }

    fn hear_on_thread(
        self: &Arc<Self>,
        id: u64,
        source: Guesser,
        has_come: bool,
        waiting: &Arc<Mutex<Option<Connection>>>,
    ) -> io::Result<()> {
        let (this, waiting) = (Arc::clone(self), Arc::clone(waiting));
        let hear = move || {
            this.is_about(id);
            let connection = waiting.lock().unwrap_or_else(PoisonError::into_inner).take();
            let event = connection.and_then(|connection| this.hear(connection, id, source, has_come));
            if let Some(event) = event {
                this.tell(event);
            }
            this.change(|state| state.clients.retain(|client| client.id != id));
        };
        thread::Builder::new().name("adieu-client".into()).spawn(hear).map(drop)
    }

    /// From here on, what this thread says is of this client of a service.
    fn is_about(&self, id: u64) {
        if self.hearing.is_service {
            said::of_connection(id);
        }
    }

    fn say_that_clients_wait(&self, why: &str) {
        if self.has_said_that_clients_wait.swap(true, Ordering::SeqCst) {
            return;
        }
        let words = format!("{why}; clients wait until that is over");
        // While a bar is drawn, another thread does not write.
        if self.hearing.printer.may_draw() {
            self.tell(DoorEvent::Says(words));
        } else {
            self.hearing.printer.say(&words);
        }
    }

    /// Says that a client has come.
    fn tell_of(&self, connection: &Connection) {
        self.hearing.printer.connected(connection);
        self.tell(DoorEvent::Came);
    }

    /// Hears who a client is. `has_come`: that was said already. `None`: one that was never said to have come, so that those
    /// that come while somebody is served for hours leave nothing behind.
    fn hear(&self, connection: Connection, id: u64, source: Guesser, has_come: bool) -> Option<DoorEvent> {
        let peer = peer_name(connection.peer_address());
        let was_busy = self.stays_busy(id);
        if !(was_busy || has_come) {
            self.tell_of(&connection);
        }
        let has_come = has_come || !was_busy;
        let connection = if self.hearing.speaks_tls {
            match connection.handshake() {
                Ok(connection) => connection,
                Err(_) if was_busy => return self.was_busy(&peer, has_come),
                Err(report) => {
                    let left_silently = report.tls_failure == Some(Failure::NotBegun);
                    let why = Why::Never(Never::new(report, true));
                    return Some(DoorEvent::Failed(Failed { id, peer, left_silently, why }));
                }
            }
        } else {
            connection
        };
        let mut wire = Wire::new(connection, Some(&self.hearing.abort));
        if was_busy || self.state().is_busy {
            let _ = adieu_transfer::tell_busy(&mut wire, self.hearing.role, self.hearing.secret.is_some());
            linger(&mut wire);
            wire.finish();
            return self.was_busy(&peer, has_come);
        }
        let has_guessed = Cell::new(false);
        let gate = || {
            let turn = self.guesses.turn_of_source(source, Instant::now());
            let is_next = self.wait(turn.after, id) && {
                let turn = self.guesses.turn_of_all(Instant::now());
                let is_next = self.wait(turn.after, id);
                if !is_next {
                    self.guesses.give_back_of_all(turn);
                }
                is_next
            };
            if !is_next {
                self.guesses.give_back_of_source(source, turn);
            }
            has_guessed.set(is_next);
            is_next
        };
        let go_on = || self.state().hears(id);
        let mut terms = Terms::new(self.hearing.secret.as_ref());
        terms.patience = self.hearing.patience;
        terms.within = Some(INTRODUCTION);
        terms.hears_begin = true;
        terms.go_on = Some(&go_on);
        terms.gate = Some(&gate);
        match adieu_transfer::agree(&mut wire, self.hearing.role, &terms) {
            Err(outcome) => {
                if has_guessed.get() {
                    self.guesses.wrong(source, Instant::now());
                }
                // One that is still there has not left.
                let has_left =
                    !matches!(outcome.verdict, Verdict::Silent { .. } | Verdict::Interrupted { .. });
                let left_silently = has_left && wire.bytes_received() == Some(0);
                let why = Why::Outcome(outcome, Box::new(wire));
                Some(DoorEvent::Failed(Failed { id, peer, left_silently, why }))
            }
            Ok(agreement) => {
                let is_first = !self.change(|state| std::mem::replace(&mut state.is_busy, true));
                if is_first {
                    return Some(DoorEvent::Agreed(Box::new(Agreed { id, wire, agreement })));
                }
                let _ = adieu_transfer::refuse_busy(&mut wire, self.hearing.role, agreement);
                linger(&mut wire);
                wire.finish();
                self.was_busy(&peer, true)
            }
        }
    }

    /// Whether somebody else is served, and still is a [`MOMENT`] later.
    fn stays_busy(&self, id: u64) -> bool {
        self.wait_while(MOMENT, |state| state.is_busy && state.hears(id) && !state.is_interrupted);
        self.state().is_busy
    }

    fn was_busy(&self, peer: &str, had_come: bool) -> Option<DoorEvent> {
        // While a bar is drawn, another thread does not write.
        if !self.hearing.printer.may_draw() {
            self.hearing.printer.say(&format!("{peer} was told that this side is busy"));
        }
        had_come.then_some(DoorEvent::WasBusy)
    }

    /// Waits for `limit`, and returns whether this client's hello is still wanted. With a zero limit it does not look.
    fn wait(&self, limit: Duration, id: u64) -> bool {
        if limit.is_zero() {
            return true;
        }
        let goes_on = |state: &State| state.hears(id) && !state.is_interrupted;
        self.wait_while(limit, goes_on);
        goes_on(&self.state())
    }
}

/// Whether something is missing that others may give back: descriptors, or memory.
fn is_for_want(error: &ListenError) -> bool {
    let name = error.system().and_then(|error| error.name.as_deref());
    matches!(
        name,
        Some(
            "EMFILE" | "ENFILE" | "ENOBUFS" | "ENOMEM" | "WSAEMFILE" | "WSAENOBUFS" | "WSA_NOT_ENOUGH_MEMORY"
        )
    )
}

/// After our end: hears the client's, so that no reset takes the words away.
fn linger(wire: &mut Wire) {
    use adieu_transfer::Transport;
    const LIMIT: Duration = Duration::from_secs(2);
    let until = Instant::now() + LIMIT;
    let mut buffer = [0; 4096];
    while let Ok(Some(1..)) = wire.read_within(&mut buffer, until.saturating_duration_since(Instant::now())) {
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::reporting::{Kind, ReportFormat, Reports};
    use adieu::Endpoint;
    use std::io::Read;
    use std::net::TcpStream;

    #[test]
    fn clients_that_come_while_one_is_served_leave_nothing_behind() {
        let (options, interrupt) = (ListenOptions::new(), Interrupt::new().expect("it can be made"));
        let listener = Listener::bind(&Endpoint::tcp("127.0.0.1", 0), &options).expect("a port is free");
        let address = listener.local_endpoint().to_string();
        let reports =
            Reports { format: ReportFormat::Text, file: None, kind: Kind::Once, quiet: true, verbose: false };
        let hearing = Hearing {
            role: TransferRole::Receive,
            secret: None,
            patience: None,
            speaks_tls: false,
            interrupt: interrupt.clone(),
            abort: interrupt.clone(),
            is_service: false,
            printer: Arc::new(Printer::new(&reports).expect("it writes no file")),
        };
        let mut door = Door::new(listener, &options, hearing).expect("there are threads");
        door.shared.change(|state| (state.is_open, state.is_busy) = (true, true));
        let clients: Vec<_> = (0..3).map(|_| TcpStream::connect(&address).expect("it listens")).collect();
        for mut client in clients {
            client.read_to_end(&mut Vec::new()).expect("it is told, and ends");
        }
        let until = Instant::now() + INTRODUCTION;
        while !door.shared.state().clients.is_empty() {
            assert!(Instant::now() < until, "they do not go");
            thread::yield_now();
        }
        assert!(door.next(Some(Duration::ZERO)).is_none());
        interrupt.raise(Signal::Terminate);
    }
}
