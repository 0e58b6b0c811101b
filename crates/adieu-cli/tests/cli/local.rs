//! What is wrong on our own side: files, descriptors, signals. None of it may look like the peer's doing.

use crate::{ADIEU, Server, adieu, text};
use std::fs::File;
use std::process::{Command, Stdio};

#[test]
fn a_report_file_that_is_stdin_or_stdout_is_refused_before_it_is_emptied() {
    let directory = tempfile::tempdir().expect("a directory can be made");
    let path = directory.path().join("data");
    let name = path.to_str().expect("a temporary path is UTF-8");
    for end in ["stdin", "stdout"] {
        std::fs::write(&path, "precious").expect("a file can be written");
        let server = Server::start(&["--echo"]);
        let mut command = adieu(&["connect", &server.address, "--report-file", name]);
        command.stdin(Stdio::null());
        if end == "stdin" {
            command.stdin(File::open(&path).expect("it is there"));
        } else {
            command.stdout(File::options().append(true).open(&path).expect("it is there"));
        }
        let output = command.output().expect("the built binary starts");
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(7), "{said}");
        assert!(said.contains(&format!("it is our {end}")), "{said}");
        assert_eq!(std::fs::read_to_string(&path).ok().as_deref(), Some("precious"), "{end}");
        server.signal(rustix::process::Signal::TERM);
        server.finish();
    }
}

#[test]
fn descriptors_that_run_out_are_our_failure_and_not_a_missing_peer() {
    let server = Server::start(&["--echo"]);
    // Too few for a socket, wherever exactly it runs out: never "nobody there".
    let mut seen = Vec::new();
    for limit in 4..=12 {
        let line = format!("ulimit -n {limit}; exec {ADIEU} connect {}", server.address);
        let mut shell = Command::new("sh");
        let output = shell.args(["-c", &line]).stdin(Stdio::null()).output().expect("a shell starts");
        let said = text(&output.stderr);
        seen.push(output.status.code());
        if output.status.success() {
            break;
        }
        assert!(matches!(output.status.code(), Some(7)), "{limit}: {:?}: {said}", output.status);
    }
    assert_eq!(seen.last(), Some(&Some(0)), "{seen:?}");
    assert!(seen.contains(&Some(7)), "{seen:?}");
    server.finish();
}
