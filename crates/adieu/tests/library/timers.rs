//! Every wait is bounded by what its user asked for, and by nothing else.

use crate::arms::{BOUND, bounded, log_of, on_both};
use adieu::{ConnectOptions, Ended, Ending, Endpoint, Interrupt, Limits, ListenOptions, Signal, Timer};
use adieu_testkit::peer::Step::{Close, Hold, ReceiveToEof, Send, Silence};
use adieu_testkit::peer::{ReceivedEnd, Step};
use adieu_testkit::places;
use adieu_testkit::waits::Sending;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

fn timer_of(error: &io::Error) -> Option<Timer> {
    assert_eq!(error.kind(), io::ErrorKind::TimedOut, "{error}");
    match error.get_ref()?.downcast_ref::<Ended>()?.ending {
        Ending::TimedOut { timer } => Some(timer),
        _ => None,
    }
}

/// More than the kernels' buffers take.
fn write_until_it_fails(to: &mut impl Write) -> io::Error {
    let chunk = vec![0; 1 << 20];
    loop {
        if let Err(error) = to.write_all(&chunk) {
            return error;
        }
    }
}

#[test]
fn an_interrupt_that_was_put_off_ends_a_read_when_its_time_has_come() {
    on_both(|arm| {
        let interrupt = Interrupt::new().expect("a pipe");
        let (mut open, _stream) = arm.to_std(&ConnectOptions::new().interrupt(&interrupt));
        let put_off = Instant::now();
        open.defer_interrupt(ms(150));
        interrupt.raise(Signal::Terminate);
        let error = open.read(&mut [0]).expect_err("nothing comes");
        let ended = error.get_ref().and_then(|error| error.downcast_ref::<Ended>());
        assert!(ended.is_some_and(|e| matches!(e.ending, Ending::Interrupted { .. })), "{error}");
        assert!(put_off.elapsed() >= ms(150), "{:?}", put_off.elapsed());
        let interrupt = Interrupt::new().expect("a pipe");
        let (mut open, _stream) = arm.to_std(&ConnectOptions::new().interrupt(&interrupt));
        open.defer_interrupt(Duration::MAX);
        interrupt.raise(Signal::Terminate);
        assert_eq!(open.read_within(&mut [0], ms(150)).expect("it is put off for ever"), None);
    });
}

#[test]
fn a_silent_peer_times_a_read_out() {
    on_both(|arm| {
        for (options, timer) in [
            (ConnectOptions::new().limits(Limits::new().idle_timeout(ms(150))), Timer::Idle),
            (ConnectOptions::new().limits(Limits::new().deadline(ms(150))), Timer::Deadline),
        ] {
            let (mut open, peer) = arm.to_peer(&[Hold, ReceiveToEof], &options);
            let error = open.read(&mut [0; 8]).expect_err("nothing comes");
            assert_eq!(timer_of(&error), Some(timer));
            let error = open.read(&mut [0; 8]).expect_err("and it stays so");
            assert_eq!(timer_of(&error), Some(timer));
            let error = open.shutdown_send().err().expect("the connection has ended");
            assert_eq!(
                (error.report().ending().name(), error.report().phase.name()),
                ("timed_out", "sending")
            );
            assert!(error.io_error().is_none(), "no call failed");
            assert_eq!(peer.finish().end(), Some(ReceivedEnd::Reset), "our stream was cut");
        }
    });
}

#[test]
fn a_peer_that_never_reads_times_a_write_out() {
    on_both(|arm| {
        for (options, timer) in [
            (ConnectOptions::new().limits(Limits::new().idle_timeout(ms(200))), Timer::Idle),
            (ConnectOptions::new().limits(Limits::new().deadline(ms(200))), Timer::Deadline),
        ] {
            let (mut open, peer) = arm.to_peer(&[Hold, ReceiveToEof], &options);
            let error = write_until_it_fails(&mut open);
            assert_eq!(timer_of(&error), Some(timer));
            drop(open);
            assert_eq!(peer.finish().end(), Some(ReceivedEnd::Reset), "our stream was cut");
        }
    });
}

const SPEAKS_TWICE: &[Step] = &[Send(10), Silence(ms(900)), Send(10), ReceiveToEof, Close];

#[test]
fn our_own_pause_between_two_reads_is_not_the_peers_silence() {
    on_both(|arm| {
        let (mut open, _peer) =
            arm.to_peer(SPEAKS_TWICE, &ConnectOptions::new().limits(Limits::new().idle_timeout(ms(600))));
        // A first read that waits, so that the idle clock has run.
        open.read_exact(&mut [0; 10]).expect("the peer speaks");
        // The program is busy; the peer speaks again 200 ms after we ask again.
        thread::sleep(ms(700));
        open.read_exact(&mut [0; 10]).expect("it was silent for 900 ms, and we waited for 200 of them");
        assert!(open.shutdown_send().expect("connected").drain().is_graceful());
    });
}

