//! A verdict in words: one sentence that a person understands, and the facts behind it.
//!
//! Nothing here judges: what is said is what the [`Verdict`] holds, and what it does not know is said to be unknown. The
//! words hold nothing of the capture but numbers, addresses and the TLS server's name, of which the verdict keeps only
//! printable ASCII.

mod counts;
mod facts;
mod resets;
mod segments;
mod sentence;
mod units;

pub use counts::{passed_over, tally};
pub(crate) use facts::unknown;
pub use facts::{Fact, facts};
pub use resets::{reset_effect, short_reset_kind};
pub use segments::segment;
pub use sentence::sentence;
pub use units::{counted, percent, size, span, verb};
pub(crate) use {resets::kind as reset_kind, units::bytes};

use crate::verdict::{Claim, Ending, Unknown, Vantage, Verdict};

/// The ending in one or two words, as a headline has it.
pub fn headline(verdict: &Verdict) -> &'static str {
    verdict.ending.value().map_or("unknown ending", |ending| ending_words(*ending))
}

/// An ending in one or two words.
pub const fn ending_words(ending: Ending) -> &'static str {
    match ending {
        Ending::Graceful => "graceful",
        Ending::Reset => "reset",
        Ending::Refused => "refused",
        Ending::NoAnswer => "no answer",
        Ending::Truncated => "truncated",
        Ending::Silent => "silent",
        Ending::Open => "open",
    }
}

/// Why something cannot be known, as a clause.
pub fn reason(unknown: Unknown) -> &'static str {
    match unknown {
        Unknown::NotOnTheWire => "it happens inside a host, and the captured packets do not show it",
        Unknown::DirectionNotCaptured => "the capture has no packet of the direction that would tell",
        Unknown::FramesMissing => "the capture missed the frames that would tell",
        Unknown::CaptureBeginsLate => "the capture begins too late",
        Unknown::CaptureStopsEarly => "the capture stops too early",
        Unknown::WindowShrunk => {
            "the receive window had shrunk, so an unknown part of what was acknowledged may have been unread"
        }
        Unknown::SenderWasHeldUp => {
            "more may have waited in the sender's kernel, for the receive window or for acknowledgements"
        }
        Unknown::Contradictory => "the captured packets contradict each other",
        Unknown::SameEnds => {
            "both ends have the same address and port, so nobody can tell which of them sent a segment"
        }
        Unknown::NotFollowed => {
            "more connections were open at once than adieu follows, and this one was given up before its end"
        }
        Unknown::Drawn => "the packets are drawn from a program's calls, which do not show it",
    }
}

/// Which second capture would settle it, as a sentence.
pub fn settled_by(vantage: Vantage) -> &'static str {
    match vantage {
        Vantage::AtTheClient => {
            "A capture at the client's own interface, taken at the same time, would tell."
        }
        Vantage::AtTheServer => {
            "A capture at the server's own interface, taken at the same time, would tell."
        }
        Vantage::BehindTheBox => {
            "A capture at the interface of the host in whose name the reset came, taken at the same time, would tell."
        }
        Vantage::ForLonger => "A capture at the same place that begins earlier or stops later would tell.",
        Vantage::FewerConnections => {
            "The same capture would tell, if adieu looked at fewer of its connections at once."
        }
        Vantage::OnTheWire => "A capture of the wire would tell more.",
        Vantage::None => "No capture would tell: only the program or its kernel can.",
    }
}

/// `probably `, if a claim is only hinted.
fn probably<T>(claim: &Claim<T>) -> &'static str {
    if claim.grade() == Some(crate::verdict::Grade::Hinted) { "probably " } else { "" }
}
