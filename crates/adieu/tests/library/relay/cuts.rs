//! Cuts: whatever ends one side of a relay but an end of its stream is a reset of the other, after everything before it.

use super::*;
use adieu::{Event, Interrupt, Limits, Side, Signal, SocketOptions, Timer};
use std::io::ErrorKind;

const BY_PEER: Ending = Ending::Reset { by: Side::Peer };

/// Reads to the end; slowly: a little at a time through a small buffer of the kernel's, if it was set so.
fn read_out(mut stream: &TcpStream) -> (Vec<u8>, Option<ErrorKind>) {
    let mut got = Vec::new();
    let end = stream.read_to_end(&mut got);
    (got, end.err().map(|error| error.kind()))
}

#[test]
fn a_reset_of_either_side_is_passed_on_after_everything_before_it() {
    on_every_way(|setup| {
        for upstream_resets in [true, false] {
            let (client, upstream, relaying) = setup.clone().pair();
            let (mut resetting, reading) =
                if upstream_resets { (upstream, client) } else { (client, upstream) };
            // More than our two kernels hold, so that the reset comes while bytes are under way through the relay.
            let sender = thread::spawn(move || {
                resetting.write_all(&request()).expect("taken");
                reset(resetting);
            });
            let (got, end) = read_out(&reading);
            assert!(got == request(), "{setup:?}: {} of {ALL} bytes came, then {end:?}", got.len());
            assert_eq!(end, Some(ErrorKind::ConnectionReset), "{setup:?}");
            sender.join().expect("no panic");
            check_reset(&relaying.join().expect("no panic"), upstream_resets);
        }
    });
}

/// The one side was reset by its peer after all bytes, and the other by us.
fn check_reset(relayed: &RelayReport, upstream_resets: bool) {
    let (by, to, direction, back) = if upstream_resets {
        (&relayed.b, &relayed.a, relayed.b_to_a, relayed.a_to_b)
    } else {
        (&relayed.a, &relayed.b, relayed.a_to_b, relayed.b_to_a)
    };
    assert_eq!(direction.end, DirectionEnd::CutAtSource { ending: BY_PEER }, "{relayed:?}");
    assert_eq!(back.end, DirectionEnd::CutAtSink { ending: BY_PEER }, "{relayed:?}");
    assert_eq!((direction.bytes_received, direction.bytes_accepted), (ALL, ALL), "{relayed:?}");
    assert_eq!(direction.bytes_acknowledged, Some(ALL), "{relayed:?}");
    assert_eq!(by.ending(), BY_PEER, "{by}");
    assert!(is_passed_on(to), "{to}");
    assert_eq!(to.bytes_acknowledged, Some(ALL), "{to}");
}

/// The sink's program begins to read after the reset, through a small buffer: all that came is still delivered.
#[test]
fn a_reset_waits_for_a_slow_reader() {
    on_every_way(|setup| {
        for upstream_resets in [true, false] {
            let (client, upstream, relaying) = setup.clone().pair_with(|client, upstream| {
                for socket in [client, upstream] {
                    socket.set_recv_buffer_size(4608).expect("a size");
                }
            });
            let (mut resetting, reading) =
                if upstream_resets { (upstream, client) } else { (client, upstream) };
            resetting.write_all(&request()).expect("the relay and our kernels hold as much");
            reset(resetting);
            let (got, end) = read_out(&reading);
            assert!(got == request(), "{setup:?}: {} of {ALL} bytes came, then {end:?}", got.len());
            assert_eq!(end, Some(ErrorKind::ConnectionReset), "{setup:?}");
            check_reset(&relaying.join().expect("no panic"), upstream_resets);
        }
    });
}

