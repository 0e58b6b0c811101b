//! Sockets that the program already has, and that are finished: by one call that blocks, on an event loop, and on tokio.

mod refused;

use crate::arms::{after_a_reset, bounded, runtime};
use adieu::{
    AdoptError, AtBound, Ending, Finish, Finisher, FinisherWaits, LocalEnd, Progress, Report, Side, Timer,
    Transport,
};
use adieu_testkit::places;
use adieu_testkit::scenario::is_wine;
use adieu_testkit::waits::{Sending, reset};
use socket2::Socket;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Both ends of a connection over loopback.
pub(crate) fn pair() -> (TcpStream, TcpStream) {
    let listener = places::listener();
    let begun = TcpStream::connect(listener.local_addr().expect("bound")).expect("it listens");
    (begun, listener.accept().expect("it has connected").0)
}

/// Waits until the kernel has told the socket of something.
fn await_news(stream: &TcpStream) {
    let mut watches = [adieu_os::Watch::readable(Some(adieu_os::AsPollable::as_pollable(stream)))];
    adieu_os::wait(&mut watches, Some(Duration::from_secs(10))).expect("it can be waited for");
    assert!(watches[0].ready.any, "nothing comes");
}

/// Demands that it was reset, with a FIN before that or not; or that it was not. Wine tells no reset to who only receives.
pub(crate) fn assert_reset(stream: TcpStream, expected: bool) {
    let was = was_reset(stream);
    assert!(was == expected || is_wine() && expected, "reset: {was}");
}

/// After a FIN a receive does not tell.
fn was_reset(mut stream: TcpStream) -> bool {
    let mut buffer = [0; 4096];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return Socket::from(stream).take_error().expect("a socket").is_some(),
            Ok(_) => {}
            Err(error) => return error.kind() == io::ErrorKind::ConnectionReset,
        }
    }
}

/// What a finisher waits for, in the words of `poll`.
fn watch<'a>(waits: &FinisherWaits<'a>) -> adieu_os::Watch<'a> {
    match waits.on {
        Some(on) => adieu_os::Watch::new(on, waits.readable, waits.writable),
        None => adieu_os::Watch::none(),
    }
}

/// Waits for it, as an event loop does.
pub(crate) fn wait<S: AsLent>(finisher: &Finisher<S>) {
    let waits = finisher.waits();
    let left = waits.until.map(|until| until.saturating_duration_since(Instant::now()));
    adieu_os::wait(&mut [watch(&waits)], left).expect("it can be waited for");
}

#[cfg(unix)]
use std::os::fd::AsFd as AsLent;
#[cfg(windows)]
use std::os::windows::io::AsSocket as AsLent;

