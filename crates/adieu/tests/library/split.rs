//! A connection in two halves, which two threads use at the same time: over TCP, TLS and Unix sockets.

use crate::arms::{BOUND, bounded, log_of};
use crate::over::{Over, over_each};
use adieu::tls::{Client, Server};
use adieu::{
    ConnectOptions, Connection, Ended, Ending, EndingHandle, Endpoint, Interrupt, Limits, ListenOptions,
    Listener, ReadHalf, Side, Signal, Timer, WriteHalf,
};
use adieu_testkit::pattern::Pattern;
use adieu_testkit::peer::Step::{AwaitAcknowledged, AwaitClientBytes, Reset, Send};
use adieu_testkit::peer::{Bind, PeerHandle};
use adieu_testkit::scenario::is_wine;
use std::io::{self, Read, Write};
use std::marker;
use std::thread::{self, JoinHandle};
use std::time::Duration;

fn sends(mut writing: WriteHalf, pattern: Pattern, bytes: u64) -> JoinHandle<io::Result<()>> {
    thread::spawn(move || {
        io::copy(&mut pattern.reader(bytes), &mut writing)?;
        writing.shutdown_send()
    })
}

/// Reads to the end, and says how much it was: all of it as it was sent.
fn receives(mut reading: ReadHalf, pattern: Pattern) -> JoinHandle<(ReadHalf, u64)> {
    thread::spawn(move || {
        let mut buffer = vec![0; 32 * 1024];
        let mut received = 0;
        loop {
            let n = reading.read(&mut buffer).expect("it is sent");
            if n == 0 {
                return (reading, received);
            }
            assert_eq!(pattern.first_difference(received, &buffer[..n]), None);
            received += n as u64;
        }
    })
}

/// A thread that reads until it cannot, and gives back what it read with.
fn reads_to_its_error(mut reading: ReadHalf) -> Task<(ReadHalf, io::Error)> {
    Task::new(move || {
        loop {
            match reading.read(&mut [0; 512]) {
                Ok(0) => panic!("an end"),
                Ok(_) => {}
                Err(error) => return (reading, error),
            }
        }
    })
}

/// A thread that writes more than the kernels take, until it cannot.
fn writes_to_its_error(mut writing: WriteHalf) -> Task<(WriteHalf, io::Error)> {
    Task::new(move || {
        let chunk = vec![0; 1 << 16];
        loop {
            if let Err(error) = writing.write_all(&chunk) {
                return (writing, error);
            }
        }
    })
}

/// A thread, and the folder where Linux tells how it fares.
struct Task<T> {
    thread: JoinHandle<T>,
    place: Option<std::path::PathBuf>,
}

impl<T: marker::Send + 'static> Task<T> {
    fn new(body: impl FnOnce() -> T + marker::Send + 'static) -> Self {
        let (tell, told) = std::sync::mpsc::channel();
        let thread = thread::spawn(move || {
            let own =
                cfg!(target_os = "linux").then(|| std::fs::read_link("/proc/thread-self").expect("proc"));
            tell.send(own.map(|own| std::path::Path::new("/proc").join(own))).expect("it is waited for");
            body()
        });
        Self { thread, place: told.recv().expect("it begins") }
    }

    fn join(self) -> T {
        self.thread.join().expect("no panic")
    }

    /// Waits until it sleeps. Elsewhere than on Linux it may sleep or not.
    fn until_asleep(&self) {
        let Some(place) = &self.place else { return };
        let began = std::time::Instant::now();
        while !std::fs::read_to_string(place.join("stat")).expect("it lives").contains(") S ") {
            assert!(began.elapsed() < BOUND, "it never sleeps");
            thread::yield_now();
        }
    }

    /// The processor's time that it has had.
    #[cfg(target_os = "linux")]
    fn spent(&self) -> Duration {
        let place = self.place.as_ref().expect("Linux tells");
        let stat = std::fs::read_to_string(place.join("schedstat")).expect("it lives");
        Duration::from_nanos(stat.split(' ').next().and_then(|first| first.parse().ok()).expect("a number"))
    }
}

fn ending_in(error: &io::Error) -> Option<Ending> {
    Some(error.get_ref()?.downcast_ref::<Ended>()?.ending)
}

fn report_of(ending: &EndingHandle) -> adieu::Report {
    ending.wait_within(BOUND).expect("the connection ends")
}

