//! What a user meets first: wrong arguments, missing servers, standard streams, the demo.

use crate::{ADIEU, Server, adieu, run, text};
use std::io::Write;
use std::process::{Command, Stdio};

#[test]
fn the_demo_is_graceful_and_its_faults_are_what_they_say() {
    for (args, code, sentence) in [
        (&["demo"][..], 0, "graceful: 23 bytes received, 14 of 14 bytes acknowledged"),
        (&["demo", "--fault", "reset"], 4, "reset by the peer while draining: 11 bytes received"),
        (&["demo", "--fault", "truncate"], 6, "truncated, the stream stopped before its end mark: 11 bytes"),
        (&["demo", "--fault", "stall"], 5, "timed out while draining"),
        (&["demo", "--fault", "unread"], 4, "reset by the peer while draining: 23 bytes received"),
    ] {
        let output = run(args, b"");
        let shown = text(&output.stdout);
        assert_eq!(output.status.code(), Some(code), "{shown}");
        assert!(shown.contains(sentence), "{shown}");
        assert!(shown.contains("shutdown(SD_SEND) ─"), "{shown}");
        assert_eq!(text(&output.stderr), "");
    }
}

#[test]
fn an_endpoint_that_cannot_be_is_a_usage_error_that_says_what_to_write() {
    for (args, hint) in [
        (&["connect", "host"][..], "write host:PORT"),
        (&["connect", "::1:80"], "put it in brackets"),
        (&["connect", "host", "nosuchservice"], "a port is a number"),
        (&["connect", "a", "1", "b"], "unexpected"),
        (&["connect"], "ENDPOINT"),
        (&["connect", "h:1", "--idle-timeout", "5"], "time unit needed"),
        (&["connect", "h:1", "--report", "xml"], "possible values"),
    ] {
        let output = run(args, b"");
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(text(&output.stderr).contains(hint), "{args:?}: {}", text(&output.stderr));
        assert_eq!(output.stdout, b"");
    }
}

#[test]
fn port_zero_cannot_be_connected_to() {
    let output = run(&["connect", "127.0.0.1:0"], b"");
    assert_eq!(output.status.code(), Some(3));
    assert!(text(&output.stderr).contains("port 0 cannot be connected to"));
}

#[test]
fn quiet_says_nothing_of_a_good_end_and_still_tells_a_bad_one() {
    let server = Server::start(&["--echo"]);
    let output = run(&["connect", "-q", &server.address], b"x");
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), String::new()));
    server.finish();
    let output = run(&["connect", "-q", "127.0.0.1:1"], b"x");
    assert!(text(&output.stderr).contains("ECONNREFUSED 111"));
}

#[test]
fn a_silence_that_was_said_to_be_the_end_is_one_and_quiet_has_nothing_to_say() {
    // It ends its side at once, and takes what comes.
    let server = Server::start(&["--output", "/dev/null", "--client-grace", "0s", "--accept-first"]);
    let mut child = adieu(&["connect", "-q", "--input-grace", "50ms", &server.address])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the built binary starts");
    let stdin = child.stdin.take();
    let output = child.wait_with_output().expect("it can be waited for");
    drop(stdin);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert_eq!(said, "", "it was asked for");
    assert_eq!(server.finish().0.code(), Some(0));
}

#[test]
fn verbose_tells_each_step_with_its_call() {
    let server = Server::start(&["--echo"]);
    let output = run(&["connect", "-v", &server.address], b"x");
    let said = text(&output.stderr);
    let mut rest = said.as_str();
    for step in
        ["connect 127.0.0.1:", "connected: ", "shutdown(SHUT_WR)", "recv returned 0", "close", "graceful"]
    {
        let at = rest.find(step).unwrap_or_else(|| panic!("{step} is missing, or out of order, in: {said}"));
        rest = &rest[at..];
    }
}

#[test]
fn no_flag_of_a_shared_stdin_or_stdout_is_changed() {
    let server = Server::start(&["--echo"]);
    let (input, mut feed) = std::io::pipe().expect("a pipe can be made");
    let (tap, output) = std::io::pipe().expect("a pipe can be made");
    let flags = |fd: &dyn std::os::fd::AsFd| rustix::fs::fcntl_getfl(fd).expect("flags can be read");
    let before = (flags(&input), flags(&output));
    let mut child = adieu(&["connect", &server.address])
        .stdin(input.try_clone().expect("a pipe can be cloned"))
        .stdout(output.try_clone().expect("a pipe can be cloned"))
        .stderr(Stdio::null())
        .spawn()
        .expect("the built binary starts");
    // More than a pipe holds, so that stdout blocks and its own way is taken.
    let feeding = std::thread::spawn(move || feed.write_all(&vec![1; 1_000_000]));
    let reading = std::thread::spawn(move || std::io::copy(&mut { tap }, &mut std::io::sink()));
    assert_eq!(child.wait().expect("it can be waited for").code(), Some(0));
    feeding.join().expect("feeding does not panic").expect("adieu reads all");
    assert_eq!((flags(&input), flags(&output)), before);
    drop(output);
    assert_eq!(reading.join().expect("reading does not panic").ok(), Some(1_000_000));
    server.finish();
}

#[test]
fn a_script_of_completions_asks_adieu_or_has_every_option() {
    // The others ask adieu.
    for (shell, has) in [
        ("bash", "ADIEU_COMPLETE"),
        ("zsh", "ADIEU_COMPLETE"),
        ("fish", "ADIEU_COMPLETE"),
        ("powershell", "idle-timeout"),
        ("elvish", "idle-timeout"),
    ] {
        let output = run(&["completions", shell], b"");
        assert!(output.status.success() && text(&output.stdout).contains(has), "{shell}");
    }
}

#[test]
fn help_to_a_full_disk_fails() {
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").expect("/dev/full is there");
    let status = Command::new(ADIEU).arg("man").stdout(full).stderr(Stdio::null()).status();
    assert_eq!(status.expect("the built binary starts").code(), Some(7));
}
