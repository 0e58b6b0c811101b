//! What a cell of the page says: one pure function, and the only place where it is decided.
//!
//! The rules, in this order, are the ones that the page prints:
//!
//! 1. `hang`: the tool still ran at the scenario's hang limit and was killed.
//! 2. `lost n bytes`: bytes that could be had did not arrive: at its output, of what the peer sent and the kernel
//!    could hand over, or at the peer, of what the tool was given. `corrupt`: none is missing, but one is wrong.
//!    With `, exit 0` it also said that all was well.
//! 3. `lied`: its exit status contradicts what happened: 0 although the ending was not graceful, or not 0
//!    although all was well. Or it lied to the peer: its stream was cut, and the peer saw a clean EOF.
//! 4. `ok`: none of these.

use adieu_testkit::{
    peer::ReceivedEnd,
    program::Observed,
    scenario::{Ending, Scenario},
};
use std::fmt;

/// One cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Cell {
    Ok,
    Hang,
    Lost {
        bytes: u64,
        exit: i32,
    },
    Corrupt {
        exit: i32,
    },
    /// The exit status contradicts what happened.
    Lied {
        exit: i32,
    },
    /// The exit status may be true, but the peer took a cut stream for a whole one.
    LiedToPeer {
        exit: i32,
    },
    /// The tool cannot be asked.
    NotApplicable(&'static str),
    /// This machine cannot ask.
    NotMeasured(String),
}

/// Judges one run.
pub(super) fn cell(scenario: &Scenario, observed: &Observed) -> Cell {
    let Some(exit) = observed.exit.filter(|_| !observed.hung) else { return Cell::Hang };
    let exit = exit.shell_code();
    let expect = &scenario.expect;

    // Where nobody can count the output (/dev/full, closed) nothing can be had there either.
    let from_peer = observed.output_bytes.map_or(0, |got| expect.output.least().saturating_sub(got));
    let at_peer = observed.peer.as_ref().map_or(0, |peer| peer.received);
    let to_peer = expect.peer.least().saturating_sub(at_peer);
    let bytes = from_peer + to_peer;
    if bytes > 0 {
        return Cell::Lost { bytes, exit };
    }
    let wrong_there = observed.peer.as_ref().and_then(|peer| peer.first_wrong);
    if observed.output_first_wrong.is_some() || wrong_there.is_some() {
        return Cell::Corrupt { exit };
    }

    if (exit == 0) != (expect.ending == Ending::Graceful) {
        return Cell::Lied { exit };
    }
    let peer_end = observed.peer.as_ref().and_then(adieu_testkit::peer::PeerLog::end);
    if expect.peer_end == Some(ReceivedEnd::Reset) && peer_end == Some(ReceivedEnd::Eof) {
        return Cell::LiedToPeer { exit };
    }
    Cell::Ok
}

impl Cell {
    /// The row of the totals that it counts in.
    pub(super) fn class(&self) -> Class {
        match self {
            Self::Ok => Class::Ok,
            Self::Hang => Class::Hang,
            Self::Lost { .. } | Self::Corrupt { .. } => Class::Lost,
            Self::Lied { .. } | Self::LiedToPeer { .. } => Class::Lied,
            Self::NotApplicable(_) | Self::NotMeasured(_) => Class::NotRun,
        }
    }

    /// It lost bytes and said that all was well.
    pub(super) fn lost_and_lied(&self) -> bool {
        matches!(self, Self::Lost { exit: 0, .. } | Self::Corrupt { exit: 0 })
    }
}

