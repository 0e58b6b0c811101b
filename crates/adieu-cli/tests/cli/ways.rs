//! The ways that bytes take: what the kernel refuses, and the two traps of `splice`. That every way gives the same
//! endings is what the closing matrix shows (`tests/matrix.rs`).

use crate::{ADIEU, Server, adieu, ask};
use adieu_testkit::pattern::{Pattern, Verifier};
use adieu_testkit::places;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Command, Stdio};

const LENGTH: u64 = 3_000_000;

/// A server on plain sockets that sends the pattern and ends.
fn source() -> (String, std::thread::JoinHandle<()>) {
    let listener = places::listener();
    let address = listener.local_addr().expect("it has an address").to_string();
    let thread = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("somebody connects");
        std::io::copy(&mut Pattern::of_peer().reader(LENGTH), &mut stream).expect("the client takes it");
        stream.shutdown(std::net::Shutdown::Write).expect("half-closing works");
        stream.read_to_end(&mut Vec::new()).expect("the client ends");
    });
    (address, thread)
}

fn shell(line: &str) -> Option<i32> {
    Command::new("sh").args(["-c", line]).status().expect("a shell starts").code()
}

fn assert_whole(path: &std::path::Path, pattern: &Pattern, times: u64) {
    let mut file = std::fs::File::open(path).expect("the file is there");
    for _ in 0..times {
        let mut verifier = Verifier::new(pattern.clone());
        std::io::copy(&mut (&mut file).take(LENGTH), &mut verifier).expect("the file is readable");
        assert_eq!((verifier.count(), verifier.first_wrong()), (LENGTH, None));
    }
    assert_eq!(file.read(&mut [0]).expect("the file is readable"), 0, "more than was sent");
}

#[test]
fn a_file_that_takes_no_splice_loses_nothing() {
    let directory = tempfile::tempdir().expect("there is room for a directory");
    let path = directory.path().join("log");
    for path_taken in ["direct", "auto"] {
        let (address, thread) = source();
        // Opened with O_APPEND, where splice is EINVAL.
        let line =
            format!("{ADIEU} connect -q --data-path {path_taken} {address} </dev/null >>{}", path.display());
        assert_eq!(shell(&line), Some(0));
        thread.join().expect("the source does not panic");
    }
    assert_whole(&path, &Pattern::of_peer(), 2);
}

#[test]
fn bytes_in_our_pipe_at_eof_reach_the_file() {
    let directory = tempfile::tempdir().expect("there is room for a directory");
    let path = directory.path().join("whole");
    let (address, thread) = source();
    let line = format!("{ADIEU} connect -q --data-path direct {address} </dev/null >{}", path.display());
    assert_eq!(shell(&line), Some(0));
    thread.join().expect("the source does not panic");
    assert_whole(&path, &Pattern::of_peer(), 1);
}

#[test]
fn a_file_that_takes_no_sendfile_loses_nothing() {
    let server = Server::start(&["--echo"]);
    // What the kernel makes up as it is read.
    let line = format!(
        "{ADIEU} connect -q --data-path direct {} </proc/crypto | cmp - /proc/crypto",
        server.address
    );
    assert_eq!(shell(&line), Some(0));
    server.finish();
}

#[test]
fn eagain_means_the_side_that_is_not_ready() {
    // A full output and a silent peer, a full socket and a silent input: each in turn is what splice waits for.
    let server = Server::start(&["--echo"]);
    let mut child = Command::new(ADIEU)
        .args(["connect", "-q", "--data-path", "direct", &server.address])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the built binary starts");
    let mut input = child.stdin.take().expect("stdin is a pipe");
    let mut output = child.stdout.take().expect("stdout is a pipe");
    let feeding = std::thread::spawn(move || {
        let mut reader = Pattern::of_program().reader(LENGTH);
        let mut byte = [0];
        // One byte that has to come back, then all the rest.
        reader.read_exact(&mut byte).expect("the pattern is long");
        input.write_all(&byte).expect("adieu takes it");
        std::io::copy(&mut reader, &mut input).expect("adieu takes it");
    });
    let mut verifier = Verifier::new(Pattern::of_program());
    let mut byte = [0];
    output.read_exact(&mut byte).expect("the echo comes");
    verifier.write_all(&byte).expect("a verifier takes every byte");
    // Nobody reads until everything that fits has been taken: the feeder's last byte may or may not be in.
    std::io::copy(&mut output, &mut verifier).expect("the echo comes");
    feeding.join().expect("feeding does not panic");
    assert_eq!((verifier.count(), verifier.first_wrong()), (LENGTH, None));
    assert_eq!(child.wait().expect("it can be waited for").code(), Some(0));
    server.finish();
}

