//! `adieu check`: what it says of endpoints that are open and of those that are not, and what their servers see.

use crate::{BOUND, Server, adieu, refusing, run, text};
use adieu_testkit::places;
use adieu_testkit::schema::Schema;
use adieu_testkit::tls::authority::{Authority, Identity};
use serde_json::Value;
use std::io::{Read, Write};
use std::net::{TcpStream, UdpSocket};
use std::os::unix::net::UnixListener;
use std::process::{Command, Output, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// A name that no name server is asked for: a label has 63 bytes at most (RFC 1035, section 2.3.4).
fn no_name() -> String {
    format!("{}.invalid", "x".repeat(64))
}

/// A server that serves one client on a thread, and says what came of it.
fn serving<T: Send + 'static>(
    serve: impl FnOnce(TcpStream) -> T + Send + 'static,
) -> (String, JoinHandle<T>) {
    let listener = places::listener();
    let address = listener.local_addr().expect("it has one").to_string();
    let thread = std::thread::spawn(move || {
        let (stream, _) = listener.accept().expect("a client comes");
        stream.set_read_timeout(Some(BOUND)).expect("a timeout can be set");
        serve(stream)
    });
    (address, thread)
}

/// What a line says without its times.
pub(crate) fn without_times(output: &Output) -> Vec<String> {
    let lines = text(&output.stdout);
    lines.lines().map(|line| line.rsplit_once(" (").map_or(line, |(line, _)| line).to_owned()).collect()
}

pub(crate) fn code(output: &Output) -> Option<i32> {
    output.status.code()
}

/// The lines of JSON, each checked against the schema.
pub(crate) fn results(lines: &[u8]) -> Vec<Value> {
    let schema = Schema::of("check");
    text(lines).lines().map(|line| schema.checked(line)).collect()
}

/// What a pipe gives can be read once.
#[test]
fn the_proxys_password_is_read_once_for_all_endpoints() {
    let (proxy, _held) = refusing();
    let proxy = format!("socks5://me@{proxy}");
    let args = ["check", "--proxy", &proxy, "--proxy-password-file", "/dev/stdin", "h.test:1", "h.test:2"];
    let output = run(&args, b"secret\n");
    assert_eq!(code(&output), Some(3), "{}", text(&output.stderr));
}

/// The one result, and the exit status.
pub(crate) fn result(args: &[&str]) -> (Value, Option<i32>) {
    let output = run(&[&["check", "--report", "json"], args].concat(), b"");
    let mut results = results(&output.stdout);
    assert_eq!(results.len(), 1, "{}", text(&output.stderr));
    (results.remove(0), code(&output))
}

#[test]
fn each_endpoint_has_a_line_in_the_order_of_the_command_line() {
    let server = places::listener();
    let open = server.local_addr().expect("it has one").to_string();
    let (closed, _held) = refusing();
    let name = format!("{}:80", no_name());
    let output = run(&["check", &closed, &open, &name, "-q"], b"");
    assert_eq!(without_times(&output), [format!("{closed}: refused"), format!("{name}: name not found")]);
    let output = run(&["check", &closed, &open, &name], b"");
    let lines = [format!("{closed}: refused"), format!("{open}: open"), format!("{name}: name not found")];
    assert_eq!(without_times(&output), lines);
    assert!(text(&output.stdout).lines().all(|line| line.ends_with(" ms)")), "{}", text(&output.stdout));
    assert_eq!((code(&output), text(&output.stderr).trim()), (Some(3), "adieu: 1 of 3 is open"));

    let output = run(&["check", &open], b"");
    assert_eq!((code(&output), without_times(&output)), (Some(0), vec![format!("{open}: open")]));
    assert_eq!(text(&output.stderr), "");
    let output = run(&["check", "-q", &open], b"");
    assert_eq!((code(&output), text(&output.stdout)), (Some(0), String::new()));
    let output = run(&["check", "--report", "none", &open, &closed], b"");
    assert_eq!((code(&output), text(&output.stdout)), (Some(3), String::new()));
    let output = run(&["check", "--only-open", &open, &closed], b"");
    assert_eq!((code(&output), without_times(&output)), (Some(3), vec![format!("{open}: open")]));
}

