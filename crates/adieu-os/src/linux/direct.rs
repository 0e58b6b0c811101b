//! Ways from one descriptor to another on which no byte passes through this program.
//!
//! | from | to | way | a byte costs |
//! | --- | --- | --- | --- |
//! | a file | a socket | `sendfile` | one copy |
//! | a pipe | a socket | `splice` | no copy |
//! | a socket | a pipe | `splice` | no copy |
//! | a socket | a file, a socket | `splice` through a pipe of ours | one copy, or none |
//! | a socket (TCP) | nowhere | `recv` with MSG_TRUNC | no copy |
//!
//! A direct way never decides that an end has ended, or that there is nothing: `splice` says 0 and EAGAIN for more reasons
//! than that (an urgent byte stops it, and EAGAIN does not say which side). It says [`Passed::Nothing`], and the end is
//! asked in its own way.

use crate::unix::open_file::Kind;
use crate::{HandedOn, Passed, Watch};
use rustix::io::{Errno, retry_on_intr};
use rustix::pipe::{PipeFlags, SpliceFlags, splice};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

/// How much one call moves at most: enough that the call costs nothing beside the bytes, little enough that the other
/// direction is not kept waiting. A pipe is made to hold as much.
const PIECE: usize = 1024 * 1024;

/// A pipe of ours that should hold as much, and holds less, is not worth having.
const LEAST_PIPE: usize = 64 * 1024;

