//! A connection that is one side of a relay, whose other side is cut.

use super::*;

const BY_US: Ending = Ending::Reset { by: Side::Us };

/// Connected at 1 ms, with `read` bytes read from the other side and `accepted` by our kernel.
fn relayed(config: Config, read: u64, accepted: u64) -> Connection {
    let mut c = Connection::new(config);
    c.handle_connected(ms(1));
    c.handle_input(read);
    if accepted > 0 {
        c.handle_accepted(ms(1), accepted);
    }
    c
}

#[test]
fn what_came_before_the_cut_is_read_and_delivered_and_then_it_is_aborted() {
    let mut c = relayed(Config::default(), 3, 1);
    c.handle_other_side_cut(ms(5));
    assert!(c.is_leaving() && !c.is_decided());
    assert_eq!(c.wants(), Wants { receive: true, send: true, input: true, ..Wants::default() });
    c.handle_accepted(ms(6), 2);
    assert_eq!(c.poll_action(), None, "the other side may still have something");
    c.handle_input(4);
    c.handle_input_eof();
    assert_eq!(c.poll_action(), None, "four bytes are not sent");
    assert_eq!(c.wants(), Wants { receive: true, send: true, ..Wants::default() });
    c.handle_accepted(ms(7), 4);
    assert_eq!(c.poll_action(), Some(Action::Sample));
    c.handle_sample(ms(7), clear(1));
    assert_eq!((c.poll_action(), c.poll_timeout()), (None, Some(ms(8))));
    c.handle_timeout(ms(8));
    assert_eq!(c.poll_action(), Some(Action::Sample));
    c.handle_sample(ms(8), clear(0));
    assert_eq!(end(&mut c, ms(8)), (BY_US, Phase::Sending, Action::Abort));
    assert!(c.evidence().other_side_cut);
}

#[test]
fn the_end_of_the_input_begins_the_looks_if_all_is_sent() {
    let mut c = relayed(Config::default(), 2, 2);
    c.handle_other_side_cut(ms(5));
    assert_eq!(c.poll_action(), None);
    c.handle_input_eof();
    assert_eq!(c.poll_action(), Some(Action::Sample));
    c.handle_sample(ms(6), clear(0));
    assert_eq!(end(&mut c, ms(6)), (BY_US, Phase::Sending, Action::Abort));
}

#[test]
fn an_input_that_fails_after_the_cut_has_given_all() {
    let mut c = relayed(Config::default(), 2, 2);
    c.handle_other_side_cut(ms(5));
    c.handle_input_failed(ms(6), Some(5));
    assert_eq!((c.poll_action(), c.evidence().local_code), (Some(Action::Sample), None));
    c.handle_sample(ms(6), clear(0));
    assert_eq!(end(&mut c, ms(6)), (BY_US, Phase::Sending, Action::Abort));
}

#[test]
fn a_fin_that_went_before_changes_nothing() {
    for peer_ended in [false, true] {
        let mut c = halves(Config::default(), peer_ended, true);
        if peer_ended {
            // The look at the end of both.
            assert_eq!(c.poll_action(), Some(Action::Sample));
            c.handle_sample(ms(2), clear(1));
        }
        c.handle_other_side_cut(ms(3));
        let phase = if peer_ended { Phase::Closing } else { Phase::Draining };
        assert_eq!(c.poll_action(), Some(Action::Sample));
        c.handle_sample(ms(3), clear(0));
        assert_eq!(end(&mut c, ms(3)), (BY_US, phase, Action::Abort), "{peer_ended}");
    }
}

#[test]
fn a_peer_that_takes_nothing_holds_a_cut_up_for_the_flush_timeout_alone() {
    let mut c = relayed(Config { flush_timeout: ms(100), ..Config::default() }, 9, 3);
    c.handle_other_side_cut(ms(5));
    assert_eq!(c.poll_timeout(), Some(ms(105)));
    c.handle_timeout(ms(104));
    assert_eq!(c.poll_action(), None);
    c.handle_timeout(ms(105));
    assert_eq!(c.poll_action(), Some(Action::Sample));
    // It has acknowledged two bytes since, so it is alive.
    c.handle_sample(ms(105), clear(1));
    assert!(c.is_leaving());
    // Where nobody can tell what is acknowledged, it is alive if our kernel takes more.
    c.handle_accepted(ms(150), 1);
    c.handle_timeout(ms(204));
    assert_eq!(c.poll_action(), Some(Action::Sample));
    let told = Sample { unacknowledged: Unacknowledged::Untaken(7), ..clear(0) };
    c.handle_sample(ms(204), told);
    assert!(c.is_leaving(), "five bytes are not sent");
    c.handle_timeout(ms(303));
    assert_eq!(c.poll_action(), Some(Action::Sample));
    c.handle_sample(ms(303), told);
    assert!(c.is_leaving());
    c.handle_timeout(ms(304));
    assert_eq!(c.poll_action(), Some(Action::Sample));
    c.handle_sample(ms(304), told);
    assert_eq!(end(&mut c, ms(304)), (BY_US, Phase::Sending, Action::Abort));
}

