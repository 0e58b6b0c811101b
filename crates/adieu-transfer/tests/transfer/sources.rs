//! Nothing from outside of what is sent is ever sent, and nothing that an entry may become is waited for.

use crate::faults::words;
use crate::memory::BOUND;
use crate::ordinary::{both_stored, send};
use crate::support::{How, content, go_on, over_tcp, partials, place, write};
use adieu_testkit::places;
use adieu_transfer::{Sources, TransferEvent, TransferOutcome, Verdict};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::mpsc::channel;

fn ignore(_: TransferEvent<'_>) {}

/// Sends `tree`, in which there are `a`, `y` and `z/g`, and changes it while `a` is being sent, when the rest is listed. Fails if
/// that takes too long, as it does where something is waited for.
fn changed_meanwhile(
    place: &Path,
    resume: bool,
    change: fn(&Path),
) -> (TransferOutcome, TransferOutcome, PathBuf) {
    let (tree, target) = (place.join("tree"), place.join("target"));
    for directory in [&tree, &target, &tree.join("z"), &place.join("outside")] {
        std::fs::create_dir_all(directory).expect("there is room");
    }
    write(&tree.join("a"), &content(1, 1_000_000));
    for (file, bytes) in [("tree/y", &b"inside"[..]), ("tree/z/g", b"inside"), ("outside/g", b"SECRET")] {
        write(&place.join(file), bytes);
    }
    let (done, ended) = channel();
    let place = place.to_owned();
    let at = target.clone();
    // Not joined: a sender that waits for a FIFO does so for ever.
    std::thread::spawn(move || {
        let mut is_done = false;
        let mut at_sender = |event: TransferEvent<'_>| {
            let is_content = matches!(event, TransferEvent::Moved { bytes: 1.. });
            if is_content && !is_done {
                is_done = true;
                change(&place);
            }
        };
        let how = How { resume, ..How::default() };
        let (sent, received) = over_tcp(&[tree], &at, &how, &mut at_sender, &mut ignore);
        let _ = done.send((sent, received));
    });
    let (sent, received) = ended.recv_timeout(BOUND * 2).expect("nothing is waited for");
    (sent, received, target)
}

#[test]
fn an_entry_that_becomes_something_else_after_it_was_listed_is_not_read() {
    type Change = fn(&Path);
    let changes: [(&str, Change); 6] = [
        ("y was a regular file when it was listed, and is a symbolic link now", |place| {
            std::fs::remove_file(place.join("tree/y")).expect("it is there");
            symlink(place.join("outside/g"), place.join("tree/y")).expect("links can be made");
        }),
        ("z was a directory when it was listed, and is a symbolic link now", |place| {
            std::fs::rename(place.join("tree/z"), place.join("gone")).expect("it is there");
            symlink(place.join("outside"), place.join("tree/z")).expect("links can be made");
        }),
        ("y was a regular file when it was listed, and is a FIFO, a socket or a device now", |place| {
            std::fs::remove_file(place.join("tree/y")).expect("it is there");
            places::fifo(&place.join("tree/y")).expect("there is room");
        }),
        ("y was a regular file when it was listed, and is a directory now", |place| {
            std::fs::remove_file(place.join("tree/y")).expect("it is there");
            std::fs::create_dir(place.join("tree/y")).expect("there is room");
        }),
        ("z was a directory when it was listed, and is a FIFO, a socket or a device now", |place| {
            std::fs::rename(place.join("tree/z"), place.join("gone")).expect("it is there");
            places::fifo(&place.join("tree/z")).expect("there is room");
        }),
        ("y was a regular file when it was listed, and is a FIFO, a socket or a device now", |place| {
            std::fs::remove_file(place.join("tree/y")).expect("it is there");
            drop(std::os::unix::net::UnixListener::bind(place.join("tree/y")).expect("there is room"));
        }),
    ];
    for (said, change) in changes {
        // With offers all are listed and opened before any content goes.
        for resume in [false, true] {
            let place = place();
            let (sent, received, target) = changed_meanwhile(place.path(), resume, change);
            if resume && said.starts_with('z') {
                // It was sent before, or not at all.
                assert_ne!(std::fs::read(target.join("tree/z/g")).ok().as_deref(), Some(&b"SECRET"[..]));
                continue;
            }
            assert!(words(&sent).ends_with(said), "{resume}: {}", words(&sent));
            assert!(matches!(sent.verdict, Verdict::Local { .. }), "{:?}", sent.verdict);
            assert!(matches!(received.verdict, Verdict::Incomplete { .. }), "{:?}", received.verdict);
            assert!(!target.join("tree/y").exists() && !target.join("tree/z/g").exists());
        }
    }
}

