//! A server with a thread for each connection. Who is open, and how it drains, is [`serving`](crate::serving)'s.

use crate::serving::{
    Drained, Failing, Look, PATIENCE, Plan, REST, Roll, Seat, ServerEvent, Service, methods_of_a_server,
};
use crate::{Connection, Interrupt, ListenCause, ListenError, Listener};
use std::cell::Cell;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Serves the clients of a [`Listener`], each on a thread of its own, until it is shut down; then it drains.
///
/// The [handle](Self::handle) shuts it down, from another thread: no more clients are accepted, the open connections end, each in
/// its own way, and what is still open at the deadline is aborted. [`serve`](Self::serve) and the shutdown both return the
/// [`Drained`] reports. A handler may return anything and may panic: the server learns each report from the connection itself, also
/// if the handler drops it or gives it to another thread.
///
/// # Examples
///
/// ```
/// use adieu::{ConnectOptions, Endpoint, ListenOptions, Listener, Server};
/// use std::time::{Duration, Instant};
///
/// let listener = Listener::bind(&Endpoint::tcp("127.0.0.1", 0), &ListenOptions::new())?;
/// let endpoint = listener.local_endpoint().clone();
/// let server = Server::new(listener);
/// let handle = server.handle();
/// let serving = std::thread::spawn(move || server.serve(adieu::exchange::echo));
///
/// let client = adieu::connect(&endpoint, &ConnectOptions::new())?;
/// assert!(client.shutdown_send()?.drain().is_graceful());
///
/// // In a service, a thread that waits for SIGTERM or Ctrl-C does this. The crate ctrlc has such a thread:
/// // `ctrlc::set_handler(move || handle.begin_shutdown(Duration::from_secs(10)))?;`
/// let drained = handle.shutdown(Duration::from_secs(10));
/// assert!(drained.aborted.is_empty());
/// serving.join().expect("the handler does not panic")?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "it accepts nobody before it serves"]
pub struct Server {
    listener: Listener,
    /// What stops it, and what aborts its connections. Made at once, so that nothing is missing later.
    interrupts: Result<(Interrupt, Interrupt), ListenError>,
    roll: Arc<Roll>,
    plan: Plan,
    stack_size: Option<usize>,
}

/// Shuts a [`Server`] down, from any thread. Clones shut down the same server.
#[derive(Clone)]
pub struct ServerHandle {
    roll: Arc<Roll>,
}

impl Server {
    /// A server for the clients of this listener.
    ///
    /// A connection whose options have an [interrupt](crate::ListenOptions::interrupt) keeps it, and the server raises that
    /// interrupt at the deadline of a shutdown: do not share it with what is to live on. Others are given that of the listener's
    /// options, or one of the server's own.
    pub fn new(listener: Listener) -> Self {
        Self {
            interrupts: listener.interrupts(),
            listener,
            roll: Roll::new(),
            plan: Plan::default(),
            stack_size: None,
        }
    }

    /// The stack of each handler's thread in bytes. Default: that of the standard library, 2 MiB.
    pub fn stack_size(mut self, bytes: usize) -> Self {
        self.stack_size = Some(bytes);
        self
    }

    /// Accepts clients, and gives each connection to `handler` on a thread of its own, until a handle shuts the server down. Then it
    /// drains, and returns the reports of the connections that were open.
    ///
    /// [Clients](Self::late_clients) whose connections the kernel had already made when the shutdown came are served too: closing
    /// the listening socket would reset them. A client for whom there is no thread now waits for one.
    ///
    /// If the listener's own interrupt is raised, the server accepts nobody any more, and drains without a deadline: its
    /// connections end by that interrupt, if they have it.
    ///
    /// If it was shut down before, it accepts nobody and returns at once.
    ///
    /// # Errors
    ///
    /// The system has no descriptors left at the start. Later failures go to the [observer](Self::observer).
    pub fn serve<R>(
        self,
        handler: impl Fn(Connection) -> R + Send + Sync + 'static,
    ) -> Result<Drained, ListenError> {
        let (stop, abort) = self.interrupts?;
        if !self.roll.begin(self.plan, Some(stop.clone())) {
            return Ok(Drained::default());
        }
        let service = Service(self.roll);
        let mut running = Running {
            roll: &service.0,
            handler: Arc::new(move |connection| drop(handler(connection))),
            stack_size: self.stack_size,
            abort,
            waiting: VecDeque::new(),
            lacks_threads: Cell::new(false),
        };
        running.accept(&self.listener, &stop);
        running.take_backlog(&self.listener);
        // What listens no more must not take clients that nobody serves.
        drop(self.listener);
        running.drain();
        Ok(service.end())
    }
}

methods_of_a_server!();

impl ServerHandle {
    /// Shuts the server down and waits until it has drained: no more clients are accepted, and what is still open after `limit`
    /// is aborted. `None` waits for ever.
    ///
    /// Called again, or by another thread, it waits for the same end, and the earlier deadline counts. A server that has not begun
    /// to serve never will. In a handler use [`begin_shutdown`](Self::begin_shutdown): this would wait for the handler itself.
    pub fn shutdown(&self, limit: impl Into<Option<Duration>>) -> Drained {
        self.begin_shutdown(limit);
        self.roll.await_end()
    }

