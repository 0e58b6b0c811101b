//! The last segments of one side: to tell a frame that the capture holds twice from one that was sent twice, and to find
//! what an RST answered.
//!
//! Both look at most seconds back, and every connection has two of these. So numbers of frames are kept modulo 2^32 and times
//! in [`TICK`]s modulo 2^32, which is nineteen hours.

use super::Seen;
use crate::segment::{Flags, Segment, Timestamp};

/// How many segments of a side are remembered.
const MOST: usize = 3;

/// A frame is a duplicate of the capture only within this time, in nanoseconds, if its IP identification says so too.
/// It is less than the shortest time after which a sender sends again by a timer (tail loss probe, RFC 8985: 2 ms on
/// Linux), unless the identification is that of a new packet.
const SAME_PACKET: u64 = 50_000_000;

/// The same where there is no identification to compare: IPv6, and senders that leave it zero.
const SAME_HEADER: u64 = 1_000_000;

/// The unit of remembered times, in nanoseconds, as a power of two.
const TICK: u32 = 14;

/// What is remembered of a segment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Past {
    frame: u32,
    ticks: u32,
    pub(crate) sequence: u32,
    pub(crate) acknowledgement: u32,
    /// The flags in the lowest octet, and above them the length of the payload.
    flags_and_len: u32,
    clock: u32,
    window: u16,
    ip_id: u16,
}

impl Past {
    /// No segment.
    const NONE: Self = Self {
        frame: 0,
        ticks: 0,
        sequence: 0,
        acknowledgement: 0,
        flags_and_len: u32::MAX,
        clock: 0,
        window: 0,
        ip_id: 0,
    };

    fn of(segment: &Segment<'_>) -> Self {
        #[expect(clippy::cast_possible_truncation, reason = "frames are told apart modulo 2^32")]
        let frame = segment.frame as u32;
        Self {
            frame,
            ticks: ticks(segment.time),
            sequence: segment.sequence,
            acknowledgement: segment.acknowledgement,
            // IP packets have at most 2^16 octets, and the largest jumbograms that stacks make 2^19.
            flags_and_len: segment.payload_len.min((1 << 24) - 2) << 8 | u32::from(segment.flags.bits()),
            clock: segment.options.timestamps.map_or(0, |timestamps| timestamps.value),
            window: segment.window,
            ip_id: segment.ip_id.unwrap_or(0),
        }
    }

    pub(crate) fn flags(&self) -> Flags {
        Flags::from_bits(self.flags_and_len.to_le_bytes()[0])
    }

    pub(crate) fn payload_len(&self) -> u32 {
        self.flags_and_len >> 8
    }

    /// Sequence number that follows the segment.
    pub(crate) fn sequence_end(&self) -> u32 {
        self.sequence
            .wrapping_add(self.payload_len())
            .wrapping_add(u32::from(self.flags().syn()))
            .wrapping_add(u32::from(self.flags().fin()))
    }

    /// How far apart in time it is from `now`, in nanoseconds, give or take a tick.
    pub(crate) fn distance(&self, now: Timestamp) -> u64 {
        let apart = ticks(now).wrapping_sub(self.ticks);
        u64::from(apart.min(apart.wrapping_neg())) << TICK
    }

    /// Its frame, which came before `now`.
    pub(crate) fn seen(&self, now: &Segment<'_>) -> Seen {
        #[expect(clippy::cast_possible_truncation, reason = "frames are told apart modulo 2^32")]
        let back = (now.frame as u32).wrapping_sub(self.frame);
        let time = now.time.as_nanoseconds().saturating_sub_unsigned(self.distance(now.time));
        Seen { frame: now.frame.saturating_sub(u64::from(back)), time: Timestamp::from_nanoseconds(time) }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "times are told apart modulo 2^32 ticks"
)]
fn ticks(time: Timestamp) -> u32 {
    (time.as_nanoseconds() >> TICK) as u32
}

/// The last segments of a side.
#[derive(Clone, Debug)]
pub(crate) struct Recent {
    /// The last first.
    last: [Past; MOST],
}

impl Default for Recent {
    fn default() -> Self {
        Self { last: [Past::NONE; MOST] }
    }
}

impl Recent {
    /// The segments, the last first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Past> {
        self.last.iter().take_while(|past| past.flags_and_len != u32::MAX)
    }

    /// Whether `segment` is a frame that the capture already has, by a mirror port or a second interface: the same packet,
    /// and not the same octets sent again.
    pub(crate) fn has(&self, segment: &Segment<'_>) -> bool {
        let new = Past::of(segment);
        self.iter().any(|past| {
            past.sequence == new.sequence
                && past.acknowledgement == new.acknowledgement
                && past.flags_and_len == new.flags_and_len
                && past.ip_id == new.ip_id
                && past.clock == new.clock
                && past.window == new.window
                && past.distance(segment.time) <= if new.ip_id == 0 { SAME_HEADER } else { SAME_PACKET }
        })
    }

    /// Remembers `segment`.
    pub(crate) fn push(&mut self, segment: &Segment<'_>) {
        self.last.copy_within(..MOST - 1, 1);
        self.last[0] = Past::of(segment);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_times_that_wrap_are_told_right() {
        let (client, server) = (([10, 0, 0, 1], 1).into(), ([10, 0, 0, 2], 2).into());
        let at = |frame, nanoseconds| Segment {
            frame,
            time: Timestamp::from_nanoseconds(nanoseconds),
            ..Segment::between(client, server)
        };
        let wrap = 1_i64 << (32 + TICK);
        for (before, now) in [
            (at(u64::from(u32::MAX), 7 * wrap - 400_000), at(u64::from(u32::MAX) + 2, 7 * wrap + 400_000)),
            (at(5, -400_000), at(7, 400_000)),
        ] {
            let mut recent = Recent::default();
            recent.push(&before);
            assert!(recent.has(&now));
            let past = recent.iter().next().expect("it was pushed");
            assert_eq!(past.seen(&now).frame, before.frame);
            assert!(past.distance(now.time).abs_diff(800_000) <= 1 << TICK);
        }
    }

    #[test]
    fn the_last_segments_come_first() {
        let (client, server) = (([10, 0, 0, 1], 1).into(), ([10, 0, 0, 2], 2).into());
        let mut recent = Recent::default();
        for sequence in 1..=5 {
            recent.push(&Segment { sequence, payload_len: sequence, ..Segment::between(client, server) });
        }
        let numbers: Vec<_> = recent.iter().map(|past| (past.sequence, past.payload_len())).collect();
        assert_eq!(numbers, [(5, 5), (4, 4), (3, 3)]);
    }
}
