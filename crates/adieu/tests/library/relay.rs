//! A relay of two connections is two flows: data both ways, ends and resets passed on, after everything before them.

use crate::arms::{BOUND, bounded};
use adieu::relay::{Passed, Relayed, relay};
use adieu::tls::Client;
use adieu::{ConnectOptions, DataPath, Ending, Endpoint, ListenOptions, Listener, LocalEnd, Side};
use adieu_testkit::pattern::Pattern;
use adieu_testkit::tls::authority::Authority;
use adieu_testkit::tls::peer::{Peer, Script, Setup, Step};
use socket2::SockRef;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread::{self, JoinHandle};
use std::time::Duration;

const ALL: u64 = 3_000_000;

fn bytes_of(mut pattern: impl Read) -> Vec<u8> {
    let mut bytes = Vec::new();
    pattern.read_to_end(&mut bytes).expect("memory");
    bytes
}

fn request() -> Vec<u8> {
    bytes_of(Pattern::of_program().reader(ALL))
}

/// A client, and a relay that goes on to `upstream` for it.
fn through_a_relay(
    upstream: Endpoint,
    onward: ConnectOptions,
    path: DataPath,
) -> (TcpStream, JoinHandle<Relayed>) {
    let options = ListenOptions::new().data_path(path);
    let listener = Listener::bind(&"127.0.0.1:0".parse().expect("an endpoint"), &options).expect("loopback");
    let address = listener.local_endpoint().to_string();
    let relaying = thread::spawn(move || {
        let client = listener.accept().expect("a client");
        relay(client, adieu::connect(&upstream, &onward.data_path(path)).expect("it listens"))
    });
    let client = TcpStream::connect(address).expect("it listens");
    client.set_read_timeout(Some(BOUND)).expect("not zero");
    client.set_write_timeout(Some(BOUND)).expect("not zero");
    (client, relaying)
}

/// A client and an upstream program with a relay between them.
fn pair(path: DataPath) -> (TcpStream, TcpStream, JoinHandle<Relayed>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
    let upstream = Endpoint::from(listener.local_addr().expect("bound"));
    let (client, relaying) = through_a_relay(upstream, ConnectOptions::new(), path);
    let (upstream, _) = listener.accept().expect("the relay connects");
    upstream.set_read_timeout(Some(BOUND)).expect("not zero");
    upstream.set_write_timeout(Some(BOUND)).expect("not zero");
    (client, upstream, relaying)
}

fn on_every_way(body: fn(DataPath)) {
    for path in [DataPath::Auto, DataPath::Portable, DataPath::Direct] {
        bounded(&format!("{path:?}"), move || body(path));
    }
}

/// Closes with an RST, once the other end's TCP has everything.
fn reset(stream: &TcpStream) {
    let began = std::time::Instant::now();
    while unacknowledged(stream) > 0 {
        assert!(began.elapsed() < BOUND, "it is never acknowledged");
        thread::sleep(Duration::from_millis(1));
    }
    SockRef::from(stream).set_linger(Some(Duration::ZERO)).expect("a socket");
}

fn unacknowledged(stream: &TcpStream) -> u64 {
    adieu_testkit::peer::os::unacknowledged(&SockRef::from(stream)).expect("SIOCOUTQ")
}

/// What is held for a side that is gone can never be sent, and must not keep the relay from what it waits for.
#[test]
fn a_relay_ends_that_holds_bytes_for_a_side_that_is_gone() {
    on_every_way(|path| {
        let (client, mut upstream, relaying) = pair(path);
        let client = thread::spawn(move || {
            // More than the other side takes: it fills the relay, its pipe too, and its end waits there.
            (&client).write_all(&vec![0; 6_000_000]).expect("our kernels take it");
            client.shutdown(Shutdown::Write).expect("connected");
            let mut answer = Vec::new();
            let _ = (&client).read_to_end(&mut answer);
            answer.len()
        });
        upstream.read_exact(&mut vec![0; 65536]).expect("the client sends");
        upstream.write_all(&vec![1; 7_500_000]).expect("the relay takes it");
        reset(&upstream);
        drop(upstream);
        assert_eq!(client.join().expect("it does not panic"), 7_500_000);
        let relayed = relaying.join().expect("it does not panic");
        assert_eq!((relayed.to_upstream, relayed.to_client), (Passed::Cut, Passed::Cut), "{relayed:?}");
    });
}

