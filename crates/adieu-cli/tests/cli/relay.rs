//! `adieu relay`: what passes, what each side sees of the other's end, and what the log says of it.

use crate::{BOUND, Server, adieu, ask, run, text, until};
use adieu_testkit::places;
use adieu_testkit::schema::Schema;
pub(crate) use adieu_testkit::waits::reset;
use rustix::process::Signal;
use serde_json::Value;
use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

/// A relay with a log.
pub(crate) struct Relay {
    pub(crate) server: Server,
    pub(crate) directory: tempfile::TempDir,
}

impl Relay {
    pub(crate) fn start(upstreams: &[&str], options: &[&str]) -> Self {
        Self::start_at("127.0.0.1:0", upstreams, options)
    }

    pub(crate) fn start_at(listen: &str, upstreams: &[&str], options: &[&str]) -> Self {
        let directory = tempfile::tempdir().expect("there is room");
        let mut command = adieu(&["relay", listen]);
        command.args(upstreams).arg("--log").arg(directory.path().join("log")).args(options);
        Self { server: Server::of(&mut command), directory }
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.directory.path().join("log")
    }

    /// The lines of so many connections, once they are there, each checked against the schema.
    pub(crate) fn lines(&self, count: usize) -> Vec<Value> {
        let mut lines = String::new();
        until("the log has no such line", || {
            lines = std::fs::read_to_string(self.log()).unwrap_or_default();
            lines.matches('\n').count() >= count
        });
        lines.lines().map(checked).collect()
    }

    /// The line of its one connection.
    fn line(&self) -> Value {
        self.lines(1).remove(0)
    }
}

/// A line of the log, checked against its schema.
pub(crate) fn checked(line: &str) -> Value {
    Schema::of("relay-log").checked(line)
}

pub(crate) fn upstream() -> (TcpListener, String) {
    let listener = places::listener();
    let address = listener.local_addr().expect("bound").to_string();
    (listener, address)
}

/// Where nobody listens, and somebody may later: no other test has this address.
pub(crate) fn refusing() -> String {
    let listener = TcpListener::bind((places::own_loopback(), 0)).expect("loopback");
    listener.local_addr().expect("bound").to_string()
}

pub(crate) fn accept(listener: &TcpListener) -> TcpStream {
    let (stream, _) = listener.accept().expect("the relay connects");
    stream.set_read_timeout(Some(BOUND)).expect("a timeout can be set");
    stream
}

/// What reading to the end gives: every byte, and how it ended.
fn read_all(stream: &mut impl Read) -> (Vec<u8>, Option<ErrorKind>) {
    let mut bytes = Vec::new();
    let end = stream.read_to_end(&mut bytes).err().map(|error| error.kind());
    (bytes, end)
}

fn facts<const N: usize>(line: &Value, names: [&str; N]) -> [Value; N] {
    names.map(|name| line[name].clone())
}

#[test]
fn what_is_whole_on_both_sides_is_graceful() {
    let (listener, address) = upstream();
    let mut relay = Relay::start(&[&address], &[]);
    let client = relay.server.connect();
    let serving = std::thread::spawn(move || {
        let mut stream = accept(&listener);
        let mut request = Vec::new();
        stream.read_to_end(&mut request).expect("the half-close passes");
        stream.write_all(&request.repeat(2)).expect("it is taken");
    });
    assert_eq!(ask(client, b"word"), b"wordword");
    serving.join().expect("it does not panic");
    let line = relay.line();
    let names = ["ending", "client_ending", "upstream_ending", "ended_first", "by", "upstream", "relay"];
    assert_eq!(
        facts(&line, names),
        ["graceful", "graceful", "graceful", "client", "client", &address, "127.0.0.1:0"].map(Value::from)
    );
    let names = ["bytes_from_client", "bytes_to_upstream", "bytes_from_upstream", "bytes_to_client"];
    assert_eq!(facts(&line, names), [4, 4, 8, 8].map(Value::from));
    let said = relay.server.line();
    assert!(
        said.contains("#1 127.0.0.1:") && said.contains("graceful: up 4 bytes, passed on whole"),
        "{said}"
    );
    relay.server.signal(Signal::TERM);
    let (status, stdout, said) = relay.server.finish();
    assert_eq!((status.code(), stdout.len()), (Some(0), 0), "{said}");
    assert!(said.contains("stopped by SIGTERM; open connections: 0 finished, 0 cut"), "{said}");
}

