//! Streams of our own that may be silent, or take nothing: `poll` says when they are ready.
//!
//! O_NONBLOCK is never set: it would be set for all who share the open file.

use crate::transport::Transport;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use std::fs::File;
use std::io::{self, Read, Write};
use std::time::Duration;

/// A pipe or device that is read to its end.
#[derive(Debug)]
pub(crate) struct Input(File);

impl Input {
    /// Our standard input.
    pub(crate) fn stdin() -> io::Result<Self> {
        Ok(Self(rustix::io::dup(rustix::stdio::stdin())?.into()))
    }

    /// # Errors
    ///
    /// None here; elsewhere it takes a thread.
    #[expect(clippy::unnecessary_wraps, reason = "elsewhere it can fail")]
    pub(crate) fn new(file: File) -> io::Result<Self> {
        Ok(Self(file))
    }

    /// Whether a read does not wait.
    pub(crate) fn is_ready(&mut self) -> bool {
        // What poll cannot wait for, it calls ready.
        poll(&mut [PollFd::new(&self.0, PollFlags::IN)], Some(&Timespec::default())).is_ok_and(|n| n > 0)
    }

    /// Waits until a read does not wait or the peer has something to say, at most so long.
    pub(crate) fn wait<T: Transport>(&mut self, link: &T, limit: Duration) -> io::Result<()> {
        let watched = link.watched();
        let mut fds = vec![PollFd::new(&self.0, PollFlags::IN)];
        fds.extend(watched.iter().map(|fd| PollFd::from_borrowed_fd(*fd, PollFlags::IN)));
        let limit = Timespec::try_from(limit).ok();
        match poll(&mut fds, limit.as_ref()) {
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

impl Read for Input {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

/// Writes all of it and tells `written` of each piece. While nobody takes it, `alive` is called now and then, and says
/// whether to go on.
///
/// # Errors
///
/// `TimedOut`: it is not to go on.
pub(crate) fn write_through(
    mut file: &File,
    mut bytes: &[u8],
    alive: &mut dyn FnMut() -> bool,
    written: &mut dyn FnMut(&[u8]),
) -> io::Result<()> {
    // A pipe that poll calls writable takes so much without blocking (PIPE_BUF, pipe(7)).
    const PIECE: usize = 4096;
    const WAIT: Timespec = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };
    let is_file = file.metadata().is_ok_and(|m| m.is_file());
    while !bytes.is_empty() {
        let ready = poll(&mut [PollFd::new(&file, PollFlags::OUT)], Some(&WAIT));
        if matches!(ready, Ok(0) | Err(Errno::INTR)) {
            if alive() {
                continue;
            }
            return Err(io::ErrorKind::TimedOut.into());
        }
        let most = if is_file { bytes.len() } else { bytes.len().min(PIECE) };
        match file.write(&bytes[..most]) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(n) => {
                written(&bytes[..n]);
                bytes = &bytes[n..];
            }
            // Somebody else has filled it, or set it not to block.
            Err(error) if matches!(error.kind(), io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
