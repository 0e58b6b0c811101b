//! Who is let in, and how many at once, over real sockets.

mod support;

use adieu::{Address, Ending, Limits, ListenOptions, Timer};
use adieu_relay::{AcceptRate, Admission, Outcome, WhenFull};
use std::io::{ErrorKind, Read, Write};
use std::num::NonZero;
use std::time::Duration;
use support::{LIMIT, Running, Server, config, is_reset, server_of};

fn relay_with(server: &Server, admission: Admission) -> Running {
    let mut config = config(&[server.at]);
    config.admission = admission;
    Running::start(config)
}

/// Whether nothing comes for a moment. It can only err on the good side.
fn hears_nothing(mut client: &std::net::TcpStream) -> bool {
    client.set_read_timeout(Some(Duration::from_millis(50))).expect("a timeout");
    let nothing = client
        .read(&mut [0])
        .is_err_and(|error| matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut));
    client.set_read_timeout(Some(LIMIT)).expect("a timeout");
    nothing
}

#[test]
fn who_is_not_let_in_is_reset_at_once() {
    let server = Server::named(b'a');
    let ours =
        |client: &Address| !matches!(client, Address::Socket(at) if at.ip().to_string() == "127.0.0.66");
    let relay = relay_with(&server, Admission::new().filter(ours));
    assert!(is_reset(&relay.connect_from(66)));
    assert_eq!(relay.told(), "not_let_in");
    assert_eq!(server_of(&relay.connect()), b'a');
}

#[test]
fn clients_beyond_the_most_wait_and_are_served_when_there_is_a_place() {
    let server = Server::named(b'a');
    let relay = relay_with(&server, Admission::new().max_connections(NonZero::new(2)));
    let (first, second) = (relay.connect(), relay.connect());
    assert_eq!([&first, &second].map(server_of), *b"aa");
    let third = relay.connect();
    assert!(hears_nothing(&third));
    assert_eq!(relay.handle.connections().len(), 2);
    drop(first);
    assert_eq!(server_of(&third), b'a');
    let fourth = relay.connect();
    assert!(hears_nothing(&fourth));
    drop((second, third));
    assert_eq!(server_of(&fourth), b'a');
}

#[test]
fn clients_beyond_the_most_are_reset_if_that_is_asked_for() {
    let server = Server::named(b'a');
    let relay =
        relay_with(&server, Admission::new().max_connections(NonZero::new(1)).when_full(WhenFull::Reset));
    let first = relay.connect();
    assert_eq!(server_of(&first), b'a');
    assert!(is_reset(&relay.connect()));
    assert_eq!(relay.told(), "full");
    drop(first);
    relay.closed();
    assert_eq!(server_of(&relay.connect()), b'a');
}

#[test]
fn one_source_has_no_more_than_its_share_and_others_are_served() {
    let server = Server::named(b'a');
    let relay = relay_with(&server, Admission::new().max_per_source(NonZero::new(2)));
    let first = [relay.connect_from(2), relay.connect_from(2)];
    assert_eq!(first.each_ref().map(server_of), *b"aa");
    assert!(is_reset(&relay.connect_from(2)));
    assert_eq!(relay.told(), "source_full");
    assert_eq!(server_of(&relay.connect_from(3)), b'a');
    drop(first);
    for _ in 0..3 {
        relay.closed();
    }
    assert_eq!(server_of(&relay.connect_from(2)), b'a');
}

#[test]
fn more_than_the_rate_lets_in_are_reset_if_that_is_asked_for() {
    let server = Server::named(b'a');
    let rate = AcceptRate::new(1, Duration::from_secs(3600));
    let relay = relay_with(&server, Admission::new().accept_rate(rate).when_full(WhenFull::Reset));
    assert_eq!(server_of(&relay.connect()), b'a');
    assert!(is_reset(&relay.connect()));
    assert_eq!(relay.told(), "too_fast");
}

#[test]
fn more_than_the_rate_lets_in_wait_for_their_time() {
    let server = Server::named(b'a');
    let rate = AcceptRate::new(100, Duration::from_secs(1));
    let relay = relay_with(&server, Admission::new().accept_rate(rate));
    let began = std::time::Instant::now();
    let clients: Vec<_> = (0..120).map(|_| relay.connect()).collect();
    assert!(clients.iter().all(|client| server_of(client) == b'a'));
    // A burst of 100, and 20 more at 10 ms each; less what the workers held ahead.
    assert!(began.elapsed() >= Duration::from_millis(150), "{:?}", began.elapsed());
}

#[test]
fn clients_who_wait_at_a_shutdown_are_served_or_cut_at_its_end() {
    let server = Server::named(b'a');
    let relay = relay_with(&server, Admission::new().max_connections(NonZero::new(1)));
    let first = relay.connect();
    assert_eq!(server_of(&first), b'a');
    let [waits, stays] = [relay.connect(), relay.connect()];
    relay.handle.shutdown(LIMIT);
    support::until("they are taken from the backlog", || relay.handle.connections().len() == 3);
    drop(first);
    // One of the two has the place now.
    let is_served = |client: &std::net::TcpStream| !hears_nothing(client);
    support::until("one of them is served", || is_served(&waits) || is_served(&stays));
    relay.handle.shutdown(Duration::ZERO);
    let drained = relay.over.join().expect("it does not panic");
    assert_eq!((drained.finished, drained.cut.len()), (1, 2));
}

#[test]
fn a_client_that_says_nothing_holds_no_place_for_ever_and_a_server_may_speak_first() {
    let soon = Duration::from_millis(300);
    // Of one that says nothing either.
    let (silent, _) = support::listener();
    let mut to_silent = config(&[silent.local_addr().expect("an address")]);
    to_silent.listen_options = ListenOptions::new().limits(Limits::new().first_byte_timeout(soon));
    let relay = Running::start(to_silent.clone());
    let client = relay.connect();
    let upstream = silent.accept().expect("the relay connects").0;
    upstream.set_read_timeout(Some(LIMIT)).expect("a timeout");
    assert!(is_reset(&client) && is_reset(&upstream));
    let closed = relay.closed();
    assert_eq!(closed.ending(), Ending::TimedOut { timer: Timer::FirstByte });
    assert!(matches!(closed.outcome, Outcome::Relayed(_)));

    // SSH, SMTP and MySQL: the server speaks first, and the client may take its time.
    let server = Server::named(b'a');
    let mut to_speaker = config(&[server.at]);
    to_speaker.listen_options = to_silent.listen_options;
    let relay = Running::start(to_speaker);
    let mut client = relay.connect();
    assert_eq!(server_of(&client), b'a');
    std::thread::sleep(soon * 2);
    client.write_all(b"x").expect("the connection is there");
    client.read_exact(&mut [0]).expect("the echo");
}
