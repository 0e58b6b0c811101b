//! What only Unix has: names of any bytes, permission bits, links, holes, devices, and directories that vanish.

use crate::faults::words;
use crate::ordinary::{both_stored, send};
use crate::support::{How, content, over_tcp, partials, place, write};
use adieu_testkit::places;
use adieu_transfer::{TransferEvent, Verdict};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

fn ignore(_: TransferEvent<'_>) {}

#[test]
fn a_directory_arrives_with_odd_names_links_and_modes() {
    let place = place();
    let tree = place.path().join("tree");
    std::fs::create_dir_all(tree.join("a/b/empty")).expect("there is room");
    let odd = OsStr::from_bytes(b"line\nbreak \xff\xfe \x1b[2J -rf");
    write(&tree.join("a").join(odd), b"odd");
    let long = "n".repeat(255);
    write(&tree.join("a/b").join(&long), b"long");
    let script = write(&tree.join("run"), b"#!/bin/sh\n");
    std::fs::set_permissions(&script, PermissionsExt::from_mode(0o755)).expect("it is ours");
    let secret = write(&tree.join("secret"), b"x");
    std::fs::set_permissions(&secret, PermissionsExt::from_mode(0o400)).expect("it is ours");
    symlink("../run", tree.join("a/link")).expect("links can be made");
    symlink("nowhere", tree.join("dangling")).expect("links can be made");
    let target = place.path().join("target");
    std::fs::create_dir(&target).expect("there is room");
    let how = How::default();
    both_stored(&send(std::slice::from_ref(&tree), &target, &how));
    let at = |name: &str| target.join("tree").join(name);
    assert_eq!(std::fs::read(target.join("tree/a").join(odd)).ok().as_deref(), Some(&b"odd"[..]));
    assert_eq!(std::fs::read(at("a/b").join(&long)).ok().as_deref(), Some(&b"long"[..]));
    assert!(at("a/b/empty").is_dir());
    assert_eq!(std::fs::read_link(at("a/link")).ok().as_deref(), Some(Path::new("../run")));
    assert_eq!(std::fs::read_link(at("dangling")).ok().as_deref(), Some(Path::new("nowhere")));
    let mode = |name: &str| std::fs::metadata(at(name)).expect("it is there").mode() & 0o700;
    assert_eq!((mode("run"), mode("secret")), (0o700, 0o400));
    assert_eq!(partials(&target), Vec::<PathBuf>::new());
    // Once more over what is there, and once resuming, when nothing has to be sent.
    both_stored(&send(std::slice::from_ref(&tree), &target, &how));
    let again = send(&[tree], &target, &How { resume: true, ..how });
    both_stored(&again);
    assert_eq!((again.0.moved, again.0.files_kept, again.1.files_kept), (0, 4, 4));
}

#[test]
fn a_sparse_file_of_5_gib_stays_sparse_and_takes_seconds() {
    let place = tempfile::tempdir().expect("there is room");
    let source = place.path().join("sparse");
    let file = std::fs::File::create(&source).expect("it can be made");
    file.set_len(5 << 30).expect("holes take no room");
    std::os::unix::fs::FileExt::write_all_at(&file, b"in the middle", 3_000_000_000).expect("there is room");
    if file.metadata().expect("it is there").blocks() > 1 << 20 {
        adieu_testkit::skip::loudly("sparse", &std::io::ErrorKind::Unsupported.into());
        return;
    }
    let target = place.path().join("target");
    let began = std::time::Instant::now();
    let outcomes = send(&[source], &target, &How::default());
    both_stored(&outcomes);
    assert!(began.elapsed() < std::time::Duration::from_secs(60), "{:?}", began.elapsed());
    let there = std::fs::File::open(&target).expect("it is there");
    let stat = there.metadata().expect("it is there");
    assert_eq!(stat.len(), 5 << 30);
    assert!(stat.blocks() < 1 << 12, "{} blocks", stat.blocks());
    let mut middle = [0; 15];
    std::os::unix::fs::FileExt::read_exact_at(&there, &mut middle, 2_999_999_999).expect("it is as long");
    assert_eq!(&middle, b"\0in the middle\0");
}

#[test]
fn ten_thousand_small_files_arrive_and_share_their_syncs() {
    let place = tempfile::tempdir().expect("there is room");
    let tree = place.path().join("tree");
    for directory in 0..100 {
        let directory = tree.join(format!("d{directory}"));
        std::fs::create_dir_all(&directory).expect("there is room");
        for file in 0..100 {
            std::fs::write(directory.join(format!("f{file}")), format!("{file}").repeat(50))
                .expect("there is room");
        }
    }
    let target = place.path().join("target");
    std::fs::create_dir(&target).expect("there is room");
    let mut syncs = 0;
    let mut count = |event: TransferEvent<'_>| syncs += u32::from(matches!(event, TransferEvent::Synced));
    let outcomes = over_tcp(std::slice::from_ref(&tree), &target, &How::default(), &mut ignore, &mut count);
    both_stored(&outcomes);
    assert_eq!(outcomes.0.totals.files, 10_000);
    let differs = std::process::Command::new("diff").arg("-r").arg(&tree).arg(target.join("tree")).status();
    assert!(differs.expect("there is a diff").success());
    // Where one sync may stand for many it does; elsewhere each file has its own.
    assert!(syncs <= 100 || syncs >= 10_000, "{syncs} syncs");
}

#[test]
fn a_target_that_vanishes_is_no_success() {
    let place = place();
    let source = write(&place.path().join("source"), &content(1, 3_000_000));
    let directory = place.path().join("directory");
    std::fs::create_dir(&directory).expect("there is room");
    let target = directory.join("target");
    let mut vanish = |event: TransferEvent<'_>| {
        if let TransferEvent::Moved { .. } = event {
            // The second time there is nothing to remove.
            let _ = std::fs::remove_dir_all(&directory);
        }
    };
    let (sent, received) = over_tcp(&[source], &target, &How::default(), &mut ignore, &mut vanish);
    assert!(matches!(sent.verdict, Verdict::Refused { .. }), "{:?}", sent.verdict);
    assert!(matches!(received.verdict, Verdict::Local { .. }), "{:?}", received.verdict);
    assert!(
        words(&sent).contains("receiver: the partial of target was removed or replaced by another program"),
        "{}",
        words(&sent)
    );
}

