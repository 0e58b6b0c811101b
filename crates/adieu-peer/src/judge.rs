//! Compares what happened with what must hold.

use crate::program::Observed;
use crate::scenario::{Bytes, Ending, Expect, Scenario};
use crate::{FailureKind, ReceivedEnd};
use serde_json::Value;
use std::fmt;

/// Everything that did not hold; nothing if all did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// One sentence for each.
    pub reasons: Vec<String>,
    /// Something else held than what the scenario demands, and this system is known for it: why it does so.
    pub deviation: Option<&'static str>,
}

impl Verdict {
    /// All held.
    pub fn passed(&self) -> bool {
        self.reasons.is_empty()
    }

    fn demand(&mut self, holds: bool, otherwise: impl FnOnce() -> String) {
        if !holds {
            self.reasons.push(otherwise());
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.passed() { write!(f, "all held") } else { write!(f, "{}", self.reasons.join("; ")) }
    }
}

/// Judges a run of adieu, in whatever arm: bytes, ending, phase, exit status, and the report if there is one. Where this
/// system is known to behave otherwise than its documentation says, that will do too, and is noted as a deviation.
pub fn judge(scenario: &Scenario, observed: &Observed) -> Verdict {
    let verdict = judge_by(scenario, &scenario.expect, observed);
    match scenario.expected_otherwise() {
        Some((expect, why)) if !verdict.passed() && judge_by(scenario, &expect, observed).passed() => {
            Verdict { reasons: Vec::new(), deviation: Some(why) }
        }
        _ => verdict,
    }
}

fn judge_by(scenario: &Scenario, expect: &Expect, observed: &Observed) -> Verdict {
    let mut verdict = Verdict::default();
    for trouble in &observed.trouble {
        verdict.reasons.push(format!("the harness failed: {trouble}"));
    }
    verdict.demand(!observed.hung, || format!("hung: killed after {:?}", scenario.hang_limit));
    if let Some(exit) = observed.exit {
        let wanted = expect.exit;
        verdict.demand(exit == crate::program::Exit::Code(wanted), || format!("{exit:?}, not exit {wanted}"));
    }
    if !observed.hung {
        let (ending, phase) = (observed.ending.as_deref(), observed.phase.as_deref());
        let wanted = expect.ending.word();
        verdict.demand(ending == Some(wanted), || format!("ending {}, not {wanted}", said(ending)));
        if let Some(wanted) = expect.phase.map(crate::scenario::ReportedPhase::word) {
            verdict.demand(phase == Some(wanted), || format!("phase {}, not {wanted}", said(phase)));
        }
        if let Some(wanted) = expect.unacknowledged {
            verdict.demand(observed.unacknowledged == Some(wanted), || {
                format!("{:?} bytes unacknowledged, not {wanted}", observed.unacknowledged)
            });
        }
    }
    if let Some(written) = observed.output_bytes {
        bytes(&mut verdict, "our output", expect.output, written, observed.output_first_wrong);
    }
    judge_peer(&mut verdict, expect, observed);
    if let Some(report) = &observed.report {
        judge_report(&mut verdict, scenario, expect, observed, report);
    }
    verdict
}

fn said(word: Option<&str>) -> &str {
    word.unwrap_or("not said")
}

fn bytes(verdict: &mut Verdict, at: &str, wanted: Bytes, got: u64, first_wrong: Option<u64>) {
    verdict.demand(wanted.allow(got), || format!("{got} bytes at {at}, not {wanted}"));
    if let Some(wrong) = first_wrong {
        verdict.reasons.push(format!("byte {wrong} at {at} is wrong"));
    }
}

fn judge_peer(verdict: &mut Verdict, expect: &Expect, observed: &Observed) {
    let Some(peer) = &observed.peer else { return };
    bytes(verdict, "the peer", expect.peer, peer.received, peer.first_wrong);
    // A program that finds its own input or output broken need not connect at all: nothing cut is there to see.
    let may_stay_away = expect.ending == Ending::LocalFailure && expect.peer.least() == 0;
    if !peer.connected {
        verdict.demand(may_stay_away, || "the peer never had a connection".into());
        return;
    }
    if let Some(wanted) = expect.peer_end {
        verdict.demand(peer.end() == Some(wanted), || match (wanted, peer.end()) {
            (ReceivedEnd::Reset, Some(ReceivedEnd::Eof)) => {
                "the peer saw a clean EOF at the end of a stream that was cut".into()
            }
            (wanted, got) => format!("the peer's stream ended by {got:?}, not {wanted:?}"),
        });
    }
    if let Some(failure) = &peer.failure {
        // The program may end the connection early where it must not be graceful. Anything else is a peer that
        // did not do what its script says: then nothing was shown.
        let ended_by_program =
            failure.kind == FailureKind::ConnectionEnded && expect.ending != Ending::Graceful;
        verdict.demand(ended_by_program, || {
            format!("the peer's script failed at step {:?}: {}", failure.step, failure.what)
        });
    }
}

/// The report must agree with what others saw.
fn judge_report(
    verdict: &mut Verdict,
    scenario: &Scenario,
    expect: &Expect,
    observed: &Observed,
    report: &Value,
) {
    let number = |key: &str| report.get(key).and_then(Value::as_u64);
    if let (Some(exit), Some(told)) = (observed.exit, report.get("exit_code").and_then(Value::as_i64)) {
        let exit = i64::from(exit.shell_code());
        verdict.demand(told == exit, || format!("the report says exit {told}, it was {exit}"));
    }
    if let (Some(seen), Some(told)) = (observed.output_bytes, number("bytes_written")) {
        // A reader that left, or never read, cannot say how much was written.
        let pipe_holds_some = matches!(
            scenario.output,
            crate::scenario::ProgramOutput::LeavesAfter(_) | crate::scenario::ProgramOutput::NeverRead
        );
        verdict.demand(pipe_holds_some || seen == told, || {
            format!("the report says {told} bytes written, {seen} arrived")
        });
    }
    if let (Some(received), Some(written)) = (number("bytes_received"), number("bytes_written")) {
        verdict.demand(written <= received, || format!("{written} bytes written of {received} received"));
    }
    if let (Some(peer), Some(accepted)) = (&observed.peer, number("bytes_accepted")) {
        verdict.demand(peer.received <= accepted, || {
            format!("the report says {accepted} bytes accepted, the peer has {}", peer.received)
        });
    }
    if let (Some(accepted), Some(acknowledged)) = (number("bytes_accepted"), number("bytes_acknowledged")) {
        verdict.demand(acknowledged <= accepted, || {
            format!("{acknowledged} bytes acknowledged of {accepted} accepted")
        });
        if expect.ending == Ending::Graceful {
            verdict.demand(acknowledged == scenario.input.total(), || {
                format!("graceful with {acknowledged} of {} bytes acknowledged", scenario.input.total())
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PeerLog;
    use crate::{program::Exit, scenario::named};

    fn as_expected(scenario: &Scenario) -> Observed {
        let expect = &scenario.expect;
        Observed {
            exit: Some(Exit::Code(expect.exit)),
            output_bytes: Some(expect.output.least()),
            ending: Some(expect.ending.word().into()),
            phase: expect.phase.map(|phase| phase.word().into()),
            unacknowledged: expect.unacknowledged,
            peer: Some(PeerLog {
                connected: true,
                received: expect.peer.least(),
                eof: expect.peer_end.is_some(),
                reset: expect.peer_end == Some(ReceivedEnd::Reset),
                completed: true,
                ..PeerLog::default()
            }),
            ..Observed::default()
        }
    }

    #[test]
    fn what_is_expected_passes_in_every_scenario() {
        for scenario in crate::scenario::all() {
            let verdict = judge(scenario, &as_expected(scenario));
            assert!(verdict.passed(), "{}: {verdict}", scenario.name);
        }
    }

    /// Each of these alone must be enough to fail.
    #[test]
    fn each_departure_is_found() {
        type Departure = (&'static str, fn(&mut Observed));
        let scenario = named("black_hole_swallows_the_upload");
        let departures: &[Departure] = &[
            ("hung", |observed| observed.hung = true),
            ("not exit 5", |observed| observed.exit = Some(Exit::Code(0))),
            ("not exit 5", |observed| observed.exit = Some(Exit::Signal(5))),
            ("not timed_out", |observed| observed.ending = Some("graceful".into())),
            ("not timed_out", |observed| observed.ending = None),
            ("not draining", |observed| observed.phase = Some("sending".into())),
            ("unacknowledged", |observed| observed.unacknowledged = None),
            ("at our output", |observed| observed.output_bytes = Some(1)),
            ("byte 3 at our output", |observed| observed.output_first_wrong = Some(3)),
            ("at the peer", |observed| observed.peer.as_mut().expect("it has one").received = 999),
            ("byte 4 at the peer", |observed| {
                observed.peer.as_mut().expect("it has one").first_wrong = Some(4);
            }),
            ("never had a connection", |observed| {
                observed.peer.as_mut().expect("it has one").connected = false;
            }),
            ("harness failed", |observed| observed.trouble.push("no".into())),
            ("report says exit 0", |observed| observed.report = Some(serde_json::json!({"exit_code": 0}))),
            ("report says 7 bytes written", |observed| {
                observed.report = Some(serde_json::json!({"bytes_written": 7}));
            }),
            ("report says 10 bytes accepted", |observed| {
                observed.report = Some(serde_json::json!({"bytes_accepted": 10}));
            }),
        ];
        for (says, depart) in departures {
            let mut observed = as_expected(scenario);
            depart(&mut observed);
            let verdict = judge(scenario, &observed);
            assert!(verdict.reasons.iter().any(|reason| reason.contains(says)), "{says}: {verdict}");
        }
    }

    #[test]
    fn a_cut_stream_that_looks_whole_is_found() {
        let scenario = named("terminated_in_a_stalled_upload");
        let mut observed = as_expected(scenario);
        observed.peer.as_mut().expect("it has one").reset = false;
        let verdict = judge(scenario, &observed);
        assert!(verdict.to_string().contains("clean EOF at the end of a stream that was cut"), "{verdict}");
    }

    #[test]
    fn graceful_without_all_acknowledged_is_found() {
        let scenario = named("reply_only_after_eof");
        let mut observed = as_expected(scenario);
        observed.report = Some(serde_json::json!({"bytes_accepted": 14, "bytes_acknowledged": 8}));
        assert_eq!(judge(scenario, &observed).reasons, ["graceful with 8 of 14 bytes acknowledged"]);
    }

    #[test]
    fn a_peer_that_did_not_do_its_part_shows_nothing() {
        let scenario = named("reply_only_after_eof");
        let mut observed = as_expected(scenario);
        observed.peer.as_mut().expect("it has one").failure =
            Some(crate::Failure { step: Some(1), kind: FailureKind::ConnectionEnded, what: "send".into() });
        assert!(!judge(scenario, &observed).passed());
    }
}
