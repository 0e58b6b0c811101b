//! The harness, tried with programs whose behaviour is known: the shell's and coreutils'.

use super::*;
use crate::scenario::named;
use std::thread;
use std::time::Duration;

/// A shell that runs `script`, the peer's port in `$1`.
fn shell(script: &str) -> impl FnOnce(&Scenario, &Endpoint) -> Vec<OsString> + use<'_> {
    move |_, endpoint| {
        let port = endpoint.address().map_or(0, |address| address.port()).to_string();
        ["sh", "-c", script, "sh", &port].map(OsString::from).into()
    }
}

fn scenario(name: &str, change: impl FnOnce(&mut Scenario)) -> Scenario {
    let mut scenario = named(name).clone();
    change(&mut scenario);
    scenario
}

#[test]
fn input_reaches_the_program_whole_and_output_is_counted() {
    use crate::scenario::ProgramInput;
    for input in [
        ProgramInput::File(100_000),
        ProgramInput::Pipe(100_000),
        ProgramInput::SlowPipe { chunk: 40_000, pause: Duration::from_millis(20), total: 100_000 },
    ] {
        // cat writes the program's pattern, which is not the peer's: counted, and wrong from the start.
        let scenario = scenario("exchange_of_nothing", |scenario| scenario.input = input);
        let outcome = run(&scenario, shell("cat")).expect("the harness runs");
        assert_eq!(outcome.output_bytes, Some(100_000), "{input:?}");
        assert!(outcome.output_first_wrong.is_some_and(|at| at < 8));
        assert_eq!((outcome.exit, outcome.hung), (Some(Exit::Code(0)), false));
        assert!(!outcome.peer.expect("it listened").connected);
    }
}

#[test]
fn broken_inputs_fail_as_they_should() {
    for (name, says) in [
        ("input_is_closed", "Bad file descriptor"),
        ("input_is_a_directory", "Is a directory"),
        ("input_fails_with_an_io_error", "Input/output error"),
    ] {
        let outcome = run(named(name), shell("LC_ALL=C exec cat")).expect("the harness runs");
        assert!(outcome.stderr.contains(says), "{name}: {}", outcome.stderr);
        assert_eq!(outcome.exit, Some(Exit::Code(1)), "{name}");
    }
}

#[test]
fn broken_outputs_fail_as_they_should() {
    for (name, says) in
        [("output_device_is_full", "No space left on device"), ("output_is_closed", "Bad file descriptor")]
    {
        let outcome = run(named(name), shell("LC_ALL=C exec cat /etc/passwd")).expect("the harness runs");
        assert!(outcome.stderr.contains(says), "{name}: {}", outcome.stderr);
        assert_eq!(outcome.output_bytes, None);
    }
    let outcome = run(named("output_reader_leaves_early"), shell("exec cat /dev/zero")).expect("it runs");
    assert_eq!(outcome.output_bytes, Some(1_000));
    assert_eq!(outcome.exit, Some(Exit::Signal(13)), "SIGPIPE");
}

#[test]
fn an_open_silent_input_gives_no_eof_until_the_program_is_gone() {
    let scenario = scenario("input_stays_open_while_the_peer_answers_and_finishes", |scenario| {
        scenario.hang_limit = Duration::from_millis(300);
    });
    let outcome = run(&scenario, shell("exec cat")).expect("the harness runs");
    assert!(outcome.hung && outcome.exit.is_none(), "{outcome:?}");
}

#[test]
fn a_hung_program_goes_with_all_it_started() {
    let scenario = scenario("exchange_of_nothing", |scenario| {
        scenario.hang_limit = Duration::from_millis(300);
    });
    // The grandchild holds stdout open: if it lived on, its 60 s would show.
    let outcome = run(&scenario, shell("sleep 60 & sleep 60; true")).expect("the harness runs");
    assert!(outcome.hung);
    assert!(outcome.wall < Duration::from_secs(20), "{:?}", outcome.wall);
}

#[test]
fn a_signal_is_sent_at_its_moment() {
    let scenario = scenario("interrupted_in_a_download", |_| {});
    let script = "trap 'exit 77' INT; head -c 1000 /dev/zero; while :; do sleep 0.02; done";
    let outcome = run(&scenario, shell(script)).expect("the harness runs");
    assert_eq!(outcome.exit, Some(Exit::Code(77)), "{outcome:?}");
    assert!(outcome.trouble.is_empty(), "{:?}", outcome.trouble);
}

#[test]
fn a_moment_that_never_comes_is_trouble() {
    let outcome = run(named("interrupted_in_a_download"), shell("true")).expect("the harness runs");
    assert_eq!(outcome.trouble.len(), 1, "{:?}", outcome.trouble);
}

#[test]
fn a_json_report_is_found_among_other_words() {
    let script =
        r#"echo hello >&2; echo '{"ending":"reset","phase":"draining","bytes_unacknowledged":3}' >&2"#;
    let outcome = run(named("exchange_of_nothing"), shell(script)).expect("the harness runs");
    assert_eq!((outcome.ending.as_deref(), outcome.phase.as_deref()), (Some("reset"), Some("draining")));
    assert_eq!(outcome.unacknowledged, Some(3));
}

#[test]
fn a_name_resolves_to_the_scenarios_addresses() {
    let name = "ipv6_address_refuses_and_ipv4_accepts";
    let outcome = match run(named(name), |_, _| ["sh", "-c", "cat /etc/hosts >&2"].map(OsString::from).into())
    {
        Ok(outcome) => outcome,
        Err(error) => return crate::skip::loudly(name, &error),
    };
    assert_eq!(outcome.stderr, "::1 adieu-peer\n127.0.0.1 adieu-peer\n");
}

#[test]
fn a_listening_program_is_connected_to_by_its_port_file() {
    // A port file that names a listener of this test's own: the program's part of the talk is played here.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("loopback");
    let port = listener.local_addr().expect("bound").port();
    let outcome = thread::scope(|scope| {
        scope.spawn(move || {
            let (mut stream, _) = listener.accept().expect("the peer connects");
            io::copy(&mut adieu_peer::pattern::Pattern::of_program().reader(14), &mut stream).expect("taken");
            stream.shutdown(std::net::Shutdown::Write).expect("connected");
            io::copy(&mut stream, &mut io::sink()).expect("no reset");
        });
        run_listening(named("reply_only_after_eof"), |_, port_file| {
            let script = format!("echo {port} >\"$1\"; exec sleep 0.5");
            vec!["sh".into(), "-c".into(), script.into(), "sh".into(), port_file.into()]
        })
        .expect("the harness runs")
    });
    let peer = outcome.peer.expect("it has one");
    assert_eq!((peer.received, peer.first_wrong, peer.completed), (14, None, true), "{peer:?}");
}

#[test]
fn scenarios_run_at_a_time_come_back_in_order() {
    let names: Vec<_> =
        for_each(8, |_| true, |scenario| scenario.name).into_iter().map(|(_, name)| name).collect();
    let wanted: Vec<_> = crate::scenario::all().map(|scenario| scenario.name).collect();
    assert_eq!(names, wanted);
}
