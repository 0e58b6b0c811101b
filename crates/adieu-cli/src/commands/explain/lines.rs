//! A connection as it is printed: a sentence and facts for people, or one line for programs.

use super::arguments::Format;
use adieu_explain::format::{Eve, FlowEnd, Record, zeek_line};
use adieu_explain::table::Reason;
use adieu_explain::verdict::Verdict;
use adieu_explain::words;
use serde::Serialize;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io::{self, Write};

/// A connection, ready to be printed. Lines are in the order of their places.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Line {
    place: Place,
    /// All but what is only known when it is printed: the file, and the number in it. Without the last line end.
    text: Box<str>,
}

/// Where a line stands: its group, and in the group the connection's first frame.
pub(super) type Place = (u8, u64);

/// How much text waits for its turn at most, in octets.
const WAITING: usize = 16 << 20;

/// Lines that wait until all that began before them are there.
///
/// The room is bounded: a connection that lasts longer than very many others comes after those that had to be printed by then.
#[derive(Default)]
pub(super) struct InOrder {
    lines: BinaryHeap<Reverse<Line>>,
    octets: usize,
}

impl InOrder {
    pub(super) fn push(&mut self, line: Line) {
        self.octets += line.text.len();
        self.lines.push(Reverse(line));
    }

    /// A line that cannot wait longer for want of room.
    pub(super) fn pop_surplus(&mut self) -> Option<Line> {
        if self.octets > WAITING { self.pop() } else { None }
    }

    /// The next line.
    pub(super) fn pop(&mut self) -> Option<Line> {
        let Reverse(line) = self.lines.pop()?;
        self.octets -= line.text.len();
        Some(line)
    }
}

impl Line {
    pub(super) fn of(verdict: &Verdict, reason: Reason, format: Format) -> Self {
        let text = match format {
            Format::Text => block(verdict),
            Format::Brief => format!("{}: {}", headline(verdict), words::sentence(verdict)),
            Format::Json => json(&Record::of(verdict)),
            Format::Zeek => zeek_line(verdict),
            Format::Eve => json(&Eve::of(verdict, FlowEnd::from(reason))),
        };
        Self::at((0, verdict.first.frame), text)
    }

    pub(super) fn at(place: Place, text: String) -> Self {
        Self { place, text: text.into_boxed_str() }
    }

    pub(super) fn place(&self) -> Place {
        self.place
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// `name`: of which capture it is. `number`: the connection's in it. `several`: there are several captures.
    pub(super) fn write(
        &self,
        out: &mut impl Write,
        format: Format,
        name: &str,
        number: u64,
        several: bool,
    ) -> io::Result<()> {
        match format {
            Format::Text | Format::Brief => {
                if several {
                    write!(out, "{}: ", adieu::shown(name.as_bytes()))?;
                }
            }
            Format::Json => {
                // The record is an object that is not empty: what is only known now stands before its first field.
                write!(out, "{{\"file\":{},\"conn\":{number},", json(&name))?;
                out.write_all(&self.text.as_bytes()[1..])?;
                return out.write_all(b"\n");
            }
            Format::Zeek | Format::Eve => {}
        }
        writeln!(out, "{}", self.text)
    }
}

fn json(record: &impl Serialize) -> String {
    serde_json::to_string(record).expect("records have only names, numbers and texts")
}

/// `10.0.0.1:40000 -> 10.0.0.2:80: reset`.
pub(super) fn headline(verdict: &Verdict) -> String {
    format!("{} -> {}: {}", verdict.client, verdict.server, words::headline(verdict))
}

/// The headline, the sentence, and the facts, each with how sure it is.
pub(super) fn block(verdict: &Verdict) -> String {
    let mut text = format!("{}\n  {}.", headline(verdict), words::sentence(verdict));
    for fact in words::facts(verdict) {
        text.push_str(&format!("\n  {:<9}  {}", fact.word(), fact.text));
    }
    text
}
