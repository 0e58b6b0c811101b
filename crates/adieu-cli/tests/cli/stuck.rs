//! What is said holds nobody up: a stderr, or a report's file, that takes nothing.

use crate::cuts::terminal;
use crate::transfer::Scene;
use crate::{BOUND, adieu, ask, refusing, signal, until};
use adieu_testkit::places;
use rustix::process::Signal;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::{Child, Stdio};
use std::time::Instant;

/// Writes until nothing is taken any more.
fn fill(fd: impl AsFd) {
    let before = rustix::fs::fcntl_getfl(&fd).expect("it has flags");
    rustix::fs::fcntl_setfl(&fd, before | rustix::fs::OFlags::NONBLOCK).expect("it is ours");
    // Not in one go: what does not fit whole is refused by a pipe.
    for piece in [4096, 1] {
        while rustix::io::write(&fd, &vec![b'\n'; piece]).is_ok() {}
    }
    rustix::fs::fcntl_setfl(&fd, before).expect("it is ours");
}

/// What takes nothing, by name: its writing end, and what keeps it so.
fn stuck() -> Vec<(&'static str, OwnedFd, OwnedFd)> {
    let (reader, writer) = std::io::pipe().expect("there are pipes");
    fill(&writer);
    let (theirs, ours) = UnixStream::pair().expect("there are sockets");
    fill(&ours);
    let (master, slave) = terminal(true);
    rustix::termios::tcflow(&slave, rustix::termios::Action::OOff).expect("it is ours");
    vec![
        ("a pipe", writer.into(), reader.into()),
        ("a socket", ours.into(), theirs.into()),
        ("a terminal", slave, master),
    ]
}

/// A test that failed leaves nobody behind.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // One that has ended is not to be killed any more.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Its exit status, unless it hangs.
fn ended(child: Child, what: &str) -> Option<i32> {
    ended_of(&mut Running(child), what)
}

