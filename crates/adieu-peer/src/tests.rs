//! Each step does on the wire what it says, as seen by a plain std socket.

use crate::pattern::{BLOCK, Pattern, Verifier};
use crate::{Bind, Endpoint, FailureKind, PeerHandle, ReceivedEnd, Script, Step, pattern_sent_by};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

const BOUND: Duration = Duration::from_secs(20);

fn start(script: &'static Script) -> (PeerHandle, TcpStream) {
    let peer = PeerHandle::listen(Bind::TCP4, script).expect("loopback can be listened on");
    let address = peer.endpoint().address().expect("a listening TCP peer has an address");
    let stream = TcpStream::connect(address).expect("the peer accepts");
    stream.set_read_timeout(Some(BOUND)).expect("a time-out can be set");
    (peer, stream)
}

/// Receives until EOF or error; verifies the peer's pattern.
fn receive_all(stream: &mut impl Read) -> (u64, Option<u64>, Option<ErrorKind>) {
    let mut verifier = Verifier::new(Pattern::of_peer());
    let ended = io::copy(stream, &mut verifier).err().map(|error| error.kind());
    (verifier.count(), verifier.first_wrong(), ended)
}

fn send(stream: &mut impl Write, n: u64) {
    io::copy(&mut Pattern::of_program().reader(n), stream).expect("the peer takes it");
}

/// Whether this is what std's read says of a reset. Wine 8 may say nothing, see [`crate::os::is_wine`].
fn tells_of_a_reset(told: Option<ErrorKind>) -> bool {
    told == Some(ErrorKind::ConnectionReset) || (crate::os::is_wine() && told.is_none())
}

#[test]
fn send_gives_the_pattern_and_close_gives_eof() {
    let (peer, mut stream) = start(&[Step::Send(3 * BLOCK as u64), Step::Close]);
    assert_eq!(receive_all(&mut stream), (3 * BLOCK as u64, None, None));
    let log = peer.finish();
    assert!(log.completed && log.connected, "{log:?}");
    assert_eq!((log.sent, log.end()), (3 * BLOCK as u64, None));
}

#[test]
fn receive_takes_exactly_n_and_leaves_the_rest() {
    let (peer, mut stream) = start(&[Step::Receive(10), Step::AwaitClientBytes(5), Step::CloseUnread(5)]);
    send(&mut stream, 15);
    assert!(tells_of_a_reset(receive_all(&mut stream).2));
    let log = peer.finish();
    assert_eq!((log.received, log.first_wrong, log.completed), (10, None, true), "{log:?}");
}

#[test]
fn receive_to_eof_verifies_and_sees_the_eof() {
    let (peer, mut stream) = start(&[Step::ReceiveToEof, Step::Send(1)]);
    send(&mut stream, 100_000);
    stream.shutdown(Shutdown::Write).expect("connected");
    assert_eq!(receive_all(&mut stream), (1, None, None));
    let log = peer.finish();
    assert_eq!((log.received, log.first_wrong, log.end()), (100_000, None, Some(ReceivedEnd::Eof)));
}

#[test]
fn a_wrong_byte_from_the_program_is_found() {
    let (peer, mut stream) = start(&[Step::ReceiveToEof]);
    send(&mut stream, 1_000);
    stream.write_all(&[0; 50]).expect("the peer takes it");
    stream.shutdown(Shutdown::Write).expect("connected");
    receive_all(&mut stream);
    assert!(peer.finish().first_wrong.is_some_and(|at| (1_000..1_010).contains(&at)));
}

#[test]
fn a_reset_by_the_program_is_not_an_eof() {
    let (peer, mut stream) = start(&[Step::Send(1), Step::ReceiveToEof]);
    send(&mut stream, 1_000);
    // Wine accepts no connection that is reset already.
    stream.read_exact(&mut [0]).expect("the peer has accepted");
    let socket = socket2::Socket::from(stream);
    socket.set_linger(Some(Duration::ZERO)).expect("connected");
    drop(socket);
    let log = peer.finish();
    assert_eq!(log.end(), Some(ReceivedEnd::Reset), "{log:?}");
    assert!(log.completed, "receiving until the end is what the step says");
}

#[test]
fn a_reset_while_the_peer_holds_is_seen_in_the_end() {
    let (peer, stream) = start(&[Step::Send(1_000), Step::Hold]);
    assert!(peer.wait_for_step(1, BOUND));
    // Closing with the peer's bytes unread: the kernel sends RST.
    drop(stream);
    let log = peer.finish();
    assert_eq!(log.end(), Some(ReceivedEnd::Reset), "{log:?}");
}

