//! `adieu listen`: services, keep-open, signals.

use crate::cuts::terminal;
use crate::{Server, adieu, ask, run, text};
use adieu_testkit::places;
use rustix::process::Signal;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::process::Stdio;

#[cfg(target_os = "linux")]
use rustix::process::Resource;

#[cfg(target_os = "linux")]
impl Server {
    /// Sets a limit of the running server, and gives the one that it had.
    pub(crate) fn limit(&self, resource: Resource, current: Option<u64>) -> Option<u64> {
        let pid = rustix::process::Pid::from_child(&self.child);
        let maximum = rustix::process::getrlimit(resource).maximum;
        let limit = rustix::process::Rlimit { current, maximum };
        rustix::process::prlimit(Some(pid), resource, limit).expect("a limit can be lowered").current
    }
}

#[test]
fn echo_answers_with_what_came_and_half_closes_after_the_client() {
    let server = Server::start(&["--echo"]);
    let request = vec![7; 3_000_000];
    let mut stream = server.connect();
    let mut writing = stream.try_clone().expect("a socket can be cloned");
    let sent = request.clone();
    let feeding = std::thread::spawn(move || {
        writing.write_all(&sent).expect("the server takes it");
        writing.shutdown(Shutdown::Write).expect("half-closing works");
    });
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("the server ends its side");
    feeding.join().expect("feeding does not panic");
    assert!(answer == request);
    let (status, _, said) = server.finish();
    assert_eq!(status.code(), Some(0), "{said}");
    assert!(
        said.contains("graceful: 3000000 bytes received, 3000000 of 3000000 bytes acknowledged"),
        "{said}"
    );
}

#[test]
fn a_command_gets_one_direction_and_gives_the_other() {
    let server = Server::start(&["--exec", "tr a-z A-Z", "--report", "json"]);
    assert_eq!(ask(server.connect(), b"shout\n"), b"SHOUT\n");
    let (status, _, said) = server.finish();
    assert_eq!(status.code(), Some(0), "{said}");
    assert!(said.contains("\"command_exit_code\":0"), "{said}");
}

#[test]
fn a_command_may_think_for_longer_than_the_input_grace() {
    let server = Server::start(&["--exec", "sort; sleep 2.3; echo done"]);
    assert_eq!(ask(server.connect(), b"b\na\n"), b"a\nb\ndone\n");
    assert_eq!(server.finish().0.code(), Some(0));
}

#[test]
fn a_command_that_fails_is_a_local_failure() {
    let server = Server::start(&["--exec", "cat; exit 3"]);
    let mut stream = server.connect();
    stream.write_all(b"x").expect("the server takes it");
    stream.shutdown(std::net::Shutdown::Write).expect("our side can end");
    // What was answered comes first, and then that it is not the whole.
    stream.read_exact(&mut [0; 1]).expect("the answer");
    let error = stream.read(&mut [0; 1]).expect_err("a reset");
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    let (status, _, said) = server.finish();
    assert_eq!(status.code(), Some(7), "{said}");
    assert!(said.contains("the command exited with 3"), "{said}");
}

#[test]
fn a_command_that_does_not_read_its_input_still_answers_whole() {
    let server = Server::start(&["--exec", "exec <&-; echo ready; seq 100000", "--report", "json"]);
    let mut stream = server.connect();
    // By then it has closed its input: before, the pipe may take everything.
    stream.read_exact(&mut [0; 6]).expect("the command runs");
    let answer = ask(stream, &vec![b'x'; 3_000_000]);
    let wanted: Vec<String> = (1..=100_000).map(|n| n.to_string()).collect();
    let wanted = wanted.join("\n") + "\n";
    assert!(answer == wanted.as_bytes());
    let (status, _, said) = server.finish();
    assert_eq!(status.code(), Some(0), "{said}");
    let number = |key: &str| -> u64 {
        let (_, rest) = said.split_once(&format!("\"{key}\":")).expect("the report has it");
        rest.split(',').next().and_then(|n| n.parse().ok()).expect("it is a number")
    };
    assert!(number("bytes_discarded") > 0, "{said}");
    assert_eq!(number("bytes_written") + number("bytes_discarded"), 3_000_000, "{said}");
}

