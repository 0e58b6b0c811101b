//! `adieu relay` started anew beside the old one: no connection fails.

use crate::relay::upstream;
use crate::{BOUND, Server, adieu};
use rustix::process::Signal;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

/// Answers each connection with what it sends, and ends it.
fn echo() -> String {
    let (listener, address) = upstream();
    thread::spawn(move || {
        while let Ok((mut stream, _)) = listener.accept() {
            let mut word = [0; 4];
            // Whoever fails is counted by its client.
            let _ = stream.read_exact(&mut word).and_then(|()| stream.write_all(&word));
        }
    });
    address
}

/// One connection, from its beginning to both ends.
fn exchange(address: &str) -> std::io::Result<()> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(BOUND))?;
    stream.write_all(b"word")?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    if answer == b"word" { Ok(()) } else { Err(std::io::ErrorKind::UnexpectedEof.into()) }
}

/// Restarts it so often while clients connect all the time. Gives how many connections there were, and those that failed.
fn restarts(count: usize, least: u64) -> (u64, Vec<String>) {
    let upstream = echo();
    let start = |listen: &str| {
        Server::of(&mut adieu(&["relay", listen, &upstream, "--reuse-port", "--report", "none"]))
    };
    let mut relay = start("127.0.0.1:0");
    let address = relay.address.clone();
    let is_over = Arc::new(AtomicBool::new(false));
    let done = Arc::new(AtomicU64::new(0));
    let clients: Vec<_> = (0..4)
        .map(|_| {
            let (address, is_over, done) = (address.clone(), Arc::clone(&is_over), Arc::clone(&done));
            thread::spawn(move || {
                let mut failed = Vec::new();
                while !is_over.load(Ordering::Relaxed) {
                    if let Err(error) = exchange(&address) {
                        failed.push(error.to_string());
                    }
                    done.fetch_add(1, Ordering::Relaxed);
                }
                failed
            })
        })
        .collect();
    for restart in 1..=count {
        let next = start(&address);
        relay.signal(Signal::TERM);
        let (status, _, said) = std::mem::replace(&mut relay, next).finish();
        assert_eq!(status.code(), Some(0), "{said}");
        let until = least * restart as u64 / count as u64;
        // Each client is bounded, so this is too.
        while done.load(Ordering::Relaxed) < until {
            thread::sleep(Duration::from_millis(5));
        }
    }
    is_over.store(true, Ordering::Relaxed);
    let failed = clients.into_iter().flat_map(|client| client.join().expect("it does not panic")).collect();
    relay.signal(Signal::TERM);
    let (status, _, said) = relay.finish();
    assert_eq!(status.code(), Some(0), "{said}");
    (done.load(Ordering::Relaxed), failed)
}

#[test]
fn no_connection_fails_while_a_relay_takes_the_place_of_another() {
    let (count, failed) = restarts(3, 300);
    assert!(failed.is_empty(), "{} of {count} failed: {failed:?}", failed.len());
    assert!(count >= 300, "{count}");
}

/// `ADIEU_TEST_RESTARTS` and `ADIEU_TEST_CONNECTIONS` say how many: 100 and 1,000,000 by default.
#[test]
#[ignore = "it takes a long time"]
fn none_of_a_million_connections_fails_over_a_hundred_restarts() {
    let asked = |name: &str| std::env::var(name).ok().and_then(|number| number.parse::<u64>().ok());
    let restarts_asked = asked("ADIEU_TEST_RESTARTS").unwrap_or(100);
    let least = asked("ADIEU_TEST_CONNECTIONS").unwrap_or(1_000_000);
    let (count, failed) = restarts(usize::try_from(restarts_asked).expect("a number of restarts"), least);
    assert!(failed.is_empty(), "{} of {count} failed: {failed:?}", failed.len());
    assert!(count >= least, "{count}");
}
