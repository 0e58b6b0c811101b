//! Relays between sockets of different kinds: plain, TLS and Unix; and their handshakes.

use super::*;
use adieu::exchange::{Input, Output};
use adieu::tls::{Client, Server};
use adieu::{Limits, Report, Timer};
use adieu_testkit::places;
use adieu_testkit::tls::authority::Authority;
use adieu_testkit::tls::peer::{Address, Peer, Script, Setup as Tls, Step};
use std::io::{ErrorKind, Seek};

/// What a connection of the relay is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Plain,
    Tls,
    Unix,
}

const KINDS: [Kind; 3] = [Kind::Plain, Kind::Tls, Kind::Unix];

impl Kind {
    pub(super) fn listen(self, options: ListenOptions) -> ListenOptions {
        let files = &Authority::loopback().files;
        let server = || Server::from_files(&files.0, &files.1).build().expect("files of the test kit");
        if self == Self::Tls { options.tls(server()) } else { options }
    }

    fn connect(self, options: ConnectOptions) -> ConnectOptions {
        let client =
            || Client::new().ca_file(Authority::shared().file()).build().expect("a file of the test kit");
        if self == Self::Tls { options.tls(client()) } else { options }
    }

    fn place(self, directory: &tempfile::TempDir, name: &str) -> String {
        match self {
            Self::Plain | Self::Tls => "127.0.0.1:0".to_owned(),
            Self::Unix => format!("unix:{}", directory.path().join(name).display()),
        }
    }
}

/// A relay for a client of one kind to an upstream program of another: where it listens, that program's listener, and
/// the relay's report.
fn between(
    setup: Setup,
    front: Kind,
    behind: Kind,
    directory: &tempfile::TempDir,
) -> (Endpoint, Listener, JoinHandle<RelayReport>) {
    let place = behind.place(directory, "behind").parse().expect("an endpoint");
    let program = Listener::bind(&place, &behind.listen(ListenOptions::new())).expect("it can be bound");
    let setup = Setup { listen: front.listen(setup.listen), onward: behind.connect(setup.onward), ..setup };
    let (at, relaying) = setup.start(&front.place(directory, "front"), program.local_endpoint().clone());
    (at, program, relaying)
}

#[test]
fn streams_and_half_closes_pass_between_all_kinds_of_sockets() {
    on_both(|setup| {
        for (front, behind) in KINDS.into_iter().flat_map(|front| KINDS.map(|behind| (front, behind))) {
            let directory = tempfile::tempdir().expect("a directory can be made");
            let (at, program, relaying) = between(setup.clone(), front, behind, &directory);
            let serving = thread::spawn(move || {
                let mut connection = program.accept().expect("the relay connects");
                let mut asked = Vec::new();
                connection.read_to_end(&mut asked).expect("the request ends");
                connection.write_all(&answer()).expect("taken");
                (asked, connection.shutdown_send().expect("connected").drain())
            });
            let connection = adieu::connect(&at, &front.connect(ConnectOptions::new())).expect("it listens");
            let mut file = tempfile::tempfile().expect("a file can be made");
            let output = Output::try_from(file.try_clone().expect("a descriptor")).expect("writable");
            let report = adieu::exchange(connection, Input::from_bytes(request()), output);
            let (asked, served) = serving.join().expect("no panic");
            file.rewind().expect("a file");
            assert!(asked == request() && bytes_of(file) == answer(), "{setup:?} {front:?} {behind:?}");
            let relayed = relaying.join().expect("no panic");
            assert!(relayed.is_graceful(), "{setup:?} {front:?} {behind:?}: {relayed:?}");
            assert!(report.is_graceful() && served.is_graceful(), "{report} {served}");
            let up = relayed.a_to_b;
            assert_eq!((up.bytes_received, up.bytes_accepted), (ALL, ALL));
            assert_eq!(up.bytes_acknowledged, (behind != Kind::Unix).then_some(ALL), "{relayed:?}");
        }
    });
}

