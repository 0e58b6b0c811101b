//! How much of the system a process may have: descriptors and memory.

use rustix::process::{Resource, getrlimit, setrlimit};

/// A thousand clients are more descriptors than the usual soft limit.
pub fn raise_descriptor_limit() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // A refusal leaves the limit that there was, and `accept` will say when it is reached.
    let _ = setrlimit(Resource::Nofile, limit);
}

/// How many descriptors are open where they cannot be listed: a shell's three and a listener's.
const USUALLY_OPEN: usize = 16;

/// What is kept for everything else.
const SPARE: usize = 16 * 1024 * 1024;

/// How many threads there is memory for, of which each takes so much with its stack. `None`: memory is not limited. Called
/// before there are threads: where it is limited, it makes glibc give them no heaps of their own, which take 64 MiB each.
///
/// Source: setrlimit(2), RLIMIT_AS; mallopt(3), M_ARENA_MAX; proc(5), /proc/pid/statm.
pub fn memory_suffices_for(each: usize) -> Option<u32> {
    // OpenBSD limits what is for data, which stacks of threads are part of.
    #[cfg(target_os = "openbsd")]
    let resource = Resource::Data;
    #[cfg(not(target_os = "openbsd"))]
    let resource = Resource::As;
    let limit = usize::try_from(getrlimit(resource).current?).unwrap_or(usize::MAX);
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    #[expect(unsafe_code, reason = "no safe wrapper sets it")]
    // SAFETY: it sets a number of the allocator's, under the allocator's own lock.
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, 1);
    }
    let pages = std::fs::read_to_string("/proc/self/statm").ok();
    let pages: usize = pages.and_then(|text| text.split(' ').next()?.parse().ok()).unwrap_or_default();
    let taken = pages * rustix::param::page_size() + SPARE;
    let number = limit.saturating_sub(taken) / each;
    Some(u32::try_from(number).unwrap_or(u32::MAX).max(1))
}

/// How many more descriptors the limit allows.
///
/// Source: setrlimit(2), RLIMIT_NOFILE; fd(4), /dev/fd, which on Linux leads to /proc/self/fd.
pub fn free_descriptors() -> usize {
    let limit = getrlimit(Resource::Nofile).current.and_then(|limit| usize::try_from(limit).ok());
    let open = std::fs::read_dir("/dev/fd").map_or(USUALLY_OPEN, Iterator::count);
    limit.unwrap_or(usize::MAX).saturating_sub(open)
}

/// How many files a process may have open.
pub fn open_files_limit() -> u64 {
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}
