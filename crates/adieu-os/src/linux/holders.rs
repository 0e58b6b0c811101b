//! Which processes hold which sockets, by one pass over `/proc/*/fd`.

use rustix::fs::{Mode, OFlags, RawDir, open, openat, readlinkat_raw};
use rustix::io::Errno;
use std::collections::{HashMap, HashSet};
use std::ffi::{CStr, CString};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{fs, io, thread};

/// A descriptor of a process that is a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeldSocket {
    /// The socket's inode.
    pub inode: u32,
    /// The process.
    pub pid: u32,
    /// Its descriptor.
    pub descriptor: u32,
}

/// What was seen of the processes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProcessScan {
    /// Every descriptor that is a socket.
    pub held: Vec<HeldSocket>,
    /// How many descriptors each process has open.
    open: HashMap<u32, u64>,
    /// Processes whose descriptors this user may not see.
    pub unreadable: u64,
    /// Processes in other network namespaces, whose sockets are in another list.
    pub in_other_networks: u64,
    /// How many other network namespaces those are.
    pub other_networks: u64,
}

impl ProcessScan {
    /// How many descriptors a process has open. 0: it has ended, or this user may not see them.
    pub fn open_of(&self, pid: u32) -> u64 {
        self.open.get(&pid).copied().unwrap_or_default()
    }
}

/// Looks at every process's descriptors, on each core: the kernel makes an inode of its own for each that is looked at.
///
/// A process that ends meanwhile is not told. Threads that have descriptors of their own (unshare(2), `CLONE_FILES`) are not looked
/// at.
///
/// Source: proc(5), `/proc/pid/fd`, `/proc/pid/ns`.
pub fn socket_holders() -> io::Result<ProcessScan> {
    let proc = open("/proc", OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    let own = network(&proc, c"self/ns/net");
    let pids = pids()?;
    let next = AtomicUsize::new(0);
    let work = || -> io::Result<(ProcessScan, HashSet<Vec<u8>>)> {
        let mut scan = ProcessScan::default();
        let mut networks = HashSet::new();
        let mut room = vec![MaybeUninit::<u8>::uninit(); 32 << 10];
        while let Some(pid) = pids.get(next.fetch_add(1, Ordering::Relaxed)) {
            match descriptors(&proc, *pid, &mut room, &mut scan.held) {
                Ok(open) => {
                    scan.open.insert(*pid, open);
                    let name = CString::new(format!("{pid}/ns/net")).unwrap_or_default();
                    let network = network(&proc, &name);
                    if network.is_some() && network != own {
                        scan.in_other_networks += 1;
                        networks.extend(network);
                    }
                }
                Err(Errno::ACCESS | Errno::PERM) => scan.unreadable += 1,
                // It has ended.
                Err(Errno::NOENT | Errno::SRCH) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok((scan, networks))
    };
    let cores = thread::available_parallelism().map_or(1, usize::from).min(MAX_THREADS);
    // Where no more threads can be started, fewer do the work.
    let parts: Vec<_> = thread::scope(|scope| {
        let working: Vec<_> =
            (1..cores).map_while(|_| thread::Builder::new().spawn_scoped(scope, work).ok()).collect();
        let ours = work();
        let theirs = working.into_iter().map(|one| one.join().unwrap_or_else(|panic| resume_unwind(panic)));
        std::iter::once(ours).chain(theirs).collect()
    });
    let mut all = ProcessScan::default();
    let mut networks = HashSet::new();
    for part in parts {
        let (scan, others) = part?;
        all.held.extend(scan.held);
        all.open.extend(scan.open);
        all.unreadable += scan.unreadable;
        all.in_other_networks += scan.in_other_networks;
        networks.extend(others);
    }
    all.other_networks = networks.len() as u64;
    Ok(all)
}

/// More would wait for each other's locks in the kernel.
const MAX_THREADS: usize = 8;

fn pids() -> io::Result<Vec<u32>> {
    let entries = fs::read_dir("/proc")?;
    Ok(entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect())
}

/// Tells the sockets of one process, and returns how many descriptors it has.
fn descriptors(
    proc: &OwnedFd,
    pid: u32,
    room: &mut [MaybeUninit<u8>],
    held: &mut Vec<HeldSocket>,
) -> rustix::io::Result<u64> {
    let folder = openat(proc, format!("{pid}/fd"), OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    let mut count = 0;
    let mut entries = RawDir::new(&folder, room);
    while let Some(entry) = entries.next() {
        let entry = entry?;
        let name = entry.file_name();
        let Some(descriptor) = number(name.to_bytes()) else { continue };
        count += 1;
        let mut target = [MaybeUninit::uninit(); 48];
        // It may be closed by now.
        let Ok((target, _)) = readlinkat_raw(&folder, name, &mut target) else { continue };
        if let Some(inode) = target.strip_prefix(b"socket:[").and_then(|rest| rest.strip_suffix(b"]"))
            && let Some(inode) = number(inode)
        {
            held.push(HeldSocket { inode, pid, descriptor });
        }
    }
    Ok(count)
}

fn number(digits: &[u8]) -> Option<u32> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// The network namespace that a link of `/proc` names.
fn network(proc: impl AsFd, name: &CStr) -> Option<Vec<u8>> {
    let mut target = [MaybeUninit::uninit(); 48];
    readlinkat_raw(proc, name, &mut target).ok().map(|(target, _)| target.to_vec())
}

/// The name that a process has (`/proc/PID/comm`), which it can choose itself. `None`: it has ended.
pub fn process_name(pid: u32) -> Option<String> {
    let name = fs::read(format!("/proc/{pid}/comm")).ok()?;
    Some(String::from_utf8_lossy(name.strip_suffix(b"\n").unwrap_or(&name)).into_owned())
}

/// How many descriptors a process may have open. `None`: unlimited, it has ended, or this user may not know.
///
/// Source: proc(5), `/proc/pid/limits`; setrlimit(2), RLIMIT_NOFILE.
pub fn descriptor_limit_of(pid: u32) -> Option<u64> {
    let limits = fs::read_to_string(format!("/proc/{pid}/limits")).ok()?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}
