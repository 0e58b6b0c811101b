//! Proxies that behave, and proxies that do not: scripted, on real sockets, for both drivers.

use crate::arms::{Arm, BOUND, on_both};
use adieu::{ConnectCause, ConnectOptions, Endpoint, Limits, Proxy, ProxyError};
use adieu_testkit::places;
use socket2::SockRef;
use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// What a proxy does with one client.
#[derive(Clone, Copy)]
enum Step {
    /// Receives exactly so many bytes.
    Take(usize),
    /// Receives the head of a request.
    TakeHead,
    Send(&'static [u8]),
    /// Sends byte by byte, each in a segment of its own.
    Dribble(&'static [u8]),
    Reset,
    /// Sends back what comes until EOF.
    Echo,
    /// Receives until the client is gone.
    Hold,
    /// Receives the client's end, which is no reset.
    End,
}
use Step::{Dribble, Echo, End, Hold, Reset, Send, Take, TakeHead};

/// A proxy for as many clients as there are scripts, and what it received of each before its stream.
fn proxy(scripts: &'static [&'static [Step]]) -> (u16, JoinHandle<Vec<Vec<u8>>>) {
    let listener = places::listener();
    let port = listener.local_addr().expect("bound").port();
    let serve = move || {
        scripts.iter().map(|script| perform(&listener.accept().expect("a client").0, script)).collect()
    };
    (port, std::thread::spawn(serve))
}

fn perform(mut stream: &TcpStream, script: &[Step]) -> Vec<u8> {
    stream.set_read_timeout(Some(BOUND)).expect("not zero");
    stream.set_nodelay(true).expect("a socket");
    let mut taken = Vec::new();
    for step in script {
        match step {
            Take(n) => {
                let start = taken.len();
                taken.resize(start + n, 0);
                stream.read_exact(&mut taken[start..]).expect("the client asks");
            }
            TakeHead => {
                while !taken.ends_with(b"\r\n\r\n") {
                    let mut byte = [0];
                    stream.read_exact(&mut byte).expect("the client asks");
                    taken.extend(byte);
                }
            }
            // Whoever has understood enough may be gone.
            Send(bytes) => drop(stream.write_all(bytes)),
            Dribble(bytes) => bytes.iter().for_each(|byte| drop(stream.write_all(&[*byte]))),
            Reset => SockRef::from(stream).set_linger(Some(Duration::ZERO)).expect("a socket"),
            Echo => {
                let mut all = Vec::new();
                stream.read_to_end(&mut all).expect("the client ends its side");
                stream.write_all(&all).expect("it still receives");
            }
            Hold => drop(stream.read_to_end(&mut Vec::new())),
            End => assert_eq!(stream.read_to_end(&mut Vec::new()).expect("an end and no reset"), 0),
        }
    }
    taken
}

fn through(url: &str) -> ConnectOptions {
    ConnectOptions::new().proxy(url.parse::<Proxy>().expect("a proxy"))
}

fn target() -> Endpoint {
    Endpoint::tcp("peer.invalid", 80)
}

/// What is said where there is no connection, and the exit status.
fn refusal(arm: Arm, endpoint: &Endpoint, options: &ConnectOptions) -> (String, u8) {
    let error = arm.connect(endpoint, options).err().expect("there is no connection");
    let report = error.report();
    assert!(!format!("{error} {error:?} {report:?} {options:?}").contains("hunter2"), "a password is told");
    (report.to_string(), report.exit_code())
}

const GRANTED: &[u8] = b"\x05\x00\x00\x01\x7f\x00\x00\x01\x00\x50";
const ASKED: usize = 4 + 1 + "peer.invalid".len() + 2;

/// Exchanges a few bytes, and checks that the ending is as without a proxy.
fn is_good(arm: Arm, port: u16, url: &str, greeting: &[u8]) {
    let mut open = arm.connect(&target(), &through(url)).unwrap_or_else(|error| panic!("{error}"));
    let (_, peer) = open.addresses();
    assert_eq!(peer, Some(format!("127.0.0.1:{port}")), "what is connected to is the proxy");
    open.write_all(b"over the proxy").expect("the proxy takes it");
    let mut half = open.shutdown_send().expect("nothing is wrong");
    let mut received = Vec::new();
    half.read_to_end(&mut received).expect("the proxy ends its side");
    let report = half.close();
    assert_eq!(received, [greeting, b"over the proxy"].concat());
    assert!(report.is_graceful(), "{report}");
    let shown = url.replace("me:hunter2@", "");
    assert_eq!(report.proxy.as_ref().map(ToString::to_string), Some(shown));
    assert_eq!((report.bytes_received, report.bytes_accepted), (received.len() as u64, 14));
}

#[test]
fn every_kind_leads_to_the_peer_and_a_good_end() {
    on_both(|arm| {
        let (port, _) = proxy(&[&[Take(3), Send(b"\x05\x00"), Take(ASKED), Send(GRANTED), Echo]]);
        is_good(arm, port, &format!("socks5h://127.0.0.1:{port}"), b"");
        let (port, taken) = proxy(&[&[
            Take(4),
            Send(b"\x05\x02"),
            Take(2 + 1 + 2 + 7),
            Send(b"\x01\x00"),
            Take(ASKED),
            Send(GRANTED),
            Echo,
        ]]);
        is_good(arm, port, &format!("socks5h://me:hunter2@127.0.0.1:{port}"), b"");
        assert!(taken.join().expect("no panic")[0].windows(12).any(|w| w == b"\x01\x02me\x07hunter2"));
        let (port, _) = proxy(&[&[Take(9 + 13), Send(b"\x00\x5a\x00\x00\x00\x00\x00\x00"), Echo]]);
        is_good(arm, port, &format!("socks4a://127.0.0.1:{port}"), b"");
        let (port, taken) = proxy(&[&[TakeHead, Send(b"HTTP/1.1 200 OK\r\n\r\n"), Echo]]);
        is_good(arm, port, &format!("http://me:hunter2@127.0.0.1:{port}"), b"");
        let asked = String::from_utf8(taken.join().expect("no panic").remove(0)).expect("ASCII");
        assert!(asked.starts_with("CONNECT peer.invalid:80 HTTP/1.1\r\n"), "{asked}");
        assert!(asked.contains("Basic bWU6aHVudGVyMg=="), "{asked}");
    });
}

#[test]
fn socks4_is_asked_for_the_ipv4_addresses_of_a_name() {
    on_both(|arm| {
        let granted: &[&[Step]] = &[&[Take(9), Send(b"\x00\x5a\x00\x00\x00\x00\x00\x00"), Echo]];
        for scheme in ["socks", "socks4"] {
            let (port, taken) = proxy(granted);
            // It has an IPv6 address on most machines.
            let open = arm
                .connect(&Endpoint::tcp("localhost", 80), &through(&format!("{scheme}://127.0.0.1:{port}")));
            let report =
                open.unwrap_or_else(|error| panic!("{error}")).shutdown_send().expect("connected").drain();
            assert!(report.is_graceful(), "{report}");
            assert_eq!(report.proxy, format!("socks4://127.0.0.1:{port}").parse().ok());
            assert_eq!(taken.join().expect("no panic"), [b"\x04\x01\x00\x50\x7f\x00\x00\x01\x00"]);
        }
        let (port, _) = proxy(&[&[End]]);
        let (said, exit) =
            refusal(arm, &Endpoint::tcp("::1", 80), &through(&format!("socks://127.0.0.1:{port}")));
        assert!(said.ends_with("cannot be asked: SOCKS4 has no IPv6 addresses: use socks5"), "{said}");
        assert_eq!(exit, 3);
    });
}

#[test]
fn what_follows_the_reply_at_once_is_the_streams() {
    on_both(|arm| {
        let (port, _) = proxy(&[&[
            Take(3),
            Send(b"\x05\x00"),
            Take(ASKED),
            Send(b"\x05\x00\x00\x01\x7f\x00\x00\x01\x00\x50220 hello\r\n"),
            Echo,
        ]]);
        is_good(arm, port, &format!("socks5h://127.0.0.1:{port}"), b"220 hello\r\n");
        let (port, _) = proxy(&[&[TakeHead, Send(b"HTTP/1.1 200 OK\r\n\r\n\r\n\r\nHTTP/1.1 "), Echo]]);
        is_good(arm, port, &format!("http://127.0.0.1:{port}"), b"\r\n\r\nHTTP/1.1 ");
    });
}

#[test]
fn a_reply_in_single_bytes_is_understood() {
    on_both(|arm| {
        let (port, _) = proxy(&[&[
            Take(3),
            Dribble(b"\x05\x00"),
            Take(ASKED),
            Dribble(b"\x05\x00\x00\x01\x7f\x00\x00\x01\x00\x50hi"),
            Echo,
        ]]);
        is_good(arm, port, &format!("socks5h://127.0.0.1:{port}"), b"hi");
        let (port, _) = proxy(&[&[TakeHead, Dribble(b"HTTP/1.1 200 Fine\r\nX: y\r\n\r\nhi"), Echo]]);
        is_good(arm, port, &format!("http://127.0.0.1:{port}"), b"hi");
    });
}

#[test]
fn a_refusal_is_told_in_the_proxys_words() {
    on_both(|arm| {
        let (port, _) =
            proxy(&[&[Take(3), Send(b"\x05\x00"), Take(ASKED), Send(b"\x05\x02\x00\x01\0\0\0\0\0\0"), Hold]]);
        let (said, exit) = refusal(arm, &target(), &through(&format!("socks5h://127.0.0.1:{port}")));
        let expected = format!(
            "no connection to peer.invalid:80: the proxy socks5h://127.0.0.1:{port} refuses: connection not allowed by \
             ruleset (reply 2)"
        );
        assert_eq!((said, exit), (expected, 3));
        let (port, _) = proxy(&[&[Take(4), Send(b"\x05\x02"), Take(12), Send(b"\x01\x01"), Hold]]);
        let (said, exit) =
            refusal(arm, &target(), &through(&format!("socks5h://me:hunter2@127.0.0.1:{port}")));
        assert!(said.contains("user name and password are not accepted"), "{said}");
        assert_eq!(exit, 3);
        let (port, _) = proxy(&[&[
            TakeHead,
            Send(b"HTTP/1.1 403 Filtered\r\nContent-Length: 9\r\n\r\n"),
            Send(b"Not today"),
            Hold,
        ]]);
        let (said, exit) = refusal(arm, &target(), &through(&format!("http://127.0.0.1:{port}")));
        assert!(said.ends_with("refuses: 403 Filtered: Not today"), "{said}");
        assert_eq!(exit, 3);
        // No word of it is waited for.
        let (port, _) = proxy(&[&[TakeHead, Send(b"HTTP/1.1 403 hunter2\r\n\r\n"), Hold]]);
        let (said, exit) = refusal(arm, &target(), &through(&format!("http://me:hunter2@127.0.0.1:{port}")));
        assert!(said.contains("refuses: 403 Forbidden (its own words are not told"), "{said}");
        assert_eq!(exit, 3);
    });
}

#[test]
fn a_proxy_that_refuses_is_left_without_a_reset() {
    on_both(|arm| {
        let (port, left) =
            proxy(&[&[Take(3), Send(b"\x05\x00"), Take(ASKED), Send(b"\x05\x02\x00\x01\0\0\0\0\0\0"), End]]);
        refusal(arm, &target(), &through(&format!("socks5h://127.0.0.1:{port}")));
        left.join().expect("an end");
        // With a password the page is not received for its words.
        for user in ["", "me:hunter2@"] {
            let (port, left) =
                proxy(&[&[TakeHead, Send(b"HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno"), End]]);
            refusal(arm, &target(), &through(&format!("http://{user}127.0.0.1:{port}")));
            left.join().expect("an end");
        }
    });
}

#[test]
fn a_page_without_an_end_does_not_hold_a_refusal_up() {
    on_both(|arm| {
        let (port, _) =
            proxy(&[&[TakeHead, Send(b"HTTP/1.1 502 Bad Gateway\r\n\r\n<p>upstream is down"), Hold]]);
        let started = Instant::now();
        let (said, exit) = refusal(arm, &target(), &through(&format!("http://127.0.0.1:{port}")));
        assert!(said.ends_with("refuses: 502 Bad Gateway: upstream is down"), "{said}");
        assert_eq!(exit, 3);
        assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
        // Reset after its words: the words count.
        let (port, _) = proxy(&[&[TakeHead, Send(b"HTTP/1.1 502 Bad Gateway\r\n\r\nno"), Reset]]);
        let error =
            arm.connect(&target(), &through(&format!("http://127.0.0.1:{port}"))).err().expect("refused");
        let words = matches!(
            error.cause(),
            ConnectCause::Proxy { error: ProxyError::Refused { .. } | ProxyError::Io { .. }, .. }
        );
        assert!(words, "{error}");
    });
}

#[test]
fn a_proxy_that_misbehaves_is_named_and_is_no_connection() {
    on_both(|arm| {
        let cases: [(&str, &'static [&'static [Step]], &str); 5] = [
            ("socks5h", &[&[Take(3), Send(b"\x05")]], "closed the connection before its answer was whole"),
            (
                "socks5h",
                &[&[Take(3), Send(b"\x05\x00"), Take(ASKED), Send(&[5, 0, 0, 1, 127])]],
                "closed the connection",
            ),
            (
                "socks5h",
                &[&[Take(3), Send(b"HTTP/1.0 400 Bad Request\r\n\r\n"), Hold]],
                "does not speak SOCKS5",
            ),
            ("http", &[&[TakeHead, Send(b"SSH-2.0-x\r\n"), Hold]], "does not speak HTTP"),
            (
                "http",
                &[&[TakeHead, Send(b"HTTP/1.1 200 OK\r\n")]],
                "closed the connection before its answer was whole",
            ),
        ];
        for (scheme, script, says) in cases {
            let (port, _) = proxy(script);
            let url = format!("{scheme}://127.0.0.1:{port}");
            let (said, exit) = refusal(arm, &target(), &through(&url));
            assert!(said.contains(&format!("the proxy {url} {says}")), "{said}");
            assert_eq!(exit, 3, "{said}");
        }
        if cfg!(windows) {
            // Other numbers there, and under Wine 8 a reset reads as an end.
            return;
        }
        let (port, _) = proxy(&[&[Take(3), Reset]]);
        let (said, exit) = refusal(arm, &target(), &through(&format!("socks5h://127.0.0.1:{port}")));
        assert!(said.contains("failed us: Connection reset by peer (ECONNRESET"), "{said}");
        assert_eq!(exit, 3);
        let (port, _) = proxy(&[&[TakeHead, Reset]]);
        let options = through(&format!("http://127.0.0.1:{port}"));
        let error = arm.connect(&target(), &options).err().expect("it resets");
        let report = error.report();
        assert_eq!(
            (report.error_call.map(adieu::Call::name), report.error_name()),
            (Some("recv"), Some("ECONNRESET")),
            "{report}"
        );
        assert!(report.error_code().is_some());
    });
}

