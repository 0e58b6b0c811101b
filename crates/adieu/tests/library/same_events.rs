//! Both faces make a connection by one machine, so an observer is told the same by each.

use crate::arms::{Arm, Open, bounded};
use adieu::{ConnectOptions, Endpoint, Event, Interrupt, Limits, Proxy, Signal};
use adieu_testkit::{places, skip};
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

const NAME: &str = "adieu-peer";
const V4: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const V6: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);

/// An event without what differs from one connection to the next: our port.
fn told(event: &Event<'_>) -> String {
    match event {
        Event::Connected { peer, .. } => {
            format!("connected to {}", peer.map(ToString::to_string).unwrap_or_default())
        }
        Event::Closed { aborted, report } => {
            format!("closed, aborted: {aborted}, {}", report.ending().name())
        }
        other => format!("{other:?}"),
    }
}

/// What an observer is told of connecting and an abort, and why there was no connection.
fn events(
    arm: Arm,
    endpoint: &Endpoint,
    options: &ConnectOptions,
    also: impl Fn(&Event<'_>) + Send + Sync + 'static,
) -> Vec<String> {
    let told_so_far = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&told_so_far);
    let options = options.clone().observer(move |_, event| {
        noted.lock().expect("nobody panics with it").push(told(event));
        also(event);
    });
    let failed = arm.connect(endpoint, &options).map(Open::abort).err();
    let mut events = told_so_far.lock().expect("nobody panics with it").clone();
    events.extend(failed.map(|error| error.to_string()));
    events
}

/// Compares the faces, and gives what both told.
fn same(endpoint: &Endpoint, options: &ConnectOptions) -> Vec<String> {
    let [blocking, tokio] = [Arm::Blocking, Arm::Tokio].map(|arm| events(arm, endpoint, options, |_| {}));
    assert_eq!(blocking, tokio);
    blocking
}

#[track_caller]
fn assert_begins(events: &[String], expected: &[&str]) {
    // Winsock is started first, where there is Winsock.
    let events = events
        .split_first()
        .filter(|(first, _)| first.starts_with("Startup"))
        .map_or(events, |(_, rest)| rest);
    let begin = events.iter().zip(expected).all(|(event, expected)| event.starts_with(expected));
    assert!(begin && events.len() >= expected.len(), "{events:#?}");
}

#[test]
fn a_name_of_which_one_address_refuses() {
    bounded("connecting", || {
        let _hosts = match places::own_hosts(NAME, &[V6, V4]) {
            Ok(hosts) => hosts,
            Err(error) => return skip::loudly("a name with several addresses", &error),
        };
        let [(refusing, _held), (_, listener)] = places::same_port(V6, V4).expect("loopback");
        listener.listen(1).expect("the port is ours");
        let events = same(&Endpoint::tcp(NAME, refusing.port()), &ConnectOptions::new());
        assert_begins(
            &events,
            &["Resolved", "Connecting", "AttemptFailed", "Connecting", "connected to 127.0.0.1", "closed"],
        );
    });
}

#[test]
fn every_address_refuses() {
    bounded("connecting", || {
        let (refusing, _held) = places::refusing(SocketAddr::new(V4, 0)).expect("loopback");
        let events = same(&refusing.into(), &ConnectOptions::new());
        assert_begins(&events, &["Connecting", "AttemptFailed", "closed, aborted: false, no_connection"]);
    });
}

#[cfg(unix)]
#[test]
fn a_unix_socket_that_listens_and_one_that_is_not_there() {
    bounded("connecting", || {
        let directory = tempfile::tempdir().expect("room for a directory");
        let path = directory.path().join("socket");
        let missing = same(&Endpoint::unix(&path), &ConnectOptions::new());
        assert_begins(&missing, &["Connecting", "AttemptFailed", "closed"]);
        let _listener = std::os::unix::net::UnixListener::bind(&path).expect("a new path");
        assert_begins(
            &same(&Endpoint::unix(&path), &ConnectOptions::new()),
            &["Connecting", "connected to unix:"],
        );
    });
}

#[test]
fn a_proxy_that_refuses() {
    bounded("connecting", || {
        let listener = places::listener();
        let proxy: Proxy =
            format!("http://{}", listener.local_addr().expect("bound")).parse().expect("a proxy");
        let serving = thread::spawn(move || {
            for _ in 0..2 {
                let (mut stream, _) = listener.accept().expect("a client");
                let read = stream.read(&mut [0; 1024]).expect("its request");
                assert!(read > 0);
                stream.write_all(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n").expect("room");
            }
        });
        let events = same(&Endpoint::tcp("far.test", 80), &ConnectOptions::new().proxy(proxy));
        assert_begins(&events, &["Connecting", "AskingProxy", "closed, aborted: false, no_connection"]);
        assert!(events.last().is_some_and(|why| why.contains("refuses: 403")), "{events:#?}");
        serving.join().expect("it does not panic");
    });
}

#[test]
fn nobody_answers_until_the_time_is_up_or_the_interrupt_raised() {
    bounded("connecting", || {
        let (silent, _held) = places::unanswering(SocketAddr::new(V4, 0)).expect("a full backlog");
        let limits = Limits::new().connect_timeout(Duration::from_millis(100));
        let late = same(&silent.into(), &ConnectOptions::new().limits(limits));
        assert!(late.iter().any(|event| event.contains("timed_out")), "{late:#?}");
        // Raised while connecting is under way, and so once more before it begins.
        let interrupted = [Arm::Blocking, Arm::Tokio].map(|arm| {
            let interrupt = Interrupt::new().expect("a pipe");
            let options = ConnectOptions::new().interrupt(&interrupt);
            let raise = move |event: &Event<'_>| {
                if matches!(event, Event::Connecting { .. }) {
                    interrupt.raise(Signal::Terminate);
                }
            };
            let raised = events(arm, &silent.into(), &options, raise);
            (raised, events(arm, &silent.into(), &options, |_| {}))
        });
        let [(raised, again), tokio] = interrupted;
        assert_eq!((&raised, &again), (&tokio.0, &tokio.1));
        assert_begins(&raised, &["Connecting", "closed, aborted: false, interrupted"]);
        assert_begins(&again, &["closed, aborted: false, interrupted"]);
    });
}
