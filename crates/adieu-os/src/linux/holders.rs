//! Which processes hold which sockets, by one pass over `/proc/*/fd`.

use rustix::fs::{Mode, OFlags, RawDir, open, openat, readlinkat_raw};
use rustix::io::Errno;
use std::ffi::CStr;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::{fs, io};

/// A process that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// Its number.
    pub pid: u32,
    /// How many descriptors it has open.
    pub open: u64,
}

/// What was seen of the processes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProcessScan {
    /// Processes whose descriptors this user may not see.
    pub unreadable: u64,
    /// Processes in other network namespaces, whose sockets are in another list.
    pub in_other_networks: u64,
    /// How many other network namespaces those are.
    pub other_networks: u64,
}

/// Calls `each` with every descriptor that is a socket (process, descriptor, inode), and `after` with each process.
///
/// A process that ends meanwhile is not told. Threads that have descriptors of their own (unshare(2), `CLONE_FILES`) are not looked
/// at.
///
/// Source: proc(5), `/proc/pid/fd`, `/proc/pid/ns`.
pub fn socket_holders(
    mut each: impl FnMut(u32, u32, u32),
    mut after: impl FnMut(Process),
) -> io::Result<ProcessScan> {
    let proc = open("/proc", OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    let own = network(&proc, c"self/ns/net");
    let mut networks = std::collections::HashSet::new();
    let mut seen = ProcessScan::default();
    let mut room = vec![MaybeUninit::<u8>::uninit(); 32 << 10];
    for pid in pids()? {
        match descriptors(&proc, pid, &mut room, &mut each) {
            Ok(open) => {
                let name = std::ffi::CString::new(format!("{pid}/ns/net")).unwrap_or_default();
                let network = network(&proc, &name);
                if network.is_some() && network != own {
                    seen.in_other_networks += 1;
                    networks.extend(network);
                }
                after(Process { pid, open });
            }
            Err(Errno::ACCESS | Errno::PERM) => seen.unreadable += 1,
            // It has ended.
            Err(Errno::NOENT | Errno::SRCH) => {}
            Err(error) => return Err(error.into()),
        }
    }
    seen.other_networks = networks.len() as u64;
    Ok(seen)
}

fn pids() -> io::Result<Vec<u32>> {
    let entries = fs::read_dir("/proc")?;
    Ok(entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect())
}

/// Tells the sockets of one process, and returns how many descriptors it has.
fn descriptors(
    proc: &OwnedFd,
    pid: u32,
    room: &mut [MaybeUninit<u8>],
    each: &mut impl FnMut(u32, u32, u32),
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
            each(pid, descriptor, inode);
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
