//! TCP Fast Open of the connecting side, against the real kernel: each test has a network of its own, in which every
//! listener takes data with a SYN.

use crate::arms::{Arm, BOUND, Open, bounded, log_of, on_both};
use adieu::exchange::{Input, Output};
use adieu::{
    ConnectCause, ConnectOptions, Endpoint, Event, FastOpen, Interrupt, Limits, ListenOptions, Listener,
    Report, Signal, SocketOptions,
};
use adieu_testkit::namespace::{self, counter};
use adieu_testkit::pattern::Pattern;
use adieu_testkit::peer::{Bind, PeerHandle, ReceivedEnd, Step};
use adieu_testkit::{places, skip};
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const NAME: &str = "adieu-peer";
const V4: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const V6: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);

/// For clients, for servers, and for every listener without its asking.
const EVERYWHERE: &str = "1027";

/// What of IPv4's 1500 octets are the data of a SYN, at most: the headers are 40, and room for options is kept.
const FITS: u64 = 1420;

/// Gives this thread its network; if that cannot be, says so and gives false.
fn has_network(allowed: &str) -> bool {
    let made = namespace::own_loopback().and_then(|()| namespace::set("net.ipv4.tcp_fastopen", allowed));
    if let Err(error) = &made {
        skip::loudly("TCP Fast Open", error);
    }
    made.is_ok()
}

/// Has our kernel ask an address of this machine for its cookie.
fn ask_for_cookie(ip: IpAddr) {
    let listener = TcpListener::bind((ip, 0)).expect("loopback");
    let endpoint = Endpoint::from(listener.local_addr().expect("bound"));
    let report = adieu::fast_open(&endpoint, &ConnectOptions::new(), b"x").expect("it listens").abort();
    assert_eq!(
        (report.fast_open.map(FastOpen::name), report.fast_open.map(FastOpen::bytes)),
        (Some("not_sent"), Some(0))
    );
}

/// The bytes that are sent.
fn bytes(n: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    Pattern::of_program().reader(n).read_to_end(&mut bytes).expect("memory");
    bytes
}

const TO_EOF: &[Step] = &[Step::ReceiveToEof, Step::Send(3_000), Step::Close];

/// To a peer that answers at EOF: what it received is checked.
fn exchange(arm: Arm, options: &ConnectOptions, first: &[u8], more: &[u8]) -> Report {
    let peer = PeerHandle::listen(Bind::TCP4, TO_EOF).expect("a peer on loopback");
    let endpoint = peer.endpoint().to_string().parse().expect("an endpoint");
    let mut open = arm.fast_open(&endpoint, options, first).expect("the peer accepts");
    assert_eq!((open.counts().read, open.counts().accepted), (first.len() as u64, first.len() as u64));
    open.write_all(more).expect("the peer receives");
    let report = open.shutdown_send().expect("nothing is wrong").drain();
    let (log, sent) = (log_of(peer), (first.len() + more.len()) as u64);
    assert_eq!((log.received, log.first_wrong), (sent, None), "exactly once");
    assert!(report.is_graceful(), "{report}");
    assert_eq!(
        (report.bytes_read, report.bytes_accepted, report.bytes_acknowledged),
        (sent, sent, Some(sent))
    );
    assert_eq!(report.bytes_received, 3_000);
    report
}

fn said(report: &Report) -> (&'static str, u64) {
    (
        report.fast_open.map(FastOpen::name).expect("it was asked for"),
        report.fast_open.map(FastOpen::bytes).expect("it was asked for"),
    )
}

#[test]
fn the_first_connection_gets_the_cookie_and_the_second_sends_with_its_syn() {
    on_both(|arm| {
        if !has_network(EVERYWHERE) {
            return;
        }
        let all = bytes(5_000);
        let report = exchange(arm, &ConnectOptions::new(), &all[..14], &all[14..200]);
        assert_eq!(said(&report), ("not_sent", 0));
        assert_eq!(counter("TCPFastOpenPassive").expect("Linux"), 0);
        assert!(report.first_accepted_after >= report.connected_after);

        let report = exchange(arm, &ConnectOptions::new(), &all[..14], &all[14..200]);
        assert_eq!(said(&report), ("acknowledged", 14));
        assert!(
            report.first_accepted_after < report.connected_after,
            "our kernel had them before the peer answered"
        );
        assert_eq!(
            (counter("TCPFastOpenPassive").ok(), counter("TCPFastOpenActive").ok()),
            (Some(1), Some(1))
        );

        // What does not fit follows.
        let report = exchange(arm, &ConnectOptions::new(), &all, &[]);
        assert_eq!(said(&report), ("acknowledged", FITS));
        assert_eq!(counter("TCPFastOpenPassive").ok(), Some(2));
        assert_eq!(report.retransmitted_segments, Some(0));
    });
}

