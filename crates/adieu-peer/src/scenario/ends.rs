//! Peers that end a connection badly, or not at all: what arrived must still come out, and be told as it was.

use super::{Ending, KIB, MIB, ProgramInput, ProgramOutput, ReportedPhase, Scenario, Target, ms};
use crate::Step::{
    AwaitAcknowledged, AwaitClientBytes, AwaitStalled, Close, CloseUnread, Hold, Receive, ReceiveToEof,
    Reset, Send, ShutdownSend, Silence, Trickle,
};

#[expect(clippy::too_many_lines, reason = "a table")]
pub(super) fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario::new(
            "peer_resets_at_once",
            "The peer accepts and resets.",
            &[Reset],
        )
        .input(ProgramInput::Pipe(14))
        .peer_gets(0)
        .peer_does_not_look()
        // The RST may come before our 14 bytes, or before connect has returned. Then connect fails with ECONNRESET,
        // not ECONNREFUSED: there was a connection, and it was reset.
        .ends(Ending::Reset, None),
        Scenario::new(
            "peer_resets_with_our_request_unread",
            "The peer lets our request arrive and resets without reading it.",
            &[AwaitClientBytes(14), Reset],
        )
        .input(ProgramInput::Pipe(14))
        .peer_gets(0)
        .peer_does_not_look()
        // Our FIN follows the request so closely that either may be seen first.
        .ends(Ending::Reset, None),
        Scenario::new(
            "peer_closes_at_once",
            "The peer accepts and closes without reading: our bytes are answered by an RST.",
            &[Close],
        )
        .input(ProgramInput::Pipe(14))
        .peer_gets(0)
        .peer_does_not_look()
        .ends(Ending::Reset, None),
        Scenario::new(
            "full_reply_then_reset",
            "The whole answer, then RST instead of FIN: nobody can say that it was whole.",
            &[ReceiveToEof, Send(20 * KIB), AwaitAcknowledged, Reset],
        )
        .input(ProgramInput::Pipe(14))
        .writes(20 * KIB)
        .ends(Ending::Reset, Some(ReportedPhase::Draining)),
        Scenario::new(
            "peer_resets_with_the_reply_unread_in_our_kernel",
            "The RST comes while the answer still stands in our kernel, because our reader is slow: it must come out whole.",
            &[ReceiveToEof, Send(48 * KIB), AwaitAcknowledged, Reset],
        )
        .input(ProgramInput::Pipe(14))
        .output(ProgramOutput::HeldUntilPeerEnds)
        .writes(48 * KIB)
        .ends(Ending::Reset, Some(ReportedPhase::Draining)),
        Scenario::new(
            "peer_resets_in_mid_download",
            "The server dies in the middle of its answer.",
            &[ReceiveToEof, Send(MIB), Reset],
        )
        .input(ProgramInput::Pipe(14))
        // What was not yet on its way when the RST was sent never leaves the peer.
        .writes_between(0, MIB)
        .ends(Ending::Reset, Some(ReportedPhase::Draining)),
        Scenario::new(
            "all_taken_then_reset_instead_of_fin",
            "The peer takes all we have and our FIN, then resets: acknowledged, but not a graceful end.",
            &[ReceiveToEof, Reset],
        )
        .input(ProgramInput::Pipe(5_000))
        .ends(Ending::Reset, Some(ReportedPhase::Draining)),
        Scenario::new(
            "peer_resets_in_mid_upload",
            "The peer resets after 1 MiB of 64.",
            &[Receive(MIB), Reset],
        )
        .input(ProgramInput::Pipe(64 * MIB))
        .peer_gets(MIB)
        .peer_does_not_look()
        .ends(Ending::Reset, Some(ReportedPhase::Sending)),
        Scenario::new(
            "early_error_reply_then_close_on_the_unread_upload",
            "The server refuses a long upload: its reply, then a close with our bytes unread, which is an RST. \
             The reply must come out whole.",
            &[Receive(4_096), Send(300), AwaitAcknowledged, CloseUnread(1)],
        )
        .input(ProgramInput::Pipe(64 * MIB))
        .writes(300)
        .peer_gets(4_096)
        .peer_does_not_look()
        .ends(Ending::Reset, Some(ReportedPhase::Sending)),
        Scenario::new(
            "early_error_reply_and_fin_then_close_on_the_unread_upload",
            "The same with a FIN between the reply and the RST: received are the reply, then EOF, and never an error.",
            &[Receive(4_096), Send(300), ShutdownSend, AwaitAcknowledged, AwaitStalled, CloseUnread(1)],
        )
        .input(ProgramInput::Pipe(64 * MIB))
        .writes(300)
        .peer_gets(4_096)
        .peer_does_not_look()
        .ends(Ending::Reset, Some(ReportedPhase::Sending)),
        Scenario::new(
            "early_error_reply_while_our_reader_is_slow",
            "The same reply must come out when our reader takes its time: a failed send must not throw it away.",
            &[Receive(4_096), Send(48 * KIB), AwaitAcknowledged, CloseUnread(1)],
        )
        .input(ProgramInput::Pipe(64 * MIB))
        .output(ProgramOutput::HeldUntilPeerEnds)
        .writes(48 * KIB)
        .peer_gets(4_096)
        .peer_does_not_look()
        .ends(Ending::Reset, Some(ReportedPhase::Sending)),
        Scenario::new(
            "reply_then_close_leaving_our_bytes_unread",
            "The peer answers without having read our short request: its close is an RST.",
            &[AwaitClientBytes(100), Send(2_000), AwaitAcknowledged, CloseUnread(100)],
        )
        .input(ProgramInput::Pipe(100))
        .writes(2_000)
        .peer_gets(0)
        .peer_does_not_look()
        // Our FIN follows the 100 bytes so closely that either may be seen first.
        .ends(Ending::Reset, None),
        Scenario::new(
            "reply_and_fin_then_close_leaving_our_bytes_unread",
            "Data, FIN, then RST while our input is still open and our reader slow: an EOF alone does not prove a \
             graceful end.",
            &[AwaitClientBytes(100), Send(48 * KIB), ShutdownSend, AwaitAcknowledged, CloseUnread(100)],
        )
        // Were our FIN out too, both streams would be over for TCP, and the RST would be told to nobody.
        .input(ProgramInput::OpenSilent(100))
        .output(ProgramOutput::HeldUntilPeerEnds)
        .writes(48 * KIB)
        .peer_gets(0)
        .peer_does_not_look()
        .ends(Ending::Reset, Some(ReportedPhase::Sending)),
        Scenario::new(
            "unix_peer_closes_leaving_our_bytes_unread",
            "On a Unix socket too, a close with our bytes unread is a reset.",
            &[AwaitClientBytes(100), Send(2_000), CloseUnread(100)],
        )
        .target(Target::Unix)
        .input(ProgramInput::Pipe(100))
        .writes(2_000)
        .peer_gets(0)
        .peer_does_not_look()
        .ends(Ending::Reset, None),
        Scenario::new(
            "peer_finishes_first_takes_none_and_resets_later",
            "The peer's FIN first; it never reads, and resets while our upload is blocked.",
            const { &[ShutdownSend, AwaitStalled, Silence(ms(200)), Reset] },
        )
        .input(ProgramInput::Pipe(64 * MIB))
        .peer_gets(0)
        .peer_does_not_look()
        .ends(Ending::Reset, Some(ReportedPhase::Sending)),
        Scenario::new(
            "peer_never_closes",
            "The peer has answered and stays silent: the idle timeout ends it, and says so.",
            &[ReceiveToEof, Send(1_000), Hold],
        )
        .input(ProgramInput::Pipe(14))
        .writes(1_000)
        .idle_timeout(ms(1_000))
        .ends(Ending::TimedOut, Some(ReportedPhase::Draining)),
        Scenario::new(
            "peer_never_answers",
            "The peer takes our request and our EOF, and says nothing.",
            &[ReceiveToEof, Hold],
        )
        .input(ProgramInput::Pipe(14))
        .idle_timeout(ms(500))
        .ends(Ending::TimedOut, Some(ReportedPhase::Draining)),
        Scenario::new(
            "peer_never_reads",
            "The peer accepts and never reads: the upload is blocked, the idle timeout ends it, and the peer must see \
             that it was cut.",
            &[Hold, ReceiveToEof],
        )
        .input(ProgramInput::Pipe(64 * MIB))
        .peer_gets_between(0, 64 * MIB - 1)
        .peer_sees_a_reset()
        .idle_timeout(ms(500))
        .ends(Ending::TimedOut, Some(ReportedPhase::Sending)),
        Scenario::new(
            "peer_finishes_first_and_never_reads",
            "The same after the peer's FIN.",
            &[Send(1_000), ShutdownSend, Hold, ReceiveToEof],
        )
        .input(ProgramInput::Pipe(64 * MIB))
        .writes(1_000)
        .peer_gets_between(0, 64 * MIB - 1)
        .peer_sees_a_reset()
        .idle_timeout(ms(1_000))
        .ends(Ending::TimedOut, Some(ReportedPhase::Sending)),
        Scenario::new(
            "peer_trickles_past_the_deadline",
            "The peer lives but takes too long: the deadline ends it, and what came is written.",
            const { &[ReceiveToEof, Trickle { chunk: 1, pause: ms(50), total: 400 }] },
        )
        .input(ProgramInput::Pipe(14))
        .writes_between(1, 399)
        // It saw our EOF, and its next byte after our close is answered by an RST.
        .peer_does_not_look()
        .deadline(ms(2_000))
        .ends(Ending::TimedOut, Some(ReportedPhase::Draining)),
        Scenario::new(
            "deadline_passes_while_the_upload_is_blocked",
            "The deadline counts also while nothing can be sent.",
            &[Hold, ReceiveToEof],
        )
        .input(ProgramInput::Pipe(64 * MIB))
        .peer_gets_between(0, 64 * MIB - 1)
        .peer_sees_a_reset()
        .deadline(ms(600))
        .ends(Ending::TimedOut, Some(ReportedPhase::Sending)),
    ]
}
