//! The procedure as it should go: connect, send, shut down, receive to EOF, close.

use crate::arms::{Arm, log_of, on_both};
use adieu::{ConnectOptions, Endpoint, Limits, ListenOptions};
use adieu_testkit::pattern::{Pattern, Verifier};
use adieu_testkit::peer::Step::{AwaitAcknowledged, Close, Hold, Receive, ReceiveToEof, Send, ShutdownSend};
use adieu_testkit::peer::{Bind, PeerHandle, ReceivedEnd};
use adieu_testkit::places;
use std::io::{self, Read, Write};
use std::net::TcpStream;

#[test]
fn the_procedure_of_the_page_ends_graceful() {
    on_both(|arm| {
        let (mut open, peer) = arm.to_peer(&[ReceiveToEof, Send(20_000), Close], &ConnectOptions::new());
        io::copy(&mut Pattern::of_program().reader(100_000), &mut open).expect("the peer takes it");
        let mut half = open.shutdown_send().expect("connected");
        let mut answer = Verifier::new(Pattern::of_peer());
        io::copy(&mut half, &mut answer).expect("the peer answers");
        assert_eq!(half.read(&mut [0; 8]).expect("EOF stays EOF"), 0);
        let report = half.close();
        assert_eq!((answer.count(), answer.first_wrong()), (20_000, None));
        assert!(report.is_graceful(), "{report}");
        let log = log_of(peer);
        assert_eq!((log.received, log.first_wrong, log.end()), (100_000, None, Some(ReceivedEnd::Eof)));
    });
}

#[test]
fn the_report_has_every_byte_and_every_step_in_its_order() {
    on_both(|arm| {
        let (mut open, _peer) = arm.to_peer(&[ReceiveToEof, Send(20_000), Close], &ConnectOptions::new());
        open.write_all(&[0; 1_000]).expect("the peer takes it");
        let report = open.shutdown_send().expect("connected").drain();
        assert_eq!(
            (report.ending().name(), report.phase.name(), report.exit_code()),
            ("graceful", "closing", 0)
        );
        assert_eq!((report.bytes_read, report.bytes_accepted), (1_000, 1_000));
        assert_eq!((report.bytes_acknowledged, report.bytes_unacknowledged), (Some(1_000), Some(0)));
        assert_eq!(
            (report.bytes_received, report.bytes_written, report.bytes_discarded),
            (20_000, 20_000, 0)
        );
        assert_eq!((report.ended_first.map(adieu::Side::name), report.eof_received), (Some("us"), true));
        assert_eq!((report.fin_acknowledged, report.socket_error_clear), (Some(true), Some(true)));
        assert_eq!(
            (report.role.map(adieu::Role::name), report.transport.map(adieu::Transport::name)),
            (Some("connect"), Some("tcp"))
        );
        assert_eq!(report.resolved_after, None, "an address is not resolved");
        let steps = [
            report.connected_after,
            report.first_accepted_after,
            report.shutdown_send_after,
            report.first_received_after,
            report.peer_eof_after,
            report.acknowledged_after,
            Some(report.ended_after),
            report.closed_after,
        ];
        assert!(steps.iter().all(Option::is_some), "{steps:?}");
        assert!(steps.is_sorted(), "{steps:?}");
    });
}

#[test]
fn what_differs_between_the_drivers_reports_is_time_and_ports_alone() {
    let reports = [Arm::Blocking, Arm::Tokio].map(|arm| {
        let (mut open, _peer) = arm.to_peer(&[ReceiveToEof, Send(3_000), Close], &ConnectOptions::new());
        open.write_all(&[0; 1_000]).expect("the peer takes it");
        let report = open.shutdown_send().expect("connected").drain();
        let mut json = serde_json::to_value(report).expect("plain data");
        let fields = json.as_object_mut().expect("a flat struct");
        for (name, value) in fields.iter_mut() {
            let varies = name.ends_with("_us")
                || name.ends_with("address")
                || ["endpoint", "began_at", "started_at"].contains(&name.as_str());
            if varies && !value.is_null() {
                *value = "some".into();
            }
        }
        json
    });
    assert_eq!(reports[0], reports[1]);
}

#[test]
fn whoever_ends_first_is_said() {
    on_both(|arm| {
        let (mut open, _peer) =
            arm.to_peer(&[Send(10), ShutdownSend, ReceiveToEof, Close], &ConnectOptions::new());
        assert_eq!(open.read_to_end(&mut Vec::new()).expect("the peer ends"), 10);
        open.write_all(b"more").expect("the peer has only half-closed");
        let report = open.shutdown_send().expect("connected").close();
        assert!(report.is_graceful(), "{report}");
        assert_eq!(report.ended_first.map(adieu::Side::name), Some("peer"));
    });
}

