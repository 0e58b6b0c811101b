//! `receive --keep-open`: one sender after the other, each with its line, until a signal.

use crate::transfer::{Scene, send};
use crate::transfer_waits::ended;
use crate::{Server, adieu, run, text, until};
use adieu_testkit::schema::Schema;
use rustix::process::Signal;
use serde_json::Value;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::{Child, Stdio};

/// A drop box, whose directory is `box`.
fn start(scene: &Scene, args: &[&str]) -> Server {
    let output = scene.word("box/");
    Server::of(&mut adieu(&[&["receive", "127.0.0.1:0", "--keep-open", "--output", &*output], args].concat()))
}

fn stored(scene: &Scene, name: &str) -> Option<Vec<u8>> {
    std::fs::read(scene.path("box").join(name)).ok()
}

/// A sender of what is written to its stdin, from which the drop box has had some.
fn begin(scene: &Scene, server: &Server, name: &str) -> Child {
    let mut sender = adieu(&["send", "--name", name, "-", &server.address])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the built binary starts");
    sender.stdin.as_mut().expect("a pipe").write_all(b"begun, ").expect("it is read");
    let partial = scene.path("box").join(format!(".{name}.adieu-partial"));
    until("it does not begin", || partial.exists());
    sender
}

/// Gives it the rest.
fn end(mut sender: Child) -> (Option<i32>, String) {
    let mut stdin = sender.stdin.take().expect("a pipe");
    // It may have ended.
    let _ = stdin.write_all(b"ended");
    drop(stdin);
    ended(sender)
}

/// Waits until nobody listens there. To connect would be to come.
fn closed(address: &str) {
    until("it still accepts", || TcpListener::bind(address).is_ok());
}

/// `2026-11-29T20:00:00.000Z #2 peer to local, 0.012 s: ` before the words. Gives these and the number.
fn log_line(line: &str) -> (u64, &str) {
    let line = line.strip_prefix("adieu: ").unwrap_or(line);
    let (at, rest) = line.split_once(" #").unwrap_or_else(|| panic!("no line of a log: {line}"));
    assert!(at.len() == 24 && at.ends_with('Z') && at.as_bytes()[10] == b'T', "{line}");
    let (id, rest) = rest.split_once(' ').expect("a number");
    let (whose, words) = rest.split_once(" s: ").unwrap_or_else(|| panic!("no duration: {line}"));
    let (peer, rest) = whose.split_once(" to ").expect("two addresses");
    assert!(
        peer.starts_with("127.0.0.1:") && rest.starts_with("127.0.0.1:") && rest.contains(", "),
        "{line}"
    );
    (id.parse().expect("a number"), words)
}

#[test]
fn one_sender_after_the_other_is_stored_and_neither_a_stranger_nor_a_failure_ends_it() {
    let scene = Scene::new();
    let (first, second) = (scene.file("first", 100_000), scene.file("second", 10));
    let server = start(&scene, &["--report-file", &scene.word("log")]);
    assert_eq!(send(&[&first, &server.address]).0, Some(0));
    // A port scan, a browser, and a sender whose command fails.
    drop(server.connect());
    let mut browser = server.connect();
    browser.write_all(b"GET / HTTP/1.1\r\n\r\n").expect("it is taken");
    let _ = browser.read_to_end(&mut Vec::new());
    assert_eq!(send(&["--exec", "echo half; exit 3", &server.address]).0, Some(7));
    assert_eq!(send(&[&second, &server.address]).0, Some(0));
    server.signal(Signal::TERM);
    let address = server.address.clone();
    let (status, stdout, said) = server.finish();
    assert_eq!((status.code(), &stdout[..]), (Some(0), &b""[..]), "{said}");
    assert!(TcpStream::connect(address).is_err(), "it listens");
    assert_eq!((stored(&scene, "first").map(|f| f.len()), stored(&scene, "output")), (Some(100_000), None));
    assert!(scene.same("second", "box/second"));
    let log = std::fs::read_to_string(scene.path("log")).expect("it is there");
    let mut lines: Vec<(u64, &str)> = log.lines().map(log_line).collect();
    lines.sort_unstable();
    assert_eq!(lines.iter().map(|line| line.0).collect::<Vec<_>>(), [1, 2, 3, 4, 5], "{log}");
    for (line, words) in lines.iter().zip([
        "stored: 100000 bytes in 1 file",
        // It has gone, with our hello unread or not.
        "nothing was transferred: the peer ",
        "nothing was transferred: the peer does not speak adieu's transfer protocol",
        "not stored: the sender gave up (the command failed",
        "stored: 10 bytes in 1 file",
    ]) {
        assert!(line.1.starts_with(words), "{words}: {}", line.1);
    }
    assert!(partials(&scene).is_empty());
}