    /// Shuts the server down as [`shutdown`](Self::shutdown) does, without waiting; [`Server::serve`] returns the reports.
    pub fn begin_shutdown(&self, limit: impl Into<Option<Duration>>) {
        self.roll.shut_down(limit.into());
    }
}

/// Somebody who was accepted. The connection goes first: it ends before its seat is given up.
struct Client {
    connection: Connection,
    seat: Seat,
}

struct Running<'a> {
    roll: &'a Arc<Roll>,
    handler: Arc<dyn Fn(Connection) + Send + Sync>,
    stack_size: Option<usize>,
    /// Of the connections without an interrupt of their own.
    abort: Interrupt,
    /// Who was accepted and has no thread.
    waiting: VecDeque<Client>,
    /// That there are no threads was told.
    lacks_threads: Cell<bool>,
}

impl Running<'_> {
    /// Accepts and serves until the server is shut down.
    fn accept(&mut self, listener: &Listener, stop: &Interrupt) {
        let mut failing = Failing::default();
        loop {
            self.serve_waiting();
            let is_held_up = !self.waiting.is_empty();
            // Who waits waits for a thread: nobody is accepted without a place.
            let rest = is_held_up.then_some(REST);
            self.roll.wait(|look| look.is_shut_down || (look.has_place && !is_held_up), rest);
            if self.roll.look().is_shut_down {
                return;
            }
            if is_held_up {
                continue;
            }
            match listener.accept_unless(stop) {
                Ok(connection) => {
                    failing.has_accepted();
                    // `None`: it is shut down.
                    self.waiting
                        .extend(connection.map(|connection| Self::enter(self.roll, &self.abort, connection)));
                }
                Err(error) if *error.cause() == ListenCause::Interrupted => {
                    return self.roll.shut_down(None);
                }
                Err(error) => {
                    if failing.rests_after(&error, self.roll) {
                        stop.wait(REST);
                    }
                }
            }
        }
    }

    /// Enters a connection on the roll, with something that aborts it.
    fn enter(roll: &Arc<Roll>, abort: &Interrupt, mut connection: Connection) -> Client {
        let seat = roll.enter(&mut connection.link, abort);
        Client { connection, seat }
    }

    /// Accepts whose connections the kernel has made.
    fn take_backlog(&mut self, listener: &Listener) {
        let Self { roll, abort, waiting, .. } = self;
        roll.take_backlog(waiting, || {
            let connection = listener.try_accept_of_backlog().ok().flatten()?;
            Some(Self::enter(roll, abort, connection))
        });
    }

    /// Serves whoever waits, in turn, as long as there are places and threads.
    fn serve_waiting(&mut self) {
        while let Some(client) = self.waiting.pop_front() {
            if let Some(client) = self.start(client) {
                return self.waiting.push_front(client);
            }
        }
    }

    /// Gives a client a thread. Without one it is given back.
    fn start(&self, client: Client) -> Option<Client> {
        if !client.seat.take_place() {
            return Some(client);
        }
        // A closure that becomes no thread is dropped with what it holds.
        let shared = Arc::new(Mutex::new(Some(client)));
        let (given, handler) = (Arc::clone(&shared), Arc::clone(&self.handler));
        let serve = move || {
            let Some(Client { connection, seat }) = take(&given) else { return };
            // Given up last, also if the handler panics.
            let _seat = seat;
            handler(connection);
        };
        let mut thread = std::thread::Builder::new().name("adieu-server".to_owned());
        if let Some(bytes) = self.stack_size {
            thread = thread.stack_size(bytes);
        }
        let Err(error) = thread.spawn(serve) else {
            self.lacks_threads.set(false);
            return None;
        };
        let client = take(&shared)?;
        client.seat.give_place_back();
        if !self.lacks_threads.replace(true) {
            self.roll.observe(&ServerEvent::CannotServe { id: client.connection.id(), error: &error });
        }
        Some(client)
    }

    /// Lets the open connections end, and aborts the rest at the deadline.
    fn drain(&mut self) {
        self.roll.tell_drain();
        loop {
            self.serve_waiting();
            let Look { is_empty, has_place, deadline, .. } = self.roll.look();
            if is_empty {
                return;
            }
            let left = deadline.map(|at| at.saturating_duration_since(Instant::now()));
            if left.is_some_and(|left| left.is_zero()) {
                break;
            }
            // Whoever waits although there is a place waits for a thread.
            let somebody_waits = !self.waiting.is_empty();
            let rest = (somebody_waits && has_place).then_some(REST);
            self.roll.wait(
                |look| {
                    let is_next = somebody_waits && look.has_place && !has_place;
                    look.is_empty || look.deadline != deadline || is_next
                },
                [left, rest].into_iter().flatten().min(),
            );
        }
        self.roll.abort();
        for mut client in self.waiting.drain(..) {
            // It fails, because nothing is received after an interrupt, which ends the connection.
            let _ = client.connection.read_within(&mut [], Duration::ZERO);
        }
        self.roll.wait(|look| look.is_empty, Some(PATIENCE));
    }
}

fn take(client: &Mutex<Option<Client>>) -> Option<Client> {
    client.lock().unwrap_or_else(PoisonError::into_inner).take()
}
