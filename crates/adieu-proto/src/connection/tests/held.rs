//! A FIN that is held back after our input's end, and the bound on the peer's end after ours.

use super::*;

/// 14 bytes are sent, our input has ended, and the FIN is held back.
fn held(config: Config, until: Option<Time>) -> Connection {
    let mut c = Connection::new(config);
    c.handle_connected(ms(1));
    c.hold_fin(until);
    assert!(!c.holds_fin(), "the input is open");
    c.handle_input(14);
    c.handle_accepted(ms(1), 14);
    c.handle_input_eof();
    assert_eq!((c.holds_fin(), c.poll_action()), (true, None));
    assert_eq!(c.wants(), Wants { receive: true, ..Wants::default() });
    c
}

/// Waits to receive until it is decided, and says when. A look finds as many octets unacknowledged as `missing` says.
fn until_decided(c: &mut Connection, mut now: Time, mut missing: impl FnMut(Time) -> u64) -> Time {
    let mut turns = 0..1000;
    while !c.is_decided() {
        turns.next().expect("it ends");
        c.handle_waiting(now, RECEIVING);
        now = c.poll_timeout().expect("a timer runs");
        time_out(c, now, RECEIVING);
        if c.poll_action() == Some(Action::Sample) {
            c.handle_sample(now, clear(missing(now)));
        }
    }
    now
}

#[test]
fn a_held_fin_follows_the_peers() {
    let mut c = held(Config::default(), None);
    c.handle_received(ms(5), 3);
    c.handle_output(ms(5), 3);
    c.handle_eof(ms(6));
    assert!(!c.holds_fin());
    assert_eq!(c.poll_action(), Some(Action::ShutdownSend));
    c.handle_shutdown(ms(6), Ok(()));
    assert_eq!(finish(&mut c, ms(7), clear(0)).ending, Ending::Graceful);
    assert_eq!(c.ended_first(), Some(Side::Peer));
}

#[test]
fn a_held_fin_is_sent_when_its_time_has_come_although_the_peer_talks() {
    let mut c = held(Config { dead_peer: None, ..Config::default() }, Some(ms(50)));
    assert_eq!(c.poll_timeout(), Some(ms(50)));
    c.handle_received(ms(40), 3);
    c.handle_output(ms(40), 3);
    c.handle_timeout(ms(49));
    assert_eq!(c.poll_action(), None);
    c.handle_timeout(ms(50));
    assert_eq!(c.poll_action(), Some(Action::ShutdownSend));
    c.handle_shutdown(ms(50), Ok(()));
    assert_eq!(c.phase(), Phase::Draining);
}

#[test]
fn a_held_fin_of_an_empty_stream_goes_when_its_time_has_come() {
    // Without that time an empty input would keep our side open for the peer's end.
    let mut c = Connection::new(Config { peer_grace: Some(ms(1000)), ..Config::default() });
    c.handle_connected(ms(1));
    c.hold_fin(Some(ms(50)));
    c.handle_input_eof();
    c.handle_timeout(ms(49));
    assert_eq!((c.holds_fin(), c.poll_action()), (true, None));
    c.handle_timeout(ms(50));
    assert_eq!(c.poll_action(), Some(Action::ShutdownSend));
}

#[test]
fn while_the_fin_is_held_the_silence_is_the_peers_and_the_whole_stream_is_closed() {
    let mut c = held(idle_of(100), None);
    let now = until_decided(&mut c, ms(1), |_| 0);
    let (ending, _, last) = end(&mut c, now);
    assert_eq!((ending, last), (Ending::TimedOut { timer: Timer::Idle }, Action::Close));
}

