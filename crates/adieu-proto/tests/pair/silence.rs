//! Ways that are broken for a while, or for what one side sends; and peers that are dead, stalled or only slow.

use super::*;
use adieu_proto::Outcome;
use adieu_testkit::sim::{InputStep, LinkFault, Run, SimInput, Simulation, Step, What};

/// TCP_RTO_MAX: of every kernel, and where we may ask for less.
const RARELY: Duration = secs(120);
const OFTEN: Duration = secs(20);

/// Nothing arrives, either way, for so long.
fn broken(simulation: Simulation, at: Time, lasts: Duration) -> Simulation {
    let to = |to| LinkFault::Swallow { at, until: Some(at + lasts), to, what: What::Everything };
    simulation.with(to(Side::Us)).with(to(Side::Peer))
}

/// From now on nothing of this kind arrives at the peer.
fn swallowed(what: What) -> LinkFault {
    LinkFault::Swallow { at: ms(500), until: None, to: Side::Peer, what }
}

fn steadily(config: Config) -> Core {
    let steps = (0..60).flat_map(|_| [InputStep::Give(1000), InputStep::Pause(ms(700))]);
    Core::new(config, 0).input(SimInput::new(steps.chain([InputStep::End])))
}

/// With our kernel's first wait and its longest.
fn asking(mut simulation: Simulation, first: Duration, longest: Duration) -> Simulation {
    simulation.our_kernel.retransmit_after = first;
    simulation.our_kernel.longest_wait = longest;
    // Our kernel must not give up before us.
    simulation.our_kernel.retransmissions = 1000;
    simulation
}

fn defaults() -> Config {
    Config { input_grace: None, ..Config::default() }
}

#[track_caller]
fn outcome(run: &Run) -> Outcome {
    run.us.outcome.expect("there is an outcome")
}

#[test]
fn a_way_that_is_broken_for_a_while_in_mid_upload_is_survived() {
    for (longest, lasts) in [(RARELY, secs(90)), (OFTEN, secs(120))] {
        for first in (200..1600).step_by(50).map(ms) {
            for at in (10_000..20_000).step_by(1300).map(ms) {
                let whole = Simulation::new(steadily(defaults()), [Step::ReceiveToEof]);
                let run = broken(asking(whole, first, longest), at, lasts).run();
                assert_eq!(ending(&run.us).0, Ending::Graceful, "{first:?}, at {at:?} for {lasts:?}");
            }
        }
    }
}

#[test]
fn a_way_that_is_broken_while_the_peer_stalls_behind_a_closed_window_is_survived() {
    for (longest, lasts) in [(RARELY, secs(90)), (OFTEN, secs(120))] {
        for at in (20..600).step_by(7).map(secs) {
            let stalls = [Step::Pause(secs(800)), Step::ReceiveToEof];
            let whole = Simulation::new(Core::new(defaults(), 500_000), stalls);
            let run = broken(asking(whole, ms(300), longest), at, lasts).run();
            assert_eq!(ending(&run.us).0, Ending::Graceful, "at {at:?} for {lasts:?}");
        }
    }
}

#[test]
fn a_segment_that_acknowledges_nothing_is_a_sign_of_life() {
    // Everything of ours is lost, and the peer has nothing to say but its keep-alive.
    let core = Core::new(defaults(), 500_000);
    let mut simulation = asking(Simulation::new(core, [Step::Pause(secs(2000))]), ms(300), RARELY);
    simulation.peer_kernel.keep_alive = Some(secs(60));
    let to = LinkFault::Swallow { at: ms(2), until: None, to: Side::Peer, what: What::Everything };
    let run = simulation.with(to).run();
    assert_eq!(ending(&run.us), (UNACKNOWLEDGED, Phase::Sending));
    assert!(outcome(&run).evidence.peer_spoke);
}

#[test]
fn a_dead_peer_is_noticed_in_about_two_and_a_half_minutes() {
    for (longest, earliest, latest) in [(RARELY, 90, 200), (OFTEN, 120, 165)] {
        for first in (200..1600).step_by(50).map(ms) {
            let core = steadily(defaults());
            let simulation = asking(Simulation::new(core, [Step::ReceiveToEof]), first, longest);
            let run = simulation.with(LinkFault::Cut { at: secs(10) }).run();
            assert_eq!(ending(&run.us).0, DEAD_PEER);
            let after = outcome(&run).at.saturating_sub(secs(10)).as_secs();
            assert!((earliest..latest).contains(&after), "{first:?}, {longest:?}: {after} s");
        }
    }
}

