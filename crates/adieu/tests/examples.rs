//! Each example as a process of its own: what it says to a client, and of its connections.
//!
//! `cargo test` builds the examples before it runs this; `cargo xtask windows` builds none.

#![cfg(unix)]

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::{Response, header::CONNECTION, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// No test of ours takes so long, on however busy a machine.
const BOUND: Duration = Duration::from_secs(60);

/// An example that runs. Dropped, it is killed.
struct Example {
    process: Child,
    said: BufReader<ChildStdout>,
}

impl Example {
    fn start(name: &str, argument: &str) -> Self {
        let tests = std::env::current_exe().expect("it has a path");
        let built = tests.parent().and_then(|deps| deps.parent()).expect("cargo's directories");
        let program = built.join("examples").join(name);
        let source = format!("{}/examples/{name}.rs", env!("CARGO_MANIFEST_DIR"));
        let changed = |path: &Path| path.metadata().and_then(|metadata| metadata.modified()).ok();
        assert!(
            changed(&program) >= changed(source.as_ref()),
            "{} is missing or old: cargo build -p adieu --examples",
            program.display()
        );
        let mut process =
            Command::new(program).arg(argument).stdout(Stdio::piped()).spawn().expect("it starts");
        let said = BufReader::new(process.stdout.take().expect("it is piped"));
        Self { process, said }
    }

    /// Starts one that listens. Where it does is its first line.
    fn listening(name: &str) -> (Self, String) {
        let mut example = Self::start(name, "127.0.0.1:0");
        let line = example.line();
        let address = line.strip_prefix("listening on ").expect("that is its first line").to_owned();
        (example, address)
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.said.read_line(&mut line).expect("text");
        line.trim_end().to_owned()
    }

    fn interrupt(&self) {
        self.signal("-INT");
    }

    fn signal(&self, signal: &str) {
        let killed = Command::new("kill").args([signal, &self.process.id().to_string()]).status();
        assert!(killed.expect("every system has it").success());
    }

    /// Waits until it has exited. What else it said.
    fn end(mut self) -> (ExitStatus, String) {
        let mut rest = String::new();
        self.said.read_to_string(&mut rest).expect("text");
        let began = Instant::now();
        loop {
            match self.process.try_wait().expect("a child") {
                Some(status) => return (status, rest),
                None => assert!(began.elapsed() < BOUND, "it does not exit"),
            }
            std::thread::yield_now();
        }
    }
}

impl Drop for Example {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn connected(address: &str) -> TcpStream {
    let stream = TcpStream::connect(address).expect("it listens");
    stream.set_read_timeout(Some(BOUND)).expect("not zero");
    stream.set_write_timeout(Some(BOUND)).expect("not zero");
    stream
}

/// Sends so many bytes as the body of a request, as simple clients do: all of it, and then the answer is read.
fn upload(address: &str, bytes: usize) -> io::Result<String> {
    let mut stream = connected(address);
    write!(stream, "POST / HTTP/1.1\r\nHost: example\r\nContent-Length: {bytes}\r\n\r\n")?;
    stream.write_all(&vec![b'x'; bytes])?;
    stream.shutdown(Shutdown::Write)?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

const TOO_LARGE: usize = 10_000_000;

#[test]
fn hyper_413_answers_an_upload_that_it_does_not_read() {
    let (mut example, address) = Example::listening("hyper_413");
    let answer = upload(&address, TOO_LARGE).expect("the upload does not break");
    assert!(answer.starts_with("HTTP/1.1 413 Payload Too Large\r\n"), "{answer}");
    assert!(answer.ends_with("\r\n\r\n413: at most 1000000 bytes\n"), "{answer}");
    let report = example.line();
    assert!(report.starts_with("graceful: 100000"), "the head was received too: {report}");

    let answer = upload(&address, 5).expect("it is small");
    assert!(answer.ends_with("\r\n\r\nreceived 5 bytes\n"), "{answer}");
    assert!(example.line().starts_with("graceful: "));
}

#[test]
fn without_adieu_the_same_upload_breaks() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = runtime.expect("a runtime");
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).expect("loopback");
    let address = listener.local_addr().expect("bound").to_string();
    runtime.spawn(async move {
        let (stream, _) = listener.accept().await.expect("a client");
        let refuse = service_fn(|_| async {
            let refused = Response::builder().status(413).header(CONNECTION, "close");
            refused.body(Full::<Bytes>::from("413: at most 1000000 bytes\n"))
        });
        http1::Builder::new().half_close(true).serve_connection(TokioIo::new(stream), refuse).await
    });
    upload(&address, TOO_LARGE).expect_err("the server closes with bytes unread");
}

#[test]
fn axum_drain_lets_its_connections_end() {
    let (mut example, address) = Example::listening("axum_drain");
    let get = "GET / HTTP/1.1\r\nHost: example\r\n\r\n";
    let mut stays = connected(&address);
    stays.write_all(get.as_bytes()).expect("there is room");
    let mut first = [0; 15];
    stays.read_exact(&mut first).expect("an answer");
    assert_eq!(&first, b"HTTP/1.1 200 OK");

    let mut leaves = connected(&address);
    leaves
        .write_all(get.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n").as_bytes())
        .expect("there is room");
    let mut answer = String::new();
    leaves.read_to_string(&mut answer).expect("an EOF");
    assert!(answer.ends_with("\r\n\r\nhello\n"), "{answer}");
    drop(leaves);
    assert!(example.line().starts_with("graceful: "));

    // The one that keeps its connection is told.
    example.interrupt();
    answer.clear();
    stays.read_to_string(&mut answer).expect("an EOF");
    drop(stays);
    let (status, said) = example.end();
    assert!(status.success());
    assert!(said.starts_with("graceful: ") && said.ends_with("drained: 1 ended, 0 aborted\n"), "{said}");
}

/// What the kernel has accepted for it is served, as the server promises.
#[test]
fn axum_drain_answers_who_has_asked_before_the_interrupt() {
    let (example, address) = Example::listening("axum_drain");
    let ask = || {
        let mut client = connected(&address);
        client
            .write_all(b"GET / HTTP/1.1\r\nHost: example\r\nConnection: close\r\n\r\n")
            .expect("there is room");
        client
    };
    let expect_answer = |mut client: TcpStream| {
        let mut answer = String::new();
        client.read_to_string(&mut answer).expect("an EOF");
        assert!(answer.ends_with("\r\n\r\nhello\n"), "{answer}");
    };
    // Once it has answered, it waits for the interrupt.
    expect_answer(ask());
    // Asleep, it sees the clients, their requests and the interrupt all at once.
    example.signal("-STOP");
    let clients: Vec<TcpStream> = (0..20).map(|_| ask()).collect();
    example.interrupt();
    example.signal("-CONT");
    clients.into_iter().for_each(expect_answer);
    let (status, said) = example.end();
    assert!(status.success());
    assert!(said.ends_with(" ended, 0 aborted\n"), "{said}");
}

#[test]
fn axum_drain_hears_the_interrupt_from_its_first_word_on() {
    let (example, _) = Example::listening("axum_drain");
    example.interrupt();
    let (status, said) = example.end();
    assert!(status.success(), "{status}");
    assert_eq!(said, "drained: 0 ended, 0 aborted\n");
}

#[test]
fn lines_answers_until_quit() {
    let (mut example, address) = Example::listening("lines");
    let mut client = connected(&address);
    client.write_all(b"HELO me\nQUIT\nthis is late\n").expect("there is room");
    client.shutdown(Shutdown::Write).expect("connected");
    let mut answer = String::new();
    client.read_to_string(&mut answer).expect("an EOF");
    assert_eq!(answer, "250 HELO me\n250 QUIT\n");
    assert_eq!(example.line(), "graceful: 26 bytes received, 21 of 21 bytes acknowledged");

    let mut client = connected(&address);
    client.write_all(&[b'x'; 2000]).expect("there is room");
    let ended = client.read_to_end(&mut Vec::new());
    assert_eq!(ended.expect_err("the line is too long").kind(), io::ErrorKind::ConnectionReset);
    assert!(example.line().starts_with("reset by us"));
}

#[test]
fn std_server_sends_back_and_finishes() {
    let (mut example, address) = Example::listening("std_server");
    let mut client = connected(&address);
    client.write_all(b"this is a test").expect("there is room");
    client.shutdown(Shutdown::Write).expect("connected");
    let mut answer = String::new();
    client.read_to_string(&mut answer).expect("an EOF");
    assert_eq!(answer, "this is a test");
    assert!(example.line().starts_with("graceful: "));
}

#[test]
fn poll_server_finishes_several_clients_at_once() {
    let (mut example, address) = Example::listening("poll_server");
    let clients: [TcpStream; 3] = std::array::from_fn(|_| connected(&address));
    for mut client in &clients {
        let mut greeting = String::new();
        client.read_to_string(&mut greeting).expect("an EOF, before our own end");
        assert_eq!(greeting, "hello\n");
    }
    for mut client in clients {
        client.write_all(b"bye\n").expect("it still receives");
        drop(client);
        assert!(example.line().starts_with("graceful: 4 bytes received"));
    }
}

#[test]
fn tutorial_client_prints_the_answer_and_how_it_ended() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
    let address = listener.local_addr().expect("bound").to_string();
    let example = Example::start("tutorial_client", &address);
    let (mut server, _) = listener.accept().expect("a client");
    let mut request = String::new();
    server.read_to_string(&mut request).expect("it is shut down");
    server.write_all(request.as_bytes()).expect("there is room");
    drop(server);
    let (status, said) = example.end();
    assert!(status.success(), "{said}");
    assert!(said.starts_with("this is a test\ngraceful: 14 bytes received"), "{said}");
}
