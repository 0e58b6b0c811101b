//! What one relay is: where it listens, where it connects to, and what it asks of both.

use crate::admission::Admission;
use crate::faults::Faults;
use crate::proxy_protocol::{AcceptProxy, ProxyVersion};
use crate::routes::Routes;
use crate::upstream::{Balance, Health, Upstream};
use adieu::{Endpoint, ListenError, ListenOptions, RelayOptions};
use std::io;
use std::time::Duration;

/// All that one relay needs to be told. Fields may be added: begin with [`new`](Self::new).
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct RelayConfig {
    /// What the relay is called in events. Default: where it listens.
    pub name: String,
    /// Where it listens. A port of 0 lets the system choose.
    pub listen: Endpoint,
    /// The client side: its TLS, what is asked of its sockets, what bounds its connections in time. An interrupt of its own
    /// has no meaning: the relay gives each connection one.
    pub listen_options: ListenOptions,
    /// Whom it connects to, at least one if there are no routes. If one cannot be connected to, the client is given to the next.
    pub upstreams: Vec<Upstream>,
    /// How clients are spread over the upstreams. Default: one after the other.
    pub balance: Balance,
    /// When an upstream counts as down.
    pub health: Health,
    /// How old the addresses of an upstream's name may become. A name whose resolver fails keeps its last addresses. `None`: it
    /// is resolved once. Default: 30 s.
    pub resolve_every: Option<Duration>,
    /// Who may connect, and how many.
    pub admission: Admission,
    /// From whom headers of the PROXY protocol are taken. `None`: from no client, and adieu does not look for a header. With it, every connection
    /// has to begin with a header, and [`admission`](Self::admission) judges clients by the addresses that the headers tell.
    pub accept_proxy: Option<AcceptProxy>,
    /// The version of the header of the PROXY protocol that every upstream is sent first, before TLS. `None`: it is sent none.
    pub send_proxy: Option<ProxyVersion>,
    /// Upstreams by the name that a client of TLS asks for. Without TLS of its own the relay decrypts nothing; with it, it does, and
    /// chooses by the name all the same.
    pub routes: Routes,
    /// Whether events report the server name (SNI) that a client asked for where the relay ends TLS. Where nothing else asks for
    /// it (a route, a header of the PROXY protocol), it costs each client a look at its ClientHello. Default: true.
    pub report_server_name: bool,
    /// What is to go wrong on purpose, for the test of a program. Default: nothing.
    pub faults: Faults,
    /// What is asked of each joined pair.
    pub relay: RelayOptions,
    /// The name under which the service manager may have passed the socket that listens there, because the process before this one
    /// gave it to be kept (FDSTORE, sd_notify(3)). If it has, that socket is taken in the place of a new one, so no client
    /// was refused in between. Default: none.
    pub kept_as: Option<String>,
    /// After a shutdown that names no time: how long the open connections may take to end. Default: 10 s.
    pub grace: Duration,
}

impl RelayConfig {
    /// A relay from here to these, with the defaults of everything else.
    pub fn new(listen: Endpoint, upstreams: impl IntoIterator<Item = Upstream>) -> Self {
        Self {
            name: listen.to_string(),
            listen,
            listen_options: ListenOptions::new(),
            upstreams: upstreams.into_iter().collect(),
            balance: Balance::default(),
            health: Health::default(),
            resolve_every: Some(Duration::from_secs(30)),
            admission: Admission::default(),
            accept_proxy: None,
            send_proxy: None,
            routes: Routes::new(),
            report_server_name: true,
            faults: Faults::default(),
            relay: RelayOptions::new(),
            kept_as: None,
            grace: Duration::from_secs(10),
        }
    }

    /// Whether every client has an upstream.
    pub(crate) fn check(&self) -> Result<(), RelayError> {
        let has_empty_route = self.routes.all.iter().any(|route| route.upstreams.is_empty());
        if has_empty_route || (self.upstreams.is_empty() && self.routes.all.is_empty()) {
            return Err(RelayError::NoUpstream { name: self.name.clone() });
        }
        Ok(())
    }
}

/// Why there is no relay.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RelayError {
    /// It has no upstream.
    #[error("the relay {name} has no upstream")]
    NoUpstream {
        /// What the relay is called.
        name: String,
    },
    /// It cannot listen there.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// The system gave no thread, or none of what a thread needs.
    #[error("a worker cannot be started: {}", adieu::describe_error(.0))]
    Worker(#[source] io::Error),
}
