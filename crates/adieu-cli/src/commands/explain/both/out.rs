//! Where the lines of two captures go, and in which order: the connections that are in both, then those of A, then those of B.
//!
//! Memory is bounded. For people only the first few connections are listed that one capture has alone, and the others are
//! counted. Where more lines wait for their turn than there is room for, the first of them are printed.

use super::super::lines::{InOrder, Line, Place};
use super::super::plan::Form;
use adieu_explain::both::Point;
use std::collections::BinaryHeap;
use std::io::{self, Write};

/// How many connections are listed for people that only one of the captures has.
const MOST_ALONE: usize = 20;

/// Prints lines in order.
pub(super) struct Out<'n, W> {
    writer: W,
    form: Form,
    names: &'n [String; 2],
    /// Lines that are all printed.
    lines: InOrder,
    /// For people: the first few connections of A and of B that the other capture does not have, the last first.
    alone: [BinaryHeap<Line>; 2],
    /// How many there are in both, in A and in B.
    counts: [u64; 3],
    begun: bool,
    written: io::Result<()>,
}

impl<'n, W: Write> Out<'n, W> {
    pub(super) fn new(writer: W, form: Form, names: &'n [String; 2]) -> Self {
        Self {
            writer,
            form,
            names,
            lines: InOrder::default(),
            alone: [BinaryHeap::new(), BinaryHeap::new()],
            counts: [0; 3],
            begun: false,
            written: Ok(()),
        }
    }

    /// A connection that both captures have. Without the last line end.
    pub(super) fn pair(&mut self, first_frame: u64, text: impl FnOnce() -> String) {
        self.counts[0] += 1;
        self.push((0, first_frame), text());
    }

    /// A connection that only `point` has.
    pub(super) fn alone(&mut self, point: Point, first_frame: u64, text: impl FnOnce() -> String) {
        let at = point.index();
        let group = 1 + u8::from(point == Point::B);
        self.counts[usize::from(group)] += 1;
        let place = (group, first_frame);
        if self.form == Form::Json {
            self.push(place, text());
            return;
        }
        let first = &mut self.alone[at];
        if first.len() == MOST_ALONE {
            if first.peek().is_some_and(|last| last.place() <= place) {
                return;
            }
            first.pop();
        }
        first.push(Line::at(place, text()));
    }

    fn push(&mut self, place: Place, text: String) {
        self.lines.push(Line::at(place, text));
        while self.written.is_ok()
            && let Some(line) = self.lines.pop_surplus()
        {
            self.written = self.print(&line);
        }
    }

    fn print(&mut self, line: &Line) -> io::Result<()> {
        self.begin()?;
        if matches!(self.form, Form::Text | Form::Follow(_)) {
            self.writer.write_all(b"\n")?;
        }
        writeln!(self.writer, "{}", line.text())
    }

    /// Says which capture is A and which is B, once.
    fn begin(&mut self) -> io::Result<()> {
        if !std::mem::replace(&mut self.begun, true) && self.form != Form::Json {
            for (point, name) in [Point::A, Point::B].into_iter().zip(self.names) {
                writeln!(self.writer, "{}: {}", point.name(), adieu::shown(name.as_bytes()))?;
            }
        }
        Ok(())
    }

    /// Prints the rest.
    pub(super) fn finish(mut self) -> io::Result<()> {
        std::mem::replace(&mut self.written, Ok(()))?;
        self.begin()?;
        while let Some(line) = self.lines.pop() {
            self.print(&line)?;
        }
        for first in std::mem::take(&mut self.alone) {
            for line in first.into_sorted_vec() {
                self.print(&line)?;
            }
        }
        if self.form != Form::Json {
            self.conclude()?;
        }
        self.writer.flush()
    }

    fn conclude(&mut self) -> io::Result<()> {
        let [pairs, alone @ ..] = self.counts;
        for (count, name) in alone.into_iter().zip(["A", "B"]) {
            if let Some(more) = count.checked_sub(MOST_ALONE as u64).filter(|more| *more > 0) {
                let connections = if more == 1 { "connection is" } else { "connections are" };
                writeln!(self.writer, "\n{more} more {connections} not compared, of {name}")?;
            }
        }
        if self.counts == [0; 3] {
            let what = match self.form {
                Form::Follow(end) => format!("no connection with the end {end} was found"),
                _ => "no connection was found".to_owned(),
            };
            writeln!(self.writer, "\n{what}")?;
        } else if pairs == 0 {
            writeln!(
                self.writer,
                "\nno connection is in both captures, as far as sequence numbers, addresses and timestamps tell. Do both contain \
                 the beginning (SYN) of the same connections?"
            )?;
        }
        Ok(())
    }
}
