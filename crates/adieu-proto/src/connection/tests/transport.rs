//! A stream that is carried in something else, TLS: it has an end of its own, owes octets, and can be broken.

use super::*;

#[test]
fn a_stream_without_its_end_mark_is_truncated() {
    let mut c = half_closed(Config { end_mark: true, ..Config::default() });
    c.handle_eof(ms(3));
    assert_eq!(finish(&mut c, ms(3), clear(0)).ending, Ending::Truncated);
    let mut c = half_closed(Config { end_mark: true, ..Config::default() });
    c.handle_end_mark();
    c.handle_eof(ms(3));
    assert_eq!(finish(&mut c, ms(3), clear(0)).ending, Ending::Graceful);
}

#[test]
fn a_reset_after_an_eof_without_the_end_mark_is_a_truncation_still() {
    let cut = |end_mark: bool, is_marked: bool| {
        let mut c = Connection::new(Config { end_mark, ..Config::default() });
        c.handle_connected(ms(1));
        c.handle_input(5);
        c.handle_eof(ms(2));
        if is_marked {
            c.handle_end_mark();
        }
        c.handle_fault(ms(3), Fault { call: Call::Send, ..RESET });
        let outcome = finish(&mut c, ms(3), clear(0));
        assert_eq!((outcome.phase, outcome.evidence.fault.is_some()), (Phase::Sending, true));
        outcome.ending
    };
    assert_eq!(cut(true, false), Ending::Truncated);
    assert_eq!(cut(true, true), Ending::Reset { by: Side::Peer });
    assert_eq!(cut(false, false), Ending::Reset { by: Side::Peer });
    // The other way round EOF proves nothing.
    let mut c = half_closed(Config { end_mark: true, ..Config::default() });
    c.handle_fault(ms(3), RESET);
    c.handle_eof(ms(3));
    assert_eq!(finish(&mut c, ms(3), clear(0)).ending, Ending::Reset { by: Side::Peer });
}

#[test]
fn an_alert_that_stood_before_the_reset_is_the_cause_although_a_send_was_told_first() {
    let alert = Fault { call: Call::Receive, kind: FaultKind::Protocol, code: None };
    let mut c = Connection::new(Config::default());
    c.handle_connected(ms(1));
    c.handle_fault(ms(2), Fault { call: Call::Send, ..RESET });
    assert!(c.wants().receive && !c.is_decided());
    c.handle_fault(ms(2), alert);
    let outcome = finish(&mut c, ms(2), clear(0));
    assert_eq!((outcome.ending, outcome.evidence.fault), (Ending::Truncated, Some(alert)));
    // But nothing stands behind a reset that a receive has told.
    let mut c = Connection::new(Config::default());
    c.handle_connected(ms(1));
    c.handle_fault(ms(2), RESET);
    c.handle_fault(ms(2), alert);
    assert_eq!(finish(&mut c, ms(2), clear(0)).ending, Ending::Reset { by: Side::Peer });
}

#[test]
fn a_stream_that_ends_inside_its_transport_waits_for_the_transports_eof() {
    let mut c = half_closed(Config::default());
    c.handle_stream_end(ms(3));
    assert!(c.peer_has_ended() && c.wants().receive && !c.wants().acknowledgement);
    assert_eq!((c.phase(), c.poll_action()), (Phase::Closing, None));
    c.handle_eof(ms(4));
    assert_eq!(finish(&mut c, ms(4), clear(0)).ending, Ending::Graceful);
    assert_eq!((c.milestones().stream_end, c.milestones().peer_eof), (Some(ms(3)), Some(ms(4))));
}

#[test]
fn a_transport_that_stays_open_after_both_streams_have_ended_is_waited_for_so_long() {
    let mut c = half_closed(Config { dead_peer: None, ..Config::default() });
    c.handle_stream_end(ms(3));
    c.handle_waiting(ms(3), Waiting { receive: true, ..Waiting::default() });
    let at = ms(3) + Config::EOF_GRACE;
    assert_eq!(c.poll_timeout(), Some(at));
    c.handle_timeout(at);
    assert!(!c.is_decided(), "the socket was not asked since");
    c.handle_waiting(at, Waiting { receive: true, ..Waiting::default() });
    c.handle_timeout(at);
    assert_eq!(finish(&mut c, at, clear(0)).ending, Ending::Indeterminate { missing: Missing::PeerEof });
}

