//! What a relay finds out about a client before it chooses an upstream: headers of the PROXY protocol, in and out, and routes by the
//! name that a client of TLS asks for.

mod support;

use adieu::tls::{Client, Server as TlsServer, ServerConfig};
use adieu::{
    Address, ConnectOptions, Connection, Ending, Endpoint, ListenOptions, Listener, LookAhead, Side,
};
use adieu_relay::proxy_protocol::{
    AcceptProxy, Header, HeaderError, ProxyError, ProxyVersion, Subject, Tls, Tlv,
};
use adieu_relay::{Admission, Closed, NotJoined, Outcome, RelayConfig, RouteError, Routes, Upstream};
use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpStream};
use std::num::NonZero;
use std::thread::{self, JoinHandle};
use std::time::Duration;
use support::{LIMIT, Running, Server, config, is_reset, refused};

/// A server that takes one client's whole stream, says something, and ends. Joined, it gives the stream.
fn taker() -> (SocketAddr, JoinHandle<Vec<u8>>) {
    let (listener, at) = support::listener();
    let taking = thread::spawn(move || {
        let (mut client, _) = listener.accept().expect("a client");
        let mut stream = Vec::new();
        client.read_to_end(&mut stream).expect("a whole stream");
        client.write_all(b"taken").expect("it is taken");
        stream
    });
    (at, taking)
}

fn loopback() -> AcceptProxy {
    AcceptProxy::from_networks(["127.0.0.0/8".parse().expect("a network")])
}

/// What the relay answers to this stream, which ends.
fn answer(relay: &Running, stream: &[u8]) -> Vec<u8> {
    let mut client = relay.connect();
    client.write_all(stream).expect("it is taken");
    client.shutdown(Shutdown::Write).expect("a half-close");
    let mut answer = Vec::new();
    client.read_to_end(&mut answer).expect("a whole answer");
    answer
}

fn not_joined(closed: Closed) -> (NotJoined, Ending) {
    match closed.outcome {
        Outcome::NotJoined { why, client } => (why, client.ending()),
        other => panic!("{other:?}"),
    }
}

fn address(text: &str) -> Address {
    Address::Socket(text.parse().expect("an address"))
}

#[test]
fn a_proxy_s_header_tells_whose_the_connection_is_and_is_no_part_of_the_stream() {
    let v2 =
        |subject| Header { version: ProxyVersion::V2, subject, tlvs: Vec::new() }.encode(ProxyVersion::V2);
    let from = |text| Subject::Client { source: address(text), destination: address("[2001:db8::1]:443") };
    for (header, client) in [
        (b"PROXY TCP4 192.0.2.7 198.51.100.1 56324 443\r\n".to_vec(), Some("192.0.2.7:56324")),
        (v2(from("[2001:db8::7]:9")), Some("[2001:db8::7]:9")),
        (b"PROXY UNKNOWN\r\n".to_vec(), None),
        (v2(Subject::Local), None),
    ] {
        let (at, taking) = taker();
        let mut config = config(&[at]);
        config.accept_proxy = Some(loopback());
        let relay = Running::start(config);
        let stream = [&header[..], b"the \r\n stream"].concat();
        assert_eq!(answer(&relay, &stream), b"taken");
        assert_eq!(taking.join().expect("no panic"), b"the \r\n stream");
        let closed = relay.closed();
        assert_eq!(closed.ending(), Ending::Graceful, "{closed:?}");
        let own = closed.peer.clone();
        assert!(own.socket_addr().is_some_and(|at| at.ip() == IpAddr::from([127, 0, 0, 1])));
        assert_eq!(closed.client, client.map_or(own, address));
        relay.shut_down();
    }
}

