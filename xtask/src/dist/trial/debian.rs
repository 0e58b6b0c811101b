//! A .deb is installed by dpkg in a fresh root, used, and purged without a trace.

use super::super::target::Target;
use super::super::{Plan, deb};
use super::root::{Root, is_there};
use super::use_package;
use anyhow::{Context, Result};
use std::ffi::OsStr;
use std::path::Path;

/// What the scripts of packages need, and dpkg when it runs them.
pub(super) const BASE: [&str; 5] = ["coreutils", "dash", "dpkg", "libc-bin", "sed"];

/// What a C program is built with.
pub(super) const FOR_C: [&str; 3] = ["gcc", "libc6-dev", "pkgconf"];

pub(in super::super) fn program(plan: &Plan, target: &Target, package: &Path) -> Result<String> {
    is_there(package)?;
    let root = Root::make(&plan.work.join("root-deb"), &BASE)?;
    let mut name = "adieu".to_owned();
    if target.launcher.is_some() {
        let machine = target.machine.context("it has packages")?.deb;
        root.dpkg(&[OsStr::new("--add-architecture"), OsStr::new(machine)])?;
        name = format!("adieu:{machine}");
    }
    let older = deb::older(plan, package)?;
    around(&root, &older, package, &name, || use_package::program(&root, target, "/bin/nc"))
}

pub(in super::super) fn c_library(plan: &Plan, target: &Target, package: &Path) -> Result<String> {
    is_there(package)?;
    let root = Root::make(&plan.work.join("root-deb-c"), &[&BASE[..], &FOR_C[..]].concat())?;
    let older = deb::older(plan, package)?;
    around(&root, &older, package, "libadieu-dev", || use_package::c_library(&root, &plan.program(target)))
}

/// Installs an older package, updates it, uses what is there then, purges it, and compares.
fn around(
    root: &Root,
    older: &Path,
    package: &Path,
    name: &str,
    body: impl FnOnce() -> Result<()>,
) -> Result<String> {
    let install = |package: &Path| {
        root.dpkg(&[OsStr::new("--install"), package.as_os_str()])?;
        root.sh(&format!("dpkg --verify {name}")).map(drop)
    };
    let purge = || root.dpkg(&[OsStr::new("--purge"), OsStr::new(name)]);
    root.is_left_as_it_was([older, package], install, body, purge)
}