#[test]
fn a_reset_of_either_side_is_a_reset_of_the_other_after_all_that_came_before_it() {
    for by in ["client", "upstream"] {
        let (listener, address) = upstream();
        let relay = Relay::start(&[&address], &[]);
        let client = relay.server.connect();
        let server = accept(&listener);
        let (mut cut, mut other) = if by == "client" { (client, server) } else { (server, client) };
        cut.write_all(&vec![7; 40_000]).expect("there is room");
        // A reset throws away what is still on the way to the relay. What has come to the other side has passed it.
        until("it does not pass", || other.peek(&mut vec![0; 50_000]).is_ok_and(|there| there == 40_000));
        reset(cut);
        let (bytes, end) = read_all(&mut other);
        assert_eq!((bytes.len(), end), (40_000, Some(ErrorKind::ConnectionReset)), "{by}");
        let line = relay.line();
        assert_eq!(facts(&line, ["ending", "by", "ended_first"]), ["reset", by, by].map(Value::from));
        let sides = facts(&line, ["client_reset_by", "upstream_reset_by"]);
        let expected = if by == "client" { ["client", "relay"] } else { ["relay", "upstream"] };
        assert_eq!(sides, expected.map(Value::from), "{line}");
    }
}

#[test]
fn a_client_that_no_upstream_takes_is_reset_at_once() {
    let (first, second) = (refusing(), refusing());
    let relay = Relay::start(&[&first, &second], &[]);
    let mut client = relay.server.connect();
    assert_eq!(read_all(&mut client), (Vec::new(), Some(ErrorKind::ConnectionReset)));
    let line = relay.line();
    let names = ["ending", "client_ending", "upstream_ending", "upstream_error", "by"];
    assert_eq!(
        facts(&line, names),
        ["no_connection", "reset", "no_connection", "ECONNREFUSED", "upstream"].map(Value::from)
    );
}

#[test]
fn an_upstream_that_does_not_answer_in_time_resets_the_client() {
    // Its backlog is full: the kernel answers no SYN.
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("a socket");
    socket
        .bind(&"127.0.0.1:0".parse::<std::net::SocketAddr>().expect("an address").into())
        .expect("loopback");
    socket.listen(0).expect("it listens");
    let address = socket.local_addr().expect("bound").as_socket().expect("of IPv4");
    let _fills = TcpStream::connect(address).expect("one has room");
    let relay = Relay::start(&[&address.to_string()], &["--connect-timeout", "200ms"]);
    let mut client = relay.server.connect();
    assert_eq!(read_all(&mut client), (Vec::new(), Some(ErrorKind::ConnectionReset)));
    assert_eq!(
        facts(&relay.line(), ["ending", "upstream_ending"]),
        ["no_connection", "timed_out"].map(Value::from)
    );
}

#[test]
fn a_client_that_resets_before_its_upstream_answers_is_let_go_soon() {
    let any = "127.0.0.1:0".parse().expect("an address");
    let (address, _held) = places::unanswering(any).expect("a full backlog");
    // Nobody waits for that.
    let relay = Relay::start(&[&address.to_string()], &["--connect-timeout", "1h"]);
    // It is gone before it is accepted.
    relay.server.signal(Signal::STOP);
    reset(relay.server.connect());
    relay.server.signal(Signal::CONT);
    let line = relay.line();
    let names = ["ending", "by", "client_reset_by", "ended_first", "upstream"];
    let address = address.to_string();
    assert_eq!(facts(&line, names), ["reset", "client", "client", "client", &address].map(Value::from));
    assert_eq!(facts(&line, ["upstream_ending", "upstream_error"]), [Value::Null, Value::Null]);
}

#[test]
fn a_silent_pair_is_reset_on_both_sides_after_the_idle_timeout() {
    let (listener, address) = upstream();
    let relay = Relay::start(&[&address], &["--idle-timeout", "200ms"]);
    let mut client = relay.server.connect();
    let mut server = accept(&listener);
    assert_eq!(read_all(&mut client).1, Some(ErrorKind::ConnectionReset));
    assert_eq!(read_all(&mut server).1, Some(ErrorKind::ConnectionReset));
    assert_eq!(
        facts(&relay.line(), ["ending", "by", "ended_first"]),
        [Value::from("timed_out"), "relay".into(), Value::Null]
    );
}

