//! A smaller start: libgcc's unwinder, which std has for backtraces, is linked from its archive, where there is one. A
//! shared library less to load is an eighth of a tiny exchange's time. And the name of what it is built for, and
//! `cfg(linux_kernel)`: Linux and Android, whose calls are the same.

use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=CC");
    // What `adieu --version --verbose` says it was built for.
    println!("cargo:rustc-env=ADIEU_TARGET={}", std::env::var("TARGET").unwrap_or_default());
    let is = |name: &str, value: &str| std::env::var(name).is_ok_and(|v| v == value);
    println!("cargo:rustc-check-cfg=cfg(linux_kernel)");
    if is("CARGO_CFG_TARGET_OS", "linux") || is("CARGO_CFG_TARGET_OS", "android") {
        println!("cargo:rustc-cfg=linux_kernel");
    }
    // For another system than this one, this one's compiler says nothing.
    let native = std::env::var("TARGET").ok() == std::env::var("HOST").ok();
    if !(native && is("CARGO_CFG_TARGET_OS", "linux") && is("CARGO_CFG_TARGET_ENV", "gnu")) {
        return;
    }
    if has_archive("libgcc_eh.a") {
        println!("cargo:rustc-link-lib=static:-bundle=gcc_eh");
    }
}

/// Whether the C compiler, which links us, has the archive. It answers with a path if it has.
fn has_archive(name: &str) -> bool {
    let compiler = std::env::var_os("CC").unwrap_or_else(|| "cc".into());
    let answer = Command::new(compiler).arg(format!("-print-file-name={name}")).output();
    answer.is_ok_and(|answer| {
        let path = String::from_utf8_lossy(&answer.stdout).trim().to_owned();
        path != name && Path::new(&path).is_file()
    })
}