#[test]
fn a_cut_stream_does_not_look_whole_to_the_command() {
    let directory = tempfile::tempdir().expect("there is room for a directory");
    let (whole, cut) = (directory.path().join("whole"), directory.path().join("cut"));
    let line = |path: &std::path::Path| format!("cat >/dev/null && touch {}", path.display());

    let server = Server::start(&["--exec", &line(&whole)]);
    ask(server.connect(), b"all of it");
    assert_eq!(server.finish().0.code(), Some(0));
    assert!(whole.exists());

    let server = Server::start(&["--exec", &line(&cut)]);
    let mut stream = server.connect();
    stream.write_all(b"half of").expect("the server takes it");
    socket2::SockRef::from(&stream).set_linger(Some(std::time::Duration::ZERO)).expect("linger can be set");
    drop(stream);
    let (status, _, said) = server.finish();
    assert_eq!(status.code(), Some(4), "{said}");
    assert!(!cut.exists(), "the command took a reset for the end");
}

#[test]
fn a_cut_stream_does_not_look_whole_to_a_command_that_ignores_sigterm() {
    let directory = tempfile::tempdir().expect("there is room for a directory");
    let cut = directory.path().join("cut");
    let server = Server::start(&[
        "--exec",
        &format!("trap '' TERM; echo ready; cat >/dev/null; echo >{}", cut.display()),
    ]);
    let mut stream = server.connect();
    stream.read_exact(&mut [0; 6]).expect("the command runs");
    socket2::SockRef::from(&stream).set_linger(Some(std::time::Duration::ZERO)).expect("linger can be set");
    drop(stream);
    let (status, _, said) = server.finish();
    assert_eq!(status.code(), Some(4), "{said}");
    assert!(!cut.exists(), "the command took a reset for the end");
}

#[cfg(target_os = "linux")]
#[test]
fn a_finished_exchange_is_reported_when_descriptors_run_out_meanwhile() {
    let server = Server::start(&["--exec", "cat"]);
    let mut stream = server.connect();
    stream.write_all(b"x").expect("the server takes it");
    stream.read_exact(&mut [0; 1]).expect("the command runs");
    server.limit(Resource::Nofile, Some(6));
    ask(stream, b"y");
    let (status, _, said) = server.finish();
    assert_eq!(status.code(), Some(0), "{said}");
    assert!(said.contains("graceful: 2 bytes received"), "{said}");
}

#[test]
fn the_output_goes_to_a_file_one_connection_after_another() {
    let directory = tempfile::tempdir().expect("there is room for a directory");
    let file = directory.path().join("out");
    let mut server =
        Server::start(&["--keep-open", "--output", file.to_str().expect("a UTF-8 path"), "--report", "json"]);
    for part in ["one ", "two ", "three"] {
        ask(server.connect(), part.as_bytes());
        server.line_with("\"ending\":\"graceful\"");
    }
    server.signal(Signal::TERM);
    assert_eq!(server.finish().0.code(), Some(0));
    assert_eq!(std::fs::read_to_string(file).expect("the file is there"), "one two three");
}

#[test]
fn many_are_served_at_once() {
    let server = Server::start(&["--echo", "--keep-open", "--report", "none"]);
    let mut streams: Vec<_> = (0..50).map(|_| server.connect()).collect();
    for stream in &mut streams {
        stream.write_all(b"x").expect("the server takes it");
    }
    // All are open, and each is answered.
    for stream in &mut streams {
        stream.read_exact(&mut [0; 1]).expect("the server answers");
    }
    for stream in streams {
        assert_eq!(ask(stream, b"bye"), b"bye");
    }
    server.signal(Signal::TERM);
    assert_eq!(server.finish().0.code(), Some(0));
}

