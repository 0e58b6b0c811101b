//! `listen --allow` and `--deny`: who is reset before anything is done for him.

use crate::{BOUND, Server, adieu, ask, run, text};
use adieu_testkit::schema::Schema;
use rustix::process::Signal;
use socket2::{Domain, Socket, Type};
use std::io::{self, ErrorKind, Read};
use std::net::{SocketAddr, TcpStream};

/// A connection from this address of ours to the server.
fn try_from(source: &str, server: &Server) -> io::Result<TcpStream> {
    let at = |text: &str| text.parse::<SocketAddr>().expect("an address");
    let port = at(&server.address).port();
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("there are sockets");
    socket.bind(&at(&format!("{source}:0")).into()).expect("all of 127.0.0.0/8 is ours");
    socket.connect(&at(&format!("127.0.0.1:{port}")).into())?;
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(BOUND)).expect("not zero");
    Ok(stream)
}

fn from(source: &str, server: &Server) -> TcpStream {
    try_from(source, server).expect("it listens")
}

/// The reset may come before the connecting is over.
fn is_reset_from(source: &str, server: &Server) {
    let error =
        try_from(source, server).and_then(|mut stream| stream.read(&mut [0; 1])).expect_err("a reset");
    assert!(matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted), "{error}");
}

#[test]
fn who_is_not_let_in_is_reset_and_is_not_the_client_of_a_single_listen() {
    for options in [
        &["--allow", "127.0.0.3/32,127.0.1.0/24"][..],
        &["--deny", "127.0.0.1", "--deny", "127.0.0.2"],
        &["--allow", "127.0.0.0/8", "--deny", "127.0.0.0/30"],
    ] {
        let allowed = if options.len() > 2 && options[2] == "--deny" && options[0] == "--allow" {
            "127.0.0.4"
        } else {
            "127.0.0.3"
        };
        // Also where the first client is taken, whoever that is.
        let server = Server::start(&[options, &["--echo", "--accept-first", "-v"]].concat());
        is_reset_from("127.0.0.2", &server);
        is_reset_from("127.0.0.1", &server);
        assert_eq!(ask(from(allowed, &server), b"word"), b"word");
        let (status, _, said) = server.finish();
        assert_eq!(status.code(), Some(0), "{said}");
        for source in ["127.0.0.1", "127.0.0.2"] {
            let line =
                said.lines().find(|line| line.starts_with(&format!("adieu: {source}:"))).expect("it is told");
            assert!(line.ends_with(" is not let in (--allow, --deny): reset"), "{line}");
        }
        assert_eq!(said.matches("connection from").count(), 1, "{said}");
    }
}

#[test]
fn a_client_of_ipv4_is_one_of_ipv4_on_a_socket_of_ipv6() {
    let server = Server::start_at("[::]:0", &["--echo", "--deny", "127.0.0.1", "--accept-first"]);
    is_reset_from("127.0.0.1", &server);
    assert_eq!(ask(from("127.0.0.2", &server), b"word"), b"word");
    assert_eq!(server.finish().0.code(), Some(0));
}

#[test]
fn no_command_and_no_handshake_is_for_who_is_not_let_in_and_a_service_counts_them() {
    let directory = tempfile::tempdir().expect("there is room");
    let ran = directory.path().join("ran");
    let line = format!("echo x >> {}; cat", ran.display());
    let options = [
        "--keep-open",
        "--max-connections",
        "1",
        "--exec",
        &line,
        "--allow",
        "127.0.0.2",
        "--report",
        "json",
    ];
    let server = Server::start(&options);
    // However many they are, the one place is free.
    for _ in 0..3 {
        is_reset_from("127.0.0.1", &server);
    }
    assert_eq!(ask(from("127.0.0.2", &server), b"word"), b"word");
    assert_eq!(std::fs::read(&ran).expect("it ran once"), b"x\n");
    server.signal(Signal::TERM);
    let (status, _, said) = server.finish();
    assert_eq!(status.code(), Some(0), "{said}");
    let stopped =
        said.lines().rfind(|line| line.contains("\"stopped\"")).expect("it says that it was stopped");
    let stopped: serde_json::Value = serde_json::from_str(stopped).expect("JSON");
    assert_eq!(stopped["denied"], 3, "{stopped}");
    assert_eq!(stopped["message"], "stopped by SIGTERM; 1 connection served, 3 not let in");
    assert_eq!(Schema::of("events").faults(&stopped), [""; 0], "{stopped}");

    let server = Server::start_at("tls://127.0.0.1:0", &["--echo", "--allow", "127.0.0.2", "--accept-first"]);
    let client = run(&["connect", &server.address, "--insecure"], b"word");
    let said = text(&client.stderr);
    assert_eq!(client.status.code(), Some(3), "{said}");
    server.signal(Signal::TERM);
    let (status, _, said) = server.finish();
    assert_eq!(status.code(), Some(143), "{said}");
    // Nobody has connected, as far as it is concerned.
    assert!(!said.contains("connection from"), "{said}");
}

#[test]
fn a_network_that_makes_no_sense_is_refused() {
    let directory = tempfile::tempdir().expect("there is room");
    let path = format!("unix:{}", directory.path().join("socket").display());
    for (words, says) in [
        (&["127.0.0.1:0", "--allow", "127.0.0.1/24"][..], "write 127.0.0.0/24, or the address alone"),
        (&["127.0.0.1:0", "--deny", "localhost"], "write a network such as 192.0.2.0/24"),
        (&[&path, "--allow", "127.0.0.1"], "mean nothing for a Unix socket"),
    ] {
        let output = run(&[&["listen"], words].concat(), b"");
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(says), "{said}");
    }
    assert!(!directory.path().join("socket").exists());
    // What keeps others out counts also where its variable was not set.
    let mut command = adieu(&["listen", "127.0.0.1:0"]);
    let output = command.env("ADIEU_ALLOW", "").output().expect("it starts");
    assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
    let mut server =
        Server::of(adieu(&["listen", "127.0.0.1:0", "--echo"]).env("ADIEU_ALLOW", "::1,127.0.0.9"));
    is_reset_from("127.0.0.1", &server);
    assert_eq!(ask(from("127.0.0.9", &server), b"word"), b"word");
    assert!(server.child.wait().expect("it ends").success());
}
