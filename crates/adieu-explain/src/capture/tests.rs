use super::{pcapng::Resolution, *};
use proptest::prelude::*;
use std::{collections::VecDeque, fs, io, path::PathBuf};

/// A frame that outlives its reader.
type Kept = (u64, i64, u32, u16, Vec<u8>, u32);

fn keep(frame: &Frame<'_>) -> Kept {
    (frame.number, frame.time.as_nanoseconds(), frame.interface, frame.link.0, frame.data.to_vec(), frame.len)
}

/// All frames of a capture, and what it ended with.
fn frames(input: impl Read) -> (Vec<Kept>, Option<String>) {
    let mut reader = Reader::new(input);
    let mut all = Vec::new();
    loop {
        match reader.next_frame() {
            Ok(Some(frame)) => all.push(keep(&frame)),
            Ok(None) => return (all, None),
            Err(error) if error.can_be_repeated() => {}
            Err(error) => {
                assert!(matches!(reader.next_frame(), Ok(None)), "an error is told once");
                return (all, Some(error.to_string()));
            }
        }
    }
}

/// An input that gives a few bytes at a time, and now and then nothing yet.
struct Pieces<'a> {
    rest: &'a [u8],
    sizes: VecDeque<usize>,
}

impl Read for Pieces<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let size = self.sizes.pop_front().unwrap_or(1);
        self.sizes.push_back(size);
        if size == 0 {
            return Err(ErrorKind::WouldBlock.into());
        }
        let size = size.min(self.rest.len()).min(buffer.len());
        let (now, rest) = self.rest.split_at(size);
        buffer[..size].copy_from_slice(now);
        self.rest = rest;
        Ok(size)
    }
}

fn put16(into: &mut Vec<u8>, order: Order, number: u16) {
    into.extend(if order == Order::Little { number.to_le_bytes() } else { number.to_be_bytes() });
}

fn put32(into: &mut Vec<u8>, order: Order, number: u32) {
    into.extend(if order == Order::Little { number.to_le_bytes() } else { number.to_be_bytes() });
}

fn pcap(order: Order, magic: u32, record_header: usize, frames: &[(u32, u32, &[u8], u32)]) -> Vec<u8> {
    let mut file = Vec::new();
    put32(&mut file, order, magic);
    put16(&mut file, order, 2);
    put16(&mut file, order, 4);
    for number in [0, 0, 65535, 101] {
        put32(&mut file, order, number);
    }
    for (seconds, fraction, data, len) in frames {
        let captured = u32::try_from(data.len()).expect("a short frame");
        for number in [*seconds, *fraction, captured, *len] {
            put32(&mut file, order, number);
        }
        file.extend(vec![0xee; record_header - RECORD_HEADER_COMMON]);
        file.extend(*data);
    }
    file
}

const RECORD_HEADER_COMMON: usize = 16;

fn block(into: &mut Vec<u8>, order: Order, kind: u32, body: &[u8]) {
    let padding = body.len().next_multiple_of(4) - body.len();
    let length = u32::try_from(12 + body.len() + padding).expect("a short block");
    put32(into, order, kind);
    put32(into, order, length);
    into.extend(body);
    into.extend(vec![0; padding]);
    put32(into, order, length);
}

fn section(into: &mut Vec<u8>, order: Order) {
    let mut body = Vec::new();
    put32(&mut body, order, 0x1a2b_3c4d);
    put16(&mut body, order, 1);
    put16(&mut body, order, 0);
    body.extend([0xff; 8]);
    block(into, order, 0x0a0d_0d0a, &body);
}

fn interface(into: &mut Vec<u8>, order: Order, link: u16, snapshot: u32, options: &[(u16, &[u8])]) {
    let mut body = Vec::new();
    put16(&mut body, order, link);
    put16(&mut body, order, 0);
    put32(&mut body, order, snapshot);
    for (code, value) in options {
        put16(&mut body, order, *code);
        put16(&mut body, order, u16::try_from(value.len()).expect("a short option"));
        body.extend(*value);
        body.extend(vec![0; value.len().next_multiple_of(4) - value.len()]);
    }
    block(into, order, 1, &body);
}

fn enhanced(into: &mut Vec<u8>, order: Order, interface: u32, units: u64, data: &[u8], len: u32) {
    let mut body = Vec::new();
    let captured = u32::try_from(data.len()).expect("a short frame");
    let half = |units: u64| u32::try_from(units & 0xffff_ffff).expect("it is masked");
    for number in [interface, half(units >> 32), half(units), captured, len] {
        put32(&mut body, order, number);
    }
    body.extend(data);
    body.extend(vec![0; data.len().next_multiple_of(4) - data.len()]);
    // Flags: outbound. And a comment.
    for (code, value) in [(2_u16, b"\x02\0\0\0"), (1, b"here")] {
        put16(&mut body, order, code);
        put16(&mut body, order, 4);
        body.extend(value);
    }
    body.extend([0; 4]);
    block(into, order, 6, &body);
}

