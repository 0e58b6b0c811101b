//! What a shell may give a program as input and output, working and broken.

use super::{Ending, KIB, MIB, ProgramInput, ProgramOutput, ReportedPhase, Scenario, ms};
use crate::Step::{Close, Hold, ReceiveToEof, Send, ShutdownSend};

#[expect(clippy::too_many_lines, reason = "a table")]
pub(super) fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario::new(
            "input_from_a_file",
            "The input is a regular file.",
            &[ReceiveToEof, Send(100), Close],
        )
        .input(ProgramInput::File(3 * MIB + 17))
        .writes(100),
        Scenario::new(
            "input_from_an_empty_file",
            "The input is a regular file without a byte.",
            &[ReceiveToEof, Send(100), Close],
        )
        .input(ProgramInput::File(0))
        .writes(100),
        Scenario::new(
            "input_from_a_slow_pipe",
            "The input comes in pieces.",
            &[ReceiveToEof, Send(100), Close],
        )
        .input(ProgramInput::SlowPipe { chunk: 1_000, pause: ms(100), total: 4_000 })
        .writes(100),
        Scenario::new(
            "input_stays_open_while_the_peer_answers_and_finishes",
            "The input is never ended (a service without a terminal): the answer comes out, and the end comes.",
            &[Send(2_000), ShutdownSend, ReceiveToEof, Close],
        )
        .input(ProgramInput::OpenSilent(0))
        .writes(2_000)
        .input_grace(ms(300)),
        Scenario::new(
            "input_is_closed",
            "Started with `<&-`: there is no input, which is not an empty input.",
            &[ReceiveToEof, Send(100), Close],
        )
        .input(ProgramInput::Closed)
        .writes_between(0, 100)
        .peer_sees_a_reset()
        .ends(Ending::LocalFailure, None),
        Scenario::new(
            "input_is_a_directory",
            "Reading the input fails with EISDIR: the peer must not take nothing for an empty upload.",
            &[ReceiveToEof, Send(100), Close],
        )
        .input(ProgramInput::Directory)
        .writes_between(0, 100)
        .peer_sees_a_reset()
        .ends(Ending::LocalFailure, None),
        Scenario::new(
            "input_fails_with_an_io_error",
            "Reading the input fails with EIO.",
            &[ReceiveToEof, Send(100), Close],
        )
        .input(ProgramInput::IoError)
        .writes_between(0, 100)
        .peer_sees_a_reset()
        .ends(Ending::LocalFailure, None),
        Scenario::new(
            "output_to_a_file",
            "The output is a regular file.",
            &[ReceiveToEof, Send(3 * MIB + 17), Close],
        )
        .input(ProgramInput::Pipe(14))
        .output(ProgramOutput::File)
        .writes(3 * MIB + 17),
        Scenario::new(
            "output_to_a_slow_reader",
            "The output's reader is slower than the peer.",
            &[ReceiveToEof, Send(256 * KIB), Close],
        )
        .input(ProgramInput::Pipe(14))
        .output(ProgramOutput::SlowPipe { chunk: 16 * 1024, pause: ms(40) })
        .writes(256 * KIB),
        Scenario::new(
            "output_device_is_full",
            "Writing the output fails with ENOSPC: the answer is lost here, and nobody else will say so.",
            &[ReceiveToEof, Send(MIB), Close],
        )
        .input(ProgramInput::Pipe(14))
        .output(ProgramOutput::DevFull)
        // Our FIN was already there; what the peer sees of the rest is not a stream that was cut.
        .peer_does_not_look()
        .ends(Ending::LocalFailure, None),
        Scenario::new(
            "output_device_is_full_in_mid_upload",
            "The same while we still send: our stream is cut, and the peer must see that it was.",
            &[Send(1_000), ReceiveToEof, Close],
        )
        .input(ProgramInput::OpenSilent(1_000))
        .output(ProgramOutput::DevFull)
        .peer_gets_between(0, 1_000)
        .peer_sees_a_reset()
        .ends(Ending::LocalFailure, Some(ReportedPhase::Sending)),
        Scenario::new(
            "output_is_closed",
            "Started with `>&-`: the answer has nowhere to go.",
            &[ReceiveToEof, Send(2_000), Close],
        )
        .input(ProgramInput::Pipe(14))
        .output(ProgramOutput::Closed)
        // It may be noticed before the first byte is sent.
        .peer_gets_between(0, 14)
        .peer_does_not_look()
        .ends(Ending::LocalFailure, None),
        Scenario::new(
            "output_reader_leaves_early",
            "`| head -c 1000`: the reader leaves, and the rest of the answer is lost here.",
            // More than sockets and pipes hold: the peer is still sending when it is cut off, however late that is.
            &[ReceiveToEof, Send(64 * MIB), Close],
        )
        .input(ProgramInput::Pipe(14))
        .output(ProgramOutput::LeavesAfter(1_000))
        .writes(1_000)
        .peer_sees_a_reset()
        .ends(Ending::LocalFailure, Some(ReportedPhase::Draining)),
        Scenario::new(
            "output_reader_leaves_in_mid_upload",
            "The reader leaves while our input is still open: our stream is cut, and the peer must see that it was.",
            &[Send(64 * MIB), ReceiveToEof, Close],
        )
        .input(ProgramInput::OpenSilent(14))
        .output(ProgramOutput::LeavesAfter(1_000))
        .writes(1_000)
        .peer_gets_between(0, 14)
        .peer_sees_a_reset()
        .ends(Ending::LocalFailure, Some(ReportedPhase::Sending)),
        Scenario::new(
            "output_is_never_read_and_the_deadline_passes",
            "Our own blocked output is nobody's idle time, but the deadline counts it.",
            &[ReceiveToEof, Send(MIB), Hold],
        )
        .input(ProgramInput::Pipe(14))
        .output(ProgramOutput::NeverRead)
        .writes_between(0, MIB)
        .peer_does_not_look()
        .idle_timeout(ms(800))
        .deadline(ms(2_400))
        .ends(Ending::TimedOut, Some(ReportedPhase::Draining)),
    ]
}
