//! Our own two ends: where the bytes to send come from, and where the received bytes go.
//!
//! How each is read and written without blocking is an [`OpenFile`]'s; here is what makes it an end of an exchange: whether it is
//! whole, that it was cut, and when it is closed.

use super::end_check::EndCheck;
use super::open_file::{Fd, Kind, OpenFile};
use crate::closes::Closes;
use crate::program::{Given, Taken};
use crate::{Lane, Watch};
use adieu_proto::LocalEnd;
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

/// Where the bytes to send come from.
pub struct Input {
    source: Source,
    /// What says whether it is whole, and the descriptor that becomes readable when that is known.
    end_check: Option<(EndCheck, OwnedFd)>,
}

enum Source {
    Open(OpenFile),
    Program(Given),
}

impl Input {
    /// Standard input. It stays as it is: no flag of it is changed.
    ///
    /// # Errors
    ///
    /// It is closed, a directory, or not open for reading.
    pub fn stdin() -> io::Result<Self> {
        Self::of(Fd::Standard(rustix::stdio::stdin()))
    }

    /// A file, the reading end of a pipe, or a socket.
    ///
    /// # Errors
    ///
    /// It is a directory, or not open for reading.
    pub fn from_fd(fd: impl Into<OwnedFd>) -> io::Result<Self> {
        Self::of(Fd::Owned(fd.into()))
    }

    fn of(fd: Fd) -> io::Result<Self> {
        Ok(Self::to(Source::Open(OpenFile::to_read(fd)?)))
    }

    fn to(source: Source) -> Self {
        Self { source, end_check: None }
    }

    pub(crate) fn given(given: Given) -> Self {
        Self::to(Source::Program(given))
    }

    /// Its end counts only if `ask` says so: the input may be a command's output, and its exit status says whether that is
    /// whole. `ask` is called after the end, and again when `fd` has become readable, until it answers. If that takes more
    /// than 10 s (1 s as long as the peer has not ended its side), the input counts as whole.
    #[must_use]
    pub fn whole_if(
        mut self,
        fd: impl Into<OwnedFd>,
        ask: impl FnMut() -> Option<io::Result<()>> + Send + 'static,
    ) -> Self {
        let check = EndCheck { ask: Box::new(ask), since: None, is_over: false };
        self.end_check = Some((check, fd.into()));
        self
    }

    /// What a failure of it is a failure of.
    #[doc(hidden)]
    pub fn failing_end(&self) -> LocalEnd {
        match &self.end_check {
            Some((EndCheck { since: Some(_), .. }, _)) => LocalEnd::Command,
            _ => LocalEnd::Input,
        }
    }

    /// How long a wait may last before the input counts as whole. `None`: for ever.
    #[doc(hidden)]
    pub fn end_check_left(&mut self, peer_has_ended: bool) -> Option<Duration> {
        let (check, _) = self.end_check.as_mut()?;
        let left = check.left(peer_has_ended);
        if left == Some(Duration::ZERO) {
            self.set_ready();
        }
        left
    }

    pub(crate) fn from_file(file: File) -> io::Result<Self> {
        Self::from_fd(file)
    }

    /// Whether it may be read now.
    #[doc(hidden)]
    pub fn is_ready(&self) -> bool {
        match &self.source {
            Source::Open(file) => file.is_ready(),
            // Once it has ended, only what says whether it was whole is asked.
            Source::Program(given) => given.is_ready() || self.has_ended(),
        }
    }

    fn has_ended(&self) -> bool {
        matches!(&self.end_check, Some((EndCheck { since: Some(_), .. }, _)))
    }

    /// `poll` has said that it may be read.
    #[doc(hidden)]
    pub fn set_ready(&mut self) {
        if let Source::Open(file) = &mut self.source {
            file.set_ready();
        }
    }

