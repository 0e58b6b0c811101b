//! `connect --fastopen`, in networks of the tests' own. That the endings are the same is what the closing matrix shows
//! (`tests/matrix.rs`), and what may go with a SYN, the library's tests.

use crate::{BOUND, Server, adieu, run, text};
use adieu_testkit::namespace;
use adieu_testkit::places;
use std::fs::File;
use std::io::{Read, Write};
use std::process::{Output, Stdio};
use std::thread;

/// Runs `body` in a network where clients and servers may use Fast Open; skips it where that cannot be.
fn in_own_network(test: &str, body: fn()) {
    let test = test.to_owned();
    let standing = thread::spawn(move || {
        let made = namespace::own_loopback().and_then(|()| namespace::set("net.ipv4.tcp_fastopen", "3"));
        match made {
            Ok(()) => body(),
            Err(error) => adieu_testkit::skip::loudly(&test, &error),
        }
    });
    standing.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
}

fn report(output: &Output) -> serde_json::Value {
    let said = text(&output.stderr);
    serde_json::from_str(said.lines().last().unwrap_or_default())
        .unwrap_or_else(|_| panic!("no report: {said}"))
}

const JSON: [&str; 3] = ["--fastopen", "--report", "json"];

#[test]
fn the_second_connection_sends_what_fits_with_its_syn_and_counts_each_byte_once() {
    in_own_network("the_second_connection_sends_what_fits_with_its_syn", || {
        let server = Server::start(&["--echo", "--fastopen", "--keep-open"]);
        for (input, fastopen, with_syn) in [
            (vec![1; 10], "not_sent", 0),
            (vec![2; 10], "acknowledged", 10),
            (vec![3; 200_000], "acknowledged", 1420),
            (vec![], "unused", 0),
        ] {
            let output = run(&[&["connect", &server.address], &JSON[..]].concat(), &input);
            assert_eq!((output.status.code(), &output.stdout), (Some(0), &input), "{}", text(&output.stderr));
            let report = report(&output);
            assert_eq!(
                (report["fastopen"].as_str(), report["fastopen_bytes"].as_u64()),
                (Some(fastopen), Some(with_syn))
            );
            for count in
                ["bytes_read", "bytes_accepted", "bytes_acknowledged", "bytes_received", "bytes_written"]
            {
                assert_eq!(report[count].as_u64(), Some(input.len() as u64), "{count}: {report}");
            }
        }
        let output = run(&["connect", &server.address, "--fastopen", "-v"], b"hello");
        assert!(
            text(&output.stderr)
                .contains("fast open: 5 bytes went with the SYN, and the SYN-ACK acknowledged them")
        );
    });
}

#[test]
fn a_server_that_speaks_first_does_not_wait_for_stdin() {
    in_own_network("a_server_that_speaks_first_does_not_wait_for_stdin", || {
        let listener = places::listener();
        let address = listener.local_addr().expect("bound").to_string();
        let mut child = adieu(&[&["connect", &address], &JSON[..]].concat())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the built binary starts");
        let (mut stream, _) = listener.accept().expect("it connects");
        stream.set_read_timeout(Some(BOUND)).expect("not zero");
        stream.write_all(b"220 ready").expect("it receives");
        let mut greeting = [0; 9];
        child.stdout.as_mut().expect("a pipe").read_exact(&mut greeting).expect("it hands on");
        assert_eq!(&greeting, b"220 ready");
        // Only now does stdin say anything.
        let mut stdin = child.stdin.take().expect("a pipe");
        stdin.write_all(b"QUIT").expect("it reads");
        drop(stdin);
        let mut received = Vec::new();
        stream.read_to_end(&mut received).expect("it ends its side");
        assert_eq!(received, b"QUIT");
        drop(stream);
        let output = child.wait_with_output().expect("it ends");
        let report = report(&output);
        assert_eq!(
            (report["ending"].as_str(), report["fastopen"].as_str()),
            (Some("graceful"), Some("unused"))
        );
        assert_eq!(
            (report["bytes_read"].as_u64(), report["bytes_acknowledged"].as_u64()),
            (Some(4), Some(4))
        );
    });
}

#[test]
fn an_end_that_is_typed_on_a_terminal_counts_though_it_is_told_once() {
    in_own_network("an_end_that_is_typed_on_a_terminal_counts", || {
        let server = Server::start(&["--echo", "--accept-first"]);
        let (master, slave) = crate::cuts::terminal(true);
        let mut master = File::from(master);
        // Ctrl-D at the beginning of a line.
        master.write_all(&[4]).expect("the terminal takes it");
        let child = adieu(&[&["connect", &server.address, "--deadline", "15s"], &JSON[..]].concat())
            .stdin(slave)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the built binary starts");
        let output = child.wait_with_output().expect("it ends");
        assert_eq!(report(&output)["ending"].as_str(), Some("graceful"), "{}", text(&output.stderr));
        server.finish();
    });
}

#[test]
fn an_input_that_cannot_be_read_connects_to_nobody() {
    let listener = places::listener();
    listener.set_nonblocking(true).expect("a socket");
    let address = listener.local_addr().expect("bound").to_string();
    // A process may not read its own memory from address 0: EIO.
    let unreadable = File::open("/proc/self/mem").expect("proc(5)");
    let output = adieu(&[&["connect", &address], &JSON[..]].concat())
        .stdin(unreadable)
        .output()
        .expect("the built binary starts");
    let report = report(&output);
    assert_eq!((output.status.code(), report["local_end"].as_str()), (Some(7), Some("input")));
    assert_eq!((report["error_name"].as_str(), report["phase"].as_str()), (Some("EIO"), Some("connecting")));
    assert_eq!(listener.accept().err().map(|e| e.kind()), Some(std::io::ErrorKind::WouldBlock));
}

#[test]
fn what_has_no_fast_open_is_a_usage_error_and_from_a_variable_ignored() {
    for (args, says) in [
        (&["connect", "unix:/nonexistent/x", "--fastopen"][..], "fastopen means nothing for a Unix socket"),
        (
            &["connect", "127.0.0.1:9", "--fastopen", "--proxy", "socks5://127.0.0.1:9"],
            "fastopen cannot be had through a proxy",
        ),
    ] {
        let output = run(args, b"x");
        assert_eq!(output.status.code(), Some(2), "{args:?}: {}", text(&output.stderr));
        assert!(text(&output.stderr).contains(says), "{args:?}: {}", text(&output.stderr));

        let written: Vec<&str> = args.iter().copied().filter(|arg| *arg != "--fastopen").collect();
        let mut command = adieu(&written);
        command.env("ADIEU_FASTOPEN", "1").stdin(Stdio::null());
        let output = command.output().expect("the built binary starts");
        assert_eq!(output.status.code(), Some(3), "{args:?}: {}", text(&output.stderr));
    }
}
