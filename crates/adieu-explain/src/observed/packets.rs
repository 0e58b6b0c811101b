//! What the IP packets of one side look like: hop limits and identifications. A packet that somebody else sends in this
//! side's name often looks different.

use crate::segment::Segment;

/// How many different hop limits of a side are remembered.
const HOP_LIMITS: usize = 4;

/// How far ahead of the last identification the next packet of the same counter may be: other connections of a host with
/// one counter for all, and packets that the capture missed, lie between.
const NEAR: u16 = 2000;

/// How the identification of an RST fits to those of the same side's other packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum IdFit {
    /// It is the number after the last, or one soon after: the same counter made it.
    Next,
    /// The side counts its packets up, and this number is not from that counter.
    Far,
    /// It is zero. Kernels leave it zero in packets that no socket sends, and so do some boxes: it says nothing.
    Zero,
    /// IPv6, or too few packets before, or the side's numbers do not count up: there is nothing to compare with.
    Unknown,
}

/// What the packets of one side look like. RSTs are not counted in.
#[derive(Clone, Debug, Default)]
pub(crate) struct Packets {
    hop_limits: [u8; HOP_LIMITS],
    hop_limit_count: u8,
    last_id: u16,
    counted_up: u8,
    jumped: u8,
}

impl Packets {
    /// Counts a packet in that is no RST.
    pub(crate) fn note(&mut self, segment: &Segment<'_>) {
        let known = &self.hop_limits[..usize::from(self.hop_limit_count)];
        if !known.contains(&segment.hop_limit) && known.len() < HOP_LIMITS {
            self.hop_limits[usize::from(self.hop_limit_count)] = segment.hop_limit;
            self.hop_limit_count += 1;
        }
        let Some(id) = segment.ip_id.filter(|&id| id != 0) else { return };
        if self.last_id != 0 {
            if (1..NEAR).contains(&id.wrapping_sub(self.last_id)) {
                self.counted_up = self.counted_up.saturating_add(1);
            } else if id != self.last_id {
                self.jumped = self.jumped.saturating_add(1);
            }
        }
        self.last_id = id;
    }

    /// The hop limits of the side's packets, at most four. Empty: it sent nothing but RSTs.
    pub(crate) fn hop_limits(&self) -> &[u8] {
        &self.hop_limits[..usize::from(self.hop_limit_count)]
    }

    /// How the identification of a packet fits that comes now.
    pub(crate) fn fit(&self, id: Option<u16>) -> IdFit {
        match id {
            None => IdFit::Unknown,
            Some(0) => IdFit::Zero,
            Some(_) if self.counted_up < 3 || self.jumped > self.counted_up / 8 => IdFit::Unknown,
            Some(id) if (1..NEAR).contains(&id.wrapping_sub(self.last_id)) => IdFit::Next,
            Some(_) => IdFit::Far,
        }
    }
}
