//! What is done with the bytes on their way: line ends, a rate, dumps, and one way alone.

use crate::captures::{self, Packet};
use crate::{BOUND, Server, adieu, ask, run, text};
use adieu_testkit::places;
use rustix::process::Signal;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

struct Directory(tempfile::TempDir);

impl Directory {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a directory can be made"))
    }

    fn file(&self, name: &str) -> (PathBuf, String) {
        let path = self.0.path().join(name);
        let name = path.to_str().expect("a temporary path is UTF-8").to_owned();
        (path, name)
    }
}

fn content(path: &Path) -> String {
    std::fs::read_to_string(path).expect("the file is there")
}

/// A peer that does this with the first connection.
fn peer<T: Send + 'static>(
    act: impl FnOnce(TcpStream) -> T + Send + 'static,
) -> (String, std::thread::JoinHandle<T>) {
    let listener = places::listener();
    let address = listener.local_addr().expect("it has an address").to_string();
    let acting = std::thread::spawn(move || {
        let (stream, _) = listener.accept().expect("it connects");
        stream.set_read_timeout(Some(BOUND)).expect("a timeout can be set");
        act(stream)
    });
    (address, acting)
}

/// Answers when it has heard the end, and says what it heard.
fn answering(mut stream: TcpStream) -> Vec<u8> {
    let mut heard = Vec::new();
    stream.read_to_end(&mut heard).expect("it is a whole stream");
    stream.write_all(b"thanks\n").expect("it is taken");
    heard
}

#[test]
fn lines_are_sent_with_crlf() {
    let (address, heard) = peer(answering);
    let output = run(&["connect", "--crlf", &address], b"GET / HTTP/1.0\nHost: a\r\n\n");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert_eq!(heard.join().expect("no panic"), b"GET / HTTP/1.0\r\nHost: a\r\n\r\n");
    assert_eq!(output.stdout, b"thanks\n", "what comes stays as it is");

    let server = Server::start(&["--crlf", "--exec", "printf 'one\\ntwo\\n'"]);
    assert_eq!(ask(server.connect(), b"x\n"), b"one\r\ntwo\r\n");
    assert_eq!(server.finish().0.code(), Some(0));
}

#[test]
fn a_rate_holds_each_way() {
    let (address, heard) = peer(|mut stream| {
        stream.write_all(&vec![b'y'; 60_000]).expect("it is taken");
        answering(stream).len()
    });
    let began = Instant::now();
    let output = run(&["connect", "--limit-rate", "100000", &address], &vec![b'x'; 60_000]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert_eq!((heard.join().expect("no panic"), output.stdout.len()), (60_000, 60_007));
    // What may be caught up, and the last piece, are not waited for.
    assert!(began.elapsed() >= Duration::from_millis(290), "{:?}", began.elapsed());

    let server = Server::start(&["--limit-rate", "100000", "--echo"]);
    let began = Instant::now();
    assert_eq!(ask(server.connect(), &vec![b'z'; 60_000]).len(), 60_000);
    assert!(began.elapsed() >= Duration::from_millis(290), "{:?}", began.elapsed());
    assert_eq!(server.finish().0.code(), Some(0));
}

/// What `hexdump -C` prints, without the line that has the length alone.
fn hexdump(bytes: &[u8]) -> Option<String> {
    let program = adieu_testkit::skip::counterpart("a dump", "hexdump")?;
    let mut child = Command::new(program)
        .arg("-C")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("hexdump starts");
    child.stdin.take().expect("stdin is a pipe").write_all(bytes).expect("hexdump takes it");
    let printed = text(&child.wait_with_output().expect("it ends").stdout);
    let (lines, _) = printed.trim_end().rsplit_once('\n').expect("there are two lines");
    Some(lines.to_owned())
}

#[test]
fn a_dump_shows_what_hexdump_shows_with_time_and_direction() {
    let directory = Directory::new();
    let (path, name) = directory.file("dump");
    let all: Vec<u8> = (0..=255).collect();
    let (address, heard) = peer(answering);
    let output = run(&["connect", "--dump", &name, &address], &all);
    assert_eq!((output.status.code(), &output.stdout[..]), (Some(0), &b"thanks\n"[..]));
    assert_eq!(heard.join().expect("no panic"), all);
    let dump = content(&path);
    let Some(expected) = hexdump(&all) else { return };
    assert!(dump.contains(&format!(" > 256 bytes\n{expected}\n")), "{dump}");
    let expected = hexdump(b"thanks\n").expect("it was there before");
    assert!(dump.contains(&format!(" < 7 bytes\n{expected}\n")), "{dump}");
    let signs: Vec<(&str, &str)> =
        dump.lines().filter(|line| line.contains('T')).filter_map(|line| line.split_once("Z ")).collect();
    let words: Vec<&str> = signs.iter().map(|(_, what)| what.split(" from").next().expect("one")).collect();
    assert_eq!(words[..5], ["> connected", "> 256 bytes", "> end", "< 7 bytes", "< end"], "{dump}");
    assert!(words[5].starts_with("= closed: graceful"), "{dump}");
    for (at, _) in signs {
        humantime::parse_rfc3339(&format!("{at}Z")).expect("it is a time");
    }
}

#[test]
fn a_dump_is_private_and_of_this_run_alone() {
    let directory = Directory::new();
    let (path, name) = directory.file("dump");
    std::fs::write(&path, "of another run").expect("a file can be written");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).expect("it is ours");
    for _ in 0..2 {
        let (address, _) = peer(answering);
        assert_eq!(run(&["connect", "-q", "--dump", &name, &address], b"x").status.code(), Some(0));
        let dump = content(&path);
        assert_eq!((dump.matches("connected").count(), dump.contains("another")), (1, false), "{dump}");
        assert_eq!(path.metadata().expect("it is there").mode() & 0o777, 0o600);
        std::fs::remove_file(&path).expect("it is ours");
    }
}

