//! Connections that do not come to be, or not at the first address.

use super::{Ending, ProgramInput, ReportedPhase, Scenario, Target, ms};
use crate::Step::{Close, ReceiveToEof, Send};

pub(super) fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario::new("connection_refused", "Nobody listens on the port.", &[])
            .target(Target::Refused)
            .input(ProgramInput::Pipe(14))
            .peer_gets(0)
            .peer_does_not_look()
            .ends(Ending::NoConnection, Some(ReportedPhase::Connecting)),
        Scenario::new("unix_path_does_not_exist", "There is no such Unix socket.", &[])
            .target(Target::NoSuchPath)
            .input(ProgramInput::Pipe(14))
            .peer_gets(0)
            .peer_does_not_look()
            .ends(Ending::NoConnection, Some(ReportedPhase::Connecting)),
        Scenario::new("name_not_found", "The name does not resolve.", &[])
            .target(Target::NameNotFound)
            .input(ProgramInput::Pipe(14))
            .peer_gets(0)
            .peer_does_not_look()
            .ends(Ending::NoConnection, Some(ReportedPhase::Connecting)),
        Scenario::new("connection_never_answered", "SYNs are dropped: the connect timeout ends it.", &[])
            .target(Target::NeverAnswers)
            .input(ProgramInput::Pipe(14))
            .peer_gets(0)
            .peer_does_not_look()
            .connect_timeout(ms(600))
            .ends(Ending::TimedOut, Some(ReportedPhase::Connecting)),
        Scenario::new("deadline_passes_while_connecting", "The deadline counts from the start.", &[])
            .target(Target::NeverAnswers)
            .input(ProgramInput::Pipe(14))
            .peer_gets(0)
            .peer_does_not_look()
            .deadline(ms(600))
            .ends(Ending::TimedOut, Some(ReportedPhase::Connecting)),
        Scenario::new(
            "ipv6_address_refuses_and_ipv4_accepts",
            "The name's first address refuses, its second accepts.",
            &[ReceiveToEof, Send(100), Close],
        )
        .target(Target::Name { resolves_to: &["::1", "127.0.0.1"], alive: "127.0.0.1" })
        .input(ProgramInput::Pipe(14))
        .writes(100),
        Scenario::new(
            "ipv4_address_refuses_and_ipv6_accepts",
            "The other way round, whichever is tried first.",
            &[ReceiveToEof, Send(100), Close],
        )
        .target(Target::Name { resolves_to: &["127.0.0.1", "::1"], alive: "::1" })
        .input(ProgramInput::Pipe(14))
        .writes(100),
        Scenario::new(
            "one_ipv4_address_refuses_and_another_accepts",
            "Two addresses of one family, one of which is dead.",
            &[ReceiveToEof, Send(100), Close],
        )
        .target(Target::Name { resolves_to: &["127.0.0.2", "127.0.0.1"], alive: "127.0.0.1" })
        .input(ProgramInput::Pipe(14))
        .writes(100),
        Scenario::new("every_address_of_a_name_refuses", "All of a name's addresses refuse.", &[])
            .target(Target::Name { resolves_to: &["::1", "127.0.0.1"], alive: "" })
            .input(ProgramInput::Pipe(14))
            .peer_gets(0)
            .peer_does_not_look()
            .ends(Ending::NoConnection, Some(ReportedPhase::Connecting)),
    ]
}