fn partials(scene: &Scene) -> Vec<String> {
    // If it was made for what failed, it is gone.
    let names = std::fs::read_dir(scene.path("box")).into_iter().flatten();
    let names = names.map(|entry| entry.expect("it is listed").file_name().to_string_lossy().into_owned());
    names.filter(|name| name.ends_with(".adieu-partial")).collect()
}

#[test]
fn the_log_is_json_lines_that_fit_the_schema_and_is_appended() {
    let scene = Scene::new();
    let file = scene.file("file", 10);
    let schema = Schema::of("transfer-report");
    for run in 1..=2 {
        let server = start(&scene, &["--report", "json", "--report-file", &scene.word("log.json")]);
        for _ in 0..2 {
            assert_eq!(send(&[&file, &server.address]).0, Some(0));
        }
        drop(server.connect());
        // Its line is there before the signal.
        let lines = || std::fs::read_to_string(scene.path("log.json")).unwrap_or_default();
        until("no line of the stranger", || lines().lines().count() == 3 * run);
        server.signal(Signal::TERM);
        let (status, _, said) = server.finish();
        assert_eq!(status.code(), Some(0), "{said}");
        let events: Vec<Value> =
            said.lines().map(|line| serde_json::from_str(line).expect("all of stderr is JSON")).collect();
        let stopped = events.last().expect("there is one");
        assert_eq!((&stopped["event"], &stopped["aborted"]), (&"stopped".into(), &0.into()));
        assert_eq!(stopped["message"], "stopped by SIGTERM; 3 connections served");
        // What went wrong stands there too.
        assert_eq!(events.iter().filter(|event| event["event"] == "ended").count(), 1, "{said}");
        let connected = events.iter().filter(|event| event["event"] == "connection");
        let mut ids: Vec<_> = connected.map(|event| event["connection_id"].as_u64()).collect();
        ids.sort_unstable();
        assert_eq!(ids, [Some(1), Some(2), Some(3)], "{said}");
    }
    let log = std::fs::read_to_string(scene.path("log.json")).expect("it is there");
    let mut seen = Vec::new();
    for line in log.lines() {
        let report = schema.checked(line);
        assert!(report["connection"]["began_at"].is_string(), "{line}");
        seen.push((report["connection_id"].as_u64(), report["result"].as_str().map(str::to_owned)));
    }
    let one = [(Some(1), "stored"), (Some(2), "stored"), (Some(3), "not_agreed")];
    let expected: Vec<_> = [one, one].concat().into_iter().map(|(id, r)| (id, Some(r.to_owned()))).collect();
    assert_eq!(seen, expected);
}

#[test]
fn the_line_of_a_transfer_names_what_it_brought() {
    let scene = Scene::new();
    let (first, second) = (scene.file("first", 10), scene.file("second", 10));
    let tree = scene.word("tree");
    std::fs::create_dir(&tree).expect("it is new");
    let numbered: Vec<String> = (0..6).map(|number| scene.file(&format!("tree/{number}"), 1)).collect();
    let mut server = start(&scene, &[]);
    let place = scene.word("box/");
    let names =
        |names: &[&str]| names.iter().map(|name| format!("{place}{name}")).collect::<Vec<_>>().join(", ");
    let numbered: Vec<&str> = numbered.iter().map(String::as_str).collect();
    for (sent, told) in [
        (&[&*first][..], names(&["first"])),
        (&[&first, &second], names(&["first", "second"])),
        (&[&tree, &second], names(&["tree", "second"])),
        (&numbered, format!("{} and more", names(&["0", "1", "2", "3", "4"]))),
    ] {
        let (code, said) = send(&[sent, &[&server.address]].concat());
        assert_eq!(code, Some(0), "{said}");
        assert!(server.line().contains("connection from"));
        let line = server.line();
        assert!(log_line(&line).1.starts_with("stored: "), "{line}");
        assert!(line.contains(&format!(" ({told}, in ")), "{told}: {line}");
    }
    server.signal(Signal::TERM);
    assert_eq!(server.finish().0.code(), Some(0));
}

