//! Descriptors that are few: how many are served, and what is said where there are none.

use crate::{ADIEU, CLOSED, Server, adieu, ask, text};
use adieu_testkit::skip::counterpart;
use rustix::process::Signal;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::process::{Command, Stdio};

/// A listener that has so few descriptors, and cannot raise the limit.
fn limited(limit: u32, args: &[&str]) -> Server {
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("{CLOSED}; ulimit -n {limit}; exec \"$0\" \"$@\""), ADIEU]);
    Server::of(shell.args(["listen", "127.0.0.1:0"]).args(args))
}

#[test]
fn who_finds_no_descriptors_left_for_his_command_waits_for_his_turn() {
    let server = limited(80, &["--keep-open", "--exec", "cat"]);
    let mut streams: Vec<_> = (0..40).map(|_| server.connect()).collect();
    for stream in &mut streams {
        stream.write_all(&[b'y'; 100]).expect("the kernel takes it");
    }
    // At least so many are served at once.
    for stream in &mut streams[..8] {
        stream.read_exact(&mut [0; 100]).expect("it is served while the others are open");
    }
    for stream in &streams {
        stream.shutdown(Shutdown::Write).expect("half-closing works");
    }
    for (n, stream) in streams.iter_mut().enumerate() {
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("the server ends its side");
        assert_eq!(answer.len(), if n < 8 { 0 } else { 100 }, "{n}");
    }
    server.signal(Signal::TERM);
    let (status, _, said) = server.finish();
    assert_eq!(status.code(), Some(0), "{said}");
    assert!(!said.contains("EMFILE"), "{said}");
    assert!(said.contains("at once: there are descriptors for no more (ulimit -n)"), "{said}");
}

/// What is open only while a command starts is open for one at a time, also where each start lasts.
#[test]
fn commands_that_start_slowly_find_as_many_descriptors() {
    let Some(strace) = counterpart("commands_that_start_slowly_find_as_many_descriptors", "strace") else {
        return;
    };
    let strace = strace.display().to_string();
    let slow = "-D -f -qq -o /dev/null --seccomp-bpf -e trace=execve -e inject=execve:delay_enter=20ms";
    // With one of these nothing is left over for each connection.
    for limit in 80..86 {
        let line = format!("{CLOSED}; ulimit -n {limit}; exec {strace} {slow} \"$0\" \"$@\"");
        let mut shell = Command::new("sh");
        shell.args(["-c", &line, ADIEU, "listen", "127.0.0.1:0", "--keep-open", "--exec", "cat"]);
        let server = Server::of(&mut shell);
        let mut streams: Vec<_> = (0..12).map(|_| server.connect()).collect();
        for stream in &mut streams {
            stream.shutdown(Shutdown::Write).expect("half-closing works");
        }
        for stream in &mut streams {
            assert_eq!(stream.read_to_end(&mut Vec::new()).expect("it is served"), 0);
        }
        server.signal(Signal::TERM);
        let said = server.finish().2;
        assert!(!said.contains("EMFILE"), "{limit}: {said}");
    }
}

#[test]
fn a_signal_lets_no_more_wait_than_there_are_descriptors_for() {
    let server = limited(80, &["--keep-open", "--exec", "cat"]);
    let mut streams: Vec<_> = (0..40).map(|_| server.connect()).collect();
    for stream in &mut streams {
        stream.write_all(b"y").expect("the kernel takes it");
    }
    for stream in &mut streams[..8] {
        stream.read_exact(&mut [0; 1]).expect("it is served");
    }
    server.signal(Signal::TERM);
    for stream in &mut streams {
        // One that was never accepted is reset.
        let _ = stream.shutdown(Shutdown::Write);
        let _ = stream.read_to_end(&mut Vec::new());
    }
    let (status, _, said) = server.finish();
    assert_eq!(status.code(), Some(0), "{said}");
    assert!(said.matches("graceful").count() > 8 && !said.contains("EMFILE"), "{said}");
}

#[test]
fn one_is_served_however_few_descriptors_there_are() {
    let server = limited(24, &["--keep-open", "--exec", "cat"]);
    for _ in 0..3 {
        assert_eq!(ask(server.connect(), b"y"), b"y");
    }
    server.signal(Signal::TERM);
    assert_eq!(server.finish().0.code(), Some(0));
}

#[test]
fn a_listener_that_has_no_descriptors_says_so_of_itself() {
    let mut seen = Vec::new();
    for limit in 4..=16 {
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("{CLOSED}; ulimit -n {limit}; exec \"$0\" \"$@\""), ADIEU]);
        shell.args(["listen", "127.0.0.1:0", "--connect-timeout", "1ms"]);
        let output = shell.stdin(Stdio::null()).output().expect("a shell starts");
        let said = text(&output.stderr);
        seen.push(output.status.code());
        // Only then did it listen as it should.
        if output.status.code() == Some(5) {
            break;
        }
        assert_eq!(output.status.code(), Some(7), "{limit}: {said}");
        assert!(said.contains("MFILE") && !said.contains("unnamed peer"), "{limit}: {said}");
    }
    assert_eq!(seen.last(), Some(&Some(5)), "{seen:?}");
    assert!(seen.contains(&Some(7)), "{seen:?}");
    let taken = adieu(&["listen", "192.0.2.1:0"]).stdin(Stdio::null()).output().expect("it starts");
    assert_eq!(taken.status.code(), Some(3), "an address that is not ours is none of that");
}
