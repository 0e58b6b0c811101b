//! The ending of a connection in one sentence.

use super::{probably, reason, resets, units};
use crate::{
    observed::Seen,
    verdict::{
        Actor, Claim, CloseNotify, Direction, Effect, EndedFirst, Ending, Grade, JudgedReset, OpenAtEnd,
        ResetKind, Shortfall, Side, TlsVersion, Unknown, Verdict,
    },
};
use std::net::SocketAddr;

/// How the connection ended, who ended it, and what was lost: one sentence, without a final full stop.
///
/// # Examples
///
/// ```
/// use adieu_explain::{observed::Connection, segment::{Flags, Segment}, words::sentence};
///
/// let (client, server) = ("10.0.0.1:40000".parse().unwrap(), "10.0.0.2:80".parse().unwrap());
/// let syn = Segment { frame: 1, flags: Flags::SYN, sequence: 7, ..Segment::between(client, server) };
/// let rst = Segment { frame: 2, flags: Flags::RST | Flags::ACK, acknowledgement: 8, ..Segment::between(server, client) };
///
/// let mut connection = Connection::new(&syn);
/// connection.observe(&rst);
/// assert_eq!(
///     sentence(&connection.judge(None)),
///     "10.0.0.2:80 refused the connection: a reset answered the SYN of 10.0.0.1:40000"
/// );
/// ```
pub fn sentence(verdict: &Verdict) -> String {
    let (client, server) = (verdict.client, verdict.server);
    match &verdict.ending {
        Claim::Unknown { reason: why, .. } => {
            format!("how the connection of {client} to {server} ended cannot be known: {}", reason(*why))
        }
        Claim::Known { value, .. } => match value {
            Ending::Graceful => graceful(verdict),
            Ending::Reset => reset(verdict),
            Ending::Refused => refused(verdict),
            Ending::NoAnswer => no_answer(verdict),
            Ending::Truncated => truncated(verdict),
            Ending::Silent => silent(verdict),
            Ending::Open => open(verdict),
        },
    }
}

/// The address of a side.
pub(super) fn address(verdict: &Verdict, side: Side) -> SocketAddr {
    match side {
        Side::Client => verdict.client,
        Side::Server => verdict.server,
    }
}

/// `5000 of 5000 bytes of the client and 0 of 7 bytes of the server were acknowledged`.
fn acknowledged(verdict: &Verdict) -> String {
    if verdict.drawn && verdict.unacked_c2s.value().is_none() {
        let [client, server] = [&verdict.c2s, &verdict.s2c].map(|one| units::bytes(one.sent));
        return format!("{client} of the client and {server} of the server crossed");
    }
    let directions =
        [("client", &verdict.c2s, &verdict.unacked_c2s), ("server", &verdict.s2c, &verdict.unacked_s2c)];
    let told = |direction: &Direction, unacked: &Claim<u64>| match unacked.value() {
        Some(unacked) if direction.captured || direction.sent > 0 => {
            Some((direction.sent.saturating_sub(*unacked), direction.sent))
        }
        _ => None,
    };
    let known: Vec<_> = directions
        .iter()
        .filter_map(|(who, one, unacked)| told(one, unacked).map(|told| (*who, told)))
        .collect();
    let since = if verdict.handshake.is_none() && !verdict.drawn { " in this capture" } else { "" };
    match known[..] {
        [(_, (0, 0)), (_, (0, 0))] => format!("neither side sent data{since}"),
        [(a, told), (b, (0, 0))] | [(b, (0, 0)), (a, told)] => {
            format!("{}{since} {} acknowledged, and the {b} sent no data", share(a, told), were(told))
        }
        [(a, told), (b, told_too)] => {
            format!("{} and {}{since} were acknowledged", share(a, told), share(b, told_too))
        }
        [(a, (0, 0))] => {
            let other = if a == "client" { "server" } else { "client" };
            format!("the {a} sent no data in this capture; what the {other} sent is not in it")
        }
        [(a, told)] => {
            let other = if a == "client" { "server" } else { "client" };
            format!(
                "{} in this capture {} acknowledged; what the {other} sent is not in it",
                share(a, told),
                were(told)
            )
        }
        _ => "the capture does not show what was sent".to_owned(),
    }
}

/// The verb after one share: `1 of 5 bytes was`, `0 of 1 byte was`, `2 of 5 bytes were`.
fn were((acked, sent): (u64, u64)) -> &'static str {
    if acked == 1 || sent == 1 { "was" } else { "were" }
}