#[test]
fn a_silent_proxy_is_ended_by_the_connect_timeout() {
    on_both(|arm| {
        for url in ["socks5h", "socks4a", "http"] {
            let (port, _) = proxy(&[&[Hold]]);
            let options = through(&format!("{url}://127.0.0.1:{port}"))
                .limits(Limits::new().connect_timeout(Duration::from_millis(300)));
            let (said, exit) = refusal(arm, &target(), &options);
            let proxy = format!("{url}://127.0.0.1:{port}: connected to, and it did not answer our request");
            assert!(
                said.starts_with("timed out while connecting to peer.invalid:80")
                    && said.contains(&proxy)
                    && !said.contains("nothing answered"),
                "{said}"
            );
            assert_eq!(exit, 5);
        }
    });
}

#[test]
fn a_deadline_that_passes_at_a_proxy_is_called_the_deadline() {
    on_both(|arm| {
        let (port, _) = proxy(&[&[Hold]]);
        let url = format!("socks5h://127.0.0.1:{port}");
        let (said, exit) = refusal(
            arm,
            &target(),
            &through(&url).limits(Limits::new().deadline(Duration::from_millis(100))),
        );
        let expected = format!(
            "timed out while connecting to peer.invalid:80: the deadline has passed ({url}: connected to, and it did not \
             answer our request)"
        );
        assert_eq!((said, exit), (expected, 5));
    });
}

