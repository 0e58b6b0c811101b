//! Writing lines without waiting, to what others share with us.
//!
//! O_NONBLOCK belongs to the open file, which the shell and other processes have too, so it is not set.
//!
//! | what it is | how |
//! | --- | --- |
//! | a file | `write`: it waits for a disk at most |
//! | a pipe | `pwritev2` with RWF_NOWAIT (Linux, from 6.4 on for pipes) |
//! | a socket | `send` with MSG_DONTWAIT |
//! | a terminal, or what the kernel refuses above | an open file of our own through /proc/self/fd, with O_NONBLOCK (Linux) |
//!
//! What has no such way is left to a thread that may wait: it looks to the caller as if it would block.
//!
//! Source: pwritev2(2), send(2), proc_pid_fd(5).

use crate::LinesTo;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::FileType;
use rustix::io::{Errno, retry_on_intr};
use rustix::net::SendFlags;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

impl AsFd for LinesTo<'_> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            LinesTo::Stderr => rustix::stdio::stderr(),
            LinesTo::File(file) => file.as_fd(),
        }
    }
}

/// Writes what takes no waiting, at least a byte. `WouldBlock`: it would wait, or nobody can tell.
pub fn write_now(to: LinesTo<'_>, bytes: &[u8]) -> io::Result<usize> {
    let fd = to.as_fd();
    let kind = FileType::from_raw_mode(rustix::fs::fstat(fd)?.st_mode);
    let written = match kind {
        FileType::RegularFile | FileType::BlockDevice => retry_on_intr(|| rustix::io::write(fd, bytes)),
        FileType::Socket => {
            #[cfg(target_os = "macos")]
            let flags = SendFlags::DONTWAIT;
            #[cfg(not(target_os = "macos"))]
            let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
            retry_on_intr(|| rustix::net::send(fd, bytes, flags))
        }
        _ => without_waiting(to, bytes),
    };
    match written {
        Ok(0) => Err(io::ErrorKind::WriteZero.into()),
        other => Ok(other?),
    }
}

#[cfg(target_os = "linux")]
fn without_waiting(to: LinesTo<'_>, bytes: &[u8]) -> rustix::io::Result<usize> {
    use rustix::io::{ReadWriteFlags, pwritev2};
    use std::sync::OnceLock;

    /// Where stderr leads, opened anew. `None`: it cannot be.
    static OWN: OnceLock<Option<File>> = OnceLock::new();

    // Where it stands, and not at an offset.
    const HERE: u64 = u64::MAX;
    let vector = [io::IoSlice::new(bytes)];
    match retry_on_intr(|| pwritev2(to.as_fd(), &vector, HERE, ReadWriteFlags::NOWAIT)) {
        // A kernel or a driver that does not know it, and what forbids the call.
        Err(Errno::OPNOTSUPP | Errno::INVAL | Errno::NOSYS | Errno::PERM | Errno::SPIPE) => {}
        other => return other,
    }
    if !matches!(to, LinesTo::Stderr) {
        return Err(Errno::WOULDBLOCK);
    }
    let open = || {
        let flags = libc::O_NONBLOCK | libc::O_NOCTTY;
        File::options().write(true).custom_flags(flags).open("/proc/self/fd/2").ok()
    };
    let Some(own) = OWN.get_or_init(open) else { return Err(Errno::WOULDBLOCK) };
    retry_on_intr(|| rustix::io::write(own, bytes))
}

/// Nothing there is sure not to wait.
#[cfg(not(target_os = "linux"))]
fn without_waiting(_: LinesTo<'_>, _: &[u8]) -> rustix::io::Result<usize> {
    Err(Errno::WOULDBLOCK)
}

/// Writes all, however long it takes.
pub fn write_waiting(to: LinesTo<'_>, mut bytes: &[u8]) -> io::Result<()> {
    let fd = to.as_fd();
    while !bytes.is_empty() {
        match rustix::io::write(fd, bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(n) => bytes = &bytes[n..],
            Err(Errno::INTR) => {}
            // Somebody else has made it non-blocking.
            Err(Errno::WOULDBLOCK) => {
                retry_on_intr(|| poll(&mut [PollFd::from_borrowed_fd(fd, PollFlags::OUT)], None))?;
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Opens a file for our lines, anew or to go on at its end. `None`: a FIFO that nobody reads yet, which would be waited for.
pub fn open_for_lines(path: &Path, append: bool) -> io::Result<Option<File>> {
    let kind = rustix::fs::stat(path).map(|there| FileType::from_raw_mode(there.st_mode));
    let mut options = File::options();
    match kind {
        Ok(FileType::Fifo) => match options.write(true).custom_flags(libc::O_NONBLOCK).open(path) {
            Err(error) if error.raw_os_error() == Some(libc::ENXIO) => Ok(None),
            // The thread that writes to it can wait by `poll`.
            other => other.map(Some),
        },
        Ok(FileType::CharacterDevice) => {
            options.write(true).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY).open(path).map(Some)
        }
        _ if append => options.append(true).create(true).open(path).map(Some),
        _ => File::create(path).map(Some),
    }
}
