//! The last segments of one side: to tell a frame that the capture holds twice from one that was sent twice, and to find
//! what an RST answered.

use crate::segment::{Segment, Timestamp};

/// How many segments of a side are remembered.
const MOST: usize = 4;

/// A frame is a duplicate of the capture only within this time, in nanoseconds, if its IP identification says so too.
/// It is less than the shortest time after which a sender sends again by a timer (tail loss probe, RFC 8985: 2 ms on
/// Linux), unless the identification is that of a new packet.
const SAME_PACKET: u64 = 50_000_000;

/// The same where there is no identification to compare: IPv6, and senders that leave it zero.
const SAME_HEADER: u64 = 1_000_000;

/// What is remembered of a segment.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Past {
    pub(crate) frame: u64,
    pub(crate) time: Timestamp,
    pub(crate) sequence: u32,
    pub(crate) acknowledgement: u32,
    pub(crate) payload_len: u32,
    clock: u32,
    window: u16,
    ip_id: u16,
    pub(crate) flags: crate::segment::Flags,
}

impl Past {
    /// Sequence number that follows the segment.
    pub(crate) fn sequence_end(&self) -> u32 {
        self.sequence
            .wrapping_add(self.payload_len)
            .wrapping_add(u32::from(self.flags.syn()))
            .wrapping_add(u32::from(self.flags.fin()))
    }
}

/// The last segments of a side.
#[derive(Clone, Debug, Default)]
pub(crate) struct Recent {
    ring: [Past; MOST],
    count: usize,
}

impl Recent {
    /// The segments, the last first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Past> {
        let count = self.count;
        (0..count.min(MOST)).map(move |back| &self.ring[(count - 1 - back) % MOST])
    }

    /// Whether `segment` is a frame that the capture already has, by a mirror port or a second interface: the same packet,
    /// and not the same octets sent again.
    pub(crate) fn has(&self, segment: &Segment<'_>) -> bool {
        let (ip_id, clock) = (segment.ip_id.unwrap_or(0), clock(segment));
        self.iter().any(|past| {
            past.sequence == segment.sequence
                && past.acknowledgement == segment.acknowledgement
                && past.flags == segment.flags
                && past.payload_len == segment.payload_len
                && past.ip_id == ip_id
                && past.clock == clock
                && past.window == segment.window
                && past.time.as_nanoseconds().abs_diff(segment.time.as_nanoseconds())
                    <= if ip_id == 0 { SAME_HEADER } else { SAME_PACKET }
        })
    }

    /// Remembers `segment`.
    pub(crate) fn push(&mut self, segment: &Segment<'_>) {
        self.ring[self.count % MOST] = Past {
            frame: segment.frame,
            time: segment.time,
            sequence: segment.sequence,
            acknowledgement: segment.acknowledgement,
            payload_len: segment.payload_len,
            clock: clock(segment),
            window: segment.window,
            ip_id: segment.ip_id.unwrap_or(0),
            flags: segment.flags,
        };
        // The remainder stays right, because the ring's size divides the number.
        self.count = if self.count == 1 << 30 { MOST } else { self.count } + 1;
    }
}

fn clock(segment: &Segment<'_>) -> u32 {
    segment.options.timestamps.map_or(0, |timestamps| timestamps.value)
}
