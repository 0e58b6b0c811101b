//! Errors that calls tell, and what asks us to stop.

use super::*;

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
fn a_fault_between_the_decision_and_the_close_is_not_graceful() {
    let mut c = half_closed(Config::default());
    c.handle_eof(ms(4));
    assert_eq!(c.poll_action(), Some(Action::Sample));
    c.handle_sample(ms(5), clear(0));
    assert!(c.is_decided());
    c.handle_fault(ms(5), Fault { call: Call::SocketError, ..RESET });
    assert_eq!(finish(&mut c, ms(5), clear(0)).ending, Ending::Reset { by: Side::Peer });
}

const fn told(call: Call, kind: FaultKind) -> Fault {
    Fault { call, kind, code: None }
}

#[test]
fn an_ending_is_an_abort_where_a_fin_would_tell_the_peer_too_much() {
    use Action::{Abort, Close};
    type Cause = fn(&mut Connection);
    let interrupt: Cause = |c| c.handle_interrupt(ms(3), Signal::Interrupt);
    let abort: Cause = |c| c.handle_abort(ms(3));
    let output: Cause = |c| c.handle_local_failure(ms(3), LocalEnd::Output, None);
    let give_up: Cause = |c| c.handle_give_up(ms(3));
    let reset: Cause = |c| c.handle_fault(ms(3), RESET);
    let aborted: Cause = |c| c.handle_fault(ms(3), told(Call::Receive, FaultKind::Aborted));
    let lacks = |missing| Ending::Indeterminate { missing };
    let interrupted = Ending::Interrupted { signal: Signal::Interrupt };
    let failed = Ending::LocalFailure { end: LocalEnd::Output };
    let (by_us, by_peer) = (Ending::Reset { by: Side::Us }, Ending::Reset { by: Side::Peer });
    for (cause, peer_ended, we_ended, expected) in [
        (interrupt, false, false, (interrupted, Phase::Sending, Abort)),
        (interrupt, true, false, (interrupted, Phase::Sending, Abort)),
        (interrupt, false, true, (interrupted, Phase::Draining, Close)),
        (interrupt, true, true, (interrupted, Phase::Closing, Close)),
        (abort, false, false, (by_us, Phase::Sending, Abort)),
        (abort, true, true, (by_us, Phase::Closing, Abort)),
        (output, false, false, (failed, Phase::Sending, Abort)),
        (output, true, false, (failed, Phase::Sending, Abort)),
        (output, false, true, (failed, Phase::Draining, Abort)),
        (output, true, true, (failed, Phase::Closing, Close)),
        (give_up, false, false, (lacks(Missing::PeerEof), Phase::Sending, Abort)),
        (give_up, true, false, (by_us, Phase::Sending, Abort)),
        (give_up, false, true, (lacks(Missing::PeerEof), Phase::Draining, Close)),
        (reset, false, false, (by_peer, Phase::Sending, Close)),
        (reset, false, true, (by_peer, Phase::Draining, Close)),
        (aborted, false, true, (by_us, Phase::Draining, Abort)),
    ] {
        let mut c = halves(Config::default(), peer_ended, we_ended);
        cause(&mut c);
        assert!(c.is_decided() && c.wants() == Wants::default());
        assert_eq!(c.poll_timeout(), None);
        assert_eq!(c.outcome(), None, "the handle is not given back");
        assert_eq!(end(&mut c, ms(3)), expected, "{peer_ended} {we_ended}");
    }
    for (cause, ending) in [(interrupt, interrupted), (abort, by_us), (output, failed)] {
        let mut c = Connection::new(Config::default());
        cause(&mut c);
        assert_eq!(end(&mut c, ms(3)), (ending, Phase::Connecting, Close));
        assert_eq!(c.evidence().socket_error_clear, None, "there was nothing to look at");
    }
}

