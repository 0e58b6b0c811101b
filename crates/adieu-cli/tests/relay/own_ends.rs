//! Ends that are the relay's own: no upstream, a time limit, a signal. Both sides see a reset, and never an end.

use super::{listener, relay_to};
use adieu_testkit::places;
use adieu_testkit::waits::{is_reset, patient};
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};

fn anywhere() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, 0))
}

#[test]
fn a_client_without_an_upstream_is_reset() {
    let (refusing, _held) = places::refusing(anywhere()).expect("loopback");
    let (silent, _also_held) = places::unanswering(anywhere()).expect("loopback");
    for upstream in [refusing, silent] {
        let (relay, front, _directory) = relay_to(upstream, &["--connect-timeout", "300ms"]);
        let client = patient(TcpStream::connect(front).expect("it listens"));
        // What it has sent makes no difference. A reset that is there already is told once: to the call that comes first.
        match (&client).write_all(b"request") {
            Ok(()) => assert!(is_reset(&client), "the client"),
            Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset, "the client"),
        }
        let told = relay.stop().expect("it ends").told.expect("it has a log");
        assert_eq!(told.len(), 1);
        assert_eq!(told[0].ending, "no_connection", "{told:?}");
    }
}

#[test]
fn two_silent_sides_are_reset_after_the_idle_time() {
    let (upstream, address) = listener();
    let (relay, front, _directory) = relay_to(address, &["--idle-timeout", "200ms"]);
    let client = patient(TcpStream::connect(front).expect("it listens"));
    let server = patient(upstream.accept().expect("the relay connects").0);
    assert!(is_reset(&client), "the client");
    assert!(is_reset(&server), "the upstream program");
    let told = relay.stop().expect("it ends").told.expect("it has a log");
    assert_eq!(told[0].ending, "timed_out", "{told:?}");
}

#[test]
fn a_relay_that_is_killed_resets_both_sides() {
    let (upstream, address) = listener();
    let (relay, front, _directory) = relay_to(address, &[]);
    let mut client = patient(TcpStream::connect(front).expect("it listens"));
    let mut server = patient(upstream.accept().expect("the relay connects").0);
    // They are joined.
    client.write_all(b"x").expect("taken");
    server.read_exact(&mut [0]).expect("passed on");
    server.write_all(b"x").expect("taken");
    client.read_exact(&mut [0]).expect("passed on");
    // SIGKILL.
    drop(relay);
    assert!(is_reset(&client), "the client");
    assert!(is_reset(&server), "the upstream program");
}
