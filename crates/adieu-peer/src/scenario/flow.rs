//! Exchanges that end gracefully, however long, slow or lopsided: everything must arrive on both sides.

use super::{KIB, MIB, ProgramInput, ProgramOutput, Scenario, Target, ms};
use crate::Step::{
    AwaitAcknowledged, Close, Duplex, Echo, Receive, ReceiveBuffer, ReceiveSlowly, ReceiveToEof, Send,
    ShutdownReceive, ShutdownSend, Silence, Trickle, Urgent,
};

#[expect(clippy::too_many_lines, reason = "a table")]
pub(super) fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario::new(
            "exchange_of_nothing",
            "Neither side has a byte to say: two FINs, and that is graceful.",
            &[ReceiveToEof, Close],
        ),
        Scenario::new(
            "exchange_of_one_byte",
            "One byte each way: no minimum, no line end needed.",
            &[ReceiveToEof, Send(1), Close],
        )
        .input(ProgramInput::Pipe(1))
        .writes(1),
        Scenario::new(
            "reply_only_after_eof",
            "The peer answers once it has seen our EOF: without a half-close it never answers.",
            &[ReceiveToEof, Send(20 * KIB), Close],
        )
        .input(ProgramInput::Pipe(14))
        .writes(20 * KIB),
        Scenario::new(
            "reply_only_after_eof_over_ipv6",
            "The same over IPv6.",
            &[ReceiveToEof, Send(20 * KIB), Close],
        )
        .target(Target::Tcp6)
        .input(ProgramInput::Pipe(14))
        .writes(20 * KIB),
        Scenario::new(
            "reply_only_after_eof_over_a_unix_socket",
            "The same over a Unix socket.",
            &[ReceiveToEof, Send(20 * KIB), Close],
        )
        .target(Target::Unix)
        .input(ProgramInput::Pipe(14))
        .writes(20 * KIB),
        Scenario::new(
            "reply_after_silence",
            "The peer thinks for 1.2 s after our EOF: the answer is still awaited.",
            const { &[ReceiveToEof, Silence(ms(1_200)), Send(2_000), Close] },
        )
        .input(ProgramInput::Pipe(14))
        .writes(2_000),
        Scenario::new(
            "reply_with_a_silence_in_its_middle",
            "Half of the answer, 1.2 s of nothing, the other half.",
            const { &[ReceiveToEof, Send(1_000), Silence(ms(1_200)), Send(1_000), Close] },
        )
        .input(ProgramInput::Pipe(14))
        .writes(2_000),
        Scenario::new(
            "reply_of_64_mib_to_a_tiny_request",
            "A long answer after our half-close arrives whole.",
            &[ReceiveToEof, Send(64 * MIB), Close],
        )
        .input(ProgramInput::Pipe(14))
        .writes(64 * MIB)
        .heavy(),
        Scenario::new(
            "upload_of_64_mib",
            "A long upload arrives whole, and the short answer after it too.",
            &[ReceiveToEof, Send(100), Close],
        )
        .input(ProgramInput::Pipe(64 * MIB))
        .writes(100)
        .heavy(),
        Scenario::new(
            "upload_without_a_reply",
            "The peer takes all and has nothing to say.",
            &[ReceiveToEof, Close],
        )
        .input(ProgramInput::Pipe(300 * KIB)),
        Scenario::new(
            "full_duplex_of_64_mib_both_ways",
            "Both sides send 64 MiB at the same time.",
            &[Duplex { send: 64 * MIB }, Close],
        )
        .input(ProgramInput::Pipe(64 * MIB))
        .writes(64 * MIB)
        .heavy(),
        Scenario::new(
            "peer_writes_16_mib_before_it_reads",
            "The peer takes nothing until it has sent 16 MiB: a program that sends first and receives later deadlocks.",
            &[Send(16 * MIB), ReceiveToEof, Close],
        )
        .input(ProgramInput::Pipe(16 * MIB))
        .writes(16 * MIB)
        .heavy(),
        Scenario::new(
            "echo_of_16_mib",
            "The peer sends back what it gets while it gets it.",
            &[Echo, Close],
        )
        .input(ProgramInput::Pipe(16 * MIB))
        .writes(16 * MIB)
        .heavy(),
        Scenario::new(
            "both_sides_finish_at_once",
            "The peer's FIN and ours cross, or nearly: both streams are whole.",
            &[Send(1_000), ShutdownSend, ReceiveToEof, Close],
        )
        .input(ProgramInput::Pipe(1_000))
        .writes(1_000),
        Scenario::new(
            "peer_finishes_first_and_reads_on",
            "The peer's FIN says only that it will send no more: our whole upload after it is still wanted.",
            &[Send(1_000), ShutdownSend, ReceiveToEof, Close],
        )
        .input(ProgramInput::Pipe(MIB))
        .writes(1_000),
        Scenario::new(
            "peer_finishes_first_and_takes_all_later",
            "The peer's FIN comes at once; it begins to read only 0.5 s later.",
            const { &[ShutdownSend, Silence(ms(500)), ReceiveToEof, Close] },
        )
        .input(ProgramInput::Pipe(MIB)),
        Scenario::new(
            "peer_finishes_first_while_our_input_is_slow",
            "The peer's FIN comes while our input still has more to give, with pauses shorter than the input grace.",
            &[Send(1_000), ShutdownSend, ReceiveToEof, Close],
        )
        .input(ProgramInput::SlowPipe { chunk: 100, pause: ms(300), total: 400 })
        .writes(1_000),
        Scenario::new(
            "peer_finishes_first_and_our_input_stays_open_and_silent",
            "The peer has finished and our input gives nothing and no EOF: the input grace ends it.",
            &[Receive(14), Send(1_000), ShutdownSend, ReceiveToEof, Close],
        )
        .input(ProgramInput::OpenSilent(14))
        .writes(1_000)
        .input_grace(ms(300)),
        Scenario::new(
            "peer_closes_and_our_input_stays_open_and_silent",
            "The peer has closed and can take nothing more, and our input gives no EOF: a script must not wait for ever.",
            &[Send(1_000), AwaitAcknowledged, Close],
        )
        .input(ProgramInput::OpenSilent(0))
        .writes(1_000)
        .peer_does_not_look()
        .input_grace(ms(300)),
        Scenario::new(
            "peer_reads_slowly_but_lives",
            "The upload takes far longer than the idle timeout, but acknowledgements keep coming: that is progress.",
            const { &[ReceiveBuffer(32 * 1024), ReceiveSlowly { chunk: 64 * 1024, pause: ms(80) }, Send(10), Close] },
        )
        .input(ProgramInput::Pipe(MIB))
        .writes(10)
        .idle_timeout(ms(1_000)),
        Scenario::new(
            "peer_trickles",
            "The answer takes longer than the idle timeout, but no gap in it does.",
            const { &[ReceiveToEof, Trickle { chunk: 1, pause: ms(100), total: 18 }, Close] },
        )
        .input(ProgramInput::Pipe(14))
        .writes(18)
        .idle_timeout(ms(1_200)),
        Scenario::new(
            "peer_shuts_its_receiving_side",
            "The peer has what it wants and shuts its receiving side before it answers: no harm is done.",
            &[Receive(14), ShutdownReceive, Send(1_000), ShutdownSend, ReceiveToEof, Close],
        )
        .input(ProgramInput::Pipe(14))
        .writes(1_000)
        .without_simulation(),
        Scenario::new(
            "urgent_byte_stays_in_the_stream",
            "A byte sent as urgent data is a byte of the stream (RFC 6093) and must not be lost.",
            &[ReceiveToEof, Send(100), Urgent, Send(100), Close],
        )
        .input(ProgramInput::Pipe(14))
        .writes(201)
        .without_simulation(),
        Scenario::new(
            "slow_output_is_not_the_peers_silence",
            "Our reader begins long after the idle timeout: the peer is not to blame.",
            &[ReceiveToEof, Send(MIB), Close],
        )
        .input(ProgramInput::Pipe(14))
        .output(ProgramOutput::Stalled(ms(2_400)))
        .writes(MIB)
        .idle_timeout(ms(800)),
        Scenario::new(
            "slow_input_is_not_the_peers_silence",
            "Our input pauses longer than the idle timeout: the peer is not to blame.",
            &[ReceiveToEof, Send(10), Close],
        )
        .input(ProgramInput::SlowPipe { chunk: 100, pause: ms(1_400), total: 200 })
        .writes(10)
        .idle_timeout(ms(800)),
        Scenario::new(
            "unix_peer_slowly_takes_what_stands_in_its_queue",
            "Over a Unix socket everything is with the peer at once; that its program takes it, slowly, is no silence.",
            // Linux hands a Unix socket's bytes over in pieces of 36 KiB, and only a whole piece is seen taken.
            const { &[ReceiveSlowly { chunk: 16 * 1024, pause: ms(120) }, Send(10), Close] },
        )
        .target(Target::Unix)
        .input(ProgramInput::Pipe(160 * KIB))
        .writes(10)
        .idle_timeout(ms(800))
        .without_netcats(),
    ]
}
