//! `adieu check --wait`, and the command that follows.

use crate::{BOUND, adieu, run, signal, text};
use adieu_testkit::places;
use rustix::process::Signal;
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ChildStderr, Stdio};
use std::time::{Duration, Instant};

/// It runs, and what it says on stderr.
struct Waiting {
    child: Child,
    stderr: BufReader<ChildStderr>,
}

impl Waiting {
    fn start(args: &[&str]) -> Self {
        let mut command = adieu(&["check", "-v"]);
        command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("it starts");
        let stderr = BufReader::new(child.stderr.take().expect("stderr is a pipe"));
        Self { child, stderr }
    }

    /// Reads until it says so.
    fn until_it_says(&mut self, what: &str) {
        let mut line = String::new();
        while !line.contains(what) {
            line.clear();
            assert_ne!(
                self.stderr.read_line(&mut line).expect("stderr is readable"),
                0,
                "it never says {what}"
            );
        }
    }

    /// Waits for its end: status, stdout, and the rest of stderr.
    fn finish(mut self) -> (std::process::ExitStatus, String, String) {
        let rest =
            std::thread::spawn(move || std::io::read_to_string(self.stderr).expect("stderr is readable"));
        let output = std::io::read_to_string(self.child.stdout.take().expect("stdout is a pipe"));
        let status = self.child.wait().expect("it can be waited for");
        (status, output.expect("stdout is readable"), rest.join().expect("reading does not panic"))
    }
}

/// A port on which nobody listens yet.
fn not_yet() -> (String, socket2::Socket) {
    let (address, socket) = places::refusing(SocketAddr::from(([127, 0, 0, 1], 0))).expect("loopback");
    (address.to_string(), socket)
}

#[test]
fn it_waits_until_somebody_listens_and_becomes_the_command() {
    let (address, socket) = not_yet();
    let script = "echo $$; exit 9";
    let mut waiting = Waiting::start(&["--wait", "60s", &address, "--", "sh", "-c", script]);
    let pid = waiting.child.id();
    waiting.until_it_says(": refused");
    waiting.until_it_says(": refused");
    socket.listen(16).expect("the port is ours");
    let (status, output, said) = waiting.finish();
    // It has our process, and its status is ours.
    assert_eq!((status.code(), output), (Some(9), format!("{pid}\n")), "{said}");
    assert!(said.contains(": open (") && said.contains("; attempt "), "{said}");
}

#[test]
fn a_unix_socket_and_a_port_are_waited_for_together() {
    let directory = tempfile::tempdir().expect("there is room for a directory");
    let path = directory.path().join("socket");
    let endpoint = format!("unix:{}", path.display());
    let (address, socket) = not_yet();
    let mut waiting = Waiting::start(&["--wait", "none", &endpoint, &address, "--", "true"]);
    waiting.until_it_says(": no such socket");
    let _listener = std::os::unix::net::UnixListener::bind(&path).expect("a socket file");
    waiting.until_it_says(&format!("{endpoint}: open"));
    waiting.until_it_says(": refused");
    socket.listen(16).expect("the port is ours");
    let (status, _, said) = waiting.finish();
    assert_eq!(status.code(), Some(0), "{said}");
    assert!(said.contains("all 2 are open"), "{said}");
}

#[test]
fn signals_and_endings_are_the_commands() {
    let server = TcpListener::bind("127.0.0.1:0").expect("loopback");
    let open = server.local_addr().expect("it has one").to_string();
    let output = run(&["check", &open, "--", "sh", "-c", "kill -TERM $$"], b"");
    assert_eq!(output.status.signal(), Some(15));
    // Its stdin is what ours was.
    let output = run(&["check", &open, "--", "cat"], b"as it was");
    assert_eq!((output.status.code(), text(&output.stdout).as_str()), (Some(0), "as it was"));

    let mut waiting = Waiting::start(&[&open, "--", "sh", "-c", "echo ready >&2; exec sleep 60"]);
    waiting.until_it_says("ready");
    signal(&waiting.child, Signal::TERM);
    assert_eq!(waiting.finish().0.signal(), Some(15));

    // What was ignored stays so: nohup.
    let script = format!("trap '' HUP; exec {} check {open} -- sh -c 'kill -HUP $$; exit 5'", crate::ADIEU);
    let output = std::process::Command::new("sh").args(["-c", &script]).output().expect("a shell starts");
    assert_eq!(output.status.code(), Some(5), "{}", text(&output.stderr));

    let output = run(&["check", &open, "--", "/nonexistent/command"], b"");
    assert_eq!(output.status.code(), Some(127));
    assert!(text(&output.stderr).contains("cannot run /nonexistent/command: No such file"));
    let output = run(&["check", &open, "--", "/"], b"");
    assert_eq!(output.status.code(), Some(126), "{}", text(&output.stderr));
}