    /// What to wait for until it may be read.
    #[doc(hidden)]
    pub fn watch(&self) -> Watch<'_> {
        match (&self.source, &self.end_check) {
            (Source::Open(file), Some((EndCheck { since: Some(_), .. }, fd))) if !file.is_ready() => {
                Watch::new(fd.as_fd(), true, false)
            }
            (Source::Open(file), _) => file.watch(true, false),
            (Source::Program(_), Some((EndCheck { since: Some(_), .. }, fd))) => {
                Watch::new(fd.as_fd(), true, false)
            }
            (Source::Program(given), _) => given.watch(),
        }
    }

    /// What it is for a direct way.
    #[doc(hidden)]
    pub fn lane(&self) -> Lane<'_> {
        match &self.source {
            Source::Open(file) => Lane::of(file.kind(), file.as_fd()),
            Source::Program(_) => Lane::none(),
        }
    }

    /// A direct way has taken what there was: only `poll` knows when a stream has more.
    #[doc(hidden)]
    pub fn set_blocked(&mut self) {
        if let Source::Open(file) = &mut self.source
            && file.kind().is_stream()
        {
            file.set_blocked();
        }
    }

    /// A direct way has come to its end: what [`read`](Self::read) says there, without reading.
    #[doc(hidden)]
    pub fn end(&mut self) -> io::Result<usize> {
        let Some((check, _)) = &mut self.end_check else { return Ok(0) };
        let end = check.end();
        if let (Err(_), Source::Open(file)) = (&end, &mut self.source) {
            file.set_blocked();
        }
        end
    }

    /// Reads; only when ready. `WouldBlock`: it was not ready after all.
    #[doc(hidden)]
    pub fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let result = if self.has_ended() { Ok(0) } else { self.read_source(buffer) };
        if matches!(result, Ok(0)) { self.end() } else { result }
    }

    fn read_source(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.source {
            Source::Program(given) => given.read(buffer),
            Source::Open(file) => file.read(buffer),
        }
    }
}

/// Where the received bytes go.
pub struct Output {
    pub(crate) sink: Sink,
    /// A reader that wants no more is no failure.
    pub(crate) may_refuse: bool,
    /// Called before the descriptor is closed although the peer has not ended.
    pub(crate) on_cut: Option<Box<dyn FnOnce() + Send>>,
    /// It has ended, or was cut.
    pub(crate) settled: bool,
    /// Standard output is closed at its end.
    pub(crate) closes_standard: Option<Closes>,
    /// A file is emptied when the first byte has come.
    pub(crate) empties: bool,
}

pub(crate) enum Sink {
    Open(OpenFile),
    Program(Taken),
    Null,
    /// Its reader has gone, which is no failure: every write is refused.
    Refused,
    /// Ended: closed by us, after the peer's EOF.
    Ended,
}

impl Output {
    /// Standard output. It stays as it is: no flag of it is changed.
    ///
    /// # Errors
    ///
    /// It is closed, or not open for writing.
    pub fn stdout() -> io::Result<Self> {
        Self::of(Fd::Standard(rustix::stdio::stdout()))
    }

    /// A file, the writing end of a pipe, or a socket. It is closed after the peer's EOF, and a socket's sending side
    /// shut down.
    ///
    /// # Errors
    ///
    /// It is not open for writing.
    pub fn from_fd(fd: impl Into<OwnedFd>) -> io::Result<Self> {
        Self::of(Fd::Owned(fd.into()))
    }

    fn of(fd: Fd) -> io::Result<Self> {
        Ok(Self::to(Sink::Open(OpenFile::to_write(fd)?)))
    }

    pub(crate) fn from_file(file: File) -> io::Result<Self> {
        Self::from_fd(file)
    }

    /// Whether it may be written to now.
    #[doc(hidden)]
    pub fn is_ready(&self) -> bool {
        match &self.sink {
            Sink::Open(file) => file.is_ready(),
            Sink::Program(taken) => taken.is_ready(),
            Sink::Null | Sink::Refused | Sink::Ended => true,
        }
    }

    /// `poll` has said that it may be written to.
    #[doc(hidden)]
    pub fn set_ready(&mut self) {
        if let Sink::Open(file) = &mut self.sink {
            file.set_ready();
        }
    }

