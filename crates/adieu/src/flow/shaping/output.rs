//! Our output, or nobody who wants what the peer sends.

use crate::flow::ends::{Sink, Took};
use crate::os::Lane;
use std::io;

/// Our output.
pub(crate) struct OutputEnd<'a, K> {
    pub(super) output: &'a mut K,
    /// Nobody wants what the peer sends.
    pub(super) discards: bool,
}

impl<K: Sink> Sink for OutputEnd<'_, K> {
    fn is_ready(&self) -> bool {
        self.discards || self.output.is_ready()
    }

    fn is_held_up(&self) -> bool {
        self.output.is_held_up()
    }

    fn give(&mut self, bytes: &[u8]) -> Took {
        if self.discards { Took::Refused } else { self.output.give(bytes) }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.output.flush()
    }

    fn note_read(&mut self, n: usize) -> io::Result<()> {
        // Of telnet, commands alone may have come.
        if self.discards || n == 0 { Ok(()) } else { self.output.note_read(n) }
    }

    fn is_settled(&self) -> bool {
        self.output.is_settled()
    }

    fn end(&mut self) -> io::Result<()> {
        self.output.end()
    }

    fn cut(&mut self) {
        self.output.cut();
    }

    fn lane(&self) -> Lane<'_> {
        if self.discards { Lane::null() } else { self.output.lane() }
    }

    fn discards(&self) -> bool {
        self.discards
    }

    fn set_blocked(&mut self) {
        self.output.set_blocked();
    }

    fn failed(&mut self, error: &io::Error) {
        self.output.failed(error);
    }
}
