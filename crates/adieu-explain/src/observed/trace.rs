//! The segments of a connection one by one, as small records: kept only where two captures of it are compared.
//!
//! A trace is bounded twice. Of one connection the first and the last [`MOST`] records are kept, because the handshake and
//! the end say most. All traces share a [`Room`]; when it is full, nothing more is kept until a connection gives its part
//! back. What was not kept is told by [`Trace::blind`].

use crate::segment::{Checksum, Flags, Segment, TcpTimestamps, Timestamp};
use std::{
    collections::VecDeque,
    hash::{DefaultHasher, Hasher},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

/// How many records are kept from the beginning of a connection, and how many from its end.
const MOST: usize = 10_000;

/// How many records back the first copy of a frame is looked for that the capture has twice: a burst comes whole by each interface.
const COPIES: usize = 64;

/// A copy comes within this, in nanoseconds: with the packet's own identification it cannot be another.
const COPY: i64 = 50_000_000;

/// How many records all traces may hold together. They are counted, not measured: a record takes 80 bytes.
#[derive(Clone, Debug)]
pub struct Room(Arc<AtomicUsize>);

impl Room {
    /// Room for so many records.
    pub fn new(records: usize) -> Self {
        Self(Arc::new(AtomicUsize::new(records)))
    }

    fn take(&self) -> bool {
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok()
    }

    fn give_back(&self, count: usize) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    #[cfg(test)]
    pub(crate) fn left(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

/// What is kept of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) frame: u64,
    pub(crate) time: Timestamp,
    /// Position of the first octet (or SYN or FIN): 0 is the first sequence number that the trace has of this side.
    pub(crate) position: i64,
    /// What it acknowledges, as a position of the other side. It means something only with ACK.
    pub(crate) acknowledged: i64,
    pub(crate) payload_len: u32,
    /// Octets of the payload that were captured, and their hash.
    pub(crate) captured: u32,
    pub(crate) content: u64,
    pub(crate) timestamps: Option<TcpTimestamps>,
    pub(crate) window: u16,
    /// Zero: it has none.
    pub(crate) ip_id: u16,
    pub(crate) mss: Option<u16>,
    pub(crate) window_scale: Option<u8>,
    pub(crate) sack_permitted: bool,
    pub(crate) hop_limit: u8,
    pub(crate) flags: Flags,
    pub(crate) checksum: Checksum,
    /// The side that sent it: 0 or 1, as in the connection's ends.
    pub(crate) from: u8,
}

impl Record {
    /// Length in sequence space.
    pub(crate) fn length(&self) -> i64 {
        i64::from(self.payload_len) + i64::from(self.flags.syn()) + i64::from(self.flags.fin())
    }

    /// The position that follows.
    pub(crate) fn end(&self) -> i64 {
        self.position + self.length()
    }
}

/// The records of a connection.
#[derive(Debug)]
pub(crate) struct Trace {
    room: Room,
    head: Vec<Record>,
    tail: VecDeque<Record>,
    /// The first and the last time of a segment that was not kept.
    blind: Option<(Timestamp, Timestamp)>,
    not_kept: u64,
    /// Of each side the sequence number at position 0.
    origin: [Option<u32>; 2],
    /// Of each side the highest position.
    newest: [i64; 2],
}

impl Trace {
    pub(crate) fn new(room: &Room) -> Self {
        Self {
            room: room.clone(),
            // Of a SYN that nobody answers there is one.
            head: Vec::with_capacity(1),
            tail: VecDeque::new(),
            blind: None,
            not_kept: 0,
            origin: [None; 2],
            newest: [0; 2],
        }
    }

    /// The records, in the order of the capture.
    pub(crate) fn records(&self) -> impl DoubleEndedIterator<Item = &Record> + Clone {
        self.head.iter().chain(&self.tail)
    }

    /// How many records there are.
    pub(crate) fn len(&self) -> usize {
        self.head.len() + self.tail.len()
    }

    /// Between which times segments were not kept. `None`: all were.
    pub(crate) const fn blind(&self) -> Option<(Timestamp, Timestamp)> {
        self.blind
    }

    /// How many segments were not kept.
    pub(crate) const fn not_kept(&self) -> u64 {
        self.not_kept
    }

    /// The sequence number at position 0 of a side. `None`: nothing of it was seen.
    pub(crate) const fn origin(&self, side: usize) -> Option<u32> {
        self.origin[side]
    }

    /// Keeps a segment that side `from` sent.
    pub(super) fn note(&mut self, segment: &Segment<'_>, from: usize) {
        // A forged RST can have any number, and a side of which only a refusal is seen has none.
        let known = self.origin[from].is_some();
        let moves = !segment.flags.rst() && segment.checksum != Checksum::Bad;
        let position = self.place(from, segment.sequence, moves);
        if moves {
            self.newest[from] = self.newest[from].max(position);
        } else if !known {
            self.origin[from] = None;
        }
        let acknowledged = if segment.flags.ack() {
            let (known, to) = (self.origin[1 - from].is_some(), 1 - from);
            let acknowledged = self.place(to, segment.acknowledgement, moves);
            if !moves && !known {
                self.origin[to] = None;
            }
            acknowledged
        } else {
            0
        };
        let record = Record {
            frame: segment.frame,
            time: segment.time,
            position,
            acknowledged,
            payload_len: segment.payload_len,
            captured: u32::try_from(segment.payload.len()).unwrap_or(u32::MAX),
            content: hash(segment.payload),
            timestamps: segment.options.timestamps,
            window: segment.window,
            ip_id: segment.ip_id.unwrap_or(0),
            mss: segment.options.mss,
            window_scale: segment.options.window_scale,
            sack_permitted: segment.options.sack_permitted,
            hop_limit: segment.hop_limit,
            flags: segment.flags,
            checksum: segment.checksum,
            from: u8::from(from == 1),
        };
        if !self.has(&record) {
            self.keep(record);
        }
    }

    /// Whether the packet of `record` is there already: the capture has it by two interfaces, with a hop between them or without.
    fn has(&self, record: &Record) -> bool {
        let same = |one: &&Record| {
            Record { frame: one.frame, time: one.time, hop_limit: one.hop_limit, ..*record } == **one
        };
        let apart = |one: &Record| record.time.as_nanoseconds().saturating_sub(one.time.as_nanoseconds());
        record.ip_id != 0
            && self.records().rev().take(COPIES).find(same).is_some_and(|one| apart(one).abs() <= COPY)
    }

    /// The position of a sequence number of side `side`: the one nearest to its newest.
    fn place(&mut self, side: usize, sequence: u32, moves: bool) -> i64 {
        let origin = *self.origin[side].get_or_insert(sequence);
        if !moves && self.newest[side] == 0 && origin == sequence {
            return 0;
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "arithmetic modulo 2^32")]
        let newest = origin.wrapping_add(self.newest[side] as u32);
        #[expect(clippy::cast_possible_wrap, reason = "a difference of sequence numbers has a sign")]
        let ahead = sequence.wrapping_sub(newest) as i32;
        self.newest[side] + i64::from(ahead)
    }

    fn keep(&mut self, record: Record) {
        let free = self.len() < 2 * MOST && self.room.take();
        if !free {
            self.not_kept += 1;
            // The oldest of the tail makes place for the newest.
            let lost = self.tail.pop_front();
            let time = lost.map_or(record.time, |lost| lost.time);
            let (from, to) = self.blind.unwrap_or((time, time));
            self.blind = Some((from.min(time), to.max(time)));
            if lost.is_none() {
                return;
            }
        }
        if self.head.len() < MOST && self.blind.is_none() {
            self.head.push(record);
        } else {
            self.tail.push_back(record);
        }
    }
}

/// Its records count too.
impl Clone for Trace {
    fn clone(&self) -> Self {
        let mut copy = Self::new(&self.room);
        (copy.blind, copy.not_kept) = (self.blind, self.not_kept);
        (copy.origin, copy.newest) = (self.origin, self.newest);
        for record in self.records() {
            copy.keep(*record);
        }
        copy
    }
}

impl Drop for Trace {
    fn drop(&mut self) {
        self.room.give_back(self.len());
    }
}

fn hash(payload: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(payload);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment(sequence: u32) -> Segment<'static> {
        let (client, server) = (([10, 0, 0, 1], 1).into(), ([10, 0, 0, 2], 2).into());
        Segment { flags: Flags::ACK, sequence, payload_len: 1, ..Segment::between(client, server) }
    }

    #[test]
    fn positions_go_on_where_sequence_numbers_wrap() {
        let mut trace = Trace::new(&Room::new(10));
        for sequence in [u32::MAX - 1, u32::MAX, 0, 5] {
            trace.note(&segment(sequence), 0);
        }
        let positions: Vec<i64> = trace.records().map(|record| record.position).collect();
        assert_eq!(positions, [0, 1, 2, 7]);
        // A forged RST moves nothing.
        trace.note(&Segment { flags: Flags::RST, ..segment(2_000_000_000) }, 0);
        trace.note(&segment(6), 0);
        assert_eq!(trace.records().last().map(|record| record.position), Some(8));
    }

    #[test]
    fn a_burst_that_comes_by_two_interfaces_is_kept_once() {
        let mut trace = Trace::new(&Room::new(100));
        for (hop_limit, at) in [(64, 0), (63, 20_000)] {
            for number in 0..20_u16 {
                let time = Timestamp::from_nanoseconds(at);
                let ip_id = Some(number + 1);
                trace.note(&Segment { time, hop_limit, ip_id, ..segment(number.into()) }, 0);
            }
        }
        assert_eq!(trace.len(), 20);
        // Sent again: it is another packet, or comes too late for a copy.
        trace.note(&Segment { ip_id: Some(99), ..segment(3) }, 0);
        let time = Timestamp::from_nanoseconds(200_000_000);
        trace.note(&Segment { time, ip_id: Some(4), ..segment(3) }, 0);
        assert_eq!(trace.len(), 22);
    }

    #[test]
    fn a_trace_keeps_its_beginning_and_its_end() {
        let room = Room::new(1_000_000);
        let mut trace = Trace::new(&room);
        for sequence in 0..30_000 {
            let time = Timestamp::from_nanoseconds(sequence.into());
            trace.note(&Segment { time, ..segment(sequence) }, 0);
        }
        assert_eq!((trace.len(), trace.not_kept(), room.left()), (20_000, 10_000, 980_000));
        let at = |nanoseconds| Timestamp::from_nanoseconds(nanoseconds);
        assert_eq!(trace.blind(), Some((at(10_000), at(19_999))));
        assert_eq!(trace.records().last().map(|record| record.position), Some(29_999));
        drop(trace);
        assert_eq!(room.left(), 1_000_000);
    }

    #[test]
    fn a_full_room_is_told() {
        let room = Room::new(5);
        let (mut first, mut second) = (Trace::new(&room), Trace::new(&room));
        for sequence in 0..10 {
            first.note(&segment(sequence), 0);
        }
        second.note(&segment(0), 0);
        assert_eq!((first.len(), first.not_kept(), second.len(), second.not_kept()), (5, 5, 0, 1));
        let copy = first.clone();
        assert_eq!((copy.len(), room.left()), (0, 0));
        drop((first, second, copy));
        assert_eq!(room.left(), 5);
    }

    #[test]
    fn a_record_is_small() {
        assert!(size_of::<Record>() <= 80, "{}", size_of::<Record>());
    }
}
