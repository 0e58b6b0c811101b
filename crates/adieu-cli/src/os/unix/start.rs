//! `main`, where Rust's own is left out (see main.rs). What Rust's does for a program and this one needs is done here: SIGPIPE
//! is ignored, so that a write fails instead of ending the process. The standard descriptors are looked after in
//! [`standard`](super::standard). What is left out is the handler that names a stack overflow before the process dies of it.

use std::ffi::{c_char, c_int};

#[expect(unsafe_code, reason = "the C library calls it by its name")]
// SAFETY: it is what the name stands for, and no other `main` is in the program.
#[unsafe(no_mangle)]
extern "C" fn main(_count: c_int, _words: *const *const c_char) -> c_int {
    #[expect(unsafe_code, reason = "no safe wrapper ignores a signal")]
    // SAFETY: SIG_IGN is no function of ours, and no other thread is there yet.
    unsafe {
        libc::signal(libc::SIGPIPE, libc::SIG_IGN);
    }
    // It empties the buffer of stdout, as Rust's own `main` does at its end.
    std::process::exit(crate::run().number().into());
}
