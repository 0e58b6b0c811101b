//! Names on a file system that takes some of them for one.

use crate::faults::words;
use crate::ordinary::{both_stored, send};
use crate::support::{How, partials, place, write};
use adieu_transfer::Verdict;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

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