/// The relay's own doing is called that.
#[test]
fn what_the_relay_ends_itself_is_the_relays_in_the_log() {
    let (_listener, address) = upstream();
    let relay = Relay::start(&[&address], &["--fault", "rst"]);
    assert_eq!(read_all(&mut relay.server.connect()).1, Some(ErrorKind::ConnectionReset));
    let line = relay.line();
    assert_eq!(facts(&line, ["ending", "by"]), ["reset", "relay"].map(Value::from), "{line}");
    assert!(!line["message"].as_str().expect("a text").contains("its source"), "{line}");

    let relay = Relay::start(&[], &["--route", &format!("a.test={address}")]);
    let mut client = relay.server.connect();
    client.write_all(b"no TLS").expect("it is taken");
    assert_eq!(read_all(&mut client).1, Some(ErrorKind::ConnectionReset));
    let line = relay.line();
    assert_eq!(
        facts(&line, ["ending", "by", "ended_first"]),
        [Value::from("reset"), "relay".into(), Value::Null],
        "{line}"
    );
}

#[test]
fn a_half_open_pair_is_reset_after_its_own_timeout() {
    let (listener, address) = upstream();
    let relay = Relay::start(&[&address], &["--half-open-timeout", "200ms"]);
    let mut client = relay.server.connect();
    client.write_all(b"word").expect("it is taken");
    client.shutdown(std::net::Shutdown::Write).expect("it is connected");
    let mut server = accept(&listener);
    let mut request = [0; 4];
    server.read_exact(&mut request).expect("what was sent comes whole");
    // It never answers.
    assert_eq!(read_all(&mut client).1, Some(ErrorKind::ConnectionReset));
    let line = relay.line();
    assert_eq!(line["ending"], "timed_out", "{line}");
    assert_eq!(line["ended_first"], "client", "{line}");
}

#[test]
fn a_killed_relay_resets_both_sides() {
    let (listener, address) = upstream();
    let relay = Relay::start(&[&address], &[]);
    // One pair is idle, one has passed bytes, and one is half-closed.
    let mut sides = Vec::new();
    for has in [false, true, true] {
        let mut client = relay.server.connect();
        let mut server = accept(&listener);
        if has {
            client.write_all(b"word").expect("it is taken");
            server.read_exact(&mut [0; 4]).expect("it passes");
        }
        sides.push((client, server));
    }
    sides[2].0.shutdown(std::net::Shutdown::Write).expect("it is connected");
    assert_eq!(sides[2].1.read(&mut [0]).expect("the half-close passes"), 0);
    relay.server.signal(Signal::KILL);
    for (at, (mut client, mut server)) in sides.into_iter().enumerate() {
        assert_eq!(read_all(&mut client).1, Some(ErrorKind::ConnectionReset), "{at}");
        let end = if at == 2 {
            // It has its end already; what tells it now is that it may not send.
            until("it is not told", || server.write_all(b"x").is_err());
            Some(ErrorKind::ConnectionReset)
        } else {
            read_all(&mut server).1
        };
        assert_eq!(end, Some(ErrorKind::ConnectionReset), "{at}");
    }
}

#[test]
fn unix_sockets_stand_on_either_side() {
    let directory = tempfile::tempdir().expect("there is room");
    let path = |name: &str| directory.path().join(name);
    let listener = places::unix_listener(&path("up"));
    let up = format!("unix:{}", path("up").display());
    let front = format!("unix:{}", path("front").display());
    let relay = Relay::start_at(&front, &[&up], &["--nodelay", "on"]);
    assert_eq!(relay.server.address, front);
    let serving = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("the relay connects");
        let mut request = Vec::new();
        stream.read_to_end(&mut request).expect("the half-close passes");
        stream.write_all(&request.repeat(2)).expect("it is taken");
    });
    let mut client = UnixStream::connect(path("front")).expect("it listens");
    client.write_all(b"word").expect("it is taken");
    client.shutdown(std::net::Shutdown::Write).expect("it is connected");
    assert_eq!(read_all(&mut client), (b"wordword".to_vec(), None));
    serving.join().expect("it does not panic");
    let line = relay.line();
    assert_eq!(facts(&line, ["ending", "upstream"]), ["graceful", &up].map(Value::from), "{line}");
    relay.server.signal(Signal::TERM);
    let (status, _, said) = relay.server.finish();
    assert_eq!(status.code(), Some(0), "{said}");
    assert!(!path("front").exists(), "the file goes with the relay");
}

