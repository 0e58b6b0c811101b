//! Runs any program against a scenario, as a shell would, and notes what happened: the binary arm. A library's driver
//! runs in its place on a thread of this process, between the same two ends: its own arms.
//!
//! It does not judge: [`crate::judge`] does, by what is true of adieu, and `cargo xtask peers` by what may be asked of
//! any netcat.

mod in_process;
mod os;
mod process;
mod stdio;
mod surroundings;

pub use in_process::{Enter, Given};
pub use surroundings::Surroundings;

use crate::progress::Progress;
use crate::scenario::{Scenario, Signal, When};
use crate::{Endpoint, PeerHandle, PeerLog, pattern_sent_by};
use in_process::InProcess;
use process::Process;
use serde_json::Value;
use std::{
    ffi::{OsStr, OsString},
    fs::{self, File},
    io,
    path::Path,
    process::ExitStatus,
    thread,
    time::{Duration, Instant},
};
use stdio::{Feed, Tap};

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
            None => Self::Signal(os::signal_of(status).unwrap_or(0)),
        }
    }
}

/// What happened in one run of one scenario.
#[derive(Clone, Debug, Default)]
pub struct Observed {
    /// How the program ended; `None` if it had to be killed. In this process: the exit status that its report names.
    pub exit: Option<Exit>,
    /// It ran longer than the scenario's hang limit and was killed; a thread is left behind.
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

/// Runs the program that `arguments` gives (program first) for the endpoint to connect to, in surroundings that were made for it.
///
/// # Errors
///
/// The harness failed, not the program.
pub fn run_at(
    mut surroundings: Surroundings,
    scenario: &Scenario,
    arguments: impl FnOnce(&Scenario, &Endpoint) -> Vec<OsString>,
) -> io::Result<Observed> {
    let mut argv = std::mem::take(&mut surroundings.prefix);
    argv.extend(arguments(scenario, &surroundings.endpoint));
    let peer = surroundings.peer.take();
    let observed = supervise(scenario, peer, &surroundings.endpoint, |stdin, stdout| {
        Process::start(&argv, stdin, stdout)
    })?;
    drop(surroundings);
    Ok(observed)
}

/// Runs `drive` in this process, on a thread of its own that stands where the target is (its network namespace, its
/// `/etc/hosts`), between the ends that a program would have. It gives the report in its JSON form. `stop` is called in
/// place of a signal.
///
/// # Errors
///
/// As [`run_at`]; also if the scenario leaves a program without an end, which a thread cannot be.
pub fn run_in_process_at(
    mut surroundings: Surroundings,
    scenario: &Scenario,
    stop: impl Fn(Signal) + Clone + Send,
    drive: impl FnOnce(Given) -> Value + Send + 'static,
) -> io::Result<Observed> {
    let (enter, peer) = (surroundings.enter.take(), surroundings.peer.take());
    let endpoint = surroundings.endpoint.clone();
    let observed = supervise(scenario, peer, &surroundings.endpoint, |stdin, stdout| {
        let (Some(stdin), Some(stdout)) = (stdin, stdout) else {
            return Err(io::Error::other("a closed standard descriptor is the binary's arm alone"));
        };
        InProcess::start(scenario.name, enter, Given { endpoint, stdin, stdout }, stop, drive)
    })?;
    drop(surroundings);
    Ok(observed)
}

/// Runs a program that listens and writes its port into the file that `arguments` gets; the peer connects to
/// that port on 127.0.0.1, or to the Unix socket that stands in it.
///
/// # Errors
///
/// If the harness failed.
pub fn run_listening(
    scenario: &Scenario,
    arguments: impl FnOnce(&Scenario, &Path) -> Vec<OsString>,
) -> io::Result<Observed> {
    let directory = tempfile::Builder::new().prefix("adieu-listen-").tempdir()?;
    let port_file = directory.path().join("port");
    let argv = arguments(scenario, &port_file);
    let find = move || {
        let told = fs::read_to_string(&port_file).ok()?;
        if let Some(path) = told.trim().strip_prefix("unix:") {
            return Some(Endpoint::Unix(path.into()));
        }
        let port = told.trim().rsplit(':').next()?.parse().ok()?;
        Some(Endpoint::Tcp { host: "127.0.0.1".into(), port })
    };
    let peer = PeerHandle::connect(find, scenario.script)?;
    let nowhere = Endpoint::Tcp { host: "127.0.0.1".into(), port: 0 };
    supervise(scenario, Some(peer), &nowhere, |stdin, stdout| Process::start(&argv, stdin, stdout))
}

/// Something under way between two ends.
trait Program {
    /// Sends it a signal, while it is waited for.
    fn signaller(&self) -> impl FnOnce(Signal) -> io::Result<()> + Send + use<Self>;