#[test]
fn a_side_of_a_relay_has_the_relays_flush_timeout_and_no_grace_that_is_an_end() {
    let grace = Some(InputGrace::ends(ms(10)));
    let mut c = relayed(Config { input_grace: grace, peer_grace: Some(ms(7)), ..Config::default() }, 0, 0);
    c.hold();
    c.join_relay(ms(1), None, ms(20));
    c.handle_eof(ms(2));
    c.handle_waiting(ms(2), Waiting { input: true, ..Waiting::default() });
    time_out(&mut c, ms(12), Waiting { input: true, ..Waiting::default() });
    assert!(c.is_leaving() && c.input_abandoned(), "its silence is not its end");
    assert_eq!(c.poll_action(), Some(Action::Sample));
    c.handle_sample(ms(12), clear(0));
    let timed_out = Ending::TimedOut { timer: Timer::HalfOpen };
    assert_eq!(end(&mut c, ms(12)), (timed_out, Phase::Sending, Action::Abort));

    let mut c = relayed(Config { peer_grace: Some(ms(7)), ..Config::default() }, 0, 0);
    c.join_relay(ms(1), None, ms(20));
    c.handle_input_eof();
    assert_eq!(c.poll_action(), Some(Action::ShutdownSend), "the FIN is not held for the peer");
    c.handle_shutdown(ms(2), Ok(()));

    let mut c = relayed(Config::default(), 9, 3);
    c.join_relay(ms(1), None, ms(20));
    c.handle_other_side_cut(ms(5));
    assert_eq!(c.poll_timeout(), Some(ms(25)));
}

#[test]
fn a_side_of_a_relay_closes_when_both_directions_have_ended_and_the_output_has_taken_all() {
    let mut c = relayed(Config::default(), 1, 1);
    c.hold();
    c.join_relay(ms(1), None, ms(20));
    c.handle_input_eof();
    c.handle_eof(ms(2));
    assert_eq!(c.poll_action(), None, "the FIN says that all was taken");
    c.handle_output_ended();
    assert_eq!(c.poll_action(), Some(Action::ShutdownSend));
    c.handle_shutdown(ms(3), Ok(()));
    assert_eq!(finish(&mut c, ms(4), clear(0)).ending, Ending::Graceful);
}

#[test]
fn what_the_peer_says_meanwhile_is_received_and_decides_nothing() {
    let mut c = relayed(Config::default(), 2, 1);
    c.handle_other_side_cut(ms(5));
    c.handle_received(ms(6), 1000);
    c.handle_eof(ms(7));
    assert_eq!((c.poll_action(), c.is_leaving()), (None, true));
    assert_eq!(c.wants(), Wants { send: true, input: true, ..Wants::default() });
    c.handle_accepted(ms(8), 1);
    c.handle_input_eof();
    assert_eq!(c.poll_action(), Some(Action::Sample));
    c.handle_sample(ms(8), clear(0));
    assert_eq!(end(&mut c, ms(8)), (BY_US, Phase::Sending, Action::Abort));
    assert_eq!((c.counts().received, c.counts().written), (1000, 0));
}

