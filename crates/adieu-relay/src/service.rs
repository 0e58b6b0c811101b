//! The relay as a whole: it binds, runs its workers, and is shut down by its handle.

use crate::config::{RelayConfig, RelayError};
use crate::event::RelayEvent;
use crate::open::OpenConnection;
use crate::shared::{Observer, Service, Serving, Worker};
use crate::shutdown::Drained;
use crate::upstream::UpstreamState;
use crate::worker;
use adieu::{Endpoint, Interrupt, Listener};
use std::fmt;
use std::num::NonZero;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

/// Relays that listen, and will accept once they [run](Self::run).
#[must_use = "it accepts nobody before it runs"]
pub struct Relay {
    service: Arc<Service>,
    listeners: Vec<(Arc<Serving>, Listener)>,
}

/// Asks a [`Relay`] about its connections and shuts it down, from any thread. Clones are handles of the same relay.
#[derive(Clone)]
pub struct Handle(Arc<Service>);

impl Relay {
    /// Binds every relay, and starts nothing yet. Names of where to listen are looked up on this thread. `observer` hears of every
    /// event; it is called by the workers, so it must not block for long.
    ///
    /// # Errors
    ///
    /// A relay has no upstream, cannot listen, or the system has no descriptors left.
    pub fn bind(
        configs: impl IntoIterator<Item = RelayConfig>,
        observer: impl Fn(&RelayEvent<'_>) + Send + Sync + 'static,
    ) -> Result<Self, RelayError> {
        let workers = thread::available_parallelism().map_or(1, NonZero::get);
        let observer: Arc<Observer> = Arc::new(observer);
        let abort = Interrupt::new().map_err(RelayError::Worker)?;
        let mut grace = Duration::ZERO;
        let mut listeners = Vec::new();
        for config in configs {
            grace = grace.max(config.grace);
            listeners.push(Serving::bind(config, &observer, &abort)?);
        }
        for (serving, listener) in &listeners {
            observer(&RelayEvent::Listening { relay: &serving.name, endpoint: listener.local_endpoint() });
        }
        let servings = listeners.iter().map(|(serving, _)| Arc::clone(serving)).collect();
        let service = Arc::new(Service::new(workers, servings, grace, observer, abort));
        Ok(Self { service, listeners })
    }

    /// Where each relay listens, with the ports that the system chose.
    pub fn local_endpoints(&self) -> Vec<&Endpoint> {
        self.listeners.iter().map(|(_, listener)| listener.local_endpoint()).collect()
    }

    /// What asks about its connections and shuts it down.
    pub fn handle(&self) -> Handle {
        Handle(Arc::clone(&self.service))
    }

    /// Serves on one worker thread for each core until a handle shuts it down, and waits for the end.
    ///
    /// # Errors
    ///
    /// A worker could not be started.
    pub fn run(self) -> Result<Drained, RelayError> {
        let Self { service, listeners } = self;
        let mut threads = Vec::new();
        for (number, roll) in service.rolls.iter().enumerate() {
            let mut own = Vec::new();
            for (serving, listener) in &listeners {
                own.push((Arc::clone(serving), listener.try_clone()?));
            }
            let worker =
                Worker { service: Arc::clone(&service), roll: Arc::clone(roll), is_first: number == 0 };
            let thread = thread::Builder::new().name(format!("relay-{number}"));
            threads.push(thread.spawn(move || worker::run(worker, own)).map_err(RelayError::Worker)?);
        }
        let mut result = Ok(());
        for thread in threads {
            // A worker that panicked has said so.
            result = result.and(thread.join().unwrap_or(Ok(())));
        }
        result?;
        Ok(service.shutdown.drained())
    }
}

impl Handle {
    /// Shuts the relay down: nobody more is accepted, and what is still open after `grace` is cut. `None`: the longest of the relays'
    /// own. It does not wait: [`Relay::run`] returns when it is over. Called again, the earlier end counts.
    pub fn shutdown(&self, grace: impl Into<Option<Duration>>) {
        let grace = grace.into().unwrap_or(self.0.grace);
        if self.0.shutdown.begin(grace) {
            (self.0.observer)(&RelayEvent::Draining { open: self.0.shutdown.open(), grace });
        }
    }

    /// The connections that are open, those that began first before the others.
    pub fn connections(&self) -> Vec<OpenConnection> {
        let mut all: Vec<_> = self.0.rolls.iter().flat_map(|roll| roll.list()).collect();
        all.sort_unstable_by_key(|connection| connection.id);
        all
    }

    /// How the upstreams of every relay are, in the order in which they were given.
    pub fn upstreams(&self) -> Vec<UpstreamState> {
        self.0.servings.iter().flat_map(|serving| serving.upstreams.states(&serving.name)).collect()
    }
}

impl fmt::Debug for Relay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Relay").field("listens", &self.local_endpoints()).finish_non_exhaustive()
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").field("open", &self.0.shutdown.open()).finish_non_exhaustive()
    }
}