#[cfg(target_os = "linux")]
#[test]
fn a_server_without_descriptors_says_so_once_and_waits_for_some() {
    let mut server = Server::start(&["--echo", "--keep-open"]);
    let before = server.limit(Resource::Nofile, Some(5));
    let mut stream = server.connect();
    let said = server.line();
    assert!(said.contains("cannot accept on") && said.contains("EMFILE"), "{said}");
    // Longer than several attempts: each would say the same, or the server be gone.
    stream.set_read_timeout(Some(std::time::Duration::from_millis(350))).expect("a timeout can be set");
    stream.write_all(b"x").expect("the kernel takes it");
    let error = stream.read_exact(&mut [0; 1]).expect_err("nobody serves it yet");
    assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock);
    server.limit(Resource::Nofile, before);
    stream.set_read_timeout(Some(crate::BOUND)).expect("a timeout can be set");
    stream.read_exact(&mut [0; 1]).expect("now it is served");
    assert_eq!(ask(stream, b"y"), b"y");
    assert!(server.line().contains("connection from "));
    server.signal(Signal::TERM);
    assert_eq!(server.finish().0.code(), Some(0));
}

#[cfg(target_os = "linux")]
#[test]
fn a_signal_ends_a_server_that_cannot_accept() {
    let mut server = Server::start(&["--echo", "--keep-open"]);
    server.limit(Resource::Nofile, Some(5));
    let _waiting = server.connect();
    let said = server.line();
    assert!(said.contains("cannot accept on"), "{said}");
    server.signal(Signal::TERM);
    let (status, _, said) = server.finish();
    assert_eq!(status.code(), Some(0), "{said}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_connection_that_gets_no_thread_waits_and_the_others_go_on() {
    let mut server = Server::start(&["--echo", "--keep-open"]);
    let mut open = server.connect();
    open.write_all(b"x").expect("the server takes it");
    open.read_exact(&mut [0; 1]).expect("the server answers");
    assert!(server.line().contains("connection from "));
    // A little is left, but not enough for another stack.
    let little = crate::mapped(&server.child) + 160 * 1024;
    let before = server.limit(Resource::As, Some(little));
    let waiting = server.connect();
    let said = server.line();
    assert!(said.contains("connection from "), "{said}");
    let said = server.line();
    assert!(said.contains("clients wait") && said.contains("EAGAIN"), "{said}");
    server.limit(Resource::As, before);
    assert_eq!(ask(waiting, b"the one that waited"), b"the one that waited");
    assert_eq!(ask(server.connect(), b"a new one"), b"a new one");
    assert_eq!(ask(open, b"the old one"), b"the old one");
    server.signal(Signal::TERM);
    assert_eq!(server.finish().0.code(), Some(0));
}

#[test]
fn no_more_than_asked_for_are_served_at_once() {
    let mut server = Server::start(&["--echo", "--keep-open", "--max-connections", "1"]);
    let (mut first, mut second) = (server.connect(), server.connect());
    first.write_all(b"1").expect("the server takes it");
    first.read_exact(&mut [0; 1]).expect("the server answers");
    second.write_all(b"2").expect("the kernel takes it");
    second.set_read_timeout(Some(std::time::Duration::from_millis(50))).expect("a timeout can be set");
    second.read_exact(&mut [0; 1]).expect_err("the second has to wait");
    drop(first);
    second.set_read_timeout(Some(crate::BOUND)).expect("a timeout can be set");
    second.read_exact(&mut [0; 1]).expect("now it is served");
    server.line();
    drop(second);
    server.signal(Signal::TERM);
    assert_eq!(server.finish().0.code(), Some(0));
}

#[test]
fn sigterm_lets_the_open_connections_finish() {
    let mut server = Server::start(&["--echo", "--keep-open"]);
    let mut stream = server.connect();
    stream.write_all(b"before").expect("the server takes it");
    stream.read_exact(&mut [0; 6]).expect("the server answers");
    server.line();
    server.signal(Signal::TERM);
    assert_eq!(server.line(), "adieu: SIGTERM: waiting for 1 to finish");
    assert!(std::net::TcpStream::connect(&server.address).is_err(), "it still accepts");
    assert_eq!(ask(stream, b"after"), b"after");
    let (status, _, said) = server.finish();
    assert_eq!(status.code(), Some(0), "{said}");
    assert!(said.contains("graceful: 11 bytes received"), "{said}");
}

#[test]
fn sigterm_lets_those_who_wait_for_their_turn_finish_too() {
    let directory = tempfile::tempdir().expect("there is room for a directory");
    let file = directory.path().join("out");
    let mut server = Server::start(&["--keep-open", "--output", file.to_str().expect("a UTF-8 path")]);
    let first = server.connect();
    assert!(server.line().contains("connection from "));
    let mut second = server.connect();
    second.write_all(b"two").expect("the kernel takes it");
    second.shutdown(Shutdown::Write).expect("half-closing works");
    server.signal(Signal::TERM);
    assert_eq!(server.line(), "adieu: SIGTERM: waiting for 2 to finish");
    assert_eq!(ask(first, b"one "), b"");
    second.read_to_end(&mut Vec::new()).expect("it is served, and not reset");
    let (status, _, said) = server.finish();
    assert_eq!(status.code(), Some(0), "{said}");
    assert_eq!(said.matches("graceful").count(), 2, "{said}");
    assert_eq!(std::fs::read_to_string(file).expect("the file is there"), "one two");
}

#[test]
fn after_the_grace_the_rest_is_aborted_and_named() {
    let mut server = Server::start(&["--echo", "--keep-open", "--grace", "50ms"]);
    let mut stream = server.connect();
    stream.write_all(b"x").expect("the server takes it");
    stream.read_exact(&mut [0; 1]).expect("the server answers");
    server.line();
    server.signal(Signal::TERM);
    let mut rest = Vec::new();
    let error = stream.read_to_end(&mut rest).expect_err("it is aborted");
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    let us = stream.local_addr().expect("we have an address").to_string();
    let (status, _, said) = server.finish();
    assert_eq!(status.code(), Some(4), "{said}");
    assert!(said.contains(&format!("aborting {us}")), "{said}");
    assert!(said.contains("interrupted by SIGTERM while sending"), "{said}");
}

#[test]
fn who_still_waits_after_the_grace_is_named_and_reported_too() {
    let mut server = Server::start(&["--keep-open", "--grace", "50ms"]);
    let first = server.connect();
    server.line();
    // It is served when the first is done.
    let mut second = server.connect();
    server.signal(Signal::TERM);
    let error = second.read_to_end(&mut Vec::new()).expect_err("it is aborted");
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    let [first, second] = [first, second].map(|stream| stream.local_addr().expect("an address").to_string());
    let (status, _, said) = server.finish();
    assert_eq!(status.code(), Some(4), "{said}");
    assert!(said.contains(&format!("aborting {first}, {second}")), "{said}");
    assert!(said.contains(&format!("connection from {second}")), "{said}");
    assert_eq!(said.matches("interrupted by SIGTERM while ").count(), 2, "{said}");
}

#[test]
fn the_grace_may_be_longer_than_time() {
    let mut server = Server::start(&["--echo", "--grace", "500000000000y"]);
    let mut stream = server.connect();
    stream.write_all(b"x").expect("the server takes it");
    stream.read_exact(&mut [0; 1]).expect("the server answers");
    server.line();
    server.signal(Signal::TERM);
    assert_eq!(server.line(), "adieu: SIGTERM: waiting for 1 to finish");
    assert_eq!(ask(stream, b"y"), b"y");
    assert_eq!(server.finish().0.code(), Some(143));
}

#[test]
fn a_second_signal_exits_at_once() {
    let mut server = Server::start(&["--echo", "--keep-open", "--grace", "1h"]);
    let mut stream = server.connect();
    stream.write_all(b"x").expect("the server takes it");
    stream.read_exact(&mut [0; 1]).expect("the server answers");
    server.line();
    server.signal(Signal::TERM);
    assert_eq!(server.line(), "adieu: SIGTERM: waiting for 1 to finish");
    server.signal(Signal::INT);
    assert_eq!(server.finish().0.code(), Some(130));
}

#[test]
fn a_second_signal_takes_the_commands_along() {
    let directory = tempfile::tempdir().expect("there is room for a directory");
    let cut = directory.path().join("cut");
    let line = format!("trap '' TERM; echo $$; cat >/dev/null; echo >{}", cut.display());
    let mut server = Server::start(&["--exec", &line, "--keep-open", "--grace", "1h"]);
    let mut stream = BufReader::new(server.connect());
    let mut pid = String::new();
    stream.read_line(&mut pid).expect("the command runs");
    server.line();
    server.signal(Signal::TERM);
    assert_eq!(server.line(), "adieu: SIGTERM: waiting for 1 to finish");
    server.signal(Signal::INT);
    assert_eq!(server.finish().0.code(), Some(130));
    let group = pid.trim().parse().ok().and_then(rustix::process::Pid::from_raw).expect("it is a number");
    // Whoever adopts it waits for it some time.
    let has_ended = || rustix::process::test_kill_process_group(group).is_err() || is_zombie(pid.trim());
    crate::until("the command runs on", has_ended);
    assert!(!cut.exists(), "the command took our exit for the end of its input");
}

/// Dead, and nobody has waited for it. (In a container there may be nobody who does.)
fn is_zombie(pid: &str) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| stat.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('Z')))
}

