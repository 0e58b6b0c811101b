//! `listen --accept-proxy`: a proxy says whose connection it passes on, to the command, to the report, and to --deny.

use crate::{Server, ask, text};
use rustix::process::Signal;
use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;

const TELL: &str = "cat; echo \"$ADIEU_PEER $ADIEU_LOCAL $ADIEU_PROXY_PEER\"";

#[test]
fn the_command_and_the_report_have_the_client_and_not_the_proxy() {
    let server = Server::start(&["-k", "--accept-proxy", "127.0.0.0/8", "--exec", TELL]);
    let proxy = server.connect();
    let own = proxy.local_addr().expect("connected");
    let answer = ask(proxy, b"PROXY TCP4 192.0.2.7 198.51.100.1 56324 443\r\nhello\n");
    assert_eq!(text(&answer), format!("hello\n192.0.2.7:56324 198.51.100.1:443 {own}\n"));
    // Of its own, a health check for example, the proxy says no other address.
    let proxy = server.connect();
    let (own, to) = (proxy.local_addr().expect("connected"), server.address.clone());
    assert_eq!(text(&ask(proxy, b"PROXY UNKNOWN\r\n")), format!("{own} {to} \n"));
    server.signal(Signal::TERM);
    let (status, _, said) = server.finish();
    assert_eq!(status.code(), Some(0), "{said}");
    assert!(said.contains("192.0.2.7:56324"), "{said}");
}

#[test]
fn what_is_no_header_is_reset_and_told_and_so_is_whom_it_tells_if_he_is_denied() {
    let options = ["-k", "--echo", "--accept-proxy", "127.0.0.0/8", "--deny", "192.0.2.0/24"];
    let mut server = Server::start(&options);
    // It is for a client that never says enough: to the others it could be too short.
    let mut hasty = Server::start(&[&options[..], &["--proxy-timeout", "50ms"]].concat());
    for (first, why) in [
        (&b"GET / HTTP/1.1\r\n"[..], "does not begin with a header of the PROXY protocol"),
        (b"PROXY TCP4 192.0.2.7 198.51.100.1 1 2\r\n", "192.0.2.7:1 is not let in (--allow, --deny)"),
        (b"PROXY ", "no header of the PROXY protocol within 50ms"),
    ] {
        let server = if why.contains("50ms") { &mut hasty } else { &mut server };
        let mut client = server.connect();
        client.write_all(first).expect("it is taken");
        let error = client.read(&mut [0]).expect_err("a reset").kind();
        assert_eq!(error, ErrorKind::ConnectionReset, "{why}");
        let said = server.line_with("is reset");
        assert!(said.contains(why), "{said}");
    }
    let client = server.connect();
    assert_eq!(ask(client, b"PROXY TCP6 2001:db8::7 2001:db8::1 1 2\r\nhello"), b"hello");
}

#[test]
fn a_stranger_who_is_no_proxy_is_reset_before_he_says_anything() {
    let server = Server::start(&["-k", "--echo", "--accept-proxy", "192.0.2.0/24"]);
    let mut client = server.connect();
    assert_eq!(client.read(&mut [0]).expect_err("a reset").kind(), ErrorKind::ConnectionReset);
    let _ = client.shutdown(Shutdown::Both);
}
