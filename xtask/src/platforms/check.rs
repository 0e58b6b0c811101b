//! Type checks, by clippy with warnings as errors.

use crate::parts::{self, CARGO, RUSTC};
use crate::root;
use anyhow::{Context, Result, bail};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// What is checked. Each has code of its own somewhere below, or in a crate that we use.
pub(super) const TARGETS: [&str; 7] = [
    "x86_64-apple-darwin",
    "aarch64-apple-darwin",
    "x86_64-unknown-freebsd",
    "x86_64-unknown-netbsd",
    "x86_64-unknown-openbsd",
    "x86_64-pc-windows-msvc",
    "aarch64-linux-android",
];

/// Debian's, which belongs to the compiler whose standard library can be checked from its source.
pub(super) const CLIPPY: &str = "/usr/bin/cargo-clippy";

/// Of the workspace, what is not for users: it builds and measures on Linux alone.
const FOR_LINUX_ALONE: [&str; 2] = ["xtask", "bench-helper"];

/// What only tests use: its dependencies would be half of a quick check.
const FOR_TESTS_ALONE: &str = "adieu-testkit";

/// A lint that does not see a `const` initialiser where threads have no storage of the linker's, on Android and OpenBSD for example.
/// `cargo xtask ci` has it for this system.
const MISTAKEN: &str = "clippy::missing_const_for_thread_local";

/// Checks every crate for a target; unless it is quick, the tests and examples too.
pub(super) fn run(target: &str, is_quick: bool) -> Result<()> {
    clippy(target, "std,panic_unwind", &["--exclude", FOR_TESTS_ALONE])?;
    if is_quick { Ok(()) } else { clippy(target, "std,panic_unwind,test", &["--all-targets"]) }
}

fn clippy(target: &str, std: &str, more: &[&str]) -> Result<()> {
    let mut command = Command::new(CLIPPY);
    command
        .current_dir(root()?)
        .arg("clippy")
        .args([&format!("-Zbuild-std={std}"), "--target", target, "--keep-going"])
        .args(["--workspace", "--all-features"])
        .args(FOR_LINUX_ALONE.iter().flat_map(|package| ["--exclude", package]));
    command
        .args(more)
        .args(["--", "-D", "warnings", "-A", MISTAKEN])
        .env("CARGO", CARGO)
        .env("RUSTC", RUSTC)
        // build-std is not stable yet.
        .env("RUSTC_BOOTSTRAP", "1")
        .env("CARGO_TARGET_DIR", parts::folder()?)
        .envs([("CARGO_PROFILE_DEV_DEBUG", "0"), ("CARGO_INCREMENTAL", "0")])
        // Those of the cargo that runs us name its own compiler.
        .env_remove("RUSTUP_TOOLCHAIN")
        .env_remove("RUSTFLAGS");
    // ring and zstd have C in them, and a check links nothing: a compiler that does nothing serves.
    let name = target.replace('-', "_");
    for tool in ["CC", "CXX"] {
        command.env(format!("{tool}_{name}"), "true");
    }
    command.env(format!("AR_{name}"), archiver()?);
    let status = command.stdin(Stdio::null()).status().with_context(|| format!("{CLIPPY} does not start"))?;
    if status.success() { Ok(()) } else { bail!("{target}: {status}") }
}

/// A program that makes empty archives: what calls it for Windows copies what it has made.
fn archiver() -> Result<PathBuf> {
    let path = parts::folder()?.join("empty-archive");
    let script = "#!/bin/sh\nfor word; do case $word in -out:*) : > \"${word#-out:}\" ;; esac; done\n";
    fs::create_dir_all(parts::folder()?)?;
    fs::write(&path, script)?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
    Ok(path)
}
