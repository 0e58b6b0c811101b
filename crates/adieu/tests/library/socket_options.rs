//! Socket options: what was asked for stands in the kernel, or it is an error that names the option.

use crate::arms::{Arm, on_both};
use adieu::{
    ConnectCause, ConnectOptions, Endpoint, IpVersion, ListenCause, ListenOptions, Listener, SocketOptions,
};
use socket2::SockRef;
use std::io;
use std::net::{IpAddr, Ipv4Addr, TcpListener};
use std::time::Duration;

fn refusal(arm: Arm, endpoint: &Endpoint, options: &ConnectOptions) -> (String, u8) {
    let error = arm.connect(endpoint, options).err().expect("the option cannot be had");
    assert!(matches!(error.cause(), ConnectCause::Option(_) | ConnectCause::Unsuited(_)), "{error}");
    (error.to_string(), error.report().exit_code())
}

/// After what silence a socket's peer is asked whether it lives, how often then, and how many times.
#[cfg(not(target_os = "openbsd"))]
fn keep_alive_of(socket: &SockRef<'_>) -> io::Result<(Duration, Duration, u32)> {
    let (time, interval) = (socket.tcp_keepalive_time()?, socket.tcp_keepalive_interval()?);
    Ok((time, interval, socket.tcp_keepalive_retries()?))
}

/// All sockets have the system's there.
#[cfg(target_os = "openbsd")]
fn keep_alive_of(_: &SockRef<'_>) -> io::Result<(Duration, Duration, u32)> {
    Err(io::ErrorKind::Unsupported.into())
}

/// What differs from the system's defaults, where a socket can.
fn assert_kept_alive(socket: &SockRef<'_>, is_as_asked: impl FnOnce((Duration, Duration, u32)) -> bool) {
    match keep_alive_of(socket) {
        Err(error) if error.kind() == io::ErrorKind::Unsupported => {}
        kept => {
            let kept = kept.expect("a socket tells");
            assert!(is_as_asked(kept), "{kept:?}");
        }
    }
}

#[test]
fn what_was_asked_for_stands_in_the_kernel() {
    on_both(|arm| {
        let options = ConnectOptions::new()
            .socket(
                SocketOptions::new()
                    .keep_alive(Duration::from_secs(7))
                    .no_delay(false)
                    .send_buffer(64 * 1024)
                    .receive_buffer(32 * 1024)
                    .tos(0x28)
                    .ttl(9),
            )
            .source((Ipv4Addr::new(127, 0, 0, 7), 0));
        let (open, stream) = arm.to_std(&options);
        assert_eq!(stream.peer_addr().expect("connected").ip(), IpAddr::from([127, 0, 0, 7]));
        let fd = open.socket().expect("open");
        let socket = SockRef::from(&fd);
        // Who asks sooner wants to know sooner.
        assert_kept_alive(&socket, |(time, _, probes)| (time, probes) == (Duration::from_secs(7), 6));
        assert_eq!(socket.tcp_nodelay().ok(), Some(false));
        assert!(socket.send_buffer_size().expect("a socket") >= 64 * 1024);
        // Without the option it would have grown to what the system begins with.
        let received = socket.recv_buffer_size().expect("a socket");
        assert!((32 * 1024..=64 * 1024).contains(&received), "{received}");
        assert_eq!((socket.tos_v4().ok(), socket.ttl_v4().ok()), (Some(0x28), Some(9)));
    });
}

#[test]
fn a_program_prepares_each_socket_before_it_is_connected_or_listens() {
    on_both(|arm| {
        let asked = SocketOptions::new().prepare(|socket| SockRef::from(&socket).set_ttl_v4(9));
        let (open, _stream) = arm.to_std(&ConnectOptions::new().socket(asked.clone()));
        let fd = open.socket().expect("open");
        assert_eq!(SockRef::from(&fd).ttl_v4().ok(), Some(9));

        let denied = SocketOptions::new().prepare(|_| Err(std::io::ErrorKind::PermissionDenied.into()));
        let options = ConnectOptions::new().socket(denied.clone());
        let endpoint = Endpoint::tcp("127.0.0.1", 1);
        let error = arm.connect(&endpoint, &options).err().expect("there is no socket");
        assert!(matches!(error.cause(), ConnectCause::Attempts(_)), "{error}");
        let error = Listener::bind(&Endpoint::tcp("127.0.0.1", 0), &ListenOptions::new().socket(denied));
        assert!(matches!(error.expect_err("there is no socket").cause(), ListenCause::Listen(_)));
    });
    let asked = SocketOptions::new().prepare(|socket| SockRef::from(&socket).set_ttl_v4(9));
    let options = ListenOptions::new().socket(asked);
    let listener = Listener::bind(&Endpoint::tcp("127.0.0.1", 0), &options).expect("loopback");
    let client = adieu::connect(listener.local_endpoint(), &ConnectOptions::new()).expect("it listens");
    let accepted = listener.accept().expect("a client is there");
    let fd = accepted.socket().expect("open");
    assert_eq!(SockRef::from(&fd).ttl_v4().ok(), Some(9));
    client.abort();
}

