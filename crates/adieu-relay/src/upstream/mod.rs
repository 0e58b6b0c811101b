//! The upstreams of a relay: which one a client is given, how they are, and their addresses.
//!
//! [`table`] decides without I/O, [`health`] and [`balance`] are its rules, [`names`] knows the addresses. Here is what the
//! sessions of a relay share: they pick, connect, and tell what came of it. Nothing is ever sent to an upstream except for a
//! client.

mod balance;
mod health;
mod itself;
mod names;
mod table;

pub use balance::Balance;
pub use health::Health;
pub(crate) use health::HealthChange;
pub(crate) use itself::Itself;
pub(crate) use table::Tried;

use adieu::tokio::{Connection, connect};
use adieu::{
    Address, AttemptError, ConnectCause, ConnectError, ConnectOptions, Endpoint, Report, ResolveError,
    Setting,
};
use names::Name;
use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use table::Table;

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

/// The upstreams of a relay or a route, shared by its sessions.
pub(crate) struct Upstreams {
    all: Vec<Arc<Upstream>>,
    names: Vec<Option<Arc<Name>>>,
    /// The options of each, for a client that has spoken by then.
    speaking: Vec<ConnectOptions>,
    /// Where the relay listens itself, and which of the upstreams have this address.
    itself: Itself,
    is_itself: Vec<bool>,
    balance: Balance,
    table: Mutex<Table>,
}

/// Why there is no connection to an upstream.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum UpstreamError {
    /// Its name has no address so far.
    #[error("{0}")]
    Resolve(#[source] ResolveError),
    /// No connection could be made.
    #[error("{0}")]
    Connect(#[source] ConnectError),
    /// It is the relay itself, by all the addresses that are known of it. None was connected to.
    #[error("{0} leads back to where this relay listens")]
    Loop(Endpoint),
}

/// How an upstream is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct UpstreamState {
    /// What its relay is called.
    pub relay: Arc<str>,
    /// Where it is.
    pub upstream: Endpoint,
    /// Whether it is given clients as a rule.
    pub is_up: bool,
    /// How many connections to it are open or being made.
    pub open: u64,
}

impl Upstreams {
    /// These upstreams, all of them up; or as they were in the place of `before`, if they were there. None is connected to where the
    /// relay listens itself.
    pub(crate) fn new(
        all: Vec<Upstream>,
        itself: Itself,
        balance: Balance,
        health: Health,
        before: Option<&Self>,
    ) -> Self {
        let shown: Vec<String> = all.iter().map(|one| one.endpoint.to_string()).collect();
        let mut table = Table::new(balance, health, shown.iter().map(String::as_str));
        if let Some(before) = before {
            table.inherit(&before.table());
        }
        let name_of = |endpoint: &Endpoint| {
            let name = Name::of(endpoint)?;
            let known = before.and_then(|before| before.names.iter().flatten().find(|one| name.is_same(one)));
            Some(known.map_or_else(|| Arc::new(name), Arc::clone))
        };
        let names = all.iter().map(|one| name_of(&one.endpoint)).collect();
        let is_itself = all.iter().map(|one| itself.is_at_endpoint(&one.endpoint)).collect();
        let speaking = all.iter().map(|one| one.options.clone().speaking_at_once()).collect();
        let all = all.into_iter().map(Arc::new).collect();
        Self { all, names, speaking, itself, is_itself, balance, table: Mutex::new(table) }
    }

    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// The names of the upstreams that have one. For as long as somebody [keeps](Name::keep_known) a name known, clients do not wait
    /// for the resolver but for its first answer.
    pub(crate) fn names(&self) -> impl Iterator<Item = &Arc<Name>> {
        self.names.iter().flatten()
    }

    /// Chooses an upstream for a client, which has tried those before. `None`: it has tried every one that is worth trying.
    ///
    /// If every upstream is down it is the one that has not been tried for the longest time, once for each client: to refuse
    /// everybody while it is not known how the upstreams are would be worse.
    pub(crate) fn pick(&self, client: &Address, tried: &mut Tried) -> Option<Picked<'_>> {
        let client = match client {
            Address::Socket(address) if self.balance == Balance::Hash => Some(address.ip()),
            _ => None,
        };
        let now = Instant::now();
        let number = self.table().pick(client, tried, now)?;
        Some(Picked { upstreams: self, number, client, since: now, is_known: false })
    }

    /// How each of them is, in their order.
    pub(crate) fn states(&self, relay: &Arc<str>) -> Vec<UpstreamState> {
        let table = self.table();
        let state = |(number, upstream): (usize, &Arc<Upstream>)| {
            let (is_up, open) = table.look(number);
            UpstreamState { relay: Arc::clone(relay), upstream: upstream.endpoint.clone(), is_up, open }
        };
        self.all.iter().enumerate().map(state).collect()
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An upstream that was chosen for a client. It counts as a connection of that upstream until it is dropped.
pub(crate) struct Picked<'a> {
    upstreams: &'a Upstreams,
    number: usize,
    /// By whose address one of several addresses is chosen.
    client: Option<IpAddr>,
    since: Instant,
    /// The outcome was told.
    is_known: bool,
}