#[test]
fn sighup_is_like_sigterm_unless_it_was_ignored() {
    // These tests may be run under nohup themselves.
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    if !status
        .lines()
        .any(|l| l.starts_with("SigIgn:") && l.ends_with(['1', '3', '5', '7', '9', 'b', 'd', 'f']))
    {
        let server = Server::start(&["--report", "json"]);
        server.signal(Signal::HUP);
        let (status, _, said) = server.finish();
        assert_eq!(status.code(), Some(143));
        assert!(said.contains("interrupted by SIGHUP") && said.contains("\"signal\":\"SIGHUP\""), "{said}");

        let mut server = Server::start(&["--echo", "--keep-open", "--grace", "1h"]);
        let _held = server.connect();
        server.line();
        server.signal(Signal::HUP);
        assert_eq!(server.line(), "adieu: SIGHUP: waiting for 1 to finish");
        server.signal(Signal::TERM);
        assert_eq!(server.finish().0.code(), Some(143), "another one after it exits at once");
    }

    let mut child = std::process::Command::new("/bin/sh")
        .args(["-c", "trap '' HUP; exec \"$0\" listen 127.0.0.1:0 --echo", crate::ADIEU])
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("the shell starts");
    let mut stderr = BufReader::new(child.stderr.take().expect("stderr is a pipe"));
    let mut line = String::new();
    stderr.read_line(&mut line).expect("it says where it listens");
    crate::signal(&child, Signal::HUP);
    let address = crate::where_it_listens(&line);
    let stream = std::net::TcpStream::connect(address).expect("it still listens");
    assert_eq!(ask(stream, b"still here"), b"still here");
    assert_eq!(child.wait().expect("it can be waited for").code(), Some(0));
}

