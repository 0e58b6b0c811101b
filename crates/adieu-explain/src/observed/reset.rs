//! An RST as it was seen, with what has to be known about the moment to say who sent it and why.

use std::time::Duration;

use super::{Seen, half::Half, packets::IdFit, recent::Past};
use crate::segment::Segment;

/// Where the sequence number of an RST lies to what its receiver expects (RFC 9293, 3.10.7.4; RFC 5961, 3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Position {
    /// Exactly the next number: the receiver takes it. Either all that was acknowledged, or all that was sent.
    Exact,
    /// In the window, but not the next number: a receiver of today asks by a challenge ACK first.
    InWindow,
    /// Before what was acknowledged: the receiver ignores it.
    Before,
    /// Beyond the window: the receiver ignores it.
    Beyond,
    /// The capture shows nothing that it could be compared with.
    Unknown,
}

/// Which segment an RST answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Answered {
    pub(crate) seen: Seen,
    pub(crate) what: Trigger,
    /// Whether the segment carried octets that had never been acknowledged.
    pub(crate) new_octets: bool,
    /// Whether the RST has the form of an answer to a segment without ACK, for which there is no socket.
    pub(crate) without_ack: bool,
}

/// The kind of segment that an RST answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Trigger {
    /// A SYN.
    Syn,
    /// A SYN with ACK.
    SynAck,
    /// Payload, or a FIN.
    Data,
    /// An acknowledgement, a probe, or anything without payload.
    Ack,
}

/// How a side had ended its direction when it sent an RST.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OwnEnd {
    Open,
    Fin,
    Reset,
}

/// An RST.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reset {
    pub(crate) seen: Seen,
    /// The side in whose name it was sent: 0 or 1.
    pub(crate) from: usize,
    pub(crate) sequence: Option<i64>,
    /// The acknowledgement, as a position of the other side. `None`: the RST has no ACK bit.
    pub(crate) acknowledged: Option<i64>,
    /// Whether it acknowledges exactly a SYN, and this side had not sent one itself.
    pub(crate) refuses: bool,
    pub(crate) position: Position,
    /// It answers an older state of the connection: this side had sent more.
    pub(crate) behind: bool,
    pub(crate) answers: Option<Answered>,
    pub(crate) hop_limit: u8,
    pub(crate) id_fit: IdFit,
    pub(crate) payload_len: u32,
    /// It carries timestamps.
    pub(crate) timestamps: bool,
    /// The connection agreed on timestamps, by this side's packets.
    pub(crate) timestamps_usual: bool,
    pub(crate) own_end: OwnEnd,
    /// Both FINs had been acknowledged.
    pub(crate) after_both: bool,
    /// This side had received payload that it acknowledged, or acknowledges now.
    pub(crate) had_received: bool,
    /// This side had received payload that it evidently has not answered or read.
    pub(crate) perhaps_unread: bool,
    /// The window of this side had shrunk, and not opened again.
    pub(crate) window_shrunk: bool,
    /// The window in the RST is larger than before: an emptied receive queue looks like that.
    pub(crate) window_opened: bool,
    /// Probes of this side without an answer, and how the time since the last one compares with their interval.
    pub(crate) unanswered_probes: u32,
    pub(crate) probe_interval: Option<Duration>,
    pub(crate) since_probe: Option<Duration>,
    /// Repetitions of this side without an answer.
    pub(crate) unanswered_repeats: u32,
    /// Time since the last payload of the other side, by the capture and by this side's clock if it has one.
    pub(crate) since_payload: Option<Duration>,
    /// Position of the other side after all that it had sent by then.
    pub(crate) peer_next: i64,
    /// This side sent octets, or a FIN, beyond the RST's sequence number afterwards, or acknowledged what the other side
    /// sent only then.
    pub(crate) sender_went_on: bool,
    /// Which sides sent segments afterwards: this one, and the other.
    pub(crate) spoke: [bool; 2],
    /// This side sent segments afterwards that end before the RST's sequence number.
    pub(crate) sender_stayed_below: bool,
    /// The other side acknowledged octets afterwards that lie beyond the RST, or still sent new ones when it had long come.
    pub(crate) receiver_went_on: bool,
}

/// An RST counts as an answer to a segment for this long after it, in nanoseconds, if the capture shows no round trip.
const ANSWER_WITHIN: u64 = 300_000_000;

