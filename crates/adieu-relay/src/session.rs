//! A session serves one client, from the accept to the end of both sides.
//!
//! Whatever goes wrong before the two sides are joined resets the client, so that it does not take silence for an answer.

use crate::admission::{Place, TurnedAway};
use crate::crowd;
use crate::event::{Closed, NotJoined, Outcome, RelayEvent};
use crate::front::{Alert, Greeting, refuse};
use crate::open::{Entry, State};
use crate::proxy_protocol;
use crate::shared::{REST, Service, Serving, Worker};
use crate::upstream::{HealthChange, Picked, Tried, UpstreamError};
use adieu::faults::Injected;
use adieu::tokio::{Connection, relay};
use adieu::{Address, ConnectOptions, Ending, Endpoint, RelayOptions, RelayProgress};
use std::borrow::Cow;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

/// How much longer an upstream is connected to for a client whose connection was cut. What the client sent before was acknowledged
/// to it, and belongs to an upstream that answers; a SYN that was lost is sent again after a second. One that does not answer must
/// not keep the place of a client that has gone.
const FOR_A_CUT_CLIENT: Duration = Duration::from_secs(2);

/// The faults on purpose that have come.
type Came = Arc<Mutex<Vec<Injected>>>;

/// A client that was accepted. Who it is stands on the roll. Dropped before its end is told, it counts as cut: nobody can say that it
/// finished.
pub(crate) struct Session {
    worker: Arc<Worker>,
    serving: Arc<Serving>,
    id: u64,
    /// `None` once it is struck out.
    place_on_roll: Option<usize>,
    progress: Arc<RelayProgress>,
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
        let client = connection.peer_address().unwrap_or(&Address::Unnamed);
        let progress = Arc::new(RelayProgress::new());
        worker.service.shutdown.has_opened();
        let entry = Entry {
            id,
            relay: Arc::clone(&serving.name),
            client: client.clone(),
            proxy: None,
            upstream: None,
            state: State::Handshake,
            progress: Arc::clone(&progress),
        };
        let place_on_roll = Some(worker.roll.enter(entry));
        serving.tell(&RelayEvent::Accepted { relay: &serving.name, id, client });
        Self { worker: Arc::clone(worker), serving: Arc::clone(serving), id, place_on_roll, progress, place }
    }

    /// Serves the client.
    ///
    /// The task of an idle pair holds what relaying takes, and no more: what comes before is on the heap and gone when it is done, and
    /// nothing has two places, as the arguments of an `async fn` would have.
    #[expect(clippy::manual_async_fn, reason = "see above")]
    pub(crate) fn run(mut self, client: Connection) -> impl Future<Output = ()> + Send {
        async move {
            let serving = Arc::clone(&self.serving);
            let mut tried = Connecting::default();
            let (client, server, picked) = match Box::pin(self.prepare(&serving, client, &mut tried)).await {
                Ok(joined) => joined,
                Err(outcome) => return self.tell_the_end(tried, None, outcome),
            };
            let mut faults: Option<Came> = None;
            let report = relay(client, server, &self.relay_options(&mut faults)).await;
            // It counts as a connection of its upstream until now.
            drop(picked);
            self.tell_the_end(tried, faults, Outcome::Relayed(report));
        }
    }

    /// With what the two sides are joined. Faults that come are put down in `faults`.
    fn relay_options(&self, faults: &mut Option<Came>) -> RelayOptions {
        let options = self.serving.relay.clone().progress(Arc::clone(&self.progress));
        match self.serving.faults.for_connection(self.id) {
            Some(planned) => {
                options.faults(planned.observer(self.fault_teller(faults.insert(Came::default()))))
            }
            None => options,
        }
    }

    fn tell_the_end(mut self, tried: Connecting, faults: Option<Came>, outcome: Outcome) {
        let Some(entry) = self.strike_out() else { return };
        let of_client = match &outcome {
            Outcome::Relayed(report) => &report.a,
            Outcome::NotJoined { client, .. } => client,
        };
        let closed = Closed {
            id: self.id,
            relay: Arc::clone(&entry.relay),
            began: of_client.started_at,
            client: entry.client.clone(),
            peer: entry.peer().clone(),
            local: of_client.local_address.clone(),
            server_name: tried.server_name.map(String::from),
            upstream: entry.endpoint().cloned(),
            connect_time: tried.took,
            duration: self.progress.age(),
            outcome,
            faults: faults
                .map(|came| came.lock().unwrap_or_else(PoisonError::into_inner).clone())
                .unwrap_or_default(),
        };
        let was_cut = matches!(closed.ending(), Ending::Interrupted { .. });
        self.has_ended(was_cut.then_some(&entry));
        let serving = Arc::clone(&self.serving);
        // Whoever hears that it is over does not find it among what is open, nor its place taken.
        drop(self);
        serving.tell(&RelayEvent::Closed(&closed));
    }

    fn change_entry(&self, change: impl FnOnce(&mut Entry)) {
        if let Some(place) = self.place_on_roll {
            self.worker.roll.change(place, change);
        }
    }

    fn strike_out(&mut self) -> Option<Entry> {
        self.worker.roll.strike_out(self.place_on_roll.take()?)
    }

    /// It is not on the roll any more.
    fn has_ended(&self, cut: Option<&Entry>) {
        let service = &self.worker.service;
        if let Some(crowd) = service.shutdown.has_ended(cut.map(Entry::shown)) {
            let service = Arc::downgrade(service);
            crowd::after_a_lull(move || {
                service.upgrade().is_some_and(|service| crowd::has_left(crowd, service.shutdown.open()))
            });
        }
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
        let mut who = client.peer_address().cloned().unwrap_or(Address::Unnamed);
        let greeting = match self.greet(&mut client, &mut who).await {
            Ok(greeting) => greeting,
            Err(why) => return Err(Outcome::NotJoined { client: Box::new(client.abort()), why }),
        };
        last.server_name =
            greeting.hello.as_ref().and_then(|hello| hello.server_name.as_deref().map(Box::from));
        self.join(serving, client, &who, &greeting, last).await
    }

    /// Looks at what the client sends first, which may say who it is.
    async fn greet(&mut self, client: &mut Connection, who: &mut Address) -> Result<Greeting, NotJoined> {
        let front = &self.serving.front;
        let mut greeting = Greeting::default();
        if let Some(from) = &front.accept_proxy {
            let header = proxy_protocol::accept(client, from).await.map_err(NotJoined::NoHeader)?;
            if let Some(source) = header.source() {
                let proxy = std::mem::replace(who, source.clone());
                self.change_entry(|entry| {
                    entry.client = source.clone();
                    entry.proxy = Some(Box::new(proxy.clone()));
                });
                self.serving.tell(&RelayEvent::Introduced {
                    relay: &self.serving.name,
                    id: self.id,
                    client: source,
                    proxy: &proxy,
                });
            }
            self.serving.gate.admit_told(&mut self.place, who).map_err(NotJoined::TurnedAway)?;
            greeting.header = Some(header);
        }
        greeting.hello = front.hello(client).await.map_err(NotJoined::NoRoute)?;
        Ok(greeting)
    }

    /// Connects to an upstream for this client. If there is none, the client is reset.
    async fn join<'a>(
        &self,
        serving: &'a Serving,
        client: Connection,
        who: &Address,
        greeting: &Greeting,
        last: &mut Connecting,
    ) -> Result<(Connection, Connection, Picked<'a>), Outcome> {
        let Serving { front, of_routes, upstreams, .. } = serving;
        let upstreams = match front.choose(greeting, of_routes, upstreams.as_ref()) {
            Ok(upstreams) => upstreams,
            Err(why) => {
                let client = Box::new(refuse(client, greeting, Alert::UnrecognizedName));
                return Err(Outcome::NotJoined { client, why: NotJoined::NoRoute(why) });
            }
        };
        let mut client = client
            .handshake()
            .await
            .map_err(|client| Outcome::NotJoined { client, why: NotJoined::Handshake })?;
        let preface = front.preface(greeting, &client, who, self.id);
        let speaks = client.has_spoken() || preface.is_some();
        let mut tried = Tried::default();
        let mut failed: Vec<(Endpoint, UpstreamError)> = Vec::new();
        while let Some(mut picked) = upstreams.pick(who, &mut tried) {
            let upstream = picked.upstream();
            let options = picked.options(speaks);
            self.change_entry(|entry| {
                entry.state = State::Connecting;
                entry.upstream = Some(Arc::clone(upstream));
            });
            let options = match &preface {
                Some(preface) => Cow::Owned(options.clone().preface(preface.as_slice())),
                None => Cow::Borrowed(options),
            };
            // By itself on the heap: glibc keeps no block of more than 1,032 octets ready, and with this one inside, the future of all
            // that comes before the relay would be one.
            let connecting = Box::pin(connect(&mut picked, &options));
            let connected = tokio::select! {
                biased;
                connected = connecting => Some(connected),
                () = has_left(&mut client) => None,
            };
            let Some((connected, change)) = connected else {
                drop(picked);
                let client = Box::new(client.abort());
                return Err(Outcome::NotJoined { client, why: NotJoined::ClientCut(failed) });
            };
            let endpoint = &picked.upstream().endpoint;
            if let Some(change) = change {
                self.serving.tell_health(endpoint, change, connected.as_ref().err());
            }
            let error = match connected {
                Ok((server, took)) => {
                    last.took = Some(took);
                    self.change_entry(|entry| entry.state = State::Joined);
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
        Err(Outcome::NotJoined { client, why: NotJoined::NoUpstream(failed) })
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
) -> (Result<(Connection, Duration), UpstreamError>, Option<HealthChange>) {
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
    server_name: Option<Box<str>>,
    /// How long it took to connect to the upstream.
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
        outcome: Outcome::NotJoined { client: Box::new(connection.abort()), why: NotJoined::TurnedAway(why) },
        duration: since.elapsed(),
        faults: Vec::new(),
    };
    serving.tell(&RelayEvent::TurnedAway { relay: &serving.name, why, closed: &closed });
}

impl Drop for Session {
    fn drop(&mut self) {
        if let Some(entry) = self.strike_out() {
            self.has_ended(Some(&entry));
        }
    }
}