#[test]
fn a_listener_takes_the_same_ways() {
    let directory = tempfile::tempdir().expect("there is room for a directory");
    let path = directory.path().join("got");
    let server = Server::start(&["--data-path", "direct", "--output", path.to_str().expect("a UTF-8 path")]);
    let mut all = Vec::new();
    Pattern::of_peer().reader(LENGTH).read_to_end(&mut all).expect("a pattern is readable");
    assert_eq!(ask(server.connect(), &all), b"");
    assert_eq!(server.finish().0.code(), Some(0));
    assert_whole(&path, &Pattern::of_peer(), 1);
}

#[test]
fn a_fast_stream_that_slows_down_is_not_held_up() {
    const FAST: u64 = 64 << 20;
    const SLOW: u64 = 20;
    let listener = places::listener();
    let address = listener.local_addr().expect("it has an address").to_string();
    let (seen, wait) = std::sync::mpsc::channel::<()>();
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("somebody connects");
        let piece = vec![b'f'; 1 << 20];
        for _ in 0..FAST >> 20 {
            stream.write_all(&piece).expect("the client takes it");
        }
        // Each byte is sent once the one before has come out at the other end, so nothing but time can push it on.
        for _ in 0..SLOW {
            wait.recv_timeout(std::time::Duration::from_secs(20)).expect("what was sent before comes out");
            stream.write_all(b"s").expect("the client takes it");
        }
        stream.shutdown(std::net::Shutdown::Write).expect("half-closing works");
        stream.read_to_end(&mut Vec::new()).expect("the client ends");
    });
    let mut client = Command::new(ADIEU)
        .args(["connect", "-q", &address])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .expect("adieu starts");
    let mut output = client.stdout.take().expect("it is a pipe");
    std::io::copy(&mut (&mut output).take(FAST), &mut std::io::sink()).expect("the pipe is readable");
    for _ in 0..SLOW {
        seen.send(()).expect("the server waits for it");
        output.read_exact(&mut [0]).expect("the byte comes out");
    }
    assert!(client.wait().expect("adieu is our child").success());
    server.join().expect("the server does not panic");
}

/// The same over TLS, where fast streams are woken for less often too.
#[test]
fn a_fast_stream_over_tls_that_slows_down_is_not_held_up() {
    const FAST: u64 = 256 << 20;
    const SLOW: u64 = 20;
    let mut server = adieu(&["listen", "--self-signed", "127.0.0.1:0"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("adieu starts");
    let mut said = BufReader::new(server.stderr.take().expect("it is a pipe"));
    let mut line = || {
        let mut line = String::new();
        said.read_line(&mut line).expect("it is readable");
        line
    };
    let endpoint = crate::where_it_listens(&line());
    let pin = line().trim().rsplit_once("--pin ").expect("it says its fingerprint").1.to_owned();
    let mut client = adieu(&["connect", "-q", &endpoint, "--pin", &pin])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .expect("adieu starts");
    let mut input = server.stdin.take().expect("it is a pipe");
    let mut output = client.stdout.take().expect("it is a pipe");
    let feeding = std::thread::spawn(move || {
        std::io::copy(&mut std::io::repeat(b'f').take(FAST), &mut input).expect("the server takes it");
        input
    });
    std::io::copy(&mut (&mut output).take(FAST), &mut std::io::sink()).expect("the pipe is readable");
    let mut input = feeding.join().expect("feeding does not panic");
    // Each byte is sent once the one before has come out at the other end, so nothing but time can push it on.
    for _ in 0..SLOW {
        input.write_all(b"s").expect("the server takes it");
        output.read_exact(&mut [0]).expect("the byte comes out");
    }
    drop(input);
    assert!(client.wait().expect("adieu is our child").success());
    assert!(server.wait().expect("adieu is our child").success());
}
