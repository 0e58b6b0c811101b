//! `adieu relay` with several upstreams, with bounds on its clients, and with metrics, as its command line asks for them.

use crate::relay::{Relay, accept, refusing, upstream};
use crate::{BOUND, Server, run, text, until};
use adieu_testkit::waits::is_reset;
use serde_json::Value;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};

/// Serves each client of a listener with this byte, and ends when the client does.
fn serve(listener: TcpListener, byte: u8) {
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            std::thread::spawn(move || {
                let _ = stream.write_all(&[byte]);
                std::io::copy(&mut stream, &mut std::io::sink())
            });
        }
    });
}

fn byte_of(mut client: &TcpStream) -> u8 {
    let mut byte = [0];
    client.read_exact(&mut byte).expect("an upstream answers");
    byte[0]
}

#[test]
fn clients_take_turns_or_keep_their_upstream_and_one_that_is_down_is_told() {
    let (one, two) = (upstream(), upstream());
    serve(one.0, b'1');
    serve(two.0, b'2');
    let dead = refusing();
    let mut relay = Relay::start(&[&one.1, &dead, &two.1], &["--slow-start", "0s"]);
    let served: Vec<u8> = (0..6).map(|_| byte_of(&relay.server.connect())).collect();
    assert!(served.contains(&b'1') && served.contains(&b'2'), "{served:?}");
    let said = relay.server.line_with("is down");
    // After the moment.
    let what = format!(
        "Z relay 127.0.0.1:0: upstream {dead} is down, and is left alone for 10s: cannot connect to {dead}: "
    );
    assert!(
        said.starts_with("adieu: 20") && said.contains(&what) && said.contains("(ECONNREFUSED "),
        "{said}"
    );

    let relay = Relay::start(&[&one.1, &two.1], &["--balance", "hash"]);
    let served: Vec<u8> = (0..6).map(|_| byte_of(&relay.server.connect())).collect();
    assert!(served.windows(2).all(|two| two[0] == two[1]), "{served:?}");
}

#[test]
fn an_upstream_that_is_not_trusted_is_told_with_the_option_that_trusts_it() {
    let upstream = Server::start_at("tls://127.0.0.1:0", &["--self-signed", "--keep-open"]);
    let mut relay = Relay::start(&[&upstream.address], &["--report", "none"]);
    relay.server.connect_in_vain();
    let said = relay.server.line_with("is down");
    assert!(said.contains("use --pin sha256:"), "{said}");
}

#[test]
fn clients_beyond_the_bounds_wait_or_are_reset_and_the_option_is_named() {
    let (listener, address) = upstream();
    serve(listener, b'x');
    let relay = Relay::start(&[&address], &["--max-connections", "1"]);
    let first = relay.server.connect();
    assert_eq!(byte_of(&first), b'x');
    let second = relay.server.connect();
    drop(first);
    assert_eq!(byte_of(&second), b'x');
    for (options, why) in [
        (&["--max-connections", "1", "--when-full", "reset"][..], "--max-connections"),
        (&["--max-per-source", "1"], "--max-per-source"),
        (&["--accept-rate", "1/h", "--when-full", "reset"], "--accept-rate"),
        (&["--deny", "127.0.0.0/8"], "--allow, --deny"),
    ] {
        let mut relay = Relay::start(&[&address], options);
        let first = relay.server.connect();
        let is_denied = options[0] == "--deny";
        assert!(is_denied || byte_of(&first) == b'x');
        let second = relay.server.connect();
        assert!(is_reset(&second), "{options:?}");
        let said = relay.server.line_with("turned away");
        assert!(said.contains(why), "{said}");
        let all = relay.lines(1);
        let lines: Vec<_> = all.iter().filter(|line| !line["turned_away"].is_null()).collect();
        let reason = match options {
            ["--max-connections", ..] => "full",
            ["--max-per-source", ..] => "source_full",
            ["--accept-rate", ..] => "too_fast",
            _ => "not_let_in",
        };
        let Some(line) = lines.first() else { panic!("{all:?}") };
        let facts = ["turned_away", "ending", "by", "client_reset_by", "upstream"].map(|name| &line[name]);
        assert_eq!(facts, [&reason.into(), &"reset".into(), &"relay".into(), &"relay".into(), &Value::Null]);
        assert_eq!(line["turned_away_unlogged"], 0, "{line}");
    }
}

#[test]
fn a_client_without_a_word_is_reset_and_the_log_says_so() {
    // An end is no byte.
    for has_ended in [false, true] {
        let (listener, address) = upstream();
        // A half-close has to pass before it is over.
        let limit = if has_ended { "2s" } else { "200ms" };
        let relay = Relay::start(&[&address], &["--first-byte-timeout", limit, "--name", "front"]);
        let client = relay.server.connect();
        let mut server = accept(&listener);
        if has_ended {
            client.shutdown(Shutdown::Write).expect("connected");
            assert!(matches!(server.read(&mut [0]), Ok(0)), "the half-close passes");
        }
        assert!(is_reset(&client) && (has_ended || is_reset(&server)));
        let line = relay.lines(1).remove(0);
        assert_eq!(line["ending"], "timed_out", "{line}");
        assert_eq!((&line["relay"], &line["by"]), (&"front".into(), &"relay".into()), "{line}");
    }
}

#[test]
fn metrics_are_served_beside_the_relay() {
    let (listener, address) = upstream();
    serve(listener, b'x');
    let mut relay = Relay::start(&[&address], &["--metrics", "127.0.0.1:0", "--name", "front"]);
    let said = relay.server.line();
    let at = said.strip_prefix("adieu: metrics on ").expect("it says where");
    assert_eq!(byte_of(&relay.server.connect()), b'x');
    let is_told = || {
        let mut stream = TcpStream::connect(at).expect("it is served");
        stream.set_read_timeout(Some(BOUND)).expect("a timeout can be set");
        stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").expect("it is taken");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer and its end");
        let accepted = "adieu_connections_accepted_total{relay=\"front\"} 1";
        answer.lines().any(|line| line == accepted) && answer.contains("adieu_connections_closed_total{")
    };
    until("the connection is not counted", is_told);
}

#[test]
fn what_makes_no_sense_is_refused() {
    for (options, why) in [
        (&["--balance", "random"][..], "invalid value 'random'"),
        (&["--accept-rate", "0"], "write a number of clients in a second"),
        (&["--max-connections", "0"], "write a number from 1"),
        (&["--resolve-every", "0s"], "more than zero"),
        (&["--metrics", "tls://127.0.0.1:0"], "--metrics is served over HTTP"),
        (&["--metrics", "udp://127.0.0.1:0"], "--metrics is served over HTTP"),
        (&["--name", ""], "--name"),
    ] {
        let args = [&["relay", "127.0.0.1:0", "127.0.0.1:9"], options].concat();
        let output = run(&args, b"");
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{options:?}: {said}");
        assert!(said.contains(why), "{options:?}: {said}");
    }
}
