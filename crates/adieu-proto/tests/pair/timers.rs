//! Links that are cut or swallow, in every phase, under each of the timers.

use super::*;
use adieu_proto::{InputGrace, InputSilence, Outcome};
use adieu_testkit::sim::{
    Answer, InputStep, LinkFault, OutputStep, Run, SimInput, SimOutput, Simulation, Step, What,
};

/// What the connection is doing when the link is cut at 100 ms.
const PHASES: [Phase; 4] = [Phase::Connecting, Phase::Sending, Phase::Draining, Phase::Closing];

/// A run in which the link is cut while our core is in `phase`.
fn cut_in(phase: Phase, config: Config) -> Run {
    let (us, peer): (Core, Vec<Step>) = match phase {
        Phase::Connecting => (Core::new(config, 10), vec![Step::Hold]),
        Phase::Sending => (Core::new(config, 500_000), vec![Step::Hold]),
        Phase::Draining => {
            let input = SimInput::new([InputStep::Pause(ms(99)), InputStep::Give(10), InputStep::End]);
            (Core::new(config, 0).input(input), vec![Step::ReceiveToEof, Step::Hold])
        }
        Phase::Closing => {
            let input = SimInput::new([InputStep::Pause(ms(99)), InputStep::Give(10), InputStep::End]);
            (Core::new(config, 0).input(input), vec![Step::ShutdownSend, Step::ReceiveToEof])
        }
    };
    let mut simulation = Simulation::new(us, peer).with(LinkFault::Cut { at: ms(100) });
    if phase == Phase::Connecting {
        simulation.answer = Answer::Silence;
    }
    // Our kernel must not give up before our timers.
    simulation.our_kernel.retransmissions = 1000;
    simulation.run()
}

#[track_caller]
fn outcome(run: &Run) -> Outcome {
    assert!(!run.hung);
    run.us.outcome.expect("a run that did not hang has an outcome")
}

#[test]
fn a_cut_link_ends_by_the_deadline_in_every_phase() {
    for phase in PHASES {
        let outcome = outcome(&cut_in(phase, deadline(secs(5))));
        assert_eq!((outcome.ending, outcome.phase), (DEADLINE, phase));
        assert_eq!(outcome.at, secs(5));
    }
}

#[test]
fn a_cut_link_ends_by_the_idle_timeout_in_every_phase_with_a_connection() {
    for phase in &PHASES[1..] {
        let outcome = outcome(&cut_in(*phase, idle(secs(5))));
        assert_eq!((outcome.ending, outcome.phase), (IDLE, *phase));
        assert!(outcome.at >= secs(5) && outcome.at < secs(7), "{phase:?}: {:?}", outcome.at);
    }
}

#[test]
fn a_cut_link_ends_by_the_dead_peer_watch_alone_in_every_phase_with_a_connection() {
    for phase in &PHASES[1..] {
        let outcome = outcome(&cut_in(*phase, dead_peer(secs(120))));
        assert_eq!((outcome.ending, outcome.phase), (DEAD_PEER, *phase));
        assert!(outcome.at >= secs(75) && outcome.at < secs(160), "{phase:?}: {:?}", outcome.at);
        assert!(outcome.evidence.unacknowledged.is_some_and(|missing| missing > 0));
    }
}

#[test]
fn a_silent_address_ends_by_the_connect_timeout() {
    let config = Config { connect_timeout: Some(secs(3)), ..no_timers() };
    let outcome = outcome(&cut_in(Phase::Connecting, config));
    let timer = Timer::Connect;
    assert_eq!((outcome.ending, outcome.phase), (Ending::TimedOut { timer }, Phase::Connecting));
    assert_eq!(outcome.at, secs(3));
}

#[test]
fn our_kernel_may_give_up_first() {
    let mut simulation = Simulation::new(sends(10), [Step::ReceiveToEof, Step::Hold]);
    simulation.our_kernel.retransmissions = 5;
    let run = simulation.with(LinkFault::Cut { at: ms(3) }).run();
    let timer = Timer::Kernel;
    assert_eq!(ending(&run.us), (Ending::TimedOut { timer }, Phase::Draining));
    assert_eq!(first_fault(&run.us), Some(fault(Call::Receive, FaultKind::TimedOut)));
}

#[test]
fn without_any_timer_a_cut_link_with_nothing_outstanding_is_waited_for_for_ever() {
    let script = [Step::ReceiveToEof, Step::Hold];
    let run = Simulation::new(sends(10), script).with(LinkFault::Cut { at: ms(100) }).run();
    assert!(run.hung);
    assert_eq!(run.us.kernel.acknowledged, 11);
}

#[test]
fn a_swallowed_fin_is_never_graceful_and_its_bytes_are_told() {
    let swallowed = LinkFault::Swallow { at: ms(0), until: None, to: Side::Peer, what: What::Fin };
    let script = [Step::Receive(10), Step::ShutdownSend, Step::Hold];
    let run = Simulation::new(Core::new(idle(secs(5)), 10), script).with(swallowed).run();
    let outcome = outcome(&run);
    // The peer's system answers every retransmission of what is before the FIN, but takes no FIN.
    assert_eq!((outcome.ending, outcome.phase), (IDLE, Phase::Closing));
    assert_eq!(outcome.evidence.unacknowledged, Some(0));
    assert_eq!(outcome.evidence.fin_acknowledged, Some(false));
}

