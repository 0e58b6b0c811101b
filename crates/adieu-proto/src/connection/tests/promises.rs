//! A FIN is a promise: the machine makes none for a stream that is not whole, and none before it is known to be.

use super::*;
use crate::InputSilence;

/// Connected at 1 ms, `n` bytes of our input accepted.
fn connected(config: Config, n: u64) -> Connection {
    let mut c = Connection::new(config);
    c.handle_connected(ms(1));
    c.handle_input(n);
    c.handle_accepted(ms(1), n);
    c
}

/// The connection aborts only after a look has found everything acknowledged.
fn aborts_after_delivery(c: &mut Connection, now: Time, ending: Ending) {
    assert!(c.is_leaving(), "it is put off");
    assert!(!c.is_about_to_shut_down(), "no close_notify either");
    assert_eq!(c.wants(), Wants::default(), "nothing is received or read any more");
    assert_eq!(c.poll_action(), Some(Action::Sample));
    c.handle_sample(now, clear(7));
    assert_eq!(c.poll_action(), None, "not yet delivered");
    let again = c.poll_timeout().expect("acknowledgements wake nobody");
    assert!(again <= now + ms(1), "{again:?}");
    c.handle_timeout(again);
    assert_eq!(c.poll_action(), Some(Action::Sample));
    c.handle_sample(again, clear(0));
    assert_eq!(c.poll_action(), Some(Action::Abort));
    c.handle_closed(again);
    assert_eq!(c.outcome().map(|o| o.ending), Some(ending));
}

#[test]
fn an_input_that_failed_is_a_reset_after_what_it_gave_is_delivered() {
    for end in [LocalEnd::Input, LocalEnd::Command] {
        let mut c = connected(Config::default(), 7);
        c.handle_local_failure(ms(2), end, Some(5));
        aborts_after_delivery(&mut c, ms(2), Ending::LocalFailure { end });
    }
}

#[test]
fn a_stream_that_was_cut_is_answered_by_a_reset_after_what_was_answered_is_delivered() {
    let mut c = connected(Config { end_mark: true, ..Config::default() }, 7);
    c.handle_eof(ms(2));
    assert!(c.is_cut());
    assert!(c.wants().input, "what our input still gives is sent");
    c.handle_input_eof();
    assert!(!c.is_about_to_shut_down());
    assert_eq!(c.poll_action(), Some(Action::Sample));
    assert_eq!(c.phase(), Phase::Sending);
    aborts_after_delivery_of_the_rest(c);
}

/// After the first look was asked for.
fn aborts_after_delivery_of_the_rest(mut c: Connection) {
    c.handle_sample(ms(3), clear(0));
    assert_eq!(c.poll_action(), Some(Action::Abort));
    c.handle_closed(ms(3));
    assert_eq!(c.outcome().map(|o| o.ending), Some(Ending::Truncated));
}

#[test]
fn an_input_given_up_by_default_is_indeterminate_and_the_peer_sees_a_reset() {
    let grace = InputGrace::gives_up(ms(2000));
    let mut c = connected(Config { input_grace: Some(grace), ..Config::default() }, 7);
    c.handle_eof(ms(5));
    let waiting = Waiting { input: true, ..Waiting::default() };
    c.handle_waiting(ms(5), waiting);
    c.handle_waiting(ms(2005), waiting);
    c.handle_timeout(ms(2005));
    let ending = Ending::Indeterminate { missing: Missing::InputEnd };
    aborts_after_delivery(&mut c, ms(2005), ending);
    assert!(c.input_abandoned());
}

