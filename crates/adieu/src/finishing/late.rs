//! The sink for bytes that the peer still sends while a connection is being finished: the program's own sink, or none.

use super::options::{Finish, LateSink};
use crate::flow::ends::{Sink, Took};
use crate::os::Lane;
use std::io;
use std::sync::PoisonError;

pub(super) struct Late {
    sink: Option<LateSink>,
    /// How many more are taken. `None`: any number.
    left: Option<u64>,
    is_over_limit: bool,
    /// The program's sink was called.
    was_called: bool,
}

impl Late {
    pub(super) fn new(finish: &Finish) -> Self {
        Self {
            sink: finish.late_sink.clone(),
            left: finish.late_limit,
            is_over_limit: false,
            was_called: false,
        }
    }

    /// More came than was allowed.
    pub(super) fn is_over_limit(&self) -> bool {
        self.is_over_limit
    }

    /// Whether the program's sink was called since this was asked last.
    pub(super) fn was_called(&mut self) -> bool {
        std::mem::take(&mut self.was_called)
    }
}

impl Sink for Late {
    fn is_ready(&self) -> bool {
        true
    }

    fn give(&mut self, bytes: &[u8]) -> Took {
        let Some(sink) = &self.sink else { return Took::Refused };
        self.was_called = true;
        // One that has panicked before may have lost bytes, and those of other connections; each tells its own failure.
        let mut sink = sink.lock().unwrap_or_else(PoisonError::into_inner);
        match sink(bytes) {
            Ok(()) => Took::Bytes(bytes.len()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                Took::Failed(io::Error::other("the sink of late bytes would block"))
            }
            Err(error) => Took::Failed(error),
        }
    }

    fn note_read(&mut self, n: usize) -> io::Result<()> {
        if let Some(left) = &mut self.left {
            let n = n as u64;
            self.is_over_limit |= n > *left;
            *left = left.saturating_sub(n);
        }
        Ok(())
    }

    fn is_settled(&self) -> bool {
        true
    }

    fn end(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn cut(&mut self) {}

    /// Nowhere: the kernel throws them away by itself where it can.
    fn lane(&self) -> Lane<'_> {
        if self.sink.is_none() { Lane::null() } else { Lane::none() }
    }

    fn discards(&self) -> bool {
        self.sink.is_none()
    }
}
