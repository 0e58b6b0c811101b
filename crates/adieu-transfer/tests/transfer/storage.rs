//! The partial's name is everybody's: who removes it, or puts something else there, must not make us store what is not ours.

use crate::faults::words;
use crate::memory::BOUND;
use crate::support::{How, content, go_on, over_tcp, partials, place, write};
use adieu::{ConnectOptions, Endpoint, Limits, ListenOptions, Listener};
use adieu_transfer::{
    Sources, Storage, TransferEvent, TransferOutcome, TransferReport, TransferRole, Verdict, Wire,
};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

fn ignore(_: TransferEvent<'_>) {}

/// A transfer during which, at an event, a partial is taken away and another file put under its name.
fn with_a_thief(
    paths: &[PathBuf],
    target: &Path,
    partial: &Path,
    resume: bool,
    last: bool,
) -> (TransferOutcome, TransferOutcome) {
    let mut at_receiver = |event: TransferEvent<'_>| {
        let is_it = match event {
            TransferEvent::AllReceived => last,
            TransferEvent::Moved { .. } => !last,
            _ => false,
        };
        if is_it && partial.exists() && std::fs::read(partial).ok().as_deref() != Some(b"another's") {
            std::fs::remove_file(partial).expect("it is there");
            write(partial, b"another's");
        }
    };
    over_tcp(paths, target, &How { resume, ..How::default() }, &mut ignore, &mut at_receiver)
}

fn refused(outcomes: &(TransferOutcome, TransferOutcome), said: &str) {
    let (sent, received) = outcomes;
    assert!(matches!(sent.verdict, Verdict::Refused { .. }), "{:?}", sent.verdict);
    assert!(matches!(received.verdict, Verdict::Local { .. }), "{:?}", received.verdict);
    assert!(words(received).contains(said), "{}", words(received));
}

#[test]
fn what_somebody_else_put_under_the_partials_name_is_neither_stored_nor_removed() {
    for resume in [false, true] {
        let place = place();
        let source = write(&place.path().join("source"), &content(1, 3_000_000));
        let target = write(&place.path().join("target"), b"old");
        let partial = place.path().join(".target.adieu-partial");
        if resume {
            write(&partial, &content(1, 3_000_000)[..1_000_000]);
        }
        let outcomes = with_a_thief(&[source], &target, &partial, resume, false);
        refused(&outcomes, "the partial of target was removed or replaced by another program");
        assert_eq!(std::fs::read(&target).ok().as_deref(), Some(&b"old"[..]));
        assert_eq!(std::fs::read(&partial).ok().as_deref(), Some(&b"another's"[..]));
    }
}

#[test]
fn one_stolen_partial_of_a_batch_is_neither_stored_nor_removed() {
    for files in [3, 40] {
        let place = place();
        let tree = place.path().join("tree");
        std::fs::create_dir(&tree).expect("there is room");
        for file in 10..10 + files {
            write(&tree.join(format!("f{file}")), b"content");
        }
        let target = place.path().join("target");
        std::fs::create_dir(&target).expect("there is room");
        let partial = target.join("tree/.f12.adieu-partial");
        let outcomes = with_a_thief(&[tree], &target, &partial, false, true);
        refused(&outcomes, "the partial of tree/f12 was removed or replaced by another program");
        assert!(!target.join("tree/f12").exists());
        assert_eq!(partials(&target), std::slice::from_ref(&partial));
        assert_eq!(std::fs::read(&partial).ok().as_deref(), Some(&b"another's"[..]));
    }
}

#[test]
fn a_link_takes_no_partial_away_that_another_is_writing() {
    let place = place();
    let tree = place.path().join("tree");
    let target = place.path().join("target");
    for directory in [&tree, &target, &target.join("tree")] {
        std::fs::create_dir(directory).expect("there is room");
    }
    symlink("nowhere", tree.join("x")).expect("links can be made");
    let partial = write(&target.join("tree/.x.adieu-partial"), b"another's");
    let held = std::fs::File::open(&partial).expect("it is there");
    rustix::fs::flock(&held, rustix::fs::FlockOperation::NonBlockingLockExclusive).expect("nobody has it");
    let outcomes = over_tcp(std::slice::from_ref(&tree), &target, &How::default(), &mut ignore, &mut ignore);
    refused(&outcomes, "another transfer is writing tree/.x.adieu-partial");
    assert_eq!(std::fs::read(&partial).ok().as_deref(), Some(&b"another's"[..]));
    // One that was left by a transfer that is no more may go.
    drop(held);
    let (sent, _) = over_tcp(&[tree], &target, &How::default(), &mut ignore, &mut ignore);
    assert_eq!(sent.verdict, Verdict::Stored);
}

