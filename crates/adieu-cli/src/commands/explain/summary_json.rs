//! `--summary` and `--compare` for programs: JSON Lines by docs/explain-summary.schema.json and docs/explain-compare.schema.json.
//!
//! They have all groups and all changes, where the text has the first of each.

use super::summary::{KINDS, LEAST};
use adieu_explain::summary::{Change, Group, Summary, Tally};
use serde::{Serialize, Serializer};
use std::io::{self, Write};

/// The endings of all connections, then those by port, server and prefix, worst first.
pub(super) fn tables(summary: &Summary, out: &mut impl Write) -> io::Result<()> {
    let all = All { by: "all", unlisted: summary.servers_not_kept(), counts: Counts::of(summary.all()) };
    line(out, &all)?;
    for (kind, _) in KINDS {
        for (group, tally) in summary.worst(kind) {
            line(out, &Row { group: group.into(), counts: Counts::of(&tally) })?;
        }
    }
    Ok(())
}

/// The endings of both captures, then what changed, then the groups that only one of them has.
pub(super) fn changes(before: &Summary, after: &Summary, out: &mut impl Write) -> io::Result<()> {
    for (capture, summary) in [("before", before), ("after", after)] {
        line(out, &Whole { capture, counts: Counts::of(summary.all()) })?;
    }
    for (kind, _) in KINDS {
        for change in before.compare(after, kind, LEAST) {
            line(out, &Changed::of(&change))?;
        }
        for (only, groups) in
            [("before", before.only_here(after, kind)), ("after", after.only_here(before, kind))]
        {
            for group in groups {
                line(out, &Only { only, group: group.into() })?;
            }
        }
    }
    Ok(())
}

fn line(out: &mut impl Write, record: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *out, record)?;
    out.write_all(b"\n")
}

/// What connections are counted by, and which of it.
#[derive(Serialize)]
#[serde(tag = "by", rename_all = "snake_case")]
enum By {
    Port { port: u16 },
    Prefix { prefix: String },
    Server { server: String },
}

impl From<Group> for By {
    fn from(group: Group) -> Self {
        match group {
            Group::Port(port) => Self::Port { port },
            Group::Prefix(_) => Self::Prefix { prefix: group.to_string() },
            Group::Server(_) => Self::Server { server: group.to_string() },
        }
    }
}

#[derive(Serialize)]
struct Counts<'a> {
    connections: u64,
    bad: u64,
    endings: Endings<'a>,
}

impl<'a> Counts<'a> {
    fn of(tally: &'a Tally) -> Self {
        Self { connections: tally.connections(), bad: tally.bad(), endings: Endings(tally) }
    }
}

/// How many connections ended how, by the ending's name; `unknown` cannot be known.
struct Endings<'a>(&'a Tally);

impl Serialize for Endings<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let named = Tally::ENDINGS.into_iter().map(|ending| {
            (ending.map_or("unknown", adieu_explain::verdict::Ending::as_str), self.0.of(ending))
        });
        serializer.collect_map(named)
    }
}

#[derive(Serialize)]
struct All<'a> {
    by: &'static str,
    #[serde(flatten)]
    counts: Counts<'a>,
    /// Connections to servers that are too many to be counted one by one.
    unlisted: u64,
}

#[derive(Serialize)]
struct Row<'a> {
    #[serde(flatten)]
    group: By,
    #[serde(flatten)]
    counts: Counts<'a>,
}

#[derive(Serialize)]
struct Whole<'a> {
    capture: &'static str,
    #[serde(flatten)]
    counts: Counts<'a>,
}

/// How many of a group's connections had an ending.
#[derive(Serialize)]
struct Part {
    count: u64,
    connections: u64,
    share: f64,
}

#[derive(Serialize)]
struct Changed {
    #[serde(flatten)]
    group: By,
    ending: &'static str,
    before: Part,
    after: Part,
}

impl Changed {
    fn of(change: &Change) -> Self {
        let share = |tally: &Tally, share| Part {
            count: tally.of(change.ending),
            connections: tally.connections(),
            share,
        };
        Self {
            group: change.group.into(),
            ending: change.ending.map_or("unknown", adieu_explain::verdict::Ending::as_str),
            before: share(&change.before, change.was),
            after: share(&change.after, change.is),
        }
    }
}

#[derive(Serialize)]
struct Only {
    only: &'static str,
    #[serde(flatten)]
    group: By,
}
