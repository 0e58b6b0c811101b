//! The machine by itself, one input at a time, in virtual time.

mod deadlines;
mod faults;
mod held;
mod promises;
mod quiet;
mod relayed;
mod silence;
mod situation;
mod transport;

use super::*;
use crate::{Asking, InputGrace, InputSilence, Milestones, Outcome, Path, Unacknowledged, Waiting, Wants};
use core::time::Duration;

const fn ms(n: u64) -> Time {
    Duration::from_millis(n)
}

const RESET: Fault = Fault { call: Call::Receive, kind: FaultKind::Reset, code: Some(104) };

fn sample(octets: u64, socket_error: SocketError) -> Sample {
    Sample { unacknowledged: Unacknowledged::Octets(octets), path: Path::default(), socket_error }
}

fn clear(octets: u64) -> Sample {
    sample(octets, SocketError::Clear)
}

/// Connected at 1 ms, 14 bytes sent, shut down at 2 ms.
fn half_closed(config: Config) -> Connection {
    let mut c = Connection::new(config);
    c.handle_connected(ms(1));
    c.handle_input(14);
    c.handle_accepted(ms(1), 14);
    c.handle_input_eof();
    assert_eq!(c.poll_action(), Some(Action::ShutdownSend));
    c.handle_shutdown(ms(2), Ok(()));
    c
}

fn finish(c: &mut Connection, now: Time, last: Sample) -> Outcome {
    for _ in 0..8 {
        match c.poll_action() {
            Some(Action::Sample) => c.handle_sample(now, last),
            Some(Action::Close | Action::Abort) => c.handle_closed(now),
            other => panic!("{other:?} on the way to the close"),
        }
        if let Some(outcome) = c.outcome() {
            return outcome;
        }
    }
    panic!("it does not end");
}

/// The timer has come, and everything was tried once more.
fn time_out(c: &mut Connection, now: Time, waiting: Waiting) {
    c.handle_timeout(now);
    c.handle_waiting(now, waiting);
    c.handle_timeout(now);
}

const RECEIVING: Waiting = Waiting {
    receive: true,
    send: false,
    input: false,
    pausing: false,
    output: false,
    acknowledgement: false,
};

fn idle_of(config_ms: u64) -> Config {
    Config { idle_timeout: Some(ms(config_ms)), ..Config::default() }
}

/// Performs what is asked for until the handle is given back, and tells how it ended and by what.
fn end(c: &mut Connection, now: Time) -> (Ending, Phase, Action) {
    for _ in 0..8 {
        match c.poll_action() {
            Some(Action::Sample) => c.handle_sample(now, clear(0)),
            Some(last @ (Action::Close | Action::Abort)) => {
                c.handle_closed(now);
                let outcome = c.outcome().expect("the handle was given back");
                return (outcome.ending, outcome.phase, last);
            }
            other => panic!("{other:?} on the way to the close"),
        }
    }
    panic!("it does not end");
}

/// Connected at 1 ms and one byte accepted; at 2 ms the peer's end was received, and ours made.
fn halves(config: Config, peer_ended: bool, we_ended: bool) -> Connection {
    let mut c = Connection::new(config);
    c.handle_connected(ms(1));
    c.handle_input(1);
    c.handle_accepted(ms(1), 1);
    if peer_ended {
        c.handle_eof(ms(2));
    }
    if we_ended {
        c.handle_input_eof();
        assert_eq!(c.poll_action(), Some(Action::ShutdownSend));
        c.handle_shutdown(ms(2), Ok(()));
    }
    c
}

#[test]
fn all_ended_and_acknowledged_is_graceful() {
    let mut c = half_closed(Config::default());
    c.handle_received(ms(3), 5);
    c.handle_output(ms(3), 5);
    c.handle_eof(ms(4));
    let outcome = finish(&mut c, ms(5), clear(0));
    assert_eq!((outcome.ending, outcome.phase), (Ending::Graceful, Phase::Closing));
    assert_eq!(c.acknowledged(), Some(14));
    assert_eq!(c.peer_ended_after_us(), Some(true));
    assert_eq!(c.ended_first(), Some(Side::Us));
}

#[test]
fn the_fin_must_be_acknowledged_before_it_is_graceful() {
    let mut c = half_closed(Config::default());
    c.handle_eof(ms(4));
    assert_eq!(c.poll_action(), Some(Action::Sample));
    c.handle_sample(ms(4), clear(1));
    assert_eq!(c.poll_action(), None);
    assert!(c.wants().acknowledgement);
    assert_eq!(c.acknowledged(), Some(14), "only the FIN is missing");
    c.handle_acknowledged();
    assert_eq!(finish(&mut c, ms(9), clear(0)).ending, Ending::Graceful);
    // Its FIN was on its way, or our end still in our kernel, when it had read and ended.
    assert_eq!((c.ended_first(), c.peer_ended_after_us()), (Some(Side::Us), Some(false)));
}

