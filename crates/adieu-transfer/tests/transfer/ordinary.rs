//! Transfers as they should go: what is stored is what was sent, whatever it is.

use crate::support::{How, content, over_tcp, place, write};
use adieu_transfer::{TransferEvent, TransferOutcome, Verdict};
use std::path::{Path, PathBuf};

fn ignore(_: TransferEvent<'_>) {}

pub(crate) fn send(paths: &[PathBuf], target: &Path, how: &How) -> (TransferOutcome, TransferOutcome) {
    over_tcp(paths, target, how, &mut ignore, &mut ignore)
}

pub(crate) fn both_stored((sent, received): &(TransferOutcome, TransferOutcome)) {
    assert_eq!((&sent.verdict, &received.verdict), (&Verdict::Stored, &Verdict::Stored));
    assert_eq!(sent.totals, received.totals);
}

#[test]
fn one_file_is_stored_under_its_new_name_and_both_know_its_hash() {
    let place = place();
    for (name, bytes) in [("empty", vec![]), ("short", content(1, 1)), ("long", content(2, 5_000_001))] {
        let source = write(&place.path().join("source"), &bytes);
        let target = place.path().join(name);
        let outcomes = send(&[source], &target, &How::default());
        both_stored(&outcomes);
        assert_eq!(std::fs::read(&target).expect("it is there"), bytes);
        assert_eq!(outcomes.0.hash(), Some(*blake3::hash(&bytes).as_bytes()));
        assert_eq!(outcomes.0.receipt.as_ref().map(|r| r.totals.bytes), Some(bytes.len() as u64));
    }
}

#[test]
fn pieces_of_a_long_file_end_at_multiples_of_a_piece_also_when_it_is_resumed() {
    const PIECE: u64 = 512 * 1024;
    let place = place();
    let bytes = content(3, 3 * 512 * 1024 + 7);
    let source = write(&place.path().join("source"), &bytes);
    let target = place.path().join("target");
    let how = How { resume: true, ..How::default() };
    for (there, wanted) in
        [(0, vec![PIECE, PIECE, PIECE, 7]), (65_537, vec![65_536, PIECE - 65_536, PIECE, PIECE, 7])]
    {
        if there > 0 {
            std::fs::remove_file(&target).expect("it was stored");
            write(&place.path().join(".target.adieu-partial"), &bytes[..there]);
        }
        let mut moved = Vec::new();
        let mut at_sender = |event: TransferEvent<'_>| match event {
            TransferEvent::Moved { bytes } if bytes > 0 => moved.push(bytes),
            _ => {}
        };
        let outcomes = over_tcp(std::slice::from_ref(&source), &target, &how, &mut at_sender, &mut ignore);
        both_stored(&outcomes);
        assert_eq!(moved, wanted);
        assert_eq!(std::fs::read(&target).expect("it is there"), bytes);
    }
}

#[test]
fn several_files_make_a_directory_and_do_not_fit_into_a_file() {
    let place = place();
    let paths = ["a", "b"].map(|name| write(&place.path().join(name), name.as_bytes()));
    both_stored(&send(&paths, &place.path().join("new"), &How::default()));
    assert_eq!(std::fs::read(place.path().join("new/b")).ok().as_deref(), Some(&b"b"[..]));
    let old = write(&place.path().join("old"), b"old");
    let (sent, received) = send(&paths, &old, &How::default());
    assert!(matches!(sent.verdict, Verdict::Refused { .. }), "{:?}", sent.verdict);
    assert!(matches!(received.verdict, Verdict::Local { .. }), "{:?}", received.verdict);
    assert_eq!(std::fs::read(old).ok().as_deref(), Some(&b"old"[..]));
}

#[test]
fn a_secret_encrypts_both_ways_and_resumes_as_well() {
    let place = place();
    let bytes = content(3, 1_000_000);
    let source = write(&place.path().join("source"), &bytes);
    let target = place.path().join("target");
    let how = How { secrets: [Some("correct horse"); 2], ..How::default() };
    let outcomes = send(std::slice::from_ref(&source), &target, &how);
    both_stored(&outcomes);
    assert!(outcomes.0.encrypted && outcomes.1.encrypted);
    assert_eq!(std::fs::read(&target).expect("it is there"), bytes);
    let again = send(&[source], &target, &How { resume: true, ..how });
    both_stored(&again);
    assert_eq!(again.0.moved, 0);
}

#[test]
fn an_existing_file_is_replaced_in_one_step_and_its_other_names_keep_the_old() {
    let place = place();
    let target = write(&place.path().join("target"), b"old");
    std::fs::hard_link(&target, place.path().join("other")).expect("links can be made");
    let source = write(&place.path().join("source"), b"new");
    both_stored(&send(&[source], &target, &How::default()));
    assert_eq!(std::fs::read(&target).ok().as_deref(), Some(&b"new"[..]));
    assert_eq!(std::fs::read(place.path().join("other")).ok().as_deref(), Some(&b"old"[..]));
}
