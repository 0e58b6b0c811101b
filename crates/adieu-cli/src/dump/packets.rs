//! The packets that a connection's bytes could have been, for tools that read captures; or datagrams.
//!
//! The addresses are the true ones, and so are the ends: a SYN is there if a connection was, a FIN where a side ended, a RST where
//! one was seen or sent. A packet's octets are those of one call. Octets are acknowledged as far as is known: what we received when
//! we next say something, what we sent when the connection's report tells. The first sequence numbers are 0, because no socket tells
//! its own, and of TLS everything is the plain text, which the wire never had.

use super::pcapng::Bound;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// What one packet holds at most: less than IP's length can say, with both headers.
const MOST: usize = 60_000;

const FIN: u8 = 0x01;
const SYN: u8 = 0x02;
const RST: u8 = 0x04;
const PSH: u8 = 0x08;
const ACK: u8 = 0x10;

/// A protocol on IP: its number, and where its header has the checksum.
struct Protocol {
    number: u8,
    checksum_at: usize,
}

const TCP: Protocol = Protocol { number: 6, checksum_at: 16 };
const UDP: Protocol = Protocol { number: 17, checksum_at: 6 };

/// The largest window, scaled by the largest factor: a window that is never full says nothing, and that is what is known of it.
const WINDOW: u16 = u16::MAX;
const WINDOW_SCALE: [u8; 4] = [1, 3, 3, 14];

/// One side's octets.
#[derive(Debug, Clone, Copy, Default)]
struct Half {
    /// The next sequence number.
    next: u32,
    /// What the other side is known to have of them.
    acknowledged: u32,
    has_ended: bool,
}

/// A connection, as packets.
#[derive(Debug)]
pub(super) struct Packets {
    ours: Half,
    peers: Half,
    local: SocketAddr,
    peer: SocketAddr,
    /// The number of the next IP packet.
    number: u16,
}

/// A packet, and which way it went.
pub(super) type Packet = (Bound, Vec<u8>);

impl Packets {
    /// The connection between these addresses, and its three packets.
    pub(super) fn begin(local: SocketAddr, peer: SocketAddr, we_connected: bool) -> (Self, Vec<Packet>) {
        let mut packets = Self { ours: Half::default(), peers: Half::default(), local, peer, number: 0 };
        let (first, second) = if we_connected { (Bound::Out, Bound::In) } else { (Bound::In, Bound::Out) };
        let all = vec![
            packets.segment(first, SYN, &[]),
            packets.segment(second, SYN | ACK, &[]),
            packets.segment(first, ACK, &[]),
        ];
        (packets, all)
    }

    /// Octets that crossed.
    pub(super) fn bytes(&mut self, bound: Bound, bytes: &[u8]) -> Vec<Packet> {
        bytes.chunks(MOST).map(|piece| self.segment(bound, PSH | ACK, piece)).collect()
    }

    /// A side has ended.
    pub(super) fn end(&mut self, bound: Bound) -> Option<Packet> {
        let half = self.half(bound);
        if std::mem::replace(&mut half.has_ended, true) {
            return None;
        }
        Some(self.segment(bound, FIN | ACK, &[]))
    }

    pub(super) fn reset(&mut self, bound: Bound) -> Packet {
        self.segment(bound, RST | ACK, &[])
    }

    /// What the peer is known to have acknowledged of ours at the end, and what we have of the peer's.
    pub(super) fn acknowledge(&mut self, bytes: Option<u64>, fin: bool) -> Vec<Packet> {
        let mut all = Vec::new();
        if let Some(bytes) = bytes {
            #[expect(clippy::cast_possible_truncation, reason = "sequence numbers wrap")]
            let known = (bytes as u32).wrapping_add(1 + u32::from(fin));
            if known != self.ours.acknowledged {
                self.ours.acknowledged = known;
                all.push(self.segment(Bound::In, ACK, &[]));
            }
        }
        if self.peers.acknowledged != self.peers.next {
            all.push(self.segment(Bound::Out, ACK, &[]));
        }
        all
    }

    fn half(&mut self, bound: Bound) -> &mut Half {
        match bound {
            Bound::Out => &mut self.ours,
            Bound::In => &mut self.peers,
        }
    }

    /// A segment, which takes its sequence numbers.
    fn segment(&mut self, bound: Bound, flags: u8, payload: &[u8]) -> Packet {
        if bound == Bound::Out || flags & SYN != 0 {
            // What was received is acknowledged by whatever we say next; and each SYN by what follows it.
            self.peers.acknowledged = self.peers.next;
        }
        if self.ours.acknowledged == 0 {
            self.ours.acknowledged = self.ours.next.min(1);
        }
        let (half, other) = match bound {
            Bound::Out => (&mut self.ours, self.peers),
            Bound::In => (&mut self.peers, self.ours),
        };
        let sequence = half.next;
        let length = u32::try_from(payload.len()).expect("a packet is short");
        let takes = length + u32::from(flags & SYN != 0) + u32::from(flags & FIN != 0);
        half.next = half.next.wrapping_add(takes);
        let acknowledged = if flags & ACK == 0 { 0 } else { other.acknowledged };
        let (from, to) = match bound {
            Bound::Out => (self.local, self.peer),
            Bound::In => (self.peer, self.local),
        };
        self.number = self.number.wrapping_add(1);
        let options: &[u8] = if flags & SYN == 0 { &[] } else { &WINDOW_SCALE };
        let mut tcp = Vec::with_capacity(20 + options.len() + payload.len());
        tcp.extend(from.port().to_be_bytes());
        tcp.extend(to.port().to_be_bytes());
        tcp.extend(sequence.to_be_bytes());
        tcp.extend(acknowledged.to_be_bytes());
        tcp.extend([u8::try_from(5 + options.len() / 4).expect("it is 5 or 6") << 4, flags]);
        tcp.extend(WINDOW.to_be_bytes());
        tcp.extend([0; 4]);
        tcp.extend(options);
        tcp.extend(payload);
        (bound, ip(from.ip(), to.ip(), self.number, &TCP, tcp))
    }
}