#[test]
fn a_slow_way_is_given_more_time_for_the_transports_eof() {
    for (answer_within, grace) in
        [(None, 5000), (Some(200), 5000), (Some(1800), 14_400), (Some(9000), 30_000)]
    {
        let mut c = half_closed(Config::default());
        c.handle_stream_end(ms(3));
        c.handle_waiting(ms(3), RECEIVING);
        let path = Path { answer_within: answer_within.map(ms), ..Path::default() };
        let mut turns = 0..1000;
        let end = loop {
            turns.next().expect("it ends");
            let at = c.poll_timeout().expect("the EOF is waited for so long");
            time_out(&mut c, at, RECEIVING);
            assert_eq!(c.poll_action(), Some(Action::Sample), "the way is measured first");
            c.handle_sample(at, Sample { path, ..clear(0) });
            if c.is_decided() {
                break at;
            }
            c.handle_waiting(at, RECEIVING);
        };
        assert_eq!(end, ms(3 + grace), "{answer_within:?}");
        let ending = finish(&mut c, end, clear(0)).ending;
        assert_eq!(ending, Ending::Indeterminate { missing: Missing::PeerEof });
    }
}

#[test]
fn a_reset_after_the_streams_end_is_a_reset() {
    let mut c = half_closed(Config::default());
    c.handle_stream_end(ms(3));
    c.handle_fault(ms(4), RESET);
    let outcome = finish(&mut c, ms(4), clear(0));
    assert_eq!((outcome.ending, outcome.phase), (Ending::Reset { by: Side::Peer }, Phase::Closing));
}

#[test]
fn the_sending_side_is_not_shut_down_while_the_transport_owes_something() {
    let mut c = Connection::new(Config::default());
    c.handle_connected(ms(1));
    assert!(!c.is_about_to_shut_down());
    c.handle_input_eof();
    assert!(c.is_about_to_shut_down());
    c.handle_owed(true);
    assert!(c.wants().send && !c.is_about_to_shut_down());
    assert_eq!(c.poll_action(), None);
    c.handle_owed(false);
    assert!(!c.wants().send);
    assert_eq!(c.poll_action(), Some(Action::ShutdownSend));
}

#[test]
fn the_end_of_the_stream_is_told_once_and_not_after_a_fault() {
    let mut c = half_closed(Config::default());
    assert!(!c.peer_has_ended());
    c.handle_stream_end(ms(3));
    c.handle_stream_end(ms(4));
    assert_eq!((c.milestones().stream_end, c.peer_has_ended()), (Some(ms(3)), true));

    let mut c = half_closed(Config::default());
    c.handle_eof(ms(3));
    c.handle_stream_end(ms(4));
    assert_eq!((c.milestones().stream_end, c.phase()), (None, Phase::Closing));

    let mut c = Connection::new(Config::default());
    c.handle_connected(ms(1));
    c.handle_fault(ms(2), Fault { call: Call::Send, ..RESET });
    c.handle_stream_end(ms(3));
    assert_eq!((c.milestones().stream_end, c.peer_has_ended()), (None, false));
    assert_eq!(c.ended_first(), None);
    c.handle_eof(ms(3));
    assert!(!c.peer_has_ended(), "an EOF after a fault proves nothing");
}

#[test]
fn who_ends_its_stream_first_is_known_before_the_transport_ends() {
    let mut c = Connection::new(Config::default());
    c.handle_connected(ms(1));
    c.handle_stream_end(ms(2));
    assert_eq!(c.ended_first(), Some(Side::Peer));
    c.handle_input_eof();
    assert_eq!(c.poll_action(), Some(Action::ShutdownSend));
    c.handle_shutdown(ms(3), Ok(()));
    assert_eq!((c.ended_first(), c.peer_ended_after_us()), (Some(Side::Peer), Some(false)));
}

