//! What is Windows's own: the numbers, the steps, the exclusive port.

use crate::arms::{Arm, on_both};
use adieu::{ConnectCause, ConnectOptions, Endpoint, Event, ListenOptions, Listener};
use adieu_testkit::peer::Step::{Close, ReceiveToEof, Send};
use adieu_testkit::places;
use adieu_testkit::scenario::is_wine;
use std::sync::{Arc, Mutex};

#[test]
fn the_steps_are_the_pages_from_wsastartup_to_wsacleanup() {
    on_both(|arm| {
        let steps: Arc<Mutex<Vec<&str>>> = Arc::default();
        let told = Arc::clone(&steps);
        let options = ConnectOptions::new().observer(move |_, event| {
            let step = match event {
                Event::Startup { call } | Event::Cleanup { call } => call,
                Event::Connecting { .. } => "connect",
                Event::Sent { .. } => "send",
                Event::ShutdownSend { fault: None } => adieu::CALLS.shutdown_send,
                Event::Received { .. } => "recv",
                Event::Eof => "recv 0",
                Event::Closed { .. } => adieu::CALLS.close,
                _ => return,
            };
            told.lock().expect("nobody panics").push(step);
        });
        let (mut open, _peer) = arm.to_peer(&[ReceiveToEof, Send(3), Close], &options);
        std::io::copy(&mut adieu_testkit::pattern::Pattern::of_program().reader(3), &mut open)
            .expect("taken");
        let report = open.shutdown_send().expect("connected").drain();
        assert!(report.is_graceful(), "{report}");
        assert_eq!(
            *steps.lock().expect("nobody panics"),
            [
                "WSAStartup(2.2)",
                "connect",
                "send",
                "shutdown(SD_SEND)",
                "recv",
                "recv 0",
                "closesocket",
                "WSACleanup"
            ]
        );
    });
}

#[test]
fn a_port_that_is_listened_on_cannot_be_taken_by_another_program() {
    let listener = Listener::bind(&Endpoint::tcp("127.0.0.1", 0), &ListenOptions::new()).expect("loopback");
    let address: std::net::SocketAddr = listener.local_endpoint().to_string().parse().expect("an address");
    let thief = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("a socket");
    thief.set_reuse_address(true).expect("what a thief does");
    thief.bind(&address.into()).expect_err("SO_EXCLUSIVEADDRUSE");
}

#[test]
fn a_refusal_has_winsocks_number_and_name() {
    on_both(|arm| {
        let (free, _held) = places::refusing("127.0.0.1:0".parse().expect("an address")).expect("loopback");
        let error = arm.connect(&Endpoint::from(free), &ConnectOptions::new()).err().expect("nobody listens");
        let report = error.report();
        assert_eq!(
            (report.error_code(), report.error_name()),
            (Some(10_061), Some("WSAECONNREFUSED")),
            "{report}"
        );
        assert!(error.to_string().contains("(WSAECONNREFUSED 10061)"), "{error}");
    });
}

#[test]
fn a_unix_socket_is_refused_in_clear_words_where_there_is_none() {
    if !is_wine() {
        // Windows 10 version 1803 and later have AF_UNIX; which one this is, is not ours to judge.
        return adieu_testkit::skip::not_here("a system without AF_UNIX", "this may have it");
    }
    let error = Arm::Blocking
        .connect(&Endpoint::unix("adieu.sock"), &ConnectOptions::new())
        .err()
        .expect("no AF_UNIX");
    assert!(matches!(error.cause(), ConnectCause::System(_)), "{error}");
    assert_eq!(error.report().error_name(), Some("WSAEAFNOSUPPORT"), "{error}");
}

#[test]
fn a_socket_that_was_never_connected_is_told_as_that_and_closed() {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("a socket");
    let report = adieu::finish(socket, &adieu::Finish::new());
    assert_eq!(report.to_string(), "the socket cannot be finished: it is not connected");
    assert_eq!(report.exit_code(), 3);
}

#[test]
fn a_pipe_that_is_full_holds_up_neither_the_interrupt_nor_the_count() {
    let interrupt = adieu::Interrupt::new().expect("a socket");
    let options = ConnectOptions::new().interrupt(&interrupt);
    let (open, peer) = Arm::Blocking.to_peer(&[Send(1 << 20), ReceiveToEof], &options);
    let crate::arms::Open::Blocking(open) = open else { unreachable!("it is the blocking one") };
    let (mut reader, writer) = std::io::pipe().expect("a pipe");
    let output = adieu::exchange::Output::from_handle(writer).expect("a thread");
    let (silent, held) = std::io::pipe().expect("a pipe");
    let input = adieu::exchange::Input::from_handle(silent).expect("a thread");
    let exchanging = std::thread::spawn(move || adieu::exchange(open, input, output));
    // Its first bytes show that the exchange runs; then nobody reads on.
    std::io::Read::read_exact(&mut reader, &mut [0; 100]).expect("it comes");
    interrupt.raise(adieu::Signal::Interrupt);
    let report = exchanging.join().expect("it does not panic");
    assert_eq!(report.ending().name(), "interrupted", "{report}");
    assert!(report.bytes_written < 1 << 20, "{report}");
    drop((reader, held, peer));
}
