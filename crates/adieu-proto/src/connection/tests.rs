//! The machine by itself, one input at a time, in virtual time.

use super::*;
use crate::{Asking, InputGrace, Path, Unacknowledged, Wants};
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
    loop {
        match c.poll_action() {
            Some(Action::Sample) => c.handle_sample(now, last),
            Some(Action::Close | Action::Abort) => c.handle_closed(now),
            other => panic!("{other:?} on the way to the close"),
        }
        if let Some(outcome) = c.outcome() {
            return outcome;
        }
    }
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
fn eof_after_a_reset_stays_a_reset_while_draining() {
    let mut c = half_closed(Config::default());
    c.handle_received(ms(3), 5);
    c.handle_fault(ms(4), RESET);
    c.handle_eof(ms(4));
    assert_eq!(c.poll_action(), None, "received bytes are handed on first");
    c.handle_output(ms(5), 5);
    let outcome = finish(&mut c, ms(5), clear(0));
    assert_eq!((outcome.ending, outcome.phase), (Ending::Reset { by: Side::Peer }, Phase::Draining));
    assert!(!outcome.evidence.eof);
}

#[test]
fn eof_with_so_error_set_is_a_reset() {
    let mut c = half_closed(Config::default());
    c.handle_eof(ms(4));
    let epipe = Fault { call: Call::SocketError, kind: FaultKind::BrokenPipe, code: Some(32) };
    let outcome = finish(&mut c, ms(5), sample(0, SocketError::Fault(epipe)));
    assert_eq!((outcome.ending, outcome.phase), (Ending::Reset { by: Side::Peer }, Phase::Closing));
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
fn after_a_failed_send_what_the_peer_said_is_still_received() {
    let mut c = Connection::new(Config::default());
    c.handle_connected(ms(1));
    c.handle_input(100);
    c.handle_fault(ms(2), Fault { call: Call::Send, kind: FaultKind::BrokenPipe, code: Some(32) });
    assert_eq!(c.wants(), Wants { receive: true, ..Wants::default() });
    c.handle_received(ms(2), 7);
    c.handle_output(ms(2), 7);
    c.handle_exhausted(ms(2));
    let outcome = finish(&mut c, ms(2), clear(0));
    assert_eq!((outcome.ending, outcome.phase), (Ending::Reset { by: Side::Peer }, Phase::Sending));
}

#[test]
fn a_bare_enotconn_asks_so_error_for_the_cause() {
    let mut c = Connection::new(Config::default());
    c.handle_connected(ms(1));
    c.handle_input_eof();
    assert_eq!(c.poll_action(), Some(Action::ShutdownSend));
    let bare = Fault { call: Call::Shutdown, kind: FaultKind::NotConnected, code: Some(107) };
    c.handle_shutdown(ms(2), Err(bare));
    assert_eq!(c.poll_action(), Some(Action::Sample));
    c.handle_sample(ms(2), sample(0, SocketError::Fault(Fault { call: Call::SocketError, ..RESET })));
    c.handle_eof(ms(2));
    assert_eq!(finish(&mut c, ms(2), clear(0)).ending, Ending::Reset { by: Side::Peer });
}

/// The timer has come, and everything was tried once more.
fn time_out(c: &mut Connection, now: Time, waiting: Waiting) {
    c.handle_timeout(now);
    c.handle_waiting(now, waiting);
    c.handle_timeout(now);
}

const RECEIVING: Waiting =
    Waiting { receive: true, send: false, input: false, output: false, acknowledgement: false };

fn idle_of(config_ms: u64) -> Config {
    Config { idle_timeout: Some(ms(config_ms)), ..Config::default() }
}

#[test]
fn a_silent_peer_times_out_only_after_a_fresh_look() {
    let mut c = half_closed(idle_of(100));
    c.handle_waiting(ms(10), RECEIVING);
    let mut now = ms(10);
    while !c.is_decided() {
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
fn a_peer_whose_words_keep_us_busy_and_that_takes_nothing_is_idle() {
    for (busy, waited, ends) in [(0, 10, 110..141), (50, 10, 610..900)] {
        let mut c = Connection::new(idle_of(100));
        c.handle_connected(ms(1));
        c.handle_input(1000);
        c.handle_accepted(ms(1), 500);
        let blocked = Waiting { send: true, receive: true, ..Waiting::default() };
        let mut now = 1;
        while !c.is_decided() {
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
            let path = Path { last_heard, segments_received, asking, answer_within: None };
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
    while c.wants().input {
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
fn an_interrupted_upload_is_aborted_and_an_interrupted_download_closed() {
    let mut c = Connection::new(Config::default());
    c.handle_connected(ms(1));
    c.handle_interrupt(ms(2), Signal::Interrupt);
    assert_eq!(c.poll_action(), Some(Action::Sample));
    c.handle_sample(ms(2), clear(0));
    assert_eq!(c.poll_action(), Some(Action::Abort));

    let mut c = half_closed(Config::default());
    c.handle_interrupt(ms(3), Signal::Terminate);
    assert_eq!(c.poll_action(), Some(Action::Sample));
    c.handle_sample(ms(3), clear(0));
    assert_eq!(c.poll_action(), Some(Action::Close));
}

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
        let end = loop {
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
fn a_fault_between_the_verdict_and_the_close_is_not_graceful() {
    let mut c = half_closed(Config::default());
    c.handle_eof(ms(4));
    assert_eq!(c.poll_action(), Some(Action::Sample));
    c.handle_sample(ms(5), clear(0));
    assert!(c.is_decided());
    c.handle_fault(ms(5), Fault { call: Call::SocketError, ..RESET });
    assert_eq!(finish(&mut c, ms(5), clear(0)).ending, Ending::Reset { by: Side::Peer });
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
fn the_cause_of_a_bare_enotconn_may_be_told_by_recv() {
    let mut c = Connection::new(Config::default());
    c.handle_connected(ms(1));
    c.handle_input_eof();
    assert_eq!(c.poll_action(), Some(Action::ShutdownSend));
    c.handle_shutdown(ms(2), Err(Fault { call: Call::Shutdown, kind: FaultKind::NotConnected, code: None }));
    assert_eq!(c.poll_action(), Some(Action::Sample));
    c.handle_sample(ms(2), sample(0, SocketError::Unknown));
    c.handle_fault(ms(2), RESET);
    assert_eq!(finish(&mut c, ms(2), clear(0)).ending, Ending::Reset { by: Side::Peer });
}

#[test]
fn of_two_bare_enotconn_the_first_call_is_named() {
    let mut c = Connection::new(Config::default());
    c.handle_connected(ms(1));
    c.handle_input_eof();
    assert_eq!(c.poll_action(), Some(Action::ShutdownSend));
    let first = Fault { call: Call::Shutdown, kind: FaultKind::NotConnected, code: Some(107) };
    c.handle_shutdown(ms(2), Err(first));
    assert_eq!(c.poll_action(), Some(Action::Sample));
    c.handle_sample(ms(2), clear(0));
    c.handle_fault(ms(2), Fault { call: Call::Receive, ..first });
    assert_eq!(finish(&mut c, ms(2), clear(0)).evidence.fault, Some(first));
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
