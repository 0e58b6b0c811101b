//! Sockets that somebody else has connected, and that are taken over: what their reports say of them.

use crate::arms::{Arm, Open, on_both, runtime};
use adieu::{
    AdoptError, ConnectOptions, Endpoint, ListenOptions, Listener, OptionError, Report, Role, SideOptions,
    SocketOptions, Transport,
};
use adieu_testkit::places;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::rc::Rc;

/// Both ends of a connection over loopback.
fn pair() -> (TcpStream, TcpStream) {
    let listener = places::listener();
    let begun = TcpStream::connect(listener.local_addr().expect("bound")).expect("it listens");
    (begun, listener.accept().expect("it has connected").0)
}

/// Ends a connection whose other end has ended.
fn ended(arm: Arm, stream: TcpStream, side: &impl SideOptions, mut other: &TcpStream) -> Report {
    let open = arm.adopt_as(stream, side).expect("a connected stream");
    other.write_all(b"hi").expect("there is room");
    other.shutdown(Shutdown::Write).expect("connected");
    open.shutdown_send().expect("connected").drain()
}

#[test]
fn a_report_says_which_side_a_stream_is_and_the_endpoint_of_that_side() {
    on_both(|arm| {
        let (begun, accepted) = pair();
        let server = accepted.local_addr().expect("connected").to_string();
        let report = ended(arm, begun, &ConnectOptions::new(), &accepted);
        assert_eq!(
            (report.role.map(Role::name), &report.endpoint, report.transport.map(Transport::name)),
            (Some("connect"), &server, Some("tcp"))
        );
        assert!(report.is_graceful(), "{report}");

        let (begun, accepted) = pair();
        let server = accepted.local_addr().expect("connected").to_string();
        let report = ended(arm, accepted, &ListenOptions::new(), &begun);
        assert_eq!(
            (report.role.map(Role::name), &report.endpoint, report.transport.map(Transport::name)),
            (Some("listen"), &server, Some("tcp"))
        );
        assert_eq!(
            report.peer_address.as_ref().map(ToString::to_string),
            begun.local_addr().ok().map(|address| address.to_string())
        );
        assert!(report.is_graceful(), "{report}");
    });
}

#[cfg(unix)]
#[test]
fn a_unix_socket_behind_a_tcp_stream_is_told_as_one() {
    use std::os::fd::OwnedFd;
    on_both(|arm| {
        let directory = tempfile::tempdir().expect("a directory can be made");
        let path = directory.path().join("s");
        let listener = std::os::unix::net::UnixListener::bind(&path).expect("a free path");
        let pair = || {
            let begun = std::os::unix::net::UnixStream::connect(&path).expect("it listens");
            let accepted = listener.accept().expect("it has connected").0;
            [begun, accepted].map(|stream| TcpStream::from(OwnedFd::from(stream)))
        };
        let endpoint = format!("unix:{}", path.display());
        let [begun, accepted] = pair();
        let report = ended(arm, begun, &ConnectOptions::new(), &accepted);
        assert_eq!(
            (report.role.map(Role::name), &report.endpoint, report.transport.map(Transport::name)),
            (Some("connect"), &endpoint, Some("unix"))
        );
        assert_eq!(report.bytes_acknowledged, None, "nothing is acknowledged there");
        assert!(report.is_graceful(), "{report}");
        let [begun, accepted] = pair();
        let report = ended(arm, accepted, &ListenOptions::new(), &begun);
        assert_eq!(
            (report.role.map(Role::name), &report.endpoint, report.transport.map(Transport::name)),
            (Some("listen"), &endpoint, Some("unix"))
        );

        let (one, _other) = std::os::unix::net::UnixStream::pair().expect("descriptors are left");
        let one = TcpStream::from(OwnedFd::from(one));
        let error = arm.adopt_as(
            one.try_clone().expect("a descriptor"),
            &ConnectOptions::new().socket(SocketOptions::new().ttl(3)),
        );
        let error = error.err().expect("it has no hops");
        assert!(matches!(error, AdoptError::Option(OptionError::Meaningless { option: "ttl" })), "{error}");
        let report = arm.adopt_as(one, &ConnectOptions::new()).expect("a connected stream").abort();
        assert_eq!(
            (&*report.endpoint, report.transport.map(Transport::name)),
            ("an unnamed socket", Some("unix"))
        );
    });
}