#[test]
fn two_threads_send_and_receive_ten_megabytes_at_once() {
    const ALL: u64 = 10_000_000;
    over_each(|over| {
        let (client, server) = over.pair_by_default();
        let ends = [
            (client, Pattern::of_program(), Pattern::of_peer()),
            (server, Pattern::of_peer(), Pattern::of_program()),
        ];
        let ends = ends.map(|(connection, sent, received)| {
            let (reading, writing) = connection.split();
            (sends(writing, sent, ALL), receives(reading, received))
        });
        // Each waits for the acknowledgement, or the end, of the other.
        let closing = ends.map(|(sending, receiving)| {
            thread::spawn(move || {
                sending.join().expect("no panic").expect("all is sent");
                let (reading, received) = receiving.join().expect("no panic");
                (reading.close(), received)
            })
        });
        for (report, received) in closing.map(|thread| thread.join().expect("no panic")) {
            assert_eq!(received, ALL);
            assert!(report.is_graceful(), "{report}");
            assert_eq!((report.bytes_received, report.bytes_accepted), (ALL, ALL));
        }
    });
}

#[test]
fn single_bytes_go_both_ways() {
    over_each(|over| {
        let (client, server) = over.pair_by_default();
        let echoing = thread::spawn(move || adieu::exchange::echo(server));
        let (mut reading, mut writing) = client.split();
        let sending = thread::spawn(move || {
            for n in 0..2_000_u32 {
                assert_eq!(writing.write(&[n.to_le_bytes()[0]])?, 1);
            }
            writing.shutdown_send()
        });
        for n in 0..2_000_u32 {
            let mut byte = [0];
            assert_eq!(reading.read(&mut byte).expect("it comes back"), 1);
            assert_eq!(byte[0], n.to_le_bytes()[0]);
        }
        assert_eq!(reading.read(&mut [0]).expect("the end"), 0);
        sending.join().expect("no panic").expect("all is sent");
        let report = reading.close();
        assert!(report.is_graceful(), "{report}");
        assert!(echoing.join().expect("no panic").is_graceful());
    });
}

/// Neither side has made it, so each half may be the one that does.
#[test]
fn either_half_makes_the_handshake() {
    bounded("the handshake", || {
        let tls = Server::self_signed().build().expect("a key");
        let options = ConnectOptions::new()
            .tls(Client::new().pin(tls.fingerprint().expect("one certificate")).build().expect("a pin"));
        let listener = Listener::bind(&Endpoint::tls("127.0.0.1", 0), &ListenOptions::new().tls(tls));
        let listener = listener.expect("loopback");
        for _ in 0..20 {
            let (endpoint, options) = (listener.local_endpoint().clone(), options.clone());
            let client = thread::spawn(move || {
                adieu::exchange::echo(adieu::connect(&endpoint, &options).expect("it listens"))
            });
            let (reading, writing) = listener.accept().expect("a client").split();
            let receiving = receives(reading, Pattern::of_peer());
            sends(writing, Pattern::of_peer(), 1_000).join().expect("no panic").expect("all is sent");
            let (reading, received) = receiving.join().expect("no panic");
            let report = reading.close();
            // Under Wine a connection is gone if the client's FIN comes between the last look and our own FIN, and nobody can say why.
            let is_good = |report: &adieu::Report| {
                report.is_graceful() || matches!(report.ending(), Ending::Indeterminate { .. }) && is_wine()
            };
            assert!(is_good(&report) && received == 1_000, "{report}");
            assert!(is_good(&client.join().expect("no panic")));
        }
    });
}

#[test]
fn a_handshake_that_fails_is_told_by_both_halves() {
    bounded("the handshake", || {
        let tls = Server::self_signed().build().expect("a key");
        let listener = Listener::bind(&Endpoint::tls("127.0.0.1", 0), &ListenOptions::new().tls(tls));
        let listener = listener.expect("loopback");
        let address = listener.local_endpoint().to_string();
        let mut client =
            std::net::TcpStream::connect(address.trim_start_matches("tls://")).expect("it listens");
        let (mut reading, mut writing) = listener.accept().expect("a client").split();
        let receiving = Task::new(move || {
            let error = reading.read(&mut [0]).expect_err("no handshake");
            (reading, error)
        });
        let sending = Task::new(move || writing.write(b"x").expect_err("no handshake"));
        receiving.until_asleep();
        sending.until_asleep();
        client.write_all(b"GET / HTTP/1.0\r\n\r\n").expect("taken");
        let (reading, error) = receiving.join();
        assert_eq!(error.to_string(), sending.join().to_string());
        assert_eq!(reading.close().ending().name(), "no_connection");
    });
}