#[test]
fn a_server_sees_a_client_that_leaves() {
    // One that is silent, and one that says something first.
    for banner in [&b""[..], b"SSH-2.0-test\r\n"] {
        let seen = || {
            let (address, server) = serving(move |mut stream| {
                stream.write_all(banner).expect("the client is there");
                let read = stream.read_to_end(&mut Vec::new()).map_err(|error| error.kind());
                // The client has half-closed, so it still receives.
                let said = stream.write_all(b"bye\r\n").map_err(|error| error.kind());
                (read, said)
            });
            let began = Instant::now();
            let output = run(&["check", &address], b"");
            assert_eq!(code(&output), Some(0), "{}", text(&output.stderr));
            let seen = server.join().expect("it does not panic");
            // A server that is held up for longer than it is waited for meets a reset when it speaks.
            (began.elapsed() < Duration::from_millis(900)).then_some(seen)
        };
        let seen = (0..100).find_map(|_| seen()).expect("the machine is not that slow all the time");
        assert_eq!(seen, (Ok(0), Ok(())));
    }
}

/// Whether the reset comes before our system has told us of the connection or after, it is the same server.
#[test]
fn a_server_that_resets_at_once_is_open_and_that_is_said() {
    let listener = adieu_testkit::places::listener();
    let address = listener.local_addr().expect("it has one").to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let stream = stream.expect("a client comes");
            socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO)).expect("a socket");
        }
    });
    // On a busy machine the server may come too late for one that waits for a second.
    let is_told = (0..5).any(|_| {
        let (result, code) = result(&[&address]);
        assert_eq!((result["state"].as_str(), code), (Some("open"), Some(0)), "{result}");
        let told = result["reset_at_once"] == true;
        let words = if told { "open, but the server reset the connection at once" } else { "open" };
        assert_eq!(result["message"], words);
        told
    });
    assert!(is_told);
    // Who asks for more gets no answer.
    let (result, code) = result(&[&address, "--expect", "imok"]);
    assert_eq!((&result["state"], &result["reset_at_once"], code), (&"cut".into(), &false.into(), Some(3)));
}

#[test]
fn a_server_that_does_not_end_its_side_is_not_waited_for_nor_reset() {
    let listener = places::listener();
    let address = listener.local_addr().expect("it has one").to_string();
    let output = run(&["check", "--connect-timeout", "100ms", &address], b"");
    assert_eq!(code(&output), Some(0), "{}", text(&output.stdout));
    // It accepts when the client has long gone.
    let (mut stream, _) = listener.accept().expect("the client is in the backlog");
    let mut received = Vec::new();
    assert_eq!(stream.read_to_end(&mut received).map_err(|error| error.kind()), Ok(0));
}

#[test]
fn a_unix_socket_is_there_or_stale_or_missing_or_full() {
    let directory = tempfile::tempdir().expect("there is room for a directory");
    let path = |name: &str| format!("unix:{}", directory.path().join(name).display());
    let _open = UnixListener::bind(directory.path().join("open")).expect("a socket file");
    drop(UnixListener::bind(directory.path().join("stale")).expect("a socket file"));
    for (name, state, status) in [("open", "open", 0), ("stale", "refused", 3), ("missing", "no_socket", 3)] {
        let (result, code) = result(&[&path(name)]);
        assert_eq!((result["state"].as_str(), code), (Some(state), Some(status)), "{result}");
    }
    // Beside a port, what is asked of a socket of TCP is not asked of it.
    let (closed, _held) = refusing();
    let output = run(&["check", "-4", &path("open"), &closed], b"");
    assert_eq!(without_times(&output), [format!("{}: open", path("open")), format!("{closed}: refused")]);
    let output = run(&["check", "-4", &path("open")], b"");
    assert_eq!(code(&output), Some(2), "{}", text(&output.stdout));
}

/// A server with this certificate.
fn secure(identity: &Identity, args: &[&str]) -> Server {
    let (certificate, key) =
        (&identity.files.0.display().to_string(), &identity.files.1.display().to_string());
    let own = ["--tls", "--cert", certificate, "--key", key, "--echo", "--keep-open"];
    Server::start(&[&own, args].concat())
}

