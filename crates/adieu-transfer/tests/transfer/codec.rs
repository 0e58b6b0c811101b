//! The decoder with anything: it never panics, never allocates what was not sent, and cuts frames the same way however
//! they come.

#[path = "../../../../fuzz/bodies/frames.rs"]
mod frames;

use adieu_transfer::wire::{
    Activity, Answer, Attributes, Control, Decoder, EntryPath, Have, HaveState, Hello, Modified, PeerRole,
    Receipt, Status, Totals, data_header,
};
use frames::{Decoded, decode};
use proptest::prelude::*;

fn path() -> impl Strategy<Value = EntryPath> {
    proptest::collection::vec("[a-z\n]{1,9}", 1..4)
        .prop_map(|parts| EntryPath::new(parts.join("/").into_bytes()).expect("components of letters"))
}

fn totals() -> impl Strategy<Value = Totals> {
    (any::<u64>(), any::<u64>(), any::<[u8; 32]>(), any::<[u8; 32]>())
        .prop_map(|(files, bytes, hash, list)| Totals { files, bytes, hash, list })
}

fn known() -> impl Strategy<Value = Option<u64>> {
    // All ones are the sign for "not known".
    proptest::option::of(0..u64::MAX)
}

fn control() -> impl Strategy<Value = Control> {
    prop_oneof![
        (any::<bool>(), known()).prop_map(|(single, bytes)| Control::Begin { single, bytes }),
        (any::<bool>(), 0..0o1000u16, known(), path()).prop_map(|(offer, mode, size, path)| Control::File {
            offer,
            mode,
            size,
            path
        }),
        any::<u64>().prop_map(|offset| Control::Start { offset }),
        (0..=64_u64 << 20).prop_map(|length| Control::Hole { length }),
        (any::<u64>(), any::<[u8; 32]>()).prop_map(|(size, hash)| Control::FileEnd { size, hash }),
        path().prop_map(|path| Control::Directory { path }),
        (0..0o1000u16, -62_135_596_800..=253_402_300_799i64, 0..1_000_000_000u32).prop_map(
            |(mode, s, ns)| {
                let modified = Modified::new(s, ns).expect("it is in bounds");
                Control::Attributes(Attributes { mode, modified })
            }
        ),
        (path(), any::<Vec<u8>>()).prop_map(|(path, target)| Control::Link { path, target }),
        totals().prop_map(Control::End),
        "[a-z ]{0,40}".prop_map(|words| Control::Abort { words }),
        (0..3usize, any::<u64>(), any::<[u8; 32]>()).prop_map(|(state, length, hash)| {
            let state = [HaveState::Nothing, HaveState::Partial, HaveState::Stored][state];
            Control::Have(Have { state, length, hash })
        }),
        (0..4usize, totals(), "[a-z ]{0,40}").prop_map(|(status, totals, words)| {
            let status = Status::ALL[status];
            Control::Receipt(Receipt { status, totals, words })
        }),
        (0..0o1000u16, any::<u64>(), any::<[u8; 16]>(), path())
            .prop_map(|(mode, size, hash, path)| Control::Offer { mode, size, hash, path }),
        (any::<u64>(), any::<[u8; 16]>()).prop_map(|(length, hash)| Control::Check { length, hash }),
        totals().prop_map(Control::AllOffered),
        proptest::collection::vec(any::<u8>(), 0..40).prop_map(Control::Answers),
        any::<u64>().prop_map(|offset| Control::From { offset }),
        any::<u64>().prop_map(|done| Control::Phase { activity: Activity::Hashing, done }),
    ]
}

