//! What an exchange does beside moving the bytes: line ends, rates, delays, telnet, taps, one way only, and a FIN held back.

use crate::arms::{BOUND, bounded};
use crate::over::{Over, over_each};
use adieu::exchange::{AtInputEnd, ExchangeOptions, Input, Output, Way, echo_with};
use adieu::{ConnectOptions, Connection, Ending, Limits, LocalEnd, Missing, Report, Side};
use adieu_testkit::scenario::is_wine;
use std::io::{self, Read, Write};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// An exchange of the side that connects, and what the other side does meanwhile.
struct Ran<T> {
    report: Report,
    output: Vec<u8>,
    peer: T,
}

fn ran<T: Send + 'static>(
    over: Over,
    options: ConnectOptions,
    input: Input,
    exchange: ExchangeOptions,
    act: impl FnOnce(Connection) -> T + Send + 'static,
) -> Ran<T> {
    let (ours, peers) = over.pair(options);
    let peer = thread::spawn(move || act(peers));
    let (output, received) = Output::to_vec(None);
    let report = adieu::exchange_with(ours, input, output, exchange);
    Ran { report, output: received.into_vec(), peer: peer.join().expect("no panic") }
}

/// Ends the peer's side at once, and gives what was sent to it.
fn taken(connection: Connection) -> Vec<u8> {
    let (output, received) = Output::to_vec(None);
    let report = adieu::exchange(connection, Input::empty(), output);
    // Wine's table of connections is slow to show what was acknowledged.
    assert!(report.is_graceful() || is_wine(), "{report}");
    received.into_vec()
}

#[test]
fn line_ends_become_crlf_and_are_counted() {
    over_each(|over| {
        let options = ExchangeOptions::new().crlf(true);
        let input = Input::from_bytes("one\ntwo\r\n\nthree");
        let ran = ran(over, ConnectOptions::new(), input, options, taken);
        assert!(ran.report.is_graceful(), "{}", ran.report);
        assert_eq!(ran.peer, b"one\r\ntwo\r\n\r\nthree");
        assert_eq!((ran.report.bytes_read, ran.report.bytes_accepted), (17, 17));
    });
}

#[test]
fn a_long_input_of_lines_is_translated_whole() {
    bounded("lines", || {
        let options = ExchangeOptions::new().crlf(true);
        let input = Input::from_bytes("\n".repeat(300_000));
        let ran = ran(Over::Tcp, ConnectOptions::new(), input, options, taken);
        assert!(ran.report.is_graceful(), "{}", ran.report);
        assert_eq!((ran.peer.len(), ran.peer == "\r\n".repeat(300_000).into_bytes()), (600_000, true));
    });
}

#[test]
fn a_held_fin_comes_after_the_peers() {
    over_each(|over| {
        let options = ExchangeOptions::new().at_input_end(AtInputEnd::AfterPeer);
        let ran = ran(over, ConnectOptions::new(), Input::from_bytes("hello"), options, |mut peer| {
            let mut word = [0; 5];
            peer.read_exact(&mut word).expect("it is sent");
            let silent = peer.read_within(&mut [0; 8], ms(60)).expect("it is open");
            peer.write_all(b"and you").expect("it is taken");
            (word, silent, peer.shutdown_send().expect("it is open").drain())
        });
        let (word, silent, peer) = ran.peer;
        assert_eq!((&word, silent), (b"hello", None), "no end before its own");
        assert!(peer.is_graceful(), "{peer}");
        assert!(ran.report.is_graceful(), "{}", ran.report);
        assert_eq!((ran.report.ended_first, &ran.output[..]), (Some(Side::Peer), &b"and you"[..]));
    });
}

