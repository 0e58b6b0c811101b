//! A user who may have no more threads: each command says so, and none takes it for a mistake of its own.

use crate::{ADIEU, text};
use adieu_testkit::skip;
use std::process::{Command, Output, Stdio};

/// Runs adieu as a user who has this one process and may have no other thread. `None`: this machine cannot have that. The user may still
/// read the way to the binary, wherever that was built.
fn alone(test: &str, args: &[&str]) -> Option<Output> {
    // Limits of root bind nobody, and those of a user count all of his processes: he is nobody else's.
    let user = (2_000_000 + std::process::id()).to_string();
    let start = |limit: &str, program: &[&str]| {
        let mut command = Command::new("setpriv");
        command.args(["--reuid", &user, "--regid", &user, "--clear-groups"]);
        command.args(["--inh-caps", "+dac_read_search", "--ambient-caps", "+dac_read_search"]);
        command.args(["prlimit", limit]).args(program).stdin(Stdio::null()).output()
    };
    if !skip::unless_succeeded(test, start("--nproc=100", &["true"])) {
        return None;
    }
    Some(start("--nproc=1", &[&[ADIEU], args].concat()).expect("it has just been started"))
}

#[test]
fn where_no_thread_can_be_started_that_is_said() {
    for args in [
        &["listen", "127.0.0.1:0"][..],
        &["listen", "127.0.0.1:0", "--keep-open"],
        &["relay", "127.0.0.1:0", "127.0.0.1:1"],
        &["check", "127.0.0.1:1"],
        &["demo"],
        &["selftest"],
    ] {
        let Some(output) = alone("where_no_thread_can_be_started_that_is_said", args) else { return };
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(7), "{args:?}: {said}");
        assert!(said.contains("Resource temporarily unavailable ("), "{args:?}: {said}");
    }
}

#[test]
fn what_threads_only_make_faster_is_done_without_them() {
    let test = "what_threads_only_make_faster_is_done_without_them";
    let Some(output) = alone(test, &["explain", "--live"]) else { return };
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
}