#[test]
fn nothing_to_send_is_an_ordinary_connection() {
    on_both(|arm| {
        if !has_network(EVERYWHERE) {
            return;
        }
        ask_for_cookie(V4);
        let report = exchange(arm, &ConnectOptions::new(), &[], &bytes(100));
        assert_eq!(said(&report), ("unused", 0));
        assert_eq!(counter("TCPFastOpenPassive").ok(), Some(0));
    });
}

#[test]
fn a_system_that_does_not_allow_it_to_clients_connects_in_the_ordinary_way() {
    on_both(|arm| {
        if !has_network("1026") {
            return;
        }
        assert_eq!(said(&exchange(arm, &ConnectOptions::new(), &bytes(100), &[])), ("unavailable", 0));
    });
}

#[test]
fn a_server_that_takes_no_data_with_a_syn_gets_it_afterwards_and_once() {
    on_both(|arm| {
        if !has_network(EVERYWHERE) {
            return;
        }
        ask_for_cookie(V4);
        // Its cookie is known, and it has none of it any more.
        namespace::set("net.ipv4.tcp_fastopen", "1").expect("a network of our own");
        let report = exchange(arm, &ConnectOptions::new(), &bytes(2_000), &[]);
        assert_eq!(said(&report), ("not_acknowledged", FITS));
        assert_eq!(counter("TCPFastOpenPassive").ok(), Some(0));
    });
}

#[test]
fn a_listener_of_ours_takes_them_too() {
    on_both(|arm| {
        if !has_network("3") {
            return;
        }
        let listener =
            Listener::bind(&Endpoint::tcp("127.0.0.1", 0), &ListenOptions::new().fast_open_queue(16))
                .expect("loopback");
        for outcome in [("not_sent", 0), ("acknowledged", 5)] {
            let open = arm
                .fast_open(listener.local_endpoint(), &ConnectOptions::new(), b"hello")
                .expect("it listens");
            let mut accepted = listener.accept().expect("one connects");
            let half_closed = open.shutdown_send().expect("nothing is wrong");
            let mut received = Vec::new();
            accepted.read_to_end(&mut received).expect("it ends its side");
            assert_eq!(received, b"hello");
            let there = accepted.shutdown_send().expect("nothing is wrong").close();
            let here = half_closed.drain();
            assert!(here.is_graceful() && there.is_graceful(), "{here}; {there}");
            assert_eq!(said(&here), outcome);
            assert_eq!(there.fast_open.map(FastOpen::name), None);
        }
    });
}

#[test]
fn a_refused_syn_is_no_connection_and_counts_nothing_as_accepted() {
    on_both(|arm| {
        if !has_network(EVERYWHERE) {
            return;
        }
        ask_for_cookie(V4);
        let (address, _held) = places::refusing(SocketAddr::new(V4, 0)).expect("loopback");
        let error = arm.fast_open(&address.into(), &ConnectOptions::new(), b"hello").err().expect("refused");
        let report = error.report();
        assert_eq!((report.ending().name(), report.error_name()), ("no_connection", Some("ECONNREFUSED")));
        assert_eq!((report.bytes_read, report.bytes_accepted, report.bytes_acknowledged), (5, 0, None));
        assert_eq!(said(report), ("not_acknowledged", 5));
        assert!(!report.to_string().contains("may have reached"), "{report}");
    });
}

#[test]
fn an_address_that_refuses_is_followed_by_the_next_with_the_same_bytes() {
    on_both(|arm| {
        if !has_network(EVERYWHERE) {
            return;
        }
        ask_for_cookie(V4);
        ask_for_cookie(V6);
        let Some(_hosts) = own_hosts() else { return };
        let peer = PeerHandle::listen(Bind::TCP4, TO_EOF).expect("a peer on loopback");
        let port = peer.endpoint().address().expect("TCP").port();
        let _held = places::refusing(SocketAddr::new(V6, port)).expect("loopback");
        let first = bytes(100);
        let open =
            arm.fast_open(&Endpoint::tcp(NAME, port), &ConnectOptions::new(), &first).expect("one accepts");
        let report = open.shutdown_send().expect("nothing is wrong").drain();
        let log = log_of(peer);
        assert_eq!((log.received, log.first_wrong), (100, None));
        assert!(report.is_graceful(), "{report}");
        assert_eq!(said(&report), ("acknowledged", 100));
        assert_eq!(
            (report.bytes_read, report.bytes_accepted, report.bytes_acknowledged),
            (100, 100, Some(100))
        );
    });
}

