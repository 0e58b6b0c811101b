//! Handshakes that something ends: a time limit, an interrupt, or a peer that leaves. And what a session is told to be worth
//! that we break off ourselves.

use super::{address_of, client, options};
use crate::arms::{Arm, bounded, on_both, runtime};
use adieu::tls::Server;
use adieu::{Endpoint, Interrupt, Limits, ListenOptions, Listener, Report, Signal};
use adieu_testkit::tls::peer::{Peer, Setup, Step};
use std::io::Write;
use std::net::TcpStream;
use std::time::Duration;

const SHORT: Duration = Duration::from_millis(100);

fn server() -> ListenOptions {
    ListenOptions::new().tls(Server::self_signed().build().expect("a key"))
}

/// The report of a client that connects and says `first`, and no more.
fn accepted(arm: Arm, options: &ListenOptions, first: &[u8]) -> Report {
    let bind = Endpoint::tls("127.0.0.1", 0);
    let call = |endpoint: &Endpoint| {
        let mut client = TcpStream::connect(address_of(endpoint)).expect("it listens");
        client.write_all(first).expect("taken");
        client
    };
    match arm {
        Arm::Blocking => {
            let listener = Listener::bind(&bind, options).expect("loopback");
            let _client = call(listener.local_endpoint());
            let connection = listener.accept().expect("a client");
            *connection.handshake().expect_err("it says too little")
        }
        Arm::Tokio => runtime().block_on(async {
            let listener = adieu::tokio::Listener::bind(&bind, options).await.expect("loopback");
            let _client = call(listener.local_endpoint());
            let connection = listener.accept().await.expect("a client");
            *connection.handshake().await.expect_err("it says too little")
        }),
    }
}

#[test]
fn a_client_that_is_silent_in_the_handshake_is_idle() {
    on_both(|arm| {
        // With the defaults otherwise, whose limit for a handshake is longer than this test may take.
        let report = accepted(arm, &server().limits(Limits::new().idle_timeout(SHORT)), b"");
        assert_eq!(
            (
                report.ending().name(),
                report.timer().map(adieu::Timer::name),
                report.exit_code(),
                report.tls_failure.map(adieu::tls::Failure::name)
            ),
            ("timed_out", Some("idle"), 5, Some("timed_out")),
            "{report}"
        );
        assert!(report.to_string().starts_with("no connection from 127.0.0.1:"), "{report}");
        assert!(report.to_string().contains("silent for the whole idle timeout"), "{report}");
        assert!(report.to_string().contains("does the client speak TLS?"), "{report}");
        // The beginning of a ClientHello: it does.
        let report = accepted(arm, &server().limits(Limits::new().idle_timeout(SHORT)), b"\x16\x03\x01");
        assert_eq!(
            (report.ending().name(), report.timer().map(adieu::Timer::name)),
            ("timed_out", Some("idle")),
            "{report}"
        );
        assert!(!report.to_string().contains("speak TLS?"), "{report}");
    });
}

#[test]
fn a_bounded_read_waits_no_longer_for_a_handshake() {
    on_both(|arm| {
        let bind = Endpoint::tls("127.0.0.1", 0);
        let call = |endpoint: &Endpoint| TcpStream::connect(address_of(endpoint)).expect("it listens");
        let mut byte = [0; 1];
        let (read, asked) = match arm {
            Arm::Blocking => {
                let listener = Listener::bind(&bind, &server()).expect("loopback");
                let _client = call(listener.local_endpoint());
                let mut connection = listener.accept().expect("a client");
                (connection.read_within(&mut byte, SHORT), connection.read_within(&mut [], Duration::ZERO))
            }
            Arm::Tokio => runtime().block_on(async {
                let listener = adieu::tokio::Listener::bind(&bind, &server()).await.expect("loopback");
                let _client = call(listener.local_endpoint());
                let mut connection = listener.accept().await.expect("a client");
                let read = connection.read_within(&mut byte, SHORT).await;
                (read, connection.read_within(&mut [], Duration::ZERO).await)
            }),
        };
        assert_eq!(read.expect("there is time left for the handshake"), None);
        assert_eq!(asked.expect("nothing has ended it"), None);
    });
}

#[test]
fn a_server_that_is_silent_in_the_handshake_is_idle() {
    on_both(|arm| {
        let peer = Peer::listen(Setup::PLAIN, &[Step::Hold]).expect("loopback");
        let limited = options(client()).limits(Limits::new().idle_timeout(SHORT));
        let Err(error) = arm.connect(&Endpoint::from(peer.address()), &limited) else { panic!("silent") };
        let report = error.report();
        assert_eq!(
            (
                report.ending().name(),
                report.timer().map(adieu::Timer::name),
                report.tls_failure.map(adieu::tls::Failure::name)
            ),
            ("timed_out", Some("idle"), Some("timed_out")),
            "{report}"
        );
        assert!(report.to_string().contains("silent for the whole idle timeout"), "{report}");
        assert!(report.to_string().contains("raise the idle timeout"), "{report}");
    });
}

#[test]
fn a_deadline_that_passes_in_the_handshake_is_called_so() {
    on_both(|arm| {
        let peer = Peer::listen(Setup::PLAIN, &[Step::Hold]).expect("loopback");
        let limited = options(client()).limits(Limits::new().deadline(SHORT));
        let Err(error) = arm.connect(&Endpoint::from(peer.address()), &limited) else { panic!("silent") };
        let listening = accepted(arm, &server().limits(Limits::new().deadline(SHORT)), b"");
        for report in [error.report(), &listening] {
            assert_eq!(
                (report.ending().name(), report.timer().map(adieu::Timer::name)),
                ("timed_out", Some("deadline")),
                "{report}"
            );
            assert!(report.to_string().contains("the deadline passed during the TLS handshake"), "{report}");
            assert!(!report.to_string().contains("timeout"), "{report}");
        }
    });
}

