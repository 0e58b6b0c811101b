//! What a relay does only once it has lasted.

use super::{patient, unacknowledged};
use crate::arms::{BOUND, bounded, runtime};
use adieu::{
    ConnectCause, ConnectOptions, Endpoint, IpVersion, ListenOptions, RelayOptions, RelayReport,
    SocketOptions,
};
use adieu_testkit::places;
use socket2::SockRef;
use std::future::{Future, poll_fn};
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::sync::mpsc;
use std::task::Poll;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt;

/// A client, an upstream program and the upstream's socket of the relay between them, which begins once `before` is done with the
/// client.
fn relay_after(before: impl FnOnce(&TcpStream)) -> (TcpStream, TcpStream, OwnedFd, JoinHandle<RelayReport>) {
    let upstream = places::listener();
    let onward: Endpoint = upstream.local_addr().expect("bound").into();
    let (tell, told) = mpsc::channel();
    let (begin, may_begin) = mpsc::channel();
    let (show, socket_of) = mpsc::channel();
    let relaying = thread::spawn(move || {
        runtime().block_on(async {
            let place = "127.0.0.1:0".parse().expect("an endpoint");
            let listener = adieu::tokio::Listener::bind(&place, &ListenOptions::new()).await.expect("bound");
            tell.send(listener.local_endpoint().to_string()).expect("somebody waits");
            let client = listener.accept().await.expect("a client");
            may_begin.recv().expect("somebody tells");
            let options = ConnectOptions::new().for_relay(&onward);
            let server = adieu::tokio::connect(&onward, &options).await.expect("it listens");
            let socket = server.socket().expect("it is open").try_clone_to_owned().expect("descriptors");
            show.send(socket).expect("somebody waits");
            adieu::tokio::relay(client, server, &RelayOptions::new()).await
        })
    });
    let place: SocketAddr = told.recv().expect("it is bound").parse().expect("an address");
    let client = patient(TcpStream::connect(place).expect("it listens"));
    before(&client);
    begin.send(()).expect("it waits");
    let socket = socket_of.recv().expect("it connects");
    let (server, _) = upstream.accept().expect("it connects");
    (client, patient(server), socket, relaying)
}

/// A receive ends before an urgent byte, although more is there.
#[test]
fn what_stands_behind_an_urgent_byte_is_passed_on_although_nothing_follows() {
    bounded("an urgent byte", || {
        let (client, mut server, _, relaying) = relay_after(|client| {
            let socket = SockRef::from(client);
            socket.send(b"before").expect("there is room");
            socket.send_out_of_band(b"!").expect("there is room");
            socket.send(b"after").expect("there is room");
            let until = Instant::now() + BOUND;
            while unacknowledged(client) > 0 {
                assert!(Instant::now() < until, "it is never acknowledged");
                thread::sleep(Duration::from_millis(1));
            }
        });
        let mut came = [0; 12];
        server.read_exact(&mut came).expect("the client says nothing more");
        assert_eq!(&came, b"before!after");
        client.shutdown(Shutdown::Write).expect("connected");
        assert_eq!(server.read(&mut [0]).expect("an EOF"), 0);
        drop((client, server));
        assert!(relaying.join().expect("no panic").is_graceful());
    });
}

/// What is asked for replaces the default as anywhere else.
#[test]
fn an_upstream_that_is_silent_is_asked_if_it_lives_once_the_relay_has_lasted() {
    bounded("keep-alive", || {
        let (mut client, mut server, socket, relaying) = relay_after(|_| {});
        let socket = SockRef::from(&socket);
        let until = Instant::now() + BOUND;
        while !socket.keepalive().expect("it is open") {
            assert!(Instant::now() < until, "it is never asked");
            thread::sleep(Duration::from_millis(1));
        }
        assert_eq!(socket.tcp_keepalive_time().expect("it is open"), Duration::from_secs(30));
        // That its time has come has ended nothing.
        client.write_all(b"x").expect("there is room");
        server.read_exact(&mut [0]).expect("it is passed on");
        drop(client);
        assert_eq!(server.read(&mut [0]).expect("an EOF"), 0);
        drop(server);
        assert!(relaying.join().expect("no panic").is_graceful());
    });
}

