//! Connections that end well.

use super::*;
use adieu_proto::Milestones;
use adieu_testkit::sim::{InputStep, LinkFault, SimInput, Simulation, Step, What};

use SimEvent::{Accepted, Connected, Ended, Eof, InputEnded, Received, Written};

#[test]
fn both_sides_end_gracefully_step_by_step() {
    let answer = SimInput::new([InputStep::Pause(ms(10)), InputStep::Give(5), InputStep::End]);
    let run = Simulation::pair(sends(14), sends(0).input(answer)).run();
    let graceful = Ended(Ending::Graceful);
    assert_eq!(
        run.us.story(),
        [Connected, Accepted(14), InputEnded, SHUTDOWN, Received(5), Written(5), Eof, CLOSE, graceful]
    );
    let peers = [
        Connected,
        Received(14),
        Written(14),
        Eof,
        Accepted(5),
        InputEnded,
        SHUTDOWN,
        // Our acknowledgement of its FIN.
        CLOSE,
        graceful,
    ];
    assert_eq!(run.peer.story(), peers);
    assert_eq!(
        run.us.milestones,
        Milestones {
            connected: Some(ms(2)),
            first_accepted: Some(ms(2)),
            first_received: Some(ms(12)),
            shutdown_send: Some(ms(2)),
            stream_end: None,
            peer_eof: Some(ms(12)),
            acknowledged: Some(ms(12)),
            closed: Some(ms(12)),
        }
    );
    assert_eq!((run.us.ended_first, run.peer.ended_first), (Some(Side::Us), Some(Side::Peer)));
    assert!(!run.hung);
}

#[test]
fn a_simultaneous_close_is_graceful_on_both_sides() {
    // The peer accepts 5 ms before we are connected, so it waits that long.
    let late = SimInput::new([InputStep::Pause(ms(5)), InputStep::End]);
    let mut simulation = Simulation::pair(sends(0), sends(0).input(late));
    simulation.link.delay = ms(5);
    let run = simulation.run();
    let story = [Connected, InputEnded, SHUTDOWN, Eof, CLOSE, Ended(Ending::Graceful)];
    assert_eq!(run.us.story(), story);
    assert_eq!(run.peer.story(), story);
    assert_eq!(run.us.milestones.shutdown_send, run.peer.milestones.shutdown_send);
    assert_eq!((run.us.ended_first, run.peer.ended_first), (Some(Side::Us), Some(Side::Us)));
}

#[test]
fn the_peer_ends_first_and_still_takes_everything() {
    let input = SimInput::new([
        InputStep::Give(3),
        InputStep::Pause(ms(500)),
        InputStep::Give(4),
        InputStep::Pause(ms(500)),
        InputStep::End,
    ]);
    let run = Simulation::pair(sends(0).input(input), sends(9)).run();
    assert_eq!(
        run.us.story(),
        [
            Connected,
            Accepted(3),
            Received(9),
            Written(9),
            Eof,
            Accepted(4),
            InputEnded,
            SHUTDOWN,
            CLOSE,
            Ended(Ending::Graceful)
        ]
    );
    assert_eq!(ending(&run.us), (Ending::Graceful, Phase::Closing));
    assert_eq!(ending(&run.peer), (Ending::Graceful, Phase::Closing));
    assert_eq!(run.us.ended_first, Some(Side::Peer));
    assert_eq!(run.peer.counts.written, 7);
}

#[test]
fn who_ended_first_is_known_even_when_both_ended_at_the_same_moment() {
    // The server answers the client's EOF with its own half-close, without any time between.
    let answer = SimInput::new([InputStep::Pause(ms(2)), InputStep::Give(5), InputStep::End]);
    let run = Simulation::pair(sends(0), sends(0).input(answer)).run();
    assert_eq!(run.peer.milestones.shutdown_send, run.peer.milestones.peer_eof);
    assert_eq!(run.peer.ended_first, Some(Side::Peer));
}

#[test]
fn much_goes_both_ways_at_once_through_small_windows() {
    let mut simulation = Simulation::pair(sends(3_000_000), sends(2_000_000));
    simulation.our_kernel.receive_buffer = 5000;
    simulation.peer_kernel.send_buffer = 3000;
    let run = simulation.run();
    assert_eq!(ending(&run.us), (Ending::Graceful, Phase::Closing));
    assert_eq!(ending(&run.peer), (Ending::Graceful, Phase::Closing));
    assert_eq!((run.us.counts.written, run.peer.counts.written), (2_000_000, 3_000_000));
}

#[test]
fn a_lost_fin_is_sent_again() {
    let lost = LinkFault::Swallow { at: ms(0), until: Some(ms(1000)), to: Side::Peer, what: What::Fin };
    let run = Simulation::pair(sends(14), sends(0)).with(lost).run();
    assert_eq!(ending(&run.us), (Ending::Graceful, Phase::Closing));
    assert_eq!(ending(&run.peer), (Ending::Graceful, Phase::Closing));
    let acknowledged = run.us.milestones.acknowledged.expect("it was acknowledged");
    assert!(acknowledged > ms(1000), "{acknowledged:?}");
}

#[test]
fn a_late_acknowledgement_of_our_fin_is_waited_for_without_any_timer() {
    let late = LinkFault::Delay { at: ms(4), by: secs(60) };
    let script = [Step::ShutdownSend, Step::ReceiveToEof];
    let input = SimInput::new([InputStep::Pause(ms(5)), InputStep::Give(3), InputStep::End]);
    let run = Simulation::new(sends(0).input(input), script).with(late).run();
    assert_eq!(ending(&run.us), (Ending::Graceful, Phase::Closing));
    assert!(run.end > secs(120));
}

#[test]
fn a_connection_of_nothing_at_all_is_graceful() {
    let run = Simulation::new(sends(0), [Step::ShutdownSend, Step::ReceiveToEof]).run();
    assert_eq!(run.us.story(), [Connected, InputEnded, SHUTDOWN, Eof, CLOSE, Ended(Ending::Graceful)]);
}
