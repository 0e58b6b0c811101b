//! Whom a relay connects to, and who of them is next.

use adieu::{Address, ConnectError, ConnectOptions, Endpoint};
use std::sync::atomic::{AtomicUsize, Ordering};

/// Somebody whom a relay connects to.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Upstream {
    /// Where it is.
    pub endpoint: Endpoint,
    /// Its TLS, what is asked of the sockets, and what bounds connecting to it. An interrupt of its own has no meaning: the relay
    /// gives each connection one.
    pub options: ConnectOptions,
}

impl Upstream {
    /// An upstream with the default options.
    pub fn new(endpoint: Endpoint) -> Self {
        Self { endpoint, options: ConnectOptions::new() }
    }

    /// The same with these options.
    #[must_use]
    pub fn options(self, options: ConnectOptions) -> Self {
        Self { options, ..self }
    }
}

/// By what a client is told from another where that decides who serves it.
pub(crate) struct ClientKey<'a>(
    #[expect(dead_code, reason = "round robin knows no clients")] pub(crate) &'a Address,
);

/// The upstreams of one relay, and whose turn it is.
#[derive(Debug)]
pub(crate) struct Upstreams {
    all: Vec<Upstream>,
    next: AtomicUsize,
}

/// Which upstreams a client was tried with.
#[derive(Debug, Default)]
pub(crate) struct Tried {
    /// Where it began, and how many were tried from there.
    first: Option<usize>,
    count: usize,
}

/// An upstream that was picked for a client, until its connection is over.
#[derive(Debug)]
pub(crate) struct Picked<'a> {
    pub(crate) upstream: &'a Upstream,
    /// Its place among those of the relay.
    pub(crate) index: usize,
}

impl Upstreams {
    pub(crate) fn new(all: Vec<Upstream>) -> Self {
        Self { all, next: AtomicUsize::new(0) }
    }

    /// The next one to try for this client. `None`: each has been tried.
    pub(crate) fn pick(&self, _client: &ClientKey<'_>, tried: &mut Tried) -> Option<Picked<'_>> {
        if tried.count >= self.all.len() {
            return None;
        }
        let first = *tried.first.get_or_insert_with(|| self.next.fetch_add(1, Ordering::Relaxed));
        let index = first.wrapping_add(tried.count) % self.all.len();
        tried.count += 1;
        Some(Picked { upstream: &self.all[index], index })
    }
}

impl Picked<'_> {
    /// It is connected to.
    #[expect(clippy::unused_self, reason = "nothing is kept of it yet")]
    pub(crate) fn connected(&self) {}

    /// It could not be connected to.
    #[expect(clippy::unused_self, reason = "nothing is kept of it yet")]
    pub(crate) fn failed(&self, _error: &ConnectError) {}
}
