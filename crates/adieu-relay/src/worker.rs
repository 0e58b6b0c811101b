//! A worker: a thread with a runtime of its own, which accepts from every relay's listening socket and serves whom it accepted.
//!
//! Each worker has its own reactor, so a connection never moves to another thread, and no worker wakes another. All of them accept
//! from the same socket, so a free worker takes the next client.

use crate::admission::{Place, Turn, TurnedAway};
use crate::config::RelayError;
use crate::event::RelayEvent;
use crate::pool::Pool;
use crate::session::{self, Session};
use crate::shared::{Control, REST, Serving, Worker};
use adieu::tokio::{Connection, Listener};
use adieu::{Address, ListenCause, Signal};
use std::io::ErrorKind;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Who shares its port with others listens on until nobody has come for this long: a handshake that has begun takes a round trip,
/// and a second more if its last segment is lost.
const QUIET: Duration = Duration::from_millis(300);

/// And no longer than this.
const LAST_CALL: Duration = Duration::from_secs(3);

/// How long connections that were cut may take to end.
const PATIENCE: Duration = Duration::from_secs(2);

/// The tasks of the sessions of one worker.
type Sessions = Arc<Pool<(Session, Connection)>>;

/// What a worker runs on. It is made before any worker begins: without one of them, names would not be resolved, or fewer cores
/// would serve than there are.
///
/// # Errors
///
/// The system has no descriptors left.
pub(crate) fn runtime() -> Result<Runtime, RelayError> {
    Builder::new_current_thread().enable_all().build().map_err(RelayError::Worker)
}

/// Serves until the service is shut down and everything has ended.
pub(crate) fn run(runtime: &Runtime, worker: Worker, mut controls: UnboundedReceiver<Control>) {
    let worker = Arc::new(worker);
    let sessions = Sessions::default();
    runtime.block_on(async {
        let shutdown = &worker.service.shutdown;
        let mut accepting = JoinSet::new();
        loop {
            tokio::select! {
                // What it is told comes first, so that it accepts from every socket before it hears that nobody does any more.
                biased;
                Some(control) = controls.recv() => heed(control, &worker, &sessions, &mut accepting),
                () = shutdown.begun() => break,
            }
        }
        // They hear of it too. Whoever asks meanwhile whether this worker is alive gets an answer.
        loop {
            tokio::select! {
                Some(control) = controls.recv() => drop(control),
                left = accepting.join_next() => if left.is_none() { break },
            }
        }
        // All workers wait for the same number, so the last connection of any ends them all.
        loop {
            tokio::select! {
                Some(control) = controls.recv() => drop(control),
                have_ended = shutdown.all_ended() => {
                    if !have_ended {
                        worker.service.abort(Signal::Terminate);
                        shutdown.all_ended_by(Instant::now() + PATIENCE).await;
                    }
                    return;
                }
            }
        }
    });
}

fn heed(control: Control, worker: &Arc<Worker>, sessions: &Sessions, accepting: &mut JoinSet<()>) {
    match control {
        Control::Answer(answer) => drop(answer),
        Control::Listen(serving, listener) => match Listener::from_std(*listener) {
            Ok(listener) => {
                accepting.spawn(accept(Arc::clone(worker), Arc::clone(sessions), serving, listener));
            }
            Err(error) => {
                if let Some(serving) = &*serving.borrow() {
                    serving.tell(&RelayEvent::AcceptFailed { relay: &serving.name, error: &error });
                }
            }
        },
    }
}

/// Accepts and serves until the relay listens no more, or the service is shut down.
async fn accept(
    worker: Arc<Worker>,
    sessions: Sessions,
    mut news: watch::Receiver<Option<Arc<Serving>>>,
    mut listener: Listener,
) {
    let Some(mut serving) = news.borrow_and_update().clone() else { return };
    loop {
        listener = listener.with_options(&serving.listen_options, &worker.service.accepting);
        let _names = worker.is_first.then(|| serving.keep_names_known());
        tokio::select! {
            biased;
            () = worker.service.shutdown.begun() => break,
            changed = news.changed() => {
                let next = changed.ok().and_then(|()| news.borrow_and_update().clone());
                let Some(next) = next else { break };
                serving = next;
            }
            () = accept_with(&worker, &sessions, &serving, &listener) => break,
        }
    }
    leave_to_the_others(&worker, &serving, &listener).await;
    serve_backlog(&worker, &serving, &listener).await;
}

