//! Who really sent each RST, and why.
//!
//! One capture shows the packets, and not the hosts. What a stack can only have sent itself is concluded, what only
//! somebody else can have sent too, and where several causes look alike the kind stays unknown, with the candidates.

use std::time::Duration;

use serde::Serialize;

use super::{
    claim::{Claim, Grade, Unknown, Vantage},
    words::{Actor, ResetKind, Side},
};
use crate::observed::{Connection, Half, IdFit, OwnEnd, Position, Reset, Seen, Trigger, only_syns};

/// What an RST did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// It ended the connection.
    Ended,
    /// The connection was over: both FINs had been acknowledged.
    Noise,
    /// Its receiver ignores it: its sequence number is not in the window, or the connection went on.
    NoEffect,
    /// It cannot be known whether it was taken.
    Unclear,
}

/// A sign of who sent an RST, or why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Sign {
    /// Its hop limit is not that of the same side's other packets.
    OtherHopLimit,
    /// Its hop limit is another, but the same number of hops below a usual initial value: the same host may have sent it.
    OtherHopLimitSameDistance,
    /// Its hop limit is that of the same side's other packets.
    SameHopLimit,
    /// Its IP identification is the next of the same side's counter.
    NextIpId,
    /// Its IP identification is not from the same side's counter.
    OtherIpId,
    /// It has no timestamps, and the side's other packets have.
    NoTimestamps,
    /// It has no ACK bit and answers nothing that the capture shows.
    Unsolicited,
    /// It answers a segment: its sequence number is that segment's acknowledgement.
    Answer,
    /// The side in whose name it came sent on, beyond its sequence number.
    SenderWentOn,
    /// Its sequence number is one that the side never reached.
    NumberNeverReached,
    /// Probes had had no answer, and it came when the next was due.
    ProbesUnanswered,
    /// The window of its sender had shrunk: received octets waited to be read.
    WindowShrunk,
    /// The window in it is larger than before: a receive queue was emptied.
    WindowOpened,
    /// Its sender had received nothing that it could have left unread.
    NothingReceived,
    /// Its sender had repeated octets that were not acknowledged.
    RepeatedInVain,
    /// It carries a payload, which some stacks use for the reason.
    Payload,
}

/// An RST with what can be said of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JudgedReset {
    /// The frame.
    pub seen: Seen,
    /// The side in whose name it was sent.
    pub name_of: Side,
    /// Who really sent it.
    pub by: Claim<Actor>,
    /// Why.
    pub kind: Claim<ResetKind>,
    /// Which kinds it can be, the likelier first. One, if the kind is known.
    pub candidates: Vec<ResetKind>,
    /// What it did.
    pub effect: Effect,
    /// Where its sequence number lies to what its receiver expected.
    pub position: Position,
    /// The frame that it answers, and what that carried.
    pub answers: Option<(Seen, Trigger)>,
    /// What it was judged by.
    pub signs: Vec<Sign>,
    /// It repeats what an earlier RST of the same sender said.
    pub echo: bool,
    /// Its receiver may have been ahead of it, so that it had no effect: it answers an old segment, as far as is known.
    pub(crate) behind: bool,
    /// Its sender chose to end by it: not the answer of a socket that another RST had ended.
    pub(crate) chosen: bool,
}

/// Initial hop limits of the usual stacks.
const INITIAL: [u8; 4] = [32, 64, 128, 255];

/// Hops from the sender, if it began with a usual initial value.
fn distance(hop_limit: u8) -> Option<u8> {
    INITIAL.iter().find(|&&initial| initial >= hop_limit).map(|initial| initial - hop_limit)
}

/// Judges all RSTs of a connection, in the order of their frames.
pub(super) fn judge(connection: &Connection, client: usize) -> Vec<JudgedReset> {
    let mut killed = [false; 2];
    let mut spoken = [false; 2];
    connection
        .resets()
        .iter()
        .map(|reset| {
            let name_of = if reset.from == client { Side::Client } else { Side::Server };
            let judged = one(connection, reset, name_of, killed[reset.from], spoken[reset.from]);
            if judged.effect == Effect::Ended {
                killed[1 - reset.from] = true;
            }
            spoken[reset.from] |= judged.by.value() == Some(&Actor::from(name_of));
            judged
        })
        .collect()
}

