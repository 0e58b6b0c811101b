//! Faults on purpose: each comes at its place, is told, and looks to the two peers as it is meant to.

use super::mixed::Kind;
use super::*;
use adieu::Side;
use adieu::faults::{Fault, Faults, Injected, Planned};
use adieu_testkit::places;
use adieu_testkit::tls::peer::{Address, Peer, Script, Setup as Tls, Step};
use std::io::{self, ErrorKind};
use std::sync::mpsc::Receiver;

/// Where most of the faults here come: beyond a first buffer, and no multiple of one.
const PLACE: u64 = 100_001;

/// Longer than anything takes that is not held up.
const A_WHILE: Duration = Duration::from_millis(60);

/// A client, an upstream program and a relay that has these faults on the way down.
fn with(
    setup: Setup,
    faults: &[Planned],
) -> (TcpStream, TcpStream, JoinHandle<RelayReport>, Receiver<Injected>) {
    let (setup, told) = planned(setup, faults);
    let (client, upstream, relaying) = setup.pair();
    (client, upstream, relaying, told)
}

fn planned(setup: Setup, faults: &[Planned]) -> (Setup, Receiver<Injected>) {
    let (tell, told) = mpsc::channel();
    let faults = Faults::new([], faults.to_vec()).observer(move |injected| {
        let _ = tell.send(*injected);
    });
    (Setup { relay: setup.relay.faults(faults), ..setup }, told)
}

fn at_place(fault: Fault) -> Planned {
    Planned { after_bytes: PLACE, ..Planned::new(fault) }
}

/// One fault came, there.
fn came(told: &Receiver<Injected>, fault: Fault, bytes: u64) {
    let injected = told.recv_timeout(BOUND).expect("it was told");
    assert_eq!((injected.fault, injected.bytes, injected.is_a_to_b), (fault, bytes, false));
    assert!(told.try_recv().is_err(), "once");
}

/// What came before an end or an error.
fn read_all(mut stream: &TcpStream) -> (Vec<u8>, Option<ErrorKind>) {
    let mut bytes = Vec::new();
    let end = stream.read_to_end(&mut bytes).err().map(|error| error.kind());
    (bytes, end)
}

