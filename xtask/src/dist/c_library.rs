//! The C library as a package: shared and static library, header, pkg-config file, and its documentation.

use super::layout::{self, Family, Tree};
use super::{Plan, binaries, components, licences, target};
use crate::capi::{self, Place};
use crate::{cargo, root};
use anyhow::Result;
use std::fs;
use std::path::{Path, PathBuf};

/// Debian's folder of libraries for this machine.
const DEBIAN_LIBRARIES: &str = "lib/x86_64-linux-gnu";

/// The package's name, which each family makes in its own way.
pub(super) fn package(family: Family) -> &'static str {
    match family {
        Family::Debian => "libadieu-dev",
        Family::RedHat => "libadieu-devel",
    }
}

/// What was built, installed as for both families, below a folder of its own.
fn built(plan: &Plan, family: Family) -> PathBuf {
    plan.work.join("c-library").join(family.folder())
}

/// Builds it, and its licences.
pub(super) fn build(plan: &Plan) -> Result<String> {
    let mut command = cargo()?;
    let mut unnamed = Vec::new();
    // `--quick` takes what `cargo xtask ci` has built for its tests.
    if !plan.quick {
        let work = plan.work.join("cargo-c-library");
        let folders = binaries::folders(&root()?, &work)?;
        command
            .env("CARGO_TARGET_DIR", &work)
            .env("CARGO_INCREMENTAL", "0")
            .env_remove("RUSTFLAGS")
            .env("CARGO_ENCODED_RUSTFLAGS", binaries::rustflags(&[], &folders))
            .env("CFLAGS", binaries::cflags(&folders));
        unnamed = folders;
    }
    let library = capi::build_by(command)?;
    for family in [Family::Debian, Family::RedHat] {
        let folder = built(plan, family);
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        let libdir = match family {
            Family::Debian => DEBIAN_LIBRARIES,
            Family::RedHat => "lib64",
        };
        capi::install(&library, &Place { prefix: Path::new("/usr"), libdir, destdir: Some(&folder) })?;
        for entry in fs::read_dir(folder.join("usr").join(libdir))? {
            let path = entry?.path();
            if path.is_file() {
                binaries::names_no_folder(&path, &unnamed)?;
            }
        }
    }
    Ok("built and installed below a folder".to_owned())
}

/// Makes the tree of its package.
pub(super) fn stage(plan: &Plan, family: Family, below: &Path) -> Result<()> {
    let tree = Tree { below };
    tree.copy(&built(plan, family).join("usr"), "usr")?;
    let package = package(family);
    let documents = format!("usr/share/doc/{package}");
    tree.copy(&root()?.join("docs/c.md"), &format!("{documents}/c.md"))?;
    tree.copy(&capi::crate_folder()?.join("examples"), &format!("{documents}/examples"))?;
    let components = components::of("adieu-capi", target::NATIVE.triple)?;
    let third_party = licences::third_party(&components, &[target::STD])?;
    layout::licences(family, &tree, package, &third_party, &layout::changelog(plan, package)?)
}
