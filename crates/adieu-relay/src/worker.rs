//! A worker: a thread with a runtime of its own, which accepts from every relay's listening socket and serves whom it accepted.
//!
//! Each worker has its own reactor, so a connection never moves to another thread, and no worker wakes another. All of them accept
//! from the same socket, so whoever is free takes the next client.

use crate::admission::{Place, Turn, TurnedAway};
use crate::config::RelayError;
use crate::event::RelayEvent;
use crate::session::Session;
use crate::shared::{Serving, Worker};
use adieu::tokio::{Connection, Listener};
use adieu::{Address, ListenCause, Signal};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long to rest after accepting failed for want of descriptors or memory: they must come back first.
const REST: Duration = Duration::from_millis(100);

/// How long connections that were cut may take to end.
const PATIENCE: Duration = Duration::from_secs(2);

/// Serves until the service is shut down and everything has ended.
pub(crate) fn run(worker: Worker, listeners: Vec<(Arc<Serving>, adieu::Listener)>) -> Result<(), RelayError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(RelayError::Worker)?;
    let worker = Arc::new(worker);
    runtime.block_on(async {
        let mut accepting = Vec::new();
        for (serving, listener) in listeners {
            let listener = Listener::from_std(listener)?;
            if worker.is_first {
                serving.keep_names_known();
            }
            accepting.push(tokio::spawn(accept(Arc::clone(&worker), serving, listener)));
        }
        for task in accepting {
            // It fails only if it panicked.
            let _ = task.await;
        }
        // All workers wait for the same number, so the last connection of any ends them all.
        if !worker.service.shutdown.all_ended().await {
            worker.service.abort(Signal::Terminate);
            worker.service.shutdown.all_ended_by(Instant::now() + PATIENCE).await;
        }
        Ok(())
    })
}

/// Accepts and serves until the service is shut down.
async fn accept(worker: Arc<Worker>, serving: Arc<Serving>, listener: Listener) {
    let mut is_failing = false;
    loop {
        let accepted = tokio::select! {
            biased;
            () = worker.service.shutdown.begun() => break,
            accepted = async {
                let turn = serving.gate.turn().await;
                listener.accept().await.map(|connection| (turn, connection))
            } => accepted,
        };
        match accepted {
            Ok((turn, connection)) => {
                is_failing = false;
                if let Some(place) = let_in(&serving, turn, &connection) {
                    let session = Session::begin(&worker, &serving, &connection, place);
                    tokio::spawn(session.run(connection));
                }
            }
            Err(error) if *error.cause() == ListenCause::Interrupted => break,
            Err(error) => {
                if !std::mem::replace(&mut is_failing, true) {
                    serving.tell(&RelayEvent::AcceptFailed { relay: &serving.name, error: &error });
                }
                tokio::time::sleep(REST).await;
            }
        }
    }
    // Whose connections the kernel has made is served: to close the socket would reset them.
    while let Ok(Some(connection)) = listener.try_accept() {
        let Some(place) = let_in(&serving, Turn::default(), &connection) else { continue };
        let session = Session::begin(&worker, &serving, &connection, place);
        let (worker, serving) = (Arc::clone(&worker), Arc::clone(&serving));
        tokio::spawn(async move {
            // Those beyond the bounds wait here as they did in the backlog. Whose time is up meanwhile is cut as everybody is.
            let _turn = tokio::select! {
                turn = serving.gate.turn() => turn,
                () = worker.service.shutdown.grace_over() => Turn::default(),
            };
            session.run(connection).await;
        });
    }
}

/// The place of a client. `None`: it is turned away, and is reset when its connection is dropped.
fn let_in(serving: &Serving, turn: Turn, connection: &Connection) -> Option<Place> {
    let client = connection.peer_address().unwrap_or(&Address::Unnamed);
    let told = |why: &TurnedAway| {
        serving.tell(&RelayEvent::TurnedAway { relay: &serving.name, client, why: *why });
    };
    serving.gate.admit(turn, client).inspect_err(told).ok()
}
