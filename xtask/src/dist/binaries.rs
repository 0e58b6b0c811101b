//! Static binaries, the same bytes wherever they are built.
//!
//! The compiler is Debian's, with the standard library built from the source beside it: one compiler for all systems, whose
//! version anybody can install again. `--quick` takes the compiler that runs us, and does not optimize.
//!
//! What would differ from machine to machine is the folders that panics and assertions name: each is replaced by a word.

use super::steps::Steps;
use super::target::Target;
use super::trial::program::Runner;
use super::trial::root::succeed;
use super::{Plan, mebibytes};
use crate::parts::{CARGO, Part, RUST, RUSTC};
use crate::{cargo, root};
use adieu_testkit::places;
use anyhow::{Context, Result, bail, ensure};
use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs};

/// No optimization, for a program that is built to be tried and thrown away.
const QUICK: [(&str, &str); 3] = [
    ("CARGO_PROFILE_RELEASE_LTO", "off"),
    ("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16"),
    ("CARGO_PROFILE_RELEASE_OPT_LEVEL", "0"),
];

/// What builds the programs, and runs them.
pub(super) fn parts(plan: &Plan) -> Vec<Part> {
    let mut parts = if plan.quick { Vec::new() } else { RUST.to_vec() };
    for target in &plan.targets {
        parts.extend(target.parts);
        parts.extend(target.launcher.filter(|_| plan.trial));
    }
    parts
}

/// Builds the program of each target, and tries it.
pub(super) fn make(plan: &Plan, steps: &mut Steps) {
    for target in &plan.targets {
        let name = target.name;
        let program = plan.program(target);
        steps.run(&format!("program for {name}"), || {
            build(plan, target, &program)?;
            mebibytes(&program)
        });
        steps.try_it(&format!("the program for {name} is used"), || try_it(target, &program));
    }
}

/// Runs it where there is no other file, or under what runs programs of its system here.
fn try_it(target: &Target, program: &Path) -> Result<String> {
    let folder = tempfile::tempdir()?;
    let copy = folder.path().join(target.program);
    fs::copy(program, &copy)?;
    if let Some((launcher, _)) = target.launcher {
        let said = Runner::of(target, &copy)?.use_it()?;
        return Ok(format!("{said} under {launcher}"));
    }
    let runner = Runner::inside(folder.path().as_os_str(), "/adieu");
    let said = runner.use_it()?;
    runner
        .refuse(&["connect", "tls://127.0.0.1:1"], 2, "--ca")
        .context("without roots it must say how to do without")?;
    runner.transfers(folder.path()).context("a transfer with a passphrase, where there is no /dev")?;
    finds_names_by_itself(folder.path(), &runner)?;
    finds_names_by_dns(folder.path(), &runner)?;
    Ok(format!("{said} in an empty root"))
}

/// A way to a name that is a shared library of the system's is not loaded: there it ends every program that does.
fn finds_names_by_itself(root: &Path, runner: &Runner) -> Result<()> {
    // Where static programs of Debian's C library look.
    let (configuration, libraries) = (root.join("etc"), root.join("lib/x86_64-linux-gnu"));
    for folder in [&configuration, &libraries] {
        fs::create_dir_all(folder)?;
    }
    fs::write(configuration.join("nsswitch.conf"), "hosts: deadly files\nservices: deadly files\n")?;
    fs::write(configuration.join("hosts"), "127.0.0.1 a-name-of-the-test\n")?;
    let source = root.join("deadly.c");
    fs::write(&source, "__attribute__((constructor)) static void loaded(void) { __builtin_trap(); }\n")?;
    let library = libraries.join("libnss_deadly.so.2");
    succeed(Command::new("gcc").args(["-shared", "-nostdlib", "-fPIC", "-o"]).arg(library).arg(source))?;
    runner
        .refuse(&["connect", "a-name-of-the-test:1"], 3, "ECONNREFUSED")
        .context("a name in the file of hosts")?;
    runner
        .refuse(&["connect", "no-such-name.invalid:1"], 3, "no-such-name")
        .context("a name that nobody has")?;
    runner.refuse(&["connect", "127.0.0.1:no-such-service"], 2, "no-such-service").context("a service")
}

