//! What only an async driver can get wrong: wakers, split halves, fairness, traits.

use crate::arms::{BOUND, bounded, log_of, runtime, secure_listener};
use adieu::tls::{Client, Server};
use adieu::tokio::{Connection, connect, exchange};
use adieu::{
    AdoptError, ConnectCause, ConnectOptions, DataPath, Endpoint, Interrupt, Limits, ListenCause,
    ListenOptions, OptionError, Report, Signal,
};
use adieu_testkit::pattern::{Pattern, Verifier};
use adieu_testkit::peer::Step::{Close, Duplex, Hold, Receive, ReceiveToEof, Reset, Send, ShutdownSend};
use adieu_testkit::peer::{Bind, PeerHandle, ReceivedEnd, Script};
use adieu_testkit::places;
use adieu_testkit::waits::Sending;
use std::future::Future;
use std::io::{self, Read};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Runs an async body on one thread, bounded from outside: a runtime that is starved cannot bound itself.
fn run<F: Future<Output = ()>>(body: impl FnOnce() -> F + std::marker::Send + 'static) {
    bounded("the task", || runtime().block_on(body()));
}

fn peer(script: &'static Script) -> (PeerHandle, Endpoint) {
    let peer = PeerHandle::listen(Bind::TCP4, script).expect("a peer on loopback");
    let endpoint = peer.endpoint().to_string().parse().expect("an endpoint");
    (peer, endpoint)
}

async fn to_peer(script: &'static Script, options: &ConnectOptions) -> (PeerHandle, Connection) {
    let (peer, endpoint) = peer(script);
    (peer, connect(&endpoint, options).await.expect("the peer accepts"))
}

const MIB: u64 = 1 << 20;

#[test]
fn split_halves_move_8_mib_both_ways_at_once() {
    run(|| async {
        let (peer, open) = to_peer(&[Duplex { send: 8 * MIB }, Close], &ConnectOptions::new()).await;
        let (mut reader, mut writer) = tokio::io::split(open);
        let upload = tokio::spawn(async move {
            let mut bytes = vec![0; usize::try_from(8 * MIB).expect("it fits")];
            Pattern::of_program().fill(0, &mut bytes);
            writer.write_all(&bytes).await.expect("the peer takes it");
            writer.shutdown().await.expect("connected");
            writer
        });
        let mut verifier = Verifier::new(Pattern::of_peer());
        let mut buffer = vec![0; 100_000];
        loop {
            match reader.read(&mut buffer).await.expect("the peer sends") {
                0 => break,
                n => verifier.take(&buffer[..n]),
            }
        }
        assert_eq!((verifier.count(), verifier.first_wrong()), (8 * MIB, None));
        let open = reader.unsplit(upload.await.expect("it does not panic"));
        let report = open.shutdown_send().await.expect("it is shut down already").close().await;
        assert!(report.is_graceful(), "{report}");
        let log = log_of(peer);
        assert_eq!((log.received, log.first_wrong, log.end()), (8 * MIB, None, Some(ReceivedEnd::Eof)));
    });
}

#[test]
fn the_traits_shutdown_is_a_half_close() {
    run(|| async {
        let (peer, mut open) = to_peer(&[ReceiveToEof, Send(100), Close], &ConnectOptions::new()).await;
        let mut request = [0; 14];
        Pattern::of_program().fill(0, &mut request);
        open.write_all(&request).await.expect("the peer takes it");
        open.shutdown().await.expect("connected");
        open.shutdown().await.expect("once more changes nothing");
        let error = open.write(b"too late").await.expect_err("the sending side is shut down");
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe, "as std says of its own streams");
        let mut answer = Vec::new();
        open.read_to_end(&mut answer).await.expect("the peer answers");
        assert_eq!(answer.len(), 100);
        let report = open.shutdown_send().await.expect("it is shut down already").close().await;
        assert!(report.is_graceful(), "{report}");
        assert_eq!(log_of(peer).received, 14);
    });
}

