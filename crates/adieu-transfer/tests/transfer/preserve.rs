//! Times of files and directories, and permissions of directories: what a sender preserves, and what a hostile one says.

use crate::faults::{crafted, frames, words};
use crate::ordinary::{both_stored, send};
use crate::support::{How, content, over_tcp, partials, place, transfer, write};
use crate::versions::{receipt, sent_with};
use adieu_transfer::wire::{Attributes, Control, EntryPath, Modified, Receipt, Status, Totals};
use adieu_transfer::{Advice, SendOptions, TransferEvent, Verdict};
use std::fs::File;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

fn ignore(_: TransferEvent<'_>) {}

fn preserving(resume: bool) -> How {
    How { preserve: true, resume, ..How::default() }
}

/// Seconds and nanoseconds after 1970, or before it.
fn set_time(path: &Path, seconds: i64, nanoseconds: u32) {
    let whole = Duration::from_secs(seconds.unsigned_abs());
    let time = if seconds < 0 { SystemTime::UNIX_EPOCH - whole } else { SystemTime::UNIX_EPOCH + whole };
    let time = time + Duration::from_nanos(nanoseconds.into());
    File::open(path).and_then(|file| file.set_modified(time)).expect("it is ours");
}

fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).expect("it is ours");
}

fn time(path: &Path) -> (i64, i64) {
    let there = std::fs::symlink_metadata(path).expect("it is there");
    (there.mtime(), there.mtime_nsec())
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).expect("it is there").mode() & 0o7777
}

/// A tree whose directories nobody could write to, with times of all kinds.
fn tree(place: &Path) -> PathBuf {
    let tree = place.join("t");
    std::fs::create_dir_all(tree.join("closed/deep")).expect("there is room");
    for (file, seconds, nanoseconds) in
        [("a", 1_000_000_000, 123_456_789), ("closed/b", 0, 0), ("closed/deep/c", 4_000_000_000, 1)]
    {
        write(&tree.join(file), file.as_bytes());
        set_time(&tree.join(file), seconds, nanoseconds);
    }
    symlink("closed/b", tree.join("link")).expect("links can be made");
    set_time(&tree.join("closed/deep"), 500_000_000, 5);
    set_time(&tree.join("closed"), -5, 999_999_999);
    set_time(&tree, 1_600_000_000, 42);
    for (directory, mode) in [("closed/deep", 0o500), ("closed", 0o500), ("", 0o700)] {
        set_mode(&tree.join(directory), mode);
    }
    tree
}

const ENTRIES: [&str; 6] = ["", "a", "closed", "closed/b", "closed/deep", "closed/deep/c"];

/// So that a test's directory can be removed.
fn open_again(place: &Path) {
    for directory in ["closed", "closed/deep"] {
        set_mode(&place.join(directory), 0o700);
    }
}

#[test]
fn a_tree_arrives_with_its_times_and_the_permissions_of_its_directories() {
    for resume in [false, true] {
        let place = place();
        let tree = tree(place.path());
        let target = place.path().join("target");
        std::fs::create_dir(&target).expect("there is room");
        both_stored(&send(std::slice::from_ref(&tree), &target, &preserving(resume)));
        let at = target.join("t");
        for entry in ENTRIES {
            assert_eq!(time(&at.join(entry)), time(&tree.join(entry)), "{entry}");
        }
        for directory in ["", "closed", "closed/deep"] {
            assert_eq!(mode(&at.join(directory)), mode(&tree.join(directory)), "{directory}");
        }
        assert_eq!(std::fs::read_link(at.join("link")).ok().as_deref(), Some(Path::new("closed/b")));
        assert_eq!(partials(&target), Vec::<PathBuf>::new());
        open_again(&at);
        open_again(&tree);
    }
}