#[test]
fn whoever_brings_no_header_that_can_be_believed_is_reset_and_it_is_said_why() {
    let (at, _taking) = taker();
    // Whoever does send something is not overtaken by the clock.
    let [patient, hasty] = [Duration::from_secs(20), Duration::from_millis(50)].map(|timeout| {
        let mut config = config(&[at]);
        config.accept_proxy = Some(AcceptProxy { timeout, ..loopback() });
        Running::start(config)
    });
    for (stream, why) in [
        (&b"GET / HTTP/1.1\r\n"[..], ProxyError::Header(HeaderError::NotAHeader)),
        (
            b"PROXY TCP4 1.2.3.4 5.6.7.8 1\r\n",
            ProxyError::Header(HeaderError::BadLine { line: "PROXY TCP4 1.2.3.4 5.6.7.8 1".into() }),
        ),
        (b"PROXY TCP4 ", ProxyError::TimedOut { limit: Duration::from_millis(50) }),
        (b"", ProxyError::TimedOut { limit: Duration::from_millis(50) }),
    ] {
        let relay = if matches!(why, ProxyError::TimedOut { .. }) { &hasty } else { &patient };
        let mut client = relay.connect();
        // A reset that is there already is told once: to the call that comes first.
        match client.write_all(stream) {
            Ok(()) => assert!(is_reset(&client), "{why}"),
            Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{why}"),
        }
        match not_joined(relay.closed()) {
            (NotJoined::NoHeader(told), Ending::Reset { by: Side::Us }) => assert_eq!(told, why),
            other => panic!("{other:?}"),
        }
    }
    let client = patient.connect();
    client.shutdown(Shutdown::Write).expect("a half-close");
    assert!(is_reset(&client));
    assert!(matches!(not_joined(patient.closed()).0, NotJoined::NoHeader(ProxyError::Eof)));
    patient.shut_down();
    hasty.shut_down();
}

#[test]
fn a_header_is_taken_from_trusted_networks_alone_and_admission_judges_whom_it_tells() {
    let upstream = support::Server::named(b'u');
    let mut config = config(&[upstream.at]);
    config.accept_proxy = Some(AcceptProxy::from_networks(["127.0.0.1/32".parse().expect("a network")]));
    let lets_in =
        |client: &Address| client.socket_addr().is_some_and(|at| at.ip() == IpAddr::from([192, 0, 2, 1]));
    config.admission = Admission::new().filter(lets_in).max_per_source(NonZero::new(1));
    let relay = Running::start(config);
    let stranger = relay.connect_from(2);
    assert!(is_reset(&stranger));
    assert_eq!(relay.told(), "not_a_proxy");
    let through = |line: &[u8]| {
        let mut client = relay.connect();
        client.write_all(line).expect("it is taken");
        client
    };
    let first = through(b"PROXY TCP4 192.0.2.1 198.51.100.1 1 2\r\n");
    assert_eq!(support::server_of(&first), b'u');
    for (line, why) in [
        (&b"PROXY TCP4 192.0.2.2 198.51.100.1 1 2\r\n"[..], "not_let_in"),
        (b"PROXY TCP4 192.0.2.1 198.51.100.1 3 2\r\n", "source_full"),
    ] {
        assert!(is_reset(&through(line)));
        match not_joined(relay.closed()) {
            (NotJoined::TurnedAway(told), Ending::Reset { by: Side::Us }) => {
                assert_eq!(told.name(), why);
            }
            other => panic!("{other:?}"),
        }
    }
    drop(first);
    relay.shut_down();
}

#[test]
fn an_upstream_is_told_whose_the_connection_is_before_anything_else() {
    for version in [ProxyVersion::V1, ProxyVersion::V2] {
        let (at, taking) = taker();
        let mut config = config(&[refused(), at]);
        config.send_proxy = Some(version);
        let relay = Running::start(config);
        assert_eq!(answer(&relay, b"the stream"), b"taken");
        let received = taking.join().expect("no panic");
        let (header, length) = adieu_relay::proxy_protocol::read(&received).expect("valid").expect("whole");
        assert_eq!(&received[length..], b"the stream");
        let closed = relay.closed();
        assert_eq!(closed.ending(), Ending::Graceful);
        assert_eq!((header.source(), header.destination()), (Some(&closed.client), closed.local.as_ref()));
        assert_eq!(header.tlv(Tlv::UNIQUE_ID).is_some(), version == ProxyVersion::V2);
        if let Outcome::Relayed(report) = &closed.outcome {
            assert_eq!((report.a_to_b.bytes_accepted, report.b.bytes_accepted), (10, 10));
        }
        relay.shut_down();
    }
}