proptest! {
    #[test]
    fn anything_is_decoded_or_refused_the_same_way_in_any_pieces(
        stream in proptest::collection::vec(prop_oneof![0..16u8, any::<u8>(), Just(0)], 0..300),
        pieces in 1..50u8,
    ) {
        frames::holds(&[&[pieces], &stream[..]].concat());
    }

    #[test]
    fn what_is_almost_a_stream_of_frames_is_decoded_or_refused_the_same_way_in_any_pieces(
        sent in proptest::collection::vec(control(), 1..6),
        changed in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 0..4),
        pieces in 1..50u8,
    ) {
        let mut stream = vec![pieces];
        for control in sent {
            control.encode(&mut stream);
        }
        for (at, byte) in changed {
            let at = at.index(stream.len());
            stream[at] = byte;
        }
        frames::holds(&stream);
    }

    #[test]
    fn what_is_almost_a_hello_is_one_that_can_be_said_or_none(
        at in 0..14usize, byte in any::<u8>(), more in proptest::collection::vec(any::<u8>(), 0..20),
    ) {
        let mut hello = Hello::new(PeerRole::Sender, true).encode();
        hello[at] = byte;
        frames::holds(&[&[1], &hello[..], &more].concat());
    }

    #[test]
    fn what_is_encoded_is_decoded(
        frames in proptest::collection::vec((control(), proptest::option::of(proptest::collection::vec(any::<u8>(), 1..50))), 0..8),
        pieces in 1..50usize,
    ) {
        let mut stream = Vec::new();
        let mut wanted = Vec::new();
        for (control, data) in frames {
            control.encode(&mut stream);
            wanted.push(Decoded::Control(control));
            // A frame of a later version is skipped.
            stream.extend([0xF0, 0, 0, 0, 3, 1, 2, 3]);
            if let Some(data) = data {
                stream.extend(data_header(u32::try_from(data.len()).expect("short")));
                stream.extend(&data);
                wanted.push(Decoded::Data(data));
            }
        }
        prop_assert_eq!(decode(&stream, pieces), Ok(wanted));
    }
}

proptest! {
    #[test]
    fn packed_answers_are_unpacked_in_their_order(answers in proptest::collection::vec(0..4usize, 0..300)) {
        let states = [Answer::Nothing, Answer::Beginning, Answer::Stored, Answer::WholePartial];
        let answers: Vec<Answer> = answers.into_iter().map(|at| states[at]).collect();
        let mut packed = Vec::new();
        for answer in &answers {
            answer.pack(&mut packed);
        }
        prop_assert_eq!(Answer::unpack(&packed).collect::<Vec<_>>(), answers);
    }
}

#[test]
fn thousands_of_equal_answers_are_short() {
    let mut packed = Vec::new();
    for _ in 0..6400 {
        Answer::Stored.pack(&mut packed);
    }
    assert_eq!(packed.len(), 100);
}

#[test]
fn a_length_beyond_the_limit_is_refused_before_anything_comes() {
    for (kind, length) in
        [(4u8, (1u32 << 20) + 1), (4, u32::MAX), (2, 16 * 1024 + 1), (0x22, u32::MAX), (0xF0, u32::MAX)]
    {
        let [a, b, c, d] = length.to_be_bytes();
        let error = Decoder::default().next(&mut &[kind, a, b, c, d][..]).expect_err("too long");
        assert!(error.to_string().contains("are allowed"), "{error}");
    }
    let error = Decoder::default().next(&mut &[0x70, 0, 0, 0, 0][..]).expect_err("unknown");
    assert!(error.to_string().contains("unknown type 0x70"), "{error}");
}

#[test]
fn a_whole_piece_is_the_rest_of_long_content_and_the_next_header() {
    let mut decoder = Decoder::default();
    assert_eq!(decoder.whole_piece(), None);
    let (long, short) = (data_header(100_000), data_header(10));
    for (input, wanted) in [
        ([&long[..], b"abc"].concat(), Some(100_000 - 3 + long.len())),
        (vec![0; 99_996], Some(1 + long.len())),
        ([&b"a"[..], &long].concat(), Some(100_000 + long.len())),
        // One of many short frames, perhaps.
        ([&vec![0; 100_000][..], &short, b"abc"].concat(), None),
        (b"defghij".to_vec(), None),
    ] {
        let mut input = &input[..];
        while decoder.next(&mut input).expect("frames").is_some() {}
        assert_eq!(decoder.whole_piece(), wanted);
    }
}
