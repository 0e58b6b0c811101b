//! One client, from its being accepted to the end of both sides.
//!
//! Whatever goes wrong before the two sides are joined resets the client: it must not take silence for an answer.

use crate::admission::{Place, TurnedAway};
use crate::crowd;
use crate::event::{Closed, NoPair, Outcome, RelayEvent};
use crate::front::{Alert, Greeting, refuse};
use crate::open::{Entry, State};
use crate::proxy_protocol;
use crate::shared::{REST, Service, Serving, Worker};
use crate::upstream::{HealthChange, Picked, Tried, Upstream, UpstreamError};
use adieu::faults::Injected;
use adieu::tokio::{Connection, relay};
use adieu::{Address, ConnectOptions, Ending, Endpoint, RelayProgress};
use std::borrow::Cow;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

/// How much longer an upstream is connected to for a client whose connection was cut. What the client sent before was acknowledged
/// to it, and belongs to an upstream that answers; a SYN that was lost is sent again after a second. One that does not answer must
/// not keep the place of a client that has gone.
const FOR_A_CUT_CLIENT: Duration = Duration::from_secs(2);

/// The faults on purpose that have come.
type Came = Arc<Mutex<Vec<Injected>>>;

/// A client that was accepted. Dropped, it is no longer open.
pub(crate) struct Session {
    worker: Arc<Worker>,
    serving: Arc<Serving>,
    id: u64,
    /// Whose connection it is, as far as is known.
    client: Address,
    peer: Address,
    began: (SystemTime, Instant),
    progress: Arc<RelayProgress>,
    /// It did not end by itself. So it is until its end is known: of one that is dropped before, nobody can say that it finished.
    was_cut: bool,
    /// Given back once it is over.
    place: Place,
}

impl Session {
    /// Enters a client on the roll.
    pub(crate) fn begin(
        worker: &Arc<Worker>,
        serving: &Arc<Serving>,
        connection: &Connection,
        place: Place,
    ) -> Self {
        let id = worker.service.next_id();
        let client = connection.peer_address().cloned().unwrap_or(Address::Unnamed);
        let began = (SystemTime::now(), Instant::now());
        let progress = Arc::new(RelayProgress::new());
        worker.service.shutdown.has_opened();
        let entry = Entry {
            relay: Arc::clone(&serving.name),
            client: client.clone(),
            since: began.1,
            upstream: None,
            state: State::Handshake,
            progress: Arc::clone(&progress),
        };
        worker.roll.enter(id, entry);
        serving.tell(&RelayEvent::Accepted { relay: &serving.name, id, client: &client });
        let (worker, serving) = (Arc::clone(worker), Arc::clone(serving));
        let peer = client.clone();
        Self { worker, serving, id, client, peer, began, progress, was_cut: true, place }
    }

    pub(crate) async fn run(mut self, client: Connection) {
        let local = client.local_address().cloned();
        // Each on the heap, and gone when it is done: the task of an idle pair holds what relaying takes, and no more.
        let mut tried = Connecting::default();
        let serving = Arc::clone(&self.serving);
        let mut faults: Option<Came> = None;
        let outcome = match Box::pin(self.prepare(&serving, client, &mut tried)).await {
            Ok((client, server, picked)) => {
                let mut options = serving.relay.clone().progress(Arc::clone(&self.progress));
                if let Some(planned) = serving.faults.for_connection(self.id) {
                    options = options.faults(planned.told(self.fault_teller(faults.insert(Came::default()))));
                }
                let report = Box::pin(relay(client, server, &options)).await;
                // It counts as a connection of its upstream until now.
                drop(picked);
                Outcome::Relayed(Box::new(report))
            }
            Err(outcome) => outcome,
        };
        let (began, since) = self.began;
        let closed = Closed {
            id: self.id,
            relay: Arc::clone(&self.serving.name),
            began,
            client: self.client.clone(),
            peer: self.peer.clone(),
            local,
            server_name: tried.server_name,
            upstream: tried.upstream,
            connect_time: tried.took,
            duration: since.elapsed(),
            outcome,
            faults: faults
                .map(|came| came.lock().unwrap_or_else(PoisonError::into_inner).clone())
                .unwrap_or_default(),
        };
        self.was_cut = matches!(closed.ending(), Ending::Interrupted { .. });
        // Whoever hears that it is over does not find it among what is open, nor its place taken.
        drop(self);
        serving.tell(&RelayEvent::Closed(&closed));
    }

