//! Runs any program against a scenario, as a shell would, and notes what happened: the binary arm.
//!
//! It does not judge: [`crate::judge`] does, by what is true of adieu, and `cargo xtask peers` by what may be asked of
//! any netcat.

mod stdio;
mod surroundings;

use crate::{
    peer::{Endpoint, PeerHandle, PeerLog, pattern_sent_by},
    progress::Progress,
    scenario::{Scenario, Signal, When},
};
use rustix::process::{Pid, kill_process, kill_process_group};
use serde_json::Value;
use std::{
    ffi::{OsStr, OsString},
    fs,
    io::{self, Read},
    os::unix::process::{CommandExt, ExitStatusExt},
    path::Path,
    process::{Command, ExitStatus, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};
use stdio::{Feed, Tap};
use surroundings::Surroundings;

/// Most of a program's stderr that is kept.
const STDERR_KEPT: u64 = 64 * 1024;

/// How a program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// By itself, with this status.
    Code(i32),
    /// By this signal, which it did not handle.
    Signal(i32),
}

impl Exit {
    /// As a shell's `$?` gives it.
    pub fn shell_code(self) -> i32 {
        match self {
            Self::Code(code) => code,
            Self::Signal(signal) => 128 + signal,
        }
    }

    fn of(status: ExitStatus) -> Self {
        match status.code() {
            Some(code) => Self::Code(code),
            None => Self::Signal(status.signal().unwrap_or(0)),
        }
    }
}

/// What happened in one run of one scenario.
///
/// A library's own arm fills one by hand: `ending`, `phase`, `output_bytes`, `output_first_wrong` and `peer`, and
/// leaves the rest at its default.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// How the program ended; `None` if it had to be killed, or if there was no program.
    pub exit: Option<Exit>,
    /// It ran longer than the scenario's hang limit and was killed.
    pub hung: bool,
    /// Bytes it wrote; `None` where nobody can count them (`/dev/full`, closed).
    pub output_bytes: Option<u64>,
    /// Offset of the first wrong byte among them.
    pub output_first_wrong: Option<u64>,
    /// What the peer saw; `None` if the scenario has no peer.
    pub peer: Option<PeerLog>,
    /// The ending, as the program reports it.
    pub ending: Option<String>,
    /// The phase, as the program reports it.
    pub phase: Option<String>,
    /// Bytes not acknowledged, as the program reports them.
    pub unacknowledged: Option<u64>,
    /// The program's JSON report, if it wrote one on stderr.
    pub report: Option<Value>,
    /// What the program wrote on stderr.
    pub stderr: String,
    /// From its start to its end.
    pub wall: Duration,
    /// Things the harness itself could not do.
    pub trouble: Vec<String>,
}

/// Runs the program that `arguments` gives (program first) for the endpoint to connect to.
///
/// # Errors
///
/// `Unsupported` if this machine or user cannot run the scenario (no namespaces): skip it, loudly. Anything else
/// means that the harness failed, not the program.
pub fn run(
    scenario: &Scenario,
    arguments: impl FnOnce(&Scenario, &Endpoint) -> Vec<OsString>,
) -> io::Result<Outcome> {
    let mut surroundings = Surroundings::of(scenario)?;
    let mut argv = std::mem::take(&mut surroundings.prefix);
    argv.extend(arguments(scenario, &surroundings.endpoint));
    let peer = surroundings.peer.take();
    let outcome = supervise(scenario, &argv, peer, &surroundings.endpoint)?;
    drop(surroundings);
    Ok(outcome)
}

/// Runs a program that listens and writes its port into the file that `arguments` gets; the peer connects to
/// that port on 127.0.0.1. The scenario's target is not used.
///
/// # Errors
///
/// If the harness failed.
pub fn run_listening(
    scenario: &Scenario,
    arguments: impl FnOnce(&Scenario, &Path) -> Vec<OsString>,
) -> io::Result<Outcome> {
    let directory = tempfile::Builder::new().prefix("adieu-listen-").tempdir()?;
    let port_file = directory.path().join("port");
    let argv = arguments(scenario, &port_file);
    let find = move || {
        let port = fs::read_to_string(&port_file).ok()?.trim().rsplit(':').next()?.parse().ok()?;
        Some(Endpoint::Tcp { host: "127.0.0.1".into(), port })
    };
    let peer = PeerHandle::connect(find, scenario.script)?;
    let nowhere = Endpoint::Tcp { host: "127.0.0.1".into(), port: 0 };
    supervise(scenario, &argv, Some(peer), &nowhere)
}

