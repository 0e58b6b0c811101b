//! The facts behind the sentence, each with how sure it is.

use super::{reason, resets, sentence::cut_messages, settled_by, units};
use crate::{
    codes,
    observed::Seen,
    verdict::{
        Claim, CloseNotify, Direction, EndedFirst, Ending, Grade, Side, SideEnd, TlsVersion, Unknown,
        Vantage, Verdict,
    },
};
use std::time::Duration;

/// A fact, as a clause without a final full stop; one that cannot be known is a sentence or two.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// How sure it is. `None`: it cannot be known.
    pub grade: Option<Grade>,
    /// The fact.
    pub text: String,
}

impl Fact {
    pub(crate) fn new(grade: Grade, text: String) -> Self {
        Self { grade: Some(grade), text }
    }

    /// `seen`, `concluded`, `hinted` or `unknown`.
    pub const fn word(&self) -> &'static str {
        match self.grade {
            Some(Grade::Seen) => "seen",
            Some(Grade::Concluded) => "concluded",
            Some(Grade::Hinted) => "hinted",
            None => "unknown",
        }
    }
}

/// The facts of a connection in the order of time: handshake, data, end; then what cannot be known.
pub fn facts(verdict: &Verdict) -> Vec<Fact> {
    let mut facts = if verdict.drawn { drawn(verdict) } else { vec![opening(verdict)] };
    let client = match verdict.roles {
        Grade::Seen => None,
        Grade::Concluded => Some("is the client, as its data shows"),
        Grade::Hinted => Some("is probably the client, by the ports or by who sent data first"),
    };
    facts.extend(client.map(|client| {
        let text = format!("{} {client}: the capture does not show who sent the first SYN", verdict.client);
        Fact::new(verdict.roles, text)
    }));
    facts.extend(content(verdict));
    if matches!(verdict.ending.value(), Some(Ending::Reset | Ending::Silent)) {
        // Of a truncated message the sentence says so, and one of an open connection can go on.
        facts.extend(cut_messages(verdict).map(|cut| Fact::new(Grade::Concluded, cut)));
    }
    facts.extend(alerts(verdict));
    if verdict.client == verdict.server {
        let segments = verdict.c2s.segments.saturating_add(verdict.s2c.segments);
        let segments = units::counted(segments, "segment", "segments");
        facts.push(Fact::new(Grade::Seen, format!("both directions: {segments}")));
    } else if verdict.drawn {
        facts.push(crossed("client to server", &verdict.c2s));
        facts.push(crossed("server to client", &verdict.s2c));
    } else {
        facts.push(direction("client to server", &verdict.c2s));
        facts.push(direction("server to client", &verdict.s2c));
    }
    facts.extend(ends(verdict));
    for reset in &verdict.resets {
        let grade = reset.by.grade().into_iter().chain(reset.kind.grade()).min().unwrap_or(Grade::Seen);
        let side = if reset.name_of == Side::Client { "client" } else { "server" };
        let text = format!(
            "{} has an RST in the name of the {side}, {}",
            at(verdict, reset.seen),
            resets::described(reset)
        );
        facts.push(Fact::new(grade, text));
    }
    if verdict.resets_not_kept > 0 {
        facts.push(Fact::new(
            Grade::Seen,
            units::counted(
                verdict.resets_not_kept,
                "more RST followed and is not described",
                "more RSTs followed and are not described",
            ),
        ));
    }
    facts.extend(capture(verdict));
    facts.extend(unknowns(verdict));
    facts
}

/// `frame 12 (1.234567 s)`: the time is that since the first frame of the connection.
fn at(verdict: &Verdict, seen: Seen) -> String {
    match seen.time.since(verdict.first.time) {
        Some(since) => format!("frame {} ({:.6} s)", seen.frame, since.as_secs_f64()),
        None => format!("frame {}", seen.frame),
    }
}

fn opening(verdict: &Verdict) -> Fact {
    let first = at(verdict, verdict.first);
    let text = match (verdict.handshake, verdict.established) {
        (Some(took), _) => format!(
            "the connection begins in {first}, and the handshake took {} from the last SYN",
            units::span(took)
        ),
        (None, Some(_)) => format!("the handshake is only partly in the capture, from {first}"),
        (None, None) if verdict.roles == Grade::Seen => {
            format!("the first SYN or SYN-ACK is {first}, and the handshake was not completed in the capture")
        }
        (None, None) => format!("the capture shows the connection from {first}, without its handshake"),
    };
    Fact::new(Grade::Seen, text)
}

