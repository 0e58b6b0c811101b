//! All of stderr as JSON, the lines of a service, and what a peer that chose its own name can make of them.

use crate::transfer::{Scene, send, start};
use crate::{Server, adieu, ask, run, signal, text, where_it_listens};
use adieu_testkit::schema::Schema;
use rustix::process::Signal;
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::process::Stdio;

/// Every line, checked against the schema that it belongs to.
fn checked(said: &str) -> Vec<Value> {
    let [events, reports, transfers] = ["events", "report", "transfer-report"].map(Schema::of);
    let check = |line: &str| -> Value {
        let value: Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{e} in {line:?} of {said}"));
        let schema = match (value["event"] == "ended", value.get("result")) {
            (false, _) => &events,
            (true, None) => &reports,
            (true, Some(_)) => &transfers,
        };
        let faults = schema.faults(&value);
        assert!(faults.is_empty(), "{faults:?} in {line}");
        value
    };
    said.lines().map(check).collect()
}

fn names(lines: &[Value]) -> Vec<&str> {
    lines.iter().map(|line| line["event"].as_str().expect("each has one")).collect()
}

#[test]
fn every_line_of_a_service_is_json_and_tied_to_its_connection() {
    for (more, expected) in [
        (&[][..], &["listening", "connection", "ended", "connection", "ended", "stopped"][..]),
        (&["-q"], &["ended", "ended"]),
    ] {
        let scene = Scene::new();
        let mut args = vec!["listen", "127.0.0.1:0", "-k", "--echo", "--report", "json"];
        args.extend(more);
        let mut server = start(scene.directory.path(), &args);
        let mut stderr = BufReader::new(server.child.stderr.take().expect("it is a pipe"));
        let mut said = String::new();
        for _ in 0..2 {
            let output = run(&["connect", "-q", &server.address], b"x");
            assert_eq!(output.status.code(), Some(0));
            // The next one comes after this one's lines.
            let ended = said.matches(r#""event":"ended""#).count();
            while said.matches(r#""event":"ended""#).count() == ended {
                assert!(
                    stderr.read_line(&mut said).expect("it is readable") > 0,
                    "it is not reported: {said}"
                );
            }
        }
        // Its last line may come before it counts the connection as gone.
        crate::until("it is not gone", || !serves(&server.child));
        signal(&server.child, Signal::TERM);
        stderr.read_to_string(&mut said).expect("it is readable");
        let (code, ..) = server.finish();
        assert_eq!(code, Some(0), "{said}");
        let lines = checked(&said);
        assert_eq!(names(&lines), expected, "{said}");
        let ids: Vec<u64> = lines.iter().filter_map(|line| line["connection_id"].as_u64()).collect();
        assert_eq!(ids, if more.is_empty() { vec![1, 1, 2, 2] } else { vec![1, 2] }, "{said}");
    }
}

/// Whether it has a connection's thread.
fn serves(child: &std::process::Child) -> bool {
    let threads = std::fs::read_dir(format!("/proc/{}/task", child.id()));
    threads.is_ok_and(|threads| {
        threads.filter_map(Result::ok).any(|thread| {
            let name = std::fs::read_to_string(thread.path().join("comm")).unwrap_or_default();
            name.trim() == "adieu-server"
        })
    })
}

#[test]
fn every_line_of_everything_else_is_json_too() {
    let scene = Scene::new();
    let (file, target) = (scene.file("file", 10_000), scene.word("target"));
    let json = ["--report", "json"];
    let with = |args: &[&str]| [args, &json[..]].concat().into_iter().map(str::to_owned).collect::<Vec<_>>();
    let said = |args: &[String]| {
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let output = adieu(&args).stdin(Stdio::null()).output().expect("it starts");
        let said = text(&output.stderr);
        assert!(output.status.code() == Some(0) || !said.is_empty(), "{args:?}: it says nothing");
        checked(&said)
    };
    // Usage, by clap and by ourselves; what cannot be; what nobody answers.
    for args in [
        &["connect", "--nonsense"][..],
        &["connect"],
        &["connect", "nowhere"],
        &["connect", "127.0.0.1:1", "--tls-min", "1.3"],
        &["connect", "127.0.0.1:1", "--report-file", "/nowhere/x"],
        &["connect", "127.0.0.1:1"],
        &["connect", "-v", "127.0.0.1:1"],
        &["listen", "nowhere"],
        &["listen", "--max-connections", "2", "-k"],
        &["listen", "192.0.2.1:1"],
        &["listen", "127.0.0.1:0", "--connect-timeout", "10ms"],
        &["listen", "127.0.0.1:0", "--output", "/nowhere/x"],
        &["send", "/nowhere", "127.0.0.1:1"],
        &["send", &file, "127.0.0.1:1"],
        &["send", "only-one-word"],
        &["send", "--secret", "", &file, "127.0.0.1:1"],
        &["receive", "-o", "/nowhere/x/y", "127.0.0.1:0"],
        &["receive", "-o", &target, "127.0.0.1:0", "--connect-timeout", "10ms", "--self-signed"],
    ] {
        let lines = said(&with(args));
        assert!(!lines.is_empty(), "{args:?}");
    }
    // `=` and the variable are heard too.
    for (args, variable) in
        [(&["connect", "--report=json", "-x"][..], None), (&["connect", "-x"], Some("json"))]
    {
        let mut command = adieu(args);
        variable.map(|value| command.env("ADIEU_REPORT", value));
        let output = command.stdin(Stdio::null()).output().expect("it starts");
        assert_eq!(names(&checked(&text(&output.stderr))), ["error"]);
    }
    for more in [&["-v"][..], &["-q"], &["--secret", "x", "-v"]] {
        let receiver = scene.receive(&[&["-o", &target, "--retry=1"], more, &json].concat());
        // A stranger first.
        drop(std::net::TcpStream::connect(&receiver.address).expect("it listens"));
        let (code, sent) = send(&[&[&*file, &receiver.address], more, &json].concat());
        let (their_code, heard, _) = receiver.finish();
        assert_eq!((code, their_code), (Some(0), Some(0)), "{sent}{heard}");
        for said in [sent, heard] {
            let lines = checked(&said);
            assert_eq!(lines.last().expect("it says something")["result"], "stored");
            assert!(more != ["-q"] || lines.len() == 1, "{said}");
        }
    }
    // What stays to be said beside a file.
    let path = scene.word("report");
    let lines = said(&with(&["connect", "127.0.0.1:1", "--report-file", &path]));
    assert_eq!(names(&lines), ["ended"]);
    assert_eq!(lines, checked(&std::fs::read_to_string(path).expect("it is there")));
}

#[test]
fn the_line_of_a_service_names_the_peer_the_time_the_duration_and_the_connection() {
    let mut server = Server::start(&["-k", "-v", "--echo"]);
    let stream = server.connect();
    let us = stream.local_addr().expect("we have an address");
    assert_eq!(ask(stream, b"x"), b"x");
    let mut lines = Vec::new();
    while !lines.last().is_some_and(|line: &String| line.contains("graceful: ")) {
        lines.push(server.line());
    }
    server.signal(Signal::TERM);
    server.finish();
    let (last, before) = lines.split_last().expect("there are lines");
    assert!(before.iter().all(|line| line.contains("#1 ")), "{lines:?}");
    assert!(before.iter().any(|line| line.contains("recv returned 0")), "{lines:?}");
    assert!(before.iter().any(|line| line.ends_with(&format!("Z #1 connection from {us}"))), "{lines:?}");
    let rest = last.strip_prefix("adieu: 20").and_then(|rest| rest.split_once("Z #1 ")).expect(last).1;
    let rest = rest.strip_prefix(&format!("{us} to {}, ", server_address(&lines, rest))).expect(last);
    assert!(rest.contains(" s: graceful: 1 byte received, 1 of 1 byte acknowledged"), "{last}");
}

fn server_address<'a>(_: &[String], rest: &'a str) -> &'a str {
    rest.split_once(" to ").and_then(|(_, rest)| rest.split_once(", ")).map_or("", |(address, _)| address)
}

