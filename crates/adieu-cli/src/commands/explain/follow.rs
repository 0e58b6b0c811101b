//! `--follow`: every segment of one address and port as a ladder, with the frame numbers of the capture.

use crate::ladder::{self, Column, Rung, Wire};
use adieu_explain::segment::{Flags, Segment, Timestamp};
use adieu_explain::verdict::Verdict;
use std::net::SocketAddr;
use std::time::Duration;

/// How many segments of the followed connection are kept, so that memory does not grow with the capture.
const MOST: usize = 20_000;

/// The segments of an address and port.
pub(super) struct Follower {
    end: SocketAddr,
    rows: Vec<Row>,
    not_kept: u64,
}

struct Row {
    frame: u64,
    time: Timestamp,
    source: SocketAddr,
    destination: SocketAddr,
    flags: Flags,
    payload_len: u32,
    closes_window: bool,
}

impl Follower {
    pub(super) const fn new(end: SocketAddr) -> Self {
        Self { end, rows: Vec::new(), not_kept: 0 }
    }

    /// Keeps a segment, if it is one of this end.
    pub(super) fn note(&mut self, segment: &Segment<'_>) {
        if ![segment.source, segment.destination].contains(&self.end) {
            return;
        }
        if self.rows.len() == MOST {
            self.not_kept += 1;
            return;
        }
        self.rows.push(Row {
            frame: segment.frame,
            time: segment.time,
            source: segment.source,
            destination: segment.destination,
            flags: segment.flags,
            payload_len: segment.payload_len,
            closes_window: segment.window == 0 && !segment.flags.rst(),
        });
    }

    /// The ladder of a connection. Empty: none of its segments was kept.
    pub(super) fn draw(&self, verdict: &Verdict) -> String {
        let frames = verdict.first.frame..=verdict.last.frame;
        let (client, server) = (verdict.client, verdict.server);
        let mut rungs: Vec<Rung> = self
            .rows
            .iter()
            .filter(|row| frames.contains(&row.frame))
            .filter(|row| [(client, server), (server, client)].contains(&(row.source, row.destination)))
            .map(|row| row.rung(verdict))
            .collect();
        if rungs.is_empty() {
            return String::new();
        }
        let mut text = ladder::draw(&client.to_string(), &server.to_string(), &mut rungs);
        if self.not_kept > 0 {
            text.push_str(&format!("{} later segments of {} are not drawn\n", self.not_kept, self.end));
        }
        text
    }
}

impl Row {
    fn rung(&self, verdict: &Verdict) -> Rung {
        let column = if self.source == verdict.client { Column::Client } else { Column::Server };
        let wire = match (self.flags.rst(), self.flags.fin()) {
            (true, _) => Wire::Reset,
            (false, true) => Wire::Fin,
            (false, false) => Wire::Arrow,
        };
        let mut parts = Vec::new();
        if self.flags.syn() {
            parts.push(if self.flags.ack() { "SYN-ACK".to_owned() } else { "SYN".to_owned() });
        }
        match self.payload_len {
            0 => {}
            1 => parts.push("1 byte".to_owned()),
            count => parts.push(format!("{count} bytes")),
        }
        if self.closes_window {
            parts.push("window 0".to_owned());
        }
        if parts.is_empty() && wire == Wire::Arrow {
            parts.push("ACK".to_owned());
        }
        let parts = if parts.is_empty() { String::new() } else { format!(" {}", parts.join(", ")) };
        Rung {
            at: self.time.since(verdict.first.time).unwrap_or(Duration::ZERO),
            column,
            call: format!("{}{parts}", self.frame),
            wire,
        }
    }
}
