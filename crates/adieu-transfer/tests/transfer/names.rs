//! Every name that a receipt counts stands for a file of its own.

use crate::faults::{crafted, frames, words};
use crate::support::place;
use adieu_transfer::Verdict;
use adieu_transfer::wire::{Control, EntryPath, data_header};

fn path(name: &str) -> EntryPath {
    EntryPath::new(name.into()).expect("a good path")
}

#[test]
fn a_name_that_is_sent_twice_is_stored_not_even_once() {
    let file = |name: &str, bytes: &[u8]| {
        let size = bytes.len() as u64;
        let begin = Control::File { offer: false, mode: 0o644, size: Some(size), path: path(name) };
        let header = data_header(u32::try_from(size).expect("it is short"));
        let end = Control::FileEnd { size, hash: *blake3::hash(bytes).as_bytes() };
        [&frames(&[begin])[..], &header, bytes, &frames(&[end])].concat()
    };
    let link = |name: &str| frames(&[Control::Link { path: path(name), target: b"x".to_vec() }]);
    let directory = |name: &str| frames(&[Control::Directory { path: path(name) }]);
    let mut pairs = vec![
        (file("t/f", b"one"), file("t/f", b"two")),
        (file("t/f", b"same"), file("t/f", b"same")),
        (directory("t/f"), file("t/f", b"one")),
    ];
    // Windows takes no links.
    if cfg!(unix) {
        pairs.push((link("t/f"), link("t/f")));
        pairs.push((file("t/f", b"one"), link("t/f")));
        pairs.push((link("t/f"), file("t/f", b"one")));
    }
    for (first, second) in pairs {
        let place = place();
        let target = place.path().join("target");
        std::fs::create_dir(&target).expect("there is room");
        let begin = frames(&[Control::Begin { single: false, bytes: None }]);
        let outcome = crafted(&target, &[begin, directory("t"), first, second].concat());
        assert!(matches!(outcome.verdict, Verdict::Incomplete { .. }), "{:?}", outcome.verdict);
        assert!(words(&outcome).starts_with("not stored: t/f was sent twice"), "{}", words(&outcome));
        assert_eq!(std::fs::read_dir(&target).expect("it is there").count(), 0);
    }
}

#[test]
fn a_directory_that_is_too_deep_makes_none_and_the_refusal_names_the_limit() {
    let place = place();
    let target = place.path().join("target");
    std::fs::create_dir(&target).expect("there is room");
    let mut stream = frames(&[Control::Begin { single: false, bytes: None }]);
    for (kind, before) in [(0x07, &b""[..]), (0x02, &[0; 11])] {
        for depth in [256_usize, 257, 2000] {
            let path = vec!["d"; depth].join("/");
            let length = u32::try_from(before.len() + path.len()).expect("it is short");
            let frame = [&[kind][..], &length.to_be_bytes(), before, path.as_bytes()].concat();
            let outcome = crafted(&target, &[&stream[..], &frame].concat());
            let said = words(&outcome);
            let wanted = format!("not stored: a name with {depth} parts is too deep: at most 256 are taken");
            assert_eq!(said.starts_with(&wanted), depth > 256, "{said}");
            assert_eq!(std::fs::read_dir(&target).expect("it is there").count(), 0, "{depth}");
        }
    }
    // The same for a link, which is refused before its target is looked at.
    let path = vec!["d"; 257].join("/");
    let frame = [&[0x08][..], &(515_u32).to_be_bytes(), &(513_u16).to_be_bytes(), path.as_bytes()].concat();
    stream.extend(frame);
    assert!(words(&crafted(&target, &stream)).contains("too deep"));
}
