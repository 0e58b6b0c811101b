#![no_main]

#[path = "../bodies/tls_eof.rs"]
mod body;

libfuzzer_sys::fuzz_target!(
    // Rust's runtime would do it before `main`; libFuzzer has a `main` of its own.
    init: unsafe {
        libc::signal(libc::SIGPIPE, libc::SIG_IGN);
    },
    |data: &[u8]| body::holds(data)
);
