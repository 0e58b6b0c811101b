//! Silences that the user calls an end: of an input that nobody uses, and of both sides.

use super::*;

const BOTH: Waiting = Waiting { input: true, ..RECEIVING };
const INPUT: Waiting = Waiting { receive: false, ..BOTH };

/// Waits for this until the ending is decided, and gives when.
fn wait_it_out(c: &mut Connection, mut now: Time, waiting: Waiting, unacknowledged: u64) -> Time {
    for _ in 0..1000 {
        if c.is_decided() {
            return now;
        }
        c.handle_waiting(now, waiting);
        now = c.poll_timeout().expect("a timer runs");
        time_out(c, now, waiting);
        if c.poll_action() == Some(Action::Sample) {
            c.handle_sample(now, clear(unacknowledged));
        }
    }
    panic!("it does not end");
}

#[test]
fn an_input_that_gave_nothing_has_a_grace_of_its_own() {
    let config = Config {
        input_grace: Some(InputGrace::gives_up(ms(2000))),
        unused_input_grace: Some(Time::ZERO),
        ..Config::default()
    };
    let mut unused = Connection::new(config.clone());
    unused.handle_connected(ms(1));
    unused.handle_eof(ms(5));
    time_out(&mut unused, ms(5), INPUT);
    assert_eq!(unused.poll_action(), Some(Action::ShutdownSend), "its silence is its end");
    unused.handle_shutdown(ms(5), Ok(()));
    assert_eq!(finish(&mut unused, ms(6), clear(0)).ending, Ending::Graceful);

    // It has given a byte, before the peer's end or after it.
    let mut used = halves(config.clone(), true, false);
    let ended = wait_it_out(&mut used, ms(5), INPUT, 0);
    let (ending, _, last) = end(&mut used, ended);
    assert_eq!(
        (ended, ending, last),
        (ms(2005), Ending::Indeterminate { missing: Missing::InputEnd }, Action::Abort)
    );
    let mut late = Connection::new(config);
    late.handle_connected(ms(1));
    late.handle_eof(ms(2));
    late.handle_input(1);
    late.handle_accepted(ms(3), 1);
    time_out(&mut late, ms(3), INPUT);
    assert_eq!(late.poll_action(), None);
}

#[test]
fn where_silence_is_the_end_a_stream_that_is_sent_is_closed_and_not_aborted() {
    let config = |idle_ends| Config { idle_ends, input_silence: InputSilence::Peers, ..idle_of(100) };
    for (idle_ends, read, expected) in
        [(true, 0, Action::Close), (false, 0, Action::Abort), (true, 1, Action::Abort)]
    {
        let mut c = halves(config(idle_ends), false, false);
        // What is read and not sent would be missing.
        c.handle_input(read);
        let now = wait_it_out(&mut c, ms(2), BOTH, 0);
        let (ending, _, last) = end(&mut c, now);
        assert_eq!((ending, last), (Ending::TimedOut { timer: Timer::Idle }, expected), "{idle_ends} {read}");
    }
}

#[test]
fn the_silence_after_our_fin_has_a_bound_of_its_own() {
    let config = || Config { idle_timeout_after_fin: Some(ms(50)), dead_peer: None, ..Config::default() };
    let mut open = halves(config(), false, false);
    open.handle_waiting(ms(2), RECEIVING);
    assert_eq!(open.poll_timeout(), None);
    let mut c = half_closed(config());
    let now = wait_it_out(&mut c, ms(2), RECEIVING, 15);
    let (ending, phase, last) = end(&mut c, now);
    assert_eq!((now, ending, phase), (ms(52), Ending::TimedOut { timer: Timer::Idle }, Phase::Draining));
    assert_eq!(last, Action::Close);
}