fn own_hosts() -> Option<Box<dyn std::any::Any>> {
    match places::own_hosts(NAME, &[V6, V4]) {
        Ok(hosts) => Some(Box::new(hosts)),
        Err(error) => {
            skip::loudly("a name with several addresses", &error);
            None
        }
    }
}

/// The addresses that were tried.
fn watching(options: ConnectOptions) -> (ConnectOptions, Arc<Mutex<Vec<String>>>) {
    let tried = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&tried);
    let options = options.observer(move |_, event| {
        if let Event::Connecting { address } = event {
            noted.lock().expect("nobody panics with it").push(address.to_string());
        }
    });
    (options, tried)
}

#[test]
fn while_bytes_are_out_with_a_syn_no_other_address_gets_them() {
    on_both(|arm| {
        if !has_network(EVERYWHERE) {
            return;
        }
        ask_for_cookie(V4);
        ask_for_cookie(V6);
        let Some(_hosts) = own_hosts() else { return };
        let (silent, _held) = places::unanswering(SocketAddr::new(V6, 0)).expect("a full backlog");
        let listener = TcpListener::bind((V4, silent.port())).expect("the port is ours");
        listener.set_nonblocking(true).expect("a socket");
        // Twice the time after which a race tries the next.
        let options = ConnectOptions::new().limits(Limits::new().connect_timeout(Duration::from_millis(600)));
        let (options, tried) = watching(options);
        let error = arm.fast_open(&Endpoint::tcp(NAME, silent.port()), &options, b"hello").err();
        let error = error.expect("nobody answers");
        assert!(matches!(error.cause(), ConnectCause::TimedOut(_)), "{error}");
        assert_eq!(*tried.lock().expect("nobody panicked"), [silent.to_string()]);
        assert_eq!(listener.accept().err().map(|e| e.kind()), Some(io::ErrorKind::WouldBlock));
        let report = error.report();
        assert_eq!(said(report), ("unanswered", 5));
        assert!(
            report.to_string().ends_with("; 5 bytes went with the SYN and may have reached it"),
            "{report}"
        );
        assert_eq!((report.bytes_read, report.bytes_accepted), (5, 0));
    });
}

#[test]
fn after_a_syn_with_bytes_that_the_kernel_gave_up_no_other_address_gets_them() {
    on_both(|arm| {
        if !has_network(EVERYWHERE) {
            return;
        }
        ask_for_cookie(V4);
        ask_for_cookie(V6);
        let Some(_hosts) = own_hosts() else { return };
        namespace::set("net.ipv4.tcp_syn_retries", "1").expect("a network of our own");
        namespace::set("net.ipv4.tcp_syn_linear_timeouts", "0").expect("a network of our own");
        let (silent, _held) = places::unanswering(SocketAddr::new(V6, 0)).expect("a full backlog");
        let listener = TcpListener::bind((V4, silent.port())).expect("the port is ours");
        listener.set_nonblocking(true).expect("a socket");
        let (options, tried) = watching(ConnectOptions::new());
        let error = arm.fast_open(&Endpoint::tcp(NAME, silent.port()), &options, b"hello").err();
        let error = error.expect("nobody answers");
        assert!(matches!(error.cause(), ConnectCause::Attempts(attempts) if attempts.len() == 1), "{error}");
        assert_eq!(*tried.lock().expect("nobody panicked"), [silent.to_string()]);
        assert_eq!(listener.accept().err().map(|e| e.kind()), Some(io::ErrorKind::WouldBlock));
        let report = error.report();
        assert_eq!(
            (report.ending().name(), report.timer().map(adieu::Timer::name), said(report)),
            ("timed_out", Some("kernel"), ("unanswered", 5))
        );
        assert!(report.to_string().ends_with("may have reached it"), "{report}");
    });
}

