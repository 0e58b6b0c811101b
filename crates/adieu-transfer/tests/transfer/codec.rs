//! The decoder with anything: it never panics, never allocates what was not sent, and cuts frames the same way however
//! they come.

use adieu_transfer::wire::{
    Control, Decoder, EntryPath, Have, HaveState, Item, Phase, Receipt, Status, Totals, data_header,
};
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
        any::<u64>().prop_map(|length| Control::Hole { length }),
        (any::<u64>(), any::<[u8; 32]>()).prop_map(|(size, hash)| Control::FileEnd { size, hash }),
        path().prop_map(|path| Control::Directory { path }),
        (path(), any::<Vec<u8>>()).prop_map(|(path, target)| Control::Link { path, target }),
        totals().prop_map(Control::End),
        "[a-z ]{0,40}".prop_map(|words| Control::Abort { words }),
        (0..3usize, any::<u64>(), any::<[u8; 32]>()).prop_map(|(state, length, hash)| {
            let state = [HaveState::Nothing, HaveState::Partial, HaveState::Stored][state];
            Control::Have(Have { state, length, hash })
        }),
        (0..3usize, totals(), "[a-z ]{0,40}").prop_map(|(status, totals, words)| {
            let status = [Status::Stored, Status::Written, Status::Failed][status];
            Control::Receipt(Receipt { status, totals, words })
        }),
        any::<u64>().prop_map(|done| Control::Phase { phase: Phase::Hashing, done }),
    ]
}

/// What is decoded, with neighbouring pieces of content made one.
#[derive(Debug, PartialEq, Eq)]
enum Decoded {
    Control(Control),
    Data(Vec<u8>),
}

fn decode(stream: &[u8], pieces: usize) -> Result<Vec<Decoded>, String> {
    let mut decoder = Decoder::default();
    let mut all: Vec<Decoded> = Vec::new();
    for mut piece in stream.chunks(pieces) {
        while let Some(item) = decoder.next(&mut piece).map_err(|e| e.to_string())? {
            match (item, all.last_mut()) {
                (Item::Data(more), Some(Decoded::Data(data))) => data.extend(more),
                (Item::Data(data), _) => all.push(Decoded::Data(data.to_vec())),
                (Item::Control(control), _) => all.push(Decoded::Control(control)),
            }
        }
        assert!(piece.is_empty(), "it takes all or wants more");
    }
    if decoder.is_between_frames() { Ok(all) } else { Err("cut".into()) }
}

proptest! {
    #[test]
    fn anything_is_decoded_or_refused_the_same_way_in_any_pieces(
        stream in proptest::collection::vec(prop_oneof![0..12u8, any::<u8>(), Just(0)], 0..300),
        pieces in 1..50usize,
    ) {
        let whole = decode(&stream, usize::MAX);
        let cut = decode(&stream, pieces);
        prop_assert_eq!(whole, cut);
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