/// Both halves wait, each in a task of its own; when one finds that the connection has ended, so must the other.
async fn both_halves_end(options: ConnectOptions) {
    let (_peer, open) = to_peer(&[Hold], &options).await;
    let (mut reader, mut writer) = tokio::io::split(open);
    let reading = tokio::spawn(async move { reader.read(&mut [0; 8]).await });
    // The reader is the first to wait, so the writer's is the last word on the timer.
    tokio::task::yield_now().await;
    let writing = tokio::spawn(async move {
        let chunk = vec![0; 1 << 20];
        loop {
            if let Err(error) = writer.write_all(&chunk).await {
                return error;
            }
        }
    });
    let error = writing.await.expect("it does not panic");
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    let error = reading.await.expect("it does not panic").expect_err("it has ended");
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
}

#[test]
fn a_timer_wakes_both_halves() {
    run(|| {
        both_halves_end(ConnectOptions::new().limits(Limits::new().idle_timeout(Duration::from_millis(300))))
    });
    run(|| both_halves_end(ConnectOptions::new().limits(Limits::new().deadline(Duration::from_millis(300)))));
}

#[test]
fn a_half_that_gave_up_waiting_does_not_take_the_timer_with_it() {
    run(|| async {
        let options = ConnectOptions::new().limits(Limits::new().deadline(Duration::from_millis(400)));
        let (_peer, open) = to_peer(&[Hold], &options).await;
        let (mut reader, mut writer) = tokio::io::split(open);
        let reading = tokio::spawn(async move { reader.read(&mut [0; 8]).await });
        tokio::task::yield_now().await;
        // A write that blocks, is the last to have set the timer, and is then forgotten.
        let (kept, forgotten) = tokio::sync::oneshot::channel::<()>();
        let writing = tokio::spawn(async move {
            let chunk = vec![0; 64 << 20];
            let short = Duration::from_millis(100);
            assert!(tokio::time::timeout(short, writer.write_all(&chunk)).await.is_err(), "nobody reads");
            // The task lives on, with other things to do.
            let _ = forgotten.await;
        });
        let error = reading.await.expect("it does not panic").expect_err("the deadline");
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        drop(kept);
        writing.await.expect("it does not panic");
    });
}

/// A reader over TLS sends what is sealed before it waits, and so asks the socket for the same as the writer does.
#[test]
fn a_reader_over_tls_does_not_take_the_writers_place() {
    let (listener, options) = secure_listener();
    let endpoint = listener.local_endpoint().clone();
    let peer = std::thread::spawn(move || {
        let mut connection = listener.accept().expect("a client");
        // Nothing is taken meanwhile, so that the writer stands still; each octet wakes the reader.
        for _ in 0..10 {
            io::Write::write_all(&mut connection, b"x").expect("taken");
            std::thread::sleep(Duration::from_millis(30));
        }
        let taken = io::copy(&mut connection, &mut io::sink()).expect("a whole stream");
        connection.shutdown_send().expect("the client is there").close();
        taken
    });
    run(move || async move {
        let open = connect(&endpoint, &options).await.expect("it listens");
        let (mut reader, mut writer) = tokio::io::split(open);
        let writing = tokio::spawn(async move {
            writer.write_all(&vec![0; 32 << 20]).await.expect("the peer takes it");
            writer.shutdown().await.expect("the peer takes it");
        });
        let mut answer = Vec::new();
        reader.read_to_end(&mut answer).await.expect("a whole answer");
        writing.await.expect("it does not panic");
        assert_eq!(answer, [b'x'; 10]);
    });
    assert_eq!(peer.join().expect("it does not panic"), 32 << 20);
}

