//! What the workers share: the service as a whole, each of its relays, and what one worker's sessions have in common.

use crate::admission::Gate;
use crate::config::{RelayConfig, RelayError};
use crate::event::RelayEvent;
use crate::open::Roll;
use crate::shutdown::Shutdown;
use crate::upstream::{HealthChange, Upstream, Upstreams};
use adieu::{Endpoint, Interrupt, Listener, RelayOptions, ResolveError, Signal};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Who is told of every event.
pub(crate) type Observer = dyn Fn(&RelayEvent<'_>) + Send + Sync;

/// What all workers share.
pub(crate) struct Service {
    pub(crate) shutdown: Shutdown,
    pub(crate) observer: Arc<Observer>,
    abort: Interrupt,
    ids: AtomicU64,
    pub(crate) rolls: Vec<Arc<Roll>>,
    pub(crate) servings: Vec<Arc<Serving>>,
    pub(crate) grace: Duration,
}

/// What all workers share of one relay.
pub(crate) struct Serving {
    pub(crate) name: Arc<str>,
    pub(crate) upstreams: Upstreams,
    resolve_every: Option<Duration>,
    /// Who is let in, and when.
    pub(crate) gate: Gate,
    pub(crate) relay: RelayOptions,
    observer: Arc<Observer>,
    abort: Interrupt,
}

/// What the sessions of one worker share.
pub(crate) struct Worker {
    pub(crate) service: Arc<Service>,
    pub(crate) roll: Arc<Roll>,
    /// It does what is to be done once for all.
    pub(crate) is_first: bool,
}

impl Service {
    pub(crate) fn new(
        workers: usize,
        servings: Vec<Arc<Serving>>,
        grace: Duration,
        observer: Arc<Observer>,
        abort: Interrupt,
    ) -> Self {
        let rolls = (0..workers).map(|_| Arc::default()).collect();
        Self { shutdown: Shutdown::new(), observer, abort, ids: AtomicU64::new(1), rolls, servings, grace }
    }

    pub(crate) fn next_id(&self) -> u64 {
        self.ids.fetch_add(1, Ordering::Relaxed)
    }

    /// Cuts every connection.
    pub(crate) fn abort(&self, signal: Signal) {
        self.abort.raise(signal);
    }
}

impl Serving {
    pub(crate) fn bind(
        config: RelayConfig,
        observer: &Arc<Observer>,
        abort: &Interrupt,
    ) -> Result<(Arc<Self>, Listener), RelayError> {
        let RelayConfig {
            name,
            listen,
            listen_options,
            upstreams,
            balance,
            health,
            resolve_every,
            admission,
            relay,
            grace: _,
        } = config;
        if upstreams.is_empty() {
            return Err(RelayError::NoUpstream { name });
        }
        let name: Arc<str> = name.into();
        // The interrupt would also stop accepting.
        let accepting = Interrupt::new().map_err(RelayError::Worker)?;
        let listener = Listener::bind(&listen, &listen_options)?
            .with_options(&listen_options.interrupt(abort), &accepting);
        let with_interrupt = |upstream: Upstream| {
            let options = upstream.options.clone().interrupt(abort);
            upstream.options(options)
        };
        let serving = Self {
            name,
            upstreams: Upstreams::new(upstreams.into_iter().map(with_interrupt).collect(), balance, health),
            resolve_every,
            gate: Gate::new(admission),
            relay,
            observer: Arc::clone(observer),
            abort: abort.clone(),
        };
        Ok((Arc::new(serving), listener))
    }

    pub(crate) fn tell(&self, event: &RelayEvent<'_>) {
        (self.observer)(event);
    }

    /// Tells that an upstream is down, or back.
    pub(crate) fn tell_health(&self, upstream: &Endpoint, change: HealthChange) {
        let relay = &self.name;
        self.tell(&match change {
            HealthChange::Down => RelayEvent::UpstreamDown { relay, upstream },
            HealthChange::Up => RelayEvent::UpstreamUp { relay, upstream },
        });
    }

    /// Keeps the addresses of the upstreams' names known, by tasks of this runtime.
    pub(crate) fn keep_names_known(self: &Arc<Self>) {
        for number in self.upstreams.with_names() {
            let serving = Arc::clone(self);
            tokio::spawn(async move {
                let told = |host: &str, resolved: Result<(), &ResolveError>| {
                    let relay = &serving.name;
                    serving.tell(&match resolved {
                        Ok(()) => RelayEvent::NameResolved { relay, host },
                        Err(error) => RelayEvent::NameFailed { relay, host, error },
                    });
                };
                serving.upstreams.keep_name_known(number, serving.resolve_every, &told).await;
            });
        }
    }

    /// Whether every connection is being cut.
    pub(crate) fn is_aborted(&self) -> bool {
        self.abort.raised().is_some()
    }
}