#[test]
fn what_cannot_be_a_dump_is_refused_before_anybody_is_connected_to() {
    let directory = Directory::new();
    let (fifo, fifo_name) = directory.file("fifo");
    places::fifo(&fifo).expect("a FIFO");
    let nobody = places::listener();
    nobody.set_nonblocking(true).expect("it can be");
    let address = nobody.local_addr().expect("it has an address").to_string();
    let directory_name = directory.0.path().to_str().expect("UTF-8");
    for (dump, code, why) in [
        ("-", 2, "stdout carries the peer's bytes"),
        ("", 2, "--dump"),
        (&*fifo_name, 7, "it is not a file"),
        (directory_name, 7, "it is not a file"),
        ("/nonexistent/x", 7, "cannot write the dump to /nonexistent/x"),
        ("/dev/full.pcapng/x", 7, "cannot write the dump"),
    ] {
        let output = run(&["connect", "--dump", dump, &address], b"x");
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{dump}: {said}");
        assert!(said.contains(why), "{dump}: {said}");
    }
    let (_, out) = directory.file("out");
    let stdout = std::fs::File::create(&out).expect("it can be made");
    let status = adieu(&["connect", "--dump", &out, &address]).stdout(stdout).status().expect("it starts");
    assert_eq!(status.code(), Some(7), "it is our stdout");
    for other in ["--report-file", "--output", "--port-file"] {
        let output = run(&["listen", "127.0.0.1:0", "--dump", &out, other, &out], b"");
        assert_eq!(output.status.code(), Some(2), "{other}: {}", text(&output.stderr));
        assert!(text(&output.stderr).contains(other), "{}", text(&output.stderr));
    }
    assert_eq!(nobody.accept().expect_err("nobody").kind(), ErrorKind::WouldBlock);
}

#[test]
fn a_dump_on_a_full_disk_resets_and_says_why() {
    // It only reads: a write could be told of the reset, and the read not any more.
    let (address, peer) =
        peer(|mut stream| stream.read_to_end(&mut Vec::new()).map_err(|error| error.kind()));
    let output = run(&["connect", "--dump", "/dev/full", &address], b"x");
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(7), "{said}");
    assert!(said.contains("cannot write the dump to /dev/full: No space left on device"), "{said}");
    assert_eq!(peer.join().expect("no panic"), Err(ErrorKind::ConnectionReset));
}

#[test]
fn one_dump_has_every_client_of_a_service() {
    let directory = Directory::new();
    let (path, name) = directory.file("dump");
    let server = Server::start(&["--keep-open", "--echo", "--dump", &name]);
    let clients: Vec<_> = (0..4_u8)
        .map(|number| {
            let stream = server.connect();
            std::thread::spawn(move || ask(stream, &vec![b'a' + number; 5_000]).len())
        })
        .collect();
    for client in clients {
        assert_eq!(client.join().expect("no panic"), 5_000);
    }
    server.signal(Signal::TERM);
    assert_eq!(server.finish().0.code(), Some(0));
    let dump = content(&path);
    for number in 1..=4 {
        let of_one = |what: &str| dump.lines().filter(|l| l.contains(&format!("Z #{number} {what}"))).count();
        assert_eq!((of_one("< connected"), of_one("< end"), of_one("= closed")), (1, 1, 1), "{dump}");
    }
    for sign in ['<', '>'] {
        let counts =
            dump.lines().filter_map(|line| line.split_once(&format!(" {sign} "))?.1.strip_suffix(" bytes"));
        let all: usize = counts.map(|count| count.parse::<usize>().expect("a number")).sum();
        assert_eq!(all, 4 * 5_000, "{sign}");
    }
}

