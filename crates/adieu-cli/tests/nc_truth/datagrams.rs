//! `-u`.

use super::*;
use std::net::UdpSocket;

#[test]
fn datagrams_keep_their_boundaries_and_a_refusal_is_told() {
    let receiver = UdpSocket::bind("127.0.0.1:0").expect("loopback");
    receiver.set_read_timeout(Some(BOUND)).expect("a socket");
    let port = receiver.local_addr().expect("bound").port().to_string();
    let mut child = start({
        let mut command = nc("nc", &["-u", "-q", "1", "127.0.0.1", &port]);
        command.stdin(Stdio::piped());
        command
    });
    let mut stdin = child.stdin.take().expect("it is a pipe");
    let mut datagram = [0; 64];
    for text in ["one", "three"] {
        stdin.write_all(text.as_bytes()).expect("it reads");
        let (length, from) = receiver.recv_from(&mut datagram).expect("it sends");
        assert_eq!(&datagram[..length], text.as_bytes());
        receiver.send_to(&datagram[..length], from).expect("it is there");
    }
    drop(stdin);
    let output = child.wait_with_output().expect("it ends");
    assert_eq!((output.status.code(), stdout(&output).as_str()), (Some(0), "onethree"), "{output:?}");

    // Where nobody ever was: a port that was closed just now may still be a child's of another test.
    let host = own_address().ip().to_string();
    let output = run(nc("nc", &["-u", "-q", "1", &host, "9000"]), "hi\n");
    assert_ends(&output, 1, "Connection refused");
}

/// A socket on an address of this test's own.
fn receiver() -> (UdpSocket, String) {
    let address = own_address();
    let socket = UdpSocket::bind(address).expect("loopback");
    socket.set_read_timeout(Some(BOUND)).expect("a socket");
    (socket, address.ip().to_string())
}

#[test]
fn line_ends_are_translated_in_datagrams_too() {
    let (receiver, host) = receiver();
    assert_ends(&run(nc("nc", &["-u", "-C", "-q", "0", &host, "9000"]), "one\ntwo\n"), 0, "");
    let mut datagram = [0; 64];
    let length = receiver.recv(&mut datagram).expect("it was sent");
    assert_eq!(&datagram[..length], b"one\r\ntwo\r\n");
}

#[test]
fn b_allows_broadcasts() {
    let receiver = UdpSocket::bind("0.0.0.0:0").expect("a port");
    receiver.set_read_timeout(Some(BOUND)).expect("a socket");
    let port = receiver.local_addr().expect("bound").port().to_string();
    for name in ["nc", "nc.traditional"] {
        assert_ends(&run(nc(name, &["-u", "-b", "-w", "1", "127.255.255.255", &port]), "hi\n"), 0, "");
        let mut datagram = [0; 8];
        let length = receiver.recv(&mut datagram).expect("it was sent");
        assert_eq!(&datagram[..length], b"hi\n", "{name}");
    }
}

#[test]
fn what_datagrams_cannot_do_is_refused() {
    for (name, args) in [
        ("ncat", &["-u", "-e", "/bin/cat", "127.0.0.1", "9"][..]),
        ("ncat", &["-lu", "-c", "cat", "127.0.0.1", "9"]),
        ("nc", &["-u", "-t", "127.0.0.1", "9"]),
        ("nc", &["-u", "-F", "127.0.0.1", "9"]),
    ] {
        assert_ends(&run(nc(name, args), "hi\n"), 1, "is not supported with -u");
    }
}

#[test]
fn who_is_denied_sends_in_vain() {
    let address = own_address();
    let host = address.ip().to_string();
    let args = ["-lvu", "-i", "500ms", "--deny", "127.0.0.1", &host, "9000"];
    let listening = Listening::start(nc("ncat", &args), address);
    for (from, text) in [("127.0.0.1", "denied"), ("127.0.0.2", "let in")] {
        let sender = UdpSocket::bind((from, 0)).expect("loopback");
        sender.send_to(text.as_bytes(), address).expect("it receives");
    }
    let (status, out, said) = listening.end();
    assert_eq!((status, out.as_str()), (2, "let in"), "{said}");
    assert!(said.ends_with("Ncat: Idle timeout expired (500 ms). QUITTING.\n"), "{said}");
}