#[test]
fn without_being_asked_nothing_of_it_is_preserved() {
    let place = place();
    let tree = tree(place.path());
    let target = place.path().join("target");
    std::fs::create_dir(&target).expect("there is room");
    both_stored(&send(std::slice::from_ref(&tree), &target, &How::default()));
    for entry in ENTRIES {
        assert_ne!(time(&target.join("t").join(entry)), time(&tree.join(entry)), "{entry}");
    }
    assert_eq!(mode(&target.join("t/closed")) & 0o700, 0o700);
    open_again(&tree);
}

#[test]
fn what_is_there_already_gets_its_time_and_is_not_sent_again() {
    let place = place();
    let tree = tree(place.path());
    let target = place.path().join("target");
    std::fs::create_dir(&target).expect("there is room");
    both_stored(&send(std::slice::from_ref(&tree), &target, &How::default()));
    let again = send(std::slice::from_ref(&tree), &target, &preserving(true));
    both_stored(&again);
    assert_eq!((again.0.moved, again.1.files_kept), (0, 3));
    for entry in ENTRIES {
        assert_eq!(time(&target.join("t").join(entry)), time(&tree.join(entry)), "{entry}");
    }
    open_again(&target.join("t"));
    open_again(&tree);
}

#[test]
fn one_file_has_its_time_also_if_it_goes_on_from_a_partial() {
    for resume in [false, true] {
        let place = place();
        let bytes = content(1, 1_000_000);
        let source = write(&place.path().join("source"), &bytes);
        set_time(&source, 1_234_567_890, 987_654_321);
        let target = place.path().join("target");
        write(&place.path().join(".target.adieu-partial"), &bytes[..500_000]);
        both_stored(&send(std::slice::from_ref(&source), &target, &preserving(resume)));
        assert_eq!(time(&target), (1_234_567_890, 987_654_321));
    }
}

#[test]
fn a_directory_is_never_more_open_than_its_sender_has_it() {
    let place = place();
    let tree = place.path().join("t");
    std::fs::create_dir(&tree).expect("there is room");
    write(&tree.join("secret"), &content(1, 1_000_000));
    set_mode(&tree, 0o700);
    let target = place.path().join("target");
    std::fs::create_dir(&target).expect("there is room");
    let mut seen = Vec::new();
    let at = target.join("t");
    let mut look = |event: TransferEvent<'_>| {
        if let TransferEvent::Moved { .. } = event {
            seen.push(mode(&at));
        }
    };
    let outcomes = over_tcp(&[tree], &target, &preserving(false), &mut ignore, &mut look);
    both_stored(&outcomes);
    assert!(!seen.is_empty() && seen.iter().all(|mode| *mode == 0o700), "{seen:?}");
}

#[test]
fn a_transfer_that_is_killed_leaves_old_times_and_open_directories_and_the_next_ends_it() {
    use crate::memory::Fault;
    let place = place();
    let tree = tree(place.path());
    let dry = place.path().join("dry");
    std::fs::create_dir(&dry).expect("there is room");
    let whole = transfer(std::slice::from_ref(&tree), &dry, &preserving(false), [Fault::None, Fault::None]);
    let steps = whole.1.expect("it was not killed").1;
    open_again(&dry.join("t"));
    for step in 0..=steps {
        let target = place.path().join(format!("target{step}"));
        std::fs::create_dir(&target).expect("there is room");
        let faults = [Fault::None, Fault::Kill(step)];
        transfer(std::slice::from_ref(&tree), &target, &preserving(true), faults);
        let at = target.join("t");
        if at.join("closed/deep/c").exists() {
            // Each has its name only with its content and its time.
            assert_eq!(time(&at.join("closed/deep/c")), (4_000_000_000, 1), "{step}");
        }
        for directory in ["closed/deep", "closed"] {
            if at.join(directory).exists() {
                set_mode(&at.join(directory), 0o700);
            }
        }
        both_stored(&send(std::slice::from_ref(&tree), &target, &preserving(true)));
        for entry in ENTRIES {
            assert_eq!(time(&at.join(entry)), time(&tree.join(entry)), "{step}: {entry}");
        }
        open_again(&at);
    }
    open_again(&tree);
}

fn path(name: &str) -> EntryPath {
    EntryPath::new(name.into()).expect("a good path")
}