/// What carries what crosses.
#[derive(Debug)]
pub(super) enum Wire {
    Stream(Packets),
    Datagrams(Datagrams),
}

/// Datagrams of UDP between two addresses.
#[derive(Debug)]
pub(super) struct Datagrams {
    local: SocketAddr,
    peer: SocketAddr,
    /// The number of the next IP packet.
    number: u16,
}

impl Datagrams {
    pub(super) const fn between(local: SocketAddr, peer: SocketAddr) -> Self {
        Self { local, peer, number: 0 }
    }

    /// A datagram that crossed, in one packet, however many the wire had for it.
    pub(super) fn datagram(&mut self, bound: Bound, payload: &[u8]) -> Packet {
        let (from, to) = match bound {
            Bound::Out => (self.local, self.peer),
            Bound::In => (self.peer, self.local),
        };
        self.number = self.number.wrapping_add(1);
        let mut udp = Vec::with_capacity(8 + payload.len());
        udp.extend(from.port().to_be_bytes());
        udp.extend(to.port().to_be_bytes());
        udp.extend(u16::try_from(8 + payload.len()).expect("it went through a socket").to_be_bytes());
        udp.extend([0; 2]);
        udp.extend(payload);
        (bound, ip(from.ip(), to.ip(), self.number, &UDP, udp))
    }
}

/// The addresses that packets have. What has no such addresses, the connection of a Unix socket, has some of those that are set apart for
/// documentation (RFC 5737), each with a port of its own.
pub(super) fn addresses(
    local: Option<SocketAddr>,
    peer: Option<SocketAddr>,
    id: u64,
) -> (SocketAddr, SocketAddr) {
    match (local.map(canonical), peer.map(canonical)) {
        (Some(local), Some(peer)) if local.is_ipv4() == peer.is_ipv4() => (local, peer),
        _ => {
            let port = 1024 + (id % 64_000) as u16;
            let of = |last, port| SocketAddr::from((Ipv4Addr::new(192, 0, 2, last), port));
            (of(1, port), of(2, 1))
        }
    }
}

/// An address of IPv4 that a socket of IPv6 has is one of IPv4 on the wire.
fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

/// The packet of a segment, whose checksum is filled in.
fn ip(from: IpAddr, to: IpAddr, number: u16, protocol: &Protocol, mut segment: Vec<u8>) -> Vec<u8> {
    let length = u16::try_from(segment.len()).expect("a packet is short");
    let mut sum = sum(0, &segment) + u64::from(protocol.number) + u64::from(length);
    let mut packet = Vec::with_capacity(40 + segment.len());
    match (from, to) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            packet.extend([0x45, 0]);
            packet.extend((length + 20).to_be_bytes());
            packet.extend(number.to_be_bytes());
            // Not to be fragmented; 64 hops; the checksum.
            packet.extend([0x40, 0, 64, protocol.number, 0, 0]);
            packet.extend(from.octets());
            packet.extend(to.octets());
            let header = checksum(self::sum(0, &packet));
            packet[10..12].copy_from_slice(&header.to_be_bytes());
            sum = self::sum(sum, &packet[12..20]);
        }
        (from, to) => {
            packet.extend([0x60, 0, 0, 0]);
            packet.extend(length.to_be_bytes());
            packet.extend([protocol.number, 64]);
            for address in [from, to] {
                packet.extend(match address {
                    IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
                    IpAddr::V6(address) => address.octets(),
                });
            }
            sum = self::sum(sum, &packet[8..40]);
        }
    }
    // In UDP 0 would say that there is none (RFC 768); the other zero of ones' complements means the same.
    let checksum = match checksum(sum) {
        0 => u16::MAX,
        other => other,
    };
    segment[protocol.checksum_at..][..2].copy_from_slice(&checksum.to_be_bytes());
    packet.extend(segment);
    packet
}

/// Adds octets up, two by two (RFC 1071).
fn sum(before: u64, bytes: &[u8]) -> u64 {
    let (pairs, last) = bytes.as_chunks::<2>();
    let pairs: u64 = pairs.iter().map(|pair| u64::from(u16::from_be_bytes(*pair))).sum();
    before + pairs + last.first().map_or(0, |last| u64::from(*last) << 8)
}

fn checksum(mut sum: u64) -> u16 {
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    #[expect(clippy::cast_possible_truncation, reason = "it is folded")]
    let folded = sum as u16;
    !folded
}
