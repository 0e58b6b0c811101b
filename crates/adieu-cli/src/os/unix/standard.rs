//! The standard descriptors as the shell gave them.
//!
//! Rust's runtime opens /dev/null for a standard descriptor that is closed, before `main`, so that no socket can
//! become descriptor 1; but then writing there looks like success and the answer is lost. Whether one was closed is
//! noted earlier still, when the loader runs the initialisers.

use crate::os::Standard;
use std::fs::File;
use std::io::{self, IsTerminal};
use std::os::fd::AsFd;
use std::path::Path;
use std::sync::atomic::{AtomicU8, Ordering};

/// Bit n: descriptor n was closed.
static CLOSED: AtomicU8 = AtomicU8::new(0);

extern "C" fn look() {
    let mut closed = 0;
    for (bit, fd) in [(1, rustix::stdio::raw_stdin()), (2, rustix::stdio::raw_stdout())] {
        #[expect(unsafe_code, reason = "whether a descriptor is open can only be asked with one")]
        // SAFETY: the borrow is used for F_GETFD only, which is sound for a closed descriptor: it fails.
        let borrowed = unsafe { std::os::fd::BorrowedFd::borrow_raw(fd) };
        if rustix::io::fcntl_getfd(borrowed).is_err() {
            closed |= bit;
        }
    }
    CLOSED.store(closed, Ordering::Relaxed);
}

#[used]
#[expect(unsafe_code, reason = "only an initialiser runs before Rust's runtime opens /dev/null")]
// SAFETY: an initialiser takes no arguments it needs, runs once, and `look` uses nothing that must be set up.
#[cfg_attr(target_os = "macos", unsafe(link_section = "__DATA,__mod_init_func"))]
#[cfg_attr(not(target_os = "macos"), unsafe(link_section = ".init_array"))]
static LOOK: extern "C" fn() = look;

/// Fails if it was closed when we started.
pub(crate) fn check_standard(which: Standard) -> io::Result<()> {
    let bit = match which {
        Standard::Input => 1,
        Standard::Output => 2,
    };
    if CLOSED.load(Ordering::Relaxed) & bit == 0 { Ok(()) } else { Err(rustix::io::Errno::BADF.into()) }
}

/// Standard output as a file of its own, which stays as it is: no flag of it is changed.
pub(crate) fn stdout_file() -> io::Result<File> {
    Ok(File::from(io::stdout().as_fd().try_clone_to_owned()?))
}

/// Whether stdin has bytes that only the first who reads them gets: a file that is not at its end, a disk.
pub(crate) fn stdin_is_a_file_with_bytes() -> bool {
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
pub(crate) fn stdin_has_bytes() -> bool {
    rustix::io::ioctl_fionread(io::stdin()).is_ok_and(|bytes| bytes > 0)
}

/// Whether stdin will give no byte any more, to nobody. A terminal may, after its end.
pub(crate) fn stdin_is_spent() -> bool {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
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
pub(crate) fn that_is_file(path: &Path) -> Option<&'static str> {
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