fn content(verdict: &Verdict) -> Option<Fact> {
    let version = match (verdict.tls.value()?, verdict.tls.grade()?) {
        (TlsVersion::NotTls, _) => return None,
        (TlsVersion::Ssl3, _) => "SSL 3.0",
        (TlsVersion::Tls10, _) => "TLS 1.0",
        (TlsVersion::Tls11, _) => "TLS 1.1",
        (TlsVersion::Tls12, _) => "TLS 1.2",
        (TlsVersion::Tls13, _) => "TLS 1.3",
    };
    let name = verdict.server_name.as_ref().map(|name| format!(" for \"{name}\"")).unwrap_or_default();
    let (notify, grade) = match &verdict.close_notify {
        Claim::Known { value, grade } => (
            match value {
                CloseNotify::NotTls | CloseNotify::None => "neither side sent close_notify",
                CloseNotify::Client => "only the client sent close_notify",
                CloseNotify::Server => "only the server sent close_notify",
                CloseNotify::Both => "both sides sent close_notify",
            },
            *grade,
        ),
        Claim::Unknown { .. } => ("who sent close_notify is unknown", Grade::Seen),
    };
    let by =
        if grade == Grade::Hinted { " (alerts are encrypted: judged by the records' lengths)" } else { "" };
    Some(Fact::new(grade, format!("{version}{name}; {notify}{by}")))
}

/// The fatal alerts that broke TLS off.
fn alerts(verdict: &Verdict) -> impl Iterator<Item = Fact> {
    let sides = ["client", "server"].into_iter().zip(verdict.tls_alerts);
    sides.filter_map(|(side, alert)| {
        let number = alert?;
        let name = codes::alert_name(number).map(|name| format!(" {name}")).unwrap_or_default();
        Some(Fact::new(
            Grade::Seen,
            format!("the {side} broke TLS off by the fatal alert{name} ({number}), after which no close_notify is due"),
        ))
    })
}

/// What the capture is, and its beginning, if a program drew it from its calls.
fn drawn(verdict: &Verdict) -> Vec<Fact> {
    let what = "adieu wrote this capture: its segments are drawn from a program's calls, and were not seen on a wire";
    let first = at(verdict, verdict.first);
    [what.to_owned(), format!("the connection begins in {first}")]
        .map(|text| Fact::new(Grade::Seen, text))
        .into()
}

/// What the calls of a program show of a direction.
fn crossed(name: &str, one: &Direction) -> Fact {
    Fact::new(Grade::Seen, format!("{name}: {} crossed", units::bytes(one.sent)))
}

fn direction(name: &str, one: &Direction) -> Fact {
    if !one.captured && one.sent == 0 {
        let what = if one.traffic.packets > 0 { "only RSTs are" } else { "no packet is" };
        return Fact::new(Grade::Seen, format!("{name}: {what} in the capture"));
    }
    let mut parts = vec![format!(
        "{} sent in {}, {} acknowledged",
        units::bytes(one.sent),
        units::counted(one.segments, "segment", "segments"),
        one.acknowledged
    )];
    if one.retransmissions > 0 {
        let times = units::counted(one.retransmissions, "segment", "segments");
        let spurious = match one.spurious {
            0 => String::new(),
            count => format!(", {count} of them already acknowledged"),
        };
        parts.push(format!("{times} sent again ({}{spurious})", units::bytes(one.retransmitted)));
    }
    if one.repeated_in_vain > 1 {
        parts.push(format!("up to {} repetitions in a row without an answer", one.repeated_in_vain));
    }
    if one.windows_closed > 0 {
        parts.push(format!(
            "receive window at zero {} for {} in all",
            units::counted(one.windows_closed, "time", "times"),
            units::span(Duration::from_nanos(one.window_closed_for))
        ));
    }
    if one.window_probes > 0 {
        parts.push(units::counted(one.window_probes, "window probe", "window probes"));
    }
    if one.keep_alives > 0 {
        parts.push(units::counted(one.keep_alives, "keep-alive probe", "keep-alive probes"));
    }
    let most = if one.gaps_joined { "at most " } else { "" };
    if one.missed_by_capture > 0 {
        parts.push(format!(
            "the capture missed {most}{} that {} acknowledged",
            units::bytes(one.missed_by_capture),
            units::verb(one.missed_by_capture, "was", "were")
        ));
    }
    if one.missing > 0 {
        parts.push(format!("the capture shows a gap of {most}{}", units::bytes(one.missing)));
    }
    Fact::new(Grade::Seen, format!("{name}: {}", parts.join(", ")))
}

