//! Open files that others may share with us, and how each is read and written without blocking for long.
//!
//! A descriptor that was given to us may be shared with other processes (a shell's terminal, a pipe's other
//! holder), and O_NONBLOCK belongs to the open file, not to the descriptor: setting it here would leave it set
//! there. So it is never set. What can block is asked with `poll` first, and written to in pieces that a pipe
//! takes whole, or through an open file of our own.

use crate::Watch;
use rustix::fs::{FileType, Mode, OFlags, SeekFrom};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

/// A descriptor of ours, or a standard one that stays open after us.
#[derive(Debug)]
pub(super) enum Fd {
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
pub(crate) enum Kind {
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
    pub(super) const fn is_stream(self) -> bool {
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
    cfg!(evidence = "linux") && stat.st_rdev == rustix::fs::makedev(major, minor)
}

/// The descriptor must be open for what it is to be used for; found out before anything is sent.
fn check_access(fd: BorrowedFd<'_>, unwanted: OFlags) -> io::Result<()> {
    let mode = rustix::fs::fcntl_getfl(fd)? & OFlags::ACCMODE;
    if mode == unwanted { Err(Errno::BADF.into()) } else { Ok(()) }
}

/// The same pipe or terminal opened anew, as a non-blocking open file that nobody shares.
#[derive(Debug)]
enum Own {
    NotTried,
    Impossible,
    Open(OwnedFd),
}

/// An open file of any kind, for reading or for writing.
#[derive(Debug)]
pub struct OpenFile {
    fd: Fd,
    kind: Kind,
    /// A call will not block, as far as is known.
    ready: bool,
    own: Own,
}

impl OpenFile {
    /// One that is written to, and left as it is when this is dropped.
    ///
    /// # Errors
    ///
    /// It is not open for writing, or it is a directory.
    pub fn for_writing(file: File) -> io::Result<Self> {
        Self::to_write(Fd::Owned(file.into()))
    }

    pub(super) fn to_read(fd: Fd) -> io::Result<Self> {
        Self::new(fd, OFlags::WRONLY)
    }

    pub(super) fn to_write(fd: Fd) -> io::Result<Self> {
        Self::new(fd, OFlags::RDONLY)
    }

    fn new(fd: Fd, unwanted: OFlags) -> io::Result<Self> {
        check_access(fd.as_fd(), unwanted)?;
        let kind = kind_of(fd.as_fd())?;
        Ok(Self { fd, kind, ready: !kind.is_stream(), own: Own::NotTried })
    }

    pub(super) fn kind(&self) -> Kind {
        self.kind
    }

    /// Whether it is a standard descriptor, which stays open after us.
    pub(super) fn is_standard(&self) -> bool {
        matches!(self.fd, Fd::Standard(_))
    }

    /// Whether its reader may go while there is nothing to write.
    pub(super) fn has_reader(&self) -> bool {
        matches!(self.kind, Kind::Pipe | Kind::Socket | Kind::Terminal)
    }

    /// Whether a call will not block, as far as is known.
    pub fn is_ready(&self) -> bool {
        self.ready
    }

    /// `poll` has said that a call will not block.
    pub fn set_ready(&mut self) {
        self.ready = true;
    }

    /// It has nothing, or takes nothing, now: only `poll` knows when that changes.
    pub(super) fn set_blocked(&mut self) {
        self.ready = false;
    }

    /// What to wait for until it may be written to.
    pub fn watch_room(&self) -> Watch<'_> {
        self.watch(false, true)
    }

    /// What to wait for until a call will not block. Nothing, if none would.
    pub(super) fn watch(&self, readable: bool, writable: bool) -> Watch<'_> {
        if self.ready { Watch::none() } else { Watch::new(self.fd.as_fd(), readable, writable) }
    }

    /// Reads; only when ready. `WouldBlock`: it was not ready after all.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let fd = self.fd.as_fd();
        let result = retry(|| match self.kind {
            Kind::Socket => rustix::net::recv(fd, &mut *buffer, RecvFlags::DONTWAIT).map(|(n, _)| n),
            _ => rustix::io::read(fd, &mut *buffer),
        });
        // A stream that gave something may be empty now: only `poll` knows without blocking.
        self.ready = !self.kind.is_stream() && (self.kind != Kind::Socket || result.is_ok());
        if self.kind == Kind::Terminal && result == Ok(0) {
            // A terminal that has hung up reads as ended too, but nobody has typed an end.
            rustix::termios::tcgetattr(fd)?;
        }
        Ok(result?)
    }

    /// Writes; only when ready. `WouldBlock`: it was not ready after all.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let fd = self.fd.as_fd();
        if self.kind.is_stream() && bytes.len() > ATOMIC_WRITE && matches!(self.own, Own::NotTried) {
            self.own = open_anew(fd).map_or(Own::Impossible, Own::Open);
        }
        let (result, may_go_on) = match (self.kind, &self.own) {
            (Kind::Socket, _) => {
                let flags = SendFlags::DONTWAIT | NO_SIGNAL;
                (retry(|| rustix::net::send(fd, bytes, flags)), true)
            }
            (Kind::Pipe | Kind::Terminal | Kind::Device, Own::Open(own)) => {
                (retry(|| rustix::io::write(own, bytes)), true)
            }
            (Kind::Pipe | Kind::Terminal | Kind::Device, _) => {
                let piece = &bytes[..bytes.len().min(ATOMIC_WRITE)];
                (retry(|| rustix::io::write(fd, piece)), false)
            }
            _ => (retry(|| rustix::io::write(fd, bytes)), true),
        };
        self.ready = may_go_on && result.is_ok();
        match result {
            Ok(0) => Err(io::ErrorKind::WriteZero.into()),
            other => Ok(other?),
        }
    }
}

impl AsFd for OpenFile {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// A socket whose reader has gone tells it by an error.
#[cfg(not(target_vendor = "apple"))]
const NO_SIGNAL: SendFlags = SendFlags::NOSIGNAL;
/// Without the flag it is a signal, which Rust's runtime ignores.
#[cfg(target_vendor = "apple")]
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
    if cfg!(not(evidence = "linux")) {
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

/// Takes away what a file had before us: what was written through the same open file stays. Whatever is no regular file has
/// nothing to be taken away.
pub fn empty_file(file: impl AsFd) -> io::Result<()> {
    let is_file = FileType::from_raw_mode(rustix::fs::fstat(&file)?.st_mode) == FileType::RegularFile;
    if is_file && rustix::fs::seek(&file, SeekFrom::Current(0))? == 0 {
        rustix::fs::ftruncate(&file, 0)?;
    }
    Ok(())
}
