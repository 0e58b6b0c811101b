//! `adieu relay` where something is short: it keeps clients waiting, and loses none.

use crate::relay::{Relay, accept, upstream};
use crate::{ADIEU, CLOSED, Server, adieu};
use rustix::process::Signal;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::Command;

/// A relay that may have so few descriptors.
fn with_descriptors(limit: u32, upstream: &str) -> Relay {
    let directory = tempfile::tempdir().expect("there is room");
    let mut command = Command::new("sh");
    let line = format!("{CLOSED}; ulimit -n {limit}; exec \"$0\" \"$@\"");
    command.args(["-c", &line, ADIEU, "relay", "127.0.0.1:0", upstream, "--grace", "20s", "--log"]);
    command.arg(directory.path().join("log"));
    for (name, _) in adieu(&[]).get_envs() {
        command.env_remove(name);
    }
    Relay { server: Server::of(&mut command), directory }
}

/// Each has sent a word, and its end.
fn forty_clients(relay: &Relay) -> Vec<TcpStream> {
    (0..40)
        .map(|_| {
            let mut client = relay.server.connect();
            client.write_all(b"word").expect("the kernel takes it");
            client.shutdown(Shutdown::Write).expect("it is connected");
            client
        })
        .collect()
}

/// Answers each client with what it sent, on a thread of its own.
fn echo(listener: TcpListener) {
    std::thread::spawn(move || {
        loop {
            let mut stream = accept(&listener);
            let mut request = Vec::new();
            if stream.read_to_end(&mut request).is_ok() {
                let _ = stream.write_all(&request);
            }
        }
    });
}

/// Reads all and ends it.
fn answered(mut client: TcpStream) -> std::io::Result<Vec<u8>> {
    let mut answer = Vec::new();
    client.read_to_end(&mut answer).map(|_| answer)
}

/// Each has a descriptor, and so has its upstream.
#[test]
fn with_few_descriptors_clients_wait_and_each_is_served() {
    for limit in [50, 30] {
        let (listener, address) = upstream();
        let mut relay = with_descriptors(limit, &address);
        let clients = forty_clients(&relay);
        relay.server.line_with("further clients wait");
        echo(listener);
        for client in clients {
            assert_eq!(answered(client).expect("it is not reset"), b"word", "of {limit}");
        }
        let lines = relay.lines(40);
        assert!(lines.iter().all(|line| line["ending"] == "graceful"), "{lines:?}");
    }
}

/// Whoever waits in the backlog when it stops is served too, as descriptors come back.
#[test]
fn at_a_shutdown_the_backlog_is_served_with_few_descriptors_too() {
    let (listener, address) = upstream();
    let mut relay = with_descriptors(50, &address);
    let clients = forty_clients(&relay);
    relay.server.line_with("further clients wait");
    relay.server.signal(Signal::TERM);
    relay.server.line_with("SIGTERM: waiting for");
    echo(listener);
    for client in clients {
        assert_eq!(answered(client).expect("it is not reset"), b"word");
    }
    assert_eq!(relay.lines(40).len(), 40);
    let (status, _, said) = relay.server.finish();
    assert_eq!(status.code(), Some(0), "{said}");
}
