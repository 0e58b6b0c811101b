//! Finds the TCP segment in a frame: link layers, tags, tunnels, IP and TCP headers.
//!
//! [`Decoder`] takes one frame at a time, copies nothing and allocates nothing. It goes from header to header until it meets
//! TCP or something that cannot lead there, at most [`MOST_HEADERS`] of them. It believes no length: where headers
//! contradict each other the packet is [`Malformed`], and where the capture's snapshot length cut a header it is
//! [`Other::Cut`]. Neither is an error: [`Counts`] counts them.
//!
//! IP fragments are told and not put together again. The frames of 802.11 are not understood.
//!
//! The headers are read by our own code: a snapshot length may cut any of them, and etherparse, which the tests compare
//! it with, knows neither MPLS, PPP nor tunnels.

mod checksum;
mod counts;
mod ip;
mod link;
mod tcp;
mod tunnel;

pub use counts::Counts;

use crate::{
    capture::{Frame, LinkType},
    segment::{Outer, Segment, TunnelId, Wrapper},
};
use ip::Ip;
use std::{
    collections::hash_map::RandomState,
    hash::BuildHasher,
    net::{IpAddr, Ipv4Addr},
};

/// How many headers a frame may have before TCP's.
pub const MOST_HEADERS: usize = 32;

/// How many tags and tunnels around a packet are told.
const MOST_WRAPPERS: usize = 8;

/// What is in a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Packet<'a> {
    /// A TCP segment.
    Tcp(Segment<'a>),
    /// A fragment of an IP packet that carries TCP or a tunnel.
    Fragment {
        /// Sender of the IP packet.
        source: IpAddr,
        /// Receiver of the IP packet.
        destination: IpAddr,
    },
    /// No segment.
    Other(Other),
}

/// Why there is no segment in a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Other {
    /// It carries something else: ARP, UDP, ICMP, what is encrypted.
    NotTcp,
    /// Frames of this link type are not understood.
    UnknownLink(LinkType),
    /// The snapshot length cut the frame before the end of TCP's header.
    Cut,
    /// Its headers contradict each other.
    Malformed(Malformed),
}

/// What is wrong with a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Malformed {
    /// A header is longer than the rest of the frame.
    TooShort,
    /// The version in an IP header is neither 4 nor 6.
    IpVersion,
    /// The length of an IP header, or of the packet, is less than a header is long.
    IpLength,
    /// The length of TCP's header is less than 20 bytes, or more than the segment's.
    TcpLength,
    /// More than [`MOST_HEADERS`] headers.
    TooManyHeaders,
}

/// What the next header is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    Ethernet,
    /// What an EtherType says.
    EtherType(u16),
    /// Logical link control, IEEE 802.2.
    Llc,
    Ppp,
    Pppoe,
    Mpls,
    /// IP of the version that its first four bits say.
    Ip,
    /// What a protocol number of IP says.
    Protocol(u8),
}

/// The rest of a frame.
#[derive(Clone, Copy, Debug)]
struct Rest<'a> {
    /// What was captured of it.
    data: &'a [u8],
    /// Its length on the wire; `data.len()` or more.
    wire: u32,
}

impl<'a> Rest<'a> {
    /// The first `N` bytes.
    fn header<const N: usize>(&self) -> Result<&'a [u8; N], Other> {
        self.data.first_chunk().ok_or_else(|| self.ends_before(N))
    }

    /// Why `count` bytes are not there.
    #[cold]
    fn ends_before(&self, count: usize) -> Other {
        if count as u64 <= u64::from(self.wire) { Other::Cut } else { Other::Malformed(Malformed::TooShort) }
    }

    /// Moves on by `count` bytes.
    fn skip(&mut self, count: usize) -> Result<(), Other> {
        match self.data.get(count..) {
            Some(data) => {
                self.data = data;
                self.wire -= u32::try_from(count).expect("no more than was captured");
                Ok(())
            }
            None => Err(self.ends_before(count)),
        }
    }

    /// Cuts what follows the packet: padding, and the frame check sequence.
    fn shorten(&mut self, wire: u32) {
        self.wire = wire;
        self.data = &self.data[..self.data.len().min(wire as usize)];
    }
}

