//! The metrics over HTTP: what is told after connections of each kind, in a text that is held to the format's rules.

mod support;

use adieu::Endpoint;
use adieu_relay::{Metrics, MetricsServer, Relay, RelayConfig, RelayEvent, Upstream};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};
use support::{LIMIT, Server, is_reset, refused, server_of, until};

/// A relay whose metrics are served.
struct Served {
    at: SocketAddr,
    metrics_at: SocketAddr,
    _server: MetricsServer,
}

impl Served {
    fn to(upstreams: &[SocketAddr]) -> Self {
        let upstreams = upstreams.iter().map(|at| Upstream::new(Endpoint::from(*at)));
        let mut config = RelayConfig::new(Endpoint::tcp("127.0.0.1", 0), upstreams);
        config.name = String::from("front \"A\"");
        let metrics = Arc::new(Metrics::new());
        let observer = Arc::clone(&metrics);
        let observe = move |event: &RelayEvent<'_>| observer.observe(event);
        let relay = Relay::bind([config], observe).expect("it listens");
        let at = relay.local_endpoints()[0].to_string().parse().expect("an address");
        let local = Endpoint::tcp("127.0.0.1", 0);
        let server = MetricsServer::start(&local, metrics, relay.handle()).expect("it listens");
        let metrics_at = server.local_endpoint().to_string().parse().expect("an address");
        std::thread::spawn(move || relay.run());
        Self { at, metrics_at, _server: server }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.at).expect("the relay listens");
        stream.set_read_timeout(Some(LIMIT)).expect("a timeout");
        stream
    }

    fn ask(&self, request: &str) -> (String, String) {
        let mut stream = TcpStream::connect(self.metrics_at).expect("the metrics are served");
        stream.set_read_timeout(Some(LIMIT)).expect("a timeout");
        stream.write_all(request.as_bytes()).expect("it is taken");
        let mut response = String::new();
        stream.read_to_string(&mut response).expect("an answer, and its end");
        let (head, body) = response.split_once("\r\n\r\n").expect("a head and a body");
        let length = format!("Content-Length: {}\r\n", body.len());
        assert!(request.starts_with("HEAD") || format!("{head}\r\n").contains(&length), "{head}");
        (head.to_owned(), body.to_owned())
    }

    fn samples(&self) -> Samples {
        let (head, body) = self.ask("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n") && head.contains("; version=0.0.4"), "{head}");
        parse(&body)
    }
}

type Labels = BTreeMap<String, String>;
type Samples = BTreeMap<(String, Labels), f64>;

/// Reads the text as strictly as Prometheus's parser does, and somewhat more: HELP and TYPE before the samples of a family, each
/// family in one piece, no sample twice, labels quoted and escaped, counters that end in `_total`, buckets that never fall and
/// whose last is `+Inf` and the count.
fn parse(text: &str) -> Samples {
    assert!(text.ends_with('\n'));
    let mut samples = Samples::new();
    let mut seen = BTreeSet::new();
    let (mut family, mut kind) = (String::new(), String::new());
    let mut bucket: Option<(Labels, f64)> = None;
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').expect("a help text");
            assert!(seen.insert(name.to_owned()) && !help.is_empty(), "{line}");
            (family, kind) = (name.to_owned(), String::new());
            continue;
        }
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, is) = rest.split_once(' ').expect("a type");
            assert!(name == family && kind.is_empty(), "{line}");
            assert!(["counter", "gauge", "histogram"].contains(&is), "{line}");
            assert_eq!(is == "counter", name.ends_with("_total"), "{line}");
            kind = String::from(is);
            continue;
        }
        let (name, labels, value) = sample(line);
        let base = match &*kind {
            "histogram" => ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end)),
            "counter" | "gauge" => Some(&*name),
            other => panic!("no type before {line}: {other:?}"),
        };
        assert_eq!(base, Some(&*family), "{line}");
        if name.ends_with("_bucket") {
            let mut others = labels.clone();
            let bound = others.remove("le").expect("a bound");
            let before = bucket.take().filter(|(same, _)| *same == others).map_or(0.0, |(_, count)| count);
            assert!(value >= before, "{line}");
            bucket = Some((others, value));
            assert!(bound == "+Inf" || bound.parse::<f64>().is_ok(), "{line}");
        }
        if name.ends_with("_count") {
            assert_eq!(bucket.take(), Some((labels.clone(), value)), "{line}");
        }
        assert!(value >= 0.0, "{line}");
        assert!(samples.insert((name, labels), value).is_none(), "twice: {line}");
    }
    samples
}

