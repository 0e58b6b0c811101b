//! Resets, early closes, and failures of our own.

use super::*;
use adieu_proto::{LocalEnd, Missing, Signal};
use adieu_testkit::sim::{
    Answer, Ask, InputStep, LinkFault, OutputStep, SimInput, SimOutput, Simulation, Step,
};

use SimEvent::{Accepted, Asked, Connected, Ended, Eof, InputEnded, Received, Written};

/// An input that gives `n` bytes and then nothing more.
fn open_after(n: u64) -> SimInput {
    SimInput::new([InputStep::Give(n)])
}

#[test]
fn a_refused_connection_is_no_connection() {
    let mut simulation = Simulation::new(sends(3), [Step::Hold]);
    simulation.answer = Answer::Refuse;
    let run = simulation.run();
    assert_eq!(run.us.story(), [told(Call::Connect, FaultKind::Refused), CLOSE, Ended(Ending::NoConnection)]);
    assert_eq!(ending(&run.us), (Ending::NoConnection, Phase::Connecting));
}

#[test]
fn a_reset_while_sending_is_the_peers() {
    let input = open_after(100);
    let run = Simulation::new(sends(0).input(input), [Step::Receive(50), Step::Reset]).run();
    let reset = told(Call::Receive, FaultKind::Reset);
    assert_eq!(run.us.story(), [Connected, Accepted(100), reset, CLOSE, Ended(RESET_BY_PEER)]);
    assert_eq!(ending(&run.us), (RESET_BY_PEER, Phase::Sending));
}

#[test]
fn a_reset_while_draining_is_the_peers_and_what_came_before_is_handed_on() {
    let script = [Step::ReceiveToEof, Step::Send(5), Step::Reset];
    let run = Simulation::new(sends(14), script).run();
    assert_eq!(
        run.us.story(),
        [
            Connected,
            Accepted(14),
            InputEnded,
            SHUTDOWN,
            Received(5),
            Written(5),
            told(Call::Receive, FaultKind::Reset),
            CLOSE,
            Ended(RESET_BY_PEER)
        ]
    );
    assert_eq!(ending(&run.us), (RESET_BY_PEER, Phase::Draining));
    assert!(!run.us.outcome.expect("there is an outcome").evidence.eof);
}

#[test]
fn a_reset_with_the_reply_unread_in_our_kernel_still_gives_the_reply() {
    let busy = SimOutput::new([OutputStep::Take(1), OutputStep::Pause(secs(1))]);
    let mut core = sends(14).output(busy);
    core.room = 4;
    let run = Simulation::new(core, [Step::ReceiveToEof, Step::Send(20), Step::Reset]).run();
    assert_eq!(run.us.counts.written, 20);
    assert_eq!(ending(&run.us), (RESET_BY_PEER, Phase::Draining));
}

#[test]
fn a_reset_while_closing_is_the_peers() {
    // Its FIN arrives; the acknowledgement of ours does not, an RST does.
    let reset = LinkFault::Reset { at: ms(100), to: Side::Us };
    let lost = LinkFault::Swallow {
        at: ms(3),
        until: None,
        to: Side::Us,
        what: adieu_testkit::sim::What::Everything,
    };
    let input = SimInput::new([InputStep::Pause(ms(10)), InputStep::End]);
    let script = [Step::ShutdownSend, Step::ReceiveToEof];
    let run = Simulation::new(sends(0).input(input), script).with(lost).with(reset).run();
    assert_eq!(
        run.us.story(),
        [
            Connected,
            Eof,
            InputEnded,
            SHUTDOWN,
            told(Call::SocketError, FaultKind::Reset),
            CLOSE,
            Ended(RESET_BY_PEER)
        ]
    );
    assert_eq!(ending(&run.us), (RESET_BY_PEER, Phase::Closing));
}