#[test]
fn a_record_that_is_cut_makes_a_truncation_of_an_eof_that_would_do_otherwise() {
    let mut c = half_closed(Config::default());
    c.handle_missing_end_mark();
    assert!(!c.is_cut(), "it has not ended");
    c.handle_eof(ms(3));
    assert!(c.is_cut());
    assert_eq!(end(&mut c, ms(3)), (Ending::Truncated, Phase::Closing, Action::Close));
    assert_eq!(c.evidence().end_mark, Some(false));

    // After the mark nothing is cut.
    let mut c = half_closed(Config { end_mark: true, ..Config::default() });
    c.handle_end_mark();
    c.handle_missing_end_mark();
    c.handle_eof(ms(3));
    assert!(!c.is_cut());
    assert_eq!(end(&mut c, ms(3)).0, Ending::Graceful);

    // A stream without a mark of its own has none to be seen.
    let mut c = half_closed(Config::default());
    c.handle_end_mark();
    assert_eq!(c.evidence().end_mark, None);
}

#[test]
fn a_broken_record_is_a_truncation_after_what_came_before_it_is_handed_on() {
    let mut c = half_closed(Config::default());
    c.handle_received(ms(3), 5);
    c.handle_fault(ms(3), Fault { call: Call::Receive, kind: FaultKind::Protocol, code: None });
    assert_eq!((c.poll_action(), c.wants()), (None, Wants::default()));
    c.handle_output(ms(4), 5);
    assert_eq!(end(&mut c, ms(4)), (Ending::Truncated, Phase::Draining, Action::Close));

    let mut c = halves(Config::default(), false, false);
    c.handle_fault(ms(3), Fault { call: Call::Receive, kind: FaultKind::Protocol, code: None });
    assert_eq!(end(&mut c, ms(3)), (Ending::Truncated, Phase::Sending, Action::Abort));
}

#[test]
fn what_is_owed_once_the_shutdown_is_under_way_comes_too_late() {
    let mut c = Connection::new(Config::default());
    c.handle_connected(ms(1));
    c.handle_owed(true);
    assert_eq!(c.wants(), Wants { receive: true, send: true, input: true, acknowledgement: false });
    c.handle_owed(false);
    c.handle_input_eof();
    assert_eq!(c.poll_action(), Some(Action::ShutdownSend));
    c.handle_owed(true);
    assert!(!c.wants().send);
    c.handle_shutdown(ms(2), Ok(()));
    assert_eq!(c.wants(), Wants { receive: true, ..Wants::default() });
}

#[test]
fn an_abort_waits_until_what_the_transport_owes_is_sent() {
    let mut c = halves(Config::default(), false, false);
    c.handle_owed(true);
    c.handle_input_failed(ms(2), None);
    assert!(c.is_leaving() && c.wants().send);
    assert_eq!(c.poll_action(), None);
    c.handle_owed(false);
    assert!(!c.wants().send);
    assert_eq!(c.poll_action(), Some(Action::Sample));
    c.handle_sample(ms(3), clear(0));
    assert_eq!(c.poll_action(), Some(Action::Abort));
}

/// Both streams have ended, our end at 2 ms; the peer's EOF came at 3 ms.
fn both_ended(config: Config) -> Connection {
    let mut c = half_closed(config);
    c.handle_stream_end(ms(3));
    c.handle_end_mark();
    c.handle_eof(ms(3));
    c
}

/// After a reset: what is unacknowledged, how long ago the peer's TCP was heard, and how long an answer of it takes at least.
fn reset(unacknowledged: Unacknowledged, last_heard: Option<Time>, answer_after: Option<Time>) -> Sample {
    let path = Path { last_heard, answer_after, ..Path::default() };
    let socket_error = SocketError::Fault(Fault { call: Call::SocketError, ..RESET });
    Sample { unacknowledged, path, socket_error }
}