/// A server of TLS: its name, where it is, and the connections that it accepts.
fn tls_server(tls: &ServerConfig) -> (Listener, SocketAddr) {
    let options = ListenOptions::new().tls(tls.clone());
    let listener = Listener::bind(&Endpoint::tls("127.0.0.1", 0), &options).expect("a port");
    let at = listener.local_endpoint().to_string();
    let at = at.trim_start_matches("tls://").parse().expect("an address");
    (listener, at)
}

fn key() -> ServerConfig {
    TlsServer::self_signed().alpn("h2").build().expect("a key")
}

/// A connection to this address by TLS, which asks for this name.
fn asking_for(at: SocketAddr, name: &str) -> Result<Connection, adieu::ConnectError> {
    let tls = Client::new().insecure().server_name(name).alpn("h2").build().expect("a name");
    adieu::connect(&Endpoint::tls(at.ip().to_string(), at.port()), &ConnectOptions::new().tls(tls))
}

#[test]
fn a_chain_of_relays_passes_on_who_the_client_is_and_what_its_tls_is() {
    // The last server speaks TLS, after a header in the clear.
    let (server, at) = tls_server(&key());
    let serving = thread::spawn(move || {
        let mut client = server.accept().expect("a client");
        let header = client.look_ahead(LIMIT, |octets| match adieu_relay::proxy_protocol::read(octets) {
            Ok(None) => LookAhead::More,
            Ok(Some((header, length))) => LookAhead::Found { skip: length, value: header },
            Err(error) => panic!("{error}"),
        });
        let report = adieu::exchange::echo(client);
        (header.expect("a header"), report)
    });
    let onward = Client::new().insecure().alpn("h2").build().expect("options");
    let last =
        Upstream::new(Endpoint::tls("127.0.0.1", at.port())).options(ConnectOptions::new().tls(onward));
    let mut inner = RelayConfig::new(Endpoint::tcp("127.0.0.1", 0), [last]);
    inner.accept_proxy = Some(loopback());
    inner.send_proxy = Some(ProxyVersion::V2);
    let inner = Running::start(inner);
    let mut outer = config(&[inner.at]);
    outer.listen = Endpoint::tls("127.0.0.1", 0);
    outer.listen_options = ListenOptions::new().tls(key());
    outer.send_proxy = Some(ProxyVersion::V2);
    let outer = Running::start(outer);
    let client = asking_for(outer.at, "www.example.org").expect("it listens");
    let own = client.local_address().cloned();
    let (echo, report) = adieu::request(client, "hello");
    assert!(report.is_graceful() && echo == b"hello", "{report}");
    let (header, report) = serving.join().expect("no panic");
    assert!(report.is_graceful(), "{report}");
    let (outer_closed, inner_closed) = (outer.closed(), inner.closed());
    assert_eq!((outer_closed.ending(), inner_closed.ending()), (Ending::Graceful, Ending::Graceful));
    assert_eq!(header.source(), own.as_ref());
    assert_eq!(Some(&inner_closed.client), own.as_ref());
    assert_eq!(header.destination(), outer_closed.local.as_ref());
    assert_eq!(header.tlv(Tlv::AUTHORITY), Some(&b"www.example.org"[..]));
    assert_eq!(header.tlv(Tlv::ALPN), Some(&b"h2"[..]));
    let tls = header.tlvs.iter().find_map(Tls::from_tlv).expect("the client's TLS");
    assert_eq!(tls.version.as_deref(), Some("TLSv1.3"));
    assert!(tls.cipher.is_some() && !tls.has_certificate && tls.common_name.is_none());
    // That of the outer one.
    let id = header.tlv(Tlv::UNIQUE_ID).expect("a name");
    assert!(id.ends_with(format!("-{:x}", outer_closed.id).as_bytes()));
    outer.shut_down();
    inner.shut_down();
}

