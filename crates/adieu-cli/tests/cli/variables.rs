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
    if variables.contains(&("ADIEU_OUTPUT", "x")) || variables.contains(&("ADIEU_REPORT_FILE", "x")) {
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
        (&[("ADIEU_INPUT_GRACE", "1s")], &["listen", "--echo"], 5),
        (&[("ADIEU_INPUT_GRACE", "1s"), ("ADIEU_ECHO", "1")], &["listen"], 5),
        (&[("ADIEU_ECHO", "1")], &["listen", "--input-grace", "1s"], 5),
        (&[("ADIEU_REPORT_FILE", "x")], &["connect", "--report", "none"], 3),
        (&[("ADIEU_REPORT_FILE", "x"), ("ADIEU_REPORT", "none")], &["connect"], 3),
        (&[("ADIEU_REPORT", "none")], &["connect", "--report-file", "x"], 3),
        (&[("ADIEU_REPORT_FILE", "x")], &["send", "/dev/null", "--report", "none"], 3),
        (&[], &["listen", "--grace", "0s"], 5),
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
        (&[], &["listen", "--echo", "--input-grace", "1s"], ["--input-grace", "--echo"]),
        (&[], &["listen", "--report", "none", "--report-file", "y"], ["--report-file", "--report none"]),
        (&[], &["connect", "--report=none", "--report-file=y"], ["--report-file", "--report none"]),
        (&[], &["send", "x", "--report", "none", "--report-file", "y"], ["--report-file", "--report none"]),
        (&[], &["listen", "--echo", "--output", "y"], ["--echo", "--output"]),
        (&[], &["listen", "--exec", "true", "--output", "y"], ["--exec", "--output"]),
        (&[], &["listen", "--echo", "--max-connections", "5"], ["--max-connections", "--keep-open"]),
        (&[], &["listen", "-k", "--accept-first"], ["--accept-first", "--keep-open"]),
        (
            &[("ADIEU_KEEP_OPEN", "no")],
            &["listen", "--max-connections", "5"],
            ["--max-connections", "--keep-open"],
        ),
    ] {
        let output = run(variables, args);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{variables:?} {args:?}: {said}");
        assert!(names.iter().all(|n| said.contains(n)) && said.starts_with("adieu: "), "{said}");
    }
}

#[test]
fn an_option_from_a_variable_that_means_nothing_for_a_unix_socket_is_ignored() {
    let variables = [
        ("ADIEU_TTL", "3"),
        // Each of these conflicts with the next, where they mean something.
        ("ADIEU_TOS", "0x10"),
        ("ADIEU_DSCP", "ef"),
        ("ADIEU_IPV4", "1"),
        ("ADIEU_IPV6", "1"),
        ("ADIEU_SOURCE", "127.0.0.1"),
        ("ADIEU_INTERFACE", "lo"),
        ("ADIEU_KEEPALIVE", "5s"),
        ("ADIEU_USER_TIMEOUT", "5s"),
        ("ADIEU_NODELAY", "on"),
        ("ADIEU_MPTCP", "1"),
        ("ADIEU_FASTOPEN", "1"),
        ("ADIEU_PROXY", "socks5://127.0.0.1:1"),
    ];
    let directory = tempfile::tempdir().expect("a directory can be made");
    for (args, code) in [
        (&["connect", "unix:nobody"][..], 3),
        (&["connect", "--", "unix:@adieu-test-nobody"], 3),
        (&["listen", "unix:x", "--connect-timeout", "1ms"], 5),
        (&["send", "/dev/null", "unix:nobody"], 3),
        (&["receive", "--connect", "unix:nobody", "--output", "x"], 3),
        // Written, it is a mistake.
        (&["connect", "unix:nobody", "--ttl", "3"], 2),
        (&["connect", "unix:nobody", "--proxy", "socks5://127.0.0.1:1"], 2),
    ] {
        let mut command = adieu(args);
        command.envs(variables).current_dir(directory.path()).stdin(Stdio::null());
        let output = command.output().expect("the built binary starts");
        assert_eq!(output.status.code(), Some(code), "{args:?}: {}", text(&output.stderr));
    }
    let tcp = run(&[("ADIEU_TTL", "300")], &["connect"]);
    assert_eq!(tcp.status.code(), Some(2), "where it means something it counts");
}

#[test]
fn options_for_tls_from_variables_are_ignored_without_tls_also_if_they_conflict() {
    let pin = format!("sha256:{}", "0".repeat(64));
    let variables = [
        ("ADIEU_CA", "/nonexistent"),
        ("ADIEU_PIN", &pin),
        ("ADIEU_INSECURE", "1"),
        ("ADIEU_KEY", "/nonexistent"),
    ];
    let plain = run(&variables, &["connect"]);
    assert_eq!(plain.status.code(), Some(3), "{}", text(&plain.stderr));
    let tls = run(&variables, &["connect", "--tls"]);
    assert_eq!(tls.status.code(), Some(2), "where they mean something they count");
    assert!(text(&tls.stderr).contains("cannot be used together"), "{}", text(&tls.stderr));
}

