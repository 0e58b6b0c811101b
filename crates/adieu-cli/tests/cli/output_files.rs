//! What we write goes into a file, and when it is emptied.

use crate::{Server, ask, run, text};
use rustix::process::Signal;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;

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
    let server = Server::start(&["--output", &name]);
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
