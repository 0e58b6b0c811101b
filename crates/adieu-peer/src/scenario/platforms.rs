//! Which scenarios are not for a system, and where a system must be judged otherwise. Data, and printed: nothing is left
//! out silently.

use super::{Ending, Expect, ProgramInput, ProgramOutput, ReportedPhase, Scenario, Target, When};
use crate::Step;
use crate::os::{TABLE_OF_TCP, TELLS_UNACKNOWLEDGED, is_wine};
use std::fs::File;
use std::path::Path;

/// How a scenario is run, as far as its system decides whether it can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arm {
    /// A driver in this process.
    InProcess,
    /// A program that connects.
    Connecting,
    /// A program that listens.
    Listening,
}

/// A scenario in which Wine 8 behaves unlike the documentation of Windows. The code follows the documentation.
struct Deviation {
    scenario: &'static str,
    ending: Ending,
    phase: Option<ReportedPhase>,
}

/// Why they differ, for all of them. Winsock's recv: "WSAECONNRESET: the virtual circuit was reset by the remote side
/// executing a hard or abortive close."
pub const UNDER_WINE: &str = "Wine 8: after the peer's reset recv returns 0 and SO_ERROR is clear, where the page of recv \
     says WSAECONNRESET; only WSAPoll tells of an error, without its number, so the cause is indeterminate";

const fn uncertain(scenario: &'static str, phase: Option<ReportedPhase>) -> Deviation {
    Deviation { scenario, ending: Ending::Indeterminate, phase }
}

const WINE: &[Deviation] = &[
    uncertain("peer_resets_at_once", None),
    uncertain("peer_resets_with_our_request_unread", None),
    uncertain("peer_closes_at_once", None),
    uncertain("full_reply_then_reset", None),
    uncertain("peer_resets_with_the_reply_unread_in_our_kernel", None),
    uncertain("peer_resets_in_mid_download", None),
    uncertain("all_taken_then_reset_instead_of_fin", None),
    uncertain("peer_resets_in_mid_upload", Some(ReportedPhase::Sending)),
    uncertain("early_error_reply_then_close_on_the_unread_upload", Some(ReportedPhase::Sending)),
    uncertain("early_error_reply_and_fin_then_close_on_the_unread_upload", Some(ReportedPhase::Sending)),
    uncertain("early_error_reply_while_our_reader_is_slow", Some(ReportedPhase::Sending)),
    uncertain("peer_finishes_first_takes_none_and_resets_later", Some(ReportedPhase::Sending)),
    uncertain("reply_then_close_leaving_our_bytes_unread", None),
    uncertain("reply_and_fin_then_close_leaving_our_bytes_unread", None),
];

impl Scenario {
    /// Why this scenario cannot be run on this system. `None`: it can.
    pub fn not_here(&self, arm: Arm) -> Option<&'static str> {
        if cfg!(unix) {
            return self.takes_what_is_absent();
        }
        match self.target {
            Target::Unix | Target::NoSuchPath => {
                return Some("Wine 8 has no AF_UNIX: a test of its own shows that this is told");
            }
            Target::Name { .. } => {
                return Some("an /etc/hosts of a test's own takes Linux's mount namespaces");
            }
            Target::Namespace => return Some("a wire that can be cut takes Linux's network namespaces"),
            Target::Tcp4 | Target::Tcp6 | Target::Refused | Target::NameNotFound | Target::NeverAnswers => {}
        }
        match self.input {
            ProgramInput::Directory => return Some("a directory cannot be opened as a file on Windows"),
            ProgramInput::IoError => return Some("/proc/self/mem, which fails to be read, is Linux's"),
            ProgramInput::Closed => {
                return Some("only a shell of Unix starts a program without a descriptor");
            }
            _ => {}
        }
        match self.output {
            ProgramOutput::DevFull => return Some("/dev/full is Linux's"),
            ProgramOutput::Closed => {
                return Some("only a shell of Unix starts a program without a descriptor");
            }
            _ => {}
        }
        if self.name == "peer_reads_slowly_but_lives" {
            return Some(
                "Windows does not count acknowledged bytes, so the idle timeout cannot see that the peer takes them",
            );
        }
        if self.name == "peer_resets_at_once" && arm == Arm::Listening {
            return Some(
                "accept tells a reset that came before it (its page: WSAECONNRESET), and then nobody has connected",
            );
        }
        if self.signal.is_some() && arm != Arm::InProcess {
            return Some(
                "there are no signals on Windows, and Wine 8 has no console here; tests/tutorial.rs types Ctrl-C into one",
            );
        }
        None
    }

    /// What this scenario takes that not every Unix has.
    fn takes_what_is_absent(&self) -> Option<&'static str> {
        if self.input == ProgramInput::IoError && !Path::new("/proc/self/mem").exists() {
            return Some("there is no /proc/self/mem, which fails to be read");
        }
        if self.output == ProgramOutput::DevFull && !Path::new("/dev/full").exists() {
            return Some("there is no /dev/full");
        }
        let is_of_a_syn = self.signal.is_some_and(|signalling| signalling.when == When::Connecting);
        if is_of_a_syn && File::open(TABLE_OF_TCP).is_err() {
            return Some("there is no table of TCP connections to read, so nobody sees that a SYN is out");
        }
        let asks = |step: &Step| matches!(step, Step::AwaitAcknowledged);
        if !TELLS_UNACKNOWLEDGED && self.script.iter().any(asks) && self.target != Target::Unix {
            return Some("this system does not tell a peer what is unacknowledged");
        }
        None
    }

    /// What may hold instead, where this system behaves unlike its documentation, and why it does.
    pub fn expected_otherwise(&self) -> Option<(Expect, &'static str)> {
        let deviation = WINE.iter().find(|d| is_wine() && d.scenario == self.name)?;
        let Deviation { ending, phase, .. } = *deviation;
        Some((Expect { ending, phase, exit: ending.exit_code(), ..self.expect }, UNDER_WINE))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::{all, named};

    #[test]
    fn every_deviation_is_that_of_a_scenario_there_is_and_truly_differs() {
        for deviation in WINE {
            let expect = named(deviation.scenario).expect;
            assert_ne!(deviation.ending, expect.ending, "{}", deviation.scenario);
        }
    }

    #[test]
    fn unix_runs_them_all_and_windows_most() {
        let left_out = all().filter(|scenario| scenario.not_here(Arm::InProcess).is_some()).count();
        assert_eq!(left_out == 0, cfg!(unix));
        // All of the matrix over TCP, but for what needs Linux; the half of it over Unix sockets is not there.
        assert!(all().count() - left_out >= 55, "{left_out} of {}", all().count());
    }
}