#[test]
fn sigint_does_not_wait() {
    let mut server = Server::start(&["--echo"]);
    let mut stream = server.connect();
    stream.write_all(b"x").expect("the server takes it");
    stream.read_exact(&mut [0; 1]).expect("the server answers");
    server.line();
    server.signal(Signal::INT);
    let (status, _, said) = server.finish();
    assert_eq!(status.code(), Some(130), "{said}");
}

#[test]
fn a_signal_before_anybody_connects_is_told() {
    let server = Server::start(&[]);
    let address = server.address.clone();
    server.signal(Signal::INT);
    let (status, _, said) = server.finish();
    assert_eq!(status.code(), Some(130));
    assert!(
        said.contains(&format!("interrupted by SIGINT while waiting for a connection on {address}")),
        "{said}"
    );
}

#[test]
fn nobody_connects_in_time() {
    let server = Server::start(&["--connect-timeout", "20ms"]);
    let (status, _, said) = server.finish();
    assert_eq!(status.code(), Some(5), "{said}");
    assert!(said.contains("timed out while waiting for a connection on 127.0.0.1:"), "{said}");
}

#[test]
fn who_cannot_listen_reports_that() {
    let directory = tempfile::tempdir().expect("there is room for a directory");
    let file = directory.path().join("report");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    let address = taken.local_addr().expect("it has an address").to_string();
    let report = ["--report", "json", "--report-file", file.to_str().expect("a UTF-8 path")];
    let output = run(&[&["listen", &address][..], &report].concat(), b"");
    assert_eq!(output.status.code(), Some(3));
    let said = std::fs::read_to_string(&file).expect("the report is there");
    let report: serde_json::Value = serde_json::from_str(&said).expect("it is JSON");
    assert_eq!(report["ending"], "no_connection");
    assert_eq!(report["role"], "listen");
    assert_eq!(report["error_name"], "EADDRINUSE");
    assert_eq!(report["exit_code"], 3);
    let message = report["message"].as_str().expect("it has one");
    assert!(message.starts_with(&format!("cannot listen on {address}: ")), "{message}");

    // On stderr, JSON is all there is.
    let output = run(&["listen", &address, "--report", "json"], b"");
    serde_json::from_slice::<serde_json::Value>(&output.stderr).expect("it is JSON and nothing else");
}