#[test]
fn without_a_cookie_it_is_a_race_as_ever() {
    on_both(|arm| {
        if !has_network(EVERYWHERE) {
            return;
        }
        // Of the second alone: it is not sent the bytes with its SYN while the first is under way.
        ask_for_cookie(V4);
        let Some(_hosts) = own_hosts() else { return };
        let (silent, _held) = places::unanswering(SocketAddr::new(V6, 0)).expect("a full backlog");
        let listener = TcpListener::bind((V4, silent.port())).expect("the port is ours");
        let (options, tried) = watching(ConnectOptions::new());
        let endpoint = Endpoint::tcp(NAME, silent.port());
        let open = arm.fast_open(&endpoint, &options, b"hello").expect("one answers");
        assert_eq!(tried.lock().expect("nobody panicked").len(), 2);
        let (mut stream, _) = listener.accept().expect("it has connected");
        stream.set_read_timeout(Some(BOUND)).expect("not zero");
        let mut received = [0; 5];
        stream.read_exact(&mut received).expect("all of them");
        assert_eq!(&received, b"hello");
        assert_eq!(said(&open.abort()), ("not_sent", 0));
        assert_eq!(counter("TCPFastOpenPassive").ok(), Some(0));
    });
}

#[test]
fn a_peer_that_resets_at_once_is_a_reset_and_not_a_refusal() {
    on_both(|arm| {
        if !has_network(EVERYWHERE) {
            return;
        }
        ask_for_cookie(V4);
        let peer = PeerHandle::listen(Bind::TCP4, &[Step::CloseUnread(5)]).expect("a peer on loopback");
        let endpoint = peer.endpoint().to_string().parse().expect("an endpoint");
        let mut open: Open =
            arm.fast_open(&endpoint, &ConnectOptions::new(), b"hello").expect("the peer accepts");
        open.read_exact(&mut [0]).expect_err("there is nothing to read");
        let report = open.abort();
        assert_eq!(
            (report.ending().name(), report.reset_by().map(adieu::Side::name)),
            ("reset", Some("peer")),
            "{report}"
        );
        assert_eq!((said(&report), report.bytes_accepted), (("acknowledged", 5), 5));
        log_of(peer);
    });
}

#[test]
fn an_interrupt_right_after_the_syn_finds_the_connection_that_is_there() {
    bounded("an interrupt", || {
        if !has_network(EVERYWHERE) {
            return;
        }
        ask_for_cookie(V4);
        let peer = PeerHandle::listen(Bind::TCP4, &[Step::ReceiveToEof]).expect("a peer on loopback");
        let endpoint = peer.endpoint().to_string().parse().expect("an endpoint");
        let interrupt = Interrupt::new().expect("a pipe");
        let options = ConnectOptions::new().interrupt(&interrupt).observer(move |_, event| {
            if let Event::Connecting { .. } = event {
                interrupt.raise(Signal::Interrupt);
            }
        });
        let connection = adieu::fast_open(&endpoint, &options, b"hello").expect("the peer answers at once");
        let report = adieu::exchange(connection, Input::empty(), Output::null());
        assert_eq!(
            (report.ending().name(), report.phase.name(), report.bytes_accepted),
            ("interrupted", "sending", 5),
            "{report}"
        );
        was_reset_after_five_bytes(peer);
    });
}

/// The peer has the bytes of the SYN, and then a reset.
fn was_reset_after_five_bytes(peer: PeerHandle) {
    let log = log_of(peer);
    let seen = (log.received, log.end());
    assert_eq!(seen, (5, Some(ReceivedEnd::Reset)), "what was cut does not look whole");
}

#[test]
fn a_future_that_is_dropped_after_the_syn_resets() {
    bounded("a dropped future", || {
        if !has_network(EVERYWHERE) {
            return;
        }
        ask_for_cookie(V4);
        let peer = PeerHandle::listen(Bind::TCP4, &[Step::ReceiveToEof]).expect("a peer on loopback");
        let endpoint: Endpoint = peer.endpoint().to_string().parse().expect("an endpoint");
        let runtime = crate::arms::runtime();
        runtime.block_on(async {
            let options = ConnectOptions::new();
            tokio::select! {
                biased;
                _ = adieu::tokio::fast_open(&endpoint, &options, b"hello") => panic!("it does not wait"),
                () = std::future::ready(()) => {}
            }
        });
        drop(runtime);
        was_reset_after_five_bytes(peer);
    });
}

