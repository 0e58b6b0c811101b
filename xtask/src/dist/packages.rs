//! Packages for Debian's and Red Hat's families of systems: `adieu` for each machine, and the C library for this one.
//!
//! cargo-deb and cargo-generate-rpm make them, from a tree that [`layout`] has made: what is in a package is said once, there, and
//! their sections in the manifests only say which tree.

use super::layout::{self, Contents, Family};
use super::steps::Steps;
use super::target::Target;
use super::trial::{debian, red_hat};
use super::{Plan, VERSION, c_library, mebibytes, pages, target};
use crate::parts::{self, Part};
use crate::{cargo, root};
use anyhow::{Context, Result, ensure};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// The trees, where the manifests look for them.
const STAGE: &str = "target/dist-build/stage";

impl Family {
    /// What makes its packages, and where that is had.
    fn maker(self) -> (&'static str, Part) {
        match self {
            Self::Debian => ("deb", ("cargo-deb", "cargo-deb (cargo install --locked cargo-deb)")),
            Self::RedHat => (
                "generate-rpm",
                ("cargo-generate-rpm", "cargo-generate-rpm (cargo install --locked cargo-generate-rpm)"),
            ),
        }
    }

    pub(super) fn folder(self) -> &'static str {
        match self {
            Self::Debian => "deb",
            Self::RedHat => "rpm",
        }
    }

    /// What a package's file is called.
    fn file(self, package: &str, target: &Target) -> Result<String> {
        let machine = target.machine.with_context(|| format!("{} has no packages", target.name))?;
        Ok(match self {
            Self::Debian => format!("{package}_{VERSION}-1_{}.deb", machine.deb),
            Self::RedHat => format!("{package}-{VERSION}-1.{}.rpm", machine.rpm),
        })
    }
}

pub(super) fn make(plan: &Plan, steps: &mut Steps) {
    for family in [Family::Debian, Family::RedHat] {
        for target in plan.targets.iter().filter(|target| target.machine.is_some()) {
            let kind = family.folder();
            steps.run(&format!("{kind} for {}", target.name), || program(plan, family, target));
        }
    }
    let native = &target::ALL[0];
    if plan.targets.iter().any(|target| target.name == native.name) {
        steps.run("the deb is installed, used and removed", || {
            debian::program(plan, &plan.out.join(Family::Debian.file("adieu", native)?))
        });
        steps.run("the rpm is installed, used and removed", || {
            red_hat::program(plan, &plan.out.join(Family::RedHat.file("adieu", native)?))
        });
    }
}

/// The C library, for the machine that builds it.
pub(super) fn make_c_library(plan: &Plan, steps: &mut Steps) {
    let native = &target::ALL[0];
    if !plan.targets.iter().any(|target| target.name == native.name) {
        return;
    }
    steps.run("the C library", || c_library::build(plan));
    for family in [Family::Debian, Family::RedHat] {
        let package = c_library::package(family);
        steps.run(&format!("{} of the C library", family.folder()), || {
            let stage = empty_stage(family, "capi")?;
            c_library::stage(plan, family, &stage)?;
            package_up(plan, family, "adieu-capi", package, &stage, native)
        });
    }
    steps.run("the deb of the C library is installed, used and removed", || {
        debian::c_library(
            plan,
            &plan.out.join(Family::Debian.file(c_library::package(Family::Debian), native)?),
        )
    });
    steps.run("the rpm of the C library is installed, used and removed", || {
        red_hat::c_library(
            plan,
            &plan.out.join(Family::RedHat.file(c_library::package(Family::RedHat), native)?),
        )
    });
}

fn program(plan: &Plan, family: Family, target: &Target) -> Result<String> {
    // Those of the program that runs on this system: they are the same for all.
    let native = plan.program(&target::ALL[0]);
    let contents = Contents {
        program: &plan.program(target),
        manual: &pages::manual(&native)?,
        completions: &pages::completions(&native)?,
        third_party: &fs::read_to_string(plan.third_party(target))?,
        changelog: &changelog(plan, "adieu")?,
    };
    let stage = empty_stage(family, "adieu")?;
    layout::stage(family, &contents, &stage)?;
    package_up(plan, family, "adieu-cli", "adieu", &stage, target)
}

fn empty_stage(family: Family, package: &str) -> Result<PathBuf> {
    let stage = root()?.join(STAGE).join(family.folder()).join(package);
    if stage.exists() {
        fs::remove_dir_all(&stage)?;
    }
    Ok(stage)
}

