//! The built binary, as a person at a terminal and a script's author use it.

#![cfg(unix)]

mod access;
mod activation;
mod bounds;
mod captures;
mod check;
#[cfg(target_os = "linux")]
mod check_alone;
#[cfg(target_os = "linux")]
mod check_networks;
mod check_waits;
mod completions;
mod connect_again;
#[cfg(target_os = "linux")]
mod connect_exec;
mod cuts;
mod datagrams;
#[cfg(target_os = "linux")]
mod descriptors;
mod endpoints;
mod events;
mod exchange;
mod explain;
#[cfg(target_os = "linux")]
mod explain_between;
#[cfg(target_os = "linux")]
mod explain_both;
#[cfg(target_os = "linux")]
mod explain_drawn;
mod explain_html;
#[cfg(target_os = "linux")]
mod explain_live;
#[cfg(target_os = "linux")]
mod fast_open;
mod gone_readers;
mod hints;
mod listen;
mod listen_proxies;
mod local;
mod manual;
#[cfg(target_os = "linux")]
mod no_threads;
mod ordinary;
mod output_files;
mod promises;
mod proxies;
mod relay;
mod relay_config;
mod relay_counterparts;
mod relay_crowded;
mod relay_drain;
#[cfg(target_os = "linux")]
mod relay_log;
mod relay_peers;
#[cfg(target_os = "linux")]
mod relay_restart;
mod relay_service;
mod relay_terminal;
mod relay_upstreams;
mod reports;
mod resources;
mod selftest;
mod socket_options;
mod stopping;
mod stuck;
mod tls_through_proxies;
mod transfer;
mod transfer_choice;
mod transfer_harm;
mod transfer_keep_open;
mod transfer_plain;
mod transfer_relays;
mod transfer_retry;
mod transfer_strangers;
#[cfg(target_os = "linux")]
mod transfer_syncs;
mod transfer_terminal;
mod transfer_tls;
mod transfer_waits;
mod transfer_words;
mod unix_sockets;
mod untouched;
mod variables;
mod voice;
#[cfg(target_os = "linux")]
mod ways;

use adieu_testkit::places;
pub(crate) use adieu_testkit::waits::until;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, Signal, kill_process};
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, ChildStderr, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc;
use std::time::Duration;

pub(crate) const ADIEU: &str = env!("CARGO_BIN_EXE_adieu");

/// What a shell does first: another test may have a descriptor open that is inherited, of a terminal, between its opening and its flag.
pub(crate) const CLOSED: &str = "exec 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-";

/// No wait in these tests is longer.
pub(crate) const BOUND: Duration = Duration::from_secs(20);

pub(crate) fn adieu(args: &[&str]) -> Command {
    let mut command = Command::new(ADIEU);
    command.args(args);
    for (name, _) in std::env::vars_os().filter(|(n, _)| n.to_string_lossy().starts_with("ADIEU_")) {
        command.env_remove(name);
    }
    command
}

pub(crate) fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).expect("it is there to be signalled");
}

/// Until this is dropped, the process may run for [`BOUND`] and is then killed: whoever waits for its end sees that.
pub(crate) fn bounded(child: &Child) -> impl Drop + use<> {
    struct Over(Option<mpsc::Sender<()>>);
    impl Drop for Over {
        fn drop(&mut self) {
            // It wakes the thread.
            self.0.take();
        }
    }
    let process = Pid::from_child(child);
    let (over, is_over) = mpsc::channel();
    std::thread::spawn(move || {
        if is_over.recv_timeout(BOUND) == Err(mpsc::RecvTimeoutError::Timeout) {
            let _ = kill_process(process, Signal::KILL);
        }
    });
    Over(Some(over))
}

/// What this process has mapped, once each of its threads waits for something: one that begins maps its own memory.
#[cfg(target_os = "linux")]
pub(crate) fn mapped(child: &Child) -> u64 {
    let process = std::path::PathBuf::from(format!("/proc/{}", child.id()));
    let waits = |thread: std::path::PathBuf| {
        let stat = std::fs::read_to_string(thread.join("stat")).unwrap_or_default();
        stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('S'))
    };
    let mut looks = 0;
    until("its threads do not come to rest", || {
        let mut threads = std::fs::read_dir(process.join("task")).expect("it runs");
        let all_wait = threads.all(|thread| waits(thread.expect("it is listed").path()));
        // One of them may be woken by another while we look.
        looks = if all_wait { looks + 1 } else { 0 };
        looks > 5
    });
    let sizes = std::fs::read_to_string(process.join("statm")).expect("it runs");
    let pages: u64 = sizes.split(' ').next().and_then(|n| n.parse().ok()).expect("a number");
    pages * rustix::param::page_size() as u64
}

