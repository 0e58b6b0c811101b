//! Steps, each told with what it made and how long it took. One that fails does not hide what others make.

use anyhow::{Result, bail};
use std::time::Instant;

pub(super) struct Steps {
    /// Whether what is made is tried.
    trial: bool,
    passed: usize,
    failed: Vec<String>,
}

impl Steps {
    pub(super) fn new(trial: bool) -> Self {
        Self { trial, passed: 0, failed: Vec::new() }
    }

    /// Runs a step that tries what another has made, unless nothing is to be tried.
    pub(super) fn try_it(&mut self, name: &str, step: impl FnOnce() -> Result<String>) {
        if self.trial {
            self.run(name, step);
        }
    }

    /// Runs a step, which says in a few words what came of it.
    pub(super) fn run(&mut self, name: &str, step: impl FnOnce() -> Result<String>) {
        println!("--- {name}");
        let began = Instant::now();
        let result = step();
        let time = began.elapsed().as_secs_f64();
        match result {
            Ok(said) => {
                println!("--- {name}: {said}, in {time:.1} s");
                self.passed += 1;
            }
            Err(error) => {
                println!("--- {name}: FAILED in {time:.1} s: {error:#}");
                self.failed.push(name.to_owned());
            }
        }
    }

    /// # Errors
    ///
    /// A step has failed; which ones is printed.
    pub(super) fn end(self, began: Instant) -> Result<()> {
        let Self { passed, failed, .. } = self;
        let (all, time) = (passed + failed.len(), began.elapsed().as_secs_f64());
        if failed.is_empty() {
            println!("--- dist: all {all} steps passed in {time:.0} s");
            return Ok(());
        }
        println!("--- dist: {passed} of {all} steps passed in {time:.0} s; failed: {}", failed.join(", "));
        bail!("dist failed")
    }
}