fn attributes(mode: u16) -> Control {
    let modified = Modified::new(1_000_000_000, 5).expect("it is in bounds");
    Control::Attributes(Attributes { mode, modified })
}

fn file(name: &str) -> Control {
    Control::File { offer: false, mode: 0o644, size: Some(4), path: path(name) }
}

/// The frame of other attributes than a library says.
fn raw(mode: u16, seconds: i64, nanoseconds: u32) -> Vec<u8> {
    let payload = [&mode.to_be_bytes()[..], &seconds.to_be_bytes(), &nanoseconds.to_be_bytes()].concat();
    [&[0x0E, 0, 0, 0, 14][..], &payload].concat()
}

#[test]
fn a_sender_that_breaks_the_rules_sets_nothing() {
    let begin = frames(&[Control::Begin { single: false, bytes: None }]);
    let t = frames(&[Control::Directory { path: path("t") }]);
    let link = Control::Link { path: path("t/l"), target: b"x".to_vec() };
    for (bytes, said) in [
        (frames(&[attributes(0o644), attributes(0o644)]), "ATTRIBUTES, which does not belong there"),
        (frames(&[attributes(0o600), file("t/f")]), "other permissions than those of their file"),
        (frames(&[attributes(0o777), link]), "a LINK, which does not belong there"),
        (
            frames(&[attributes(0o644), Control::End(Totals::default())]),
            "an END, which does not belong there",
        ),
        (frames(&[file("t/f"), attributes(0o644)]), "ATTRIBUTES, which does not belong there"),
        (raw(0o644, 0, 1_000_000_000), "a value that means nothing in a frame of type 0x0e"),
        // UTIME_NOW and UTIME_OMIT of Linux.
        (raw(0o644, 0, (1 << 30) - 1), "a value that means nothing"),
        (raw(0o644, 0, (1 << 30) - 2), "a value that means nothing"),
        (raw(0o644, i64::MAX, 0), "a value that means nothing"),
        (raw(0o644, i64::MIN, 0), "a value that means nothing"),
        (raw(0o644, 253_402_300_800, 0), "a value that means nothing"),
        (vec![0x0E, 0, 0, 0, 13, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], "too short for its type 0x0e"),
    ] {
        let place = place();
        let target = place.path().join("target");
        std::fs::create_dir(&target).expect("there is room");
        let outcome = crafted(&target, &[&begin[..], &t, &bytes].concat());
        assert!(matches!(outcome.verdict, Verdict::Incomplete { .. }), "{said}: {:?}", outcome.verdict);
        assert!(words(&outcome).contains(said), "{said}: {}", words(&outcome));
        assert_eq!(std::fs::read_dir(&target).expect("it is there").count(), 0, "{said}");
    }
}

/// A list of one directory with these attributes, as they go over the wire, and its totals.
fn one_directory(attributes: &[u8]) -> Vec<u8> {
    let mut other = blake3::Hasher::new();
    for part in [&[0x0E][..], &attributes[5..], &[7], &1u32.to_be_bytes(), b"t"] {
        other.update(part);
    }
    let none = *blake3::hash(b"").as_bytes();
    let list = *blake3::hash(&[none, none, *other.finalize().as_bytes()].concat()).as_bytes();
    let begin = frames(&[Control::Begin { single: false, bytes: None }]);
    let directory = frames(&[Control::Directory { path: path("t") }]);
    let end = frames(&[Control::End(Totals { files: 0, bytes: 0, hash: list, list })]);
    [&begin[..], attributes, &directory, &end].concat()
}

