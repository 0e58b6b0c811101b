//! Which upstream a client is given, over real sockets: in turn, by load, by address; when one is down; by name.

mod support;

use adieu::{ConnectOptions, Endpoint, Limits};
use adieu_relay::{Balance, Health, NotJoined, Outcome, RelayConfig, Upstream, UpstreamError};
use std::collections::BTreeMap;
use std::time::Duration;
use support::{Refusing, Running, Server, config, is_reset, refused, server_of, until};

/// One that is left alone for so long that no test sees its end.
const LONG: Health = {
    let mut health = Health::DEFAULT;
    health.fail_timeout = Duration::from_secs(3600);
    health
};

fn three() -> [Server; 3] {
    [b'a', b'b', b'c'].map(Server::named)
}

#[test]
fn clients_are_given_to_the_upstreams_in_turn() {
    let servers = three();
    let relay = Running::start(config(&servers.each_ref().map(|server| server.at)));
    let names: Vec<u8> = (0..6).map(|_| server_of(&relay.connect())).collect();
    assert_eq!(names, b"abcabc");
}

#[test]
fn a_client_is_given_to_the_upstream_with_the_fewest_connections() {
    let servers = three();
    let mut config = config(&servers.each_ref().map(|server| server.at));
    config.balance = Balance::Least;
    let relay = Running::start(config);
    let mut clients = BTreeMap::new();
    for _ in 0..3 {
        let client = relay.connect();
        clients.insert(server_of(&client), client);
    }
    assert_eq!(clients.len(), 3);
    drop(clients.remove(&b'b'));
    relay.closed();
    assert_eq!(server_of(&relay.connect()), b'b');
}

#[test]
fn by_hash_a_client_keeps_its_upstream_and_only_the_clients_of_one_that_is_down_move() {
    let servers = three();
    let dead = refused();
    let [a, b, c] = servers.each_ref().map(|server| server.at);
    let given = |upstreams: &[_]| {
        let mut config = config(upstreams);
        (config.balance, config.health) = (Balance::Hash, LONG);
        let relay = Running::start(config);
        let name_of = |last| server_of(&relay.connect_from(last));
        let first: Vec<u8> = (1..=20).map(name_of).collect();
        let again: Vec<u8> = (1..=20).map(name_of).collect();
        assert_eq!(first, again);
        first
    };
    let of_all = given(&[a, b, c]);
    assert_eq!(of_all, given(&[c, b, a]), "their order does not matter");
    assert!(b"abc".iter().all(|name| of_all.contains(name)), "{of_all:?}");
    // A fourth that refuses: whoever would be its client goes to another, and all others stay.
    let with_dead = given(&[a, b, dead, c]);
    assert_eq!(of_all, with_dead);
}

#[test]
fn an_upstream_that_refuses_is_passed_over_told_once_and_left_alone() {
    let server = Server::named(b'a');
    let dead = refused();
    let mut config = config(&[dead, server.at]);
    config.health = LONG;
    let relay = Running::start(config);
    for _ in 0..5 {
        assert_eq!(server_of(&relay.connect()), b'a');
    }
    assert_eq!(relay.told(), format!("down {}", Endpoint::from(dead)));
    assert!(relay.told.try_recv().is_err(), "it is not tried again, so there is no more to tell");
    let states = relay.handle.upstreams();
    assert_eq!(states.iter().map(|state| state.is_up).collect::<Vec<_>>(), [false, true]);
    for _ in 0..5 {
        relay.closed();
    }
    assert!(relay.handle.upstreams().iter().all(|state| state.open == 0));
}

#[test]
fn an_upstream_that_is_back_is_found_by_a_client_and_none_is_harmed() {
    let server = Server::named(b'a');
    let refusing = Refusing::new();
    let dead = refusing.at;
    let mut config = config(&[dead, server.at]);
    config.health.fail_timeout = Duration::from_millis(20);
    config.health.slow_start = Duration::ZERO;
    let relay = Running::start(config);
    assert_eq!(server_of(&relay.connect()), b'a');
    assert!(relay.told().starts_with("down "));
    let _back = Server::on(refusing.listen(), b'b');
    until("it is given a client", || server_of(&relay.connect()) == b'b');
    assert_eq!(relay.told(), format!("up {}", Endpoint::from(dead)));
}

