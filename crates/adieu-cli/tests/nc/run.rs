//! Runs one line with one program, and the peer that its scene has.

use crate::corpus::{Flavour, Row};
use crate::scene::{OUT, Peer};
use adieu_testkit::skip;
use rustix::process::{Pid, Signal, kill_process_group};
use std::io::Read;
use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// No line takes longer.
const BOUND: Duration = Duration::from_secs(30);

/// What nc is, while a line runs.
#[derive(Debug)]
pub(crate) struct Program {
    path: PathBuf,
    is_adieu: bool,
}

/// What a line came to.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// `None`: it was ended by the test, as its scene says.
    pub(crate) status: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    /// What the peer received, and of a scene that writes files what is in them.
    pub(crate) received: String,
}

impl Outcome {
    /// The messages, without what cannot be the same: ports that the system chose, and ncat's times and banner.
    pub(crate) fn messages(&self) -> Vec<String> {
        let differs = ["Ncat: Version", "bytes sent,", "fingerprint"];
        let lines = self.stderr.lines().filter(|line| !differs.iter().any(|part| line.contains(part)));
        lines.map(settled).collect()
    }

    /// Where it listens has no name here, and the original says so instead of the address.
    pub(crate) fn is_nameless(&self) -> bool {
        self.stderr.contains("getnameinfo: ")
    }
}

/// A message, with PORT for each port that the system chose.
fn settled(line: &str) -> String {
    let word =
        |word: &str| match word.rsplit_once(':').map_or(word, |(_, port)| port).trim_end_matches('.').parse()
        {
            Ok(32_768..=65_535_u16) => "PORT".to_owned(),
            _ => word.to_owned(),
        };
    line.split(' ').map(word).collect::<Vec<_>>().join(" ")
}

impl Program {
    pub(crate) fn adieu() -> Self {
        Self { path: env!("CARGO_BIN_EXE_adieu").into(), is_adieu: true }
    }

    /// `None`: it is not installed.
    pub(crate) fn original(flavour: Flavour) -> Option<Self> {
        let path = skip::counterpart("command lines of public scripts", flavour.program())?;
        Some(Self { path, is_adieu: false })
    }

    /// A shell that runs a line of the row in this directory, with nc being this program.
    fn shell(&self, row: &Row, line: &str, directory: &Path) -> Command {
        let bin = directory.join("bin");
        if !bin.exists() {
            std::fs::create_dir(&bin).expect("there is room for a directory");
            for name in ["nc", "ncat", "netcat", "nc.traditional", "nc.openbsd"] {
                symlink(&self.path, bin.join(name)).expect("a link can be made");
            }
        }
        let path = std::env::var("PATH").unwrap_or_default();
        let mut command = Command::new("sh");
        command.args(["-c", line]).current_dir(directory).env("PATH", format!("{}:{path}", bin.display()));
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("ADIEU_"))
        {
            command.env_remove(name);
        }
        if self.is_adieu {
            command.env("ADIEU_NC_FLAVOUR", row.flavour.name()).env("ADIEU_NC_EXEC", "allow");
        }
        // The words of the system's messages.
        command.env("LC_ALL", "C");
        command
    }

    /// The program with these words.
    pub(crate) fn with(&self, words: &[String]) -> Output {
        Command::new(&self.path).args(words).output().expect("the built binary starts")
    }

    /// `adieu nc --explain` of the row's line.
    pub(crate) fn explain(&self, row: &Row) -> Output {
        let mut command = Command::new(&self.path);
        command.args(["nc", "--explain", row.line]).env("ADIEU_NC_FLAVOUR", row.flavour.name());
        command.output().expect("the built binary starts")
    }
}

/// Runs it.
pub(crate) fn run(row: &Row, program: &Program) -> Outcome {
    let directory = tempfile::tempdir().expect("there is room for a directory");
    std::fs::write(directory.path().join("file"), "the bytes\nof a file\n").expect("a file can be written");
    let peer = Peer::start(&row.scene, directory.path());
    let mut command = program.shell(row, row.line, directory.path());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
    let mut child = command.spawn().expect("a shell starts");
    let (stdout, stderr) = (Reader::start(child.stdout.take()), Reader::start(child.stderr.take()));
    let received = peer.act(directory.path());
    stdout.wait_for_lines(row.scene.lines_to_wait_for(), &directory.path().join(OUT));
    let status = if row.scene.is_ended_by_test() {
        end(&mut child);
        None
    } else {
        status(&mut child)
    };
    let received = received.finish(directory.path());
    Outcome { status, stdout: stdout.finish(), stderr: stderr.finish(), received }
}

fn end(child: &mut Child) {
    let _ = kill_process_group(Pid::from_child(child), Signal::TERM);
    let _ = child.wait();
}

/// Its exit status, 124 if it hangs.
fn status(child: &mut Child) -> Option<i32> {
    let end = Instant::now() + BOUND;
    loop {
        if let Some(status) = child.try_wait().expect("it can be waited for") {
            return status.code();
        }
        if Instant::now() > end {
            let _ = kill_process_group(Pid::from_child(child), Signal::KILL);
            let _ = child.wait();
            return Some(124);
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// What a pipe gives, on a thread of its own.
struct Reader {
    bytes: Arc<Mutex<Vec<u8>>>,
    thread: JoinHandle<()>,
}

impl Reader {
    fn start(pipe: Option<impl Read + Send + 'static>) -> Self {
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let shared = Arc::clone(&bytes);
        let thread = std::thread::spawn(move || {
            let mut pipe = pipe.expect("it is a pipe");
            let mut buffer = [0; 4096];
            // What it had is what counts.
            while let Ok(length @ 1..) = pipe.read(&mut buffer) {
                shared.lock().expect("nobody panicked").extend_from_slice(&buffer[..length]);
            }
        });
        Self { bytes, thread }
    }

    /// Waits until so many lines are here or in this file.
    fn wait_for_lines(&self, count: usize, file: &Path) {
        let lines = |bytes: &[u8]| bytes.split(|byte| *byte == b'\n').count() - 1;
        let end = Instant::now() + BOUND;
        while lines(&self.bytes.lock().expect("nobody panicked"))
            + lines(&std::fs::read(file).unwrap_or_default())
            < count
            && Instant::now() < end
        {
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    fn finish(self) -> String {
        self.thread.join().expect("reading does not panic");
        let bytes = self.bytes.lock().expect("nobody panicked");
        String::from_utf8_lossy(&bytes).into_owned()
    }
}
