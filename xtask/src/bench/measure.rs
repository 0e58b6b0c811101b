//! One run of one tool in one case: starts the counterparts and the launcher, waits, and checks the bytes.

use super::{
    case::{Case, Input, Output, TINY, Transfer},
    process::{Fields, Process, Silence},
    tool::Tool,
};
use adieu_testkit::tls::authority::Authority;
use anyhow::{Context, Result};
use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant},
};

/// What one run took.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Sample {
    /// Seconds.
    pub(super) wall: f64,
    /// Seconds of the processor, the tool's own and the kernel's for it.
    pub(super) cpu: f64,
    /// KiB resident at most.
    pub(super) memory: f64,
}

/// A sample, or what stands in the tool's cell instead.
pub(super) type Measured = Result<Sample, String>;

/// Where the runs take place: the helper, and a directory in memory.
pub(super) struct Bench {
    pub(super) helper: PathBuf,
    pub(super) directory: PathBuf,
}

/// After the tool has gone, its counterparts have what they are to get.
const AFTERWARDS: Duration = Duration::from_secs(5);

impl Bench {
    /// The file of so many bytes that is sent. It is written once: every page of it is there.
    pub(super) fn file(&self, size: u64) -> Result<PathBuf> {
        let path = self.directory.join(format!("input-{size}"));
        if !path.exists() {
            let file = File::create(&path)?;
            let mut bytes = std::io::Read::take(std::io::repeat(b'a'), size);
            std::io::copy(&mut bytes, &mut &file).with_context(|| format!("cannot write {size} bytes"))?;
        }
        Ok(path)
    }

    pub(super) fn log(&self) -> PathBuf {
        self.directory.join("log")
    }

    pub(super) fn start(&self, words: &[&str], input: Stdio, output: Stdio) -> Result<Process> {
        Process::start(&self.helper, words, input, output)
    }

    /// Starts the launcher. The tool's standard error goes to the log.
    pub(super) fn launch(
        &self,
        runs: u32,
        each: Option<&Path>,
        input: Stdio,
        output: Stdio,
        command: &[String],
    ) -> Result<Process> {
        fs::write(self.log(), "")?;
        let (runs, log) = (runs.to_string(), self.log().to_string_lossy().into_owned());
        let each = each.map_or("-".into(), |path| path.to_string_lossy().into_owned());
        let mut words = vec!["launch", &runs, &each, &log];
        words.extend(command.iter().map(String::as_str));
        self.start(&words, input, output)
    }

    /// What the tool said last, to explain a failure.
    pub(super) fn last_words(&self) -> String {
        let log = fs::read_to_string(self.log()).unwrap_or_default();
        log.lines().last().map_or(String::new(), |line| {
            format!(": {}", line.chars().take(100).collect::<String>().replace('|', "/"))
        })
    }

    /// A new file for a tool's output.
    fn output_file(&self) -> Result<(PathBuf, File)> {
        let path = self.directory.join("output");
        // Removed and not only emptied: each run gets pages of its own.
        if path.exists() {
            fs::remove_file(&path)?;
        }
        let file = File::create(&path)?;
        Ok((path, file))
    }

    /// One stream of `size` bytes (or one each way).
    pub(super) fn transfer(
        &self,
        tool: &Tool,
        case: &Case,
        transfer: Transfer,
        size: u64,
        block: u64,
    ) -> Result<Measured> {
        let until = Instant::now() + patience(size);
        let file = self.file(size)?;
        let file_word = file.to_string_lossy().into_owned();
        let socket = self.directory.join("socket");
        if socket.exists() {
            fs::remove_file(&socket)?;
        }
        let endpoint = if transfer.unix { socket.to_string_lossy().into_owned() } else { "0".into() };
        let both_ways = transfer.up() && transfer.down;
        // Of the tools that speak TLS not all half-close.
        let counts = if transfer.tls { both_ways } else { transfer.up() && !tool.half_closes() };
        let end = if counts { size.to_string() } else { "eof".into() };
        let sent = if transfer.down { file_word.as_str() } else { "-" };
        let files = transfer.tls.then(|| &Authority::loopback().files);
        let files = files.map(|(certificate, key)| [certificate, key].map(|path| path.to_string_lossy()));
        let words = match &files {
            Some([certificate, key]) => vec!["tls-peer", certificate, key, sent, &end],
            None => vec!["peer", &endpoint, sent, &end],
        };
        let peer = self.start(&words, Stdio::null(), Stdio::null())?;
        let port = ready(peer.wait_for("port", until))?["port"];
        let endpoint = if transfer.unix { endpoint } else { port.to_string() };
        let command = match tool.client(case, &endpoint, block) {
            Ok(command) => command,
            Err(why) => return Ok(Err(why.into())),
        };

        let (input, feeder) = match transfer.input {
            Input::Nothing => (Stdio::null(), None),
            Input::File => (File::open(&file)?.into(), None),
            Input::Pipe => {
                let (reader, writer) = std::io::pipe()?;
                let feeder = self.start(&["feed", &file_word], Stdio::null(), writer.into())?;
                (reader.into(), Some(feeder))
            }
        };
        let mut written = None;
        let (output, emptier): (Stdio, _) = match transfer.output {
            Output::Null => (Stdio::null(), None),
            Output::File => {
                let (path, file) = self.output_file()?;
                written = Some(path);
                (file.into(), None)
            }
            Output::Pipe => {
                let (reader, writer) = std::io::pipe()?;
                let emptier = self.start(&["empty"], reader.into(), Stdio::null())?;
                (writer.into(), Some(emptier))
            }
        };
        let launcher = self.launch(1, None, input, output, &command)?;
        let ran = match launcher.wait_for("run", until) {
            Ok(ran) => ran,
            Err(Silence::Late) => {
                return Ok(Err(format!("hang: killed after {} s", patience(size).as_secs())));
            }
            Err(Silence::Failed(why)) => anyhow::bail!("the launcher of {}: {why}", tool.name),
        };
        drop(launcher);
        let until = Instant::now() + AFTERWARDS;
        let peer = peer.wait_for("done", until);
        let arrived = match (&written, emptier) {
            (Some(path), _) => Some(fs::metadata(path)?.len()),
            (None, Some(emptier)) => Some(count(&ready(emptier.wait_for("done", until))?, "received")),
            (None, None) => None,
        };
        drop(feeder);
        Ok(self.judge(transfer, size, &ran, peer, arrived))
    }