fn by_finisher<S: AsLent>(socket: S, finish: &Finish) -> Result<Report, AdoptError> {
    let mut finisher = Finisher::begin(socket, finish)?;
    loop {
        match finisher.advance(Instant::now()) {
            Progress::Finished(report) => return Ok(*report),
            Progress::Waiting => wait(&finisher),
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Way {
    Call,
    Loop,
    Tokio,
}

/// Runs a test's body in each way, bounded: a hang fails the test by name.
fn in_every_way(body: fn(Way)) {
    for way in [Way::Call, Way::Loop, Way::Tokio] {
        bounded(&format!("{way:?}"), move || body(way));
    }
}

impl Way {
    fn finish(self, stream: TcpStream, finish: &Finish) -> Report {
        match self {
            Self::Call => adieu::finish(stream, finish),
            Self::Loop => by_finisher(stream, finish).expect("a connected stream"),
            Self::Tokio => runtime().block_on(async {
                stream.set_nonblocking(true).expect("a socket");
                let stream = tokio::net::TcpStream::from_std(stream).expect("descriptors are left");
                adieu::tokio::finish(stream, finish).await
            }),
        }
    }
}

#[test]
fn a_peer_that_ends_after_us_makes_it_graceful() {
    in_every_way(|way| {
        let (mut ours, mut theirs) = pair();
        ours.write_all(b"this is a test").expect("there is room");
        let peer = std::thread::spawn(move || {
            let mut request = Vec::new();
            theirs.read_to_end(&mut request).expect("it ends");
            theirs.write_all(b"and this is late").expect("there is room");
            request
        });
        let report = way.finish(ours, &Finish::new());
        assert!(report.is_graceful(), "{report}");
        assert_eq!((report.role, report.transport), (None, Some(Transport::Tcp)));
        assert_eq!((report.bytes_received, report.bytes_written, report.bytes_discarded), (16, 0, 16));
        if cfg!(target_os = "linux") {
            let says = "graceful: 16 bytes received (16 of them discarded), everything sent is acknowledged";
            assert_eq!(report.to_string(), says);
        }
        assert_eq!((report.bytes_unacknowledged, report.fin_acknowledged), (Some(0), Some(true)));
        assert_eq!(peer.join().expect("it does not panic"), b"this is a test");
    });
}

#[test]
fn a_peer_that_has_ended_and_said_much_before_is_drained() {
    in_every_way(|way| {
        let (ours, mut theirs) = pair();
        // Unread at a close, this would be answered by a reset.
        theirs.write_all(&vec![b'x'; 40_000]).expect("there is room");
        theirs.shutdown(Shutdown::Write).expect("connected");
        let report = way.finish(ours, &Finish::new());
        assert!(report.is_graceful(), "{report}");
        assert_eq!(
            (report.bytes_received, report.ended_first),
            (40_000, cfg!(target_os = "linux").then_some(Side::Peer))
        );
        assert_eq!(theirs.read(&mut [0; 1]).expect("an EOF, and no reset"), 0);
    });
}

#[test]
fn late_bytes_are_discarded_however_many_they_are() {
    in_every_way(|way| {
        let (ours, theirs) = pair();
        let writer = std::thread::spawn(move || Sending(theirs).write_all(&vec![b'x'; 3_000_000]));
        let report = way.finish(ours, &Finish::new());
        writer.join().expect("it does not panic").expect("somebody drains");
        assert!(report.is_graceful(), "{report}");
        let counted = (report.bytes_received, report.bytes_written, report.bytes_discarded);
        assert_eq!(counted, (3_000_000, 0, 3_000_000));
    });
}

#[test]
fn late_bytes_go_to_the_sink_in_order() {
    in_every_way(|way| {
        let (ours, mut theirs) = pair();
        let sent: Vec<u8> = (0..=255).cycle().take(200_000).collect();
        let writer = std::thread::spawn({
            let sent = sent.clone();
            move || theirs.write_all(&sent).expect("somebody drains")
        });
        let got = Arc::new(Mutex::new(Vec::new()));
        let finish = Finish::new().late_bytes({
            let got = Arc::clone(&got);
            move |bytes| {
                got.lock().expect("nobody panics").extend_from_slice(bytes);
                Ok(())
            }
        });
        let report = way.finish(ours, &finish);
        writer.join().expect("it does not panic");
        assert!(report.is_graceful(), "{report}");
        assert!(*got.lock().expect("nobody panics") == sent);
        assert_eq!((report.bytes_written, report.bytes_discarded), (200_000, 0));
    });
}

#[test]
fn a_sink_that_fails_resets() {
    in_every_way(|way| {
        let (ours, mut theirs) = pair();
        theirs.write_all(b"hi").expect("there is room");
        let finish = Finish::new().late_bytes(|_| Err(io::Error::other("full")));
        let report = way.finish(ours, &finish);
        assert_eq!(report.ending(), Ending::LocalFailure { end: LocalEnd::Output }, "{report}");
        let error = report.error.as_ref().expect("it told one");
        assert_eq!((error.code, &*error.words), (None, "full"));
        assert_reset(theirs, true);
    });
}

#[test]
fn more_late_bytes_than_allowed_reset() {
    in_every_way(|way| {
        let (ours, theirs) = pair();
        let writer = std::thread::spawn(move || {
            // An endless stream.
            while Sending(&theirs).write_all(&[b'x'; 4096]).is_ok() {}
        });
        let report = way.finish(ours, &Finish::new().late_limit(100_000));
        assert_eq!(report.ending(), Ending::Reset { by: Side::Us }, "{report}");
        assert!(report.bytes_received > 100_000, "{report}");
        writer.join().expect("the reset ends it");
        let (ours, theirs) = pair();
        (&theirs).write_all(b"four").expect("there is room");
        theirs.shutdown(Shutdown::Write).expect("connected");
        let report = way.finish(ours, &Finish::new().late_limit(4));
        assert!(report.is_graceful(), "as many as allowed: {report}");
    });
}

#[test]
fn a_silent_peer_is_reset_at_the_deadline() {
    in_every_way(|way| {
        let (ours, theirs) = pair();
        let report = way.finish(ours, &Finish::new().deadline(Duration::from_millis(20)));
        assert_eq!(report.ending(), Ending::TimedOut { timer: Timer::Deadline }, "{report}");
        assert_reset(theirs, true);

        let (ours, theirs) = pair();
        let finish = Finish::new().idle_timeout(Duration::from_millis(20)).at_bound(AtBound::Close);
        let report = way.finish(ours, &finish);
        assert_eq!(report.ending(), Ending::TimedOut { timer: Timer::Idle }, "{report}");
        assert_reset(theirs, false);
    });
}

#[test]
fn a_bound_that_closes_lets_the_whole_stream_be_delivered_also_if_it_comes_at_once() {
    in_every_way(|way| {
        let finish = Finish::new().at_bound(AtBound::Close);
        let (mut ours, mut theirs) = pair();
        ours.write_all(b"this is a test").expect("there is room");
        let report = way.finish(ours, &finish.clone().deadline(Duration::ZERO));
        assert_eq!(report.ending(), Ending::TimedOut { timer: Timer::Deadline }, "{report}");
        let mut taken = String::new();
        theirs.read_to_string(&mut taken).expect("an EOF, and no reset");
        assert_eq!(taken, "this is a test");

        // The peer has ended first, and what it had said is more than is allowed.
        let (mut ours, mut theirs) = pair();
        ours.write_all(b"this is a test").expect("there is room");
        theirs.write_all(&[b'x'; 100]).expect("there is room");
        theirs.shutdown(Shutdown::Write).expect("connected");
        await_news(&ours);
        let report = way.finish(ours, &finish.late_limit(10));
        assert_eq!(report.bytes_received, 100, "{report}");
        let mut taken = String::new();
        theirs.read_to_string(&mut taken).expect("an EOF, and no reset");
        assert_eq!(taken, "this is a test");
    });
}

#[test]
fn what_the_program_sent_and_the_peer_never_took_is_counted() {
    in_every_way(|way| {
        let (ours, _theirs) = pair();
        ours.set_nonblocking(true).expect("a socket");
        // Until both kernels are full.
        while (&ours).write(&[b'x'; 16_384]).is_ok() {}
        let report = way.finish(ours, &Finish::new().deadline(Duration::from_millis(20)));
        assert_eq!(report.timer(), Some(Timer::Deadline), "{report}");
        if cfg!(target_os = "linux") {
            let left = report.bytes_unacknowledged.expect("SIOCOUTQ tells");
            let says = format!("{left} bytes sent before not acknowledged");
            assert!(left > 0 && report.to_string().contains(&says), "{report}");
        }
    });
}

#[test]
fn a_reset_before_and_during_is_told() {
    in_every_way(|way| {
        let (ours, theirs) = pair();
        reset(theirs);
        await_news(&ours);
        let report = way.finish(ours, &Finish::new());
        assert_eq!(report.ending().name(), after_a_reset(), "{report}");

        let (ours, theirs) = pair();
        let peer = std::thread::spawn(move || {
            let _ = (&theirs).read(&mut [0; 1]);
            reset(theirs);
        });
        let report = way.finish(ours, &Finish::new());
        assert!(report.ending() == Ending::Reset { by: Side::Peer } || is_wine(), "{report}");
        peer.join().expect("it does not panic");
    });
}

#[test]
fn it_may_be_non_blocking_or_half_closed_or_both() {
    in_every_way(|way| {
        let (ours, mut theirs) = pair();
        ours.set_nonblocking(true).expect("a socket");
        ours.shutdown(Shutdown::Write).expect("connected");
        let peer = std::thread::spawn(move || theirs.read_to_end(&mut Vec::new()));
        let report = way.finish(ours, &Finish::new());
        // Both directions may be over by then, and only Linux's counters tell how.
        let is_unknown = report.ending().name() == "indeterminate" && cfg!(not(target_os = "linux"));
        assert!(report.is_graceful() || is_unknown, "{report}");
        peer.join().expect("it does not panic").expect("an EOF");
    });
}

#[cfg(unix)]
#[test]
fn a_unix_socket_is_finished_too() {
    use std::os::unix::net::UnixStream;
    bounded("a Unix socket", || {
        let (ours, theirs) = UnixStream::pair().expect("descriptors are left");
        (&theirs).write_all(b"late").expect("there is room");
        theirs.shutdown(Shutdown::Write).expect("connected");
        let report = adieu::finish(ours, &Finish::new());
        assert_eq!((report.bytes_received, report.transport), (4, Some(Transport::Unix)));
        assert!(report.is_graceful(), "{report}");
    });
}

/// A sink that blocks takes time of which the loop knows only afterwards.
#[test]
fn what_a_slow_sink_takes_is_no_silence_of_the_peers() {
    bounded("a slow sink", || {
        let (ours, mut theirs) = pair();
        let finish = Finish::new().idle_timeout(Duration::from_millis(400)).late_bytes(|_| Ok(()));
        let began = Instant::now();
        theirs.write_all(b"late").expect("there is room");
        await_news(&ours);
        let mut finisher = Finisher::begin(ours, &finish).expect("a connected stream");
        let mut advance = |after| finisher.advance(began + Duration::from_millis(after));
        for after in [0, 1000, 1000, 1399] {
            let progress = advance(after);
            assert!(matches!(progress, Progress::Waiting), "{after} ms: {progress:?}");
        }
        // What is seen of an acknowledgement meanwhile is a sign of life.
        let ended = (1..20).find_map(|n| match advance(1399 + n * 401) {
            Progress::Finished(report) => Some(report),
            Progress::Waiting => None,
        });
        let report = ended.expect("it is silent");
        assert_eq!(report.timer(), Some(Timer::Idle), "{report}");
    });
}

#[test]
fn a_borrowed_socket_is_left_to_its_owner() {
    bounded("a borrowed socket", || {
        let (ours, mut theirs) = pair();
        theirs.shutdown(Shutdown::Write).expect("connected");
        let report = by_finisher(&ours, &Finish::new()).expect("a connected stream");
        assert!(report.is_graceful(), "{report}");
        assert!(ours.local_addr().is_ok(), "it is open");
        assert_eq!(theirs.read(&mut [0; 1]).expect("our FIN"), 0);

        let (ours, theirs) = pair();
        let finish = Finish::new().deadline(Duration::ZERO);
        let report = by_finisher(&ours, &finish).expect("a connected stream");
        assert_eq!(report.timer(), Some(Timer::Deadline), "{report}");
        drop(ours);
        assert_reset(theirs, true);
    });
}

#[test]
fn the_time_is_what_the_loop_says() {
    let (ours, _theirs) = pair();
    let mut finisher = Finisher::begin(ours, &Finish::new()).expect("a connected stream");
    let began = Instant::now();
    assert_eq!(finisher.advance(began), Progress::Waiting);
    assert!(finisher.waits().readable && finisher.waits().until.is_some());
    assert_eq!(finisher.advance(began + Finish::DEADLINE / 2), Progress::Waiting);
    let Progress::Finished(report) = finisher.advance(began + Finish::DEADLINE * 2) else {
        panic!("the deadline has passed");
    };
    assert_eq!(report.timer(), Some(Timer::Deadline), "{report}");
    assert!(matches!(finisher.advance(began), Progress::Finished(again) if again == report));
}

#[test]
fn a_finisher_that_is_dropped_or_aborted_closes() {
    let (ours, theirs) = pair();
    drop(Finisher::begin(ours, &Finish::new()).expect("a connected stream"));
    assert_reset(theirs, true);

    let (ours, mut theirs) = pair();
    let mut finisher = Finisher::begin(ours, &Finish::new()).expect("a connected stream");
    assert_eq!(finisher.advance(Instant::now()), Progress::Waiting);
    drop(finisher);
    assert_eq!(theirs.read(&mut [0; 1]).expect("our FIN"), 0);

    let (ours, theirs) = pair();
    let report = Finisher::begin(ours, &Finish::new()).expect("a connected stream").abort();
    assert_eq!(report.ending(), Ending::Reset { by: Side::Us });
    drop(theirs);
}

#[cfg(target_os = "linux")]
mod linux_tests {
    use super::*;
    use adieu::Missing;

    #[test]
    fn a_reset_that_the_program_was_told_of_is_not_taken_for_an_end() {
        in_every_way(|way| {
            let (mut ours, theirs) = pair();
            reset(theirs);
            // It is told once.
            ours.read(&mut [0; 1]).expect_err("a reset");
            let report = way.finish(ours, &Finish::new());
            assert_eq!(report.ending(), Ending::Indeterminate { missing: Missing::Cause }, "{report}");
        });
    }

    /// Waits until the connection of this socket is over.
    fn await_the_end(stream: &TcpStream) {
        let mut watches = [adieu_os::Watch::new(adieu_os::AsPollable::as_pollable(stream), false, false)];
        adieu_os::wait(&mut watches, Some(Duration::from_secs(10))).expect("it can be waited for");
        assert!(watches[0].ready.alert, "it does not end");
    }

    #[test]
    fn what_had_ended_gracefully_before_is_known_from_the_kernels_counters() {
        use adieu::Role;
        in_every_way(|way| {
            for (is_read, says) in [(true, 0), (false, 0), (true, 5), (false, 5)] {
                let (mut ours, mut theirs) = pair();
                ours.write_all(b"question").expect("there is room");
                ours.shutdown(Shutdown::Write).expect("connected");
                theirs.read_to_end(&mut Vec::new()).expect("it ends");
                theirs.write_all(&b"hello"[..says]).expect("there is room");
                theirs.shutdown(Shutdown::Write).expect("connected");
                await_the_end(&ours);
                if is_read {
                    ours.read_to_end(&mut Vec::new()).expect("it ends");
                }
                // The other side is over at the same time.
                let report = way.finish(theirs, &Finish::new().role(Role::Listen));
                assert!(report.is_graceful() && report.ended_first.is_none(), "{report}");
                let report = way.finish(ours, &Finish::new());
                assert!(report.is_graceful(), "{report}");
                assert_eq!(report.bytes_received, if is_read { 0 } else { says as u64 });
                assert_eq!((report.fin_acknowledged, report.ended_first), (Some(true), None));
            }
        });
    }

    #[test]
    fn what_was_over_and_not_whole_is_not_taken_for_graceful() {
        use adieu::Role;
        const UNKNOWN: Ending = Ending::Indeterminate { missing: Missing::Cause };
        in_every_way(|way| {
            // A reset after our FIN, of which the program was told.
            let (mut ours, theirs) = pair();
            ours.shutdown(Shutdown::Write).expect("connected");
            assert_eq!((&theirs).read(&mut [0; 1]).expect("our FIN"), 0);
            reset(theirs);
            ours.read(&mut [0; 1]).expect_err("a reset");
            assert_eq!(way.finish(ours, &Finish::new().role(Role::Connect)).ending(), UNKNOWN);
            // A FIN, then a reset because what we sent was not read.
            let (mut ours, theirs) = pair();
            drop(theirs);
            assert_eq!(ours.read(&mut [0; 1]).expect("a FIN"), 0);
            while ours.write_all(b"x").is_ok() {}
            assert_eq!(way.finish(ours, &Finish::new().role(Role::Connect)).ending(), UNKNOWN);
            // It ended first, and does not say which side it is.
            let (ours, theirs) = pair();
            ours.shutdown(Shutdown::Write).expect("connected");
            theirs.shutdown(Shutdown::Write).expect("connected");
            await_the_end(&theirs);
            assert_eq!(way.finish(theirs, &Finish::new()).ending(), UNKNOWN);
        });
    }

    #[test]
    fn urgent_data_is_part_of_what_is_drained() {
        in_every_way(|way| {
            let (ours, theirs) = pair();
            let theirs = Socket::from(theirs);
            theirs.send(b"before").expect("there is room");
            theirs.send_out_of_band(b"!").expect("there is room");
            theirs.send(b"after").expect("there is room");
            theirs.shutdown(Shutdown::Write).expect("connected");
            let report = way.finish(ours, &Finish::new());
            assert!(report.is_graceful(), "{report}");
            assert_eq!(report.bytes_received, 12);
        });
    }

    #[test]
    fn a_thousand_are_finished_on_one_thread_without_a_busy_wait() {
        const SOCKETS: usize = 1000;
        adieu_os::raise_descriptor_limit();
        if adieu_os::free_descriptors() < 3 * SOCKETS {
            adieu_testkit::skip::loudly("a_thousand_are_finished", &io::Error::other("ulimit -n"));
            return;
        }
        bounded("a thousand", || {
            let pairs: Vec<_> = (0..SOCKETS).map(|_| pair()).collect();
            let (ours, theirs): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
            let peers = std::thread::spawn(move || {
                for mut stream in theirs {
                    stream.read_to_end(&mut Vec::new()).expect("it is shut down");
                    stream.write_all(&[b'x'; 100]).expect("there is room");
                }
            });
            let begin = |stream| Finisher::begin(stream, &Finish::new()).expect("a connected stream");
            let mut open: Vec<_> = ours.into_iter().map(begin).collect();
            let (mut advances, mut graceful) = (0, 0);
            // At first all; then only those of which something came.
            let mut due: Vec<bool> = vec![true; open.len()];
            loop {
                let mut due_now = due.into_iter();
                open.retain_mut(|finisher| {
                    if !due_now.next().expect("one for each") {
                        return true;
                    }
                    advances += 1;
                    match finisher.advance(Instant::now()) {
                        Progress::Waiting => true,
                        Progress::Finished(report) => {
                            graceful += usize::from(report.is_graceful() && report.bytes_received == 100);
                            false
                        }
                    }
                });
                if open.is_empty() {
                    break;
                }
                let waits: Vec<_> = open.iter().map(Finisher::waits).collect();
                let until = waits.iter().filter_map(|waits| waits.until).min();
                let mut watches: Vec<_> = waits.iter().map(watch).collect();
                adieu_os::wait(&mut watches, until.map(|at| at.saturating_duration_since(Instant::now())))
                    .expect("it can be waited for");
                let now = Instant::now();
                let is_due = |at: Option<Instant>| at.is_some_and(|at| at <= now);
                due = watches
                    .iter()
                    .zip(&waits)
                    .map(|(watch, waits)| watch.ready.any || is_due(waits.until))
                    .collect();
            }
            peers.join().expect("it does not panic");
            assert_eq!(graceful, SOCKETS);
            // Its beginning, the answer, the EOF, an acknowledgement, and a look of a timer's in between.
            assert!(advances <= 10 * SOCKETS, "{advances}");
        });
    }
}
