//! pcapng: sections of blocks (<https://www.ietf.org/archive/id/draft-ietf-opsawg-pcapng-03.html>).
//!
//! Each section has its own byte order and interfaces. Blocks that hold no frame are passed over without being kept,
//! however long they are.

use super::{
    CaptureError, DRAWN, Damage, Found, LONGEST_FRAME, LinkType, MOST_INTERFACES, Order, buffer::Buffer,
};
use crate::segment::Timestamp;

/// The first four bytes of a section, the same in both byte orders.
pub(super) const SECTION_HEADER: [u8; 4] = [0x0a, 0x0d, 0x0d, 0x0a];

const BYTE_ORDER_MAGIC: u32 = 0x1a2b_3c4d;
const INTERFACE_DESCRIPTION: u32 = 1;
/// Obsolete, but old captures have it.
const PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const ENHANCED_PACKET: u32 = 6;

/// Type and length before a block's body.
const BLOCK_HEADER: usize = 8;
/// The length again after it.
const BLOCK_TRAILER: usize = 4;
const SHORTEST_BLOCK: u32 = 12;

const OPTION_END: u16 = 0;
const OPTION_DESCRIPTION: u16 = 3;
const OPTION_RESOLUTION: u16 = 9;
const OPTION_OFFSET: u16 = 14;

/// The state of a pcapng reader: the section that it is in.
pub(super) struct Pcapng {
    order: Order,
    interfaces: Vec<Interface>,
    /// How many interfaces the sections before had.
    before: u32,
    last_time: Timestamp,
    /// A block that is being passed over: where it begins, and how many bytes of it are left.
    passing: (u64, usize),
}

struct Interface {
    link: LinkType,
    /// Longest capture of a frame; 0 is no limit.
    snapshot_length: u32,
    resolution: Resolution,
    /// Seconds to be added to each time.
    offset: i64,
    drawn: bool,
}

/// What a unit of an interface's times is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Resolution {
    /// So many nanoseconds.
    Nanoseconds(u32),
    /// So many of them are a nanosecond.
    PerNanosecond(u64),
    /// A second divided by two to this power.
    Power(u8),
}

impl Resolution {
    /// The value of the option if_tsresol.
    pub(super) fn of(option: u8) -> Self {
        match (option & 0x80 != 0, option & 0x7f) {
            (true, power) => Self::Power(power),
            (false, digits @ 0..=9) => Self::Nanoseconds(10_u32.pow(9 - u32::from(digits))),
            (false, digits) => {
                Self::PerNanosecond(10_u64.checked_pow(u32::from(digits) - 9).unwrap_or(u64::MAX))
            }
        }
    }

    pub(super) fn nanoseconds(self, units: u64) -> i64 {
        let nanoseconds = match self {
            Self::Nanoseconds(each) => u128::from(units) * u128::from(each),
            Self::PerNanosecond(units_each) => u128::from(units / units_each),
            Self::Power(power) => (u128::from(units) * 1_000_000_000).checked_shr(power.into()).unwrap_or(0),
        };
        i64::try_from(nanoseconds).unwrap_or(i64::MAX)
    }
}

impl Pcapng {
    pub(super) fn new() -> Self {
        // The first block is a section's header, which says the order.
        Self {
            order: Order::Little,
            interfaces: Vec::new(),
            before: 0,
            last_time: Timestamp::EPOCH,
            passing: (0, 0),
        }
    }

    /// The next frame, which is whole in the buffer then.
    pub(super) fn next(&mut self, buffer: &mut Buffer<'_>) -> Result<Option<Found>, CaptureError> {
        loop {
            self.pass(buffer)?;
            let header = buffer.require(BLOCK_HEADER)?;
            if header.is_empty() {
                return Ok(None);
            }
            let header = buffer.whole(BLOCK_HEADER)?;
            if header.starts_with(&SECTION_HEADER) {
                self.begin_section(buffer)?;
                continue;
            }
            let (kind, length) = (self.order.u32(header, 0), self.order.u32(header, 4));
            if length < SHORTEST_BLOCK {
                return Err(damaged(buffer, Damage::BlockLength(length)));
            }
            // Some writers count the body without its padding.
            let whole = length as usize + (4 - length as usize % 4) % 4;
            match kind {
                ENHANCED_PACKET | PACKET | SIMPLE_PACKET | INTERFACE_DESCRIPTION => {
                    // A frame's options and an interface's are strings and numbers.
                    if length > LONGEST_FRAME + (1 << 18) {
                        return Err(damaged(buffer, Damage::BlockLength(length)));
                    }
                    let block = buffer.whole(whole)?;
                    let again = self.order.u32(block, whole - BLOCK_TRAILER);
                    if again != length {
                        return Err(damaged(buffer, Damage::BlockLengths(length, again)));
                    }
                    let body = &block[BLOCK_HEADER..whole - BLOCK_TRAILER];
                    if kind == INTERFACE_DESCRIPTION {
                        let interface = self.interface(body);
                        if self.interfaces.len() == MOST_INTERFACES {
                            return Err(damaged(buffer, Damage::Interfaces));
                        }
                        self.interfaces
                            .push(interface.ok_or_else(|| damaged(buffer, Damage::BlockLength(length)))?);
                        buffer.take(whole);
                    } else {
                        let found = self.frame(kind, body, whole);
                        return found.map(Some).map_err(|damage| damaged(buffer, damage));
                    }
                }
                _ => self.passing = (buffer.offset(), whole),
            }
        }
    }