#[test]
fn a_reset_by_the_peer_wakes_both_halves() {
    if is_wine() {
        // Wine 8's recv says 0 after a reset, which looks like an end to whoever has not sent since.
        return;
    }
    over_each(|over| {
        let (mut client, server) = over.pair_by_default();
        // Over a Unix socket, only a peer that leaves bytes unread is seen to reset.
        client.write_all(b"unread").expect("taken");
        let (reading, writing) = client.split();
        let (receiving, sending) = (reads_to_its_error(reading), writes_to_its_error(writing));
        receiving.until_asleep();
        sending.until_asleep();
        server.abort();
        let (reading, error) = receiving.join();
        // Whichever half the kernel tells first, and the other says the same.
        let kinds = [io::ErrorKind::ConnectionReset, io::ErrorKind::BrokenPipe];
        assert!(kinds.contains(&error.kind()), "{error}");
        let (writing, other) = sending.join();
        assert_eq!(other.kind(), error.kind(), "{other}");
        drop(writing);
        let report = reading.close();
        assert_eq!(report.ending(), Ending::Reset { by: Side::Peer }, "{report}");
    });
}

#[test]
fn a_timer_ends_both_halves_that_sleep() {
    over_each(|over| {
        let short = Duration::from_millis(300);
        for (limits, timer) in [
            (Limits::new().idle_timeout(short), Timer::Idle),
            (Limits::new().deadline(short), Timer::Deadline),
        ] {
            let (client, _server) = over.pair(ConnectOptions::new().limits(limits));
            let (reading, writing) = client.split();
            let (receiving, sending) = (reads_to_its_error(reading), writes_to_its_error(writing));
            let (reading, error) = receiving.join();
            let ending = Ending::TimedOut { timer };
            assert_eq!(ending_in(&error), Some(ending), "{error}");
            let (writing, error) = sending.join();
            assert_eq!(ending_in(&error), Some(ending), "{error}");
            drop(writing);
            let report = reading.close();
            assert_eq!(report.ending(), ending, "{report}");
        }
    });
}

/// The half that sleeps alone is under the timers too, whichever it is.
#[test]
fn a_timer_ends_one_half_that_sleeps() {
    over_each(|over| {
        let limits = Limits::new().idle_timeout(Duration::from_millis(200));
        let ending = Ending::TimedOut { timer: Timer::Idle };
        let (client, _server) = over.pair(ConnectOptions::new().limits(limits.clone()));
        let (mut reading, writing) = client.split();
        let error = reading.read(&mut [0]).expect_err("nothing comes");
        assert_eq!(ending_in(&error), Some(ending), "{error}");
        let error = writing.shutdown_send().expect_err("the connection has ended");
        assert_eq!(ending_in(&error), Some(ending), "{error}");
        let (client, _server) = over.pair(ConnectOptions::new().limits(limits));
        let (mut reading, writing) = client.split();
        let (_writing, error) = writes_to_its_error(writing).join();
        assert_eq!(ending_in(&error), Some(ending), "{error}");
        let error = reading.read(&mut [0]).expect_err("the connection has ended");
        assert_eq!(ending_in(&error), Some(ending), "{error}");
    });
}

/// The reading half sleeps without a timer, and the other half starts one.
#[test]
fn a_timer_that_the_writing_half_starts_ends_the_reading_half() {
    over_each(|over| {
        let limits = Limits::new().linger(Duration::from_millis(200));
        let (client, _server) = over.pair(ConnectOptions::new().limits(limits));
        let (reading, writing) = client.split();
        let receiving = reads_to_its_error(reading);
        receiving.until_asleep();
        writing.shutdown_send().expect("connected");
        let (reading, error) = receiving.join();
        let ending = Ending::TimedOut { timer: Timer::Linger };
        assert_eq!(ending_in(&error), Some(ending), "{error}");
        assert_eq!(reading.close().ending(), ending);
    });
}

#[test]
fn an_interrupt_ends_both_halves_that_sleep() {
    over_each(|over| {
        let interrupt = Interrupt::new().expect("descriptors are left");
        let (client, _server) = over.pair(ConnectOptions::new().interrupt(&interrupt));
        let (reading, writing) = client.split();
        let (receiving, sending) = (reads_to_its_error(reading), writes_to_its_error(writing));
        receiving.until_asleep();
        sending.until_asleep();
        interrupt.raise(Signal::Terminate);
        let ending = Ending::Interrupted { signal: Signal::Terminate };
        let (reading, error) = receiving.join();
        assert_eq!(ending_in(&error), Some(ending), "{error}");
        let (_writing, error) = sending.join();
        assert_eq!(ending_in(&error), Some(ending), "{error}");
        assert_eq!(reading.close().ending(), ending);
    });
}