/// Judges one RST. `killed`: an RST of the other side had ended this side's socket. `spoken`: this side had sent an RST.
fn one(connection: &Connection, reset: &Reset, name_of: Side, killed: bool, spoken: bool) -> JudgedReset {
    let (me, peer) = (&connection.halves[reset.from], &connection.halves[1 - reset.from]);
    let mut judged = JudgedReset {
        seen: reset.seen,
        name_of,
        by: Claim::concluded(name_of.into()),
        kind: Claim::unknown(Unknown::NotOnTheWire, Vantage::None),
        candidates: Vec::new(),
        effect: effect(reset),
        position: reset.position,
        answers: reset.answers.map(|answered| (answered.seen, answered.what)),
        signs: Vec::new(),
        echo: false,
        chosen: true,
        behind: reset.behind || (me.is_unseen() && reset.acknowledged.is_none()),
    };
    let strangeness = strangeness(reset, me, &mut judged.signs);
    if !is_recognised(reset, me, killed) {
        judged.by = Claim::hinted(name_of.into());
    }
    if reset.payload_len > 0 {
        judged.signs.push(Sign::Payload);
    }
    if strangeness >= 2 {
        let near = me.packets.hop_limits().iter().any(|usual| usual.abs_diff(reset.hop_limit) <= 2);
        strange(&mut judged, strangeness, near && reset.acknowledged.is_some());
        return judged;
    }
    if spoken {
        judged.echo = true;
        judged.chosen = false;
        set(&mut judged, ResetKind::DeadSocket, Grade::Concluded);
        return judged;
    }
    if killed && reset.answers.is_some() {
        judged.chosen = false;
    }
    kind(reset, me, peer, killed, &mut judged);
    judged
}

/// Whether an RST was taken.
fn effect(reset: &Reset) -> Effect {
    match reset.position {
        _ if reset.after_both => Effect::Noise,
        _ if reset.receiver_went_on => Effect::NoEffect,
        Position::Unknown if reset.spoke == [true; 2] => Effect::NoEffect,
        // Its number is not the next one that the capture shows, and nothing shows what the receiver expects.
        Position::Unknown if reset.spoke[0] || reset.sequence.is_some() => Effect::Unclear,
        Position::Exact | Position::Unknown => Effect::Ended,
        Position::InWindow => Effect::Unclear,
        Position::Before | Position::Beyond => Effect::NoEffect,
    }
}

/// How much speaks against the side in whose name an RST came: two or more is enough to say that it was not that side.
fn strangeness(reset: &Reset, me: &Half, signs: &mut Vec<Sign>) -> u32 {
    let mut strangeness = 0;
    let usual = me.packets.hop_limits();
    if usual.contains(&reset.hop_limit) {
        signs.push(Sign::SameHopLimit);
    } else if usual.iter().any(|&usual| distance(usual) == distance(reset.hop_limit)) {
        signs.push(Sign::OtherHopLimitSameDistance);
    } else if !usual.is_empty() {
        signs.push(Sign::OtherHopLimit);
        strangeness += 2;
    }
    let unplaced = reset.position == Position::Unknown && reset.spoke[0] && !reset.refuses;
    if (reset.sender_went_on || unplaced) && reset.own_end != OwnEnd::Reset {
        signs.push(Sign::SenderWentOn);
        strangeness += 2;
    }
    let unsolicited = reset.answers.is_none() && !reset.refuses && reset.own_end == OwnEnd::Open;
    if reset.position == Position::Beyond && reset.sender_stayed_below && reset.answers.is_none() {
        signs.push(Sign::NumberNeverReached);
        strangeness += 2;
    }
    // A kernel's answer for a socket that it does not have looks unsolicited if the capture missed what it answers. It has
    // the identification zero, or the next one, so this counts only together with a foreign identification.
    let odd_form =
        unsolicited && (reset.acknowledged.is_none() || (reset.timestamps_usual && !reset.timestamps));
    if unsolicited && reset.acknowledged.is_none() {
        signs.push(Sign::Unsolicited);
    }
    if unsolicited && reset.timestamps_usual && !reset.timestamps {
        signs.push(Sign::NoTimestamps);
    }
    match reset.id_fit {
        IdFit::Next => signs.push(Sign::NextIpId),
        IdFit::Far if unsolicited => {
            signs.push(Sign::OtherIpId);
            strangeness += 1 + u32::from(odd_form);
        }
        IdFit::Far | IdFit::Zero | IdFit::Unknown => {}
    }
    if reset.answers.is_some() {
        signs.push(Sign::Answer);
    }
    strangeness
}

