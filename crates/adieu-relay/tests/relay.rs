//! The relay over real sockets: what each side sees, and what is told of it.

mod support;

use adieu::{Ending, Endpoint, Side};
use adieu_relay::proxy_protocol::AcceptProxy;
use adieu_relay::{Drained, NotJoined, Outcome, Relay, RelayConfig, RelayEvent, RelaySide, Upstream};
use adieu_testkit::places;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};
use support::{LIMIT, Running, config, listener, refused};

#[test]
fn both_streams_and_their_ends_pass() {
    let (server, at) = listener();
    let relay = Running::start(config(&[at]));
    let mut client = relay.connect();
    client.write_all(b"question").expect("it is taken");
    client.shutdown(Shutdown::Write).expect("a half-close");
    let (mut joined, _) = server.accept().expect("the relay connects");
    let mut question = String::new();
    joined.read_to_string(&mut question).expect("the half-close passes");
    joined.write_all(b"answer").expect("it is taken");
    drop(joined);
    let mut answer = String::new();
    client.read_to_string(&mut answer).expect("an end");
    assert_eq!((&*question, &*answer), ("question", "answer"));
    drop(client);
    let closed = relay.closed();
    assert_eq!((closed.ending(), closed.cut_at()), (Ending::Graceful, None), "{closed:?}");
    assert_eq!(closed.ended_first(), Some(RelaySide::Client));
    assert_eq!(closed.upstream, Some(Endpoint::from(at)));
    assert_eq!(relay.shut_down_within(LIMIT), Drained::default());
}

#[test]
fn a_client_that_no_upstream_takes_is_reset() {
    let relay = Running::start(config(&[refused(), refused()]));
    let mut client = relay.connect();
    let error = client.read(&mut [0]).expect_err("no end that looks whole");
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    let closed = relay.closed();
    assert_eq!((closed.ending(), closed.cut_at()), (Ending::NoConnection, Some(RelaySide::Upstream)));
    let Outcome::NotJoined { why: NotJoined::NoUpstream(tried), client } = closed.outcome else {
        panic!("it is not joined: {closed:?}")
    };
    assert_eq!((tried.len(), client.ending()), (2, Ending::Reset { by: Side::Us }));
}

#[test]
fn a_client_that_resets_while_its_upstream_is_connected_to_gives_its_place_back_soon() {
    let any = "127.0.0.1:0".parse().expect("an address");
    let (silent, _held) = places::unanswering(any).expect("a full backlog");
    let relay = Running::start(config(&[silent]));
    let client = relay.connect();
    let is_connecting = |one: &adieu_relay::OpenConnection| one.state == adieu_relay::State::Connecting;
    support::until("it is connected to", || relay.handle.connections().iter().any(is_connecting));
    socket2::SockRef::from(&client).set_linger(Some(Duration::ZERO)).expect("an option");
    let began = Instant::now();
    drop(client);
    let closed = relay.closed();
    assert!(began.elapsed() < LIMIT / 2, "nobody waited for the upstream");
    assert_eq!(closed.ending(), Ending::Reset { by: Side::Peer }, "{closed:?}");
    assert_eq!((closed.cut_at(), closed.ended_first()), (Some(RelaySide::Client), Some(RelaySide::Client)));
    assert_eq!((closed.upstream.clone(), closed.upstream_ending()), (Some(Endpoint::from(silent)), None));
    let Outcome::NotJoined { why: NotJoined::ClientCut(tried), .. } = &closed.outcome else {
        panic!("{closed:?}")
    };
    assert!(tried.is_empty());
    assert!(relay.handle.upstreams().iter().all(|state| state.open == 0 && state.is_up));
}