#[test]
fn multipath_tcp_takes_them_too() {
    on_both(|arm| {
        if !has_network("3") {
            return;
        }
        let multipath = SocketOptions::new().mptcp(true);
        let ours = ConnectOptions::new().socket(multipath.clone());
        let theirs = ListenOptions::new().socket(multipath).fast_open_queue(16);
        let listening = Listener::bind(&Endpoint::tcp("127.0.0.1", 0), &theirs);
        let Ok(listener) = listening else {
            return skip::not_here("multipath_tcp_takes_them_too", "no Multipath TCP");
        };
        for outcome in [("not_sent", 0), ("acknowledged", 5)] {
            let open = arm.fast_open(listener.local_endpoint(), &ours, b"hello").expect("it listens");
            let mut accepted = listener.accept().expect("one connects");
            let half_closed = open.shutdown_send().expect("nothing is wrong");
            let mut received = Vec::new();
            accepted.read_to_end(&mut received).expect("it ends its side");
            assert_eq!(received, b"hello");
            let there = accepted.shutdown_send().expect("nothing is wrong").close();
            let here = half_closed.drain();
            assert!(here.is_graceful() && there.is_graceful(), "{here}; {there}");
            assert_eq!((said(&here), here.bytes_acknowledged), (outcome, Some(5)));
            assert_eq!(here.transport.map(adieu::Transport::name), Some("mptcp"));
        }
    });
}

#[test]
fn with_tls_it_is_the_client_hello_that_goes_with_the_syn() {
    on_both(|arm| {
        if !has_network("3") {
            return;
        }
        let serving = adieu::tls::Server::self_signed().build().expect("a key");
        let server = ListenOptions::new().tls(serving).fast_open_queue(16);
        let listener = Listener::bind(&Endpoint::tcp("127.0.0.1", 0), &server).expect("loopback");
        let ours = ConnectOptions::new()
            .tls(adieu::tls::Client::new().insecure().build().expect("no roots are needed"));
        for name in ["not_sent", "acknowledged"] {
            let endpoint = listener.local_endpoint().clone();
            let ours = ours.clone();
            let client = std::thread::spawn(move || {
                let open = arm.fast_open(&endpoint, &ours, b"hello").expect("it listens");
                open.shutdown_send().expect("nothing is wrong").drain()
            });
            let mut accepted = listener.accept().expect("one connects");
            let mut received = Vec::new();
            accepted.read_to_end(&mut received).expect("it ends its side");
            assert_eq!(received, b"hello");
            let there = accepted.shutdown_send().expect("nothing is wrong").close();
            let here = client.join().expect("no panic");
            assert!(here.is_graceful() && there.is_graceful(), "{here}; {there}");
            assert_eq!((here.bytes_read, here.bytes_accepted, here.bytes_acknowledged), (5, 5, Some(5)));
            assert_eq!(here.fast_open.map(FastOpen::name), Some(name));
            // A ClientHello is longer than what it is to carry.
            assert_eq!(here.fast_open.map(FastOpen::bytes).is_some_and(|n| n > 100), name == "acknowledged");
        }
    });
}

#[test]
fn what_it_came_to_is_an_event() {
    on_both(|arm| {
        if !has_network(EVERYWHERE) {
            return;
        }
        ask_for_cookie(V4);
        let told = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&told);
        let options = ConnectOptions::new().observer(move |_, event| {
            let line = match event {
                Event::FastOpen { outcome } => format!("{outcome:?}"),
                Event::Sent { bytes } => format!("sent {bytes}"),
                _ => return,
            };
            noted.lock().expect("nobody panics with it").push(line);
        });
        exchange(arm, &options, &bytes(1_500), &[]);
        let fast_open = format!("{:?}", FastOpen::Acknowledged { bytes: FITS });
        assert_eq!(*told.lock().expect("nobody panicked"), [&*fast_open, "sent 1420", "sent 80"]);
    });
}

#[test]
fn a_unix_socket_and_a_proxy_have_none() {
    on_both(|arm| {
        let refusal = |endpoint: &Endpoint, options: &ConnectOptions| {
            let error = arm.fast_open(endpoint, options, b"x").err().expect("it cannot be had");
            assert!(matches!(error.cause(), ConnectCause::Option(_)), "{error}");
            assert_eq!((error.report().exit_code(), error.report().fast_open.map(FastOpen::name)), (7, None));
            error.to_string()
        };
        let said = refusal(&Endpoint::unix("/nonexistent/x"), &ConnectOptions::new());
        assert!(said.contains("fastopen means nothing for a Unix socket"), "{said}");
        let proxy: adieu::Proxy = "http://127.0.0.1:9".parse().expect("a proxy");
        let said = refusal(&Endpoint::tcp("127.0.0.1", 9), &ConnectOptions::new().proxy(proxy));
        assert!(said.contains("fastopen cannot be had through a proxy"), "{said}");
    });
}
