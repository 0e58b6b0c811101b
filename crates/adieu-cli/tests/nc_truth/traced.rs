//! What traces a netcat sees its calls on the thread that it traces.

use super::*;
use adieu_testkit::skip;

/// The calls of the first thread, and whether another was started.
fn traced(args: &[&str], input: &str) -> Option<(String, bool)> {
    let strace = skip::counterpart("traced", "strace")?;
    let directory = tempfile::tempdir().expect("a directory");
    let trace = directory.path().join("trace");
    let mut command = Command::new(strace);
    command.args(["-f", "-o"]).arg(&trace).args(["-e", "trace=network,clone,clone3"]);
    command.arg("--").arg(env!("CARGO_BIN_EXE_adieu")).arg("nc").args(args);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let output = run(command, input);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let text = std::fs::read_to_string(&trace).expect("strace has written it");
    let threads: std::collections::BTreeSet<&str> =
        text.lines().filter_map(|line| line.split(' ').next()).collect();
    Some((text.clone(), threads.len() > 1))
}

#[test]
fn a_client_makes_its_calls_on_the_main_thread() {
    let (port, serving) = server(|mut stream| {
        let all = read_all(&mut stream);
        stream.write_all(all.as_bytes()).expect("it receives");
    });
    let Some((text, has_threads)) = traced(&["-N", "127.0.0.1", &port], "hi\n") else { return };
    serving.join().expect("it has served");
    assert!(!has_threads, "{text}");
    for call in ["connect(", "sendto(", "shutdown(", "recvfrom("] {
        assert!(text.contains(call), "{call}: {text}");
    }
}
