//! Octets before a stream: what is looked at, and skipped, on the side that accepts; what is sent first by the side that connects.

use crate::arms::{bounded, runtime};
use crate::over::over_each;
use adieu::tls::{Client, Server};
use adieu::{
    ConnectOptions, DataPath, DirectionEnd, Ending, Endpoint, Interrupt, Limits, ListenOptions, Listener,
    LookAhead, LookAheadError, OptionError, Proxy, RelayOptions, Signal, Timer,
};
use adieu_testkit::pattern::Pattern;
use adieu_testkit::places;
use socket2::SockRef;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::thread;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const LIMIT: Duration = Duration::from_secs(15);

const HEADER: &[u8] = b"a line that stands before\n";

/// A line is taken away, and given.
fn line(octets: &[u8]) -> LookAhead<Vec<u8>> {
    match octets.iter().position(|octet| *octet == b'\n') {
        Some(end) => LookAhead::Found { skip: end + 1, value: octets[..=end].to_vec() },
        None => LookAhead::More,
    }
}

fn long(of: &Pattern) -> Vec<u8> {
    let mut bytes = Vec::new();
    of.reader(1_000_000).read_to_end(&mut bytes).expect("it is readable");
    bytes
}

/// A client of the kernel's, and what was accepted of it with these options.
fn accepted(options: &ListenOptions) -> (TcpStream, adieu::Connection) {
    let listener = Listener::bind(&Endpoint::tcp("127.0.0.1", 0), options).expect("a port");
    let at = listener.local_endpoint().to_string();
    let client = TcpStream::connect(at).expect("it listens");
    (client, listener.accept().expect("a client"))
}

#[test]
fn what_is_sent_first_is_skipped_and_counted_by_nobody() {
    over_each(|over| {
        for path in [DataPath::Auto, DataPath::Direct, DataPath::Portable] {
            let options = ConnectOptions::new().preface(HEADER).data_path(path);
            let (client, mut server) = over.pair_after(options, |server| {
                assert_eq!(server.look_ahead(LIMIT, line).expect("a line"), HEADER);
                assert_eq!(server.counts().received, 0);
            });
            let (up, down) = (long(&Pattern::of_program()), long(&Pattern::of_peer()));
            let sent = up.clone();
            let sending = thread::spawn(move || adieu::request(client, sent));
            let mut received = Vec::new();
            server.read_to_end(&mut received).expect("the whole stream");
            assert!(received == up, "{over:?} {path:?}: {} of {} bytes", received.len(), up.len());
            server.write_all(&down).expect("it is taken");
            let report = server.shutdown_send().expect("a FIN").close();
            assert!(report.is_graceful(), "{report}");
            assert_eq!(report.bytes_received, up.len() as u64);
            let (answer, report) = sending.join().expect("no panic");
            assert!(report.is_graceful() && answer == down, "{over:?} {path:?}: {report}");
            assert_eq!(report.bytes_accepted, up.len() as u64);
            assert!(report.bytes_acknowledged.is_none_or(|bytes| bytes == up.len() as u64), "{report}");
        }
    });
}

/// The stream's first bytes come together with what is skipped, and are held by us while the rest is in the kernel.
#[test]
fn what_follows_at_once_is_received_by_every_way_in_its_order() {
    bounded("ways", || {
        for path in [DataPath::Auto, DataPath::Direct, DataPath::Portable] {
            let (mut client, mut server) = accepted(&ListenOptions::new().data_path(path));
            let bytes = long(&Pattern::of_program());
            let mut all = HEADER.to_vec();
            all.extend(&bytes);
            let sending = thread::spawn(move || {
                client.write_all(&all).expect("it is taken");
                client.shutdown(Shutdown::Write).expect("a half-close");
                client.read(&mut [0]).expect("an end")
            });
            server.look_ahead(LIMIT, line).expect("a line");
            let (received, report) = adieu::request(server, "");
            assert!(report.is_graceful() && received == bytes, "{path:?}: {report}");
            assert_eq!(sending.join().expect("no panic"), 0);
        }
    });
}

