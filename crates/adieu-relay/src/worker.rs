//! A worker: a thread with a runtime of its own, which accepts from every relay's listening socket and serves whom it accepted.
//!
//! Each worker has its own reactor, so a connection never moves to another thread, and no worker wakes another. All of them accept
//! from the same socket, so whoever is free takes the next client.

use crate::config::RelayError;
use crate::event::RelayEvent;
use crate::session::Session;
use crate::shared::{Serving, Worker};
use adieu::tokio::Listener;
use adieu::{ListenCause, Signal};
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
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok(connection) => {
                is_failing = false;
                let session = Session::begin(&worker, &serving, &connection);
                tokio::spawn(session.run(connection));
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
        let session = Session::begin(&worker, &serving, &connection);
        tokio::spawn(session.run(connection));
    }
}
