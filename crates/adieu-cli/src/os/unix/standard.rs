//! The standard descriptors as the shell gave them.
//!
//! A standard descriptor that is closed at the start is opened as /dev/null, so that no socket becomes descriptor 1. But then
//! writing there looks like success and the answer is lost, so it is noted which were closed. Both is done when the loader
//! runs the initialisers: before Rust's runtime, which opens /dev/null too and tells nobody.
//!
//! Where there is no /dev/null, as in a container without /dev, the runtime aborts the process. So the root directory is opened
//! there: it takes the descriptor, and can neither be read nor written.

use crate::os::Standard;
use rustix::fs::{Mode, OFlags, open};
use std::io;
use std::os::fd::{BorrowedFd, IntoRawFd};
use std::sync::atomic::{AtomicU8, Ordering};

/// Bit n: descriptor n was closed.
static CLOSED: AtomicU8 = AtomicU8::new(0);

extern "C" fn look() {
    let mut closed = 0;
    // From the lowest on: what is opened takes the lowest that is free.
    for fd in 0..=2 {
        #[expect(unsafe_code, reason = "whether a descriptor is open can only be asked with one")]
        // SAFETY: the borrow is used for F_GETFD only, which is sound for a closed descriptor: it fails.
        let borrowed = unsafe { BorrowedFd::borrow_raw(fd) };
        if rustix::io::fcntl_getfd(borrowed).is_err() {
            closed |= 1 << fd;
            let any = open(c"/dev/null", OFlags::RDWR, Mode::empty())
                .or_else(|_| open(c"/", OFlags::RDONLY | OFlags::DIRECTORY, Mode::empty()));
            // It stays open. Without it, the next file or socket that is opened would become a standard descriptor.
            if !any.is_ok_and(|any| any.into_raw_fd() == fd) {
                std::process::abort();
            }
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
    let fd = match which {
        Standard::Input => rustix::stdio::raw_stdin(),
        Standard::Output => rustix::stdio::raw_stdout(),
    };
    if CLOSED.load(Ordering::Relaxed) & 1 << fd == 0 { Ok(()) } else { Err(rustix::io::Errno::BADF.into()) }
}