/// The halves of an accepted connection make the handshake, whichever of them the client's octets wake.
#[test]
fn both_halves_go_on_after_a_handshake_that_both_waited_for() {
    run(|| async {
        let server = ListenOptions::new().tls(Server::self_signed().build().expect("a key"));
        let listener =
            adieu::tokio::Listener::bind(&Endpoint::tls("127.0.0.1", 0), &server).await.expect("loopback");
        let address = listener.local_endpoint().to_string().trim_start_matches("tls://").to_owned();
        let (come, go) = tokio::sync::oneshot::channel::<()>();
        let client = tokio::spawn(async move {
            let stream = tokio::net::TcpStream::connect(address).await;
            let client = Client::new().insecure().server_name("localhost").build().expect("no files");
            go.await.expect("the halves wait");
            let options = ConnectOptions::new().tls(client);
            let mut open = Connection::from_socket(stream.expect("it listens"), &options).expect("a stream");
            let mut greeting = [0; 5];
            open.read_exact(&mut greeting).await.expect("the writer's");
            open.write_all(b"request").await.expect("taken");
            open.shutdown_send().await.expect("connected").drain().await
        });
        let (mut reader, mut writer) = tokio::io::split(listener.accept().await.expect("a client"));
        let reading = tokio::spawn(async move {
            let mut request = Vec::new();
            reader.read_to_end(&mut request).await.map(|_| (reader, request))
        });
        tokio::task::yield_now().await;
        let writing = tokio::spawn(async move {
            writer.write_all(b"hello").await.expect("the client takes it");
            writer
        });
        tokio::task::yield_now().await;
        come.send(()).expect("the client waits");
        let writer = writing.await.expect("it does not panic");
        let (reader, request) = reading.await.expect("it does not panic").expect("a whole request");
        assert_eq!(request, b"request");
        let open = reader.unsplit(writer);
        let report = open.shutdown_send().await.expect("the client is there").close().await;
        assert!(report.is_graceful(), "{report}");
        assert!(client.await.expect("it does not panic").is_graceful());
    });
}

/// Always ready for one byte more: with a peer that is faster than that, nothing ever waits.
struct ByteByByte;

impl AsyncWrite for ByteByByte {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(bytes.len().min(1)))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// A peer that sends without end.
fn endless() -> (Endpoint, JoinHandle<io::Result<u64>>) {
    let listener = places::listener();
    let endpoint = Endpoint::from(listener.local_addr().expect("bound"));
    let sending = std::thread::spawn(move || {
        let (stream, _) = listener.accept().expect("we connect");
        io::copy(&mut io::repeat(b'x'), &mut Sending(stream))
    });
    (endpoint, sending)
}

#[test]
fn an_exchange_that_never_waits_does_not_starve_the_runtime() {
    run(|| async {
        let (endpoint, sending) = endless();
        let open = connect(&endpoint, &ConnectOptions::new()).await.expect("it listens");
        let moving = tokio::spawn(exchange(open, tokio::io::empty(), ByteByByte));
        // On the one thread of the runtime: this goes on only if the exchange lets go of it.
        tokio::time::sleep(Duration::from_millis(50)).await;
        moving.abort();
        assert!(moving.await.expect_err("it was stopped").is_cancelled());
        assert!(sending.join().expect("it does not panic").is_err());
    });
}

#[test]
fn reads_that_never_wait_do_not_starve_the_runtime() {
    run(|| async {
        let (endpoint, sending) = endless();
        let mut open = connect(&endpoint, &ConnectOptions::new()).await.expect("it listens");
        let reading = tokio::spawn(async move { while open.read(&mut [0]).await.is_ok() {} });
        tokio::time::sleep(Duration::from_millis(50)).await;
        reading.abort();
        assert!(reading.await.expect_err("it was stopped").is_cancelled());
        assert!(sending.join().expect("it does not panic").is_err());
    });
}

#[test]
fn an_exchange_that_never_waits_has_its_deadline() {
    run(|| async {
        let (endpoint, sending) = endless();
        let options = ConnectOptions::new().limits(Limits::new().deadline(Duration::from_millis(300)));
        let open = connect(&endpoint, &options).await.expect("it listens");
        let report = exchange(open, tokio::io::empty(), ByteByByte).await;
        assert_eq!(
            (report.ending().name(), report.timer().map(adieu::Timer::name)),
            ("timed_out", Some("deadline")),
            "{report}"
        );
        assert!(sending.join().expect("it does not panic").is_err());
    });
}