#[test]
fn a_relay_passes_on_both_streams_and_the_half_close() {
    on_every_way(|path| {
        let (mut client, mut upstream, relaying) = pair(path);
        let mut sending = client.try_clone().expect("a descriptor");
        let sender = thread::spawn(move || {
            sending.write_all(&request()).expect("taken");
            sending.shutdown(Shutdown::Write).expect("connected");
        });
        // The answer begins after the end of the request, so that end was passed on while this direction is open.
        assert!(bytes_of(&mut upstream) == request(), "{path:?}: the upstream side has the request");
        let answer = bytes_of(Pattern::of_peer().reader(ALL));
        let answering = {
            let answer = answer.clone();
            thread::spawn(move || upstream.write_all(&answer).expect("taken"))
        };
        assert!(bytes_of(&mut client) == answer, "{path:?}: the client has the answer");
        sender.join().and_then(|()| answering.join()).expect("no panic");
        let relayed = relaying.join().expect("no panic");
        assert_eq!((relayed.to_upstream, relayed.to_client), (Passed::Whole, Passed::Whole), "{path:?}");
        assert!(relayed.client.is_graceful(), "{path:?}: {}", relayed.client);
        assert!(relayed.upstream.is_graceful(), "{path:?}: {}", relayed.upstream);
        assert_eq!((relayed.client.bytes_received, relayed.upstream.bytes_accepted), (ALL, ALL));
        assert_eq!((relayed.upstream.bytes_received, relayed.client.bytes_accepted), (ALL, ALL));
    });
}

#[test]
fn a_relay_whose_two_sides_end_at_once_is_graceful() {
    on_every_way(|path| {
        let (client, upstream, relaying) = pair(path);
        client.shutdown(Shutdown::Write).expect("connected");
        upstream.shutdown(Shutdown::Write).expect("connected");
        assert!(bytes_of(&client).is_empty() && bytes_of(&upstream).is_empty());
        let relayed = relaying.join().expect("no panic");
        assert!(relayed.client.is_graceful() && relayed.upstream.is_graceful(), "{path:?}: {relayed:?}");
        assert_eq!((relayed.to_upstream, relayed.to_client), (Passed::Whole, Passed::Whole), "{path:?}");
    });
}

#[test]
fn a_reset_of_either_side_is_passed_on_after_everything_before_it() {
    on_every_way(|path| {
        for upstream_resets in [true, false] {
            let (client, upstream, relaying) = pair(path);
            let (mut resetting, mut reading) =
                if upstream_resets { (upstream, client) } else { (client, upstream) };
            // More than our two kernels hold, so that the reset comes while bytes are under way through the relay.
            let sender = thread::spawn(move || {
                resetting.write_all(&request()).expect("taken");
                reset(&resetting);
            });
            let mut got = Vec::new();
            let end = reading.read_to_end(&mut got).map_err(|error| error.kind());
            assert!(got == request(), "{path:?}: {} of {ALL} bytes came, then {end:?}", got.len());
            assert_eq!(end, Err(ErrorKind::ConnectionReset), "{path:?}");
            sender.join().expect("no panic");
            let relayed = relaying.join().expect("no panic");
            let (by, to, direction, back) = if upstream_resets {
                (&relayed.upstream, &relayed.client, relayed.to_client, relayed.to_upstream)
            } else {
                (&relayed.client, &relayed.upstream, relayed.to_upstream, relayed.to_client)
            };
            assert_eq!((direction, back), (Passed::Cut, Passed::Cut), "{path:?}");
            assert_eq!(by.ending(), Ending::Reset { by: Side::Peer }, "{path:?}: {by}");
            let cut = Ending::LocalFailure { end: LocalEnd::Input };
            assert_eq!((to.ending(), to.bytes_acknowledged), (cut, Some(ALL)), "{path:?}: {to}");
        }
    });
}

#[test]
fn a_cut_tls_stream_is_never_passed_on_as_an_end() {
    bounded("a relay", || {
        for (last, passed) in [(Step::Fin, Passed::Cut), (Step::CloseNotify, Passed::Whole)] {
            let script: &'static Script = if passed == Passed::Cut {
                &[Step::Handshake, Step::Send(200_000), Step::Fin]
            } else {
                &[Step::Handshake, Step::Send(200_000), Step::CloseNotify, Step::ReceiveToEnd, Step::Fin]
            };
            let peer = Peer::listen(Setup::PLAIN, script).expect("loopback");
            let tls =
                Client::new().ca_file(Authority::shared().file()).build().expect("a file of the test kit");
            let upstream = Endpoint::from(peer.address());
            let (mut client, relaying) =
                through_a_relay(upstream, ConnectOptions::new().tls(tls), DataPath::Auto);
            if passed == Passed::Whole {
                client.shutdown(Shutdown::Write).expect("connected");
            }
            let mut got = Vec::new();
            let end: io::Result<usize> = client.read_to_end(&mut got);
            let relayed = relaying.join().expect("no panic");
            assert_eq!((got.len(), relayed.to_client), (200_000, passed), "{last:?}: {relayed:?}");
            match passed {
                Passed::Whole => assert!(end.is_ok() && relayed.upstream.is_graceful(), "{relayed:?}"),
                Passed::Cut => {
                    assert_eq!(end.map_err(|error| error.kind()), Err(ErrorKind::ConnectionReset));
                    assert_eq!(relayed.upstream.ending(), Ending::Truncated, "{relayed:?}");
                }
            }
        }
    });
}