#[test]
fn a_client_that_half_closes_while_its_upstream_is_connected_to_is_served() {
    let any = "127.0.0.1:0".parse().expect("an address");
    let (silent, held) = places::unanswering(any).expect("a full backlog");
    let relay = Running::start(config(&[silent]));
    let mut client = relay.connect();
    client.write_all(b"question").expect("it is taken");
    client.shutdown(Shutdown::Write).expect("a half-close");
    let is_connecting = |one: &adieu_relay::OpenConnection| one.state == adieu_relay::State::Connecting;
    support::until("it is connected to", || relay.handle.connections().iter().any(is_connecting));
    client.set_read_timeout(Some(Duration::from_millis(200))).expect("a timeout");
    let error = client.read(&mut [0]).expect_err("it waits");
    assert!(matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{error}");
    drop(held);
}

#[test]
fn an_upstream_that_refuses_is_passed_over() {
    let (server, at) = listener();
    let relay = Running::start(config(&[refused(), at]));
    for _ in 0..4 {
        let mut client = relay.connect();
        drop(server.accept().expect("the relay connects"));
        assert_eq!(client.read(&mut [0]).expect("an end"), 0);
    }
}

#[test]
fn an_upstreams_reset_comes_after_its_last_bytes() {
    let (server, at) = listener();
    let relay = Running::start(config(&[at]));
    let mut client = relay.connect();
    let (mut joined, _) = server.accept().expect("the relay connects");
    joined.write_all(b"413").expect("it is taken");
    socket2::SockRef::from(&joined).set_linger(Some(Duration::ZERO)).expect("an option");
    drop(joined);
    let mut reply = [0; 3];
    client.read_exact(&mut reply).expect("the reply comes whole");
    let error = client.read(&mut [0]).expect_err("no end that looks whole");
    assert_eq!((&reply, error.kind()), (b"413", ErrorKind::ConnectionReset));
    let closed = relay.closed();
    assert_eq!(closed.ending(), Ending::Reset { by: Side::Peer }, "{closed:?}");
    assert_eq!(
        (closed.cut_at(), closed.ended_first()),
        (Some(RelaySide::Upstream), Some(RelaySide::Upstream))
    );
}

#[test]
fn a_shutdown_waits_for_who_ends_and_cuts_the_rest() {
    let (server, at) = listener();
    let relay = Running::start(config(&[at]));
    let [mut ends, mut stays] = [relay.connect(), relay.connect()];
    for client in [&mut ends, &mut stays] {
        client.write_all(b"x").expect("it is taken");
    }
    let [mut first, mut second] = [0; 2].map(|_| server.accept().expect("the relay connects").0);
    for joined in [&mut first, &mut second] {
        joined.read_exact(&mut [0]).expect("a byte");
    }
    assert_eq!(relay.handle.connections().len(), 2);
    let at = relay.at;
    relay.handle.shutdown(LIMIT);
    ends.shutdown(Shutdown::Write).expect("a half-close");
    // Which of the two is whose is the workers' to choose: each echoes what ends.
    for joined in [&mut first, &mut second] {
        joined.set_read_timeout(Some(LIMIT)).expect("a timeout");
    }
    let echo = |mut joined: TcpStream| {
        std::thread::spawn(move || joined.read(&mut [0]).map(|_| drop(joined)).map_err(|error| error.kind()))
    };
    let servers = [echo(first), echo(second)];
    assert_eq!(ends.read(&mut [0]).expect("an end"), 0);
    relay.closed();
    // The one has ended in its time. The other's is over.
    relay.handle.shutdown(Duration::ZERO);
    let ends_of_servers = servers.map(|thread| thread.join().expect("it does not panic"));
    assert!(ends_of_servers.contains(&Ok(())), "{ends_of_servers:?}");
    assert!(ends_of_servers.contains(&Err(ErrorKind::ConnectionReset)), "{ends_of_servers:?}");
    assert_eq!(stays.read(&mut [0]).expect_err("it is cut").kind(), ErrorKind::ConnectionReset);
    let drained = relay.over.join().expect("it does not panic");
    assert_eq!((drained.finished, drained.cut.len()), (1, 1));
    assert!(TcpStream::connect(at).is_err(), "the socket is closed");
}

#[test]
fn a_connection_whose_end_nobody_knows_did_not_finish() {
    let (_server, at) = listener();
    let mut config = RelayConfig::new(Endpoint::tcp("127.0.0.1", 0), [Upstream::new(Endpoint::from(at))]);
    config.accept_proxy = Some(AcceptProxy {
        timeout: LIMIT,
        ..AcceptProxy::from_networks(["127.0.0.0/8".parse().expect("a network")])
    });
    let (tell, accepted) = channel();
    let relay = Relay::bind([config], move |event| match event {
        RelayEvent::Accepted { .. } => tell.send(()).expect("somebody waits"),
        // Its connection is dropped by that.
        RelayEvent::Introduced { .. } => panic!("an observer that fails"),
        _ => {}
    });
    let relay = relay.expect("it listens");
    let at = relay.local_endpoints()[0].to_string();
    let handle = relay.handle();
    let over = std::thread::spawn(move || relay.run().expect("it ran"));
    let mut client = TcpStream::connect(at).expect("the relay listens");
    accepted.recv_timeout(LIMIT).expect("it is accepted");
    handle.shutdown(LIMIT);
    client.write_all(b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n").expect("it is taken");
    let drained = over.join().expect("the workers go on");
    assert_eq!((drained.finished, drained.cut.len()), (0, 1));
}
