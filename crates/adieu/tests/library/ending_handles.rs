//! An ending handle gives the report of a connection that other code ends, however it does.

use crate::arms::{Arm, BOUND, Open, bounded, on_both, runtime, secure_listener};
use adieu::exchange::{Input, Output};
use adieu::tls::Server;
use adieu::{ConnectOptions, EndingHandle, Endpoint, Limits, ListenOptions, Report};
use adieu_testkit::peer::Step::{Hold, ReceiveToEof, Send};
use adieu_testkit::places;
use std::future::Future;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Duration;

fn ended(handle: &EndingHandle) -> Report {
    handle.wait_within(BOUND).expect("the connection has ended")
}

/// The smallest executor there is: a thread that is unparked.
fn run<T>(future: impl Future<Output = T>) -> T {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(value) => return value,
            Poll::Pending => thread::park(),
        }
    }
}

#[test]
fn a_handle_gives_the_report_that_the_close_gives() {
    on_both(|arm| {
        let (mut open, _peer) = arm.to_peer(&[ReceiveToEof, Send(10)], &ConnectOptions::new());
        let early = open.ending_handle();
        open.write_all(b"ping").expect("taken");
        let half = open.shutdown_send().expect("connected");
        let late = half.ending_handle();
        assert!(early.try_report().is_none(), "it is open");
        assert!(early.wait_within(Duration::from_millis(5)).is_none());
        let report = half.drain();
        assert!(report.is_graceful(), "{report}");
        for handle in [&early, &late, &late.clone()] {
            assert_eq!(handle.try_report().as_ref(), Some(&report));
            assert_eq!(handle.wait().as_ref(), Some(&report), "as often as it is asked");
        }
        assert_eq!(run(early).as_ref(), Some(&report));
    });
}

#[test]
fn whoever_drops_the_connection_the_handle_is_told() {
    on_both(|arm| {
        let (open, _peer) = arm.to_peer(&[Hold], &ConnectOptions::new());
        let handle = open.ending_handle();
        drop(open);
        let report = ended(&handle);
        assert_eq!((report.ending().name(), report.phase.name()), ("indeterminate", "sending"), "{report}");
        assert!(report.closed_after.is_some());

        let (open, _peer) = arm.to_peer(&[Hold], &ConnectOptions::new());
        let half = open.shutdown_send().expect("connected");
        let handle = half.ending_handle();
        assert_eq!(half.abort().ending().name(), "reset");
        assert_eq!(ended(&handle).ending().name(), "reset");
    });
}

#[test]
fn a_thread_that_panics_ends_its_connection_and_the_handle_is_told() {
    bounded("the panic", || {
        let (connection, _stream) = blocking_to_std(&ConnectOptions::new());
        let handle = connection.ending_handle();
        let waiting = thread::spawn(move || handle.wait());
        let panicking = thread::Builder::new().name("which panics on purpose".into());
        let panicking = panicking.spawn(move || {
            let _held = connection;
            std::panic::resume_unwind(Box::new("on purpose"));
        });
        panicking.expect("a thread").join().expect_err("it panics");
        let report = waiting.join().expect("it does not panic").expect("a report");
        assert_eq!(report.ending().name(), "indeterminate", "{report}");
    });
}

fn blocking_to_std(options: &ConnectOptions) -> (adieu::Connection, TcpStream) {
    match Arm::Blocking.to_std(options) {
        (Open::Blocking(connection), stream) => (connection, stream),
        _ => unreachable!("of this arm"),
    }
}

#[test]
fn a_timer_that_ends_the_connection_tells_the_handle() {
    on_both(|arm| {
        let limits = Limits::new().deadline(Duration::from_millis(100));
        let (mut open, _peer) = arm.to_peer(&[Hold], &ConnectOptions::new().limits(limits));
        let handle = open.ending_handle();
        let waiting = thread::spawn(move || handle.wait());
        open.read(&mut [0]).expect_err("the deadline");
        let report = waiting.join().expect("it does not panic").expect("a report");
        assert_eq!(report.timer(), Some(adieu::Timer::Deadline));
        // One that is made when all is over, too.
        assert_eq!(ended(&open.ending_handle()), report);
    });
}

/// From then on nobody watches how it ends, and whoever waits must not wait for ever.
#[test]
fn a_connection_that_gives_its_socket_back_tells_that_there_will_be_no_report() {
    on_both(|arm| {
        let (open, _stream) = arm.to_std(&ConnectOptions::new());
        let handle = open.ending_handle();
        let waiting = handle.clone();
        let thread = thread::spawn(move || waiting.wait());
        let (_blocking, _tokio) = match open {
            Open::Blocking(open) => (Some(open.into_socket().expect("it is plain")), None),
            Open::Tokio(_runtime, open) => (None, Some(open.into_socket().expect("it is plain"))),
        };
        assert_eq!(thread.join().expect("it does not panic"), None);
        assert_eq!((handle.try_report(), run(handle)), (None, None));
    });
}

