//! Packages for Debian's and Red Hat's families of systems: `adieu` for each machine, and the C library for this one.
//!
//! dpkg-deb and rpmbuild make them, from a tree that [`layout`] has made: what is in a package is said once, there.
//!
//! cargo-generate-rpm is not used. Its packages own no folders (`dir = true` of 0.21 fails), so an empty /usr/share/doc/adieu would
//! stay after a removal; it has no links, which a C library needs; and with OpenPGP in it, it takes minutes to build.

use super::layout::{self, Contents, Family};
use super::steps::Steps;
use super::target::Target;
use super::trial::{debian, red_hat};
use super::{Plan, VERSION, c_library, deb, mebibytes, pages, rpm, target};
use crate::parts::Part;
use anyhow::{Context, Result, ensure};
use std::fs;
use std::path::{Path, PathBuf};

impl Family {
    /// What makes its packages, and where that is had.
    fn maker(self) -> Part {
        match self {
            Self::Debian => ("dpkg-deb", "dpkg"),
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
            Self::Debian => format!("{package}_{VERSION}-{}_{}.deb", deb::REVISION, machine.deb),
            Self::RedHat => format!("{package}-{VERSION}-1.{}.rpm", machine.rpm),
        })
    }
}

pub(super) fn parts(_plan: &Plan) -> Vec<Part> {
    vec![Family::Debian.maker(), Family::RedHat.maker(), ("rpm", "rpm"), ("dpkg", "dpkg"), ("tar", "tar")]
}

pub(super) fn parts_of_c_library(plan: &Plan) -> Vec<Part> {
    let mut found = parts(plan);
    found.push(("dpkg-shlibdeps", "dpkg-dev"));
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
            let stage = empty_stage(plan, family, package)?;
            c_library::stage(plan, family, &stage)?;
            package_up(plan, family, package, &stage, native)
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
    let stage = empty_stage(plan, family, "adieu")?;
    layout::stage(family, &contents, &stage)?;
    package_up(plan, family, "adieu", &stage, target)
}

fn empty_stage(plan: &Plan, family: Family, package: &str) -> Result<PathBuf> {
    let stage = plan.stage(family, package);
    if stage.exists() {
        fs::remove_dir_all(&stage)?;
    }
    Ok(stage)
}

fn package_up(plan: &Plan, family: Family, package: &str, stage: &Path, target: &Target) -> Result<String> {
    let path = plan.out.join(family.file(package, target)?);
    match family {
        Family::Debian => deb::make(plan, package, stage, target, &path)?,
        Family::RedHat => rpm::make(plan, package, stage, target, &path)?,
    }
    ensure!(path.is_file(), "{} was not made", path.display());
    mebibytes(&path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::root;

    #[test]
    fn pages_that_say_how_to_install_name_the_files_that_are_made() {
        for page in ["README.md", "packaging/README.md"] {
            let text =
                fs::read_to_string(root().expect("the workspace is there").join(page)).expect("it is there");
            let packages =
                [Family::Debian, Family::RedHat].map(|family| family.file("adieu", target::NATIVE));
            let packages = packages.map(|name| name.expect("it has packages"));
            let archives = ["x86_64-linux", "x86_64-windows"].map(|system| {
                let known = target::ALL.iter().find(|target| target.name == system);
                known.expect("it is built").archive_name()
            });
            for name in packages.iter().chain(&archives) {
                assert!(text.contains(name), "{page} does not name {name}");
            }
        }
    }
}
