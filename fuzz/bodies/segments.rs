//! Any segments in any order: an observed connection takes them, and what is said of it agrees with itself.

use adieu_explain::{
    format,
    observed::Connection,
    segment::{Checksum, Flags, Segment, TcpTimestamps, Timestamp},
    verdict::{Ending, SideEnd, Verdict},
    words,
};

/// How many octets of the input make a segment.
const RECIPE: usize = 12;

/// What a payload can begin with.
const BEGINNINGS: [&[u8]; 6] = [
    b"",
    b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 40\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n",
    b"\x16\x03\x01\x00\x2d\x01\x00\x00\x29\x03\x03",
    b"\x15\x03\x03\x00\x02\x01\x00\x17\x03\x03\x00\x13",
];

/// Reads segments out of `data`, observes them, and judges after each.
pub(crate) fn holds(data: &[u8]) {
    let ends = [([10, 0, 0, 1], 40_000).into(), ([10, 0, 0, 2], 80).into()];
    let mut connection: Option<Connection> = None;
    let mut time = 0_i64;
    for (number, recipe) in data.chunks_exact(RECIPE).take(400).enumerate() {
        let [way, flags, near, low, high, ack_near, ack_low, ack_high, len, window, kind, later] = recipe
        else {
            unreachable!("a chunk has its length");
        };
        time += i64::from(*later) * if way & 2 == 0 { 100_000 } else { 20_000_000 };
        let number_at = |near: u8, low: u8, high: u8, base: u32| match near % 4 {
            0 => base.wrapping_add(u32::from(low)),
            1 => base.wrapping_add(u32::from(low)).wrapping_sub(3),
            2 => base.wrapping_add(u32::from_be_bytes([high, low, 0, 0])),
            _ => base.wrapping_add(u32::from(u16::from_be_bytes([high, low]))),
        };
        let (own, theirs) = if way & 1 == 0 { (u32::MAX - 50, 1000) } else { (1000, u32::MAX - 50) };
        let payload =
            [BEGINNINGS[usize::from(*kind) % BEGINNINGS.len()], &data[..usize::from(*len).min(data.len())]]
                .concat();
        let payload_len = match len % 5 {
            0 => 0,
            1 => u32::from(*len) * 70_000,
            _ => u32::try_from(payload.len()).expect("short"),
        };
        let segment = Segment {
            frame: number as u64 + 1,
            time: Timestamp::from_nanoseconds(if kind & 64 == 0 { time } else { -time }),
            hop_limit: 60 + (way >> 6),
            ip_id: (way & 4 == 0).then_some(u16::from(*low) | 1),
            flags: Flags::from_bits(*flags),
            sequence: number_at(*near, *low, *high, own),
            acknowledgement: number_at(*ack_near, *ack_low, *ack_high, theirs),
            window: u16::from(*window) << (window % 9),
            options: adieu_explain::segment::TcpOptions {
                window_scale: (way & 8 == 0).then_some(*window),
                mss: (way & 8 == 0).then_some(u16::from(*high) << 4),
                timestamps: (way & 16 == 0).then_some(TcpTimestamps { value: u32::from(*later), echo: 0 }),
                ..Default::default()
            },
            payload: &payload[..payload.len().min(payload_len as usize)],
            payload_len,
            checksum: if kind & 128 == 0 { Checksum::Good } else { Checksum::Bad },
            ..Segment::between(ends[usize::from(way & 1)], ends[usize::from(way & 1 == 0)])
        };
        match &mut connection {
            Some(connection) if !connection.starts_anew(&segment) => connection.observe(&segment),
            known => *known = Some(Connection::new(&segment)),
        }
        if let Some(connection) = &connection {
            agrees(&connection.judge(None));
            agrees(&connection.judge(Some(Timestamp::from_nanoseconds(i64::MAX))));
        }
    }
}

/// What is said of one connection does not contradict itself.
fn agrees(verdict: &Verdict) {
    let columns = verdict.columns();
    match columns.ending {
        Some(Ending::Graceful) => {
            assert_ne!(columns.c_end, Some(SideEnd::None), "{verdict:?}");
            assert_ne!(columns.s_end, Some(SideEnd::None), "{verdict:?}");
            assert_eq!(columns.unacked_c2s.unwrap_or(0), 0, "{verdict:?}");
            assert_eq!(columns.unacked_s2c.unwrap_or(0), 0, "{verdict:?}");
        }
        Some(Ending::Reset | Ending::Refused) => {
            assert_ne!(columns.rst_by.as_deref(), Some("-"), "{verdict:?}");
        }
        Some(Ending::NoAnswer) => assert_eq!(columns.rst_by.as_deref(), Some("-"), "{verdict:?}"),
        _ => {}
    }
    is_told(verdict);
    for direction in [&verdict.c2s, &verdict.s2c] {
        assert!(direction.acknowledged <= direction.sent, "{verdict:?}");
    }
}

/// Every form has something to say of it, and nothing that moves a cursor or makes a line or a column of its own.
fn is_told(verdict: &Verdict) {
    let facts = words::facts(verdict).into_iter().map(|fact| fact.text);
    for text in facts.chain([words::sentence(verdict), words::headline(verdict).to_owned()]) {
        assert!(!text.is_empty() && text.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{text:?}");
    }
    let columns =
        format::ZEEK_HEADER.lines().find(|line| line.starts_with("#fields")).expect("a header line");
    assert_eq!(
        format::zeek_line(verdict).split('\t').count(),
        columns.split('\t').count() - 1,
        "{verdict:?}"
    );
    let _ = (format::Record::of(verdict), format::Eve::of(verdict, format::FlowEnd::Shutdown));
}