#[test]
fn it_is_looked_at_in_pieces_and_twice_and_nothing_need_be_taken() {
    bounded("pieces", || {
        let (mut client, mut server) = accepted(&ListenOptions::new());
        client.set_nodelay(true).expect("an option");
        let writing = thread::spawn(move || {
            for octet in *b"first\nsecond\nstream" {
                client.write_all(&[octet]).expect("it is taken");
            }
            client.shutdown(Shutdown::Write).expect("a half-close");
            client
        });
        assert_eq!(server.look_ahead(LIMIT, line).expect("a line"), b"first\n");
        let mut looks = Vec::new();
        let found = server.look_ahead(LIMIT, |octets| {
            looks.push(octets.len());
            if octets.len() < 13 {
                LookAhead::More
            } else {
                LookAhead::Found { skip: 0, value: octets.to_vec() }
            }
        });
        assert!(found.expect("13 octets").starts_with(b"second\nstream"));
        // It is given all of it each time, and never the same twice.
        assert!(looks.is_sorted_by(|a, b| a < b), "{looks:?}");
        let mut stream = Vec::new();
        server.read_to_end(&mut stream).expect("the stream");
        assert_eq!(stream, b"second\nstream");
        let late = server.look_ahead(LIMIT, line);
        assert!(matches!(late, Err(LookAheadError::HasBegun)), "{late:?}");
        drop(writing.join().expect("no panic"));
    });
}

#[test]
fn what_does_not_come_is_told_and_what_came_is_kept() {
    bounded("nothing", || {
        let (mut client, mut server) = accepted(&ListenOptions::new());
        client.write_all(b"half a line").expect("it is taken");
        let late = server.look_ahead(Duration::from_millis(20), line);
        assert!(matches!(late, Err(LookAheadError::TimedOut)), "{late:?}");
        client.shutdown(Shutdown::Write).expect("a half-close");
        let ended = server.look_ahead(LIMIT, line);
        assert!(matches!(ended, Err(LookAheadError::Eof)), "{ended:?}");
        let mut stream = String::new();
        server.read_to_string(&mut stream).expect("the stream");
        assert_eq!(stream, "half a line");
        assert!(server.shutdown_send().expect("a FIN").close().is_graceful());

        let (mut client, mut server) = accepted(&ListenOptions::new());
        let sending = thread::spawn(move || client.write_all(&vec![b'x'; 200 * 1024]).map(|()| client));
        let endless = server.look_ahead(LIMIT, line);
        assert!(matches!(endless, Err(LookAheadError::TooLong)), "{endless:?}");
        let mut all = vec![0; 200 * 1024];
        server.read_exact(&mut all).expect("all of it");
        drop(sending.join().expect("no panic"));
    });
}

#[test]
fn a_reset_a_deadline_and_an_interrupt_end_the_look_and_the_connection() {
    bounded("ends", || {
        let secure = ListenOptions::new().tls(Server::self_signed().build().expect("a key"));
        for options in [ListenOptions::new(), secure] {
            let (client, mut server) = accepted(&options);
            SockRef::from(&client).set_linger(Some(Duration::ZERO)).expect("an option");
            drop(client);
            let reset = server.look_ahead(LIMIT, line);
            // Wine shows an EOF for a reset that came before the first receive.
            if !adieu_testkit::scenario::is_wine() {
                assert!(matches!(reset, Err(LookAheadError::Ended(_))), "{reset:?}");
                let ending = server.abort().ending();
                assert!(matches!(ending, Ending::Reset { .. } | Ending::NoConnection), "{ending:?}");
            }

            let limits = Limits::new().deadline(Duration::from_millis(30));
            let (_client, mut server) = accepted(&options.clone().limits(limits));
            let late = server.look_ahead(LIMIT, line);
            assert!(matches!(late, Err(LookAheadError::Ended(_))), "{late:?}");
            let ending = server.abort().ending();
            assert_eq!(ending, Ending::TimedOut { timer: Timer::Deadline });

            let interrupt = Interrupt::new().expect("a descriptor");
            let (_client, mut server) = accepted(&options.clone().interrupt(&interrupt));
            interrupt.raise(Signal::Terminate);
            let interrupted = server.look_ahead(LIMIT, line);
            assert!(matches!(interrupted, Err(LookAheadError::Ended(_))), "{interrupted:?}");
            assert!(matches!(server.abort().ending(), Ending::Interrupted { .. }));
        }
    });
}

