//! The times after which a connection is given up, however it stands.

use super::*;

fn deadline() -> Config {
    Config { deadline: Some(ms(100)), connect_timeout: None, ..Config::default() }
}

const TIMED_OUT: Ending = Ending::TimedOut { timer: Timer::Deadline };

#[test]
fn the_deadline_ends_a_connection_in_every_phase() {
    let config = deadline();
    let mut c = Connection::new(config.clone());
    assert_eq!(c.poll_timeout(), Some(ms(100)));
    c.handle_timeout(ms(99));
    assert!(!c.is_decided());
    c.handle_timeout(ms(100));
    assert_eq!(end(&mut c, ms(100)), (TIMED_OUT, Phase::Connecting, Action::Close));
    for (peer_ended, we_ended, expected) in [
        (false, false, (TIMED_OUT, Phase::Sending, Action::Abort)),
        (true, false, (TIMED_OUT, Phase::Sending, Action::Abort)),
        (false, true, (TIMED_OUT, Phase::Draining, Action::Close)),
    ] {
        let mut c = halves(config.clone(), peer_ended, we_ended);
        assert_eq!(c.poll_timeout(), Some(ms(100)));
        c.handle_timeout(ms(99));
        assert!(!c.is_decided());
        c.handle_timeout(ms(100));
        assert!(c.is_decided(), "nothing that a look could find would help");
        assert_eq!(end(&mut c, ms(100)), expected);
    }
}

#[test]
fn a_limit_that_is_to_abort_does_so_after_our_half_close_too() {
    let mut c = halves(Config { abort_at_limit: true, ..deadline() }, false, true);
    c.handle_timeout(ms(100));
    assert_eq!(end(&mut c, ms(100)), (TIMED_OUT, Phase::Draining, Action::Abort));
    // A graceful end that is found at the deadline stays one.
    let mut c = halves(Config { abort_at_limit: true, ..deadline() }, true, true);
    assert_eq!(c.poll_action(), Some(Action::Sample));
    c.handle_sample(ms(100), clear(0));
    assert_eq!(c.poll_action(), Some(Action::Close));
}

#[test]
fn an_abort_waits_for_what_was_sent_before_the_connection_was_ours() {
    let mut c = Connection::new(Config::default());
    c.handle_sent_before(500);
    c.handle_connected(ms(1));
    c.handle_input_failed(ms(2), None);
    assert!(c.is_leaving());
    assert_eq!(c.poll_action(), Some(Action::Sample));
    c.handle_sample(ms(2), clear(500));
    assert!(!c.is_decided(), "it is delivered first");
}

#[test]
fn at_the_deadline_acknowledgements_are_looked_for_if_nothing_else_is_missing() {
    let graceful = (Ending::Graceful, Phase::Closing, Action::Close);
    for (octets, expected) in [(0, graceful), (1, (TIMED_OUT, Phase::Closing, Action::Close))] {
        let mut c = halves(deadline(), true, true);
        assert_eq!(c.poll_action(), Some(Action::Sample));
        c.handle_sample(ms(3), clear(1));
        c.handle_timeout(ms(50));
        assert_eq!((c.poll_action(), c.is_decided()), (None, false), "no timer has come");
        c.handle_timeout(ms(100));
        assert!(!c.is_decided());
        assert_eq!(c.poll_action(), Some(Action::Sample));
        c.handle_sample(ms(100), clear(octets));
        assert!(c.is_decided());
        assert_eq!(c.poll_action(), Some(Action::Close), "there was a look");
        c.handle_closed(ms(100));
        let outcome = c.outcome().expect("the handle was given back");
        assert_eq!((outcome.ending, outcome.phase, Action::Close), expected);
    }
}

#[test]
fn at_the_deadline_bytes_that_are_not_handed_on_are_no_graceful_end() {
    let mut c = half_closed(deadline());
    c.handle_received(ms(3), 5);
    c.handle_eof(ms(3));
    c.handle_timeout(ms(100));
    assert!(c.is_decided());
    assert_eq!(end(&mut c, ms(100)), (TIMED_OUT, Phase::Closing, Action::Close));
}