#[test]
fn every_kind_of_fault_has_its_ending() {
    use FaultKind::{
        Aborted, BrokenPipe, NotConnected, Other, Protocol, Refused, Reset, TimedOut, Unreachable,
    };
    let kernel = Ending::TimedOut { timer: Timer::Kernel };
    let socket = Ending::LocalFailure { end: LocalEnd::Socket };
    for (kind, expected, of_connect) in [
        (Reset, Ending::Reset { by: Side::Peer }, Ending::NoConnection),
        (BrokenPipe, Ending::Reset { by: Side::Peer }, Ending::NoConnection),
        (Aborted, Ending::Reset { by: Side::Us }, Ending::NoConnection),
        (TimedOut, kernel, kernel),
        (Unreachable, kernel, Ending::NoConnection),
        (NotConnected, Ending::Indeterminate { missing: Missing::Cause }, Ending::NoConnection),
        (Protocol, Ending::Truncated, Ending::NoConnection),
        (Refused, socket, Ending::NoConnection),
        (Other, socket, Ending::NoConnection),
    ] {
        let mut c = halves(Config::default(), false, false);
        c.handle_fault(ms(3), told(Call::Receive, kind));
        assert_eq!(end(&mut c, ms(3)).0, expected);
        let mut c = Connection::new(Config::default());
        let first = told(Call::Connect, kind);
        c.handle_connect_failed(ms(1), first);
        c.handle_connect_failed(ms(2), told(Call::Connect, Other));
        assert_eq!(end(&mut c, ms(2)), (of_connect, Phase::Connecting, Action::Close));
        assert_eq!(c.outcome().map(|o| (o.evidence.fault, o.at)), Some((Some(first), ms(1))));
    }
}

#[test]
fn the_first_fault_that_names_a_cause_counts() {
    use FaultKind::{BrokenPipe, NotConnected, Protocol, Reset, TimedOut};
    let coded = |kind| Fault { code: Some(7), ..told(Call::Send, kind) };
    for (first, second, is_second) in [
        (coded(Reset), coded(BrokenPipe), false),
        (coded(Reset), coded(NotConnected), false),
        (coded(TimedOut), coded(Reset), false),
        (coded(Reset), coded(Protocol), true),
        (coded(NotConnected), coded(Reset), true),
        (coded(NotConnected), told(Call::SocketError, NotConnected), false),
        (told(Call::Poll, NotConnected), coded(NotConnected), true),
    ] {
        for shut in [false, true] {
            let mut c = halves(Config::default(), false, shut);
            c.handle_fault(ms(3), first);
            assert_eq!(c.evidence().fault, Some(first));
            c.handle_fault(ms(4), second);
            assert_eq!(c.evidence().fault, Some(if is_second { second } else { first }), "{first:?}");
            let phase = if shut { Phase::Draining } else { Phase::Sending };
            assert_eq!(c.phase(), phase, "a fault ends no direction");
        }
    }
}

#[test]
fn a_shutdown_that_fails_asks_so_error_only_for_a_cause_that_is_not_known() {
    let failed = |before: Option<Fault>, kind| {
        let mut c = halves(Config::default(), false, false);
        c.handle_input_eof();
        assert_eq!(c.poll_action(), Some(Action::ShutdownSend));
        if let Some(before) = before {
            c.handle_fault(ms(2), before);
        }
        c.handle_shutdown(ms(2), Err(told(Call::Shutdown, kind)));
        assert_eq!(c.milestones().shutdown_send, None);
        c.poll_action()
    };
    assert_eq!(failed(None, FaultKind::NotConnected), Some(Action::Sample));
    assert_eq!(failed(None, FaultKind::Reset), None, "what came before the reset is received first");
    assert_eq!(failed(Some(told(Call::Send, FaultKind::Reset)), FaultKind::NotConnected), None);
}

#[test]
fn nothing_is_exhausted_without_a_fault() {
    let mut c = halves(Config::default(), false, false);
    c.handle_exhausted(ms(2));
    assert!(c.wants().receive && !c.is_decided());
    c.handle_fault(ms(3), told(Call::Send, FaultKind::BrokenPipe));
    assert!(c.wants().receive && !c.is_decided());
    c.handle_exhausted(ms(4));
    assert_eq!(end(&mut c, ms(4)), (Ending::Reset { by: Side::Peer }, Phase::Sending, Action::Close));
    let mut c = halves(Config::default(), true, false);
    c.handle_exhausted(ms(3));
    assert!(c.peer_has_ended(), "an EOF stays one");
}

#[test]
fn so_error_that_told_a_fault_is_never_clear_again() {
    let mut c = halves(Config::default(), false, true);
    c.request_sample();
    assert_eq!(c.poll_action(), Some(Action::Sample));
    let fault = told(Call::SocketError, FaultKind::Reset);
    c.handle_sample(ms(3), sample(2, SocketError::Fault(fault)));
    assert_eq!(c.evidence().socket_error_clear, Some(false));
    assert_eq!(c.poll_action(), None, "what came before is received first");
    c.handle_exhausted(ms(3));
    assert_eq!(end(&mut c, ms(3)), (Ending::Reset { by: Side::Peer }, Phase::Draining, Action::Close));
    assert_eq!(c.evidence().socket_error_clear, Some(false));
}

