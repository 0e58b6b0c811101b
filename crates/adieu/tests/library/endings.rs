//! Connections that end badly, and what their users are told.

use crate::arms::{BOUND, after_a_reset, log_of, on_both};
use adieu::{ConnectOptions, Limits};
use adieu_testkit::pattern::Pattern;
use adieu_testkit::peer::ReceivedEnd;
use adieu_testkit::peer::Step::{
    AwaitAcknowledged, AwaitClientBytes, Hold, Receive, ReceiveBuffer, ReceiveToEof, Reset, Send,
    ShutdownSend,
};
use adieu_testkit::scenario::is_wine;
use adieu_testkit::skip;
#[cfg(unix)]
use socket2::SockRef;
use std::io::{self, Read, Write};
use std::time::Duration;

#[test]
fn an_open_connection_that_is_dropped_is_a_reset_to_the_peer() {
    on_both(|arm| {
        let (mut open, peer) = arm.to_peer(&[Receive(5), ReceiveToEof], &ConnectOptions::new());
        io::copy(&mut Pattern::of_program().reader(5), &mut open).expect("taken");
        assert!(peer.wait_for_step(1, BOUND));
        drop(open);
        let log = log_of(peer);
        assert_eq!((log.received, log.end()), (5, Some(ReceivedEnd::Reset)));
    });
}

#[test]
fn a_half_closed_connection_that_is_dropped_is_an_end_to_the_peer() {
    on_both(|arm| {
        let (mut open, peer) = arm.to_peer(&[ReceiveToEof], &ConnectOptions::new());
        io::copy(&mut Pattern::of_program().reader(5), &mut open).expect("taken");
        drop(open.shutdown_send().expect("connected"));
        let log = log_of(peer);
        assert_eq!((log.received, log.end()), (5, Some(ReceivedEnd::Eof)));
    });
}

#[test]
fn an_abort_is_a_reset_and_says_whose() {
    on_both(|arm| {
        for half_close in [false, true] {
            let (mut open, peer) = arm.to_peer(&[Send(1), ReceiveToEof, Hold], &ConnectOptions::new());
            // Then it has accepted: under Wine accept fails (WSAENOTCONN) for what was reset before.
            open.read_exact(&mut [0]).expect("it sends a byte");
            let report =
                if half_close { open.shutdown_send().expect("connected").abort() } else { open.abort() };
            assert_eq!(
                (report.ending().name(), report.reset_by().map(adieu::Side::name), report.exit_code()),
                ("reset", Some("us"), 4)
            );
            // After our FIN the peer's kernel gets the RST too; a peer that has seen EOF need not look again.
            if !half_close {
                assert!(peer.wait_for_step(2, BOUND));
                assert_eq!(peer.finish().end(), Some(ReceivedEnd::Reset));
            }
        }
    });
}

#[cfg(unix)]
#[test]
fn an_abort_after_the_peers_reset_is_not_what_ended_it() {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    on_both(|arm| {
        let (open, theirs) = arm.to_std(&ConnectOptions::new());
        SockRef::from(&theirs).set_linger(Some(Duration::ZERO)).expect("it is a TCP socket");
        drop(theirs);
        let bound = Timespec::try_from(BOUND).expect("a few seconds");
        let ours = open.socket().expect("it is open");
        let came = poll(&mut [PollFd::from_borrowed_fd(ours, PollFlags::empty())], Some(&bound));
        assert_eq!(came, Ok(1), "a reset");
        // Nobody receives it.
        let report = open.abort();
        let told = (report.ending().name(), report.reset_by().map(adieu::Side::name));
        assert_eq!(told, ("reset", Some("peer")), "{report}");
    });
}

#[test]
fn a_shutdown_that_fails_gives_the_report_and_the_answer_that_stood_in_our_kernel() {
    if is_wine() {
        // tests/library/windows.rs has a shutdown that fails there too.
        return skip::not_here(
            "a shutdown after a reset",
            "Wine 8's succeeds; the page of shutdown has WSAECONNRESET",
        );
    }
    on_both(|arm| {
        let script = &[AwaitClientBytes(4), Send(3_000), AwaitAcknowledged, Reset];
        let (mut open, peer) = arm.to_peer(script, &ConnectOptions::new());
        open.write_all(b"ping").expect("our kernel takes it");
        // The RST has been sent when the script is over, and loopback delivers at once.
        let log = log_of(peer);
        assert!(log.completed, "{log:?}");
        let Err(error) = open.shutdown_send() else { panic!("the peer has reset") };
        assert_eq!(error.received().len(), 3_000);
        assert_eq!(Pattern::of_peer().first_difference(0, error.received()), None);
        let report = error.report();
        assert_eq!(
            (report.ending().name(), report.reset_by().map(adieu::Side::name), report.phase.name()),
            ("reset", Some("peer"), "sending")
        );
        assert_eq!((report.bytes_received, report.bytes_written), (3_000, 3_000));
        assert!(report.closed_after.is_some());
        let told = error.io_error().expect("a call told it");
        assert_eq!(told.kind(), io::ErrorKind::ConnectionReset, "{told}");
        assert!(error.to_string().starts_with("shutdown failed: "), "{error}");
        let source = std::error::Error::source(&error).expect("a call told it");
        assert_eq!(source.downcast_ref(), error.report().error.as_ref());
        assert_eq!(error.clone(), error);
        assert!(error.to_string().contains("reset by the peer"), "{error}");
    });
}

