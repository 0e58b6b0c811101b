//! A connection segment by segment: the rows of a ladder diagram, to be drawn as text or as a picture.
//!
//! A [`Table`](crate::table::Table) records ladders if its limits have a [`Recording`]. What a row says of a segment (sent again, a
//! probe, a gap before it) is what the connection's state machine made of it, so a ladder and the facts never disagree.
//!
//! Memory is bounded by rows. A ladder that folds has one row for a long run of plain segments, and if it still has too
//! many rows its middle is folded too. One that does not fold leaves out what comes last, and counts it.

use crate::{
    observed::{Connection, Seen},
    segment::{Flags, Segment},
};
use std::net::SocketAddr;

/// How many plain segments in a row are drawn one by one.
const PLAIN: usize = 12;

/// How many of them before a fold, and how many after it.
const BEFORE: usize = 3;
const AFTER: usize = 3;

/// Which connections of a table have a ladder, and how long it may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recording {
    /// Only connections with this end have one. `None`: all have.
    pub end: Option<SocketAddr>,
    /// Rows of one ladder at most.
    pub rows: usize,
    /// Rows at most of all ladders that are in the table at once.
    pub rows_in_all: usize,
    /// Whether a long run of plain segments becomes one row.
    pub folds: bool,
}

impl Recording {
    pub(crate) fn wants(&self, segment: &Segment<'_>) -> bool {
        self.end.is_none_or(|end| [segment.source, segment.destination].contains(&end))
    }
}

/// What a segment was to its connection, apart from what its header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// It carries on from what its sender had sent, or carries nothing.
    Plain,
    /// It repeats octets, a SYN or a FIN.
    Again,
    /// It fills a gap that earlier frames had left.
    Late,
    /// A keep-alive probe.
    KeepAlive,
    /// A probe of a closed window.
    WindowProbe,
    /// The capture has the frame twice, and this is the second.
    Copy,
    /// Its checksum is bad, so its receiver drops it.
    BadChecksum,
}

/// One segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rung {
    /// The frame.
    pub seen: Seen,
    /// Its sender's place in [`Ladder::ends`].
    pub from: usize,
    /// Control bits.
    pub flags: Flags,
    /// Length of the payload on the wire, in bytes.
    pub payload_len: u32,
    /// It offers a window of zero, and is no RST.
    pub closes_window: bool,
    /// What it was to its connection.
    pub mark: Mark,
    /// Octets before this segment that the capture should have by now and has not, of either side. They may come later.
    pub gap: u64,
}

impl Rung {
    /// Whether the segment is one of many like it: data or an acknowledgement in order.
    pub const fn is_plain(&self) -> bool {
        !self.is_landmark()
            && matches!(self.mark, Mark::Plain | Mark::Copy)
            && self.gap == 0
            && !self.closes_window
    }

    /// Whether the segment begins or ends something.
    const fn is_landmark(&self) -> bool {
        (self.flags.syn() || self.flags.fin() || self.flags.rst()) && matches!(self.mark, Mark::Plain)
    }
}

/// Many segments in one row. Pairs are by the sender's place in [`Ladder::ends`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// The first frame.
    pub first: Seen,
    /// The last frame.
    pub last: Seen,
    /// Segments.
    pub segments: [u64; 2],
    /// Bytes of payload, repeated ones included.
    pub bytes: [u64; 2],
    /// Segments that repeat something.
    pub again: [u64; 2],
    /// Octets that the capture should have had in between and had not when they were due.
    pub gaps: u64,
}

impl Run {
    const fn at(seen: Seen) -> Self {
        Self { first: seen, last: seen, segments: [0; 2], bytes: [0; 2], again: [0; 2], gaps: 0 }
    }

    fn add(&mut self, row: Row) {
        match row {
            Row::Rung(rung) => {
                self.last = rung.seen;
                self.segments[rung.from] += 1;
                self.bytes[rung.from] += u64::from(rung.payload_len);
                self.again[rung.from] += u64::from(rung.mark == Mark::Again);
                self.gaps += rung.gap;
            }
            Row::Run(run) => {
                self.last = run.last;
                for side in [0, 1] {
                    self.segments[side] += run.segments[side];
                    self.bytes[side] += run.bytes[side];
                    self.again[side] += run.again[side];
                }
                self.gaps += run.gaps;
            }
        }
    }
}

/// A row of a ladder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Row {
    /// One segment.
    Rung(Rung),
    /// Many segments.
    Run(Box<Run>),
}

impl Row {
    /// The first frame of the row.
    pub const fn first(&self) -> Seen {
        match self {
            Self::Rung(rung) => rung.seen,
            Self::Run(run) => run.first,
        }
    }

    const fn is_plain(&self) -> bool {
        matches!(self, Self::Rung(rung) if rung.is_plain())
    }

    const fn is_landmark(&self) -> bool {
        matches!(self, Self::Rung(rung) if rung.is_landmark())
    }
}

/// The rows of one connection, in the order of the capture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ladder {
    ends: [SocketAddr; 2],
    rows: Vec<Row>,
    not_kept: u64,
}

