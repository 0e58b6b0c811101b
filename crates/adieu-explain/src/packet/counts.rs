//! What a capture's frames were.

use super::{Malformed, Other, Packet};
use crate::{capture::LinkType, segment::Checksum};

/// How many link types that are not understood are remembered by number.
const MOST_LINKS: usize = 4;

/// How many frames of a capture were what.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Frames with a TCP segment.
    pub tcp: u64,
    /// Those of them whose checksum is wrong.
    pub bad_checksums: u64,
    /// Those that a program drew from its calls, and that were on no wire.
    pub drawn: u64,
    /// IP fragments of TCP or of a tunnel. They are not put together, so their connections have gaps.
    pub fragments: u64,
    /// Frames that carry something else.
    pub not_tcp: u64,
    /// Frames of link types that are not understood.
    pub unknown_link: u64,
    /// Frames that the snapshot length cut before the end of TCP's header.
    pub cut: u64,
    /// Frames that are too short for their own headers.
    pub too_short: u64,
    /// Frames with an impossible IP header.
    pub bad_ip: u64,
    /// Frames with an impossible TCP header.
    pub bad_tcp: u64,
    /// Frames with more headers than are followed.
    pub too_many_headers: u64,
    links: Vec<LinkType>,
}

impl Counts {
    /// Counts what was in one frame.
    pub fn add(&mut self, packet: &Packet<'_>) {
        if let Packet::Tcp(segment) = packet {
            self.bad_checksums += u64::from(segment.checksum == Checksum::Bad);
            self.drawn += u64::from(segment.drawn);
        }
        let count = match packet {
            Packet::Tcp(_) => &mut self.tcp,
            Packet::Fragment { .. } => &mut self.fragments,
            Packet::Other(other) => match other {
                Other::NotTcp => &mut self.not_tcp,
                Other::UnknownLink(link) => {
                    if self.links.len() < MOST_LINKS && !self.links.contains(link) {
                        self.links.push(*link);
                    }
                    &mut self.unknown_link
                }
                Other::Cut => &mut self.cut,
                Other::Malformed(Malformed::TooShort) => &mut self.too_short,
                Other::Malformed(Malformed::IpVersion | Malformed::IpLength) => &mut self.bad_ip,
                Other::Malformed(Malformed::TcpLength) => &mut self.bad_tcp,
                Other::Malformed(Malformed::TooManyHeaders) => &mut self.too_many_headers,
            },
        };
        *count += 1;
    }

    /// All frames.
    pub const fn frames(&self) -> u64 {
        self.tcp
            + self.fragments
            + self.not_tcp
            + self.unknown_link
            + self.cut
            + self.too_short
            + self.bad_ip
            + self.bad_tcp
            + self.too_many_headers
    }

    /// Link types that are not understood: the first four.
    pub fn unknown_links(&self) -> &[LinkType] {
        &self.links
    }
}