#[test]
fn data_then_fin_then_reset_is_not_graceful_although_recv_says_only_eof() {
    // The whole reply, its FIN, and only then the RST; our input is still open.
    let reset = LinkFault::Reset { at: ms(50), to: Side::Us };
    let input = SimInput::new([InputStep::Give(3), InputStep::Pause(ms(100)), InputStep::End]);
    let script = [Step::Receive(3), Step::Send(9), Step::ShutdownSend, Step::Hold];
    for wakes_on_error in [true, false] {
        let mut core = sends(0).input(input.clone());
        core.platform.wakes_on_error = wakes_on_error;
        let run = Simulation::new(core, script).with(reset).run();
        let story = run.us.story();
        assert_eq!(story[..5], [Connected, Accepted(3), Received(9), Written(9), Eof]);
        assert!(!story[5..].contains(&told(Call::Receive, FaultKind::Reset)));
        assert_eq!(ending(&run.us), (RESET_BY_PEER, Phase::Sending));
        let kind = first_fault(&run.us).map(|fault| fault.kind);
        assert_eq!(kind, Some(FaultKind::BrokenPipe), "{story:?}");
        if !wakes_on_error {
            // Nobody looked until the half-close failed with a bare ENOTCONN.
            assert_eq!(story[5..7], [InputEnded, SHUTDOWN]);
        }
    }
}

#[test]
fn a_full_reply_then_rst_instead_of_fin_is_a_reset() {
    let script = [Step::ReceiveToEof, Step::Send(100_000), Step::Pause(secs(1)), Step::Reset];
    let run = Simulation::new(sends(14), script).run();
    assert_eq!(run.us.counts.written, 100_000);
    assert_eq!(ending(&run.us), (RESET_BY_PEER, Phase::Draining));
}

#[test]
fn an_early_reply_then_a_close_on_the_unread_upload_is_received_whole() {
    let script = [Step::Receive(1000), Step::Send(300), Step::Close];
    let run = Simulation::new(sends(10_000_000), script).run();
    assert_eq!(run.us.counts.written, 300);
    assert_eq!(ending(&run.us), (RESET_BY_PEER, Phase::Sending));
    let evidence = run.us.outcome.expect("there is an outcome").evidence;
    assert!(evidence.unacknowledged.is_some_and(|missing| missing > 0));
}

#[test]
fn a_reply_then_a_close_that_leaves_our_bytes_unread_is_a_reset() {
    let script = [Step::Pause(ms(50)), Step::Send(300), Step::Close];
    let run = Simulation::new(sends(14), script).run();
    assert_eq!(run.us.counts.written, 300);
    assert_eq!(ending(&run.us), (RESET_BY_PEER, Phase::Draining));
}

#[test]
fn a_peer_that_closed_resets_what_comes_later() {
    let input = SimInput::new([
        InputStep::Pause(secs(1)),
        InputStep::Give(5),
        InputStep::Pause(secs(1)),
        InputStep::Give(5),
        InputStep::End,
    ]);
    let run = Simulation::new(sends(0).input(input), [Step::Send(9), Step::Close]).run();
    assert_eq!(
        run.us.story(),
        [
            Connected,
            Received(9),
            Written(9),
            Eof,
            Accepted(5),
            told(Call::SocketError, FaultKind::BrokenPipe),
            CLOSE,
            Ended(RESET_BY_PEER)
        ]
    );
    assert_eq!(ending(&run.us), (RESET_BY_PEER, Phase::Sending));
}

#[test]
fn our_abort_is_seen_as_a_reset_by_the_peers_core() {
    let us = sends(0).input(open_after(10)).ask(ms(100), Ask::Abort);
    let run = Simulation::pair(us, sends(0).input(SimInput::silent())).run();
    let by_us = Ending::Reset { by: Side::Us };
    assert_eq!(run.us.story(), [Connected, Accepted(10), Asked(Ask::Abort), ABORT, Ended(by_us)]);
    assert_eq!(ending(&run.us), (by_us, Phase::Sending));
    assert_eq!(ending(&run.peer), (RESET_BY_PEER, Phase::Sending));
    assert_eq!(run.peer.counts.written, 10);
}

