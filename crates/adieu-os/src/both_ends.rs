//! The types of an exchange's two ends, [`Input`] and [`Output`], as far as they are the same on every system. How they are read and
//! written is in each system's folder.
//!
//! Users make these values and give them away. The hidden methods are for the data path.

use super::ends::{Input, Output, Sink};
use crate::closes::Closes;
use crate::program::{Collected, Given, Taken};
use crate::worker::{Reader, Writer};
use crate::{OpenFile, Pollable, Watch};
use std::fs::File;
use std::io::{self, Read, Write};
use std::sync::Arc;
use std::time::Duration;

/// What ended a wait for an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WaitEnd {
    /// It may be read.
    Ready,
    /// Something else that was watched is readable.
    Other,
    /// The time was over.
    TimeOver,
}

impl Input {
    /// Waits until it may be read, or one of `others` is readable, at most so long.
    ///
    /// # Errors
    ///
    /// The system could not wait: it has no memory left.
    #[doc(hidden)]
    pub fn wait(&mut self, others: &[Pollable<'_>], limit: Duration) -> io::Result<WaitEnd> {
        // A file is always ready, and has no watch.
        if self.is_ready() {
            return Ok(WaitEnd::Ready);
        }
        let mut watches = vec![self.watch()];
        watches.extend(others.iter().map(|other| Watch::readable(Some(*other))));
        crate::wait(&mut watches, Some(limit))?;
        let is_ready = watches[0].ready.any;
        let other = watches[1..].iter().any(|watch| watch.ready.any);
        if is_ready {
            self.set_ready();
            return Ok(WaitEnd::Ready);
        }
        Ok(if other { WaitEnd::Other } else { WaitEnd::TimeOver })
    }

    /// Nothing to send.
    pub fn empty() -> Self {
        Self::from_bytes(Vec::new())
    }
}

impl io::Read for Input {
    /// Reads; only when ready. `WouldBlock`: it was not ready after all.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        Self::read(self, buffer)
    }
}

impl OpenFile {
    /// Waits until it may be written to, at most so long. Whether it may.
    ///
    /// # Errors
    ///
    /// The system could not wait: it has no memory left.
    pub fn await_room(&mut self, limit: Duration) -> io::Result<bool> {
        if !self.is_ready() {
            let mut watches = [self.watch_room()];
            crate::wait(&mut watches, Some(limit))?;
            if watches[0].ready.any {
                self.set_ready();
            }
        }
        Ok(self.is_ready())
    }
}

impl Output {
    pub(super) fn to(sink: Sink) -> Self {
        Self { sink, may_refuse: false, on_cut: None, settled: false, closes_standard: None, empties: false }
    }

    /// Throws everything away.
    pub fn null() -> Self {
        Self::to(Sink::Null)
    }

    /// The reader may close before the end: the rest is then thrown away, and counted as that, instead of being a
    /// failure. For a command that does not read all its input.
    #[must_use]
    pub fn may_refuse(mut self) -> Self {
        self.may_refuse = true;
        self
    }

    /// A regular file is emptied when the first byte has come, and not before: whoever connects and sends nothing leaves what
    /// it had.
    #[must_use]
    pub fn empties_at_first_byte(mut self) -> Self {
        self.empties = true;
        self
    }

    /// The first byte has come.
    #[doc(hidden)]
    pub fn begin(&mut self) -> io::Result<()> {
        if std::mem::take(&mut self.empties) { self.empty() } else { Ok(()) }
    }

    /// Calls `f` before the descriptor or handle is closed although the peer has not ended its side: its reader would
    /// take the EOF that follows for the end of a whole stream, so this is the moment to stop it.
    #[must_use]
    pub fn on_cut(mut self, f: impl FnOnce() + Send + 'static) -> Self {
        self.on_cut = Some(Box::new(f));
        self
    }
}

impl Output {
    /// If it is standard output: closes it after the peer's end, so that whoever reads it sees that end while our input is
    /// still open. /dev/null (`NUL`) is put in its place. For the program whose standard output this is, once it has nothing
    /// more to write there.
    #[must_use]
    pub fn closes_standard(mut self, when: Closes) -> Self {
        self.closes_standard = Some(when);
        self
    }

    pub(crate) fn is_to_be_let_go(&self, a_byte_has_passed: bool) -> bool {
        self.settled
            && match self.closes_standard {
                Some(Closes::Always) => true,
                Some(Closes::AfterAByte) => a_byte_has_passed,
                None => false,
            }
    }

    /// Whether it was ended, and still writes out what it held back.
    #[doc(hidden)]
    pub fn is_ending(&self) -> bool {
        matches!(&self.sink, Sink::Program(taken) if taken.is_ending())
    }

    pub(crate) fn taken_by(taken: Taken) -> Self {
        Self::to(Sink::Program(taken))
    }