#[test]
fn a_service_that_starts_again_goes_on_in_its_file_and_one_connection_replaces_it() {
    let scene = Scene::new();
    for (name, starts) in [("log.json", "{\"report_version\":1"), ("log.txt", "20")] {
        let log = scene.word(name);
        for run in 1..=2 {
            let args = ["listen", "127.0.0.1:0", "-k", "--echo", "--report-file", &log];
            let server = start(scene.directory.path(), &args);
            assert_eq!(ask(std::net::TcpStream::connect(&server.address).expect("it listens"), b"x"), b"x");
            signal(&server.child, Signal::TERM);
            assert_eq!(server.finish().0, Some(0));
            let written = std::fs::read_to_string(&log).expect("it is there");
            assert_eq!(written.lines().count(), run, "{written}");
            assert!(written.lines().all(|line| line.starts_with(starts)), "{written}");
        }
    }
    let log = scene.word("log.txt");
    run(&["connect", "127.0.0.1:1", "--report-file", &log], b"");
    let written = std::fs::read_to_string(&log).expect("it is there");
    assert!(written.starts_with("no connection to ") && written.lines().count() == 1, "{written}");
    // And one that waits for its sender again.
    let (file, target) = (scene.file("file", 10), scene.word("target"));
    for run in 2..=3 {
        let receiver = scene.receive(&["-o", &target, "--retry=1", "--report-file", &log]);
        assert_eq!((send(&[&file, &receiver.address]).0, receiver.finish().0), (Some(0), Some(0)));
        let written = std::fs::read_to_string(&log).expect("it is there");
        assert_eq!(written.lines().count(), run, "{written}");
    }
}

