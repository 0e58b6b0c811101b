//! `adieu selftest`: the table, its formats, and that it fails when something does.

use crate::transfer::on_own_disk;
use crate::{ADIEU, text};
use adieu_testkit::schema::Schema;
use std::process::{Command, Output, Stdio};

fn selftest(arguments: &[&str]) -> Output {
    let mut command = Command::new(ADIEU);
    command.arg("selftest").args(arguments).stdin(Stdio::null());
    command.output().expect("adieu starts")
}

#[test]
fn scenarios_are_picked_by_words_and_told_in_a_table() {
    let output = selftest(&["connection_refused", "exchange_of_one_byte"]);
    let table = text(&output.stdout);
    assert_eq!((output.status.code(), &*text(&output.stderr)), (Some(0), ""), "{table}");
    assert!(table.starts_with("adieu "), "{table}");
    let rows: Vec<&str> = table.lines().filter(|line| line.starts_with("ok ")).collect();
    // One of them over a Unix socket too.
    assert_eq!(rows.len(), 3, "{table}");
    assert!(
        rows.iter()
            .any(|row| row.contains("no_connection, exit 3    no_connection, exit 3    connection_refused"))
    );
    assert!(table.ends_with("\n3 ok, 0 failed, 0 cannot be run here\n"), "{table}");
}

#[test]
fn what_takes_root_is_not_run_and_says_why() {
    let output = selftest(&["black_hole_in_a_download"]);
    let table = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{table}");
    assert!(
        table.contains("not run") && table.contains("network namespace that only the project"),
        "{table}"
    );
    assert!(table.ends_with("\n0 ok, 0 failed, 1 cannot be run here\n"), "{table}");
}

#[test]
fn json_is_one_object_that_its_schema_describes() {
    let folder = tempfile::tempdir().expect("there is room");
    let file = folder.path().join("results.json");
    let name = file.to_str().expect("UTF-8");
    let output = selftest(&["--report-file", name, "peer_resets_at_once", "black_hole_in_a_download"]);
    assert_eq!((output.status.code(), &*text(&output.stdout)), (Some(0), ""));
    let written = std::fs::read_to_string(&file).expect("it was written");
    let results = Schema::of("selftest").checked(written.trim_end());
    assert_eq!((&results["failed"], &results["not_run"]), (&0.into(), &1.into()));
    let rows = results["scenarios"].as_array().expect("rows");
    assert!(rows.iter().any(|row| row["found_ending"] == "reset" && row["result"] == "ok"), "{results}");
}

#[test]
fn quiet_says_nothing_if_all_is_well_and_the_users_own_variables_change_nothing() {
    let mut command = Command::new(ADIEU);
    command.args(["selftest", "-q", "exchange_of_nothing"]).env("ADIEU_DEADLINE", "1ms");
    let output = command.stdin(Stdio::null()).output().expect("adieu starts");
    assert_eq!((output.status.code(), output.stdout.len(), output.stderr.len()), (Some(0), 0, 0));
}

#[test]
fn the_version_says_at_length_what_is_asked_of_the_system() {
    let output = Command::new(ADIEU).args(["--version", "--verbose"]).output().expect("adieu starts");
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0));
    assert!(
        said.contains("\nasked about the end of a connection: ") && said.contains("\ntested: "),
        "{said}"
    );
}

#[test]
fn a_signal_leaves_no_file_behind() {
    let folder = tempfile::tempdir().expect("there is room");
    let is_empty = || std::fs::read_dir(folder.path()).expect("it is there").next().is_none();
    let mut command = Command::new(ADIEU);
    command.args(["selftest", "peer_never_reads"]).env("TMPDIR", folder.path());
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().expect("adieu starts");
    let end = std::time::Instant::now() + std::time::Duration::from_secs(30);
    let own = loop {
        let own = std::fs::read_dir(folder.path()).expect("it is there").next();
        if let Some(Ok(own)) = own
            && std::fs::read_dir(own.path()).is_ok_and(|mut files| files.next().is_some())
        {
            break own.path();
        }
        assert!(std::time::Instant::now() < end, "no scenario has begun");
        std::thread::yield_now();
    };
    let pid = rustix::process::Pid::from_child(&child);
    // Not SIGINT, which is ignored if the tests are a background job of a script.
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("it runs");
    let status = child.wait().expect("it is ours");
    assert_eq!(status.code(), Some(143), "{status:?}");
    assert!(is_empty(), "{} is left", own.display());
}

#[test]
fn without_a_place_for_files_nothing_is_tested_and_nothing_has_failed() {
    let mut command = Command::new(ADIEU);
    command.args(["selftest", "connection_refused"]);
    for name in ["TMPDIR", "TMP", "TEMP"] {
        command.env(name, "/there/is/none");
    }
    let output = command.stdin(Stdio::null()).output().expect("adieu starts");
    assert_eq!((output.status.code(), output.stdout.len()), (Some(7), 0));
    let said = text(&output.stderr);
    assert!(
        said.starts_with("adieu: nothing can be tested here: no temporary directory in /there/is/none: "),
        "{said}"
    );
}

#[test]
fn a_place_whose_path_is_too_long_for_unix_sockets_is_told_before_anything_is_tested() {
    let folder = tempfile::tempdir().expect("there is room");
    let long = folder.path().join("x".repeat(120));
    std::fs::create_dir(&long).expect("there is room");
    let run = |word: &str| {
        let mut command = Command::new(ADIEU);
        command.args(["selftest", word]).env("TMPDIR", &long);
        command.stdin(Stdio::null()).output().expect("adieu starts")
    };
    let output = run("exchange_of_nothing_over_unix");
    let said = text(&output.stderr);
    assert_eq!((output.status.code(), output.stdout.len()), (Some(7), 0), "{said}");
    assert!(said.starts_with("adieu: nothing can be tested here: no Unix socket in /"), "{said}");
    assert!(said.contains(" bytes, and a Unix socket's has at most 1"), "{said}");
    assert!(std::fs::read_dir(&long).expect("it is there").next().is_none(), "something is left");
    // What needs no Unix socket is tested all the same.
    assert_eq!(run("connection_refused").status.code(), Some(0));
}

#[test]
fn a_full_disk_for_temporary_files_is_no_failure_of_a_scenario() {
    let folder = tempfile::tempdir().expect("there is room");
    on_own_disk("a_full_disk_for_temporary_files", folder.path(), 1 << 20, false, || {
        let mut command = Command::new(ADIEU);
        command.args(["selftest", "output_to_a_file"]).env("TMPDIR", folder.path());
        let output = command.stdin(Stdio::null()).output().expect("adieu starts");
        let said = text(&output.stderr);
        assert_eq!((output.status.code(), output.stdout.len()), (Some(7), 0), "{said}");
        let why = "adieu: nothing can be tested here: no room for temporary files in /";
        assert!(said.starts_with(why) && said.ends_with("(ENOSPC 28)\n"), "{said}");
    });
}

#[test]
fn what_follows_the_version_is_not_ignored() {
    let output =
        Command::new(ADIEU).args(["--version", "--verbose", "--bogus"]).output().expect("adieu starts");
    let said = text(&output.stderr);
    assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{said}");
    assert_eq!(said, "adieu: unexpected option '--bogus' after --version; see adieu --help\n");
}
