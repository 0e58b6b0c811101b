//! The table agrees with itself.

use super::*;
use crate::Step;
use std::collections::HashSet;

#[test]
fn names_are_sentences_and_differ() {
    let mut seen = HashSet::new();
    for scenario in all() {
        let name = scenario.name;
        assert!(seen.insert(name), "{name} is there twice");
        assert!(name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'), "{name}");
        assert!(!scenario.shows.is_empty(), "{name} shows nothing");
    }
    assert!(seen.len() >= 60, "the matrix has only {} scenarios", seen.len());
}

#[test]
fn expectations_do_not_contradict_themselves() {
    for scenario in all() {
        let (name, expect) = (scenario.name, &scenario.expect);
        assert_eq!(expect.exit == 0, expect.ending == Ending::Graceful, "{name}");
        assert!(expect.peer.most() <= scenario.input.total(), "{name}: the peer gets more than is given");
        if expect.ending == Ending::Graceful {
            assert_eq!(expect.peer, Bytes::Exactly(scenario.input.total()), "{name}");
            assert_ne!(expect.peer_end, Some(ReceivedEnd::Reset), "{name}");
        }
        if expect.peer_end.is_some() && scenario.signal.is_none() {
            assert!(
                scenario.script.iter().any(|step| {
                    matches!(
                        step,
                        Step::ReceiveToEof
                            | Step::ReceiveSlowly { .. }
                            | Step::Duplex { .. }
                            | Step::Echo
                            | Step::Hold
                            | Step::Send(_)
                    )
                }),
                "{name}: nothing in the script can see how the stream ends"
            );
        }
    }
}

#[test]
fn what_the_script_sends_is_what_may_be_written() {
    for scenario in all() {
        let mut sent = 0;
        for step in scenario.script {
            sent += match step {
                Step::Send(n) | Step::Trickle { total: n, .. } | Step::Duplex { send: n } => *n,
                Step::Urgent => 1,
                Step::Echo => scenario.input.total(),
                _ => 0,
            };
        }
        assert!(scenario.expect.output.most() <= sent, "{}", scenario.name);
        if scenario.expect.ending == Ending::Graceful {
            assert_eq!(scenario.expect.output, Bytes::Exactly(sent), "{}", scenario.name);
        }
    }
}

#[test]
fn no_peer_gives_up_before_a_hang_is_seen() {
    // Room for the tools that wait by their own options.
    let room = Duration::from_secs(20);
    assert!(all().all(|scenario| scenario.hang_limit + room < crate::STEP_BOUND));
}