    /// Tells of each fault that comes, and keeps it for the end.
    fn fault_teller(&self, came: &Came) -> impl Fn(&Injected) + Send + Sync + use<> {
        let (serving, id, came) = (Arc::clone(&self.serving), self.id, Arc::clone(came));
        move |injected| {
            came.lock().unwrap_or_else(PoisonError::into_inner).push(*injected);
            serving.tell(&RelayEvent::FaultInjected { relay: &serving.name, id, injected });
        }
    }

    /// Everything before the two sides are joined. A client that does not begin as it must is reset.
    async fn prepare<'a>(
        &mut self,
        serving: &'a Serving,
        mut client: Connection,
        last: &mut Connecting,
    ) -> Result<(Connection, Connection, Picked<'a>), Outcome> {
        let greeting = match self.greet(&mut client).await {
            Ok(greeting) => greeting,
            Err(why) => return Err(Outcome::NotJoined { client: Box::new(client.abort()), why }),
        };
        last.server_name = greeting.hello.as_ref().and_then(|hello| hello.server_name.clone());
        self.join(serving, client, &greeting, last).await
    }

    /// Looks at what the client sends first.
    async fn greet(&mut self, client: &mut Connection) -> Result<Greeting, NoPair> {
        let front = &self.serving.front;
        let mut greeting = Greeting::default();
        if let Some(from) = &front.accept_proxy {
            let header = proxy_protocol::accept(client, from).await.map_err(NoPair::NoHeader)?;
            if let Some(source) = header.source() {
                self.client = source.clone();
                self.worker.roll.change(self.id, |entry| entry.client = source.clone());
                self.serving.tell(&RelayEvent::Introduced {
                    relay: &self.serving.name,
                    id: self.id,
                    client: source,
                    proxy: &self.peer,
                });
            }
            self.serving.gate.admit_told(&mut self.place, &self.client).map_err(NoPair::TurnedAway)?;
            greeting.header = Some(header);
        }
        greeting.hello = front.hello(client).await.map_err(NoPair::NoRoute)?;
        Ok(greeting)
    }

    /// Connects to an upstream for this client. If there is none, the client is reset.
    async fn join<'a>(
        &self,
        serving: &'a Serving,
        client: Connection,
        greeting: &Greeting,
        last: &mut Connecting,
    ) -> Result<(Connection, Connection, Picked<'a>), Outcome> {
        let Serving { front, of_routes, upstreams, .. } = serving;
        let upstreams = match front.choose(greeting, of_routes, upstreams.as_ref()) {
            Ok(upstreams) => upstreams,
            Err(why) => {
                let client = Box::new(refuse(client, greeting, Alert::UnrecognizedName));
                return Err(Outcome::NotJoined { client, why: NoPair::NoRoute(why) });
            }
        };
        let mut client = client
            .handshake()
            .await
            .map_err(|client| Outcome::NotJoined { client, why: NoPair::Handshake })?;
        let preface = front.preface(greeting, &client, &self.client, self.id);
        let mut tried = Tried::default();
        let mut failed: Vec<(Endpoint, UpstreamError)> = Vec::new();
        while let Some(mut picked) = upstreams.pick(&self.client, &mut tried) {
            let Upstream { endpoint, options } = picked.upstream();
            last.upstream = Some(endpoint.clone());
            self.worker.roll.change(self.id, |entry| {
                entry.state = State::Connecting;
                entry.upstream = Some(endpoint.clone());
            });
            let from = Instant::now();
            let options = match &preface {
                Some(preface) => Cow::Owned(options.clone().preface(preface.as_slice())),
                None => Cow::Borrowed(options),
            };
            let connected = tokio::select! {
                biased;
                connected = connect(&mut picked, &options) => Some(connected),
                () = has_left(&mut client) => None,
            };
            let Some((connected, change)) = connected else {
                drop(picked);
                let client = Box::new(client.abort());
                return Err(Outcome::NotJoined { client, why: NoPair::ClientCut(failed) });
            };
            if let Some(change) = change {
                self.serving.tell_health(endpoint, change, connected.as_ref().err());
            }
            let error = match connected {
                Ok(server) => {
                    let took = from.elapsed();
                    last.took = Some(took);
                    self.worker.roll.change(self.id, |entry| entry.state = State::Joined);
                    self.serving.tell(&RelayEvent::Joined {
                        relay: &self.serving.name,
                        id: self.id,
                        upstream: endpoint,
                        connect_time: took,
                    });
                    return Ok((client, server, picked));
                }
                Err(error) => error,
            };
            self.serving.tell(&RelayEvent::UpstreamFailed {
                relay: &self.serving.name,
                id: self.id,
                upstream: endpoint,
                error: &error,
            });
            failed.push((endpoint.clone(), error));
            if self.worker.service.is_aborted() {
                break;
            }
        }
        let client = Box::new(refuse(client, greeting, Alert::InternalError));
        Err(Outcome::NotJoined { client, why: NoPair::NoUpstream(failed) })
    }
}