/// The flags of the packets, and who sent each.
fn shape(packets: &[Packet]) -> Vec<String> {
    packets
        .iter()
        .map(|packet| format!("{}{}", if packet.goes_out { '>' } else { '<' }, packet.flags))
        .collect()
}

#[test]
fn a_capture_has_the_streams_their_addresses_and_their_ends() {
    let directory = Directory::new();
    let (path, name) = directory.file("dump.pcapng");
    let (address, heard) = peer(answering);
    let sent = vec![b'x'; 200_000];
    let output = run(&["connect", "--dump", &name, &address], &sent);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert_eq!(heard.join().expect("no panic").len(), sent.len());
    let packets = captures::read(&path);
    assert_eq!(captures::stream(&packets, true), sent);
    assert_eq!(captures::stream(&packets, false), b"thanks\n");
    assert!(packets.iter().all(|p| p.addresses.0 == address || p.addresses.1 == address), "{address}");
    let shape = shape(&packets);
    assert_eq!(shape[..3], [">S", "<SA", ">A"]);
    assert_eq!(shape[shape.len() - 5..], [">FA", "<PA", "<FA", "<A", ">A"]);
    let last = &packets[packets.len() - 2];
    assert_eq!(last.acknowledged, 200_002, "everything, with the SYN and the FIN");
    assert!(last.comment.as_ref().is_some_and(|comment| comment.starts_with("graceful: ")), "{last:?}");
}

#[test]
fn a_capture_shows_who_has_reset() {
    let directory = Directory::new();
    let (path, name) = directory.file("dump.pcapng");
    let (address, reset) = peer(|stream| {
        let mut some = [0; 1];
        (&stream).read_exact(&mut some).expect("it is sent");
        socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO)).expect("it can be set");
    });
    let output = run(&["connect", "--dump", &name, &address], b"x");
    reset.join().expect("no panic");
    assert_eq!(output.status.code(), Some(4), "{}", text(&output.stderr));
    let of_peer = shape(&captures::read(&path));
    assert_eq!(of_peer.iter().filter(|flags| *flags == "<RA").count(), 1, "{of_peer:?}");
    assert!(!of_peer.contains(&"<FA".to_owned()), "{of_peer:?}");

    let server = Server::start(&["--dump", &name, "--exec", "printf part; exit 3"]);
    let mut stream = server.connect();
    let error = stream.read_to_end(&mut Vec::new()).expect_err("a failed answer looks whole");
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    server.finish();
    let of_us = shape(&captures::read(&path));
    assert_eq!(of_us[..3], ["<S", ">SA", "<A"]);
    assert_eq!(of_us.iter().filter(|flags| *flags == ">RA").count(), 1, "{of_us:?}");
    assert!(!of_us.contains(&">FA".to_owned()), "{of_us:?}");
}

#[test]
fn a_capture_of_tls_ipv6_or_a_unix_socket_has_the_plain_text() {
    let directory = Directory::new();
    let (path, name) = directory.file("dump.pcapng");
    let (_, socket) = directory.file("socket");
    let unix = format!("unix:{socket}");
    for (endpoint, options, ours) in [
        ("[::1]:0", &[][..], "[::1]:"),
        ("tls://127.0.0.1:0", &["--self-signed"], "127.0.0.1:"),
        (&unix, &[], "192.0.2."),
    ] {
        let mut server = Server::start_at(endpoint, &[&["--dump", &name, "--echo"], options].concat());
        let trust = options.first().map(|_| server.line());
        let pin = trust.as_ref().and_then(|line| line.rsplit(' ').next());
        let trust: Vec<&str> = pin.map_or(Vec::new(), |pin| vec!["--pin", pin]);
        let output = run(&[&["connect", &*server.address.clone()], &trust[..]].concat(), b"plain text");
        assert_eq!((output.status.code(), &output.stdout[..]), (Some(0), &b"plain text"[..]), "{endpoint}");
        assert_eq!(server.finish().0.code(), Some(0));
        let packets = captures::read(&path);
        for goes_out in [true, false] {
            assert_eq!(captures::stream(&packets, goes_out), b"plain text", "{endpoint}");
        }
        assert!(packets.iter().all(|packet| packet.addresses.0.starts_with(ours)), "{endpoint}");
        let comment = packets[0].comment.as_ref().expect("the first says whose they are");
        assert!(comment.contains("our end is "), "{comment}");
    }
}