/// As the crate's documentation says, a program goes on after the failed write.
#[test]
fn an_early_answer_to_an_upload_that_fails_is_had_in_full() {
    on_both(|arm| {
        let script = &[AwaitClientBytes(4), Send(3_000), AwaitAcknowledged, Reset];
        let (mut open, peer) = arm.to_peer(script, &ConnectOptions::new());
        let chunk = vec![0; 64 * 1024];
        while open.write_all(&chunk).is_ok() {}
        let (answer, report) = match open.shutdown_send() {
            Ok(_) if is_wine() => return,
            Ok(_) => panic!("the peer has reset"),
            Err(error) => error.into_parts(),
        };
        assert_eq!((answer.len(), Pattern::of_peer().first_difference(0, &answer)), (3_000, None));
        assert_eq!(report.ending().name(), "reset", "{report}");
        assert!(log_of(peer).completed);
    });
}

#[test]
fn what_the_peer_said_is_read_after_a_write_has_failed() {
    on_both(|arm| {
        let script = &[AwaitClientBytes(4), Send(3_000), AwaitAcknowledged, Reset];
        let (mut open, peer) = arm.to_peer(script, &ConnectOptions::new());
        open.write_all(b"ping").expect("our kernel takes it");
        assert!(log_of(peer).completed);
        let error = open.write(b"more").expect_err("the peer has reset");
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset, "{error}");
        let mut answer = Vec::new();
        let error = open.read_to_end(&mut answer).expect_err("a reset is no end");
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset, "{error}");
        assert_eq!((answer.len(), Pattern::of_peer().first_difference(0, &answer)), (3_000, None));
        // It is sticky: no later call makes an EOF of it.
        let error = open.read(&mut [0; 8]).expect_err("still");
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset, "{error}");
    });
}

/// A kernel tells a reset once; the receive after that returns 0, which is no end of the peer's.
#[cfg(unix)]
#[test]
fn no_observer_is_told_of_an_end_after_a_reset() {
    on_both(|arm| {
        let (events, told) = std::sync::mpsc::channel();
        let options = ConnectOptions::new().observer(move |_, event| {
            let _ = events.send(format!("{event:?}"));
        });
        let (mut open, peer) = arm.to_std(&options);
        SockRef::from(&peer).set_linger(Some(Duration::ZERO)).expect("a socket");
        drop(peer);
        let error = open.write(b"too late").expect_err("the reset is there");
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
        open.read(&mut [0; 8]).expect_err("it is remembered");
        drop(open);
        let told: Vec<String> = told.try_iter().collect();
        assert!(told.iter().any(|event| event.starts_with("Fault")), "{told:?}");
        assert!(!told.iter().any(|event| event == "Eof"), "{told:?}");
    });
}

#[test]
fn a_reset_while_draining_is_an_error_after_the_last_byte() {
    on_both(|arm| {
        let (open, peer) =
            arm.to_peer(&[ReceiveToEof, Send(500), AwaitAcknowledged, Reset], &ConnectOptions::new());
        let mut half = open.shutdown_send().expect("connected");
        assert!(log_of(peer).completed);
        let mut answer = Vec::new();
        let error = half.read_to_end(&mut answer).expect_err("a reset is no end");
        let report = half.close();
        assert_eq!(
            (answer.len(), report.ending().name(), report.phase.name()),
            (500, after_a_reset(), "draining"),
            "{report}"
        );
        if !is_wine() {
            assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
            let name = if cfg!(windows) { "WSAECONNRESET" } else { "ECONNRESET" };
            assert_eq!(
                (report.error_call.map(adieu::Call::name), report.error_name()),
                (Some("recv"), Some(name))
            );
        }
    });
}

#[test]
fn a_reset_after_both_ends_that_leaves_our_bytes_unacknowledged_is_not_graceful() {
    on_both(|arm| {
        let script = &[ReceiveBuffer(4_096), ShutdownSend, Hold, Reset];
        let (mut open, peer) = arm.to_peer(script, &ConnectOptions::new());
        assert_eq!(open.read(&mut [0; 8]).expect("the peer has ended"), 0);
        // More than the peer's window was at its widest, so some of it and our FIN are not acknowledged: LAST-ACK.
        open.write_all(&vec![0; 128 * 1024]).expect("our kernel takes it");
        let half = open.shutdown_send().expect("connected");
        peer.release();
        assert!(peer.wait_for_end(BOUND));
        let report = half.drain();
        assert_eq!(report.ending().name(), after_a_reset(), "{report}");
        assert_ne!(report.fin_acknowledged, Some(true), "{report}");
    });
}

#[test]
fn a_connection_that_has_ended_says_that_it_holds_no_socket() {
    on_both(|arm| {
        let (mut open, _peer) = arm.to_peer(
            &[Hold],
            &ConnectOptions::new().limits(Limits::new().deadline(Duration::from_millis(50))),
        );
        assert!(open.socket().is_some());
        open.read(&mut [0; 8]).expect_err("the deadline");
        assert!(open.socket().is_none());
    });
}
