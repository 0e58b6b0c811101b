//! Linux on other processors: the closing matrix on both drivers and on the program, from both sides and on every way of its bytes.
//!
//! The drivers' tests are programs of the other processor, peers and all. The program `adieu` is run by peers of this one, since
//! qemu-user cannot start a program of its processor from inside of one.

use super::{Results, note};
use crate::parts::{self, CARGO, Part, RUST, RUSTC, folder};
use crate::root;
use adieu_testkit::matrix::{self, Command as Side, Pace};
use anyhow::{Context, Result, bail, ensure};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What qemu-user 7.2 does not do for its programs, so that nothing is known of it on such a processor. docs/platforms.md has it too.
const NOT_UNDER_QEMU: &str = "not run under qemu-user: what TCP_INFO tells beside the state (times, retransmissions, a dead peer \
     found by looking), of which it gives the first 4 octets alone; SO_MEMINFO (dropped datagrams); SO_ATTACH_REUSEPORT_CBPF (a \
     relay's clients shared among its workers); --exec, whose guard is the program started anew";

/// Linux on a processor, and how programs for it are linked and run here.
struct Machine {
    target: &'static str,
    /// A C compiler, which is the linker too.
    compiler: &'static str,
    /// What runs its programs, and where its libraries are. `None`: they run as they are.
    emulator: Option<(&'static str, &'static str)>,
    parts: &'static [Part],
}

const MACHINES: [Machine; 3] = [
    Machine {
        target: "aarch64-unknown-linux-gnu",
        compiler: "aarch64-linux-gnu-gcc",
        emulator: Some(("qemu-aarch64", "/usr/aarch64-linux-gnu")),
        parts: &[
            ("aarch64-linux-gnu-gcc", "gcc-aarch64-linux-gnu"),
            ("/usr/aarch64-linux-gnu/include/stdio.h", "libc6-dev-arm64-cross"),
            ("qemu-aarch64", "qemu-user"),
        ],
    },
    Machine {
        target: "riscv64gc-unknown-linux-gnu",
        compiler: "riscv64-linux-gnu-gcc",
        emulator: Some(("qemu-riscv64", "/usr/riscv64-linux-gnu")),
        parts: &[
            ("riscv64-linux-gnu-gcc", "gcc-riscv64-linux-gnu"),
            ("/usr/riscv64-linux-gnu/include/stdio.h", "libc6-dev-riscv64-cross"),
            ("qemu-riscv64", "qemu-user"),
        ],
    },
    Machine {
        target: "i686-unknown-linux-gnu",
        compiler: "gcc",
        emulator: None,
        // gcc-multilib itself excludes the compilers for other processors, and has nothing but a link to headers more.
        parts: &[
            ("/usr/lib/gcc/x86_64-linux-gnu/12/32/libgcc.a", "gcc-12-multilib"),
            ("/usr/lib32/libc.a", "libc6-dev-i386"),
        ],
    },
];

pub(super) fn names() -> impl Iterator<Item = &'static str> {
    MACHINES.iter().map(|machine| machine.target)
}

/// Builds and runs for the targets that are wanted. A quick run leaves out all but the program on the way that it chooses itself.
pub(super) fn all(wanted: &[&str], is_quick: bool, results: &mut Results) -> Result<()> {
    let machines: Vec<&Machine> =
        MACHINES.iter().filter(|machine| wanted.contains(&machine.target)).collect();
    let parts: Vec<Part> =
        RUST.into_iter().chain(machines.iter().flat_map(|machine| machine.parts.iter().copied())).collect();
    parts::require(&parts)?;
    for machine in machines {
        machine.run(is_quick, results);
    }
    Ok(())
}

impl Machine {
    fn run(&self, is_quick: bool, results: &mut Results) {
        let target = self.target;
        if self.emulator.is_some() {
            println!("--- {target}: {NOT_UNDER_QEMU}");
        }
        let mut program = None;
        note(results, format!("adieu for {target}"), || {
            program = Some(self.program()?);
            Ok(())
        });
        if let Some(program) = program {
            for data_path in if is_quick { &["auto"][..] } else { &["auto", "portable", "direct"] } {
                for side in [Side::Connect, Side::Listen] {
                    note(results, format!("{target}: {side:?} on the way {data_path}"), || {
                        let more = ["--data-path", data_path];
                        let failed = matrix::failures_at(self.pace(), &program, side, &more);
                        ensure!(
                            failed.is_empty(),
                            "{} scenarios failed:\n{}",
                            failed.len(),
                            failed.join("\n")
                        );
                        Ok(())
                    });
                }
            }
        }
        if !is_quick {
            note(results, format!("{target}: the library's drivers"), || self.drivers());
        }
    }

    fn pace(&self) -> Pace {
        if self.emulator.is_some() { Pace::EMULATED } else { Pace::NATIVE }
    }

    /// Builds adieu, and gives a program of this processor that runs it.
    fn program(&self) -> Result<PathBuf> {
        succeed(self.cargo("build", "std,panic_unwind")?.args(["-p", "adieu-cli"]))?;
        let built = folder()?.join(self.target).join("debug/adieu");
        let Some((emulator, libraries)) = self.emulator else { return Ok(built) };
        let script = folder()?.join(format!("adieu-{}", self.target));
        write_program(&script, &format!("exec {emulator} -L {libraries} '{}' \"$@\"", built.display()))?;
        Ok(script)
    }

    /// The drivers' own tests, which emulated threads run beside emulated peers.
    fn drivers(&self) -> Result<()> {
        let mut test = self.cargo("test", "std,panic_unwind,test")?;
        test.args(["-p", "adieu", "--all-features", "--test", "matrix"]);
        if let Some((emulator, libraries)) = self.emulator {
            test.env(self.variable("RUNNER"), format!("{emulator} -L {libraries}"))
                .env(matrix::IS_EMULATED, "1");
        }
        succeed(&mut test)
    }

    /// Debian's cargo for this target, whose standard library it builds from source.
    fn cargo(&self, subcommand: &str, std: &str) -> Result<Command> {
        let mut command = Command::new(CARGO);
        command
            .current_dir(root()?)
            .arg(subcommand)
            .args([&format!("-Zbuild-std={std}"), "--target", self.target])
            .env("RUSTC", RUSTC)
            // build-std is not stable yet.
            .env("RUSTC_BOOTSTRAP", "1")
            .env("CARGO_TARGET_DIR", folder()?)
            .env(self.variable("LINKER"), self.compiler)
            .env(format!("CC_{}", self.target.replace('-', "_")), self.compiler)
            .envs([("CARGO_PROFILE_DEV_DEBUG", "0"), ("CARGO_INCREMENTAL", "0")])
            // Those of the cargo that runs us name its own compiler.
            .env_remove("RUSTUP_TOOLCHAIN")
            .env_remove("RUSTFLAGS");
        Ok(command)
    }

    /// Cargo's variable for this target.
    fn variable(&self, what: &str) -> String {
        format!("CARGO_TARGET_{}_{what}", self.target.to_uppercase().replace('-', "_"))
    }
}

/// A shell's script that can be started.
fn write_program(path: &Path, line: &str) -> Result<()> {
    fs::write(path, format!("#!/bin/sh\n{line}\n")).with_context(|| path.display().to_string())?;
    Ok(fs::set_permissions(path, fs::Permissions::from_mode(0o755))?)
}

fn succeed(command: &mut Command) -> Result<()> {
    let status = command.stdin(Stdio::null()).status().context("cargo does not start")?;
    if status.success() { Ok(()) } else { bail!("cargo: {status}") }
}