/// An echo that cannot send does not read: what nobody takes of it any more is thrown away, or it would never get the rest.
#[test]
fn a_peer_that_cannot_send_is_still_delivered_what_came_before_a_reset() {
    on_every_way(|setup| {
        let small = SocketOptions::new().send_buffer(8192).receive_buffer(8192);
        let setup = Setup {
            listen: setup.listen.socket(small.clone()),
            onward: setup.onward.socket(small),
            relay: setup.relay.buffer_limit(0),
            ..setup
        };
        let (client, upstream, relaying) = setup.clone().pair_with(|client, upstream| {
            for socket in [client, upstream] {
                socket.set_recv_buffer_size(8192).expect("a size");
                socket.set_send_buffer_size(8192).expect("a size");
            }
        });
        let echo = thread::spawn(move || {
            let (mut got, mut buffer) = (Vec::new(), [0; 4096]);
            loop {
                match (&upstream).read(&mut buffer) {
                    Ok(0) => return (got, None),
                    Ok(n) => got.extend_from_slice(&buffer[..n]),
                    Err(error) => return (got, Some(error.kind())),
                }
                let from = got.len().saturating_sub(4096);
                // Once it is reset, the read says so.
                let _ = (&upstream).write_all(&got[from..]);
            }
        });
        // The client never reads, so that after a while nothing moves any more.
        let all = request();
        let sent = fill_up(&client, &all);
        let taken = sent - usize::try_from(unacknowledged(&client)).expect("less than was sent");
        reset_now(client);
        let (got, end) = echo.join().expect("no panic");
        assert!(got.len() >= taken, "{setup:?}: {} of {taken} bytes", got.len());
        assert!(got == all[..got.len()], "{setup:?}");
        let relayed = relaying.join().expect("no panic");
        assert_eq!(relayed.a_to_b.bytes_acknowledged, Some(got.len() as u64), "{setup:?}: {relayed:?}");
        assert!(is_passed_on(&relayed.b), "{setup:?}: {end:?} {}", relayed.b);
    });
}

/// A server that answers before it has read everything, and closes: its system resets.
#[test]
fn an_early_answer_reaches_a_client_that_is_still_sending() {
    on_every_way(|setup| {
        let (client, mut upstream, relaying) = setup.clone().pair();
        let uploading = client.try_clone().expect("a descriptor");
        let upload = thread::spawn(move || {
            let piece = vec![7; 100_000];
            while (&uploading).write_all(&piece).is_ok() {}
        });
        upstream.read_exact(&mut [0; 1000]).expect("the client sends");
        upstream.write_all(&answer()).expect("taken");
        upstream.shutdown(Shutdown::Write).expect("connected");
        while unacknowledged(&upstream) > 0 {
            thread::sleep(Duration::from_millis(1));
        }
        // With bytes unread.
        drop(upstream);
        // The reset may be told to the call that sends, and then this one reads an end.
        let (got, _) = read_out(&client);
        assert!(got == answer(), "{setup:?}: {} bytes", got.len());
        upload.join().expect("no panic");
        let relayed = relaying.join().expect("no panic");
        assert_eq!(relayed.b.ending(), BY_PEER, "{setup:?}: {}", relayed.b);
        assert!(is_passed_on(&relayed.a), "{setup:?}: {}", relayed.a);
        assert_eq!(relayed.a_to_b.end, DirectionEnd::CutAtSink { ending: BY_PEER }, "{relayed:?}");
        assert_eq!(relayed.b_to_a.bytes_acknowledged, Some(ALL), "{relayed:?}");
    });
}

/// What is held for a side that is gone can never be sent, and must not keep the relay from what it waits for.
#[test]
fn a_relay_ends_that_holds_bytes_for_a_side_that_is_gone() {
    on_every_way(|setup| {
        let (client, mut upstream, relaying) = setup.pair();
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
        reset(upstream);
        assert_eq!(client.join().expect("it does not panic"), 7_500_000);
        let relayed = relaying.join().expect("it does not panic");
        assert_eq!(relayed.a_to_b.end, DirectionEnd::CutAtSink { ending: BY_PEER }, "{relayed:?}");
        assert_eq!(relayed.b_to_a.end, DirectionEnd::CutAtSource { ending: BY_PEER }, "{relayed:?}");
    });
}

