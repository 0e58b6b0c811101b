//! TLS on both drivers and on both sides: the closing matrix, the procedure, and handshakes that fail.

#[cfg(target_os = "linux")]
mod closed_peers;
mod finish;
mod handed_over;
mod handshakes;
mod pem;
mod refused_clients;
mod served;
mod unfinished;

use crate::arms::{bounded, on_both, runtime};
use adieu::exchange::{Input, Output};
use adieu::tls::{Client, Eof, Server};
use adieu::{ConnectOptions, Endpoint, Limits, ListenOptions, Listener, Report};
use adieu_testkit::tls::authority::Authority;
use adieu_testkit::tls::matrix::{self, Over, Ran, Scenario};
use adieu_testkit::tls::peer::{Address, Peer, Script, Setup, Step};
use std::io::{self, Read, Seek, Write};
use std::net::SocketAddr;
use std::time::Duration;

fn eof(scenario: &Scenario) -> Eof {
    match scenario.eof {
        "framed" => Eof::Framed,
        "ignore" => Eof::Ignore,
        _ => Eof::Require,
    }
}

fn client() -> Client {
    Client::new().ca_file(Authority::shared().file())
}

fn options(client: Client) -> ConnectOptions {
    ConnectOptions::new().tls(client.build().expect("a file of the test kit"))
}

fn ran(report: &Report, output: Vec<u8>) -> Ran {
    Ran { report: serde_json::to_value(report).expect("plain data"), output }
}

/// An output, and what has gone there once it is closed.
fn scratch() -> (Output, std::fs::File) {
    let file = tempfile::tempfile().expect("a file can be made");
    let ours = file.try_clone().expect("a descriptor");
    (Output::try_from(file).expect("writable"), ours)
}

fn contents(mut file: std::fs::File) -> Vec<u8> {
    let mut bytes = Vec::new();
    file.rewind().and_then(|()| file.read_to_end(&mut bytes)).expect("readable");
    bytes
}

/// Over TCP and over a Unix socket at once: most of the time some row waits for what its peer does not do.
#[cfg(not(windows))]
fn holds(failures: fn(Over) -> Vec<String>) {
    let found: Vec<String> = std::thread::scope(|scope| {
        let both = [Over::Tcp, Over::Unix].map(|over| scope.spawn(move || failures(over)));
        both.into_iter().flat_map(|arm| arm.join().expect("a row that fails is told")).collect()
    });
    assert!(found.is_empty(), "{} rows failed:\n{}", found.len(), found.join("\n"));
}

fn endpoint(place: &Address) -> Endpoint {
    place.to_string().parse().expect("an endpoint")
}

/// A Unix socket has no name of its own.
fn to_localhost(scenario: &Scenario) -> ConnectOptions {
    options(client().eof(eof(scenario)).server_name("localhost"))
}

fn failures_of_blocking(over: Over) -> Vec<String> {
    matrix::failures_of_connecting(over, |scenario, place| {
        let (output, file) = scratch();
        let report = match adieu::connect(&endpoint(place), &to_localhost(scenario)) {
            Ok(connection) => adieu::exchange(connection, Input::from_bytes(matrix::input(scenario)), output),
            Err(error) => error.report().clone(),
        };
        Ok(ran(&report, contents(file)))
    })
}

fn failures_of_tokio(over: Over) -> Vec<String> {
    matrix::failures_of_connecting(over, |scenario, place| {
        let (report, output) = runtime().block_on(async {
            let input = io::Cursor::new(matrix::input(scenario));
            let mut output = io::Cursor::new(Vec::new());
            let report = match adieu::tokio::connect(&endpoint(place), &to_localhost(scenario)).await {
                Ok(connection) => adieu::tokio::exchange(connection, input, &mut output).await,
                Err(error) => error.report().clone(),
            };
            (report, output.into_inner())
        });
        Ok(ran(&report, output))
    })
}

fn server(scenario: &Scenario) -> ListenOptions {
    let (certificate, key) = &Authority::loopback().files;
    let tls = Server::from_files(certificate, key).eof(eof(scenario)).build();
    ListenOptions::new().tls(tls.expect("files of the test kit"))
}

