//! What is refused, and what the system is asked for.

use super::*;

#[cfg(unix)]
fn v4() -> Socket {
    Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket")
}

// Windows caps no buffer.
#[cfg(unix)]
#[test]
fn a_buffer_that_the_system_caps_is_a_refusal() {
    let options = SocketOptions { send_buffer: Some(1 << 30), ..SocketOptions::default() };
    let error = options.apply(&SockRef::from(&v4())).expect_err("no system allows a gibibyte");
    assert!(error.to_string().contains("send-buffer cannot be set to 1073741824 bytes: "), "{error}");
    let options = SocketOptions { receive_buffer: Some(16 * 1024), ..SocketOptions::default() };
    options.apply(&SockRef::from(&v4())).expect("every system allows 16 KiB");
}

// Windows has some of them not at all, which is told first.
#[cfg(unix)]
#[test]
fn what_can_mean_nothing_is_found_before_a_socket_is_made() {
    let tcp = Endpoint::tcp("127.0.0.1", 1);
    let source = |text: &str| Some(text.parse().expect("an address"));
    let none = SocketOptions::default;
    for (options, endpoint, says) in [
        (SocketOptions { tos: Some(1), ..none() }, &tcp, "ECN"),
        (SocketOptions { ttl: Some(0), ..none() }, &tcp, "from 1 to 255"),
        #[cfg(target_os = "linux")]
        (SocketOptions { interface: Some(String::new()), ..none() }, &tcp, "interface cannot be \"\""),
        #[cfg(target_os = "linux")]
        (SocketOptions { interface: Some("\0lo".into()), ..none() }, &tcp, "the name of one"),
        (SocketOptions { keep_alive: Some(KeepAlive::After(Duration::ZERO)), ..none() }, &tcp, "from 1 s"),
        (SocketOptions { user_timeout: Some(Duration::ZERO), ..none() }, &tcp, "from 1 ms"),
        (SocketOptions { send_buffer: Some(0), ..none() }, &tcp, "send-buffer cannot be 0"),
        (
            SocketOptions { source: source("[::1]:0"), ip_version: Some(IpVersion::V4), ..none() },
            &tcp,
            "other IP version",
        ),
        (SocketOptions { no_delay: Some(true), ..none() }, &Endpoint::unix("x"), "nothing for a Unix socket"),
    ] {
        let error = options.check(endpoint, endpoint.host()).expect_err(says).to_string();
        assert!(error.contains(says), "{error}");
    }
    none().check(&tcp, tcp.host()).expect("nothing was asked for");
    let buffer = SocketOptions { send_buffer: Some(4096), ..none() };
    buffer.check(&Endpoint::unix("x"), None).expect("a Unix socket has buffers");
}

#[test]
fn addresses_of_the_other_ip_version_are_left_out() {
    let both: Vec<SocketAddr> = ["[::1]:1", "127.0.0.1:1"].map(|a| a.parse().expect("one")).to_vec();
    let only = |ip_version| SocketOptions { ip_version: Some(ip_version), ..SocketOptions::default() };
    assert_eq!(only(IpVersion::V4).suited("h", both.clone()).ok(), Some(vec![both[1]]));
    assert_eq!(only(IpVersion::V6).suited("h", both.clone()).ok(), Some(vec![both[0]]));
    let by_source = SocketOptions { source: Some(both[1]), ..SocketOptions::default() };
    assert_eq!(by_source.suited("h", both.clone()).ok(), Some(vec![both[1]]));
    let error = only(IpVersion::V6).suited("h", vec![both[1]]).expect_err("there is none");
    assert!(error.to_string().contains("no IPv6 address"), "{error}");
}