#[test]
fn a_directory_whose_name_leads_elsewhere_by_now_is_sent_as_it_was_named() {
    let place = place();
    let tree = place.path().join("tree");
    for directory in [&tree, &place.path().join("outside")] {
        std::fs::create_dir(directory).expect("there is room");
        write(&directory.join("g"), if *directory == tree { b"inside" } else { b"SECRET" });
    }
    let sources = Sources::new([&tree]).expect("it is there");
    std::fs::rename(&tree, place.path().join("renamed")).expect("it is there");
    symlink(place.path().join("outside"), &tree).expect("links can be made");
    let target = place.path().join("target");
    std::fs::create_dir(&target).expect("there is room");
    let (mut sender, mut receiver) = crate::memory::pair([crate::memory::Fault::None; 2]);
    let mut storage = adieu_transfer::Storage::at(&target).expect("it can be written to");
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let how = How::default();
            let sent = adieu_transfer::send(&mut sender, &sources, &how.sending(), &mut go_on);
            assert_eq!(sent.verdict, Verdict::Stored);
        });
        let how = How::default();
        adieu_transfer::receive(&mut receiver, &mut storage, &how.receiving(), &mut go_on);
    });
    assert_eq!(std::fs::read(target.join("tree/g")).ok().as_deref(), Some(&b"inside"[..]));
}

#[test]
fn a_named_file_that_has_become_a_fifo_is_not_waited_for() {
    let place = place();
    let source = write(&place.path().join("source"), b"content");
    let sources = Sources::new([&source]).expect("it is there");
    std::fs::remove_file(&source).expect("it is there");
    places::fifo(&source).expect("there is room");
    let (done, ended) = channel();
    let (mut sender, mut receiver) = crate::memory::pair([crate::memory::Fault::None; 2]);
    let mut storage = adieu_transfer::Storage::at(&place.path().join("target")).expect("it can be made");
    std::thread::spawn(move || {
        let sent = adieu_transfer::send(&mut sender, &sources, &How::default().sending(), &mut go_on);
        let _ = done.send(words(&sent));
    });
    std::thread::spawn(move || {
        adieu_transfer::receive(&mut receiver, &mut storage, &How::default().receiving(), &mut go_on);
    });
    let said = ended.recv_timeout(BOUND * 2).expect("nothing is waited for");
    assert!(said.ends_with("is a FIFO, a socket or a device now"), "{said}");
}

#[test]
fn a_link_beside_what_is_sent_is_neither_sent_nor_received() {
    let place = place();
    let tree = place.path().join("src");
    std::fs::create_dir_all(tree.join("sub")).expect("there is room");
    let target = place.path().join("target");
    std::fs::create_dir(&target).expect("there is room");
    symlink("../inside", tree.join("sub/inner")).expect("links can be made");
    both_stored(&send(std::slice::from_ref(&tree), &target, &How::default()));
    symlink("../a", tree.join("rel")).expect("links can be made");
    // Also if that is sent too: a receiver does not know what else will come.
    let beside = write(&place.path().join("a"), b"beside");
    for sources in [vec![tree.clone()], vec![beside, tree]] {
        let (sent, _) = send(&sources, &target, &How::default());
        let said = "the link 'src/rel' points to '../a', out of the directory that is sent";
        assert_eq!(words(&sent), said);
        assert!(!target.join("src/rel").is_symlink());
    }
    assert_eq!(partials(&target), Vec::<PathBuf>::new());
}
