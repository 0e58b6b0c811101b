//! An RST in words.

use super::probably;
use crate::verdict::{Actor, Effect, JudgedReset, ResetKind, Sign};

/// What a kind of RST is, as a clause that follows "it is".
pub(crate) const fn kind(kind: ResetKind) -> &'static str {
    match kind {
        ResetKind::Linger0 => "an abort by the program (zero linger) or by the system (as by ss -K)",
        ResetKind::UnreadClose => "a close, or the death of the program, with received bytes unread",
        ResetKind::DeadSocket => "the answer to a segment for a socket that was already closed",
        ResetKind::Refused => "the answer to a SYN: nothing listens on the port, or a firewall rejects it",
        ResetKind::HalfOpen => {
            "the answer of a host that no longer knows the connection (as after a crash), or of a NAT or load balancer that has forgotten it"
        }
        ResetKind::NotAccepted => {
            "the end of a connection that the server's program did not accept (full queue with tcp_abort_on_overflow, or no longer listening)"
        }
        ResetKind::NoSocket => "the answer to a SYN-ACK that was not expected",
        ResetKind::KeepaliveTimeout => "the end of keep-alive probes that had no answer",
        ResetKind::Injected => "made by something between the two hosts, and it took effect",
        ResetKind::Ignored => "made by something between the two hosts, and it had no effect",
    }
}

/// What a kind of RST is, in a few words.
pub const fn short_reset_kind(kind: ResetKind) -> &'static str {
    match kind {
        ResetKind::Linger0 => "abort by the program or the system",
        ResetKind::UnreadClose => "close with bytes unread",
        ResetKind::DeadSocket => "answer for a closed socket",
        ResetKind::Refused => "the SYN was refused",
        ResetKind::HalfOpen => "host no longer knows the connection",
        ResetKind::NotAccepted => "the server's program did not accept the connection",
        ResetKind::NoSocket => "answer to an unexpected SYN-ACK",
        ResetKind::KeepaliveTimeout => "keep-alive probes had no answer",
        ResetKind::Injected => "injected, and it took effect",
        ResetKind::Ignored => "injected, without effect",
    }
}

/// What an RST did, as a clause.
pub const fn reset_effect(effect: Effect) -> &'static str {
    match effect {
        Effect::Ended => "it ended the connection",
        Effect::Noise => "the connection was over already, so it changed nothing",
        Effect::NoEffect => "its receiver ignores it",
        Effect::Unclear => "whether its receiver took it is unknown",
    }
}

/// A sign, as a clause that follows "because".
const fn sign(sign: Sign) -> &'static str {
    match sign {
        Sign::OtherHopLimit => "its hop limit (TTL) is not that of the side's other packets",
        Sign::OtherHopLimitSameDistance => {
            "its hop limit (TTL) has another initial value, but the distance is that of the side's other packets"
        }
        Sign::SameHopLimit => "its hop limit (TTL) is that of the side's other packets",
        Sign::NextIpId => "its IP identification is the next of the side's counter",
        Sign::OtherIpId => "its IP identification does not fit the side's counter",
        Sign::NoTimestamps => "it has no timestamps, unlike the side's other packets",
        Sign::Unsolicited => "it has no ACK bit and answers no captured segment",
        Sign::Answer => "its numbers are those of an answer to an earlier segment",
        Sign::SenderWentOn => "the side went on sending afterwards",
        Sign::NumberNeverReached => "the side never sent as far as its sequence number",
        Sign::ProbesUnanswered => "keep-alive probes had no answer, and the next was due",
        Sign::WindowShrunk => "the side's receive window had shrunk, as when received bytes wait to be read",
        Sign::WindowOpened => "its window is larger than before, as when a receive queue is emptied",
        Sign::NothingReceived => "the side had received nothing that it could have left unread",
        Sign::RepeatedInVain => "the side had repeated bytes that were never acknowledged",
        Sign::Payload => "it carries a payload",
    }
}

/// All that is said of one RST, as sentences without the frame.
pub(super) fn described(reset: &JudgedReset) -> String {
    let mut text = match reset.by.value() {
        Some(Actor::Client) => format!("{}sent by the client", probably(&reset.by)),
        Some(Actor::Server) => format!("{}sent by the server", probably(&reset.by)),
        Some(Actor::Middlebox) => {
            format!("{}sent by something between the two hosts", probably(&reset.by))
        }
        None => "sent by an unknown host".to_owned(),
    };
    match reset.kind.value() {
        Some(one) => text.push_str(&format!("; it is {}{}", probably(&reset.kind), kind(*one))),
        None if reset.candidates.is_empty() => text.push_str("; why it was sent is unknown"),
        None => {
            let kinds: Vec<&str> = reset.candidates.iter().map(|one| kind(*one)).collect();
            text.push_str(&format!("; it can be {}", kinds.join(", or ")));
        }
    }
    text.push_str("; ");
    text.push_str(reset_effect(reset.effect));
    if !reset.signs.is_empty() {
        let signs: Vec<&str> = reset.signs.iter().map(|one| sign(*one)).collect();
        text.push_str(&format!(" ({})", signs.join("; ")));
    }
    text
}