/// Both streams have ended, and the one who is still to be given bytes goes away.
#[test]
fn a_relay_ends_if_a_side_goes_that_had_ended_before_it_had_taken_everything() {
    on_every_way(|setup| {
        for server_first in [true, false] {
            let (client, upstream, relaying) = setup.clone().pair_with(|client, _| {
                client.set_recv_buffer_size(4608).expect("a size");
            });
            let (tell, told) = mpsc::channel();
            let serving = thread::spawn(move || {
                let before = if server_first { Vec::new() } else { bytes_of_any(&upstream) };
                (&upstream).write_all(&answer()).expect("the relay takes it");
                upstream.shutdown(Shutdown::Write).expect("connected");
                tell.send(()).expect("the client waits");
                (if server_first { bytes_of_any(&upstream) } else { before }, upstream)
            });
            if server_first {
                told.recv().expect("it sends");
            }
            (&client).write_all(b"request").expect("taken");
            client.shutdown(Shutdown::Write).expect("connected");
            if !server_first {
                told.recv().expect("it sends");
            }
            (&client).read_exact(&mut [0; 10]).expect("it answers");
            reset(client);
            let (request, upstream) = serving.join().expect("no panic");
            assert_eq!(request, b"request", "{setup:?}");
            let relayed = relaying.join().expect("no panic");
            drop(upstream);
            assert_eq!(relayed.a.ending(), BY_PEER, "{setup:?}: {}", relayed.a);
            assert_eq!(
                relayed.b_to_a.end,
                DirectionEnd::CutAtSink { ending: BY_PEER },
                "{setup:?}: {relayed:?}"
            );
        }
    });
}

/// Whatever came before an end or a reset.
fn bytes_of_any(mut stream: &TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes);
    bytes
}

#[test]
fn silence_on_both_sides_ends_a_relay_and_both_see_a_reset() {
    on_both(|setup| {
        let limit = Duration::from_millis(80);
        let setup = Setup { relay: setup.relay.idle_timeout(limit), ..setup };
        let (client, upstream, relaying) = setup.clone().pair();
        let began = Instant::now();
        for stream in [&client, &upstream] {
            assert_eq!(read_out(stream), (Vec::new(), Some(ErrorKind::ConnectionReset)), "{setup:?}");
        }
        assert!(began.elapsed() >= limit / 2, "{:?}", began.elapsed());
        let relayed = relaying.join().expect("no panic");
        let idle = Ending::TimedOut { timer: Timer::Idle };
        let endings = [relayed.a.ending(), relayed.b.ending()];
        assert!(endings.contains(&idle), "{relayed:?}");
        for report in [&relayed.a, &relayed.b] {
            assert!(report.ending() == idle || is_passed_on(report), "{report}");
        }
    });
}

/// A connection's own time limit is a cut of that connection: what came before it is delivered to the other side.
#[test]
fn a_deadline_of_one_side_is_passed_on_after_what_came_before_it() {
    on_both_at_once(|setup| {
        // Long enough for a busy machine to begin.
        let limits = Limits::new().deadline(Duration::from_secs(2));
        let setup = Setup { onward: setup.onward.limits(limits), ..setup };
        let (client, upstream, relaying) = setup.clone().pair();
        (&upstream).write_all(&vec![3; 20_000]).expect("taken");
        assert_eq!(read_out(&client), (vec![3; 20_000], Some(ErrorKind::ConnectionReset)), "{setup:?}");
        let relayed = relaying.join().expect("no panic");
        let ending = Ending::TimedOut { timer: Timer::Deadline };
        assert_eq!(relayed.b.ending(), ending, "{setup:?}: {}", relayed.b);
        assert!(is_passed_on(&relayed.a), "{setup:?}: {}", relayed.a);
        assert_eq!(relayed.b_to_a.end, DirectionEnd::CutAtSource { ending }, "{relayed:?}");
        assert_eq!(relayed.a_to_b.end, DirectionEnd::CutAtSink { ending }, "{relayed:?}");
    });
}

