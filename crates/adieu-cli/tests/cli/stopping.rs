//! How a service is stopped and what it refuses; small things of the command line.

use crate::cuts::terminal;
use crate::transfer::{Scene, start};
use crate::{Server, adieu, run, signal, text, until};
use rustix::process::Signal;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::process::Stdio;

#[test]
fn a_service_that_was_stopped_with_nobody_there_has_done_well() {
    for (signal, code) in [(Signal::TERM, 0), (Signal::INT, 130), (Signal::HUP, 143)] {
        let server = Server::start(&["-k", "--echo"]);
        server.signal(signal);
        let (status, _, said) = server.finish();
        assert_eq!(status.code(), Some(code), "{said}");
    }
}

#[test]
fn the_same_signal_twice_at_once_cuts_no_drain_and_leaves_no_socket_file() {
    let directory = tempfile::tempdir().expect("there is room");
    let path = directory.path().join("s");
    let endpoint = format!("unix:{}", path.display());
    for twice in [Signal::TERM, Signal::INT] {
        let mut server = Server::start_at(&endpoint, &["-k", "--exec", "read word; echo $word"]);
        let client = UnixStream::connect(&path).expect("it listens");
        assert!(server.line().contains("connection from "));
        server.signal(twice);
        server.signal(twice);
        let mut answer = String::new();
        if twice == Signal::TERM {
            assert_eq!(server.line(), "adieu: SIGTERM: waiting for 1 to finish");
            (&client).write_all(b"last\n").expect("it is served");
            client.shutdown(std::net::Shutdown::Write).expect("half-closing works");
            (&client).read_to_string(&mut answer).expect("it is answered to its end");
        }
        let (status, _, said) = server.finish();
        assert_eq!(status.code(), Some(if twice == Signal::TERM { 0 } else { 130 }), "{said}");
        assert_eq!(answer, if twice == Signal::TERM { "last\n" } else { "" });
        assert!(said.contains("stopped by ") && !path.exists(), "{said}");
    }
}

/// The second one would end it without a word.
#[test]
fn the_same_signal_twice_at_once_is_one_for_a_client_and_a_receiver_too() {
    let server = Server::start(&["--exec", "sleep 60"]);
    let scene = Scene::new();
    let waiting = start(scene.directory.path(), &["receive", "127.0.0.1:0", "-o", &scene.word("x")]);
    let mut connected = adieu(&["connect", "-v", &server.address])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut stderr = BufReader::new(connected.stderr.take().expect("a pipe"));
    let mut said = String::new();
    while !said.contains("connected: ") {
        assert!(stderr.read_line(&mut said).expect("it is text") > 0, "{said}");
    }
    for child in [&connected, &waiting.child] {
        signal(child, Signal::TERM);
        signal(child, Signal::TERM);
    }
    stderr.read_to_string(&mut said).expect("it is text");
    assert_eq!(connected.wait().expect("it can be waited for").code(), Some(143));
    let (code, heard, _) = waiting.finish();
    assert_eq!(code, Some(143), "{heard}");
    for said in [said, heard] {
        assert!(said.contains("interrupted by SIGTERM"), "{said}");
    }
    server.signal(Signal::INT);
    server.finish();
}

#[test]
fn a_stdin_that_only_the_first_client_would_get_is_refused() {
    let scene = Scene::new();
    let response = File::open(scene.file("response", 10)).expect("it is there");
    for more in [&[][..], &["--output", &scene.word("out")]] {
        let output = adieu(&["listen", "-k", "127.0.0.1:0"])
            .args(more)
            .stdin(response.try_clone().expect("it can be cloned"))
            .output()
            .expect("it starts");
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains("--exec 'cat FILE'"), "{said}");
    }
    // It is not read, or there is nothing in it.
    for (more, stdin) in [
        (&["--echo"][..], response),
        (&[], File::open("/dev/null").expect("it is there")),
        (&[], File::open(scene.file("empty", 0)).expect("it is there")),
    ] {
        let mut command = adieu(&["listen", "-k", "127.0.0.1:0", "--connect-timeout", "10ms"]);
        let output = command.args(more).stdin(stdin).output().expect("it starts");
        assert_eq!(output.status.code(), Some(5), "{}", text(&output.stderr));
    }
}

#[test]
fn a_stdin_that_has_given_all_to_a_client_ends_the_service() {
    let scene = Scene::new();
    let mut server = adieu(&["listen", "-k", "127.0.0.1:0", "--port-file", &scene.word("port")])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut stdin = server.stdin.take().expect("a pipe");
    stdin.write_all(b"all there is").expect("it is taken");
    drop(stdin);
    let mut port = String::new();
    until("it does not listen", || std::fs::read_to_string(scene.path("port")).map(|p| port = p).is_ok());
    let client = run(&["connect", "127.0.0.1", port.trim()], b"");
    assert_eq!((client.status.code(), &*client.stdout), (Some(0), &b"all there is"[..]));
    let output = server.wait_with_output().expect("it can be waited for");
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(7), "{said}");
    assert!(said.contains("--exec 'cat FILE'"), "{said}");
}

