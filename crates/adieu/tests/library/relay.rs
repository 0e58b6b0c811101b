//! A relay joins two connections: bytes, ends and cuts are passed on, each after everything before it, on both faces.

mod beside_tokio;
mod bounds;
mod cuts;
mod faults;
#[cfg(unix)]
mod matrix;
mod mixed;
#[cfg(unix)]
mod told;
#[cfg(target_os = "linux")]
mod young;

use crate::arms::{Arm, BOUND, bounded, runtime};
use adieu::{
    ConnectOptions, Connection, DataPath, DirectionEnd, Ending, Endpoint, ListenOptions, Listener,
    RelayOptions, RelayReport,
};
use adieu_testkit::pattern::Pattern;
use adieu_testkit::places;
use adieu_testkit::waits::patient;
use socket2::SockRef;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

const ALL: u64 = 3_000_000;

fn bytes_of(mut source: impl Read) -> Vec<u8> {
    let mut bytes = Vec::new();
    source.read_to_end(&mut bytes).expect("it is readable to its end");
    bytes
}

fn request() -> Vec<u8> {
    bytes_of(Pattern::of_program().reader(ALL))
}

fn answer() -> Vec<u8> {
    bytes_of(Pattern::of_peer().reader(ALL))
}

/// How one relay runs.
#[derive(Debug, Clone)]
struct Setup {
    arm: Arm,
    /// Towards the client.
    listen: ListenOptions,
    /// Towards the upstream side.
    onward: ConnectOptions,
    relay: RelayOptions,
}

impl Setup {
    fn new(arm: Arm) -> Self {
        let (listen, onward) = (ListenOptions::new(), ConnectOptions::new());
        Self { arm, listen, onward, relay: RelayOptions::new() }
    }

    fn on(arm: Arm, path: DataPath) -> Self {
        let plain = Self::new(arm);
        if path == DataPath::Auto {
            return plain;
        }
        Self { listen: plain.listen.data_path(path), onward: plain.onward.data_path(path), ..plain }
    }

    /// Begins a relay that listens at `place` for one client and goes on to `upstream`: where it listens, and its report.
    fn start(self, place: &str, upstream: Endpoint) -> (Endpoint, JoinHandle<RelayReport>) {
        let place: Endpoint = place.parse().expect("an endpoint");
        let Self { arm, listen, onward, relay } = self;
        let (tell, told) = mpsc::channel();
        let relaying = thread::spawn(move || match arm {
            Arm::Blocking => {
                let listener = Listener::bind(&place, &listen).expect("it can be bound");
                tell.send(listener.local_endpoint().clone()).expect("somebody waits");
                let client = listener.accept().expect("a client");
                adieu::relay(client, adieu::connect(&upstream, &onward).expect("it listens"), &relay)
            }
            Arm::Tokio => runtime().block_on(async {
                let listener = adieu::tokio::Listener::bind(&place, &listen).await.expect("it can be bound");
                tell.send(listener.local_endpoint().clone()).expect("somebody waits");
                let client = listener.accept().await.expect("a client");
                let server = adieu::tokio::connect(&upstream, &onward).await.expect("it listens");
                adieu::tokio::relay(client, server, &relay).await
            }),
        });
        (told.recv().expect("it is bound"), relaying)
    }

    /// A client and an upstream program with a relay between them.
    fn pair(self) -> (TcpStream, TcpStream, JoinHandle<RelayReport>) {
        self.pair_with(|_, _| {})
    }

    /// The same, with something set on the client's socket before it connects, and on the upstream program's listener.
    fn pair_with(
        self,
        set: fn(&SockRef<'_>, &SockRef<'_>),
    ) -> (TcpStream, TcpStream, JoinHandle<RelayReport>) {
        let listener = places::listener();
        let client =
            socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("a socket");
        set(&SockRef::from(&client), &SockRef::from(&listener));
        let (place, relaying) = self.start("127.0.0.1:0", listener.local_addr().expect("bound").into());
        let place: std::net::SocketAddr = place.to_string().parse().expect("an address");
        client.connect(&place.into()).expect("it listens");
        let (upstream, _) = listener.accept().expect("the relay connects");
        (patient(client.into()), patient(upstream), relaying)
    }
}

/// On both faces, on each way that they have.
fn on_every_way(body: fn(Setup)) {
    use DataPath::{Auto, Direct, Portable};
    for (arm, path) in [
        (Arm::Blocking, Auto),
        (Arm::Blocking, Portable),
        (Arm::Blocking, Direct),
        (Arm::Tokio, Auto),
        (Arm::Tokio, Portable),
    ] {
        bounded(&format!("{arm:?} {path:?}"), move || body(Setup::on(arm, path)));
    }
}

fn on_both(body: fn(Setup)) {
    for arm in [Arm::Blocking, Arm::Tokio] {
        bounded(&format!("{arm:?}"), move || body(Setup::new(arm)));
    }
}

/// The same, where most of the time is spent on waiting.
fn on_both_at_once(body: fn(Setup)) {
    thread::scope(|scope| {
        for arm in [Arm::Blocking, Arm::Tokio] {
            scope.spawn(move || bounded(&format!("{arm:?}"), move || body(Setup::new(arm))));
        }
    });
}

/// Waits until the other end's TCP has everything, and closes with an RST.
fn reset(stream: TcpStream) {
    let began = Instant::now();
    while unacknowledged(&stream) > 0 {
        assert!(began.elapsed() < BOUND, "it is never acknowledged");
        thread::sleep(Duration::from_millis(1));
    }
    reset_now(stream);
}