    /// What to wait for until it may be written to.
    #[doc(hidden)]
    pub fn watch(&self) -> Watch<'_> {
        match &self.sink {
            Sink::Open(file) => file.watch(false, true),
            Sink::Program(taken) => taken.watch(),
            _ => Watch::none(),
        }
    }

    /// Its reader, which may go while there is nothing to write.
    #[doc(hidden)]
    pub fn watch_reader(&self) -> Watch<'_> {
        match &self.sink {
            Sink::Open(file) if file.has_reader() && !self.settled => Watch::new(file.as_fd(), false, false),
            _ => Watch::none(),
        }
    }

    /// The reader has gone. `None`: it may.
    #[doc(hidden)]
    pub fn reader_has_gone(&mut self) -> Option<io::Error> {
        if !self.may_refuse {
            return Some(Errno::PIPE.into());
        }
        // There is nobody to be cut, and nothing more to watch.
        (self.sink, self.on_cut) = (Sink::Refused, None);
        None
    }

    pub(crate) fn empty(&self) -> io::Result<()> {
        if let Sink::Open(file) = &self.sink { crate::empty_file(file) } else { Ok(()) }
    }

    /// What is closed after us is reset then, and not ended: a socket.
    pub(crate) fn reset_on_close(&self) {
        if let Sink::Open(file) = &self.sink
            && file.kind() == Kind::Socket
        {
            crate::set_reset_on_close(&socket2::SockRef::from(file), true);
        }
    }

    /// After its end, if the wait may be long: whoever reads our standard output sees the end too.
    #[doc(hidden)]
    pub fn let_go(&mut self, a_byte_has_passed: bool) {
        let Sink::Open(file) = &self.sink else { return };
        let lets_go = file.is_standard() && self.is_to_be_let_go(a_byte_has_passed);
        if !(lets_go && matches!(file.kind(), Kind::Pipe | Kind::File | Kind::Device)) {
            return;
        }
        self.sink = Sink::Ended;
        // Where there is no /dev/null, the reader sees the end when we exit.
        if let Ok(null) = rustix::fs::open("/dev/null", OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty()) {
            let _ = rustix::stdio::dup2_stdout(null);
        }
    }

    /// The end of a pipe or file of ours, for whoever reads it. A file is on its disk then.
    ///
    /// # Errors
    ///
    /// The disk does not take what was written: only now some systems say so (NFS, quotas).
    pub(crate) fn end_file(&mut self) -> io::Result<()> {
        let Sink::Open(file) = &self.sink else { return Ok(()) };
        let closes_standard = self.closes_standard.is_some() && file.kind() == Kind::Socket;
        if file.is_standard() && !closes_standard {
            return Ok(());
        }
        let result = match file.kind() {
            // Our input may be the same socket, and then a close of one descriptor tells its other end nothing.
            // A socket that is dead already has nobody to tell.
            Kind::Socket => {
                let _ = rustix::net::shutdown(file, rustix::net::Shutdown::Write);
                Ok(())
            }
            Kind::File => match rustix::fs::fsync(file) {
                // A special file has no disk to be on.
                Err(Errno::INVAL | Errno::ROFS) | Ok(()) => Ok(()),
                Err(error) => Err(error.into()),
            },
            _ => Ok(()),
        };
        self.sink = Sink::Ended;
        result
    }

    /// What it is for a direct way.
    #[doc(hidden)]
    pub fn lane(&self) -> Lane<'_> {
        match &self.sink {
            Sink::Open(file) => Lane::of(file.kind(), file.as_fd()),
            Sink::Null | Sink::Ended => Lane::null(),
            Sink::Program(_) | Sink::Refused => Lane::none(),
        }
    }

    /// It takes nothing now: only `poll` knows when it does.
    #[doc(hidden)]
    pub fn set_blocked(&mut self) {
        if let Sink::Open(file) = &mut self.sink {
            file.set_blocked();
        }
    }

    /// Whether a failed write only says that the reader wants no more.
    #[doc(hidden)]
    pub fn is_refusal(&self, error: &io::Error) -> bool {
        self.may_refuse && error.kind() == io::ErrorKind::BrokenPipe
    }

    /// Writes; only when ready. `WouldBlock`: it was not ready after all.
    #[doc(hidden)]
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.sink {
            Sink::Null | Sink::Ended => Ok(bytes.len()),
            Sink::Refused => Err(Errno::PIPE.into()),
            Sink::Open(file) => file.write(bytes),
            Sink::Program(taken) => taken.write(bytes),
        }
    }
}
