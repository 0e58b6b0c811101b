//! Every name that a receipt counts stands for a file of its own.

use crate::faults::{crafted, frames, words};
use crate::ordinary::{both_stored, send};
use crate::support::{How, partials, place, write};
use adieu_transfer::Verdict;
use adieu_transfer::wire::{Control, EntryPath, data_header};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

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
    for (first, second) in [
        (file("t/f", b"one"), file("t/f", b"two")),
        (file("t/f", b"same"), file("t/f", b"same")),
        (link("t/f"), link("t/f")),
        (file("t/f", b"one"), link("t/f")),
        (link("t/f"), file("t/f", b"one")),
        (directory("t/f"), file("t/f", b"one")),
    ] {
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

/// A file system that takes names which differ in their case for one, and numbers its names and not its files: exFAT
/// through FUSE. It is there until this is dropped.
struct ExFat {
    place: tempfile::TempDir,
}

impl ExFat {
    /// `None`: it cannot be had here, which was said.
    fn mount(test: &str) -> Option<Self> {
        let make = adieu_testkit::skip::counterpart(test, "mkfs.exfat")?;
        adieu_testkit::skip::counterpart(test, "mount.exfat-fuse")?;
        let place = tempfile::tempdir().expect("there is room");
        let (image, mounted) = (place.path().join("image"), place.path().join("mounted"));
        let sized = std::fs::File::create(&image).and_then(|file| file.set_len(32 << 20));
        sized.expect("there is room");
        std::fs::create_dir(&mounted).expect("there is room");
        let run = |command: &mut Command| {
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status()
        };
        run(Command::new(make).arg(&image)).expect("it runs");
        // FUSE takes a block device only; the loop device is given back with the last use.
        let mount = ["-t", "exfat-fuse", "-o", "loop"];
        let is_there = run(Command::new("mount").args(mount).args([&image, &mounted]))
            .is_ok_and(|status| status.success());
        let this = Self { place };
        if !is_there || std::fs::write(this.root().join("A"), "").is_err() || !this.root().join("a").exists()
        {
            adieu_testkit::skip::loudly(test, &std::io::ErrorKind::PermissionDenied.into());
            return None;
        }
        std::fs::remove_file(this.root().join("A")).expect("it is there");
        Some(this)
    }

    fn root(&self) -> PathBuf {
        self.place.path().join("mounted")
    }
}

impl Drop for ExFat {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.root()).stderr(Stdio::null()).status();
    }
}

/// How many files there are below a directory.
fn files(directory: &Path) -> usize {
    let entries = std::fs::read_dir(directory).expect("it can be listed");
    entries
        .map(|entry| entry.expect("it can be listed").path())
        .map(|path| if path.is_dir() { files(&path) } else { 1 })
        .sum()
}

#[test]
fn names_that_exfat_takes_for_one_are_refused_with_both_and_nothing_is_half_done() {
    let Some(exfat) = ExFat::mount("names_that_exfat_takes_for_one") else { return };
    let place = place();
    let tree = place.path().join("t");
    let fresh = || {
        let _ = std::fs::remove_dir_all(&tree);
        let _ = std::fs::remove_dir_all(exfat.root().join("t"));
    };
    let make = |names: &[&str]| {
        for name in names {
            let file = tree.join(name);
            std::fs::create_dir_all(file.parent().expect("it is below")).expect("there is room");
            write(&file, name.as_bytes());
        }
    };
    let sources = std::slice::from_ref(&tree);
    let both = "are one name on this file system";
    let directories = "are one directory on this file system";
    for (before, names, said) in [
        (&[][..], ["README", "readme"], both),
        (&["readme"], ["README", "readme"], both),
        (&["README"], ["README", "readme"], both),
        (&[], ["\u{c9}t\u{e9}", "\u{e9}t\u{e9}"], both),
        (&[], ["Dir/f", "dir/f"], directories),
        (&[], ["Dir/f", "dir/g"], directories),
    ] {
        for resume in [false, true] {
            let how = How { resume, ..How::default() };
            fresh();
            make(before);
            if !before.is_empty() {
                both_stored(&send(sources, &exfat.root(), &how));
            }
            make(&names);
            let (sent, received) = send(sources, &exfat.root(), &how);
            assert!(matches!(sent.verdict, Verdict::Refused { .. }), "{names:?}: {:?}", sent.verdict);
            assert!(matches!(received.verdict, Verdict::Local { .. }), "{names:?}: {:?}", received.verdict);
            let [first, second] = names.map(|name| if said == both { name } else { &name[..3] });
            let wanted = format!("receiver: t/{first} and t/{second} {said}");
            assert!(words(&sent).starts_with(&wanted), "{resume}: {}", words(&sent));
            let whole = files(&exfat.root()) - partials(&exfat.root()).len();
            assert_eq!(whole, before.len(), "{names:?} over {before:?}, {resume}");
        }
    }
    // What only another transfer brought is no obstacle, whatever its case.
    fresh();
    for name in ["README", "readme"] {
        let _ = std::fs::remove_dir_all(&tree);
        make(&[name, "other/f"]);
        for resume in [false, true] {
            both_stored(&send(sources, &exfat.root(), &How { resume, ..How::default() }));
        }
        assert_eq!(files(&exfat.root()), 2);
    }
    assert_eq!(partials(&exfat.root()), Vec::<PathBuf>::new());
}
