//! A receiver that replaces nothing: what is there stays, and the rest is stored.

use crate::faults::words;
use crate::support::{How, content, go_on, partials, place, write};
use adieu::{ConnectOptions, Endpoint, Limits, ListenOptions, Listener};
use adieu_transfer::wire::Status;
use adieu_transfer::{
    Sources, Storage, TransferEvent, TransferOutcome, TransferReport, TransferRole, Verdict, Wire,
};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

/// One transfer over loopback into a place where nothing is replaced.
fn without_replacing(
    paths: &[PathBuf],
    target: &Path,
    how: &How,
    at_receiver: &mut dyn FnMut(TransferEvent<'_>),
) -> (TransferOutcome, TransferOutcome) {
    let limits = Limits::new().idle_timeout(crate::memory::BOUND);
    let listening = ListenOptions::new().limits(limits.clone());
    let listener = Listener::bind(&Endpoint::tcp("127.0.0.1", 0), &listening).expect("loopback");
    let (endpoint, options) = (listener.local_endpoint().clone(), ConnectOptions::new().limits(limits));
    let mut storage = Storage::at(target).expect("it can be written to").without_replacing();
    std::thread::scope(|scope| {
        let sending = scope.spawn(|| {
            let sources = Sources::new(paths).expect("they are there");
            let mut wire = Wire::new(adieu::connect(&endpoint, &options).expect("it listens"), None);
            let outcome = adieu_transfer::send(&mut wire, &sources, &how.sending(), &mut go_on);
            wire.finish();
            outcome
        });
        let mut wire = Wire::new(crate::support::accept(&listener), None);
        let received = adieu_transfer::receive(&mut wire, &mut storage, &how.receiving(), &mut |event| {
            at_receiver(event);
            ControlFlow::Continue(())
        });
        wire.finish();
        (sending.join().expect("it does not panic"), received)
    })
}

fn ignore(_: TransferEvent<'_>) {}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).expect("it is there")
}

/// A tree with `a`, `b` and `d/c`, and a target that has another `t/b`.
fn scene(place: &Path) -> (PathBuf, PathBuf) {
    let (tree, target) = (place.join("t"), place.join("target"));
    for directory in [&tree.join("d"), &target.join("t")] {
        std::fs::create_dir_all(directory).expect("there is room");
    }
    for file in ["a", "b", "d/c"] {
        write(&tree.join(file), format!("new {file}").as_bytes());
    }
    write(&target.join("t/b"), b"old");
    (tree, target)
}

#[test]
fn a_file_whose_name_is_taken_is_refused_and_the_others_are_stored() {
    for resume in [false, true] {
        let place = place();
        let (tree, target) = scene(place.path());
        let how = How { resume, ..How::default() };
        let (sent, received) = without_replacing(std::slice::from_ref(&tree), &target, &how, &mut ignore);
        assert!(matches!(received.verdict, Verdict::InPart { .. }), "{:?}", received.verdict);
        assert!(matches!(sent.verdict, Verdict::Refused { again: false, .. }), "{:?}", sent.verdict);
        let said = "1 entry (t/b) not stored: the name is taken, and nothing is replaced; the rest is stored: 12 bytes in 2 files";
        assert_eq!((words(&received).as_str(), words(&sent)), (said, format!("receiver: {said}")));
        let receipt = sent.receipt.as_ref().expect("there is one");
        assert_eq!((receipt.status, receipt.totals.files, receipt.totals.bytes), (Status::Failed, 2, 12));
        assert_eq!((received.left_out(), sent.left_out()), (1, 0));
        for (role, outcome) in [(TransferRole::Send, &sent), (TransferRole::Receive, &received)] {
            assert_eq!(TransferReport::new(role, outcome, false, 1, None).exit_code, 6);
        }
        assert_eq!(read(&target.join("t/b")), "old");
        assert_eq!(
            (read(&target.join("t/a")), read(&target.join("t/d/c"))),
            ("new a".into(), "new d/c".into())
        );
        assert_eq!(partials(&target), Vec::<PathBuf>::new());
    }
}

#[test]
fn what_is_there_already_with_the_same_content_is_stored_if_it_was_offered() {
    let place = place();
    let (tree, target) = scene(place.path());
    std::fs::remove_file(target.join("t/b")).expect("it is there");
    let how = How { resume: true, ..How::default() };
    for kept in [0, 3] {
        let (sent, received) = without_replacing(std::slice::from_ref(&tree), &target, &how, &mut ignore);
        assert_eq!(
            (&sent.verdict, &received.verdict),
            (&Verdict::Stored, &Verdict::Stored),
            "{}",
            words(&sent)
        );
        assert_eq!(received.files_kept, kept);
    }
    // Without an offer nobody knows that it is the same.
    let (sent, _) = without_replacing(std::slice::from_ref(&tree), &target, &How::default(), &mut ignore);
    assert!(words(&sent).contains("3 entries (t/a, t/b, t/d/c) not stored"), "{}", words(&sent));
}

#[cfg(unix)]
#[test]
fn other_permissions_are_not_given_to_what_is_there() {
    use std::os::unix::fs::PermissionsExt;
    let place = place();
    let (tree, target) = scene(place.path());
    write(&target.join("t/b"), b"new b");
    let mode = |mode| std::fs::set_permissions(target.join("t/b"), PermissionsExt::from_mode(mode));
    mode(0o600).expect("it is ours");
    let how = How { resume: true, ..How::default() };
    let (sent, _) = without_replacing(std::slice::from_ref(&tree), &target, &how, &mut ignore);
    assert!(words(&sent).contains("1 entry (t/b) not stored"), "{}", words(&sent));
    let there = std::fs::metadata(target.join("t/b")).expect("it is there");
    assert_eq!(there.permissions().mode() & 0o777, 0o600);
}

#[test]
fn one_file_whose_name_is_taken_is_refused_before_its_content_comes() {
    for resume in [false, true] {
        let place = place();
        let source = write(&place.path().join("source"), &content(1, 8_000_000));
        let target = write(&place.path().join("target"), b"old");
        let how = How { resume, ..How::default() };
        let (sent, received) = without_replacing(&[source], &target, &how, &mut ignore);
        let said = "target is there already, and nothing is replaced";
        assert!(words(&sent).contains(said) && words(&received).contains(said), "{}", words(&sent));
        assert!(
            matches!(received.verdict, Verdict::Incomplete { again: false, .. }),
            "{:?}",
            received.verdict
        );
        assert_eq!((read(&target), received.moved), ("old".to_owned(), 0));
    }
}

#[test]
fn a_name_that_is_taken_at_the_last_moment_is_not_replaced() {
    for is_single in [false, true] {
        let place = place();
        let (tree, target) = scene(place.path());
        std::fs::remove_file(target.join("t/b")).expect("it is there");
        let (source, raced) =
            if is_single { (tree.join("b"), target.join("b")) } else { (tree, target.join("t/b")) };
        // Everything is on the disk, and nothing has its name.
        let mut take = |event: TransferEvent<'_>| {
            if let TransferEvent::Synced = event {
                write(&raced, b"somebody else's");
            }
        };
        let (sent, received) = without_replacing(&[source], &target, &How::default(), &mut take);
        assert!(matches!(received.verdict, Verdict::InPart { .. }), "{:?}", received.verdict);
        assert!(words(&sent).contains("b) not stored: the name is taken"), "{}", words(&sent));
        assert_eq!(read(&raced), "somebody else's");
        assert_eq!(target.join("t/d/c").exists(), !is_single);
        assert_eq!(partials(&target), Vec::<PathBuf>::new());
    }
}

