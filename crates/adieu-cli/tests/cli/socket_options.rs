//! Socket options on the command line: a wrong value is exit 2, a refusal of the system 7, and each is named.

use crate::{Server, run, text};

#[test]
fn a_value_that_can_mean_nothing_is_a_usage_error_that_names_the_option() {
    for (args, says) in [
        (&["--tos", "256"][..], "--tos"),
        (&["--tos", "0x11"], "tos"),
        (&["--tos", "0x10", "--dscp", "ef"], "--dscp"),
        (&["--dscp", "gold"], "--dscp"),
        (&["--ttl", "0"], "--ttl"),
        (&["--ttl", "256"], "--ttl"),
        (&["--keepalive", "0s"], "--keepalive"),
        (&["--keepalive", "1ms"], "keepalive"),
        (&["--user-timeout", "0s"], "--user-timeout"),
        (&["--nodelay", "maybe"], "--nodelay"),
        (&["--send-buffer", "0"], "--send-buffer"),
        (&["--receive-buffer", "many"], "--receive-buffer"),
        (&["--source", "localhost"], "--source"),
        (&["--source", "127.0.0.1", "-6"], "source"),
        (&["--source", "224.0.0.1"], "source cannot be 224.0.0.1: it is the address of many"),
        (&["--source", "255.255.255.255:5000"], "source cannot be 255.255.255.255"),
        (&["-4", "-6"], "--ipv6"),
    ] {
        let output = run(&[&["connect", "127.0.0.1:9"], args].concat(), b"");
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {said}");
        assert!(said.contains(says), "{args:?}: {said}");
    }
}

#[test]
fn a_keep_alive_of_nothing_is_told_how_to_be_off() {
    let said = text(&run(&["connect", "127.0.0.1:9", "--keepalive", "0s"], b"").stderr);
    assert!(said.contains("write off") && !said.contains("no limit"), "{said}");
}

#[test]
fn what_means_nothing_for_a_unix_socket_is_a_usage_error() {
    for command in ["connect", "listen"] {
        for (option, value) in [("ttl", "3"), ("keepalive", "on"), ("keepalive", "off"), ("nodelay", "on")] {
            let output = run(&[command, "unix:/nonexistent/x", &format!("--{option}"), value], b"");
            let said = text(&output.stderr);
            assert_eq!(output.status.code(), Some(2), "{said}");
            assert!(said.contains(&format!("{option} means nothing for a Unix socket")), "{said}");
        }
    }
}

#[test]
fn an_address_of_the_other_ip_version_is_a_usage_error_and_a_name_without_one_is_not() {
    for (args, says) in [
        (&["connect", "127.0.0.1:9", "-6"][..], "ipv6 cannot be on: the address is one of IPv4"),
        (&["connect", "tls://[::1]:9", "-4"], "ipv4 cannot be on: the address is one of IPv6"),
        (&["connect", "[fe80::1%lo]:9", "-4"], "ipv4 cannot be on"),
        (&["connect", "127.0.0.1:9", "--source", "::1"], "source cannot be ::1: the address is one of IPv4"),
        (&["connect", "a.test:9", "--proxy", "socks5h://127.0.0.1:9", "-6"], "ipv6 cannot be on"),
        (&["listen", "127.0.0.1:0", "-6"], "ipv6 cannot be on"),
        (&["send", "/dev/null", "127.0.0.1:9", "-6"], "ipv6 cannot be on"),
        (&["receive", "--output", "x", "127.0.0.1:0", "-6"], "ipv6 cannot be on"),
    ] {
        let output = run(args, b"");
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {said}");
        assert!(said.contains(says), "{args:?}: {said}");
    }
    // What only the resolver takes for an address is a name. The proxy may reach what we do not.
    let output = run(&["connect", "127.1:9", "-6"], b"");
    assert_eq!(output.status.code(), Some(3), "{}", text(&output.stderr));
    let output = run(&["connect", "[::1]:9", "--proxy", "socks5h://127.0.0.1:9", "-4"], b"");
    assert_eq!(output.status.code(), Some(3), "{}", text(&output.stderr));
}

