//! What is known of our standard descriptors without reading or writing them.
//!
//! Whether one was closed when the program began is not told here: only the program itself can look before its runtime does.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::fs::File;
use std::io::{self, IsTerminal};
use std::os::fd::AsFd;
use std::path::Path;

/// Standard output as a file of its own, which stays as it is: no flag of it is changed.
pub fn stdout_file() -> io::Result<File> {
    Ok(File::from(io::stdout().as_fd().try_clone_to_owned()?))
}

/// Whether stdin has bytes that only the first who reads them gets: a file that is not at its end, a disk.
pub fn stdin_is_a_file_with_bytes() -> bool {
    use rustix::fs::{FileType, SeekFrom, fstat, seek};
    let Ok(about) = fstat(io::stdin()) else { return false };
    match FileType::from_raw_mode(about.st_mode) {
        FileType::RegularFile => seek(io::stdin(), SeekFrom::Current(0))
            .is_ok_and(|at| i64::try_from(at).is_ok_and(|at| at < about.st_size)),
        FileType::BlockDevice => true,
        _ => false,
    }
}

/// Whether stdin has bytes that nobody has read yet.
pub fn stdin_has_bytes() -> bool {
    rustix::io::ioctl_fionread(io::stdin()).is_ok_and(|bytes| bytes > 0)
}

/// Whether stdin will give no byte any more, to nobody. A terminal may, after its end.
pub fn stdin_is_spent() -> bool {
    use rustix::net::{RecvFlags, recv};
    let stdin = io::stdin();
    let mut fds = [PollFd::new(&stdin, PollFlags::IN)];
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    if stdin.is_terminal() || poll(&mut fds, Some(&now)).is_err() {
        return false;
    }
    let ready = fds[0].revents();
    if !ready.contains(PollFlags::IN) {
        return ready.contains(PollFlags::HUP);
    }
    // A socket is readable at its end. What is none refuses.
    recv(&stdin, &mut [0; 1][..], RecvFlags::PEEK | RecvFlags::DONTWAIT).is_ok_and(|(n, _)| n == 0)
}

/// Which of stdin and stdout is this regular file, so that creating it anew would empty what is read, or written.
pub fn that_is_file(path: &Path) -> Option<&'static str> {
    use rustix::fs::{FileType, Stat, fstat, stat};
    // A file that cannot be looked at is none that we have open, or creating it will say why.
    let file = stat(path).ok()?;
    if FileType::from_raw_mode(file.st_mode) != FileType::RegularFile {
        return None;
    }
    let is_it = |other: Stat| (other.st_dev, other.st_ino) == (file.st_dev, file.st_ino);
    if fstat(io::stdin()).is_ok_and(is_it) {
        Some("stdin")
    } else if fstat(io::stdout()).is_ok_and(is_it) {
        Some("stdout")
    } else {
        None
    }
}

/// Whether nobody reads our standard output any more: a pipe or socket whose other end is closed.
///
/// Source: poll(2), POLLERR of a pipe's writing end.
pub fn stdout_reader_has_gone() -> bool {
    let stdout = rustix::stdio::stdout();
    let mut fds = [PollFd::new(&stdout, PollFlags::empty())];
    // If it cannot be asked, a write will tell.
    poll(&mut fds, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).is_ok()
        && fds[0].revents().intersects(PollFlags::ERR | PollFlags::HUP)
}

/// What writing there says.
pub fn broken_pipe() -> io::Error {
    rustix::io::Errno::PIPE.into()
}
