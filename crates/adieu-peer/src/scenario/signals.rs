//! A user who has had enough: the program stops soon, says what it had, and leaves no cut stream that looks whole.

use super::{Ending, MIB, ProgramInput, ProgramOutput, ReportedPhase, Scenario, Signal, Target, When};
use crate::Step::{AwaitAcknowledged, AwaitStalled, Hold, Receive, ReceiveToEof, Send};

pub(super) fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario::new(
            "interrupted_in_a_download",
            "SIGINT while the answer comes: what came is written.",
            &[ReceiveToEof, Send(1_000), Hold],
        )
        .input(ProgramInput::Pipe(14))
        .writes(1_000)
        .ends(Ending::Interrupted, Some(ReportedPhase::Draining))
        .signal(Signal::Interrupt, When::OutputHas(1_000)),
        Scenario::new(
            "terminated_in_a_download",
            "SIGTERM while the answer comes.",
            &[ReceiveToEof, Send(1_000), Hold],
        )
        .input(ProgramInput::Pipe(14))
        .writes(1_000)
        .ends(Ending::Interrupted, Some(ReportedPhase::Draining))
        .signal(Signal::Terminate, When::OutputHas(1_000)),
        Scenario::new(
            "interrupted_in_a_stalled_upload",
            "SIGINT while the peer does not read: the peer must not take the cut upload for a whole one.",
            &[AwaitStalled, Hold, ReceiveToEof],
        )
        .input(ProgramInput::Pipe(64 * MIB))
        .peer_gets_between(0, 64 * MIB - 1)
        .peer_sees_a_reset()
        .ends(Ending::Interrupted, Some(ReportedPhase::Sending))
        .signal(Signal::Interrupt, When::PeerAtStep(1)),
        Scenario::new(
            "terminated_in_a_stalled_upload",
            "SIGTERM while the peer does not read.",
            &[AwaitStalled, Hold, ReceiveToEof],
        )
        .input(ProgramInput::Pipe(64 * MIB))
        .peer_gets_between(0, 64 * MIB - 1)
        .peer_sees_a_reset()
        .ends(Ending::Interrupted, Some(ReportedPhase::Sending))
        .signal(Signal::Terminate, When::PeerAtStep(1)),
        Scenario::new(
            "interrupted_while_our_input_is_silent",
            "SIGINT while all that came is delivered and more may come: the upload is not whole, and must not look it.",
            &[Receive(1_000), Hold, ReceiveToEof],
        )
        .input(ProgramInput::OpenSilent(1_000))
        .peer_sees_a_reset()
        .ends(Ending::Interrupted, Some(ReportedPhase::Sending))
        .signal(Signal::Interrupt, When::PeerAtStep(1)),
        Scenario::new(
            "interrupted_while_our_output_is_blocked",
            "SIGINT while nobody reads our output: a blocked write must not hold the exit back.",
            &[ReceiveToEof, Send(48 * 1024), AwaitAcknowledged, Hold],
        )
        .input(ProgramInput::Pipe(14))
        .output(ProgramOutput::NeverRead)
        .writes_between(0, 48 * 1024)
        .peer_does_not_look()
        .ends(Ending::Interrupted, Some(ReportedPhase::Draining))
        .signal(Signal::Interrupt, When::PeerAtStep(3)),
        Scenario::new("interrupted_while_connecting", "SIGINT before there is a connection.", &[])
            .target(Target::NeverAnswers)
            .input(ProgramInput::Pipe(14))
            .peer_gets(0)
            .peer_does_not_look()
            .ends(Ending::Interrupted, Some(ReportedPhase::Connecting))
            .signal(Signal::Interrupt, When::Connecting),
    ]
}
