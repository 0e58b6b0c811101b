//! The benchmark's processes: each in a process group of its own, which is killed when it is dropped, and when the
//! benchmark is interrupted. Every wait is bounded.

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::{BufRead, BufReader},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{LazyLock, Mutex, MutexGuard, PoisonError, mpsc},
    thread,
    time::{Duration, Instant},
};

/// What must be gone when the benchmark is.
#[derive(Default)]
struct Open {
    groups: BTreeSet<i32>,
    directories: BTreeSet<PathBuf>,
}

static OPEN: LazyLock<Mutex<Open>> = LazyLock::new(Mutex::default);

fn open() -> MutexGuard<'static, Open> {
    OPEN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// From here on, SIGINT and SIGTERM kill every process, and remove every file, before they end the benchmark.
pub(super) fn clean_up_on_signals(directory: &Path) -> Result<()> {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    open().directories.insert(directory.to_owned());
    let mut signals = signal_hook::iterator::Signals::new([SIGINT, SIGTERM, SIGHUP])?;
    thread::spawn(move || {
        if let Some(signal) = signals.forever().next() {
            let open = open();
            open.groups.iter().copied().for_each(kill_group);
            for directory in &open.directories {
                // What is left is said by nobody: the process ends here.
                let _ = fs::remove_dir_all(directory);
            }
            std::process::exit(128 + signal);
        }
    });
    Ok(())
}

fn kill_group(group: i32) {
    if let Some(group) = Pid::from_raw(group) {
        // It may be empty by now.
        let _ = kill_process_group(group, Signal::KILL);
    }
}

/// A line of a helper: `word number word number …`.
pub(super) type Fields = BTreeMap<String, i64>;

/// Why an awaited line did not come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Silence {
    /// Not in time.
    Late,
    /// The helper said why it failed, or went without a word.
    Failed(String),
}

/// A child that leads a process group of its own.
pub(super) struct Group {
    child: Child,
}

impl Group {
    /// Starts it.
    pub(super) fn start(command: &mut Command) -> Result<Self> {
        command.process_group(0);
        // Held until it is registered: a signal must not come between.
        let mut open = open();
        let child =
            command.spawn().with_context(|| format!("cannot start {}", command.get_program().display()))?;
        open.groups.insert(group_of(&child)?);
        Ok(Self { child })
    }

    /// The number of its leader, and of itself.
    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // Before it is reaped, so that its number cannot belong to another group.
        if let Ok(group) = group_of(&self.child) {
            kill_group(group);
            open().groups.remove(&group);
        }
        let _ = self.child.wait();
    }
}

/// A running helper.
pub(super) struct Process {
    /// Killed when this is dropped.
    _group: Group,
    lines: mpsc::Receiver<String>,
}

impl Process {
    /// Starts a helper with nothing in its environment but PATH.
    pub(super) fn start(helper: &Path, words: &[&str], input: Stdio, output: Stdio) -> Result<Self> {
        let mut command = Command::new(helper);
        command.args(words).stdin(input).stdout(output).stderr(Stdio::piped()).env_clear();
        if let Some(path) = std::env::var_os("PATH") {
            command.env("PATH", path);
        }
        let mut group = Group::start(&mut command)?;
        let stderr = group.child.stderr.take().context("standard error is a pipe")?;
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Ok(Self { _group: group, lines })
    }

    /// Waits for the line that begins with `word`; lines before it are passed over.
    pub(super) fn wait_for(&self, word: &str, until: Instant) -> Result<Fields, Silence> {
        loop {
            match self.lines.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(line) => match line.strip_prefix("failed ") {
                    Some(why) => return Err(Silence::Failed(why.to_owned())),
                    None if line.starts_with(word) => {
                        return fields(&line).map_err(|error| Silence::Failed(error.to_string()));
                    }
                    None => {}
                },
                Err(mpsc::RecvTimeoutError::Timeout) => return Err(Silence::Late),
                Err(mpsc::RecvTimeoutError::Disconnected) => {
                    return Err(Silence::Failed(format!("it ended without saying {word:?}")));
                }
            }
        }
    }
}

fn group_of(child: &Child) -> Result<i32> {
    Ok(i32::try_from(child.id())?)
}

/// Asks a tool to end. The launcher, its parent, then reports it.
pub(super) fn terminate(pid: i64) -> Result<()> {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).context("no number of a process")?;
    Ok(kill_process(pid, Signal::TERM)?)
}

fn fields(line: &str) -> Result<Fields> {
    let words: Vec<_> = line.split_whitespace().collect();
    let mut fields = Fields::new();
    for pair in words.chunks(2) {
        let [word, number] = pair else { bail!("a word without a number in {line:?}") };
        let number = number.parse().with_context(|| format!("{number:?} in {line:?}"))?;
        fields.insert((*word).to_owned(), number);
    }
    Ok(fields)
}

/// The port that a process listens on, found in /proc, because each tool says it in another way or not at all.
pub(super) fn listening_port(pid: i64, until: Instant) -> Result<u16> {
    loop {
        if let Some(port) = listening_now(pid) {
            return Ok(port);
        }
        if Instant::now() >= until {
            bail!("it does not listen");
        }
        thread::sleep(Duration::from_millis(2));
    }
}

fn listening_now(pid: i64) -> Option<u16> {
    let table = fs::read_to_string("/proc/net/tcp").ok()?;
    let mut inodes = BTreeMap::new();
    for line in table.lines().skip(1) {
        let columns: Vec<_> = line.split_whitespace().collect();
        if let [_, local, _, "0A", _, _, _, _, _, inode, ..] = columns[..] {
            let port = local.rsplit(':').next().and_then(|port| u16::from_str_radix(port, 16).ok())?;
            inodes.insert(format!("socket:[{inode}]"), port);
        }
    }
    let mut links = fs::read_dir(format!("/proc/{pid}/fd")).ok()?.filter_map(|entry| {
        let link = fs::read_link(entry.ok()?.path()).ok()?;
        Some(link.to_string_lossy().into_owned())
    });
    links.find_map(|link| inodes.get(&link).copied())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn a_line_is_pairs_of_a_word_and_a_number() {
        let fields = fields("done 1 received 1024 end -3").expect("pairs");
        assert_eq!(fields["received"], 1024);
        assert_eq!(fields["end"], -3);
        assert!(super::fields("done 1 received").is_err());
        assert!(super::fields("done one").is_err());
    }

    #[test]
    fn the_port_of_a_listening_process_is_found() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a socket");
        let port = listener.local_addr().expect("an address").port();
        let ours = i64::from(std::process::id());
        // Other tests of this process may listen too.
        let found = listening_port(ours, Instant::now()).expect("a port");
        assert!(found > 0 && port > 0);
    }

    #[test]
    fn a_process_that_says_nothing_is_late_and_one_that_ends_has_failed() {
        let sleep = Process::start(Path::new("sleep"), &["30"], Stdio::null(), Stdio::null()).expect("sleep");
        let soon = Instant::now() + Duration::from_millis(20);
        assert_eq!(sleep.wait_for("done", soon), Err(Silence::Late));
        let none = Process::start(Path::new("true"), &[], Stdio::null(), Stdio::null()).expect("true");
        let later = Instant::now() + Duration::from_secs(10);
        assert!(matches!(none.wait_for("done", later), Err(Silence::Failed(_))));
    }
}
