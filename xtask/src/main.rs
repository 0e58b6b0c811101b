//! `cargo xtask`: the one door for what people and CI run on this repository.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program whose output is for people")]

mod bench;
mod book;
mod capi;
mod ci;
mod circles;
mod dist;
mod failures;
mod features;
mod fuzz;
mod mutants;
mod parts;
mod peers;
mod platforms;
mod publish;
mod windows;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use std::{
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", about, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Everything that must hold before a change lands: format, lints, tests, documentation, licences
    Ci,
    /// Runs the closing matrix against the installed netcats and adieu, and writes docs/peers.md
    Peers(peers::Arguments),
    /// Measures throughput, processor time, memory and start-up beside the netcats, and writes bench/RESULTS.md
    Bench(bench::Arguments),
    /// Draws the pictures of docs/ and builds the book, into target/book
    Book(book::Arguments),
    /// Fuzzes the parsers, the protocols and the end of TLS, with cargo-fuzz
    Fuzz(fuzz::Arguments),
    /// Changes the core in one place at a time and fails if its own tests do not notice, with cargo-mutants
    Mutants(mutants::Arguments),
    /// Looks for modules that import each other in a circle, and for imports from a lower layer to a higher one
    Circles,
    /// Builds the library and its documentation in every combination of its features, and beside another provider of TLS
    Features,
    /// Makes the C library's header; builds, installs and tests the library
    Capi(capi::Arguments),
    /// Makes what people install, in target/dist: static binaries, packages, a container image, sums
    Dist(dist::Arguments),
    /// Type-checks for macOS, the BSDs, Android and Windows; runs on Linux of other processors
    Platforms(platforms::Arguments),
    /// Packages each crate as crates.io would get it, builds it alone, and compares its public API with the committed one
    Publish(publish::Arguments),
    /// Builds for Windows and runs the tests under Wine; type-checks for macOS
    Windows(windows::Arguments),
}

fn main() -> ExitCode {
    let done = match Arguments::parse().task {
        Task::Ci => ci::run(),
        Task::Peers(arguments) => peers::run(&arguments),
        Task::Bench(arguments) => bench::run(&arguments),
        Task::Book(arguments) => book::run(&arguments),
        Task::Fuzz(arguments) => fuzz::run(&arguments),
        Task::Mutants(arguments) => mutants::run(&arguments),
        Task::Circles => circles::run(),
        Task::Features => features::run(),
        Task::Capi(arguments) => capi::run(&arguments),
        Task::Dist(arguments) => dist::run(&arguments),
        Task::Platforms(arguments) => platforms::run(&arguments),
        Task::Publish(arguments) => publish::run(&arguments),
        Task::Windows(arguments) => windows::run(&arguments),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Where the workspace is, for a task that is to work on a copy of the one that it was built in.
const ELSEWHERE: &str = "ADIEU_XTASK_WORKSPACE";

/// The workspace's directory.
fn root() -> Result<PathBuf> {
    if let Some(elsewhere) = std::env::var_os(ELSEWHERE) {
        return Ok(elsewhere.into());
    }
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    Ok(here.parent().context("xtask stands in the workspace")?.to_owned())
}

/// The cargo that runs this task, at the workspace's directory.
fn cargo() -> Result<Command> {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root()?);
    Ok(command)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_arguments_are_well_formed() {
        Arguments::command().debug_assert();
    }
}
