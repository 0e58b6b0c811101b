//! `connect --retry` and `--retry-for`: connecting again until somebody is there, and never once there was a connection.

use crate::cuts::terminal;
use crate::{BOUND, adieu, run, text};
use adieu_testkit::places;
use rustix::process::Signal;
use socket2::{Domain, Socket, Type};
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Stdio;
use std::time::{Duration, Instant};

/// A port that is ours, and on which nobody listens yet.
fn bound() -> (Socket, String) {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("there are sockets");
    socket.bind(&"127.0.0.1:0".parse::<SocketAddr>().expect("an address").into()).expect("a port is free");
    let address = socket.local_addr().expect("bound").as_socket().expect("of IPv4").to_string();
    (socket, address)
}

#[test]
fn whoever_comes_late_is_connected_to_and_has_all_of_stdin() {
    let (socket, address) = bound();
    let mut stdin = tempfile::tempfile().expect("there is room");
    stdin.write_all(b"the question").expect("there is room");
    stdin.rewind().expect("a file");
    let shared = stdin.try_clone().expect("a file can be cloned");
    let mut child = adieu(&["connect", &address, "--retry-for", "20s", "-v"])
        .stdin(shared)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the built binary starts");
    let mut said = BufReader::new(child.stderr.take().expect("a pipe"));
    let mut line = String::new();
    while !line.contains("trying again") {
        line.clear();
        assert!(said.read_line(&mut line).expect("it is readable") > 0, "it gave up");
    }
    let told = "connection refused";
    assert!(line.to_lowercase().contains(told), "{line}");
    assert!(line.trim_end().ends_with("; trying again, for 20s at most (--retry-for)"), "{line}");
    // Nothing of it is read by then.
    assert_eq!(stdin.stream_position().expect("a file"), 0);
    socket.listen(1).expect("it is bound");
    let (peer, _) = socket.accept().expect("it connects");
    let mut peer = TcpStream::from(peer);
    peer.set_read_timeout(Some(BOUND)).expect("not zero");
    let mut question = String::new();
    peer.read_to_string(&mut question).expect("it ends");
    assert_eq!(question, "the question");
    peer.write_all(b"the answer").expect("it is taken");
    drop(peer);
    let mut rest = String::new();
    said.read_to_string(&mut rest).expect("it is readable");
    let output = child.wait_with_output().expect("it can be waited for");
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(0), "the answer".to_owned()), "{rest}");
    // It is told once.
    assert!(!rest.contains("trying again"), "{rest}");
}

#[test]
fn the_number_or_the_time_ends_it_with_the_last_failure() {
    let (_socket, address) = bound();
    for (options, attempts, least) in [
        (&["--retry=2"][..], Some(3), 750),
        (&["--retry-for", "600ms"], Some(3), 600),
        (&["--retry=1", "--retry-for", "20s"], Some(2), 250),
        (&["--retry=0"], Some(1), 0),
        (&["--retry=0", "--retry-for", "20s"], Some(1), 0),
    ] {
        let began = Instant::now();
        let output = run(&[&["connect", &address, "-v"], options].concat(), b"x");
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(3), "{said}");
        assert!(began.elapsed() >= Duration::from_millis(least), "{options:?}");
        let made = said.matches(&format!("  connect {address}\n")).count();
        // Within a time there may be fewer on a machine that is busy.
        assert!(
            attempts.is_none_or(|attempts| made == attempts || (options[0] == "--retry-for" && made > 1)),
            "{said}"
        );
        assert!(said.matches("trying again").count() == usize::from(made > 1), "{said}");
        assert!(said.contains("ECONNREFUSED 111"), "{said}");
    }
    // Nobody asked to be told.
    let output = run(&["connect", &address, "--retry=1"], b"x");
    assert!(!text(&output.stderr).contains("trying again"), "{}", text(&output.stderr));
    // But how often it was tried belongs to the failure.
    assert!(text(&output.stderr).contains("gave up after 2 attempts in "), "{}", text(&output.stderr));
    let output = run(&["connect", &address, "--retry=0"], b"x");
    assert!(!text(&output.stderr).contains("attempts"), "{}", text(&output.stderr));
}

#[test]
fn once_there_was_a_connection_it_is_never_made_again() {
    let listener = places::listener();
    let address = listener.local_addr().expect("bound").to_string();
    let accepting = std::thread::spawn(move || {
        let (stream, _) = listener.accept().expect("it connects");
        socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO)).expect("linger can be set");
        drop(stream);
        // Over TLS it is not made again either.
        let (stream, _) = listener.accept().expect("it connects");
        drop(stream);
        listener
    });
    let reset = run(&["connect", &address, "--retry", "--input-grace", "none"], &vec![b'x'; 100_000]);
    assert_eq!(reset.status.code(), Some(4), "{}", text(&reset.stderr));
    let cut = run(&["connect", &format!("tls://{address}"), "--insecure", "--retry"], b"x");
    assert_eq!(cut.status.code(), Some(3), "{}", text(&cut.stderr));
    let listener = accepting.join().expect("no panic");
    listener.set_nonblocking(true).expect("a socket");
    assert!(listener.accept().is_err(), "it has connected once more");
}