#[test]
fn a_file_that_was_there_already_and_is_taken_away_is_not_stored() {
    let place = place();
    let source = write(&place.path().join("source"), b"content");
    let target = write(&place.path().join("target"), b"content");
    let mut at_receiver = |event: TransferEvent<'_>| {
        if let TransferEvent::AllReceived = event {
            std::fs::remove_file(&target).expect("it is there");
        }
    };
    let how = How { resume: true, ..How::default() };
    let outcomes = over_tcp(&[source], &target, &how, &mut ignore, &mut at_receiver);
    refused(&outcomes, "target, which was there already, was removed or replaced by another program");
}

#[test]
#[cfg(target_os = "linux")]
fn what_has_content_and_no_size_is_sent_to_its_end() {
    let version = std::fs::read("/proc/version").expect("every Linux has it");
    for resume in [false, true] {
        let place = place();
        let target = place.path().join("target");
        let sources = [PathBuf::from("/proc/version")];
        let how = How { resume, ..How::default() };
        let (sent, received) = over_tcp(&sources, &target, &how, &mut ignore, &mut ignore);
        assert_eq!((sent.verdict, received.verdict), (Verdict::Stored, Verdict::Stored));
        assert_eq!(std::fs::read(&target).ok(), Some(version.clone()));
    }
}

#[test]
#[cfg(target_os = "linux")]
fn what_is_shorter_than_its_size_is_not_said_to_be_changed() {
    let source = PathBuf::from("/sys/kernel/mm/transparent_hugepage/enabled");
    let Ok(there) = std::fs::metadata(&source) else {
        adieu_testkit::skip::not_here("what_is_shorter_than_its_size", "no /sys");
        return;
    };
    let end = std::fs::read(&source).expect("anybody may read it").len();
    let place = place();
    let (sent, _) = over_tcp(&[source], &place.path().join("t"), &How::default(), &mut ignore, &mut ignore);
    let said = format!("the size of enabled is given as {} bytes, and it ended after {end}", there.len());
    assert!(words(&sent).contains(&said) && words(&sent).contains("stdin (-)"), "{}", words(&sent));
}

#[test]
fn the_whole_path_below_the_output_is_named() {
    for (at, said) in
        [("n/sub/f", "n/sub/f is a directory"), ("n/sub", "n/sub is there, and is no directory")]
    {
        let place = place();
        let (tree, target) = (place.path().join("n"), place.path().join("target"));
        std::fs::create_dir_all(tree.join("sub")).expect("there is room");
        write(&tree.join("sub/f"), b"content");
        if at == "n/sub" {
            std::fs::create_dir_all(target.join("n")).expect("there is room");
            write(&target.join("n/sub"), b"a file");
        } else {
            std::fs::create_dir_all(target.join(at)).expect("there is room");
        }
        let outcomes = over_tcp(&[tree], &target, &How::default(), &mut ignore, &mut ignore);
        refused(&outcomes, said);
    }
}

#[test]
fn a_failed_transfer_leaves_no_empty_directory_that_it_made() {
    let place = place();
    let tree = place.path().join("tree");
    std::fs::create_dir_all(tree.join("a/b")).expect("there is room");
    write(&tree.join("a/b/f"), b"content");
    std::fs::create_dir(tree.join("z")).expect("there is room");
    symlink("/", tree.join("z/out")).expect("links can be made");
    for is_there in [false, true] {
        let target = place.path().join("target");
        if is_there {
            std::fs::create_dir_all(target.join("tree/a")).expect("there is room");
        }
        let (_, received) =
            over_tcp(std::slice::from_ref(&tree), &target, &How::default(), &mut ignore, &mut ignore);
        assert!(matches!(received.verdict, Verdict::Incomplete { .. }), "{:?}", received.verdict);
        // What was there before stays.
        assert_eq!((target.join("tree/a").exists(), target.exists()), (is_there, is_there));
        assert!(!target.join("tree/a/b").exists() && !target.join("tree/z").exists());
    }
}