#[test]
fn defaults_stay_where_nothing_was_asked_for() {
    on_both(|arm| {
        let (open, _stream) = arm.to_std(&ConnectOptions::new());
        let fd = open.socket().expect("open");
        let socket = SockRef::from(&fd);
        assert_eq!(socket.tcp_nodelay().ok(), Some(true));
        assert_eq!(socket.keepalive().ok(), Some(true));
        // An outage of two minutes, from the first probe that is lost on.
        let expected = (Duration::from_secs(30), Duration::from_secs(10), 13);
        assert_kept_alive(&socket, |kept| kept == expected);
        let (open, _stream) =
            arm.to_std(&ConnectOptions::new().socket(SocketOptions::new().keep_alive(None)));
        let fd = open.socket().expect("open");
        assert_eq!(SockRef::from(&fd).keepalive().ok(), Some(false));
    });
}

#[test]
fn a_stream_that_is_taken_over_gets_them_too() {
    on_both(|arm| {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
        let stream = std::net::TcpStream::connect(listener.local_addr().expect("bound")).expect("it listens");
        let open =
            arm.adopt(stream, &ConnectOptions::new().socket(SocketOptions::new().no_delay(false).ttl(3)));
        let fd = open.socket().expect("open");
        assert_eq!(SockRef::from(&fd).tcp_nodelay().ok(), Some(false));
        assert_eq!(SockRef::from(&fd).ttl_v4().ok(), Some(3));
    });
}

#[test]
fn accepted_connections_have_what_the_listener_was_asked_for() {
    let options = ListenOptions::new()
        .socket(SocketOptions::new().no_delay(false).tos(0x10).ttl(5).keep_alive(Duration::from_secs(11)));
    let listener = Listener::bind(&Endpoint::tcp("127.0.0.1", 0), &options).expect("loopback");
    let client = adieu::connect(listener.local_endpoint(), &ConnectOptions::new()).expect("it listens");
    let connection = listener.accept().expect("one has connected");
    let fd = connection.socket().expect("open");
    let socket = SockRef::from(&fd);
    assert_eq!((socket.tcp_nodelay().ok(), socket.tos_v4().ok()), (Some(false), Some(0x10)));
    assert_eq!(socket.ttl_v4().ok(), Some(5));
    assert_kept_alive(&socket, |(time, _, _)| time == Duration::from_secs(11));
    drop((client, connection));
}

/// A process that is killed then resets its clients, and who is let in is no exception.
#[cfg(unix)]
#[test]
fn accepted_connections_are_reset_by_a_close_that_nobody_made() {
    let listening =
        || Listener::bind(&Endpoint::tcp("127.0.0.1", 0), &ListenOptions::new()).expect("loopback");
    for listener in [listening(), listening().with_filter(|_| true)] {
        let client = adieu::connect(listener.local_endpoint(), &ConnectOptions::new()).expect("it listens");
        let connection = listener.accept().expect("one has connected");
        let fd = connection.socket().expect("open");
        assert_eq!(SockRef::from(&fd).linger().expect("it tells"), Some(Duration::ZERO), "{listener:?}");
        drop((client, connection));
    }
}

#[test]
fn an_option_that_the_system_refuses_is_named_and_is_our_failure() {
    on_both(|arm| {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
        let endpoint = Endpoint::from(listener.local_addr().expect("bound"));
        // TEST-NET-1 is nobody's.
        let elsewhere = ConnectOptions::new().source((Ipv4Addr::new(192, 0, 2, 1), 0));
        let (said, exit) = refusal(arm, &endpoint, &elsewhere);
        assert!(said.contains("socket option source cannot be set to 192.0.2.1: "), "{said}");
        assert_eq!(exit, 7);
        let (said, exit) = refusal(
            arm,
            &endpoint,
            &ConnectOptions::new().socket(SocketOptions::new().receive_buffer(1 << 30)),
        );
        assert!(said.contains("socket option receive-buffer cannot be set to 1073741824 bytes: "), "{said}");
        assert_eq!(exit, 7);
        listener.set_nonblocking(true).expect("a socket");
        assert!(listener.accept().is_err(), "nothing was connected");
    });
}

#[test]
fn a_listener_names_the_option_too() {
    let options = ListenOptions::new().socket(SocketOptions::new().receive_buffer(1 << 30));
    let error = Listener::bind(&Endpoint::tcp("127.0.0.1", 0), &options).expect_err("no system allows it");
    assert!(matches!(error.cause(), ListenCause::Option(_)), "{error}");
    assert!(error.to_string().contains("receive-buffer"), "{error}");
}

