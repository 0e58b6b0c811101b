//! What a netcat says, in its own words: each flavour's, with the program's name in front where that flavour has it.
//!
//! It is said on stderr, and peers' words in it are escaped. With JSON on stderr each line is an event.

use super::super::flavour::Flavour;
use super::super::plan::Plan;
use crate::said::{self, Happened};

#[derive(Clone)]
pub(super) struct Voice {
    flavour: Flavour,
    program: String,
    verbosity: u8,
}

impl Voice {
    pub(super) fn of(plan: &Plan) -> Self {
        Self { flavour: plan.flavour, program: plan.program.clone(), verbosity: plan.verbosity }
    }

    pub(super) const fn flavour(&self) -> Flavour {
        self.flavour
    }

    /// Whether `-v` was written.
    pub(super) const fn is_verbose(&self) -> bool {
        self.verbosity > 0
    }

    /// Whether it was written twice.
    pub(super) const fn is_very_verbose(&self) -> bool {
        self.verbosity > 1
    }

    /// A line of OpenBSD's and of the traditional netcat that has no name in front; of ncat it always has.
    pub(super) fn tell(&self, text: &str) {
        let line = match self.flavour {
            Flavour::Ncat => format!("{}: {text}", self.program),
            _ => text.to_owned(),
        };
        say("note", &line);
    }

    /// The same, if `-v` was written.
    pub(super) fn tell_verbosely(&self, text: impl FnOnce() -> String) {
        if self.is_verbose() {
            self.tell(&text());
        }
    }

    /// Something is wrong.
    pub(super) fn complain(&self, text: &str) {
        let line = match self.flavour {
            Flavour::Traditional => text.to_owned(),
            _ => format!("{}: {text}", self.program),
        };
        say("error", &line);
    }

    /// What the original would not have said: with the program's name in front in every flavour.
    pub(super) fn confess(&self, text: &str) {
        say("error", &format!("{}: {text}", self.program));
    }
}

/// The line that ncat's own tests wait for before they connect.
pub(super) fn tell_tests_of_listening(plan: &Plan) {
    if plan.tells_tests {
        say("note", "NCAT TEST: LISTEN");
    }
}

/// What the system calls an error, by its code.
pub(super) fn words_of(code: i32) -> String {
    adieu_os::error_words(&std::io::Error::from_raw_os_error(code))
}

fn say(event: &'static str, line: &str) {
    if said::is_json() {
        Happened::new(event, line).say();
    } else {
        said::line(line);
    }
}
