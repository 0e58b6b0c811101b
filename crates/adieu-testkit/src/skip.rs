//! How a test that this machine cannot run is skipped: loudly, and in CI not at all.

use std::{env, io};

/// If this variable is 1, as in CI, a skipped test is a failed one.
pub const REQUIRE: &str = "ADIEU_REQUIRE_NETNS";

/// Says on stderr that a test is skipped, and why.
///
/// # Panics
///
/// If [`REQUIRE`] is 1.
#[expect(clippy::print_stderr, reason = "a skipped test must be seen in the test's output")]
pub fn loudly(test: &str, why: &io::Error) {
    assert!(env::var_os(REQUIRE).is_none_or(|value| value != "1"), "{test} may not be skipped: {why}");
    eprintln!("SKIPPED {test}: {why}");
}

/// Says on stderr that a test is not for this system, and why: no lack of this machine, so never a failure.
#[expect(clippy::print_stderr, reason = "what was left out must be seen in the test's output")]
pub fn not_here(test: &str, why: &str) {
    eprintln!("not for this system: {test}: {why}");
}