/// What `segment`, an RST of `me`, answers. `round_trip` is the slower side's of the handshake.
pub(super) fn answered(
    segment: &Segment<'_>,
    peer: &Half,
    me: &Half,
    round_trip: Option<Duration>,
) -> Option<Answered> {
    let within = round_trip.map_or(ANSWER_WITHIN, |time| {
        u64::try_from(time.as_nanos()).unwrap_or(u64::MAX).saturating_mul(3).max(ANSWER_WITHIN)
    });
    let near = |past: &&Past| past.distance(segment.time) <= within;
    // RFC 9293, 3.10.7.1: the answer to a segment with ACK has its acknowledgement as sequence number and no ACK bit; the
    // answer to one without ACK has sequence number 0 and acknowledges it.
    let fits = |past: &&Past| {
        if segment.flags.ack() {
            !past.flags().ack() && past.sequence_end() == segment.acknowledgement
        } else {
            past.flags().ack() && past.acknowledgement == segment.sequence
        }
    };
    let candidate = peer.recent.iter().filter(near).filter(|past| !past.flags().rst()).find(fits);
    // Some stacks acknowledge in the RST (Windows, BSD): then what came last, and is new, may have been its cause.
    let late = || {
        peer.recent.iter().filter(near).find(|past| {
            segment.flags.ack() && past.payload_len() > 0 && past.flags().ack() && !past.flags().syn()
        })
    };
    let (past, sure) = candidate.map(|past| (past, true)).or_else(|| late().map(|past| (past, false)))?;
    let end = peer.position(past.sequence_end());
    // What was acknowledged before, without this RST.
    let takes = if segment.flags.ack() { peer.position(segment.acknowledgement) } else { None };
    let new_octets = past.payload_len() + u32::from(past.flags().fin()) > 0
        && end.is_some_and(|end| peer.acked().max(takes).is_none_or(|acked| end > acked));
    if !sure && !new_octets {
        return None;
    }
    let what = match (past.flags().syn(), past.flags().ack()) {
        (true, false) => Trigger::Syn,
        (true, true) => Trigger::SynAck,
        _ if past.payload_len() > 0 || past.flags().fin() => Trigger::Data,
        _ => Trigger::Ack,
    };
    // A side that lives does not answer acknowledgements of what it sent by RSTs. One that has forgotten the connection
    // answers probes, and what ends a handshake.
    let probe = end.is_some_and(|end| end < peer.next());
    let lively = what == Trigger::Ack && me.fin().is_none() && !probe && me.segments > 1;
    let without_ack = sure && !past.flags().ack();
    (!lively).then_some(Answered { seen: past.seen(segment), what, new_octets, without_ack })
}

/// Where an RST of `me` with this sequence number lies for `peer`. `acknowledged`: what it acknowledges of `peer`.
pub(super) fn position(sequence: Option<i64>, acknowledged: Option<i64>, me: &Half, peer: &Half) -> Position {
    if me.segments == 0 && only_syns(peer) && peer.syn.is_some_and(|syn| !syn.with_ack) {
        // In SYN-SENT an RST is taken that acknowledges the SYN, whatever its own number (RFC 9293, 3.10.7.3). After it, if
        // the capture missed the rest of the handshake, an abort looks the same.
        let takes = acknowledged.is_some_and(|position| (1..=peer.next()).contains(&position));
        return if takes { Position::Exact } else { Position::Beyond };
    }
    let Some(sequence) = sequence else { return Position::Unknown };
    let Some(acked) = me.acked() else {
        return if sequence == me.next() { Position::Exact } else { Position::Unknown };
    };
    // Midstream windows are not known to scale: the largest factor errs towards an effect.
    let offered = peer.window.last.map_or(65_535, u64::from)
        << peer.scale(me).unwrap_or(if me.syn.is_some() && peer.syn.is_some() { 0 } else { 14 });
    let offered = i64::try_from(offered).unwrap_or(i64::MAX);
    if sequence == acked || sequence == me.next() || (sequence == me.end && acked <= me.end) {
        Position::Exact
    } else if sequence < acked {
        Position::Before
    } else if sequence < acked.saturating_add(offered) {
        Position::InWindow
    } else {
        Position::Beyond
    }
}

/// Whether a side sent nothing but SYNs, and at least one.
pub(crate) fn only_syns(half: &Half) -> bool {
    half.syn.is_some_and(|syn| syn.sent == half.segments)
}