#[test]
fn a_held_fin_comes_when_its_time_is_over() {
    over_each(|over| {
        let options = ExchangeOptions::new().at_input_end(AtInputEnd::After(ms(100)));
        let began = Instant::now();
        let ran = ran(over, ConnectOptions::new(), Input::empty(), options, |mut peer| {
            let n = peer.read(&mut [0; 8]).expect("it ends");
            (n, Instant::now(), peer.shutdown_send().expect("it is open").drain())
        });
        let (n, ended, peer) = ran.peer;
        assert_eq!(n, 0);
        assert!(ended - began >= ms(100) && peer.is_graceful(), "{:?} {peer}", ended - began);
        assert_eq!((ran.report.is_graceful(), ran.report.ended_first), (true, Some(Side::Us)));
    });
}

/// Everything that the input gave was sent, so the close may say that it was all.
#[test]
fn a_limit_that_passes_while_the_fin_is_held_closes_and_does_not_reset() {
    bounded("a limit", || {
        let limits = Limits::new().idle_timeout(ms(100));
        let options = ExchangeOptions::new().at_input_end(AtInputEnd::AfterPeer);
        let connect = ConnectOptions::new().limits(limits);
        let ran = ran(Over::Tcp, connect, Input::from_bytes("hello"), options, |mut peer| {
            let mut all = Vec::new();
            peer.read_to_end(&mut all).map(|_| all).map_err(|error| error.kind())
        });
        assert_eq!(ran.peer, Ok(b"hello".to_vec()));
        assert_eq!((ran.report.ending().name(), ran.report.exit_code()), ("timed_out", 5));
    });
}

#[test]
fn a_limited_rate_holds_both_ways() {
    over_each(|over| {
        let options = ExchangeOptions::new().limit_rate(100_000);
        let input = Input::from_bytes(vec![b'x'; 60_000]);
        let began = Instant::now();
        let ran = ran(over, ConnectOptions::new(), input, options, |peer| {
            let (output, received) = Output::to_vec(None);
            let report = adieu::exchange(peer, Input::from_bytes(vec![b'y'; 60_000]), output);
            (report, received.into_vec().len())
        });
        let took = began.elapsed();
        assert!(ran.report.is_graceful(), "{}", ran.report);
        assert_eq!((ran.peer.1, ran.output.len()), (60_000, 60_000));
        // What the beginning may catch up, and the last piece, are not waited for.
        assert!(took >= ms(290), "{took:?}");
    });
}

/// The pauses are longer than what is allowed to the peer, and that is longer than a busy machine keeps it waiting.
#[test]
fn no_pause_of_ours_is_the_peers_silence_or_the_inputs() {
    let options: [fn() -> ExchangeOptions; 2] = [
        // The first piece is 1 KiB, and takes 2.5 s.
        || ExchangeOptions::new().limit_rate(400),
        || ExchangeOptions::new().line_delay(ms(2300)),
    ];
    std::thread::scope(|scope| {
        for exchange in options {
            for peer_ends_first in [false, true] {
                scope.spawn(move || bounded("pauses", move || pause(exchange(), peer_ends_first)));
            }
        }
    });
}

fn pause(exchange: ExchangeOptions, peer_ends_first: bool) {
    let limits = Limits::new().idle_timeout(ms(1800)).give_up_input_after(ms(1800));
    let mut sent = vec![b'x'; 1023];
    sent.extend_from_slice(b"\ny");
    let connect = ConnectOptions::new().limits(limits);
    let began = Instant::now();
    let input = Input::from_bytes(sent.clone());
    let ran = ran(Over::Tcp, connect, input, exchange, move |mut peer| {
        if peer_ends_first {
            return taken(peer);
        }
        let mut all = Vec::new();
        peer.read_to_end(&mut all).expect("it is whole");
        peer.shutdown_send().expect("it is open").drain();
        all
    });
    assert!(ran.report.is_graceful(), "{}", ran.report);
    assert_eq!(ran.peer, sent);
    assert!(began.elapsed() >= ms(2200), "{:?}", began.elapsed());
}

