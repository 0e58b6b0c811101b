//! Instruction counts: the same on a noisy machine as on a quiet one, so that a regression shows.

use super::process::Process;
use adieu_testkit::skip;
use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

/// The committed counts: bench/instructions.json.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Counts {
    /// What counted, and what compiled: another of either may count otherwise.
    pub(super) valgrind: String,
    pub(super) rustc: String,
    /// Of one connection of 64 chunks each way in the core, without starting the process.
    pub(super) core_per_connection: u64,
    /// Of the whole process of one tiny exchange, the dynamic linker included.
    pub(super) tiny_exchange: u64,
    /// Of the same exchange by `adieu nc -N`.
    pub(super) netcat_exchange: u64,
    /// Of the same by nc.openbsd, which the former is not to exceed by more than a tenth. `None`: it is not installed.
    pub(super) of_nc_openbsd: Option<u64>,
}

/// More than this, up or down, and the check fails: what has become better is to be blessed.
const TOLERANCE: f64 = 0.05;
const RUNS: usize = 5;
/// How much of nc.openbsd's instructions `adieu nc` may take.
const NETCAT_RATIO: f64 = 1.1;
/// The core's driver is counted with two numbers of connections, and the difference is theirs.
const CONNECTIONS: [u64; 2] = [1000, 3000];
const LIMIT: Duration = Duration::from_secs(60);

/// The programs, and a directory for what callgrind leaves.
pub(super) struct Counter {
    pub(super) helper: PathBuf,
    pub(super) adieu: PathBuf,
    pub(super) directory: PathBuf,
}

/// Several counts of the same.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Spread {
    pub(super) median: u64,
    pub(super) least: u64,
    pub(super) most: u64,
}

impl Counter {
    pub(super) fn count(&self) -> Result<Counts> {
        let valgrind = valgrind()?;
        let rustc = first_line(Command::new("rustc").arg("--version"))?;
        let core = repeat("the core, per connection", || self.core())?;
        let tiny_exchange = repeat("the tiny exchange", || self.tiny_exchange())?;
        let netcat = |program: &Path, words: &[&str]| {
            self.exchange_with(program, |port| {
                let own = [words, &["-N", "127.0.0.1", port]].concat();
                own.into_iter().map(ToOwned::to_owned).collect()
            })
        };
        let ours = repeat("the tiny exchange of adieu nc", || netcat(&self.adieu, &["nc"]))?;
        let theirs = match skip::installed("nc.openbsd") {
            Some(program) => {
                Some(repeat("the tiny exchange of nc.openbsd", || netcat(&program, &[]))?.median)
            }
            None => None,
        };
        Ok(Counts {
            valgrind,
            rustc,
            core_per_connection: core.median,
            tiny_exchange: tiny_exchange.median,
            netcat_exchange: ours.median,
            of_nc_openbsd: theirs,
        })
    }

    fn core(&self) -> Result<u64> {
        let [few, many] = CONNECTIONS;
        let run = |connections: u64| {
            let words = ["core".to_owned(), connections.to_string()];
            self.callgrind(&self.helper, &words, None)
        };
        Ok((run(many)? - run(few)?) / (many - few))
    }

    fn tiny_exchange(&self) -> Result<u64> {
        self.exchange_with(&self.adieu, |port| {
            ["connect", "-q", &format!("127.0.0.1:{port}")].map(ToOwned::to_owned).into()
        })
    }

    /// Counts what a program takes for one exchange of 14 bytes.
    fn exchange_with(&self, program: &Path, line: impl FnOnce(&str) -> Vec<String>) -> Result<u64> {
        let words = ["answer", "0", "eof"];
        let answer = Process::start(&self.helper, &words, Stdio::null(), Stdio::null())?;
        let port = answer
            .wait_for("port", Instant::now() + LIMIT)
            .map_err(|silence| anyhow::anyhow!("the counterpart is not ready: {silence:?}"))?["port"];
        let input = self.directory.join("fourteen");
        fs::write(&input, "this is a test")?;
        self.callgrind(program, &line(&port.to_string()), Some(&input))
    }

    /// Counts the instructions of a command that must succeed. Nothing is in its environment, and its addresses are
    /// always the same, so that nothing outside it makes it longer or shorter.
    fn callgrind(&self, program: &Path, words: &[String], input: Option<&Path>) -> Result<u64> {
        let (counts, output) = (self.directory.join("callgrind.out"), self.directory.join("callgrind.log"));
        let machine = first_line(Command::new("uname").arg("-m"))?;
        if counts.exists() {
            // What an earlier run has left must not be taken for this one's.
            fs::remove_file(&counts)?;
        }
        let mut command = Command::new("timeout");
        command.arg(LIMIT.as_secs().to_string()).args(["setarch", &machine, "-R", "valgrind"]);
        command.arg("--tool=callgrind").arg(format!("--callgrind-out-file={}", counts.display()));
        command.arg(format!("--log-file={}", output.display())).arg(program).args(words);
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.stdout(Stdio::null());
        command.stdin(match input {
            Some(path) => fs::File::open(path)?.into(),
            None => Stdio::null(),
        });
        let done = command.output().context("cannot run timeout, setarch and valgrind")?;
        if !done.status.success() {
            let log = fs::read_to_string(&output).unwrap_or_default();
            let said = String::from_utf8_lossy(&done.stderr).into_owned();
            bail!("{} under callgrind: {}\n{said}{log}", program.display(), done.status);
        }
        total(&fs::read_to_string(&counts).context("callgrind has left no counts")?)
    }
}