/// Whose connections they are, the header of a proxy tells.
#[test]
fn clients_of_a_unix_socket_are_of_networks_where_a_proxy_tells_so() {
    let directory = tempfile::tempdir().expect("there is room");
    let front = format!("unix:{}", directory.path().join("front").display());
    let options = ["--accept-proxy", "10.0.0.0/8", "--allow", "10.0.0.0/8"];
    let relay = Relay::start_at(&front, &["127.0.0.1:9"], &options);
    assert_eq!(relay.server.address, front);
}

#[test]
fn an_upstream_of_a_route_may_be_the_only_one_with_tls() {
    let behind = Server::start(&["--echo", "--keep-open", "--self-signed"]);
    let route = format!("a.test={}", behind.address);
    let pin = format!("sha256:{}", "00".repeat(32));
    let line = ["relay", "127.0.0.1:0", "127.0.0.1:9", "--check", "--pin", &pin, "--route"];
    let output = run(&[&line[..], &[&route]].concat(), b"");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let output = run(&[&line[..], &["a.test=127.0.0.1:9"]].concat(), b"");
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn tls_is_spoken_in_front_and_behind() {
    let mut behind = Server::start(&["--echo", "--keep-open", "--self-signed"]);
    let pin = pin_of(&mut behind);
    let upstream = behind.address.clone();
    let mut relay = Relay::start_at("tls://127.0.0.1:0", &[&upstream], &["--self-signed", "--pin", &pin]);
    let own = pin_of(&mut relay.server);
    assert_ne!(own, pin);
    let output = run(&["connect", &relay.server.address, "--pin", &own], b"word");
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(0), "word".to_owned()));
    let line = relay.line();
    assert_eq!(
        facts(&line, ["ending", "client_ending", "upstream_ending"]),
        ["graceful"; 3].map(Value::from)
    );
    assert_eq!(facts(&line, ["client_tls_version", "upstream_tls_version"]), ["TLSv1.3"; 2].map(Value::from));
    // Whoever does not know the upstream's certificate gives the client nothing.
    let distrusting = Relay::start(&[&upstream], &[]);
    let mut client = distrusting.server.connect();
    assert_eq!(read_all(&mut client), (Vec::new(), Some(ErrorKind::ConnectionReset)));
    assert_eq!(
        facts(&distrusting.line(), ["ending", "upstream_error"]),
        ["no_connection", "tls_unknown_issuer"].map(Value::from)
    );
    // One who asks for a name, and one who does not speak TLS.
    let relay = Relay::start_at("tls://127.0.0.1:0", &[&upstream], &["--self-signed", "--pin", &pin]);
    let address = relay.server.address.clone();
    let output = run(&["connect", &address, "--insecure", "--servername", "www.example.org"], b"word");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert_eq!(relay.line()["server_name"], "www.example.org");
    let mut plain = TcpStream::connect(address.trim_start_matches("tls://")).expect("it listens");
    plain.set_read_timeout(Some(BOUND)).expect("a timeout can be set");
    plain.write_all(b"GET / HTTP/1.1\r\n\r\n").expect("it is taken");
    let _ = read_all(&mut plain);
    let line = relay.lines(2).remove(1);
    assert_eq!(facts(&line, ["client_error", "by"]), ["tls_not_tls", "client"].map(Value::from), "{line}");
}

