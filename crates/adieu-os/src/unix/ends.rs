//! Our own two ends: where the bytes to send come from, and where the received bytes go.
//!
//! A descriptor that was given to us may be shared with other processes (a shell's terminal, a pipe's other
//! holder), and O_NONBLOCK belongs to the open file, not to the descriptor: setting it here would leave it set
//! there. So it is never set. What can block is asked with `poll` first, and written to in pieces that a pipe
//! takes whole, or through an open file of our own.

use crate::both_ends::{Closes, EndCheck};
use crate::{Lane, Watch};
use adieu_proto::LocalEnd;
use rustix::fs::{FileType, Mode, OFlags};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::time::Duration;

/// A descriptor of ours, or a standard one that stays open after us.
pub(crate) enum Fd {
    Owned(OwnedFd),
    Standard(BorrowedFd<'static>),
}

impl AsFd for Fd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Owned(fd) => fd.as_fd(),
            Self::Standard(fd) => *fd,
        }
    }
}

/// How a descriptor can be moved to and from without blocking for long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A file, or a block device: always ready.
    File,
    /// A character device that is none of the others, or a descriptor of the kernel's own (an eventfd, a timerfd, an
    /// inotify instance): ready when `poll` says so.
    Device,
    /// Nothing, or /dev/null.
    Null,
    /// A pipe: ready when `poll` says so.
    Pipe,
    /// A terminal: ready when `poll` says so.
    Terminal,
    /// A socket: non-blocking call by call.
    Socket,
}

impl Kind {
    /// Whether only `poll` knows when it is ready.
    const fn is_stream(self) -> bool {
        matches!(self, Self::Pipe | Self::Terminal | Self::Device)
    }
}

/// A pipe or terminal that `poll` calls writable takes so much without blocking (PIPE_BUF, pipe(7)).
const ATOMIC_WRITE: usize = 4096;

fn kind_of(fd: BorrowedFd<'_>) -> io::Result<Kind> {
    let stat = rustix::fs::fstat(fd)?;
    Ok(match FileType::from_raw_mode(stat.st_mode) {
        FileType::Fifo => Kind::Pipe,
        FileType::Socket => Kind::Socket,
        FileType::CharacterDevice if rustix::termios::isatty(fd) => Kind::Terminal,
        FileType::CharacterDevice if is_device(&stat, 1, 3) => Kind::Null,
        FileType::Directory => return Err(Errno::ISDIR.into()),
        FileType::RegularFile | FileType::BlockDevice => Kind::File,
        _ => Kind::Device,
    })
}

/// Source: the kernel's list of devices: 1:3 is /dev/null, 5:2 is /dev/ptmx.
fn is_device(stat: &rustix::fs::Stat, major: u32, minor: u32) -> bool {
    cfg!(target_os = "linux") && stat.st_rdev == rustix::fs::makedev(major, minor)
}

/// The descriptor must be open for what it is to be used for; found out before anything is sent.
fn check_access(fd: BorrowedFd<'_>, unwanted: OFlags) -> io::Result<()> {
    let mode = rustix::fs::fcntl_getfl(fd)? & OFlags::ACCMODE;
    if mode == unwanted { Err(Errno::BADF.into()) } else { Ok(()) }
}

/// Where the bytes to send come from.
pub struct Input {
    source: Source,
    /// What says whether it is whole, and the descriptor that becomes readable when that is known.
    end_check: Option<(EndCheck, OwnedFd)>,
}

