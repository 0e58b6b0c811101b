//! TLS to a peer behind a proxy, on both drivers: the endings are the peer's, and so are the certificate and its faults.

use crate::arms::{Arm, BOUND, on_both};
use adieu::tls::{Client, Failure};
use adieu::{ConnectCause, ConnectOptions, Endpoint, Proxy, Report};
use adieu_testkit::places;
use adieu_testkit::tls::authority::{Authority, Identity};
use adieu_testkit::tls::peer::{Log, Peer, Script, Setup, Step};
use socket2::SockRef;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::OnceLock;
use std::thread;
use std::time::Duration;

/// The peer's name, which only its certificate knows.
const NAME: &str = "behind.test";

/// A proxy's protocol: how much it receives, and what it then says.
type Codec = &'static [(Until, &'static [u8])];

#[derive(Clone, Copy)]
enum Until {
    Bytes(usize),
    EmptyLine,
}

const KINDS: [(&str, Codec); 3] = [
    (
        "socks5h",
        &[
            (Until::Bytes(3), b"\x05\x00"),
            (Until::Bytes(4 + 1 + NAME.len() + 2), b"\x05\x00\x00\x01\x7f\x00\x00\x01\x00\x50"),
        ],
    ),
    ("socks4a", &[(Until::Bytes(9 + NAME.len() + 1), b"\x00\x5a\x00\x00\x00\x00\x00\x00")]),
    ("http", &[(Until::EmptyLine, b"HTTP/1.1 200 OK\r\n\r\n")]),
];

/// A proxy for one client that leads to this address, whatever it is asked for, and passes on every end as it was.
fn proxy(codec: Codec, to: SocketAddr) -> u16 {
    let listener = places::listener();
    let port = listener.local_addr().expect("bound").port();
    thread::spawn(move || {
        let (mut client, _) = listener.accept().expect("a client");
        client.set_read_timeout(Some(BOUND)).expect("not zero");
        for (until, answer) in codec {
            let mut asked = Vec::new();
            let whole = |asked: &Vec<u8>| match until {
                Until::Bytes(n) => asked.len() == *n,
                Until::EmptyLine => asked.ends_with(b"\r\n\r\n"),
            };
            while !whole(&asked) {
                let mut byte = [0];
                client.read_exact(&mut byte).expect("the client asks");
                asked.extend(byte);
            }
            client.write_all(answer).expect("the client receives");
        }
        let peer = TcpStream::connect(to).expect("the peer listens");
        let (from_client, to_client) = (client.try_clone().expect("a descriptor"), client);
        let (from_peer, to_peer) = (peer.try_clone().expect("a descriptor"), peer);
        let up = thread::spawn(move || pass_on(from_client, &to_peer));
        pass_on(from_peer, &to_client);
        up.join().expect("it does not panic");
    });
    port
}

fn pass_on(mut from: TcpStream, mut to: &TcpStream) {
    // Whoever fails to take it is gone.
    match io::copy(&mut from, &mut to) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {
            SockRef::from(to).set_linger(Some(Duration::ZERO)).expect("a socket");
            // No FIN: it is reset when it is closed, which the other direction is not to hold up.
            let _ = to.shutdown(Shutdown::Read);
        }
        _ => drop(to.shutdown(Shutdown::Write)),
    }
}

fn behind() -> &'static Identity {
    static BEHIND: OnceLock<Identity> = OnceLock::new();
    BEHIND.get_or_init(|| Authority::shared().issue(&[NAME]).expect("a key"))
}

fn options(scheme: &str, port: u16, client: Client) -> ConnectOptions {
    let proxy: Proxy = format!("{scheme}://127.0.0.1:{port}").parse().expect("a proxy");
    ConnectOptions::new().proxy(proxy).tls(client.build().expect("a file of the test kit"))
}

fn trusting() -> Client {
    Client::new().ca_file(Authority::shared().file())
}

