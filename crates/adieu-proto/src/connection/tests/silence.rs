//! Timers, and whose silence it is.

use super::*;

#[test]
fn a_silent_peer_times_out_only_after_a_fresh_look() {
    let mut c = half_closed(idle_of(100));
    c.handle_waiting(ms(10), RECEIVING);
    let mut now = ms(10);
    let mut turns = 0..1000;
    while !c.is_decided() {
        turns.next().expect("it ends");
        now = c.poll_timeout().expect("a timer runs");
        time_out(&mut c, now, RECEIVING);
        assert_eq!(c.poll_action(), Some(Action::Sample));
        c.handle_sample(now, clear(0));
        c.handle_waiting(now, RECEIVING);
    }
    // The first look found everything acknowledged: that was progress.
    assert!(now >= ms(110) && now <= ms(135), "{now:?}");
    assert_eq!(finish(&mut c, now, clear(0)).ending, Ending::TimedOut { timer: Timer::Idle });
}

#[test]
fn a_slow_reader_that_acknowledges_does_not_time_out() {
    let mut c = Connection::new(idle_of(100));
    c.handle_connected(ms(1));
    c.handle_input(1000);
    c.handle_accepted(ms(1), 500);
    let blocked = Waiting { send: true, receive: true, ..Waiting::default() };
    c.handle_waiting(ms(1), blocked);
    for missing in (0..50).rev() {
        let now = c.poll_timeout().expect("a timer runs");
        time_out(&mut c, now, blocked);
        assert_eq!(c.poll_action(), Some(Action::Sample));
        c.handle_sample(now, clear(missing * 10));
        c.handle_waiting(now, blocked);
        assert!(!c.is_decided());
    }
}

#[test]
fn what_was_sent_before_the_connection_was_ours_is_progress_too() {
    let mut c = Connection::new(idle_of(100));
    c.handle_sent_before(500);
    c.handle_connected(ms(1));
    c.handle_input_eof();
    assert_eq!(c.poll_action(), Some(Action::ShutdownSend));
    c.handle_shutdown(ms(2), Ok(()));
    c.handle_waiting(ms(2), RECEIVING);
    let mut now = ms(2);
    for missing in (0..50).rev() {
        now = c.poll_timeout().expect("a timer runs");
        time_out(&mut c, now, RECEIVING);
        assert_eq!(c.poll_action(), Some(Action::Sample));
        c.handle_sample(now, clear(missing * 10 + 1));
        c.handle_waiting(now, RECEIVING);
        assert!(!c.is_decided());
        assert_eq!((c.evidence().unacknowledged, c.acknowledged()), (Some(missing * 10), Some(0)));
    }
    assert!(now > ms(1000));
}

#[test]
fn a_peer_whose_words_keep_us_busy_and_that_takes_nothing_is_idle() {
    for (busy, waited, ends) in [(0, 10, 110..141), (50, 10, 610..900)] {
        let mut c = Connection::new(idle_of(100));
        c.handle_connected(ms(1));
        c.handle_input(1000);
        c.handle_accepted(ms(1), 500);
        let blocked = Waiting { send: true, receive: true, ..Waiting::default() };
        let mut now = 1;
        let mut turns = 0..1000;
        while !c.is_decided() {
            turns.next().expect("it ends");
            assert!(now < 2000, "never");
            c.handle_waiting(ms(now), blocked);
            if c.poll_timeout().is_some_and(|at| at <= ms(now)) {
                c.handle_timeout(ms(now));
            }
            if c.poll_action() == Some(Action::Sample) {
                c.handle_sample(ms(now), clear(500));
            }
            now += waited;
            // Woken by the peer's words, which is work of ours.
            c.handle_waiting(ms(now), Waiting::default());
            now += busy;
            c.handle_received(ms(now), 1);
            c.handle_output(ms(now), 1);
        }
        assert!(ends.contains(&now), "only what we waited counts: {now}");
        let outcome = finish(&mut c, ms(now), clear(500));
        assert_eq!(outcome.ending, Ending::TimedOut { timer: Timer::Idle });
        assert!(outcome.evidence.peer_spoke);
    }
}

