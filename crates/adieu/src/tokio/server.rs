//! A server with a task for each connection. Who is open, and how it drains, is [`serving`](crate::serving)'s.

use super::connection::Connection;
use super::listener::Listener;
use crate::serving::{
    Drained, Failing, Look, PATIENCE, Plan, REST, Roll, Seat, Service, methods_of_a_server,
};
use crate::{Interrupt, ListenCause, ListenError};
use std::collections::VecDeque;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{timeout, timeout_at};

/// Serves the clients of a [`Listener`], each in a task of its own, until it is shut down; then it drains. The async
/// [`adieu::Server`](crate::Server), which says more.
///
/// # Examples
///
/// ```
/// use adieu::tokio::{Listener, Server};
/// use adieu::{ConnectOptions, Endpoint, ListenOptions};
/// use std::time::Duration;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let listener = Listener::bind(&Endpoint::tcp("127.0.0.1", 0), &ListenOptions::new()).await?;
/// let endpoint = listener.local_endpoint().clone();
/// let server = Server::new(listener);
/// let handle = server.handle();
/// let serving = tokio::spawn(server.serve(adieu::tokio::echo));
///
/// let client = adieu::tokio::connect(&endpoint, &ConnectOptions::new()).await?;
/// assert!(client.shutdown_send().await?.drain().await.is_graceful());
///
/// // In a service this follows `tokio::signal::ctrl_c().await`.
/// let drained = handle.shutdown(Duration::from_secs(10)).await;
/// assert!(drained.aborted.is_empty());
/// serving.await??;
/// # Ok(()) }
/// ```
#[must_use = "it accepts nobody before it serves"]
pub struct Server {
    listener: Listener,
    /// What aborts its connections. Made at once, so that nothing is missing later.
    abort: Result<Interrupt, ListenError>,
    roll: Arc<Roll>,
    plan: Plan,
}

/// Shuts a [`Server`] down, from any task or thread. Clones shut down the same server.
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
        let abort = listener.abort_of_server();
        Self { listener, abort, roll: Roll::new(), plan: Plan::default() }
    }

    /// Accepts clients, and gives each connection to `handler` in a task of its own, until a handle shuts the server down. Then it
    /// drains, and returns the reports of the connections that were open.
    ///
    /// It is [`adieu::Server::serve`](crate::Server::serve) in async. One thing more can be done here: a task whose handler does
    /// something else than reading or writing is aborted after the deadline, which drops what it holds.
    ///
    /// Dropped, it stops accepting and aborts its tasks: connections that they hold are reset.
    ///
    /// # Errors
    ///
    /// The system has no descriptors left at the start. Later failures go to the [observer](Self::observer).
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime with I/O and time enabled.
    pub async fn serve<F>(
        self,
        handler: impl Fn(Connection) -> F + Send + Sync + 'static,
    ) -> Result<Drained, ListenError>
    where
        F: Future + Send + 'static,
    {
        let abort = self.abort?;
        if !self.roll.begin(self.plan, None) {
            return Ok(Drained::default());
        }
        let service = Service(self.roll);
        let mut running = Running {
            roll: &service.0,
            handler: Arc::new(handler),
            abort,
            waiting: VecDeque::new(),
            tasks: JoinSet::new(),
        };
        running.accept(&self.listener).await;
        running.take_backlog(&self.listener);
        // What listens no more must not take clients that nobody serves.
        drop(self.listener);
        running.drain().await;
        drop(running);
        Ok(service.end())
    }
}

methods_of_a_server!();

impl ServerHandle {
    /// Shuts the server down and waits until it has drained: no more clients are accepted, and what is still open after `limit`
    /// is aborted. `None` waits for ever.
    ///
    /// Called again, or by another task, it waits for the same end, and the earlier deadline counts. A server that has not begun
    /// to serve never will. In a handler use [`begin_shutdown`](Self::begin_shutdown): this would wait for the handler itself. The
    /// shutdown goes on if this future is dropped.
    pub async fn shutdown(&self, limit: impl Into<Option<Duration>>) -> Drained {
        self.begin_shutdown(limit);
        self.roll.end().await
    }