#[test]
fn only_addresses_of_the_wanted_ip_version_are_tried() {
    on_both(|arm| {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
        let port = listener.local_addr().expect("bound").port();
        let v4 = ConnectOptions::new().socket(SocketOptions::new().ip_version(IpVersion::V4));
        let open = arm.connect(&Endpoint::tcp("localhost", port), &v4).expect("it listens on IPv4");
        assert_eq!(
            open.abort().peer_address.as_ref().map(ToString::to_string),
            Some(format!("127.0.0.1:{port}"))
        );
        let v6 = ConnectOptions::new().socket(SocketOptions::new().ip_version(IpVersion::V6));
        let (said, exit) = refusal(arm, &Endpoint::tcp("127.0.0.1", port), &v6);
        assert!(said.contains("ipv6 cannot be on: the address is one of IPv4"), "{said}");
        assert_eq!(exit, 7);
    });
}

#[cfg(target_os = "linux")]
mod linux {
    use super::*;
    use std::io::Read;

    #[test]
    fn an_interface_and_a_user_timeout_are_set() {
        on_both(|arm| {
            let options = ConnectOptions::new()
                .socket(SocketOptions::new().interface("lo").user_timeout(Duration::from_secs(5)));
            let (open, _stream) = arm.to_std(&options);
            let fd = open.socket().expect("open");
            let socket = SockRef::from(&fd);
            assert_eq!(socket.device().ok().flatten().as_deref(), Some(&b"lo"[..]));
            assert_eq!(socket.tcp_user_timeout().ok().flatten(), Some(Duration::from_secs(5)));
            let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
            let endpoint = Endpoint::from(listener.local_addr().expect("bound"));
            let (said, exit) = refusal(
                arm,
                &endpoint,
                &ConnectOptions::new().socket(SocketOptions::new().interface("nosuch0")),
            );
            assert!(said.contains("interface cannot be set to nosuch0: No such device (ENODEV"), "{said}");
            assert_eq!(exit, 7);
        });
    }

    /// Whether this machine's kernel has Multipath TCP, and has it on.
    fn has_multipath() -> bool {
        use socket2::{Domain, Protocol, Socket, Type};
        Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::MPTCP)).is_ok()
    }

    #[test]
    fn multipath_tcp_is_spoken_where_both_do_and_told_where_not() {
        let speaking = ConnectOptions::new().socket(SocketOptions::new().mptcp(true));
        if !has_multipath() {
            on_both(|arm| {
                let (said, exit) = refusal(
                    arm,
                    &Endpoint::tcp("127.0.0.1", 9),
                    &ConnectOptions::new().socket(SocketOptions::new().mptcp(true)),
                );
                assert!(said.contains("mptcp cannot be set to on"), "{said}");
                assert_eq!(exit, 7);
            });
            return;
        }
        let bound = |multipath| {
            let theirs = ListenOptions::new().socket(SocketOptions::new().mptcp(multipath));
            Listener::bind(&Endpoint::tcp("127.0.0.1", 0), &theirs).expect("loopback")
        };
        // As a service manager passes it.
        let passed = || {
            use socket2::{Domain, Protocol, Socket, Type};
            let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::MPTCP)).expect("it is on");
            socket.bind(&std::net::SocketAddr::from(([127, 0, 0, 1], 0)).into()).expect("loopback");
            socket.listen(1).expect("it is bound");
            Listener::from_socket(socket, &ListenOptions::new()).expect("it listens")
        };
        for (listener, transport) in [(bound(true), "mptcp"), (bound(false), "tcp"), (passed(), "mptcp")] {
            let endpoint = listener.local_endpoint().clone();
            let ours = speaking.clone();
            let client = std::thread::spawn(move || {
                let mut connection = adieu::connect(&endpoint, &ours).expect("it listens");
                std::io::Write::write_all(&mut connection, &vec![7; 100_000]).expect("it reads");
                let mut half_closed = connection.shutdown_send().expect("nothing is wrong");
                let mut reply = Vec::new();
                half_closed.read_to_end(&mut reply).expect("it ends its side");
                (reply.len(), half_closed.close())
            });
            let accepted = listener.accept_within(adieu_testkit::waits::BOUND).expect("it listens");
            let mut connection = accepted.expect("one connects");
            let mut request = Vec::new();
            connection.read_to_end(&mut request).expect("it ends its side");
            std::io::Write::write_all(&mut connection, &vec![8; 50_000]).expect("it reads");
            let here = connection.shutdown_send().expect("nothing is wrong").close();
            let (received, there) = client.join().expect("no panic");
            assert_eq!((request.len(), received), (100_000, 50_000));
            for report in [here, there] {
                assert!(report.is_graceful(), "{transport}: {report}");
                assert_eq!(report.transport.map(adieu::Transport::name), Some(transport));
            }
        }
    }

    #[test]
    fn fast_open_is_had_where_the_system_allows_it_to_servers() {
        let allowed = std::fs::read_to_string("/proc/sys/net/ipv4/tcp_fastopen").expect("Linux");
        let allowed: u32 = allowed.trim().parse().expect("a number");
        let bound = Listener::bind(&Endpoint::tcp("127.0.0.1", 0), &ListenOptions::new().fast_open_queue(16));
        if allowed & 2 == 0 {
            let said = bound.expect_err("it would do nothing").to_string();
            assert!(
                said.contains("fastopen cannot be set") && said.contains("net.ipv4.tcp_fastopen"),
                "{said}"
            );
        } else {
            bound.expect("the system allows it");
        }
    }
}