#[test]
fn bits_that_are_no_permissions_are_not_set() {
    let place = place();
    let target = place.path().join("target");
    std::fs::create_dir(&target).expect("there is room");
    // What the receiver takes of them is what it counts.
    let said = one_directory(&raw(0o500, 1_000_000_000, 5));
    let mut hostile = said.clone();
    let at = hostile.windows(5).position(|bytes| bytes == [0x0E, 0, 0, 0, 14]).expect("it is there");
    hostile[at + 5..at + 7].copy_from_slice(&0o7500u16.to_be_bytes());
    for bytes in [said, hostile] {
        let outcome = crafted(&target, &bytes);
        assert_eq!(outcome.verdict, Verdict::Stored, "{}", words(&outcome));
        assert_eq!((mode(&target.join("t")), time(&target.join("t"))), (0o500, (1_000_000_000, 5)));
    }
    // A bit that the receiver's own user has set stays.
    set_mode(&target.join("t"), 0o2700);
    let outcome = crafted(&target, &one_directory(&raw(0o500, 7, 0)));
    assert_eq!(outcome.verdict, Verdict::Stored, "{}", words(&outcome));
    assert_eq!(mode(&target.join("t")), 0o2500);
}

#[test]
fn a_link_in_the_place_of_a_directory_is_not_followed_to_set_its_time() {
    let place = place();
    let (target, outside) = (place.path().join("target"), place.path().join("outside"));
    for directory in [&target, &outside] {
        std::fs::create_dir(directory).expect("there is room");
    }
    set_time(&outside, 77, 0);
    symlink(&outside, target.join("t")).expect("links can be made");
    let outcome = crafted(&target, &one_directory(&raw(0o700, 1, 0)));
    assert!(words(&outcome).contains("t is a link, and not followed"), "{}", words(&outcome));
    // It is put there once the directory is made.
    std::fs::remove_file(target.join("t")).expect("it is there");
    let tree = place.path().join("t");
    std::fs::create_dir(&tree).expect("there is room");
    let mut swap = |event: TransferEvent<'_>| {
        if let TransferEvent::NamesSynced = event {
            std::fs::rename(target.join("t"), place.path().join("gone")).expect("it is there");
            symlink(&outside, target.join("t")).expect("links can be made");
        }
    };
    let (sent, received) = over_tcp(&[tree], &target, &preserving(false), &mut ignore, &mut swap);
    assert!(matches!(received.verdict, Verdict::Local { .. }), "{:?}", received.verdict);
    assert!(words(&sent).contains("directory t cannot be set"), "{}", words(&sent));
    assert_eq!(time(&outside), (77, 0));
}

#[test]
fn a_receiver_that_is_too_old_is_sent_nothing_and_told_why() {
    let place = place();
    let source = write(&place.path().join("source"), b"content");
    let options = SendOptions { preserve: true, ..SendOptions::default() };
    for version in [1, 2] {
        let outcome = sent_with(&source, version, &options, |mut peer| {
            let Some(Control::Abort { words }) = peer.next() else { panic!("it is told") };
            assert!(words.contains("they cannot be preserved"), "{words}");
            let receipt = Receipt { status: Status::Failed, totals: Totals::default(), words };
            let _ = std::io::Write::write_all(&mut peer.stream, &frames(&[Control::Receipt(receipt)]));
            peer.end();
        });
        assert!(
            matches!(outcome.verdict, Verdict::NotAgreed { by_link: false, .. }),
            "{:?}",
            outcome.verdict
        );
        let said = format!("nothing was transferred: the receiver speaks version {version} of the protocol");
        assert!(words(&outcome).starts_with(&said), "{}", words(&outcome));
        assert_eq!((outcome.moved, outcome.advice()), (0, Some(Advice::SendWithoutPreserving)));
    }
}

#[test]
fn a_sender_of_version_2_has_no_attributes_to_say() {
    let place = place();
    let target = place.path().join("target");
    std::fs::create_dir(&target).expect("there is room");
    let outcome = crate::versions::received(&target, 2, |mut peer| {
        let said = [Control::Begin { single: false, bytes: None }, attributes(0o755)];
        std::io::Write::write_all(&mut peer.stream, &frames(&said)).expect("it is taken");
        assert_eq!(receipt(&mut peer).map(|receipt| receipt.status), Some(Status::Damaged));
        peer.end();
    });
    assert!(words(&outcome).contains("ATTRIBUTES, which does not belong there"), "{}", words(&outcome));
}
