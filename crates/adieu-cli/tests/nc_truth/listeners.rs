//! The side that listens.

use super::*;
use rustix::process::{Pid, Signal, kill_process};

#[test]
fn a_listener_ends_with_its_client_although_nobody_has_used_its_stdin() {
    let address = own_address();
    let host = address.ip().to_string();
    let mut command = nc("nc", &["-lvn", &host, "9000"]);
    let listening = Listening::start(
        {
            command.stdin(Stdio::piped());
            command
        },
        address,
    );
    let mut client = listening.connect();
    client.write_all(b"hello\n").expect("it receives");
    client.shutdown(std::net::Shutdown::Write).expect("connected");
    assert_eq!(read_all(&mut client), "");
    let port = client.local_addr().expect("connected").port();
    let (status, out, said) = listening.end();
    assert_eq!((status, out.as_str()), (0, "hello\n"));
    assert_eq!(said, format!("Connection received on 127.0.0.1 {port}\n"));
}

#[test]
fn an_answer_that_is_not_at_its_end_is_cut_and_not_ended() {
    let address = own_address();
    let host = address.ip().to_string();
    let mut command = nc("nc", &["-lv", &host, "9000"]);
    let mut listening = Listening::start(
        {
            command.stdin(Stdio::piped());
            command
        },
        address,
    );
    let mut stdin = listening.child.stdin.take().expect("it is a pipe");
    stdin.write_all(b"the first half").expect("it reads");
    let mut client = listening.connect();
    let mut half = [0; 14];
    client.read_exact(&mut half).expect("it sends");
    client.shutdown(std::net::Shutdown::Write).expect("connected");
    let end = end_of(&mut client);
    assert_eq!(end, Err(std::io::ErrorKind::ConnectionReset), "the half looks whole");
    let (status, _, said) = listening.end();
    assert!(status == 1 && said.contains("our input was "), "{status} {said}");
    drop(stdin);
}

#[test]
fn k_serves_one_client_after_the_other_until_a_signal_comes() {
    let address = own_address();
    let host = address.ip().to_string();
    let listening = Listening::start(nc("nc", &["-lkv", &host, "9000"]), address);
    for _ in 0..3 {
        let mut client = listening.connect();
        client.write_all(b"hi\n").expect("it receives");
        client.shutdown(std::net::Shutdown::Write).expect("connected");
        assert_eq!(read_all(&mut client), "");
    }
    kill_process(Pid::from_child(&listening.child), Signal::TERM).expect("it runs");
    let (status, out, _) = listening.end();
    assert_eq!((status, out.as_str()), (-15, "hi\nhi\nhi\n"), "it dies of its signal");
}

#[test]
fn a_reset_client_is_told() {
    let address = own_address();
    let host = address.ip().to_string();
    let listening = Listening::start(nc("nc", &["-lv", &host, "9000"]), address);
    let client = listening.connect();
    reset(&client);
    drop(client);
    let (status, _, said) = listening.end();
    assert!(status == 1 && said.contains("nc: reset by the peer"), "{status} {said}");
}

#[test]
fn who_is_denied_is_reset() {
    let address = own_address();
    let host = address.ip().to_string();
    let args = ["-lkv", "--deny", "127.0.0.1", &host, "9000"];
    let listening = Listening::start(nc("ncat", &args), address);
    let denied = end_of(&mut listening.connect());
    assert_eq!(denied, Err(std::io::ErrorKind::ConnectionReset));
    kill_process(Pid::from_child(&listening.child), Signal::TERM).expect("it runs");
    let (_, _, said) = listening.end();
    assert!(said.contains("Ncat: New connection denied: not allowed\n"), "{said}");
}

#[test]
fn unix_sockets_are_listened_on_and_connected_to() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("s");
    let path = path.to_str().expect("text");
    let listening = Listening::start(nc("nc", &["-lvU", path]), own_address());
    let output = run(nc("nc", &["-NU", path]), "hi\n");
    assert_ends(&output, 0, "");
    let (status, out, said) = listening.end();
    assert_eq!((status, out.as_str(), said), (0, "hi\n", format!("Connection received on {path}\n")));
    assert_ends(&run(nc("nc", &["-U", path]), ""), 1, &format!("nc: {path}: Connection refused\n"));
    // Its file stays, as that of every netcat does, and the next one may have it.
    let listening = Listening::start(nc("nc", &["-lvU", path]), own_address());
    assert_ends(&run(nc("nc", &["-NU", path]), "again\n"), 0, "");
    assert_eq!(listening.end().1, "again\n");
}

