#![no_main]

// The library has the body: it drives what no other crate can reach.
libfuzzer_sys::fuzz_target!(|data: &[u8]| adieu::check_proxy_reply(data));