fn failures_of_a_listener(over: Over) -> Vec<String> {
    matrix::failures_of_listening(over, |scenario, place| {
        let listener = Listener::bind(&endpoint(place), &server(scenario)).map_err(io::Error::other)?;
        let found = found(place, &listener.local_endpoint().to_string());
        let wait = move || {
            let connection = listener.accept().map_err(io::Error::other)?;
            let (output, file) = scratch();
            let input = Input::from_bytes(matrix::input(scenario));
            let report = adieu::exchange(connection, input, output);
            Ok(ran(&report, contents(file)))
        };
        Ok((move || Some(found.clone()), wait))
    })
}

fn failures_of_a_listener_on_tokio(over: Over) -> Vec<String> {
    matrix::failures_of_listening(over, |scenario, place| {
        let runtime = runtime();
        let bound = runtime
            .block_on(async { adieu::tokio::Listener::bind(&endpoint(place), &server(scenario)).await });
        let listener = bound.map_err(io::Error::other)?;
        let found = found(place, &listener.local_endpoint().to_string());
        let wait = move || {
            runtime.block_on(async {
                let connection = listener.accept().await.map_err(io::Error::other)?;
                let mut output = io::Cursor::new(Vec::new());
                let input = io::Cursor::new(matrix::input(scenario));
                let report = adieu::tokio::exchange(connection, input, &mut output).await;
                Ok(ran(&report, output.into_inner()))
            })
        };
        Ok((move || Some(found.clone()), wait))
    })
}

/// Where a listener is that was asked to be at a place.
fn found(asked: &Address, endpoint: &str) -> Address {
    match asked {
        Address::Tcp(_) => Address::Tcp(endpoint.parse().expect("an address")),
        Address::Unix(path) => {
            assert_eq!(endpoint, format!("unix:{}", path.display()));
            asked.clone()
        }
    }
}

// Wine tells no reset, and not always whose FIN came first: adieu_testkit::scenario::platforms.
#[cfg(not(windows))]
#[test]
fn the_closing_matrix_of_tls_holds_for_the_blocking_driver() {
    holds(failures_of_blocking);
}

#[cfg(not(windows))]
#[test]
fn the_closing_matrix_of_tls_holds_for_the_tokio_driver() {
    holds(failures_of_tokio);
}

#[cfg(not(windows))]
#[test]
fn the_closing_matrix_of_tls_holds_for_a_listener() {
    holds(failures_of_a_listener);
}

#[cfg(not(windows))]
#[test]
fn the_closing_matrix_of_tls_holds_for_a_listener_on_tokio() {
    holds(failures_of_a_listener_on_tokio);
}

#[cfg(unix)]
#[test]
fn a_unix_socket_has_no_name_for_the_check_and_a_pin_needs_none() {
    on_both(|arm| {
        let directory = tempfile::tempdir().expect("a directory can be made");
        let place = Address::Unix(directory.path().join("socket"));
        let script: &Script = &[Step::Handshake, Step::ReceiveToEnd, Step::CloseNotify, Step::Fin];
        let peer = Peer::listen_at(&place, Setup::PLAIN, script).expect("a new path");
        let endpoint = endpoint(&place);
        let error = arm.connect(&endpoint, &options(client())).err().expect("whose certificate is it?");
        assert!(
            error.to_string().contains("give the name with the server name")
                && error.report().tls_version.map(adieu::tls::Version::name).is_none(),
            "{error}"
        );
        // It was not connected to: the peer still waits for its one client.
        let pin = Authority::loopback().fingerprint().parse().expect("as it is told");
        let open = arm.connect(&endpoint, &options(Client::new().pin(pin)));
        let report = open.expect("it is the right one").shutdown_send().expect("connected").drain();
        assert_eq!(
            (
                report.ending().name(),
                report.transport.map(adieu::Transport::name),
                report.tls_trust.map(adieu::tls::Trust::name)
            ),
            ("graceful", Some("unix"), Some("pinned"))
        );
        assert!(peer.finish().close_notify);
    });
}