#[cfg(unix)]
#[test]
fn a_socket_without_a_stream_is_refused() {
    use std::os::fd::OwnedFd;
    on_both(|arm| {
        let datagrams = std::os::unix::net::UnixDatagram::pair().expect("descriptors are left").0;
        let error = arm.adopt_as(TcpStream::from(OwnedFd::from(datagrams)), &ConnectOptions::new());
        assert_eq!(
            error.err().expect("it has no stream").to_string(),
            "it is not a stream socket of TCP or a Unix socket"
        );
    });
}

#[cfg(target_os = "linux")]
#[test]
fn a_stream_of_another_family_is_not_taken_for_tcp() {
    let Ok(socket) = socket2::Socket::new(socket2::Domain::VSOCK, socket2::Type::STREAM, None) else {
        return adieu_testkit::skip::not_here("a stream that is not TCP's", "its kernel has no AF_VSOCK");
    };
    let error = adieu::Connection::from_socket(socket, &ConnectOptions::new()).expect_err("it is no TCP");
    assert!(matches!(error, AdoptError::NotAStream), "{error}");
}

#[test]
fn what_only_a_socket_that_is_opened_can_have_is_refused() {
    on_both(|arm| {
        let connects = ConnectOptions::new;
        let proxy: adieu::Proxy = "socks5://127.0.0.1:1".parse().expect("a proxy");
        for (option, options) in [
            ("source", connects().source(([127, 0, 0, 1], 0))),
            ("proxy", connects().proxy(proxy)),
            ("mptcp", connects().socket(SocketOptions::new().mptcp(true))),
            ("ip-version", connects().socket(SocketOptions::new().ip_version(adieu::IpVersion::V4))),
            ("prepare", connects().socket(SocketOptions::new().prepare(|_| Ok(())))),
        ] {
            let error = arm.adopt_as(pair().0, &options).err().expect("it is connected already");
            assert_eq!(error, AdoptError::Option(OptionError::ConnectedAlready { option }));
        }
        let options = ListenOptions::new().fast_open_queue(5);
        let error = arm.adopt_as(pair().1, &options).err().expect("it is accepted already");
        assert_eq!(
            error.to_string(),
            "the option fastopen is for a socket that is opened, and this one is connected already"
        );
    });
}

/// Nobody knows whether what was sent on it is the whole: a FIN would say so.
#[test]
fn what_is_refused_is_reset() {
    on_both(|arm| {
        let (ours, mut theirs) = pair();
        let options = ConnectOptions::new().socket(SocketOptions::new().mptcp(true));
        arm.adopt_as(ours, &options).err().expect("it is connected already");
        let end = theirs.read(&mut [0; 1]).map_err(|error| error.kind());
        // Wine tells no reset to who only receives.
        let is_reset = end == Err(ErrorKind::ConnectionReset);
        assert!(is_reset || adieu_testkit::scenario::is_wine(), "an end that looks whole: {end:?}");
    });
}

/// The report of a connection that our own listener accepts there, from a client of the same arm, and that client's.
fn accepted(arm: Arm, endpoint: &Endpoint) -> (Report, Report) {
    let begin = |at: &Endpoint| arm.connect(at, &ConnectOptions::new()).expect("it listens");
    match arm {
        Arm::Blocking => {
            let listener = Listener::bind(endpoint, &ListenOptions::new()).expect("it is free");
            let client = begin(listener.local_endpoint());
            (listener.accept().expect("a client").abort(), client.abort())
        }
        Arm::Tokio => {
            let runtime = Rc::new(runtime());
            let listener = runtime
                .block_on(async { adieu::tokio::Listener::bind(endpoint, &ListenOptions::new()).await })
                .expect("it is free");
            let client = begin(listener.local_endpoint());
            let open = runtime.block_on(listener.accept()).expect("a client");
            (Open::Tokio(runtime, open).abort(), client.abort())
        }
    }
}

#[test]
fn a_report_says_that_a_listener_accepted_and_a_client_connected() {
    on_both(|arm| {
        let directory = tempfile::tempdir().expect("a directory can be made");
        let mut endpoints = vec![(Endpoint::tcp("127.0.0.1", 0), Transport::Tcp)];
        if cfg!(unix) {
            endpoints.push((Endpoint::unix(directory.path().join("s")), Transport::Unix));
        }
        for (endpoint, transport) in endpoints {
            let (served, began) = accepted(arm, &endpoint);
            assert_eq!((served.role, served.transport), (Some(Role::Listen), Some(transport)), "{served}");
            assert_eq!((began.role, began.transport), (Some(Role::Connect), Some(transport)), "{began}");
            assert_eq!(served.endpoint, began.endpoint, "each names what was listened on");
        }
    });
}
