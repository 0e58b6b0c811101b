//! Variables: set once for every run, so the command line must be able to say otherwise.

use crate::{adieu, text};
use std::process::{Output, Stdio};

/// Nothing listens on port 0, so `connect` ends at once with 3; nobody comes, so `listen` ends at once with 5.
fn run(variables: &[(&str, &str)], args: &[&str]) -> Output {
    let endpoint = ["127.0.0.1:0"];
    let limit: &[&str] = if args[0] == "listen" { &["--connect-timeout", "1ms"] } else { &[] };
    let all: Vec<&str> = args.iter().chain(&endpoint).chain(limit).copied().collect();
    let directory = tempfile::tempdir().expect("a directory can be made");
    let mut command = adieu(&all);
    command.envs(variables.iter().copied()).current_dir(directory.path()).stdin(Stdio::null());
    let output = command.output().expect("the built binary starts");
    if variables.contains(&("ADIEU_OUTPUT", "x")) {
        assert!(!directory.path().join("x").exists(), "a file that must yield is not made");
    }
    output
}

#[test]
fn the_command_line_beats_a_variable_and_no_means_no() {
    for (variables, args, code) in [
        (&[("ADIEU_QUIET", "0")][..], &["connect", "-v"][..], 3),
        (&[("ADIEU_QUIET", "false"), ("ADIEU_VERBOSE", "true")], &["connect"], 3),
        (&[("ADIEU_QUIET", "1")], &["connect", "-v"], 3),
        (&[("ADIEU_VERBOSE", "1")], &["connect", "-q"], 3),
        (&[("ADIEU_DEADLINE", "")], &["connect"], 3),
        (&[("ADIEU_QUIET", ""), ("ADIEU_REPORT", "")], &["connect", "-v"], 3),
        (&[("ADIEU_ECHO", "false")], &["listen", "--exec", "true"], 5),
        (&[("ADIEU_ECHO", "1")], &["listen", "--exec", "true"], 5),
        (&[("ADIEU_OUTPUT", "x")], &["listen", "--exec", "true"], 5),
        (&[("ADIEU_OUTPUT", "x"), ("ADIEU_EXEC", "true")], &["listen", "--echo"], 5),
        (&[("ADIEU_MAX_CONNECTIONS", "5")], &["listen"], 5),
        (&[("ADIEU_MAX_CONNECTIONS", "5")], &["listen", "--echo", "--keep-open"], 5),
        (&[("ADIEU_KEEP_OPEN", "1")], &["listen", "--echo", "--max-connections", "5"], 5),
        (&[("ADIEU_KEEP_OPEN", "0"), ("ADIEU_MAX_CONNECTIONS", "5")], &["listen"], 5),
    ] {
        let output = run(variables, args);
        assert_eq!(output.status.code(), Some(code), "{variables:?} {args:?}: {}", text(&output.stderr));
    }
}

#[test]
fn the_flag_that_is_written_is_the_one_that_counts() {
    for (variable, args, is_quiet) in
        [("ADIEU_QUIET", &["listen", "-v"][..], false), ("ADIEU_VERBOSE", &["listen", "-q"], true)]
    {
        let said = text(&run(&[(variable, "1")], args).stderr);
        assert_eq!(!said.contains("listening on"), is_quiet, "{said}");
    }
}

#[test]
fn what_truly_conflicts_is_a_usage_error_that_names_it_as_it_was_given() {
    for (variables, args, names) in [
        (
            &[("ADIEU_QUIET", "1"), ("ADIEU_VERBOSE", "1")][..],
            &["connect"][..],
            ["ADIEU_QUIET", "ADIEU_VERBOSE"],
        ),
        (&[("ADIEU_ECHO", "1"), ("ADIEU_EXEC", "true")], &["listen"], ["ADIEU_ECHO", "ADIEU_EXEC"]),
        (&[], &["connect", "-q", "-v"], ["--quiet", "--verbose"]),
        (&[], &["listen", "--echo", "--output", "y"], ["--echo", "--output"]),
        (&[], &["listen", "--exec", "true", "--output", "y"], ["--exec", "--output"]),
        (&[], &["listen", "--echo", "--max-connections", "5"], ["--max-connections", "--keep-open"]),
        (
            &[("ADIEU_KEEP_OPEN", "no")],
            &["listen", "--max-connections", "5"],
            ["--max-connections", "--keep-open"],
        ),
    ] {
        let output = run(variables, args);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{variables:?} {args:?}: {said}");
        assert!(names.iter().all(|n| said.contains(n)) && said.contains("Usage: adieu "), "{said}");
    }
}