/// The frames of the pcap tests: time in the variant's units, data, length on the wire.
const FRAMES: &[(u32, u32, &[u8], u32)] =
    &[(1_700_000_000, 999_999, b"first", 5), (1_700_000_001, 0, b"", 60), (4_294_967_295, 1, b"cut", 1500)];

#[test]
fn pcap_has_byte_orders_units_and_a_patched_variant() {
    for order in [Order::Little, Order::Big] {
        for (magic, unit, header) in [(0xa1b2_c3d4, 1000, 16), (0xa1b2_3c4d, 1, 16), (0xa1b2_cd34, 1000, 24)]
        {
            let (all, end) = frames(&pcap(order, magic, header, FRAMES)[..]);
            assert_eq!(end, None);
            let time = |s: u32, f: u32| i64::from(s) * 1_000_000_000 + i64::from(f) * unit;
            let expected: Vec<Kept> = (1..)
                .zip(FRAMES)
                .map(|(number, (s, f, data, len))| (number, time(*s, *f), 0, 101, data.to_vec(), *len))
                .collect();
            assert_eq!(all, expected, "{order:?} {magic:x}");
        }
    }
}

/// Two sections of different byte orders, all blocks that have frames, and blocks that have none.
fn pcapng() -> (Vec<u8>, Vec<Kept>) {
    let (mut file, mut expected) = (Vec::new(), Vec::new());
    let mut number = 0;
    for (first, order) in [(0_u32, Order::Little), (3, Order::Big)] {
        section(&mut file, order);
        interface(&mut file, order, 1, 0, &[]);
        // A name between, and no end of the options.
        interface(&mut file, order, 101, 0, &[(2, b"eth0\0"), (9, &[9]), (14, &(-2_i64).to_le_bytes())]);
        let seconds = 3_i64;
        let offset = if order == Order::Little { seconds.to_le_bytes() } else { seconds.to_be_bytes() };
        interface(&mut file, order, 276, 96, &[(9, &[0x8a]), (14, &offset), (0, &[])]);
        block(&mut file, order, 0xbad, &vec![7; 300_001]);
        enhanced(&mut file, order, 0, 1_700_000_000_000_001, b"micro", 5);
        if order == Order::Little {
            enhanced(&mut file, order, 1, 5_000_000_007, b"nano", 90);
        }
        enhanced(&mut file, order, 2, 1024 * 7 + 512, b"binary", 6);
        let mut body = Vec::new();
        put16(&mut body, order, 0);
        put16(&mut body, order, 0xffff);
        for number in [0, 1_000_000, 3, 3] {
            put32(&mut body, order, number);
        }
        body.extend(b"old");
        block(&mut file, order, 2, &body);
        let mut body = Vec::new();
        put32(&mut body, order, 6);
        body.extend(b"simple");
        block(&mut file, order, 3, &body);

        let mut expect = |time, interface, link, data: &[u8], len| {
            number += 1;
            expected.push((number, time, first + interface, link, data.to_vec(), len));
        };
        expect(1_700_000_000_000_001_000, 0, 1, b"micro", 5);
        if order == Order::Little {
            expect(3_000_000_007, 1, 101, b"nano", 90);
        }
        expect(10_500_000_000, 2, 276, b"binary", 6);
        expect(1_000_000_000, 0, 1, b"old", 3);
        expect(1_000_000_000, 0, 1, b"simple", 6);
    }
    (file, expected)
}

#[test]
fn pcapng_has_sections_interfaces_and_three_blocks_with_frames() {
    let (file, expected) = pcapng();
    assert_eq!(frames(&file[..]), (expected, None));
}

#[test]
fn resolutions_of_interfaces_are_powers_of_ten_or_two() {
    for (option, units, nanoseconds) in [
        (6, 1, 1000),
        (9, 1, 1),
        (0, 2, 2_000_000_000),
        (12, 1999, 1),
        (0x7f, u64::MAX, 1),
        (0x80, 3, 3_000_000_000),
        (0x81, 3, 1_500_000_000),
        (0xff, u64::MAX, 0),
        (6, u64::MAX, i64::MAX),
    ] {
        assert_eq!(Resolution::of(option).nanoseconds(units), nanoseconds, "{option:#x}");
    }
}