fn sample(line: &str) -> (String, Labels, f64) {
    let is_name = |name: &str| {
        let mut chars = name.chars();
        chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
            && chars.all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    let (series, value) = line.rsplit_once(' ').expect("a value");
    let value = value.parse().expect("a number");
    let Some((name, rest)) = series.split_once('{') else {
        assert!(is_name(series), "{line}");
        return (series.to_owned(), Labels::new(), value);
    };
    let mut labels = Labels::new();
    let mut rest = rest.strip_suffix('}').expect("the labels end");
    while !rest.is_empty() {
        let (label, quoted) = rest.split_once("=\"").expect("a label and its value");
        let mut chars = quoted.char_indices();
        let mut text = String::new();
        let end = loop {
            match chars.next().expect("the value ends") {
                (at, '"') => break at,
                (_, '\\') => text.push(match chars.next().expect("something is escaped").1 {
                    'n' => '\n',
                    c @ ('\\' | '"') => c,
                    other => panic!("{other} is escaped: {line}"),
                }),
                (_, c) => text.push(c),
            }
        };
        assert!(is_name(name) && is_name(label), "{line}");
        assert!(labels.insert(label.to_owned(), text).is_none(), "{line}");
        rest = quoted[end + 1..].strip_prefix(',').unwrap_or(&quoted[end + 1..]);
    }
    (name.to_owned(), labels, value)
}

/// The sum of the samples of this name with these labels.
fn sum(samples: &Samples, name: &str, labels: &[(&str, &str)]) -> f64 {
    let has_all =
        |of: &Labels| labels.iter().all(|(label, value)| of.get(*label).is_some_and(|v| v == value));
    samples.iter().filter(|((one, of), _)| one == name && has_all(of)).map(|(_, value)| value).sum()
}

/// Counts are small.
fn is(samples: &Samples, name: &str, labels: &[(&str, &str)], expected: u32) -> bool {
    (sum(samples, name, labels) - f64::from(expected)).abs() < 0.5
}

#[test]
fn connections_are_counted_by_how_they_ended_and_bytes_while_they_pass() {
    let server = Server::named(b'a');
    let shown = Endpoint::from(server.at).to_string();
    let relay = Served::to(&[server.at]);
    let before = relay.samples();
    assert!(is(&before, "adieu_upstream_up", &[("upstream", &shown)], 1));
    assert!(is(&before, "adieu_connections_open", &[], 0));

    let mut client = relay.connect();
    client.write_all(&[b'x'; 1000]).expect("it is taken");
    client.read_exact(&mut [0; 1001]).expect("the name and the echo");
    until("the bytes of an open connection count", || {
        let samples = relay.samples();
        is(&samples, "adieu_bytes_total", &[("direction", "to_upstream")], 1000)
            && is(&samples, "adieu_bytes_total", &[("direction", "to_client")], 1001)
    });
    let during = relay.samples();
    assert!(is(&during, "adieu_connections_open", &[("relay", "front \"A\"")], 1));
    assert!(is(&during, "adieu_upstream_connections_open", &[("upstream", &shown)], 1));
    client.shutdown(Shutdown::Write).expect("a half-close");
    assert_eq!(client.read(&mut [0]).expect("an end"), 0);
    drop(client);

    let resets = relay.connect();
    assert_eq!(server_of(&resets), b'a');
    socket2::SockRef::from(&resets).set_linger(Some(Duration::ZERO)).expect("an option");
    drop(resets);
    let graceful = [("ending", "graceful"), ("by", "client"), ("upstream", &*shown)];
    let reset = [("ending", "reset"), ("by", "client"), ("upstream", &*shown)];
    until("both are over", || {
        let samples = relay.samples();
        is(&samples, "adieu_connections_closed_total", &graceful, 1)
            && is(&samples, "adieu_connections_closed_total", &reset, 1)
    });
    let after = relay.samples();
    assert!(is(&after, "adieu_connections_open", &[], 0));
    assert!(is(&after, "adieu_connections_accepted_total", &[], 2));
    assert!(is(&after, "adieu_close_seconds_count", &[], 2));
    assert!(is(&after, "adieu_connect_seconds_count", &[("upstream", &shown)], 2));
    // No label has an address of a client.
    let client_addresses = |labels: &Labels| {
        labels.iter().any(|(label, value)| label != "upstream" && value.contains("127.0.0.1"))
    };
    assert!(!after.keys().any(|(_, labels)| client_addresses(labels)), "{after:?}");
}

#[test]
fn a_half_closed_connection_is_half_open_until_it_is_over() {
    let (silent, _) = support::listener();
    let relay = Served::to(&[silent.local_addr().expect("an address")]);
    let client = relay.connect();
    let (mut upstream, _) = silent.accept().expect("the relay connects");
    assert!(is(&relay.samples(), "adieu_half_open", &[], 0));
    client.shutdown(Shutdown::Write).expect("a half-close");
    assert_eq!(upstream.read(&mut [0]).expect("the half-close passes"), 0);
    until("it is half-open", || is(&relay.samples(), "adieu_half_open", &[], 1));
    drop(upstream);
    until("it is over", || {
        let samples = relay.samples();
        is(&samples, "adieu_half_open", &[], 0) && is(&samples, "adieu_connections_open", &[], 0)
    });
}

#[test]
fn an_upstream_that_is_down_shows_and_its_clients_count() {
    let dead = refused();
    let shown = Endpoint::from(dead).to_string();
    let relay = Served::to(&[dead]);
    assert!(is_reset(&relay.connect()));
    until("it is told", || {
        let samples = relay.samples();
        let ended = [("ending", "no_connection"), ("by", "upstream"), ("upstream", &*shown)];
        is(&samples, "adieu_upstream_up", &[("upstream", &shown)], 0)
            && is(&samples, "adieu_upstream_failures_total", &[("upstream", &shown)], 1)
            && is(&samples, "adieu_connections_closed_total", &ended, 1)
    });
}

#[test]
fn bytes_that_are_not_delivered_before_a_cut_count_as_cut() {
    let (silent, _) = support::listener();
    let relay = Served::to(&[silent.local_addr().expect("an address")]);
    let mut client = relay.connect();
    let (upstream, _) = silent.accept().expect("the relay connects");
    // More than both sockets take while nobody reads.
    client.set_write_timeout(Some(Duration::from_millis(300))).expect("a timeout");
    let bytes = vec![b'x'; 1 << 20];
    while client.write(&bytes).is_ok() {}
    socket2::SockRef::from(&upstream).set_linger(Some(Duration::ZERO)).expect("an option");
    drop(upstream);
    until("they are counted", || {
        sum(&relay.samples(), "adieu_bytes_cut_total", &[("direction", "to_upstream")]) > 1000.0
    });
}

#[test]
fn requests_for_something_else_are_told_so() {
    let relay = Served::to(&[refused()]);
    for (request, status) in [
        ("GET / HTTP/1.1\r\nHost: x\r\n\r\n", "404"),
        ("POST /metrics HTTP/1.1\r\nHost: x\r\n\r\n", "405"),
        ("\x16\x03\x01\r\n\r\n", "400"),
        ("HEAD /metrics HTTP/1.1\r\nHost: x\r\n\r\n", "200"),
    ] {
        let (head, body) = relay.ask(request);
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{request}: {head}");
        assert_eq!(body.is_empty(), request.starts_with("HEAD"), "{request}: {body}");
    }
}

#[test]
fn clients_that_say_nothing_do_not_keep_a_scrape_waiting() {
    let served = Served::to(&[refused()]);
    let silent = || TcpStream::connect(served.metrics_at).expect("the metrics are served");
    let silent: Vec<TcpStream> = (0..600).map(|_| silent()).collect();
    let begun = Instant::now();
    assert!(!served.samples().is_empty());
    // Not one of them has been silent for too long by now.
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
    // The oldest had to make room.
    silent[0].set_read_timeout(Some(LIMIT)).expect("a timeout");
    assert!(is_reset(&silent[0]));
}

#[test]
fn a_request_that_does_not_come_to_its_end_is_given_up() {
    let served = Served::to(&[refused()]);
    let connect = || TcpStream::connect(served.metrics_at).expect("the metrics are served");
    let (silent, mut slow) = (connect(), connect());
    // A piece now and then is no request either.
    let begun = Instant::now();
    slow.set_read_timeout(Some(Duration::from_millis(100))).expect("a timeout");
    let is_silent =
        |error: &std::io::Error| matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut);
    while slow.write_all(b"G").is_ok() && slow.read(&mut [0]).is_err_and(|error| is_silent(&error)) {
        assert!(begun.elapsed() < LIMIT, "it is served for ever");
    }
    silent.set_read_timeout(Some(LIMIT)).expect("a timeout");
    assert!(is_reset(&silent));
}
