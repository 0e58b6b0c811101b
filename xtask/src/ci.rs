//! `cargo xtask ci`: every check, each with its time; all are run, so that one failure does not hide another.

use crate::{bench, capi, cargo, failures::Failures};
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

/// Checks that compile, and whose time is the processor's.
const BUILDS: &[Check] = &[
    Check { name: "format", arguments: &["fmt", "--all", "--check"], environment: &[] },
    Check { name: "circles and layers", arguments: &["xtask", "circles"], environment: &[] },
    Check {
        name: "lints",
        arguments: &["clippy", "--workspace", "--all-targets", "--all-features", "--", "-D", "warnings"],
        environment: &[],
    },
    Check { name: "the C header", arguments: &["xtask", "capi", "--check"], environment: &[] },
    Check { name: "combinations of features", arguments: &["xtask", "features"], environment: &[] },
    Check {
        name: "documentation",
        arguments: &["doc", "--workspace", "--all-features", "--no-deps", "--document-private-items"],
        environment: &[("RUSTDOCFLAGS", "-D warnings")],
    },
    Check { name: "public API", arguments: &["xtask", "publish", "--api"], environment: &[] },
];

/// Checks that run tests.
const TESTS: &[Check] = &[
    // The README's command: every crate but this one, with all features, doc tests and the README's own examples.
    Check { name: "tests", arguments: &["test", "--no-fail-fast"], environment: &[] },
    Check { name: "tests of xtask", arguments: &["test", "-p", "xtask"], environment: &[] },
    Check { name: "the C library", arguments: &["xtask", "capi", "--test"], environment: &[] },
];

const DENY: Check =
    Check { name: "licences and bans", arguments: &["deny", "check", "licenses", "bans"], environment: &[] };

const BOOK: Check = Check { name: "the book", arguments: &["xtask", "book", "--check"], environment: &[] };

const COUNTS: Check =
    Check { name: "instruction counts", arguments: &["xtask", "bench", "--check"], environment: &[] };

pub(crate) fn run() -> Result<()> {
    let began = Instant::now();
    let mut failed = Vec::new();
    let mut failures = Failures::default();
    let mut done = 0;
    let has_valgrind = succeeds(Command::new("valgrind").arg("--version"));
    let ahead = std::thread::spawn(move || build_ahead(has_valgrind));
    for check in BUILDS {
        done += 1;
        if !perform(check, &mut failures)? {
            failed.push(check.name);
        }
    }
    // Beside tests nothing is built: some of them measure time.
    let waited = Instant::now();
    if ahead.join().is_err() {
        bail!("building ahead panicked");
    }
    println!("--- what is optimized was built ahead; waited {:.1} s for it", waited.elapsed().as_secs_f64());
    for check in TESTS {
        done += 1;
        if !perform(check, &mut failures)? {
            failed.push(check.name);
        }
    }
    let optional = [
        (&DENY, "cargo-deny", succeeds(cargo()?.args(["deny", "--version"]))),
        (&COUNTS, "valgrind", has_valgrind),
        (&BOOK, "mdbook", succeeds(Command::new("mdbook").arg("--version"))),
    ];
    for (check, program, is_there) in optional {
        if !is_there {
            println!("--- {}: skipped, {program} is not installed", check.name);
            continue;
        }
        done += 1;
        if !perform(check, &mut failures)? {
            failed.push(check.name);
        }
    }
    let time = began.elapsed().as_secs_f64();
    let passed = done - failed.len();
    failures.print()?;
    if failed.is_empty() {
        println!("--- ci: all {done} steps passed in {time:.0} s");
        Ok(())
    } else {
        println!("--- ci: {passed} of {done} steps passed in {time:.0} s; failed: {}", failed.join(", "));
        bail!("ci failed")
    }
}

/// Builds what later checks run optimized, whose last crate is compiled on one processor alone: the others are for what is checked
/// meanwhile. Each profile has a directory of its own, so neither waits for the other.
fn build_ahead(counts: bool) {
    // The check that needs it builds it again if this has failed, and says why.
    if counts {
        let _ = bench::build(None);
    }
    let _ = capi::build();
}

/// Tests at once, on each processor: most wait for a timer or for a peer. The command line's suite takes 26 s of one processor, and
/// with one test on each of two processors 110 s.
const TESTS_EACH: usize = 2;

fn perform(check: &Check, failures: &mut Failures) -> Result<bool> {
    println!("--- {}: cargo {}", check.name, check.arguments.join(" "));
    let began = Instant::now();
    let mut command = cargo()?;
    command.args(check.arguments).envs(check.environment.iter().copied());
    if std::env::var_os("RUST_TEST_THREADS").is_none() {
        let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        command.env("RUST_TEST_THREADS", (processors * TESTS_EACH).to_string());
    }
    let status = failures.run(&mut command)?;
    let word = if status.success() { "passed" } else { "FAILED" };
    println!("--- {}: {word} in {:.1} s", check.name, began.elapsed().as_secs_f64());
    Ok(status.success())
}

/// Whether a command can be run, and has nothing to complain of.
fn succeeds(command: &mut Command) -> bool {
    let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    quiet.status().is_ok_and(|status| status.success())
}