#[test]
fn an_exchange_and_an_echo_tell_the_handle() {
    bounded("the exchange", || {
        let (connection, stream) = blocking_to_std(&ConnectOptions::new());
        let handle = connection.ending_handle();
        drop(stream);
        let report = adieu::exchange(connection, Input::from_bytes("x"), Output::null());
        assert_eq!(handle.wait(), Some(report));
    });
    on_both(|arm| {
        let (open, stream) = arm.to_std(&ConnectOptions::new());
        let handle = open.ending_handle();
        drop(stream);
        let report = open.echo();
        assert_eq!(handle.wait(), Some(report));
    });
}

#[test]
fn a_handshake_that_fails_tells_the_handle() {
    bounded("the handshakes", || {
        let (listener, _) = secure_listener();
        let address = listener.local_endpoint().to_string().trim_start_matches("tls://").to_owned();
        // One says what is no TLS, and one is dropped before its handshake.
        for speaks in [true, false] {
            let mut client = TcpStream::connect(&address).expect("it listens");
            let connection = listener.accept().expect("a client");
            let handle = connection.ending_handle();
            if speaks {
                client.write_all(b"GET / HTTP/1.0\r\n\r\n").expect("taken");
                let report = connection.handshake().expect_err("no TLS");
                assert_eq!(handle.wait().as_ref(), Some(&*report));
                assert_eq!(report.ending().name(), "no_connection", "{report}");
            } else {
                drop(connection);
                assert!(handle.wait().is_some_and(|report| report.connected_after.is_none()));
            }
        }
    });
    bounded("the async handshake", || {
        runtime().block_on(async {
            let options = ListenOptions::new().tls(Server::self_signed().build().expect("a key"));
            let any = Endpoint::tls("127.0.0.1", 0);
            let listener = adieu::tokio::Listener::bind(&any, &options).await.expect("loopback");
            let address = listener.local_endpoint().to_string().trim_start_matches("tls://").to_owned();
            let mut client = TcpStream::connect(&address).expect("it listens");
            let connection = listener.accept().await.expect("a client");
            let handle = connection.ending_handle();
            client.write_all(b"GET / HTTP/1.0\r\n\r\n").expect("taken");
            let report = connection.handshake().await.expect_err("no TLS");
            assert_eq!(handle.await.as_ref(), Some(&*report));
        });
    });
}

#[test]
fn many_tasks_await_clones_of_a_handle() {
    bounded("the tasks", || {
        runtime().block_on(async {
            let listener = places::listener();
            let endpoint = Endpoint::from(listener.local_addr().expect("bound"));
            let connection = adieu::tokio::connect(&endpoint, &ConnectOptions::new()).await;
            let connection = connection.expect("it listens");
            let handle = connection.ending_handle();
            let tasks: Vec<_> = (0..8).map(|_| tokio::spawn(handle.clone())).collect();
            tokio::task::yield_now().await;
            tokio::spawn(async move { drop(connection) });
            for task in tasks {
                let report = task.await.expect("it does not panic").expect("a report");
                assert_eq!(report.ending().name(), "indeterminate", "{report}");
            }
        });
    });
}

#[test]
fn an_observer_that_panics_at_the_close_does_not_keep_the_handle_waiting() {
    bounded("the panic", || {
        let options = ConnectOptions::new().observer(|_, event| {
            if matches!(event, adieu::Event::Closed { .. }) {
                std::panic::resume_unwind(Box::new("on purpose"));
            }
        });
        let (connection, _stream) = blocking_to_std(&options);
        let handle = connection.ending_handle();
        thread::spawn(move || connection.abort()).join().expect_err("it panics");
        assert_eq!(ended(&handle).ending().name(), "reset");
    });
}

/// As one that prints, once nobody reads what is printed. A panic while another unwinds would end the process.
#[test]
fn an_observer_that_always_panics_keeps_a_dropped_connection_from_nobody() {
    on_both(|arm| {
        for unwinds in [false, true] {
            let panics = Arc::new(AtomicBool::new(false));
            let heeds = Arc::clone(&panics);
            let options = ConnectOptions::new().observer(move |_, _| {
                if heeds.load(Ordering::SeqCst) {
                    std::panic::resume_unwind(Box::new("on purpose"));
                }
            });
            let (open, _stream) = arm.to_std(&options);
            let handle = open.ending_handle();
            panics.store(true, Ordering::SeqCst);
            let held = std::panic::catch_unwind(AssertUnwindSafe(move || {
                let _open = open;
                if unwinds {
                    std::panic::resume_unwind(Box::new("on purpose"));
                }
            }));
            assert_eq!(held.is_err(), unwinds);
            assert_eq!(ended(&handle).ending().name(), "indeterminate");
        }
    });
}

#[test]
fn a_handle_may_be_sent_and_shared() {
    fn check<T: std::marker::Send + Sync + Clone + Future<Output = Option<Report>>>() {}
    check::<EndingHandle>();
}