#[test]
fn on_tokio_a_cut_is_noticed_by_who_receives_nothing_and_an_end_is_none() {
    bounded("notices a cut", || {
        runtime().block_on(async {
            let listen = async |options: &ListenOptions| {
                let endpoint = Endpoint::tcp("127.0.0.1", 0);
                let listener = adieu::tokio::Listener::bind(&endpoint, options).await.expect("a port");
                let client = TcpStream::connect(listener.local_endpoint().to_string()).expect("it listens");
                (client, listener.accept().await.expect("it connects"))
            };
            let soon = Duration::from_millis(50);
            let (mut client, mut server) = listen(&ListenOptions::new()).await;
            client.write_all(b"word").expect("it is taken");
            client.shutdown(Shutdown::Write).expect("it is connected");
            let waited = tokio::time::timeout(soon, server.wait_for_cut()).await;
            assert!(waited.is_err(), "an end is no cut");
            // Wine tells of no reset after an end.
            if !adieu_testkit::scenario::is_wine() {
                SockRef::from(&client).set_linger(Some(Duration::ZERO)).expect("an option");
                drop(client);
                server.wait_for_cut().await;
                // Known already.
                server.wait_for_cut().await;
                assert_eq!(server.abort().ending(), Ending::Reset { by: adieu::Side::Peer });
            }

            // Waiting harms neither direction.
            let (mut client, mut server) = listen(&ListenOptions::new()).await;
            assert!(tokio::time::timeout(soon, server.wait_for_cut()).await.is_err());
            let sent = vec![7; 4_000_000];
            let reading = thread::spawn(move || {
                let mut all = Vec::new();
                client.read_to_end(&mut all).map(|_| all.len())
            });
            server.write_all(&sent).await.expect("it is taken");
            let report = server.shutdown_send().await.expect("it is open").drain().await;
            assert!(report.is_graceful(), "{report}");
            assert_eq!(reading.join().expect("no panic").expect("an end"), sent.len());

            let limits = Limits::new().deadline(soon);
            let (_client, mut server) = listen(&ListenOptions::new().limits(limits)).await;
            server.wait_for_cut().await;
            assert_eq!(server.abort().ending(), Ending::TimedOut { timer: Timer::Deadline });

            let interrupt = Interrupt::new().expect("a descriptor");
            let (_client, mut server) = listen(&ListenOptions::new().interrupt(&interrupt)).await;
            interrupt.raise(Signal::Terminate);
            server.wait_for_cut().await;
            assert!(matches!(server.abort().ending(), Ending::Interrupted { .. }));
        });
    });
}