/// What an end is, for a direct way.
#[derive(Debug, Clone, Copy)]
pub enum Lane<'a> {
    /// Always ready.
    File(BorrowedFd<'a>),
    /// A pipe.
    Pipe(BorrowedFd<'a>),
    /// A stream socket.
    Socket {
        /// It.
        fd: BorrowedFd<'a>,
        /// It is TCP.
        is_tcp: bool,
    },
    /// Whatever comes is thrown away.
    Null,
    /// There is no direct way from it or to it.
    None,
}

impl<'a> Lane<'a> {
    /// A connection's socket.
    pub fn socket(fd: BorrowedFd<'a>, is_tcp: bool) -> Self {
        Self::Socket { fd, is_tcp }
    }

    /// What takes everything, and goes nowhere.
    pub fn null() -> Self {
        Self::Null
    }

    /// There is no direct way.
    pub fn none() -> Self {
        Self::None
    }

    /// One of our own ends.
    pub(crate) fn of(kind: Kind, fd: BorrowedFd<'a>) -> Self {
        match kind {
            Kind::File => Self::File(fd),
            Kind::Pipe => Self::Pipe(fd),
            Kind::Null => Self::Null,
            _ => Self::None,
        }
    }
}

/// A direct way between two ends.
#[derive(Debug)]
pub enum Direct {
    /// From a file into a socket.
    SendFile,
    /// From a pipe into a socket.
    FromPipe,
    /// From a socket into a pipe.
    IntoPipe,
    /// From a socket through a pipe of ours.
    Through(Pipe),
    /// From a socket to nowhere.
    /// What is asked for is as long as this memory, which is never touched.
    Discard(Vec<u8>),
}

/// A pipe of ours between two ends.
#[derive(Debug)]
pub struct Pipe {
    reader: OwnedFd,
    writer: OwnedFd,
    capacity: usize,
    held: usize,
    /// It took nothing although it is not full of bytes: it may be out of slots.
    may_be_full: bool,
    /// The sink takes no splice: what is held goes through the buffer, and then this way is left.
    refused: bool,
}

impl Direct {
    /// The way between these two. If it needs a pipe of ours, that holds at most `hold` bytes. `None`: there is none.
    pub fn between(source: Lane<'_>, sink: Lane<'_>, hold: usize) -> Option<Self> {
        match (source, sink) {
            (Lane::File(_), Lane::Socket { .. }) => Some(Self::SendFile),
            (Lane::Pipe(pipe), Lane::Socket { .. }) => {
                enlarge(pipe);
                Some(Self::FromPipe)
            }
            (Lane::Socket { .. }, Lane::Pipe(pipe)) => {
                enlarge(pipe);
                Some(Self::IntoPipe)
            }
            (Lane::Socket { .. }, Lane::File(_) | Lane::Socket { .. }) => {
                Pipe::new(hold).map(Self::Through).ok()
            }
            (Lane::Socket { is_tcp: true, .. }, Lane::Null) => {
                Some(Self::Discard(Vec::with_capacity(4 * PIECE)))
            }
            _ => None,
        }
    }

    /// Whether every call goes from end to end. Otherwise bytes are held between the two.
    pub fn is_straight(&self) -> bool {
        !matches!(self, Self::Through(_))
    }

    /// How many bytes it holds.
    pub fn held(&self) -> usize {
        if let Self::Through(pipe) = self { pipe.held } else { 0 }
    }

    /// Whether it may take more from the source, as far as it knows by itself.
    pub fn has_room(&self) -> bool {
        match self {
            Self::Through(pipe) => pipe.held < pipe.capacity && !pipe.may_be_full && !pipe.refused,
            _ => true,
        }
    }

    /// Moves at most one piece out of the source.
    pub fn take(&mut self, source: Lane<'_>, sink: Lane<'_>) -> Passed {
        match (self, source, sink) {
            (Self::SendFile, Lane::File(file), Lane::Socket { fd, .. }) => {
                match retry_on_intr(|| rustix::fs::sendfile(fd, file, None, PIECE)) {
                    // A file always has something.
                    Err(Errno::AGAIN) => Passed::SinkBlocked,
                    result => sent(result),
                }
            }
            (Self::FromPipe, Lane::Pipe(pipe), Lane::Socket { fd, .. }) => {
                match retry_on_intr(|| move_bytes(pipe, fd, PIECE)) {
                    // It does not say which side, and the pipe can be asked.
                    Err(Errno::AGAIN) if rustix::io::ioctl_fionread(pipe).is_ok_and(|n| n > 0) => {
                        Passed::SinkBlocked
                    }
                    Err(Errno::AGAIN) => Passed::SourceBlocked,
                    result => sent(result),
                }
            }
            (Self::IntoPipe, Lane::Socket { fd, .. }, Lane::Pipe(pipe)) => {
                match move_bytes(fd, pipe, PIECE) {
                    Err(Errno::AGAIN) if !is_writable_now(pipe) => Passed::SinkBlocked,
                    result => received(result, PIECE),
                }
            }
            (Self::Through(pipe), Lane::Socket { fd, .. }, _) => pipe.fill(fd),
            (Self::Discard(nowhere), Lane::Socket { fd, .. }, _) => {
                let asked = nowhere.capacity();
                let flags = rustix::net::RecvFlags::TRUNC;
                match rustix::net::recv(fd, nowhere.spare_capacity_mut(), flags) {
                    Ok((_, n)) if n > 0 => Passed::Bytes { n, all: n == asked },
                    Ok(_) | Err(Errno::AGAIN | Errno::INTR) => Passed::Nothing,
                    Err(error) => Passed::SourceFailed(error.into()),
                }
            }
            _ => Passed::Refused,
        }
    }

    /// Hands on to the sink what is held. `None`: nothing is.
    pub fn hand_on(&mut self, sink: Lane<'_>) -> Option<HandedOn> {
        match self {
            Self::Through(pipe) if pipe.held > 0 => Some(pipe.empty(sink)),
            _ => None,
        }
    }

    /// Puts what is held into a buffer, which is empty, because the sink takes nothing in this way. Returns how much it was;
    /// once nothing more is held, this way is to be left.
    pub fn spill(&mut self, room: &mut [u8]) -> usize {
        let Self::Through(pipe) = self else { return 0 };
        let n = rustix::io::read(&pipe.reader, room).unwrap_or(0).min(pipe.held);
        pipe.held -= n;
        n
    }
}

impl Pipe {
    /// A pipe that holds at most so many bytes.
    ///
    /// Beyond the system's limit for all pipes of a user, a new one holds a page or two. That is slower than a buffer, so then
    /// there is none.
    fn new(hold: usize) -> io::Result<Self> {
        let (reader, writer) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
        let hold = hold.min(PIECE);
        if rustix::pipe::fcntl_getpipe_size(&writer)? != hold {
            let _ = rustix::pipe::fcntl_setpipe_size(&writer, hold);
        }
        let capacity = rustix::pipe::fcntl_getpipe_size(&writer)?.min(hold);
        if capacity < hold.min(LEAST_PIPE) {
            return Err(io::ErrorKind::QuotaExceeded.into());
        }
        Ok(Self { reader, writer, capacity, held: 0, may_be_full: false, refused: false })
    }

    fn fill(&mut self, socket: BorrowedFd<'_>) -> Passed {
        let room = self.capacity - self.held;
        match received(move_bytes(socket, self.writer.as_fd(), room), room) {
            Passed::Bytes { n, all } => {
                self.held += n;
                Passed::Bytes { n, all }
            }
            // Whatever else it is, what is held came before it.
            Passed::Nothing | Passed::Refused if self.held > 0 => {
                self.may_be_full = true;
                Passed::SourceBlocked
            }
            passed => passed,
        }
    }

    fn empty(&mut self, sink: Lane<'_>) -> HandedOn {
        if self.refused {
            return HandedOn::Refused;
        }
        let (fd, flags) = match sink {
            Lane::Socket { fd, .. } => (fd, SpliceFlags::MOVE | SpliceFlags::NONBLOCK),
            Lane::File(fd) | Lane::Pipe(fd) => (fd, SpliceFlags::MOVE),
            Lane::Null | Lane::None => return self.refuse(),
        };
        match retry_on_intr(|| splice(&self.reader, None, fd, None, self.held, flags)) {
            Ok(n) if n > 0 => {
                self.held -= n;
                self.may_be_full = false;
                HandedOn::Bytes(n)
            }
            Err(Errno::AGAIN) if matches!(sink, Lane::Socket { .. }) => HandedOn::SinkBlocked,
            Err(error) if matches!(sink, Lane::Socket { .. }) && is_of_socket(error) => {
                HandedOn::SinkFailed(error.into())
            }
            // A file that takes no splice (O_APPEND), or that fails: the portable way will tell which.
            _ => self.refuse(),
        }
    }

    fn refuse(&mut self) -> HandedOn {
        self.refused = true;
        HandedOn::Refused
    }
}

fn move_bytes(from: BorrowedFd<'_>, to: BorrowedFd<'_>, most: usize) -> rustix::io::Result<usize> {
    splice(from, None, to, None, most, SpliceFlags::NONBLOCK | SpliceFlags::MOVE)
}

/// What a call into a socket came to, if it is not EAGAIN.
fn sent(result: rustix::io::Result<usize>) -> Passed {
    match result {
        Ok(0) => Passed::Nothing,
        Ok(n) => Passed::Bytes { n, all: n == PIECE },
        // A send tells them once, so they cannot be asked for again.
        Err(error) if is_of_socket(error) => Passed::SinkFailed(error.into()),
        Err(_) => Passed::Refused,
    }
}

/// What a call out of a socket came to.
fn received(result: rustix::io::Result<usize>, asked: usize) -> Passed {
    match result {
        Ok(n) if n > 0 => Passed::Bytes { n, all: n == asked },
        Ok(_) | Err(Errno::AGAIN | Errno::INTR) => Passed::Nothing,
        // A reset is told once. (The sink's EPIPE is told again by a write, if anything comes for it.)
        Err(error @ (Errno::CONNRESET | Errno::TIMEDOUT | Errno::HOSTUNREACH)) => {
            Passed::SourceFailed(error.into())
        }
        Err(_) => Passed::Refused,
    }
}

fn is_of_socket(error: Errno) -> bool {
    matches!(error, Errno::PIPE | Errno::CONNRESET | Errno::TIMEDOUT | Errno::HOSTUNREACH)
}

/// Makes a pipe hold a [`PIECE`]: its writer seldom waits for its reader, and one call moves more. It stays as it is where
/// the system's limit for the user is reached.
fn enlarge(pipe: BorrowedFd<'_>) {
    if rustix::pipe::fcntl_getpipe_size(pipe).is_ok_and(|size| size < PIECE) {
        let _ = rustix::pipe::fcntl_setpipe_size(pipe, PIECE);
    }
}

/// Whether `poll` says that it takes something.
fn is_writable_now(fd: BorrowedFd<'_>) -> bool {
    let mut watches = [Watch::new(fd, false, true)];
    // A failure says nothing, and then a write will tell.
    crate::wait(&mut watches, Some(Duration::ZERO)).is_err() || watches[0].ready.any
}