#[test]
fn an_interrupted_upload_does_not_look_whole_to_the_peer() {
    for signal in [Signal::Interrupt, Signal::Terminate] {
        let us = sends(0).input(open_after(10)).ask(ms(100), Ask::Interrupt(signal));
        let run = Simulation::pair(us, sends(0)).run();
        assert_eq!(ending(&run.us), (Ending::Interrupted { signal }, Phase::Sending));
        assert_eq!(ending(&run.peer), (RESET_BY_PEER, Phase::Draining));
    }
}

#[test]
fn an_interrupted_download_is_closed() {
    let signal = Signal::Interrupt;
    let us = sends(5).ask(ms(100), Ask::Interrupt(signal));
    let run = Simulation::new(us, [Step::ReceiveToEof, Step::Hold]).run();
    assert_eq!(ending(&run.us), (Ending::Interrupted { signal }, Phase::Draining));
    assert_eq!(run.us.story().iter().rev().nth(1), Some(&CLOSE));
}

#[test]
fn an_interrupt_while_connecting_leaves_no_connection_behind() {
    let signal = Signal::Interrupt;
    let run = Simulation::pair(sends(5).ask(ms(1), Ask::Interrupt(signal)), sends(0)).run();
    assert_eq!(ending(&run.us), (Ending::Interrupted { signal }, Phase::Connecting));
    assert_eq!(ending(&run.peer).0, RESET_BY_PEER);
}

#[test]
fn giving_up_before_the_peers_end_is_indeterminate() {
    let us = sends(5).ask(ms(100), Ask::GiveUp);
    let run = Simulation::new(us, [Step::ReceiveToEof, Step::Hold]).run();
    let missing = Missing::PeerEof;
    assert_eq!(ending(&run.us), (Ending::Indeterminate { missing }, Phase::Draining));
}

#[test]
fn a_failing_input_aborts_so_that_the_peer_does_not_take_a_part_for_the_whole() {
    let input = SimInput::new([InputStep::Give(10), InputStep::Fail(5)]);
    let run = Simulation::pair(sends(0).input(input), sends(0)).run();
    let end = LocalEnd::Input;
    assert_eq!(ending(&run.us), (Ending::LocalFailure { end }, Phase::Sending));
    assert_eq!(run.us.outcome.and_then(|outcome| outcome.evidence.local_code), Some(5));
    assert_eq!(ending(&run.peer).0, RESET_BY_PEER);
}

#[test]
fn a_failing_output_is_our_own_failure() {
    let output = SimOutput::new([OutputStep::Take(100), OutputStep::Fail(28)]);
    let run = Simulation::pair(sends(3).output(output), sends(50_000)).run();
    let end = LocalEnd::Output;
    assert_eq!(ending(&run.us), (Ending::LocalFailure { end }, Phase::Draining));
    assert_eq!(run.us.counts.written, 100);
    assert_eq!(ending(&run.peer).0, RESET_BY_PEER, "it learns that its bytes were not taken");
}

#[test]
fn eof_before_the_end_mark_is_a_truncation_and_after_it_graceful() {
    for (mark, expected) in [(50, Ending::Graceful), (51, Ending::Truncated)] {
        let mut us = Core::new(Config { end_mark: true, ..no_timers() }, 5);
        us.end_mark_after = Some(mark);
        let run = Simulation::pair(us, sends(50)).run();
        assert_eq!(ending(&run.us), (expected, Phase::Closing));
    }
}

#[test]
fn a_platform_that_cannot_tell_gives_no_graceful() {
    use adieu_testkit::sim::Acknowledgements::{NotApplicable, Unknown};
    let mut us = sends(5);
    us.platform.acknowledgements = Unknown;
    let missing = Missing::Acknowledgement;
    assert_eq!(ending(&Simulation::pair(us, sends(5)).run().us).0, Ending::Indeterminate { missing });

    let mut us = sends(5);
    us.platform.socket_error = false;
    let missing = Missing::SocketError;
    assert_eq!(ending(&Simulation::pair(us, sends(5)).run().us).0, Ending::Indeterminate { missing });

    let mut us = sends(5);
    us.platform.acknowledgements = NotApplicable;
    assert_eq!(ending(&Simulation::pair(us, sends(5)).run().us).0, Ending::Graceful);
}