#[test]
fn a_device_a_directory_and_anothers_partial_are_not_replaced() {
    let place = place();
    let paths = [write(&place.path().join("x"), b"content"), write(&place.path().join("y"), b"content")];
    let target = place.path().join("target");
    for (make, said) in [
        (
            Box::new(|p: &Path| std::fs::create_dir(p.join("x")))
                as Box<dyn Fn(&Path) -> std::io::Result<()>>,
            "is a directory",
        ),
        (Box::new(|p: &Path| places::fifo(&p.join("x"))), "is no regular file"),
        (
            Box::new(|p: &Path| symlink("/etc/passwd", p.join(".x.adieu-partial"))),
            ".x.adieu-partial is a link, and a partial is wanted there",
        ),
        (
            Box::new(|p: &Path| {
                std::fs::write(p.join("other"), b"other")?;
                std::fs::hard_link(p.join("other"), p.join(".x.adieu-partial"))
            }),
            "is there, and is not ours",
        ),
    ] {
        std::fs::create_dir(&target).expect("there is room");
        make(&target).expect("it can be made");
        let (sent, received) = over_tcp(&paths, &target, &How::default(), &mut ignore, &mut ignore);
        assert!(words(&sent).contains(said), "{said}: {}", words(&sent));
        assert!(matches!(received.verdict, Verdict::Local { .. }), "{:?}", received.verdict);
        std::fs::remove_dir_all(&target).expect("it is ours");
    }
}

#[test]
fn a_link_in_the_target_is_not_followed() {
    let place = place();
    let outside = place.path().join("outside");
    let tree = place.path().join("tree");
    let target = place.path().join("target");
    for directory in [&outside, &tree, &target] {
        std::fs::create_dir(directory).expect("there is room");
    }
    write(&tree.join("file"), b"content");
    symlink(&outside, target.join("tree")).expect("links can be made");
    let (sent, _) = over_tcp(&[tree], &target, &How::default(), &mut ignore, &mut ignore);
    assert!(words(&sent).contains("receiver: tree is a link, and not followed"), "{}", words(&sent));
    assert_eq!(std::fs::read_dir(&outside).expect("it is there").count(), 0);
}

