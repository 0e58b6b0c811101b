//! The relay matrix, and random conversations, on both faces of the library's relay.

use crate::arms::Arm;
use adieu::tls::{Client, Server};
use adieu::{
    ConnectOptions, Endpoint, ListenOptions, Listener, LookAhead, RelayOptions, RelayReport, SocketOptions,
};
use adieu_testkit::relay::{Relay, SHAPES, Shape, Stopped, Told, matrix, random};
use adieu_testkit::tls::authority::Authority;
use adieu_testkit::tls::peer::Address;
use std::io;
use std::path::Path;
use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// More than a relay has cells, so all are under way at once.
const ALL_AT_ONCE: usize = 500;

/// No client takes so long to send its header.
const BOUND: Duration = Duration::from_secs(20);

/// What a program writes that tells its upstream whose the connection is.
const HEADER: &[u8] = b"PROXY TCP4 192.0.2.1 198.51.100.1 4711 443\r\n";

/// Finds such a header, a line, before the stream, and skips it.
fn header(octets: &[u8]) -> LookAhead<()> {
    match octets.windows(2).position(|end| end == b"\r\n") {
        Some(at) if octets.starts_with(b"PROXY ") => LookAhead::Found { skip: at + 2, value: () },
        _ => LookAhead::More,
    }
}

/// One of the faces, relaying every client that comes.
struct Face {
    front: Address,
    /// In the order in which the clients came.
    reports: Arc<Mutex<Vec<Option<RelayReport>>>>,
    stop: Box<dyn FnOnce() + Send>,
    serving: JoinHandle<()>,
}

impl Relay for Face {
    fn front(&self) -> Address {
        self.front.clone()
    }

    fn stop(self: Box<Self>) -> io::Result<Stopped> {
        (self.stop)();
        self.serving.join().map_err(|_| io::Error::other("the relay panicked"))?;
        let reports = self.reports.lock().map_err(|_| io::Error::other("a relay panicked"))?;
        let told = reports.iter().map(|report| {
            report.as_ref().map_or_else(Told::default, |report| {
                Told::from_report(&serde_json::to_value(report).expect("plain data"))
            })
        });
        Ok(Stopped { told: Some(told.collect()), wrong: Vec::new() })
    }
}

/// How a face is set up.
#[derive(Clone)]
struct Options {
    listen: ListenOptions,
    onward: ConnectOptions,
    relay: RelayOptions,
    /// Whether a header comes before what a client sends.
    has_header: bool,
}

impl Options {
    fn of(shape: Shape, small: bool) -> Self {
        let (mut listen, mut onward) = (ListenOptions::new(), ConnectOptions::new());
        if shape.front.tls {
            let files = &Authority::loopback().files;
            listen =
                listen.tls(Server::from_files(&files.0, &files.1).build().expect("files of the test kit"));
        }
        if shape.behind.tls {
            let client = Client::new().ca_file(Authority::shared().file());
            onward = onward.tls(client.build().expect("a file of the test kit"));
        }
        if shape.behind.proxy {
            onward = onward.preface(HEADER);
        }
        let mut relay = RelayOptions::new();
        if small {
            let sizes = SocketOptions::new().send_buffer(8192).receive_buffer(8192);
            (listen, onward, relay) =
                (listen.socket(sizes.clone()), onward.socket(sizes), relay.buffer_limit(0));
        }
        Self { listen, onward, relay, has_header: shape.front.proxy }
    }
}

fn endpoint(address: &Address, tls: bool) -> Endpoint {
    let endpoint: Endpoint = address.to_string().parse().expect("an endpoint");
    match address {
        Address::Tcp(address) if tls => Endpoint::tls(address.ip().to_string(), address.port()),
        _ => endpoint,
    }
}

fn start(
    arm: Arm,
    small: bool,
    shape: Shape,
    upstream: &Address,
    directory: &Path,
) -> io::Result<Box<dyn Relay>> {
    let options = Options::of(shape, small);
    let place = endpoint(&shape.front.place(directory, "front"), false);
    let upstream = endpoint(upstream, shape.behind.tls);
    let reports = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&reports);
    let (tell, told) = mpsc::channel();
    let (stop, serving): (Box<dyn FnOnce() + Send>, _) = match arm {
        Arm::Blocking => {
            let interrupt = adieu::Interrupt::new()?;
            let raised = interrupt.clone();
            let listener = Listener::bind(&place, &options.listen).map_err(io::Error::other)?;
            let listener = listener.with_options(&options.listen, &interrupt);
            let _ = tell.send(listener.local_endpoint().to_string());
            let serving = thread::spawn(move || serve(&listener, &upstream, &options, &kept));
            (Box::new(move || raised.raise(adieu::Signal::Terminate)), serving)
        }
        Arm::Tokio => {
            let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
            let serving = thread::spawn(move || {
                let runtime = crate::arms::runtime();
                runtime.block_on(serve_on_tokio(&place, upstream, options, kept, tell, stopped));
            });
            (Box::new(move || drop(stop)), serving)
        }
    };
    let front = told.recv().map_err(|_| io::Error::other("the relay cannot listen"))?;
    let front = match front.strip_prefix("unix:") {
        Some(path) => Address::Unix(path.into()),
        None => Address::Tcp(front.trim_start_matches("tls://").parse().map_err(io::Error::other)?),
    };
    Ok(Box::new(Face { front, reports, stop, serving }))
}

