//! Captures that lost, doubled or reordered frames: what is said of them may become less certain, and never wrong.
//!
//! The order of certainty: what the whole capture says; then that an end was not seen (`open`, `silent`, `no_answer`,
//! `none`, no RST), which is what every capture says that stopped too early; then nothing.

use std::sync::OnceLock;

use adieu_explain::verdict::{Grade, Verdict};
use proptest::{prelude::*, test_runner::RngSeed};

use crate::{
    frames::{self, Owned},
    own::{self, Expected},
};

/// A capture with the truth about its only connection.
pub(crate) struct Case {
    pub(crate) expected: Expected,
    pub(crate) segments: Vec<Owned>,
}

/// All captures that hold one connection.
pub(crate) fn cases() -> &'static [Case] {
    static CASES: OnceLock<Vec<Case>> = OnceLock::new();
    CASES.get_or_init(|| {
        let mut cases = Vec::new();
        for set in ["own", "more"] {
            let rows = own::expected(set);
            let alone = |row: &Expected| rows.iter().filter(|other| other.file == row.file).count() == 1;
            let files: Vec<bool> = rows.iter().map(alone).collect();
            for (expected, alone) in rows.into_iter().zip(files) {
                if alone {
                    let segments = frames::read(&own::directory(set).join(&expected.file));
                    cases.push(Case { expected, segments });
                }
            }
        }
        cases
    })
}

/// What happens to a capture. Positions are parts of its length, in thousandths.
#[derive(Clone, Copy, Debug)]
enum Harm {
    /// Frames are missing from here on: so many.
    Lose(usize, usize),
    /// A frame is recorded twice, a moment later.
    Double(usize),
    /// Two frames that follow each other are recorded in the wrong order, with the times of their places.
    Swap(usize),
}

fn harm() -> impl Strategy<Value = Harm> {
    prop_oneof![
        3 => (0..1000usize, 1..4usize).prop_map(|(at, count)| Harm::Lose(at, count)),
        1 => (0..1000usize).prop_map(Harm::Double),
        1 => (0..1000usize).prop_map(Harm::Swap),
    ]
}

fn harmed(segments: &[Owned], harms: &[Harm]) -> Vec<Owned> {
    let mut segments = segments.to_vec();
    for harm in harms {
        if segments.len() < 2 {
            break;
        }
        let place = |at: usize, len: usize| at * len / 1000;
        match *harm {
            Harm::Lose(at, count) => {
                let at = place(at, segments.len());
                segments.drain(at..(at + count).min(segments.len()));
            }
            Harm::Double(at) => {
                let at = place(at, segments.len());
                segments.insert(at + 1, segments[at].clone());
            }
            Harm::Swap(at) => {
                let at = place(at, segments.len() - 1);
                let (first, second) = (segments[at].segment.time, segments[at + 1].segment.time);
                if second.since(first).is_none_or(|apart| apart.as_millis() < 3) {
                    segments.swap(at, at + 1);
                    segments[at].segment.time = first;
                    segments[at + 1].segment.time = second;
                }
            }
        }
    }
    for (at, owned) in segments.iter_mut().enumerate() {
        owned.segment.frame = at as u64 + 1;
    }
    segments
}

/// Whether a value is one that a less complete capture may give for `truth`.
fn allowed(column: &str, truth: &str, said: &str, after_injection: bool, both_reset: bool) -> bool {
    let part = |said: &str| {
        said == "-" || said.split(',').all(|word| truth.split(',').any(|true_word| true_word == word))
    };
    match column {
        "ending" => {
            matches!(said, "open" | "silent" | "no_answer")
                // Whether the message was whole is not known without its octets.
                || (truth == "truncated" && matches!(said, "graceful" | "reset"))
        }
        // The RST of a box between looks like a lost memory of the host, if only its consequence was captured.
        // So does one of two RSTs that crossed.
        "ended_first" => {
            said == "none" || truth == "none" && after_injection || truth == "both" && both_reset
        }
        "c_end" | "s_end" => said == "none",
        "rst_by" | "rst_kind" => part(said),
        _ => unreachable!("not compared"),
    }
}

fn turned_column(column: &str) -> &str {
    match column {
        "c_end" => "s_end",
        "s_end" => "c_end",
        other => other,
    }
}

fn grade(verdict: &Verdict, column: &str) -> Option<Grade> {
    match column {
        "ending" => verdict.ending.grade(),
        "ended_first" => verdict.ended_first.grade(),
        "c_end" => verdict.c_end.grade(),
        "s_end" => verdict.s_end.grade(),
        "rst_by" => verdict.rst_by().grade(),
        _ => verdict.rst_kind().grade(),
    }
}

fn check(case: &Case, harms: &[Harm]) -> Result<(), TestCaseError> {
    let harmed = harmed(&case.segments, harms);
    if harmed.len() * 10 < case.segments.len() * 6 {
        // What lost most of its frames can be the perfect picture of another connection.
        return Ok(());
    }
    judge(case, &harmed, &format!("{harms:?}"))
}

/// Judges what was made of a capture by `harms`, and compares it with the truth.
pub(crate) fn judge(case: &Case, harmed: &[Owned], harms: &str) -> Result<(), TestCaseError> {
    for verdict in own::verdicts(harmed) {
        let row = own::row(&verdict);
        let truth = |column: &str| case.expected.columns[column].as_str();
        // Without the SYN the roles are a guess, and told as one.
        let turned = row["client"].as_deref() != Some(truth("client"))
            || row["cport"].as_deref() != Some(truth("cport"));
        if turned {
            prop_assert_ne!(verdict.roles, Grade::Seen);
        }
        let turn =
            |value: &str| value.replace("client", "?").replace("server", "client").replace('?', "server");
        for column in ["ending", "ended_first", "c_end", "s_end", "rst_by", "rst_kind"] {
            let said = match (turned, column) {
                (true, "c_end") => &row["s_end"],
                (true, "s_end") => &row["c_end"],
                _ => &row[column],
            };
            let Some(said) = said else { continue };
            if grade(&verdict, if turned { turned_column(column) } else { column }) == Some(Grade::Hinted) {
                // A hint may turn out to be wrong, which is what the word says.
                continue;
            }
            let said = if turned { turn(said) } else { said.clone() };
            prop_assert!(
                said == truth(column)
                    || allowed(
                        column,
                        truth(column),
                        &said,
                        truth("rst_kind").starts_with("injected,"),
                        truth("rst_by").contains(',')
                    ),
                "{}: {} is {}, said {} ({})",
                case.expected.file,
                column,
                truth(column),
                said,
                harms
            );
        }
    }
    Ok(())
}

/// The test tries the same cases each time, so that it is sound. `PROPTEST_CASES` looks further.
fn cases_to_try() -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(4000)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases_to_try(), rng_seed: RngSeed::Fixed(16), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_worse_capture_makes_the_ending_less_certain_and_never_wrong(
        at in 0..1000usize,
        harms in prop::collection::vec(harm(), 1..6),
    ) {
        let cases = cases();
        check(&cases[at * cases.len() / 1000], &harms)?;
    }
}

/// Every capture without one of its frames, and without any two that follow each other.
#[test]
fn one_or_two_lost_frames_make_the_ending_less_certain_and_never_wrong() {
    let mut wrong = Vec::new();
    for case in cases() {
        let len = case.segments.len();
        for at in 0..len {
            for count in 1..3 {
                let place = (at * 1000).div_ceil(len);
                if let Err(error) = check(case, &[Harm::Lose(place, count)]) {
                    wrong.push(error.to_string());
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}
