//! The relay as a whole: it binds, runs its workers, and is shut down by its handle.

use crate::config::{RelayConfig, RelayError};
use crate::event::RelayEvent;
use crate::open::OpenConnection;
use crate::room;
use crate::shared::{Control, Observer, Service, Serving, Slot, Worker};
use crate::shutdown::Drained;
use crate::upstream::UpstreamState;
use crate::worker;
use adieu::Endpoint;
use std::fmt;
#[cfg(unix)]
use std::io;
use std::num::NonZero;
#[cfg(unix)]
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::sync::mpsc::RecvTimeoutError;
use std::thread;
use std::time::Duration;
use tokio::sync::mpsc;

/// Relays that listen, and will accept once they [run](Self::run).
#[must_use = "it accepts nobody before it runs"]
pub struct Relay {
    service: Arc<Service>,
    /// What each worker will be told.
    controls: Vec<mpsc::UnboundedReceiver<Control>>,
}

/// Asks a [`Relay`] about its connections and shuts it down, from any thread. Clones are handles of the same relay.
#[derive(Clone)]
pub struct Handle(pub(crate) Arc<Service>);

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
        let workers = room::workers(thread::available_parallelism().map_or(1, NonZero::get));
        let observer: Arc<Observer> = Arc::new(observer);
        let (senders, controls) = (0..workers).map(|_| mpsc::unbounded_channel()).unzip();
        let service = Service::new(senders, observer).map_err(RelayError::Worker)?;
        let mut slots = Vec::new();
        for config in configs {
            slots.push(Slot::bind(config, &service)?);
        }
        for (relay, endpoint) in slots.iter().filter_map(Slot::told) {
            (service.observer)(&RelayEvent::Listening { relay: &relay, endpoint: &endpoint });
        }
        for slot in &slots {
            service.let_workers_accept(slot)?;
        }
        *service.relays.lock() = slots;
        Ok(Self { service: Arc::new(service), controls })
    }

    /// Where each relay listens, with the ports that the system chose.
    pub fn local_endpoints(&self) -> Vec<Endpoint> {
        self.handle().local_endpoints()
    }

    /// What asks about its connections and shuts it down.
    pub fn handle(&self) -> Handle {
        Handle(Arc::clone(&self.service))
    }

    /// Serves until a handle shuts it down, and waits for the end: on one worker thread for each core, or on fewer where descriptors
    /// are few.
    ///
    /// # Errors
    ///
    /// A worker could not be started.
    pub fn run(self) -> Result<Drained, RelayError> {
        let Self { service, controls } = self;
        let runtimes = controls.iter().map(|_| worker::runtime()).collect::<Result<Vec<_>, _>>()?;
        service.measure_room(true);
        let mut threads = Vec::new();
        let of_workers = service.rolls.iter().zip(controls).zip(runtimes);
        for (number, ((roll, controls), runtime)) in of_workers.enumerate() {
            let worker =
                Worker { service: Arc::clone(&service), roll: Arc::clone(roll), is_first: number == 0 };
            let thread = thread::Builder::new().name(format!("relay-{number}"));
            threads.push(
                thread.spawn(move || worker::run(&runtime, worker, controls)).map_err(RelayError::Worker)?,
            );
        }
        for thread in threads {
            // A worker that panicked has said so.
            let _ = thread.join();
        }
        // The thread that shuts it down may still be about to tell of it, and to close the sockets.
        drop(service.telling());
        Ok(service.shutdown.drained())
    }
}

impl Handle {
    /// Shuts the relay down: it accepts no further client, and cuts connections that are still open after `grace`. `None`: the longest of the relays'
    /// own. It does not wait: [`Relay::run`] returns when it is over. Called again, the earlier end counts.
    pub fn shutdown(&self, grace: impl Into<Option<Duration>>) {
        let _telling = self.0.telling();
        let mut relays = self.0.relays.lock();
        let longest = || relays.iter().map(|slot| slot.grace).max().unwrap_or_default();
        let grace = grace.into().unwrap_or_else(longest);
        let is_first = self.0.shutdown.begin(grace);
        // The sockets are closed once the workers have closed their handles too.
        relays.iter_mut().for_each(|slot| slot.listener = None);
        drop(relays);
        if is_first {
            (self.0.observer)(&RelayEvent::Draining { open: self.0.shutdown.open(), grace });
        }
    }

    /// Where each relay listens, with the ports that the system chose. After a shutdown nowhere.
    pub fn local_endpoints(&self) -> Vec<Endpoint> {
        let relays = self.0.relays.lock();
        let listeners = relays.iter().filter_map(|slot| slot.listener.as_ref());
        listeners.map(|listener| listener.local_endpoint().clone()).collect()
    }

    /// Where each relay listens, as it was configured.
    pub fn configured_endpoints(&self) -> Vec<Endpoint> {
        self.0.relays.lock().iter().map(|slot| slot.listen.clone()).collect()
    }

    /// The sockets that listen, each with the endpoint that it was configured with, for a service manager that keeps them for the next
    /// process.
    ///
    /// # Errors
    ///
    /// The system has no descriptors left.
    ///
    /// # Platforms
    ///
    /// Unix.
    #[cfg(unix)]
    pub fn listening_sockets(&self) -> io::Result<Vec<(Endpoint, OwnedFd)>> {
        let relays = self.0.relays.lock();
        let listening = relays.iter().filter_map(|slot| Some((&slot.listen, slot.listener.as_ref()?)));
        let cloned =
            listening.map(|(listen, listener)| Ok((listen.clone(), listener.as_fd().try_clone_to_owned()?)));
        cloned.collect()
    }

    /// Whether every worker answers within this time. One that does not is stuck, or has so much to do that it is as good as
    /// stuck. Nobody answers before [`run`](Relay::run), nor after it.
    pub fn is_responsive(&self, within: Duration) -> bool {
        let (answer, answered) = std::sync::mpsc::channel();
        for control in &self.0.controls {
            if control.send(Control::Answer(answer.clone())).is_err() {
                return false;
            }
        }
        drop(answer);
        // Each drops its own, and nobody sends anything.
        answered.recv_timeout(within) == Err(RecvTimeoutError::Disconnected)
    }

    /// How many clients have connected so far, those that were turned away included.
    pub fn clients(&self) -> u64 {
        self.0.clients()
    }

    /// The connections that are open, those that began first before the others.
    pub fn connections(&self) -> Vec<OpenConnection> {
        let mut all: Vec<_> = self.0.rolls.iter().flat_map(|roll| roll.list()).collect();
        all.sort_unstable_by_key(|connection| connection.id);
        all
    }

    /// How the upstreams of every relay are, in the order in which they were given.
    pub fn upstreams(&self) -> Vec<UpstreamState> {
        let servings = self.0.relays.servings();
        let states = |serving: &Arc<Serving>| -> Vec<_> {
            serving.groups().flat_map(|group| group.states(&serving.name)).collect()
        };
        servings.iter().flat_map(states).collect()
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