#[test]
fn the_name_that_a_client_asks_for_is_looked_for_only_if_somebody_reads_it() {
    let server = Server::named(b'a');
    for is_told in [true, false] {
        let mut front = config(&[server.at]);
        front.listen = Endpoint::tls("127.0.0.1", 0);
        front.listen_options = ListenOptions::new().tls(key());
        front.report_server_name = is_told;
        let relay = Running::start(front);
        let client = asking_for(relay.at, "www.example.org").expect("it listens");
        let (answer, report) = adieu::request(client, "");
        assert!(report.is_graceful() && answer == b"a", "{report}");
        let name = relay.closed().server_name;
        assert_eq!(name.as_deref(), Some("www.example.org").filter(|_| is_told));
        relay.shut_down();
    }
}

fn echo_of(listener: Listener) {
    thread::spawn(move || {
        while let Ok(client) = listener.accept() {
            thread::spawn(move || adieu::exchange::echo(client));
        }
    });
}

#[test]
fn clients_are_routed_by_the_name_they_ask_for_and_nothing_is_decrypted() {
    let (own, wild) = (key(), key());
    let (own_server, own_at) = tls_server(&own);
    let (wild_server, wild_at) = tls_server(&wild);
    echo_of(own_server);
    echo_of(wild_server);
    let plain = support::Server::named(b'p');
    let mut config = config(&[plain.at]);
    let pattern = |text: &str| text.parse().expect("a pattern");
    config.routes = Routes::new()
        .route(pattern("www.example.org"), Upstream::new(Endpoint::from(own_at)))
        .route(pattern("*.example.org"), Upstream::new(Endpoint::from(wild_at)));
    // Longer than a client that speaks may be held up.
    config.routes.timeout = Duration::from_secs(2);
    let relay = Running::start(config);
    for (name, server) in [("WWW.example.org", &own), ("a.b.example.org", &wild)] {
        let client = asking_for(relay.at, name).expect("it is routed");
        let seen = client.tls().and_then(|tls| tls.peer_sha256.map(str::to_owned));
        assert_eq!(seen, server.fingerprint().map(|print| print.to_string()), "{name}");
        let (echo, report) = adieu::request(client, name);
        assert!(report.is_graceful() && echo == name.as_bytes(), "{report}");
        let closed = relay.closed();
        assert_eq!(closed.ending(), Ending::Graceful, "{closed:?}");
    }
    // Neither TLS nor silence has a name.
    for first in [&b"GET / HTTP/1.1\r\n\r\n"[..], b""] {
        let mut client = relay.connect();
        client.write_all(first).expect("it is taken");
        assert_eq!(support::server_of(&client), b'p');
        client.shutdown(Shutdown::Write).expect("a half-close");
        let mut echo = Vec::new();
        client.read_to_end(&mut echo).expect("a whole stream");
        assert_eq!(echo, first);
        assert_eq!(relay.closed().ending(), Ending::Graceful);
    }
    // A hello that stops goes nowhere.
    let mut client = relay.connect();
    client.write_all(&[0x16, 3, 1, 0, 200, 1]).expect("it is taken");
    assert!(is_reset(&client));
    let why = not_joined(relay.closed()).0;
    assert!(matches!(why, NotJoined::NoRoute(RouteError::TimedOut { .. })), "{why:?}");
    relay.shut_down();
}