#[test]
fn an_eof_that_stands_unread_in_our_kernel_counts_at_the_close() {
    on_both(|arm| {
        let script = &[Receive(4), Send(5), ShutdownSend, AwaitAcknowledged, ReceiveToEof, Close];
        let (mut open, peer) = arm.to_peer(script, &ConnectOptions::new());
        open.write_all(&program_bytes::<4>()).expect("the peer takes it");
        // Its FIN is acknowledged, so it is here; nobody has asked for it.
        assert!(peer.wait_for_step(4, crate::arms::BOUND));
        open.read_exact(&mut [0; 5]).expect("the answer");
        let report = open.shutdown_send().expect("connected").close();
        assert!(report.is_graceful(), "{report}");
        assert_eq!(report.bytes_received, 5);
    });
}

#[test]
fn a_close_before_the_peers_eof_is_indeterminate() {
    on_both(|arm| {
        let (open, _peer) = arm.to_peer(&[ReceiveToEof, Hold], &ConnectOptions::new());
        let report = open.shutdown_send().expect("connected").close();
        assert_eq!(
            (report.ending().name(), report.missing().map(adieu::Missing::name)),
            ("indeterminate", Some("peer_eof")),
            "{report}"
        );
        assert_eq!((report.phase.name(), report.exit_code()), ("draining", 8));
    });
}

#[test]
fn a_close_with_an_answer_unread_is_not_graceful() {
    on_both(|arm| {
        let (open, peer) = arm.to_peer(
            &[Send(5), ShutdownSend, AwaitAcknowledged, ReceiveToEof, Close],
            &ConnectOptions::new(),
        );
        assert!(peer.wait_for_step(3, crate::arms::BOUND));
        let report = open.shutdown_send().expect("connected").close();
        assert_eq!(
            (report.ending().name(), report.missing().map(adieu::Missing::name)),
            ("indeterminate", Some("peer_eof")),
            "{report}"
        );
        assert_eq!((report.bytes_received, report.bytes_written), (0, 0), "nobody received anything");
    });
}

#[test]
fn a_standard_stream_is_taken_over_and_ends_well() {
    on_both(|arm| {
        let peer = PeerHandle::listen(Bind::TCP4, &[ReceiveToEof, Send(100), Close]).expect("loopback");
        let address = peer.endpoint().address().expect("TCP");
        let stream = TcpStream::connect(address).expect("it listens");
        let mut open = arm.adopt(stream, &ConnectOptions::new());
        let (local, remote) = open.addresses();
        assert_eq!(remote, Some(address.to_string()));
        assert!(local.is_some());
        open.write_all(b"hello").expect("the peer takes it");
        assert_eq!(open.counts().accepted, 5);
        let report = open.shutdown_send().expect("connected").drain();
        assert!(report.is_graceful(), "{report}");
        assert_eq!((report.bytes_received, report.endpoint), (100, address.to_string()));
    });
}

#[test]
fn an_end_mark_that_was_seen_is_graceful_and_one_that_was_not_is_a_truncation() {
    on_both(|arm| {
        for (marked, ending) in [(true, "graceful"), (false, "truncated")] {
            let (open, _peer) =
                arm.to_peer(&[ReceiveToEof, Send(9), Close], &ConnectOptions::new().expect_end_mark());
            let mut half = open.shutdown_send().expect("connected");
            half.read_to_end(&mut Vec::new()).expect("a clean EOF");
            if marked {
                half.mark_end();
            }
            let report = half.close();
            assert_eq!((report.ending().name(), report.end_mark_seen), (ending, Some(marked)), "{report}");
        }
    });
}

// Wine 8 has no AF_UNIX; tests/library/windows.rs shows that this is told.
#[cfg(unix)]
#[test]
fn a_unix_socket_goes_the_same_way() {
    on_both(|arm| {
        let peer = PeerHandle::listen(Bind::Unix, &[ReceiveToEof, Send(100), Close]).expect("a socket file");
        let endpoint: Endpoint = peer.endpoint().to_string().parse().expect("an endpoint");
        let mut open = arm.connect(&endpoint, &ConnectOptions::new()).expect("it listens");
        open.write_all(&[0; 10]).expect("the peer takes it");
        let report = open.shutdown_send().expect("connected").drain();
        assert!(report.is_graceful(), "{report}");
        assert_eq!(
            (report.transport.map(adieu::Transport::name), report.bytes_acknowledged),
            (Some("unix"), None)
        );
    });
}