const ANSWERED: Option<Time> = Some(ms(5));

#[test]
fn a_reset_that_answers_our_end_alone_is_no_reset() {
    let marked = || Config { end_mark: true, ..Config::default() };
    for kind in [FaultKind::Reset, FaultKind::BrokenPipe] {
        let mut c = both_ended(marked());
        let mut look = reset(Unacknowledged::End, Some(ms(8)), ANSWERED);
        look.socket_error = SocketError::Fault(Fault { call: Call::SocketError, kind, code: None });
        assert_eq!(c.poll_action(), Some(Action::Sample));
        c.handle_sample(ms(7), look);
        assert_eq!(c.poll_action(), Some(Action::Close), "nothing more is to be learnt");
        c.handle_closed(ms(8));
        let outcome = c.outcome().expect("it is closed");
        assert_eq!((outcome.ending, outcome.phase), (Ending::Graceful, Phase::Closing));
        let expected = Evidence {
            eof: true,
            socket_error_clear: Some(false),
            unacknowledged: Some(0),
            fin_acknowledged: Some(false),
            end_mark: Some(true),
            end_refused: true,
            ..Evidence::default()
        };
        assert_eq!(outcome.evidence, expected);
    }
    // An EOF that may stand for the mark.
    let mut c = half_closed(Config::default());
    c.handle_eof(ms(3));
    let outcome = finish(&mut c, ms(9), reset(Unacknowledged::End, Some(ms(0)), None));
    assert_eq!((outcome.ending, outcome.evidence.end_refused), (Ending::Graceful, true));
}

#[test]
fn a_reset_that_may_have_another_reason_stays_one() {
    use Unacknowledged::{End, Octets, Uncounted, Unknown};
    let heard = Some(ms(60_000));
    // Bytes of ours are missing, some of our end was taken, nobody can tell; it came before an answer can; nobody has heard the
    // peer's TCP for long, or can tell.
    for (at, look) in [
        (7, reset(Octets(2), heard, ANSWERED)),
        (7, reset(Octets(1), heard, ANSWERED)),
        (7, reset(Octets(0), heard, ANSWERED)),
        (7, reset(Uncounted, heard, ANSWERED)),
        (7, reset(Unknown, heard, ANSWERED)),
        (5, reset(End, heard, ANSWERED)),
        (7, reset(End, Some(ms(60_001)), ANSWERED)),
        (7, reset(End, None, ANSWERED)),
    ] {
        let mut c = both_ended(Config { end_mark: true, ..Config::default() });
        assert_eq!(c.poll_action(), Some(Action::Sample));
        c.handle_sample(ms(at), look);
        let outcome = finish(&mut c, ms(20_000), reset(End, heard, ANSWERED));
        assert_eq!(outcome.ending, Ending::Reset { by: Side::Peer }, "{look:?} at {at}");
        assert!(!outcome.evidence.end_refused);
    }
    // At the very moment, give or take what clocks are worth.
    let mut c = both_ended(Config { end_mark: true, ..Config::default() });
    assert_eq!(finish(&mut c, ms(6), reset(End, heard, ANSWERED)).ending, Ending::Graceful);
}