#[test]
fn a_link_that_leads_out_is_not_sent() {
    let place = place();
    let tree = place.path().join("tree");
    std::fs::create_dir(&tree).expect("there is room");
    symlink("../../etc/passwd", tree.join("link")).expect("links can be made");
    let (sent, received) =
        over_tcp(&[tree], &place.path().join("t"), &How::default(), &mut ignore, &mut ignore);
    assert!(words(&sent).contains("out of the directory that is sent"), "{}", words(&sent));
    assert!(matches!(received.verdict, Verdict::Incomplete { .. }), "{:?}", received.verdict);
}

/// Sends a file of this mode to where there is something, and gives the outcomes and the most bits that the partial had after
/// the first content came.
fn with_mode(
    source: (&Path, u32),
    target: &Path,
    resume: bool,
) -> ((adieu_transfer::TransferOutcome, adieu_transfer::TransferOutcome), u32) {
    std::fs::set_permissions(source.0, PermissionsExt::from_mode(source.1)).expect("it is ours");
    let partial = target.with_file_name(".target.adieu-partial");
    let mut seen = 0;
    let mut look = |event: TransferEvent<'_>| {
        if let (TransferEvent::Moved { .. }, Ok(there)) = (event, std::fs::metadata(&partial)) {
            seen |= there.mode() & 0o777;
        }
    };
    let how = How { resume, ..How::default() };
    let outcomes = over_tcp(&[source.0.to_owned()], target, &how, &mut ignore, &mut look);
    (outcomes, seen)
}

fn mode_of(path: &Path) -> u32 {
    std::fs::metadata(path).expect("it is there").mode() & 0o7777
}

/// What the system leaves of all nine bits when it makes a file.
fn creation_mask(directory: &Path) -> u32 {
    use std::os::unix::fs::OpenOptionsExt;
    let path = directory.join("mask");
    std::fs::OpenOptions::new().write(true).create_new(true).mode(0o777).open(&path).expect("there is room");
    mode_of(&path)
}

#[test]
fn what_is_stored_has_the_bits_of_its_source_whatever_was_there() {
    let whole = content(7, 1_000_000);
    for (there, source) in
        [(0o644, 0o600), (0o644, 0o755), (0o600, 0o644), (0o755, 0o644), (0o666, 0o666), (0o4777, 0o400)]
    {
        for (name, length, resume) in [
            (".target.adieu-partial", 393_216, true),
            (".target.adieu-partial", 393_216, false),
            ("target", whole.len(), true),
        ] {
            let place = place();
            let (path, target) = (write(&place.path().join("source"), &whole), place.path().join("target"));
            let old = write(&place.path().join(name), &whole[..length]);
            std::fs::set_permissions(&old, PermissionsExt::from_mode(there)).expect("it is ours");
            let (outcomes, seen) = with_mode((&path, source), &target, resume);
            both_stored(&outcomes);
            let case = format!("{name} of {there:o}, and {source:o} is sent, resumed: {resume}");
            let mask = creation_mask(place.path());
            assert_eq!(mode_of(&target), source & mask, "{case}");
            assert_eq!(seen & !((source | 0o600) & mask), 0, "{case}: {seen:o} while it was written");
            let kept = u64::from(name == "target");
            let resumed = if resume { Some(length as u64) } else { None };
            assert_eq!((outcomes.1.files_kept, outcomes.1.resumed_from), (kept, resumed), "{case}");
            assert_eq!(partials(place.path()), Vec::<PathBuf>::new());
        }
    }
}