/// A name is asked of the server in /etc/resolv.conf, and gets what that file says is put behind it.
fn finds_names_by_dns(root: &Path, runner: &Runner) -> Result<()> {
    let server = UdpSocket::bind((places::own_loopback(), 53)).context("a port for a name server")?;
    let address = server.local_addr()?.ip();
    // It ends with this task.
    std::thread::spawn(move || {
        let mut query = [0; 512];
        while let Ok((length, client)) = server.recv_from(&mut query) {
            if let Some(answer) = answer(&query[..length]) {
                let _ = server.send_to(&answer, client);
            }
        }
    });
    fs::write(root.join("etc/resolv.conf"), format!("nameserver {address}\nsearch known.invalid\n"))?;
    runner
        .refuse(&["connect", "host.known.invalid:1"], 3, "ECONNREFUSED")
        .context("a name that DNS knows")?;
    runner
        .refuse(&["connect", "host:1"], 3, "ECONNREFUSED")
        .context("a name in the domain that is searched")?;
    runner
        .refuse(&["connect", "other.invalid:1"], 3, "other.invalid")
        .context("a name that DNS does not know")
}

/// What a name server says that knows one name, whose address is 127.0.0.1. Source: RFC 1035, section 4.1.
fn answer(query: &[u8]) -> Option<Vec<u8>> {
    const HEADER: usize = 12;
    const KNOWN: &[u8] = b"\x04host\x05known\x07invalid\x00";
    const A: [u8; 2] = [0, 1];
    let name = query.get(HEADER..)?.iter().position(|byte| *byte == 0)? + 1;
    let question = query.get(HEADER..HEADER + name + 4)?;
    let is_known = question[..name].eq_ignore_ascii_case(KNOWN);
    let has_address = is_known && question[name..name + 2] == A;
    // The query's number; a response, with recursion; whether there is such a name; one question, and its answer.
    let mut answer = query[..2].to_vec();
    answer.extend([0x81, if is_known { 0x80 } else { 0x83 }, 0, 1, 0, u8::from(has_address), 0, 0, 0, 0]);
    answer.extend(question);
    if has_address {
        answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, 127, 0, 0, 1]);
    }
    Some(answer)
}

/// Builds the program of a target.
fn build(plan: &Plan, target: &Target, program: &Path) -> Result<()> {
    let work = plan.work.join("cargo");
    let start = || if plan.quick { cargo() } else { debian() };
    // The folder of their sources is there only after this, and its name is wanted below.
    succeed(start()?.args(["fetch", "--locked", "--target", target.triple]))?;
    let folders = folders(&root()?, &work)?;
    let mut command = start()?;
    command
        .args(["build", "--release", "--locked", "-p", "adieu-cli", "--target", target.triple])
        .env("CARGO_TARGET_DIR", &work)
        .env("CARGO_INCREMENTAL", "0")
        .env("SOURCE_DATE_EPOCH", plan.epoch.to_string())
        .env_remove("RUSTFLAGS")
        .env("CARGO_ENCODED_RUSTFLAGS", rustflags(target.rustflags, &folders))
        .env(format!("CFLAGS_{}", target.triple.replace('-', "_")), cflags(&folders))
        .envs(target.environment.iter().copied());
    if plan.quick {
        command.envs(QUICK);
    } else {
        command.arg("-Zbuild-std=std,panic_abort");
    }
    let status = command.stdin(Stdio::null()).status().context("cargo does not start")?;
    ensure!(status.success(), "adieu does not build for {}: {status}", target.name);
    let built = work.join(target.triple).join("release").join(target.program);
    names_no_folder(&built, &folders)?;
    fs::create_dir_all(program.parent().context("it is in a folder")?)?;
    fs::copy(&built, program).with_context(|| built.display().to_string())?;
    Ok(())
}