#[test]
fn a_unix_socket_gets_the_name_that_s_gives_it() {
    let directory = tempfile::tempdir().expect("a directory");
    let [ours, theirs] = ["ours", "theirs"].map(|name| directory.path().join(name));
    let receiver = std::os::unix::net::UnixDatagram::bind(&theirs).expect("a socket");
    receiver.set_read_timeout(Some(BOUND)).expect("a socket");
    let [ours_text, theirs_text] = [&ours, &theirs].map(|path| path.to_str().expect("text"));
    let output = run(nc("nc", &["-uU", "-q", "0", "-s", ours_text, theirs_text]), "hi\n");
    assert_ends(&output, 0, "");
    let mut datagram = [0; 64];
    let (length, from) = receiver.recv_from(&mut datagram).expect("it was sent");
    assert_eq!((&datagram[..length], from.as_pathname()), (&b"hi\n"[..], Some(&*ours)));
}

#[test]
fn a_signal_ends_a_scan() {
    use rustix::process::{Pid, Signal, kill_process};
    let (receiver, host) = receiver();
    let child = start(nc("nc", &["-zvu", &host, "9000-9009"]));
    receiver.recv(&mut [0; 1]).expect("it asks");
    kill_process(Pid::from_child(&child), Signal::INT).expect("it runs");
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.signal(), Some(2), "{output:?}");
}

#[test]
fn ncat_that_listens_does_not_end_with_its_stdin() {
    let address = own_address();
    let host = address.ip().to_string();
    let mut listening = Listening::start(nc("ncat", &["-luv", &host, "9000"]), address);
    let mut stdout = listening.child.stdout.take().expect("it is a pipe");
    let sender = UdpSocket::bind("127.0.0.1:0").expect("loopback");
    sender.connect(address).expect("loopback");
    let mut came = [0; 3];
    sender.send(b"one").expect("it is there");
    stdout.read_exact(&mut came).expect("it receives");
    // It is still there after the time that it gives the last answers where it has sent something.
    let end = std::time::Instant::now() + Duration::from_secs(1);
    while std::time::Instant::now() < end {
        assert_eq!(listening.child.try_wait().expect("a child"), None, "it ends although more may come");
        std::thread::sleep(Duration::from_millis(20));
    }
    sender.send(b"two").expect("it is there");
    stdout.read_exact(&mut came).expect("it receives");
    assert_eq!(&came, b"two");
    listening.child.kill().expect("it runs");
    listening.child.wait().expect("it ends");
}

#[test]
fn datagrams_are_dumped() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("dump");
    let path = file.to_str().expect("text");
    let (receiver, host) = receiver();
    for (name, option, dumped) in [
        ("ncat", "-o", "ask\nanswer"),
        ("ncat", "-x", "0000   61 73 6b 0a"),
        ("nc.traditional", "-o", "< 00000000 61 6e 73 77 65 72"),
    ] {
        let mut child = start({
            let mut command = nc(name, &["-u", "-w", "1", option, path, &host, "9000"]);
            command.stdin(Stdio::piped());
            command
        });
        // It stays open until the answer is there, which ncat does not wait for.
        let mut stdin = child.stdin.take().expect("it is a pipe");
        stdin.write_all(b"ask\n").expect("it reads");
        let mut datagram = [0; 64];
        let (length, from) = receiver.recv_from(&mut datagram).expect("it sends");
        assert_eq!(&datagram[..length], b"ask\n");
        receiver.send_to(b"answer", from).expect("it is there");
        let mut answer = [0; 6];
        child.stdout.as_mut().expect("it is a pipe").read_exact(&mut answer).expect("it receives");
        drop(stdin);
        let output = child.wait_with_output().expect("it ends");
        assert_eq!((output.status.code(), &answer), (Some(0), b"answer"), "{output:?}");
        let said = std::fs::read_to_string(&file).expect("it was written");
        assert!(said.contains(dumped), "{name} {option}: {said}");
    }
}

#[test]
fn a_source_of_another_ip_version_is_told_and_never_left_out() {
    for (args, version) in
        [(["-s", "127.0.0.1", "::1", "9"], "IPv6"), (["-s", "::1", "127.0.0.1", "9"], "IPv4")]
    {
        for transport in [&["-w", "1"][..], &["-u", "-w", "1"]] {
            let output = run(nc("nc", &[transport, &args].concat()), "hi\n");
            assert_ends(&output, 1, &format!("the address is one of {version}"));
        }
    }
}

