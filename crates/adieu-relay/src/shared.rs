//! What the workers share: the service as a whole, each of its relays, and what one worker's sessions have in common.

use crate::admission::Gate;
use crate::config::{RelayConfig, RelayError};
use crate::event::RelayEvent;
use crate::faults::Faults;
use crate::front::Front;
use crate::open::Roll;
use crate::routes::{NamePattern, Route, Routes};
use crate::shutdown::Shutdown;
use crate::upstream::{HealthChange, Itself, Upstream, UpstreamError, Upstreams};
use adieu::{
    Endpoint, Interrupt, ListenCause, ListenError, ListenOptions, Listener, RelayOptions, ResolveError,
    Signal,
};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

/// How long to rest after something failed for want of descriptors or memory: they must come back first.
pub(crate) const REST: Duration = Duration::from_millis(100);

/// Who is told of every event.
pub(crate) type Observer = dyn Fn(&RelayEvent<'_>) + Send + Sync;

/// What all workers share.
pub(crate) struct Service {
    pub(crate) shutdown: Shutdown,
    pub(crate) observer: Arc<Observer>,
    abort: Interrupt,
    /// Stops nothing: it keeps `abort` from stopping to accept.
    pub(crate) accepting: Interrupt,
    ids: AtomicU64,
    pub(crate) rolls: Vec<Arc<Roll>>,
    pub(crate) relays: Relays,
    /// Held by whoever shuts the service down, until all has been told.
    telling: Mutex<()>,
    /// Held by whoever reloads.
    reloading: Mutex<()>,
    /// What each worker is told.
    pub(crate) controls: Vec<mpsc::UnboundedSender<Control>>,
}

/// The relays that listen.
#[derive(Default)]
pub(crate) struct Relays(Mutex<Vec<Slot>>);

/// One relay, for as long as it listens.
pub(crate) struct Slot {
    /// Where it listens, as it was configured: by this it is known again.
    pub(crate) listen: Endpoint,
    pub(crate) grace: Duration,
    /// What it serves its clients with; a reload replaces it. `None`: it listens no more.
    pub(crate) serving: watch::Sender<Option<Arc<Serving>>>,
    /// The workers have handles of the same socket. `None`: it listens no more.
    pub(crate) listener: Option<Listener>,
}

/// What a worker is told.
pub(crate) enum Control {
    /// Accept from this socket, and serve with this.
    Listen(watch::Receiver<Option<Arc<Serving>>>, Box<Listener>),
    /// Say that you are alive, by dropping this.
    Answer(std::sync::mpsc::Sender<()>),
}

/// With what a relay serves its clients.
pub(crate) struct Serving {
    pub(crate) name: Arc<str>,
    /// Of the connections that are accepted, with what aborts them.
    pub(crate) listen_options: ListenOptions,
    /// The relay's own. `None`: it has routes alone.
    pub(crate) upstreams: Option<Upstreams>,
    /// Those of its routes, in their order.
    pub(crate) of_routes: Vec<Upstreams>,
    pub(crate) front: Front,
    resolve_every: Option<Duration>,
    /// Who is let in, and when.
    pub(crate) gate: Gate,
    pub(crate) faults: Faults,
    pub(crate) relay: RelayOptions,
    observer: Arc<Observer>,
}

/// What the sessions of one worker share.
pub(crate) struct Worker {
    pub(crate) service: Arc<Service>,
    pub(crate) roll: Arc<Roll>,
    /// It does what is to be done once for all.
    pub(crate) is_first: bool,
}

impl Service {
    /// # Errors
    ///
    /// The system has no descriptors left.
    pub(crate) fn new(
        controls: Vec<mpsc::UnboundedSender<Control>>,
        observer: Arc<Observer>,
    ) -> std::io::Result<Self> {
        Ok(Self {
            shutdown: Shutdown::new(),
            observer,
            abort: Interrupt::new()?,
            accepting: Interrupt::new()?,
            ids: AtomicU64::new(1),
            rolls: controls.iter().map(|_| Arc::default()).collect(),
            relays: Relays::default(),
            telling: Mutex::default(),
            reloading: Mutex::default(),
            controls,
        })
    }

    pub(crate) fn telling(&self) -> MutexGuard<'_, ()> {
        self.telling.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn reloading(&self) -> MutexGuard<'_, ()> {
        self.reloading.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Measures how many connections there are descriptors for. `beginning`: the workers do not run yet.
    pub(crate) fn measure_room(&self, beginning: bool) {
        let (relays, workers) = (self.relays.lock().len(), self.controls.len());
        self.shutdown.room.measure(relays * workers, if beginning { workers } else { 0 });
    }

    /// Tells that there is no room for more connections, if it is so and news.
    pub(crate) fn tell_if_full(&self) {
        if let Some(most) = self.shutdown.room.news() {
            (self.observer)(&RelayEvent::NoRoom { most });
        }
    }

    pub(crate) fn next_id(&self) -> u64 {
        self.ids.fetch_add(1, Ordering::Relaxed)
    }

    /// How many clients have connected so far.
    pub(crate) fn clients(&self) -> u64 {
        self.ids.load(Ordering::Relaxed) - 1
    }

    /// Cuts every connection.
    pub(crate) fn abort(&self, signal: Signal) {
        self.abort.raise(signal);
    }

    /// Whether every connection is being cut.
    pub(crate) fn is_aborted(&self) -> bool {
        self.abort.raised().is_some()
    }

    /// Lets every worker accept from the socket of a relay. Nothing is begun if it fails.
    pub(crate) fn let_workers_accept(&self, slot: &Slot) -> Result<(), RelayError> {
        let Some(listener) = &slot.listener else { return Ok(()) };
        let clones = self.controls.iter().map(|_| listener.try_clone()).collect::<Result<Vec<_>, _>>()?;
        for (control, clone) in self.controls.iter().zip(clones) {
            // A worker that is gone has said why.
            let _ = control.send(Control::Listen(slot.serving.subscribe(), Box::new(clone)));
        }
        Ok(())
    }
}

impl Relays {
    pub(crate) fn lock(&self) -> MutexGuard<'_, Vec<Slot>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What each of them serves with.
    pub(crate) fn servings(&self) -> Vec<Arc<Serving>> {
        self.lock().iter().filter_map(|slot| slot.serving.borrow().clone()).collect()
    }
}

impl Slot {
    /// Binds a relay, which nobody accepts from so far.
    pub(crate) fn bind(config: RelayConfig, service: &Service) -> Result<Self, RelayError> {
        config.check()?;
        let (listen, grace) = (config.listen.clone(), config.grace);
        let listener = Self::listener(&config)?;
        let serving = Serving::new(config, Itself::listening_with(&listener), service, None);
        Ok(Self {
            listen,
            grace,
            serving: watch::Sender::new(Some(Arc::new(serving))),
            listener: Some(listener),
        })
    }

    /// The socket that was kept for it, or a new one.
    fn listener(config: &RelayConfig) -> Result<Listener, ListenError> {
        if let Some(name) = &config.kept_as {
            match Listener::bind(&Endpoint::passed(name), &config.listen_options) {
                // None was kept.
                Err(error) if matches!(error.cause(), ListenCause::Passed(_)) => {}
                taken => return taken,
            }
        }
        Listener::bind(&config.listen, &config.listen_options)
    }

    /// What is told of it: what the relay is called, and where it listens. Whoever hears of it may ask about the relays, so
    /// their lock must be free.
    pub(crate) fn told(&self) -> Option<(Arc<str>, Endpoint)> {
        let serving = self.serving.borrow().clone()?;
        Some((Arc::clone(&serving.name), self.listener.as_ref()?.local_endpoint().clone()))
    }
}

impl Serving {
    /// What a relay of this configuration, which was checked, serves with. `itself`: where it listens. `before`: what it replaces,
    /// whose count of open connections and health of upstreams it keeps.
    pub(crate) fn new(config: RelayConfig, itself: Itself, service: &Service, before: Option<&Self>) -> Self {
        let RelayConfig {
            name,
            listen: _,
            listen_options,
            upstreams,
            balance,
            health,
            resolve_every,
            admission,
            accept_proxy,
            send_proxy,
            routes,
            report_server_name,
            faults,
            relay,
            kept_as: _,
            grace: _,
        } = config;
        let with_interrupt = |upstream: Upstream| {
            let options = upstream.options.clone().interrupt(&service.abort).for_relay(&upstream.endpoint);
            upstream.options(options)
        };
        let group = |upstreams: Vec<Upstream>, before| {
            let upstreams = upstreams.into_iter().map(with_interrupt).collect();
            Upstreams::new(upstreams, itself, balance, health, before)
        };
        let Routes { all, timeout } = routes;
        let of_route = |Route { pattern, upstreams }: Route| {
            let of_route = group(upstreams, before.and_then(|before| before.of_route(&pattern)));
            (pattern, of_route)
        };
        let (patterns, of_routes) = all.into_iter().map(of_route).unzip();
        let own = group(upstreams, before.and_then(|before| before.upstreams.as_ref()));
        let gate = Gate::new(admission, before.map(|before| &before.gate));
        Self {
            name: name.into(),
            listen_options: listen_options.interrupt(&service.abort),
            upstreams: Some(own).filter(|own| !own.is_empty()),
            of_routes,
            front: Front::new(accept_proxy, send_proxy, patterns, report_server_name, timeout),
            resolve_every,
            gate,
            faults,
            relay,
            observer: Arc::clone(&service.observer),
        }
    }

    pub(crate) fn tell(&self, event: &RelayEvent<'_>) {
        (self.observer)(event);
    }

    /// Tells that an upstream is down, because of this error, or back.
    pub(crate) fn tell_health(
        &self,
        upstream: &Endpoint,
        change: HealthChange,
        error: Option<&UpstreamError>,
    ) {
        let relay = &self.name;
        match (change, error) {
            (HealthChange::Down { left_alone }, Some(error)) => {
                self.tell(&RelayEvent::UpstreamDown { relay, upstream, error, left_alone });
            }
            (HealthChange::Up { was_down }, _) => {
                self.tell(&RelayEvent::UpstreamUp { relay, upstream, was_down });
            }
            // A failure has made it so.
            (HealthChange::Down { .. }, None) => {}
        }
    }

    /// Keeps the addresses of the upstreams' names known, by tasks of this runtime that end when they are dropped.
    pub(crate) fn keep_names_known(self: &Arc<Self>) -> JoinSet<()> {
        let mut tasks = JoinSet::new();
        for name in self.groups().flat_map(Upstreams::names).map(Arc::clone) {
            let serving = Arc::clone(self);
            tasks.spawn(async move {
                let told = |host: &str, resolved: Result<(), &ResolveError>| {
                    let relay = &serving.name;
                    serving.tell(&match resolved {
                        Ok(()) => RelayEvent::NameResolved { relay, host },
                        Err(error) => RelayEvent::NameFailed { relay, host, error },
                    });
                };
                name.keep_known(serving.resolve_every, &told).await;
            });
        }
        tasks
    }

    /// The upstreams of the route with this pattern.
    fn of_route(&self, pattern: &NamePattern) -> Option<&Upstreams> {
        self.front.place_of(pattern).and_then(|place| self.of_routes.get(place))
    }

    /// The groups of upstreams: its own, and those of its routes.
    pub(crate) fn groups(&self) -> impl Iterator<Item = &Upstreams> {
        self.upstreams.iter().chain(&self.of_routes)
    }
}