#[test]
fn a_delay_parts_the_lines() {
    over_each(|over| {
        let options = ExchangeOptions::new().line_delay(ms(150)).crlf(true);
        let began = Instant::now();
        let input = Input::from_bytes("one\ntwo\nrest");
        let ran = ran(over, ConnectOptions::new(), input, options, |mut peer| {
            let mut first = [0; 5];
            peer.read_exact(&mut first).expect("it is sent");
            (first, taken(peer))
        });
        assert!(began.elapsed() >= ms(300), "{:?}", began.elapsed());
        assert!(ran.report.is_graceful(), "{}", ran.report);
        let (first, rest) = ran.peer;
        assert_eq!((&first, &rest[..]), (b"one\r\n", &b"two\r\nrest"[..]));
    });
}

/// The answers go although the input has ended, as long as the FIN is held back.
#[test]
fn telnet_options_are_refused_and_leave_the_data_alone() {
    over_each(|over| {
        let options = ExchangeOptions::new().telnet(true).at_input_end(AtInputEnd::AfterPeer);
        let ran = ran(over, ConnectOptions::new(), Input::from_bytes("in"), options, |mut peer| {
            let mut received = vec![0; 2];
            peer.read_exact(&mut received).expect("it is sent");
            peer.write_all(b"\xff\xfd\x01lo\xff\xfb\x03gin\xff\xff: ").expect("it is taken");
            let mut answers = [0; 6];
            peer.read_exact(&mut answers).expect("it answers");
            (received, answers, peer.shutdown_send().expect("it is open").drain())
        });
        assert!(ran.report.is_graceful(), "{}", ran.report);
        assert_eq!(ran.output, b"login\xff: ");
        let (received, answers, peer) = ran.peer;
        assert_eq!((&received[..], &answers), (&b"in"[..], b"\xff\xfc\x01\xff\xfe\x03"));
        assert!(peer.is_graceful(), "{peer}");
        let Report { bytes_read, bytes_received, bytes_written, bytes_discarded, .. } = ran.report;
        assert_eq!((bytes_read, bytes_received, bytes_written, bytes_discarded), (8, 15, 8, 7));
    });
}

#[test]
fn commands_that_come_after_our_fin_are_dropped() {
    bounded("telnet", || {
        let options = ExchangeOptions::new().telnet(true);
        let ran = ran(Over::Tcp, ConnectOptions::new(), Input::empty(), options, |mut peer| {
            assert_eq!(peer.read(&mut [0; 8]).expect("it ends"), 0);
            peer.write_all(b"\xff\xfd\x01x").expect("it is taken");
            peer.shutdown_send().expect("it is open").drain()
        });
        assert!(ran.report.is_graceful() && ran.peer.is_graceful(), "{}", ran.report);
        assert_eq!((ran.report.bytes_accepted, &ran.output[..]), (0, &b"x"[..]));
    });
}

type Seen = Arc<Mutex<Vec<(Way, Vec<u8>)>>>;

fn tapped() -> (Seen, ExchangeOptions) {
    let seen = Seen::default();
    let here = Arc::clone(&seen);
    let options = ExchangeOptions::new().tap(move |way, bytes| {
        let mut seen = here.lock().expect("no panic");
        match seen.last_mut() {
            Some((last, all)) if *last == way => all.extend_from_slice(bytes),
            _ => seen.push((way, bytes.to_vec())),
        }
        Ok(())
    });
    (seen, options)
}