/// One that is half-closed has a bound too, which is no end.
#[test]
fn a_half_open_relay_is_given_up_where_that_is_asked_for() {
    on_both(|setup| {
        for is_end in [true, false] {
            let silence = Duration::from_millis(50);
            let limits = Limits::new();
            let limits =
                if is_end { limits.input_grace(silence) } else { limits.give_up_input_after(silence) };
            let setup = Setup { listen: setup.listen.clone().limits(limits), ..setup.clone() };
            let (client, upstream, relaying) = setup.clone().pair();
            client.shutdown(Shutdown::Write).expect("connected");
            assert_eq!(bytes_of(&upstream), b"", "the half-close is passed on");
            assert_eq!(read_out(&client), (Vec::new(), Some(ErrorKind::ConnectionReset)), "{setup:?}");
            let relayed = relaying.join().expect("no panic");
            let ending = Ending::TimedOut { timer: adieu::Timer::HalfOpen };
            assert_eq!(relayed.a.ending(), ending, "{setup:?}: {}", relayed.a);
            assert!(is_passed_on(&relayed.b), "{setup:?}: {}", relayed.b);
            assert_eq!(relayed.a_to_b.end, DirectionEnd::Whole, "{relayed:?}");
            assert_eq!(relayed.b_to_a.end, DirectionEnd::CutAtSink { ending }, "{relayed:?}");
        }
    });
}

#[test]
fn an_interrupt_ends_both_sides_with_a_reset() {
    on_both(|setup| {
        let interrupt = Interrupt::new().expect("descriptors are left");
        let setup = Setup {
            listen: setup.listen.interrupt(&interrupt),
            onward: setup.onward.interrupt(&interrupt),
            ..setup
        };
        let (client, upstream, relaying) = setup.clone().pair();
        (&client).write_all(b"one word").expect("taken");
        (&upstream).read_exact(&mut [0; 8]).expect("passed on");
        interrupt.raise(Signal::Terminate);
        for stream in [&client, &upstream] {
            assert_eq!(read_out(stream), (Vec::new(), Some(ErrorKind::ConnectionReset)), "{setup:?}");
        }
        let relayed = relaying.join().expect("no panic");
        let ending = Ending::Interrupted { signal: Signal::Terminate };
        assert_eq!((relayed.a.ending(), relayed.b.ending()), (ending, ending), "{setup:?}");
        for direction in [relayed.a_to_b, relayed.b_to_a] {
            assert_eq!(direction.end, DirectionEnd::CutAtSource { ending });
        }
    });
}

/// One interrupt of both sides is raised between the looks at the one and at the other: it is the ending of both all the same.
#[test]
fn an_interrupt_between_two_looks_is_the_ending_of_both_sides() {
    on_both(|setup| {
        let interrupt = Interrupt::new().expect("descriptors are left");
        let raised = interrupt.clone();
        let listen = setup.listen.interrupt(&interrupt).observer(move |_, event| {
            // The client's side has been looked at, and the upstream side has not.
            if matches!(event, Event::ShutdownSend { .. }) {
                raised.raise(Signal::Terminate);
            }
        });
        let setup = Setup { listen, onward: setup.onward.interrupt(&interrupt), ..setup };
        let (client, upstream, relaying) = setup.pair();
        upstream.shutdown(Shutdown::Write).expect("connected");
        let relayed = relaying.join().expect("no panic");
        let ending = Ending::Interrupted { signal: Signal::Terminate };
        assert_eq!((relayed.a.ending(), relayed.b.ending()), (ending, ending));
        drop(client);
    });
}

/// The upstream program has closed before the client's bytes come, which shows by the reset that answers them. The client had ended
/// its stream: with the upstream's end it would take everything for delivered.
#[test]
fn an_upstream_that_closed_before_the_request_came_is_a_reset_for_a_client_that_has_ended() {
    on_both(|setup| {
        let listener = places::listener();
        let (place, relaying) = setup.start("127.0.0.1:0", listener.local_addr().expect("bound").into());
        let place: std::net::SocketAddr = place.to_string().parse().expect("an address");
        let mut client = patient(TcpStream::connect(place).expect("it listens"));
        client.write_all(b"hi").expect("there is room");
        client.shutdown(Shutdown::Write).expect("it is open");
        // The listener's queue takes what the relay sends, so the program is not there yet, as far as it knows.
        let (mut upstream, _) = listener.accept().expect("the relay connects");
        upstream.write_all(b"early").expect("there is room");
        drop(upstream);
        let mut answer = Vec::new();
        let ended = client.read_to_end(&mut answer);
        let report = relaying.join().expect("it does not panic");
        assert_eq!(answer, b"early", "{report}");
        assert_eq!(ended.is_err(), !report.is_graceful(), "the client sees what became of it: {report}");
    });
}