/// Whether more than the hop limit shows that the side in whose name an RST came sent it.
///
/// A box beside the host, or one that copies the hop limit, sends what looks the same. It hardly knows the host's counter of
/// packets and its clock; and a host whose socket is gone answers by RSTs, whether a box does or not.
fn is_recognised(reset: &Reset, me: &Half, killed: bool) -> bool {
    let has_clock = reset.timestamps && reset.timestamps_usual;
    let is_gone = killed || reset.own_end != OwnEnd::Open;
    !me.packets.hop_limits().is_empty() && (reset.id_fit == IdFit::Next || has_clock || is_gone)
}

/// An RST that the side in whose name it came did not send. `near`: it has the form of an abort, and its hop limit is hardly
/// another one.
fn strange(judged: &mut JudgedReset, strangeness: u32, near: bool) {
    // A host's packets can take another path of a hop or two more or less.
    let telling = |sign: &Sign| match sign {
        Sign::OtherHopLimit => !near,
        Sign::SenderWentOn | Sign::NumberNeverReached => true,
        _ => false,
    };
    let only_form = strangeness == 2 && !judged.signs.iter().any(telling);
    let grade = if only_form { Grade::Hinted } else { Grade::Concluded };
    judged.by = Claim::Known { value: Actor::Middlebox, grade };
    judged.chosen = false;
    match judged.effect {
        Effect::Ended => set(judged, ResetKind::Injected, grade),
        Effect::NoEffect | Effect::Noise => set(judged, ResetKind::Ignored, grade),
        // A receiver of today asks by a challenge ACK whether the RST is meant (RFC 5961), and others take it.
        Effect::Unclear => {
            judged.candidates = vec![ResetKind::Ignored, ResetKind::Injected];
            judged.kind = Claim::unknown(Unknown::NotOnTheWire, Vantage::BehindTheBox);
        }
    }
}