/// `18 of 18 bytes of the client`.
fn share(who: &str, (acked, sent): (u64, u64)) -> String {
    format!("{acked} of {} of the {who}", units::bytes(sent))
}

fn graceful(verdict: &Verdict) -> String {
    let (client, server) = (verdict.client, verdict.server);
    let first = match verdict.ended_first.value() {
        Some(EndedFirst::Client) => format!("{client} ended first and {server} followed"),
        Some(EndedFirst::Server) => format!("{server} ended first and {client} followed"),
        Some(EndedFirst::Both) => format!("{client} and {server} ended at the same time"),
        Some(EndedFirst::None) | None => format!("{client} and {server} both ended"),
    };
    format!("{first}, {}both by FIN: {}", probably(&verdict.ending), acknowledged(verdict))
}

/// The RST that counts: the first that ended the connection, or the first of all.
fn main_reset(verdict: &Verdict) -> Option<&JudgedReset> {
    verdict.resets.iter().find(|reset| reset.effect == Effect::Ended).or_else(|| verdict.resets.first())
}

fn last_data(verdict: &Verdict) -> Option<Seen> {
    [verdict.c2s.last_payload, verdict.s2c.last_payload].into_iter().flatten().max_by_key(|seen| seen.frame)
}

fn reset(verdict: &Verdict) -> String {
    let Some(reset) = main_reset(verdict) else {
        return format!("a reset ended the connection: {}", acknowledged(verdict));
    };
    let name = address(verdict, reset.name_of);
    let after = match last_data(verdict) {
        Some(data) if data.frame > reset.seen.frame => " while data was under way".to_owned(),
        Some(data) => reset
            .seen
            .time
            .since(data.time)
            .map(|span| format!(" {} after the last data", units::span(span)))
            .unwrap_or_default(),
        None => " before any data".to_owned(),
    };
    let who = match reset.by.value() {
        Some(Actor::Middlebox) => format!(
            "a reset in the name of {name} ended the connection{after}, and something between the two hosts {}sent it",
            probably(&reset.by)
        ),
        Some(_) => {
            let why = match (reset.kind.value(), reset.kind.grade()) {
                (Some(kind), Some(Grade::Hinted)) => {
                    format!(" (probably: {})", resets::short_reset_kind(*kind))
                }
                (Some(kind), Some(_)) => format!(" ({})", resets::kind(*kind)),
                _ => String::new(),
            };
            format!("{name} {}reset the connection{after}{why}", probably(&reset.by))
        }
        None => format!("a reset in the name of {name} ended the connection{after}; who sent it is unknown"),
    };
    let mut text = format!("{who}: {}", acknowledged(verdict));
    for (side, unread) in [(Side::Server, &verdict.unread_server), (Side::Client, &verdict.unread_client)] {
        if let Some(clause) = never_read(verdict, side, unread) {
            text.push_str(&format!("; {clause}"));
        }
    }
    text
}

/// What side `side` had acknowledged and not read, if there is something to say.
fn never_read(verdict: &Verdict, side: Side, unread: &Claim<u64>) -> Option<String> {
    let who = address(verdict, side);
    let direction = if side == Side::Server { &verdict.c2s } else { &verdict.s2c };
    match unread {
        Claim::Known { value: 0, .. } => None,
        Claim::Known { value, .. } => {
            let were = units::verb(*value, "was", "were");
            Some(format!("{} {}{were} never read by {who}", units::bytes(*value), probably(unread)))
        }
        Claim::Unknown { reason: Unknown::WindowShrunk, .. } => Some(format!(
            "{} that {who} acknowledged was probably never read",
            match direction.acknowledged {
                1 => "the byte".to_owned(),
                count => format!("a part of the {}", units::bytes(count)),
            }
        )),
        Claim::Unknown { reason: Unknown::NotOnTheWire, .. } if direction.acknowledged > 0 => Some(format!(
            "whether {who} had read {} that it acknowledged is unknown",
            match direction.acknowledged {
                1 => "the byte".to_owned(),
                count => format!("all {}", units::bytes(count)),
            }
        )),
        Claim::Unknown { .. } => None,
    }
}

fn refused(verdict: &Verdict) -> String {
    let (client, server) = (verdict.client, verdict.server);
    if main_reset(verdict).is_some_and(|reset| reset.kind.value() == Some(&ResetKind::NoSocket)) {
        return format!("{client} did not open the connection: a reset answered the SYN-ACK of {server}");
    }
    let by = main_reset(verdict).map(|reset| (&reset.by, reset.name_of));
    match by {
        Some((by, _)) if by.value() == Some(&Actor::Middlebox) => {
            format!(
                "a reset in the name of {server} answered the SYN of {client}, and something between the two hosts {}sent it",
                probably(by)
            )
        }
        Some((_, Side::Client)) => {
            format!("{client} gave the connection to {server} up by a reset before it was open")
        }
        _ => format!("{server} refused the connection: a reset answered the SYN of {client}"),
    }
}

