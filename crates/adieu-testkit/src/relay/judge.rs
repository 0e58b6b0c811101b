//! What must hold of one conversation, whatever was said in it: the rules of a relay that tells the truth.
//!
//! They are about what each side did and what the other saw of it, so no cell of the matrix has a list of its own.
//!
//! 1. What arrives is what was sent, in order, and no more.
//! 2. An end is seen only of a stream that ended, and after all of it.
//! 3. A cut, or a reset, is seen only if the other side cut or reset, and after everything that had been acknowledged to it.
//! 4. If one side aborts, the other is told, unless both streams had come to their ends before.
//! 5. Two sides that both end their streams get everything and no reset.
//! 6. Nobody waits for ever.

use super::actor::{Ended, Log, Saw, Seen};
use super::shape::{Shape, Wire};
use super::told::Told;

/// Every rule that did not hold.
pub fn judge(shape: Shape, seen: &Seen) -> Vec<String> {
    let mut wrong = Vec::new();
    if seen.hung {
        wrong.push("it hangs".to_owned());
    }
    let Seen { client, upstream, .. } = seen;
    direction(&mut wrong, "up", shape.behind, client, upstream);
    direction(&mut wrong, "down", shape.front, upstream, client);
    if !(client.is_abortive() || upstream.is_abortive()) {
        for (who, log) in [("the client", client), ("the upstream program", upstream)] {
            if let Some(stopped) = &log.stopped {
                wrong.push(format!("{who} was stopped at {stopped}, and nobody had cut anything"));
            }
        }
    }
    wrong
}

/// Whether a reset is still to reach `to`, after both scripts.
pub(super) fn is_reset_due(wire: Wire, from: &Log, to: &Log) -> bool {
    wire.has_resets() && !to.was_reset && to.saw != Some(Saw::Cut) && is_told_of(from, to)
}

/// Whether `to` must be told that `from` aborted, or that its stream was cut.
fn is_told_of(from: &Log, to: &Log) -> bool {
    let was_over = from.had_end && from.ended == Ended::Whole;
    // It may have ended its stream while the other's reset was under way: then both ends may have been passed on before.
    let may_be_through = from.ended == Ended::Whole && to.ended == Ended::Whole;
    let has_aborted = from.aborted && !(was_over || may_be_through);
    (has_aborted || from.ended == Ended::Cut) && !to.is_abortive()
}

fn direction(wrong: &mut Vec<String>, way: &str, sink: Wire, from: &Log, to: &Log) {
    let mut demand = |holds: bool, otherwise: String| {
        if !holds {
            wrong.push(format!("{way}: {otherwise}"));
        }
    };
    let Log { sent, acknowledged, .. } = *from;
    let received = to.received;
    demand(to.first_wrong.is_none(), format!("byte {:?} is wrong", to.first_wrong));
    demand(received <= sent, format!("{received} bytes arrived of {sent} that were sent"));
    let has_left = to.aborted || to.left_early;
    match to.saw {
        None => {}
        Some(Saw::End) => {
            // A Unix socket has no reset, so an end there says nothing of how the other ended.
            if sink.has_resets() {
                let ended = from.ended == Ended::Whole;
                demand(ended, "an end was seen of a stream that did not end: laundered".to_owned());
                demand(
                    received == sent,
                    format!("an end was seen after {received} of {sent} bytes: laundered"),
                );
            } else {
                demand(
                    received >= acknowledged || to.is_abortive(),
                    format!("{received} bytes arrived of {acknowledged} that were acknowledged"),
                );
            }
        }
        Some(Saw::Cut | Saw::Reset) => {
            demand(
                from.is_abortive() || to.is_abortive(),
                "a reset was seen, and nobody had cut anything".to_owned(),
            );
            demand(
                received >= acknowledged || to.is_abortive(),
                format!("{received} bytes arrived before a reset, of {acknowledged} that were acknowledged"),
            );
        }
    }
    if sink.has_resets() && !has_left {
        let is_told = to.was_reset || matches!(to.saw, Some(Saw::Cut | Saw::Reset));
        demand(
            is_told || !is_told_of(from, to),
            "the other side aborted or was cut, and this one was not told".to_owned(),
        );
    }
}

