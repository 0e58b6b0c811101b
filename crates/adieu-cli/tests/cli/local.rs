//! What is wrong on our own side: files, descriptors, signals. None of it may look like the peer's doing.

use crate::{ADIEU, BOUND, Server, adieu, ask, run, signal, text};
use adieu_testkit::places;
use rustix::process::Signal;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

#[test]
fn a_report_file_that_is_stdin_or_stdout_is_refused_before_it_is_emptied() {
    let directory = tempfile::tempdir().expect("a directory can be made");
    let path = directory.path().join("data");
    let name = path.to_str().expect("a temporary path is UTF-8");
    for end in ["stdin", "stdout"] {
        std::fs::write(&path, "precious").expect("a file can be written");
        let server = Server::start(&["--echo"]);
        let mut command = adieu(&["connect", &server.address, "--report-file", name]);
        command.stdin(Stdio::null());
        if end == "stdin" {
            command.stdin(File::open(&path).expect("it is there"));
        } else {
            command.stdout(File::options().append(true).open(&path).expect("it is there"));
        }
        let output = command.output().expect("the built binary starts");
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(7), "{said}");
        assert!(said.contains(&format!("it is our {end}")), "{said}");
        assert_eq!(std::fs::read_to_string(&path).ok().as_deref(), Some("precious"), "{end}");
        server.signal(Signal::TERM);
        server.finish();
    }
}

#[test]
fn descriptors_that_run_out_are_our_failure_and_not_a_missing_peer() {
    let server = Server::start(&["--echo", "--accept-first"]);
    // Too few for a socket, wherever exactly it runs out: never "nobody there".
    let mut seen = Vec::new();
    for limit in 4..=12 {
        // Another test may have a descriptor open that is inherited: a terminal, between its opening and its flag.
        let closed = "exec 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-";
        let line = format!("{closed}; ulimit -n {limit}; exec {ADIEU} connect {}", server.address);
        let mut shell = Command::new("sh");
        let output = shell.args(["-c", &line]).stdin(Stdio::null()).output().expect("a shell starts");
        let said = text(&output.stderr);
        seen.push(output.status.code());
        if output.status.success() {
            break;
        }
        assert!(matches!(output.status.code(), Some(7)), "{limit}: {:?}: {said}", output.status);
    }
    assert_eq!(seen.last(), Some(&Some(0)), "{seen:?}");
    assert!(seen.contains(&Some(7)), "{seen:?}");
    server.finish();
}

#[test]
fn descriptors_that_run_out_for_a_name_say_nothing_about_the_name() {
    let mut seen = Vec::new();
    for limit in 6..=12 {
        let closed = "exec 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-";
        let line = format!("{closed}; ulimit -n {limit}; exec {ADIEU} connect name.invalid:1");
        let output = Command::new("sh").args(["-c", &line]).stdin(Stdio::null()).output();
        let output = output.expect("a shell starts");
        let said = text(&output.stderr);
        // Up to eight, nothing is left for a lookup. With more it may have its answer before anything else takes a descriptor.
        if limit <= 8 || said.contains("EMFILE") {
            assert_eq!(output.status.code(), Some(7), "{limit}: {said}");
            assert!(said.contains("Too many open files (EMFILE 24)"), "{limit}: {said}");
            assert!(!said.contains("the name was not found"), "{limit}: {said}");
            seen.push(said);
        }
    }
    assert!(seen.iter().any(|said| said.contains("name could not be resolved")), "{seen:?}");
}

/// `adieu connect` under a shell that has run `before`, connected, with a stdin that stays open.
fn connected(before: &str) -> (Child, TcpStream) {
    let listener = places::listener();
    let address = listener.local_addr().expect("it has an address");
    let child = Command::new("sh")
        .args(["-c", &format!("{before}\nexec {ADIEU} connect {address}")])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("a shell starts");
    let (peer, _) = listener.accept().expect("it connects");
    peer.set_read_timeout(Some(BOUND)).expect("a timeout can be set");
    (child, peer)
}

