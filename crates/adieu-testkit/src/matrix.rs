//! The whole closing matrix on a built adieu, or on a driver in this process: what the tests of each arm call.
//!
//! ```no_run
//! # use adieu_testkit::matrix::{Command, failures};
//! let failed = failures("target/debug/adieu".as_ref(), Command::Connect, &[]);
//! assert!(failed.is_empty(), "{}", failed.join("\n"));
//! ```

use crate::{
    arguments, judge,
    program::{self, Observed},
    scenario::{Arm, Options, ProgramInput, ProgramOutput, Scenario, Target},
    skip,
};
use adieu_peer::Step;
use serde_json::Value;
use std::{env, ffi::OsString, io, path::Path, time::Duration};

/// If this variable is set, only scenarios whose name contains its value are run.
pub const ONLY: &str = "ADIEU_SCENARIO";

/// If this variable is set, the drivers in this process are judged at [`Pace::EMULATED`]: `cargo xtask platforms --run` sets it.
pub const IS_EMULATED: &str = "ADIEU_EMULATED";

/// Scenarios at a time. Nearly all of a scenario's time is waiting; under Wine each call of the kernel is a call of its
/// one server process, so there are fewer.
const WORKERS: usize = if cfg!(windows) { 4 } else { 12 };

/// Which of adieu's commands is held against the matrix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// `adieu connect`; the peer listens.
    Connect,
    /// `adieu listen`; the peer connects.
    Listen,
}

impl Command {
    /// Whether a scenario makes sense with it.
    pub fn takes(self, scenario: &Scenario) -> bool {
        match self {
            Self::Connect => scenario.arms.connect,
            Self::Listen => scenario.arms.listen,
        }
    }

    /// Runs one scenario, with more arguments than it asks for.
    ///
    /// # Errors
    ///
    /// As [`program::run`].
    pub fn run(self, adieu: &Path, scenario: &Scenario, more: &[&str]) -> io::Result<Observed> {
        let argv = |mut arguments: Vec<OsString>| {
            arguments.extend(more.iter().map(OsString::from));
            program::argv(adieu, arguments)
        };
        match self {
            Self::Connect => {
                program::run(scenario, |scenario, endpoint| argv(arguments::connect(scenario, endpoint)))
            }
            Self::Listen => program::run_listening(scenario, |scenario, port_file| {
                argv(arguments::listen(scenario, port_file))
            }),
        }
    }
}

/// Whether a scenario makes sense for a program that connects and sends by itself, all at once, and is finished then: its request fits
/// into the kernel's buffers, and its peer does not end the connection before it is finished, which the program itself would be told.
pub fn is_for_finish(scenario: &Scenario) -> bool {
    let is_sent_at_once =
        matches!(scenario.input, ProgramInput::Pipe(n) | ProgramInput::File(n) if n <= 32 * 1024);
    let has_socket = matches!(scenario.target, Target::Tcp4 | Target::Tcp6)
        || cfg!(unix) && scenario.target == Target::Unix;
    let waits_for_us =
        !matches!(scenario.script.first(), Some(Step::Reset | Step::Close | Step::CloseUnread(_)));
    let is_open = !matches!(scenario.output, ProgramOutput::NeverRead | ProgramOutput::LeavesAfter(_));
    let Options { connect_timeout, input_grace, .. } = scenario.options;
    scenario.arms.blocking
        && scenario.signal.is_none()
        && (is_sent_at_once && has_socket && waits_for_us && is_open)
        && connect_timeout.or(input_grace).is_none()
}

/// Makes a report of finishing, whose counts begin when the socket is given, that of the whole connection, which the matrix judges.
pub fn add_what_was_sent(report: &mut Value, sent: u64) {
    let left = report["bytes_unacknowledged"].as_u64();
    report["bytes_read"] = sent.into();
    report["bytes_accepted"] = sent.into();
    report["bytes_acknowledged"] = left.map(|left| sent.saturating_sub(left)).into();
}

/// How patient a run is.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Scenarios at a time.
    workers: usize,
    /// A program that has not ended before counts as hung, whatever its scenario says.
    hang_limit: Duration,
}

