//! The fuzz target of the durations under proptest; the fuzzer itself is `cargo xtask fuzz`.

#![cfg(unix)]

#[path = "../../../fuzz/bodies/duration.rs"]
mod duration;

use proptest::prelude::*;

proptest! {
    #[test]
    fn any_text_is_a_duration_that_can_be_shown_or_none(
        text in "([0-9]{1,21}|ms|us|ns|s|m|h|d|weeks|years| |none|\\PC){0,6}",
    ) {
        duration::holds(text.as_bytes());
    }
}
