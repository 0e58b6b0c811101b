//! Transfers as they should go: what is stored is what was sent, whatever it is.

use crate::support::{How, content, over_tcp, partials, place, write};
use adieu_transfer::{Outcome, Step, Verdict};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

fn ignore(_: Step<'_>) {}

pub(crate) fn send(paths: &[PathBuf], target: &Path, how: &How) -> (Outcome, Outcome) {
    over_tcp(paths, target, how, &mut ignore, &mut ignore)
}

fn both_stored((sent, received): &(Outcome, Outcome)) {
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
        [(0, vec![PIECE, PIECE, PIECE, 7]), (100_001, vec![100_001, PIECE - 100_001, PIECE, PIECE, 7])]
    {
        if there > 0 {
            std::fs::remove_file(&target).expect("it was stored");
            write(&place.path().join(".target.adieu-partial"), &bytes[..there]);
        }
        let mut moved = Vec::new();
        let mut at_sender = |step: Step<'_>| match step {
            Step::Moved { bytes } if bytes > 0 => moved.push(bytes),
            _ => {}
        };
        let outcomes = over_tcp(std::slice::from_ref(&source), &target, &how, &mut at_sender, &mut ignore);
        both_stored(&outcomes);
        assert_eq!(moved, wanted);
        assert_eq!(std::fs::read(&target).expect("it is there"), bytes);
    }
}

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
    let mut count = |step: Step<'_>| syncs += u32::from(matches!(step, Step::Synced));
    let outcomes = over_tcp(std::slice::from_ref(&tree), &target, &How::default(), &mut ignore, &mut count);
    both_stored(&outcomes);
    assert_eq!(outcomes.0.totals.files, 10_000);
    let differs = std::process::Command::new("diff").arg("-r").arg(&tree).arg(target.join("tree")).status();
    assert!(differs.expect("there is a diff").success());
    // Where one sync may stand for many it does; elsewhere each file has its own.
    assert!(syncs <= 100 || syncs >= 10_000, "{syncs} syncs");
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
