//! `cargo xtask fuzz`: every fuzz target for a bounded time, with cargo-fuzz where it is installed.
//!
//! The bodies of the targets (`fuzz/bodies`) also run in every `cargo test`, under proptest.

use crate::{cargo, root};
use anyhow::{Result, bail};
use std::process::Stdio;

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
    let mut failed = Vec::new();
    for target in TARGETS.iter().filter(|name| arguments.target.as_deref().is_none_or(|only| only == **name))
    {
        println!("--- fuzz {target}: {} s", arguments.seconds);
        let limit = format!("-max_total_time={}", arguments.seconds);
        let status = cargo()?
            .current_dir(root()?.join("fuzz"))
            // The sanitizer's coverage is behind a flag that only nightly takes; the compiler is the same.
            .env("RUSTC_BOOTSTRAP", "1")
            // rustls's debug assertions are wrong where a peer breaks its stream after our close_notify.
            .args(["fuzz", "run", "--sanitizer", "none", "--release", "--fuzz-dir", "."])
            .args([*target, "--", &limit, "-timeout=30"])
            .status()?;
        if !status.success() {
            failed.push(*target);
        }
    }
    if failed.is_empty() { Ok(()) } else { bail!("fuzzing found something in: {}", failed.join(", ")) }
}