/// The totals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    Ok,
    Lost,
    Hang,
    Lied,
    NotRun,
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ok => f.write_str("ok"),
            Self::Hang => f.write_str("hang"),
            Self::Lost { bytes, exit } => {
                let (s, lie) = (if *bytes == 1 { "" } else { "s" }, if *exit == 0 { ", exit 0" } else { "" });
                write!(f, "lost {bytes} byte{s}{lie}")
            }
            Self::Corrupt { exit: 0 } => f.write_str("corrupt, exit 0"),
            Self::Corrupt { .. } => f.write_str("corrupt"),
            Self::Lied { exit } => write!(f, "lied: exit {exit}"),
            Self::LiedToPeer { exit: 0 } => f.write_str("lied: exit 0, and the peer saw EOF"),
            Self::LiedToPeer { .. } => f.write_str("lied: the peer saw EOF"),
            Self::NotApplicable(_) => f.write_str("—"),
            Self::NotMeasured(_) => f.write_str("not measured"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use adieu_testkit::{peer::PeerLog, program::Exit, scenario::named};

    /// 14 bytes up, 20480 down, graceful.
    const GOOD: &str = "reply_only_after_eof";
    /// The same, then RST.
    const RESET: &str = "full_reply_then_reset";
    /// Our own input fails: the peer must see a reset.
    const CUT: &str = "input_is_a_directory";

    struct Seen {
        exit: i32,
        output: u64,
        at_peer: u64,
        end: ReceivedEnd,
    }

    const ALL: Seen = Seen { exit: 0, output: 20_480, at_peer: 14, end: ReceivedEnd::Eof };

    fn observed(seen: &Seen) -> Observed {
        Observed {
            exit: Some(Exit::Code(seen.exit)),
            output_bytes: Some(seen.output),
            peer: Some(PeerLog {
                connected: true,
                received: seen.at_peer,
                eof: true,
                reset: seen.end == ReceivedEnd::Reset,
                ..PeerLog::default()
            }),
            ..Observed::default()
        }
    }

    fn of(name: &str, seen: &Seen) -> String {
        cell(named(name), &observed(seen)).to_string()
    }

    #[test]
    fn ok_needs_all_bytes_and_a_true_exit_status() {
        assert_eq!(of(GOOD, &ALL), "ok");
        assert_eq!(of(RESET, &Seen { exit: 1, ..ALL }), "ok", "any exit but 0 tells of the reset");
    }

    #[test]
    fn missing_bytes_are_counted_on_both_sides() {
        assert_eq!(of(GOOD, &Seen { output: 0, ..ALL }), "lost 20480 bytes, exit 0");
        assert_eq!(of(GOOD, &Seen { output: 480, at_peer: 4, ..ALL }), "lost 20010 bytes, exit 0");
        assert_eq!(of(GOOD, &Seen { output: 0, exit: 1, ..ALL }), "lost 20480 bytes");
        assert_eq!(of(GOOD, &Seen { output: 20_479, ..ALL }), "lost 1 byte, exit 0");
        assert_eq!(of(RESET, &Seen { output: 20_000, ..ALL }), "lost 480 bytes, exit 0");
    }

    #[test]
    fn bytes_that_timing_may_take_are_not_asked_for() {
        let seen = Seen { output: 0, exit: 1, ..ALL };
        assert_eq!(of("peer_resets_in_mid_download", &seen), "ok");
        assert_eq!(of("peer_resets_in_mid_download", &Seen { exit: 0, ..seen }), "lied: exit 0");
    }

    #[test]
    fn an_exit_status_lies_both_ways() {
        assert_eq!(of(RESET, &ALL), "lied: exit 0");
        assert_eq!(of(GOOD, &Seen { exit: 1, ..ALL }), "lied: exit 1");
    }

    #[test]
    fn a_cut_stream_with_a_clean_eof_is_a_lie_to_the_peer() {
        let cut = Seen { exit: 1, output: 0, at_peer: 0, end: ReceivedEnd::Eof };
        assert_eq!(of(CUT, &cut), "lied: the peer saw EOF");
        assert_eq!(of(CUT, &Seen { end: ReceivedEnd::Reset, ..cut }), "ok");
        assert_eq!(of(CUT, &Seen { exit: 0, ..cut }), "lied: exit 0", "the status comes first");
    }

    #[test]
    fn no_byte_missing_but_one_wrong_is_corrupt() {
        let mut seen = observed(&ALL);
        seen.output_first_wrong = Some(7);
        assert_eq!(cell(named(GOOD), &seen), Cell::Corrupt { exit: 0 });
        assert!(cell(named(GOOD), &seen).lost_and_lied());
    }

    #[test]
    fn a_hang_outweighs_all() {
        let mut seen = observed(&Seen { output: 0, ..ALL });
        seen.hung = true;
        assert_eq!(cell(named(GOOD), &seen), Cell::Hang);
        seen.exit = None;
        assert_eq!(cell(named(GOOD), &seen), Cell::Hang);
    }

    #[test]
    fn a_tool_that_dies_of_a_signal_has_not_said_0() {
        let mut seen = observed(&ALL);
        seen.exit = Some(Exit::Signal(13));
        assert_eq!(cell(named(RESET), &seen), Cell::Ok);
        assert_eq!(cell(named(GOOD), &seen), Cell::Lied { exit: 141 });
    }

    #[test]
    fn output_that_nobody_can_count_is_not_missing() {
        let mut seen = observed(&Seen { exit: 1, ..ALL });
        seen.output_bytes = None;
        assert_eq!(cell(named("output_device_is_full"), &seen), Cell::Ok);
    }
}
