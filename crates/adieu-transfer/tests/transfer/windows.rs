//! What Windows has of its own: names that it cannot have or that are one for it, and directories that are held.

use crate::faults::{crafted, frames, words};
use crate::ordinary::{both_stored, send};
use crate::support::{How, over_tcp, partials, place, write};
use adieu_transfer::wire::{Control, EntryPath, data_header};
use adieu_transfer::{TransferEvent, Verdict};
use std::path::{Path, PathBuf};

fn ignore(_: TransferEvent<'_>) {}

fn path(name: &[u8]) -> EntryPath {
    EntryPath::new(name.into()).expect("a good path")
}

/// A file of this name, from a sender that may have any.
fn file(name: &[u8]) -> Vec<u8> {
    let begin = Control::File { offer: false, mode: 0o644, size: Some(4), path: path(name) };
    let end = Control::FileEnd { size: 4, hash: *blake3::hash(b"some").as_bytes() };
    [&frames(&[begin])[..], &data_header(4), b"some", &frames(&[end])].concat()
}

/// What a receiver says of a tree with these frames in it.
fn said_of(target: &Path, entries: &[Vec<u8>]) -> String {
    let begin = frames(&[Control::Begin { single: false, bytes: None }]);
    let outcome = crafted(target, &[begin, entries.concat()].concat());
    assert!(matches!(outcome.verdict, Verdict::Local { .. }), "{:?}", outcome.verdict);
    words(&outcome)
}

fn names(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).expect("it can be listed");
    let name = |entry: std::fs::DirEntry| entry.file_name().into_string().expect("it is text");
    let mut names: Vec<String> = entries.map(|entry| name(entry.expect("it can be listed"))).collect();
    names.sort();
    names
}

#[test]
fn a_name_that_windows_cannot_have_is_refused_before_anything_is_made() {
    let place = place();
    let target = place.path().join("target");
    std::fs::create_dir(&target).expect("there is room");
    for (name, said) in [
        (&b"a:b"[..], "cannot have the name 'a:b': it has ':' in it"),
        (b"..\\evil", "it has '\\\\' in it"),
        (b"nul.txt", "it is kept for a device"),
        (b"dot.", "it ends with a dot or a space"),
        (b"\xff", "is no UTF-8"),
    ] {
        let told = said_of(&target, &[file(name)]);
        assert!(told.contains(said), "{told}");
        let told = said_of(&target, &[frames(&[Control::Directory { path: path(name) }])]);
        assert!(told.contains(said), "{told}");
        assert_eq!(names(&target), [""; 0], "{said}");
    }
    let directory = Control::Directory { path: path(b"t") };
    let link = Control::Link { path: path(b"t/l"), target: b"x".to_vec() };
    let told = said_of(&target, &[frames(&[directory, link])]);
    assert!(told.contains("cannot make the link t/l: links are not received on Windows"), "{told}");
    assert_eq!(names(place.path()), ["target"]);
}

#[test]
fn names_that_differ_in_their_case_do_not_overwrite_each_other() {
    let place = place();
    let target = place.path().join("target");
    std::fs::create_dir(&target).expect("there is room");
    let told = said_of(&target, &[file(b"new/readme"), file(b"new/README")]);
    assert!(told.contains("new/readme and new/README are one name on this file system"), "{told}");
    assert_eq!(names(&target), [""; 0], "nothing is half done");
    // One that was there before is not this transfer's.
    std::fs::create_dir(target.join("new")).expect("there is room");
    write(&target.join("new/readme"), b"old");
    let told = said_of(&target, &[file(b"new/README")]);
    assert!(told.contains("'README' and 'readme', which is there, are one name on Windows"), "{told}");
    assert_eq!(names(&target.join("new")), ["readme"]);
    let told = said_of(&target, &[file(b"NEW/other")]);
    assert!(told.contains("'NEW' and 'new', which is there, are one name on Windows"), "{told}");
    assert_eq!(names(&target.join("new")), ["readme"]);
}

#[test]
fn a_directory_arrives_with_its_names() {
    let place = place();
    let tree = place.path().join("tree");
    std::fs::create_dir_all(tree.join("a b/gr\u{f6}\u{df}e/empty")).expect("there is room");
    write(&tree.join("a b/file"), b"x");
    write(&tree.join("a b/gr\u{f6}\u{df}e/-rf"), b"odd");
    let target = place.path().join("target");
    std::fs::create_dir(&target).expect("there is room");
    both_stored(&send(std::slice::from_ref(&tree), &target, &How::default()));
    assert_eq!(names(&target.join("tree/a b")), ["file", "gr\u{f6}\u{df}e"]);
    assert_eq!(names(&target.join("tree/a b/gr\u{f6}\u{df}e")), ["-rf", "empty"]);
    assert_eq!(partials(&target), Vec::<PathBuf>::new());
    let again = send(&[tree], &target, &How { resume: true, ..How::default() });
    both_stored(&again);
    assert_eq!((again.0.moved, again.0.files_kept), (0, 2));
}

#[test]
fn a_directory_that_is_written_to_cannot_be_exchanged() {
    let place = place();
    let source = write(&place.path().join("source"), &crate::support::content(1, 3_000_000));
    let target = place.path().join("target");
    std::fs::create_dir(&target).expect("there is room");
    let mut tried = Vec::new();
    let mut exchange = |event: TransferEvent<'_>| {
        if let TransferEvent::Moved { .. } = event {
            tried.push(std::fs::rename(&target, place.path().join("elsewhere")).is_ok());
        }
    };
    let outcomes = over_tcp(&[source], &target, &How::default(), &mut ignore, &mut exchange);
    both_stored(&outcomes);
    assert!(!tried.is_empty() && tried.iter().all(|done| !done), "{tried:?}");
    assert_eq!(names(&target), ["source"]);
}
