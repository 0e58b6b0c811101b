//! `--summary` and `--compare`: many connections at once, as tables for people.

use adieu_explain::summary::{Change, Group, Kind, Summary, Tally};
use adieu_explain::verdict::Ending;
use adieu_explain::words::{self, ending_words};
use std::fmt::Write as _;

/// How many groups of a kind are printed, and how many changes.
const MOST: usize = 20;

/// The smallest change of a share that is told: a tenth of a percentage point.
pub(super) const LEAST: f64 = 0.001;

pub(super) const KINDS: [(Kind, &str); 3] =
    [(Kind::Port, "port"), (Kind::Server, "server"), (Kind::Prefix, "prefix")];

/// The endings of all connections, and those by port, server and prefix, worst first.
pub(super) fn tables(summary: &Summary) -> String {
    let mut text = format!("{}\n", words::tally(summary.all()));
    for (kind, title) in KINDS {
        let groups = summary.worst(kind);
        if groups.is_empty() {
            continue;
        }
        let shown = &groups[..groups.len().min(MOST)];
        let columns: Vec<Option<Ending>> = Tally::ENDINGS
            .into_iter()
            .filter(|ending| shown.iter().any(|(_, tally)| tally.of(*ending) > 0))
            .collect();
        let mut rows = vec![
            [title.to_owned(), "connections".to_owned(), "bad".to_owned()]
                .into_iter()
                .chain(columns.iter().map(|ending| word(*ending).to_owned()))
                .collect::<Vec<_>>(),
        ];
        for (group, tally) in shown {
            let counts = columns.iter().map(|ending| tally.of(*ending).to_string());
            let bad = words::percent(tally.bad(), tally.connections());
            rows.push(
                [group.to_string(), tally.connections().to_string(), bad].into_iter().chain(counts).collect(),
            );
        }
        text.push('\n');
        text.push_str(&aligned(&rows));
        if groups.len() > shown.len() {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "and {} more, none worse", groups.len() - shown.len());
        }
    }
    if summary.servers_not_kept() > 0 {
        let _ = writeln!(
            text,
            "\n{} went to further servers, which are too many to list",
            words::counted(summary.servers_not_kept(), "connection", "connections")
        );
    }
    text
}

/// What changed from one capture to the other, the largest change first.
pub(super) fn changes(before: &Summary, after: &Summary) -> String {
    let mut text = format!("before: {}\nafter:  {}\n", words::tally(before.all()), words::tally(after.all()));
    let mut is_same = true;
    for (kind, title) in KINDS {
        let changes = before.compare(after, kind, LEAST);
        let (gone, new) = (before.only_here(after, kind), after.only_here(before, kind));
        if changes.is_empty() && gone.is_empty() && new.is_empty() {
            continue;
        }
        is_same = false;
        text.push('\n');
        for change in changes.iter().take(MOST) {
            let _ = writeln!(text, "{title} {}", line(change));
        }
        if changes.len() > MOST {
            let more = words::counted((changes.len() - MOST) as u64, "smaller change", "smaller changes");
            let _ = writeln!(text, "and {more}");
        }
        for (groups, when) in [(gone, "only before"), (new, "only after")] {
            if !groups.is_empty() {
                let more = groups.len().saturating_sub(MOST);
                let names: Vec<String> = groups.iter().take(MOST).map(Group::to_string).collect();
                let more = if more > 0 { format!(" and {more} more") } else { String::new() };
                let _ = writeln!(text, "{when}: {title} {}{more}", names.join(", "));
            }
        }
    }
    if is_same {
        text.push_str("\nno share of an ending changed by 0.1 percentage points or more\n");
    }
    text
}

/// `5432: reset 0.1 % -> 7 % (1 of 1000 -> 7 of 100)`.
fn line(change: &Change) -> String {
    let Change { group, ending, before, after, .. } = change;
    format!(
        "{group}: {} {} -> {} ({} of {} -> {} of {})",
        word(*ending),
        words::percent(before.of(*ending), before.connections()),
        words::percent(after.of(*ending), after.connections()),
        before.of(*ending),
        before.connections(),
        after.of(*ending),
        after.connections()
    )
}

fn word(ending: Option<Ending>) -> &'static str {
    ending.map_or("unknown", ending_words)
}

/// Rows with their columns below each other: the first to the left, numbers to the right.
fn aligned(rows: &[Vec<String>]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..rows[0].len()).map(width).collect();
    let mut text = String::new();
    for row in rows {
        for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
            let _ =
                if column == 0 { write!(text, "{cell:<width$}") } else { write!(text, "  {cell:>width$}") };
        }
        text.push('\n');
    }
    text
}