#[test]
fn the_port_file_has_the_port_and_a_taken_port_is_an_error() {
    let directory = tempfile::tempdir().expect("there is room for a directory");
    let file = directory.path().join("port");
    let server = Server::start(&["--port-file", file.to_str().expect("a UTF-8 path")]);
    let port = std::fs::read_to_string(&file).expect("the file is there");
    assert!(server.address.ends_with(&format!(":{}", port.trim())));
    let second = run(&["listen", &server.address], b"");
    assert_eq!(second.status.code(), Some(3));
    let said = text(&second.stderr);
    assert!(said.contains("cannot listen on 127.0.0.1:") && said.contains("EADDRINUSE"), "{said}");
    server.signal(Signal::TERM);
    assert_eq!(server.finish().0.code(), Some(143));
}

#[test]
fn the_port_file_may_be_a_symlink_or_a_fifo_and_stays_one() {
    use std::os::unix::fs::FileTypeExt;
    let directory = tempfile::tempdir().expect("there is room for a directory");
    let (file, link, fifo) =
        (directory.path().join("file"), directory.path().join("link"), directory.path().join("fifo"));
    std::fs::write(&file, "something longer than a port").expect("there is room for a file");
    std::os::unix::fs::symlink(&file, &link).expect("a symlink can be made");
    places::fifo(&fifo).expect("there is room");

    let server = Server::start(&["--port-file", link.to_str().expect("a UTF-8 path")]);
    assert!(std::fs::symlink_metadata(&link).expect("it is there").is_symlink(), "it was replaced");
    let port = std::fs::read_to_string(&file).expect("the file is there");
    assert!(server.address.ends_with(&format!(":{}", port.trim())), "{port}");
    server.signal(Signal::TERM);
    assert_eq!(server.finish().0.code(), Some(143));

    // Open for both, so that neither side waits for the other.
    let mut reader =
        std::fs::File::options().read(true).write(true).open(&fifo).expect("a FIFO can be opened");
    let server = Server::start(&["--port-file", fifo.to_str().expect("a UTF-8 path")]);
    let there = std::fs::symlink_metadata(&fifo).expect("it is there");
    assert!(there.file_type().is_fifo(), "it was replaced");
    let mut port = [0; 16];
    let n = reader.read(&mut port).expect("the port was written into it");
    assert!(server.address.ends_with(&format!(":{}", text(&port[..n]).trim())));
    server.signal(Signal::TERM);
    assert_eq!(server.finish().0.code(), Some(143));
}