#[test]
fn writing_and_reading_nothing_waits_for_nothing() {
    on_both(|arm| {
        let (mut open, _peer) = arm.to_peer(&[Hold], &ConnectOptions::new());
        assert_eq!(open.read(&mut []).expect("nothing to do"), 0);
        assert_eq!(open.write(&[]).expect("nothing to do"), 0);
        assert_eq!(open.counts().accepted, 0);
        drop(open);
    });
}

#[test]
fn a_listeners_connection_goes_the_same_way_and_says_its_role() {
    let options = ListenOptions::new();
    let listener = adieu::Listener::bind(&Endpoint::tcp("127.0.0.1", 0), &options).expect("loopback");
    let endpoint = listener.local_endpoint().clone();
    let client = std::thread::spawn(move || {
        let mut open = Arm::Blocking.connect(&endpoint, &ConnectOptions::new()).expect("it listens");
        open.write_all(b"ping").expect("taken");
        open.shutdown_send().expect("connected").drain()
    });
    let mut served = listener.accept().expect("a client comes");
    let mut request = Vec::new();
    served.read_to_end(&mut request).expect("the client ends");
    let report = served.shutdown_send().expect("connected").close();
    assert_eq!(
        (&*request, report.role.map(adieu::Role::name), report.ending().name()),
        (&b"ping"[..], Some("listen"), "graceful"),
        "{report}"
    );
    assert!(client.join().expect("the client does not panic").is_graceful());
}

// On Windows a socket is no handle to read and write.
#[cfg(unix)]
#[test]
fn an_output_that_is_a_socket_is_half_closed_after_the_peers_eof() {
    crate::arms::bounded("the exchange", || {
        let (open, _peer) = Arm::Blocking.to_peer(
            &[Send(100), ShutdownSend, ReceiveToEof, Close],
            &ConnectOptions::new().limits(Limits::new().input_grace(None)),
        );
        let crate::arms::Open::Blocking(open) = open else { unreachable!("it is the blocking one") };
        // One socket for both ends, as inetd and sshd give it: closing one descriptor of it ends nothing.
        let (mut far, near) = std::os::unix::net::UnixStream::pair().expect("two sockets");
        let input =
            adieu::exchange::Input::from_fd(near.try_clone().expect("a descriptor")).expect("readable");
        let output = adieu::exchange::Output::from_fd(near).expect("writable");
        let exchanging = std::thread::spawn(move || adieu::exchange(open, input, output));
        far.set_read_timeout(Some(crate::arms::BOUND / 2)).expect("not zero");
        let mut answer = Vec::new();
        far.read_to_end(&mut answer).expect("the answer has an end");
        assert_eq!(answer.len(), 100);
        far.write_all(&program_bytes::<10>()).expect("the other direction is open");
        drop(far);
        let report = exchanging.join().expect("it does not panic");
        assert!(report.is_graceful(), "{report}");
        assert_eq!(report.bytes_accepted, 10);
    });
}

#[test]
fn a_port_in_use_is_an_error_that_names_it() {
    let taken = places::listener();
    let endpoint = Endpoint::from(taken.local_addr().expect("bound"));
    let error = adieu::Listener::bind(&endpoint, &ListenOptions::new()).expect_err("it is taken");
    assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
    assert!(error.to_string().contains(&endpoint.to_string()), "{error}");
}

fn program_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    Pattern::of_program().fill(0, &mut bytes);
    bytes
}

#[test]
fn a_read_with_a_limit_takes_what_is_there_and_waits_no_longer() {
    let listener = places::listener();
    let address = listener.local_addr().expect("it has an address");
    let mut connection = adieu::connect(&address.into(), &ConnectOptions::new()).expect("it listens");
    let (mut peer, _) = listener.accept().expect("it is there");
    let mut buffer = [0; 8];
    let mut read = |connection: &mut adieu::Connection, limit| {
        connection.read_within(&mut buffer, limit).expect("nothing is wrong")
    };
    assert_eq!(read(&mut connection, std::time::Duration::ZERO), None);
    let began = std::time::Instant::now();
    assert_eq!(read(&mut connection, std::time::Duration::from_millis(30)), None);
    assert!(began.elapsed() >= std::time::Duration::from_millis(30));
    peer.write_all(b"abc").expect("it takes it");
    assert_eq!(connection.read_within(&mut [], std::time::Duration::from_secs(20)).ok(), Some(None));
    assert_eq!(read(&mut connection, std::time::Duration::from_secs(20)), Some(3));
    drop(peer);
    assert_eq!(read(&mut connection, std::time::Duration::from_secs(20)), Some(0));
    let report = connection.shutdown_send().expect("connected").close();
    assert!(report.is_graceful() || report.ending().name() == "reset", "{report}");
}
