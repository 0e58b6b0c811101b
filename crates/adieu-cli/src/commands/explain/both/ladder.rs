//! `--both --follow`: every segment between the two captures, with its frame in each and what became of it.

use adieu_explain::both::{Comparison, Fate, Passage, Point};
use adieu_explain::verdict::Side;
use std::fmt::Write;
use std::time::Duration;

/// Characters between the two captures.
const WIDTH: usize = 72;

/// How many segments are drawn.
const MOST: usize = 20_000;

/// The ladder. The capture nearer to the client is on the left: A, where this is not known.
pub(super) fn draw(pair: &Comparison, names: &[String; 2]) -> String {
    let left = pair.nearer_to_client.unwrap_or(Point::A);
    let column = |point: Point, side: &str| {
        format!("{} {} ({side})", point.name(), adieu::shown(names[point.index()].as_bytes()))
    };
    let sides = if pair.nearer_to_client.is_some() { ["client", "server"] } else { ["capture", "capture"] };
    let (first, second) = (column(left, sides[0]), column(left.other(), sides[1]));
    let mut text = String::new();
    let room = WIDTH.saturating_sub(second.chars().count() / 2);
    // Writing to a String cannot fail.
    let _ = writeln!(text, "    time     {first:<room$}{second}");
    for passage in pair.passages.iter().take(MOST) {
        let time = match passage.at {
            Some(at) => {
                let milliseconds = Duration::from_nanos(u64::try_from(at).unwrap_or(0)).as_secs_f64() * 1e3;
                format!("{milliseconds:>8.3} ms")
            }
            None => " ".repeat(11),
        };
        let _ = writeln!(text, "{time}  │{}│", row(passage, left));
    }
    if pair.passages.len() > MOST {
        let _ = writeln!(text, "{} later segments are not drawn", pair.passages.len() - MOST);
    }
    text
}

/// One segment: it begins at the capture nearer to its sender.
fn row(passage: &Passage, left: Point) -> String {
    let to_the_right = passage.from == Side::Client;
    let first = if to_the_right { left } else { left.other() };
    let frame = |point: Point| passage.frames[point.index()].map(|frame| frame.to_string());
    let (sent, came) = (frame(first), frame(first.other()));
    let what = words(passage);
    let middle = match passage.fate {
        Fate::Both => passage.took.map_or(String::new(), |took| {
            let took = Duration::from_nanos(took.unsigned_abs()).as_secs_f64() * 1e3;
            format!(" {took:.3} ms ")
        }),
        Fate::Lost => " lost ".to_owned(),
        Fate::LostOrMissed => format!(" lost, or missed by {} ", first.other().name()),
        Fate::MissedByOther if came.is_none() => format!(" missed by {} ", first.other().name()),
        Fate::MissedByOther => format!(" missed by {} ", first.name()),
        Fate::Injected | Fate::AcknowledgedBetween => " made between ".to_owned(),
        Fate::InjectedOrMissed => format!(" made between, or missed by {} ", first.name()),
        _ => " not compared ".to_owned(),
    };
    // What each end says: the sender's the frame and the segment, the receiver's the frame.
    let begin = sent.as_ref().map(|sent| (sent.clone(), what.clone()));
    let end = came.map(|came| match begin {
        Some(_) => (came, String::new()),
        None => (came, what),
    });
    let arrives = end.is_some();
    let label = |one: Option<(String, String)>| match one {
        None => String::new(),
        Some((frame, what)) if what.is_empty() => format!(" {frame} "),
        Some((frame, what)) if to_the_right => format!(" {frame} {what} "),
        Some((frame, what)) => format!(" {what} {frame} "),
    };
    let (begins, begin, end) = (begin.is_some(), label(begin), label(end));
    let used = begin.chars().count() + end.chars().count() + middle.chars().count() + usize::from(arrives);
    let room = WIDTH.saturating_sub(used);
    let line = |there: bool, count: usize| if there { "─" } else { " " }.repeat(count);
    let (near, far) = (line(begins, room / 2), line(arrives, room - room / 2));
    if to_the_right {
        format!("{begin}{near}{middle}{far}{}{end}", if arrives { "►" } else { "" })
    } else {
        format!("{end}{}{far}{middle}{near}{begin}", if arrives { "◄" } else { "" })
    }
}

/// What a segment carries.
fn words(passage: &Passage) -> String {
    let flags = passage.flags;
    let mut parts = Vec::new();
    if flags.syn() {
        parts.push(if flags.ack() { "SYN-ACK".to_owned() } else { "SYN".to_owned() });
    }
    match passage.payload_len {
        0 => {}
        1 => parts.push("1 byte".to_owned()),
        count => parts.push(format!("{count} bytes")),
    }
    if flags.rst() {
        parts.push("RST".to_owned());
    } else if flags.fin() {
        parts.push("FIN".to_owned());
    }
    if parts.is_empty() { "ACK".to_owned() } else { parts.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use adieu_explain::segment::Flags;
    use adieu_explain::verdict::Grade;

    #[test]
    fn every_row_is_as_wide_as_the_ladder() {
        for from in [Side::Client, Side::Server] {
            for (frames, fate) in [
                ([Some(1), Some(2)], Fate::Both),
                ([Some(1), None], Fate::Lost),
                ([None, Some(100_000)], Fate::Injected),
                ([None, Some(7)], Fate::InjectedOrMissed),
                ([Some(7), None], Fate::MissedByOther),
            ] {
                let passage = Passage {
                    from,
                    frames,
                    at: Some(1),
                    took: Some(123_000),
                    flags: Flags::ACK | Flags::RST,
                    payload_len: 65_000,
                    fate,
                    grade: Grade::Seen,
                };
                assert_eq!(row(&passage, Point::A).chars().count(), WIDTH, "{passage:?}");
            }
        }
    }
}