#[test]
fn a_tap_sees_what_crosses_in_its_order() {
    over_each(|over| {
        let (seen, options) = tapped();
        let (input, mut ours) = std::io::pipe().expect("a pipe");
        let input = Input::from_reader(input).expect("threads are left");
        let ran = ran(over, ConnectOptions::new(), input, options.crlf(true), move |mut peer| {
            peer.write_all(b"220\r\n").expect("it is taken");
            ours.write_all(b"HELO\n").expect("it is read");
            let mut word = [0; 6];
            peer.read_exact(&mut word).expect("it is sent");
            peer.write_all(b"250\r\n").expect("it is taken");
            drop(ours);
            taken(peer)
        });
        assert!(ran.report.is_graceful(), "{}", ran.report);
        let seen = seen.lock().expect("no panic").clone();
        let [to, from] = [Way::ToPeer, Way::FromPeer].map(|way| {
            seen.iter().filter(|(w, _)| *w == way).flat_map(|(_, bytes)| bytes.clone()).collect::<Vec<_>>()
        });
        assert_eq!((&to[..], &from[..]), (&b"HELO\r\n"[..], &b"220\r\n250\r\n"[..]));
        assert_eq!(seen.last(), Some(&(Way::FromPeer, seen.last().expect("some").1.clone())), "its order");
    });
}

#[test]
fn a_tap_that_fails_is_a_failure_of_our_output_and_the_peer_sees_a_reset() {
    bounded("a tap", || {
        let full = || Err(io::Error::from_raw_os_error(if cfg!(windows) { 112 } else { 28 }));
        for way in [Way::ToPeer, Way::FromPeer] {
            let options = ExchangeOptions::new().tap(move |at, _| if at == way { full() } else { Ok(()) });
            let (input, _held_open) = std::io::pipe().expect("a pipe");
            let input = Input::from_reader(Read::chain(&b"hello"[..], input)).expect("threads are left");
            let ran = ran(Over::Tcp, ConnectOptions::new(), input, options, |mut peer| {
                // If it is told of a reset here already, that is what is expected.
                let _ = peer.write_all(b"hello");
                io::copy(&mut peer, &mut io::sink()).map_err(|error| error.kind())
            });
            let failed = Ending::LocalFailure { end: LocalEnd::Output };
            assert_eq!((ran.report.ending(), ran.report.exit_code()), (failed, 7), "{}", ran.report);
            assert!(ran.report.error.is_some(), "the cause is told: {}", ran.report);
            if !adieu_testkit::scenario::is_wine() {
                assert_eq!(ran.peer, Err(io::ErrorKind::ConnectionReset));
            }
        }
    });
}

#[test]
fn an_echo_can_be_tapped() {
    over_each(|over| {
        let (ours, mut peer) = over.pair_by_default();
        let (seen, options) = tapped();
        let echoing = thread::spawn(move || echo_with(ours, options.limit_rate(1_000_000)));
        peer.write_all(b"hello").expect("it is taken");
        let mut back = [0; 5];
        peer.read_exact(&mut back).expect("it comes back");
        let ended = peer.shutdown_send().expect("it is open").drain();
        let report = echoing.join().expect("no panic");
        assert!(report.is_graceful() && ended.is_graceful(), "{report} {ended}");
        let expected = [Way::FromPeer, Way::ToPeer].map(|way| (way, b"hello".to_vec()));
        assert_eq!(*seen.lock().expect("no panic"), expected);
    });
}

#[test]
fn what_is_not_wanted_is_received_and_discarded() {
    over_each(|over| {
        let options = ExchangeOptions::new().send_only();
        let ran = ran(over, ConnectOptions::new(), Input::from_bytes("hello"), options, |peer| {
            let (output, received) = Output::to_vec(None);
            let report = adieu::exchange(peer, Input::from_bytes(vec![b'y'; 500_000]), output);
            (report, received.into_vec())
        });
        assert!(ran.report.is_graceful() && ran.peer.0.is_graceful(), "{}", ran.report);
        assert_eq!((&ran.peer.1[..], &ran.output[..]), (&b"hello"[..], &b""[..]));
        let Report { bytes_received, bytes_written, bytes_discarded, .. } = ran.report;
        assert_eq!((bytes_received, bytes_written, bytes_discarded), (500_000, 0, 500_000));
    });
}