enum Source {
    Fd { fd: Fd, kind: Kind, ready: bool },
    Bytes { bytes: Vec<u8>, taken: usize },
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
        check_access(fd.as_fd(), OFlags::WRONLY)?;
        let kind = kind_of(fd.as_fd())?;
        Ok(Self::to(Source::Fd { fd, kind, ready: !kind.is_stream() }))
    }

    fn to(source: Source) -> Self {
        Self { source, end_check: None }
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
    pub fn failing_end(&self) -> LocalEnd {
        match &self.end_check {
            Some((EndCheck { since: Some(_), .. }, _)) => LocalEnd::Command,
            _ => LocalEnd::Input,
        }
    }

    /// How long a wait may last before the input counts as whole. `None`: for ever.
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

    /// Bytes in memory.
    pub fn from_bytes(bytes: impl Into<Vec<u8>>) -> Self {
        Self::to(Source::Bytes { bytes: bytes.into(), taken: 0 })
    }

    /// Whether it may be read now.
    pub fn is_ready(&self) -> bool {
        match &self.source {
            Source::Fd { ready, .. } => *ready,
            Source::Bytes { .. } => true,
        }
    }

    /// `poll` has said that it may be read.
    pub fn set_ready(&mut self) {
        if let Source::Fd { ready, .. } = &mut self.source {
            *ready = true;
        }
    }

    /// What to wait for until it may be read.
    pub fn watch(&self) -> Watch<'_> {
        match (&self.source, &self.end_check) {
            (Source::Fd { ready: false, .. }, Some((EndCheck { since: Some(_), .. }, fd))) => {
                Watch::new(fd.as_fd(), true, false)
            }
            (Source::Fd { fd, ready: false, .. }, _) => Watch::new(fd.as_fd(), true, false),
            _ => Watch::none(),
        }
    }

    /// What it is for a direct way.
    pub fn lane(&self) -> Lane<'_> {
        match &self.source {
            Source::Fd { fd, kind, .. } => Lane::of(*kind, fd.as_fd()),
            Source::Bytes { .. } => Lane::none(),
        }
    }

    /// A direct way has taken what there was: only `poll` knows when a stream has more.
    pub fn set_blocked(&mut self) {
        if let Source::Fd { kind, ready, .. } = &mut self.source {
            *ready = !kind.is_stream();
        }
    }

    /// A direct way has come to its end: what [`read`](Self::read) says there, without reading.
    pub fn end(&mut self) -> io::Result<usize> {
        let Some((check, _)) = &mut self.end_check else { return Ok(0) };
        let end = check.end();
        if let (Err(_), Source::Fd { ready, .. }) = (&end, &mut self.source) {
            *ready = false;
        }
        end
    }

    /// Reads; only when ready. `WouldBlock`: it was not ready after all.
    pub fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let has_ended = matches!(&self.end_check, Some((EndCheck { since: Some(_), .. }, _)));
        let result = if has_ended { Ok(0) } else { self.read_source(buffer) };
        if matches!(result, Ok(0)) { self.end() } else { result }
    }

    fn read_source(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.source {
            Source::Bytes { bytes, taken } => {
                let n = buffer.len().min(bytes.len() - *taken);
                buffer[..n].copy_from_slice(&bytes[*taken..*taken + n]);
                *taken += n;
                Ok(n)
            }
            Source::Fd { fd, kind, ready } => {
                let result = rustix::io::retry_on_intr(|| match kind {
                    Kind::Socket => {
                        rustix::net::recv(&*fd, &mut *buffer, RecvFlags::DONTWAIT).map(|(n, _)| n)
                    }
                    _ => rustix::io::read(&*fd, &mut *buffer),
                });
                // A stream that gave something may be empty now: only `poll` knows without blocking.
                *ready = !kind.is_stream() && (*kind != Kind::Socket || result.is_ok());
                if *kind == Kind::Terminal && result == Ok(0) {
                    // A terminal that has hung up reads as ended too, but nobody has typed an end.
                    rustix::termios::tcgetattr(&*fd)?;
                }
                Ok(result?)
            }
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
    Fd {
        fd: Fd,
        kind: Kind,
        ready: bool,
        /// The same pipe or terminal opened anew, as a non-blocking open file that nobody shares.
        own: Own,
    },
    Null,
    /// Its reader has gone, which is no failure: every write is refused.
    Refused,
    /// Ended: closed by us, after the peer's EOF.
    Ended,
}

pub(crate) enum Own {
    NotTried,
    Impossible,
    Open(OwnedFd),
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
        check_access(fd.as_fd(), OFlags::RDONLY)?;
        let kind = kind_of(fd.as_fd())?;
        let sink = Sink::Fd { fd, kind, ready: !kind.is_stream(), own: Own::NotTried };
        Ok(Self::to(sink))
    }

    pub(crate) fn from_file(file: File) -> io::Result<Self> {
        Self::from_fd(file)
    }

    /// Whether it may be written to now.
    pub fn is_ready(&self) -> bool {
        match &self.sink {
            Sink::Fd { ready, .. } => *ready,
            Sink::Null | Sink::Refused | Sink::Ended => true,
        }
    }

    /// `poll` has said that it may be written to.
    pub fn set_ready(&mut self) {
        if let Sink::Fd { ready, .. } = &mut self.sink {
            *ready = true;
        }
    }

    /// What to wait for until it may be written to.
    pub fn watch(&self) -> Watch<'_> {
        match &self.sink {
            Sink::Fd { fd, ready: false, .. } => Watch::new(fd.as_fd(), false, true),
            _ => Watch::none(),
        }
    }

    /// Its reader, which may go while there is nothing to write.
    pub fn watch_reader(&self) -> Watch<'_> {
        match &self.sink {
            Sink::Fd { fd, kind: Kind::Pipe | Kind::Socket | Kind::Terminal, .. } if !self.settled => {
                Watch::new(fd.as_fd(), false, false)
            }
            _ => Watch::none(),
        }
    }

    /// The reader has gone. `None`: it may.
    pub fn reader_has_gone(&mut self) -> Option<io::Error> {
        if !self.may_refuse {
            return Some(Errno::PIPE.into());
        }
        // There is nobody to be cut, and nothing more to watch.
        (self.sink, self.on_cut) = (Sink::Refused, None);
        None
    }

    pub(crate) fn empty(&self) -> io::Result<()> {
        let Sink::Fd { fd, kind: Kind::File, .. } = &self.sink else { return Ok(()) };
        match FileType::from_raw_mode(rustix::fs::fstat(fd)?.st_mode) {
            FileType::RegularFile => Ok(rustix::fs::ftruncate(fd, 0)?),
            _ => Ok(()),
        }
    }

    /// What is closed after us is reset then, and not ended: a socket.
    pub(crate) fn reset_on_close(&self) {
        if let Sink::Fd { fd, kind: Kind::Socket, .. } = &self.sink {
            crate::set_reset_on_close(&socket2::SockRef::from(fd), true);
        }
    }

    /// After its end, if the wait may be long: whoever reads our standard output sees the end too.
    pub fn let_go(&mut self, a_byte_has_passed: bool) {
        let Sink::Fd { fd: Fd::Standard(_), kind, .. } = &self.sink else { return };
        let lets_go = self.is_to_be_let_go(a_byte_has_passed);
        if !(lets_go && matches!(kind, Kind::Pipe | Kind::File | Kind::Device)) {
            return;
        }
        self.sink = Sink::Ended;
        // Where there is no /dev/null, the reader sees the end when we exit.
        if let Ok(null) = rustix::fs::open("/dev/null", OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty()) {
            let _ = rustix::stdio::dup2_stdout(null);
        }
    }

    /// The peer has ended: so does a pipe or file of ours, for whoever reads it. A file is on its disk then.
    ///
    /// # Errors
    ///
    /// The disk does not take what was written: only now some systems say so (NFS, quotas).
    pub fn end(&mut self) -> io::Result<()> {
        (self.on_cut, self.settled) = (None, true);
        let (fd, kind) = match &self.sink {
            Sink::Fd { fd: fd @ Fd::Owned(_), kind, .. } => (fd, *kind),
            Sink::Fd { fd, kind: kind @ Kind::Socket, .. } if self.closes_standard.is_some() => (fd, *kind),
            _ => return Ok(()),
        };
        let result = match kind {
            // Our input may be the same socket, and then a close of one descriptor tells its other end nothing.
            // A socket that is dead already has nobody to tell.
            Kind::Socket => {
                let _ = rustix::net::shutdown(fd, rustix::net::Shutdown::Write);
                Ok(())
            }
            Kind::File => match rustix::fs::fsync(fd) {
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
    pub fn lane(&self) -> Lane<'_> {
        match &self.sink {
            Sink::Fd { fd, kind, .. } => Lane::of(*kind, fd.as_fd()),
            Sink::Null | Sink::Ended => Lane::null(),
            Sink::Refused => Lane::none(),
        }
    }

    /// It takes nothing now: only `poll` knows when it does.
    pub fn set_blocked(&mut self) {
        if let Sink::Fd { ready, .. } = &mut self.sink {
            *ready = false;
        }
    }

    /// Whether a failed write only says that the reader wants no more.
    pub fn is_refusal(&self, error: &io::Error) -> bool {
        self.may_refuse && Errno::from_io_error(error) == Some(Errno::PIPE)
    }

    /// Writes; only when ready. `WouldBlock`: it was not ready after all.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.sink {
            Sink::Null | Sink::Ended => Ok(bytes.len()),
            Sink::Refused => Err(Errno::PIPE.into()),
            Sink::Fd { fd, kind, ready, own } => {
                if kind.is_stream() && bytes.len() > ATOMIC_WRITE && matches!(own, Own::NotTried) {
                    *own = open_anew(fd.as_fd()).map_or(Own::Impossible, Own::Open);
                }
                let (result, may_go_on) = match (kind, &*own) {
                    (Kind::Socket, _) => {
                        let flags = SendFlags::DONTWAIT | NO_SIGNAL;
                        (retry(|| rustix::net::send(&*fd, bytes, flags)), true)
                    }
                    (Kind::Pipe | Kind::Terminal | Kind::Device, Own::Open(own)) => {
                        (retry(|| rustix::io::write(own, bytes)), true)
                    }
                    (Kind::Pipe | Kind::Terminal | Kind::Device, _) => {
                        let piece = &bytes[..bytes.len().min(ATOMIC_WRITE)];
                        (retry(|| rustix::io::write(&*fd, piece)), false)
                    }
                    _ => (retry(|| rustix::io::write(&*fd, bytes)), true),
                };
                *ready = may_go_on && result.is_ok();
                match result {
                    Ok(0) => Err(io::ErrorKind::WriteZero.into()),
                    other => Ok(other?),
                }
            }
        }
    }
}

