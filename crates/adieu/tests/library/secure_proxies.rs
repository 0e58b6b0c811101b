//! Proxies that are spoken to over TLS, for both drivers: the way to a peer in the clear, and to one that speaks TLS itself.

use crate::arms::{Arm, BOUND, on_both};
use adieu::tls::Client;
use adieu::{ConnectCause, ConnectOptions, Endpoint, Proxy, ProxyError};
use adieu_testkit::places;
use adieu_testkit::tls::authority::Authority;
use adieu_testkit::tls::peer::{Peer, Script, Setup, Step};
use rustls::{ServerConfig, ServerConnection};
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::{Arc, Mutex, mpsc};
use std::thread::{self, JoinHandle};

fn session() -> ServerConnection {
    let own = Authority::loopback();
    let config = ServerConfig::builder_with_provider(rustls::crypto::ring::default_provider().into())
        .with_safe_default_protocol_versions()
        .expect("they are known")
        .with_no_client_auth()
        .with_single_cert(vec![own.certificate.clone()], own.private_key())
        .expect("they belong together");
    ServerConnection::new(Arc::new(config)).expect("a session")
}

type Stream = rustls::StreamOwned<ServerConnection, TcpStream>;

/// A proxy for one client, over TLS: what it was asked for, once it has done what it does then.
fn proxy(then: impl FnOnce(Stream) + Send + 'static) -> (u16, JoinHandle<String>) {
    let listener = places::listener();
    let port = listener.local_addr().expect("bound").port();
    let serving = thread::spawn(move || {
        let (client, _) = listener.accept().expect("a client");
        client.set_read_timeout(Some(BOUND)).expect("not zero");
        let mut stream = rustls::StreamOwned::new(session(), client);
        let mut asked = Vec::new();
        while !asked.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            match stream.read(&mut byte) {
                Ok(1) => asked.extend(byte),
                // It does not trust us.
                _ => return String::new(),
            }
        }
        then(stream);
        String::from_utf8(asked).expect("ASCII")
    });
    (port, serving)
}

/// Through a proxy whose certificate the authority vouches for.
fn through(port: u16) -> ConnectOptions {
    let proxy: Proxy = format!("https://me:hunter2@127.0.0.1:{port}").parse().expect("a proxy");
    let tls = Client::new().ca_file(Authority::shared().file()).build().expect("a file");
    ConnectOptions::new().proxy(proxy.with_tls(tls))
}

fn target() -> Endpoint {
    Endpoint::tcp("peer.invalid", 80)
}

fn end(mut stream: Stream) {
    stream.conn.send_close_notify();
    stream.flush().expect("it is taken");
    stream.sock.shutdown(Shutdown::Write).expect("connected");
    // Its FIN, or the end would be a reset.
    let _ = stream.sock.read_to_end(&mut Vec::new());
}

fn message(arm: Arm, endpoint: &Endpoint, options: &ConnectOptions) -> (String, u8) {
    let error = arm.connect(endpoint, options).err().expect("there is no connection");
    assert!(!format!("{error} {error:?}").contains("hunter2"), "a password is told");
    (error.report().to_string(), error.report().exit_code())
}

#[test]
fn a_plain_peer_is_reached_and_both_ends_come_through() {
    on_both(|arm| {
        for greeting in [&b""[..], b"220 hello\r\n"] {
            let (port, asked) = proxy(move |mut stream| {
                // What follows the reply in the same record is the stream's.
                stream.write_all(&[b"HTTP/1.1 200 Fine\r\nX: y\r\n\r\n", greeting].concat()).expect("taken");
                let mut all = Vec::new();
                stream.read_to_end(&mut all).expect("its close_notify comes before its FIN");
                stream.write_all(&all).expect("taken");
                end(stream);
            });
            let mut open = arm.connect(&target(), &through(port)).unwrap_or_else(|error| panic!("{error}"));
            let sent = vec![7; 300_000];
            open.write_all(&sent).expect("the proxy takes it");
            let mut half = open.shutdown_send().expect("connected");
            let mut received = Vec::new();
            half.read_to_end(&mut received).expect("it ends by close_notify");
            let report = half.close();
            assert!(received == [greeting, &sent].concat(), "{} bytes", received.len());
            assert!(report.is_graceful(), "{report}");
            assert_eq!(report.proxy, format!("https://127.0.0.1:{port}").parse().ok());
            assert_eq!(
                (report.bytes_accepted, report.bytes_received),
                (300_000, 300_000 + greeting.len() as u64)
            );
            if cfg!(target_os = "linux") {
                assert_eq!(report.bytes_acknowledged, Some(300_000), "what led to the peer is none of them");
            }
            assert_eq!(
                report.tls_version.map(adieu::tls::Version::name),
                None,
                "TLS is not spoken with the peer"
            );
            let asked = asked.join().expect("no panic");
            assert!(asked.starts_with("CONNECT peer.invalid:80 HTTP/1.1\r\n"), "{asked}");
            assert!(asked.contains("Basic bWU6aHVudGVyMg=="), "{asked}");
        }
    });
}

