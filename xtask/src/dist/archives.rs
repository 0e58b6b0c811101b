//! An archive for each system: the program, its licences, documentation, manual pages and completions, to be unpacked anywhere.
//!
//! For Linux it is a .tar.gz, and for Windows a .zip, which Explorer opens.

use super::layout::{DOCUMENTS, Tree, gzip, links_lead_somewhere};
use super::pages::{self, Page};
use super::steps::Steps;
use super::sums::names_in;
use super::target::{Archive, Target};
use super::trial::program::Runner;
use super::trial::root::succeed;
use super::{Plan, mebibytes, target};
use crate::parts::Part;
use crate::root;
use anyhow::{Context, Result, ensure};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, UNIX_EPOCH};

/// tar and gzip are everywhere.
pub(super) fn parts(plan: &Plan) -> Vec<Part> {
    let zips = plan.targets.iter().any(|target| target.archive == Archive::Zip);
    if zips { vec![("zip", "zip"), ("unzip", "unzip")] } else { Vec::new() }
}

pub(super) fn make(plan: &Plan, steps: &mut Steps) {
    for target in &plan.targets {
        steps.run(&format!("archive for {}", target.name), || {
            // Those of the program that runs on this system: they are the same for all.
            let native = plan.program(target::NATIVE);
            let (manual, completions) = (pages::manual(&native)?, pages::completions(&native)?);
            let path = path(plan, target);
            archive(plan, target, &manual, &completions, &path)?;
            mebibytes(&path)
        });
        steps.try_it(&format!("the archive for {} is unpacked and used", target.name), || {
            try_it(target, &path(plan, target))
        });
    }
}

fn path(plan: &Plan, target: &Target) -> PathBuf {
    plan.out.join(target.archive_name())
}

fn archive(plan: &Plan, target: &Target, manual: &[Page], completions: &[Page], path: &Path) -> Result<()> {
    let place = tempfile::tempdir()?;
    let stem = target.stem();
    let tree = Tree { below: place.path() };
    tree.put(&format!("{stem}/{}", target.program), &fs::read(plan.program(target))?, 0o755)?;
    for name in DOCUMENTS.iter().chain(&["LICENSE-MIT", "LICENSE-APACHE"]) {
        tree.copy(&root()?.join(name), &format!("{stem}/{name}"))?;
    }
    tree.put(&format!("{stem}/THIRD-PARTY"), &fs::read(plan.third_party(target))?, 0o644)?;
    for (name, text) in manual {
        tree.put(&format!("{stem}/man/{name}"), text.as_bytes(), 0o644)?;
    }
    for (shell, text) in completions {
        tree.put(&format!("{stem}/completions/adieu.{shell}"), text.as_bytes(), 0o644)?;
    }
    match target.archive {
        Archive::TarGz => fs::write(path, gzip(&tar(place.path(), &stem, plan.epoch)?)?)?,
        Archive::Zip => zip(place.path(), plan.epoch, path)?,
    }
    Ok(())
}

/// Unpacks it in an empty folder, as anybody would.
fn try_it(target: &Target, path: &Path) -> Result<String> {
    let place = tempfile::tempdir()?;
    let (program, from, to) = match target.archive {
        Archive::TarGz => ("tar", "-xf", "-C"),
        Archive::Zip => ("unzip", "-q", "-d"),
    };
    succeed(Command::new(program).arg(from).arg(path).arg(to).arg(place.path()))?;
    let folder = place.path().join(target.stem());
    let count = fs::read_dir(place.path())?.count();
    ensure!(count == 1 && folder.is_dir(), "it does not unpack into the one folder {}", target.stem());
    links_lead_somewhere(&folder)?;
    for name in ["LICENSE-MIT", "LICENSE-APACHE", "THIRD-PARTY", "man/adieu.1", "completions/adieu.bash"] {
        let length = fs::metadata(folder.join(name)).with_context(|| name.to_owned())?.len();
        ensure!(length > 0, "{name} is empty");
    }
    Runner::of(target, &folder.join(target.program))?.says_its_version()?;
    Ok("its program starts".to_owned())
}

/// The same bytes for the same files, whoever has made them and when.
fn tar(folder: &Path, name: &str, epoch: u64) -> Result<Vec<u8>> {
    let output = Command::new("tar")
        .current_dir(folder)
        .args(["--create", "--format=ustar", "--sort=name", "--owner=0", "--group=0", "--numeric-owner"])
        .args([&format!("--mtime=@{epoch}"), name])
        .output()
        .context("tar does not start")?;
    ensure!(output.status.success(), "tar: {}\n{}", output.status, String::from_utf8_lossy(&output.stderr));
    Ok(output.stdout)
}

/// The same. A .zip has local time, in steps of two seconds: it is that of UTC.
fn zip(folder: &Path, epoch: u64, path: &Path) -> Result<()> {
    let names = names_in(folder)?;
    for name in &names {
        let file = fs::File::options().write(true).open(folder.join(name))?;
        file.set_modified(UNIX_EPOCH + Duration::from_secs(epoch))?;
    }
    // It would add to one that is there.
    if path.exists() {
        fs::remove_file(path)?;
    }
    let mut child = Command::new("zip")
        .current_dir(folder)
        .env("TZ", "UTC")
        .args(["-q", "-9", "-X", "-D", "-@"])
        .arg(path)
        .stdin(Stdio::piped())
        .spawn()
        .context("zip does not start")?;
    child.stdin.take().context("a pipe")?.write_all(names.join("\n").as_bytes())?;
    let status = child.wait()?;
    ensure!(status.success(), "zip: {status}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archive_does_not_know_when_it_was_made() {
        let made = |time: Duration| {
            let folder = tempfile::tempdir().expect("there is room");
            let tree = Tree { below: folder.path() };
            tree.put("adieu/man/adieu.1", b"a page", 0o644).expect("there is room");
            tree.put("adieu/adieu", b"a program", 0o755).expect("there is room");
            let file = fs::File::options().write(true).open(folder.path().join("adieu/adieu"));
            file.and_then(|file| file.set_modified(UNIX_EPOCH + time)).expect("it is ours");
            let tar = tar(folder.path(), "adieu", 1_000_000_000).expect("tar");
            let place = tempfile::tempdir().expect("there is room");
            let path = place.path().join("adieu.zip");
            zip(folder.path(), 1_000_000_000, &path).expect("zip");
            (tar, fs::read(path).expect("it is there"))
        };
        assert_eq!(made(Duration::from_secs(1)), made(Duration::from_secs(2_000_000_000)));
    }
}