#[test]
fn who_only_receives_leaves_stdin_alone_and_ends_after_the_peer() {
    let (address, peer) = peer(|mut stream| {
        stream.set_read_timeout(Some(Duration::from_millis(60))).expect("a timeout can be set");
        let early = stream.read(&mut [0; 8]).map_err(|error| error.kind());
        stream.set_read_timeout(Some(BOUND)).expect("a timeout can be set");
        stream.write_all(b"news\n").expect("it is taken");
        stream.shutdown(Shutdown::Write).expect("connected");
        (early, stream.read(&mut [0; 8]).map_err(|error| error.kind()))
    });
    let output = run(&["connect", "--recv-only", "--report", "json", &address], b"not for you");
    assert_eq!((output.status.code(), &output.stdout[..]), (Some(0), &b"news\n"[..]));
    assert_eq!(peer.join().expect("no panic"), (Err(ErrorKind::WouldBlock), Ok(0)));
    let report: serde_json::Value = serde_json::from_slice(&output.stderr).expect("one object");
    assert_eq!((report["bytes_read"].as_u64(), report["ended_first"].as_str()), (Some(0), Some("peer")));

    // A real netcat, which stops when it reads our FIN: it gives all it has.
    let Some(nc) = adieu_testkit::skip::counterpart("--recv-only", "nc.openbsd") else { return };
    let server = Server::start(&["--recv-only"]);
    let (host, port) = server.address.rsplit_once(':').expect("it has a port");
    let mut client =
        Command::new(nc).args(["-N", host, port]).stdin(Stdio::piped()).spawn().expect("nc starts");
    client.stdin.take().expect("a pipe").write_all(b"from nc").expect("it is taken");
    let (status, stdout, said) = server.finish();
    assert_eq!((status.code(), &stdout[..]), (Some(0), &b"from nc"[..]), "{said}");
    assert_eq!(client.wait().expect("it ends").code(), Some(0));
}

#[test]
fn who_only_receives_needs_no_stdin() {
    let (address, _) = peer(|mut stream| stream.write_all(b"news"));
    let line = format!("exec {} connect -q --recv-only {address} <&-", crate::ADIEU);
    let output = Command::new("sh").args(["-c", &line]).output().expect("the shell starts");
    assert_eq!((output.status.code(), &output.stdout[..]), (Some(0), &b"news"[..]), "{output:?}");
}

#[test]
fn who_only_sends_throws_away_what_comes() {
    let (address, heard) = peer(|mut stream| {
        stream.write_all(&vec![b'y'; 100_000]).expect("it is taken");
        let mut heard = Vec::new();
        stream.read_to_end(&mut heard).map(|_| heard)
    });
    // Its stdout has no reader, which is nothing to it.
    let line = format!("exec {} connect --send-only --report json {address} >&-", crate::ADIEU);
    let mut child = Command::new("sh")
        .args(["-c", &line])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the shell starts");
    child.stdin.take().expect("a pipe").write_all(b"hello").expect("it is taken");
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert_eq!(heard.join().expect("no panic").expect("it is whole"), b"hello");
    let report: serde_json::Value = serde_json::from_slice(&output.stderr).expect("one object");
    let count = |name: &str| report[name].as_u64();
    let counts = (count("bytes_received"), count("bytes_written"), count("bytes_discarded"));
    assert_eq!(counts, (Some(100_000), Some(0), Some(100_000)));

    let server = Server::start(&["--send-only", "--exec", "printf answer; cat >&2"]);
    assert_eq!(ask(server.connect(), b"not for the command"), b"answer");
    let (status, _, said) = server.finish();
    assert_eq!(status.code(), Some(0), "{said}");
    assert!(!said.contains("not for the command"), "{said}");
}

#[test]
fn what_means_nothing_is_refused() {
    for (args, names) in [
        (&["connect", "h:1", "--send-only", "--recv-only"][..], ["--send-only", "--recv-only"]),
        (&["connect", "h:1", "--crlf", "--recv-only"], ["--crlf", "--recv-only"]),
        (&["connect", "h:1", "--fastopen", "--dump", "x"], ["--fastopen", "--dump"]),
        (&["connect", "h:1", "--fastopen", "--crlf"], ["--fastopen", "--crlf"]),
        (&["connect", "h:1", "--recv-only", "--input-grace", "1s"], ["--input-grace", "--recv-only"]),
        (&["listen", "--echo", "--crlf"], ["--crlf", "--echo"]),
        (&["listen", "--echo", "--recv-only"], ["--recv-only", "--echo"]),
        (&["listen", "--echo", "--send-only"], ["--send-only", "--echo"]),
        (&["listen", "--exec", "true", "--recv-only"], ["--recv-only", "--exec"]),
        (&["listen", "--output", "x", "--send-only"], ["--send-only", "--output"]),
        (&["listen", "--recv-only", "--client-grace", "1s"], ["--client-grace", "--recv-only"]),
    ] {
        let output = run(args, b"");
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {said}");
        assert!(names.iter().all(|name| said.contains(name)), "{args:?}: {said}");
    }
}
