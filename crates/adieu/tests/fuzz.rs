//! The bodies of the fuzz targets under proptest, so that every `cargo test` runs them for a bounded time; the fuzzer
//! itself is `cargo xtask fuzz`.

#![cfg(unix)]

#[path = "../../../fuzz/bodies/endpoint.rs"]
mod endpoint;
#[path = "../../../fuzz/bodies/tls_eof.rs"]
mod tls_eof;

use proptest::prelude::*;

proptest! {
    #[test]
    fn any_text_is_an_endpoint_that_can_be_shown_or_none(
        text in "(tls://|unix:@?|host|\\[?[0-9a-f:%]{0,12}\\]?|:| |[0-9]{1,6}|\\PC){0,6}",
    ) {
        endpoint::holds(text.as_bytes());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_end_of_a_tls_peer_is_told_as_it_was(data in prop::collection::vec(any::<u8>(), 1..8)) {
        tls_eof::holds(&data);
    }
}

#[test]
fn a_record_that_is_not_authentic_after_our_close_notify_is_a_truncation_and_no_panic() {
    // Half a record, and a whole one after it.
    tls_eof::holds(&[0, 204, 96]);
}