fn package_up(
    plan: &Plan,
    family: Family,
    krate: &str,
    package: &str,
    stage: &Path,
    target: &Target,
) -> Result<String> {
    let (subcommand, part) = family.maker();
    parts::require(&[part])?;
    let path = plan.out.join(family.file(package, target)?);
    let mut command = cargo()?;
    command.arg(subcommand).env("SOURCE_DATE_EPOCH", plan.epoch.to_string());
    match family {
        Family::Debian => {
            command.args(["--no-build", "--no-strip", "--package", krate, "--target", target.triple]);
            command.args(["--deb-revision", "1", "--output"]).arg(&path)
        }
        Family::RedHat => {
            let assets = plan.work.join(format!("{krate}.toml"));
            fs::write(&assets, red_hat_assets(stage)?)?;
            command.arg("--metadata-overwrite").arg(&assets);
            command.args(["--package", &format!("crates/{krate}"), "--target", target.triple]);
            command.args(["--payload-compress", "xz", "--output"]).arg(&path)
        }
    };
    let output = command.output().context("cargo does not start")?;
    ensure!(
        output.status.success(),
        "cargo {subcommand}: {}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    ensure!(path.is_file(), "cargo {subcommand} has not made {}", path.display());
    mebibytes(&path)
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

/// Every file and folder of a tree, as cargo-generate-rpm is told them: it makes folders by itself, and leaves those behind.
fn red_hat_assets(stage: &Path) -> Result<String> {
    let mut lines = Vec::new();
    list(stage, Path::new("usr"), &mut lines)?;
    lines.sort();
    Ok(format!("assets = [\n{}]\n", lines.concat()))
}

fn list(stage: &Path, folder: &Path, lines: &mut Vec<String>) -> Result<()> {
    if !EVERYBODYS.iter().any(|known| Path::new(known) == folder) {
        let dest = Path::new("/").join(folder);
        lines.push(format!("    {{ dir = true, dest = '{}', mode = '755' }},\n", dest.display()));
    }
    for entry in fs::read_dir(stage.join(folder))? {
        let entry = entry?;
        let name = folder.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            list(stage, &name, lines)?;
            continue;
        }
        ensure!(entry.file_type()?.is_file(), "cargo-generate-rpm has no links: {}", name.display());
        let mode = entry.metadata()?.permissions().mode() & 0o777;
        let (source, dest) = (entry.path(), Path::new("/").join(&name));
        let (source, dest) = (source.display(), dest.display());
        lines.push(format!("    {{ source = '{source}', dest = '{dest}', mode = '{mode:o}' }},\n"));
    }
    Ok(())
}

/// Debian's changelog of a package that is made from a release: the changes themselves are in CHANGELOG.md.
///
/// Source: Debian Policy Manual 4.4.
pub(super) fn changelog(plan: &Plan, package: &str) -> Result<String> {
    Ok(format!(
        "{package} ({VERSION}-1) unstable; urgency=medium\n\n  * Release {VERSION}: see changelog.gz.\n\n \
         -- The adieu founders <adieu@localhost>  {}\n",
        plan.date_of_mail()?
    ))
}

/// A package's file is where the trial can read it.
pub(super) fn is_there(path: &Path) -> Result<()> {
    ensure!(path.is_file(), "{} is not there: it was not made", path.display());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_owns_its_files_and_the_folders_that_not_every_system_has() {
        let folder = tempfile::tempdir().expect("there is room");
        let tree = layout::Tree { below: folder.path() };
        tree.put("usr/bin/adieu", b"a program", 0o755).expect("there is room");
        tree.put("usr/share/doc/adieu/README.md", b"a text", 0o644).expect("there is room");
        let assets = red_hat_assets(folder.path()).expect("it can be listed");
        let folders: Vec<_> = assets.lines().filter(|line| line.contains("dir = true")).collect();
        assert_eq!(folders, ["    { dir = true, dest = '/usr/share/doc/adieu', mode = '755' },"]);
        assert!(assets.contains("dest = '/usr/bin/adieu', mode = '755' }"), "{assets}");
        assert!(assets.contains("dest = '/usr/share/doc/adieu/README.md', mode = '644' }"), "{assets}");
        std::os::unix::fs::symlink("adieu", folder.path().join("usr/bin/nc")).expect("there is room");
        assert!(red_hat_assets(folder.path()).is_err());
    }
}
