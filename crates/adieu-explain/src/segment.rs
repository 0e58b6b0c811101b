//! One TCP segment as a capture shows it: what the packet decoder hands to whatever observes connections.
//!
//! Nothing here is judged. A checksum may be bad, a payload may be cut by the capture's snapshot length, and the time may
//! go backwards; the observer decides what that means. The types hold no allocation, so a segment costs nothing to make.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};

/// One TCP segment as the capture shows it.
///
/// The payload is borrowed from the reader's buffer, so a segment lives until the next frame is read.
///
/// # Examples
///
/// A segment made by hand, for a test:
///
/// ```
/// use adieu_explain::segment::{Flags, Segment};
///
/// let syn = Segment {
///     frame: 1,
///     flags: Flags::SYN,
///     sequence: 1000,
///     ..Segment::between("10.0.0.1:40000".parse().unwrap(), "10.0.0.2:80".parse().unwrap())
/// };
/// assert_eq!(syn.sequence_length(), 1);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment<'a> {
    /// Number of the frame in the capture, from 1, as Wireshark counts.
    pub frame: u64,
    /// When the frame was captured. Captures may go back in time.
    pub time: Timestamp,
    /// Interface that saw the frame: its place in a pcapng capture, counted from 0 over the whole file, or the kernel's index
    /// of it where a frame has Linux's second cooked header. 0 for others of pcap.
    pub interface: u32,
    /// Sender's address and port.
    pub source: SocketAddr,
    /// Receiver's address and port.
    pub destination: SocketAddr,
    /// Identity of the tunnel that carried the segment. Both directions of a tunnel have the same identity.
    pub tunnel: TunnelId,
    /// What the packet was wrapped in, the outermost first: VLAN tags, MPLS labels and tunnels.
    pub wrappers: &'a [Wrapper],
    /// IPv4 time to live, or IPv6 hop limit, of the innermost IP header.
    pub hop_limit: u8,
    /// Identification of the innermost IPv4 header. `None`: IPv6 without a fragment header.
    pub ip_id: Option<u16>,
    /// Length of the innermost IP packet on the wire, headers included, in bytes.
    pub ip_len: u32,
    /// Length of the whole frame on the wire, in bytes.
    pub frame_len: u32,
    /// The wire never had it: a program drew it from its calls ([`crate::capture::DRAWN`]).
    pub drawn: bool,
    /// Control bits.
    pub flags: Flags,
    /// Sequence number of the first payload byte, or of the SYN.
    pub sequence: u32,
    /// Acknowledgement number. It means something only if [`Flags::ack`] is set.
    pub acknowledgement: u32,
    /// Window as it stands in the header, not scaled.
    pub window: u16,
    /// TCP options.
    pub options: TcpOptions,
    /// Payload as far as it was captured.
    pub payload: &'a [u8],
    /// Length of the payload on the wire, in bytes. It is more than `payload.len()` if the snapshot length cut the frame.
    pub payload_len: u32,
    /// What the TCP checksum says.
    pub checksum: Checksum,
}

impl Segment<'_> {
    /// An empty segment from `source` to `destination`: no flags, no payload, frame 0, checksum good.
    pub const fn between(source: SocketAddr, destination: SocketAddr) -> Self {
        Self {
            frame: 0,
            time: Timestamp::EPOCH,
            interface: 0,
            source,
            destination,
            tunnel: TunnelId::NONE,
            wrappers: &[],
            hop_limit: 64,
            ip_id: None,
            ip_len: 0,
            frame_len: 0,
            drawn: false,
            flags: Flags::NONE,
            sequence: 0,
            acknowledgement: 0,
            window: 0,
            options: TcpOptions::NONE,
            payload: &[],
            payload_len: 0,
            checksum: Checksum::Good,
        }
    }

    /// Length of the segment in sequence space: the payload, and one each for SYN and FIN (RFC 9293, 3.4).
    pub const fn sequence_length(&self) -> u32 {
        self.payload_len.wrapping_add(self.flags.syn() as u32).wrapping_add(self.flags.fin() as u32)
    }

    /// Sequence number that follows the segment.
    pub const fn sequence_end(&self) -> u32 {
        self.sequence.wrapping_add(self.sequence_length())
    }

    /// Whether the capture has the whole payload.
    pub const fn is_whole(&self) -> bool {
        self.payload.len() as u64 >= self.payload_len as u64
    }
}

