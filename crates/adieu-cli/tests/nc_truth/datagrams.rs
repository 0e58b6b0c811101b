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

    drop(receiver);
    let output = run(nc("nc", &["-u", "-q", "1", "127.0.0.1", &port]), "hi\n");
    assert_ends(&output, 1, "Connection refused");
}
