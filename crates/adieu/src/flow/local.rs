//! Our own two ends, as the system has them: files, pipes, terminals, memory.

use super::End;
use super::ends::{Gave, Sink, Source, Took};
use crate::os::Lane;
use crate::os::ends::{Input, Output};
use adieu_proto::{LocalEnd, Time};
use std::io;

impl Source for Input {
    const NOTHING_IS_END: bool = true;

    /// The sink's core knows.
    fn is_open(&self) -> bool {
        true
    }

    fn is_ready(&mut self) -> bool {
        Self::is_ready(self)
    }

    fn read(&mut self, room: &mut [u8]) -> Gave {
        gave(Self::read(self, room))
    }

    fn at_end(&mut self) -> Gave {
        gave(Self::end(self))
    }

    fn end(&self) -> Option<End> {
        None
    }

    fn failing_end(&self) -> LocalEnd {
        Self::failing_end(self)
    }

    fn is_long(&self) -> bool {
        true
    }

    fn lane(&self) -> Lane<'_> {
        Self::lane(self)
    }

    /// Most often that has emptied a pipe. `poll` finds out without its lock, which its writer holds while it fills it:
    /// asking with another splice would spin for that long.
    fn passed_out(&mut self, _: usize, _: bool) {
        Self::set_blocked(self);
    }

    fn set_blocked(&mut self) {
        Self::set_blocked(self);
    }

    /// Reading it tells again.
    fn failed(&mut self, _: &io::Error) {}

    fn set_ready(&mut self) {}

    fn handed_on(&mut self, _: usize) {}

    fn discarded(&mut self, _: usize) {}

    fn sink_ended(&mut self) {}

    fn sink_failed(&mut self, _: &io::Error) {}
}

/// What a read that does not block says. 0 is the end.
pub(super) fn gave(result: io::Result<usize>) -> Gave {
    match result {
        Ok(0) => Gave::Ended,
        Ok(n) => Gave::Bytes(n),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Gave::Blocked,
        Err(error) => Gave::Failed(error),
    }
}

impl Sink for Output {
    fn is_open(&self) -> bool {
        true
    }

    fn has_work(&self, holds: bool) -> bool {
        holds
    }

    fn is_ready(&self) -> bool {
        Self::is_ready(self)
    }

    fn give(&mut self, bytes: &[u8]) -> Took {
        match self.write(bytes) {
            Ok(n) => Took::Bytes(n),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Took::Blocked,
            Err(error) if self.is_refusal(&error) => Took::Refused,
            Err(error) => Took::Failed(error),
        }
    }

    fn note_read(&mut self, _: usize) -> io::Result<()> {
        self.begin()
    }

    /// It ends once it has taken everything.
    fn note_end(&mut self) {}

    fn source_failed(&mut self, _: LocalEnd, _: &io::Error) {
        Self::cut(self);
    }

    fn is_settled(&self) -> bool {
        Self::is_settled(self)
    }

    fn end(&mut self) -> io::Result<()> {
        Self::end(self)
    }

    fn cut(&mut self) {
        Self::cut(self);
    }

    fn is_long(&self) -> bool {
        true
    }

    fn lane(&self) -> Lane<'_> {
        Self::lane(self)
    }

    fn passed_in(&mut self, _: Time, _: usize) {}

    fn set_blocked(&mut self) {
        Self::set_blocked(self);
    }

    /// Writing to it tells again.
    fn failed(&mut self, _: &io::Error) {}
}