#[test]
fn a_cut_capture_gives_all_whole_frames_and_tells_the_cut() {
    let (ng, _) = pcapng();
    let old = pcap(Order::Little, 0xa1b2_c3d4, 16, FRAMES);
    for file in [&old[..], &ng[..]] {
        let (all, _) = frames(file);
        let step = if file.len() > 1000 { 61 } else { 1 };
        for length in (1..file.len()).step_by(step) {
            let (some, end) = frames(&file[..length]);
            assert_eq!(some, all[..some.len()], "the frames before are the same");
            let Some(end) = end else {
                // The cut is between two records.
                continue;
            };
            assert!(
                end.contains("cut at byte") || length < 4 && end.contains("not a capture"),
                "{length}: {end}"
            );
        }
    }
    let cut = old.len() - 2;
    let expected = format!("the capture is cut at byte {}: at least 2 bytes are missing", old.len() - 19);
    assert_eq!(frames(&old[..cut]).1, Some(expected));
    assert_eq!(frames(&old[..cut]).0.len(), 2);
}

#[test]
fn impossible_lengths_are_damage_and_ask_for_no_memory() {
    let mut old = pcap(Order::Big, 0xa1b2_c3d4, 16, FRAMES);
    let third = old.len() - 19;
    old[third + 8..third + 12].copy_from_slice(&[0x7f; 4]);
    let (all, end) = frames(&old[..]);
    assert_eq!(all.len(), 2);
    let claimed = "a frame of 2139062143 bytes is claimed there";
    assert_eq!(end, Some(format!("the capture is damaged at byte {third}: {claimed}")));

    let mut zeros = pcap(Order::Little, 0xa1b2_c3d4, 16, FRAMES);
    zeros.extend([0; 4096]);
    let (all, end) = frames(&zeros[..]);
    assert_eq!(all.len(), 3);
    assert!(end.is_some_and(|end| end.contains("only zeros")));

    let mut ng = Vec::new();
    section(&mut ng, Order::Little);
    interface(&mut ng, Order::Little, 1, 0, &[]);
    let begin = ng.len();
    enhanced(&mut ng, Order::Little, 0, 0, b"frame", 5);
    let end = ng.len() - 4;
    for (at, value, said) in [
        (begin + 4, 8, "a block of 8 bytes"),
        (begin + 4, u32::MAX - 3, "a block of 4294967292 bytes"),
        (end, 12, "at its beginning and 12 at its end"),
        (begin + 8, 1, "a frame of interface 1"),
        (begin + 20, 41, "a frame of 41 bytes"),
        (8, 0, "without a byte order"),
        (4, 12, "a block of 12 bytes"),
    ] {
        let mut damaged = ng.clone();
        damaged[at..at + 4].copy_from_slice(&u32::to_le_bytes(value));
        let (all, end) = frames(&damaged[..]);
        assert_eq!(all, []);
        assert!(end.as_ref().is_some_and(|end| end.contains(said)), "{said}: {end:?}");
    }
}

#[test]
fn what_is_not_a_capture_is_named() {
    for (input, said) in [
        (&b""[..], "not a capture: it is empty"),
        (b"snoop\0\0\0", "not a capture: it is a snoop file; Wireshark's editcap makes a pcapng file of it"),
        (
            b"\xd4\xc3",
            "not a capture: it is neither pcap nor pcapng, nor one of them compressed with gzip or zstd",
        ),
    ] {
        assert_eq!(frames(input), (Vec::new(), Some(said.to_owned())));
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = flate2::read::GzEncoder::new(bytes, flate2::Compression::fast());
    let mut all = Vec::new();
    packed.read_to_end(&mut all).expect("memory can be read");
    all
}

fn zstandard(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 1).expect("memory can be read")
}

#[test]
fn compressed_captures_are_known_by_their_magic() {
    let (file, expected) = pcapng();
    let (one, two) = file.split_at(1001);
    let skippable = [&[0x5a, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3][..], &zstandard(&file)].concat();
    for packed in [
        gzip(&file),
        zstandard(&file),
        [gzip(one), gzip(two)].concat(),
        [zstandard(one), zstandard(two)].concat(),
        skippable,
        zstandard(&gzip(&file)),
        gzip(&gzip(&gzip(&file))),
    ] {
        assert_eq!(frames(&packed[..]), (expected.clone(), None));
    }
    let often = gzip(&gzip(&gzip(&gzip(&file))));
    assert_eq!(frames(&often[..]).1.as_deref(), Some("not a capture: it is compressed too often"));
}

#[test]
fn a_compressed_capture_that_is_cut_gives_all_frames_before() {
    let file = pcap(Order::Little, 0xa1b2_c3d4, 16, FRAMES);
    for packed in [gzip(&file), zstandard(&file)] {
        let (all, end) = frames(&packed[..packed.len() - 3]);
        assert!(end.is_some_and(|end| end.starts_with("the capture is cut at byte")));
        assert!(all.len() <= 3);
        let mut damaged = packed.clone();
        let end = damaged.len();
        damaged[end - 6..].fill(0x55);
        let (_, end) = frames(&damaged[..]);
        assert!(end.is_some(), "a check sum or a length is wrong");
    }
    // Members that are whole are read, whatever follows.
    let (all, end) = frames(&[gzip(&file), gzip(&file)[..8].to_vec()].concat()[..]);
    assert_eq!(all.len(), 3);
    assert_eq!(end, Some(format!("the capture is cut at byte {}", file.len())));
}