/// It gives nothing, and no end.
fn is_silent(mut stream: &TcpStream) {
    stream.set_read_timeout(Some(A_WHILE)).expect("not zero");
    let error = stream.read(&mut [0]).expect_err("nothing comes");
    assert!(matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{error}");
    stream.set_read_timeout(Some(BOUND)).expect("not zero");
}

fn sends_the_answer(mut upstream: TcpStream) -> JoinHandle<(io::Result<()>, TcpStream)> {
    thread::spawn(move || (upstream.write_all(&answer()), upstream))
}

fn place() -> usize {
    usize::try_from(PLACE).expect("small")
}

#[test]
fn a_false_end_comes_after_its_bytes_and_the_rest_is_thrown_away() {
    on_both(|setup| {
        let (client, upstream, relaying, told) = with(setup, &[at_place(Fault::End)]);
        let serving = sends_the_answer(upstream);
        assert_eq!(read_all(&client), (answer()[..place()].to_vec(), None));
        came(&told, Fault::End, PLACE);
        let (sent, mut upstream) = serving.join().expect("no panic");
        sent.expect("it is taken, though nobody has it");
        // The other direction goes on.
        (&client).write_all(b"thanks").expect("taken");
        upstream.read_exact(&mut [0; 6]).expect("passed on");
        drop((client, upstream));
        let relayed = relaying.join().expect("no panic");
        let down = relayed.b_to_a;
        // If the client has left before everything was thrown away, the upstream is reset as ever.
        assert!(down.bytes_received > PLACE && down.bytes_received <= ALL, "{relayed:?}");
        assert_eq!(down.bytes_accepted, PLACE, "{relayed:?}");
        assert_ne!(down.end, DirectionEnd::Whole, "it is known not to be whole: {relayed:?}");
        assert!(!relayed.is_graceful());
    });
}

#[test]
fn a_reset_comes_after_its_bytes_on_both_sides() {
    on_both(|setup| {
        let (client, upstream, relaying, told) = with(setup, &[at_place(Fault::Reset)]);
        let serving = sends_the_answer(upstream);
        let (got, end) = read_all(&client);
        assert!(got == answer()[..place()], "{} bytes", got.len());
        assert_eq!(end, Some(ErrorKind::ConnectionReset));
        came(&told, Fault::Reset, PLACE);
        let (sent, upstream) = serving.join().expect("no panic");
        assert!(sent.is_err() || read_all(&upstream).1 == Some(ErrorKind::ConnectionReset));
        let relayed = relaying.join().expect("no panic");
        assert_eq!(relayed.b.ending(), Ending::Reset { by: Side::Us }, "{}", relayed.b);
        assert!(is_passed_on(&relayed.a), "{}", relayed.a);
    });
}

#[test]
fn a_reset_comes_at_its_time_although_nothing_moves() {
    on_both(|setup| {
        let planned = Planned { after: A_WHILE, ..Planned::new(Fault::Reset) };
        let (client, upstream, relaying, told) = with(setup, &[planned]);
        for stream in [&client, &upstream] {
            assert_eq!(read_all(stream), (Vec::new(), Some(ErrorKind::ConnectionReset)));
        }
        let injected = told.recv_timeout(BOUND).expect("it was told");
        assert!(injected.after >= A_WHILE, "{injected:?}");
        relaying.join().expect("no panic");
    });
}

#[test]
fn a_stall_holds_everything_up_and_the_end_too() {
    on_both(|setup| {
        let stall = Fault::Stall(Some(2 * A_WHILE));
        let (client, upstream, relaying, told) = with(setup, &[at_place(stall)]);
        let began = Instant::now();
        let serving = sends_the_answer(upstream);
        let closing = thread::spawn(move || drop(serving.join().expect("no panic")));
        assert!(read_all(&client) == (answer(), None));
        assert!(began.elapsed() >= 2 * A_WHILE);
        came(&told, stall, PLACE);
        drop(client);
        closing.join().expect("no panic");
        relaying.join().expect("no panic");
    });
}

/// As if the other side had gone without a word: what it sent is there, and then silence, whatever it does.
#[test]
fn a_stall_for_good_hides_a_reset() {
    on_both(|setup| {
        let (client, mut upstream, relaying, told) =
            with(setup, &[Planned { after_bytes: 5, ..Planned::new(Fault::Stall(None)) }]);
        upstream.write_all(b"hello world").expect("taken");
        (&client).read_exact(&mut [0; 5]).expect("passed on");
        is_silent(&client);
        came(&told, Fault::Stall(None), 5);
        reset(upstream);
        is_silent(&client);
        drop(client);
        let relayed = relaying.join().expect("no panic");
        assert_eq!(relayed.b.ending(), Ending::Reset { by: Side::Peer }, "{}", relayed.b);
    });
}

#[test]
fn an_end_that_is_kept_leaves_the_client_waiting() {
    on_both(|setup| {
        let (client, mut upstream, relaying, told) = with(setup, &[Planned::new(Fault::KeepEnd)]);
        upstream.write_all(b"hello").expect("taken");
        upstream.shutdown(Shutdown::Write).expect("connected");
        (&client).read_exact(&mut [0; 5]).expect("passed on");
        is_silent(&client);
        came(&told, Fault::KeepEnd, 5);
        client.shutdown(Shutdown::Write).expect("connected");
        assert!(bytes_of(&upstream).is_empty(), "the other direction ends as ever");
        drop(upstream);
        assert_eq!(read_all(&client).1, Some(ErrorKind::ConnectionReset), "then there is nobody to wait for");
        assert!(relaying.join().expect("no panic").b.is_graceful());
    });
}

#[test]
fn a_half_open_connection_loses_its_upstream_and_does_not_know() {
    on_both(|setup| {
        let planned = Planned { after_bytes: 5, ..Planned::new(Fault::HalfOpen) };
        let (client, mut upstream, relaying, told) = with(setup, &[planned]);
        upstream.write_all(b"hello").expect("taken");
        (&client).read_exact(&mut [0; 5]).expect("passed on");
        assert_eq!(read_all(&upstream).1, Some(ErrorKind::ConnectionReset));
        is_silent(&client);
        came(&told, Fault::HalfOpen, 5);
        // More than the buffers on the way hold.
        (&client).write_all(&request()).expect("it is taken, by nobody");
        client.shutdown(Shutdown::Write).expect("connected");
        assert_eq!(read_all(&client).1, Some(ErrorKind::ConnectionReset));
        relaying.join().expect("no panic");
    });
}

#[test]
fn a_close_with_bytes_unread_is_an_end_and_a_reset_behind_it() {
    on_both(|setup| {
        let (client, upstream, relaying, told) = with(setup, &[at_place(Fault::UnreadClose)]);
        let serving = sends_the_answer(upstream);
        let (got, end) = read_all(&client);
        assert!(got == answer()[..place()], "{} bytes", got.len());
        assert!(matches!(end, None | Some(ErrorKind::ConnectionReset)), "{end:?}");
        // The reset may be told by the read already.
        let began = Instant::now();
        while end.is_none() && (&client).write_all(b"more").is_ok() {
            assert!(began.elapsed() < BOUND, "no reset comes");
            thread::sleep(Duration::from_millis(1));
        }
        came(&told, Fault::UnreadClose, PLACE);
        let _ = serving.join().expect("no panic");
        assert!(is_passed_on(&relaying.join().expect("no panic").b));
    });
}

#[test]
fn a_tls_stream_is_cut_without_close_notify() {
    const SCRIPT: &Script = &[Step::Handshake, Step::ReceiveToEnd];
    on_both(|setup| {
        let listener = places::listener();
        let (setup, told) = planned(setup, &[at_place(Fault::TlsCut)]);
        let setup = Setup { listen: Kind::Tls.listen(setup.listen.clone()), ..setup };
        let (at, relaying) = setup.start("127.0.0.1:0", listener.local_addr().expect("bound").into());
        let address = at.to_string().parse().expect("an address");
        let peer = Peer::connect(Tls::PLAIN, move || Some(Address::Tcp(address)), SCRIPT).expect("a thread");
        let serving = sends_the_answer(patient(listener.accept().expect("the relay connects").0));
        let log = peer.finish();
        assert_eq!((log.received, log.eof, log.close_notify), (PLACE, true, false), "{log:?}");
        came(&told, Fault::TlsCut, PLACE);
        let _ = serving.join().expect("no panic");
        let relayed = relaying.join().expect("no panic");
        assert!(!relayed.is_graceful(), "{relayed:?}");
    });
}

#[test]
fn a_latency_holds_bytes_and_the_end_back_and_keeps_their_order() {
    on_both(|setup| {
        let latency = Fault::Latency { delay: A_WHILE, jitter: A_WHILE / 2, seed: 7 };
        let (mut client, mut upstream, relaying, told) = with(setup, &[Planned::new(latency)]);
        for turn in 0..3_u8 {
            let began = Instant::now();
            client.write_all(&[turn]).expect("taken");
            upstream.read_exact(&mut [0]).expect("passed on");
            upstream.write_all(&[turn; 3]).expect("taken");
            let mut got = [9; 3];
            client.read_exact(&mut got).expect("passed on");
            assert_eq!(got, [turn; 3]);
            assert!(began.elapsed() >= A_WHILE / 2, "{:?}", began.elapsed());
        }
        came(&told, latency, 0);
        let serving = sends_the_answer(upstream);
        client.shutdown(Shutdown::Write).expect("connected");
        let closing = thread::spawn(move || drop(serving.join().expect("no panic")));
        assert!(read_all(&client) == (answer(), None));
        closing.join().expect("no panic");
        drop(client);
        assert!(relaying.join().expect("no panic").is_graceful());
    });
}

/// What is held back when its source is reset comes first, and then the reset.
#[test]
fn a_latency_holds_a_reset_back_behind_its_bytes() {
    on_both(|setup| {
        let latency = Fault::Latency { delay: A_WHILE, jitter: Duration::ZERO, seed: 0 };
        let (client, mut upstream, relaying, _told) = with(setup, &[Planned::new(latency)]);
        upstream.write_all(&answer()[..50_000]).expect("taken");
        reset(upstream);
        let (got, end) = read_all(&client);
        assert!(got == answer()[..50_000], "{} bytes", got.len());
        assert_eq!(end, Some(ErrorKind::ConnectionReset));
        assert!(is_passed_on(&relaying.join().expect("no panic").a));
    });
}

#[test]
fn a_rate_is_kept_from_its_place_on() {
    on_both(|setup| {
        let planned = Planned { after_bytes: 2_900_000, ..Planned::new(Fault::Rate(500_000)) };
        let (client, upstream, relaying, told) = with(setup, &[planned]);
        let began = Instant::now();
        let serving = sends_the_answer(upstream);
        let closing = thread::spawn(move || drop(serving.join().expect("no panic")));
        assert!(read_all(&client) == (answer(), None));
        // 100 kB of it, less a piece that may pass at once.
        assert!(began.elapsed() >= Duration::from_millis(90), "{:?}", began.elapsed());
        came(&told, planned.fault, 2_900_000);
        closing.join().expect("no panic");
        drop(client);
        assert!(relaying.join().expect("no panic").is_graceful());
    });
}
