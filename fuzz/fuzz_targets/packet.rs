#![no_main]

#[path = "../bodies/capture.rs"]
#[expect(dead_code, reason = "the other target runs it")]
mod capture;
#[path = "../bodies/packet.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|data: &[u8]| body::holds(data));
