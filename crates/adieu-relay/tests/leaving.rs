//! A relay that stops while others listen on the same port (SO_REUSEPORT).

#![cfg(target_os = "linux")]

mod support;

use adieu::{Endpoint, ListenOptions, SocketOptions};
use adieu_relay::RelayConfig;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use support::{LIMIT, Running, Server, config, free, server_of};

/// A relay of one upstream on a port that it shares.
fn sharing(at: std::net::SocketAddr, server: &Server) -> Running {
    let mut config: RelayConfig = config(&[server.at]);
    config.listen = Endpoint::from(at);
    config.listen_options = ListenOptions::new().socket(SocketOptions::new().prepare(adieu_os::reuse_port));
    Running::start(config)
}

fn connect(at: std::net::SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(at).expect("somebody listens");
    stream.set_read_timeout(Some(LIMIT)).expect("a timeout");
    stream
}

/// Whichever of three stops, the others are given its clients, and soon.
#[test]
fn each_of_three_that_stops_leaves_its_clients_to_the_others() {
    for which in 0..3 {
        let at = free();
        let servers = [b'a', b'b', b'c'].map(Server::named);
        let mut relays: Vec<_> = servers.iter().map(|server| sharing(at, server)).collect();
        let own = b"abc"[which];
        let stops = relays.remove(which);
        stops.handle.shutdown(LIMIT);
        let began = Instant::now();
        let mut of_who_stops = 0;
        while !stops.over.is_finished() {
            of_who_stops += u32::from(server_of(&connect(at)) == own);
            assert!(began.elapsed() < LIMIT, "it does not stop");
        }
        let drained = stops.over.join().expect("it does not panic");
        assert!(drained.cut.is_empty(), "{drained:?}");
        // It was left alone for a while: each client that came to it has sent the next to another.
        assert!(of_who_stops < 200, "the {which}. was given {of_who_stops} clients while it stopped");
        for _ in 0..20 {
            assert_ne!(server_of(&connect(at)), own);
        }
    }
}

/// Somebody comes all the time, and there is nobody to leave them to.
#[test]
fn the_grace_bounds_how_long_others_are_waited_for() {
    let server = Server::named(b'a');
    let at = free();
    let relay = sharing(at, &server);
    let is_over = Arc::new(AtomicBool::new(false));
    let over = Arc::clone(&is_over);
    let clients = std::thread::spawn(move || {
        while !over.load(Ordering::Relaxed) {
            // Whoever comes too late is refused.
            let Ok(stream) = TcpStream::connect(at) else { continue };
            stream.set_read_timeout(Some(LIMIT)).expect("a timeout");
            let _ = std::io::Read::read(&mut &stream, &mut [0]);
        }
    });
    let began = Instant::now();
    relay.shut_down_within(Duration::from_millis(100));
    let took = began.elapsed();
    is_over.store(true, Ordering::Relaxed);
    clients.join().expect("it does not panic");
    assert!(took < Duration::from_millis(2500), "{took:?}");
}