/// A time of the capture: nanoseconds since 1970, in UTC.
///
/// It can express the years 1677 to 2262; a time outside of them is the nearest one inside.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The first moment of 1970.
    pub const EPOCH: Self = Self(0);

    /// The time that is `nanoseconds` after the first moment of 1970, or before it.
    pub const fn from_nanoseconds(nanoseconds: i64) -> Self {
        Self(nanoseconds)
    }

    /// Nanoseconds since the first moment of 1970; negative before it.
    pub const fn as_nanoseconds(self) -> i64 {
        self.0
    }

    /// The time from `earlier` to this one. `None`: this one is before `earlier`, as captures may go back in time.
    pub const fn since(self, earlier: Self) -> Option<Duration> {
        if self.0 < earlier.0 { None } else { Some(Duration::from_nanos(self.0.abs_diff(earlier.0))) }
    }

    /// This time plus `duration`, or the last time that can be expressed.
    #[must_use]
    pub fn saturating_add(self, duration: Duration) -> Self {
        Self(
            i64::try_from(duration.as_nanos())
                .map_or(i64::MAX, |nanoseconds| self.0.saturating_add(nanoseconds)),
        )
    }
}

/// The control bits of a TCP header (RFC 9293, 3.1).
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Flags(u8);

impl Flags {
    /// No bit is set.
    pub const NONE: Self = Self(0);
    /// No more data from the sender.
    pub const FIN: Self = Self(0x01);
    /// Synchronise sequence numbers.
    pub const SYN: Self = Self(0x02);
    /// Reset the connection.
    pub const RST: Self = Self(0x04);
    /// Push.
    pub const PSH: Self = Self(0x08);
    /// The acknowledgement number is significant.
    pub const ACK: Self = Self(0x10);
    /// The urgent pointer is significant.
    pub const URG: Self = Self(0x20);
    /// ECN echo (RFC 3168).
    pub const ECE: Self = Self(0x40);
    /// Congestion window reduced (RFC 3168).
    pub const CWR: Self = Self(0x80);

    /// The bits of a header's fourteenth byte.
    pub const fn from_bits(bits: u8) -> Self {
        Self(bits)
    }

    /// The bits as they stand in the header.
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// The bits of both.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether all bits of `other` are set.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether FIN is set.
    pub const fn fin(self) -> bool {
        self.contains(Self::FIN)
    }

    /// Whether SYN is set.
    pub const fn syn(self) -> bool {
        self.contains(Self::SYN)
    }

    /// Whether RST is set.
    pub const fn rst(self) -> bool {
        self.contains(Self::RST)
    }

    /// Whether PSH is set.
    pub const fn psh(self) -> bool {
        self.contains(Self::PSH)
    }

    /// Whether ACK is set.
    pub const fn ack(self) -> bool {
        self.contains(Self::ACK)
    }

    /// Whether URG is set.
    pub const fn urg(self) -> bool {
        self.contains(Self::URG)
    }
}

impl std::ops::BitOr for Flags {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        self.with(other)
    }
}

/// The names of the bits that are set, as `SYN|ACK`; `-` for none.
impl fmt::Display for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const NAMES: [&str; 8] = ["FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR"];
        let mut first = true;
        for (bit, name) in NAMES.iter().enumerate() {
            if self.0 & (1 << bit) != 0 {
                write!(f, "{}{name}", if first { "" } else { "|" })?;
                first = false;
            }
        }
        if first { f.write_str("-") } else { Ok(()) }
    }
}

impl fmt::Debug for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The options of a TCP header that say something about a connection's course.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TcpOptions {
    /// Maximum segment size (RFC 9293, 3.7.1).
    pub mss: Option<u16>,
    /// Window scale, as it stands in the option (RFC 7323, 2); a receiver uses at most 14.
    pub window_scale: Option<u8>,
    /// The sender of this SYN can use selective acknowledgements (RFC 2018, 2).
    pub sack_permitted: bool,
    /// Timestamps (RFC 7323, 3).
    pub timestamps: Option<TcpTimestamps>,
    /// Selective acknowledgements (RFC 2018, 3).
    pub sack: SackBlocks,
}

impl TcpOptions {
    /// No option.
    pub const NONE: Self = Self {
        mss: None,
        window_scale: None,
        sack_permitted: false,
        timestamps: None,
        sack: SackBlocks::NONE,
    };
}

/// The timestamps option (RFC 7323, 3.2). Its units are the sender's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TcpTimestamps {
    /// TSval: the sender's clock.
    pub value: u32,
    /// TSecr: the peer's clock, as the sender saw it last.
    pub echo: u32,
}

/// The blocks of a SACK option: at most four (RFC 2018, 3). It can be read like a slice.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct SackBlocks {
    blocks: [(u32, u32); Self::MOST],
    count: u8,
}

impl SackBlocks {
    /// No block.
    pub const NONE: Self = Self { blocks: [(0, 0); Self::MOST], count: 0 };

    /// How many blocks fit into the 40 bytes of a header's options.
    pub const MOST: usize = 4;

    /// Appends the block from `left` up to, and without, `right`. A fifth block is dropped.
    pub const fn push(&mut self, left: u32, right: u32) {
        if (self.count as usize) < Self::MOST {
            self.blocks[self.count as usize] = (left, right);
            self.count += 1;
        }
    }
}

impl std::ops::Deref for SackBlocks {
    type Target = [(u32, u32)];