#[test]
fn a_stream_that_the_proxy_cuts_is_truncated() {
    on_both(|arm| {
        let (port, _) = proxy(|mut stream| {
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\nhalf").expect("taken");
            stream.sock.shutdown(Shutdown::Write).expect("connected");
            let _ = stream.sock.read_to_end(&mut Vec::new());
        });
        let open = arm.connect(&target(), &through(port)).unwrap_or_else(|error| panic!("{error}"));
        let report = open.shutdown_send().expect("connected").drain();
        assert_eq!(
            (report.ending().name(), report.exit_code(), report.bytes_received),
            ("truncated", 6, 4),
            "{report}"
        );
        assert!(report.to_string().contains("the proxy's EOF came without TLS's close_notify"), "{report}");
    });
}

/// Passes a client's stream on to a peer, and back, with their ends; or ends the session with the client when it is told to.
fn relay(stream: Stream, to: SocketAddr, cut: Option<mpsc::Receiver<()>>) {
    let rustls::StreamOwned { conn, sock, .. } = stream;
    let (session, mut from_client) = (Arc::new(Mutex::new(conn)), sock);
    let mut peer = TcpStream::connect(to).expect("the peer listens");
    peer.set_read_timeout(Some(BOUND)).expect("not zero");
    let (mut to_client, mut from_peer) =
        (from_client.try_clone().expect("a descriptor"), peer.try_clone().expect("a descriptor"));
    let is_cut = cut.is_some();
    if let Some(cut) = cut {
        let session = Arc::clone(&session);
        let mut to_client = to_client.try_clone().expect("a descriptor");
        thread::spawn(move || {
            cut.recv().expect("the test goes on");
            let mut session = session.lock().expect("no panic");
            session.send_close_notify();
            session.write_tls(&mut to_client).expect("it is taken");
        });
    }
    let sealing = Arc::clone(&session);
    let down = thread::spawn(move || {
        let mut buffer = [0; 4096];
        loop {
            let n = from_peer.read(&mut buffer).unwrap_or(0);
            let mut session = sealing.lock().expect("no panic");
            if n == 0 {
                session.send_close_notify();
            } else {
                session.writer().write_all(&buffer[..n]).expect("it is taken");
            }
            while session.wants_write() {
                if session.write_tls(&mut to_client).is_err() {
                    return;
                }
            }
            if n == 0 {
                return drop(to_client.shutdown(Shutdown::Write));
            }
        }
    });
    let mut buffer = [0; 4096];
    loop {
        let n = from_client.read(&mut buffer).unwrap_or(0);
        let mut open = Vec::new();
        let mut session = session.lock().expect("no panic");
        let mut received = &buffer[..n];
        while !received.is_empty() {
            session.read_tls(&mut received).expect("there is room");
            session.process_new_packets().expect("it is authentic");
            // It says too that there is no more for now.
            let _: io::Result<usize> = session.reader().read_to_end(&mut open);
        }
        drop(session);
        let passed = peer.write_all(&open);
        if n == 0 || passed.is_err() {
            break;
        }
    }
    // Whoever is gone needs no end.
    let _ = peer.shutdown(if is_cut { Shutdown::Both } else { Shutdown::Write });
    down.join().expect("no panic");
}

#[test]
fn a_peer_that_speaks_tls_is_reached_through_one_that_does() {
    const SIZE: u64 = 1_000_000;
    const SCRIPT: &Script =
        &[Step::Handshake, Step::Receive(SIZE), Step::Send(SIZE), Step::CloseNotify, Step::ReceiveToEnd];
    on_both(|arm| {
        let peer = Peer::listen(Setup::PLAIN, SCRIPT).expect("loopback");
        let to = peer.address();
        let (port, _) = proxy(move |mut stream| {
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").expect("taken");
            relay(stream, to, None);
        });
        let tls = Client::new().ca_file(Authority::shared().file()).server_name("localhost").build();
        let options = through(port).tls(tls.expect("a file"));
        let endpoint = Endpoint::tls("peer.invalid", 443);
        let mut open = arm.connect(&endpoint, &options).unwrap_or_else(|error| panic!("{error}"));
        let mut sent = vec![0; usize::try_from(SIZE).expect("it fits")];
        adieu_testkit::pattern::Pattern::of_program().fill(0, &mut sent);
        open.write_all(&sent).expect("it is taken");
        let mut received = vec![0; sent.len()];
        open.read_exact(&mut received).expect("the peer sends");
        let report = open.shutdown_send().expect("connected").drain();
        assert!(report.is_graceful(), "{report}");
        assert_eq!((report.bytes_accepted, report.bytes_received), (SIZE, SIZE));
        if cfg!(target_os = "linux") {
            assert_eq!(report.bytes_acknowledged, Some(SIZE), "{report}");
        }
        assert_eq!(
            (report.tls_close_notify_sent, report.tls_close_notify_received),
            (Some(true), Some(true))
        );
        assert_eq!(report.tls_peer_subject.as_deref(), Some("CN=peer.test"));
        let log = peer.finish();
        assert_eq!((log.received, log.first_wrong, log.close_notify, log.failure), (SIZE, None, true, None));
    });
}

