//! Our relay beside `tokio::io::copy_bidirectional`, in the same scenarios.

use super::*;
use adieu::{Side, SocketOptions};
use adieu_testkit::places;
use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A small and a large buffer of a kernel's.
const SMALL: usize = 8192;
const LARGE: usize = 1 << 20;

/// An early answer: more than the client's kernel takes.
const ANSWER: usize = 60_000;

/// More bytes than the small buffers of the way up hold.
const STUCK: usize = 180_000;

/// What a relay came to.
enum Came {
    Ours(Box<RelayReport>),
    Tokios(io::Result<(u64, u64)>),
}

/// A client and an upstream program with a relay between them. `is_narrow`: what goes up is held in the relay's receive
/// buffer and hardly anywhere else.
fn pair(is_ours: bool, is_narrow: bool) -> (TcpStream, TcpStream, JoinHandle<Came>) {
    let listener = places::listener();
    let client = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("a socket");
    if is_narrow {
        client.set_recv_buffer_size(4608).expect("a size");
        client.set_send_buffer_size(SMALL).expect("a size");
        SockRef::from(&listener).set_recv_buffer_size(SMALL).expect("a size");
    }
    let onward = listener.local_addr().expect("bound");
    let (tell, told) = mpsc::channel();
    let relaying = thread::spawn(move || {
        runtime().block_on(async {
            if is_ours {
                let place = "127.0.0.1:0".parse().expect("an endpoint");
                let (mut before, mut behind) = (SocketOptions::new(), SocketOptions::new());
                if is_narrow {
                    (before, behind) = (before.receive_buffer(LARGE), behind.send_buffer(SMALL));
                }
                let options = ListenOptions::new().socket(before);
                let listener = adieu::tokio::Listener::bind(&place, &options).await.expect("loopback");
                tell.send(listener.local_endpoint().to_string()).expect("somebody waits");
                let client = listener.accept().await.expect("a client");
                let options = ConnectOptions::new().socket(behind);
                let server = adieu::tokio::connect(&onward.into(), &options).await.expect("it listens");
                return Came::Ours(Box::new(adieu::tokio::relay(client, server, &RelayOptions::new()).await));
            }
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("loopback");
            tell.send(listener.local_addr().expect("bound").to_string()).expect("somebody waits");
            let (mut client, _) = listener.accept().await.expect("a client");
            let mut server = tokio::net::TcpStream::connect(onward).await.expect("it listens");
            if is_narrow {
                SockRef::from(&client).set_recv_buffer_size(LARGE).expect("a size");
                SockRef::from(&server).set_send_buffer_size(SMALL).expect("a size");
            }
            Came::Tokios(tokio::io::copy_bidirectional(&mut client, &mut server).await)
        })
    });
    let place: std::net::SocketAddr = told.recv().expect("it is bound").parse().expect("an address");
    client.connect(&place.into()).expect("it listens");
    let (server, _) = listener.accept().expect("the relay connects");
    (patient(client.into()), patient(server), relaying)
}

/// The server resets in mid-download.
fn download(is_ours: bool) -> (usize, io::Result<usize>, Came) {
    let (mut client, mut server, relaying) = pair(is_ours, false);
    let serving = thread::spawn(move || {
        server.write_all(&answer()[..200_000]).expect("taken");
        reset(server);
    });
    let mut got = Vec::new();
    let end = client.read_to_end(&mut got);
    serving.join().expect("no panic");
    assert!(got == answer()[..got.len()]);
    (got.len(), end, relaying.join().expect("no panic"))
}

#[test]
fn a_reset_in_mid_download_is_an_end_with_copy_bidirectional_and_a_reset_with_ours() {
    bounded("copy_bidirectional", || {
        let (_, end, Came::Tokios(result)) = download(false) else { panic!("not ours") };
        assert!(end.is_ok(), "the client takes what it has for the whole: {end:?}");
        // The relay's program knows that something was reset, but not which of the two, nor after how many bytes.
        assert_eq!(result.map_err(|error| error.kind()), Err(ErrorKind::ConnectionReset));
    });
    bounded("ours", || {
        let (got, end, Came::Ours(relayed)) = download(true) else { panic!("ours") };
        assert_eq!((got, end.map_err(|error| error.kind())), (200_000, Err(ErrorKind::ConnectionReset)));
        let ending = Ending::Reset { by: Side::Peer };
        assert_eq!(relayed.b.ending(), ending, "{}", relayed.b);
        assert_eq!(relayed.b_to_a.end, DirectionEnd::CutAtSource { ending });
        assert_eq!(relayed.b_to_a.bytes_acknowledged, Some(200_000));
    });
}

/// The server answers early and resets while the client is still uploading, and reads only afterwards.
fn upload(is_ours: bool) -> (usize, Came) {
    let (mut client, mut server, relaying) = pair(is_ours, true);
    let uploading = client.try_clone().expect("a descriptor");
    let sent = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&sent);
    let upload = thread::spawn(move || {
        while let Ok(n) = (&uploading).write(&[7; 4096]) {
            counted.fetch_add(n, Ordering::Relaxed);
        }
    });
    server.read_exact(&mut [0; 1000]).expect("the client sends");
    server.write_all(&answer()[..ANSWER]).expect("taken");
    // So much is nowhere but at the relay, where it will stay unread.
    let began = Instant::now();
    while sent.load(Ordering::Relaxed) < STUCK {
        assert!(began.elapsed() < BOUND, "only {sent:?} bytes are taken");
        thread::sleep(Duration::from_millis(1));
    }
    reset(server);
    // copy_bidirectional has returned before the client asks; ours waits for the client.
    let waiting = if is_ours { Err(relaying) } else { Ok(relaying.join().expect("no panic")) };
    let mut got = Vec::new();
    let _ = client.read_to_end(&mut got);
    assert!(got == answer()[..got.len()]);
    upload.join().expect("no panic");
    (got.len(), waiting.unwrap_or_else(|relaying| relaying.join().expect("no panic")))
}

#[test]
fn an_early_answer_is_lost_with_copy_bidirectional_and_delivered_by_ours() {
    bounded("copy_bidirectional", || {
        let (got, Came::Tokios(result)) = upload(false) else { panic!("not ours") };
        assert!(got < ANSWER, "{got} bytes");
        assert!(result.is_err(), "and it says nothing of how much that was");
    });
    bounded("ours", || {
        let (got, Came::Ours(relayed)) = upload(true) else { panic!("ours") };
        assert_eq!(got, ANSWER);
        assert_eq!(relayed.b_to_a.bytes_acknowledged, Some(ANSWER as u64), "{relayed:?}");
        let ending = Ending::Reset { by: Side::Peer };
        assert_eq!(relayed.a_to_b.end, DirectionEnd::CutAtSink { ending });
        assert!(is_passed_on(&relayed.a), "{}", relayed.a);
    });
}