    fn deref(&self) -> &Self::Target {
        &self.blocks[..usize::from(self.count)]
    }
}

impl fmt::Debug for SackBlocks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// What a segment's TCP checksum says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Checksum {
    /// The checksum is right.
    Good,
    /// The checksum is wrong: a receiver would have dropped the segment.
    Bad,
    /// The checksum was not filled in yet when the frame was captured: the network card does that (checksum offload). The
    /// field holds zero, or the sum of the pseudo-header alone.
    NotFilled,
    /// The capture does not have the whole segment, so the checksum cannot be verified.
    Unknown,
}

/// Identity of the tunnel that carried a packet: a number that is equal for packets of the same tunnel.
///
/// The same addresses and ports can be in use in two tunnels at the same time, so they name a connection only together
/// with the tunnel. Both directions of a tunnel have the same identity. VLAN tags and MPLS labels are not part of it: they
/// are often different in the two directions of a connection. Neither is what carries mirrored frames to the capture
/// (ERSPAN).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct TunnelId(u64);

impl TunnelId {
    /// The packet was in no tunnel.
    pub const NONE: Self = Self(0);

    /// The identity that has this number. Zero is [`TunnelId::NONE`].
    pub const fn from_number(number: u64) -> Self {
        Self(number)
    }

    /// The number of the identity. It has no meaning but being equal.
    pub const fn number(self) -> u64 {
        self.0
    }
}

/// What a packet was wrapped in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Wrapper {
    /// IEEE 802.1Q tag, or one of several (QinQ): the VLAN's number.
    Vlan(u16),
    /// Provider backbone bridge, IEEE 802.1ah: the service instance's number (I-SID).
    BackboneService(u32),
    /// MPLS label.
    Mpls(u32),
    /// PPP over Ethernet: the session's number.
    PppoeSession(u16),
    /// GRE tunnel (RFC 2784), with its key (RFC 2890).
    Gre {
        /// Key, if the header has one.
        key: Option<u32>,
        /// Addresses of the tunnel's ends.
        outer: Outer,
    },
    /// VXLAN (RFC 7348).
    Vxlan {
        /// Number of the virtual network (VNI).
        network: u32,
        /// Addresses of the tunnel's ends.
        outer: Outer,
    },
    /// GENEVE (RFC 8926).
    Geneve {
        /// Number of the virtual network (VNI).
        network: u32,
        /// Addresses of the tunnel's ends.
        outer: Outer,
    },
    /// IP in IP: any of the two versions in any.
    IpInIp {
        /// Addresses of the tunnel's ends.
        outer: Outer,
    },
    /// Frames that a switch mirrored to a collector (ERSPAN).
    Erspan {
        /// Number of the mirror session.
        session: u16,
        /// Addresses of the switch and of the collector.
        outer: Outer,
    },
    /// GTP-U: a mobile network's user traffic.
    Gtp {
        /// Number of the tunnel's endpoint (TEID), which is different in each direction.
        endpoint: u32,
        /// Addresses of the tunnel's ends.
        outer: Outer,
    },
}

/// The addresses of a tunnel's outer packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Outer {
    /// Sender of the outer packet.
    pub source: IpAddr,
    /// Receiver of the outer packet.
    pub destination: IpAddr,
}

impl Default for Outer {
    fn default() -> Self {
        let unspecified = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
        Self { source: unspecified, destination: unspecified }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_told_by_name() {
        assert_eq!((Flags::SYN | Flags::ACK).to_string(), "SYN|ACK");
        assert_eq!(Flags::NONE.to_string(), "-");
        assert!(Flags::from_bits(0x14).contains(Flags::RST | Flags::ACK));
    }

    #[test]
    fn syn_and_fin_take_a_sequence_number_each() {
        let (client, server) = (([10, 0, 0, 1], 1).into(), ([0u16; 8], 2).into());
        let segment = Segment {
            sequence: u32::MAX,
            payload_len: 4,
            flags: Flags::SYN | Flags::FIN,
            ..Segment::between(client, server)
        };
        assert_eq!(segment.sequence_end(), 5);
        assert!(!segment.is_whole());
    }

    #[test]
    fn a_capture_that_goes_back_has_no_negative_durations() {
        let (early, late) = (Timestamp::from_nanoseconds(-5), Timestamp::from_nanoseconds(7));
        assert_eq!(late.since(early), Some(Duration::from_nanos(12)));
        assert_eq!(early.since(late), None);
        assert_eq!(late.saturating_add(Duration::MAX), Timestamp::from_nanoseconds(i64::MAX));
    }

    #[test]
    fn a_fifth_sack_block_is_dropped() {
        let mut sack = SackBlocks::NONE;
        for block in 0..5 {
            sack.push(block, block + 1);
        }
        assert_eq!(&sack[..], &[(0, 1), (1, 2), (2, 3), (3, 4)]);
    }
}
