//! pcap, the format of libpcap: a header, and records one after the other
//! (<https://www.ietf.org/archive/id/draft-ietf-opsawg-pcap-05.html>).
//!
//! Besides the common variant, in both byte orders, with microseconds or nanoseconds, there is the one of Alexey Kuznetsov's
//! patched libpcap, whose records have eight bytes more.

use super::{CaptureError, Damage, Found, LONGEST_FRAME, LinkType, Order, buffer::Buffer};
use crate::segment::Timestamp;

const FILE_HEADER: usize = 24;
const RECORD_HEADER: usize = 16;
/// Of the patched libpcap: the interface's index, the protocol and the packet's type follow.
const LONG_RECORD_HEADER: usize = 24;

/// What the magic number says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Variant {
    order: Order,
    /// Nanoseconds in one unit of a record's second number.
    unit: u32,
    record_header: usize,
}

impl Variant {
    /// The variant with this magic number, if it is one.
    pub(super) fn of(magic: [u8; 4]) -> Option<Self> {
        let (order, number) = match magic {
            [0xa1, ..] => (Order::Big, u32::from_be_bytes(magic)),
            _ => (Order::Little, u32::from_le_bytes(magic)),
        };
        let (unit, record_header) = match number {
            0xa1b2_c3d4 => (1000, RECORD_HEADER),
            0xa1b2_3c4d => (1, RECORD_HEADER),
            0xa1b2_cd34 => (1000, LONG_RECORD_HEADER),
            _ => return None,
        };
        Some(Self { order, unit, record_header })
    }
}

/// The state of a pcap reader: what the file's header says.
pub(super) struct Pcap {
    variant: Variant,
    link: LinkType,
    /// Longest frame that is believed.
    longest: u32,
}

impl Pcap {
    /// Reads the file's header.
    pub(super) fn read(variant: Variant, buffer: &mut Buffer<'_>) -> Result<Self, CaptureError> {
        buffer.whole(FILE_HEADER)?;
        let header = buffer.take(FILE_HEADER);
        // The time zone at byte 8 is zero whoever wrote the file, and libpcap ignores it too.
        let snapshot_length = variant.order.u32(header, 16);
        // The upper half says how long the frame check sequence is; the length in the IP header makes that unimportant.
        let [low, high, ..] = variant.order.u32(header, 20).to_le_bytes();
        let link = LinkType(u16::from_le_bytes([low, high]));
        // Some writers put frames into a file that are longer than its snapshot length.
        Ok(Self { variant, link, longest: snapshot_length.clamp(1 << 18, LONGEST_FRAME) })
    }

    /// The next frame, which is whole in the buffer then.
    pub(super) fn next(&mut self, buffer: &mut Buffer<'_>) -> Result<Option<Found>, CaptureError> {
        let Variant { order, unit, record_header } = self.variant;
        let header = buffer.require(record_header)?;
        if header.is_empty() {
            return Ok(None);
        }
        let header = buffer.whole(record_header)?;
        let (seconds, fraction) = (order.u32(header, 0), order.u32(header, 4));
        let (captured, len) = (order.u32(header, 8), order.u32(header, 12));
        if captured > self.longest {
            let damage = Damage::FrameLength(captured);
            return Err(CaptureError::Damaged { offset: buffer.offset(), damage });
        }
        if (seconds, fraction, captured, len) == (0, 0, 0, 0) {
            // What a writer leaves that crashed after the file system had given it the space.
            return Err(CaptureError::Damaged { offset: buffer.offset(), damage: Damage::Zeros });
        }
        let (captured_bytes, nanoseconds) = (captured as usize, i64::from(fraction) * i64::from(unit));
        let whole = record_header + captured_bytes;
        buffer.whole(whole)?;
        Ok(Some(Found {
            time: Timestamp::from_nanoseconds(i64::from(seconds) * 1_000_000_000 + nanoseconds),
            interface: 0,
            link: self.link,
            before: record_header,
            captured: captured_bytes,
            whole,
            len: len.max(captured),
            drawn: false,
        }))
    }
}
