//! A .deb is installed by dpkg in a fresh root, used, and purged without a trace.

use super::super::{Plan, target};
use super::root::{Root, is_there};
use super::use_package;
use anyhow::{Result, ensure};
use std::ffi::OsStr;
use std::path::Path;

/// What the scripts of packages need, and dpkg when it runs them.
pub(super) const BASE: [&str; 5] = ["coreutils", "dash", "dpkg", "libc-bin", "sed"];

/// What a C program is built with.
pub(super) const FOR_C: [&str; 3] = ["gcc", "libc6-dev", "pkgconf"];

pub(in super::super) fn program(plan: &Plan, package: &Path) -> Result<String> {
    is_there(package)?;
    let root = Root::make(&plan.work.join("root-deb"), &BASE)?;
    around(&root, package, "adieu", || {
        use_package::program(&root)?;
        use_package::alternatives(&root, "/bin/nc")?;
        use_package::units(&root)
    })
}

pub(in super::super) fn c_library(plan: &Plan, package: &Path) -> Result<String> {
    is_there(package)?;
    let root = Root::make(&plan.work.join("root-deb-c"), &[&BASE[..], &FOR_C[..]].concat())?;
    around(&root, package, "libadieu-dev", || use_package::c_library(&root, &plan.program(&target::ALL[0])))
}

/// Installs a package, uses it, purges it, and compares.
fn around(root: &Root, package: &Path, name: &str, body: impl FnOnce() -> Result<()>) -> Result<String> {
    let before = root.snapshot()?;
    root.dpkg(&[OsStr::new("--install"), package.as_os_str()])?;
    root.sh(&format!("dpkg --verify {name}"))?;
    let installed = before.differences(&root.snapshot()?).len();
    ensure!(installed > 3, "dpkg has installed {installed} files");
    body()?;
    root.dpkg(&[OsStr::new("--purge"), OsStr::new(name)])?;
    let left = before.differences(&root.snapshot()?);
    ensure!(left.is_empty(), "after the purge of {name} these remain: {}", left.join(", "));
    Ok(format!("{installed} files and folders came and went"))
}