    /// Shuts the server down as [`shutdown`](Self::shutdown) does, without waiting; [`Server::serve`] returns the reports.
    pub fn begin_shutdown(&self, limit: impl Into<Option<Duration>>) {
        self.roll.shut_down(limit.into());
    }
}

/// Somebody who was accepted.
struct Client {
    connection: Connection,
    seat: Seat,
}

struct Running<'a, H> {
    roll: &'a Arc<Roll>,
    handler: Arc<H>,
    /// Of the connections without an interrupt of their own.
    abort: Interrupt,
    /// Who was accepted when the shutdown came, and has no place.
    waiting: VecDeque<Client>,
    tasks: JoinSet<()>,
}

impl<F, H> Running<'_, H>
where
    F: Future + Send + 'static,
    H: Fn(Connection) -> F + Send + Sync + 'static,
{
    /// Accepts and serves until the server is shut down.
    async fn accept(&mut self, listener: &Listener) {
        let mut failing = Failing::default();
        loop {
            self.roll.until(|look| look.is_shut_down || look.has_place).await;
            // Of the tasks that are done nothing is to be kept.
            while self.tasks.try_join_next().is_some() {}
            let accepted = tokio::select! {
                biased;
                () = self.roll.until(|look| look.is_shut_down) => return,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok(connection) => {
                    failing.has_accepted();
                    let client = Self::enter(self.roll, &self.abort, connection);
                    self.start(client);
                }
                Err(error) if *error.cause() == ListenCause::Interrupted => {
                    return self.roll.shut_down(None);
                }
                Err(error) => {
                    if failing.rests_after(&error, self.roll) {
                        let shut_down = self.roll.until(|look| look.is_shut_down);
                        // Either way it looks again.
                        let _ = timeout(REST, shut_down).await;
                    }
                }
            }
        }
    }

    /// Enters a connection on the roll, with something that aborts it.
    fn enter(roll: &Arc<Roll>, abort: &Interrupt, mut connection: Connection) -> Client {
        let seat = roll.enter(&mut connection.inner.peer.link, abort);
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

    /// Gives a client a task. Without a place it has to wait.
    fn start(&mut self, client: Client) {
        if !client.seat.take_place() {
            return self.waiting.push_front(client);
        }
        let handler = Arc::clone(&self.handler);
        self.tasks.spawn(async move {
            let Client { connection, seat } = client;
            // Given up last, also if the handler panics.
            let _seat = seat;
            handler(connection).await;
        });
    }

    /// Lets the open connections end, and aborts the rest at the deadline.
    async fn drain(&mut self) {
        self.roll.tell_drain();
        loop {
            while self.roll.look().has_place
                && let Some(client) = self.waiting.pop_front()
            {
                self.start(client);
            }
            let Look { is_empty, deadline, .. } = self.roll.look();
            if is_empty {
                return;
            }
            let somebody_waits = !self.waiting.is_empty();
            let news = self.roll.until(|look| {
                look.is_empty || look.deadline != deadline || (somebody_waits && look.has_place)
            });
            match deadline {
                None => news.await,
                Some(at) if timeout_at(at.into(), news).await.is_err() => break,
                Some(_) => {}
            }
        }
        self.roll.abort();
        for mut client in self.waiting.drain(..) {
            // It fails, because nothing is received after an interrupt, which ends the connection.
            let _ = client.connection.read_within(&mut [], Duration::ZERO).await;
        }
        if timeout(PATIENCE, self.roll.until(|look| look.is_empty)).await.is_err() {
            self.tasks.abort_all();
            let _ = timeout(PATIENCE, self.roll.until(|look| look.is_empty)).await;
        }
    }
}