/// A peer that sends without end, and whoever reads it byte by byte never waits.
fn endless(stream: TcpStream) -> thread::JoinHandle<io::Result<u64>> {
    thread::spawn(move || io::copy(&mut io::repeat(b'x'), &mut Sending(stream)))
}

fn read_byte_by_byte(from: &mut impl Read) -> io::Error {
    loop {
        if let Err(error) = from.read(&mut [0]) {
            return error;
        }
    }
}

#[test]
fn the_deadline_ends_a_stream_that_never_pauses() {
    on_both(|arm| {
        let (open, stream) = arm.to_std(&ConnectOptions::new().limits(Limits::new().deadline(ms(300))));
        let sending = endless(stream);
        let mut half = open.shutdown_send().expect("connected");
        assert_eq!(timer_of(&read_byte_by_byte(&mut half)), Some(Timer::Deadline));
        let report = half.close();
        assert_eq!(
            (report.ending().name(), report.timer().map(adieu::Timer::name)),
            ("timed_out", Some("deadline")),
            "{report}"
        );
        assert!(
            sending.join().expect("it does not panic").is_err(),
            "our close is a reset to who still sends"
        );
    });
}

#[test]
fn the_deadline_ends_an_upload_that_never_pauses() {
    on_both(|arm| {
        let (mut open, mut stream) =
            arm.to_std(&ConnectOptions::new().limits(Limits::new().deadline(ms(300))));
        let taking = thread::spawn(move || io::copy(&mut stream, &mut io::sink()));
        let error = loop {
            if let Err(error) = open.write(b"x") {
                break error;
            }
        };
        assert_eq!(timer_of(&error), Some(Timer::Deadline));
        drop(open);
        let taken = taking.join().expect("it does not panic");
        if adieu_testkit::scenario::is_wine() {
            // Wine 8's recv says 0 after a reset, so std cannot see it.
            return;
        }
        assert_eq!(taken.expect_err("a cut upload is no end").kind(), io::ErrorKind::ConnectionReset);
    });
}

const SPEAKS_LATE: &[Step] = &[Silence(ms(50)), Send(10), ReceiveToEof, Close];

#[test]
fn a_timer_without_end_is_no_timer() {
    on_both(|arm| {
        let options = ConnectOptions::new().limits(
            Limits::new()
                .idle_timeout(Duration::MAX)
                .deadline(Duration::MAX)
                .connect_timeout(Duration::MAX)
                .input_grace(Duration::MAX),
        );
        let (mut open, _peer) = arm.to_peer(SPEAKS_LATE, &options);
        open.read_exact(&mut [0; 10]).expect("the peer speaks");
        assert!(open.shutdown_send().expect("connected").drain().is_graceful());
    });
}

#[test]
fn connecting_to_an_address_that_never_answers_times_out() {
    on_both(|arm| {
        let nobody = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let (address, _held) = places::unanswering(nobody).expect("a full backlog");
        for (options, timer) in [
            (ConnectOptions::new().limits(Limits::new().connect_timeout(ms(200))), "connect"),
            (ConnectOptions::new().limits(Limits::new().connect_timeout(None).deadline(ms(200))), "deadline"),
        ] {
            let error = arm.connect(&address.into(), &options).err().expect("nobody answers");
            assert!(matches!(error.cause(), adieu::ConnectCause::TimedOut(_)), "{error}");
            let report = error.report();
            assert_eq!(
                (report.ending().name(), report.timer().map(adieu::Timer::name), report.phase.name()),
                ("timed_out", Some(timer), "connecting")
            );
        }
    });
}

#[test]
fn an_interrupt_wakes_a_blocked_read() {
    on_both(|arm| {
        let interrupt = Interrupt::new().expect("a pipe");
        let (mut open, peer) =
            arm.to_peer(&[Hold, ReceiveToEof], &ConnectOptions::new().interrupt(&interrupt));
        let raising = thread::spawn(move || interrupt.raise(Signal::Interrupt));
        let error = open.read(&mut [0; 8]).expect_err("interrupted");
        // Not `Interrupted`, which std's own loops take for "try again".
        assert_eq!(error.kind(), io::ErrorKind::ConnectionAborted);
        let report = open.abort();
        assert_eq!(
            (report.ending().name(), report.signal().map(adieu::Signal::name)),
            ("interrupted", Some("SIGINT"))
        );
        raising.join().expect("it does not panic");
        assert_eq!(peer.finish().end(), Some(ReceivedEnd::Reset));
    });
}

#[test]
fn an_interrupt_ends_the_wait_for_the_peers_end() {
    on_both(|arm| {
        let interrupt = Interrupt::new().expect("a pipe");
        let (open, _peer) = arm.to_peer(&[Hold], &ConnectOptions::new().interrupt(&interrupt));
        let half = open.shutdown_send().expect("connected");
        let raising = thread::spawn(move || interrupt.raise(Signal::Terminate));
        let report = half.drain();
        assert_eq!(
            (report.ending().name(), report.signal().map(adieu::Signal::name), report.exit_code()),
            ("interrupted", Some("SIGTERM"), 143)
        );
        raising.join().expect("it does not panic");
    });
}

