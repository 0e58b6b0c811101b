//! `cargo xtask windows`: builds for Windows on Linux, and runs the tests under Wine.
//!
//! It installs nothing: what is missing is said, with the command that gets it. The compiler is Debian's, because its
//! standard library can be built for Windows from the source beside it; the one of a rustup toolchain would need a
//! download.
//!
//! Not built for Windows is what tests nothing that differs there: the core's own suites (proptest, stateright), the
//! report's schema and the help's snapshots.

mod c_library;
mod parts;

use crate::{failures::Failures, root};
use anyhow::{Context, Result, bail};
use parts::Parts;
use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

const TARGET: &str = "x86_64-pc-windows-gnu";

/// Tests of one program at a time: all of Wine's calls go through one server process, so more only wait for it.
const THREADS: &str = "4";

/// No test program of ours takes so long, even while a machine of two processors does ten times as much beside it.
const BOUND: Duration = Duration::from_secs(900);

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Only the C library and its programs
    #[arg(long)]
    only_capi: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let began = Instant::now();
    let parts = Parts::find()?;
    let mut results = Results::default();
    let folder = crate::parts::folder()?;

    if !arguments.only_capi {
        run_rust(&parts, &folder, &mut results);
    }
    c_library::run(&parts, &folder, &mut results);
    results.end(began)
}

/// The Rust crates, and the tutorial's programs.
fn run_rust(parts: &Parts, folder: &Path, results: &mut Results) {
    let built = build(parts, folder);
    match built {
        Ok(programs) => {
            let tutorial = folder.join("tutorial");
            results.note("the tutorial's programs", build_tutorial(&tutorial));
            for program in &programs {
                let name = program.file_stem().and_then(OsStr::to_str).unwrap_or("a test").to_owned();
                match has_tests(program) {
                    Ok(false) => println!("--- {name}: nothing in it is for Windows"),
                    Ok(true) => {
                        let result = under_wine(program, &tutorial, &mut results.failures);
                        results.note(&name, result);
                    }
                    Err(error) => results.note(&name, Err(error)),
                }
            }
            results.note("adieu.exe selftest", selftest(folder));
            results.note("the tutorial's programs with the Linux adieu", linux_against_them(&tutorial));
            results.note("transfers between adieu.exe and the Linux adieu", linux_and_windows(folder));
        }
        Err(error) => results.note("build for Windows", Err(error)),
    }
}

#[derive(Default)]
struct Results {
    passed: usize,
    failed: Vec<String>,
    failures: Failures,
}

impl Results {
    fn note(&mut self, name: &str, result: Result<()>) {
        match result {
            Ok(()) => {
                println!("--- {name}: passed");
                self.passed += 1;
            }
            Err(error) => {
                println!("--- {name}: FAILED: {error:#}");
                self.failed.push(name.to_owned());
            }
        }
    }

    fn end(self, began: Instant) -> Result<()> {
        let Self { passed, failed, failures } = self;
        let (all, time) = (passed + failed.len(), began.elapsed().as_secs_f64());
        if failed.is_empty() {
            println!("--- windows: all {all} steps passed in {time:.0} s");
            return Ok(());
        }
        failures.print()?;
        println!("--- windows: {passed} of {all} steps passed in {time:.0} s; failed: {}", failed.join(", "));
        bail!("windows failed")
    }
}

/// What is built for other systems.
const CRATES: [&str; 8] = ["-p", "adieu", "-p", "adieu-os", "-p", "adieu-cli", "-p", "adieu-transfer"];

/// Debian's cargo for Windows, whose standard library it builds from source.
fn cargo(parts: &Parts, folder: &Path, subcommand: &str, std: &str) -> Result<Command> {
    let mut command = Command::new(&parts.cargo);
    command
        .current_dir(root()?)
        .arg(subcommand)
        .args([&format!("-Zbuild-std={std}"), "--target", TARGET])
        .env("RUSTC", &parts.rustc)
        // build-std is not stable yet.
        .env("RUSTC_BOOTSTRAP", "1")
        .env("CARGO_TARGET_DIR", folder)
        // Quick to build and to link: nobody debugs these.
        .envs([("CARGO_PROFILE_DEV_DEBUG", "0"), ("CARGO_INCREMENTAL", "0")])
        // Those of the cargo that runs us name its own compiler.
        .env_remove("RUSTUP_TOOLCHAIN")
        .env_remove("RUSTFLAGS");
    Ok(command)
}