#[test]
fn only_a_failure_that_is_the_ending_leaves_its_number() {
    let mut c = halves(Config::default(), false, false);
    c.handle_input_failed(ms(2), Some(5));
    assert!(c.is_leaving());
    c.handle_local_failure(ms(3), LocalEnd::Output, Some(28));
    c.handle_input_failed(ms(3), Some(6));
    let input = Ending::LocalFailure { end: LocalEnd::Input };
    assert_eq!(end(&mut c, ms(3)), (input, Phase::Sending, Action::Abort));
    assert_eq!(c.evidence().local_code, Some(5));

    // A fault that was told before is the cause, and nothing is delivered any more.
    let mut c = halves(Config::default(), false, false);
    c.handle_fault(ms(2), told(Call::Send, FaultKind::Reset));
    c.handle_input_failed(ms(3), Some(5));
    assert!(c.is_decided());
    assert_eq!(end(&mut c, ms(3)), (Ending::Reset { by: Side::Peer }, Phase::Sending, Action::Close));
    assert_eq!(c.evidence().local_code, None);
}

#[test]
fn a_fault_while_an_abort_is_put_off_ends_the_wait_and_not_its_cause() {
    let mut c = halves(Config::default(), false, false);
    c.handle_input(1);
    c.handle_input_failed(ms(2), None);
    assert_eq!(c.wants(), Wants { send: true, ..Wants::default() });
    c.handle_fault(ms(3), told(Call::Send, FaultKind::Reset));
    let input = Ending::LocalFailure { end: LocalEnd::Input };
    assert_eq!(end(&mut c, ms(3)), (input, Phase::Sending, Action::Abort));
}

#[test]
fn an_end_that_was_seen_stays_seen() {
    let mut c = halves(Config::default(), true, false);
    c.handle_eof(ms(3));
    assert_eq!(c.milestones().peer_eof, Some(ms(2)), "the second proves nothing");
    assert!(c.peer_has_ended() && !c.wants().receive);
    c.handle_fault(ms(3), RESET);
    assert!(c.peer_has_ended() && c.evidence().eof);
    assert_eq!(end(&mut c, ms(3)), (Ending::Reset { by: Side::Peer }, Phase::Sending, Action::Close));
}

#[test]
fn an_abort_that_comes_after_the_peers_reset_is_not_what_ended_it() {
    let told = |kind| SocketError::Fault(Fault { call: Call::SocketError, kind, code: Some(1) });
    let by_us = Ending::Reset { by: Side::Us };
    let timed_out = Ending::TimedOut { timer: Timer::Kernel };
    for (socket_error, expected, last) in [
        (told(FaultKind::Reset), Ending::Reset { by: Side::Peer }, Action::Close),
        (told(FaultKind::BrokenPipe), Ending::Reset { by: Side::Peer }, Action::Close),
        (told(FaultKind::TimedOut), timed_out, Action::Abort),
        // Neither says who ended it.
        (told(FaultKind::NotConnected), by_us, Action::Abort),
        (told(FaultKind::Aborted), by_us, Action::Abort),
        (told(FaultKind::Other), by_us, Action::Abort),
        (SocketError::Clear, by_us, Action::Abort),
    ] {
        let mut c = halves(Config::default(), false, false);
        c.handle_abort(ms(3));
        assert_eq!(c.poll_action(), Some(Action::Sample));
        c.handle_sample(ms(3), sample(0, socket_error));
        assert_eq!(c.poll_action(), Some(last), "{socket_error:?}");
        c.handle_closed(ms(3));
        assert_eq!(c.outcome().map(|outcome| outcome.ending), Some(expected), "{socket_error:?}");
    }
}

#[test]
fn what_else_ended_it_stays_so_whatever_the_last_look_finds() {
    type Cause = fn(&mut Connection);
    let interrupted: Cause = |c| c.handle_interrupt(ms(3), Signal::Interrupt);
    let output: Cause = |c| c.handle_local_failure(ms(3), LocalEnd::Output, None);
    let cut: Cause = |c| {
        c.handle_other_side_cut(ms(3));
        c.handle_input_eof();
        c.handle_interrupt(ms(3), Signal::Interrupt);
    };
    for (cause, expected) in [
        (interrupted, Ending::Interrupted { signal: Signal::Interrupt }),
        (output, Ending::LocalFailure { end: LocalEnd::Output }),
        (cut, Ending::Reset { by: Side::Us }),
    ] {
        let mut c = halves(Config::default(), false, false);
        cause(&mut c);
        assert!(c.is_decided());
        let reset = Fault { call: Call::SocketError, ..RESET };
        assert_eq!(finish(&mut c, ms(3), sample(0, SocketError::Fault(reset))).ending, expected);
    }
}
