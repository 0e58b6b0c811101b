//! Datagrams: their boundaries, what is told of those that do not arrive, and when an exchange of them is over.

mod bounds;
mod many;
#[cfg(unix)]
mod unix;

use adieu::datagram::{self, Answer, Bound, Exchange, Probe};
use adieu::exchange::{ExchangeOptions, Input, Output, Way};
use adieu::{
    ConnectOptions, Ending, Endpoint, Event, Interrupt, Limits, ListenOptions, LocalEnd, Report, Role,
    Signal, Timer, Transport,
};
use adieu_testkit::scenario::is_wine;
use std::net::UdpSocket;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

/// How long something may take that ends by itself.
const BOUND: Duration = Duration::from_secs(20);

/// A silence that is short, and long enough for an answer on loopback of a busy machine where one is sure to come.
const SHORT: Duration = Duration::from_millis(100);

fn options() -> ConnectOptions {
    ConnectOptions::new().limits(Limits::new().deadline(BOUND))
}

fn socket(host: &str) -> (UdpSocket, Endpoint) {
    let socket = UdpSocket::bind((host, 0)).expect("loopback has ports");
    socket.set_read_timeout(Some(BOUND)).expect("a time");
    let endpoint = Endpoint::udp(host, socket.local_addr().expect("bound").port());
    (socket, endpoint)
}

/// Closes a socket, and waits until nobody has it any more: a process that another test starts has it too for a moment, until it is
/// another program.
fn close(socket: UdpSocket) {
    let address = socket.local_addr().expect("it is bound");
    drop(socket);
    await_nobody_at(address);
}

/// Waits until no socket of this IP version has the port.
fn await_nobody_at(address: std::net::SocketAddr) {
    let table = if address.is_ipv4() { "udp" } else { "udp6" };
    let port = format!(":{:04X}", address.port());
    let has_it = |line: &str| line.split_whitespace().nth(1).is_some_and(|local| local.ends_with(&port));
    let end = Instant::now() + BOUND;
    // Where there is no such table it cannot be asked.
    while std::fs::read_to_string(format!("/proc/thread-self/net/{table}"))
        .is_ok_and(|table| table.lines().any(has_it))
    {
        assert!(Instant::now() < end, "somebody still has {address}");
        thread::sleep(Duration::from_millis(1));
    }
}

fn connect(endpoint: &Endpoint) -> datagram::Peer {
    datagram::connect(endpoint, &options()).expect("there is a way to loopback")
}

fn counts(report: &Report) -> (u64, u64, u64) {
    let counted = report.datagrams.expect("it is one of datagrams");
    (counted.sent, counted.refused, counted.received)
}

/// A reader that gives these pieces, one for each read, the next when it is told to.
struct Pieces {
    pieces: std::vec::IntoIter<Vec<u8>>,
    may_go: mpsc::Receiver<()>,
}

impl std::io::Read for Pieces {
    fn read(&mut self, room: &mut [u8]) -> std::io::Result<usize> {
        let _ = self.may_go.recv();
        let Some(piece) = self.pieces.next() else { return Ok(0) };
        room[..piece.len()].copy_from_slice(&piece);
        Ok(piece.len())
    }
}

/// An input, and what lets it give its next piece.
fn pieces(pieces: &[&[u8]]) -> (Input, mpsc::Sender<()>) {
    let (go, may_go) = mpsc::channel();
    let pieces: Vec<_> = pieces.iter().map(|piece| piece.to_vec()).collect();
    let reader = Pieces { pieces: pieces.into_iter(), may_go };
    (Input::from_reader(reader).expect("a thread"), go)
}

#[test]
fn one_read_is_one_datagram_and_its_answer_comes_back() {
    for host in ["127.0.0.1", "::1"] {
        let (server, endpoint) = socket(host);
        let (input, go) = pieces(&[b"one", b"two two", b"3"]);
        let answering = thread::spawn(move || {
            let (mut room, mut seen) = ([0; 64], Vec::new());
            for _ in 0..3 {
                go.send(()).expect("it is read");
                let (n, from) = server.recv_from(&mut room).expect("it comes");
                seen.push(room[..n].to_vec());
                server.send_to(&room[..n], from).expect("loopback");
            }
            go.send(()).expect("its end is read");
            seen
        });
        let (output, answer) = Output::to_vec(1024);
        let report = Exchange::new().silence(SHORT).run(connect(&endpoint), input, output);
        let seen = answering.join().expect("no panic");
        assert_eq!(seen, [&b"one"[..], b"two two", b"3"]);
        assert_eq!(answer.into_vec(), b"onetwo two3");
        assert_eq!((report.ending(), counts(&report)), (Ending::Connectionless, (3, 0, 3)), "{report}");
        assert_eq!((report.bytes_accepted, report.bytes_received, report.bytes_written), (11, 11, 11));
        assert_eq!((report.bytes_acknowledged, report.transport), (None, Some(Transport::Udp)));
        assert!(report.ended_after >= SHORT && report.exit_code() == 0 && !report.is_graceful());
    }
}

