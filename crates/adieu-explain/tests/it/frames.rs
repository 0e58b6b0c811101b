//! The segments of a small capture of the fixtures: Ethernet with or without VLAN tag, Linux cooked, NULL.

use std::{fs, net::SocketAddr, path::Path};

use adieu_explain::segment::{Checksum, Flags, Segment, TcpOptions, TcpTimestamps, Timestamp};

/// A segment with its payload.
#[derive(Clone, Debug)]
pub(crate) struct Owned {
    pub(crate) segment: Segment<'static>,
    pub(crate) payload: Vec<u8>,
}

impl Owned {
    pub(crate) fn borrowed(&self) -> Segment<'_> {
        Segment { payload: &self.payload, ..self.segment }
    }
}

/// All TCP segments of a capture file, in order.
pub(crate) fn read(path: &Path) -> Vec<Owned> {
    let bytes = fs::read(path).expect("the capture can be read");
    let frames = if bytes.starts_with(&[0x0a, 0x0d, 0x0d, 0x0a]) { pcapng(&bytes) } else { pcap(&bytes) };
    frames.iter().enumerate().filter_map(|(at, frame)| decode(at as u64 + 1, frame)).collect()
}

struct Frame {
    link: u32,
    time: i64,
    bytes: Vec<u8>,
}

fn le32(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

fn be16(bytes: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([bytes[at], bytes[at + 1]])
}

fn be32(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

fn pcap(bytes: &[u8]) -> Vec<Frame> {
    let unit = match le32(bytes, 0) {
        0xa1b2_c3d4 => 1000,
        0xa1b2_3c4d => 1,
        magic => panic!("not a fixture's capture: {magic:x}"),
    };
    let link = le32(bytes, 20);
    let (mut at, mut frames) = (24, Vec::new());
    while at + 16 <= bytes.len() {
        let len = le32(bytes, at + 8) as usize;
        let time = i64::from(le32(bytes, at)) * 1_000_000_000 + i64::from(le32(bytes, at + 4)) * unit;
        frames.push(Frame { link, time, bytes: bytes[at + 16..at + 16 + len].to_vec() });
        at += 16 + len;
    }
    frames
}

fn pcapng(bytes: &[u8]) -> Vec<Frame> {
    let (mut at, mut frames, mut link) = (0, Vec::new(), 1);
    while at + 12 <= bytes.len() {
        match le32(bytes, at) {
            1 => link = u32::from(u16::from_le_bytes([bytes[at + 8], bytes[at + 9]])),
            6 => {
                let time = i64::from(le32(bytes, at + 12)) << 32 | i64::from(le32(bytes, at + 16));
                let len = le32(bytes, at + 20) as usize;
                frames.push(Frame { link, time, bytes: bytes[at + 28..at + 28 + len].to_vec() });
            }
            _ => {}
        }
        at += le32(bytes, at + 4) as usize;
    }
    frames
}

fn decode(number: u64, frame: &Frame) -> Option<Owned> {
    let bytes = &frame.bytes;
    let at = match frame.link {
        1 if be16(bytes, 12) == 0x8100 => 18,
        1 => 14,
        113 => 16,
        276 => 20,
        0 => 4,
        link => panic!("not a fixture's link type: {link}"),
    };
    let ip = &bytes[at..];
    let (header, total, hop_limit, ip_id, addresses) = match ip[0] >> 4 {
        4 if ip[9] == 6 => {
            let address = |at: usize| std::net::IpAddr::from([ip[at], ip[at + 1], ip[at + 2], ip[at + 3]]);
            let total = usize::from(be16(ip, 2));
            (usize::from(ip[0] & 15) * 4, total, ip[8], Some(be16(ip, 4)), (address(12), address(16)))
        }
        6 if ip[6] == 6 => {
            let address = |at: usize| {
                std::net::IpAddr::from(<[u8; 16]>::try_from(&ip[at..at + 16]).expect("sixteen bytes"))
            };
            (40, 40 + usize::from(be16(ip, 4)), ip[7], None, (address(8), address(24)))
        }
        _ => return None,
    };
    let tcp = &ip[header..];
    let offset = usize::from(tcp[12] >> 4) * 4;
    let payload_len = total - header - offset;
    let payload = tcp[offset.min(tcp.len())..].iter().take(payload_len).copied().collect();
    let segment = Segment {
        frame: number,
        time: Timestamp::from_nanoseconds(frame.time),
        hop_limit,
        ip_id,
        flags: Flags::from_bits(tcp[13]),
        sequence: be32(tcp, 4),
        acknowledgement: be32(tcp, 8),
        window: be16(tcp, 14),
        options: options(&tcp[20..offset]),
        payload_len: u32::try_from(payload_len).expect("a payload fits into a packet"),
        checksum: Checksum::Unknown,
        ..Segment::between(
            SocketAddr::new(addresses.0, be16(tcp, 0)),
            SocketAddr::new(addresses.1, be16(tcp, 2)),
        )
    };
    Some(Owned { segment, payload })
}

fn options(mut bytes: &[u8]) -> TcpOptions {
    let mut options = TcpOptions::NONE;
    while let [kind, rest @ ..] = bytes {
        match (kind, rest) {
            (0, _) => break,
            (1, _) => bytes = rest,
            (kind, [len, ..]) if usize::from(*len) >= 2 && bytes.len() >= usize::from(*len) => {
                let value = &bytes[2..usize::from(*len)];
                match kind {
                    2 => options.mss = Some(be16(value, 0)),
                    3 => options.window_scale = Some(value[0]),
                    4 => options.sack_permitted = true,
                    5 => value
                        .chunks_exact(8)
                        .for_each(|block| options.sack.push(be32(block, 0), be32(block, 4))),
                    8 => {
                        options.timestamps =
                            Some(TcpTimestamps { value: be32(value, 0), echo: be32(value, 4) });
                    }
                    _ => {}
                }
                bytes = &bytes[usize::from(*len)..];
            }
            _ => break,
        }
    }
    options
}
