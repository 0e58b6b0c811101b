//! Connections that end badly, and what their users are told.

use crate::arms::{BOUND, log_of, on_both};
use adieu::Options;
use adieu_testkit::pattern::Pattern;
use adieu_testkit::peer::ReceivedEnd;
use adieu_testkit::peer::Step::{
    AwaitAcknowledged, AwaitClientBytes, Hold, Receive, ReceiveToEof, Reset, Send,
};
use std::io::{self, Read, Write};
use std::time::Duration;

#[test]
fn an_open_connection_that_is_dropped_is_a_reset_to_the_peer() {
    on_both(|arm| {
        let (mut open, peer) = arm.to_peer(&[Receive(5), ReceiveToEof], &Options::new());
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
        let (mut open, peer) = arm.to_peer(&[ReceiveToEof], &Options::new());
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
            let (open, peer) = arm.to_peer(&[ReceiveToEof, Hold], &Options::new());
            let report =
                if half_close { open.shutdown_send().expect("connected").abort() } else { open.abort() };
            assert_eq!((report.ending, report.reset_by, report.exit_code), ("reset", Some("us"), 4));
            // After our FIN the peer's kernel gets the RST too; a peer that has seen EOF need not look again.
            if !half_close {
                assert!(peer.wait_for_step(1, BOUND));
                assert_eq!(peer.finish().end(), Some(ReceivedEnd::Reset));
            }
        }
    });
}

#[test]
fn a_shutdown_that_fails_gives_the_report_and_the_answer_that_stood_in_our_kernel() {
    on_both(|arm| {
        let script = &[AwaitClientBytes(4), Send(3_000), AwaitAcknowledged, Reset];
        let (mut open, peer) = arm.to_peer(script, &Options::new());
        open.write_all(b"ping").expect("our kernel takes it");
        // The RST has been sent when the script is over, and loopback delivers at once.
        let log = log_of(peer);
        assert!(log.completed, "{log:?}");
        let Err(error) = open.shutdown_send() else { panic!("the peer has reset") };
        assert_eq!(error.received().len(), 3_000);
        assert_eq!(Pattern::of_peer().first_difference(0, error.received()), None);
        let report = error.report();
        assert_eq!((report.ending, report.reset_by, report.phase), ("reset", Some("peer"), "sending"));
        assert_eq!((report.bytes_received, report.bytes_written), (3_000, 3_000));
        assert!(report.closed_us.is_some());
        let told = error.io_error().expect("a call told it");
        assert_eq!(told.kind(), io::ErrorKind::ConnectionReset, "{told}");
        assert!(error.to_string().starts_with("shutdown failed: reset by the peer"), "{error}");
    });
}

#[test]
fn what_the_peer_said_is_read_after_a_write_has_failed() {
    on_both(|arm| {
        let script = &[AwaitClientBytes(4), Send(3_000), AwaitAcknowledged, Reset];
        let (mut open, peer) = arm.to_peer(script, &Options::new());
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

#[test]
fn a_reset_while_draining_is_an_error_after_the_last_byte() {
    on_both(|arm| {
        let (open, peer) = arm.to_peer(&[ReceiveToEof, Send(500), AwaitAcknowledged, Reset], &Options::new());
        let mut half = open.shutdown_send().expect("connected");
        assert!(log_of(peer).completed);
        let mut answer = Vec::new();
        let error = half.read_to_end(&mut answer).expect_err("a reset is no end");
        assert_eq!((answer.len(), error.kind()), (500, io::ErrorKind::ConnectionReset));
        let report = half.close();
        assert_eq!((report.ending, report.phase), ("reset", "draining"), "{report}");
        assert_eq!((report.error_call, report.error_name), (Some("recv"), Some("ECONNRESET")));
    });
}

#[test]
fn a_closed_connection_holds_no_descriptor() {
    on_both(|arm| {
        let (open, mut stream) = arm.to_std(&Options::new());
        let held = inode_of(&open);
        let half = open.shutdown_send().expect("connected");
        assert_eq!(stream.read(&mut [0; 8]).expect("our FIN"), 0);
        drop(stream);
        let report = half.close();
        assert!(report.is_graceful(), "{report}");
        assert!(!open_inodes().contains(&held), "{held} is still open");
    });
}

#[test]
fn a_shutdown_that_fails_holds_no_descriptor() {
    on_both(|arm| {
        let (open, peer) = arm.to_peer(&[Reset], &Options::new());
        assert!(log_of(peer).completed);
        let held = inode_of(&open);
        // Dropping the error would close what it held.
        let error = open.shutdown_send().err().expect("the peer has reset");
        assert!(!open_inodes().contains(&held), "{held} is still open: {error}");
    });
}

#[test]
fn a_connection_that_has_ended_says_that_it_holds_no_socket() {
    on_both(|arm| {
        let (mut open, _peer) = arm.to_peer(&[Hold], &Options::new().deadline(Duration::from_millis(50)));
        assert!(open.socket().is_some());
        open.read(&mut [0; 8]).expect_err("the deadline");
        assert!(open.socket().is_none());
    });
}

/// What a descriptor leads to, by a name that no other open file has: numbers are taken again, these are not.
fn inode_of(open: &crate::arms::Open) -> String {
    use std::os::fd::AsRawFd;
    let fd = open.socket().expect("it is open").as_raw_fd();
    let path = std::fs::read_link(format!("/proc/self/fd/{fd}")).expect("an open descriptor");
    path.to_string_lossy().into_owned()
}

fn open_inodes() -> Vec<String> {
    let descriptors = std::fs::read_dir("/proc/self/fd").expect("proc");
    // One that another test closes meanwhile leads nowhere.
    let links = descriptors.filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok());
    links.map(|link| link.to_string_lossy().into_owned()).collect()
}
