//! A wait that another thread, or a signal handler, can end: a pipe.

use crate::Watch;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

/// Readable from the moment it is woken until it is cleared.
#[derive(Debug)]
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
        // The pipe has room, because each is woken a few times at most between two clears, and its reading end lives as
        // long as we do.
        let _ = rustix::io::write(&self.writer, &[1]);
    }

    /// Takes out what made it readable. Only one thread may do this.
    pub fn clear(&self) {
        let mut watches = [Watch::new(self.reader.as_fd(), true, false)];
        // Only asked, because a read of an empty pipe would block.
        if crate::wait(&mut watches, Some(Duration::ZERO)).is_ok() && watches[0].ready.readable {
            let _ = rustix::io::read(&self.reader, &mut [0; 64]);
        }
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