fn supervise(
    scenario: &Scenario,
    argv: &[OsString],
    peer: Option<PeerHandle>,
    endpoint: &Endpoint,
) -> io::Result<Outcome> {
    let scratch = tempfile::Builder::new().prefix("adieu-run-").tempdir()?;
    let (stdin, feed) = Feed::of(scenario.input, scratch.path())?;
    let (stdout, tap) = Tap::of(scenario.output, scratch.path(), pattern_sent_by(scenario.script))?;
    let argv = with_closed_descriptors(argv, stdin.is_none(), stdout.is_none());
    let [program, arguments @ ..] = &*argv else { return Err(io::Error::other("no program to run")) };

    let began = Instant::now();
    let mut command = Command::new(program);
    command.args(arguments).stderr(Stdio::piped());
    command.stdin(stdin.unwrap_or_else(Stdio::null)).stdout(stdout.unwrap_or_else(Stdio::null));
    // A group of its own, so that whatever it starts goes when it does.
    let mut child = command.process_group(0).spawn()?;
    // Our copies of its descriptors: as long as they are open no pipe ends.
    drop(command);

    let pid = Pid::from_child(&child);
    let stderr = child.stderr.take();
    let exited = Progress::new();
    let written = Progress::new();
    let limit = scenario.hang_limit;
    let mut outcome = Outcome::default();
    thread::scope(|scope| {
        let run = Running { scenario, peer: peer.as_ref(), exited: &exited, written: &written };
        let feeding = scope.spawn(move || feed.run(run));
        let tapping = scope.spawn(move || tap.run(run));
        let said = scope.spawn(move || kept(stderr));
        let signalling = scope.spawn(move || run.signal(pid, endpoint));
        let (tell, told) = mpsc::channel();
        scope.spawn(move || tell.send(child.wait()));
        let status = told.recv_timeout(limit).or_else(|_| {
            outcome.hung = true;
            let _ = kill_process_group(pid, rustix::process::Signal::KILL);
            told.recv()
        });
        outcome.wall = began.elapsed();
        // What a program left running would hold its pipes open.
        let _ = kill_process_group(pid, rustix::process::Signal::KILL);
        exited.reach(1);
        if let Some(peer) = &peer {
            peer.release();
        }
        match status {
            Ok(Ok(status)) if !outcome.hung => outcome.exit = Some(Exit::of(status)),
            Ok(Ok(_)) => {}
            Ok(Err(error)) => outcome.trouble.push(format!("wait: {error}")),
            Err(error) => outcome.trouble.push(format!("wait: {error}")),
        }
        for (what, thread) in [("input", feeding), ("signal", signalling)] {
            match thread.join() {
                Ok(Ok(())) => {}
                Ok(Err(error)) => outcome.trouble.push(format!("{what}: {error}")),
                Err(_) => outcome.trouble.push(format!("{what}: its thread panicked")),
            }
        }
        match tapping.join() {
            Ok(Ok(tapped)) => {
                outcome.output_bytes = tapped.as_ref().map(crate::pattern::Verifier::count);
                outcome.output_first_wrong = tapped.and_then(|tapped| tapped.first_wrong());
            }
            Ok(Err(error)) => outcome.trouble.push(format!("output: {error}")),
            Err(_) => outcome.trouble.push("output: its thread panicked".into()),
        }
        outcome.stderr = said.join().unwrap_or_default();
    });
    outcome.peer = peer.map(PeerHandle::finish);
    outcome.read_report();
    Ok(outcome)
}

impl Outcome {
    /// Takes the facts to be judged from the report, if there is one.
    fn read_report(&mut self) {
        let parsed = self.stderr.lines().rev().find_map(|line| serde_json::from_str::<Value>(line).ok());
        let Some(report) = parsed.filter(Value::is_object) else { return };
        let word = |key: &str| report.get(key).and_then(Value::as_str).map(str::to_owned);
        self.ending = word("ending");
        self.phase = word("phase");
        self.unacknowledged = report.get("bytes_unacknowledged").and_then(Value::as_u64);
        self.report = Some(report);
    }
}

/// What the threads of one run share.
#[derive(Clone, Copy)]
struct Running<'a> {
    scenario: &'a Scenario,
    peer: Option<&'a PeerHandle>,
    exited: &'a Progress,
    written: &'a Progress,
}