/// Whoever is silent in the handshake, or stops in the middle of it, sees a reset: an EOF would look like a stream that is whole and empty.
#[test]
fn a_client_that_does_not_finish_its_handshake_is_reset_at_a_limit() {
    for limit in ["--connect-timeout", "--idle-timeout", "--deadline"] {
        let relay = Relay::start(&["127.0.0.1:9"], &["--self-signed", limit, "200ms"]);
        for sent in [&b""[..], b"\x16\x03\x01\x00\xf0\x01"] {
            let mut client =
                TcpStream::connect(relay.server.address.trim_start_matches("tls://")).expect("it listens");
            client.set_read_timeout(Some(BOUND)).expect("a timeout can be set");
            client.write_all(sent).expect("it is taken");
            assert_eq!(read_all(&mut client), (Vec::new(), Some(ErrorKind::ConnectionReset)), "{limit}");
        }
        for line in relay.lines(2) {
            assert_eq!(facts(&line, ["ending", "by"]), ["timed_out", "relay"].map(Value::from), "{line}");
        }
    }
}

fn pin_of(server: &mut Server) -> String {
    let said = server.line();
    said.rsplit_once(' ').expect("the fingerprint is told").1.to_owned()
}

#[test]
fn all_of_stderr_is_json_where_that_is_asked_for() {
    let (listener, address) = upstream();
    let mut relay = Relay::start(&[&address], &["--report", "json", "-v"]);
    let client = relay.server.connect();
    drop(accept(&listener));
    assert_eq!(ask(client, b""), b"");
    let ended = loop {
        let line = relay.server.line();
        let value: Value = serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e}: {line}"));
        if value["event"] == "ended" {
            break line;
        }
    };
    assert_eq!(checked(&ended)["connection_id"], 1);
    relay.server.signal(Signal::TERM);
    let (status, _, said) = relay.server.finish();
    let last: Value = serde_json::from_str(said.lines().last().expect("it says something")).expect("JSON");
    assert_eq!((status.code(), &last["event"], &last["exit_code"]), (Some(0), &"stopped".into(), &0.into()));
}

#[test]
fn what_cannot_be_a_relay_is_refused_before_anything_is_done() {
    let directory = tempfile::tempdir().expect("there is room");
    let log = directory.path().join("log");
    let log = log.to_str().expect("UTF-8");
    for (args, why) in [
        (&["127.0.0.1:0"][..], "write it after the endpoint to listen on"),
        (&["127.0.0.1:0", "udp://127.0.0.1:1"], "UDP, which has no streams"),
        (&["127.0.0.1:0", "fd:3"], "fd"),
        (
            &["127.0.0.1:0", "127.0.0.1:1", "--ca", "x"],
            "--ca is for upstreams with TLS: write tls:// before one",
        ),
        (&["tls://127.0.0.1:0", "127.0.0.1:1", "--self-signed", "--ca", "x"], "for upstreams with TLS"),
        (&["127.0.0.1:0", "127.0.0.1:1", "--cert", "x"], "--cert needs its --key"),
        (&["127.0.0.1:0", "127.0.0.1:1", "--cert", "x", "--cert", "y", "--key", "z"], "2 times and --key 1"),
        (&["127.0.0.1:0", "127.0.0.1:1", "--route", "x"], "write NAME=TO"),
        (&["127.0.0.1:0", "127.0.0.1:1", "--route", "192.0.2.1=127.0.0.1:1"], "is not a server name"),
        (&["127.0.0.1:0", "--route", "a.test=udp://127.0.0.1:1"], "UDP, which has no streams"),
        (&["127.0.0.1:0", "127.0.0.1:1", "--accept-proxy", "10.0.0.1/8"], "write 10.0.0.0/8"),
        (&["127.0.0.1:0", "127.0.0.1:1", "--send-proxy", "3"], "v1, v2"),
        (&["unix:x", "127.0.0.1:1", "--allow", "::1"], "mean nothing for a Unix socket"),
        (&["unix:x", "127.0.0.1:1", "--reuse-port"], "means nothing for a Unix socket"),
        (&["127.0.0.1:0", "127.0.0.1:1", "--report-file", log], "the same file"),
    ] {
        let output = run(&[&["relay", "--log", log], args].concat(), b"");
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {said}");
        assert!(said.contains(why), "{args:?}: {said}");
    }
    assert!(!directory.path().join("log").exists());
    let taken = upstream();
    let output = run(&["relay", &taken.1, "127.0.0.1:1"], b"");
    assert_eq!(output.status.code(), Some(3), "{}", text(&output.stderr));
}