#[test]
fn a_signal_and_the_deadline_end_the_wait_for_another_attempt() {
    let (_socket, address) = bound();
    let mut child = adieu(&["connect", &address, "--retry-for", "1h", "-v"])
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the built binary starts");
    let mut said = BufReader::new(child.stderr.take().expect("a pipe"));
    let mut line = String::new();
    while !line.contains("trying again") {
        line.clear();
        assert!(said.read_line(&mut line).expect("it is readable") > 0, "it gave up");
    }
    crate::signal(&child, Signal::TERM);
    assert_eq!(child.wait().expect("it can be waited for").code(), Some(143));

    let output = run(&["connect", &address, "--retry-for", "1h", "--deadline", "400ms"], b"");
    assert_eq!(output.status.code(), Some(5), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("deadline"), "{}", text(&output.stderr));
}

#[test]
fn a_unix_socket_and_a_name_that_are_not_there_yet_are_waited_for() {
    let directory = tempfile::tempdir().expect("there is room");
    let endpoint = format!("unix:{}", directory.path().join("socket").display());
    let output = run(&["connect", &endpoint, "--retry=1", "-v"], b"");
    let said = text(&output.stderr);
    assert_eq!((output.status.code(), said.matches("trying again").count()), (Some(3), 1), "{said}");
    let output = run(&["connect", "nosuchname.invalid:80", "--retry=1", "-v"], b"");
    let said = text(&output.stderr);
    assert_eq!((output.status.code(), said.matches("trying again").count()), (Some(3), 1), "{said}");
}

#[test]
fn a_number_after_retry_is_no_endpoint() {
    for words in [&["--retry", "5", "localhost:1"][..], &["--retry", "5", "localhost", "1"]] {
        let output = run(&[&["connect"], words].concat(), b"");
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains("hint: ") && said.contains(" write --retry=5\n"), "{said}");
    }
    let output = run(&["connect", "127.0.0.1:1", "--retry", "--fastopen"], b"");
    assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
}

/// The lines that are said on a terminal.
fn lines(master: std::os::fd::OwnedFd) -> impl Iterator<Item = String> {
    BufReader::new(File::from(master)).lines().map_while(Result::ok).map(|line| line.trim_end().to_owned())
}

#[test]
fn a_person_is_told_of_the_connection_and_how_to_end_it() {
    let listener = places::listener();
    let address = listener.local_addr().expect("bound").to_string();
    let (master, slave) = terminal(true);
    let connect = |words: &[&str]| {
        let mut command = adieu(&[&["connect", &address], words].concat());
        command.env("TERM", "dumb").stdout(Stdio::null());
        command
    };
    let mut child =
        connect(&[]).stdin(slave.try_clone().expect("it is open")).stderr(slave).spawn().expect("it starts");
    let (peer, _) = listener.accept().expect("it connects");
    let keys = master.try_clone().expect("it is open");
    let mut said = lines(master);
    assert_eq!(said.next(), Some(format!("adieu: connected to {address}; Ctrl-D ends your side")));
    // As it says.
    File::from(keys).write_all(b"\x04").expect("it is ours");
    let mut peer = peer;
    assert_eq!(peer.read(&mut [0; 1]).expect("an end"), 0);
    drop(peer);
    assert!(child.wait().expect("it can be waited for").success());

    // Nobody types where stdin is no terminal, and with -q nothing is said.
    for words in [&[][..], &["-q"]] {
        let (master, slave) = terminal(true);
        let mut command = connect(words);
        command.stdin(if words.is_empty() {
            Stdio::null()
        } else {
            Stdio::from(slave.try_clone().expect("it is open"))
        });
        let mut child = command.stderr(slave).spawn().expect("it starts");
        drop(command);
        let (peer, _) = listener.accept().expect("it connects");
        drop(peer);
        assert!(child.wait().expect("it can be waited for").success());
        assert!(lines(master).all(|line| !line.contains("connected to")));
    }
}

#[test]
fn a_person_who_waits_for_a_connection_is_told_for_what() {
    let directory = tempfile::tempdir().expect("there is room");
    let path = directory.path().join("socket");
    // Its queue of clients is full: whoever connects waits.
    let listener = Socket::new(Domain::UNIX, Type::STREAM, None).expect("there are sockets");
    let name = socket2::SockAddr::unix(&path).expect("a short path");
    listener.bind(&name).and_then(|()| listener.listen(0)).expect("a new path");
    let mut held = Vec::new();
    loop {
        let client = Socket::new(Domain::UNIX, Type::STREAM, None).expect("there are sockets");
        client.set_nonblocking(true).expect("a socket");
        let connected = client.connect(&name);
        held.push(client);
        if connected.is_err() {
            break;
        }
    }
    let endpoint = format!("unix:{}", path.display());
    let (master, slave) = terminal(false);
    let mut command = adieu(&["connect", &endpoint, "--connect-timeout", "4s"]);
    command.env("TERM", "dumb").stdin(Stdio::null()).stdout(Stdio::null()).stderr(slave);
    let mut child = command.spawn().expect("it starts");
    drop(command);
    let mut said = lines(master);
    assert_eq!(
        said.next(),
        Some(format!(
            "adieu: connecting to {endpoint} (4 s limit); --connect-timeout bounds this, Ctrl-C ends it"
        ))
    );
    assert_eq!(child.wait().expect("it can be waited for").code(), Some(5));
}