// Wine tells no reset: see `adieu_testkit::scenario::UNDER_WINE`.
#[cfg(not(windows))]
#[test]
fn a_proxy_that_ends_its_session_cuts_the_peers() {
    on_both(|arm| {
        for is_shaken in [true, false] {
            let peer = Peer::listen(Setup::PLAIN, &[Step::Handshake, Step::Send(100), Step::Hold]);
            let peer = peer.expect("loopback");
            let to = peer.address();
            let (cut, when) = mpsc::channel();
            if !is_shaken {
                cut.send(()).expect("it is waited for");
            }
            let (port, _) = proxy(move |mut stream| {
                stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").expect("taken");
                if is_shaken {
                    relay(stream, to, Some(when));
                } else {
                    // Only the session says that it is over, not yet TCP.
                    stream.conn.send_close_notify();
                    stream.flush().expect("it is taken");
                    let _ = stream.sock.read_to_end(&mut Vec::new());
                }
            });
            let tls = Client::new().ca_file(Authority::shared().file()).server_name("localhost").build();
            let options = through(port).tls(tls.expect("a file"));
            let endpoint = Endpoint::tls("peer.invalid", 443);
            if is_shaken {
                let mut open = arm.connect(&endpoint, &options).unwrap_or_else(|error| panic!("{error}"));
                open.read_exact(&mut [0; 100]).expect("it came before");
                cut.send(()).expect("it is waited for");
                let end = open.read(&mut [0]).map_err(|error| error.kind());
                assert_eq!(end, Err(io::ErrorKind::UnexpectedEof), "nobody takes it for whole");
                let report = open.shutdown_send().expect("connected").drain();
                assert_eq!((report.ending().name(), report.exit_code()), ("truncated", 6), "{report}");
            } else {
                let (said, exit) = message(arm, &endpoint, &options);
                assert!(said.contains("the proxy ended its session with us before the handshake"), "{said}");
                assert_eq!(exit, 3);
            }
        }
    });
}

#[test]
fn a_proxy_that_cannot_be_trusted_or_refuses_is_told_as_that() {
    on_both(|arm| {
        // Nobody on this machine vouches for it.
        let (port, asked) = proxy(|_| {});
        let url: Proxy = format!("https://me:hunter2@127.0.0.1:{port}").parse().expect("a proxy");
        let stranger = Authority::new().expect("a key");
        let tls = Client::new().ca_file(stranger.file()).build().expect("a file");
        let options = ConnectOptions::new().proxy(url.with_tls(tls));
        let error = arm.connect(&target(), &options).err().expect("it is not trusted");
        assert!(matches!(error.cause(), ConnectCause::Proxy { error: ProxyError::Tls(_), .. }), "{error}");
        let said = error.report().to_string();
        let expected = format!(
            "no connection to peer.invalid:80: the proxy https://127.0.0.1:{port} cannot be spoken to: the TLS handshake failed: \
             the issuer of the proxy's certificate is not trusted here: name its certificate with roots for the proxy; or the proxy may \
             not send its whole chain"
        );
        assert_eq!((said, error.report().exit_code()), (expected, 3));
        assert_eq!(asked.join().expect("no panic"), "", "it is asked for nothing");

        let (port, _) = proxy(|mut stream| {
            stream.write_all(b"HTTP/1.1 403 hunter2\r\nContent-Length: 0\r\n\r\n").expect("taken");
            end(stream);
        });
        let (said, exit) = message(arm, &target(), &through(port));
        assert!(said.contains("refuses: 403 Forbidden (its own words are not told"), "{said}");
        assert_eq!(exit, 3);

        // It speaks no TLS.
        let listener = places::listener();
        let port = listener.local_addr().expect("bound").port();
        let serving = thread::spawn(move || {
            let (mut client, _) = listener.accept().expect("a client");
            client.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").expect("taken");
            client.shutdown(Shutdown::Write).expect("connected");
            let _ = client.read_to_end(&mut Vec::new());
        });
        let (said, exit) = message(arm, &target(), &through(port));
        assert!(
            said.contains(
                "the proxy answered \"HTTP/1.1 400 Bad Request\", which is not TLS: write http:// for it"
            ),
            "{said}"
        );
        assert_eq!(exit, 3);
        serving.join().expect("no panic");
    });
}
