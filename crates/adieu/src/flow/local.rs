//! Our own two ends, as the blocking face has them: files, pipes, terminals, memory, readers and writers.

use super::ends::{Gave, Sink, Source, Took};
use crate::os::Lane;
use crate::os::ends::{Input, Output};
use adieu_proto::LocalEnd;
use std::io;

impl Source for Input {
    const NOTHING_IS_END: bool = true;

    fn is_ready(&mut self) -> bool {
        Self::is_ready(self)
    }

    fn read(&mut self, room: &mut [u8]) -> Gave {
        gave(Self::read(self, room))
    }

    fn at_end(&mut self) -> Gave {
        gave(Self::end(self))
    }

    fn failing_end(&self) -> LocalEnd {
        Self::failing_end(self)
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
    fn is_ready(&self) -> bool {
        Self::is_ready(self)
    }

    fn is_held_up(&self) -> bool {
        self.is_ending()
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

    fn is_settled(&self) -> bool {
        Self::is_settled(self)
    }

    fn end(&mut self) -> io::Result<()> {
        Self::end(self)
    }

    fn cut(&mut self) {
        Self::cut(self);
    }

    fn lane(&self) -> Lane<'_> {
        Self::lane(self)
    }

    fn set_blocked(&mut self) {
        Self::set_blocked(self);
    }
}