fn address_of(endpoint: &Endpoint) -> SocketAddr {
    let text = endpoint.to_string();
    text.trim_start_matches("tls://").parse().expect("a listener's endpoint is an address")
}

// ---- the procedure, by its types ----

#[test]
fn the_procedure_of_the_page_ends_graceful_over_tls() {
    on_both(|arm| {
        let script: &Script =
            &[Step::Handshake, Step::ReceiveToEnd, Step::Send(20_000), Step::CloseNotify, Step::Fin];
        let peer = Peer::listen(Setup::PLAIN, script).expect("loopback");
        let mut open = arm.connect(&Endpoint::from(peer.address()), &options(client())).expect("it listens");
        let mut request = adieu_testkit::pattern::Pattern::of_program().reader(300_000);
        io::copy(&mut request, &mut open).expect("the peer takes it");
        let mut half = open.shutdown_send().expect("connected");
        let mut answer = Vec::new();
        half.read_to_end(&mut answer).expect("the peer answers");
        assert_eq!(half.read(&mut [0; 8]).expect("the end stays the end"), 0);
        let report = half.close();
        assert_eq!(answer.len(), 20_000);
        assert!(report.is_graceful(), "{report}");
        assert_eq!((report.bytes_accepted, report.bytes_acknowledged), (300_000, Some(300_000)));
        assert_eq!(report.tls_version.map(adieu::tls::Version::name), Some("TLSv1.3"));
        assert_eq!(
            (report.transport.map(adieu::Transport::name), report.tls_trust.map(adieu::tls::Trust::name)),
            (Some("tcp"), Some("ca_file"))
        );
        assert_eq!(report.tls_peer_subject.as_deref(), Some("CN=peer.test"));
        assert_eq!(report.tls_peer_not_after.as_deref(), Some("2100-01-01T00:00:00Z"));
        assert_eq!(report.tls_peer_sha256, Some(Authority::loopback().fingerprint()));
        let log = peer.finish();
        assert_eq!((log.received, log.close_notify, log.first_wrong), (300_000, true, None));
    });
}

#[test]
fn a_cut_stream_is_an_error_to_whoever_reads_it() {
    on_both(|arm| {
        let script: &Script = &[Step::Handshake, Step::Send(20_000), Step::Fin];
        for (eof, end) in [(Eof::Require, Err(io::ErrorKind::UnexpectedEof)), (Eof::Ignore, Ok(20_000))] {
            let peer = Peer::listen(Setup::PLAIN, script).expect("loopback");
            let endpoint = Endpoint::from(peer.address());
            let mut open = arm.connect(&endpoint, &options(client().eof(eof))).expect("it listens");
            let mut answer = Vec::new();
            let read = open.read_to_end(&mut answer).map_err(|error| error.kind());
            assert_eq!((answer.len(), read), (20_000, end), "{eof:?}");
            let again = open.read(&mut [0]).map_err(|error| error.kind());
            assert_eq!(again, end.map(|_| 0), "{eof:?}: an end stays what it is");
            open.abort();
        }
    });
}

#[test]
fn what_is_read_in_small_pieces_is_whole() {
    on_both(|arm| {
        let script: &Script = &[Step::Handshake, Step::Send(50_000), Step::CloseNotify, Step::ReceiveToEnd];
        let peer = Peer::listen(Setup::PLAIN, script).expect("loopback");
        let mut open = arm.connect(&Endpoint::from(peer.address()), &options(client())).expect("it listens");
        let mut got = Vec::new();
        let mut piece = [0; 777];
        loop {
            match open.read(&mut piece).expect("the peer sends") {
                0 => break,
                n => got.extend_from_slice(&piece[..n]),
            }
            // Sealing in between must not lose what stands opened.
            open.write_all(b"x").expect("the peer takes it");
        }
        let pattern = adieu_testkit::pattern::Pattern::of_peer();
        assert_eq!((got.len(), pattern.first_difference(0, &got)), (50_000, None));
        let report = open.shutdown_send().expect("connected").close();
        assert!(report.is_graceful(), "{report}");
        assert_eq!(report.ended_first.map(adieu::Side::name), Some("peer"));
    });
}