#[test]
fn a_peer_whose_words_keep_us_busy_is_looked_at_all_the_same() {
    let mut c = Connection::new(Config::default());
    c.handle_connected(ms(1));
    c.handle_input(1000);
    c.handle_accepted(ms(1), 500);
    let blocked = Waiting { send: true, receive: true, ..Waiting::default() };
    let mut looks = 0;
    for second in 1..60 {
        let now = ms(second * 1000);
        c.handle_waiting(now, blocked);
        c.handle_timeout(now);
        if c.poll_action() == Some(Action::Sample) {
            looks += 1;
            c.handle_sample(now, clear(500));
            c.handle_waiting(now, blocked);
        }
        // Its word comes before the next look is due, and our output is full for a moment.
        let full = Waiting { output: true, ..Waiting::default() };
        for waiting in [Waiting::default(), full] {
            c.handle_waiting(now + ms(500), waiting);
            assert_eq!(c.poll_timeout(), None, "nothing is looked at meanwhile");
        }
    }
    assert!(looks >= 8, "only {looks} looks");
}

#[test]
fn our_own_silence_is_not_the_peers() {
    let mut c = half_closed(idle_of(100));
    c.handle_received(ms(3), 5);
    c.handle_waiting(ms(3), Waiting { output: true, ..Waiting::default() });
    assert_eq!(c.poll_timeout(), None, "a blocked output of ours runs no timer, and no look");

    let mut c = Connection::new(idle_of(100));
    c.handle_connected(ms(1));
    c.handle_waiting(ms(1), Waiting { input: true, receive: true, ..Waiting::default() });
    assert_eq!(c.poll_timeout(), None, "a silent input of ours runs no timer");
}

#[test]
fn a_stalled_peer_that_answers_probes_is_not_dead_and_one_that_does_not_is() {
    let blocked = Waiting { send: true, receive: true, ..Waiting::default() };
    for dead in [false, true] {
        let mut c = Connection::new(Config::default());
        c.handle_connected(ms(1));
        c.handle_input(1000);
        c.handle_accepted(ms(1), 500);
        c.handle_waiting(ms(1), blocked);
        for look in 1..100 {
            let Some(now) = c.poll_timeout().filter(|_| !c.is_decided()) else { break };
            time_out(&mut c, now, blocked);
            assert_eq!(c.poll_action(), Some(Action::Sample));
            // A probe between every two looks, and an answer to it.
            let segments_received = Some(if dead { 1 } else { u64::from(look) });
            let asking = Some(Asking { retransmissions: 0, probes: look, every: ms(6000) });
            let last_heard = Some(now);
            let path = Path { last_heard, segments_received, asking, ..Path::default() };
            c.handle_sample(now, Sample { path, ..clear(500) });
            c.handle_waiting(now, blocked);
        }
        assert_eq!(c.is_decided(), dead);
        if dead {
            assert_eq!(c.poll_action(), Some(Action::Abort));
        }
    }
}

#[test]
fn the_peer_ended_first_and_our_silent_input_is_given_up_after_its_grace() {
    let grace = InputGrace::ends(ms(2000));
    let mut c = Connection::new(Config { input_grace: Some(grace), ..Config::default() });
    c.handle_connected(ms(1));
    c.handle_eof(ms(5));
    let waiting = Waiting { input: true, ..Waiting::default() };
    c.handle_waiting(ms(5), waiting);
    assert_eq!(c.poll_timeout(), Some(ms(2005)));
    c.handle_input(3);
    c.handle_accepted(ms(1000), 3);
    c.handle_waiting(ms(1000), waiting);
    let mut now = ms(1000);
    let mut turns = 0..1000;
    while c.wants().input {
        turns.next().expect("it ends");
        now = c.poll_timeout().expect("the grace runs");
        time_out(&mut c, now, waiting);
        if c.poll_action() == Some(Action::Sample) {
            c.handle_sample(now, clear(0));
        }
    }
    assert_eq!(now, ms(3000), "what the input gave began its silence anew");
    assert!(c.input_abandoned());
}