/// Finds the TCP segments in frames.
///
/// # Examples
///
/// ```
/// use adieu_explain::{capture::{Frame, LinkType}, packet::{Decoder, Other, Packet}, segment::Timestamp};
///
/// let frame = Frame {
///     number: 1,
///     time: Timestamp::EPOCH,
///     interface: 0,
///     link: LinkType(101),
///     data: b"\x45\0\0\x14\0\0\0\0\x40\x01\0\0\x7f\0\0\x01\x7f\0\0\x01",
///     len: 20,
///     drawn: false,
/// };
/// assert_eq!(Decoder::new().decode(&frame), Packet::Other(Other::NotTcp));
/// ```
#[derive(Debug)]
pub struct Decoder {
    wrappers: [Wrapper; MOST_WRAPPERS],
    wrapped: usize,
    tunnel: TunnelId,
    /// What makes identities of tunnels. It is random, so that nobody can make two tunnels that have the same.
    identities: RandomState,
    ip: Ip,
    interface: u32,
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new()
    }
}

impl Decoder {
    /// A decoder. The identities of tunnels that it gives are its own.
    pub fn new() -> Self {
        Self {
            wrappers: [Wrapper::Vlan(0); MOST_WRAPPERS],
            wrapped: 0,
            tunnel: TunnelId::NONE,
            identities: RandomState::new(),
            ip: Ip::NONE,
            interface: 0,
        }
    }

    /// What is in a frame.
    pub fn decode<'a>(&'a mut self, frame: &Frame<'a>) -> Packet<'a> {
        self.wrapped = 0;
        self.tunnel = TunnelId::NONE;
        self.interface = frame.interface;
        let captured = u32::try_from(frame.data.len()).unwrap_or(u32::MAX);
        let mut rest = Rest { data: frame.data, wire: frame.len.max(captured) };
        match self.find_tcp(frame.link, &mut rest) {
            Ok(()) => match self.segment(frame, rest) {
                Ok(segment) => Packet::Tcp(segment),
                Err(other) => Packet::Other(other),
            },
            Err(Stop::Fragment) => {
                Packet::Fragment { source: self.ip.source, destination: self.ip.destination }
            }
            Err(Stop::Other(other)) => Packet::Other(other),
        }
    }

    /// Moves `rest` to TCP's header.
    fn find_tcp(&mut self, link: LinkType, rest: &mut Rest<'_>) -> Result<(), Stop> {
        let mut next = self.link(link, rest)?;
        for _ in 0..MOST_HEADERS {
            next = match next {
                Next::Ethernet => link::ethernet(rest)?,
                Next::EtherType(number) => self.ether_type(number, rest)?,
                Next::Llc => link::llc(rest)?,
                Next::Ppp => link::ppp(rest)?,
                Next::Pppoe => self.pppoe(rest)?,
                Next::Mpls => self.mpls(rest)?,
                Next::Ip => self.ip(rest)?,
                Next::Protocol(ip::TCP) => return Ok(()),
                Next::Protocol(number) => self.protocol(number, rest)?,
            }
        }
        Err(Other::Malformed(Malformed::TooManyHeaders).into())
    }

    /// Notes what the packet is wrapped in. What is around more than enough of them is not told.
    fn wrap(&mut self, wrapper: Wrapper) {
        if let Some(place) = self.wrappers.get_mut(self.wrapped) {
            *place = wrapper;
            self.wrapped += 1;
        }
    }

    /// Notes a tunnel: what it is, and what tells it from others of its kind.
    fn enter(&mut self, wrapper: Wrapper, key: impl std::hash::Hash) {
        let kind = std::mem::discriminant(&wrapper);
        let number = self.identities.hash_one((self.tunnel, kind, key));
        self.tunnel = TunnelId::from_number(number.max(1));
        self.wrap(wrapper);
    }

    /// The ends of the tunnel that is being entered.
    fn outer(&self) -> Outer {
        Outer { source: self.ip.source, destination: self.ip.destination }
    }
}

/// Why the way through the headers ended before TCP's.
enum Stop {
    Fragment,
    Other(Other),
}

impl From<Other> for Stop {
    fn from(other: Other) -> Self {
        Self::Other(other)
    }
}

/// The two ends of a tunnel, the same in both directions.
fn either_way(outer: Outer) -> (IpAddr, IpAddr) {
    (outer.source.min(outer.destination), outer.source.max(outer.destination))
}

const UNSPECIFIED: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

/// A number of two bytes in network order.
const fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([bytes[at], bytes[at + 1]])
}

/// A number of four bytes in network order.
const fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

/// A number of three bytes in network order.
const fn u24_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([0, bytes[at], bytes[at + 1], bytes[at + 2]])
}

#[cfg(test)]
mod tests;
