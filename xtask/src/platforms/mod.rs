//! `cargo xtask platforms`: the code for other systems is type-checked, and Linux on other processors is run.
//!
//! A type check takes no linker and no library of the system: the standard library is checked from its source, as `cargo xtask
//! windows` builds it. So it shows that every call exists there and has these types, and nothing of what it does. `--run` builds
//! programs and runs them, by qemu-user or as they are ([`mod@run`]).
//!
//! It installs nothing: what is missing is said, with the command that gets it.

mod check;
mod run;

use crate::parts::{self, Part, RUST};
use anyhow::{Result, bail};
use std::time::Instant;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Only these, by Rust's names of them; more than one by commas
    #[arg(long, value_name = "TARGET", value_delimiter = ',')]
    only: Vec<String>,
    /// The crates themselves, without their tests and examples, whose dependencies take most of the time
    #[arg(long)]
    quick: bool,
    /// Build for Linux on other processors and run the closing matrix there, in place of the type checks
    #[arg(long)]
    run: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let began = Instant::now();
    let names: Vec<&str> = if arguments.run { run::names().collect() } else { check::TARGETS.to_vec() };
    let wanted = wanted(&names, &arguments.only)?;
    let mut results = Vec::new();
    if arguments.run {
        run::all(&wanted, arguments.quick, &mut results)?;
    } else {
        parts::require(&[&RUST[..], &[CLIPPY]].concat())?;
        for target in wanted {
            note(&mut results, format!("lints for {target}"), || check::run(target, arguments.quick));
        }
    }
    end(&results, began)
}

/// Clippy for Debian's compiler.
const CLIPPY: Part = (check::CLIPPY, "rust-web-clippy");

/// Those of the known targets that are asked for: all, if none is.
fn wanted<'a>(known: &[&'a str], asked: &[String]) -> Result<Vec<&'a str>> {
    if let Some(stranger) = asked.iter().find(|asked| !known.contains(&asked.as_str())) {
        bail!("{stranger} is none of {}", known.join(", "));
    }
    let is_asked = |target: &&str| asked.is_empty() || asked.iter().any(|asked| asked == target);
    Ok(known.iter().copied().filter(is_asked).collect())
}

/// A step's name, and whether it has passed.
type Results = Vec<(String, bool)>;

fn note(results: &mut Results, name: String, step: impl FnOnce() -> Result<()>) {
    println!("--- {name}");
    let began = Instant::now();
    let result = step();
    let time = began.elapsed().as_secs_f64();
    match &result {
        Ok(()) => println!("--- {name}: passed in {time:.0} s"),
        Err(error) => println!("--- {name}: FAILED in {time:.0} s: {error:#}"),
    }
    results.push((name, result.is_ok()));
}

fn end(results: &Results, began: Instant) -> Result<()> {
    let failed: Vec<&str> = results.iter().filter(|(_, passed)| !passed).map(|(name, _)| &**name).collect();
    let (all, time) = (results.len(), began.elapsed().as_secs_f64());
    if failed.is_empty() {
        println!("--- platforms: all {all} steps passed in {time:.0} s");
        return Ok(());
    }
    println!(
        "--- platforms: {} of {all} steps passed in {time:.0} s; failed: {}",
        all - failed.len(),
        failed.join(", ")
    );
    bail!("platforms failed")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_that_is_not_known_is_refused() {
        let known = ["a", "b"];
        assert_eq!(wanted(&known, &[]).expect("all"), known);
        assert_eq!(wanted(&known, &["b".to_owned()]).expect("one"), ["b"]);
        let error = wanted(&known, &["c".to_owned()]).expect_err("it is not known");
        assert_eq!(error.to_string(), "c is none of a, b");
    }

    #[test]
    fn one_step_that_fails_is_a_failure_and_the_others_are_run() {
        let mut results = Vec::new();
        note(&mut results, "first".to_owned(), || bail!("no"));
        note(&mut results, "second".to_owned(), || Ok(()));
        assert_eq!(results, [("first".to_owned(), false), ("second".to_owned(), true)]);
        assert!(end(&results, Instant::now()).is_err());
        assert!(end(&results[1..].to_vec(), Instant::now()).is_ok());
    }
}
