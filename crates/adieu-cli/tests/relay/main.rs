//! `adieu relay` from outside: the relay matrix and random conversations, ends that are the relay's own, much load, and real
//! programs on both sides.
#![cfg(unix)]

mod counterparts;
#[cfg(target_os = "linux")]
mod load;
mod matrix;
mod own_ends;

use adieu_testkit::relay::{Relay, Shape, program};
use adieu_testkit::tls::peer::Address;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::time::Duration;

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
    let listener = adieu_testkit::places::listener();
    let address = listener.local_addr().expect("bound");
    (listener, address)
}