    fn judge(
        &self,
        transfer: Transfer,
        size: u64,
        ran: &Fields,
        peer: Result<Fields, Silence>,
        arrived: Option<u64>,
    ) -> Measured {
        let failed = |what: String| Err(format!("{what}{}", self.last_words()));
        if ran["exit"] != 0 {
            return failed(format!("exit {}", ran["exit"]));
        }
        let peer = match peer {
            Ok(peer) => peer,
            Err(Silence::Late) => return failed("exit 0, but the peer waits for more".into()),
            Err(Silence::Failed(why)) => return failed(format!("exit 0, but the peer: {why}")),
        };
        let at_peer = count(&peer, "received");
        if transfer.up() && at_peer != size {
            return failed(format!("truncated, exit 0: {at_peer} of {size} bytes at the peer"));
        }
        if let Some(arrived) = arrived.filter(|arrived| transfer.down && *arrived != size) {
            return failed(format!("truncated, exit 0: {arrived} of {size} bytes at the output"));
        }
        // A tool that goes before its bytes have arrived is not finished.
        Ok(sample(ran, ran["end"].max(peer["end"])))
    }

    /// So many tiny exchanges, one after the other.
    pub(super) fn tiny(
        &self,
        tool: &Tool,
        case: &Case,
        runs: u32,
        block: u64,
    ) -> Result<Result<Vec<Sample>, String>> {
        let limit = Duration::from_secs(20) + Duration::from_millis(50) * runs;
        let until = Instant::now() + limit;
        let end = if tool.half_closes() { "eof".into() } else { TINY.to_string() };
        let answer = self.start(&["answer", "0", &end], Stdio::null(), Stdio::null())?;
        let port = ready(answer.wait_for("port", until))?["port"];
        let command = match tool.client(case, &port.to_string(), block) {
            Ok(command) => command,
            Err(why) => return Ok(Err(why.into())),
        };
        let (path, output) = self.output_file()?;
        let launcher = self.launch(runs, Some(&self.file(TINY)?), Stdio::null(), output.into(), &command)?;
        let mut samples = Vec::new();
        for _ in 0..runs {
            match launcher.wait_for("run", until) {
                Ok(ran) if ran["exit"] == 0 => samples.push(sample(&ran, ran["end"])),
                Ok(ran) => return Ok(Err(format!("exit {}{}", ran["exit"], self.last_words()))),
                Err(Silence::Late) => {
                    return Ok(Err(format!("hang: {} of {runs} done in {limit:?}", samples.len())));
                }
                Err(Silence::Failed(why)) => anyhow::bail!("the launcher of {}: {why}", tool.name),
            }
        }
        let (arrived, wanted) = (fs::metadata(path)?.len(), TINY * u64::from(runs));
        Ok(if arrived == wanted {
            Ok(samples)
        } else {
            Err(format!("truncated, exit 0: {arrived} of {wanted} bytes in {runs} runs"))
        })
    }
}

/// How long a stream may take: as slow as 16 MiB/s, and a start.
fn patience(size: u64) -> Duration {
    Duration::from_secs(20 + size / (16 << 20))
}

/// A counterpart that fails before the tool has begun is a fault of the benchmark.
pub(super) fn ready(line: Result<Fields, Silence>) -> Result<Fields> {
    line.map_err(|silence| anyhow::anyhow!("a counterpart is not ready: {silence:?}"))
}

pub(super) fn count(fields: &Fields, name: &str) -> u64 {
    fields.get(name).and_then(|number| u64::try_from(*number).ok()).unwrap_or(0)
}

#[expect(clippy::cast_precision_loss, reason = "a time of hours, in nanoseconds, has bits to spare")]
pub(super) fn sample(ran: &Fields, end: i64) -> Sample {
    Sample {
        wall: (end - ran["began"]) as f64 / 1e9,
        cpu: ran["cpu"] as f64 / 1e6,
        memory: ran["memory"] as f64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_longer_stream_may_take_longer() {
        assert_eq!(patience(0), Duration::from_secs(20));
        assert_eq!(patience(1 << 30), Duration::from_secs(84));
    }

    #[test]
    fn a_sample_is_in_seconds_and_kibibytes() {
        let ran = [("began", 1_000_000_000), ("cpu", 250_000), ("memory", 2048)];
        let ran: Fields = ran.into_iter().map(|(name, number)| (name.to_owned(), number)).collect();
        assert_eq!(sample(&ran, 2_500_000_000), Sample { wall: 1.5, cpu: 0.25, memory: 2048.0 });
    }
}