#[test]
fn reset_sends_rst_and_not_fin() {
    let (peer, mut stream) = start(&[Step::Reset]);
    let (received, wrong, told) = receive_all(&mut stream);
    assert_eq!((received, wrong), (0, None));
    assert!(tells_of_a_reset(told), "{told:?}");
    assert!(peer.finish().completed);
}

#[test]
fn what_was_acknowledged_before_a_reset_can_still_be_received() {
    let (peer, mut stream) = start(&[Step::Send(20_480), Step::AwaitAcknowledged, Step::Reset]);
    assert!(peer.wait_for_end(BOUND));
    let (received, wrong, told) = receive_all(&mut stream);
    assert_eq!((received, wrong), (20_480, None));
    assert!(tells_of_a_reset(told), "{told:?}");
}

#[test]
fn shutdown_send_is_an_eof_and_the_peer_reads_on() {
    let (peer, mut stream) = start(&[Step::Send(10), Step::ShutdownSend, Step::ReceiveToEof]);
    assert_eq!(receive_all(&mut stream), (10, None, None));
    send(&mut stream, 5_000);
    drop(stream);
    assert_eq!(peer.finish().received, 5_000);
}

#[test]
fn shutdown_receive_leaves_sending_open() {
    let (peer, mut stream) = start(&[Step::Receive(3), Step::ShutdownReceive, Step::Send(10), Step::Close]);
    send(&mut stream, 3);
    assert_eq!(receive_all(&mut stream), (10, None, None));
    assert!(peer.finish().completed);
}

#[test]
fn await_acknowledged_waits_for_the_kernel_not_the_reader() {
    let (peer, _unread) = start(&[Step::Send(1_000), Step::AwaitAcknowledged, Step::Hold]);
    assert!(peer.wait_for_step(2, BOUND), "nobody reads, the kernel acknowledges");
}

#[test]
fn await_acknowledged_fails_when_the_connection_is_reset() {
    let (peer, stream) = start(&[Step::ReceiveBuffer(4_096), Step::Send(8 << 20), Step::AwaitAcknowledged]);
    drop(stream);
    let failure = peer.finish().failure.expect("8 MiB do not fit anywhere");
    assert_eq!(failure.kind, FailureKind::ConnectionEnded, "{failure:?}");
}

#[test]
fn await_stalled_waits_until_the_sender_is_blocked() {
    let (peer, mut stream) = start(&[Step::AwaitStalled, Step::Hold]);
    thread::scope(|scope| {
        let mut sender = stream.try_clone().expect("a descriptor can be duplicated");
        scope.spawn(move || io::copy(&mut Pattern::of_program().reader(64 << 20), &mut sender));
        assert!(peer.wait_for_step(1, BOUND));
        stream.shutdown(Shutdown::Both).expect("connected");
        receive_all(&mut stream);
    });
}

#[test]
fn trickle_sends_all_and_takes_its_time() {
    const PAUSE: Duration = Duration::from_millis(10);
    let began = std::time::Instant::now();
    let (_peer, mut stream) = start(&[Step::Trickle { chunk: 3, pause: PAUSE, total: 10 }]);
    assert_eq!(receive_all(&mut stream), (10, None, None));
    assert!(began.elapsed() >= 4 * PAUSE);
}

#[test]
fn silence_takes_its_time() {
    const TIME: Duration = Duration::from_millis(60);
    let began = std::time::Instant::now();
    let (_peer, mut stream) = start(&[Step::Silence(TIME), Step::Send(1)]);
    assert_eq!(receive_all(&mut stream).0, 1);
    assert!(began.elapsed() >= TIME);
}

#[test]
fn receive_slowly_receives_all_in_more_than_one_pause() {
    const PAUSE: Duration = Duration::from_millis(10);
    let began = std::time::Instant::now();
    let (peer, mut stream) = start(&[Step::ReceiveSlowly { chunk: 100, pause: PAUSE }, Step::Send(1)]);
    send(&mut stream, 1_000);
    stream.shutdown(Shutdown::Write).expect("connected");
    assert_eq!(receive_all(&mut stream).0, 1);
    assert!(began.elapsed() >= 10 * PAUSE);
    assert_eq!(peer.finish().received, 1_000);
}

#[test]
fn an_urgent_byte_is_out_of_band_unless_kept_inline() {
    const SCRIPT: &Script = &[Step::Receive(1), Step::Send(5), Step::Urgent, Step::Send(5)];
    for (inline, arrives) in [(false, 10), (true, 11)] {
        let (peer, stream) = start(SCRIPT);
        let socket = socket2::Socket::from(stream);
        socket.set_out_of_band_inline(inline).expect("connected");
        let mut stream = TcpStream::from(socket);
        // The peer waits for this byte, so the option is set before anything comes.
        send(&mut stream, 1);
        let (count, wrong, _) = receive_all(&mut stream);
        assert_eq!((count, wrong.is_none()), (arrives, inline));
        assert_eq!(peer.finish().sent, 11);
    }
}

