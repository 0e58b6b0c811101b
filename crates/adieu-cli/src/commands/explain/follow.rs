//! `--follow`: every segment of one address and port as a ladder, with the frame numbers of the capture.

use super::lines::block;
use crate::ladder::{self, Column, Rung, Wire};
use adieu_explain::ladder::{Ladder, Recording, Row};
use adieu_explain::verdict::Verdict;
use adieu_explain::words;
use std::net::SocketAddr;
use std::time::Duration;

/// How many segments are drawn, so that memory does not grow with the capture.
const MOST: usize = 20_000;

/// Ladders of the connections with this end, segment by segment.
pub(super) const fn recording(end: SocketAddr) -> Recording {
    Recording { end: Some(end), rows: MOST, rows_in_all: MOST, folds: false }
}

/// The connections of one capture that have the end.
#[derive(Default)]
pub(super) struct Followed {
    connections: Vec<(Verdict, Option<Box<Ladder>>)>,
    /// How many rows their ladders have.
    rows: usize,
}

impl Followed {
    pub(super) fn push(&mut self, verdict: Verdict, mut ladder: Option<Box<Ladder>>) {
        if let Some(ladder) = &mut ladder {
            ladder.truncate(MOST - self.rows);
            self.rows += ladder.rows().len();
        }
        self.connections.push((verdict, ladder));
    }

    /// The connections with their ladders, in the order of their first frames.
    pub(super) fn drawn(mut self) -> Vec<String> {
        self.connections.sort_by_key(|(verdict, _)| verdict.first.frame);
        self.connections
            .iter()
            .map(|(verdict, ladder)| {
                let drawn = ladder.as_ref().map(|ladder| draw(verdict, ladder)).unwrap_or_default();
                format!("{}\n\n{drawn}", block(verdict))
            })
            .collect()
    }
}

fn draw(verdict: &Verdict, ladder: &Ladder) -> String {
    let client = usize::from(ladder.ends()[0] != verdict.client);
    let mut rungs: Vec<Rung> = ladder.rows().iter().map(|row| rung(verdict, row, client)).collect();
    if rungs.is_empty() {
        return String::new();
    }
    let mut text = ladder::draw(&verdict.client.to_string(), &verdict.server.to_string(), &mut rungs);
    if ladder.not_kept() > 0 {
        let more =
            words::counted(ladder.not_kept(), "later segment is not drawn", "later segments are not drawn");
        text.push_str(&format!("{more}\n"));
    }
    text
}

/// `client`: the client's place among the ladder's ends.
fn rung(verdict: &Verdict, row: &Row, client: usize) -> Rung {
    let column = |from: usize| if from == client { Column::Client } else { Column::Server };
    let (column, wire, call) = match row {
        Row::Rung(rung) => {
            let wire = match (rung.flags.rst(), rung.flags.fin()) {
                (true, _) => Wire::Reset,
                (false, true) => Wire::Fin,
                (false, false) => Wire::Arrow,
            };
            let words = words::segment(rung);
            let space = if words.is_empty() { "" } else { " " };
            (column(rung.from), wire, format!("{}{space}{words}", rung.seen.frame))
        }
        Row::Run(run) => {
            let count: u64 = run.segments.iter().sum();
            let segments = words::counted(count, "segment", "segments");
            let call = format!("{} to {}: {segments}", run.first.frame, run.last.frame);
            (Column::Client, Wire::Nothing, call)
        }
    };
    Rung { at: row.first().time.since(verdict.first.time).unwrap_or(Duration::ZERO), column, call, wire }
}