    /// Waits for its end, at most for `limit`, and notes how it ended. What has not ended by then is stopped.
    fn wait(self, limit: Duration, observed: &mut Observed);
}

fn supervise<P: Program>(
    scenario: &Scenario,
    peer: Option<PeerHandle>,
    endpoint: &Endpoint,
    start: impl FnOnce(Option<File>, Option<File>) -> io::Result<P>,
) -> io::Result<Observed> {
    let scratch = tempfile::Builder::new().prefix("adieu-run-").tempdir()?;
    let (stdin, feed) = Feed::of(scenario.input, scratch.path())?;
    let (stdout, tap) = Tap::of(scenario.output, scratch.path(), pattern_sent_by(scenario.script))?;

    let began = Instant::now();
    let program = start(stdin, stdout)?;
    let signaller = program.signaller();
    let exited = Progress::new();
    let written = Progress::new();
    let mut observed = Observed::default();
    thread::scope(|scope| {
        let run = Running { scenario, peer: peer.as_ref(), exited: &exited, written: &written };
        let feeding = thread::Builder::new().spawn_scoped(scope, move || feed.run(run));
        let tapping = thread::Builder::new().spawn_scoped(scope, move || tap.run(run));
        let signalling = thread::Builder::new().spawn_scoped(scope, move || run.signal(endpoint, signaller));
        program.wait(scenario.hang_limit, &mut observed);
        observed.wall = began.elapsed();
        exited.reach(1);
        if let Some(peer) = &peer {
            peer.release();
        }
        for (what, thread) in [("input", feeding), ("signal", signalling)] {
            match joined(thread) {
                Ok(()) => {}
                Err(error) => observed.trouble.push(format!("{what}: {error}")),
            }
        }
        match joined(tapping) {
            Ok(tapped) => {
                observed.output_bytes = tapped.as_ref().map(crate::pattern::Verifier::count);
                observed.output_first_wrong = tapped.and_then(|tapped| tapped.first_wrong());
            }
            Err(error) => observed.trouble.push(format!("output: {error}")),
        }
    });
    observed.peer = peer.map(PeerHandle::finish);
    observed.read_report();
    Ok(observed)
}

/// What a thread gave that may not have been had.
fn joined<T>(thread: io::Result<thread::ScopedJoinHandle<'_, io::Result<T>>>) -> io::Result<T> {
    thread?.join().unwrap_or_else(|_| Err(io::Error::other("its thread panicked")))
}

impl Observed {
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

    fn signal(&self, endpoint: &Endpoint, send: impl FnOnce(Signal) -> io::Result<()>) -> io::Result<()> {
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
        send(signalling.signal)
    }
}

/// How often a wait looks whether the program is still there.
const POLL: Duration = Duration::from_millis(10);

/// Somebody's SYN to this port is out and unanswered. The kernel's table tells; `proc_pid_net(5)`.
fn is_connecting(endpoint: &Endpoint) -> io::Result<bool> {
    let Endpoint::Tcp { port, .. } = endpoint else { return Ok(false) };
    let to = format!(":{port:04X}");
    let table = fs::read_to_string(crate::os::TABLE_OF_TCP)?;
    Ok(table.lines().skip(1).any(|line| {
        let mut fields = line.split_whitespace().skip(2);
        // remote address, state; 02 is TCP_SYN_SENT
        fields.next().is_some_and(|remote| remote.ends_with(&to)) && fields.next() == Some("02")
    }))
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
        // Where threads are short there are fewer, and this one works too.
        let workers: Vec<_> =
            (1..workers).map_while(|_| thread::Builder::new().spawn_scoped(scope, work).ok()).collect();
        let mine = work();
        let joined = workers.into_iter().map(thread::ScopedJoinHandle::join);
        let theirs = joined.flat_map(|mine| mine.expect("a worker panics only if `each` does"));
        theirs.chain(mine).collect::<Vec<_>>()
    });
    done.sort_by_key(|(index, ..)| *index);
    done.into_iter().map(|(_, scenario, result)| (scenario, result)).collect()
}

/// The program at `path`, then its arguments.
pub fn argv(path: impl AsRef<OsStr>, arguments: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    std::iter::once(path.as_ref().to_owned()).chain(arguments).collect()
}
