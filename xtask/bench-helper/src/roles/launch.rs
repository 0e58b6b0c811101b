//! Runs a tool and measures it: wall time, processor time, peak memory.
//!
//! A process between the benchmark and the tool, because the kernel counts what a process held before its `exec` into
//! its peak memory (getrusage(2), RUSAGE_CHILDREN): a tool that the benchmark itself started would have the
//! benchmark's memory.

use super::now;
use anyhow::{Context, Result};
use nix::sys::resource::{Usage, UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use std::fs::{File, OpenOptions};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};

/// Runs `command` so many times, one after the other, with our own input and output. `input`, if it is not `-`, is
/// a file that each run gets from its beginning.
pub(crate) fn run(
    runs: &str,
    input: &str,
    log: &str,
    mut command: impl Iterator<Item = String>,
) -> Result<()> {
    let runs: u32 = runs.parse().context("the number of runs")?;
    let program = command.next().context("the program is missing")?;
    let arguments: Vec<String> = command.collect();
    let log = OpenOptions::new().create(true).append(true).open(log).context("the log")?;
    for _ in 0..runs {
        let mut command = Command::new(&program);
        command.args(&arguments).stderr(log.try_clone()?);
        if input != "-" {
            command.stdin(Stdio::from(File::open(input).context("the input")?));
        }
        let before = getrusage(UsageWho::RUSAGE_CHILDREN)?;
        let began = now();
        let mut child = command.spawn().with_context(|| format!("cannot run {program}"))?;
        if runs == 1 {
            eprintln!("pid {}", child.id());
        }
        let status = child.wait()?;
        let end = now();
        let after = getrusage(UsageWho::RUSAGE_CHILDREN)?;
        let exit = status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0));
        let cpu = microseconds(&after) - microseconds(&before);
        eprintln!("run 1 began {began} end {end} cpu {cpu} memory {} exit {exit}", after.max_rss());
    }
    Ok(())
}

/// Of the processor, by the program and for it.
fn microseconds(usage: &Usage) -> i64 {
    usage.user_time().num_microseconds() + usage.system_time().num_microseconds()
}