/// A sender that asks what is there, and a receiver that may keep none. The file grows at that event of the sender, which gives
/// up there.
fn with_a_growing_file(
    named: &Path,
    growing: &Path,
    storage: &mut Storage<'_>,
    keeps: bool,
    is_it: &(dyn Fn(&TransferEvent<'_>) -> bool + Sync),
) -> TransferOutcome {
    let limits = Limits::new().idle_timeout(BOUND);
    let listening = ListenOptions::new().limits(limits.clone());
    let options = ConnectOptions::new().limits(limits);
    let listener = Listener::bind(&Endpoint::tcp("127.0.0.1", 0), &listening).expect("loopback");
    let endpoint = listener.local_endpoint().clone();
    let mut grow = |event: TransferEvent<'_>| {
        if is_it(&event) {
            let file = std::fs::File::options().append(true).open(growing).expect("it is ours");
            std::io::Write::write_all(&mut &file, b"more").expect("there is room");
        }
        go_on(event)
    };
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let sources = Sources::new([named]).expect("it is there");
            let mut wire = Wire::new(adieu::connect(&endpoint, &options).expect("it listens"), None);
            let asking = How { resume: true, ..How::default() }.sending();
            adieu_transfer::send(&mut wire, &sources, &asking, &mut grow);
            wire.finish();
        });
        let mut wire = Wire::new(crate::support::accept(&listener), None);
        let keeping = How { resume: keeps, ..How::default() }.receiving();
        let received = adieu_transfer::receive(&mut wire, storage, &keeping, &mut go_on);
        wire.finish();
        received
    })
}

#[test]
fn a_partial_that_was_kept_before_survives_a_cut_at_a_receiver_that_keeps_none() {
    let place = place();
    let whole = content(4, 3_000_000);
    let source = write(&place.path().join("source"), &whole);
    let partial = write(&place.path().join(".target.adieu-partial"), &whole[..1_000_000]);
    let mut storage = Storage::at(&place.path().join("target")).expect("there is room");
    let at_content = |event: &TransferEvent<'_>| matches!(event, TransferEvent::Moved { .. });
    let received = with_a_growing_file(&source, &source, &mut storage, false, &at_content);
    assert!(matches!(received.verdict, Verdict::Incomplete { .. }), "{:?}", received.verdict);
    let left = std::fs::read(&partial).expect("it is kept");
    assert!(left.len() > 1_000_000 && whole.starts_with(&left), "{}", left.len());
}

#[test]
fn a_partial_that_was_kept_before_survives_a_cut_after_it_has_become_whole() {
    let place = place();
    let (tree, target) = (place.path().join("tree"), place.path().join("target"));
    std::fs::create_dir_all(&tree).expect("there is room");
    std::fs::create_dir_all(target.join("tree")).expect("there is room");
    let whole = content(5, 3_000_000);
    write(&tree.join("1"), &whole);
    let second = write(&tree.join("2"), &content(6, 1_000_000));
    let partial = write(&target.join("tree/.1.adieu-partial"), &whole[..1_000_000]);
    let mut storage = Storage::at(&target).expect("there is room");
    let at_second = |event: &TransferEvent<'_>| matches!(event, TransferEvent::File { path, .. } if path.as_bytes() == b"tree/2");
    let received = with_a_growing_file(&tree, &second, &mut storage, false, &at_second);
    assert!(matches!(received.verdict, Verdict::Incomplete { .. }), "{:?}", received.verdict);
    assert_eq!(partials(&target), std::slice::from_ref(&partial));
    assert_eq!(std::fs::read(&partial).ok(), Some(whole));
}

/// A library's caller may use a storage again after a failure: what was kept then is not the next transfer's.
#[test]
fn what_a_failed_transfer_has_kept_is_not_stored_by_the_next_one() {
    let place = place();
    let (tree, target) = (place.path().join("tree"), place.path().join("target"));
    for directory in [&tree, &target] {
        std::fs::create_dir(directory).expect("there is room");
    }
    write(&tree.join("1"), b"whole");
    let second = write(&tree.join("2"), &content(6, 1_000_000));
    let other = write(&place.path().join("other"), b"other");
    let mut storage = Storage::at(&target).expect("there is room");
    let at_second = |event: &TransferEvent<'_>| matches!(event, TransferEvent::File { path, .. } if path.as_bytes() == b"tree/2");
    let received = with_a_growing_file(&tree, &second, &mut storage, true, &at_second);
    assert!(matches!(received.verdict, Verdict::Incomplete { .. }), "{:?}", received.verdict);
    let partial = target.join("tree/.1.adieu-partial");
    let file = std::fs::File::open(&partial).expect("it is kept");
    file.try_lock().expect("nobody is writing to it any more");
    let received = with_a_growing_file(&other, &other, &mut storage, true, &|_| false);
    assert_eq!(received.verdict, Verdict::Stored);
    assert!(partial.exists() && !target.join("tree/1").exists());
    let received = with_a_growing_file(&tree, &second, &mut storage, true, &at_second);
    assert_eq!(received.receipt.map(|receipt| receipt.totals.files), Some(0));
}

