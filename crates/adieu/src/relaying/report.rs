//! The report of a relay: the reports of its two connections, and how each direction ended.

use crate::flow::ends::Source;
use crate::flow::{End, Peer};
use crate::handle::Handle;
use crate::{Ending, Report, Side};
use std::fmt;

/// How a relay ended: a [`Report`] for each connection, and a [`Direction`] for each stream. Displayed, it is their sentences in
/// one line.
///
/// Its JSON form (feature `serde`) is described by `docs/relay-report.schema.json`.
///
/// # Examples
///
/// ```
/// use adieu::{Direction, DirectionEnd, RelayReport};
///
/// fn tell(relayed: &RelayReport) {
///     eprintln!("client: {}; server: {}", relayed.a, relayed.b);
///     for (way, direction) in [("up", relayed.a_to_b), ("down", relayed.b_to_a)] {
///         // "2048 bytes, passed on whole", for example.
///         eprintln!("{way}: {direction}");
///         if let Direction { bytes_received, bytes_accepted, end: DirectionEnd::CutAtSink { .. }, .. } = direction {
///             eprintln!("{} bytes were not taken", bytes_received - bytes_accepted);
///         }
///     }
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RelayReport {
    /// The report of the first connection. If the other was cut before it, it is [`Reset`](Ending::Reset) by us with
    /// [`Context::OtherSideCut`](crate::Context::OtherSideCut).
    pub a: Box<Report>,
    /// The report of the second connection.
    pub b: Box<Report>,
    /// What the first one sent.
    pub a_to_b: Direction,
    /// What the second one sent.
    pub b_to_a: Direction,
}

impl RelayReport {
    /// Whether both connections ended gracefully and both streams were passed on whole.
    pub fn is_graceful(&self) -> bool {
        let is_whole = |direction: &Direction| direction.end == DirectionEnd::Whole;
        self.a.is_graceful() && self.b.is_graceful() && is_whole(&self.a_to_b) && is_whole(&self.b_to_a)
    }
}

/// What became of one direction of a relay, from the connection that is its source to the one that is its sink. Counts are bytes,
/// and begin with the relay: what a program had received or sent on the two connections before is in their reports alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Direction {
    /// Received from the source. What it sent after the sink was gone is counted too.
    pub bytes_received: u64,
    /// Handed on: accepted by our kernel for the sink.
    pub bytes_accepted: u64,
    /// Acknowledged by the sink's TCP at the last look. `None`: the transport or platform cannot tell.
    pub bytes_acknowledged: Option<u64>,
    /// How it ended.
    pub end: DirectionEnd,
}

/// How one direction of a relay ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum DirectionEnd {
    /// The source ended its stream (FIN; with TLS, close_notify), and after everything before it that end was passed on to the
    /// sink. It was acknowledged there, as far as that can be told; or the sink had ended its own stream and closed, and everything
    /// before that end was acknowledged.
    Whole,
    /// The source's connection was cut first. The sink was given what came before that, and then a reset.
    CutAtSource {
        /// How the source's connection ended.
        ending: Ending,
    },
    /// The sink's connection was cut first, so there was nobody to take the rest.
    CutAtSink {
        /// How the sink's connection ended.
        ending: Ending,
    },
}

impl fmt::Display for RelayReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { a, b, a_to_b, b_to_a } = self;
        write!(f, "a: {a}; b: {b}; a to b: {a_to_b}; b to a: {b_to_a}")
    }
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { bytes_received, bytes_accepted, end, .. } = self;
        if bytes_accepted != bytes_received {
            write!(f, "{bytes_accepted} of ")?;
        }
        let bytes = if *bytes_received == 1 { "byte" } else { "bytes" };
        write!(f, "{bytes_received} {bytes}, {end}")
    }
}

impl fmt::Display for DirectionEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (place, ending) = match self {
            Self::Whole => return f.write_str("passed on whole"),
            Self::CutAtSource { ending } => ("source", ending),
            Self::CutAtSink { ending } => ("sink", ending),
        };
        let how = match ending {
            Ending::Reset { by: Side::Peer } => "reset by the peer".to_owned(),
            Ending::Reset { by: Side::Us } => "reset by us".to_owned(),
            other => other.name().replace('_', " "),
        };
        write!(f, "cut at its {place} ({how})")
    }
}

/// What became of the direction between two closed connections, which had received and accepted so much before it began.
pub(super) fn direction<H: Handle>(from: &Peer<H>, to: &Peer<H>, received: u64, accepted: u64) -> Direction {
    let (source, sink) = (&from.link.core, &to.link.core);
    Direction {
        bytes_received: source.counts().received.saturating_sub(received),
        bytes_accepted: sink.counts().accepted.saturating_sub(accepted),
        bytes_acknowledged: sink.acknowledged().map(|bytes| bytes.saturating_sub(accepted)),
        end: end(from, to),
    }
}

fn end<H: Handle>(from: &Peer<H>, to: &Peer<H>) -> DirectionEnd {
    let (source, sink) = (&from.link.core, &to.link.core);
    // A stream that has ended by its own mark stays whole, whatever becomes of its connection after that.
    let ended_whole = Source::end(from) == Some(End::Whole) || source.milestones().stream_end.is_some();
    let has_end = sink.evidence().fin_acknowledged != Some(false) || sink.evidence().end_refused;
    let was_told = sink.milestones().shutdown_send.is_some() && has_end;
    if ended_whole && was_told {
        return DirectionEnd::Whole;
    }
    let ending = |peer: &Peer<H>| peer.link.final_ending();
    // Whoever was told of the other's cut was not the first. If neither was, both ended by themselves.
    let is_source = sink.evidence().other_side_cut || (!source.evidence().other_side_cut && !ended_whole);
    if is_source {
        DirectionEnd::CutAtSource { ending: ending(from) }
    } else {
        DirectionEnd::CutAtSink { ending: ending(to) }
    }
}