#[test]
fn an_interrupt_ends_the_wait_for_a_proxy() {
    let (port, _) = proxy(&[&[Take(3), Hold]]);
    let interrupt = adieu::Interrupt::new().expect("descriptors");
    let raised = interrupt.clone();
    let options =
        through(&format!("socks5h://127.0.0.1:{port}")).interrupt(&interrupt).observer(move |_, event| {
            if let adieu::Event::AskingProxy { .. } = event {
                raised.raise(adieu::Signal::Interrupt);
            }
        });
    let (said, exit) = refusal(Arm::Blocking, &target(), &options);
    assert_eq!(exit, 130, "{said}");
}

#[test]
fn a_proxy_that_cannot_be_reached_is_told_from_the_peer() {
    on_both(|arm| {
        let (gone, _held) = places::refusing("127.0.0.1:0".parse().expect("an address")).expect("loopback");
        let port = gone.port();
        let (said, exit) =
            refusal(arm, &target(), &through(&format!("socks5h://me:hunter2@127.0.0.1:{port}")));
        let expected = format!("the proxy socks5h://127.0.0.1:{port} cannot be reached: Connection refused");
        assert!(said.contains(&expected), "{said}");
        assert_eq!(exit, 3);
        let (said, exit) = refusal(arm, &target(), &through(&format!("http://{}.invalid:1", "x".repeat(64))));
        assert!(said.contains("cannot be reached: the name was not found"), "{said}");
        assert_eq!(exit, 3);
    });
}

