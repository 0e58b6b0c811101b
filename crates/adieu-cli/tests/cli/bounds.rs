//! Nothing blocks beyond its bound, and nobody holds up others.

use crate::{BOUND, Server, adieu, ask};
use adieu_testkit::waits::is_reset;
use rustix::process::Signal;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::process::Stdio;

/// A read that ended without an end. A signal for this process, of a child that has ended, comes in between.
fn is_still_open(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}

#[test]
fn a_client_that_is_silent_ends_by_the_idle_timeout_whatever_our_input_waits_for() {
    let (silent, writer) = std::io::pipe().expect("a pipe can be made");
    let args: &[&[&str]] =
        if cfg!(target_os = "linux") { &[&[], &["--exec", "cat >/dev/null"]] } else { &[&[]] };
    for args in args {
        let mut command = adieu(&["listen", "127.0.0.1:0", "--idle-timeout", "100ms"]);
        let stdin = silent.try_clone().expect("a pipe can be cloned");
        let server = Server::of_with(command.args(*args), stdin.into(), Stdio::piped());
        let mut stream = server.connect();
        stream.write_all(b"x").expect("the server takes it");
        assert!(is_reset(&stream), "{args:?}");
        let (status, _, said) = server.finish();
        assert_eq!(status.code(), Some(5), "{args:?}: {said}");
    }
    drop(writer);
}

#[test]
fn a_client_that_says_nothing_holds_no_place_of_a_service() {
    let server =
        Server::start(&["--keep-open", "--echo", "--max-connections", "1", "--first-byte-timeout", "100ms"]);
    let silent = server.connect();
    let mut speaking = server.connect();
    assert!(is_reset(&silent));
    speaking.write_all(b"x").expect("the server takes it");
    speaking.read_exact(&mut [0; 1]).expect("the server answers");
    // Only the first byte is bounded.
    speaking.set_read_timeout(Some(std::time::Duration::from_millis(300))).expect("a timeout can be set");
    let error = speaking.read(&mut [0; 1]).expect_err("nothing ends it");
    assert!(is_still_open(&error), "{error}");
    speaking.set_read_timeout(Some(BOUND)).expect("a timeout can be set");
    assert_eq!(ask(speaking, b"y"), b"y");
    server.signal(Signal::TERM);
    server.finish();
}

#[test]
fn a_client_that_leaves_without_a_byte_is_not_the_one_that_is_waited_for() {
    let mut server = Server::start(&["--echo"]);
    // A port scan, and the connection of two that a client did not choose.
    drop(server.connect());
    let reset = server.connect();
    socket2::SockRef::from(&reset).set_linger(Some(std::time::Duration::ZERO)).expect("linger can be set");
    drop(reset);
    assert_eq!(ask(server.connect(), b"the one"), b"the one");
    for _ in 0..2 {
        assert!(server.line().starts_with("adieu: connection from"));
        let line = server.line();
        assert!(line.contains("left without a byte") && line.contains("--accept-first"), "{line}");
    }
    let (status, _, said) = server.finish();
    assert_eq!(status.code(), Some(0), "{said}");
    assert!(said.contains("graceful: 7 bytes received"), "{said}");

    let server = Server::start(&["--echo", "--accept-first"]);
    assert_eq!(ask(server.connect(), b""), b"");
    assert_eq!(server.finish().0.code(), Some(0));
}

#[test]
fn once_a_byte_has_passed_nobody_else_is_accepted() {
    let server = Server::start(&["--echo"]);
    let mut stream = server.connect();
    stream.write_all(b"x").expect("the server takes it");
    stream.read_exact(&mut [0; 1]).expect("the server answers");
    crate::until("the listening socket is closed", || TcpStream::connect(&server.address).is_err());
    assert_eq!(ask(stream, b"y"), b"y");
    assert_eq!(server.finish().0.code(), Some(0));
}

#[test]
fn a_client_that_leaves_before_the_tls_handshake_is_not_the_one_that_is_waited_for() {
    let server = Server::start_at("tls://127.0.0.1:0", &["--echo", "--self-signed"]);
    let address = server.address.trim_start_matches("tls://").to_owned();
    drop(TcpStream::connect(&address).expect("it listens"));
    let output = crate::run(&["connect", "-q", "--insecure", &server.address], b"the one");
    assert_eq!((output.status.code(), &output.stdout[..]), (Some(0), &b"the one"[..]));
    assert_eq!(server.finish().0.code(), Some(0));
}

#[test]
fn a_client_that_has_ended_its_side_is_not_silent() {
    let server =
        Server::start(&["--accept-first", "--first-byte-timeout", "100ms", "--client-grace", "none"]);
    assert_eq!(ask(server.connect(), b""), b"");
    assert_eq!(server.finish().0.code(), Some(0));
}

#[cfg(target_os = "linux")]
mod linux_tests {
    use super::*;
    use crate::text;

