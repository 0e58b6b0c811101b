//! `adieu check` in networks of the tests' own: many ports, silent name servers, and hosts that no way leads to.

use crate::check::{code, result, results, without_times};
use crate::{refusing, run, text};
use adieu_testkit::namespace::{self, Namespaces};
use adieu_testkit::{places, skip};
use serde_json::Value;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::process::{Command, Stdio};

/// Runs `body` where nobody else listens: whoever scans many ports is a client of every other test. Skips it where that cannot be.
fn in_own_network(test: &'static str, body: fn()) {
    let alone = std::thread::spawn(move || match namespace::own_loopback() {
        Ok(()) => body(),
        Err(error) => skip::loudly(test, &error),
    });
    alone.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
}

#[test]
fn a_word_may_have_many_ports() {
    in_own_network("a_word_may_have_many_ports", || {
        let servers: Vec<TcpListener> = (0..3).map(|_| adieu_testkit::places::listener()).collect();
        let mut ports: Vec<u16> =
            servers.iter().map(|server| server.local_addr().expect("it has one").port()).collect();
        ports.sort_unstable();
        let list = ports.iter().map(u16::to_string).collect::<Vec<_>>().join(",");
        let lines: Vec<String> = ports.iter().map(|port| format!("127.0.0.1:{port}: open")).collect();
        let output = run(&["check", &format!("127.0.0.1:{list}")], b"");
        assert_eq!((code(&output), without_times(&output)), (Some(0), lines.clone()));
        let output = run(&["check", "127.0.0.1", &list], b"");
        assert_eq!((code(&output), without_times(&output)), (Some(0), lines.clone()));

        let (low, high) = (ports[0], ports[2]);
        let output = run(&["check", &format!("127.0.0.1:{low}-{high}"), "--only-open"], b"");
        let found = without_times(&output);
        assert_eq!(found, lines);
        let said = text(&output.stderr);
        let all = high - low + 1;
        assert!(said.contains(&format!("of {all} ")) || said.contains(&format!("all {all} ")), "{said}");
    });
}

#[test]
fn every_port_of_a_host_is_checked_with_few_descriptors_and_little_memory() {
    in_own_network("every_port_of_a_host_is_checked_with_few_descriptors_and_little_memory", || {
        let server = places::listener();
        let open = server.local_addr().expect("it has one");
        let script = "ulimit -n 64; ulimit -v 1000000; exec \"$0\" \"$@\"";
        let mut command = Command::new("sh");
        let name = crate::ADIEU;
        command.args(["-c", script, name, "check", "127.0.0.1:1-65535", "--only-open", "--parallel", "500"]);
        let output = command.stdin(Stdio::null()).output().expect("a shell starts");
        assert_eq!(code(&output), Some(3), "{}", text(&output.stderr));
        assert_eq!(without_times(&output), [format!("{open}: open")]);
        assert!(text(&output.stderr).contains("1 of 65535 is open"), "{}", text(&output.stderr));
    });
}

#[test]
fn a_socket_that_connects_to_itself_is_no_server() {
    in_own_network("a_socket_that_connects_to_itself_is_no_server", || {
        let (address, held) = refusing();
        drop(held);
        let (result, code) = result(&[&address, "--source", &address]);
        assert_eq!((result["state"].as_str(), code), (Some("refused"), Some(3)), "{result}");
    });
}

#[test]
fn a_name_server_that_says_nothing_says_nothing_of_the_name() {
    // One that is not there, and one that is silent for longer than an attempt may take.
    for (make, limit) in [
        (places::own_absent_resolver as fn() -> io::Result<Box<dyn std::any::Any>>, "20s"),
        (places::own_silent_resolver, "300ms"),
    ] {
        let alone = std::thread::spawn(move || {
            let _held = match namespace::own_loopback().and_then(|()| make()) {
                Ok(held) => held,
                Err(error) => return skip::loudly("a_name_server_that_says_nothing", &error),
            };
            let args = ["check", "--report", "json", "name.adieu.test:1-3", "--connect-timeout", limit];
            let output = run(&args, b"");
            let told = results(&output.stdout);
            let states: Vec<&Value> = told.iter().map(|result| &result["state"]).collect();
            assert_eq!(
                (code(&output), states),
                (Some(3), vec![&Value::from("name_server_silent"); 3]),
                "{told:?}"
            );
        });
        alone.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    }
}

#[test]
fn what_never_answers_and_what_no_route_leads_to_are_told_apart() {
    let test = "what_never_answers_and_what_no_route_leads_to_are_told_apart";
    let Some(pair) = Namespaces::or_skip(test) else { return };
    let address = SocketAddr::new(pair.peer_address().ip(), 80).to_string();
    let check = |args: &[&str]| {
        let prefix = pair.prefix();
        let mut command = Command::new(&prefix[0]);
        command.args(&prefix[1..]).arg(crate::ADIEU).args(["check", "--report", "json", &address]).args(args);
        let output = command.stdin(Stdio::null()).output().expect("it starts");
        (results(&output.stdout).remove(0), code(&output))
    };
    let (result, status) = check(&[]);
    assert_eq!((result["state"].as_str(), status), (Some("refused"), Some(3)), "{result}");
    pair.cut().expect("the wire can be cut");
    let (result, status) = check(&["--connect-timeout", "300ms"]);
    assert_eq!((result["state"].as_str(), status), (Some("no_answer"), Some(3)), "{result}");
    assert!(result["elapsed_us"].as_u64().is_some_and(|took| took >= 300_000), "{result}");
    pair.bar_the_way().expect("a route can be replaced");
    let (result, status) = check(&[]);
    assert_eq!((result["state"].as_str(), status), (Some("no_route"), Some(3)), "{result}");
    assert!(result["error_name"].is_string(), "{result}");
}
