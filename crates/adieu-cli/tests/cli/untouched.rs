//! A command line that is refused leaves everything as it was: nothing is created, emptied or connected before the plan is
//! complete.

use crate::{adieu, text};
use adieu_testkit::places;
use std::path::Path;
use std::process::{Output, Stdio};

/// A directory with files that a run would write to, and some that it reads.
fn directory() -> tempfile::TempDir {
    let directory = tempfile::tempdir().expect("a directory can be made");
    std::fs::create_dir(directory.path().join("d")).expect("a directory can be made");
    for name in ["report", "port", "output", "file", "d/file", "empty"] {
        let content = if name == "empty" { "" } else { "precious" };
        std::fs::write(directory.path().join(name), content).expect("a file can be written");
    }
    std::fs::write(directory.path().join("large"), vec![b'x'; 70_000]).expect("a file can be written");
    directory
}

/// Every name in it, with what it holds.
fn listing(directory: &Path) -> Vec<(String, Vec<u8>)> {
    let entries = std::fs::read_dir(directory).expect("it is there");
    let mut listing: Vec<(String, Vec<u8>)> = entries
        .map(|entry| {
            let entry = entry.expect("it can be listed");
            let name = entry.file_name().into_string().expect("names are UTF-8");
            (name, std::fs::read(entry.path()).unwrap_or_default())
        })
        .collect();
    listing.sort();
    listing
}

fn run_in(directory: &Path, args: &[&str], stdin: Stdio) -> Output {
    adieu(args).current_dir(directory).stdin(stdin).output().expect("the built binary starts")
}

/// Words of a command line.
type Words = &'static [&'static str];

/// Where each command could write something before it notices that something else is wrong.
const LISTEN: [Words; 3] = [
    &["--report-file", "report", "--port-file", "port", "--output", "output"],
    &["--report-file", "new-report.json", "--port-file", "new-port", "--output", "new-output"],
    &["--report-file", "new-report", "--port-file", "port", "--keep-open"],
];
const RECEIVE: [Words; 2] = [
    &["--report-file", "report", "--port-file", "port", "--output", "output"],
    &["--report-file", "new-report.json", "--port-file", "new-port", "--output", "new-output"],
];
const SEND: [Words; 2] =
    [&["--report-file", "report", "--listen", "--port-file", "port"], &["--report-file", "new-report.json"]];
const CONNECT: [Words; 2] = [&["--report-file", "report"], &["--report-file", "new-report.json"]];

#[test]
fn a_command_line_that_is_refused_leaves_every_file_as_it_was() {
    let directory = directory();
    let before = listing(directory.path());
    let wrong_everywhere: [Words; 4] =
        [&["nowhere"], &["127.0.0.1", "x"], &["127.0.0.1:0", "--ttl", "0"], &["unix:s", "--ttl", "3"]];
    let wrong_tls: [Words; 2] =
        [&["tls://127.0.0.1:0", "--cert", "file"], &["tls://127.0.0.1:0", "--cert", "file", "--key", "file"]];
    let wrong_here: [(&str, &[Words], &[Words]); 4] = [
        (
            "listen",
            &LISTEN,
            &[
                &["127.0.0.1:0", "--max-connections", "2"],
                &["127.0.0.1:0", "--max-connections", "2", "--keep-open"],
                &["127.0.0.1:0", "--echo", "--client-grace", "1s"],
                &["unix:s", "--fastopen"],
                &["tls://127.0.0.1:0", "--ca", "file"],
            ],
        ),
        (
            "receive",
            &RECEIVE,
            &[
                &["127.0.0.1:0", "--secret-file", "nothing-here"],
                &["127.0.0.1:0", "--secret-file", "empty"],
                &["127.0.0.1:0", "--secret-file", "large"],
                &["127.0.0.1:0", "--connect", "--proxy", "nothing"],
                &["127.0.0.1:0", "--retry", "--secret-file", "empty"],
            ],
        ),
        (
            "send",
            &SEND,
            &[
                &["file", "d/file", "127.0.0.1:0"],
                &["file", "127.0.0.1:0", "--name", "/"],
                &["file", "d", "127.0.0.1:0", "--name", "x"],
                &["file", "d/file", "127.0.0.1:0", "--plain"],
                &["file", "127.0.0.1:0", "--secret-file", "empty"],
                &["file", "127.0.0.1:0", "--secret-file", "nothing-here"],
                &["file", "127.0.0.1:0", "--exec", "true"],
                &["file"],
            ],
        ),
        (
            "connect",
            &CONNECT,
            &[
                &["127.0.0.1:0", "--proxy", "nothing"],
                &["127.0.0.1:0", "--proxy", "socks5://a@h:1", "--proxy-password-file", "empty"],
                &["unix:s", "--fastopen"],
                &["127.0.0.1:0", "--fastopen", "--proxy", "socks5://h:1"],
            ],
        ),
    ];
    for (command, writing, wrong) in wrong_here {
        let sends: &[&str] = if command == "send" { &["file"] } else { &[] };
        let shared = wrong_everywhere.iter().chain(&wrong_tls).map(|wrong| [sends, *wrong].concat());
        for wrong in shared.chain(wrong.iter().map(|wrong| wrong.to_vec())) {
            for files in writing {
                let args = [&[command], &wrong[..], *files].concat();
                let output = run_in(directory.path(), &args, Stdio::null());
                let said = text(&output.stderr);
                assert_eq!(output.status.code(), Some(2), "{args:?}: {said}");
                assert!(listing(directory.path()) == before, "{args:?} has changed a file: {said}");
            }
        }
    }
}

/// Only the first client would get what stdin has.
#[test]
fn a_service_whose_stdin_is_a_file_is_refused_before_its_report_file_is_opened() {
    let directory = directory();
    let before = listing(directory.path());
    for files in [&["--report-file", "report"][..], &["--report-file", "new", "--output", "new-output"]] {
        let args = [&["listen", "127.0.0.1:0", "--keep-open"], files].concat();
        let stdin = std::fs::File::open(directory.path().join("file")).expect("it is there");
        let output = run_in(directory.path(), &args, stdin.into());
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {said}");
        assert!(listing(directory.path()) == before, "{args:?} has changed a file: {said}");
    }
}

/// The passphrase may come from a FIFO: what is waited for when a deadline passes is no usage error, and is reported.
#[test]
fn a_wait_for_the_passphrase_that_is_ended_has_a_report() {
    let directory = directory();
    let fifo = directory.path().join("fifo");
    places::fifo(&fifo).expect("there is room");
    for (args, moved) in [
        (&["send", "file", "127.0.0.1:0"][..], "sent"),
        (&["receive", "127.0.0.1:0", "--output", "stored"], "received"),
    ] {
        let common = ["--secret-file", "fifo", "--deadline", "100ms", "--report-file", "report"];
        let output = run_in(directory.path(), &[args, &common].concat(), Stdio::null());
        assert_eq!(output.status.code(), Some(5), "{args:?}: {}", text(&output.stderr));
        let report = std::fs::read_to_string(directory.path().join("report")).expect("it is there");
        let sentence = format!("the deadline passed while waiting for the secret; nothing was {moved}");
        assert!(report.contains(&sentence), "{args:?}: {report}");
    }
    assert!(!directory.path().join("stored").exists());
}
