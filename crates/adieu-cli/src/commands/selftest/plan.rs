//! Which scenarios are run, and where the results go.

use super::arguments::Args;
use crate::no_plan::NoPlan;
use crate::options::reporting::{Kind, Reports};
use adieu_peer::scenario::{self, Scenario, Target};

pub(crate) struct Plan {
    /// Empty: all are wanted.
    words: Vec<String>,
    pub(super) reports: Reports,
}

impl Plan {
    /// # Errors
    ///
    /// A word is in no scenario's name: a run of nothing must not look like a success.
    pub(crate) fn new(args: &Args) -> Result<Self, NoPlan> {
        let is_in_one =
            |word: &str| scenario::all().any(|scenario| is_run(scenario) && scenario.name.contains(word));
        if args.word.iter().any(String::is_empty) {
            return Err(NoPlan::refused("an empty word is in every scenario's name"));
        }
        if let Some(word) = args.word.iter().find(|word| !is_in_one(word)) {
            return Err(NoPlan::refused(format!("no scenario's name contains '{word}'")));
        }
        Ok(Self { words: args.word.clone(), reports: args.reporting.plan(Kind::Once) })
    }

    pub(super) fn wants(&self, scenario: &Scenario) -> bool {
        is_run(scenario)
            && (self.words.is_empty() || self.words.iter().any(|word| scenario.name.contains(&**word)))
    }

    /// Whether a wanted scenario connects to 127.0.0.1.
    pub(super) fn needs_loopback(&self) -> bool {
        self.wants_one(|target| matches!(target, Target::Tcp4 | Target::Refused | Target::NeverAnswers))
    }

    /// Whether a wanted scenario that this system can run connects to a Unix socket.
    pub(super) fn needs_unix_sockets(&self) -> bool {
        cfg!(unix) && self.wants_one(|target| target == Target::Unix)
    }

    fn wants_one(&self, is_meant: impl Fn(Target) -> bool) -> bool {
        scenario::all().any(|scenario| self.wants(scenario) && is_meant(scenario.target))
    }
}

/// Whether a scenario is one for a program that connects.
fn is_run(scenario: &Scenario) -> bool {
    scenario.arms.connect
}