#[test]
fn what_cannot_be_meant_is_refused() {
    for args in [
        &["listen", "--max-connections", "2"][..],
        &["listen", "--keep-open", "--max-connections", "2"],
        &["listen", "--keep-open", "--echo", "--max-connections", "0"],
        &["listen", "--echo", "--exec", "cat"],
        &["listen", "--exec", "cat", "--output", "x"],
        &["listen", "nowhere"],
        &["listen", "127.0.0.1:99999"],
    ] {
        let output = run(args, b"");
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(!output.stderr.is_empty());
    }
}

#[test]
fn a_command_finds_both_addresses_in_its_variables() {
    let tell = r#"printf '%s|%s' "$ADIEU_PEER" "$ADIEU_LOCAL""#;
    let server = Server::start(&["--exec", tell]);
    let stream = server.connect();
    let client = stream.local_addr().expect("connected").to_string();
    assert_eq!(text(&ask(stream, b"")), format!("{client}|{}", server.address));
    assert_eq!(server.finish().0.code(), Some(0));

    let directory = tempfile::tempdir().expect("a directory can be made");
    let endpoint = format!("unix:{}", directory.path().join("s").display());
    let server = Server::start_at(&endpoint, &["--exec", tell]);
    let output = run(&["connect", "-q", &endpoint], b"");
    assert_eq!(text(&output.stdout), format!("|{endpoint}"), "the client has no name");
    assert_eq!(server.finish().0.code(), Some(0));
}

#[test]
fn a_person_is_told_how_to_end_the_side_that_is_typed() {
    for (words, are_typed) in [(&[][..], true), (&["--echo"], false), (&["--recv-only"], false)] {
        let (master, slave) = terminal(true);
        let mut child = adieu(&[&["listen", "127.0.0.1:0"], words].concat())
            .env("TERM", "dumb")
            .stdin(slave.try_clone().expect("it is open"))
            .stdout(Stdio::null())
            .stderr(slave)
            .spawn()
            .expect("the built binary starts");
        let mut keys = File::from(master.try_clone().expect("it is open"));
        let mut said = BufReader::new(File::from(master)).lines().map_while(Result::ok);
        let listening = said.next().expect("it listens");
        let address = listening.trim_end().strip_prefix("adieu: listening on ").expect("it says where");
        let mut client = TcpStream::connect(address).expect("it listens");
        let from = client.local_addr().expect("connected");
        let end = if are_typed { "; Ctrl-D ends your side" } else { "" };
        let line = said.next().expect("it is told of the client");
        assert_eq!(line.trim_end(), format!("adieu: connection from {from}{end}"), "{words:?}");
        // Whoever leaves without a byte is not the one that is waited for.
        client.write_all(b"x").expect("connected");
        if are_typed {
            // As it says.
            keys.write_all(b"\x04").expect("it is ours");
            assert_eq!(client.read(&mut [0; 1]).expect("an end"), 0);
        }
        client.shutdown(Shutdown::Write).expect("connected");
        client.read_to_end(&mut Vec::new()).expect("an end");
        assert!(child.wait().expect("it can be waited for").success(), "{words:?}");
    }
}