fn debian() -> Result<Command> {
    let mut command = Command::new(CARGO);
    // build-std is not stable yet. Those of the cargo that runs us name its own compiler.
    command
        .current_dir(root()?)
        .env("RUSTC", RUSTC)
        .env("RUSTC_BOOTSTRAP", "1")
        .env_remove("RUSTUP_TOOLCHAIN")
        .env_remove("CARGO");
    Ok(command)
}

/// Folders of this machine, each with what stands for it. The last that fits is taken.
pub(super) fn folders(sources: &Path, work: &Path) -> Result<Vec<(PathBuf, String)>> {
    let mut folders = vec![
        (sources.to_owned(), "/adieu".to_owned()),
        (work.to_owned(), "/build".to_owned()),
        ("/usr/lib/rustlib/src/rust".into(), "/rust".to_owned()),
    ];
    let home = match env::var_os("CARGO_HOME") {
        Some(home) => PathBuf::from(home),
        None => PathBuf::from(env::var_os("HOME").context("HOME is not set")?).join(".cargo"),
    };
    // One folder for each registry, whose name is a hash that differs between versions of cargo.
    let registries = home.join("registry/src");
    if registries.is_dir() {
        for entry in fs::read_dir(&registries)? {
            folders.push((entry?.path(), "/crates".to_owned()));
        }
    }
    Ok(folders)
}

/// As cargo takes them from CARGO_ENCODED_RUSTFLAGS: a folder may have a blank in its name.
pub(super) fn rustflags(flags: &[&str], folders: &[(PathBuf, String)]) -> String {
    let remapped = folders.iter().map(|(from, to)| format!("--remap-path-prefix={}={to}", from.display()));
    let flags = flags.iter().map(|flag| (*flag).to_owned());
    flags.chain(remapped).collect::<Vec<_>>().join("\x1f")
}

pub(super) fn cflags(folders: &[(PathBuf, String)]) -> String {
    let one = |(from, to): &(PathBuf, String)| format!("-ffile-prefix-map={}={to}", from.display());
    folders.iter().map(one).collect::<Vec<_>>().join(" ")
}

/// Fails if a file names a folder of this machine.
pub(super) fn names_no_folder(file: &Path, folders: &[(PathBuf, String)]) -> Result<()> {
    let bytes = fs::read(file).with_context(|| file.display().to_string())?;
    for (folder, _) in folders {
        let name = folder.as_os_str().as_encoded_bytes();
        if bytes.windows(name.len()).any(|part| part == name) {
            bail!("{} names the folder {} of this machine", file.display(), folder.display());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_server_knows_one_name() {
        let query = |name: &[u8], kind: u8| {
            let mut query = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00".to_vec();
            query.extend(name);
            query.extend([0, kind, 0, 1]);
            query
        };
        let known = answer(&query(b"\x04HOST\x05known\x07invalid\x00", 1)).expect("a query");
        assert!(known.starts_with(b"\x12\x34\x81\x80\x00\x01\x00\x01") && known.ends_with(&[127, 0, 0, 1]));
        let of_ipv6 = answer(&query(b"\x04host\x05known\x07invalid\x00", 28)).expect("a query");
        assert!(of_ipv6.starts_with(b"\x12\x34\x81\x80\x00\x01\x00\x00"), "{of_ipv6:?}");
        let unknown = answer(&query(b"\x04host\x00", 1)).expect("a query");
        assert!(unknown.starts_with(b"\x12\x34\x81\x83\x00\x01\x00\x00"), "{unknown:?}");
        assert!(answer(b"").is_none() && answer(&query(b"\x04host", 1)[..17]).is_none());
    }

    #[test]
    fn a_folder_that_is_named_is_found() {
        let folder = tempfile::tempdir().expect("there is room");
        let path = folder.path().join("program");
        let folders = [(PathBuf::from("/some/where"), "/build".to_owned())];
        fs::write(&path, "at /build/main.rs").expect("there is room");
        assert!(names_no_folder(&path, &folders).is_ok());
        fs::write(&path, "at /some/where/main.rs").expect("there is room");
        assert!(names_no_folder(&path, &folders).is_err());
    }
}