// The blocking driver alone is woken by an interrupt; a future is dropped.
#[test]
fn a_signal_in_the_handshake_is_an_interrupt_and_no_failure_of_it() {
    bounded("the listener", || {
        let (interrupt, accepting) = (Interrupt::new(), Interrupt::new());
        let (interrupt, accepting) = (interrupt.expect("a descriptor"), accepting.expect("a descriptor"));
        let listener = Listener::bind(&Endpoint::tls("127.0.0.1", 0), &server()).expect("loopback");
        let listener = listener.with_options(&server().interrupt(&interrupt), &accepting);
        let _client = TcpStream::connect(address_of(listener.local_endpoint())).expect("it listens");
        let connection = listener.accept().expect("a client");
        interrupt.raise(Signal::Terminate);
        let report = connection.handshake().expect_err("it is interrupted");
        assert_eq!((report.ending().name(), report.exit_code()), ("interrupted", 143), "{report}");
        assert_eq!(
            (
                report.signal().map(adieu::Signal::name),
                report.tls_failure.map(adieu::tls::Failure::name),
                report.error.as_ref().map(|it| &*it.words)
            ),
            (Some("SIGTERM"), None, None)
        );
        let says = "interrupted by SIGTERM during the TLS handshake with 127.0.0.1:";
        assert!(report.to_string().starts_with(says), "{report}");
    });
}

// Wine tells no reset: adieu_testkit::scenario::platforms.
#[cfg(not(windows))]
#[test]
fn a_client_that_has_reset_before_it_was_accepted_has_its_address_still() {
    for arm in [Arm::Blocking, Arm::Tokio] {
        let bind = Endpoint::tls("127.0.0.1", 0);
        let reset = |endpoint: &Endpoint| {
            let client = TcpStream::connect(address_of(endpoint)).expect("it listens");
            let address = client.local_addr().expect("connected").to_string();
            socket2::SockRef::from(&client).set_linger(Some(Duration::ZERO)).expect("it can");
            address
        };
        let (address, report) = match arm {
            Arm::Blocking => {
                let listener = Listener::bind(&bind, &server()).expect("loopback");
                let address = reset(listener.local_endpoint());
                (address, *listener.accept().expect("a client").handshake().expect_err("it has gone"))
            }
            Arm::Tokio => runtime().block_on(async {
                let listener = adieu::tokio::Listener::bind(&bind, &server()).await.expect("loopback");
                let address = reset(listener.local_endpoint());
                let accepted = listener.accept().await.expect("a client");
                (address, *accepted.handshake().await.expect_err("it has gone"))
            }),
        };
        assert_eq!(
            (report.ending().name(), report.tls_failure.map(adieu::tls::Failure::name)),
            ("no_connection", Some("not_begun")),
            "{report}"
        );
        assert_eq!(report.peer_address.as_ref().map(ToString::to_string), Some(address), "{report}");
        assert!(
            report.to_string().contains("reset the connection before it began the handshake"),
            "{report}"
        );
    }
}

#[test]
fn a_peer_that_leaves_in_the_middle_of_a_handshake_speaks_tls() {
    on_both(|arm| {
        // The beginning of a ServerHello.
        let peer =
            Peer::listen(Setup::PLAIN, &[Step::Raw(b"\x16\x03\x03\x00\x7a\x02"), Step::Fin, Step::Hold]);
        let endpoint = Endpoint::from(peer.as_ref().expect("loopback").address());
        let Err(error) = arm.connect(&endpoint, &options(client())) else { panic!("a part") };
        assert_eq!(error.report().tls_failure.map(adieu::tls::Failure::name), Some("eof"), "{error}");
        assert!(!error.report().to_string().contains("is this port one for TLS?"), "{error}");
    });
}

#[cfg(target_os = "linux")]
mod linux_tests {
    use super::*;
    use adieu_testkit::tls::peer::Script;
    use std::io::Read;

    /// The alert with which we break the session off follows what we sent. Its octets, which the peer has not acknowledged at the
    /// time of the last look, are none of the bytes that it has.
    #[test]
    fn our_alert_is_none_of_the_bytes_that_are_not_acknowledged() {
        on_both(|arm| {
            // What it sends last acknowledges all that it received.
            let script: &Script = &[
                Step::Handshake,
                Step::Receive(1000),
                Step::AcknowledgeLate,
                Step::Raw(b"this is no record of TLS"),
                Step::Hold,
            ];
            let peer = Peer::listen(Setup::TLS13, script).expect("loopback");
            let mut open =
                arm.connect(&Endpoint::from(peer.address()), &options(client())).expect("it listens");
            let mut bytes = adieu_testkit::pattern::Pattern::of_program().reader(1000);
            std::io::copy(&mut bytes, &mut open).expect("taken");
            open.read_exact(&mut [0]).expect_err("the session is broken");
            let report = open.abort();
            assert_eq!(report.ending().name(), "truncated", "{report}");
            assert_eq!((report.bytes_accepted, report.bytes_acknowledged), (1000, Some(1000)), "{report}");
        });
    }
}
