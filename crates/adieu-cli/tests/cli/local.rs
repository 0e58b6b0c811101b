//! What is wrong on our own side: files, descriptors, signals. None of it may look like the peer's doing.

use crate::{Server, adieu, text};
use std::fs::File;
use std::process::Stdio;

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