#[cfg(unix)]
#[test]
fn a_link_or_a_directory_is_not_replaced_and_the_same_link_is_no_other() {
    use std::os::unix::fs::symlink;
    let place = place();
    let (tree, target) = scene(place.path());
    symlink("a", tree.join("same")).expect("links can be made");
    symlink("a", tree.join("other")).expect("links can be made");
    symlink("a", target.join("t/same")).expect("links can be made");
    symlink("elsewhere", target.join("t/other")).expect("links can be made");
    std::fs::create_dir(target.join("t/a")).expect("there is room");
    let (sent, _) = without_replacing(std::slice::from_ref(&tree), &target, &How::default(), &mut ignore);
    assert!(words(&sent).contains("3 entries (t/a, t/b, t/other) not stored"), "{}", words(&sent));
    assert_eq!(std::fs::read_link(target.join("t/other")).ok().as_deref(), Some(Path::new("elsewhere")));
    assert!(target.join("t/a").is_dir());
    assert_eq!(read(&target.join("t/d/c")), "new d/c");
}

#[test]
fn what_one_transfer_refused_is_not_said_of_the_next() {
    let place = place();
    let (tree, target) = scene(place.path());
    let mut storage = Storage::at(&target).expect("it can be written to").without_replacing();
    let mut verdicts = Vec::new();
    for source in [tree.clone(), write(&place.path().join("new"), b"new")] {
        let listener =
            Listener::bind(&Endpoint::tcp("127.0.0.1", 0), &ListenOptions::new()).expect("loopback");
        let endpoint = listener.local_endpoint().clone();
        let sending = std::thread::spawn(move || {
            let sources = Sources::new([source]).expect("it is there");
            let mut wire =
                Wire::new(adieu::connect(&endpoint, &ConnectOptions::new()).expect("it listens"), None);
            adieu_transfer::send(&mut wire, &sources, &How::default().sending(), &mut go_on);
            wire.finish();
        });
        let mut wire = Wire::new(crate::support::accept(&listener), None);
        let how = How::default().receiving();
        verdicts.push(adieu_transfer::receive(&mut wire, &mut storage, &how, &mut go_on).verdict);
        wire.finish();
        sending.join().expect("it does not panic");
    }
    assert!(matches!(verdicts[..], [Verdict::InPart { .. }, Verdict::Stored]), "{verdicts:?}");
}