#[test]
fn the_deadline_ends_the_wait_before_an_abort_and_is_not_its_cause() {
    let mut c = halves(deadline(), false, false);
    c.handle_input_failed(ms(2), Some(5));
    assert_eq!(c.poll_action(), Some(Action::Sample));
    c.handle_sample(ms(2), clear(1));
    assert_eq!(c.poll_timeout(), Some(ms(3)), "the next look");
    c.handle_timeout(ms(3));
    assert_eq!(c.poll_action(), Some(Action::Sample));
    c.handle_sample(ms(99), clear(1));
    assert_eq!(c.poll_timeout(), Some(ms(100)), "the deadline, before the next look");
    c.handle_timeout(ms(99));
    assert_eq!(c.poll_action(), None, "no look is due");
    c.handle_timeout(ms(100));
    assert!(c.is_decided());
    let input = Ending::LocalFailure { end: LocalEnd::Input };
    assert_eq!(end(&mut c, ms(100)), (input, Phase::Sending, Action::Abort));
}

#[test]
fn the_connect_timeout_is_over_with_the_connection() {
    let config = Config { connect_timeout: Some(ms(10)), dead_peer: None, ..Config::default() };
    let mut c = Connection::new(config.clone());
    c.handle_timeout(ms(9));
    assert_eq!((c.is_decided(), c.poll_timeout()), (false, Some(ms(10))));
    c.handle_timeout(ms(10));
    let connect = Ending::TimedOut { timer: Timer::Connect };
    assert_eq!(end(&mut c, ms(10)), (connect, Phase::Connecting, Action::Close));
    c.handle_connected(ms(11));
    assert_eq!(c.milestones().connected, None, "it comes too late");

    let mut c = halves(config, false, false);
    assert_eq!(c.poll_timeout(), None);
    c.handle_timeout(ms(10));
    assert!(!c.is_decided());
}

/// Looks every 10 ms at a peer that was asked each time. Returns when it was taken for dead, if ever.
fn asked_again_and_again(c: &mut Connection, segments: impl Fn(u32) -> u64) -> Option<Time> {
    let blocked = Waiting { receive: true, send: true, ..Waiting::default() };
    for look in 0..100 {
        let now = ms(10 + 10 * u64::from(look));
        c.request_sample();
        assert_eq!(c.poll_action(), Some(Action::Sample));
        let asking = Some(Asking { retransmissions: look, probes: 0, every: ms(10) });
        let path = Path {
            last_heard: Some(now),
            segments_received: Some(segments(look)),
            asking,
            ..Path::default()
        };
        c.handle_sample(now, Sample { path, ..clear(1) });
        if c.is_decided() {
            return Some(now);
        }
        c.handle_waiting(now, blocked);
    }
    None
}

#[test]
fn a_peer_that_is_silent_is_dead_and_one_that_talks_acknowledges_nothing() {
    for (talks, timer) in [(false, Timer::DeadPeer), (true, Timer::Unacknowledged)] {
        let mut c = halves(Config { dead_peer: Some(ms(80)), ..Config::default() }, false, false);
        let at = asked_again_and_again(&mut c, |look| if talks { u64::from(look) } else { 5 })
            .expect("it is noticed");
        assert!((ms(80)..ms(130)).contains(&at), "{at:?}");
        assert_eq!(end(&mut c, at), (Ending::TimedOut { timer }, Phase::Sending, Action::Abort));
        assert_eq!(c.evidence().peer_spoke, talks);
        assert_eq!(c.evidence().unacknowledged, Some(1));
    }
}

#[test]
fn what_a_dead_peer_said_is_handed_on_before_it_is_told() {
    let mut c = halves(Config { dead_peer: Some(ms(80)), ..Config::default() }, false, false);
    c.handle_received(ms(2), 5);
    assert_eq!(asked_again_and_again(&mut c, |_| 5), None, "bytes are not handed on");
    c.handle_output(ms(2000), 5);
    c.request_sample();
    let at = asked_again_and_again(&mut c, |_| 5);
    assert!(at.is_some());
}

#[test]
fn an_acknowledgement_is_an_answer_to_what_was_asked() {
    let mut c = halves(Config { dead_peer: Some(ms(80)), ..Config::default() }, false, false);
    c.handle_input(1000);
    c.handle_accepted(ms(1), 1000);
    for look in 0..30 {
        let now = ms(10 + 10 * u64::from(look));
        c.request_sample();
        assert_eq!(c.poll_action(), Some(Action::Sample));
        let asking = Some(Asking { retransmissions: look, probes: 0, every: ms(10) });
        let path = Path { last_heard: Some(now), segments_received: Some(5), asking, ..Path::default() };
        c.handle_sample(now, Sample { path, ..clear(1000 - u64::from(look)) });
        assert!(!c.is_decided(), "{now:?}");
    }
}

const LINGER: Ending = Ending::TimedOut { timer: Timer::Linger };