#[test]
fn given_up_with_everything_acknowledged_nothing_is_missing() {
    for (octets, expected) in
        [(0, Ending::Graceful), (1, Ending::Indeterminate { missing: Missing::Acknowledgement })]
    {
        let mut c = half_closed(Config::default());
        c.hold();
        c.handle_eof(ms(3));
        c.handle_give_up(ms(4));
        assert_eq!(finish(&mut c, ms(4), clear(octets)).ending, expected);
    }
}

#[test]
fn no_connection_has_an_ending_too() {
    let refused = Fault { call: Call::Connect, kind: FaultKind::Refused, code: Some(111) };
    let mut c = Connection::new(Config::default());
    c.handle_connect_failed(ms(1), refused);
    assert_eq!(c.poll_action(), Some(Action::Close));
    c.handle_closed(ms(1));
    assert_eq!(c.outcome().map(|o| (o.ending, o.phase)), Some((Ending::NoConnection, Phase::Connecting)));

    let mut c = Connection::new(Config::default());
    assert_eq!(c.poll_timeout(), Some(Config::CONNECT_TIMEOUT));
    c.handle_timeout(Config::CONNECT_TIMEOUT);
    assert_eq!(c.poll_action(), Some(Action::Close));
}

#[test]
fn a_held_connection_is_closed_when_the_program_says_so() {
    let mut c = half_closed(Config { end_mark: true, ..Config::default() });
    c.hold();
    c.handle_eof(ms(3));
    assert_eq!(c.poll_action(), None);
    assert!(!c.wants().acknowledgement);
    c.handle_end_mark();
    c.handle_close(ms(4));
    assert_eq!(finish(&mut c, ms(4), clear(0)).ending, Ending::Graceful);
}

#[test]
fn what_comes_after_the_close_changes_nothing() {
    let mut c = half_closed(Config::default());
    c.handle_eof(ms(4));
    let outcome = finish(&mut c, ms(5), clear(0));
    c.handle_fault(ms(6), RESET);
    c.handle_interrupt(ms(6), Signal::Interrupt);
    assert_eq!(c.outcome(), Some(outcome));
}

#[test]
fn a_look_while_our_output_holds_bytes_up_decides_nothing() {
    let mut c = half_closed(Config::default());
    c.handle_waiting(ms(3), RECEIVING);
    let look = c.poll_timeout().expect("the 14 bytes were never looked at");
    time_out(&mut c, look, RECEIVING);
    c.handle_received(look, 5);
    c.handle_eof(look);
    assert_eq!(c.poll_action(), Some(Action::Sample));
    c.handle_sample(look, clear(0));
    assert!(!c.is_decided());
    c.handle_output(look, 5);
    assert_eq!(finish(&mut c, look, clear(0)).ending, Ending::Graceful);
}

#[test]
fn a_graceful_end_has_every_moment_count_and_proof() {
    let mut c = half_closed(Config::default());
    c.handle_received(ms(3), 5);
    c.handle_output(ms(3), 2);
    c.handle_eof(ms(4));
    assert_eq!(c.poll_action(), None, "three bytes are not handed on");
    c.handle_discarded(ms(5), 3);
    assert_eq!(c.poll_action(), Some(Action::Sample));
    assert_eq!(c.poll_action(), None, "each action is asked for once");
    c.handle_sample(ms(6), clear(1));
    assert_eq!(c.milestones().acknowledged, None);
    c.handle_acknowledged();
    assert_eq!(end(&mut c, ms(9)), (Ending::Graceful, Phase::Closing, Action::Close));
    let milestones = Milestones {
        connected: Some(ms(1)),
        first_accepted: Some(ms(1)),
        first_received: Some(ms(3)),
        shutdown_send: Some(ms(2)),
        stream_end: None,
        peer_eof: Some(ms(4)),
        acknowledged: Some(ms(9)),
        closed: Some(ms(9)),
    };
    assert_eq!(c.milestones(), milestones);
    let counts = Counts { read: 14, accepted: 14, received: 5, written: 2, discarded: 3 };
    assert_eq!(c.counts(), counts);
    let evidence = Evidence {
        eof: true,
        socket_error_clear: Some(true),
        unacknowledged: Some(0),
        fin_acknowledged: Some(true),
        ..Evidence::default()
    };
    assert_eq!(c.outcome().map(|o| (o.evidence, o.at)), Some((evidence, ms(9))));
    assert_eq!(c.evidence(), evidence);
}

