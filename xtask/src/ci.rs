//! `cargo xtask ci`: every check, each with its time; all are run, so that one failure does not hide another.

use crate::cargo;
use anyhow::{Result, bail};
use std::{
    process::{Command, Stdio},
    time::Instant,
};

struct Step {
    name: &'static str,
    arguments: &'static [&'static str],
    /// Denies warnings where no argument can.
    environment: &'static [(&'static str, &'static str)],
}

const STEPS: &[Step] = &[
    Step { name: "format", arguments: &["fmt", "--all", "--check"], environment: &[] },
    Step {
        name: "lints",
        arguments: &["clippy", "--workspace", "--all-targets", "--all-features", "--", "-D", "warnings"],
        environment: &[],
    },
    // Without --all-targets, so that the doc tests are among them.
    Step { name: "tests", arguments: &["test", "--workspace", "--all-features"], environment: &[] },
    Step {
        name: "documentation",
        arguments: &["doc", "--workspace", "--all-features", "--no-deps", "--document-private-items"],
        environment: &[("RUSTDOCFLAGS", "-D warnings")],
    },
];

const DENY: Step =
    Step { name: "licences and bans", arguments: &["deny", "check", "licenses", "bans"], environment: &[] };

pub(crate) fn run() -> Result<()> {
    let began = Instant::now();
    let mut failed = Vec::new();
    let mut done = 0;
    for step in STEPS {
        done += 1;
        if !perform(step)? {
            failed.push(step.name);
        }
    }
    if is_installed("deny")? {
        done += 1;
        if !perform(&DENY)? {
            failed.push(DENY.name);
        }
    } else {
        println!("--- {}: skipped, cargo-deny is not installed", DENY.name);
    }
    let time = began.elapsed().as_secs_f64();
    let passed = done - failed.len();
    if failed.is_empty() {
        println!("--- ci: all {done} steps passed in {time:.0} s");
        Ok(())
    } else {
        println!("--- ci: {passed} of {done} steps passed in {time:.0} s; failed: {}", failed.join(", "));
        bail!("ci failed")
    }
}

fn perform(step: &Step) -> Result<bool> {
    println!("--- {}: cargo {}", step.name, step.arguments.join(" "));
    let began = Instant::now();
    let status = cargo()?.args(step.arguments).envs(step.environment.iter().copied()).status()?;
    let word = if status.success() { "passed" } else { "FAILED" };
    println!("--- {}: {word} in {:.1} s", step.name, began.elapsed().as_secs_f64());
    Ok(status.success())
}

fn is_installed(subcommand: &str) -> Result<bool> {
    let mut command: Command = cargo()?;
    command.args([subcommand, "--version"]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    Ok(command.status()?.success())
}