#[test]
fn a_signal_lets_the_transfer_that_runs_finish_and_nobody_else_begin() {
    let scene = Scene::new();
    let server = start(&scene, &["--grace", "20s"]);
    let sender = begin(&scene, &server, "slow");
    server.signal(Signal::TERM);
    // A client that connects now finds nobody.
    closed(&server.address);
    let (code, said) = end(sender);
    let (status, _, heard) = server.finish();
    assert_eq!((code, status.code()), (Some(0), Some(0)), "{said}{heard}");
    assert_eq!(stored(&scene, "slow").as_deref(), Some(&b"begun, ended"[..]));
    assert!(heard.contains("stopped by SIGTERM; 1 connection served\n"), "{heard}");
}

#[test]
fn a_transfer_that_does_not_finish_in_time_is_aborted() {
    for (signal, grace, code) in [
        (Signal::TERM, "100ms", 4),
        (Signal::TERM, "0s", 4),
        // At once, whatever the grace is.
        (Signal::INT, "1h", 130),
        (Signal::HUP, "100ms", 143),
    ] {
        let scene = Scene::new();
        let server = start(&scene, &["--grace", grace]);
        let sender = begin(&scene, &server, "slow");
        server.signal(signal);
        let (status, _, heard) = server.finish();
        assert_eq!(status.code(), Some(code), "{heard}");
        assert!(heard.contains("s: interrupted by SIG"), "{heard}");
        assert!(heard.contains("1 connection served, 1 aborted"), "{heard}");
        let (their_code, said) = end(sender);
        assert_eq!(their_code, Some(6), "{said}");
        assert_eq!((stored(&scene, "slow"), partials(&scene)), (None, Vec::<String>::new()));
    }
}

#[test]
fn a_client_that_is_still_saying_who_it_is_when_the_signal_comes_is_heard() {
    let scene = Scene::new();
    let mut server = start(&scene, &["--grace", "20s"]);
    let hello = [&b"\x89adieu\n\x1a"[..], &[0, 4, 1, 1, 1, 0]].concat();
    let mut half = server.connect();
    half.write_all(&hello[..5]).expect("it is taken");
    assert!(server.line().contains("#1 connection from"));
    server.signal(Signal::TERM);
    closed(&server.address);
    // It may say the rest, and send nothing.
    half.write_all(&hello[5..]).expect("it is taken");
    half.shutdown(Shutdown::Write).expect("it is open");
    let _ = half.read_to_end(&mut Vec::new());
    let (status, _, heard) = server.finish();
    assert_eq!(status.code(), Some(0), "{heard}");
    assert!(heard.contains("not stored: the sender ended before it was whole"), "{heard}");
}

#[test]
fn only_who_has_the_secret_is_stored() {
    let scene = Scene::new();
    let file = scene.file("file", 10);
    let server = start(&scene, &["--secret", "right"]);
    for (secret, code) in [(Some("wrong"), 6), (None, 6), (Some("right"), 0)] {
        let secret: Vec<&str> = secret.into_iter().flat_map(|secret| ["--secret", secret]).collect();
        let (their_code, said) = send(&[&[&*file, &server.address], &secret[..]].concat());
        assert_eq!(their_code, Some(code), "{said}");
        assert_eq!(stored(&scene, "file").is_some(), code == 0);
    }
    server.signal(Signal::TERM);
    let (status, _, heard) = server.finish();
    assert_eq!(status.code(), Some(0), "{heard}");
    assert!(heard.contains("3 connections served"), "{heard}");
}