#[test]
fn on_tokio_a_relay_passes_on_what_was_only_looked_at() {
    bounded("relay", || {
        let bytes = long(&Pattern::of_program());
        let upstream = places::listener();
        let to = Endpoint::from(upstream.local_addr().expect("an address"));
        let receiving = thread::spawn(move || {
            let (mut server, _) = upstream.accept().expect("a client");
            let mut received = Vec::new();
            server.read_to_end(&mut received).expect("a whole stream");
            received
        });
        let (at, relaying) = {
            let (tell, told) = std::sync::mpsc::channel();
            let relaying = thread::spawn(move || {
                runtime().block_on(async move {
                    let here = Endpoint::tcp("127.0.0.1", 0);
                    let listener =
                        adieu::tokio::Listener::bind(&here, &ListenOptions::new()).await.expect("a port");
                    tell.send(listener.local_endpoint().to_string()).expect("it is waited for");
                    let mut client = listener.accept().await.expect("a client");
                    client.look_ahead(LIMIT, line).await.expect("a line");
                    let first = client
                        .look_ahead(LIMIT, |octets| LookAhead::Found { skip: 0, value: octets[0] })
                        .await;
                    let options = ConnectOptions::new().preface(HEADER);
                    let server = adieu::tokio::connect(&to, &options).await.expect("it listens");
                    (
                        first.expect("an octet"),
                        adieu::tokio::relay(client, server, &RelayOptions::new()).await,
                    )
                })
            });
            (told.recv().expect("it listens"), relaying)
        };
        let mut client = TcpStream::connect(at).expect("it listens");
        client.write_all(&[HEADER, &bytes].concat()).expect("it is taken");
        client.shutdown(Shutdown::Write).expect("a half-close");
        assert_eq!(client.read(&mut [0]).expect("an end"), 0);
        let (first, report) = relaying.join().expect("no panic");
        assert_eq!(first, bytes[0]);
        assert!(report.is_graceful(), "{report}");
        let direction = report.a_to_b;
        assert_eq!((direction.bytes_received, direction.bytes_accepted), (1_000_000, 1_000_000));
        assert_eq!(direction.end, DirectionEnd::Whole);
        assert_eq!(receiving.join().expect("no panic"), [HEADER, &bytes].concat());
    });
}

#[test]
fn on_tokio_tls_begins_after_what_was_skipped() {
    bounded("tls", || {
        runtime().block_on(async {
            let tls = Server::self_signed().build().expect("a key");
            let trust = Client::new().pin(tls.fingerprint().expect("a certificate")).build().expect("a pin");
            let here = Endpoint::tls("127.0.0.1", 0);
            let options = ListenOptions::new().tls(tls);
            let listener = adieu::tokio::Listener::bind(&here, &options).await.expect("a port");
            let there = listener.local_endpoint().clone();
            let client = tokio::spawn(async move {
                let options = ConnectOptions::new().tls(trust).preface(HEADER);
                let client = adieu::tokio::connect(&there, &options).await.expect("it listens");
                adieu::tokio::request(client, "question").await
            });
            let mut server = listener.accept().await.expect("a client");
            let late = server.look_ahead(Duration::ZERO, |_| LookAhead::<()>::More).await;
            assert!(matches!(late, Err(LookAheadError::TimedOut)), "{late:?}");
            assert_eq!(server.look_ahead(LIMIT, line).await.expect("a line"), HEADER);
            // A ClientHello.
            let first =
                server.look_ahead(LIMIT, |octets| LookAhead::Found { skip: 0, value: octets[0] }).await;
            assert_eq!(first.expect("an octet"), 0x16);
            let mut question = String::new();
            server.read_to_string(&mut question).await.expect("a whole stream");
            assert_eq!(question, "question");
            server.write_all(b"answer").await.expect("it is taken");
            let report = server.shutdown_send().await.expect("a FIN").close().await;
            assert!(report.is_graceful(), "{report}");
            let (answer, report) = client.await.expect("no panic");
            assert!(report.is_graceful() && answer == b"answer", "{report}");
        });
    });
}

#[test]
fn octets_before_the_stream_are_not_for_a_proxy_nor_for_a_connection_that_is_there() {
    let proxy: Proxy = "socks5://127.0.0.1:1".parse().expect("a proxy");
    let options = ConnectOptions::new().preface(HEADER);
    let through = options.clone().proxy(proxy).check(&Endpoint::tcp("127.0.0.1", 1));
    assert_eq!(through, Err(OptionError::ThroughProxy { option: "preface" }));
    let (client, _server) = accepted(&ListenOptions::new());
    let error = adieu::Connection::from_socket(client, &options).expect_err("it is connected already");
    assert!(error.to_string().contains("preface"), "{error}");
}