#[test]
fn a_reset_is_noticed_while_only_our_input_is_waited_for() {
    run(|| async {
        let options = ConnectOptions::new().limits(Limits::new().input_grace(None));
        let (peer, open) = to_peer(&[Receive(4), ShutdownSend, Hold, Reset], &options).await;
        let (mut input, end) = tokio::io::duplex(64);
        let mut request = [0; 4];
        Pattern::of_program().fill(0, &mut request);
        input.write_all(&request).await.expect("there is room");
        let moving = tokio::spawn(exchange(open, end, tokio::io::sink()));
        let resetting = tokio::task::spawn_blocking(move || {
            assert!(peer.wait_for_step(2, BOUND));
            peer.finish()
        });
        // Nothing more of ours comes that a failing send could tell it by, and no check for a dead peer is due yet.
        let soon = tokio::time::timeout(BOUND / 4, moving).await.expect("it is noticed at once");
        let report: Report = soon.expect("it does not panic");
        assert_eq!(
            (report.ending().name(), report.phase.name()),
            (crate::arms::after_a_reset(), "sending"),
            "{report}"
        );
        assert!(resetting.await.expect("it does not panic").completed);
        drop(input);
    });
}

#[test]
fn a_dropped_future_is_a_reset_to_the_peer() {
    run(|| async {
        let (peer, open) = to_peer(&[Receive(4), ReceiveToEof], &ConnectOptions::new()).await;
        let (mut input, end) = tokio::io::duplex(64);
        let mut request = [0; 4];
        Pattern::of_program().fill(0, &mut request);
        input.write_all(&request).await.expect("there is room");
        let moving = tokio::spawn(exchange(open, end, tokio::io::sink()));
        let peer = tokio::task::spawn_blocking(move || {
            assert!(peer.wait_for_step(1, BOUND));
            peer
        });
        let peer = peer.await.expect("it does not panic");
        moving.abort();
        assert!(moving.await.expect_err("it was stopped").is_cancelled());
        assert_eq!(log_of(peer).end(), Some(ReceivedEnd::Reset));
    });
}

#[test]
fn a_writer_with_a_buffer_is_flushed_while_the_peer_thinks() {
    run(|| async {
        let (_peer, open) =
            to_peer(&[Send(10), Hold], &ConnectOptions::new().limits(Limits::new().input_grace(None))).await;
        let (sink, mut out) = tokio::io::duplex(1_024);
        let (input, end) = tokio::io::duplex(64);
        let moving = tokio::spawn(exchange(open, end, tokio::io::BufWriter::new(sink)));
        out.read_exact(&mut [0; 10]).await.expect("the answer, though more may come");
        moving.abort();
        drop(input);
    });
}

#[test]
fn the_listener_accepts_and_serves() {
    run(|| async {
        let any = Endpoint::tcp("127.0.0.1", 0);
        let listener = adieu::tokio::Listener::bind(&any, &ListenOptions::new()).await.expect("loopback");
        let address = listener.local_endpoint().to_string();
        let client = std::thread::spawn(move || {
            let mut stream = std::net::TcpStream::connect(address).expect("it listens");
            stream.shutdown(std::net::Shutdown::Write).expect("connected");
            let mut answer = String::new();
            stream.read_to_string(&mut answer).expect("an answer");
            answer
        });
        let mut open = listener.accept().await.expect("a client comes");
        assert_eq!(open.read(&mut [0; 8]).await.expect("its EOF"), 0);
        open.write_all(b"bye").await.expect("it takes it");
        let report = open.shutdown_send().await.expect("connected").close().await;
        // The client may not have closed yet, and need not for this: its side has ended.
        assert!(report.is_graceful(), "{report}");
        assert_eq!((report.role.map(adieu::Role::name), report.bytes_accepted), (Some("listen"), 3));
        assert_eq!(client.join().expect("it does not panic"), "bye");
    });
}

