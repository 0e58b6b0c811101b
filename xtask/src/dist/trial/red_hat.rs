//! An .rpm is installed by rpm in a fresh root with a database of its own, used, and erased without a trace.
//!
//! The root's programs are Debian's, and rpm's database does not know them, so dependencies are not checked: those of our packages
//! are looked at by themselves. Nor is the machine: the program of another one is run by qemu.

use super::super::target::Target;
use super::super::{Plan, rpm};
use super::debian::{BASE, FOR_C};
use super::root::{Root, is_there, succeed};
use super::use_package;
use anyhow::{Context, Result, ensure};
use std::path::Path;
use std::process::Command;

pub(in super::super) fn program(plan: &Plan, target: &Target, package: &Path) -> Result<String> {
    is_there(package)?;
    let root = Root::make(&plan.work.join("root-rpm"), &BASE)?;
    let needs = rpm_says(package, "--requires")?;
    let unmet = needs.lines().find(|line| !line.starts_with("rpmlib(") && *line != "/bin/sh");
    ensure!(unmet.is_none(), "the static program needs nothing, and its package says: {needs}");
    let older = rpm::older(plan, "adieu", target)?;
    around(&root, &older, package, "adieu", || use_package::program(&root, target, "/usr/bin/nc"))
}

pub(in super::super) fn c_library(plan: &Plan, target: &Target, package: &Path) -> Result<String> {
    is_there(package)?;
    let root = Root::make(&plan.work.join("root-rpm-c"), &[&BASE[..], &FOR_C[..]].concat())?;
    let provides = rpm_says(package, "--provides")?;
    ensure!(provides.contains("libadieu.so.0"), "the package of the library provides: {provides}");
    let older = rpm::older(plan, "libadieu-devel", target)?;
    around(&root, &older, package, "libadieu-devel", || {
        // Debian's loader and pkg-config do not look in lib64, where Red Hat's do.
        let folder = root.folder();
        std::fs::write(folder.join("etc/ld.so.conf.d/lib64.conf"), "/usr/lib64\n")?;
        root.sh("ldconfig")?;
        let done = use_package::c_library(&root, &plan.program(target));
        std::fs::remove_file(folder.join("etc/ld.so.conf.d/lib64.conf"))?;
        done
    })
}

fn rpm_says(package: &Path, query: &str) -> Result<String> {
    let output = Command::new("rpm").args(["--query", query, "--package"]).arg(package).output()?;
    ensure!(output.status.success(), "rpm {query}: {}", output.status);
    String::from_utf8(output.stdout).context("rpm prints ASCII for our packages")
}

/// Installs an older package, updates it, uses what is there then, erases it, and compares.
fn around(
    root: &Root,
    older: &Path,
    package: &Path,
    name: &str,
    body: impl FnOnce() -> Result<()>,
) -> Result<String> {
    let rpm = |arguments: &[&str]| {
        let mut command = Command::new("rpm");
        command.arg("--root").arg(root.folder()).args(["--dbpath", "/var/lib/rpm"]).args(arguments);
        command
    };
    let install = |package: &Path| {
        succeed(rpm(&["--upgrade", "--nodeps", "--nosignature", "--ignorearch"]).arg(package))?;
        succeed(&mut rpm(&["--verify", "--nodeps", name]))
    };
    let erase = || succeed(&mut rpm(&["--erase", "--nodeps", name]));
    root.is_left_as_it_was([older, package], install, body, erase)
}