#[test]
fn a_reset_passes_between_all_kinds_of_sockets() {
    on_both(|setup| {
        // An abort of a Unix socket is an EOF for its peer.
        for (front, behind) in KINDS.into_iter().flat_map(|front| [(front, Kind::Plain), (front, Kind::Tls)])
        {
            let directory = tempfile::tempdir().expect("a directory can be made");
            let (at, program, relaying) = between(setup.clone(), front, behind, &directory);
            let (tell, told) = mpsc::channel();
            let serving = thread::spawn(move || {
                let mut connection = program.accept().expect("the relay connects");
                connection.write_all(&answer()).expect("taken");
                told.recv().expect("the client has it");
                connection.abort()
            });
            let mut client = adieu::connect(&at, &front.connect(ConnectOptions::new())).expect("it listens");
            let mut got = vec![0; answer().len()];
            client.read_exact(&mut got).expect("the relay passes it on");
            assert!(got == answer(), "{setup:?} {front:?} {behind:?}");
            tell.send(()).expect("it waits");
            let last = client.read(&mut [0]);
            serving.join().expect("no panic");
            let relayed = relaying.join().expect("no panic");
            assert!(is_passed_on(&relayed.a), "{setup:?} {front:?} {behind:?}: {relayed:?}");
            assert!(matches!(relayed.b_to_a.end, DirectionEnd::CutAtSource { .. }), "{relayed:?}");
            if front != Kind::Unix {
                assert!(last.is_err(), "{setup:?} {front:?} {behind:?}: {last:?}");
                let report = client.abort();
                assert_eq!(report.reset_by(), Some(adieu::Side::Peer), "{report}");
                let close_notify = (front == Kind::Tls).then_some(false);
                assert_eq!(report.tls_close_notify_received, close_notify, "{report}");
            }
        }
    });
}

#[test]
fn a_cut_tls_stream_is_never_passed_on_as_an_end() {
    const CUT: &Script = &[Step::Handshake, Step::Send(200_000), Step::Fin, Step::ReceiveToEnd];
    const WHOLE: &Script =
        &[Step::Handshake, Step::Send(200_000), Step::CloseNotify, Step::ReceiveToEnd, Step::Fin];
    on_every_way(|setup| {
        for (script, is_whole) in [(CUT, false), (WHOLE, true)] {
            // Behind the relay.
            let peer = Peer::listen(Tls::PLAIN, script).expect("loopback");
            let behind = Setup { onward: Kind::Tls.connect(setup.onward.clone()), ..setup.clone() };
            let (at, relaying) = behind.start("127.0.0.1:0", peer.address().into());
            let client = patient(TcpStream::connect(at.to_string()).expect("it listens"));
            if is_whole {
                client.shutdown(Shutdown::Write).expect("connected");
            }
            check_tls(&client, is_whole);
            let relayed = relaying.join().expect("no panic");
            check_cut(&relayed.b, &relayed.a, relayed.b_to_a, is_whole);

            // In front of it.
            let listener = places::listener();
            let before = Setup { listen: Kind::Tls.listen(setup.listen.clone()), ..setup.clone() };
            let (at, relaying) = before.start("127.0.0.1:0", listener.local_addr().expect("bound").into());
            let address = at.to_string().parse().expect("an address");
            let peer = Peer::connect(Tls::PLAIN, move || Some(Address::Tcp(address)), script);
            let (server, _) = listener.accept().expect("the relay connects");
            let server = patient(server);
            if is_whole {
                server.shutdown(Shutdown::Write).expect("connected");
            }
            check_tls(&server, is_whole);
            drop(peer);
            let relayed = relaying.join().expect("no panic");
            check_cut(&relayed.a, &relayed.b, relayed.a_to_b, is_whole);
        }
    });
}

/// Its stream was whole, and so it is told, whatever became of the connection after that.
#[test]
fn a_tls_stream_that_has_ended_and_was_passed_on_stays_whole_when_its_sender_resets() {
    const SCRIPT: &Script =
        &[Step::Handshake, Step::Send(1000), Step::CloseNotify, Step::Receive(1), Step::Reset];
    on_every_way(|setup| {
        let peer = Peer::listen(Tls::PLAIN, SCRIPT).expect("loopback");
        let setup = Setup { onward: Kind::Tls.connect(setup.onward.clone()), ..setup };
        let (at, relaying) = setup.start("127.0.0.1:0", peer.address().into());
        let mut client = patient(TcpStream::connect(at.to_string()).expect("it listens"));
        let mut got = Vec::new();
        client.read_to_end(&mut got).expect("the end is passed on");
        assert_eq!(got.len(), 1000);
        client.write_all(&request()[..1]).expect("half-closed");
        let relayed = relaying.join().expect("no panic");
        assert_eq!(relayed.b.ending(), Ending::Reset { by: adieu::Side::Peer }, "{relayed}");
        assert!(is_passed_on(&relayed.a), "{relayed}");
        assert_eq!(relayed.b_to_a.end, DirectionEnd::Whole, "{relayed}");
        assert_ne!(relayed.a_to_b.end, DirectionEnd::Whole, "{relayed}");
    });
}

fn check_tls(mut reading: &TcpStream, is_whole: bool) {
    let mut got = Vec::new();
    let end = reading.read_to_end(&mut got).map(|_| ()).map_err(|error| error.kind());
    assert!(got == bytes_of(Pattern::of_peer().reader(200_000)), "{} bytes, {end:?}", got.len());
    assert_eq!(end, if is_whole { Ok(()) } else { Err(ErrorKind::ConnectionReset) });
}