#[test]
fn where_nobody_receives_the_refusal_is_told() {
    if is_wine() {
        return; // It takes what ICMP tells, and does not hand it on.
    }
    for host in ["127.0.0.1", "::1"] {
        let (gone, endpoint) = socket(host);
        close(gone);
        let report = Exchange::new().silence(BOUND).run(
            connect(&endpoint),
            Input::from_bytes("hello"),
            Output::null(),
        );
        assert_eq!((report.ending(), report.exit_code()), (Ending::NoConnection, 3), "{report}");
        assert_eq!(counts(&report), (1, 1, 0));
        assert!(report.to_string().starts_with(&format!("no peer at {endpoint}: ")), "{report}");
    }
}

#[test]
fn a_peer_that_goes_after_it_has_answered_leaves_a_truncated_exchange() {
    if is_wine() {
        return; // It takes what ICMP tells, and does not hand it on.
    }
    let (server, endpoint) = socket("127.0.0.1");
    let (input, go) = pieces(&[b"one", b"two"]);
    let answering = thread::spawn(move || {
        go.send(()).expect("it is read");
        let (n, from) = server.recv_from(&mut [0; 64]).expect("it comes");
        server.send_to(b"answer", from).expect("loopback");
        close(server);
        go.send(()).expect("it is read");
        // The end is not given before it is over.
        (n, go)
    });
    let (output, answer) = Output::to_vec(1024);
    let report = Exchange::new().run(connect(&endpoint), input, output);
    assert_eq!(answer.into_vec(), b"answer");
    assert_eq!((report.ending(), report.exit_code()), (Ending::Truncated, 6), "{report}");
    assert_eq!(counts(&report), (2, 1, 1));
    drop(answering.join());
}

#[test]
fn an_empty_datagram_is_no_end() {
    let bound = Bound::bind(&Endpoint::udp("127.0.0.1", 0), &ListenOptions::new()).expect("a port");
    let to = bound.local_address().and_then(adieu::Address::socket_addr).expect("UDP has one");
    let (client, _) = socket("127.0.0.1");
    for datagram in [&b""[..], b"after it"] {
        client.send_to(datagram, to).expect("loopback");
    }
    let peer = bound.accept_within(BOUND).expect("it receives").expect("somebody has sent");
    assert_eq!(peer.peer_address().and_then(adieu::Address::socket_addr), client.local_addr().ok());
    let (output, received) = Output::to_vec(1024);
    let report = Exchange::new().silence(SHORT).run(peer, Input::empty(), output);
    assert_eq!(received.into_vec(), b"after it");
    assert_eq!((report.role, counts(&report)), (Some(Role::Listen), (0, 0, 2)), "{report}");
    assert_eq!(report.ending(), Ending::Connectionless);
}

#[test]
fn every_address_receives_over_both_versions_and_a_peer_has_its_own_address() {
    for host in ["127.0.0.1", "::1"] {
        let Ok(client) = UdpSocket::bind((host, 0)) else { continue };
        client.set_read_timeout(Some(BOUND)).expect("not zero");
        let bound = Bound::bind(&Endpoint::udp("", 0), &ListenOptions::new()).expect("a port");
        let port = bound.local_address().and_then(adieu::Address::socket_addr).expect("UDP has one").port();
        client.send_to(b"question", (host, port)).expect("loopback");
        let peer = bound.accept_within(BOUND).expect("it receives").expect("somebody has sent");
        assert_eq!(peer.peer_address().and_then(adieu::Address::socket_addr), client.local_addr().ok());
        let (output, received) = Output::to_vec(1024);
        let report = Exchange::new().silence(SHORT).run(peer, Input::from_bytes("answer"), output);
        assert_eq!(received.into_vec(), b"question", "{report}");
        let mut room = [0; 16];
        let (length, from) = client.recv_from(&mut room).expect("the answer");
        assert_eq!((&room[..length], from.port()), (&b"answer"[..], port));
    }
}

