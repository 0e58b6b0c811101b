//! `adieu`: finishes network connections properly.
//!
//! `main` only maps a result to an exit status. Each command has a folder; the options they share have one definition; only
//! this crate prints.

// Rust's own `main` prepares a message for a stack overflow, and reads /proc/self/maps for it: a tenth of a tiny exchange's
// time. With glibc, which hands the arguments to std without it, `main` is ours, in os/unix/start.rs.
#![cfg_attr(all(target_os = "linux", target_env = "gnu", not(test)), no_main)]

mod addresses;
mod cli;
mod commands;
mod dump;
mod evidence;
mod exit;
mod guide;
mod hints;
mod ladder;
mod no_plan;
mod options;
mod os;
mod parsing;
mod printer;
mod said;
mod screen;
mod sink;
mod stdio;
mod stdout;
mod steps;
mod whole_file;

use crate::exit::ExitStatus;
use std::ffi::OsString;

/// The one function of libm that is used (by the progress bar), so that no program has to load that library at its start.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[expect(unsafe_code, reason = "std calls it by its C name")]
// SAFETY: it is what the name stands for, with the same types.
#[unsafe(no_mangle)]
extern "C" fn pow(base: f64, exponent: f64) -> f64 {
    libm::pow(base, exponent)
}

#[cfg(not(all(target_os = "linux", target_env = "gnu", not(test))))]
fn main() -> std::process::ExitCode {
    run().into()
}

/// The whole program: what it returns is the process's exit status.
fn run() -> ExitStatus {
    std::panic::set_hook(Box::new(|panic| {
        printer::complain(&format!("this is a bug in adieu, please report it: {panic}"));
        said::finish();
        std::process::exit(ExitStatus::Bug.number().into());
    }));
    let words: Vec<OsString> = std::env::args_os().collect();
    #[cfg(unix)]
    if os::guard::is_asked_for(&words) {
        os::guard::run();
        return ExitStatus::Success;
    }
    let status = cli::run(&words);
    said::finish();
    status
}
