//! The report: its JSON against the committed schema, its file, its agreement with the exit status.

use crate::{Server, run, text};
use adieu_testkit::schema::Schema;
use serde_json::Value;

/// The one line of JSON, checked against the schema and the exit status.
fn checked(output: &std::process::Output) -> Value {
    let said = text(&output.stderr);
    let report = Schema::of("report").checked(&said);
    assert_eq!(report["exit_code"].as_i64(), output.status.code().map(i64::from));
    report
}

#[test]
fn every_kind_of_ending_fits_the_schema() {
    let server = Server::start(&["--echo"]);
    let report = checked(&run(&["connect", &server.address, "--report", "json"], b"fourteen bytes"));
    assert_eq!(report["ending"], "graceful");
    assert_eq!(report["bytes_acknowledged"], 14);
    assert_eq!(report["ended_first"], "us");
    let (_, _, said) = server.finish();
    assert!(said.contains("graceful"));

    let report = checked(&run(&["connect", "127.0.0.1:1", "--report", "json"], b""));
    assert_eq!((&report["ending"], &report["error_name"]), (&"no_connection".into(), &"ECONNREFUSED".into()));
    assert_eq!(report["bytes_acknowledged"], Value::Null);

    let server = Server::start(&["--exec", "sleep 60"]);
    let args = ["connect", &server.address, "--report", "json", "--idle-timeout", "100ms"];
    let report = checked(&run(&args, b""));
    assert_eq!((&report["ending"], &report["timer"]), (&"timed_out".into(), &"idle".into()));
    server.signal(rustix::process::Signal::INT);
    server.finish();

    let server = Server::start(&["--exec", "kill -9 $PPID"]);
    let report = checked(&run(&["connect", &server.address, "--report", "json"], &vec![0; 10_000_000]));
    assert_eq!((&report["ending"], &report["reset_by"]), (&"reset".into(), &"peer".into()));

    let directory = std::fs::File::open("/").expect("there is a root");
    let output = crate::adieu(&["connect", "127.0.0.1:1", "--report", "json"]).stdin(directory).output();
    let report = checked(&output.expect("the built binary starts"));
    assert_eq!((&report["ending"], &report["local_end"]), (&"local_failure".into(), &"input".into()));
}

#[test]
fn a_peer_that_talks_and_takes_nothing_is_idle() {
    let server = Server::start(&["--exec", "while echo talk; do sleep 0.02; done"]);
    let limits = ["--idle-timeout", "500ms", "--deadline", "10s"];
    let args = [&["connect", &server.address, "--report", "json"][..], &limits].concat();
    let report = checked(&run(&args, &vec![0; 20_000_000]));
    assert_eq!((&report["ending"], &report["timer"]), (&"timed_out".into(), &"idle".into()), "{report}");
    let said = report["message"].as_str().unwrap_or_default();
    assert!(said.contains("the peer went on talking and took nothing for the whole idle timeout"), "{said}");
    server.signal(rustix::process::Signal::INT);
    server.finish();
}

#[test]
fn the_schema_refuses_what_is_no_report() {
    assert!(!Schema::of("report").is_valid(&serde_json::json!({"ending": "graceful"})));
}

#[test]
fn a_report_file_gets_the_report_in_the_format_its_name_says() {
    let directory = tempfile::tempdir().expect("there is room for a directory");
    for (name, option, starts) in [
        ("a.json", None, "{\"report_version\":1"),
        ("a.txt", None, "graceful: 1 byte received, 1 of 1 byte acknowledged\n"),
        ("b.txt", Some("json"), "{\"report_version\":1"),
        ("b.json", Some("text"), "graceful: "),
    ] {
        let path = directory.path().join(name);
        let server = Server::start(&["--echo"]);
        let mut args =
            vec!["connect", &server.address, "--report-file", path.to_str().expect("a UTF-8 path")];
        args.extend(option.map(|_| "--report"));
        args.extend(option);
        let output = run(&args, b"x");
        assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), String::new()));
        let written = std::fs::read_to_string(path).expect("the file is there");
        assert!(written.starts_with(starts) && written.ends_with('\n'), "{written}");
        server.finish();
    }
}

#[test]
fn a_report_file_that_cannot_be_written_is_known_before_anything_is_sent() {
    let server = Server::start(&["--echo"]);
    let output = run(&["connect", &server.address, "--report-file", "/nowhere/report"], b"x");
    assert_eq!(output.status.code(), Some(7));
    assert!(text(&output.stderr).contains("cannot write the report to /nowhere/report: No such file"));
    let output = run(&["connect", &server.address, "--report-file", "/dev/full"], b"x");
    assert_eq!(output.status.code(), Some(7), "{}", text(&output.stderr));
    server.finish();
}
