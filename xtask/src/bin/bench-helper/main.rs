//! The processes that `cargo xtask bench` starts: counterparts, limit programs, the launcher that measures.
//!
//! Its own binary and without an argument parser, because what is measured here starts it: a limit program that takes
//! a millisecond to start would be no limit, and the launcher's memory is the floor of every figure of memory.
//! It does not decide anything: what is run, and what a figure means, is the benchmark's (`xtask/src/bench`).
//!
//! What it has to say goes to standard error, one line each, because the standard input and output are often what is
//! measured: pairs of a word and a number, the first of which names the line (`port`, `pid`, `run`, `done`); or `failed`,
//! the reason, and exit status 1.
#![expect(clippy::print_stderr, reason = "the lines are how it reports")]

mod core;
mod counterpart;
mod echo;
mod launch;
mod limit;
mod load;
mod moving;
mod net;

use anyhow::{Context, Result, bail};
use rustix::process::{Signal, set_parent_process_death_signal};
use std::process::ExitCode;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("failed {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let mut next = |name: &str| arguments.next().with_context(|| format!("{name} is missing"));
    let role = next("the role")?;
    // A limit program does nothing but its case; whoever else there is goes when the benchmark goes.
    if role != "limit" {
        set_parent_process_death_signal(Some(Signal::KILL))?;
    }
    match role.as_str() {
        "limit" => limit::run(&next("the case")?, &next("the endpoint")?),
        "peer" => counterpart::peer(&next("the endpoint")?, &next("the file")?, &next("the end")?),
        "answer" => counterpart::answer(&next("the endpoint")?, &next("the end")?),
        "feed" => counterpart::feed(&next("the file")?),
        "empty" => counterpart::empty(),
        "load" => load::run(&next("the port")?, &next("the clients")?, &next("the amount")?),
        "core" => core::run(&next("the connections")?),
        "launch" => launch::run(&next("the runs")?, &next("the input")?, &next("the log")?, arguments),
        other => bail!("there is no role {other:?}"),
    }
}

/// A moment that processes of one machine can compare, in nanoseconds.
fn now() -> i64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    time.tv_sec * 1_000_000_000 + time.tv_nsec
}