/// Who ended first, how each side ended, and how long the close took.
fn ends(verdict: &Verdict) -> Vec<Fact> {
    let mut facts = Vec::new();
    if let Claim::Known { value, grade } = &verdict.ended_first {
        let text = match value {
            EndedFirst::Client => Some("the client ended first"),
            EndedFirst::Server => Some("the server ended first"),
            EndedFirst::Both => {
                Some("both sides ended at the same time: neither knew yet that the other ended")
            }
            EndedFirst::None => None,
        };
        facts.extend(text.map(|text| Fact::new(*grade, text.to_owned())));
    }
    for (side, end, direction) in
        [("client", &verdict.c_end, &verdict.c2s), ("server", &verdict.s_end, &verdict.s2c)]
    {
        let Claim::Known { value: SideEnd::Fin, grade } = end else { continue };
        let place = match direction.fin {
            Some(fin) => format!("in {}", at(verdict, fin)),
            None => "that the capture missed: an acknowledgement counts one more than its data".to_owned(),
        };
        let acked = match direction.fin {
            Some(_) if !direction.fin_acknowledged && !verdict.drawn => ", and it was not acknowledged",
            _ => "",
        };
        facts.push(Fact::new(*grade, format!("the {side} ended its direction by a FIN {place}{acked}")));
    }
    let first = [verdict.c2s.fin, verdict.s2c.fin].into_iter().flatten().min_by_key(|seen| seen.frame);
    if let (Some(first), Some(over), false) = (first, verdict.over, verdict.drawn)
        && let Some(took) = over.time.since(first.time)
    {
        facts.push(Fact::new(
            Grade::Seen,
            format!(
                "the connection was over in {}, {} after the first FIN",
                at(verdict, over),
                units::span(took)
            ),
        ));
    }
    facts
}

/// What the capture itself is like.
fn capture(verdict: &Verdict) -> Option<Fact> {
    let counts = [
        (verdict.duplicates, "frame is in it twice", "frames are in it twice"),
        (
            verdict.bad_checksums,
            "frame has a bad checksum and was left out",
            "frames have bad checksums and were left out",
        ),
        (verdict.cut, "segment was cut by the snapshot length", "segments were cut by the snapshot length"),
        (
            verdict.out_of_order,
            "frame is earlier than the one before it",
            "frames are earlier than the one before them",
        ),
    ];
    let told: Vec<String> = counts
        .into_iter()
        .filter(|(count, ..)| *count > 0)
        .map(|(count, one, several)| units::counted(count, one, several))
        .collect();
    (!told.is_empty()).then(|| Fact::new(Grade::Seen, format!("the capture: {}", told.join(", "))))
}

/// What cannot be known, each with the reason and what would tell.
pub(crate) fn unknown(verdict: &Verdict) -> Vec<(&'static str, (Unknown, Vantage))> {
    let why = |name: &'static str, unknown: Option<(Unknown, Vantage)>| unknown.map(|why| (name, why));
    let all = [
        why("how the connection ended", because(&verdict.ending)),
        why("who ended first", because(&verdict.ended_first)),
        why("how the client ended", because(&verdict.c_end)),
        why("how the server ended", because(&verdict.s_end)),
        why("how much of the client's data was never acknowledged", because(&verdict.unacked_c2s)),
        why("how much of the server's data was never acknowledged", because(&verdict.unacked_s2c)),
        why("how much the client's kernel never sent", because(&verdict.unsent_c2s)),
        why("how much the server's kernel never sent", because(&verdict.unsent_s2c)),
        why("how much the server's program never read", because(&verdict.unread_server)),
        why("how much the client's program never read", because(&verdict.unread_client)),
        why("who sent the resets", because(&verdict.rst_by())),
        why("why the resets were sent", because(&verdict.rst_kind())),
        why("whether anything is open", because(&verdict.open_at_end)),
        why("who sent TLS close_notify", because(&verdict.close_notify)),
        why("the TLS version", because(&verdict.tls)),
    ];
    all.into_iter().flatten().collect()
}

/// What cannot be known, as facts: those with one reason together.
fn unknowns(verdict: &Verdict) -> Vec<Fact> {
    let mut grouped: Vec<((Unknown, Vantage), Vec<&str>)> = Vec::new();
    for (name, why) in unknown(verdict) {
        match grouped.iter_mut().find(|(known, _)| *known == why) {
            Some((_, names)) => names.push(name),
            None => grouped.push((why, vec![name])),
        }
    }
    grouped
        .into_iter()
        .map(|((why, vantage), names)| Fact {
            grade: None,
            text: format!("{}: {}. {}", names.join(", and "), reason(why), settled_by(vantage)),
        })
        .collect()
}

fn because<T>(claim: &Claim<T>) -> Option<(Unknown, Vantage)> {
    claim.reason().zip(claim.settled_by())
}