/// Between a call that finds nothing and the wait for more, another thread's driver may bring the news.
#[test]
fn no_wake_up_is_lost_between_threads() {
    const TASKS: usize = 16;
    // Under Wine a turn is a hundred times as long.
    const TURNS: usize = if cfg!(windows) { 100 } else { 2_000 };
    bounded("the tasks", || {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build();
        runtime.expect("a runtime").block_on(async {
            let any = Endpoint::tcp("127.0.0.1", 0);
            let listener = adieu::tokio::Listener::bind(&any, &ListenOptions::new()).await.expect("loopback");
            let endpoint = listener.local_endpoint().clone();
            let mut tasks = tokio::task::JoinSet::new();
            for _ in 0..TASKS {
                let mut near = connect(&endpoint, &ConnectOptions::new()).await.expect("it listens");
                let mut far = listener.accept().await.expect("it has connected");
                tasks.spawn(async move {
                    for _ in 0..TURNS {
                        near.write_all(b"x").await.expect("the other side reads");
                        near.read_exact(&mut [0]).await.expect("the other side answers");
                    }
                    near.shutdown_send().await.expect("connected").drain().await
                });
                tasks.spawn(async move {
                    while far.read(&mut [0]).await.expect("no reset") == 1 {
                        far.write_all(b"x").await.expect("the other side reads");
                    }
                    far.shutdown_send().await.expect("connected").close().await
                });
            }
            while let Some(report) = tasks.join_next().await {
                let report = report.expect("it does not panic");
                assert!(report.is_graceful(), "{report}");
            }
        });
    });
}

// Wine tells no reset to who only receives: adieu_testkit::scenario::platforms.
#[cfg(not(windows))]
#[test]
fn a_connect_that_is_dropped_when_the_peer_has_accepted_is_seen_as_a_reset() {
    run(|| async {
        let listener = places::listener();
        let endpoint = Endpoint::from(listener.local_addr().expect("bound"));
        let options = ConnectOptions::new();
        let mut connecting = Box::pin(connect(&endpoint, &options));
        let polled = std::future::poll_fn(|cx| Poll::Ready(connecting.as_mut().poll(cx).is_ready())).await;
        let (mut accepted, _) = listener.accept().expect("the SYN has gone");
        accepted.set_read_timeout(Some(BOUND)).expect("not zero");
        drop(connecting);
        assert!(!polled, "we have not looked yet whether it has connected");
        // A FIN would be the end of a stream, and nobody has ended one.
        let reading = move || accepted.read(&mut [0]).map_err(|error| error.kind());
        let told = tokio::task::spawn_blocking(reading).await.expect("it does not panic");
        assert_eq!(told, Err(io::ErrorKind::ConnectionReset));
    });
}

#[test]
fn an_interrupt_ends_an_accept_and_an_exchange() {
    run(|| async {
        let interrupt = Interrupt::new().expect("a pipe");
        let options = ListenOptions::new().interrupt(&interrupt);
        let listener =
            adieu::tokio::Listener::bind(&Endpoint::tcp("127.0.0.1", 0), &options).await.expect("loopback");
        let endpoint = listener.local_endpoint().clone();
        let plain = ConnectOptions::new();
        let (accepted, connected) = tokio::join!(listener.accept(), connect(&endpoint, &plain));
        let (accepted, connected) = (accepted.expect("a client"), connected.expect("it listens"));
        // Two wait for one interrupt, and so do the listener and its connection.
        let waiting = tokio::spawn(async move { listener.accept().await.map(drop) });
        let (input, _open) = tokio::io::duplex(1);
        let exchanging = tokio::spawn(async move { exchange(accepted, input, tokio::io::sink()).await });
        // The other threads' way.
        std::thread::spawn(move || interrupt.raise(Signal::Terminate)).join().expect("no panic");
        let error = waiting.await.expect("no panic").expect_err("nobody comes");
        assert_eq!(error.kind(), io::ErrorKind::Interrupted);
        let report = exchanging.await.expect("no panic");
        assert_eq!(
            (report.ending().name(), report.signal().map(adieu::Signal::name)),
            ("interrupted", Some("SIGTERM")),
            "{report}"
        );
        drop(connected);
    });
}

