//! A wait that another thread, or a signal handler, can end: a pipe.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// Readable from the moment it is woken, for good: a byte that nobody takes out.
pub struct Waker {
    reader: OwnedFd,
    writer: OwnedFd,
}

impl Waker {
    /// One that nobody has woken.
    ///
    /// # Errors
    ///
    /// The system has no descriptors left.
    pub fn new() -> io::Result<Self> {
        let (reader, writer) = io::pipe()?;
        Ok(Self { reader: reader.into(), writer: writer.into() })
    }

    /// Makes it readable.
    pub fn wake(&self) {
        // The pipe is empty, and its reading end lives as long as we do: it takes a byte.
        let _ = rustix::io::write(&self.writer, &[1]);
    }

    /// What a signal handler writes a byte to, to wake it.
    ///
    /// # Errors
    ///
    /// The system has no descriptors left.
    pub fn writer(&self) -> io::Result<OwnedFd> {
        self.writer.try_clone()
    }
}

impl AsFd for Waker {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.reader.as_fd()
    }
}
