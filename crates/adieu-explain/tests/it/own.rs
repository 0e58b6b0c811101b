//! The captures that this project's own script made, with the truth from both ends.

use std::{collections::HashMap, fs, path::PathBuf};

use adieu_explain::{
    table::{Finished, Limits, Table},
    verdict::Verdict,
};

use crate::frames::{self, Owned};

/// The columns that are compared. `None` is right where `hidden` names the column, and a wrong value never is.
const COLUMNS: [&str; 19] = [
    "client",
    "cport",
    "server",
    "sport",
    "ended_first",
    "c_end",
    "s_end",
    "unacked_c2s",
    "unacked_s2c",
    "unsent_c2s",
    "unsent_s2c",
    "unread_server",
    "unread_client",
    "rst_by",
    "rst_kind",
    "open_at_end",
    "close_notify",
    "tls",
    "ending",
];

/// A row of `expected.tsv`.
pub(crate) struct Expected {
    pub(crate) file: String,
    pub(crate) conn: usize,
    pub(crate) columns: HashMap<String, String>,
}

impl Expected {
    pub(crate) fn is_hidden(&self, column: &str) -> bool {
        self.columns["hidden"].split(',').any(|hidden| hidden == column)
    }
}

/// Where the captures of a set are.
pub(crate) fn directory(set: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(set)
}

pub(crate) fn expected(set: &str) -> Vec<Expected> {
    let text = fs::read_to_string(directory(set).join("expected.tsv")).expect("the table can be read");
    let mut lines = text.lines();
    let names: Vec<&str> = lines.next().expect("the table has a header").split('\t').collect();
    lines
        .map(|line| {
            let columns: HashMap<String, String> = names
                .iter()
                .zip(line.split('\t'))
                .map(|(name, value)| (name.to_string(), value.to_owned()))
                .collect();
            Expected {
                file: columns["file"].clone(),
                conn: columns["conn"].parse().expect("a connection has a number"),
                columns,
            }
        })
        .collect()
}

/// The verdicts of a capture, in the order of the connections' first segments.
pub(crate) fn verdicts(segments: &[Owned]) -> Vec<Verdict> {
    let mut verdicts = Vec::new();
    let mut judge = |one: Finished| verdicts.push(one.judge());
    let mut table = Table::new(Limits::default());
    for owned in segments {
        table.observe(&owned.borrowed(), &mut judge);
    }
    table.finish(&mut judge);
    verdicts.sort_by_key(|verdict| verdict.first.frame);
    verdicts
}

/// The columns of a verdict as the table writes them. `None` cannot be known.
pub(crate) fn row(verdict: &Verdict) -> HashMap<String, Option<String>> {
    let json = serde_json::to_value(verdict.columns()).expect("columns are plain");
    let object = json.as_object().expect("a record");
    object
        .iter()
        .map(|(name, value)| {
            let value = match value {
                serde_json::Value::Null => None,
                serde_json::Value::String(text) => Some(text.clone()),
                other => Some(other.to_string()),
            };
            (name.clone(), value)
        })
        .collect()
}

#[test]
fn every_column_of_our_own_captures_is_right() {
    compare("own");
}

/// The cases of `more/cases.py`, which the first set does not have.
#[test]
fn every_column_of_more_captures_is_right() {
    compare("more");
}

fn compare(set: &str) {
    let (mut wrong, mut unknown) = (Vec::new(), 0);
    let mut files: HashMap<String, Vec<Verdict>> = HashMap::new();
    for expected in expected(set) {
        let verdicts = files
            .entry(expected.file.clone())
            .or_insert_with(|| verdicts(&frames::read(&directory(set).join(&expected.file))));
        let Some(verdict) = verdicts.get(expected.conn - 1) else {
            wrong.push(format!("{} #{}: not found", expected.file, expected.conn));
            continue;
        };
        let row = row(verdict);
        for column in COLUMNS {
            let (said, truth) = (&row[column], &expected.columns[column]);
            match said {
                Some(said) if said == truth => {}
                None if expected.is_hidden(column) => unknown += 1,
                said => wrong.push(format!(
                    "{} #{}: {column} is {truth}, said {said:?}",
                    expected.file, expected.conn
                )),
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    // Each of them is named by the table's column `hidden`.
    assert!(unknown > 10, "{unknown}");
}
