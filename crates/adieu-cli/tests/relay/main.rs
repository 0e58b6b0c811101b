//! `adieu relay` from outside: the relay matrix and random conversations, ends that are the relay's own, much load, and real
//! programs on both sides.
#![cfg(unix)]

mod counterparts;
mod load;
mod matrix;
mod own_ends;

use adieu_testkit::relay::{Relay, Shape, program};
use adieu_testkit::tls::peer::Address;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

/// Nothing here takes so long, on however busy a machine.
const BOUND: Duration = Duration::from_secs(30);

fn adieu() -> &'static Path {
    env!("CARGO_BIN_EXE_adieu").as_ref()
}

/// A relay over IPv4 to this address, and where it listens.
fn relay_to(upstream: impl Into<Address>, more: &[&str]) -> (Box<dyn Relay>, SocketAddr, tempfile::TempDir) {
    let directory = tempfile::tempdir().expect("there is room");
    let relay =
        program::adieu(adieu(), more, Shape::PLAIN, &upstream.into(), directory.path()).expect("it starts");
    let Address::Tcp(front) = relay.front() else { panic!("a relay over IPv4") };
    (relay, front, directory)
}

fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
    let address = listener.local_addr().expect("bound");
    (listener, address)
}

/// No call on it blocks for ever.
fn patient(stream: TcpStream) -> TcpStream {
    stream.set_read_timeout(Some(BOUND)).expect("not zero");
    stream.set_write_timeout(Some(BOUND)).expect("not zero");
    stream
}

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < BOUND, "{what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
