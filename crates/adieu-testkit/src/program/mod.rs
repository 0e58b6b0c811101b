//! Runs any program against a scenario, as [`adieu_peer::program`] does, where a target may take root: names of its own, and a wire
//! that can be cut.

mod surroundings;

pub use adieu_peer::program::{Exit, Given, Observed, argv, for_each, run_listening};

use adieu_peer::Endpoint;
use adieu_peer::program::{run_at, run_in_process_at};
use adieu_peer::scenario::{Scenario, Signal};
use serde_json::Value;
use std::ffi::OsString;
use std::io;

/// Runs the program that `arguments` gives (program first) for the endpoint to connect to.
///
/// # Errors
///
/// `Unsupported` if this machine or user cannot run the scenario (no namespaces): skip it, loudly. Anything else
/// means that the harness failed, not the program.
pub fn run(
    scenario: &Scenario,
    arguments: impl FnOnce(&Scenario, &Endpoint) -> Vec<OsString>,
) -> io::Result<Observed> {
    run_at(surroundings::of(scenario)?, scenario, arguments)
}

/// Runs `drive` in this process; see [`run_in_process_at`].
///
/// # Errors
///
/// As [`run`]; also if the scenario leaves a program without an end, which a thread cannot be.
pub fn run_in_process(
    scenario: &Scenario,
    stop: impl Fn(Signal) + Clone + Send,
    drive: impl FnOnce(Given) -> Value + Send + 'static,
) -> io::Result<Observed> {
    run_in_process_at(surroundings::of(scenario)?, scenario, stop, drive)
}

// They run a shell.
#[cfg(all(test, unix))]
mod tests;