#[test]
fn a_file_with_another_name_does_not_get_other_bits_by_being_kept() {
    let place = place();
    let (path, target) =
        (write(&place.path().join("source"), b"content"), write(&place.path().join("target"), b"content"));
    let backup = place.path().join("backup");
    std::fs::hard_link(&target, &backup).expect("it is a file");
    std::fs::set_permissions(&target, PermissionsExt::from_mode(0o640)).expect("it is ours");
    let (outcomes, _) = with_mode((&path, 0o600), &target, true);
    both_stored(&outcomes);
    assert_eq!((mode_of(&target), mode_of(&backup), outcomes.1.files_kept), (0o600, 0o640, 0));
    // With the right bits there is nothing to do to it.
    std::fs::remove_file(&backup).expect("it is there");
    std::fs::hard_link(&target, &backup).expect("it is a file");
    let (outcomes, _) = with_mode((&path, 0o600), &target, true);
    both_stored(&outcomes);
    assert_eq!(outcomes.1.files_kept, 1);
}

/// One that was left by a receiver that was killed at the wrong moment.
#[test]
fn what_tells_the_bits_of_new_files_may_be_there_already() {
    let place = place();
    let (path, target) =
        (write(&place.path().join("source"), b"content"), write(&place.path().join("target"), b"content"));
    write(&place.path().join("..adieu-partial"), b"");
    let (outcomes, _) = with_mode((&path, 0o600), &target, true);
    both_stored(&outcomes);
    assert_eq!((mode_of(&target), outcomes.1.files_kept), (0o600, 1));
    assert_eq!(partials(place.path()), Vec::<PathBuf>::new());
}

/// Does something to the source, once, when its first piece has gone. Gives the sender's outcome, and how often it hashed.
fn meddled_with(
    place: &Path,
    bytes: &[u8],
    meddle: &(dyn Fn(&Path) + Sync),
) -> (adieu_transfer::TransferOutcome, u32) {
    let (source, target) = (write(&place.join("source"), bytes), place.join("target"));
    // A file system's clock may tick every few milliseconds only, and what is done later must be seen to be later.
    let changed = |path: &Path| {
        let there = std::fs::metadata(path).expect("it is there");
        (there.ctime(), there.ctime_nsec())
    };
    let until = std::time::Instant::now() + crate::memory::BOUND;
    while changed(&write(&place.join("clock"), b"")) == changed(&source) {
        assert!(std::time::Instant::now() < until, "the file system's clock stands still");
    }
    let (mut done, mut hashed) = (false, 0);
    let mut at_sender = |event: TransferEvent<'_>| match event {
        TransferEvent::Moved { .. } if !done => {
            done = true;
            meddle(&source);
        }
        TransferEvent::Hashing { .. } => hashed += 1,
        _ => {}
    };
    let (sent, received) =
        over_tcp(std::slice::from_ref(&source), &target, &How::default(), &mut at_sender, &mut ignore);
    assert_eq!(sent.verdict == Verdict::Stored, target.exists(), "{:?}", received.verdict);
    (sent, hashed)
}

#[test]
fn a_source_that_is_rewritten_in_place_and_given_its_time_back_is_not_stored() {
    let place = place();
    let rewrite = |path: &Path| {
        let file = std::fs::File::options().write(true).open(path).expect("it is ours");
        let modified = file.metadata().and_then(|there| there.modified()).expect("it is there");
        std::io::Write::write_all(&mut &file, &content(2, 3_000_000)).expect("there is room");
        file.set_modified(modified).expect("it is ours");
    };
    let (sent, _) = meddled_with(place.path(), &content(1, 3_000_000), &rewrite);
    assert!(matches!(sent.verdict, Verdict::Local { .. }), "{:?}", sent.verdict);
    assert!(words(&sent).contains("source was changed while it was being sent"), "{}", words(&sent));
}

#[test]
fn a_source_that_gets_another_name_or_mode_meanwhile_is_read_once_more_and_stored() {
    let link = |path: &Path| std::fs::hard_link(path, path.with_file_name("link")).expect("it is a file");
    let chmod = |path: &Path| {
        std::fs::set_permissions(path, PermissionsExt::from_mode(0o600)).expect("it is ours");
    };
    for (meddle, reads_again) in
        [(&link as &(dyn Fn(&Path) + Sync), true), (&chmod, true), (&|_: &Path| (), false)]
    {
        let place = place();
        let (sent, hashed) = meddled_with(place.path(), &content(1, 3_000_000), meddle);
        assert_eq!((sent.verdict, hashed > 0), (Verdict::Stored, reads_again));
    }
}
