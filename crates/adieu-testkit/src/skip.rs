//! How a test that this machine cannot run is skipped: loudly, and in CI not at all.

use std::{env, io, path::PathBuf, process::Output};

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

/// Whether a command that shows what this machine can do has succeeded. If not, the test is skipped, with what the command said.
///
/// # Panics
///
/// If it has not, and [`REQUIRE`] is 1.
pub fn unless_succeeded(test: &str, tried: io::Result<Output>) -> bool {
    let why = match tried {
        Ok(output) if output.status.success() => return true,
        Ok(output) => io::Error::other(String::from_utf8_lossy(&output.stderr).into_owned()),
        Err(error) => error,
    };
    loudly(test, &why);
    false
}

/// Says on stderr that a test is not for this system, and why: no lack of this machine, so never a failure.
#[expect(clippy::print_stderr, reason = "what was left out must be seen in the test's output")]
pub fn not_here(test: &str, why: &str) {
    eprintln!("not for this system: {test}: {why}");
}

/// Where a program is that is installed on this machine.
pub fn installed(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    // A server may stand where only root's PATH leads.
    let directories = env::split_paths(&path).chain(["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from));
    directories.map(|directory| directory.join(program)).find(|path| path.is_file())
}

/// If this variable is 1, as in CI, a test whose counterpart is not installed is a failed one.
pub const REQUIRE_COUNTERPARTS: &str = "ADIEU_REQUIRE_COUNTERPARTS";

/// Where another program is that a test runs adieu against. `None`: not on this machine, which is said on stderr.
///
/// # Panics
///
/// If it is not there and [`REQUIRE_COUNTERPARTS`] is 1.
#[expect(clippy::print_stderr, reason = "a skipped test must be seen in the test's output")]
pub fn counterpart(test: &str, program: &str) -> Option<PathBuf> {
    let found = installed(program);
    if found.is_none() {
        let required = env::var_os(REQUIRE_COUNTERPARTS).is_some_and(|value| value == "1");
        assert!(!required, "{test} may not be skipped: {program} is not installed");
        eprintln!("SKIPPED {test}: {program} is not installed");
    }
    found
}
