//! One line for each connection.

use super::filter::Filter;
use adieu_explain::table::Finished;
use adieu_explain::verdict::{Columns, Verdict};
use serde::Serialize;
use std::io::{self, Write};

/// A connection as it is printed.
pub(super) struct Line {
    columns: Columns,
    first_frame: u64,
    last_frame: u64,
}

/// The line in JSON.
#[derive(Serialize)]
struct Json<'a> {
    file: &'a str,
    conn: u64,
    #[serde(flatten)]
    columns: &'a Columns,
    first_frame: u64,
    last_frame: u64,
}

impl Line {
    /// `None`: it is not wanted.
    pub(super) fn of(finished: &Finished, filter: &Filter) -> Option<Self> {
        let verdict: Verdict = finished.connection.judge(Some(finished.until));
        filter.wants(&verdict).then(|| Self {
            columns: verdict.columns(),
            first_frame: verdict.first.frame,
            last_frame: verdict.last.frame,
        })
    }

    pub(super) const fn first_frame(&self) -> u64 {
        self.first_frame
    }

    /// `name`: of which capture it is, if it has to be said.
    pub(super) fn write_text(&self, out: &mut impl Write, name: Option<&str>) -> io::Result<()> {
        let columns = &self.columns;
        if let Some(name) = name {
            write!(out, "{}: ", adieu::shown(name.as_bytes()))?;
        }
        let client = std::net::SocketAddr::new(columns.client, columns.cport);
        let server = std::net::SocketAddr::new(columns.server, columns.sport);
        write!(out, "{client} -> {server}: {}", word(columns.ending.as_ref(), "ending"))?;
        if let Some(by) = columns.rst_by.as_deref().filter(|by| *by != "-") {
            write!(out, ", reset by {by}")?;
            if let Some(kind) = columns.rst_kind.as_deref() {
                write!(out, " ({kind})")?;
            }
        }
        if columns.ended_first.is_some() {
            write!(out, ", ended first: {}", word(columns.ended_first.as_ref(), "side"))?;
        }
        for (bytes, whose) in [(columns.unacked_c2s, "client"), (columns.unacked_s2c, "server")] {
            if let Some(bytes) = bytes.filter(|bytes| *bytes > 0) {
                write!(out, ", {bytes} bytes of the {whose} never acknowledged")?;
            }
        }
        writeln!(out, ", frames {} to {}", self.first_frame, self.last_frame)
    }

    pub(super) fn write_json(&self, out: &mut impl Write, file: &str, conn: u64) -> io::Result<()> {
        let Self { columns, first_frame, last_frame } = self;
        let line = Json { file, conn, columns, first_frame: *first_frame, last_frame: *last_frame };
        serde_json::to_writer(&mut *out, &line)?;
        out.write_all(b"\n")
    }
}

/// A word of the corpus's columns, or that it cannot be known.
fn word(value: Option<&impl Serialize>, what: &str) -> String {
    let known = value.and_then(|value| serde_json::to_value(value).ok());
    known
        .as_ref()
        .and_then(|known| known.as_str())
        .map_or_else(|| format!("{what} unknown"), |word| word.replace('_', " "))
}