#[test]
fn a_frame_is_given_as_soon_as_it_is_there() {
    let file = pcap(Order::Little, 0xa1b2_c3d4, 16, FRAMES);
    // Nothing follows the first frame yet.
    let input =
        Pieces { rest: &file[..24 + 16 + 5], sizes: [3, 0].into() }.chain(Fails(ErrorKind::WouldBlock));
    let mut reader = Reader::new(input);
    loop {
        match reader.next_frame() {
            Ok(frame) => break assert_eq!(frame.expect("no end").data, b"first"),
            Err(error) => assert!(error.can_be_repeated(), "{error}"),
        }
    }
    assert!(reader.next_frame().is_err_and(|error| error.can_be_repeated()));
}

struct Fails(ErrorKind);

impl Read for Fails {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(self.0.into())
    }
}

#[test]
fn a_read_error_is_told_and_ends_the_capture() {
    let file = pcap(Order::Little, 0xa1b2_c3d4, 16, FRAMES);
    let (all, end) = frames(file[..46].chain(Fails(ErrorKind::PermissionDenied)));
    assert_eq!(all.len(), 1);
    assert_eq!(end.as_deref(), Some("cannot read the capture at byte 46: permission denied"));
}

proptest! {
    #[test]
    fn pieces_of_any_sizes_give_the_same_frames(
        sizes in proptest::collection::vec(prop_oneof![0..3_usize, 0..5000_usize], 1..20),
        cut in 0..2000_usize,
    ) {
        let (ng, _) = pcapng();
        let old = pcap(Order::Big, 0xa1b2_cd34, 24, FRAMES);
        for file in [&ng[..], &old[..], &gzip(&old)[..], &zstandard(&old)[..]] {
            let file = &file[..file.len() - cut.min(file.len())];
            // An input that never gives anything never ends.
            let sizes: VecDeque<usize> = sizes.iter().copied().chain([4096]).collect();
            prop_assert_eq!(frames(Pieces { rest: file, sizes }), frames(file));
        }
    }

    #[test]
    fn any_bytes_after_a_magic_number_are_read_without_a_panic(
        magic in prop_oneof![Just([0xd4, 0xc3, 0xb2, 0xa1]), Just([0x0a, 0x0d, 0x0d, 0x0a]), Just([0x1f, 0x8b, 8, 0])],
        rest in proptest::collection::vec(prop_oneof![Just(0_u8), any::<u8>()], 0..300),
    ) {
        frames(&[&magic[..], &rest].concat()[..]);
    }
}

/// What pcap-parser makes of a capture: the frames' bytes and their lengths on the wire.
fn by_pcap_parser(file: &[u8]) -> Vec<(Vec<u8>, u32)> {
    let mut reader = pcap_parser::create_reader(1 << 20, file).expect("a capture");
    let mut all = Vec::new();
    loop {
        match reader.next() {
            Ok((length, block)) => {
                match block {
                    pcap_parser::PcapBlockOwned::Legacy(frame) => {
                        all.push((frame.data.to_vec(), frame.origlen));
                    }
                    pcap_parser::PcapBlockOwned::NG(pcap_parser::Block::EnhancedPacket(frame)) => {
                        all.push((frame.data[..frame.caplen as usize].to_vec(), frame.origlen));
                    }
                    _ => {}
                }
                reader.consume(length);
            }
            Err(pcap_parser::PcapError::Eof) => return all,
            Err(pcap_parser::PcapError::Incomplete(_)) => reader.refill().expect("memory can be read"),
            Err(error) => panic!("{error}"),
        }
    }
}

#[test]
fn real_captures_are_read_as_pcap_parser_reads_them() {
    let directory = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/own");
    let mut compared = 0;
    for entry in fs::read_dir(&directory).expect("the fixtures are there") {
        let path = entry.expect("a directory can be listed").path();
        if path.extension().is_none_or(|extension| extension != "pcap" && extension != "pcapng") {
            continue;
        }
        let file = fs::read(&path).expect("a fixture can be read");
        let (ours, end) = frames(&file[..]);
        assert_eq!(end, None, "{}", path.display());
        let ours: Vec<_> = ours.into_iter().map(|(.., data, len)| (data, len)).collect();
        assert!(ours == by_pcap_parser(&file), "{}", path.display());
        compared += 1;
    }
    assert!(compared >= 60, "{compared} captures");
}
