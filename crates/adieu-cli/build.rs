//! A smaller start: what would be shared libraries of their own is linked from its archive, where there is one.
//!
//! Loading a library takes longer than the whole rest of a tiny exchange's start. libgcc's unwinder is there for
//! backtraces, and of libm one function is used, by the progress bar.

use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=CC");
    let is = |name: &str, value: &str| std::env::var(name).is_ok_and(|v| v == value);
    // For another system than this one, this one's compiler says nothing.
    let native = std::env::var("TARGET").ok() == std::env::var("HOST").ok();
    if !(native && is("CARGO_CFG_TARGET_OS", "linux") && is("CARGO_CFG_TARGET_ENV", "gnu")) {
        return;
    }
    for library in ["gcc_eh"] {
        if has_archive(library) {
            println!("cargo:rustc-link-lib=static:-bundle={library}");
        }
    }
}

/// Whether the C compiler, which links us, has the archive. It answers with a path if it has.
fn has_archive(library: &str) -> bool {
    let compiler = std::env::var_os("CC").unwrap_or_else(|| "cc".into());
    let name = format!("lib{library}.a");
    let answer = Command::new(compiler).arg(format!("-print-file-name={name}")).output();
    answer.is_ok_and(|answer| {
        let path = String::from_utf8_lossy(&answer.stdout).trim().to_owned();
        path != name && Path::new(&path).is_file()
    })
}
