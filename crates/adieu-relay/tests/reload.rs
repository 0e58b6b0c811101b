//! New settings for a service that runs: who is open goes on, nobody is refused, and what cannot be had changes nothing.

mod support;

use adieu::Endpoint;
use adieu_relay::{Admission, RelayConfig, RelayError, Reloaded, Upstream};
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::num::NonZero;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use support::{LIMIT, Running, Server, config, free, is_reset, refused, server_of, until};

/// What `reload` says that it did.
fn counts(reloaded: Result<Reloaded, RelayError>) -> (usize, usize, usize) {
    let Reloaded { kept, added, removed, .. } = reloaded.expect("it can be had");
    (kept, added, removed)
}

#[test]
fn the_next_client_is_served_with_the_new_settings_and_who_is_open_goes_on() {
    let [a, b] = [b'a', b'b'].map(Server::named);
    let relay = Running::start(config(&[a.at]));
    let mut before = relay.connect();
    assert_eq!(server_of(&before), b'a');
    assert_eq!(counts(relay.handle.reload([config(&[b.at])])), (1, 0, 0));
    until("the new settings are used", || server_of(&relay.connect()) == b'b');
    before.write_all(b"x").expect("it is open");
    before.read_exact(&mut [0]).expect("it is open");
    assert_eq!(relay.handle.upstreams().len(), 1);
}

#[test]
fn no_client_is_refused_or_cut_while_settings_change() {
    let [a, b] = [b'a', b'b'].map(Server::named);
    let relay = Running::start(config(&[a.at]));
    let (at, is_over) = (relay.at, Arc::new(AtomicBool::new(false)));
    let clients: Vec<_> = (0..3)
        .map(|_| {
            let is_over = Arc::clone(&is_over);
            std::thread::spawn(move || {
                let mut served = 0;
                while !is_over.load(Ordering::Acquire) {
                    let mut client = TcpStream::connect(at).expect("it listens all the time");
                    client.set_read_timeout(Some(LIMIT)).expect("a timeout");
                    client.write_all(b"x").expect("it is taken");
                    client.read_exact(&mut [0; 2]).expect("a name and the echo");
                    client.shutdown(std::net::Shutdown::Write).expect("a half-close");
                    assert_eq!(client.read(&mut [0]).expect("an end"), 0);
                    served += 1;
                }
                served
            })
        })
        .collect();
    for at in [a.at, b.at].iter().cycle().take(100) {
        assert_eq!(counts(relay.handle.reload([config(&[*at])])), (1, 0, 0));
        // So that clients come between the changes.
        std::thread::sleep(Duration::from_millis(2));
    }
    is_over.store(true, Ordering::Release);
    let served: Vec<i32> = clients.into_iter().map(|client| client.join().expect("each is served")).collect();
    assert!(served.iter().sum::<i32>() > 20, "{served:?}");
}

#[test]
fn relays_come_and_go_and_connections_of_one_that_went_go_on() {
    let [a, b] = [b'a', b'b'].map(Server::named);
    let relay = Running::start(config(&[a.at]));
    let mut before = relay.connect();
    assert_eq!(server_of(&before), b'a');
    let new_at = free();
    let new = RelayConfig::new(Endpoint::from(new_at), [Upstream::new(Endpoint::from(b.at))]);
    assert_eq!(counts(relay.handle.reload([new.clone()])), (0, 1, 1));
    let client = TcpStream::connect(new_at).expect("the new one listens");
    assert_eq!(server_of(&client), b'b');
    until("the old one listens no more", || {
        TcpStream::connect(relay.at).is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused)
    });
    before.write_all(b"x").expect("it is open");
    before.read_exact(&mut [0]).expect("it is open");
    assert_eq!(relay.handle.local_endpoints(), [Endpoint::from(new_at)]);
}

#[test]
fn settings_that_cannot_be_had_change_nothing() {
    let a = Server::named(b'a');
    let relay = Running::start(config(&[a.at]));
    let taken = RelayConfig::new(Endpoint::from(a.at), [Upstream::new(Endpoint::from(a.at))]);
    let error = relay.handle.reload([config(&[refused()]), taken]).expect_err("it is taken");
    assert!(matches!(error, RelayError::Listen(_)), "{error}");
    let none = relay.handle.reload([config(&[])]).expect_err("nobody to connect to");
    assert!(matches!(none, RelayError::NoUpstream { .. }), "{none}");
    for _ in 0..5 {
        assert_eq!(server_of(&relay.connect()), b'a');
    }
}

#[test]
fn a_relay_with_routes_needs_no_upstream_of_its_own() {
    let a = Server::named(b'a');
    let relay = Running::start(config(&[a.at]));
    let mut routed = config(&[]);
    let pattern = "www.example".parse().expect("a name");
    routed.routes = adieu_relay::Routes::new().route(pattern, Upstream::new(Endpoint::from(a.at)));
    assert_eq!(counts(relay.handle.reload([routed])), (1, 0, 0));
    assert_eq!(counts(relay.handle.reload([config(&[a.at])])), (1, 0, 0));
    until("its own upstream is back", || {
        let mut client = relay.connect();
        let mut name = [0];
        client.read(&mut name).is_ok() && name == *b"a"
    });
}

#[test]
fn who_is_inside_counts_for_the_new_bound_and_what_is_known_of_upstreams_stays() {
    let a = Server::named(b'a');
    let dead = refused();
    let with = |most| {
        let mut config = config(&[a.at, dead]);
        config.health.fail_timeout = Duration::from_secs(3600);
        config.admission =
            Admission::new().max_connections(NonZero::new(most)).when_full(adieu_relay::WhenFull::Reset);
        config
    };
    let relay = Running::start(with(3));
    let inside = [relay.connect(), relay.connect(), relay.connect()];
    assert_eq!(inside.each_ref().map(server_of), *b"aaa");
    assert!(relay.told().starts_with("down "));
    relay.handle.reload([with(2)]).expect("it can be had");
    assert!(is_reset(&relay.connect()));
    assert_eq!(relay.told(), "full");
    assert_eq!(
        relay.handle.upstreams().iter().map(|state| (state.is_up, state.open)).collect::<Vec<_>>(),
        [(true, 3), (false, 0)]
    );
    drop(inside);
    for _ in 0..3 {
        relay.closed();
    }
    // It is open while it is counted.
    let again = relay.connect();
    assert_eq!(server_of(&again), b'a');
    assert_eq!(relay.handle.upstreams()[0].open, 1);
}

#[test]
fn after_a_shutdown_nothing_listens_while_the_open_connections_end() {
    let a = Server::named(b'a');
    let relay = Running::start(config(&[a.at]));
    let client = relay.connect();
    assert_eq!(server_of(&client), b'a');
    assert!(relay.handle.is_responsive(LIMIT));
    relay.handle.shutdown(LIMIT);
    until("it listens no more", || {
        TcpStream::connect(relay.at).is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused)
    });
    assert!(relay.handle.is_responsive(LIMIT), "also while it drains");
    assert_eq!(counts(relay.handle.reload([config(&[a.at])])), (0, 0, 0));
    drop(client);
    // Whoever connected before the socket was closed was served too.
    let drained = relay.over.join().expect("it does not panic");
    assert!(drained.finished >= 1 && drained.cut.is_empty(), "{drained:?}");
    assert!(!relay.handle.is_responsive(LIMIT));
}
