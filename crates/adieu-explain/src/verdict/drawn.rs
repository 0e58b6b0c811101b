//! What is left of a verdict on segments that a program drew from its calls: what crossed, and that each side ended.
//!
//! A dump of adieu is such a capture. A program is told of octets and of ends, and not of the segments that carried them, of
//! repetitions, of who was first where both ended, or of who sent a reset. Over TLS it has the plain text.

use super::{
    Verdict,
    claim::{Claim, Grade, Unknown, Vantage},
    resets::{Effect, JudgedReset},
    words::{Ending, OpenAtEnd, SideEnd},
};

/// A claim about the wire.
fn unknown<T>() -> Claim<T> {
    Claim::unknown(Unknown::Drawn, Vantage::OnTheWire)
}

/// A claim that a frame shows, if there was one.
fn concluded<T>(claim: Claim<T>) -> Claim<T> {
    match claim {
        Claim::Known { value, grade } => Claim::Known { value, grade: grade.min(Grade::Concluded) },
        unknown @ Claim::Unknown { .. } => unknown,
    }
}

impl Verdict {
    /// Takes back what only a wire shows.
    pub(super) fn of_drawn(self) -> Self {
        let end = |end: Claim<SideEnd>| {
            concluded(end).unless(|end| *end == SideEnd::None, Unknown::Drawn, Vantage::OnTheWire)
        };
        let ended = matches!(
            self.ending.value(),
            Some(Ending::Graceful | Ending::Reset | Ending::Refused | Ending::Truncated)
        );
        let graceful = self.ending.value() == Some(&Ending::Graceful);
        let octets = |claim: Claim<u64>| if graceful { concluded(claim) } else { unknown() };
        let resets = self.resets.into_iter().map(JudgedReset::of_drawn).collect();
        Self {
            handshake: None,
            ended_first: unknown(),
            c_end: end(self.c_end),
            s_end: end(self.s_end),
            unacked_c2s: octets(self.unacked_c2s),
            unacked_s2c: octets(self.unacked_s2c),
            unsent_c2s: octets(self.unsent_c2s),
            unsent_s2c: octets(self.unsent_s2c),
            unread_server: Claim::unknown(Unknown::NotOnTheWire, Vantage::None),
            unread_client: Claim::unknown(Unknown::NotOnTheWire, Vantage::None),
            open_at_end: concluded(self.open_at_end).unless(
                |open| *open != OpenAtEnd::No,
                Unknown::Drawn,
                Vantage::OnTheWire,
            ),
            close_notify: unknown(),
            tls: unknown(),
            ending: if ended { concluded(self.ending) } else { unknown() },
            resets,
            ..self
        }
    }
}

impl JudgedReset {
    /// The program was told of a reset, or asked for one: the numbers in it are drawn.
    fn of_drawn(self) -> Self {
        Self {
            by: Claim::hinted(self.name_of.into()),
            kind: unknown(),
            candidates: Vec::new(),
            effect: if self.effect == Effect::Noise { Effect::Noise } else { Effect::Ended },
            answers: None,
            signs: Vec::new(),
            ..self
        }
    }
}