#[test]
fn the_first_peer_is_the_one_and_others_are_left_aside() {
    let bound = Bound::bind(&Endpoint::udp("127.0.0.1", 0), &ListenOptions::new()).expect("a port");
    let to = bound.local_address().and_then(adieu::Address::socket_addr).expect("UDP has one");
    let (first, _) = socket("127.0.0.1");
    let (other, _) = socket("127.0.0.1");
    first.send_to(b"mine", to).expect("loopback");
    other.send_to(b"his", to).expect("loopback");
    first.send_to(b" too", to).expect("loopback");
    let peer = bound.accept().expect("somebody has sent");
    let (output, received) = Output::to_vec(1024);
    let report = Exchange::new().silence(SHORT).run(peer, Input::from_bytes("hello"), output);
    assert_eq!(received.into_vec(), b"mine too");
    assert_eq!(report.datagrams.map(|counted| (counted.ignored, counted.received)), Some((1, 2)), "{report}");
    let mut room = [0; 16];
    assert_eq!(first.recv(&mut room).ok(), Some(5));
}

#[test]
fn one_that_is_too_big_is_a_failure_of_ours_and_says_so() {
    let (_server, endpoint) = socket("127.0.0.1");
    let terms = || Exchange::new().datagram_size(70_000);
    let report = terms().run(connect(&endpoint), Input::from_bytes(vec![7; 65_508]), Output::null());
    assert_eq!(report.ending(), Ending::LocalFailure { end: LocalEnd::Socket }, "{report}");
    assert!(report.to_string().contains("a datagram of 65508 bytes is too big"), "{report}");

    let (server, endpoint) = socket("127.0.0.1");
    let report =
        terms().silence(SHORT).run(connect(&endpoint), Input::from_bytes(vec![7; 65_507]), Output::null());
    assert_eq!(counts(&report), (1, 0, 0), "{report}");
    assert_eq!(server.recv(&mut vec![0; 65_536]).ok(), Some(65_507));
}

#[test]
fn a_thousand_come_through_to_a_quick_reader() {
    let options = ListenOptions::new().limits(Limits::new().deadline(BOUND));
    let bound = Bound::bind(&Endpoint::udp("127.0.0.1", 0), &options).expect("a port");
    let to = bound.local_address().and_then(adieu::Address::socket_addr).expect("UDP has one");
    let client = thread::spawn(move || {
        let (client, _) = socket("127.0.0.1");
        let mut room = [0; 64];
        for n in 0..1000_u32 {
            client.send_to(format!("datagram {n}\n").as_bytes(), to).expect("loopback");
            // No more than a hundred are on the way.
            if n % 100 == 99 && n < 999 {
                client.recv(&mut room).expect("the reader keeps up");
            }
        }
    });
    let peer = bound.accept().expect("somebody has sent");
    let (reading, writing) = std::io::pipe().expect("a pipe");
    let output = Output::from_writer(Acknowledging { lines: 0, told: writing }).expect("a thread");
    let report = Exchange::new().receive_limit(1000).run(peer, hundreds(reading), output);
    client.join().expect("no panic");
    assert_eq!(counts(&report).2, 1000, "{report}");
    assert_eq!((report.ending(), report.bytes_written), (Ending::Connectionless, report.bytes_received));
}

/// Says so after each hundred lines.
struct Acknowledging {
    lines: usize,
    told: std::io::PipeWriter,
}