#[test]
fn a_slow_peer_that_acknowledges_puts_the_abort_off_for_as_long_as_it_takes() {
    let flush_timeout = ms(300);
    let mut c = connected(Config { flush_timeout, ..Config::default() }, 7);
    c.handle_local_failure(ms(2), LocalEnd::Command, None);
    let mut now = ms(2);
    let mut missing = 7;
    let mut turns = 0..1000;
    while !c.is_decided() {
        turns.next().expect("it ends");
        match c.poll_action() {
            Some(Action::Sample) => c.handle_sample(now, clear(missing)),
            None => {
                now = c.poll_timeout().expect("it is bounded");
                c.handle_timeout(now);
                // One octet each 200 ms.
                missing = 7_u64.saturating_sub(u64::try_from(now.as_millis()).unwrap_or(0) / 200);
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(now >= ms(1400), "{now:?}");
}

#[test]
fn what_is_never_acknowledged_puts_the_abort_off_for_the_flush_timeout_only() {
    let flush_timeout = ms(300);
    let mut c = connected(Config { flush_timeout, ..Config::default() }, 7);
    c.handle_local_failure(ms(2), LocalEnd::Command, None);
    let mut now = ms(2);
    let mut looks = 0;
    let mut turns = 0..1000;
    while !c.is_decided() {
        turns.next().expect("it ends");
        match c.poll_action() {
            Some(Action::Sample) => c.handle_sample(now, clear(7)),
            None => {
                now = c.poll_timeout().expect("it is bounded");
                c.handle_timeout(now);
            }
            other => panic!("{other:?}"),
        }
        looks += 1;
        assert!(looks < 50, "looks come at growing intervals");
    }
    assert_eq!(now, ms(302));
    assert_eq!(c.poll_action(), Some(Action::Abort));
}

#[test]
fn what_our_kernel_never_takes_puts_the_abort_off_for_the_flush_timeout_only() {
    let mut c = connected(Config { flush_timeout: ms(300), ..Config::default() }, 7);
    c.handle_input(5);
    c.handle_local_failure(ms(2), LocalEnd::Input, None);
    assert_eq!(c.wants(), Wants { send: true, ..Wants::default() });
    assert_eq!((c.poll_action(), c.poll_timeout()), (None, Some(ms(302))));
    c.handle_timeout(ms(302));
    assert_eq!(c.poll_action(), Some(Action::Sample));
    c.handle_sample(ms(302), clear(7));
    assert!(c.is_decided());
}

#[test]
fn our_fin_waits_until_our_output_has_taken_the_peers_whole_stream() {
    let mut c = connected(Config::default(), 0);
    c.await_output_end();
    c.handle_received(ms(2), 5);
    c.handle_eof(ms(2));
    c.handle_input_eof();
    assert_eq!(c.poll_action(), None);
    c.handle_output(ms(3), 5);
    assert_eq!(c.poll_action(), None, "a file is still to be synced");
    c.handle_output_ended();
    assert_eq!(c.poll_action(), Some(Action::ShutdownSend));
}

#[test]
fn an_output_that_fails_at_its_end_is_a_reset() {
    let mut c = connected(Config::default(), 0);
    c.await_output_end();
    c.handle_eof(ms(2));
    c.handle_input_eof();
    c.handle_local_failure(ms(3), LocalEnd::Output, Some(28));
    assert_eq!(c.poll_action(), Some(Action::Sample));
    c.handle_sample(ms(3), clear(0));
    assert_eq!(c.poll_action(), Some(Action::Abort));
}

#[test]
fn before_the_peers_end_our_own_is_not_held_for_our_output() {
    let mut c = connected(Config::default(), 3);
    c.await_output_end();
    c.handle_input_eof();
    assert_eq!(c.poll_action(), Some(Action::ShutdownSend));
}

#[test]
fn an_input_that_gave_nothing_ends_when_the_peer_has_ended_or_was_silent_for_the_peer_grace() {
    let config = Config { peer_grace: Some(ms(300)), ..Config::default() };
    let mut c = connected(config.clone(), 0);
    c.handle_input_eof();
    assert_eq!(c.poll_action(), None);
    c.handle_eof(ms(2));
    assert_eq!(c.poll_action(), Some(Action::ShutdownSend));

    let mut c = connected(config.clone(), 0);
    c.handle_input_eof();
    let waiting = Waiting { receive: true, ..Waiting::default() };
    c.handle_waiting(ms(1), waiting);
    c.handle_received(ms(200), 1);
    c.handle_output(ms(200), 1);
    c.handle_waiting(ms(200), waiting);
    assert_eq!(c.poll_timeout(), Some(ms(500)), "what it sent began its silence anew");
    c.handle_waiting(ms(500), waiting);
    c.handle_timeout(ms(500));
    assert_eq!(c.poll_action(), Some(Action::ShutdownSend));

    let mut c = connected(config, 1);
    c.handle_input_eof();
    assert_eq!(c.poll_action(), Some(Action::ShutdownSend), "an input that gave something has ended");
}

#[test]
fn a_connection_over_which_no_byte_passes_is_given_up_if_that_is_bounded() {
    let config = Config { first_byte_timeout: Some(ms(100)), ..Config::default() };
    let waiting = Waiting { receive: true, input: true, ..Waiting::default() };
    let mut c = connected(config.clone(), 0);
    c.handle_waiting(ms(1), waiting);
    assert_eq!(c.poll_timeout(), Some(ms(101)));
    c.handle_waiting(ms(101), waiting);
    c.handle_timeout(ms(101));
    assert!(c.is_decided());
    for bytes in [0, 1] {
        let mut c = connected(config.clone(), 1 - bytes);
        c.handle_received(ms(2), bytes);
        c.handle_waiting(ms(2), waiting);
        assert!(c.poll_timeout().is_none_or(|at| at > ms(101)), "a byte has passed");
    }
}

#[test]
fn a_silent_input_that_answers_the_peer_is_the_peers_silence() {
    let waiting = Waiting { receive: true, input: true, ..Waiting::default() };
    for (input_silence, given, bounded) in [
        (InputSilence::Ours, 0, false),
        (InputSilence::Ours, 1, false),
        (InputSilence::OursOnceItGave, 0, true),
        (InputSilence::OursOnceItGave, 1, false),
        (InputSilence::Peers, 1, true),
    ] {
        let idle_timeout = Some(ms(100));
        let config = Config { idle_timeout, input_silence, dead_peer: None, ..Config::default() };
        let mut c = connected(config, given);
        c.sample_due = true;
        assert_eq!(c.poll_action(), Some(Action::Sample));
        c.handle_sample(ms(1), clear(0));
        c.handle_waiting(ms(1), waiting);
        assert_eq!(c.poll_timeout().is_some(), bounded, "{input_silence:?} {given}");
    }
}

#[test]
fn where_nobody_tells_of_acknowledgements_an_abort_waits_only_if_there_is_something_to_deliver() {
    let unknown = Sample { unacknowledged: Unacknowledged::Unknown, ..clear(0) };
    for sent in [0, 7] {
        let mut c = connected(Config::default(), sent);
        c.handle_input_failed(ms(2), None);
        assert_eq!(c.poll_action(), Some(Action::Sample));
        c.handle_sample(ms(2), unknown);
        assert_eq!(c.is_decided(), sent == 0);
    }
}