#[test]
fn a_certificate_is_checked_and_its_days_are_counted() {
    let authority = Authority::shared();
    let ca = authority.file().display().to_string();
    let issue = |names: &[&str], year| authority.issue_until(names, year).expect("a certificate");
    let good = issue(&["127.0.0.1", "localhost"], 2100);
    let expired = issue(&["127.0.0.1"], 2020);
    let other = issue(&["other.test"], 2100);
    let pin = expired.fingerprint();
    for (identity, args, state, says) in [
        (&good, &["--ca", &ca][..], "open", "certificate expires in "),
        (&good, &["--ca", &ca, "--min-days", "14"], "open", " days"),
        (
            &good,
            &["--ca", &ca, "--min-days", "100000"],
            "certificate_expires",
            "fewer than --min-days 100000",
        ),
        (&good, &[], "tls_failure", "TLS failure: "),
        (&good, &["--insecure"], "open", "open, certificate expires in "),
        (&expired, &["--ca", &ca], "tls_failure", "expired"),
        (&expired, &["--pin", &pin], "open", "open, certificate expired "),
        (&expired, &["--pin", &pin, "--min-days", "0"], "certificate_expires", "certificate expired "),
        (&other, &["--ca", &ca], "tls_failure", "other.test"),
        (&other, &["--ca", &ca, "--servername", "other.test"], "open", "open"),
    ] {
        let server = secure(identity, &[]);
        let endpoint = format!("tls://{}", server.address.trim_start_matches("tls://"));
        let (result, code) = result(&[&[&*endpoint], args].concat());
        let status = if state == "open" { 0 } else { 3 };
        assert_eq!((result["state"].as_str(), code), (Some(state), Some(status)), "{args:?}: {result}");
        let message = result["message"].as_str().unwrap_or_default();
        assert!(message.contains(says), "{args:?}: {message}");
        assert!(
            result["tls_peer_sha256"].is_string() && result["tls_peer_not_after"].is_string(),
            "{result}"
        );
        if state == "open" {
            assert_eq!(result["tls_version"], "TLSv1.3");
            assert_eq!(
                result["tls_days_left"].as_i64().is_some_and(|left| left > 0),
                *identity.files.0 != *expired.files.0
            );
        }
    }
}

#[test]
fn what_is_no_tls_and_what_wants_a_certificate_of_ours_is_a_tls_failure() {
    let plain = Server::start(&["--exec", "printf 'SSH-2.0-test\\r\\n'", "--keep-open"]);
    let (told, code) = result(&[&format!("tls://{}", plain.address), "--insecure"]);
    assert_eq!((told["state"].as_str(), code), (Some("tls_failure"), Some(3)), "{told}");

    let ca = Authority::shared().file().display().to_string();
    let server = secure(Authority::loopback(), &["--ca", &ca]);
    let endpoint = format!("tls://{}", server.address.trim_start_matches("tls://"));
    // In TLS 1.3 the handshake is over for us by then.
    let (told, code) = result(&[&endpoint, "--ca", &ca]);
    assert_eq!((told["state"].as_str(), code), (Some("tls_failure"), Some(3)), "{told}");
    assert!(told["detail"].as_str().is_some_and(|detail| detail.contains("alert")), "{told}");
    let (certificate, key) = &Authority::loopback().files;
    let (certificate, key) = (certificate.display().to_string(), key.display().to_string());
    let (told, code) = result(&[&endpoint, "--ca", &ca, "--cert", &certificate, "--key", &key]);
    assert_eq!((told["state"].as_str(), code), (Some("open"), Some(0)), "{told}");

    // A server that accepts and says nothing.
    let silent = places::listener();
    let endpoint = format!("tls://{}", silent.local_addr().expect("it has one"));
    let (told, code) = result(&[&endpoint, "--insecure", "--connect-timeout", "200ms"]);
    assert_eq!((told["state"].as_str(), code), (Some("tls_failure"), Some(3)), "{told}");
}

#[test]
fn what_a_server_answers_can_be_asked_for() {
    // What it says at once, and after it was asked; whether it ends then.
    let serve = |banner: &'static [u8], answer: &'static [u8], resets: bool| {
        move |mut stream: TcpStream| {
            stream.write_all(banner).expect("the client is there");
            let mut asked = [0; 4];
            if !answer.is_empty() {
                stream.read_exact(&mut asked).expect("the client asks");
                // In two pieces.
                let (first, rest) = answer.split_at(1);
                stream.write_all(first).and_then(|()| stream.write_all(rest)).expect("the client is there");
            }
            if resets {
                socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO)).expect("it is ours");
                return None;
            }
            // Whatever the client does, it is told.
            if banner.is_empty() && answer == b"not" {
                return None;
            }
            Some(stream.read_to_end(&mut Vec::new()).map_err(|error| error.kind()))
        }
    };
    let ask = ["--send", "ruok", "--expect", "^imok$"];
    for (banner, answer, resets, args, state, received) in [
        (&b""[..], &b"imok"[..], false, &ask[..], "open", Some("imok")),
        (b"SSH-2.0-x\r\n", b"", false, &["--expect", r"^SSH-\d"], "open", Some(r"SSH-2.0-x\r\n")),
        (b"220 ready\r\n", b"250 ok", false, &["--send", r"NOOP", "--expect", "250"], "open", None),
        (b"", b"not", false, &ask, "no_match", Some("not")),
        (b"SSH", b"", false, &["--expect", "HTTP", "--connect-timeout", "2s"], "no_match", Some("SSH")),
        (b"", b"imok", true, &["--send", "ruok", "--expect", "x"], "cut", None),
    ] {
        let (address, server) = serving(serve(banner, answer, resets));
        let (result, code) = result(&[&[&*address], args].concat());
        let status = if state == "open" { 0 } else { 3 };
        assert_eq!((result["state"].as_str(), code), (Some(state), Some(status)), "{args:?}: {result}");
        if received.is_some() {
            assert_eq!(result["received"].as_str(), received, "{result}");
        }
        // And it is left as it should be.
        let left = server.join().expect("it does not panic");
        assert!(left.is_none_or(|read| read == Ok(0)), "{args:?}: {left:?}");
    }
}

