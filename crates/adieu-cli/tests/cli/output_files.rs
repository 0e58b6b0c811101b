//! What we write goes into a file: when it is emptied, and what happens when it may not grow.

use crate::{ADIEU, BOUND, Server, adieu, ask, run, text};
use rustix::process::Signal;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

/// A file with something in it.
fn precious(directory: &tempfile::TempDir) -> (PathBuf, String) {
    let path = directory.path().join("keep");
    std::fs::write(&path, "precious").expect("a file can be written");
    let name = path.to_str().expect("a temporary path is UTF-8").to_owned();
    (path, name)
}

fn content(path: &PathBuf) -> String {
    std::fs::read_to_string(path).expect("the file is there")
}

#[test]
fn a_listener_that_serves_nobody_leaves_its_output_file_as_it_is() {
    let directory = tempfile::tempdir().expect("a directory can be made");
    let (path, name) = precious(&directory);
    let taken = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    let taken = taken.local_addr().expect("it has an address").to_string();
    for (args, code) in [
        (&[taken.as_str()][..], 3),
        (&["192.0.2.1:0"], 3),
        (&["127.0.0.1:0", "--port-file", "/nonexistent/x"], 7),
        (&["127.0.0.1:0", "--connect-timeout", "1ms"], 5),
    ] {
        let output = run(&[&["listen", "--output", &name], args].concat(), b"");
        assert_eq!(output.status.code(), Some(code), "{args:?}: {}", text(&output.stderr));
        assert_eq!(content(&path), "precious", "{args:?}");
    }
    let server = Server::start(&["--output", &name]);
    server.signal(Signal::TERM);
    assert_eq!(server.finish().0.code(), Some(143));
    assert_eq!(content(&path), "precious", "a signal");
}

#[test]
fn a_dash_is_not_silently_a_file_of_that_name() {
    let directory = tempfile::tempdir().expect("a directory can be made");
    for args in [
        &["relay", "127.0.0.1:0", "127.0.0.1:9", "--log", "-"][..],
        &["relay", "127.0.0.1:0", "127.0.0.1:9", "--port-file", "-"],
        &["listen", "127.0.0.1:0", "--output", "-", "--connect-timeout", "1ms"],
        &["connect", "127.0.0.1:9", "--report-file", "-"],
        &["receive", "127.0.0.1:0", "--port-file", "-", "--connect-timeout", "1ms"],
    ] {
        let output = adieu(args).current_dir(directory.path()).output().expect("the built binary starts");
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {said}");
        assert!(
            said.contains("'-' is not a file: ") && said.contains("./- for a file of this name"),
            "{said}"
        );
    }
    assert_eq!(std::fs::read_dir(directory.path()).expect("it is there").count(), 0);
}

#[test]
fn a_client_whose_handshake_fails_empties_no_output_file() {
    let directory = tempfile::tempdir().expect("a directory can be made");
    let (path, name) = precious(&directory);
    let server = Server::start_at("tls://127.0.0.1:0", &["--self-signed", "--output", &name]);
    let address = server.address.strip_prefix("tls://").expect("it says so").to_owned();
    let mut stream = TcpStream::connect(address).expect("it listens");
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n").expect("the server takes it");
    // An alert, and perhaps a reset after it.
    let _ = stream.read_to_end(&mut Vec::new());
    let (status, _, said) = server.finish();
    assert_eq!(status.code(), Some(3), "{said}");
    assert_eq!(content(&path), "precious");
}

#[test]
fn who_is_served_finds_the_output_file_empty() {
    let directory = tempfile::tempdir().expect("a directory can be made");
    let (path, name) = precious(&directory);
    let server = Server::start(&["--output", &name]);
    ask(server.connect(), b"new");
    assert_eq!(server.finish().0.code(), Some(0));
    assert_eq!(content(&path), "new");
    let server = Server::start(&["--output", &name, "--accept-first"]);
    ask(server.connect(), b"");
    assert_eq!(server.finish().0.code(), Some(0));
    assert_eq!(content(&path), "", "who sends nothing leaves nothing");
}

#[test]
fn an_output_that_cannot_be_emptied_is_written_to() {
    let server = Server::start(&["--output", "/dev/null"]);
    ask(server.connect(), b"gone");
    let (status, _, said) = server.finish();
    assert_eq!(status.code(), Some(0), "{said}");
}

/// What a shell prepends so that no file may grow beyond some kilobytes.
const SMALL_FILES: &str = "ulimit -f 5; exec \"$0\" \"$@\"";