#[test]
fn an_interrupt_ends_a_stream_that_never_pauses() {
    on_both(|arm| {
        let interrupt = Interrupt::new().expect("a pipe");
        let (open, stream) = arm.to_std(&ConnectOptions::new().interrupt(&interrupt));
        let sending = endless(stream);
        let mut half = open.shutdown_send().expect("connected");
        half.read_exact(&mut [0; 10_000]).expect("the stream flows");
        interrupt.raise(Signal::Terminate);
        let error = read_byte_by_byte(&mut half);
        assert_eq!(error.kind(), io::ErrorKind::ConnectionAborted);
        let report = half.close();
        assert_eq!(
            (report.ending().name(), report.signal().map(adieu::Signal::name), report.exit_code()),
            ("interrupted", Some("SIGTERM"), 143)
        );
        assert!(sending.join().expect("it does not panic").is_err());
    });
}

#[test]
fn an_interrupt_wakes_accept_and_connect() {
    bounded("accept", || {
        let interrupt = Interrupt::new().expect("a pipe");
        let options = ListenOptions::new().interrupt(&interrupt);
        let listener = adieu::Listener::bind(&Endpoint::tcp("127.0.0.1", 0), &options).expect("loopback");
        let raising = thread::spawn(move || interrupt.raise(Signal::Interrupt));
        let error = listener.accept().expect_err("nobody comes");
        assert_eq!(error.kind(), io::ErrorKind::Interrupted);
        raising.join().expect("it does not panic");
    });
    on_both(|arm| {
        let interrupt = Interrupt::new().expect("a pipe");
        let nobody = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let (address, _held) = places::unanswering(nobody).expect("a full backlog");
        let options = ConnectOptions::new().interrupt(&interrupt);
        let raising = thread::spawn(move || interrupt.raise(Signal::Interrupt));
        let error = arm.connect(&address.into(), &options).err().expect("nobody answers");
        assert!(matches!(error.cause(), adieu::ConnectCause::Interrupted), "{error}");
        assert_eq!((error.report().ending().name(), error.report().exit_code()), ("interrupted", 130));
        raising.join().expect("it does not panic");
        let error = arm.connect(&address.into(), &options).err().expect("it stays raised");
        assert!(matches!(error.cause(), adieu::ConnectCause::Interrupted), "{error}");
    });
}

#[test]
fn closing_waits_for_the_acknowledgement_and_for_no_timer() {
    on_both(|arm| {
        let (mut open, peer) = arm.to_peer(&[ReceiveToEof, Close], &ConnectOptions::new());
        open.write_all(&[0; 100]).expect("taken");
        let began = Instant::now();
        let report = open.shutdown_send().expect("connected").drain();
        assert!(report.is_graceful(), "{report}");
        assert!(began.elapsed() < BOUND / 4, "{:?}", began.elapsed());
        assert!(log_of(peer).completed);
    });
}

#[test]
fn a_connection_is_waited_for_as_long_as_was_said_and_accepted_if_it_comes() {
    let listener =
        adieu::Listener::bind(&Endpoint::tcp("127.0.0.1", 0), &ListenOptions::new()).expect("loopback");
    let limit = Duration::from_millis(50);
    let began = Instant::now();
    assert!(listener.accept_within(limit).expect("it listens").is_none());
    assert!(began.elapsed() >= limit, "{:?}", began.elapsed());
    let connection = adieu::connect(listener.local_endpoint(), &ConnectOptions::new()).expect("it listens");
    assert!(listener.accept_within(BOUND).expect("it listens").is_some());
    drop(connection);
    assert!(listener.accept_within(Duration::ZERO).expect("it listens").is_none());
}

#[test]
fn one_deadline_counts_for_every_connection_however_late_it_begins() {
    // Already over: without it they would end when the peer has been silent for too long.
    let limits = Limits::new().idle_timeout(BOUND).deadline(BOUND).deadline_at(Instant::now());
    let options = ListenOptions::new().limits(limits.clone());
    let listener = adieu::Listener::bind(&Endpoint::tcp("127.0.0.1", 0), &options).expect("loopback");
    for _ in 0..2 {
        let peer = adieu::connect(listener.local_endpoint(), &ConnectOptions::new()).expect("it listens");
        let mut accepted = listener.accept().expect("it connected");
        let error = accepted.read(&mut [0]).expect_err("nothing comes");
        assert_eq!(timer_of(&error), Some(Timer::Deadline));
        drop(peer);
    }
    let options = ConnectOptions::new().limits(limits);
    let peer = adieu::connect(listener.local_endpoint(), &options).expect_err("there is no time for it");
    assert_eq!(
        (peer.report().ending().name(), peer.report().timer().map(adieu::Timer::name)),
        ("timed_out", Some("deadline")),
        "{peer}"
    );
}