/// If others listen on the same port (SO_REUSEPORT), such as the process that follows this one: sends new clients to them, and goes
/// on accepting until nobody comes any more. To close the socket resets those who are in a handshake with it.
///
/// Which place in the group is ours no call tells. Where clients still come, they may have begun before; or the place that they
/// are sent to is ours, or nobody's. So each of them has the next place tried.
async fn leave_to_the_others(worker: &Arc<Worker>, serving: &Arc<Serving>, listener: &Listener) {
    let mut places = [1, 0, 2, 3].into_iter().cycle();
    let mut send_away = || {
        let place = places.next().unwrap_or_default();
        adieu_os::send_clients_to(&socket2::SockRef::from(listener), place).is_ok()
    };
    let mut grace_over = pin!(worker.service.shutdown.grace_over());
    // Of a relay that is stopped without another in its place, somebody comes all the time.
    let until = Instant::now() + LAST_CALL;
    while Instant::now() < until && send_away() {
        let came = tokio::select! {
            biased;
            () = &mut grace_over => return,
            came = listener.accept_within(QUIET) => came,
        };
        let Ok(Some(connection)) = came else { return };
        serve_in_turn(worker, serving, connection);
    }
}

/// Serves those whose connections the kernel has made: to close the socket would reset them.
async fn serve_backlog(worker: &Arc<Worker>, serving: &Arc<Serving>, listener: &Listener) {
    let shutdown = &worker.service.shutdown;
    let mut grace_over = pin!(shutdown.grace_over());
    loop {
        tokio::select! {
            () = shutdown.room.for_one_more() => {}
            () = &mut grace_over => return,
        }
        match listener.try_accept() {
            Ok(Some(connection)) => serve_in_turn(worker, serving, connection),
            // Whoever is open now will give descriptors back.
            Err(error) if error.is_for_want_of_resources() => tokio::select! {
                () = tokio::time::sleep(REST) => {}
                () = &mut grace_over => return,
            },
            // That client has gone, and the next may be there.
            Err(error) if error.kind() == ErrorKind::ConnectionAborted => {}
            Ok(None) | Err(_) => return,
        }
    }
}

/// Serves a client that was accepted before it was its turn, once it is.
fn serve_in_turn(worker: &Arc<Worker>, serving: &Arc<Serving>, connection: Connection) {
    let Some((session, mut connection)) = begin(worker, serving, Turn::default(), connection) else { return };
    let (worker, serving) = (Arc::clone(worker), Arc::clone(serving));
    tokio::spawn(async move {
        // Those beyond the bounds wait here as they did in the backlog. Whose time is up meanwhile is cut as everybody is.
        let _turn = tokio::select! {
            biased;
            turn = serving.gate.turn() => turn,
            () = connection.wait_for_cut() => Turn::default(),
            () = worker.service.shutdown.grace_over() => Turn::default(),
        };
        session.run(connection).await;
    });
}

/// Accepts and serves with this, until accepting is interrupted.
async fn accept_with(worker: &Arc<Worker>, sessions: &Sessions, serving: &Arc<Serving>, listener: &Listener) {
    let mut is_failing = false;
    loop {
        let turn = serving.gate.turn().await;
        worker.service.tell_if_full();
        worker.service.shutdown.room.for_one_more().await;
        match listener.accept().await {
            Ok(connection) => {
                is_failing = false;
                serve(worker, sessions, serving, turn, connection);
            }
            Err(error) if *error.cause() == ListenCause::Interrupted => return,
            Err(error) => {
                drop(turn);
                if !std::mem::replace(&mut is_failing, true) {
                    serving.tell(&RelayEvent::AcceptFailed { relay: &serving.name, error: &error });
                }
                tokio::time::sleep(REST).await;
            }
        }
    }
}

/// Serves a client, unless it is turned away.
fn serve(
    worker: &Arc<Worker>,
    sessions: &Sessions,
    serving: &Arc<Serving>,
    turn: Turn,
    connection: Connection,
) {
    if let Some(begun) = begin(worker, serving, turn, connection) {
        sessions.give(begun, |(session, connection)| session.run(connection));
    }
}

/// The session of a client. `None`: it was turned away.
fn begin(
    worker: &Arc<Worker>,
    serving: &Arc<Serving>,
    turn: Turn,
    connection: Connection,
) -> Option<(Session, Connection)> {
    match let_in(serving, turn, &connection) {
        Ok(place) => Some((Session::begin(worker, serving, &connection, place), connection)),
        Err(why) => {
            session::turn_away(&worker.service, serving, connection, why);
            None
        }
    }
}

/// The place of a client.
fn let_in(serving: &Serving, turn: Turn, connection: &Connection) -> Result<Place, TurnedAway> {
    let client = connection.peer_address().unwrap_or(&Address::Unnamed);
    match &serving.front.accept_proxy {
        // Who the client is, the proxy will tell.
        Some(from) if from.trusts(client) => serving.gate.admit_proxy(turn),
        Some(_) => Err(TurnedAway::NotAProxy),
        None => serving.gate.admit(turn, client),
    }
}
