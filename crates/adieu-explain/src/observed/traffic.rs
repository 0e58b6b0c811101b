//! Packets of one side as flow logs count them: all of them, also RSTs and copies that the capture holds twice.

use crate::segment::Flags;

/// The packets of one side, RSTs and copies included. Packets with a bad checksum are not counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Packets.
    pub packets: u32,
    /// Octets of the IP packets, headers included.
    pub ip_octets: u64,
    /// Octets of the frames, link-layer headers included.
    pub frame_octets: u64,
    /// Every TCP flag that some packet carried.
    pub flags: Flags,
}
