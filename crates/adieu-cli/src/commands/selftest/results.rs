//! What came of the scenarios, as a table and as JSON.

use crate::evidence;
use adieu_peer::judge::Verdict;
use adieu_peer::program::Observed;
use adieu_peer::scenario::Scenario;
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// What came of one scenario.
pub(super) enum Outcome {
    /// It was run, and judged.
    Run { observed: Box<Observed>, verdict: Verdict },
    /// This system, or this user, cannot run it: why.
    NotHere(String),
    /// Its peer, or the program, could not be started: why.
    NotMade(String),
}

pub(super) struct Row {
    pub(super) scenario: &'static Scenario,
    pub(super) outcome: Outcome,
}

impl Row {
    fn result(&self) -> &'static str {
        match &self.outcome {
            Outcome::Run { verdict, .. } if !verdict.passed() => "FAILED",
            Outcome::Run { verdict, .. } if verdict.deviation.is_some() => "known",
            Outcome::Run { .. } => "ok",
            Outcome::NotMade(_) => "FAILED",
            Outcome::NotHere(_) => "not run",
        }
    }

    fn has_failed(&self) -> bool {
        self.result() == "FAILED"
    }

    /// Whether adieu did otherwise than it should, and it was not merely something around it that failed.
    fn ended_otherwise(&self) -> bool {
        self.has_failed() && matches!(self.outcome, Outcome::Run { .. })
    }

    fn is_not_here_by(&self, reason: &str) -> bool {
        matches!(&self.outcome, Outcome::NotHere(why) if why == reason)
    }

    /// Why this system is known to end it otherwise, if it did.
    fn deviation(&self) -> Option<&'static str> {
        let Outcome::Run { verdict, .. } = &self.outcome else { return None };
        verdict.deviation
    }

    fn expected(&self) -> String {
        let expect = &self.scenario.expect;
        ended(expect.ending.word(), Some(expect.exit))
    }

    fn found(&self) -> String {
        let Outcome::Run { observed, .. } = &self.outcome else { return "-".to_owned() };
        let ending = observed.ending.as_deref().unwrap_or("no report");
        if observed.hung { "hung".to_owned() } else { ended(ending, exit(observed)) }
    }
}

fn exit(observed: &Observed) -> Option<i32> {
    observed.exit.map(adieu_peer::program::Exit::shell_code)
}

fn ended(ending: &str, exit: Option<i32>) -> String {
    exit.map_or_else(|| ending.to_owned(), |exit| format!("{ending}, exit {exit}"))
}

/// The command that tells the version of the system.
const VERSION: &str = if cfg!(windows) { "ver" } else { "uname -a" };

pub(super) struct Results {
    pub(super) rows: Vec<Row>,
    /// Only what failed is told.
    pub(super) quiet: bool,
    /// What a scenario shows is told too.
    pub(super) verbose: bool,
}

impl Results {
    pub(super) fn failed(&self) -> usize {
        self.rows.iter().filter(|row| row.has_failed()).count()
    }

    fn count(&self, result: &str) -> usize {
        self.rows.iter().filter(|row| row.result() == result).count()
    }

    /// Each reason for a known deviation once.
    fn deviations(&self) -> BTreeSet<&'static str> {
        self.rows.iter().filter_map(Row::deviation).collect()
    }

    /// The table, for people.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        if self.quiet && self.failed() == 0 {
            return text;
        }
        text += &evidence::described();
        let _ = writeln!(text, "\n{:<8} {:<24} {:<24} scenario", "", "expected", "found");
        let mut rows = self.rows.iter().filter(|row| !self.quiet || row.has_failed()).peekable();
        while let Some(row) = rows.next() {
            let (result, expected, found) = (row.result(), row.expected(), row.found());
            let _ = writeln!(text, "{result:<8} {expected:<24} {found:<24} {}", row.scenario.name);
            if self.verbose {
                let _ = writeln!(text, "         it shows: {}", row.scenario.shows);
            }
            match &row.outcome {
                Outcome::Run { verdict, .. } if verdict.passed() => {}
                Outcome::Run { observed, verdict } => {
                    for reason in &verdict.reasons {
                        let _ = writeln!(text, "         {}", adieu::shown(reason.as_bytes()));
                    }
                    let _ = writeln!(
                        text,
                        "         it said: {}",
                        adieu::shown(observed.stderr.trim().as_bytes())
                    );
                }
                // The same reason stands below the last of those that have it.
                Outcome::NotHere(why) if rows.peek().is_some_and(|next| next.is_not_here_by(why)) => {}
                Outcome::NotHere(why) | Outcome::NotMade(why) => {
                    let _ = writeln!(text, "         {}", adieu::shown(why.as_bytes()));
                }
            }
        }
        let (ok, known, not_run) = (self.count("ok"), self.count("known"), self.count("not run"));
        let known = if known > 0 { format!("{known} known, ") } else { String::new() };
        let _ = writeln!(text, "\n{ok} ok, {known}{} failed, {not_run} cannot be run here", self.failed());
        for why in self.deviations() {
            let _ = writeln!(text, "known of this system: {why}");
        }
        if self.rows.iter().any(Row::ended_otherwise) {
            let _ = writeln!(text, "please send this table, and what {VERSION} says, to the project");
        } else if self.failed() > 0 {
            text += "nothing was found to be wrong in adieu: run it again with what it lacked\n";
        }
        text
    }

    /// One line of JSON. Described by docs/selftest.schema.json.
    pub(super) fn json(&self) -> String {
        let rows = self.rows.iter().filter(|row| !self.quiet || row.has_failed());
        let json = Json {
            selftest_version: 1,
            version: env!("CARGO_PKG_VERSION"),
            target: evidence::TARGET,
            asked: evidence::HERE.asked,
            tested: evidence::HERE.tested,
            ok: self.count("ok"),
            known: self.count("known"),
            failed: self.failed(),
            not_run: self.count("not run"),
            scenarios: rows.map(JsonRow::of).collect(),
        };
        crate::said::json(&json) + "\n"
    }
}

