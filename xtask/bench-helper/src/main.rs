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

#[cfg(target_os = "linux")]
mod roles;

use std::process::ExitCode;

fn main() -> ExitCode {
    #[cfg(target_os = "linux")]
    let done = roles::run();
    #[cfg(not(target_os = "linux"))]
    let done: Result<(), _> = Err(anyhow::anyhow!("the benchmark is Linux's: sendfile, splice, MSG_TRUNC"));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("failed {error:#}");
            ExitCode::FAILURE
        }
    }
}