fn check_cut(tls: &Report, plain: &Report, direction: adieu::Direction, is_whole: bool) {
    assert_eq!(direction.bytes_acknowledged, Some(200_000), "{direction:?}");
    if is_whole {
        assert!(tls.is_graceful() && plain.is_graceful(), "{tls}; {plain}");
        assert_eq!(direction.end, DirectionEnd::Whole);
    } else {
        assert_eq!(tls.ending(), Ending::Truncated, "{tls}");
        assert!(is_passed_on(plain), "{plain}");
        assert_eq!(direction.end, DirectionEnd::CutAtSource { ending: Ending::Truncated });
    }
}

/// Two clients, to be joined, of which a listener with TLS has accepted both and made neither handshake.
fn two_clients(arm: Arm, limits: Limits) -> ([TcpStream; 2], JoinHandle<RelayReport>) {
    let (tell, told) = mpsc::channel();
    let relaying = thread::spawn(move || {
        let place = "127.0.0.1:0".parse().expect("an endpoint");
        let options = Kind::Tls.listen(ListenOptions::new().limits(limits));
        match arm {
            Arm::Blocking => {
                let listener = Listener::bind(&place, &options).expect("loopback");
                tell.send(listener.local_endpoint().to_string()).expect("somebody waits");
                let [a, b] = [(), ()].map(|()| listener.accept().expect("a client"));
                adieu::relay(a, b, &RelayOptions::new())
            }
            Arm::Tokio => runtime().block_on(async {
                let listener = adieu::tokio::Listener::bind(&place, &options).await.expect("loopback");
                tell.send(listener.local_endpoint().to_string()).expect("somebody waits");
                let a = listener.accept().await.expect("a client");
                let b = listener.accept().await.expect("a client");
                adieu::tokio::relay(a, b, &RelayOptions::new()).await
            }),
        }
    });
    let address = told.recv().expect("it is bound");
    // They are accepted in this order.
    ([(), ()].map(|()| patient(TcpStream::connect(&address).expect("it listens"))), relaying)
}

fn shake_hands(stream: TcpStream) -> Result<Connection, Box<Report>> {
    let options = Kind::Tls.connect(ConnectOptions::new());
    Connection::from_socket(stream, &options).expect("a connected stream").handshake()
}

#[test]
fn both_handshakes_are_made_at_the_same_time() {
    on_both(|setup| {
        for first_is_late in [true, false] {
            let ([a, b], relaying) = two_clients(setup.arm, Limits::new());
            let (late, early) = if first_is_late { (a, b) } else { (b, a) };
            // Its handshake is done, and bytes of its are there, while the other's has not begun.
            let mut early = shake_hands(early).expect("the relay answers");
            early.write_all(b"early").expect("taken");
            let mut late = shake_hands(late).expect("the relay answers");
            let mut got = [0; 5];
            late.read_exact(&mut got).expect("passed on");
            assert_eq!(&got, b"early", "{setup:?}");
            let late = thread::spawn(|| late.shutdown_send().expect("connected").drain());
            let report = early.shutdown_send().expect("connected").drain();
            assert!(report.is_graceful() && late.join().expect("no panic").is_graceful(), "{report}");
            assert!(relaying.join().expect("no panic").is_graceful());
        }
    });
}

#[test]
fn a_handshake_that_fails_resets_the_other_side() {
    on_both(|setup| {
        for first_fails in [true, false] {
            for is_silent in [true, false] {
                let limits = Limits::new();
                let limits =
                    if is_silent { limits.connect_timeout(Duration::from_millis(400)) } else { limits };
                let ([a, b], relaying) = two_clients(setup.arm, limits);
                let (failing, other) = if first_fails { (a, b) } else { (b, a) };
                let other = shake_hands(other);
                if !is_silent {
                    (&failing).write_all(b"GET / HTTP/1.1\r\n\r\n").expect("taken");
                }
                match other {
                    Ok(mut other) => {
                        let end = other.read(&mut [0]).map_err(|error| error.kind());
                        assert_eq!(end, Err(ErrorKind::ConnectionReset), "{setup:?}");
                    }
                    // The time of the silent one is over already, on a machine that is busy.
                    Err(report) => assert!(is_silent, "{report}"),
                }
                let relayed = relaying.join().expect("no panic");
                drop(failing);
                let (failed, reset) =
                    if first_fails { (relayed.a, relayed.b) } else { (relayed.b, relayed.a) };
                let expected =
                    if is_silent { Ending::TimedOut { timer: Timer::Connect } } else { Ending::NoConnection };
                assert_eq!(failed.ending(), expected, "{setup:?}: {failed}");
                assert!(is_passed_on(&reset), "{setup:?}: {reset}");
            }
        }
    });
}