#[test]
fn duplex_sends_while_it_receives() {
    const N: u64 = 16 << 20;
    let (peer, mut stream) = start(&[Step::Duplex { send: N }]);
    thread::scope(|scope| {
        let mut sender = stream.try_clone().expect("a descriptor can be duplicated");
        scope.spawn(move || {
            send(&mut sender, N);
            sender.shutdown(Shutdown::Write).expect("connected");
        });
        assert_eq!(receive_all(&mut stream), (N, None, None));
    });
    let log = peer.finish();
    assert_eq!((log.received, log.sent, log.first_wrong, log.completed), (N, N, None, true));
}

#[test]
fn echo_gives_back_what_came() {
    let (peer, mut stream) = start(&[Step::Echo, Step::Close]);
    send(&mut stream, 1_000);
    stream.shutdown(Shutdown::Write).expect("connected");
    let mut verifier = Verifier::new(pattern_sent_by(&[Step::Echo, Step::Close]));
    io::copy(&mut stream, &mut verifier).expect("no reset");
    assert_eq!((verifier.count(), verifier.first_wrong()), (1_000, None));
    assert!(peer.finish().completed);
}

#[test]
fn hold_ends_when_released() {
    let (peer, mut stream) = start(&[Step::Hold, Step::ReceiveToEof]);
    send(&mut stream, 7);
    drop(stream);
    let log = peer.finish();
    assert_eq!((log.received, log.end(), log.completed), (7, Some(ReceivedEnd::Eof), true));
}

#[test]
fn a_peer_that_nobody_connects_to_ends_when_released() {
    let log = PeerHandle::listen(Bind::TCP4, &[Step::Close]).expect("loopback").finish();
    assert!(!log.connected && !log.completed, "{log:?}");
}

#[test]
fn a_step_cut_short_is_recorded() {
    let (peer, stream) = start(&[Step::Receive(100), Step::Send(5)]);
    drop(stream);
    let log = peer.finish();
    let failure = log.failure.clone().expect("100 bytes never came");
    assert_eq!((failure.step, failure.kind), (Some(0), FailureKind::ConnectionEnded));
    assert_eq!((log.sent, log.completed), (0, false));
}

#[test]
fn packets_cannot_be_dropped_on_loopback() {
    let (peer, mut stream) = start(&[Step::DropPackets]);
    receive_all(&mut stream);
    assert_eq!(peer.finish().failure.map(|failure| failure.kind), Some(FailureKind::Os));
}

#[test]
fn a_peer_on_ipv6() {
    let peer = PeerHandle::listen(Bind::TCP6, &[Step::Send(9)]).expect("IPv6 loopback");
    let address = peer.endpoint().address().expect("TCP");
    let mut stream = TcpStream::connect(address).expect("the peer accepts");
    assert_eq!(receive_all(&mut stream).0, 9);
    assert_eq!(peer.endpoint().to_string(), format!("[::1]:{}", address.port()));
}

#[cfg(unix)]
#[test]
fn a_peer_on_a_unix_socket() {
    const SCRIPT: &Script = &[Step::ReceiveToEof, Step::Send(1_000), Step::AwaitAcknowledged, Step::Close];
    let peer = PeerHandle::listen(Bind::Unix, SCRIPT).expect("a Unix socket");
    let Endpoint::Unix(path) = peer.endpoint().clone() else { panic!("not a path") };
    let mut stream = std::os::unix::net::UnixStream::connect(&path).expect("the peer accepts");
    send(&mut stream, 33);
    stream.shutdown(Shutdown::Write).expect("connected");
    assert_eq!(receive_all(&mut stream), (1_000, None, None));
    let log = peer.finish();
    assert_eq!((log.received, log.completed), (33, true), "{log:?}");
    assert!(!path.exists(), "the socket's directory is removed");
}

#[test]
fn a_peer_that_connects() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
    let mut found = Some(Endpoint::of(listener.local_addr().expect("bound")));
    let mut asked = 0;
    let find = move || {
        asked += 1;
        if asked < 3 { None } else { found.take() }
    };
    let peer = PeerHandle::connect(find, &[Step::Send(10), Step::ShutdownSend, Step::ReceiveToEof])
        .expect("a thread can be had");
    let (mut stream, _) = listener.accept().expect("the peer connects");
    assert_eq!(receive_all(&mut stream), (10, None, None));
    send(&mut stream, 20);
    drop(stream);
    assert_eq!(peer.finish().received, 20);
}
