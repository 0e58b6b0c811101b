//! `cargo xtask bench --explain`: `adieu explain` beside tshark and tcptrace, on one large capture, in alternating rounds.
//!
//! tshark and tcptrace are taken from the system and left out where they are not installed. What they say of the connections is not
//! compared: both are asked for a table of them.

mod capture;

use super::Programs;
use super::measure::{Bench, Sample, sample};
use super::numbers::{Metric, figure, written};
use super::page::Machine;
use super::process::Silence;
use anyhow::{Context, Result, bail, ensure};
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// How long one run may take.
const PATIENCE: Duration = Duration::from_secs(600);

/// The whole capture: 38,000 connections are half a gigabyte.
const CONNECTIONS: u32 = 38_000;

struct Tool {
    name: &'static str,
    version: String,
    command: Vec<String>,
}

/// The page.
pub(super) fn run(programs: &Programs, directory: &Path, rounds: u32, quick: bool) -> Result<String> {
    let connections = if quick { CONNECTIONS / 20 } else { CONNECTIONS };
    let path = directory.join("capture.pcap");
    let mut file = BufWriter::with_capacity(1 << 20, File::create(&path)?);
    capture::write(&mut file, connections)?;
    file.flush().context("the capture cannot be written")?;
    let size = fs::metadata(&path)?.len();
    let tools = tools(programs, &path.to_string_lossy())?;
    let bench = Bench { helper: programs.helper.clone(), directory: directory.to_owned() };
    let machine = Machine::ask()?;
    let mut samples: Vec<Vec<Sample>> = vec![Vec::new(); tools.len()];
    for _ in 0..rounds {
        for (tool, samples) in tools.iter().zip(&mut samples) {
            samples.push(once(&bench, tool).with_context(|| tool.name)?);
        }
    }
    let mut page = format!(
        "# `adieu explain` beside tshark and tcptrace\n\nWritten by `cargo xtask bench --explain`; nothing on it is typed. A capture of \
         {connections} connections and {} MB, {rounds} alternating rounds; a figure is the median.\n\n{}\n\
         | program | seconds | CPU seconds | MiB at most | time, as a multiple of adieu's |\n| --- | ---: | ---: | ---: | ---: |\n",
        size / 1_000_000,
        machine.lines()
    );
    let median =
        |samples: &[Sample], metric| figure(samples, metric).map_or(f64::NAN, |figure| figure.median);
    let ours = median(&samples[0], Metric::Wall);
    for (tool, samples) in tools.iter().zip(&samples) {
        let (wall, cpu) = (median(samples, Metric::Wall), median(samples, Metric::Cpu));
        let memory = median(samples, Metric::Memory) / 1024.0;
        let figures = [wall, cpu, memory, wall / ours].map(written);
        let _ = writeln!(page, "| {} | {} |", tool.name, figures.join(" | "));
    }
    page.push_str("\n## The programs\n\n");
    for tool in &tools {
        let _ = writeln!(page, "- {}: {}", tool.name, tool.version);
    }
    Ok(page)
}

/// adieu first, and the others as far as they are installed.
fn tools(programs: &Programs, capture: &str) -> Result<Vec<Tool>> {
    let adieu = programs.adieu.to_string_lossy().into_owned();
    let all = [
        ("adieu explain", vec![adieu.as_str(), "explain", capture], vec!["--version"]),
        ("tshark -q -z conv,tcp", vec!["tshark", "-q", "-z", "conv,tcp", "-r", capture], vec!["--version"]),
        ("tcptrace -n -l", vec!["tcptrace", "-n", "-l", capture], vec!["-v"]),
    ];
    let mut tools = Vec::new();
    for (name, command, version) in all {
        let asked = Command::new(command[0]).args(version).stdin(Stdio::null()).output();
        let Ok(asked) = asked else { continue };
        let said = [asked.stdout, asked.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        let line = said.lines().find(|line| line.contains(|c: char| c.is_ascii_digit()));
        let version = line.unwrap_or("unknown").trim().to_owned();
        tools.push(Tool { name, version, command: command.into_iter().map(str::to_owned).collect() });
    }
    ensure!(tools.first().is_some_and(|tool| tool.name.starts_with("adieu")), "adieu does not start");
    Ok(tools)
}

fn once(bench: &Bench, tool: &Tool) -> Result<Sample> {
    let launcher = bench.launch(1, None, Stdio::null(), Stdio::null(), &tool.command)?;
    match launcher.wait_for("run", Instant::now() + PATIENCE) {
        Ok(ran) if ran["exit"] == 0 => Ok(sample(&ran, ran["end"])),
        Ok(ran) => bail!("exit {}{}", ran["exit"], bench.last_words()),
        Err(Silence::Late) => bail!("it takes more than {} s", PATIENCE.as_secs()),
        Err(Silence::Failed(why)) => bail!("the launcher: {why}"),
    }
}
