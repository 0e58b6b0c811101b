//! Packages for Debian's and Red Hat's families of systems: `adieu` for each machine, and the C library for this one.
//!
//! cargo-deb and rpmbuild make them, from a tree that [`layout`] has made: what is in a package is said once, there.
//!
//! cargo-generate-rpm is not used. Its packages own no folders (`dir = true` of 0.21 fails), so an empty /usr/share/doc/adieu would
//! stay after a removal; it has no links, which a C library needs; and with OpenPGP in it, it takes minutes to build.

use super::layout::{self, Contents, Family};
use super::steps::Steps;
use super::target::Target;
use super::trial::root::succeed;
use super::trial::{debian, red_hat};
use super::{Plan, VERSION, c_library, mebibytes, pages, target};
use crate::parts::Part;
use crate::{cargo, root};
use anyhow::{Context, Result, ensure};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The trees, where the manifests look for them.
const STAGE: &str = "target/dist-build/stage";

impl Family {
    /// What makes its packages, and where that is had.
    fn maker(self) -> Part {
        match self {
            Self::Debian => ("cargo-deb", "crate cargo-deb"),
            Self::RedHat => ("rpmbuild", "rpm"),
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

pub(super) fn parts(_plan: &Plan) -> Vec<Part> {
    vec![Family::Debian.maker(), Family::RedHat.maker(), ("rpm", "rpm"), ("dpkg", "dpkg"), ("tar", "tar")]
}

pub(super) fn parts_of_c_library(plan: &Plan) -> Vec<Part> {
    let mut found = parts(plan);
    if plan.trial {
        found.extend([("gcc", "gcc"), ("pkg-config", "pkgconf"), ("/usr/include/stdio.h", "libc6-dev")]);
    }
    found
}

/// How a package of one family is tried.
type Try = fn(&Plan, &Target, &Path) -> Result<String>;

pub(super) fn make(plan: &Plan, steps: &mut Steps) {
    let families: [(Family, Try); 2] =
        [(Family::Debian, debian::program), (Family::RedHat, red_hat::program)];
    for (family, try_it) in families {
        for target in plan.targets.iter().filter(|target| target.machine.is_some()) {
            let name = format!("{} for {}", family.folder(), target.name);
            steps.run(&name, || program(plan, family, target));
            steps.try_it(&format!("{name} is installed, used and removed"), || {
                try_it(plan, target, &plan.out.join(family.file("adieu", target)?))
            });
        }
    }
}

/// The C library, for the machine that builds it.
pub(super) fn make_c_library(plan: &Plan, steps: &mut Steps) {
    let Some(native) = plan.native() else { return };
    steps.run("the C library", || c_library::build(plan));
    let families: [(Family, Try); 2] =
        [(Family::Debian, debian::c_library), (Family::RedHat, red_hat::c_library)];
    for (family, try_it) in families {
        let package = c_library::package(family);
        let name = format!("{} of the C library", family.folder());
        steps.run(&name, || {
            let stage = empty_stage(family, "capi")?;
            c_library::stage(plan, family, &stage)?;
            package_up(plan, family, "adieu-capi", package, &stage, native)
        });
        steps.try_it(&format!("{name} is installed, used and removed"), || {
            try_it(plan, native, &plan.out.join(family.file(package, native)?))
        });
    }
}

fn program(plan: &Plan, family: Family, target: &Target) -> Result<String> {
    // Those of the program that runs on this system: they are the same for all.
    let native = plan.program(target::NATIVE);
    let contents = Contents {
        program: &plan.program(target),
        manual: &pages::manual(&native)?,
        completions: &pages::completions(&native)?,
        third_party: &fs::read_to_string(plan.third_party(target))?,
        changelog: &layout::changelog(plan, "adieu")?,
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
    let path = plan.out.join(family.file(package, target)?);
    match family {
        Family::Debian => debian_package(plan, krate, target, &path)?,
        Family::RedHat => red_hat_package(plan, package, stage, target, &path)?,
    }
    ensure!(path.is_file(), "{} was not made", path.display());
    mebibytes(&path)
}

fn debian_package(plan: &Plan, krate: &str, target: &Target, path: &Path) -> Result<()> {
    let mut command = cargo()?;
    command
        .args(["deb", "--no-build", "--no-strip", "--package", krate, "--target", target.triple])
        .args(["--deb-revision", "1", "--output"])
        .arg(path)
        .env("SOURCE_DATE_EPOCH", plan.epoch.to_string());
    if plan.quick {
        // Compressed fast: it is only tried.
        command.arg("--fast");
    }
    succeed(&mut command)
}

fn red_hat_package(plan: &Plan, package: &str, stage: &Path, target: &Target, path: &Path) -> Result<()> {
    let machine = target.machine.context("it has packages")?.rpm;
    let files = stage.with_extension("files");
    fs::write(&files, red_hat_files(stage)?)?;
    let folder = plan.work.join("rpmbuild");
    let compression = if plan.quick { "w1.gzdio" } else { "w6.xzdio" };
    let mut command = Command::new("rpmbuild");
    command.args(["-bb", "--target", machine]).env("SOURCE_DATE_EPOCH", plan.epoch.to_string());
    for (name, value) in [
        ("_topdir", folder.display().to_string().as_str()),
        ("stage", &stage.display().to_string()),
        ("release_version", VERSION),
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
    let name = path.file_name().context("it has a name")?;
    fs::copy(folder.join("RPMS").join(machine).join(name), path)
        .with_context(|| format!("rpmbuild has not made {}", name.display()))?;
    Ok(())
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
fn red_hat_files(stage: &Path) -> Result<String> {
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
    use super::*;

    #[test]
    fn a_package_owns_its_files_and_the_folders_that_not_every_system_has() {
        let folder = tempfile::tempdir().expect("there is room");
        let tree = layout::Tree { below: folder.path() };
        tree.put("usr/bin/adieu", b"a program", 0o755).expect("there is room");
        tree.put("usr/share/doc/adieu/README.md", b"a text", 0o644).expect("there is room");
        let files = red_hat_files(folder.path()).expect("it can be listed");
        let expected =
            "\"/usr/bin/adieu\"\n\"/usr/share/doc/adieu/README.md\"\n%dir \"/usr/share/doc/adieu\"\n";
        assert_eq!(files, expected);
    }
}
