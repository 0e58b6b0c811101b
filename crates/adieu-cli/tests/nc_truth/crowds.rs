//! `ncat -lk` without a command: several clients at once.

use super::*;
use rustix::process::{Pid, Signal, kill_process};
use std::net::Shutdown;
use std::process::{ChildStdin, ChildStdout};

/// Reads so much, and what it is.
#[track_caller]
fn hears(stream: &mut impl Read, words: &str) {
    let mut heard = vec![0; words.len()];
    stream.read_exact(&mut heard).expect("it comes");
    assert_eq!(String::from_utf8_lossy(&heard), words);
}

/// One that listens, and our ends of its stdin and stdout.
fn started(args: &[&str]) -> (Listening, ChildStdin, ChildStdout) {
    let address = own_address();
    let host = address.ip().to_string();
    let mut command = nc("ncat", &[&["-lkv"], args, &[&host, "9000"]].concat());
    command.stdin(Stdio::piped());
    let mut listening = Listening::start(command, address);
    let (stdin, stdout) = (listening.child.stdin.take(), listening.child.stdout.take());
    (listening, stdin.expect("a pipe"), stdout.expect("a pipe"))
}

fn said_at_the_end(mut listening: Listening) -> (i32, String) {
    let mut said = String::new();
    listening.stderr.read_to_string(&mut said).expect("text");
    let status = listening.child.wait().expect("it ends");
    (status.code().unwrap_or_else(|| -status.signal().unwrap_or(0)), said)
}

#[test]
fn what_any_of_them_sends_is_printed_and_stdin_goes_to_all() {
    let (listening, mut stdin, mut stdout) = started(&[]);
    let (mut first, mut second) = (listening.connect(), listening.connect());
    // What is printed of a client shows that it is served.
    for client in [&mut second, &mut first] {
        client.write_all(b"here\n").expect("it receives");
        hears(&mut stdout, "here\n");
    }
    stdin.write_all(b"to all\n").expect("it reads");
    for client in [&mut first, &mut second] {
        hears(client, "to all\n");
    }
    // One that goes, and one that is reset, are no matter of the others'.
    let third = listening.connect();
    reset(&third);
    drop(third);
    reset(&first);
    drop(first);
    second.write_all(b"still here\n").expect("it receives");
    hears(&mut stdout, "still here\n");
    stdin.write_all(b"to who is left\n").expect("it reads");
    hears(&mut second, "to who is left\n");
    // stdin's end is everybody's, also whose comes later.
    drop(stdin);
    assert_eq!(read_all(&mut second), "");
    let mut late = listening.connect();
    assert_eq!(read_all(&mut late), "");
    for client in [late, second] {
        client.shutdown(Shutdown::Write).expect("connected");
    }
    kill_process(Pid::from_child(&listening.child), Signal::TERM).expect("it runs");
    let (status, said) = said_at_the_end(listening);
    assert_eq!(status, -15, "{said}");
    assert!(said.contains("Ncat: Connection reset by peer.\n"), "{said}");
}

#[test]
fn each_gets_all_that_stdin_has_and_with_send_only_that_is_the_end() {
    let (listening, mut stdin, stdout) = started(&["--send-only"]);
    let mut all = String::new();
    let reading: Vec<_> = (0..3)
        .map(|_| {
            let mut client = listening.connect();
            // It is served once something comes.
            client.set_read_timeout(Some(Duration::from_millis(20))).expect("a socket");
            let (until, mut begin) = (std::time::Instant::now() + BOUND, [0; 1]);
            loop {
                stdin.write_all(b"go\n").expect("it reads");
                all += "go\n";
                match client.read(&mut begin) {
                    Ok(1) => break,
                    end => assert!(end.is_err() && std::time::Instant::now() < until, "{end:?}"),
                }
            }
            client.set_read_timeout(Some(BOUND)).expect("a socket");
            std::thread::spawn(move || format!("{}{}", char::from(begin[0]), read_all(&mut client)))
        })
        .collect();
    let lines = (0..30_000).fold(String::new(), |lines, number| lines + &format!("{number}\n"));
    stdin.write_all(lines.as_bytes()).expect("it reads");
    drop(stdin);
    all += &lines;
    for reading in reading {
        let read = reading.join().expect("a client does not panic");
        assert!(read.len() > lines.len() && all.ends_with(&read), "{} of {} bytes", read.len(), all.len());
    }
    let (status, said) = said_at_the_end(listening);
    assert_eq!(status, 0, "{said}");
    drop(stdout);
}

#[test]
fn a_stdout_that_is_gone_ends_them_all_by_a_reset() {
    let (mut listening, stdin, mut stdout) = started(&[]);
    let mut silent = listening.connect();
    silent.write_all(b"here\n").expect("it receives");
    hears(&mut stdout, "here\n");
    drop(stdout);
    assert_eq!(end_of(&mut silent), Err(std::io::ErrorKind::ConnectionReset));
    let status = listening.child.wait().expect("it ends");
    assert_eq!(status.code(), Some(1));
    drop(stdin);
}

#[test]
fn more_than_m_are_not_let_in() {
    let (listening, stdin, mut stdout) = started(&["-m", "1"]);
    let mut first = listening.connect();
    first.write_all(b"here\n").expect("it receives");
    hears(&mut stdout, "here\n");
    assert_eq!(end_of(&mut listening.connect()), Err(std::io::ErrorKind::ConnectionReset));
    kill_process(Pid::from_child(&listening.child), Signal::TERM).expect("it runs");
    assert_eq!(end_of(&mut first), Err(std::io::ErrorKind::ConnectionReset), "a signal is no end");
    let (status, said) = said_at_the_end(listening);
    assert_eq!(status, -15, "{said}");
    assert!(said.contains("Ncat: New connection denied: connection limit reached (1)\n"), "{said}");
    drop(stdin);
}

#[test]
fn without_m_a_hundred_clients_are_served_at_once() {
    let (listening, _stdin, _stdout) = started(&[]);
    let clients: Vec<_> = (0..100).map(|_| listening.connect()).collect();
    let mut denied = listening.connect();
    assert_eq!(end_of(&mut denied), Err(std::io::ErrorKind::ConnectionReset));
    kill_process(Pid::from_child(&listening.child), Signal::TERM).expect("it runs");
    let (_, said) = said_at_the_end(listening);
    assert!(said.contains("Ncat: New connection denied: connection limit reached (100)\n"), "{said}");
    drop(clients);
}
