//! The system calls that move bytes fastest between two kinds of descriptor, and nothing around them.

use anyhow::Result;
use rustix::fs::sendfile;
use rustix::io::{Errno, retry_on_intr};
use rustix::net::{RecvFlags, recv};
use rustix::pipe::{SpliceFlags, fcntl_setpipe_size, pipe, splice};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// One call moves at most so much: more measured no faster.
pub(crate) const PIECE: usize = 1024 * 1024;

/// A file to a socket or pipe, from the file's offset to its end: no copy.
pub(crate) fn file_to(file: BorrowedFd<'_>, to: impl AsFd) -> Result<u64> {
    repeat(|| sendfile(&to, file, None, PIECE))
}

/// From or to a pipe, directly: no copy. At the pipe's largest size, fewer calls and fewer waits.
pub(crate) fn splice_all(from: impl AsFd, to: impl AsFd) -> Result<u64> {
    repeat(|| splice(&from, None, &to, None, PIECE, SpliceFlags::MOVE))
}

/// As large as a user's pipe may be. A refusal leaves the pipe as it is.
pub(crate) fn enlarge(pipe: impl AsFd) {
    let _ = fcntl_setpipe_size(pipe, PIECE);
}

/// From a socket to anything that is not a pipe, through a pipe of our own: one copy for a file, none for /dev/null.
pub(crate) fn splice_through(from: impl AsFd, to: impl AsFd) -> Result<u64> {
    let (reader, writer): (OwnedFd, OwnedFd) = pipe()?;
    enlarge(&writer);
    repeat(|| {
        let n = splice(&from, None, &writer, None, PIECE, SpliceFlags::MOVE)?;
        let mut left = n;
        while left > 0 {
            left -= retry_on_intr(|| splice(&reader, None, &to, None, left, SpliceFlags::MOVE))?;
        }
        Ok(n)
    })
}

/// Throws away what a TCP socket receives: no copy (MSG_TRUNC, tcp(7)).
pub(crate) fn discard(socket: impl AsFd) -> Result<u64> {
    // Never written to by TCP, so it costs address space only.
    let mut room = vec![0; PIECE];
    repeat(|| recv(&socket, room.as_mut_slice(), RecvFlags::TRUNC).map(|(_, length)| length))
}

/// Calls until a call gives 0, and sums up.
fn repeat(mut call: impl FnMut() -> rustix::io::Result<usize>) -> Result<u64> {
    let mut sum = 0;
    loop {
        match call() {
            Ok(0) => return Ok(sum),
            Ok(n) => sum += n as u64,
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}
