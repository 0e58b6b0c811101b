//! What cannot be finished: no connected socket of a stream, or one that its program has shut.

#[cfg(target_os = "linux")]
use super::pair;
#[cfg(unix)]
use adieu::{AdoptError, Finisher};
use adieu::{Ending, Finish, LocalEnd};
use socket2::{Domain, Socket, Type};
#[cfg(unix)]
use std::io::{self, Read};
#[cfg(target_os = "linux")]
use std::net::Shutdown;
use std::net::{TcpListener, TcpStream};

#[test]
fn what_cannot_be_finished_is_told_and_closed() {
    let never = Socket::new(Domain::IPV4, Type::STREAM, None).expect("descriptors are left");
    let report = adieu::finish(never, &Finish::new());
    assert_eq!(report.ending(), Ending::NoConnection);
    assert_eq!(report.to_string(), "the socket cannot be finished: it is not connected");

    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
    let address = listener.local_addr().expect("bound");
    let report = adieu::finish(Socket::from(listener), &Finish::new());
    assert_eq!(report.ending(), Ending::NoConnection);
    TcpStream::connect(address).expect_err("it is closed");

    let datagrams = Socket::new(Domain::IPV4, Type::DGRAM, None).expect("descriptors are left");
    let report = adieu::finish(datagrams, &Finish::new());
    assert_eq!(report.ending(), Ending::LocalFailure { end: LocalEnd::Socket });
    assert_eq!(
        report.to_string(),
        "the socket cannot be finished: it is not a stream socket of TCP or a Unix socket"
    );
}

#[cfg(unix)]
#[test]
fn a_pipe_is_told_as_no_socket_and_closed() {
    let (mut reader, writer) = io::pipe().expect("descriptors are left");
    let report = adieu::finish(writer, &Finish::new());
    assert_eq!(report.to_string(), "the socket cannot be finished: it is not a socket");
    assert_eq!(reader.read(&mut [0; 1]).expect("the writer is closed"), 0);
    let error = Finisher::begin(&reader, &Finish::new()).expect_err("it is no socket");
    assert_eq!(error, AdoptError::NotASocket);
}

#[cfg(target_os = "linux")]
#[test]
fn a_connect_that_failed_or_has_not_ended_is_not_connected() {
    let refused = Socket::new(Domain::IPV4, Type::STREAM, None).expect("descriptors are left");
    refused.set_nonblocking(true).expect("a socket");
    let _ = refused.connect(&std::net::SocketAddr::from(([127, 0, 0, 1], 1)).into());
    assert_eq!(adieu::finish(refused, &Finish::new()).ending(), Ending::NoConnection);
}

#[cfg(target_os = "linux")]
#[test]
fn an_eof_that_is_the_programs_own_is_not_the_peers() {
    let (ours, _theirs) = pair();
    ours.shutdown(Shutdown::Read).expect("connected");
    let error = Finisher::begin(ours, &Finish::new()).expect_err("nothing can be seen");
    assert_eq!(error, AdoptError::ReceivingShut);
}