    /// Reads over a block without holding it.
    fn pass(&mut self, buffer: &mut Buffer<'_>) -> Result<(), CaptureError> {
        const STEP: usize = 1 << 16;
        let (begin, left) = &mut self.passing;
        while *left > 0 {
            let step = (*left).min(STEP);
            let available = buffer.require(step)?.len();
            if available < step {
                let missing = Some((*left - available) as u64);
                return Err(CaptureError::Truncated { offset: *begin, missing });
            }
            buffer.take(step);
            *left -= step;
        }
        Ok(())
    }

    fn begin_section(&mut self, buffer: &mut Buffer<'_>) -> Result<(), CaptureError> {
        let header = buffer.whole(BLOCK_HEADER + 4)?;
        let order = [Order::Little, Order::Big];
        let order = order.into_iter().find(|order| order.u32(header, BLOCK_HEADER) == BYTE_ORDER_MAGIC);
        let Some(order) = order else { return Err(damaged(buffer, Damage::ByteOrder)) };
        let length = order.u32(header, 4);
        if !(28..=LONGEST_FRAME).contains(&length) {
            return Err(damaged(buffer, Damage::BlockLength(length)));
        }
        buffer.whole(length as usize)?;
        buffer.take(length as usize);
        self.order = order;
        self.before = self.before.saturating_add(u32::try_from(self.interfaces.len()).unwrap_or(u32::MAX));
        self.interfaces.clear();
        Ok(())
    }

    fn interface(&self, body: &[u8]) -> Option<Interface> {
        let order = self.order;
        if body.len() < 8 {
            return None;
        }
        let mut interface = Interface {
            link: LinkType(order.u16(body, 0)),
            snapshot_length: order.u32(body, 4),
            resolution: Resolution::Nanoseconds(1000),
            offset: 0,
            drawn: false,
        };
        let mut rest = &body[8..];
        while rest.len() >= 4 {
            let (code, length) = (order.u16(rest, 0), usize::from(order.u16(rest, 2)));
            let Some(value) = rest[4..].get(..length) else { break };
            match (code, value) {
                (OPTION_END, _) => break,
                (OPTION_DESCRIPTION, value) => interface.drawn = value == DRAWN.as_bytes(),
                (OPTION_RESOLUTION, [resolution]) => interface.resolution = Resolution::of(*resolution),
                (OPTION_OFFSET, value) => {
                    if let Ok(bytes) = <[u8; 8]>::try_from(value) {
                        interface.offset = match order {
                            Order::Little => i64::from_le_bytes(bytes),
                            Order::Big => i64::from_be_bytes(bytes),
                        };
                    }
                }
                _ => {}
            }
            rest = rest[4..].get(length.next_multiple_of(4)..).unwrap_or(&[]);
        }
        Some(interface)
    }

    /// The frame in a block's body.
    fn frame(&mut self, kind: u32, body: &[u8], whole: usize) -> Result<Found, Damage> {
        let order = self.order;
        let fixed = if kind == SIMPLE_PACKET { 4 } else { 20 };
        let damaged = Damage::BlockLength(u32::try_from(whole).unwrap_or(u32::MAX));
        let Some(room) = body.len().checked_sub(fixed) else { return Err(damaged) };
        let number = match kind {
            SIMPLE_PACKET => 0,
            PACKET => u32::from(order.u16(body, 0)),
            _ => order.u32(body, 0),
        };
        let Some(interface) = self.interfaces.get(number as usize) else {
            return Err(Damage::Interface(number));
        };
        let (captured, len) = if kind == SIMPLE_PACKET {
            let len = order.u32(body, 0);
            let limit = if interface.snapshot_length == 0 { u32::MAX } else { interface.snapshot_length };
            (len.min(limit).min(u32::try_from(room).unwrap_or(u32::MAX)), len)
        } else {
            let units = u64::from(order.u32(body, 4)) << 32 | u64::from(order.u32(body, 8));
            let nanoseconds = interface.resolution.nanoseconds(units);
            let offset = interface.offset.saturating_mul(1_000_000_000);
            self.last_time = Timestamp::from_nanoseconds(nanoseconds.saturating_add(offset));
            (order.u32(body, 12), order.u32(body, 16))
        };
        if captured as usize > room || captured > LONGEST_FRAME {
            return Err(Damage::FrameLength(captured));
        }
        Ok(Found {
            time: self.last_time,
            interface: self.before.saturating_add(number),
            link: interface.link,
            before: BLOCK_HEADER + fixed,
            captured: captured as usize,
            whole,
            len: len.max(captured),
            drawn: interface.drawn,
        })
    }
}

fn damaged(buffer: &Buffer<'_>, damage: Damage) -> CaptureError {
    CaptureError::Damaged { offset: buffer.offset(), damage }
}
