//! Unix sockets of datagrams.

use super::*;
use std::os::unix::net::UnixDatagram;

#[test]
fn a_unix_socket_of_datagrams_is_answered_by_a_name_of_its_own() {
    let directory = tempfile::tempdir().expect("room");
    let path = directory.path().join("socket");
    let server = UnixDatagram::bind(&path).expect("a new path");
    let answering = thread::spawn(move || {
        let mut room = [0; 64];
        let (n, from) = server.recv_from(&mut room).expect("it comes");
        let socket = socket2::Socket::from(server);
        socket.send_to(&room[..n], &from_of(&from)).expect("it has a name");
    });
    let (output, answer) = Output::to_vec(64);
    let terms = Exchange::new().receive_limit(1);
    let report = terms.run(connect(&Endpoint::unix(&path)), Input::from_bytes("hello"), output);
    answering.join().expect("no panic");
    assert_eq!(answer.into_vec(), b"hello");
    assert_eq!(report.transport, Some(Transport::UnixDatagram), "{report}");
    assert!(report.to_string().ends_with("whether those sent were read is not told"), "{report}");
}

fn from_of(address: &std::os::unix::net::SocketAddr) -> socket2::SockAddr {
    #[cfg(target_os = "linux")]
    {
        use std::os::linux::net::SocketAddrExt;
        if let Some(name) = address.as_abstract_name() {
            let name = std::str::from_utf8(name).expect("Linux makes it of digits");
            return socket2::SockAddr::unix(format!("\0{name}")).expect("short");
        }
    }
    socket2::SockAddr::unix(address.as_pathname().expect("it has a name")).expect("short")
}

#[test]
fn a_bound_one_takes_the_unnamed_and_cannot_answer_them() {
    let directory = tempfile::tempdir().expect("room");
    let path = directory.path().join("socket");
    let bind = || Bound::bind(&Endpoint::unix(&path), &ListenOptions::new()).expect("a new path");
    let bound = bind();
    UnixDatagram::unbound().expect("a socket").send_to(b"hello", &path).expect("somebody receives");
    let (output, received) = Output::to_vec(64);
    let peer = bound.accept().expect("somebody has sent");
    let report = Exchange::new().silence(SHORT).run(peer, Input::empty(), output);
    assert_eq!((received.into_vec(), report.exit_code()), (b"hello".to_vec(), 0), "{report}");
    assert!(!path.exists(), "the file goes with the socket");

    let bound = bind();
    UnixDatagram::unbound().expect("a socket").send_to(b"hello", &path).expect("somebody receives");
    let peer = bound.accept().expect("somebody has sent");
    let report = Exchange::new().run(peer, Input::from_bytes("hello?"), Output::null());
    assert_eq!(report.exit_code(), 7, "{report}");
    assert!(report.to_string().contains("has no name"), "{report}");
}

#[test]
fn an_echo_goes_on_after_somebody_without_a_name() {
    let directory = tempfile::tempdir().expect("room");
    let (path, own) = (directory.path().join("socket"), directory.path().join("own"));
    let interrupt = Interrupt::new().expect("descriptors are left");
    let options = ListenOptions::new().interrupt(&interrupt);
    let bound = Bound::bind(&Endpoint::unix(&path), &options).expect("a new path");
    let answering = thread::spawn(move || Exchange::new().silence(None).echo_to_all(bound));
    UnixDatagram::unbound().expect("a socket").send_to(b"hello", &path).expect("somebody receives");
    let named = UnixDatagram::bind(&own).expect("a new path");
    named.set_read_timeout(Some(BOUND)).expect("a time");
    named.send_to(b"hello?", &path).expect("somebody receives");
    assert_eq!(named.recv(&mut [0; 16]).ok(), Some(6));
    interrupt.raise(Signal::Terminate);
    let report = answering.join().expect("no panic");
    assert_eq!((counts(&report), report.bytes_discarded), ((1, 0, 2), 5), "{report}");
}

#[test]
fn one_that_nobody_receives_at_is_refused_at_once() {
    let directory = tempfile::tempdir().expect("room");
    let path = directory.path().join("socket");
    let error = datagram::connect(&Endpoint::unix(&path), &options()).expect_err("it is not there");
    assert_eq!(error.report().exit_code(), 3, "{error}");
    drop(UnixDatagram::bind(&path).expect("a new path"));
    let end = Instant::now() + BOUND;
    let error = loop {
        // A process that another test starts has it too for a moment.
        match datagram::connect(&Endpoint::unix(&path), &options()) {
            Err(error) => break error,
            Ok(_) => assert!(Instant::now() < end, "it is dead"),
        }
    };
    assert!(error.to_string().contains("ECONNREFUSED"), "{error}");
}