#[test]
fn the_reading_half_reads_on_after_the_writing_half_is_shut_down() {
    over_each(|over| {
        let (client, server) = over.pair_by_default();
        let (reading, writing) = client.split();
        let receiving = receives(reading, Pattern::of_peer());
        sends(writing, Pattern::of_program(), 10_000).join().expect("no panic").expect("all is sent");
        let (mut server, mut request) = (server, Vec::new());
        server.read_to_end(&mut request).expect("our end");
        assert_eq!(request.len(), 10_000);
        io::copy(&mut Pattern::of_peer().reader(3_000_000), &mut server).expect("it is received");
        let ended = thread::spawn(move || server.shutdown_send().expect("connected").close());
        let (reading, received) = receiving.join().expect("no panic");
        let report = reading.close();
        assert_eq!(received, 3_000_000);
        assert!(report.is_graceful(), "{report}");
        assert!(ended.join().expect("no panic").is_graceful());
    });
}

/// How the peer of a connection that is over sees it: by an end, or by a reset.
fn is_reset_for(mut peer: Connection) -> bool {
    let mut received = Vec::new();
    // Wine 8's recv says 0 after a reset.
    peer.read_to_end(&mut received).is_err() || is_wine()
}

#[test]
fn a_writing_half_that_is_dropped_resets_the_connection_and_wakes_the_reading_half() {
    over_each(|over| {
        let (client, server) = over.pair_by_default();
        let (reading, mut writing) = client.split();
        let receiving = reads_to_its_error(reading);
        writing.write_all(b"half of it").expect("taken");
        receiving.until_asleep();
        drop(writing);
        let (reading, error) = receiving.join();
        assert_eq!(ending_in(&error), Some(Ending::Reset { by: Side::Us }), "{error}");
        assert_eq!(reading.close().ending(), Ending::Reset { by: Side::Us });
        // A Unix socket has no reset, but TLS tells a stream that was cut.
        assert!(is_reset_for(server) || (over.is_unix() && !over.is_secure()));
    });
}

#[test]
fn a_thread_that_panics_with_the_writing_half_resets_the_connection() {
    bounded("the reading half", || {
        let (client, server) = Over::Tcp.pair_by_default();
        let (reading, mut writing) = client.split();
        let receiving = reads_to_its_error(reading);
        let panicking = thread::spawn(move || {
            writing.write_all(b"half of it").expect("taken");
            std::panic::resume_unwind(Box::new("no message"));
        });
        panicking.join().expect_err("it panics");
        let (reading, error) = receiving.join();
        assert_eq!(ending_in(&error), Some(Ending::Reset { by: Side::Us }), "{error}");
        assert_eq!(reading.abort().ending(), Ending::Reset { by: Side::Us });
        assert!(is_reset_for(server));
    });
}

#[test]
fn a_reading_half_that_is_dropped_leaves_the_writing_half_its_end() {
    over_each(|over| {
        let (client, mut server) = over.pair_by_default();
        let ending = client.ending_handle();
        let (reading, writing) = client.split();
        drop(reading);
        sends(writing, Pattern::of_program(), 500_000);
        let mut received = Vec::new();
        server.read_to_end(&mut received).expect("an end, because nothing of ours is unread");
        assert_eq!(received.len(), 500_000);
        let report = report_of(&ending);
        assert_eq!((report.ending().name(), report.bytes_accepted), ("indeterminate", 500_000), "{report}");
    });
}

#[test]
fn both_halves_that_are_dropped_leave_nothing_open() {
    over_each(|over| {
        for is_reading_first in [true, false] {
            let (client, server) = over.pair_by_default();
            let ending = client.ending_handle();
            let (reading, writing) = client.split();
            if is_reading_first {
                drop(reading);
                drop(writing);
            } else {
                drop(writing);
                drop(reading);
            }
            assert_eq!(report_of(&ending).ending(), Ending::Reset { by: Side::Us });
            assert!(is_reset_for(server) || (over.is_unix() && !over.is_secure()));
        }
    });
}

#[test]
fn closing_while_the_writing_half_sleeps_is_an_abort() {
    over_each(|over| {
        let (client, _server) = over.pair_by_default();
        let (reading, writing) = client.split();
        let sending = writes_to_its_error(writing);
        sending.until_asleep();
        let report = reading.close();
        assert_eq!(report.ending(), Ending::Reset { by: Side::Us }, "{report}");
        let (writing, error) = sending.join();
        assert_eq!(ending_in(&error), Some(Ending::Reset { by: Side::Us }), "{error}");
        writing.shutdown_send().expect_err("it is closed");
    });
}