#[test]
fn only_a_peer_that_has_ended_refuses_our_end() {
    let look = reset(Unacknowledged::End, Some(ms(0)), None);
    // Its EOF is missing: a peer that left our bytes unread closes like this.
    let mut c = half_closed(Config { end_mark: true, ..Config::default() });
    c.handle_stream_end(ms(3));
    c.handle_end_mark();
    c.request_sample();
    assert_eq!(c.poll_action(), Some(Action::Sample));
    c.handle_sample(ms(9), look);
    c.handle_eof(ms(9));
    assert_eq!(finish(&mut c, ms(9), look).ending, Ending::Reset { by: Side::Peer });
    // Its mark is missing.
    let mut c = half_closed(Config { end_mark: true, ..Config::default() });
    c.handle_eof(ms(3));
    assert_eq!(finish(&mut c, ms(9), look).ending, Ending::Truncated);
    // Our end is not sent, or could not be.
    let mut c = halves(Config::default(), true, false);
    c.request_sample();
    assert_eq!(c.poll_action(), Some(Action::Sample));
    c.handle_sample(ms(9), look);
    assert_eq!(finish(&mut c, ms(9), look).ending, Ending::Reset { by: Side::Peer });
    let mut c = halves(Config::default(), true, false);
    c.handle_input_eof();
    assert_eq!(c.poll_action(), Some(Action::ShutdownSend));
    let refused = Fault { call: Call::Shutdown, kind: FaultKind::NotConnected, code: None };
    c.handle_shutdown(ms(4), Err(refused));
    assert_eq!(finish(&mut c, ms(9), look).ending, Ending::Reset { by: Side::Peer });
    // What our kernel gave up, or a timeout, is no answer.
    let mut c = both_ended(Config::default());
    let fault = Fault { call: Call::SocketError, kind: FaultKind::TimedOut, code: None };
    let given_up = Sample { socket_error: SocketError::Fault(fault), ..look };
    assert_eq!(finish(&mut c, ms(9), given_up).ending, Ending::TimedOut { timer: Timer::Kernel });
}

#[test]
fn an_end_that_was_refused_stays_so_until_the_program_closes() {
    let mut c = Connection::new(Config::default());
    c.hold();
    c.handle_connected(ms(1));
    c.handle_input_eof();
    assert_eq!(c.poll_action(), Some(Action::ShutdownSend));
    c.handle_shutdown(ms(2), Ok(()));
    c.handle_stream_end(ms(3));
    c.handle_eof(ms(3));
    c.request_sample();
    assert_eq!(c.poll_action(), Some(Action::Sample));
    c.handle_sample(ms(4), reset(Unacknowledged::End, Some(ms(0)), None));
    assert_eq!((c.poll_action(), c.is_decided()), (None, false));
    c.handle_close(ms(90_000));
    // The error is told once. Then the system takes it for a connection that is over in order.
    let outcome = finish(&mut c, ms(90_000), clear(0));
    assert_eq!((outcome.ending, outcome.evidence.fin_acknowledged), (Ending::Graceful, Some(false)));
}

#[test]
fn our_end_waits_for_the_eof_of_a_peer_that_has_ended_its_stream() {
    let holding = || {
        let mut c = Connection::new(Config { end_hold: Some(ms(20)), dead_peer: None, ..Config::default() });
        c.handle_connected(ms(1));
        c.handle_stream_end(ms(3));
        assert_eq!(c.poll_timeout(), None, "our input has not ended");
        c.handle_input_eof();
        assert_eq!((c.poll_action(), c.is_about_to_shut_down()), (None, false));
        assert_eq!(c.poll_timeout(), Some(ms(23)));
        c
    };
    let mut c = holding();
    c.handle_eof(ms(4));
    assert!(c.is_about_to_shut_down());
    assert_eq!((c.poll_timeout(), c.poll_action()), (None, Some(Action::ShutdownSend)));

    let mut c = holding();
    c.handle_timeout(ms(22));
    assert_eq!(c.poll_action(), None);
    c.handle_timeout(ms(23));
    assert_eq!((c.poll_timeout(), c.poll_action()), (None, Some(Action::ShutdownSend)));

    let mut c = holding();
    c.handle_fault(ms(4), RESET);
    assert_eq!(end(&mut c, ms(4)).0, Ending::Reset { by: Side::Peer });
}

#[test]
fn our_end_does_not_wait_once_it_is_released() {
    for ended_before in [true, false] {
        let mut c = Connection::new(Config { end_hold: Some(ms(20)), ..Config::default() });
        c.handle_connected(ms(1));
        if ended_before {
            c.handle_stream_end(ms(3));
        }
        c.release_end();
        if !ended_before {
            c.handle_stream_end(ms(3));
        }
        c.handle_input_eof();
        assert_eq!(c.poll_action(), Some(Action::ShutdownSend));
    }
}
