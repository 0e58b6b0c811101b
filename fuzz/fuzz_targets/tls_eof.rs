#![no_main]

#[path = "../bodies/tls_eof.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|data: &[u8]| body::holds(data));
