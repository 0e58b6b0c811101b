//! What the originals' own test suites ask for: ncat's `ncat-test.pl`, and OpenBSD's `regress/usr.bin/nc`.

use super::*;
use adieu_testkit::places;
use adieu_testkit::tls::authority::{Authority, Identity};
use std::net::{TcpListener, UdpSocket};

/// The next line on its stderr.
fn next_line(child: &mut Child) -> String {
    use std::io::BufRead;
    let mut line = String::new();
    let stderr = child.stderr.as_mut().expect("it is a pipe");
    std::io::BufReader::with_capacity(1, stderr).read_line(&mut line).expect("text");
    line
}

fn stop(mut child: Child) -> Output {
    child.kill().expect("it runs");
    child.wait_with_output().expect("it ends")
}

/// The regress copies the program that it tests to a name of its own.
#[test]
fn a_copy_under_another_name_is_still_a_netcat() {
    assert_ends(
        &run(nc("./netcat-regress", &["-4", "-l", "::1", "0"]), ""),
        1,
        "netcat-regress: getaddrinfo: ",
    );
    assert_ends(&run(nc("ncat-7.93", &["--version"]), ""), 0, "Ncat: Version");
}

#[test]
fn ncat_tells_its_tests_that_it_listens() {
    let address = own_address();
    let host = address.ip().to_string();
    for kind in [&["--test", "-l"][..], &["--test", "-lu"]] {
        let mut child = start(nc("ncat", &[&[&host, "9000"], kind].concat()));
        assert_eq!(next_line(&mut child), "NCAT TEST: LISTEN\n");
        stop(child);
    }
}

#[test]
fn a_client_that_only_receives_ends_with_its_server() {
    let (port, server) = server(|mut stream| {
        stream.set_nonblocking(true).expect("a socket");
        let before = end_of(&mut stream);
        stream.set_nonblocking(false).expect("a socket");
        stream.write_all(b"abc\n").expect("it receives");
        stream.shutdown(std::net::Shutdown::Write).expect("connected");
        (before, end_of(&mut stream))
    });
    let output = run(nc("ncat", &["--recv-only", "127.0.0.1", &port]), "never sent");
    assert_eq!((output.status.code(), stdout(&output).as_str()), (Some(0), "abc\n"), "{output:?}");
    // A server that ends with its client would have given nothing after an end that came first.
    let (before, after) = server.join().expect("it serves");
    assert_eq!((before, after), (Err(std::io::ErrorKind::WouldBlock), Ok(0)));
}

#[test]
fn ncat_s_socket_of_ipv6_takes_nobody_over_ipv4() {
    for kind in ["-6lvu", "-6lv"] {
        let mut child = start(nc("ncat", &[kind, "::", "0"]));
        assert!(next_line(&mut child).starts_with("Ncat: Version"));
        let line = next_line(&mut child);
        let port = line.trim_end().rsplit(':').next().and_then(|port| port.parse().ok());
        let address = SocketAddr::from(([0, 0, 0, 0], port.expect("it says its port")));
        let freed = if kind.ends_with('u') {
            UdpSocket::bind(address).map(drop)
        } else {
            TcpListener::bind(address).map(drop)
        };
        assert!(freed.is_ok(), "{kind}: {line} {freed:?}");
        stop(child);
    }
}

#[test]
fn the_way_to_a_proxy_begins_at_the_port_that_p_names() {
    let proxy = places::listener();
    let at = proxy.local_addr().expect("bound").to_string();
    let own = places::free_port().to_string();
    for kind in ["http", "socks4"] {
        let args = ["--proxy-type", kind, "--proxy", &at, "-p", &own, "127.0.0.1", "9"];
        let child = start(nc("ncat", &args));
        let (stream, from) = proxy.accept().expect("it connects");
        assert_eq!(from.port().to_string(), own, "{kind}");
        // No TIME-WAIT is to stand in the way of the second.
        reset(&stream);
        drop(stream);
        child.wait_with_output().expect("it ends");
    }
}

#[test]
fn ncat_with_room_for_nobody_serves_nobody() {
    let address = own_address();
    let host = address.ip().to_string();
    let listening = Listening::start(nc("ncat", &["-lv", "-m", "0", &host, "9000"]), address);
    assert_eq!(end_of(&mut listening.connect()), Err(std::io::ErrorKind::ConnectionReset));
    let (status, out, said) = listening.end();
    assert_eq!((status, out.as_str()), (1, ""));
    assert!(said.ends_with("Ncat: New connection denied: connection limit reached (0)\n"), "{said}");
}

#[test]
fn openbsd_s_says_again_that_it_listens() {
    let address = own_address();
    let host = address.ip().to_string();
    let mut command = nc("nc", &["-knlv", &host, "9000"]);
    command.env("ADIEU_NC_FLAVOUR", "openbsd");
    let mut listening = Listening::start(command, address);
    let mut client = listening.connect();
    client.shutdown(std::net::Shutdown::Write).expect("connected");
    assert_eq!(read_all(&mut client), "");
    let mut lines = String::new();
    while lines.lines().count() < 2 {
        use std::io::BufRead;
        assert!(listening.stderr.read_line(&mut lines).expect("text") > 0, "{lines}");
    }
    assert!(lines.ends_with(&format!("\nListening on {host} 9000\n")), "{lines}");
    stop(listening.child);
}