impl std::io::Write for Acknowledging {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        for byte in bytes.iter().filter(|byte| **byte == b'\n') {
            self.lines += usize::from(*byte == b'\n');
            if self.lines.is_multiple_of(100) {
                self.told.write_all(b"+")?;
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn hundreds(reading: std::io::PipeReader) -> Input {
    Input::from_reader(reading).expect("a thread")
}

#[test]
fn what_was_dropped_is_known_where_the_system_tells_it() {
    let socket_options = adieu::SocketOptions::new().receive_buffer(4096);
    let options = ListenOptions::new().socket(socket_options);
    let bound = Bound::bind(&Endpoint::udp("127.0.0.1", 0), &options).expect("a port");
    let to = bound.local_address().and_then(adieu::Address::socket_addr).expect("UDP has one");
    let (client, _) = socket("127.0.0.1");
    for _ in 0..100 {
        client.send_to(&[0; 1000], to).expect("loopback");
    }
    let peer = bound.accept().expect("somebody has sent");
    let report = Exchange::new().silence(SHORT).run(peer, Input::empty(), Output::null());
    let counted = report.datagrams.expect("it is one of datagrams");
    if cfg!(target_os = "linux") {
        assert_eq!(counted.dropped, Some(100 - counted.received), "{report}");
        assert_eq!((report.ending(), report.exit_code()), (Ending::Truncated, 6), "{report}");
    }
    assert!(counted.received < 100);
}

#[test]
fn a_name_is_tried_at_each_of_its_addresses() {
    if is_wine() {
        return; // It takes what ICMP tells, and does not hand it on.
    }
    // The first is ::1, where nobody receives.
    let (server, endpoint) = socket("127.0.0.1");
    let Endpoint::Udp { port, .. } = endpoint else { panic!("it is one of UDP") };
    let Ok(first) = UdpSocket::bind(("::1", port)) else { return };
    close(first);
    let answering = thread::spawn(move || {
        let (n, from) = server.recv_from(&mut [0; 64]).expect("it comes");
        server.send_to(b"here", from).expect("loopback");
        n
    });
    let (tell, told) = mpsc::channel();
    let addresses = ["[::1]:1", "127.0.0.1:1"].map(|address| address.parse().expect("an address"));
    let options = options().addresses(addresses).observer(move |at, event| {
        if let Event::Connected { .. } = event {
            tell.send(at).expect("it is asked for below");
        }
    });
    let (output, answer) = Output::to_vec(64);
    let peer = datagram::connect(&Endpoint::udp("two.example", port), &options).expect("loopback");
    let report = Exchange::new().receive_limit(1).run(peer, Input::from_bytes("where?"), output);
    assert_eq!((answering.join().expect("no panic"), answer.into_vec()), (6, b"here".to_vec()), "{report}");
    assert_eq!(counts(&report), (1, 0, 1));
    // It was accepted for the address that has answered, and not for the one before.
    let last = told.try_iter().last().expect("it had an address").as_micros();
    let accepted = report.first_accepted_after.expect("it was").as_micros();
    assert!(accepted >= last, "{accepted} {last}: {report:?}");
}

#[test]
fn a_probe_tells_an_answer_a_refusal_and_silence() {
    let (server, endpoint) = socket("127.0.0.1");
    let probe = Probe::new().times(1, Duration::ZERO);
    assert_eq!(probe.clone().wait(SHORT).ask(&connect(&endpoint)), Answer::Silent);
    let answering = thread::spawn(move || {
        let mut room = [0; 64];
        loop {
            let (n, from) = server.recv_from(&mut room).expect("it comes");
            if n > 0 {
                server.send_to(&room[..n], from).expect("loopback");
                return;
            }
        }
    });
    let answer = probe.clone().payload("ruok").wait(BOUND).ask(&connect(&endpoint));
    assert!(matches!(&answer, Answer::Answered { datagram, .. } if datagram == b"ruok"), "{answer:?}");
    answering.join().expect("no panic");
    let Endpoint::Udp { port, .. } = endpoint else { panic!("it is one of UDP") };
    await_nobody_at(([127, 0, 0, 1], port).into());
    let answer = probe.wait(BOUND).ask(&connect(&endpoint));
    assert!(matches!(&answer, Answer::Refused { .. }) || is_wine(), "{answer:?}");
}

#[test]
fn what_has_no_datagrams_is_refused_and_so_is_what_means_nothing_for_them() {
    let (_server, udp) = socket("127.0.0.1");
    let told = |error: &dyn std::error::Error| error.to_string();
    let error = datagram::connect(&Endpoint::tcp("127.0.0.1", 1), &options()).expect_err("a stream");
    assert!(told(&error).contains("no datagrams"), "{error}");
    let error = adieu::connect(&udp, &options()).expect_err("no stream");
    assert!(told(&error).contains("UDP carries datagrams"), "{error}");
    let error = adieu::Listener::bind(&udp, &ListenOptions::new()).expect_err("no stream");
    assert!(told(&error).contains("UDP carries datagrams"), "{error}");
    let asked = options().socket(adieu::SocketOptions::new().no_delay(true));
    let error = datagram::connect(&udp, &asked).expect_err("it is TCP's");
    assert!(told(&error).contains("nodelay means nothing for datagrams"), "{error}");
    let proxy: adieu::Proxy = "socks5://127.0.0.1:1".parse().expect("a proxy");
    let error = datagram::connect(&udp, &options().proxy(proxy)).expect_err("there is none for it");
    assert!(told(&error).contains("proxy means nothing for datagrams"), "{error}");
    let error = datagram::connect(&Endpoint::udp("127.0.0.1", 0), &options()).expect_err("no port");
    assert!(told(&error).contains("port 0"), "{error}");
    let error =
        datagram::connect(&Endpoint::udp("no.such.name.invalid", 9), &options()).expect_err("no name");
    assert_eq!(error.report().exit_code(), 3);
}

#[cfg(feature = "tokio")]
#[test]
fn tokio_refuses_udp_with_a_sentence() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let (_server, udp) = socket("127.0.0.1");
    let error = runtime.block_on(adieu::tokio::connect(&udp, &options())).expect_err("no stream");
    assert!(error.to_string().contains("UDP carries datagrams"), "{error}");
}

/// Other systems have no broadcast address on loopback.
#[cfg(target_os = "linux")]
#[test]
fn a_broadcast_is_sent_where_it_is_allowed() {
    let (receiver, endpoint) = socket("0.0.0.0");
    let Endpoint::Udp { port, .. } = endpoint else { panic!("it is one of UDP") };
    let everybody = Endpoint::udp("127.255.255.255", port);
    let error = datagram::connect(&everybody, &options()).expect_err("it is not allowed");
    assert!(error.to_string().contains("Permission denied"), "{error}");
    let allowed = options().socket(adieu::SocketOptions::new().broadcast(true));
    let peer = datagram::connect(&everybody, &allowed).expect("it is allowed");
    let report = Exchange::new().silence(SHORT).run(peer, Input::from_bytes("all"), Output::null());
    assert_eq!((report.ending(), counts(&report)), (Ending::Connectionless, (1, 0, 0)), "{report}");
    let mut room = [0; 8];
    let n = receiver.recv(&mut room).expect("it was sent");
    assert_eq!(&room[..n], b"all");

    let says = |endpoint: &Endpoint| allowed.check(endpoint).expect_err("it is refused").to_string();
    assert!(says(&Endpoint::tcp("127.0.0.1", 1)).contains("broadcast means nothing for a stream"));
    let error = datagram::connect(&Endpoint::unix("x"), &allowed).expect_err("it is refused");
    assert!(error.to_string().contains("broadcast means nothing for a Unix socket"), "{error}");
}

/// A host that does not exist says nothing, but our own system does: it looks for it on the wire in vain.
#[cfg(target_os = "linux")]
#[test]
fn a_host_that_is_not_there_is_told_of_too() {
    use adieu_testkit::namespace::Namespaces;
    let test = "a_host_that_is_not_there_is_told_of_too";
    // The namespace is that of a thread.
    thread::spawn(move || {
        let Some(pair) = Namespaces::or_skip(test) else { return };
        pair.enter_programs().expect("the namespace is there");
        for wire in std::fs::read_dir("/proc/sys/net/ipv4/neigh").expect("Linux has it") {
            // It asks three times, a second apart by default.
            let _ = std::fs::write(wire.expect("it is listed").path().join("retrans_time_ms"), "20");
        }
        let on_the_wire = ["route", "add", "198.51.100.0/24", "dev", "wire"];
        let added = std::process::Command::new("ip").args(on_the_wire).status().expect("it is installed");
        assert!(added.success(), "a route can be made");
        let endpoint = Endpoint::udp("198.51.100.9", 9);
        let report = Exchange::new().silence(BOUND).run(
            connect(&endpoint),
            Input::from_bytes("hello"),
            Output::null(),
        );
        assert_eq!((report.ending(), counts(&report)), (Ending::NoConnection, (1, 1, 0)), "{report}");
        assert!(report.to_string().contains("EHOSTUNREACH"), "{report}");
        let answer = Probe::new().times(1, Duration::ZERO).wait(BOUND).ask(&connect(&endpoint));
        assert!(matches!(&answer, Answer::Refused { .. }), "{answer:?}");
    })
    .join()
    .expect("no panic");
}

#[test]
fn only_who_is_let_in_is_taken_for_the_peer() {
    let bind = || Bound::bind(&Endpoint::udp("127.0.0.1", 0), &ListenOptions::new()).expect("a port");
    for with_all in [false, true] {
        let bound = bind();
        let to = bound.local_address().and_then(adieu::Address::socket_addr).expect("UDP has one");
        let (stranger, _) = socket("127.0.0.1");
        let (friend, _) = socket("127.0.0.1");
        let ours = friend.local_addr().ok();
        let bound = bound.with_filter(move |from| from.socket_addr() == ours);
        stranger.send_to(b"let me in", to).expect("loopback");
        friend.send_to(b"it is me", to).expect("loopback");
        let (output, received) = Output::to_vec(64);
        let terms = Exchange::new().receive_limit(1);
        let report = if with_all {
            terms.run_with_all(bound, Input::empty(), output)
        } else {
            terms.run(bound.accept().expect("somebody has sent"), Input::empty(), output)
        };
        assert_eq!(received.into_vec(), b"it is me");
        let counted = report.datagrams.expect("it is one of datagrams");
        assert_eq!((counted.ignored, counted.received), (1, 1), "{report}");
    }
}

#[test]
fn a_port_alone_receives_at_every_address() {
    let endpoint = Endpoint::for_listening("udp://0").expect("a port");
    let bound = Bound::bind(&endpoint, &ListenOptions::new()).expect("a port");
    let port = bound.local_address().and_then(adieu::Address::socket_addr).expect("UDP has one").port();
    let (client, _) = socket("127.0.0.1");
    client.send_to(b"hello", ("127.0.0.1", port)).expect("loopback");
    let (output, received) = Output::to_vec(64);
    let peer = bound.accept().expect("somebody has sent");
    let report = Exchange::new().receive_limit(1).run(peer, Input::from_bytes("back"), output);
    assert_eq!(received.into_vec(), b"hello", "{report}");
}

#[test]
fn lines_are_translated_paced_and_shown() {
    let (server, endpoint) = socket("127.0.0.1");
    let (shown, has_shown) = mpsc::channel();
    let options =
        ExchangeOptions::new().crlf(true).line_delay(Duration::from_millis(20)).tap(move |way, bytes| {
            let _ = shown.send((way, bytes.to_vec()));
            Ok(())
        });
    let began = Instant::now();
    let report = Exchange::new().silence(SHORT).shaped(options).run(
        connect(&endpoint),
        Input::from_bytes("one\ntwo\nthree"),
        Output::null(),
    );
    assert_eq!((report.ending(), counts(&report)), (Ending::Connectionless, (3, 0, 0)), "{report}");
    assert!(began.elapsed() >= Duration::from_millis(40) + SHORT);
    assert_eq!((report.bytes_read, report.bytes_accepted), (13, 15));
    let mut room = [0; 16];
    for line in [&b"one\r\n"[..], b"two\r\n", b"three"] {
        let n = server.recv(&mut room).expect("it came");
        assert_eq!(&room[..n], line);
        assert_eq!(has_shown.recv().ok(), Some((Way::ToPeer, line.to_vec())));
    }
}

#[test]
fn one_way_is_one_way() {
    let bound = || {
        let bound = Bound::bind(&Endpoint::udp("127.0.0.1", 0), &ListenOptions::new()).expect("a port");
        let to = bound.local_address().and_then(adieu::Address::socket_addr).expect("UDP has one");
        let (client, _) = socket("127.0.0.1");
        client.send_to(b"hello", to).expect("loopback");
        (bound.accept().expect("somebody has sent"), client)
    };
    let (peer, client) = bound();
    let (output, received) = Output::to_vec(64);
    let only = ExchangeOptions::new().send_only();
    let terms = Exchange::new().silence(SHORT).shaped(only);
    let report = terms.run(peer, Input::from_bytes("sent"), output);
    assert_eq!((received.into_vec(), report.bytes_discarded), (Vec::new(), 5), "{report}");
    assert_eq!(client.recv(&mut [0; 16]).ok(), Some(4));

    let (peer, _client) = bound();
    let (output, received) = Output::to_vec(64);
    let only = ExchangeOptions::new().recv_only();
    let terms = Exchange::new().silence(SHORT).shaped(only);
    let report = terms.run(peer, Input::from_bytes("not sent"), output);
    assert_eq!((received.into_vec(), counts(&report)), (b"hello".to_vec(), (0, 0, 1)), "{report}");

    let (peer, _client) = bound();
    let terms = Exchange::new().shaped(ExchangeOptions::new().telnet(true));
    let report = terms.run(peer, Input::empty(), Output::null());
    assert_eq!(report.ending(), Ending::LocalFailure { end: LocalEnd::Socket });
    assert!(report.to_string().contains("telnet is spoken over streams"), "{report}");
}