#[test]
fn a_connection_that_is_dropped_sends_no_close_notify() {
    on_both(|arm| {
        let script: &Script = &[Step::Handshake, Step::Receive(3), Step::Send(1), Step::ReceiveToEnd];
        let peer = Peer::listen(Setup::PLAIN, script).expect("loopback");
        let mut open = arm.connect(&Endpoint::from(peer.address()), &options(client())).expect("it listens");
        io::copy(&mut adieu_testkit::pattern::Pattern::of_program().reader(3), &mut open).expect("taken");
        open.read_exact(&mut [0]).expect("it has got that far");
        drop(open);
        let log = peer.finish();
        assert!(!log.close_notify && log.reset, "{log:?}");
    });
}

#[test]
fn a_slow_handshake_holds_up_nobody_else() {
    bounded("the listener", || {
        let tls = Server::self_signed().build().expect("a key");
        let pin = tls.fingerprint().expect("it was made here");
        let limits = Limits::new().connect_timeout(Duration::from_millis(200));
        let options = ListenOptions::new().limits(limits).tls(tls);
        let listener = Listener::bind(&Endpoint::tls("127.0.0.1", 0), &options).expect("loopback");
        let endpoint = listener.local_endpoint().clone();
        assert!(endpoint.to_string().starts_with("tls://127.0.0.1:"));
        let _silent = std::net::TcpStream::connect(address_of(&endpoint)).expect("it listens");
        let good = std::thread::spawn(move || {
            let options = ConnectOptions::new().tls(Client::new().pin(pin).build().expect("nothing to read"));
            let connection = adieu::connect(&endpoint, &options).map_err(|e| e.to_string())?;
            connection.shutdown_send().map(adieu::HalfClosed::drain).map_err(|e| e.to_string())
        });
        let first = listener.accept().expect("the silent one");
        let second = listener.accept().expect("the good one, although the first has not said a word");
        // Its end comes after the client's. Of ends that cross, Windows cannot always tell what was acknowledged.
        let second = adieu::exchange::echo(second);
        assert!(second.is_graceful(), "{second}");
        let report = good.join().expect("no panic").expect("a connection");
        assert_eq!(
            (report.ending().name(), report.tls_trust.map(adieu::tls::Trust::name)),
            ("graceful", Some("pinned")),
            "{report}"
        );
        let report = first.handshake().expect_err("the silent one says nothing");
        assert_eq!(
            (
                report.ending().name(),
                report.timer().map(adieu::Timer::name),
                report.role.map(adieu::Role::name)
            ),
            ("timed_out", Some("connect"), Some("listen"))
        );
        assert!(report.to_string().contains("handshake was not finished in time"), "{report}");
    });
}

#[cfg(target_os = "linux")]
mod linux_tests {
    use super::*;
    use crate::arms::Arm;

    #[test]
    fn tls_is_spoken_over_an_abstract_name() {
        for arm in [Arm::Blocking, Arm::Tokio] {
            let tls = Server::self_signed().build().expect("a key");
            let pin = tls.fingerprint().expect("it was made here");
            let name = format!("adieu-tls-{arm:?}-{}", std::process::id());
            let endpoint = Endpoint::unix_abstract(name);
            let listener = Listener::bind(&endpoint, &ListenOptions::new().tls(tls)).expect("a new name");
            let serving =
                std::thread::spawn(move || adieu::exchange::echo(listener.accept().expect("a client")));
            let mut open = arm.connect(&endpoint, &options(Client::new().pin(pin))).expect("it listens");
            open.write_all(b"no file").expect("taken");
            let mut half = open.shutdown_send().expect("connected");
            let mut answer = Vec::new();
            half.read_to_end(&mut answer).expect("it is sent back");
            assert_eq!((half.close().ending().name(), &answer[..]), ("graceful", &b"no file"[..]));
            let report = serving.join().expect("no panic");
            assert!(report.is_graceful() && report.tls_close_notify_received == Some(true), "{report}");
        }
    }
}