fn limited(args: &[&str]) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", SMALL_FILES, ADIEU]).args(args).stdin(Stdio::null()).stderr(Stdio::piped());
    command
}

#[test]
fn an_output_that_may_not_grow_is_our_failure_and_no_signal() {
    let directory = tempfile::tempdir().expect("a directory can be made");
    let out = directory.path().join("out");
    for data_path in ["direct", "portable"] {
        let server = Server::start(&["--exec", "head -c 100000 /dev/zero"]);
        let file = std::fs::File::create(&out).expect("a file can be made");
        let mut command = limited(&["connect", "--data-path", data_path, &server.address]);
        let output = command.stdout(file).output().expect("a shell starts");
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(7), "{data_path}: {:?}: {said}", output.status);
        assert!(said.contains("EFBIG"), "{said}");
        server.finish();
    }
}

/// Where a child says that it listens, and the rest of what it says.
fn listening(child: &mut Child) -> (String, BufReader<std::process::ChildStderr>) {
    let mut stderr = BufReader::new(child.stderr.take().expect("stderr is a pipe"));
    let mut line = String::new();
    stderr.read_line(&mut line).expect("stderr is readable");
    (crate::where_it_listens(&line), stderr)
}

#[test]
fn a_listeners_output_that_may_not_grow_is_its_failure_too() {
    let directory = tempfile::tempdir().expect("a directory can be made");
    let out = directory.path().join("out");
    let name = out.to_str().expect("a temporary path is UTF-8");
    let mut child = limited(&["listen", "127.0.0.1:0", "--output", name]).spawn().expect("a shell starts");
    let (address, mut stderr) = listening(&mut child);
    let mut stream = TcpStream::connect(address).expect("it listens");
    stream.set_read_timeout(Some(BOUND)).expect("a timeout can be set");
    // It may leave before it has all.
    let _ = stream.write_all(&vec![b'x'; 100_000]);
    let _ = stream.shutdown(std::net::Shutdown::Write);
    let _ = stream.read_to_end(&mut Vec::new());
    let mut said = String::new();
    stderr.read_to_string(&mut said).expect("stderr is readable");
    assert_eq!(child.wait().expect("it can be waited for").code(), Some(7), "{said}");
    assert!(said.contains("EFBIG"), "{said}");
}

#[test]
fn a_receiver_whose_file_may_not_grow_tells_the_sender_and_leaves_none() {
    let directory = tempfile::tempdir().expect("a directory can be made");
    let (source, name) = (directory.path().join("source"), directory.path().join("stored"));
    std::fs::write(&source, vec![b'x'; 100_000]).expect("a file can be written");
    let name = name.to_str().expect("a temporary path is UTF-8");
    let mut child = limited(&["receive", "127.0.0.1:0", "--output", name]).spawn().expect("a shell starts");
    let (address, mut stderr) = listening(&mut child);
    let output = adieu(&["send", source.to_str().expect("a temporary path is UTF-8"), &address])
        .output()
        .expect("the built binary starts");
    let mut said = String::new();
    stderr.read_to_string(&mut said).expect("stderr is readable");
    assert_eq!(child.wait().expect("it can be waited for").code(), Some(7), "{said}");
    assert!(said.contains("file too large"), "{said}");
    let sender = text(&output.stderr);
    assert_eq!(output.status.code(), Some(6), "{sender}");
    assert!(sender.contains("file too large"), "{sender}");
    let left: Vec<_> = std::fs::read_dir(directory.path()).expect("it is there").flatten().collect();
    assert_eq!(left.len(), 1, "{left:?}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_command_is_told_of_its_own_file_limit_as_always() {
    let server = Server::start(&["--exec", "grep SigIgn /proc/self/status"]);
    let answer = text(&ask(server.connect(), b""));
    server.finish();
    let mask = answer.split_whitespace().nth(1).and_then(|mask| u64::from_str_radix(mask, 16).ok());
    let mask = mask.expect("the kernel says which signals are ignored");
    assert_eq!(mask >> (Signal::XFSZ.as_raw() - 1) & 1, 0, "{answer}");
}

#[test]
fn a_client_that_leaves_without_a_byte_leaves_what_the_file_had() {
    let directory = tempfile::tempdir().expect("a directory can be made");
    let (path, name) = precious(&directory);
    let mut server = Server::start(&["--output", &name]);
    drop(server.connect());
    server.line();
    assert!(server.line().contains("left without a byte"));
    assert_ne!(content(&path), "", "the one that is waited for has not come");
    ask(server.connect(), b"new");
    assert_eq!(server.finish().0.code(), Some(0));
    assert_eq!(content(&path), "new");
}