/// A client of a Unix socket that has given itself this address.
fn client(name: &std::path::Path, to: &std::path::Path) -> UnixStream {
    let socket = socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM, None).expect("a socket");
    socket.bind(&socket2::SockAddr::unix(name).expect("it is short")).expect("it is free");
    socket.connect(&socket2::SockAddr::unix(to).expect("it is short")).expect("it listens");
    std::os::fd::OwnedFd::from(socket).into()
}

#[test]
fn an_address_that_a_client_chose_makes_no_line_and_moves_no_cursor() {
    let forged = "x\nadieu: graceful: forged\r\u{1b}[2J\u{202e}\u{9b}1m";
    for more in
        [&["-v"][..], &["-v", "--report", "json"], &["--report-file", "LOG"], &["--report-file", "LOG.json"]]
    {
        let scene = Scene::new();
        let (socket, name, log) = (scene.path("s"), scene.path(forged), scene.word("LOG"));
        let more: Vec<String> = more.iter().map(|word| word.replace("LOG", &log)).collect();
        let mut server = adieu(&["listen", "-k", "--echo", "--grace", "0s"])
            .args(&more)
            .arg(format!("unix:{}", socket.display()))
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        let mut stderr = BufReader::new(server.stderr.take().expect("a pipe"));
        let mut said = String::new();
        stderr.read_line(&mut said).expect("it is text");
        assert!(where_it_listens(&said).starts_with("unix:"), "{said}");
        let mut client = client(&name, &socket);
        client.write_all(b"x").expect("it reads");
        client.read_exact(&mut [0]).expect("it answers");
        // It is aborted, which names it once more.
        signal(&server, Signal::TERM);
        stderr.read_to_string(&mut said).expect("it is text");
        assert_eq!(server.wait().expect("it can be waited for").code(), Some(4), "{said}");
        for path in ["LOG", "LOG.json"] {
            said += &std::fs::read_to_string(scene.path(path)).unwrap_or_default();
        }
        assert!(said.contains("forged"), "{said}");
        assert!(!said.lines().any(|line| line.starts_with("adieu: graceful")), "{said:?}");
        assert!(!said.contains(|c: char| c != '\n' && c.is_control() || c == '\u{202e}'), "{said:?}");
    }
}

/// What ssh does to its ProxyCommand at each logout.
#[test]
fn a_hangup_after_everything_was_acknowledged_is_silent_when_quiet() {
    for (quiet, all) in [(true, true), (false, true), (true, false)] {
        let server = Server::start(&["--exec", if all { "cat" } else { "head -c 1; sleep 60" }]);
        let mut args = vec!["connect", &server.address];
        args.extend(quiet.then_some("-q"));
        let mut child = adieu(&args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        let mut stdin = child.stdin.take().expect("a pipe");
        let pipe = stdin.as_fd().try_clone_to_owned().expect("it can be cloned");
        // More than a stalled peer and both kernels take.
        let size = if all { 1 } else { 32 << 20 };
        let feeding = std::thread::spawn(move || {
            // It is not all taken.
            let _ = stdin.write_all(&vec![b'x'; size]);
            stdin
        });
        let mut stdout = child.stdout.take().expect("a pipe");
        stdout.read_exact(&mut [0]).expect("it is answered");
        // Nothing is taken any more, which a look alone cannot tell.
        let mut looks = 0;
        crate::until("it takes more and more", || {
            let waiting = rustix::io::ioctl_fionread(&pipe).expect("it is a pipe");
            looks = if waiting > 32 << 10 { looks + 1 } else { 0 };
            all || looks > 20
        });
        crate::signal(&child, Signal::HUP);
        let mut said = String::new();
        child.stderr.take().expect("a pipe").read_to_string(&mut said).expect("it is text");
        assert_eq!(child.wait().expect("it can be waited for").code(), Some(143), "{said}");
        assert_eq!(said.contains("interrupted by SIGHUP"), !(quiet && all), "{quiet} {all}: {said}");
        drop(feeding.join());
        server.signal(Signal::INT);
        server.finish();
    }
}