/// One thread for each client.
fn serve(
    listener: &Listener,
    upstream: &Endpoint,
    options: &Options,
    reports: &Mutex<Vec<Option<RelayReport>>>,
) {
    thread::scope(|scope| {
        while let Ok(mut client) = listener.accept() {
            let place = begin(reports);
            scope.spawn(move || {
                if options.has_header && client.look_ahead(BOUND, header).is_err() {
                    return;
                }
                // If this fails, the client is dropped, which resets it.
                let Ok(server) = adieu::connect(upstream, &options.onward) else { return };
                end(reports, place, adieu::relay(client, server, &options.relay));
            });
        }
    });
}

async fn serve_on_tokio(
    place: &Endpoint,
    upstream: Endpoint,
    options: Options,
    reports: Arc<Mutex<Vec<Option<RelayReport>>>>,
    tell: mpsc::Sender<String>,
    mut stopped: tokio::sync::oneshot::Receiver<()>,
) {
    let listener = adieu::tokio::Listener::bind(place, &options.listen).await.expect("it can be bound");
    let _ = tell.send(listener.local_endpoint().to_string());
    drop(tell);
    let mut relays = tokio::task::JoinSet::new();
    loop {
        let mut client = tokio::select! {
            client = listener.accept() => client.expect("clients come"),
            _ = &mut stopped => break,
        };
        let place = begin(&reports);
        let (reports, upstream, options) = (Arc::clone(&reports), upstream.clone(), options.clone());
        relays.spawn(async move {
            if options.has_header && client.look_ahead(BOUND, header).await.is_err() {
                return;
            }
            let Ok(server) = adieu::tokio::connect(&upstream, &options.onward).await else { return };
            end(&reports, place, adieu::tokio::relay(client, server, &options.relay).await);
        });
    }
    relays.join_all().await;
}

fn begin(reports: &Mutex<Vec<Option<RelayReport>>>) -> usize {
    let mut reports = reports.lock().expect("nobody panics");
    reports.push(None);
    reports.len() - 1
}

fn end(reports: &Mutex<Vec<Option<RelayReport>>>, place: usize, report: RelayReport) {
    reports.lock().expect("nobody panics")[place] = Some(report);
}

fn check(failed: &[String]) {
    assert!(failed.is_empty(), "{} do not hold:\n{}", failed.len(), failed.join("\n"));
}

#[test]
fn every_cell_of_the_relay_matrix_holds_on_the_blocking_face() {
    check(&matrix::failures(|_| true, ALL_AT_ONCE, &|shape, upstream, directory| {
        start(Arm::Blocking, false, shape, upstream, directory)
    }));
}

#[test]
fn every_cell_of_the_relay_matrix_holds_on_tokio() {
    check(&matrix::failures(|_| true, ALL_AT_ONCE, &|shape, upstream, directory| {
        start(Arm::Tokio, false, shape, upstream, directory)
    }));
}

/// One after another, with small buffers.
#[test]
fn every_cell_of_the_relay_matrix_holds_alone() {
    let is_plain = |shape: Shape| shape == Shape::PLAIN;
    check(&matrix::failures(is_plain, 1, &|shape, upstream, directory| {
        start(Arm::Tokio, true, shape, upstream, directory)
    }));
}

#[test]
fn random_conversations_through_a_relay_keep_the_rules() {
    for (index, (arm, shape)) in [
        (Arm::Tokio, Shape::PLAIN),
        (Arm::Blocking, Shape::PLAIN),
        (Arm::Tokio, SHAPES[4]),
        (Arm::Blocking, SHAPES[2]),
    ]
    .into_iter()
    .enumerate()
    {
        for small in [false, true] {
            let first = 1_000_000 * (2 * index as u64 + u64::from(small));
            let failed = random::failures(shape, first, 40, &|shape, upstream, directory| {
                start(arm, small, shape, upstream, directory)
            });
            check(&failed.expect("the harness works"));
        }
    }
}