#[test]
fn verbose_and_quiet_may_be_said_more_than_once() {
    for more in [&["-vv"][..], &["-v", "-v"], &["-qq"]] {
        let output = run(&[&["connect", "127.0.0.1:1"], more].concat(), b"");
        assert_eq!(output.status.code(), Some(3), "{}", text(&output.stderr));
    }
}

#[test]
fn a_terminal_sees_all_errors_in_the_same_colours_and_hints_in_one_style() {
    for (args, colours) in [
        (&["connect", "127.0.0.1:1"][..], true),
        (&["connect", "nowhere"], true),
        (&["connect", "--depline", "1s"], true),
        (&["connect", "127.0.0.1:1"], false),
        (&["connect", "--depline", "1s"], false),
    ] {
        let (master, slave) = terminal(false);
        let mut command = adieu(args);
        command.env("TERM", "xterm").env_remove("NO_COLOR").stdin(Stdio::null()).stderr(slave);
        if !colours {
            command.env("NO_COLOR", "1");
        }
        let mut child = command.spawn().expect("it starts");
        drop(command);
        child.wait().expect("it can be waited for");
        let mut said = [0; 4096];
        let n = File::from(master).read(&mut said).expect("it says something");
        let said = text(&said[..n]);
        let start = if colours { "\u{1b}[1m\u{1b}[31madieu:\u{1b}[0m " } else { "adieu: " };
        assert!(said.starts_with(start), "{said:?}");
        if said.contains("hint") {
            let hint = if colours { "  \u{1b}[32mhint:\u{1b}[0m " } else { "  hint: " };
            assert!(said.contains(hint), "{said:?}");
        }
    }
}

#[cfg(target_os = "linux")]
mod linux_tests {
    use super::*;
    use crate::ADIEU;
    use adieu_testkit::skip;
    use std::process::Command;

    #[test]
    fn as_the_first_process_it_reaps_orphans_and_takes_no_status_of_its_own_commands() {
        let test = "as_the_first_process_it_reaps_orphans_and_takes_no_status_of_its_own_commands";
        let namespace = ["--pid", "--fork", "--mount-proc"];
        let tried = Command::new("unshare").args(namespace).arg("true").output();
        if let Err(error) = tried.and_then(|tried| {
            if tried.status.success() { Ok(()) } else { Err(std::io::Error::other(text(&tried.stderr))) }
        }) {
            return skip::loudly(test, &error);
        }
        // The orphan's parent ends at once, and it a moment later; what follows waits until nothing is left of it.
        let line = "(sleep 0.01 & ) >/dev/null; code=$(cat); sleep 0.05; \
                while cat /proc/[0-9]*/stat 2>/dev/null | grep -q ') Z 1 '; do sleep 0.01; done; exit $code";
        let mut server = Server::of(
            Command::new("unshare")
                .args(namespace)
                .args([ADIEU, "listen", "127.0.0.1:0", "-k", "--exec", line])
                .env_remove("ADIEU_EXEC"),
        );
        for (code, status) in [("0", 0), ("3", 4), ("0", 0)] {
            let answer = run(&["connect", &server.address, "--deadline", "10s"], code.as_bytes());
            assert_eq!(answer.status.code(), Some(status), "{}", text(&answer.stderr));
        }
        let mut heard = server.line();
        while !heard.contains("#3 127.0.0.1:") {
            heard += &server.line();
        }
        assert_eq!(heard.matches("the command exited with 3").count(), 1, "{heard}");
        // The first process of the namespace is the child of `unshare`.
        let children = format!("/proc/{0}/task/{0}/children", server.child.id());
        let mut first = String::new();
        until("it has no child", || {
            first = std::fs::read_to_string(&children).unwrap_or_default();
            !first.trim().is_empty()
        });
        let first = first.trim().parse().ok().and_then(rustix::process::Pid::from_raw).expect("a number");
        rustix::process::kill_process(first, Signal::TERM).expect("it is there");
        let (status, _, said) = server.finish();
        assert_eq!(status.code(), Some(0), "{said}");
        assert!(said.contains("stopped by SIGTERM; 3 connections served"), "{said}");
    }

    #[test]
    fn what_was_asked_for_and_cannot_be_printed_is_a_failure() {
        for args in
            [&["--help"][..], &["--version"], &["connect", "--help"], &["man"], &["completions", "bash"]]
        {
            let full = File::options().write(true).open("/dev/full").expect("Linux has it");
            let output = adieu(args).stdout(full).output().expect("it starts");
            assert_eq!(output.status.code(), Some(7), "{args:?}");
            assert!(text(&output.stderr).contains("cannot write to stdout: No space left"), "{args:?}");
            let output = Command::new("sh").args(["-c", "exec \"$@\" >&-", "sh", ADIEU]).args(args).output();
            assert_eq!(
                output.expect("there is a shell").status.code(),
                Some(7),
                "{args:?} with stdout closed"
            );
        }
    }
}
