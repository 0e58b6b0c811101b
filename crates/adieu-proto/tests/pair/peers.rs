//! Peers that are slow, stubborn or silent, and what is not their fault.

use super::*;
use adieu_proto::InputGrace;
use adieu_testkit::sim::{Acknowledgements, InputStep, LinkFault, SimInput, SimOutput, Simulation, Step};

#[test]
fn a_slow_reader_that_lives_does_not_time_out() {
    let slowly = Step::ReadSlowly { chunk: 20_000, every: ms(450) };
    let mut simulation = Simulation::new(Core::new(idle(secs(1)), 500_000), [slowly]);
    // What its kernel has acknowledged and it has not read is invisible to us, so little of that.
    simulation.peer_kernel.receive_buffer = 16_000;
    let run = simulation.run();
    assert_eq!(ending(&run.us), (Ending::Graceful, Phase::Closing));
    assert_eq!(run.peer.counts.received, 500_000);
    assert!(run.end > secs(12));
}

#[test]
fn a_reader_that_stops_does_time_out() {
    let run = Simulation::new(Core::new(idle(secs(1)), 500_000), [Step::Receive(5000), Step::Hold]).run();
    assert_eq!(ending(&run.us), (IDLE, Phase::Sending));
    assert!(run.us.milestones.closed.is_some_and(|at| at < secs(2)));
}

#[test]
fn a_trickling_reply_does_not_time_out_and_a_pause_in_it_does() {
    let trickle = Step::Trickle { bytes: 50, every: ms(900) };
    let run = Simulation::new(Core::new(idle(secs(1)), 5), [Step::ReceiveToEof, trickle]).run();
    assert_eq!(ending(&run.us), (Ending::Graceful, Phase::Closing));
    assert_eq!(run.us.counts.written, 50);

    let pause = Step::Pause(secs(10));
    let run = Simulation::new(Core::new(idle(secs(1)), 5), [Step::ReceiveToEof, trickle, pause]).run();
    assert_eq!(ending(&run.us), (IDLE, Phase::Draining));
    assert_eq!(run.us.counts.written, 50);
}

#[test]
fn our_slow_output_is_not_the_peers_silence() {
    let output = SimOutput::slow(10_000, secs(5), 20);
    let run = Simulation::pair(Core::new(idle(secs(1)), 5).output(output), sends(200_000)).run();
    assert_eq!(ending(&run.us), (Ending::Graceful, Phase::Closing));
    assert_eq!(ending(&run.peer), (Ending::Graceful, Phase::Closing));
    assert!(run.end > secs(90));
}

#[test]
fn a_peer_that_never_closes_is_waited_for_when_no_timer_is_set() {
    let run = Simulation::new(sends(5), [Step::ReceiveToEof, Step::Hold]).run();
    assert!(run.hung, "nothing bounds it, and that was asked for");
    assert_eq!(run.us.outcome, None);
}

#[test]
fn a_peer_that_never_closes_but_lives_is_not_dead() {
    let run = Simulation::new(Core::new(dead_peer(secs(120)), 5), [Step::ReceiveToEof, Step::Hold]).run();
    assert!(run.hung);
    assert_eq!(run.us.kernel.acknowledged, 6);
}

#[test]
fn a_peer_that_was_not_asked_for_hours_is_not_dead() {
    let hour = InputStep::Pause(secs(3600));
    let input = SimInput::new([InputStep::Give(3), hour, InputStep::Give(4), InputStep::End]);
    let run = Simulation::pair(Core::new(dead_peer(secs(120)), 0).input(input), sends(0)).run();
    // The look right after the half-close finds octets missing, and the last answer an hour old.
    assert_eq!(ending(&run.us), (Ending::Graceful, Phase::Closing));
}

#[test]
fn a_peer_that_never_reads_but_answers_probes_is_not_dead() {
    let mut simulation = Simulation::new(Core::new(dead_peer(secs(125)), 500_000), [Step::Hold]);
    simulation.horizon = secs(7200);
    let run = simulation.run();
    assert!(run.hung, "{:?}", run.us.outcome);
}

#[test]
fn silent_input_after_the_peers_end_is_given_up_after_its_grace() {
    let config = Config { input_grace: Some(InputGrace::ends(secs(2))), ..no_timers() };
    let input = SimInput::new([
        InputStep::Pause(secs(1)),
        InputStep::Give(3),
        InputStep::Pause(secs(10)),
        InputStep::Give(4),
        InputStep::End,
    ]);
    let run = Simulation::pair(Core::new(config, 0).input(input), sends(9)).run();
    assert_eq!(ending(&run.us), (Ending::Graceful, Phase::Closing));
    assert!(run.us.input_abandoned);
    assert_eq!(run.us.counts.accepted, 3);
    assert_eq!(run.us.milestones.shutdown_send, Some(ms(3002)), "its silence began after the 3 bytes");
    assert_eq!(run.peer.counts.written, 3);
}

#[test]
fn both_ends_with_silent_inputs_and_no_grace_wait_for_ever_and_use_no_timer() {
    let us = sends(0).input(SimInput::silent());
    let run = Simulation::pair(us, sends(0).input(SimInput::silent())).run();
    assert!(run.hung);
    assert_eq!(run.end, ms(2), "nothing happened after the connection was there");
}

#[test]
fn our_slow_input_is_not_the_peers_silence() {
    let rounds = [InputStep::Give(10), InputStep::Pause(secs(5))];
    let input = SimInput::new(rounds.into_iter().cycle().take(20).chain([InputStep::End]));
    for acknowledgements in
        [Acknowledgements::Octets, Acknowledgements::Unknown, Acknowledgements::NotApplicable]
    {
        let mut us = Core::new(idle(secs(1)), 0).input(input.clone());
        us.platform.acknowledgements = acknowledgements;
        let run = Simulation::pair(us, sends(0)).run();
        assert_eq!(run.peer.counts.written, 100, "{acknowledgements:?}");
        assert_eq!(ending(&run.peer), (Ending::Graceful, Phase::Closing), "{acknowledgements:?}");
    }
}

#[test]
fn a_trickling_input_does_not_hide_a_black_hole() {
    // Our kernel accepts what the peer never takes: only acknowledgements are the peer's.
    let rounds = [InputStep::Give(1), InputStep::Pause(ms(500))];
    let input = SimInput::new(rounds.into_iter().cycle().take(2000).chain([InputStep::End]));
    let cut = LinkFault::Cut { at: ms(700) };
    let run = Simulation::pair(Core::new(idle(secs(2)), 0).input(input), sends(0)).with(cut).run();
    assert_eq!(ending(&run.us), (IDLE, Phase::Sending));
    assert!(run.us.milestones.closed.is_some_and(|at| at < secs(5)), "{:?}", run.us.milestones);
}