#[test]
fn what_the_peer_said_is_read_after_the_writing_half_has_failed() {
    bounded("the reading half", || {
        let script = &[AwaitClientBytes(4), Send(3_000), AwaitAcknowledged, Reset];
        let peer = PeerHandle::listen(Bind::TCP4, script).expect("loopback");
        let endpoint: Endpoint = peer.endpoint().to_string().parse().expect("an endpoint");
        let connection = adieu::connect(&endpoint, &ConnectOptions::new()).expect("it listens");
        let (mut reading, mut writing) = connection.split();
        writing.write_all(b"ping").expect("our kernel takes it");
        assert!(log_of(peer).completed);
        let error = writing.write(b"more").expect_err("the peer has reset");
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset, "{error}");
        let error = writing.shutdown_send().expect_err("the peer has reset");
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset, "{error}");
        let mut answer = Vec::new();
        let error = reading.read_to_end(&mut answer).expect_err("a reset is no end");
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset, "{error}");
        assert_eq!((answer.len(), Pattern::of_peer().first_difference(0, &answer)), (3_000, None));
        let report = reading.close();
        assert_eq!((report.ending(), report.bytes_received), (Ending::Reset { by: Side::Peer }, 3_000));
    });
}

#[test]
fn two_halves_make_a_whole_again() {
    over_each(|over| {
        let (client, server) = over.pair_by_default();
        let (other, _peer) = over.pair_by_default();
        let echoing = thread::spawn(move || adieu::exchange::echo(server));
        let (mut reading, mut writing) = client.split();
        writing.write_all(b"one").expect("taken");
        reading.read_exact(&mut [0; 3]).expect("it comes back");
        let (_strange, other) = other.split();
        let adieu::ReuniteError(reading, _) = reading.reunite(other).expect_err("two connections");
        let mut whole = reading.reunite(writing).expect("the same connection");
        whole.write_all(b"two").expect("taken");
        let mut half = whole.shutdown_send().expect("connected");
        let mut answer = Vec::new();
        half.read_to_end(&mut answer).expect("it comes back");
        let report = half.close();
        assert!(report.is_graceful() && answer == b"two", "{report}");
        assert_eq!((report.bytes_received, report.bytes_accepted), (6, 6));
        assert!(echoing.join().expect("no panic").is_graceful());
    });
}

#[test]
fn a_bounded_read_of_a_half_says_that_nothing_came() {
    over_each(|over| {
        let (client, mut server) = over.pair_by_default();
        let (mut reading, writing) = client.split();
        assert_eq!(reading.read_within(&mut [0; 8], Duration::ZERO).expect("open"), None);
        assert_eq!(reading.read_within(&mut [0; 8], Duration::from_millis(20)).expect("open"), None);
        server.write_all(b"word").expect("taken");
        assert_eq!(reading.read_within(&mut [0; 8], BOUND).expect("open"), Some(4));
        assert_eq!((reading.counts().received, writing.counts().received), (4, 4));
        drop(writing);
        reading.read_within(&mut [], BOUND).expect_err("it was reset");
    });
}

#[cfg(target_os = "linux")]
#[test]
fn halves_that_sleep_cost_nothing() {
    over_each(|over| {
        let interrupt = Interrupt::new().expect("descriptors are left");
        let limits = Limits::new().idle_timeout(BOUND);
        let (client, _server) = over.pair(ConnectOptions::new().interrupt(&interrupt).limits(limits));
        let (reading, writing) = client.split();
        let (receiving, sending) = (reads_to_its_error(reading), writes_to_its_error(writing));
        // Until the kernels' buffers are full.
        let mut spent = Duration::MAX;
        while std::mem::replace(&mut spent, sending.spent()) != sending.spent() {
            thread::sleep(Duration::from_millis(50));
        }
        let before = [receiving.spent(), sending.spent()];
        thread::sleep(Duration::from_millis(300));
        for (before, after) in before.into_iter().zip([receiving.spent(), sending.spent()]) {
            let spent = after.saturating_sub(before);
            assert!(spent < Duration::from_millis(30), "{spent:?} of 300 ms");
        }
        interrupt.raise(Signal::Terminate);
        let (reading, _) = receiving.join();
        let (writing, _) = sending.join();
        drop((reading, writing));
    });
}