#[test]
fn socks5_resolves_here_and_asks_for_each_address() {
    on_both(|arm| {
        const REFUSE: &[Step] =
            &[Take(3), Send(b"\x05\x00"), Take(4), Send(b"\x05\x05\x00\x01\0\0\0\0\0\0"), Hold];
        const GRANT: &[Step] = &[Take(3), Send(b"\x05\x00"), Take(10), Send(GRANTED), Hold];
        const GRANT6: &[Step] = &[Take(3), Send(b"\x05\x00"), Take(22), Send(GRANTED), Hold];
        let mut addresses: Vec<_> = ("localhost", 80).to_socket_addrs().expect("it is known").collect();
        addresses.dedup();
        // IPv4 first or IPv6 first: the first is refused, the last granted.
        let last_is_v4 = addresses.len() < 2 || {
            // What is tried goes by turns, beginning with the resolver's first.
            addresses[0].is_ipv6()
        };
        let script: &'static [&'static [Step]] = match (addresses.len(), last_is_v4) {
            (1, _) if addresses[0].is_ipv4() => &[GRANT],
            (1, _) => &[GRANT6],
            (2, true) => &[REFUSE, GRANT],
            (2, false) => &[REFUSE, GRANT6],
            _ => return,
        };
        let (port, taken) = proxy(script);
        let options = through(&format!("socks5://127.0.0.1:{port}"));
        let open = arm.connect(&Endpoint::tcp("localhost", 80), &options);
        drop(open.unwrap_or_else(|error| panic!("{error}")));
        let types: Vec<u8> = taken.join().expect("no panic").iter().map(|asked| asked[6]).collect();
        assert!(types.iter().all(|kind| [1, 4].contains(kind)), "addresses, and no name: {types:?}");
        assert_eq!(types.len(), addresses.len());
    });
}

#[test]
fn a_unix_socket_has_no_proxy() {
    on_both(|arm| {
        let (said, exit) = refusal(arm, &Endpoint::unix("/nonexistent/x"), &through("socks5://127.0.0.1"));
        assert!(said.contains("a Unix socket is not reached through a proxy"), "{said}");
        assert_eq!(exit, 3);
    });
}