/// Four X come before what is sent, and what is answered to them belongs to whoever reads stdout.
#[test]
fn v_over_udp_sends_four_x_first() {
    for flavour in ["debian", "openbsd"] {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("loopback");
        socket.set_read_timeout(Some(BOUND)).expect("a socket");
        let port = socket.local_addr().expect("bound").port().to_string();
        let mut command = nc("nc", &["-unv", "-w", "2", "127.0.0.1", &port]);
        command.env("ADIEU_NC_FLAVOUR", flavour).stdin(Stdio::piped());
        let mut child = start(command);
        child.stdin.take().expect("it is a pipe").write_all(b"command\n").expect("it reads");
        let mut received = Vec::new();
        while !received.ends_with(b"command\n") {
            let mut datagram = [0; 64];
            let (length, from) = socket.recv_from(&mut datagram).expect("it sends");
            if received.is_empty() {
                socket.send_to(b"greeting\n", from).expect("it is there");
            }
            received.extend_from_slice(&datagram[..length]);
        }
        assert_eq!(received, b"XXXXcommand\n", "{flavour}");
        let output = child.wait_with_output().expect("it ends");
        assert_eq!(stdout(&output), "greeting\n", "{flavour} {output:?}");
    }
}

#[test]
fn k_over_udp_answers_nobody() {
    let address = own_address();
    let host = address.ip().to_string();
    let mut command = nc("nc", &["-klnuv", &host, "9000"]);
    command.stdin(Stdio::piped());
    let mut listening = Listening::start_saying(command, address, "bound on");
    let mut stdin = listening.child.stdin.take().expect("it is a pipe");
    stdin.write_all(b"greeting\n").expect("there is room");
    let sender = UdpSocket::bind((host.as_str(), 0)).expect("loopback");
    sender.connect(address).expect("a socket");
    let mut out = listening.child.stdout.take().expect("it is a pipe");
    for text in ["one", "two"] {
        sender.send(text.as_bytes()).expect("it receives");
        let mut received = [0; 3];
        out.read_exact(&mut received).expect("it gives what it receives");
        assert_eq!(received, text.as_bytes());
    }
    stop(listening.child);
    sender.set_nonblocking(true).expect("a socket");
    assert!(sender.recv(&mut [0; 64]).is_err(), "the greeting was sent to somebody");
}

#[test]
fn a_client_of_datagrams_says_the_name_that_it_is_answered_at() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("s");
    let server = std::os::unix::net::UnixDatagram::bind(&path).expect("a path");
    server.set_read_timeout(Some(BOUND)).expect("a socket");
    let mut command = nc("nc", &["-uUv", "-W", "1", path.to_str().expect("text")]);
    command.stdin(Stdio::piped());
    let mut child = start(command);
    assert!(next_line(&mut child).starts_with("Bound on @"));
    child.stdin.take().expect("it is a pipe").write_all(b"hi").expect("it reads");
    let (_, from) = server.recv_from(&mut [0; 64]).expect("it sends");
    server.send_to_addr(b"answer", &from).expect("it is there");
    assert_eq!(stdout(&child.wait_with_output().expect("it ends")), "answer");
}

/// A client with another certificate of the same issuer is not served.
#[test]
fn openbsds_listener_serves_only_the_certificate_that_h_names() {
    let authority = Authority::shared();
    let roots = authority.file().display().to_string();
    let files = |identity: &Identity| {
        let (certificate, key) = &identity.files;
        (certificate.display().to_string(), key.display().to_string())
    };
    let server = files(Authority::loopback());
    let expected = authority.issue(&["expected.test"]).expect("it can be made");
    let other = authority.issue(&["other.test"]).expect("it can be made");
    let hash = expected.fingerprint().replace("sha256:", "SHA256:");
    let address = own_address();
    let host = address.ip().to_string();
    for (identity, is_expected) in [(&expected, true), (&other, false)] {
        let args = ["-clv", "-R", &roots, "-C", &server.0, "-K", &server.1, "-H", &hash, &host, "9000"];
        let mut command = nc("nc", &args);
        command.env("ADIEU_NC_FLAVOUR", "openbsd");
        let listening = Listening::start(command, address);
        let (certificate, key) = files(identity);
        let args = ["-cN", "-T", "noverify", "-C", &certificate, "-K", &key, &host, "9000"];
        let mut command = nc("nc", &args);
        command.env("ADIEU_NC_FLAVOUR", "openbsd");
        let client = run(command, "hello\n");
        let (status, out, said) = listening.end();
        assert!(said.contains("Subject: /CN="), "{said}");
        if is_expected {
            assert_eq!((status, out.as_str()), (0, "hello\n"), "{said} {client:?}");
        } else {
            assert_eq!((status, out.as_str()), (1, ""), "{said} {client:?}");
            assert!(said.ends_with(&format!("nc: peer certificate is not {hash}\n")), "{said}");
            assert_ne!(client.status.code(), Some(0), "{client:?}");
        }
    }
    for (args, says) in [(["-e", "a.test"], "-e with -l: not supported"), (["-H", &hash], "needs -R")] {
        let mut command = nc("nc", &[&["-cl"], &args[..], &[&host, "9000"]].concat());
        command.env("ADIEU_NC_FLAVOUR", "openbsd");
        assert_ends(&run(command, ""), 1, says);
    }
}
