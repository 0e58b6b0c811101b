//! Any segments in two captures: they are compared, and what is said of them can be printed.

use adieu_explain::{
    both::{self, AloneRecord, Both, Limits, PairRecord, Point, Told},
    segment::{Flags, Segment, TcpOptions, TcpTimestamps, Timestamp},
    table,
};

/// How many octets of the input make a segment.
const RECIPE: usize = 10;

/// Reads segments of two captures out of `data`, and compares them.
pub(crate) fn holds(data: &[u8]) {
    let ends = [([10, 0, 0, 1], 40_000).into(), ([10, 0, 0, 2], 80).into()];
    let limits = Limits { table: table::Limits::default(), waiting: 3, segments: 300 };
    let mut both = Both::new(limits);
    let mut times = [0_i64; 2];
    for (number, recipe) in data.chunks_exact(RECIPE).take(400).enumerate() {
        let [way, flags, near, high, ack, len, window, kind, later, extra] = recipe else {
            unreachable!("a chunk has its length");
        };
        let point = if way & 1 == 0 { Point::A } else { Point::B };
        let from = usize::from(way & 2 != 0);
        let time = &mut times[point.index()];
        *time = time.saturating_add(match kind & 7 {
            0 => -i64::from(*later) * 1_000_000,
            1 => i64::MAX / 3 * if later & 1 == 0 { 1 } else { -1 },
            2 => i64::from(*later) * 1_000_000_000,
            _ => i64::from(*later) * 100_000,
        });
        let base = |from: usize| if from == 0 { u32::MAX - 50 } else { 1000_u32 };
        let sequence = base(from).wrapping_add(match kind >> 5 {
            0 => u32::from(*high) << 24,
            _ => u32::from(*near),
        });
        let payload = &data[..usize::from(*len % 16).min(data.len())];
        let mut pair = [ends[from], ends[1 - from]];
        if way & 4 != 0 && point == Point::B {
            pair[from] = ([192, 0, 2, 1], 50_000 + u16::from(way >> 6)).into();
        }
        let segment = Segment {
            frame: number as u64 + 1,
            time: Timestamp::from_nanoseconds(*time),
            hop_limit: 60 + (extra >> 6),
            ip_id: Some(u16::from(extra & 15)),
            flags: Flags::from_bits(*flags),
            sequence,
            acknowledgement: base(1 - from).wrapping_add(u32::from(*ack)),
            window: u16::from(*window),
            options: TcpOptions {
                mss: (way & 8 == 0).then_some(u16::from(*high)),
                timestamps: (way & 16 == 0).then_some(TcpTimestamps { value: u32::from(*later), echo: 0 }),
                ..TcpOptions::NONE
            },
            payload,
            payload_len: if kind & 16 == 0 {
                u32::try_from(payload.len()).expect("short")
            } else {
                u32::from(*len) * 70_000
            },
            ..Segment::between(pair[0], pair[1])
        };
        both.observe(point, &segment, &mut |told| is_told(&told));
    }
    both.finish(&mut |told| is_told(&told));
}

/// Every form has something to say of it, in one line of ASCII.
fn is_told(told: &Told) {
    let texts = match told {
        Told::Pair(pair) => {
            let _ = PairRecord::of(pair);
            let facts = both::facts(pair).into_iter().map(|fact| fact.text);
            facts.chain([both::sentence(pair), both::headline(pair)]).collect()
        }
        Told::Alone(alone) => {
            let _ = AloneRecord::of(alone);
            vec![both::alone_sentence(alone)]
        }
    };
    for text in texts {
        assert!(!text.is_empty() && text.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{text:?}");
    }
}
