//! A reader of captures, for the tests of what writes them: blocks of pcapng, and packets of IP with TCP or UDP and right checksums.

use std::collections::BTreeMap;
use std::path::Path;

/// A packet as it stands in a capture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Packet {
    /// From, to.
    pub(crate) addresses: (String, String),
    /// The flags that are set, as `SA` for SYN and ACK. UDP has none of these three.
    pub(crate) flags: String,
    pub(crate) sequence: u32,
    pub(crate) acknowledged: u32,
    pub(crate) payload: Vec<u8>,
    /// In nanoseconds since 1970.
    pub(crate) at: u64,
    /// As the flags of the block have it.
    pub(crate) goes_out: bool,
    pub(crate) comment: Option<String>,
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_be_bytes(bytes[at..at + 2].try_into().expect("two octets"))
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(bytes[at..at + 4].try_into().expect("four octets"))
}

fn le(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four octets"))
}

/// The packets of a pcapng file, every length and checksum of which is right.
pub(crate) fn read(path: &Path) -> Vec<Packet> {
    let all = std::fs::read(path).expect("the capture is there");
    let mut packets = Vec::new();
    let mut kinds = Vec::new();
    let mut rest = &all[..];
    while !rest.is_empty() {
        let (kind, length) = (le(rest, 0), le(rest, 4) as usize);
        assert_eq!((length % 4, le(rest, length - 4) as usize), (0, length), "both lengths of a block");
        let body = &rest[8..length - 4];
        match kind {
            0x0A0D_0D0A => assert_eq!((le(body, 0), le(body, 4)), (0x1A2B_3C4D, 1)),
            1 => assert_eq!((le(body, 0), le(body, 4)), (101, 0), "raw IP, of any length"),
            6 => packets.push(packet(body)),
            other => panic!("a block of the kind {other}"),
        }
        kinds.push(kind);
        rest = &rest[length..];
    }
    assert_eq!((kinds[0], kinds[1]), (0x0A0D_0D0A, 1));
    assert!(packets.is_sorted_by_key(|packet: &Packet| packet.at));
    packets
}

fn packet(body: &[u8]) -> Packet {
    let at = (u64::from(le(body, 4)) << 32) | u64::from(le(body, 8));
    let (captured, original) = (le(body, 12) as usize, le(body, 16) as usize);
    assert_eq!(captured, original);
    let options = options(&body[20 + captured.next_multiple_of(4)..]);
    let ip = &body[20..20 + captured];
    let (from, to, protocol, segment) = if ip[0] == 0x45 {
        assert_eq!((u16_at(ip, 2) as usize, sum(&[&ip[..20]])), (ip.len(), 0xffff));
        let address = |at: usize| std::net::Ipv4Addr::from(u32_at(ip, at)).to_string();
        (address(12), address(16), ip[9], &ip[20..])
    } else {
        assert_eq!((ip[0], u16_at(ip, 4) as usize), (0x60, ip.len() - 40));
        let address = |at: usize| {
            let octets: [u8; 16] = ip[at..at + 16].try_into().expect("sixteen octets");
            format!("[{}]", std::net::Ipv6Addr::from(octets))
        };
        (address(8), address(24), ip[6], &ip[40..])
    };
    let addresses = if ip[0] == 0x45 { &ip[12..20] } else { &ip[8..40] };
    let length = u16::try_from(segment.len()).expect("it is a packet");
    let sum = sum(&[addresses, &[0, protocol], &length.to_be_bytes(), segment]);
    assert_eq!(sum, 0xffff, "the checksum of the protocol {protocol}");
    let names = [(0x01, 'F'), (0x02, 'S'), (0x04, 'R'), (0x08, 'P'), (0x10, 'A')];
    let (flags, sequence, acknowledged, header) = match protocol {
        6 => (segment[13], u32_at(segment, 4), u32_at(segment, 8), usize::from(segment[12] >> 4) * 4),
        17 => {
            assert_eq!(u16_at(segment, 4), length);
            (0, 0, 0, 8)
        }
        other => panic!("the protocol {other}"),
    };
    Packet {
        addresses: (format!("{from}:{}", u16_at(segment, 0)), format!("{to}:{}", u16_at(segment, 2))),
        flags: names.iter().filter(|(bit, _)| flags & bit != 0).map(|(_, name)| name).collect(),
        sequence,
        acknowledged,
        payload: segment[header..].to_vec(),
        at,
        goes_out: options.get(&2).is_some_and(|flags| le(flags, 0) == 2),
        comment: options.get(&1).map(|text| String::from_utf8(text.clone()).expect("a comment is UTF-8")),
    }
}

fn options(mut rest: &[u8]) -> BTreeMap<u16, Vec<u8>> {
    let mut options = BTreeMap::new();
    loop {
        let word = le(rest, 0);
        let (code, length) = ((word & 0xffff) as u16, (word >> 16) as usize);
        if code == 0 {
            return options;
        }
        options.insert(code, rest[4..4 + length].to_vec());
        rest = &rest[4 + length.next_multiple_of(4)..];
    }
}

/// The sum of ones' complements: 0xffff where the checksum is in it.
fn sum(parts: &[&[u8]]) -> u32 {
    let mut sum = 0_u32;
    for part in parts {
        for pair in part.chunks(2) {
            sum += u32::from(pair[0]) << 8 | u32::from(pair.get(1).copied().unwrap_or(0));
            sum = (sum & 0xffff) + (sum >> 16);
        }
    }
    sum
}

/// What one direction said: the octets in their order, without a hole.
pub(crate) fn stream(packets: &[Packet], goes_out: bool) -> Vec<u8> {
    let mut next = None;
    let mut all = Vec::new();
    for packet in packets.iter().filter(|packet| packet.goes_out == goes_out) {
        assert_eq!(packet.sequence, *next.get_or_insert(packet.sequence), "{packet:?}");
        let takes = packet.flags.contains(['S', 'F']);
        let length = u32::try_from(packet.payload.len()).expect("it is a packet");
        next = Some(packet.sequence.wrapping_add(length + u32::from(takes)));
        all.extend_from_slice(&packet.payload);
    }
    all
}