#[test]
fn what_the_system_refuses_is_our_failure_on_both_sides() {
    for args in [
        &["connect", "127.0.0.1:9", "--source", "192.0.2.1"][..],
        &["connect", "127.0.0.1:9", "--receive-buffer", "1GiB"],
        &["listen", "127.0.0.1:0", "--receive-buffer", "1GiB"],
    ] {
        let output = run(&[args, &["--report", "json"]].concat(), b"");
        let said = text(&output.stderr);
        let report: serde_json::Value = serde_json::from_str(said.trim()).expect("one line of JSON");
        assert_eq!(output.status.code(), Some(7), "{said}");
        assert_eq!((&report["ending"], &report["local_end"]), (&"local_failure".into(), &"socket".into()));
        let option = args[2].trim_start_matches('-');
        assert!(report["message"].as_str().is_some_and(|m| m.contains(option)), "{said}");
    }
}

#[test]
fn both_sides_take_them_and_the_exchange_is_as_good() {
    let options = [
        "--keepalive",
        "20s",
        "--nodelay",
        "off",
        "--send-buffer",
        "64KiB",
        "--receive-buffer",
        "64KiB",
        "--dscp",
        "af21",
        "--ttl",
        "4",
        "-4",
    ];
    let server = Server::start(&[&["--echo"], &options[..]].concat());
    let client =
        run(&[&["connect", &server.address, "--source", "127.0.0.9"], &options[..]].concat(), b"hello");
    assert_eq!(
        (&client.stdout[..], client.status.code()),
        (&b"hello"[..], Some(0)),
        "{}",
        text(&client.stderr)
    );
    let (status, _, said) = server.finish();
    assert_eq!(status.code(), Some(0), "{said}");
    assert!(said.contains("connection from 127.0.0.9:"), "{said}");
}

#[cfg(not(target_os = "linux"))]
#[test]
fn what_this_system_does_not_have_is_said() {
    for option in [&["--interface", "lo0"][..], &["--user-timeout", "1s"], &["--mptcp"]] {
        let output = run(&[&["connect", "127.0.0.1:9"], option].concat(), b"");
        assert_eq!(output.status.code(), Some(2));
        assert!(text(&output.stderr).contains("is not available on"), "{}", text(&output.stderr));
    }
}

#[cfg(target_os = "linux")]
mod linux_tests {
    use super::*;
    use rustix::process::Signal;

    /// Without a zone the kernel says EINVAL alone; where IPv6 is off, something else.
    #[test]
    fn a_link_local_address_without_its_zone_is_hinted_at() {
        let said = text(&run(&["connect", "[fe80::5]:7002"], b"").stderr);
        if said.contains("EADDRNOTAVAIL") || said.contains("EAFNOSUPPORT") {
            return adieu_testkit::skip::loudly("a link-local address", &std::io::Error::other(said));
        }
        assert!(said.contains("hint: a link-local address needs its zone"), "{said}");
        let said = text(&run(&["connect", "[fe80::5%1]:7002", "--connect-timeout", "50ms"], b"").stderr);
        assert!(!said.contains("needs its zone"), "{said}");
        // The zone says nothing about the range.
        let mut command =
            crate::adieu(&["connect", "[fe80::1%lo]:9", "--proxy", "env", "--connect-timeout", "50ms"]);
        command
            .env("ALL_PROXY", "http://127.0.0.1:1")
            .env("NO_PROXY", "fe80::/10")
            .stdin(std::process::Stdio::null());
        let said = text(&command.output().expect("the built binary starts").stderr);
        assert!(said.contains("to [fe80::1%lo]:9") && !said.contains("proxy"), "{said}");
    }

    #[test]
    fn a_fallback_from_multipath_tcp_is_told() {
        use std::io::Read;
        let server = Server::start(&["--echo", "--keep-open"]);
        let probe = run(&["connect", &server.address, "--mptcp"], b"");
        let said = text(&probe.stderr);
        if probe.status.code() == Some(7) {
            assert!(said.contains("mptcp cannot be set to on"), "{said}");
        } else {
            assert!(said.contains("the peer does not speak Multipath TCP: this is plain TCP"), "{said}");
            assert_eq!(probe.status.code(), Some(0));
            let both = Server::start(&["--echo", "--mptcp", "--accept-first"]);
            let client = run(&["connect", &both.address, "--mptcp", "--report", "json"], b"");
            let said = text(&client.stderr);
            assert!(said.contains("\"transport\":\"mptcp\"") && !said.contains("plain TCP"), "{said}");
            assert_eq!(both.finish().0.code(), Some(0));
        }
        let mut rest = server;
        rest.signal(Signal::TERM);
        let mut nothing = Vec::new();
        rest.child.stdout.take().expect("stdout is a pipe").read_to_end(&mut nothing).expect("it ends");
    }
}