#[test]
fn tls_is_spoken_between_two_of_them() {
    let address = own_address();
    let host = address.ip().to_string();
    let listening = Listening::start(nc("ncat", &["-lv", "--ssl", &host, "9000"]), address);
    let output = run(nc("ncat", &["--ssl", &host, "9000"]), "over TLS\n");
    assert_ends(&output, 0, "");
    let (status, out, said) = listening.end();
    assert_eq!((status, out.as_str()), (0, "over TLS\n"), "{said}");
}

#[test]
fn who_has_no_stdin_receives_as_the_originals_do() {
    for (name, option) in [("nc", "-lv"), ("nc.traditional", "-lvp"), ("ncat", "-lv")] {
        let address = own_address();
        let host = address.ip().to_string();
        let line = if name == "nc.traditional" {
            format!("{option} 9000 -s {host}")
        } else {
            format!("{option} {host} 9000")
        };
        let script = format!("exec -a {name} \"$ADIEU\" {line} <&-");
        let mut command = Command::new("bash");
        command.args(["-c", &script]).env("ADIEU", env!("CARGO_BIN_EXE_adieu"));
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let listening = Listening::start(command, address);
        let mut client = listening.connect();
        client.write_all(b"hello\n").expect("it receives");
        client.shutdown(std::net::Shutdown::Write).expect("connected");
        assert_eq!(read_all(&mut client), "", "{name}");
        let (status, out, said) = listening.end();
        assert_eq!((status, out.as_str()), (0, "hello\n"), "{name}: {said}");
    }
}

#[test]
fn a_listener_whose_stdout_is_gone_does_not_go_on_losing_what_comes() {
    for (name, full) in [("nc", false), ("ncat", false), ("ncat", true)] {
        let address = own_address();
        let host = address.ip().to_string();
        let mut command = nc(name, &["-lkv", &host, "9000"]);
        // It stays open: at its end ncat sends a FIN, which is true, and may come before the reset.
        command.stdin(Stdio::piped());
        if full {
            command.stdout(std::fs::File::options().write(true).open("/dev/full").expect("Linux has it"));
        } else {
            let (reader, writer) = std::io::pipe().expect("a pipe");
            drop(reader);
            places::nobody_reads(&writer).expect("a pipe");
            command.stdout(writer);
        }
        let mut listening = Listening::start(command, address);
        let mut client = listening.connect();
        // A pipe without a reader tells of it before anything has come, so the reset may be there before we write.
        let end = client.write_all(b"hello\n").and_then(|()| client.read(&mut [0; 1]));
        let end = end.map_err(|error| error.kind());
        assert_eq!(end, Err(std::io::ErrorKind::ConnectionReset), "{name}");
        let until = std::time::Instant::now() + BOUND;
        let status = loop {
            if let Some(status) = listening.child.try_wait().expect("a child") {
                break status;
            }
            assert!(std::time::Instant::now() < until, "{name} goes on: {:?}", listening.child.kill());
            std::thread::sleep(Duration::from_millis(10));
        };
        assert_eq!(status.code(), Some(1), "{name}");
    }
}

#[test]
fn after_the_time_of_ncats_i_a_client_is_cut_and_the_status_is_2() {
    let address = own_address();
    let host = address.ip().to_string();
    let mut listening = Listening::start(
        {
            let mut command = nc("ncat", &["-lv", "-i", "500ms", &host, "9000"]);
            command.stdin(Stdio::piped());
            command
        },
        address,
    );
    let stdin = listening.child.stdin.take().expect("it is a pipe");
    let mut client = listening.connect();
    assert_eq!(end_of(&mut client), Err(std::io::ErrorKind::ConnectionReset), "what looks like a whole");
    let (status, _, said) = listening.end();
    assert_eq!(status, 2, "{said}");
    assert!(said.ends_with("Ncat: Idle timeout expired (500 ms). QUITTING.\n"), "{said}");
    drop(stdin);
}