/// Runs it to its end, with this on stdin.
pub(crate) fn run(args: &[&str], input: &[u8]) -> Output {
    let mut child = adieu(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the built binary starts");
    let mut stdin = child.stdin.take().expect("stdin is a pipe");
    let input = input.to_vec();
    let feeding = std::thread::spawn(move || {
        // Whoever does not want our input may leave.
        let _ = stdin.write_all(&input);
    });
    let _bounded = bounded(&child);
    let output = child.wait_with_output().expect("it can be waited for");
    feeding.join().expect("feeding does not panic");
    output
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("what adieu says is UTF-8")
}

/// What the line of a listener says, in text or in JSON.
pub(crate) fn where_it_listens(line: &str) -> String {
    let event: Option<serde_json::Value> = serde_json::from_str(line).ok();
    let told = event.as_ref().and_then(|event| event["endpoint"].as_str());
    told.or_else(|| line.trim().strip_prefix("adieu: listening on "))
        .unwrap_or_else(|| panic!("it does not say where it listens: {line}"))
        .to_owned()
}

/// An address where nobody listens, as long as the socket is held.
pub(crate) fn refusing() -> (String, socket2::Socket) {
    let (address, held) = places::refusing(SocketAddr::from(([127, 0, 0, 1], 0))).expect("loopback");
    (address.to_string(), held)
}

/// A running `adieu listen`.
pub(crate) struct Server {
    pub(crate) child: Child,
    pub(crate) address: String,
    stderr: BufReader<ChildStderr>,
}

impl Server {
    /// Starts it with nothing on stdin, and waits until it says where it listens.
    pub(crate) fn start(args: &[&str]) -> Self {
        Self::start_at("127.0.0.1:0", args)
    }

    /// As [`Server::start`], on another endpoint.
    pub(crate) fn start_at(endpoint: &str, args: &[&str]) -> Self {
        Self::of(adieu(&["listen", endpoint]).args(args))
    }

    /// As [`Server::start`], of a command that becomes one.
    pub(crate) fn of(command: &mut Command) -> Self {
        Self::of_with(command, Stdio::null(), Stdio::piped())
    }

    /// As [`Server::of`], with another stdin and stdout.
    pub(crate) fn of_with(command: &mut Command, stdin: Stdio, stdout: Stdio) -> Self {
        let mut child = command
            .stdin(stdin)
            .stdout(stdout)
            .stderr(Stdio::piped())
            .spawn()
            .expect("the built binary starts");
        let mut stderr = BufReader::new(child.stderr.take().expect("stderr is a pipe"));
        let mut line = String::new();
        stderr.read_line(&mut line).expect("stderr is readable");
        let address = where_it_listens(&line);
        Self { child, address, stderr }
    }

    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).expect("it listens");
        stream.set_read_timeout(Some(BOUND)).expect("a timeout can be set");
        stream
    }

    /// Connects and is reset before anything is sent to it; on a busy machine before the connecting is over.
    pub(crate) fn connect_in_vain(&self) {
        let mut client = TcpStream::connect(&self.address);
        let end = client.as_mut().map_err(|error| error.kind()).and_then(|client| {
            client.set_read_timeout(Some(BOUND)).expect("a timeout can be set");
            client.read(&mut [0]).map_err(|error| error.kind())
        });
        assert_eq!(end, Err(ErrorKind::ConnectionReset));
    }

    /// The next line it says. Empty: it has ended.
    #[track_caller]
    pub(crate) fn line(&mut self) -> String {
        let mut line = Vec::new();
        while line.last() != Some(&b'\n') {
            if self.stderr.buffer().is_empty() {
                let mut waits = [PollFd::new(self.stderr.get_ref(), PollFlags::IN)];
                let bound = BOUND.try_into().expect("it is short");
                assert_ne!(
                    poll(&mut waits, Some(&bound)).expect("it can be waited for"),
                    0,
                    "it says nothing"
                );
            }
            let there = self.stderr.fill_buf().expect("stderr is readable");
            if there.is_empty() {
                break;
            }
            let n = there.iter().position(|byte| *byte == b'\n').map_or(there.len(), |at| at + 1);
            line.extend_from_slice(&there[..n]);
            self.stderr.consume(n);
        }
        String::from_utf8(line).expect("it says text").trim_end().to_owned()
    }

    /// The next line that has this in it.
    #[track_caller]
    pub(crate) fn line_with(&mut self, what: &str) -> String {
        loop {
            let line = self.line();
            assert!(!line.is_empty(), "it has ended, and did not say '{what}'");
            if line.contains(what) {
                return line;
            }
        }
    }

    pub(crate) fn signal(&self, signal: Signal) {
        crate::signal(&self.child, signal);
    }

    /// Waits for its end: status, stdout, and the rest of stderr.
    pub(crate) fn finish(mut self) -> (ExitStatus, Vec<u8>, String) {
        let _bounded = bounded(&self.child);
        let mut stdout = Vec::new();
        let mut pipe = self.child.stdout.take().expect("stdout is a pipe");
        pipe.read_to_end(&mut stdout).expect("stdout is readable");
        let mut said = String::new();
        self.stderr.read_to_string(&mut said).expect("stderr is readable");
        (self.child.wait().expect("it can be waited for"), stdout, said)
    }
}

/// A test that failed leaves no server behind.
impl Drop for Server {
    fn drop(&mut self) {
        // One that has ended is not to be killed any more.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends, half-closes, and receives to the end, on plain std sockets.
pub(crate) fn ask(mut stream: TcpStream, request: &[u8]) -> Vec<u8> {
    stream.write_all(request).expect("the server takes it");
    stream.shutdown(std::net::Shutdown::Write).expect("half-closing works");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("the server ends its side");
    answer
}