#[test]
fn a_peer_that_never_ends_is_left_once_it_has_acknowledged_everything() {
    bounded("send only", || {
        let options = ExchangeOptions::new().send_only();
        let began = Instant::now();
        let ran = ran(Over::Tcp, ConnectOptions::new(), Input::from_bytes("hello"), options, |mut peer| {
            let mut all = Vec::new();
            peer.read_to_end(&mut all).expect("it is a whole stream");
            // Its end is held back until ours is over.
            let _ = peer.write_all(b"late");
            (all, peer)
        });
        assert_eq!(ran.peer.0, b"hello");
        let missing = Ending::Indeterminate { missing: Missing::PeerEof };
        assert_eq!((ran.report.ending(), ran.report.exit_code()), (missing, 8), "{}", ran.report);
        assert_eq!((ran.report.bytes_acknowledged, ran.report.fin_acknowledged), (Some(5), Some(true)));
        assert!(began.elapsed() >= ms(5000) && began.elapsed() < BOUND, "{:?}", began.elapsed());
    });
}

#[test]
fn who_only_receives_ends_after_the_peer() {
    over_each(|over| {
        let options = ExchangeOptions::new().recv_only();
        let input = Input::from_bytes("never sent");
        let ran = ran(over, ConnectOptions::new(), input, options, |mut peer| {
            let silent = peer.read_within(&mut [0; 8], ms(60)).expect("it is open");
            peer.write_all(b"news").expect("it is taken");
            (silent, peer.shutdown_send().expect("it is open").drain())
        });
        assert_eq!(ran.peer.0, None);
        assert!(ran.report.is_graceful() && ran.peer.1.is_graceful(), "{}", ran.report);
        assert_eq!((ran.report.bytes_read, &ran.output[..]), (0, &b"news"[..]));
    });
}

#[test]
fn so_many_receives_end_both_ways() {
    over_each(|over| {
        for when in [AtInputEnd::HalfClose, AtInputEnd::AfterPeer] {
            // Two pieces are one receive where nobody reads in between.
            let (has_come, wait) = std::sync::mpsc::channel();
            let options =
                ExchangeOptions::new().at_input_end(when).receive_limit(2).tap(move |way, bytes| {
                    if way == Way::FromPeer {
                        let _ = has_come.send(bytes.to_vec());
                    }
                    Ok(())
                });
            // It never ends by itself.
            let (reader, mut writer) = io::pipe().expect("a pipe");
            writer.write_all(b"hello").expect("it has room");
            let ran = ran(
                over,
                ConnectOptions::new(),
                Input::from_reader(reader).expect("an input"),
                options,
                move |mut peer| {
                    let mut five = [0; 5];
                    peer.read_exact(&mut five).expect("it is sent");
                    peer.write_all(b"one").expect("it is taken");
                    assert_eq!(wait.recv().as_deref(), Ok(&b"one"[..]));
                    peer.write_all(b"two").expect("it is taken");
                    let mut rest = Vec::new();
                    peer.read_to_end(&mut rest).expect("it is a whole stream");
                    (five, rest, peer)
                },
            );
            drop(writer);
            assert_eq!((&ran.peer.0, &ran.peer.1[..]), (b"hello", &b""[..]));
            assert_eq!(String::from_utf8_lossy(&ran.output), "onetwo");
            let missing = Ending::Indeterminate { missing: Missing::PeerEof };
            assert_eq!(ran.report.ending(), missing, "{}", ran.report);
        }
    });
}

#[test]
fn the_peers_end_is_a_receive() {
    over_each(|over| {
        let options = ExchangeOptions::new().receive_limit(1);
        let (reader, writer) = io::pipe().expect("a pipe");
        let ran =
            ran(over, ConnectOptions::new(), Input::from_reader(reader).expect("an input"), options, taken);
        drop(writer);
        assert!(ran.report.is_graceful(), "{}", ran.report);
    });
}