#[test]
fn whatever_ended_it_before_the_cut_is_its_ending() {
    // A fault whose bytes are not handed on: nobody will take them.
    let mut c = relayed(Config::default(), 2, 1);
    c.handle_received(ms(2), 5);
    c.handle_fault(ms(3), RESET);
    assert!(!c.is_decided());
    c.handle_other_side_cut(ms(5));
    assert_eq!(end(&mut c, ms(5)), (Ending::Reset { by: Side::Peer }, Phase::Sending, Action::Close));
    assert!(!c.evidence().other_side_cut);

    // A stream that was cut is the cause of whatever came after it, and what the other side gave is delivered.
    let mut c = relayed(Config { end_mark: true, ..Config::default() }, 2, 1);
    c.handle_eof(ms(3));
    c.handle_other_side_cut(ms(5));
    assert_eq!(c.wants(), Wants { send: true, input: true, ..Wants::default() });
    c.handle_input_eof();
    c.handle_accepted(ms(6), 1);
    assert_eq!(c.poll_action(), Some(Action::Sample));
    c.handle_sample(ms(6), clear(0));
    assert_eq!(end(&mut c, ms(6)), (Ending::Truncated, Phase::Sending, Action::Abort));

    // A second cut, or one after the decision, says nothing new.
    let mut c = relayed(Config::default(), 1, 1);
    c.handle_interrupt(ms(2), Signal::Interrupt);
    c.handle_other_side_cut(ms(3));
    assert!(!c.evidence().other_side_cut);
    let mut c = relayed(Config { flush_timeout: ms(100), ..Config::default() }, 1, 1);
    c.handle_other_side_cut(ms(5));
    c.handle_other_side_cut(ms(50));
    assert_eq!(c.poll_timeout(), Some(ms(105)));
}

#[test]
fn an_abort_that_the_program_asks_for_is_no_cut() {
    let mut c = relayed(Config::default(), 1, 1);
    c.handle_abort(ms(2));
    assert_eq!(end(&mut c, ms(2)), (BY_US, Phase::Sending, Action::Abort));
    assert!(!c.evidence().other_side_cut);
}

#[test]
fn a_cut_while_connecting_is_an_ending_at_once() {
    let mut c = Connection::new(Config::default());
    c.handle_handshake(ms(1));
    c.handle_other_side_cut(ms(2));
    assert_eq!(end(&mut c, ms(2)), (BY_US, Phase::Connecting, Action::Close));
    assert!(c.evidence().other_side_cut);
}

#[test]
fn the_idle_timeout_of_a_relay_counts_the_silence_of_each_peer() {
    let both = Waiting { input: true, ..RECEIVING };
    for (its_own, relays, expected) in [
        (None, None, None),
        (None, Some(50), Some(60)),
        (Some(30), None, Some(40)),
        (Some(30), Some(50), Some(60)),
    ] {
        let config = Config { dead_peer: None, idle_timeout: its_own.map(ms), ..Config::default() };
        let mut c = relayed(config, 0, 0);
        c.join_relay(ms(1), relays.map(ms), ms(20));
        c.handle_waiting(ms(10), both);
        assert_eq!(c.poll_timeout(), expected.map(ms), "{its_own:?} {relays:?}");
    }
}

#[test]
fn a_side_that_is_stopped_after_our_fin_is_aborted_unless_its_peer_has_ended() {
    let interrupted = Ending::Interrupted { signal: Signal::Terminate };
    let timed_out = Ending::TimedOut { timer: Timer::Idle };
    for (by_silence, peer_ended, ending, last) in [
        (false, false, interrupted, Action::Abort),
        (true, false, timed_out, Action::Abort),
        (false, true, interrupted, Action::Close),
    ] {
        let config = Config { dead_peer: None, idle_timeout: Some(ms(30)), ..Config::default() };
        let mut c = relayed(config, 0, 0);
        c.join_relay(ms(1), None, ms(20));
        c.handle_input_eof();
        assert_eq!(c.poll_action(), Some(Action::ShutdownSend));
        c.handle_shutdown(ms(2), Ok(()));
        if peer_ended {
            c.handle_eof(ms(3));
        }
        if by_silence {
            c.handle_waiting(ms(3), RECEIVING);
            time_out(&mut c, ms(40), RECEIVING);
            assert_eq!(c.poll_action(), Some(Action::Sample));
            c.handle_sample(ms(40), clear(1));
        } else {
            c.handle_interrupt(ms(40), Signal::Terminate);
        }
        let (ended, _, by) = end(&mut c, ms(40));
        assert_eq!((ended, by), (ending, last));
    }
}

#[test]
fn an_end_without_a_byte_is_no_first_byte_of_a_relay() {
    let config = Config { first_byte_timeout: Some(ms(100)), dead_peer: None, ..Config::default() };
    let waiting = Waiting { input: true, ..Waiting::default() };
    let mut c = relayed(config, 0, 0);
    c.join_relay(ms(1), None, ms(20));
    c.handle_eof(ms(2));
    c.handle_waiting(ms(2), waiting);
    time_out(&mut c, ms(102), waiting);
    assert!(c.is_decided());
}
