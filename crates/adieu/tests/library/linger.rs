//! The bound on closing alone, and what the peer sees of it.

use crate::arms::{BOUND, log_of, on_both, secure_listener};
use adieu::{ConnectOptions, Limits, Report, Timer};
use adieu_testkit::peer::Step;
use adieu_testkit::peer::Step::{
    Close, Hold, Receive, ReceiveBuffer, ReceiveToEof, Send, ShutdownSend, Silence,
};
use adieu_testkit::scenario::is_wine;
use adieu_testkit::waits::Sending;
use std::io::{self, Read, Write};
use std::thread;
use std::time::{Duration, Instant};

const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

#[track_caller]
fn assert_lingered(report: &Report, phase: &str) {
    let ending = (report.ending().name(), report.timer(), report.phase.name(), report.exit_code());
    assert_eq!(ending, ("timed_out", Some(Timer::Linger), phase, 5), "{report}");
    let sentence = report.to_string();
    assert!(sentence.contains("closing took longer than its limit"), "{sentence}");
}

/// Sends without end, and says how it was stopped.
fn endless(stream: std::net::TcpStream) -> thread::JoinHandle<io::Result<u64>> {
    thread::spawn(move || io::copy(&mut io::repeat(b'x'), &mut Sending(stream)))
}

#[test]
fn a_drain_within_a_limit_ends_a_peer_that_never_does_and_it_sees_a_reset() {
    on_both(|arm| {
        let (mut open, mut stream) = arm.to_std(&ConnectOptions::new());
        open.write_all(b"bye").expect("taken");
        let half = open.shutdown_send().expect("connected");
        let mut all = [0; 8];
        let mut received = 0;
        while let n @ 1.. = stream.read(&mut all[received..]).expect("connected") {
            received += n;
        }
        assert_eq!(&all[..received], b"bye");
        let began = Instant::now();
        assert_lingered(&half.drain_within(ms(100)), "draining");
        assert!(began.elapsed() >= ms(100) && began.elapsed() < BOUND, "{:?}", began.elapsed());
        // A close alone would send nothing after our FIN.
        let until = Instant::now() + BOUND;
        while !is_wine() && stream.take_error().expect("a socket").is_none() {
            assert!(Instant::now() < until, "the peer must not believe that it is still heard");
            thread::yield_now();
        }
    });
}

#[test]
fn bytes_that_move_do_not_lengthen_it() {
    on_both(|arm| {
        let limits = Limits::new().linger(ms(200));
        let (mut open, stream) = arm.to_std(&ConnectOptions::new().limits(limits));
        let sending = endless(stream);
        open.read_exact(&mut [0]).expect("the stream flows");
        let report = open.shutdown_send().expect("connected").drain();
        assert_lingered(&report, "draining");
        sending.join().expect("it does not panic").expect_err("it is no longer heard");
    });
}

const ANSWERS_AFTER_THE_BOUND: &[Step] = &[Receive(4), Silence(ms(300)), Send(10), ReceiveToEof, Close];

/// A deadline of the same length would end it in its middle.
#[test]
fn a_connection_that_is_still_sending_is_left_alone() {
    on_both(|arm| {
        let limits = Limits::new().linger(ms(100));
        let (mut open, _peer) = arm.to_peer(ANSWERS_AFTER_THE_BOUND, &ConnectOptions::new().limits(limits));
        open.write_all(b"ping").expect("taken");
        open.read_exact(&mut [0; 10]).expect("it answers after 300 ms");
        open.write_all(b"more").expect("taken");
        let report = open.shutdown_send().expect("connected").drain_within(BOUND);
        // From here on the bound counts, and a busy machine may exceed it.
        assert!(report.is_graceful() || report.timer() == Some(Timer::Linger), "{report}");
    });
}

#[test]
fn what_is_not_acknowledged_at_the_bound_is_dropped_and_counted() {
    on_both(|arm| {
        let script = &[ReceiveBuffer(4_096), ShutdownSend, Hold];
        let (mut open, _peer) = arm.to_peer(script, &ConnectOptions::new());
        assert_eq!(open.read(&mut [0]).expect("the peer has ended"), 0);
        // More than the peer's window was at its widest, so some of it and our FIN are not acknowledged.
        open.write_all(&vec![0; 128 * 1024]).expect("our kernel takes it");
        let report = open.shutdown_send().expect("connected").drain_within(ms(150));
        assert_lingered(&report, "closing");
        assert_ne!(report.fin_acknowledged, Some(true));
        assert!(report.bytes_unacknowledged.is_none_or(|bytes| bytes > 0), "{report}");
    });
}

const ENDS_LATE: &[Step] = &[ReceiveToEof, Silence(ms(50)), Send(10), Close];

#[test]
fn a_peer_that_ends_in_time_is_graceful() {
    on_both(|arm| {
        let (mut open, peer) = arm.to_peer(ENDS_LATE, &ConnectOptions::new());
        open.write_all(b"ping").expect("taken");
        let report = open.shutdown_send().expect("connected").drain_within(BOUND);
        assert!(report.is_graceful(), "{report}");
        assert_eq!(report.bytes_received, 10);
        assert!(log_of(peer).completed);
    });
}

/// The client has read our close_notify and goes on sending.
#[test]
fn a_drain_within_a_limit_bounds_a_secure_connection_too() {
    on_both(|arm| {
        let (listener, options) = secure_listener();
        let endpoint = listener.local_endpoint().clone();
        let peer = thread::spawn(move || {
            let mut connection = listener.accept().expect("a client");
            // On a busy machine the reset may come first.
            let _ = connection.read_to_end(&mut Vec::new());
            loop {
                if let Err(error) = connection.write_all(&[0; 10_000]) {
                    return error;
                }
            }
        });
        let open = arm.connect(&endpoint, &options).expect("it listens");
        let report = open.shutdown_send().expect("connected").drain_within(ms(200));
        assert_lingered(&report, "draining");
        peer.join().expect("it does not panic");
    });
}