impl Pace {
    /// A program of this machine's processor: as the scenarios say.
    pub const NATIVE: Self = Self { workers: WORKERS, hang_limit: Duration::ZERO };

    /// A program whose processor is emulated. To start it takes a fifth of a second of a processor, so twelve at a time would take seconds.
    pub const EMULATED: Self = Self { workers: 2, hang_limit: Duration::from_secs(20) };

    /// That of this process.
    fn here() -> Self {
        if env::var_os(IS_EMULATED).is_some() { Self::EMULATED } else { Self::NATIVE }
    }

    fn of(self, scenario: &Scenario) -> Scenario {
        Scenario { hang_limit: scenario.hang_limit.max(self.hang_limit), ..scenario.clone() }
    }
}

/// Runs every scenario that makes sense for the command, with more arguments, and gives what [`failures_of`] does.
///
/// # Panics
///
/// As [`failures_of`].
pub fn failures(adieu: &Path, command: Command, more: &[&str]) -> Vec<String> {
    failures_at(Pace::NATIVE, adieu, command, more)
}

/// The same, at a pace.
///
/// # Panics
///
/// As [`failures_of`].
pub fn failures_at(pace: Pace, adieu: &Path, command: Command, more: &[&str]) -> Vec<String> {
    let arm = match command {
        Command::Connect => Arm::Connecting,
        Command::Listen => Arm::Listening,
    };
    failures_among(
        pace.workers,
        arm,
        |scenario| command.takes(scenario),
        |scenario| {
            let scenario = pace.of(scenario);
            failure(&scenario, command.run(adieu, &scenario, more))
        },
    )
}

/// Runs every scenario that is wanted, and gives a line for each that did not hold, with the reasons and what adieu
/// said. A scenario that this machine cannot run is skipped loudly; see [`crate::skip::REQUIRE`].
///
/// # Panics
///
/// If nothing is wanted, or [`ONLY`] picks no scenario at all: a run of nothing must not look like a success.
pub fn failures_of(
    arm: Arm,
    wanted: impl Fn(&Scenario) -> bool,
    run: impl Fn(&Scenario) -> io::Result<Observed> + Sync,
) -> Vec<String> {
    let pace = Pace::here();
    failures_among(pace.workers, arm, wanted, |scenario| {
        let scenario = pace.of(scenario);
        failure(&scenario, run(&scenario))
    })
}

fn failures_among(
    workers: usize,
    arm: Arm,
    wanted: impl Fn(&Scenario) -> bool,
    failure: impl Fn(&'static Scenario) -> Option<String> + Sync,
) -> Vec<String> {
    let only = env::var(ONLY).unwrap_or_default();
    let known = crate::scenario::all().any(|scenario| scenario.name.contains(&only));
    assert!(known, "there is no scenario whose name contains {only:?}");
    let wanted = |scenario: &Scenario| wanted(scenario) && scenario.name.contains(&only);
    for scenario in crate::scenario::all().filter(|scenario| wanted(scenario)) {
        if let Some(why) = scenario.not_here(arm) {
            skip::not_here(scenario.name, why);
        }
    }
    let wanted = |scenario: &Scenario| wanted(scenario) && scenario.not_here(arm).is_none();
    let done = program::for_each(workers, wanted, failure);
    assert!(!done.is_empty() || !only.is_empty(), "no scenario is wanted");
    done.into_iter().filter_map(|(_, failure)| failure).collect()
}

/// Why a scenario did not hold. `None`: it did, or it was skipped.
fn failure(scenario: &Scenario, run: io::Result<Observed>) -> Option<String> {
    match run {
        Ok(observed) => {
            let verdict = judge::judge(scenario, &observed);
            (!verdict.passed())
                .then(|| format!("{}: {verdict}\n    it said: {}", scenario.name, observed.stderr.trim()))
        }
        Err(error) if error.kind() == io::ErrorKind::Unsupported => {
            skip::loudly(scenario.name, &error);
            None
        }
        Err(error) => Some(format!("{}: the harness failed: {error}", scenario.name)),
    }
}
