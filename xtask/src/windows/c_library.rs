//! The C library for Windows: adieu.dll and the static library, and the programs in C and C++ that use them, under Wine.

use super::parts::{COMPILER, CPP_COMPILER, Parts};
use super::{Results, TARGET, bounded, build_processprng, cargo, succeed};
use crate::capi::{CPP, DIALECTS, compile, libraries};
use anyhow::{Context, Result, bail};
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::Stdio;

/// Those of the tests that are for Windows too.
const TESTS: [&str; 3] = ["smallest", "versions", "hostile"];

const EXAMPLES: [&str; 2] = ["client", "server"];

/// The library by the names of its files: its DLL, and itself as a whole. After `-static` a bare `-ladieu` would be the latter.
const DLL: &str = "-l:libadieu.dll.a";
const ARCHIVE: &str = "-l:libadieu.a";

/// What a program has of Winsock itself.
const WINSOCK: &str = "-lws2_32";

pub(super) fn run(parts: &Parts, folder: &Path, results: &mut Results) {
    let programs = folder.join("capi");
    if let Err(error) = build(parts, folder, &programs) {
        return results.note("the C library for Windows", Err(error));
    }
    results.note("the C library for Windows", Ok(()));
    for name in TESTS.into_iter().chain(["hostile-static"]) {
        results.note(&format!("{name} in C"), succeed(&mut under_wine(&programs, name)));
    }
    for name in ["raii", "raii-static"] {
        results.note(&format!("{name} in C++"), succeed(&mut under_wine(&programs, name)));
    }
    for client in ["client", "client-cpp"] {
        results.note(&format!("the example server, and {client}"), example(&programs, client));
    }
}

fn build(parts: &Parts, folder: &Path, programs: &Path) -> Result<()> {
    println!("--- building the C library for {TARGET}");
    fs::create_dir_all(programs)?;
    let told = programs.join("native-static-libs");
    let output = cargo(parts, folder, "rustc", "std,panic_unwind")?
        .args(["-p", "adieu-capi", "--lib", "--message-format", "json-render-diagnostics", "--", "--print"])
        .arg(format!("native-static-libs={}", told.display()))
        .stderr(Stdio::inherit())
        .output()?;
    if !output.status.success() {
        bail!("cargo: {}", output.status);
    }
    // Windows looks for a DLL beside the program that needs it.
    for library in libraries(&output.stdout)?.iter().chain([&build_processprng(folder)?]) {
        fs::copy(library, programs.join(library.file_name().context("a library has a name")?))?;
    }
    let private_libs = fs::read_to_string(&told)?;

    let source = crate::root()?.join("crates/adieu-capi");
    let (include, lib) = (source.join("include"), format!("-L{}", programs.display()));
    let include = format!("-I{}", include.display());
    for (kind, names) in [("tests", &TESTS[..]), ("examples", &EXAMPLES[..])] {
        for name in names {
            let file = source.join(kind).join(format!("{name}.c"));
            for dialect in DIALECTS {
                let flags = [&*include, &*lib, DLL, WINSOCK];
                compile(COMPILER, &[dialect], &file, Some(&program(programs, name)), &flags)?;
            }
        }
    }
    let archive: Vec<&str> = [&*include, &*lib, ARCHIVE]
        .into_iter()
        .chain(private_libs.split_whitespace())
        .chain([WINSOCK])
        .collect();
    let hostile = source.join("tests/hostile.c");
    compile(COMPILER, &[DIALECTS[1]], &hostile, Some(&program(programs, "hostile-static")), &archive)?;

    // The libraries of C++ are DLLs too, which no Windows has: -static has them in the program, as who gives it away would.
    let dll = [&*include, &*lib, DLL, WINSOCK];
    let (raii, client) = (source.join("tests/raii.cpp"), source.join("examples/client.cpp"));
    for (file, name, flags) in
        [(&raii, "raii", &dll[..]), (&raii, "raii-static", &archive), (&client, "client-cpp", &dll)]
    {
        compile(CPP_COMPILER, &[CPP, "-static"], file, Some(&program(programs, name)), flags)?;
    }
    Ok(())
}

fn program(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}.exe"))
}

fn under_wine(programs: &Path, name: &str) -> std::process::Command {
    let mut command = bounded("wine");
    command.arg(program(programs, name)).env("WINEDEBUG", "-all");
    command
}

fn example(programs: &Path, client: &str) -> Result<()> {
    let mut server =
        under_wine(programs, "server").arg("1").stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
    let mut said = BufReader::new(server.stdout.take().context("a pipe")?);
    let mut line = String::new();
    said.read_line(&mut line)?;
    let port = line.trim().rsplit(':').next().context("it says where")?.to_owned();
    succeed(under_wine(programs, client).args(["127.0.0.1", &port]))?;
    let mut rest = String::new();
    said.read_to_string(&mut rest)?;
    let status = server.wait()?;
    if status.success() && rest.trim() == "graceful: 1" {
        Ok(())
    } else {
        bail!("the example server: {status}: {rest}")
    }
}