fn linger() -> Config {
    Config { linger: Some(ms(100)), connect_timeout: None, ..Config::default() }
}

#[test]
fn the_bound_on_closing_counts_from_our_shutdown() {
    let mut c = halves(linger(), false, false);
    c.handle_timeout(ms(5000));
    assert_eq!((c.poll_timeout(), c.is_decided()), (None, false), "our sending side is open");
    c.handle_input_eof();
    assert_eq!(c.poll_action(), Some(Action::ShutdownSend));
    c.handle_shutdown(ms(5000), Ok(()));
    assert_eq!((c.poll_timeout(), c.bound_at()), (Some(ms(5100)), Some(ms(5100))));
    c.handle_received(ms(5099), 3);
    c.handle_output(ms(5099), 3);
    c.handle_timeout(ms(5099));
    assert!(!c.is_decided());
    c.handle_timeout(ms(5100));
    assert_eq!(end(&mut c, ms(5100)), (LINGER, Phase::Draining, Action::Abort), "the peer may still send");
}

#[test]
fn at_the_bound_on_closing_what_is_missing_says_how_it_is_closed() {
    for (octets, expected) in
        [(0, (Ending::Graceful, Phase::Closing, Action::Close)), (1, (LINGER, Phase::Closing, Action::Abort))]
    {
        let mut c = halves(linger(), true, true);
        assert_eq!(c.poll_action(), Some(Action::Sample));
        c.handle_sample(ms(3), clear(1));
        let at = c.bound_at().expect("it runs");
        c.handle_timeout(at);
        assert!(!c.is_decided());
        assert_eq!(c.poll_action(), Some(Action::Sample));
        c.handle_sample(at, clear(octets));
        assert!(c.is_decided());
        let action = c.poll_action().expect("it closes");
        c.handle_closed(at);
        let outcome = c.outcome().expect("the handle was given back");
        assert_eq!((outcome.ending, outcome.phase, action), expected);
    }
    // Ours is all there; only our own output has not taken everything.
    let mut c = half_closed(linger());
    c.handle_received(ms(3), 5);
    c.handle_eof(ms(3));
    let at = c.bound_at().expect("it runs");
    c.handle_timeout(at);
    assert_eq!(end(&mut c, at), (LINGER, Phase::Closing, Action::Close));
}

#[test]
fn the_earlier_of_the_bounds_on_closing_counts() {
    for (now, limit, expected) in [(10, 20, 30), (10, 1000, 102), (90, 20, 102)] {
        let mut c = half_closed(linger());
        c.limit_linger(ms(now), ms(limit));
        assert_eq!(c.bound_at(), Some(ms(expected)), "{now} {limit}");
    }
    let mut c = half_closed(Config { linger: None, ..linger() });
    assert_eq!(c.bound_at(), None);
    c.limit_linger(ms(10), ms(20));
    assert_eq!(c.bound_at(), Some(ms(30)));
    c.limit_linger(ms(10), Duration::MAX);
    assert_eq!(c.bound_at(), Some(ms(30)));
}

#[test]
fn a_program_that_is_late_to_close_is_not_the_peers_delay() {
    let mut c = Connection::new(linger());
    c.hold();
    c.handle_connected(ms(0));
    c.handle_input_eof();
    assert_eq!(c.poll_action(), Some(Action::ShutdownSend));
    c.handle_shutdown(ms(1), Ok(()));
    c.handle_eof(ms(2));
    assert_eq!(c.bound_at(), None, "nothing of the peer's is missing");
    c.handle_timeout(ms(500));
    assert!(!c.is_decided());
    c.handle_close(ms(500));
    assert_eq!(c.bound_at(), Some(ms(101)), "from now on it is");
    assert_eq!(c.poll_action(), Some(Action::Sample));
    c.handle_sample(ms(500), clear(0));
    assert_eq!(end(&mut c, ms(500)).0, Ending::Graceful);
}

#[test]
fn bounds_that_are_tightened_count_from_then_on_and_never_give_more_time() {
    for (limit, expected) in [(Some(20), 70), (Some(500), 100), (None, 100)] {
        let mut c = halves(deadline(), false, true);
        let limits = Config { deadline: limit.map(ms), abort_at_limit: true, ..Config::default() };
        c.tighten(ms(50), &limits);
        assert_eq!(c.bound_at(), Some(ms(expected)));
        c.handle_timeout(ms(expected));
        assert_eq!(end(&mut c, ms(expected)), (TIMED_OUT, Phase::Draining, Action::Abort));
    }
}
