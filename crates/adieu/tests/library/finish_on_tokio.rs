//! What finishing has on tokio alone: streams in halves, tasks in the background, futures that are dropped, and whatever a
//! runtime does.

use crate::arms::{BOUND, bounded, runtime};
use crate::finish::{assert_reset, pair};
use adieu::tokio::{Connection, Stream, finish, finish_in_background};
use adieu::{
    AtBound, ConnectOptions, Ending, Finish, Interrupt, Limits, LocalEnd, Missing, Side, Signal, Timer,
    Transport,
};
use adieu_testkit::waits::Sending;
use std::future::Future;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::pin::pin;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A stream of tokio's and its other end, which the test plays.
fn on_tokio() -> (TcpStream, std::net::TcpStream) {
    let (ours, theirs) = pair();
    ours.set_nonblocking(true).expect("a socket");
    theirs.set_read_timeout(Some(BOUND)).expect("not zero");
    (TcpStream::from_std(ours).expect("descriptors are left"), theirs)
}

/// Runs a test on a runtime, bounded.
fn run<F: Future<Output = ()> + 'static>(body: fn() -> F) {
    bounded("the test", move || runtime().block_on(body()));
}

#[test]
fn halves_are_reunited() {
    run(|| async {
        let (ours, mut theirs) = on_tokio();
        let (read, mut write) = ours.into_split();
        write.write_all(b"whole").await.expect("there is room");
        theirs.shutdown(Shutdown::Write).expect("connected");
        let report = finish((read, write), &Finish::new()).await;
        assert!(report.is_graceful(), "{report}");
        let mut got = String::new();
        theirs.read_to_string(&mut got).expect("it ends");
        assert_eq!(got, "whole");
    });
}

#[test]
fn halves_of_two_streams_are_told_and_closed() {
    run(|| async {
        let ((one, its_peer), (other, others_peer)) = (on_tokio(), on_tokio());
        let (read, its_write) = one.into_split();
        let (others_read, write) = other.into_split();
        let report = finish((read, write), &Finish::new()).await;
        assert_eq!(report.ending(), Ending::LocalFailure { end: LocalEnd::Socket });
        let said = "the socket cannot be finished: its halves belong to different streams";
        assert_eq!(report.to_string(), said);
        let ending = finish_in_background((others_read, its_write), &Finish::new());
        assert_eq!(ending.await.map(|report| report.to_string()).as_deref(), Some(said));
        for mut peer in [its_peer, others_peer] {
            assert_eq!(peer.read(&mut [0; 1]).expect("nothing was unread"), 0, "both are closed");
        }
    });
}

#[test]
fn any_socket_can_be_given() {
    run(|| async {
        let (ours, theirs) = pair();
        theirs.shutdown(Shutdown::Write).expect("connected");
        let report = finish(adieu::OwnedSocket::from(ours), &Finish::new()).await;
        assert!(report.is_graceful(), "{report}");

        let (ours, theirs) = on_tokio();
        theirs.shutdown(Shutdown::Write).expect("connected");
        let report = finish(Stream::from(ours), &Finish::new()).await;
        assert!(report.is_graceful(), "{report}");

        let never = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None);
        let never = never.expect("descriptors are left");
        let report = finish(adieu::OwnedSocket::from(never), &Finish::new()).await;
        assert_eq!(report.to_string(), "the socket cannot be finished: it is not connected");
    });
}

#[cfg(unix)]
#[test]
fn unix_streams_and_their_halves_are_finished() {
    run(|| async {
        for in_halves in [false, true] {
            let (mut ours, mut theirs) = tokio::net::UnixStream::pair().expect("descriptors are left");
            ours.write_all(b"whole").await.expect("there is room");
            theirs.write_all(b"late").await.expect("there is room");
            theirs.shutdown().await.expect("connected");
            let report = if in_halves {
                finish(ours.into_split(), &Finish::new()).await
            } else {
                finish(ours, &Finish::new()).await
            };
            assert!(report.is_graceful(), "{report}");
            assert_eq!((report.bytes_received, report.transport), (4, Some(Transport::Unix)));
            let mut got = String::new();
            theirs.read_to_string(&mut got).await.expect("it ends");
            assert_eq!(got, "whole");
        }
    });
}

