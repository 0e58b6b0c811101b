//! Unix: signals, descriptors, process groups.

#[cfg(target_os = "linux")]
pub(crate) mod command;
#[cfg(target_os = "linux")]
pub(crate) mod guard;
#[cfg(target_os = "linux")]
mod orphans;
pub(crate) mod signals;
mod standard;
mod streams;

#[cfg(target_os = "linux")]
pub(crate) use orphans::leave_to_another;
pub(crate) use standard::{
    check_standard, stdin_has_bytes, stdin_is_a_file_with_bytes, stdin_is_spent, stdout_file, that_is_file,
};
pub(crate) use streams::{open_for_lines, write_now, write_waiting};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Resource, getrlimit, setrlimit};
use std::io;

/// Whether nobody reads our standard output any more: a pipe or socket whose other end is closed.
///
/// Source: poll(2), POLLERR of a pipe's writing end.
pub(crate) fn stdout_reader_has_gone() -> bool {
    let stdout = rustix::stdio::stdout();
    let mut fds = [PollFd::new(&stdout, PollFlags::empty())];
    // If it cannot be asked, a write will tell.
    poll(&mut fds, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).is_ok()
        && fds[0].revents().intersects(PollFlags::ERR | PollFlags::HUP)
}

/// What writing there says.
pub(crate) fn broken_pipe() -> io::Error {
    rustix::io::Errno::PIPE.into()
}

/// A thousand clients are more descriptors than the usual soft limit.
pub(crate) fn raise_descriptor_limit() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // A refusal leaves the limit that there was, and `accept` will say when it is reached.
    let _ = setrlimit(Resource::Nofile, limit);
}

/// How many descriptors are open where they cannot be listed: a shell's three and a listener's.
const USUALLY_OPEN: usize = 16;

/// What one connection takes of the address space at most, beside its thread's stack: two buffers of 256 KiB.
const BUFFERS: usize = 512 * 1024;

/// What is kept for everything else.
const SPARE: usize = 16 * 1024 * 1024;

/// How many connections there is memory for, each with a thread of this stack. `None`: memory is not limited. Called before
/// there are threads: where it is limited, it makes glibc give them no heaps of their own, which take 64 MiB each.
///
/// Source: setrlimit(2), RLIMIT_AS; mallopt(3), M_ARENA_MAX; proc(5), /proc/pid/statm.
pub(crate) fn memory_suffices_for(stack: usize) -> Option<u32> {
    let limit = usize::try_from(getrlimit(Resource::As).current?).unwrap_or(usize::MAX);
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    #[expect(unsafe_code, reason = "no safe wrapper sets it")]
    // SAFETY: it sets a number of the allocator's, under the allocator's own lock.
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, 1);
    }
    let pages = std::fs::read_to_string("/proc/self/statm").ok();
    let pages: usize = pages.and_then(|text| text.split(' ').next()?.parse().ok()).unwrap_or_default();
    let taken = pages * rustix::param::page_size() + SPARE;
    let number = limit.saturating_sub(taken) / (stack + BUFFERS);
    Some(u32::try_from(number).unwrap_or(u32::MAX).max(1))
}

/// How many more descriptors the limit allows.
///
/// Source: setrlimit(2), RLIMIT_NOFILE; fd(4), /dev/fd, which on Linux leads to /proc/self/fd.
pub(crate) fn free_descriptors() -> usize {
    let limit = getrlimit(Resource::Nofile).current.and_then(|limit| usize::try_from(limit).ok());
    let open = std::fs::read_dir("/dev/fd").map_or(USUALLY_OPEN, Iterator::count);
    limit.unwrap_or(usize::MAX).saturating_sub(open)
}

/// A command line, as the system's shell reads it.
pub(crate) fn shell(line: &str) -> std::process::Command {
    let mut command = std::process::Command::new("/bin/sh");
    command.arg("-c").arg(line);
    command
}