/// The kind of an RST that the side sent in its own name.
fn kind(reset: &Reset, me: &Half, peer: &Half, killed: bool, judged: &mut JudgedReset) {
    let trigger = reset.answers.map(|answered| answered.what);
    let plain = reset.acknowledged.is_none() || reset.answers.is_some_and(|answered| answered.without_ack);
    let vantage = own_end(judged.name_of);
    if reset.refuses {
        return match me.syn {
            None => set(judged, ResetKind::Refused, Grade::Concluded),
            // A SYN-ACK came too: one of the two is not from this host.
            Some(_) => judged.kind = Claim::unknown(Unknown::Contradictory, vantage),
        };
    }
    if trigger == Some(Trigger::SynAck) && me.payload == 0 && me.fin().is_none() && only_syns(me) {
        return set(judged, ResetKind::NoSocket, Grade::Concluded);
    }
    if reset.after_both {
        return set(judged, ResetKind::DeadSocket, if plain { Grade::Concluded } else { Grade::Hinted });
    }
    let closed = reset.own_end != OwnEnd::Open || killed;
    if closed && plain {
        // Without ACK bit a stack only answers what it has no socket for.
        let grade = if trigger.is_some() { Grade::Concluded } else { Grade::Hinted };
        return set(judged, ResetKind::DeadSocket, grade);
    }
    if closed && reset.answers.is_some_and(|answered| answered.new_octets) {
        return set(judged, ResetKind::DeadSocket, Grade::Hinted);
    }
    if keepalive(reset, me) {
        judged.signs.push(Sign::ProbesUnanswered);
        let sure = reset.probe_interval.is_some();
        return set(judged, ResetKind::KeepaliveTimeout, if sure { Grade::Concluded } else { Grade::Hinted });
    }
    // It has sent its SYN-ACK, and nothing of its program.
    let perhaps_not_accepted = judged.name_of == Side::Server && only_syns(me) && me.fin().is_none();
    if plain {
        judged.kind = Claim::unknown(Unknown::NotOnTheWire, vantage);
        judged.candidates = if perhaps_not_accepted {
            vec![ResetKind::NotAccepted, ResetKind::HalfOpen]
        } else {
            vec![ResetKind::HalfOpen, ResetKind::DeadSocket]
        };
        if trigger.is_none() {
            // The usual stacks set the ACK bit when they abort. It answers something that the capture missed, or it is not
            // from this host.
            judged.candidates.push(ResetKind::Injected);
            judged.by = Claim::unknown(Unknown::NotOnTheWire, vantage);
        }
        return;
    }
    if reset.unanswered_repeats > 0 {
        judged.signs.push(Sign::RepeatedInVain);
    }
    if reset.window_shrunk {
        judged.signs.push(Sign::WindowShrunk);
    }
    if reset.window_opened && reset.had_received {
        judged.signs.push(Sign::WindowOpened);
    }
    if !reset.had_received && me.placed && peer.syn.is_some() && peer.data_end() <= 1 {
        judged.signs.push(Sign::NothingReceived);
        // A server's kernel also resets connections that its program has not accepted, when it stops listening; and a
        // kernel that gives up after many repetitions may say so by an RST.
        if (judged.name_of == Side::Client || me.payload > 0) && reset.unanswered_repeats < 5 {
            return set(judged, ResetKind::Linger0, Grade::Hinted);
        }
        judged.candidates = vec![ResetKind::Linger0];
        if perhaps_not_accepted {
            judged.candidates.push(ResetKind::NotAccepted);
        }
        return;
    }
    let unread = reset.perhaps_unread || reset.window_shrunk || reset.window_opened;
    judged.candidates = if unread {
        vec![ResetKind::UnreadClose, ResetKind::Linger0]
    } else {
        vec![ResetKind::Linger0, ResetKind::UnreadClose]
    };
    if perhaps_not_accepted {
        judged.candidates.push(ResetKind::NotAccepted);
    }
    if reset.answers.is_some_and(|answered| answered.new_octets) {
        // It came just after octets that nobody had taken yet.
        judged.candidates.push(ResetKind::DeadSocket);
    }
}

/// Whether an RST came when the next keep-alive probe was due.
fn keepalive(reset: &Reset, me: &Half) -> bool {
    let Some(since) = reset.since_probe else { return false };
    if reset.unanswered_probes == 0 || me.unacked() > 0 || reset.position != Position::Exact {
        return false;
    }
    match reset.probe_interval {
        // Timers are coarse: a quarter more or less.
        Some(interval) => since.abs_diff(interval) <= (interval / 4).max(Duration::from_millis(50)),
        None => since >= Duration::from_millis(500),
    }
}

/// Knows a kind.
fn set(judged: &mut JudgedReset, kind: ResetKind, grade: Grade) {
    judged.kind = Claim::Known { value: kind, grade };
    judged.candidates = vec![kind];
}

/// The capture at a side's own interface.
fn own_end(side: Side) -> Vantage {
    match side {
        Side::Client => Vantage::AtTheClient,
        Side::Server => Vantage::AtTheServer,
    }
}
