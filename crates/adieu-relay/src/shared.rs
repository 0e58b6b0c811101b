//! What the workers share: the service as a whole, each of its relays, and what one worker's sessions have in common.

use crate::config::{RelayConfig, RelayError};
use crate::event::RelayEvent;
use crate::open::Roll;
use crate::shutdown::Shutdown;
use crate::upstream::Upstreams;
use adieu::{ConnectOptions, Interrupt, Listener, RelayOptions, Signal};
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
    pub(crate) grace: Duration,
}

/// What all workers share of one relay.
pub(crate) struct Serving {
    pub(crate) name: Arc<str>,
    pub(crate) upstreams: Upstreams,
    pub(crate) relay: RelayOptions,
    /// For each upstream its options, with what aborts a connection.
    options: Vec<ConnectOptions>,
    observer: Arc<Observer>,
    abort: Interrupt,
}

/// What the sessions of one worker share.
pub(crate) struct Worker {
    pub(crate) service: Arc<Service>,
    pub(crate) roll: Arc<Roll>,
}

impl Service {
    pub(crate) fn new(workers: usize, grace: Duration, observer: Arc<Observer>, abort: Interrupt) -> Self {
        let rolls = (0..workers).map(|_| Arc::default()).collect();
        Self { shutdown: Shutdown::new(), observer, abort, ids: AtomicU64::new(1), rolls, grace }
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
        let RelayConfig { name, listen, listen_options, upstreams, admission, relay, grace: _ } = config;
        if upstreams.is_empty() {
            return Err(RelayError::NoUpstream { name });
        }
        let name: Arc<str> = name.into();
        // The interrupt would also stop accepting.
        let accepting = Interrupt::new().map_err(RelayError::Worker)?;
        let listener = Listener::bind(&listen, &listen_options)?
            .with_options(&listen_options.interrupt(abort), &accepting)
            .with_filter({
                let (name, observer) = (Arc::clone(&name), Arc::clone(observer));
                move |client| {
                    let is_let_in = admission.lets_in(client);
                    if !is_let_in {
                        observer(&RelayEvent::TurnedAway { relay: &name, client });
                    }
                    is_let_in
                }
            });
        let options = upstreams.iter().map(|upstream| upstream.options.clone().interrupt(abort)).collect();
        let serving = Self {
            name,
            upstreams: Upstreams::new(upstreams),
            relay,
            options,
            observer: Arc::clone(observer),
            abort: abort.clone(),
        };
        Ok((Arc::new(serving), listener))
    }

    pub(crate) fn options_of(&self, upstream: usize) -> &ConnectOptions {
        &self.options[upstream]
    }

    pub(crate) fn tell(&self, event: &RelayEvent<'_>) {
        (self.observer)(event);
    }

    /// Whether every connection is being cut.
    pub(crate) fn is_aborted(&self) -> bool {
        self.abort.raised().is_some()
    }
}