/// callgrind's own sum of all instructions.
fn total(output: &str) -> Result<u64> {
    let line = output.lines().find_map(|line| line.strip_prefix("totals:").or(line.strip_prefix("summary:")));
    let number = line.context("callgrind's output has neither totals nor summary")?;
    number.trim().parse().with_context(|| format!("{number:?} is no count"))
}

fn valgrind() -> Result<String> {
    first_line(Command::new("valgrind").arg("--version")).context(
        "instructions are counted by valgrind, and it cannot be run; install it, for example with \
         `apt-get install valgrind`, `dnf install valgrind` or `pacman -S valgrind`",
    )
}

fn first_line(command: &mut Command) -> Result<String> {
    let done = command.stdin(Stdio::null()).output()?;
    ensure!(done.status.success(), "{command:?}: {}", done.status);
    Ok(String::from_utf8_lossy(&done.stdout).lines().next().unwrap_or("").to_owned())
}

#[expect(clippy::print_stdout, reason = "what was counted is for people")]
fn repeat(what: &str, mut count: impl FnMut() -> Result<u64>) -> Result<Spread> {
    let counts = (0..RUNS).map(|_| count()).collect::<Result<Vec<_>>>()?;
    let spread = spread(&counts).context("nothing was counted")?;
    let Spread { median, least, most } = spread;
    let percent = relative(most, least) * 100.0;
    println!("{what}: {median} instructions ({least} to {most}, {percent:.3} % apart in {RUNS} runs)");
    Ok(spread)
}

fn spread(counts: &[u64]) -> Option<Spread> {
    let mut sorted = counts.to_vec();
    sorted.sort_unstable();
    Some(Spread { median: *sorted.get(sorted.len() / 2)?, least: *sorted.first()?, most: *sorted.last()? })
}

/// How much more `now` is than `before`, as a part of it.
#[expect(clippy::cast_precision_loss, reason = "millions")]
fn relative(now: u64, before: u64) -> f64 {
    (now as f64 - before as f64) / before as f64
}

/// What has moved by more than is tolerated; one line each.
pub(super) fn moved(committed: &Counts, now: &Counts) -> Vec<String> {
    let pairs = [
        ("the core, per connection", committed.core_per_connection, now.core_per_connection),
        ("the tiny exchange", committed.tiny_exchange, now.tiny_exchange),
        ("the tiny exchange of adieu nc", committed.netcat_exchange, now.netcat_exchange),
    ];
    let mut lines = Vec::new();
    for (what, before, after) in pairs {
        let part = relative(after, before);
        if part.abs() > TOLERANCE {
            let percent = part * 100.0;
            lines.push(format!(
                "{what}: {before} instructions are committed, {after} counted: {percent:+.1} %"
            ));
        }
    }
    if let Some(theirs) = now.of_nc_openbsd
        && relative(now.netcat_exchange, theirs) > NETCAT_RATIO - 1.0
    {
        lines.push(format!(
            "the tiny exchange of adieu nc: {} instructions, and nc.openbsd's {theirs} with a tenth more are the limit",
            now.netcat_exchange
        ));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(core: u64, tiny: u64) -> Counts {
        Counts {
            valgrind: "v".into(),
            rustc: "r".into(),
            core_per_connection: core,
            tiny_exchange: tiny,
            netcat_exchange: 110,
            of_nc_openbsd: Some(100),
        }
    }

    #[test]
    fn the_total_is_callgrind_s_own() {
        assert_eq!(total("version: 1\nevents: Ir\nsummary: 42\n\nfn=x\n1 2\n").ok(), Some(42));
        assert_eq!(total("events: Ir\nfn=x\n1 2\ntotals: 1234567\n").ok(), Some(1_234_567));
        assert!(total("events: Ir\n").is_err());
        assert!(total("totals: many\n").is_err());
    }

    #[test]
    fn five_percent_is_tolerated_and_more_is_not() {
        let committed = counts(1000, 100_000);
        assert_eq!(moved(&committed, &counts(1050, 95_000)), Vec::<String>::new());
        let lines = moved(&committed, &counts(1051, 94_000));
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[1], "the tiny exchange: 100000 instructions are committed, 94000 counted: -6.0 %");
    }

    #[test]
    fn adieu_nc_may_take_a_tenth_more_than_nc_openbsd() {
        let committed = counts(1, 2);
        let slower = Counts { netcat_exchange: 112, ..committed.clone() };
        assert_eq!(moved(&slower, &slower).len(), 1);
        let alone = Counts { of_nc_openbsd: None, ..slower };
        assert_eq!(moved(&alone, &alone), Vec::<String>::new());
    }

    #[test]
    fn the_spread_is_the_least_and_the_most() {
        assert_eq!(spread(&[5, 1, 3]), Some(Spread { median: 3, least: 1, most: 5 }));
        assert_eq!(spread(&[]), None);
    }

    #[test]
    fn committed_counts_are_read_back() {
        let before = counts(1, 2);
        let text = serde_json::to_string_pretty(&before).expect("JSON");
        assert_eq!(serde_json::from_str::<Counts>(&text).expect("JSON"), before);
    }
}
