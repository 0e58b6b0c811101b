//! `cargo xtask fuzz`: every fuzz target for a bounded time, with cargo-fuzz where it is installed.
//!
//! The bodies of the targets (`fuzz/bodies`) also run in every `cargo test`, under proptest.

use crate::{cargo, root};
use anyhow::{Result, bail};
use std::io::Write;
use std::process::{Command, Output, Stdio};
use std::thread;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Seconds for each target
    #[arg(long, default_value_t = 60)]
    seconds: u32,
    /// Only this target
    #[arg(long)]
    target: Option<String>,
}

const TARGETS: &[&str] = &[
    "endpoint",
    "duration",
    "tls_eof",
    "frames",
    "proxy_reply",
    "proxy_header",
    "segments",
    "both",
    "sockets",
    "capture",
    "packet",
];

#[expect(clippy::print_stdout, reason = "what is run is for people")]
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let installed =
        cargo()?.args(["fuzz", "--version"]).stdout(Stdio::null()).stderr(Stdio::null()).status()?;
    if !installed.success() {
        bail!("cargo-fuzz is not installed: `cargo install --locked cargo-fuzz`");
    }
    let targets: Vec<&str> = TARGETS
        .iter()
        .copied()
        .filter(|name| arguments.target.as_deref().is_none_or(|only| only == *name))
        .collect();
    if !cargo_fuzz("build")?.args(&arguments.target).status()?.success() {
        bail!("it does not build");
    }
    let mut failed = Vec::new();
    // A target keeps one processor busy.
    let at_once = thread::available_parallelism().map_or(1, std::num::NonZero::get);
    for some in targets.chunks(at_once) {
        println!("--- fuzz {}: {} s", some.join(", "), arguments.seconds);
        let seconds = arguments.seconds;
        let running: Vec<_> =
            some.iter().map(|&target| thread::spawn(move || search(target, seconds))).collect();
        for (target, running) in some.iter().zip(running) {
            let output = running.join().expect("it does not panic")?;
            println!("--- fuzz {target}: {}", output.status);
            std::io::stderr().write_all(&output.stderr)?;
            if !output.status.success() {
                failed.push(*target);
            }
        }
    }
    if failed.is_empty() { Ok(()) } else { bail!("fuzzing found something in: {}", failed.join(", ")) }
}

/// `cargo fuzz` with this subcommand, on our targets.
fn cargo_fuzz(subcommand: &str) -> Result<Command> {
    let mut command = cargo()?;
    command
        .current_dir(root()?.join("fuzz"))
        // The sanitizer's coverage is behind a flag that only nightly takes; the compiler is the same.
        .env("RUSTC_BOOTSTRAP", "1")
        // rustls's debug assertions are wrong where a peer breaks its stream after our close_notify.
        .args(["fuzz", subcommand, "--sanitizer", "none", "--release", "--fuzz-dir", "."]);
    Ok(command)
}

/// Runs a target. What it says is kept, because several say it at once.
fn search(target: &str, seconds: u32) -> Result<Output> {
    let limit = format!("-max_total_time={seconds}");
    let mut command = cargo_fuzz("run")?;
    Ok(command.args([target, "--", &limit, "-timeout=30"]).stdin(Stdio::null()).output()?)
}
