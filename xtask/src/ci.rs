//! `cargo xtask ci`: every check, each with its time; all are run, so that one failure does not hide another.

use crate::cargo;
use anyhow::{Result, bail};
use std::{
    process::{Command, Stdio},
    time::Instant,
};

struct Check {
    name: &'static str,
    arguments: &'static [&'static str],
    /// Denies warnings where no argument can.
    environment: &'static [(&'static str, &'static str)],
}

const CHECKS: &[Check] = &[
    Check { name: "format", arguments: &["fmt", "--all", "--check"], environment: &[] },
    Check { name: "circles and layers", arguments: &["xtask", "circles"], environment: &[] },
    Check {
        name: "lints",
        arguments: &["clippy", "--workspace", "--all-targets", "--all-features", "--", "-D", "warnings"],
        environment: &[],
    },
    Check { name: "the C header", arguments: &["xtask", "capi", "--check"], environment: &[] },
    Check { name: "combinations of features", arguments: &["xtask", "features"], environment: &[] },
    // The README's command: every crate but this one, with all features, doc tests and the README's own examples.
    Check { name: "tests", arguments: &["test"], environment: &[] },
    Check { name: "tests of xtask", arguments: &["test", "-p", "xtask"], environment: &[] },
    Check { name: "the C library", arguments: &["xtask", "capi", "--test"], environment: &[] },
    Check {
        name: "documentation",
        arguments: &["doc", "--workspace", "--all-features", "--no-deps", "--document-private-items"],
        environment: &[("RUSTDOCFLAGS", "-D warnings")],
    },
];

const DENY: Check =
    Check { name: "licences and bans", arguments: &["deny", "check", "licenses", "bans"], environment: &[] };

const COUNTS: Check =
    Check { name: "instruction counts", arguments: &["xtask", "bench", "--check"], environment: &[] };

pub(crate) fn run() -> Result<()> {
    let began = Instant::now();
    let mut failed = Vec::new();
    let mut done = 0;
    for check in CHECKS {
        done += 1;
        if !perform(check)? {
            failed.push(check.name);
        }
    }
    let optional = [
        (&DENY, "cargo-deny", succeeds(cargo()?.args(["deny", "--version"]))),
        (&COUNTS, "valgrind", succeeds(Command::new("valgrind").arg("--version"))),
    ];
    for (check, program, is_there) in optional {
        if !is_there {
            println!("--- {}: skipped, {program} is not installed", check.name);
            continue;
        }
        done += 1;
        if !perform(check)? {
            failed.push(check.name);
        }
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

fn perform(check: &Check) -> Result<bool> {
    println!("--- {}: cargo {}", check.name, check.arguments.join(" "));
    let began = Instant::now();
    let status = cargo()?.args(check.arguments).envs(check.environment.iter().copied()).status()?;
    let word = if status.success() { "passed" } else { "FAILED" };
    println!("--- {}: {word} in {:.1} s", check.name, began.elapsed().as_secs_f64());
    Ok(status.success())
}

/// Whether a command can be run, and has nothing to complain of.
fn succeeds(command: &mut Command) -> bool {
    let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    quiet.status().is_ok_and(|status| status.success())
}
