//! `request`: the commonest client in one call.

use crate::arms::{Arm, bounded, log_of, on_both, runtime, secure_listener};
use adieu::{ConnectOptions, Endpoint, Event, Interrupt, Report, Signal};
use adieu_testkit::pattern::Pattern;
use adieu_testkit::peer::Step::{
    AwaitAcknowledged, AwaitClientBytes, Close, Duplex, Hold, ReceiveToEof, Reset, Send,
};
use adieu_testkit::peer::{Bind, PeerHandle, Script};
use adieu_testkit::scenario::is_wine;
use std::io::{Read, Write};
use std::thread;

fn request(arm: Arm, endpoint: &Endpoint, options: &ConnectOptions, bytes: Vec<u8>) -> (Vec<u8>, Report) {
    match arm {
        Arm::Blocking => adieu::request(adieu::connect(endpoint, options).expect("it listens"), bytes),
        Arm::Tokio => runtime().block_on(async {
            let connection = adieu::tokio::connect(endpoint, options).await.expect("it listens");
            adieu::tokio::request(connection, bytes).await
        }),
    }
}

fn of_peer(arm: Arm, script: &'static Script, bytes: Vec<u8>) -> (Vec<u8>, Report, PeerHandle) {
    let peer = PeerHandle::listen(Bind::TCP4, script).expect("a peer on loopback");
    let endpoint = peer.endpoint().to_string().parse().expect("an endpoint");
    let (reply, report) = request(arm, &endpoint, &ConnectOptions::new(), bytes);
    (reply, report, peer)
}

fn pattern(length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    Pattern::of_program().fill(0, &mut bytes);
    bytes
}

#[test]
fn a_request_is_sent_and_its_reply_received_to_the_end() {
    on_both(|arm| {
        let (reply, report, peer) = of_peer(arm, &[ReceiveToEof, Send(1_000), Close], pattern(14));
        assert!(report.is_graceful(), "{report}");
        assert_eq!((reply.len(), Pattern::of_peer().first_difference(0, &reply)), (1_000, None));
        assert_eq!((report.bytes_accepted, report.bytes_received, report.bytes_written), (14, 1_000, 1_000));
        let log = log_of(peer);
        assert_eq!((log.received, log.first_wrong), (14, None));
    });
}

#[test]
fn no_bytes_are_a_request_too() {
    on_both(|arm| {
        let (reply, report, _) = of_peer(arm, &[ReceiveToEof, Send(3), Close], Vec::new());
        assert!(report.is_graceful(), "{report}");
        assert_eq!(reply.len(), 3);
    });
}

/// Each kernel's buffers are full in both directions long before the end.
#[test]
fn a_peer_that_replies_while_it_reads_does_not_stop_it() {
    on_both(|arm| {
        let all = 8 << 20;
        let (reply, report, peer) = of_peer(arm, &[Duplex { send: 8 << 20 }, Close], pattern(all));
        assert!(report.is_graceful(), "{report}");
        assert_eq!((reply.len(), Pattern::of_peer().first_difference(0, &reply)), (all, None));
        let log = log_of(peer);
        assert_eq!((log.received, log.first_wrong), (8 << 20, None));
    });
}

/// An HTTP server that answers 413 to an upload it does not read, for example.
#[test]
fn what_was_received_before_a_bad_end_is_kept() {
    on_both(|arm| {
        let script = &[AwaitClientBytes(4), Send(3_000), AwaitAcknowledged, Reset];
        let (reply, report, peer) = of_peer(arm, script, pattern(64 << 20));
        assert!(!report.is_graceful(), "{report}");
        if !is_wine() {
            assert_eq!((report.ending().name(), report.exit_code()), ("reset", 4), "{report}");
            assert_eq!((reply.len(), Pattern::of_peer().first_difference(0, &reply)), (3_000, None));
        }
        assert!(log_of(peer).completed);
    });
}

#[test]
fn an_interrupt_ends_it_and_what_came_is_kept() {
    on_both(|arm| {
        let peer = PeerHandle::listen(Bind::TCP4, &[ReceiveToEof, Send(10), Hold]).expect("loopback");
        let endpoint = peer.endpoint().to_string().parse().expect("an endpoint");
        let interrupt = Interrupt::new().expect("a pipe");
        let raise = interrupt.clone();
        let options = ConnectOptions::new().interrupt(&interrupt).observer(move |_, event| {
            if matches!(event, Event::Received { .. }) {
                raise.raise(Signal::Terminate);
            }
        });
        let (reply, report) = request(arm, &endpoint, &options, pattern(5));
        assert_eq!((reply.len(), report.ending().name()), (10, "interrupted"), "{report}");
    });
}

#[test]
fn it_works_over_tls() {
    on_both(|arm| {
        let (listener, options) = secure_listener();
        let endpoint = listener.local_endpoint().clone();
        let peer = thread::spawn(move || {
            let mut connection = listener.accept().expect("a client");
            let mut received = Vec::new();
            connection.read_to_end(&mut received).expect("a whole stream");
            connection.write_all(&received).expect("taken");
            connection.shutdown_send().expect("connected").close()
        });
        let (reply, report) = request(arm, &endpoint, &options, pattern(300_000));
        assert!(report.is_graceful(), "{report}");
        assert!(reply == pattern(300_000), "the same bytes");
        assert!(peer.join().expect("it does not panic").is_graceful());
    });
}

/// The handshake of an accepted connection is made by the request.
#[test]
fn a_handshake_that_fails_is_an_empty_reply_and_its_report() {
    bounded("the handshake", || {
        let (listener, _) = secure_listener();
        let address = listener.local_endpoint().to_string().trim_start_matches("tls://").to_owned();
        let mut client = std::net::TcpStream::connect(address).expect("it listens");
        client.write_all(b"GET / HTTP/1.0\r\n\r\n").expect("taken");
        let (reply, report) = adieu::request(listener.accept().expect("a client"), "hello");
        assert_eq!((reply.len(), report.ending().name()), (0, "no_connection"), "{report}");
    });
}