#[test]
fn a_listener_has_the_methods_of_the_blocking_one() {
    run(|| async {
        let any = Endpoint::tcp("127.0.0.1", 0);
        let listener = adieu::tokio::Listener::bind(&any, &ListenOptions::new()).await.expect("loopback");
        let stop = Interrupt::new().expect("a pipe");
        let listener = listener.with_options(&ListenOptions::new(), &stop);
        assert!(listener.try_accept().expect("it listens").is_none());
        let nobody = listener.accept_within(Duration::from_millis(20)).await.expect("it listens");
        assert!(nobody.is_none());
        let address = listener.local_endpoint().to_string();
        let _first = std::net::TcpStream::connect(&address).expect("it listens");
        // Whoever waits already is accepted also without any time, and one that comes later within it.
        assert!(listener.accept_within(Duration::ZERO).await.expect("it listens").is_some());
        let _second = std::net::TcpStream::connect(&address).expect("it listens");
        assert!(listener.accept_within(BOUND).await.expect("it listens").is_some());
        stop.raise(Signal::Terminate);
        let error = listener.accept_within(BOUND).await.expect_err("the interrupt is raised");
        assert_eq!(error.kind(), io::ErrorKind::Interrupted);
        assert!(listener.accept().await.is_err());
    });
}

#[test]
fn a_direct_data_path_is_refused_and_the_blocking_face_has_it() {
    const REFUSED: OptionError = OptionError::NotOnTokio { option: "data-path direct" };
    run(|| async {
        let any = Endpoint::tcp("127.0.0.1", 0);
        let (connecting, listening) = (ConnectOptions::new(), ListenOptions::new());
        let connecting = connecting.data_path(DataPath::Direct);
        let direct = listening.clone().data_path(DataPath::Direct);
        let of_listener = |error: adieu::ListenError| match error.cause() {
            ListenCause::Option(error) => assert_eq!(*error, REFUSED),
            other => panic!("{other}"),
        };
        of_listener(adieu::tokio::Listener::bind(&any, &direct).await.expect_err("it is refused"));
        let listener = adieu::tokio::Listener::bind(&any, &listening).await.expect("loopback");
        let endpoint = listener.local_endpoint().clone();
        let mut refused = vec![connect(&endpoint, &connecting).await.map(drop)];
        // Elsewhere there is no Fast Open, which is told first.
        if cfg!(target_os = "linux") {
            refused.push(adieu::tokio::fast_open(&endpoint, &connecting, b"x").await.map(drop));
        }
        for refused in refused {
            let error = refused.expect_err("it is refused");
            assert!(matches!(error.cause(), ConnectCause::Option(REFUSED)), "{error}");
            assert!(error.to_string().ends_with("the option data-path direct is not available on tokio"));
        }
        assert!(listener.try_accept().expect("it listens").is_none(), "refused before a socket is made");
        let stream = tokio::net::TcpStream::connect(endpoint.to_string()).await.expect("it listens");
        let error = Connection::from_socket(stream, &connecting).expect_err("it is refused");
        assert!(matches!(error, AdoptError::Option(REFUSED)), "{error}");
        // The refused one was reset, and no system has to give such a client to a listener.
        let _waits = tokio::net::TcpStream::connect(endpoint.to_string()).await.expect("it listens");
        // Options that come after the socket are refused by what they are for.
        let listener = listener.with_options(&direct, &Interrupt::new().expect("a pipe"));
        of_listener(listener.accept().await.expect_err("it is refused"));

        let listener = adieu::Listener::bind(&any, &direct).expect("loopback");
        adieu::connect(listener.local_endpoint(), &connecting).expect("it listens").abort();
        let stream = std::net::TcpStream::connect(listener.local_endpoint().to_string()).expect("it listens");
        adieu::Connection::from_socket(stream, &connecting).expect("it is connected").abort();
    });
}