fn ended_of(Running(child): &mut Running, what: &str) -> Option<i32> {
    let mut status = None;
    let end = Instant::now() + BOUND;
    while status.is_none() && Instant::now() < end {
        status = child.try_wait().expect("it can be waited for");
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    status.unwrap_or_else(|| panic!("{what}: it hangs")).code()
}

/// Starts a listener that says where it listens in a file.
fn listener(scene: &Scene, args: &[&str], stderr: impl Into<Stdio>) -> (Running, String) {
    let port = scene.path("port");
    // Of an earlier one.
    let _ = std::fs::remove_file(&port);
    let child = adieu(args)
        .args(["127.0.0.1:0", "--port-file", &scene.word("port")])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(stderr)
        .spawn()
        .expect("it starts");
    let child = Running(child);
    let mut written = String::new();
    until("it does not listen", || std::fs::read_to_string(&port).map(|port| written = port).is_ok());
    (child, format!("127.0.0.1:{}", written.trim()))
}

fn connect(address: &str) -> TcpStream {
    let stream = TcpStream::connect(address).expect("it listens");
    stream.set_read_timeout(Some(BOUND)).expect("a timeout can be set");
    stream
}

#[test]
fn a_stderr_that_takes_nothing_holds_neither_clients_nor_a_signal_up() {
    let scene = Scene::new();
    for service in [&["--echo"][..], &["--exec", "cat"], &["--echo", "--report", "json"]] {
        for (what, stderr, _held) in stuck() {
            let (mut child, address) = listener(&scene, &[&["listen", "-k", "-v"], service].concat(), stderr);
            for _ in 0..20 {
                assert_eq!(ask(connect(&address), b"x"), b"x", "{what}");
            }
            signal(&child.0, Signal::TERM);
            assert_eq!(ended_of(&mut child, what), Some(0), "{what}");
        }
    }
}

#[test]
fn a_stderr_that_takes_nothing_holds_no_deadline_and_no_transfer_up() {
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = silent.local_addr().expect("it has one").to_string();
    for (what, stderr, _held) in stuck() {
        let child = adieu(&["connect", "-v", "--deadline", "100ms", &address])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(stderr)
            .spawn()
            .expect("it starts");
        assert_eq!(ended(child, what), Some(5), "{what}");
    }
    // With a bar on the terminal.
    let scene = Scene::new();
    let (file, target) = (scene.file("file", 400_000), scene.word("target"));
    for (what, stderr, _held) in stuck() {
        let receiver = scene.receive(&["--output", &target]);
        let child = adieu(&["send", "--limit-rate", "2M", &file, &receiver.address])
            .env("TERM", "xterm")
            .stdin(Stdio::null())
            .stderr(stderr)
            .spawn()
            .expect("it starts");
        assert_eq!((ended(child, what), receiver.finish().0), (Some(0), Some(0)), "{what}");
    }
}

#[test]
fn what_has_no_room_is_dropped_and_counted_and_the_rest_comes_in_order() {
    let scene = Scene::new();
    let (reader, writer) = std::io::pipe().expect("there are pipes");
    fill(&writer);
    let (mut child, address) =
        listener(&scene, &["listen", "-k", "-v", "--echo", "--report", "json"], writer);
    // Each says about a kilobyte, and there is room for 256 KiB.
    for _ in 0..400 {
        assert_eq!(ask(connect(&address), b"x"), b"x");
    }
    let mut lines = BufReader::new(reader).lines().map(|line| line.expect("it is text"));
    let mut lines = lines.by_ref().filter(|line| !line.is_empty()).map(|line| {
        serde_json::from_str::<serde_json::Value>(&line).unwrap_or_else(|e| panic!("{e} in {line}"))
    });
    let mut last = 0;
    let dropped = lines.find(|line| {
        if line["event"] == "connection" {
            assert_eq!(line["connection_id"].as_u64(), Some(last + 1), "{line}");
            last += 1;
        }
        line["event"] == "dropped"
    });
    let dropped = dropped.expect("it says how many lines were dropped");
    assert!(last < 400 && dropped["lines"].as_u64() > Some(100), "{last}: {dropped}");
    assert_eq!(ask(connect(&address), b"x"), b"x");
    assert!(lines.any(|line| line["event"] == "ended" && line["connection_id"] == 401));
    signal(&child.0, Signal::TERM);
    assert!(lines.any(|line| line["event"] == "stopped"));
    assert_eq!(ended_of(&mut child, "a pipe"), Some(0));
}

#[test]
fn what_is_queued_is_read_to_the_last_line_by_whoever_reads() {
    let (refused, _held) = refusing();
    let (mut reader, writer) = std::io::pipe().expect("there are pipes");
    fill(&writer);
    let reading = std::thread::spawn(move || {
        let mut said = String::new();
        reader.read_to_string(&mut said).map(|_| said).expect("it is text")
    });
    let mut child = adieu(&["connect", &refused]).stdin(Stdio::null()).stderr(writer).spawn();
    let status = child.as_mut().expect("it starts").wait().expect("it can be waited for");
    drop(child);
    let said = reading.join().expect("it does not panic");
    assert_eq!(status.code(), Some(3));
    assert!(said.contains("adieu: no connection to ") && said.trim_end().ends_with("its port?"), "{said:?}");
}

fn fifo(scene: &Scene) -> String {
    places::fifo(&scene.path("fifo")).expect("there is room");
    scene.word("fifo")
}

#[test]
fn a_report_goes_to_a_fifo_when_somebody_reads_it() {
    let scene = Scene::new();
    let path = fifo(&scene);
    let (mut child, address) = listener(&scene, &["listen", "--echo", "--report-file", &path], Stdio::null());
    // It listens before anybody reads the report.
    let stream = connect(&address);
    let opened = std::thread::spawn(move || {
        let mut report = String::new();
        File::open(path).and_then(|mut file| file.read_to_string(&mut report)).map(|_| report)
    });
    assert_eq!(ask(stream, b"x"), b"x");
    let report = opened.join().expect("it does not panic").expect("it is read");
    assert!(report.starts_with("graceful: 1 byte received"), "{report}");
    assert_eq!(ended_of(&mut child, "a FIFO"), Some(0));
}

#[test]
fn a_report_that_nobody_reads_is_a_failure_and_holds_nothing_up() {
    let scene = Scene::new();
    let path = fifo(&scene);
    for keep_open in [false, true] {
        let mut args = vec!["listen", "--echo", "--report-file", &path];
        args.extend(keep_open.then_some("-k"));
        let (mut child, address) = listener(&scene, &args, Stdio::piped());
        for _ in 0..if keep_open { 5 } else { 1 } {
            assert_eq!(ask(connect(&address), b"x"), b"x");
        }
        if keep_open {
            signal(&child.0, Signal::TERM);
        }
        let mut said = String::new();
        let mut stderr = child.0.stderr.take().expect("a pipe");
        let code = ended_of(&mut child, "a FIFO");
        stderr.read_to_string(&mut said).expect("it is text");
        assert_eq!(code, Some(7), "{said}");
        assert_eq!(said.matches("cannot write the report to ").count(), 1, "{said}");
        assert!(said.contains("nobody reads it"), "{said}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_service_whose_reports_do_not_fit_the_disk_says_so_once_and_in_its_status() {
    let scene = Scene::new();
    let (mut child, address) =
        listener(&scene, &["listen", "-k", "--echo", "--report-file", "/dev/full"], Stdio::piped());
    for _ in 0..3 {
        assert_eq!(ask(connect(&address), b"x"), b"x");
    }
    signal(&child.0, Signal::TERM);
    let code = ended_of(&mut child, "a full disk");
    let mut said = String::new();
    child.0.stderr.take().expect("a pipe").read_to_string(&mut said).expect("it is text");
    assert_eq!(code, Some(7), "{said}");
    assert_eq!(said.matches("cannot write the report to /dev/full: No space left").count(), 1, "{said}");
}

/// Nobody else finds the flag on what we share with them.
#[test]
fn our_stderr_stays_as_it_was_for_others() {
    let (reader, writer) = std::io::pipe().expect("there are pipes");
    let (refused, _held) = refusing();
    let shared = writer.try_clone().expect("it can be cloned");
    let mut child =
        adieu(&["connect", &refused]).stdin(Stdio::null()).stderr(shared).spawn().expect("it starts");
    child.wait().expect("it can be waited for");
    let flags = rustix::fs::fcntl_getfl(&writer).expect("it has flags");
    assert!(!flags.contains(rustix::fs::OFlags::NONBLOCK));
    (&writer).write_all(b"still here\n").expect("it is open");
    drop(writer);
    let said = std::io::read_to_string(reader).expect("it is text");
    assert!(said.ends_with("still here\n"), "{said}");
}