/// Our system may put the answer off while it has much to do, but not again and again.
#[test]
fn an_upstream_on_this_machine_is_there_without_a_wait() {
    bounded("a connection without a wait", || {
        let upstream = places::listener();
        let onward: Endpoint = upstream.local_addr().expect("bound").into();
        let options = ConnectOptions::new().for_relay(&onward);
        let is_at_once = || {
            runtime().block_on(async {
                let mut connecting = Box::pin(adieu::tokio::connect(&onward, &options));
                let polled = poll_fn(|cx| Poll::Ready(connecting.as_mut().poll(cx))).await;
                let (server, _) = upstream.accept().expect("the SYN has gone");
                let Poll::Ready(connected) = polled else { return false };
                let connected = connected.expect("it listens");
                assert_eq!(connected.peer_address().map(ToString::to_string), Some(onward.to_string()));
                let local = connected.local_address().map(ToString::to_string);
                assert_eq!(local, Some(server.peer_addr().expect("connected").to_string()));
                true
            })
        };
        let until = Instant::now() + BOUND / 2;
        while !is_at_once() {
            assert!(Instant::now() < until, "it is waited for each time");
        }
    });
}

/// Its system tells the program of a connection once there is something to read. Ours waits no longer than 200 ms with that, which may
/// be over before we look, but not again and again.
#[test]
fn an_upstream_is_told_of_a_connection_with_the_first_bytes_where_they_follow_at_once() {
    bounded("bytes that follow at once", || {
        let upstream = places::listener();
        let onward: Endpoint = upstream.local_addr().expect("bound").into();
        let options = ConnectOptions::new().speaking_at_once();
        let is_told_late = || {
            runtime().block_on(async {
                let mut server = adieu::tokio::connect(&onward, &options).await.expect("it listens");
                upstream.set_nonblocking(true).expect("a socket");
                let early = upstream.accept();
                upstream.set_nonblocking(false).expect("a socket");
                server.write_all(b"x").await.expect("connected");
                // A program that writes twice may wait for ours to acknowledge the first (Nagle's algorithm).
                let socket = server.socket().expect("it is open");
                assert!(
                    SockRef::from(&socket).tcp_quickack().expect("TCP"),
                    "it acknowledges late from now on"
                );
                let is_late = early.is_err();
                let (accepted, _) = early.or_else(|_| upstream.accept()).expect("it has connected");
                accepted.set_nonblocking(false).expect("a socket");
                let mut first = [0];
                patient(accepted).read_exact(&mut first).expect("it was sent");
                assert_eq!(&first, b"x");
                is_late
            })
        };
        let until = Instant::now() + BOUND / 2;
        while !is_told_late() {
            assert!(Instant::now() < until, "it is told before there is anything to read");
        }
    });
}

/// What follows from the endpoint is known once for all connections; what does not suit it is refused at each.
#[test]
fn options_that_do_not_suit_the_only_endpoint_are_refused_at_each_connection() {
    bounded("options that do not suit", || {
        let upstream = places::listener();
        let place = upstream.local_addr().expect("bound");
        let onward: Endpoint = place.into();
        let asked = [SocketOptions::new(), SocketOptions::new().ip_version(IpVersion::V6)];
        let [suited, unsuited] =
            asked.map(|asked| ConnectOptions::new().socket(asked).for_relay(&onward).speaking_at_once());
        runtime().block_on(async {
            for _ in 0..2 {
                let server = adieu::tokio::connect(&onward, &suited).await.expect("it listens");
                assert_eq!(server.peer_addr(), Some(place));
                let error = adieu::tokio::connect(&onward, &unsuited).await.expect_err("it is one of IPv4");
                assert!(matches!(error.cause(), ConnectCause::Option(_)), "{error}");
            }
        });
    });
}
