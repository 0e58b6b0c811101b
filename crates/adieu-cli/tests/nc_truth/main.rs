//! What a run of `adieu nc` comes to: the exit status says what the original hides, and everything else is as the original does it.
//!
//! Command lines beside the originals are the corpus's, in `tests/nc`.

#![cfg(target_os = "linux")]

mod clients;
mod commands;
mod crowds;
mod datagrams;
mod listeners;
mod suites;
mod traced;

use adieu_testkit::places;
use std::io::{Read, Seek, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU8, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// No wait in these tests is longer.
const BOUND: Duration = Duration::from_secs(30);

/// `adieu nc` under this name.
fn nc(name: &str, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_adieu"));
    command.arg0(name).args(args).stdin(Stdio::null());
    for (name, _) in std::env::vars_os().filter(|(n, _)| n.to_string_lossy().starts_with("ADIEU_")) {
        command.env_remove(name);
    }
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn start(mut command: Command) -> Child {
    command.spawn().expect("the built binary starts")
}

/// Runs it with this on stdin, to its end. It is a file, so that nothing comes late on a busy machine.
fn run(mut command: Command, input: &str) -> Output {
    let mut file = tempfile::tempfile().expect("a file");
    file.write_all(input.as_bytes()).expect("there is room");
    file.rewind().expect("a file");
    command.stdin(file).output().expect("the built binary runs")
}

/// Runs it with this on a stdin that stays open, to its end.
fn run_with_open_stdin(mut command: Command, input: &str) -> Output {
    let (reader, mut writer) = std::io::pipe().expect("a pipe");
    writer.write_all(input.as_bytes()).expect("there is room");
    let output = command.stdin(reader).output().expect("the built binary runs");
    drop(writer);
    output
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Its status and what it said, which must be nothing but this.
fn assert_ends(output: &Output, status: i32, says: &str) {
    assert_eq!(output.status.code(), Some(status), "{output:?}");
    let said = stderr(output);
    assert!(said.contains(says) && (!says.is_empty() || said.is_empty()), "{says:?}: {output:?}");
}

/// A server for one client, on a thread of its own.
fn server<T: Send + 'static>(serve: impl FnOnce(TcpStream) -> T + Send + 'static) -> (String, JoinHandle<T>) {
    let listener = places::listener();
    let port = listener.local_addr().expect("bound").port();
    let thread = std::thread::spawn(move || {
        let (stream, _) = listener.accept().expect("nc connects");
        stream.set_read_timeout(Some(BOUND)).expect("a socket");
        serve(stream)
    });
    (port.to_string(), thread)
}

/// What comes until its end.
fn read_all(stream: &mut TcpStream) -> String {
    let mut all = Vec::new();
    stream.read_to_end(&mut all).expect("it ends well");
    String::from_utf8(all).expect("text")
}

/// What a receive says after everything that was sent: that there is nothing, or how it was cut.
fn end_of(stream: &mut TcpStream) -> Result<usize, std::io::ErrorKind> {
    loop {
        match stream.read(&mut [0; 1]).map_err(|error| error.kind()) {
            Err(std::io::ErrorKind::Interrupted) => {}
            end => return end,
        }
    }
}

fn reset(stream: &TcpStream) {
    socket2::SockRef::from(stream).set_linger(Some(Duration::ZERO)).expect("a socket");
}

/// A listener that has said where it listens, which has to be in its `-v`.
struct Listening {
    child: Child,
    stderr: std::io::BufReader<std::process::ChildStderr>,
    address: SocketAddr,
}

/// An address of loopback that nobody else listens on, another one each time.
fn own_address() -> SocketAddr {
    static NEXT: AtomicU8 = AtomicU8::new(200);
    let next = NEXT.fetch_add(1, Ordering::Relaxed);
    assert!((200..=254).contains(&next), "no address is left");
    let [high, low] = u16::try_from(std::process::id() % 65_521).unwrap_or(1).to_be_bytes();
    SocketAddr::from(([127, next, high, low], 9000))
}

impl Listening {
    fn start(command: Command, address: SocketAddr) -> Self {
        Self::start_saying(command, address, "listening on")
    }

    fn start_saying(mut command: Command, address: SocketAddr, says: &str) -> Self {
        use std::io::BufRead;
        let mut child = command.spawn().expect("the built binary starts");
        let mut stderr = std::io::BufReader::new(child.stderr.take().expect("it is a pipe"));
        let mut line = String::new();
        while !line.to_lowercase().contains(says) {
            line.clear();
            assert!(stderr.read_line(&mut line).expect("text") > 0, "it does not listen: {:?}", child.wait());
        }
        Self { child, stderr, address }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).expect("it listens");
        stream.set_read_timeout(Some(BOUND)).expect("a socket");
        stream
    }

    /// Its end: the status, or the signal below zero; stdout, and what it said since it listened.
    fn end(mut self) -> (i32, String, String) {
        let (mut out, mut said) = (String::new(), String::new());
        self.child.stdout.take().expect("it is a pipe").read_to_string(&mut out).expect("text");
        self.stderr.read_to_string(&mut said).expect("text");
        let status = self.child.wait().expect("it ends");
        (status.code().unwrap_or_else(|| -status.signal().unwrap_or(0)), out, said)
    }
}