#[test]
fn a_held_fin_is_not_sent_for_a_stream_that_is_not_whole() {
    let interrupted = |sent| {
        let mut c = Connection::new(Config::default());
        c.handle_connected(ms(1));
        c.hold_fin(None);
        c.handle_input(14);
        c.handle_accepted(ms(1), sent);
        c.handle_input_eof();
        c.handle_interrupt(ms(2), Signal::Interrupt);
        end(&mut c, ms(2)).2
    };
    assert_eq!((interrupted(14), interrupted(13)), (Action::Close, Action::Abort));

    let mut c = Connection::new(Config::default());
    c.handle_connected(ms(1));
    c.hold_fin(None);
    c.handle_interrupt(ms(2), Signal::Interrupt);
    assert_eq!(end(&mut c, ms(2)).2, Action::Abort, "its input is open");

    for (failing, phase) in [(LocalEnd::Input, Phase::Sending), (LocalEnd::Output, Phase::Sending)] {
        let mut c = Connection::new(Config::default());
        c.handle_connected(ms(1));
        c.hold_fin(None);
        c.handle_eof(ms(2));
        c.handle_local_failure(ms(3), failing, None);
        assert_eq!(end(&mut c, ms(3)), (Ending::LocalFailure { end: failing }, phase, Action::Abort));
    }
}

#[test]
fn the_peers_end_is_waited_for_from_the_acknowledgement_of_our_fin() {
    let mut c = half_closed(Config::default());
    c.limit_drain(ms(100));
    let mut end_of_wait = None;
    let now = until_decided(&mut c, ms(2), |now| {
        // A slow way: octets are acknowledged until long after the limit has passed for the first time.
        if now < ms(500) {
            return 1;
        }
        end_of_wait.get_or_insert(now + ms(100));
        0
    });
    assert_eq!(Some(now), end_of_wait);
    let (ending, phase, last) = end(&mut c, now);
    let expected = Ending::Indeterminate { missing: Missing::PeerEof };
    assert_eq!((ending, phase, last), (expected, Phase::Draining, Action::Close));
}

#[test]
fn a_peer_that_ends_in_time_is_graceful_whatever_the_drain_limit() {
    let mut c = half_closed(Config { drain_limit: Some(ms(1)), ..Config::default() });
    c.handle_eof(ms(2));
    c.handle_timeout(ms(50));
    assert_eq!(finish(&mut c, ms(50), clear(0)).ending, Ending::Graceful);
}

#[test]
fn what_is_on_its_way_is_waited_for_also_while_our_output_is_held_up() {
    let mut c = half_closed(Config { drain_limit: Some(Time::ZERO), ..Config::default() });
    c.handle_timeout(ms(3));
    assert!(!c.is_decided(), "nobody has looked whether it is acknowledged");
    c.handle_waiting(ms(3), Waiting { output: true, ..Waiting::default() });
    let mut now = ms(3);
    for missing in [15, 1, 0] {
        now = now.max(c.poll_timeout().expect("a look is due"));
        time_out(&mut c, now, Waiting { output: true, ..Waiting::default() });
        assert_eq!(c.poll_action(), Some(Action::Sample), "{missing}");
        c.handle_sample(now, clear(missing));
    }
    c.handle_timeout(now);
    let (ending, phase, last) = end(&mut c, now);
    assert_eq!((ending, phase), (Ending::Indeterminate { missing: Missing::PeerEof }, Phase::Draining));
    assert_eq!(last, Action::Close);
}

#[test]
fn a_fault_ends_a_connection_of_which_enough_was_received() {
    for is_told_before in [false, true] {
        let mut c = held(Config { drain_limit: Some(Time::ZERO), ..Config::default() }, None);
        c.handle_received(ms(2), 7);
        c.handle_output(ms(2), 7);
        let reset = |c: &mut Connection| c.handle_fault(ms(3), Fault { call: Call::SocketError, ..RESET });
        if is_told_before {
            reset(&mut c);
            assert!(!c.is_decided(), "what came before the reset is still to be received");
        }
        c.handle_enough(ms(3));
        if !is_told_before {
            assert!(!c.is_decided());
            reset(&mut c);
        }
        let outcome = finish(&mut c, ms(3), clear(0));
        assert_eq!(outcome.ending, Ending::Reset { by: Side::Peer }, "{is_told_before}");
    }
}
