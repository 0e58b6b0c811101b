//! How `adieu relay` stops: it lets what is open end, cuts the rest, and says which.

use crate::relay::{Relay, accept, checked, upstream};
use crate::{ask, until};
use rustix::process::Signal;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};

#[test]
fn what_ends_within_the_grace_is_not_cut() {
    let (listener, address) = upstream();
    let mut relay = Relay::start(&[&address], &["--grace", "20s"]);
    let client = relay.server.connect();
    let server = accept(&listener);
    // Of those that connect to see whether it still listens, none has an upstream.
    drop(listener);
    relay.server.signal(Signal::TERM);
    assert_eq!(relay.server.line(), "adieu: SIGTERM: waiting for 1 to finish");
    until("the socket is not closed", || TcpStream::connect(&relay.server.address).is_err());
    // It is served on to its end.
    let serving = std::thread::spawn(move || {
        let mut server = server;
        let mut request = Vec::new();
        server.read_to_end(&mut request).expect("the half-close passes");
        server.write_all(&request).expect("it is taken");
    });
    assert_eq!(ask(client, b"late"), b"late");
    serving.join().expect("it does not panic");
    let (status, _, said) = relay.server.finish();
    assert_eq!(status.code(), Some(0), "{said}");
    assert!(said.contains("stopped by SIGTERM") && said.contains(" finished, 0 cut"), "{said}");
}

#[test]
fn a_relay_that_nobody_connected_to_says_so() {
    let mut relay = Relay::start(&["127.0.0.1:9"], &[]);
    relay.server.signal(Signal::TERM);
    assert_eq!(relay.server.line(), "adieu: stopped by SIGTERM; no client had connected");
    assert_eq!(relay.server.finish().0.code(), Some(0));
}

#[test]
fn what_does_not_end_is_reset_and_named() {
    for signal in [Signal::TERM, Signal::INT] {
        let (listener, address) = upstream();
        let mut relay = Relay::start(&[&address], &["--grace", "100ms"]);
        let mut client = relay.server.connect();
        client.write_all(b"word").expect("it is taken");
        let mut server = accept(&listener);
        server.read_exact(&mut [0; 4]).expect("it passes");
        relay.server.signal(signal);
        assert!(relay.server.line().contains("waiting for 1 to finish"));
        for side in [&mut client, &mut server] {
            assert_eq!(side.read(&mut [0]).expect_err("it is cut").kind(), ErrorKind::ConnectionReset);
        }
        let line = relay.lines(1).remove(0);
        assert_eq!(
            (&line["ending"], &line["by"], &line["ended_first"]),
            (&"interrupted".into(), &"relay".into(), &serde_json::Value::Null),
            "{line}"
        );
        let own = client.local_addr().expect("bound").to_string();
        let (status, _, said) = relay.server.finish();
        assert_eq!(status.code(), Some(4), "{said}");
        let told =
            format!("0 finished, 1 cut: #1 {own} to {address}, joined: 4 of 4 bytes up, 0 of 0 bytes down");
        assert!(said.contains(&told), "{said}");
    }
}

#[test]
fn a_half_closed_pair_that_is_cut_is_reset_on_both_sides() {
    let each = |options: [&str; 2], client_ended| {
        let (listener, address) = upstream();
        let relay = Relay::start(&[&address], &options);
        let client = relay.server.connect();
        let server = accept(&listener);
        let (mut ended, mut other) = if client_ended { (client, server) } else { (server, client) };
        ended.write_all(b"word").expect("it is taken");
        ended.shutdown(Shutdown::Write).expect("connected");
        let mut word = Vec::new();
        other.read_to_end(&mut word).expect("the half-close passes");
        if options[0] == "--grace" {
            relay.server.signal(Signal::TERM);
        }
        assert_eq!(ended.read(&mut [0]).expect_err("it is cut").kind(), ErrorKind::ConnectionReset);
        // Its peer has ended, so no read tells of it.
        until("the other side is not reset", || other.take_error().is_ok_and(|error| error.is_some()));
        assert_eq!(relay.lines(1).len(), 1);
    };
    // Most of the time is spent on waiting.
    std::thread::scope(|scope| {
        for options in [["--grace", "0s"], ["--idle-timeout", "2s"]] {
            for client_ended in [true, false] {
                scope.spawn(move || each(options, client_ended));
            }
        }
    });
}

#[test]
fn a_second_signal_exits_at_once() {
    let (listener, address) = upstream();
    let mut relay = Relay::start(&[&address], &["--grace", "none"]);
    let mut client = relay.server.connect();
    let mut server = accept(&listener);
    relay.server.signal(Signal::TERM);
    assert!(relay.server.line().contains("waiting for 1 to finish"));
    relay.server.signal(Signal::INT);
    let (status, _, said) = relay.server.finish();
    assert_eq!(status.code(), Some(130), "{said}");
    for side in [&mut client, &mut server] {
        assert_eq!(side.read(&mut [0]).expect_err("it is cut").kind(), ErrorKind::ConnectionReset);
    }
    let log = std::fs::read_to_string(relay.directory.path().join("log")).expect("it is there");
    assert_eq!(checked(&log)["ending"], "interrupted", "whoever is cut has a line");
}

#[test]
fn whoever_asks_with_sigusr1_is_told_what_is_open() {
    let (listener, address) = upstream();
    let mut relay = Relay::start(&[&address], &["--report", "none"]);
    relay.server.signal(Signal::USR1);
    assert_eq!(relay.server.line(), "adieu: 0 open connections");
    let mut client = relay.server.connect();
    client.write_all(b"word").expect("it is taken");
    let mut server = accept(&listener);
    server.read_exact(&mut [0; 4]).expect("it passes");
    let own = client.local_addr().expect("bound").to_string();
    let told = format!("adieu: #1 {own} to {address}, joined: 4 of 4 bytes up, 0 of 0 bytes down, open for ");
    // The bytes pass a moment before they are counted.
    until("the list has no such line", || {
        relay.server.signal(Signal::USR1);
        assert_eq!(relay.server.line(), "adieu: 1 open connection");
        let said = relay.server.line();
        said.starts_with(&told) && said.contains("idle for")
    });
}