#[test]
fn an_address_keeps_its_zone() {
    for args in [["-w1", "fe80::1%lo", "9000"], ["-lw1", "fe80::1%lo", "9000"]] {
        let said = stderr(&run(nc("nc", &[&["-uv"][..], &args].concat()), "hi\n"));
        // A local address without its zone.
        assert!(!said.is_empty() && !said.contains("Invalid argument"), "{args:?}: {said}");
    }
}

#[test]
fn ncat_receives_over_both_versions_where_no_host_is_named() {
    use std::io::BufRead;
    for from in ["127.0.0.1:0", "[::1]:0"] {
        let mut child = start(nc("ncat", &["-luv", "-i", "500ms", "0"]));
        let mut lines = std::io::BufReader::new(child.stderr.take().expect("it is a pipe")).lines();
        let listens = lines.by_ref().map_while(Result::ok).find_map(|line| {
            line.strip_prefix("Ncat: Listening on :::").and_then(|port| port.parse::<u16>().ok())
        });
        let port = listens.expect("it listens over IPv6");
        let sender = UdpSocket::bind(from).expect("loopback");
        let ip = sender.local_addr().expect("bound").ip();
        sender.send_to(b"hi", (ip, port)).expect("it receives");
        let said: Vec<_> = lines.map_while(Result::ok).collect();
        assert!(said.contains(&format!("Ncat: Connection from {ip}.")), "{said:?}");
        assert_eq!(stdout(&child.wait_with_output().expect("it ends")), "hi");
    }
}

#[test]
fn the_time_of_ncats_i_is_a_failure_unless_stdin_has_ended() {
    let (receiver, host) = receiver();
    let command = || nc("ncat", &["-u", "-i", "500ms", &host, "9000"]);
    let output = run_with_open_stdin(command(), "hi\n");
    assert_ends(&output, 1, "Ncat: Idle timeout expired (500 ms).\n");
    assert_ends(&run(command(), "hi\n"), 0, "");
    for _ in 0..2 {
        let mut datagram = [0; 8];
        let length = receiver.recv(&mut datagram).expect("it was sent");
        assert_eq!(&datagram[..length], b"hi\n");
    }
}

#[test]
fn what_a_scan_sends_is_what_the_flavour_sends() {
    for (name, sent, says) in [
        ("nc", &["X"; 4][..], " succeeded!\n"),
        ("nc.traditional", &["\0"; 2], " open\n"),
        ("ncat", &["\0"], "Ncat: Connected to 127.0.0.1:"),
        ("ncat", &["\0"], "Ncat: UDP packet sent successfully\n"),
    ] {
        let receiver = UdpSocket::bind("127.0.0.1:0").expect("loopback");
        let port = receiver.local_addr().expect("bound").port().to_string();
        assert_ends(&run(nc(name, &["-vzu", "127.0.0.1", &port]), ""), 0, says);
        receiver.set_nonblocking(true).expect("a socket");
        let mut datagrams = Vec::new();
        let mut datagram = [0; 8];
        while let Ok(length) = receiver.recv(&mut datagram) {
            datagrams.push(String::from_utf8_lossy(&datagram[..length]).into_owned());
        }
        assert_eq!(datagrams, sent, "{name}");
    }
}

#[test]
fn ncats_limit_of_no_client_takes_no_datagram() {
    let address = own_address();
    let host = address.ip().to_string();
    let mut listening = Listening::start(nc("ncat", &["-luv", "-m", "0", &host, "9000"]), address);
    let client = UdpSocket::bind("127.0.0.1:0").expect("loopback");
    for _ in 0..2 {
        client.send_to(b"hi", address).expect("it is bound");
        let mut line = String::new();
        std::io::BufRead::read_line(&mut listening.stderr, &mut line).expect("text");
        assert_eq!(line, "Ncat: New connection denied: connection limit reached (0)\n");
    }
    rustix::process::kill_process(
        rustix::process::Pid::from_child(&listening.child),
        rustix::process::Signal::TERM,
    )
    .expect("it runs");
    let (status, out, _) = listening.end();
    assert_eq!((status, out.as_str()), (-15, ""));
}