#[test]
fn with_v_the_answer_that_matches_is_shown() {
    let greet = |mut stream: TcpStream| stream.write_all(b"SSH-2.0-x\r\n").expect("it receives");
    for (words, is_shown) in [(&["-v", "--expect", "^SSH"][..], true), (&["--expect", "^SSH"], false)] {
        let (address, server) = serving(greet);
        let output = run(&[&["check", &address], words].concat(), b"");
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{said}");
        let line = format!(r#"{address}: the answer matches --expect: "SSH-2.0-x\r\n""#);
        assert_eq!(said.contains(&line), is_shown, "{said}");
        server.join().expect("it does not panic");
    }
}

#[test]
fn an_answer_without_end_is_looked_at_for_a_while_only() {
    let (address, server) = serving(|mut stream| {
        // Until the client has gone.
        while stream.write_all(&[b'a'; 4096]).is_ok() {}
    });
    let (result, code) = result(&[&address, "--expect", "b"]);
    assert_eq!((result["state"].as_str(), code), (Some("no_match"), Some(3)), "{result}");
    assert!(result["received"].as_str().is_some_and(|received| received.len() < 300), "{result}");
    server.join().expect("it does not panic");
}

#[test]
fn results_go_to_a_file_or_to_stderr_where_stdout_is_a_commands() {
    let server = places::listener();
    let open = server.local_addr().expect("it has one").to_string();
    let directory = tempfile::tempdir().expect("there is room for a directory");
    let file = directory.path().join("results.json");
    let output = run(&["check", &open, "--report-file", &file.display().to_string()], b"");
    assert_eq!(
        (code(&output), text(&output.stdout), text(&output.stderr)),
        (Some(0), String::new(), String::new())
    );
    let written = std::fs::read(&file).expect("it is there");
    assert_eq!(results(&written)[0]["state"], "open");

    let output = run(&["check", &open, "--", "echo", "mine"], b"");
    assert_eq!((code(&output), text(&output.stdout).as_str()), (Some(0), "mine\n"));
    assert!(text(&output.stderr).starts_with(&format!("adieu: {open}: open (")), "{}", text(&output.stderr));
    let output = run(&["check", "--report", "json", &open, "--", "echo", "mine"], b"");
    assert_eq!(text(&output.stdout), "mine\n");
    assert_eq!(results(&output.stderr)[0]["state"], "open");
}

#[test]
fn what_cannot_be_checked_is_a_usage_error() {
    for (args, says) in [
        (&["check"][..], "ENDPOINT"),
        (&["check", "h:25-20"], "the range 25-20 ends before it begins"),
        (&["check", "h"], "'h' has no port"),
        (&["check", "h:1", "--send", r"\q"], r"there is no escape \q"),
        (&["check", "h:1", "--expect", "("], "unclosed group"),
        (&["check", "h:1", "--min-days", "14"], "--min-days needs --tls"),
        (&["check", "h:1", "--parallel", "0"], "write a number from 1"),
        (&["check", "h:1", "-q", "--only-open"], "means nothing with"),
        (&["check", "h:1", "-t", "30"], "--wait 30s tries until all endpoints are open"),
        (&["check", "h:1", "--timeout=30"], "--wait 30s tries until all endpoints are open"),
        (&["check", "h:1", "--strict"], "the command runs only if all endpoints are open"),
        (&["check", "-z", "h", "1"], "adieu check sends nothing"),
        (&["check", "-u", "h:1"], "udp://host:port"),
        (&["check", "h:1", "--wait", "30"], "write 30s for seconds, or a duration such as"),
        (&["check", "udp://h:1", "--keepalive", "off"], "keepalive"),
        (&["check", "udp://h:1", "--proxy", "socks5://h:1"], "UDP is not reached through a proxy"),
        (&["check", "udp://h:1", "--min-days", "1"], "--min-days needs --tls"),
    ] {
        let output = run(args, b"");
        let said = text(&output.stderr);
        assert_eq!((code(&output), text(&output.stdout)), (Some(2), String::new()), "{args:?}: {said}");
        assert!(said.contains(says) && !said.contains("user-timeout"), "{args:?}: {said}");
    }
}

#[test]
fn a_stdout_that_takes_nothing_is_a_failure_of_ours() {
    let server = places::listener();
    let open = server.local_addr().expect("it has one").to_string();
    let full = std::fs::File::options().write(true).open("/dev/full").expect("Linux has it");
    let output = adieu(&["check", &open]).stdin(Stdio::null()).stdout(full).output().expect("it starts");
    assert_eq!(code(&output), Some(7));
    assert!(text(&output.stderr).contains("cannot write to stdout"), "{}", text(&output.stderr));
    let script = format!("exec {} check {open} >&-", crate::ADIEU);
    let output = Command::new("sh").args(["-c", &script]).output().expect("a shell starts");
    assert_eq!(code(&output), Some(7), "{}", text(&output.stderr));
}

#[test]
fn udp_is_open_if_it_answers_and_unknown_if_it_does_not() {
    let bind = || UdpSocket::bind("127.0.0.1:0").expect("loopback");
    let port = |socket: &UdpSocket| socket.local_addr().expect("it has one").port();
    let (quiet, server, elsewhere) = (bind(), bind(), bind());
    // It has the port, and takes nothing but what its own peer sends: udp(7).
    elsewhere.connect("127.0.0.1:9").expect("nothing is sent");
    let silent = format!("udp://127.0.0.1:{}", port(&quiet));
    let closed = format!("udp://127.0.0.1:{}", port(&elsewhere));
    let answering = format!("udp://127.0.0.1:{}", port(&server));
    let named = format!("udp://localhost:{}", port(&server));
    let stop = server.try_clone().expect("it can be cloned");
    let serving = std::thread::spawn(move || {
        let mut room = [0; 64];
        while let Ok((length, from)) = server.recv_from(&mut room) {
            match &room[..length] {
                b"stop" => break,
                b"" => server.send_to(b"empty", from),
                _ => server.send_to(b"pong", from),
            }
            .expect("loopback");
        }
    });
    for (endpoint, args, state, status) in [
        (&answering, &["--connect-timeout", "10s"][..], "open", 0),
        (&named, &["--connect-timeout", "10s"], "open", 0),
        (&answering, &["--connect-timeout", "10s", "--send", "ping", "--expect", "^pong$"], "open", 0),
        (&answering, &["--connect-timeout", "10s", "--send", "ping", "--expect", "^other$"], "no_match", 3),
        (&closed, &[], "refused", 3),
        (&silent, &["--connect-timeout", "100ms"], "open_or_filtered", 8),
        (&silent, &["--connect-timeout", "100ms", "--expect", "x"], "no_match", 3),
    ] {
        let (result, code) = result(&[&[&**endpoint], args].concat());
        assert_eq!((result["state"].as_str(), code), (Some(state), Some(status)), "{endpoint}: {result}");
    }
    let output = run(&["check", "--connect-timeout", "2s", &silent, &answering], b"");
    assert_eq!(code(&output), Some(8));
    assert_eq!(text(&output.stderr).trim(), "adieu: 1 of 2 is open, 1 not known");
    // What is asked of a socket of TCP is not asked of it.
    let (tcp, _held) = refusing();
    let output = run(&["check", "--keepalive", "off", "--connect-timeout", "2s", &answering, &tcp], b"");
    assert_eq!(without_times(&output), [format!("{answering}: open"), format!("{tcp}: refused")]);
    // What is not open is known for sure.
    let output = run(&["check", "--connect-timeout", "100ms", &silent, &closed], b"");
    assert_eq!(code(&output), Some(3));
    let to = stop.local_addr().expect("it has one");
    stop.send_to(b"stop", to).expect("loopback");
    serving.join().expect("it does not panic");
}