impl Ladder {
    /// The ladder of a connection that begins with `segment`.
    pub(crate) fn of(connection: &Connection, segment: &Segment<'_>, recording: &Recording) -> Self {
        let mut ladder = Self { ends: connection.ends(), rows: Vec::new(), not_kept: 0 };
        ladder.note(segment, Before::default(), connection, recording);
        ladder
    }

    /// Gives `segment` to the connection, and notes what it was to it.
    pub(crate) fn observe(
        &mut self,
        connection: &mut Connection,
        segment: &Segment<'_>,
        recording: &Recording,
        has_room: bool,
    ) {
        let before = Before::of(connection, self.place(segment));
        connection.observe(segment);
        if has_room || recording.folds && self.rows.len() >= recording.rows {
            self.note(segment, before, connection, recording);
        } else {
            self.not_kept += 1;
        }
    }

    /// Both ends: first the one that sent the first segment of the capture, which need not be the client.
    pub const fn ends(&self) -> [SocketAddr; 2] {
        self.ends
    }

    /// The rows.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// How many segments came after the last row.
    pub const fn not_kept(&self) -> u64 {
        self.not_kept
    }

    /// Leaves out all rows after the first `most`.
    pub fn truncate(&mut self, most: usize) {
        for row in self.rows.drain(most.min(self.rows.len())..) {
            self.not_kept += match row {
                Row::Rung(_) => 1,
                Row::Run(run) => run.segments.iter().sum(),
            };
        }
    }

    fn place(&self, segment: &Segment<'_>) -> usize {
        usize::from(segment.source != self.ends[0])
    }

    fn note(
        &mut self,
        segment: &Segment<'_>,
        before: Before,
        connection: &Connection,
        recording: &Recording,
    ) {
        let from = self.place(segment);
        let after = Before::of(connection, from);
        self.rows.push(Row::Rung(Rung {
            seen: Seen { frame: segment.frame, time: segment.time },
            from,
            flags: segment.flags,
            payload_len: segment.payload_len,
            closes_window: segment.window == 0 && !segment.flags.rst(),
            mark: after.mark(&before),
            gap: after.gaps.saturating_sub(before.gaps),
        }));
        if recording.folds {
            self.fold_plain();
            if self.rows.len() > recording.rows.max(4) {
                self.fold_middle(recording.rows.max(4));
            }
        } else if self.rows.len() > recording.rows {
            self.truncate(recording.rows);
        }
    }

    /// Folds the plain segments at the end, if they are many.
    fn fold_plain(&mut self) {
        let plain = self.rows.iter().rev().take(PLAIN + 1).take_while(|row| row.is_plain()).count();
        let first = self.rows.len() - plain;
        if first > 0 && matches!(self.rows[first - 1], Row::Run(_)) {
            for _ in AFTER..plain {
                self.fold(first - 1);
            }
        } else if plain > PLAIN {
            for _ in BEFORE + AFTER + 1..plain {
                self.fold(first + BEFORE);
            }
        }
    }

    /// Folds two rows in the middle into one: rather none that begins or ends something.
    fn fold_middle(&mut self, most: usize) {
        let from = most / 3;
        let pair = self.rows[from..]
            .windows(2)
            .position(|two| !two[0].is_landmark() && !two[1].is_landmark())
            .map_or(from, |place| from + place);
        self.fold(pair);
    }

    /// Folds the row at `place` and the one after it into one.
    fn fold(&mut self, place: usize) {
        let next = self.rows.remove(place + 1);
        if !matches!(self.rows[place], Row::Run(_)) {
            let first = self.rows[place].first();
            let rung = std::mem::replace(&mut self.rows[place], Row::Run(Box::new(Run::at(first))));
            self.join(place, rung);
        }
        self.join(place, next);
    }

    fn join(&mut self, place: usize, row: Row) {
        if let Row::Run(run) = &mut self.rows[place] {
            run.add(row);
        }
    }
}

/// What a connection had counted, to see what a segment was to it.
#[derive(Clone, Copy, Default)]
struct Before {
    copies: u64,
    bad_checksums: u64,
    again: u64,
    keep_alives: u32,
    window_probes: u32,
    gaps: u64,
}

impl Before {
    fn of(connection: &Connection, from: usize) -> Self {
        let half = &connection.halves[from];
        Self {
            copies: connection.duplicates.into(),
            bad_checksums: connection.bad_checksums.into(),
            again: half.rare().repeated_segments,
            keep_alives: half.rare().keep_alives,
            window_probes: half.rare().window_probes,
            gaps: connection.halves.iter().map(crate::observed::Half::not_captured).sum(),
        }
    }

    fn mark(&self, before: &Self) -> Mark {
        if self.bad_checksums > before.bad_checksums {
            Mark::BadChecksum
        } else if self.copies > before.copies {
            Mark::Copy
        } else if self.again > before.again {
            Mark::Again
        } else if self.keep_alives > before.keep_alives {
            Mark::KeepAlive
        } else if self.window_probes > before.window_probes {
            Mark::WindowProbe
        } else if self.gaps < before.gaps {
            Mark::Late
        } else {
            Mark::Plain
        }
    }
}
