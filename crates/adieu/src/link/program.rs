//! A connection as a stream of bytes for its program: one try of a read or a write, and why it cannot go on.
//!
//! Nothing here waits; each face does that in its own way and tries again.

use super::{Link, Moved};
use crate::Report;
use crate::error::{Ended, ShutdownError};
use crate::handle::Handle;
use adieu_proto::Ending;
use std::io::{self, IoSlice};

impl<H: Handle> Link<H> {
    /// Receives into `buffer`, which is not empty. `None`: there is nothing now.
    ///
    /// 0 is the peer's EOF, and says that its stream is whole as far as TLS knows: where it was cut, this is an error.
    pub(crate) fn try_read(&mut self, buffer: &mut [u8]) -> Option<io::Result<usize>> {
        match self.receive(buffer) {
            Moved::Bytes(n) => {
                let now = self.now();
                self.core.handle_output(now, n as u64);
                Some(Ok(n))
            }
            Moved::Blocked if self.core.peer_has_ended() => Some(self.eof()),
            Moved::Blocked => None,
            Moved::Ended => {
                self.act();
                // A clean EOF is the end of what there is to read, also once it is closed and graceful.
                let graceful = self.outcome().is_none_or(|o| o.ending == Ending::Graceful);
                let clean = self.core.peer_has_ended() && self.core.evidence().fault.is_none() && graceful;
                Some(if clean { self.eof() } else { Err(self.ended()) })
            }
        }
    }

    fn eof(&self) -> io::Result<usize> {
        // An end mark that the program asked for is the program's to judge.
        let is_cut = self.core.evidence().end_mark == Some(false) && !self.options.timers.end_mark;
        if is_cut { Err(ended_by(Ending::Truncated)) } else { Ok(0) }
    }

    /// Sends from `bytes`, which are not none. `None`: our kernel takes nothing now.
    pub(crate) fn try_write(&mut self, bytes: &[u8]) -> Option<io::Result<usize>> {
        self.try_send(|link| link.send(bytes))
    }

    /// Sends from `buffers`, of which the first is not empty. `None`: our kernel takes nothing now.
    pub(crate) fn try_write_vectored(&mut self, buffers: &[IoSlice<'_>]) -> Option<io::Result<usize>> {
        self.try_send(|link| link.send_vectored(buffers))
    }

    fn try_send(&mut self, send: impl Fn(&mut Self) -> Moved) -> Option<io::Result<usize>> {
        loop {
            if !self.core.wants().input {
                return Some(Err(self.ended()));
            }
            match send(self) {
                // Only what waited here was taken.
                Moved::Bytes(0) => self.act(),
                Moved::Bytes(n) => return Some(Ok(n)),
                Moved::Blocked => return None,
                Moved::Ended => return Some(Err(self.ended())),
            }
        }
    }

    /// Why a read or write cannot go on.
    pub(crate) fn ended(&self) -> io::Error {
        if let Some(code) = self.core.evidence().fault.and_then(|f| f.code) {
            return io::Error::from_raw_os_error(code);
        }
        match self.outcome().map(|o| o.ending) {
            Some(ending) => ended_by(ending),
            // Only a trait's shutdown leaves something that can still be written to.
            None if self.core.milestones().shutdown_send.is_some() => {
                io::Error::new(io::ErrorKind::BrokenPipe, "the sending side is shut down")
            }
            None => io::ErrorKind::NotConnected.into(),
        }
    }

    /// Asks whether the interrupt or the deadline has ended the connection, and does nothing else.
    pub(crate) fn check_ended(&mut self) -> io::Result<()> {
        self.check_stop();
        self.act();
        if self.outcome().is_some() { Err(self.never_connected()) } else { Ok(()) }
    }

    /// Why there is nothing to read from or to write to.
    pub(crate) fn never_connected(&self) -> io::Error {
        if let Some(error) = self.handshake_error() {
            return error.clone().into();
        }
        self.ended()
    }

    /// Closes abortively, in the middle of a handshake too.
    pub(crate) fn break_off(&mut self) {
        self.is_aborted = true;
        self.core.handle_abort(self.now());
        self.act();
    }

    /// Closes abortively.
    pub(crate) fn abort(&mut self) -> Report {
        self.break_off();
        self.final_report()
    }

    /// Closes abortively, right after these octets.
    pub(crate) fn abort_with(&mut self, last_words: Box<[u8]>) -> Report {
        if !self.core.is_decided() {
            self.rare.get_or_insert_default().last_words = Some(last_words);
        }
        self.abort()
    }

    /// The sending side could not be shut down: receives what the peer had said, and closes.
    pub(crate) fn shutdown_failed(&mut self) -> ShutdownError {
        let received = self.receive_rest();
        if self.outcome().is_none() {
            self.give_up();
        }
        ShutdownError { report: Box::new(self.final_report()), received }
    }

    /// The report of a connection that has its outcome.
    pub(crate) fn final_report(&self) -> Report {
        self.report().expect(HAS_REPORT).clone()
    }

    /// The same, of a connection that nobody asks again.
    pub(crate) fn take_final_report(&mut self) -> Box<Report> {
        self.report.take().expect(HAS_REPORT)
    }

    /// How a connection ended that has its outcome.
    pub(crate) fn final_ending(&self) -> Ending {
        self.report().expect(HAS_REPORT).ending()
    }
}

const HAS_REPORT: &str = "a link with an outcome has its report";

/// The buffers from the first on that is not empty.
pub(crate) fn without_empty_ones<'a, 'b>(buffers: &'a [IoSlice<'b>]) -> &'a [IoSlice<'b>] {
    let first = buffers.iter().position(|buffer| !buffer.is_empty());
    first.map_or(&[], |first| &buffers[first..])
}

fn ended_by(ending: Ending) -> io::Error {
    let kind = match ending {
        Ending::TimedOut { .. } => io::ErrorKind::TimedOut,
        Ending::Truncated => io::ErrorKind::UnexpectedEof,
        _ => io::ErrorKind::ConnectionAborted,
    };
    io::Error::new(kind, Ended { ending })
}