/// Waits until nothing is worth being connected to for this client any more: its connection was cut a while ago.
async fn has_left(client: &mut Connection) {
    client.wait_for_cut().await;
    tokio::time::sleep(FOR_A_CUT_CLIENT).await;
}

/// Connects to the upstream. Where our system has no descriptor for that, it waits until there is one.
async fn connect(
    picked: &mut Picked<'_>,
    options: &ConnectOptions,
) -> (Result<Connection, UpstreamError>, Option<HealthChange>) {
    loop {
        let (connected, change) = picked.connect(options).await;
        if !connected.as_ref().is_err_and(UpstreamError::is_for_want_of_resources) {
            return (connected, change);
        }
        tokio::time::sleep(REST).await;
    }
}

/// What becomes known of a client before it is joined.
#[derive(Default)]
struct Connecting {
    server_name: Option<String>,
    /// The upstream that was connected to last, or was to be, and how long it took.
    upstream: Option<Endpoint>,
    took: Option<Duration>,
}

/// Resets a client that is not let in, and tells of it.
pub(crate) fn turn_away(service: &Service, serving: &Serving, connection: Connection, why: TurnedAway) {
    let (began, since) = (SystemTime::now(), Instant::now());
    let client = connection.peer_address().cloned().unwrap_or(Address::Unnamed);
    let local = connection.local_address().cloned();
    let closed = Closed {
        id: service.next_id(),
        relay: Arc::clone(&serving.name),
        began,
        peer: client.clone(),
        client,
        local,
        server_name: None,
        upstream: None,
        connect_time: None,
        outcome: Outcome::NotJoined { client: Box::new(connection.abort()), why: NoPair::TurnedAway(why) },
        duration: since.elapsed(),
        faults: Vec::new(),
    };
    serving.tell(&RelayEvent::TurnedAway { relay: &serving.name, why, closed: &closed });
}

impl Drop for Session {
    fn drop(&mut self) {
        let entry = self.worker.roll.strike_out(self.id);
        let cut = entry.filter(|_| self.was_cut).map(|entry| entry.shown(self.id));
        let service = &self.worker.service;
        if let Some(crowd) = service.shutdown.has_ended(cut) {
            let service = Arc::downgrade(service);
            crowd::after_a_lull(move || {
                service.upgrade().is_some_and(|service| crowd::has_left(crowd, service.shutdown.open()))
            });
        }
    }
}