#[test]
fn what_is_finished_in_the_background_needs_nobody_who_waits() {
    run(|| async {
        let (ours, mut theirs) = on_tokio();
        let ending = finish_in_background(ours, &Finish::new());
        assert!(ending.try_report().is_none(), "the peer is there");
        let copy = ending.clone();
        drop(ending);
        let peer = tokio::task::spawn_blocking(move || {
            assert_eq!(theirs.read(&mut [0; 1]).expect("our FIN"), 0);
            Sending(&theirs).write_all(&vec![b'x'; 3_000_000]).expect("somebody drains");
        });
        let report = copy.await.expect("always a report");
        peer.await.expect("it does not panic");
        assert!(report.is_graceful(), "{report}");
        assert_eq!(report.bytes_discarded, 3_000_000);
    });
}

#[test]
fn a_hundred_are_finished_at_once() {
    run(|| async {
        // Wine takes its time for each look at the system's table of connections.
        let number = if cfg!(windows) { 10 } else { 100 };
        let pairs: Vec<_> = (0..number).map(|_| on_tokio()).collect();
        let (ours, mut theirs): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
        let endings: Vec<_> =
            ours.into_iter().map(|stream| finish_in_background(stream, &Finish::new())).collect();
        for peer in &mut theirs {
            assert_eq!(peer.read(&mut [0; 1]).expect("our FIN"), 0);
            peer.write_all(b"late").expect("there is room");
        }
        drop(theirs);
        for ending in endings {
            let report = ending.await.expect("always a report");
            assert!(report.is_graceful(), "{report}");
        }
    });
}

#[test]
fn a_runtime_that_is_shut_down_still_delivers_and_reports() {
    bounded("the shutdown", || {
        for is_polled in [true, false] {
            let runtime = runtime();
            let (ending, mut theirs) = runtime.block_on(async {
                let (mut ours, theirs) = on_tokio();
                ours.write_all(b"whole").await.expect("there is room");
                let ending = finish_in_background(ours, &Finish::new());
                if is_polled {
                    tokio::task::yield_now().await;
                }
                (ending, theirs)
            });
            drop(runtime);
            let report = ending.wait_within(BOUND).expect("it was dropped");
            assert_eq!(report.ending(), Ending::Indeterminate { missing: Missing::PeerEof }, "{report}");
            let mut got = String::new();
            theirs.read_to_string(&mut got).expect("our FIN, and no reset");
            assert_eq!(got, "whole");
        }
    });
}

#[test]
fn a_future_that_is_dropped_closes_as_far_as_it_has_come() {
    run(|| async {
        let (mut ours, mut theirs) = on_tokio();
        ours.write_all(b"whole").await.expect("there is room");
        let options = Finish::new();
        {
            let mut finishing = pin!(finish(ours, &options));
            let once = std::future::poll_fn(|cx| std::task::Poll::Ready(finishing.as_mut().poll(cx)));
            assert!(once.await.is_pending());
        }
        let mut got = String::new();
        theirs.read_to_string(&mut got).expect("our FIN, and no reset");
        assert_eq!(got, "whole");
    });
}

#[test]
fn a_peer_that_never_stops_lets_other_tasks_run_until_the_deadline() {
    run(|| async {
        let (ours, theirs) = on_tokio();
        let writer = std::thread::spawn(move || while Sending(&theirs).write_all(&[b'x'; 4096]).is_ok() {});
        let ending = finish_in_background(ours, &Finish::new().deadline(Duration::from_millis(300)));
        let mut turns = 0;
        while ending.try_report().is_none() {
            tokio::task::yield_now().await;
            turns += 1;
        }
        let report = ending.await.expect("always a report");
        assert_eq!(report.timer(), Some(adieu::Timer::Deadline), "{report}");
        // Wine may take all the time for the first turn.
        assert!(turns > 10 || cfg!(windows), "{turns}");
        writer.join().expect("the reset ends it");
    });
}