#[test]
fn a_sender_that_comes_meanwhile_is_told_and_comes_again() {
    let scene = Scene::new();
    let file = scene.file("file", 10);
    let server = start(&scene, &[]);
    let sender = begin(&scene, &server, "slow");
    let (code, said) = send(&[&file, &server.address]);
    assert_eq!(code, Some(6), "{said}");
    assert!(said.contains("the peer is busy with another transfer"), "{said}");
    assert!(said.contains("hint: try again, or let --retry do it"), "{said}");
    let mut patient = adieu(&["send", "--retry", &file, &server.address])
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    crate::transfer_retry::says(&mut patient, "trying again");
    let (code, said) = end(sender);
    assert_eq!(code, Some(0), "{said}");
    let (code, said) = ended(patient);
    assert_eq!(code, Some(0), "{said}");
    server.signal(Signal::TERM);
    assert_eq!(server.finish().0.code(), Some(0));
    assert!(scene.same("file", "box/file"));
}

#[test]
fn a_sender_that_is_killed_leaves_nothing_behind_and_the_next_is_served() {
    let scene = Scene::new();
    let file = scene.file("file", 10);
    let server = start(&scene, &[]);
    let mut sender = begin(&scene, &server, "slow");
    sender.kill().expect("it runs");
    sender.wait().expect("it can be waited for");
    let (code, said) = send(&["--retry", &file, &server.address]);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!((stored(&scene, "slow"), partials(&scene)), (None, Vec::<String>::new()));
    server.signal(Signal::TERM);
    assert_eq!(server.finish().0.code(), Some(0));
}

#[test]
fn a_sender_that_is_silent_holds_the_place_only_as_long_as_it_may() {
    for limit in [["--deadline", "300ms"], ["--idle-timeout", "300ms"]] {
        let scene = Scene::new();
        let file = scene.file("file", 10);
        let server = start(&scene, &limit);
        let sender = begin(&scene, &server, "slow");
        let (code, said) = send(&["--retry", &file, &server.address]);
        assert_eq!(code, Some(0), "{said}");
        assert_eq!(end(sender).0, Some(6));
        server.signal(Signal::TERM);
        let (status, _, heard) = server.finish();
        // Neither was aborted because of the signal.
        assert_eq!(status.code(), Some(0), "{heard}");
        assert!(heard.contains("not stored: "), "{heard}");
        assert_eq!((stored(&scene, "slow"), partials(&scene)), (None, Vec::<String>::new()));
    }
}

#[test]
fn a_file_replaces_one_of_its_name_unless_it_must_not() {
    for no_clobber in [false, true] {
        let scene = Scene::new();
        let server = start(&scene, if no_clobber { &["--no-clobber"] } else { &[] });
        for (content, code) in [("first", 0), ("second", if no_clobber { 6 } else { 0 })] {
            let output = run(&["send", "--name", "file", "-", &server.address], content.as_bytes());
            assert_eq!(output.status.code(), Some(code), "{}", text(&output.stderr));
        }
        server.signal(Signal::TERM);
        assert_eq!(server.finish().0.code(), Some(0));
        let kept = if no_clobber { "first" } else { "second" };
        assert_eq!(stored(&scene, "file").as_deref(), Some(kept.as_bytes()));
    }
}

#[test]
fn an_output_that_takes_one_file_is_refused() {
    let scene = Scene::new();
    let file = scene.file("file", 10);
    for (args, words) in [
        (&["--output", "-"][..], "is stdout"),
        (&["--output", &file], "is not a directory"),
        (&["--output", &scene.word("new")], "it is made"),
        (&["--output", &scene.word("d/"), "--connect"], "--connect"),
        (&["--output", &scene.word("d/"), "--retry"], "--retry"),
        (&["--output", &scene.word("d/"), "--accept-first"], "--accept-first"),
    ] {
        let output = run(&[&["receive", "--keep-open", "127.0.0.1:0"], args].concat(), b"");
        assert_eq!(output.status.code(), Some(2), "{args:?}: {}", text(&output.stderr));
        assert!(text(&output.stderr).contains(words), "{words}: {}", text(&output.stderr));
    }
    let output = run(&["receive", "--grace", "1s", "--output", "x", "127.0.0.1:0"], b"");
    assert_eq!(output.status.code(), Some(2));
    // A client is waited for only so long, if the user says so.
    let d = scene.word("d/");
    let args = ["receive", "--keep-open", "--connect-timeout", "50ms", "--output", &d, "127.0.0.1:0"];
    let output = run(&args, b"");
    assert_eq!(output.status.code(), Some(5), "{}", text(&output.stderr));
}
