#![no_main]

#[path = "../bodies/both.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|data: &[u8]| body::holds(data));