#[test]
fn a_client_that_is_served_by_nobody_is_told_by_an_alert_and_a_reset() {
    let alert = |at, name| match asking_for(at, name) {
        Err(error) => error.report().tls_alert.map(|alert| alert.to_string()),
        Ok(_) => panic!("there is nobody to serve it"),
    };
    // Without decrypting.
    let route = Routes::new()
        .route("www.example.org".parse().expect("a name"), Upstream::new(Endpoint::from(refused())));
    let mut passing = config(&[]);
    passing.routes = route.clone();
    let passing = Running::start(passing);
    assert_eq!(alert(passing.at, "other.example.org").as_deref(), Some("unrecognized_name"));
    let (why, ending) = not_joined(passing.closed());
    assert_eq!(ending, Ending::Reset { by: Side::Us });
    assert!(
        matches!(&why, NotJoined::NoRoute(RouteError::NoRoute { name }) if name == "other.example.org"),
        "{why:?}"
    );
    assert_eq!(alert(passing.at, "www.example.org").as_deref(), Some("internal_error"));
    assert!(matches!(not_joined(passing.closed()).0, NotJoined::NoUpstream(tried) if tried.len() == 1));
    let mut plain = passing.connect();
    plain.write_all(b"GET /").expect("it is taken");
    assert!(is_reset(&plain));
    assert!(matches!(not_joined(passing.closed()).0, NotJoined::NoRoute(RouteError::NoName)));
    passing.shut_down();

    // With a handshake before.
    let mut front = config(&[refused()]);
    front.listen = Endpoint::tls("127.0.0.1", 0);
    front.listen_options = ListenOptions::new().tls(key());
    let front = Running::start(front);
    let mut client = asking_for(front.at, "localhost").expect("the handshake is made");
    client.read(&mut [0]).expect_err("it is not served");
    let report = client.abort();
    assert_eq!(
        report.tls_alert.map(|alert| alert.to_string()).as_deref(),
        Some("internal_error"),
        "{report}"
    );
    let told = not_joined(front.closed());
    assert!(matches!(told, (NotJoined::NoUpstream(_), Ending::Reset { by: Side::Us })), "{told:?}");
    // Where it decrypts, it chooses by the name too.
    front.shut_down();
    let (at, taking) = taker();
    let mut both = config(&[]);
    both.listen = Endpoint::tls("127.0.0.1", 0);
    both.listen_options = ListenOptions::new().tls(key());
    both.routes =
        Routes::new().route("www.example.org".parse().expect("a name"), Upstream::new(Endpoint::from(at)));
    let both = Running::start(both);
    let client = asking_for(both.at, "www.example.org").expect("it is routed");
    let (answer, report) = adieu::request(client, "in the clear");
    assert!(report.is_graceful() && answer == b"taken", "{report}");
    assert_eq!(taking.join().expect("no panic"), b"in the clear");
    assert_eq!(alert(both.at, "other.example.org").as_deref(), Some("internal_error"));
    both.shut_down();
}

/// Everything at once, a piece at a time: nothing of a stream is lost at the seam.
#[test]
fn a_header_and_a_hello_in_single_octets_are_taken_all_the_same() {
    let tls = key();
    let (server, at) = tls_server(&tls);
    echo_of(server);
    let mut config = config(&[]);
    config.accept_proxy = Some(loopback());
    config.routes =
        Routes::new().route("*.example.org".parse().expect("a name"), Upstream::new(Endpoint::from(at)));
    let relay = Running::start(config);
    // Between the client and the relay there is somebody who passes on one octet at a time.
    let (middle, _) = support::listener();
    let (through, to) = (middle.local_addr().expect("an address"), relay.at);
    let passing = thread::spawn(move || {
        let (mut client, _) = middle.accept().expect("a client");
        let mut relay = TcpStream::connect(to).expect("it listens");
        relay.set_nodelay(true).expect("an option");
        for octet in b"PROXY TCP6 2001:db8::7 2001:db8::1 7 443\r\n" {
            relay.write_all(&[*octet]).expect("it is taken");
        }
        let mut back = (relay.try_clone().expect("a descriptor"), client.try_clone().expect("a descriptor"));
        let backward = thread::spawn(move || {
            let copied = std::io::copy(&mut back.0, &mut back.1);
            let _ = back.1.shutdown(Shutdown::Write);
            copied
        });
        let mut octet = [0];
        while client.read(&mut octet).expect("a stream") > 0 {
            relay.write_all(&octet).expect("it is taken");
        }
        relay.shutdown(Shutdown::Write).expect("a half-close");
        backward.join().expect("no panic").expect("a whole stream");
    });
    let client = asking_for(through, "a.example.org").expect("it is routed");
    let (echo, report) = adieu::request(client, "octet by octet");
    assert!(report.is_graceful() && echo == b"octet by octet", "{report}");
    passing.join().expect("no panic");
    let closed = relay.closed();
    assert_eq!((closed.ending(), closed.client), (Ending::Graceful, address("[2001:db8::7]:7")));
    relay.shut_down();
}