#[test]
fn nothing_of_ours_is_open_in_the_command() {
    let server = TcpListener::bind("127.0.0.1:0").expect("loopback");
    let open = server.local_addr().expect("it has one").to_string();
    // What was passed on to us is there before and after.
    let count = "ls /proc/self/fd | wc -l";
    let script = format!("{count}; exec {} check {open} -- sh -c '{count}'", crate::ADIEU);
    let output = std::process::Command::new("sh").args(["-c", &script]).output().expect("a shell starts");
    let counts: Vec<String> = text(&output.stdout).lines().map(str::to_owned).collect();
    assert!(counts.len() == 2 && counts[0] == counts[1], "{counts:?}: {}", text(&output.stderr));
}

#[test]
fn without_what_is_open_the_command_is_not_run() {
    let (address, _socket) = not_yet();
    for wait in [&[][..], &["--wait", "200ms"]] {
        let began = Instant::now();
        let output = run(&[&["check"], wait, &[&address, "--", "echo", "run"]].concat(), b"");
        assert_eq!((output.status.code(), text(&output.stdout)), (Some(3), String::new()));
        let said = text(&output.stderr);
        assert!(said.contains(": refused ("), "{said}");
        if !wait.is_empty() {
            assert!(began.elapsed() >= Duration::from_millis(180), "{:?}", began.elapsed());
        }
    }
}

#[test]
fn what_no_attempt_could_do_is_not_tried_again() {
    let (address, _socket) = not_yet();
    let output = run(&["check", "--wait", "none", "--interface", "no-such-one", &address], b"");
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(7), "{said}");
    assert!(said.starts_with(&format!("{address}: not checked: ")) && said.contains("interface"), "{said}");
}

#[test]
fn a_name_that_is_not_found_is_tried_again() {
    let name = format!("{}.invalid:80", "x".repeat(64));
    let mut waiting = Waiting::start(&["--wait", "none", &name]);
    for _ in 0..3 {
        waiting.until_it_says("name not found");
    }
    signal(&waiting.child, Signal::INT);
    assert_eq!(waiting.finish().0.code(), Some(130));
}

#[test]
fn a_signal_ends_every_wait_at_once() {
    // Refused again and again; and a queue of clients that is full, so that the attempt itself waits.
    let (refused, _socket) = not_yet();
    let (full, listener) = not_yet();
    let full_address = full.parse().expect("an address");
    let _held = places::silenced(full_address, listener).expect("a full backlog");
    for (address, says) in [(&refused, ": refused"), (&full, "connect ")] {
        for (sent, status) in [(Signal::INT, 130), (Signal::TERM, 143)] {
            let mut waiting = Waiting::start(&["--wait", "none", "--connect-timeout", "60s", address]);
            waiting.until_it_says(says);
            let began = Instant::now();
            signal(&waiting.child, sent);
            assert_eq!(waiting.finish().0.code(), Some(status));
            assert!(began.elapsed() < BOUND / 4, "{:?}", began.elapsed());
        }
    }
}

#[test]
fn an_attempt_that_waits_ends_with_the_time() {
    let (address, listener) = not_yet();
    let _held = places::silenced(address.parse().expect("an address"), listener).expect("a full backlog");
    let output = run(&["check", "--wait", "300ms", "--connect-timeout", "60s", &address], b"");
    assert_eq!(output.status.code(), Some(3));
    assert!(text(&output.stdout).contains(": no answer ("), "{}", text(&output.stdout));
}

#[test]
fn somebody_who_reads_a_log_is_told_what_is_waited_for() {
    let (address, socket) = not_yet();
    let mut command = adieu(&["check", "--wait", "60s", &address]);
    let mut child =
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("it starts");
    let mut stderr = BufReader::new(child.stderr.take().expect("stderr is a pipe"));
    let mut line = String::new();
    stderr.read_line(&mut line).expect("stderr is readable");
    let rest = line.trim_end().strip_prefix("adieu: waited ").expect(&line);
    let waited = rest.strip_suffix(&format!("s of 1m (--wait) for {address} (refused)")).expect(&line);
    assert!(waited.parse::<u64>().is_ok_and(|seconds| seconds >= 3), "{line}");
    socket.listen(16).expect("the port is ours");
    assert_eq!(child.wait().expect("it can be waited for").code(), Some(0));
}

#[test]
fn a_person_at_a_terminal_sees_what_is_waited_for() {
    let (address, socket) = not_yet();
    let (master, slave) = crate::cuts::terminal(true);
    let mut command = adieu(&["check", "--wait", "60s", &address]);
    let mut child =
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(slave).spawn().expect("it starts");
    // The terminal goes with the last who has it open.
    drop(command);
    let mut master = std::fs::File::from(master);
    let mut seen = Vec::new();
    let mut buffer = [0; 4096];
    let wanted = format!("s of 1m (--wait) for {address} (refused)");
    while !String::from_utf8_lossy(&seen).contains(&wanted) {
        let n = std::io::Read::read(&mut master, &mut buffer).expect("the terminal is there");
        seen.extend_from_slice(&buffer[..n]);
    }
    socket.listen(16).expect("the port is ours");
    assert_eq!(child.wait().expect("it can be waited for").code(), Some(0));
}