/// Every rule that did not hold of what the relay told of it.
pub fn judge_told(shape: Shape, seen: &Seen, told: &Told) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut demand = |holds: bool, otherwise: String| {
        if !holds {
            wrong.push(format!("it is told that {otherwise}: {told:?}"));
        }
    };
    let Seen { client, upstream, .. } = seen;
    let is_graceful = told.ending == "graceful";
    let all = [&told.client_ending, &told.upstream_ending].iter().all(|ending| *ending == "graceful");
    demand(is_graceful == all, "the whole ended otherwise than its sides".to_owned());
    let nobody_cut = !(client.is_abortive() || upstream.is_abortive());
    demand(is_graceful || !nobody_cut, "it was not graceful, and nobody had cut anything".to_owned());
    let sides = [
        (shape.front, client, upstream, &told.client_ending, &told.upstream_ending),
        (shape.behind, upstream, client, &told.upstream_ending, &told.client_ending),
    ];
    for (wire, side, other, ending, others) in sides {
        if !is_told_of(side, other) {
            continue;
        }
        demand(!is_graceful, "it was graceful, and a side had cut it".to_owned());
        // A TLS stream that ends by an EOF is cut before it can be reset; a broken record is told as it is found.
        let words: &[&str] = if wire.tls { &["reset", "truncated", "no_connection"] } else { &["reset"] };
        demand(words.contains(&ending.as_str()), format!("this side ended by {ending}, and it had cut"));
        demand(others == "reset", format!("the other side ended by {others}, and was to be reset"));
    }
    for (way, from, to, (received, delivered)) in
        [("up", client, upstream, told.up), ("down", upstream, client, told.down)]
    {
        demand(received <= from.sent, format!("{received} bytes came {way}, of {}", from.sent));
        demand(
            !nobody_cut || received == from.sent,
            format!("{received} bytes came {way}, of {}", from.sent),
        );
        let Some(delivered) = delivered else { continue };
        // Of one that has cut it, what was acknowledged is known as of the last look.
        let is_known = to.received <= delivered || to.is_abortive();
        demand(is_known, format!("{delivered} bytes went {way}, and {} came", to.received));
        demand(delivered <= received, format!("{delivered} bytes went {way} of {received}"));
        demand(!nobody_cut || delivered == received, format!("{delivered} bytes went {way} of {received}"));
    }
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A side that sent so many bytes, all acknowledged, ended its stream, and got so many and an end.
    fn whole(sent: u64, received: u64) -> Log {
        Log {
            sent,
            acknowledged: sent,
            received,
            saw: Some(Saw::End),
            ended: Ended::Whole,
            completed: true,
            ..Log::default()
        }
    }

    fn resets(sent: u64, acknowledged: u64) -> Log {
        Log { sent, acknowledged, aborted: true, completed: true, ..Log::default() }
    }

    fn was_reset(sent: u64, received: u64) -> Log {
        Log { saw: Some(Saw::Reset), was_reset: true, ..whole(sent, received) }
    }

    fn wrong(client: Log, upstream: Log) -> String {
        judge(Shape::PLAIN, &Seen { client, upstream, number: 0, hung: false }).join("; ")
    }

    #[test]
    fn a_whole_conversation_and_a_reset_after_everything_are_right() {
        assert_eq!(wrong(whole(10, 20), whole(20, 10)), "");
        assert_eq!(wrong(was_reset(10, 20), resets(20, 20)), "");
        assert_eq!(wrong(resets(30, 20), was_reset(0, 25)), "");
    }

    #[test]
    fn what_relays_do_wrong_is_found() {
        assert!(wrong(whole(10, 20), resets(20, 20)).contains("laundered"), "a reset became an end");
        assert!(wrong(whole(10, 15), whole(20, 10)).contains("laundered"), "the rest was dropped");
        assert!(wrong(was_reset(10, 19), resets(20, 20)).contains("19 bytes arrived before a reset, of 20"));
        assert!(wrong(was_reset(10, 20), whole(20, 10)).contains("nobody had cut"), "an end became a reset");
        assert!(wrong(whole(10, 21), whole(20, 10)).contains("21 bytes arrived of 20"));
        let bent = Log { first_wrong: Some(3), ..whole(10, 20) };
        assert!(wrong(bent, whole(20, 10)).contains("byte Some(3) is wrong"));
        let stopped = Log { stopped: Some("step 0".into()), ..whole(10, 20) };
        assert!(wrong(stopped, whole(20, 10)).contains("was stopped at step 0"));
        // It ended its stream, and then closed with bytes unread: the other is to be told by a reset behind the end.
        let refuses = Log { aborted: true, saw: None, ..whole(20, 0) };
        let told = Log { was_reset: true, ended: Ended::Not, ..whole(500, 20) };
        assert_eq!(wrong(told.clone(), refuses.clone()), "");
        assert!(wrong(Log { was_reset: false, ..told }, refuses).contains("was not told"));
    }

    #[test]
    fn what_is_told_is_held_against_what_was_seen() {
        let seen = Seen { client: was_reset(10, 20), upstream: resets(20, 20), number: 0, hung: false };
        let right = Told {
            ending: "reset".into(),
            client_ending: "reset".into(),
            upstream_ending: "reset".into(),
            up: (10, Some(0)),
            down: (20, Some(20)),
        };
        assert_eq!(judge_told(Shape::PLAIN, &seen, &right), Vec::<String>::new());
        let lies = Told { ending: "graceful".into(), ..right.clone() };
        assert!(!judge_told(Shape::PLAIN, &seen, &lies).is_empty());
        let forgets = Told { down: (20, Some(19)), ..right };
        assert!(judge_told(Shape::PLAIN, &seen, &forgets)[0].contains("19 bytes went down, and 20 came"));
    }
}
