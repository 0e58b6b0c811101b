//! An .rpm, made by rpmbuild from a tree and from a file of packaging/rpm.

use super::layout::Family;
use super::target::Target;
use super::trial::root::succeed;
use super::{Plan, VERSION};
use crate::root;
use anyhow::{Context, Result};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Makes the package of a tree.
pub(super) fn make(plan: &Plan, package: &str, stage: &Path, target: &Target, path: &Path) -> Result<()> {
    let made = build(plan, package, VERSION, stage, target)?;
    fs::copy(&made, path).with_context(|| format!("rpmbuild has not made {}", made.display()))?;
    Ok(())
}

/// Makes a package of a version. Where it is.
fn build(plan: &Plan, package: &str, version: &str, stage: &Path, target: &Target) -> Result<PathBuf> {
    let machine = target.machine.context("it has packages")?.rpm;
    let files = stage.with_extension("files");
    fs::write(&files, owned(stage)?)?;
    let folder = plan.work.join("rpmbuild");
    let compression = if plan.quick { "w1.gzdio" } else { "w6.xzdio" };
    let mut command = Command::new("rpmbuild");
    command.args(["-bb", "--target", machine]).env("SOURCE_DATE_EPOCH", plan.epoch.to_string());
    for (name, value) in [
        ("_topdir", folder.display().to_string().as_str()),
        ("stage", &stage.display().to_string()),
        ("release_version", version),
        ("_binary_payload", compression),
        // What would differ from machine to machine, and from build to build.
        ("_buildhost", "localhost"),
        ("use_source_date_epoch_as_buildtime", "1"),
        ("clamp_mtime_to_source_date_epoch", "1"),
        ("_build_id_links", "none"),
    ] {
        command.args(["--define", &format!("{name} {value}")]);
    }
    succeed(command.arg(root()?.join(format!("packaging/rpm/{package}.spec"))))?;
    Ok(folder.join("RPMS").join(machine).join(format!("{package}-{version}-1.{machine}.rpm")))
}

/// The package of the same tree with a lower version, to be updated from.
pub(super) fn older(plan: &Plan, package: &str, target: &Target) -> Result<PathBuf> {
    build(plan, package, "0.0.1", &plan.stage(Family::RedHat, package), target)
}

/// Folders that every system has: a package that owned one would remove it. Others are each package's own that puts a file there.
const EVERYBODYS: [&str; 14] = [
    "usr",
    "usr/bin",
    "usr/include",
    "usr/lib",
    "usr/lib/systemd",
    "usr/lib/systemd/system",
    "usr/lib64",
    "usr/lib64/pkgconfig",
    "usr/share",
    "usr/share/doc",
    "usr/share/licenses",
    "usr/share/man",
    "usr/share/man/man1",
    "usr/share/man/man7",
];

/// The files and folders of a tree that a package owns, as `%files -f` of rpmbuild reads them.
fn owned(stage: &Path) -> Result<String> {
    let mut lines = Vec::new();
    list(stage, Path::new("usr"), &mut lines)?;
    lines.sort();
    Ok(lines.concat())
}

fn list(stage: &Path, folder: &Path, lines: &mut Vec<String>) -> Result<()> {
    if !EVERYBODYS.iter().any(|known| Path::new(known) == folder) {
        lines.push(format!("%dir \"/{}\"\n", folder.display()));
    }
    for entry in fs::read_dir(stage.join(folder))? {
        let entry = entry?;
        let name = folder.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            list(stage, &name, lines)?;
        } else {
            lines.push(format!("\"/{}\"\n", name.display()));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::layout;
    use super::*;

    #[test]
    fn a_package_owns_its_files_and_the_folders_that_not_every_system_has() {
        let folder = tempfile::tempdir().expect("there is room");
        let tree = layout::Tree { below: folder.path() };
        tree.put("usr/bin/adieu", b"a program", 0o755).expect("there is room");
        tree.put("usr/share/doc/adieu/README.md", b"a text", 0o644).expect("there is room");
        let files = owned(folder.path()).expect("it can be listed");
        let expected =
            "\"/usr/bin/adieu\"\n\"/usr/share/doc/adieu/README.md\"\n%dir \"/usr/share/doc/adieu\"\n";
        assert_eq!(files, expected);
    }
}