#[test]
fn a_peer_that_says_nothing_is_not_polled_in_a_loop() {
    run(|| async {
        let (ours, theirs) = on_tokio();
        let options = Finish::new().deadline(Duration::from_millis(200));
        let mut polls = 0;
        let mut finishing = pin!(finish(ours, &options));
        let report = std::future::poll_fn(|cx| {
            polls += 1;
            finishing.as_mut().poll(cx)
        });
        let report = report.await;
        assert!(report.timer().is_some(), "{report}");
        assert!(polls < 20, "{polls}");
        assert_reset(theirs, true);
    });
}

#[test]
fn a_connection_gives_its_stream_back() {
    run(|| async {
        let (ours, mut theirs) = on_tokio();
        let mut connection = Connection::from_socket(ours, &ConnectOptions::new()).expect("connected");
        let ending = connection.ending_handle();
        connection.write_all(b"one ").await.expect("there is room");
        let Stream::Tcp(mut stream) = connection.into_socket().expect("it is plain and open") else {
            panic!("it was TCP")
        };
        assert_eq!(ending.await, None, "nobody reports");
        theirs.write_all(b"back").expect("there is room");
        let mut back = [0; 4];
        stream.read_exact(&mut back).await.expect("it works on");
        stream.write_all(b"two").await.expect("there is room");
        // An orderly close again, by whoever has it.
        drop(stream);
        let mut got = String::new();
        theirs.read_to_string(&mut got).expect("a FIN");
        assert_eq!((&back, &*got), (b"back", "one two"));

        if adieu_testkit::scenario::is_wine() {
            // It tells no reset.
            return;
        }
        let (ours, theirs) = on_tokio();
        let mut connection = Connection::from_socket(ours, &ConnectOptions::new()).expect("connected");
        socket2::Socket::from(theirs).set_linger(Some(Duration::ZERO)).expect("a socket");
        connection.read_u8().await.expect_err("a reset");
        let connection = connection.into_socket().expect_err("it has ended");
        assert_eq!(connection.abort().ending(), Ending::Reset { by: Side::Peer });
    });
}

/// A connection that is finished when it is dropped, and its other end.
fn finished_when_dropped(finish: &Finish) -> (Connection, std::net::TcpStream) {
    let (ours, theirs) = on_tokio();
    let mut connection = Connection::from_socket(ours, &ConnectOptions::new()).expect("connected");
    connection.finish_when_dropped(finish);
    (connection, theirs)
}

#[test]
fn a_connection_that_others_have_shut_down_is_finished_when_they_drop_it() {
    run(|| async {
        let (mut connection, mut theirs) = finished_when_dropped(&Finish::new());
        let ending = connection.ending_handle();
        connection.write_all(b"answer").await.expect("there is room");
        // As hyper ends one.
        connection.shutdown().await.expect("connected");
        drop(connection);
        let peer = tokio::task::spawn_blocking(move || {
            Sending(&theirs).write_all(&vec![b'x'; 3_000_000]).expect("somebody drains");
            theirs.shutdown(Shutdown::Write).expect("connected");
            let mut answer = String::new();
            theirs.read_to_string(&mut answer).expect("no reset");
            answer
        });
        assert_eq!(peer.await.expect("it does not panic"), "answer");
        let report = ending.await.expect("a report");
        assert!(report.is_graceful(), "{report}");
        assert_eq!((report.bytes_accepted, report.bytes_discarded), (6, 3_000_000));
    });
}

#[test]
fn a_connection_whose_sending_side_is_open_is_reset_when_dropped() {
    run(|| async {
        let (mut connection, theirs) = finished_when_dropped(&Finish::new());
        let ending = connection.ending_handle();
        connection.write_all(b"half an ans").await.expect("there is room");
        drop(connection);
        let report = ending.try_report().expect("at once");
        assert_eq!(report.ending().name(), "indeterminate", "{report}");
        assert_reset(theirs, true);
    });
}