/// The connection's own deadline is not told by one that has failed already, and cannot end a wait for the disk.
#[test]
fn nothing_is_renamed_once_the_deadline_has_passed() {
    let place = place();
    let source = write(&place.path().join("source"), b"content");
    let target = place.path().join("target");
    let deadline = Some(std::time::Instant::now());
    let (_, received) =
        over_tcp(&[source], &target, &How { deadline, ..How::default() }, &mut ignore, &mut ignore);
    assert_eq!(words(&received), "not stored: the deadline passed (7 bytes received)");
    let report = TransferReport::new(TransferRole::Receive, &received, false, 1, None);
    assert_eq!((report.result.name(), report.exit_code), ("incomplete", 5), "{report}");
    assert!(!target.exists() && partials(place.path()).is_empty());
}

#[test]
fn a_look_at_a_large_tree_can_be_ended() {
    let place = place();
    for file in 0..100 {
        write(&place.path().join(format!("f{file}")), b"");
    }
    let sources = Sources::new([place.path()]).expect("it is there");
    let mut asked = 0;
    let mut until = |last| {
        asked = 0;
        let whole = sources.check(&mut || {
            asked += 1;
            asked <= last
        });
        (whole.expect("all can be sent"), asked)
    };
    assert_eq!(until(3), (false, 4));
    // The directory is one too.
    assert_eq!(until(1000), (true, 101));
}

#[test]
fn a_link_that_is_put_where_the_output_was_not_is_not_followed() {
    for (ending, is_single) in [("", false), ("/", false), ("/", true)] {
        let place = place();
        let (tree, elsewhere) = (place.path().join("tree"), place.path().join("elsewhere"));
        for directory in [&tree, &elsewhere] {
            std::fs::create_dir(directory).expect("there is room");
        }
        let file = write(&tree.join("f"), b"content");
        let target = place.path().join(format!("target{ending}"));
        let mut storage = Storage::at(&target).expect("it can be made");
        symlink(&elsewhere, place.path().join("target")).expect("links can be made");
        let source = if is_single { file } else { tree };
        let received = with_a_growing_file(&source, &source, &mut storage, false, &|_| false);
        let said = "target is a link now, and was no directory when this began: it is not followed";
        assert!(words(&received).replace("target/", "target").ends_with(said), "{}", words(&received));
        assert!(matches!(received.verdict, Verdict::Local { .. }), "{:?}", received.verdict);
        assert_eq!(std::fs::read_dir(&elsewhere).expect("it is there").count(), 0);
        // One that was there is the user's own.
        let mut storage = Storage::at(&target).expect("it is there");
        let received = with_a_growing_file(&source, &source, &mut storage, false, &|_| false);
        assert_eq!(received.verdict, Verdict::Stored);
        assert_eq!(std::fs::read_dir(&elsewhere).expect("it is there").count(), 1);
    }
}

#[test]
fn an_output_that_is_made_for_one_attempt_is_made_again_for_the_next() {
    let place = place();
    let tree = place.path().join("tree");
    std::fs::create_dir(&tree).expect("there is room");
    write(&tree.join("1"), b"whole");
    let second = write(&tree.join("2"), &content(6, 1_000_000));
    let mut storage = Storage::at(&place.path().join("target")).expect("it can be made");
    let at_second = |event: &TransferEvent<'_>| matches!(event, TransferEvent::File { path, .. } if path.as_bytes() == b"tree/2");
    let received = with_a_growing_file(&tree, &second, &mut storage, false, &at_second);
    assert!(matches!(received.verdict, Verdict::Incomplete { .. }), "{:?}", received.verdict);
    assert!(!place.path().join("target").exists());
    let received = with_a_growing_file(&tree, &second, &mut storage, false, &|_| false);
    assert_eq!(received.verdict, Verdict::Stored);
    assert!(place.path().join("target/tree/2").exists());
}