/// An exchange of fourteen bytes for some, through each kind of proxy: what came, and the report.
fn exchange(arm: Arm, script: &'static Script, check: impl Fn(&str, Vec<u8>, Report, Log)) {
    for (scheme, codec) in KINDS {
        let setup = Setup { identity: Some(behind()), ..Setup::PLAIN };
        let peer = Peer::listen(setup, script).expect("loopback");
        let port = proxy(codec, peer.address());
        let endpoint = Endpoint::tls(NAME, 443);
        let mut open =
            arm.connect(&endpoint, &options(scheme, port, trusting())).expect("it is the right peer");
        let mut request = adieu_testkit::pattern::Pattern::of_program().reader(14);
        io::copy(&mut request, &mut open).expect("the peer takes it");
        let mut half = open.shutdown_send().expect("connected");
        let mut answer = Vec::new();
        // How it ends is the report's.
        let _ = half.read_to_end(&mut answer);
        check(scheme, answer, half.close(), peer.finish());
    }
}

#[test]
fn both_half_closes_come_through_and_the_end_is_graceful() {
    on_both(|arm| {
        let script: &Script =
            &[Step::Handshake, Step::ReceiveToEnd, Step::Send(20_000), Step::CloseNotify, Step::Fin];
        exchange(arm, script, |scheme, answer, report, log| {
            assert_eq!((answer.len(), report.ending().name()), (20_000, "graceful"), "{scheme}: {report}");
            assert_eq!(report.tls_peer_sha256, Some(behind().fingerprint()));
            assert_eq!(report.endpoint, format!("tls://{NAME}:443"));
            assert!(report.proxy.as_ref().is_some_and(|proxy| proxy.to_string().starts_with(scheme)));
            assert_eq!((log.received, log.close_notify, log.first_wrong), (14, true, None), "{scheme}");
        });
    });
}

#[test]
fn a_fin_without_close_notify_is_a_truncation_through_a_proxy_too() {
    on_both(|arm| {
        let script: &Script = &[Step::Handshake, Step::ReceiveToEnd, Step::Send(20_000), Step::Fin];
        exchange(arm, script, |scheme, answer, report, _| {
            let ending = (report.ending().name(), report.exit_code());
            assert_eq!((answer.len(), ending), (20_000, ("truncated", 6)), "{scheme}: {report}");
            assert!(report.to_string().contains("without TLS's close_notify"), "{scheme}: {report}");
        });
    });
}

// Wine tells no reset: adieu_testkit::scenario::platforms.
#[cfg(not(windows))]
#[test]
fn a_reset_is_a_reset_where_the_proxy_passes_it_on() {
    const SCRIPT: &Script = &[
        Step::Handshake,
        Step::ReceiveToEnd,
        Step::Send(3_000),
        Step::Silence(Duration::from_millis(100)),
        Step::Reset,
    ];
    on_both(|arm| {
        exchange(arm, SCRIPT, |scheme, answer, report, _| {
            let ending = (report.ending().name(), report.exit_code());
            assert_eq!((answer.len(), ending), (3_000, ("reset", 4)), "{scheme}: {report}");
        });
    });
}

#[test]
fn a_certificate_is_for_the_endpoints_host_and_its_fault_is_not_the_proxys() {
    static PROXYS: OnceLock<Identity> = OnceLock::new();
    PROXYS.get_or_init(|| Authority::shared().issue(&["127.0.0.1", "localhost"]).expect("a key"));
    on_both(|arm| {
        for (scheme, codec) in KINDS {
            // It would do for the proxy's host.
            let setup = Setup { identity: PROXYS.get(), ..Setup::PLAIN };
            let peer = Peer::listen(setup, &[Step::Handshake, Step::ReceiveToEnd]).expect("loopback");
            let port = proxy(codec, peer.address());
            let options = options(scheme, port, trusting());
            let error =
                arm.connect(&Endpoint::tls(NAME, 443), &options).err().expect("another's certificate");
            let ConnectCause::Tls(failed) = error.cause() else { panic!("{scheme}: {error}") };
            assert_eq!(failed.failure(), Failure::WrongName);
            let report = error.report();
            assert!(report.to_string().contains(&format!("and not for {NAME}")), "{scheme}: {report}");
            assert!(!report.to_string().contains("the proxy"), "{scheme}: {report}");
            assert_eq!(
                (report.exit_code(), report.tls_failure.map(adieu::tls::Failure::name)),
                (3, Some("wrong_name")),
                "{scheme}"
            );
            assert!(peer.finish().failure.is_some(), "our alert came through");
        }
    });
}