#[test]
fn if_all_are_down_a_client_still_tries_one_and_finds_it_back() {
    let refusing = Refusing::new();
    let [one, other] = [refused(), refusing.at];
    let mut config = config(&[one, other]);
    config.health = LONG;
    let relay = Running::start(config);
    assert!(is_reset(&relay.connect()));
    assert!(relay.told().starts_with("down ") && relay.told().starts_with("down "));
    let tried = |closed: &adieu_relay::Closed| match &closed.outcome {
        Outcome::NotJoined { why: NotJoined::NoUpstream(tried), .. } => tried.len(),
        other => panic!("{other:?}"),
    };
    assert_eq!(tried(&relay.closed()), 2);
    assert!(is_reset(&relay.connect()));
    assert_eq!(tried(&relay.closed()), 1, "the last resort is one upstream");
    let _back = Server::on(refusing.listen(), b'b');
    // The two are taken in turn, so the second client at the latest finds it.
    until("it is given a client", || {
        let client = relay.connect();
        let mut name = [0];
        std::io::Read::read(&mut &client, &mut name).is_ok() && name == *b"b"
    });
    assert_eq!(relay.told(), format!("up {}", Endpoint::from(other)));
}

#[test]
fn an_upstream_that_does_not_answer_in_time_is_passed_over() {
    let server = Server::named(b'a');
    // Its backlog is full, so the kernel drops every further SYN.
    let silent = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("a socket");
    silent.bind(&std::net::SocketAddr::from(([127, 0, 0, 1], 0)).into()).expect("a port");
    silent.listen(0).expect("it listens");
    let at = silent.local_addr().ok().and_then(|at| at.as_socket()).expect("an address");
    let _full: Vec<_> =
        (0..2).map(|_| std::net::TcpStream::connect_timeout(&at, Duration::from_millis(200))).collect();
    let soon = ConnectOptions::new().limits(Limits::new().connect_timeout(Duration::from_millis(100)));
    let upstreams =
        [Upstream::new(Endpoint::from(at)).options(soon), Upstream::new(Endpoint::from(server.at))];
    let mut config = RelayConfig::new(Endpoint::tcp("127.0.0.1", 0), upstreams);
    config.health = LONG;
    let relay = Running::start(config);
    assert_eq!(server_of(&relay.connect()), b'a');
    assert_eq!(relay.told(), format!("down {}", Endpoint::from(at)));
}

#[test]
fn a_name_is_resolved_beside_the_connections_and_one_that_cannot_be_is_passed_over() {
    let server = Server::named(b'a');
    let port = server.at.port();
    let names = ["nobody.invalid", "localhost"].map(|host| Upstream::new(Endpoint::tcp(host, port)));
    let mut config = RelayConfig::new(Endpoint::tcp("127.0.0.1", 0), names);
    config.health = LONG;
    let relay = Running::start(config);
    let mut told = Vec::new();
    for _ in 0..3 {
        assert_eq!(server_of(&relay.connect()), b'a');
    }
    for _ in 0..2 {
        told.push(relay.told());
    }
    told.sort();
    assert_eq!(told, [format!("down nobody.invalid:{port}"), "unresolved nobody.invalid".to_owned()]);
}

#[test]
fn a_client_of_a_name_without_an_address_is_reset_and_the_reason_is_told() {
    let name = Upstream::new(Endpoint::tcp("nobody.invalid", 9));
    let relay = Running::start(RelayConfig::new(Endpoint::tcp("127.0.0.1", 0), [name]));
    assert!(is_reset(&relay.connect()));
    let closed = relay.closed();
    let Outcome::NotJoined { why: NotJoined::NoUpstream(tried), .. } = &closed.outcome else {
        panic!("{closed:?}")
    };
    assert!(matches!(&tried[..], [(_, UpstreamError::Resolve(_))]), "{tried:?}");
}

#[test]
fn lack_of_our_own_does_not_count_against_an_upstream() {
    let server = Server::named(b'a');
    // A source that is not ours.
    let options = ConnectOptions::new().source(([192, 0, 2, 1], 0));
    let upstream = Upstream::new(Endpoint::from(server.at)).options(options);
    let relay = Running::start(RelayConfig::new(Endpoint::tcp("127.0.0.1", 0), [upstream]));
    assert!(is_reset(&relay.connect()));
    relay.closed();
    assert!(relay.handle.upstreams()[0].is_up);
    assert!(relay.told.try_recv().is_err());
}