/// The programs of all tests, adieu.exe beside them.
fn build(parts: &Parts, folder: &Path) -> Result<Vec<PathBuf>> {
    println!("--- building for {TARGET}");
    let mut command = cargo(parts, folder, "test", "std,panic_unwind,test")?;
    command.args(CRATES).args([
        "-p",
        "adieu-peer",
        "-p",
        "adieu-testkit",
        "--no-run",
        "--lib",
        "--bins",
        "--tests",
    ]);
    let built =
        command.args(["--message-format", "json-render-diagnostics"]).stderr(Stdio::inherit()).output()?;
    if !built.status.success() {
        bail!("cargo: {}", built.status);
    }
    let mut programs = Vec::new();
    for line in built.stdout.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let message: serde_json::Value = serde_json::from_slice(line).context("cargo's messages are JSON")?;
        let is_test = message["profile"]["test"].as_bool() == Some(true);
        if let Some(path) = message["executable"].as_str().filter(|_| is_test) {
            programs.push(PathBuf::from(path));
        }
    }
    if programs.is_empty() {
        bail!("no test was built");
    }
    let library = build_processprng(folder)?;
    for place in ["debug", "debug/deps", "debug/examples"] {
        let place = folder.join(TARGET).join(place);
        if place.is_dir() {
            fs::copy(&library, place.join("bcryptprimitives.dll"))?;
        }
    }
    Ok(programs)
}

/// A DLL that Wine 8 does not have. It is looked for beside the program that needs it.
pub(crate) fn build_processprng(folder: &Path) -> Result<PathBuf> {
    let library = folder.join("bcryptprimitives.dll");
    let source = root()?.join("xtask/src/windows/processprng.c");
    compile(&["-shared".as_ref(), source.as_ref(), "-o".as_ref(), library.as_ref(), "-ladvapi32".as_ref()])?;
    Ok(library)
}

fn build_tutorial(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder)?;
    for name in ["client", "server"] {
        let source = root()?.join(format!("crates/adieu-cli/tests/tutorial/{name}.c"));
        let program = folder.join(format!("{name}.exe"));
        let warnings: [&OsStr; 3] = ["-Wall".as_ref(), "-Wextra".as_ref(), "-Werror".as_ref()];
        let rest: [&OsStr; 4] = [source.as_ref(), "-o".as_ref(), program.as_ref(), "-lws2_32".as_ref()];
        compile(&[&warnings[..], &rest[..]].concat())?;
    }
    Ok(())
}

fn compile(arguments: &[&OsStr]) -> Result<()> {
    succeed(Command::new(parts::COMPILER).args(arguments))
}

/// Whether a test program has tests on Windows. One that has none would pass, and say nothing by it.
fn has_tests(program: &Path) -> Result<bool> {
    let listed =
        bounded("wine").arg(program).arg("--list").env("WINEDEBUG", "-all").stdin(Stdio::null()).output()?;
    if !listed.status.success() {
        bail!("{} --list: {}", program.display(), listed.status);
    }
    Ok(!String::from_utf8_lossy(&listed.stdout).lines().any(|line| line.starts_with("0 tests,")))
}

/// Runs a test program, the ones that need the tutorial's pair too.
fn under_wine(program: &Path, tutorial: &Path, failures: &mut Failures) -> Result<()> {
    println!("--- {}", program.display());
    let mut command = bounded("wine");
    command
        .arg(program)
        .args(["--include-ignored", "--test-threads"])
        // The matrix has threads of its own.
        .arg(if program.to_string_lossy().contains("matrix") { "1" } else { THREADS })
        // Where cargo would run it.
        .current_dir(root()?)
        .env("ADIEU_TUTORIAL", tutorial)
        // What takes Linux is marked as such, and no lack of this machine.
        .env_remove("ADIEU_REQUIRE_NETNS")
        .env("WINEDEBUG", "-all");
    let status = failures.run(&mut command)?;
    if status.success() { Ok(()) } else { bail!("{status}") }
}

/// What a user of Windows would run. Its exit status is 0 only if each scenario ended as it must, or as Wine is known to end it.
fn selftest(folder: &Path) -> Result<()> {
    let mut command = bounded("wine");
    command.arg(folder.join(TARGET).join("debug/adieu.exe")).arg("selftest").env("WINEDEBUG", "-all");
    succeed(&mut command)
}

/// Of the default packages together, as `cargo test` builds them: by itself adieu-cli would have other features, and be built anew.
fn linux_against_them(tutorial: &Path) -> Result<()> {
    let mut command = crate::cargo()?;
    command.args(["test", "--test", "tutorial", "--", "--ignored"]).env("ADIEU_TUTORIAL", tutorial);
    succeed(&mut command)
}

/// Built like the tests above.
fn linux_and_windows(folder: &Path) -> Result<()> {
    let mut command = crate::cargo()?;
    command
        .args(["test", "--test", "systems", "--", "--ignored"])
        .env("ADIEU_WINDOWS", folder.join(TARGET).join("debug/adieu.exe"));
    succeed(&mut command)
}

/// A program that is stopped if it takes too long, with all that it started.
fn bounded(program: &str) -> Command {
    let mut command = Command::new("timeout");
    command.args([&format!("{}", BOUND.as_secs()), program]);
    command
}

fn succeed(command: &mut Command) -> Result<()> {
    let status = command
        .stdin(Stdio::null())
        .status()
        .with_context(|| format!("{} does not start", command.get_program().display()))?;
    if status.success() { Ok(()) } else { bail!("{}: {status}", command.get_program().display()) }
}