/// Closes with an RST, whatever is still under way.
fn reset_now(stream: TcpStream) {
    SockRef::from(&stream).set_linger(Some(Duration::ZERO)).expect("a socket");
    drop(stream);
}

/// Sends until nothing has been taken any more for a while: all buffers on the way are full. How much was taken.
fn fill_up(mut stream: &TcpStream, bytes: &[u8]) -> usize {
    stream.set_nonblocking(true).expect("a socket");
    let (mut sent, mut moved_at) = (0, Instant::now());
    while moved_at.elapsed() < Duration::from_millis(100) {
        match stream.write(&bytes[sent..]) {
            Ok(n) if n > 0 => (sent, moved_at) = (sent + n, Instant::now()),
            _ => thread::sleep(Duration::from_millis(1)),
        }
    }
    sent
}

fn unacknowledged(stream: &TcpStream) -> u64 {
    adieu_testkit::peer::os::unacknowledged(&SockRef::from(stream)).expect("SIOCOUTQ")
}

/// The reset that is passed on, and not one that the user asked for.
fn is_passed_on(report: &adieu::Report) -> bool {
    let says = report.to_string().contains("because the other side of the relay was cut");
    let is_context = report.context == adieu::Context::OtherSideCut;
    assert_eq!(says, is_context, "{report}");
    is_context && report.ending() == Ending::Reset { by: adieu::Side::Us } && report.exit_code() == 4
}

#[test]
fn a_relay_passes_on_both_streams_and_the_half_close() {
    on_every_way(|setup| {
        for client_first in [true, false] {
            let (client, upstream, relaying) = setup.clone().pair();
            let (first, second) = if client_first { (client, upstream) } else { (upstream, client) };
            let mut sending = first.try_clone().expect("a descriptor");
            let sender = thread::spawn(move || {
                sending.write_all(&request()).expect("taken");
                sending.shutdown(Shutdown::Write).expect("connected");
            });
            // The answer begins after the end of the request, so that end was passed on while this direction is open.
            assert!(bytes_of(&second) == request(), "{setup:?}: the request is whole");
            let answering = thread::spawn(move || (&second).write_all(&answer()).expect("taken"));
            assert!(bytes_of(&first) == answer(), "{setup:?}: the answer is whole");
            sender.join().and_then(|()| answering.join()).expect("no panic");
            let relayed = relaying.join().expect("no panic");
            assert!(relayed.is_graceful(), "{setup:?}: {relayed:?}");
            for direction in [relayed.a_to_b, relayed.b_to_a] {
                assert_eq!(direction.end, DirectionEnd::Whole);
                assert_eq!((direction.bytes_received, direction.bytes_accepted), (ALL, ALL));
                assert_eq!(direction.bytes_acknowledged, Some(ALL));
            }
            assert_eq!((relayed.a.bytes_received, relayed.b.bytes_accepted), (ALL, ALL));
            assert_eq!((relayed.b.bytes_received, relayed.a.bytes_accepted), (ALL, ALL));
        }
    });
}

#[test]
fn a_relay_whose_two_sides_end_at_once_is_graceful() {
    on_every_way(|setup| {
        let (client, upstream, relaying) = setup.clone().pair();
        client.shutdown(Shutdown::Write).expect("connected");
        upstream.shutdown(Shutdown::Write).expect("connected");
        assert!(bytes_of(&client).is_empty() && bytes_of(&upstream).is_empty());
        let relayed = relaying.join().expect("no panic");
        assert!(relayed.is_graceful(), "{setup:?}: {relayed:?}");
    });
}

#[test]
fn a_conversation_of_small_messages_passes_at_once() {
    on_both(|setup| {
        let (mut client, mut upstream, relaying) = setup.pair();
        let mut buffer = [0; 5];
        for turn in 0..200_u8 {
            let (one, other) =
                if turn % 2 == 0 { (&mut client, &mut upstream) } else { (&mut upstream, &mut client) };
            one.write_all(&[turn; 5]).expect("taken");
            other.read_exact(&mut buffer).expect("passed on");
            assert_eq!(buffer, [turn; 5]);
        }
        drop((client, upstream));
        assert!(relaying.join().expect("no panic").is_graceful());
    });
}

/// A program may have spoken on both connections before it joins them, to see where to go for example.
#[test]
fn what_passed_before_the_relay_is_no_part_of_its_directions() {
    bounded("a relay", || {
        let options = ListenOptions::new();
        let listener =
            Listener::bind(&"127.0.0.1:0".parse().expect("an endpoint"), &options).expect("loopback");
        let mut client = TcpStream::connect(listener.local_endpoint().to_string()).expect("it listens");
        let upstream = places::listener();
        let server = upstream.local_addr().expect("bound").into();
        let mut joined: Connection = listener.accept().expect("a client");
        let mut onward = adieu::connect(&server, &ConnectOptions::new()).expect("it listens");
        client.write_all(b"hello relay").expect("taken");
        joined.read_exact(&mut [0; 5]).expect("sent");
        onward.write_all(b"to: ").expect("taken");
        let relaying = thread::spawn(move || adieu::relay(joined, onward, &RelayOptions::new()));
        let (server, _) = upstream.accept().expect("the relay connects");
        client.shutdown(Shutdown::Write).expect("connected");
        assert_eq!(bytes_of(&server), b"to:  relay");
        drop((client, server));
        let relayed = relaying.join().expect("no panic");
        let up = relayed.a_to_b;
        assert_eq!(
            (up.bytes_received, up.bytes_accepted, up.bytes_acknowledged),
            (6, 6, Some(6)),
            "{relayed:?}"
        );
        assert_eq!((relayed.a.bytes_received, relayed.b.bytes_accepted), (11, 10));
    });
}