/// A socket whose reader has gone tells it by an error.
#[cfg(target_os = "linux")]
const NO_SIGNAL: SendFlags = SendFlags::NOSIGNAL;
/// Without the flag it is a signal, which Rust's runtime ignores.
#[cfg(not(target_os = "linux"))]
const NO_SIGNAL: SendFlags = SendFlags::empty();

fn retry(call: impl FnMut() -> rustix::io::Result<usize>) -> rustix::io::Result<usize> {
    rustix::io::retry_on_intr(call)
}

/// Opens what a descriptor leads to once more, non-blocking, as an open file of our own.
///
/// Source: proc(5), /proc/pid/fd: opening it for a pipe or a terminal gives a new open file.
///
/// # Errors
///
/// There is no /proc, or the pipe belongs to another user.
fn open_anew(fd: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    if cfg!(not(target_os = "linux")) {
        // Elsewhere /dev/fd/N is a dup, which shares the flag.
        return Err(io::ErrorKind::Unsupported.into());
    }
    let stat = rustix::fs::fstat(fd)?;
    if FileType::from_raw_mode(stat.st_mode) == FileType::CharacterDevice
        && (!rustix::termios::isatty(fd) || is_device(&stat, 5, 2))
    {
        // Opening a device may do something else than the first time: /dev/ptmx makes a new terminal.
        return Err(io::ErrorKind::Unsupported.into());
    }
    let path = format!("/proc/self/fd/{}", fd.as_raw_fd());
    let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
    Ok(rustix::fs::open(path, flags, Mode::empty())?)
}
