//! The blocks of a pcapng file: a section, one interface, and packets with their time.
//!
//! Only what is written here: little-endian, without lengths that are known only at the end, so that a file which is cut short
//! is read up to there.
//!
//! Source: draft-ietf-opsawg-pcapng, sections 3.5 (options), 4.1, 4.2 and 4.3; the registry of link types.

use adieu_explain::capture::DRAWN;
use std::time::Duration;

const SECTION: u32 = 0x0A0D_0D0A;
const BYTE_ORDER: u32 = 0x1A2B_3C4D;
const INTERFACE: u32 = 1;
const ENHANCED_PACKET: u32 = 6;

/// Packets begin with an IP header.
const LINKTYPE_RAW: u16 = 101;

const END_OF_OPTIONS: u16 = 0;
const COMMENT: u16 = 1;
const SECTION_APPLICATION: u16 = 4;
const INTERFACE_NAME: u16 = 2;
const INTERFACE_DESCRIPTION: u16 = 3;
const INTERFACE_TIME_RESOLUTION: u16 = 9;
const PACKET_FLAGS: u16 = 2;

/// Which way a packet went, as the flags of a packet have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bound {
    In = 1,
    Out = 2,
}

/// The beginning of a file: the section, and the one interface.
pub(super) fn begin(out: &mut Vec<u8>, comment: &str) {
    block(out, SECTION, |body| {
        body.extend(BYTE_ORDER.to_le_bytes());
        // Version 1.0, of unknown length.
        body.extend([1, 0, 0, 0]);
        body.extend(u64::MAX.to_le_bytes());
        option(body, SECTION_APPLICATION, concat!("adieu ", env!("CARGO_PKG_VERSION")).as_bytes());
        option(body, COMMENT, comment.as_bytes());
        option(body, END_OF_OPTIONS, &[]);
    });
    block(out, INTERFACE, |body| {
        body.extend(LINKTYPE_RAW.to_le_bytes());
        body.extend([0; 2]);
        // No limit on a packet's length.
        body.extend([0; 4]);
        option(body, INTERFACE_NAME, b"adieu");
        // By this `explain` knows that no wire had the packets. Programs that copy captures keep it.
        option(body, INTERFACE_DESCRIPTION, DRAWN.as_bytes());
        // Times are in units of 10 to the minus 9.
        option(body, INTERFACE_TIME_RESOLUTION, &[9]);
        option(body, END_OF_OPTIONS, &[]);
    });
}

/// A packet, `at` since 1970.
pub(super) fn packet(out: &mut Vec<u8>, at: Duration, bound: Bound, bytes: &[u8], comment: Option<&str>) {
    block(out, ENHANCED_PACKET, |body| {
        let nanos = u64::try_from(at.as_nanos()).unwrap_or(u64::MAX);
        let length = u32::try_from(bytes.len()).expect("an IP packet is short");
        body.extend([0; 4]);
        body.extend(((nanos >> 32) as u32).to_le_bytes());
        #[expect(clippy::cast_possible_truncation, reason = "the lower half")]
        body.extend((nanos as u32).to_le_bytes());
        body.extend(length.to_le_bytes());
        body.extend(length.to_le_bytes());
        padded(body, bytes);
        option(body, PACKET_FLAGS, &(bound as u32).to_le_bytes());
        if let Some(comment) = comment {
            option(body, COMMENT, comment.as_bytes());
        }
        option(body, END_OF_OPTIONS, &[]);
    });
}

/// A block has its length before its body and after it.
fn block(out: &mut Vec<u8>, kind: u32, body: impl FnOnce(&mut Vec<u8>)) {
    let begins = out.len();
    out.extend(kind.to_le_bytes());
    out.extend([0; 4]);
    body(out);
    let length = u32::try_from(out.len() - begins + 4).expect("a block is a packet and a little more");
    out[begins + 4..begins + 8].copy_from_slice(&length.to_le_bytes());
    out.extend(length.to_le_bytes());
}

fn option(body: &mut Vec<u8>, code: u16, value: &[u8]) {
    // What is longer than a length can say is cut.
    let length = u16::try_from(value.len()).unwrap_or(u16::MAX);
    body.extend(code.to_le_bytes());
    body.extend(length.to_le_bytes());
    padded(body, &value[..usize::from(length)]);
}

/// To a multiple of four octets.
fn padded(body: &mut Vec<u8>, bytes: &[u8]) {
    body.extend(bytes);
    body.resize(body.len() + bytes.len().wrapping_neg() % 4, 0);
}