#[derive(serde::Serialize)]
struct Json<'a> {
    selftest_version: u32,
    version: &'static str,
    target: &'static str,
    asked: &'static str,
    tested: &'static str,
    ok: usize,
    known: usize,
    failed: usize,
    not_run: usize,
    scenarios: Vec<JsonRow<'a>>,
}

#[derive(serde::Serialize)]
struct JsonRow<'a> {
    scenario: &'static str,
    shows: &'static str,
    result: &'static str,
    expected_ending: &'static str,
    expected_exit_code: i32,
    found_ending: Option<&'a str>,
    found_exit_code: Option<i32>,
    elapsed_us: Option<u64>,
    reasons: Vec<&'a str>,
    said: Option<&'a str>,
}

impl<'a> JsonRow<'a> {
    fn of(row: &'a Row) -> Self {
        let Scenario { name, shows, expect, .. } = row.scenario;
        let (observed, reasons): (Option<&Observed>, Vec<&str>) = match &row.outcome {
            Outcome::Run { observed, verdict } => {
                let reasons = verdict.reasons.iter().map(String::as_str);
                (Some(observed), reasons.chain(verdict.deviation).collect())
            }
            Outcome::NotHere(why) | Outcome::NotMade(why) => (None, vec![why]),
        };
        let result = match row.result() {
            "FAILED" => "failed",
            "not run" => "not_run",
            result => result,
        };
        Self {
            scenario: name,
            shows,
            result,
            expected_ending: expect.ending.word(),
            expected_exit_code: expect.exit,
            found_ending: observed.and_then(|observed| observed.ending.as_deref()),
            found_exit_code: observed.and_then(exit),
            elapsed_us: observed.and_then(|observed| u64::try_from(observed.wall.as_micros()).ok()),
            reasons,
            said: observed.filter(|_| row.has_failed()).map(|observed| observed.stderr.trim()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use adieu_peer::program::Exit;
    use adieu_peer::scenario::named;

    fn row(name: &str, ending: &str, exit: i32, reasons: &[&str]) -> Row {
        let observed = Observed {
            exit: Some(Exit::Code(exit)),
            ending: Some(ending.to_owned()),
            stderr: "what it said\u{1b}\n".to_owned(),
            ..Observed::default()
        };
        let reasons = reasons.iter().map(|&reason| reason.to_owned()).collect();
        let verdict = Verdict { reasons, deviation: None };
        Row { scenario: named(name), outcome: Outcome::Run { observed: Box::new(observed), verdict } }
    }

    fn deviating(name: &str, why: &'static str) -> Row {
        let mut row = row(name, "indeterminate", 8, &[]);
        if let Outcome::Run { verdict, .. } = &mut row.outcome {
            verdict.deviation = Some(why);
        }
        row
    }

    fn results() -> Results {
        let not_here = Outcome::NotHere("it takes root".to_owned());
        let not_made = Outcome::NotMade("there are no sockets".to_owned());
        Results {
            rows: vec![
                row("exchange_of_nothing", "graceful", 0, &[]),
                row("peer_never_reads", "graceful", 0, &["exit 0, not 5"]),
                Row { scenario: named("every_address_of_a_name_refuses"), outcome: not_here },
                Row { scenario: named("connection_refused"), outcome: not_made },
            ],
            quiet: false,
            verbose: false,
        }
    }

    #[test]
    fn a_table_says_what_was_expected_and_found_and_why_it_failed() {
        let text = results().text();
        let (_, table) = text.split_once("\n\n").expect("the system, then the table");
        let expected = "         expected                 found                    scenario\n\
            ok       graceful, exit 0         graceful, exit 0         exchange_of_nothing\n\
            FAILED   timed_out, exit 5        graceful, exit 0         peer_never_reads\n         \
            exit 0, not 5\n         it said: what it said\\u{1b}\n\
            not run  no_connection, exit 3    -                        every_address_of_a_name_refuses\n         \
            it takes root\n\
            FAILED   no_connection, exit 3    -                        connection_refused\n         \
            there are no sockets\n\n\
            1 ok, 2 failed, 1 cannot be run here\nplease send this table, and what VERSION says, to the project\n";
        assert_eq!(table, expected.replace("VERSION", VERSION));
    }

    #[test]
    fn a_known_deviation_is_neither_ok_nor_failed_and_its_reason_is_told_once() {
        let why = "this system swallows resets";
        let rows = vec![
            row("exchange_of_nothing", "graceful", 0, &[]),
            deviating("peer_resets_at_once", why),
            deviating("full_reply_then_reset", why),
        ];
        let results = Results { rows, quiet: false, verbose: false };
        let text = results.text();
        let line = "known    reset, exit 4            indeterminate, exit 8    peer_resets_at_once\n";
        assert!(text.contains(line), "{text}");
        let end = "\n1 ok, 2 known, 0 failed, 0 cannot be run here\nknown of this system: this system swallows resets\n";
        assert!(text.ends_with(end), "{text}");
        let json: serde_json::Value = serde_json::from_str(&results.json()).expect("it is JSON");
        assert_eq!((&json["ok"], &json["known"], &json["failed"]), (&1.into(), &2.into(), &0.into()));
        let row = &json["scenarios"][1];
        assert_eq!((&row["result"], &row["reasons"][0]), (&"known".into(), &why.into()));
        assert_eq!(Results { quiet: true, ..results }.text(), "");
    }

    #[test]
    fn who_could_not_set_it_up_is_not_asked_for_the_table() {
        let not_made = || Outcome::NotMade("it cannot be set up: too many open files".to_owned());
        let rows = vec![Row { scenario: named("connection_refused"), outcome: not_made() }];
        let text = Results { rows, quiet: false, verbose: false }.text();
        assert!(text.ends_with("1 failed, 0 cannot be run here\nnothing was found to be wrong in adieu: run it again with what it lacked\n"), "{text}");
    }

    #[test]
    fn a_reason_that_many_share_is_told_below_the_last_of_them() {
        let not_here =
            |name, why: &str| Row { scenario: named(name), outcome: Outcome::NotHere(why.to_owned()) };
        let rows = vec![
            not_here("exchange_of_nothing", "no sockets"),
            not_here("peer_never_reads", "no sockets"),
            not_here("connection_refused", "no network"),
        ];
        let text = Results { rows, quiet: false, verbose: false }.text();
        let expected = "exchange_of_nothing\nnot run  timed_out, exit 5        -                        \
            peer_never_reads\n         no sockets\n";
        assert!(text.contains(expected) && text.matches("no sockets").count() == 1, "{text}");
        assert!(text.contains("connection_refused\n         no network\n"), "{text}");
    }

    #[test]
    fn quiet_tells_only_what_failed() {
        let quiet = Results { quiet: true, ..results() };
        let text = quiet.text();
        assert!(text.contains("peer_never_reads") && !text.contains("exchange_of_nothing"), "{text}");
        let good = Results {
            rows: vec![row("exchange_of_nothing", "graceful", 0, &[])],
            quiet: true,
            verbose: false,
        };
        assert_eq!(good.text(), "");
        assert!(Results { verbose: true, quiet: false, ..good }.text().contains("it shows: Neither side"));
    }

    #[test]
    fn json_says_the_same() {
        let json: serde_json::Value = serde_json::from_str(&results().json()).expect("it is JSON");
        assert_eq!((&json["ok"], &json["failed"], &json["not_run"]), (&1.into(), &2.into(), &1.into()));
        let rows = json["scenarios"].as_array().expect("rows");
        let of = |key: &str| rows.iter().map(|row| row[key].clone()).collect::<Vec<_>>();
        assert_eq!(of("result"), ["ok", "failed", "not_run", "failed"]);
        assert_eq!(rows[1]["reasons"][0], "exit 0, not 5");
        assert_eq!((&rows[1]["expected_exit_code"], &rows[1]["found_exit_code"]), (&5.into(), &0.into()));
        assert_eq!(rows[0]["said"], serde_json::Value::Null);
    }
}