#[test]
fn the_bounds_of_a_finish_count_from_the_drop() {
    run(|| async {
        for at_bound in [AtBound::Reset, AtBound::Close] {
            let bounds = [
                Finish::new().deadline(Duration::from_millis(20)),
                Finish::new().idle_timeout(Duration::from_millis(20)),
            ];
            for finish in bounds {
                let (mut connection, theirs) = finished_when_dropped(&finish.at_bound(at_bound));
                let ending = connection.ending_handle();
                connection.shutdown().await.expect("connected");
                drop(connection);
                let report = ending.await.expect("a report");
                assert!(matches!(report.timer(), Some(Timer::Deadline | Timer::Idle)), "{report}");
                assert_reset(theirs, at_bound == AtBound::Reset);
            }
        }
        // Those of the connection go on.
        let (ours, _theirs) = on_tokio();
        let limits = Limits::new().idle_timeout(Duration::from_millis(20));
        let options = ConnectOptions::new().limits(limits);
        let mut connection = Connection::from_socket(ours, &options).expect("connected");
        connection.finish_when_dropped(&Finish::new());
        let ending = connection.ending_handle();
        drop(connection.shutdown_send().await.expect("connected"));
        assert_eq!(ending.await.and_then(|report| report.timer()), Some(Timer::Idle));
    });
}

#[test]
fn a_connection_that_is_dropped_outside_of_its_runtime_is_finished_on_it() {
    bounded("the drop", || {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("a runtime");
        let (connection, mut theirs) = runtime.block_on(async {
            let (mut connection, theirs) = finished_when_dropped(&Finish::new());
            connection.shutdown().await.expect("connected");
            (connection, theirs)
        });
        let ending = connection.ending_handle();
        drop(connection);
        theirs.write_all(b"late").expect("there is room");
        drop(theirs);
        let report = ending.wait_within(BOUND).expect("a report");
        assert!(report.is_graceful(), "{report}");

        // And after its runtime it is closed.
        let (connection, mut theirs) = runtime.block_on(async {
            let (mut connection, theirs) = finished_when_dropped(&Finish::new());
            connection.write_all(b"whole").await.expect("there is room");
            connection.shutdown().await.expect("connected");
            (connection, theirs)
        });
        let ending = connection.ending_handle();
        drop(runtime);
        drop(connection);
        assert!(ending.wait_within(BOUND).is_some());
        let mut got = String::new();
        theirs.read_to_string(&mut got).expect("our FIN, and no reset");
        assert_eq!(got, "whole");
    });
}

#[test]
fn an_interrupt_ends_what_goes_on_after_a_drop() {
    run(|| async {
        let interrupt = Interrupt::new().expect("descriptors are left");
        let (ours, theirs) = on_tokio();
        let options = ConnectOptions::new().interrupt(&interrupt);
        let mut connection = Connection::from_socket(ours, &options).expect("connected");
        connection.finish_when_dropped(&Finish::new());
        let ending = connection.ending_handle();
        connection.shutdown().await.expect("connected");
        drop(connection);
        tokio::task::yield_now().await;
        interrupt.raise(Signal::Terminate);
        let report = ending.await.expect("a report");
        assert_eq!(report.ending(), Ending::Interrupted { signal: Signal::Terminate }, "{report}");
        drop(theirs);
    });
}

#[test]
fn an_exchange_that_is_dropped_before_its_output_took_everything_is_not_finished() {
    run(|| async {
        let (connection, mut theirs) = finished_when_dropped(&Finish::new());
        let ending = connection.ending_handle();
        theirs.write_all(b"more than one").expect("there is room");
        // Holds one byte.
        let (output, mut reader) = tokio::io::duplex(1);
        {
            let exchange = pin!(adieu::tokio::exchange(connection, tokio::io::empty(), output));
            tokio::select! {
                report = exchange => panic!("the output is full: {report}"),
                first = reader.read_u8() => assert_eq!(first.expect("it came"), b'm'),
            }
        }
        let report = ending.try_report().expect("it is closed at once");
        assert!(!report.is_graceful(), "{report}");
    });
}
