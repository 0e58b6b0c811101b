//! `cargo xtask mutants`: whether the core's own tests notice when the core is changed, with cargo-mutants.
//!
//! It changes the core in one place at a time, some five hundred times, and each time runs the core's unit tests. It does
//! not run in CI, because that takes most of an hour. What is left out, and why, stands in `.cargo/mutants.toml`.

use crate::{cargo, root};
use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;
use std::{fs, process::Stdio};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Only mutants in this file, for example src/timers.rs
    #[arg(long)]
    file: Option<String>,
    /// Mutants that are built and tested at the same time
    #[arg(long, default_value_t = 2)]
    jobs: u32,
}

/// Of a hundred mutants, the tests must catch so many.
const CAUGHT_OF_HUNDRED: u64 = 98;

/// What cargo-mutants writes to `outcomes.json` at the end.
#[derive(Debug, Deserialize)]
struct Outcomes {
    caught: u64,
    missed: u64,
    /// Tests that never ended: the mutant was noticed.
    timeout: u64,
}

impl Outcomes {
    fn noticed(&self) -> u64 {
        self.caught + self.timeout
    }

    /// Mutants that do not compile are not counted.
    fn tested(&self) -> u64 {
        self.noticed() + self.missed
    }

    fn suffice(&self) -> bool {
        self.noticed() * 100 >= self.tested() * CAUGHT_OF_HUNDRED
    }
}

#[expect(clippy::print_stdout, reason = "the result is for people")]
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let installed =
        cargo()?.args(["mutants", "--version"]).stdout(Stdio::null()).stderr(Stdio::null()).status()?;
    if !installed.success() {
        bail!("cargo-mutants is not installed: `cargo install --locked cargo-mutants`");
    }
    let output = root()?.join("target");
    let mut command = cargo()?;
    command.args(["mutants", "--package", "adieu-proto", "--colors", "never", "--output"]).arg(&output);
    command.arg(format!("--jobs={}", arguments.jobs));
    if let Some(file) = &arguments.file {
        command.arg("--file").arg(format!("crates/adieu-proto/{file}"));
    }
    // Its status says only whether any was missed; a broken baseline leaves no mutant tested.
    let status = command.status()?;
    let path = output.join("mutants.out/outcomes.json");
    let text = fs::read_to_string(&path).with_context(|| format!("{}: {status}", path.display()))?;
    let outcomes: Outcomes = serde_json::from_str(&text)?;
    ensure!(outcomes.tested() > 0, "no mutant was tested: {status}");
    println!("the tests notice {} of {} mutants", outcomes.noticed(), outcomes.tested());
    if !outcomes.suffice() {
        let missed = output.join("mutants.out/missed.txt");
        bail!(
            "the tests must notice {CAUGHT_OF_HUNDRED} % of them; the others stand in {}",
            missed.display()
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_that_never_end_have_noticed_and_two_of_a_hundred_may_be_missed() {
        let outcomes = |caught, missed, timeout| Outcomes { caught, missed, timeout };
        assert!(outcomes(90, 2, 8).suffice());
        assert!(!outcomes(90, 3, 7).suffice());
        assert_eq!(outcomes(90, 3, 7).tested(), 100);
    }
}
