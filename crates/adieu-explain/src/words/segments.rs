//! A segment of a ladder in a few words.

use super::units;
use crate::ladder::{Mark, Rung};

/// What a segment carries and what it was to its connection: `SYN-ACK`, `1448 bytes, sent again`, `window 0`. FIN and RST are
/// not in it, because whoever draws a ladder draws them otherwise; without anything else it is empty for them, and `ACK` else.
///
/// # Examples
///
/// ```
/// use adieu_explain::{ladder::{Mark, Rung}, observed::Seen, segment::{Flags, Timestamp}, words};
///
/// let rung = Rung {
///     seen: Seen { frame: 7, time: Timestamp::EPOCH },
///     from: 0,
///     flags: Flags::ACK,
///     payload_len: 1448,
///     closes_window: false,
///     mark: Mark::Again,
///     gap: 0,
/// };
/// assert_eq!(words::segment(&rung), "1448 bytes, sent again");
/// ```
pub fn segment(rung: &Rung) -> String {
    let mut parts = Vec::new();
    if rung.flags.syn() {
        parts.push(if rung.flags.ack() { "SYN-ACK".to_owned() } else { "SYN".to_owned() });
    }
    if rung.payload_len > 0 {
        parts.push(units::bytes(rung.payload_len.into()));
    }
    if rung.closes_window {
        parts.push("window 0".to_owned());
    }
    match rung.mark {
        Mark::Plain => {}
        Mark::Again => parts.push("sent again".to_owned()),
        Mark::Late => parts.push("late".to_owned()),
        Mark::KeepAlive => parts.push("keep-alive probe".to_owned()),
        Mark::WindowProbe => parts.push("window probe".to_owned()),
        Mark::Copy => parts.push("same frame again".to_owned()),
        Mark::BadChecksum => parts.push("bad checksum".to_owned()),
    }
    if parts.is_empty() && !rung.flags.fin() && !rung.flags.rst() {
        parts.push("ACK".to_owned());
    }
    parts.join(", ")
}