impl<'a> Picked<'a> {
    /// The upstream.
    pub(crate) fn upstream(&self) -> &'a Arc<Upstream> {
        &self.upstreams.all[self.number]
    }

    /// Its options. `speaks`: what the client has said follows as soon as there is a connection.
    pub(crate) fn options(&self, speaks: bool) -> &'a ConnectOptions {
        if speaks { &self.upstreams.speaking[self.number] } else { &self.upstream().options }
    }

    /// Connects to it, with these options: those of the upstream, or what was made of them. The addresses of its name are known
    /// already, most often.
    ///
    /// What came of it counts for the upstream's health, and what that changed is told too. A connection comes with the time from its
    /// being picked.
    ///
    /// # Errors
    ///
    /// No connection could be made. Nothing was sent for the client, so it may be given another upstream.
    pub(crate) async fn connect(
        &mut self,
        options: &ConnectOptions,
    ) -> (Result<(Connection, Duration), UpstreamError>, Option<HealthChange>) {
        match self.try_to_connect(options).await {
            Ok(connection) => {
                let now = Instant::now();
                let took = now.saturating_duration_since(self.since);
                (Ok((connection, took)), self.has_connected(now))
            }
            Err(error) => {
                let change = self.has_failed(&error);
                (Err(error), change)
            }
        }
    }

    async fn try_to_connect(&self, options: &ConnectOptions) -> Result<Connection, UpstreamError> {
        let Upstreams { names, itself, is_itself, .. } = self.upstreams;
        let endpoint = &self.upstream().endpoint;
        let addresses = match &names[self.number] {
            None if is_itself[self.number] => return Err(UpstreamError::Loop(endpoint.clone())),
            None => None,
            Some(name) => name.addresses(self.client).await.transpose().map_err(UpstreamError::Resolve)?,
        };
        let addresses = addresses.map(|mut all| {
            all.retain(|address| !itself.is_at(address));
            all
        });
        if addresses.as_ref().is_some_and(Vec::is_empty) {
            return Err(UpstreamError::Loop(endpoint.clone()));
        }
        let connected = match addresses {
            None => connect(endpoint, options).await,
            Some(addresses) => connect(endpoint, &options.clone().addresses(addresses)).await,
        };
        connected.map_err(UpstreamError::Connect)
    }

    fn has_connected(&mut self, now: Instant) -> Option<HealthChange> {
        self.is_known = true;
        self.upstreams.table().connected(self.number, now)
    }

    fn has_failed(&mut self, error: &UpstreamError) -> Option<HealthChange> {
        self.is_known = true;
        let mut table = self.upstreams.table();
        if error.is_of_upstream() {
            return table.failed(self.number, Instant::now());
        }
        table.given_up(self.number);
        None
    }
}

impl Drop for Picked<'_> {
    fn drop(&mut self) {
        let mut table = self.upstreams.table();
        if !self.is_known {
            table.given_up(self.number);
        }
        table.left(self.number);
    }
}

impl UpstreamError {
    /// The report of the connection that there is not. `None`: its name has no address, or it is the relay itself, so none was begun.
    pub fn report(&self) -> Option<&Report> {
        match self {
            Self::Resolve(_) | Self::Loop(_) => None,
            Self::Connect(error) => Some(error.report()),
        }
    }

    /// The sentence that it is displayed as, with the settings in it called as the reader knows them: a command line calls them by
    /// its options.
    pub fn sentence(&self, name: impl Fn(Setting) -> &'static str) -> String {
        match self {
            Self::Connect(error) => {
                format!("cannot connect to {}: {}", error.endpoint(), error.cause().words().called(name))
            }
            other => other.to_string(),
        }
    }

    /// Whether our own system had no descriptors or no memory left, so that it may be tried again when it has.
    pub fn is_for_want_of_resources(&self) -> bool {
        let is_of = |attempt: &adieu::Attempt| matches!(attempt.error, AttemptError::Exhausted(_));
        match self {
            Self::Loop(_) => false,
            Self::Resolve(error) => matches!(error, ResolveError::Exhausted(_)),
            Self::Connect(error) => match error.cause() {
                ConnectCause::Resolve(error) => matches!(error, ResolveError::Exhausted(_)),
                ConnectCause::Attempts(attempts) | ConnectCause::TimedOut(attempts) => {
                    attempts.iter().any(is_of)
                }
                _ => false,
            },
        }
    }

    /// Whether it is the upstream's fault. Our own system may have had no descriptors or ports left, or we were interrupted.
    pub fn is_of_upstream(&self) -> bool {
        match self {
            Self::Loop(_) => true,
            Self::Resolve(error) => is_of_the_name(error),
            Self::Connect(error) => is_of_the_peer(error.cause()),
        }
    }
}

fn is_of_the_name(error: &ResolveError) -> bool {
    matches!(error, ResolveError::NotFound(_) | ResolveError::NoAddress | ResolveError::Unanswered(_))
}

fn is_of_the_peer(cause: &ConnectCause) -> bool {
    match cause {
        ConnectCause::Resolve(error) => is_of_the_name(error),
        ConnectCause::Attempts(attempts) => attempts.iter().any(|attempt| match &attempt.error {
            AttemptError::Exhausted(_) | AttemptError::Forbidden(_) => false,
            // Every port of ours to that address is taken.
            other => other.kind() != io::ErrorKind::AddrNotAvailable,
        }),
        ConnectCause::TimedOut(_)
        | ConnectCause::Tls(_)
        | ConnectCause::Proxy { .. }
        | ConnectCause::ProxyUnreachable { .. } => true,
        _ => false,
    }
}