#[test]
fn swallowed_acknowledgements_are_never_graceful_and_the_missing_bytes_are_counted() {
    let swallowed = LinkFault::Swallow { at: ms(3), until: None, to: Side::Us, what: What::Everything };
    for config in [idle(secs(5)), deadline(secs(5)), dead_peer(secs(5))] {
        let run = Simulation::new(Core::new(config, 10), [Step::ReceiveToEof]).with(swallowed).run();
        let outcome = outcome(&run);
        assert!(matches!(outcome.ending, Ending::TimedOut { .. }), "{outcome:?}");
        assert_eq!(outcome.evidence.unacknowledged, Some(10));
        assert_eq!(run.peer.counts.received, 10, "the peer has them, and we cannot know");
    }
}

#[test]
fn a_reset_that_nobody_was_woken_for_is_found_by_the_looks() {
    let reset = LinkFault::Reset { at: ms(100), to: Side::Us };
    let mut us = Core::new(idle(secs(4)), 500_000);
    us.output = SimOutput::new([OutputStep::Take(1), OutputStep::Pause(secs(2))]);
    us.room = 10;
    us.platform.wakes_on_error = false;
    let run = Simulation::new(us, [Step::Send(50), Step::Hold]).with(reset).run();
    assert_eq!(ending(&run.us), (RESET_BY_PEER, Phase::Sending));
    assert_eq!(run.us.counts.written, 50);
}

#[test]
fn acknowledgements_that_arrived_before_the_deadline_count_although_nobody_was_woken() {
    // The FIN is acknowledged at 12 ms; a driver without that wake-up has not looked since.
    let mut us = Core::new(Config { dead_peer: Some(secs(120)), ..deadline(secs(5)) }, 0);
    us.input = SimInput::new([InputStep::Pause(ms(10)), InputStep::Give(3), InputStep::End]);
    us.platform.wakes_on_acknowledgement = false;
    let run = Simulation::new(us, [Step::ShutdownSend, Step::ReceiveToEof]).run();
    assert_eq!(ending(&run.us), (Ending::Graceful, Phase::Closing));
}

#[test]
fn what_was_received_is_handed_on_before_the_peer_is_taken_for_dead() {
    // Our output blocks for longer than it takes to notice.
    let output = SimOutput::new([OutputStep::Take(1), OutputStep::Pause(secs(300))]);
    let us = Core::new(dead_peer(secs(60)), 500_000).output(output);
    let mut simulation = Simulation::new(us, [Step::Send(1000), Step::Hold]);
    simulation.our_kernel.retransmissions = 1000;
    let run = simulation.with(LinkFault::Cut { at: ms(100) }).run();
    assert_eq!(ending(&run.us), (DEAD_PEER, Phase::Sending));
    assert_eq!(run.us.counts.written, 1000);
}

/// The peer takes our FIN and goes on sending: bytes that move are no reason to stay.
#[test]
fn the_bound_on_closing_ends_a_drain_that_never_ends_and_the_peer_sees_a_reset() {
    let config = Config { linger: Some(secs(2)), ..no_timers() };
    let script = [Step::ReceiveToEof, Step::Send(10), Step::Pause(secs(1)), Step::Send(10), Step::Hold];
    let run = Simulation::new(Core::new(config, 10), script).run();
    assert_eq!(ending(&run.us), (LINGER, Phase::Draining));
    assert_eq!(run.us.counts.written, 20);
    let story = run.us.story();
    assert!(story.contains(&ABORT) && !story.contains(&CLOSE), "{story:?}");
    let shut = run.us.milestones.shutdown_send.expect("it was");
    assert_eq!(outcome(&run).at, shut + secs(2));
}

/// A deadline would have ended it: the bound counts from our shutdown.
#[test]
fn the_bound_on_closing_leaves_a_connection_alone_whose_sending_side_is_open() {
    let mut us = Core::new(Config { linger: Some(secs(2)), ..no_timers() }, 0);
    us.input = SimInput::new([InputStep::Pause(secs(60)), InputStep::Give(3), InputStep::End]);
    let run = Simulation::new(us, [Step::ReceiveToEof, Step::ShutdownSend]).run();
    assert_eq!(ending(&run.us), (Ending::Graceful, Phase::Closing));
}

#[test]
fn the_bound_on_closing_drops_what_is_not_acknowledged() {
    let config = Config { linger: Some(secs(2)), ..no_timers() };
    let swallowed = LinkFault::Swallow { at: ms(0), until: None, to: Side::Peer, what: What::Data };
    let run = Simulation::new(Core::new(config, 10), [Step::ShutdownSend, Step::Hold]).with(swallowed).run();
    assert_eq!(ending(&run.us), (LINGER, Phase::Closing));
    assert_eq!(outcome(&run).evidence.unacknowledged, Some(10));
    assert!(run.us.story().contains(&ABORT));
}

#[test]
fn durations_without_end_are_no_bounds() {
    let config = Config {
        idle_timeout: Some(Duration::MAX),
        deadline: Some(Duration::MAX),
        linger: Some(Duration::MAX),
        drain_limit: Some(Duration::MAX),
        input_grace: Some(InputGrace::gives_up(Duration::MAX)),
        unused_input_grace: Some(Duration::MAX),
        idle_ends: true,
        idle_timeout_after_fin: Some(Duration::MAX),
        peer_grace: Some(Duration::MAX),
        first_byte_timeout: Some(Duration::MAX),
        flush_timeout: Duration::MAX,
        input_silence: InputSilence::Ours,
        dead_peer: Some(Duration::MAX),
        connect_timeout: Some(Duration::MAX),
        eof_grace: None,
        end_hold: Some(Duration::MAX),
        end_mark: false,
        abort_at_limit: false,
    };
    let run = Simulation::pair(Core::new(config.clone(), 10), Core::new(config, 20)).run();
    assert_eq!(ending(&run.us), (Ending::Graceful, Phase::Closing));
    assert_eq!(ending(&run.peer), (Ending::Graceful, Phase::Closing));
}
