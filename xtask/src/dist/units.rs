//! Tests of packaging/systemd: that systemd reads each unit without a complaint, and how much a service is exposed.

use adieu_testkit::skip;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The highest exposure, in tenths, that a service may have by `systemd-analyze security`: 0 is none, 100 everything.
const EXPOSURE: u32 = 20;

/// Copies of the units, as instances, that start a program which is there. Their folder, and their names.
fn instances() -> (tempfile::TempDir, Vec<PathBuf>) {
    let folder = tempfile::tempdir().expect("there is room");
    let units = crate::root().expect("the workspace is there").join("packaging/systemd");
    let mut copies = Vec::new();
    for entry in fs::read_dir(units).expect("units are there") {
        let path = entry.expect("it can be listed").path();
        let name = path.file_name().and_then(|name| name.to_str()).expect("a name in ASCII").to_owned();
        if !(name.ends_with(".service") || name.ends_with(".socket")) {
            continue;
        }
        let text = fs::read_to_string(&path).expect("it can be read").replace("/usr/bin/adieu", "/bin/true");
        let copy = folder.path().join(name.replace('@', "@8080"));
        fs::write(&copy, text).expect("there is room");
        copies.push(copy);
    }
    assert!(copies.len() >= 3, "{copies:?}");
    (folder, copies)
}

fn systemd_analyze(test: &str) -> Option<PathBuf> {
    let found = skip::installed("systemd-analyze");
    if found.is_none() {
        skip::not_here(test, "systemd-analyze is not installed");
    }
    found
}

#[test]
fn systemd_reads_every_unit_without_a_complaint() {
    let Some(program) = systemd_analyze("systemd_reads_every_unit_without_a_complaint") else { return };
    let (_folder, copies) = instances();
    let output = Command::new(program).args(["verify", "--man=no"]).args(&copies).output().expect("it runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && !said.contains("adieu"), "{said}");
}

#[test]
fn every_service_is_hardened() {
    let Some(program) = systemd_analyze("every_service_is_hardened") else { return };
    let (_folder, copies) = instances();
    let readme = crate::root().expect("the workspace is there").join("packaging/README.md");
    let readme = fs::read_to_string(readme).expect("it can be read");
    let is_service = |path: &&PathBuf| path.extension().is_some_and(|extension| extension == "service");
    for service in copies.iter().filter(is_service) {
        let exposure = exposure(&program, service);
        assert!(exposure <= EXPOSURE, "{}: exposure {exposure} of 100", service.display());
        let said = format!("| {}.{} |", exposure / 10, exposure % 10);
        assert!(readme.contains(&said), "packaging/README.md does not say {said} of {}", service.display());
    }
}

/// In tenths.
fn exposure(program: &Path, service: &Path) -> u32 {
    let mut command = Command::new(program);
    command.args(["security", "--offline=yes", "--no-pager"]).arg(service);
    let output = command.output().expect("it runs");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let level = said.split("exposure level for").nth(1).and_then(|rest| rest.split(": ").nth(1));
    let number = level.and_then(|rest| rest.split(' ').next()).expect(&said);
    number.replace('.', "").parse().expect(&said)
}