    /// The peer has ended: so does whatever takes its bytes. `WouldBlock`: it does not know yet whether it has everything.
    ///
    /// # Errors
    ///
    /// What was written is not taken after all.
    #[doc(hidden)]
    pub fn end(&mut self) -> io::Result<()> {
        let result = match &mut self.sink {
            Sink::Program(taken) => {
                let result = taken.end();
                if result.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock) {
                    return result;
                }
                self.sink = Sink::Ended;
                result
            }
            _ => self.end_file(),
        };
        (self.on_cut, self.settled) = (None, true);
        result
    }

    /// Whether it has ended, or was cut: nothing more is to be done with it.
    #[doc(hidden)]
    pub fn is_settled(&self) -> bool {
        self.settled
    }

    /// The stream that it takes was cut. Its reader is stopped, and a socket is reset and not ended.
    #[doc(hidden)]
    pub fn cut(&mut self) {
        if self.settled {
            return;
        }
        self.settled = true;
        if let Some(on_cut) = self.on_cut.take() {
            on_cut();
        }
        self.reset_on_close();
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        self.cut();
    }
}

impl From<Vec<u8>> for Input {
    fn from(bytes: Vec<u8>) -> Self {
        Self::from_bytes(bytes)
    }
}

impl TryFrom<File> for Input {
    type Error = io::Error;

    fn try_from(file: File) -> io::Result<Self> {
        Self::from_file(file)
    }
}

impl TryFrom<File> for Output {
    type Error = io::Error;

    fn try_from(file: File) -> io::Result<Self> {
        Self::from_file(file)
    }
}

impl Input {
    /// Bytes in memory.
    pub fn from_bytes(bytes: impl Into<Vec<u8>>) -> Self {
        Self::given(Given::Bytes { bytes: bytes.into(), taken: 0 })
    }

    /// Any reader: a decompressor, a generator, what another thread sends through a channel. Its `Ok(0)` is the end.
    ///
    /// A thread of its own reads, so that a reader that blocks holds nothing else up; 64 KiB at most are read ahead. A reader
    /// that fails or panics is a failure of the input: what it gave is delivered, and then the connection is reset, because a FIN
    /// would say that it was all. An error of the kind [`WouldBlock`](io::ErrorKind::WouldBlock) is such a failure too.
    ///
    /// The reader is dropped on its thread: after its end, or after the exchange. If it blocks for ever, its thread is left behind
    /// with it.
    ///
    /// # Errors
    ///
    /// The system has no threads or no descriptors left.
    pub fn from_reader(reader: impl Read + Send + 'static) -> io::Result<Self> {
        Reader::of_program(reader).map(|reader| Self::given(Given::Reader(reader)))
    }
}

impl Output {
    /// Memory. The second value gives the bytes after the exchange.
    ///
    /// If the peer sends more bytes than `limit`, that is a failure of the output, and the connection is reset. Without a limit
    /// (`None`) a peer that sends without end takes all memory there is.
    pub fn to_vec(limit: impl Into<Option<usize>>) -> (Self, Collected) {
        let bytes = Arc::default();
        let taken = Taken::Memory { bytes: Arc::clone(&bytes), limit: limit.into() };
        (Self::taken_by(taken), Collected(bytes))
    }

    /// Any writer: a compressor, a hash, a buffered file.
    ///
    /// A thread of its own writes, so that a writer that blocks holds nothing else up; 64 KiB at most are with it at a time. Bytes
    /// count as written once the writer has been flushed after them. After the peer's EOF the writer is flushed once more and
    /// dropped, and only then the output has ended. A writer that fails or panics is a failure of the output: the connection is
    /// reset, also if it fails at the last flush. An error of the kind [`WouldBlock`](io::ErrorKind::WouldBlock) is such a failure
    /// too.
    ///
    /// If the peer's stream was cut, the writer is dropped without that last flush, perhaps after the exchange has returned. If it
    /// blocks for ever, its thread is left behind with it.
    ///
    /// # Errors
    ///
    /// The system has no threads or no descriptors left.
    pub fn from_writer(writer: impl Write + Send + 'static) -> io::Result<Self> {
        Writer::of_program(writer).map(|writer| Self::taken_by(Taken::Writer { writer, failed: None }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    const BOUND: Duration = Duration::from_secs(20);

    #[cfg(unix)]
    use std::os::fd::OwnedFd as Owned;
    #[cfg(windows)]
    use std::os::windows::io::OwnedHandle as Owned;

    /// What comes next, once it has come.
    fn next(input: &mut Input, buffer: &mut [u8]) -> usize {
        loop {
            assert_eq!(input.wait(&[], BOUND).expect("it can be waited for"), WaitEnd::Ready);
            match input.read(buffer) {
                // What was read ahead may be all that there was.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                other => return other.expect("it can be read"),
            }
        }
    }

    #[test]
    fn a_silent_pipe_is_waited_for_and_its_end_is_an_end() {
        let (read, mut write) = io::pipe().expect("a pipe");
        let mut input = Input::try_from(File::from(Owned::from(read))).expect("a thread");
        assert!(!input.is_ready());
        let silent = input.wait(&[], Duration::from_millis(20)).expect("it can be waited for");
        assert_eq!(silent, WaitEnd::TimeOver);
        write.write_all(b"some").expect("it is open");
        let mut there = [0; 4];
        assert_eq!(next(&mut input, &mut there), 4);
        assert_eq!(&there, b"some");
        drop(write);
        assert_eq!(next(&mut input, &mut there), 0);
        assert_eq!(next(&mut input, &mut there), 0);
    }
}
