//! The lines: which netcat they are written for, what they mean, and what they meet.
//!
//! They are those of public scripts, of entrypoints, health checks, tutorials and mail threads, with their hosts replaced by
//! loopback; their ports are their own.

mod debian;
mod ncat;
mod traditional;

use crate::scene::Scene;

/// The flavour of a line. OpenBSD's own nc is a program of another system: its command lines are tested where they are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Flavour {
    Debian,
    Traditional,
    Ncat,
}

impl Flavour {
    pub(crate) const ALL: [Self; 3] = [Self::Debian, Self::Traditional, Self::Ncat];

    /// As `ADIEU_NC_FLAVOUR` has it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Debian => "debian",
            Self::Traditional => "traditional",
            Self::Ncat => "ncat",
        }
    }

    /// The original.
    pub(crate) const fn program(self) -> &'static str {
        match self {
            Self::Debian => "nc.openbsd",
            Self::Traditional => "nc.traditional",
            Self::Ncat => "ncat",
        }
    }
}

/// What a line has to come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expected {
    /// What it comes to with the original, to the byte.
    Same,
    /// The same bytes, but the original hides a failure behind its status.
    Truth { original: i32, status: i32 },
    /// The original never ends, or not always in the same way. What came to us, or to the peer, has this text.
    Alone { status: i32, text: &'static str },
}

#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) flavour: Flavour,
    pub(crate) line: &'static str,
    pub(crate) means: &'static str,
    pub(crate) scene: Scene,
    pub(crate) expected: Expected,
    /// The command line is wrong, and says so.
    pub(crate) is_refused: bool,
}

impl Row {
    const fn truth(mut self, original: i32, status: i32) -> Self {
        self.expected = Expected::Truth { original, status };
        self
    }

    const fn alone(mut self, status: i32, text: &'static str) -> Self {
        self.expected = Expected::Alone { status, text };
        self
    }

    const fn refused(mut self) -> Self {
        self.is_refused = true;
        self
    }

    /// Whether one of its limits (`-w`, `-q`, `-i`) is a second.
    pub(crate) fn is_short_of_time(&self) -> bool {
        let words: Vec<_> = self.line.split_whitespace().collect();
        words.iter().enumerate().any(|(place, word)| {
            let Some(letters) = word.strip_prefix('-').filter(|rest| !rest.starts_with('-')) else {
                return false;
            };
            let Some(at) = letters.find(['w', 'q', 'i']) else { return false };
            let value = match &letters[at + 1..] {
                "" => words.get(place + 1).copied().unwrap_or_default(),
                glued => glued,
            };
            value == "1"
        })
    }

    /// Whether its stdout may go before its peer has ended: `head` leaves with its line.
    pub(crate) fn loses_its_reader(&self) -> bool {
        self.line.contains("| head ")
    }

    /// Whether a port of it has a service's name.
    pub(crate) fn names_a_service(&self) -> bool {
        self.line.contains("127.0.0.1 http")
    }
}

const fn row(flavour: Flavour, line: &'static str, means: &'static str, scene: Scene) -> Row {
    Row { flavour, line, means, scene, expected: Expected::Same, is_refused: false }
}

const fn debian(line: &'static str, means: &'static str, scene: Scene) -> Row {
    row(Flavour::Debian, line, means, scene)
}

const fn traditional(line: &'static str, means: &'static str, scene: Scene) -> Row {
    row(Flavour::Traditional, line, means, scene)
}

const fn ncat(line: &'static str, means: &'static str, scene: Scene) -> Row {
    row(Flavour::Ncat, line, means, scene)
}

/// All of them.
pub(crate) fn rows() -> Vec<&'static Row> {
    [debian::ROWS, traditional::ROWS, ncat::ROWS].into_iter().flatten().collect()
}