#[test]
fn a_password_file_needs_a_proxy_and_from_a_variable_is_ignored_without_one() {
    let said = run(&[], &["connect", "--proxy-password-file", "/nonexistent"]);
    assert_eq!(said.status.code(), Some(2), "{}", text(&said.stderr));
    assert!(text(&said.stderr).contains("--proxy-password-file needs --proxy"), "{}", text(&said.stderr));
    let said = run(&[("ADIEU_PROXY_PASSWORD_FILE", "/nonexistent")], &["connect"]);
    assert_eq!(said.status.code(), Some(3), "{}", text(&said.stderr));
}

/// What a script's own variable becomes that was not set. Nothing listens on port 0, so what is not refused ends with 3.
#[test]
fn an_empty_variable_that_was_to_keep_others_out_is_refused_where_it_would_count() {
    let send = &["send", "/dev/null"][..];
    let receive = &["receive", "--connect", "--output", "x"][..];
    for (variables, args, refused) in [
        (&[("ADIEU_SECRET", "")][..], send, Some("ADIEU_SECRET")),
        (&[("ADIEU_SECRET", "")], receive, Some("ADIEU_SECRET")),
        (&[("ADIEU_SECRET_FILE", "")], send, Some("ADIEU_SECRET_FILE")),
        (&[("ADIEU_SECRET_FILE", "")], receive, Some("ADIEU_SECRET_FILE")),
        (&[("ADIEU_SECRET", ""), ("ADIEU_SECRET_FILE", "x")], send, Some("ADIEU_SECRET")),
        (&[("ADIEU_SECRET", "")], &["send", "/dev/null", "--secret", "x"], None),
        (&[("ADIEU_SECRET_FILE", "")], &["send", "/dev/null", "--secret", "x"], None),
        (&[("ADIEU_SECRET", "")], &["connect"], None),
        (&[("ADIEU_PIN", "")], &["connect", "--tls"], Some("ADIEU_PIN")),
        (&[("ADIEU_PIN", ""), ("ADIEU_TLS", "1")], &["connect", "-q"], Some("ADIEU_PIN")),
        (&[("ADIEU_PIN", "")], &["send", "/dev/null", "--tls"], Some("ADIEU_PIN")),
        (&[("ADIEU_PIN", "")], &["connect", "--tls", "--insecure"], None),
        (&[("ADIEU_PIN", "")], &["connect", "-q"], None),
        (&[("ADIEU_CA", "")], &["connect", "--tls"], Some("ADIEU_CA")),
        (&[("ADIEU_CA", "")], &["listen", "--tls"], Some("ADIEU_CA")),
        (&[("ADIEU_CA", "")], &["connect"], None),
        (&[("ADIEU_TLS_MIN", "")], &["connect", "--tls"], Some("ADIEU_TLS_MIN")),
        (&[("ADIEU_CERT", ""), ("ADIEU_KEY", "")], &["listen"], Some("ADIEU_CERT")),
        (&[("ADIEU_CERT", ""), ("ADIEU_KEY", "")], &["connect"], None),
        // A switch that is empty says no, and the defaults of these are the strict ones, or those of everybody.
        (&[("ADIEU_TLS", ""), ("ADIEU_INSECURE", ""), ("ADIEU_TLS_EOF", "")], &["connect"], None),
        (&[("ADIEU_PROXY", ""), ("ADIEU_SERVERNAME", "")], &["connect"], None),
    ] {
        let output = run(variables, args);
        let said = text(&output.stderr);
        let code = if refused.is_some() { 2 } else { 3 };
        assert_eq!(output.status.code(), Some(code), "{variables:?} {args:?}: {said}");
        if let Some(variable) = refused {
            let sentence = format!("{variable} is empty: give it a value, or unset it");
            assert!(said.contains(&sentence), "{variables:?} {args:?}: {said}");
        }
    }
}

#[test]
fn plain_does_not_send_in_the_clear_what_a_variable_has_a_secret_for() {
    for (variable, value) in [("ADIEU_SECRET", "x"), ("ADIEU_SECRET", ""), ("ADIEU_SECRET_FILE", "x")] {
        let output = run(&[(variable, value)], &["send", "--plain", "/dev/null"]);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        let sentence = format!("--plain sends in the clear, and {variable} is set: unset it");
        assert!(said.contains(&sentence), "{said}");
    }
    let output = run(&[("ADIEU_PLAIN", "1"), ("ADIEU_SECRET", "x")], &["send", "/dev/null"]);
    assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
    let output = run(&[("ADIEU_PLAIN", "1")], &["send", "--secret", "x", "/dev/null"]);
    assert_eq!(output.status.code(), Some(3), "what is written counts: {}", text(&output.stderr));
}