fn no_answer(verdict: &Verdict) -> String {
    let span = verdict.last.time.since(verdict.first.time).unwrap_or_default();
    format!(
        "{} did not answer: {} of {} within {} had no answer in this capture",
        verdict.server,
        units::counted(verdict.c2s.segments, "segment", "segments"),
        verdict.client,
        units::span(span)
    )
}

/// `the HTTP response of 10.0.0.2:80 was cut after 4000 of 9000 bytes of its body`, of each message that was cut.
pub(super) fn cut_messages(verdict: &Verdict) -> impl Iterator<Item = String> {
    let messages = [
        ("request", verdict.client, verdict.cut_request),
        ("response", verdict.server, verdict.cut_response),
    ];
    messages.into_iter().filter_map(|(name, from, cut)| {
        let place = match cut? {
            Shortfall::Head => "in its head".to_owned(),
            Shortfall::Body { sent, promised } => {
                format!("after {sent} of {} of its body", units::bytes(promised))
            }
            Shortfall::LastChunk { sent } => {
                format!("after {} of its chunked body, before the last chunk", units::bytes(sent))
            }
        };
        Some(format!("the HTTP {name} of {from} was cut {place}"))
    })
}

fn truncated(verdict: &Verdict) -> String {
    let (client, server) = (verdict.client, verdict.server);
    let is_tls = verdict.tls.value() != Some(&TlsVersion::NotTls);
    if !is_tls {
        let cut: Vec<String> = cut_messages(verdict).collect();
        return format!("TCP ended in order, but {}: {}", cut.join(", and "), acknowledged(verdict));
    }
    let missing = match verdict.close_notify.value() {
        Some(CloseNotify::Client) => format!("{server} sent no close_notify"),
        Some(CloseNotify::Server) => format!("{client} sent no close_notify"),
        _ => format!("neither {client} nor {server} sent close_notify"),
    };
    format!(
        "TCP ended in order, but the TLS stream was {}cut: {missing}; {}",
        probably(&verdict.ending),
        acknowledged(verdict)
    )
}

/// How much of a direction waits for an acknowledgement: octets, or only a FIN.
fn waits(direction: &Direction, unacked: &Claim<u64>) -> Option<String> {
    match unacked.value() {
        Some(&octets) if octets > 0 => Some(units::bytes(octets)),
        Some(_) if direction.fin.is_some() && !direction.fin_acknowledged => Some("the FIN".to_owned()),
        _ => None,
    }
}

fn silent(verdict: &Verdict) -> String {
    for (from, to, direction, unacked) in [
        (verdict.client, verdict.server, &verdict.c2s, &verdict.unacked_c2s),
        (verdict.server, verdict.client, &verdict.s2c, &verdict.unacked_s2c),
    ] {
        if let Some(what) = waits(direction, unacked) {
            let repeated = u64::from(direction.repeated_in_vain);
            let again = match repeated {
                0 => String::new(),
                count => format!(", sent again {},", units::counted(count, "time", "times")),
            };
            return format!(
                "{to} fell silent: {what} of {from}{again} had no answer by the end of the capture"
            );
        }
    }
    format!(
        "{} and {} fell silent before the connection had ended: {}",
        verdict.client,
        verdict.server,
        acknowledged(verdict)
    )
}

fn open(verdict: &Verdict) -> String {
    let (client, server) = (verdict.client, verdict.server);
    match verdict.open_at_end.value() {
        Some(OpenAtEnd::Half) => {
            let (ended, other, fin) = if verdict.c2s.fin.is_some() || verdict.s2c.fin.is_none() {
                (client, server, verdict.c2s.fin)
            } else {
                (server, client, verdict.s2c.fin)
            };
            let later = fin
                .and_then(|fin| verdict.last.time.since(fin.time))
                .map(|span| format!(" {} later", units::span(span)))
                .unwrap_or_default();
            format!(
                "{ended} ended its direction by FIN, and {other} had not ended its own in the last frame{later}: {}",
                acknowledged(verdict)
            )
        }
        _ => format!(
            "the connection of {client} to {server} was still open in its last captured frame: {}",
            acknowledged(verdict)
        ),
    }
}