#[test]
fn a_fin_is_sent_only_once_and_only_after_every_byte() {
    let mut c = Connection::new(Config::default());
    c.handle_input_eof();
    assert_eq!((c.poll_action(), c.is_about_to_shut_down()), (None, false), "there is no connection");
    let mut c = Connection::new(Config::default());
    c.handle_connected(ms(1));
    assert_eq!(c.wants(), Wants { receive: true, input: true, ..Wants::default() });
    c.handle_input(3);
    c.handle_input_eof();
    assert_eq!(c.wants(), Wants { receive: true, send: true, ..Wants::default() });
    c.handle_accepted(ms(2), 2);
    assert_eq!((c.poll_action(), c.is_about_to_shut_down()), (None, false), "a byte is not accepted");
    c.handle_accepted(ms(2), 1);
    assert!(c.is_about_to_shut_down());
    assert_eq!(c.poll_action(), Some(Action::ShutdownSend));
    assert!(!c.is_about_to_shut_down(), "it is under way");
    c.handle_shutdown(ms(2), Ok(()));
    assert_eq!(c.wants(), Wants { receive: true, ..Wants::default() });
    assert_eq!((c.poll_action(), c.is_about_to_shut_down()), (None, false));
    assert_eq!(c.phase(), Phase::Draining);
}

#[test]
fn what_the_last_look_cannot_tell_is_what_is_missing() {
    use SocketError::Clear;
    use Unacknowledged::{NotApplicable, Octets, Uncounted, Unknown, Untaken};
    let lacks = |missing| Some(Ending::Indeterminate { missing });
    for (unacknowledged, socket_error, expected) in [
        (Octets(0), Clear, Some(Ending::Graceful)),
        (NotApplicable, Clear, Some(Ending::Graceful)),
        (Untaken(7), Clear, Some(Ending::Graceful)),
        (Octets(1), Clear, None),
        (Uncounted, Clear, None),
        (Unknown, Clear, lacks(Missing::Acknowledgement)),
        (Octets(0), SocketError::Unknown, lacks(Missing::SocketError)),
        (Unknown, SocketError::Unknown, lacks(Missing::SocketError)),
    ] {
        for end_mark in [false, true] {
            let mut c = half_closed(Config { end_mark, ..Config::default() });
            c.handle_eof(ms(3));
            assert_eq!(c.poll_action(), Some(Action::Sample));
            c.handle_sample(ms(4), Sample { unacknowledged, path: Path::default(), socket_error });
            assert_eq!(c.is_decided(), expected.is_some(), "{unacknowledged:?} {socket_error:?}");
            if let Some(expected) = expected {
                assert_eq!(c.poll_action(), Some(Action::Close), "there was a look");
                let ending = if end_mark { Ending::Truncated } else { expected };
                assert_eq!(end_of(c), (ending, Phase::Closing));
            } else {
                assert!(c.wants().acknowledgement);
            }
        }
    }
}

/// The close was asked for.
fn end_of(mut c: Connection) -> (Ending, Phase) {
    c.handle_closed(ms(4));
    let outcome = c.outcome().expect("the handle was given back");
    (outcome.ending, outcome.phase)
}

#[test]
fn given_up_before_all_is_handed_on_it_is_not_graceful() {
    let mut c = half_closed(Config::default());
    c.handle_received(ms(3), 5);
    c.handle_eof(ms(3));
    c.handle_give_up(ms(4));
    let missing = Missing::Acknowledgement;
    assert_eq!(end(&mut c, ms(4)), (Ending::Indeterminate { missing }, Phase::Closing, Action::Close));
}

#[test]
fn a_look_is_asked_for_where_there_is_a_socket_to_look_at() {
    let mut c = Connection::new(Config::default());
    c.request_sample();
    c.handle_connected(ms(1));
    assert_eq!(c.poll_action(), None);
    c.request_sample();
    assert_eq!(c.poll_action(), Some(Action::Sample));
    c.handle_sample(ms(1), clear(0));
    assert_eq!(c.poll_action(), None, "one look is one look");
    c.handle_acknowledged();
    assert_eq!(c.poll_action(), None, "no acknowledgement was wanted");
}

#[test]
fn who_ended_first_and_whether_the_peer_had_our_end() {
    let asked = |c: &Connection| (c.ended_first(), c.peer_ended_after_us());
    assert_eq!(asked(&halves(Config::default(), false, false)), (None, None));
    assert_eq!(asked(&halves(Config::default(), true, false)), (Some(Side::Peer), Some(false)));
    assert_eq!(asked(&halves(Config::default(), false, true)), (Some(Side::Us), None));
    assert_eq!(asked(&halves(Config::default(), true, true)), (Some(Side::Peer), Some(false)));
    for octets in [0, 1] {
        let mut c = halves(Config::default(), false, true);
        c.handle_eof(ms(3));
        assert_eq!(c.poll_action(), Some(Action::Sample));
        c.handle_sample(ms(3), clear(octets));
        assert_eq!(asked(&c), (Some(Side::Us), Some(octets == 0)));
    }
}

/// A service holds one for each side of each of its connections, whether they say anything or not.
#[test]
#[cfg(target_pointer_width = "64")]
fn a_connection_is_small() {
    assert!(size_of::<Connection>() <= 528, "{}", size_of::<Connection>());
}
