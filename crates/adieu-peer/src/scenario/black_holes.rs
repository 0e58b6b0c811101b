//! Wires that swallow: from some moment on nothing arrives and nothing says so (Linux, root).

use super::{Ending, ProgramInput, ReportedPhase, Scenario, Target, ms};
use crate::Step::{AwaitAcknowledged, DropPackets, Hold, Receive, ReceiveToEof, Send};

pub(super) fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario::new(
            "black_hole_swallows_the_upload",
            "Our kernel accepted 50000 bytes more, and none was acknowledged: how many must be told.",
            &[Receive(1_000), DropPackets, Hold],
        )
        .target(Target::Namespace)
        .input(ProgramInput::Paced { first: 1_000, until_step: 2, then: 50_000 })
        .peer_gets(1_000)
        .peer_does_not_look()
        .idle_timeout(ms(1_000))
        .ends(Ending::TimedOut, Some(ReportedPhase::Draining))
        .unacknowledged(50_000),
        Scenario::new(
            "black_hole_and_the_deadline",
            "The same, ended by the deadline.",
            &[Receive(1_000), DropPackets, Hold],
        )
        .target(Target::Namespace)
        .input(ProgramInput::Paced { first: 1_000, until_step: 2, then: 50_000 })
        .peer_gets(1_000)
        .peer_does_not_look()
        .deadline(ms(1_500))
        .ends(Ending::TimedOut, Some(ReportedPhase::Draining))
        .unacknowledged(50_000),
        Scenario::new(
            "black_hole_in_a_download",
            "The answer stops in its middle, without FIN or RST.",
            &[ReceiveToEof, Send(1_000), AwaitAcknowledged, DropPackets, Send(1_000), Hold],
        )
        .target(Target::Namespace)
        .input(ProgramInput::Pipe(14))
        .writes(1_000)
        .idle_timeout(ms(1_000))
        .ends(Ending::TimedOut, Some(ReportedPhase::Draining)),
    ]
}