#[test]
fn a_signal_that_was_ignored_at_the_start_stays_ignored() {
    for number in [Signal::INT, Signal::TERM, Signal::HUP] {
        let (mut child, mut peer) = connected("trap '' INT TERM HUP");
        signal(&child, number);
        let mut stdin = child.stdin.take().expect("stdin is a pipe");
        stdin.write_all(b"still here").expect("adieu reads");
        drop(stdin);
        let mut request = Vec::new();
        peer.read_to_end(&mut request).expect("adieu ends its side");
        drop(peer);
        let output = child.wait_with_output().expect("it can be waited for");
        assert_eq!((output.status.code(), &request[..]), (Some(0), &b"still here"[..]), "{number:?}");
    }
}

#[test]
fn a_terminal_that_is_closed_ends_with_a_report_and_a_reset() {
    let (mut child, mut peer) = connected("");
    let mut stdin = child.stdin.take().expect("stdin is a pipe");
    stdin.write_all(b"unfinished").expect("adieu reads");
    let mut seen = [0; 10];
    peer.read_exact(&mut seen).expect("adieu sends");
    signal(&child, Signal::HUP);
    let error = peer.read(&mut seen).expect_err("a cut stream is no whole one");
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    let output = child.wait_with_output().expect("it can be waited for");
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(143), "{said}");
    assert!(said.starts_with("adieu: interrupted by SIGHUP") && said.contains("10 bytes"), "{said}");
}

#[test]
fn a_listener_heeds_a_closed_terminal_and_no_signal_that_was_ignored() {
    let start = |before: &str| {
        let mut child = Command::new("sh")
            .args(["-c", &format!("{before}\nexec {ADIEU} listen 127.0.0.1:0 --echo")])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("a shell starts");
        let mut said = BufReader::new(child.stderr.take().expect("stderr is a pipe"));
        let mut line = String::new();
        said.read_line(&mut line).expect("stderr is readable");
        let address = crate::where_it_listens(&line);
        (child, address)
    };
    let (mut child, address) = start("trap '' INT TERM HUP");
    for number in [Signal::INT, Signal::TERM, Signal::HUP] {
        signal(&child, number);
    }
    assert_eq!(ask(TcpStream::connect(address).expect("it listens"), b"still here"), b"still here");
    assert_eq!(child.wait().expect("it can be waited for").code(), Some(0));

    let (mut child, _) = start("");
    signal(&child, Signal::HUP);
    assert_eq!(child.wait().expect("it can be waited for").code(), Some(143));
}

#[test]
fn what_is_wrong_with_an_endpoint_is_said_of_that_endpoint() {
    let long = format!("unix:/tmp/{}", "x".repeat(200));
    for (words, code, hint) in [
        (&["unix:/x", "80"][..], 2, "'unix:/x' is a whole endpoint: leave out '80'"),
        (&["localhost:80", "80"], 2, "'localhost:80' is a whole endpoint: leave out '80'"),
        (&["[::1]:0"], 3, "hint: give the port that the server listens on"),
        (&[long.as_str()], 3, "hint: go nearer with cd"),
    ] {
        let output = run(&[&["connect"], words].concat(), b"");
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{said}");
        assert!(said.contains(hint) && !said.contains("check the name"), "{said}");
    }
}

#[test]
fn a_socket_file_that_cannot_be_made_is_told_and_no_port_chosen() {
    let directory = tempfile::tempdir().expect("a directory can be made");
    let missing = directory.path().join("missing/u.sock");
    let output = run(&["listen", &format!("unix:{}", missing.display())], b"");
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains("directory for the socket file") && !said.contains("port"), "{said}");
}

#[test]
fn an_output_file_that_cannot_be_is_named_and_stdin_is_not_emptied() {
    let directory = tempfile::tempdir().expect("a directory can be made");
    let data = directory.path().join("data");
    std::fs::write(&data, "precious").expect("a file can be written");
    for (path, reason) in [(directory.path().join("missing/x"), "ENOENT"), (data.clone(), "it is our stdin")]
    {
        let name = path.to_str().expect("a temporary path is UTF-8");
        let mut command = adieu(&["listen", "127.0.0.1:0", "--connect-timeout", "1ms", "--output", name]);
        let output = command.stdin(File::open(&data).expect("it is there")).output();
        let output = output.expect("the built binary starts");
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(7), "{said}");
        assert!(said.contains(&format!("cannot write to {name}: ")) && said.contains(reason), "{said}");
    }
    assert_eq!(std::fs::read_to_string(&data).ok().as_deref(), Some("precious"));
}