#[test]
fn a_dead_peer_behind_a_closed_window_is_noticed_once_two_probes_were_lost() {
    for (longest, latest) in [(RARELY, 260), (OFTEN, 185)] {
        for at in (20..600).step_by(17).map(secs) {
            let stalls = Simulation::new(Core::new(defaults(), 500_000), [Step::Hold]);
            let run = asking(stalls, ms(300), longest).with(LinkFault::Cut { at }).run();
            assert_eq!(ending(&run.us), (DEAD_PEER, Phase::Sending));
            let after = outcome(&run).at.saturating_sub(at).as_secs();
            assert!((90..latest).contains(&after), "{at:?}, {longest:?}: {after} s");
        }
    }
}

#[test]
fn what_does_not_arrive_ends_it_although_the_peer_goes_on_talking() {
    for (what, phase) in [(What::Data, Phase::Draining), (What::Fin, Phase::Draining)] {
        for (longest, earliest, latest) in [(RARELY, 90, 200), (OFTEN, 120, 165)] {
            let talks = Step::Trickle { bytes: 5000, every: secs(2) };
            let input = SimInput::new([InputStep::Pause(secs(1)), InputStep::Give(1000), InputStep::End]);
            let simulation = Simulation::new(Core::new(defaults(), 0).input(input), [talks]);
            let run = asking(simulation, ms(300), longest).with(swallowed(what)).run();
            assert_eq!(ending(&run.us), (UNACKNOWLEDGED, phase), "{what:?}");
            let outcome = outcome(&run);
            assert!(outcome.evidence.peer_spoke);
            assert_eq!(outcome.evidence.unacknowledged, Some(if what == What::Fin { 0 } else { 1000 }));
            let at = outcome.at.as_secs();
            assert!((earliest..latest).contains(&at), "{what:?}, {longest:?}: {at} s");
            assert_eq!(run.us.counts.written, run.us.kernel.received, "what it said is handed on");
        }
    }
}

#[test]
fn the_idle_timeout_counts_what_we_send_by_itself() {
    for what in [What::Data, What::Fin] {
        let talks = Step::Trickle { bytes: 5000, every: secs(2) };
        let input = SimInput::new([InputStep::Pause(secs(1)), InputStep::Give(1000), InputStep::End]);
        let us = Core::new(idle(secs(20)), 0).input(input);
        let run = Simulation::new(us, [talks]).with(swallowed(what)).run();
        assert_eq!(ending(&run.us).0, IDLE, "{what:?}");
        let outcome = outcome(&run);
        assert!(outcome.evidence.peer_spoke && (20..28).contains(&outcome.at.as_secs()), "{outcome:?}");
    }
}

#[test]
fn a_peer_that_only_talks_takes_nothing_which_is_idle_and_not_dead() {
    let talks = [Step::Trickle { bytes: 300, every: secs(2) }, Step::ReceiveToEof];
    let run = Simulation::new(Core::new(idle(secs(20)), 500_000), talks).run();
    assert_eq!(ending(&run.us), (IDLE, Phase::Sending));
    assert!(outcome(&run).evidence.peer_spoke);
    let run = Simulation::new(Core::new(defaults(), 500_000), talks).run();
    assert_eq!(ending(&run.us), (Ending::Graceful, Phase::Closing));
}

#[test]
fn a_direction_that_moves_excuses_a_silent_peer_and_not_the_other_way_round() {
    // Ten times the idle timeout, and what the peer has to say it says at the end.
    let steps = (0..100).flat_map(|_| [InputStep::Give(1000), InputStep::Pause(secs(2))]);
    let us = Core::new(idle(secs(20)), 0).input(SimInput::new(steps.chain([InputStep::End])));
    let run = Simulation::new(us, [Step::ReceiveToEof, Step::Send(10)]).run();
    assert_eq!(ending(&run.us), (Ending::Graceful, Phase::Closing));
    // Of a peer that talks, all the rest is acknowledged.
    let talks = [Step::Receive(1000), Step::Trickle { bytes: 100, every: secs(2) }];
    let run = Simulation::new(Core::new(idle(secs(20)), 1000), talks).run();
    assert_eq!(ending(&run.us), (Ending::Graceful, Phase::Closing));
}