#[test]
fn the_idle_timer_does_not_run_while_connecting() {
    let mut c = Connection::new(idle_of(100));
    c.handle_waiting(ms(1), Waiting { send: true, ..Waiting::default() });
    assert_eq!(c.poll_timeout(), Some(Config::CONNECT_TIMEOUT), "or it would be due without end");
}

#[test]
fn the_idle_timer_runs_in_a_handshake_and_each_part_of_it_starts_it_anew() {
    let mut c = Connection::new(idle_of(100));
    c.handle_handshake(ms(1));
    c.handle_waiting(ms(2), RECEIVING);
    assert_eq!(c.poll_timeout(), Some(ms(102)));
    c.handle_handshake(ms(50));
    c.handle_waiting(ms(50), RECEIVING);
    assert_eq!(c.poll_timeout(), Some(ms(150)));
    c.handle_timeout(ms(150));
    assert!(!c.is_decided(), "what came in time may be unread");
    c.handle_waiting(ms(151), RECEIVING);
    c.handle_timeout(ms(151));
    let outcome = finish(&mut c, ms(151), clear(0));
    assert_eq!((outcome.ending, outcome.phase), (Ending::TimedOut { timer: Timer::Idle }, Phase::Connecting));
}

#[test]
fn the_silence_of_a_handshake_is_over_when_it_is_done() {
    let mut c = Connection::new(idle_of(100));
    c.handle_handshake(ms(1));
    c.handle_waiting(ms(2), RECEIVING);
    c.handle_connected(ms(3));
    assert_eq!(c.poll_timeout(), None, "nothing is waited for");
    // Our program was busy for longer than that.
    c.handle_waiting(ms(500), RECEIVING);
    c.handle_timeout(ms(500));
    assert!(!c.is_decided());
    assert_eq!(c.poll_timeout(), Some(ms(600)));
}

#[test]
fn after_a_fault_the_idle_timer_asks_for_no_more_looks() {
    let mut c = half_closed(idle_of(100));
    c.handle_waiting(ms(3), RECEIVING);
    c.handle_fault(ms(4), Fault { call: Call::SocketError, ..RESET });
    time_out(&mut c, ms(200), RECEIVING);
    assert_eq!(c.poll_action(), None);
    assert_eq!(c.poll_timeout(), None, "only receiving what is left can end it now");
}

#[test]
fn what_arrived_while_we_were_stopped_is_received_before_the_timers_are_believed() {
    let mut c = half_closed(idle_of(100));
    c.handle_waiting(ms(3), RECEIVING);
    // Stopped for a minute; meanwhile the peer has said everything, and our driver asks the timers first.
    c.handle_timeout(ms(60_000));
    assert_eq!(c.poll_action(), None, "nothing is decided before everything was tried");
    c.handle_received(ms(60_000), 5);
    c.handle_output(ms(60_000), 5);
    c.handle_eof(ms(60_000));
    assert_eq!(finish(&mut c, ms(60_000), clear(0)).ending, Ending::Graceful);
}

#[test]
fn input_that_was_there_while_we_were_stopped_is_not_given_up() {
    let mut c = Connection::new(Config::default());
    c.handle_connected(ms(1));
    c.handle_eof(ms(2));
    let waiting = Waiting { input: true, ..Waiting::default() };
    c.handle_waiting(ms(3), waiting);
    c.handle_timeout(ms(60_000));
    assert!(c.wants().input, "it may have given something in time");
    c.handle_input(5);
    c.handle_accepted(ms(60_000), 5);
    c.handle_waiting(ms(60_000), waiting);
    c.handle_timeout(ms(60_000));
    assert!(c.wants().input && !c.input_abandoned());
}