    #[test]
    fn a_stdin_that_is_no_file_is_polled() {
        use rustix::event::{EventfdFlags, eventfd};
        let listener = adieu_testkit::places::listener();
        let address = listener.local_addr().expect("bound").to_string();
        let event = eventfd(0, EventfdFlags::CLOEXEC).expect("an eventfd can be made");
        let changes =
            rustix::fs::inotify::init(rustix::fs::inotify::CreateFlags::CLOEXEC).expect("inotify is there");
        for stdin in [event, changes] {
            let output = adieu(&["connect", &address, "--deadline", "100ms"])
                .stdin(stdin)
                .output()
                .expect("the built binary starts");
            assert_eq!(output.status.code(), Some(5), "{}", text(&output.stderr));
        }
    }

    #[test]
    fn a_thousand_clients_in_little_memory_wait_and_are_all_served() {
        let mut command = std::process::Command::new("sh");
        command.args(["-c", "ulimit -v 300000; exec \"$0\" \"$@\"", crate::ADIEU, "listen", "127.0.0.1:0"]);
        let server = Server::of(command.args(["--echo", "--keep-open", "--report", "none"]));
        assert_all_are_served(&server, 1000);
        server.signal(Signal::TERM);
        server.finish();
    }

    /// All of them are there at once, and say something before anybody ends.
    fn assert_all_are_served(server: &Server, clients: usize) {
        let mut streams: Vec<TcpStream> = (0..clients).map(|_| server.connect()).collect();
        for stream in &mut streams {
            stream.write_all(b"x").expect("the kernel takes it");
        }
        for (at, stream) in streams.into_iter().enumerate() {
            assert_eq!(ask(stream, b"y"), b"xy", "client {at}");
        }
    }

    #[test]
    fn clients_wait_while_no_command_can_be_started() {
        let limited = |limit: &str| {
            let mut command = std::process::Command::new("sh");
            let line = format!("ulimit -n {limit}; exec \"$0\" \"$@\"");
            command.args([
                "-c",
                &line,
                crate::ADIEU,
                "listen",
                "127.0.0.1:0",
                "--keep-open",
                "--exec",
                "cat",
            ]);
            Server::of(command.args(["--grace", "300ms"]))
        };
        let server = limited("24");
        assert_all_are_served(&server, 20);
        server.signal(Signal::TERM);
        assert_eq!(server.finish().0.code(), Some(0));

        // Not one command can be: nobody is turned away, it is said once, and at the end they count as aborted.
        let server = limited("14");
        let mut stream = server.connect();
        stream.set_read_timeout(Some(std::time::Duration::from_millis(500))).expect("a timeout can be set");
        let error = stream.read(&mut [0; 1]).expect_err("nothing ends it");
        assert!(is_still_open(&error), "{error}");
        server.signal(Signal::TERM);
        let (status, _, said) = server.finish();
        assert_eq!(said.matches("clients wait, one cannot be served now").count(), 1, "{said}");
        assert_eq!(status.code(), Some(4), "{said}");
    }

    /// The processor time that a process has used.
    fn ticks(server: &Server) -> u64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", server.child.id())).expect("it runs");
        let (_, rest) = stat.rsplit_once(')').expect("proc(5)");
        rest.split_whitespace().skip(11).take(2).map(|n| n.parse::<u64>().expect("a number")).sum()
    }

    #[test]
    fn a_client_that_stays_after_its_command_has_ended_costs_no_processor_time() {
        for line in ["echo hi", "echo hi; exec >&-; sleep 5"] {
            let server = Server::start(&["--keep-open", "--exec", line]);
            let mut stream = server.connect();
            stream.write_all(b"x").expect("the server takes it");
            // Its end comes at once, or after the second that a command has which runs on.
            stream.read_to_end(&mut Vec::new()).expect("the server ends its side");
            let before = ticks(&server);
            // The time that is measured, in which nobody may be busy.
            std::thread::sleep(std::time::Duration::from_millis(1300));
            let used = ticks(&server) - before;
            assert!(used < 20, "{line}: {used} ticks in 1.3 s");
            drop(stream);
            server.signal(Signal::INT);
            server.finish();
        }
    }

    #[test]
    fn the_deadline_bounds_a_command_that_outlives_its_connection_too() {
        let server = Server::start(&["--exec", "echo hi; exec >&-; exec sleep 30", "--deadline", "1500ms"]);
        let mut stream = server.connect();
        stream.write_all(b"x").expect("the server takes it");
        // While the client is open, the status is waited for no longer than a second.
        stream.read_to_end(&mut Vec::new()).expect("the server ends its side");
        drop(stream);
        let (status, _, said) = server.finish();
        assert_eq!(status.code(), Some(7), "{said}");
        assert!(said.contains("the command was ended by signal 15"), "{said}");
    }
}