#[test]
fn a_listener_for_ipv6_alone_has_no_clients_over_ipv4() {
    let only = ListenOptions::new().socket(SocketOptions::new().ip_version(IpVersion::V6));
    // Without IPv6 there is nothing to listen on.
    let Ok(listener) = Listener::bind(&Endpoint::tcp("::", 0), &only) else { return };
    let Endpoint::Tcp { port, .. } = *listener.local_endpoint() else { panic!("TCP") };
    std::net::TcpStream::connect(("127.0.0.1", port)).expect_err("it is for IPv6 alone");
    std::net::TcpStream::connect(("::1", port)).expect("it listens");
}

#[test]
fn an_address_of_the_other_ip_is_not_said_to_be_a_name_that_was_not_found() {
    on_both(|arm| {
        // Only the resolver knows what it is.
        let name = &Endpoint::tcp("127.1", 9);
        let only = ConnectOptions::new().socket(SocketOptions::new().ip_version(IpVersion::V6));
        let (said, code) = refusal(arm, name, &only);
        assert!(said.ends_with("127.1 has no IPv6 address, and no other may be used"), "{said}");
        assert_eq!(code, 3);
        let from = ConnectOptions::new().source((std::net::Ipv6Addr::LOCALHOST, 0));
        let (said, _) = refusal(arm, name, &from);
        assert!(said.ends_with("no IPv6 address, as our own source address is"), "{said}");
    });
}

#[cfg(target_os = "linux")]
mod linux_tests {
    use super::*;

    /// Linux binds to a network's broadcast address, and connects from another.
    #[test]
    fn a_source_that_the_system_replaces_is_refused() {
        on_both(|arm| {
            let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
            let endpoint = Endpoint::from(listener.local_addr().expect("bound"));
            let source = |ip: [u8; 4]| ConnectOptions::new().source((ip, 0));
            let (said, exit) = refusal(arm, &endpoint, &source([127, 255, 255, 255]));
            let replaced = "source cannot be set to 127.255.255.255: the system connects from 127.0.0.1";
            // Where the network has no such address, it is nobody's.
            assert!(said.contains(replaced) || said.contains("EADDRNOTAVAIL"), "{said}");
            assert_eq!(exit, 7);
            for nobody in [[224, 0, 0, 1], [255; 4]] {
                let (said, _) = refusal(arm, &endpoint, &source(nobody));
                assert!(said.contains("it is the address of many"), "{said}");
            }
            let any = arm.connect(&endpoint, &source([0; 4])).unwrap_or_else(|error| panic!("{error}"));
            drop(any);
        });
    }

    /// Type of service and hops of an accepted client over IPv4, and of one over IPv6. `None`: this system has no IPv6.
    fn accepted_by_both_ips(options: &ListenOptions) -> Option<[(u32, u32); 2]> {
        if TcpListener::bind("[::1]:0").is_err() {
            return None;
        }
        let listener = Listener::bind(&Endpoint::tcp("::", 0), options).expect("both IPs");
        let Endpoint::Tcp { port, .. } = *listener.local_endpoint() else { panic!("TCP") };
        let of = |ip: IpAddr| {
            let _client = std::net::TcpStream::connect((ip, port)).expect("it listens");
            let accepted = listener.accept().expect("a client");
            let fd = accepted.socket().expect("open");
            let socket = SockRef::from(&fd);
            if ip.is_ipv4() {
                (socket.tos_v4().expect("a socket"), socket.ttl_v4().expect("a socket"))
            } else {
                (socket.tclass_v6().expect("a socket"), socket.unicast_hops_v6().expect("a socket"))
            }
        };
        Some([of([127, 0, 0, 1].into()), of(std::net::Ipv6Addr::LOCALHOST.into())])
    }

    #[test]
    fn a_listener_for_both_ips_marks_the_packets_of_both() {
        let options = ListenOptions::new().socket(SocketOptions::new().tos(0x28).ttl(9));
        if let Some(accepted) = accepted_by_both_ips(&options) {
            assert_eq!(accepted, [(0x28, 9); 2]);
        }
    }
}
