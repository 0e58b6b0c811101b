//! The ending of a connection, and who ended it first.

use std::time::Duration;

use super::{
    Actor, Claim, Effect, EndedFirst, Ending, Grade, JudgedReset, OpenAtEnd, ResetKind, Side, SideEnd,
    Unknown, Vantage, message::Message,
};
use crate::{
    observed::{Connection, Half, Position, only_syns},
    segment::Timestamp,
};

/// A final FIN without a captured acknowledgement was acknowledged if its sender did not repeat it for this long: more
/// than the longest first retransmission timeout (RFC 6298, 2.1: 1 s; some stacks use 3 s).
const FIN_ACCEPTED: Duration = Duration::from_secs(4);

/// A side is mute if it has not answered for this long.
const MUTE: Duration = Duration::from_secs(1);

/// The same, if the other side has repeated itself meanwhile.
const MUTE_REPEATED: Duration = Duration::from_millis(200);

/// The connection and what has been found out about it so far.
pub(super) struct Judge<'a> {
    pub(super) connection: &'a Connection,
    pub(super) client: usize,
    pub(super) resets: &'a [JudgedReset],
    pub(super) capture_end: Option<Timestamp>,
    pub(super) fins: [Option<Grade>; 2],
}

impl Judge<'_> {
    fn half(&self, index: usize) -> &Half {
        &self.connection.halves[index]
    }

    fn actor(&self, index: usize) -> Actor {
        if index == self.client { Actor::Client } else { Actor::Server }
    }

    /// Whether an RST ended the connection.
    pub(super) fn is_reset(&self) -> bool {
        self.resets.iter().any(|reset| reset.effect == Effect::Ended)
    }

    /// Whether an RST in the window may have ended it.
    fn is_perhaps_reset(&self) -> bool {
        self.resets.iter().any(|reset| reset.effect == Effect::Unclear)
    }

    /// Whether the FIN of side `index` was acknowledged. `None`: the direction that would tell it is not captured.
    fn fin_acked(&self, index: usize) -> Option<bool> {
        let half = self.half(index);
        match half.fin() {
            None => Some(self.fins[index].is_some()),
            Some(_) if half.fin_acked() => Some(true),
            Some(_) if self.half(1 - index).is_unseen() => None,
            Some(_) => Some(false),
        }
    }

    /// Whether both directions ended by FIN and both FINs were acknowledged. `None`: it cannot be known.
    pub(super) fn both_fins_acked(&self) -> Option<bool> {
        if self.fins.iter().any(Option::is_none) {
            return Some(false);
        }
        let acked = [self.fin_acked(0), self.fin_acked(1)];
        if acked == [Some(true); 2] {
            return Some(true);
        }
        let last = self.half(usize::from(acked[1] != Some(true)));
        let fin = last.fin()?;
        // Of one direction only: the FIN was taken, because it was not repeated and the peer's followed.
        if acked.contains(&None) && fin.sent == 1 {
            return Some(true);
        }
        if acked == [Some(false); 2] || acked.contains(&None) {
            return if fin.sent > 1 { Some(false) } else { None };
        }
        let quiet = self.capture_end.and_then(|end| end.since(fin.seen.time));
        match quiet {
            _ if fin.sent > 1 => Some(false),
            Some(quiet) if quiet >= FIN_ACCEPTED => Some(true),
            _ => None,
        }
    }

    /// How side `index` ended its direction.
    pub(super) fn end(&self, index: usize) -> Claim<SideEnd> {
        if let Some(grade) = self.fins[index] {
            return Claim::Known { value: SideEnd::Fin, grade };
        }
        let half = self.half(index);
        if half
            .acked()
            .max(half.rare().proven)
            .max(self.proven_by_resets(index))
            .is_some_and(|known| known > half.end)
        {
            // The capture missed its last octets, and perhaps a FIN.
            let reason =
                if half.is_unseen() { Unknown::DirectionNotCaptured } else { Unknown::FramesMissing };
            return Claim::unknown(reason, self.at(index));
        }
        let actor = self.actor(index);
        let mut own = self.resets.iter().filter(|reset| reset.by.value() == Some(&actor));
        let unsure = |reset: &&JudgedReset| reset.by.value().is_none() && self.side(reset.name_of) == index;
        if let Some(JudgedReset { by: Claim::Unknown { reason, settled_by }, .. }) =
            self.resets.iter().find(unsure)
        {
            return Claim::Unknown { reason: *reason, settled_by: *settled_by };
        }
        if let Some(reset) = own.next() {
            return match reset.effect {
                Effect::Ended | Effect::Unclear => {
                    // A side that only acknowledges may have sent its FIN before the capture began.
                    let grade =
                        if self.is_blank(index) || reset.behind { Grade::Hinted } else { Grade::Seen };
                    // It is as sure as that the side sent it.
                    let grade = reset.by.grade().map_or(grade, |by| grade.min(by));
                    Claim::Known { value: SideEnd::Rst, grade }
                }
                // The socket was gone, and how it went is not in the capture.
                Effect::Noise | Effect::NoEffect => {
                    Claim::unknown(Unknown::FramesMissing, Vantage::ForLonger)
                }
            };
        }
        let silent_so_far = !half.acked_one_more;
        let answered = self.resets.iter().any(|reset| reset.chosen && self.side(reset.name_of) != index);
        if half.is_unseen() && half.acked().is_some() && silent_so_far && answered {
            // Its peer aborted, and the last that the peer had acknowledged by then is not a FIN.
            return Claim::hinted(SideEnd::None);
        }
        if half.is_unseen() && half.acked().is_some() {
            return Claim::unknown(Unknown::DirectionNotCaptured, self.at(index));
        }
        if self.is_blank(index) {
            // It only acknowledges: it may have ended its direction before the first frame of it that was captured.
            return Claim::unknown(Unknown::CaptureBeginsLate, Vantage::ForLonger);
        }
        Claim::seen(SideEnd::None)
    }

    fn side(&self, side: Side) -> usize {
        if side == Side::Client { self.client } else { 1 - self.client }
    }

    /// The highest position of side `index` that an RST names which is not from a box between: its own number, or what
    /// the other side's RST acknowledges.
    fn proven_by_resets(&self, index: usize) -> Option<i64> {
        let honest = |judged: &JudgedReset| judged.by.value() != Some(&Actor::Middlebox);
        let pairs = self.connection.resets().iter().zip(self.resets).filter(|(_, judged)| honest(judged));
        pairs
            .filter_map(|(reset, _)| if reset.from == index { reset.sequence } else { reset.acknowledged })
            .max()
            .filter(|_| self.half(index).placed)
    }

    fn at(&self, index: usize) -> Vantage {
        if index == self.client { Vantage::AtTheClient } else { Vantage::AtTheServer }
    }

    /// Which side chose first to end.
    pub(super) fn ended_first(&self) -> Claim<EndedFirst> {
        let named = |index: usize| if index == self.client { EndedFirst::Client } else { EndedFirst::Server };
        let reset_of = |index: usize| {
            let actor = self.actor(index);
            self.resets
                .iter()
                .find(|reset| {
                    reset.by.value() == Some(&actor) && reset.chosen && reset.effect != Effect::Noise
                })
                .filter(|reset| reset.effect != Effect::NoEffect)
                .map(|reset| (reset.seen.frame, reset.by.grade().unwrap_or(Grade::Hinted)))
        };
        match self.fins {
            [Some(a), Some(b)] => self.first_fin(a, b).map(|index| index.map_or(EndedFirst::Both, named)),
            [None, None] => match (reset_of(0), reset_of(1)) {
                _ if self.ends_unknown() => Claim::unknown(Unknown::FramesMissing, Vantage::ForLonger),
                (None, None) => Claim::seen(EndedFirst::None),
                (Some(_), Some(_)) if self.resets_crossed() => Claim::concluded(EndedFirst::Both),
                (a, b) => {
                    let first = usize::from(b.is_some_and(|b| a.is_none_or(|a| b.0 < a.0)));
                    let by = [a, b][first].map_or(Grade::Hinted, |(_, by)| by);
                    let behind = self.resets.iter().any(|reset| reset.behind);
                    let grade = if self.is_blank(0) || self.is_blank(1) || behind {
                        Grade::Hinted
                    } else {
                        Grade::Concluded
                    };
                    Claim::Known { value: named(first), grade: grade.min(by) }
                }
            },
            [a, _] => {
                let with_fin = usize::from(a.is_none());
                let fin = self.half(with_fin).fin().map_or(u64::MAX, |fin| fin.seen.frame);
                let (first, by) = match reset_of(1 - with_fin) {
                    Some((frame, by)) if frame < fin => (1 - with_fin, by),
                    _ => (with_fin, Grade::Seen),
                };
                let other_end = self.end(1 - with_fin);
                let reset_later = first == with_fin && reset_of(1 - with_fin).is_some();
                let crossing = first == with_fin
                    && !self.half(with_fin).fin_acked()
                    && !self.is_reset()
                    && !self.is_mute(with_fin);
                if crossing {
                    return Claim::unknown(Unknown::CaptureStopsEarly, Vantage::ForLonger);
                }
                if other_end.value().is_none() && !reset_later {
                    // The other side may have ended before.
                    return Claim::Unknown {
                        reason: other_end.reason().unwrap_or(Unknown::FramesMissing),
                        settled_by: self.at(1 - with_fin),
                    };
                }
                // An RST that does not acknowledge the FIN was sent without knowledge of it, perhaps before it.
                let crossed = self.connection.resets().iter().any(|reset| {
                    let fin = self.half(with_fin).fin().map_or(i64::MAX, |fin| fin.position);
                    reset.from != with_fin && reset.acknowledged.is_some_and(|number| number <= fin)
                });
                if first == with_fin && crossed {
                    return Claim::hinted(named(first));
                }
                Claim::Known { value: named(first), grade: by }
            }
        }
    }

    /// Whether the capture has neither the SYN nor any octets of side `index`, but other segments.
    fn is_blank(&self, index: usize) -> bool {
        let half = self.half(index);
        half.syn.is_none() && half.payload == 0 && (!half.is_unseen() || half.acked().is_some())
    }

    /// Whether both sides aborted without knowing of each other: who has taken an RST sends none, but for an answer.
    fn resets_crossed(&self) -> bool {
        let aborts = |actor: Actor| {
            self.resets.iter().any(|reset| {
                reset.by.value() == Some(&actor)
                    && reset.answers.is_none()
                    && reset.effect == Effect::Ended
                    && !reset.echo
            })
        };
        aborts(Actor::Client) && aborts(Actor::Server)
    }

    /// Whether a side may have ended without the capture showing it.
    fn ends_unknown(&self) -> bool {
        (0..2).any(|index| self.end(index).value().is_none())
    }

    /// Which FIN was sent first. `None` in the claim: they crossed.
    fn first_fin(&self, a: Grade, b: Grade) -> Claim<Option<usize>> {
        let grade = a.min(b);
        // Whether the FIN of `index` was sent in knowledge of the other's.
        let knew = |index: usize, other: usize| {
            let fin = self.half(index).fin()?;
            let theirs = match self.half(other).fin() {
                Some(theirs) => theirs.position,
                None => self.half(other).acked()? - 1,
            };
            let knew = fin.acknowledged.and_then(|number| self.half(other).position(number));
            Some(knew.is_some_and(|acknowledged| acknowledged > theirs))
        };
        let known = |value| Claim::Known { value, grade };
        // Whether the FIN of `index`, which was not captured, came after the other's: its side sent octets, or lived on,
        // after that.
        let later = |index: usize, other: usize| {
            let (half, fin) = (self.half(index), self.half(other).fin()?);
            let position = half.acked()? - 1;
            let knew = fin.acknowledged.and_then(|number| half.position(number));
            Some(half.outlived_peer || knew.is_some_and(|acknowledged| acknowledged < position))
        };
        match (knew(0, 1), knew(1, 0)) {
            (Some(false) | None, Some(true)) => known(Some(0)),
            (Some(true), Some(false) | None) => known(Some(1)),
            (Some(false), None) if later(1, 0) == Some(true) => known(Some(0)),
            (None, Some(false)) if later(0, 1) == Some(true) => known(Some(1)),
            (Some(false), Some(false)) => known(None),
            (Some(true), Some(true)) | (Some(false), None) | (None, Some(false) | None) => {
                Claim::unknown(Unknown::FramesMissing, Vantage::ForLonger)
            }
        }
    }

    /// The ending.
    pub(super) fn ending(&self, message: &Message) -> Claim<Ending> {
        let connection = self.connection;
        let refused = self.resets.iter().find(|reset| {
            reset.effect == Effect::Ended
                && matches!(reset.kind.value(), Some(ResetKind::Refused | ResetKind::NoSocket))
        });
        if refused.is_some() && connection.established().is_none() {
            return Claim::seen(Ending::Refused);
        }
        if let Some(claim) = self.truncated(message) {
            return claim;
        }
        if let Some(reset) = self.resets.iter().find(|reset| reset.effect == Effect::Ended) {
            if (0..2).all(|index| self.half(index).is_unseen() || only_syns(self.half(index))) {
                // A connection, a refusal, or the answer to something else: the capture does not show it.
                return Claim::unknown(Unknown::FramesMissing, Vantage::ForLonger);
            }
            let sure = matches!(reset.position, Position::Exact);
            return if reset.behind {
                Claim::hinted(Ending::Reset)
            } else if sure {
                Claim::seen(Ending::Reset)
            } else {
                Claim::concluded(Ending::Reset)
            };
        }
        if self.is_perhaps_reset() && self.both_fins_acked() != Some(true) {
            let went_on = connection
                .resets()
                .iter()
                .all(|reset| reset.sender_went_on || reset.receiver_went_on || reset.sender_stayed_below);
            if !went_on {
                return Claim::unknown(Unknown::NotOnTheWire, Vantage::BehindTheBox);
            }
        }
        match self.both_fins_acked() {
            Some(true) => {
                let seen = self.fins == [Some(Grade::Seen); 2]
                    && self.half(0).fin_acked()
                    && self.half(1).fin_acked();
                if self.fins.contains(&Some(Grade::Hinted)) {
                    return Claim::hinted(Ending::Graceful);
                }
                return if seen { Claim::seen(Ending::Graceful) } else { Claim::concluded(Ending::Graceful) };
            }
            None => return Claim::unknown(Unknown::CaptureStopsEarly, Vantage::ForLonger),
            Some(false) => {}
        }
        if self.is_unanswered() {
            return if self.has_asked_for_long() {
                Claim::seen(Ending::NoAnswer)
            } else {
                Claim::unknown(Unknown::CaptureStopsEarly, Vantage::ForLonger)
            };
        }
        if (0..2).all(|index| self.half(index).is_unseen()) {
            // All of its segments had bad checksums.
            return Claim::unknown(Unknown::FramesMissing, Vantage::ForLonger);
        }
        if self.ends_unknown() && self.fins.iter().any(Option::is_some) {
            return Claim::unknown(Unknown::FramesMissing, Vantage::ForLonger);
        }
        match (0..2).find(|&index| self.is_mute(index)) {
            Some(_) => Claim::concluded(Ending::Silent),
            None => Claim::seen(Ending::Open),
        }
    }

    /// TCP ended in order, or the peer was gone after its FIN, and the message was cut.
    fn truncated(&self, message: &Message) -> Option<Claim<Ending>> {
        let both = self.both_fins_acked() == Some(true) && !self.is_reset();
        // After a FIN without close_notify the stream is cut, whatever the other side still sends in vain.
        let cut_and_gone = (0..2).any(|index| {
            message.cut_tls[index]
                && self.fins[index].is_some()
                && self.resets.iter().filter(|reset| reset.effect == Effect::Ended).all(|reset| {
                    reset.by.value() == Some(&self.actor(index))
                        && reset.kind.value() == Some(&ResetKind::DeadSocket)
                })
        });
        if both && message.cut_http.iter().any(Option::is_some) {
            return Some(Claim::concluded(Ending::Truncated));
        }
        if (both || (self.is_reset() && cut_and_gone)) && message.cut_tls.contains(&true) {
            return Some(Claim::Known { value: Ending::Truncated, grade: message.cut_grade });
        }
        None
    }

    /// Whether there was nothing but SYNs of one side.
    fn is_unanswered(&self) -> bool {
        let (client, server) = (self.half(self.client), self.half(1 - self.client));
        client.syn.is_some_and(|syn| !syn.with_ack && syn.sent == client.segments)
            && server.is_unseen()
            && self.connection.resets().is_empty()
    }

    /// Whether an answer to the SYN would have come: it was sent again, or as long ago as that takes (RFC 6298, 2.1).
    fn has_asked_for_long(&self) -> bool {
        let asked = self.connection.first.time;
        let waited = self.capture_ends().since(asked).unwrap_or_default();
        self.half(self.client).segments > 1 || waited >= Duration::from_secs(1)
    }

    /// When nothing of it was seen any more.
    fn capture_ends(&self) -> Timestamp {
        self.capture_end.unwrap_or(self.connection.last.time).max(self.connection.last.time)
    }

    /// Whether side `1 - index` is mute: what `index` sent has no answer, for so long that it is no round trip.
    fn is_mute(&self, index: usize) -> bool {
        let (half, peer) = (self.half(index), self.half(1 - index));
        if peer.is_unseen() && half.acked().is_none() && peer.acked().is_some() {
            // The other direction was not captured: it may well have answered.
            return false;
        }
        let Some(first) = half.unheard_since() else { return false };
        let unheard = &half.rare().unheard;
        let waits = half.unacked() > 0
            || half.fin().is_some() && !half.fin_acked()
            || half.syn.is_some() && half.acked().is_none()
            || unheard.probes >= 2;
        let waited = self.capture_ends().since(first).unwrap_or_default();
        // An answer takes a round trip, by satellite more than a second.
        let trips = self.connection.round_trip().unwrap_or_default().saturating_mul(2);
        waits && (waited >= MUTE.max(trips) || (unheard.repeated > 0 && waited >= MUTE_REPEATED.max(trips)))
    }

    /// Whether anything is open.
    pub(super) fn open_at_end(&self, ending: &Claim<Ending>) -> Claim<OpenAtEnd> {
        let fins = self.fins.iter().filter(|fin| fin.is_some()).count();
        match ending {
            Claim::Known {
                value: Ending::Graceful | Ending::Reset | Ending::Refused | Ending::Truncated,
                grade,
            } => Claim::Known { value: OpenAtEnd::No, grade: *grade },
            // The client's kernel may have given up, and says nothing when it does.
            Claim::Known { value: Ending::NoAnswer, .. } => {
                Claim::unknown(Unknown::NotOnTheWire, Vantage::None)
            }
            _ if fins == 2 => Claim::concluded(OpenAtEnd::No),
            Claim::Unknown { reason, settled_by } => {
                Claim::Unknown { reason: *reason, settled_by: *settled_by }
            }
            Claim::Known { .. } if self.ends_unknown() => {
                Claim::unknown(Unknown::FramesMissing, Vantage::ForLonger)
            }
            Claim::Known { .. } if fins == 1 => Claim::seen(OpenAtEnd::Half),
            Claim::Known { .. } => Claim::seen(OpenAtEnd::Yes),
        }
    }
}
