//! Our input, with its line ends, its pace, and telnet's answers before it.

use super::lines::Crlf;
use super::pace::Pace;
use super::telnet::Telnet;
use crate::flow::ends::{Gave, Source};
use crate::options::ExchangeOptions;
use crate::os::Lane;
use adieu_proto::LocalEnd;
use std::io;
use std::time::Duration;

/// How much of our input is prepared at once.
const PREPARED_AT_ONCE: usize = 16 * 1024;

/// What is made of our input.
pub(super) struct InputShape {
    crlf: Option<Crlf>,
    pace: Pace,
    /// What was read and is not sent yet, ready to go.
    prepared: Vec<u8>,
    /// How much of that is gone.
    given: usize,
    /// Where the input is read into.
    raw: Vec<u8>,
    has_ended: bool,
}

impl InputShape {
    pub(super) fn of(options: &ExchangeOptions) -> Self {
        Self {
            crlf: options.crlf.then(Crlf::default),
            pace: Pace::of_input(options),
            prepared: Vec::new(),
            given: 0,
            raw: Vec::new(),
            has_ended: false,
        }
    }

    fn is_plain(&self) -> bool {
        self.crlf.is_none() && self.pace.is_none()
    }

    fn has_prepared(&self) -> bool {
        self.given < self.prepared.len()
    }

    /// Reads something and prepares it. `None`: it is prepared.
    fn prepare(&mut self, input: &mut impl Source) -> Option<Gave> {
        self.given = 0;
        self.prepared.clear();
        self.raw.resize(PREPARED_AT_ONCE, 0);
        let n = match input.read(&mut self.raw) {
            Gave::Bytes(n) => n,
            other => return Some(other),
        };
        match &mut self.crlf {
            Some(crlf) => crlf.translate(&self.raw[..n], &mut self.prepared),
            None => self.prepared.extend_from_slice(&self.raw[..n]),
        }
        None
    }

    fn read(&mut self, input: &mut impl Source, room: &mut [u8]) -> Gave {
        let most = self.pace.most(room.len());
        let room = &mut room[..most];
        let gave = if self.crlf.is_none() && !self.pace.is_by_lines() {
            input.read(room)
        } else if !self.has_prepared()
            && let Some(other) = self.prepare(input)
        {
            other
        } else {
            Gave::Bytes(self.give(room))
        };
        match gave {
            Gave::Bytes(n) => self.pace.after(&room[..n]),
            Gave::Ended => self.has_ended = true,
            Gave::Blocked | Gave::Cut | Gave::Failed(_) => {}
        }
        gave
    }

    fn give(&mut self, room: &mut [u8]) -> usize {
        let prepared = &self.prepared[self.given..];
        let n = room.len().min(self.pace.piece(prepared));
        room[..n].copy_from_slice(&prepared[..n]);
        self.given += n;
        n
    }
}

/// Our input.
pub(crate) struct InputEnd<'a, S> {
    pub(super) input: &'a mut S,
    pub(super) shape: &'a mut InputShape,
    pub(super) telnet: Option<&'a mut Telnet>,
    /// It ends by what is received, which the way around us would not see.
    pub(super) is_counted: bool,
    /// As much was received as was asked for: nothing more is read.
    pub(super) is_enough: bool,
}

impl<S> InputEnd<'_, S> {
    fn has_answers(&self) -> bool {
        self.telnet.as_ref().is_some_and(|telnet| telnet.has_answers())
    }

    fn is_plain(&self) -> bool {
        self.telnet.is_none() && self.shape.is_plain() && !self.is_counted
    }
}

impl<S: Source> Source for InputEnd<'_, S> {
    const NOTHING_IS_END: bool = S::NOTHING_IS_END;

    fn is_open(&self) -> bool {
        self.has_answers() || (!self.shape.has_ended && self.input.is_open())
    }

    fn is_ready(&mut self) -> bool {
        self.has_answers()
            || (!self.shape.has_ended
                && self.shape.pace.left().is_zero()
                && (self.shape.has_prepared() || self.is_enough || self.input.is_ready()))
    }

    fn pause(&self) -> Option<Duration> {
        Some(self.shape.pace.left()).filter(|left| !left.is_zero() && !self.has_answers())
    }

    fn read(&mut self, room: &mut [u8]) -> Gave {
        match &mut self.telnet {
            Some(telnet) if telnet.has_answers() => Gave::Bytes(telnet.take_answers(room)),
            _ if self.is_enough && !self.shape.has_prepared() => {
                self.shape.has_ended = true;
                Gave::Ended
            }
            _ => self.shape.read(self.input, room),
        }
    }

    fn at_end(&mut self) -> Gave {
        self.input.at_end()
    }

    fn failing_end(&self) -> LocalEnd {
        self.input.failing_end()
    }

    fn is_long(&self) -> bool {
        self.is_plain() && self.input.is_long()
    }

    fn lane(&self) -> Lane<'_> {
        if self.is_plain() { self.input.lane() } else { Lane::none() }
    }

    fn passed_out(&mut self, n: usize, all: bool) {
        self.input.passed_out(n, all);
    }

    fn set_blocked(&mut self) {
        self.input.set_blocked();
    }

    fn failed(&mut self, error: &io::Error) {
        self.input.failed(error);
    }

    fn set_ready(&mut self) {
        self.input.set_ready();
    }
}