impl Running<'_> {
    /// Waits this long, or until the program has exited.
    fn pause(&self, time: Duration) {
        let _exited = self.exited.wait_for(1, time);
    }

    fn signal(&self, pid: Pid, endpoint: &Endpoint) -> io::Result<()> {
        let Some(signalling) = self.scenario.signal else { return Ok(()) };
        let end = Instant::now() + self.scenario.hang_limit;
        loop {
            let reached = match signalling.when {
                When::PeerAtStep(step) => self.peer.is_some_and(|peer| peer.wait_for_step(step, POLL)),
                When::OutputHas(n) => self.written.wait_for(n, POLL),
                When::Connecting => is_connecting(endpoint)? || self.exited.wait_for(1, POLL),
            };
            if self.exited.now() > 0 || Instant::now() > end {
                return Err(io::Error::other(format!("{:?} never came to be", signalling.when)));
            }
            if reached {
                break;
            }
        }
        let signal = match signalling.signal {
            Signal::Interrupt => rustix::process::Signal::INT,
            Signal::Terminate => rustix::process::Signal::TERM,
        };
        // To the program alone, as `kill` sends it: what it started is its own business.
        Ok(kill_process(pid, signal)?)
    }
}

/// How often a wait looks whether the program is still there.
const POLL: Duration = Duration::from_millis(10);

/// Somebody's SYN to this port is out and unanswered. The kernel's table tells; `proc_pid_net(5)`.
fn is_connecting(endpoint: &Endpoint) -> io::Result<bool> {
    let Endpoint::Tcp { port, .. } = endpoint else { return Ok(false) };
    let to = format!(":{port:04X}");
    let table = fs::read_to_string("/proc/net/tcp")?;
    Ok(table.lines().skip(1).any(|line| {
        let mut fields = line.split_whitespace().skip(2);
        // remote address, state; 02 is TCP_SYN_SENT
        fields.next().is_some_and(|remote| remote.ends_with(&to)) && fields.next() == Some("02")
    }))
}

fn with_closed_descriptors(argv: &[OsString], stdin: bool, stdout: bool) -> Vec<OsString> {
    let redirections = match (stdin, stdout) {
        (false, false) => return argv.to_vec(),
        (true, false) => "exec \"$@\" <&-",
        (false, true) => "exec \"$@\" >&-",
        (true, true) => "exec \"$@\" <&- >&-",
    };
    // std cannot start a program without a descriptor; a shell can.
    let mut all: Vec<OsString> = ["sh", "-c", redirections, "sh"].map(OsString::from).into();
    all.extend(argv.iter().cloned());
    all
}

fn kept(stderr: Option<impl Read>) -> String {
    let mut said = Vec::new();
    if let Some(mut stderr) = stderr {
        let _ = stderr.by_ref().take(STDERR_KEPT).read_to_end(&mut said);
        // A chatty program must not block on a full pipe.
        let _ = io::copy(&mut stderr, &mut io::sink());
    }
    String::from_utf8_lossy(&said).into_owned()
}

/// Runs `each` on every scenario that `wanted` picks, `workers` at a time, and gives the results in the matrix's
/// order. Most scenarios wait far more than they work, so many at a time cost little.
///
/// # Panics
///
/// If `each` does.
pub fn for_each<T: Send>(
    workers: usize,
    wanted: impl Fn(&Scenario) -> bool,
    each: impl Fn(&'static Scenario) -> T + Sync,
) -> Vec<(&'static Scenario, T)> {
    let mut queue: Vec<_> = crate::scenario::all().filter(|scenario| wanted(scenario)).enumerate().collect();
    // Taken from the end; those that are long come first there, so that none of them is started last.
    queue.sort_by_key(|(_, scenario)| scenario.hang_limit);
    let queue = std::sync::Mutex::new(queue);
    let next = || queue.lock().unwrap_or_else(std::sync::PoisonError::into_inner).pop();
    let mut done = thread::scope(|scope| {
        let work = || {
            let mut mine = Vec::new();
            while let Some((index, scenario)) = next() {
                mine.push((index, scenario, each(scenario)));
            }
            mine
        };
        let workers: Vec<_> = (0..workers.max(1)).map(|_| scope.spawn(work)).collect();
        let joined = workers.into_iter().map(thread::ScopedJoinHandle::join);
        joined.flat_map(|mine| mine.expect("a worker panics only if `each` does")).collect::<Vec<_>>()
    });
    done.sort_by_key(|(index, ..)| *index);
    done.into_iter().map(|(_, scenario, result)| (scenario, result)).collect()
}

/// The program at `path`, then its arguments.
pub fn argv(path: impl AsRef<OsStr>, arguments: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    std::iter::once(path.as_ref().to_owned()).chain(arguments).collect()
}

#[cfg(test)]
mod tests;
